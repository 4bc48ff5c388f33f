# SPDX-License-Identifier: Apache-2.0
"""A cell with a Cyrus: its mailboxes cannot be copied as files, so each step's is filled and mirrored anew before its pass is broken."""

from faults.api import Api
from faults.bed import LIMIT, TIMES, Bed, folder_of
from lab.mirrord import Mirror


class FreshBed(Bed):
    """What is put back is a database and a state without a link, and production where it is no Cyrus."""

    def next_owner(self):
        owner = next(self.owners)
        for server in (self.lab.production, self.lab.dr):
            server.add_mailboxes([owner])
        return owner

    def before(self, owner):
        with self.owners_client(owner) as client:
            self.cell.scenario.before(client)

    def prepare(self):
        self.use()
        self.owner = self.next_owner()
        if folder_of(self.lab.production):
            self.before(self.owner)
        self.mirror = Mirror(self.lab, engine=TIMES, name=f"mirrord-{self.cell.name}", database=self.database, profile=self.cell.profile)
        self.mirror.create().start()
        self.mirror.stop()
        self.api = Api(self.mirror.socket)
        self.keep()
        self.count()
        return self

    def reset(self):
        owner = self.next_owner()
        if folder_of(self.lab.production):
            self.put_back(self.lab.production, owner)
        else:
            self.before(owner)
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
