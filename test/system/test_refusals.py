#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a server refuses stops nothing else: mailboxes that cannot be opened, a message and a folder name that DR refuses."""

import pathlib
import random
import sys
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import wait_until

cases = Cases()
GOOD = ("1001", "1002")
NOT_ON_PRODUCTION, NOT_ON_DR = "2001", "2002"
LARGEST = 100_000
# The name under which sdbox keeps its messages: it refuses a folder called so, maildir does not.
BAD_FOLDER = "dbox-Mails"


def body(seed, size=0):
    text = samples.make("text", random.Random(seed)).body
    while len(text) < size:
        text += b"a line that makes this message larger than DR takes\r\n"
    return text


def deposit(mirror, owner, seed, folder="INBOX", size=0):
    with mirror.store("production").connect(owner) as client:
        return client.append(folder, [(body(seed, size), ["\\Seen"], None)])[0]


def bodies_on_dr(mirror, owner, folder="INBOX"):
    with mirror.store("dr").connect(owner) as client:
        client.select(folder, examine=True)
        return sorted(row["BODY[]"] for row in client.fetch("BODY.PEEK[]").values())


def arrives(mirror, owner, seed, folder="INBOX"):
    wanted = body(seed)
    wait_until(lambda: wanted in bodies_on_dr(mirror, owner, folder), f"{seed} on DR", 20.0, 0.2)


def problem(mirror, kind, name):
    """The one problem of that kind and mailbox, once status shows it."""
    def found():
        return [row for row in mirror.status()["problems"] if row["kind"] == kind and row["object"] == name]
    wait_until(found, f"a {kind} problem of {name}", 20.0, 0.2)
    rows = found()
    assert len(rows) == 1, rows
    return rows[0]


def quarantined(mirror, owner):
    return [row for row in mirror.ctl("quarantine", "list")["items"] if row["mailbox"] == owner]


def told(row, code, *words):
    """Which, why and what to do."""
    assert row["code"] == code, row
    for word in words:
        assert word in row["text"], (word, row)
    assert row["what"] and row["next_step"], row


@cases.add
def everything_else_arrives(mirror):
    for owner in GOOD:
        for folder in ("INBOX", "Work"):
            with mirror.store("production").connect(owner) as client:
                if folder != "INBOX":
                    client.command(f'CREATE "{folder}"')
            for n in range(3):
                deposit(mirror, owner, f"{owner} {folder} {n}", folder)
    deposit(mirror, "1001", "too large", size=2 * LARGEST)
    deposit(mirror, "1001", "behind the large one")
    with mirror.store("production").connect("1002") as client:
        client.command(f"CREATE {BAD_FOLDER}")
    deposit(mirror, "1002", "in the refused folder", BAD_FOLDER)
    mirror.configure([*GOOD, NOT_ON_PRODUCTION, NOT_ON_DR])
    for owner in GOOD:
        for folder in ("INBOX", "Work"):
            for n in range(3):
                arrives(mirror, owner, f"{owner} {folder} {n}", folder)
    arrives(mirror, "1001", "behind the large one")


@cases.add
def a_mailbox_unknown_on_production_is_told(mirror):
    told(problem(mirror, "mailbox", NOT_ON_PRODUCTION), "MRD-IMAP-011", "production")


@cases.add
def a_mailbox_unknown_on_dr_is_told(mirror):
    told(problem(mirror, "mailbox", NOT_ON_DR), "MRD-IMAP-011", "dr")


@cases.add
def a_message_that_dr_refuses_is_told_and_listed(mirror):
    told(problem(mirror, "quarantine", "1001"), "MRD-IMAP-014", "INBOX")
    rows = quarantined(mirror, "1001")
    assert [(row["kind"], row["folder"], row["code"]) for row in rows] == [("message", "INBOX", "MRD-IMAP-014")], rows
    assert rows[0]["server_text"] and rows[0]["source_uid"] == 4, rows


@cases.add
def a_folder_name_that_dr_refuses_is_told_and_listed(mirror):
    told(problem(mirror, "quarantine", "1002"), "MRD-IMAP-021", BAD_FOLDER)
    rows = quarantined(mirror, "1002")
    assert [(row["kind"], row["folder"], row["code"]) for row in rows] == [("folder", BAD_FOLDER, "MRD-IMAP-021")], rows


@cases.add
def what_comes_later_arrives_too(mirror):
    for owner in GOOD:
        deposit(mirror, owner, f"{owner} later")
        deposit(mirror, owner, f"{owner} later in Work", "Work")
        arrives(mirror, owner, f"{owner} later")
        arrives(mirror, owner, f"{owner} later in Work", "Work")
    with mirror.store("production").connect("1001") as client:
        client.select("INBOX")
        client.command("UID STORE 1 +FLAGS (\\Deleted)")
        client.command("EXPUNGE")
    gone = body("1001 INBOX 0")
    wait_until(lambda: gone not in bodies_on_dr(mirror, "1001"), "the deletion on DR", 20.0, 0.2)


@cases.add
def neither_store_is_down_for_it(mirror):
    time.sleep(4)  # longer than several retries of the mailboxes that cannot be opened
    states = {store["name"]: store["state"] for store in mirror.status()["stores"]}
    assert states == {"production": "up", "dr": "up"}, states
    assert not [row for row in mirror.status()["problems"] if row["kind"] in ("store", "service")]
    missing = mirror.differences(["1001"])
    assert len(missing) == 1 and "missing" in missing[0], missing
    refused = mirror.differences(["1002"])
    assert refused and all(BAD_FOLDER in line for line in refused), refused


@cases.add
def nothing_is_repeated_without_end(mirror):
    before = mirror.lab.dr_relay.totals()["totals"]
    time.sleep(5)  # more than two polls and passes
    after = mirror.lab.dr_relay.totals()["totals"]
    for word in ("APPEND", "CREATE"):
        assert after.get(word, 0) == before.get(word, 0), (word, before, after)


@cases.add
def mailboxes_that_appear_are_mirrored_by_themselves(mirror):
    mirror.lab.production.add_mailboxes([NOT_ON_PRODUCTION])
    mirror.lab.dr.add_mailboxes([NOT_ON_DR])
    for owner in (NOT_ON_PRODUCTION, NOT_ON_DR):
        deposit(mirror, owner, f"{owner} at last")
        arrives(mirror, owner, f"{owner} at last")
    wait_until(lambda: not [row for row in mirror.status()["problems"] if row["kind"] == "mailbox"], "no failed mailbox", 20.0, 0.2)


@cases.add
def production_was_only_read(mirror):
    mirror.assert_production_untouched()


def main():
    owners = [*GOOD, NOT_ON_PRODUCTION, NOT_ON_DR]
    extra = f"imap_capability = +APPENDLIMIT={LARGEST}\nplugin {{\n  quota_max_mail_size = {LARGEST}B\n}}\n"
    options = {"quota": 1 << 30, "extra": extra}
    with Lab(build_folder(), owners, fsync=False, relay=True, dr_relay=True, dr_options=options) as lab:
        for server, owner in ((lab.production, NOT_ON_PRODUCTION), (lab.dr, NOT_ON_DR)):
            del server.owners[owner]
            server.write_users()
        with Mirror(lab) as mirror:
            return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
