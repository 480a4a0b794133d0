"""The lines of every log entry but the roster, as ``ledger.grammar`` reads them. Pure."""

from collections.abc import Sequence

from coffer import wire
from coffer.ledger.entries import (
    AbsenceEntry,
    Body,
    CloseEntry,
    CoarseCounts,
    DestroyEntry,
    DrawEntry,
    EpochKeyEntry,
    ExtendEntry,
    FaultEntry,
    HeldEntry,
    HoldEntry,
    IngestEntry,
    IntentEntry,
    ObjectionEntry,
    RatifyEntry,
    ReceiptEntry,
    RefuseEntry,
    ReleaseEntry,
    RevealedLine,
    RevealEntry,
    RevokeEntry,
    WithdrawEntry,
)


def lines_of(body: Body) -> tuple[str, Sequence[str]]:  # noqa: C901, PLR0912 - one branch a type of entry
    """The type of an entry, and its lines behind ``time:``."""
    match body:
        case EpochKeyEntry():
            key = wire.format_base64(body.key)
            lines = [f"roster: {body.roster.hex()}", f"custodian: {body.custodian}", f"day: {body.day}", f"key: {key}"]
            return "epoch-key", lines
        case IngestEntry():
            return "ingest", _ingest_lines(body)
        case WithdrawEntry():
            return "withdraw", [f"batch: {body.batch.hex()}"]
        case ReceiptEntry():
            canaries = [f"canary: {mask:04x} {partial.hex()}" for mask, partial in body.canaries]
            return "receipt", [f"custodian: {body.custodian}", f"segment: {body.segment.hex()}", *canaries]
        case IntentEntry():
            lines = [f"authorization: {body.authorization.hex()}", f"requester: {body.requester}"]
            lines += [f"nonce: {body.nonce.hex()}", f"cells-at-most: {body.cells_at_most}"]
            lines += [f"rules: {','.join(body.rules)}"] if body.rules else []
            return "intent", [*lines, *(f"{key}: {value}" for key, value in body.codes.values().items())]
        case DrawEntry():
            return "draw", [f"intent: {body.intent}", f"table: {body.table.hex()}", f"records: {body.records}"]
        case CloseEntry():
            lines = [f"intent: {body.intent}", f"result: {body.result.hex()}", f"records: {body.records}"]
            lines += [f"answers: {body.answers}", f"unconfirmed-cells: {body.unconfirmed_cells}"]
            return "close", [*lines, f"outcome: {body.outcome}", f"took: {body.took}"]
        case RefuseEntry():
            lines = [f"authorization: {body.authorization.hex()}", f"custodian: {body.custodian}"]
            lines += [f"reason: {body.reason}", f"class: {body.order_class}"]
            return "refuse", [*lines, f"urgency: {body.urgency}"]
        case RatifyEntry():
            lines = [f"intent: {body.intent}", f"authorization: {body.authorization.hex()}"]
            return "ratify", [*lines, f"custodian: {body.custodian}"]
        case RevokeEntry():
            return "revoke", [f"authorization: {body.authorization.hex()}"]
        case DestroyEntry():
            return "destroy", [f"custodian: {body.custodian}", f"day: {body.day}"]
        case FaultEntry():
            lines = [f"accuser: {body.accuser}", f"accused: {body.accused}"]
            about = f"intent {body.object}" if isinstance(body.object, int) else f"segment {body.object.hex()}"
            return "fault", [*lines, f"object: {about}", f"evidence: {body.evidence.hex()}"]
        case AbsenceEntry():
            return "absence", [f"custodian: {body.custodian}"]
        case ObjectionEntry():
            return "objection", [f"absence: {body.absence}"]
        case HoldEntry():
            lines = [f"note: {body.note.hex()}", f"roster: {body.roster.hex()}", f"rules: {','.join(body.rules)}"]
            return "hold", [*lines, f"requester: {body.requester}", f"until: {wire.format_time(body.until)}"]
        case HeldEntry():
            lines = [f"hold: {body.hold}", f"note: {body.note.hex()}", f"custodian: {body.custodian}"]
            return "held", [*lines, f"cells-at-most: {body.cells_at_most}"]
        case ExtendEntry():
            until = wire.format_time(body.until)
            return "extend", [f"hold: {body.hold}", f"note: {body.note.hex()}", f"until: {until}"]
        case ReleaseEntry():
            return "release", [f"hold: {body.hold}"]
        case RevealEntry():
            return "reveal", [f"authorization: {body.authorization.hex()}", *map(_revealed_line, body.lines)]


def _ingest_lines(body: IngestEntry) -> list[str]:
    lines = [f"batch: {body.batch.hex()}", f"entry: {body.number}/{body.total}", f"feed: {body.feed}"]
    lines += [f"{key}: {getattr(body.counts, key)}" for key in CoarseCounts.__slots__]
    if body.offsets is not None:
        lines.append(f"topic: {body.offsets.topic.hex()}")
        lines += [
            f"offsets: {o.partition} {o.after.hex() if o.after else '-'} {o.start.hex()} {o.end.hex()}"
            for o in body.offsets.partitions
        ]
    lines += [
        f"segment: {s.seg_id.hex()} {s.header_hash.hex()} {s.day} {s.kind} {s.rule} {s.part} {s.rows} "
        f"{s.supersedes.hex() if s.supersedes else '-'}"
        for s in body.segments
    ]
    return [*lines, f"tally: {body.tally.hex() if body.tally else '-'}"]


def _revealed_line(line: RevealedLine) -> str:
    if line.line is None:
        return f"hidden: {line.index} {line.proof.hex()}"
    return f"line: {line.index} {line.proof.hex()} {line.line}"
