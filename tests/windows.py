"""A vault with a little of everything, and the window on it."""

import datetime as dt
import time

from asking import Client
from coffer.authority.authorization import parse_authorization
from coffer.ledger.entries import FaultEntry
from coffer.procedures.opening.reveal import reveal_entry
from coffer.serving.crowd import OPEN_HOUSE, Crowd
from coffer.web.ground.site import Site
from coffer.web.window.app import window_app
from coffer.web.window.window import Window
from world import World, destroy_entry

ORIGIN = "http://localhost:8080"
SECRET = "+33698765432"
RECORDS = (
    "+33612345678,+33698765432,2016-09-01 10:00:00,60\n"
    "+33698765432,+33612345678,2016-09-02 11:00:00,5\n"
    "+33698765432,+4915100000001,2016-09-03 11:00:00,5\n"
)


def enrich(world: World) -> World:
    """Two openings, a refusal, a revocation, a reveal of every line, an accusation and a destroyed key."""
    world.ingest(RECORDS)
    first = world.authorize(by=("judge", "dpo"), authority="<Court> A", kinds="call,text", person="Secret Person")
    world.open(first)
    world.now += dt.timedelta(hours=1)
    world.open(world.authorize(by=("judge", "dpo"), subjects=[f"tel:{SECRET}"], authority="Court B"))
    world.now += dt.timedelta(days=1)
    refused, revoked = world.request(), world.authorize()
    service, desk = world.custodian("regulator"), world.vault.operator_key("desk")
    with world.vault.writing() as state:
        line = next(iter(state.segments.values())).line
        fault = FaultEntry(accuser="desk", accused="ingester", object=line.seg_id, evidence=line.header_hash)
        world.vault.append(
            [
                service.refusal_entry(refused, "merit", "note"),
                service.revocation_entry(revoked, "note"),
                world.vault.entry(fault, desk, state),
                world.vault.entry(reveal_entry(parse_authorization(first, "note"), ()), desk, state),
                destroy_entry(service, dt.date(2016, 9, 3)),
            ],
            state,
        )
    return world


def window_on(world: World, *, home: str = "", **changes: str) -> Window:
    """The window on a world's vault, that has looked once."""
    fields = {"party": "window", "operator": "Telco Example", "origin": ORIGIN, "tag": "window"}
    site = Site(**fields | {"log": world.vault.pins.origin} | changes)
    window = Window(world.vault, site, world.clock, home=home)
    window.look()
    return window


def client_of(window: Window, language: str = "en") -> Client:
    """A browser in front of a window."""
    app = window_app(window, Crowd(time.monotonic, allowance=OPEN_HOUSE))
    return Client(app, ORIGIN, headers={"accept-language": language})
