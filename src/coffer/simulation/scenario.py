"""What is simulated, and how many records each day gets. Pure; whole numbers only."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from coffer.errors import MalformedInput

REPORTED_COUNTRY: Final = "FR"
REPORTED_FIRST_DAY: Final = dt.date(2012, 12, 10)
REPORTED_LAST_DAY: Final = dt.date(2013, 1, 8)
REPORTED_RECORDS: Final = 70_271_000
"""Records of the month that the press reported in October 2013: 70.27 million French records in 30 days."""

_REPORTED_HOLIDAYS: Final = frozenset({dt.date(2012, 12, 25), dt.date(2013, 1, 1)})
_REPORTED_SPECIAL_DAYS: Final = {
    dt.date(2012, 12, 24): 6_950_000,
    dt.date(2012, 12, 28): 3_100,
    dt.date(2012, 12, 29): 640,
    dt.date(2012, 12, 30): 480,
    dt.date(2012, 12, 31): 1_900,
    dt.date(2013, 1, 7): 6_980_000,
}
"""Records on the two peaks and in the gap of the published chart, as read off it.

The peaks are near seven million, and the gap is near zero.
"""

WORKING_DAY_WEIGHT: Final = 3
"""The chart shows about 3 million records on a working day and 1 million on a weekend day or holiday."""
FREE_DAY_WEIGHT: Final = 1

LEAST_RECORDS: Final = 1_000
LEAST_RECORDS_PER_DAY: Final = 20
"""A smaller scenario is refused, because it has no room for the 27 rows of the planted subjects."""
MOST_DAYS: Final = 3_660
"""Ten years. A longer scenario is refused, because it is probably a typing error."""
MOST_RECORDS: Final = 10**13
"""Two thousand days of a billion people. No disk would hold the files of more."""
RECORDS_PER_SUBSCRIBER: Final = 8
"""The records of the whole window divided by its subscribers.

Each record has two sides, so a person takes part in 16 on average; the median person takes part in about 7.
"""
LEAST_SUBSCRIBERS: Final = 300
MOST_SEED: Final = 2**64 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What to simulate; the default is the reported French month.

    ``country``: ISO 3166 alpha-2 of the operator. ``first_day``, ``last_day``: UTC days, inclusive. ``records``: rows
    in all. ``seed``: 0 to 2^64-1. ``subscribers``: the customers that make the traffic; None means one for every eight
    records.

    Raises:
        MalformedInput: a value is outside its range.
    """

    country: str = REPORTED_COUNTRY
    first_day: dt.date = REPORTED_FIRST_DAY
    last_day: dt.date = REPORTED_LAST_DAY
    records: int = REPORTED_RECORDS
    seed: int = 1
    subscribers: int | None = None

    def __post_init__(self) -> None:
        """Refuse a scenario that cannot be simulated, before anything is written."""
        if not (
            len(self.country) == 2 and self.country.isascii() and self.country.isalpha() and self.country.isupper()
        ):
            raise MalformedInput(
                "simulation: country: expected two capital letters", hint="use an ISO 3166 code, like FR"
            )
        days = (self.last_day - self.first_day).days + 1
        _expect("days", days, 1, MOST_DAYS)
        _expect("records", self.records, max(LEAST_RECORDS, LEAST_RECORDS_PER_DAY * days), MOST_RECORDS)
        _expect("seed", self.seed, 0, MOST_SEED)
        if self.subscribers is not None:
            _expect("subscribers", self.subscribers, LEAST_SUBSCRIBERS, MOST_RECORDS)

    @property
    def days(self) -> tuple[dt.date, ...]:
        """Every day of the window, in order."""
        count = (self.last_day - self.first_day).days + 1
        return tuple(self.first_day + dt.timedelta(days=offset) for offset in range(count))

    @property
    def wanted_subscribers(self) -> int:
        """The number of subscribers as asked for, else derived from ``records``."""
        return self.subscribers or max(LEAST_SUBSCRIBERS, self.records // RECORDS_PER_SUBSCRIBER)

    @property
    def is_reported_month(self) -> bool:
        """Whether the special days of the published chart apply.

        They apply to its country and window, with any number of records.
        """
        window = (self.country, self.first_day, self.last_day)
        return window == (REPORTED_COUNTRY, REPORTED_FIRST_DAY, REPORTED_LAST_DAY)

    def is_free_day(self, day: dt.date) -> bool:
        """Whether a day is a Saturday, a Sunday, or a holiday of the reported month.

        GAP: holidays and weekends of other countries count as working days, because the simulation is for size and
        shape and not for the study of a calendar.
        """
        return day.weekday() >= 5 or (self.is_reported_month and day in _REPORTED_HOLIDAYS)


def daily_totals(scenario: Scenario) -> tuple[int, ...]:
    """Records of each day of ``scenario.days``; their sum is exactly ``scenario.records``.

    In the reported month the special days keep their published size. The other days share the rest, working days and
    free days 3 to 1. Another number of ``records`` scales the whole shape.
    """
    days = scenario.days
    units = [FREE_DAY_WEIGHT if scenario.is_free_day(day) else WORKING_DAY_WEIGHT for day in days]
    if not scenario.is_reported_month:
        return apportion(scenario.records, units)
    ordinary = [unit for day, unit in zip(days, units, strict=True) if day not in _REPORTED_SPECIAL_DAYS]
    left = REPORTED_RECORDS - sum(_REPORTED_SPECIAL_DAYS.values())
    # To put both kinds of day on one scale without fractions, a special day weighs its records times the sum of the
    # ordinary units.
    weights = [
        _REPORTED_SPECIAL_DAYS[day] * sum(ordinary) if day in _REPORTED_SPECIAL_DAYS else unit * left
        for day, unit in zip(days, units, strict=True)
    ]
    return apportion(scenario.records, weights)


def apportion(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """``total`` split in proportion to ``weights`` (not all 0) by largest remainder.

    Of equal remainders the first wins.
    """
    whole = sum(weights)
    shares = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda at: (-(total * weights[at] % whole), at))
    for at in by_remainder[: total - sum(shares)]:
        shares[at] += 1
    return tuple(shares)


def _expect(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise MalformedInput(f"simulation: {name}: found {value}, expected {low} to {high}")
