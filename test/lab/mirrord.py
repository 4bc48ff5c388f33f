# SPDX-License-Identifier: Apache-2.0
"""A mirrord of a lab: settings, start, stop, kill, mirrorctl as JSON, and waiting until both stores are equal.

    with Lab(folder, relay=True, fsync=False) as lab, Mirror(lab) as mirror:
        mirror.configure()
        mirror.wait_equal(60)

The programs come from $MIRROR_BUILD (default build/sanitize).  mirrord runs as `mirrord-test`, mirrorctl as root.
Times in TEST_ENGINE are short, so that tests wait for fractions of what an administrator's site would.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from compare import compare
from lab.process import LabError, Process, wait_until
from lab.state import Store

ROOT = pathlib.Path(__file__).resolve().parents[2]
USER = "mirrord-test"
TEST_ENGINE = {"heartbeat": "200ms", "watch_poll": "2s", "pass_interval": "2s", "retry_first": "1s", "retry_longest": "5s",
               "probe_first": "1s", "probe_longest": "2s", "probe_refused": "3s", "idle_session": "5s"}
# What must never reach production while mirroring (law 1).
WRITES = {"STORE", "EXPUNGE", "CLOSE", "APPEND", "CREATE", "RENAME", "DELETE", "SELECT", "COPY", "MOVE", "SUBSCRIBE",
          "UNSUBSCRIBE", "SETMETADATA", "SETACL"}
_SANITIZERS = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS")


def build_folder():
    return pathlib.Path(os.environ.get("MIRROR_BUILD") or ROOT / "build/sanitize")


def toml_text(value):
    """A TOML value of a bool, number or text; JSON's escapes are TOML's."""
    return json.dumps(value, ensure_ascii=False)


def writes_in(totals):
    """{command: count} of the write commands among a relay's totals."""
    return {name: count for name, count in totals.items() if name.removeprefix("UID ") in WRITES}


def unescaped(part):
    """What a component of a name on DR stands for: its profile has some characters written as =XX."""
    return re.sub("=([0-9A-F]{2})", lambda match: chr(int(match.group(1), 16)), part)


