# SPDX-License-Identifier: Apache-2.0
"""A cell whose DR is a Cyrus: its mailboxes cannot be copied as files, so each step's is mirrored anew before its pass is broken."""

from faults.api import Api
from faults.bed import LIMIT, TIMES, Bed
from lab.mirrord import Mirror


class CyrusBed(Bed):
    """What is put back is a database and a state without a link; production is copied as in every cell."""

    def next_owner(self):
        owner = next(self.owners)
        for server in (self.lab.production, self.lab.dr):
            server.add_mailboxes([owner])
        return owner

    def prepare(self):
        self.use()
        self.owner = self.next_owner()
        with self.owners_client() as client:
            self.cell.scenario.before(client)
        self.mirror = Mirror(self.lab, engine=TIMES, name=f"mirrord-{self.cell.name}", database=self.database, profile=self.cell.profile)
        self.mirror.create().start()
        self.mirror.stop()
        self.api = Api(self.mirror.socket)
        self.keep()
        self.count()
        return self

    def reset(self):
        owner = self.next_owner()
        self.put_back(self.lab.production, owner)
        self.put_back_memory()
        self.mirror.env = {}
        self.mirror.start()
        self.mirror.configure([owner])
        self.mirror.wait_equal(LIMIT, [owner])
        self.mirror.stop()
        with self.owners_client(owner) as client:
            self.cell.scenario.changes(client)
        self.psql.rows("update mailbox set heard_at = null")
        return owner
