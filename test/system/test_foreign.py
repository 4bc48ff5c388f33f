#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Messages on DR that did not come from production (S21): kept and listed, or, under the link's policy "remove", taken away: guarded,
recorded, and never one of which only the memory was lost."""

import pathlib
import random
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import wait_until

cases = Cases()
OWNER = "1001"
NO_EXPUNGE = {"at": "client", "line": r" UID EXPUNGE ", "answer": "OK Expunge completed."}


def body(name):
    return samples.make("text", random.Random(f"foreign {name}")).body


def deposit(mirror, side, *names):
    with mirror.store(side).connect(OWNER) as client:
        client.append("INBOX", [(body(name), [], samples.NOW) for name in names])


def on_dr(mirror):
    with mirror.store("dr").connect(OWNER) as client:
        client.select("INBOX", examine=True)
        return sorted(row["BODY[]"] for row in client.fetch("BODY.PEEK[]").values())


def bodies(*names):
    return sorted(body(name) for name in names)


def inbox(mirror):
    found, = [f for f in mirror.ctl("mailbox", "show", OWNER)["folders"] if f["source_name"] == "INBOX"]
    return found


def codes(mirror):
    return [row["code"] for row in mirror.status()["problems"] if row["object"] == OWNER]


def history(mirror, kind):
    return [row for row in mirror.ctl("mailbox", "history", OWNER)["items"] if row["kind"] == kind]


def compare_all(mirror, code=0):
    mirror.ctl("resync", "--all", "--wait", codes=(code,), timeout=60)


@cases.add
def they_are_kept_and_listed(mirror):
    deposit(mirror, "production", "one", "two", "twin")
    mirror.configure()
    mirror.wait_equal(60)
    # One of them is byte for byte one of ours.
    deposit(mirror, "dr", "stranger", "twin")
    compare_all(mirror)
    wait_until(lambda: inbox(mirror)["foreign"] == 2, "two foreign messages", 20.0, 0.2)
    assert on_dr(mirror) == bodies("one", "two", "twin", "stranger", "twin")


@cases.add
def the_policy_remove_takes_them_away_and_nothing_of_ours(mirror):
    mirror.ctl("link", "edit", "dr", "--foreign-policy", "remove")
    compare_all(mirror)
    assert on_dr(mirror) == bodies("one", "two", "twin")
    assert not inbox(mirror)["foreign"]
    rows = history(mirror, "message.foreign_removed")
    assert len(rows) == 2 and all(row["folder"] == "INBOX" and row["target_uid"] for row in rows), rows


@cases.add
def new_ones_go_by_themselves(mirror):
    deposit(mirror, "dr", "another")
    deposit(mirror, "production", "three")
    wait_until(lambda: on_dr(mirror) == bodies("one", "two", "twin", "three"), "what is ours alone", 30.0, 0.2)


@cases.add
def what_dr_keeps_all_the_same_is_told(mirror):
    mirror.lab.dr_relay.misbehave(NO_EXPUNGE)
    deposit(mirror, "dr", "sticky")
    compare_all(mirror, 5)
    assert codes(mirror) == ["MRD-MIR-022"], codes(mirror)
    assert body("sticky") in on_dr(mirror) and inbox(mirror)["foreign"] == 1
    mirror.lab.dr_relay.misbehave()
    wait_until(lambda: body("sticky") not in on_dr(mirror), "it to go", 30.0, 0.2)
    wait_until(lambda: not codes(mirror), "no problem left", 30.0, 0.2)


@cases.add
def more_than_the_guard_lets_go_stay(mirror):
    mirror.ctl("link", "edit", "dr", "--guard-count", "6")
    crowd = [f"crowd {n}" for n in range(8)]
    deposit(mirror, "dr", *crowd)
    compare_all(mirror, 5)
    assert codes(mirror) == ["MRD-MIR-023"], codes(mirror)
    assert on_dr(mirror) == bodies("one", "two", "twin", "three", *crowd)
    mirror.ctl("link", "edit", "dr", "--guard-count", "1000", "--guard-percent", "100")
    compare_all(mirror)
    assert on_dr(mirror) == bodies("one", "two", "twin", "three")
    mirror.wait_equal(60)
    assert not codes(mirror)


@cases.add
def a_message_of_which_the_memory_was_lost_stays(mirror):
    mirror.ctl("suspend", "--reason", "the map is lost", "--wait")
    deposit(mirror, "dr", "the only copy")
    mirror.lab.postgres.sql("delete from message")
    mirror.lab.postgres.sql("update folder set memory = false, source_modseq = 0, target_modseq = 0, source_status = '', target_status = ''")
    mirror.ctl("resume", "--reason", "and on", "--wait", timeout=120)
    mirror.wait_settled(60)
    compare_all(mirror)
    assert on_dr(mirror) == bodies("one", "two", "twin", "three", "the only copy")
    assert inbox(mirror)["unknown"] == 1 and not inbox(mirror)["foreign"], inbox(mirror)
    deposit(mirror, "dr", "a stranger beside it")
    compare_all(mirror)
    assert on_dr(mirror) == bodies("one", "two", "twin", "three", "the only copy")


@cases.add
def production_was_only_read(mirror):
    mirror.assert_production_untouched()


def main():
    with Lab(build_folder(), [OWNER], fsync=False, relay=True, dr_relay={"rules": True}) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
