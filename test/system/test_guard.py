#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The mass-delete guard: what production loses at once stays on DR until an operator looks at the exact pairs and lets them go."""

import pathlib
import random
import shutil
import subprocess
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import wait_until

cases = Cases()
OWNER, OTHER = "1001", "1002"
COUNT = 40


def made(name, count):
    return [(samples.make("text", random.Random(f"{name} {n}")).body, [], samples.NOW) for n in range(count)]


def production(mirror, owner=OWNER):
    return mirror.store("production").connect(owner)


def on_dr(mirror, folder="INBOX", owner=OWNER):
    with mirror.store("dr").connect(owner) as client:
        client.select(folder, examine=True)
        return len(client.fetch("FLAGS"))


def empty(mirror, folder, uids="1:*"):
    with production(mirror) as client:
        client.select(folder)
        client.command(f"UID STORE {uids} +FLAGS (\\Deleted)")
        client.command("EXPUNGE")


def work_folder(mirror):
    return mirror.lab.production.mail / OWNER / "Maildir/.Work"


def counts(mirror):
    return mirror.status()["counts"]


def held(mirror):
    return counts(mirror)["held"]


def resync(mirror):
    """A complete compare; held deletions make it end with a difference."""
    mirror.ctl("resync", OWNER, "--wait", codes=(0, 5))


@cases.add
def the_first_copy(mirror):
    for owner in (OWNER, OTHER):
        with production(mirror, owner) as client:
            client.append("INBOX", made(f"inbox {owner}", COUNT))
            client.command("CREATE Work")
            client.append("Work", made(f"work {owner}", COUNT))
    mirror.configure(link="guard_percent = 20\n")
    mirror.wait_equal(60)
    mirror.saved_work = mirror.lab.workdir.data / "saved-work"
    subprocess.run(["cp", "-a", str(work_folder(mirror)), str(mirror.saved_work)], check=True)


@cases.add
def an_emptied_folder_is_held_and_told(mirror):
    empty(mirror, "INBOX")
    empty(mirror, "Work")
    wait_until(lambda: held(mirror) == 2 * COUNT, "every deletion to be held", 40.0)
    problem, = [row for row in mirror.status()["problems"] if row["kind"] == "held"]
    assert problem["code"] == "MRD-MIR-005" and "mirrorctl guard" in problem["next_step"], problem
    assert on_dr(mirror) == COUNT and on_dr(mirror, "Work") == COUNT


@cases.add
def new_messages_flow_meanwhile(mirror):
    with production(mirror) as client:
        client.append("INBOX", made("later", 1))
    wait_until(lambda: on_dr(mirror) == COUNT + 1, "the new message on DR", 20.0)
    assert held(mirror) == 2 * COUNT


@cases.add
def the_list_names_folders_and_the_exact_pairs(mirror):
    rows = mirror.ctl("guard", "list")["items"]
    assert [(row["mailbox"], row["folder"], row["deletions"]) for row in rows] == [(OWNER, "INBOX", COUNT), (OWNER, "Work", COUNT)], rows
    shown = mirror.ctl("guard", "show", OWNER)["items"]
    assert len(shown) == 2 * COUNT, len(shown)
    first = shown[0]
    assert first["folder"] == "INBOX" and first["source_uid"] == 1 and first["target_uid"] and first["size"], first
    assert first["internaldate"].startswith("2025-"), first


@cases.add
def what_production_shows_again_is_held_no_more(mirror):
    """As after a restore of production's storage: the messages come back under their UIDs."""
    mirror.stop()
    mirror.lab.production.stop()
    shutil.rmtree(work_folder(mirror))
    subprocess.run(["cp", "-a", str(mirror.saved_work), str(work_folder(mirror))], check=True)
    mirror.lab.production.start()
    mirror.start()
    resync(mirror)
    wait_until(lambda: held(mirror) == COUNT, "only INBOX's to be held", 40.0)
    assert on_dr(mirror, "Work") == COUNT


@cases.add
def a_release_wants_a_reason_and_the_number_seen(mirror):
    assert mirror.try_ctl("guard", "release", OWNER)[0] == 2
    code, _, err = mirror.try_ctl("guard", "release", OWNER, "--reason", "checked", "--expected", str(COUNT - 1))
    assert code != 0 and f"{COUNT} deletions are held" in err, (code, err)
    code, _, err = mirror.try_ctl("guard", "release", "nobody", "--reason", "checked")
    assert code != 0 and "no mailbox is named" in err, (code, err)
    code, _, err = mirror.try_ctl("guard", "release", OWNER, "--reason", "checked", "--expected", "many")
    assert code == 2, (code, err)
    assert held(mirror) == COUNT


