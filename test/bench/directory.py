#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The directory mirror at size, beside what the same servers can do at most: `scripts/bench-directory`.

The readers are two ldapsearch over LDAPS by pages, one after the other; the writer is a bare client (test/probe/ldap_probe) with the
same window of requests.  Each figure is measured in every round; medians and ratios are told, with the smallest and the largest.
"""

import pathlib
import sys

if __name__ == "__main__":  # as a script, test/ takes the place of test/bench/ on the path
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

import argparse
import asyncio
import datetime
import functools
import json
import os
import random
import statistics
import subprocess
import threading
import time

from lab import subscribers
from lab.lab import Lab
from lab.mirrord import ROOT, Mirror, toml_text
from lab.process import LabError, free_port
from lab.slapd import Slapd

PAGE, CHANGES, SLOW_CHANGES, SLOW_ALONE = 1000, 1000, 640, 32
AUDIO, AUDIO_COUNTS = 65536, (1000, 5000)


def say(text=""):
    print(text, flush=True)


class DelayedLine:
    """A TCP line to one server whose every octet is `seconds` on its way, each direction alike."""

    def __init__(self, port, seconds):
        self.target, self.seconds, self.port = port, seconds, free_port()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, daemon=True).start()
        time.sleep(0.3)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        self.loop.run_forever()

    async def _serve(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer), return_exceptions=True)

    async def _carry(self, reader, writer):
        while data := await reader.read(1 << 16):
            self.loop.call_later(self.seconds, writer.write, data)
        self.loop.call_later(self.seconds, writer.close)


def memory(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {name: int(text.split(f"{name}:")[1].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")}


class Bench:
    def __init__(self, options, lab, mirror):
        self.options, self.lab, self.mirror = options, lab, mirror
        self.figures = {}

    def note(self, name, value):
        self.figures.setdefault(name, []).append(value)

    def configure(self, dr_port=None, **link):
        text = self.mirror.document_text([])
        for store, server, who, port in (("production", self.production, "reader", None), ("dr", self.dr, "writer", dr_port)):
            name = f"{store}.ldap-password"
            self.lab.workdir.write(f"{self.mirror.name}/{name}", server.passwords[who] + "\n", 0o600)
            text += (f'[store.{store}.directory]\nhost = "localhost"\nport = {port or server.port}\nbind_dn = {toml_text(server.dn(who))}\n'
                     f'password_file = "{name}"\nca_file = {toml_text(str(server.authority.cert))}\nbase_dn = {toml_text(server.people)}\n')
        settings = {"scheduled": "off", "window_size": self.options.window, **link}
        text += "[link.dr.directory]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
        self.mirror.document.write_text(text)
        self.mirror.ctl("config", "apply", str(self.mirror.document))

    def run(self):
        """Seconds of a run, by the database's clock: from its start to its end."""
        answer = self.mirror.ctl("directory", "run", codes=(0,), timeout=1800)
        item = answer if "started_at" in answer else answer.get("run", answer)
        item = self.mirror.ctl("run", "show", item["id"]) if "started_at" not in item else item
        begin, end = (datetime.datetime.fromisoformat(item[name].replace("Z", "+00:00")) for name in ("started_at", "finished_at"))
        return (end - begin).total_seconds()

    def read_bare(self, server, who):
        begin = time.monotonic()
        command = server._search_command(None, "sub", "(objectClass=mmSubscriber)", ("*", "entryUUID", "entryCSN"), who, True, "-E",
                                         f"pr={PAGE}/noprompt")
        with open(os.devnull, "wb") as nothing:
            subprocess.run(command, stdout=nothing, stderr=subprocess.PIPE, check=True, cwd="/", env=server._environment())
        return time.monotonic() - begin

    def write_bare(self, port, count, window, attribute):
        secret = self.lab.workdir.write("bare.password", self.dr.passwords["writer"] + "\n", 0o600)
        done = subprocess.run([str(word) for word in (
            self.options.build / "test/probe/ldap_probe", "--address", f"localhost:{port}", "--ca", self.dr.authority.cert, "--dn",
            self.dr.dn("writer"), "--password-file", secret, "--base", self.dr.people, "--filter", "(objectClass=mmSubscriber)", "modify",
            "--attribute", attribute, "--window", window, "--count", count)], capture_output=True, text=True, check=True, cwd="/")
        answer = json.loads(done.stdout.splitlines()[-1])
        if answer["codes"] != {"0": count}:
            raise LabError(f"the bare writer: {answer}")
        return answer["seconds"]

    def change(self, count, text):
        """On production, `count` entries spread over the whole."""
        people = sorted(self.numbers)[:: max(1, len(self.numbers) // count)][:count]
        ldif = "".join(f"dn: {self.production.dn_of(number)}\nchangetype: modify\nreplace: Misc2\nMisc2: {text}\n\n" for number in people)
        self.production.change(ldif.encode(), timeout=600)

    def apply_seconds(self):
        """What the changes of the last run took, from the first that was sent to the last answer."""
        plan = self.mirror.ctl("directory", "status")["items"][0]["last_plan"]["id"]
        (seconds, count), = self.lab.postgres.sql("select extract(epoch from max(ended_at) - min(sent_at)), count(*) from directory_change "
                                                  f"where plan_id = {plan} and state = 'done'")
        return float(seconds), int(count)

    def measure(self):
        options = self.options
        say(f"{options.subscribers} subscribers, seed {options.seed}")
        people = subscribers.make(options.subscribers, options.seed, recorded=options.recorded)
        self.numbers = [subscribers.number_of(person) for person in people]
        self.production = Slapd(self.lab.workdir, "production", self.lab.authority, user="mmprod", maxsize=16 << 30).up(people)
        self.dr = Slapd(self.lab.workdir, "dr", self.lab.authority, user="mmdr", maxsize=16 << 30).up()
        del people
        self.configure()
        before = memory(self.mirror.process.pid)
        self.note("first fill", self.run())
        self.note("memory after the first fill, MiB", memory(self.mirror.process.pid)["VmHWM"] - before["VmRSS"])
        for number in range(options.rounds):
            self.round(number)
        self.slow_line()

    def round(self, number):
        readers = self.read_bare(self.production, "reader") + self.read_bare(self.dr, "writer")
        self.note("two bare readers", readers)
        writes = self.dr.writes()
        unchanged = self.run()
        if self.dr.writes() != writes:
            raise LabError("a run without a change wrote")
        self.note("run without a change", unchanged)
        self.note("run without a change / two bare readers", unchanged / readers)
        bare = CHANGES / self.write_bare(self.dr.port, CHANGES, self.options.window, "Misc4")
        self.run()  # what the bare writer did is drift: put right, not measured
        self.change(CHANGES, f"round {number}")
        self.note("run with 1,000 changes", self.run())
        seconds, count = self.apply_seconds()
        if count != CHANGES:
            raise LabError(f"{count} changes, not {CHANGES}")
        self.note("bare writer, changes a second", bare)
        self.note("mirrord, changes a second", count / seconds)
        self.note("changes a second, mirrord / bare writer", count / seconds / bare)
        self.note("memory at most, MiB", memory(self.mirror.process.pid)["VmHWM"])
        say(f"round {number + 1}: " + ", ".join(f"{name} {values[-1]:.2f}" for name, values in self.figures.items()))

    def slow_line(self):
        line = DelayedLine(self.dr.port, 0.010)
        rates = {}
        for window, count in ((1, SLOW_ALONE), (self.options.window, SLOW_CHANGES)):
            self.configure(dr_port=line.port, window_size=window)
            self.run()
            self.change(count, f"over a slow line {window}")
            self.run()
            seconds, done = self.apply_seconds()
            rates[window] = done / seconds
            self.note(f"20 ms round trip, window {window}, changes a second", rates[window])
        self.note("20 ms round trip, window / one at a time", rates[self.options.window] / rates[1])

    def audio(self, count):
        """As many subscribers with 64 KiB of recorded name each: what the first fill and a run after it need of memory."""
        people = subscribers.make(count, self.options.seed, recorded=0.0)
        noise = random.Random(self.options.seed)
        for person in people:
            person["umRecordedName"] = [noise.randbytes(AUDIO)]
        self.production = Slapd(self.lab.workdir, "production", self.lab.authority, user="mmprod", maxsize=16 << 30).up(people)
        self.dr = Slapd(self.lab.workdir, "dr", self.lab.authority, user="mmdr", maxsize=16 << 30).up()
        self.configure()
        before = memory(self.mirror.process.pid)["VmRSS"]
        self.note(f"{count} recorded names of 64 KiB: first fill", self.run())
        self.note(f"{count} recorded names of 64 KiB: run without a change", self.run())
        self.note(f"{count} recorded names of 64 KiB: memory above that at rest, MiB", memory(self.mirror.process.pid)["VmHWM"] - before)

    def stop(self):
        for name in ("production", "dr"):
            server = self.__dict__.get(name)
            if server:
                server.stop()

    def table(self):
        lines = ["| figure | median | smallest to largest |", "|---|---|---|"]
        for name, values in self.figures.items():
            spread = f"{min(values):.2f} to {max(values):.2f}" if len(values) > 1 else ""
            lines.append(f"| {name} | {statistics.median(values):.2f} | {spread} |")
        return "\n".join(lines)


def told(figures):
    """What the figures mean, and which goals they reach."""
    median = {name: statistics.median(values) for name, values in figures.items()}
    goals = (("a run without a change in at most 2.0 times the two bare readers, without a write (the goal is 1.5)",
              median["run without a change / two bare readers"], lambda value: value <= 2.0),
             ("1,000 changes at 0.8 or more of the bare writer's rate", median["changes a second, mirrord / bare writer"],
              lambda value: value >= 0.8),
             ("at 20 ms round-trip time the window at least 20 times faster than one at a time",
              median["20 ms round trip, window / one at a time"], lambda value: value >= 20.0))
    lines = ["", "Two bare readers: ldapsearch over LDAPS by pages of 1,000, production and then DR. The bare writer: as many modifications, the same",
             "window, one attribute each; mirrord asks each time for the entry as it was, on the condition that it is as it was read (RFC 4527, RFC 4528),",
             "and records before and after. In the first run after a fill all of DR's entries are new to PostgreSQL: that is the largest of the runs",
             "without a change.", ""]
    lines += [f"- {'reached' if reached(value) else '**not reached**'}: {what}: {value:.2f}" for what, value, reached in goals]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=lambda name: pathlib.Path(name).resolve(), default=ROOT / "build/release")
    parser.add_argument("--subscribers", type=int, default=50000)
    parser.add_argument("--recorded", type=float, default=0.0, help="the share with a recorded name")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--window", type=int, default=64)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--write", action="store_true", help="into docs/performance-directory.md")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    figures = {}
    for work in (Bench.measure, *(functools.partial(Bench.audio, count=count) for count in AUDIO_COUNTS)):
        with Lab(ROOT / "build", [], fsync=True) as lab, Mirror(lab, build=options.build, test_times=False) as mirror:
            bench = Bench(options, lab, mirror)
            bench.figures = figures
            try:
                work(bench)
            finally:
                bench.stop()
    table = bench.table()
    say(table)
    if options.write:
        text = (f"# The directory mirror at size\n\nMade by `scripts/bench-directory --write`; do not edit. {options.subscribers} subscribers, "
                f"{options.recorded:.0%} of them with a recorded name, {options.rounds} rounds, {os.cpu_count()} cores, load {load:.1f} at the "
                f"start, {datetime.date.today()}. Seconds where nothing else is said.\n\n{table}\n{told(figures)}")
        (ROOT / "docs/performance-directory.md").write_text(text)


if __name__ == "__main__":
    main()
