#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Services: an exception planted in one restarts that one while the others run on; restart by hand; hooks on state changes."""

import pathlib
import random
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import wait_until

cases = Cases()
OWNERS = ("1001", "1002")


def deposit(mirror, owner, seed):
    sample = samples.make("text", random.Random(f"{owner} {seed}"))
    with mirror.store("production").connect(owner) as client:
        client.append("INBOX", [(sample.body, [], sample.when)])


def services(mirror):
    return {row["name"]: row for row in mirror.ctl("service", "list")["items"]}


def restarts(mirror):
    return {name: row["restarts"] for name, row in services(mirror).items()}


def wait_for_restart(mirror, name, before):
    """The one service has started once more, runs, and no other did."""
    wait_until(lambda: restarts(mirror)[name] > before[name] and services(mirror)[name]["state"] == "running",
               f"{name} started again", 30.0, 0.1)
    now = restarts(mirror)
    assert now == {**before, name: before[name] + 1}, (before, now)


def planted(mirror, name):
    before, pid = restarts(mirror), mirror.process.pid
    file = mirror.throw / "what"
    mirror.lab.workdir.write(f"{mirror.name}/throw/what", f"{name}\n", 0o644, "mirrord-test")
    if name == "watch":  # it looks when it is told of a change, and else once in a while
        mirror.ctl("store", "edit", "dr", "--octets-per-second", "1000000000")
    if name == "reconcile":
        deposit(mirror, "1002", "wakes it")
    wait_until(lambda: not file.exists(), f"{name} meets the planted failure", 30.0, 0.05)
    wait_for_restart(mirror, name, before)
    assert f"planted failure in {name}" in mirror.log.read_text(errors="replace")
    assert mirror.process.pid == pid
    deposit(mirror, "1001", f"after the failure of {name}")
    mirror.wait_equal(60)
    mirror.ctl("verify", "--wait")


@cases.add
def all_run(mirror):
    deposit(mirror, "1001", "first")
    mirror.configure()
    mirror.wait_equal(60)
    assert {"watch", "reconcile", "verify", "http", "schedule"} <= set(services(mirror)), services(mirror)
    assert {row["state"] for row in services(mirror).values()} == {"running"}, services(mirror)


@cases.add
def an_exception_in_watch_restarts_it_alone(mirror):
    planted(mirror, "watch")


@cases.add
def an_exception_in_reconcile_restarts_it_alone(mirror):
    planted(mirror, "reconcile")


@cases.add
def an_exception_in_verify_restarts_it_alone(mirror):
    planted(mirror, "verify")


@cases.add
def restart_by_hand(mirror):
    before = restarts(mirror)
    mirror.ctl("service", "restart", "watch")
    wait_for_restart(mirror, "watch", before)
    deposit(mirror, "1001", "after a restart by hand")
    mirror.wait_equal(60)
    code, _, why = mirror.try_ctl("service", "restart", "wach")
    assert code == 4 and "watch" in why, (code, why)


@cases.add
def hooks_run_on_state_changes(mirror):
    told = mirror.state / "hooks"
    # In order of name, and only what can be executed; one fails, one is gone before it can tell.
    for name, text, mode in (("10-fails", "exit 3", 0o755), ("20-dies", "kill -9 $$", 0o755),
                             ("30-tells", f'for word; do printf "<%s>" "$word"; done >>{told}; echo >>{told}', 0o755),
                             ("40-no-program", f"echo no >>{told}", 0o644)):
        mirror.lab.workdir.write(f"{mirror.name}/hooks.d/{name}", f"#!/bin/sh\n{text}\n", mode)
    mirror.ctl("suspend", "--reason", "a 'test'; $(of) hooks", "--wait")
    wait_until(lambda: told.exists() and "<suspended>" in told.read_text(), "the hook of suspend", 15.0)
    mirror.ctl("resume", "--reason", "all is well")
    wait_until(lambda: "\n<mirroring>" in told.read_text(), "the hook of resume", 15.0)
    lines = [line for line in told.read_text().splitlines() if not line.startswith("<suspending>")]
    assert [line.split("><")[0] for line in lines] == ["<suspended", "<mirroring"], lines
    assert lines[0].endswith("><a 'test'; $(of) hooks>"), lines
    assert lines[1] == "<mirroring><suspended><all is well>", lines


@cases.add
def a_hook_that_fails_does_no_harm(mirror):
    assert mirror.log.read_text(errors="replace").count("hook.failed") >= 2
    deposit(mirror, "1001", "after failed hooks")
    mirror.wait_equal(60)


@cases.add
def production_was_only_read(mirror):
    mirror.assert_production_untouched()


def main():
    with Lab(build_folder(), OWNERS, fsync=False, relay=True) as lab:
        mirror = Mirror(lab)
        # mirrord removes the file before it throws, so the folder is its own.
        mirror.throw = lab.workdir.folder(f"{mirror.name}/throw", "mirrord-test")
        mirror.env["MIRROR_THROW_FILE"] = str(mirror.throw / "what")
        with mirror:
            return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
