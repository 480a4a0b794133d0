"""Retention: when a day is over, which keys are due, and what dies in the days ahead. Pure.

Source: ``docs/procedures/retention.md``, which numbers the steps.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from coffer.ledger.facts import Segment
from coffer.ledger.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineDay:
    """One day of records and when it dies.

    ``keys``: the custodians whose key of the day is not destroyed, in alphabetical order. ``segments``: living ones; ``rows``: theirs, padded; both are 0
    where nothing was sealed. ``is_due``: whether its retention is over.
    """

    day: dt.date
    dies: dt.date
    keys: tuple[str, ...]
    segments: int
    rows: int
    is_due: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Which days of records die when.

    ``days``: the days that are due or die soon, by the date on which they die. ``later``: the number of days that die after those.
    ``dead_days``: the number of days of which at least one segment is dead already.
    """

    days: tuple[TimelineDay, ...]
    later: int
    dead_days: int

    @property
    def overdue(self) -> dict[str, int]:
        """How many keys each custodian should have destroyed by now.

        Custodians that are in time are left out.
        """
        names = sorted({name for day in self.days if day.is_due for name in day.keys})
        return {name: sum(name in day.keys for day in self.days if day.is_due) for name in names}


def oldest_kept(days: int, today: dt.date) -> dt.date:
    """The oldest day that is still kept on ``today`` (UTC), if days are kept for ``days`` days.

    The first of these days is the day itself, from its midnight on.
    """
    return today - dt.timedelta(days=min(days - 1, (today - dt.date.min).days))


def is_past(day: dt.date, days: int, today: dt.date) -> bool:
    """Whether a day that is kept for ``days`` days is over on ``today`` (UTC).

    The rule stands here and nowhere else.
    """
    return day < oldest_kept(days, today)


def is_segment_past(segment: Segment, today: dt.date) -> bool:
    """Whether the retention of a segment is over on ``today`` (UTC), as its own roster promised it."""
    return is_past(segment.line.day, segment.roster.retention_days, today)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """For how many days each day is kept.

    ``promised``: the number for each day with segments. ``otherwise``: the number for every other day.
    """

    promised: Mapping[dt.date, int]
    otherwise: int

    def days(self, day: dt.date) -> int:
        """For how many days this day is kept."""
        return self.promised.get(day, self.otherwise)

    def is_over(self, day: dt.date, today: dt.date) -> bool:
        """Whether the retention of this day is over on ``today`` (UTC)."""
        return is_past(day, self.days(day), today)


def retention_of(state: State) -> Retention:
    """For how long the log promises to keep each day.

    The segments of a day may be sealed under several rosters. The longest promise among them holds for the day. Custodians refuse by the promise
    for each segment (step 9 of an opening), so no key outlives the last answer that it could give.
    """
    promised: dict[dt.date, int] = {}
    for segment in state.segments.values():
        day = segment.line.day
        promised[day] = max(promised.get(day, 0), segment.roster.retention_days)
    return Retention(promised=promised, otherwise=state.roster.retention_days)


def is_over(state: State, day: dt.date, today: dt.date) -> bool:
    """Whether the retention of a day is over on ``today`` (UTC)."""
    return retention_of(state).is_over(day, today)


def still_kept(state: State, days: Iterable[dt.date], today: dt.date) -> list[dt.date]:
    """Those of the days whose retention is not over on ``today`` (UTC), in their order."""
    retention = retention_of(state)
    return [day for day in days if not retention.is_over(day, today)]


def due_days(state: State, custodian: str, today: dt.date) -> tuple[dt.date, ...]:
    """The days whose key this custodian must destroy on ``today`` (UTC) or should have before, in order."""
    retention = retention_of(state)
    undestroyed = [day for name, day in state.epoch_keys if name == custodian and (name, day) not in state.destroyed]
    return tuple(sorted(day for day in undestroyed if retention.is_over(day, today)))


def _after(day: dt.date, days: int) -> dt.date:
    """So many days later, or the end of the calendar if that comes first.

    The log takes keys of days close to that end.
    """
    return day + dt.timedelta(days=min(days, (dt.date.max - day).days))


def retention_timeline(state: State, today: dt.date, *, ahead_days: int = 30) -> Timeline:
    """What is due on ``today`` (UTC) and what dies within the days ahead."""
    retention = retention_of(state)
    holders: dict[dt.date, list[str]] = {}
    for name, day in sorted(state.epoch_keys):
        if (name, day) not in state.destroyed:
            holders.setdefault(day, []).append(name)
    living: dict[dt.date, list[Segment]] = {}
    dead = set()
    for segment in state.segments.values():
        if state.is_dead(segment):
            dead.add(segment.line.day)
        else:
            living.setdefault(segment.line.day, []).append(segment)
    lines = [
        TimelineDay(
            day=day,
            dies=_after(day, retention.days(day)),
            keys=tuple(names),
            segments=len(living.get(day, ())),
            rows=sum(segment.line.rows for segment in living.get(day, ())),
            is_due=retention.is_over(day, today),
        )
        for day, names in holders.items()
    ]
    shown = [line for line in lines if (line.dies - today).days <= ahead_days]
    return Timeline(
        days=tuple(sorted(shown, key=lambda line: (line.dies, line.day))),
        later=len(lines) - len(shown),
        dead_days=len(dead),
    )
