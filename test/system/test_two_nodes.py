#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two mirrord on one database. One is stopped (SIGSTOP) where it may send a command next, the other takes its mailbox over,
production goes on, and the stopped one continues: what it was about to do leaves no more. Then both die at random."""

import os
import pathlib
import random
import signal
import sys
import threading
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import fill, samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder, writes_in
from lab.process import wait_until
from lab.traffic import Player

cases = Cases()
STILL, OTHERS = "1001", ("1002", "1003")
SEED = os.environ.get("MIRROR_SEED", "17")
KILLS = int(os.environ.get("MIRROR_KILLS", "6"))
LEASE = 6
ENGINE = {"lease": f"{LEASE}s", "send_within": "1500ms"}


class Nodes:
    def __init__(self, lab):
        self.first = Mirror(lab, ENGINE, name="first")
        self.second = Mirror(lab, ENGINE, name="second", beside=self.first)
        self.lab = lab

    def __enter__(self):
        self.first.create().start()
        self.second.create()
        return self

    def __exit__(self, *_):
        self.second.stop()
        self.first.stop()

    # What Cases asks of a Mirror: of the first.
    @property
    def process(self):
        return self.first.process

    @property
    def log(self):
        return self.first.log

    def start(self):
        self.first.env = {}
        self.first.start()

    def check_running(self):
        for node in (self.first, self.second):
            node.check_running()

    def alone(self, env):
        """Only the first runs, with nothing to do."""
        self.second.stop()
        self.first.stop()
        self.first.env = env
        self.first.start()
        self.first.wait_equal(60)


def text(name):
    return [(samples.make("text", random.Random(f"{SEED} {name}")).body, [], None)]


def production(nodes, owner=STILL):
    return nodes.first.store("production").connect(owner)


def do(nodes, *commands, folder=None):
    with production(nodes) as client:
        if folder:
            client.select(folder)
        for command in commands:
            client.command(command)


def deposit(nodes, folder, name):
    with production(nodes) as client:
        client.append(folder, text(name))


def writes(nodes):
    """What changed DR: each command that could, but for SELECT, which is how DR is looked at, and for APPEND: a command that never
    ended changes nothing, so that DR's own count tells of those that did."""
    counts = writes_in(nodes.lab.dr_relay.totals()["totals"])
    counts.pop("SELECT", None)
    counts.pop("APPEND", None)
    with nodes.first.store("dr").connect(STILL) as client:
        for name, _, attributes in client.list():
            if not attributes & {"\\Noselect", "\\NonExistent"}:
                counts[f"UIDNEXT of {name}"] = client.select(name, examine=True)["uidnext"]
    return counts


def take_over(nodes, point, change, meanwhile):
    """The first node stops at `point`; the second does the work, and what happens after it. Then the first goes on: the
    commands that changed DR before and after that."""
    nodes.alone({"MIRROR_KILL_POINT": point, "MIRROR_STEP_DO": "stop"})
    change(nodes)
    wait_until(nodes.first.process.stands_still, f"mirrord to stop at {point}", 30.0)
    try:
        nodes.second.start()
        nodes.second.wait_equal(LEASE + 45)
        meanwhile(nodes)
        nodes.second.wait_equal(30)
        before = writes(nodes)
    finally:
        os.kill(nodes.first.process.pid, signal.SIGCONT)
    wait_until(lambda: nodes.first.try_ctl("status")[0] == 0, "the first node to answer again", 30.0)
    nodes.first.wait_settled(30)
    time.sleep(1.0)
    return before, writes(nodes)


def goes_no_further(point, prepare, change, meanwhile):
    def case(nodes):
        prepare(nodes)
        before, after = take_over(nodes, point, change, meanwhile)
        assert before == after, f"the node that had been stopped changed DR: {before} -> {after}"
        nodes.first.wait_equal(20)
        nodes.first.quiet_pass()
    case.__name__ = f"stopped_at_{point.replace('.', '_')}_{change.__name__}"
    cases.add(case)


def nothing(_):
    pass


@cases.add
def the_first_copy(nodes):
    print(f"# seed {SEED}", flush=True)
    nodes.expected, _ = fill.fill(nodes.first.store("production"), OTHERS, 40, 1_000_000, SEED, 2)
    for folder in ("INBOX", "short", "empty"):
        if folder != "INBOX":
            do(nodes, f"CREATE {folder}")
        if folder != "empty":
            for n in range(4):
                deposit(nodes, folder, f"{folder} {n}")
    nodes.first.configure([STILL, *OTHERS])
    nodes.first.wait_equal(60)


