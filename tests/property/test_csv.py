"""The CSV reader: every row is kept or rejected, wherever between two rows a file is cut, and whatever is in it."""

# ruff: noqa: FBT003

import datetime as dt

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

import world
from coffer.records.draft import Window
from coffer.records.feed import parse_feed
from coffer.records.readers.mapped.csv import bind_feed, read_lines
from coffer.records.readers.text.quoting import Quoting, RowEnds, joined
from coffer.records.rejects import Reason

WINDOW = Window(earliest=dt.datetime(2016, 1, 1, tzinfo=dt.UTC), latest=dt.datetime(2017, 1, 1, tzinfo=dt.UTC))
FEED = """
[feed]
name = "calls"
format = "csv"
home_country = "FR"
time_zone = "Europe/Paris"
keep = ["cell", "imei", "imsi"]
kind = { column = 0, values = { call = "call", sms = "text", mail = "email" } }
[csv]
header = false
delimiter = ";"
date_format = ["%Y-%m-%d %H:%M:%S", "epoch"]
[columns]
a = 1
b = 2
start = [3, 4]
duration_s = 5
forwarded = 6
a_cell = 7
a_imei = 8
a_imsi = 9
answered = 10
"""
GOOD = "call;+33612345678;0698765432;2016-09-01;10:00:00;60;;208-01-7-99;35000000000000;208010000000000;yes"
FIELDS = [
    ["call", "sms", "mail", "fax", "", " call "],
    [
        "+33612345678",
        "0612345678",
        "a@b.example",
        "CORP",
        "",
        "-1",
        "12",
        '"0612345678"',
        '"06;12345678"',
        "é",
        "x" * 70,
    ],
    ["+33698765432", "36500", "c@d.example", "", "anonymous", '"a""b"'],
    ["2016-09-01", "2016-10-30", "2016-03-27", "2015-01-01", "2018-01-01", "x", ""],
    ["10:00:00", "02:30:00", "25:00:00", ""],
    ["60", "0", "", "-1", "1.5", "1e3", "nan", "inf", "1048576", "9" * 25],
    ["", "0711111111", "x"],
    ["", "208-01-7-99", "208-01-7", "999-999-65535-268435455"],
    ["", "35000000000000", "350"],
    ["", "208010000000000", "2"],
    ["yes", "no", "", "perhaps"],
]
structured = (
    st.tuples(*(st.sampled_from(values[:1]) | st.sampled_from(values) for values in FIELDS))
    .map(";".join)
    .map(str.encode)
)
odd = st.sampled_from(
    [
        b"",
        b"\r",
        b" ",
        b";" * 10,
        b";" * 9,
        b'"',
        b'"a',
        b'a"b;',
        b"\xff" + b";" * 10,
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.encode() + b"\r",
        b"a\rb",
        GOOD.encode()[:-3] + b'"',
    ]
)
lines = st.lists(
    structured | odd | st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"").replace(b"\0", b"")), max_size=10
)


def bound():
    return bind_feed(parse_feed(FEED, "feed.toml"), GOOD.encode(), "file")


def read(raw, first_line=1):
    return read_lines(raw, bound(), first_line=first_line, window=WINDOW)


@settings(max_examples=40, deadline=None)
@given(lines, st.booleans())
@example([], True)
@example([b"\r"], False)
@example([GOOD.encode(), b"\r"], False)
@example([b'"a', b'b";' + GOOD.encode(), b"x\ry"], True)
def test_kept_and_rejected_are_all_the_lines(found, has_last_line_end):
    raw = b"\n".join(found) + (b"\n" if has_last_line_end and found else b"")
    each = raw.removesuffix(b"\n").split(b"\n") if raw else []
    filled = [number for number, line in enumerate(each, 1) if line not in (b"", b"\r")]
    parsed = read(raw)
    kept, rejected = parsed.batch.column("line").to_pylist(), parsed.rejects.lines.tolist()
    assert parsed.read == len({*kept, *rejected}) == len(kept) + len(rejected)
    assert {*kept} <= {*filled}
    assert {*rejected} <= {*range(1, len(each) + 1)}
    assert parsed.read + sum(parsed.skipped.values()) == len(each)
    if joined(raw, Quoting(b";", b'"')) is None:
        assert sorted(kept + rejected) == filled
        assert parsed.skipped["empty-line"] == len(each) - len(filled)
    assert sum(parsed.rejects.counts().values()) == len(rejected) == len(parsed.rejects.fields)
    assert Reason.KEPT not in map(Reason, parsed.rejects.reasons.tolist())


@settings(max_examples=60, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.lists(structured | odd, min_size=1, max_size=8), st.integers(0, 8))
@example([GOOD.encode(), b'a"b;' + GOOD.encode()[5:], b'"'], 2)
@example([GOOD.encode()[:-3] + b'"', GOOD.encode()], 1)
@example([b'call;"+33612345678"' + GOOD.encode()[17:], b'"a', b'b";x'], 1)
def test_a_file_cut_at_any_row_gives_the_same_rows(found, cut):
    data = b"".join(line + b"\n" for line in found)
    end = RowEnds(Quoting(b";", b'"')).take(b"".join(line + b"\n" for line in found[:cut]))
    whole = read(data)
    parts = [read(data[:end]), read(data[end:], data.count(b"\n", 0, end) + 1)]
    assert rows_and_rejects([whole]) == rows_and_rejects(parts)


