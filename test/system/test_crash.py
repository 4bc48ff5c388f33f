#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Exactly once, whatever dies: mirrord killed at every named step; then random kills of it, of both stores and of
PostgreSQL under traffic. Afterwards both stores are equal, and a further pass writes nothing."""

import collections
import os
import pathlib
import random
import sys
import threading
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import fill, samples, traffic
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import LabError, wait_until
from lab.traffic import Player

cases = Cases()
OWNERS = ("1001", "1002", "1003")
SEED = os.environ.get("MIRROR_SEED", "11")
FORMATS = os.environ.get("MIRROR_FORMATS", "maildir:sdbox").split(":")
# The random kills are the long form, run by scripts/test-all with 20 and 5; the named steps are the short one.
KILLS = int(os.environ.get("MIRROR_KILLS", "0"))
RESTARTS = int(os.environ.get("MIRROR_RESTARTS", "5"))
ROUND = 7  # breaks until both stores have to be equal


def deposit(mirror, n):
    rows = [(samples.make(kind, random.Random(f"{SEED}/{n}/{kind}")).body, ["\\Seen"], None) for kind in ("text", "voice_ulaw", "text")]
    with mirror.store("production").connect("1001") as client:
        client.append("INBOX", rows)


def change_flags(mirror, n):
    with mirror.store("production").connect("1001") as client:
        client.select("INBOX")
        client.command(f"STORE 1:3 +FLAGS (kept{n})")


def expunge(mirror, n):
    with mirror.store("production").connect("1001") as client:
        client.select("INBOX")
        client.command("STORE 2 +FLAGS (\\Deleted)")
        client.command("EXPUNGE")


def create(mirror, n):
    with mirror.store("production").connect("1001") as client:
        client.command(f'CREATE "made {n}"')
        client.append(f"made {n}", [(samples.make("text", random.Random(f"{SEED}/{n}")).body, [], None)])


def rename(mirror, n):
    create(mirror, n)
    mirror_settled_without_kill(mirror)
    with mirror.store("production").connect("1001") as client:
        client.command(f'RENAME "made {n}" "moved {n}"')


def remove(mirror, n):
    create(mirror, n)
    mirror_settled_without_kill(mirror)
    with mirror.store("production").connect("1001") as client:
        client.command(f'DELETE "made {n}"')


def mirror_settled_without_kill(mirror):
    """The kill point must not be met by the preparation: a daemon without it does that."""
    armed, mirror.env = mirror.env, {}
    mirror.stop()
    mirror.start()
    mirror.wait_equal(40)
    mirror.stop()
    mirror.env = armed


# Step -> what on production leads there.
POINTS = {
    "append.begin": deposit, "append.octets": deposit, "intents.committed": deposit, "append.release": deposit,
    "digests.committed": deposit, "append.answered": deposit, "window.saved": deposit, "checkpoint": deposit,
    "step.committed": change_flags, "flags.step": change_flags, "flags.stored": change_flags, "flags.told": change_flags,
    "expunge.step": expunge, "expunge.done": expunge,
    "folder.create": create, "folder.created": create, "folder.rename": rename, "folder.renamed": rename, "folder.names_saved": rename,
    "folder.delete": remove, "folder.leaving": remove, "folder.deleted": remove,
}


def start_and_die(mirror, point):
    """It dies at that step; the next start is without it."""
    mirror.env = {"MIRROR_KILL_POINT": point}
    try:
        mirror.start()
    except LabError:
        pass  # it may meet the point before it ever answers
    wait_until(lambda: not mirror.process.running(), f"the step {point}", 30)
    mirror.env = {}


def kill_at(mirror, point, change, n):
    mirror.stop()
    mirror.env = {"MIRROR_KILL_POINT": point}
    change(mirror, n)
    start_and_die(mirror, point)
    mirror.start()
    mirror.wait_equal(60)


def add_point(n, point, change):
    def killed(mirror):
        kill_at(mirror, point, change, n)
    killed.__name__ = "killed_at_" + point.replace(".", "_")
    cases.add(killed)


@cases.add
def the_first_copy(mirror):
    print(f"# seed {SEED}", flush=True)
    mirror.expected, _ = fill.fill(mirror.store("production"), OWNERS, 60, 3_000_000, SEED, 2)
    mirror.configure()
    mirror.wait_equal(120)


for number, (point_name, reason) in enumerate(POINTS.items()):
    add_point(number, point_name, reason)


def add_gone(point):
    """What was sent to a folder that is gone from production before anybody recorded it is ours, and goes with it."""
    def killed(mirror):
        mirror.stop()
        create(mirror, f"gone at {point}")
        start_and_die(mirror, point)
        with mirror.store("production").connect("1001") as client:
            client.command(f'DELETE "made gone at {point}"')
        mirror.start()
        mirror.wait_equal(60)
        mirror.ctl("resync", "--all", "--wait")
        assert not mirror.status()["problems"], mirror.status()["problems"]
    killed.__name__ = f"killed_at_{point.replace('.', '_')}_and_the_folder_is_gone"
    cases.add(killed)


AFTER_A_RENAME = {
    "deleted": ("DELETE {0}.empty", "DELETE {0}.full", "DELETE {0}"),
    "renamed_on": ("RENAME {0} {0}2",),
    "renamed_back": ("RENAME {0} {1}",),
    "in_part": ("DELETE {0}.full", "RENAME {0}.empty {1}",),
}


def add_moved(point, what, commands):
    """A rename was made on DR and not recorded, and production has changed the same folders again before we are back."""
    def killed(mirror):
        old, new = f"old-{what}-{point}".replace(".", "-"), f"new-{what}-{point}".replace(".", "-")
        with mirror.store("production").connect("1001") as client:
            for name, count in ((old, 2), (f"{old}.full", 3), (f"{old}.empty", 0)):
                client.command(f"CREATE {name}")
                if count:
                    client.append(name, [(samples.make("text", random.Random(f"{name} {n}")).body, [], None) for n in range(count)])
        mirror.wait_equal(60)
        mirror.stop()
        with mirror.store("production").connect("1001") as client:
            client.command(f"RENAME {old} {new}")
        start_and_die(mirror, point)
        with mirror.store("production").connect("1001") as client:
            for command in commands:
                client.command(command.format(new, old))
        copied = appended(mirror)
        mirror.start()
        mirror.wait_equal(60)
        mirror.ctl("resync", "--all", "--wait")
        assert not mirror.status()["problems"], mirror.status()["problems"]
        assert appended(mirror) == copied, "messages that only moved were copied again"
    killed.__name__ = f"killed_at_{point.replace('.', '_')}_and_then_{what}"
    cases.add(killed)


def appended(mirror):
    return mirror.lab.dr_relay.totals()["totals"].get("APPEND", 0)


for what_then, then in AFTER_A_RENAME.items():
    add_moved("folder.renamed", what_then, then)
add_moved("folder.names_saved", "renamed_on", AFTER_A_RENAME["renamed_on"])


for point_name in ("append.octets", "append.answered", "window.saved"):
    add_gone(point_name)


@cases.add
def after_all_kills_a_pass_writes_nothing(mirror):
    mirror.quiet_pass()


def told_by_history(mirror, owner):
    """{(UIDVALIDITY, UID)} that came to DR, each once, and did not leave it again, by the history alone."""
    there, came = set(), collections.Counter()
    for kind, *message in mirror.lab.postgres.sql("select kind, target_uidvalidity, target_uid from history h join mailbox m on m.id = "
                                                  f"h.mailbox_id where m.name = '{owner}' and kind like 'message.%' order by h.id"):
        comes = kind in ("message.copied", "message.adopted")
        (there.add if comes else there.discard)(tuple(message))
        came[tuple(message)] += comes
    twice = [message for message, times in came.items() if times > 1]
    assert not twice, (owner, twice)
    return there


@cases.add
def the_history_alone_tells_what_is_on_dr(mirror):
    """What was killed between a change and its record would be missing here, or told twice."""
    for owner in OWNERS:
        told, seen = told_by_history(mirror, owner), 0
        with mirror.store("dr", "mirror").connect(owner) as client:
            for folder, _, attributes in client.list():
                if "\\Noselect" in attributes:
                    continue
                about = client.select(folder, examine=True)
                there = {str(uid) for uid in client.fetch("UID")} if about["exists"] else set()
                assert {uid for validity, uid in told if validity == str(about["uidvalidity"])} == there, (owner, folder)
                seen += len(there)
        assert seen, owner


def break_under_traffic(mirror, state, victims, dice, seed):
    player = Player(mirror.store("production"), state, seed, rate=15.0, connections=2)
    thread = threading.Thread(target=player.run, kwargs={"seconds": 600}, daemon=True)
    thread.start()
    try:
        for victim in victims:
            time.sleep(dice.uniform(0.2, 0.9))
            if victim == "mirrord":
                mirror.kill()
                mirror.start()
            elif victim == "postgres":
                mirror.lab.postgres.restart()
            else:
                getattr(mirror.lab, victim).restart()
    finally:
        player.stop()
        thread.join(200)
    assert not thread.is_alive(), "the traffic did not end"


def nothing_dies_of_random_kills_under_traffic(mirror):
    """In rounds, so that what one leaves behind is seen before the next hides it; folders change as often as messages do."""
    # What the kill points changed is not in the state the traffic knows: its mailboxes are the other two.
    state = mirror.expected
    state.mailboxes.pop("1001", None)
    # That many folders are deleted that the guard would hold them.
    mirror.configure(link="guard_count = 100000\nguard_percent = 100\n")
    for kind in ("folder_created", "folder_renamed", "folder_deleted"):
        traffic.WEIGHTS[kind] = 20
    dice = random.Random(f"crash {SEED}")
    todo = ["mirrord"] * KILLS + ["production"] * RESTARTS + ["dr"] * RESTARTS + ["postgres"] * RESTARTS
    dice.shuffle(todo)
    for n in range(0, len(todo), ROUND):
        break_under_traffic(mirror, state, todo[n:n + ROUND], dice, f"{SEED}/{n}")
        mirror.wait_equal(120)
        print(f"# equal after {' '.join(todo[n:n + ROUND])}", flush=True)


def after_the_random_kills_a_pass_writes_nothing(mirror):
    mirror.quiet_pass()


if KILLS:
    cases.add(nothing_dies_of_random_kills_under_traffic)
    cases.add(after_the_random_kills_a_pass_writes_nothing)


def main():
    with Lab(build_folder(), OWNERS, relay=True, dr_relay=True, production_format=FORMATS[0], dr_format=FORMATS[1]) as lab, \
            Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
