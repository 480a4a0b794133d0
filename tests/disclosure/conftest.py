"""A real answer, and the same with twelve records written by hand in its place."""

import datetime as dt
from dataclasses import replace

import pytest

from coffer.disclosure.answer import answer_files
from coffer.disclosure.verified import Disclosure, LogPlace, PinnedLog, verify_disclosure
from coffer.identity.identifier import parse_subject
from coffer.ledger.entries import Commitment
from coffer.notes.keys import Secret, SigningKey
from coffer.segments.opened import OpenedRow
from coffer.translog.checkpoint import Checkpoint, TreeHead
from world import FEED, World, feed

NOW = dt.datetime(2016, 9, 5, 12, 0, 0, tzinfo=dt.UTC)
SUBJECT = "tel:+33612345678"
KEEPING = FEED.replace('["cell"]', '["cell", "imei", "imsi"]') + "a_cell = 4\na_imei = 5\na_imsi = 6\nforwarded = 7\n"
CALLS = """\
+33612345678,+33698765432,2016-09-01 22:59:58,125,208-01-6699-15437,35693803564380,208011234567890,
anonymous,+33612345678,2016-09-02 08:00:00,0,208-01-1-1,,,
+33698765432,+33612345678,2016-09-02 09:00:00,61,,,,+33145678901
"""


@pytest.fixture(scope="session")
def opened(tmp_path_factory):
    """A vault with calls and texts of one number, and its answer's files. Nothing may change it."""
    world = World.make(tmp_path_factory.mktemp("disclosed"))
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(CALLS, by=feed(KEEPING))
    world.ingest("BANK,+33612345678,2016-09-01 10:00:00,\n", by=feed(name="texts", kind="text"), name="texts.csv")
    note = world.authorize(kinds="call,text", by=("judge", "regulator"))
    return world, answer_files(world.open(note))


@pytest.fixture
def answer(opened):
    """The answer's files, to be changed at will."""
    return dict(opened[1])


@pytest.fixture
def story(world, monkeypatch):
    """A desk that types commands in the world's folder, by the world's clock."""
    monkeypatch.chdir(world.path)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    monkeypatch.setattr("coffer.cli.console.system_clock", world.clock)
    return world


@pytest.fixture
def disclosure(answer) -> Disclosure:
    return verify_disclosure(answer)


def row(kind, direction, peer, start, duration_s=None, *, answered=True, cell="", imei="", imsi="", saturated=False):
    return OpenedRow(
        line=1,
        subject=SUBJECT,
        kind=kind,
        direction=direction,
        peer=peer,
        start=dt.datetime.fromisoformat(start).replace(tzinfo=dt.UTC),
        duration_s=duration_s,
        is_saturated=saturated,
        is_answered=answered,
        cell=cell,
        imei=imei,
        imsi=imsi,
    )


ROWS = (
    # 22:59:58 + 125 s = 23:02:03. LAC 6699 = 0x1A2B, CI 15437 = 0x3C4D, PLMN 208-01 = 02 F8 10.
    row(
        "call",
        "out",
        "tel:+33698765432",
        "2016-09-01 22:59:58",
        125,
        cell="208-01-6699-15437",
        imei="35693803564380",
        imsi="208011234567890",
    ),
    # ECI 1234567 = 0x12D687: eNB 4822, cell 135.
    row("call", "in", "", "2016-09-02 08:00:00", 0, answered=False, cell="208-01-77-1234567"),
    row("call", "forwarded", "tel:+33145678901", "2016-09-02 09:00:00", 61),
    row("call", "in", "tel:+33698765432", "2016-09-02 09:00:00", 61),
    row("call", "out", "short:FR/0017", "2016-09-02 10:00:00", 3599, cell="310-410-1-65535"),
    # 1,048,575 s = 12 days 3 h 16 min 15 s.
    row("call", "out", "opaque:pbx/201", "2016-09-02 11:00:00", 1_048_575, saturated=True),
    row("text", "in", 'sender:BANK;"A"', "2016-09-02 12:00:00"),
    row("text", "out", "short:FR/36500", "2016-09-02 12:00:01"),
    row("text", "out", "tel:+33698765432", "2016-09-02 12:00:02", cell="208-01-6699-15437"),
    row("email", "out", "mailto:bob@corp.example", "2016-09-03 09:00:00"),
    row("email", "in", "mailto:j\N{LATIN SMALL LETTER O WITH DIAERESIS}rg@corp.example", "2016-09-03 09:00:01"),
    row("call", "other", "tel:+33698765432", "2016-09-03 23:59:59", 1),
)


@pytest.fixture
def golden(disclosure) -> Disclosure:
    """The twelve records, under an authorization, checkpoint and entries that are the same each time."""
    key = SigningKey("test.example/vault", Secret(bytes(32), "seed")).verify_key
    terms = replace(
        disclosure.authorization.terms,
        id=bytes(range(16)),
        subjects=(parse_subject(SUBJECT, "subject"),),
        kinds=("call", "text", "email"),
    )
    authorization = replace(disclosure.authorization, terms=terms, commitment=Commitment(bytes([0xAB] * 32)))
    head = TreeHead(size=15, root=bytes(32))
    return replace(
        disclosure,
        pins=PinnedLog(log_key=key, genesis=bytes(32)),
        authorization=authorization,
        rows=ROWS,
        devices=("imei", "imsi"),
        intent=LogPlace(index=12, time=NOW),
        draw=LogPlace(index=13, time=NOW + dt.timedelta(seconds=1)),
        close=LogPlace(index=14, time=NOW + dt.timedelta(seconds=2)),
        checkpoint=Checkpoint(head=head, note=disclosure.checkpoint.note),
    )
