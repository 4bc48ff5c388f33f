#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Lines that are cut, stall, are slow or lose packets, and servers that say BYE: whatever they do, mirrord gives up in time, and each
message is on DR once. The rules are those of test/lab/misbehave.py."""

import pathlib
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from lab.cases import Cases
from lab.lossy import LossyLink
from lab.process import wait_until
from lab.trouble import (APPEND, OWNER, appends, change, deposit, dr_does, expunge, next_uid, no_problem_left, production_does, run, told,
                         undisturbed, well_again)

cases = Cases()
SILENCE = "2s"  # the settings' limit, where a server is silent
EVER = 600.0  # seconds that nobody waits: whoever is told of it has given up before


@cases.add
def the_first_copy(mirror):
    deposit(mirror, "first", "twin", "twin")
    mirror.configure()
    mirror.wait_equal(60)


def both_ways(mirror, *rules):
    """Both directions of both stores."""
    both = [{**rule, "at": at} for rule in rules for at in ("client", "server")]
    production_does(mirror, *both)
    dr_does(mirror, *both)


def wire(name, *rules, octets=300_000):
    """A rule applies to as many connections as it says."""
    def case(mirror):
        both_ways(mirror, *rules)
        mirror.restart()
        deposit(mirror, f"{name} one", f"{name} two", octets=octets)
        mirror.wait_equal(120)
        well_again(mirror)
    case.__name__ = f"a_wire_{name}"
    cases.add(case)


wire("that_breaks_early", {"cut": 700, "times": 4}, {"cut": 3000, "times": 8})
wire("that_breaks_in_the_bodies", {"cut": 90_000, "times": 2}, {"cut": 250_000, "times": 2})  # ten in a row: that message would wait
wire("octet_by_octet", {"chop": 1}, octets=3000)
wire("of_64_kilobits", {"rate": 8000, "chop": 1000}, octets=20_000)


def delayed(milliseconds):
    """A round trip takes so long: nothing is lost on such a wire, so nothing may be sent again."""
    def case(mirror):
        both_ways(mirror, {"delay": milliseconds / 2000})
        first = next_uid(mirror)
        names = [f"{milliseconds} ms {n}" for n in range(3)]
        deposit(mirror, *names)
        mirror.wait_equal(120)
        change(mirror, names[0], "+FLAGS (\\Flagged $Slow)")
        expunge(mirror, names[1])
        mirror.wait_equal(120)
        assert next_uid(mirror) == first + 3, "sent more than once"
        well_again(mirror)
    case.__name__ = f"a_wire_of_{milliseconds}_ms"
    cases.add(case)


delayed(20)
delayed(100)
delayed(300)


@cases.add
def a_link_of_64_kilobits_that_loses_packets(mirror):
    """To both stores, and in either direction."""
    links = {side: LossyLink(mirror.lab.workdir, mirror.address_of(side), name=f"lossy-{side}").start() for side in ("production", "dr")}
    mirror.addresses = {side: link.address for side, link in links.items()}
    mirror.configure(stores={side: 'tls_server_name = "localhost"\n' for side in links})
    mirror.restart()
    deposit(mirror, "over a bad link", "and another", octets=20_000)
    try:
        mirror.wait_equal(180)
    finally:
        mirror.addresses = {}
        mirror.configure()
        mirror.restart()
    well_again(mirror)
    for side, link in links.items():
        lost = link.stop()
        assert lost > 0, f"the link to {side} lost nothing"
        print(f"# {lost} packets to and from {side} were lost", flush=True)


def bye_at_each(name, rule):
    """The server goes at the k-th APPEND of four that are sent one behind the other: it has done those before that one, which
    nobody was told of."""
    def case(mirror):
        single = {"at": "server", "line": r"(CAPABILITY .*?) MULTIAPPEND", "replace": r"\1"}
        undisturbed(mirror)
        dr_does(mirror, single)
        mirror.restart()
        wait_until(lambda: not mirror.lab.dr_relay.unused_rules(), "a login to DR", 30.0, 0.1)
        for k in range(1, 5):
            before = appends(mirror)
            dr_does(mirror, single, {"at": "client", "line": APPEND, "after": k - 1, "times": 1, "say": ["* BYE Going down"], **rule})
            deposit(mirror, f"bye {name} {k}", f"bye twin {name} {k}", f"bye twin {name} {k}", f"bye last {name} {k}")
            mirror.wait_equal(60)
            assert appends(mirror) >= before + 4, "not sent one by one"
        well_again(mirror)
        mirror.restart()
    case.__name__ = f"a_bye_at_each_of_four_appends_{name}"
    cases.add(case)


bye_at_each("before_its_literal", {"close": True})
bye_at_each("in_the_place_of_its_answer", {"away": True})


def stalls(name, side, rule, octets=0):
    """The connection is given up after the silence that the settings allow, told, and nothing comes twice."""
    def case(mirror):
        if mirror.engine.get("silence") != SILENCE:
            mirror.restart({"silence": SILENCE})
        undisturbed(mirror)
        first = next_uid(mirror)
        (dr_does if side == "dr" else production_does)(mirror, rule)
        deposit(mirror, *(f"stalls {name} {n}" for n in range(3)), octets=octets)
        told(mirror, "MRD-NET-002")
        well_again(mirror)
        no_problem_left(mirror)
        assert next_uid(mirror) == first + 3, "sent more than once"
    case.__name__ = f"{side}_stalls_{name}"
    cases.add(case)


stalls("between_two_bodies", "production", {"at": "server", "line": r"FETCH .*BODY\[\] \{", "after": 1, "stall": EVER})
stalls("in_the_middle_of_a_body", "production", {"at": "server", "hold": 100_000}, octets=150_000)
stalls("at_list", "production", {"at": "server", "line": r"^\* LIST ", "stall": EVER})
stalls("at_select", "dr", {"at": "server", "line": r"^\S+ OK \[READ-WRITE\]", "stall": EVER})


@cases.add
def dr_stalls_at_the_ok_of_append(mirror):
    """The messages are there, and the answer does not come: found by looking, while it still stalls."""
    if mirror.engine.get("silence") != SILENCE:
        mirror.restart({"silence": SILENCE})
    undisturbed(mirror)
    first, before = next_uid(mirror), appends(mirror)
    dr_does(mirror, {"at": "server", "line": r"^\S+ OK \[APPENDUID", "stall": EVER})
    deposit(mirror, "no ok", "no ok for a twin", "no ok for a twin")
    mirror.wait_equal(60)
    assert next_uid(mirror) == first + 3 and appends(mirror) == before + 1, "sent more than once"
    well_again(mirror)


if __name__ == "__main__":
    sys.exit(run(cases, [OWNER]))
