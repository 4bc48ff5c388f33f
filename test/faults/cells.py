# SPDX-License-Identifier: Apache-2.0
"""The 18 cells of the matrix: what both stores seem to offer, made by hiding capabilities of real servers."""

import collections

UIDPLUS = {"uidplus": (), "nouidplus": ("UIDPLUS",)}
APPEND = {"multi": (), "single": ("MULTIAPPEND",), "sync": ("MULTIAPPEND", r"LITERAL\+", "LITERAL-")}
MODSEQ = {"qresync": (), "condstore": ("QRESYNC",), "plain": ("QRESYNC", "CONDSTORE")}

# `hide` and `hide_dr` are for the relays before production and DR.
Cell = collections.namedtuple("Cell", "name hide hide_dr profile")


def _cell(uidplus, append, modseq):
    return Cell(f"{uidplus}-{append}-{modseq}", MODSEQ[modseq], (*UIDPLUS[uidplus], *APPEND[append], *MODSEQ[modseq]),
                "dovecot" if uidplus == "uidplus" else "generic")


CELLS = [_cell(u, a, m) for u in UIDPLUS for a in APPEND for m in MODSEQ]
# The one that scripts/test runs whole: every extension in use.
WHOLE = CELLS[0]


def by_name(name):
    for cell in CELLS:
        if cell.name == name:
            return cell
    raise KeyError(name)
