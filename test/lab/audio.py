# SPDX-License-Identifier: Apache-2.0
"""Playable telephone audio: WAV files in G.711 mu-law (format tag 7), A-law (6) and GSM 6.10 (49).

A bank of each codec is made once and kept base64-encoded in whole lines, and every file's header is
two base64 lines long: a message of any length is then a few slices, so that hundreds of megabytes
cost no more than copying them.
"""

import base64
import functools
import math
import random
import struct

_LINE = 57  # bytes in one base64 line of 76 characters
_HEADER = 2 * _LINE
TAGS = {"ulaw": 7, "alaw": 6, "gsm": 49}
BYTES_PER_SECOND = {"ulaw": 8000, "alaw": 8000, "gsm": 1625}
_GSM_BLOCK = 65  # two frames, 320 samples


def ulaw(sample):
    """One 16-bit sample in G.711 mu-law."""
    sign = 0x80 if sample < 0 else 0
    value = min(abs(sample >> 2), 8158) + 33
    exponent = max(0, value.bit_length() - 6)
    return ~(sign | exponent << 4 | value >> (exponent + 1) & 0x0F) & 0xFF


def alaw(sample):
    """One 16-bit sample in G.711 A-law."""
    value = sample >> 3
    mask = 0xD5 if value >= 0 else 0x55
    if value < 0:
        value = -value - 1
    if value > 4095:
        value = 4095
    exponent = max(0, value.bit_length() - 5)
    return (exponent << 4 | value >> max(1, exponent) & 0x0F) ^ mask


def _speech(seconds, rng):
    """Something between a voice and a dial tone: vowels with a moving pitch and pauses."""
    samples, phase = [], 0.0
    for at in range(seconds * 8000):
        if at % 1600 == 0:
            pitch, loud = rng.uniform(90, 240), rng.choice((0.0, 3000.0, 6000.0, 9000.0))
            formants = rng.choice(((5, 8), (3, 16), (4, 12), (6, 9)))
        phase += 2 * math.pi * pitch / 8000
        samples.append(int(loud * (math.sin(phase) + 0.5 * math.sin(formants[0] * phase)
                                   + 0.3 * math.sin(formants[1] * phase)) / 1.8))
    return samples


def _gsm_frames(count, rng):
    """GSM 6.10 frames written parameter by parameter in the bit order of WAV (least significant
    first): a filter, a pitch and pulses, as a coder would have found for a voice.  Every such
    frame is decodable; the format has no check bits."""
    bits, total = 0, 0
    for number in range(count):
        if number % 10 == 0:
            filters = [rng.randrange(1 << width) for width in (6, 6, 5, 5, 4, 4, 3, 3)]
            lag, level = rng.randrange(40, 120), rng.choice((4, 30, 40, 46))
        fields = list(zip(filters, (6, 6, 5, 5, 4, 4, 3, 3)))
        for _ in range(4):
            fields += [(lag, 7), (2, 2), (rng.randrange(4), 2), (level, 6)]
            fields += [(rng.randrange(8), 3) for _ in range(13)]
        for value, width in fields:
            bits |= value << total
            total += width
    return bits.to_bytes(total // 8, "little")


@functools.lru_cache(maxsize=None)
def _bank(codec):
    """(raw bytes, their base64 lines): 456 lines, 26 kB, a common multiple of lines and GSM blocks."""
    rng = random.Random(f"bank {codec}")
    size = _LINE * _GSM_BLOCK * 8
    if codec == "gsm":
        # Built in pieces: one big integer would grow quadratically.
        raw = b"".join(_gsm_frames(20, rng) for _ in range(size // (_GSM_BLOCK * 10)))
        raw += _gsm_frames((size - len(raw)) // _GSM_BLOCK * 2, rng)
    else:
        coder = ulaw if codec == "ulaw" else alaw
        raw = bytes(coder(sample) for sample in _speech(size // 8000 + 1, rng))[:size]
    lines = base64.encodebytes(raw).replace(b"\n", b"\r\n")
    return raw, lines


def _header(codec, size, comment):
    gsm = codec == "gsm"
    rate = BYTES_PER_SECOND[codec]
    samples = size // _GSM_BLOCK * 320 if gsm else size
    fmt = struct.pack("<HHIIHHH", TAGS[codec], 1, 8000, rate, _GSM_BLOCK if gsm else 1, 0 if gsm else 8,
                      2 if gsm else 0) + (struct.pack("<H", 320) if gsm else b"")
    room = _HEADER - 12 - 8 - len(fmt) - 12 - 20 - 8
    text = comment.encode("ascii")[:room - 1].ljust(room, b"\0")
    head = (b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"fact" + struct.pack("<II", 4, samples)
            + b"LIST" + struct.pack("<I", 12 + room) + b"INFOICMT" + struct.pack("<I", room) + text
            + b"data" + struct.pack("<I", size))
    return b"RIFF" + struct.pack("<I", len(head) + size) + head


def wav_base64(codec, size, rng):
    """A WAV file of about `size` bytes of audio as base64 lines; (lines, seconds of sound)."""
    step = _GSM_BLOCK * 2 if codec == "gsm" else 2  # even, so that RIFF needs no padding byte
    size = max(step, size // step * step)
    raw, lines = _bank(codec)
    # GSM starts on a block, and every start is a whole line.
    grid = _GSM_BLOCK if codec == "gsm" else 1
    start = rng.randrange(len(raw) // _LINE // grid) * grid
    full, rest = divmod(size, _LINE)
    width = 78  # 76 characters and CRLF
    turned = lines[start * width:] + lines[:start * width]
    body = (turned * (full * width // len(turned) + 1))[:full * width]
    if rest:
        at = (start + full) * _LINE % len(raw)
        body += base64.b64encode((raw + raw)[at:at + rest]) + b"\r\n"
    head = base64.encodebytes(_header(codec, size, f"voice {rng.getrandbits(64):016x}")).replace(b"\n", b"\r\n")
    return head + body, size / BYTES_PER_SECOND[codec]
