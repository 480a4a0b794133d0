"""Lines of fixed width, and dates without a year in any table."""

import datetime as dt
import pickle
from collections import Counter
from itertools import pairwise

import pytest

from coffer.errors import MalformedInput
from coffer.procedures.ingest.decide import year_remarks
from coffer.records.draft import Window
from coffer.records.feed import parse_feed
from coffer.records.readers.formats import format_named
from coffer.records.readers.mapped.csv import bind_head
from coffer.records.readers.mapped.dating import Dating
from coffer.records.readers.mapped.fixed import bind_feed
from coffer.records.readers.port import Piece
from coffer.records.rejects import Reason
from coffer.records.unmapped import unmapped_columns

LATEST = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
WINDOW = Window(earliest=dt.datetime(2015, 1, 1, tzinfo=dt.UTC), latest=LATEST)
HEAD = '[feed]\nname = "x"\nhome_country = "DE"\ntime_zone = "UTC"\nkind = "call"\n'
FIXED = f"""{HEAD}[fixed]
width = 40
blank = ["6", "12-13"]
date_format = "%m/%d %H:%M"
comment = "#"
{{more}}
[fixed.places]
Day = "1-5"
Clock = "7-11"
From = "14-25"
To = "26-37"
Note = "38-40"
[columns]
a = "From"
b = "To"
start = ["Day", "Clock"]
"""
LINE = "03/02 10:00  030111111   030222222   n1 \n"


def feed(more="", text=FIXED):
    return parse_feed(text.format(more=more), "feed")


def read(data, by=None, head=None):
    by = by or feed()
    return bind_feed(by, head or data, "file").read(data, first_line=1, window=WINDOW)


def rejects(parsed):
    found = zip(parsed.rejects.lines.tolist(), parsed.rejects.reasons.tolist(), strict=True)
    return [(line, Reason(reason).label) for line, reason in found]


def test_columns_stand_at_their_places():
    parsed = read(f"# page 1\n{LINE}\n".encode() + LINE.strip("\n").encode() + b"\r\n")
    (row, again) = parsed.batch.to_pylist()
    assert (row["a_number"], row["b_number"], row["line"]) == (4930111111, 4930222222, 2)
    assert (again["line"], row["start"]) == (4, dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC))
    assert dict(parsed.skipped) == {"comment": 1, "empty-line": 1}
    assert dict(parsed.assumed) == {"year 2026": 2}


@pytest.mark.parametrize(
    "line",
    [LINE[:-2] + "\n", LINE[:-1] + " \n", LINE.replace("10:00  0", "10:00 00"), LINE.replace(" 10", "x10")],
    ids=["shorter", "longer", "moved", "filled"],
)
def test_a_line_of_another_layout_is_a_reject_and_moves_nothing(line):
    parsed = read((LINE + line + LINE).encode())
    assert (parsed.batch.num_rows, rejects(parsed)) == (2, [(2, "wrong-column-count")])


def test_a_file_that_begins_without_any_line_of_the_layout_is_refused():
    with pytest.raises(MalformedInput, match="no line of the layout at its beginning: 39 characters, expected 40"):
        read((LINE[:-2] + "\n").encode())
    wrong = LINE.replace("10:00  0", "10:00 x0")
    with pytest.raises(MalformedInput, match="layout at its beginning: characters at 12-13, expected spaces"):
        read(wrong.encode())


@pytest.mark.parametrize("more", ["width = 40\n", ""], ids=["width", "blank alone"])
def test_a_line_end_within_a_line_joins_no_two_records(more):
    by = feed(text=FIXED.replace("width = 40\n", more))
    parsed = read((LINE + LINE.strip("\n") + "\r" + LINE.strip("\n") + "\r" + LINE + LINE).encode(), by=by)
    assert (parsed.batch.num_rows, rejects(parsed)) == (2, [(2, "wrong-column-count")])


