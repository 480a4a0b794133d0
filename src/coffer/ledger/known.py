"""What the log says up to a size, as values. Pure.

This is the part of ``State`` that rules and readers look at. Rules of ``docs/formats/entries.md`` that stand in files of
their own take a ``Known``, so that only ``State`` changes one.
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Final

from coffer.errors import NotProven
from coffer.ledger.codes import OrderCodes
from coffer.ledger.debts import Debt, DebtStatus
from coffer.ledger.entries import (
    BatchId,
    Commitment,
    FaultEntry,
    OffsetMark,
    RefuseEntry,
    RevealEntry,
    SegmentId,
    TopicId,
)
from coffer.ledger.facts import Absence, Batch, Opening, Pending, Segment
from coffer.ledger.holds import HoldStatus, LoggedHold
from coffer.ledger.receipts import Receipts
from coffer.ledger.roster import Roster
from coffer.ledger.rules import mask_of

BEGINNING: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(slots=True, kw_only=True)
class Known:
    """What the log says up to ``size`` entries. Readers use the mappings; only ``State`` changes them.

    ``absences``: those that stand, by custodian. ``absence_indexes``: of all absences and objections.
    ``refused`` and ``faults_of`` (by the object of the fault) are ``refusals`` and ``faults`` to look up in.
    ``withdrawn``: of the batches that are superseded as a whole, the log index of the entry by batch. ``offsets``: by
    topic and partition, the next offset to be taken. ``holds``: by the log index of their entry, ``debts`` by that of
    their intent. ``is_sparse``: entries between are not shown, as in an answer's evidence, so that nobody can say where the log ended before a batch.
    """

    origin: str
    genesis: bytes
    is_sparse: bool = False
    size: int = 0
    newest: dt.datetime = BEGINNING
    rosters: dict[bytes, Roster] = field(default_factory=dict)
    roster_indexes: dict[bytes, int] = field(default_factory=dict)
    in_force: Roster | None = None
    epoch_keys: dict[tuple[str, dt.date], bytes] = field(default_factory=dict)
    batches: dict[BatchId, Batch] = field(default_factory=dict)
    withdrawn: dict[BatchId, int] = field(default_factory=dict)
    segments: dict[SegmentId, Segment] = field(default_factory=dict)
    superseded: set[SegmentId] = field(default_factory=set)
    openings: dict[int, Opening] = field(default_factory=dict)
    revoked: set[Commitment] = field(default_factory=set)
    refusals: list[tuple[int, RefuseEntry]] = field(default_factory=list)
    refused: set[tuple[Commitment, str]] = field(default_factory=set)
    destroyed: set[tuple[str, dt.date]] = field(default_factory=set)
    receipts: Receipts = field(default_factory=Receipts)
    faults: list[tuple[int, FaultEntry]] = field(default_factory=list)
    faults_of: dict[SegmentId | int, list[FaultEntry]] = field(default_factory=dict)
    reveals: list[tuple[int, RevealEntry]] = field(default_factory=list)
    pending: dict[BatchId, Pending] = field(default_factory=dict)
    offsets: dict[tuple[TopicId, int], OffsetMark] = field(default_factory=dict)
    nonces: set[tuple[str, bytes]] = field(default_factory=set)
    absences: dict[str, Absence] = field(default_factory=dict)
    absence_indexes: list[int] = field(default_factory=list)
    holds: dict[int, LoggedHold] = field(default_factory=dict)
    debts: dict[int, Debt] = field(default_factory=dict)
    told: dict[Commitment, OrderCodes] = field(default_factory=dict)
    """The codes that intents of an authorization show, all together: no two that count contradict each other."""

    @property
    def roster(self) -> Roster:
        """The roster in force.

        Raises:
            NotProven: the log does not begin with the pinned genesis roster.
        """
        if self.in_force is None:
            raise NotProven("log: entry 0 is not the pinned genesis roster")
        return self.in_force

    @property
    def trust_indexes(self) -> frozenset[int]:
        """The entries that lead from the genesis roster to every other roster.

        They are rosters, and the absences and objections on which rosters rest.
        """
        return frozenset((*self.roster_indexes.values(), *self.absence_indexes))

    def is_dead(self, segment: Segment) -> bool:
        """Whether the custodians that still hold the key of its day no longer satisfy its lock."""
        alive = [name for name in segment.roster.names if (name, segment.line.day) not in self.destroyed]
        return not segment.lock.is_satisfied_by(mask_of(alive, segment.roster.names))

    def completed_from(self, index: int) -> list[Segment]:
        """The segments whose batch was completed by entry ``index`` or a later one.

        An entry that names a segment may be older: a batch of several entries exists with its last one alone.
        """
        segments: list[Segment] = []
        for batch in reversed(self.batches.values()):  # in the order in which they were completed
            if batch.entry_indexes[-1] < index:
                break
            segments += [self.segments[seg_id] for seg_id in batch.segments]
        return segments

    def is_refused(self, authorization: Commitment, custodian: str) -> bool:
        """Whether this custodian refused it in public."""
        return (authorization, custodian) in self.refused

    def hold_of(self, note: Commitment) -> LoggedHold | None:
        """The hold that this note made or extends."""
        return next((hold for hold in self.holds.values() if hold.term(note)), None)

    def hold_status(self, hold: LoggedHold, now: dt.datetime) -> HoldStatus:
        """How a hold stands at ``now``."""
        return hold.status(self.rosters[hold.entry.roster], now)

    def holds_in_force(self, now: dt.datetime) -> list[LoggedHold]:
        """The holds in force at ``now``, in the log's order."""
        return [hold for hold in self.holds.values() if self.hold_status(hold, now) is HoldStatus.IN_FORCE]

    def holds_open(self, now: dt.datetime) -> bool:
        """Whether any hold is begun or in force at ``now``."""
        return any(hold.is_open(self.rosters[hold.entry.roster], now) for hold in self.holds.values())

    def overdue(self, now: dt.datetime) -> list[Debt]:
        """The emergencies that are overdue to be ratified at ``now``, in the log's order."""
        return [debt for debt in self.debts.values() if debt.status(now) is DebtStatus.OVERDUE]

    def awaiting(self, now: dt.datetime) -> frozenset[Commitment]:
        """The authorizations under which an emergency waits to be ratified, or is overdue by a week at most."""
        return frozenset(debt.authorization for debt in self.debts.values() if debt.is_awaited(now))

    def disapproved_by(self, debt: Debt) -> tuple[str, ...]:
        """The custodians that refused in public what an emergency rests on, in the log's order, each once."""
        names = [body.custodian for _, body in self.refusals if body.authorization == debt.authorization]
        return tuple(dict.fromkeys(names))

    def drawn(self, authorization: Commitment, *, up_to: int) -> int:
        """Sum of ``records`` over all draws of this authorization at or before log index ``up_to``."""
        return sum(
            opening.draw.records
            for opening in self.openings.values()
            if opening.draw is not None
            and opening.intent.authorization == authorization
            and opening.draw_index is not None
            and opening.draw_index <= up_to
        )
