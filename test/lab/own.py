#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mirrord on one's own two servers, with a private PostgreSQL.  Start it by scripts/try."""

import sys

if __name__ == "__main__":  # as a script, test/ takes the place of test/lab/ on the path
    import pathlib
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

import argparse
import pathlib
import signal
import subprocess
import time
import types

from lab.mirrord import Mirror, ROOT
from lab.postgres import Postgres
from lab.process import LabError, ensure_user
from lab.workdir import Workdir


def endpoint(text):
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def read_logins(path):
    """(login, password) of production and of DR: two lines, or four when they differ."""
    lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    if len(lines) not in (2, 4) or not all(lines):
        raise LabError(f"{path}: login and password, one a line; two more lines when those of DR differ")
    return (lines[0], lines[1]), (lines[-2], lines[-1])


def site_of(options, workdir):
    """What Mirror wants of a lab: two servers, a CA, PostgreSQL; the servers are the person's own."""
    logins = read_logins(options.login_file)
    servers = [types.SimpleNamespace(host=host, port=port, login=login, passwords={login: password})
               for (host, port), (login, password) in zip((options.production, options.dr), logins)]
    owners = [line.strip() for line in pathlib.Path(options.mailboxes).read_text(encoding="utf-8").splitlines()]
    owners = [owner for owner in owners if owner and not owner.startswith("#")]
    if not owners:
        raise LabError(f"{options.mailboxes} names no mailbox")
    authority = types.SimpleNamespace(cert=pathlib.Path(options.ca).resolve() if options.ca else None)
    return types.SimpleNamespace(workdir=workdir, production=servers[0], dr=servers[1], relay=None, dr_relay=None,
                                 authority=authority, mailboxes=owners, postgres=Postgres(workdir))


def control(mirror, *words):
    """mirrorctl for a person to read; its exit code."""
    return subprocess.run([mirror.control, "--socket", mirror.socket, *words], check=False).returncode


def compared(mirror):
    """Waits for the first copy, then has every mailbox compared; 0 when all are equal, 5 otherwise."""
    while pending := mirror.pending():
        if mirror.status()["problems"] and not (pending.get("new") or pending.get("lagging")):
            break  # what is left is in retry: the comparison says which
        mirror.check_running()
        time.sleep(1.0)
    return control(mirror, "resync", "--all", "--wait")


def watch(mirror):
    terminal = sys.stdout.isatty()
    try:
        while True:
            if terminal:
                print("\x1b[H\x1b[2J", end="", flush=True)
            control(mirror, "status")
            print(f"\nmirrorctl: {mirror.control} --socket {mirror.socket}\n"
                  "  ... store test production | store caps dr | resync --all --wait | verify --deep --wait\n"
                  f"Log: {mirror.log}    Ctrl-C ends it; nothing is kept but what is on your DR server", flush=True)
            mirror.check_running()
            time.sleep(2.0 if terminal else 10.0)
    except KeyboardInterrupt:
        return 0


def run(options):
    workdir = Workdir(options.dir, options.keep, "try")
    try:
        ensure_user("mirrord-test")
        site = site_of(options, workdir)
        site.postgres.up()
        with Mirror(site, profile=options.profile, test_times=False) as mirror:
            mirror.configure(stores={side: f'tls = "{options.tls}"\n' for side in ("production", "dr")})
            return compared(mirror) if options.once else watch(mirror)
    finally:
        workdir.close()


def main():
    parser = argparse.ArgumentParser(prog="scripts/try", description=__doc__)
    parser.add_argument("--production", type=endpoint, required=True, metavar="HOST:PORT")
    parser.add_argument("--dr", type=endpoint, required=True, metavar="HOST:PORT")
    parser.add_argument("--login-file", required=True, metavar="FILE",
                        help="the trusted login and its password, one a line; two more lines when those of DR differ")
    parser.add_argument("--mailboxes", required=True, metavar="FILE", help="one mailbox a line")
    parser.add_argument("--ca", metavar="FILE", help="PEM file that both certificates are verified against")
    parser.add_argument("--profile", default="generic", help="generic, dovecot, cyrus, asterisk, avaya-mss (generic)")
    parser.add_argument("--tls", default="implicit", choices=("implicit", "starttls", "none"))
    parser.add_argument("--once", action="store_true", help="copy, compare every mailbox, end: exit 0 equal, 5 otherwise")
    parser.add_argument("--keep", action="store_true", help="keeps the database and the logs")
    parser.add_argument("--dir", default=str(ROOT / "build/try"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    try:
        return run(options)
    except KeyboardInterrupt:
        return 130
    except (LabError, OSError) as error:
        print(f"try: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
