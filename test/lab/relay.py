#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A test relay in front of an IMAP server: ends TLS with its own certificate, goes on by TLS, counts commands.

relay.py --listen PORT --target HOST:PORT --cert F --key F --ca F --report totals.json [--hide REGEX]...
         [--rules FILE] [--wire-log DIR]

Commands are counted by name as the server would see them: "UID FETCH" is one name, the content of
literals is never taken for a command, nor are the answers to an AUTHENTICATE or an IDLE.  The report
(JSON: totals, connections, per connection) is rewritten twice a second and at the end.
--hide takes capabilities whose whole name matches out of every CAPABILITY answer.
--rules names the file that says what goes wrong on purpose (misbehave.py).
--wire-log keeps each connection's lines as `C: ...` and `S: ...`, literals as their length.
"""

import sys

if __name__ == "__main__":  # as a script, test/ takes the place of test/lab/ on the path
    import pathlib
    sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

import argparse
import asyncio
import collections
import json
import os
import pathlib
import re
import signal
import ssl
import time

from lab.imaplines import Lines, command_name
from lab.misbehave import Connection, Octets, Rules

_CAPABILITY = re.compile(rb"(\* CAPABILITY |\[CAPABILITY )([^\]\r\n]*)")


class CommandCounter:
    """Follows the client's side of one connection; `counts` maps command names to numbers.

    A line without a space is no command: the answers to AUTHENTICATE are base64, and DONE ends an IDLE."""

    def __init__(self):
        self.lines = Lines()
        self.counts = collections.Counter()
        self.command = None  # while a command goes on behind a literal: its name

    def feed(self, data):
        """("line", what a log may show of it) or ("literal", size so far, end), after counting."""
        for kind, piece, end in self.lines.feed(data):
            if kind == "literal":
                yield kind, piece, end
                continue
            goes_on, self.command = self.command, self.command or self._count(piece)
            secret = self.command in ("LOGIN", "AUTHENTICATE", "DATA")
            shown = b" ".join(piece.split(b" ")[:2]).rstrip() if not goes_on and self.command != "DATA" else b""
            yield kind, shown + b" ***\r\n" if secret else piece, end
            if end:
                self.command = None

    def _count(self, line):
        name = command_name(line)
        if name != "DATA":
            self.counts[name] += 1
        return name


class Relay:
    def __init__(self, target, server_context, client_context, hide=(), report=None, wire_log=None, rules=None):
        self.rules = rules
        self.target, self.server_context, self.client_context = target, server_context, client_context
        self.hide = [re.compile(pattern, re.IGNORECASE) for pattern in hide]
        self.report_file, self.wire_log = report, wire_log
        self.totals, self.connections = collections.Counter(), []
        self.bytes = collections.Counter()
        self.open = 0

    async def listen(self, port):
        self.server = await asyncio.start_server(self._client, "127.0.0.1", port, ssl=self.server_context,
                                                 limit=1 << 20)
        asyncio.get_running_loop().create_task(self._write_reports())

    async def _client(self, reader, writer):
        number, counter = len(self.connections), CommandCounter()
        about = {"commands": counter.counts, "from_client": 0, "from_server": 0}
        self.connections.append(about)
        self.open += 1
        log = open(self.wire_log / f"{number:05d}.log", "wb", buffering=0) if self.wire_log else None
        onward = None
        try:
            back, onward = await asyncio.open_connection(*self.target, ssl=self.client_context, limit=1 << 20)
            wrong = Connection(self.rules) if self.rules else None
            pumps = [asyncio.ensure_future(self._to_server(reader, onward, writer, counter, about, log, wrong)),
                     asyncio.ensure_future(self._to_client(back, onward, writer, about, log, wrong))]
            # Either end closing ends both: a client that has gone must not leave a session behind.
            _, pending = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if pumps[0].done() and not pumps[1].done() and not pumps[0].exception():
                # What the server still says after the client's last words, LOGOUT's answer above all.
                await asyncio.wait(pumps, timeout=1.0)
            for pump in pending:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, ssl.SSLError):
            pass
        finally:
            self.open -= 1
            for end in (writer, onward):
                if end:
                    end.close()
            if log:
                log.close()

    async def _to_server(self, reader, onward, writer, counter, about, log, wrong):
        octets = Octets(self.rules, "client")
        while data := await reader.read(65536):
            about["from_client"] += len(data)
            # Counted before it goes on: when an answer is seen, its command is in the report.
            for kind, piece, end in counter.feed(data):
                if log and kind == "line":
                    log.write(b"C: " + piece)
                elif log and end:
                    log.write(b"C: (literal)\r\n")
            steps = wrong.from_client(data) if wrong else [("server", data)]
            if not await self._follow(steps, onward, writer, octets, "server"):
                return

    async def _to_client(self, back, onward, writer, about, log, wrong):
        lines, octets = Lines(), Octets(self.rules, "server")
        while data := await back.read(65536):
            about["from_server"] += len(data)
            if self.hide or log:
                out = []
                for kind, piece, end in lines.feed(data):
                    if kind == "line":
                        piece = self._hidden(piece)
                        if log:
                            log.write(b"S: " + piece)
                    elif log and end:
                        log.write(b"S: (literal)\r\n")
                    out.append(piece)
                data = b"".join(out)
            steps = wrong.from_server(data) if wrong else [("client", data)]
            if not await self._follow(steps, onward, writer, octets, "client"):
                return

    @staticmethod
    async def _follow(steps, onward, writer, octets, mine):
        """Does what the rules made of a piece; `octets` are those to `mine`. False when the connection is to end."""
        ends = {"server": onward, "client": writer}
        for what, told in steps:
            if what == "close":
                return False
            if what == "sleep":
                await asyncio.sleep(told)
            elif what != mine:
                ends[what].write(told)
            elif not await octets.send(ends[what], told):
                return False
        return True

    def _hidden(self, line):
        if not self.hide:
            return line

        def without(match):
            kept = [word for word in match.group(2).split()
                    if not any(pattern.fullmatch(word.decode()) for pattern in self.hide)]
            return match.group(1) + b" ".join(kept)

        return _CAPABILITY.sub(without, line, count=1)

    def report(self):
        totals = collections.Counter()
        for connection in self.connections:
            totals.update(connection["commands"])
        return {"totals": dict(sorted(totals.items())), "connections": len(self.connections), "open": self.open,
                "rules": [[rule.about, rule.used] for rule in self.rules.now()] if self.rules else [],
                "from_client": sum(c["from_client"] for c in self.connections),
                "from_server": sum(c["from_server"] for c in self.connections),
                "per_connection": [dict(c["commands"]) for c in self.connections]}

    def write_report(self):
        if self.report_file:
            fresh = pathlib.Path(f"{self.report_file}.new")
            fresh.write_text(json.dumps(self.report()) + "\n")
            fresh.rename(self.report_file)

    async def _write_reports(self):
        while True:
            self.write_report()
            await asyncio.sleep(0.5)


class RelayProcess:
    """The relay as a child of a lab, in front of one of its servers."""

    def __init__(self, workdir, authority, server, name="relay", hide=(), wire_log=False, rules=False):
        from lab.process import Process, free_port
        self.workdir, self.name = workdir, name
        self.port, self.report_file = free_port(), workdir.data / f"{name}.json"
        self.wire_log = workdir.folder(f"{name}-wire") if wire_log else None
        cert, key = authority.issue(f"imap-{name}")
        argv = ["/usr/bin/python3", pathlib.Path(__file__).resolve(), "--listen", self.port, "--target",
                f"{server.host}:{server.port}", "--cert", cert, "--key", key, "--ca", authority.cert,
                "--report", self.report_file]
        for pattern in hide:
            argv += ["--hide", pattern]
        self.rules_file = workdir.data / f"{name}-rules.json" if rules else None
        if rules:
            self.misbehave()
            argv += ["--rules", self.rules_file]
        if self.wire_log:
            argv += ["--wire-log", self.wire_log]
        self.process = Process(name, [str(part) for part in argv], workdir.log(name))

    def misbehave(self, *rules):
        """From now on by these rules of misbehave.py; without one, not at all."""
        fresh = pathlib.Path(f"{self.rules_file}.new")
        fresh.write_text(json.dumps(rules))
        fresh.rename(self.rules_file)

    def unused_rules(self):
        """Those of now that nothing has met yet."""
        return [about for about, used in self.totals()["rules"] if not used]

    def start(self):
        from lab.process import wait_until
        import socket
        if self.process.child is None:
            self.workdir.on_close(self.stop)
        self.process.start()

        def answers():
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.5).close()
                return True
            except OSError:
                return not self.process.running()

        wait_until(answers, "the relay", 10.0)
        if not self.process.running():
            raise RuntimeError(f"the relay did not start:\n{self.process.log_tail()}")
        return self

    def stop(self):
        self.process.stop()

    def kill(self):
        self.process.kill()

    def restart(self):
        self.stop()
        return self.start()

    def totals(self):
        """Commands by name up to now (a report at least as new as this call)."""
        from lab.process import wait_until
        self.process.signal(signal.SIGUSR1)
        asked = time.time()
        if self.process.running():
            wait_until(lambda: self.report_file.exists() and self.report_file.stat().st_mtime >= asked - 0.005,
                       "the relay's report")
        return json.loads(self.report_file.read_text())

    def describe(self):
        return {"host": "127.0.0.1", "port": self.port, "report": str(self.report_file), "pid": self.process.pid,
                "wire_log": str(self.wire_log) if self.wire_log else None}


async def serve(options):
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(options.cert, options.key)
    client_context = ssl.create_default_context(cafile=options.ca)
    host, _, port = options.target.rpartition(":")
    if options.wire_log:
        pathlib.Path(options.wire_log).mkdir(parents=True, exist_ok=True)
    relay = Relay((host, int(port)), server_context, client_context, options.hide, options.report,
                  pathlib.Path(options.wire_log) if options.wire_log else None,
                  Rules(pathlib.Path(options.rules)) if options.rules else None)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, relay.write_report)
    await relay.listen(options.listen)
    await stop.wait()
    relay.write_report()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--target", required=True, help="HOST:PORT")
    for name in ("cert", "key", "ca", "report"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--hide", action="append", default=[], metavar="REGEX")
    parser.add_argument("--rules", metavar="FILE")
    parser.add_argument("--wire-log")
    options = parser.parse_args()
    asyncio.run(serve(options))
    # Open connections end with the process; nothing is left to wait for.
    os._exit(0)


if __name__ == "__main__":
    main()
