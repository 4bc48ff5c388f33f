# SPDX-License-Identifier: Apache-2.0
"""The 18 cells of the matrix: what both stores seem to offer, made by hiding capabilities of real servers. Four more have
another scenario: folders, and an INBOX that is renamed. Four have another DR: mdbox and Maildir, whose sessions are killed and
whose storage is built anew, and a Cyrus; one has a Cyrus as production. DEBIAN13 are those with its servers, newer ones."""

import collections

from faults import base_scenario, folder_scenario, inbox_scenario

UIDPLUS = {"uidplus": (), "nouidplus": ("UIDPLUS",)}
APPEND = {"multi": (), "single": ("MULTIAPPEND",), "sync": ("MULTIAPPEND", r"LITERAL\+", "LITERAL-")}
MODSEQ = {"qresync": (), "condstore": ("QRESYNC",), "plain": ("QRESYNC", "CONDSTORE")}

# `hide` and `hide_dr` are for the relays before production and DR; `production` and `dr` are the stores' formats; `ways` are how
# it is broken: with --wide, with --all, in scripts/test.
Cell = collections.namedtuple("Cell", "name hide hide_dr profile scenario fixed production dr ways")
FIXED = 8  # so many steps of a cell in scripts/test
Ways = collections.namedtuple("Ways", "wide all quick")
_ALL = ("die", "connection", "database", "session")
DEATH = Ways(("die",), ("die",), ("die",))
EVERY_WAY = Ways(_ALL, _ALL, ("die",))
WIDE = Ways(_ALL, ("die",), ("die",))
SESSION = Ways(("session",), ("session",), ("session",))


def _cell(uidplus, append, modseq):
    return Cell(f"{uidplus}-{append}-{modseq}", MODSEQ[modseq], (*UIDPLUS[uidplus], *APPEND[append], *MODSEQ[modseq]),
                "dovecot" if uidplus == "uidplus" else "generic", base_scenario, FIXED, "maildir", "sdbox", DEATH)


def _folders(cell):
    return cell._replace(name=f"folders-{cell.name}", scenario=folder_scenario, fixed=2 * FIXED)


def _inbox(cell):
    return cell._replace(name=f"inbox-{cell.name}", scenario=inbox_scenario, production="sdbox")


def _dr(cell, fmt, ways):
    return cell._replace(name=f"{fmt}-{cell.name}", dr=fmt, ways=ways)


def _from(cell, fmt):
    return cell._replace(name=f"from-{fmt}-{cell.name}", production=fmt, ways=DEATH)


MATRIX = [_cell(u, a, m) for u in UIDPLUS for a in APPEND for m in MODSEQ]
# The richest and the poorest are broken by every way there is, not by death alone.
for end in (0, -1):
    MATRIX[end] = MATRIX[end]._replace(ways=EVERY_WAY)
# The one that scripts/test runs whole: every extension in use.
WHOLE, POOREST = MATRIX[0], MATRIX[-1]
CELLS = [*MATRIX, _folders(WHOLE)._replace(ways=WIDE), _folders(POOREST)._replace(ways=DEATH),
         _inbox(WHOLE)._replace(ways=WIDE), _inbox(POOREST)._replace(ways=DEATH),
         _dr(WHOLE, "mdbox", SESSION), _dr(WHOLE, "maildir", SESSION), _dr(WHOLE, "cyrus", DEATH),
         _dr(_folders(WHOLE), "cyrus", DEATH), _from(WHOLE, "cyrus")]
# Made when they are asked for: scripts/make-debian13.
DEBIAN13 = [_dr(WHOLE, "dovecot24-sdbox", DEATH), _dr(WHOLE, "cyrus310", DEATH), _from(WHOLE, "dovecot24-maildir"), _from(WHOLE, "cyrus310")]


def by_name(name):
    for cell in (*CELLS, *DEBIAN13):
        if cell.name == name:
            return cell
    raise KeyError(name)
