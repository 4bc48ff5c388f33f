#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the lab itself on real servers: what a test relies on must be so.   selftest.py [--dir BUILD_FOLDER] [--only NAME]

Prints a line per check and "N passed, N failed".
"""

import sys

if __name__ == "__main__":  # as a script, test/ takes the place of test/lab/ on the path
    import pathlib
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

import argparse
import contextlib
import http.server
import json
import os
import pathlib
import pwd
import random
import re
import signal
import ssl
import subprocess
import tempfile
import threading
import time
import traceback
import types

from compare import compare, differ
from compare.reader import Folder, Mailbox, Message
from lab import audio, fill, imapwire, samples, subscribers, traffic
from lab.ca import Authority
from lab.dovecot import Dovecot
from lab.lab import Lab
from lab.process import LabError, started_at, tree_of, wait_until
from lab.relay import CommandCounter, RelayProcess
from lab.slapd import ROOT, LdapError, Slapd, ldif_entry, ldif_line, read_ldif
from lab.state import Store

HERE = pathlib.Path(__file__).resolve().parent
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def refused(client, command, words):
    """The command must be answered NO with these words."""
    try:
        client.command(command)
    except imapwire.No as no:
        assert no.status == "NO" and words in no.text, no
        return
    raise AssertionError(f"{command!r} was not refused")


def store(lab, server, login="filler"):
    return Store(f"127.0.0.1:{server.port}", lab.authority.cert, login=login, password=server.passwords[login])


# --- without servers ------------------------------------------------------------------------------


@check
def g711_agrees_with_the_recommendation(_):
    # G.711 tables 1a/1b and 2a/2b: decision values of chosen code words.
    assert [audio.ulaw(value) for value in (0, -1, 32124, -32124, 16, 1000)] == [0xFF, 0x7E, 0x80, 0x00, 0xFD, 0xCE]
    assert [audio.alaw(value) for value in (0, -1, 32256, -32256, 16, 1000)] == [0xD5, 0x55, 0xAA, 0x2A, 0xD4, 0xFA]


@check
def samples_are_the_same_for_the_same_seed(_):
    one, two, other = (samples.make("voice_gsm", random.Random(seed), 50_000, 1_700_000_000) for seed in (1, 1, 2))
    assert one == two and one != other
    owners = ["1", "2", "3"]
    assert fill.plan(owners, 200, 10 ** 7, 5) == fill.plan(owners, 200, 10 ** 7, 5) != fill.plan(owners, 200, 10 ** 7, 6)


@check
def voice_runs_from_20_kb_to_3_mb(_):
    for codec in audio.TAGS:
        for size in (samples.SMALLEST, 500_000, samples.LARGEST):
            body = samples.voice(random.Random(1), codec, size, 0)
            assert abs(len(body) - size) < 1_200, (codec, size, len(body))
            assert b"\0" not in body and b"Multipart/Voice-Message" in body
            assert all(len(line) <= 998 for line in body.split(b"\r\n"))


@check
def folder_names_survive_utf7(_):
    for path in samples.FOLDERS.values():
        name = ".".join(path)
        assert imapwire.decode_name(imapwire.encode_name(name)) == name
    assert imapwire.encode_name("~peter/\u53f0\u5317 & \U0001f4de") == b"~peter/&U,BTFw- &- &2D3c3g-"


@check
def the_counter_never_counts_literals(_):
    counter = CommandCounter()
    dialog = (b"a1 AUTHENTICATE PLAIN\r\nAGEAYg==\r\na2 append INBOX {18+}\r\na3 STORE 1 x\r\n\r\n..{9+}\r\na4 DELETE x\r\n"
              b"a5 UID STORE 1 FLAGS ()\r\na6 IDLE\r\nDONE\r\na7 LOGIN {1+}\r\nx {3}\r\na8 y\r\na9 NOOP\r\n")
    for at in range(0, len(dialog), 3):
        list(counter.feed(dialog[at:at + 3]))
    assert dict(counter.counts) == {"AUTHENTICATE": 1, "APPEND": 1, "UID STORE": 1, "IDLE": 1, "DONE": 1, "LOGIN": 1,
                                    "NOOP": 1}, counter.counts


def _box(digests):
    messages = [Message(uid, digest, 1, 0, frozenset(), frozenset()) for uid, digest in enumerate(digests, 1)]
    return Mailbox({("INBOX",): Folder("INBOX", ("INBOX",), 1, messages)}, frozenset(), True)


@check
def the_differ_names_each_change_once(_):
    for one, two, kinds in (("abcd", "abcd", []), ("abcd", "acd", ["missing"]), ("abcd", "abccd", ["double"]),
                            ("aab", "ab", ["missing"]), ("abcd", "abXcd", ["extra"]), ("abcd", "aXcd", ["bytes"]),
                            ("abcd", "adcb", ["order"]), ("abcdef", "bcdefa", ["order"]), ("", "a", ["extra"]),
                            ("abab", "aabb", ["order"]), ("abcd", "Xbc", ["bytes", "missing"])):
        found = differ.diff_mailboxes("x", _box(one), _box(two))
        assert [difference.kind for difference in found] == kinds, (one, two, found)


@check
def subscribers_are_the_same_for_the_same_seed(_):
    people, other = subscribers.make(40, 1, numbers=("1001",)), subscribers.make(40, 2, numbers=("1001",))
    assert people == subscribers.make(40, 1, numbers=("1001",)) != other
    numbers = [subscribers.number_of(person) for person in people]
    assert numbers[:3] == ["1001", "0421", "421"] and len(set(numbers)) == 40
    addresses = [address.replace(b" ", b"") for person in people for address in person["NumericAddress"]]
    assert len(set(addresses)) == len(addresses)
    assert all(3 <= len(person["Password"][0]) <= 15 for person in people)
    sounds = [person["umRecordedName"][0] for person in people if "umRecordedName" in person]
    assert sounds and all(8192 <= len(sound) <= 65536 and sound.startswith(b"RIFF") for sound in sounds)
    lacking = subscribers.make(40, 1, recorded=0.0, incomplete=0.5)
    assert 5 < sum(any(name not in person for name in subscribers.REQUIRED) for person in lacking) < 35


@check
def ldif_comes_back_as_it_was(_):
    plain = [b"", b"plain", b"a: b", b"x" * 9000]
    coded = [b" led", b"trailed ", b":colon", b"<less", b"\0\xff\r\n", "Z\u00fcrich".encode()]
    assert all(ldif_line("cn", value).startswith(b"cn:: ") == (value in coded) for value in plain + coded)
    values = plain + coded
    printed = ldif_entry("cn=\u00fc,o=x", {"cn": values}) + b"# search result\nsearch: 2\nresult: 4 Size limit exceeded\n\n"
    assert read_ldif(printed) == [([("cn=\u00fc,o=x", {"cn": values})], 4, "Size limit exceeded")]
    assert read_ldif(b"") == [([], None, "")]


@check
def both_forms_of_the_ldap_schema_agree(_):
    text = (ROOT / "etc/ldap/message-mirror.schema").read_text()
    words = re.sub(r"^#.*\n", "", text, flags=re.M).split()
    ldif = re.sub(r"\n ", "", (ROOT / "etc/ldap/message-mirror.ldif").read_text())
    names = {"olcObjectIdentifier:": "objectidentifier", "olcAttributeTypes:": "attributetype", "olcObjectClasses:": "objectclass"}
    _, _, body = ldif.partition("\ncn: message-mirror\n")
    assert [names.get(word, word) for word in body.split()] == words and len(words) > 200


# --- on servers -----------------------------------------------------------------------------------


@check
def postgres_serves_root_and_the_daemon_user(lab):
    query = "select current_user, rolsuper, current_setting('fsync') from pg_roles where rolname = current_user"
    for user in ("root", "mirrord-test"):
        answer = subprocess.run(["psql", "-X", "-A", "-t", lab.postgres.dsn, "-c", query], user=user, cwd="/",
                                env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
        assert answer.stdout == "mirrord|f|on\n", answer
    answer = subprocess.run(["psql", "-X", "-A", "-t", lab.postgres.dsn, "-c", query], user="mmdr", cwd="/",
                            env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert answer.returncode != 0, "another user got in"


@check
def postgres_comes_back_after_stop_and_kill(lab):
    lab.postgres.sql("create table kept as select 1 as one")
    lab.postgres.restart()
    lab.postgres.kill()
    assert not lab.postgres.ready()
    lab.postgres.start()
    assert lab.postgres.sql("select one from kept") == [["1"]]


@check
def each_server_runs_as_its_own_user(lab):
    with store(lab, lab.production).connect("1001"), store(lab, lab.dr).connect("1001"):
        for server in (lab.production, lab.dr):
            uids = {os.stat(f"/proc/{pid}").st_uid for pid in server.session_pids()}
            assert uids == {server.uid} and server.uid != 0, (server.name, uids)


@check
def production_refuses_the_mirror_every_write(lab):
    with store(lab, lab.production).connect("1001") as client:
        client.append("INBOX", [(b"Subject: x\r\n\r\nx\r\n", [], None)])
    with store(lab, lab.production, "mirror").connect("1001") as client:
        refused(client, b"APPEND INBOX {3+}\r\nx\r\n", b"NOPERM")
        refused(client, b"CREATE made", b"NOPERM")
        assert client.select("INBOX")["readonly"]
        before = client.fetch("FLAGS")
        client.command("UID STORE 1:* +FLAGS (\\Deleted \\Seen)")
        client.command("EXPUNGE")
        assert client.fetch("FLAGS") == before != {}
    with store(lab, lab.dr, "mirror").connect("1001") as client:
        assert client.append("INBOX", [(b"Subject: x\r\n\r\nx\r\n", [], None)]) == [1]


@check
def all_ways_to_log_in_work(lab):
    server = lab.production
    authority = lab.authority.cert
    imapwire.Client("127.0.0.1", server.port, authority).login("1001", "pw-1001").logout()
    imapwire.Client("127.0.0.1", server.port, authority).login("1001*mirror", server.passwords["mirror"]).logout()
    imapwire.Client("127.0.0.1", server.plain_port, authority, starttls=True).login("1001", "pw-1001").logout()
    begin = time.monotonic()
    for _ in range(5):
        client = imapwire.Client("127.0.0.1", server.port, authority)
        refused(client, b"LOGIN 1001 wrong", b"AUTHENTICATIONFAILED")
        client.close()
    assert time.monotonic() - begin < 5, "wrong passwords are delayed"
    wrong = Authority(lab.workdir.folder("wrong-ca"), "wrong CA")
    try:
        imapwire.Client("127.0.0.1", server.port, wrong.cert)
    except ssl.SSLCertVerificationError:
        return
    raise AssertionError("a wrong CA was accepted")


@check
def dovecot_offers_what_the_mirror_uses(lab):
    with store(lab, lab.production, "mirror").connect("1001") as client:
        assert {"NOTIFY", "METADATA", "QRESYNC", "MULTIAPPEND", "LITERAL+", "LIST-STATUS", "UIDPLUS",
                "SASL-IR", "SPECIAL-USE"} - {"SPECIAL-USE"} <= client.capabilities
        client.command("ENABLE QRESYNC")
        client.command("NOTIFY SET STATUS (personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))")
    with store(lab, lab.production).connect("1001") as client:
        client.command('SETMETADATA "" (/private/comment "x")')
        assert b"x" in b"".join(client.command('GETMETADATA "" /private/comment')[1][0])


@check
def fill_traffic_and_comparator_agree(lab):
    owners = [f"f{number:02d}" for number in range(6)]
    lab.add_mailboxes(owners)
    where = store(lab, lab.production)
    state, kinds = fill.fill(where, owners, 150, 8_000_000, 9, 2)
    assert not [kind for kind in fill.ALL_KINDS if not kinds[kind]], kinds
    assert not compare_expected(lab, state)
    words = {word for folder in state.mailboxes["f00"]["folders"].values() for row in folder["messages"].values()
             for word in row["keywords"]}
    assert words == set(samples.KEYWORDS)
    player = traffic.Player(where, state, 9, 500.0, 2)
    counts = player.run(operations=500)
    assert not [kind for kind in traffic.KINDS if not counts[kind]], counts
    assert counts["refused"] == counts["uncertain"] == 0
    found = compare_expected(lab, state)
    assert not found, found[:5]
    # A state that claims one flag more is contradicted.
    row = next(row for folder in state.mailboxes["f03"]["folders"].values() for row in folder["messages"].values()
               if "\\Seen" not in row["flags"])
    row["flags"].append("\\Seen")
    assert [difference.kind for difference in compare_expected(lab, state)] == ["flags"]


def compare_expected(lab, state):
    lines = []
    found, _ = compare.compare(store(lab, lab.production, "mirror"), None, sorted(state.mailboxes), state, 2,
                               report=lines.append)
    assert len(lines) == len(found)
    return found


@check
def traffic_survives_lost_connections(lab):
    owners = ["k1", "k2"]
    lab.add_mailboxes(owners)
    where = store(lab, lab.production)
    state, _ = fill.fill(where, owners, 60, 2_000_000, 4, 2)
    player = traffic.Player(where, state, 4, 100.0, 2)
    result = {}
    thread = threading.Thread(target=lambda: result.update(counts=player.run(60.0)))
    thread.start()
    for _ in range(3):
        time.sleep(0.8)
        for pid in lab.production.session_pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    lab.production.restart()
    time.sleep(0.8)
    lab.production.kill()
    lab.production.start()
    time.sleep(1.0)
    player.stop()
    thread.join(240)
    assert result["counts"]["uncertain"] > 0, result
    found = compare_expected(lab, state)
    assert not found, found[:5]


@check
def the_comparator_exits_2_when_it_sees_fewer(lab):
    counts = lab.workdir.write("counts", json.dumps({"mailboxes": 1, "folders": 1, "messages": 1_000_000}))
    owners = lab.workdir.write("one", "1001\n")
    about = lab.workdir.data
    command = [sys.executable, HERE.parent / "compare/compare.py", "--ca", lab.authority.cert, "--a",
               f"127.0.0.1:{lab.production.port}", "--b", f"127.0.0.1:{lab.production.port}", "--login-file-a",
               about / "production.mirror.login", "--login-file-b", about / "production.mirror.login", "--mailboxes"]
    assert subprocess.run([*command, owners], capture_output=True).returncode == 0
    assert subprocess.run([*command, owners, "--counts", counts], capture_output=True).returncode == 2
    nobody = lab.workdir.write("nobody", "no-such-owner\n")
    assert subprocess.run([*command, nobody], capture_output=True).returncode == 1
    assert subprocess.run([*command, nobody, "--counts", counts], capture_output=True).returncode == 2


@check
def the_relay_counts_and_hides(lab):
    hider = RelayProcess(lab.workdir, lab.authority, lab.production, "hider", ("MULTIAPPEND", "LITERAL[+]"), True).start()
    for port in (lab.relay.port, hider.port):
        client = imapwire.Client("127.0.0.1", port, lab.authority.cert).login_for(
            "1002", "filler", lab.production.passwords["filler"])
        client.append("INBOX", [(b"Subject: y\r\n\r\na1 STORE 1 x\r\na2 EXPUNGE\r\n", [], None)] * 2)
        client.select("INBOX", examine=True)
        assert len(client.fetch("BODY.PEEK[]")) >= 2
        hidden = {"MULTIAPPEND", "LITERAL+"} & client.capabilities
        assert not hidden if port == hider.port else len(hidden) == 2
        client.logout()
    for relay in (lab.relay, hider):
        totals = relay.totals()["totals"]
        assert totals == {"APPEND": 1, "AUTHENTICATE": 1, "EXAMINE": 1, "LOGOUT": 1, "UID FETCH": 1}, totals
    log = (hider.wire_log / "00000.log").read_bytes()
    assert b"C: t3 EXAMINE" in log and lab.production.passwords["filler"].encode() not in log


@check
def quota_and_full_disk_are_refusals(lab):
    small = Dovecot(lab.workdir, "small", lab.authority, "sdbox", "mmdr", quota=100_000, disk=4_000_000)
    small.add_mailboxes(["q1", "q2"])
    small.quotas["q2"] = 10 ** 9
    small.up()
    for owner, size, words in (("q1", 90_000, b"OVERQUOTA"), ("q2", 3_000_000, b"SERVERBUG")):
        with store(lab, small).connect(owner) as client:
            body = b"Subject: big\r\n\r\n" + b"x" * size + b"\r\n"
            client.append("INBOX", [(body, [], None)])
            try:
                client.append("INBOX", [(body, [], None)])
            except imapwire.No as no:
                # Of a full disk Dovecot 2.3 says no more than "Internal error".
                assert words in no.text, no
                continue
            raise AssertionError(f"{owner}: the second message was taken")
    small.set_quota("q1", 10 ** 9)
    with store(lab, small).connect("q1") as client:
        client.append("INBOX", [(b"Subject: now\r\n\r\n" + b"x" * 90_000, [], None)])
    small.stop()


@check
def the_event_exporter_posts_changes(lab):
    posts = []

    class Sink(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    server = Dovecot(lab.workdir, "events", lab.authority, "maildir", "mmprod",
                     event_url=f"http://127.0.0.1:{sink.server_port}/")
    server.add_mailboxes(["e1"])
    server.up()
    with store(lab, server).connect("e1") as client:
        client.append("INBOX", [(b"Subject: x\r\n\r\nx\r\n", [], None)])
        client.command("CREATE made")
        client.logout()

    def seen():
        names = {(post["event"], post["fields"].get("cmd_name")) for post in posts}
        return {("auth_request_finished", None), ("imap_command_finished", "APPEND"), ("imap_command_finished", "CREATE"),
                ("mail_user_session_finished", None)} <= names

    wait_until(seen, "the exporter's posts", 5.0)
    assert {post["fields"].get("user") for post in posts if post["event"] == "imap_command_finished"} == {"e1"}
    server.stop()
    sink.shutdown()


@contextlib.contextmanager
def directory(lab, site="production", people=(), **options):
    server = Slapd(lab.workdir, site, lab.authority, **options).up(people)
    try:
        yield server
    finally:
        server.stop()


def ldap_error(action):
    """The LdapError that `action` must end with."""
    try:
        action()
    except LdapError as error:
        return error
    raise AssertionError("an error of LDAP was expected")


@check
def a_dovecot_lets_in_whom_its_directory_knows(lab):
    """Asked anew each time, over TLS to a server it can tell; a trusted login comes in for whoever has an entry."""
    def gets_in(owner, password):
        with imapwire.Client(server.host, server.port, lab.authority.cert) as client:
            try:
                client.login(owner, password)
            except imapwire.WireError as error:
                return str(error)
            client.logout()
        return "in"

    person = {**subscribers.make(1, 1, numbers=["0815"])[0], "Password": [b"0471"]}
    with directory(lab, people=[person], identities={"imap": "read"}) as slapd:
        server = Dovecot(lab.workdir, "asks", lab.authority, directory=slapd).up()
        try:
            assert gets_in("0815", "0471") == "in" and gets_in("0815*filler", server.passwords["filler"]) == "in"
            for owner, password in (("0815", "471"), ("815", "0471"), ("*", "0471"), ("0815)(cn=*", "0471")):
                assert "AUTHENTICATIONFAILED" in gets_in(owner, password), (owner, password)
            assert gets_in("815*filler", server.passwords["filler"]) != "in"
            slapd.modify(slapd.dn_of("0815"), [("replace", "Password", ["0472"])])
            assert gets_in("0815", "0472") == "in" and "AUTHENTICATIONFAILED" in gets_in("0815", "0471")
            slapd.modify(slapd.dn_of("0815"), [("delete", "Password", [])])
            assert all("AUTHENTICATIONFAILED" in gets_in("0815", password) for password in ("0472", "0471", " "))
            assert gets_in("0815*filler", server.passwords["filler"]) == "in"
            slapd.delete(slapd.dn_of("0815"))
            assert gets_in("0815*filler", server.passwords["filler"]) != "in"
            slapd.add(slapd.dn_of("0815"), person)
            assert gets_in("0815", "0471") == "in"
            server.stop()
            other = Authority(lab.workdir.folder("other-ca"))
            server.directory = types.SimpleNamespace(authority=other, **{name: getattr(slapd, name) for name in (
                "tls_uri", "dn", "passwords", "people")})
            server.write_config()
            server.start()
            assert gets_in("0815", "0471") != "in", "whoever answers is believed"
        finally:
            server.stop()


@check
def a_directory_keeps_every_octet(lab):
    people = subscribers.make(30, 3)
    as_kept = {subscribers.number_of(person): {name: sorted(values) for name, values in person.items()} for person in people}
    sound = bytes(range(256)) * 200
    with directory(lab, people=people) as server:
        assert os.stat(f"/proc/{server.process.pid}").st_uid == pwd.getpwnam("mmprod").pw_uid
        assert server.snapshot() == as_kept
        asked = server.writes()
        server.add(server.dn_of("00815"), {"objectClass": ["mmSubscriber"], "MailboxNumber": ["00815"], "cn": ["Zo\u00eb  X "],
                                           "umRecordedName": [sound]})
        assert server.search(filter="(MailboxNumber=00815)", attrs=["umRecordedName", "cn"]) == [
            (server.dn_of("00815"), {"umRecordedName": [sound], "cn": ["Zo\u00eb  X ".encode()]})]
        server.modify(server.dn_of("00815"), [("replace", "umRecordedName", [sound[::-1]]), ("add", "Misc1", [":1"]),
                                              ("delete", "cn", ["zo\u00eb x"]), ("add", "cn", ["Y"])])
        before = server.snapshot(["entryUUID"])["00815"]
        server.modrdn(server.dn_of("00815"), "MailboxNumber=815")
        after = server.snapshot(["entryUUID"])["815"]
        assert after == before | {"MailboxNumber": [b"815"]}
        assert after["umRecordedName"] == [sound[::-1]] and after["Misc1"] == [b":1"] and after["cn"] == [b"Y"]
        server.delete(server.dn_of("815"))
        server.kill()
        server.start()
        assert server.snapshot() == as_kept
        assert server.writes() - asked == {"ADD": 1, "MOD": 1, "MODRDN": 1, "DEL": 1}


@check
def the_reader_cannot_write_and_the_writer_only_below_people(lab):
    people = subscribers.make(3, 4)
    one, fresh = subscribers.number_of(people[0]), subscribers.make(5, 4)[4]
    with directory(lab, people=people, identities={"reader": "read", "writer": "write"}) as server:
        dn, fresh_dn = server.dn_of(one), server.dn_of(subscribers.number_of(fresh))
        for action in (lambda: server.add(fresh_dn, fresh, "reader"), lambda: server.delete(dn, "reader"),
                       lambda: server.modify(dn, [("replace", "sn", ["X"])], "reader"),
                       lambda: server.modrdn(dn, "MailboxNumber=7", who="reader"),
                       lambda: server.delete(server.dn("reader"), "writer"),
                       lambda: server.modify(server.people, [("replace", "description", ["X"])], "writer"),
                       lambda: server.modify(dn, [("replace", "Password", ["1"])], "writer", tls=False)):
            assert ldap_error(action).code == 50
        server.add(fresh_dn, fresh, "writer")
        server.modify(dn, [("replace", "Password", ["0123"])], "writer")
        assert len(server.snapshot()) == 4 and server.snapshot()[one]["Password"] == [b"0123"]
        server.delete(fresh_dn, "writer")


@check
def nobody_reads_a_password_without_tls(lab):
    people = subscribers.make(20, 5, recorded=0.5)
    with directory(lab, people=people, identities={"reader": "read", "writer": "write"}) as server:
        for who in ("reader", "writer"):
            for tls, expected in ((True, 20), (False, 0)):
                found = server.search(filter="(objectClass=mmSubscriber)", who=who, tls=tls)
                assert len(found) == 20 and sum("Password" in attributes for _, attributes in found) == expected, (who, tls)
                assert [entry for entry in found if "umRecordedName" in entry[1]]
            guess = f"(Password={people[0]['Password'][0].decode()})"
            assert server.search(filter=guess, who=who) and not server.search(filter=guess, who=who, tls=False)
        assert ldap_error(lambda: server.search(who=None)).code == 32
        assert server.search(base="", scope="base", who=None)
        server.workdir.write(f"{server.name}/reader.password", "wrong", 0o600)
        assert ldap_error(lambda: server.search(who="reader")).code == 49


@check
def size_limits_end_a_search_and_the_last_page(lab):
    subscribers_only = "(objectClass=mmSubscriber)"
    with directory(lab, people=subscribers.make(60, 6, recorded=0.0), limits={"reader": "size.soft=25 size.hard=25"}) as server:
        stopped = ldap_error(lambda: server.search(filter=subscribers_only, who="reader"))
        assert stopped.code == 4 and len(stopped.entries) == 25
        assert len(server.search(filter=subscribers_only)) == 60
        # What a search may have and what its pages may have in all are limits of their own.
        server.set_limits({"reader": "size.soft=unlimited size.hard=unlimited size.prtotal=25"})
        assert len(server.search(filter=subscribers_only, who="reader")) == 60
        pages = server.pages(10, filter=subscribers_only, who="reader")
        assert [(code, len(entries)) for code, entries in pages] == [(0, 10), (0, 10), (4, 5)]
        server.set_limits({"reader": "size.soft=25 size.hard=25 size.prtotal=unlimited"})
        pages = server.pages(25, filter=subscribers_only, who="reader")
        assert [(code, len(entries)) for code, entries in pages] == [(0, 25), (0, 25), (0, 10)]


@check
def a_directory_killed_or_paused_in_a_search_is_an_error(lab):
    people = subscribers.make(300, 7, recorded=1.0)
    with directory(lab, people=people) as server:
        running = server.begin_search(who="reader")
        server.kill()
        broken = ldap_error(running.finish)
        assert broken.code == -1 and 0 < len(broken.entries) < 300, (broken, len(broken.entries))
        assert ldap_error(server.search).code == -1
        server.start()
        running = server.begin_search(who="reader")
        server.pause()
        assert not server.answers(0.2)
        server.resume()
        assert len(running.finish()) == 301 and len(server.snapshot()) == 300


@check
def the_command_cleans_up_even_when_killed(lab):
    folder = lab.workdir.folder("inner")
    for number in (signal.SIGTERM, signal.SIGKILL):
        subprocess.run([HERE / "lab.py", "up", "--dir", folder, "--detach", "--mailboxes", "2", "--production-format",
                        lab.production.fmt, "--dr-format", lab.dr.fmt], check=True, stdout=subprocess.DEVNULL)
        about = json.loads((folder / "lab.json").read_text())
        pids = [about["pid"], *tree_of(about["pid"])]
        started = {pid: started_at(pid) for pid in pids}
        assert len(pids) > 10
        if number == signal.SIGTERM:
            subprocess.run([HERE / "lab.py", "down", "--dir", folder], check=True)
            assert not pathlib.Path(about["sockets"]).exists() and not pathlib.Path(about["root"]).exists()
        else:
            os.kill(about["pid"], number)
        wait_until(lambda: not [pid for pid in pids if started[pid] and started_at(pid) == started[pid]],
                   f"the lab's processes to go after {number.name}", 15.0)
        if number == signal.SIGKILL:
            subprocess.run(["rm", "-r", about["sockets"], about["root"]], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", default=tempfile.gettempdir())
    parser.add_argument("--only", help="a part of the check's name")
    parser.add_argument("--production-format", default="maildir")
    parser.add_argument("--dr-format", default="sdbox")
    options = parser.parse_args()
    passed = failed = 0
    with Lab(options.dir, ("1001", "1002"), relay=True, production_format=options.production_format,
             dr_format=options.dr_format) as lab:
        for function in CHECKS:
            if options.only and options.only not in function.__name__:
                continue
            begin = time.monotonic()
            try:
                function(lab)
                passed += 1
                word = "ok  "
            except (AssertionError, LabError, imapwire.WireError, OSError, subprocess.SubprocessError, KeyError):
                traceback.print_exc()
                failed += 1
                word = "FAIL"
            print(f"{word} {function.__name__.replace('_', ' ')} ({time.monotonic() - begin:.1f} s)", flush=True)
        left = [lab.workdir.root, lab.workdir.sockets]
        pids = {pid: started_at(pid) for pid in tree_of(os.getpid())}
    remains = [path for path in left if path.exists()] + [pid for pid, when in pids.items() if when and started_at(pid) == when]
    mounts = [line for line in pathlib.Path("/proc/mounts").read_text().splitlines() if str(left[0]) in line]
    clean = not remains and not mounts
    print(f"{'ok  ' if clean else 'FAIL'} nothing is left behind {remains or ''} {mounts or ''}")
    print(f"{passed + clean} passed, {failed + (not clean)} failed")
    return 0 if failed == 0 and clean else 1


if __name__ == "__main__":
    sys.exit(main())
