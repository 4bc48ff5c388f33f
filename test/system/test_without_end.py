#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Nothing is repeated without end, and one message never stops the rest (law 6): servers that want a pause, a message at which a
server ends each connection, a keyword that DR drops without a word. The rules are those of test/lab/misbehave.py."""

import pathlib
import sys
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab.cases import Cases
from lab.process import wait_until
from lab.trouble import (APPEND, OWNER, accept_altered, appends_in, body, change, codes, deposit, dr_does, expunge, flags_of, next_uid,
                         no_problem_left, on_dr, production_does, retry_refused, run, sent, sent_in, state_of, told, uidvalidity,
                         undisturbed, well_again)

cases = Cases()
THROTTLED = "Request is throttled. Suggested Backoff Time: 3000 milliseconds"
DEADLY = 70_000  # octets of the message that no server can stand


@cases.add
def the_first_copy(mirror):
    deposit(mirror, "first", "twin", "twin")
    mirror.configure(link="guard_percent = 100\n")  # these tests empty mailboxes by half
    mirror.wait_equal(60)


def throttled(name, rule):
    """As Exchange says it, with the pause that it wants: three tries are due in twice that time, and none of them reaches DR."""
    def case(mirror):
        undisturbed(mirror)
        first = next_uid(mirror)
        dr_does(mirror, {"at": "client", "line": APPEND, **rule})
        deposit(mirror, f"throttled by {name}")
        told(mirror, "MRD-IMAP-019")
        tried = appends_in(mirror, 6.0)
        assert tried <= 4, f"{tried} APPENDs in 6 s"
        well_again(mirror)
        no_problem_left(mirror)
        assert next_uid(mirror) == first + 1, "sent more than once"
    case.__name__ = f"a_server_that_throttles_by_{name}"
    cases.add(case)


throttled("no", {"answer": f"NO {THROTTLED}"})
throttled("bye", {"say": [f"* BYE {THROTTLED}"], "close": True})


OTHER = "1002"
LOGIN_OF_OWNER = r"AUTHENTICATE PLAIN MTAwMQ"  # base64 of the owner it acts for


def no_login_for_one(name, words):
    """The other owners' sessions are let in all the while, whoever was compared last."""
    def case(mirror):
        undisturbed(mirror)
        dr_does(mirror, {"at": "client", "line": LOGIN_OF_OWNER, "answer": f"NO {words}"})
        mirror.restart()
        deposit(mirror, f"no login {name}")
        mailbox = lambda: [row["code"] for row in mirror.status()["problems"] if row["kind"] == "mailbox"]  # noqa: E731
        wait_until(mailbox, "the mailbox to be told", 30.0, 0.1)
        tried = mirror.lab.dr_relay.totals()["totals"].get("AUTHENTICATE", 0)
        with mirror.store("production").connect(OTHER) as client:
            client.append("INBOX", [(body(f"beside {name}"), [], None)])
        end = time.monotonic() + 5.0
        while time.monotonic() < end:
            assert not [row for row in mirror.status()["problems"] if row["kind"] == "store"], mirror.status()["problems"]
            time.sleep(0.1)
        wait_until(lambda: not mirror.differences([OTHER]), "the other mailbox to be equal", 10.0, 0.2)
        assert mirror.lab.dr_relay.totals()["totals"]["AUTHENTICATE"] - tried <= 12
        well_again(mirror)
        no_problem_left(mirror)
    case.__name__ = f"a_server_that_lets_one_owner_not_in_{name}"
    cases.add(case)


no_login_for_one("as_it_is_not_available", "[UNAVAILABLE] Temporary authentication failure.")
no_login_for_one("as_it_throttles_him", THROTTLED)


