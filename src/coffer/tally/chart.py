"""The values that a picture shows, made from the released tables.

Promises: every number here is a sum of released cells, so nothing can be drawn that could not be stored.
``docs/formats/report.md`` says what each of them means.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from statistics import median
from typing import Final

import polars as pl

from coffer.errors import MalformedInput
from coffer.kinds import KIND_NAMES
from coffer.tally.exact import NOWHERE
from coffer.tally.release import ReleasedCount, noise_sd, release_threshold, shown

MOST_DAYS: Final = 1_096
"""Days of a picture: three years. A longer period is refused.

With more bars, each would be thinner than a pixel and a half.
"""
MOST_PEAKS: Final = 3
"""Days with a number above their bar. People would read more numbers as an axis."""
PEAK_REACH_DAYS: Final = 3
"""A peak is higher than every day this near, so that the numbers of two peaks do not overlap."""
PEAK_FRACTION: Final = 1.5
"""A peak is at least this many times the median of the days."""
MOST_CLASSES: Final = 6
"""Colours of the map. People cannot tell more of them apart in print."""
FREE_WEEKDAYS: Final = (5, 6)
FREE_DATES: Final = ((1, 1), (12, 25))
"""The dates that are shaded beside Saturdays and Sundays, because they are holidays in most countries.

Other holidays differ by country and are not guessed. The picture names the days that it shades.
"""
_LADDERS: Final = ((10, 15, 20, 30, 50, 70), (10, 20, 50), (10, 30), (10,))
"""Tenths of the round numbers of a decade, from fine to coarse.

