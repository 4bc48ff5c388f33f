#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A whole lab: PostgreSQL, a production and a DR Dovecot, certificates, accounts, the relay.

As a class:    with Lab("build/lab") as lab: lab.production.port ...
As a command:  lab.py up --dir D [--detach]     start; D/lab.json describes it when everything answers
               lab.py down --dir D              stop what `up --detach` left running
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
import signal
import time

from lab.ca import Authority
from lab.dovecot import Dovecot
from lab.postgres import Postgres
from lab.process import USERS, LabError, Process, ensure_user, started_at, wait_until
from lab.workdir import Workdir


class Lab:
    """Everything of one demo or system test; `with` starts and stops it."""

    def __init__(self, under, mailboxes=("1001", "1002", "1003"), keep=False, fsync=True, postgres=True,
                 production_format="maildir", dr_format="sdbox", production_read_only=True, relay=False,
                 production_options=None, dr_options=None):
        self.workdir = Workdir(under, keep)
        for user in USERS:
            ensure_user(user)
        self.authority = Authority(self.workdir.folder("ca"))
        self.mailboxes = list(mailboxes)
        self.postgres = Postgres(self.workdir, fsync=fsync) if postgres else None
        self.production = Dovecot(self.workdir, "production", self.authority, production_format, "mmprod",
                                  mirror_read_only=production_read_only, **(production_options or {}))
        self.dr = Dovecot(self.workdir, "dr", self.authority, dr_format, "mmdr", **(dr_options or {}))
        self.relay = None
        self._want_relay = relay

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    def start(self):
        try:
            if self.postgres:
                self.postgres.up()
            for server in (self.production, self.dr):
                server.add_mailboxes(self.mailboxes)
                server.up()
            if self._want_relay:
                from lab.relay import RelayProcess
                self.relay = RelayProcess(self.workdir, self.authority, self.production).start()
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
                "relay": self.relay.describe() if self.relay else None, **stores}

    def daemon(self, name, argv, env=None, user="mirrord-test"):
        """A program of ours as the unprivileged user, stopped with the lab."""
        program = self.workdir.publish(argv[0])
        process = Process(name, [program, *argv[1:]], self.workdir.log(name), user=user, env=env)
        self.workdir.on_close(process.stop)
        return process


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
    return json.loads((pathlib.Path(folder) / "lab.json").read_text())


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
    with Lab(folder, names, options.keep, not options.no_fsync, not options.no_postgres,
             options.production_format, options.dr_format, not options.production_writable, options.relay,
             {"event_url": options.event_url} if options.event_url else None) as lab:
        fresh = folder / "lab.json.new"
        fresh.write_text(json.dumps(lab.describe() | {"started_at": started_at(os.getpid())}, indent=1) + "\n")
        fresh.rename(described)
        watched = started_at(options.watch_pid) if options.watch_pid else None
        while not stop:
            time.sleep(0.2)
            if watched and started_at(options.watch_pid) != watched:
                break
    described.unlink(missing_ok=True)
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
    except FileNotFoundError:
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
    up.add_argument("--event-url", help="where production's event exporter posts")
    up.add_argument("--no-postgres", action="store_true")
    up.add_argument("--no-fsync", action="store_true")
    up.add_argument("--keep", action="store_true")
    up.add_argument("--detach", action="store_true")
    up.add_argument("--watch-pid", type=int)
    for verb in (up, verbs.add_parser("down"), verbs.add_parser("env")):
        verb.add_argument("--dir", required=True)
    options = parser.parse_args()
    if options.verb == "down":
        return down(options)
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
