"""Continuing orders: which part of an authorization is opened next, if any. Pure.

An authorization over coming days is opened part by part: each part asks for what was ingested since the one before. The
log alone says what was opened, so that nothing is opened twice or missed, whatever the desk lost. Implements
``docs/procedures/opening.md``, "Continuing orders".
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from coffer.authority.authorization import Authorization
from coffer.authority.countersign import signers_of
from coffer.authority.hold import Hold
from coffer.custody.decide import MAX_INTENTS_PER_AUTHORIZATION
from coffer.custody.exchange import Cell
from coffer.disclosure.part import Part, part_before, settled
from coffer.errors import Refused
from coffer.ledger.facts import Opening, Segment
from coffer.ledger.state import State
from coffer.procedures.opening.decide import segments_of
from coffer.procedures.opening.early import is_spent
from coffer.procedures.opening.owed import owed_after


class Nothing(StrEnum):
    """Why no part is due now. A later run may find one."""

    EARLY = "early"
    """The authorization is not in force yet."""
    TODAY = "today"
    """A part was opened on this UTC day."""
    NOTHING_CAME = "nothing-came"
    """Nothing that it reaches was ingested since the last part."""
    SHORT = "short"
    """The next part has more records than the budget has left."""
    DRAWN = "drawn"
    """All records that the notes allow were drawn. An amendment allows more, or may still: days lie ahead."""


class End(StrEnum):
    """Why no part will be due again."""

    EXPIRED = "expired"
    REVOKED = "revoked"
    SPENT = "spent"
    """All records that it allows were drawn."""
    ASKED_OUT = "asked-out"
    """Custodians answer to no further intent of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A part is due.

    ``adopted``: its intent, which a crash left in the log without its file; None logs a new one. ``owed``: the cells
    that the part before left unconfirmed.
    """

    part: Part
    adopted: int | None = None
    owed: tuple[Cell, ...] = ()


Next = Due | Nothing | End


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A part that was opened.

    ``days``: the UTC days of the segments that it reached.
    """

    part: Part
    opening: Opening
    days: tuple[dt.date, ...]

    @property
    def drawn(self) -> int:
        """The records that count against the budget, those outside the periods included."""
        return self.opening.draw.records if self.opening.draw is not None else 0


def decide_next(
    authorization: Authorization,
    state: State,
    now: dt.datetime,
    *,
    in_progress: Part | None,
    needed: int,
    owed: bytes | None,
    has_key: bool,
) -> Next:
    """The part to open now, or why there is none.

    ``in_progress``: the part whose answer was not delivered yet. ``needed``: the records in all that an earlier run
    found to be more than the budget; 0 if none did. ``owed``: the desk's file of cells that were left unconfirmed. They
    make a part due by themselves only if a custodian that signed did not answer for them: nobody else can say more.
    ``has_key``: whether the desk still has the seal key.

    At most one part a UTC day is opened: an authorization is in force on at most 31 of them, and custodians answer to
    32 intents. So a run each hour leaves the last days theirs.
    """
    terms, commitment = authorization.terms, authorization.commitment
    if commitment in state.revoked:
        return End.REVOKED
    if max(now, state.newest) >= terms.expires:
        return End.EXPIRED
    if now < terms.not_before:
        return Nothing.EARLY
    if in_progress is not None:
        return Due(part=in_progress)
    if is_spent(authorization, state):
        return Nothing.DRAWN if has_key else End.SPENT
    part = part_before(commitment, state, before=state.size)
    left = owed_after(owed, part)
    cells = () if left is None else left.cells
    adopted = _left_behind(authorization, state, now, part, cells)
    if adopted is not None:
        return Due(part=part, adopted=adopted, owed=cells)
    if part.since is not None and state.openings[part.since].time.date() >= now.date():
        return Nothing.TODAY
    if left is not None and not _signers(authorization, state) - left.answered:
        cells = ()
    if not segments_due(authorization, state, part, cells, before=state.size, now=now):
        return Nothing.NOTHING_CAME
    if needed > authorization.limit:
        return Nothing.SHORT
    due = Due(part=part, owed=() if left is None else left.cells)
    asked = [o for o in state.openings.values() if o.intent.authorization == commitment]
    return End.ASKED_OUT if len(asked) >= MAX_INTENTS_PER_AUTHORIZATION else due


