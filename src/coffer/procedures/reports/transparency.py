"""The transparency report: figures from a period's log entries. Pure.

Everything here follows from the log alone, and ``coffer-audit transparency`` recomputes it. Implements
``docs/formats/transparency.md``.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from coffer.errors import MalformedInput
from coffer.ledger.debts import DebtStatus
from coffer.ledger.entries import (
    Body,
    CoarseCounts,
    Commitment,
    DestroyEntry,
    ExtendEntry,
    FaultEntry,
    HoldEntry,
    IngestEntry,
    IntentEntry,
    RefuseEntry,
    ReleaseEntry,
    RevealEntry,
    RevokeEntry,
    WithdrawEntry,
)
from coffer.ledger.facts import Opening, Valid
from coffer.ledger.state import State

NOT_REVEALED: Final = "not revealed yet"
"""Shown as the authority, kind or rule of openings whose lines the log does not show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transparency:
    """Figures of the entries dated from ``first`` to ``last`` (UTC days, both included).

    ``authorizations``: those used or refused in the period. ``openings``: those announced in it. ``closed``, ``drawn``,
    ``opened`` and ``unconfirmed_cells`` are of those openings, whenever they ended. ``seconds``: from intent to close,
    ascending. ``by_authority``, ``by_kind``, ``by_rule``: (openings, records opened) by revealed value; an opening of
    two kinds is in both. ``collected``: batches, and at least how many files and lines they had. ``segments``:
    (segments, padded rows) by kind and rule. Superseded batches are in neither. ``superseded_batches``: those
    superseded in the period. ``holds``: those that were logged in it, whether enough custodians kept or not.
    ``emergencies``: openings under an emergency rule, by how their ratification stands at the log's newest time.
    """

    first: dt.date
    last: dt.date
    authorizations: int
    openings: int
    closed: int
    drawn: int
    opened: int
    unconfirmed_cells: int
    seconds: tuple[int, ...]
    by_authority: dict[str, tuple[int, int]]
    by_kind: dict[str, tuple[int, int]]
    by_rule: dict[str, tuple[int, int]]
    refusals: dict[str, int]
    revocations: int
    reveals: int
    faults: dict[str, int]
    destroyed_keys: int
    superseded_batches: int
    holds: int
    extended_holds: int
    released_holds: int
    emergencies: dict[str, int]
    collected: dict[str, int]
    segments: dict[tuple[str, str], tuple[int, int]]

    def document(self) -> dict[str, object]:
        """The figures as JSON. ``coffer-audit`` gives the same, key for key."""
        times = self.seconds
        return {
            "authorizations": self.authorizations,
            "openings": self.openings,
            "closed": self.closed,
            "records_drawn": self.drawn,
            "records_opened": self.opened,
            "unconfirmed_cells": self.unconfirmed_cells,
            "seconds_to_answer": {"median": times[(len(times) - 1) // 2], "longest": times[-1]} if times else None,
            "by_authority": [{"authority": n, "openings": o, "records": r} for n, (o, r) in self.by_authority.items()],
            "by_kind": [{"kind": n, "openings": o, "records": r} for n, (o, r) in self.by_kind.items()],
            "by_rule": [{"rule": n, "openings": o, "records": r} for n, (o, r) in self.by_rule.items()],
            "refusals": self.refusals,
            "revocations": self.revocations,
            "reveals": self.reveals,
            "faults": self.faults,
            "destroyed_keys": self.destroyed_keys,
            "superseded_batches": self.superseded_batches,
            "holds": self.holds,
            "extended_holds": self.extended_holds,
            "released_holds": self.released_holds,
            "emergencies": self.emergencies,
            "collected": self.collected,
            "segments": [
                {"kind": kind, "rule": rule, "segments": count, "padded_rows": rows}
                for (kind, rule), (count, rows) in self.segments.items()
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """What a valid entry of the log says, with its place and time."""

    index: int
    time: dt.datetime
    body: Body


def transparency(
    entries: Iterable[bytes], *, origin: str, genesis: bytes, first: dt.date, last: dt.date
) -> Transparency:
    """The figures of a period, from all entries of the log.

    Raises:
        MalformedInput: the period ends before it begins.
    """
    state, dated = read_entries(entries, origin=origin, genesis=genesis)
    return figures(state, dated, first=first, last=last)


def read_entries(entries: Iterable[bytes], *, origin: str, genesis: bytes) -> tuple[State, list[Dated]]:
    """State after all entries of the log, and every valid one but rosters."""
    state = State.empty(origin=origin, genesis=genesis)
    valid = [verdict for verdict in state.apply_all(entries) if isinstance(verdict, Valid)]
    return state, [
        Dated(index=v.index, time=v.entry.time, body=v.entry.body) for v in valid if v.entry.body is not None
    ]


def figures(state: State, dated: Iterable[Dated], *, first: dt.date, last: dt.date) -> Transparency:
    """The figures of a period, from State and every valid entry but rosters, keys and receipts, in order.

    Raises:
        MalformedInput: the period ends before it begins.
    """
    if first > last:
        raise MalformedInput("--from: later than --to")
    entries = list(dated)
    times = {entry.index: entry.time for entry in entries}
    within = [entry.body for entry in entries if first <= entry.time.date() <= last]
    openings = [o for o in state.openings.values() if first <= o.time.date() <= last]
    refusals = [body for body in within if isinstance(body, RefuseEntry)]
    used = {body.authorization for body in within if isinstance(body, IntentEntry)}
    closes = [o.close for o in openings if o.close is not None]
    spans = (times[o.close_index] - o.time for o in openings if o.close_index is not None)
    authorities, kinds, rules = (_revealed(state, key) for key in ("authority", "kinds", "rules"))
    return Transparency(
        first=first,
        last=last,
        authorizations=len(used | {body.authorization for body in refusals}),
        openings=len(openings),
        closed=len(closes),
        drawn=sum(o.draw.records for o in openings if o.draw is not None),
        opened=sum(close.records for close in closes),
        unconfirmed_cells=sum(close.unconfirmed_cells for close in closes),
        seconds=tuple(sorted(int(span.total_seconds()) for span in spans)),
        by_authority=_grouped(openings, authorities),
        by_kind=_grouped(openings, kinds),
        by_rule=_grouped(openings, rules),
        refusals=dict(sorted(Counter(body.reason for body in refusals).items())),
        revocations=sum(isinstance(body, RevokeEntry) for body in within),
        reveals=sum(isinstance(body, RevealEntry) for body in within),
        faults=dict(sorted(Counter(body.accused for body in within if isinstance(body, FaultEntry)).items())),
        destroyed_keys=sum(isinstance(body, DestroyEntry) for body in within),
        superseded_batches=sum(isinstance(body, WithdrawEntry) for body in within),
        holds=sum(isinstance(body, HoldEntry) for body in within),
        extended_holds=sum(isinstance(body, ExtendEntry) for body in within),
        released_holds=sum(isinstance(body, ReleaseEntry) for body in within),
        emergencies=emergencies(openings, state),
        **_collected(within, state),
    )


def _revealed(state: State, wanted: str) -> dict[Commitment, tuple[str, ...]]:
    """The revealed values of one line of each authorization, whenever it was revealed.

    ``authority`` is one text; the others are lists.
    """
    values: dict[Commitment, tuple[str, ...]] = {}
    for _, body in state.reveals:
        for line in body.lines:
            key, _, value = (line.line or "").partition(": ")
            if key == wanted:
                values[body.authorization] = (value,) if key == "authority" else tuple(value.split(","))
    return values


def _grouped(openings: Iterable[Opening], names: dict[Commitment, tuple[str, ...]]) -> dict[str, tuple[int, int]]:
    """Openings and records by revealed value, in order of name; those not revealed come last."""
    counts: Counter[str] = Counter()
    records: Counter[str] = Counter()
    for opening in openings:
        for name in names.get(opening.intent.authorization, (NOT_REVEALED,)):
            counts[name] += 1
            records[name] += opening.close.records if opening.close is not None else 0
    return {name: (counts[name], records[name]) for name in sorted(counts, key=lambda n: (n == NOT_REVEALED, n))}


def emergencies(openings: Iterable[Opening], state: State) -> dict[str, int]:
    """How a period's emergencies stand by the log's newest time; those disapproved are counted beside."""
    debts = [state.debts[opening.index] for opening in openings if opening.index in state.debts]
    counts = Counter(debt.status(state.newest) for debt in debts)
    disapproved = sum(bool(state.disapproved_by(debt)) for debt in debts)
    return {status.replace(" ", "_"): counts[status] for status in DebtStatus} | {"disapproved": disapproved}


def _collected(within: Iterable[object], state: State) -> dict[str, dict]:  # type: ignore[type-arg]
    """The figures of batches that are complete and not superseded.

    A batch's first entry gives its counts.
    """
    counting = state.batches.keys() - state.withdrawn.keys()
    parts = [body for body in within if isinstance(body, IngestEntry) and body.batch in counting]
    lines = [line for part in parts for line in part.segments]
    first = [part.counts for part in parts if part.number == 1]
    segments, rows = Counter((line.kind, line.rule) for line in lines), Counter[tuple[str, str]]()
    for line in lines:
        rows[line.kind, line.rule] += line.rows
    sums = {name: sum(getattr(counts, name) for counts in first) for name in CoarseCounts.__slots__}
    return {
        "collected": {"batches": len(first)} | sums,
        "segments": {key: (segments[key], rows[key]) for key in sorted(segments)},
    }
