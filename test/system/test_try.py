#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/try against two servers it knows nothing of: equal is 0, a mailbox that cannot be opened is 5, nothing stays."""

import os
import pathlib
import subprocess
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from compare import compare
from lab import fill
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import ROOT, build_folder
from lab.state import Store

cases = Cases()
OWNERS = ("2001", "2002")


class Servers:
    def __init__(self, lab):
        self.lab = lab
        self.logins = lab.workdir.write("logins", f"mirror\n{lab.production.passwords['mirror']}\n"
                                        f"mirror\n{lab.dr.passwords['mirror']}\n", 0o600)

    def store(self, server, login):
        return Store(f"127.0.0.1:{server.port}", self.lab.authority.cert, login=login, password=server.passwords[login])

    def run(self, owners, *options):
        names = self.lab.workdir.write("names", "# mailboxes\n" + "".join(f"{owner}\n" for owner in owners))
        return subprocess.run([ROOT / "scripts/try", "--production", f"127.0.0.1:{self.lab.production.port}", "--dr",
                               f"127.0.0.1:{self.lab.dr.port}", "--login-file", self.logins, "--mailboxes", names, "--ca",
                               self.lab.authority.cert, "--profile", "dovecot", "--once", "--dir",
                               self.lab.workdir.data / "try", *options], capture_output=True, text=True, timeout=240,
                              env={**os.environ, "MIRROR_BUILD": str(build_folder())}, check=False)


servers = None


@cases.add
def two_servers_of_ones_own_become_equal(_):
    fill.fill(servers.store(servers.lab.production, "filler"), OWNERS, 80, 3_000_000, 5, 2)
    answer = servers.run(OWNERS)
    assert answer.returncode == 0, (answer.returncode, answer.stdout[-1000:], answer.stderr[-2000:])
    found, _ = compare.compare(servers.store(servers.lab.production, "mirror"), servers.store(servers.lab.dr, "mirror"),
                               list(OWNERS), report=lambda line: None)
    assert not found, found[0].line()
    assert not list((servers.lab.workdir.data / "try").iterdir()), "files were left behind"


@cases.add
def a_mailbox_that_cannot_be_opened_is_exit_5(_):
    answer = servers.run([*OWNERS, "nobody"])
    assert answer.returncode == 5, (answer.returncode, answer.stdout[-1000:], answer.stderr[-2000:])
    assert "nobody" in answer.stdout, answer.stdout


@cases.add
def wrong_words_are_explained(_):
    answer = subprocess.run([ROOT / "scripts/try", "--production", "nohost", "--dr", "x:1", "--login-file", "/x",
                             "--mailboxes", "/x"], capture_output=True, text=True, check=False,
                            env={**os.environ, "MIRROR_BUILD": str(build_folder())})
    assert answer.returncode == 2 and "HOST:PORT" in answer.stderr, answer


def main():
    global servers
    with Lab(build_folder(), OWNERS, postgres=False) as lab:
        servers = Servers(lab)
        return cases.run(None, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
