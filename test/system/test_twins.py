#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stranger's message on DR that is byte for byte one of production's, put there around a copy that mirrord did not live to record.
Whatever tells the two apart is used, and then the stranger's is never touched; what nothing tells apart is taken for ours."""

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
OWNERS = []
OURS, THEIRS = samples.NOW, samples.NOW + 86400  # dates


def body(owner):
    return samples.make("text", random.Random(f"twin {owner}")).body


def deposit(mirror, side, owner, when=OURS):
    """The UID of another one of them there."""
    with mirror.store(side).connect(owner) as client:
        return client.append("INBOX", [(body(owner), [], when)])[0]


def on_dr(mirror, owner):
    with mirror.store("dr").connect(owner) as client:
        client.select("INBOX", examine=True)
        there = client.fetch("BODY.PEEK[]")
    assert all(row["BODY[]"] == body(owner) for row in there.values()), there
    return sorted(there)


def foreign(mirror, owner):
    shown, = [row for row in mirror.ctl("mailbox", "show", owner)["folders"] if row["source_name"] == "INBOX"]
    assert not shown["unknown"], shown
    return shown["foreign"]


def appends(mirror):
    return mirror.lab.dr_relay.totals()["totals"].get("APPEND", 0)


def dies_at(mirror, owner, point):
    """Production has the message, and mirrord does not get further than this with it."""
    mirror.stop()
    deposit(mirror, "production", owner)
    mirror.env = {"MIRROR_KILL_POINT": point}
    try:
        mirror.start()
    except LabError:
        pass  # it may meet the point before it ever answers
    wait_until(lambda: not mirror.process.running(), f"mirrord to die at {point}", 30.0, 0.05)
    mirror.env = {}


def compare(mirror, owner):
    mirror.ctl("resync", owner, "--wait", codes=(0, 5), timeout=60)
    mirror.wait_settled(30)


def is_ours(mirror, owner, uid):
    """It goes when production's goes, and nothing else does."""
    others = [one for one in on_dr(mirror, owner) if one != uid]
    with mirror.store("production").connect(owner) as client:
        client.select("INBOX")
        client.command("STORE 1 +FLAGS (\\Deleted)")
        client.command("EXPUNGE")
    wait_until(lambda: uid not in on_dr(mirror, owner), "the message to go", 30.0, 0.1)
    compare(mirror, owner)
    assert on_dr(mirror, owner) == others and foreign(mirror, owner) == len(others), (others, on_dr(mirror, owner), foreign(mirror, owner))


def case(function):
    """With a mailbox of its own."""
    owner = f"10{len(OWNERS) + 1:02}"
    OWNERS.append(owner)

    def run(mirror):
        function(mirror, owner)
    run.__name__ = function.__name__
    return cases.add(run)


@cases.add
def nothing_is_there_yet(mirror):
    mirror.configure()
    mirror.wait_equal(60)


@case
def one_that_was_there_before_the_copy_is_known_as_foreign_by_then(mirror, owner):
    stranger = deposit(mirror, "dr", owner)
    dies_at(mirror, owner, "append.release")
    mirror.start()
    compare(mirror, owner)
    there = on_dr(mirror, owner)
    assert len(there) == 2 and stranger in there and foreign(mirror, owner) == 1, (stranger, there, foreign(mirror, owner))
    is_ours(mirror, owner, max(there))


@case
def beside_a_copy_that_was_stored_the_later_one_is_the_strangers(mirror, owner):
    dies_at(mirror, owner, "append.answered")
    stranger, sent = deposit(mirror, "dr", owner), appends(mirror)
    mirror.start()
    compare(mirror, owner)
    there = on_dr(mirror, owner)
    assert len(there) == 2 and foreign(mirror, owner) == 1 and appends(mirror) == sent, (there, foreign(mirror, owner))
    assert stranger == max(there)
    is_ours(mirror, owner, min(there))


@case
def in_the_place_of_a_copy_that_was_not_stored_it_is_taken_for_it(mirror, owner):
    """Octets, date, folder and moment are those of the copy: had the server stored it, it would look the same."""
    dies_at(mirror, owner, "append.release")
    stranger, sent = deposit(mirror, "dr", owner), appends(mirror)
    mirror.start()
    compare(mirror, owner)
    assert on_dr(mirror, owner) == [stranger] and appends(mirror) == sent and not foreign(mirror, owner)
    assert not mirror.differences([owner])
    is_ours(mirror, owner, stranger)


@case
def one_of_another_date_is_not_taken_for_it_without_a_word(mirror, owner):
    """Ours was sent with production's date. A server that alters dates makes such a copy too, so it may be taken for ours: but then
    that DR has another date is told, as of any other copy."""
    dies_at(mirror, owner, "append.release")
    deposit(mirror, "dr", owner, THEIRS)
    mirror.start()
    compare(mirror, owner)
    told = {row["code"] for row in mirror.status()["problems"] if row["object"] == owner}
    assert len(on_dr(mirror, owner)) == 2 or "MRD-MIR-001" in told, (on_dr(mirror, owner), told, mirror.differences([owner]))


def sent_twice(mirror, owner):
    """The first send got no answer and was not stored; a copy of it may come to light at any later time. The UID of the second."""
    dies_at(mirror, owner, "append.release")
    mirror.start()
    compare(mirror, owner)
    uid, = on_dr(mirror, owner)
    return uid


@case
def of_later_ones_no_more_go_than_sends_were_not_answered(mirror, owner):
    ours = sent_twice(mirror, owner)
    strangers = [deposit(mirror, "dr", owner) for _ in range(2)]
    compare(mirror, owner)
    assert on_dr(mirror, owner) == [ours, strangers[1]] and foreign(mirror, owner) == 1, (ours, strangers, on_dr(mirror, owner))
    is_ours(mirror, owner, ours)


@case
def a_later_one_of_another_date_is_no_late_copy(mirror, owner):
    """Law 5: what goes has the size and the date that our copy has."""
    ours = sent_twice(mirror, owner)
    stranger = deposit(mirror, "dr", owner, THEIRS)
    compare(mirror, owner)
    assert on_dr(mirror, owner) == [ours, stranger] and foreign(mirror, owner) == 1, (ours, stranger, on_dr(mirror, owner))
    is_ours(mirror, owner, ours)


@cases.add
def production_was_only_read(mirror):
    mirror.assert_production_untouched()


def main():
    with Lab(build_folder(), OWNERS, fsync=False, relay=True, dr_relay=True) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
