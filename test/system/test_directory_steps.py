#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A directory run broken at its steps: mirrord dies, or loses a directory, or loses PostgreSQL, at a flush to a directory, a
read from one, a COMMIT or a state change; then it goes on.  Both directories end equal, every change on DR is in the history once, a
further run writes nothing, production is only read.  MIRROR_ALL_STEPS=1: at every step, not at a few."""

import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import subscribers
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import USER, Mirror, build_folder
from lab.postgres import Psql
from lab.process import LabError, wait_until
from lab.slapd import Slapd
from system.test_directory import configure, differences

cases = Cases()
COUNT, LIMIT = 14, 60.0
A_FEW = 6  # steps of each way, without MIRROR_ALL_STEPS
DATABASE, TEMPLATE = "mirrord", "prepared"


def copy(source, target):
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", "--", str(source), str(target)], check=True)


def administer(server, people):
    """Every kind of change, two numbers that change places and one that is given out again among them."""
    a, b, c, d, e, f, g = people[:7]
    server.modify(server.dn_of(a), [("replace", "sn", ["Neumann"]), ("replace", "Password", ["990017"])])
    server.modify(server.dn_of(b), [("replace", "umRecordedName", [b"RIFF" + b"\x55" * 9000])])
    for old, new in ((c, "88000"), (d, c), ("88000", d)):
        server.modrdn(server.dn_of(old), f"MailboxNumber={new}")
    server.delete(server.dn_of(e))
    server.delete(server.dn_of(f))
    server.modrdn(server.dn_of(g), f"MailboxNumber={f}")
    for number in ("77001", "77002"):
        server.add(server.dn_of(number), {**subscribers.make(1, int(number), numbers=[number])[0], "NumericAddress": [number],
                                          "Password": ["4711"], "sn": ["New"], "Community": ["1"], "ClassNo": ["1"]})


class Steps:
    """The prepared state, and one break after the other from it."""

    def __init__(self, mirror):
        self.mirror, self.dr, self.production = mirror, mirror.dr, mirror.production
        self.postgres = mirror.lab.postgres
        self.admin = Psql(self.postgres, "postgres", "postgres")
        self.broken = 0

    def prepare(self):
        mirror = self.mirror
        configure(mirror, deletions="disable")
        mirror.ctl("directory", "run", codes=(0,))
        people = sorted(self.production.snapshot())
        administer(self.production, people)
        self.gone = [people[4], people[5]]
        self.dr.modify(self.dr.dn_of(people[8]), [("replace", "givenName", ["By hand"])])
        mirror.stop()
        self.postgres.sql("insert into run (kind, link_id, requested_by, reason, options) select 'directory', id, 'test', 'steps', "
                          "'{\"apply\": true}' from link")
        self.dr.stop()
        copy(self.dr.folder / "mdb", self.dr.folder / "mdb-prepared")
        self.dr.start()
        copy(mirror.state, mirror.lab.workdir.data / "state-prepared")
        self.admin.rows(f'create database "{TEMPLATE}" template "{DATABASE}"')

    def reset(self):
        self.mirror.kill()
        self.dr.stop()
        copy(self.dr.folder / "mdb-prepared", self.dr.folder / "mdb")
        self.dr.start()
        self.admin.rows(f'drop database "{DATABASE}" with (force)')
        self.admin.rows(f'create database "{DATABASE}" owner mirrord template "{TEMPLATE}"')
        copy(self.mirror.lab.workdir.data / "state-prepared", self.mirror.state)
        log = self.mirror.state / "steps"
        log.unlink(missing_ok=True)
        return log

    def run_ended(self):
        rows = self.postgres.sql("select state from run where reason = 'steps'")
        return rows[0][0] in ("done", "failed", "cancelled")

    def until_ended(self):
        """True when the process died before its run had ended."""
        process, end = self.mirror.process, time.monotonic() + LIMIT
        while process.running():
            if self.run_ended():
                return False
            if time.monotonic() > end:
                raise LabError(f"the run does not end within {LIMIT:g} s")
            time.sleep(0.05)
        return True

    def launch(self, **env):
        self.mirror.env = env
        self.mirror.process.env = self.mirror.environment()
        self.mirror.process.start()

    def list(self):
        """The steps of an unbroken run."""
        log = self.reset()
        self.launch(MIRROR_STEP_LOG=str(log))
        self.until_ended()
        self.check("no break")
        kinds = ("production.sourceflush", "production.sourceread", "dr.targetflush", "dr.targetread", "commit", "state")
        lines = [line.split(" ")[:2] for line in log.read_text().splitlines()]
        return [(kind, int(number)) for kind, number in lines if kind in kinds]

    def break_at(self, kind, number, how):
        self.reset()
        self.launch(MIRROR_STEP=f"{kind}:{number}", MIRROR_STEP_DO=how)
        self.broken += self.until_ended() or how != "die"
        self.mirror.kill()  # a step that comes only after the run has nothing to break any more
        self.launch()
        self.until_ended()
        self.check(f"{how} at {kind}:{number}")

    def check(self, what):
        mirror = self.mirror
        mirror.env = {}
        if not mirror.process.running():
            mirror.start()
        mirror.process.env = mirror.environment()
        wait_until(lambda: mirror.try_ctl("status")[0] == 0, "mirrord", 30.0, 0.05)
        # A run that failed is the operator's to repeat; what was to go aside is disabled by the run that follows.
        for _ in range(2):
            mirror.ctl("directory", "run", codes=(0,), timeout=60)
        before = self.dr.writes()
        mirror.ctl("directory", "run", codes=(0,), timeout=60)
        if self.dr.writes() != before:
            raise LabError(f"{what}: a further run wrote")
        lines = [line for line in differences(mirror) if not line.startswith("left-") and line.split(" ")[0] not in self.gone[:1]]
        if lines:
            raise LabError(f"{what}: {lines[:5]}")
        for number, entry in self.dr.snapshot().items():
            if (number in self.gone[:1] or number.startswith("left-")) and "Password" in entry:
                raise LabError(f"{what}: {number} still gets in")
        rows = self.postgres.sql("select kind, key, count(*) from directory_history where kind in ('add', 'disable') group by kind, key "
                                 "having count(*) > 1")
        if rows:
            raise LabError(f"{what}: in the history more than once: {rows}")
        missing = self.postgres.sql("select x.kind, x.count from (values ('add', 2), ('disable', 2), ('rename', 4)) x(kind, count) where "
                                    "(select count(distinct (h.key, h.target_uuid)) from directory_history h where h.kind = x.kind and "
                                    "h.plan_id > (select min(id) from directory_plan)) < x.count")
        if missing:
            raise LabError(f"{what}: not in the history: {missing}")


@cases.add
def both_directories_end_equal_wherever_a_run_is_broken(mirror):
    steps = Steps(mirror)
    steps.prepare()
    found = steps.list()
    kinds = {}
    for kind, number in found:
        kinds.setdefault(kind, []).append(number)
    print(f"# steps: {', '.join(f'{kind} {len(numbers)}' for kind, numbers in kinds.items())}", flush=True)
    assert len(found) >= 40 and set(kinds) >= {"production.sourceread", "dr.targetflush", "dr.targetread", "commit", "state"}, kinds
    writes = mirror.production.writes()
    chance, failures = random.Random("directory steps"), []
    for how, fitting in (("die", list(found)), ("connection", [step for step in found if "." in step[0]]),
                         ("database", [step for step in found if step[0] == "commit"])):
        chosen = fitting if os.environ.get("MIRROR_ALL_STEPS") else sorted(chance.sample(fitting, min(A_FEW, len(fitting))))
        for kind, number in chosen:
            try:
                steps.break_at(kind, number, how)
            except LabError as error:
                failures.append(f"{how} at {kind}:{number}: {error}")
                print(f"# {failures[-1]}", flush=True)
    print(f"# {steps.broken} breaks", flush=True)
    assert not failures, failures[:3]
    assert mirror.production.writes() == writes, "production was written to"


def main():
    with Lab(build_folder(), ["1001"], fsync=False) as lab, Mirror(lab) as mirror:
        people = subscribers.make(COUNT, 11, recorded=0.3)
        mirror.production = Slapd(lab.workdir, "production", lab.authority, user="mmprod", fsync=False, identities={"reader": "read", "half": "read"}).up(people)
        mirror.dr = Slapd(lab.workdir, "dr", lab.authority, user="mmdr", fsync=False).up()
        try:
            return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")
        finally:
            mirror.production.stop()
            mirror.dr.stop()


if __name__ == "__main__":
    sys.exit(main())
