"""What a feed may say about a table: each option against a plain way of saying the same, and any bytes under all of them at once."""

# ruff: noqa: E501, FBT003

import datetime as dt
import io
import json
import tracemalloc
from collections import defaultdict
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coffer.errors import MalformedInput
from coffer.identity.identifier import parse_email
from coffer.records.draft import Window
from coffer.records.feed import parse_feed
from coffer.records.mapping import parse_path
from coffer.records.readers.formats import format_named
from coffer.records.readers.mapped import csv, jsonl
from coffer.records.readers.mapped.joining import JoinedReader
from coffer.records.readers.mapped.tidying import Spans, comment_lines, evened
from coffer.records.readers.port import Found, Piece
from coffer.records.readers.text.durations import parse_durations
from coffer.records.readers.text.times import parse_zoned_times
from coffer.records.rejects import Reason
from source_files import pieces

WINDOW = Window(earliest=dt.datetime(2016, 1, 1, tzinfo=dt.UTC), latest=dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
FEW = settings(max_examples=40, deadline=None)
HEAD = '[feed]\nname = "x"\nhome_country = "FR"\ntime_zone = "Europe/Paris"\nkind = "call"\n'
A, B, C, D = "+33612345678", "+33698765432", "+33611111111", "+33622222222"


def csv_feed(columns, *, own="", more="", kind="call"):
    form = "" if "date_format" in own else 'date_format = "%Y-%m-%d %H:%M:%S"\n'
    return parse_feed(
        f"{HEAD.replace('call', kind)}[csv]\nheader = true\n{form}{own}\n[columns]\n{columns}\n{more}", "feed"
    )


def read(feed, text, encoding="utf-8"):
    raw = text.encode(encoding) if isinstance(text, str) else text
    bound = csv.bind_head(feed, raw, "file")
    body = b"\n".join(raw.split(b"\n")[bound.skip_lines :])
    return bound.read(body, first_line=bound.skip_lines + 1, window=WINDOW)


def told(parsed, *names):
    return [tuple(row[name] for name in names) for row in parsed.batch.to_pylist()]


def reasons(parsed):
    return [Reason(reason).label for reason in parsed.rejects.reasons.tolist()]


PLAIN = 'a = "a"\nb = "b"\nstart = "t"\n'
TIME = "2026-03-02 10:00:00"


# -- lines ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8"])
def test_a_name_in_any_encoding_harms_nobody_where_it_is_not_read(encoding):
    """The twin has the same bytes in a number."""
    feed = csv_feed(PLAIN, own=f'encoding = "{encoding}"')
    assert told(read(feed, f"a,b,t,n\n{A},{B},{TIME},Müller\n", "latin-1"), "b_number") == [(int(B),)]
    if encoding == "utf-8":
        assert reasons(read(feed, f"a,b,t,n\n{A},{B}ü,{TIME},x\n", "latin-1")) == ["not-utf8"]


def test_a_header_is_found_by_its_names_and_its_encoding():
    feed = csv_feed('a = "De"\nb = "À"\nstart = "t"\n', own='encoding = "cp1252"')
    found = read(feed, f"Relevé\n\nDe;À\nDe,À,t\n{A},{B},{TIME}\nDe,À,t\n", "cp1252")
    assert found.batch.column("line").to_pylist() == [5]
    assert reasons(found) == ["bad-time"]
    with pytest.raises(MalformedInput, match="line 1: no column 'À' for b") as caught:
        read(csv_feed('a = "De"\nb = "À"\nstart = "t"\n'), f"De,À,t\n{A},{B},{TIME}\n", "cp1252")
    assert 'encoding = "cp1252"' in caught.value.hint


def test_lines_before_the_first_row_are_skipped_where_there_is_no_header():
    text = HEAD + '[csv]\nheader = false\nskip_lines = 2\ndate_format = "epoch"\n[columns]\na = 0\nb = 1\nstart = 2\n'
    found = read(parse_feed(text, "feed"), f"Report\n1,2\n{A},{B},1772445600\n")
    assert found.batch.column("line").to_pylist() == [3]
    assert not len(found.rejects.lines)


def test_a_comment_is_skipped_wherever_it_stands_and_in_quotes_too():
    feed = csv_feed(PLAIN, own='comment = ["#", "Total"]')
    found = read(feed, f'a,b,t,n\n#x\n{A},{B},{TIME},x\n"Total",1,2\n# y,{A}\n{A},{B},{TIME},#x\n')
    assert (found.skipped["comment"], found.batch.column("line").to_pylist(), reasons(found)) == (3, [3, 6], [])


@pytest.mark.parametrize(("quote", "kept"), [("'", [("O'Neil, x", int(B))]), ('"', [])])
def test_a_quote_of_another_kind_holds_the_delimiter(quote, kept):
    feed = csv_feed('a = "a"\nb = "b"\nstart = "t"\n', own=f"quote = {json.dumps(quote)}")
    found = read(feed, f"n,a,b,t\n'O''Neil, x','{A}','{B}',{TIME}\n")
    assert [row[0] for row in told(found, "b_number")] == [number for _, number in kept]
    assert len(found.rejects.lines) == 1 - len(kept)


def test_without_a_quote_a_quote_is_a_character():
    feed = csv_feed(PLAIN, own='quote = ""')
    assert len(read(feed, f'n,a,b,t\n"x,{A},{B},{TIME}\n').batch) == 1


values = st.text("ab'\" ;é", max_size=3)


@FEW
@given(
    st.lists(st.lists(values, min_size=1, max_size=6), max_size=6),
    st.integers(1, 5),
    st.booleans(),
    st.sampled_from(["'", '"', ""]),
)
@example([["a", "b", "c"], ["a"], ["", ""]], 2, True, '"')
def test_uneven_lines_are_made_even_as_one_would_by_hand(found, width, is_crlf, quote):
    if quote:
        found = [
            [f"{quote}{v.replace(quote, quote * 2)}{quote}" if ";" in v or quote in v else v for v in row]
            for row in found
        ]
    else:
        found = [[value.replace(";", "") for value in row] for row in found]
    end = "\r\n" if is_crlf else "\n"
    data = "".join(";".join(row) + end for row in found).encode()
    even = "".join(";".join((row + [""] * width)[:width]) + end if row != [""] else end for row in found).encode()
    assert evened(data, width, ";", quote) == even


@FEW
@given(st.lists(st.sampled_from(["#a", "x#", "", "Tot", "Total 3", '"Total"', "# "]), max_size=8))
def test_comment_lines_are_those_that_begin_so(found):
    data = "".join(line + "\n" for line in found).encode()
    expected = [line.removeprefix('"').startswith(("#", "Total")) for line in found]
    marks = comment_lines(data, ("#", "Total"), '"')
    assert (marks.tolist() if marks is not None else [False] * len(found)) == expected
    if marks is not None:
        assert (
            Spans.of(data).some(~marks)
            == "".join(line + "\n" for line, is_it in zip(found, expected, strict=True) if not is_it).encode()
        )


# -- values --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formats", "values"),
    [
        (
            ("s", "h:m:s"),
            {"5": 5, "5.9": 5, "0:01:02": 62, "5:15": None, "": None, "x": None, " 7 ": 7, "100:00:00": 360_000},
        ),
        (("ms",), {"5999": 5, "5999.9": 5, "0:01:02": None}),
        (("m:s",), {"5:15": 315, "120:00": 7_200, "5:60": None, "5": None, "5:15.9": 315}),
        (("h:m",), {"1:30": 5_400, "1:30:00": None}),
        (("h:m:s", "m:s"), {"1:02:03": 3_723, "02:03": 123, "9": None}),
    ],
)
def test_durations(formats, values):
    assert parse_durations(pl.Series(list(values)), formats).to_list() == list(values.values())


