#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL's primary is lost and its standby promoted without the last commits, as replication that does not wait for it leaves it:
mirrord notices, does nothing until an administrator resumes it, and then finds what it did since by content."""

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


def body(name):
    return samples.make("text", random.Random(f"standby {name}")).body


def deposit(mirror, *names):
    with mirror.store("production").connect(OWNER) as client:
        client.append("INBOX", [(body(name), [], samples.NOW) for name in names])


def change(mirror, gone, flagged):
    """Everything that a pass does to messages: by their UIDs."""
    with mirror.store("production").connect(OWNER) as client:
        client.select("INBOX")
        client.command(f"UID STORE {flagged} +FLAGS (\\Flagged)")
        client.command(f"UID STORE {gone} +FLAGS (\\Deleted)")
        client.command("EXPUNGE")


def bodies(mirror, side="dr"):
    with mirror.store(side).connect(OWNER) as client:
        client.select("INBOX", examine=True)
        return sorted(row["BODY[]"] for row in client.fetch("BODY.PEEK[]").values())


def appends(mirror):
    return mirror.lab.dr_relay.totals()["totals"].get("APPEND", 0)


def connect_to(mirror, *servers):
    """Whichever of them takes writes."""
    mirror.dsn = f"host={','.join(str(one.sockets) for one in servers)} user=mirrord dbname=mirrord target_session_attrs=read-write"
    mirror.write_config()


def history(server):
    return int(server.sql("select count(*) from history")[0][0])


def goes_on(mirror, before):
    wait_until(lambda: mirror.try_ctl("status")[0] == 0, "mirrord to answer", 30.0, 0.1)
    wait_until(lambda: mirror.status()["site"]["state"] == "suspended", "mirrord to be suspended", 30.0, 0.1)
    assert "MRD-DB-010" in mirror.status()["site"]["reason"], mirror.status()["site"]
    told = mirror.try_ctl("events", "--limit", "200", "--type", "state.changed")[1]
    assert "MRD-DB-010" in told, told
    deposit(mirror, f"while suspended {before}")
    there = bodies(mirror)
    assert appends(mirror) == before
    mirror.ctl("resume", "--reason", "the standby is the primary now", "--wait", codes=(0, 5), timeout=120)
    mirror.wait_equal(60)
    assert appends(mirror) == before + 1, "what was there is sent again"
    assert bodies(mirror) == sorted([*there, body(f"while suspended {before}")])
    shown, = [row for row in mirror.ctl("mailbox", "show", OWNER)["folders"] if row["source_name"] == "INBOX"]
    assert not shown["foreign"] and not shown["unknown"], shown
    mirror.quiet_pass()


@cases.add
def the_first_copy(mirror):
    deposit(mirror, "one", "two", "three", "twin", "twin")
    mirror.configure()
    mirror.wait_equal(60)
    mirror.other = mirror.lab.postgres.standby("pg2")
    mirror.stop()
    connect_to(mirror, mirror.lab.postgres, mirror.other)
    mirror.start()


@cases.add
def promoted_under_a_running_mirrord(mirror):
    mirror.other.wait_received(mirror.lab.postgres)
    mirror.other.cut_off()
    deposit(mirror, "not on the standby", "twin")
    mirror.wait_equal(30)
    change(mirror, 1, 2)
    mirror.wait_equal(30)
    before = appends(mirror)
    assert history(mirror.other) < history(mirror.lab.postgres), "the standby lacks nothing"
    mirror.lab.postgres.kill()
    mirror.other.promote()
    goes_on(mirror, before)


@cases.add
def promoted_while_mirrord_was_down(mirror):
    """The promoted one has a standby of its own by now."""
    third = mirror.other.standby("pg3")
    third.cut_off()
    deposit(mirror, "not on the next one", "twin")
    mirror.wait_equal(30)
    change(mirror, 3, 4)
    mirror.wait_equal(30)
    before = appends(mirror)
    mirror.stop()
    assert history(third) < history(mirror.other), "the standby lacks nothing"
    mirror.other.kill()
    third.promote()
    mirror.current = third
    connect_to(mirror, mirror.lab.postgres, mirror.other, third)
    mirror.start()
    goes_on(mirror, before)


@cases.add
def promoted_with_everything(mirror):
    """Nobody can tell from inside that nothing is missing: the last second may be."""
    last = mirror.current.standby("pg4")
    deposit(mirror, "on the last one, too")
    mirror.wait_equal(30)
    mirror.wait_settled(30)
    before = appends(mirror)
    mirror.stop()
    last.wait_received(mirror.current)
    mirror.current.kill()
    last.promote()
    connect_to(mirror, mirror.current, last)
    mirror.start()
    goes_on(mirror, before)


@cases.add
def production_was_only_read(mirror):
    mirror.assert_production_untouched()


def main():
    with Lab(build_folder(), [OWNER], fsync=False, relay=True, dr_relay=True) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
