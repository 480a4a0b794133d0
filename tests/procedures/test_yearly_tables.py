"""The yearly tables: by hand on a log of a few orders, and cell by cell what the independent auditor recomputes."""

import datetime as dt
import io
import json
import re

import pytest
from pypdf import PdfReader

from coffer.authority.authorization import parse_authorization
from coffer.authority.ordered import IssuedIn
from coffer.disclosure.tables_pdf import format_tables_pdf
from coffer.ledger.codes import CODES, OrderCodes, span_bounds_s, span_code
from coffer.ledger.entries import CloseEntry, Commitment, DrawEntry, IntentEntry, RefuseEntry
from coffer.pictures.table_words import TABLE_WORDS
from coffer.pictures.transparency_page import format_transparency_page, printed, sections
from coffer.pictures.transparency_words import WORDS
from coffer.procedures.opening.reveal import HIDDEN_BY_DEFAULT, reveal_entry
from coffer.procedures.reports.tables import TABLES, average_h, make_table, printable
from coffer.procedures.reports.transparency import read_entries
from coffer_audit.cli import main as audit
from coffer_audit.entries.codes import seconds_of, span_of
from world import World, ordered

RECORDS = "+33612345678,+33698765432,2016-09-01 10:00:00,60\n"
EMERGENCY = {"urgency": "emergency", "due": "h8", "issued_in": "union", "age": "w4", "issued_by": "prosecutor"}
ORDINARY = {"urgency": "ordinary", "due": "d10", "issued_in": "home", "age": "w52", "issued_by": "court"}
WHOLE = {"order_class": "produce", "kinds": "call,text"}


def logged(world, *bodies):
    """Logs entries of the desk, each a minute after the one before; their indexes."""
    key, indexes = world.vault.operator_key("desk"), []
    for body in bodies:
        world.now += dt.timedelta(minutes=1)
        with world.vault.writing() as state:
            indexes += world.vault.append([world.vault.entry(body, key, state)], state)
    return indexes


def opened(world, number, codes, *, took="d3", answers=2, records=0, name=None):
    name = name or Commitment(bytes([number]) * 32)
    intent = IntentEntry(authorization=name, requester="desk", nonce=name[:16], cells_at_most=1, codes=codes)
    (index,) = logged(world, intent)
    if records:
        logged(world, DrawEntry(intent=index, table=bytes(32), records=records))
    outcome = "full" if records else "none"
    logged(
        world,
        CloseEntry(
            intent=index,
            result=bytes(32),
            records=records,
            answers=answers,
            unconfirmed_cells=0,
            outcome=outcome,
            took=took,
        ),
    )


@pytest.fixture
def full(tmp_path):
    """Of a roster that shows all: seven emergencies from the Union, one order at home, an extension refused."""
    world = World.make(tmp_path, statistics="full")
    for number in range(7):
        opened(world, number, OrderCodes(**WHOLE, **EMERGENCY), took="h8" if number else "d10")
    opened(world, 7, OrderCodes(**WHOLE, **ORDINARY))
    refuse(world, 8, order_class="extend", urgency="urgent")
    return world


def refuse(world, number, **codes):
    name = Commitment(bytes([number]) * 32)
    world.now += dt.timedelta(minutes=1)
    with world.vault.writing() as state:
        body = RefuseEntry(authorization=name, custodian="judge", reason="law", **codes)
        world.vault.append([world.vault.entry(body, world.keys("judge").auth, state)], state)


def table(world, name, first="2016-01-01", last="2016-12-31"):
    pins = world.vault.pins
    state, dated = read_entries(
        world.vault.log.entries(0, world.state().size), origin=pins.origin, genesis=pins.genesis
    )
    days = {"first": dt.date.fromisoformat(first), "last": dt.date.fromisoformat(last)}
    return make_table(name, state, dated, **days).document()


def cells(document):
    return {row["row"]: row["cells"] for row in document["rows"]}


def audited(world, name, capsys, first="2016-01-01", last="2016-12-31"):
    capsys.readouterr()
    words = ["transparency", str(world.vault.path / "log"), "--from", first, "--to", last, "--table", name, "--json"]
    assert audit(words) == 0
    return json.loads(capsys.readouterr().out)["table"]


