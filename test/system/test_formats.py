#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Pairs of storage formats other than those of the other tests: every kind of message and change, one kill -9 in the middle, both
stores equal, and then a pass that writes nothing."""

import pathlib
import random
import sys
import threading
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import fill, samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.traffic import Player

cases = Cases()
OWNERS = ["1001", "1002"]
SEED = 7


def rename_inbox(mirror):
    """Its messages move to the new name, and INBOX is another one, with another UIDVALIDITY (RFC 9051 6.3.6)."""
    with mirror.store("production").connect(OWNERS[0]) as client:
        client.command("RENAME INBOX renamed")
        client.append("INBOX", [(samples.make("text", random.Random(f"{SEED} after")).body, [], None)])
    mirror.wait_equal(60)


def mirrored(production, dr):
    with Lab(build_folder(), OWNERS, fsync=False, relay=True, dr_relay=True, production_format=production, dr_format=dr) as lab, \
            Mirror(lab) as mirror:
        state, _ = fill.fill(mirror.store("production"), OWNERS, 40, 2_000_000, SEED, 2)
        mirror.configure()
        mirror.wait_equal(90)
        player = Player(mirror.store("production"), state, SEED, rate=15.0, connections=2)
        thread = threading.Thread(target=player.run, kwargs={"seconds": 5}, daemon=True)
        thread.start()
        time.sleep(random.Random(SEED).uniform(1.0, 3.0))
        mirror.kill()
        mirror.start()
        thread.join(60)
        assert not thread.is_alive(), "the traffic did not end"
        mirror.wait_equal(90)
        if not production.startswith("maildir"):  # which cannot do that
            rename_inbox(mirror)
        mirror.quiet_pass()
        assert not mirror.status()["problems"], mirror.status()["problems"]
        mirror.assert_production_untouched()


@cases.add
def mdbox_to_maildir(_):
    mirrored("mdbox", "maildir")


@cases.add
def sdbox_to_mdbox(_):
    mirrored("sdbox", "mdbox")


@cases.add
def maildir_in_folders_to_the_same(_):
    mirrored("maildir-fs", "maildir-fs")


if __name__ == "__main__":
    sys.exit(cases.run(None, sys.argv[1] if len(sys.argv) > 1 else ""))
