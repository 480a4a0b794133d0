"""What the window says, as values: by hand on a small vault, and for the month as it was printed."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from coffer.errors import MalformedInput
from coffer.ledger.grammar import parse_entry
from coffer.pictures import earth
from coffer.procedures.reports.totals import Tables
from coffer.tally.exact import BUCKETS
from coffer.tally.release import ReleasedCount
from coffer.web.ground.languages import LANGUAGES, translations
from coffer.web.window.asked import Asked, choices_of, days_asked, parse_asked
from coffer.web.window.drawing import NARROW, WIDE, draw_days, few_days
from coffer.web.window.dying import calendar
from coffer.web.window.explorer import TYPES, LogLine, entry_view, log_page
from coffer.web.window.openings import openings
from coffer.web.window.overview import overview
from coffer.web.window.reading import Reading, type_of
from coffer.web.window.sentences import Sentences
from month import FIRST, LAST, TOTAL, published
from public_codes import COARSE
from world import NOW

VECTORS = Path(__file__).parents[2] / "vectors" / "entries"
ROOMS = ("ground", "window")


def read(world):
    reading = Reading(world.vault)
    assert reading.follow()
    return reading


def look(reading, act):
    return reading.look(lambda known, _: act(known))


# The month as it was printed.


def test_month_has_the_printed_numbers(month):
    numbers = overview(read(month).tables(), Asked()).numbers
    days, countries, domestic, unknown = published()
    assert numbers.chart.total == TOTAL
    assert {day.day: day.records for day in numbers.chart.days} == days
    assert {p.code: (p.outgoing, p.incoming) for p in numbers.chart.partners} == countries
    assert (numbers.chart.domestic, numbers.chart.unknown) == (domestic, unknown)
    assert (round(numbers.total_spread, -2), round(numbers.day_spread, -2)) == (8_600, 1_600)
    assert (numbers.chart.first, numbers.chart.last) == (FIRST, LAST)
    assert [day.day.day for day in numbers.few] == [28, 29, 30, 31]
    assert numbers.is_spread_thin
    assert [f"{day:%d.%m}" for day in numbers.free_days] == ["25.12", "01.01"]


def test_small_days_have_error_bars_and_their_zero_is_no_bar(month):
    few = overview(read(month).tables(), Asked()).numbers.few_drawing
    assert [bar.records for bar in few.bars] == [3_097, 0, 1_310, 2_797]
    assert [bool(bar.bar) for bar in few.bars] == [True, False, True, True]
    assert {bool(bar.error) for bar in few.bars} == {True}
    for bar in few.bars:  # nothing is drawn below zero
        low = float(bar.error.split("V")[1].split("M")[0])
        assert low <= few.base


def test_phone_has_another_drawing_and_neither_leaves_its_canvas(month):
    chart = overview(read(month).tables(), Asked()).numbers.chart
    wide, narrow = draw_days(chart, WIDE), draw_days(chart, NARROW)
    assert len(wide.labels) > len(narrow.labels) > 1
    for drawing in (wide, narrow):
        assert all_within(drawing.labels, drawing.width)
        assert drawing.gaps
        assert [tick.value for tick in drawing.ticks] == [2_000_000, 4_000_000, 6_000_000]
        assert [tick.is_top for tick in drawing.ticks] == [False, False, True]


def test_lines_of_uncertainty_longer_than_the_bars_stay_within_the_chart(month):
    chart = overview(read(month).tables(), Asked()).numbers.chart
    small = replace(
        chart,
        days=tuple(replace(day, records=ReleasedCount(at)) for at, day in enumerate(chart.days[:14])),
        peaks=(chart.days[13].day,),
    )
    assert small.day_noise_sd > 13, "the noise is larger than any number"
    for frame in (WIDE, NARROW):
        drawing = draw_days(small, frame)
        tops = [float(line.split(" ")[1].split("V")[0]) for line in drawing.errors.split("M")[1:]]
        assert len(tops) == 14
        assert min(tops) >= frame.top
        (peak,) = drawing.peaks
        assert peak.y < min(tops), "its number stands above the line, not in it"


def all_within(labels, width):
    assert labels
    return {0 <= label.x <= width for label in labels} == {True}


def test_days_without_a_number_are_missing_and_not_zero(month):
    numbers = overview(read(month).tables(), Asked(country="DE")).numbers
    assert numbers.has_missing
    assert len(numbers.wide.missing) == 4
    assert numbers.few == ()
    assert numbers.day_spread is numbers.total_spread is None


def test_one_kind_and_one_period_are_parts_of_the_whole(month):
    tables = read(month).tables()
    whole = overview(tables, Asked()).numbers.chart.total
    kinds = [overview(tables, Asked(kind=kind)).numbers.chart.total for kind in ("call", "text")]
    months = [overview(tables, Asked(period=period)).numbers.chart.total for period in ("2012-12", "2013-01")]
    assert sum(kinds) == pytest.approx(whole, abs=100)
    assert sum(months) == whole
    assert overview(tables, Asked(kind="email")).numbers.chart.total == 0


def test_what_is_not_there_cannot_be_asked_for(month):
    choices = choices_of(read(month).tables())
    assert choices.kinds == ("call", "text")
    assert (choices.years, choices.months) == (("2013", "2012"), ("2013-01", "2012-12"))
    assert parse_asked({"country": "de", "kind": "call"}, choices) == Asked(kind="call", country="DE")
    for query in ({"kind": "fax"}, {"feed": "x"}, {"country": "XX"}, {"period": "2014"}, {"period": "2012-13"}):
        with pytest.raises(MalformedInput, match="expected one of the list"):
            parse_asked(query, choices)


def test_period_ends_where_the_numbers_end(month):
    choices = choices_of(read(month).tables())
    assert days_asked(Asked(period="2013"), choices) == (dt.date(2013, 1, 1), LAST)
    assert days_asked(Asked(period="2012-12"), choices) == (FIRST, dt.date(2012, 12, 31))


@pytest.mark.parametrize("days", [1, 7, 31, 366, 1_096])
def test_every_length_of_period_can_be_drawn(days):
    first = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)
    rows = [(first + dt.timedelta(days=n), "call", "f", "domestic", n, *[0] * len(BUCKETS)) for n in range(days)]
    schema = ["hour", "kind", "feed", "direction_class", "records", *BUCKETS]
    hours = pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col("hour").dt.date().alias("day"))
    places = pl.DataFrame(
        schema={"day": pl.Date, "kind": pl.String, "feed": pl.String, "origin": pl.String, "destination": pl.String}
        | dict.fromkeys(("records", *BUCKETS), pl.Int64)
    )
    tables = Tables(hours=hours, countries=places, batches=(), epsilon=None)
    for period in ("", "2013"):
        numbers = overview(tables, Asked(period=period)).numbers
        assert numbers.wide.labels or period
        assert numbers.map_drawing is None
        assert not numbers.wide.errors
        assert len(few_days(numbers.chart)) <= 8


def test_every_country_but_antarctica_has_an_outline_within_the_frame():
    left, top, width, height = earth.frame()
    assert len(earth.outlines()) > 170
    assert "AQ" not in earth.outlines()
    for path in earth.outlines().values():
        for part in path.split("M")[1:]:
            x, y = (float(number) for number in part.split("l")[0].split())
            assert left - 1 <= x <= left + width + 1
            assert top - 1 <= y <= top + height + 1
    east, west = (earth.project(degrees, 0)[0] for degrees in (180, -180))
    assert (round(west), round(east)) == (0, earth.WIDTH)


def test_no_line_crosses_the_map_where_a_country_lies_on_both_edges():
    for code in ("RU", "FJ"):
        for part in earth.outlines()[code].split("M")[1:]:
            steps = part.split("l")[1].removesuffix("z").replace("-", " -").split()
            assert max(abs(float(step)) for step in steps[::2]) < earth.WIDTH / 4


# Openings, deaths and the log.


def test_openings_by_hand(rich):
    view = look(read(rich), lambda known: openings(known, NOW))
    assert [(line.state, line.records, line.answers) for line in view.openings] == [("closed", 3, 2), ("closed", 2, 2)]
    newer, older = view.openings
    assert older.revealed.authority == "<Court> A"
    assert older.revealed.kinds == ("call", "text")
    assert newer.revealed.authority == ""
    assert (view.authorizations, view.revealed, view.records) == (2, 1, 5)
    assert [(line.custodian, line.reason) for line in view.refusals] == [("regulator", "merit")]
    assert [line.by for line in view.revocations] == [("regulator",)]
    assert [(line.accuser, line.accused, line.intent) for line in view.faults] == [("desk", "ingester", None)]
    assert [line.hidden for line in view.reveals] == [0]
    assert "Secret" not in repr(view)


def test_an_opening_is_seen_as_soon_as_it_is_announced(world):
    from coffer.ledger.entries import DrawEntry, IntentEntry

    desk = world.vault.operator_key("desk")
    with world.vault.writing() as state:
        intent = IntentEntry(authorization=bytes(32), requester="desk", nonce=bytes(16), cells_at_most=64, codes=COARSE)
        (index,) = world.vault.append([world.vault.entry(intent, desk, state)], state)
    reading = read(world)
    assert look(reading, lambda known: openings(known, NOW)).openings[0].state == "open"
    with world.vault.writing() as state:
        draw = DrawEntry(intent=index, table=bytes(32), records=3)
        world.vault.append([world.vault.entry(draw, desk, state)], state)
    assert reading.follow()
    assert look(reading, lambda known: openings(known, NOW)).openings[0].state == "drawn"
    assert not reading.follow()


def test_calendar_by_hand(rich):
    reading = read(rich)
    view = look(reading, lambda known: calendar(known, rich.now.date()))
    assert [(day.day.day, day.state, len(day.left)) for day in view.days] == [
        (1, "alive", 3),
        (2, "alive", 3),
        (3, "alive", 2),
    ]
    assert view.days[0].dies == dt.date(2017, 9, 1)
    assert view.next_day == view.days[0]
    assert (view.late, view.soon, view.dead) == ((), (), ())
    on_the_day = look(reading, lambda known: calendar(known, dt.date(2017, 9, 1)))
    assert [day.state for day in on_the_day.days] == ["due", "alive", "alive"]
    assert len(on_the_day.soon) == 3
    after = look(reading, lambda known: calendar(known, dt.date(2017, 9, 3)))
    assert [day.state for day in after.days] == ["late", "late", "due"]
    assert [day.day.day for day in after.late] == [1, 2]


def test_a_day_whose_rule_lacks_keys_cannot_be_opened_and_one_without_keys_is_dead(rich):
    from world import destroy_entry

    day = dt.date(2016, 9, 3)
    for name, state_after in (("dpo", "closed"), ("judge", "dead")):
        service = rich.custodian(name)
        with rich.vault.writing() as state:
            rich.vault.append([destroy_entry(service, day)], state)
        view = look(read(rich), lambda known: calendar(known, rich.now.date()))
        assert view.days[2].state == state_after
        assert view.dead == (view.days[2],)


def test_log_is_paged_from_its_end_and_by_type(rich):
    reading = read(rich)
    page = look(reading, lambda known: log_page(known, {}))
    assert [line.index for line in page.lines] == list(range(page.size - 1, -1, -1))
    assert dict(page.counts)["epoch-key"] == 9
    keys = look(reading, lambda known: log_page(known, {"type": "epoch-key"}))
    assert {line.type for line in keys.lines} == {"epoch-key"}
    assert len(keys.lines) == 9
    for query in ({"page": "2"}, {"page": "0"}, {"page": "x"}, {"page": "²"}, {"type": "nothing"}):
        with pytest.raises(MalformedInput, match=r"page:|type:"):
            look(reading, lambda known, query=query: log_page(known, query))


def test_an_entry_shows_what_belongs_to_it_and_no_line_that_names_somebody(rich):
    reading = read(rich)
    checkpoint = reading.checkpoint
    (index,) = [i for i, _ in look(reading, lambda known: list(known.state.reveals))]
    proven = reading.entry(index, checkpoint)
    view = look(reading, lambda known: entry_view(known, proven))
    assert [other.type for other in view.related] == ["intent", "draw", "close"]
    shown = "\n".join(line.text for line in view.text)
    assert view.hidden == 2
    assert "Secret Person" in proven.text
    assert "Secret Person" not in shown
    assert "tel:" not in shown
    assert "authority: <Court> A" in shown


def test_every_entry_is_proven_under_the_checkpoint(rich):
    reading = read(rich)
    for index in range(reading.checkpoint.head.size):
        proven = reading.entry(index, reading.checkpoint)
        assert proven.root == reading.checkpoint.head.root
        assert "— " in proven.text


def test_an_entry_without_effect_is_shown_with_its_rule(world):
    with world.vault.writing() as state:
        raw = world.custodian("judge").epoch_key_entries([dt.date(2016, 9, 9)], bytes)[0]
        world.vault.append([raw], state)
    world.vault.log.append([raw, b"nonsense\n\x1b[31m"], world.vault.operator_key(world.vault.pins.origin))
    reading = read(world)
    page = look(reading, lambda known: log_page(known, {"type": "no-effect"}))
    assert [line.rule for line in page.lines] == ["V1", "K1"]
    view = reading.entry(page.lines[0].index, reading.checkpoint)
    assert "\x1b" not in view.text
    assert look(reading, lambda known: entry_view(known, view)).line.reason


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [name for name in TYPES if name != "roster"])
def test_every_type_of_entry_has_a_sentence_in_every_language(language, name):
    raw = (VECTORS / f"{name}.txt").read_bytes().split(b"\n\n", 1)[1]
    entry = parse_entry(raw, "vector")
    line = LogLine(
        index=7,
        time=entry.time,
        type=type_of(entry.note),
        body=entry.body,
        roster=None,
        by=("judge",),
        rule="",
        reason="",
    )
    told = Sentences(language, translations(language, ROOMS))
    sentence = told.meaning(line)
    assert sentence.endswith(".")
    assert "%" not in sentence
    assert told.type(name)
    assert told.explained(name).endswith(".")
    if language != "en":
        assert sentence != Sentences("en", translations("en", ROOMS)).meaning(line)


def test_roster_has_a_sentence(rich):
    line = look(read(rich), lambda known: log_page(known, {"type": "roster"})).lines[0]
    sentence = Sentences("en", translations("en", ROOMS)).meaning(line)
    assert (
        sentence == "From here on these custodians hold the keys: judge, dpo and regulator. A day is kept for 365 days."
    )


def test_an_entry_says_which_codes_of_its_order_are_public():
    from coffer.ledger.entries import CloseEntry, IntentEntry
    from coffer.web.window.explorer import LogLine

    def said(body):
        line = LogLine(index=1, type="intent", time=None, body=body, roster=None, by=(), rule="", reason="")
        return Sentences("en", translations("en", ROOMS)).codes(line)

    intent = IntentEntry(authorization=bytes(32), requester="desk", nonce=bytes(16), cells_at_most=1, codes=COARSE)
    assert said(intent) == "The log tells of this order: class produce, kinds call,text,email."
    numbers = {"records": 0, "answers": 0, "unconfirmed_cells": 0}
    hidden = CloseEntry(intent=1, result=bytes(32), **numbers, outcome="-", took="-")
    assert said(hidden) == "The roster keeps every code of this order from the log."
    assert said(None) == ""
