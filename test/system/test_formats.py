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
from lab.process import wait_until

cases = Cases()


def guard_events(mirror, what):
    return mirror.try_ctl("events", "--limit", "200", "--type", "guard.*")[1].count(what)


def rename_inbox(lab, mirror):
    """Its messages move to the new name, and INBOX is another one, with another UIDVALIDITY (RFC 9051 6.3.6; a Maildir cannot).
    Where the new name is not listed at once, what INBOX has lost is held until it is. Nobody else may be in that INBOX meanwhile:
    Dovecot makes it anew for each who asks at that moment, and all but one lose theirs."""
    late = [samples.make("text", random.Random(f"{SEED} {when}")).body for when in ("before", "after")]
    held, moved = guard_events(mirror, "guard.held"), guard_events(mirror, '"moved"')
    mirror.stop()
    wait_until(lambda: not lab.production.session_pids(), "mirrord's sessions to end", 10.0)
    lab.relay.misbehave({"at": "server", "line": r"^\* LIST .*renamed", "drop": True})
    with mirror.store("production").connect(OWNERS[0]) as client:
        client.command("RENAME INBOX renamed")
        client.append("INBOX", [(late[0], [], None)])
        mirror.start()
        wait_until(lambda: guard_events(mirror, "guard.held") > held, "the loss to be held", 30.0, 0.1)
        lab.relay.misbehave()
        client.append("INBOX", [(late[1], [], None)])
    mirror.wait_equal(60)
    assert guard_events(mirror, '"moved"') == moved + 1
    mirror.quiet_pass()
    assert mirror.status()["counts"]["held"] == 0


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
