#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What happens to a store or to PostgreSQL while mirrord is between two steps: it stands still there (SIGSTOP), folders are renamed,
messages moved, sessions stopped, servers killed and put back, and it goes on. In the end each message is on DR once."""

import hashlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.imapwire import No
from lab.mirrord import Mirror
from lab.mirrored import make_lab
from lab.process import wait_until

SEED = os.environ.get("MIRROR_SEED", "31")
OWNERS = [str(1001 + n) for n in range(12)]  # one for each case, or each repeat
BY_DR = {fmt: Cases() for fmt in ("sdbox", "maildir", "mdbox", "cyrus")}
BATCH, REPEATS = 60, 6
ENGINE = {"echo": "0ms"}  # no second look after an event: what a pass says of a folder counts


def each(formats, name, function, *given):
    """The function as a case on a DR of each of these formats."""
    for fmt in formats:
        def case(mirror):
            function(mirror, *given)
        case.__name__ = f"{name}_on_{fmt}"
        BY_DR[fmt].add(case)


# --- the stores -----------------------------------------------------------------------------------


def body(owner, name, kind="text"):
    return samples.make(kind, random.Random(f"{SEED} {owner} {name}")).body


def deposit(mirror, owner, folder, *names, kind="text"):
    with mirror.store("production").connect(owner) as client:
        client.append(folder, [(body(owner, name, kind), [], samples.NOW) for name in names])


def fill(mirror, folders):
    """A new owner, on production, with these messages in these folders."""
    owner = next(mirror.owners)
    for folder, names in folders.items():
        if folder != "INBOX":
            with mirror.store("production").connect(owner) as client:
                client.command(f"CREATE {folder}")
        if names:
            deposit(mirror, owner, folder, *names)
    return owner


def mirrored(mirror, **folders):
    """The same, on both stores."""
    owner = fill(mirror, folders)
    mirror.configure([owner])
    mirror.wait_equal(60, [owner])
    return owner


def equal_again(mirror, owner):
    mirror.wait_answering()
    mirror.wait_equal(90, [owner])


def look(mirror, owner, folder="INBOX"):
    """What SELECT tells of a folder on DR."""
    with mirror.store("dr").connect(owner) as client:
        return client.select(folder, examine=True)


def digests(client, folder):
    """Of each message in the folder."""
    if client.select(folder, examine=True)["exists"] == 0:
        return []
    return [hashlib.sha256(row["BODY[]"]).hexdigest() for row in client.fetch("BODY.PEEK[]").values() if row.get("BODY[]")]


def commands(mirror, *names):
    """How many of these have reached DR."""
    totals = mirror.lab.dr_relay.totals()["totals"]
    return sum(totals.get(name, 0) for name in names)


def send(number, pids):
    """A signal to those that are still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def history(mirror, owner, kind):
    return sum(row["kind"] == kind for row in mirror.ctl("mailbox", "history", owner)["items"])


# --- a folder that is renamed under an APPEND -------------------------------------------------------


def refusals(mirror):
    """What DR has answered to an APPEND other than OK."""
    found = set()
    for log in mirror.lab.dr_relay.wire_log.glob("*.log"):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        tags = {line.split()[1] for line in lines if line.startswith("C: ") and line.split()[2:3] == ["APPEND"]}
        found |= {line for line in lines if line.startswith("S: ") and line.split()[1] in tags and line.split()[2] != "OK"}
    return found


def a_folder_is_renamed_under_an_append(mirror, answer):
    """All but the last octet has left when another program renames the folder on DR. DR refuses the message, and mirrord gives the
    folder its name back instead of making another one."""
    owner = mirrored(mirror, Target=("one", "two"))
    was, made, before = look(mirror, owner, "Target"), commands(mirror, "CREATE"), refusals(mirror)
    with mirror.standing_still("append.octets", lambda: deposit(mirror, owner, "Target", "late")):
        with mirror.store("dr").connect(owner) as client:
            client.command("RENAME Target Elsewhere")
    equal_again(mirror, owner)
    words = refusals(mirror) - before
    assert len(words) == 1 and answer in str(words), words
    assert look(mirror, owner, "Target")["uidvalidity"] == was["uidvalidity"] and commands(mirror, "CREATE") == made


