#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian 13's servers, Dovecot 2.4.1 and Cyrus 3.10, beside Debian 12's: what test_formats and test_cyrus do with those.  As root;
build/debian13 is made when missing (scripts/make-debian13).  A line per server says what it offers and what is used of it."""

import pathlib
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import selftest
from lab.cases import Cases
from lab.cyrus import REFUSED_CHARACTERS, REFUSED_KINDS, Cyrus
from lab.lab import Lab
from lab.mirrord import build_folder
from lab.mirrored import mirrored, told_at_once
from system import test_cyrus

cases = Cases()
CAPABILITIES = ("NOTIFY", "UNAUTHENTICATE", "LITERAL-", "UTF8=ACCEPT", "OBJECTID", "QRESYNC")


def tell_capabilities(lab, mirror):
    """What the server itself offers after the login, and what mirrord makes of it."""
    for side in ("production", "dr"):
        with mirror.store(side).connect(lab.mailboxes[0]) as client:
            offered = b" ".join(word for line in client.command("CAPABILITY")[1] for word in line).decode().upper().split()
        rows = {row["name"]: row for row in mirror.ctl("store", "caps", side)["items"]}
        words = []
        for name in CAPABILITIES:
            row, known = rows.get(name), name in offered
            assert row is None or row["offered"] == known, (row, offered)
            use = "not known to mirrord" if row is None else "used" if row["used"] else "not used"
            words.append(f"{name} {'offered' if known else 'not offered'}" + (f" ({use})" if known or row is None else ""))
        print(f"# {getattr(lab, side).fmt} as {side}: {', '.join(words)}", flush=True)


def pair(production, dr, refused_kinds=(), refused_characters=""):
    def also(lab, mirror):
        tell_capabilities(lab, mirror)
        for server, relay in ((lab.production, lab.relay), (lab.dr, lab.dr_relay)):
            if isinstance(server, Cyrus):
                test_cyrus.never_asked_for_mailboxid(relay)

    mirrored(production, dr, refused_kinds, refused_characters, also)


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


if __name__ == "__main__":
    sys.exit(cases.run(None, sys.argv[1] if len(sys.argv) > 1 else ""))
