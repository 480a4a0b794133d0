"""No type of column of a Parquet file ends in a traceback: each value is read, rejected, or the file refused in words."""

import datetime as dt
import decimal
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coffer.errors import MalformedInput
from coffer.records.draft import Window
from coffer.records.feed import parse_feed
from coffer.records.readers.mapped import typed
from coffer.records.readers.mapped.parquet import ParquetReader
from coffer.records.readers.port import Piece
from coffer.records.rejects import Reason

WINDOW = Window(earliest=dt.datetime(1, 1, 1, tzinfo=dt.UTC), latest=dt.datetime(9999, 1, 1, tzinfo=dt.UTC))
FEED = """
[feed]
name = "pq"
format = "parquet"
home_country = "FR"
time_zone = "Europe/Paris"
keep = ["cell", "imei"]
kind = "call"
[parquet]
date_format = "epoch"
[columns]
a = "a"
b = "b"
start = "start"
duration_s = "duration_s"
answered = "answered"
forwarded = "forwarded"
a_imei = "a_imei"
"""
GOOD = {
    "a": pa.array(["+33612345678"] * 2),
    "b": pa.array(["+33698765432"] * 2),
    "start": pa.array([1472724000] * 2),
    "duration_s": pa.array([60] * 2),
    "answered": pa.array(["yes"] * 2),
    "forwarded": pa.array(["", ""]),
    "a_imei": pa.array(["", ""]),
}


def packed(columns):
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def read(raw, text=FEED):
    reader = ParquetReader(parse_feed(text, "feed.toml"), WINDOW)
    reader.take(Piece(file=0, data=raw, first=0))
    found = [*reader.end_file(0), *reader.finish()]
    rows = [row for one in found for row in one.parsed.batch.to_pylist()]
    rejects = [Reason(int(reason)) for one in found for reason in one.parsed.rejects.reasons]
    assert sum(one.parsed.read for one in found) == len(rows) + len(rejects)
    return rows, rejects


def with_column(name, values):
    return read(packed(GOOD | {name: values}))


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("a", pa.array([b"\xff\xfe", b"+33612345678"]), Reason.NOT_UTF8),
        ("a", pa.array([b"\xff" * 12, b"+33612345678"], pa.binary(12)), Reason.NOT_UTF8),
        ("a", pa.array(["9" * 5000, "+33612345678"]), Reason.ROW_TOO_LONG),
        ("a", pa.array([1472724000, None], pa.timestamp("s")), Reason.NOT_A_NUMBER),
        ("start", pa.array([2**62, 1472724000 * 10**6], pa.timestamp("us")), Reason.BAD_TIME),
        ("start", pa.array([2**52, 1472724000], pa.timestamp("s")), Reason.BAD_TIME),
        ("start", pa.array([-(2**63), 1472724000 * 10**3], pa.timestamp("ms", tz="UTC")), Reason.BAD_TIME),
        ("start", pa.array([None, 1472724000 * 10**3], pa.timestamp("ms")), Reason.BAD_TIME),
        ("start", pa.array([None, "1472724000"]).dictionary_encode(), Reason.BAD_TIME),
        ("start", pa.array([float("nan"), 1472724000.0]), Reason.BAD_TIME),
        ("duration_s", pa.array([float("inf"), 60.0]), Reason.BAD_DURATION),
        ("duration_s", pa.array([-60, 60], pa.duration("s")), Reason.BAD_DURATION),
        ("answered", pa.array([3, 1]), Reason.BAD_ANSWERED),
    ],
)
def test_a_value_that_cannot_be_read_is_one_reject_and_the_other_row_is_kept(name, values, reason):
    rows, rejects = with_column(name, values)
    assert (len(rows), rejects) == (1, [reason])