@cases.add
def an_append_that_is_answered_with_a_uid_and_kept_nowhere_waits(mirror):
    """OK with APPENDUID, the UID being the one that the next message gets."""
    undisturbed(mirror)
    there, first = on_dr(mirror), next_uid(mirror)
    number = uidvalidity(mirror, "INBOX")
    dr_does(mirror, {"at": "client", "line": APPEND, "answer": f"OK [APPENDUID {number} {first}] Append completed."})
    before = sent(mirror, "APPEND")
    deposit(mirror, "kept nowhere")
    told(mirror, "MRD-MIR-003")
    wait_until(lambda: [row for row in mirror.ctl("quarantine", "list")["items"] if row["kind"] == "not_kept" and row["retry_at"]],
               "it to wait", 30.0, 0.1)
    assert not appends_in(mirror, 4.0) and sent(mirror, "APPEND") - before <= 4, sent(mirror, "APPEND") - before
    well_again(mirror)
    assert on_dr(mirror) == there + 1
    no_problem_left(mirror)


@cases.add
def a_dr_that_does_not_tell_the_size_of_what_it_stored_gets_it_once(mirror):
    """Its answer to FETCH lacks an item, or comes in two."""
    undisturbed(mirror)
    there, first = on_dr(mirror), next_uid(mirror)
    dr_does(mirror, {"at": "server", "line": r" ?RFC822\.SIZE \d+ ?", "replace": " "})
    deposit(mirror, "of no size", "and of no size")
    wait_until(lambda: on_dr(mirror) >= there + 2, "both on DR", 30.0, 0.1)
    mirror.wait_settled(30)
    assert not appends_in(mirror, 4.0)
    well_again(mirror)
    assert next_uid(mirror) == first + 2, "sent more than once"
    no_problem_left(mirror)


@cases.add
def a_subscription_that_is_refused_holds_nothing_up(mirror):
    undisturbed(mirror)
    there = on_dr(mirror)
    dr_does(mirror, {"at": "client", "line": r"^\S+ SUBSCRIBE ", "answer": "NO [CONTACTADMIN] Not for you"})
    with mirror.store("production").connect(OWNER) as client:
        client.command("CREATE Subscribed")
        client.command("SUBSCRIBE Subscribed")
    wait_until(lambda: not mirror.lab.dr_relay.unused_rules(), "the refusal", 30.0, 0.1)
    deposit(mirror, "beside a refused subscription")
    wait_until(lambda: on_dr(mirror) == there + 1, "the message on DR", 15.0, 0.1)
    well_again(mirror)
    no_problem_left(mirror)


@cases.add
def what_one_store_says_of_one_mailbox_is_told_of_no_store(mirror):
    """Both let others in."""
    undisturbed(mirror)
    dr_does(mirror, {"at": "client", "line": APPEND, "answer": f"NO {THROTTLED}"})
    deposit(mirror, "throttled by DR alone")
    told(mirror, "MRD-IMAP-019")
    about = {(row["kind"], row["object"]) for row in mirror.status()["problems"]}
    well_again(mirror)
    assert about == {("mailbox", OWNER)}, about


# The relay sees the size of the first message alone in a MULTIAPPEND.
ONE_BY_ONE = {"dr": [{"at": "server", "line": r" MULTIAPPEND\b", "replace": ""}], "production": []}


