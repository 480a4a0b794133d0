"""Rows of one key that begin within some days are one event: against the same by hand."""

from collections import Counter

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coffer.records.mapping import JoinRule
from coffer.records.readers.mapped.joining import events_of

HOUR, DAY = 3_600, 86_400
rows = st.lists(st.tuples(st.sampled_from("kl"), st.integers(0, 400)), max_size=30)


@settings(max_examples=60, deadline=None)
@given(rows, st.integers(1, 6))
@example([("k", 0), ("k", 24), ("k", 25), ("l", 24), ("k", 49), ("k", 50)], 1)
def test_an_event_ends_some_days_after_its_first_row(found, days):
    legs = pl.DataFrame(
        {
            "key": pl.Series([key for key, _ in found], dtype=pl.String),
            "start": pl.Series([hour * HOUR * 1_000_000 for _, hour in found]).cast(pl.Datetime("us", "UTC")),
            "offset": pl.Series(range(len(found)), dtype=pl.Int64),
            "file": pl.Series([0] * len(found), dtype=pl.Int32),
            "kind": pl.Series([3] * len(found), dtype=pl.UInt8),
            "duration_s": pl.Series([None] * len(found), dtype=pl.Int64),
            "answered": pl.Series([None] * len(found), dtype=pl.Boolean),
            **{party: pl.Series([""] * len(found), dtype=pl.String) for party in "abf"},
            **{f"is_wrong_{party}": pl.Series([False] * len(found), dtype=pl.Boolean) for party in "ab"},
        }
    )
    events, merged = events_of(legs, rule=JoinRule(key=("k",), within_days=days), has_answered=True)
    first: dict[str, int] = {}
    expected = Counter()
    for key, hour in sorted(found):
        if key not in first or (hour - first[key]) * HOUR > days * DAY:
            first[key] = hour
            expected[hour] += 1
    assert Counter((events["start"].dt.epoch("s") // HOUR).to_list()) == expected
    assert len(events) + len(merged) == len(found)
