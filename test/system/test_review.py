#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What nobody told: every mailbox is reviewed in its turn, turns are spread evenly, what did not change costs next to nothing, and
once a day everything remembered is compared with what is there."""

import collections
import pathlib
import random
import sys
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import wait_until

cases = Cases()
OWNERS = ("1001", "1002", "1003")
# No event, and no poll while the test lasts: only the review is left. A daily compare later, when a case asks for it.
ENGINE = {"review_interval": "3s", "rebuild_interval": "1d", "watch_poll": "1h"}
HOUR = 3600


def commands(mirror, side):
    return collections.Counter(getattr(mirror.lab, side).totals()["totals"])


def reviewed(mirror, times=1):
    """Until every mailbox had so many more turns."""
    ask = lambda: {row[0]: row[1] for row in mirror.lab.postgres.sql("select name, review_due_at from mailbox")}  # noqa: E731
    for _ in range(times):
        before = ask()
        wait_until(lambda: all(ask()[name] != due for name, due in before.items()), "a review of each mailbox", 30.0, 0.1)
    mirror.wait_settled(30)


def flag_on_dr(mirror, word, sign="+"):
    with mirror.store("dr").connect(OWNERS[0]) as client:
        client.select("INBOX")
        client.command(f"STORE 1 {sign}FLAGS ({word})")


@cases.add
def the_first_copy(mirror):
    for owner in OWNERS:
        with mirror.store("production").connect(owner) as client:
            client.append("INBOX", [(samples.make("text", random.Random(f"review {owner} {n}")).body, [], None) for n in range(5)])
    mirror.configure()
    mirror.wait_equal(60)


@cases.add
def a_change_that_no_event_told_arrives_with_the_review(mirror):
    with mirror.store("production").connect(OWNERS[1]) as client:
        client.append("INBOX", [(samples.make("text", random.Random("untold")).body, [], None)])
        client.select("INBOX")
        client.command("STORE 2 +FLAGS (\\Flagged)")
    wait_until(lambda: not mirror.differences([OWNERS[1]]), "both sides to be equal", 30.0, 0.3)


def history(mirror, kind):
    return [row for row in mirror.ctl("mailbox", "history", OWNERS[0])["items"] if row["kind"] == kind]


@cases.add
def what_was_changed_on_dr_by_hand_is_put_right_and_told(mirror):
    flag_on_dr(mirror, "\\Flagged \\Seen")
    wait_until(lambda: not mirror.differences([OWNERS[0]]), "both sides to be equal", 30.0, 0.3)
    row, = history(mirror, "flags.drift_repaired")
    assert (row["folder"], row["source_uid"], row["target_uid"]) == ("INBOX", 1, 1), row
    assert set(row["before"].lower().split()) == {"\\flagged", "\\seen"} and not row["after"], row


@cases.add
def what_was_deleted_on_dr_by_hand_comes_back_once_and_is_told(mirror):
    sent, last = commands(mirror, "dr_relay")["APPEND"], 5
    with mirror.store("dr").connect(OWNERS[0]) as client:
        client.select("INBOX")
        client.command(f"UID STORE {last} +FLAGS (\\Deleted)")
        client.command("EXPUNGE")
    wait_until(lambda: not mirror.differences([OWNERS[0]]), "both sides to be equal", 30.0, 0.3)
    reviewed(mirror, 2)
    assert not mirror.differences([OWNERS[0]]) and commands(mirror, "dr_relay")["APPEND"] == sent + 1
    lost, = history(mirror, "message.lost_on_target")
    assert (lost["folder"], lost["source_uid"], lost["target_uid"]) == ("INBOX", last, last), lost
    again, first = [row for row in history(mirror, "message.copied") if row["source_uid"] == last]
    assert again["target_uid"] > first["target_uid"] == last and again["sha256"] == lost["sha256"] == first["sha256"], (again, lost, first)


@cases.add
def a_mailbox_without_a_change_costs_no_look_into_its_folders(mirror):
    mirror.wait_equal(30)
    reviewed(mirror)
    before = {side: commands(mirror, side) for side in ("relay", "dr_relay")}
    reviewed(mirror, 2)
    for side, counts in before.items():
        made = commands(mirror, side) - counts
        opened = {name: n for name, n in made.items() if name in ("EXAMINE", "SELECT", "FETCH", "UID FETCH", "UID SEARCH")}
        assert made and not opened, (side, made)


@cases.add
def a_wrong_memory_is_put_right_by_the_daily_compare_and_not_before(mirror):
    sql = mirror.lab.postgres.sql
    wrong = "select count(*) from message where flags like '%wrong%'"
    sql("update message set flags = 'wrong'")
    reviewed(mirror, 2)
    assert int(sql(wrong)[0][0]) > 0, "a review without a change asked for every flag"
    appends = commands(mirror, "dr_relay")["APPEND"]
    sql("update mailbox set rebuild_due_at = now()")
    wait_until(lambda: int(sql(wrong)[0][0]) == 0, "the memory to be right again", 30.0, 0.2)
    mirror.wait_equal(30)
    assert commands(mirror, "dr_relay")["APPEND"] == appends, "a message was sent again"
    due = sql("select count(*) from mailbox where rebuild_due_at > now() and rebuild_due_at <= now() + interval '1 day'")
    assert int(due[0][0]) == len(OWNERS), due


@cases.add
def turns_are_spread_evenly(mirror):
    rows = mirror.lab.postgres.sql(f"select extract(epoch from next_turn(id, {4 * HOUR}) - now()) from generate_series(1, 1200) id")
    turns = [float(row[0]) for row in rows]
    assert all(0 < turn <= 4 * HOUR for turn in turns)
    minutes = collections.Counter(int(turn // 600) for turn in turns)  # 24 windows of ten minutes, 50 turns each
    assert all(40 <= minutes[n] <= 60 for n in range(24)), minutes
    again = mirror.lab.postgres.sql(f"select extract(epoch from next_turn(7, {4 * HOUR}) - now())")
    time.sleep(0.2)
    later = mirror.lab.postgres.sql(f"select extract(epoch from next_turn(7, {4 * HOUR}) - now())")
    assert 0 < float(again[0][0]) - float(later[0][0]) < 60 or float(later[0][0]) > 4 * HOUR - 60, (again, later)


@cases.add
def production_was_only_read(mirror):
    mirror.assert_production_untouched()


def main():
    hidden = {"hide": ["NOTIFY", "IDLE"]}
    with Lab(build_folder(), OWNERS, fsync=False, relay=hidden, dr_relay=True) as lab, Mirror(lab, ENGINE) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
