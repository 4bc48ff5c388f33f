# SPDX-License-Identifier: Apache-2.0
"""Dovecot 2.4.1 and Cyrus 3.10 as Debian 13 has them, run on this machine from build/debian13 (scripts/make-debian13).

Their processes see Debian 13's /usr in the place of the machine's own, in a mount namespace that ends with them
(lab.process.enter_usr): the paths of the lab are the same inside and outside, and nothing is left mounted.
"""

import pathlib
import subprocess

from .cyrus import Cyrus
from .dovecot import Dovecot
from .process import LabError

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/debian13"


def make():
    subprocess.run([ROOT / "scripts/make-debian13"], check=True, stdin=subprocess.DEVNULL)


# Dovecot 2.4 has a syntax of its own; the choices are those of lab.dovecot, and the reasons.
_DOVECOT = """
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
base_dir = {run}
state_dir = {run}/state
instance_name = {name}
log_path = {log}
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_server_cert_file = {cert}
ssl_server_key_file = {key}
auth_allow_cleartext = yes
auth_mechanisms = plain login
auth_master_user_separator = *
auth_username_format = %{{user}}
auth_failure_delay = 0
mail_max_userip_connections = 1000
mail_driver = {driver}
mail_path = ~/{folder}
mail_home = {mail}/%{{user}}
mail_uid = {user}
mail_gid = {user}
first_valid_uid = {uid}
last_valid_uid = {uid}
first_valid_gid = {gid}
mailbox_list_index = yes
mail_fsync = {fsync}
dotlock_use_excl = no
shutdown_clients = yes
default_process_limit = 4000
default_client_limit = 12000
default_vsz_limit = 1G
mail_attribute {{
  dict file {{
    path = %{{home}}/dovecot-attributes
  }}
}}
passdb trusted {{
  driver = passwd-file
  default_password_scheme = PLAIN
  master = yes
  passwd_file_path = {trusted}
}}
passdb owners {{
  driver = passwd-file
  default_password_scheme = PLAIN
  passwd_file_path = {users}
}}
userdb owners {{
  driver = passwd-file
  passwd_file_path = {users}
}}
namespace inbox {{
  inbox = yes
  {separator}
{special_use}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  restart_request_count = unlimited
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
}}
{acl}
{extra}
"""

# The file, though 2.4 calls it deprecated: `acl user=filler { ... }` of the settings does not let a trusted login CREATE.
# acl_user: with 2.4.1's own %{master_user} the trusted login has the owner's rights, whichever way it logs in.
_ACL = """
mail_plugins = acl
acl_driver = vfile
acl_global_path = {rules}
acl_user = %{{auth_user}}
"""


class Dovecot24(Dovecot):
    """`fmt`: dovecot24-maildir, dovecot24-sdbox or dovecot24-mdbox.  No quota and no event exporter here."""

    formats = ("dovecot24-maildir", "dovecot24-sdbox", "dovecot24-mdbox")
    usr = BUILD / "dovecot/usr"

    def create(self):
        if self.quota or self.event_url or self.directory or not self.tls:
            raise LabError("no quota, no events, no directory and no plain port alone on a Dovecot 2.4 of the lab")
        make()
        return super().create()

    def _config_text(self):
        driver = self.fmt.removeprefix("dovecot24-")
        acl = _ACL.format(rules=self._write_rules()) if self.mirror_read_only else ""
        return _DOVECOT.format(
            run=self.run, name=f"mm-{self.run.parent.name}-{self.name}", log=self.log, cert=self.cert, key=self.key,
            driver=driver, folder="Maildir" if driver == "maildir" else driver, mail=self.mail, user=self.user, uid=self.uid,
            gid=self.gid, fsync=self.fsync, trusted=self.trusted_file, users=self.users_file,
            special_use=self._special_use_text(), separator=f"separator = {self.separator}" if self.separator else "",
            plain_port=self.plain_port, port=self.port, acl=acl, extra=self.extra)


class Cyrus310(Cyrus):
    """`fmt`: cyrus310."""

    formats = ("cyrus310",)
    usr = BUILD / "cyrus/usr"

    def _provide(self):
        make()
        self.saslpasswd, self.bin, self.lib = "/usr/sbin/saslpasswd2", pathlib.Path("/usr/lib/cyrus/bin"), None