def test_cells_by_hand(full):
    eu = cells(table(full, "eu28"))
    assert eu["received.all"] == [7, 0, 7, 0]
    assert eu["received.doubtful"] == ["1 to 4", "1 to 4", 0, 0]  # the log does not say where the refused one came from
    assert eu["kinds.call"] == eu["kinds.text"] == [7, 0, 7, 0]
    assert eu["kinds.email"] == eu["kinds.untold"] == [0, 0, 0, 0]
    assert eu["due.h8"] == eu["outcome.none"] == [7, 0, 7, 0]
    assert (eu["took.h8"], eu["took.d10"]) == ([6, 0, 6, 0], ["1 to 4", 0, "1 to 4", 0])
    assert eu["preservation.holds"] == [0, None, None, None]
    assert eu["cannot.costs"] == [None] * 4
    uk = cells(table(full, "uk"))
    assert uk["received.all"] == [9, 0]
    assert uk["issued-by.court"] == uk["outcome.refused"] == ["1 to 4", "of 1 to 4"]
    assert uk["reason.law"] == ["1 to 4", "of 1 to 4"]
    home = cells(table(full, "de101b"))
    assert (home["received.all"], home["age.w52"]) == (["1 to 4", "1 to 4", 0], ["1 to 4", "1 to 4", 0])
    assert home["received.doubtful"] == ["1 to 4", 0, "1 to 4"]


@pytest.mark.parametrize("name", TABLES)
def test_auditor_recomputes_every_cell_from_the_log_alone(full, name, capsys):
    assert audited(full, name, capsys) == table(full, name)
    assert audited(full, name, capsys, "2016-09-06", "2016-12-31") == table(full, name, "2016-09-06")


def test_order_that_is_opened_twice_is_one_order(full):
    before = cells(table(full, "eu28"))["received.all"]
    name = Commitment(bytes(32))
    again = IntentEntry(
        authorization=name, requester="desk", nonce=b"n" * 16, cells_at_most=1, codes=OrderCodes(**WHOLE, **EMERGENCY)
    )
    logged(full, again)
    assert cells(table(full, "eu28"))["received.all"] == before


def test_coarse_roster_tells_the_rest_when_the_order_is_revealed(world, capsys):
    world.ingest(RECORDS)
    received = world.now - dt.timedelta(days=2)
    note = world.authorize(by=("judge", "dpo"), ordered=ordered(received, due=received + dt.timedelta(days=10)))
    world.open(note)
    before = cells(table(world, "ch"))
    assert before["age.untold"] == before["urgency.untold"] == ["1 to 4", "of 1 to 4"]
    assert cells(table(world, "de101b"))["received.doubtful"] == ["1 to 4", "1 to 4", 0]
    with world.vault.writing() as state:
        body = reveal_entry(parse_authorization(note, "note"), HIDDEN_BY_DEFAULT)
        world.vault.append([world.vault.entry(body, world.vault.operator_key("desk"), state)], state)
    after = cells(table(world, "de101b"))
    assert after["received.all"] == after["age.w4"] == after["outcome.full"] == ["1 to 4", "1 to 4", 0]
    assert after["received.doubtful"] == [0, 0, 0]
    told = cells(table(world, "in"))
    assert told["due.d10"] == told["took.d3"] == told["urgency.ordinary"] == ["1 to 4"]
    for name in TABLES:
        assert audited(world, name, capsys) == table(world, name)


AVERAGE = ("orders", "missing", "least-hours", "most-hours")


def averages(world):
    rows = cells(table(world, "eu28"))
    return [rows[f"average.{name}"] for name in AVERAGE]


