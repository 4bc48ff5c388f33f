#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A subscriber's life, where each Dovecot asks its own slapd who may log in: added on production in the directory alone, and with
nobody doing anything the subscriber logs in on DR with the password just mirrored and finds greeting and messages there."""

import pathlib
import random
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import imapwire, samples, subscribers
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import wait_until

cases = Cases()
RESIDENT, MORNING, MOVER, EXCLUDED, MOVED = "1001", "5501", "5502", "9901", "5602"
PASSWORD, NEW_PASSWORD = "4711003", "9915500"
NAME = b"RIFF\x00\xff" + bytes(range(256)) * 100
RNG = random.Random("subscriber")
FIRST = [samples.make("voice_ulaw", RNG), samples.make("text", RNG), samples.make("voice_gsm", RNG)]
GREETINGS = [samples.greeting(RNG, kind) for kind in samples.GREETING_TYPES[:2]]
LATER = samples.make("voice_alaw", RNG)
# As an administrator sets it once; every case but the last then does things on production alone.
DIRECTORY = {"scheduled": "apply", "interval_seconds": 2, "jitter_seconds": 0, "participation_filter": "(objectClass=mmSubscriber)"}


def octets(found):
    return [samples.as_served(sample.body) for sample in found]


MESSAGES = {"INBOX": octets(FIRST), "Greetings": octets(GREETINGS)}
AND_LATER = {**MESSAGES, "INBOX": octets([*FIRST, LATER])}


def append(client, folder, found):
    client.append(folder, [(sample.body, [*sample.flags, *sample.keywords], sample.when) for sample in found])


def subscriber(number, password=PASSWORD):
    return {**subscribers.make(1, int(number), recorded=0, numbers=[number])[0], "NumericAddress": [number],
            "Password": [password], "umRecordedName": [NAME]}


def add(mirror, number):
    """As production's administrator: in the directory, and there alone."""
    server = mirror.lab.directories["production"]
    server.add(server.dn_of(number), subscriber(number))


def deposit(mirror, number):
    with mirror.store("production").connect(number) as client:
        append(client, "INBOX", FIRST)
        client.command("CREATE Greetings")
        append(client, "Greetings", GREETINGS)


def session(mirror, side, number, password):
    """Logged in as the subscriber, or None: the server says that these are not the right ones."""
    server = getattr(mirror.lab, side)
    client = imapwire.Client(server.host, server.port, mirror.lab.authority.cert, 30.0)
    try:
        client.login(number, password)
    except imapwire.No as no:
        client.close()
        assert no.status == "NO" and "AUTHENTICATIONFAILED" in str(no), no
        return None
    return client


def gets_in(mirror, side, number, password):
    client = session(mirror, side, number, password)
    if client:
        client.logout()
    return client is not None


def bodies_in(client):
    """{folder: the octets of its messages, in order}"""
    found = {}
    for name, _, _ in client.list():
        client.select(name, examine=True)
        found[name] = [row["BODY[]"] for _, row in sorted(client.fetch("UID BODY.PEEK[]").items())]
    return found


def bodies(mirror, side, number):
    """As the lab's own trusted login sees them, which gets in as long as the directory has an entry, password or not."""
    with mirror.store(side).connect(number) as client:
        return bodies_in(client)


def row_of(mirror, number):
    return next((row for row in mirror.ctl("mailbox", "list")["items"] if row["name"] == number), None)


def wait_for_runs(mirror, count=2):
    """So many further runs that applied a plan, each seen to end."""
    def last():
        status, = mirror.ctl("directory", "status")["items"]
        return int((status["last_plan"] or {"id": 0})["id"]) if not status["running"] else 0
    begin = wait_until(last, "a moment between two runs", 30.0, 0.1)
    wait_until(lambda: last() >= begin + count, f"{count} further runs", 60.0, 0.1)


@cases.add
def each_store_knows_its_own_subscribers_alone(mirror):
    """What the others rely on: without an entry nobody gets in, not even the trusted logins."""
    assert gets_in(mirror, "production", RESIDENT, PASSWORD) and not gets_in(mirror, "dr", RESIDENT, PASSWORD)
    assert not gets_in(mirror, "production", RESIDENT, PASSWORD + "1") and not gets_in(mirror, "production", "1002", PASSWORD)
    for side, number in (("production", "1002"), ("dr", RESIDENT)):
        for login in ("mirror", "filler"):
            try:
                mirror.store(side, login).connect(number).logout()
            except imapwire.WireError:
                continue
            raise AssertionError(f"{login} got in for {number} on {side}")


@cases.add
def who_is_added_in_the_morning_logs_in_on_dr_and_hears_the_greeting(mirror):
    mirror.configure([], link='rule = [{ action = "exclude", mask = "9*" }]\n', directory=DIRECTORY)
    wait_until(lambda: gets_in(mirror, "dr", RESIDENT, PASSWORD), "the first run", 60.0, 0.2)
    assert not gets_in(mirror, "dr", MORNING, PASSWORD)
    add(mirror, MORNING)
    deposit(mirror, MORNING)
    wait_until(lambda: gets_in(mirror, "dr", MORNING, PASSWORD), "the subscriber to get in on DR", 60.0, 0.2)

    def hears():
        client = session(mirror, "dr", MORNING, PASSWORD)
        with client:
            return bodies_in(client) == MESSAGES
    wait_until(hears, "greeting and messages on DR, octet by octet", 60.0, 0.3)
    wait_until(lambda: not mirror.differences([MORNING]), "what the comparator says", 30.0, 0.3)
    there = mirror.lab.directories["dr"].snapshot()[MORNING]
    assert there["umRecordedName"] == [NAME] and there["Password"] == [PASSWORD.encode()], sorted(there)
    row = row_of(mirror, MORNING)
    assert row["origin"] == "directory" and row["participates"], row
    shown = mirror.ctl("mailbox", "show", MORNING)
    assert shown["greetings"] == len(GREETINGS), shown


