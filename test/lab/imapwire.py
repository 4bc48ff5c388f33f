# SPDX-License-Identifier: Apache-2.0
"""A small IMAP client for tests: bytes in, bytes out, nothing hidden.

It shares no code with mirrord, so that what it sees can be held against it.
"""

import base64
import datetime
import re
import socket
import ssl

_LITERAL = re.compile(rb"\{(\d+)\}\r\n$")


class WireError(Exception):
    pass


class No(WireError):
    """A tagged NO or BAD; `.status` and `.text` hold the server's words."""

    def __init__(self, command, status, text):
        super().__init__(f"{command}: {status} {text.decode('utf-8', 'replace')}")
        self.status, self.text = status, text


def _made_all_the_same(command, text):
    """Dovecot 2.3 answers ALREADYEXISTS to the very CREATE that made the folder when another session's LIST brings its list
    index up to date in between: once in some sixty under constant LISTs."""
    return command.upper().startswith("CREATE ") and b"[ALREADYEXISTS]" in text


def encode_name(name):
    """Modified UTF-7 (RFC 3501, 5.1.3)."""
    out, wide = [], []

    def flush():
        if wide:
            coded = base64.b64encode("".join(wide).encode("utf-16-be")).rstrip(b"=").replace(b"/", b",")
            out.append(b"&" + coded + b"-")
            wide.clear()

    for char in name:
        if " " <= char <= "~":
            flush()
            out.append(b"&-" if char == "&" else char.encode("ascii"))
        else:
            wide.append(char)
    flush()
    return b"".join(out)


def decode_name(raw):
    def part(match):
        coded = match.group(1)
        if not coded:
            return "&"
        coded = coded.replace(b",", b"/")
        return base64.b64decode(coded + b"=" * (-len(coded) % 4)).decode("utf-16-be", "surrogatepass")

    pieces, at = [], 0
    for match in re.finditer(rb"&([A-Za-z0-9+,]*)-", raw):
        pieces.append(raw[at:match.start()].decode("utf-8", "surrogateescape"))
        pieces.append(part(match))
        at = match.end()
    pieces.append(raw[at:].decode("utf-8", "surrogateescape"))
    return "".join(pieces)


def quote(raw):
    """A quoted string, or a non-synchronising literal when quoting cannot hold it."""
    if isinstance(raw, str):
        raw = raw.encode()
    if any(byte in b"\r\n\0" or byte > 126 for byte in raw):
        return b"{%d+}\r\n%s" % (len(raw), raw)
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def folder_arg(name):
    return quote(encode_name(name))


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def format_date(epoch, zone_minutes=0):
    """INTERNALDATE text of an instant, in a zone of choice."""
    when = datetime.datetime.fromtimestamp(epoch + zone_minutes * 60, datetime.timezone.utc)
    sign, minutes = ("+", zone_minutes) if zone_minutes >= 0 else ("-", -zone_minutes)
    return (f"{when.day:2d}-{_MONTHS[when.month - 1]}-{when.year:04d} {when:%H:%M:%S} "
            f"{sign}{minutes // 60:02d}{minutes % 60:02d}")


def parse_date(text):
    """The instant (seconds since 1970) of an INTERNALDATE."""
    match = re.fullmatch(r" ?(\d{1,2})-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)", text)
    if not match:
        raise WireError(f"odd INTERNALDATE {text!r}")
    day, month, year, hour, minute, second, sign, zone_h, zone_m = match.groups()
    when = datetime.datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second),
                             tzinfo=datetime.timezone.utc)
    shift = (int(zone_h) * 60 + int(zone_m)) * 60
    return int(when.timestamp()) - (shift if sign == "+" else -shift)


def tokens(chunks):
    """The token tree of one response: lists for parentheses, bytes for atoms, strings and literals,
    None for NIL.  `chunks` alternates line text and literal, as `Client.read_response` gives it."""
    stack = [[]]
    for number, chunk in enumerate(chunks):
        if number % 2:
            stack[-1].append(bytes(chunk) if not isinstance(chunk, Digest) else chunk)
            continue
        text = re.sub(rb"\{\d+\}\r\n$", b"", chunk)
        at, end = 0, len(text.rstrip(b"\r\n"))
        while at < end:
            byte = text[at:at + 1]
            if byte == b"(":
                stack.append([])
                at += 1
            elif byte == b")":
                done = stack.pop()
                stack[-1].append(done)
                at += 1
            elif byte == b" ":
                at += 1
            elif byte == b'"':
                at += 1
                value = bytearray()
                while text[at:at + 1] != b'"':
                    if text[at:at + 1] == b"\\":
                        at += 1
                    value += text[at:at + 1]
                    at += 1
                at += 1
                stack[-1].append(bytes(value))
            else:
                depth, start = 0, at
                # An atom with brackets (BODY[HEADER.FIELDS (X)]) is one token.
                while at < end and (depth or text[at:at + 1] not in b" ()"):
                    depth += (text[at] == 0x5B) - (text[at] == 0x5D)
                    at += 1
                atom = text[start:at]
                stack[-1].append(None if atom.upper() == b"NIL" else atom)
    return stack[0]


