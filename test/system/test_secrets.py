#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The stores' passwords are written nowhere: not in the database's dump, the log at its most talkative, the exported
configuration, or any answer of the API.  A key file that others may read is refused."""

import base64
import os
import pathlib
import re
import subprocess
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import LabError

cases = Cases()
OWNERS = ("1001",)
# One password for both stores; no piece of it is an ordinary word, so that it is found only where it was written.
PASSWORD = "Qx7vLm2Zr9Tk4Wp8"
SIDE = {"passwords": {"mirror": PASSWORD, "filler": "filler-secret"}}
API = ("status", "stores", "stores/production", "stores/dr", "links", "links/dr", "mailboxes",
       "mailboxes/1001", "runs", "events", "reports", "services", "config", "state", "audit", "quarantine", "estimate")


class TalkativeMirror(Mirror):
    def write_config(self):
        super().write_config()
        self.lab.workdir.write(f"{self.name}/mirrord.toml", self.config.read_text() + '[log]\nlevel = "debug"\n')


def shapes():
    """The password as it could be written: plain, in base64 as SASL PLAIN sends it, in hex."""
    shown = {PASSWORD, PASSWORD.encode().hex(), base64.b64encode(PASSWORD.encode()).decode().rstrip("=")[:-1]}
    for owner in OWNERS:
        shown.add(base64.b64encode(f"{owner}\0mirror\0{PASSWORD}".encode()).decode())
    return shown


def assert_absent(where, text):
    assert text.strip(), f"{where}: nothing to look at"
    found = [shape for shape in shapes() if shape.lower() in text.lower()]
    assert not found, f"{where} holds the password: {found}"


def dump(mirror):
    program = mirror.lab.postgres.bin / "pg_dump"
    made = subprocess.run([program, "--no-owner", "-d", mirror.dsn], capture_output=True, text=True, cwd="/",
                          env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    assert made.returncode == 0, made.stderr
    return made.stdout


def get(mirror, path):
    return subprocess.run(["curl", "-sS", "--unix-socket", str(mirror.socket), f"http://localhost/api/v1/{path}"],
                          capture_output=True, text=True, check=True, cwd="/").stdout


@cases.add
def the_passwords_are_used_in_every_way(mirror):
    with mirror.store("production").connect("1001") as client:
        client.append("INBOX", [(b"Subject: one\r\n\r\none\r\n", [], None)])
    mirror.configure()
    mirror.wait_equal(60)
    for side in ("production", "dr"):
        code, out, err = mirror.try_ctl("store", "test", side)
        assert_absent("store test", out + err)
        assert code in (0, 1), (code, err)
        mirror.lab.workdir.write("again", PASSWORD + "\n", 0o600)
        mirror.ctl("store", "credential", "set", side, "--secret-file", str(mirror.lab.workdir.data / "again"))
        (mirror.lab.workdir.data / "again").unlink()
    # A wrong one too: what a store answers to it is told without it.
    mirror.ctl("store", "credential", "set", "dr", "--secret-file", "-", stdin=PASSWORD[::-1] + "\n")
    mirror.ctl("store", "test", "dr", codes=(1,))
    mirror.ctl("store", "credential", "set", "dr", "--secret-file", "-", stdin=PASSWORD + "\n")
    mirror.wait_settled(60)


@cases.add
def the_database_holds_them_sealed(mirror):
    text = dump(mirror)
    assert "password_sealed" in text, "the dump is not one of mirrord's"
    assert_absent("the dump", text)
    assert PASSWORD[::-1] not in text, "the wrong password is in the dump"
    sealed = [row[0] for row in mirror.lab.postgres.sql("select encode(password_sealed, 'hex') from store order by name")]
    assert len(sealed) == 2 and all(len(one) > 2 * len(PASSWORD) for one in sealed), sealed
    assert sealed[0] != sealed[1], "the same password looks the same on both stores"
    key = (mirror.folder / "key").read_text().strip()
    assert key and key not in text, "the key is in the database"


@cases.add
def sealed_for_one_store_it_is_of_no_use_to_another(mirror):
    before = mirror.lab.postgres.sql("select encode(password_sealed, 'hex') from store where name = 'dr'")[0][0]
    mirror.ctl("store", "credential", "set", "dr", "--secret-file", "-", stdin=PASSWORD + "\n")
    after = mirror.lab.postgres.sql("select encode(password_sealed, 'hex') from store where name = 'dr'")[0][0]
    assert before != after, "sealed twice, the same password looks the same"


@cases.add
def the_api_and_the_export_do_not_tell_them(mirror):
    for path in API:
        assert_absent(path, get(mirror, path))
    shown = get(mirror, "stores/production")
    assert re.search(r'"password_set":\s*true', shown) and "sealed" not in shown, shown
    for words in (("config", "export"), ("config", "show"), ("store", "show", "dr"), ("store", "list")):
        code, out, err = mirror.try_ctl(*words)
        assert code == 0, (words, err)
        assert_absent(" ".join(words), out)


@cases.add
def the_log_does_not_tell_them(mirror):
    text = mirror.log.read_text(errors="replace")
    assert " debug " in text, "the log is not at its most talkative"
    assert_absent("the log", text)
    assert PASSWORD[::-1] not in text, "the wrong password is in the log"


@cases.add
def the_command_line_and_the_environment_do_not_tell_them(mirror):
    for what in ("cmdline", "environ"):
        assert_absent(what, pathlib.Path(f"/proc/{mirror.process.pid}/{what}").read_text().replace("\0", " "))


@cases.add
def a_key_that_others_may_read_is_refused(mirror):
    key = mirror.folder / "key"
    mirror.stop()
    for mode in (0o640, 0o604):
        os.chmod(key, mode)
        try:
            mirror.start(20)
        except LabError as error:
            assert "MRD-BASE-004" in str(error) + mirror.log.read_text(), error
        else:
            raise AssertionError(f"mirrord started with a key of mode {mode:o}")
    os.chmod(key, 0o600)
    mirror.start()
    mirror.wait_equal(30)


def main():
    with Lab(build_folder(), OWNERS, fsync=False, production_options=SIDE, dr_options=SIDE) as lab, \
            TalkativeMirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
