# SPDX-License-Identifier: Apache-2.0
"""The 18 cells of the matrix: what both stores seem to offer, made by hiding capabilities of real servers. Four more have
another scenario: folders, and an INBOX that is renamed."""

import collections

from faults import base_scenario, folder_scenario, inbox_scenario

UIDPLUS = {"uidplus": (), "nouidplus": ("UIDPLUS",)}
APPEND = {"multi": (), "single": ("MULTIAPPEND",), "sync": ("MULTIAPPEND", r"LITERAL\+", "LITERAL-")}
MODSEQ = {"qresync": (), "condstore": ("QRESYNC",), "plain": ("QRESYNC", "CONDSTORE")}

# `hide` and `hide_dr` are for the relays before production and DR; `production` is that store's format.
Cell = collections.namedtuple("Cell", "name hide hide_dr profile scenario fixed production")
FIXED = 8  # so many steps of a cell in scripts/test


def _cell(uidplus, append, modseq):
    return Cell(f"{uidplus}-{append}-{modseq}", MODSEQ[modseq], (*UIDPLUS[uidplus], *APPEND[append], *MODSEQ[modseq]),
                "dovecot" if uidplus == "uidplus" else "generic", base_scenario, FIXED, "maildir")


def _folders(cell):
    return cell._replace(name=f"folders-{cell.name}", scenario=folder_scenario, fixed=2 * FIXED)


def _inbox(cell):
    return cell._replace(name=f"inbox-{cell.name}", scenario=inbox_scenario, production="sdbox")


MATRIX = [_cell(u, a, m) for u in UIDPLUS for a in APPEND for m in MODSEQ]
# The one that scripts/test runs whole: every extension in use.
WHOLE = MATRIX[0]
# The richest and the poorest: with folders that change under us, too.
ENDS = (MATRIX[0], MATRIX[-1])
CELLS = [*MATRIX, *map(_folders, ENDS), *map(_inbox, ENDS)]
# Broken by every way there is, not by death alone.
EVERY_WAY = (*ENDS, _folders(WHOLE), _inbox(WHOLE))


def by_name(name):
    for cell in CELLS:
        if cell.name == name:
            return cell
    raise KeyError(name)