@cases.add
def both_work_and_are_told_apart(nodes):
    nodes.second.start()
    for n in range(6):
        deposit(nodes, "INBOX", f"shared {n}")
    nodes.second.wait_equal(30)
    assert {node["id"] for node in nodes.second.status()["nodes"]} == {"first", "second"}, nodes.second.status()["nodes"]


def renames(nodes):
    do(nodes, "RENAME short long")


def renamed_back(nodes):
    """A second RENAME to that name would now move another folder."""
    do(nodes, "RENAME long short", "CREATE kept")


def deletes_a_folder(nodes):
    do(nodes, "DELETE empty")


def made_anew(nodes):
    do(nodes, "CREATE empty")


def deletes_a_message(nodes):
    do(nodes, "UID STORE 2 +FLAGS (\\Deleted)", "EXPUNGE", folder="INBOX")


def sets_a_flag(nodes):
    do(nodes, "UID STORE 3 +FLAGS (\\Flagged)", folder="INBOX")


def takes_it_back(nodes):
    do(nodes, "UID STORE 3 -FLAGS (\\Flagged)", folder="INBOX")


def subscribes(nodes):
    do(nodes, "SUBSCRIBE short")


def unsubscribes(nodes):
    do(nodes, "UNSUBSCRIBE short")


def deposits(nodes):
    deposit(nodes, "INBOX", f"deposit {time.monotonic()}")


# The COMMIT is made, its answer not yet read; then the step is permitted, but the command not yet sent.
goes_no_further("step.committed", nothing, renames, renamed_back)
goes_no_further("folder.rename", nothing, renames, renamed_back)
goes_no_further("folder.delete", nothing, deletes_a_folder, made_anew)
goes_no_further("expunge.step", nothing, deletes_a_message, nothing)
goes_no_further("flags.step", nothing, sets_a_flag, takes_it_back)
# All of a message has left but its last octet, and its intent is committed.
goes_no_further("intents.committed", nothing, deposits, nothing)


def refusals(nodes):
    return nodes.first.log.read_text(errors="replace").count("MRD-MIR-006")


@cases.add
def stopped_while_its_successor_is_in_the_middle(nodes):
    """The mailbox has a lease, of the successor: the epoch alone tells that the permission of before is void."""
    env = {"MIRROR_KILL_POINT": "folder.rename", "MIRROR_STEP_DO": "stop"}
    nodes.alone(env)
    renames(nodes)
    told = refusals(nodes)
    wait_until(nodes.first.process.stands_still, "the first node to stop", 30.0)
    nodes.second.env = env
    try:
        nodes.second.start()
        wait_until(nodes.second.process.stands_still, "its successor to stop", LEASE + 30, 0.05)
        before = writes(nodes)
        os.kill(nodes.first.process.pid, signal.SIGCONT)
        wait_until(lambda: refusals(nodes) > told or writes(nodes) != before, "the first node to go on", LEASE / 2, 0.05)
        assert writes(nodes) == before, "the node that had been stopped changed DR"
    finally:
        nodes.second.env = {}
        for node in (nodes.first, nodes.second):
            os.kill(node.process.pid, signal.SIGCONT)
    nodes.first.wait_equal(60)
    nodes.first.quiet_pass()


@cases.add
def the_window_that_imap_leaves(nodes):
    """Stopped between the last question and the last octet, which is one instruction's time in a life: the octet leaves, and
    DR has the message twice. The successor looks for such late copies, knows it by its ledger and takes it away."""
    take_over(nodes, "append.release", deposits, nothing)
    begin = time.monotonic()
    nodes.second.wait_equal(120)
    print(f"# equal {time.monotonic() - begin:.1f} s after the stopped node went on", flush=True)
    nodes.second.quiet_pass()


