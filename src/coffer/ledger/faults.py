"""Which accusations count: about a thing that the log knows, by a party that saw it, once. Pure.

A ``fault`` is an accusation and no verdict. A custodian speaks once of each segment of which it holds a part, in a receipt or in a fault. A requester
speaks once of each custodian in each of its own openings. So the number of faults is bounded by what there is to say.

Source: ``docs/formats/entries.md``, F2.
"""

from collections.abc import Mapping

from coffer import wire
from coffer.ledger.entries import FaultEntry, ReceiptEntry, SegmentId
from coffer.ledger.facts import Segment
from coffer.ledger.known import Known
from coffer.notes.note import Note


def receipts_evidence(seg_id: bytes, receipts: Mapping[str, ReceiptEntry]) -> bytes:
    """The evidence against a custodian; anyone recomputes it from the log.

    H(T("receipts") || seg_id || per receipt, names ascending: LP(name) || per clause: u16 mask || 16 B).
    """
    parts = [wire.tag("receipts"), seg_id]
    for name in sorted(receipts):
        parts.append(wire.lp(name.encode("ascii")))
        parts += [mask.to_bytes(2, "big") + value for mask, value in receipts[name].canaries]
    return wire.digest(*parts)


def is_accused_of(state: Known, body: FaultEntry) -> bool:
    """Whether this accuser accused this party of the same thing before."""
    return any(
        (old.accuser, old.accused) == (body.accuser, body.accused) for old in state.faults_of.get(body.object, ())
    )


def has_accused(state: Known, accuser: str, seg_id: SegmentId) -> bool:
    """Whether this accuser accused anybody about this segment."""
    return any(old.accuser == accuser for old in state.faults_of.get(seg_id, ()))


def why_not(state: Known, note: Note, body: FaultEntry) -> str | None:
    """The reason for which a ``fault`` does not count; None if it does."""
    if is_accused_of(state, body):
        return "this was said before"
    if isinstance(body.object, int):
        return _why_not_of_intent(state, note, body, body.object)
    segment = state.segments.get(body.object)
    if segment is None:
        return "about a segment that does not exist"
    if body.accuser in state.roster.requesters:
        return _why_not_by_requester(state, note, body, segment)
    return _why_not_by_custodian(state, note, body, segment)


def _why_not_of_intent(state: Known, note: Note, body: FaultEntry, intent: int) -> str | None:
    opening, key = state.openings.get(intent), state.roster.requesters.get(body.accuser)
    if opening is None or opening.close is not None or opening.intent.requester != body.accuser:
        return "about no open intent of the accuser"
    if key is None or not note.is_signed_by(key):
        return "not signed by the accuser, or it is not in force"
    if not any(roster.custodian(body.accused) for roster in state.rosters.values()):
        return "accuses no custodian"
    return None


def _why_not_by_requester(state: Known, note: Note, body: FaultEntry, segment: Segment) -> str | None:
    if not note.is_signed_by(state.roster.requesters[body.accuser]):
        return "not signed by the accuser"
    if body.accused in _ingesters(segment):
        return None if body.evidence == segment.line.header_hash else "evidence is not the segment's header"
    receipts = state.receipts.of(segment.line.seg_id)
    if body.accused not in receipts:
        return "accuses neither an ingester nor a custodian that gave a receipt"
    is_shown = body.evidence == receipts_evidence(segment.line.seg_id, receipts)
    return None if is_shown else "evidence is not the receipts of the segment"


def _why_not_by_custodian(state: Known, note: Note, body: FaultEntry, segment: Segment) -> str | None:
    rosters = reversed(state.rosters.values())
    custodian = next((c for roster in rosters if (c := roster.custodian(body.accuser))), None)
    if custodian is None or not note.is_signed_by(custodian.resp):
        return "not signed by a requester in force or a custodian"
    if not segment.clauses_held(body.accuser):
        return "about a segment of which the accuser holds no part"
    if (body.accuser, segment.line.seg_id) in state.receipts or has_accused(state, body.accuser, segment.line.seg_id):
        return "the accuser spoke of this segment before"
    if body.accused not in _ingesters(segment):
        return "accuses no ingester of the segment's roster"
    return None if body.evidence == segment.line.header_hash else "evidence is not the segment's header"


def _ingesters(segment: Segment) -> set[str]:
    return {key.name for key in segment.roster.ingesters}
