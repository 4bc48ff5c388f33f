#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real Cyrus 3.6 beside a Dovecot, as DR and as production: every kind of change that Cyrus takes, one kill -9 in the middle, both
stores equal, a pass that writes nothing; what Cyrus refuses or alters is named, once; IDLE on Cyrus."""

import pathlib
import random
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.cyrus import REFUSED_CHARACTERS, REFUSED_KINDS
from lab.mirrord import Mirror
from lab.mirrored import EXACT, SEED, make_lab, mirrored, told_at_once
from lab.process import wait_until

cases = Cases()


def never_asked_for_mailboxid(relay):
    """Cyrus 3.6 and 3.10.2 tell octets of freed memory for it in LIST RETURN (STATUS ...); the profile distrusts OBJECTID."""
    for log in relay.wire_log.glob("*.log"):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        assert not [line for line in lines if line.startswith("C: ") and "MAILBOXID" in line], log


@cases.add
def dovecot_to_cyrus_with_traffic_and_a_crash(_):
    # Bare line feeds are CRLF by the time Dovecot serves them; names come as Cyrus takes them.
    mirrored("sdbox", "cyrus", ("malformed_mime",), also=lambda lab, _: never_asked_for_mailboxid(lab.dr_relay))


@cases.add
def cyrus_to_dovecot_with_traffic_and_a_crash(_):
    mirrored("cyrus", "maildir", REFUSED_KINDS, REFUSED_CHARACTERS, lambda lab, _: never_asked_for_mailboxid(lab.relay))


def quarantined(mirror):
    """{(folder, UID on production, kind): row}"""
    return {(row["folder"], row["source_uid"], row["kind"]): row for row in mirror.ctl("quarantine", "list")["items"]}


@cases.add
def what_cyrus_refuses_or_alters_is_named_once(_, fmt="cyrus"):
    """As it comes: with munge8bit; and with conversations, which lets a folder hold ten identical messages."""
    with make_lab("sdbox", fmt, ["1001"], dr_options={"fsync": "never", "extra": "conversations: yes"}) as lab, \
            Mirror(lab) as mirror:
        with mirror.store("production").connect("1001") as client:
            head = b"From: <1@vm.example.net>\r\nSubject: "
            client.append("INBOX", [(head + b"a line without\r\na colon\r\n\r\nbody\r\n", [], 1)])
            client.append("INBOX", [(head + "R\u00fcckruf\r\n\r\nbody \u00fc\r\n".encode(), ["\\Seen"], 2)])
            client.append("INBOX", [(head + b"plain\r\n\r\nbody \xfc\r\n", [], 3)])
            client.command("CREATE Twins")
            client.append("Twins", [(head + b"twin\r\n\r\nbody\r\n", [], 4)] * 12)
            client.command("CREATE Words")
            client.append("Words", [(head + b"%d\r\n\r\nbody\r\n" % number, [f"w{number}-{word}" for word in range(43)], number)
                                    for number in range(5, 9)])
        mirror.configure()
        mirror.wait_settled(60)
        rows = quarantined(mirror)
        assert set(rows) == {("INBOX", 1, "message"), ("INBOX", 2, "altered"), ("Twins", 11, "message"), ("Twins", 12, "message"),
                             ("Words", 3, "message"), ("Words", 4, "message")}, rows
        assert "invalid header" in rows["INBOX", 1, "message"]["server_text"], rows
        assert "identical" in rows["Twins", 11, "message"]["server_text"], rows
        assert "flags" in rows["Words", 4, "message"]["server_text"], rows
        altered = rows["INBOX", 2, "altered"]
        assert len(altered["wanted"]) == len(altered["got"]) == 64 and altered["wanted"] != altered["got"], altered
        kinds = sorted(line.split()[0] + line.split()[2] for line in mirror.differences())
        assert kinds == ["bytes:'INBOX':", "missing:'INBOX':"] + ["missing:'Twins':"] * 2 + ["missing:'Words':"] * 2, kinds
        mirror.quiet_pass()
        assert {key: row["attempts"] for key, row in quarantined(mirror).items()} == {key: 1 for key in rows}, quarantined(mirror)
        # What was altered goes on as a message like the others; with what was refused its row goes.
        with mirror.store("production").connect("1001") as client:
            client.select("INBOX")
            client.command("UID STORE 2 FLAGS (\\Flagged)")
            client.command("UID STORE 1 +FLAGS (\\Deleted)")
            client.command("UID EXPUNGE 1")
        wait_until(lambda: len(mirror.differences()) == 5, "the changed flag on DR", 30.0, 0.2)
        with mirror.store("production").connect("1001") as client:
            client.select("INBOX")
            client.command("UID STORE 2 +FLAGS (\\Deleted)")
            client.command("UID EXPUNGE 2")
        wait_until(lambda: len(mirror.differences()) == 4, "the deletion on DR", 30.0, 0.2)
        mirror.wait_settled(30)
        assert not any(folder == "INBOX" for folder, _, _ in quarantined(mirror)), quarantined(mirror)
        mirror.assert_production_untouched()


@cases.add
def a_keyword_too_many_keeps_no_other_flag_away(_, fmt="cyrus"):
    with make_lab("sdbox", fmt, ["1001"]) as lab, Mirror(lab) as mirror:
        with mirror.store("production").connect("1001") as client:
            body = samples.make("text", random.Random(SEED)).body
            client.append("INBOX", [(body, [f"w{number}-{word}" for word in range(50)], number) for number in (1, 2)])
            mirror.configure()
            mirror.wait_equal(60)
            client.select("INBOX")
            client.command("UID STORE 1 +FLAGS (\\Flagged the-101st)")
            client.command("UID STORE 2 +FLAGS (\\Seen)")
            wait_until(lambda: quarantined(mirror), "the refused keyword", 30.0, 0.2)
            mirror.wait_settled(30)
            wait_until(lambda: len(mirror.differences()) == 1, "the flags beside it", 30.0, 0.2)
            (place, row), = quarantined(mirror).items()
            assert place == ("INBOX", 1, "flag") and row["wanted"] == "the-101st", row
            line, = mirror.differences()
            assert line.startswith("keywords:") and line.endswith(": -the-101st"), line
            client.append("INBOX", [(samples.make("text", random.Random(SEED + 1)).body, [], 3)])
            wait_until(lambda: len(mirror.differences()) == 1, "a message that comes later", 30.0, 0.2)
            mirror.wait_settled(30)
        mirror.assert_production_untouched()


@cases.add
def cyrus_tells_by_idle_at_once(_):
    """Names as Debian's imapd.conf has them (`INBOX.Folder`)."""
    told_at_once("cyrus", "sdbox", "IDLE", "NOTIFY", "INBOX.Kept", production_options=EXACT | {"debian_names": True})


if __name__ == "__main__":
    sys.exit(cases.run(None, sys.argv[1] if len(sys.argv) > 1 else ""))
