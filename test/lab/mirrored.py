# SPDX-License-Identifier: Apache-2.0
"""A pair of stores through all of it: every kind of message and change, one kill -9 in the middle, both stores equal, and then a
pass that writes nothing."""

import random
import threading
import time

from lab import fill
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
    wire = {"wire_log": True}
    return Lab(build_folder(), owners, fsync=False, relay=wire, dr_relay=wire, production_format=production, dr_format=dr, **options)


def mirrored(production, dr, refused_kinds=(), refused_characters="", also=None):
    """What a store refuses is left out.  `also(lab, mirror)`: more to check at the end."""
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