each(["sdbox", "maildir"], "a_folder_is_renamed_under_an_append", a_folder_is_renamed_under_an_append, " NO ")
each(["cyrus"], "a_folder_is_renamed_under_an_append", a_folder_is_renamed_under_an_append, " NO [TRYCREATE] ")


# --- messages that are moved during a pass ----------------------------------------------------------


class Sightings(threading.Thread):
    """Looks through the folders on DR all the time. What moves from the second to the first between two looks is in the first by
    the time of the third."""

    def __init__(self, mirror, owner, folders, wanted):
        super().__init__(daemon=True)
        self.store, self.owner, self.folders, self.wanted = mirror.store("dr"), owner, folders, wanted
        self.looks, self.missed, self.well, self.ended = 0, [], False, threading.Event()

    def run(self):
        with self.store.connect(self.owner) as client:
            while not self.ended.is_set():
                try:
                    seen = {digest for folder in (*self.folders, self.folders[0]) for digest in digests(client, folder)}
                except No:  # a message went as it was to be read
                    continue
                self.missed += [name for digest, name in self.wanted.items() if digest not in seen]
                self.looks += 1
        self.well = True

    def end(self):
        self.ended.set()
        self.join(30)
        assert self.well and self.looks > 0, "nobody looked"
        assert not self.missed, f"absent from DR: {self.missed}"


def move(client, owner, name, source, target):
    client.select(source)
    wanted = body(owner, name)
    uid, = [uid for uid, row in client.fetch("BODY.PEEK[]").items() if row["BODY[]"] == wanted]
    client.command(f"UID MOVE {uid} {target}")


def moved_meanwhile(mirror, point, change, *also):
    """From either folder to the other; `also` moves other messages. None is nowhere on DR at any time."""
    there = {"one": ("a1", "a2", "a3"), "two": ("b1", "b2", "b3")}
    owner = mirrored(mirror, **there)
    wanted = {hashlib.sha256(body(owner, name)).hexdigest(): name for names in there.values() for name in names}
    sightings = Sightings(mirror, owner, list(there), wanted)
    with mirror.store("production").connect(owner) as client:
        with mirror.standing_still(point, lambda: change(mirror, client, owner)):
            for name, source, target in (*also, ("a2", "one", "two"), ("b2", "two", "one")):
                move(client, owner, name, source, target)
            sightings.start()
        equal_again(mirror, owner)
    sightings.end()


def something_new_in_both(mirror, _, owner):
    for folder in ("one", "two"):
        deposit(mirror, owner, folder, f"new in {folder}")


each(["sdbox"], "messages_are_moved_when_one_folder_is_done_and_one_is_not", moved_meanwhile, "window.saved", something_new_in_both)
# What the pass has copied to its new folder, and is about to remove from the old one, goes back there.
each(["sdbox"], "messages_are_moved_when_a_message_is_about_to_go", moved_meanwhile, "expunge.step",
     lambda _, client, owner: move(client, owner, "a1", "one", "two"), ("a1", "two", "one"))


# --- a server process that stores a message when nobody waits for it any more ---------------------------


def flushed_after(log, point):
    """Something has left for DR since that state change."""
    words = [line.split() for line in log.read_text().splitlines()]
    at = [n for n, (_, _, *name) in enumerate(words) if name == [point]]
    return bool(at) and any(kind == "dr.flush" for kind, *_ in words[at[0]:])


def minutes_pass(mirror):
    """For the ledger: its look of five minutes after the send is due."""
    mirror.lab.postgres.sql("update intent set sent_at = sent_at - interval '6 minutes', looks = 5 where state = 'absent'")


