"""Receipts: custodians show that their bundles open, and anyone judges who is wrong. Pure.

A receipt publishes, for each clause that the custodian holds, its value for the canary row (lane 2, rank 0). One value per clause gives the canary's
secret y, and y fixes the whole row behind its label: core zero but LAST, extra zero. If such a row stands in the segment, the rows were sealed with the
subkeys that the custodians hold.

Source: ``docs/formats/entries.md`` (``receipt``); ``docs/attacks.md``, C3 and H9; ``docs/procedures/receipts.md`` numbers the steps.
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Protocol

from coffer.custody.logged import parse_logged_header, wrong_in_header
from coffer.errors import MalformedInput, NotProven
from coffer.ledger.entries import FaultEntry, ReceiptEntry, SegmentId
from coffer.ledger.facts import Segment
from coffer.ledger.faults import has_accused, receipts_evidence
from coffer.ledger.grammar import parse_entry
from coffer.ledger.state import State
from coffer.notes.keys import SealKey, Secret
from coffer.segments import prf
from coffer.segments.bundle import open_bundle
from coffer.segments.header import Header, seg_id_of
from coffer.segments.manifest import batch_hash, entry_hash, verify_manifest
from coffer.segments.prf import CANARY_SID, reference_pads
from coffer.segments.rows import LAST_WORD

MAX_READINGS: Final = 1024
"""Combinations of values that are tried where custodians disagree: ten clauses with two values each. What sets of custodians agree on is tried as well."""
SEARCH_ROWS: Final = 2**18
"""Rows read at once: about 8 MiB, so that a segment of any size needs little memory. A multiple of every batch."""


def canary_value(seg_id: bytes, clause: int, subkey: Secret, kind: int) -> bytes:
    """p_c of the canary in lane 2: 16 B."""
    key = prf.effective_key(seg_id, clause, subkey)
    return prf.reference_partial(key, CANARY_SID, lane=prf.DATA_LANE, kind=kind, rank=0)


def canary_tail(header: Header, values: Iterable[bytes]) -> bytes:
    """What follows the label in the canary's row, if these are its values, one per clause."""
    y = 0
    for value in values:
        y ^= int.from_bytes(value, "big")
    core = header.core
    size = core.row_bytes - 8
    plain = bytes(8) + int(LAST_WORD).to_bytes(8, "little") + bytes(size - 16)
    pad = reference_pads(prf.public_permutation_key(core.seg_id), y.to_bytes(16, "big"), size)
    return bytes(a ^ b for a, b in zip(plain, pad, strict=True))


def holders_of(segment: Segment) -> tuple[str, ...]:
    """The custodians that hold a clause of a segment, in its roster's order."""
    return tuple(name for name in segment.roster.names if segment.clauses_held(name))


Account = ReceiptEntry | FaultEntry


def make_receipt(header: Header, segment: Segment, state: State, name: str, key: SealKey, ingester: str) -> Account:
    """Steps 2 to 4, by the custodian: its receipt, or its accusation of the ingester."""
    wrong = FaultEntry(accuser=name, accused=ingester, object=SegmentId(header.core.seg_id), evidence=header.hash)
    if wrong_in_header(header, segment, state) is not None:
        return wrong
    me, clauses, seg_id = segment.roster.custodian(name), segment.clauses_held(name), header.core.seg_id
    assert me is not None, "only holders give receipts"
    try:
        subkeys = open_bundle(header, key, index=me.index, clauses=clauses)
    except (MalformedInput, NotProven):
        return wrong  # junk, sealed to another key than the header says, or not the committed subkeys
    values = tuple((clause, canary_value(seg_id, clause, subkeys[clause], header.core.kind)) for clause in clauses)
    return ReceiptEntry(custodian=name, segment=SegmentId(seg_id), canaries=values)


def ingester_of(segment: Segment, read: Callable[[int, int], Sequence[bytes]]) -> str:
    """The name of the ingester that signed a segment's entry.

    ``read`` gives entries ``[from, to)`` of the log.
    """
    ingesters = segment.roster.ingesters
    if len(ingesters) == 1:
        return ingesters[0].name
    note = parse_entry(read(segment.entry_index, segment.entry_index + 1)[0], f"entry {segment.entry_index}").note
    return next(key.name for key in ingesters if note.is_signed_by(key))