zones = st.sampled_from(["Europe/Paris", "Asia/Kolkata", "UTC", "Z", "+05:30", "-0330", "GMT+2", "EDT", "", "Mars/X"])
naive = st.datetimes(dt.datetime(2025, 1, 1), dt.datetime(2026, 12, 31)).map(lambda t: t.replace(microsecond=0))  # noqa: DTZ001
OFFSETS = {"UTC": 0, "Z": 0, "+05:30": 330, "-0330": -210, "GMT+2": 120}


@FEW
@given(st.lists(st.tuples(naive, zones), max_size=12))
@example([(dt.datetime(2026, 10, 25, 2, 30), "Europe/Paris"), (dt.datetime(2026, 3, 29, 2, 30), "Europe/Paris")])  # noqa: DTZ001
def test_each_row_is_read_in_its_own_zone_or_not_at_all(found):
    text = pl.Series([f"{time:%Y-%m-%d %H:%M:%S}" for time, _ in found], dtype=pl.String)
    got = parse_zoned_times(
        text, ("%Y-%m-%d %H:%M:%S",), pl.Series([zone for _, zone in found], dtype=pl.String), "reject"
    )
    for (time, zone), start, fault in zip(found, got.start.to_list(), got.fault.to_list(), strict=True):
        if zone in OFFSETS:
            assert start == time.replace(tzinfo=dt.UTC) - dt.timedelta(minutes=OFFSETS[zone])
        elif "/" not in zone or zone == "Mars/X":
            assert (start, fault) == (None, Reason.BAD_TIME)
        else:
            both = {time.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(dt.UTC) for fold in (0, 1)}
            assert (len(both) == 1) == (fault == 0)
            assert fault or start in both


