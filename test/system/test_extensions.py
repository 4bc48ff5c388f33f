#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each IMAP extension, with and without: a capability-hiding relay stands before each real Dovecot; the wire logs say which
commands were sent, the comparator that the end state is the same. One mailbox for each case."""

import pathlib
import random
import re
import sys
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder, writes_in
from lab.relay import RelayProcess

cases = Cases()
MESSAGES = 5


def deposit(client, folder, seeds, kind="text"):
    client.append(folder, [(samples.make(kind, random.Random(str(seed))).body, [], None) for seed in seeds])


def fill(mirror, owner):
    with mirror.store("production").connect(owner) as client:
        deposit(client, "INBOX", [f"{owner} {n}" for n in range(MESSAGES)])
        client.command("CREATE Kept")
        deposit(client, "Kept", [owner])


def change(mirror, owner):
    """Every kind of change once, so that what an extension does for it is on the wire."""
    with mirror.store("production").connect(owner) as client:
        deposit(client, "INBOX", [f"{owner} later"])
        client.select("INBOX")
        client.command("UID STORE 1 +FLAGS (\\Flagged)")
        client.command("UID STORE 2 +FLAGS (\\Deleted)")
        client.command("EXPUNGE")
        client.command("RENAME Kept Renamed")
        client.command("CREATE Fresh")
        client.command("SUBSCRIBE Fresh")


class Wire:
    """What went over one relay: the lines of the client and of the server, connection by connection."""

    def __init__(self, relay):
        self.connections = [log.read_text(encoding="utf-8", errors="replace").splitlines()
                            for log in sorted(relay.wire_log.glob("*.log"))]
        self.client = [line[3:] for lines in self.connections for line in lines if line.startswith("C: ")]
        self.server = [line[3:] for lines in self.connections for line in lines if line.startswith("S: ")]

    def sent(self, pattern):
        """Client lines (tag in front) that hold this, whatever its case."""
        return [line for line in self.client if re.search(pattern, line, re.IGNORECASE)]

    def must(self, *patterns):
        for pattern in patterns:
            assert self.sent(pattern), f"never sent: {pattern}\n" + self.commands()

    def never(self, *patterns):
        for pattern in patterns:
            assert not self.sent(pattern), f"sent: {self.sent(pattern)[:3]}"

    def commands(self):
        return ", ".join(sorted({" ".join(line.split()[1:3]) for line in self.client}))


class Site:
    """Puts relays that hide capabilities before both stores, adds a mailbox, copies it, changes it, compares."""

    def __init__(self, mirror):
        self.mirror, self.count = mirror, 0

    def run(self, hide=(), body=None):
        mirror, lab = self.mirror, self.mirror.lab
        self.count += 1
        owner = f"x{self.count:02}"
        mirror.stop()
        for name, server in (("relay", lab.production), ("dr_relay", lab.dr)):
            if getattr(lab, name):
                getattr(lab, name).stop()
            setattr(lab, name, RelayProcess(lab.workdir, lab.authority, server, f"{name}-{self.count}", hide=hide, wire_log=True).start())
        lab.add_mailboxes([owner])
        fill(mirror, owner)
        mirror.start()
        mirror.configure()
        mirror.wait_equal(60)
        change(mirror, owner)
        mirror.wait_equal(60)
        if body:
            body(owner)
        mirror.stop()  # the logs are whole when nobody writes them any more
        production, dr = Wire(lab.relay), Wire(lab.dr_relay)
        writes = writes_in(lab.relay.totals()["totals"])
        assert not writes, f"commands that write reached production: {writes}"
        mirror.start()
        return production, dr


@cases.add
def everything_offered_is_used_and_nothing_hidden_is_missed(mirror):
    """One run with all of it: the commands of every extension that the cases below take away one by one."""
    production, dr = mirror.site.everything = mirror.site.run()
    production.must(r" NOTIFY SET ", r" ENABLE QRESYNC", r"LIST .*STATUS \(", r"LIST .*SPECIAL-USE", r"EXAMINE .*QRESYNC", r" UNSELECT")
    production.never(r" IDLE$", r"^\S+ STATUS ", r" LSUB ")
    dr.must(r" UID EXPUNGE ", r"\{\d+\+\}$", r"LIST .*STATUS \(", r"^ \(")
    dr.never(r"^\S+ EXPUNGE$", r"\{\d+\}$")


def everything(mirror):
    if not hasattr(mirror.site, "everything"):
        mirror.site.everything = mirror.site.run()
    return mirror.site.everything


@cases.add
def without_notify_idle_watches(mirror):
    # Longer than watch_poll: IDLE is left for the poll of the other folders.
    production, _ = mirror.site.run(["NOTIFY"], lambda owner: time.sleep(4))
    production.never(r" NOTIFY ")
    production.must(r" IDLE$", r"^DONE")


@cases.add
def without_notify_and_idle_the_poll_sees_it(mirror):
    production, _ = mirror.site.run(["NOTIFY", "IDLE"])
    production.never(r" NOTIFY ", r" IDLE$")
    assert len(production.sent(r"LIST .*STATUS \(")) >= 3


@cases.add
def without_qresync_condstore_serves(mirror):
    production, dr = mirror.site.run(["QRESYNC"])
    for side in (production, dr):
        side.never(r"QRESYNC", r"VANISHED")
    production.must(r" ENABLE CONDSTORE", r"HIGHESTMODSEQ")


@cases.add
def without_condstore_the_flags_are_listed(mirror):
    for side in mirror.site.run(["QRESYNC", "CONDSTORE"]):
        side.never(r"QRESYNC", r"CONDSTORE", r"CHANGEDSINCE", r"HIGHESTMODSEQ", r" ENABLE ")
        side.must(r"UID FETCH .*FLAGS")


@cases.add
def without_enable_nothing_is_enabled(mirror):
    for side in mirror.site.run(["ENABLE"]):
        side.never(r" ENABLE ", r"\(QRESYNC")


@cases.add
def without_uidplus_copies_are_looked_up_and_exactly_one_is_deleted(mirror):
    _, dr = mirror.site.run(["UIDPLUS"])
    dr.never(r" UID EXPUNGE ")
    dr.must(r"^\S+ EXPUNGE$")


@cases.add
def without_literal_plus_every_literal_is_asked_for(mirror):
    _, dr = mirror.site.run([r"LITERAL\+", "LITERAL-"])
    dr.never(r"\{\d+\+\}$")
    dr.must(r"\{\d+\}$")
    assert any(line.startswith("+ ") for line in dr.server)


@cases.add
def without_multiappend_each_message_is_a_command(mirror):
    _, dr = mirror.site.run(["MULTIAPPEND"])
    dr.never(r"^ \(")
    assert len(dr.sent(r" APPEND ")) >= MESSAGES + 2, len(dr.sent(r" APPEND "))
    _, all_dr = everything(mirror)
    assert len(all_dr.sent(r" APPEND ")) < MESSAGES + 2, all_dr.sent(r" APPEND ")


@cases.add
def without_list_status_each_folder_is_asked(mirror):
    production, _ = mirror.site.run(["LIST-STATUS"])
    production.never(r"LIST .*STATUS \(")
    production.must(r"^\S+ STATUS \S+ \(")


@cases.add
def without_list_extended_lsub_tells_subscriptions(mirror):
    production, dr = mirror.site.run(["LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE"])
    for side in (production, dr):
        side.never(r"RETURN \(")
        side.must(r" LSUB ")


@cases.add
def without_special_use_it_is_not_asked_for(mirror):
    for side in mirror.site.run(["SPECIAL-USE", "CREATE-SPECIAL-USE"]):
        side.never(r"SPECIAL-USE", r" CREATE .*USE")


@cases.add
def without_unselect_a_failed_examine_serves(mirror):
    for side in mirror.site.run(["UNSELECT"]):
        side.never(r" UNSELECT", r"^\S+ CLOSE$")
    production, _ = mirror.site.run(["UNSELECT"])
    production.must(r"EXAMINE .*nothing-is-selected")


def asked_for_credentials(wire):
    """Connections in which the server had to say "+" before the login was answered."""
    found = 0
    for lines in wire.connections:
        logged_in = next((n for n, line in enumerate(lines) if re.match(r"S: \S+ OK .*Logged in", line)), 0)
        found += any(line.startswith("S: +") for line in lines[:logged_in])
    return found


@cases.add
def without_sasl_ir_the_server_asks_for_the_credentials(mirror):
    for side in everything(mirror):
        assert asked_for_credentials(side) == 0
    for side in mirror.site.run(["SASL-IR"]):
        assert asked_for_credentials(side) >= 1


def store_test_of(mirror):
    return lambda _: [mirror.ctl("store", "test", store) for store in ("production", "dr")]


@cases.add
def namespace_and_id_are_asked_by_the_store_test_where_offered(mirror):
    for side in mirror.site.run(body=store_test_of(mirror)):
        side.must(r" NAMESPACE$", r"^\S+ ID ")
    for side in mirror.site.run(["NAMESPACE", "ID"], store_test_of(mirror)):
        side.never(r" NAMESPACE", r"^\S+ ID ")


@cases.add
def esearch_gives_uids_as_ranges_where_offered(mirror):
    """The scratch folder of a store test is searched."""
    _, dr = mirror.site.run(body=store_test_of(mirror))
    dr.must(r"SEARCH RETURN \(ALL\)")
    _, dr = mirror.site.run(["ESEARCH"], store_test_of(mirror))
    dr.never(r"SEARCH RETURN")
    dr.must(r"UID SEARCH ")


@cases.add
def rfc_3501_alone_is_enough(mirror):
    every = ["NOTIFY", "IDLE", "QRESYNC", "CONDSTORE", "ENABLE", "UIDPLUS", r"LITERAL\+", "LITERAL-", "MULTIAPPEND", "ESEARCH",
             "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "CREATE-SPECIAL-USE", "UNSELECT", "SASL-IR", "NAMESPACE", "ID", "CHILDREN",
             "METADATA", "MOVE", "BINARY", "CONTEXT=SEARCH"]
    production, dr = mirror.site.run(every)
    production.never(r" NOTIFY ", r" IDLE$", r" ENABLE ", r"RETURN \(", r"QRESYNC", r"CONDSTORE")
    dr.never(r" UID EXPUNGE ", r"\{\d+\+\}$", r"^ \(")


def main():
    special = {"special_use": {"Sent": "\\Sent"}}  # Dovecot offers SPECIAL-USE where some folder has one
    with Lab(build_folder(), (), fsync=False, production_options=special, dr_options=special) as lab, \
            Mirror(lab, profile="generic") as mirror:
        mirror.site = Site(mirror)
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
