#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The bench: first copy, no-change pass and delta with mirrord, dsync and mbsync beside a bare writer.

Start it by scripts/bench, which installs and builds.  Rounds are interleaved: in each round every tool makes each kind of
pass once, in an order that changes from round to round, to a DR store of its own.  A round in which mbsync needs less
than 1.5 times the yardstick's time is void: the yardstick was slow.
"""

import sys

if __name__ == "__main__":  # as a script, test/ takes the place of test/bench/ on the path
    import pathlib
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

import argparse
import os
import pathlib
import signal
import time

from bench import corpus, delay, report
from bench.measure import measure
from bench.tools import Dsync, Mbsync, Mirrord, Yardstick
from bench.wiretap import Wiretap
from lab.dovecot import Dovecot
from lab.fill import parse_bytes
from lab.lab import Lab
from lab.mirrord import ROOT
from lab.process import LabError
from lab.state import Store

PEERS = (Mbsync, Dsync)
TOOLS = (Yardstick, Mbsync, Dsync, Mirrord)
VOID_BELOW = 1.5
WATCHED = 62.0  # seconds: two polls of every watcher with its default of 30 s


def say(text=""):
    print(text, flush=True)


class Bench:
    def __init__(self, options, lab):
        self.options, self.lab = options, lab
        self.rounds, self.wires, self.delays, self.number = [], {}, None, 0

    def store(self, server, login):
        return Store(f"{server.host}:{server.port}", self.lab.authority.cert, login=login, password=server.passwords[login])

    def fill(self):
        boxes = corpus.plan(self.lab.mailboxes, self.options.messages, parse_bytes(self.options.bytes), self.options.seed)
        begin = time.monotonic()
        corpus.PlainFiller(self.store(self.lab.production, "filler"), self.options.seed).run(boxes)
        self.messages, self.octets = corpus.count(self.store(self.lab.production, "filler"), self.lab.mailboxes)
        say(f"filled: {len(self.lab.mailboxes)} mailboxes, {self.messages} messages, {self.octets / 1e6:.0f} MB in "
            f"{time.monotonic() - begin:.1f} s")

    # --- DR stores ------------------------------------------------------------------------------

    def new_dr(self, name):
        self.number += 1
        server = Dovecot(self.lab.workdir, f"dr-{name}-{self.number}", self.lab.authority, "sdbox", "mmdr")
        server.add_mailboxes(self.lab.mailboxes)
        return server.up()

    def drop(self, tool):
        """Its files stay until the end: ext4 makes new ones more slowly while many were just deleted."""
        tool.close()
        tool.dr.stop()

    def check(self, tool, what):
        """A tool that copied less has no figure."""
        wanted = corpus.count(self.store(self.lab.production, "filler"), self.lab.mailboxes)[0]
        found = corpus.count(self.store(tool.dr, "filler"), self.lab.mailboxes)[0]
        if found != wanted:
            raise LabError(f"{tool.name}: after the {what} DR holds {found} messages, production {wanted}")

    # --- a round --------------------------------------------------------------------------------

    def measured(self, figures, what, tool, work):
        load = os.getloadavg()[0]
        figure = measure(tool, work)
        figures.setdefault(what, {})[tool.name] = figure
        say(f"  {what}: {tool.name} {figure.wall:.2f} s, CPU {figure.tool:.2f} s tool"
            + (f" (PostgreSQL {figure.database:.2f})" if figure.database else "")
            + f", {figure.servers:.2f} s servers; load {load:.1f}")

    def round(self, number):
        figures = {}
        order = TOOLS[number % len(TOOLS):] + TOOLS[:number % len(TOOLS)]
        say(f"round {number + 1}: {', '.join(kind.name for kind in order)}")
        content = corpus.read_all(self.store(self.lab.production, "filler"), self.lab.mailboxes)
        tools = {}
        for kind in order:
            tool = tools[kind] = kind(self.lab, self.new_dr(kind.name), self.options.at_once)
            if kind is Yardstick:
                tool.load(content)
            self.measured(figures, "first copy", tool, tool.first_copy)
            self.check(tool, "first copy")
            if kind is Mirrord:
                tool.suspend()
            elif kind is Yardstick:
                self.drop(tools.pop(kind))
                del content
        contestants = [kind for kind in order if kind in tools]
        for kind in contestants:
            self.no_change(figures, tools[kind])
        corpus.change(self.store(self.lab.production, "filler"), self.lab.mailboxes, f"{self.options.seed} {number}")
        for kind in contestants:
            tool = tools[kind]
            self.measured(figures, "delta", tool, tool.catch_up)
            self.check(tool, "delta")
            if kind is Mirrord:
                differences = tool.mirror.differences()
                if differences:
                    raise LabError("mirrord: not equal after the delta: " + "; ".join(differences[:5]))
                if number + 1 == self.options.rounds and self.options.deposits:
                    self.delay(tool)
                tool.suspend()
        for kind in contestants:
            self.drop(tools[kind])
        self.judge(figures)

    def no_change(self, figures, tool):
        if tool.name == "mirrord":
            tool.resume_and_cool()
        self.measured(figures, "no change", tool, tool.pass_over)
        if tool.name == "mirrord":
            tool.cool()
            self.measured(figures, "full compare", tool, tool.full_compare)
            tool.suspend()

    def judge(self, figures):
        times = {name: figure.wall for name, figure in figures["first copy"].items()}
        share = times["mbsync"] / times["yardstick"]
        figures["void"] = share < VOID_BELOW
        say(f"  mbsync took {share:.2f} times the yardstick" + (": the round is VOID" if figures["void"] else ""))
        self.rounds.append(figures)

    def delay(self, tool):
        say(f"  delay of {self.options.deposits} single deposits")
        owners = self.lab.mailboxes[:10]
        found = delay.measure(self.store(self.lab.production, "filler"), self.store(tool.dr, "filler"), owners,
                              self.options.deposits, self.options.seed)
        self.delays = delay.summary(found)
        say("  " + report.delay_text(self.delays))

    # --- over the wire --------------------------------------------------------------------------

    def wire(self):
        """A run of its own, because counting slows it down: what a pass without changes costs on the wire."""
        for kind in (*PEERS, Mirrord):
            dr = self.new_dr(kind.name)
            taps = {"production": Wiretap(("127.0.0.1", self.lab.production.port)).start(),
                    "dr": Wiretap(("127.0.0.1", dr.port)).start()}
            ports = {side: tap.port for side, tap in taps.items()}
            tool = kind(self.lab, dr, self.options.at_once, ports)
            if kind is Mirrord:
                # Every watcher's own poll is counted by itself, below.
                tool.mirror.restart({"watch_poll": "1h"})
            tool.first_copy()
            tool.pass_over()
            if kind is Mirrord:
                tool.cool()
            before = {side: tap.seen() for side, tap in taps.items()}
            tool.pass_over()
            if kind is Mirrord:
                tool.cool()  # until its sessions are closed: a log-out belongs to the pass
            self.wires[kind.name] = {side: tap.since(before[side]) for side, tap in taps.items()}
            if kind is Mirrord:
                tool.mirror.restart({"watch_poll": "30s"})
                tool.cool()
                time.sleep(5.0)
                before = taps["production"].seen()
                time.sleep(WATCHED)
                self.wires["watching"] = {"production": taps["production"].since(before)}
            self.drop(tool)
            for tap in taps.values():
                tap.stop()
            say(f"  wire: {kind.name} {self.wires[kind.name]}")


def run(options):
    owners = [str(1001 + number) for number in range(options.mailboxes)]
    Mirrord.build = options.build
    load = os.getloadavg()
    # dsync wants one separator on both sides.
    with Lab(options.dir, owners, production_options={"separator": "/"}) as lab:
        bench = Bench(options, lab)
        bench.fill()
        lab.dr.stop()  # each run has a DR of its own
        for number in range(options.rounds):
            bench.round(number)
        if options.wire:
            bench.wire()
        about = report.about(options, bench, load, lab.production.fsync)
        text = report.document(about, bench)
    say()
    say(text)
    if options.write:
        (ROOT / "docs/performance.md").write_text(text + "\n")
    return 0 if any(not figures["void"] for figures in bench.rounds) else 1


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mailboxes", type=int, default=100)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--bytes", default="400M")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=4, help="connections of the yardstick, processes of a peer (4)")
    parser.add_argument("--deposits", type=int, default=40, help="single deposits whose delay is measured (40; 0: none)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-wire", dest="wire", action="store_false", help="without the run that counts bytes and turns")
    parser.add_argument("--write", action="store_true", help="writes docs/performance.md")
    parser.add_argument("--build", default=str(ROOT / "build/release"), help=argparse.SUPPRESS)
    parser.add_argument("--dir", default=str(ROOT / "build/bench"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda what, _: sys.exit(f"bench: ended by signal {what}"))
    try:
        return run(options)
    except KeyboardInterrupt:
        return 130
    except LabError as error:
        say(f"bench: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
