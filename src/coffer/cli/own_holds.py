"""The holds of this vault's desk that keep what a request asks for and whose keys have died."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from coffer.authority.authorization import Authorization
from coffer.authority.hold import Hold, parse_hold
from coffer.cli.console import say
from coffer.errors import MalformedInput, NotProven
from coffer.ledger.entries import NAME_DIGITS, Commitment, SegmentId
from coffer.ledger.holds import LoggedHold
from coffer.ledger.retention import is_segment_past
from coffer.ledger.state import State
from coffer.procedures.opening.decide import segments_of
from coffer.vault.folder import Vault
from coffer.visible import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnHold:
    """A hold in force and the days (UTC) that can be opened from it alone."""

    index: int
    commitment: Commitment
    days: frozenset[dt.date]

    def text(self) -> str:
        """The hold as ``coffer hold list`` names it, and how much it keeps."""
        name = self.commitment.hex()[:NAME_DIGITS]
        return f"the hold of entry {self.index} ({name}) keeps {counted(len(self.days), 'UTC day')} of it"


def own_holds(
    vault: Vault, authorization: Authorization, state: State, now: dt.datetime, *, named: Collection[Commitment] = ()
) -> list[OwnHold]:
    """The desk's holds in force that keep something of a request, in the log's order.

    ``named``: notes that are at hand; their holds are left out.
    """
    in_force = state.holds_in_force(max(now, state.newest))
    if not in_force:
        return []
    try:
        notes = [parse_hold(raw, "desk") for raw in vault.desk.kept_holds()]
    except (NotProven, MalformedInput) as error:
        say(error.message)
        return []
    by_note = {hold.commitment: hold for hold in notes}
    others = [one for one in in_force if not any(term.note in named for term in one.terms)]
    pairs = [(one, by_note[one.entry.note]) for one in others if one.entry.note in by_note]
    kept = [
        OwnHold(index=logged.index, commitment=hold.commitment, days=_days(authorization, state, now, logged, hold))
        for logged, hold in pairs
    ]
    return [one for one in kept if one.days]


def _days(
    authorization: Authorization, state: State, now: dt.datetime, logged: LoggedHold, hold: Hold
) -> frozenset[dt.date]:
    """What the hold adds: what was over when it was logged is not held by it."""
    without, with_it = (_reached(authorization, state, now, holds) for holds in ((), (hold,)))
    return frozenset(
        state.segments[seg_id].line.day
        for seg_id in with_it - without
        if not is_segment_past(state.segments[seg_id], logged.time.date())
    )


def _reached(authorization: Authorization, state: State, now: dt.datetime, holds: Sequence[Hold]) -> set[SegmentId]:
    reached = segments_of(authorization, state, before=state.size, now=now, holds=holds)
    return {segment.line.seg_id for segment, _ in reached}
