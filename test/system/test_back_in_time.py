#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stores and databases that go back in time: an old dump restored, DR and production put back from an old copy, flags remembered
wrong. Nothing is lost, nothing comes twice, and no message that is not ours is deleted."""

import pathlib
import random
import shutil
import subprocess
import sys
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder, writes_in
from lab.process import LabError, wait_until

cases = Cases()
OWNER = "1001"


def body(name):
    return samples.make("text", random.Random(f"back {name}")).body


def deposit(mirror, *names, side="production", folder="INBOX"):
    with mirror.store(side).connect(OWNER) as client:
        client.append(folder, [(body(name), [], samples.NOW) for name in names])


def expunge(mirror, uid):
    with mirror.store("production").connect(OWNER) as client:
        client.select("INBOX")
        client.command(f"UID STORE {uid} +FLAGS (\\Deleted)")
        client.command("EXPUNGE")


def bodies(mirror, side="dr"):
    with mirror.store(side).connect(OWNER) as client:
        client.select("INBOX", examine=True)
        return sorted(row["BODY[]"] for row in client.fetch("BODY.PEEK[]").values())


def appends(mirror):
    return mirror.lab.dr_relay.totals()["totals"].get("APPEND", 0)


def copy_mail(mirror, side, name):
    """A copy of the owner's mail there, while nobody uses it."""
    saved = mirror.lab.workdir.data / f"{side}-{name}"
    subprocess.run(["cp", "-a", str(getattr(mirror.lab, side).mail / OWNER), str(saved)], check=True)
    return saved


def put_back(mirror, side, saved):
    server = getattr(mirror.lab, side)
    server.stop()
    shutil.rmtree(server.mail / OWNER)
    subprocess.run(["cp", "-a", str(saved), str(server.mail / OWNER)], check=True)
    server.start()


