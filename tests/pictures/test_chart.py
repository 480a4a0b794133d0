"""What a picture shows, worked out by hand, and what it refuses to show."""

import datetime as dt
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffer.errors import MalformedInput
from coffer.identity.numbering import plans
from coffer.tally.chart import (
    MOST_CLASSES,
    MOST_DAYS,
    DayCount,
    Partner,
    _peaks,
    axis_ticks,
    draw_up,
    scale_bounds,
    scale_class,
)
from coffer.tally.exact import Counted, count
from coffer.tally.release import release

NAMES = plans().country_names
THURSDAY = dt.date(2016, 9, 1)
SUNDAY = dt.date(2016, 9, 4)
CALL, TEXT = 1, 2
GOLDEN = [
    (1, CALL, "FR", "FR"),
    (1, CALL, "FR", "FR"),
    (1, CALL, "FR", "FR"),
    (1, CALL, "FR", "BE"),
    (1, CALL, "FR", "BE"),
    (1, TEXT, "IN", "FR"),
    (2, CALL, "FR", None),
    (2, CALL, "BE", "FR"),
    (3, CALL, "FR", "FR"),
    (3, CALL, "FR", "FR"),
    (3, CALL, "FR", "FR"),
    (3, CALL, "FR", "FR"),
    (3, CALL, "FR", "SG"),
    (3, CALL, "BE", "IN"),
]


def released(rows, epsilon=None):
    start = [1_472_688_000 + (day - 1) * 86_400 + 43_200 for day, *_ in rows]
    index = [[NAMES.index(row[column]) for row in rows] for column in (2, 3)]
    counted = Counted(
        start_s=np.array(start, np.int64),
        kind=np.array([row[1] for row in rows], np.uint8),
        duration_s=np.zeros(len(rows), np.int64),
        origin=np.array(index[0], np.uint16),
        destination=np.array(index[1], np.uint16),
    )
    exact = count(counted, home=NAMES.index("FR"))
    return release(exact, feed="calls", country_names=NAMES, epsilon=epsilon)


def chart_of(rows, *, first=THURSDAY, last=SUNDAY, country=None, epsilon=None):
    tables = released(rows, epsilon)
    return draw_up(tables.hours, tables.countries, first=first, last=last, country=country, epsilon=epsilon)


def partner(code, outgoing, incoming):
    return Partner(code=code, outgoing=outgoing, incoming=incoming, records=outgoing + incoming)


def test_a_golden_of_fourteen_records():
    """Days 3+2+1, 1+1, 4+1+1, none. Within France 3+4; Belgium 2 out, 1 in; India 1 in; Singapore 1 out; one to nowhere; one past France. 7+3+1+1+1+1=14."""
    chart = chart_of(GOLDEN)
    assert [(day.day.day, day.records, day.is_free) for day in chart.days] == [
        (1, 6, False),
        (2, 2, False),
        (3, 6, True),
        (4, None, True),
    ]
    assert (chart.total, chart.kinds, chart.home) == (14, ("call", "text"), "FR")
    assert (chart.domestic, chart.abroad, chart.unknown, chart.elsewhere, chart.unpublished) == (7, 5, 1, 1, 0)
    assert chart.partners == (partner("BE", 2, 1), partner("IN", 0, 1), partner("SG", 1, 0))
    assert (chart.total_noise_sd, chart.day_noise_sd, chart.threshold) == (0, 0, None)
    assert chart.peaks == (THURSDAY,)


def test_the_same_golden_for_one_country():
    """India: one text to France on the 1st, one call from Belgium on the 3rd; on the 2nd records were read in, none of them India's."""
    chart = chart_of(GOLDEN, country="IN")
    assert [day.records for day in chart.days] == [1, 0, 1, None]
    assert (chart.total, chart.home, chart.domestic) == (2, "IN", 0)
    assert chart.partners == (partner("BE", 0, 1), partner("FR", 1, 0))
    assert (chart.unknown, chart.elsewhere) == (0, 0)


def test_a_period_without_records_has_days_and_nothing_else():
    chart = chart_of(GOLDEN, first=dt.date(2017, 1, 1), last=dt.date(2017, 1, 2))
    assert [day.records for day in chart.days] == [None, None]
    assert (chart.total, chart.home, chart.partners, chart.peaks) == (0, None, (), ())


