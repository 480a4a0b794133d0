"""What may be disclosed: an answer's files, proven to belong together. Pure.

Source: ``docs/formats/answer.md``.
"""

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from coffer import wire
from coffer.authority.amended import parse_amended
from coffer.authority.authorization import Authorization
from coffer.authority.countersign import Countersigned, subject_rule, verify_countersigned
from coffer.disclosure.answer import (
    AnsweredCell,
    SupersededBatch,
    count_superseded,
    result_commitment,
)
from coffer.disclosure.cells import parse_cells, verify_outcome, verify_superseded
from coffer.disclosure.claims import ANSWER_KEYS, index_of, typed
from coffer.disclosure.joined import split_parts, verify_keys
from coffer.disclosure.part import Part, parse_part, part_before, settled
from coffer.disclosure.records_csv import parse_records
from coffer.errors import MalformedInput, NotProven
from coffer.identity.identifier import IdentityType
from coffer.ledger.entries import CloseEntry, Commitment, IngestEntry, SegmentId, SegmentLine
from coffer.ledger.facts import Opening
from coffer.ledger.grammar import parse_entry
from coffer.ledger.retention import is_segment_past
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.ledger.superseded import superseded_before
from coffer.notes.keys import VerifyKey, parse_key_name, parse_vkey
from coffer.segments.opened import OpenedRow
from coffer.translog.checkpoint import Checkpoint, verify_checkpoint
from coffer.translog.merkle import leaf_hash, verify_inclusion

ANSWER_PATH: Final = re.compile(
    r"records\.csv|superseded\.csv|answer\.json"
    r"|evidence/(?:trust\.json|authorization\.note|checkpoint|proofs\.json|secrets\.json"
    r"|entries|segments|requests/[0-9]{2,9}\.digest|replies/[0-9]{2,9}-[1-9]\.reply)"
)
"""Every path that an answer may hold. Other files in its folder are no part of the answer."""
_ENTRIES: Final = "evidence/entries"
_SEGMENTS: Final = "evidence/segments"
_INDEX_BYTES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedLog:
    """The log's key and the genesis roster hash, as an answer states them.

    Nothing in the answer proves them: a caller that knows its vault compares them with its own.
    """

    log_key: VerifyKey
    genesis: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPlace:
    """The place of a log entry: its index and its time (UTC)."""

    index: int
    time: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Disclosure:
    """An answer that may be disclosed; only ``verify_disclosure`` makes one.

    ``roster``: the roster that the note names. ``signers``: custodians whose countersignatures verify.
    ``rows`` and ``superseded``: in the order of their files. ``batches``: the superseded batches that were asked.
    ``devices``: which of imei and imsi the files have as columns. ``custodians``: how each answered, by name, as
    ``answer.json`` says; ``cells``: the outcome of each, likewise. ``draw``: None if nothing was drawn.
    ``part``: which part of a continuing order; None of an answer to all that was there. ``files``: the answer's files by
    path.
    """

    pins: PinnedLog
    authorization: Authorization
    roster: Roster
    signers: tuple[str, ...]
    rows: tuple[OpenedRow, ...]
    superseded: tuple[OpenedRow, ...]
    batches: tuple[SupersededBatch, ...]
    devices: tuple[str, ...]
    custodians: Mapping[str, str]
    cells: tuple[AnsweredCell, ...]
    intent: LogPlace
    draw: LogPlace | None
    close: LogPlace
    checkpoint: Checkpoint
    part: Part | None
    files: Mapping[str, bytes]