def test_without_a_width_a_last_line_without_its_end_may_be_cut_and_is_rejected():
    by = feed(text=FIXED.replace("width = 40\n", ""))
    parsed = read((LINE + LINE[:18]).encode(), by=by)
    assert (parsed.batch.num_rows, rejects(parsed)) == (1, [(2, "cut-off")])
    whole = read((LINE + LINE[:18] + "\n").encode(), by=by)
    assert whole.batch.num_rows + len(rejects(whole)) == 2


def test_places_are_characters_in_every_encoding():
    line = LINE.replace("n1 ", "äöü")
    for encoding in ("utf-8", "latin-1", "cp1252"):
        parsed = read(line.encode(encoding) * 2, by=feed(f'encoding = "{encoding}"'))
        assert (parsed.batch.num_rows, rejects(parsed)) == (2, []), encoding
    broken = LINE.encode().replace(b"n1 ", b"\xff\xfe\xfd")
    assert read(LINE.encode() + broken).batch.num_rows == 2


def test_a_byte_order_mark_is_no_character_of_the_first_line():
    assert bind_feed(feed(), b"\xef\xbb\xbf" + LINE.encode(), "file").spans["a"] == ((13, 12),)


def test_a_nul_byte_costs_the_value_in_which_it_stands():
    parsed = read((LINE + LINE.replace("n1", "\0n") + LINE.replace("0302", "03\x002")).encode())
    assert (parsed.batch.num_rows, rejects(parsed)) == (2, [(3, "not-a-number")])


def test_any_run_of_lines_reads_as_the_whole():
    data = "".join(LINE.replace("10:00", f"10:{n:02d}") for n in range(20)).encode()
    bound = pickle.loads(pickle.dumps(bind_feed(feed(), data, "file")))
    cuts = [0, 41, 41 * 7, len(data)]
    parts = [bound.read(data[a:b], first_line=1 + a // 41, window=WINDOW).batch for a, b in pairwise(cuts)]
    assert [row for part in parts for row in part.to_pylist()] == read(data).batch.to_pylist()


def test_rows_of_fixed_width_are_joined():
    by = feed(text=FIXED + '[join]\nkey = "Note"\n')
    form = format_named("fixed")
    reader = form.join(by, WINDOW)
    found = [*reader.take(Piece(file=0, data=(LINE + LINE).encode(), first=1)), *reader.end_file(0), *reader.finish()]
    assert sum(one.parsed.batch.num_rows for one in found) == 1
    assert sum(one.parsed.assumed["year 2026"] for one in found) == 2


def test_places_that_are_not_read_are_shown_by_shape():
    by = feed(text=FIXED.replace('Note = "38-40"', 'Sort = "13-14"\nNote = "38-40"'))
    assert unmapped_columns(LINE.encode(), by) == {"Sort": ("9",), "Note": ("a9",)}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"1-5"', '"5-1"', r"places\]: Day: expected the first and the last character"),
        ('"1-5"', '"0-5"', "counted from 1"),
        ('"1-5"', '"1:5"', "counted from 1"),
        ('width = 40\nblank = ["6", "12-13"]\n', "", "neither width nor blank"),
        ("width = 40", "width = 39", "a column ends behind the 39 characters"),
        ("width = 40", "width = [40, true]", "width: expected characters"),
        ('a = "From"', 'a = "from"', "a: no such name among the places"),
        ('a = "From"', "a = 3", "a: expected names"),
        ('comment = "#"', 'delimiter = ","', "delimiter: unknown key"),
        ('comment = "#"', 'newest = "2026-01-31"', "newest: expected a day without quotes"),
        ('comment = "#"', "newest = 2026-01-31T10:00:00", "newest: expected a day without quotes"),
        ('"%m/%d %H:%M"', '"%Y/%m/%d %H:%M"\nnewest = 2026-01-31', "newest: with a year in each date_format"),
    ],
)
def test_tables_that_cannot_be_meant_are_refused(old, new, message):
    assert old in FIXED
    with pytest.raises(MalformedInput, match=message):
        feed(text=FIXED.replace(old, new))


# -- dates without a year --------------------------------------------------------------------------------------------------


CSV = HEAD + "[csv]\nheader = false\ndate_format = {form}\n{more}\n[columns]\na = 0\nb = 1\nstart = 2\n"


