# SPDX-License-Identifier: Apache-2.0
"""INBOX renamed: its messages go along, and it goes on, empty and with another UIDVALIDITY, under its name (RFC 9051 section
6.3.6). `before` is mirrored in peace, `changes` is what the broken pass has to do. Production is no Maildir: that cannot. Nothing is deleted
afterwards: what is gone with INBOX's old UIDVALIDITY is held for a person, as it should be.
"""

import random

from lab import samples


def _append(client, folder, *seeds):
    client.append(folder, [(samples.make("text", random.Random(f"inbox {seed}")).body, [], samples.NOW + n) for n, seed in enumerate(seeds)])


def before(client):
    _append(client, "INBOX", "1", "2", "twin", "twin", "3")
    client.command("CREATE Kept")
    _append(client, "Kept", "kept 1", "kept 2")


def changes(client):
    client.command('RENAME INBOX "Old inbox"')
    _append(client, "INBOX", "4", "5")
    client.select("Old inbox")
    client.command("UID MOVE 1,3 Kept")  # one of the twins, too
    client.command("UID STORE 2 +FLAGS (\\Seen)")
    client.command("UNSELECT")
