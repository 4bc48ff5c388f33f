#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Servers that refuse, lie, forget and break off: whatever they do, each message is on DR once and unaltered when they are well
again, what cannot be is told, and nothing is copied over and over. The rules are those of test/lab/misbehave.py."""

import pathlib
import re
import sys
import threading
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.process import wait_until
from lab.trouble import (APPEND, MOST_TRIES, OWNER, about, accept_altered, appends, appends_in, body, contents, deposit, dr_does, expunge,
                         expunges, folders_of, next_uid, no_problem_left, on_dr, production_does, retry_refused, run, sent, sent_in, told,
                         uidvalidity, well_again)

cases = Cases()


def a_folder(mirror, name):
    with mirror.store("production").connect(OWNER) as client:
        client.command(f'CREATE "{name}"')


@cases.add
def the_first_copy(mirror):
    deposit(mirror, "first", "twin", "twin")
    mirror.configure()
    mirror.wait_equal(60)


def refused(answer, code):
    """DR answers each APPEND so: told, tried again with pauses, and no more than that."""
    def case(mirror):
        dr_does(mirror, {"at": "client", "line": APPEND, "answer": answer})
        deposit(mirror, f"refused {answer}")
        told(mirror, code)
        tried = appends_in(mirror, 4.0)
        assert tried <= MOST_TRIES, f"{tried} APPENDs in 4 s"
        well_again(mirror)
        no_problem_left(mirror)
    case.__name__ = "append_is_answered_" + re.sub(r"\W+", "_", answer.lower()).strip("_")
    cases.add(case)


refused("NO [OVERQUOTA] Quota exceeded", "MRD-IMAP-013")
refused("NO [INUSE] Mailbox is locked", "MRD-IMAP-018")
refused("NO [LIMIT] More than may be", "MRD-IMAP-014")
refused("NO [THROTTLED] Slow down", "MRD-IMAP-019")
refused("NO [UNAVAILABLE] Backend away", "MRD-IMAP-020")
refused("NO [TRYCREATE] No such mailbox", "MRD-IMAP-017")
refused("BAD Unknown command", "MRD-IMAP-015")


@cases.add
def a_folder_that_is_away_for_one_append_needs_no_help(mirror):
    """As when it is renamed under us."""
    dr_does(mirror, {"at": "client", "line": APPEND, "answer": "NO [TRYCREATE] No such mailbox", "early": True, "times": 1})
    deposit(mirror, "away for a moment")
    mirror.wait_equal(60)


@cases.add
def one_message_too_big_holds_nothing_else_up(mirror):
    size = len(body("too big", 70_000))
    dr_does(mirror, {"at": "client", "line": APPEND + r".*\{%d\+?\}" % size, "answer": "NO [TOOBIG] Too large"})
    deposit(mirror, "too big", octets=70_000)
    told(mirror, "MRD-IMAP-014")
    there = on_dr(mirror)
    deposit(mirror, "small", "and small again")
    wait_until(lambda: on_dr(mirror) == there + 2, "the others on DR", 30.0, 0.2)
    assert appends_in(mirror, 4.0) == 0, "a refused message is tried again and again"
    dr_does(mirror)
    retry_refused(mirror)
    wait_until(lambda: on_dr(mirror) == there + 3, "the large one on DR", 30.0, 0.2)
    no_problem_left(mirror)
    # It stands behind those that came after it: no server lets us put it before them.
    expunge(mirror, "too big")
    well_again(mirror)


@cases.add
def a_bye_in_the_middle_of_an_append(mirror):
    dr_does(mirror, {"at": "client", "line": APPEND, "times": 2, "say": ["* BYE Going down"], "close": True})
    deposit(mirror, "bye", "bye again")
    mirror.wait_equal(60)


@cases.add
def multiappend_keeps_its_prefix_and_says_no(mirror):
    dr_does(mirror, {"at": "client", "line": APPEND, "times": 1, "messages": 2, "answer": "NO [LIMIT] Stopped in the middle"})
    deposit(mirror, "prefix", "prefix twin", "prefix twin", "prefix last")
    mirror.wait_equal(60)


@cases.add
def fewer_uids_are_told_than_were_sent(mirror):
    dr_does(mirror, {"at": "server", "line": r"\[APPENDUID (\d+) (\d+):\d+\]", "replace": r"[APPENDUID \1 \2]"})
    deposit(mirror, "fewer", "fewer twin", "fewer twin")
    mirror.wait_equal(60)


@cases.add
def an_ok_that_never_comes(mirror):
    dr_does(mirror, {"at": "client", "line": APPEND, "times": 2, "away": True})
    deposit(mirror, "lost answer", "lost answer twin", "lost answer twin")
    mirror.wait_equal(60)


def lied(answer, name):
    def case(mirror):
        there = on_dr(mirror)
        dr_does(mirror, {"at": "client", "line": APPEND, "answer": answer})
        deposit(mirror, f"lied {name}")
        wait_until(lambda: mirror.status()["problems"], "a problem to be told", 30.0, 0.1)
        assert on_dr(mirror) == there
        tried = appends_in(mirror, 4.0)
        assert tried <= MOST_TRIES, f"{tried} APPENDs in 4 s"
        well_again(mirror)
        no_problem_left(mirror)
    case.__name__ = f"an_ok_without_a_message_{name}"
    cases.add(case)


lied("OK [APPENDUID 1 4711] Append completed.", "under_another_uidvalidity")
lied("OK Append completed.", "and_without_a_uid")


@cases.add
def a_date_that_dr_clamps_is_told_once_and_not_copied_again(mirror):
    dr_does(mirror, {"at": "server", "line": r'INTERNALDATE "[^"]*"', "replace": 'INTERNALDATE "01-Jan-1980 00:00:00 +0000"'})
    deposit(mirror, "clamped")
    told(mirror, "MRD-MIR-001")
    assert appends_in(mirror, 4.0) == 0
    well_again(mirror)
    accept_altered(mirror)


@cases.add
def a_folder_that_is_there_but_not_listed_loses_nothing(mirror):
    """What a server lists may be older than what it has: the folder itself is asked before anything of it goes (law 5)."""
    with mirror.store("production").connect(OWNER) as client:
        client.command("CREATE Unlisted")
    deposit(mirror, "unlisted 1", "unlisted 2", folder="Unlisted")
    mirror.wait_equal(60)
    production_does(mirror, {"at": "server", "line": r"^\* LIST .*Unlisted", "drop": True})
    sent = expunges(mirror)
    mirror.ctl("resync", "--all", "--wait", codes=(0, 5), timeout=120)
    told(mirror, "MRD-MIR-024")
    assert expunges(mirror) == sent and on_dr(mirror, "Unlisted") == 2
    well_again(mirror)
    no_problem_left(mirror)


@cases.add
def sessions_that_list_what_they_knew_before(mirror):
    """Dovecot 2.3 does so at times after a RENAME, until something else changes: a folder made in that moment is not listed in
    sessions that were open, and what comes to it is told by none of them. Only new ones know better."""
    with mirror.store("production").connect(OWNER) as client:
        client.command("CREATE Renamed")
        mirror.wait_equal(60)
        production_does(mirror, {"at": "server", "line": r"^\* (LIST|STATUS) .*Unknown", "drop": True, "old": True})
        client.command("RENAME Renamed Before")
        client.command("CREATE Unknown")
        deposit(mirror, "into the unknown", folder="Unknown")
        wait_until(lambda: "Unknown" in folders_of(mirror, "dr"), "the folder on DR", 30.0, 0.1)
        wait_until(lambda: on_dr(mirror, "Unknown") == 1, "what was in it", 30.0, 0.1)
        time.sleep(5)  # longer than the looks that follow a change
        deposit(mirror, "later", folder="Unknown")
        wait_until(lambda: on_dr(mirror, "Unknown") == 2, "what came to it later", 30.0, 0.1)
    well_again(mirror)


@cases.add
def a_wrong_size_of_production_is_no_reason_to_lose_or_alter(mirror):
    production_does(mirror, {"at": "server", "line": r"RFC822\.SIZE (\d+)", "replace": r"RFC822.SIZE \g<1>7"})
    deposit(mirror, "wrong size")
    time.sleep(3)
    tried = appends_in(mirror, 3.0)
    assert tried <= MOST_TRIES, f"{tried} APPENDs in 3 s"
    well_again(mirror)
    no_problem_left(mirror)


WRONG_SIZES = {"at": "server", "line": r"RFC822\.SIZE (\d+)", "replace": r"RFC822.SIZE \g<1>7"}


@cases.add
def wrong_sizes_of_dr_are_told_and_nothing_is_copied_again(mirror):
    """As of a server that tells the size it stores, not the one it sends: what it said first of a message is what we know it by."""
    a_folder(mirror, "Sizes")
    dr_does(mirror, WRONG_SIZES)
    deposit(mirror, "sized wrong", "wrong twin", "wrong twin", folder="Sizes")
    told(mirror, "MRD-MIR-001")
    mirror.wait_equal(60)
    mirror.ctl("resync", OWNER, "--wait", codes=(0, 5))
    mirror.wait_equal(60)
    assert next_uid(mirror, "Sizes") == 4, "copied again"
    expunge(mirror, "sized wrong", "Sizes")
    mirror.wait_equal(60)
    assert on_dr(mirror, "Sizes") == 2 and next_uid(mirror, "Sizes") == 4
    well_again(mirror)
    accept_altered(mirror)


@cases.add
def wrong_sizes_of_dr_and_a_death_of_mirrord(mirror):
    """Killed when DR has the messages and nobody was told: what is found there is known by its content, whatever its size."""
    a_folder(mirror, "Killed")
    mirror.wait_equal(60)
    dr_does(mirror, {"at": "server", "line": r"^\S+ OK \[APPENDUID", "stall": 600.0})
    deposit(mirror, "sized in a death", "dead twin", "dead twin", folder="Killed")
    wait_until(lambda: next_uid(mirror, "Killed") == 4, "the messages on DR", 30.0, 0.05)
    mirror.kill()
    dr_does(mirror, WRONG_SIZES)
    mirror.start()
    mirror.wait_equal(60)
    expunge(mirror, "sized in a death", "Killed")
    mirror.wait_equal(60)
    assert on_dr(mirror, "Killed") == 2 and next_uid(mirror, "Killed") == 4, "copied again"
    well_again(mirror)


def deletion_waits(mirror, folder, before, after):
    """DR tells another size than it did when we stored the message: it may be another message, and stays."""
    a_folder(mirror, folder)
    dr_does(mirror, *before)
    deposit(mirror, "resized", "resized too", folder=folder)
    mirror.wait_equal(60)
    tried = expunges(mirror)
    dr_does(mirror, *after)
    expunge(mirror, "resized", folder)
    told(mirror, "MRD-MIR-011")
    assert on_dr(mirror, folder) == 2 and expunges(mirror) == tried


@cases.add
def a_deletion_waits_while_dr_tells_a_wrong_size(mirror):
    deletion_waits(mirror, "Wrong later", [], [WRONG_SIZES])
    well_again(mirror)
    no_problem_left(mirror)
    assert on_dr(mirror, "Wrong later") == 1 and next_uid(mirror, "Wrong later") == 3


@cases.add
def a_deletion_of_what_had_a_wrong_size_is_done_or_the_message_told_as_unknown(mirror):
    deletion_waits(mirror, "Wrong before", [WRONG_SIZES], [])
    mirror.ctl("resync", OWNER, "--wait", codes=(0, 5))
    mirror.wait_settled(60)
    left = on_dr(mirror, "Wrong before") - 1
    assert about(mirror, "Wrong before")["unknown"] == left and next_uid(mirror, "Wrong before") == 3
    if left:
        expunge(mirror, "resized", "Wrong before", side="dr")
    well_again(mirror)
    accept_altered(mirror)


@cases.add
def a_body_that_is_nil_is_not_copied_as_nothing(mirror):
    there = on_dr(mirror)
    production_does(mirror, {"at": "server", "line": r"FETCH .*BODY\[\] \{", "nil": True})
    deposit(mirror, "nil")
    wait_until(lambda: mirror.status()["problems"], "a problem to be told", 30.0, 0.1)
    assert on_dr(mirror) == there
    well_again(mirror)
    no_problem_left(mirror)


@cases.add
def a_body_that_is_nil_waits_also_where_search_claims_everything(mirror):
    production_does(mirror, {"at": "server", "line": r"FETCH .*BODY\[\] \{", "nil": True},
                    {"at": "server", "line": r"(ESEARCH .*ALL) [\d:,]+", "replace": r"\1 1:4294967295"})
    deposit(mirror, "nil and everything")
    told(mirror, "MRD-MIR-016")
    well_again(mirror)
    no_problem_left(mirror)


@cases.add
def bodies_that_stop_coming(mirror):
    production_does(mirror, {"at": "server", "line": r"FETCH .*BODY\[\] \{", "after": 1, "times": 2, "drop": True})
    deposit(mirror, "half one", "half two", "half three")
    mirror.wait_equal(60)


@cases.add
def a_list_of_flags_that_ends_early_deletes_nothing(mirror):
    """Production answers OK and leaves lines out: what is not there is not gone."""
    there = on_dr(mirror)
    production_does(mirror, {"at": "server", "line": r"FETCH \(.*FLAGS", "after": 2, "drop": True})
    mirror.ctl("resync", OWNER, "--wait", codes=(0, 5))
    time.sleep(2)
    assert on_dr(mirror) == there, "what production left out was deleted on DR"
    well_again(mirror)
    no_problem_left(mirror)


@cases.add
def production_tells_of_uids_that_never_were(mirror):
    """Among what SELECT answers, where it tells what went (RFC 7162 section 3.2.5.1), and anywhere else."""
    before, removed = contents(mirror, "dr"), expunges(mirror)
    flood = ["* VANISHED (EARLIER) 70000:4294967295", "* VANISHED (EARLIER) 69000:69999,60000"]
    for rule in ({"at": "server", "line": r"^\* OK \[UIDNEXT", "say": flood},
                 {"at": "client", "line": r"UID FETCH ", "say": [*flood, "* VANISHED 80000"]}):
        there = on_dr(mirror)
        production_does(mirror, rule)
        deposit(mirror, f"beside the flood at the {rule['at']}")
        wait_until(lambda: on_dr(mirror) == there + 1, "the new message on DR", 30.0, 0.2)
        well_again(mirror)
    after = contents(mirror, "dr")
    assert before.items() <= after.items() and len(after) == len(before) + 2
    assert expunges(mirror) == removed, "a UID that never was had something expunged"


@cases.add
def a_keyword_that_dr_does_not_keep_is_told(mirror):
    dr_does(mirror, {"at": "server", "line": r"(PERMANENTFLAGS \([^)]*?) ?\\\*\)", "replace": r"\1)"})
    with mirror.store("production").connect(OWNER) as client:
        client.append("INBOX", [(body("keyword"), ["$Transcribed"], samples.NOW)])
    told(mirror, "MRD-MIR-002")
    assert appends_in(mirror, 4.0) == 0
    mirror.restart()  # what DR keeps is asked anew with a connection
    well_again(mirror)
    accept_altered(mirror)


def of_another_uidvalidity(mirror, folder, change_it):
    """DR has the folder's messages under another UIDVALIDITY, two that we know nothing of among them: all are found by their
    content.  What is left over may be anybody's: it stays, and is told as unknown."""
    a_folder(mirror, folder)
    expunged, early, *others = (f"{folder} {n}" for n in range(4))
    deposit(mirror, early, expunged, *others, f"{folder} twin", f"{folder} twin", folder=folder, flags=("\\Seen", "$Kept"))
    mirror.wait_equal(60)
    deposit(mirror, f"{folder} foreign", folder=folder, side="dr")
    expunge(mirror, early, folder)  # so that no UID is what counting from 1 would give
    wait_until(lambda: on_dr(mirror, folder) == 6, "the deletion on DR", 30.0, 0.1)
    mirror.ctl("resync", OWNER, "--wait", codes=(0, 5))
    before, sent_before, was = contents(mirror, "dr", folder), appends(mirror), uidvalidity(mirror, folder)
    change_it(expunged)
    deposit(mirror, f"{folder} later", folder=folder)
    wait_until(lambda: on_dr(mirror, folder) == 7, "the new message on DR", 30.0, 0.1)
    mirror.wait_settled(60)
    assert uidvalidity(mirror, folder) != was
    assert appends(mirror) == sent_before + 1, "what is there was sent again"
    after = contents(mirror, "dr", folder)
    assert all(uid in after and after[uid][0] == text for uid, (text, _) in before.items()), "what was there is another now"
    row = about(mirror, folder)
    assert (row["foreign"], row["unknown"]) == (0, 2), row
    for name in (f"{folder} foreign", expunged):
        expunge(mirror, name, folder, side="dr")
    mirror.wait_equal(60)


