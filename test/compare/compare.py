#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares two stores, or one store with what it must hold, mailbox by mailbox, message by message.

compare.py --a HOST:PORT --b HOST:PORT --login-file-a F --login-file-b F --ca F --mailboxes FILE [--counts FILE]
compare.py --a HOST:PORT --login-file-a F --ca F --expected state.json

Compared: folders, subscriptions, special-use, and for each folder the sequence by UID of (SHA-256 of
the bytes, INTERNALDATE, flags without \\Recent, keywords).  With --expected also every UID and UIDVALIDITY.

One line per difference, then one line of JSON.  Exit 0: equal.  1: different.  2: fewer mailboxes,
folders or messages seen on the first side than --counts (or the expected state) says were made, or a
mailbox there could not be read.
"""

import sys

if __name__ == "__main__":  # as a script, test/ takes the place of test/compare/ on the path
    import pathlib
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

import argparse
import collections
import concurrent.futures
import json
import pathlib
import threading
import time

from compare.differ import Difference, diff_expected, diff_mailboxes
from compare.reader import read_mailbox
from lab.imapwire import WireError
from lab.state import State, Store


class Side:
    """One store; counts what was seen of it."""

    def __init__(self, name, store):
        self.name, self.store = name, store
        self.seen = collections.Counter({"mailboxes": 0, "folders": 0, "messages": 0, "bytes": 0})
        self.lock = threading.Lock()

    def read(self, owner):
        """(Mailbox, None) or (None, the reason why not)."""
        try:
            client = self.store.connect(owner)
            try:
                box = read_mailbox(client, owner)
                client.logout()
            finally:
                client.close()
        except (WireError, OSError) as error:
            return None, f"{type(error).__name__}: {error}"
        with self.lock:
            self.seen.update({"mailboxes": 1, "folders": len(box.folders), "messages": box.message_count(),
                              "bytes": sum(message.size for folder in box.folders.values()
                                           for message in folder.messages)})
        return box, None


def compare_mailbox(owner, a, b, expected, greetings, readers, part_b=None):
    """The differences of one mailbox; its two sides are read at the same time."""
    sides = [a] if b is None else [a, b]
    results = list(readers.map(lambda side: side.read(owner), sides))
    found = [Difference("unreadable", owner, "", f"side {side.name}: {reason}")
             for side, (box, reason) in zip(sides, results) if box is None]
    if found:
        return found
    if expected is not None:
        found += diff_expected(owner, expected.mailboxes[owner], expected.separator, results[0][0])
    if b is not None:
        copy = results[1][0].renamed(part_b) if part_b else results[1][0]
        found += diff_mailboxes(owner, results[0][0], copy, greetings)
    return found


def compare(a, b, owners, expected=None, connections=3, greetings=("Greetings",), report=print, part_b=None):
    """Compares all mailboxes; (differences, summary).  `part_b`: what a component of a folder's name on side b stands for."""
    begin, found = time.monotonic(), []
    side_a, side_b = Side("a", a), Side("b", b) if b else None
    with concurrent.futures.ThreadPoolExecutor(connections * 2) as readers, \
            concurrent.futures.ThreadPoolExecutor(connections) as pool:
        work = pool.map(lambda owner: compare_mailbox(owner, side_a, side_b, expected, greetings, readers, part_b),
                        owners)
        for differences in work:
            for difference in differences:
                report(difference.line())
            found += differences
    kinds = collections.Counter(difference.kind for difference in found)
    summary = {"equal": not found, "differences": len(found), "kinds": dict(sorted(kinds.items())),
               "a": dict(side_a.seen), "seconds": round(time.monotonic() - begin, 2)}
    if side_b:
        summary["b"] = dict(side_b.seen)
    return found, summary


def fewer_than_made(seen, counts):
    """What is short of the counts: "messages 4 of 5"."""
    return [f"{name} {seen[name]} of {counts[name]}" for name in ("mailboxes", "folders", "messages")
            if name in counts and seen[name] < counts[name]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for side in "ab":
        parser.add_argument(f"--{side}", required=side == "a", metavar="HOST:PORT")
        parser.add_argument(f"--login-file-{side}", required=side == "a")
        parser.add_argument(f"--ca-{side}")
    parser.add_argument("--ca", help="PEM file both certificates are verified against")
    parser.add_argument("--mailboxes", help="file, one owner a line")
    parser.add_argument("--counts", "--expect-json", dest="counts", help="JSON: mailboxes, folders, messages made")
    parser.add_argument("--expected", help="lab.state JSON of what side a must hold")
    parser.add_argument("--connections", type=int, default=3)
    parser.add_argument("--greetings-folder", default="Greetings")
    parser.add_argument("--json", help="write the summary here too")
    options = parser.parse_args()
    if not options.b and not options.expected:
        parser.error("--b or --expected is needed")
    expected = State.load(options.expected) if options.expected else None
    if options.mailboxes:
        owners = [line for line in pathlib.Path(options.mailboxes).read_text().splitlines() if line]
    else:
        owners = sorted(expected.mailboxes) if expected else parser.error("--mailboxes is needed")
    counts = json.loads(pathlib.Path(options.counts).read_text()) if options.counts else {}
    counts = counts.get("counts", counts)
    if expected:
        counts = {name: max(value, counts.get(name, 0)) for name, value in expected.counts().items()}
        unknown = [owner for owner in owners if owner not in expected.mailboxes]
        if unknown:
            parser.error(f"{unknown[0]} is not in {options.expected}")
    a = Store(options.a, options.ca_a or options.ca, options.login_file_a)
    b = Store(options.b, options.ca_b or options.ca, options.login_file_b) if options.b else None
    found, summary = compare(a, b, owners, expected, options.connections, (options.greetings_folder,),
                             lambda line: print(line, flush=True))
    short = fewer_than_made(summary["a"], counts)
    if short or not owners:
        summary["fewer"] = short
        print(f"fewer: side a shows {', '.join(short) or 'no mailbox'}")
    print(json.dumps(summary))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(summary) + "\n")
    return 2 if short or not owners else 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