def test_a_call_that_came_in_is_turned_round_with_what_its_own_party_carries():
    feed = parse_feed(
        HEAD
        + 'keep = ["imei"]\n[csv]\nheader = true\ndate_format = "epoch"\n[columns]\na = "own"\nb = "other"\nstart = "t"\na_imei = "i"\n'
        'direction = { column = "d", values = { IN = "in", OUT = "out" } }\n',
        "feed",
    )
    row = "35000000000000,1772445600"
    found = read(feed, f"own,other,d,i,t\n{A},{B},OUT,{row}\n{A},{B}, IN ,{row}\n{A},{B},?,{row}\n")
    assert told(found, "a_number", "b_number", "a_imei", "b_imei") == [
        (int(A), int(B), 1_35_000_000_000_000, 0),
        (int(B), int(A), 0, 1_35_000_000_000_000),
    ]
    assert reasons(found) == ["unknown-direction"]


def test_end_minus_answer_and_what_was_not_answered():
    feed = csv_feed(PLAIN + 'end = "e"\nanswer = "s"\n')
    head, ended = "a,b,t,s,e\n", "2026-03-02 10:01:00"
    found = read(
        feed,
        f"{head}{A},{B},{TIME},2026-03-02 10:00:05,{ended}\n{A},{B},{TIME},,{ended}\n{A},{B},{TIME},0000-00-00 00:00:00,{ended}\n"
        f"{A},{B},{TIME},2026-03-02 10:00:05,\n{A},{B},{TIME},2026-03-02 10:02:00,{ended}\n{A},{B},{TIME},x,{ended}\n",
    )
    assert told(found, "duration_s", "answered") == [(55, True), (0, False), (0, False), (None, True)]
    assert reasons(found) == ["bad-duration", "bad-time"]


@pytest.mark.parametrize("answer", ["1970-01-01 00:00:00", "2026-03-02 09:59:59"])
def test_an_answer_before_the_start_is_no_answer(answer):
    feed = csv_feed(PLAIN + 'end = "e"\nanswer = "s"\n')
    found = read(feed, f"a,b,t,s,e\n{A},{B},{TIME},{answer},2026-03-02 10:01:00\n")
    assert (told(found, "duration_s"), reasons(found)) == ([], ["bad-duration"])


def test_two_numbers_in_a_cell_are_not_the_first_of_them():
    found = read(csv_feed(PLAIN), f"a,b,t\n{A},+4930222222;+4930333333,{TIME}\n{A},030222222; 030333333,{TIME}\n")
    assert (told(found, "b_number"), len(reasons(found))) == ([], 2)


@pytest.mark.parametrize(
    "written", ["SMTP:u1@x.example", "mailto:u1@x.example", "SIP:u1@x.example", "rfc822;u1@x.example"]
)
def test_an_address_with_a_scheme_in_front_is_nobodys_mailbox(written):
    with pytest.raises(MalformedInput, match="without a scheme"):
        parse_email(written, "b")


def test_a_may_be_missing_and_the_first_that_holds_a_value_counts():
    feed = csv_feed('b = { first = ["x", "y"] }\nstart = "t"\n')
    found = read(feed, f"x,y,t\n,{B},{TIME}\n{A},{B},{TIME}\n  ,{B},{TIME}\n,,{TIME}\n")
    assert told(found, "a_type", "b_number") == [(0, int(B)), (0, int(A)), (0, int(B))]
    assert reasons(found) == ["no-b-number"]


