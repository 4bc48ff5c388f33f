#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A store-wide event stream, from a SCRIPTED server: events queue while mirrord is away, a gap is compared, rubbish hurts
nobody. The stores themselves are real; production is watched by nothing else in the time of a case."""

import pathlib
import random
import sys
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder
from lab.process import wait_until
from support.scripted_event_server import ScriptedEventServer

cases = Cases()
OWNERS = ("1001", "1002")
SLOW = {"watch_poll": "10m", "pass_interval": "2s", "review_interval": "1d"}


class StreamedMirror(Mirror):
    """Told by the stream alone: the profile watches by push, the poll underneath is too slow to matter."""

    def __init__(self, lab, server):
        super().__init__(lab, engine=SLOW, profile="dovecot-stream")
        self.server = server

    def create(self):
        super().create()
        text = (self.folder / "profiles/dovecot.toml").read_text()
        assert 'method = "auto"' in text
        profile = self.folder / "profiles/dovecot-stream.toml"
        profile.write_text(text.replace('method = "auto"', 'method = "push"'))
        profile.chmod(0o644)
        return self

    def write_config(self):
        super().write_config()
        with open(self.config, "a", encoding="utf-8") as config:
            config.write(f'[stream.production]\naddress = "127.0.0.1:{self.server.port}"\nlongest_pause = "1s"\n')


def deposit(mirror, owner, seed):
    with mirror.store("production").connect(owner) as client:
        client.append("INBOX", [(samples.make("text", random.Random(seed)).body, [], None)])


def counted(mirror, kind):
    rows = mirror.lab.postgres.sql(f"select sum(count) from store_event where kind = '{kind}'")
    return int(rows[0][0] or 0)


def done(mirror):
    wait_until(lambda: mirror.server.acknowledged == mirror.server.sequence, "the acknowledgement", 20.0)


def differs(mirror):
    return bool(mirror.differences())


@cases.add
def an_event_is_acknowledged_after_its_work_is_in_the_table(mirror):
    deposit(mirror, "1001", "told")
    time.sleep(1)
    assert differs(mirror), "something else than the stream told"
    mirror.server.tell(user="1001", kind="deposit", folder="INBOX")
    done(mirror)
    mirror.wait_equal(20)


@cases.add
def a_login_is_counted_and_makes_no_work(mirror):
    mirror.wait_settled()
    before = counted(mirror, "login")
    mark = mirror.lab.postgres.sql("select last_value from dirty_generation")
    for _ in range(3):
        mirror.server.tell(user="1002", kind="login")
    done(mirror)
    assert counted(mirror, "login") == before + 3
    assert mirror.lab.postgres.sql("select last_value from dirty_generation") == mark


@cases.add
def what_queued_while_mirrord_was_away_arrives(mirror):
    done(mirror)
    last = mirror.server.sequence
    mirror.stop()
    deposit(mirror, "1002", "queued")
    mirror.server.tell(user="1002", kind="deposit", folder="INBOX")
    mirror.start()
    wait_until(lambda: mirror.server.resumed[-1] == last, "the resume", 20.0)
    done(mirror)
    mirror.wait_equal(30)


@cases.add
def a_lost_connection_is_made_again_and_nothing_is_counted_twice(mirror):
    done(mirror)
    before, times = counted(mirror, "flag"), len(mirror.server.resumed)
    mirror.server.hang_up()
    mirror.server.tell(user="1001", kind="flag")
    wait_until(lambda: len(mirror.server.resumed) > times, "the next connection", 20.0)
    done(mirror)
    assert counted(mirror, "flag") == before + 1


@cases.add
def a_gap_in_the_numbers_compares_every_mailbox(mirror):
    mirror.wait_settled()
    for owner in OWNERS:
        deposit(mirror, owner, "in the gap")
    mirror.server.sequence += 5  # five events nobody told
    mirror.server.tell(user="nobody", kind="login")
    done(mirror)
    mirror.wait_equal(30)


@cases.add
def rubbish_ends_the_connection_and_no_more(mirror):
    times = len(mirror.server.resumed)
    mirror.server.say("rubbish")
    wait_until(lambda: len(mirror.server.resumed) > times, "the next connection", 20.0)
    deposit(mirror, "1001", "after rubbish")
    mirror.server.tell(user="1001", kind="deposit")
    done(mirror)
    mirror.wait_equal(20)


def main():
    with Lab(build_folder(), OWNERS, fsync=False) as lab, StreamedMirror(lab, ScriptedEventServer()) as mirror:
        mirror.configure()
        # Every watcher begins with a compare; after that only the stream tells anything.
        heard = "select count(*) from mailbox where watch_method <> 'none'"
        wait_until(lambda: int(lab.postgres.sql(heard)[0][0]) == len(OWNERS), "the watchers", 30.0)
        time.sleep(2)
        mirror.wait_equal(60)
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
