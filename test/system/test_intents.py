#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Intents first (law 3): as long as nobody may write to the ledger, no message becomes whole on DR."""

import pathlib
import random
import sys
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.postgres import Psql
from lab.process import wait_until

cases = Cases()
OWNER = "1001"


def deposit(mirror, *names):
    with mirror.store("production").connect(OWNER) as client:
        client.append("INBOX", [(samples.make("text", random.Random(f"intents {name}")).body, [], samples.NOW) for name in names])


def on_dr(mirror):
    with mirror.store("dr").connect(OWNER) as client:
        return client.select("INBOX", examine=True)["exists"]


@cases.add
def no_message_is_whole_before_its_intent_is_committed(mirror):
    """Each message has an APPEND of its own here: the first would be there when the second begins."""
    deposit(mirror, "first")
    mirror.configure()
    mirror.wait_equal(60)
    mirror.wait_settled()
    there = on_dr(mirror)
    ledger = Psql(mirror.lab.postgres, "mirrord")
    ledger.rows("begin")
    ledger.rows("lock table intent in share mode")
    try:
        deposit(mirror, "one", "two", "three")
        wait_until(lambda: ledger.ask("select exists (select 1 from pg_locks where relation = 'intent'::regclass and not granted)") == "t",
                   "the intents to wait", 30.0, 0.05)
        time.sleep(2)
        assert on_dr(mirror) == there, "a message is on DR, and nothing in the ledger tells of it"
    finally:
        ledger.rows("rollback")
        ledger.close()
    mirror.wait_equal(60)
    assert on_dr(mirror) == there + 3


def main():
    with Lab(build_folder(), (OWNER,), fsync=False, relay=True, dr_relay={"hide": ("MULTIAPPEND",)}) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
