# SPDX-License-Identifier: Apache-2.0
"""A private OpenLDAP server: LDAP (with StartTLS) and LDAPS on loopback, back_mdb, seeded before it starts.

Identities, each cn=NAME below the suffix with a password of its own: `admin` (rootdn, no limits), on production `reader`
(reads the subscribers, writes nothing), on DR `writer` (writes below ou=People).  `Password` is shown and taken over TLS only
and to these alone.  The lab's own questions go over ldapi as root, who is mapped to admin.
"""

import base64
import collections
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import types
import urllib.parse

from .process import LabError, Process, ensure_user, free_port, wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCHEMAS = [pathlib.Path("/etc/ldap/schema") / f"{name}.schema" for name in ("core", "cosine", "inetorgperson")]
SCHEMAS.append(ROOT / "etc/ldap/message-mirror.schema")

_CONFIG = """
{includes}
modulepath /usr/lib/ldap
moduleload back_mdb
{modules}
TLSCACertificateFile {ca}
TLSCertificateFile {cert}
TLSCertificateKeyFile {key}
TLSVerifyClient never
# slapd's own default stops every search at 500 entries.
sizelimit unlimited
timelimit unlimited
authz-regexp "^gidNumber=0[+]uidNumber=0,cn=peercred,cn=external,cn=auth$" "cn=admin,{suffix}"
{extra}

database mdb
suffix "{suffix}"
rootdn "cn=admin,{suffix}"
rootpw {password}
directory {database}
# How large it may grow; the file is sparse.
maxsize {maxsize}
{sync}
# Without this an add may bring what a modify may not.
add_content_acl on
index objectClass,MailboxNumber,NumericAddress,entryUUID,entryCSN eq
{limits}
access to attrs=userPassword
  by anonymous auth
  by * none
{hidden}
access to attrs=Password
{password_rights}
  by * none
access to dn.base="ou=People,{suffix}" attrs=children
{rights}
  by * none
access to dn.children="ou=People,{suffix}"
{rights}
  by * none
access to *
{readers}
  by * none
{database_extra}
"""

# What may follow "name: " as it is (RFC 2849).
_SAFE = re.compile(rb"(?:[!-9;=-~](?:[ -~]*[!-~])?)?")
_RESULT = re.compile(r"result: (\d+) ?(.*)")
_WRITE = re.compile(rb" conn=\d+ op=\d+ (ADD|MOD|MODRDN|DEL) dn=")


class LdapError(LabError):
    """A result other than success.  `code` is LDAP's, -1 for a lost or refused connection; `entries` came before it."""

    def __init__(self, what, code, text, entries=()):
        words = " ".join(text.split())
        super().__init__(f"{what}: {words}" + (f" ({code})" if f"({code})" not in words else ""))
        self.code, self.entries = code, list(entries)


# --- LDIF -----------------------------------------------------------------------------------------


def _octets(value):
    return value.encode() if isinstance(value, str) else value


def ldif_line(name, value):
    value = _octets(value)
    if _SAFE.fullmatch(value):
        return b"%s: %s\n" % (name.encode(), value)
    return b"%s:: %s\n" % (name.encode(), base64.b64encode(value))


def ldif_entry(dn, attributes, kind=None):
    """An entry as slapadd takes it; with `kind` "add" as ldapmodify does."""
    lines = [ldif_line("dn", dn)] + ([ldif_line("changetype", kind)] if kind else [])
    lines += [ldif_line(name, value) for name, values in attributes.items() for value in values]
    return b"".join(lines) + b"\n"


def escape_rdn(value):
    """A value as part of a DN (RFC 4514)."""
    text = re.sub(r'([\\"+,;<>=])', r"\\\1", value).replace("\0", "\\00")
    text = re.sub(r"^([ #])", r"\\\1", text)
    return re.sub(r"(?<!\\) $", "\\\\ ", text)


def subscriber_dn(number, people):
    return f"MailboxNumber={escape_rdn(number)},{people}"


