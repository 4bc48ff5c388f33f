#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A whole lab: PostgreSQL, a production and a DR server (Dovecot or Cyrus), certificates, accounts, the relay.

As a class:    with Lab("build/lab") as lab: lab.production.port ...
As a command:  lab.py up --dir D [--detach]     start; D/lab.json describes it when everything answers
               lab.py down --dir D              stop what `up --detach` left running
               lab.py do --dir D VERB [WHAT]... act on the running lab:
                   start|stop|restart|kill|reload production|dr|postgres|relay|dr_relay
                   kill-sessions production|dr   SIGKILL to every logged-in session's process
                   add-mailboxes NAME...         quota production|dr OWNER BYTES|none
                   database NAME|drop NAME       totals relay|dr_relay (prints JSON)
               lab.py env --dir D               the same as shell variables (MM_...)
"""

import sys

if __name__ == "__main__":  # as a script, test/ takes the place of test/lab/ on the path
    import pathlib
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

import argparse
import json
import os
import pathlib
import shlex
import select
import signal
import socket

from lab import subscribers
from lab.ca import Authority
from lab.cyrus import Cyrus
from lab.debian13 import Cyrus310, Dovecot24
from lab.dovecot import Dovecot
from lab.postgres import Postgres
from lab.process import USERS, LabError, Process, ensure_user, started_at, wait_until
from lab.relay import RelayProcess
from lab.slapd import Slapd
from lab.workdir import Workdir

SERVERS = {fmt: server for server in (Dovecot, Cyrus, Dovecot24, Cyrus310) for fmt in server.formats}


def server_class(fmt):
    try:
        return SERVERS[fmt]
    except KeyError as error:
        raise LabError(f"no format {fmt!r}; there are: {' '.join(SERVERS)}") from error


class Lab:
    """Everything of one demo or system test; `with` starts and stops it."""

    def __init__(self, under, mailboxes=("1001", "1002", "1003"), keep=False, fsync=True, postgres=True,
                 production_format="maildir", dr_format="sdbox", production_read_only=True, relay=None, dr_relay=None,
                 production_options=None, dr_options=None, people=None):
        """Formats: those of the classes in SERVERS.  `relay`, `dr_relay`: True, or options of RelayProcess (hide, wire_log), for a
        relay in front.  `people`: production's subscribers (lab.subscribers); then each Dovecot's owners are those of a slapd of
        its own, `directories`, and DR's has none at first."""
        self.workdir = Workdir(under, keep)
        for user in USERS:
            ensure_user(user)
        self.authority = Authority(self.workdir.folder("ca"))
        self.mailboxes = list(mailboxes)
        self.postgres = Postgres(self.workdir, fsync=fsync) if postgres else None
        guard = {} if issubclass(server_class(production_format), Cyrus) else {"mirror_read_only": production_read_only}
        self.production = self._make_server("production", production_format, "mmprod", guard | (production_options or {}))
        self.dr = self._make_server("dr", dr_format, "mmdr", dr_options or {})
        self.people, self.directories = people, {}
        if people is not None:
            self._make_directories(fsync)
        self.relay = self.dr_relay = None
        self._relays = {"relay": (relay, self.production), "dr_relay": (dr_relay, self.dr)}

    def _make_server(self, name, fmt, user, options):
        return server_class(fmt)(self.workdir, name, self.authority, fmt, user, **options)

    def _make_directories(self, fsync):
        for server, ours, rights in ((self.production, "reader", "read"), (self.dr, "writer", "write")):
            server.directory = self.directories[server.name] = Slapd(
                self.workdir, server.name, self.authority, user=server.user, fsync=fsync,
                identities={ours: rights, "imap": "read"})

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    def start(self):
        try:
            if self.postgres:
                self.postgres.up()
            for name, directory in self.directories.items():
                directory.up(self.people if name == "production" else ())
            for server in (self.production, self.dr):
                server.add_mailboxes(self.mailboxes)
                server.up()
            for name, (wanted, server) in self._relays.items():
                if wanted:
                    options = wanted if isinstance(wanted, dict) else {}
                    setattr(self, name, RelayProcess(self.workdir, self.authority, server, name, **options).start())
            self.write_files()
        except BaseException:
            self.close()
            raise
        return self

    def close(self):
        self.workdir.close()

    def add_mailboxes(self, owners):
        self.mailboxes += [owner for owner in owners if owner not in self.mailboxes]
        for server in (self.production, self.dr):
            server.add_mailboxes(owners)
        self.write_files()

    def write_files(self):
        """Login files (login, then password, one a line) readable by the daemon's user alone."""
        for server in (self.production, self.dr):
            for login, password in server.passwords.items():
                self.workdir.write(f"{server.name}.{login}.login", f"{login}\n{password}\n", 0o640,
                                   "root", "mirrord-test")
        self.workdir.write("mailboxes", "".join(f"{owner}\n" for owner in self.mailboxes))
        self.workdir.write("lab.json", json.dumps(self.describe(), indent=1) + "\n")

    def describe(self):
        stores = {}
        for server in (self.production, self.dr):
            stores[server.name] = server.describe() | {
                f"{login}_login_file": str(self.workdir.data / f"{server.name}.{login}.login")
                for login in server.passwords}
        return {"pid": os.getpid(), "dir": str(self.workdir.data), "root": str(self.workdir.root),
                "sockets": str(self.workdir.sockets),
                "log": str(self.workdir.data / "log"), "ca": str(self.authority.cert), "daemon_user": "mirrord-test",
                "dsn": self.postgres.dsn if self.postgres else None,
                "mailboxes_file": str(self.workdir.data / "mailboxes"), "mailboxes": len(self.mailboxes),
                "control": str(self.workdir.sockets / "control"),
                "relay": self.relay.describe() if self.relay else None,
                "dr_relay": self.dr_relay.describe() if self.dr_relay else None,
                "directories": {name: directory.describe() for name, directory in self.directories.items()} or None, **stores}

    def daemon(self, name, argv, env=None, user="mirrord-test"):
        """A program of ours as the unprivileged user, stopped with the lab."""
        program = self.workdir.publish(argv[0])
        process = Process(name, [program, *argv[1:]], self.workdir.log(name), user=user, env=env)
        self.workdir.on_close(process.stop)
        return process


    def act(self, verb, *what):
        """What `lab.py do` does; text to print."""
        if verb == "add-mailboxes":
            self.add_mailboxes(what)
        elif verb == "quota":
            self._server(what[0]).set_quota(what[1], None if what[2] == "none" else int(what[2]))
        elif verb == "database":
            self.postgres.drop_database(what[1]) if what[0] == "drop" else self.postgres.make_database(what[0])
        elif verb == "totals":
            return json.dumps(self._server(what[0]).totals())
        elif verb == "kill-sessions":
            pids = self._server(what[0]).session_pids()
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            return str(len(pids))
        elif verb in ("start", "stop", "restart", "kill", "reload"):
            getattr(self._server(what[0]), verb)()
        else:
            raise LabError(f"unknown verb {verb!r}")
        return ""

    def _server(self, name):
        server = getattr(self, name) if name in ("production", "dr", "postgres", "relay", "dr_relay") else None
        if server is None:
            raise LabError(f"the lab has no {name!r}")
        return server


