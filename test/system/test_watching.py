#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How changes are noticed where production has IDLE and no NOTIFY: the IDLE is given anew before its time is over, on the same
connection, with a LIST between two of them; what nobody told is worked at the pass interval; and what a session of before does not
list is found by a new one."""

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
OWNER = "1001"
# No review while the test lasts; an IDLE lives for a second.
ENGINE = {"watch_poll": "1h", "watch_renew": "1s", "review_interval": "1d"}


def commands(mirror):
    return collections.Counter(mirror.lab.relay.totals()["totals"])


def counted(mirror, kind):
    """Production's events of this kind."""
    return int(mirror.lab.postgres.sql(f"select coalesce(sum(count), 0) from store_event where kind = '{kind}'")[0][0])


def start_anew(mirror, **engine):
    """With other settings, until it watches and has looked at what it missed."""
    before = counted(mirror, "gap")
    mirror.restart({**ENGINE, **engine})
    wait_until(lambda: counted(mirror, "gap") > before, "the watcher", 30.0, 0.1)
    mirror.wait_settled(30)


def deposit(mirror, seed):
    with mirror.store("production").connect(OWNER) as client:
        client.append("INBOX", [(samples.make("text", random.Random(seed)).body, [], None)])


@cases.add
def an_idle_is_given_anew_on_the_same_connection(mirror):
    mirror.configure()
    mirror.wait_equal(60)
    start_anew(mirror)  # a session that was there when folders were made gives way to another one
    wait_until(lambda: commands(mirror)["IDLE"] > 0, "IDLE", 20.0, 0.2)
    before = commands(mirror)
    wait_until(lambda: commands(mirror)["IDLE"] >= before["IDLE"] + 3, "three more of them", 30.0, 0.2)
    made = commands(mirror) - before
    assert set(made) <= {"IDLE", "DONE", "LIST"}, made


@cases.add
def what_comes_during_any_of_them_is_told_and_arrives(mirror):
    before = counted(mirror, "deposit")
    for n in range(8):
        deposit(mirror, f"during IDLE {n}")
        time.sleep(0.7)
    mirror.wait_equal(20)
    assert counted(mirror, "deposit") >= before + 4, "the poll between told of most"


@cases.add
def what_nobody_told_is_worked_at_the_pass_interval(mirror):
    sql = mirror.lab.postgres.sql
    pending = lambda: int(sql("select count(*) from dirty")[0][0])  # noqa: E731
    untold = "insert into dirty (mailbox_id, generation, cause) select id, nextval('dirty_generation'), 'untold' from mailbox"
    start_anew(mirror, pass_interval="1h")
    sql(untold)
    time.sleep(4)
    assert pending() == 1, "it was worked before its time"
    start_anew(mirror, pass_interval="1s")
    sql(untold)
    wait_until(lambda: pending() == 0, "the pass", 20.0, 0.1)


@cases.add
def a_folder_made_beside_a_rename_is_found_by_the_looks_that_follow(mirror):
    """Sessions that were open then may never list it (Dovecot 2.3). Only INBOX tells here, and no poll is due: without a look
    with a new session the folder would not come before the review. Two bring one, and this does not tell which: the look that
    follows an event, and those that follow a change of folders (unit_mirror has these alone)."""
    with mirror.store("production").connect(OWNER) as client:
        client.command("CREATE Renamed")
        client.append("Renamed", [(samples.make("text", random.Random("renamed")).body, [], None)])
        deposit(mirror, "tells of the first")
        mirror.wait_equal(30)
        start_anew(mirror, watch_renew="10m")
        deposit(mirror, "a session that stays")
        mirror.wait_equal(30)
        mirror.lab.relay.misbehave({"at": "server", "line": r"^\* (LIST|STATUS) .*Unknown", "drop": True, "old": True})
        client.command("RENAME Renamed After")
        client.command("CREATE Unknown")
        client.append("Unknown", [(samples.make("text", random.Random("unknown")).body, [], None)])
    deposit(mirror, "tells of the second")
    with mirror.store("dr", "mirror").connect(OWNER) as client:
        wait_until(lambda: "Unknown" in {row[0] for row in client.list()}, "the folder on DR", 30.0, 0.2)
    mirror.lab.relay.misbehave()
    mirror.wait_equal(30)


@cases.add
def production_was_only_read(mirror):
    mirror.assert_production_untouched()


def main():
    with Lab(build_folder(), (OWNER,), fsync=False, relay={"hide": ["NOTIFY"], "rules": True}) as lab, Mirror(lab, ENGINE) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