def test_noise_is_described_as_it_was_added():
    """Epsilon 2, scale 4/2. A day: 24 hours, 2 kinds, 4 classes, 192 cells; sqrt(2 192) 2 = 39.19. Three days: sqrt(2 576) 2 = 67.88."""
    chart = chart_of(GOLDEN, last=dt.date(2016, 9, 3), epsilon=Decimal(2))
    assert round(chart.day_noise_sd, 2) == 39.19
    assert round(chart.total_noise_sd, 2) == 67.88
    assert chart.threshold == 43  # 1 + 2 ln(10^9) = 42.4, rounded up
    assert chart.partners == ()


def test_what_is_too_small_to_release_is_told_apart_from_nothing():
    chart = chart_of(GOLDEN, country="IN", epsilon=Decimal(2))
    assert [day.records for day in chart.days] == [None] * 4
    assert (chart.total_noise_sd, chart.day_noise_sd, chart.unpublished) == (None, None, None)


def test_the_noisy_days_are_the_released_ones():
    tables = released([row for row in GOLDEN for _ in range(60)], Decimal(2))
    chart = draw_up(tables.hours, tables.countries, first=THURSDAY, last=SUNDAY, country=None, epsilon=tables.epsilon)
    by_day = {}
    for hour, records in tables.hours.select("hour", "records").iter_rows():
        by_day[hour.date()] = by_day.get(hour.date(), 0) + records
    assert [day.records for day in chart.days[:3]] == [max(0, by_day[day.day]) for day in chart.days[:3]]
    assert chart.total == sum(by_day.values())
    for found in chart.partners:
        cells = tables.countries.filter(
            ((tables.countries["origin"] == "FR") & (tables.countries["destination"] == found.code))
            | ((tables.countries["destination"] == "FR") & (tables.countries["origin"] == found.code))
        )
        assert found.records == cells["records"].sum()


def test_peaks_are_high_and_apart():
    """Median 30, so 45 and more; 69 on the 5th; 60 on the 7th is too near it; 50 on the 11th is a third of a week away from any."""
    counts = [30, 30, 10, 30, 69, 30, 60, 30, 30, 30, 50, 30]
    days = [DayCount(day=dt.date(2012, 12, i + 1), records=n, is_free=False) for i, n in enumerate(counts)]
    assert [day.day for day in _peaks(days)] == [5, 11]


@pytest.mark.parametrize(
    ("counts", "bounds"),
    [
        ([], ()),
        ([0], ()),
        ([5], (5, 7)),
        ([801, 3348], (700, 1000, 1500, 2000, 3000, 5000)),
        ([54, 2411], (50, 100, 200, 500, 1000, 2000, 5000)),
        ([9, 900_000], (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)),
        ([1, 3 * 10**9], (1, 10, 100, 1000, 10_000, 100_000, 10**10)),
    ],
)
def test_classes_of_the_map_are_round(counts, bounds):
    assert scale_bounds(counts) == bounds


@given(st.lists(st.integers(0, 10**12), max_size=20))
def test_every_count_has_one_class(counts):
    bounds = scale_bounds(counts)
    assert len(bounds) <= MOST_CLASSES + 1
    assert list(bounds) == sorted(set(bounds))
    for number in counts:
        found = scale_class(number, bounds)
        assert (found is None) == (number == 0)
        assert found is None or bounds[found] <= number < bounds[found + 1]


@given(st.integers(0, 10**12))
def test_axis_ticks_are_equal_steps_that_reach_the_top(highest):
    ticks = axis_ticks(highest)
    assert ticks[0] == 0
    assert ticks[-1] >= highest
    assert 4 <= len(ticks) - 1 <= 7
    assert len({high - low for low, high in pairwise(ticks)}) == 1


def test_more_days_than_a_picture_shows_are_refused_and_just_as_many_are_drawn():
    last = THURSDAY + dt.timedelta(days=MOST_DAYS - 1)
    assert len(chart_of(GOLDEN, last=last).days) == MOST_DAYS
    with pytest.raises(MalformedInput, match="a period of 1097 days, expected at most 1096"):
        chart_of(GOLDEN, last=last + dt.timedelta(days=1))


def test_days_in_the_wrong_order_are_refused():
    with pytest.raises(MalformedInput, match="--from: later than --to"):
        chart_of(GOLDEN, first=SUNDAY, last=THURSDAY)
