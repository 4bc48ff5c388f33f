#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Dovecot's event exporter posts to mirrord: logins are counted, a deposit is copied at once, what was lost is found."""

import pathlib
import random
import sys
import time
import urllib.error
import urllib.request

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import USER, Mirror, build_folder
from lab.process import free_port, wait_until

cases = Cases()
OWNERS = ("1001", "1002")
PORT = free_port()
TOKEN = "a-token-of-the-tests-0123456789"
URL = f"http://127.0.0.1:{PORT}/push/production/{TOKEN}"
# Nothing but a pushed event brings a change within the time of a case.
SLOW = {"watch_poll": "10m", "pass_interval": "2s", "review_interval": "1d"}


class PushedMirror(Mirror):
    """Watches by push alone, with a listener."""

    def create(self):
        profiles = self.folder / "profiles"
        self.lab.workdir.write(f"{self.name}/push-token", TOKEN + "\n", 0o600, USER)
        super().create()
        text = (profiles / "dovecot.toml").read_text()
        assert 'method = "auto"' in text
        (profiles / "dovecot-push.toml").write_text(text.replace('method = "auto"', 'method = "push"'))
        (profiles / "dovecot-push.toml").chmod(0o644)
        return self

    def write_config(self):
        super().write_config()
        with open(self.config, "a", encoding="utf-8") as config:
            config.write(f'[push]\nlisten = "127.0.0.1:{PORT}"\ntoken_file = "{self.folder / "push-token"}"\n')


def counted(mirror):
    """{(kind, impact): count} of production's events."""
    rows = mirror.lab.postgres.sql("select kind, impact, count from store_event where store_id = "
                                   "(select id from store where name = 'production')")
    return {(kind, impact == "t"): int(count) for kind, impact, count in rows}


def marks(mirror):
    return int(mirror.lab.postgres.sql("select last_value from dirty_generation")[0][0])


def deposit(mirror, owner, seed, folder="INBOX"):
    with mirror.store("production").connect(owner) as client:
        client.append(folder, [(samples.make("voice_ulaw", random.Random(seed)).body, [], None)])


def post(url, body=b"{}"):
    try:
        return urllib.request.urlopen(urllib.request.Request(url, body, method="POST"), timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code


@cases.add
def a_deposit_is_pushed_and_copied(mirror):
    before = counted(mirror).get(("deposit", True), 0)
    deposit(mirror, "1001", "pushed")
    wait_until(lambda: counted(mirror).get(("deposit", True), 0) > before, "the event", 20.0)
    mirror.wait_equal(20)


@cases.add
def flags_deletions_and_folders_are_pushed_and_told_apart(mirror):
    before = counted(mirror)
    with mirror.store("production").connect("1002") as client:
        client.append("INBOX", [(samples.make("text", random.Random(n)).body, [], None) for n in range(2)])
        client.select("INBOX")
        client.command("UID STORE 1 +FLAGS (\\Seen)")
        client.command("STORE 2 +FLAGS (\\Deleted)")
        client.command("EXPUNGE")
        client.command('CREATE "Greetings 1"')
        client.append("Greetings 1", [(samples.make("voice_ulaw", random.Random("greeting")).body, [], None)])
    wanted = {("deposit", True): 1, ("flag", True): 2, ("deletion", True): 1, ("folder", True): 1, ("greeting", True): 1}
    wait_until(lambda: all(counted(mirror).get(key, 0) >= before.get(key, 0) + n for key, n in wanted.items()), "the events", 20.0)
    mirror.wait_equal(20)
    after = counted(mirror)
    assert {key: after[key] - before.get(key, 0) for key in wanted} == wanted, (before, after)


@cases.add
def many_events_are_one_mark(mirror):
    """While DR is away nothing can be worked: the mailbox is marked once, however often it is told."""
    mirror.wait_settled()
    mirror.lab.dr.stop()
    try:
        before = counted(mirror).get(("deposit", True), 0)
        for n in range(6):
            deposit(mirror, "1001", f"one mark {n}")
        wait_until(lambda: counted(mirror).get(("deposit", True), 0) == before + 6, "the events", 20.0)
        rows = mirror.lab.postgres.sql("select m.name from dirty d join mailbox m on m.id = d.mailbox_id")
        assert rows == [["1001"]], rows
    finally:
        mirror.lab.dr.start()
    mirror.wait_equal(60)


@cases.add
def logins_of_people_are_counted_and_cause_no_work(mirror):
    mirror.wait_settled()
    before = counted(mirror).get(("login", False), 0)
    marked = marks(mirror)
    for _ in range(5):
        with mirror.store("production").connect("1001"):
            pass
    with mirror.store("production", "mirror").connect("1001"):
        pass  # the mirror's own login is none of a person
    wait_until(lambda: counted(mirror).get(("login", False), 0) >= before + 5, "the logins", 20.0)
    time.sleep(2)
    assert counted(mirror)[("login", False)] == before + 5
    assert marks(mirror) == marked, "a login made work"
    logins = [row for row in mirror.status()["events"] if row["store"] == "production" and row["kind"] == "login"]
    assert logins and logins[0]["count"] == before + 5, logins


@cases.add
def what_came_while_the_listener_was_down_is_found(mirror):
    mirror.stop()
    deposit(mirror, "1001", "nobody listened")
    time.sleep(1)
    mirror.start()
    mirror.wait_equal(30)


@cases.add
def only_who_knows_the_token_is_heard(mirror):
    assert post(URL, b"no event") == 400
    assert post(URL.replace(TOKEN, "another-token-00000"), b"{}") == 403
    assert post(URL.replace("production", "nowhere"), b"{}") == 404
    assert post(f"http://127.0.0.1:{PORT}/api/v1/suspend", b"{}") == 404
    assert TOKEN not in pathlib.Path(mirror.log).read_text(errors="replace")


@cases.add
def an_open_token_file_is_refused_and_the_rest_runs_on(mirror):
    token = mirror.folder / "push-token"
    mirror.stop()
    token.chmod(0o644)
    mirror.start()
    wait_until(lambda: "MRD-BASE-004" in pathlib.Path(mirror.log).read_text(errors="replace"), "the complaint", 20.0)
    assert mirror.status()["site"]["state"] == "mirroring"
    token.chmod(0o600)
    wait_until(lambda: listening(), "the listener", 60.0)


def listening():
    try:
        return post(URL, b"no event") == 400
    except OSError:
        return False


def main():
    with Lab(build_folder(), OWNERS, fsync=False, production_options={"event_url": URL}) as lab, \
            PushedMirror(lab, engine=SLOW, profile="dovecot-push") as mirror:
        mirror.configure()
        mirror.wait_equal(60)
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
