"""The answer's folder as a mapping of file names to bytes. Pure; ``procedures/opening/run.py`` writes it.

Source: ``docs/formats/answer.md``.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from coffer import wire
from coffer.ledger.entries import SegmentId
from coffer.ledger.superseded import Superseded
from coffer.segments.opened import OpenedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredCell:
    """One segment and subject line, with its outcome, as ``answer.json`` lists it.

    ``records``: rows within the subject's periods. ``outside_period``: rows opened with them and dropped.
    """

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
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SupersededBatch:
    """A batch that was superseded before the intent and of which a cell was asked, as ``answer.json`` lists it.

    ``entries``: indexes of the entries that superseded it or segments of it. ``records``: its rows in
    ``superseded.csv``. ``repeated_records``: those of them that another batch tells too.
    """

    batch: str
    feed: str
    entries: tuple[int, ...]
    records: int
    repeated_records: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Evidence:
    """What an auditor needs, offline. ``entries``: raw by index, with ``proofs``. ``requests``: digest forms.

    ``replies``: (request number, custodian index) to raw.

    ``segments``: seg_id hex to (stripped header, manifest, touched batches by index).
    """

    origin: str
    log_key: str
    genesis: str
    note: bytes
    checkpoint: bytes
    entries: Mapping[int, bytes]
    proofs: Mapping[int, Sequence[bytes]]
    result_salt: bytes
    requests: Sequence[bytes]
    replies: Mapping[tuple[int, int], bytes]
    segments: Mapping[str, tuple[bytes, bytes, Mapping[int, bytes]]]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Answer:
    """Everything that goes into the folder. ``repeated_records``: those of ``records`` that are marked as told by another batch too."""

    authorization: str
    intent: int
    draw: int | None
    close: int
    answers: int
    custodians: Mapping[str, str]
    cells: Sequence[AnsweredCell]
    records: int
    repeated_records: int
    superseded_records: int
    superseded_batches: Sequence[SupersededBatch]
    outside_period: int
    records_csv: bytes
    superseded_csv: bytes | None
    evidence: Evidence


def result_commitment(salt: bytes, records_csv: bytes, superseded_csv: bytes | None) -> bytes:
    """What the close entry says of the result: H(T("result") || salt || H(records.csv) || H(superseded.csv))."""
    return wire.digest(wire.tag("result"), salt, wire.digest(records_csv), wire.digest(superseded_csv or b""))


def answer_document(answer: Answer) -> dict[str, object]:
    """The content of ``answer.json``."""
    names = AnsweredCell.__slots__
    return {
        "format": "coffer.answer/v3",
        "origin": answer.evidence.origin,
        "authorization": answer.authorization,
        "intent": answer.intent,
        "draw": answer.draw,
        "close": answer.close,
        "records": answer.records,
        "repeated_records": answer.repeated_records,
        "superseded_records": answer.superseded_records,
        "superseded_batches": [batch_document(batch) for batch in answer.superseded_batches],
        "outside_period": answer.outside_period,
        "days_opened": days_opened(answer.cells),
        "answers": answer.answers,
        "custodians": dict(answer.custodians),
        "cells": [{name: getattr(cell, name) for name in names} for cell in sorted(answer.cells, key=_cell_order)],
    }


def batch_document(batch: SupersededBatch) -> dict[str, object]:
    """A superseded batch, as ``answer.json`` and ``records.json`` list it."""
    return {name: getattr(batch, name) for name in SupersededBatch.__slots__}


def count_superseded(
    cells: Iterable[AnsweredCell], superseded: Mapping[SegmentId, Superseded], rows: Sequence[OpenedRow]
) -> tuple[SupersededBatch, ...]:
    """The superseded batches of which a cell was asked, in the order of their names. ``rows``: those of ``superseded.csv``."""
    entries: dict[tuple[str, str], set[int]] = {}
    for cell in cells:
        found = superseded.get(SegmentId(bytes.fromhex(cell.segment)))
        if found is not None:
            entries.setdefault((found.batch.hex(), cell.feed), set()).add(found.entry)
    records = Counter(row.superseded for row in rows)
    repeated = Counter(row.superseded for row in rows if row.repeat)
    return tuple(
        SupersededBatch(
            batch=batch,
            feed=feed,
            entries=tuple(sorted(found)),
            records=records[batch],
            repeated_records=repeated[batch],
        )
        for (batch, feed), found in sorted(entries.items())
    )


def count_alone(cells: Sequence[AnsweredCell], custodians: Mapping[str, str]) -> int:
    """Unconfirmed cells in which those who answered satisfy the rule and found nothing, and nobody else answered anything: nobody else could confirm it.

    The other unconfirmed cells had too few answers, or answers that contradict each other. ``custodians``: what ``answer.json`` says of each.
    """
    heard = {name for name, word in custodians.items() if word in ("answered", "fault")}
    return sum(cell.status == "unconfirmed" and bool(cell.by) and heard <= set(cell.by) for cell in cells)


def days_opened(cells: Sequence[AnsweredCell]) -> list[str]:
    """The UTC days that were asked for, ascending: what the custodians' keys open is a whole day, whatever part of it was ordered."""
    return sorted({cell.day for cell in cells})


def _cell_order(cell: AnsweredCell) -> tuple[str, str, str, int, str, int]:
    return (cell.day, cell.kind, cell.feed, cell.part, cell.segment, cell.subject)


def answer_files(answer: Answer) -> dict[str, bytes]:
    """Every file of the folder, by path within it."""
    evidence = answer.evidence
    trust = {"origin": evidence.origin, "log": evidence.log_key, "genesis": evidence.genesis}
    proofs = {
        str(index): [wire.format_base64(item) for item in proof] for index, proof in sorted(evidence.proofs.items())
    }
    files = {
        "records.csv": answer.records_csv,
        "answer.json": _json(answer_document(answer)),
        "evidence/trust.json": _json(trust),
        "evidence/authorization.note": evidence.note,
        "evidence/checkpoint": evidence.checkpoint,
        "evidence/proofs.json": _json(proofs),
        "evidence/secrets.json": _json({"result_salt": evidence.result_salt.hex()}),
    }
    if answer.superseded_csv is not None:
        files["superseded.csv"] = answer.superseded_csv
    files |= {f"evidence/entries/{index}.note": raw for index, raw in evidence.entries.items()}
    files |= {f"evidence/requests/{number:02d}.digest": raw for number, raw in enumerate(evidence.requests)}
    files |= {f"evidence/replies/{number:02d}-{index}.reply": raw for (number, index), raw in evidence.replies.items()}
    for seg_id, (header, manifest, batches) in evidence.segments.items():
        parts = (index.to_bytes(4, "big") + rows for index, rows in sorted(batches.items()))
        files[f"evidence/segments/{seg_id}"] = b"".join((wire.lp(header), wire.lp(manifest), *parts))
    return files


def _json(document: object) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode("ascii")
