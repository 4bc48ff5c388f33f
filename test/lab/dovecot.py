# SPDX-License-Identifier: Apache-2.0
"""One private Dovecot: own mail user, TLS on loopback, trusted logins, optional guards and faults.

Accounts of each instance: the owners (`mailboxes`, each with a password of its own, or the subscribers of a directory),
the mirror's trusted login and, for filling and traffic, a second trusted login with all rights.  Both trusted
logins may act for any owner, by PLAIN authorization id and by `owner*login`.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from .process import LabError, Process, ensure_user, enter_usr, free_port, wait_until

LOCATIONS = {"maildir": "maildir:~/Maildir", "maildir-fs": "maildir:~/Maildir:LAYOUT=fs",
             "sdbox": "sdbox:~/sdbox", "mdbox": "mdbox:~/mdbox"}

_CONFIG = """
base_dir = {run}
state_dir = {run}/state
instance_name = {name}
log_path = {log}
protocols = imap{lmtp}
listen = 127.0.0.1
ssl = {ssl}
ssl_cert = <{cert}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_master_user_separator = *
auth_username_format = %u
# The 2 s penalty for wrong passwords, and the penalty that grows per address, would slow tests down.
auth_failure_delay = 0
mail_max_userip_connections = 1000
mail_location = {location}
mail_home = {mail}/%u
mail_uid = {user}
mail_gid = {user}
first_valid_uid = {uid}
last_valid_uid = {uid}
first_valid_gid = {gid}
mailbox_list_index = yes
mail_attribute_dict = file:%h/dovecot-attributes
mail_plugins = {plugins}
mail_fsync = {fsync}
# Lock files then name their process, and those of a killed one are overridden at once; the default
# leaves a mailbox locked for 30 to 120 s after a kill in the middle of SUBSCRIBE or CREATE.
dotlock_use_excl = no
imap_id_log = *
verbose_proctitle = no
shutdown_clients = yes
default_process_limit = 4000
default_client_limit = 12000
default_vsz_limit = 1G

