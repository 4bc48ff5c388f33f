#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian 13's servers, Dovecot 2.4.1 and Cyrus 3.10, beside Debian 12's: what test_formats and test_cyrus do with those.  As root;
build/debian13 is made when missing (scripts/make-debian13).  A line per server says what it offers and what is used of it."""

import pathlib
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab.cases import Cases
from lab.cyrus import REFUSED_CHARACTERS, REFUSED_KINDS
from lab.mirrored import mirrored

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
    mirrored(production, dr, refused_kinds, refused_characters, tell_capabilities)


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


if __name__ == "__main__":
    sys.exit(cases.run(None, sys.argv[1] if len(sys.argv) > 1 else ""))
