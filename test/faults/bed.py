# SPDX-License-Identifier: Apache-2.0
"""One cell on its servers: prepared once, then put back to the same state for every step at which it is broken.

A step's mailbox is a copy of the prepared one, under an owner of its own, so that no session of the last step can touch it;
its database is a copy of the prepared one.  The servers run on: only mirrord dies.
"""

import os
import random
import shutil
import signal
import subprocess
import time

from faults.api import Api, Unanswered
from faults.explained import unexplained
from faults.kill_points import Labels
from lab.mirrord import Mirror, writes_in
from lab.postgres import Psql
from lab.relay import RelayProcess
from lab.state import Store

BREAKS = ("die", "connection", "database", "session")
# The pass follows at once, its sessions stay: a step is then one thing in every run.
TIMES = {"echo": "0ms", "watch_poll": "1h", "pass_interval": "60s", "idle_session": "30s", "heartbeat": "1s", "retry_first": "1s"}
LIMIT = 40.0


def folder_of(server):
    """Of its messages, in the owner's home; None where a mailbox cannot be copied as files."""
    return {"maildir": "Maildir", "sdbox": "sdbox", "mdbox": "mdbox"}.get(server.fmt.removeprefix("dovecot24-"))


class Broken(Exception):
    """What a promise was not kept."""


