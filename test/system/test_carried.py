#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A folder is renamed while mirrord is away, and one below it is deleted, replaced or renamed as well: RENAME on DR takes
all of them along (RFC 9051 section 6.3.6), and none may be forgotten where it was taken to."""

import pathlib
import random
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder

cases = Cases()
OWNER = "1001"


def made(name, count):
    return [(samples.make("text", random.Random(f"carried {name} {n}")).body, [], samples.NOW) for n in range(count)]


def create(client, **folders):
    """Folders with as many messages each; "__" stands for the separator of production's names."""
    for name, count in folders.items():
        name = name.replace("__", ".")
        client.command(f"CREATE {name}")
        if count:
            client.append(name, made(name, count))


def change(mirror, *commands, on_dr=(), **folders):
    """On production (and on DR), while mirrord is away; then both stores are equal after a whole pass, and nothing is told as
    left undone."""
    mirror.stop()
    with mirror.store("dr").connect(OWNER) as client:
        for command in on_dr:
            client.command(command)
    with mirror.store("production").connect(OWNER) as client:
        for command in commands:
            client.command(command)
        create(client, **folders)
    mirror.start()
    mirror.wait_equal(60)
    mirror.ctl("resync", "--all", "--wait")
    assert not mirror.status()["problems"], mirror.status()["problems"]


def history(mirror, kind):
    return [(row["before"], row["after"]) for row in mirror.ctl("mailbox", "history", OWNER)["items"] if row["kind"] == kind]


@cases.add
def the_first_copy(mirror):
    with mirror.store("production").connect(OWNER) as client:
        client.append("INBOX", made("inbox", 40))
        create(client, A=3, A__empty=0, A__full=4, A__stays=2, A__stays__below=0, A__again=2)
    mirror.configure()
    mirror.wait_equal(60)


@cases.add
def what_was_deleted_below_a_renamed_folder_goes(mirror):
    change(mirror, "RENAME A B", "DELETE B.empty", "DELETE B.full")


@cases.add
def what_is_empty_below_a_renamed_folder_is_renamed_and_not_made_anew(mirror):
    made_before, gone_before = history(mirror, "folder.created"), history(mirror, "folder.deleted")
    change(mirror, "RENAME B C")
    assert ("B/stays/below", "C/stays/below") in history(mirror, "folder.renamed"), history(mirror, "folder.renamed")
    assert history(mirror, "folder.created") == made_before and history(mirror, "folder.deleted") == gone_before


@cases.add
def what_was_made_anew_below_a_renamed_folder_is_another_one(mirror):
    change(mirror, "RENAME C D", "DELETE D.again", D__again=3)


@cases.add
def what_took_the_old_name_below_a_renamed_folder_is_another_one(mirror):
    change(mirror, "RENAME D E", "DELETE E.again", D__again=1)


@cases.add
def a_renamed_tree_of_which_only_the_top_is_left(mirror):
    change(mirror, "RENAME E F", "DELETE F.stays.below", "DELETE F.stays")


@cases.add
def what_goes_below_a_folder_that_makes_room_is_not_left_there(mirror):
    """No row and no name of its own would be left for it: RENAME takes it along to a holding name."""
    change(mirror, room=2, **{"room__below": 3}, comes=2)
    change(mirror, "DELETE room.below", "DELETE room", "RENAME comes room")


@cases.add
def a_folder_that_goes_out_of_scope_by_a_rename_keeps_its_copy(mirror):
    change(mirror, scope=2, **{"scope__secret": 3})
    mirror.configure(link='folder_exclude = ["*secret"]\n')
    mirror.stop()
    with mirror.store("production").connect(OWNER) as client:
        client.command("RENAME scope scoped")
    mirror.start()
    mirror.wait_settled(60)
    mirror.ctl("resync", "--all", "--wait")
    assert not mirror.status()["problems"], mirror.status()["problems"]
    with mirror.store("dr").connect(OWNER) as client:
        kept = [name for name, _, _ in client.list() if name.endswith("secret")]
        assert len(kept) == 1 and client.select(kept[0], examine=True)["exists"] == 3, kept
    mirror.configure()
    mirror.wait_equal(60)


@cases.add
def a_folder_renamed_on_dr_of_which_another_one_bears_the_name_goes_on(mirror):
    """By hand, or by an owner's client; the one that was renamed stays there as it is."""
    change(mirror, sent=3)
    mirror.stop()
    with mirror.store("dr").connect(OWNER) as client:
        for command in ("RENAME sent sent-old", "CREATE sent"):
            client.command(command)
    with mirror.store("production").connect(OWNER) as client:
        client.append("sent", made("sent after", 2))
        client.command("RENAME F G")
    mirror.start()
    mirror.wait_settled(60)
    mirror.ctl("resync", "--all", "--wait")
    assert not [row for row in mirror.status()["problems"] if row["code"] == "MRD-IMAP-023"], mirror.status()["problems"]
    with mirror.store("dr").connect(OWNER) as client:
        assert [client.select(name, examine=True)["exists"] for name in ("sent", "sent-old")] == [5, 3]
        assert "G" in [name for name, _, _ in client.list()]
        client.command("DELETE sent-old")
    mirror.wait_equal(60)


@cases.add
def a_folder_that_went_from_both_is_forgotten(mirror):
    change(mirror, both=3)
    change(mirror, "DELETE both", on_dr=("DELETE both",))


@cases.add
def a_renamed_folder_that_went_from_dr_comes_again_under_its_new_name(mirror):
    change(mirror, moves=3, moves__below=2)
    change(mirror, "RENAME moves moved", on_dr=("DELETE moves/below", "DELETE moves"))


@cases.add
def a_rename_to_a_name_that_only_has_folders_below_it_becomes_a_copy(mirror):
    """Dovecot refuses it on directories: [ALREADYEXISTS]."""
    change(mirror, source=4, above__below=2)
    change(mirror, "RENAME source above")
    assert not any("source" in pair[0] for pair in history(mirror, "folder.renamed")), history(mirror, "folder.renamed")


@cases.add
def a_folder_goes_below_a_name_that_another_one_gets(mirror):
    change(mirror, first=2, second=2)
    change(mirror, "RENAME first place.first", "RENAME second place")
    assert ("second", "place") in history(mirror, "folder.renamed"), history(mirror, "folder.renamed")


def refused_in_the_middle(step):
    """Of the renames that a pass makes the one numbered `step` is refused for now."""
    def case(mirror):
        top = f"Top{step}"
        change(mirror, **{f"{top}": 2, f"{top}__goes": 3, f"{top}__goes__below": 1, f"{top}__again": 2, f"{top}__empty": 0})
        relay = mirror.lab.dr_relay
        relay.misbehave({"at": "client", "line": r"^\S+ RENAME", "answer": "NO [INUSE] not now", "after": step, "times": 1})
        change(mirror, f"RENAME {top} New{top}", f"DELETE New{top}.goes.below", f"DELETE New{top}.goes", f"DELETE New{top}.again",
               **{f"New{top}__again": 1})
        unused = relay.unused_rules()
        relay.misbehave()
        assert not unused, f"never met: {unused}"
    case.__name__ = f"a_rename_that_is_refused_for_now_after_{step}_others"
    cases.add(case)


for number in (0, 2):
    refused_in_the_middle(number)


@cases.add
def after_all_this_a_pass_writes_nothing(mirror):
    mirror.quiet_pass()


def main():
    with Lab(build_folder(), (OWNER,), relay=True, dr_relay={"rules": True}, fsync=False) as lab, Mirror(lab) as mirror:
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