@cases.add
def one_message_is_released_alone(mirror):
    assert mirror.ctl("guard", "release", OWNER, "--folder", "INBOX", "--uid", "3", "--reason", "this one")["released"] == 1
    wait_until(lambda: on_dr(mirror) == COUNT, "one message less on DR", 30.0)
    wait_until(lambda: held(mirror) == COUNT - 1, "the others still held", 10.0)


@cases.add
def the_rest_is_released_and_both_stores_are_equal(mirror):
    assert mirror.ctl("guard", "release", OWNER, "--expected", str(COUNT - 1), "--reason", "the owner did it")["released"] == COUNT - 1
    mirror.wait_equal(60)
    assert held(mirror) == 0 and mirror.ctl("guard", "list")["items"] == []
    told = mirror.try_ctl("events", "--limit", "200", "--type", "guard.*")[1]
    assert "guard.held" in told and "guard.released" in told and "the owner did it" in told, told


@cases.add
def what_goes_little_by_little_is_held_too(mirror):
    with production(mirror, OTHER) as client:
        client.select("INBOX")
        client.command("UID STORE 1:8 +FLAGS (\\Deleted)")
        client.command("EXPUNGE")
    mirror.wait_equal(60)
    assert held(mirror) == 0
    with production(mirror, OTHER) as client:
        client.select("Work")
        client.command("UID STORE 1:10 +FLAGS (\\Deleted)")
        client.command("EXPUNGE")
    wait_until(lambda: held(mirror) == 10, "the second few to be held", 30.0)
    mirror.ctl("guard", "release", OTHER, "--reason", "the owner tidies up")
    mirror.wait_equal(60)


@cases.add
def a_deletion_waits_for_its_time(mirror):
    mirror.ctl("link", "edit", "dr", "--deletion-delay", "3600", "--guard-percent", "100")
    before = on_dr(mirror, "Work")
    with production(mirror) as client:
        client.append("INBOX", made("to go again", 2))
    mirror.wait_equal(60)
    there = on_dr(mirror)
    empty(mirror, "INBOX")
    wait_until(lambda: counts(mirror)["delayed"] == there, "the deletions to wait", 30.0)
    assert on_dr(mirror) == there and on_dr(mirror, "Work") == before
    assert held(mirror) == 0 and not mirror.status()["problems"], mirror.status()["problems"]
    row, = mirror.ctl("guard", "list")["items"]
    assert row["deletions"] == there and row["due"] > row["since"] and row["reason"] == "deletion_delay", row
    mirror.lab.postgres.sql("update held_deletion set due_at = now()")
    mirror.wait_equal(60)
    assert on_dr(mirror) == 0 and counts(mirror)["delayed"] == 0


@cases.add
def a_released_deletion_is_forgotten_when_production_shows_the_message_again(mirror):
    """Released while production's storage was being put back: should the message go later, it waits again."""
    with production(mirror) as client:
        client.append("INBOX", made("back and gone", 1))
    mirror.wait_equal(60)
    with production(mirror) as client:
        client.select("INBOX", examine=True)
        uid, = client.fetch("UID")
    sql = mirror.lab.postgres.sql
    sql("insert into held_deletion (folder_id, source_uidvalidity, source_uid, target_uidvalidity, target_uid, reason, released_at) "
        f"select folder_id, m.source_uidvalidity, source_uid, m.target_uidvalidity, target_uid, 'test', now() from message m "
        f"join folder f on f.id = m.folder_id join mailbox b on b.id = f.mailbox_id where b.name = '{OWNER}' and "
        f"f.source_name = 'INBOX' and source_uid = {uid}")
    resync(mirror)
    empty(mirror, "INBOX")
    wait_until(lambda: counts(mirror)["delayed"] == 1, "the deletion to wait", 30.0)
    assert on_dr(mirror) == 1
    sql("update held_deletion set due_at = now()")
    mirror.wait_equal(60)
    assert on_dr(mirror) == 0


@cases.add
def a_short_delay_ends_by_itself(mirror):
    mirror.ctl("link", "edit", "dr", "--deletion-delay", "2")
    with production(mirror) as client:
        client.append("INBOX", made("soon gone", 1))
    mirror.wait_equal(60)
    empty(mirror, "INBOX")
    wait_until(lambda: counts(mirror)["delayed"] == 1, "the deletion to wait", 20.0)
    assert on_dr(mirror) == 1
    mirror.wait_equal(60)
    assert on_dr(mirror) == 0


