# SPDX-License-Identifier: Apache-2.0
"""The contestants.  Each copies production to a DR store of its own: `first_copy`, `pass_over` (again, as often as
asked) and `catch_up` after the delta.  What is measured around them is in measure.py.

Peers run one process per mailbox, `at_once` at a time, each with the settings that suit it best.
"""

import subprocess
import time

from bench.corpus import for_each
from lab import imapwire
from lab.mirrord import Mirror
from lab.postgres import Psql
from lab.process import LabError
from lab.state import Store

BATCH_MESSAGES, BATCH_BYTES = 128, 4 << 20


def tool_run(argv, cwd):
    result = subprocess.run([str(word) for word in argv], capture_output=True, text=True, cwd=cwd, stdin=subprocess.DEVNULL,
                            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(cwd)}, check=False)
    if result.returncode != 0:
        raise LabError(f"{argv[0]} exit {result.returncode}: {(result.stderr or result.stdout).strip()[-1500:]}")
    return result.stdout


class Tool:
    """`production` and `dr` are servers of the lab; `ports` are where a tool connects to them (a tap in one run)."""

    def __init__(self, lab, dr, at_once, ports=None):
        self.lab, self.production, self.dr, self.at_once = lab, lab.production, dr, at_once
        self.ports = ports or {"production": lab.production.port, "dr": dr.port}
        self.folder = lab.workdir.folder(f"{self.name}-{dr.name}")
        self.prepare()

    def prepare(self):
        pass

    def each(self):
        for_each(self.lab.mailboxes, self.one, self.at_once)

    first_copy = pass_over = catch_up = each

    def pids(self):
        """Of programs that go on between passes; a peer's have ended and are counted as children."""
        return ()

    def close(self):
        pass


class Yardstick(Tool):
    """The bare writer: every octet is in memory, every mailbox is one pipeline of MULTIAPPEND batches."""

    name = "yardstick"

    def load(self, content):
        """The commands of each mailbox, cut and joined before the clock starts."""
        store = Store(f"{self.dr.host}:{self.ports['dr']}", self.lab.authority.cert, login="mirror",
                      password=self.dr.passwords["mirror"])
        self.store, self.commands = store, {}
        for owner, (folders, subscribed) in content.items():
            commands = [b"CREATE " + self.named(path) for path, _ in folders if path != ("INBOX",)]
            commands += [b"SUBSCRIBE " + self.named(path) for path in subscribed]
            for path, messages in folders:
                commands += self.batches(path, messages)
            self.commands[owner] = commands

    @staticmethod
    def named(path):
        return imapwire.folder_arg("/".join(path))

    def batches(self, path, messages):
        parts, held, size = [], 0, 0
        for body, flags, date in messages:
            if held and (held >= BATCH_MESSAGES or size + len(body) > BATCH_BYTES):
                yield b"".join(parts)
                parts, held, size = [], 0, 0
            if not parts:
                parts.append(b"APPEND " + self.named(path))
            parts.append(b' (%s) "%s" {%d+}\r\n' % (" ".join(flags).encode(), date.encode(), len(body)))
            parts.append(body)
            held, size = held + 1, size + len(body)
        if parts:
            yield b"".join(parts)

    def one(self, owner):
        client = self.store.connect(owner)
        tags = [client.send(command) for command in self.commands[owner]]
        for tag in tags:
            client.finish(tag, "yardstick")
        client.logout()


class Mbsync(Tool):
    """isync: both sides over IMAP and TLS, one way, all folders, arrival dates kept."""

    name = "mbsync"

    def prepare(self):
        for owner in self.lab.mailboxes:
            state = self.lab.workdir.folder(f"{self.folder.name}/{owner}")
            stores = "".join(self.store_text(side, owner) for side in ("production", "dr"))
            (state / "mbsyncrc").write_text(
                f"{stores}\nChannel copy\nFar :production:\nNear :dr:\nPatterns *\nSync Pull\nCreate Near\nRemove Near\n"
                f"Expunge Near\nCopyArrivalDate yes\nSyncState {state}/state-\n")

    def store_text(self, side, owner):
        server = getattr(self, side)
        return (f"IMAPAccount {side}\nHost localhost\nPort {self.ports[side]}\nUser {owner}*mirror\n"
                f"Pass {server.passwords['mirror']}\nAuthMechs LOGIN\nSSLType IMAPS\nSystemCertificates no\n"
                f"CertificateFile {self.lab.authority.cert}\n\nIMAPStore {side}\nAccount {side}\n\n")

    def one(self, owner):
        state = self.folder / owner
        tool_run(["mbsync", "-q", "-c", state / "mbsyncrc", "copy"], state)