@cases.add
def dr_gives_a_folder_another_uidvalidity_while_it_is_watched(mirror):
    def change_it(expunged):
        mirror.lab.dr.doveadm("mailbox", "update", "-u", OWNER, "--uid-validity", "1900000000", "Renumbered")
        expunge(mirror, expunged, "Renumbered")
    of_another_uidvalidity(mirror, "Renumbered", change_it)


@cases.add
def dr_lost_the_index_of_a_folder_and_its_flags(mirror):
    """Repaired from the messages alone, while mirrord is away."""
    def change_it(expunged):
        mirror.stop()
        mirror.lab.dr.stop()
        for index in (mirror.lab.dr.mail / OWNER / "sdbox/mailboxes/Repaired/dbox-Mails").glob("dovecot.index*"):
            index.unlink()
        mirror.lab.dr.start()
        mirror.lab.dr.doveadm("force-resync", "-u", OWNER, "Repaired")
        expunge(mirror, expunged, "Repaired")
        mirror.start()
    of_another_uidvalidity(mirror, "Repaired", change_it)


@cases.add
def production_lost_its_uids_and_gives_out_others(mirror):
    """Its messages and flags are what they were, UIDVALIDITY and UIDs of every folder are not. Nothing is copied, nothing goes; of
    what did not survive in INBOX nobody can say that its owner deleted it: that is held."""
    a_folder(mirror, "Survivor")
    deposit(mirror, *(f"survivor {n}" for n in range(4)), folder="Survivor", flags=("\\Answered", "$Kept"))
    deposit(mirror, "does not survive", "survives")
    mirror.wait_equal(60)
    expunge(mirror, "survivor 0", "Survivor")  # so that the others come under other UIDs
    mirror.wait_equal(60)
    folders = ("INBOX", "Survivor")
    before = {folder: contents(mirror, "dr", folder) for folder in folders}
    was = {folder: uidvalidity(mirror, folder, "production") for folder in folders}
    copies, gone = appends(mirror), expunges(mirror)
    mirror.stop()
    production = mirror.lab.production
    production.stop()
    for place in ("", ".Survivor"):
        place = production.mail / OWNER / "Maildir" / place
        for index in [*place.glob("dovecot.index*"), place / "dovecot-uidlist"]:
            index.unlink(missing_ok=True)
    text = body("does not survive").replace(b"\r\n", b"\n")
    lost, = (path for path in (production.mail / OWNER / "Maildir").glob("[cn]*/*") if path.read_bytes() == text)
    lost.unlink()
    production.start()
    mirror.start()
    wait_until(lambda: mirror.status()["counts"]["held"] == 1, "the deletion to be held", 30.0, 0.1)
    mirror.wait_settled(60)
    for folder in folders:
        assert uidvalidity(mirror, folder, "production") != was[folder]
        assert contents(mirror, "dr", folder) == before[folder], f"{folder} of DR is another now"
    assert appends(mirror) == copies and expunges(mirror) == gone
    assert mirror.ctl("guard", "release", OWNER, "--expected", "1", "--reason", "test")["released"] == 1
    mirror.wait_equal(60)