def shell_variables(about, prefix="MM"):
    """Flat NAME=value pairs of the description."""
    pairs = {}
    for key, value in about.items():
        name = f"{prefix}_{key.upper()}"
        if isinstance(value, dict):
            pairs.update(shell_variables(value, name))
        elif value is not None:
            pairs[name] = str(value)
    return pairs


def read_description(folder):
    try:
        return json.loads((pathlib.Path(folder) / "lab.json").read_text())
    except FileNotFoundError as error:
        raise LabError(f"no lab is running in {folder}") from error


def serve(options):
    """Runs until SIGTERM, SIGINT, or until the process named by --watch-pid is gone."""
    stop = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.append(1))
    names = options.mailbox_list or [str(1001 + i) for i in range(options.mailboxes)]
    folder = pathlib.Path(options.dir)
    folder.mkdir(parents=True, exist_ok=True)
    described = folder / "lab.json"
    described.unlink(missing_ok=True)
    relay = {"hide": options.hide, "wire_log": options.wire_log}
    with Lab(folder, names, options.keep, not options.no_fsync, not options.no_postgres,
             options.production_format, options.dr_format, not options.production_writable,
             options.relay and relay, options.dr_relay and relay,
             {key: value for key, value in (("event_url", options.event_url), ("quota", options.quota)) if value},
             {"quota": options.quota} if options.quota else {},
             subscribers.make(max(options.subscribers, len(names)), 1, numbers=names) if options.subscribers else None) as lab, \
            socket.socket(socket.AF_UNIX) as control:
        control.bind(str(lab.workdir.sockets / "control"))
        os.chmod(lab.workdir.sockets / "control", 0o600)
        control.listen(8)
        fresh = folder / "lab.json.new"
        fresh.write_text(json.dumps(lab.describe() | {"started_at": started_at(os.getpid())}, indent=1) + "\n")
        fresh.rename(described)
        watched = started_at(options.watch_pid) if options.watch_pid else None
        # One thread does it all: children are tied to the thread that started them.
        while not stop:
            if select.select([control], [], [], 0.2)[0]:
                answer_one(lab, control)
            if watched and started_at(options.watch_pid) != watched:
                break
    described.unlink(missing_ok=True)
    return 0


