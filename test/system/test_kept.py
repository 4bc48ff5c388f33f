#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A DR server that answers OK to UID EXPUNGE and keeps the message: it is told, stays ours, and goes when the server does it."""

import pathlib
import random
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import LabError, wait_until

cases = Cases()
OWNER = "1001"
NO_EXPUNGE = {"at": "client", "line": r" UID EXPUNGE ", "answer": "OK Expunge completed."}


def on_dr(mirror):
    with mirror.store("dr").connect(OWNER) as client:
        client.select("INBOX", examine=True)
        return len(client.fetch("FLAGS"))


def inbox(mirror):
    found, = [f for f in mirror.ctl("mailbox", "show", OWNER)["folders"] if f["source_name"] == "INBOX"]
    return found


def problems(mirror):
    return [row for row in mirror.status()["problems"] if row["object"] == OWNER]


@cases.add
def what_dr_keeps_is_told_and_stays_ours(mirror):
    with mirror.store("production").connect(OWNER) as client:
        client.append("INBOX", [(samples.make("text", random.Random(n)).body, [], samples.NOW) for n in range(3)])
    mirror.configure()
    mirror.wait_equal(60)
    mirror.lab.dr_relay.misbehave(NO_EXPUNGE)
    with mirror.store("production").connect(OWNER) as client:
        client.select("INBOX")
        client.command("STORE 2 +FLAGS (\\Deleted)")
        client.command("EXPUNGE")
    wait_until(lambda: problems(mirror), "a problem of the mailbox", 30.0, 0.2)
    assert problems(mirror)[0]["code"] == "MRD-MIR-022", problems(mirror)
    assert on_dr(mirror) == 3
    assert not inbox(mirror)["foreign"] and not inbox(mirror)["unknown"], inbox(mirror)


@cases.add
def it_goes_when_the_server_does_it(mirror):
    mirror.lab.dr_relay.misbehave()
    mirror.wait_equal(60)
    assert on_dr(mirror) == 2
    wait_until(lambda: not problems(mirror), "no problem left", 30.0, 0.2)


@cases.add
def a_late_copy_that_stays_is_no_foreign_message_and_goes_later(mirror):
    body = samples.make("text", random.Random("late")).body
    mirror.stop()
    mirror.env = {"MIRROR_KILL_POINT": "append.release"}
    with mirror.store("production").connect(OWNER) as client:
        client.append("INBOX", [(body, [], samples.NOW)])
    try:
        mirror.start()
    except LabError:
        pass  # it may meet the point before it ever answers
    wait_until(lambda: not mirror.process.running(), "mirrord to die before the last octet", 30.0, 0.05)
    mirror.env = {}
    mirror.start()
    mirror.wait_equal(60)
    # What the server had kept from the send that died comes to light now.
    mirror.lab.dr_relay.misbehave(NO_EXPUNGE)
    with mirror.store("dr").connect(OWNER) as client:
        client.append("INBOX", [(body, [], samples.NOW)])
    mirror.ctl("resync", "--all")
    wait_until(lambda: [row["code"] for row in problems(mirror)] == ["MRD-MIR-022"], "the copy that stays to be told", 30.0, 0.2)
    assert on_dr(mirror) == 4
    assert not inbox(mirror)["foreign"], inbox(mirror)
    mirror.lab.dr_relay.misbehave()
    mirror.wait_equal(60)
    assert on_dr(mirror) == 3
    kinds = [row["kind"] for row in mirror.ctl("mailbox", "history", OWNER)["items"]]
    assert kinds.count("message.late_copy_removed") == 1, kinds


def main():
    with Lab(build_folder(), [OWNER], fsync=False, relay=True, dr_relay={"rules": True}) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
