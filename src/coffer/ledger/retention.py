"""What dies when: which days' keys are due to be destroyed, and the days ahead. Pure.

Source: ``docs/procedures/retention.md``, which numbers the steps.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from coffer.ledger.facts import Segment
from coffer.ledger.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineDay:
    """One day of records and when it dies.

    ``keys``: custodians whose key of it is not destroyed, in alphabetical order. ``segments``, ``rows``: living ones and
    their padded rows; 0 where nothing was sealed. ``is_due``: whether its retention is over.
    """

    day: dt.date
    dies: dt.date
    keys: tuple[str, ...]
    segments: int
    rows: int
    is_due: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """``days``: those due and those of the time ahead, by the date on which they die. ``later``: how many come after them.

    ``dead_days``: days of which at least one segment is dead already.
    """

    days: tuple[TimelineDay, ...]
    later: int
    dead_days: int

    @property
    def overdue(self) -> dict[str, int]:
        """How many keys each custodian should have destroyed by now; custodians that are in time are left out."""
        names = sorted({name for day in self.days if day.is_due for name in day.keys})
        return {name: sum(name in day.keys for day in self.days if day.is_due) for name in names}


def retention_days(state: State) -> dict[dt.date, int]:
    """Days that each day with segments is kept: the longest promise of a roster under which one of them was sealed.

    This is what custodians refuse by (step 9 of an opening), so that a key never outlives the last answer it could give.
    """
    found: dict[dt.date, int] = {}
    for segment in state.segments.values():
        day = segment.line.day
        found[day] = max(found.get(day, 0), segment.roster.retention_days)
    return found


def is_over(state: State, day: dt.date, today: dt.date) -> bool:
    """Whether the retention of a day is over on ``today`` (UTC)."""
    kept = retention_days(state).get(day, state.roster.retention_days)
    return (today - day).days >= kept


def still_kept(state: State, days: Iterable[dt.date], today: dt.date) -> list[dt.date]:
    """Those of the days whose retention is not over on ``today`` (UTC), in their order."""
    kept, default = retention_days(state), state.roster.retention_days
    return [day for day in days if (today - day).days < kept.get(day, default)]


def due_days(state: State, custodian: str, today: dt.date) -> tuple[dt.date, ...]:
    """The days whose key this custodian must destroy on ``today`` (UTC) or should have before, in order."""
    kept, default = retention_days(state), state.roster.retention_days
    return tuple(
        sorted(
            day
            for name, day in state.epoch_keys
            if name == custodian and (name, day) not in state.destroyed and (today - day).days >= kept.get(day, default)
        )
    )


def _after(day: dt.date, days: int) -> dt.date:
    """So many days later, or the end of the calendar: a key may be of any day that the log takes."""
    return day + dt.timedelta(days=min(days, (dt.date.max - day).days))


def retention_timeline(state: State, today: dt.date, *, ahead_days: int = 30) -> Timeline:
    """What is due on ``today`` and what dies within the days ahead."""
    kept, default = retention_days(state), state.roster.retention_days
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
            dies=_after(day, kept.get(day, default)),
            keys=tuple(names),
            segments=len(living.get(day, ())),
            rows=sum(segment.line.rows for segment in living.get(day, ())),
            is_due=(today - day).days >= kept.get(day, default),
        )
        for day, names in holders.items()
    ]
    shown = [line for line in lines if (line.dies - today).days <= ahead_days]
    return Timeline(
        days=tuple(sorted(shown, key=lambda line: (line.dies, line.day))),
        later=len(lines) - len(shown),
        dead_days=len(dead),
    )