def test_part_of_a_value_counts():
    feed = csv_feed('a = { column = "a", after = "(", before = ")" }\nb = "b"\nstart = "t"\n')
    assert told(read(feed, f"a,b,t\nAnn ({A}),{B},{TIME}\n{A},{B},{TIME}\n"), "a_number") == [(int(A),)] * 2


def test_rows_are_kept_and_dropped_by_their_words():
    feed = csv_feed(
        PLAIN,
        more='[rows]\nkeep = [{ column = "k", values = ["x", ""] }]\ndrop = [{ column = "d", values = ["no"] }]\n',
    )
    found = read(
        feed, "a,b,t,k,d\n" + "".join(f"{A},{B},{TIME},{k},{d}\n" for k in ("x", "", "y") for d in ("no", "", " no "))
    )
    assert (found.batch.column("line").to_pylist(), found.skipped["row-left-out"]) == ([3, 6], 7)


def test_several_recipients_and_their_own_outcomes():
    feed = csv_feed(
        'a = "a"\nb = { column = "b", split = ";" }\nstart = "t"\nanswered = { column = "s", split = ";", values = { ok = true, no = false } }\n',
        kind="email",
    )
    found = read(
        feed,
        f"a,b,t,s\nn@x.example,p@x.example; q@x.example;,{TIME},ok;no\nn@x.example,p@x.example;q@x.example,{TIME},ok\n"
        f"n@x.example,,{TIME},\nn@x.example,p@x.example;x,{TIME},no;no\n",
    )
    assert told(found, "b_text", "answered", "line") == [
        ("p@x.example", True, 2),
        ("q@x.example", False, 2),
        ("p@x.example", False, 5),
    ]
    assert list(zip(found.rejects.lines.tolist(), reasons(found), strict=True)) == [
        (3, "bad-record"),
        (4, "no-b-number"),
        (5, "not-an-address"),
    ]


def test_words_that_a_feed_does_not_name():
    feed = csv_feed(PLAIN + 'answered = { column = "s", values = { ok = true, later = "unknown" }, others = false }\n')
    assert told(read(feed, "a,b,t,s\n" + "".join(f"{A},{B},{TIME},{s}\n" for s in ("ok", "later", "x", ""))), "answered") == [
        (True,), (None,), (False,), (None,),
    ]  # fmt: skip


# -- paths ---------------------------------------------------------------------------------------------------------------

leaf = st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2)
objects = st.fixed_dictionaries(
    {},
    optional={
        "m": st.dictionaries(
            st.sampled_from(["s", "l"]),
            leaf | st.lists(leaf | st.fixed_dictionaries({"e": leaf}), max_size=3),
            max_size=2,
        )
        | leaf,
        "x": leaf,
    },
)
PATHS = ["$.m.s", "$.m.l[*]", "$.m.l[1]", "$.m.l[*].e", "$['x']", "x"]


@FEW
@given(st.lists(objects, min_size=1, max_size=5), st.sets(st.sampled_from(PATHS), min_size=1, max_size=2))
@example([{"m": {"l": False}}, {"m": {"l": [{"e": "a"}]}}], {"$.m.l[*]"})
@example([{"m": {"l": "a"}}], {"$.m.l[*]", "$.m.l[1]"})
def test_paths_give_what_one_would_find_by_hand(found, paths):
    lines = pl.Series([json.dumps(one) for one in found])
    wanted = [jsonl.steps_of(path, "x") for path in sorted(paths)]
    fast = jsonl._decode(lines, wanted)
    for steps in wanted:
        slow = [jsonl._value(jsonl._object(line), steps) for line in lines.to_list()]
        got = fast[steps].to_list()
        for one, other in zip(got, slow, strict=True):
            assert ([v or "" for v in one or []] if -1 in steps else one or "") == (
                [v or "" for v in other or []] if -1 in steps else other or ""
            )


@pytest.mark.parametrize("text", ["$", "$.", "$x", "$.a[", "$.a[x]", "$.a[*].b[*]", "$[0]", "$.a b[", "$..a"])
def test_what_is_no_path_is_refused(text):
    with pytest.raises(MalformedInput, match="path"):
        parse_path(text, "x")
    assert parse_path("$.a['b.c'][0][*].d", "x") == ("a", "b.c", 0, -1, "d")


