#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Random traffic and random faults for hours, with mirrord's memory and descriptors: scripts/soak [--hours H] [--seed N]

For the first four fifths mirrord itself is left alone, so that a leak would show; then it is killed as well. At the end the
traffic stops and both stores have to become equal. A sample every ten seconds goes to build/soak/samples.tsv; the last
lines are a table of the hours. Exit 0 when equal and nothing grew beyond the limit.
"""

import sys

if __name__ == "__main__":  # as a script, test/ takes the place of test/faults/ on the path
    import pathlib
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

import argparse
import collections
import json
import os
import random
import signal
import statistics
import threading
import time

from lab import fill
from lab.lab import Lab
from lab.mirrord import Mirror, ROOT
from lab.process import LabError
from lab.traffic import Player

OWNERS = [str(1001 + n) for n in range(20)]
SAMPLE = 10.0
GENTLE = 0.8  # the share of the time without a kill of mirrord
# How often each fault comes, and how long until the next, in seconds.
FAULTS = {"production": 2, "dr": 2, "postgres": 2, "sessions": 4, "pause": 2, "wire": 4}
KILLS = {**FAULTS, "mirrord": 6}
PAUSES = (20.0, 60.0)
# Growth of the resident memory from the first tenth of the gentle time to its last that counts as a leak.
MOST_GROWTH = 1.25
SPARE_KIB = 8192
SPARE_DESCRIPTORS = 16  # sessions come and go


class Samples:
    """mirrord's figures over time, in a file and for the table."""

    def __init__(self, mirror, path):
        self.mirror, self.rows = mirror, []
        self.file = open(path, "w", encoding="utf-8", buffering=1)
        self.file.write("seconds\tpid\tresident_kib\tdescriptors\tdirty\tlag_seconds\n")
        self.begin = time.monotonic()

    def take(self):
        pid = self.mirror.process.pid
        try:
            with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
                resident = int(statm.read().split()[1]) * 4
            descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            return  # between two lives
        code, status = 1, None
        try:
            code, text, _ = self.mirror.try_ctl("status", timeout=20.0)
            status = json.loads(text) if code == 0 else None
        except Exception:  # pylint: disable=broad-except
            pass
        dirty = status["counts"]["dirty"] if status else -1
        lag = max((link.get("lag_seconds") or 0 for link in status["links"]), default=0) if status else -1
        row = (time.monotonic() - self.begin, pid, resident, descriptors, dirty, lag)
        self.rows.append(row)
        self.file.write("\t".join(f"{value:.0f}" for value in row) + "\n")

    def table(self, seconds, parts=10):
        yield "| from, min | samples | resident, MiB (median) | descriptors (median) | dirty (largest) |"
        yield "| --- | --- | --- | --- | --- |"
        for part in range(parts):
            low, high = seconds * part / parts, seconds * (part + 1) / parts
            rows = [row for row in self.rows if low <= row[0] < high]
            if rows:
                yield (f"| {low / 60:.0f} | {len(rows)} | {statistics.median(row[2] for row in rows) / 1024:.1f} | "
                       f"{statistics.median(row[3] for row in rows):.0f} | {max(row[4] for row in rows):.0f} |")

    def growth(self, seconds):
        """((first, last) resident KiB, (first, last) descriptors) of the gentle time, None without samples."""
        gentle = [row for row in self.rows if row[0] < seconds * GENTLE and row[1] == self.rows[0][1]]
        if len(gentle) < 20:
            return None
        tenth = max(1, len(gentle) // 10)
        # The first tenth still fills pools and caches.
        first, last = gentle[tenth:2 * tenth], gentle[-tenth:]
        return tuple((statistics.median(row[of] for row in first), statistics.median(row[of] for row in last)) for of in (2, 3))


def strike(mirror, fault, dice):
    lab = mirror.lab
    if fault == "mirrord":
        mirror.kill()
        mirror.start()
    elif fault == "wire":
        relay = dice.choice((lab.relay, lab.dr_relay))
        relay.misbehave(dice.choice(wire_faults(dice)))
        time.sleep(dice.uniform(2.0, 10.0))
        relay.misbehave()
    elif fault == "sessions":
        pids = getattr(lab, dice.choice(("production", "dr"))).session_pids()
        for pid in dice.sample(pids, min(len(pids), 3)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    elif fault == "pause":
        mirror.process.signal(signal.SIGSTOP)
        time.sleep(dice.uniform(0.5, 8.0))
        mirror.process.signal(signal.SIGCONT)
    else:
        server = getattr(lab, fault)
        if dice.random() < 0.5:
            server.kill()
            server.start()
        else:
            server.restart()


def wire_faults(dice):
    """Rules of lab.misbehave, each for a few seconds."""
    at = dice.choice(("client", "server"))
    return ({"at": at, "cut": dice.randrange(20, 20_000), "times": dice.randrange(1, 4)},
            {"at": at, "delay": dice.uniform(0.01, 0.3)},
            {"at": at, "rate": dice.randrange(2_000, 50_000)},
            {"at": at, "chop": dice.randrange(1, 100)},
            {"at": "client", "line": r" (APPEND|UID STORE|UID EXPUNGE|RENAME|CREATE|DELETE) ", "away": True, "times": 1})


def soak(mirror, player, samples, options):
    """Faults until the time is up; how many of each."""
    seconds, dice, struck = options.hours * 3600, random.Random(f"soak {options.seed}"), collections.Counter()
    next_fault, next_sample = samples.begin + dice.uniform(*PAUSES), samples.begin
    while (passed := time.monotonic() - samples.begin) < seconds:
        if player.failures:
            raise player.failures[0]
        mirror.check_running()
        if time.monotonic() >= next_sample:
            samples.take()
            next_sample += SAMPLE
        if time.monotonic() >= next_fault:
            weights = FAULTS if passed < seconds * GENTLE else KILLS
            fault = dice.choices(list(weights), list(weights.values()))[0]
            strike(mirror, fault, dice)
            struck[fault] += 1
            next_fault = time.monotonic() + dice.uniform(*PAUSES)
        time.sleep(0.2)
    return struck


def run(options):
    folder = ROOT / "build/soak"
    folder.mkdir(parents=True, exist_ok=True)
    with Lab(folder, OWNERS, relay={"rules": True}, dr_relay={"rules": True}) as lab:
        mirror = Mirror(lab, build=options.build, test_times=False)
        with mirror:
            state, _ = fill.fill(mirror.store("production"), OWNERS, 400, 20_000_000, options.seed, 3)
            # That many are deleted in hours that the guard would hold them.
            mirror.configure(link="guard_count = 1000000\nguard_percent = 100\n")
            mirror.wait_equal(300)
            player = Player(mirror.store("production"), state, options.seed, rate=options.rate, connections=3)
            thread = threading.Thread(target=player.run, daemon=True)
            samples = Samples(mirror, folder / "samples.tsv")
            thread.start()
            try:
                struck = soak(mirror, player, samples, options)
            finally:
                player.stop()
                thread.join(300)
            mirror.wait_equal(600)
            mirror.quiet_pass()
            mirror.assert_production_untouched()
            held = state.counts()
    seconds = options.hours * 3600
    changes = sum(sum(worker.counts.values()) for worker in player.workers)
    print(f"soak: seed {options.seed}, {options.hours:g} h, {changes} changes, "
          + ", ".join(f"{name} {count}" for name, count in sorted(struck.items()))
          + f"; at the end {held['messages']} messages, both stores equal")
    print("\n".join(samples.table(seconds)))
    growth = samples.growth(seconds)
    if growth is None:
        print("soak: too short to tell whether memory or descriptors grow")
        return 0
    resident, descriptors = growth
    print(f"without a kill: resident memory {resident[0] / 1024:.1f} -> {resident[1] / 1024:.1f} MiB, descriptors "
          f"{descriptors[0]:.0f} -> {descriptors[1]:.0f}")
    return 0 if (resident[1] <= resident[0] * MOST_GROWTH + SPARE_KIB and descriptors[1] <= descriptors[0] * MOST_GROWTH +
                 SPARE_DESCRIPTORS) else 1


def main():
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=6.0, help="changes a second (6)")
    parser.add_argument("--build", default=str(ROOT / "build/release"), help=argparse.SUPPRESS)
    try:
        return run(parser.parse_args())
    except LabError as error:
        print(f"soak: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
