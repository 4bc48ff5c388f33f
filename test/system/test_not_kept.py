#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What DR does not keep is not sent again and again: somebody there expunges or moves each arrival, or the server says OK and has
nothing. The third time the message waits in quarantine, and is tried again when its time has come, or asked for."""

import pathlib
import random
import sys
import threading
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import wait_until

cases = Cases()
OWNER = "1001"
OLD = 2  # messages that nobody touches
BESIDE = "Beside"
NOTHING = {"at": "client", "line": r" APPEND ", "answer": "OK Append completed."}


def body(seed):
    return samples.make("text", random.Random(f"not kept {seed}")).body


def deposit(mirror, *seeds, folder="INBOX"):
    with mirror.store("production").connect(OWNER) as client:
        client.append(folder, [(body(seed), [], None) for seed in seeds])


def on_dr(mirror, folder="INBOX"):
    with mirror.store("dr").connect(OWNER) as client:
        client.select(folder, examine=True)
        return sorted(row["BODY[]"] for row in client.fetch("BODY.PEEK[]").values())


def appends(mirror):
    return mirror.lab.dr_relay.totals()["totals"].get("APPEND", 0)


def waiting(mirror):
    return [row for row in mirror.ctl("quarantine", "list")["items"] if row["kind"] == "not_kept" and row["retry_at"]]


def its_time_comes(mirror):
    mirror.lab.postgres.sql("update quarantine set retry_at = now() - interval '1 s'")


class Sweeper:
    """A program on DR that does this to each message that comes to INBOX."""

    def __init__(self, mirror, what, *commands):
        self.mirror, self.what, self.commands, self.stop = mirror, what, commands, threading.Event()
        self.swept, self.thread = 0, threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(30)

    def run(self):
        with self.mirror.store("dr").connect(OWNER) as client:
            while not self.stop.wait(0.1):
                client.select("INBOX")
                news = [uid for uid, row in client.fetch("BODY.PEEK[]").items() if row["BODY[]"] == self.what]
                for uid in news:
                    for command in self.commands:
                        client.command(command.format(uid))
                    self.swept += 1


def sweep(mirror, seed, *commands):
    """The message goes each time it comes; nothing but looking at DR again can bring it back."""
    before = appends(mirror)
    with Sweeper(mirror, body(seed), *commands) as sweeper:
        deposit(mirror, seed)
        end = time.monotonic() + 60.0
        while not waiting(mirror):
            assert time.monotonic() < end, f"{sweeper.swept} times swept, and nothing waits"
            mirror.ctl("resync", "--all", "--wait", codes=(0, 5))
        for _ in range(3):
            mirror.ctl("resync", "--all", "--wait", codes=(0, 5))
        assert sweeper.swept == appends(mirror) - before == 3, (sweeper.swept, appends(mirror) - before)
    row, = waiting(mirror)
    assert row["code"] == "MRD-MIR-003" and row["attempts"] == 3 and row["folder"] == "INBOX", row
    before = len(on_dr(mirror, BESIDE))
    deposit(mirror, f"beside {before}", folder=BESIDE)  # in INBOX the one that waits would stand behind it for good
    wait_until(lambda: len(on_dr(mirror, BESIDE)) == before + 1, "a message beside it", 30.0, 0.1)
    return row


@cases.add
def what_a_program_on_dr_expunges_waits_the_third_time(mirror):
    deposit(mirror, *range(OLD))
    with mirror.store("production").connect(OWNER) as client:
        client.command(f"CREATE {BESIDE}")
    mirror.configure()
    mirror.wait_equal(60)
    row = sweep(mirror, "expunged", "UID STORE {} +FLAGS.SILENT (\\Deleted)", "UID EXPUNGE {}")
    told = mirror.lab.postgres.sql("select count(*) from history where kind = 'message.lost_on_target'")
    assert told == [["3"]], told
    mirror.ctl("quarantine", "retry", str(row["id"]))
    wait_until(lambda: not waiting(mirror) and not mirror.differences(), "the message", 30.0, 0.2)
    mirror.wait_equal(30)


@cases.add
def its_time_comes_by_itself(mirror):
    """And what goes from production meanwhile waits no more."""
    deposit(mirror, "left alone")
    mirror.wait_equal(30)
    mirror.lab.dr_relay.misbehave(NOTHING)
    deposit(mirror, "nothing 1", "nothing 2")
    wait_until(lambda: len(waiting(mirror)) == 2, "two messages that wait", 60.0, 0.2)
    mirror.lab.dr_relay.misbehave()
    sent = appends(mirror)
    with mirror.store("production").connect(OWNER) as client:
        client.select("INBOX")
        gone, = [uid for uid, row in client.fetch("BODY.PEEK[]").items() if row["BODY[]"] == body("nothing 1")]
        mirror.ctl("suspend", "--wait", "--reason", "test")  # so that it goes and its time comes at once
        client.command(f"UID STORE {gone} +FLAGS (\\Deleted)")
        client.command("EXPUNGE")
    its_time_comes(mirror)
    mirror.ctl("resume")
    wait_until(lambda: body("nothing 2") in on_dr(mirror), "the message whose time has come", 30.0, 0.2)
    mirror.wait_equal(30)
    assert not mirror.ctl("quarantine", "list")["items"] and appends(mirror) == sent + 1


@cases.add
def what_dr_moves_elsewhere_waits_too_and_stays_there(mirror):
    with mirror.store("dr").connect(OWNER) as client:
        client.command("CREATE Sorted")
    sweep(mirror, "moved", "UID MOVE {} Sorted")
    assert on_dr(mirror, "Sorted") == [body("moved")] * 3
    mirror.ctl("quarantine", "retry", "all")
    wait_until(lambda: body("moved") in on_dr(mirror), "the message", 30.0, 0.2)
    mirror.wait_settled(30)
    assert on_dr(mirror, "Sorted") == [body("moved")] * 3, "what somebody else keeps was touched"


@cases.add
def a_refused_folder_waits_no_more_once_it_is_there(mirror):
    refused = {"at": "client", "line": r" CREATE Later", "answer": "NO not now"}
    for made_by in ("us", "somebody on DR"):
        name = f"Later-{made_by.split()[0]}"
        mirror.lab.dr_relay.misbehave(refused)
        with mirror.store("production").connect(OWNER) as client:
            client.command(f"CREATE {name}")
        rows = lambda: [row["folder"] for row in mirror.ctl("quarantine", "list")["items"]]  # noqa: E731
        wait_until(lambda: rows() == [name], "the refused folder", 30.0, 0.2)  # pylint: disable=cell-var-from-loop
        mirror.lab.dr_relay.misbehave()
        if made_by != "us":
            with mirror.store("dr").connect(OWNER) as client:
                client.command(f"CREATE {name}")
        its_time_comes(mirror)
        wait_until(lambda: not rows(), "nothing that waits", 30.0, 0.2)


@cases.add
def production_was_only_read(mirror):
    mirror.assert_production_untouched()


def main():
    with Lab(build_folder(), (OWNER,), fsync=False, relay=True, dr_relay={"rules": True}) as lab, \
            Mirror(lab, {"retry_first": "1s"}) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
