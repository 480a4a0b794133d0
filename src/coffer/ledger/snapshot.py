"""``State`` as bytes, so that a long log need not be replayed at every start. Pure.

Here the bytes are only read strictly. The caller binds them to a checkpoint and authenticates them (``coffer.replica``).
"""

import datetime as dt
import gc
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from coffer.errors import MalformedInput
from coffer.ledger.codes import OrderCodes
from coffer.ledger.debts import Debt
from coffer.ledger.entries import (
    BatchId,
    Commitment,
    FaultEntry,
    IngestEntry,
    OffsetMark,
    RefuseEntry,
    RevealEntry,
    SegmentId,
    SegmentLine,
    TopicId,
)
from coffer.ledger.facts import Absence, Batch, Opening, Pending, Segment
from coffer.ledger.holds import LoggedHold
from coffer.ledger.receipts import Receipts
from coffer.ledger.roster import Roster, parse_roster
from coffer.ledger.state import State

VERSION: Final = 9
_HASH_BYTES: Final = 32
_Natural = Annotated[int, msgspec.Meta(ge=0)]
"""A place or a number; a negative place would count from the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Segments:
    """All segments, in columns: as objects each would hold its words and its day again.

    ``ids``, ``hashes``: 32 B each. ``words``: kinds, rules and feeds, which the columns name by their place.
    ``superseded``: by the place of a segment, the id of that which it supersedes.
    """

    ids: bytes
    hashes: bytes
    words: list[str]
    days: list[_Natural]
    kinds: list[_Natural]
    rules: list[_Natural]
    parts: list[_Natural]
    rows: list[_Natural]
    feeds: list[_Natural]
    rosters: list[_Natural]
    entry_indexes: list[_Natural]
    superseded: list[tuple[_Natural, SegmentId]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """What is stored; what follows from it is left out.

    ``rosters``: index and text of each, in order. Elsewhere a roster is named by its place in this list.
    """

    version: int
    origin: str
    genesis: bytes
    size: int
    newest: dt.datetime
    rosters: list[tuple[int, bytes]]
    epoch_keys: list[tuple[str, dt.date, bytes]]
    batches: list[Batch]
    withdrawn: list[tuple[BatchId, int]]
    segments: _Segments
    openings: list[Opening]
    revoked: list[Commitment]
    refusals: list[tuple[int, RefuseEntry]]
    destroyed: list[tuple[str, dt.date]]
    receipt_names: list[str]
    receipts: dict[SegmentId, bytes]
    faults: list[tuple[int, FaultEntry]]
    reveals: list[tuple[int, RevealEntry]]
    pending: list[tuple[BatchId, list[tuple[int, int, IngestEntry]]]]
    offsets: list[tuple[TopicId, _Natural, OffsetMark]]
    nonces: list[tuple[str, bytes]]
    absences: list[Absence]
    absence_indexes: list[int]
    holds: list[LoggedHold]
    debts: list[Debt]


_DECODER: Final = msgspec.msgpack.Decoder(_Form)


def format_snapshot(state: State) -> bytes:
    """The state, as MessagePack; equal states give equal bytes."""
    numbers = {roster_hash: number for number, roster_hash in enumerate(state.rosters)}
    return msgspec.msgpack.encode(
        _Form(
            version=VERSION,
            origin=state.origin,
            genesis=state.genesis,
            size=state.size,
            newest=state.newest,
            rosters=[(state.roster_indexes[name], roster.text) for name, roster in state.rosters.items()],
            epoch_keys=[(name, day, key) for (name, day), key in state.epoch_keys.items()],
            batches=list(state.batches.values()),
            withdrawn=list(state.withdrawn.items()),
            segments=_in_columns(list(state.segments.values()), numbers),
            openings=list(state.openings.values()),
            revoked=sorted(state.revoked),
            refusals=state.refusals,
            destroyed=sorted(state.destroyed),
            receipt_names=list(state.receipts.names),
            receipts=dict(state.receipts.kept),
            faults=state.faults,
            reveals=state.reveals,
            pending=[
                (batch, [(index, numbers[roster.hash], entry) for index, roster, entry in pending.parts])
                for batch, pending in state.pending.items()
            ],
            offsets=[(topic, partition, end) for (topic, partition), end in sorted(state.offsets.items())],
            nonces=sorted(state.nonces),
            absences=list(state.absences.values()),
            absence_indexes=state.absence_indexes,
            holds=list(state.holds.values()),
            debts=list(state.debts.values()),
        )
    )


def parse_snapshot(raw: bytes, place: str) -> State:
    """The inverse of ``format_snapshot``; raises ``MalformedInput`` only."""
    # A million objects are made here, and none of them is garbage. The collector would walk them again and again, now and later. So it is stopped while
    # they are made, and told afterwards to leave them alone.
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        return _parse(raw, place)
    finally:
        if was_collecting:
            gc.freeze()
            gc.enable()


def _parse(raw: bytes, place: str) -> State:
    try:
        form = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedInput(f"{place}: not a snapshot of this version") from None
    if form.version != VERSION:
        raise MalformedInput(f"{place}: snapshot of version {form.version}, expected {VERSION}")
    rosters = [parse_roster(text, f"{place}: roster of entry {index}") for index, text in form.rosters]
    named = set(form.segments.rosters) | {part[1] for _, parts in form.pending for part in parts}
    if any(not 0 <= number < len(rosters) for number in named) or any(not parts for _, parts in form.pending):
        raise MalformedInput(f"{place}: a segment of an unknown roster, or an ingest without entries")
    hashes = {roster.hash for roster in rosters}
    if any(not hold.terms or hold.entry.roster not in hashes for hold in form.holds):
        raise MalformedInput(f"{place}: a hold without a term, or of an unknown roster")
    if any(debt.roster not in hashes for debt in form.debts):
        raise MalformedInput(f"{place}: an emergency of an unknown roster")
    told: dict[Commitment, OrderCodes] = {}
    for intent in (opening.intent for opening in form.openings):
        told[intent.authorization] = told.get(intent.authorization, intent.codes).filled_by(intent.codes)
    segments = {one.line.seg_id: one for one in _from_columns(form.segments, rosters, place)}
    return State(
        origin=form.origin,
        genesis=form.genesis,
        size=form.size,
        newest=form.newest,
        rosters={roster.hash: roster for roster in rosters},
        roster_indexes={roster.hash: index for roster, (index, _) in zip(rosters, form.rosters, strict=True)},
        in_force=rosters[-1] if rosters else None,
        epoch_keys={(name, day): key for name, day, key in form.epoch_keys},
        batches={batch.batch: batch for batch in form.batches},
        withdrawn=dict(form.withdrawn),
        segments=segments,
        superseded=_superseded(form, segments),
        openings={opening.index: opening for opening in form.openings},
        revoked=set(form.revoked),
        refusals=form.refusals,
        refused={(body.authorization, body.custodian) for _, body in form.refusals},
        destroyed=set(form.destroyed),
        receipts=_receipts(form, segments, place),
        faults=form.faults,
        faults_of=_by_object(body for _, body in form.faults),
        reveals=form.reveals,
        pending={batch: _pending(parts, rosters) for batch, parts in form.pending},
        offsets={(topic, partition): end for topic, partition, end in form.offsets},
        nonces=set(form.nonces),
        absences={absence.custodian: absence for absence in form.absences},
        absence_indexes=form.absence_indexes,
        holds={hold.index: hold for hold in form.holds},
        debts={debt.index: debt for debt in form.debts},
        told=told,
    )


def _in_columns(segments: Sequence[Segment], rosters: Mapping[bytes, int]) -> _Segments:
    words: dict[str, int] = {}

    def places(values: Iterable[str]) -> list[int]:
        return [words.setdefault(value, len(words)) for value in values]

    lines = [one.line for one in segments]
    return _Segments(
        ids=b"".join(line.seg_id for line in lines),
        hashes=b"".join(line.header_hash for line in lines),
        days=[line.day.toordinal() for line in lines],
        kinds=places(line.kind for line in lines),
        rules=places(line.rule for line in lines),
        parts=[line.part for line in lines],
        rows=[line.rows for line in lines],
        feeds=places(one.feed for one in segments),
        words=list(words),
        rosters=[rosters[one.roster.hash] for one in segments],
        entry_indexes=[one.entry_index for one in segments],
        superseded=[(at, line.supersedes) for at, line in enumerate(lines) if line.supersedes is not None],
    )


def _from_columns(columns: _Segments, rosters: Sequence[Roster], place: str) -> list[Segment]:
    words = [sys.intern(word) for word in columns.words]
    superseded = dict(columns.superseded)
    try:
        days = {number: dt.date.fromordinal(number) for number in set(columns.days)}
        return [
            Segment(
                line=SegmentLine(
                    seg_id=SegmentId(seg_id),
                    header_hash=header_hash,
                    day=days[day],
                    kind=words[kind],
                    rule=words[rule],
                    part=part,
                    rows=rows,
                    supersedes=superseded.get(at),
                ),
                feed=words[feed],
                roster=rosters[roster],
                entry_index=entry_index,
            )
            for at, (seg_id, header_hash, day, kind, rule, part, rows, feed, roster, entry_index) in enumerate(
                zip(
                    _cut(columns.ids),
                    _cut(columns.hashes),
                    columns.days,
                    columns.kinds,
                    columns.rules,
                    columns.parts,
                    columns.rows,
                    columns.feeds,
                    columns.rosters,
                    columns.entry_indexes,
                    strict=True,
                )
            )
        ]
    except (ValueError, IndexError, OverflowError):
        raise MalformedInput(f"{place}: columns of segments that do not fit together") from None


def _cut(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + _HASH_BYTES] for at in range(0, len(hashes), _HASH_BYTES)]


def _receipts(form: _Form, segments: Mapping[SegmentId, Segment], place: str) -> Receipts:
    try:
        kept = {segments[name].line.seg_id: raw for name, raw in form.receipts.items()}
        return Receipts(form.receipt_names, kept)
    except (KeyError, ValueError):
        raise MalformedInput(f"{place}: receipts that no log could hold") from None


def _superseded(form: _Form, segments: Mapping[SegmentId, Segment]) -> set[SegmentId]:
    replaced = {s.line.supersedes for s in segments.values() if s.line.supersedes is not None}
    withdrawn = {batch for batch, _ in form.withdrawn}
    return replaced.union(*(batch.segments for batch in form.batches if batch.batch in withdrawn))


def _pending(parts: list[tuple[int, int, IngestEntry]], rosters: list[Roster]) -> Pending:
    pending = Pending(first=parts[0][2])
    for index, number, entry in parts:
        pending.add(index, rosters[number], entry)
    return pending


def _by_object(faults: Iterable[FaultEntry]) -> dict[SegmentId | int, list[FaultEntry]]:
    by_object: dict[SegmentId | int, list[FaultEntry]] = {}
    for body in faults:
        by_object.setdefault(body.object, []).append(body)
    return by_object