@cases.add
def a_folder_that_dr_makes_under_another_name_is_told(mirror):
    dr_does(mirror, {"at": "client", "line": r'( CREATE )"?Odd"?', "replace": r"\1Even"})
    with mirror.store("production").connect(OWNER) as client:
        client.command("CREATE Odd")
    deposit(mirror, "in the odd folder", folder="Odd")
    wait_until(lambda: mirror.status()["problems"], "a problem to be told", 30.0, 0.1)
    assert sent_in(mirror, "CREATE", 4.0) <= 4, "made over and over"
    with mirror.store("dr").connect(OWNER) as client:
        client.command("DELETE Even")
    dr_does(mirror)
    well_again(mirror)


@cases.add
def the_eleventh_identical_message_refused(mirror):
    deposit(mirror, *["eleven"] * 10)
    mirror.wait_equal(60)
    there = on_dr(mirror)
    dr_does(mirror, {"at": "client", "line": APPEND, "answer": "NO there are ten of these already"})
    deposit(mirror, "eleven")
    refused_ones = lambda: [row for row in mirror.ctl("quarantine", "list")["items"] if row["kind"] == "message"]  # noqa: E731
    wait_until(refused_ones, "the eleventh in quarantine", 30.0, 0.1)
    row, = refused_ones()
    assert "ten of these" in row["server_text"], row
    assert on_dr(mirror) == there
    dr_does(mirror)
    retry_refused(mirror)
    well_again(mirror)
    assert on_dr(mirror) == there + 1


