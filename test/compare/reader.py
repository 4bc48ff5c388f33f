# SPDX-License-Identifier: Apache-2.0
"""Reads one mailbox as a server shows it: every message's digest, date and flags, in UID order."""

import dataclasses
import hashlib

from lab import imapwire
from lab.imapwire import Digest


@dataclasses.dataclass(frozen=True)
class Message:
    uid: int
    sha256: str
    size: int
    date: int
    flags: frozenset
    keywords: frozenset


@dataclasses.dataclass
class Folder:
    name: str
    path: tuple
    uidvalidity: int
    messages: list
    special_use: frozenset = frozenset()


@dataclasses.dataclass
class Mailbox:
    folders: dict  # path -> Folder
    subscribed: frozenset  # of paths
    knows_special_use: bool

    def message_count(self):
        return sum(len(folder.messages) for folder in self.folders.values())

    def renamed(self, part):
        """The same mailbox with `part(component)` in place of every component of a folder's name."""
        def path(old):
            return tuple(part(component) for component in old)

        return Mailbox({path(old): dataclasses.replace(folder, path=path(old)) for old, folder in self.folders.items()},
                       frozenset(path(old) for old in self.subscribed), self.knows_special_use)


_SPECIAL = {"\\all", "\\archive", "\\drafts", "\\flagged", "\\junk", "\\sent", "\\trash", "\\important"}


def path_of(name, separator):
    """The components of a name; INBOX is INBOX in every spelling (RFC 3501, 5.1)."""
    path = tuple(name.split(separator)) if separator else (name,)
    return ("INBOX", *path[1:]) if path[0].upper() == "INBOX" else path


def read_mailbox(client, owner):
    """Everything of the logged-in owner's mailbox; bodies are hashed as they stream in."""
    special = "SPECIAL-USE" in client.capabilities
    listed = client.list(returns="SPECIAL-USE" if special and "LIST-EXTENDED" in client.capabilities else "")
    folders = {}
    for name, separator, attributes in listed:
        lower = {attribute.lower() for attribute in attributes}
        if lower & {"\\noselect", "\\nonexistent"}:
            continue
        path = path_of(name, separator)
        if path in folders:
            raise imapwire.WireError(f"{owner}: {name!r} is listed twice")
        folders[path] = read_folder(client, name, path, frozenset(lower & _SPECIAL))
    return Mailbox(folders, read_subscriptions(client), special)


def read_subscriptions(client):
    """Also those of folders that are gone: a subscription outlives its folder (RFC 3501, 6.3.9), which Cyrus's LSUB hides."""
    if "LIST-EXTENDED" in client.capabilities:
        found = [entry for entry in client.list(options="(SUBSCRIBED)") if "\\Subscribed" in entry[2]]
    else:
        found = [entry for entry in client.lsub() if "\\Noselect" not in entry[2]]
    return frozenset(path_of(name, separator) for name, separator, _ in found)


def read_folder(client, name, path, special=frozenset()):
    state = client.select(name, examine=True)
    messages = []

    def on_untagged(chunks):
        if b" FETCH (" not in chunks[0]:
            return
        parsed = imapwire.tokens(chunks)
        items = parsed[3]
        row = {items[at].upper(): items[at + 1] for at in range(0, len(items), 2)}
        if b"BODY[]" not in row:  # a flag change told in passing
            raise imapwire.WireError(f"{name!r} changed while it was read")
        body = row[b"BODY[]"]
        if not isinstance(body, Digest):
            body = Digest(len(body or b""), hashlib.sha256(body or b"").hexdigest())
        words = {flag.decode() for flag in row[b"FLAGS"]}
        messages.append(Message(
            int(row[b"UID"]), body.sha256, body.size, imapwire.parse_date(row[b"INTERNALDATE"].decode()),
            frozenset("\\" + word[1:].capitalize() for word in words if word[0] == "\\" and word.lower() != "\\recent"),
            frozenset(word for word in words if word[0] != "\\")))

    if state["exists"]:
        client.command("UID FETCH 1:4294967295 (UID FLAGS INTERNALDATE BODY.PEEK[])", make_sink=hashlib.sha256,
                       on_untagged=on_untagged)
    if len(messages) != state["exists"]:
        raise imapwire.WireError(f"{name!r}: {state['exists']} messages exist, {len(messages)} were read")
    messages.sort(key=lambda message: message.uid)
    return Folder(name, path, state["uidvalidity"], messages, special)
