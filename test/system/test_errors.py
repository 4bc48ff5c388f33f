#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Wrong password, wrong CA, unreachable host, DR's disk full, over quota: a stable code, and recovery when the cause is gone."""

import pathlib
import random
import subprocess
import sys
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.ca import Authority
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import wait_until

cases = Cases()
OWNERS = ("1001", "1002", "1003", "1004")
QUOTA = 1 << 30
PASSES = "select last_value from lease_epoch"  # every pass takes one


def deposit(mirror, owner, seed, kind="text", size=samples.SMALLEST):
    sample = samples.make(kind, random.Random(seed), size)
    with mirror.store("production").connect(owner) as client:
        client.append("INBOX", [(sample.body, ["\\Seen"], None)])


def store_state(mirror, name):
    return next(store for store in mirror.status()["stores"] if store["name"] == name)


def wait_problem(mirror, kind, name, code, seconds=30.0):
    """The problem with this code, once status shows it: which, why, what to do."""
    def found():
        return [row for row in mirror.status()["problems"] if (row["kind"], row["object"], row["code"]) == (kind, name, code)]
    try:
        wait_until(found, f"{code} of {name}", seconds, 0.1)
    except Exception as error:
        raise AssertionError(f"no {kind} problem {code} of {name}: {mirror.status()['problems']}") from error
    row = found()[0]
    assert row["text"] and row["what"] and row["next_step"], row
    return row


def recovered(mirror, seconds=60):
    mirror.wait_equal(seconds)
    status = mirror.status()
    assert not status["problems"], status["problems"]
    assert all(store["state"] == "up" for store in status["stores"]), status["stores"]


def set_password(mirror, store, password):
    file = mirror.lab.workdir.write("credential", password + "\n", 0o600)
    mirror.ctl("store", "credential", "set", store, "--secret-file", str(file))


def edit(mirror, store, *words):
    mirror.ctl("store", "edit", store, *words)


def password_case(mirror, store, server, relay):
    good = server.passwords["mirror"]
    set_password(mirror, store, "wrong")
    try:
        for owner in OWNERS:
            deposit(mirror, owner, f"{store} wrong password {owner}")
        mirror.ctl("resync", "--all")
        wait_problem(mirror, "store", store, "MRD-IMAP-010")
        wait_until(lambda: store_state(mirror, store)["state"] == "refused", "the store is refused", 20.0, 0.1)
        # An account must not be locked by us: one probe at a time, probe_refused (3 s) apart, whatever waits.
        time.sleep(1)
        before = relay.totals()["totals"].get("AUTHENTICATE", 0)
        time.sleep(7)
        tries = relay.totals()["totals"].get("AUTHENTICATE", 0) - before
        assert 1 <= tries <= 4, f"{tries} logins in 7 s with a refused password"
        assert store_state(mirror, store)["state"] == "refused"
    finally:
        set_password(mirror, store, good)
    recovered(mirror)


@cases.add
def a_wrong_password_of_production_is_one_probe_and_recovers(mirror):
    password_case(mirror, "production", mirror.lab.production, mirror.lab.relay)


@cases.add
def a_wrong_password_of_dr_is_one_probe_and_recovers(mirror):
    password_case(mirror, "dr", mirror.lab.dr, mirror.lab.dr_relay)


@cases.add
def a_wrong_ca_is_told_and_recovers(mirror):
    other = Authority(mirror.lab.workdir.folder("other-ca"))
    edit(mirror, "dr", "--ca-file", str(other.cert))
    try:
        deposit(mirror, "1001", "wrong ca")
        wait_problem(mirror, "store", "dr", "MRD-NET-005")
        assert store_state(mirror, "dr")["state"] in ("down", "refused")
    finally:
        edit(mirror, "dr", "--ca-file", str(mirror.lab.authority.cert))
    recovered(mirror)


@cases.add
def dr_unreachable_loses_nothing_and_recovers(mirror):
    # The relay away is the host away: nothing listens on the store's port.
    mirror.lab.dr_relay.stop()
    try:
        for n in range(3):
            deposit(mirror, "1002", f"dr away {n}")
        wait_problem(mirror, "store", "dr", "MRD-NET-001")
        assert store_state(mirror, "dr")["state"] == "down"
        for n in range(3):
            deposit(mirror, "1003", f"dr still away {n}")
        wait_until(mirror.pending, "what waits is counted", 10.0, 0.1)
    finally:
        mirror.lab.dr_relay.start()
    recovered(mirror)


