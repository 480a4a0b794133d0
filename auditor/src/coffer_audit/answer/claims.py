"""The claims of answer.json, of which only the form is verified (docs/formats/answer.md). Pure.

The steps of the audit compare these claims with the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

from coffer_audit.answer.exchange import CODES
from coffer_audit.errors import MalformedInput
from coffer_audit.wire import MAX_JSON, parse_json

ANSWER_KEYS: dict[str, type | tuple[type, ...]] = {
    "format": str,
    "origin": str,
    "authorization": str,
    "intent": int,
    "draw": (int, type(None)),
    "close": int,
    "records": int,
    "repeated_records": int,
    "superseded_records": int,
    "superseded_batches": list,
    "outside_period": int,
    "days_opened": list,
    "answers": int,
    "custodians": dict,
    "cells": list,
}
CELL_KEYS: dict[str, type | tuple[type, ...]] = {
    "segment": str,
    "day": str,
    "kind": str,
    "feed": str,
    "rule": str,
    "part": int,
    "subject": int,
    "status": str,
    "records": int,
    "outside_period": int,
    "superseded": bool,
    "by": list,
}
BATCH_KEYS: dict[str, type | tuple[type, ...]] = {
    "batch": str,
    "feed": str,
    "entries": list,
    "records": int,
    "repeated_records": int,
}
STATUSES = ("complete", "no records", "unconfirmed")
CONDUCT = (
    "answered",
    "no answer",
    "not asked",
    *(f"refused: {code}" for code in (*CODES.values(), "constant")),
    "fault",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of answer.json."""

    segment: str
    day: str
    kind: str
    feed: str
    rule: str
    part: int
    subject: int
    status: str
    records: int
    outside_period: int
    superseded: bool
    by: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SupersededBatch:
    """One of answer.json's superseded batches.

    `entries`: the log entries that superseded it before the intent.
    """

    batch: str
    feed: str
    entries: list[int]
    records: int
    repeated_records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which part of a continuing order an answer is.

    `number`: from 1. `since`: the index of the intent of the part before; None of the first.
    """

    number: int
    since: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The whole of answer.json.

    `custodians` names the conduct of each; `draw` is None if nothing was drawn; `part` is None if all was opened.
    """

    format: str
    origin: str
    authorization: str
    intent: int
    draw: int | None
    close: int
    records: int
    repeated_records: int
    superseded_records: int
    superseded_batches: tuple[SupersededBatch, ...]
    outside_period: int
    days_opened: list[object]
    answers: int
    custodians: dict[str, object]
    cells: tuple[Cell, ...]
    part: Part | None

    @property
    def asked(self) -> set[tuple[str, int]]:
        """The segment and subject line of every cell."""
        return {(cell.segment, cell.subject) for cell in self.cells}


def _verify_types(value: object, keys: dict[str, type | tuple[type, ...]], place: str) -> dict[str, object]:
    """Give a JSON object that has exactly these keys with values of these types."""
    if (
        not isinstance(value, dict)
        or set(value) != set(keys)
        or not all(
            isinstance(value[key], kind) and (kind is bool or not isinstance(value[key], bool))
            for key, kind in keys.items()
        )
    ):
        raise MalformedInput(f"{place}: found other keys or types, expected an answer's")
    return value


def _parse_batch(value: object) -> SupersededBatch:
    fields = _verify_types(value, BATCH_KEYS, "answer.json superseded_batches")
    entries = fields["entries"]
    if not isinstance(entries, list) or [item for item in entries if type(item) is not int]:
        raise MalformedInput("answer.json superseded_batches: found entries that are no indexes")
    return SupersededBatch(**fields)  # type: ignore[arg-type]


def _parse_part(value: object) -> Part:
    fields = _verify_types(value, {"number": int, "since": (int, type(None))}, "answer.json continues")
    part = Part(**fields)  # type: ignore[arg-type]
    if part.number < 1 or (part.number == 1) != (part.since is None) or (part.since is not None and part.since < 1):
        raise MalformedInput("answer.json continues: found no part and the intent before it, expected them")
    return part


def parse_claims(raw: bytes) -> Claims:
    """Decode answer.json; only keys and types are verified."""
    document = parse_json(raw, "answer.json", limit=MAX_JSON)
    part = _parse_part(document.pop("continues")) if isinstance(document, dict) and "continues" in document else None
    fields = _verify_types(document, ANSWER_KEYS, "answer.json")
    cells, batches = fields.pop("cells"), fields.pop("superseded_batches")
    assert isinstance(cells, list), "its type was verified"
    assert isinstance(batches, list), "its type was verified"
    return Claims(
        superseded_batches=tuple(_parse_batch(batch) for batch in batches),
        cells=tuple(Cell(**_verify_types(cell, CELL_KEYS, "answer.json cells")) for cell in cells),  # type: ignore[arg-type]
        part=part,
        **fields,  # type: ignore[arg-type]
    )
