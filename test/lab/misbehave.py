# SPDX-License-Identifier: Apache-2.0
"""What a relay does wrong on purpose, by rules: a JSON list of objects in a file, read again whenever it changes.

  at      "client" (commands) or "server" (responses)
  line    regular expression, searched in the first line, whatever its case; a literal is its {size}
  old     only on connections that were open when the file was written
  after   so many matches are let through first (0); `times`: so many are then taken (all)

The counts are of all connections together and begin anew with the file.  Of a command that is taken:
  answer      the relay answers it, the server never sees it.  With `early` before its literals are sent.
  messages    so many literals of it (MULTIAPPEND) do reach the server, as a whole command; then `answer`.
  away        the server does it; its answer never comes, the connection ends in its place (behind what there is to `say`).
  replace     its first line goes on with what matched replaced (\\1 are groups).
Of a response:
  replace     what matched becomes this (\\1 are groups); `drop`: it never comes; `nil`: its literal is NIL instead.
Of both: `say`, a list of lines that the client gets before; `close`, the connection ends; `stall`, seconds it waits before.

Without `line` a rule is about the octets of that direction, connection by connection (`times`: so many of them):
  cut      the connection ends after so many octets;  hold: it stays, and no more octets than these pass;  chop: octets in a
           piece, each in a TLS record of its own;  rate: octets a second;  delay: seconds that each piece is under way, while
           others follow it; what is under way when the connection ends is lost.
"""

import asyncio
import collections
import contextlib
import json
import re
import time

from lab.imaplines import LITERAL, Lines

EVER = 1 << 60


class Rule:
    def __init__(self, about):
        self.about, self.at = about, about["at"]
        self.line = re.compile(about["line"].encode("latin-1"), re.IGNORECASE) if "line" in about else None
        self.first, self.count, self.used = about.get("after", 0), 0, 0
        self.last = self.first + about.get("times", EVER)

    def taken(self):
        self.count += 1
        taken = self.first < self.count <= self.last
        self.used += taken
        return taken

    def get(self, name, default=None):
        return self.about.get(name, default)


class Rules:
    """As their file says now."""

    def __init__(self, path):
        self.path, self.stamp, self.rules = path, None, []

    def now(self):
        stamp = self.path.stat().st_mtime_ns
        if stamp != self.stamp:
            self.stamp, self.rules = stamp, [Rule(about) for about in json.loads(self.path.read_text())]
        return self.rules

    def of_line(self, at, line, born):
        for rule in self.now():
            if rule.get("old") and born > self.stamp:
                continue
            if rule.at == at and rule.line and rule.line.search(line) and rule.taken():
                return rule
        return None

    def of_octets(self, at):
        return [rule for rule in self.now() if rule.at == at and not rule.line]


