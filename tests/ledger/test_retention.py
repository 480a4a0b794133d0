"""When a day is over: the one rule, on each side of its boundary."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffer.ledger.retention import Retention, is_past, oldest_kept

TODAY = dt.date(2016, 9, 6)


@pytest.mark.parametrize(
    ("day", "is_over"),
    [("2016-08-31", True), ("2016-09-01", True), ("2016-09-02", False), ("2016-09-06", False), ("2016-09-07", False)],
)
def test_day_that_is_kept_for_five_days_is_over_on_the_fifth_day_after_it(day, is_over):
    assert is_past(dt.date.fromisoformat(day), 5, TODAY) is is_over
    assert oldest_kept(5, TODAY) == dt.date(2016, 9, 2)


def test_day_that_is_kept_for_one_day_is_over_on_the_next():
    assert oldest_kept(1, TODAY) == TODAY
    assert not is_past(TODAY, 1, TODAY)
    assert is_past(TODAY - dt.timedelta(days=1), 1, TODAY)


@given(st.dates(), st.integers(1, 36_500), st.dates())
def test_rule_counts_whole_days_from_the_days_midnight(day, days, today):
    assert is_past(day, days, today) == ((today - day).days >= days)


@given(st.datetimes(timezones=st.just(dt.UTC)), st.integers(0, 3_000), st.integers(1, 2_000))
def test_date_of_an_instant_decides_as_the_instant_would(now, age, days):
    day = max(dt.date.min + dt.timedelta(days=3_000), now.date()) - dt.timedelta(days=age)
    elapsed = now - dt.datetime.combine(day, dt.time(), dt.UTC)
    assert is_past(day, days, now.date()) == (elapsed >= dt.timedelta(days=days))


def test_day_with_segments_is_kept_as_promised_and_another_as_the_roster_in_force_says():
    promised, other = dt.date(2016, 9, 1), dt.date(2016, 9, 2)
    retention = Retention(promised={promised: 6}, otherwise=4)
    assert [retention.days(day) for day in (promised, other)] == [6, 4]
    assert [retention.is_over(day, TODAY) for day in (promised, other)] == [False, True]
    assert [retention.is_over(day, TODAY + dt.timedelta(days=1)) for day in (promised, other)] == [True, True]