@cases.add
def a_production_that_selects_but_shows_nothing(mirror):
    """Every folder is there, under its own UIDVALIDITY, and none has a message. INBOX is nearly all that the mailbox has: a
    folder that is a small part of it may be emptied."""
    deposit(mirror, *(f"shown {n}" for n in range(12)))  # fewer than that, and an owner may have emptied it
    mirror.wait_equal(60)
    there, before = on_dr(mirror), contents(mirror, "dr")
    production_does(mirror, {"at": "server", "line": r"^\* \d+ EXISTS", "replace": "* 0 EXISTS"})
    mirror.restart()
    mirror.ctl("resync", "--all", "--wait", codes=(0, 5), timeout=120)
    wait_until(lambda: mirror.status()["counts"]["held"] >= there, "every deletion to be held", 60.0, 0.1)
    shown = on_dr(mirror)
    assert shown == there and contents(mirror, "dr") == before, (shown, there)
    production_does(mirror)
    mirror.ctl("resync", "--all", "--wait", codes=(0, 5), timeout=120)
    well_again(mirror)
    assert mirror.status()["counts"]["held"] == 0 and on_dr(mirror) == there


@cases.add
def a_send_that_the_server_does_long_after_we_left(mirror):
    """The connection is given up after a silence; what it had sent is stored later all the same, beside the second copy."""
    mirror.restart({"silence": "2s"})
    mirror.wait_equal(60)
    there, first = on_dr(mirror), next_uid(mirror)
    dr_does(mirror, {"at": "client", "line": APPEND, "times": 1, "stall": 8.0})
    deposit(mirror, "zombie")
    wait_until(lambda: next_uid(mirror) >= first + 1, "the second copy", 30.0, 0.05)
    wait_until(lambda: next_uid(mirror) == first + 2, "the late one", 30.0, 0.05)  # it may be gone again before we look
    mirror.wait_equal(60)
    assert on_dr(mirror) == there + 1
    kinds = [row["kind"] for row in mirror.ctl("mailbox", "history", OWNER)["items"]]
    assert kinds.count("message.late_copy_removed") == 1, kinds


