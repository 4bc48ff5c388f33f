# SPDX-License-Identifier: Apache-2.0
"""A TCP line to a server of this machine that counts what the server says, and can end in the middle of it."""

import contextlib
import socket
import threading


class Line:
    """Listens on a port of its own.  After `most` octets from the server `then` is called and nothing passes any more."""

    def __init__(self, port, most=None, then=None):
        self.target, self.most, self.then = port, most, then
        self.octets = 0
        self.ended = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Whoever waits in accept() hears of this, but not of close() alone.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                threading.Thread(target=self._carry, args=(near, far, len), daemon=True).start()
                threading.Thread(target=self._carry, args=(far, near, self._counted), daemon=True).start()

    def _counted(self, data):
        """How much of it may pass."""
        may = len(data) if self.most is None else max(0, min(len(data), self.most - self.octets))
        self.octets += may
        return may

    def _carry(self, source, target, passing):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 14):
                may = passing(data)
                target.sendall(data[:may])
                if may < len(data):
                    if not self.ended:
                        self.ended = True
                        self.then()
                    break
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
