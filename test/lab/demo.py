#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The demo: two real stores, each with a directory that says who may log in, a first copy, live traffic and live administration,
and with --check a comparison.  Start it by scripts/demo."""

import sys

if __name__ == "__main__":  # as a script, test/ takes the place of test/lab/ on the path
    import pathlib
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

import argparse
import json
import os
import pathlib
import random
import signal
import statistics
import subprocess
import time

from lab import imapwire, subscribers
from lab.fill import parse_bytes
from lab.lab import Lab
from lab.mirrord import Mirror, ROOT, writes_in
from lab.process import LabError, Process, tail, wait_until

HERE = pathlib.Path(__file__).resolve().parent
# The longest any change may stay unseen when the store's own notification of it got lost, plus a margin: the slow
# poll under every watcher (engine.watch_poll).
POLLED_SINCE = 35.0
# Whose mailboxes are mirrored is for production's directory to say.
HAS_A_MAILBOX = "has a mailbox"
# Often enough that something is seen; an administrator's site does it four times a day.  The comparator knows no "written differently".
DIRECTORY = {"scheduled": "apply", "interval_seconds": 5, "jitter_seconds": 0, "spelling": True,
             "participation_filter": f"(Misc4={HAS_A_MAILBOX})"}


def say(text=""):
    print(text, flush=True)


def people(options, owners):
    """Production's subscribers: those with a mailbox lack nothing, some of the others do."""
    found = subscribers.make(max(options.subscribers, len(owners)), options.seed, incomplete=0.03, numbers=owners)
    whole, = subscribers.make(1, options.seed)
    for number, person in enumerate(found):
        if number < len(owners):
            for name in subscribers.REQUIRED:
                person.setdefault(name, whole[name])
            person["Misc4"] = [HAS_A_MAILBOX.encode()]
    return found


