#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A store that restarts closes connections in the middle of a login. That is no refusal: it is asked again soon, whatever the
pause is for a store that refuses the trusted login."""

import os
import pathlib
import random
import signal
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import wait_until

cases = Cases()
OWNERS = [str(1001 + n) for n in range(6)]


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


@cases.add
def the_first_copy(mirror):
    deposit(mirror, "first")
    mirror.configure()
    mirror.wait_equal(60)


def closes_at_login(mirror, side, relay):
    relay.answer({"AUTHENTICATE": "close", "LOGIN": "close"})
    drop_sessions(getattr(mirror.lab, side))
    deposit(mirror, f"while {side} is away")
    wait_until(lambda: store_problem(mirror, side), f"{side} to be told", 30.0, 0.1)
    assert store_problem(mirror, side) == ["MRD-NET-003"], store_problem(mirror, side)
    relay.answer({})
    mirror.wait_equal(30)
    assert not store_problem(mirror, side)


@cases.add
def production_that_closes_every_login_is_away_for_a_short_time(mirror):
    closes_at_login(mirror, "production", mirror.lab.relay)


@cases.add
def dr_that_closes_every_login_is_away_for_a_short_time(mirror):
    closes_at_login(mirror, "dr", mirror.lab.dr_relay)


def main():
    answers = {"answers": True}
    with Lab(build_folder(), OWNERS, fsync=False, relay=answers, dr_relay=answers) as lab, \
            Mirror(lab, engine={"probe_refused": "300s", "idle_session": "1s"}) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