class Mirror:
    """One mirrord against the two stores of a lab.  `engine` overrides TEST_ENGINE; a value of None leaves it out."""

    def __init__(self, lab, engine=None, name="mirrord", build=None, profile="dovecot", database="mirrord", env=None,
                 test_times=True, beside=None):
        """`beside`: another Mirror of the lab, whose key and database this one shares: a second node of its site."""
        self.lab, self.name, self.profile, self.env, self.beside = lab, name, profile, dict(env or {}), beside
        self.engine = {**(TEST_ENGINE if test_times else {}), **(engine or {})}
        self.build = pathlib.Path(build) if build else build_folder()
        self.dsn = lab.postgres.dsn_for(database)
        workdir = lab.workdir
        self.folder = workdir.folder(name)
        self.state = workdir.folder(f"{name}/state", USER, 0o700)
        self.hooks = workdir.folder(f"{name}/hooks.d")
        self.sockets = workdir.sockets / name
        self.socket = self.sockets / "control.sock"
        self.config = self.folder / "mirrord.toml"
        self.document = self.folder / "site.toml"
        self.log = workdir.log(name)
        self.process = None
        self.addresses = {}  # side -> (host, port), where mirrord is to take another way than the lab's

    def __enter__(self):
        return self.create().start()

    def __exit__(self, *_):
        self.stop()

    # --- the daemon -----------------------------------------------------------------------------

    def create(self):
        """Settings, key and schema; everything mirrord reads is where its user can read it."""
        self.sockets.mkdir(exist_ok=True)
        shutil.chown(self.sockets, USER, USER)
        for part in ("schema", "etc/profiles"):
            shutil.copytree(ROOT / part, self.folder / pathlib.Path(part).name, dirs_exist_ok=True)
        self.daemon = self._program("mirrord", "daemon")
        self.control = self._program("mirrorctl", "daemon")
        key = (self.beside.folder / "key").read_text() if self.beside else self._new_key()
        self.lab.workdir.write(f"{self.name}/key", key, 0o600, USER)
        self.write_config()
        if not self.beside:
            self.run_daemon_verb("db", "init")
        return self

    def _new_key(self):
        return subprocess.run([self.daemon, "generate-key"], check=True, capture_output=True, text=True, cwd="/").stdout

    def _program(self, name, place):
        for program in (self.build / place / name, self.build / "bin" / name, self.build / name):
            if program.exists():
                return self.lab.workdir.publish(program)
        raise LabError(f"{self.build} has no {name}: build it first")

    def write_config(self):
        engine = {"node": self.name, "profile_directory": str(self.folder / "profiles"),
                  "hook_directory": str(self.hooks), "state_directory": str(self.state), **self.engine}
        lines = [f"key_file = {toml_text(str(self.folder / 'key'))}", "[database]",
                 f"connection = {toml_text(self.dsn)}", f"schema_directory = {toml_text(str(self.folder / 'schema'))}",
                 "[control]", f"socket = {toml_text(str(self.socket))}", f'group = "{USER}"', "[engine]",
                 *(f"{key} = {toml_text(value)}" for key, value in engine.items() if value is not None)]
        self.lab.workdir.write(f"{self.name}/mirrord.toml", "\n".join(lines) + "\n")

    def environment(self):
        passed = {name: os.environ[name] for name in _SANITIZERS if name in os.environ}
        return {"TZ": "UTC", **passed, **self.env}

    def run_daemon_verb(self, *words):
        result = subprocess.run([self.daemon, "--config", self.config, *words], capture_output=True, text=True, cwd="/",
                                user=USER, group=USER, extra_groups=[],
                                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **self.environment()})
        if result.returncode != 0:
            raise LabError(f"mirrord {' '.join(words)}: exit {result.returncode}: {result.stderr.strip()[-2000:]}")
        return result.stdout

    def start(self, seconds=60.0):
        """Starts and waits until mirrorctl is answered."""
        if self.process is None:
            self.process = Process(self.name, [str(self.daemon), "--config", str(self.config)], self.log, user=USER,
                                   env=self.environment())
            self.lab.workdir.on_close(self.stop)
        self.process.env = self.environment()
        self.process.start()
        wait_until(lambda: not self.process.running() or self.try_ctl("status")[0] == 0, "mirrord", seconds, 0.05)
        if not self.process.running():
            raise LabError(f"mirrord did not start (exit {self.process.child.returncode}):\n{self.process.log_tail(25)}")
        return self

    def stop(self, seconds=30.0):
        """Polite stop; an exit code other than 0 is an error (a sanitizer's report has one of its own)."""
        if self.process is None or self.process.child is None:
            return
        alive = self.process.running()
        code = self.process.stop(seconds)
        if alive and code != 0:
            raise LabError(f"mirrord ended with {code}:\n{self.process.log_tail(60)}")

    def kill(self):
        """kill -9, as the machine's end would."""
        self.process.kill()

    @contextlib.contextmanager
    def standing_still(self, point, change):
        """`change()` happens while mirrord is away; started again it goes as far as the first state change of that name and stands
        still there (SIGSTOP). After the block it goes on."""
        self.stop()
        change()
        self.process.env = {**self.environment(), "MIRROR_KILL_POINT": point, "MIRROR_STEP_DO": "stop"}
        self.process.start()
        try:
            wait_until(lambda: self.process.stands_still() or not self.process.running(), f"mirrord to stand still at {point}", 60.0)
            self.check_running()
            yield
        finally:
            self.process.signal(signal.SIGCONT)

    def wait_answering(self, seconds=60.0):
        """Until mirrorctl is answered."""
        wait_until(lambda: self.try_ctl("status")[0] == 0 or self.check_running(), "mirrord to answer", seconds, 0.05)

    def check_running(self):
        if self.process and self.process.child and not self.process.running():
            raise LabError(f"mirrord ended with {self.process.child.returncode}:\n{self.process.log_tail(40)}")

    def restart(self, engine=None):
        """A polite stop and a new start, with other settings where given."""
        self.stop()
        if engine:
            self.engine.update(engine)
            self.write_config()
        return self.start()

    # --- mirrorctl ------------------------------------------------------------------------------

    def try_ctl(self, *words, stdin=None, timeout=120.0):
        """(exit code, stdout, stderr) of mirrorctl --json."""
        result = subprocess.run([self.control, "--socket", self.socket, "--json", *words], capture_output=True, text=True,
                                input=stdin, cwd="/", timeout=timeout,
                                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **self.environment()})
        return result.returncode, result.stdout, result.stderr

    def ctl(self, *words, codes=(0,), stdin=None, timeout=120.0):
        """The JSON mirrorctl prints (None when it prints none); LabError on another exit code."""
        code, out, err = self.try_ctl(*words, stdin=stdin, timeout=timeout)
        if code not in codes:
            self.check_running()
            raise LabError(f"mirrorctl {' '.join(words)}: exit {code}: {(err or out).strip()[-2000:]}")
        try:
            return json.loads(out)
        except ValueError:
            return None

    def status(self):
        return self.ctl("status")

    def pending(self):
        """What is not done: dirty and retry rows, mailboxes that are not in sync, runs under way."""
        status = self.status()
        states = {}
        for link in status["links"]:
            for word, count in link["mailboxes"].items():
                states[word] = states.get(word, 0) + count
        runs = sum(run["kind"] != "verify" for run in status["runs"])
        unsettled = {"dirty": status["counts"]["dirty"], "retry": status["counts"]["retry"], "runs": runs,
                     **{word: states.get(word, 0) for word in ("new", "lagging", "failed")}}
        return {word: count for word, count in unsettled.items() if count}

    # --- the site -------------------------------------------------------------------------------

    def address_of(self, side):
        if side in self.addresses:
            return self.addresses[side]
        relay = self.lab.relay if side == "production" else self.lab.dr_relay
        server = getattr(self.lab, side)
        return ("127.0.0.1", relay.port) if relay else (server.host, server.port)

    def document_text(self, mailboxes, link="", stores=None):
        text = ""
        for side in ("production", "dr"):
            server = getattr(self.lab, side)
            host, port = self.address_of(side)
            login = getattr(server, "login", "mirror")
            self.lab.workdir.write(f"{self.name}/{side}.password", server.passwords[login] + "\n", 0o600)
            authority = self.lab.authority.cert
            profile = getattr(server, "profile", None) or self.profile
            text += (f'[store.{side}]\nhost = {toml_text(host)}\nport = {port}\nprofile = "{profile}"\n'
                     f'login = {toml_text(login)}\npassword_file = "{side}.password"\n'
                     + (f"ca_file = {toml_text(str(authority))}\n" if authority else "")
                     + (stores or {}).get(side, "") + "\n")
        names = "".join(f"  {toml_text(owner)},\n" for owner in mailboxes)
        # Traffic that is made up deletes more in an hour than people do.
        link = link if "guard_link_percent" in link else f"guard_link_percent = 100\n{link}"
        return text + f'[link.dr]\nsource = "production"\ntarget = "dr"\n{link}mailboxes = [\n{names}]\n'

    def directory_text(self, **settings):
        """Both directories of the lab and the link's mirror of them, with its settings."""
        text = ""
        for (side, server), who in zip(self.lab.directories.items(), ("reader", "writer")):
            self.lab.workdir.write(f"{self.name}/{server.name}.password", server.passwords[who] + "\n", 0o600)
            text += (f"\n[store.{side}.directory]\nhost = {toml_text(server.host)}\nport = {server.port}\n"
                     f"bind_dn = {toml_text(server.dn(who))}\npassword_file = {toml_text(server.name + '.password')}\n"
                     f"ca_file = {toml_text(str(server.authority.cert))}\nbase_dn = {toml_text(server.people)}\n")
        return text + "\n[link.dr.directory]\n" + "".join(f"{key} = {toml_text(value)}\n" for key, value in settings.items())

    def configure(self, mailboxes=None, link="", stores=None, directory=None):
        """Both stores, one link, the mailboxes (default: all of the lab).  `link` and `stores`: more TOML lines; `directory`:
        settings of the link's mirror of the directories."""
        text = self.document_text(self.lab.mailboxes if mailboxes is None else mailboxes, link, stores)
        if directory is not None:
            text += self.directory_text(**directory)
        self.document.write_text(text)
        return self.ctl("config", "apply", str(self.document))

    def store(self, side, login="filler"):
        """A lab.state.Store that reaches a server directly, past any relay."""
        server = getattr(self.lab, side)
        return Store(f"{server.host}:{server.port}", self.lab.authority.cert, login=login, password=server.passwords[login])

    def differences(self, owners=None, expected=None):
        """What the comparator finds, a line each.  It reads as the mirror's login, so with read rights only."""
        lines = []
        compare.compare(self.store("production", "mirror"), self.store("dr", "mirror"),
                        list(owners or self.lab.mailboxes), expected, report=lines.append,
                        part_b=unescaped if getattr(self.lab.dr, "profile", None) == "cyrus" else None)
        return lines

    def wait_settled(self, seconds=60.0):
        """Until nothing is pending; LabError with what is."""
        end = time.monotonic() + seconds
        while True:
            pending = self.pending()
            if not pending:
                return
            self.check_running()
            if time.monotonic() > end:
                problems = json.dumps(self.status()["problems"][:5], indent=1)
                raise LabError(f"after {seconds:g} s pending: {pending}\n{problems}")
            time.sleep(0.1)

    def wait_equal(self, seconds=60.0, owners=None, expected=None):
        """Until nothing is pending and the comparator finds both stores equal.  An event may still be under way when
        nothing is pending, so differences are looked at again until the time is up."""
        end = time.monotonic() + seconds
        while True:
            self.wait_settled(max(1.0, end - time.monotonic()))
            lines = self.differences(owners, expected)
            if not lines:
                return
            if time.monotonic() > end:
                raise LabError(f"after {seconds:g} s {len(lines)} differences:\n" + "\n".join(lines[:10]))
            time.sleep(0.3)

    def quiet_pass(self):
        """A further full pass: no command that writes reaches DR."""
        before = writes_in(self.lab.dr_relay.totals()["totals"])
        self.ctl("resync", "--all", "--wait", timeout=120)
        after = writes_in(self.lab.dr_relay.totals()["totals"])
        for counts in (before, after):
            counts.pop("SELECT", None)  # how DR is looked at; it writes nothing
        if before != after:
            raise LabError(f"a pass without a change wrote: {before} -> {after}")

    def assert_production_untouched(self):
        """By the relay's count no command that writes, or could, has reached production."""
        report = self.lab.relay.totals()
        if not report["totals"].get("EXAMINE"):
            raise LabError(f"the relay saw no EXAMINE: {report['totals']}")
        writes = writes_in(report["totals"])
        if writes:
            raise LabError(f"commands that write reached production: {writes}")