class Demo:
    def __init__(self, options, lab):
        self.options, self.lab = options, lab
        self.data = lab.workdir.data
        self.state, self.report = self.data / "state.json", self.data / "administration.json"
        self.mirror = Mirror(lab, build=options.build, test_times=False)
        self.lags = []

    def script(self, name, *arguments):
        return [sys.executable, str(HERE / name), "--lab", str(self.data), "--seed", str(self.options.seed), *map(str, arguments)]

    def fill(self):
        subprocess.run(self.script("fill.py", "--state", self.state, "--messages", self.options.messages, "--bytes",
                                   int(parse_bytes(self.options.bytes) * 1.03)), check=True)
        counts = json.loads(self.state.read_text())["counts"]
        wanted = {"mailboxes": self.options.mailboxes, "messages": self.options.messages,
                  "bytes": parse_bytes(self.options.bytes)}
        short = {name: counts[name] for name in wanted if counts[name] < wanted[name]}
        if short:
            raise LabError(f"filled less than asked for: {short}, asked {wanted}")
        return counts

    def first_copy(self, counts):
        self.mirror.create().start()
        begin = time.monotonic()
        self.mirror.configure([], directory=DIRECTORY)
        try:
            wait_until(self.last_run, "the first run of the directory", min(60.0, self.options.patience), 0.1)
        except LabError as late:
            self.mirror.check_running()
            raise LabError(f"{late}:\n{tail(self.mirror.log)}") from late
        plan = self.directory()["last_plan"]
        say(f"directory: {plan['source_entries']} subscribers on production, {plan['states']['done']} of them brought to DR in "
            f"{time.monotonic() - begin:.1f} s, {plan['states']['waiting']} wait for a required field")
        shown, begin = 0.0, time.monotonic()
        while pending := self.mirror.pending():
            if time.monotonic() - begin > self.options.patience:
                raise LabError(f"the first copy did not end within {self.options.patience:g} s: {pending}\n"
                               + json.dumps(self.mirror.status()["problems"][:5], indent=1))
            if time.monotonic() - shown > 5:
                shown = time.monotonic()
                held = self.mirror.status()["counts"]
                say(f"  {time.monotonic() - begin:5.0f} s  {held['target_messages']} of {counts['messages']} messages on DR")
            time.sleep(0.2)
        seconds = time.monotonic() - begin
        say(f"first copy: {counts['messages']} messages, {counts['bytes'] / 1e6:.0f} MB in {seconds:.1f} s, "
            f"{counts['bytes'] / 1e6 / seconds:.0f} MB/s")

    # --- the directory --------------------------------------------------------------------------

    def directory(self):
        return self.mirror.ctl("directory", "status")["items"][0]

    def last_run(self):
        """The id of the last run's plan, 0 before the first and while one is under way."""
        status = self.directory()
        return int(status["last_plan"]["id"]) if status["last_plan"] and not status["running"] else 0

    def idle_run(self, after=0):
        """The last run, when it is a later one and found nothing to do: who waits for a required field is not to be done."""
        status = self.directory()
        plan = status["last_plan"]
        if status["running"] or not plan or int(plan["id"]) <= after or not plan["source_complete"] or not plan["target_complete"]:
            return 0
        return 0 if any(count for state, count in plan["states"].items() if state != "waiting") else int(plan["id"])

    def directory_line(self):
        status = self.directory()
        plan = status["last_plan"]
        if not plan:
            return "directory  not compared yet"
        changes = ", ".join(f"{kind} {count}" for kind, count in plan["kinds"].items() if count)
        return (f"directory  {plan['source_entries']} subscribers on production, {plan['target_entries']} on DR; the last run, "
                f"{plan['created_at'][11:19]}, found {plan['equal_entries']} equal and {changes or 'nothing'} to do; "
                f"{status['pairs']['disabled']} disabled")

    def wait_for_directory(self):
        begin, last = time.monotonic(), wait_until(self.last_run, "a moment between two runs of the directory", self.options.patience, 0.1)
        # The run after the next began after the last change for certain.
        wait_until(lambda: self.idle_run(last + 1), "a run of the directory that finds nothing to do", self.options.patience, 0.2)
        say(f"directory: nothing to do {time.monotonic() - begin:.0f} s after the last change")

    def compare_directories(self):
        """The comparator, as a program of its own; the exit code."""
        return subprocess.run([sys.executable, str(ROOT / "test/compare/directories.py"), "--lab", str(self.data), "--report",
                               str(self.report), "--least", str(self.options.subscribers - 20)], check=False).returncode

    def locked_out(self):
        """Whose password of production's directory does not open the mailbox on DR."""
        there = self.lab.directories["production"].snapshot()
        for owner in self.lab.mailboxes:
            try:
                with imapwire.Client(self.lab.dr.host, self.lab.dr.port, self.lab.authority.cert) as client:
                    client.login(owner, there[owner]["Password"][0].decode())
            except imapwire.WireError as error:
                yield f"{owner} cannot log in on DR: {type(error).__name__}"

    # --- what happens meanwhile -----------------------------------------------------------------

    def live(self, seconds):
        """Live traffic and administration as children: they stop on SIGINT, and then say what they did."""
        children = []
        for name, arguments in (("traffic", ("--state", self.state)), ("administration", ("--report", self.report))):
            child = Process(name, self.script(f"{name}.py", "--seconds", seconds, *arguments), self.lab.workdir.log(name),
                            stop_signal=signal.SIGINT).start()
            self.lab.workdir.on_close(child.stop, child.ask)
            children.append(child)
        return children

    @staticmethod
    def told(child):
        say(pathlib.Path(child.log).read_text().rstrip())
        if child.child.returncode != 0:
            raise LabError(f"the {child.name} ended with {child.child.returncode}")

    def watch(self, children, seconds):
        """Samples the lag while they run."""
        end = time.monotonic() + seconds + 60
        while any(child.running() for child in children):
            self.lags.append(self.mirror.status()["rpo"]["seconds"])
            if time.monotonic() > end:
                raise LabError("the traffic does not end")
            time.sleep(1.0)
        for child in children:
            self.told(child)
        say(f"lag while it ran: median {statistics.median(self.lags):.0f} s, largest {max(self.lags)} s "
            f"({len(self.lags)} samples of the oldest pending change)")

    def wait_for_lag_zero(self):
        """Nothing pending, and every mailbox has been polled since the last change."""
        begin = time.monotonic()
        while True:
            self.mirror.wait_settled(self.options.patience)
            if time.monotonic() - begin > POLLED_SINCE:
                break
            time.sleep(0.5)
        say(f"lag zero: nothing pending {time.monotonic() - begin:.0f} s after the last change")

    def compare(self):
        """The comparator, as a program of its own; the exit code."""
        about, side = self.data, {}
        for name in ("production", "dr"):
            server = getattr(self.lab, name)
            side[name] = (f"{server.host}:{server.port}", str(about / f"{name}.mirror.login"))
        command = [sys.executable, str(ROOT / "test/compare/compare.py"), "--a", side["production"][0], "--login-file-a",
                   side["production"][1], "--b", side["dr"][0], "--login-file-b", side["dr"][1], "--ca",
                   str(self.lab.authority.cert), "--mailboxes", str(about / "mailboxes"), "--expected", str(self.state)]
        return subprocess.run(command, check=False).returncode

    def wrong(self):
        """What is not as it must be at the end."""
        status = self.mirror.status()
        for problem in status["problems"]:
            if problem.get("code") == "MRD-DIR-003":  # some subscribers are made to wait
                continue
            yield "mirrorctl status: " + " ".join(str(problem.get(word, "")) for word in ("kind", "object", "code", "text"))
        for word in ("quarantined", "held", "unknown", "foreign", "dirty", "retry"):
            if status["counts"][word]:
                yield f"{status['counts'][word]} {word}"
        for name, compare in (("stores", self.compare), ("directories", self.compare_directories)):
            code = compare()
            if code:
                yield f"the comparator of the {name} ended with {code}"
        yield from self.locked_out()
        report = self.lab.relay.totals()
        say("commands that reached production: "
            + ", ".join(f"{name} {count}" for name, count in report["totals"].items())
            + f"; {report['connections']} connections")
        if not report["totals"].get("EXAMINE"):
            yield "the relay saw no EXAMINE: mirrord did not go through it"
        for name, count in writes_in(report["totals"]).items():
            yield f"{name} reached production {count} times"

    def check(self):
        say(f"traffic and administration for {self.options.seconds:g} s")
        self.watch(self.live(self.options.seconds), self.options.seconds)
        self.wait_for_directory()
        self.wait_for_lag_zero()
        failures = list(self.wrong())
        self.mirror.stop()
        for line in failures:
            say(f"wrong: {line}")
        say(f"demo --check: {'both stores and both directories are equal' if not failures else 'FAILED'}, seed {self.options.seed}")
        return 1 if failures else 0

    def look_around(self):
        socket, control = self.mirror.socket, self.mirror.control
        return (f"\nIn another terminal:\n  export MIRRORCTL_SOCKET={socket}\n  alias mirrorctl={control}\n"
                "  mirrorctl mailbox list        mirrorctl mailbox show 1001     mirrorctl mailbox history 1001\n"
                "  mirrorctl events --follow     mirrorctl verify --deep --wait  mirrorctl suspend --reason lunch\n"
                "  mirrorctl directory status    mirrorctl directory show 1001   mirrorctl directory history\n"
                f"Logs: {self.lab.workdir.data}/log    Ctrl-C ends the demo")

    def show(self):
        """The terminal view: until Ctrl-C."""
        children = self.live(0)
        terminal = sys.stdout.isatty()
        try:
            while all(child.running() for child in children):
                text = subprocess.run([self.mirror.control, "--socket", self.mirror.socket, "--color",
                                       "always" if terminal else "never", "status"], capture_output=True, text=True,
                                      check=False)
                say(("\x1b[H\x1b[2J" if terminal else "") + (text.stdout or text.stderr).rstrip() + "\n"
                    + self.directory_line() + "\n" + self.look_around())
                self.mirror.check_running()
                time.sleep(1.0 if terminal else 5.0)
            raise LabError("".join(f"the {child.name} ended:\n{child.log_tail()}" for child in children if not child.running()))
        except KeyboardInterrupt:
            say("\nstopping the traffic")
        for child in children:
            child.ask()
        for child in children:
            child.stop(60.0)
            say(pathlib.Path(child.log).read_text().rstrip())
        self.mirror.stop()
        return 0