def rows_and_rejects(parts):
    rows = [row for part in parts for row in part.batch.to_pylist()]
    rejects = [
        item
        for part in parts
        for item in zip(part.rejects.lines.tolist(), part.rejects.reasons.tolist(), part.rejects.fields, strict=True)
    ]
    return rows, rejects


def test_every_reject_reason_of_the_feed_page_but_those_of_files_can_be_reached():
    """One line for each reason, with its arithmetic: 15 lines, 1 kept, 14 rejected."""
    parts = GOOD.split(";")

    def line(**changes):
        return ";".join(changes.get(f"c{i}", value) for i, value in enumerate(parts))

    expected = [
        ("kept", line()),
        ("wrong-column-count", "x"),
        ("row-too-long", "x" * 65_537),
        ("unknown-kind", line(c0="fax")),
        ("bad-time", line(c3="x")),
        ("impossible-time", line(c3="2016-03-27", c4="02:30:00")),
        ("ambiguous-time", line(c3="2016-10-30", c4="02:30:00")),
        ("too-late", line(c3="2015-12-31")),
        ("in-future", line(c3="2017-01-02")),
        ("not-a-number", line(c1="é")),
        ("impossible-length", line(c1="+" + "3" * 33)),
        ("not-an-address", line(c0="mail", c1="x", c2="a@b.example")),
        ("no-b-number", line(c2="")),
        ("bad-duration", line(c5="-1")),
        ("bad-answered", line(c10="perhaps")),
    ]
    parsed = read("".join(text + "\n" for _, text in expected).encode())
    reasons = {
        number: Reason(reason).label
        for number, reason in zip(parsed.rejects.lines.tolist(), parsed.rejects.reasons.tolist(), strict=True)
    }
    assert [(reasons.get(number, "kept")) for number in range(1, 16)] == [reason for reason, _ in expected]
    assert (parsed.batch.num_rows, len(parsed.rejects.lines), parsed.read) == (1, 14, 15)


def test_a_fault_in_an_optional_field_empties_it_and_keeps_the_row():
    parts = GOOD.split(";")
    faults = {6: "voicemail", 7: "1-2", 8: "1", 9: "1"}
    raw = "".join(
        ";".join(bad if i == at else value for i, value in enumerate(parts)) + "\n" for at, bad in faults.items()
    )
    parsed = read(raw.encode())
    assert (parsed.batch.num_rows, len(parsed.rejects.lines)) == (4, 0)
    assert parsed.flaws.lines.tolist() == [1, 2, 3, 4]
    assert [Reason(reason).label for reason in parsed.flaws.reasons] == [
        "not-a-number",
        "bad-cell",
        "bad-imei",
        "bad-imsi",
    ]
    assert not len(read((GOOD + "\n").encode()).flaws.lines)


WIDE = world.FEED  # four columns; the file has a fifth that the feed does not read


@pytest.mark.parametrize(
    "tail", [b"", b"+33612345678,+33698765432,2016-09-01 10:00:00,60,x\n"], ids=["last of its chunk", "not the last"]
)
def test_an_open_quote_is_rejected_wherever_its_line_stands(tail):
    bound = bind_feed(parse_feed(WIDE, "feed.toml"), b"1,2,3,4,5", "file")
    parsed = read_lines(
        b'+33612345678,+33698765432,2016-09-01 10:00:00,60,"x\n' + tail, bound, first_line=1, window=WINDOW
    )
    assert parsed.rejects.lines.tolist() == ([1, 2] if tail else [1])  # what it swallowed looks like a row


def test_a_quoted_value_holds_a_line_end_even_beside_a_line_with_a_carriage_return_within():
    bound = bind_feed(parse_feed(WIDE, "feed.toml"), b"1,2,3,4,5", "file")
    raw = b'+33612345678,+33698765432,2016-09-01 10:00:00,60,"x\n"\nx\ry\n'
    parsed = read_lines(raw, bound, first_line=1, window=WINDOW)
    assert (parsed.batch.column("line").to_pylist(), parsed.rejects.lines.tolist()) == ([1], [3])


@pytest.mark.parametrize("form", ["%Q", "%", "%%%", "%Y %é", "%H:%M"])
def test_a_date_format_nobody_knows_rejects_lines_or_the_feed_but_does_not_crash(form):
    from coffer.errors import MalformedInput

    text = world.FEED.replace('"%Y-%m-%d %H:%M:%S"', f'"{form}"')
    try:
        feed = parse_feed(text, "feed.toml")
        parsed = read_lines(
            b"+33612345678,+33698765432,2016-09-01 10:00:00,60\n",
            bind_feed(feed, b"1,2,3,4", "file"),
            first_line=1,
            window=WINDOW,
        )
    except MalformedInput:
        return
    assert parsed.read == 1
