# SPDX-License-Identifier: Apache-2.0
"""What the tests share in which servers or lines misbehave by the rules of misbehave.py: one owner's messages, what the relays do
from now on, what mirrord tells of it and what it sent to DR."""

import random
import sys
import time

from lab import samples
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import wait_until

OWNER = "1001"
APPEND = r"^\S+ APPEND "
# In 4 s, with retries from 1 s on, an echo and two polls, each pass sending once or twice; without a pause it were hundreds.
MOST_TRIES = 20


# --- messages ---------------------------------------------------------------------------------------

def body(name, octets=0):
    text = samples.make("text", random.Random(f"wrong {name}")).body
    while len(text) < octets:
        text += b"one line more of a message that takes its time\r\n"
    return text


def deposit(mirror, *names, octets=0, folder="INBOX", side="production", flags=()):
    with mirror.store(side).connect(OWNER) as client:
        client.append(folder, [(body(name, octets), list(flags), samples.NOW) for name in names])


def change(mirror, name, words, folder="INBOX", side="production"):
    """STORE of these words for the message of that name, whatever its size; with \\Deleted it goes."""
    with mirror.store(side).connect(OWNER) as client:
        client.select(folder)
        begin = body(name)
        uids = [uid for uid, row in client.fetch("BODY.PEEK[]").items() if row["BODY[]"].startswith(begin)]
        assert len(uids) == 1, uids
        client.command(f"UID STORE {uids[0]} {words}")
        if "\\Deleted" in words:
            client.command("EXPUNGE")


def expunge(mirror, name, folder="INBOX", side="production"):
    change(mirror, name, "+FLAGS (\\Deleted)", folder, side)


def folders_of(mirror, side):
    with mirror.store(side).connect(OWNER) as client:
        return {name for name, _, _ in client.list()}


def contents(mirror, side, folder="INBOX"):
    """{uid: (body, flags)}, without \\Recent."""
    with mirror.store(side).connect(OWNER) as client:
        client.select(folder, examine=True)
        rows = client.fetch("FLAGS BODY.PEEK[]")
        return {uid: (row["BODY[]"], set(row["FLAGS"]) - {b"\\Recent"}) for uid, row in rows.items()}


def flags_of(mirror, name, side="dr", folder="INBOX"):
    flags, = (flags for text, flags in contents(mirror, side, folder).values() if text == body(name))
    return flags


def on_dr(mirror, folder="INBOX"):
    with mirror.store("dr").connect(OWNER) as client:
        client.select(folder, examine=True)
        return len(client.fetch("FLAGS"))


def state_of(mirror, side, folder="INBOX"):
    with mirror.store(side).connect(OWNER) as client:
        return client.select(folder, examine=True)


def next_uid(mirror, folder="INBOX"):
    """UIDNEXT on DR: unlike the count, it keeps what came and went between two looks."""
    return state_of(mirror, "dr", folder)["uidnext"]


def uidvalidity(mirror, folder, side="dr"):
    return state_of(mirror, side, folder)["uidvalidity"]


# --- what goes wrong --------------------------------------------------------------------------------

def does(relay, *rules):
    """From now on by these rules; those until now must have done something, or the case showed nothing."""
    unused = relay.unused_rules()
    relay.misbehave(*rules)
    assert not unused, f"never met: {unused}"


def dr_does(mirror, *rules):
    does(mirror.lab.dr_relay, *rules)


def production_does(mirror, *rules):
    does(mirror.lab.relay, *rules)


def undisturbed(mirror):
    """Both stores behave, whatever the case before left behind, and are equal."""
    for relay in (mirror.lab.relay, mirror.lab.dr_relay):
        relay.misbehave()
    mirror.wait_equal(60)


def retry_refused(mirror):
    for row in mirror.ctl("quarantine", "list")["items"]:
        mirror.ctl("quarantine", "retry", str(row["id"]), codes=(0, 4))


def accept_altered(mirror):
    """What DR altered stays told until the message goes or a person says that he knows."""
    for row in mirror.ctl("quarantine", "list")["items"]:
        assert row["kind"] in ("altered", "flag"), row
        mirror.ctl("quarantine", "drop", str(row["id"]))
    no_problem_left(mirror)


def well_again(mirror, seconds=60.0):
    production_does(mirror)
    dr_does(mirror)
    retry_refused(mirror)
    mirror.wait_equal(seconds)


# --- what mirrord tells and does --------------------------------------------------------------------

def codes(mirror):
    return {row["code"] for row in mirror.status()["problems"]}


def told(mirror, code):
    wait_until(lambda: code in codes(mirror), f"{code} to be told", 30.0, 0.1)


def no_problem_left(mirror):
    wait_until(lambda: not mirror.status()["problems"], "no problem left", 30.0, 0.2)


def about(mirror, folder):
    """What mirrorctl shows of a folder."""
    row, = (row for row in mirror.ctl("mailbox", "show", OWNER)["folders"] if row["source_name"] == folder)
    return row


def sent(mirror, command):
    """How often DR was sent this command."""
    return mirror.lab.dr_relay.totals()["totals"].get(command, 0)


def appends(mirror):
    return sent(mirror, "APPEND")


def expunges(mirror):
    return sent(mirror, "UID EXPUNGE")


def sent_in(mirror, command, seconds):
    before = sent(mirror, command)
    time.sleep(seconds)
    return sent(mirror, command) - before


def appends_in(mirror, seconds):
    return sent_in(mirror, "APPEND", seconds)


# --- all cases of a test ----------------------------------------------------------------------------

def run(cases, owners):
    """Both stores behind relays with rules. In the end a pass writes nothing."""
    @cases.add
    def after_all_this_a_pass_writes_nothing(mirror):
        mirror.wait_equal(60)
        mirror.quiet_pass()
        mirror.assert_production_untouched()

    with Lab(build_folder(), owners, fsync=False, relay={"rules": True}, dr_relay={"rules": True}) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")