def run(options):
    owners = [str(1001 + number) for number in range(options.mailboxes)]
    say(f"demo: seed {options.seed}, {options.mailboxes} mailboxes, {options.messages} messages, {options.bytes} bytes, "
        f"{options.subscribers} subscribers")
    with Lab(options.dir, owners, keep=options.keep, relay=options.check, people=people(options, owners)) as lab:
        demo = Demo(options, lab)
        if options.keep:
            say(f"demo: the data stays in {lab.workdir.data}")
        demo.first_copy(demo.fill())
        return demo.check() if options.check else demo.show()


def on_end(number, _):
    """Cleaning up is not interrupted again, and needs no terminal: the one that was closed cannot be written to."""
    for other in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(other, signal.SIG_IGN)
    if number == signal.SIGHUP:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
    sys.exit(128 + number)


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="no terminal: 90 s of traffic, then compare; exit 0 when equal")
    parser.add_argument("--seed", type=int, help="repeats a run's messages and changes")
    parser.add_argument("--keep", action="store_true", help="keeps mail, database and logs")
    hidden = argparse.SUPPRESS
    parser.add_argument("--mailboxes", type=int, default=100, help=hidden)
    parser.add_argument("--messages", type=int, default=5000, help=hidden)
    parser.add_argument("--subscribers", type=int, default=220, help=hidden)
    parser.add_argument("--bytes", default="400M", help=hidden)
    parser.add_argument("--seconds", type=float, default=90.0, help=hidden)
    parser.add_argument("--patience", type=float, default=600.0, help=hidden)
    parser.add_argument("--build", default=str(ROOT / "build/release"), help=hidden)
    parser.add_argument("--dir", default=str(ROOT / "build/demo"), help=hidden)
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1, 10 ** 6)
    # Every way of ending but SIGKILL goes through the lab's clean-up; children die by themselves even then.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_end)
    try:
        return run(options)
    except KeyboardInterrupt:
        return 130
    except (LabError, subprocess.CalledProcessError) as error:
        say(f"demo: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
