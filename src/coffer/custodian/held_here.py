"""What a custodian keeps for a hold now, in numbers, and when it dies. Reads; decides nothing."""

import datetime as dt
from dataclasses import dataclass

from coffer.authority.hold import Hold
from coffer.custodian.folder import CustodianFolder
from coffer.custodian.keys import CustodianKeys
from coffer.custody.holding import Coverage
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.ledger.entries import Commitment, SegmentId
from coffer.ledger.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldHere:
    """Of one hold: its segments, cells and bytes on this disk.

    ``dies``: when its key is destroyed, as it stands; None if that is due.
    """

    segments: int
    cells: int
    size_bytes: int
    dies: dt.datetime | None


def first_note(folder: CustodianFolder, keys: CustodianKeys, commitment: Commitment) -> Hold | None:
    """The note of a hold that is kept here; None if it cannot be read."""
    try:
        return folder.holds.note(commitment, keys)
    except (MalformedInput, NotProven, Unavailable):
        return None


def held_here(folder: CustodianFolder, hold: Hold, state: State, now: dt.datetime) -> HeldHere | None:
    """What is kept for a hold, or for the one that it extends; None if nothing is."""
    logged = state.hold_of(hold.commitment)
    if logged is None or not folder.holds.has_key(logged.entry.note):
        return None
    coverage, first = Coverage(hold.terms), logged.entry.note
    segments = folder.holds.segments(first)
    known = [state.segments[SegmentId(one)] for one in segments if one in state.segments]
    roster = state.rosters[logged.entry.roster]
    return HeldHere(
        segments=len(segments),
        cells=sum(len(coverage.lines(segment)) for segment in known),
        size_bytes=folder.holds.size_bytes(first),
        dies=logged.kept_until(folder.name, roster, max(now, state.newest)),
    )
