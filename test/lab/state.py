# SPDX-License-Identifier: Apache-2.0
"""What a store must hold: every folder, UID, digest, date, flag, keyword and subscription.

fill.py writes it, traffic.py carries it on, compare.py holds a server against it.  Folder names are
those of the server that was filled, with its own separator.
"""

import hashlib
import json
import pathlib
import threading

from . import imapwire
from .samples import as_served


class Store:
    """Where and as whom to reach a store."""

    def __init__(self, address, ca, login_file=None, login=None, password=None, bind=None):
        host, _, port = address.rpartition(":")
        self.host, self.port, self.ca, self.bind = host, int(port), ca, bind
        if login_file:
            login, password = pathlib.Path(login_file).read_text().splitlines()[:2]
        self.login, self.password = login, password

    def connect(self, owner, timeout=120.0):
        client = imapwire.Client(self.host, self.port, self.ca, timeout,
                                 bind=(self.bind, 0) if self.bind else None)
        return client.login_for(owner, self.login, self.password)


def message_row(sample):
    wire = as_served(sample.body)
    return {"sha256": hashlib.sha256(wire).hexdigest(), "size": len(wire), "date": sample.when,
            "flags": sorted(sample.flags), "keywords": sorted(sample.keywords), "kind": sample.kind}


class State:
    def __init__(self, separator="."):
        self.separator = separator
        self.mailboxes = {}
        self.lock = threading.Lock()

    def mailbox(self, owner):
        with self.lock:
            return self.mailboxes.setdefault(owner, {"folders": {}, "subscribed": []})

    def folder(self, owner, name):
        return self.mailbox(owner)["folders"].setdefault(name, {"uidvalidity": 0, "messages": {}})

    def counts(self):
        folders = [folder for box in self.mailboxes.values() for folder in box["folders"].values()]
        messages = [row for folder in folders for row in folder["messages"].values()]
        return {"mailboxes": len(self.mailboxes), "folders": len(folders), "messages": len(messages),
                "bytes": sum(row["size"] for row in messages)}

    def save(self, path):
        about = {"separator": self.separator, "counts": self.counts(), "mailboxes": self.mailboxes}
        fresh = pathlib.Path(f"{path}.new")
        fresh.write_text(json.dumps(about, separators=(",", ":"), sort_keys=True) + "\n")
        fresh.rename(path)

    @classmethod
    def load(cls, path):
        about = json.loads(pathlib.Path(path).read_text())
        state = cls(about["separator"])
        state.mailboxes = about["mailboxes"]
        for box in state.mailboxes.values():
            for folder in box["folders"].values():
                folder["messages"] = {int(uid): row for uid, row in folder["messages"].items()}
        return state