@cases.add
def production_unreachable_loses_nothing_and_recovers(mirror):
    mirror.lab.relay.stop()
    try:
        for n in range(3):
            deposit(mirror, "1002", f"production away {n}")
        time.sleep(3)  # more than a poll
    finally:
        mirror.lab.relay.start()
    recovered(mirror)


@cases.add
def over_quota_is_of_the_mailbox_and_recovers(mirror):
    mirror.lab.dr.set_quota("1001", 20_000)
    time.sleep(2.5)  # a quota counts from the next login: no warm session of before is left then
    try:
        deposit(mirror, "1001", "over quota", "voice_ulaw", 60_000)
        deposit(mirror, "1002", "not over quota")
        row = wait_problem(mirror, "mailbox", "1001", "MRD-IMAP-013")
        assert "quota" in row["text"].lower(), row
        wait_until(lambda: not mirror.differences(["1002"]), "the other mailbox goes on", 20.0, 0.2)
        assert store_state(mirror, "dr")["state"] == "up"
    finally:
        mirror.lab.dr.set_quota("1001", QUOTA)
    recovered(mirror)


@cases.add
def a_full_disk_of_dr_is_told_and_recovers(mirror):
    filler = mirror.lab.dr.mail / "filler"
    subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=64k"], capture_output=True, check=False)
    try:
        for owner in OWNERS:
            deposit(mirror, owner, f"full disk {owner}", "voice_ulaw", 60_000)
        # Dovecot tells a full disk as a bug of its own, mailbox by mailbox.
        def told():
            return [row for row in mirror.status()["problems"] if row["code"] in ("MRD-IMAP-024", "MRD-IMAP-027")]
        wait_until(told, "a full disk", 30.0, 0.1)
        row = told()[0]
        assert row["text"] and row["what"] and row["next_step"], row
        assert mirror.differences(), "the disk was not full"
    finally:
        filler.unlink()
    recovered(mirror)


@cases.add
def a_statement_that_the_database_refuses_is_told_and_recovers(mirror):
    """By a rule that is none of ours; what the pass did before stays, and no pass follows the other without a pause."""
    mirror.lab.postgres.sql("alter table folder add constraint planted check (source_name <> 'Refused by the database')")
    with mirror.store("production").connect(OWNERS[0]) as client:
        client.command('CREATE "Refused by the database"')
    wait_problem(mirror, "mailbox", OWNERS[0], "MRD-DB-005")
    deposit(mirror, OWNERS[1], "beside it")
    wait_until(lambda: not mirror.differences([OWNERS[1]]), "the other mailbox", 30.0, 0.2)
    before = int(mirror.lab.postgres.sql(PASSES)[0][0])
    time.sleep(3)
    passes = int(mirror.lab.postgres.sql(PASSES)[0][0]) - before
    assert passes <= 20, f"{passes} passes in 3 seconds"
    mirror.lab.postgres.sql("alter table folder drop constraint planted")
    recovered(mirror)


@cases.add
def nothing_came_twice(mirror):
    counts = mirror.status()["counts"]
    assert counts["source_messages"] == counts["target_messages"], counts
    assert counts["quarantined"] == counts["unknown"] == counts["foreign"] == counts["held"] == 0, counts
    log = mirror.log.read_text(errors="replace")
    for server in (mirror.lab.production, mirror.lab.dr):
        assert server.passwords["mirror"] not in log, "a password is in the log"


@cases.add
def production_was_only_read(mirror):
    mirror.assert_production_untouched()


def main():
    with Lab(build_folder(), OWNERS, fsync=False, relay=True, dr_relay=True,
             dr_options={"disk": "24M", "quota": QUOTA}) as lab, Mirror(lab, engine={"idle_session": "1s"}) as mirror:
        for owner in OWNERS:
            deposit(mirror, owner, f"first {owner}")
        mirror.configure()
        mirror.wait_equal(60)
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