SMALL = [f"30{n:02}" for n in range(30)]
EACH = 10


def fill_small(mirror, kind):
    for owner in SMALL:
        with production(mirror, owner) as client:
            client.append("INBOX", made(f"{kind} {owner}", EACH))


def left(mirror):
    return sum(on_dr(mirror, owner=owner) for owner in SMALL)


def empty_small(mirror, owners):
    for owner in owners:
        with production(mirror, owner) as client:
            client.select("INBOX")
            client.command("UID STORE 1:* +FLAGS (\\Deleted)")
            client.command("EXPUNGE")


@cases.add
def a_production_whose_inboxes_are_new_ones_takes_nothing_away(mirror):
    """Each mailbox alone is within its limits: owners empty such mailboxes every day. But nobody can delete INBOX."""
    mirror.lab.add_mailboxes(SMALL)
    fill_small(mirror, "first")
    mirror.configure(link="guard_link_percent = 10\n")
    mirror.wait_equal(90)
    assert left(mirror) == EACH * len(SMALL)
    mirror.stop()
    mirror.lab.production.stop()
    for owner in SMALL:
        shutil.rmtree(mirror.lab.production.mail / owner)
    mirror.lab.production.start()
    mirror.start()
    mirror.ctl("resync", "30*", "--wait", codes=(0, 5))
    wait_until(lambda: held(mirror) == EACH * len(SMALL), "every deletion to be held", 60.0)
    with production(mirror, SMALL[0]) as client:
        client.append("INBOX", made("after it", 1))
    wait_until(lambda: on_dr(mirror, owner=SMALL[0]) == EACH + 1, "the new message on DR", 30.0)
    assert left(mirror) == EACH * len(SMALL) + 1
    row = mirror.ctl("guard", "list", SMALL[1])["items"][0]
    assert row["scope"] == "mailbox" and "UIDVALIDITY" in row["reason"], row


@cases.add
def a_release_of_many_mailboxes_needs_their_sum(mirror):
    code, _, err = mirror.try_ctl("guard", "release", "30*", "--reason", "moved away")
    assert code == 2 and "expected" in err, (code, err)
    code, _, err = mirror.try_ctl("guard", "release", "30*", "--reason", "moved away", "--expected", "7")
    assert code != 0 and f"{EACH * len(SMALL)} deletions are held" in err, (code, err)
    assert sum(row["deletions"] for row in mirror.ctl("guard", "list", "30*")["items"]) == EACH * len(SMALL)
    answer = mirror.ctl("guard", "release", "30*", "--reason", "moved away", "--expected", str(EACH * len(SMALL)))
    assert answer["released"] == EACH * len(SMALL) and answer["mailboxes"] == len(SMALL), answer
    mirror.wait_equal(60)
    assert held(mirror) == 0 and left(mirror) == 1


@cases.add
def what_goes_from_many_small_mailboxes_is_held_hour_by_hour(mirror):
    fill_small(mirror, "second")
    mirror.wait_equal(90)
    empty_small(mirror, SMALL[1:29])  # the first has too many to be a small one
    wait_until(lambda: held(mirror) > 100, "the deletions to be held", 60.0)
    mirror.wait_settled(60)
    # A hundred go unasked, and what the workers were at meanwhile.
    assert left(mirror) >= EACH * len(SMALL) - 140, left(mirror)
    problem, = [row for row in mirror.status()["problems"] if row["kind"] == "held"]
    assert problem["object"] == "*" and "in all mailboxes" in problem["text"], problem
    waiting, there = held(mirror), left(mirror)
    mirror.lab.postgres.sql("update guarded_deletion set at = at - interval '2 hours'")
    empty_small(mirror, SMALL[29:])
    wait_until(lambda: held(mirror) == waiting + EACH, "the deletions of another hour to be held", 60.0)
    assert left(mirror) == there, (left(mirror), there)


@cases.add
def once_they_are_released_single_deletions_go_again(mirror):
    mirror.ctl("guard", "release", "*", "--reason", "it was us", "--expected", str(held(mirror)))
    mirror.wait_equal(60)
    assert held(mirror) == 0 and left(mirror) == EACH + 1
    with production(mirror, SMALL[0]) as client:
        client.select("INBOX")
        client.command("STORE 1 +FLAGS (\\Deleted)")
        client.command("EXPUNGE")
    mirror.wait_equal(30)
    assert left(mirror) == EACH


@cases.add
def production_was_only_read(mirror):
    mirror.assert_production_untouched()


def main():
    with Lab(build_folder(), [OWNER, OTHER], fsync=False, relay=True) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
