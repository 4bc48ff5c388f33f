#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian 13's servers, Dovecot 2.4.1 and Cyrus 3.10, beside Debian 12's: what test_formats and test_cyrus do with those; which
extensions each offers, and which of them are used.  As root; build/debian13 is made when missing (scripts/make-debian13)."""

import pathlib
import random
import re
import sys
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples, selftest
from lab.cases import Cases
from lab.cyrus import ADMIN, REFUSED_CHARACTERS, REFUSED_KINDS, Cyrus
from lab.debian13 import Cyrus310, Dovecot24
from lab.dovecot import Dovecot
from lab.imapwire import Client, WireError, folder_arg
from lab.lab import Lab, server_class
from lab.mirrord import Mirror, build_folder
from lab.mirrored import EXACT, make_lab, mirrored, told_at_once
from system import test_cyrus
from system.test_extensions import Wire

cases = Cases()

# What is looked at, and how it shows among mirrord's commands where it is used.
ON_THE_WIRE = {"NOTIFY": r" NOTIFY SET ", "IDLE": r" IDLE$", "QRESYNC": r" ENABLE QRESYNC$", "CONDSTORE": r"HIGHESTMODSEQ",
               "UIDPLUS": r" UID EXPUNGE ", "MULTIAPPEND": r"^ \(", "LITERAL+": r"\{\d+\+\}$", "LITERAL-": r"\{\d+\+\}$",
               "OBJECTID": r"MAILBOXID", "UNAUTHENTICATE": r" UNAUTHENTICATE", "UTF8=ACCEPT": r" ENABLE .*UTF8"}
# What each server offers of it to an owner after the login, whatever its storage format.
COMMON = {"IDLE", "QRESYNC", "CONDSTORE", "UIDPLUS", "MULTIAPPEND", "LITERAL+"}
OFFERED = {Dovecot: COMMON | {"NOTIFY"}, Dovecot24: COMMON | {"NOTIFY"}, Cyrus: COMMON | {"OBJECTID"},
           Cyrus310: COMMON | {"NOTIFY", "OBJECTID"}}
# What these settings of a server change in that.
CYRUS_MINUS, UTF8 = "literalminus: yes", "mail_utf8_extensions = yes"
DOVECOT_MINUS = "protocol imap {\n  imap_capability {\n    LITERAL+ = no\n    LITERAL- = yes\n  }\n}"
CHANGED = {CYRUS_MINUS: {"LITERAL+", "LITERAL-"}, DOVECOT_MINUS: {"LITERAL+", "LITERAL-"}, UTF8: {"UTF8=ACCEPT"}}
# Why what is offered is not used, as `mirrorctl store caps` says it. UNAUTHENTICATE both Cyruses offer to their administrator
# alone, and mirrord logs in for an owner. UTF8=ACCEPT mirrord does not know: names go as modified UTF-7, which every server takes
# (Dovecot 2.4.1 takes nothing else, even with UTF8=ACCEPT enabled), and messages go octet for octet without it.
NOT_APPENDED, NOT_WATCHED = "nothing is appended to this store", "only sources are watched"
NOT_USED = {
    "production": {"IDLE": "NOTIFY is used instead", "UIDPLUS": NOT_APPENDED, "MULTIAPPEND": NOT_APPENDED, "LITERAL+": NOT_APPENDED,
                   "LITERAL-": NOT_APPENDED, "OBJECTID": "the profile cyrus does not trust it", "UTF8=ACCEPT": None},
    "dr": {"NOTIFY": NOT_WATCHED, "IDLE": NOT_WATCHED, "OBJECTID": "the profile cyrus does not trust it", "UTF8=ACCEPT": None}}
SIZES, ALONE = (200, 4095, 4096, 4097, 30_000, 300_000), (4096, 4097)
NAMES = ("D\u00e9j\u00e0 vu", "\u53d7\u4fe1\u7bb1", "\U0001f4de Anrufe", "B\u00fcro & Co")
RENAMED = {NAMES[0]: "\u00dcber \u4f1a\u8b70", NAMES[3]: "\U0001f4e0 & Faxe"}


def expected(server, side):
    """What this server offers, and what of that is used."""
    offers = set(OFFERED[type(server)])
    for setting, changed in CHANGED.items():
        offers ^= changed if setting in server.extra else set()
    used = offers - set(NOT_USED[side])
    return offers, used if side == "dr" or "NOTIFY" in offers else used | {"IDLE"}


def rows_of(mirror, side):
    return {row["name"]: row for row in mirror.ctl("store", "caps", side)["items"]}


def check_capabilities(lab, mirror):
    """What the server itself offers after the login, what mirrord says that it makes of it, and what went over the wire, where
    an expunge and a window of messages have to have been."""
    for side, relay in (("production", lab.relay), ("dr", lab.dr_relay)):
        server, mirroring = getattr(lab, side), Wire(relay)  # rows_of has mirrord try the store, which is not mirroring
        offers, used = expected(server, side)
        with mirror.store(side).connect(lab.mailboxes[0]) as client:
            client.command("CAPABILITY")
            assert client.capabilities & set(ON_THE_WIRE) == offers, (server.fmt, client.capabilities, offers)
        rows = rows_of(mirror, side)
        assert set(ON_THE_WIRE) - set(rows) == {"UTF8=ACCEPT"}, rows
        for name in sorted(set(ON_THE_WIRE) & set(rows)):
            row = rows[name]
            assert (row["offered"], row["used"]) == (name in offers, name in used), (server.fmt, side, row)
            assert name not in offers - used or row["why"] == NOT_USED[side][name], (server.fmt, side, row)
        if isinstance(server, Cyrus):
            with Client(server.host, server.port, lab.authority.cert).login(ADMIN, server.admin_password) as client:
                client.command("CAPABILITY")
                assert "UNAUTHENTICATE" in client.capabilities, client.capabilities
        wire, seen = Wire(relay), {ON_THE_WIRE[name] for name in used}
        for pattern in set(ON_THE_WIRE.values()):
            (mirroring.must if pattern in seen else wire.never)(pattern)
        enabled = {line.split(" ", 1)[1] for line in wire.sent(" ENABLE ")}
        assert enabled == {"ENABLE QRESYNC"}, enabled  # neither UTF8=ACCEPT nor IMAP4rev2, which Cyrus 3.10 offers beside IMAP4rev1
        assert "LITERAL+" not in used or not wire.sent(r"\{\d+\}$"), wire.sent(r"\{\d+\}$")
        print(f"# {server.fmt} as {side}: offers {' '.join(sorted(offers))}; used: {' '.join(sorted(used))}", flush=True)


def pair(production, dr, refused_kinds=(), refused_characters=""):
    mirrored(production, dr, refused_kinds, refused_characters, check_capabilities)


def expunge_one(mirror, folder):
    with mirror.store("production").connect(mirror.lab.mailboxes[0]) as client:
        client.select(folder)
        client.command("UID STORE 1 +FLAGS (\\Deleted)")
        client.command("UID EXPUNGE 1")
    mirror.wait_equal(60)


def message_of(size, number):
    head = b"From: <%d@vm.example.net>\r\nSubject: %d octets\r\n\r\n" % (number, size)
    lines, rest = divmod(size - len(head) - 2, 72)
    return head + (b"x" * 70 + b"\r\n") * lines + b"x" * rest + b"\r\n"


def literals_of(relay):
    """[(octets, "+" when unasked)] of the client, and how often the server said "+"."""
    wire = Wire(relay)
    marks = sorted((int(size), plus) for line in wire.client for size, plus in re.findall(r"\{(\d+)(\+?)\}$", line))
    return marks, sum(line.startswith("+") for line in wire.server)


def small_literals_alone_go_unasked(lab, mirror):
    """RFC 7888: with LITERAL- a literal of up to 4096 octets may go unasked, a larger one waits for the server's "+"."""
    with mirror.store("production").connect("1001") as client:
        client.append("INBOX", [(message_of(size, 1), [], None) for size in SIZES])
        mirror.configure()
        mirror.wait_equal(60)
        for size in ALONE:  # each in a command of its own
            client.append("INBOX", [(message_of(size, 2), [], None)])
            mirror.wait_equal(60)
    marks, granted = literals_of(lab.dr_relay)
    assert marks == sorted([(size, "+" if size <= 4096 else "") for size in SIZES + ALONE]), marks
    assert granted >= sum(not plus for _, plus in marks), (granted, marks)
    expunge_one(mirror, "INBOX")
    check_capabilities(lab, mirror)
    marks, _ = literals_of(lab.dr_relay)  # those of the look at the store as well, which appends to a folder of its own
    assert len(marks) > len(SIZES + ALONE) and all((plus == "+") == (size <= 4096) for size, plus in marks), marks
    mirror.assert_production_untouched()


