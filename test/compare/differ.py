# SPDX-License-Identifier: Apache-2.0
"""Finds what differs between two mailboxes.  Pure: two `reader.Mailbox` in, `Difference`s out.

Each planted difference is reported alone: a changed byte is not also a missing and an extra message,
a swap is not two of each, a renamed case is not a folder less and a folder more.
"""

import bisect
import collections
import dataclasses


@dataclasses.dataclass(frozen=True)
class Difference:
    kind: str
    mailbox: str
    folder: str
    text: str

    def line(self):
        where = f"{self.mailbox} {self.folder!r}" if self.folder else self.mailbox
        return f"{self.kind}: {where}: {self.text}"


def show(path):
    return "/".join(path)


def diff_mailboxes(owner, one, two, greetings=("Greetings",)):
    """The differences of mailbox `two` (a copy) from mailbox `one` (the original)."""
    found = []
    pairs, less, more = pair_folders(one.folders, two.folders)
    renamed = {b: a for a, b in pairs if a != b}
    for a, b in pairs:
        if a != b:
            found.append(Difference("folder-case", owner, show(a), f"is called {show(b)!r} on the other side"))
        found += diff_folders(owner, one.folders[a], two.folders[b], a == greetings)
        if one.knows_special_use and two.knows_special_use:
            found += diff_sets("special-use", owner, show(a), one.folders[a].special_use, two.folders[b].special_use)
    for path in less:
        found.append(Difference("folder-missing", owner, show(path), f"with {len(one.folders[path].messages)} messages"))
    for path in more:
        found.append(Difference("folder-extra", owner, show(path), f"with {len(two.folders[path].messages)} messages"))
    theirs = {renamed.get(path, path) for path in two.subscribed}
    for path in sorted(one.subscribed - theirs):
        found.append(Difference("subscription", owner, show(path), "is subscribed only on the first side"))
    for path in sorted(theirs - one.subscribed):
        found.append(Difference("subscription", owner, show(path), "is subscribed only on the second side"))
    return found


def pair_folders(one, two):
    """([(path, path)], only in one, only in two); names that differ only in case are a pair."""
    pairs = [(path, path) for path in sorted(one) if path in two]
    less = [path for path in sorted(one) if path not in two]
    more = [path for path in sorted(two) if path not in one]
    for a in list(less):
        alike = [b for b in more if show(b).casefold() == show(a).casefold()]
        if alike:
            pairs.append((a, alike[0]))
            less.remove(a)
            more.remove(alike[0])
    return pairs, less, more


def diff_sets(kind, owner, folder, one, two):
    if one == two:
        return []
    parts = [f"-{word}" for word in sorted(one - two)] + [f"+{word}" for word in sorted(two - one)]
    return [Difference(kind, owner, folder, " ".join(parts))]


def same(a, b):
    return (a.sha256, a.date, a.flags, a.keywords) == (b.sha256, b.date, b.flags, b.keywords)


def diff_folders(owner, one, two, is_greetings=False):
    left, right = one.messages, two.messages
    if len(left) == len(right) and all(same(a, b) for a, b in zip(left, right)):
        return []
    name, found = show(one.path), []

    def report(kind, text):
        found.append(Difference(f"greeting-{kind}" if is_greetings else kind, owner, name, text))

    pairs, lone_left, lone_right = pair_messages(left, right, is_greetings)
    held = collections.Counter(message.sha256 for message in left)
    for a, b in pairs:
        at = f"UID {left[a].uid} / {right[b].uid}"
        if left[a].sha256 != right[b].sha256:
            report("bytes", f"{at}: {left[a].size} bytes {left[a].sha256[:16]}, there {right[b].size} bytes "
                            f"{right[b].sha256[:16]}{'' if left[a].date == right[b].date else ', date too'}")
            continue
        if left[a].date != right[b].date:
            report("date", f"{at}: {left[a].date}, there {right[b].date}")
        for kind, ours, theirs in (("flags", left[a].flags, right[b].flags),
                                   ("keywords", left[a].keywords, right[b].keywords)):
            for difference in diff_sets(kind, owner, name, ours, theirs):
                report(kind, f"{at}: {difference.text}")
    for a in lone_left:
        report("missing", f"UID {left[a].uid}, {left[a].size} bytes {left[a].sha256[:16]}")
    for b in lone_right:
        kind = "double" if held[right[b].sha256] else "extra"
        report(kind, f"UID {right[b].uid}, {right[b].size} bytes {right[b].sha256[:16]}")
    astray = out_of_order([b for _, b in pairs])
    if astray:
        report("order", f"{len(astray)} of {len(pairs)} messages stand elsewhere, first UID {left[pairs[astray[0]][0]].uid}"
                        f" / {right[pairs[astray[0]][1]].uid}")
    return found


