# SPDX-License-Identifier: Apache-2.0
"""Sample messages of every kind a voice-mail store meets, the same for the same seed.

`make(kind, rng, size)` gives one message; MESSAGE_KINDS names the kinds, each of which a fill must
contain.  Sizes of voice run from 20 KB to 3 MB.  No NUL: no IMAP server may be sent one in a literal.
"""

import base64
import dataclasses
import functools
import random
import re
import struct
import time

from . import audio

# The present of the samples: the same seed gives the same bytes on every day.
NOW = 1_750_000_000
SMALLEST, LARGEST = 20_600, 3_000_000

MESSAGE_KINDS = ("voice_ulaw", "voice_alaw", "voice_gsm", "voice_20kb", "voice_3mb", "text", "fax", "malformed_mime",
                 "header_8bit", "bare_lf", "duplicate", "no_message_id", "keyword", "date_1970", "date_future",
                 "date_zone", "big_header", "empty_body")

GREETING_TYPES = ("standard", "busy", "no-answer", "out-of-office", "extended-absence", "internal",
                  "external", "holiday", "recorded-name")
GREETINGS = ("Greetings",)
INBOX = ("INBOX",)

# A Maildir folder holds 26 keywords, so these are all there are.
KEYWORDS = ("$Forwarded", "$MDNSent", "$Junk", "NonJunk", "$label1", "$label2", "urgent", "Private",
            "callback", "fax-ok", "vm.new", "vm:old", "a", "B", "c_d", "e-f", "g/h", "i+j", "k=l", "m!n", "o#p",
            "q'r", "s|t", "0123", "x" * 40, "Transcribed")

# Paths by component, with the kind each stands for.  Maildir forbids '/' and a leading '~'; its '.'
# separates.  Two names that differ in case alone are two folders.
FOLDERS = {
    "space": ("With Space",), "quote": ('Quo"ted',), "backslash": ("Back\\slash",), "ampersand": ("A & B",),
    "utf7_like": ("x&y-z",), "umlaut": ("Gr\u00fc\u00dfe",), "cjk": ("\u53d7\u4fe1\u7bb1",),
    "emoji": ("\U0001f4de Anrufe",), "percent": ("100%",), "star": ("star*",), "nested": ("Archive", "2024", "Q1"),
    "inbox_child": ("INBOX", "Child"), "brackets": ("[Box] (1) {5}",), "case": ("Same",), "case_twin": ("same",),
    "leading_space": (" lead",), "trailing_space": ("trail ",), "long": ("long " + "n" * 95,),
    "special_trash": ("Trash",), "combining": ("Cafe\u0301",), "hash": ("#news",), "comma": ("a,b;c",),
}


@dataclasses.dataclass
class Sample:
    kind: str
    body: bytes
    flags: tuple = ()
    keywords: tuple = ()
    when: int = 0
    zone: int = 0


def as_served(body):
    """The bytes a server gives back: a line feed alone becomes CRLF (RFC 5322, 2.3)."""
    if body.count(b"\n") == body.count(b"\r\n"):  # much faster than the expression below
        return body
    return re.sub(rb"(?<!\r)\n", b"\r\n", body)


def _names(rng):
    first = rng.choice(("Ada", "Bj\u00f6rn", "Chlo\u00e9", "Dmitri", "Eva", "Fatima", "Grace", "H\u00e5kon"))
    last = rng.choice(("Lovelace", "Str\u00f6m", "Dupont", "Ivanov", "Hopper", "O'Neil", "Ng", "M\u00fcller"))
    return f"{first} {last}", f"+49{rng.randrange(10 ** 9, 10 ** 10)}"


def _word(text):
    """An encoded word where ASCII does not do."""
    if text.isascii():
        return text.encode()
    return b"=?UTF-8?B?" + base64.b64encode(text.encode()) + b"?="