def verify_disclosure(files: Mapping[str, bytes], pins: PinnedLog | None = None) -> Disclosure:
    """Prove that these records are the ones that the log says were opened, without recomputing every row.

    D1: the log signed the checkpoint.
    D2: every entry is in the log under that checkpoint, and State accepts intent, draw and close.
    D3: the note is the intent's; its requester signed it, and so did custodians that satisfy the rule of every subject.
    D4: ``records.csv`` and ``superseded.csv`` hash to the result in the close entry.
    D5: ``answer.json`` agrees with the entries, and the evidence of rows is of its cells' segments.

    ``pins``: the log that it must be; None accepts the log that the answer names.

    Raises:
        MalformedInput: a file is missing or not in its form.
        NotProven: a step fails, and the message names it; the answer was changed or belongs to another log.
        Refused: there are too few countersignatures.
    """
    contents = _Files(files)
    own = _parse_pins(contents)
    if pins is not None and pins != own:
        raise NotProven(
            "answer: D1: evidence/trust.json: another log or genesis than the vault's",
            hint="is this the vault that the answer was opened from?",
        )
    checkpoint = verify_checkpoint(contents["evidence/checkpoint"], own.log_key, "evidence/checkpoint")
    state, times, segments = _replay(contents, own, checkpoint)
    answer, part = _parse_answer(contents, own)
    _verify_part(part, answer, state)
    opening, close = _verify_opening(answer, state)
    countersigned = _verify_order(contents, answer, state, opening)
    authorization, roster = countersigned.authorization, countersigned.roster
    rows, superseded, devices = _verify_records(contents, authorization, close, answer)
    before = superseded_before(state, opening.index)
    cells = parse_cells(answer, segments, before, len(authorization.terms.subjects))
    verify_keys(contents[_SEGMENTS], [bytes.fromhex(cell.segment) for cell in cells], _SEGMENTS)
    batches = verify_superseded(answer, cells, before, superseded)
    drawn = opening.draw.records if opening.draw is not None else 0
    custodians = verify_outcome(answer, cells, close, roster, drawn)
    return Disclosure(
        pins=own,
        authorization=authorization,
        roster=roster,
        signers=countersigned.signers,
        rows=rows,
        superseded=superseded,
        batches=batches,
        devices=devices,
        custodians=custodians,
        cells=cells,
        intent=LogPlace(index=opening.index, time=opening.time),
        draw=None if opening.draw_index is None else times(opening.draw_index),
        close=times(index_of(answer, "close")),
        checkpoint=checkpoint,
        part=part,
        files={path: raw for path, raw in files.items() if ANSWER_PATH.fullmatch(path)},
    )


def verify_complete(disclosure: Disclosure, before: State, after: State) -> Disclosure:
    """D6: prove that no segment is left out, and that what is called superseded is.

    Every segment that the authorization reaches must have a cell.
    ``before``: the State of the whole log at the intent; ``after``: at the close. Segments whose keys died or whose
    retention ended before the close are not demanded, because they could no longer be asked.

    Raises:
        NotProven: a segment has no cell, or the log does not accept the intent, draw and close of the evidence, or
            supersedes other batches.
    """
    if before.size != disclosure.intent.index or disclosure.intent.index not in after.openings:
        raise NotProven("answer: D6: its intent does not count in the whole log")
    # The evidence shows few entries: one that is dated back may count among those alone.
    superseded = superseded_before(before, disclosure.intent.index)
    apart = {cell.segment for cell in disclosure.cells if cell.superseded}
    if apart != {cell.segment for cell in disclosure.cells} & {seg_id.hex() for seg_id in superseded} or (
        disclosure.batches != count_superseded(disclosure.cells, superseded, disclosure.superseded)
    ):
        raise NotProven("answer: D6: superseded otherwise than the whole log has it before the intent")
    terms, closed = disclosure.authorization.terms, disclosure.close.time.date()
    asked = {(cell.segment, cell.subject) for cell in disclosure.cells}
    part, since = disclosure.part, 0
    if part is not None:
        if part != part_before(disclosure.authorization.commitment, before, before=before.size):
            raise NotProven("answer: D6: another part of the continuing order than the whole log has")
        since = part.since or 0
    for segment in before.completed_from(since):
        seg_id, line = segment.line.seg_id, segment.line
        if line.kind not in terms.kinds or is_segment_past(segment, closed) or after.is_dead(segment):
            continue
        for number, subject in enumerate(terms.subjects, 1):
            is_elsewhere = subject.type is IdentityType.OPAQUE and subject.scope != segment.feed
            is_reached = not is_elsewhere and subject_rule(subject, segment.roster).name == line.rule
            if is_reached and terms.touches(number, line.day) and (seg_id.hex(), number) not in asked:
                raise NotProven(
                    f"answer: D6: segment {seg_id.hex()[:16]} of {line.day} was not asked for subject line {number}",
                    hint="an answer that leaves records out is not disclosed: open again with coffer open",
                )
    return disclosure