def beyond_ascii(production, dr):
    """Folders and headers, with UTF8=ACCEPT where the server has it, and a client that has enabled it."""
    options = {f"{side}_options": EXACT if issubclass(server_class(fmt), Cyrus) else {"extra": UTF8}
               for side, fmt in (("production", production), ("dr", dr))}
    bodies = [samples.make("header_8bit", random.Random(seed)).body for seed in (0, 1, 3, 8)]
    assert len({re.search(rb"Subject: (.*)", body).group(1) for body in bodies}) == 4, bodies  # UTF-8 and three that are not
    with make_lab(production, dr, ["1001"], **options) as lab, Mirror(lab) as mirror:
        with mirror.store("production").connect("1001") as client:
            client.command("ENABLE UTF8=ACCEPT")
            for name in NAMES:
                client.command(b"CREATE " + folder_arg(name))
                client.append(name, [(body, [], None) for body in bodies])
                # A Cyrus takes the second for UIDVALIDITY: two of one second that look alike are copied anew when renamed.
                time.sleep(1.1)
            mirror.configure()
            mirror.wait_equal(60)
            before = lab.dr_relay.totals()["totals"]
            for old, new in RENAMED.items():
                client.command(b"RENAME " + folder_arg(old) + b" " + folder_arg(new))
            mirror.wait_equal(60)
        after = lab.dr_relay.totals()["totals"]
        changed = {name: after.get(name, 0) - before.get(name, 0)
                   for name in ("RENAME", "CREATE", "DELETE", "APPEND", "UID EXPUNGE")}
        assert changed == {"RENAME": 2, "CREATE": 0, "DELETE": 0, "APPEND": 0, "UID EXPUNGE": 0}, changed
        names = {RENAMED.get(name, name) for name in NAMES}
        with mirror.store("dr").connect("1001") as client:
            client.command("ENABLE UTF8=ACCEPT")
            raw = {name for name, _, _ in client.list()}
            profile = isinstance(lab.dr, Cyrus)  # its profile has an ampersand escaped
            assert raw == {name.replace("&", "=26") if profile else name for name in names} | {"INBOX"}, raw
            for name in raw - {"INBOX"}:
                client.select(name, examine=True)
                got = [row["BODY[]"] for _, row in sorted(client.fetch("BODY.PEEK[]").items())]
                assert got == bodies, (name, [a == b for a, b in zip(got, bodies)])
        expunge_one(mirror, NAMES[1])
        check_capabilities(lab, mirror)
        mirror.assert_production_untouched()


