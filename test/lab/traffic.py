#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plays live traffic on a filled store: every kind of change, the same sequence for the same seed.

traffic.py --lab DIR --state state.json --seconds 90 --rate 20 --seed 7 [--log operations.jsonl]

Carries the state on: afterwards the file says what the store must hold, to every UID and flag.  Prints a
count per kind; a kind with 0 is an error.  --seconds 0 plays until SIGTERM or SIGINT.  A lost connection
is no error: the mailbox is read again and counted as "uncertain", since its last change may have been made.
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
import re
import signal
import threading
import time

from compare.reader import read_mailbox
from lab import fill, imapwire, samples
from lab.state import State, message_row

# How often each kind is played, once every kind has been.
WEIGHTS = {"deposit": 30, "read": 18, "flag": 8, "unflag": 5, "keyword": 7, "keyword_removed": 3, "delete": 9,
           "move": 7, "greeting_recorded": 3, "greeting_replaced": 4, "greeting_removed": 2, "folder_created": 3,
           "folder_renamed": 2, "folder_deleted": 2, "subscribe": 2, "unsubscribe": 2}
KINDS = tuple(WEIGHTS)
NEW_NAMES = ("Projekt \u00fc", "New \U0001f4c1", 'Said "so"', "a & b", "50% off*", "back\\up", "\u65b0\u3057\u3044", "Plain")
SESSIONS_PER_WORKER = 8


class Unsuitable(Exception):
    """The mailbox at hand has nothing this kind of change applies to."""