def verify_due(authorization: Authorization, state: State, now: dt.datetime, *, owed: bytes | None) -> Due:
    """The part that is due.

    Raises:
        Refused: none is due now (code time), whatever a look before the vault was locked said.
    """
    due = decide_next(authorization, state, now, in_progress=None, needed=0, owed=owed, has_key=True)
    if not isinstance(due, Due):
        raise Refused(f"opening: no part is due ({due})", code="time", hint="another command may have opened it")
    return due


def segments_due(
    authorization: Authorization,
    state: State,
    part: Part | None,
    owed: Sequence[Cell],
    *,
    before: int,
    now: dt.datetime,
    holds: Sequence[Hold] = (),
) -> list[tuple[Segment, int]]:
    """Step R1: what a part reaches: what came since the one before, and the cells that are owed.

    None reaches all.
    """
    since = 0 if part is None else part.since or 0
    reached = segments_of(authorization, state, before=before, now=now, holds=holds, since=since)
    if owed:
        again = {(cell.seg_id, cell.line) for cell in owed}
        whole = segments_of(authorization, state, before=before, now=now, holds=holds)
        new = {(segment.line.seg_id, line) for segment, line in reached}
        reached = [one for one in whole if (one[0].line.seg_id, one[1]) in again | new]
    return reached


def _signers(authorization: Authorization, state: State) -> frozenset[str]:
    """The custodians that signed the authorization and what amends it."""
    roster = state.rosters.get(authorization.terms.roster)
    if roster is None:
        return frozenset()
    return frozenset(roster.names).intersection(*(signers_of(note, roster) for note in authorization.notes))


def _left_behind(
    authorization: Authorization, state: State, now: dt.datetime, part: Part, owed: Sequence[Cell]
) -> int | None:
    """An intent that was logged before a crash and not used: open, nothing drawn, after the last part.

    The same cells are asked under it, if they are no more than it announced.
    """
    last = None if part.since is None else state.openings[part.since].close_index
    closed = 0 if last is None else last
    for opening in state.openings.values():
        is_open = opening.close is None and opening.draw is None and opening.index > closed
        if opening.intent.authorization == authorization.commitment and is_open:
            reached = segments_due(authorization, state, part, owed, before=opening.index, now=now)
            if 0 < len(reached) <= opening.intent.cells_at_most:
                return opening.index
    return None


def opened_parts(authorization: Authorization, state: State) -> list[Opened]:
    """Every part that was opened, in order."""
    parts: list[Opened] = []
    since: int | None = None
    for number, opening in enumerate(settled(authorization.commitment, state, before=state.size), 1):
        days = days_between(authorization, state, since or 0, opening.index)
        parts.append(Opened(part=Part(number=number, since=since), opening=opening, days=days))
        since = opening.index
    return parts


def days_between(authorization: Authorization, state: State, since: int, before: int) -> tuple[dt.date, ...]:
    """The UTC days of what an authorization reaches of the batches in between.

    Days whose keys died meanwhile are among them.
    """
    terms = authorization.terms
    lines: Sequence[int] = range(1, len(terms.subjects) + 1)
    later = {segment.line.seg_id for segment in state.completed_from(before)}
    days = {
        segment.line.day
        for segment in state.completed_from(since)
        if segment.line.seg_id not in later
        and segment.line.kind in terms.kinds
        and any(terms.touches(line, segment.line.day) for line in lines)
    }
    return tuple(sorted(days))
