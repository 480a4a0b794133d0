"""What is due and overdue of receipts, and what the vault's policy makes of it. Pure. The steps are numbered in ``docs/procedures/receipts.md``."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from coffer.custody.receipts import holders_of, owes_receipt
from coffer.errors import MalformedInput, Unavailable
from coffer.ledger.entries import SegmentId
from coffer.ledger.facts import Segment
from coffer.ledger.state import State
from coffer.toml import parse_toml

WARN_AFTER: Final = dt.timedelta(hours=24)
"""A cycle: a custodian that answers once a day is late after this (specification, section 3; THREATS C3)."""
POLICY: Final = "policy.toml"
POLICY_FORMAT: Final = "coffer.policy/v1"
_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9.:/_\[\]-]{1,200}")
MAX_HOURS: Final = 8_784
"""A year: a longer wait is a typing mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """``receipts_within``: ingest stops once a receipt is missing for longer; None only warns. ``witnesses``: name to address."""

    receipts_within: dt.timedelta | None = None
    witnesses: Mapping[str, str] = field(default_factory=dict)

    def format(self) -> bytes:
        """The text of ``policy.toml``."""
        lines = [f'format = "{POLICY_FORMAT}"']
        if self.receipts_within is not None:
            lines.append(f"receipts-within-hours = {self.receipts_within // dt.timedelta(hours=1)}")
        if self.witnesses:
            lines += ["[witnesses]", *(f'"{name}" = "{address}"' for name, address in self.witnesses.items())]
        return ("\n".join(lines) + "\n").encode("ascii")

    @classmethod
    def parse(cls, raw: bytes, place: str) -> Self:
        """Strict inverse of ``format``, but for spaces and comments, which people may write."""
        document = parse_toml(raw, place, encoding="ascii")
        document.literal("format", POLICY_FORMAT)
        hours = document.get("receipts-within-hours", int, 0)
        witnesses = document.table("witnesses").values if "witnesses" in document.values else {}
        document.end()
        if not all(isinstance(item, str) and _ADDRESS.fullmatch(item) for item in witnesses.values()):
            raise MalformedInput(
                f"{place}: witnesses: expected names with addresses that begin with https:// or http://"
            )
        within = (
            None
            if "receipts-within-hours" not in document.values
            else parse_hours(hours, f"{place}: receipts-within-hours")
        )
        return cls(receipts_within=within, witnesses=witnesses)


def parse_hours(hours: object, place: str) -> dt.timedelta:
    """A number of whole hours, 1 to a year."""
    if not isinstance(hours, int) or isinstance(hours, bool) or not 1 <= hours <= MAX_HOURS:
        raise MalformedInput(f"{place}: expected a whole number from 1 to {MAX_HOURS}")
    return dt.timedelta(hours=hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A receipt that is due and not there. ``age``: since the segment came to exist."""

    custodian: str
    segment: SegmentId
    day: dt.date
    age: dt.timedelta


def missing_receipts(state: State, now: dt.datetime) -> list[Missing]:
    """Every receipt due, the oldest first.

    Due is one of each holder that is still a custodian, still has the key of the day, and has not accused the ingester instead.
    """
    in_force = set(state.roster.names)
    missing = [
        Missing(custodian=name, segment=seg_id, day=segment.line.day, age=now - batch.time)
        for batch in state.batches.values()
        for seg_id in batch.segments
        for segment in (state.segments[seg_id],)
        for name in holders_of(segment)
        if name in in_force and owes_receipt(state, segment, name)
    ]
    return sorted(missing, key=lambda item: -item.age)


def owed_by(state: State, name: str) -> list[Segment]:
    """The segments for which a custodian, also one that left, could still give a receipt, in the order of the log."""
    return [segment for segment in state.segments.values() if owes_receipt(state, segment, name)]


def verify_receipted(state: State, now: dt.datetime, policy: Policy) -> list[Missing]:
    """Before an ingest: the receipts missing for over a day, to be warned of.

    Raises:
        Unavailable: one is missing for longer than the policy allows; nothing is sealed then.
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