def read_ldif(output):
    """What ldapsearch prints without -L, unwrapped: a list of pages, each (entries, code or None, text).  None: it broke off."""
    pages, entries = [], []
    for block in re.split(rb"\n\n+", output):
        lines = [line for line in block.split(b"\n") if line and not line.startswith(b"#")]
        if not lines:
            continue
        if lines[0].startswith(b"dn:"):
            entries.append(_read_entry(lines))
        elif lines[0].startswith(b"search:"):
            code, text = _RESULT.match(next(line for line in lines if line.startswith(b"result:")).decode()).groups()
            pages.append((entries, int(code), text))
            entries = []
        elif not lines[0].startswith((b"control:", b"pagedresults:")):
            raise LabError(f"ldapsearch printed {lines[0][:100]!r}")
    return pages + ([(entries, None, "")] if entries or not pages else [])


def _read_entry(lines):
    dn, attributes = None, {}
    for line in lines:
        name, _, value = line.partition(b":")
        value = base64.b64decode(value[1:]) if value.startswith(b":") else value[1:]
        if dn is None:
            dn = value.decode()
        else:
            attributes.setdefault(name.decode(), []).append(value)
    return dn, attributes


class RunningSearch:
    """A search whose answer nobody reads as yet, with its first entry seen: the server can be broken in the middle of it, when
    the answer is larger than what pipe and sockets take (some MB)."""

    def __init__(self, child):
        self.child, self.begun = child, b""
        while b"\ndn:" not in self.begun:
            more = os.read(child.stdout.fileno(), 65536)
            if not more:
                break
            self.begun += more

    def finish(self, timeout=60.0):
        """Reads the rest; entries as search() gives them, LdapError when it broke off."""
        try:
            rest, error = self.child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as late:
            self.child.kill()
            self.child.communicate()
            raise LabError(f"a search did not end within {timeout:g} s") from late
        return _entries_of(_checked(self.begun + rest, error, self.child.returncode))


def _checked(output, error, returncode):
    """The pages of an ended ldapsearch; one that broke off has the code None."""
    pages = read_ldif(output)
    if returncode and pages[-1][1] in (0, None):
        pages[-1] = (pages[-1][0], None, error.decode("utf-8", "replace") or f"exit {returncode}")
    return pages


def _entries_of(pages):
    entries = [entry for page in pages for entry in page[0]]
    _, code, text = pages[-1]
    if code is None:
        code = _code_in(text)
    if code != 0:
        raise LdapError("search", code, text, entries)
    return entries


def _code_in(text):
    """The code in what a tool says on stderr: "ldap_bind: Invalid credentials (49)"."""
    found = re.search(r"\((-?\d+)\)", text)
    return int(found.group(1)) if found else -1


# --- the server -----------------------------------------------------------------------------------


