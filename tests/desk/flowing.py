"""A small vault with a desk: one case, which goes through the flow."""

import os

from making import new_case, person

from coffer.desk import edits
from coffer.desk.draft import Draft, TypedSpan, TypedSubject
from coffer.desk.flow.flow import Flow
from coffer.desk.store.connected import connected
from coffer.desk.store.engine import database_url
from world import World

CALLS = "".join(f"+33612345678,+3369876543{n},2016-09-01 10:0{n}:00,60\n" for n in range(3))


def draft(**changes):
    fields = {
        "subjects": (TypedSubject(text="06 12 34 56 78"),),
        "spans": (TypedSpan(first="2016-09-01", last="2016-09-02"),),
        "home": "FR",
        "kinds": ("call",),
        "max_records": "10",
        "authority": "Court",
        "basis": "case 1",
        "purpose": "test",
        "person": "A. Example",
        "issued_by": "court",
        "issued_in": "home",
    }
    return Draft(**(fields | changes))


class Office:
    """A world with a desk: ``case`` is reread after each act."""

    def __init__(self, folder, url=None, **options):
        self.world = World.make(folder, **options)
        self.world.epoch("2016-09-01", "2016-09-03")
        self.world.ingest(CALLS)
        self.url = url or database_url(self.world.vault.path, None)
        self.stores = []
        self.flow = self.process()
        self.store = self.flow.store
        self.clerk = person(self.store)
        self.case = None

    def process(self):
        """Another process of the desk, with its own connections and its own vault object."""
        vault = self.world.reopen().vault if self.stores else self.world.vault
        self.stores.append(connected(self.url, vault.database_key(), os.urandom))
        return Flow(vault, self.stores[-1], process=os.urandom(16).hex())

    def requested(self, **changes):
        made = new_case(self.store, self.clerk)
        saved = self.store.write(edits.save_draft(made, draft(**changes)), by=self.clerk.id, now=self.now).case
        self.case = self.flow.make_request(saved, by=self.clerk.id, now=self.now).case
        return self

    def signed(self, *names):
        copies = [(f"{name}.note", self.world.countersign(self.case.requests[-1].note, name)) for name in names]
        self.case = self.flow.take_in(self.case, copies, by=self.clerk.id, now=self.now)
        return self

    def opened(self, flow=None, **options):
        arguments = {"by": self.clerk.id, "clock": self.world.clock} | options
        self.case = (flow or self.flow).open(self.case.id, 1, self.world.custodians(), **arguments)
        return self

    @property
    def now(self):
        return self.world.now

    def step(self):
        return self.flow.next_step(self.case, self.world.state(), self.now)

    def did(self):
        return [event.did for event in self.store.history(self.case.id)]

    def intents(self):
        return len(self.world.state().openings)


class Died(BaseException):
    """The process was killed: nothing that it would do on an error is done."""