class Comings(threading.Thread):
    """Looks at a folder on DR all the time: its UIDVALIDITY when it was there first, and whether it went after that."""

    def __init__(self, mirror, folder):
        super().__init__(daemon=True)
        self.mirror, self.folder, self.made, self.went = mirror, folder, None, threading.Event()

    def run(self):
        with self.mirror.store("dr").connect(OWNER) as client:
            while not self.went.is_set():
                there = any(name == self.folder for name, _, _ in client.list())
                if there and not self.made:
                    self.made = uidvalidity(self.mirror, self.folder)
                elif self.made and not there:
                    self.went.set()
                time.sleep(0.03)


def late_rename(mirror, folder, messages):
    """It takes the folder that has the name by then out of the way, and nothing tells of it: the pass that found our step open
    has another one look once more, and that one knows the folder, by its numbers alone when there is nothing in it."""
    mirror.restart({"silence": "2s"})
    mirror.wait_equal(60)
    with mirror.store("production").connect(OWNER) as client:
        client.command(f"CREATE {folder}")
        deposit(mirror, f"passing {folder}", folder=folder)
        mirror.wait_equal(60)
        dr_does(mirror, {"at": "client", "line": r"^\S+ RENAME ", "times": 1, "stall": 10.0})
        client.command(f"DELETE {folder}")
        wait_until(lambda: folder not in folders_of(mirror, "dr"), "the second RENAME, and DELETE", 30.0, 0.05)
        comings, sent = Comings(mirror, folder), appends(mirror)
        client.command(f"CREATE {folder}")
        comings.start()
        for n in range(messages):
            deposit(mirror, f"passed {n}", folder=folder)
        mirror.wait_equal(60)
    assert comings.went.wait(30.0), "the late one did not come"
    wait_until(lambda: folder in folders_of(mirror, "dr"), "the folder to be back", 30.0, 0.1)
    assert uidvalidity(mirror, folder) == comings.made and appends(mirror) == sent + messages, "made anew, not found"
    mirror.wait_equal(60)