def test_average_lies_between_the_bounds_of_the_classes_by_hand(full, capsys):
    few = "of 1 to 4"
    assert averages(full) == [[0] * 4, [0] * 4, [None] * 4, [None] * 4]  # none of the seven handed over a record
    for number in range(10, 16):
        opened(full, number, OrderCodes(**WHOLE, **EMERGENCY), took="h8" if number < 15 else "d10", records=1)
    # five of at most 8 hours, one of 4 to 11 days: 96 / 6 = 16, and (5 * 8 + 264) / 6 = 50.7
    assert averages(full) == [[6, 0, 6, 0], [0] * 4, [16, None, 16, None], [51, None, 51, None]]
    opened(full, 16, OrderCodes(**WHOLE, **(EMERGENCY | {"urgency": "urgent"})), took="later", records=1)
    # one more without an upper bound: (96 + 264) / 7 = 51.4
    assert averages(full) == [[7, "1 to 4", 6, 0], [0] * 4, [51, few, 16, None], [None, None, 51, None]]
    assert audited(full, "eu28", capsys) == table(full, "eu28")


def test_average_of_revealed_orders_is_that_of_their_times(tmp_path, capsys):
    world, notes = World.make(tmp_path), []
    for number in range(5):  # closed 2 minutes after each intent, which comes 1 minute after the one before
        received = world.now - dt.timedelta(hours=20 + number)
        order = ordered(received, issued_in=IssuedIn.UNION)
        notes.append(parse_authorization(world.request(ordered=order), "note"))
        opened(world, 0, notes[-1].terms.codes.at("coarse"), took="-", records=1, name=notes[-1].commitment)
    assert cells(table(world, "eu28"))["received.doubtful"] == [5, 0, 0, 5]
    for note in notes:
        logged(world, reveal_entry(note, HIDDEN_BY_DEFAULT))
    # 20 to 24 hours and 3 minutes each: 22.05 on average
    assert averages(world) == [[5, 5, 0, 0], [0] * 4, [22, 22, None, None], [23, 23, None, None]]
    assert audited(world, "eu28", capsys) == table(world, "eu28")


@pytest.mark.parametrize("hours", [0, 8, 8.001, 47.999, 48, 95.999, 96, 263.999, 264, 10_000])
def test_span_is_within_the_bounds_of_its_code_in_both_programs(hours):
    span = dt.timedelta(hours=hours)
    least, most = span_bounds_s(span_code(span))
    assert least <= span.total_seconds()
    assert most is None or span.total_seconds() <= most
    assert seconds_of(span_of(span)) == (least, most)


def test_average_is_rounded_away_from_the_other_bound():
    spans = [3_600 * 2, 3_600 * 2, 3_600 * 2, 3_600 * 2, 3_601]  # 1.8 hours
    assert (average_h(spans), average_h(spans, is_most=True)) == (1, 2)
    assert average_h([3_600] * 5) == average_h([3_600] * 5, is_most=True) == 1
    assert [average_h(some) for some in ([], [None] * 5, [1] * 4)] == [None, None, "of 1 to 4"]


def test_small_numbers_are_not_printed():
    assert [printable(number) for number in (0, 1, 4, 5, 6)] == [0, "1 to 4", "1 to 4", 5, 6]


@pytest.mark.parametrize("language", list(TABLE_WORDS))
@pytest.mark.parametrize("name", TABLES)
def test_page_and_pdf_say_what_the_log_cannot_tell(full, name, language):
    document = {"origin": "o", "from": "2016-01-01", "to": "2016-12-31", "table": table(full, name)}
    page = format_transparency_page(document, language).decode()
    words = TABLE_WORDS[language]
    assert page.count(words["not_told"]) >= len([row for row in document["table"]["rows"] if "cannot" in row["row"]])
    assert not re.search(r"<script|https?:|url\(|src=", page)
    shown = printed(document, language)
    assert f"--table {name} " in shown["command"]
    assert {len(row) == len(part.heads) for part in sections(document, language) for row in part.rows} == {True}
    if name == "uk":  # one table is enough for the typesetter
        text = PdfReader(io.BytesIO(format_tables_pdf(shown, language=language, now=full.now))).pages[0].extract_text()
        assert words["received.all"] in " ".join(text.split())


def test_words_are_the_same_keys_in_every_language():
    assert TABLE_WORDS["en"].keys() == TABLE_WORDS["fr"].keys() == TABLE_WORDS["de"].keys()
    assert WORDS["en"].keys() == WORDS["de"].keys() == WORDS["fr"].keys()
    codes = {f"{key}.{value}" for key in ("due", "age", "took", "outcome") for value in CODES[key]}
    assert codes <= TABLE_WORDS["en"].keys()