@cases.add
def a_changed_password_holds_on_dr(mirror):
    server = mirror.lab.directories["production"]
    server.modify(server.dn_of(MORNING), [("replace", "Password", [NEW_PASSWORD])])
    wait_until(lambda: gets_in(mirror, "dr", MORNING, NEW_PASSWORD), "the new password on DR", 60.0, 0.2)
    assert not gets_in(mirror, "dr", MORNING, PASSWORD) and not gets_in(mirror, "production", MORNING, PASSWORD)
    assert not mirror.differences([MORNING])


@cases.add
def who_is_excluded_by_a_mask_is_in_the_directory_alone(mirror):
    add(mirror, EXCLUDED)
    deposit(mirror, EXCLUDED)
    wait_until(lambda: gets_in(mirror, "dr", EXCLUDED, PASSWORD), "the subscriber to get in on DR", 60.0, 0.2)
    add(mirror, MOVER)
    deposit(mirror, MOVER)
    # Another one that came later is there already.
    wait_until(lambda: gets_in(mirror, "dr", MOVER, PASSWORD) and bodies(mirror, "dr", MOVER) == MESSAGES, "a later one", 60.0, 0.3)
    assert bodies(mirror, "dr", EXCLUDED) == {"INBOX": []}, "mirrored, though excluded"
    row = row_of(mirror, EXCLUDED)
    assert row and not row["participates"] and row["status"] == "excluded", row


@cases.add
def who_is_removed_gets_in_no_more_and_the_messages_stay(mirror):
    server = mirror.lab.directories["production"]
    server.delete(server.dn_of(MORNING))
    wait_until(lambda: not gets_in(mirror, "dr", MORNING, NEW_PASSWORD), "the login on DR to be refused", 60.0, 0.2)
    assert not gets_in(mirror, "dr", MORNING, PASSWORD)
    assert not gets_in(mirror, "dr", MORNING, ""), "without a password anybody gets in"
    assert "Password" not in mirror.lab.directories["dr"].snapshot()[MORNING], "disabled"
    wait_for_runs(mirror)
    assert bodies(mirror, "dr", MORNING) == MESSAGES, "the messages stay"
    wait_until(lambda: not row_of(mirror, MORNING)["participates"], "that the mailbox takes part no more", 30.0, 0.2)


@cases.add
def who_was_removed_by_mistake_is_back_with_all_of_it(mirror):
    add(mirror, MORNING)
    wait_until(lambda: gets_in(mirror, "dr", MORNING, PASSWORD), "the subscriber to be back on DR", 60.0, 0.2)
    with mirror.store("production").connect(MORNING) as client:
        append(client, "INBOX", [LATER])
    wait_until(lambda: not mirror.differences([MORNING]), "a new message on DR", 60.0, 0.3)
    assert bodies(mirror, "dr", MORNING) == AND_LATER
    assert row_of(mirror, MORNING)["participates"]


@cases.add
def a_renumbered_subscriber_keeps_the_mailbox(mirror):
    """Dovecot leaves the mail where it is when the directory changes a number: an administrator moves it, on both servers, and
    meanwhile nothing connects."""
    ident, appended = row_of(mirror, MOVER)["id"], mirror.lab.dr_relay.totals()["totals"]["APPEND"]
    mirror.ctl("suspend", "--reason", "a number changes")
    wait_until(lambda: mirror.status()["site"]["state"] == "suspended", "the site suspended", 30.0)
    server = mirror.lab.directories["production"]
    server.modrdn(server.dn_of(MOVER), f"MailboxNumber={MOVED}")
    for side in ("production", "dr"):
        mail = getattr(mirror.lab, side).mail
        (mail / MOVER).rename(mail / MOVED)
    mirror.ctl("resume", "--reason", "test")
    wait_until(lambda: gets_in(mirror, "dr", MOVED, PASSWORD), "the new number on DR", 60.0, 0.2)
    assert not gets_in(mirror, "dr", MOVER, PASSWORD), "the old number, too"
    wait_until(lambda: row_of(mirror, MOVED), "the mailbox under its new number", 30.0, 0.2)
    assert row_of(mirror, MOVED)["id"] == ident and row_of(mirror, MOVER) is None, row_of(mirror, MOVED)
    with mirror.store("production").connect(MOVED) as client:
        append(client, "INBOX", [LATER])
    wait_until(lambda: not mirror.differences([MOVED]), "a new message on DR", 60.0, 0.3)
    assert bodies(mirror, "dr", MOVED) == AND_LATER
    assert mirror.lab.dr_relay.totals()["totals"]["APPEND"] == appended + 1, "more than the new message was appended"


@cases.add
def on_production_nothing_was_written(mirror):
    mirror.assert_production_untouched()
    # Those of this test: three added, one of them again, a password, a removal, a number.
    assert dict(mirror.lab.directories["production"].writes()) == {"ADD": 4, "MOD": 1, "DEL": 1, "MODRDN": 1}


def main():
    people = [subscriber(RESIDENT)]
    with Lab(build_folder(), [], fsync=False, relay=True, dr_relay=True, people=people) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
