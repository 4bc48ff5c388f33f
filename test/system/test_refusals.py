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
WORDS = "Not this one, and I will not say why"


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


def refuse(mirror, seed):
    """DR takes everything but this message, by its length."""
    mirror.lab.dr_relay.misbehave({"at": "client", "line": r"^\S+ APPEND .*\{%d\+?\}" % len(body(seed)), "answer": f"NO {WORDS}"})


def row_of(mirror, owner, uid):
    """The row of that message, once it is in quarantine."""
    find = lambda: [row for row in quarantined(mirror, owner) if row["source_uid"] == uid]  # noqa: E731
    row, = wait_until(find, f"UID {uid} in quarantine", 20.0, 0.2)
    return row


def tries(mirror):
    return mirror.lab.dr_relay.totals()["totals"].get("APPEND", 0)


@cases.add
def a_row_is_shown_with_what_was_wanted_and_the_servers_words(mirror):
    refuse(mirror, "not wanted")
    mirror.refused = deposit(mirror, GOOD[0], "not wanted")
    row = row_of(mirror, GOOD[0], mirror.refused)
    shown = mirror.ctl("quarantine", "show", row["id"])
    assert shown.pop("schema") and shown == row, (shown, row)
    assert WORDS in shown["server_text"] and shown["size"] == len(body("not wanted")), shown
    assert (shown["mailbox"], shown["folder"], shown["kind"], shown["attempts"]) == (GOOD[0], "INBOX", "message", 1), shown
    assert shown["code"] == "MRD-IMAP-015" and shown["what"] and shown["next_step"] and shown["retry_at"] > shown["since"], shown
    folder, = quarantined(mirror, GOOD[1])
    assert mirror.ctl("quarantine", "show", folder["id"])["wanted"] == BAD_FOLDER, folder
    code, _, err = mirror.try_ctl("quarantine", "show", "4711")
    assert code == 4 and "4711" in err, (code, err)


def dropped(mirror):
    """Drops the row of the refused message: the ids of those that stay."""
    row = row_of(mirror, GOOD[0], mirror.refused)
    others = {one["id"] for one in quarantined(mirror, GOOD[0])} - {row["id"]}
    assert mirror.ctl("quarantine", "drop", row["id"])["id"] == row["id"]
    assert mirror.try_ctl("quarantine", "drop", row["id"])[0] == 4
    return others


@cases.add
def a_dropped_row_is_forgotten_and_the_message_is_not(mirror):
    """DR is asked again with the next compare, and its answer is told as if it were the first."""
    tried, old = tries(mirror), row_of(mirror, GOOD[0], mirror.refused)
    dropped(mirror)
    mirror.ctl("resync", GOOD[0], "--wait", codes=(0, 5))
    again = row_of(mirror, GOOD[0], mirror.refused)
    assert again["attempts"] == 1 and again["id"] != old["id"] and tries(mirror) == tried + 1, (again, tried, tries(mirror))
    assert body("not wanted") not in bodies_on_dr(mirror, GOOD[0])


@cases.add
def what_dr_lacks_after_a_drop_is_told_without_another_cause(mirror):
    """Nothing else happens in the mailbox: it must not count as in sync."""
    others = dropped(mirror)
    try:
        wait_until(lambda: len(quarantined(mirror, GOOD[0])) > len(others), "the message to be tried again", 8.0, 0.2)
    finally:
        mirror.ctl("resync", GOOD[0], "--wait", codes=(0, 5))


@cases.add
def dropped_and_not_refused_any_more_it_arrives_once(mirror):
    row_of(mirror, GOOD[0], mirror.refused)
    mirror.lab.dr_relay.misbehave()
    others = dropped(mirror)
    mirror.ctl("resync", GOOD[0], "--wait", codes=(0, 5))
    arrives(mirror, GOOD[0], "not wanted")
    assert bodies_on_dr(mirror, GOOD[0]).count(body("not wanted")) == 1
    assert {row["id"] for row in quarantined(mirror, GOOD[0])} == others


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
    with Lab(build_folder(), owners, fsync=False, relay=True, dr_relay={"rules": True}, dr_options=options) as lab:
        for server, owner in ((lab.production, NOT_ON_PRODUCTION), (lab.dr, NOT_ON_DR)):
            del server.owners[owner]
            server.write_users()
        with Mirror(lab) as mirror:
            return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