@cases.add
def a_rename_that_the_server_does_long_after_we_left(mirror):
    late_rename(mirror, "Passing", 1)


@cases.add
def such_a_rename_of_a_folder_with_nothing_in_it(mirror):
    late_rename(mirror, "Nothing", 0)


@cases.add
def a_thousand_refused_messages_stop_nothing_else(mirror):
    with mirror.store("production").connect(OWNER) as client:
        client.command("CREATE Refused")
    mirror.wait_equal(60)
    dr_does(mirror, {"at": "client", "line": r'^\S+ APPEND "?Refused"?', "answer": "NO not this one"})
    deposit(mirror, *(f"refused {n}" for n in range(1000)), folder="Refused")
    wait_until(lambda: mirror.status()["counts"]["quarantined"] >= 1000, "all of them in quarantine", 120.0, 0.5)
    assert appends_in(mirror, 4.0) == 0, "what waits is sent again and again"
    there = on_dr(mirror)
    deposit(mirror, "beside a thousand")
    wait_until(lambda: on_dr(mirror) == there + 1, "the message beside them", 30.0, 0.1)
    dr_does(mirror)
    mirror.ctl("quarantine", "retry", "all", codes=(0, 4))
    mirror.wait_equal(90)
    well_again(mirror)


if __name__ == "__main__":
    sys.exit(run(cases, [OWNER]))
