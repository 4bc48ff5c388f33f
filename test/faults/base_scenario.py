# SPDX-License-Identifier: Apache-2.0
"""What happens on production in every run: `before` is mirrored in peace, `changes` is what the broken pass has to do.

Every kind of message is there: distinct ones, byte-identical ones of which one goes, one without a Message-ID, and one
that leaves in more than one piece.
"""

import random

from lab import samples

GREETINGS = "Greetings"


def _text(seed):
    return samples.make("text", random.Random(f"faults {seed}")).body


def _without_id(seed):
    return samples.make("no_message_id", random.Random(f"faults {seed}")).body


def _long(seed):
    return samples.make("voice_ulaw", random.Random(f"faults {seed}"), 150_000).body


def _greeting(seed):
    return samples.greeting(random.Random(f"faults {seed}"), samples.GREETING_TYPES[0]).body


def _append(client, folder, *messages):
    client.append(folder, [(body, flags, samples.NOW + n) for n, (body, flags) in enumerate(messages)])


def before(client):
    twin = _text("twin")
    _append(client, "INBOX", (_text("first"), []), (twin, []), (twin, []), (_text("goes"), ["\\Seen"]))
    for folder in ("Kept", "Gone", GREETINGS):
        client.command(f"CREATE {folder}")
    _append(client, "Kept", (_text("kept"), ["\\Seen"]))
    _append(client, "Gone", (_text("gone"), []))
    _append(client, GREETINGS, (_greeting("old"), []))


def changes(client):
    pair = _text("pair")
    _append(client, "INBOX", (_text("new"), ["\\Flagged"]), (pair, []), (_without_id("anonymous"), []), (pair, []), (_long("long"), []))
    client.select("INBOX")
    client.command("UID STORE 1 +FLAGS (\\Seen kept)")
    client.command("UID STORE 2,4 +FLAGS (\\Deleted)")
    client.command("EXPUNGE")
    client.command("UNSELECT")
    client.command("RENAME Kept Moved")
    client.command("DELETE Gone")
    client.command("CREATE Fresh")
    client.command("SUBSCRIBE Fresh")
    _append(client, "Fresh", (_text("fresh"), []))
    _append(client, GREETINGS, (_greeting("new"), []))
    client.select(GREETINGS)
    client.command("UID STORE 1 +FLAGS (\\Deleted)")
    client.command("EXPUNGE")
    client.command("UNSELECT")
