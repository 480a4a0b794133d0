"""What a custodian's people are told: changes of the roster, and that others call it gone. Pure.

Implements ``docs/procedures/roster.md``, "Told".
"""

import datetime as dt
from dataclasses import dataclass

from coffer import wire
from coffer.errors import MalformedInput
from coffer.ledger.changes import describe
from coffer.ledger.entries import AbsenceEntry
from coffer.ledger.grammar import parse_entry
from coffer.ledger.state import State
from coffer.visible import counted

ABSENCE: bytes = b"coffer.absence/"
"""The first bytes of an absence. People sign absences with the same commands as rosters, so these bytes tell them apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One entry that people have not acknowledged: its index, and what it changed, a sentence a line."""

    index: int
    lines: tuple[str, ...]

    def format(self) -> str:
        """One line for a terminal or a journal."""
        return f"entry {self.index}: {'; '.join(self.lines)}"


def news_of(state: State, name: str, acknowledged: int | None) -> tuple[News, ...]:
    """Every roster after the acknowledged entry, and an absence of this custodian that stands.

    Without an acknowledgement: every roster after the first that names this custodian.

    An absence is told until this custodian objects: reading it does not stop the time in which it may.
    """
    news, before = [], None
    for roster_hash, roster in state.rosters.items():
        index = state.roster_indexes[roster_hash]
        is_later = before is not None if acknowledged is None else index > acknowledged
        if is_later and before is not None:
            since = wire.format_time(roster.time)
            news.append(News(index=index, lines=(f"a new roster, dated {since}", *describe(before, roster))))
        if acknowledged is not None or before is not None or roster.custodian(name) is not None:
            before = roster
    absence = state.absences.get(name)
    if absence is not None:
        until = wire.format_time(absence.since + dt.timedelta(days=absence.waiting_days))
        lines = (
            f"all the other custodians say that {name} is gone for good; unless it objects (coffer custodian object), they may replace it from {until} on",
        )
        news.append(News(index=absence.index, lines=lines))
    return tuple(sorted(news, key=lambda item: item.index))


def is_absence(raw: bytes) -> bool:
    """Whether a note says that a custodian is gone, rather than being a roster."""
    return raw.startswith(ABSENCE)


def describe_absence(raw: bytes, state: State, place: str) -> str:
    """What signing this absence means, for the people who may sign it; raises ``MalformedInput``."""
    body = parse_entry(raw, place).body
    if not isinstance(body, AbsenceEntry):
        raise MalformedInput(f"{place}: says of nobody that it is gone")
    return (
        f"custodian {body.custodian} is gone for good: unless it objects within {counted(state.roster.waiting_days, 'day')}, "
        "all the others together may replace it, and change the rules that need it, without its signature"
    )
