# SPDX-License-Identifier: Apache-2.0
"""What the change history does not tell of DR, and what a pass has left over. A step that was open when mirrord died is told by
its row "step.recovered", which names what may have been done."""

import collections
import itertools
import json

_COPIED = ("message.copied", "message.adopted")  # in SQL, too


def unexplained(rows, on_dr):
    """(what, rows) for each promise; rows is empty where it was kept.  `rows` asks SQL; `on_dr`: {folder: [(UIDVALIDITY, UID)]}, as
    DR itself tells it: what one statement writes into two tables proves nothing of either."""
    yield "mapped without a history row", rows(
        "select f.target_name, m.target_uid from message m join folder f on f.id = m.folder_id where not exists (select 1 "
        f"from history h where h.kind in {_COPIED} and h.target_uid = m.target_uid and "
        "h.target_uidvalidity = m.target_uidvalidity)")
    yield "messages that the history tells otherwise", _messages(rows, on_dr)
    yield "flags that no history row tells", _flags(rows)
    yield "folders that the history does not tell", _folders(rows, set(on_dr))
    yield "intents left open", rows("select folder_id, source_uid from intent where state = 'open'")
    yield "steps left open", rows("select kind, detail from step")
    yield "strangers on DR", rows("select folder_id, target_uid, kind from extra_message")
    yield "quarantined", rows("select folder_name, kind, code from quarantine")


def _recovered(rows):
    """[(kind, detail)] of the steps that were open when mirrord died."""
    found = []
    for text, in rows("select before from history where kind = 'step.recovered' order by id"):
        kind, _, detail = text.partition(" ")
        found.append((kind, json.loads(detail)))
    return found


def _messages(rows, on_dr):
    """Played again, the history has to end with the very messages that are there: each came once, and what went had come."""
    told = collections.defaultdict(collections.Counter)
    history = rows("select kind, folder_name, coalesce(before, ''), coalesce(after, ''), target_uidvalidity, target_uid from history "
                   "where kind like 'folder.%' or kind in ('message.copied', 'message.adopted', 'message.deleted', "
                   "'message.lost_on_target') order by id")
    for kind, together in itertools.groupby(history, lambda row: row[0]):
        together = list(together)
        if kind == "folder.renamed":  # names that change places do so at once
            moved = [(after, told.pop(before, None)) for _, _, before, after, *_ in together]
            told.update((after, messages) for after, messages in moved if messages is not None)
        for _, name, before, _, *message in together:
            if kind == "folder.deleted":
                told.pop(before or name, None)
            elif kind.startswith("message."):
                count = told[name][tuple(message)]
                # What is adopted was there, if not told: it may have belonged to a message of a folder that production no longer has.
                told[name][tuple(message)] = {"message.copied": count + 1, "message.adopted": max(count, 1)}.get(kind, count - 1)
    wrong = []
    for name, messages in on_dr.items():
        there = collections.Counter(messages)
        wrong += [(name, *message, f"{told[name][message]} times by the history, {there[message]} on DR")
                  for message in sorted({*told[name], *there}) if told[name][message] != there[message]]
    return wrong


def _flags(rows):
    """The last word on each message's flags is what the map has; not of as many messages as a STORE was under way for at a death,
    nor where two folders share a UIDVALIDITY (Cyrus numbers those of one second alike): a row of the history has the folder's name
    of its time."""
    under_way = sum(detail["messages"] for kind, detail in _recovered(rows) if kind == "flags")
    differing = rows(
        "select f.target_name, m.target_uid, m.flags, h.after from message m join folder f on f.id = m.folder_id cross join lateral "
        "(select after from history h where h.target_uid = m.target_uid and h.target_uidvalidity = m.target_uidvalidity and "
        f"(h.kind in {_COPIED} or h.kind in ('flags.changed', 'flags.drift_repaired')) order by id desc limit 1) h "
        "where h.after <> m.flags and not exists (select 1 from folder o where o.id <> f.id and o.mailbox_id = f.mailbox_id and "
        "o.target_uidvalidity = f.target_uidvalidity)")
    return differing if len(differing) > under_way else []


def _folders(rows, on_dr):
    """Played again, the history has to end with what is there."""
    told = {"INBOX"}
    history = rows("select kind, folder_name, before, after from history where kind in ('folder.created', 'folder.renamed', "
                   "'folder.deleted') order by id")
    for kind, together in itertools.groupby(history, lambda row: row[0]):
        together = list(together)  # names that change places do so at once
        if kind != "folder.created":
            told -= {before or name for _, name, before, _ in together}
        if kind != "folder.deleted":
            told |= {after for _, _, _, after in together}
    perhaps = {name for kind, detail in _recovered(rows) if kind == "folder.create" for name in detail["folders"]}
    return sorted((on_dr | {"INBOX"}) - told - perhaps) + sorted(told - on_dr - {"INBOX"})
