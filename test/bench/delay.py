# SPDX-License-Identifier: Apache-2.0
"""The delay of single deposits: from "a plain second watcher was told" to "visible on DR".

The watcher is a second client on production that uses what mirrord uses, NOTIFY with nothing selected, so that the
server's own delay of about 500 ms is in neither.  DR is asked with NOOP every 2 ms in the selected folder.
"""

import dataclasses
import random
import select
import threading
import time

from lab import samples

_ASKED_EVERY = 0.002


@dataclasses.dataclass
class Deposit:
    stored: float  # when production's OK came
    told: float | None  # when the second watcher was told; None: not within the time
    visible: float | None


class Watcher:
    """Waits for the server's next word about a mailbox."""

    def __init__(self, store, owner):
        self.client = store.connect(owner)
        self.client.command("ENABLE CONDSTORE")
        self.client.command("NOTIFY SET STATUS (personal (MessageNew MessageExpunge FlagChange))")

    def forget(self):
        """What was told of earlier changes."""
        while self.client.sock.pending() or select.select([self.client.sock], [], [], 0)[0]:
            self.client.read_line()
        self.client.buffer.clear()

    def wait(self, until):
        """When the next line came; None when none did."""
        while (left := until - time.monotonic()) > 0:
            if self.client.buffer or self.client.sock.pending() or select.select([self.client.sock], [], [], left)[0]:
                line = self.client.read_line()
                if line.startswith(b"* STATUS"):
                    return time.monotonic()
        return None


class Target:
    """One folder on DR, selected."""

    def __init__(self, store, owner):
        self.client = store.connect(owner)
        self.exists = self.client.select("INBOX")["exists"]

    def refresh(self):
        _, untagged = self.client.command("NOOP")
        for chunks in untagged:
            words = chunks[0].split()
            if len(words) == 3 and words[2] == b"EXISTS":
                self.exists = int(words[1])
        return self.exists


def measure(production, dr, owners, deposits, seed, patience=40.0):
    """[Deposit]: one after the other, in changing mailboxes, the next one well after the last was done."""
    rng = random.Random(f"{seed} delay")
    found = []
    ends = {owner: (Watcher(production, owner), Target(dr, owner), production.connect(owner)) for owner in owners}
    time.sleep(3.0)  # Dovecot 2.3 does not tell what happens within a second of a command
    for number in range(deposits):
        watcher, target, depositor = ends[owners[number % len(owners)]]
        sample = samples.make("voice_ulaw", rng, 40_000)
        watcher.forget()
        before, end, told = target.refresh(), time.monotonic() + patience, []
        thread = threading.Thread(target=lambda w=watcher, e=end, t=told: t.append(w.wait(e)))
        thread.start()
        depositor.append("INBOX", [(sample.body, [], int(time.time()))])
        stored, visible = time.monotonic(), None
        while time.monotonic() < end:
            if target.refresh() > before:
                visible = time.monotonic()
                break
            time.sleep(_ASKED_EVERY)
        thread.join()
        found.append(Deposit(stored, told[0], visible))
        time.sleep(rng.uniform(1.0, 1.5))
    for clients in ends.values():
        clients[0].client.close()
        clients[1].client.logout()
        clients[2].logout()
    return found


def summary(found):
    """{"told": [s], "stored": [s], "untold": n, "late": n}: sorted delays since told and since stored."""
    done = [one for one in found if one.visible is not None]
    return {"told": sorted(one.visible - one.told for one in done if one.told is not None),
            "stored": sorted(one.visible - one.stored for one in done),
            "untold": sum(one.told is None for one in found), "late": len(found) - len(done)}
