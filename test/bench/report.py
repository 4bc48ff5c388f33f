# SPDX-License-Identifier: Apache-2.0
"""The figures as a document: tables, how they were made, and what is weaker than the goals."""

import os
import platform
import statistics
import subprocess
import time

_NAMES = ("yardstick", "mbsync", "dsync", "mirrord")
_PEERS = ("mbsync", "dsync")
FIRST_COPY_LIMIT, DELAY_LIMIT = 2.0, 0.050


def _first_line(*argv):
    result = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False)
    return (result.stdout or result.stderr).strip().splitlines()[0]


def _memory_gib():
    with open("/proc/meminfo", encoding="ascii") as file:
        return round(int(file.readline().split()[1]) / 2 ** 20)


def about(options, bench, load, fsync):
    version = subprocess.run([f"{options.build}/daemon/mirrord", "--version"], capture_output=True, text=True, cwd="/",
                             check=False).stdout.split("\n")[0]
    return {"date": time.strftime("%Y-%m-%d", time.gmtime()), "cores": os.cpu_count(), "memory": _memory_gib(),
            "machine": platform.machine(), "rounds": options.rounds, "at_once": options.at_once, "seed": options.seed,
            "mailboxes": options.mailboxes, "messages": bench.messages, "octets": bench.octets,
            "load": [*load], "load_end": os.getloadavg(), "fsync": fsync,
            "versions": [version, "mbsync (" + _first_line("mbsync", "--version") + ")",
                         "Dovecot and dsync " + _first_line("dovecot", "--version"),
                         _first_line(bench.lab.postgres.bin / "postgres", "--version")]}


def _percentile(values, share):
    return values[min(len(values) - 1, int(share * len(values)))]


def delay_text(delays):
    if not delays["told"]:
        return f"no deposit was both told and seen; {delays['untold']} untold, {delays['late']} not on DR in time"
    parts = []
    for word, name in (("told", "told -> on DR"), ("stored", "stored on production -> on DR")):
        values = delays[word]
        parts.append(f"{name}: median {statistics.median(values) * 1000:.0f} ms, p95 {_percentile(values, 0.95) * 1000:.0f} ms, "
                     f"largest {values[-1] * 1000:.0f} ms")
    return "; ".join(parts) + (f"; of {len(delays['stored']) + delays['late']} deposits {delays['untold']} were not told to the "
                               f"second watcher and {delays['late']} were not on DR within 40 s")


def _row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


class Medians:
    """Of the rounds that count."""

    def __init__(self, rounds):
        self.valid = [figures for figures in rounds if not figures["void"]]
        self.rounds = self.valid or rounds

    def values(self, what, name, read):
        return [read(figures[what][name]) for figures in self.rounds if name in figures.get(what, {})]

    def wall(self, what, name):
        values = self.values(what, name, lambda figure: figure.wall)
        return statistics.median(values) if values else None

    def tool(self, what, name):
        values = self.values(what, name, lambda figure: figure.tool)
        return statistics.median(values) if values else None

    def ratio(self, what, name, other):
        """The median of the ratios within each round: what slows a whole round down is in both."""
        pairs = [figures[what] for figures in self.rounds]
        return statistics.median(pair[name].wall / pair[other].wall for pair in pairs)


def _pass_table(medians, what, title, names):
    lines = ["", f"### {title}", "", _row("", *names), _row(*["---"] * (len(names) + 1))]

    def line(label, read, digits=2):
        cells = []
        for name in names:
            values = medians.values(what, name, read)
            cells.append(f"{statistics.median(values):.{digits}f}" if values else "")
        lines.append(_row(label, *cells))

    line("wall, s", lambda figure: figure.wall)
    spans = []
    for name in names:
        values = medians.values(what, name, lambda figure: figure.wall)
        spans.append(f"{min(values):.2f} to {max(values):.2f}" if values else "")
    lines.append(_row("smallest to largest", *spans))
    if what == "first copy":
        lines.append(_row("times the yardstick", *(f"{medians.ratio(what, name, 'yardstick'):.2f}" for name in names)))
    line("CPU of the tool, s", lambda figure: figure.tool)
    line("of it PostgreSQL, s", lambda figure: figure.database)
    line("CPU of both servers, s", lambda figure: figure.servers)
    return lines


def _wire_table(bench):
    boxes = len(bench.lab.mailboxes)
    lines = ["", "### A pass without changes on the wire, for each mailbox", "",
             _row("", "connections", "turns, production + DR", "bytes sent", "bytes received", "bytes in all"),
             _row(*["---"] * 6)]
    for name in ("mbsync", "dsync", "mirrord"):
        sides = bench.wires[name]
        total = [sum(getattr(wire, field) for wire in sides.values()) / boxes for field in ("connections", "up", "down")]
        turns = " + ".join(f"{wire.turns / boxes:.1f}" for wire in sides.values())
        lines.append(_row(name, f"{total[0]:.1f}", turns, f"{total[1]:.0f}", f"{total[2]:.0f}", f"{total[1] + total[2]:.0f}"))
    wire = bench.wires["watching"]["production"]
    lines += ["", f"Besides, all the time: mirrord's watchers, a connection for each mailbox, with a poll each 30 s: in a quiet "
              f"minute {wire.turns / boxes:.1f} turns and {(wire.up + wire.down) / boxes:.0f} bytes for each mailbox."]
    return lines


def _totals(bench, name, only=None):
    """For each mailbox, on both sides or on one."""
    boxes = len(bench.lab.mailboxes)
    sides = [wire for side, wire in bench.wires[name].items() if only in (None, side)]
    return {"turns": sum(wire.turns for wire in sides) / boxes, "bytes": sum(wire.up + wire.down for wire in sides) / boxes}


