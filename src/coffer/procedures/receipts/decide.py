"""Which receipts are due and overdue, and when the vault's policy stops an ingest. Pure.

The steps are numbered in ``docs/procedures/receipts.md``.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from coffer.custody.receipts import holders_of, owes_receipt
from coffer.errors import Unavailable
from coffer.ledger.entries import SegmentId
from coffer.ledger.facts import Segment
from coffer.ledger.state import State
from coffer.vault.policy import Policy

WARN_AFTER: Final = dt.timedelta(hours=24)
"""A custodian that answers once a day is late after this (``docs/attacks.md``, C3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A receipt that is due and missing. ``age``: the time since the segment came to exist."""

    custodian: str
    segment: SegmentId
    day: dt.date
    age: dt.timedelta


def missing_receipts(state: State, now: dt.datetime) -> list[Missing]:
    """Every receipt that is due, the oldest first.

    A receipt is due from each holder that is still a custodian, still has the key of the day, and has not accused the
    ingester instead.
    """
    in_force = set(state.roster.names)
    missing = [
        Missing(custodian=name, segment=seg_id, day=segment.line.day, age=now - batch.time)
        for batch in state.batches.values()
        for seg_id in batch.segments
        for segment in (state.segments[seg_id],)
        if not _have_all_spoken(state, segment)
        for name in holders_of(segment)
        if name in in_force and owes_receipt(state, segment, name)
    ]
    return sorted(missing, key=lambda item: -item.age)


def owed_by(state: State, name: str) -> list[Segment]:
    """The segments for which a custodian could still give a receipt, in the order of the log.

    The custodian may have left.
    """
    return [
        segment
        for segment in state.segments.values()
        if not _have_all_spoken(state, segment) and owes_receipt(state, segment, name)
    ]


def _have_all_spoken(state: State, segment: Segment) -> bool:
    """Whether every custodian of its roster gave a receipt: so it is with nearly all segments of a log.

    Others may have given one too.
    """
    return state.receipts.givers_of(segment.line.seg_id) >= segment.roster.name_set


def verify_receipted(state: State, now: dt.datetime, policy: Policy) -> list[Missing]:
    """The receipts missing for over a day, to warn of before an ingest.

    Raises:
        Unavailable: one is missing for longer than the policy allows. Then nothing is sealed.
    """
    late = [item for item in missing_receipts(state, now) if item.age > WARN_AFTER]
    if late and policy.receipts_within is not None and late[0].age > policy.receipts_within:
        names = ", ".join(sorted({item.custodian for item in late if item.age > policy.receipts_within}))
        raise Unavailable(
            f"receipts: {names} gave none for over {late[0].age // dt.timedelta(hours=1)} hours, expected within "
            f"{policy.receipts_within // dt.timedelta(hours=1)}",
            hint="let them look: coffer receipts VAULT; until they do, nobody knows whether new records are sealed to their keys",
        )
    return late
