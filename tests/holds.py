"""A vault whose days die, with a hold over them: what the tests of sealed holds begin from."""

import datetime as dt
from dataclasses import replace

from asking import Client
from coffer.authority.hold import Hold, parse_hold
from coffer.authority.ordered import OrderClass
from coffer.custody.exchange import format_frame, parse_frame
from coffer.procedures.holding import DistantKeeper, extend_hold, keep_hold, make_hold
from coffer.procedures.opening.request import Sought
from coffer.procedures.opening.run import run_opening
from coffer.procedures.retire import run_retirement
from world import PASSPHRASE, World, ordered

ALL = ("judge", "dpo", "regulator")
RECORDS = (
    "+33612345678,+33698765432,2016-09-01 10:00:00,60\n"
    "+33698765432,+33612345678,2016-09-02 11:00:00,5\n"
    "anonymous,+33612345678,2016-09-02 12:00:00,0\n"
)
NONE = "tel:+33611111111"
"""A number without any record."""


def founded(folder, **options) -> World:
    """Two days with records, which die on 11 and 12 September."""
    world = World.make(folder, retention_days=10, **options)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(RECORDS)
    return world


def sought(world, **changes) -> Sought:
    """An order to preserve."""
    order = world.order(**changes)
    fields = {name: getattr(order, name) for name in Sought.__dataclass_fields__}
    return Sought(**fields | {"ordered": ordered(world.now, order_class=OrderClass.PRESERVE)})


def begun(world, *, until_days=60, **changes) -> Hold:
    """A hold in the log that nobody keeps for yet."""
    return make_hold(world.vault, sought(world, **changes), until=world.now + dt.timedelta(days=until_days))


def kept(world, hold, *names) -> dict[str, str]:
    """Approved by these custodians one after the other, each of which keeps; what each said."""
    said, raw = {}, hold.note.raw
    for name in names or ALL:
        raw = world.custodian(name).countersign(raw, "hold").raw
        said |= keep_hold(world.vault, raw, [world.custodian(name)])
    return said


def held(world, *names, **changes) -> Hold:
    """A hold for which these custodians keep."""
    hold = begun(world, **changes)
    assert set(kept(world, hold, *names).values()) == {""}
    return hold


def extended(world, hold, *, days=60) -> Hold:
    return extend_hold(world.vault, hold, sought(world), until=world.now + dt.timedelta(days=days))


def retire(world, *names):
    return run_retirement(world.vault, world.custodians(*names), passphrase=lambda _name: PASSPHRASE)


def died(world, days=30) -> None:
    """So many days later every key of the two days is destroyed."""
    world.now += dt.timedelta(days=days)
    retire(world)
    state = world.state()
    assert [segment for segment in state.segments.values() if not state.is_dead(segment)] == []


def opened(world, *holds, note=None, by=ALL, custodians=None, **changes):
    """An ordinary opening by the full rule, with these holds at hand."""
    note = note or world.authorize(by=by, not_before=world.now, expires=world.now + dt.timedelta(days=7), **changes)
    return run_opening(
        world.vault,
        note,
        world.custodians() if custodians is None else custodians,
        deliver=lambda _answer: None,
        holds=[parse_hold(hold.note.raw, "hold") for hold in holds],
    )


class Post:
    """A custodian's machine, reached by its application."""

    def __init__(self, world, name):
        self.name = name
        self.client = Client(world.app(name), f"http://{name}.example")

    def send_hold(self, sealed):
        assert self.client.post("/v1/holds", content=format_frame(sealed)).text == "taken"

    def standing(self, sealed):
        return parse_frame(self.client.post("/v1/standing", content=format_frame(sealed)).content, "report")

    def entries(self):
        return self.client.get("/v1/entries").content


def distant_keepers(world, *names):
    state = world.state()
    return [DistantKeeper(Post(world, name), state) for name in names]


def in_force(world) -> int:
    return len(world.state().holds_in_force(world.now))


def with_terms(hold, **changes) -> Hold:
    return replace(hold, terms=replace(hold.terms, **changes))
