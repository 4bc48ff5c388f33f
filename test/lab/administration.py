#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plays an administrator on production's directory, and somebody who changes DR's by hand: the same sequence for the same seed.

administration.py --lab DIR --report report.json --seconds 90 --rate 3 --seed 7 [--log operations.jsonl]

The report says what production's directory then holds and what was done.  Prints a count per kind; a kind with 0 is an error.
--seconds 0 plays until SIGTERM or SIGINT.  Subscribers with a mailbox of the lab are neither renamed nor removed.
"""

import sys

if __name__ == "__main__":  # as a script, test/ takes the place of test/lab/ on the path
    import pathlib
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

import argparse
import collections
import json
import pathlib
import random
import signal
import time

from lab import fill, subscribers
from lab.slapd import LdapError, Slapd

# How often each kind is played, once every kind has been.  More are added than removed: the mirror's guard is not what is shown.
WEIGHTS = {"add": 12, "modify": 30, "password": 15, "recorded_name": 10, "rename": 10, "delete": 5, "drift": 18}
KINDS = tuple(WEIGHTS)
NO_SUCH_OBJECT, NO_SUCH_ATTRIBUTE = 32, 16
# So many removals between two runs the guard takes for daily work, whatever their share is.
REMOVALS, REMOVALS_IN = 4, 20.0


class Unsuitable(Exception):
    """There is nothing this kind of change applies to."""


class Administrator:
    def __init__(self, production, dr, keep, seed, rate=3.0, log=None):
        """`keep`: mailbox numbers that stay as they are."""
        self.production, self.dr, self.keep, self.rate, self.log = production, dr, set(keep), rate, log
        self.rng = random.Random(f"{seed} administration")
        self.people = production.snapshot()
        self.counts = collections.Counter()
        self.removed, self.used, self.stopped = [], set(self.people), False
        self.once, self.given_on = set(), 0  # who was ever removed; whose number somebody else was given by a rename
        self.removals = collections.deque(maxlen=REMOVALS)

    # --- choosing -------------------------------------------------------------------------------

    def run(self, seconds=None):
        begin = time.monotonic()
        first = list(KINDS)
        self.rng.shuffle(first)
        turn = 0
        while not self.stopped and (not seconds or time.monotonic() - begin < seconds):
            kind = first.pop() if first else self.rng.choices(KINDS, list(WEIGHTS.values()))[0]
            self.play(kind)
            turn = max(turn + 1, int((time.monotonic() - begin - 1.0) * self.rate))  # no bursts after a pause
            while not self.stopped and (left := begin + turn / self.rate - time.monotonic()) > 0:
                time.sleep(min(left, 0.1))
        return self.counts

    def play(self, kind):
        try:
            told = getattr(self, kind)()
        except Unsuitable:
            return
        except LdapError as error:
            # On DR the mirror may just have taken the entry away; on production nobody else writes.
            counted = "missed" if kind == "drift" and error.code in (NO_SUCH_OBJECT, NO_SUCH_ATTRIBUTE) else "refused"
            self.counts[counted] += 1
            print(f"administration: {kind}: {error}", file=sys.stderr, flush=True)
            return
        self.counts[kind] += 1
        if self.log:
            self.log.write(json.dumps({"at": round(time.time(), 4), "kind": kind, **told}) + "\n")

    def pick(self, suits=lambda number, entry: True):
        found = [number for number, entry in sorted(self.people.items()) if suits(number, entry)]
        if not found:
            raise Unsuitable
        return self.rng.choice(found)

    def free(self, number):
        return number not in self.keep

    def new_number(self):
        while True:
            number = str(self.rng.randrange(2000000, 10000000))
            if number not in self.used:
                self.used.add(number)
                return number

    def fresh(self, number, recorded=0.25):
        """Another subscriber with this number, complete, as the server will give it back."""
        person, = subscribers.make(1, self.rng.random(), recorded, numbers=[number])
        return {**person, "NumericAddress": [f"777{len(self.used):03d}{self.rng.randrange(10 ** 6):06d}".encode()]}

    # --- the kinds of change --------------------------------------------------------------------

    def given(self):
        """A number for somebody; sometimes that of one who was removed, and is disabled on DR."""
        if self.removed and self.rng.random() < 0.25:
            return self.removed.pop(self.rng.randrange(len(self.removed)))
        return self.new_number()

    def add(self):
        number = self.given()
        person = self.fresh(number)
        self.production.add(self.production.dn_of(number), person)
        self.people[number] = person
        return {"number": number}

    def change(self, number, values):
        self.production.modify(self.production.dn_of(number), [("replace", name, new) for name, new in values.items()])
        entry = self.people[number]
        for name, new in values.items():
            entry.pop(name, None)
            if new:
                entry[name] = new
        return {"number": number, "attributes": sorted(values)}

    def modify(self):
        number = self.pick()
        person = self.fresh(number)
        names = [name for name in ("sn", "givenName", "cn", "asciiName", "telephoneNumber", "avUmFindMeEnabled", "Community", "ClassNo",
                                   "NumericAddress", "Misc1", "Misc2", "Misc3", "Misc4")
                 if name in person or name in self.people[number] and name not in subscribers.REQUIRED]
        # What an entry lacks of the required stays away: it is what it waits for.
        names = [name for name in names if name not in subscribers.REQUIRED or name in self.people[number]]
        if not self.free(number):  # it says that there is a mailbox
            names.remove("Misc4")
        chosen = self.rng.sample(names, self.rng.randrange(1, 4))
        return self.change(number, {name: person.get(name, []) for name in chosen})

    def password(self):
        number = self.pick(lambda _, entry: "Password" in entry)
        return self.change(number, {"Password": ["".join(self.rng.choices("0123456789", k=self.rng.randrange(3, 16))).encode()]})

    def recorded_name(self):
        number = self.pick()
        gone = "umRecordedName" in self.people[number] and self.rng.random() < 0.25
        return self.change(number, {"umRecordedName": [] if gone else [subscribers.recorded_name(self.rng)]})

    def _rename(self, old, new):
        self.production.modrdn(self.production.dn_of(old), f"MailboxNumber={new}")
        self.people[new] = {**self.people.pop(old), "MailboxNumber": [new.encode()]}

    def rename(self):
        old = self.pick(lambda number, _: self.free(number))
        if self.rng.random() < 0.3:  # two change places
            other = self.pick(lambda number, _: self.free(number) and number != old)
            aside = self.new_number()
            for one, new in ((old, aside), (other, old), (aside, other)):
                self._rename(one, new)
            return {"number": old, "with": other}
        new = self.given()
        self.given_on += new in self.once
        self._rename(old, new)
        return {"number": old, "to": new}

    def delete(self):
        if len(self.removals) == REMOVALS and time.monotonic() - self.removals[0] < REMOVALS_IN:
            raise Unsuitable
        number = self.pick(lambda number, _: self.free(number))
        self.production.delete(self.production.dn_of(number))
        self.removals.append(time.monotonic())
        del self.people[number]
        self.removed.append(number)
        self.once.add(number)
        return {"number": number}

    def drift(self):
        """By hand on DR, which the mirror puts right: a value, one too many, one missing, a password, a name, a whole entry."""
        there = {number: entry for number, entry in self.dr.snapshot().items() if number in self.people}
        if not there:
            raise Unsuitable
        number = self.rng.choice(sorted(there))
        dn = self.dr.dn_of(number)
        kind = self.rng.choice(("value", "value", "extra", "absent", "password", "renamed", "deleted"))
        if kind == "renamed" and self.free(number):
            self.dr.modrdn(dn, f"MailboxNumber={self.new_number()}")
        elif kind == "deleted" and self.free(number):
            self.dr.delete(dn)
        elif kind == "password":
            self.dr.modify(dn, [("replace", "Password", [f"8{self.rng.randrange(10 ** 8)}"])])
        elif kind == "absent" and "givenName" in there[number]:
            self.dr.modify(dn, [("delete", "givenName", [])])
        elif kind == "extra":
            self.dr.modify(dn, [("add", "telephoneNumber", [f"+49 30 {self.rng.randrange(10 ** 6)}"])])
        else:
            kind = "value"
            self.dr.modify(dn, [("replace", "sn", [f"By hand {self.rng.randrange(1000)}"])])
        return {"number": number, "what": kind}

    # --- afterwards -----------------------------------------------------------------------------

    def report(self):
        complete = sum(all(name in entry for name in subscribers.REQUIRED) for entry in self.people.values())
        return {"counts": {kind: self.counts[kind] for kind in KINDS}, "entries": len(self.people), "complete": complete,
                "removed": sorted(self.removed), "given_on": self.given_on}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lab", required=True, help="the folder of a running lab with directories")
    parser.add_argument("--report", required=True, help="where to write what was done and what production then holds")
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--rate", type=float, default=3.0, help="changes a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", help="one JSON line per change")
    options = parser.parse_args()
    about = json.loads((pathlib.Path(options.lab) / "lab.json").read_text())
    production, dr = (Slapd.known(about["directories"][side], about["ca"]) for side in ("production", "dr"))
    log = open(options.log, "w", encoding="utf-8", buffering=1) if options.log else None
    administrator = Administrator(production, dr, pathlib.Path(about["mailboxes_file"]).read_text().split(), options.seed,
                                  options.rate, log)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(administrator, "stopped", True))
    begin = time.monotonic()
    counts = administrator.run(options.seconds or None)
    report = administrator.report()
    pathlib.Path(options.report).write_text(json.dumps(report) + "\n")
    print(f"administration: seed {options.seed}, {sum(report['counts'].values())} changes in {time.monotonic() - begin:.1f} s, "
          f"missed {counts['missed']}, refused {counts['refused']}; production's directory holds {report['entries']} subscribers")
    absent = fill.print_kinds("administration", report["counts"], KINDS)
    if absent and not administrator.stopped:
        sys.exit(f"administration: nothing of kind {', '.join(absent)}")
    return 1 if counts["refused"] else 0


if __name__ == "__main__":
    sys.exit(main())