passdb {{
  driver = passwd-file
  master = yes
  args = scheme=PLAIN username_format=%u {trusted}
}}
{owners}
namespace inbox {{
  inbox = yes
  {separator}
{special_use}
}}
service anvil {{
  # No penalty server: many tests fail to log in on purpose.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  service_count = 0
  process_min_avail = 1
  client_limit = 6000
  inet_listener imap {{
    port = {plain_port}
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 6000
}}
protocol imap {{
  imap_metadata = yes
  mail_plugins = $mail_plugins {imap_plugins}
}}
plugin {{
{plugin}
}}
{extra}
"""

_OWNERS_IN_FILE = """passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {users}
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {users}
}}"""

_OWNERS_IN_DIRECTORY = """passdb {{
  driver = ldap
  args = {settings}
}}
userdb {{
  driver = ldap
  args = {settings}
}}"""

# Asked anew for each login: without auth_cache_size nothing is kept.  Without a Password (disabled) nobody gets in as the
# owner; the trusted logins do as long as there is an entry.
_DIRECTORY = """uris = {uri}
ldap_version = 3
tls_ca_cert_file = {ca}
tls_require_cert = hard
dn = {dn}
dnpass = {password}
base = {base}
scope = subtree
pass_filter = (&(objectClass=mmSubscriber)(MailboxNumber=%u)(Password=*))
pass_attrs = Password=password
default_pass_scheme = PLAIN
user_filter = (&(objectClass=mmSubscriber)(MailboxNumber=%u))
user_attrs = =uid={uid},=gid={gid},=home={mail}/%{{ldap:MailboxNumber}}{quota}
"""

_EVENTS = """
event_exporter lab {{
  format = json
  format_args = time-rfc3339
  transport = http-post
  transport_args = {url}
  transport_timeout = 2 secs
}}
metric lab_login {{
  exporter = lab
  filter = event=auth_request_finished
}}
metric lab_append {{
  exporter = lab
  filter = event=imap_command_finished AND cmd_name=APPEND
}}
metric lab_change {{
  exporter = lab
  filter = event=imap_command_finished AND (cmd_name=*STORE OR cmd_name=*EXPUNGE OR cmd_name=*MOVE OR cmd_name=*COPY OR cmd_name=CREATE OR cmd_name=DELETE OR cmd_name=RENAME OR cmd_name=SUBSCRIBE OR cmd_name=UNSUBSCRIBE)
}}
metric lab_session {{
  exporter = lab
  filter = event=mail_user_session_finished
}}
"""


class Dovecot:
    """`fmt`: maildir (separator '.'), maildir-fs, sdbox or mdbox (separator '/').

    mirror_read_only: the server itself refuses the mirror's writes (ACL).
    quota: default bytes per mailbox; disk: bytes of a small file system that holds the mail.
    event_url: where Dovecot's event exporter posts.  starttls: also a plain port with STARTTLS.
    special_use: {folder: attribute}, made on login ("auto = create").
    directory: a lab.slapd.Slapd with an identity "imap" that may read; its subscribers are the owners then, with their
    passwords there, and `add_mailboxes` and `set_quota` of single owners say nothing.
    """

    formats = tuple(LOCATIONS)
    usr = None  # another Debian's /usr: lab.debian13

    def __init__(self, workdir, name, authority, fmt="maildir", user="mmprod", mirror_read_only=False,
                 quota=None, disk=None, event_url=None, starttls=True, tls=True, special_use=None,
                 separator=None, fsync="optimized", extra="", passwords=None, directory=None):
        self.workdir, self.name, self.fmt, self.user = workdir, name, fmt, user
        self.authority, self.mirror_read_only = authority, mirror_read_only
        self.quota, self.disk, self.event_url = quota, disk, event_url
        self.starttls, self.tls, self.special_use = starttls, tls, special_use or {}
        self.separator, self.fsync, self.extra, self.directory = separator, fsync, extra, directory
        self.host, self.port = "127.0.0.1", free_port()
        self.plain_port = free_port() if starttls else 0
        self.passwords = passwords or {"mirror": f"mirror-{name}-secret", "filler": f"filler-{name}-secret"}
        self.owners = {}
        self.quotas = {}
        self._users_stamp = 0
        self.process = None
        self.run = workdir.sockets / name
        self.config = None
        self.mail = None

    # --- set-up ---------------------------------------------------------------------------------

    def create(self):
        entry = ensure_user(self.user)
        self.uid, self.gid = entry.pw_uid, entry.pw_gid
        self.folder = self.workdir.folder(self.name)
        self.run.mkdir(exist_ok=True)
        if self.disk:
            self.mail = self.workdir.tmpfs(f"{self.name}/mail", self.disk, self.user)
        else:
            self.mail = self.workdir.folder(f"{self.name}/mail", self.user, 0o700)
        self.cert, self.key = self.authority.issue(f"imap-{self.name}")
        self.log = self.workdir.log(self.name)
        # One file each, readable by Dovecot's auth process and by nobody else.
        self.trusted_file = self.folder / "trusted"
        self.users_file = self.folder / "users"
        self._write_secret(self.trusted_file, "".join(
            f"{login}:{password}::::::\n" for login, password in self.passwords.items()))
        self.write_users()
        self.write_config()
        return self

    def _write_secret(self, path, text):
        fresh = pathlib.Path(f"{path}.new")
        fresh.touch(mode=0o600)
        fresh.write_text(text)
        shutil.chown(fresh, "root", "dovecot")
        fresh.chmod(0o640)
        fresh.rename(path)

    def write_users(self):
        lines = []
        for owner, password in self.owners.items():
            limit = self.quotas.get(owner, self.quota)
            rule = f"userdb_quota_rule=*:bytes={limit}" if limit else ""
            lines.append(f"{owner}:{password}:{self.uid}:{self.gid}::{self.mail}/{owner}::{rule}\n")
        self._write_secret(self.users_file, "".join(lines))
        if self.directory:
            return
        # Dovecot looks at the file once a second, and reads it again when size or whole-second time differ.
        self._users_stamp = max(int(time.time()), self._users_stamp + 1)
        os.utime(self.users_file, (self._users_stamp, self._users_stamp))
        if self.process and self.process.running():
            time.sleep(1.1)

    def add_mailboxes(self, owners):
        fresh = [owner for owner in owners if owner not in self.owners]
        for owner in fresh:
            self.owners[owner] = f"pw-{owner}"
        if self.config and fresh:
            self.write_users()

    def set_quota(self, owner, limit):
        """Takes effect with the owner's next login; None = no limit (needs `quota` at creation)."""
        self.quotas[owner] = limit
        self.write_users()

    def write_config(self):
        self.config = self.folder / "dovecot.conf"
        self.config.write_text(self._config_text())

    def _owners_text(self):
        if not self.directory:
            return _OWNERS_IN_FILE.format(users=self.users_file)
        settings = self.folder / "directory"
        self._write_secret(settings, _DIRECTORY.format(
            uri=self.directory.tls_uri, ca=self.directory.authority.cert, dn=self.directory.dn("imap"),
            password=self.directory.passwords["imap"], base=self.directory.people, uid=self.uid, gid=self.gid, mail=self.mail,
            quota=f",=quota_rule=*:bytes={self.quota}" if self.quota else ""))
        return _OWNERS_IN_DIRECTORY.format(settings=settings)

    def _write_rules(self):
        rules = self.folder / "acl"
        rules.write_text("* owner lrwstipekxa\n* user=filler lrwstipekxa\n* user=mirror lr\n")
        return rules

    def _special_use_text(self):
        return "".join(f"  mailbox \"{folder}\" {{\n    special_use = {attribute}\n    auto = create\n  }}\n"
                       for folder, attribute in self.special_use.items())

    def _config_text(self):
        plugins, imap_plugins, plugin = [], [], []
        if self.mirror_read_only:
            plugins.append("acl")
            plugin.append(f"  acl = vfile:{self._write_rules()}")
        if self.quota:
            plugins.append("quota")
            imap_plugins.append("imap_quota")
            plugin += ["  quota = count:User quota", "  quota_vsizes = yes", "  quota_grace = 0%%"]
        extra = self.extra
        if self.event_url:
            extra += _EVENTS.format(url=self.event_url)
        return _CONFIG.format(
            run=self.run, name=f"mm-{self.run.parent.name}-{self.name}", log=self.log, lmtp="",
            ssl="yes" if self.tls else "no", cert=self.cert, key=self.key,
            location=LOCATIONS[self.fmt], mail=self.mail, user=self.user, uid=self.uid, gid=self.gid,
            plugins=" ".join(plugins), imap_plugins=" ".join(imap_plugins), plugin="\n".join(plugin),
            trusted=self.trusted_file, owners=self._owners_text(), special_use=self._special_use_text(), fsync=self.fsync,
            separator=f"separator = {self.separator}" if self.separator else "",
            plain_port=self.plain_port, port=self.port if self.tls else 0, extra=extra)

    # --- running --------------------------------------------------------------------------------

    def start(self):
        if self.process is None:
            self.process = Process(self.name, ["/usr/sbin/dovecot", "-F", "-c", self.config],
                                   self.workdir.log(f"{self.name}-stderr"), stop_signal=signal.SIGTERM, usr=self.usr)
            self.workdir.on_close(self.stop, self.process.ask)
        # After SIGKILL the old helpers may hold the sockets and the pid file for a moment.
        end = time.monotonic() + 15.0
        while True:
            self.process.start()
            wait_until(lambda: self.greets() or not self.process.running(), f"Dovecot {self.name}", 15.0)
            if self.process.running():
                return self
            if time.monotonic() > end:
                raise LabError(f"Dovecot {self.name} did not start:\n{self.process.log_tail()}\n"
                               + "\n".join(open(self.log, encoding="utf-8").read().splitlines()[-10:]))
            time.sleep(0.1)

    def greets(self):
        port = self.port if self.tls else self.plain_port
        try:
            with socket.create_connection((self.host, port), 1.0):
                return True
        except OSError:
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

    def doveadm(self, *arguments, check=True):
        result = subprocess.run(["doveadm", "-c", str(self.config), *arguments], capture_output=True, text=True,
                                cwd="/", preexec_fn=self.usr and (lambda: enter_usr(self.usr)))
        if check and result.returncode != 0:
            raise LabError(f"doveadm {' '.join(arguments)}: {result.stderr.strip()}")
        return result.stdout

    def session_pids(self):
        """The imap processes of logged-in clients, to be stopped or killed one by one."""
        from .process import tree_of
        found = []
        for pid in tree_of(self.process.pid):
            try:
                if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "imap":
                    found.append(pid)
            except OSError:
                continue
        return found

    def describe(self):
        return {"name": self.name, "host": self.host, "port": self.port, "plain_port": self.plain_port,
                "format": self.fmt, "user": self.user, "pid": self.process.pid if self.process else None,
                "config": str(self.config), "log": str(self.log), "mail": str(self.mail),
                "mirror_login": "mirror", "filler_login": "filler"}
