#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of the map that are wrong, as after a repair of the database by hand or a page that a disk gave back damaged: verify finds and
names them, and resync puts them right by content; nothing is sent again for it, and no message goes."""

import hashlib
import pathlib
import random
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder, writes_in

cases = Cases()
OWNERS = []
MESSAGES = 8
NOWHERE = 4_000_000


def body(owner, n):
    """The second and the third are of one length: with their dates, nothing but their content tells them apart."""
    text = samples.make("text", random.Random(f"map {owner} {n}")).body
    return text + b"." * (4000 - len(text)) + b"\r\n" if n in (2, 3) else text


def inbox(mirror, side, owner):
    """{uid: body}"""
    with mirror.store(side).connect(owner) as client:
        client.select("INBOX", examine=True)
        return {uid: row["BODY[]"] for uid, row in client.fetch("BODY.PEEK[]").items()}


def of_inbox(owner):
    return ("folder_id = (select f.id from folder f join mailbox b on b.id = f.mailbox_id "
            f"where b.name = '{owner}' and f.source_name = 'INBOX')")


def wrong_rows(mirror, owner):
    """The source UIDs whose row is not what both stores have; a message without a row is one."""
    there, on_dr, good = inbox(mirror, "production", owner), inbox(mirror, "dr", owner), set()
    for source, target, digest in mirror.lab.postgres.sql(
            f"select source_uid, target_uid, encode(source_digest, 'hex') from message where {of_inbox(owner)}"):
        one = there.get(int(source))
        if one and one == on_dr.get(int(target)) and hashlib.sha256(one).hexdigest() == digest:
            good.add(int(source))
    return set(there) - good


def verify(mirror, owner, *words, codes=(0, 5)):
    """The source UIDs that it names."""
    run = mirror.ctl("verify", owner, *words, "--wait", codes=codes)
    assert run["state"] == "done", run
    return {row["source_uid"] for one in run["mailboxes"] for row in one["detail"]["differences"]}


@cases.add
def the_first_copy(mirror):
    for owner in OWNERS:
        with mirror.store("production").connect(owner) as client:
            client.append("INBOX", [(body(owner, n), [], samples.NOW) for n in range(1, MESSAGES + 1)])
    mirror.configure()
    mirror.wait_equal(60)
    for owner in OWNERS:
        assert not wrong_rows(mirror, owner) and not verify(mirror, owner, codes=(0,))


def corrupt(mirror, owner, uids, changes):
    for change in changes:
        mirror.lab.postgres.sql(f"update message set {change} where {of_inbox(owner)} and source_uid in ({','.join(map(str, uids))})")
    assert wrong_rows(mirror, owner) == set(uids)


def resync_heals(mirror, owner):
    assert wrong_rows(mirror, owner), "there is nothing to heal"
    before, sent = inbox(mirror, "dr", owner), writes_in(mirror.lab.dr_relay.totals()["totals"])
    mirror.ctl("resync", owner, "--wait", codes=(0, 5), timeout=60)
    mirror.wait_settled(30)
    after = writes_in(mirror.lab.dr_relay.totals()["totals"])
    for word in ("APPEND", "UID EXPUNGE", "EXPUNGE"):
        assert after.get(word, 0) == sent.get(word, 0), (word, sent, after)
    assert inbox(mirror, "dr", owner) == before
    assert not wrong_rows(mirror, owner), wrong_rows(mirror, owner)
    shown, = [row for row in mirror.ctl("mailbox", "show", owner)["folders"] if row["source_name"] == "INBOX"]
    assert not shown["foreign"] and not shown["unknown"], shown
    assert not verify(mirror, owner, "--deep", codes=(0,))


def owner_of_its_own():
    """For each case: what one leaves behind is none of the next one's."""
    OWNERS.append(f"10{len(OWNERS) + 1:02}")
    return OWNERS[-1]


def found_and_healed(name, uids, *changes):
    """The UIDs are the same on both stores."""
    owner = owner_of_its_own()

    def finds(mirror):
        corrupt(mirror, owner, uids, changes)
        found = verify(mirror, owner) or verify(mirror, owner, "--deep", codes=(5,))
        assert set(uids) <= found, found

    def heals(mirror):
        resync_heals(mirror, owner)

    finds.__name__, heals.__name__ = f"verify_finds_{name}", f"resync_heals_{name}"
    cases.add(finds)
    cases.add(heals)


def healed(name, uids, *changes):
    """Nobody has asked verify."""
    owner = owner_of_its_own()

    def heals(mirror):
        corrupt(mirror, owner, uids, changes)
        resync_heals(mirror, owner)

    heals.__name__ = f"resync_alone_heals_{name}"
    cases.add(heals)


def exchanged(one, other):
    """In two steps: no two rows may have one copy."""
    return (one, other), f"target_uid = target_uid + {NOWHERE}", f"target_uid = {one + other} + {NOWHERE} - target_uid"


# The newest messages are looked at in each complete compare: all of these are older.
found_and_healed("copies_exchanged", *exchanged(1, 4))
found_and_healed("copies_of_one_length_exchanged", *exchanged(2, 3))
found_and_healed("a_copy_that_is_not_there", (1,), f"target_uid = {NOWHERE}")
healed("a_copy_that_is_not_there", (1,), f"target_uid = {NOWHERE}")
found_and_healed("a_digest_of_something_else", (1,), "source_digest = sha256('something else')")


def sizes_that_dr_makes_up_double_nothing(mirror, owner=owner_of_its_own()):
    """verify takes right rows for wrong ones then: their copies are known again by content, whatever DR says of their size."""
    mirror.lab.dr_relay.misbehave({"at": "server", "line": r"RFC822\.SIZE (\d+)", "replace": r"RFC822.SIZE \g<1>7"})
    before, sent = inbox(mirror, "dr", owner), writes_in(mirror.lab.dr_relay.totals()["totals"])
    verify(mirror, owner, "--deep", codes=(5,))
    mirror.ctl("resync", owner, "--wait", codes=(0, 5), timeout=60)
    mirror.wait_settled(30)
    mirror.lab.dr_relay.misbehave()
    after = writes_in(mirror.lab.dr_relay.totals()["totals"])
    assert inbox(mirror, "dr", owner) == before and after.get("APPEND", 0) == sent.get("APPEND", 0), (sent, after)
    assert not wrong_rows(mirror, owner), wrong_rows(mirror, owner)


cases.add(sizes_that_dr_makes_up_double_nothing)


@cases.add
def production_was_only_read(mirror):
    mirror.assert_production_untouched()


def main():
    with Lab(build_folder(), OWNERS, fsync=False, relay=True, dr_relay={"rules": True}) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
