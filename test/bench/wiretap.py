# SPDX-License-Identifier: Apache-2.0
"""Counts what goes over the wire to one server without looking into it: connections, bytes, turns.

It passes TLS on as it is, so that TLS's own bytes count as well.  A turn is a flight of the client that comes after
something the server said, or is the first: what a client waits for once.  A client that pipelines while the server is
still answering is charged a turn for each such flight, so the number is an upper bound; the same for every tool.
"""

import asyncio
import collections
import threading

Wire = collections.namedtuple("Wire", "connections turns up down")


class Wiretap:
    """A thread of its own; `port` is where clients connect instead."""

    def __init__(self, target):
        self.target = target
        self.connections = self.turns = self.up = self.down = 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def start(self):
        self.thread.start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._client, "127.0.0.1", 0), self.loop).result()
        self.port = server.sockets[0].getsockname()[1]
        return self

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def seen(self):
        return Wire(self.connections, self.turns, self.up, self.down)

    def since(self, before):
        return Wire(*(now - then for now, then in zip(self.seen(), before)))

    async def _client(self, reader, writer):
        self.connections += 1
        client_spoke = [False]
        onward = None
        try:
            back, onward = await asyncio.open_connection(*self.target)
            pumps = [asyncio.ensure_future(self._up(reader, onward, client_spoke)),
                     asyncio.ensure_future(self._down(back, writer, client_spoke))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        except OSError:
            pass
        finally:
            for end in (writer, onward):
                if end:
                    end.close()

    async def _up(self, reader, onward, client_spoke):
        while data := await reader.read(262144):
            self.up += len(data)
            if not client_spoke[0]:
                self.turns += 1
                client_spoke[0] = True
            onward.write(data)
            await onward.drain()

    async def _down(self, back, writer, client_spoke):
        while data := await back.read(262144):
            self.down += len(data)
            client_spoke[0] = False
            writer.write(data)
            await writer.drain()
