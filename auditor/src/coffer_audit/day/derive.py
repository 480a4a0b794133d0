"""Why nothing of a day can be opened any more (docs/formats/certificate.md). Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coffer_audit.errors import NotProven

if TYPE_CHECKING:
    from datetime import date, datetime

    from coffer_audit.entries.roster import Roster
    from coffer_audit.validity.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadRule:
    """What was sealed for a day under one rule of one roster, and why no custodians can open it.

    `left`: the custodians of the roster that have not destroyed the day's key, or never had one.
    """

    roster: Roster
    rule: str
    segments: int
    rows: int
    destroyed: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def expression(self) -> str:
        """The rule as the roster writes it."""
        return self.roster.rules[self.rule].text

    @property
    def emergency(self) -> str:
        """The emergency rule that opened to the same segments; "" if the roster has none."""
        if not self.roster.emergency:
            return ""
        own, needed = self.roster.emergency.partition(" and ")[0], self.roster.emergencies[self.rule].needed
        return f"{own} and {','.join(needed)}" if needed else own


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """A hold that may keep values of the day, of persons whom its note names.

    Which days it names is not public.
    """

    entry: int
    until: datetime


def derive_remaining(state: State, destroyed: int, now: datetime) -> tuple[Remaining, ...]:
    """Give the holds that have not ended by `now`, of those before the day's last key was destroyed.

    `destroyed`: the index of that entry. Its time decides nothing: it may be dated back, and a hold ahead.
    """
    return tuple(
        Remaining(entry=index, until=hold.until)
        for index, hold in state.holds.all.items()
        if index < destroyed and hold.status(now) in ("begun", "in force")
    )


def derive_dead(state: State, day: date) -> tuple[DeadRule, ...]:
    """Give the day's segments by roster and rule.

    Raises: NotProven if there are none, or if those that kept their keys still satisfy a rule.
    """
    segments: Counter[tuple[int, str]] = Counter()
    rows: Counter[tuple[int, str]] = Counter()
    places = {roster.hash: number for number, roster in enumerate(state.rosters)}
    for segment in state.segments.values():
        if segment.line.day == day:
            key = places[segment.roster.hash], segment.line.rule
            segments[key] += 1
            rows[key] += segment.line.rows
    if not segments:
        raise NotProven(f"{day}: found no segment of that day in the log, expected one that was sealed")
    dead = []
    for number, rule in sorted(segments):
        roster = state.rosters[number]
        gone = [item.name for item in roster.custodians if (item.name, day.isoformat()) in state.destroyed]
        left = [item.name for item in roster.custodians if item.name not in gone]
        mask = sum(1 << i for i, item in enumerate(roster.custodians) if item.name in left)
        if roster.locks[rule].is_satisfied(mask):
            raise NotProven(
                f"{day}: found that rule {rule} is still satisfied by {', '.join(left)}, expected too few keys",
                hint="the custodians that are left have not logged that they destroyed the key of this day",
            )
        dead.append(
            DeadRule(
                roster=roster,
                rule=rule,
                segments=segments[number, rule],
                rows=rows[number, rule],
                destroyed=tuple(gone),
                left=tuple(left),
            )
        )
    return tuple(dead)
