#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The limits of the mass-delete guard, each at its value and one beyond it: the number and the share of a mailbox in a day, whatever
the pass and the folder, and the share of all mailboxes of a link in an hour. A pass has no limit of its own: what it would delete in
all folders of a mailbox is judged together, and goes or is held together. And what is held stays held after a failover."""

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
COUNT, PERCENT = 15, 30
# Of 60 messages the number is reached before the share, of 40 the share before the number.
AT_COUNT, OVER_COUNT, AT_PERCENT, OVER_PERCENT, TWO_FOLDERS = "1001", "1002", "1003", "1004", "1005"
FILLED = {AT_COUNT: (60, 0), OVER_COUNT: (60, 0), AT_PERCENT: (40, 0), OVER_PERCENT: (40, 0), TWO_FOLDERS: (30, 30)}
# Ten messages or fewer are their owner's own affair, whatever their share.
AT_FEW, OVER_FEW = "1006", "1007"
FILLED |= {AT_FEW: (10, 0), OVER_FEW: (11, 0)}
LARGE = ("2001", "2002")
EACH = 60


def fill(mirror, owner, inbox, work=0):
    with mirror.store("production").connect(owner) as client:
        for folder, count in (("INBOX", inbox), ("Work", work)):
            if count and folder != "INBOX":
                client.command(f"CREATE {folder}")
            if count:
                client.append(folder, [(samples.make("text", random.Random(f"{owner} {folder} {n}")).body, [], samples.NOW) for n in range(count)])


def expunge(mirror, owner, count, folder="INBOX"):
    """The first so many messages of a folder go from production."""
    with mirror.store("production").connect(owner) as client:
        client.select(folder)
        client.command(f"STORE 1:{count} +FLAGS (\\Deleted)")
        client.command("EXPUNGE")


def on_dr(mirror, owner):
    with mirror.store("dr").connect(owner) as client:
        return sum(client.select(name, examine=True)["exists"] for name, _, _ in client.list())


def held(mirror):
    """{owner: (number, reason)} of what waits for a person."""
    found = {}
    for row in mirror.ctl("guard", "list")["items"]:
        number, _ = found.get(row["mailbox"], (0, ""))
        found[row["mailbox"]] = number + row["deletions"], row["reason"]
    return found


def another_day(mirror, hours=25):
    mirror.lab.postgres.sql(f"update guarded_deletion set at = at - interval '{hours} hours'")


def settled(mirror, owner, left, waiting=0):
    wait_until(lambda: held(mirror).get(owner, (0, ""))[0] == waiting, f"{waiting} deletions of {owner} to be held", 30.0, 0.1)
    wait_until(lambda: on_dr(mirror, owner) == left, f"{left} messages of {owner} on DR", 30.0, 0.1)
    mirror.wait_settled(30)
    assert on_dr(mirror, owner) == left and held(mirror).get(owner, (0, ""))[0] == waiting, held(mirror)


@cases.add
def the_first_copy(mirror):
    for owner, counts in FILLED.items():
        fill(mirror, owner, *counts)
    for owner in LARGE:
        fill(mirror, owner, EACH)
    mirror.configure(link=f"guard_count = {COUNT}\nguard_percent = {PERCENT}\n")
    mirror.wait_equal(90)


@cases.add
def as_many_as_a_limit_says_go_and_one_more_is_held_with_all_of_them(mirror):
    """Each mailbox loses its messages in one pass."""
    mirror.stop()
    for owner, count in ((AT_COUNT, COUNT), (OVER_COUNT, COUNT + 1), (AT_PERCENT, 12), (OVER_PERCENT, 13), (AT_FEW, 10), (OVER_FEW, 11)):
        expunge(mirror, owner, count)
    for folder in ("INBOX", "Work"):  # neither is more than a limit
        expunge(mirror, TWO_FOLDERS, (COUNT + 1) // 2, folder)
    mirror.start()
    settled(mirror, AT_COUNT, 60 - COUNT)
    settled(mirror, OVER_COUNT, 60, COUNT + 1)
    settled(mirror, AT_PERCENT, 40 - 12)
    settled(mirror, OVER_PERCENT, 40, 13)
    settled(mirror, AT_FEW, 0)
    settled(mirror, OVER_FEW, 11, 11)
    settled(mirror, TWO_FOLDERS, 60, COUNT + 1)
    for owner, base in ((OVER_COUNT, 60), (OVER_PERCENT, 40), (TWO_FOLDERS, 60)):
        number, reason = held(mirror)[owner]
        assert reason == f"{number} deletions today of {base} messages; limits: {COUNT} or {PERCENT} %", reason


@cases.add
def one_more_in_the_same_day_is_held_and_on_another_day_goes(mirror):
    expunge(mirror, AT_COUNT, 1)
    settled(mirror, AT_COUNT, 60 - COUNT, 1)
    expunge(mirror, AT_PERCENT, 1)
    settled(mirror, AT_PERCENT, 40 - 12, 1)
    another_day(mirror)
    expunge(mirror, AT_COUNT, 1)
    settled(mirror, AT_COUNT, 60 - COUNT - 1, 1)  # what was held needs a person all the same


@cases.add
def all_mailboxes_of_a_link_together_have_a_limit_of_an_hour(mirror):
    another_day(mirror)
    limit = mirror.status()["counts"]["target_messages"] * PERCENT // 100
    assert 100 < limit < EACH * len(LARGE), limit  # a hundred go in any case
    mirror.ctl("link", "edit", "dr", "--guard-count", "1000", "--guard-percent", "100", "--guard-link-percent", str(PERCENT))
    first, last = LARGE
    expunge(mirror, first, EACH)
    expunge(mirror, last, limit - EACH)
    settled(mirror, first, 0)
    settled(mirror, last, 2 * EACH - limit)
    expunge(mirror, last, 1)
    settled(mirror, last, 2 * EACH - limit, 1)
    assert "in all mailboxes" in held(mirror)[last][1], held(mirror)


def site_is(mirror, state):
    """There is no command for a failover yet."""
    mirror.lab.postgres.sql(f"update site set state = '{state}', epoch = epoch + 1, reason = 'a test'")
    wait_until(lambda: mirror.status()["site"]["state"] == state, state, 10.0)


def release(mirror, *words):
    return mirror.try_ctl("guard", "release", *words, "--reason", "a test")


@cases.add
def nothing_is_released_after_a_failover(mirror):
    """Production is not what DR should become then: DR's own users have taken over."""
    before = held(mirror)
    site_is(mirror, "failed_over")
    for words in ((OVER_COUNT,), (OVER_COUNT, "--folder", "INBOX", "--uid", "1"), ("*", "--expected", str(sum(n for n, _ in before.values())))):
        code, out, err = release(mirror, *words)
        assert code == 3 and "the site is failed_over" in err, (words, code, out, err)
    assert held(mirror) == before and on_dr(mirror, OVER_COUNT) == 60
    site_is(mirror, "mirroring")
    mirror.wait_settled(30)
    assert held(mirror) == before and on_dr(mirror, OVER_COUNT) == 60
    code, out, err = release(mirror, OVER_COUNT, "--expected", str(COUNT + 1))
    assert code == 0, (code, out, err)
    settled(mirror, OVER_COUNT, 60 - COUNT - 1)
    assert {**before, OVER_COUNT: None} == {**held(mirror), OVER_COUNT: None}


@cases.add
def once_all_is_released_both_stores_are_equal(mirror):
    code, out, err = release(mirror, "*", "--expected", str(sum(n for n, _ in held(mirror).values())))
    assert code == 0, (code, out, err)
    mirror.wait_equal(60)
    assert not held(mirror), held(mirror)
    mirror.assert_production_untouched()


def main():
    with Lab(build_folder(), [*FILLED, *LARGE], fsync=False, relay=True) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
