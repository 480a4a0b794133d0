"""Receipts: a custodian shows for each segment that its bundle opens, and anyone judges from the log and the files who is wrong. Pure.

A receipt publishes, for each clause that the custodian holds, its value for the canary row (lane 2, rank 0). One value per clause gives the canary's
secret y, and y fixes the whole row behind its label: core zero but LAST, extra zero. If such a row stands in the segment, the subkeys that the
custodians hold are those that the rows were sealed with.

Source: ``docs/formats/entries.md`` (``receipt``); ``docs/attacks.md``, C3 and H9; ``docs/procedures/receipts.md`` numbers the steps.
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Protocol

from coffer import wire
from coffer.errors import MalformedInput, NotProven
from coffer.ledger.entries import KIND_NAMES, FaultEntry, ReceiptEntry, SegmentId, parse_entry
from coffer.ledger.facts import Segment
from coffer.ledger.faults import has_accused, receipts_evidence
from coffer.ledger.state import State
from coffer.notes.keys import SealKey, Secret
from coffer.segments import prf
from coffer.segments.header import BATCH_ROWS, Header, batch_hash, manifest_hash, origin_hash, parse_header
from coffer.segments.rows import LAST_WORD
from coffer.segments.seal import CANARY_SID, reference_pads

MAX_READINGS: Final = 1024
"""Combinations of values that are tried where custodians disagree, beside those of every set of custodians: ten clauses with two values each."""
SEARCH_BATCHES: Final = 256
"""Batches of 1,024 rows searched at once: about 8 MiB, so that a segment of any size needs little memory."""


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
    """Whoever holds a clause of a segment, in its roster's order."""
    return tuple(name for name in segment.roster.names if segment.clauses_held(name))


def verify_logged_header(raw: bytes, segment: Segment) -> Header:
    """Step 1: the header is the one in the log.

    Raises:
        NotProven: it is another one, or none: the file was changed since it was logged.
    """
    place = f"segment {segment.line.seg_id.hex()[:16]} of {segment.line.day}"
    try:
        header = parse_header(raw, place)
    except MalformedInput as error:
        raise NotProven(error.message) from None
    return verify_header(header, segment)


def verify_header(header: Header, segment: Segment) -> Header:
    """The header of a segment, proven against the log.

    Raises:
        NotProven: it is another one.
    """
    if header.hash != segment.line.header_hash or header.core.seg_id != segment.line.seg_id:
        place = f"segment {segment.line.seg_id.hex()[:16]} of {segment.line.day}"
        hint = "the header file was changed: restore it from a copy"
        raise NotProven(f"{place}: its header is not the one in the log", hint=hint)
    return header


def wrong_in_header(header: Header, segment: Segment, state: State) -> str | None:
    """Step 2: what the ingester sealed otherwise than the log says; None if nothing is."""
    core, line, roster = header.core, segment.line, segment.roster
    logged = (
        line.day,
        line.kind,
        line.rule,
        line.part,
        segment.feed,
        line.rows,
        roster.hash,
        origin_hash(state.origin),
    )
    found = (core.day, KIND_NAMES[core.kind], core.rule, core.part, core.feed, header.rows, core.roster, core.origin)
    if found != logged:
        return "header names another day, kind, rule, part, feed, rows, roster or origin"
    clauses = roster.rules[line.rule].clauses
    if core.custodians != len(roster.custodians) or tuple(mask for mask, _ in header.commitments) != clauses:
        return "header has other clauses than its rule"
    for custodian, bundle, epoch_hash in zip(roster.custodians, header.bundles, header.epoch_hashes, strict=True):
        key = state.epoch_keys.get((custodian.name, line.day))
        is_holder = bool(segment.clauses_held(custodian.name))
        if bool(bundle) != is_holder:
            return f"bundle of {custodian.name} is missing or too many"
        if epoch_hash != (wire.digest(key) if is_holder and key is not None else bytes(32)):
            return f"sealed to another epoch key than the one that {custodian.name} published"
    return None