class Dsync(Tool):
    """doveadm backup -R: reads production by IMAP and TLS (imapc), as the others do, and writes DR's storage on disk,
    past its IMAP server; with the state string of the pass before, its quickest way."""

    name = "dsync"

    def prepare(self):
        self.states = {}

    def one(self, owner):
        options = {"imapc_host": "localhost", "imapc_port": self.ports["production"], "imapc_ssl": "imaps",
                   "imapc_ssl_verify": "yes", "ssl_client_ca_file": self.lab.authority.cert, "imapc_user": owner,
                   "imapc_master_user": "mirror", "imapc_password": self.production.passwords["mirror"],
                   "imapc_features": "rfc822.size fetch-headers modseq", "mail_prefetch_count": 20}
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        state = tool_run(["doveadm", "-c", self.dr.config, *words, "backup", "-R", "-u", owner, "-s",
                          self.states.get(owner, ""), "imapc:"], "/")
        self.states[owner] = state.strip()


class Mirrord(Tool):
    """mirrord with its defaults.  It is suspended while the others run; PostgreSQL runs with fsync."""

    name = "mirrord"
    build = None
    # A review comes every 4 h and finds no warm sessions; with the default of 60 s the bench would wait that long.
    engine = {"idle_session": "3s"}

    def prepare(self):
        database = f"bench-{self.dr.name}"
        self.lab.postgres.make_database(database)
        self.lab.dr = self.dr
        self.mirror = Mirror(self.lab, name=f"mirrord-{self.dr.name}", database=database, build=self.build,
                             engine=self.engine, test_times=False)
        self.mirror.address_of = lambda side: ("127.0.0.1", self.ports[side])
        self.mirror.create().start()
        self.mirror.configure(mailboxes=[])
        self.psql = Psql(self.lab.postgres, f"bench-{self.dr.name}")

    def pids(self):
        return (self.mirror.process.pid, self.lab.postgres.process.pid)

    def first_copy(self):
        self.mirror.configure()
        self.wait_for("select count(*) from mailbox where participates and compared_at is null")
        self.wait_for("select count(*) from dirty")
        self.mirror.wait_settled(60.0)

    def wait_for(self, question, seconds=900.0):
        """Until the answer is 0: asked over one connection, so that asking costs next to nothing."""
        end = time.monotonic() + seconds
        while self.psql.ask(question) != "0":
            self.mirror.check_running()
            if time.monotonic() > end:
                raise LabError(f"mirrord: after {seconds:g} s still: {question}; {self.mirror.pending()}")
            time.sleep(0.02)

    def pass_over(self):
        """What the review does every 4 h, spread over the mailboxes, now and for all of them."""
        self.psql.ask("insert into dirty (mailbox_id, generation, cause, class, full_compare) select id, "
                      "nextval('dirty_generation'), 'review', 2, false from mailbox where participates "
                      "on conflict (mailbox_id) do update set generation = excluded.generation returning 1")
        self.psql.ask("select pg_notify('mirrord_wake', 'dirty')")
        self.wait_for("select count(*) from dirty")

    def full_compare(self):
        self.mirror.ctl("resync", "--all", "--wait", timeout=900.0)

    def suspend(self):
        self.mirror.ctl("suspend", "--reason", "bench", "--wait")

    def cool(self):
        """Until no warm session is left."""
        self.mirror.wait_settled()
        time.sleep(6.0)

    def resume_and_cool(self):
        self.mirror.ctl("resume", "--wait", timeout=900.0)
        self.cool()

    def catch_up(self):
        self.mirror.ctl("resume", "--wait", timeout=900.0)
        self.mirror.wait_settled(60.0)

    def close(self):
        self.psql.close()
        self.mirror.stop()
        self.lab.postgres.drop_database(f"bench-{self.dr.name}")
