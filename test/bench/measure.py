# SPDX-License-Identifier: Apache-2.0
"""Wall time and CPU of one pass: of the tool, and of the servers on both sides."""

import dataclasses
import os
import resource
import time

from lab.process import tree_of

_TICK = os.sysconf("SC_CLK_TCK")


def cpu_of_tree(pid):
    """Seconds used by a process, those below it, and all of theirs that have ended."""
    total = 0
    for one in (pid, *tree_of(pid)):
        try:
            with open(f"/proc/{one}/stat", "rb") as file:
                stat = file.read()
        except OSError:
            continue
        total += sum(map(int, stat[stat.rindex(b")") + 2:].split()[11:15]))
    return total / _TICK


def _own(who):
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


@dataclasses.dataclass
class Figure:
    wall: float  # seconds
    tool: float  # CPU seconds of the tool; of mirrord with its PostgreSQL
    database: float  # of these, PostgreSQL's
    servers: float  # CPU seconds of both Dovecots


def measure(tool, work):
    """Runs work() on a quiet disk: what an earlier run still has to write must not be paid for by this one."""
    os.sync()
    servers = [server.process.pid for server in (tool.production, tool.dr)]
    pids = tool.pids()

    def reading():
        own = _own(resource.RUSAGE_CHILDREN) + (_own(resource.RUSAGE_SELF) if tool.name == "yardstick" else 0)
        each = [cpu_of_tree(pid) for pid in pids]
        return own + sum(each), each[-1] if each else 0.0, sum(map(cpu_of_tree, servers))

    before, begin = reading(), time.monotonic()
    work()
    wall = time.monotonic() - begin
    return Figure(wall, *(now - then for now, then in zip(reading(), before)))
