"""Steps 0 to 5 of the audit of an answer: from the log's key to segments (docs/formats/answer.md).

Each function takes the values that earlier steps proved, and returns its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coffer_audit.answer.authorization import parse_authorization
from coffer_audit.answer.claims import STATUSES, parse_claims
from coffer_audit.answer.package import PackageFiles, open_answer
from coffer_audit.entries.codes import HIDDEN, codes_of_lines, find_false_code, received_of, span_of
from coffer_audit.errors import MalformedInput, NotProven, verify_that
from coffer_audit.log.checkpoint import parse_checkpoint, verify_checkpoint, verify_included
from coffer_audit.notes import MAX_NOTE_BYTES, verify_signers
from coffer_audit.segments import hash_batch, page_bytes, parse_header, verify_header, verify_manifest
from coffer_audit.trust import decide_trust
from coffer_audit.validity.state import replay
from coffer_audit.vault.audit import MAX_FILE_BYTES
from coffer_audit.vault.witnesses import verify_quorum
from coffer_audit.wire import MAX_JSON, MAX_SMALL_JSON, Cursor, parse_json, split_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from coffer_audit.answer.authorization import Authorization
    from coffer_audit.answer.claims import Cell, Claims
    from coffer_audit.answer.package import Files
    from coffer_audit.entries.roster import Roster
    from coffer_audit.errors import Findings
    from coffer_audit.log.checkpoint import Checkpoint
    from coffer_audit.segments import Header, Manifest
    from coffer_audit.trust import Trust
    from coffer_audit.validity.facts import Opening, Segment
    from coffer_audit.validity.state import State

MAX_EVIDENCE_BYTES = 1 << 26
"""Bytes of a file of the evidence. Requests and replies have at most 8 MiB on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An answer as it was read. Only the hashes of a package's files are proven."""

    files: Files
    trust: Trust
    checkpoint: Checkpoint
    claims: Claims

    def read(self, name: str, limit: int = MAX_EVIDENCE_BYTES) -> bytes:
        """Give the content of a file in evidence/."""
        return self.files.read(f"evidence/{name}", limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The authorization that the intent commits to, the roster that it names, and its signers.

    `amenders`: the signers of its amendment; None without one.
    """

    paper: Authorization
    roster: Roster
    rosters: Mapping[str, Roster]
    signers: frozenset[tuple[str, bytes]]
    amenders: frozenset[tuple[str, bytes]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The segments of the evidence, proven to be those of the log, by seg_id.

    `manifests`: with the pages that were touched. `batches`: the rows of the touched batches.
    """

    headers: Mapping[str, Header]
    manifests: Mapping[str, Manifest]
    batches: Mapping[tuple[str, int], bytes]


def read_answer(path: Path, log_key: str | None, genesis: str | None, findings: Findings) -> Given:
    """Read an answer, which is a folder or a package, and decide what to trust.

    Raises: MalformedInput, Unavailable.
    """
    files = open_answer(path)
    if not files.names("evidence") or not files.has("answer.json"):
        raise MalformedInput(f"{str(path)!a}: found no answer.json or evidence/, expected an answer")
    raw = files.read("evidence/trust.json", MAX_SMALL_JSON)
    texts = parse_json(raw, "trust.json", ("origin", "log", "genesis"))
    if not all(isinstance(value, str) for value in texts.values()):
        raise MalformedInput("trust.json: found a value that is no text, expected texts")
    trust = decide_trust({key: str(value) for key, value in texts.items()}, log_key, genesis, findings)
    checkpoint = parse_checkpoint(files.read("evidence/checkpoint", MAX_EVIDENCE_BYTES), "checkpoint")
    claims = parse_claims(files.read("answer.json", MAX_JSON))
    return Given(files=files, trust=trust, checkpoint=checkpoint, claims=claims)


def segment_of(state: State, seg_id: str) -> Segment:
    """Give a segment of State. Raises: NotProven if there is none."""
    verify_that(seg_id in state.segments, "segment: found one that is not in the entries")
    return state.segments[seg_id]


def verify_package(files: PackageFiles, given: Given) -> None:
    """Step 0: prove that the requester whom the authorization names signed the manifest.

    The hashes of the files were verified when the package was read.
    """
    paper = parse_authorization(given.read("authorization.note", 2 * MAX_NOTE_BYTES))
    files.verify_manifest(given.trust.key.name, paper.commitment, paper.key)


def verify_origin(given: Given) -> None:
    """Step 1: prove that the log's key signed the checkpoint."""
    verify_checkpoint(given.checkpoint, given.trust.key, "checkpoint")
    verify_that(given.claims.origin == given.trust.key.name, "answer.json origin: found another than the log's")
    verify_that(given.claims.format == "coffer.answer/v4", "answer.json format: found another")


def shown_entries(given: Given) -> Iterator[tuple[int, bytes]]:
    """Give the entries of the evidence with their indexes, ascending. Nothing of them is proven yet."""
    for key, raw in split_parts(given.read("entries", MAX_FILE_BYTES), 8, "entries"):
        yield int.from_bytes(key, "big"), raw


def verify_entries(given: Given, findings: Findings) -> State:
    """Step 2: prove that every entry is in the tree, and give the State after them."""
    proofs, entries = parse_json(given.read("proofs.json", MAX_JSON), "proofs.json"), []
    for index, raw in shown_entries(given):
        verify_that(str(index) in proofs, f"proofs.json: found no proof of entry {index}, expected one")
        verify_included(raw, index, proofs.pop(str(index)), given.checkpoint)
        entries.append((index, raw))
    verify_that(not proofs, "proofs.json: found other indexes than entries has")
    state = replay(given.trust.key.name, given.trust.genesis, entries, sparse=True)
    for index, code, message in state.invalid:
        findings.violate(code, message, entry=index)
    verify_that(state.rosters, "entries: found no valid genesis at entry 0")
    verify_quorum(given.checkpoint, state)
    verify_that(not state.ingests.pending, "entries: found an ingest batch that is not whole")
    return state


def verify_opening(given: Given, state: State) -> Opening:
    """Step 3: prove that State links intent, draw and close as answer.json says; give the opening."""
    opening = state.openings.get(given.claims.intent)
    if opening is None or opening.close is None or opening.close[0] != given.claims.close:
        raise NotProven("answer.json intent, close: found no such pair in the entries")
    draw = opening.draw[0] if opening.draw else None
    verify_that(draw == given.claims.draw, "answer.json draw: found another than the entries have")
    part, past = given.claims.part, find_parts_before(opening.intent.text["authorization"], given.claims.intent, state)
    wanted = [] if part is None or part.since is None else [part.since]
    verify_that(past == wanted, "entries: found other parts of the order before this one than answer.json continues")
    verify_that(
        set(state.openings) == {given.claims.intent, *wanted}, "entries: found another intent, expected this one alone"
    )
    return opening


def find_parts_before(authorization: str, intent: int, state: State) -> list[int]:
    """Give the intents that were closed with an answer before another intent of one authorization."""
    return [
        index
        for index, opening in sorted(state.openings.items())
        if opening.close is not None
        and opening.close[0] < intent
        and opening.close[1].number["answers"] > 0
        and opening.intent.text["authorization"] == authorization
    ]


def verify_authorization(given: Given, state: State, opening: Opening) -> Order:
    """Step 4: verify grammar, commitment, requester, time of the intent, and limit of records."""
    intent, paper = opening.intent, parse_authorization(given.read("authorization.note", 2 * MAX_NOTE_BYTES))
    verify_that(paper.origin == given.trust.key.name, "authorization origin: found another than the log's")
    verify_that(
        paper.commitment == intent.text["authorization"] == given.claims.authorization,
        "authorization: found another commitment than the intent's or answer.json's",
    )
    key = opening.roster.requesters.get(paper.requester)
    verify_that(
        key and key == paper.key and paper.requester == intent.text["requester"],
        "authorization requester: found another than the intent's",
    )
    rosters = {roster.hash: roster for roster in state.rosters}
    verify_that(paper.roster in rosters, "authorization roster: found one that is not in the entries")
    known = [key for roster in state.rosters for key in roster.signing_keys()]
    signers = verify_signers(paper.note, [*known, paper.key], "authorization")
    verify_that(paper.key.identity in signers, "authorization: found no signature of the requester")
    amenders = verify_signers(paper.amendment.note, [*known, paper.key], "amendment") if paper.amendment else None
    verify_that(amenders is None or paper.key.identity in amenders, "amendment: found no signature of the requester")
    verify_that(paper.not_before <= opening.time < paper.expires, "intent: found it outside not-before and expires")
    _verify_codes(paper, opening)
    drawn = opening.draw[1].number["records"] if opening.draw else 0
    verify_that(drawn <= paper.limit, f"draw: found {drawn} records, expected at most max-records")
    return Order(paper=paper, roster=rosters[paper.roster], rosters=rosters, signers=signers, amenders=amenders)


def _verify_codes(paper: Authorization, opening: Opening) -> None:
    """The intent and the close show no other codes than those of the note."""
    lines = dict(enumerate(paper.note.lines))
    false = find_false_code(opening.intent.text, codes_of_lines(lines))
    verify_that(not false, f"intent {false}: found another code than the authorization's")
    received = received_of(lines)
    if opening.close and opening.closed and received:
        took = opening.close[1].text["took"]
        verify_that(
            took in (HIDDEN, span_of(opening.closed - received)),
            "close took: found another time than its own since the order came",
        )


def _read_pages(raw: bytes, header: Header, place: str) -> dict[int, bytes]:
    """Give the pages of a manifest: u32 number, then the page, ascending."""
    cursor, pages, last = Cursor(raw, place), dict[int, bytes](), -1
    while not cursor.is_at_end():
        number = cursor.number(4)
        verify_that(last < number, f"{place}: found page {number}, expected ascending ones")
        verify_that(page_bytes(header, number), f"{place}: found page {number}, beyond the last one")
        pages[number], last = cursor.take(page_bytes(header, number)), number
    return pages


def _read_segment(
    raw: bytes, given: Given, state: State, seg_id: str
) -> tuple[Header, Manifest, dict[tuple[str, int], bytes]]:
    """Give the header, manifest and batches of a segment's evidence.

    It is LP(header), LP(head of the manifest), in version 2 LP(pages), then the batches (u32 index, rows) in
    ascending order. Each batch must have the manifest's hash.
    """
    place = f"segment {seg_id}"
    cursor = Cursor(raw, place)
    header = parse_header(cursor.prefixed(), stripped=True)
    verify_header(header, segment_of(state, seg_id), given.trust.key.name, None)
    head = cursor.prefixed()
    pages = _read_pages(cursor.prefixed(), header, place) if header.core[:8] == b"COFSEG02" else None
    manifest = verify_manifest(head, pages, header)
    batches: dict[tuple[str, int], bytes] = {}
    last = -1
    while not cursor.is_at_end():
        index, rows = cursor.number(4), cursor.take(header.batch_rows * header.width)
        verify_that(last < index < header.batches, f"{place}: found batch {index}, expected ascending ones")
        verify_that(
            hash_batch(bytes.fromhex(seg_id), index, rows) == manifest.batch_hash(index),
            f"batch {index} of {seg_id}: found another hash, or no page that names it",
        )
        batches[seg_id, index], last = rows, index
    return header, manifest, batches


def verify_segments(given: Given, state: State, paper: Authorization) -> Stored:
    """Step 5: prove headers by the log, manifests by headers, and batches by manifests.

    Every cell of answer.json must name such a segment.
    """
    headers: dict[str, Header] = {}
    manifests: dict[str, Manifest] = {}
    batches: dict[tuple[str, int], bytes] = {}
    for key, raw in split_parts(given.read("segments", MAX_FILE_BYTES), 32, "segments"):
        seg_id = key.hex()
        headers[seg_id], manifests[seg_id], own = _read_segment(raw, given, state, seg_id)
        batches |= own
    _verify_cells(given.claims, state, paper, headers)
    return Stored(headers=headers, manifests=manifests, batches=batches)


def _verify_cells(claims: Claims, state: State, paper: Authorization, headers: Mapping[str, Header]) -> None:
    """Prove that every cell is of a logged segment that the authorization reaches.

    The cells must be in order.
    """
    superseded = state.ingests.superseded_before(claims.intent)
    for cell in claims.cells:
        segment = segment_of(state, cell.segment)
        line = segment.line
        verify_that(1 <= cell.subject <= len(paper.subjects), "cell: found no such subject line")
        same = (cell.day, cell.kind, cell.feed, cell.rule, cell.part) == (
            line.day.isoformat(),
            line.kind,
            segment.feed,
            line.rule,
            line.part,
        )
        _verify_superseded(cell, superseded.get(cell.segment))
        verify_that(same and cell.segment in headers, "answer.json cells: found another segment than the log's")
        verify_that(
            line.day in paper.days_of(cell.subject) and line.kind in paper.kinds,
            f"cell: found a day or kind not authorised for subject line {cell.subject}",
        )
        verify_that(segment.entry < claims.intent, "cell: found a segment logged after the intent")
        verify_that(
            cell.status in STATUSES, f"cell status: found {cell.status!a:.40}, expected one that an answer may have"
        )
    order = [(cell.day, cell.kind, cell.feed, cell.part, cell.segment, cell.subject) for cell in claims.cells]
    verify_that(order == sorted(set(order)), "answer.json cells: found another order, or one twice")


def _verify_superseded(cell: Cell, index: int | None) -> None:
    """Prove that a cell says rightly whether it is superseded.

    It is superseded exactly if an entry before the intent superseded its segment or batch; `index` is that entry.
    """
    place = f"cell superseded: found {'yes' if cell.superseded else 'no'} for segment {cell.segment[:16]}"
    verify_that(
        not cell.superseded or index is not None, f"{place}, expected an entry before the intent that supersedes it"
    )
    verify_that(cell.superseded or index is None, f"{place}, expected yes: entry {index} supersedes it")