def rules_of(disclosure: Disclosure) -> tuple[tuple[str, str, str], ...]:
    """For each subject line the subject, the name of its rule, and the rule's expression."""
    rules = [(subject, subject_rule(subject, disclosure.roster)) for subject in disclosure.authorization.terms.subjects]
    return tuple((subject.format(), rule.name, rule.expression) for subject, rule in rules)


class _Files:
    """Files by path; asking for a missing one raises ``MalformedInput``."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.all = files

    def __getitem__(self, path: str) -> bytes:
        if path not in self.all:
            raise MalformedInput(f"answer: {path}: no such file", hint="an answer is disclosed with all of its files")
        return self.all[path]

    def document(self, path: str) -> dict[str, object]:
        """The JSON object of a file; a repeated key is refused."""
        try:
            value = json.loads(self[path].decode("ascii"), object_pairs_hook=_unique)
        except (ValueError, RecursionError):
            raise MalformedInput(f"{path}: not JSON, or a key twice") from None
        if not isinstance(value, dict):
            raise MalformedInput(f"{path}: expected an object")
        return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _parse_pins(contents: _Files) -> PinnedLog:
    path = "evidence/trust.json"
    document = contents.document(path)
    if set(document) != {"origin", "log", "genesis"} or not all(isinstance(v, str) for v in document.values()):
        raise MalformedInput(f"{path}: expected origin, log and genesis")
    key = parse_vkey(str(document["log"]), f"{path}: log")
    if key.name != parse_key_name(str(document["origin"]), f"{path}: origin"):
        raise MalformedInput(f"{path}: the log's key is not named by the origin")
    return PinnedLog(log_key=key, genesis=wire.parse_hex(str(document["genesis"]), f"{path}: genesis", size=32))


def _replay(
    contents: _Files, pins: PinnedLog, checkpoint: Checkpoint
) -> tuple[State, Callable[[int], LogPlace], Mapping[SegmentId, tuple[str, SegmentLine]]]:
    """The State after the evidence's entries, the place of each entry, and the segments that they name.

    Each entry is proven to be in the log at its index. ``State`` decides whether an entry counts; the segments are only
    proven to have been logged, with their feed and line.
    """
    proofs = contents.document("evidence/proofs.json")
    state = State.empty(origin=pins.log_key.name, genesis=wire.Hash(pins.genesis))
    state.is_sparse = True
    places: dict[int, LogPlace] = {}
    segments: dict[SegmentId, tuple[str, SegmentLine]] = {}
    for key, raw in split_parts(contents[_ENTRIES], _INDEX_BYTES, _ENTRIES):
        index = int.from_bytes(key, "big")
        proof = proofs.pop(str(index), None)
        if not isinstance(proof, list) or len(proof) > 64 or not all(isinstance(item, str) for item in proof):
            raise MalformedInput(f"evidence/proofs.json: {index}: expected a list of base64")
        hashes = [wire.Hash(wire.parse_base64(item, f"evidence/proofs.json: {index}", size=32)) for item in proof]
        head = checkpoint.head
        verify_inclusion(leaf=leaf_hash(raw), index=index, size=head.size, root=head.root, proof=hashes)
        state.size = index  # the entries between are not shown, but none of them could make these count for more
        state.apply(raw)
        entry = parse_entry(raw, f"{_ENTRIES}: entry {index}")
        places[index] = LogPlace(index=index, time=entry.time)
        if isinstance(entry.body, IngestEntry):
            segments |= {line.seg_id: (entry.body.feed, line) for line in entry.body.segments}
    if proofs:
        raise MalformedInput("evidence/proofs.json: other indexes than evidence/entries has")
    if state.in_force is None:
        raise NotProven("answer: D2: entry 0 is not the genesis roster")
    return state, places.__getitem__, segments


def _parse_answer(contents: _Files, pins: PinnedLog) -> tuple[dict[str, object], Part | None]:
    document = contents.document("answer.json")
    part = parse_part(document.pop("continues"), "answer.json") if "continues" in document else None
    answer = typed(document, ANSWER_KEYS, "answer.json")
    if answer["format"] != "coffer.answer/v4" or answer["origin"] != pins.log_key.name:
        raise MalformedInput("answer.json: another format or origin, expected coffer.answer/v4 and the log's")
    wire.parse_hex(str(answer["authorization"]), "answer.json: authorization", size=32)
    return answer, part


def _verify_part(part: Part | None, answer: Mapping[str, object], state: State) -> None:
    """The part before is an opening of the same authorization, closed with an answer before the intent."""
    if part is None or part.since is None:
        return
    intent, commitment = index_of(answer, "intent"), Commitment(bytes.fromhex(str(answer["authorization"])))
    if part.since not in {opening.index for opening in settled(commitment, state, before=intent)}:
        raise NotProven("answer: D2: the part before it is no opening of this authorization with an answer")


def _verify_opening(answer: Mapping[str, object], state: State) -> tuple[Opening, CloseEntry]:
    opening = state.openings.get(index_of(answer, "intent"))
    if opening is None or opening.close is None:
        raise NotProven("answer: D2: its intent and close are not valid entries of the log")
    if (opening.draw_index, opening.close_index) != (answer["draw"], answer["close"]):
        raise NotProven("answer: D2: answer.json names another draw or close than the log has")
    return opening, opening.close


def _verify_order(contents: _Files, answer: Mapping[str, object], state: State, opening: Opening) -> Countersigned:
    """The authorization of the intent, with the custodians that signed it."""
    path = "evidence/authorization.note"
    authorization = parse_amended(contents[path], path)
    roster = state.rosters.get(authorization.terms.roster)
    if roster is None or authorization.terms.origin != state.origin:
        raise NotProven("answer: D3: the authorization is for another vault or roster than the log's")
    if not authorization.commitment == opening.intent.authorization == bytes.fromhex(str(answer["authorization"])):
        raise NotProven("answer: D3: the authorization is not the one of the intent")
    if opening.intent.requester != authorization.terms.requester.name:
        raise NotProven("answer: D3: the intent is another requester's")
    return verify_countersigned(authorization, roster)


def _verify_records(
    contents: _Files, authorization: Authorization, close: CloseEntry, answer: Mapping[str, object]
) -> tuple[tuple[OpenedRow, ...], tuple[OpenedRow, ...], tuple[str, ...]]:
    secrets = contents.document("evidence/secrets.json")
    if set(secrets) != {"result_salt"}:
        raise MalformedInput("evidence/secrets.json: expected result_salt")
    salt = wire.parse_hex(str(secrets["result_salt"]), "evidence/secrets.json: result_salt", size=32)
    records, apart = contents["records.csv"], contents.all.get("superseded.csv")
    if result_commitment(salt, records, apart) != close.result:
        raise NotProven(
            "answer: D4: records.csv and superseded.csv are not what the close entry commits to",
            hint="the files were changed after the opening: take the answer from where it was kept unchanged",
        )
    subjects = {subject.format(): n for n, subject in enumerate(authorization.terms.subjects, 1)}
    rows, devices = parse_records(records, subjects, "records.csv")
    superseded = parse_records(apart, subjects, "superseded.csv", is_superseded=True)[0] if apart is not None else ()
    if not all(authorization.terms.holds(row.line, row.start) for row in (*rows, *superseded)):
        raise NotProven("answer: D4: a record starts outside the periods of its subject")
    repeated = sum(bool(row.repeat) for row in rows)
    totals = (answer["records"], answer["repeated_records"], answer["superseded_records"])
    if (len(rows), repeated, len(superseded)) != totals:
        raise NotProven("answer: D5: answer.json: other totals than the files have rows")
    if close.records != len(rows) + len(superseded):
        raise NotProven("answer: D5: the close entry has another total than the files have rows")
    return rows, superseded, devices