def goals(bench, medians):
    """(reached, sentence) of each goal."""
    times = medians.ratio("first copy", "mirrord", "yardstick")
    yield times <= FIRST_COPY_LIMIT, f"first copy at most {FIRST_COPY_LIMIT} times the yardstick: {times:.2f} times"
    quickest = min(_PEERS, key=lambda name: medians.wall("first copy", name))
    share = medians.ratio("first copy", "mirrord", quickest)
    yield share <= 1.0, f"first copy no slower than the faster of the peers: {share:.2f} times {quickest}"
    best = min(_PEERS, key=lambda name: medians.tool("no change", name))
    mine, theirs = medians.tool("no change", "mirrord"), medians.tool("no change", best)
    yield mine < theirs, f"a pass without changes in less CPU than the best peer: {mine:.2f} s against {theirs:.2f} s ({best})"
    if bench.wires:
        # Like with like: dsync has no connection to DR, so with it only production's can be compared.
        for side, where, peers in (("production", "to production", _PEERS), (None, "to both stores", ("mbsync",))):
            mine = _totals(bench, "mirrord", side)
            for word in ("turns", "bytes"):
                best = min(peers, key=lambda name: _totals(bench, name, side)[word])
                theirs = _totals(bench, best, side)[word]
                yield mine[word] < theirs, (f"a pass without changes in fewer {word} {where} than the best peer, for each mailbox: "
                                            f"{mine[word]:.0f} against {theirs:.0f} ({best})")
    if bench.delays and bench.delays["told"]:
        median = statistics.median(bench.delays["told"])
        yield median < DELAY_LIMIT, f"told -> on DR, median under {DELAY_LIMIT * 1000:.0f} ms: {median * 1000:.0f} ms"


def document(told, bench):
    medians = Medians(bench.rounds)
    void = sum(figures["void"] for figures in bench.rounds)
    loads = ", ".join(f"{value:.1f}" for value in (told["load"][0], told["load_end"][0]))
    lines = ["# Performance", "", "Made by `scripts/bench --write`; do not edit. Times depend on the machine, ratios less so.", "",
             f"- {told['date']}, {told['cores']} cores ({told['machine']}), {told['memory']} GiB of memory, everything on this "
             f"one machine; load (1 min) before and after: {loads}.",
             "- " + "; ".join(told["versions"]) + ".",
             f"- {told['mailboxes']} mailboxes, {told['messages']} messages, {told['octets'] / 1e6:.0f} MB, seed {told['seed']}: voice "
             "messages and texts in INBOX, Saved, Archive and Greetings. Production maildir, DR sdbox, loopback, TLS. "
             "The default of the bench is 100 mailboxes, 5,000 messages, 400 MB.",
             f"- {told['rounds']} rounds, interleaved, medians; {void} void (mbsync under 1.5 times the yardstick)."
             + (" **No round counts: the figures below are for looking only.**" if void == len(bench.rounds) else ""),
             f"- The yardstick writes from memory over {told['at_once']} connections; a peer runs {told['at_once']} processes at once; "
             "mirrord has its default of 4 workers. PostgreSQL with fsync.",
             "- dsync reads production over IMAP (imapc) and writes DR's storage on disk, past DR's server. mbsync uses IMAP on both "
             "sides; it adds a header to every message and loses keywords and subscriptions.",
             "- mirrord's CPU includes PostgreSQL's. It holds a watch connection for each mailbox while it works.",
             "", "## Figures"]
    lines += _pass_table(medians, "first copy", "First copy", _NAMES)
    lines += _pass_table(medians, "no change", "A pass without changes (for mirrord: the review, with cold sessions)", _NAMES[1:])
    full = medians.wall("full compare", "mirrord")
    if full:
        lines += ["", f"mirrord's complete compare (`resync --all --wait`: every flag and UID from both servers): {full:.2f} s, "
                  f"CPU {medians.tool('full compare', 'mirrord'):.2f} s."]
    lines += _pass_table(medians, "delta", "Delta: a deposit, two flag changes and a deletion in every mailbox", _NAMES[1:])
    lines += ["", "For mirrord: `resume --wait`, until every mailbox has been compared and is equal, opening the watchers included; its "
              "end is asked for each 250 ms at last. Changes made while mirrord runs do not wait for a pass."]
    if bench.wires:
        lines += _wire_table(bench)
    if bench.delays:
        lines += ["", "### Delay of a single deposit", "", delay_text(bench.delays) + ".", "",
                  "Told: a second client on production that uses NOTIFY as mirrord does, so Dovecot's own 500 ms are not in the first "
                  "figure, but in the second. DR is asked every 2 ms."]
    lines += ["", "## Goals", ""]
    judged = list(goals(bench, medians))
    if max(told["load"][0], told["load_end"][0]) > 1.0:
        lines += ["**The machine was not quiet** (see the load above): look at the ratios and at smallest to largest.", ""]
    lines += [f"- {'reached' if good else '**not reached**'}: {text}" for good, text in judged]
    lines += ["", "dsync reads and writes DR's storage on disk, without a connection: with it only production's side is compared."]
    if medians.tool("no change", "mirrord"):
        base = statistics.median(medians.values("no change", "mirrord", lambda figure: figure.database))
        lines += [f"Of mirrord's CPU in a pass without changes PostgreSQL has {base:.2f} s; the peers keep no such record."]
    return "\n".join(lines)
