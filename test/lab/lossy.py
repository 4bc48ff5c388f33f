#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A slow link on which packets are really lost: lossy.py --target HOST:PORT --rate KBIT [--queue OCTETS]

Its far end is in a network namespace of its own, behind a pair of virtual interfaces with a token bucket and a queue of a few
packets in either direction: what does not fit is dropped, and TCP has to send it again.  Who connects to the far end reaches the
target.  Prints "far end HOST:PORT" when it is up, and "dropped N" at the end.  Nothing of it outlives the process.  Needs root.
"""

import sys

if __name__ == "__main__":  # as a script, test/ takes the place of test/lab/ on the path
    import pathlib
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

import argparse
import asyncio
import ctypes
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading

_CLONE_NEWNET = 0x40000000


def _run(*words):
    result = subprocess.run(words, capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {result.stderr.strip()}")
    return result.stdout


def _dropped(device):
    return sum(map(int, re.findall(r"dropped (\d+)", _run("tc", "-s", "qdisc", "show", "dev", device))))


class FarEnd(threading.Thread):
    """The thread whose network namespace is the far end; it and everything in it go with the process."""

    def __init__(self, near, far, network, shape):
        """`shape`: what tc is told of the token bucket."""
        super().__init__(daemon=True)
        self.near, self.far, self.network, self.shape = near, far, network, shape
        self.tid, self.listener, self.error = None, None, None
        self.apart, self.joined, self.up, self.over = (threading.Event() for _ in range(4))
        self.lost = 0

    def run(self):
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "unshare")
            self.tid = threading.get_native_id()
            self.apart.set()
            self.joined.wait()
            _run("ip", "addr", "add", f"{self.network}.2/30", "dev", self.far)
            _run("ip", "link", "set", self.far, "up")
            _run("tc", "qdisc", "add", "dev", self.far, "root", "tbf", *self.shape)
            # A socket stays in the namespace it was made in.
            self.listener = socket.create_server((f"{self.network}.2", 0))
        except Exception as error:  # pylint: disable=broad-except
            self.error = error
        self.apart.set()
        self.up.set()
        self.over.wait()
        self.lost = _dropped(self.far)

    def dropped(self):
        """Packets that either queue had no room for."""
        near = _dropped(self.near)  # with the thread goes the namespace, and with that both ends
        self.over.set()
        self.join()
        return near + self.lost


def connect_ends(rate, queue):
    number = os.getpid() % 16000
    near, far, network = f"mmn{number}", f"mmf{number}", f"10.{192 + number // 250}.{number % 250}"
    shape = ("rate", f"{rate}kbit", "burst", "1600", "limit", str(queue))
    end = FarEnd(near, far, network, shape)
    end.start()
    end.apart.wait()
    if not end.error:
        _run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", str(end.tid))
        _run("ip", "addr", "add", f"{network}.1/30", "dev", near)
        _run("ip", "link", "set", near, "up")
        _run("tc", "qdisc", "add", "dev", near, "root", "tbf", *shape)
    end.joined.set()
    end.up.wait()
    if end.error:
        raise end.error
    return end


async def pump(reader, writer):
    try:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def serve(end, target):
    async def client(reader, writer):
        try:
            there = await asyncio.open_connection(*target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))

    server = await asyncio.start_server(client, sock=end.listener)
    print("far end %s:%d" % end.listener.getsockname()[:2], flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    server.close()
    print(f"dropped {end.dropped()}", flush=True)


class LossyLink:
    """The link as a child of a lab; `address` is its far end."""

    def __init__(self, workdir, target, rate=64, queue=4000, name="lossy"):
        from lab.process import Process
        self.log = workdir.log(name)
        self.process = Process(name, ["/usr/bin/python3", str(pathlib.Path(__file__).resolve()), "--target", f"{target[0]}:{target[1]}",
                                      "--rate", str(rate), "--queue", str(queue)], self.log)
        workdir.on_close(self.process.stop)

    def start(self):
        from lab.process import LabError, wait_until
        self.process.start()
        wait_until(lambda: "far end" in self._said() or not self.process.running(), "the lossy link", 10.0)
        if not self.process.running():
            raise LabError(f"the lossy link did not start:\n{self.process.log_tail()}")
        host, port = re.search(r"far end (\S+):(\d+)", self._said()).groups()
        self.address = host, int(port)
        return self

    def stop(self):
        """How many packets were lost, in both directions."""
        self.process.stop()
        return int(re.search(r"dropped (\d+)", self._said()).group(1))

    def _said(self):
        return pathlib.Path(self.log).read_text() if pathlib.Path(self.log).exists() else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", required=True)
    parser.add_argument("--rate", type=int, required=True, metavar="KBIT")
    parser.add_argument("--queue", type=int, default=4000, metavar="OCTETS")
    options = parser.parse_args()
    host, _, port = options.target.rpartition(":")
    asyncio.run(serve(connect_ends(options.rate, options.queue), (host, int(port))))


if __name__ == "__main__":
    main()