class Bed:
    """The cell with its relays, the prepared state and the steps of its pass."""

    def __init__(self, lab, owners, cell):
        self.lab, self.cell, self.owners = lab, cell, owners
        tag = cell.name
        self.relays = {side: RelayProcess(lab.workdir, lab.authority, server, f"{side}-{tag}", hide=hide)
                       for side, server, hide in (("relay", lab.production, cell.hide), ("dr_relay", lab.dr, cell.hide_dr))}
        self.database, self.template = f"run-{tag}", f"prepared-{tag}"
        lab.postgres.make_database(self.database)
        self.server = Psql(lab.postgres, "postgres", "postgres")
        self.psql = None
        self.killed_again = None
        self.steps = []  # (kind, number, name, whether something left mirrord since the step before, kill point)

    # --- the prepared state -----------------------------------------------------------------------

    def use(self):
        """Its relays run, and no other cell's."""
        for name, relay in self.relays.items():
            current = getattr(self.lab, name)
            if current is relay:
                continue
            if current:
                current.stop()
            setattr(self.lab, name, relay.start())

    def prepare(self):
        self.use()
        self.owner = next(self.owners)
        with self.owners_client() as client:
            self.cell.scenario.before(client)
        self.mirror = Mirror(self.lab, engine=TIMES, name=f"mirrord-{self.cell.name}", database=self.database, profile=self.cell.profile)
        self.mirror.create().start()
        self.mirror.configure([self.owner])
        self.mirror.wait_equal(LIMIT, [self.owner])
        self.mirror.stop()
        with self.owners_client() as client:
            self.cell.scenario.changes(client)
        self.api = Api(self.mirror.socket)
        self.keep()
        self.count()
        return self

    def keep(self):
        """What the database and the node's own state are put back to."""
        self.server.rows(f'create database "{self.template}" template "{self.database}"')
        self.saved_state = self.lab.workdir.data / f"state-{self.cell.name}"
        copy(self.mirror.state, self.saved_state)

    def count(self):
        """Runs the pass once, unbroken, and notes its steps."""
        log = self.mirror.state / "steps"
        owner = self.reset()
        self.mirror.env = {"MIRROR_STEP_LOG": str(log)}
        self.until_idle(owner, self.launch())
        self.steps = steps_of(log.read_text())
        self.converge()
        self.check(owner)
        self.mirror.env = {}
        self.mirror.stop()

    def reset(self):
        """Everything as prepared, for a new owner; the owner."""
        owner = next(self.owners)
        for server in (self.lab.production, self.lab.dr):
            self.put_back(server, owner)
        self.put_back_memory()
        self.psql.rows(f"update mailbox set name = '{owner}', target_name = '{owner}', heard_at = null")
        return owner

    def put_back(self, server, owner):
        """The prepared mailbox, as this owner's."""
        part = folder_of(server)
        home = server.mail / owner
        home.mkdir(mode=0o700, exist_ok=True)
        shutil.chown(home, server.user, server.user)
        copy(self.source(server, part), home / part)

    def put_back_memory(self):
        if self.psql:
            self.psql.close()
        self.server.rows(f'drop database "{self.database}" with (force)')
        self.server.rows(f'create database "{self.database}" owner mirrord template "{self.template}"')
        self.psql = Psql(self.lab.postgres, self.database)
        shutil.rmtree(self.mirror.state)
        copy(self.saved_state, self.mirror.state)

    def source(self, server, part):
        """DR's copy is taken before the pass changes it."""
        kept = self.lab.workdir.data / f"{server.name}-{self.cell.name}"
        if not kept.exists():
            copy(server.mail / self.owner / part, kept)
        return kept

    def owners_client(self, owner=None):
        """As the owner's own program, past every relay."""
        server = self.lab.production
        return Store(f"{server.host}:{server.port}", self.lab.authority.cert, login="filler",
                     password=server.passwords["filler"]).connect(owner or self.owner)

    # --- one step ---------------------------------------------------------------------------------

    def run(self, kind, number, how, again=None):
        """Breaks the pass there; False when this run never came to the step.  Broken when a promise was not kept.

        `again`: a step at which the recovery is killed as well; `killed_again` says whether it came to that."""
        owner = self.reset()
        self.mirror.env = {"MIRROR_STEP": f"{kind}:{number}", "MIRROR_STEP_DO": "stop" if how == "session" else how}
        try:
            reached = getattr(self, f"by_{'death' if how == 'die' else how}")(owner)
            self.killed_again = None
            if again:
                self.mirror.kill()
                self.mirror.env = {"MIRROR_STEP": again}
                self.killed_again = self.by_death(owner)
            self.mirror.env = {}
            if not self.mirror.process.running():
                self.launch()
            self.recover(owner)
            self.converge()
            self.check(owner)
        finally:
            self.mirror.env = {}
            self.mirror.kill()
        return reached

    def launch(self):
        """Without waiting for an answer: it may be dead before it could give one."""
        process = self.mirror.process
        process.env = self.mirror.environment()
        process.start()
        return process

    def by_death(self, owner):
        process = self.launch()
        if self.until_idle(owner, process):
            return True
        self.mirror.kill()
        return False

    def by_connection(self, owner):
        log = self.mirror.state / "steps"
        kind, number = self.mirror.env["MIRROR_STEP"].split(":")
        self.mirror.env["MIRROR_STEP_LOG"] = str(log)
        self.launch()
        self.until_idle(owner, self.mirror.process)
        return any(line.startswith(f"{kind} {number} ") for line in log.read_text().splitlines())

    by_database = by_connection

    def by_session(self, owner):
        """mirrord stands still there; DR's session is killed at a random moment, the storage repaired, then mirrord goes on."""
        dice = random.Random(f"{self.cell.name} {self.mirror.env['MIRROR_STEP']}")
        process = self.launch()
        end = time.monotonic() + 15.0
        while not process.stands_still():
            if time.monotonic() > end or not process.running():
                return False
            time.sleep(0.01)
        time.sleep(dice.choice((0.0, dice.uniform(0.0, 0.03))))  # the server may be in the middle of it, or have done it
        for pid in self.lab.dr.session_pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.lab.dr.doveadm("force-resync", "-u", owner, "*", check=False)
        process.signal(signal.SIGCONT)
        self.until_idle(owner, process)
        return True

    def until_idle(self, owner, process):
        """True when the process died; False once it has compared the mailbox and has nothing to do."""
        end, idle_since = time.monotonic() + LIMIT, None
        while process.running():
            idle = self.psql.ask("select not exists (select 1 from dirty) and not exists (select 1 from lease) and exists "
                                 f"(select 1 from mailbox where name = '{owner}' and heard_at is not null) and not exists "
                                 "(select 1 from retry)") == "t"
            now = time.monotonic()
            idle_since = (idle_since or now) if idle else None
            if idle_since and now - idle_since > 0.4:
                return False
            if now > end:
                raise Broken(f"nothing comes to an end in {LIMIT:g} s")
            time.sleep(0.03)
        return True

    # --- the promises -----------------------------------------------------------------------------

    def recover(self, owner):
        """By itself: nobody asks for a compare."""
        end = time.monotonic() + LIMIT
        self.until_idle(owner, self.mirror.process)
        while lines := self.mirror.differences([owner]):
            if time.monotonic() > end:
                raise Broken("not equal by itself: " + "; ".join(lines[:5]))
            time.sleep(0.3)

    def converge(self):
        end = time.monotonic() + LIMIT
        while True:
            try:
                wrong = self.api.resync(LIMIT)
            except Unanswered as error:
                wrong = str(error)
                self.mirror.check_running()
            if wrong is None:
                return
            if time.monotonic() > end:
                raise Broken(f"resync: {wrong}")
            time.sleep(0.05)

    def check(self, owner):
        lines = self.mirror.differences([owner])
        if lines:
            raise Broken("; ".join(lines[:5]))
        before = self.dr_writes()
        self.converge()
        after = self.dr_writes()
        if before != after:
            raise Broken(f"a further pass wrote: {before} -> {after}")
        writes = writes_in(self.lab.relay.totals()["totals"])
        if writes:
            raise Broken(f"commands that write reached production: {writes}")
        for what, rows in unexplained(self.psql.rows, self.on_dr(owner)):
            if rows:
                raise Broken(f"{what}: {rows[:5]}")
        if problems := [row["code"] for row in self.api.ask("GET", "/api/v1/status")[1]["problems"]]:
            raise Broken(f"problems: {problems}")

    def on_dr(self, owner):
        """{folder: [(UIDVALIDITY, UID)]}, as text."""
        server = self.lab.dr
        with Store(f"{server.host}:{server.port}", self.lab.authority.cert, login="filler",
                   password=server.passwords["filler"]).connect(owner) as client:
            folders = {}
            for name, _, attributes in client.list():
                if not {"\\Noselect", "\\NonExistent"} & set(attributes):
                    about = client.select(name, examine=True)
                    uids = client.fetch("UID") if about["exists"] else ()
                    folders[name] = [(str(about["uidvalidity"]), str(uid)) for uid in uids]
            return folders

    def dr_writes(self):
        counts = writes_in(self.lab.dr_relay.totals()["totals"])
        counts.pop("SELECT", None)  # how DR is looked at
        return counts


def steps_of(log):
    """The steps of the first pass, up to its last COMMIT, without the watchers' steps: both depend on the moment."""
    steps, quiet, commits_left, labels = [], False, None, Labels()
    for line in log.splitlines():
        kind, number, name = line.split(" ", 2)
        if ".watch." not in kind:
            steps.append((kind, int(number), name, not (quiet and kind.endswith(".line")), labels.of(kind, name)))
        # Between two lines that were read nothing leaves mirrord: to die at either leaves the same world behind.
        quiet = kind.endswith(".line")
        if name == "checkpoint":
            commits_left = 2  # the checkpoint's own and the end of the work
        elif kind == "commit" and commits_left:
            commits_left -= 1
            if commits_left == 0:
                break
    return sorted(steps)


def copy(source, target):
    subprocess.run(["cp", "-a", "--", str(source), str(target)], check=True)