Account = ReceiptEntry | FaultEntry


def make_receipt(header: Header, segment: Segment, state: State, name: str, key: SealKey, ingester: str) -> Account:
    """Steps 2 to 4, by the custodian: its receipt, or its accusation of the ingester."""
    wrong = FaultEntry(accuser=name, accused=ingester, object=SegmentId(header.core.seg_id), evidence=header.hash)
    if wrong_in_header(header, segment, state) is not None:
        return wrong
    me, clauses, seg_id = segment.roster.custodian(name), segment.clauses_held(name), header.core.seg_id
    assert me is not None, "only holders give receipts"
    try:
        info = prf.bundle_info(seg_id, me.index)
        bundle = key.unseal(header.bundles[me.index - 1], info=info, place="bundle")
        subkeys = prf.parse_bundle(bundle, clauses, "bundle")
    except (MalformedInput, NotProven):
        return wrong  # a junk bundle, or one sealed to another key than its header says
    if any(prf.subkey_commitment(seg_id, c, subkeys[c]) != com for c, com in header.commitments if c in subkeys):
        return wrong
    values = tuple((clause, canary_value(seg_id, clause, subkeys[clause], header.core.kind)) for clause in clauses)
    return ReceiptEntry(custodian=name, segment=SegmentId(seg_id), canaries=values)


def ingester_of(segment: Segment, read: Callable[[int, int], Sequence[bytes]]) -> str:
    """The name of the ingester that signed a segment's entry; ``read`` gives entries ``[from, to)`` of the log."""
    ingesters = segment.roster.ingesters
    if len(ingesters) == 1:
        return ingesters[0].name
    note = parse_entry(read(segment.entry_index, segment.entry_index + 1)[0], f"entry {segment.entry_index}").note
    return next(key.name for key in ingesters if note.is_signed_by(key))


def owes_receipt(state: State, segment: Segment, name: str) -> bool:
    """Whether a custodian holds a part, still has the day's key as far as the log says, and gave neither receipt nor accusation."""
    seg_id = segment.line.seg_id
    has_spoken = (name, seg_id) in state.receipts or has_accused(state, name, seg_id)
    return bool(segment.clauses_held(name)) and (name, segment.line.day) not in state.destroyed and not has_spoken


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something is wrong with a segment. ``accused``: an ingester, a custodian, or ``vault`` where only its files are damaged."""

    segment: SegmentId
    day: dt.date
    accused: str
    reason: str
    evidence: bytes | None = None


class SegmentFiles(Protocol):
    """A segment's files as they lie there, nothing proven. ``Unavailable`` where one is missing or too short."""

    @property
    def header(self) -> bytes:
        """The header file."""
        ...

    def manifest(self) -> bytes:
        """The manifest file."""
        ...

    def batches(self, first: int, count: int, row_bytes: int) -> bytes:
        """The rows of ``count`` batches from ``first`` on."""
        ...