# -- joining -------------------------------------------------------------------------------------------------------------

legs = st.lists(
    st.tuples(
        st.sampled_from(["k1", "k2", "", "0"]), st.integers(0, 3), st.sampled_from([A, C]), st.sampled_from([B, D]),
        st.integers(0, 3), st.sampled_from(["ok", "no", ""]),
    ),
    max_size=10,
)  # fmt: skip


def joined(rule, found):
    """The same by hand: first leg's caller, answered leg's called and talk."""
    groups = defaultdict(list)
    for number, leg in enumerate(found):
        groups[leg[0] if leg[0].strip("0") else f"alone {number}"].append((leg[1], number, *leg[2:]))
    calls = []
    for group in groups.values():
        in_order = sorted(group)
        start, number, a, b, seconds = in_order[0][:5]
        forwarded = ""
        talked = [leg for leg in in_order if leg[5] == "ok"]
        if len(group) > 1 and talked:
            by = talked[0][3]
            seconds = {
                "answered": talked[0][4],
                "sum": sum(leg[4] for leg in talked),
                "longest": max(leg[4] for leg in talked),
            }[rule[1]]
            forwarded = by if rule[0] == "forwarded" and by != b else ""
            b = by if rule[0] == "answered" else b
        words = {leg[5] for leg in group} - {""}
        answered = ("ok" in words) if words else None
        calls.append((number + 2, start, a, b, forwarded, seconds, answered))
    return sorted(calls)


@FEW
@given(
    legs,
    st.sampled_from(["answered", "first", "forwarded"]),
    st.sampled_from(["answered", "sum", "longest"]),
    st.integers(1, 200),
)
@example([("k1", 1, A, B, 1, "no"), ("k1", 0, C, D, 2, "ok"), ("k1", 2, A, B, 3, "ok")], "forwarded", "sum", 7)
def test_rows_of_one_key_are_one_call_however_the_file_is_cut(found, called, duration, size):
    feed = csv_feed(
        PLAIN + 'duration_s = "s"\nanswered = { column = "w", values = { ok = true, no = false } }\n',
        more=f'[join]\nkey = "k"\ncalled = "{called}"\nduration = "{duration}"\n',
    )
    text = "k,t,a,b,s,w\n" + "".join(f"{k},2026-03-02 10:00:0{t},{a},{b},{s},{w}\n" for k, t, a, b, s, w in found)
    reader = JoinedReader(feed, WINDOW, csv.bind_head)
    results = [one for piece in pieces(0, text.encode(), size, is_lines=True) for one in reader.take(piece)]
    results += [*reader.end_file(0), *reader.finish()]
    rows = [row for one in results for row in one.parsed.batch.to_pylist()]
    got = sorted(
        (row["line"], row["start"].second, f"+{row['a_number']}", f"+{row['b_number']}", f"+{row['f_number']}" if row["f_type"] else "", row["duration_s"], row["answered"])
        for row in rows
    )  # fmt: skip
    assert got == joined((called, duration), found)
    assert sum(one.parsed.read for one in results) == len(found)


def test_a_call_and_a_text_of_one_key_are_two_and_a_key_that_cannot_be_read_joins_nothing():
    feed = csv_feed(PLAIN, more='[join]\nkey = ["k", "l"]\n')
    reader = JoinedReader(feed, WINDOW, csv.bind_head)
    raw = b"k,l,a,b,t\n" + b"".join(
        f"{k},{A},{B},{TIME}\n".encode("latin-1") for k in ("x,yz", "xy,z", "é,1", "è,1", "x,yz")
    )
    found = [one for piece in pieces(0, raw, 1 << 20, is_lines=True) for one in reader.take(piece)]
    found += [*reader.end_file(0), *reader.finish()]
    assert sum(one.parsed.batch.num_rows for one in found) == 4
    assert sum(one.parsed.merged["leg"] for one in found) == 1


# -- Parquet -------------------------------------------------------------------------------------------------------------

