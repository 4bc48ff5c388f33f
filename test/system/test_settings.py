#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bad settings: file, line, column, the nearest known key, exit 78; root and a wrong schema version are refused."""

import pathlib
import shutil
import subprocess
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import USER, Mirror, build_folder

cases = Cases()
BAD = 78
mirror = None


def run(*argv, user=USER):
    """(exit code, stdout, stderr) of a program that must end by itself."""
    account = {"user": user, "group": user, "extra_groups": []} if user else {}
    result = subprocess.run([str(word) for word in argv], capture_output=True, text=True, cwd="/", timeout=30, check=False,
                            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **mirror.environment()}, **account)
    return result.returncode, result.stdout, result.stderr


def place(text, word):
    """LINE:COLUMN of the first `word` in `text`, counted from 1."""
    before = text[:text.index(word)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def daemon_says(change, *messages):
    """mirrord, started with its good settings after `change(text)`, ends with 78 and exactly these lines on stderr; `check`
    says the same.  A message is (the word its place is of, text)."""
    text = change(mirror.config.read_text())
    file = mirror.lab.workdir.write("bad.toml", text)
    wanted = [f"{file}:{place(text, word)}: {said}" for word, said in messages]
    for words in ((), ("check",)):
        code, _, err = run(mirror.daemon, "--config", file, *words)
        assert code == BAD, (words, code, err)
        assert err.splitlines() == wanted, (err, wanted)


def control_says(text, *messages):
    """mirrorctl config check and config apply say these lines, exit 78, without asking a daemon (there is none)."""
    file = mirror.lab.workdir.write("site.toml", text)
    wanted = [f"{file}:{place(text, word)}: {said}" for word, said in messages]
    for verb in ("check", "apply"):
        code, _, err = run(mirror.control, "--socket", mirror.socket, "config", verb, file, user=None)
        assert code == BAD, (verb, code, err)
        for line in wanted:
            assert line in err, (line, err)


@cases.add
def good_settings_are_good(_):
    code, out, err = run(mirror.daemon, "--config", mirror.config, "check")
    assert code == 0 and "good" in out and not err, (code, out, err)


@cases.add
def an_unknown_key_is_named_with_its_place_and_the_nearest_known(_):
    daemon_says(lambda text: text.replace("pass_interval", "pas_interval"),
                ("pas_interval", 'unknown key "pas_interval"; did you mean "pass_interval"?'))


@cases.add
def an_unknown_table_is_named(_):
    daemon_says(lambda text: text.replace("[engine]", "[engin]"), ("engin]", 'unknown key "engin"; did you mean "engine"?'))


@cases.add
def a_wrong_type_is_named(_):
    daemon_says(lambda text: text + 'workers = "four"\n', ('"four"', '"workers" must be a whole number from 1 to 64'))


@cases.add
def a_bad_duration_is_named(_):
    daemon_says(lambda text: text + 'lease = "5 minutes"\n',
                ('"5 minutes"', '"lease" must be a time such as "250ms", "60s", "5m", "4h", "1d"'))


@cases.add
def a_lease_too_short_to_send_under_is_refused(_):
    daemon_says(lambda text: text + 'send_within = "2s"\nlease = "7s"\n', ('"7s"', '"lease" must be at least four times send_within'))


@cases.add
def all_errors_are_told_at_once_in_the_files_order(_):
    daemon_says(lambda text: text.replace("[control]", "[control]\nsokket = 1") + 'window_octets = "many"\nworkers = 65\n',
                ("sokket", 'unknown key "sokket"; did you mean "socket"?'),
                ('"many"', '"window_octets" must be a size such as "64KiB", "8MiB" or a number of octets'),
                ("65", '"workers" must be a whole number from 1 to 64'))


@cases.add
def broken_toml_is_named_with_its_place(_):
    file = mirror.lab.workdir.write("bad.toml", mirror.config.read_text() + "workers = = 4\n")
    line = len(file.read_text().splitlines())
    code, _, err = run(mirror.daemon, "--config", file)
    assert code == BAD and err.startswith(f"{file}:{line}:"), (code, err)


@cases.add
def a_file_that_is_not_there_is_named(_):
    code, _, err = run(mirror.daemon, "--config", "/nowhere/mirrord.toml")
    assert code == BAD and "/nowhere/mirrord.toml: cannot be read" in err, (code, err)


STORE = '[store.production]\nhost = "imap.example"\nlogin = "mirror"\n'


@cases.add
def a_document_with_unknown_keys_is_refused_with_their_places(_):
    control_says(STORE + 'profil = "dovecot"\n[link.dr]\nsource = "production"\ntarget = "production"\nmailbxes = []\n',
                 ("profil ", 'unknown key "profil"; did you mean "profile"?'),
                 ("mailbxes", 'unknown key "mailbxes"; did you mean "mailboxes"?'))


@cases.add
def a_document_with_wrong_values_is_refused_with_their_places(_):
    control_says(STORE + 'port = "993"\ntls = "implict"\ntls_verify = 1\npassword = "secret"\n',
                 ('"993"', '"port" must be a whole number from 1 to 65535'),
                 ('"implict"', '"implict" is no value for "tls"; did you mean "implicit"?'),
                 ("1\npass", '"tls_verify" must be true or false'),
                 ('"secret"', "a secret does not belong here: use password_file"))


@cases.add
def a_good_document_passes_the_check(_):
    file = mirror.lab.workdir.write("site.toml", mirror.document_text(["1001"]))
    code, out, err = run(mirror.control, "config", "check", file, user=None)
    assert code == 0 and "2 stores, 1 links: no error" in out, (code, out, err)


@cases.add
def root_is_refused(_):
    code, _, err = run(mirror.daemon, "--config", mirror.config, user=None)
    assert code == BAD and "refuses to run as root" in err, (code, err)


def schema_is_refused(words):
    code, out, err = run(mirror.daemon, "--config", mirror.config)
    said = out + err
    assert code == BAD and "MRD-DB-003" in said and words in said, (code, said[-2000:])
    assert "mirrorctl db migrate" in said, f"what to do is not said: {said[-2000:]}"


@cases.add
def a_newer_schema_is_refused(_):
    mirror.lab.postgres.sql("insert into schema_version (version, name, sha256) values (9999, 'later', 'x')")
    try:
        schema_is_refused("version 9999")
    finally:
        mirror.lab.postgres.sql("delete from schema_version where version = 9999")


@cases.add
def an_older_schema_is_refused(_):
    file = max((mirror.folder / "schema").glob("*.sql"))
    fresh = file.with_name(f"{int(file.name[:4]) + 1:04}_later.sql")
    shutil.copy(file, fresh)
    try:
        schema_is_refused("(later) is not applied")
    finally:
        fresh.unlink()


@cases.add
def the_right_schema_is_taken(_):
    mirror.start()
    try:
        assert mirror.status()["site"]["state"] == "mirroring"
    finally:
        mirror.stop()


def main():
    global mirror
    with Lab(build_folder(), ("1001",), fsync=False) as lab:
        mirror = Mirror(lab).create()
        return cases.run(None, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
