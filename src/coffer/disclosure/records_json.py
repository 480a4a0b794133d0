"""``records.json``: the order, the records and their place in the log, for programs. Pure.

Source: ``docs/formats/disclosure.md``.
"""

import json

from coffer import wire
from coffer.authority.period import format_instant
from coffer.disclosure.answer import batch_document, days_opened
from coffer.disclosure.verified import Disclosure, LogPlace
from coffer.segments.opened import OpenedRow


def format_json(disclosure: Disclosure) -> bytes:
    """One JSON object; its keys and values are those of ``records.csv`` and of the authorization's lines."""
    terms = disclosure.authorization.terms
    document = {
        "format": "coffer.records/v4",
        "origin": terms.origin,
        "authorization": disclosure.authorization.commitment.hex(),
        "authority": terms.authority,
        "basis": terms.basis,
        "purpose": terms.purpose,
        "received": format_instant(terms.ordered.received),
        "due": None if terms.ordered.due is None else format_instant(terms.ordered.due),
        "orders": [file.sha256.hex() for file in terms.ordered.files],
        "subjects": [subject.format() for subject in terms.subjects],
        "persons": list(terms.persons),
        "periods": [[period.format().split(" ") for period in periods] for periods in terms.periods],
        **({} if disclosure.part is None else {"continues": disclosure.part.document()}),
        "days_opened": days_opened(disclosure.cells),
        "outside_period": sum(cell.outside_period for cell in disclosure.cells),
        "kinds": list(terms.kinds),
        "max_records": disclosure.authorization.limit,
        "countersigned_by": list(disclosure.signers),
        "unconfirmed_cells": sum(cell.status == "unconfirmed" for cell in disclosure.cells),
        "log": {
            "intent": _place(disclosure.intent),
            "draw": _place(disclosure.draw),
            "close": _place(disclosure.close),
            "size": disclosure.checkpoint.head.size,
            "root": wire.format_base64(disclosure.checkpoint.head.root),
        },
        "repeated_records": sum(bool(row.repeat) for row in disclosure.rows),
        "records": [_record(row, disclosure.devices) for row in disclosure.rows],
        "superseded_batches": [batch_document(batch) for batch in disclosure.batches],
        "superseded_records": [
            _record(row, disclosure.devices) | {"batch": row.superseded} for row in disclosure.superseded
        ],
    }
    return (json.dumps(document, indent=1) + "\n").encode("ascii")


def _place(place: LogPlace | None) -> dict[str, object] | None:
    return None if place is None else {"entry": place.index, "time": wire.format_time(place.time)}


def _record(row: OpenedRow, devices: tuple[str, ...]) -> dict[str, object]:
    own = {"number": row.number, "imei": row.imei, "imsi": row.imsi}
    record: dict[str, object] = {
        "subject": row.subject,
        "kind": row.kind,
        "direction": row.direction,
        "peer": row.peer.encode("utf-8", "replace").decode("utf-8")
        or None,  # the row may have cut a long address within a character
        "start_utc": wire.format_time(row.start),
        "duration_s": row.duration_s,
        "answered": row.is_answered,
        "cell": row.cell or None,
    }
    return record | {name: own[name] or None for name in devices} | {"repeat": row.repeat or None}
