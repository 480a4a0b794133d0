"""What a time must say, and on whose clock: a part that is missing is never filled up."""

import datetime as dt

import pytest

from coffer.errors import MalformedInput
from coffer.records.draft import Window
from coffer.records.feed import parse_feed
from coffer.records.presets import presets
from coffer.records.readers.formats import detect
from coffer.records.readers.mapped.csv import bind_head
from coffer.records.readers.mapped.jsonl import bind_feed

LATEST = dt.datetime(2026, 12, 1, 12, tzinfo=dt.UTC)
WINDOW = Window(earliest=dt.datetime(2015, 1, 1, tzinfo=dt.UTC), latest=LATEST)
CSV = """[feed]
name = "x"
home_country = "DE"
time_zone = "{zone}"
kind = "call"
[csv]
header = false
date_format = "{form}"
{more}
[columns]
a = 0
b = 1
start = 2
{columns}
"""
PAIR = "+4930111111,+4930222222,"


def feed(form="%Y-%m-%d %H:%M", zone="America/New_York", more="", columns=""):
    return parse_feed(CSV.format(form=form, zone=zone, more=more, columns=columns), "feed")


def read(text, by):
    return bind_head(by, text.encode(), "file").read(text.encode(), first_line=1, window=WINDOW)


def starts(text, by):
    return [start.isoformat()[:16] for start in read(text, by).batch.column("start").to_pylist()]


@pytest.mark.parametrize(
    "form",
    ["%H:%M:%S", "%d %H:%M", "%m %H:%M", "%Y-%m %H:%M", "%Y-%m-%d", "%m/%d %I:%M", "%Y-%m-%d %I:%M:%S", "%U %H", "%p", "%m/%d %H:%M %z"],
)  # fmt: skip
def test_format_that_does_not_say_a_moment_is_refused(form):
    with pytest.raises(MalformedInput, match="date_format: expected codes that say day, month, hour and minute"):
        feed(form)


@pytest.mark.parametrize(
    "form",
    ["%Y-%m-%d %H:%M:%S", "%m/%d %H:%M", "%d.%m.%y %H:%M", "%j %Y %R", "%B %d, %Y %I:%M %p", "%Y-%m-%d %H:%M:%S,%f", "%c", "%+", "epoch"],
)  # fmt: skip
def test_twin_that_says_one_is_taken(form):
    assert feed(form).mapping.date_formats == (form,)


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d %H:%M:%S UTC",
        "%Y-%m-%dT%H:%M:%SZ",
        "%d/%m/%Y %H:%M GMT",
        "%H:%M:%S UTC %d %b %Y",
        "%Y-%m-%d %H:%M +00:00",
        "%Y-%m-%d %H:%M (utc)",
        "%F %TZ ",
    ],
)
def test_utc_as_text_is_read_on_no_other_clock(form):
    with pytest.raises(MalformedInput, match="says UTC as text, and time_zone is America/New_York"):
        feed(form)
    assert feed(form, more='time_zone = "UTC"').time_zone == "UTC"
    assert feed(form, zone="UTC").time_zone == "UTC"


def test_zone_of_the_table_goes_before_the_feed_s():
    by = feed(more='time_zone = "Asia/Kolkata"')
    assert starts(f"{PAIR}2026-11-20 10:00\n", by) == ["2026-11-20T04:30"]
    with pytest.raises(MalformedInput, match=r"feed: \[csv\]: time_zone: unknown"):
        feed(more='time_zone = "Mars"')


def test_presets_that_say_utc_read_utc_wherever_the_feed_lives():
    """Each preset whose page says so, also if it is found by its header."""
    said = [
        one for one in presets().values() if "Times are UTC" in one.unknown or "UTC" in str(one.mapping.date_formats)
    ]
    assert {"google-log-search", "broadworks", "m365-trace-json", "m365-trace-summary"} <= {one.name for one in said}
    assert {one.mapping.time_zone for one in said} == {"UTC"}


def test_found_preset_brings_its_zone():
    header = ",".join(f'"{name}"' for name in sorted(presets()["google-log-search"].header)) + "\n"
    found = detect(header.encode(), "log.csv", None)
    by = parse_feed('[feed]\nname = "x"\nhome_country = "DE"\ntime_zone = "Asia/Tokyo"\n', "feed").by_preset(
        found.preset
    )
    assert by.time_zone == "UTC"


def test_end_without_a_year_is_of_the_year_of_its_start():
    by = feed("%m/%d %H:%M", zone="UTC", columns="end = 3")
    text = f"{PAIR}02/29 23:59,03/01 00:05\n{PAIR}12/31 23:50,01/01 00:10\n{PAIR}11/20 10:05,11/20 10:04\n"
    parsed = read(text, by)
    assert parsed.batch.column("duration_s").to_pylist() == [360, 1200]
    assert parsed.rejects.counts() == {"bad-duration": 1}


