#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Servers that refuse, lie, forget and break off: whatever they do, each message is on DR once and unaltered when they are well
again, what cannot be is told, and nothing is copied over and over. The rules are those of test/lab/misbehave.py."""

import pathlib
import random
import re
import sys
import threading
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.lossy import LossyLink
from lab.mirrord import Mirror, build_folder
from lab.process import wait_until

cases = Cases()
OWNER = "1001"
APPEND = r"^\S+ APPEND "
# In 4 s, with retries from 1 s on, an echo and two polls, each pass sending once or twice; without a pause it were hundreds.
MOST_TRIES = 20


def body(name, octets=0):
    text = samples.make("text", random.Random(f"wrong {name}")).body
    while len(text) < octets:
        text += b"one line more of a message that takes its time\r\n"
    return text


def deposit(mirror, *names, octets=0, folder="INBOX"):
    with mirror.store("production").connect(OWNER) as client:
        client.append(folder, [(body(name, octets), [], samples.NOW) for name in names])


def expunge(mirror, name):
    """The message of that name, whatever its size."""
    with mirror.store("production").connect(OWNER) as client:
        client.select("INBOX")
        begin = body(name)
        uids = [uid for uid, row in client.fetch("BODY.PEEK[]").items() if row["BODY[]"].startswith(begin)]
        assert len(uids) == 1, uids
        client.command(f"UID STORE {uids[0]} +FLAGS (\\Deleted)")
        client.command("EXPUNGE")


def does(relay, *rules):
    """From now on by these rules; those until now must have done something, or the case showed nothing."""
    unused = relay.unused_rules()
    relay.misbehave(*rules)
    assert not unused, f"never met: {unused}"


def dr_does(mirror, *rules):
    does(mirror.lab.dr_relay, *rules)


def production_does(mirror, *rules):
    does(mirror.lab.relay, *rules)


def retry_refused(mirror):
    for row in mirror.ctl("quarantine", "list")["items"]:
        mirror.ctl("quarantine", "retry", str(row["id"]), codes=(0, 4))


def accept_altered(mirror):
    """What DR altered stays told until the message goes or a person says that he knows."""
    for row in mirror.ctl("quarantine", "list")["items"]:
        assert row["kind"] in ("altered", "flag"), row
        mirror.ctl("quarantine", "drop", str(row["id"]))
    no_problem_left(mirror)


def well_again(mirror, seconds=60.0):
    production_does(mirror)
    dr_does(mirror)
    retry_refused(mirror)
    mirror.wait_equal(seconds)


def codes(mirror):
    return {row["code"] for row in mirror.status()["problems"]}


def told(mirror, code):
    wait_until(lambda: code in codes(mirror), f"{code} to be told", 30.0, 0.1)


def no_problem_left(mirror):
    wait_until(lambda: not mirror.status()["problems"], "no problem left", 30.0, 0.2)


def on_dr(mirror, folder="INBOX"):
    with mirror.store("dr").connect(OWNER) as client:
        client.select(folder, examine=True)
        return len(client.fetch("FLAGS"))


def next_uid(mirror, folder="INBOX"):
    """UIDNEXT on DR: unlike the count, it keeps what came and went between two looks."""
    with mirror.store("dr").connect(OWNER) as client:
        return client.select(folder, examine=True)["uidnext"]


def appends(mirror):
    return mirror.lab.dr_relay.totals()["totals"].get("APPEND", 0)


def expunges(mirror):
    return mirror.lab.dr_relay.totals()["totals"].get("UID EXPUNGE", 0)


def appends_in(mirror, seconds):
    before = appends(mirror)
    time.sleep(seconds)
    return appends(mirror) - before


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
    there = on_dr(mirror)
    production_does(mirror, {"at": "client", "line": r"UID FETCH ", "say": ["* VANISHED (EARLIER) 70000:4294967295", "* VANISHED 80000"]})
    deposit(mirror, "beside the flood")
    wait_until(lambda: on_dr(mirror) == there + 1, "the new message on DR", 30.0, 0.2)
    well_again(mirror)


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


@cases.add
def a_folder_that_dr_makes_under_another_name_is_told(mirror):
    dr_does(mirror, {"at": "client", "line": r'( CREATE )"?Odd"?', "replace": r"\1Even"})
    with mirror.store("production").connect(OWNER) as client:
        client.command("CREATE Odd")
    deposit(mirror, "in the odd folder", folder="Odd")
    wait_until(lambda: mirror.status()["problems"], "a problem to be told", 30.0, 0.1)
    before = mirror.lab.dr_relay.totals()["totals"].get("CREATE", 0)
    time.sleep(4)
    assert mirror.lab.dr_relay.totals()["totals"].get("CREATE", 0) - before <= 4, "made over and over"
    with mirror.store("dr").connect(OWNER) as client:
        client.command("DELETE Even")
    dr_does(mirror)
    well_again(mirror)


def wire(name, *rules, octets=300_000):
    """Both directions of both stores; a rule applies to as many connections as it says."""
    def case(mirror):
        both = [{**rule, "at": at} for rule in rules for at in ("client", "server")]
        production_does(mirror, *both)
        dr_does(mirror, *both)
        mirror.restart()
        deposit(mirror, f"{name} one", f"{name} two", octets=octets)
        mirror.wait_equal(120)
        well_again(mirror)
    case.__name__ = f"a_wire_{name}"
    cases.add(case)


wire("that_breaks_early", {"cut": 700, "times": 4}, {"cut": 3000, "times": 8})
wire("that_breaks_in_the_bodies", {"cut": 90_000, "times": 3}, {"cut": 250_000, "times": 5})
wire("of_100_ms", {"delay": 0.05})
wire("octet_by_octet", {"chop": 1}, octets=3000)
wire("of_64_kilobits", {"rate": 8000, "chop": 1000}, octets=20_000)


@cases.add
def a_link_of_64_kilobits_that_loses_packets(mirror):
    """To both stores, and in either direction."""
    links = {side: LossyLink(mirror.lab.workdir, mirror.address_of(side), name=f"lossy-{side}").start() for side in ("production", "dr")}
    mirror.addresses = {side: link.address for side, link in links.items()}
    mirror.configure(stores={side: 'tls_server_name = "localhost"\n' for side in links})
    mirror.restart()
    deposit(mirror, "over a bad link", "and another", octets=20_000)
    try:
        mirror.wait_equal(180)
    finally:
        mirror.addresses = {}
        mirror.configure()
        mirror.restart()
    well_again(mirror)
    for side, link in links.items():
        lost = link.stop()
        assert lost > 0, f"the link to {side} lost nothing"
        print(f"# {lost} packets to and from {side} were lost", flush=True)


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
    there = on_dr(mirror)
    production_does(mirror, {"at": "server", "line": r"^\* \d+ EXISTS", "replace": "* 0 EXISTS"})
    mirror.restart()
    mirror.ctl("resync", "--all", "--wait", codes=(0, 5), timeout=120)
    wait_until(lambda: mirror.status()["counts"]["held"] >= there, "every deletion to be held", 60.0, 0.1)
    shown = on_dr(mirror)
    assert shown == there, (shown, there)
    production_does(mirror)
    mirror.ctl("resync", "--all", "--wait", codes=(0, 5), timeout=120)
    well_again(mirror)
    assert mirror.status()["counts"]["held"] == 0 and on_dr(mirror) == there


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


def uidvalidity(mirror, folder):
    with mirror.store("dr").connect(OWNER) as client:
        return client.select(folder, examine=True)["uidvalidity"]


def folders_of(mirror, side):
    with mirror.store(side).connect(OWNER) as client:
        return {name for name, _, _ in client.list()}


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
def after_all_this_a_pass_writes_nothing(mirror):
    mirror.wait_equal(60)
    mirror.quiet_pass()
    mirror.assert_production_untouched()


def main():
    with Lab(build_folder(), [OWNER], fsync=False, relay={"rules": True}, dr_relay={"rules": True}) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