class Slapd:
    """One server of `site` ("production" or "dr"): suffix dc=SITE,dc=example, subscribers below ou=People.

    identities: {name: "read" or "write"}, what each may do below ou=People.
    limits: {identity, or slapd's own selector such as "users": "size.soft=10 size.hard=10 size.pr=5 size.prtotal=20"};
    without, no search is limited.  password_ssf: what `Password` asks of a connection, 0 for nothing.
    syncprov: RFC 4533 for who asks for it.  extra, database_extra: further lines of slapd.conf.
    """

    host = "127.0.0.1"

    def __init__(self, workdir, site, authority, user="mmprod", suffix=None, identities=None, limits=None, password_ssf=128,
                 syncprov=False, fsync=True, maxsize=4 << 30, extra="", database_extra=""):
        self.workdir, self.site, self.authority, self.user = workdir, site, authority, user
        self.name = f"directory-{site}"
        self.suffix = suffix or f"dc={site},dc=example"
        self.people = f"ou=People,{self.suffix}"
        self.identities = {"writer": "write"} if site == "dr" else {"reader": "read"}
        if identities is not None:
            self.identities = identities
        self.limits, self.password_ssf = limits or {}, password_ssf
        self.syncprov, self.fsync, self.maxsize = syncprov, fsync, maxsize
        self.extra, self.database_extra = extra, database_extra
        self.port, self.plain_port = free_port(), free_port()  # LDAPS, LDAP
        self.passwords = {who: f"{who}-{self.name}-secret" for who in ("admin", *self.identities)}
        self.run = workdir.sockets / self.name
        self.process = None
        self.seeded = False
        self.hidden = {}  # {identity: attributes it is not shown}, set before create()

    # --- set-up ---------------------------------------------------------------------------------

    def create(self):
        ensure_user(self.user)
        self.folder = self.workdir.folder(self.name)
        self.run.mkdir(exist_ok=True)
        shutil.chown(self.run, self.user, self.user)
        self.cert, key = self.authority.issue(f"ldap-{self.site}")
        # slapd reads the key and the schemas as its user, who may not reach the clone.
        self.key = self.workdir.write(f"{self.name}/ldap.key", pathlib.Path(key).read_text(), 0o600, self.user)
        for schema in SCHEMAS:
            shutil.copy(schema, self.folder)
            (self.folder / schema.name).chmod(0o644)
        self.log = self.workdir.log(self.name)
        for who, password in self.passwords.items():
            # Without a line end: ldapsearch -y takes the file as it is.
            self.workdir.write(f"{self.name}/{who}.password", password, 0o600)
            self.login_file(who).unlink(missing_ok=True)
            self.workdir.write(self.login_file(who).name, f"{self.dn(who)}\n{password}\n", 0o640, "root", "mirrord-test")
        self.write_config()
        return self

    @classmethod
    def known(cls, about, ca):
        """The server that another process of the lab runs, by its description: to be asked and changed, not to be started."""
        server = cls.__new__(cls)
        server.name, server.site, server.suffix, server.people = (about[key] for key in ("name", "site", "suffix", "people"))
        server.port, server.plain_port, server.log = about["port"], about["plain_port"], about["log"]
        server.run, server.folder = pathlib.Path(about["run"]), pathlib.Path(about["config"]).parent
        server.authority = types.SimpleNamespace(cert=ca)
        return server

    def dn(self, who):
        return f"cn={who},{self.suffix}"

    def dn_of(self, number):
        """Of the subscriber with this MailboxNumber."""
        return subscriber_dn(number, self.people)

    def login_file(self, who):
        """DN, then password, one a line, readable by the daemon's user."""
        return self.workdir.data / f"{self.name}.{who}.login"

    @property
    def uri(self):
        return f"ldap://{self.host}:{self.plain_port}"

    @property
    def tls_uri(self):
        return f"ldaps://{self.host}:{self.port}"

    @property
    def local_uri(self):
        return "ldapi://" + urllib.parse.quote(str(self.run / "ldapi"), safe="")

    def write_config(self):
        self.config = self.workdir.write(f"{self.name}/slapd.conf", self._config_text(), 0o600, self.user)

    def set_limits(self, limits):
        """Takes effect by a restart when it runs."""
        self.limits = limits
        self.write_config()
        if self.process and self.process.running():
            self.restart()

    def _rights(self, condition="", most="write"):
        """Lines of "by"; without any, everybody's "none" is left."""
        return "\n".join(f'  by dn.exact="{self.dn(who)}"{condition} {right if most == "write" else most}'
                         for who, right in self.identities.items())

    def _config_text(self):
        limits = (f'limits {selector}{" " if clause else ""}{clause}' for selector, clause in (
            (f'dn.exact="{self.dn(who)}"' if who in self.identities else who, clause) for who, clause in self.limits.items()))
        return _CONFIG.format(
            includes="\n".join(f"include {self.folder / schema.name}" for schema in SCHEMAS), suffix=self.suffix,
            modules="moduleload syncprov" if self.syncprov else "", ca=self.authority.cert, cert=self.cert, key=self.key,
            password=self.passwords["admin"], database=self.folder / "mdb", maxsize=self.maxsize,
            sync="" if self.fsync else "dbnosync", limits="\n".join(limits), rights=self._rights(),
            hidden="\n".join(f'access to attrs={name} by dn.exact="{self.dn(who)}" none by * break'
                             for who, names in self.hidden.items() for name in names),
            password_rights=self._rights(f" ssf={self.password_ssf}" if self.password_ssf else ""),
            readers=self._rights(most="read"), extra=self.extra,
            # An overlay follows all else of its database.
            database_extra=self.database_extra + "\noverlay syncprov" * self.syncprov)

    def _frame(self):
        """The entries above and beside the subscribers."""
        part = self.suffix.partition(",")[0].partition("=")[2]
        yield ldif_entry(self.suffix, {"objectClass": ["dcObject", "organization"], "dc": [part], "o": [part]})
        yield ldif_entry(self.people, {"objectClass": ["organizationalUnit"], "ou": ["People"]})
        for who in self.identities:
            yield ldif_entry(self.dn(who), {"objectClass": ["organizationalRole", "simpleSecurityObject"], "cn": [who],
                                            "userPassword": [self.passwords[who]]})

    def seed(self, people=()):
        """Makes the database anew with these subscribers (dicts of subscribers.make, or LDIF as bytes).  slapd must not run."""
        if self.process and self.process.running():
            raise LabError(f"{self.name} runs: nothing can be seeded")
        database = self.folder / "mdb"
        shutil.rmtree(database, ignore_errors=True)
        self.workdir.folder(f"{self.name}/mdb", self.user, 0o700)
        records = [*self._frame(), *([people] if isinstance(people, bytes) else
                                     (ldif_entry(self.dn_of(person["MailboxNumber"][0].decode()), person) for person in people))]
        made = subprocess.run(["/usr/sbin/slapadd", "-q", "-f", self.config, "-b", self.suffix], input=b"".join(records),
                              capture_output=True, user=self.user, group=self.user, extra_groups=[], cwd="/",
                              env=self._environment(), check=False)
        if made.returncode != 0:
            raise LabError(f"slapadd: {made.stderr.decode('utf-8', 'replace').strip()}")
        self.seeded = True
        return self

    # --- running --------------------------------------------------------------------------------

    @staticmethod
    def _environment():
        # LDAPNOINIT: no ldap.conf, ldaprc or LDAP... of this machine has a say.
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "LDAPNOINIT": "1"}

    def start(self):
        if not self.seeded:
            self.seed()
        if self.process is None:
            listeners = f"{self.uri} {self.tls_uri} {self.local_uri}"
            # With -d it stays in the foreground; "stats" tells every operation, without values.
            self.process = Process(self.name, ["/usr/sbin/slapd", "-f", self.config, "-h", listeners, "-d", "stats"], self.log,
                                   user=self.user, env=self._environment())
            self.workdir.on_close(self.stop, self.process.ask)
        # After SIGKILL the ports may be taken for a moment.
        end = time.monotonic() + 15.0
        while True:
            self.process.start()
            wait_until(lambda: self.answers() or not self.process.running(), f"slapd of {self.site}", 30.0)
            if self.process.running():
                return self
            if time.monotonic() > end:
                raise LabError(f"slapd of {self.site} did not start:\n{self.process.log_tail()}")
            time.sleep(0.1)

    def answers(self, timeout=1.0):
        """Whether an anonymous bind succeeds; the port alone is open before the database is."""
        try:
            with socket.create_connection((self.host, self.plain_port), timeout) as peer:
                peer.sendall(bytes.fromhex("300c020101600702010304008000"))
                return peer.recv(64).startswith(bytes.fromhex("300c02010161070a0100"))
        except OSError:
            return False

    def up(self, people=()):
        return self.create().seed(people).start()

    def stop(self):
        if self.process:
            self.resume()  # a stopped process does not hear that it is to end
            self.process.stop()

    def kill(self):
        """SIGKILL: the machine's power went."""
        self.process.kill()

    def restart(self):
        self.stop()
        return self.start()

    def pause(self):
        """SIGSTOP: connections stay, nothing is answered."""
        self.process.signal(signal.SIGSTOP)
        wait_until(self.process.stands_still, f"{self.name} to stand still")

    def resume(self):
        self.process.signal(signal.SIGCONT)

    def describe(self):
        return {"name": self.name, "site": self.site, "run": str(self.run), "host": self.host, "port": self.port, "plain_port": self.plain_port, "suffix": self.suffix,
                "people": self.people, "user": self.user, "pid": self.process.pid if self.process else None,
                "config": str(self.config), "log": str(self.log),
                "logins": {who: str(self.login_file(who)) for who in self.passwords}}

    # --- questions and changes ------------------------------------------------------------------

    def _command(self, program, who, tls, *arguments):
        """admin comes over ldapi, None is anonymous, the others bind over LDAPS or, with tls=False, without TLS."""
        login = {"admin": ["-H", self.local_uri, "-Q", "-Y", "EXTERNAL"]}.get(
            who, ["-H", self.tls_uri if tls else self.uri, "-x", "-o", f"TLS_CACERT={self.authority.cert}"])
        if who not in ("admin", None):
            login += ["-D", self.dn(who), "-y", self.folder / f"{who}.password"]
        return [f"/usr/bin/{program}", *login, *arguments]

    def _run(self, command, data, timeout):
        try:
            return subprocess.run(command, input=data, capture_output=True, cwd="/", env=self._environment(), timeout=timeout,
                                  check=False)
        except subprocess.TimeoutExpired as late:
            raise LabError(f"{self.name}: {pathlib.Path(command[0]).name} did not end within {timeout:g} s") from late

    def _search_command(self, base, scope, filter, attrs, who, tls, *more):
        return self._command("ldapsearch", who, tls, "-o", "ldif_wrap=no", "-b", self.people if base is None else base, "-s", scope,
                             *more, filter, *attrs)

    def search(self, base=None, filter="(objectClass=*)", attrs=(), scope="sub", who="admin", tls=True, timeout=60.0):
        """[(dn, {attribute: [bytes]})]; LdapError carries what came before it.  base: ou=People unless told."""
        done = self._run(self._search_command(base, scope, filter, attrs, who, tls), b"", timeout)
        return _entries_of(_checked(done.stdout, done.stderr, done.returncode))

    def pages(self, size, base=None, filter="(objectClass=*)", attrs=(), scope="sub", who="admin", tls=True, timeout=60.0):
        """The same by pages of `size` (RFC 2696): [(code, entries)], to the last page or the first that failed."""
        done = self._run(self._search_command(base, scope, filter, attrs, who, tls, "-E", f"pr={size}/noprompt"), b"", timeout)
        return [(_code_in(text) if code is None else code, entries)
                for entries, code, text in _checked(done.stdout, done.stderr, done.returncode)]

    def begin_search(self, base=None, filter="(objectClass=*)", attrs=(), scope="sub", who="admin", tls=True):
        return RunningSearch(subprocess.Popen(
            self._search_command(base, scope, filter, attrs, who, tls), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, bufsize=0, cwd="/", env=self._environment()))

    def change(self, ldif, who="admin", tls=True, timeout=60.0):
        """Change records, in turn to the first that fails."""
        done = self._run(self._command("ldapmodify", who, tls), ldif, timeout)
        if done.returncode != 0:
            text = done.stderr.decode("utf-8", "replace")
            raise LdapError("change", _code_in(text), text)

    def add(self, dn, attributes, who="admin", tls=True):
        """attributes: {name: [bytes or text]}"""
        self.change(ldif_entry(dn, attributes, "add"), who, tls)

    def modify(self, dn, changes, who="admin", tls=True):
        """changes: [("add" | "delete" | "replace", attribute, [values])]"""
        lines = [ldif_line("dn", dn), b"changetype: modify\n"]
        for kind, name, values in changes:
            lines += [ldif_line(kind, name), *(ldif_line(name, value) for value in values), b"-\n"]
        self.change(b"".join(lines) + b"\n", who, tls)

    def delete(self, dn, who="admin", tls=True):
        self.change(ldif_line("dn", dn) + b"changetype: delete\n\n", who, tls)

    def modrdn(self, dn, new_rdn, delete_old=True, new_superior=None, who="admin", tls=True):
        above = ldif_line("newsuperior", new_superior) if new_superior else b""
        self.change(ldif_line("dn", dn) + b"changetype: modrdn\n" + ldif_line("newrdn", new_rdn)
                    + b"deleteoldrdn: %d\n" % delete_old + above + b"\n", who, tls)

    def snapshot(self, operational=()):
        """{MailboxNumber: {attribute: sorted values}} of all subscribers, for comparisons; `operational`: also these, such as
        entryUUID."""
        found = {}
        for dn, attributes in self.search(filter="(objectClass=mmSubscriber)", attrs=("*", *operational)):
            number = attributes["MailboxNumber"][0].decode()
            if number in found:
                raise LabError(f"two entries have the MailboxNumber {number}: {dn}")
            found[number] = {name: sorted(values) for name, values in attributes.items()}
        return found

    def writes(self):
        """Counter of the writes that were asked for since the log began, refused ones too: ADD, MOD, MODRDN, DEL."""
        return collections.Counter(kind.decode() for kind in _WRITE.findall(pathlib.Path(self.log).read_bytes()))
