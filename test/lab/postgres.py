# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL cluster on a unix socket, without systemd and beside any cluster of Debian's.

Role `mirrord` is no superuser and owns database `mirrord`.  Peer authentication maps root and the
unprivileged daemon user to it, so nobody needs a password.
"""

import pathlib
import signal
import subprocess
import time

from .process import LabError, Process, ensure_user, wait_until

_CONFIG = """
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0777
shared_buffers = 64MB
max_connections = 80
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
logging_collector = off
log_min_duration_statement = 2000
max_wal_size = 512MB
"""


def bin_dir():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"),
                   key=lambda path: int(path.parts[-3]))
    if not found:
        raise LabError("PostgreSQL is not installed: run scripts/install-packages test")
    return found[-1].parent


class Postgres:
    def __init__(self, workdir, name="pg", fsync=True, daemon_user="mirrord-test"):
        self.workdir, self.name, self.fsync = workdir, name, fsync
        self.daemon_user = daemon_user
        self.bin = bin_dir()
        self.sockets = workdir.sockets / name
        self.data = workdir.data / name / "data"
        self.process = None

    @property
    def dsn(self):
        return self.dsn_for("mirrord")

    def dsn_for(self, database, role="mirrord"):
        return f"host={self.sockets} user={role} dbname={database}"

    def _make_cluster(self, program, *arguments):
        """By a program that fills an empty data directory."""
        self.workdir.folder(self.name, "postgres", 0o700)
        self.sockets.mkdir()
        subprocess.run(["chown", "postgres:postgres", str(self.sockets)], check=True)
        made = subprocess.run([self.bin / program, "-D", self.data, "-N", "-U", "postgres", *arguments],
                              capture_output=True, text=True, user="postgres", group="postgres",
                              extra_groups=[], cwd="/", env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
        if made.returncode != 0:
            raise LabError(f"{program}: {made.stderr.strip()}")

    def create(self):
        ensure_user(self.daemon_user)
        self._make_cluster("initdb", "-A", "peer", "-E", "UTF8", "--locale=C.UTF-8")
        config = _CONFIG.format(sockets=self.sockets)
        if not self.fsync:
            config += "fsync = off\nfull_page_writes = off\nsynchronous_commit = off\n"
        with open(self.data / "postgresql.conf", "a", encoding="ascii") as file:
            file.write(config)
        (self.data / "pg_hba.conf").write_text("local all all peer map=lab\nlocal replication all peer map=lab\n")
        (self.data / "pg_ident.conf").write_text(
            "lab postgres postgres\nlab root postgres\nlab root mirrord\nlab mirrord-test mirrord\n"
            + f"lab {self.daemon_user} mirrord\n" * (self.daemon_user != "mirrord-test"))
        return self

    def start(self):
        """Starts and waits for readiness; after a kill the old lock may live on for a second."""
        if self.process is None:
            # SIGINT is PostgreSQL's fast stop; SIGTERM would wait for every client.
            self.process = Process(self.name, [self.bin / "postgres", "-D", self.data],
                                   self.workdir.log(self.name), user="postgres",
                                   stop_signal=signal.SIGINT)
            self.workdir.on_close(self.stop, self.process.ask)
        end = time.monotonic() + 15.0
        while True:
            self.process.start()
            try:
                wait_until(lambda: self.ready() or not self.process.running(), "PostgreSQL", 15.0)
            except LabError:
                self.stop()
            if self.process.running():
                return self
            if time.monotonic() > end:
                raise LabError(f"PostgreSQL did not start:\n{self.process.log_tail()}")
            time.sleep(0.2)

    def ready(self):
        return subprocess.run([self.bin / "pg_isready", "-q", "-h", self.sockets],
                              check=False).returncode == 0

    def sql(self, text, database="mirrord", role="mirrord"):
        """Rows of one statement as lists of text, run as root by peer map."""
        result = subprocess.run([self.bin / "psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1",
                                 "-d", self.dsn_for(database, role), "-c", text],
                                capture_output=True, text=True, cwd="/", env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"})
        if result.returncode != 0:
            raise LabError(f"psql: {result.stderr.strip()}")
        return [line.split("\t") for line in result.stdout.splitlines()]

    def make_role(self):
        self.sql("create role mirrord login nosuperuser nocreatedb nocreaterole", "postgres", "postgres")
        self.make_database("mirrord")
        return self

    def make_database(self, name):
        self.sql(f'create database "{name}" owner mirrord', "postgres", "postgres")

    def drop_database(self, name):
        self.sql(f'drop database if exists "{name}" with (force)', "postgres", "postgres")

    def up(self):
        return self.create().start().make_role()

    # --- a standby ------------------------------------------------------------------------------

    def standby(self, name):
        """A running copy that receives what this one commits, asynchronously."""
        other = Postgres(self.workdir, name, self.fsync, self.daemon_user)
        other._make_cluster("pg_basebackup", "-h", self.sockets, "-R", "-X", "stream", "-c", "fast")
        with open(other.data / "postgresql.conf", "a", encoding="ascii") as file:
            file.write(f"unix_socket_directories = '{other.sockets}'\n")
        other.start()
        other.wait_received(self)
        return other

    def wait_received(self, primary):
        """Until it has replayed what the primary has committed so far."""
        place, = primary.sql("select pg_current_wal_lsn()", "postgres", "postgres")[0]
        wait_until(lambda: self.sql(f"select pg_last_wal_replay_lsn() >= '{place}'", "postgres", "postgres") == [["t"]], "the standby", 20.0)

    def cut_off(self):
        """A standby that receives nothing from now on, and does not know what it misses."""
        self.sql("alter system set primary_conninfo = ''", "postgres", "postgres")
        self.reload()
        wait_until(lambda: not self.sql("select 1 from pg_stat_wal_receiver", "postgres", "postgres"), "the standby to be cut off", 20.0)

    def promote(self):
        self.sql("select pg_promote()", "postgres", "postgres")
        wait_until(lambda: self.sql("select pg_is_in_recovery()", "postgres", "postgres") == [["f"]], "the promotion", 20.0)
        return self

    def stop(self):
        if self.process:
            self.process.stop()

    def kill(self):
        """SIGKILL of the postmaster, as an OOM killer would; its backends notice and end."""
        self.process.kill()

    def reload(self):
        self.process.signal(signal.SIGHUP)

    def restart(self):
        self.stop()
        return self.start()


class Psql:
    """One connection kept open, for whoever asks often.  An error ends it."""

    def __init__(self, postgres, database="mirrord", role="mirrord"):
        self.child = subprocess.Popen([postgres.bin / "psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d",
                                       postgres.dsn_for(database, role)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True, bufsize=1, cwd="/", env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"})

    def rows(self, question):
        """Rows as lists of text."""
        self.child.stdin.write(f"{question};\n\\echo end\n")
        self.child.stdin.flush()
        rows = []
        while (line := self.child.stdout.readline()) != "end\n":
            if not line:
                raise LabError(f"psql ended at: {question}")
            rows.append(line.rstrip("\n").split("\t"))
        return rows

    def ask(self, question):
        """The first value of the first row."""
        rows = self.rows(question)
        return rows[0][0] if rows else ""

    def close(self):
        self.child.stdin.close()
        self.child.wait(10.0)
        self.child.stdout.close()
