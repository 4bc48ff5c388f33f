#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Participation: an excluded mailbox is never opened, on neither store, and an included one is copied; mailboxes by import.
Who logged in for whom is told by the two servers' own logs."""

import pathlib
import random
import re
import sys
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder

cases = Cases()
TAKING_PART, NEVER, LATER = ("1001", "1002"), ("9001", "9002"), ("2001", "2002")
OWNERS = TAKING_PART + NEVER + LATER
# Longer than watch_poll and pass_interval together, twice: whoever still looked would have logged in.
A_WHILE = 5.0
# Both trusted logins act for the owners; the log line says which of them it was.
LOG = {"extra": "login_log_format_elements = user=<%u> by=<%{auth_user}> method=%m\n"}


def deposit(mirror, owner, seed):
    sample = samples.make("text", random.Random(f"{owner} {seed}"))
    with mirror.store("production").connect(owner) as client:
        client.append("INBOX", [(sample.body, [], sample.when)])


def logins(mirror):
    """{(side, owner): how often mirrord logged in}, by the log of each Dovecot."""
    counts = {}
    for side in ("production", "dr"):
        text = getattr(mirror.lab, side).log.read_text(errors="replace")
        for owner in re.findall(r"Login: user=<([^>]*)>, by=<mirror>", text):
            counts[side, owner] = counts.get((side, owner), 0) + 1
    return counts


def opened(mirror, owners):
    return {key: count for key, count in logins(mirror).items() if key[1] in owners}


def on_dr(mirror, owner):
    with mirror.store("dr").connect(owner) as client:
        return client.select("INBOX", examine=True)["exists"]


def row_of(mirror, owner):
    return next(row for row in mirror.ctl("mailbox", "list", owner)["items"] if row["name"] == owner)


@cases.add
def a_mailbox_excluded_before_its_first_copy_is_never_opened(mirror):
    for owner in OWNERS:
        deposit(mirror, owner, "first")
    mirror.configure(TAKING_PART + NEVER, link='rule = [{ action = "exclude", mask = "9*" }]\n')
    mirror.wait_equal(60, TAKING_PART)
    for owner in TAKING_PART:
        assert logins(mirror).get(("production", owner)) and logins(mirror).get(("dr", owner)), logins(mirror)
    assert {row_of(mirror, owner)["status"] for owner in NEVER} == {"excluded"}
    mirror.ctl("resync", "--all", "--wait")
    assert not opened(mirror, NEVER), logins(mirror)
    assert not any(on_dr(mirror, owner) for owner in NEVER)


@cases.add
def an_excluded_mailbox_is_opened_no_more(mirror):
    answer = mirror.ctl("mailbox", "exclude", "1*2")
    assert answer["matching"] == answer["changed"] == 1, answer
    mirror.wait_settled(30)
    time.sleep(1.0)  # what was open before is closed by now
    before, copied = opened(mirror, ("1002",)), on_dr(mirror, "1002")
    assert before, "it was never opened at all"
    deposit(mirror, "1002", "excluded")
    deposit(mirror, "1001", "taking part")
    mirror.wait_equal(30, ("1001",))
    mirror.ctl("resync", "--all", "--wait")
    mirror.ctl("verify", "--wait")
    time.sleep(A_WHILE)
    assert opened(mirror, ("1002",)) == before, (before, opened(mirror, ("1002",)))
    assert row_of(mirror, "1002")["status"] == "excluded"
    # What was copied stays on DR.
    assert on_dr(mirror, "1002") == copied == 1


@cases.add
def the_watch_of_an_excluded_mailbox_is_closed(mirror):
    sessions = mirror.lab.production.doveadm("who", "-1")
    assert "1001" in sessions and "1002" not in sessions, sessions


@cases.add
def included_again_it_catches_up(mirror):
    assert mirror.ctl("mailbox", "include", "1002")["changed"] == 1
    mirror.wait_equal(30, ("1001", "1002"))
    assert on_dr(mirror, "1002") == 2
    deposit(mirror, "1002", "included again")
    mirror.wait_equal(30, ("1001", "1002"))
    assert mirror.ctl("mailbox", "include", "9001")["changed"] == 1
    mirror.wait_equal(30, ("1001", "1002", "9001"))
    assert on_dr(mirror, "9001") == 1
    assert not opened(mirror, ("9002",)), logins(mirror)


@cases.add
def one_that_comes_or_goes_costs_the_others_no_connection(mirror):
    mirror.wait_settled(30)
    time.sleep(A_WHILE)
    before = logins(mirror)["production", "1001"]
    for action in ("exclude", "include"):
        assert mirror.ctl("mailbox", action, "1002")["changed"] == 1
        time.sleep(A_WHILE / 2)
    mirror.wait_settled(30)  # the comparator would log in as the mirror does
    assert "1002" in mirror.lab.production.doveadm("who", "-1")
    assert logins(mirror)["production", "1001"] == before, (before, logins(mirror))


@cases.add
def an_exclusion_outlives_a_restart(mirror):
    mirror.restart()
    deposit(mirror, "1001", "after a restart")
    mirror.wait_equal(30, ("1001", "1002", "9001"))
    assert not opened(mirror, ("9002",)), logins(mirror)


@cases.add
def mailboxes_come_by_import(mirror):
    mirror.lab.workdir.write("import.txt", "# name, and its name on DR where that is another\n\n2001\n2002,9002\n1001\n")
    refused, _, why = mirror.try_ctl("mailbox", "import", str(mirror.lab.workdir.data / "import.txt"))
    # 9002 on DR belongs to 9002 of production: two sources never write one target.
    assert refused != 0 and "9002" in why, (refused, why)
    assert not opened(mirror, LATER), "a refused file was taken in part"
    answer = mirror.ctl("mailbox", "import", "-", stdin="# by hand\n2001\n2002\n1001\n")
    assert answer["added"] == 2 and answer["present"] == 1, answer
    mirror.wait_equal(30, ("1001", "1002", "9001") + LATER)
    assert [on_dr(mirror, owner) for owner in LATER] == [1, 1]


@cases.add
def an_import_obeys_the_rules(mirror):
    mirror.ctl("mailbox", "exclude", "7*")
    answer = mirror.ctl("mailbox", "add", "7001")
    assert answer["added"] == 1, answer
    assert row_of(mirror, "7001")["status"] == "excluded"
    time.sleep(1.0)
    assert not opened(mirror, ("7001",)), logins(mirror)


@cases.add
def production_was_only_read(mirror):
    mirror.assert_production_untouched()
    assert not opened(mirror, ("9002",)), logins(mirror)


def main():
    with Lab(build_folder(), OWNERS, fsync=False, relay=True, production_options=LOG, dr_options=LOG) as lab, \
            Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
