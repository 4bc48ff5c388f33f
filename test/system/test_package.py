#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is installed besides the programs: the unit, the annotated settings, the profiles; and how wrong settings end."""

import pathlib
import re
import subprocess
import sys
import tempfile

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab.cases import Cases
from lab.mirrord import ROOT, build_folder

cases = Cases()
UNIT = ROOT / "etc/systemd/mirrord.service"


def mirrord(*words):
    return subprocess.run([build_folder() / "daemon/mirrord", *words], capture_output=True, text=True, check=False)


def checked(text):
    """`mirrord check` of a settings file with this text."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        answer = mirrord("--config", file.name, "check")
        return answer.returncode, answer.stderr.replace(file.name, "FILE")


@cases.add
def the_unit_is_confined(_):
    answer = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=11", "--no-pager", str(UNIT)],
                            capture_output=True, text=True, check=False)
    assert answer.returncode == 0 and not answer.stderr, answer.stderr or answer.stdout[-300:]


@cases.add
def the_unit_has_no_unknown_word(_):
    with tempfile.TemporaryDirectory() as folder:
        unit = pathlib.Path(folder) / "mirrord.service"
        # verify wants the program to exist, and says what is wrong on stderr alone.
        unit.write_text(re.sub(r"^ExecStart=.*", "ExecStart=/bin/true", UNIT.read_text(), flags=re.M))
        answer = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True,
                                check=False)
        assert answer.returncode == 0 and not answer.stderr, answer.stderr
        unit.write_text(unit.read_text().replace("NoNewPrivileges", "NoNewPrivilege"))
        answer = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True,
                                check=False)
        assert "NoNewPrivilege" in answer.stderr, "an unknown word is not noticed"


@cases.add
def the_example_settings_are_accepted_with_every_line(_):
    text = (ROOT / "etc/mirrord.toml").read_text()
    assert checked(text) == (0, "")
    every_line, count = re.subn(r"^#([a-z_]+ = |\[)", r"\1", text, flags=re.M)
    assert count > 25 and checked(every_line) == (0, ""), checked(every_line)


@cases.add
def the_example_names_every_setting(_):
    source = (ROOT / "daemon/settings.cpp").read_text()
    known = set(re.findall(r'(?:\.(?:text|integer|duration|size|choice|boolean)\(|read_time\(table, )"([a-z_]+)"', source))
    named = set(re.findall(r"^#?([a-z_]+) = ", (ROOT / "etc/mirrord.toml").read_text(), flags=re.M))
    assert known == named, f"only one of both has {sorted(known ^ named)}"


@cases.add
def wrong_settings_end_with_line_column_and_the_nearest_key(_):
    code, words = checked('[engine]\nworkers = 2\nwatch_pol = "3s"\n')
    assert code == 78 and re.search(r"FILE:3:\d+: .*watch_pol.*did you mean.*watch_poll", words), (code, words)
    code, words = checked('[engine]\nworkers = "many"\n')
    assert code == 78 and "FILE:2:" in words, (code, words)
    code, words = checked("[engine\n")
    assert code == 78 and "FILE:1:" in words, (code, words)
    answer = mirrord("--config", "/nonexistent/mirrord.toml", "check")
    assert answer.returncode == 78, answer


@cases.add
def mirrord_refuses_to_run_as_root(_):
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        answer = mirrord("--config", file.name)
        assert answer.returncode == 78 and "root" in answer.stderr, answer


@cases.add
def both_programs_say_their_commit(_):
    for name in ("mirrord", "mirrorctl"):
        answer = subprocess.run([build_folder() / "daemon" / name, "--version"], capture_output=True, text=True, check=True)
        assert re.fullmatch(rf"{name} \d+\.\d+\.\d+ \(([0-9a-f]{{12}}|unknown)\)\n", answer.stdout), answer.stdout


@cases.add
def each_profile_has_its_page(_):
    profiles = {path.stem for path in (ROOT / "etc/profiles").glob("*.toml")}
    pages = {path.stem for path in (ROOT / "docs/profiles").glob("*.md")}
    assert profiles == pages and {"generic", "dovecot", "cyrus", "asterisk", "avaya-mss"} <= profiles, (profiles, pages)
    for page in pages:
        assert "real server" in (ROOT / f"docs/profiles/{page}.md").read_text(), page


if __name__ == "__main__":
    sys.exit(cases.run(None, sys.argv[1] if len(sys.argv) > 1 else ""))