def a_stopped_session_stores_its_copy_when_it_goes_on(mirror):
    """The last octet is sent to a stopped process; mirrord dies, starts, finds nothing on DR and copies the message. Then the
    process goes on."""
    owner, dr = mirrored(mirror, INBOX=("one", "two")), mirror.lab.dr
    first, log = look(mirror, owner)["uidnext"], mirror.state / "steps"
    mirror.env = {"MIRROR_STEP_LOG": str(log)}
    stopped = []
    try:
        with mirror.standing_still("append.release", lambda: deposit(mirror, owner, "INBOX", "late")):
            mirror.env = {}
            stopped = dr.session_pids()
            send(signal.SIGSTOP, stopped)
        wait_until(lambda: flushed_after(log, "append.release"), "the last octet to leave", 30.0)
        mirror.kill()
        mirror.start()
        mirror.wait_equal(60, [owner])
        assert look(mirror, owner)["uidnext"] == first + 1, "not copied once"
    finally:
        mirror.env = {}
        send(signal.SIGCONT, stopped)
    wait_until(lambda: look(mirror, owner)["uidnext"] == first + 2, "the late copy", 30.0)
    minutes_pass(mirror)
    wait_until(lambda: history(mirror, owner, "message.late_copy_removed"), "the late copy to be removed", 30.0, 0.2)
    mirror.wait_equal(60, [owner])
    assert look(mirror, owner)["uidnext"] == first + 2 and history(mirror, owner, "message.late_copy_removed") == 1


each(["sdbox", "mdbox", "cyrus"], "a_stopped_session_stores_its_copy_when_it_goes_on", a_stopped_session_stores_its_copy_when_it_goes_on)


# --- PostgreSQL dies --------------------------------------------------------------------------------


def passes_lost(mirror):
    """How often mirrord has told that it could not record a pass, or take one."""
    text = mirror.log.read_text(encoding="utf-8", errors="replace")
    return text.count(" pass.unrecorded ") + text.count(" service=reconcile ")


def postgresql_dies(mirror, point, there):
    """mirrord goes on without it, and may no longer record what it does; so many messages are on DR then."""
    owner, postgres = mirrored(mirror, INBOX=("one", "two")), mirror.lab.postgres
    lost = passes_lost(mirror)
    with mirror.standing_still(point, lambda: deposit(mirror, owner, "INBOX", "late")):
        postgres.kill()
    try:
        wait_until(lambda: passes_lost(mirror) > lost, "mirrord to miss PostgreSQL", 30.0)
        wait_until(lambda: look(mirror, owner)["exists"] == there, f"{there} messages on DR", 10.0)
    finally:
        postgres.start()
    equal_again(mirror, owner)
    mirror.ctl("resync", owner, "--wait")
    came = postgres.sql("select h.target_uid, count(*) from history h join mailbox m on m.id = h.mailbox_id where "
                        f"m.name = '{owner}' and kind in ('message.copied', 'message.adopted') group by 1 order by 1")
    assert [count for _, count in came] == ["1"] * 3, came
    assert postgres.sql("select count(*) from intent where state = 'open'") == [["0"]]
    assert look(mirror, owner)["exists"] == 3


for point_name, on_dr in {"intents.committed": 2, "append.release": 3, "append.answered": 3}.items():
    each(["sdbox"], f"postgresql_dies_at_{point_name.replace('.', '_')}", postgresql_dies, point_name, on_dr)


# --- DR dies before its data is on disk ---------------------------------------------------------------


def put_back(server, owner, kept):
    """What the store said OK to since the copy was made is lost with its machine."""
    server.kill()
    home = server.mail / owner
    shutil.rmtree(home)
    subprocess.run(["cp", "-a", "--", kept, home], check=True)
    server.start()


def whole(mirror, owner):
    """What is on DR, as far as a change shows."""
    there = {}
    with mirror.store("dr").connect(owner) as client:
        for folder, _, _ in client.list():
            there[folder] = client.select(folder, examine=True)["exists"] and client.fetch("FLAGS")
    return there


def dr_loses_what_it_answered(mirror, point, change):
    """The pass has nothing more to ask of DR, whose numbers are those that it began with. Something else makes mirrord look later."""
    owner, dr = mirrored(mirror, INBOX=("one", "two")), mirror.lab.dr
    with mirror.store("production").connect(owner) as client:
        client.command("CREATE Last")  # known later, it comes after INBOX in each pass
    mirror.wait_equal(60, [owner])
    mirror.ctl("resync", owner, "--wait")
    kept, gone = mirror.lab.workdir.data / f"kept-{owner}", commands(mirror, "UID EXPUNGE", "EXPUNGE")

    def keep_and_change():
        subprocess.run(["cp", "-a", "--", dr.mail / owner, kept], check=True)
        change(mirror, owner)

    with mirror.standing_still(point, keep_and_change):
        was = whole(mirror, owner)
        put_back(dr, owner, kept)
        assert whole(mirror, owner) != was, "nothing was lost"
    mirror.wait_answering()
    mirror.wait_settled(60)
    deposit(mirror, owner, "INBOX", "later")
    mirror.wait_equal(30, [owner])
    assert commands(mirror, "UID EXPUNGE", "EXPUNGE") == gone, "something was removed"


