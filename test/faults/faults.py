#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks a mirror at every step of one pass, in every cell of what servers offer: scripts/test-faults [options]

Without options: the form of scripts/test, one cell whole and eight fixed steps of each other one.

After each break mirrord starts again and has to end with: both stores equal, nothing twice, no write on production, a
further pass without a write, a history that explains every message on DR, no intent open, no stranger.
"""

import sys

if __name__ == "__main__":  # as a script, test/ takes the place of test/faults/ on the path
    import pathlib
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

import argparse
import collections
import contextlib
import multiprocessing
import pathlib
import signal
import subprocess
import time
import traceback

from faults import cells
from faults.bed import BREAKS, Bed, Broken, folder_of
from faults.fresh_bed import FreshBed
from faults.kill_points import ELSEWHERE, POINTS
from lab.cyrus import Cyrus
from lab.lab import Lab, server_class
from lab.mirrord import ROOT, build_folder
from lab.mirrored import EXACT

FEWEST_STEPS = 100  # fewer in the base cell: something is not counted any more
MOST_MISSED = 0.1  # of the steps of one cell in one way, a share that a run may not come to: events come at their own time
SPARE_MISSED = 2  # of a handful, any share says nothing
OWNERS = 6000  # for one lane: one a break
CHUNK = 25
TENTH = 10  # of so many breaks one is broken again while it recovers, at one of these steps in turn
RECOVERY = ("state:1", "commit:4", "dr.line:2", "state:3", "commit:2", "dr.flush:5", "state:5", "commit:8", "dr.flush:2", "state:8")


def chosen(steps, options, cell, how):
    """The steps of this cell that are to be broken in this way."""
    if options.step:
        return [step for step in steps if f"{step[0]}:{step[1]}" in options.step]
    if how == "connection":  # only a step on a connection can lose it
        steps = [step for step in steps if "." in step[0]]
    if how == "session":  # while octets are withheld, and after the whole command left
        steps = [step for step in steps if step[2] in ("append.octets", "append.release", "append.answered")
                 or step[0] == "dr.flush"]
    if how == "die" and not options.every:
        steps = [step for step in steps if step[3]]
    if options.all or options.cell or cell == cells.WHOLE and how == "die":
        return steps
    # Spread over all kinds of steps, the same ones each time.
    return [steps[len(steps) * n // cell.fixed] for n in range(min(cell.fixed, len(steps)))]


class Lane:
    """A lab of its own for each pair of formats, in a process of its own, working on chunks of steps."""

    def __init__(self, options):
        self.options, self.labs, self.beds = options, {}, {}

    def work(self, tasks, results):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        with contextlib.ExitStack() as self.open:
            for task in iter(tasks.get, None):
                try:
                    self.one(task, results)
                except Exception:  # pylint: disable=broad-except
                    results.put(("failed", task, traceback.format_exc()))
            for bed in self.beds.values():
                bed.mirror.stop()
        results.put(("ended", None, None))

    def lab(self, production, dr):
        """The lab and the owners nobody used in it yet."""
        if (production, dr) not in self.labs:
            owners = [f"f{n:05}" for n in range(OWNERS)]
            # Cyrus's owners are made when they are used: each is a command.
            exact = {side: EXACT if issubclass(server_class(fmt), Cyrus) else None
                     for side, fmt in (("production_options", production), ("dr_options", dr))}
            lab = self.open.enter_context(Lab(build_folder(), [] if any(exact.values()) else owners, production_format=production,
                                              dr_format=dr, fsync=False, **exact))
            self.labs[production, dr] = (lab, iter(owners))
        return self.labs[production, dr]

    def bed(self, cell):
        if cell.name not in self.beds:
            lab, owners = self.lab(cell.production, cell.dr)
            kind = Bed if folder_of(lab.production) and folder_of(lab.dr) else FreshBed
            self.beds[cell.name] = kind(lab, owners, cell).prepare()
        self.beds[cell.name].use()
        return self.beds[cell.name]

    def one(self, task, results):
        cell, how, steps = task
        bed = self.bed(cells.by_name(cell))
        if steps is None:
            results.put(("steps", task, bed.steps))
            return
        for number, step in enumerate(steps):
            begin, why = time.monotonic(), ""
            again = RECOVERY[number // TENTH % len(RECOVERY)] if how != "session" and number % TENTH == 3 else None
            try:
                outcome = "ok" if bed.run(step[0], step[1], how, again) or bed.run(step[0], step[1], how, again) else "not reached"
            except Broken as broken:
                outcome, why = "broken", str(broken)
            except Exception:  # pylint: disable=broad-except
                outcome, why = "error", traceback.format_exc()
            if outcome in ("broken", "error"):
                why += f"\n{bed.mirror.process.log_tail(15)}"
            again = again and (again, bed.killed_again)
            results.put(("step", (cell, how, step, again), (outcome, why, time.monotonic() - begin)))


class Run:
    """Deals the steps out to the lanes and keeps the results."""

    def __init__(self, options):
        self.options = options
        self.commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True,
                                     check=False).stdout.strip()
        self.file = ROOT / "build/faults/results.tsv"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.done = self.load() if options.resume else {}
        self.bad, self.open, self.seconds, self.listed = [], 0, [], {}
        self.tried, self.missed = collections.Counter(), collections.Counter()  # by (cell, how)
        self.passed, self.again, self.killed_again = 0, 0, 0

    def load(self):
        """Steps that passed before, on this very commit."""
        done = {}
        if self.file.exists():
            for line in self.file.read_text().splitlines():
                commit, cell, how, kind, number, outcome = line.split("\t")[:6]
                if commit == self.commit and outcome == "ok":
                    done[cell, how, kind, int(number)] = outcome
        return done

    def wanted_cells(self):
        if self.options.cell:
            return [cells.by_name(name) for name in self.options.cell]
        return cells.DEBIAN13 if self.options.debian13 else cells.CELLS

    def ways(self, cell):
        if self.options.how:
            return self.options.how
        return cell.ways.wide if self.options.wide else cell.ways.all if self.options.all else cell.ways.quick

    def go(self):
        context = multiprocessing.get_context("spawn")
        tasks, results = context.Queue(), context.Queue()
        lanes = [context.Process(target=Lane(self.options).work, args=(tasks, results)) for _ in range(self.options.lanes)]
        for lane in lanes:
            lane.start()
        try:
            self.watch(tasks, results)
            for _ in lanes:
                tasks.put(None)
        except BaseException:
            for lane in lanes:
                lane.terminate()  # it stops its servers
            tasks.cancel_join_thread()  # nobody takes what is left: it would be waited for at the end
            raise
        finally:
            for lane in lanes:
                lane.join()
        return self.report()

    def watch(self, tasks, results):
        for cell in self.wanted_cells():
            self.put(tasks, (cell.name, "", None))
        with open(self.file, "a" if self.options.resume else "w", encoding="utf-8") as out:
            while self.open:
                what, task, told = results.get()
                self.take(tasks, out, what, task, told)

    def put(self, tasks, task):
        self.open += 1 if task[2] is None else len(task[2])
        tasks.put(task)

    def take(self, tasks, out, what, task, told):
        if what == "failed":
            self.open -= 1 if task[2] is None else len(task[2])
            self.bad.append((task, told))
            print(f"not ok - {task[0]} {task[1]}: {told}", flush=True)
            return
        self.open -= 1
        if what == "steps":
            self.deal(tasks, task[0], told)
            return
        cell, how, step, again = task
        outcome, why, seconds = told
        self.seconds.append(seconds)
        place = f"{cell} {how} {step[0]}:{step[1]} {step[2]}".rstrip() + (f", then {again[0]}" if again else "")
        out.write("\t".join((self.commit, cell, how, step[0], str(step[1]), outcome, step[2], f"{seconds:.1f}", why.replace("\n", " | "))) + "\n")
        out.flush()
        self.tried[cell, how] += 1
        self.missed[cell, how] += outcome == "not reached"
        self.passed += outcome == "ok"
        self.again += bool(again)
        self.killed_again += bool(again and again[1])
        if outcome in ("broken", "error"):
            self.bad.append((place, why))
        if outcome != "ok" or self.options.verbose:
            print(f"{'not ok' if outcome in ('broken', 'error') else 'ok'} - {place} ({outcome}) {why}".rstrip(), flush=True)

    def deal(self, tasks, name, steps):
        cell = cells.by_name(name)
        self.listed[name] = steps
        if self.options.list:
            return
        if cell == cells.WHOLE and len(steps) < FEWEST_STEPS:
            self.bad.append((name, f"only {len(steps)} steps"))
        for how in self.ways(cell):
            todo = [step for step in chosen(steps, self.options, cell, how) if (name, how, step[0], step[1]) not in self.done]
            for at in range(0, len(todo), CHUNK):
                self.put(tasks, (name, how, todo[at:at + CHUNK]))

    def list_points(self):
        """1 when a kill point has no step where it should have some."""
        empty = 0
        print("kill points:")
        for point, what in POINTS.items():
            steps = [f"{step[0]}:{step[1]}" for steps in self.listed.values() for step in steps if step[4] == point]
            print(f"  {point} {what}: {len(steps)} steps, {steps[0] if steps else 'NONE'} among them")
            empty += not steps
        for point, where in ELSEWHERE.items():
            print(f"  {point} {where}")
        return 1 if empty else 0

    def report(self):
        if self.options.list:
            for name, steps in self.listed.items():
                print(f"{name}: {len(steps)} steps")
                for kind, number, word, apart, point in steps:
                    print(f"  {kind}:{number} {word}".rstrip() + (f"  [{point}]" if point else "") + ("" if apart else "  (as the one before)"))
            return self.list_points()
        for name, steps in self.listed.items():
            print(f"# {name}: {len(steps)} steps, {sum(step[3] for step in steps)} that differ in what was sent before")
        for (name, how), missed in self.missed.items():
            if missed > max(SPARE_MISSED, MOST_MISSED * self.tried[name, how]):
                self.bad.append((f"{name} {how}", f"{missed} of {self.tried[name, how]} steps were never reached"))
            elif missed:
                print(f"# {name} {how}: {missed} of {self.tried[name, how]} steps were not reached, twice")
        for place, why in self.bad:
            print(f"not ok - {place}: {why}")
        mean = sum(self.seconds) / len(self.seconds) if self.seconds else 0.0
        print(f"# {len(self.seconds)} breaks, {mean:.1f} s each; {self.killed_again} of {self.again} recoveries were killed as well; "
              f"{self.missed.total()} steps were not reached, twice")
        print(f"{self.passed} passed, {len(self.bad)} failed")
        return 1 if self.bad or not self.seconds and not self.done else 0


def main():
    parser = argparse.ArgumentParser(prog="scripts/test-faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every step of every cell by death; of two cells by every other way too")
    parser.add_argument("--wide", action="store_true", help="--all, and two cells of folders by every other way")
    parser.add_argument("--every", action="store_true", help="by death also at the steps before which nothing new was sent")
    parser.add_argument("--list", action="store_true", help="prints the steps and breaks nothing")
    parser.add_argument("--cell", action="append", default=[], metavar="NAME", help="only this cell, whole (may be repeated)")
    parser.add_argument("--debian13", action="store_true", help="the cells with Debian 13's servers in the others' place")
    parser.add_argument("--how", action="append", default=[], choices=BREAKS, help="only in this way (may be repeated)")
    parser.add_argument("--step", action="append", default=[], metavar="KIND:N", help="only this step (may be repeated)")
    parser.add_argument("--lanes", type=int, default=5, help="labs at once (5)")
    parser.add_argument("--resume", action="store_true", help="leaves out what passed before on the same commit")
    parser.add_argument("--verbose", action="store_true", help="a line for each step")
    options = parser.parse_args()
    options.all |= options.wide
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return Run(options).go()


if __name__ == "__main__":
    sys.exit(main())