def _head(rng, subject, content_type, when, message_id=True, extra=()):
    name, number = _names(rng)
    stamp = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(when)).encode()
    lines = [b"Return-Path: <%s@vm.example.net>" % number.encode(),
             b"Received: from pbx.example.net ([192.0.2.%d])\r\n\tby store.example.net with ESMTP id %x;\r\n\t%s"
             % (rng.randrange(256), rng.getrandbits(48), stamp),
             b"From: " + _word(name) + b" <%s@vm.example.net>" % number.encode(),
             b"To: <%d@store.example.net>" % rng.randrange(1000, 9999), b"Date: " + stamp,
             b"Subject: " + _word(subject)]
    if message_id:
        lines.append(b"Message-ID: <%032x@vm.example.net>" % rng.getrandbits(128))
    lines += [b"MIME-Version: 1.0", *extra, b"Content-Type: " + content_type]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def voice(rng, codec, size, when, message_id=True, extra=()):
    """A multipart/voice-message (RFC 3801) of about `size` bytes in all."""
    sound = max(400, int((size - 1500) * 57 / 78))
    lines, seconds = audio.wav_base64(codec, sound, rng)
    boundary = b"=_vm_%016x" % rng.getrandbits(64)
    head = _head(rng, f"Voice message ({int(seconds)} s)", b'Multipart/Voice-Message; Version=2.0;\r\n\tboundary="'
                 + boundary + b'"', when, message_id, (b"X-CallerID: %d" % rng.getrandbits(30), *extra))
    note = (b"--" + boundary + b"\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nYou have a new voice message of "
            b"%d seconds.\r\n" % int(seconds))
    part = (b"--" + boundary + b"\r\nContent-Type: audio/wav; codec=%d; name=msg.wav\r\n" % audio.TAGS[codec]
            + b"Content-Transfer-Encoding: base64\r\nContent-Disposition: inline; voice=Voice-Message; filename=msg.wav\r\n"
            b"Content-Language: en\r\nContent-Duration: %d\r\n\r\n" % int(seconds))
    return b"".join((head, note, part, lines, b"--", boundary, b"--\r\n"))


@functools.lru_cache(maxsize=None)
def _fax_page():
    """A page of 1728 by 1100 bilevel pixels with text-like rows: an uncompressed TIFF."""
    rng, rows = random.Random("fax"), []
    for row in range(1100):
        if row % 20 < 12:
            rows.append(bytes(rng.choice((0, 0, 0, 0x3C, 0x7E, 0xFF)) for _ in range(216)))
        else:
            rows.append(bytes(216))
    image = b"".join(rows)
    entries = [(256, 3, 1, 1728), (257, 3, 1, 1100), (258, 3, 1, 1), (259, 3, 1, 1), (262, 3, 1, 0), (273, 4, 1, 8),
               (277, 3, 1, 1), (278, 4, 1, 1100), (279, 4, 1, len(image))]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8 + len(image)) + image + directory + struct.pack("<I", 0)


@functools.lru_cache(maxsize=None)
def _fax_lines():
    return base64.encodebytes(_fax_page()).replace(b"\n", b"\r\n")