The finest ladder with few enough classes is used.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCount:
    """One day. ``records``: None if no number was released, because nothing or too little was ingested."""

    day: dt.date
    records: ReleasedCount | None
    is_free: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """Records between the home country and another.

    ``code``: ISO 3166 alpha-2. ``outgoing``: from home to there. ``incoming``: from there to home. ``records``: both.
    """

    code: str
    outgoing: ReleasedCount
    incoming: ReleasedCount
    records: ReleasedCount


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a picture of a period shows.

    ``country``: the one that was asked for; None for all. ``kinds``: those that occur, in the order of their codes.
    ``total``, ``days``: every record of the period, or those that touch ``country``. ``total_noise_sd``,
    ``day_noise_sd``: the standard deviation, in records, of the noise in the total and in the number of a usual day; 0
    if exact. None if cells too small to release are missing, because no standard deviation describes that. ``peaks``:
    the days that get a number, ascending. ``home``: the country that the map is about; None if no country occurs.
    ``domestic``: records with both ends at home. ``partners``: those with most records first. ``unknown``: records with
    one end at home and the other without a country. ``elsewhere``: records with no end at home. ``unpublished``: how
    much the total exceeds all of these, which is about what lies in cells too small to release; 0 if exact, None for
    one country. ``threshold``: the fewest records of a released cell of a day, kind, feed and pair of countries; None
    if exact.
    """

    first: dt.date
    last: dt.date
    country: str | None
    epsilon: Decimal | None
    kinds: tuple[str, ...]
    total: ReleasedCount
    total_noise_sd: float | None
    day_noise_sd: float | None
    days: tuple[DayCount, ...]
    peaks: tuple[dt.date, ...]
    home: str | None
    domestic: ReleasedCount
    partners: tuple[Partner, ...]
    unknown: ReleasedCount
    elsewhere: ReleasedCount
    unpublished: ReleasedCount | None
    threshold: int | None

    @property
    def abroad(self) -> ReleasedCount:
        """Records between home and the countries shown."""
        return ReleasedCount(sum(partner.records for partner in self.partners))


def draw_up(
    hours: pl.DataFrame,
    countries: pl.DataFrame,
    *,
    first: dt.date,
    last: dt.date,
    country: str | None,
    epsilon: Decimal | None,
) -> Chart:
    """The chart of a period from released tables with the columns of ``docs/formats/tally.md``.

    Raises:
        MalformedInput: the days are in the wrong order, or more than ``MOST_DAYS``.
    """
    length = (last - first).days + 1
    if length < 1:
        raise MalformedInput("--from: later than --to")
    if length > MOST_DAYS:
        raise MalformedInput(f"--to: a period of {length} days, expected at most {MOST_DAYS} in a picture")
    hours = hours.with_columns(pl.col("hour").dt.date().alias("day")).filter(pl.col("day").is_between(first, last))
    countries = countries.filter(pl.col("day").is_between(first, last))
    if country is not None:
        countries = countries.filter((pl.col("origin") == country) | (pl.col("destination") == country))
    counted = hours if country is None else countries
    is_complete = country is None or epsilon is None
    days = _days(counted, hours if is_complete else counted, first=first, length=length)
    cells = counted.group_by("day").len("cells")["cells"].to_list()
    home = country or _home(countries)
    is_out, is_in = pl.col("origin").eq_missing(pl.lit(home)), pl.col("destination").eq_missing(pl.lit(home))
    return Chart(
        first=first,
        last=last,
        country=country,
        epsilon=epsilon,
        kinds=tuple(kind for kind in KIND_NAMES.values() if kind in set(counted["kind"])),
        total=shown(int(counted["records"].sum())),
        total_noise_sd=noise_sd(counted.height, epsilon) if is_complete else None,
        day_noise_sd=noise_sd(round(median(cells)) if cells else 0, epsilon) if is_complete else None,
        days=days,
        peaks=_peaks(days),
        home=home,
        domestic=_sum(countries, is_out & is_in),
        partners=_partners(countries, home),
        unknown=_sum(
            countries, (is_out & (pl.col("destination") == NOWHERE)) | (is_in & (pl.col("origin") == NOWHERE))
        ),
        elsewhere=_sum(countries, ~is_out & ~is_in),
        unpublished=shown(int(counted["records"].sum()) - int(countries["records"].sum())) if is_complete else None,
        threshold=None if epsilon is None else release_threshold(epsilon),
    )


def scale_bounds(counts: Sequence[ReleasedCount]) -> tuple[int, ...]:
    """Round numbers that cut the counts into classes, ascending.

    Class i goes from ``bounds[i]`` to below ``bounds[i + 1]``. There are at most ``MOST_CLASSES``, of nearly equal
    ratio, and none if every count is 0.
    """
    positive = [count for count in counts if count > 0]
    if not positive:
        return ()
    for ladder in _LADDERS:
        bounds = _bounds(ladder, low=min(positive), high=max(positive))
        if len(bounds) <= MOST_CLASSES + 1:
            return bounds
    return (*bounds[:MOST_CLASSES], bounds[-1])


def scale_class(count: ReleasedCount, bounds: Sequence[int]) -> int | None:
    """The class of ``scale_bounds`` that a count belongs to; None for 0."""
    return next((i for i, (low, high) in enumerate(pairwise(bounds)) if low <= count < high), None)


def axis_ticks(highest: ReleasedCount) -> tuple[int, ...]:
    """Round numbers from 0 to at least ``highest``.

    There are four to seven equal steps, each 1, 2 or 5 times a power of ten.
    """
    power = 1
    while True:
        for step in (power, 2 * power, 5 * power):
            if highest <= 6 * step:
                return tuple(range(0, step * max(4, -(-highest // step)) + 1, step))
        power *= 10


def _bounds(ladder: Sequence[int], *, low: int, high: int) -> tuple[int, ...]:
    tenths = [rung * 10**power for power in range(len(str(high)) + 1) for rung in ladder]
    rungs = [rung // 10 for rung in tenths if rung % 10 == 0]
    below = [rung for rung in rungs if rung <= low]
    above = next(rung for rung in rungs if rung > high)
    return (*(rung for rung in rungs if below[-1] <= rung < above), above)


def _days(counted: pl.DataFrame, ingested: pl.DataFrame, *, first: dt.date, length: int) -> tuple[DayCount, ...]:
    sums = dict(counted.group_by("day").agg(pl.col("records").sum()).iter_rows())
    known = set(ingested["day"])
    calendar = (first + dt.timedelta(days=n) for n in range(length))
    return tuple(
        DayCount(
            day=day,
            records=shown(sums.get(day, 0)) if day in known else None,
            is_free=day.weekday() in FREE_WEEKDAYS or (day.month, day.day) in FREE_DATES,
        )
        for day in calendar
    )


def _peaks(days: Sequence[DayCount]) -> tuple[dt.date, ...]:
    counts = [day.records or 0 for day in days]
    known = [day.records for day in days if day.records is not None]
    if not known or max(known) == 0:
        return ()
    least = PEAK_FRACTION * median(known)
    peaks = [
        i
        for i, count in enumerate(counts)
        if count >= least
        and count > max(counts[max(0, i - PEAK_REACH_DAYS) : i], default=0)
        and count > max(counts[i + 1 : i + 1 + PEAK_REACH_DAYS], default=0)
    ] or [counts.index(max(counts))]
    highest = sorted(peaks, key=lambda i: (-counts[i], i))[:MOST_PEAKS]
    return tuple(days[i].day for i in sorted(highest))


def _home(countries: pl.DataFrame) -> str | None:
    """The country that most records touch; of equals the first in the alphabet."""
    ends = pl.concat(
        [
            countries.select(pl.col("origin").alias("code"), "records"),
            countries.filter(pl.col("origin") != pl.col("destination")).select(
                pl.col("destination").alias("code"), "records"
            ),
        ]
    ).filter(pl.col("code") != NOWHERE)
    ranked = ends.group_by("code").agg(pl.col("records").sum()).sort(["records", "code"], descending=[True, False])
    return None if ranked.height == 0 else str(ranked["code"][0])


def _partners(countries: pl.DataFrame, home: str | None) -> tuple[Partner, ...]:
    if home is None:
        return ()
    outgoing = _by_code(countries.filter(pl.col("origin") == home), "destination")
    incoming = _by_code(countries.filter(pl.col("destination") == home), "origin")
    partners = [
        Partner(
            code=code,
            outgoing=shown(outgoing.get(code, 0)),
            incoming=shown(incoming.get(code, 0)),
            records=shown(outgoing.get(code, 0) + incoming.get(code, 0)),
        )
        for code in (outgoing.keys() | incoming.keys()) - {home, NOWHERE}
    ]
    return tuple(sorted(partners, key=lambda partner: (-partner.records, partner.code)))


def _by_code(frame: pl.DataFrame, column: str) -> dict[str, int]:
    return dict(frame.group_by(column).agg(pl.col("records").sum()).iter_rows())


def _sum(countries: pl.DataFrame, where: pl.Expr) -> ReleasedCount:
    return shown(int(countries.filter(where)["records"].sum()))
