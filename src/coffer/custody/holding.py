"""What a custodian keeps for a hold, and when it may answer from it. Pure.

Source: ``docs/formats/hold.md``, whose steps of keeping and rule of answering stand here.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from coffer.authority.countersign import verify_requested
from coffer.authority.hold import Hold, HoldTerms
from coffer.authority.period import Period, is_within
from coffer.authority.reach import Reach
from coffer.custody.exchange import Cell
from coffer.errors import CofferError, NotProven, Refused, Unavailable
from coffer.ledger.entries import Commitment
from coffer.ledger.facts import Segment
from coffer.ledger.holds import HoldStatus, LoggedHold, Term
from coffer.ledger.state import State
from coffer.notes.keys import Secret, VerifyKey
from coffer.segments import prf
from coffer.segments.prf import Blocks

HUB_RANKS: Final = 65_536
"""Ranks that are kept of a hub, whose records the cell cap does not bound."""
_WINDOW: Final = 64
_SIZES: Final = {prf.LABEL_LANE: 8, prf.DATA_LANE: 16}
"""Bytes of a value as it is answered, by lane: no more is kept."""


class Coverage:
    """Which segments a hold covers, and for which of its subjects."""

    def __init__(self, terms: HoldTerms) -> None:
        self._terms = terms
        self._reach = Reach(terms.subjects, terms.kinds, terms.touches)

    def lines(self, segment: Segment) -> tuple[int, ...]:
        """The subject lines, from 1, whose records may lie in a segment."""
        return self._reach.lines(segment)

    def covers(self, segment: Segment, sid: bytes, periods: Sequence[Period]) -> bool:
        """Whether it names a subject in a segment, and these periods of it."""
        subjects, own, day = self._terms.subjects, self._terms.periods, segment.line.day
        return any(
            subjects[number - 1].sid == sid and is_within(periods, own[number - 1], day)
            for number in self.lines(segment)
        )


def ranks_of(hold: Hold, state: State) -> int:
    """How many ranks are kept of each cell: those of every window that may be asked for, records or not."""
    cap = state.rosters[hold.terms.roster].cell_cap
    return HUB_RANKS if hold.terms.is_hub else _WINDOW * (cap // _WINDOW + 1)


# Keeping.


def verify_keepable(
    hold: Hold, first: Hold | None, state: State, *, name: str, auth: VerifyKey, now: dt.datetime, place: str
) -> tuple[LoggedHold, Term]:
    """Steps 2 and 3 of keeping: the hold in the log that this note made or extends, and its term.

    ``first``: the note that it extends, as it is kept here.

    Raises:
        NotProven: its requester did not sign it, or it names other rules than those of its subjects.
        Refused: another vault's or roster's, not in the log as it says, released, too late, withdrawn there, or it
            extends something else.
    """
    terms, roster = hold.terms, state.rosters.get(hold.terms.roster)
    member = None if roster is None else roster.custodian(name)
    if terms.origin != state.origin or roster is None or member is None or member.auth != auth:
        raise Refused(f"{place}: not of this vault, or of a roster without {name}", code="scope")
    verify_requested(hold, roster)
    logged = state.hold_of(hold.commitment)
    term = None if logged is None else logged.term(hold.commitment)
    if logged is None or term is None:
        raise Refused(f"{place}: the log has no such hold", code="log", hint="its desk logs it: coffer hold make")
    entry = logged.entry
    said = (entry.roster, entry.rules, entry.requester, term.until)
    if said != (terms.roster, terms.rules, terms.requester.name, terms.until):
        raise Refused(f"{place}: the log says otherwise than the note", code="scope")
    if not logged.may_be_kept_by(name, roster):
        raise Refused(
            f"{place}: no rule of the hold names {name}, so that its word would not count",
            code="scope",
            hint="what was sealed before a rule was added cannot be held for its subjects",
        )
    _verify_extends(hold, first, logged, place)
    if any(is_withdrawn(note, state, name) for note in (hold.commitment, entry.note)):
        raise Refused(f"{place}: revoked, or refused by {name}", code="time")
    clock = max(now, state.newest)
    is_late = clock >= term.until or (name not in term.holders and not term.may_be_joined(clock))
    if is_late or not logged.is_open(roster, clock):
        raise Refused(f"{place}: released, lapsed or over, or too late to join", code="time")
    return logged, term


def is_withdrawn(note: Commitment, state: State, name: str) -> bool:
    """Whether the log says that a note was revoked, or refused by this custodian.

    As of an authorization, whatever its own folder says: that may have been put back from a backup.
    """
    return note in state.revoked or state.is_refused(note, name)


def _verify_extends(hold: Hold, first: Hold | None, logged: LoggedHold, place: str) -> None:
    is_first = logged.entry.note == hold.commitment
    if is_first != (hold.terms.extends is None):
        raise Refused(f"{place}: the log says otherwise than the note", code="scope")
    if is_first:
        return
    if first is None or first.commitment != logged.entry.note or hold.terms.extends != first.commitment:
        raise Refused(f"{place}: this custodian does not keep what it extends", code="scope")
    if not hold.terms.is_of_same(first.terms):
        raise Refused(f"{place}: names other subjects, periods or kinds than what it extends", code="scope")


def compute_values(keys: Mapping[int, Secret], subjects: Sequence[tuple[int, bytes]], kind: int, ranks: int) -> bytes:
    """Step 6 of keeping: the values of one segment.

    ``keys``: by clause. ``subjects``: line and sid, ascending. One subject at a time: a hub has megabytes.
    """
    parts = []
    for line, sid in subjects:
        runs = prf.Runs(
            keys=[keys[clause] for clause in sorted(keys)],
            sids=[sid] * len(keys),
            kinds=[kind] * len(keys),
            starts=[0] * len(keys),
            counts=[ranks] * len(keys),
        )
        lanes = [prf.run_partials(runs, lane=lane)[:, : size // 8] for lane, size in _SIZES.items()]
        parts.append(bytes([line]))
        for at in range(len(keys)):
            parts += [lane[at * ranks : (at + 1) * ranks].tobytes() for lane in lanes]
    return b"".join(parts)


# Answering.


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Held:
    """What this custodian keeps of one segment for one hold.

    ``sids``: of the subjects that the note names there, by line. ``periods``: theirs, by line; a value opens a whole day,
    and yet is given for no other hours than those that were held. ``read``: the values, read when they are needed.
    """

    note: Commitment
    sids: Mapping[int, bytes]
    periods: Mapping[int, Sequence[Period]]
    ranks: int
    clauses: tuple[int, ...]
    read: Callable[[], bytes]

    def covers(self, sid: bytes, periods: Sequence[Period], day: dt.date) -> bool:
        """Whether the hold is about this subject there, and about all that these periods include of the day."""
        return any(own == sid and is_within(periods, self.periods[line], day) for line, own in self.sids.items())


def is_answerable(held: Held, approved: Collection[Commitment], state: State, name: str, now: dt.datetime) -> bool:
    """Whether a custodian may answer from it: in force, and joined by itself for a term that lasts.

    Its people approved the hold's note and that of the term, and withdrew neither. If the clock is behind the log's
    newest time, the log's time counts.
    """
    logged, clock = state.hold_of(held.note), max(now, state.newest)
    if logged is None or state.hold_status(logged, clock) is not HoldStatus.IN_FORCE:
        return False
    terms = logged.terms_kept_by(name, state.rosters[logged.entry.roster], clock)
    kept = [term.note for term in terms if term.note in approved and not is_withdrawn(term.note, state, name)]
    return bool(kept) and held.note in approved and not is_withdrawn(held.note, state, name)


class HeldValues:
    """The values of one segment that were kept, by sid, clause and lane."""

    def __init__(self, held: Held) -> None:
        """Raises ``NotProven`` if the file holds something else, or whatever reading it raises."""
        self._held, self._raw = held, held.read()
        self._each = held.ranks * sum(_SIZES.values())
        size = 1 + self._each * len(held.clauses)
        self._at = {sid: place * size for place, (_, sid) in enumerate(sorted(held.sids.items()))}
        lines = bytes(self._raw[at] for at in self._at.values() if at < len(self._raw))
        if len(self._raw) != size * len(held.sids) or lines != bytes(sorted(held.sids)):
            raise NotProven("hold: values of other subjects or ranks than its note says")

    def take(self, sid: bytes, clause: int, lane: int, *, start: int, count: int) -> Blocks:
        """The values of some ranks, in the form of ``prf.run_partials``; what a lane does not answer is 0."""
        import numpy as np  # noqa: PLC0415 - who only signs loads no library of arrays

        held, size = self._held, _SIZES[lane]
        begin = self._at[sid] + 1 + held.clauses.index(clause) * self._each
        if lane == prf.DATA_LANE:
            begin += held.ranks * _SIZES[prf.LABEL_LANE]
        values = np.zeros((count, 2), np.uint64)
        taken = np.frombuffer(self._raw, "<u8", count=count * size // 8, offset=begin + start * size)
        values[:, : size // 8] = taken.reshape(count, size // 8)
        return values


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Part:
    """One run of ranks of a request: one cell, one clause.

    ``key``: None where it is answered from one of ``held``, which are equally good.
    """

    cell: Cell
    clause: int
    sid: bytes
    kind: int
    key: Secret | None
    held: Sequence[Held]


def compute_partials(parts: Sequence[Part], *, lane: int) -> Blocks:
    """p_c of all parts, one after the other: computed by their keys, or as they were held.

    Raises:
        NotProven, Unavailable: what was held cannot be read, nor for another hold.
    """
    import numpy as np  # noqa: PLC0415 - who only signs loads no library of arrays

    live = [part for part in parts if not part.held]
    computed = (
        prf.run_partials(
            prf.Runs(
                keys=[part.key for part in live if part.key is not None],
                sids=[part.sid for part in live],
                kinds=[part.kind for part in live],
                starts=[part.cell.rank_from for part in live],
                counts=[part.cell.rank_count for part in live],
            ),
            lane=lane,
        )
        if live
        else None
    )
    if computed is not None and len(live) == len(parts):
        return computed
    blocks, files, at = [], dict[tuple[bytes, Commitment], HeldValues | CofferError](), 0
    for part in parts:
        cell = part.cell
        if not part.held and computed is not None:
            blocks.append(computed[at : at + cell.rank_count])
            at += cell.rank_count
        elif part.held:
            values = _readable(part, files)
            blocks.append(values.take(part.sid, part.clause, lane, start=cell.rank_from, count=cell.rank_count))
    return np.concatenate(blocks)


def _readable(part: Part, files: dict[tuple[bytes, Commitment], HeldValues | CofferError]) -> HeldValues:
    """The first of a part's holds whose values can be read. A segment's file is read once.

    Raises:
        NotProven, Unavailable: none can, and this is what the last one said.
    """
    said: CofferError = Unavailable("hold: nothing is held")
    for held in part.held:
        key = part.cell.seg_id, held.note
        if key not in files:
            try:
                files[key] = HeldValues(held)
            except CofferError as error:
                files[key] = error
        values = files[key]
        if isinstance(values, HeldValues):
            return values
        said = values
    raise said
