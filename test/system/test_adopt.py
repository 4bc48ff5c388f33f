#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A DR that others filled is adopted, not copied again: only what is missing is sent, a stranger's message stays and is counted,
identical messages keep their number.  Then mirrord's database is lost: the map is made anew without one APPEND."""

import pathlib
import random
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder

cases = Cases()
OWNERS = ("1001", "1002")
MESSAGES, TWINS = 6, 3


def fill(mirror):
    """Production: MESSAGES messages and TWINS identical ones an owner.  DR: the first half of the messages and two twins, as
    another tool copied them.  How many DR has."""
    there = 0
    for owner in OWNERS:
        rng = random.Random(owner)
        made = [samples.make(kind, rng) for kind in ["voice_20kb", "no_message_id"] + ["text"] * (MESSAGES - 2)]
        rows = [(sample.body, list(sample.flags), sample.when) for sample in made]
        twin = (samples.make("text", rng).body, [], samples.NOW)
        with mirror.store("production").connect(owner) as client:
            client.append("INBOX", rows + [twin] * TWINS)
        with mirror.store("dr").connect(owner) as client:
            half = rows[:MESSAGES // 2] + [twin] * (TWINS - 1)
            client.append("INBOX", half)
            there += len(half)
    return there


def on_dr(mirror, owner):
    """{uid: body} of the INBOX on DR."""
    with mirror.store("dr").connect(owner) as client:
        client.select("INBOX", examine=True)
        return {uid: row["BODY[]"] for uid, row in client.fetch("BODY.PEEK[]").items()}


def all_on_dr(mirror):
    return {owner: on_dr(mirror, owner) for owner in OWNERS}


def history(mirror, kind, owners=OWNERS):
    return sum(row["kind"] == kind for owner in owners for row in mirror.ctl("mailbox", "history", owner)["items"])


def extras(mirror, kind):
    """How many messages on DR are counted as "foreign" or "unknown", over all folders."""
    return sum(folder[kind] for owner in OWNERS for folder in mirror.ctl("mailbox", "show", owner)["folders"])


def appends(mirror):
    return mirror.lab.dr_relay.totals()["totals"].get("APPEND", 0)


@cases.add
def only_what_is_missing_is_copied(mirror):
    there, total = fill(mirror), len(OWNERS) * (MESSAGES + TWINS)
    mirror.stranger = samples.make("text", random.Random("somebody else")).body
    with mirror.store("dr").connect("1001") as client:
        client.append("INBOX", [(mirror.stranger, [], samples.NOW)])
    mirror.before = all_on_dr(mirror)
    mirror.configure()
    mirror.wait_settled(60)
    assert history(mirror, "message.adopted") == there, history(mirror, "message.adopted")
    assert history(mirror, "message.copied") == total - there, history(mirror, "message.copied")
    assert history(mirror, "message.deleted") == 0


@cases.add
def what_was_there_keeps_its_place_and_the_stranger_stays(mirror):
    now = all_on_dr(mirror)
    for owner in OWNERS:
        assert {uid: now[owner].get(uid) for uid in mirror.before[owner]} == mirror.before[owner], owner
        assert len(now[owner]) == MESSAGES + TWINS + (owner == "1001"), (owner, len(now[owner]))
    assert list(now["1001"].values()).count(mirror.stranger) == 1
    assert extras(mirror, "foreign") + extras(mirror, "unknown") == 1
    counts = mirror.status()["counts"]
    assert counts["quarantined"] == counts["held"] == 0, counts


@cases.add
def both_sides_hold_the_same_messages(mirror):
    for owner in OWNERS:
        with mirror.store("production").connect(owner) as client:
            client.select("INBOX", examine=True)
            wanted = sorted(row["BODY[]"] for row in client.fetch("BODY.PEEK[]").values())
        has = sorted(body for body in on_dr(mirror, owner).values() if body != mirror.stranger)
        assert has == wanted, f"{owner}: {len(has)} on DR, {len(wanted)} on production"
    mirror.ctl("verify", "--deep", "--wait")


@cases.add
def a_full_resync_sends_nothing_more(mirror):
    before, sent = all_on_dr(mirror), appends(mirror)
    mirror.ctl("resync", "--all", "--wait")
    assert appends(mirror) == sent, (sent, appends(mirror))
    assert all_on_dr(mirror) == before


@cases.add
def a_lost_database_costs_no_append(mirror):
    before, sent = all_on_dr(mirror), appends(mirror)
    mirror.stop()
    mirror.lab.postgres.make_database("mirrord2")
    other = Mirror(mirror.lab, name="mirrord2", database="mirrord2")
    with other:
        other.configure()
        other.wait_settled(60)
        assert history(other, "message.copied") == 0
        assert history(other, "message.adopted") == len(OWNERS) * (MESSAGES + TWINS)
        assert appends(other) == sent, (sent, appends(other))
        assert all_on_dr(other) == before
        # The stranger is unknown now: nobody remembers whether it came from production.
        assert (extras(other, "unknown"), extras(other, "foreign")) == (1, 0)
        # And the map works: a flag finds its message, a deletion takes one twin of three.
        with other.store("production").connect("1002") as client:
            client.select("INBOX")
            client.command("UID STORE 1 +FLAGS (\\Flagged)")
            client.command(f"UID STORE {MESSAGES + 1} +FLAGS (\\Deleted)")
            client.command("EXPUNGE")
        other.wait_settled(30)
        other.ctl("resync", "1002", "--wait")
        other.ctl("verify", "--deep", "--wait")
        assert len(on_dr(other, "1002")) == MESSAGES + TWINS - 1
        assert appends(other) == sent, (sent, appends(other))
        other.assert_production_untouched()
    # The first database turns up again: what happened meanwhile is found done, and nothing is sent twice.
    mirror.start()
    mirror.ctl("resync", "--all", "--wait")
    assert appends(mirror) == sent, (sent, appends(mirror))
    assert len(on_dr(mirror, "1002")) == MESSAGES + TWINS - 1


def main():
    with Lab(build_folder(), OWNERS, fsync=False, relay=True, dr_relay=True) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