def deadly(side, rule):
    """As one that the server cannot stand, which says BYE or dies of it. It comes in the middle of others, and is known by and by."""
    def case(mirror):
        undisturbed(mirror)
        there, name = on_dr(mirror), f"deadly on {side}"
        first = state_of(mirror, "production")["uidnext"]
        mirror.stop()  # all of it is met in one pass
        deposit(mirror, *(f"before the {name} {number}" for number in range(20)))
        deposit(mirror, name, octets=DEADLY)
        deposit(mirror, *(f"after the {name} {number}" for number in range(20)))
        {"dr": dr_does, "production": production_does}[side](mirror, *ONE_BY_ONE[side], {**rule, "say": ["* BYE Internal error occurred."], "close": True})
        mirror.start()
        wait_until(lambda: on_dr(mirror) == there + 40, "the others on DR", 60.0, 0.2)
        deposit(mirror, f"once the {name} waits")
        wait_until(lambda: on_dr(mirror) == there + 41, "what came later on DR", 30.0, 0.2)
        row, = (row for row in mirror.ctl("quarantine", "list")["items"] if row["kind"] == "not_kept")
        assert row["code"] == "MRD-IMAP-002" and "Internal error" in row["server_text"] and row["retry_at"], row
        tried = appends_in(mirror, 4.0)
        assert tried <= 1, f"{tried} APPENDs in 4 s"  # it waits for 15 s, then for 30
        dr_does(mirror)
        production_does(mirror)
        retry_refused(mirror)
        wait_until(lambda: on_dr(mirror) == there + 42, "all on DR", 30.0, 0.2)
        # It stands behind those that came after it: no server lets us put it before them. So may one of them that DR was
        # still storing when the connection ended.
        with mirror.store("production").connect(OWNER) as client:
            client.select("INBOX")
            client.command(f"UID STORE {first}:* +FLAGS (\\Deleted)")
            client.command("EXPUNGE")
        well_again(mirror)
        no_problem_left(mirror)
    case.__name__ = f"a_message_at_which_{side}_ends_each_connection_holds_nothing_else_up"
    cases.add(case)


SIZE = r"\{7\d{4}\+?\}"
deadly("dr", {"at": "client", "line": APPEND + ".*" + SIZE})
deadly("production", {"at": "server", "line": r"FETCH \(.*BODY\[\] " + SIZE})


@cases.add
def a_single_deadly_message_waits_after_three_sends(mirror):
    undisturbed(mirror)
    there = on_dr(mirror)
    dr_does(mirror, {"at": "client", "line": APPEND + ".*" + SIZE, "say": ["* BYE Internal error occurred."], "close": True})
    before = sent(mirror, "APPEND")
    deposit(mirror, "deadly alone", octets=DEADLY)
    wait_until(lambda: sent(mirror, "APPEND") > before, "the first send", 30.0, 0.1)
    deposit(mirror, "beside the deadly alone")
    wait_until(lambda: on_dr(mirror) == there + 1, "the other on DR", 60.0, 0.2)
    time.sleep(3.0)
    # Three sends of it and one of the other; where the machine is slow another one, after 15 s.
    assert before + 4 <= sent(mirror, "APPEND") <= before + 5, sent(mirror, "APPEND") - before
    expunge(mirror, "deadly alone")
    well_again(mirror)
    no_problem_left(mirror)
    assert not codes(mirror)


@cases.add
def a_message_at_which_the_connection_just_ends_waits_as_well(mirror):
    """After ten sends, since the line may be to blame: five passes of two, which come later and later."""
    undisturbed(mirror)
    there, before = on_dr(mirror), sent(mirror, "APPEND")
    dr_does(mirror, {"at": "client", "line": APPEND + ".*" + SIZE, "close": True})
    deposit(mirror, "deadly in silence", octets=DEADLY)
    wait_until(lambda: sent(mirror, "APPEND") > before, "the first send", 30.0, 0.1)
    deposit(mirror, "beside the deadly in silence")
    wait_until(lambda: on_dr(mirror) == there + 1, "the other on DR", 90.0, 0.2)
    row, = (row for row in mirror.ctl("quarantine", "list")["items"] if row["kind"] == "not_kept")
    assert row["code"] == "MRD-NET-003" and row["attempts"] >= 10, row
    expunge(mirror, "deadly in silence")
    well_again(mirror)
    no_problem_left(mirror)


