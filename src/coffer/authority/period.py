"""Periods: from one instant to before another, in the zone in which they were ordered. Pure.

Source: RFC 3339 for the form; ``docs/formats/authorization.md`` fixes the one spelling.
"""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from coffer.errors import MalformedInput

MAX_PERIODS: Final = 20
"""Periods of one subject. People would no longer read an order that names more."""
MAX_DAYS: Final = 92
"""UTC days that the periods of all subjects touch, each counted once: a quarter of a year.

A longer time needs a new order, which every custodian looks at anew.
"""
_INSTANT: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})([+-])([0-9]{2}):(00|15|30|45)")
_MAX_OFFSET: Final = dt.timedelta(hours=14)
_SECOND: Final = dt.timedelta(seconds=1)
_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The time from ``first`` to before ``end``, each with the offset from UTC in which it was ordered."""

    first: dt.datetime
    end: dt.datetime

    def __post_init__(self) -> None:
        if not self.first < self.end:
            raise MalformedInput("period: it ends where it begins, or before")

    def holds(self, instant: dt.datetime) -> bool:
        """Whether the period includes an instant."""
        return self.first <= instant < self.end

    @property
    def first_day(self) -> dt.date:
        """The first UTC day that it touches."""
        return self.first.astimezone(dt.UTC).date()

    @property
    def last_day(self) -> dt.date:
        """The last UTC day that it touches."""
        return (self.end.astimezone(dt.UTC) - _SECOND).date()

    @property
    def is_whole_days(self) -> bool:
        """Whether it covers all of each UTC day that it touches."""
        ends = (self.first.astimezone(dt.UTC), self.end.astimezone(dt.UTC))
        return all(end.time() == dt.time() for end in ends)

    def format(self) -> str:
        """The value of a ``period:`` line; ``parse_period`` is its strict inverse."""
        return f"{format_instant(self.first)} {format_instant(self.end)}"


def whole_days(first: dt.date, last: dt.date, zone: dt.tzinfo) -> Period:
    """The period from the first moment of one day to the last moment of another, both in that zone.

    Raises:
        MalformedInput: the first day is later than the last, or outside the calendar.
    """
    if first > last:
        raise MalformedInput("days: the first is later than the last, expected FIRST before LAST or the same")
    try:
        return Period(first=_midnight(first, zone), end=_midnight(last + _DAY, zone))
    except OverflowError:
        raise MalformedInput("days: outside the calendar") from None


def _midnight(day: dt.date, zone: dt.tzinfo) -> dt.datetime:
    """The first moment of a day in a zone.

    If the clocks skip midnight, the day begins later on the clock. If they repeat it, the first of the two counts.
    """
    return settled(dt.datetime.combine(day, dt.time(), zone))


def settled(local: dt.datetime) -> dt.datetime:
    """The same moment, with the offset from UTC that its zone has then as a fixed offset."""
    there = local.astimezone(dt.UTC).astimezone(local.tzinfo)
    offset = there.utcoffset()
    assert offset is not None, "an instant with a zone"
    return there.replace(tzinfo=dt.timezone(offset), fold=0)


def format_instant(value: dt.datetime) -> str:
    """``YYYY-MM-DDThh:mm:ss+hh:mm``, with the offset that the instant bears."""
    return value.isoformat(timespec="seconds")


def parse_instant(text: str, place: str) -> dt.datetime:
    """An instant to the second, with its offset from UTC.

    The offset is ``+00:00``, or up to 14 hours in quarters of an hour.

    Raises:
        MalformedInput: it has ``Z``, ``-00:00`` or another offset, or it or its UTC day is outside the calendar.
    """
    match = _INSTANT.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        value = dt.datetime.fromisoformat(text)
        offset = value.utcoffset()
        if offset is None or abs(offset) > _MAX_OFFSET or format_instant(value) != text:
            raise ValueError
        value.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise MalformedInput(f"{place}: not an instant, expected YYYY-MM-DDThh:mm:ss+hh:mm") from None
    return value


def parse_period(text: str, place: str) -> Period:
    """The period of a ``period:`` line: two instants, the first before the second."""
    first, _, end = text.partition(" ")
    begins, ends = parse_instant(first, place), parse_instant(end, place)
    if not begins < ends:
        raise MalformedInput(f"{place}: it ends where it begins, or before")
    return Period(first=begins, end=ends)


def parse_periods(values: Sequence[str], place: str) -> tuple[Period, ...]:
    """The periods of one subject: 1 to 20, ascending, without overlaps."""
    if not 1 <= len(values) <= MAX_PERIODS:
        raise MalformedInput(f"{place}: {len(values)} periods, expected 1 to {MAX_PERIODS}")
    periods = tuple(parse_period(value, place) for value in values)
    if any(later.first < earlier.end for earlier, later in pairwise(periods)):
        raise MalformedInput(
            f"{place}: periods overlap or descend, expected each to begin where the one before has ended"
        )
    return periods


def is_within(asked: Iterable[Period], others: Sequence[Period], day: dt.date) -> bool:
    """Whether others cover what these periods include of a UTC day.

    ``others`` ascend without overlaps, as ``parse_periods`` demands; one may begin where the one before ends.
    """
    for period in asked:
        if not period.first_day <= day <= period.last_day:
            continue
        at = max(period.first, dt.datetime.combine(day, dt.time(), dt.UTC))
        # the day after the last of the calendar is never asked for
        end = period.end if period.last_day == day else dt.datetime.combine(day + _DAY, dt.time(), dt.UTC)
        for other in others:
            if other.holds(at):
                at = other.end
        if at < end:
            return False
    return True


def days_of_periods(periods: Iterable[Period], place: str) -> tuple[dt.date, ...]:
    """The UTC days that they touch, ascending, each once.

    Raises:
        MalformedInput: there are more than ``MAX_DAYS``.
    """
    days: set[dt.date] = set()
    for period in periods:
        count = (period.last_day - period.first_day).days + 1
        if count <= MAX_DAYS:
            days |= {period.first_day + dt.timedelta(days=n) for n in range(count)}
        if count > MAX_DAYS or len(days) > MAX_DAYS:
            raise MalformedInput(
                f"{place}: periods touch more than {MAX_DAYS} UTC days in all, expected at most that",
                hint="a local day touches two UTC days; longer needs a second request",
            )
    return tuple(sorted(days))
