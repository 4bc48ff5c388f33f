#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The directory mirror between two real slapd servers: what production's administrators do is made true on DR, entry by entry,
and what is doubtful waits.  What both sides hold is read by ldapsearch, never by mirrord."""

import json
import pathlib
import subprocess
import sys
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import subscribers
from lab.ca import Authority
from lab.cases import Cases
from lab.lab import Lab
from lab.line import Line
from lab.mirrord import USER, Mirror, build_folder, toml_text
from lab.process import wait_until
from lab.slapd import LdapError, Slapd

cases = Cases()
COUNT = 60
MIRRORED = ("1001", "1002", "1003")  # subscribers with a mailbox on the message stores
FIELDS = ("MailboxNumber", "Password", "avUmFindMeEnabled", "umRecordedName", "Community", "ClassNo", "asciiName", "cn", "sn", "givenName",
          "telephoneNumber", "NumericAddress", "Misc1", "Misc2", "Misc3", "Misc4")


def side_text(mirror, server, who, port=None):
    name = f"ldap-{server.site}.password"
    mirror.lab.workdir.write(f"{mirror.name}/{name}", server.passwords[who] + "\n", 0o600)
    store = "production" if server.site == "production" else "dr"
    return (f'[store.{store}.directory]\nhost = "localhost"\nport = {port or server.port}\nbind_dn = {toml_text(server.dn(who))}\n'
            f'password_file = "{name}"\nca_file = {toml_text(str(server.authority.cert))}\nbase_dn = {toml_text(server.people)}\n')


def configure(mirror, ports=(None, None), **link):
    """Both directories and the link's mirror of them; `link`: its settings; `ports`: where they are reached, if not at their own."""
    settings = {"scheduled": "off", **link}
    text = mirror.document_text(mirror.lab.mailboxes) + "".join(
        side_text(mirror, server, who, port) for server, who, port in ((mirror.production, "reader", ports[0]), (mirror.dr, "writer", ports[1])))
    text += "[link.dr.directory]\n" + "".join(
        f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    mirror.document.write_text(text)
    mirror.ctl("config", "apply", str(mirror.document))


def run(mirror, *words, codes=(0, 5)):
    return mirror.ctl("directory", "run", *words, codes=codes)


def plan(mirror, codes=(0, 5)):
    """{(kind, key): change} of a plan that changes nothing."""
    before = mirror.dr.writes()
    answer = mirror.ctl("directory", "plan", codes=codes)
    assert mirror.dr.writes() == before, "a plan wrote"
    return {(change["kind"], change["key"]): change for change in answer["items"]}


def fields_of(server):
    return {number: {name: values for name, values in entry.items() if name in FIELDS}
            for number, entry in server.snapshot().items()}


def complete(entry):
    return all(name in entry for name in subscribers.REQUIRED)


def differences(mirror):
    """Where DR is not what production is, as far as production's entries are complete."""
    source, target = fields_of(mirror.production), fields_of(mirror.dr)
    wanted = {number: entry for number, entry in source.items() if complete(entry)}
    lines = [f"{number} is missing" for number in wanted.keys() - target.keys()]
    lines += [f"{number} is too much" for number in target.keys() - wanted.keys()]
    for number in wanted.keys() & target.keys():
        lines += [f"{number}: {name}" for name in FIELDS if wanted[number].get(name) != target[number].get(name)]
    return lines


def assert_equal(mirror):
    lines = differences(mirror)
    assert not lines, lines[:10]


def numbers(mirror, count, skip=()):
    """Complete subscribers that nobody else in this test touches."""
    taken = mirror.__dict__.setdefault("taken", set(MIRRORED))
    found = [number for number, entry in sorted(mirror.production.snapshot().items())
             if complete(entry) and number not in taken and number not in skip][:count]
    taken.update(found)
    assert len(found) == count, found
    return found


def history(mirror, number):
    return mirror.ctl("directory", "history", number)["items"]


@cases.add
def a_plan_shows_what_is_missing_and_writes_nothing(mirror):
    configure(mirror)
    found = plan(mirror, codes=(5,))
    source = mirror.production.snapshot()
    incomplete = {number for number, entry in source.items() if not complete(entry)}
    assert incomplete and {key for kind, key in found if kind == "add"} == set(source), len(found)
    waiting = {key for (_, key), change in found.items() if change["state"] == "waiting"}
    assert waiting == incomplete, (waiting, incomplete)
    row = found["add", sorted(incomplete)[0]]
    assert row["code"] == "MRD-DIR-003" and row["next_step"], row
    shown = {item["name"]: item for item in found["add", "1001"]["attributes"]}
    assert shown["Last Name"]["after"] and "after" not in shown["Password"] and shown["Password"]["differs"], shown
    assert mirror.dr.snapshot() == {}


@cases.add
def the_first_run_fills_dr(mirror):
    run(mirror, codes=(5,))
    assert_equal(mirror)
    assert mirror.production.writes() == {}, mirror.production.writes()
    row = history(mirror, "1001")[0]
    assert row["kind"] == "add" and row["after"]["sn"] and list(row["after"]["Password"][0]) == ["keyed_hash"], row


@cases.add
def a_run_without_a_change_writes_nothing(mirror):
    before = mirror.dr.writes()
    run(mirror)
    status, = mirror.ctl("directory", "status")["items"]
    assert mirror.dr.writes() == before, (mirror.dr.writes(), before)
    assert status["last_plan"]["equal_entries"] == len(mirror.dr.snapshot()), status


@cases.add
def every_kind_of_change_follows_production(mirror):
    changed, password, recorded, renamed, removed, drifted = numbers(mirror, 6)
    server = mirror.production
    server.modify(server.dn_of(changed), [("replace", "sn", ["Neumann"]), ("replace", "Misc1", []), ("replace", "Misc2", ["Room 9"]),
                                          ("add", "telephoneNumber", ["+1 555 9999"])])
    server.modify(server.dn_of(password), [("replace", "Password", ["990017"])])
    server.modify(server.dn_of(recorded), [("replace", "umRecordedName", [b"RIFF\x00\xff" + b"\x55" * 40000])])
    server.modrdn(server.dn_of(renamed), "MailboxNumber=77001")
    server.add(server.dn_of("77002"), {**subscribers.make(1, 9, numbers=["77002"])[0], "NumericAddress": ["77002"]})
    server.delete(server.dn_of(removed))
    mirror.dr.modify(mirror.dr.dn_of(drifted), [("replace", "givenName", ["By hand"])])
    uuids = {number: entry["entryUUID"] for number, entry in mirror.dr.snapshot(("entryUUID",)).items()}

    found = plan(mirror, codes=(5,))
    kinds = sorted(found.keys())
    expected = sorted([("modify", changed), ("modify", password), ("modify", recorded), ("rename", "77001"), ("add", "77002"),
                       ("disable", removed), ("modify", drifted)])
    waiting = [key for key, change in found.items() if change["state"] == "waiting"]
    assert sorted(set(kinds) - set(waiting)) == expected, kinds
    items = {item["name"]: item for item in found["modify", changed]["attributes"]}
    assert items["Last Name"]["after"] == ["Neumann"] and items["Miscellaneous2"]["after"] == ["Room 9"], items
    assert not found["modify", changed]["drift"] and found["modify", drifted]["drift"], "drift is told apart"
    audio, = found["modify", recorded]["attributes"]
    assert audio["after"][0]["octets"] == 40006, audio
    assert found["modify", password]["attributes"] == [
        {"attribute": "Password", "name": "Password", "kind": "password", "drift": False, "differs": True}], found["modify", password]

    run(mirror)
    gone = mirror.dr.snapshot().get(removed)
    assert gone and "Password" not in gone, "disabled: nobody gets in, nothing is lost"
    mirror.dr.delete(mirror.dr.dn_of(removed))  # out of the way of the compare
    assert_equal(mirror)
    after = {number: entry["entryUUID"] for number, entry in mirror.dr.snapshot(("entryUUID",)).items()}
    assert after["77001"] == uuids[renamed], "renamed, not deleted and added"
    row, = [row for row in history(mirror, drifted) if row["kind"] == "modify"]
    assert row["drift"] and row["before"]["givenName"] == ["By hand"], row
    row = [row for row in history(mirror, password) if row["kind"] == "modify"][0]
    assert row["before"]["Password"] != row["after"]["Password"], row


@cases.add
def values_written_differently_are_no_change_unless_asked_for(mirror):
    number, = numbers(mirror, 1)
    entry = mirror.production.snapshot()[number]
    phone = "+1 555 0177"
    mirror.production.modify(mirror.production.dn_of(number), [("replace", "telephoneNumber", [phone]), ("replace", "sn", ["Van  Dam"])])
    run(mirror)
    mirror.dr.modify(mirror.dr.dn_of(number), [("replace", "telephoneNumber", ["+1-555-0177"]), ("replace", "sn", ["van dam"])])
    before = mirror.dr.writes()
    assert ("modify", number) not in plan(mirror), "spelling alone"
    configure(mirror, spelling=True)
    change = plan(mirror)["modify", number]
    assert {item["attribute"]: item.get("spelling") for item in change["attributes"]} == {"telephoneNumber": True, "sn": True}, change
    assert mirror.dr.writes() == before
    run(mirror)
    configure(mirror)
    assert_equal(mirror)
    assert entry["MailboxNumber"] == [number.encode()]


@cases.add
def letters_that_servers_keep_apart_are_a_change(mirror):
    number, = numbers(mirror, 1)
    dn = mirror.production.dn_of(number)
    mirror.production.modify(dn, [("replace", "sn", ["Wei\u00df"])])
    run(mirror)
    mirror.production.modify(dn, [("replace", "sn", ["Weiss"])])
    run(mirror)
    assert mirror.dr.snapshot()[number]["sn"] == [b"Weiss"]


@cases.add
def numbers_that_change_places_are_renames(mirror):
    a, b, c = numbers(mirror, 3)
    uuids = {number: entry["entryUUID"] for number, entry in mirror.dr.snapshot(("entryUUID",)).items()}
    server = mirror.production
    for old, new in ((a, "88000"), (b, a), (c, b), ("88000", c)):
        server.modrdn(server.dn_of(old), f"MailboxNumber={new}")
    assert {key for key in plan(mirror) if key[0] == "rename"} == {("rename", a), ("rename", b), ("rename", c)}
    run(mirror)
    assert_equal(mirror)
    after = {number: entry["entryUUID"] for number, entry in mirror.dr.snapshot(("entryUUID",)).items()}
    assert (after[c], after[a], after[b]) == (uuids[a], uuids[b], uuids[c])


@cases.add
def who_makes_room_goes_to_a_container_that_dr_lacks(mirror):
    """Somebody moves below a container that is new, and somebody else gets his number: in one run."""
    mover, other = numbers(mirror, 2)
    server, east = mirror.production, f"ou=East,{mirror.production.people}"
    uuids = {number: entry["entryUUID"] for number, entry in mirror.dr.snapshot(("entryUUID",)).items()}
    server.add(east, {"objectClass": ["organizationalUnit"], "ou": ["East"]})
    server.modrdn(server.dn_of(mover), "MailboxNumber=88001", new_superior=east)
    server.modrdn(server.dn_of(other), f"MailboxNumber={mover}")
    run(mirror)
    assert_equal(mirror)
    names = {entry["entryUUID"][0]: dn for dn, entry in mirror.dr.search(filter="(objectClass=mmSubscriber)", attrs=("entryUUID",))}
    assert names[uuids[mover][0]] == f"MailboxNumber=88001,ou=East,{mirror.dr.people}", names[uuids[mover][0]]
    assert names[uuids[other][0]] == mirror.dr.dn_of(mover), names[uuids[other][0]]
    server.modrdn(server.dn_of(mover), f"MailboxNumber={other}")
    server.modrdn(f"MailboxNumber=88001,{east}", f"MailboxNumber={mover}", new_superior=server.people)
    run(mirror)
    assert_equal(mirror)


def take_only_digits(server, number_syntax="1.3.6.1.4.1.1466.115.121.1.36", rule="numericString"):
    """From its next start the server takes nothing but digits as a MailboxNumber.  Returns its schema as it was."""
    file = server.folder / "message-mirror.schema"
    before = file.read_text()
    head, name, tail = before.partition("NAME 'MailboxNumber'")
    mine, end, rest = tail.partition("SINGLE-VALUE )")
    mine = mine.replace("1.3.6.1.4.1.1466.115.121.1.15", number_syntax).replace("caseExact", rule)
    server.stop()
    file.write_text(head + name + mine + end + rest)
    server.start()
    return before


@cases.add
def names_in_between_are_digits_where_only_those_are_taken(mirror):
    a, b, gone, heir = numbers(mirror, 4)
    uuids = {number: entry["entryUUID"] for number, entry in mirror.dr.snapshot(("entryUUID",)).items()}
    before = take_only_digits(mirror.dr)
    try:
        server = mirror.production
        for old, new in ((a, "88000"), (b, a), ("88000", b)):
            server.modrdn(server.dn_of(old), f"MailboxNumber={new}")
        server.delete(server.dn_of(gone))
        server.modrdn(server.dn_of(heir), f"MailboxNumber={gone}")
        run(mirror)
        run(mirror)
        there = mirror.dr.snapshot(("entryUUID",))
        assert (there[b]["entryUUID"], there[a]["entryUUID"], there[gone]["entryUUID"]) == (uuids[a], uuids[b], uuids[heir])
        left, = [number for number, entry in there.items() if entry["entryUUID"] == uuids[gone]]
        assert left.isdigit() and "Password" not in there[left], (left, there[left])
        mirror.dr.delete(mirror.dr.dn_of(left))
    finally:
        mirror.dr.stop()
        (mirror.dr.folder / "message-mirror.schema").write_text(before)
        mirror.dr.start()
    run(mirror)
    assert_equal(mirror)


@cases.add
def two_that_want_one_name_come_to_an_end(mirror):
    """Entries named by cn, two of which are called alike now: one gets the name, the other is refused and stays where it is."""
    x, y, z = numbers(mirror, 3)
    server, cn = mirror.production, dict(zip((x, y, z), ("Trio X", "Trio Y", "Trio Z")))
    for number, name in cn.items():
        server.modify(server.dn_of(number), [("replace", "cn", [name]), ("replace", "Misc1", ["trio"])])
    run(mirror)
    for store in ("production", "dr"):
        mirror.ctl("directory", "store", "set", store, "--filter", "(&(objectClass=mmSubscriber)(Misc1=trio))")
    mirror.ctl("directory", "link", "set", "dr", "--rdn-attribute", "cn")
    run(mirror, codes=(0,))
    for number, name in ((y, "Trio W"), (x, "Trio Y"), (z, "Trio Y")):
        server.modify(server.dn_of(number), [("replace", "cn", [name])])
    mirror.ctl("directory", "run", codes=(5,), timeout=30)
    names = {entry["MailboxNumber"][0].decode(): dn for dn, entry in mirror.dr.search(filter="(Misc1=trio)")}
    assert names[y].startswith("cn=Trio W,") and sorted(names[number].split(",")[0] for number in (x, z)) in (
        ["cn=Trio Y", "cn=Trio Z"], ["cn=Trio X", "cn=Trio Y"]), names
    for number, name in cn.items():
        server.modify(server.dn_of(number), [("replace", "cn", [name])])
    run(mirror)
    configure(mirror)
    run(mirror)
    assert_equal(mirror)


@cases.add
def one_refused_entry_does_not_stop_the_rest(mirror):
    blocked, other = "66001", "66002"
    # Of another class, so that no reading shows it; it has the name.
    mirror.dr.add(mirror.dr.dn_of(blocked), {"objectClass": ["device", "extensibleObject"], "cn": ["x"], "MailboxNumber": [blocked]})
    for number in (blocked, other):
        mirror.production.add(mirror.production.dn_of(number),
                              {**subscribers.make(1, int(number), numbers=[number])[0], "NumericAddress": [number]})
    run(mirror, codes=(5,))
    assert other in mirror.dr.snapshot() and blocked not in mirror.dr.snapshot()
    row = mirror.ctl("directory", "show", blocked)["changes"][0]
    assert row["state"] == "refused" and row["code"] == "MRD-DIR-005" and "68" in row["detail"], row
    status, = mirror.ctl("directory", "status")["items"]
    assert "MRD-DIR-005" in {problem["code"] for problem in status["problems"]}, status["problems"]
    mirror.dr.delete(mirror.dr.dn_of(blocked))
    run(mirror)
    assert_equal(mirror)


@cases.add
def who_is_in_the_directory_takes_part(mirror):
    """And a renamed subscriber keeps the mailbox, its map and its messages."""
    configure(mirror, participation_filter="(Misc4=takes part)")
    number, = numbers(mirror, 1)
    server = mirror.production
    server.modify(server.dn_of(number), [("replace", "Misc4", ["takes part"])])
    run(mirror)
    rows = {row["name"]: row for row in mirror.ctl("mailbox", "list")["items"]}
    assert rows[number]["origin"] == "directory" and rows[number]["participates"], rows.get(number)
    ident = rows[number]["id"]
    # Who waits for a required field is not known to DR, and takes no part as yet.
    waits = next(name for name, entry in sorted(server.snapshot().items()) if not complete(entry))
    server.modify(server.dn_of(waits), [("replace", "Misc4", ["takes part"])])
    server.modrdn(server.dn_of(number), "MailboxNumber=77500")
    run(mirror)
    rows = {row["name"]: row for row in mirror.ctl("mailbox", "list")["items"]}
    assert rows["77500"]["id"] == ident and number not in rows, (rows.get("77500"), rows.get(number))
    assert rows["77500"]["participates"] and waits not in rows
    mirror.taken.add("77500")
    server.modify(server.dn_of("77500"), [("replace", "Misc4", ["stays away"])])
    run(mirror)
    assert all(row["participates"] for row in mirror.ctl("mailbox", "list")["items"] if row["name"] == "77500"), "the last one stays"
    configure(mirror)


@cases.add
def a_production_that_shrank_is_held_until_somebody_says_so(mirror):
    victims = numbers(mirror, 15)
    for number in victims:
        mirror.production.delete(mirror.production.dn_of(number))
    changed, = numbers(mirror, 1)
    mirror.production.modify(mirror.production.dn_of(changed), [("replace", "Misc4", ["goes on"])])
    run(mirror, codes=(5,))
    there = mirror.dr.snapshot()
    assert all("Password" in there[number] for number in victims), "nothing was disabled"
    assert there[changed]["Misc4"] == [b"goes on"], "other changes go on"
    status, = mirror.ctl("directory", "status")["items"]
    problem, = [row for row in status["problems"] if row["code"] == "MRD-DIR-002"]
    assert problem["next_step"] and status["last_plan"]["states"]["held"] == 15, status
    assert "MRD-DIR-002" in {row["code"] for row in mirror.status()["problems"]}, "where an administrator looks first"
    run(mirror, codes=(5,))  # and are held by the next one, too
    assert all("Password" in entry for entry in mirror.dr.snapshot().values())
    assert mirror.try_ctl("directory", "apply", "--allow-mass-delete")[0] not in (0, 5), "a release wants a reason"
    # Not what was looked at any more: the settings changed since.
    mirror.ctl("directory", "store", "set", "production", "--filter", "(&(objectClass=mmSubscriber)(cn=*))")
    code, out, err = mirror.try_ctl("directory", "apply", "--allow-mass-delete", "--reason", "they left")
    assert code not in (0, 5) and "MRD-DIR-006" in out + err, (code, out, err)
    configure(mirror)
    run(mirror, codes=(5,))
    mirror.ctl("directory", "apply", "--allow-mass-delete", "--reason", "they left", codes=(0, 5))
    there = mirror.dr.snapshot()
    assert all(number in there and "Password" not in there[number] for number in victims)
    # Their time is over at once: deleted, and not counted a second time.
    configure(mirror, delete_after=0)
    run(mirror)
    assert not set(victims) & set(mirror.dr.snapshot())
    configure(mirror)
    assert_equal(mirror)


@cases.add
def what_production_has_again_is_not_removed(mirror):
    """Between the plan and its application: production is asked once more, by the UUID and by the number."""
    number, = numbers(mirror, 1)
    server, entry = mirror.production, mirror.production.snapshot()[number]
    server.delete(server.dn_of(number))
    assert ("disable", number) in plan(mirror, codes=(5,))
    server.add(server.dn_of(number), {**entry, "objectClass": ["mmSubscriber"]})
    mirror.ctl("directory", "apply", codes=(0, 5))
    assert "Password" in mirror.dr.snapshot()[number]
    row = mirror.ctl("directory", "show", number)["changes"][0]
    assert row["state"] == "unneeded" and "again" in row["detail"], row
    run(mirror)
    assert_equal(mirror)


@cases.add
def a_production_that_shows_nothing_removes_nothing(mirror):
    before = mirror.dr.snapshot()
    configure(mirror, deletions="delete", guard_count=100000, guard_percent=100, guard_shrink_percent=100)
    # It binds, it answers with success, and shows nobody: a wrong filter, an account that lost its rights.
    mirror.ctl("directory", "store", "set", "production", "--filter", "(&(objectClass=mmSubscriber)(Misc1=nobody at all))")
    run(mirror, codes=(5,))
    assert mirror.dr.snapshot() == before
    status, = mirror.ctl("directory", "status")["items"]
    assert "shows no entry" in status["last_plan"]["guard"], status["last_plan"]
    configure(mirror)


@cases.add
def a_number_that_was_given_out_again_goes_to_who_has_it_now(mirror):
    """Somebody left, and somebody else has his number: both in one run, the other one by a rename."""
    gone, other = numbers(mirror, 2)
    server = mirror.production
    uuids = {number: entry["entryUUID"] for number, entry in mirror.dr.snapshot(("entryUUID",)).items()}
    server.delete(server.dn_of(gone))
    server.modrdn(server.dn_of(other), f"MailboxNumber={gone}")
    run(mirror)
    run(mirror)
    there = mirror.dr.snapshot(("entryUUID",))
    assert there[gone]["entryUUID"] == uuids[other], "who has the number now is the one who was renamed"
    left, = [number for number, entry in there.items() if entry["entryUUID"] == uuids[gone]]
    assert left.startswith("left-") and "Password" not in there[left], (left, there[left])
    assert any(row["target_dn"] and "left-" in row["new_dn"] for row in history(mirror, gone) if row["kind"] == "rename"), history(mirror, gone)
    mirror.dr.delete(mirror.dr.dn_of(left))
    assert_equal(mirror)


@cases.add
def who_was_disabled_or_locked_out_stays_out(mirror):
    """Whatever is done on DR by hand; and a password that production takes away is taken away on DR."""
    gone, locked = numbers(mirror, 2)
    server, dr = mirror.production, mirror.dr
    entry = server.snapshot()[gone]
    server.delete(server.dn_of(gone))
    server.modify(server.dn_of(locked), [("replace", "Password", [])])
    run(mirror)
    there = dr.snapshot()
    assert "Password" not in there[gone] and "Password" not in there[locked], (there[gone], there[locked])
    dr.modify(dr.dn_of(gone), [("replace", "Password", ["123456"])])
    run(mirror)
    assert "Password" not in dr.snapshot()[gone]
    row = [row for row in history(mirror, gone) if row["kind"] == "disable"][0]
    assert row["drift"], row
    server.add(server.dn_of(gone), {**entry, "objectClass": ["mmSubscriber"]})
    server.modify(server.dn_of(locked), [("replace", "Password", ["654321"])])
    run(mirror)
    assert_equal(mirror)


@cases.add
def a_name_changed_on_dr_by_hand_is_drift(mirror):
    number, = numbers(mirror, 1)
    mirror.dr.modrdn(mirror.dr.dn_of(number), "MailboxNumber=99009")
    change = plan(mirror, codes=(5,))["rename", number]
    assert change["drift"], change
    run(mirror)
    assert_equal(mirror)
    assert [row for row in history(mirror, number) if row["kind"] == "rename"][0]["drift"]


@cases.add
def a_number_of_somebody_new_takes_over_the_entry(mirror):
    """Deleted and made anew under one number, between two runs: another entryUUID, the same key."""
    number, = numbers(mirror, 1)
    server = mirror.production
    entry = server.snapshot()[number]
    server.delete(server.dn_of(number))
    server.add(server.dn_of(number), {**entry, "objectClass": ["mmSubscriber"], "sn": ["Another"], "Password": ["555123"]})
    run(mirror)
    assert_equal(mirror)


@cases.add
def two_entries_with_one_number_are_left_alone(mirror):
    number, other = numbers(mirror, 2)
    server, before = mirror.production, mirror.dr.snapshot()
    # Not below ou=People itself: the name is another one, the number the same.
    server.add(f"ou=More,{server.people}", {"objectClass": ["organizationalUnit"], "ou": ["More"]})
    entry = server.snapshot()[other]
    server.add(f"MailboxNumber={number},ou=More,{server.people}", {**entry, "objectClass": ["mmSubscriber"], "MailboxNumber": [number]})
    run(mirror, codes=(5,))
    assert mirror.dr.snapshot() == before
    row = mirror.ctl("directory", "show", number)["changes"][0]
    assert row["code"] == "MRD-DIR-004", row
    server.delete(f"MailboxNumber={number},ou=More,{server.people}")
    # In a container of its own, with a number of its own: the container is made on DR.
    server.add(f"MailboxNumber=70707,ou=More,{server.people}", {**entry, "objectClass": ["mmSubscriber"], "MailboxNumber": ["70707"]})
    run(mirror)
    dn, = [dn for dn, _ in mirror.dr.search(filter="(MailboxNumber=70707)")]
    assert ",ou=More," in dn, dn
    assert_equal(mirror)
    server.delete(f"MailboxNumber=70707,ou=More,{server.people}")
    run(mirror)
    mirror.dr.delete(dn)


@cases.add
def a_field_that_is_hidden_from_the_reader_is_not_erased(mirror):
    """The account loses the right to read one attribute: on every entry it looks empty."""
    before = mirror.dr.snapshot()
    assert sum("umRecordedName" in entry for entry in before.values()) > 5
    mirror.ctl("directory", "store", "set", "production", "--bind-dn", mirror.production.dn("half"), "--secret-file", "-",
               stdin=mirror.production.passwords["half"])
    run(mirror, codes=(5,))
    assert mirror.dr.snapshot() == before
    status, = mirror.ctl("directory", "status")["items"]
    assert "Recorded Name" in status["last_plan"]["guard"], status["last_plan"]
    configure(mirror)
    run(mirror)
    assert_equal(mirror)


@cases.add
def a_limit_on_production_is_no_end_of_its_directory(mirror):
    before = mirror.dr.snapshot()
    mirror.production.set_limits({"reader": "size.soft=20 size.hard=20 size.prtotal=20"})
    try:
        run(mirror, codes=(5,))
        assert mirror.dr.snapshot() == before
        status, = mirror.ctl("directory", "status")["items"]
        assert "limits" in status["last_plan"]["incomplete"] and "MRD-DIR-001" in {p["code"] for p in status["problems"]}, status
    finally:
        mirror.production.set_limits({})
    run(mirror)
    assert_equal(mirror)


@cases.add
def a_limit_for_one_search_alone_loses_no_change(mirror):
    """What was seen before the limit ended the first search is read again by pages, changes included."""
    mirror.production.set_limits({"reader": "size.soft=20 size.hard=20 size.prtotal=unlimited"})
    try:
        people = sorted(number for number, entry in mirror.production.snapshot().items() if complete(entry))
        for number in people:
            mirror.production.modify(mirror.production.dn_of(number), [("replace", "Misc3", ["by pages"])])
        run(mirror)
        assert_equal(mirror)
    finally:
        mirror.production.set_limits({})


@cases.add
def a_directory_that_is_away_fails_the_run_and_nothing_else(mirror):
    before = mirror.dr.writes()
    mirror.production.stop()
    try:
        code, out, err = mirror.try_ctl("directory", "run")
        assert code not in (0, 5) and "MRD-NET" in out + err, (code, out, err)
        for problems in (mirror.status()["problems"], mirror.ctl("directory", "status")["items"][0]["problems"]):
            assert any(row["code"] == "MRD-NET-001" and row["next_step"] for row in problems), problems
    finally:
        mirror.production.start()
    assert mirror.dr.writes() == before
    run(mirror)
    assert_equal(mirror)


@cases.add
def a_directory_killed_in_the_middle_of_its_answer_loses_nothing(mirror):
    """SIGKILL while the entries come, on either side: who was not seen is not believed gone, and the next run sees all."""
    spoken = {number for number, entry in mirror.production.snapshot().items() if "umRecordedName" in entry}
    number, = numbers(mirror, 1, skip=spoken)  # a small one: what is read stays as long as it was, but for little
    with Line(mirror.production.port) as first, Line(mirror.dr.port) as second:
        configure(mirror, (first.port, second.port), deletions="delete")
        run(mirror)
        plan(mirror)
        begin = first.octets, second.octets
        plan(mirror)
        whole = first.octets - begin[0], second.octets - begin[1]
    mirror.production.delete(mirror.production.dn_of(number))
    for side, server in enumerate((mirror.production, mirror.dr)):
        before, writes = mirror.dr.snapshot(), mirror.dr.writes()
        try:
            with Line(server.port, whole[side] - 4000, server.kill) as line:
                configure(mirror, (line.port, None) if side == 0 else (None, line.port), deletions="delete")
                code, out, err = mirror.try_ctl("directory", "run")
                assert line.ended and code not in (0, 5) and "MRD-NET-003" in out + err, (line.ended, code, out, err)
        finally:
            server.start()
        assert mirror.dr.snapshot() == before and mirror.dr.writes() == writes, server.site
    configure(mirror, deletions="delete")
    run(mirror)
    assert number not in mirror.dr.snapshot()
    assert_equal(mirror)
    configure(mirror)


@cases.add
def what_a_kill_interrupts_the_next_life_finishes(mirror):
    """Every change is in the history once, whatever its answer's fate was."""
    configure(mirror, operations_per_second=40, window_size=8)
    people = sorted(number for number, entry in mirror.production.snapshot().items() if complete(entry))
    for number in people:
        mirror.production.modify(mirror.production.dn_of(number), [("replace", "Misc3", ["round two"])])
    begin = mirror.dr.writes()["MOD"]
    mirror.ctl("directory", "run", "--no-wait")
    wait_until(lambda: mirror.dr.writes()["MOD"] >= begin + 8, "the first changes on DR", 30.0, 0.05)
    mirror.kill()
    mirror.start()
    wait_until(lambda: not differences(mirror), "both directories equal", 60.0, 0.3)
    wait_until(lambda: not mirror.ctl("directory", "status")["items"][0]["running"], "the run's end", 30.0)
    for number in people:
        rows = [row for row in history(mirror, number) if row["kind"] == "modify"
                and (row["after"].get("Misc3") == ["round two"] or row["reason"].startswith("the answer"))]
        assert len(rows) == 1, (number, rows)
    configure(mirror)


@cases.add
def suspended_nothing_is_sent_and_a_run_begins_anew(mirror):
    configure(mirror, operations_per_second=20, window_size=4)
    people = sorted(number for number, entry in mirror.production.snapshot().items() if complete(entry))
    for number in people:
        mirror.production.modify(mirror.production.dn_of(number), [("replace", "Misc3", ["round three"])])
    begin = mirror.dr.writes()["MOD"]
    mirror.ctl("directory", "run", "--no-wait")
    wait_until(lambda: mirror.dr.writes()["MOD"] >= begin + 4, "the first changes on DR", 30.0, 0.05)
    mirror.ctl("suspend", "--reason", "test")
    wait_until(lambda: mirror.status()["site"]["state"] == "suspended", "the site suspended", 15.0)
    sent = mirror.dr.writes()
    time.sleep(1.5)
    assert mirror.dr.writes() == sent, "written while suspended"
    assert mirror.try_ctl("directory", "run")[0] not in (0, 5)
    mirror.ctl("resume", "--reason", "test")
    wait_until(lambda: not differences(mirror), "both directories equal", 60.0, 0.3)
    wait_until(lambda: not mirror.ctl("directory", "status")["items"][0]["running"], "the run's end", 30.0)
    configure(mirror)


@cases.add
def a_run_comes_by_itself(mirror):
    number, = numbers(mirror, 1)
    mirror.production.modify(mirror.production.dn_of(number), [("replace", "Misc3", ["by the clock"])])
    configure(mirror, scheduled="apply", interval_seconds=2, jitter_seconds=0)
    wait_until(lambda: mirror.dr.snapshot()[number].get("Misc3") == [b"by the clock"], "the scheduled run", 30.0, 0.2)
    configure(mirror)


@cases.add
def the_map_renames_sets_and_transforms(mirror):
    number, = numbers(mirror, 1)
    fields = [{"source": "MailboxNumber"}, {"source": "cn"}, {"source": "Password", "kind": "password", "required": True},
              *({"source": name, "required": True} for name in subscribers.REQUIRED if name != "Password"),
              {"source": "telephoneNumber", "target": "Misc1", "transforms": ["digits", "prefix:tel "]},
              {"target": "Misc2", "constant": ["of the mirror"]}, {"source": "Misc3", "default": "none given"}]
    mirror.production.modify(mirror.production.dn_of(number), [("replace", "telephoneNumber", ["+1 (555) 0142"])])
    mapping = mirror.lab.workdir.write(f"{mirror.name}/map.json", json.dumps(fields))
    mirror.ctl("directory", "link", "set", "dr", "--map-file", str(mapping))
    run(mirror)
    entry = mirror.dr.snapshot()[number]
    assert entry["Misc1"] == [b"tel 15550142"] and entry["Misc2"] == [b"of the mirror"] and entry["Misc3"], entry
    unknown = mirror.lab.workdir.write(f"{mirror.name}/unknown.json", json.dumps(fields + [{"source": "umRecordName"}]))
    mirror.ctl("directory", "link", "set", "dr", "--map-file", str(unknown))
    before = mirror.dr.writes()
    code, out, err = mirror.try_ctl("directory", "run")
    assert code not in (0, 5) and "MRD-DIR-009" in out + err and mirror.dr.writes() == before, (code, out, err)
    wrong = mirror.lab.workdir.write(f"{mirror.name}/wrong.json", json.dumps([{"sorce": "sn"}]))
    code, out, err = mirror.try_ctl("directory", "link", "set", "dr", "--map-file", str(wrong))
    assert code not in (0, 5) and 'did you mean "source"' in out + err, (code, out, err)
    empty = mirror.lab.workdir.write(f"{mirror.name}/empty.json", "[]")
    mirror.ctl("directory", "link", "set", "dr", "--map-file", str(empty))
    run(mirror, codes=(5,))  # fields that become empty on so many entries wait
    mirror.ctl("directory", "apply", "--allow-mass-delete", "--reason", "the map was taken back", codes=(0, 5))
    assert_equal(mirror)


def external_text(mirror, server, who, authority):
    """As side_text, with a client certificate (RFC 4422 appendix A) in place of DN and password."""
    files = []
    for number, file in enumerate(authority.issue(f"mirror-{who}")):
        files.append(mirror.lab.workdir.write(f"{mirror.name}/{authority.folder.name}-{who}.{number}.pem", file.read_text(), 0o600, USER))
    lines = [line for line in side_text(mirror, server, who).splitlines() if not line.startswith(("bind_dn", "password_file"))]
    return "\n".join([*lines, 'bind_method = "external"', f"certificate_file = {toml_text(str(files[0]))}",
                      f"key_file = {toml_text(str(files[1]))}"]) + "\n"


def configure_external(mirror, authority):
    text = mirror.document_text(mirror.lab.mailboxes)
    text += external_text(mirror, mirror.production, "reader", authority) + external_text(mirror, mirror.dr, "writer", authority)
    mirror.document.write_text(text + '[link.dr.directory]\nscheduled = "off"\n')
    mirror.ctl("config", "apply", str(mirror.document))


@cases.add
def a_client_certificate_is_a_login(mirror):
    number, = numbers(mirror, 1)
    configure_external(mirror, mirror.lab.authority)
    for value in ("by certificate", "and over a resumed session"):
        mirror.production.modify(mirror.production.dn_of(number), [("replace", "Misc1", [value])])
        run(mirror)
        assert_equal(mirror)
    configure_external(mirror, Authority(mirror.lab.workdir.folder("another-ca")))
    code, out, err = mirror.try_ctl("directory", "run")
    assert code not in (0, 5) and "MRD-NET-003" in out + err and "client certificate" in out + err, (code, out, err)
    configure(mirror)
    run(mirror)


@cases.add
def who_reads_production_cannot_write_there(mirror):
    try:
        mirror.production.modify(mirror.production.dn_of("1001"), [("replace", "Misc1", ["written"])], who="reader")
        raise AssertionError("the reader may write")
    except LdapError as refused:
        assert refused.code == 50, refused


@cases.add
def no_password_is_in_the_database_or_the_log(mirror):
    dump = subprocess.run([mirror.lab.postgres.bin / "pg_dump", "--no-owner", "--dbname", mirror.dsn], capture_output=True, text=True,
                          check=True, user=USER, group=USER, extra_groups=[]).stdout
    dump += pathlib.Path(mirror.log).read_text(errors="replace")
    secrets = {entry["Password"][0].decode() for entry in mirror.production.snapshot().values() if "Password" in entry}
    secrets |= set(mirror.production.passwords.values()) | set(mirror.dr.passwords.values())
    # Short ones are parts of other numbers; these are long enough to be nobody else's.
    found = [secret for secret in secrets if len(secret) >= 9 and secret in dump]
    assert len([secret for secret in secrets if len(secret) >= 9]) > 5 and not found, found


def by_certificate(site):
    """Lines of slapd.conf: whom the authority calls mirror-NAME is the identity NAME."""
    return f'TLSVerifyClient try\nauthz-regexp "^cn=mirror-([a-z]+)$" "cn=$1,dc={site},dc=example"'


def main(only=""):
    with Lab(build_folder(), MIRRORED, fsync=False) as lab, Mirror(lab) as mirror:
        people = subscribers.make(COUNT, 4, incomplete=0.08, numbers=MIRRORED)
        for person in people[:3]:
            for name in subscribers.REQUIRED:
                person.setdefault(name, [b"1"])
        mirror.production = Slapd(lab.workdir, "production", lab.authority, user="mmprod", fsync=False,
                                  identities={"reader": "read", "half": "read"}, extra=by_certificate("production"))
        mirror.production.hidden = {"half": ["umRecordedName"]}
        mirror.production.up(people)
        mirror.dr = Slapd(lab.workdir, "dr", lab.authority, user="mmdr", fsync=False, extra=by_certificate("dr")).up()
        try:
            return cases.run(mirror, only)
        finally:
            mirror.production.stop()
            mirror.dr.stop()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