class Connection:
    """One connection under the rules.  `from_client` and `from_server` yield what to do: ("server", octets),
    ("client", octets), ("sleep", seconds) or ("close", None)."""

    def __init__(self, rules):
        self.rules, self.born = rules, time.time_ns()
        self.commands, self.responses = Lines(), Lines()
        self.begins = {"client": True, "server": True}
        self.rule = self.tag = None     # the command under way, if a rule took it
        self.literals, self.answered = 0, False
        self.swallowed = None           # the response under way: its rule, when not all of it goes on
        self.late = {}                  # tag -> (answer, both ends still awaited) of commands cut short
        self.away = {}                  # tag -> what is said instead of its answer, which never comes

    # --- commands ---------------------------------------------------------------------------------

    def from_client(self, data):
        for kind, piece, end in self.commands.feed(data):
            if kind == "line" and self.begins["client"]:
                self.tag, self.literals, self.answered = piece.split(b" ")[0], 0, False
                self.rule = self.rules.of_line("client", piece, self.born)
                if self.rule:
                    yield from self._before()
                    self._promise()
                    if self.rule.get("replace") is not None:
                        piece = self.rule.line.sub(self.rule.get("replace").encode("latin-1"), piece, count=1)
            yield from (self._command(kind, piece, end) if self._cut_short() else [("server", piece)])
            if kind == "line":
                self.begins["client"] = end

    def _before(self):
        if self.rule.get("stall"):
            yield "sleep", self.rule.get("stall")
        if not self.rule.get("away"):
            yield from self._said(self.rule)
        if self.rule.get("close"):
            yield "close", None

    @staticmethod
    def _said(rule):
        for line in rule.get("say", []):
            yield "client", line.encode("latin-1") + b"\r\n"

    def _promise(self):
        if self.rule.get("away"):
            self.away[self.tag] = list(self._said(self.rule))
        if self.rule.get("messages"):
            self.late[self.tag] = [self.rule.get("answer"), 2]

    def _cut_short(self):
        return self.rule is not None and self.rule.get("answer") is not None

    def _command(self, kind, piece, end):
        """A command of which the server sees its first `messages` literals, or nothing at all."""
        wanted = self.rule.get("messages", 0)
        if self.literals < wanted:
            yield "server", piece
            self.literals += kind == "literal" and end
            if kind == "literal" and end and self.literals == wanted:
                yield "server", b"\r\n"
            return
        if kind == "literal":
            return
        if not end:
            if self.rule.get("early") and not self.answered:
                yield from self._answer()
            synchronising = not LITERAL.search(piece.rstrip(b"\r\n")).group(2)
            if synchronising and self.answered:
                self.commands.left = 0  # a refused literal is not sent
                self.begins["client"] = True
                self.rule = None
            elif synchronising:
                yield "client", b"+ go on\r\n"
            return
        if wanted:
            yield from self._settle(self.tag)
        elif not self.answered:
            yield from self._answer()

    def _answer(self):
        self.answered = True
        yield "client", self.tag + b" " + self.rule.get("answer").encode("latin-1") + b"\r\n"

    def _settle(self, tag):
        """The answer to a command cut short, once the client has said all and the server has done its part."""
        answer, awaited = self.late[tag]
        self.late[tag][1] = awaited - 1
        if awaited == 1:
            del self.late[tag]
            yield "client", tag + b" " + answer.encode("latin-1") + b"\r\n"

    # --- responses --------------------------------------------------------------------------------

    def from_server(self, data):
        for kind, piece, end in self.responses.feed(data):
            if kind == "line" and self.begins["server"]:
                self.swallowed = None
                tag = piece.split(b" ")[0]
                if tag in self.away:
                    yield from self.away[tag]
                    yield "close", None
                    return
                if tag in self.late:
                    yield from self._settle(tag)
                    continue
                rule = self.rules.of_line("server", piece, self.born)
                if rule:
                    yield from self._response(rule, piece, end)
                    self.begins["server"] = end
                    continue
            if kind == "line":
                self.begins["server"] = end
            if not self.swallowed:
                yield "client", piece
            elif self.swallowed == "nil" and kind == "line":
                yield "client", piece
                self.swallowed = None

    def _response(self, rule, line, end):
        if rule.get("stall"):
            yield "sleep", rule.get("stall")
        yield from self._said(rule)
        if rule.get("close"):
            yield "close", None
        elif rule.get("drop"):
            self.swallowed = None if end else "all"
        elif rule.get("nil"):
            self.swallowed = None if end else "nil"
            yield "client", line if end else LITERAL.sub(b"NIL", line.rstrip(b"\r\n"))
        elif rule.get("replace") is not None:
            yield "client", rule.line.sub(rule.get("replace").encode("latin-1"), line, count=1)
        else:
            yield "client", line


class Octets:
    """How the octets of one direction of one connection arrive."""

    def __init__(self, rules, at):
        self.rules, self.at, self.sent, self.held, self.mine = rules, at, 0, False, {}
        self.under_way, self.arriving = collections.deque(), None

    def _applies(self, rule):
        if rule not in self.mine:  # a connection is counted when the rule first meets it
            self.mine[rule] = rule.taken()
        return self.mine[rule]

    @staticmethod
    def _least(rules, name, otherwise):
        return min((rule.get(name) for rule in rules if rule.get(name)), default=otherwise)

    async def send(self, writer, data):
        """False when the connection is to end."""
        rules = [rule for rule in self.rules.of_octets(self.at) if self._applies(rule)] if self.rules else []
        cut, chop = self._least(rules, "cut", EVER), self._least(rules, "chop", len(data) or 1)
        hold = 0 if self.held else self._least(rules, "hold", EVER)
        self.held = self.sent + len(data) > hold  # for good: what was kept back does not come later
        data = data[:max(0, min(cut, hold) - self.sent)]
        delay = sum(rule.get("delay", 0.0) for rule in rules)
        for at in range(0, len(data), chop):
            piece = data[at:at + chop]
            wait = sum(len(piece) / rule.get("rate") for rule in rules if rule.get("rate"))
            if wait:
                await asyncio.sleep(wait)
            await self._carry(writer, piece, delay)
            self.sent += len(piece)
        return self.sent < cut

    async def _carry(self, writer, piece, delay):
        """Writes it, or has it written later, behind whatever is under way."""
        if not delay and not self.under_way:
            writer.write(piece)
            await writer.drain()
            return
        self.under_way.append((time.monotonic() + delay, piece))
        if len(self.under_way) == 1:
            self.arriving = asyncio.ensure_future(self._arrive(writer))

    async def _arrive(self, writer):
        with contextlib.suppress(OSError):
            while self.under_way and not writer.is_closing():
                due, piece = self.under_way[0]
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                writer.write(piece)
                await writer.drain()
                self.under_way.popleft()
