# SPDX-License-Identifier: Apache-2.0
"""What is copied in the bench: voice mailboxes that every tool can carry whole.

Plain folder names, no keywords and no bare line feeds: the peers lose or refuse some of those (test/lab/fill.py makes
them), and a tool that fails on a message would look fast.
"""

import concurrent.futures
import random
import re

from lab import fill, imapwire, samples

FOLDERS = (("INBOX",), ("Saved",), ("Archive",))
_SHARES = (6, 3, 1)
_KINDS = {"voice_ulaw": 45, "voice_alaw": 25, "voice_gsm": 20, "text": 10}


def plan(owners, messages, total_bytes, seed):
    """As lab.fill.plan: {owner: {"folders": {path: [(kind, size)]}, "greetings": [type]}}"""
    rng = random.Random(f"{seed} bench")
    boxes = {owner: {"folders": {path: [] for path in FOLDERS}, "greetings": list(samples.GREETING_TYPES[:3])}
             for owner in owners}
    places = [(owners[number % len(owners)], rng.choices(FOLDERS, _SHARES)[0])
              for number in range(max(0, messages - 3 * len(owners)))]
    kinds = rng.choices(list(_KINDS), list(_KINDS.values()), k=len(places))
    greetings = ["greeting"] * (3 * len(owners))
    for (owner, path), kind, size in zip(places, kinds, fill._sizes(kinds + greetings, total_bytes, rng)):
        boxes[owner]["folders"][path].append((kind, size))
    return boxes


class PlainFiller(fill.Filler):
    """Samples without keywords: mbsync loses them and would be spared the work."""

    def messages_of(self, owner, path, wanted, rng):
        for sample in super().messages_of(owner, path, wanted, rng):
            sample.keywords = ()
            yield sample


def for_each(owners, work, at_once):
    """work(owner) for all, `at_once` at a time; the results by owner."""
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        return dict(zip(owners, pool.map(work, owners)))


def count(store, owners):
    """(messages, bytes) by STATUS."""
    def one(owner):
        client = store.connect(owner)
        _, lines = client.command(b'LIST "" "*" RETURN (STATUS (MESSAGES SIZE))')
        client.logout()
        text = b"".join(line[0] for line in lines)
        return [sum(map(int, re.findall(rb"%s (\d+)" % word, text))) for word in (b"MESSAGES", b"SIZE")]

    found = for_each(owners, one, 4).values()
    return sum(row[0] for row in found), sum(row[1] for row in found)


def read_all(store, owners):
    """{owner: ([(folder path, [(bytes, flags, date)])], [subscribed path])}: all of it in memory."""
    def one(owner):
        client, folders = store.connect(owner), []
        for name, separator, attributes in client.list():
            if "\\Noselect" in attributes:
                continue
            client.select(name, examine=True)
            rows = client.fetch("UID FLAGS INTERNALDATE BODY.PEEK[]")
            folders.append((tuple(name.split(separator)), [
                (row["BODY[]"], [flag.decode() for flag in row["FLAGS"] if flag != b"\\Recent"],
                 row["INTERNALDATE"].decode()) for _, row in sorted(rows.items())]))
        subscribed = [tuple(name.split(separator)) for name, separator, _ in client.lsub()]
        client.logout()
        return folders, subscribed

    return for_each(owners, one, 4)


def change(store, owners, seed):
    """The delta: in every mailbox one deposit, two flag changes and one deletion.  Deposits and deletions balance."""
    def one(owner):
        rng = random.Random(f"{seed} delta {owner}")
        client = store.connect(owner)
        client.select("INBOX")
        uids = sorted(client.fetch("UID"))
        sample = samples.make("voice_ulaw", rng, 60_000)
        client.append("INBOX", [(sample.body, [], imapwire.format_date(sample.when))])
        for uid in rng.sample(uids[1:], min(2, len(uids) - 1)):
            client.command(f"UID STORE {uid} FLAGS.SILENT ({rng.choice(('', chr(92) + 'Seen '))}\\Flagged)")
        if uids:
            client.command(f"UID STORE {uids[0]} +FLAGS.SILENT (\\Deleted)")
            client.command(f"UID EXPUNGE {uids[0]}")
        client.logout()

    for_each(owners, one, 4)