@cases.add
def a_stopped_node_does_not_hold_up_a_suspend(nodes):
    nodes.alone({"MIRROR_KILL_POINT": "intents.committed", "MIRROR_STEP_DO": "stop"})
    nodes.second.start()
    nodes.second.stop()  # known, but not working
    deposits(nodes)
    wait_until(nodes.first.process.stands_still, "mirrord to stop", 30.0)
    nodes.second.start()
    try:
        nodes.second.try_ctl("suspend", "--reason", "test")
        wait_until(lambda: nodes.second.status()["site"]["state"] == "suspended", "the site to be suspended", 30.0)
        left = nodes.second.differences([STILL])
        if not left:
            print("# the second node had taken the mailbox over before the suspend came", flush=True)
    finally:
        os.kill(nodes.first.process.pid, signal.SIGCONT)
    wait_until(lambda: nodes.first.try_ctl("status")[0] == 0, "the first node to answer again", 30.0)
    time.sleep(2.0)
    assert nodes.first.differences([STILL]) == left, "the message reached DR although the site is suspended"
    nodes.second.ctl("resume", "--reason", "test")
    nodes.second.wait_equal(60)
    nodes.second.quiet_pass()


@cases.add
def the_work_of_a_node_that_died_is_taken_over_within_the_lease(nodes):
    nodes.alone({"MIRROR_KILL_POINT": "append.octets"})
    nodes.second.start()
    nodes.second.stop()
    deposits(nodes)
    wait_until(lambda: not nodes.first.process.running(), "mirrord to die", 30.0)
    nodes.second.start()
    begin = time.monotonic()
    # The bound is for a hang: the lease, and time enough for the rest.
    nodes.second.wait_equal(LEASE + 40)
    print(f"# taken over after {time.monotonic() - begin:.1f} s; the lease is {LEASE} s", flush=True)
    nodes.first.env = {}
    nodes.first.start()


def database_time(nodes):
    return float(nodes.lab.postgres.sql("select extract(epoch from clock_timestamp())")[0][0])


@cases.add
def one_of_two_that_run_dies_at_work_and_the_other_takes_over_when_the_lease_is_over(nodes):
    """Both have been there from the beginning, and each stands still at its first step in the mailbox."""
    armed = {"MIRROR_KILL_POINT": "intents.committed", "MIRROR_STEP_DO": "stop"}
    nodes.alone(armed)
    nodes.second.env = armed
    nodes.second.start()
    deposits(nodes)
    both = {nodes.first, nodes.second}
    at_work = wait_until(lambda: next((node for node in both if node.process.stands_still()), None), "one to stand still", 30.0)
    survivor, = both - {at_work}
    # It may stand still in both mailboxes: the lease that runs out first is taken first.
    over = float(nodes.lab.postgres.sql(f"select extract(epoch from min(until)) from lease where holder = '{at_work.name}'")[0][0])
    died = database_time(nodes)
    at_work.kill()
    # The bound is for a hang: a look at the table, and time enough for a pass to come there.
    wait_until(survivor.process.stands_still, "the other one's first step", LEASE + 10.0)
    took = database_time(nodes)
    os.kill(survivor.process.pid, signal.SIGCONT)
    print(f"# taken over {took - died:.1f} s after the death of {at_work.name}, {took - over:.1f} s after its lease", flush=True)
    at_work.env = survivor.env = {}
    at_work.start()
    assert over - died <= LEASE, f"the lease went on for {over - died:.1f} s"
    assert took >= over, "taken over before the lease was over"
    survivor.wait_equal(30)
    survivor.quiet_pass()


@cases.add
def both_die_at_random_under_traffic(nodes):
    state = nodes.expected
    player = Player(nodes.first.store("production"), state, SEED, rate=10.0, connections=2)
    dice = random.Random(f"nodes {SEED}")
    traffic = threading.Thread(target=player.run, kwargs={"seconds": 600}, daemon=True)
    traffic.start()
    try:
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.5, 2.5))
            node = dice.choice((nodes.first, nodes.second))
            node.kill()
            time.sleep(dice.uniform(0.0, 1.5))
            node.start()
    finally:
        player.stop()
        traffic.join(200)
    assert not traffic.is_alive(), "the traffic did not end"
    nodes.first.wait_equal(2 * LEASE + 60)
    nodes.first.quiet_pass()


@cases.add
def production_was_only_read(nodes):
    nodes.first.assert_production_untouched()


def main():
    with Lab(build_folder(), [STILL, *OTHERS], fsync=False, relay=True, dr_relay=True) as lab, Nodes(lab) as nodes:
        return cases.run(nodes, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
