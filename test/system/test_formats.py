#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Pairs of storage formats other than those of the other tests: every kind of message and change, one kill -9 in the middle, both
stores equal, and then a pass that writes nothing."""

import pathlib
import random
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.mirrored import OWNERS, SEED, mirrored

cases = Cases()


def rename_inbox(_, mirror):
    """Its messages move to the new name, and INBOX is another one, with another UIDVALIDITY (RFC 9051 6.3.6).  A Maildir cannot."""
    with mirror.store("production").connect(OWNERS[0]) as client:
        client.command("RENAME INBOX renamed")
        client.append("INBOX", [(samples.make("text", random.Random(f"{SEED} after")).body, [], None)])
    mirror.wait_equal(60)
    mirror.quiet_pass()


@cases.add
def mdbox_to_maildir(_):
    mirrored("mdbox", "maildir", also=rename_inbox)


@cases.add
def sdbox_to_mdbox(_):
    mirrored("sdbox", "mdbox", also=rename_inbox)


@cases.add
def maildir_in_folders_to_the_same(_):
    mirrored("maildir-fs", "maildir-fs")


if __name__ == "__main__":
    sys.exit(cases.run(None, sys.argv[1] if len(sys.argv) > 1 else ""))
