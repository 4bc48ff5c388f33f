#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Production is not what it was: half of its folders are missing, or another server answers at its address. Nothing goes from DR for
it, it is told, new messages still arrive; and when production is itself again both stores are equal, without one copy made twice."""

import collections
import contextlib
import functools
import hashlib
import pathlib
import random
import shutil
import ssl
import subprocess
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.dovecot import Dovecot
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import LabError, wait_until

cases = Cases()
LARGE, OTHER, SMALL = "1001", "1002", "1003"
FOLDERS = ("INBOX", "Kept", "Lost", "Lost too")
EACH = 12
LIMIT = 20  # two folders are more


def made(name, count):
    return [(samples.make("text", random.Random(f"{name} {n}")).body, [], samples.NOW) for n in range(count)]


def fill(mirror, side, owner, name, folders=FOLDERS, each=EACH):
    with mirror.store(side).connect(owner) as client:
        for folder in folders:
            if folder != "INBOX":
                client.command(f'CREATE "{folder}"')
            client.append(folder, made(f"{name} {owner} {folder}", each))


def messages(mirror, side, owner):
    """How often each message is there, by folder and content."""
    found = collections.Counter()
    with mirror.store(side).connect(owner) as client:
        for folder, _, attributes in client.list():
            if attributes & {"\\Noselect", "\\NonExistent"}:
                continue
            client.select(folder, examine=True)
            found.update((folder, row["BODY[]"]) for row in client.fetch("BODY.PEEK[]").values())
    return found


def everything(mirror, owners=(LARGE, OTHER), side="dr"):
    return {owner: messages(mirror, side, owner) for owner in owners}


def less(mirror, before):
    """How many messages of each folder are not on DR any more."""
    now = everything(mirror, before)
    gone = {owner: collections.Counter(folder for folder, _ in (was - now[owner]).elements()) for owner, was in before.items()}
    return {owner: dict(folders) for owner, folders in gone.items() if folders}


def appends(mirror):
    return mirror.lab.dr_relay.totals()["totals"].get("APPEND", 0)


def held(mirror):
    return mirror.status()["counts"]["held"]


def told(mirror):
    """Whose deletions are held, as the problems say it."""
    return {row["object"] for row in mirror.status()["problems"] if row["kind"] == "held" and row["code"] == "MRD-MIR-005"}


def compare_all(mirror):
    mirror.ctl("resync", "--all", "--wait", codes=(0, 5), timeout=90)
    mirror.wait_settled(60)


def configure(mirror, owners):
    mirror.configure(owners, link=f"guard_count = {LIMIT}\nguard_link_percent = 10\n")


@cases.add
def the_first_copy(mirror):
    for owner in (LARGE, OTHER):
        fill(mirror, "production", owner, "first")
    configure(mirror, [LARGE, OTHER])
    mirror.wait_equal(60)


@cases.add
def half_of_the_folders_missing_takes_nothing_away(mirror):
    mirror.stop()
    mirror.lab.production.stop()
    place, saved = mirror.lab.production.mail / LARGE / "Maildir", mirror.lab.workdir.folder("saved")
    mirror.lost = {place / name: saved / name for name in (".Lost", ".Lost too")}
    for folder, copy in mirror.lost.items():
        subprocess.run(["cp", "-a", str(folder), str(copy)], check=True)
        shutil.rmtree(folder)
    mirror.lab.production.start()
    before, mirror.sent = everything(mirror), appends(mirror)
    mirror.start()
    wait_until(lambda: held(mirror) == 2 * EACH, "every deletion to be held", 40.0, 0.1)
    assert told(mirror) == {LARGE}, mirror.status()["problems"]
    with mirror.store("production").connect(LARGE) as client:
        client.append("INBOX", made("while half is missing", 1))
    wait_until(lambda: messages(mirror, "dr", LARGE).total() == before[LARGE].total() + 1, "the new message on DR", 30.0, 0.2)
    compare_all(mirror)
    assert not less(mirror, before) and held(mirror) == 2 * EACH


@cases.add
def folders_that_are_back_free_what_was_held(mirror):
    mirror.lab.production.stop()
    for folder, copy in mirror.lost.items():
        subprocess.run(["cp", "-a", str(copy), str(folder)], check=True)
    mirror.lab.production.start()
    wait_until(lambda: held(mirror) == 0, "nothing to be held", 30.0, 0.2)
    mirror.wait_equal(60)
    assert not told(mirror)
    assert appends(mirror) == mirror.sent + 1, (mirror.sent, appends(mirror))


def another_server(mirror, name, folders):
    """The same owners, logins and certificate authority, and mail of its own."""
    server = Dovecot(mirror.lab.workdir, name, mirror.lab.authority, "maildir", "mmprod", passwords=mirror.lab.production.passwords)
    setattr(mirror.lab, name, server)
    server.add_mailboxes(mirror.lab.mailboxes)
    server.up()
    for owner in mirror.lab.mailboxes:
        fill(mirror, name, owner, name, folders, 5)
    return server


def goes_to(mirror, port):
    """The same store at another address: a slip of an administrator, or a name that leads elsewhere."""
    mirror.ctl("store", "edit", "production", "--port", str(port))


def is_told_at(mirror, server):
    """Every mailbox was compared with that one."""
    goes_to(mirror, server.port)
    wait_until(lambda: told(mirror) >= {LARGE, OTHER}, "both mailboxes to be told", 40.0, 0.1)
    compare_all(mirror)


def is_looked_at(mirror, owner):
    """What mirrord saw last in that mailbox is production's own INBOX."""
    shown, = [row for row in mirror.ctl("mailbox", "show", owner)["folders"] if row["source_name"] == "INBOX"]
    with mirror.store("production").connect(owner) as client:
        return client.select("INBOX", examine=True)["uidvalidity"] == shown["source_uidvalidity"]


