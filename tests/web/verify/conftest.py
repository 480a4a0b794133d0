"""A vault with openings, its log, and the answer as folder and as package. Nothing may change them."""

import datetime as dt
from functools import partial
from unittest import mock
from zoneinfo import ZoneInfo

import pytest

from coffer.authority.authorization import parse_authorization
from coffer.disclosure.answer import answer_files
from coffer.disclosure.formats import FORMATS, Rendering, render
from coffer.disclosure.package import format_package
from coffer.disclosure.pdf import PdfStyle
from coffer.disclosure.verified import verify_disclosure
from coffer.procedures.ingest import sealer
from coffer.procedures.opening.reveal import HIDDEN_BY_DEFAULT, reveal_entry
from coffer.procedures.supersede import supersede
from coffer.segments.header import SegmentCore
from coffer.vault.operator import DESK
from world import FEED, World, feed

KEEPING = FEED.replace('["cell"]', '["cell", "imei", "imsi"]') + "a_cell = 4\na_imei = 5\na_imsi = 6\nforwarded = 7\n"
CALLS = """\
+33612345678,+33698765432,2016-09-01 22:59:58,125,208-01-6699-15437,35693803564380,208011234567890,
anonymous,+33612345678,2016-09-02 08:00:00,0,208-01-1-1,,,
+33698765432,+33612345678,2016-09-02 09:00:00,61,,,,+33145678901
"""
NOW = dt.datetime(2016, 9, 5, 12, 0, 0, tzinfo=dt.UTC)


def packed(world, files):
    """The package of an answer's files, with every form."""
    disclosure = verify_disclosure(files)
    style = PdfStyle(language="fr", zone=ZoneInfo("Europe/Paris"))
    forms = render(disclosure, Rendering(formats=FORMATS, style=style), now=NOW)
    return format_package(disclosure, forms, world.vault.operator_key(DESK))


def pins_of(world):
    """The pinned values, as the page has them."""
    pins = world.vault.pins
    return {"log": pins.log_key.format(), "genesis": pins.genesis.hex()}


class Case:
    """A world with one opening that is handed over; `files` of the answer, `packed` is its package."""

    def __init__(self, folder):
        world = self.world = World.make(folder)
        world.epoch("2016-09-01", "2016-09-03")
        world.ingest(CALLS, by=feed(KEEPING))
        # the same call in two files, and a batch that another replaced
        with mock.patch.object(sealer, "SegmentCore", partial(SegmentCore, version=1)):  # an old segment among new ones
            world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n", name="a.csv")
        world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n", by=feed(name="more"), name="b.csv")
        wrong = world.ingest("+33612345678,+33611111111,2016-09-02 12:00:00,7\n", name="wrong.csv").batch
        supersede(world.vault, wrong)
        world.ingest("BANK,+33612345678,2016-09-01 10:00:00,\n", by=feed(name="texts", kind="text"), name="texts.csv")
        subjects = ["tel:+33612345678", "tel:+33600000000"]
        self.note = world.authorize(kinds="call,text", by=("judge", "regulator"), subjects=subjects)
        answer = world.open(self.note)
        self.files = answer_files(answer)
        self.packed = packed(world, self.files)
        self.log = world.vault.path / "log"

    @property
    def pins(self):
        """The pinned values, as the page has them."""
        return pins_of(self.world)


@pytest.fixture(scope="session")
def case(tmp_path_factory):
    """The case."""
    return Case(tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="session")
def revealed(tmp_path_factory):
    """A vault with two openings after secrecy, of which one was revealed with its subject."""
    world = World.make(tmp_path_factory.mktemp("revealed"))
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(CALLS, by=feed(KEEPING))
    notes = [
        world.authorize(subjects=[number], secret_until=NOW.date())
        for number in ("tel:+33612345678", "tel:+33698765432")
    ]
    for note in notes:
        world.open(note)
    world.now = NOW + dt.timedelta(days=2)
    for note, hidden in zip(notes, ((), HIDDEN_BY_DEFAULT), strict=True):
        body = reveal_entry(parse_authorization(note, "note"), hidden)
        with world.vault.writing() as state:
            world.vault.append([world.vault.entry(body, world.vault.operator_key(DESK), state)], state)
    return world