@cases.add
def a_keyword_that_dr_claims_to_keep_and_drops_is_told_once(mirror):
    """PERMANENTFLAGS has \\*, APPEND and STORE say OK, and FETCH never names it."""
    def dropped():
        return [row for row in mirror.ctl("quarantine", "list")["items"] if (row["kind"], row["wanted"]) == ("flag", "$Dropped")]
    undisturbed(mirror)
    dr_does(mirror, {"at": "server", "line": r"(FETCH \(.*FLAGS \([^)]*?) ?\$Dropped\b", "replace": r"\1"})
    deposit(mirror, "dropped keyword", flags=("\\Flagged", "$Dropped"))
    deposit(mirror, "dropped later")
    told(mirror, "MRD-MIR-002")
    mirror.wait_settled(60)
    change(mirror, "dropped later", "+FLAGS ($Dropped)")
    wait_until(lambda: len(dropped()) == 2, "the second message to be told", 30.0, 0.1)
    assert sent_in(mirror, "UID STORE", 4.0) == 0, "set again and again"
    stores = sent(mirror, "UID STORE")
    for _ in range(2):
        mirror.ctl("resync", OWNER, "--wait", codes=(0, 5))
        mirror.wait_settled(60)
    assert sent(mirror, "UID STORE") == stores, "set again in a complete compare"
    change(mirror, "dropped later", "+FLAGS (\\Answered)")
    wait_until(lambda: b"\\Answered" in flags_of(mirror, "dropped later"), "the other flag on DR", 30.0, 0.1)
    assert len(dropped()) == 2
    # What is copied in a complete compare is told of by it, and stays told.
    mirror.stop()
    deposit(mirror, "dropped in a complete compare", flags=("$Dropped",))
    mirror.start()
    mirror.ctl("resync", OWNER, "--wait", codes=(0, 5))
    mirror.wait_settled(60)
    assert len(dropped()) == 3, dropped()
    expunge(mirror, "dropped in a complete compare")
    wait_until(lambda: len(dropped()) == 2, "nothing of it to wait", 30.0, 0.1)
    # Nobody wants it there any more: nothing of it waits.
    change(mirror, "dropped later", "-FLAGS ($Dropped)")
    mirror.wait_settled(60)
    mirror.ctl("resync", OWNER, "--wait", codes=(0, 5))
    wait_until(lambda: len(dropped()) == 1, "the one that is wanted no more released", 30.0, 0.1)
    # DR keeps it now: tried again, and told no more.
    well_again(mirror)
    wait_until(lambda: not dropped(), "the one that DR keeps released", 30.0, 0.1)
    assert b"$Dropped" in flags_of(mirror, "dropped keyword")
    accept_altered(mirror)


@cases.add
def a_flag_that_dr_does_not_let_go_is_told_once(mirror):
    """As a server does whose ACL lets us set it and not take it away: STORE says OK, and the flag stays."""
    def stays():
        return [row for row in mirror.ctl("quarantine", "list")["items"] if (row["kind"], row["wanted"]) == ("flag", "not \\Flagged")]
    undisturbed(mirror)
    there = on_dr(mirror)
    deposit(mirror, "never let go", flags=("\\Flagged", "\\Seen"))
    wait_until(lambda: on_dr(mirror) == there + 1, "the message on DR", 30.0, 0.1)
    dr_does(mirror, {"at": "client", "line": r"(UID STORE .*FLAGS(?:\.SILENT)? \([^)]+)\)", "replace": r"\1 \\Flagged)"})
    change(mirror, "never let go", "-FLAGS (\\Flagged)")
    told(mirror, "MRD-MIR-002")
    wait_until(lambda: len(stays()) == 1, "the flag to be told", 30.0, 0.1)
    row, = stays()
    assert "\\Flagged" in row["got"] and row["retry_at"], row
    mirror.wait_settled(60)
    stores = sent(mirror, "UID STORE")
    for _ in range(2):
        mirror.ctl("resync", OWNER, "--wait", codes=(0, 5))
        mirror.wait_settled(60)
    assert sent(mirror, "UID STORE") == stores, "taken away again in a complete compare"
    change(mirror, "never let go", "+FLAGS (\\Answered)")
    wait_until(lambda: b"\\Answered" in flags_of(mirror, "never let go"), "the other flag on DR", 30.0, 0.1)
    assert len(stays()) == 1
    well_again(mirror)
    wait_until(lambda: not stays(), "the one that DR lets go released", 30.0, 0.1)
    assert b"\\Flagged" not in flags_of(mirror, "never let go")
    accept_altered(mirror)


