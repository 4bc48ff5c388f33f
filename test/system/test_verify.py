#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""verify: DR is changed behind mirrord's back while it is suspended.  A flag and a date are found by reading what both servers
answer, one body byte by --deep alone; verify changes nothing, and resume repairs everything."""

import pathlib
import random
import subprocess
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import imapwire, samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder, writes_in

cases = Cases()
FLAG, DATE, BYTE = OWNERS = ("1001", "1002", "1003")
MESSAGES = 4
FACTS = "UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[]"


def fill(mirror, owner):
    rng = random.Random(owner)
    with mirror.store("production").connect(owner) as client:
        client.append("INBOX", [(samples.make(kind, rng).body, ["\\Seen"], samples.NOW - 1000 * n)
                                for n, kind in enumerate(["voice_20kb"] + ["text"] * (MESSAGES - 1))])


def on_dr(mirror, owner):
    """{uid: facts} of the INBOX on DR."""
    with mirror.store("dr").connect(owner) as client:
        client.select("INBOX", examine=True)
        return client.fetch(FACTS)


def replace_last(mirror, owner, change):
    """Puts another message in the place of the last one on DR: change(body, epoch) gives its body and date."""
    with mirror.store("dr").connect(owner) as client:
        client.select("INBOX")
        uid, facts = sorted(client.fetch(FACTS).items())[-1]
        body, when = change(facts["BODY[]"], imapwire.parse_date(facts["INTERNALDATE"].decode()))
        client.append("INBOX", [(body, ["\\Seen"], when)])
        client.command(f"UID STORE {uid} +FLAGS (\\Deleted)")
        client.command(f"UID EXPUNGE {uid}")


def another_byte(body):
    """The same head and length; one letter of the last line is another."""
    at = len(body.rstrip()) - 1
    return body[:at] + (b"x" if body[at:at + 1] != b"x" else b"y") + body[at + 1:]


def verify(mirror, *words, code):
    """{owner: differences} of a verify run that must end with this exit code."""
    run = mirror.ctl("verify", *words, "--wait", codes=(code,))
    assert run["state"] == "done" and run["kind"] == "verify", run
    return {row["mailbox"]: row["detail"]["differences"] for row in run["mailboxes"]}


def dr_writes(mirror):
    return writes_in(mirror.lab.dr_relay.totals()["totals"])


@cases.add
def nothing_compared_is_not_called_equal(mirror):
    assert verify(mirror, code=5) == {}


@cases.add
def both_sides_equal_is_exit_0(mirror):
    for owner in OWNERS:
        fill(mirror, owner)
    mirror.configure(link='foreign_policy = "remove"\n')
    mirror.wait_equal(60)
    assert verify(mirror, code=0) == {}
    assert verify(mirror, "--deep", code=0) == {}


@cases.add
def a_flag_and_a_date_are_found(mirror):
    mirror.ctl("suspend", "--reason", "a test", "--wait")
    with mirror.store("dr").connect(FLAG) as client:
        client.select("INBOX")
        client.command("UID STORE 2 +FLAGS (\\Flagged)")
        client.command("UID STORE 2 -FLAGS (\\Seen)")
    replace_last(mirror, DATE, lambda body, when: (body, when - 86400))
    replace_last(mirror, BYTE, lambda body, when: (another_byte(body), when))
    mirror.before = {owner: on_dr(mirror, owner) for owner in OWNERS}
    mirror.writes = dr_writes(mirror)
    found = verify(mirror, code=5)
    assert set(found) == {FLAG, DATE}, found
    assert len(found[FLAG]) == 1 and found[FLAG][0]["folder"] == "INBOX", found[FLAG]
    assert str(found[FLAG][0]["target_uid"]) == "2", found[FLAG]
    assert "Flagged" in found[FLAG][0]["text"], found[FLAG]
    assert found[DATE] and all(row["folder"] == "INBOX" for row in found[DATE]), found[DATE]


@cases.add
def one_body_byte_is_found_by_deep_alone(mirror):
    assert verify(mirror, BYTE, code=0) == {}
    found = verify(mirror, BYTE, "--deep", code=5)
    assert set(found) == {BYTE}, found
    assert found[BYTE] and all(row["folder"] == "INBOX" for row in found[BYTE]), found[BYTE]


@cases.add
def every_difference_is_listed_to_people_too(mirror):
    shown = subprocess.run([mirror.control, "--socket", mirror.socket, "verify", "--deep", "--wait"], capture_output=True,
                           text=True, cwd="/", env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, timeout=60)
    assert shown.returncode == 5, shown
    for owner in OWNERS:
        assert f"differs  {owner}" in shown.stdout, shown.stdout
    assert shown.stdout.count("INBOX") >= 3, shown.stdout


@cases.add
def verify_changed_nothing(mirror):
    assert mirror.writes.get("APPEND"), f"the relay in front of DR saw no APPEND: {mirror.writes}"
    assert dr_writes(mirror) == mirror.writes, (mirror.writes, dr_writes(mirror))
    assert {owner: on_dr(mirror, owner) for owner in OWNERS} == mirror.before


@cases.add
def after_resume_everything_is_repaired(mirror):
    mirror.ctl("resume", "--reason", "a test", "--wait")
    mirror.wait_equal(60)
    kinds = {row["kind"] for row in mirror.ctl("mailbox", "history", FLAG)["items"]}
    assert "flags.drift_repaired" in kinds, kinds
    assert verify(mirror, code=0) == {}
    # Deep too: the altered copy is not taken for the message.
    assert verify(mirror, "--deep", code=0) == {}


@cases.add
def production_was_only_read(mirror):
    mirror.assert_production_untouched()


def main():
    with Lab(build_folder(), OWNERS, fsync=False, relay=True, dr_relay=True) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