class Worker:
    """Plays on mailboxes of its own, over at most SESSIONS_PER_WORKER connections."""

    def __init__(self, number, owners, store, state, seed, player):
        self.owners, self.store, self.state, self.player = owners, store, state, player
        self.rng = random.Random(f"{seed} traffic {number}")
        self.sessions = collections.OrderedDict()  # owner -> [client, selected folder]
        self.counts = collections.Counter()
        self.left = None  # how many changes to go; None: no limit
        self.deleted_names = []

    # --- choosing -------------------------------------------------------------------------------

    def play(self):
        first = list(KINDS)
        self.rng.shuffle(first)
        while not self.player.ended() and self.left != 0:
            self.left = None if self.left is None else self.left - 1
            kind = first.pop() if first else self.rng.choices(KINDS, list(WEIGHTS.values()))[0]
            self.player.pace()
            if self.player.ended():
                break
            self.play_one(kind)
        for client, _ in self.sessions.values():
            client.logout()

    def play_one(self, kind):
        """One change of this kind in the first mailbox, in random order, that it applies to."""
        for owner in self.rng.sample(self.owners, len(self.owners)):
            try:
                told = getattr(self, kind)(owner)
            except Unsuitable:
                continue
            except imapwire.No as refusal:
                self.counts["refused"] += 1
                print(f"traffic: {owner} {kind}: {refusal}", file=sys.stderr, flush=True)
                self.adopt(owner)
                return
            except (imapwire.WireError, OSError):
                self.counts["uncertain"] += 1
                self.adopt(owner)
                return
            self.counts[kind] += 1
            self.player.record(kind, owner, told)
            return

    def box(self, owner):
        return self.state.mailboxes[owner]

    def name(self, *path):
        return self.state.separator.join(path)

    @property
    def greetings(self):
        return self.name(*samples.GREETINGS)

    def pick_message(self, owner, suits=lambda row: True):
        """(folder name, uid, row) of a message outside the greetings."""
        found = [(name, uid) for name, folder in sorted(self.box(owner)["folders"].items()) if name != self.greetings
                 for uid, row in sorted(folder["messages"].items()) if suits(row)]
        if not found:
            raise Unsuitable
        name, uid = self.rng.choice(found)
        return name, uid, self.box(owner)["folders"][name]["messages"][uid]

    def pick_leaf(self, owner):
        """A folder that may be renamed or deleted: no children, and neither INBOX nor the greetings."""
        names = sorted(self.box(owner)["folders"])
        leaves = [name for name in names if name.upper() != "INBOX" and name != self.greetings
                  and not self.box(owner)["folders"][name].get("auto")
                  and not any(other.startswith(name + self.state.separator) for other in names)]
        # Some stay, so that moves and deposits have somewhere to go.
        if len(leaves) < 3:
            raise Unsuitable
        return self.rng.choice(leaves)

    # --- talking --------------------------------------------------------------------------------

    def session(self, owner, folder=None):
        if owner not in self.sessions:
            if len(self.sessions) >= SESSIONS_PER_WORKER:
                _, (oldest, _) = self.sessions.popitem(last=False)
                oldest.logout()
            self.sessions[owner] = [self.store.connect(owner, 60.0), None]
        self.sessions.move_to_end(owner)
        session = self.sessions[owner]
        if folder is not None and session[1] != folder:
            session[0].select(folder)
            session[1] = folder
        return session[0]

    def unselect(self, owner):
        client = self.session(owner)
        if self.sessions[owner][1] is not None:
            client.command("UNSELECT")
            self.sessions[owner][1] = None
        return client

    def append(self, owner, name, sample):
        uid, = self.session(owner).append(name, [(sample.body, [*sample.flags, *sample.keywords], sample.when)])
        row = message_row(sample)
        self.state.folder(owner, name)["messages"][uid] = row
        return uid, row

    def store_flags(self, owner, name, uid, row, change, key, word):
        self.session(owner, name).command(f"UID STORE {uid} {change}FLAGS.SILENT ({word})")
        words = set(row[key])
        row[key] = sorted(words | {word} if change == "+" else words - {word})
        return {"folder": name, "uid": uid, "word": change + word}

    def expunge(self, owner, name, uid):
        client = self.session(owner, name)
        # One after the other: pipelined, Dovecot's Maildir was seen to flag the message, answer OK and keep it.
        client.command(f"UID STORE {uid} +FLAGS.SILENT (\\Deleted)")
        _, untagged = client.command(f"UID EXPUNGE {uid}")
        if not any(re.match(rb"\* \d+ EXPUNGE", chunks[0]) for chunks in untagged):
            raise imapwire.WireError("UID EXPUNGE removed nothing")
        del self.box(owner)["folders"][name]["messages"][uid]
        return {"folder": name, "uid": uid}

    def uidvalidity(self, owner, name):
        _, lines = self.session(owner).command(b"STATUS " + imapwire.folder_arg(name) + b" (UIDVALIDITY)")
        return int(re.search(rb"UIDVALIDITY (\d+)", b"".join(lines[-1])).group(1))

    # --- the kinds of change --------------------------------------------------------------------

    def deposit(self, owner):
        kind = None
        while kind is None or kind in self.player.refused_kinds:
            kind = self.rng.choices(("voice_ulaw", "voice_alaw", "voice_gsm", "text", "fax", "no_message_id", "header_8bit",
                                     "malformed_mime", "bare_lf"), (30, 20, 20, 15, 2, 3, 3, 3, 3))[0]
        sample = samples.make(kind, self.rng, self.rng.randrange(samples.SMALLEST, 150_000))
        sample.flags, sample.keywords, sample.when = (), (), int(time.time())
        names = [name for name in sorted(self.box(owner)["folders"]) if name != self.greetings]
        name = "INBOX" if self.rng.random() < 0.8 else self.rng.choice(names)
        uid, row = self.append(owner, name, sample)
        return {"folder": name, "uid": uid, "sha256": row["sha256"], "size": row["size"]}

    def read(self, owner):
        name, uid, row = self.pick_message(owner, lambda row: "\\Seen" not in row["flags"])
        # As a telephone does: fetched without PEEK, which sets the flag.
        self.session(owner, name).command(f"UID FETCH {uid} (BODY[])")
        row["flags"] = sorted({*row["flags"], "\\Seen"})
        return {"folder": name, "uid": uid}

    def flag(self, owner):
        word = self.rng.choice(("\\Flagged", "\\Answered", "\\Draft"))
        name, uid, row = self.pick_message(owner, lambda row: word not in row["flags"])
        return self.store_flags(owner, name, uid, row, "+", "flags", word)

    def unflag(self, owner):
        name, uid, row = self.pick_message(owner, lambda row: row["flags"])
        return self.store_flags(owner, name, uid, row, "-", "flags", self.rng.choice(row["flags"]))

    def keyword(self, owner):
        word = self.rng.choice(samples.KEYWORDS)
        name, uid, row = self.pick_message(owner, lambda row: word not in row["keywords"])
        return self.store_flags(owner, name, uid, row, "+", "keywords", word)

    def keyword_removed(self, owner):
        name, uid, row = self.pick_message(owner, lambda row: row["keywords"])
        return self.store_flags(owner, name, uid, row, "-", "keywords", self.rng.choice(row["keywords"]))

    def delete(self, owner):
        name, uid, _ = self.pick_message(owner)
        return self.expunge(owner, name, uid)

    def move(self, owner):
        name, uid, row = self.pick_message(owner)
        target = self.rng.choice([other for other in sorted(self.box(owner)["folders"])
                                  if other not in (name, self.greetings)] or [None])
        if target is None:
            raise Unsuitable
        text, untagged = self.session(owner, name).command(b"UID MOVE %d " % uid + imapwire.folder_arg(target))
        told = text + b"".join(b"".join(chunks) for chunks in untagged)
        there = int(re.search(rb"\[COPYUID \d+ \d+ (\d+)\]", told).group(1))
        del self.box(owner)["folders"][name]["messages"][uid]
        self.box(owner)["folders"][target]["messages"][there] = row
        return {"folder": name, "uid": uid, "to": target, "new_uid": there}

    def _greetings(self, owner):
        rows = self.state.folder(owner, self.greetings)["messages"]
        return {row["greeting"]: uid for uid, row in sorted(rows.items())}

    def _record(self, owner, kind):
        sample = samples.greeting(self.rng, kind)
        sample.when = int(time.time())
        uid, row = self.append(owner, self.greetings, sample)
        row["greeting"] = kind
        return uid

    def greeting_recorded(self, owner):
        free = [kind for kind in samples.GREETING_TYPES if kind not in self._greetings(owner)]
        if not free:
            raise Unsuitable
        kind = self.rng.choice(free)
        return {"folder": self.greetings, "uid": self._record(owner, kind), "type": kind}

    def greeting_replaced(self, owner):
        there = self._greetings(owner)
        if not there:
            raise Unsuitable
        kind = self.rng.choice(sorted(there))
        uid = self._record(owner, kind)
        self.expunge(owner, self.greetings, there[kind])
        return {"folder": self.greetings, "uid": uid, "type": kind, "old_uid": there[kind]}

    def greeting_removed(self, owner):
        there = self._greetings(owner)
        if not there:
            raise Unsuitable
        kind = self.rng.choice(sorted(there))
        return self.expunge(owner, self.greetings, there[kind]) | {"type": kind}

    def _new_name(self, owner):
        folders = self.box(owner)["folders"]
        if self.deleted_names and self.rng.random() < 0.3:  # a name that was another folder before
            name = self.rng.choice(self.deleted_names)
        else:
            names = [name for name in NEW_NAMES if not set(name) & set(self.player.refused_characters)]
            name = f"{self.rng.choice(names)} {self.rng.randrange(1000)}"
            parents = [other for other in sorted(folders) if other != self.greetings and len(other) < 60]
            if self.rng.random() < 0.3 and parents:
                name = self.name(self.rng.choice(parents), name)
        parent = name.rpartition(self.state.separator)[0]
        if name in folders or parent and parent not in folders:
            raise Unsuitable
        return name

    def folder_created(self, owner):
        name = self._new_name(owner)
        self.session(owner).command(b"CREATE " + imapwire.folder_arg(name))
        self.state.folder(owner, name)["uidvalidity"] = self.uidvalidity(owner, name)
        return {"folder": name}

    def folder_renamed(self, owner):
        name = self.pick_leaf(owner)
        target = self._new_name(owner)
        if target.startswith(name + self.state.separator):
            raise Unsuitable
        client = self.unselect(owner)
        client.command(b"RENAME " + imapwire.folder_arg(name) + b" " + imapwire.folder_arg(target))
        folders = self.box(owner)["folders"]
        folders[target] = folders.pop(name)
        return {"folder": name, "to": target}

    def folder_deleted(self, owner):
        name = self.pick_leaf(owner)
        self.unselect(owner).command(b"DELETE " + imapwire.folder_arg(name))
        del self.box(owner)["folders"][name]
        self.deleted_names.append(name)
        return {"folder": name}

    def _subscription(self, owner, verb, names):
        if not names:
            raise Unsuitable
        name = self.rng.choice(sorted(names))
        self.session(owner).command(verb + imapwire.folder_arg(name))
        self.box(owner)["subscribed"] = sorted(set(self.box(owner)["subscribed"]) ^ {name})
        return {"folder": name}

    def subscribe(self, owner):
        box = self.box(owner)
        return self._subscription(owner, b"SUBSCRIBE ", set(box["folders"]) - set(box["subscribed"]))

    def unsubscribe(self, owner):
        return self._subscription(owner, b"UNSUBSCRIBE ", self.box(owner)["subscribed"])

    # --- after a lost connection ----------------------------------------------------------------

    def adopt(self, owner, patience=180.0):
        """Takes over what the server holds now, since what was under way may or may not have happened."""
        client, _ = self.sessions.pop(owner, (None, None))
        if client:
            client.close()
        end = time.monotonic() + patience
        while True:
            try:
                client = self.store.connect(owner, 60.0)
                actual = read_mailbox(client, owner)
                types = {}
                if samples.GREETINGS in actual.folders:
                    client.select(self.greetings, examine=True)
                    types = {uid: row["BODY[HEADER.FIELDS (X-GREETING-TYPE)]"] for uid, row in
                             client.fetch("UID BODY.PEEK[HEADER.FIELDS (X-GREETING-TYPE)]").items()}
                client.logout()
                break
            except (imapwire.WireError, OSError) as why:
                if time.monotonic() > end:
                    raise
                if "deleted under us" in str(why):
                    self.finish_deletions(owner)
                time.sleep(0.2)
        known = {(name, uid): row for name, folder in self.box(owner)["folders"].items()
                 for uid, row in folder["messages"].items()}
        box = {"folders": {}, "subscribed": sorted(self.name(*path) for path in actual.subscribed)}
        for folder in actual.folders.values():
            rows = {}
            for message in folder.messages:
                before = known.get((folder.name, message.uid), {})
                rows[message.uid] = {"sha256": message.sha256, "size": message.size, "date": message.date,
                                     "flags": sorted(message.flags), "keywords": sorted(message.keywords),
                                     "kind": before.get("kind", "adopted")}
                if folder.name == self.greetings:
                    rows[message.uid]["greeting"] = types[message.uid].decode().partition(":")[2].strip()
            box["folders"][folder.name] = {"uidvalidity": folder.uidvalidity, "messages": rows}
            if self.box(owner)["folders"].get(folder.name, {}).get("auto"):
                box["folders"][folder.name]["auto"] = True
        self.state.mailboxes[owner] = box

    def finish_deletions(self, owner):
        """A Dovecot killed in the middle of DELETE lists the folder for ever and opens it never: asked again, it ends."""
        try:
            with self.store.connect(owner, 60.0) as client:
                for name, _, attributes in client.list():
                    if {attribute.lower() for attribute in attributes} & {"\\noselect", "\\nonexistent"}:
                        continue
                    try:
                        client.select(name, examine=True)
                    except imapwire.No as no:
                        if "deleted under us" in str(no):
                            client.command(b"DELETE " + imapwire.folder_arg(name))
        except (imapwire.WireError, OSError):
            return


