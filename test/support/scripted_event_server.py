# SPDX-License-Identifier: Apache-2.0
"""A scripted server with a store-wide event stream that queues while its client is away. It is no real product: it has the
shape of message stores' own event interfaces, and says what a test tells it to. The protocol is that of
lib/mirror/stream_source.hpp: "resume N" and "ack N" in, a line of JSON for each event out."""

import json
import socket
import threading


class ScriptedEventServer:
    """`queue_limit`: events kept for a client that is away; of older ones it tells a gap."""

    def __init__(self, queue_limit=1000):
        self.queue_limit, self.sequence, self.queue = queue_limit, 0, []
        self.resumed, self.acknowledged, self.client = [], 0, None
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def tell(self, **event):
        """Queues an event and sends it when somebody listens."""
        with self.lock:
            self.sequence += 1
            self.queue.append({"seq": self.sequence, **event})
            del self.queue[:-self.queue_limit]
            self._send(self.queue[-1])
        return self.sequence

    def say(self, line):
        """Anything, an event or not, to whoever listens."""
        with self.lock:
            self._write(line.encode() + b"\n")

    def hang_up(self):
        with self.lock:
            if self.client:
                self.client.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()
        self.hang_up()

    def _write(self, octets):
        try:
            if self.client:
                self.client.sendall(octets)
        except OSError:
            self.client = None

    def _send(self, event):
        self._write(json.dumps(event).encode() + b"\n")

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, client.makefile("r") as lines:
            try:
                for line in lines:
                    word, _, number = line.strip().partition(" ")
                    with self.lock:
                        if word == "resume":
                            self._resume(client, int(number))
                        elif word == "ack":
                            self.acknowledged = int(number)
                            self.queue = [event for event in self.queue if event["seq"] > self.acknowledged]
            except OSError:
                pass
        with self.lock:
            if self.client is client:
                self.client = None

    def _resume(self, client, done):
        self.client = client
        self.resumed.append(done)
        waiting = [event for event in self.queue if event["seq"] > done]
        first = waiting[0]["seq"] if waiting else self.sequence + 1
        if first > done + 1:
            self._send({"seq": first - 1, "gap": True})
        for event in waiting:
            self._send(event)
