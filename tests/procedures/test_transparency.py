"""The transparency report: by hand on a log of a few entries, and equal to what the independent auditor recomputes."""

import datetime as dt
import io
import json

import pytest
from pypdf import PdfReader

from coffer.authority.authorization import parse_authorization
from coffer.disclosure.tables_pdf import format_tables_pdf
from coffer.errors import MalformedInput
from coffer.ledger.entries import FaultEntry
from coffer.pictures.transparency_page import format_transparency_page, printed, sections
from coffer.pictures.transparency_words import WORDS
from coffer.procedures.opening.reveal import HIDDEN_BY_DEFAULT, reveal_entry
from coffer.procedures.reports.transparency import transparency
from coffer_audit.cli import main as audit
from world import destroy_entry

ALL = ("judge", "dpo", "regulator")
RECORDS = (
    "+33612345678,+33698765432,2016-09-01 10:00:00,60\n"
    "+33698765432,+33612345678,2016-09-02 11:00:00,5\n"
    "no number,+33612345678,2016-09-02 12:00:00,0\n"
)


@pytest.fixture
def rich(world):
    """On the 5th: an ingest, two openings. On the 6th: an opening, a refusal, a revocation, a reveal, a fault, a destruction."""
    world.ingest(RECORDS)
    first = world.authorize(by=("judge", "dpo"), authority="<Court> A", kinds="call,text")
    world.open(first)
    world.open(world.authorize(by=("judge", "dpo"), subjects=["tel:+33698765432"], authority="Court B"))
    world.now += dt.timedelta(days=1)
    world.open(world.authorize(by=("judge", "dpo"), days=[("2016-09-02", "2016-09-02")], authority="Court B"))
    refused, revoked = world.request(), world.authorize()
    service, desk = world.custodian("regulator"), world.vault.operator_key("desk")
    with world.vault.writing() as state:
        line = next(iter(state.segments.values())).line
        fault = FaultEntry(accuser="desk", accused="ingester", object=line.seg_id, evidence=line.header_hash)
        body = reveal_entry(parse_authorization(first, "note"), HIDDEN_BY_DEFAULT)
        world.vault.append(
            [
                service.refusal_entry(refused, "merit", "note"),
                service.revocation_entry(revoked, "note"),
                world.vault.entry(fault, desk, state),
                world.vault.entry(body, desk, state),
                destroy_entry(service, dt.date(2016, 9, 3)),
            ],
            state,
        )
    return world


def figures(world, first, last):
    entries = world.vault.log.entries(0, world.state().size)
    pins, days = world.vault.pins, [dt.date(2016, 9, day) for day in (first, last)]
    return transparency(entries, origin=pins.origin, genesis=pins.genesis, first=days[0], last=days[1]).document()


def test_figures_by_hand(rich):
    assert figures(rich, 5, 6) == {
        "authorizations": 4,  # three used, one refused; the revoked one was neither
        "openings": 3,
        "closed": 3,
        "records_drawn": 5,  # 2 + 2 + 1
        "records_opened": 5,
        "unconfirmed_cells": 0,
        "seconds_to_answer": {"median": 0, "longest": 0},
        "by_authority": [
            {"authority": "<Court> A", "openings": 1, "records": 2},
            {"authority": "not revealed yet", "openings": 2, "records": 3},
        ],
        "by_kind": [
            {"kind": "call", "openings": 1, "records": 2},
            {"kind": "text", "openings": 1, "records": 2},
            {"kind": "not revealed yet", "openings": 2, "records": 3},
        ],
        "by_rule": [
            {"rule": "base", "openings": 1, "records": 2},
            {"rule": "not revealed yet", "openings": 2, "records": 3},
        ],
        "refusals": {"merit": 1},
        "revocations": 1,
        "reveals": 1,
        "faults": {"ingester": 1},
        "destroyed_keys": 1,
        "superseded_batches": 0,
        "holds": 0,
        "extended_holds": 0,
        "released_holds": 0,
        "emergencies": {"to_be_ratified": 0, "overdue": 0, "ratified": 0, "ratified_late": 0, "disapproved": 0},
        "collected": {"batches": 1, "files": 0, "read": 0, "kept": 0, "rejected": 0, "duplicate": 0},
        "segments": [{"kind": "call", "rule": "base", "segments": 2, "padded_rows": 2048}],
    }


def test_unconfirmed_cells_are_those_of_the_closes(rich):
    closes = [opening.close for opening in rich.state().openings.values()]
    assert figures(rich, 5, 6)["unconfirmed_cells"] == sum(close.unconfirmed_cells for close in closes)


@pytest.mark.parametrize("days", [(5, 5), (6, 6), (5, 6), (1, 4), (7, 9)])
def test_the_auditor_recomputes_every_figure_from_the_log_alone(rich, days, capsys):
    period = [f"2016-09-{day:02d}" for day in days]
    for folder in (rich.vault.path, rich.vault.path / "log"):
        assert audit(["transparency", str(folder), "--from", period[0], "--to", period[1], "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["log"] == figures(rich, *days)


def test_a_period_that_ends_before_it_begins_is_refused(rich):
    with pytest.raises(MalformedInput, match="later than --to"):
        figures(rich, 6, 5)


@pytest.mark.parametrize("language", list(WORDS))
def test_page_loads_nothing_and_takes_nothing_of_an_order_for_markup(rich, language):
    document = {"origin": "o", "from": "2016-09-05", "to": "2016-09-06", "log": figures(rich, 5, 6), "overdue": 0}
    document["tally"] = {"records": 3, "noise_standard_deviation": 12.5}
    page = format_transparency_page(document, language).decode()
    assert "&lt;Court&gt; A" in page
    assert not any(part in page for part in ("<Court>", "<script", "http:", "https:", "url(", "src="))
    assert {len(row) == len(section.heads) for section in sections(document, language) for row in section.rows} == {
        True
    }
    assert WORDS[language]["not_revealed"] in page
    shown = printed(document, language)
    made = [format_tables_pdf(shown, language=language, now=rich.now) for _ in range(2)]
    assert made[0] == made[1]
    text = " ".join("".join(part.extract_text() for part in PdfReader(io.BytesIO(made[0])).pages).split())
    assert all(part in text for part in (shown["title"], "<Court> A", shown["command"][:24]))


def test_words_are_the_same_keys_in_every_language():
    assert WORDS["en"].keys() == WORDS["fr"].keys()


@pytest.mark.parametrize(
    ("records", "noise", "word"), [(3, 12.5, "noise"), (3, 0, "exact"), (0, 0, "no_tally"), (0, 12.5, "noise")]
)
def test_a_tally_is_called_exact_only_if_it_counts_something_without_noise(rich, records, noise, word):
    document = {"origin": "o", "from": "2016-09-05", "to": "2016-09-06", "log": figures(rich, 5, 6), "overdue": 0}
    document["tally"] = {"records": records, "noise_standard_deviation": noise}
    shown = sections(document, "en")
    notes = [section.note for section in shown]
    assert WORDS["en"][word].format(noise=25) in notes
    (collected,) = [dict(section.rows) for section in shown if section.caption == WORDS["en"]["collected"]]
    assert collected[WORDS["en"]["tally"]] == f"{records}\u00a0±\u00a025" if noise else str(records)
