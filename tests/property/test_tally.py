"""The tally: every record is counted once, whichever way batches are merged, and noise changes no name, type or domain."""

from collections import Counter
from decimal import Decimal

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from coffer.identity.numbering import plans
from coffer.tally.exact import BUCKETS, CLASSES, MEASURES, Counted, count
from coffer.tally.release import format_table, parse_table, release

FEW = settings(max_examples=40, deadline=None)
HOME = plans().country_names.index("FR")
records = st.lists(
    st.tuples(
        st.integers(1_472_688_000, 1_472_688_000 + 3 * 86_400 - 1),
        st.integers(1, 3),
        st.sampled_from([-1, 0, 1, 59, 60, 299, 300, 1799, 1800, 2**31]),
        st.sampled_from([0, HOME, 1, 2]),
        st.sampled_from([0, HOME, 1, 2]),
    ),
    max_size=40,
)


def counted(rows):
    types = (np.int64, np.uint8, np.int64, np.uint16, np.uint16)
    start, kind, duration, origin, destination = (np.array([row[i] for row in rows], t) for i, t in enumerate(types))
    return Counted(start_s=start, kind=kind, duration_s=duration, origin=origin, destination=destination)


def bucket(duration):
    return None if duration < 0 else BUCKETS[sum(duration >= start for start in (1, 60, 300, 1800))]


def direction(origin, destination):
    if origin == HOME == destination:
        return "domestic"
    if origin == HOME and destination:
        return "outgoing"
    return "incoming" if destination == HOME and origin else "other"


@FEW
@given(records)
def test_counts_are_those_of_a_loop(rows):
    found = count(counted(rows), home=HOME)
    hours, countries = Counter(), Counter()
    for start, kind, duration, origin, destination in rows:
        for name in ("records", bucket(duration)):
            hours[start // 3600, kind, direction(origin, destination), name] += 1
            countries[start // 86_400, kind, origin, destination, name] += 1
    for row in found.hours.iter_rows(named=True):
        assert {name: row[name] for name in MEASURES} == {
            name: hours[row["hour"], row["kind"], CLASSES[row["class"]], name] for name in MEASURES
        }
    for row in found.countries.iter_rows(named=True):
        assert {name: row[name] for name in MEASURES} == {
            name: countries[row["day"], row["kind"], row["origin"], row["destination"], name] for name in MEASURES
        }
    known = sum(duration >= 0 for _, _, duration, _, _ in rows)
    for table in (found.hours, found.countries):
        assert int(table["records"].sum()) == len(rows)
        assert sum(int(table[name].sum()) for name in BUCKETS) == known


@FEW
@given(records, st.integers(0, 40))
def test_merged_parts_are_the_whole(rows, cut):
    whole, parts = (
        count(counted(rows), home=HOME),
        count(counted(rows[:cut]), home=HOME).merge(count(counted(rows[cut:]), home=HOME)),
    )
    assert whole.hours.equals(parts.hours)
    assert whole.countries.equals(parts.countries)


@settings(max_examples=8, deadline=None)
@given(records, st.sampled_from(["0.1", "10"]))
def test_noise_changes_neither_schema_nor_domain(rows, epsilon):
    exact = count(counted(rows), home=HOME)
    names = {"feed": "calls", "country_names": plans().country_names}
    plain, noisy = release(exact, epsilon=None, **names), release(exact, epsilon=Decimal(epsilon), **names)
    assert plain.hours.schema == noisy.hours.schema
    assert plain.countries.schema == noisy.countries.schema
    days = {row[0] // 86_400 for row in rows}
    assert noisy.hours.height == len(days) * 24 * len({row[1] for row in rows}) * len(CLASSES)
    assert set(plain.hours["hour"]) <= set(noisy.hours["hour"])
    keys = ["day", "kind", "feed", "origin", "destination"]
    assert noisy.countries.join(plain.countries, on=keys, how="anti").height == 0
    for table, value in ((plain.hours, None), (noisy.hours, Decimal(epsilon)), (noisy.countries, Decimal(epsilon))):
        again = parse_table(format_table(table, value))
        assert again.equals(table.with_columns(pl.col(column).cast(again.schema[column]) for column in again.columns))


def test_a_golden_of_six_records():
    """12:00 domestic 0 s and 60 s; 12:59:59 outgoing 1,800 s; 13:00 incoming, unknown duration; 13:00 text to nowhere; next day 59 s."""
    noon, other = 1_472_731_200, plans().country_names.index("IN")  # 2016-09-01T12:00:00Z
    rows = [
        (noon, 1, 0, HOME, HOME),
        (noon, 1, 60, HOME, HOME),
        (noon + 3599, 1, 1800, HOME, other),
        (noon + 3600, 1, -1, other, HOME),
        (noon + 3600, 2, -1, HOME, 0),
        (noon + 86_400, 1, 59, HOME, HOME),
    ]
    found = release(count(counted(rows), home=HOME), feed="calls", country_names=plans().country_names, epsilon=None)
    hours = [(f"{row[0]:%d %H}", row[1], row[3], *row[4:]) for row in found.hours.iter_rows()]
    assert hours == [
        ("01 12", "call", "domestic", 2, 1, 0, 1, 0, 0),
        ("01 12", "call", "outgoing", 1, 0, 0, 0, 0, 1),
        ("01 13", "call", "incoming", 1, 0, 0, 0, 0, 0),
        ("01 13", "text", "other", 1, 0, 0, 0, 0, 0),
        ("02 12", "call", "domestic", 1, 0, 1, 0, 0, 0),
    ]
    countries = [(str(row[0]), *row[1:6]) for row in found.countries.iter_rows()]
    assert countries == [
        ("2016-09-01", "call", "calls", "FR", "FR", 2),
        ("2016-09-01", "call", "calls", "FR", "IN", 1),
        ("2016-09-01", "call", "calls", "IN", "FR", 1),
        ("2016-09-01", "text", "calls", "FR", "--", 1),
        ("2016-09-02", "call", "calls", "FR", "FR", 1),
    ]