def check_lab(production, dr, *checks):
    with Lab(build_folder(), ["1001", "1002"], postgres=False, production_format=production, dr_format=dr) as lab:
        for check in checks:
            check(lab)


@cases.add
def dovecot_24_is_what_the_tests_take_it_for(_):
    check_lab("dovecot24-maildir", "dovecot24-sdbox", selftest.each_server_runs_as_its_own_user,
              selftest.production_refuses_the_mirror_every_write, selftest.all_ways_to_log_in_work,
              selftest.dovecot_offers_what_the_mirror_uses, selftest.the_command_cleans_up_even_when_killed)


@cases.add
def cyrus_310_leaves_nothing_running(_):
    check_lab("cyrus310", "cyrus310", selftest.the_command_cleans_up_even_when_killed)


@cases.add
def dovecot_24_tells_by_notify_at_once(_):
    told_at_once("dovecot24-sdbox", "maildir", "NOTIFY", "IDLE")


@cases.add
def cyrus_310_tells_by_notify_at_once(_):
    told_at_once("cyrus310", "sdbox", "NOTIFY", "IDLE")


@cases.add
def dovecot_23_maildir_to_dovecot_24_sdbox(_):
    pair("maildir", "dovecot24-sdbox")


@cases.add
def dovecot_24_mdbox_to_dovecot_23_maildir(_):
    pair("dovecot24-mdbox", "maildir")


@cases.add
def dovecot_24_maildir_to_cyrus_310(_):
    pair("dovecot24-maildir", "cyrus310", ("malformed_mime",))


@cases.add
def cyrus_310_to_dovecot_24_sdbox(_):
    pair("cyrus310", "dovecot24-sdbox", REFUSED_KINDS, REFUSED_CHARACTERS)


