# SPDX-License-Identifier: Apache-2.0
"""Cuts an IMAP dialog into lines and literals (RFC 9051, section 4.3), without understanding more of it."""

import re

LITERAL = re.compile(rb"\{(\d+)(\+?)\}$")


class Lines:
    """Cuts one direction of an IMAP dialog, however it is chopped, into lines and literal octets.

    `feed(data)` yields ("line", bytes with CRLF, whether the command or response ends with it), or ("literal", piece,
    whether the literal ends with it)."""

    def __init__(self):
        self.buffer, self.left = bytearray(), 0

    def feed(self, data):
        at = 0
        while at < len(data):
            if self.left:
                piece = data[at:at + self.left]
                self.left -= len(piece)
                at += len(piece)
                yield "literal", bytes(piece), self.left == 0
                continue
            end = data.find(b"\n", at)
            if end < 0:
                self.buffer += data[at:]
                return
            line = bytes(self.buffer) + data[at:end + 1]
            self.buffer.clear()
            at = end + 1
            match = LITERAL.search(line.rstrip(b"\r\n"))
            if match:
                self.left = int(match.group(1))
            yield "line", line, not match


def command_name(line):
    """Of a command's first line; "DATA" for a line that is no command."""
    words = line.rstrip(b"\r\n").split(b" ")
    name = words[1 if len(words) > 1 else 0].upper().decode("latin-1")
    if len(words) < 2:
        return name if name == "DONE" else "DATA"
    if name == "UID" and len(words) > 2:
        return "UID " + words[2].upper().decode("latin-1")
    return name
