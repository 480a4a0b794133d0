"""The answer's folder, as a mapping of paths to bytes.

Pure; ``procedures/opening/run.py`` writes the folder. Source: ``docs/formats/answer.md``.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from coffer import wire
from coffer.disclosure.joined import join_parts
from coffer.disclosure.part import Part
from coffer.ledger.entries import SegmentId
from coffer.ledger.superseded import Superseded
from coffer.segments.opened import OpenedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredCell:
    """One cell (a segment and a subject line) with its outcome, as ``answer.json`` lists it.

    ``records``: rows within the subject's periods. ``outside_period``: rows that were opened with them and dropped.
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
    """A superseded batch whose cells were asked, as ``answer.json`` lists it.

    The log had superseded it before the intent. ``entries``: indexes of the log entries that superseded it or some of
    its segments. ``records``: its rows in ``superseded.csv``. ``repeated_records``: those of them that another batch
    also has.
    """

    batch: str
    feed: str
    entries: tuple[int, ...]
    records: int
    repeated_records: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SegmentEvidence:
    """What proves the rows of one segment that were found, and that no other was there.

    ``header``: stripped. ``head``: the manifest's, which the header proves. ``pages``: the pages of the manifest that
    were read, by index; None in version 1, which has none. ``batches``: the batches that were read, by index.
    """

    header: bytes
    head: bytes
    pages: Mapping[int, bytes] | None
    batches: Mapping[int, bytes]

    @property
    def raw(self) -> bytes:
        """Its part of the file ``evidence/segments``."""
        parts = [wire.lp(self.header), wire.lp(self.head)]
        if self.pages is not None:
            parts.append(wire.lp(b"".join(_numbered(self.pages))))
        return b"".join((*parts, *_numbered(self.batches)))


def _numbered(parts: Mapping[int, bytes]) -> Iterator[bytes]:
    """Each part behind its index, ascending."""
    return (piece for index, part in sorted(parts.items()) for piece in (index.to_bytes(4, "big"), part))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Evidence:
    """What an auditor needs to verify an answer offline.

    ``entries``: raw log entries by index; ``proofs``: their inclusion proofs. ``requests``: digest forms.
    ``replies``: raw, by (request number, custodian index).
    ``segments``: by the hex of seg_id.
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
    segments: Mapping[str, SegmentEvidence]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Answer:
    """Everything that goes into the folder.

    ``part``: which part of a continuing order it is; None if it opened all that was there.
    ``repeated_records``: how many of ``records`` are marked because another batch has them too.
    """

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
    part: Part | None = None


def result_commitment(salt: bytes, records_csv: bytes, superseded_csv: bytes | None) -> bytes:
    """The close entry's commitment to the result.

    H(T("result") || salt || H(records.csv) || H(superseded.csv)); a missing file counts as empty.
    """
    return wire.digest(wire.tag("result"), salt, wire.digest(records_csv), wire.digest(superseded_csv or b""))


def answer_document(answer: Answer) -> dict[str, object]:
    """The content of ``answer.json``."""
    names = AnsweredCell.__slots__
    return {
        "format": "coffer.answer/v4",
        "origin": answer.evidence.origin,
        "authorization": answer.authorization,
        "intent": answer.intent,
        "draw": answer.draw,
        "close": answer.close,
        **({} if answer.part is None else {"continues": answer.part.document()}),
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
    """The superseded batches whose cells were asked, in the order of their names.

    ``rows``: those of ``superseded.csv``.
    """
    entries: dict[tuple[str, str], set[int]] = {}
    for cell in cells:
        taken = superseded.get(SegmentId(bytes.fromhex(cell.segment)))
        if taken is not None:
            entries.setdefault((taken.batch.hex(), cell.feed), set()).add(taken.entry)
    records = Counter(row.superseded for row in rows)
    repeated = Counter(row.superseded for row in rows if row.repeat)
    return tuple(
        SupersededBatch(
            batch=batch,
            feed=feed,
            entries=tuple(sorted(indexes)),
            records=records[batch],
            repeated_records=repeated[batch],
        )
        for (batch, feed), indexes in sorted(entries.items())
    )


def count_alone(cells: Sequence[AnsweredCell], custodians: Mapping[str, str]) -> int:
    """How many unconfirmed cells are unconfirmed only because no further custodian answered.

    In such a cell those who answered satisfy the rule and agree that there is nothing, but no other custodian answered
    who could confirm it. The other unconfirmed cells had too few answers, or answers that contradict each other.
    ``custodians``: the status of each, as in ``answer.json``.
    """
    heard = {name for name, word in custodians.items() if word in ("answered", "fault")}
    return sum(cell.status == "unconfirmed" and bool(cell.by) and heard <= set(cell.by) for cell in cells)


def days_opened(cells: Sequence[AnsweredCell]) -> list[str]:
    """The UTC days that were asked for, ascending.

    Custodians' keys open whole days, even where the order names only a part of a day.
    """
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
        "evidence/entries": join_parts({index.to_bytes(8, "big"): raw for index, raw in evidence.entries.items()}),
        "evidence/segments": join_parts({bytes.fromhex(key): one.raw for key, one in evidence.segments.items()}),
    }
    if answer.superseded_csv is not None:
        files["superseded.csv"] = answer.superseded_csv
    files |= {f"evidence/requests/{number:02d}.digest": raw for number, raw in enumerate(evidence.requests)}
    files |= {f"evidence/replies/{number:02d}-{index}.reply": raw for (number, index), raw in evidence.replies.items()}
    return files


def _json(document: Mapping[str, object]) -> bytes:
    """One key a line, and one object a line in a list of them.

    A person reads it, and the library's fast encoder writes it: that one indents nothing.
    """
    lines = (f" {json.dumps(key)}: {_json_value(value)}" for key, value in document.items())
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode("ascii")


def _json_value(value: object) -> str:
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return json.dumps(value)
    return "[\n" + ",\n".join(f"  {json.dumps(item)}" for item in value) + "\n ]"