def test_newest_day_is_that_of_the_row_s_own_clock():
    more = "newest = 2026-11-20"
    by = feed("%m/%d %H:%M", more=more, columns="time_zone = 3")
    text = f"{PAIR}11/21 05:00,Asia/Tokyo\n{PAIR}11/20 23:00,America/New_York\n{PAIR}11/21 05:00,+09:00\n{PAIR}11/20 10:00,Mars\n"
    parsed = read(text, by)
    assert [one.isoformat()[:16] for one in parsed.batch.column("start").to_pylist()] == [
        "2026-11-20T20:00", "2026-11-21T04:00", "2026-11-20T20:00",
    ]  # fmt: skip
    assert parsed.rejects.counts() == {"bad-time": 1}


def test_header_that_is_a_record_is_refused_and_names_nobody():
    by = parse_feed(
        CSV.format(form="%Y-%m-%d %H:%M", zone="UTC", more="", columns="").replace("header = false", "header = true"),
        "feed",
    )
    with pytest.raises(MalformedInput, match="line 1: looks like a record") as caught:
        read(f"Ann Example,{PAIR}2026-11-20 10:00\n".replace("Ann Example,", ""), by)
    assert "4930" not in str(caught.value)
    assert starts(f"From,To,At\n{PAIR}2026-11-20 10:00\n", by) == ["2026-11-20T10:00"]


def test_document_that_holds_its_records_in_a_list_says_how_to_write_lines():
    by = parse_feed(
        CSV.split("[csv]", maxsplit=1)[0].format(zone="UTC")
        + '[jsonl]\ndate_format = "epoch"\n[columns]\na = "a"\nb = "b"\nstart = "s"\n',
        "feed",
    )
    with pytest.raises(MalformedInput, match="none of the keys") as caught:
        bind_feed(by, b'{"type":"MTA","data":[{"a":"1"}]}\n', "file")
    assert "jq -c '.data[]'" in caught.value.hint
    with pytest.raises(MalformedInput, match="none of the keys") as caught:
        bind_feed(by, b'{"+4930111111":[{"a":"1"}]}\n', "file")
    assert "4930" not in caught.value.hint


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%S%:z", "%+", "%Y-%m-%dT%H:%M:%S%z"])
def test_offset_of_any_code_counts_in_any_zone(form):
    by = feed(form, zone="Asia/Kolkata")
    assert starts(f"{PAIR}2026-11-20T10:00:00+02:00\n", by) == ["2026-11-20T08:00"]


def test_zone_of_each_row_is_not_overruled_by_utc_as_text():
    with pytest.raises(MalformedInput, match="says UTC as text, and time_zone is that of each row"):
        feed("%d.%m.%Y %H:%M:%SZ", columns="time_zone = 3")


def test_end_in_a_night_of_two_hours_is_of_its_own_year():
    by = feed("%m/%d %H:%M:%S", zone="Europe/Berlin", more="newest = 2024-12-31", columns="end = 3")
    parsed = read(f"{PAIR}10/27 01:30:00,10/27 02:40:00\n{PAIR}10/20 01:30:00,10/20 02:40:00\n", by)
    assert parsed.batch.column("duration_s").to_pylist() == [4200]
    assert parsed.rejects.counts() == {"ambiguous-time": 1}


def test_end_of_a_day_that_its_year_has_not_is_no_end():
    by = feed("%m-%d %H:%M", zone="UTC", more="newest = 2023-12-31", columns="end = 3")
    assert read(f"{PAIR}02-20 10:00,02-29 10:00\n", by).rejects.counts() == {"bad-time": 1}


def test_end_in_other_units_than_the_start_is_no_end():
    by = feed("epoch", columns="end = 3")
    parsed = read(f"{PAIR}1795000000,1795000060000\n{PAIR}1795000000,1795000060\n", by)
    assert parsed.batch.column("duration_s").to_pylist() == [60]
    assert parsed.rejects.counts() == {"bad-duration": 1}


def test_own_date_format_brings_the_feed_s_own_zone_back():
    text = '[feed]\nname = "x"\nhome_country = "DE"\ntime_zone = "Europe/Berlin"\npreset = "google-log-search"\n'
    assert parse_feed(text, "feed").time_zone == "UTC"
    assert parse_feed(text + '[csv]\ndate_format = "%Y/%m/%d %H:%M:%S"\n', "feed").time_zone == "Europe/Berlin"


@pytest.mark.parametrize("zone", ["+19:59", "+15", "-14:01"])
def test_row_of_a_zone_that_no_clock_has_is_a_reject(zone):
    by = feed("%Y-%m-%d %H:%M", columns="time_zone = 3")
    parsed = read(f"{PAIR}2026-11-20 10:00,{zone}\n{PAIR}2026-11-20 10:00,+14:00\n", by)
    assert parsed.rejects.counts() == {"bad-time": 1}


def test_answer_of_zeros_between_slashes_says_that_there_was_none():
    by = feed("%d/%m/%Y %H:%M", columns="end = 3\nanswer = 4")
    parsed = read(f"{PAIR}20/11/2026 10:00,20/11/2026 10:01,00/00/0000 00:00\n", by)
    assert parsed.batch.column("duration_s").to_pylist() == [0]
