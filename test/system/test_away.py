#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A store that restarts closes connections in the middle of a login. That is no refusal: it is asked again soon, whatever the
pause is for a store that refuses the trusted login."""

import os
import pathlib
import random
import signal
import sys
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import wait_until

cases = Cases()
OWNERS = [str(1001 + n) for n in range(6)]
STRANGERS = [str(1901 + n) for n in range(5)]  # neither server knows them


def deposit(mirror, name):
    for owner in OWNERS:
        with mirror.store("production").connect(owner) as client:
            client.append("INBOX", [(samples.make("text", random.Random(f"{owner} {name}")).body, [], None)])


def drop_sessions(server):
    for pid in server.session_pids():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def store_problem(mirror, name):
    return [row["code"] for row in mirror.status()["problems"] if row["kind"] == "store" and row["object"] == name]


def refused(mirror):
    return {row["object"] for row in mirror.status()["problems"] if row["kind"] == "mailbox" and row["code"] == "MRD-IMAP-011"}


def stores_down(mirror):
    return mirror.try_ctl("events", "--limit", "200", "--type", "store.down")[1].count("store.down")


@cases.add
def the_first_copy(mirror):
    deposit(mirror, "first")
    mirror.configure()
    mirror.wait_equal(60)


def closes_at_login(mirror, side, relay):
    relay.misbehave({"at": "client", "line": r"^\S+ (AUTHENTICATE|LOGIN) ", "close": True})
    drop_sessions(getattr(mirror.lab, side))
    deposit(mirror, f"while {side} is away")
    wait_until(lambda: store_problem(mirror, side), f"{side} to be told", 30.0, 0.1)
    assert store_problem(mirror, side) == ["MRD-IMAP-035"], store_problem(mirror, side)
    relay.misbehave()
    mirror.wait_equal(30)
    assert not store_problem(mirror, side)


@cases.add
def production_that_closes_every_login_is_away_for_a_short_time(mirror):
    closes_at_login(mirror, "production", mirror.lab.relay)


@cases.add
def dr_that_closes_every_login_is_away_for_a_short_time(mirror):
    closes_at_login(mirror, "dr", mirror.lab.dr_relay)


@cases.add
def mailboxes_that_never_get_in_are_not_the_stores_trouble(mirror):
    before = stores_down(mirror)
    mirror.configure(mailboxes=OWNERS + STRANGERS)
    wait_until(lambda: refused(mirror) == set(STRANGERS), "the strangers to be told", 30.0, 0.1)
    # Nobody else logs in meanwhile: the strangers are refused in a row, more of them than make a suspicion.
    for _ in range(3):
        mirror.ctl("resync", "19*")
        time.sleep(1.5)
    assert refused(mirror) == set(STRANGERS)
    assert stores_down(mirror) == before
    deposit(mirror, "beside the strangers")
    wait_until(lambda: not mirror.differences(owners=OWNERS), "the others to be equal", 30.0, 0.3)


def main():
    rules = {"rules": True}
    with Lab(build_folder(), OWNERS, fsync=False, relay=rules, dr_relay=rules) as lab, \
            Mirror(lab, engine={"probe_refused": "300s", "idle_session": "1s"}) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