def starts(*times, form='"%d.%m. %H:%M"', more=""):
    by = parse_feed(CSV.format(form=form, more=more), "feed")
    data = "".join(f"030111111,030222222,{one}\n" for one in times).encode()
    parsed = bind_head(by, data, "file").read(data, first_line=1, window=WINDOW)
    return [f"{row['start']:%Y-%m-%d %H:%M}" for row in parsed.batch.to_pylist()], parsed


def test_a_date_without_a_year_is_the_newest_that_is_not_after_the_clock():
    found, parsed = starts("09.03. 12:15", "10.03. 12:01", "31.12. 23:59", "29.02. 08:00", "31.02. 08:00")
    assert found == ["2026-03-09 12:15", "2025-03-10 12:01", "2025-12-31 23:59", "2024-02-29 08:00"]
    assert (rejects(parsed), dict(parsed.assumed)) == (
        [(5, "bad-time")],
        {"year 2026": 1, "year 2025": 2, "year 2024": 1},
    )


def test_a_date_up_to_a_day_ahead_of_the_clock_is_of_no_certain_year_and_is_rejected():
    """It may be of a year ago, or of a clock that is ahead. A date with its year is kept as others are."""
    found, parsed = starts(
        "09.03. 12:16", "10.03. 12:00", "2026-03-10 12:00", form='["%d.%m. %H:%M", "%Y-%m-%d %H:%M"]'
    )
    assert (found, rejects(parsed)) == (["2026-03-10 12:00"], [(1, "in-future"), (2, "in-future")])


def test_the_zone_of_a_row_decides_what_is_ahead_of_the_clock():
    by = parse_feed(CSV.format(form='"%d.%m. %H:%M"', more="") + "time_zone = 3\n", "feed")
    rows = [("09.03. 17:40", "Asia/Kolkata"), ("09.03. 18:00", "Asia/Kolkata"), ("09.03. 08:00", "America/New_York")]
    data = "".join(f"030111111,030222222,{time},{zone}\n" for time, zone in rows).encode()
    parsed = bind_head(by, data, "file").read(data, first_line=1, window=WINDOW)
    found = [f"{row['start']:%Y-%m-%d %H:%M}" for row in parsed.batch.to_pylist()]
    assert (found, rejects(parsed)) == (["2026-03-09 12:10", "2026-03-09 12:00"], [(2, "in-future")])


def test_the_newest_day_is_what_the_feed_says_and_then_nothing_is_assumed():
    found, parsed = starts("31.12. 23:59", "01.01. 00:00", "01.02. 00:00", more="newest = 2025-01-31")
    assert found == ["2024-12-31 23:59", "2025-01-01 00:00", "2024-02-01 00:00"]
    assert not parsed.assumed


@pytest.mark.parametrize("form", ["csv", "jsonl", "fixed", "parquet"])
def test_what_was_assumed_is_said_with_what_to_set(form):
    (said,) = year_remarks("f", Counter({"year 2026": 2}), 2026, form)
    assert f"needs newest = 2025-12-31 under [{form}]" in said
    (denied,) = year_remarks("f", Counter({"year 2026": 2}), 2024, form)
    assert "was last changed in 2024" in denied
    assert f"needs newest = 2024-12-31 under [{form}]" in denied


def test_of_several_formats_only_those_without_a_year_get_one():
    found, parsed = starts(
        "09.03. 10:00", "2023-03-09 10:00", " 09.03. 10:00 ", form='["%d.%m. %H:%M", "%Y-%m-%d %H:%M"]'
    )
    assert found == ["2026-03-09 10:00", "2023-03-09 10:00", "2026-03-09 10:00"]
    assert dict(parsed.assumed) == {"year 2026": 2}


@pytest.mark.parametrize("form", ["%y%m%d %R", "%D %T", "%F %R", "%-y-%m-%d %H:%M", "epoch", "epoch-ms"])
def test_formats_with_a_year_get_none(form):
    by = parse_feed(CSV.format(form=f'"{form}"', more=""), "feed")
    assert Dating.of(by, LATEST).latest is None