def pair_messages(left, right, is_greetings=False):
    """Pairs of positions, the positions left over on either side; pairs sorted by the left one.

    Equal bytes pair first, of these the fully equal; what remains pairs as "changed" when it stands
    between the same neighbours and has the same date or size (a stale greeting has neither)."""
    pairs, free = [], collections.defaultdict(list)
    for at, message in enumerate(right):
        free[message.sha256].append(at)
    lone_left = []
    for key, places in _by_digest(left).items():
        there = free.get(key, [])
        whole = len(places) == len(there)
        for at in places:
            # As many copies on both sides: in UID order.  Else the copy that is equal in everything.
            best = there[0] if there and whole else next((b for b in there if same(left[at], right[b])), None)
            if best is None:
                lone_left.append(at)
            else:
                there.remove(best)
                pairs.append((at, best))
        for at in [at for at in places if at in set(lone_left)]:
            if there:
                lone_left.remove(at)
                pairs.append((at, there.pop(0)))
    pairs.sort()
    lone_left.sort()
    lone_right = sorted(at for there in free.values() for at in there)
    changed = []
    taken = [b for _, b in pairs]
    lefts = [a for a, _ in pairs]
    sorted_taken = sorted(taken)
    for a in list(lone_left):
        rank = bisect.bisect(lefts, a)
        for b in lone_right:
            neighbours = bisect.bisect(sorted_taken, b) == rank
            alike = is_greetings or left[a].date == right[b].date or left[a].size == right[b].size
            if neighbours and alike:
                changed.append((a, b))
                lone_left.remove(a)
                lone_right.remove(b)
                break
    return sorted(pairs + changed), lone_left, lone_right


def _by_digest(messages):
    places = collections.defaultdict(list)
    for at, message in enumerate(messages):
        places[message.sha256].append(at)
    return places


def out_of_order(positions):
    """Indices outside one longest increasing subsequence: the fewest moves that restore the order."""
    tops, ends, before = [], [], [None] * len(positions)
    for index, value in enumerate(positions):
        at = bisect.bisect_left(tops, value)
        before[index] = ends[at - 1] if at else None
        if at == len(tops):
            tops.append(value)
            ends.append(index)
        else:
            tops[at], ends[at] = value, index
    keep, index = set(), ends[-1] if ends else None
    while index is not None:
        keep.add(index)
        index = before[index]
    return [index for index in range(len(positions)) if index not in keep]


def diff_expected(owner, box, separator, actual):
    """A server's mailbox against `lab.state`: every UID, digest, date, flag, keyword, folder, subscription."""
    from .reader import path_of
    found = []
    wanted = {path_of(name, separator): (name, folder) for name, folder in box["folders"].items()}
    for path in sorted(set(wanted) | set(actual.folders)):
        name = show(path)
        if path not in actual.folders:
            found.append(Difference("folder-missing", owner, name, f"with {len(wanted[path][1]['messages'])} messages"))
            continue
        there = actual.folders[path]
        if path not in wanted:
            found.append(Difference("folder-extra", owner, name, f"with {len(there.messages)} messages"))
            continue
        folder = wanted[path][1]
        if folder["uidvalidity"] and folder["uidvalidity"] != there.uidvalidity:
            found.append(Difference("uidvalidity", owner, name, f"{folder['uidvalidity']}, there {there.uidvalidity}"))
        seen = {message.uid: message for message in there.messages}
        for uid in sorted(set(folder["messages"]) | set(seen)):
            row, message = folder["messages"].get(uid), seen.get(uid)
            if message is None:
                found.append(Difference("missing", owner, name, f"UID {uid} ({row['kind']})"))
            elif row is None:
                found.append(Difference("extra", owner, name, f"UID {uid}, {message.size} bytes"))
            else:
                found += _diff_row(owner, name, uid, row, message)
    subscribed = frozenset(path_of(name, separator) for name in box["subscribed"])
    for path in sorted(subscribed ^ actual.subscribed):
        where = "missing" if path in subscribed else "not wanted"
        found.append(Difference("subscription", owner, show(path), where))
    return found


def _diff_row(owner, name, uid, row, message):
    found = []
    if row["sha256"] != message.sha256:
        found.append(Difference("bytes", owner, name, f"UID {uid} ({row['kind']}): {row['size']} bytes, there {message.size}"))
    if row["date"] != message.date:
        found.append(Difference("date", owner, name, f"UID {uid} ({row['kind']}): {row['date']}, there {message.date}"))
    for kind, ours, theirs in (("flags", frozenset(row["flags"]), message.flags),
                               ("keywords", frozenset(row["keywords"]), message.keywords)):
        for difference in diff_sets(kind, owner, name, ours, theirs):
            found.append(Difference(kind, owner, name, f"UID {uid} ({row['kind']}): {difference.text}"))
    return found