@pytest.mark.parametrize(
    ("name", "values", "field", "expected"),
    [
        ("a", pa.array([33612345678.0, None]), "a_number", 33612345678),
        ("a", pa.array([33612345678, None]), "a_number", 33612345678),
        ("a", pa.array([decimal.Decimal(33612345678), None], pa.decimal256(50)), "a_number", 33612345678),
        ("a", pa.array([decimal.Decimal("33612345678.00"), None], pa.decimal128(20, 2)), "a_number", 33612345678),
        ("a", pa.array([b"+33612345678", None], pa.binary(12)), "a_number", 33612345678),
        ("a", pa.array(["+33612345678", None], pa.large_string()), "a_number", 33612345678),
        ("a", pa.array(["+33612345678", None]).dictionary_encode(), "a_number", 33612345678),
        ("duration_s", pa.array([61_500, 0], pa.duration("ms")), "duration_s", 61),
        ("duration_s", pa.array([61.5, 0.0], pa.float32()), "duration_s", 61),
        ("duration_s", pa.array([61.0, 0.0], pa.float16()), "duration_s", 61),
        ("duration_s", pa.array([None, None], pa.null()), "duration_s", None),
        ("forwarded", pa.array([None, None], pa.null()), "f_type", 0),
        ("answered", pa.array([True, False]), "answered", True),
        ("start", pa.array([1472724000.0, 1472724000.0]), "start", dt.datetime(2016, 9, 1, 10, tzinfo=dt.UTC)),
        ("start", pa.array([1472724000 * 10**9] * 2, pa.timestamp("ns", tz="Mars/Phobos")), "start",
         dt.datetime(2016, 9, 1, 10, tzinfo=dt.UTC)),
        ("start", pa.array([1472724000 * 10**9] * 2, pa.timestamp("ns")), "start", dt.datetime(2016, 9, 1, 8, tzinfo=dt.UTC)),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_what_it_says(name, values, field, expected):
    rows, rejects = with_column(name, values)
    assert (rows[0][field], len(rows), rejects) == (expected, 2, [])


NAN, INF = float("nan"), float("inf")
LOCAL = FEED.replace("[parquet]", "local_identities = true\n[parquet]")


@pytest.mark.parametrize(
    ("name", "expected"), [("a", ("a_type", 0)), ("forwarded", ("f_type", 0)), ("duration_s", ("duration_s", None)), ("answered", ("answered", None))]
)  # fmt: skip
@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_nan_is_no_value(name, expected, kind):
    rows, rejects = read(packed(GOOD | {name: pa.array([NAN, NAN], kind)}), LOCAL)
    assert ([row[expected[0]] for row in rows], rejects) == ([expected[1]] * 2, [])


@pytest.mark.parametrize("value", [INF, -INF])
def test_infinity_is_nobody_though_local_identities_are_kept(value):
    for name, kept in (("a", 1), ("b", 1), ("forwarded", 2)):
        rows, rejects = read(packed(GOOD | {name: pa.array([value, 33611111111.0])}), LOCAL)
        assert (len(rows), rejects) == (kept, [Reason.NOT_A_NUMBER] * (2 - kept))
        assert {row[f"{party}_type"] for row in rows for party in "abf"} <= {0, 1}


@pytest.mark.parametrize(("keys", "kept"), [((NAN, NAN), 2), ((INF, INF), 2), ((0.0, -0.0), 2), ((7.0, 7.0), 1)])
def test_number_that_is_none_is_no_key(keys, kept):
    text = LOCAL + '[join]\nkey = "k"\n'
    reader = ParquetReader(parse_feed(text, "feed.toml"), WINDOW)
    reader.take(Piece(file=0, data=packed(GOOD | {"k": pa.array(keys)}), first=0))
    assert sum(one.parsed.batch.num_rows for one in [*reader.end_file(0), *reader.finish()]) == kept


@pytest.mark.parametrize(
    "values",
    [
        pa.array([["+33612345678"], []]),
        pa.array([{"x": 1}, None]),
        pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())),
        pa.array([b"x" * 5000, b"y" * 5000], pa.binary(5000)),
    ],
)
def test_a_column_that_holds_no_single_values_is_refused_in_words(values):
    with pytest.raises(MalformedInput, match="column for a: holds values of type"):
        with_column("a", values)


def scalars():
    integers = st.integers(-(2**31), 2**31 - 1)
    return st.one_of(
        st.tuples(st.sampled_from([pa.string(), pa.large_string()]), st.text(max_size=20)),
        st.tuples(st.sampled_from([pa.binary(), pa.large_binary()]), st.binary(max_size=20)),
        st.tuples(st.just(pa.binary(4)), st.binary(min_size=4, max_size=4)),
        st.tuples(st.sampled_from([pa.int8(), pa.uint8()]), st.integers(0, 127)),
        st.tuples(st.sampled_from([pa.int32(), pa.int64(), pa.date32(), pa.time32("s")]), st.integers(0, 86_399)),
        st.tuples(st.sampled_from([pa.uint64(), pa.time64("us"), pa.time64("ns")]), st.integers(0, 86_399_999_999)),
        st.tuples(st.sampled_from([pa.float32(), pa.float64()]), st.floats(width=32)),
        st.tuples(st.just(pa.bool_()), st.booleans()),
        st.tuples(
            st.sampled_from([pa.timestamp(u, tz) for u in ("s", "ms", "us", "ns") for tz in (None, "UTC", "+25:99", "x")]),
            st.integers(-(2**63), 2**63 - 1),
        ),
        st.tuples(st.sampled_from([pa.duration(u) for u in ("s", "ms", "us", "ns")]), st.integers(-(2**63), 2**63 - 1)),
        st.tuples(st.just(pa.date64()), integers.map(lambda day: day * 86_400_000)),
        st.tuples(
            st.sampled_from([pa.decimal128(20, 2), pa.decimal256(60, 2)]),
            st.decimals(-(10**9), 10**9, places=2, allow_nan=False),
        ),
    )  # fmt: skip


def arrays():
    def build(item):
        kind, value = item
        if (
            pa.types.is_timestamp(kind)
            or pa.types.is_duration(kind)
            or pa.types.is_time(kind)
            or pa.types.is_date(kind)
        ):
            plain = pa.array([value, None], pa.int32() if kind.bit_width == 32 else pa.int64())
            return plain.view(kind)
        return pa.array([value, None], kind)

    return st.tuples(scalars().map(build), st.booleans()).map(
        lambda pair: pair[0].dictionary_encode() if pair[1] and not pa.types.is_null(pair[0].type) else pair[0]
    )


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(GOOD)), arrays())
def test_any_column_of_single_values_is_read_or_rejected_row_by_row(name, values):
    try:
        raw = packed(GOOD | {name: values})
    except (pa.ArrowException, OSError):
        return  # a column that Parquet itself cannot hold
    rows, rejects = with_column(name, values) if raw else ([], [])
    assert len(rows) + len(rejects) == 2


@settings(max_examples=60, deadline=None)
@given(arrays())
def test_any_array_has_a_text_for_each_value_as_dictionary_and_in_runs(values):
    found = typed.text_of(values)
    assert len(found.values) == len(found.is_long) == len(found.is_unreadable) == 2
    assert found.values.null_count == 0
    if not pa.types.is_dictionary(values.type):
        runs = pa.RunEndEncodedArray.from_arrays(pa.array([1, 2], pa.int32()), values)
        assert typed.text_of(runs).values.equals(found.values)
        assert np.array_equal(typed.text_of(values.dictionary_encode()).is_long, found.is_long)
