#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The LDAP client against real slapd servers: what it reads is what ldapsearch reads, what ends early is known to be incomplete,
TLS is verified, and many changes are under way at once.  The client is reached by test/probe/ldap_probe."""

import contextlib
import hashlib
import json
import pathlib
import subprocess
import sys
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import subscribers
from lab.ca import Authority
from lab.cases import Cases
from lab.mirrord import build_folder
from lab.process import ensure_user
from lab.slapd import Slapd
from lab.workdir import Workdir

cases = Cases()
ONLY_PEOPLE = "(objectClass=mmSubscriber)"


class Bare:
    """A place to work in and an authority: neither stores nor a database are needed."""

    def __enter__(self):
        ensure_user("mmprod")
        self.workdir = Workdir(build_folder())
        self.authority = Authority(self.workdir.folder("ca"))
        return self

    def __exit__(self, *_):
        self.workdir.close()


def case(function):
    def run(_):
        with Bare() as lab:
            function(lab)
    run.__name__ = function.__name__
    return cases.add(run)


@contextlib.contextmanager
def directory(lab, people, site="production", **options):
    server = Slapd(lab.workdir, site, lab.authority, user="mmprod", **options).up(people)
    try:
        yield server
    finally:
        server.stop()


def probe(server, *words, who="reader", tls="implicit", ca=None, address=None, dn=None, wait=True):
    """The lines of its answer; with wait=False the process."""
    port = server.plain_port if tls in ("none", "starttls") else server.port
    dn, password = dn or server.dn(who), server.workdir.write("probe.password", server.passwords[who] + "\n", 0o600)
    command = [build_folder() / "test/probe/ldap_probe", "--address", *(address or [f"localhost:{port}"]), "--tls", tls,
               "--ca", ca or server.authority.cert, "--dn", dn, "--password-file", password, "--base", server.people, *words]
    child = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return answer_of(child) if wait else child


def answer_of(child):
    out, err = child.communicate(timeout=60)
    assert not err, err
    return [json.loads(line) for line in out.splitlines()]


def digests(values):
    return sorted(hashlib.sha256(value).hexdigest() for value in values)


def extracted(server, *words, **options):
    """({dn: {attribute: digests}}, the last line)."""
    *lines, end = probe(server, "--filter", ONLY_PEOPLE, *words, "extract", **options)
    return {line["dn"]: {name: sorted(values) for name, values in line["values"].items()} for line in lines}, end


@case
def every_octet_comes_by_each_way(lab):
    with directory(lab, subscribers.make(120, 1)) as server:
        found = server.search(filter=ONLY_PEOPLE, who="reader")
        expected = {dn: {name: digests(values) for name, values in attributes.items()} for dn, attributes in found}
        assert len(expected) == 120 and any("umRecordedName" in one for one in expected.values())
        for words, tls in (((), "implicit"), ((), "starttls"), (("--page", "7"), "implicit")):
            entries, end = extracted(server, *words, tls=tls)
            assert entries == expected, (words, tls)
            assert end["complete"] and end["entries"] == 120 and end["tls"].startswith("TLS"), end
            assert end["pages"] == (18 if words else 0), end


@case
def a_limit_of_the_server_is_no_end_of_the_directory(lab):
    people = subscribers.make(60, 2, recorded=0.0)
    with directory(lab, people, limits={"reader": "size.soft=25 size.hard=25 size.prtotal=unlimited"}) as server:
        entries, end = extracted(server)
        assert len(entries) == 60 and end["complete"] and end["pages"] == 1, end
        for limits in ("size.soft=25 size.hard=25 size.prtotal=40", "size.soft=25 size.hard=25 size.prtotal=disabled"):
            server.set_limits({"reader": limits})
            entries, end = extracted(server)
            assert not end["complete"] and end["why"], end
            entries, end = extracted(server, "--page", "10")
            assert not end["complete"] and end["why"], end


@case
def a_server_that_dies_in_mid_search_gives_no_directory(lab):
    with directory(lab, subscribers.make(300, 3, recorded=1.0)) as server:
        child = probe(server, "--filter", ONLY_PEOPLE, "extract", "--quiet", wait=False)
        server.pause()  # whatever it had sent, the end was not among it, or the case proves nothing
        time.sleep(0.3)
        server.kill()
        answer = answer_of(child)
        assert answer[-1].get("failed") in ("MRD-NET-003", "MRD-NET-001") or not answer[-1].get("complete"), answer[-1]
        assert not answer[-1].get("complete"), answer[-1]


@case
def a_server_that_stands_still_is_given_up(lab):
    with directory(lab, subscribers.make(5, 4, recorded=0.0)) as server:
        server.pause()
        try:
            for tls in ("implicit", "starttls"):
                assert probe(server, "--silence", "1", "extract", tls=tls)[-1]["failed"] in ("MRD-NET-002", "MRD-NET-006"), tls
        finally:
            server.resume()
        assert extracted(server)[1]["complete"]


@case
def who_cannot_be_trusted_gets_no_password(lab):
    with directory(lab, subscribers.make(5, 5, recorded=0.0)) as server:
        other = Authority(lab.workdir.folder("other-ca"))
        assert probe(server, "extract", ca=other.cert)[-1]["failed"] == "MRD-NET-005"
        assert probe(server, "extract", ca=other.cert, tls="starttls")[-1]["failed"] == "MRD-NET-005"
        assert probe(server, "extract", tls="none")[-1]["failed"] == "MRD-LDAP-005"
        wrong = probe(server, "extract", dn="cn=nobody,dc=production,dc=example")[-1]
        assert wrong["failed"] == "MRD-LDAP-001" and "49 invalidCredentials" in wrong["detail"], wrong
        assert server.passwords["reader"] not in json.dumps(wrong)


@case
def addresses_are_tried_in_turn(lab):
    with directory(lab, subscribers.make(5, 6, recorded=0.0)) as server:
        assert extracted(server, address=["localhost:1", f"localhost:{server.port}"])[1]["complete"]
        assert probe(server, "extract", address=["localhost:1"])[-1]["failed"] == "MRD-NET-001"


@case
def many_changes_at_once_and_each_is_answered(lab):
    with directory(lab, subscribers.make(200, 7, recorded=0.0), site="dr") as server:
        before = server.writes()
        end, = probe(server, "--filter", ONLY_PEOPLE, "modify", "--attribute", "Misc1", "--window", "64", "--count", "1000", who="writer")
        assert end["codes"] == {"0": 1000}, end
        assert (server.writes() - before)["MOD"] == 1000
        assert all(entry["Misc1"][0].startswith(b"changed ") for entry in server.snapshot().values())


@case
def the_reader_of_production_may_not_change_it(lab):
    with directory(lab, subscribers.make(20, 8, recorded=0.0)) as server:
        before = server.snapshot()
        end, = probe(server, "--filter", ONLY_PEOPLE, "modify", "--attribute", "sn", "--window", "8", "--count", "40")
        assert end["codes"] == {"50": 40}, end
        assert server.snapshot() == before


if __name__ == "__main__":
    sys.exit(cases.run(None, sys.argv[1] if len(sys.argv) > 1 else ""))
