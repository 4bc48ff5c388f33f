#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the directories of a lab, production's and DR's, by ldapsearch: entry by entry, value by value.

directories.py --lab DIR [--report report.json] [--least 200]

Every subscriber of production that has the required fields must be on DR, under production's name moved to DR's base, with equal
values of the sixteen fields, octet by octet: their order says nothing, how they are written does.  Nothing else may be on DR but
subscribers that were removed from production (those of the report), and these have no Password.  One whose number was given to
somebody else has made room under a name that begins with "left-"; there are no more of them than the report says.

One line per difference, then one line of JSON.  Exit 0: equal.  1: different.  2: fewer entries on production than --least or than
the report of lab/administration.py says were made, or a kind of change that was never made.
"""

import sys

if __name__ == "__main__":  # as a script, test/ takes the place of test/compare/ on the path
    import pathlib
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

import argparse
import collections
import hashlib
import json
import pathlib

from lab.slapd import Slapd

FIELDS = ("MailboxNumber", "Password", "avUmFindMeEnabled", "umRecordedName", "Community", "ClassNo", "asciiName", "cn", "sn",
          "givenName", "telephoneNumber", "NumericAddress", "Misc1", "Misc2", "Misc3", "Misc4")
REQUIRED = ("MailboxNumber", "Password", "Community", "ClassNo", "cn", "sn", "NumericAddress")
SHOWN_BY_HASH = ("Password", "umRecordedName")


def shown(name, value):
    if name in SHOWN_BY_HASH:
        return f"{len(value)} octets {hashlib.sha256(value).hexdigest()[:12]}"
    return repr(value.decode("utf-8", "backslashreplace"))


def read(server, who):
    """[(name below the base, {attribute: [bytes]})] of all that is below ou=People; attribute names in our spelling."""
    known = {name.lower(): name for name in FIELDS}
    found = []
    for dn, attributes in server.search(who=who):
        if dn.lower() == server.people.lower():
            continue
        if not dn.lower().endswith("," + server.people.lower()):
            raise ValueError(f"{dn} is not below {server.people}")
        below = dn[:-len(server.people) - 1]
        found.append((below, {known.get(name.lower(), name): values for name, values in attributes.items()}))
    return found


def is_subscriber(entry):
    return b"mmsubscriber" in [value.lower() for value in entry.get("objectClass", ())]


def key_of(below, entry):
    return entry.get("MailboxNumber", [below.encode()])[0].decode("utf-8", "backslashreplace")


def by_key(entries):
    """({key: (name, entry)}, keys that more than one entry has)"""
    keyed = [(key_of(below, entry), (below, entry)) for below, entry in entries]
    times = collections.Counter(key for key, _ in keyed)
    return dict(keyed), sorted(key for key, count in times.items() if count > 1)


def complete(entry):
    return all(entry.get(name) for name in REQUIRED)


def diff_values(key, name, a, b):
    """At most one difference a field: [(kind, key, text)]"""
    only_a, only_b = collections.Counter(a) - collections.Counter(b), collections.Counter(b) - collections.Counter(a)
    if not only_a and not only_b:
        return []
    text = "; ".join(f"{side} {', '.join(shown(name, value) for value in sorted(values))}"
                     for side, values in (("only on a", only_a), ("only on b", only_b)) if values)
    if not b:
        return [("attribute-missing", key, f"{name}: {text}")]
    if not a:
        return [("attribute-extra", key, f"{name}: {text}")]
    if not only_a or not only_b:
        return [("values", key, f"{name}: {len(a)} on a, {len(b)} on b: {text}")]
    kind = {"Password": "password", "umRecordedName": "recorded-name"}.get(name, "value")
    return [(kind, key, f"{name}: {text}")]


def compare(a, b, removed=(), given_on=0):
    """The differences between production's entries and DR's, as read() gives them: [(kind, key, text)]"""
    source, double_a = by_key((below, entry) for below, entry in a if is_subscriber(entry))
    target, double_b = by_key(b)
    found = [("double", key, f"more than one entry on {side}") for side, keys in (("a", double_a), ("b", double_b)) for key in keys]
    for key, (below, entry) in sorted(source.items()):
        if not complete(entry):
            continue
        if key not in target:
            found.append(("missing", key, "not on b"))
            continue
        there, copy = target[key]
        if there != below:
            found.append(("name", key, f"{below!r} on a, {there!r} on b"))
        if not is_subscriber(copy):
            found.append(("class", key, "no subscriber on b"))
        for name in FIELDS:
            found += diff_values(key, name, entry.get(name, []), copy.get(name, []))
    containers = {below for below, entry in a if not is_subscriber(entry)}
    for key, (below, entry) in sorted(target.items()):
        if key in source and complete(source[key][1]) or below in containers:
            continue
        if key.startswith("left-") and given_on:
            given_on -= 1
        elif key not in removed:
            why = "waits on a, for a required field" if key in source else "not on a, and nobody removed it there"
            found.append(("extra", key, why))
            continue
        if "Password" in entry:
            found.append(("password-kept", key, "removed on a, and still has a Password on b"))
    return found


def count(entries):
    people = [entry for _, entry in entries if is_subscriber(entry)]
    return {"entries": len(people), "complete": sum(map(complete, people)),
            "passwords": sum("Password" in entry for entry in people),
            "recorded_names": sum("umRecordedName" in entry for entry in people)}


def fewer_than_made(seen, report, least):
    """What is short of the report: "entries 4 of 5"."""
    made = {"entries": max(least, report.get("entries", 0)), "complete": report.get("complete", 0)}
    return ([f"{name} {seen[name]} of {wanted}" for name, wanted in made.items() if seen[name] < wanted]
            + [f"no {kind}" for kind, times in report.get("counts", {}).items() if not times])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lab", required=True, help="the folder of a running lab with directories")
    parser.add_argument("--report", help="JSON of lab/administration.py: what was done, and what production holds")
    parser.add_argument("--least", type=int, default=1, help="so many entries production has at least")
    options = parser.parse_args()
    about = json.loads((pathlib.Path(options.lab) / "lab.json").read_text())
    report = json.loads(pathlib.Path(options.report).read_text()) if options.report else {}
    a, b = (read(Slapd.known(about["directories"][side], about["ca"]), who)
            for side, who in (("production", "reader"), ("dr", "writer")))
    found = compare(a, b, report.get("removed", ()), report.get("given_on", 0))
    for kind, key, text in found:
        print(f"{kind}: {key}: {text}", flush=True)
    seen = count(a)
    short = fewer_than_made(seen, report, options.least)
    if short:
        print(f"fewer: side a shows {', '.join(short)}")
    kinds = collections.Counter(kind for kind, _, _ in found)
    print(json.dumps({"equal": not found, "differences": len(found), "kinds": dict(sorted(kinds.items())), "a": seen, "b": count(b),
                      "changes": report.get("counts", {}), "removed": len(report.get("removed", ())), "fewer": short}))
    return 2 if short else 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