class Digest:
    """Stands for a literal that was hashed while it came in, instead of being kept."""

    __slots__ = ("size", "sha256")

    def __init__(self, size, sha256):
        self.size, self.sha256 = size, sha256


class Client:
    """Synchronous, one connection.  `ca` given: TLS verified against it; None: plain text."""

    def __init__(self, host, port, ca=None, timeout=60.0, starttls=False, server_name=None, bind=None):
        self.sock = socket.create_connection((host, port), timeout, bind)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server_name = server_name or host
        self._context = ssl.create_default_context(cafile=str(ca)) if ca else None
        if ca and not starttls:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self._server_name)
        self.buffer = bytearray()
        self.number = 0
        self.capabilities = set()
        self.untagged = []
        self.greeting = self.read_line()
        self._learn(self.greeting)
        if starttls:
            self.command("STARTTLS")
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self._server_name)
            self.command("CAPABILITY")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass

    # --- reading --------------------------------------------------------------------------------

    def _more(self):
        got = self.sock.recv(262144)
        if not got:
            raise WireError("the server closed the connection")
        self.buffer += got

    def read_line(self):
        start = 0
        while True:
            at = self.buffer.find(b"\n", start)
            if at >= 0:
                line = bytes(self.buffer[:at + 1])
                del self.buffer[:at + 1]
                return line
            start = len(self.buffer)
            self._more()

    def read_exact(self, count, sink=None):
        """`count` bytes; with `sink(bytes)` they are handed on in pieces instead of being kept."""
        if sink is None:
            while len(self.buffer) < count:
                self._more()
            data = bytes(self.buffer[:count])
            del self.buffer[:count]
            return data
        left = count
        while left:
            if not self.buffer:
                self._more()
            piece = bytes(self.buffer[:left])
            del self.buffer[:left]
            left -= len(piece)
            sink(piece)
        return None

    def read_response(self, make_sink=None):
        """One response as [text, literal, text, ...].  `make_sink()` gives an object with
        update() and hexdigest(): literals become `Digest` objects."""
        chunks = []
        while True:
            line = self.read_line()
            chunks.append(line)
            match = _LITERAL.search(line)
            if not match:
                return chunks
            size = int(match.group(1))
            if make_sink is None:
                chunks.append(self.read_exact(size))
            else:
                sink = make_sink()
                self.read_exact(size, sink.update)
                chunks.append(Digest(size, sink.hexdigest()))

    # --- commands -------------------------------------------------------------------------------

    def send(self, command):
        """Sends one command without waiting; the tag.  Non-synchronising literals are the caller's."""
        self.number += 1
        tag = b"t%d" % self.number
        if isinstance(command, str):
            command = command.encode()
        self.sock.sendall(tag + b" " + command + b"\r\n")
        return tag

    def finish(self, tag, command="", make_sink=None, on_untagged=None):
        """Reads up to the tagged answer; (text of the OK, untagged responses).  NO and BAD raise, but for a CREATE whose
        folder is there."""
        untagged = []
        while True:
            chunks = self.read_response(make_sink)
            head = chunks[0]
            if head.startswith(tag + b" "):
                _, status, text = (head.rstrip(b"\r\n").split(b" ", 2) + [b""])[:3]
                self._learn(head)
                if status.upper() != b"OK" and not _made_all_the_same(command, text):
                    raise No(command, status.upper().decode(), text)
                return text, untagged
            if head.startswith(b"* BYE") and not str(command).upper().startswith("LOGOUT"):
                raise WireError(f"BYE: {head!r}")
            self._learn(head)
            if on_untagged:
                on_untagged(chunks)
            else:
                untagged.append(chunks)

    def command(self, command, **options):
        shown = command if isinstance(command, str) else command[:80].decode("latin-1")
        return self.finish(self.send(command), shown, **options)

    def _learn(self, line):
        match = re.search(rb"(?:^\* CAPABILITY |\[CAPABILITY )([^\]\r\n]*)", line)
        if match:
            self.capabilities = set(match.group(1).decode().upper().split())

    def login(self, user, password):
        """LOGIN as an owner with a password of its own (or `owner*login` with a trusted one)."""
        self.command(b"LOGIN " + quote(user) + b" " + quote(password))
        return self

    def login_for(self, owner, login, password):
        """A trusted login acting for `owner`: PLAIN with an authorization id, in one flight."""
        token = base64.b64encode(f"{owner}\0{login}\0{password}".encode())
        self.command(b"AUTHENTICATE PLAIN " + token)
        return self

    def logout(self):
        try:
            self.command("LOGOUT")
        except (WireError, OSError):
            pass
        self.close()

    # --- what tests ask for ---------------------------------------------------------------------

    def select(self, folder, examine=False):
        """{exists, uidvalidity, uidnext, highestmodseq, flags, permanentflags, readonly}"""
        verb = b"EXAMINE " if examine else b"SELECT "
        text, untagged = self.command(verb + folder_arg(folder))
        state = {"readonly": text.upper().startswith(b"[READ-ONLY]")}
        for chunks in untagged:
            line = chunks[0]
            match = re.match(rb"\* (\d+) EXISTS", line)
            if match:
                state["exists"] = int(match.group(1))
            for key in ("UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ"):
                match = re.search(rb"\[%s (\d+)\]" % key.encode(), line)
                if match:
                    state[key.lower()] = int(match.group(1))
            match = re.match(rb"\* FLAGS \(([^)]*)\)", line)
            if match:
                state["flags"] = match.group(1).decode().split()
            match = re.search(rb"\[PERMANENTFLAGS \(([^)]*)\)\]", line)
            if match:
                state["permanentflags"] = match.group(1).decode().split()
        return state

    def list(self, options="", pattern=b'"*"', returns=""):
        """[(name, separator, attributes)] of LIST."""
        command = b"LIST " + options.encode() + (b" " if options else b"") + b'"" ' + pattern
        if returns:
            command += b" RETURN (" + returns.encode() + b")"
        return self._folders(command, b"LIST")

    def lsub(self):
        return self._folders(b'LSUB "" "*"', b"LSUB")

    def _folders(self, command, word):
        folders = []
        _, untagged = self.command(command)
        for chunks in untagged:
            parsed = tokens(chunks)
            if len(parsed) >= 5 and parsed[1] == word:
                separator = parsed[3].decode() if parsed[3] else None
                name = parsed[4] if parsed[4] is not None else b"NIL"
                folders.append((decode_name(name), separator, {flag.decode() for flag in parsed[2]}))
        return folders

    def append(self, folder, messages):
        """Appends [(bytes, flags, epoch or None)] with one MULTIAPPEND; the APPENDUIDs given."""
        parts = [b"APPEND ", folder_arg(folder)]
        for body, flags, when in messages:
            if flags:
                parts.append(b" (" + " ".join(flags).encode() + b")")
            if when is not None:
                date = when if isinstance(when, str) else format_date(when)
                parts.append(b' "' + date.encode() + b'"')
            parts.append(b" {%d+}\r\n" % len(body))
            parts.append(body)
        text, _ = self.command(b"".join(parts))
        match = re.match(rb"\[APPENDUID (\d+) ([\d:,]+)\]", text)
        return expand(match.group(2).decode()) if match else []

    def fetch(self, what, uids="1:*"):
        """{uid: {item: value}} of one UID FETCH; item names upper-case, BODY[] as given."""
        found = {}
        _, untagged = self.command(f"UID FETCH {uids} ({what})")
        for chunks in untagged:
            parsed = tokens(chunks)
            if len(parsed) >= 4 and parsed[2] == b"FETCH":
                items = parsed[3]
                row = {items[i].decode().upper(): items[i + 1] for i in range(0, len(items), 2)}
                if "UID" in row:
                    found.setdefault(int(row["UID"]), {}).update(row)
        return found


def expand(uid_set):
    """'3:5,9' -> [3, 4, 5, 9]"""
    uids = []
    for part in uid_set.split(","):
        low, _, high = part.partition(":")
        uids.extend(range(int(low), int(high or low) + 1))
    return uids


def compact(uids):
    """[3, 4, 5, 9] -> '3:5,9'"""
    parts, ordered = [], sorted(uids)
    at = 0
    while at < len(ordered):
        last = at
        while last + 1 < len(ordered) and ordered[last + 1] == ordered[last] + 1:
            last += 1
        parts.append(f"{ordered[at]}" if at == last else f"{ordered[at]}:{ordered[last]}")
        at = last + 1
    return ",".join(parts)
