"""How far a request is that is opened part by part: its days, what comes next, what is left. Pure.

The log says what was opened; the desk's files say which cells are owed and which limit was too low.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from coffer.authority.authorization import Authorization
from coffer.disclosure.part import part_before
from coffer.ledger.retention import retention_of
from coffer.ledger.state import State
from coffer.procedures.opening.continuing import Due, End, Next, Opened, decide_next, opened_parts, segments_due
from coffer.procedures.opening.owed import owed_after, owed_days


class DayState(StrEnum):
    """How one UTC day of a request stands."""

    OPENED = "opened"
    OWED = "owed"
    """Something of it is here and not opened, or was left unconfirmed."""
    MISSING = "missing"
    """It is over or under way, and nothing of it is kept here so far."""
    AHEAD = "ahead"
    """It has not come yet."""
    ENDED = "ended"
    """Nothing of it will be opened: its keys are destroyed, or the request ended before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Days in a row that stand alike, both included."""

    first: dt.date
    last: dt.date
    state: DayState


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How far a request is.

    ``next``: the part that is due, or why there is none; None while an opening goes on, and once it was withdrawn.
    ``unconfirmed``: cells of the last part, by the log; ``is_lost``: the desk has no file that says which. ``needed``:
    the limit that the next part asks for, where it is over the limit; else 0.
    """

    days: tuple[Days, ...]
    parts: tuple[Opened, ...]
    next: Next | None
    unconfirmed: int
    is_lost: bool
    needed: int

    @property
    def is_due(self) -> bool:
        """Whether something can be opened now."""
        return isinstance(self.next, Due)


def course_of(
    authorization: Authorization,
    state: State,
    now: dt.datetime,
    *,
    owed: bytes | None,
    needed: int,
    has_key: bool,
    is_opening: bool,
) -> Course:
    """How far an authorization is, with the amendment behind it that counts.

    ``owed``, ``needed``, ``has_key``: as in ``decide_next``. ``is_opening``: an opening was begun and not delivered.

    Raises:
        MalformedInput: the desk's file of owed cells is damaged.
    """
    coming = decide_next(authorization, state, now, in_progress=None, needed=needed, owed=owed, has_key=has_key)
    parts = tuple(opened_parts(authorization, state))
    part = part_before(authorization.commitment, state, before=state.size)
    left = owed_after(owed, part)
    due = segments_due(authorization, state, part, () if left is None else left.cells, before=state.size, now=now)
    waiting = {segment.line.day for segment, _ in due} | set(() if left is None else owed_days(left, state))
    opened = {day for one in parts for day in one.days}
    is_over = isinstance(coming, End) or not has_key
    close = parts[-1].opening.close if parts else None
    unconfirmed = 0 if close is None else close.unconfirmed_cells
    return Course(
        days=_days(authorization.terms.all_days, opened, waiting, state, now, is_over=is_over),
        parts=parts,
        next=None if is_opening or (is_over and not isinstance(coming, End)) else coming,
        unconfirmed=unconfirmed,
        is_lost=bool(unconfirmed) and left is None,
        needed=needed if needed > authorization.limit else 0,
    )


def _days(
    days: Sequence[dt.date],
    opened: Collection[dt.date],
    waiting: Collection[dt.date],
    state: State,
    now: dt.datetime,
    *,
    is_over: bool,
) -> tuple[Days, ...]:
    today, retention = now.date(), retention_of(state)
    dead = {segment.line.day for segment in state.segments.values() if state.is_dead(segment)}

    def stands(day: dt.date) -> DayState:
        if day in waiting and not is_over:
            return DayState.OWED
        if day in opened:
            return DayState.OPENED
        if is_over or day in dead or retention.is_over(day, today):
            return DayState.ENDED
        return DayState.AHEAD if day > today else DayState.MISSING

    rows = []
    for (_, how), run in groupby(enumerate(days), lambda item: (item[1].toordinal() - item[0], stands(item[1]))):
        own = [day for _, day in run]
        rows.append(Days(first=own[0], last=own[-1], state=how))
    return tuple(rows)