def judge_segment(
    segment: Segment, files: SegmentFiles, receipts: Mapping[str, ReceiptEntry], state: State, ingester: str
) -> list[Finding]:
    """Steps 1, 2 and 5 to 7, by anyone: who is wrong about a segment, from the log, its files and the receipts logged for it."""

    def finding(accused: str, reason: str, evidence: bytes | None = None) -> Finding:
        return Finding(
            segment=segment.line.seg_id, day=segment.line.day, accused=accused, reason=reason, evidence=evidence
        )

    try:
        header = verify_logged_header(files.header, segment)
    except NotProven as error:
        return [finding("vault", error.message)]
    reason = wrong_in_header(header, segment, state)
    if reason is not None:
        return [finding(ingester, reason, header.hash)]
    evidence = receipts_evidence(segment.line.seg_id, receipts)
    shapeless = {n for n, r in receipts.items() if tuple(c for c, _ in r.canaries) != segment.clauses_held(n)}
    found = [finding(name, "receipt names clauses it does not hold", evidence) for name in sorted(shapeless)]
    sound = {name: dict(receipt.canaries) for name, receipt in receipts.items() if name not in shapeless}
    clauses = segment.roster.rules[segment.line.rule].clauses
    said = {int(c): {name: values[c] for name, values in sound.items() if c in values} for c in clauses}
    if any(not by for by in said.values()):
        return found + [finding(n, "receipt differs from the others'") for n in _outvoted(said)]
    is_disputed = bool(_disagreeing(said))
    found_readings = _openings(header, said, files, is_one_enough=not is_disputed)
    if is_disputed and found_readings and not _is_whole(header, files):
        return [*found, finding("vault", "rows or manifest are not those in the log: restore them from a copy")]
    if len(found_readings) > 1:
        return [*found, finding(ingester, "two canary rows, of which only one can be true", header.hash)]
    if found_readings:
        reading = found_readings[0]
        liars = {name for c, by in said.items() for name, value in by.items() if value != reading[c]}
        return found + [finding(name, "receipt is not of the sealed rows", evidence) for name in sorted(liars)]
    if not _is_whole(header, files):
        return [*found, finding("vault", "rows or manifest are not those in the log: restore them from a copy")]
    outvoted = _outvoted(said)
    found += [finding(name, "receipt differs from the others'") for name in outvoted]  # no proof: liars can be more
    if not _disagreeing(said):
        alone = sorted({name for by in said.values() if len(by) == 1 for name in by})
        doubt = f", or {','.join(alone)} lied, who alone spoke for a clause" if alone else ""
        found.append(finding(ingester, f"canary row does not open{doubt}", None if alone else header.hash))
    elif not outvoted:
        found.append(finding(ingester, "receipts contradict each other and nobody is outvoted"))
    return found


def _disagreeing(said: Mapping[int, Mapping[str, bytes]]) -> list[int]:
    return [clause for clause, by in said.items() if len(set(by.values())) > 1]


def _outvoted(said: Mapping[int, Mapping[str, bytes]]) -> list[str]:
    """Step 6: whoever says otherwise than more than half of a clause's holders that spoke, which are then at least two."""
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

    All of them where custodians disagree: an operator could plant a row that makes a liar look right.
    """
    opening: dict[bytes, dict[int, bytes]] = {}
    readings = {canary_tail(header, values): dict(zip(said, values, strict=True)) for values in _readings(said)}
    row_bytes, batches = header.core.row_bytes, header.rows // BATCH_ROWS
    for start in range(0, batches, SEARCH_BATCHES):
        chunk = files.batches(start, min(SEARCH_BATCHES, batches - start), row_bytes)
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
    """One value per clause, in every way that could be right: what a set of custodians agrees on that speaks for every clause.

    At most 2^9 sets: however many values liars invent, the honest ones' reading is among them. And, where they are few,
    every combination: custodians may lie in one clause and not in another.
    """
    names = sorted({name for by in said.values() for name in by})
    for chosen in range(1, 1 << len(names)):
        members = {name for number, name in enumerate(names) if chosen >> number & 1}
        values = [{value for name, value in by.items() if name in members} for by in said.values()]
        if all(len(found) == 1 for found in values):
            yield tuple(value for found in values for value in found)
    choices = [sorted(set(by.values())) for by in said.values()]
    if math.prod(map(len, choices)) <= MAX_READINGS:
        yield from product(*choices)


def _is_whole(header: Header, files: SegmentFiles) -> bool:
    """Whether manifest and rows are those in the header: only then can a missing canary be the ingester's doing."""
    manifest, seg_id = files.manifest(), header.core.seg_id
    if manifest_hash(manifest, seg_id=seg_id, rows=header.rows) != header.manifest_hash:
        return False
    for index in range(header.rows // BATCH_ROWS):
        batch = files.batches(index, 1, header.core.row_bytes)
        if batch_hash(batch, seg_id=seg_id, index=index) != manifest[40 * index + 8 : 40 * index + 40]:
            return False
    return True
