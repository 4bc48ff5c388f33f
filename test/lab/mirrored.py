# SPDX-License-Identifier: Apache-2.0
"""What every pair of stores goes through, whatever the servers."""

import random
import threading
import time

from lab import fill, samples
from lab.cyrus import Cyrus
from lab.lab import Lab, server_class
from lab.mirrord import Mirror, build_folder
from lab.traffic import Player

OWNERS = ["1001", "1002"]
SEED = 7
EXACT = {"munge8bit": False, "fsync": "never"}  # a Cyrus that alters nothing


def make_lab(production, dr, owners, **options):
    for side, fmt in (("production_options", production), ("dr_options", dr)):
        options[side] = options.get(side) or (EXACT if issubclass(server_class(fmt), Cyrus) else None)
    wire = {"wire_log": True, "rules": True}
    return Lab(build_folder(), owners, fsync=False, relay=wire, dr_relay=wire, production_format=production, dr_format=dr, **options)


def mirrored(production, dr, refused_kinds=(), refused_characters="", also=None):
    """Every kind of message and change, one kill -9 in the middle, both stores equal, and then a pass that writes nothing.
    What a store refuses is left out.  `also(lab, mirror)`: more to check at the end."""
    with make_lab(production, dr, OWNERS) as lab, Mirror(lab) as mirror:
        store, refused = mirror.store("production"), {"refused_kinds": refused_kinds, "refused_characters": refused_characters}
        state, _ = fill.fill(store, OWNERS, 40, 2_000_000, SEED, 2, **refused)
        mirror.configure()
        mirror.wait_equal(90)
        player = Player(store, state, SEED, rate=15.0, connections=2, **refused)
        thread = threading.Thread(target=player.run, kwargs={"seconds": 5}, daemon=True)
        thread.start()
        time.sleep(random.Random(SEED).uniform(1.0, 3.0))
        mirror.kill()
        mirror.start()
        thread.join(60)
        assert not thread.is_alive(), "the traffic did not end"
        assert not player.failures, player.failures
        mirror.wait_equal(90)
        mirror.quiet_pass()
        assert not mirror.status()["problems"], mirror.status()["problems"]
        if also:
            also(lab, mirror)
        mirror.assert_production_untouched()


def told_at_once(production, dr, by, not_by, folder="Kept", **options):
    """No poll is due meanwhile, so that the command `by` alone can tell of what changes on production: IDLE in INBOX, NOTIFY in
    any folder."""
    with make_lab(production, dr, ["1001"], **options) as lab, Mirror(lab, {"watch_poll": "10m"}) as mirror:
        with mirror.store("production").connect("1001") as client:
            client.command(f'CREATE "{folder}"')
            client.command(f'SUBSCRIBE "{folder}"')
            mirror.configure()
            mirror.wait_equal(30)
            totals = lab.relay.totals()["totals"]
            assert totals.get(by) and not totals.get(not_by), totals
            for number, place in enumerate(["INBOX", folder] if by == "NOTIFY" else ["INBOX"]):
                client.append(place, [(samples.make("text", random.Random(SEED + number)).body, [], None)])
                mirror.wait_equal(30)
                client.select(place)
                client.command("UID STORE 1 +FLAGS (\\Flagged $label1)")
                mirror.wait_equal(30)
                client.command("UID STORE 1 +FLAGS (\\Deleted)")
                client.command("UID EXPUNGE 1")
                mirror.wait_equal(30)
        mirror.assert_production_untouched()
