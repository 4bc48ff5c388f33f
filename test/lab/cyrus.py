# SPDX-License-Identifier: Apache-2.0
"""One private Cyrus IMAP 3.6: own mail user, TLS on loopback, trusted logins.  The interface is that of lab.dovecot.

The programs come from build/cyrus (scripts/unpack-cyrus): installed, they would put Dovecot out.  Accounts are those of a
Dovecot of the lab, and `admin`, which makes the mailboxes.  The trusted logins act for any owner by PLAIN authorization id
alone; then they *are* the owner, so no ACL can keep the mirror from writing: the relay's count is what shows that it does not.
"""

import glob
import os
import pathlib
import shutil
import signal
import socket
import subprocess

from .imapwire import Client, WireError
from .process import LabError, Process, ensure_user, enter_usr, free_port, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What Cyrus 3.6 does not take: messages of these kinds of lab.samples, and these characters in folder names.
REFUSED_KINDS = ("malformed_mime", "bare_lf")
REFUSED_CHARACTERS = "!\"%;<>\\^`{|}"
PROGRAMS = ("master", "imapd", "idled", "ctl_cyrusdb")
ADMIN = "admin"

_IMAPD = """
configdirectory: {mail}/conf
defaultpartition: default
partition-default: {mail}/spool
proc_path: {run}/proc
mboxname_lockpath: {run}/lock
idlesocket: {run}/idle
lmtpsocket: {run}/lmtp
notifysocket: {run}/notify
servername: localhost
syslog_prefix: cyrus-{name}
admins: {admin}
proxyservers: {trusted}
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {passwords}
sasl_mech_list: PLAIN
allowplaintext: yes
tls_server_cert: {cert}
tls_server_key: {key}
tls_session_timeout: 0
unixhierarchysep: {own_names}
altnamespace: {own_names}
munge8bit: {munge8bit}
{fsync}
{extra}
"""

_MASTER = """
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {config} -r"
}}
SERVICES {{
  imaps cmd="{bin}/imapd -C {config} -s -U 200" listen="127.0.0.1:{port}" prefork=2 maxchild=500
}}
DAEMON {{
  idled cmd="{bin}/idled -C {config}"
}}
EVENTS {{
}}
"""