@cases.add
def a_flag_that_somebody_takes_away_on_dr_in_our_place_stays_away(mirror):
    """What was wanted is known, though nothing of it was done: what DR then shows is right, and nothing waits for it any more."""
    def waiting():
        return [row["wanted"] for row in mirror.ctl("quarantine", "list")["items"] if row["kind"] == "flag"]
    undisturbed(mirror)
    there = on_dr(mirror)
    deposit(mirror, "let go by hand", flags=("\\Flagged", "\\Seen"))
    wait_until(lambda: on_dr(mirror) == there + 1, "the message on DR", 30.0, 0.1)
    dr_does(mirror, {"at": "client", "line": r"(UID STORE .*FLAGS(?:\.SILENT)? \([^)]+)\)", "replace": r"\1 \\Flagged)"})
    change(mirror, "let go by hand", "-FLAGS (\\Flagged)")
    wait_until(lambda: waiting() == ["not \\Flagged"], "the flag to be told", 30.0, 0.1)
    mirror.wait_settled(60)
    dr_does(mirror)
    change(mirror, "let go by hand", "-FLAGS (\\Flagged)", side="dr")
    deposit(mirror, "beside what was let go by hand")
    wait_until(lambda: not waiting(), "what was done by hand to be seen", 30.0, 0.1)
    mirror.wait_settled(60)
    assert b"\\Flagged" not in flags_of(mirror, "let go by hand"), "set again"
    well_again(mirror)
    accept_altered(mirror)


@cases.add
def a_flag_that_is_refused_beside_a_dropped_one_is_sent_again(mirror):
    """What was refused is sent again, also where the map was wrong about DR's flags, and no later look at DR tells it."""
    undisturbed(mirror)
    there = on_dr(mirror)
    dr_does(mirror, {"at": "server", "line": r"(FETCH \(.*FLAGS \([^)]*?) ?\$Dropped\b", "replace": r"\1"},
            {"at": "client", "line": r"UID STORE .*Answered", "answer": "NO [INUSE] Not now", "times": 1})
    deposit(mirror, "refused beside a dropped", flags=("$Dropped",))
    wait_until(lambda: on_dr(mirror) == there + 1, "the message on DR", 30.0, 0.1)
    mirror.wait_settled(60)
    mirror.stop()  # both are met in one pass: DR's status moves
    change(mirror, "refused beside a dropped", "+FLAGS (\\Answered)")
    deposit(mirror, "beside what is refused once")
    mirror.start()
    wait_until(lambda: b"\\Answered" in flags_of(mirror, "refused beside a dropped"), "the flag that was refused", 45.0, 0.2)
    well_again(mirror)
    accept_altered(mirror)



@cases.add
def a_suspend_in_the_middle_of_a_pass_gives_its_lease_back(mirror):
    """Or the mailbox would have to wait for the lease to run out, a minute after the resume."""
    undisturbed(mirror)
    production_does(mirror, {"at": "server", "line": r"FETCH \(.*BODY\[\]", "stall": 60.0})
    deposit(mirror, "under way when it was suspended")
    wait_until(lambda: not mirror.lab.relay.unused_rules(), "the pass to wait for a body", 30.0, 0.1)
    held = lambda: int(mirror.lab.postgres.sql("select count(*) from lease where until > now()")[0][0])  # noqa: E731
    assert held() == 1
    mirror.ctl("suspend", "--reason", "a test", "--wait")
    left = held()
    production_does(mirror)
    mirror.ctl("resume", "--reason", "a test")
    well_again(mirror)
    assert left == 0, "the lease is still held"


if __name__ == "__main__":
    sys.exit(run(cases, [OWNER, OTHER]))