def owes_receipt(state: State, segment: Segment, name: str) -> bool:
    """Whether a custodian must still speak of a segment.

    It holds a part, the log does not call its key of the day destroyed, and it gave neither a receipt nor an accusation.
    """
    seg_id = segment.line.seg_id
    has_spoken = (name, seg_id) in state.receipts or has_accused(state, name, seg_id)
    return bool(segment.clauses_held(name)) and (name, segment.line.day) not in state.destroyed and not has_spoken


def owed_segment(header: bytes, state: State, name: str) -> Segment | None:
    """The segment of this header file, if this custodian owes a receipt for it.

    The bytes of the header are not proven yet.
    """
    segment = state.segments.get(SegmentId(seg_id_of(header)))
    return segment if segment is not None and owes_receipt(state, segment, name) else None


def owes_for(header: bytes, state: State, name: str) -> bool:
    """Whether this header file is the log's, of a segment for which this custodian owes a receipt.

    It needs no key.
    """
    segment = owed_segment(header, state, name)
    if segment is None:
        return False
    try:
        parse_logged_header(header, segment)
    except NotProven:
        return False
    return True


def knows_all(headers: Iterable[bytes], state: State) -> bool:
    """Whether the log has the segments of all these header files."""
    return state.segments.keys() >= {seg_id_of(header) for header in headers}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something is wrong with a segment.

    ``accused``: an ingester, a custodian, or ``vault`` where only the vault's files are damaged.
    """

    segment: SegmentId
    day: dt.date
    accused: str
    reason: str
    evidence: bytes | None = None


class SegmentFiles(Protocol):
    """A segment's files, nothing proven. Raises ``Unavailable`` where one is missing or too short."""

    @property
    def header(self) -> bytes:
        """The header file."""
        ...

    def manifest(self) -> bytes:
        """The manifest file."""
        ...

    def rows(self, first: int, count: int, row_bytes: int) -> bytes:
        """``count`` rows from row ``first`` on."""
        ...


def judge_segment(
    segment: Segment, files: SegmentFiles, receipts: Mapping[str, ReceiptEntry], state: State, ingester: str
) -> list[Finding]:
    """Steps 1, 2 and 5 to 7, by anyone: who is wrong about a segment.

    The log, the segment's files and the receipts logged for it decide.
    """

    def finding(accused: str, reason: str, evidence: bytes | None = None) -> Finding:
        return Finding(
            segment=segment.line.seg_id, day=segment.line.day, accused=accused, reason=reason, evidence=evidence
        )

    try:
        header = parse_logged_header(files.header, segment)
    except NotProven as error:
        return [finding("vault", error.message)]
    reason = wrong_in_header(header, segment, state)
    if reason is not None:
        return [finding(ingester, reason, header.hash)]
    evidence = receipts_evidence(segment.line.seg_id, receipts)
    shapeless = {n for n, r in receipts.items() if tuple(c for c, _ in r.canaries) != segment.clauses_held(n)}
    findings = [finding(name, "receipt names clauses it does not hold", evidence) for name in sorted(shapeless)]
    sound = {name: dict(receipt.canaries) for name, receipt in receipts.items() if name not in shapeless}
    clauses = segment.lock.clauses
    said = {int(c): {name: values[c] for name, values in sound.items() if c in values} for c in clauses}
    if any(not by for by in said.values()):
        return findings + [finding(n, "receipt differs from the others'") for n in _outvoted(said)]
    is_disputed = bool(_disagreeing(said))
    readings = _openings(header, said, files, is_one_enough=not is_disputed)
    if is_disputed and readings and not _is_whole(header, files):
        return [*findings, finding("vault", "rows or manifest are not those in the log: restore them from a copy")]
    if len(readings) > 1:
        return [*findings, finding(ingester, "two canary rows, of which only one can be true", header.hash)]
    if readings:
        reading = readings[0]
        liars = {name for c, by in said.items() for name, value in by.items() if value != reading[c]}
        return findings + [finding(name, "receipt is not of the sealed rows", evidence) for name in sorted(liars)]
    if not _is_whole(header, files):
        return [*findings, finding("vault", "rows or manifest are not those in the log: restore them from a copy")]
    outvoted = _outvoted(said)
    findings += [
        finding(name, "receipt differs from the others'") for name in outvoted
    ]  # this is no proof, because the liars may be the majority
    if not _disagreeing(said):
        alone = sorted({name for by in said.values() if len(by) == 1 for name in by})
        doubt = f", or {','.join(alone)} lied, who alone spoke for a clause" if alone else ""
        findings.append(finding(ingester, f"canary row does not open{doubt}", None if alone else header.hash))
    elif not outvoted:
        findings.append(finding(ingester, "receipts contradict each other and nobody is outvoted"))
    return findings


