"""What a custodian's people must know of the roster: what changed, and that somebody says their custodian is gone. Pure.

Implements ``docs/procedures/roster.md``, "Told".
"""

import datetime as dt
from dataclasses import dataclass

from coffer import wire
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.ledger.changes import describe
from coffer.ledger.entries import AbsenceEntry, parse_entry
from coffer.ledger.state import BACKDATING, ROSTER_LIFE, State
from coffer.notes.keys import SigningKey
from coffer.notes.note import Note, parse_note
from coffer.visible import counted

ABSENCE: bytes = b"coffer.absence/"
"""How the text of an absence begins, which people sign where they sign rosters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One entry that people have not acknowledged: its index, and what it changed, a sentence a line."""

    index: int
    lines: tuple[str, ...]

    def format(self) -> str:
        """One line for a terminal or a journal."""
        return f"entry {self.index}: {'; '.join(self.lines)}"


def news_of(state: State, name: str, acknowledged: int | None) -> tuple[News, ...]:
    """Every roster after the acknowledged entry, or after the first that names this custodian; and an absence of it that stands.

    An absence is told until it was objected to: to have read it does not end the wait.
    """
    found, before = [], None
    for roster_hash, roster in state.rosters.items():
        index = state.roster_indexes[roster_hash]
        is_later = before is not None if acknowledged is None else index > acknowledged
        if is_later and before is not None:
            since = wire.format_time(roster.time)
            found.append(News(index=index, lines=(f"a new roster, dated {since}", *describe(before, roster))))
        if acknowledged is not None or before is not None or roster.custodian(name) is not None:
            before = roster
    absence = state.absences.get(name)
    if absence is not None:
        until = wire.format_time(absence.since + dt.timedelta(days=absence.waiting_days))
        lines = (
            f"all the other custodians say that {name} is gone for good; unless it objects (coffer custodian object), they may replace it from {until} on",
        )
        found.append(News(index=absence.index, lines=lines))
    return tuple(sorted(found, key=lambda item: item.index))


def is_absence(raw: bytes) -> bool:
    """Whether a note says that a custodian is gone, rather than being a roster."""
    return raw.startswith(ABSENCE)


def describe_absence(raw: bytes, state: State, place: str) -> str:
    """For whoever is to sign it; raises ``MalformedInput``."""
    body = parse_entry(raw, place).body
    if not isinstance(body, AbsenceEntry):
        raise MalformedInput(f"{place}: says of nobody that it is gone")
    return (
        f"custodian {body.custodian} is gone for good: unless it objects within {counted(state.roster.waiting_days, 'day')}, "
        "all the others together may replace it, and change the rules that need it, without its signature"
    )


def sign_absence(raw: bytes, state: State, *, name: str, auth: SigningKey, now: dt.datetime, place: str) -> Note:
    """The note with this custodian's signature.

    Raises:
        MalformedInput, NotProven: it is no absence of this vault.
        Refused: it is about this custodian itself or nobody in force, this one is not in force, or its time is not near.
    """
    note, entry = parse_note(raw, place), parse_entry(raw, place)
    if entry.origin != state.origin or not isinstance(entry.body, AbsenceEntry):
        raise NotProven(f"{place}: no absence of this vault")
    note.verify_lines_of(state.roster.signing_keys)
    me = state.roster.custodian(name)
    if me is None or me.auth != auth.verify_key or entry.body.custodian == name:
        raise Refused(f"{place}: not {name}'s to sign", code="scope", hint="all the other custodians in force sign it")
    if state.roster.custodian(entry.body.custodian) is None:
        raise Refused(f"{place}: {entry.body.custodian} is not in the roster in force", code="scope")
    if not max(state.roster.time, state.newest - ROSTER_LIFE) <= entry.time <= now + BACKDATING:
        raise Refused(f"{place}: too old, or dated ahead of this clock", code="time", hint="write it anew")
    return note if note.is_signed_by(auth.verify_key) else note.with_signature(auth)