nested = st.lists(
    st.fixed_dictionaries(
        {
            "m": st.none()
            | st.fixed_dictionaries({"s": st.none() | st.sampled_from(["n@x.example", "<o@x.example>"])}),
            "to": st.none()
            | st.lists(
                st.fixed_dictionaries({"e": st.none() | st.sampled_from(["p@x.example", "q@x.example", "x"])}),
                max_size=3,
            ),
            "t": st.sampled_from(["2026-03-02 10:00:00", "2026-03-02 10:00:01"]),
            "k": st.sampled_from(["1", "2", ""]),
        }
    ),
    min_size=1,
    max_size=6,
)
SHAPE = pa.schema([
    ("m", pa.struct([("s", pa.string())])),
    ("to", pa.list_(pa.struct([("e", pa.string())]))),
    ("t", pa.string()),
    ("k", pa.string()),
])  # fmt: skip


@FEW
@given(nested, st.sampled_from(["$.to[*].e", "$.to[1].e"]), st.booleans())
@example([{"m": None, "to": [{"e": "p@x.example"}, {"e": None}], "t": TIME, "k": "1"}] * 2, "$.to[*].e", True)
def test_parquet_and_json_lines_of_the_same_records_are_read_the_same(found, path, is_joined):
    columns = f'date_format = "%Y-%m-%d %H:%M:%S"\n[columns]\na = "$.m.s"\nb = "{path}"\nstart = "t"\n'
    more = '[join]\nkey = "k"\nby_recipient = true\n' if is_joined else ""
    head = HEAD.replace("call", "email")
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(found, schema=SHAPE), file)
    reader = format_named("parquet").open(parse_feed(f"{head}[parquet]\n{columns}{more}", "feed"), WINDOW)
    by_parquet = [*reader.take(Piece(file=0, data=file.getvalue(), first=0)), *reader.end_file(0), *reader.finish()]
    feed = parse_feed(f"{head}[jsonl]\n{columns}{more}", "feed")
    data = b"".join(json.dumps(one).encode() + b"\n" for one in found)
    if is_joined:
        joined_reader = JoinedReader(feed, WINDOW, jsonl.bind_feed)
        by_json = [
            *joined_reader.take(Piece(file=0, data=data, first=1)),
            *joined_reader.end_file(0),
            *joined_reader.finish(),
        ]
    else:
        parsed = jsonl.bind_feed(feed, data, "file").read(data, first_line=1, window=WINDOW)
        by_json = [Found(file=0, parsed=parsed)]
    assert outcome(by_parquet) == outcome(by_json)


def outcome(found):
    rows = sorted((tuple(row.items()) for one in found for row in one.parsed.batch.to_pylist()), key=repr)
    rejects = sorted(
        (line, reason)
        for one in found
        for line, reason in zip(one.parsed.rejects.lines.tolist(), one.parsed.rejects.reasons.tolist(), strict=True)
    )
    return rows, rejects, sum(one.parsed.merged.total() for one in found)


def test_a_path_that_is_not_there_is_refused_with_the_type_that_is():
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([{"m": {"s": "x"}, "to": [], "t": TIME, "k": ""}], schema=SHAPE), file)
    for path, message in (
        ("$.m.x", "no such path"),
        ("$.t[*]", "no such path"),
        ("$.m", "holds values of type struct"),
        ("$.y.s", "no column 'y'"),
    ):
        text = f'{HEAD}[parquet]\n[columns]\na = "t"\nb = "{path}"\nstart = "t"\n'
        reader = format_named("parquet").open(parse_feed(text, "feed"), WINDOW)
        reader.take(Piece(file=0, data=file.getvalue(), first=0))
        with pytest.raises(MalformedInput, match=message):
            reader.end_file(0)


# -- anything at all -----------------------------------------------------------------------------------------------------

WILD = (
    HEAD.replace('kind = "call"\n', 'kind = { column = "k", values = { c = "call", m = "email" } }\n')
    + '[csv]\nheader = true\nencoding = "cp1252"\ncomment = "#"\nquote = "\'"\nragged = true\ndate_format = ["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %I:%M %p"]\n'
    'duration_format = ["m:s", "h:m:s"]\n[columns]\na = { first = ["a", "a2"], before = "/" }\nb = { column = "b", split = ";", after = "=" }\nstart = ["t", "u"]\n'
    'end = ["t", "e"]\ntime_zone = { column = "z", values = { P = "Europe/Paris" } }\nforwarded = "f"\n'
    'direction = { column = "d", values = { i = "in", o = "out" } }\nanswered = { column = "w", split = ";", values = { y = true }, others = "unknown" }\n'
    '[rows]\ndrop = [{ column = "w", values = ["x"] }]\n'
)
COLUMNS = "k,a,a2,b,t,u,e,z,f,d,w"
good = st.sampled_from([
    f"c,{A},,{B},2026-03-02,10:00:00,10:01:00,P,,i,y",
    "m,,n@x.example,p@x.example;q@x.example,2026-03-02,10:00:00,,P,,o,y;n",
    f"c,{A}/7,,x={B},02.03.2026,01:00 PM,01:05 PM,+05:30,{C},o,x",
    f"'c','{A}','{B}','{B}','2026-03-02','02:30:00',,Asia/Kolkata,,i",
])  # fmt: skip
wild = st.one_of(good, st.text("cm,;'\r\"#+3612=/ é", max_size=40), st.just("")).map(
    lambda line: line.encode("cp1252", "replace")
)