class Player:
    """Paces the workers and gathers what they did.  `refused_kinds` of messages and names with `refused_characters` are left
    out: what the store played on, or the other, does not take."""

    def __init__(self, store, state, seed, rate=20.0, connections=3, log=None, refused_kinds=(), refused_characters=""):
        self.state, self.rate, self.log = state, rate, log
        self.refused_kinds, self.refused_characters = refused_kinds, refused_characters
        owners = sorted(state.mailboxes)
        connections = min(connections, len(owners))
        self.workers = [Worker(number, owners[number::connections], store, state, seed, self)
                        for number in range(connections)]
        self.lock, self.stopping = threading.Lock(), threading.Event()
        self.due = self.deadline = None
        self.failures = []

    def ended(self):
        return self.stopping.is_set() or (self.deadline is not None and time.monotonic() >= self.deadline)

    def pace(self):
        """Waits for this change's turn: `rate` changes a second over all workers, no bursts after a pause."""
        with self.lock:
            now = time.monotonic()
            self.due = max(self.due + 1 / self.rate, now - 1.0)
            wait = self.due - now
        if wait > 0:
            self.stopping.wait(wait)

    def record(self, kind, owner, told):
        if self.log:
            line = json.dumps({"at": round(time.time(), 4), "kind": kind, "mailbox": owner, **told})
            with self.lock:
                self.log.write(line + "\n")

    def run(self, seconds=None, operations=None):
        """Plays; the counts per kind."""
        self.due = time.monotonic()
        self.deadline = self.due + seconds if seconds else None
        for number, worker in enumerate(self.workers):
            worker.left = None if operations is None else (operations + number) // len(self.workers)
        threads = [threading.Thread(target=self._play, args=(worker,)) for worker in self.workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():  # short waits, so that a signal handler gets its turn
                thread.join(0.2)
        if self.failures:
            raise self.failures[0]
        counts = collections.Counter()
        for worker in self.workers:
            counts.update(worker.counts)
        return counts

    def _play(self, worker):
        try:
            worker.play()
        except BaseException as error:
            self.failures.append(error)
            self.stopping.set()

    def stop(self):
        self.stopping.set()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    fill.add_store_options(parser)
    parser.add_argument("--state", required=True, help="what fill.py wrote; is brought up to date")
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--operations", type=int, help="stop after so many changes")
    parser.add_argument("--rate", type=float, default=20.0, help="changes a second")
    parser.add_argument("--connections", type=int, default=3)
    parser.add_argument("--counts", help="where to write how much the store then holds")
    parser.add_argument("--log", help="one JSON line per change")
    options = parser.parse_args()
    store, _ = fill.store_of(options)
    state = State.load(options.state)
    log = open(options.log, "w", encoding="utf-8", buffering=1) if options.log else None
    player = Player(store, state, options.seed, options.rate, options.connections, log)
    stopped = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: (stopped.append(1), player.stop()))
    begin = time.monotonic()
    counts = player.run(options.seconds or None, options.operations)
    state.save(options.state)
    if options.counts:
        pathlib.Path(options.counts).write_text(json.dumps(state.counts()) + "\n")
    held = state.counts()
    print(f"traffic: seed {options.seed}, {sum(counts[kind] for kind in KINDS)} changes in "
          f"{time.monotonic() - begin:.1f} s, uncertain {counts['uncertain']}, refused {counts['refused']}; the store holds "
          f"{held['mailboxes']} mailboxes, {held['folders']} folders, {held['messages']} messages")
    absent = fill.print_kinds("traffic", counts, KINDS)
    if absent and not stopped:
        sys.exit(f"traffic: nothing of kind {', '.join(absent)}")
    return 1 if counts["refused"] else 0


if __name__ == "__main__":
    sys.exit(main())
