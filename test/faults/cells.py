# SPDX-License-Identifier: Apache-2.0
"""The 18 cells of the matrix: what both stores seem to offer, made by hiding capabilities of real servers. Two more have another
scenario: folders."""

import collections

from faults import base_scenario, folder_scenario

UIDPLUS = {"uidplus": (), "nouidplus": ("UIDPLUS",)}
APPEND = {"multi": (), "single": ("MULTIAPPEND",), "sync": ("MULTIAPPEND", r"LITERAL\+", "LITERAL-")}
MODSEQ = {"qresync": (), "condstore": ("QRESYNC",), "plain": ("QRESYNC", "CONDSTORE")}

# `hide` and `hide_dr` are for the relays before production and DR.
Cell = collections.namedtuple("Cell", "name hide hide_dr profile scenario fixed")
FIXED = 8  # so many steps of a cell in scripts/test


def _cell(uidplus, append, modseq):
    return Cell(f"{uidplus}-{append}-{modseq}", MODSEQ[modseq], (*UIDPLUS[uidplus], *APPEND[append], *MODSEQ[modseq]),
                "dovecot" if uidplus == "uidplus" else "generic", base_scenario, FIXED)


def _folders(cell):
    return cell._replace(name=f"folders-{cell.name}", scenario=folder_scenario, fixed=2 * FIXED)


MATRIX = [_cell(u, a, m) for u in UIDPLUS for a in APPEND for m in MODSEQ]
# The one that scripts/test runs whole: every extension in use.
WHOLE = MATRIX[0]
# The richest and the poorest: broken in every way there is, and with folders that change under us.
ENDS = (MATRIX[0], MATRIX[-1])
CELLS = [*MATRIX, *map(_folders, ENDS)]


def by_name(name):
    for cell in CELLS:
        if cell.name == name:
            return cell
    raise KeyError(name)