def comes_back(mirror, condition=lambda: True, what="nothing"):
    """And every mailbox is compared with it."""
    goes_to(mirror, mirror.address_of("production")[1])
    wait_until(lambda: is_looked_at(mirror, LARGE) and is_looked_at(mirror, OTHER), "production to be looked at again", 40.0, 0.2)
    compare_all(mirror)
    wait_until(condition, what, 20.0, 0.5)


def held_on_dr(mirror):
    """The messages on DR that wait for a person, as `everything` has them."""
    found = {}
    for owner in (LARGE, OTHER):
        found[owner] = collections.Counter()
        rows = mirror.ctl("guard", "show", owner)["items"]
        with mirror.store("dr").connect(owner) as client:
            for folder in {row["folder"] for row in rows}:
                client.select(folder, examine=True)
                there = client.fetch("BODY.PEEK[]")
                found[owner].update((folder, there[row["target_uid"]]["BODY[]"]) for row in rows if row["folder"] == folder)
    return found


def more(mirror, before):
    return {owner: now - before[owner] for owner, now in everything(mirror).items()}


@cases.add
def a_server_with_other_mail_takes_nothing_away(mirror):
    compare_all(mirror)
    mirror.before, mirror.sent = everything(mirror), appends(mirror)
    is_told_at(mirror, another_server(mirror, "stranger", ("INBOX", "Kept", "Work")))
    assert not less(mirror, mirror.before), less(mirror, mirror.before)
    assert told(mirror) == {LARGE, OTHER}, mirror.status()["problems"]


@cases.add
def what_came_from_it_is_listed_when_the_right_one_is_back(mirror):
    """It, and nothing else."""
    sent = appends(mirror)
    comes_back(mirror, lambda: held_on_dr(mirror) == more(mirror, mirror.before), "what came from the other server to be listed")
    assert not less(mirror, mirror.before) and appends(mirror) == sent, (less(mirror, mirror.before), sent, appends(mirror))
    print(f"# {held(mirror)} messages of the other server are on DR", flush=True)


@cases.add
def released_it_goes_and_both_stores_are_equal(mirror):
    sent = appends(mirror)
    if held(mirror):
        mirror.ctl("guard", "release", "*", "--reason", "they came from the wrong server", "--expected", str(held(mirror)))
    mirror.wait_equal(60, [LARGE, OTHER])
    assert everything(mirror) == mirror.before and appends(mirror) == sent and not told(mirror)


@cases.add
def a_server_with_no_mail_takes_nothing_away(mirror):
    before, sent = everything(mirror), appends(mirror)
    is_told_at(mirror, another_server(mirror, "empty", ()))
    assert everything(mirror) == before
    comes_back(mirror, lambda: held(mirror) == 0, "nothing to be held")
    assert appends(mirror) == sent and everything(mirror) == before and not told(mirror)


def expunge(mirror, owner, uids, folder="INBOX"):
    with mirror.store("production").connect(owner) as client:
        client.select(folder)
        client.command(f"UID STORE {uids} +FLAGS (\\Deleted)")
        client.command("EXPUNGE")


