#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mirrorctl store test, store caps and estimates against real servers: what they find, and what they leave alone."""

import http.client
import json
import pathlib
import random
import socket
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab import samples
from lab.cases import Cases
from lab.lab import Lab
from lab.mirrord import Mirror, build_folder, writes_in
from lab.process import wait_until

cases = Cases()
OWNERS = ("1001", "1002", "1003")
STEPS = ["settings", "dns", "tcp", "tls", "greeting", "capabilities", "login", "impersonation", "server", "minimum", "namespace", "watch",
         "read only", "scratch folder", "append", "fetch back", "uidplus", "interrupted append", "scratch removed"]


def store_test(mirror, store, codes=(0,)):
    """{step: row} of a store test, in its order."""
    answer = mirror.ctl("store", "test", store, codes=codes)
    return {row["name"]: row for row in answer["items"]}


def edit(mirror, store, *words):
    mirror.ctl("store", "edit", store, *words)


class ControlSocket(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("mirrord")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def api(mirror, method, path, body=None):
    connection = ControlSocket(mirror.socket)
    connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status < 300, (answer.status, text)
    return json.loads(text)


def folders_on_dr(mirror, owner):
    with mirror.store("dr").connect(owner) as client:
        return sorted(name for name, _, _ in client.list())


@cases.add
def a_source_passes_and_is_never_written_to(mirror):
    before = mirror.lab.relay.totals()["totals"]
    steps = store_test(mirror, "production")
    assert list(steps) == STEPS, list(steps)
    for name in ("settings", "dns", "tcp", "tls", "greeting", "capabilities", "login", "impersonation", "server", "minimum", "namespace", "watch"):
        assert steps[name]["outcome"] == "ok", steps[name]
    assert steps["impersonation"]["detail"].startswith("3 of 3"), steps["impersonation"]
    assert "NOTIFY" in steps["watch"]["detail"] and "inotify" in steps["watch"]["hint"], steps["watch"]
    assert "TLSv1.3" in steps["tls"]["detail"] and "valid for" in steps["tls"]["detail"], steps["tls"]
    for name in STEPS[13:]:
        assert steps[name]["outcome"] == "skipped" and "never written" in steps[name]["detail"], steps[name]
    after = mirror.lab.relay.totals()["totals"]
    fresh = {name: after[name] - before.get(name, 0) for name in after}
    assert fresh["AUTHENTICATE"] >= 3 and not writes_in({n: c for n, c in fresh.items() if c}), fresh


@cases.add
def rights_on_a_source_are_proven_by_acl(mirror):
    step = store_test(mirror, "production")["read only"]
    assert step["outcome"] == "ok" and step["detail"].endswith(": lr"), step


@cases.add
def a_target_is_written_to_in_a_scratch_folder_that_goes_again(mirror):
    before = {owner: folders_on_dr(mirror, owner) for owner in OWNERS}
    steps = store_test(mirror, "dr")
    assert list(steps) == STEPS, list(steps)
    for name in STEPS[13:]:
        assert steps[name]["outcome"] == "ok", steps[name]
    assert steps["fetch back"]["detail"] == "digest, flags and date as sent", steps["fetch back"]
    assert "two messages" in steps["interrupted append"]["detail"], steps["interrupted append"]
    assert steps["read only"]["outcome"] == "skipped", steps["read only"]
    assert {owner: folders_on_dr(mirror, owner) for owner in OWNERS} == before
    totals = mirror.lab.dr_relay.totals()["totals"]
    assert totals["APPEND"] >= 2 and totals["DELETE"] >= 1, totals


@cases.add
def it_works_while_suspended(mirror):
    mirror.ctl("suspend", "--reason", "a test", "--wait")
    try:
        assert store_test(mirror, "production")["login"]["outcome"] == "ok"
    finally:
        mirror.ctl("resume", "--reason", "a test")
    mirror.wait_equal(60)


@cases.add
def a_wrong_host_ends_at_dns(mirror):
    edit(mirror, "production", "--host", "nowhere.invalid")
    steps = store_test(mirror, "production", codes=(1, 2, 3, 4, 5, 6))
    assert steps["dns"]["outcome"] == "failed" and "MRD-NET-004" in steps["dns"]["detail"] and steps["dns"]["hint"], steps["dns"]
    assert all(steps[name]["outcome"] == "skipped" for name in STEPS[2:]), steps
    edit(mirror, "production", "--host", "127.0.0.1")


@cases.add
def a_closed_port_ends_at_tcp(mirror):
    port = mirror.address_of("production")[1]
    edit(mirror, "production", "--port", "1")
    steps = store_test(mirror, "production", codes=(1, 2, 3, 4, 5, 6))
    assert steps["tcp"]["outcome"] == "failed" and "MRD-NET-001" in steps["tcp"]["detail"], steps["tcp"]
    edit(mirror, "production", "--port", str(port))


@cases.add
def a_wrong_name_ends_at_tls(mirror):
    edit(mirror, "production", "--tls-server-name", "other.example")
    steps = store_test(mirror, "production", codes=(1, 2, 3, 4, 5, 6))
    assert steps["tcp"]["outcome"] == "ok" and steps["tls"]["outcome"] == "failed", steps
    assert "MRD-NET-005" in steps["tls"]["detail"] and steps["tls"]["hint"], steps["tls"]
    edit(mirror, "production", "--tls-server-name", "")


@cases.add
def a_wrong_login_ends_at_login(mirror):
    edit(mirror, "production", "--login", "nobody")
    steps = store_test(mirror, "production", codes=(1, 2, 3, 4, 5, 6))
    assert steps["capabilities"]["outcome"] == "ok" and steps["login"]["outcome"] == "failed", steps
    assert steps["namespace"]["outcome"] == "skipped", steps
    edit(mirror, "production", "--login", "mirror")
    assert store_test(mirror, "production")["login"]["outcome"] == "ok"


@cases.add
def an_owner_unknown_there_is_named_by_impersonation(mirror):
    mirror.lab.production.owners.pop("1003")
    mirror.lab.production.write_users()
    try:
        step = store_test(mirror, "production")["impersonation"]
        assert step["outcome"] == "warning" and "2 of 3" in step["detail"] and "1003" in step["detail"], step
    finally:
        mirror.lab.production.add_mailboxes(["1003"])


@cases.add
def capabilities_say_what_is_used_and_why_not(mirror):
    source = {row["name"]: row for row in mirror.ctl("store", "caps", "production")["items"]}
    target = {row["name"]: row for row in mirror.ctl("store", "caps", "dr")["items"]}
    assert source["NOTIFY"]["used"] and not source["IDLE"]["used"] and "NOTIFY" in source["IDLE"]["why"], source["IDLE"]
    assert source["MULTIAPPEND"]["offered"] and not source["MULTIAPPEND"]["used"], source["MULTIAPPEND"]
    assert target["MULTIAPPEND"]["used"] and target["UIDPLUS"]["used"], target
    assert not target["NOTIFY"]["used"], target["NOTIFY"]
    assert not source["OBJECTID"]["offered"] and source["OBJECTID"]["why"] == "not offered", source["OBJECTID"]
    assert all(row["why"] for row in (*source.values(), *target.values()))


@cases.add
def an_estimate_counts_what_the_source_has(mirror):
    expected = {"messages": 0, "octets": 0}
    for owner in OWNERS:
        bodies = [samples.make("voice_ulaw", random.Random(f"{owner} {n}")).body for n in range(3)]
        with mirror.store("production").connect(owner) as client:
            client.append("INBOX", [(body, [], None) for body in bodies])
    mirror.wait_equal(60)
    for owner in OWNERS:
        with mirror.store("production", "mirror").connect(owner) as client:
            for folder, _, _ in client.list():
                chosen = client.select(folder, examine=True)
                expected["messages"] += chosen["exists"]
    number = api(mirror, "POST", "/api/v1/runs", {"kind": "estimate", "mask": "*"})["id"]
    wait_until(lambda: api(mirror, "GET", f"/api/v1/runs/{number}")["state"] not in ("queued", "running"), "the estimate", 30.0)
    run = api(mirror, "GET", f"/api/v1/runs/{number}")
    result = run["result"]
    assert run["state"] == "done" and run["done"] == 3, run
    assert result["mailboxes"] == 3 and result["unseen_mailboxes"] == 0, result
    assert result["messages"] == expected["messages"], (result, expected)
    assert result["octets"] > 0 and result["gsm_minutes"] >= result["g711_minutes"], result
    assert result["octets_per_second"] and result["seconds_at_measured_rate"] >= 1, result


def main():
    extra = "protocol imap {\n  mail_plugins = $mail_plugins acl imap_acl\n}\n"
    with Lab(build_folder(), OWNERS, fsync=False, relay=True, dr_relay=True, production_options={"extra": extra}) as lab, \
            Mirror(lab) as mirror:
        mirror.configure()
        mirror.wait_equal(60)
        return cases.run(mirror, sys.argv[1] if len(sys.argv) > 1 else "")


if __name__ == "__main__":
    sys.exit(main())