@FEW
@given(st.lists(wild, max_size=8), st.integers(0, 8))
def test_under_all_options_at_once_no_line_is_lost_and_a_cut_changes_nothing(found, cut):
    feed = parse_feed(WILD, "feed")
    bound = csv.bind_head(feed, COLUMNS.encode(), "file")
    whole = bound.read(b"".join(line + b"\n" for line in found), first_line=2, window=WINDOW)
    parts = [
        bound.read(b"".join(line + b"\n" for line in found[:cut]), first_line=2, window=WINDOW),
        bound.read(b"".join(line + b"\n" for line in found[cut:]), first_line=cut + 2, window=WINDOW),
    ]
    assert whole.batch.to_pylist() == [row for part in parts for row in part.batch.to_pylist()]
    assert whole.rejects.lines.tolist() == [line for part in parts for line in part.rejects.lines.tolist()]
    lines = set(whole.batch.column("line").to_pylist()) | set(whole.rejects.lines.tolist())
    assert lines <= set(range(2, len(found) + 2))
    assert len(lines) + whole.skipped.total() == len(found)


@FEW
@given(st.lists(st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b"").replace(b"\0", b"")), max_size=6))
def test_any_bytes_as_json_lines_under_paths_lose_no_line(found):
    text = HEAD + '[jsonl]\ndate_format = "epoch"\n[columns]\na = "$.a.b"\nb = "$.c[*].d"\nstart = "t"\n'
    first = json.dumps({"a": {"b": A}, "c": [{"d": B}, {"d": C}], "t": 1772445600}).encode()
    bound = format_named("jsonl").bind(parse_feed(text, "feed"), first, "file")
    parsed = bound.read(b"\n".join([first, *found]), first_line=1, window=WINDOW)
    told_lines = set(parsed.batch.column("line").to_pylist()) | set(parsed.rejects.lines.tolist())
    assert {1} <= told_lines <= set(range(1, len(found) + 2))
    assert len(told_lines) + parsed.skipped.total() == len(found) + 1 - (not found[-1] if found else 0)


# -- the feed file -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "columns", "more", "message"),
    [
        ('encoding = "ebcdic"', PLAIN, "", "encoding: expected one of"),
        ("quote = \"'\"\ndelimiter = \"'\"", PLAIN, "", "quote: expected another character"),
        ('quote = "x"', PLAIN, "", "quote: expected one of"),
        ("skip_lines = -1", PLAIN, "", "skip_lines: expected 0 to"),
        ('date_format = "%d.%m.%Y %Z"', PLAIN, "", "%Z: a zone's short name"),
        ('duration_format = ["m:s", "h:m"]', PLAIN, "", "two of them can mean the same"),
        ('duration_format = "min"', PLAIN, "", "duration_format: expected one or a list"),
        ("", 'b = "b"\n', "", "start: missing"),
        ("", 'a = "a"\nstart = "t"\n', "", "b: missing"),
        ("", PLAIN + 'end = "e"\nduration_s = "s"\n', "", "end: with duration_s too"),
        ("", PLAIN + 'direction = { column = "d", values = { x = "up" } }\n', "", 'expected words of the file on the left, "in" or "out"'),
        ("", 'b = "b"\nstart = "t"\ndirection = { column = "d", values = { x = "in" } }\n', "", "direction: without a"),
        ("", PLAIN + 'time_zone = { column = "z", values = { IST = "IST" } }\n', "", "a name like Europe/Paris"),
        ('date_format = "epoch"', PLAIN + 'time_zone = "z"\n', "", "time_zone: with a date_format that says the offset"),
        ("", PLAIN + 'answered = { column = "w", values = { x = "maybe" } }\n', "", 'true, false or "unknown"'),
        ("", PLAIN + 'forwarded = { column = "f", split = ";" }\n', "", "split: unknown key"),
        ("", PLAIN, "[rows]\n", "expected keep or drop"),
        ("", PLAIN, '[rows]\nkeep = [{ column = "k" }]\n', "values: missing"),
        ("", PLAIN, "[join]\nkey = []\n", "key: expected at least one column"),
        ("", PLAIN, '[join]\nkey = "k"\ncalled = "last"\n', "called: expected one of"),
        ("", PLAIN, '[joins]\nkey = "k"\n', "joins: unknown key"),
    ],
)  # fmt: skip
def test_a_feed_that_says_what_cannot_be_is_refused(own, columns, more, message):
    with pytest.raises(MalformedInput, match=message):
        csv_feed(columns, own=own, more=more)