def answer_one(lab, control):
    """One request of `lab.py do`: a JSON list in, a JSON pair (error or null, text) out."""
    peer, _ = control.accept()
    with peer, peer.makefile("rw", encoding="utf-8") as stream:
        peer.settimeout(5.0)
        try:
            answer = (None, lab.act(*json.loads(stream.readline())))
        except (LabError, OSError, ValueError, IndexError, TypeError, AttributeError) as error:
            answer = (f"{type(error).__name__}: {error}", "")
        try:
            stream.write(json.dumps(answer) + "\n")
            stream.flush()
        except OSError:
            pass


def do(options):
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(read_description(options.dir)["control"])
        with control.makefile("rw", encoding="utf-8") as stream:
            stream.write(json.dumps([options.action, *options.what]) + "\n")
            stream.flush()
            error, text = json.loads(stream.readline() or '["the lab has ended", ""]')
    if error:
        raise LabError(error)
    if text:
        print(text)
    return 0


def detach(options):
    """Forks the server part; returns when it answers."""
    folder = pathlib.Path(options.dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lab.json").unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        os.setsid()
        with open(folder / "lab.log", "ab") as log, open("/dev/null", "rb") as null:
            os.dup2(null.fileno(), 0)
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        code = 1
        try:
            code = serve(options)
        except BaseException:  # the child must never return into the caller's code
            import traceback
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def ended_or_ready():
        pid, _ = os.waitpid(child, os.WNOHANG)
        return (folder / "lab.json").exists() or pid

    wait_until(ended_or_ready, "the lab", 90.0)
    if not (folder / "lab.json").exists():
        raise LabError(f"the lab did not start, see {folder / 'lab.log'}:\n{(folder / 'lab.log').read_text()[-2000:]}")
    print(folder / "lab.json")
    return 0


def down(options):
    try:
        about = read_description(options.dir)
    except LabError:
        return 0
    if started_at(about["pid"]) == about.get("started_at"):
        os.kill(about["pid"], signal.SIGTERM)
        wait_until(lambda: started_at(about["pid"]) is None, "the lab to stop", 40.0)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up")
    up.add_argument("--mailboxes", type=int, default=3)
    up.add_argument("--mailbox-list", nargs="*")
    up.add_argument("--production-format", default="maildir")
    up.add_argument("--dr-format", default="sdbox")
    up.add_argument("--production-writable", action="store_true", help="no ACL against the mirror's login")
    up.add_argument("--relay", action="store_true", help="a counting relay in front of production")
    up.add_argument("--dr-relay", action="store_true", help="one in front of DR")
    up.add_argument("--hide", action="append", default=[], metavar="REGEX", help="the relays hide these capabilities")
    up.add_argument("--wire-log", action="store_true", help="the relays log every connection")
    up.add_argument("--quota", type=int, help="bytes per mailbox, on both stores")
    up.add_argument("--event-url", help="where production's event exporter posts")
    up.add_argument("--subscribers", type=int, default=0, help="a directory for each store, production's with so many")
    up.add_argument("--no-postgres", action="store_true")
    up.add_argument("--no-fsync", action="store_true")
    up.add_argument("--keep", action="store_true")
    up.add_argument("--detach", action="store_true")
    up.add_argument("--watch-pid", type=int)
    act = verbs.add_parser("do")
    act.add_argument("action")
    act.add_argument("what", nargs="*")
    for verb in (up, act, verbs.add_parser("down"), verbs.add_parser("env")):
        verb.add_argument("--dir", required=True)
    options = parser.parse_args()
    if options.verb == "down":
        return down(options)
    if options.verb == "do":
        return do(options)
    if options.verb == "env":
        for name, value in shell_variables(read_description(options.dir)).items():
            print(f"{name}={shlex.quote(value)}")
        return 0
    return detach(options) if options.detach else serve(options)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"lab: {error}")
