#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The whole line on real servers: first copy of every sample kind, live changes, suspend and resume, production untouched."""

import pathlib
import random
import subprocess
import sys
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import fill, imapwire, samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import USER, Mirror, build_folder

cases = Cases()
OWNERS = ("1001", "1002", "1003")


def deposit(mirror, owner, seed):
    """A new voice message in production's INBOX; its UID."""
    sample = samples.make("voice_ulaw", random.Random(seed))
    with mirror.store("production").connect(owner) as client:
        return client.append("INBOX", [(sample.body, [], sample.when)])[0]


def count_on_dr(mirror, owner, folder="INBOX"):
    with mirror.store("dr", "mirror").connect(owner) as client:
        return client.select(folder, examine=True)["exists"]


@cases.add
def the_first_copy_brings_every_kind_of_message(mirror):
    state, kinds = fill.fill(mirror.store("production"), OWNERS, 150, 8_000_000, 7, 2)
    mirror.expected = state
    missing = [kind for kind in fill.ALL_KINDS if not kinds[kind]]
    assert not missing, f"not filled: {missing}"
    mirror.configure()
    mirror.wait_equal(120, expected=state)
    counts = mirror.status()["counts"]
    assert counts["source_messages"] == counts["target_messages"] == state.counts()["messages"], counts
    assert counts["quarantined"] == counts["foreign"] == counts["unknown"] == counts["held"] == 0, counts


@cases.add
def a_deposit_arrives(mirror):
    before = count_on_dr(mirror, "1001")
    deposit(mirror, "1001", "live")
    mirror.wait_equal(30)
    assert count_on_dr(mirror, "1001") == before + 1


@cases.add
def flags_and_deletions_follow(mirror):
    with mirror.store("production").connect("1002") as client:
        client.append("INBOX", [(samples.make("text", random.Random(n)).body, [], None) for n in range(3)])
        client.select("INBOX")
        client.command("STORE 1 +FLAGS (\\Seen \\Flagged heard)")
        client.command("STORE 2 +FLAGS (\\Deleted)")
        client.command("EXPUNGE")
    mirror.wait_equal(30)


@cases.add
def flags_follow_without_a_body(mirror):
    with mirror.store("production").connect("1001") as client:
        client.append("INBOX", [(samples.make("voice_ulaw", random.Random("flags alone")).body, [], None)])
        mirror.wait_equal(30)
        appends = mirror.lab.dr_relay.totals()["totals"]["APPEND"]
        last = client.select("INBOX")["exists"]
        for change in ("+FLAGS (\\Seen \\Answered heard)", "+FLAGS (\\Flagged \\Deleted)", "-FLAGS (\\Seen heard)",
                       "FLAGS (\\Draft $Forwarded)"):
            client.command(f"STORE {last} {change}")
            mirror.wait_equal(30)
    assert mirror.lab.dr_relay.totals()["totals"]["APPEND"] == appends, "a message was sent again for its flags"


@cases.add
def suspended_nothing_arrives_and_after_resume_it_does(mirror):
    before = count_on_dr(mirror, "1003")
    mirror.ctl("suspend", "--reason", "a test", "--wait")
    assert mirror.status()["site"]["state"] == "suspended"
    deposit(mirror, "1003", "while suspended")
    # Longer than watch_poll and pass_interval together: whoever still worked would have brought it.
    time.sleep(5)
    assert count_on_dr(mirror, "1003") == before, "it arrived while suspended"
    mirror.ctl("resume", "--reason", "a test")
    mirror.wait_equal(60)
    assert count_on_dr(mirror, "1003") == before + 1


@cases.add
def suspended_survives_a_restart(mirror):
    mirror.ctl("suspend", "--reason", "a test", "--wait")
    before = count_on_dr(mirror, "1003")
    mirror.restart()
    assert mirror.status()["site"]["state"] == "suspended"
    deposit(mirror, "1003", "while suspended, again")
    time.sleep(5)
    assert count_on_dr(mirror, "1003") == before, "it arrived while suspended"
    mirror.ctl("resume", "--reason", "a test")
    mirror.wait_equal(60)


@cases.add
def suspended_survives_a_reboot(mirror):
    """Everything dies at once, and starts again."""
    servers = mirror.lab.postgres, mirror.lab.production, mirror.lab.dr
    mirror.ctl("suspend", "--reason", "a test", "--wait")
    before = count_on_dr(mirror, "1002")
    for thing in (mirror, *servers):
        thing.kill()
    for thing in (*servers, mirror):
        thing.start()
    assert mirror.status()["site"]["state"] == "suspended"
    asked = [relay.totals()["totals"] for relay in (mirror.lab.relay, mirror.lab.dr_relay)]
    deposit(mirror, "1002", "while suspended, after a reboot")
    time.sleep(5)
    assert count_on_dr(mirror, "1002") == before, "it arrived while suspended"
    assert [relay.totals()["totals"] for relay in (mirror.lab.relay, mirror.lab.dr_relay)] == asked, "a store was asked"
    mirror.ctl("resume", "--reason", "a test")
    mirror.wait_equal(60)


@cases.add
def a_kill_loses_and_doubles_nothing(mirror):
    for n in range(3):
        deposit(mirror, "1001", f"kill {n}")
        mirror.kill()
        mirror.start()
    mirror.wait_equal(60)


@cases.add
def messages_go_by_fetch_and_append_alone(mirror):
    """And past no server: mirrord's user can read no file of either store."""
    read, written = (relay.totals()["totals"] for relay in (mirror.lab.relay, mirror.lab.dr_relay))
    assert read["UID FETCH"] and written["APPEND"], (read, written)
    others = {f"{uid}{name}" for uid in ("", "UID ") for name in ("COPY", "MOVE", "REPLACE")} & (read.keys() | written.keys())
    assert not others, others
    for server in (mirror.lab.production, mirror.lab.dr):
        files = sum(path.is_file() for path in pathlib.Path(server.mail).rglob("*"))
        found = subprocess.run(["find", server.mail, "-type", "f", "-readable"], capture_output=True, user=USER, group=USER, extra_groups=[],
                               cwd="/", check=False).stdout
        assert files and not found, (server.mail, files, found[:200])


@cases.add
def production_was_only_read(mirror):
    mirror.assert_production_untouched()


def main():
    with Lab(build_folder(), OWNERS, fsync=False, relay=True, dr_relay=True) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