@cases.add
def what_cyrus_310_refuses_or_alters_is_named_once(_):
    test_cyrus.what_cyrus_refuses_or_alters_is_named_once(None, "cyrus310")


@cases.add
def a_keyword_too_many_for_cyrus_310_keeps_no_other_flag_away(_):
    test_cyrus.a_keyword_too_many_keeps_no_other_flag_away(None, "cyrus310")


@cases.add
def literal_minus_of_cyrus_310_is_used_for_small_messages(_):
    """It refuses a larger one that comes unasked, [TOOBIG]."""
    options = EXACT | {"extra": CYRUS_MINUS}
    with make_lab("dovecot24-maildir", "cyrus310", ["1001"], dr_options=options) as lab, Mirror(lab) as mirror:
        with mirror.store("dr").connect("1001") as client:
            try:
                client.append("INBOX", [(message_of(4097, 0), [], None)])
                raise AssertionError("a literal of 4097 octets was taken unasked")
            except WireError as error:
                assert "TOOBIG" in str(error), error
        small_literals_alone_go_unasked(lab, mirror)


@cases.add
def literal_minus_of_dovecot_24_is_used_for_small_messages(_):
    """It would take a larger one all the same."""
    options = {"extra": DOVECOT_MINUS}
    with make_lab("cyrus310", "dovecot24-sdbox", ["1001"], dr_options=options) as lab, Mirror(lab) as mirror:
        small_literals_alone_go_unasked(lab, mirror)


@cases.add
def names_and_headers_beyond_ascii_between_dovecots_with_utf8_accept(_):
    beyond_ascii("dovecot24-sdbox", "dovecot24-maildir")


@cases.add
def names_and_headers_beyond_ascii_from_dovecot_with_utf8_accept_to_cyrus_310(_):
    beyond_ascii("dovecot24-sdbox", "cyrus310")


@cases.add
def names_and_headers_beyond_ascii_from_cyrus_310_to_dovecot_with_utf8_accept(_):
    beyond_ascii("cyrus310", "dovecot24-sdbox")


@cases.add
def dovecot_24_keeps_modified_utf7_names_with_utf8_accept(_):
    """Why there is nothing to gain by it; when this fails, a release goes by RFC 6855."""
    utf8 = {"extra": UTF8}
    with Lab(build_folder(), ["1001"], postgres=False, production_format="dovecot24-sdbox", production_options=utf8) as lab:
        client = Client(lab.production.host, lab.production.port, lab.authority.cert)
        with client.login_for("1001", "filler", lab.production.passwords["filler"]):
            assert client.command("ENABLE UTF8=ACCEPT")[1] == [[b"* ENABLED UTF8=ACCEPT\r\n"]]
            try:
                client.command(f'CREATE "{NAMES[0]}"'.encode())
                raise AssertionError("a name in UTF-8 was taken")
            except WireError as error:
                assert "not valid mUTF-7" in str(error), error
            client.command(b"CREATE " + folder_arg(NAMES[0]))
            assert NAMES[0] in {name for name, _, _ in client.list()}
            assert folder_arg(NAMES[0]) in b"".join(line for lines in client.command('LIST "" "*"')[1] for line in lines)


@cases.add
def cyrus_310_tells_wrong_mailboxids_in_a_list(_):
    """Why its profile distrusts OBJECTID; when this fails, a release has it right: of that one it could be trusted."""
    with Lab(build_folder(), ["1001"], postgres=False, production_format="cyrus310", production_options=EXACT) as lab:
        client = Client(lab.production.host, lab.production.port, lab.authority.cert)
        with client.login_for("1001", "filler", lab.production.passwords["filler"]):
            own = set()
            for number in range(25):
                client.command(f"CREATE folder{number}")
                (line,), = client.command(f"STATUS folder{number} (MAILBOXID)")[1]
                own.add(re.search(rb"MAILBOXID (\(\w+\))", line).group(1))
            assert len(own) == 25, own
            _, told = client.command('LIST "" * RETURN (STATUS (UIDNEXT UIDVALIDITY MESSAGES HIGHESTMODSEQ MAILBOXID))')
            told = b"".join(part for parts in told for part in parts)
            assert not all(one in told for one in own), told


if __name__ == "__main__":
    sys.exit(cases.run(None, sys.argv[1] if len(sys.argv) > 1 else ""))
