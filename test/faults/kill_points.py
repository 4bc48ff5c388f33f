# SPDX-License-Identifier: Apache-2.0
"""The named kill points of a copy and a removal: which steps of a pass they are, and where those are tried that no step is."""

# What the steps of one pass are, in the order in which they come; K4, K6 and K7 last until the next named one.
POINTS = {
    "K1": "before the intents are committed",
    "K2": "the intents are committed, the literal is not sent",
    "K3": "in the middle of a literal, its last octet withheld",
    "K4": "all is sent, the answer is not read",
    "K5": "the answer is read, nothing is recorded",
    "K6": "the copies are recorded, the checkpoint is not",
    "K7": "between STORE and EXPUNGE",
}
ELSEWHERE = {
    "K8": "PostgreSQL is lost at K2 and K5: --how database; it dies: test_meanwhile.py",
    "K9": "DR dies before its data is on disk: test_meanwhile.py",
    "K10": "the recovery is killed as well: with each tenth break, \"then\" in its line",
    "K11": "a second mirrord: test_two_nodes.py",
    "K12": "DR's session is killed, the storage built anew: --how session, cells mdbox-* and maildir-*; test_meanwhile.py",
}
_UNTIL_NAMED = {"append.release": "K4", "window.saved": "K6", "expunge.step": "K7"}


class Labels:
    """Told each step of a pass as it comes, says which point it is; empty: none."""

    def __init__(self):
        self.committed, self.lasting = False, ""

    def of(self, kind, name):
        if kind != "state":
            return self.lasting if kind in ("dr.flush", "dr.line") or self.lasting == "K6" else ""
        self.lasting = _UNTIL_NAMED.get(name, "")
        if name in ("append.begin", "append.octets"):
            return ("K3" if name == "append.octets" else "") if self.committed else "K1"
        if name == "intents.committed":
            self.committed = True
            return "K2"
        if name == "window.saved":
            self.committed = False
        return {"append.release": "K3", "append.answered": "K5", "window.saved": "K6", "expunge.step": "K7"}.get(name, "")
