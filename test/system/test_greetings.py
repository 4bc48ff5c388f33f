#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Greetings by the profile's rule: a folder, a header, the file name of an attachment. They are copied like all else and counted
apart, with no command more on production, whether copied or adopted; a replaced one is on DR before the old one goes."""

import pathlib
import re
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from faults.api import Api
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import wait_until

cases = Cases()
COPIED, ADOPTED, ODD = OWNERS = ("1001", "1002", "1003")
RULE = """
greeting_headers = ["X-Asterisk-VM-Message-Type: unavail", "X-Greeting-Type"]
greeting_attachments = ["greet*.wav"]
"""
WHEN = 1_700_000_000


def message(subject, kind="Message", file="msg0001.wav", extra=""):
    """As Asterisk puts it together, in small."""
    return (f"From: a@example.net\r\nSubject: {subject}\r\nMessage-ID: <{subject.replace(' ', '-')}@example.net>\r\n"
            f"X-Asterisk-VM-Message-Type: {kind}\r\n{extra}MIME-Version: 1.0\r\n"
            'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\ntext\r\n'
            f'--b\r\nContent-Type: audio/x-wav; name="{file}"\r\nContent-Transfer-Encoding: base64\r\n'
            f'Content-Disposition: attachment; filename="{file}"\r\n\r\nUklGRg==\r\n--b--\r\n').encode()


def nested(depth):
    """A greeting by header whose parts lie deeper than mirrord reads."""
    body = b"Content-Type: audio/x-wav; name=greet.wav\r\n\r\nx\r\n"
    for n in range(depth):
        body = b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) + body + b"\r\n--b%d--\r\n" % n
    return b"Subject: deep\r\nX-Greeting-Type: busy\r\nMIME-Version: 1.0\r\n" + body


ORDINARY = [message(f"ordinary {n}") for n in range(3)] + [message("greet.wav")]
BY_HEADER = [message("away", "unavail"), message("busy", extra="x-greeting-type:\r\n busy\r\n")]
BY_FILE = [message("recorded", file="Greet 1.WAV")]
IN_FOLDER = [message("one"), message("two")]


def rows(bodies):
    return [(body, [], WHEN + n) for n, body in enumerate(bodies)]


def fill(mirror, side, owner):
    with mirror.store(side).connect(owner) as client:
        client.append("INBOX", rows(ORDINARY + BY_HEADER + BY_FILE))
        client.command('CREATE "Greetings"')
        client.append("Greetings", rows(IN_FOLDER))


def counted(mirror, owner):
    """(of the mailbox, {folder: its greetings})"""
    shown = mirror.ctl("mailbox", "show", owner)
    return shown["greetings"], {folder["source_name"]: folder["greeting_messages"] for folder in shown["folders"]}


def remove(client, subject):
    """Of the selected folder."""
    client.select("INBOX")
    wanted = f"<{subject.replace(' ', '-')}@example.net>".encode()
    found = [uid for uid, row in client.fetch("UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]").items()
             if any(isinstance(value, bytes) and wanted in value for value in row.values())]
    assert len(found) == 1, (subject, found)
    client.command(f"UID STORE {found[0]} +FLAGS (\\Deleted)")
    client.command(f"UID EXPUNGE {found[0]}")


def wire(relay):
    """What clients sent, a connection at a time."""
    return [[line[3:].decode("utf-8", "replace") for line in log.read_bytes().split(b"\n") if line.startswith(b"C: ")]
            for log in sorted(relay.wire_log.glob("*.log"))]


def fetches(mirror):
    """The FETCHes on production that ask for facts, and those of them that judge."""
    lines = [line for log in wire(mirror.lab.relay) for line in log if "UID FETCH" in line and "RFC822.SIZE" in line]
    return len(lines), sum("BODYSTRUCTURE" in line and "X-Greeting-Type" in line for line in lines)


@cases.add
def each_rule_tells_its_own_and_all_are_copied(mirror):
    profiles = mirror.folder / "profiles"
    text = (profiles / "dovecot.toml").read_text()
    (profiles / "told.toml").write_text(text.replace("[folders]", "[folders]" + RULE))
    mirror.profile = "told"
    fill(mirror, "production", COPIED)
    mirror.configure([COPIED])
    mirror.wait_equal(60)
    assert counted(mirror, COPIED) == (5, {"INBOX": 3, "Greetings": 2}), counted(mirror, COPIED)
    assert mirror.status()["counts"]["greetings"] == 5, mirror.status()["counts"]


@cases.add
def nothing_more_is_asked_of_production_and_nothing_written(mirror):
    facts, judging = fetches(mirror)
    assert (facts, judging) == (2, 1), f"{facts} FETCHes of facts, {judging} that judge: one a folder, and the folder of greetings needs none"
    mirror.assert_production_untouched()
    with mirror.store("production").connect(COPIED) as client:
        client.select("INBOX", examine=True)
        flags = [row["FLAGS"] for row in client.fetch("FLAGS").values()]
    assert len(flags) == 7 and not any("Seen" in str(row) for row in flags), flags


@cases.add
def adopted_ones_are_counted_too(mirror):
    fill(mirror, "production", ADOPTED)
    fill(mirror, "dr", ADOPTED)
    before = mirror.lab.dr_relay.totals()["totals"].get("APPEND", 0)
    mirror.configure([COPIED, ADOPTED])
    mirror.wait_equal(60)
    assert mirror.lab.dr_relay.totals()["totals"].get("APPEND", 0) == before, "copied, not adopted"
    assert counted(mirror, ADOPTED) == (5, {"INBOX": 3, "Greetings": 2}), counted(mirror, ADOPTED)


@cases.add
def a_replaced_greeting_is_on_dr_before_the_old_one_goes(mirror):
    old = [len(log) for log in wire(mirror.lab.dr_relay)]
    mirror.stop()
    with mirror.store("production").connect(COPIED) as client:
        remove(client, "away")
        client.append("INBOX", rows([message("away again", "unavail")]))
    mirror.start()
    mirror.wait_equal(60)
    assert counted(mirror, COPIED) == (5, {"INBOX": 3, "Greetings": 2}), counted(mirror, COPIED)
    changes = [re.match(r"\S+ (APPEND|UID EXPUNGE|EXPUNGE)\b", line, re.I)
               for n, log in enumerate(wire(mirror.lab.dr_relay)) for line in log[old[n] if n < len(old) else 0:]]
    assert [found[1].upper() for found in changes if found] == ["APPEND", "UID EXPUNGE"], changes


@cases.add
def one_that_goes_is_counted_no_more(mirror):
    with mirror.store("production").connect(COPIED) as client:
        remove(client, "recorded")
        remove(client, "ordinary 1")
    mirror.wait_equal(60)
    assert counted(mirror, COPIED) == (4, {"INBOX": 2, "Greetings": 2}), counted(mirror, COPIED)


@cases.add
def a_structure_beyond_all_bounds_stops_nothing(mirror):
    with mirror.store("production").connect(ODD) as client:
        client.append("INBOX", rows([message("before"), nested(60), message("behind", file="greeting.wav")]))
    mirror.configure(OWNERS)
    mirror.wait_equal(60)
    assert counted(mirror, ODD) == (2, {"INBOX": 2}), counted(mirror, ODD)
    assert mirror.status()["counts"]["quarantined"] == 0, mirror.status()["counts"]
    again = [line for log in wire(mirror.lab.relay) for line in log if "X-Greeting-Type" in line and "BODYSTRUCTURE" not in line]
    assert len(again) == 1, again


@cases.add
def an_estimate_counts_by_the_same_rule(mirror):
    api = Api(mirror.socket)
    _, run = api.ask("POST", "/api/v1/runs", {"kind": "estimate", "mask": "*"})
    wait_until(lambda: api.ask("GET", f"/api/v1/runs/{run['id']}")[1]["state"] == "done", "the estimate", 30.0)
    result = api.ask("GET", f"/api/v1/runs/{run['id']}")[1]["result"]
    assert (result["messages"], result["greetings"]) == (7 + 9 + 3, 4 + 5 + 2), result
    mirror.assert_production_untouched()


def main():
    options = {"wire_log": True}
    with Lab(build_folder(), OWNERS, fsync=False, relay=options, dr_relay=options) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
