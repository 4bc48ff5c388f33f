# SPDX-License-Identifier: Apache-2.0
"""Folders under fire: `before` is mirrored in peace, `changes` is what the broken pass has to do.

A chain of renames, two folders that exchange their names, a parent with children (one of which is deleted, one made anew, and
one empty), one deleted and made anew under its name in the same second, one that goes with its children, and messages that were moved between them.
"""

import random

from lab import samples

# Each with messages of its own; "." stands for what separates names on production.
FILLED = ("One", "Two", "Three", "Left", "Right", "Parent", "Parent.child", "Parent.child.grandchild", "Same", "Doomed", "Doomed.below",
          "Parent.goes", "Parent.again")


class _Named:
    """A client that takes names in the scenario's form."""

    def __init__(self, client):
        self.client, self.separator = client, client.list()[0][1]

    def named(self, name):
        return name.replace(".", self.separator)

    def command(self, words):
        return self.client.command(self.named(words))


def _append(client, folder, *seeds):
    client.client.append(client.named(folder), [(samples.make("text", random.Random(f"folders {seed}")).body, [], samples.NOW + n) for n, seed in enumerate(seeds)])


def before(client):
    client = _Named(client)
    _append(client, "INBOX", "inbox 1", "inbox 2", "inbox 3")
    for name in FILLED:
        client.command(f"CREATE {name}")
        _append(client, name, f"{name} 1", f"{name} 2")
    for name in ("Empty", "Parent.empty", "Parent.empty goes"):
        client.command(f'CREATE "{name}"')


def changes(client):
    client = _Named(client)
    for old, new in (("Three", "Four"), ("Two", "Three"), ("One", "Two"),
                     ("Left", "Aside"), ("Right", "Left"), ("Aside", "Right"),
                     ("Parent", "Moved parent"), ("Empty", "One")):
        client.command(f'RENAME "{old}" "{new}"')
    for name in ("goes", "empty goes", "again"):
        client.command(f'DELETE "Moved parent.{name}"')
    client.command('CREATE "Moved parent.again"')
    _append(client, "Moved parent.again", "Parent.again 2", "again")
    client.command("DELETE Same")
    client.command("CREATE Same")
    _append(client, "Same", "Same 1", "Same 3")  # one of the old folder's messages is in the new one as well
    client.command("DELETE Doomed.below")
    client.command("DELETE Doomed")
    client.command("SELECT INBOX")
    client.command("UID MOVE 2 Two")
    client.command("UNSELECT")
    client.command("SELECT Four")
    client.command("UID MOVE 1 INBOX")
    client.command("UNSELECT")
