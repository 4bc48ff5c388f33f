# SPDX-License-Identifier: Apache-2.0
"""Sample subscribers of a voice-mail store, the same for the same seed: what is awkward in real directories is in them.

A subscriber is {attribute: [bytes]}, ready for Slapd.seed and Slapd.add; ldif() writes them down.
"""

import base64
import random
import unicodedata

from . import audio
from .slapd import ldif_entry, subscriber_dn

# Without one of these a store takes no subscriber.
REQUIRED = ("Password", "Community", "ClassNo", "sn", "NumericAddress")
SMALLEST_NAME, LARGEST_NAME = 8 * 1024, 64 * 1024

# As written, in ASCII.
GIVEN = (("Zoe", "Zoe"), ("Jos\u00e9", "Jose"), ("Bj\u00f6rn", "Bjoern"), ("Ana Mar\u00eda", "Ana Maria"), ("Li", "Li"),
         ("\u0141ukasz", "Lukasz"), ("Peter", "Peter"), ("Ren\u00e9e", "Renee"), ("\u592a\u90ce", "Taro"), ("Maeve", "Maeve"),
         ("\u00d8yvind", "Oyvind"), ("\u0418\u0432\u0430\u043d", "Ivan"))
LAST = (("Smith", "Smith"), ("M\u00fcller", "Mueller"), ("O'Brien", "O'Brien"), ("N\u00fa\u00f1ez", "Nunez"), ("Wei\u00df", "Weiss"),
        ("van der Berg", "van der Berg"), ("Garc\u00eda L\u00f3pez", "Garcia Lopez"), ("\u5c71\u7530", "Yamada"),
        ("Dvo\u0159\u00e1k", "Dvorak"), ("Jones-Lee", "Jones-Lee"), ("\u041f\u0435\u0442\u0440\u043e\u0432", "Petrov"),
        ("Doe, Jr.", "Doe, Jr."))
NOTES = ("Building 7", "R\u00fcckfrage", "room  12", "a=b, \"c\" <d>", "#12", "\u53d7\u4ed8", "VIP", "x" * 64)


def _numbers(count, rng, given):
    """Different mailbox numbers of 3 to 10 digits; of the first two one is the other behind a zero."""
    found = dict.fromkeys(given[:count])
    for number in ("0421", "421"):
        if len(found) < count:
            found[number] = None
    while len(found) < count:
        digits = rng.choice((3, 4, 4, 4, 5, 5, 6, 7, 10))
        number = "".join(rng.choices("0123456789", k=digits))
        if rng.random() < 0.1:
            number = "0" * rng.randrange(1, 3) + number[:8]
        found[number] = None
    return list(found)


def _phone(rng):
    line = rng.randrange(100, 200)
    return rng.choice(("+1 555 {0:04d}", "+1-555-{0:04d}", "+1 (555) {0:04d}", "555{0:04d}", "555 {0:04d}",
                       "+1 555-01 {0:04d}", "1.555.{0:04d}")).format(line * 37 % 10000)


def _name(rng, text):
    """As people type it: sometimes with doubled spaces, sometimes with accents as signs of their own."""
    if rng.random() < 0.15:
        text = text.replace(" ", "  ")
    return unicodedata.normalize("NFD" if rng.random() < 0.2 else "NFC", text)


def recorded_name(rng):
    """A WAV file of 8 to 64 KiB in G.711."""
    empty = base64.b64decode(audio.wav_base64("ulaw", 2, random.Random(0))[0])
    size = rng.randrange(SMALLEST_NAME, LARGEST_NAME - 1) - (len(empty) - 2)
    return base64.b64decode(audio.wav_base64(rng.choice(("ulaw", "alaw")), size + 2, rng)[0])


def _one(number, index, rng, recorded):
    (given, given_ascii), (last, last_ascii) = rng.choice(GIVEN), rng.choice(LAST)
    person = {"objectClass": ["mmSubscriber"], "MailboxNumber": [number], "cn": [_name(rng, f"{given} {last}")],
              "sn": [_name(rng, last)], "givenName": [_name(rng, given)], "asciiName": [f"{given_ascii} {last_ascii}"],
              "Password": ["".join(rng.choices("0123456789", k=rng.randrange(3, 16)))],
              "Community": [str(rng.choice((1, 1, 1, 1, rng.randrange(1, 16))))],
              "ClassNo": [str(rng.choice((0, 1, 1, 7, rng.randrange(996))))]}
    # The index makes it one of its own; spaces in it say nothing.
    address = f"{rng.choice(('555', '1555', '0044555'))}{index:06d}"
    person["NumericAddress"] = [f"{address[:3]} {address[3:]}" if rng.random() < 0.1 else address]
    if rng.random() < 0.1:
        person["cn"].append(f"{given_ascii} {last_ascii} {number}")
    if rng.random() < 0.05:
        person["NumericAddress"].append(f"999{index:07d}")
    if rng.random() < 0.7:
        person["telephoneNumber"] = [_phone(rng)]
    if rng.random() < 0.6:
        person["avUmFindMeEnabled"] = [rng.choice(("TRUE", "FALSE"))]
    for misc in range(1, 5):
        if rng.random() < 0.3:
            person[f"Misc{misc}"] = [rng.choice(NOTES)]
    if rng.random() < 0.2:
        person["asciiName"] = [person["asciiName"][0].upper()]
    elif rng.random() < 0.1:
        del person["asciiName"]
    person = {name: [value.encode() for value in values] for name, values in person.items()}
    if rng.random() < recorded:
        person["umRecordedName"] = [recorded_name(rng)]
    return person


def make(count, seed, recorded=0.25, incomplete=0.0, numbers=()):
    """`count` subscribers.  recorded: the share with a recorded name (32 KiB at the mean); incomplete: the share that lacks one
    of REQUIRED; numbers: mailbox numbers to begin with, such as those of the lab's mailboxes."""
    rng = random.Random(f"subscribers {seed}")
    people = [_one(number, index, rng, recorded) for index, number in enumerate(_numbers(count, rng, list(numbers)))]
    for person in people:
        if rng.random() < incomplete:
            del person[rng.choice(REQUIRED)]
    return people


def number_of(person):
    return person["MailboxNumber"][0].decode()


def ldif(people, base):
    """For slapadd, below `base`."""
    return b"".join(ldif_entry(subscriber_dn(number_of(person), base), person) for person in people)
