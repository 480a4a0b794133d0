"""What dies when: for how long each day can be opened, and who destroyed its key already. Pure."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from coffer.ledger.entries import DestroyEntry
from coffer.ledger.retention import is_past, retention_of
from coffer.web.window.reading import Known

SOON_DAYS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class DyingDay:
    """One day of records.

    ``dies``: the UTC day on which its keys are due to be destroyed. ``left``: the custodians that still have its key.
    ``destroyed``: those that have not, with the log index at which they said so. ``segments``: what was sealed for it
    and was not superseded. ``is_due``: the day ``dies`` has come; ``is_late``: it is over. ``is_closed``: nobody can
    open it any more, because the keys that are left do not satisfy the rule of any segment.
    """

    day: dt.date
    dies: dt.date
    left: tuple[str, ...]
    destroyed: tuple[tuple[str, int], ...]
    segments: int
    is_due: bool
    is_late: bool
    is_closed: bool

    @property
    def keys(self) -> int:
        """How many custodians had a key of it."""
        return len(self.left) + len(self.destroyed)

    @property
    def state(self) -> str:
        """``dead``, ``late``, ``closed``, ``due`` or ``alive``.

        dead: no key is left. late: a key is left for too long. closed: too few keys are left.
        """
        if not self.left:
            return "dead"
        if self.is_late:
            return "late"
        if self.is_closed:
            return "closed"
        return "due" if self.is_due else "alive"


@dataclass(frozen=True, slots=True, kw_only=True)
class DyingMonth:
    """The days of one month, in order."""

    first: dt.date
    days: tuple[DyingDay, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Every day that has keys.

    ``late``: days of which a custodian should have destroyed its key before today. ``soon``: those that die within ``SOON_DAYS``,
    the next first. ``dead``: those of which no key is left or too few are, the newest first. ``months``: all days.
    """

    today: dt.date
    retention_days: int
    late: tuple[DyingDay, ...]
    soon: tuple[DyingDay, ...]
    dead: tuple[DyingDay, ...]
    months: tuple[DyingMonth, ...]
    next_day: DyingDay | None

    @property
    def days(self) -> tuple[DyingDay, ...]:
        """All days, in order."""
        return tuple(day for month in self.months for day in month.days)


def calendar(known: Known, today: dt.date) -> Calendar:
    """What dies when, as it is seen on ``today`` (UTC)."""
    state = known.state
    retention = retention_of(state)
    said = {
        (dated.body.custodian, dated.body.day): dated.index
        for dated in known.dated
        if isinstance(dated.body, DestroyEntry)
    }
    holders: dict[dt.date, list[str]] = {}
    for name, day in sorted(state.epoch_keys):
        holders.setdefault(day, []).append(name)
    living, sealed = set(), dict.fromkeys(holders, 0)
    for seg_id, segment in state.segments.items():
        day = segment.line.day
        if seg_id not in state.superseded:
            sealed[day] = sealed.get(day, 0) + 1
        if not state.is_dead(segment):
            living.add(day)
    days = [
        DyingDay(
            day=day,
            dies=_after(day, retention.days(day)),
            left=tuple(name for name in names if (name, day) not in said),
            destroyed=tuple((name, said[name, day]) for name in names if (name, day) in said),
            segments=sealed[day],
            is_due=is_past(day, retention.days(day), today),
            is_late=is_past(day, retention.days(day) + 1, today),
            is_closed=sealed[day] > 0 and day not in living,
        )
        for day, names in sorted(holders.items())
    ]
    alive = sorted((day for day in days if day.state in ("due", "alive")), key=lambda line: (line.dies, line.day))
    return Calendar(
        today=today,
        retention_days=state.roster.retention_days,
        late=tuple(day for day in days if day.state == "late"),
        soon=tuple(day for day in alive if (day.dies - today).days <= SOON_DAYS),
        dead=tuple(day for day in reversed(days) if day.state in ("dead", "closed")),
        months=tuple(_months(days)),
        next_day=alive[0] if alive else None,
    )


def _months(days: Iterable[DyingDay]) -> Iterable[DyingMonth]:
    for first, group in groupby(days, key=lambda line: line.day.replace(day=1)):
        yield DyingMonth(first=first, days=tuple(group))


def _after(day: dt.date, days: int) -> dt.date:
    """So many days later, or the end of the calendar if that comes first."""
    return day + dt.timedelta(days=min(days, (dt.date.max - day).days))