def postgres(mirror, program, *words):
    lab = mirror.lab.postgres
    result = subprocess.run([lab.bin / program, *words], capture_output=True, text=True, cwd="/",
                            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    if result.returncode != 0:
        raise LabError(f"{program}: {result.stderr.strip()}")


@cases.add
def the_first_copy(mirror):
    deposit(mirror, "one", "two", "three", "twin", "twin")
    mirror.configure()
    mirror.wait_equal(60)


def loses_nothing_after_the_old_dump(mirror, before, new=0):
    wait_until(lambda: mirror.status()["site"]["state"] == "suspended", "mirrord to be suspended", 20.0)
    assert "MRD-DB-010" in mirror.status()["site"]["reason"], mirror.status()["site"]
    assert appends(mirror) == before
    mirror.ctl("resume", "--reason", "the dump was restored on purpose", "--wait", codes=(0, 5), timeout=120)
    mirror.wait_settled(60)
    assert appends(mirror) == before + new, "what was there is sent again"
    assert bodies(mirror) == bodies(mirror, "production"), "not equal after the dump"


def dump_now(mirror, name):
    dump = str(mirror.lab.workdir.data / name)
    postgres(mirror, "pg_dump", "-Fc", "-f", dump, "-d", mirror.dsn)
    return dump


def restore(mirror, dump):
    """Made ready beside the one that is lost, then put in its place."""
    server = mirror.lab.postgres
    server.make_database("restored")
    postgres(mirror, "pg_restore", "--no-owner", "-d", server.dsn_for("restored"), dump)
    server.drop_database("mirrord")
    server.sql("alter database restored rename to mirrord", "postgres", "postgres")


@cases.add
def an_old_dump_starts_suspended_and_doubles_nothing(mirror):
    dump = dump_now(mirror, "dump")
    deposit(mirror, "after the dump")
    expunge(mirror, 1)
    mirror.wait_equal(60)
    mirror.stop()
    restore(mirror, dump)
    before = appends(mirror)
    mirror.start()
    loses_nothing_after_the_old_dump(mirror, before)


@cases.add
def a_dump_older_than_a_change_of_state_is_told_by_that(mirror):
    dump = dump_now(mirror, "dump-before-state")
    deposit(mirror, "after the second dump")
    mirror.wait_equal(60)
    mirror.ctl("suspend", "--reason", "before the loss", "--wait")
    mirror.ctl("resume", "--reason", "and on", "--wait", timeout=120)
    mirror.stop()
    restore(mirror, dump)
    # As of a node that never ran with this database, whose beats it cannot compare.
    mirror.engine["node"] = "another"
    mirror.write_config()
    before = appends(mirror)
    mirror.start()
    loses_nothing_after_the_old_dump(mirror, before)


def beat_each(mirror, heartbeat):
    mirror.stop()
    mirror.engine["heartbeat"] = heartbeat
    mirror.write_config()
    mirror.start()


@cases.add
def a_database_put_in_its_place_while_mirrord_runs_suspends_it(mirror):
    dump = dump_now(mirror, "dump-live")
    deposit(mirror, "after the third dump")
    mirror.wait_equal(60)
    before = appends(mirror)
    # What promotes a standby that lacks the last commits: mirrord finds another database under the same name.
    restore(mirror, dump)
    loses_nothing_after_the_old_dump(mirror, before)


@cases.add
def no_work_begins_before_the_loss_is_told(mirror):
    beat_each(mirror, "10s")
    mirror.wait_settled(60)
    before = appends(mirror)
    mirror.lab.postgres.sql("update node set beat = beat - 5")
    time.sleep(3)  # a pass that was at work, or its echo, may see the next message
    deposit(mirror, "before the loss is told")
    loses_nothing_after_the_old_dump(mirror, before, new=1)
    beat_each(mirror, "200ms")


@cases.add
def dr_put_back_gets_what_it_lost(mirror):
    mirror.stop()
    saved = copy_mail(mirror, "dr", "old")
    mirror.start()
    deposit(mirror, "lost on dr", "lost as well")
    mirror.wait_equal(60)
    mirror.stop()
    put_back(mirror, "dr", saved)
    # Its UIDs are given out again, to a message of somebody else.
    deposit(mirror, "a stranger", side="dr")
    mirror.start()
    wanted = sorted([*bodies(mirror, "production"), body("a stranger")])
    wait_until(lambda: bodies(mirror) == wanted, "what was lost, and the stranger", 60.0, 0.3)
    mirror.wait_settled(60)
    assert bodies(mirror) == wanted


@cases.add
def production_put_back_takes_nothing_of_others_along(mirror):
    mirror.stop()
    saved = copy_mail(mirror, "production", "old")
    mirror.start()
    # One more than comes afterwards: as many would leave every number of the server as it was (docs/reliability.md).
    deposit(mirror, "lost too", "lost on production")
    wait_until(lambda: body("lost on production") in bodies(mirror), "the new message on DR", 30.0, 0.2)
    mirror.wait_settled(60)  # with its checkpoint: stopped before that, the next complete compare alone sees it
    mirror.stop()
    put_back(mirror, "production", saved)
    deposit(mirror, "under the same uid")
    mirror.start()
    wait_until(lambda: body("under the same uid") in bodies(mirror), "the message under the used UID on DR", 60.0, 0.2)
    mirror.wait_settled(60)
    there = bodies(mirror)
    # What production no longer knows stays on DR: it may be the only copy.
    assert body("lost on production") in there and body("a stranger") in there
    for one in bodies(mirror, "production"):
        assert there.count(one) == bodies(mirror, "production").count(one)


def refilled(mirror, side, lost, fresh):
    """That side is put back from before `lost` came, and has since given their UIDs to `fresh`."""
    mirror.stop()
    saved = copy_mail(mirror, side, f"before {lost[0]}")
    mirror.start()
    deposit(mirror, *lost)
    wait_until(lambda: body(lost[-1]) in bodies(mirror), "the new messages on DR", 30.0, 0.2)
    mirror.wait_settled(60)
    mirror.stop()
    put_back(mirror, side, saved)
    deposit(mirror, *fresh, side=side)
    mirror.start()


def both_are_there_once(mirror, lost, fresh):
    there = bodies(mirror)
    for name in (*lost, *fresh):
        assert there.count(body(name)) == 1, (name, there.count(body(name)))
    mirror.wait_settled(60)
    assert bodies(mirror) == there


@cases.add
def production_put_back_and_refilled_with_more_than_it_lost(mirror):
    """No number is lower than before: only the messages say it."""
    lost, fresh = ("refilled a", "refilled b"), ("instead a", "instead b", "instead c")
    refilled(mirror, "production", lost, fresh)
    wait_until(lambda: all(body(name) in bodies(mirror) for name in fresh), "what production has now", 60.0, 0.3)
    both_are_there_once(mirror, lost, fresh)


def refilled_to_the_same_numbers(mirror, side, lost, fresh, missing):
    """Nothing tells it but a complete compare, which is made each day."""
    refilled(mirror, side, lost, fresh)
    mirror.wait_settled(60)
    mirror.ctl("resync", OWNER, "--wait", codes=(0, 5), timeout=120)
    wait_until(lambda: all(body(name) in bodies(mirror) for name in missing), "what DR lacks", 60.0, 0.3)
    both_are_there_once(mirror, lost, fresh)


@cases.add
def production_put_back_and_refilled_to_the_same_numbers(mirror):
    lost, fresh = ("same a", "same b"), ("instead of same a", "instead of same b")
    refilled_to_the_same_numbers(mirror, "production", lost, fresh, fresh)


@cases.add
def dr_put_back_and_refilled_by_others_to_the_same_numbers(mirror):
    lost, fresh = ("same on dr a", "same on dr b"), ("strange a", "strange b")
    refilled_to_the_same_numbers(mirror, "dr", lost, fresh, lost)


def flags(mirror, side):
    """{body: sorted flags}, without \\Recent."""
    with mirror.store(side).connect(OWNER) as client:
        client.select("INBOX", examine=True)
        return {row["BODY[]"]: sorted(word for word in row["FLAGS"] if word != b"\\Recent")
                for row in client.fetch("FLAGS BODY.PEEK[]").values()}


@cases.add
def a_lost_row_of_the_map_is_found_again(mirror):
    deposit(mirror, "another twin", "another twin", "with a row to lose")
    wait_until(lambda: body("with a row to lose") in bodies(mirror), "the new messages on DR", 30.0, 0.2)
    mirror.wait_settled(60)
    before, there = appends(mirror), bodies(mirror)
    for where in ("source_uid = (select max(source_uid) from message)", "true"):
        mirror.lab.postgres.sql(f"delete from message where {where}")
        mirror.ctl("resync", "--all", "--wait", codes=(0, 5), timeout=60)
        mirror.wait_settled(60)
        assert appends(mirror) == before, "a message that is there was sent again"
        assert bodies(mirror) == there


@cases.add
def remembered_flags_that_are_wrong_are_put_right(mirror):
    mirror.stop()
    mirror.lab.postgres.sql("update message set flags = '\\Flagged'")
    before = appends(mirror)
    mirror.start()
    mirror.ctl("resync", OWNER, "--wait", codes=(0, 5), timeout=120)
    mirror.wait_settled(60)
    on_dr = flags(mirror, "dr")
    for one, words in flags(mirror, "production").items():
        assert on_dr[one] == words, (words, on_dr[one])
    assert appends(mirror) == before, "a message was sent again"


@cases.add
def production_was_only_read(mirror):
    assert not writes_in(mirror.lab.relay.totals()["totals"])


def main():
    with Lab(build_folder(), [OWNER], fsync=False, relay=True, dr_relay=True) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