@cases.add
def what_waited_for_a_person_before_still_does_when_it_is_back(mirror):
    """One deletion more than the limits of that day; by now the day is over."""
    there = messages(mirror, "dr", OTHER).total()
    expunge(mirror, OTHER, f"1:{EACH // 2}")
    wait_until(lambda: messages(mirror, "dr", OTHER).total() == there - EACH // 2, "these to go", 30.0, 0.1)
    mirror.ctl("link", "edit", "dr", "--guard-count", str(EACH // 2))
    expunge(mirror, OTHER, EACH)
    wait_until(lambda: held(mirror) == 1, "one more to be held", 30.0, 0.1)
    mirror.lab.postgres.sql("update guarded_deletion set at = at - interval '25 hours'")
    before = everything(mirror)
    is_told_at(mirror, mirror.lab.empty)
    comes_back(mirror)
    assert not less(mirror, before) and held(mirror) == 1, (less(mirror, before), held(mirror))
    mirror.ctl("guard", "release", OTHER, "--reason", "looked at", "--expected", "1")
    mirror.wait_equal(30, [OTHER])


def die_at(mirror, point):
    mirror.env = {"MIRROR_KILL_POINT": point}
    with contextlib.suppress(LabError):  # it may meet the point before it ever answers
        mirror.start()
    wait_until(lambda: not mirror.process.running(), f"the end at {point}", 30.0)
    mirror.env = {}


def spares_the_small_one(mirror, server):
    mirror.lab.postgres.sql("delete from guarded_deletion")  # or what went before counts for the limits of the day
    before = everything(mirror, [SMALL])
    is_told_at(mirror, server)
    gone, names = less(mirror, before), told(mirror)
    comes_back(mirror)
    mirror.wait_equal(60, [SMALL])
    assert not gone and SMALL in names, (gone, names)


@cases.add
def nor_from_a_mailbox_with_little_in_it_and_nothing_in_its_inbox(mirror):
    """By itself it is so small that its owner may have emptied it."""
    fill(mirror, "production", SMALL, "first", ["Work", "Home"], 4)
    configure(mirror, [LARGE, OTHER, SMALL])
    mirror.wait_equal(60, [SMALL])
    spares_the_small_one(mirror, mirror.lab.empty)


@cases.add
def an_inbox_made_anew_is_not_forgotten_when_the_pass_that_finds_it_dies(mirror):
    """The same messages under another UIDVALIDITY: by the next pass they are in the map, and a few deletions beside them would go."""
    compare_all(mirror)
    mirror.lab.postgres.sql("delete from guarded_deletion")
    before, waiting = everything(mirror, [LARGE]), held(mirror)
    mirror.stop()
    expunge(mirror, LARGE, "1:3", "Kept")
    mirror.lab.production.stop()
    place = mirror.lab.production.mail / LARGE / "Maildir"
    for index in [*place.glob("dovecot.index*"), place / "dovecot-uidlist"]:
        index.unlink()
    mirror.lab.production.start()
    die_at(mirror, "adopt.save")
    mirror.start()
    wait_until(lambda: held(mirror) == waiting + 3, "these deletions to be held", 30.0, 0.2)
    assert not less(mirror, before) and LARGE in told(mirror), less(mirror, before)
    mirror.ctl("guard", "release", LARGE, "--reason", "looked at", "--expected", "3")
    mirror.wait_equal(30, [LARGE])


@cases.add
def the_certificate_named_keeps_another_server_out(mirror):
    """`pin_sha256` is what tells servers apart."""
    compare_all(mirror)
    before, waiting, store = everything(mirror), held(mirror), functools.partial(mirror.ctl, "store", "edit", "production", "--port")
    der = ssl.PEM_cert_to_DER_cert(pathlib.Path(mirror.lab.production.cert).read_text())
    store(str(mirror.lab.production.port), "--pin-sha256", hashlib.sha256(der).hexdigest())
    mirror.wait_equal(30, [SMALL])
    store(str(mirror.lab.stranger.port))
    down = lambda: [row["code"] for row in mirror.status()["problems"] if row["kind"] == "store"]  # noqa: E731
    wait_until(down, "production to be told", 30.0, 0.1)
    assert everything(mirror) == before and held(mirror) == waiting
    store(str(mirror.lab.production.port))
    wait_until(lambda: not down(), "production to be well again", 30.0, 0.1)
    mirror.wait_equal(30, [SMALL])


@cases.add
def production_was_only_read(mirror):
    mirror.assert_production_untouched()


def main():
    with Lab(build_folder(), [LARGE, OTHER, SMALL], fsync=False, relay=True, dr_relay=True) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