def fax(rng, when):
    boundary = b"=_fax_%016x" % rng.getrandbits(64)
    head = _head(rng, "Fax, 1 page", b'Multipart/Fax-Message; boundary="' + boundary + b'"', when)
    part = (b"--" + boundary + b"\r\nContent-Type: image/tiff; application=faxbw; name=fax.tif\r\n"
            b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=fax.tif\r\n\r\n")
    return b"".join((head, part, _fax_lines(), b"--", boundary, b"--\r\n"))


def text(rng, when, message_id=True):
    words = ("call", "back", "please", "number", "Gr\u00fc\u00dfe", "meeting", "caf\u00e9", "\U0001f600", "tomorrow", "fax")
    lines = [" ".join(rng.choice(words) for _ in range(rng.randrange(3, 12))) for _ in range(rng.randrange(2, 40))]
    body = "\r\n".join(lines).encode() + b"\r\n"
    # A dot and a From at line starts are where stores and transports alter mail.
    body += b".\r\nFrom here on\r\n>From there\r\n" if rng.random() < 0.3 else b""
    return _head(rng, rng.choice(("Note", "R\u00fcckruf", "Re: =?broken?=", "")), b"text/plain; charset=utf-8; "
                 b"format=flowed", when, message_id, (b"Content-Transfer-Encoding: 8bit",)) + body


def malformed(rng, when):
    """Mail as found in the wild: broken in a way that a store must carry unchanged."""
    head = _head(rng, "broken", b'multipart/mixed; boundary="b"', when)
    start, rest = head[:-4], b"\r\n\r\n"
    return rng.choice((
        head + b"--b\r\nContent-Type: text/plain\r\n\r\nno closing boundary",
        head + b"the boundary never comes\r\n",
        start + b"\r\nthis line has no colon at all" + rest + b"body\r\n",
        start + b"\r\nX-Empty:\r\nX-Fold:\r\n \t\r\n folded on blank" + rest + b"--b\r\n\r\n--b--\r\n",
        start.replace(b'boundary="b"', b"boundary=") + rest + b"--\r\nx\r\n----\r\n",
        start + b"\r\nContent-Type: text/plain\r\nSubject: second subject\r\nSubject: third" + rest + b"three subjects\r\n",
        start + b"\r\nContent-Transfer-Encoding: base64" + rest + b"!!! not base64 at all ===\r\n",
        start + b"\r\nContent-Type: message/rfc822" + rest + b"Content-Type: message/rfc822\r\n\r\n" * 20 + b"deep\r\n",
        head + b"--b\r\n\r\n" + b"x" * 70_000 + b"\r\n--b--\r\n",
        start,  # headers only, no empty line, no end of line
        b"\r\nno header at all, only a body %d\r\n" % rng.getrandbits(60),
        start + b"\r\nX-Long: " + b"y" * 9_000 + rest + b"--b\r\n\r\nlong header line\r\n--b--\r\n",
        head + b"a lone CR \r stays\r\nand 8-bit \x80\xff\xfe bytes\r\n",
        b"From MAILER-DAEMON Thu Jan  1 00:00:00 1970\r\n" + head + b"--b\r\n\r\nmbox line on top\r\n--b--\r\n",
    ))


def header_8bit(rng, when):
    raw = rng.choice(("R\u00fcckruf f\u00fcr M\u00fcller".encode("latin-1"), "Gr\u00fc\u00dfe \U0001f4de".encode(),
                      b"\x93quoted\x94 in windows-1252", "\u65e5\u672c\u8a9e".encode("shift-jis")))
    head = _head(rng, "placeholder", b"text/plain", when)
    return head.replace(b"Subject: placeholder", b"Subject: " + raw) + b"raw 8-bit header\r\n"


def make(kind, rng, size=SMALLEST, now=NOW):
    """One sample.  `size` counts for voice; a duplicate is made by its caller from a neighbour."""
    when = now - rng.randrange(60, 5 * 365 * 86400)
    flags = tuple(flag for flag, chance in (("\\Seen", 0.5), ("\\Answered", 0.1), ("\\Flagged", 0.15), ("\\Draft", 0.03))
                  if rng.random() < chance)
    keywords = tuple(sorted(rng.sample(KEYWORDS, rng.randrange(1, 4)))) if rng.random() < 0.1 else ()
    zone = 0
    if kind == "voice_20kb":
        body = voice(rng, "ulaw", SMALLEST, when)
    elif kind == "voice_3mb":
        body = voice(rng, "alaw", LARGEST, when)
    elif kind.startswith("voice_"):
        body = voice(rng, kind[6:], size, when)
    elif kind == "fax":
        body = fax(rng, when)
    elif kind == "malformed_mime":
        body = malformed(rng, when)
    elif kind == "header_8bit":
        body = header_8bit(rng, when)
    elif kind == "bare_lf":
        body = text(rng, when).replace(b"\r\n", b"\n") + b"mixed\r\nends\n"
    elif kind == "no_message_id":
        body = rng.choice((voice(rng, "ulaw", SMALLEST, when, False), text(rng, when, False)))
    elif kind == "big_header":
        many = tuple(b"X-Trace-%d: %064x" % (i, rng.getrandbits(256)) for i in range(400))
        body = _head(rng, "many headers", b"text/plain", when, True, many) + b"x\r\n"
    elif kind == "empty_body":
        body = _head(rng, "nothing to say", b"text/plain", when)
    else:  # text, keyword and the dates
        body = text(rng, when)
    if kind == "keyword":
        keywords = tuple(sorted(rng.sample(KEYWORDS, 3)))
    elif kind == "date_1970":
        when = rng.choice((0, 1, 86399, 3600))
    elif kind == "date_future":
        # Dovecot replaces what lies more than 2 h ahead; in zone +14:00 this is tomorrow.
        when, zone = int(time.time()) + 5400, 14 * 60
    elif kind == "date_zone":
        zone = rng.choice((-720, -210, 330, 345, 840, 60))
    return Sample(kind, body, flags, keywords, when, zone)


def greeting(rng, kind, now=NOW):
    """A greeting of one of GREETING_TYPES: audio of a few seconds with its type in a header."""
    when = now - rng.randrange(60, 86400 * 300)
    body = voice(rng, rng.choice(("ulaw", "alaw", "gsm")), rng.randrange(SMALLEST, 60_000), when, True,
                 (b"X-Greeting-Type: " + kind.encode(),))
    return Sample("greeting", body, ("\\Seen",), (), when)