def _disagreeing(said: Mapping[int, Mapping[str, bytes]]) -> list[int]:
    return [clause for clause, by in said.items() if len(set(by.values())) > 1]


def _outvoted(said: Mapping[int, Mapping[str, bytes]]) -> list[str]:
    """Step 6: custodians that contradict more than half of those who spoke for a clause.

    The majority is then at least two.
    """
    names: set[str] = set()
    for clause in _disagreeing(said):
        value, votes = Counter(said[clause].values()).most_common(1)[0]
        if 2 * votes > len(said[clause]):
            names |= {name for name, other in said[clause].items() if other != value}
    return sorted(names)


def _openings(
    header: Header, said: Mapping[int, Mapping[str, bytes]], files: SegmentFiles, *, is_one_enough: bool
) -> list[dict[int, bytes]]:
    """Step 5: the readings, one value per clause, under which a canary stands in the rows.

    If custodians disagree, all of them are looked for: an operator could plant a row that makes a liar look right.
    """
    opening: dict[bytes, dict[int, bytes]] = {}
    readings = {canary_tail(header, values): dict(zip(said, values, strict=True)) for values in _readings(said)}
    row_bytes = header.core.row_bytes
    for chunk in _chunks(header, files):
        for tail, reading in readings.items():
            at = chunk.find(tail)
            while at >= 0:
                if at % row_bytes == 8:
                    opening[tail] = reading
                    break
                at = chunk.find(tail, at + 1)
        if opening and is_one_enough:
            break
    return list(opening.values())


def _readings(said: Mapping[int, Mapping[str, bytes]]) -> Iterator[tuple[bytes, ...]]:
    """Every way to read the canary that could be right: one value per clause.

    First what each set of custodians agrees on, if it speaks for every clause.

    Those are at most 2^9 sets, and the reading of the honest custodians is among them, however many values liars invent. Then, if there are few, every
    combination: a custodian may lie in one clause and not in another.
    """
    names = sorted({name for by in said.values() for name in by})
    for chosen in range(1, 1 << len(names)):
        members = {name for number, name in enumerate(names) if chosen >> number & 1}
        values = [{value for name, value in by.items() if name in members} for by in said.values()]
        if all(len(agreed) == 1 for agreed in values):
            yield tuple(value for agreed in values for value in agreed)
    choices = [sorted(set(by.values())) for by in said.values()]
    if math.prod(map(len, choices)) <= MAX_READINGS:
        yield from product(*choices)


def _is_whole(header: Header, files: SegmentFiles) -> bool:
    """Whether manifest and rows are those in the header.

    Only then can the ingester be to blame for a missing canary.
    """
    try:
        entries = verify_manifest(files.manifest(), header)
    except NotProven:
        return False
    size, index = header.core.batch_rows * header.core.row_bytes, 0
    for chunk in _chunks(header, files):
        view = memoryview(chunk)
        for start in range(0, len(chunk), size):
            batch = view[start : start + size]
            if batch_hash(batch, seg_id=header.core.seg_id, index=index) != entry_hash(entries, index):
                return False
            index += 1
    return True


def _chunks(header: Header, files: SegmentFiles) -> Iterator[bytes]:
    """All rows, some at a time."""
    for start in range(0, header.rows, SEARCH_ROWS):
        yield files.rows(start, min(SEARCH_ROWS, header.rows - start), header.core.row_bytes)
