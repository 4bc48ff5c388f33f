#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fills a store with sample mailboxes, quickly and the same for the same seed.

fill.py --lab DIR --mailboxes 100 --messages 5000 --bytes 400M --seed 7 --state state.json --counts counts.json

Prints a count per kind; a kind with 0 is an error.  Appends with MULTIAPPEND and LITERAL+ over several connections.
"""

import sys

if __name__ == "__main__":  # as a script, test/ takes the place of test/lab/ on the path
    import pathlib
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

import argparse
import collections
import concurrent.futures
import json
import math
import pathlib
import random
import re
import time

from lab import imapwire, samples
from lab.state import State, Store, message_row

BATCH_MESSAGES, BATCH_BYTES = 64, 4_000_000
# What a message of a kind without a size of its own weighs, for the byte target.
_TYPICAL = {"fax": 326_000, "voice_3mb": samples.LARGEST, "voice_20kb": samples.SMALLEST, "no_message_id": 11_000,
            "malformed_mime": 6_000, "big_header": 32_000, "greeting": 40_000}
_WEIGHTS = {"voice_ulaw": 30, "voice_alaw": 18, "voice_gsm": 12, "text": 18, "fax": 2, "malformed_mime": 3,
            "header_8bit": 3, "bare_lf": 2, "duplicate": 3, "no_message_id": 3, "keyword": 2, "date_1970": 1,
            "date_zone": 2, "empty_body": 1}


def plan(owners, messages, total_bytes, seed):
    """{owner: {"folders": {path: [(kind, size)]}, "greetings": [...]}}: where each message goes."""
    rng = random.Random(f"{seed} plan")
    boxes = {owner: {"folders": {samples.INBOX: []}, "greetings": []} for owner in owners}
    for number, path in enumerate(samples.FOLDERS.values()):
        boxes[owners[number % len(owners)]]["folders"][path] = []
    # Two names that differ only in case belong side by side.
    twin = boxes[owners[0]]["folders"]
    twin[samples.FOLDERS["case"]], twin[samples.FOLDERS["case_twin"]] = [], []
    for number, owner in enumerate(owners):
        for path in rng.sample(list(samples.FOLDERS.values()), 2):
            boxes[owner]["folders"].setdefault(path, [])
        boxes[owner]["folders"].setdefault(("Empty",), [])
        recorded = len(samples.GREETING_TYPES) if number == 0 else rng.randrange(0, 5)
        boxes[owner]["greetings"] = list(samples.GREETING_TYPES[:recorded])
    greetings = sum(len(box["greetings"]) for box in boxes.values())
    # Every kind at least once, all 26 keywords in the first INBOX; the rest by weight.
    must = [kind for kind in samples.MESSAGE_KINDS if kind != "keyword"] * max(1, messages // 1000)
    placed = [(owners[0], samples.INBOX, "keyword")] * max(2, min(26, messages // 20))
    kinds = must + rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()),
                               k=max(0, messages - greetings - len(must) - len(placed)))
    rng.shuffle(kinds)
    for number, kind in enumerate(kinds):
        owner = owners[number % len(owners)]
        paths = [path for path in boxes[owner]["folders"] if path != ("Empty",)]
        placed.append((owner, samples.INBOX if rng.random() < 0.6 else rng.choice(paths), kind))
    sized = _sizes([kind for _, _, kind in placed] + ["greeting"] * greetings, total_bytes, rng)
    for (owner, path, kind), size in zip(placed, sized):
        boxes[owner]["folders"][path].append((kind, size))
    return boxes


def _sizes(kinds, total_bytes, rng):
    """Sizes of voice so that the whole comes to about `total_bytes`, each from 20 KB to 3 MB."""
    free = [number for number, kind in enumerate(kinds) if kind in ("voice_ulaw", "voice_alaw", "voice_gsm")]
    weights = {number: math.exp(rng.gauss(0, 0.9)) for number in free}
    left = total_bytes - sum(_TYPICAL.get(kind, 1_000) for number, kind in enumerate(kinds) if number not in weights)
    scale = max(0, left) / max(1, sum(weights.values()))
    for _ in range(20):
        sizes = {number: min(samples.LARGEST, max(samples.SMALLEST, int(weight * scale)))
                 for number, weight in weights.items()}
        scale *= max(0.2, min(5, left / max(1, sum(sizes.values())))) if left > 0 else 0
    return [sizes.get(number, samples.SMALLEST) for number in range(len(kinds))]


class Filler:
    def __init__(self, store, seed, connections=4):
        self.store, self.seed, self.connections = store, seed, connections
        self.state = State()
        self.kinds = collections.Counter()

    def run(self, boxes):
        with concurrent.futures.ThreadPoolExecutor(self.connections) as pool:
            for kinds in pool.map(lambda item: self.fill_mailbox(*item), boxes.items()):
                self.kinds.update(kinds)
        return self.state

    def messages_of(self, owner, path, wanted, rng):
        """The samples of a folder, one at a time."""
        marks = [number for number, (kind, _) in enumerate(wanted) if kind == "keyword"]
        share = math.ceil(len(samples.KEYWORDS) / max(1, len(marks)))
        last = None
        for number, (kind, size) in enumerate(wanted):
            if kind == "duplicate":
                # Byte-identical with its neighbour; every second one also in date and flags.
                last = last or samples.make("voice_ulaw", rng)
                sample = samples.Sample(kind, last.body, last.flags, last.keywords, last.when, last.zone)
                if rng.random() < 0.5:
                    sample.flags, sample.when = ("\\Flagged",), max(0, last.when - 60)
            else:
                sample = samples.make(kind, rng, size)
            if kind == "keyword" and path == samples.INBOX and len(marks) > 1:
                part = marks.index(number) * share
                sample.keywords = tuple(sorted(samples.KEYWORDS[part:part + share])) or sample.keywords
            last = sample
            yield sample

    def fill_mailbox(self, owner, box):
        rng = random.Random(f"{self.seed} {owner}")
        client = self.store.connect(owner)
        separator = client.list(pattern=b'""')[0][1]
        # Folders the server made by itself (special-use) belong to what it holds.
        there = [name for name, _, attributes in client.list() if "\\Noselect" not in attributes]
        self.state.separator = separator
        kinds = collections.Counter()
        folders = {path: wanted for path, wanted in box["folders"].items()}
        named = {path: separator.join(path) for path in [*folders, samples.GREETINGS]}
        # Parents of nested folders are folders too, so that every server lists the same.
        for path in list(named):
            for depth in range(1, len(path)):
                named.setdefault(path[:depth], separator.join(path[:depth]))
        tags = [client.send(b"CREATE " + imapwire.folder_arg(named[path]))
                for path in sorted(named) if named[path] not in there]
        subscribed = sorted(name for name in named.values() if rng.random() < 0.6)
        tags += [client.send(b"SUBSCRIBE " + imapwire.folder_arg(name)) for name in subscribed]
        for tag in tags:
            client.finish(tag, "CREATE or SUBSCRIBE")
        kinds["folder"] += len(named)
        kinds["subscription"] += len(subscribed)
        self.state.mailbox(owner)["subscribed"] = subscribed
        for path, name in named.items():
            if path == samples.GREETINGS:
                source = (samples.greeting(rng, kind) for kind in box["greetings"])
            else:
                source = self.messages_of(owner, path, folders.get(path, []), rng)
            stored = self.fill_folder(client, owner, name, source, kinds)
            kinds["empty_folder"] += stored == 0
        for name in sorted({*named.values(), *there}):
            _, lines = client.command(b"STATUS " + imapwire.folder_arg(name) + b" (UIDVALIDITY)")
            folder = self.state.folder(owner, name)
            folder["uidvalidity"] = int(re.search(rb"UIDVALIDITY (\d+)", b"".join(lines[-1])).group(1))
            if name in there:  # deleted, it would come back with the next login
                folder["auto"] = True
        client.logout()
        return kinds

    def fill_folder(self, client, owner, name, source, kinds):
        folder, batch, size, stored = self.state.folder(owner, name), [], 0, 0
        greeting_types = iter(samples.GREETING_TYPES)

        def flush():
            uids = client.append(name, [(sample.body, [*sample.flags, *sample.keywords],
                                         imapwire.format_date(sample.when, sample.zone)) for sample in batch])
            if len(uids) != len(batch):
                raise imapwire.WireError(f"{owner} {name}: {len(batch)} appended, {len(uids)} UIDs told")
            for uid, sample in zip(uids, batch):
                folder["messages"][uid] = message_row(sample)
                if sample.kind == "greeting":
                    folder["messages"][uid]["greeting"] = next(greeting_types)
                kinds[sample.kind] += 1
            batch.clear()

        for sample in source:
            if batch and (len(batch) >= BATCH_MESSAGES or size + len(sample.body) > BATCH_BYTES):
                flush()
                size = 0
            batch.append(sample)
            size += len(sample.body)
            stored += 1
        if batch:
            flush()
        return stored


def without(boxes, refused_kinds, refused_characters):
    """A plan less the kinds of messages, and the folders with characters in their names, that a store does not take."""
    return {owner: box | {"folders": {path: [item for item in wanted if item[0] not in refused_kinds]
                                      for path, wanted in box["folders"].items()
                                      if not set("".join(path)) & set(refused_characters)}}
            for owner, box in boxes.items()}


def fill(store, owners, messages, total_bytes, seed, connections=4, refused_kinds=(), refused_characters=""):
    """(state, counts per kind)"""
    filler = Filler(store, seed, connections)
    state = filler.run(without(plan(owners, messages, total_bytes, seed), refused_kinds, refused_characters))
    return state, filler.kinds


def print_kinds(title, kinds, wanted):
    """A count per kind; the names of the kinds that have none."""
    print(f"{title}: " + ", ".join(f"{kind} {kinds.get(kind, 0)}" for kind in wanted), flush=True)
    return [kind for kind in wanted if not kinds.get(kind)]


def parse_bytes(text):
    match = re.fullmatch(r"(\d+)([kMG]?)", text)
    if not match:
        raise argparse.ArgumentTypeError("a number with k, M or G")
    return int(match.group(1)) * {"": 1, "k": 10 ** 3, "M": 10 ** 6, "G": 10 ** 9}[match.group(2)]


def add_store_options(parser):
    parser.add_argument("--lab", help="the folder of a running lab: fills its production store")
    parser.add_argument("--store", help="HOST:PORT")
    parser.add_argument("--ca")
    parser.add_argument("--login-file", help="login and password, one a line")
    parser.add_argument("--mailboxes-file", help="one owner a line")
    parser.add_argument("--seed", type=int, default=1)


def store_of(options):
    """(Store, owners) from --lab or from the single options."""
    if options.lab:
        about = json.loads((pathlib.Path(options.lab) / "lab.json").read_text())
        side = about["production"]
        return (Store(f"{side['host']}:{side['port']}", about["ca"], side["filler_login_file"]),
                pathlib.Path(about["mailboxes_file"]).read_text().split())
    return (Store(options.store, options.ca, options.login_file), pathlib.Path(options.mailboxes_file).read_text().split())


ALL_KINDS = (*samples.MESSAGE_KINDS, "greeting", "folder", "empty_folder", "subscription")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_store_options(parser)
    parser.add_argument("--mailboxes", type=int, help="only the first so many")
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("--bytes", type=parse_bytes, default=parse_bytes("20M"))
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--state", help="where to write what the store now holds")
    parser.add_argument("--counts", help="where to write how much that is")
    options = parser.parse_args()
    store, owners = store_of(options)
    owners = owners[:options.mailboxes]
    if options.mailboxes and len(owners) < options.mailboxes:
        sys.exit(f"fill: the store has {len(owners)} mailboxes, not {options.mailboxes}")
    begin = time.monotonic()
    state, kinds = fill(store, owners, options.messages, options.bytes, options.seed, options.connections)
    counts = state.counts()
    print("fill: seed {}, {mailboxes} mailboxes, {folders} folders, {messages} messages, {bytes} bytes in {:.1f} s"
          .format(options.seed, time.monotonic() - begin, **counts))
    absent = print_kinds("fill", kinds, ALL_KINDS)
    if options.state:
        state.save(options.state)
    if options.counts:
        pathlib.Path(options.counts).write_text(json.dumps(counts) + "\n")
    if absent:
        sys.exit(f"fill: no message of kind {', '.join(absent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