def test_the_mapping_says_itself_whether_it_asks_for_more_than_columns_times_and_seconds():
    assert csv_feed(PLAIN + 'duration_s = "s"\nanswered = "w"\n').mapping.is_plain
    for own, columns, more in (
        ('encoding = "cp1252"', PLAIN, ""),
        ("ragged = true", PLAIN, ""),
        ('duration_format = "ms"', PLAIN, ""),
        ("", PLAIN + 'time_zone = "z"\n', ""),
        ("", 'b = "b"\nstart = "t"\n', ""),
        ("", PLAIN, '[join]\nkey = "k"\n'),
        ("", PLAIN, '[rows]\ndrop = [{ column = "k", values = ["x"] }]\n'),
    ):
        assert not csv_feed(columns, own=own, more=more).mapping.is_plain


def test_groups_of_equal_hashes_are_told_apart(monkeypatch):
    monkeypatch.setattr(pl.Series, "hash", lambda self: pl.Series(np.zeros(len(self), np.uint64)))
    test_a_call_and_a_text_of_one_key_are_two_and_a_key_that_cannot_be_read_joins_nothing()


# -- bounds --------------------------------------------------------------------------------------------------------------


def peak_mib(work):
    """What ``work`` holds at most in Arrow's and Python's memory."""
    before = pa.default_memory_pool()
    own = pa.proxy_memory_pool(before)  # the pool itself remembers the most of every test before this one
    pa.set_memory_pool(own)
    tracemalloc.start()
    try:
        work()
        return (tracemalloc.get_traced_memory()[1] + own.max_memory()) / 2**20
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)


def test_many_recipients_of_a_long_line_are_read_in_parts():
    """3,000 recipients repeat a subject-like sender of 40,000 bytes: 120 MB a line, of which only parts are held."""
    feed = csv_feed('a = "a"\nb = { column = "b", split = ";" }\nstart = "t"\n', kind="email")
    line = f"{'x' * 9_000},{';'.join(f'p{n}@x.example' for n in range(900))},{TIME}\n"
    found = read(feed, "a,b,t\n" + f"n@x.example,p@x.example;q@x.example,{TIME}\n" + line * 20)
    assert told(found, "b_text", "line") == [("p@x.example", 2), ("q@x.example", 2)]
    assert set(reasons(found)) == {"not-an-address"}
    assert len(found.rejects.lines) == 20 * 900


def test_a_line_that_would_unfold_without_bound_is_one_reject():
    feed = csv_feed('a = "a"\nb = { column = "b", split = ";" }\nstart = "t"\n', kind="email")
    line = f"{'x' * 30_000},{';' * 30_000}b,{TIME}\n"
    found = read(feed, "a,b,t\n" + line * 3 + f"n@x.example,p@x.example,{TIME}\n")
    assert reasons(found) == ["row-too-long"] * 3
    assert told(found, "line") == [(5,)]


def test_short_lines_that_are_filled_up_take_bounded_memory():
    columns = ",".join(f"c{n}" for n in range(990))
    feed = csv_feed('a = "c0"\nb = "c1"\nstart = "c989"\n', own="ragged = true")
    bound = csv.bind_head(feed, columns.encode(), "file")
    data = b"x\n" * 100_000
    assert peak_mib(lambda: bound.read(data, first_line=2, window=WINDOW)) < 600
