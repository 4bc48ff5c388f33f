#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stores that let each owner in with a password of its own only: first copy, a wrong and a missing password as trouble
of that mailbox alone, recovery at once, import of many; the passwords are written nowhere."""

import base64
import pathlib
import random
import subprocess
import sys
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import wait_until

cases = Cases()
OWNERS = ("1001", "1002", "1003", "1004")
# No piece of them is an ordinary word. An owner's password differs from store to store; one has what separates lines.
OWN = {"production": {"1001": "Qv4tRz8LmK1x", "1002": "Wd7y,Hn3 Pb9s", "1003": "Xe2fJg6Vc5u", "1004": "Ya8kTq0Rh4w"},
       "dr": {"1001": "Zm5pBt2Ng7d", "1002": "Lk9vCs6Fx1j", "1003": "Uh3wDy8Gr0e", "1004": "Io6nMz4Jq2b"}}
WRONG = "Kc1gPl7Ts9a"
# The comparator's login; none that mirrord could use. A retry by itself is far away: what recovers does so by the verb.
SIDE = {"passwords": {"filler": "filler-secret"}}
ENGINE = {"retry_first": "10m", "retry_longest": "10m", "probe_refused": "10m", "idle_session": "1s"}
API = ("status", "stores", "stores/production", "links", "mailboxes", "mailboxes/1001", "events", "config", "audit")


class OwnMirror(Mirror):
    def write_config(self):
        super().write_config()
        self.lab.workdir.write(f"{self.name}/mirrord.toml", self.config.read_text() + '[log]\nlevel = "debug"\n')

    def store(self, side, login="filler"):
        return super().store(side, "filler")

    def document_text(self, mailboxes, link="", stores=None):
        lines = super().document_text(mailboxes, link, stores).splitlines()
        kept = [line for line in lines if not line.startswith(("login =", "password_file ="))]
        return "\n".join(kept).replace('profile = "dovecot"', 'profile = "dovecot"\nlogin_method = "own_password"') + "\n"


def prepare(lab):
    for side in ("production", "dr"):
        server = getattr(lab, side)
        server.login = "filler"  # read by document_text, and left out again
        server.owners.update(OWN[side])
        server.write_users()


def deposit(mirror, owner, seed):
    sample = samples.make("text", random.Random(f"{owner} {seed}"))
    with mirror.store("production").connect(owner) as client:
        client.append("INBOX", [(sample.body, [], sample.when)])


def set_password(mirror, owner, password, store="production"):
    return mirror.ctl("mailbox", "credential", "set", owner, "--store", store, "--secret-file", "-", stdin=password + "\n")


def import_text(mirror, store, text):
    """Exit code and stderr of an import from a file."""
    path = mirror.lab.workdir.write("passwords", text, 0o600)
    code, _, err = mirror.try_ctl("mailbox", "credential", "import", store, str(path))
    pathlib.Path(path).unlink()
    return code, err


def lines_of(side, owners=OWNERS):
    return "# own passwords\n\n" + "".join(f"{owner}\t{OWN[side][owner]}\n" for owner in owners)


def problems(mirror):
    return {(row["kind"], row["object"]): row for row in mirror.status()["problems"]}


def wait_problem(mirror, owner, code, seconds=20.0):
    def found():
        row = problems(mirror).get(("mailbox", owner))
        return row if row and row["code"] == code else None
    wait_until(found, f"{code} of {owner}", seconds, 0.1)
    row = found()
    assert "mirrorctl mailbox credential" in row["next_step"], row
    return row


def rows(mirror):
    return {row["name"]: row for row in mirror.ctl("mailbox", "list")["items"]}


def kept(mirror):
    """How many passwords the database keeps, how many audit rows tell of them."""
    sql = mirror.lab.postgres.sql
    return int(sql("select count(*) from mailbox_password")[0][0]), \
        int(sql("select count(*) from audit where action like 'mailbox.credential%'")[0][0])


@cases.add
def without_a_password_each_mailbox_says_what_to_do(mirror):
    for owner in OWNERS:
        deposit(mirror, owner, "first")
    mirror.configure()
    for owner in OWNERS:
        wait_problem(mirror, owner, "MRD-IMAP-036")
    assert not any(kind == "store" for kind, _ in problems(mirror)), problems(mirror)
    for row in rows(mirror).values():
        assert (row["source_password_set"], row["target_password_set"]) == (False, False), row


@cases.add
def a_bad_line_or_an_unknown_mailbox_imports_nothing(mirror):
    before = kept(mirror)
    code, err = import_text(mirror, "production", f"1001\t{WRONG}\n\n1002 {WRONG}\n1003,\n1001,{WRONG}\n,{WRONG}\n")
    assert code == 2, (code, err)
    for number in (3, 4, 5, 6):
        assert f"line {number}:" in err, err
    assert "line 1:" not in err and WRONG not in err, err
    code, err = import_text(mirror, "production", f"# x\n1001\t{WRONG}\n9999\t{WRONG}\n")
    assert code == 2 and "line 3:" in err and WRONG not in err, (code, err)
    code, err = import_text(mirror, "nowhere", f"1001\t{WRONG}\n")
    assert code == 4, (code, err)
    assert kept(mirror) == before, (before, kept(mirror))


@cases.add
def the_first_copy_logs_in_as_each_owner(mirror):
    assert import_text(mirror, "production", lines_of("production"))[0] == 0
    # One side alone does not help: each of the two stores wants its own.
    wait_until(lambda: all(row["source_password_set"] and not row["target_password_set"] for row in rows(mirror).values()),
               "the list says which are set", 10.0, 0.1)
    assert import_text(mirror, "dr", lines_of("dr"))[0] == 0
    mirror.wait_equal(30)
    assert not problems(mirror), problems(mirror)
    shown = mirror.ctl("mailbox", "show", "1001")
    assert (shown["source_password_set"], shown["target_password_set"]) == (True, True), shown
    assert kept(mirror) == (8, 2), kept(mirror)
    mirror.assert_production_untouched()


@cases.add
def the_same_import_again_changes_nothing(mirror):
    assert import_text(mirror, "production", lines_of("production"))[0] == 0
    mirror.wait_equal(30)
    assert kept(mirror) == (8, 3), kept(mirror)


@cases.add
def a_wrong_password_is_of_its_mailbox_and_recovers_at_once(mirror):
    set_password(mirror, "1001", WRONG)
    row = wait_problem(mirror, "1001", "MRD-IMAP-037")
    assert "1001" in row["text"], row
    for owner in OWNERS:
        deposit(mirror, owner, "while one is refused")
    wait_until(lambda: not mirror.differences([owner for owner in OWNERS if owner != "1001"]), "the others go on", 20.0, 0.2)
    assert not any(kind == "store" for kind, _ in problems(mirror)), problems(mirror)
    # An account must not be locked by us, whoever else wants to log in there.
    time.sleep(2)
    before = mirror.lab.relay.totals()["totals"]["AUTHENTICATE"]
    for _ in range(6):
        mirror.ctl("resync", "1001")
        time.sleep(0.5)
    tries = mirror.lab.relay.totals()["totals"]["AUTHENTICATE"] - before
    assert tries <= 3, f"{tries} logins in 3 s with a refused password"
    set_password(mirror, "1001", OWN["production"]["1001"])
    mirror.wait_equal(15)
    assert not problems(mirror), problems(mirror)


@cases.add
def a_wrong_password_of_dr_is_of_its_mailbox_too(mirror):
    set_password(mirror, "1002", WRONG, "dr")
    wait_problem(mirror, "1002", "MRD-IMAP-037")
    assert set(problems(mirror)) == {("mailbox", "1002")}, problems(mirror)
    set_password(mirror, "1002", OWN["dr"]["1002"], "dr")
    mirror.wait_equal(15)


@cases.add
def a_cleared_password_is_asked_for(mirror):
    clear = ("mailbox", "credential", "clear", "1003", "--store", "production")
    count, audited = kept(mirror)
    mirror.ctl(*clear)
    wait_problem(mirror, "1003", "MRD-IMAP-036")
    assert rows(mirror)["1003"]["source_password_set"] is False
    mirror.ctl(*clear)  # nothing there, nothing to do
    assert kept(mirror) == (count - 1, audited + 1), kept(mirror)
    set_password(mirror, "1003", OWN["production"]["1003"])
    mirror.wait_equal(15)


@cases.add
def sealed_for_one_owner_it_is_of_no_use_to_another(mirror):
    mirror.lab.postgres.sql("update mailbox_password a set sealed = b.sealed from mailbox_password b "
                            "where a.store_id = b.store_id and a.owner = '1004' and b.owner = '1001'")
    deposit(mirror, "1004", "moved password")
    time.sleep(2.5)  # no warm session of before is left then
    mirror.ctl("resync", "1004")
    wait_problem(mirror, "1004", "MRD-BASE-006")
    assert set(problems(mirror)) == {("mailbox", "1004")}, problems(mirror)
    for side in ("production", "dr"):
        set_password(mirror, "1004", OWN[side]["1004"], side)
    mirror.wait_equal(15)


@cases.add
def who_is_not_there_is_told(mirror):
    for words, code in ((("set", "9999", "--store", "production", "--secret-file", "-"), 4),
                        (("set", "1001", "--store", "nowhere", "--secret-file", "-"), 4),
                        (("set", "1001", "--secret-file", "-"), 2),
                        (("clear", "9999", "--store", "production"), 4)):
        mirror.ctl("mailbox", "credential", *words, stdin=WRONG + "\n", codes=(code,))


@cases.add
def the_store_test_logs_in_as_an_owner(mirror):
    for side in ("production", "dr"):
        steps = {row["name"]: row for row in mirror.ctl("store", "test", side, codes=(0, 1))["items"]}
        assert steps["login"]["outcome"] == "ok", steps["login"]


@cases.add
def the_passwords_are_written_nowhere(mirror):
    program = mirror.lab.postgres.bin / "pg_dump"
    dump = subprocess.run([program, "--no-owner", "-d", mirror.dsn], capture_output=True, text=True, cwd="/", check=True,
                          env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}).stdout
    assert "mailbox_password" in dump and "mailbox.credential" in dump
    log = mirror.log.read_text(errors="replace")
    assert " debug " in log, "the log is not at its most talkative"
    places = {"dump": dump, "log": log, "export": mirror.try_ctl("config", "export")[1],
              "list": mirror.try_ctl("mailbox", "list")[1]}
    for path in API:
        places[path] = subprocess.run(["curl", "-sS", "--unix-socket", str(mirror.socket), f"http://localhost/api/v1/{path}"],
                                      capture_output=True, text=True, check=True, cwd="/").stdout
    secrets = [(owner, text) for side in OWN.values() for owner, text in side.items()] + [("1001", WRONG)]
    for place, text in places.items():
        assert text.strip(), f"{place}: nothing to look at"
        for owner, secret in secrets:
            sasl = base64.b64encode(f"\0{owner}\0{secret}".encode()).decode()
            for shape in (secret, secret.encode().hex(), sasl, base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]):
                assert shape.lower() not in text.lower(), f"{place} holds a password of {owner}"


def main():
    with Lab(build_folder(), OWNERS, fsync=False, relay=True, production_read_only=False, production_options=SIDE,
             dr_options=SIDE) as lab:
        prepare(lab)
        with OwnMirror(lab, engine=ENGINE) as mirror:
            return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