# -- parties by the direction ----------------------------------------------------------------------------------------------


SIDED = (
    HEAD
    + """[csv]
header = true
date_format = "%Y-%m-%d %H:%M"
[columns]
a = {{ out = "Station", in = "Caller" }}
b = {{ out = "Dialled", in = "Reached" }}
{direction}
start = "At"
"""
)
WAY = 'direction = { column = "Way", values = { I = "in", O = "out" } }'


def test_the_direction_says_in_which_column_each_party_stands():
    data = (
        b"Way,At,Station,Dialled,Caller,Reached\n"
        b"O,2026-03-02 10:00,030111111,030222222,030999999,030999999\n"
        b"I,2026-03-02 10:01,030999999,030999999,030333333,030111111\n"
        b"?,2026-03-02 10:02,030111111,030222222,030333333,030444444\n"
    )
    parsed = bind_head(parse_feed(SIDED.format(direction=WAY), "feed"), data, "file").read(
        data.split(b"\n", 1)[1], first_line=2, window=WINDOW
    )
    told = [(row["a_number"] % 10, row["b_number"] % 10) for row in parsed.batch.to_pylist()]
    assert (told, rejects(parsed)) == ([(1, 2), (3, 1)], [(4, "unknown-direction")])


@pytest.mark.parametrize(
    "text",
    [
        SIDED.format(direction=""),
        SIDED.format(direction=WAY).replace('{ out = "Dialled", in = "Reached" }', '"Dialled"'),
    ],
)
def test_sides_need_a_direction_and_both_parties(text):
    with pytest.raises(MalformedInput, match="in and out: expected both for a and for b"):
        parse_feed(text, "feed")


def test_a_side_has_one_value():
    text = SIDED.format(direction=WAY).replace("[csv]\nheader = true", "[jsonl]").replace('"Reached"', '"$.to[*]"')
    with pytest.raises(MalformedInput, match=r"b: in: with \[\*\], expected a column of one value"):
        parse_feed(text, "feed")


def test_newest_day_that_is_still_to_come_bounds_nothing():
    ahead = feed("newest = 2026-12-31")
    line = LINE.replace("03/02 10:00", "03/09 12:16")
    now = Window(earliest=WINDOW.earliest, latest=LATEST)
    with_it = bind_feed(ahead, line.encode(), "file").read(line.encode(), first_line=1, window=now)
    without = bind_feed(feed(), line.encode(), "file").read(line.encode(), first_line=1, window=now)
    assert rejects(with_it) == rejects(without) == [(1, "in-future")]


def test_29_february_tells_of_which_year_the_others_probably_are():
    (said,) = year_remarks("a.txt", Counter({"year 2024": 1, "year 2026": 9}), 0, "fixed")
    assert said.startswith("a.txt: its lines have no year; 2024 had a 29 February")
    assert "newest = 2024-12-31 under [fixed]" in said


def test_last_line_that_has_a_smaller_width_than_others_may_be_cut_off():
    by = feed(text=FIXED.replace("width = 40", "width = [37, 40]"))
    short, whole = LINE[:37], LINE.rstrip("\n")
    assert rejects(read((LINE + short).encode(), by)) == [(2, "cut-off")]
    assert rejects(read((LINE + short + "\n").encode(), by)) == rejects(read((LINE + whole).encode(), by)) == []


def test_titles_before_the_rows_are_counted_with_empty_lines_and_comments():
    by = feed("skip_lines = 2")
    text = f"Title\n\n# note\n{LINE}bad\n".encode()
    assert bind_feed(by, text, "file").skip_lines == 2
    assert bind_feed(feed(), b"# only\n# notes\n", "file")


@pytest.mark.parametrize("raw", [LINE.replace("\n", "\r\r\n"), "\0" + LINE])
def test_odd_characters_in_each_line_are_named(raw):
    with pytest.raises(MalformedInput, match="a CR or NUL within each line"):
        bind_feed(feed(), raw.encode(), "file")