class Cyrus:
    """`munge8bit`: Cyrus's own default, which makes an X of every 8-bit octet in a header.
    debian_names: everything below `INBOX.`, as Debian's imapd.conf has it; Cyrus's own default is `/` and no prefix.
    """

    formats = ("cyrus",)
    profile = "cyrus"
    usr = None  # another Debian's /usr: lab.debian13

    def __init__(self, workdir, name, authority, fmt="cyrus", user="mmdr", munge8bit=True, debian_names=False, fsync="optimized", extra="",
                 passwords=None):
        self.workdir, self.name, self.authority, self.fmt, self.user = workdir, name, authority, fmt, user
        self.munge8bit, self.debian_names, self.fsync, self.extra = munge8bit, debian_names, fsync, extra
        self.host, self.port, self.plain_port = "127.0.0.1", free_port(), 0
        self.passwords = passwords or {"mirror": f"mirror-{name}-secret", "filler": f"filler-{name}-secret"}
        self.owners = {}
        self._made = set()
        self.process = None
        self.run = workdir.sockets / name

    # --- set-up ---------------------------------------------------------------------------------

    def create(self):
        self._provide()
        ensure_user(self.user)
        self.folder = self.workdir.folder(self.name)
        self.mail = self.workdir.folder(f"{self.name}/mail", self.user, 0o700)
        for part in ("conf", "conf/db", "conf/socket", "spool"):
            self.workdir.folder(f"{self.name}/mail/{part}", self.user, 0o700)
        self.run.mkdir(exist_ok=True)
        shutil.chown(self.run, self.user, self.user)
        self.cert, key = self.authority.issue(f"imap-{self.name}")
        # imapd reads the key as the mail user.
        self.key = self.workdir.write(f"{self.name}/imap.key", pathlib.Path(key).read_text(), 0o600, self.user)
        self.log = self.workdir.log(self.name)
        self.sasldb = self.mail / "sasldb2"
        for login, password in {**self.passwords, ADMIN: self.admin_password, **self.owners}.items():
            self._set_password(login, password)
        self.write_config()
        return self

    @property
    def admin_password(self):
        return f"{ADMIN}-{self.name}-secret"

    def _provide(self):
        """The programs, as a copy that the mail user reaches wherever the clone is."""
        subprocess.run([ROOT / "scripts/unpack-cyrus"], check=True, stdin=subprocess.DEVNULL)
        self.saslpasswd = ROOT / "build/cyrus/usr/sbin/saslpasswd2"
        self.bin, self.lib = self.workdir.folder("cyrus/bin"), self.workdir.folder("cyrus/lib")
        unpacked = ROOT / "build/cyrus/usr"
        for program in PROGRAMS:
            if not (self.bin / program).exists():
                shutil.copy2(unpacked / "lib/cyrus/bin" / program, self.bin)
        for library in glob.glob(f"{unpacked}/lib/*/libcyrus*.so.0"):
            if not (self.lib / os.path.basename(library)).exists():
                shutil.copy2(library, self.lib)  # the file the link leads to, under the link's name

    def _set_password(self, login, password):
        subprocess.run([self.saslpasswd, "-f", self.sasldb, "-c", "-p", "-u", "localhost", login],
                       input=password, text=True, check=True, capture_output=True,
                       preexec_fn=self.usr and (lambda: enter_usr(self.usr)))
        shutil.chown(self.sasldb, self.user, self.user)

    def write_config(self):
        self.config, self.services = self.folder / "imapd.conf", self.folder / "cyrus.conf"
        self.config.write_text(_IMAPD.format(
            mail=self.mail, run=self.run, name=self.name, admin=ADMIN, trusted=" ".join(self.passwords), passwords=self.sasldb,
            cert=self.cert, key=self.key, own_names="no" if self.debian_names else "yes",
            munge8bit="yes" if self.munge8bit else "no", fsync="skiplist_unsafe: yes" if self.fsync == "never" else "",
            extra=self.extra))
        self.services.write_text(_MASTER.format(bin=self.bin, config=self.config, port=self.port))

    def add_mailboxes(self, owners):
        fresh = [owner for owner in owners if owner not in self.owners]
        for owner in fresh:
            self.owners[owner] = f"pw-{owner}"
            if self.process:
                self._set_password(owner, self.owners[owner])
        if self.process and self.process.running():
            self._make_mailboxes()

    def _make_mailboxes(self):
        missing = [owner for owner in self.owners if owner not in self._made]
        if not missing:
            return
        with Client(self.host, self.port, self.authority.cert) as client:
            client.login(ADMIN, self.admin_password)
            for owner in missing:
                separator = "." if self.debian_names else "/"
                client.command(f'CREATE "user{separator}{owner}"')
                self._made.add(owner)
            client.logout()

    # --- running --------------------------------------------------------------------------------

    def start(self):
        if self.process is None:
            env = {"CYRUS_USER": self.user} | ({"LD_LIBRARY_PATH": str(self.lib)} if self.lib else {})
            self.process = Process(self.name, [str(self.bin / "master"), "-C", str(self.config), "-M", str(self.services),
                                               "-p", str(self.run / "master.pid"), "-D"],
                                   self.log, user=self.user, env=env, stop_signal=signal.SIGTERM, usr=self.usr)
            self.workdir.on_close(self.stop, self.process.ask)
        self.process.start()
        wait_until(lambda: self.greets() or not self.process.running(), f"Cyrus {self.name}", 20.0)
        if not self.process.running():
            raise LabError(f"Cyrus {self.name} did not start (exit {self.process.child.returncode}):\n{self.process.log_tail()}")
        self._make_mailboxes()
        return self

    def greets(self):
        """Whether it says so; the port alone is open before the recovery of the databases has ended."""
        try:
            with Client(self.host, self.port, self.authority.cert, 10.0):
                return True
        except (OSError, WireError):
            return False

    def up(self):
        return self.create().start()

    def stop(self):
        if self.process:
            self.process.stop()

    def kill(self):
        """SIGKILL of master and every helper: the machine's power went."""
        self.process.kill(whole_tree=True)

    def restart(self):
        self.stop()
        return self.start()

    def reload(self):
        self.process.signal(signal.SIGHUP)

    def session_pids(self):
        """The imapd processes of logged-in clients, as Cyrus notes them itself."""
        found = []
        for note in (self.run / "proc").glob("[0-9]*"):
            try:
                fields = note.read_text().split("\t")
            except OSError:
                continue
            if len(fields) > 2 and fields[2]:
                found.append(int(note.name))
        return found

    def describe(self):
        return {"name": self.name, "host": self.host, "port": self.port, "plain_port": self.plain_port,
                "format": self.fmt, "user": self.user, "pid": self.process.pid if self.process else None,
                "config": str(self.config), "log": str(self.log), "mail": str(self.mail),
                "mirror_login": "mirror", "filler_login": "filler"}