def a_message(mirror, owner):
    deposit(mirror, owner, "Last", "late")


def a_flag(mirror, owner):
    """And a message: the flag is stored and recorded when the pass comes to that."""
    with mirror.store("production").connect(owner) as client:
        client.select("INBOX")
        client.command("UID STORE 1 +FLAGS (\\Flagged)")
    a_message(mirror, owner)


for point_name, lost in (("append.answered", a_message), ("window.saved", a_message), ("window.saved", a_flag)):
    each(["sdbox"], f"dr_dies_at_{point_name.replace('.', '_')}_and_has_lost_{lost.__name__}", dr_loses_what_it_answered, point_name, lost)


# --- a session dies as it commits, and the storage is repaired ----------------------------------------


def repair(mirror, owner):
    mirror.lab.dr.doveadm("force-resync", "-u", owner, "*")


def released(mirror):
    """How many last octets have left, or are about to."""
    return (mirror.state / "steps").read_text().count(" append.release\n")


def killed_as_it_commits(mirror, owner, seconds):
    """So long after the last octet of a batch. How much of it is there when the storage is repaired, before mirrord looks."""
    before = released(mirror)
    deposit(mirror, owner, "INBOX", *(f"batch {n}" for n in range(BATCH)), kind="voice_20kb")
    wait_until(lambda: released(mirror) >= before + BATCH, "the last octet to leave", 60.0, 0.001)
    time.sleep(seconds)
    mirror.process.signal(signal.SIGSTOP)
    try:
        send(signal.SIGKILL, mirror.lab.dr.session_pids())
        repair(mirror, owner)
        return look(mirror, owner)["exists"] - 1
    finally:
        mirror.process.signal(signal.SIGCONT)


def a_session_is_killed_as_it_commits_a_batch(mirror):
    print(f"# seed {SEED}", flush=True)
    dice = random.Random(f"{SEED} {mirror.lab.dr.fmt}")
    # With a message in it an mdbox writes behind that one, into a file that it has.
    owners = [fill(mirror, {"INBOX": ("first",)}) for _ in range(REPEATS)]
    mirror.configure(owners)
    mirror.env = {"MIRROR_STEP_LOG": str(mirror.state / "steps")}
    mirror.restart()
    mirror.env = {}
    mirror.wait_equal(60, owners)
    for owner in owners:
        seconds = 0.2 * dice.random() ** 3  # most of a commit's time is at the beginning
        there = killed_as_it_commits(mirror, owner, seconds)
        print(f"# killed after {seconds * 1000:.0f} ms: {there} of {BATCH} are there", flush=True)
        mirror.wait_settled(60)
    mirror.wait_equal(60, owners)
    for owner in owners:
        repair(mirror, owner)
    mirror.quiet_pass()
    mirror.wait_equal(60, owners)


each(["maildir", "mdbox"], "a_session_is_killed_as_it_commits_a_batch", a_session_is_killed_as_it_commits_a_batch)


def after_all_this_a_pass_writes_nothing(mirror):
    mirror.ctl("resync", "--all", "--wait", timeout=120)  # what one case could not put right is that case's failure
    mirror.wait_equal(60)
    mirror.quiet_pass()
    assert not mirror.status()["problems"], mirror.status()["problems"]
    mirror.assert_production_untouched()


each(BY_DR, "after_all_this_a_pass_writes_nothing", after_all_this_a_pass_writes_nothing)


def main(only=""):
    codes = []
    for fmt, cases in BY_DR.items():
        if not any(only in case.__name__ for case in cases.functions):
            continue
        with make_lab("maildir", fmt, list(OWNERS)) as lab, Mirror(lab, ENGINE) as mirror:
            mirror.owners = iter(OWNERS)
            codes.append(cases.run(mirror, only))
    return max(codes, default=1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
