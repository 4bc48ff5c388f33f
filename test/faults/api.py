# SPDX-License-Identifier: Apache-2.0
"""mirrord's API over its socket, as cheap as a test that asks thousands of times needs it; mirrorctl has its own tests."""

import http.client
import json
import socket
import time


class Unanswered(Exception):
    """mirrord is not there, or not yet."""


class Api:
    def __init__(self, path):
        self.path = str(path)

    def ask(self, method, target, body=None):
        """(status, object)"""
        connection = http.client.HTTPConnection("localhost", timeout=30.0)
        try:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(30.0)
            connection.sock.connect(self.path)
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, target, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unanswered(str(error)) from error
        finally:
            connection.close()
        return answer.status, json.loads(text) if text else None

    def resync(self, limit):
        """A complete compare of every mailbox; None when all were equal, else what went wrong."""
        end = time.monotonic() + limit
        status, run = self.ask("POST", "/api/v1/runs", {"kind": "resync", "mask": "*"})
        if status not in (200, 201, 202):
            return f"{status}: {run}"
        while time.monotonic() < end:
            status, state = self.ask("GET", f"/api/v1/runs/{run['id']}")
            if status != 200:
                return f"{status}: {state}"
            if state["state"] not in ("queued", "running"):
                return None if state["state"] == "done" and not state["failed"] else json.dumps(state)
            time.sleep(0.02)
        return f"run {run['id']} does not end"
