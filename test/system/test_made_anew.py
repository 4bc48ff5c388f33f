#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A folder that is deleted and made anew under its name (another UIDVALIDITY) while mirrord is away: what we mirrored of the old
one goes, what the new one has comes, and what is in both stays where it is on DR."""

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


def made(name, count):
    return [(samples.make("text", random.Random(f"{name} {n}")).body, [], samples.NOW) for n in range(count)]


def uids_on_dr(mirror, folder):
    with mirror.store("dr").connect(OWNER) as client:
        client.select(folder, examine=True)
        return sorted(client.fetch("FLAGS"))


@cases.add
def the_first_copy(mirror):
    with mirror.store("production").connect(OWNER) as client:
        for folder in ("again", "gone", "away", "held"):
            client.command(f"CREATE {folder}")
            client.append(folder, made(folder, 4))
        client.append("held", made("more", 60))
    mirror.configure()
    mirror.wait_equal(60)


@cases.add
def what_the_new_folder_lacks_goes_and_what_both_have_stays(mirror):
    before = uids_on_dr(mirror, "again")
    mirror.stop()
    with mirror.store("production").connect(OWNER) as client:
        client.command("DELETE again")
        client.command("CREATE again")
        client.append("again", made("again", 2) + made("fresh", 1))
    mirror.start()
    mirror.wait_equal(60)
    after = uids_on_dr(mirror, "again")
    assert after[:2] == before[:2] and len(after) == 3, f"{before} -> {after}: the first two were to stay"
    folders = mirror.ctl("mailbox", "show", OWNER)["folders"]
    assert not any(folder["unknown"] or folder["foreign"] for folder in folders), folders


@cases.add
def the_same_messages_under_other_dates_come_with_those(mirror):
    rows = made("redated", 3)
    with mirror.store("production").connect(OWNER) as client:
        client.command("CREATE Redated")
        client.append("Redated", rows)
    mirror.wait_equal(60)
    with mirror.store("production").connect(OWNER) as client:
        client.command("DELETE Redated")
        client.command("CREATE Redated")
        client.append("Redated", [(body, flags, when + 86400 * n) for n, (body, flags, when) in enumerate(rows)])
    mirror.wait_equal(60)
    assert not mirror.status()["problems"], mirror.status()["problems"]


@cases.add
def a_folder_made_anew_and_deleted_leaves_nothing(mirror):
    mirror.stop()
    with mirror.store("production").connect(OWNER) as client:
        client.command("DELETE gone")
        client.command("CREATE gone")
        client.append("gone", made("short", 1))
    mirror.start()
    mirror.wait_equal(60)
    with mirror.store("production").connect(OWNER) as client:
        client.command("DELETE gone")
    mirror.wait_equal(60)


@cases.add
def a_new_folder_under_the_name_of_a_renamed_one_is_not_taken_for_it(mirror):
    mirror.stop()
    with mirror.store("production").connect(OWNER) as client:
        client.command("RENAME away elsewhere")
        client.select("elsewhere")
        client.command("STORE 1:* +FLAGS (\\Deleted)")
        client.command("EXPUNGE")
        client.command("UNSELECT")
        # The old messages cannot confirm the rename any more.
        client.append("elsewhere", made("other", 2))
        client.command("CREATE away")
        client.append("away", made("new", 5))
    mirror.start()
    mirror.wait_equal(60)
    kinds = [row["kind"] for row in mirror.ctl("mailbox", "history", OWNER)["items"] if row["folder"] == "away"]
    assert kinds.count("message.deleted") == 4, f"the four old ones, and nothing that was just copied: {kinds}"


@cases.add
def many_at_once_are_held(mirror):
    mirror.stop()
    with mirror.store("production").connect(OWNER) as client:
        client.command("DELETE held")
        client.command("CREATE held")
    mirror.start()
    wait_until(lambda: mirror.status()["counts"]["held"] == 64, "64 deletions to be held", 40.0)
    mirror.wait_settled(60)
    assert len(uids_on_dr(mirror, "held")) == 64


@cases.add
def held_ones_keep_a_folder_that_goes_and_trouble_nobody(mirror):
    with mirror.store("production").connect(OWNER) as client:
        client.command("DELETE held")
        client.append("INBOX", made("after it", 1))
    wait_until(lambda: len(uids_on_dr(mirror, "INBOX")) == 1, "the message after it", 30.0, 0.2)
    mirror.ctl("resync", OWNER, "--wait", codes=(0, 5))
    assert {row["kind"] for row in mirror.status()["problems"]} == {"held"}, mirror.status()["problems"]
    assert len(uids_on_dr(mirror, "held")) == 64


@cases.add
def released_they_go(mirror):
    assert mirror.ctl("guard", "release", OWNER, "--expected", "64", "--reason", "it was the owner")["released"] == 64
    mirror.wait_equal(60)
    assert mirror.status()["counts"]["held"] == 0


def main():
    with Lab(build_folder(), (OWNER,), fsync=False) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
