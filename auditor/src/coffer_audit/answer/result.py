"""Steps 10 and 11 of the audit of an answer: draw, files and totals (docs/formats/answer.md)."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from typing import TYPE_CHECKING

from coffer_audit.answer.claims import SupersededBatch
from coffer_audit.answer.repeats import Told, mark_repeats, mark_superseded
from coffer_audit.entries.codes import HIDDEN
from coffer_audit.errors import verify_that
from coffer_audit.vault.audit import MAX_FILE_BYTES
from coffer_audit.wire import MAX_SMALL_JSON, hash_of, parse_hex, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coffer_audit.answer.cells import Opened, Proven
    from coffer_audit.answer.claims import Claims
    from coffer_audit.answer.evidence import Given
    from coffer_audit.answer.exchange import Digest
    from coffer_audit.validity.facts import Opening
    from coffer_audit.validity.state import State

COLUMNS = ("subject", "kind", "direction", "peer", "start_utc", "duration_s", "answered", "cell")
DEVICES = {96: "number", 2: "imei", 4: "imsi"}
"""Columns that follow if a segment that was asked has one of the bits in its layout."""


def verify_draw(opening: Opening, digests: Sequence[Digest]) -> None:
    """Step 10: prove that the draw commits to exactly the cells of lane 2 and has their total."""
    data = [digest for digest in digests if digest.lane == 2]
    if not opening.draw:
        verify_that(not data, "requests: found lane 2 without a draw")
        return
    body = opening.draw[1]
    for digest in data:
        verify_that(
            hash_of("draw", digest.salt, digest.raw_cells).hex() == body.text["table"], "draw: found another table"
        )
        total = sum(cell.count for cell in digest.cells)
        verify_that(total == body.number["records"], f"draw: found {body.number['records']} records, expected {total}")
    verify_that(data, "draw: found no request of lane 2, expected at least one")


def _tell(
    claims: Claims, proven: Proven, opened: Mapping[tuple[str, int], Opened], *, superseded: bool
) -> list[tuple[str, Told]]:
    """Give every row with the name of its batch, either of superseded cells or of the others."""
    batches = proven.state.ingests.batches_of()
    return [
        (name, Told(batch=first, feed=cell.feed, subject=cell.subject, row=row, is_device=is_device))
        for cell in claims.cells
        if cell.superseded == superseded and cell.records
        for is_device in [proven.paper.subjects[cell.subject - 1].text.startswith(("imei:", "imsi:"))]
        for name, first in [batches[cell.segment]]
        for row in opened[cell.segment, cell.subject].rows
    ]


def _csv_of(
    claims: Claims, proven: Proven, told: Sequence[tuple[str, Told]], marks: Sequence[str], *further: str
) -> bytes:
    """Give the bytes of a file of records.

    `further`: the columns behind the devices, which are the mark and perhaps the name of the batch.
    """
    rows = [(one.subject, (*one.row, mark, name)) for (name, one), mark in zip(told, marks, strict=True)]
    bits = [bit for bit in DEVICES if any(proven.stored.headers[cell.segment].layout & bit for cell in claims.cells)]
    kept = [*range(7), *(7 + list(DEVICES).index(bit) for bit in bits), *range(-2, len(further) - 2)]
    rows = [(line, tuple(row[i] for i in kept)) for line, row in rows]
    # sort by subject line, start, kind, direction, peer, then the other columns; all but the first as text
    rows.sort(key=lambda item: (item[0], item[1][3], *item[1][:3], *item[1][4:]))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*COLUMNS, *(DEVICES[bit] for bit in bits), *further))
    writer.writerows((proven.paper.subjects[line - 1].text, *row) for line, row in rows)
    return out.getvalue().encode("utf-8", "surrogateescape")


def _verify_batches(claims: Claims, state: State, told: Sequence[tuple[str, Told]], marks: Sequence[str]) -> None:
    """Prove that the claimed superseded batches are those whose cells were asked.

    Each must have the entries that superseded it before the intent, and the number of its records.
    """
    batches, superseded = state.ingests.batches_of(), state.ingests.superseded_before(claims.intent)
    entries: dict[str, set[int]] = {}
    for seg_id in {cell.segment for cell in claims.cells} & superseded.keys():
        entries.setdefault(batches[seg_id][0], set()).add(superseded[seg_id])
    records = Counter(name for name, _ in told)
    repeated = Counter(name for (name, _), mark in zip(told, marks, strict=True) if mark)
    expected = tuple(
        SupersededBatch(
            batch=name,
            feed=state.batches[name].first.feed,
            entries=sorted(by),
            records=records[name],
            repeated_records=repeated[name],
        )
        for name, by in sorted(entries.items())
    )
    names = ", ".join(name[:8] for name in sorted(entries)) or "none"
    verify_that(
        claims.superseded_batches == expected,
        f"answer.json superseded_batches: found others than the entries before the intent have, expected {names}",
    )


def verify_result(given: Given, opening: Opening, proven: Proven, opened: Mapping[tuple[str, int], Opened]) -> None:
    """Step 11: compare both files byte for byte, the result in the close entry, and all totals."""
    claims = given.claims
    verify_that(len(opened) == len(claims.cells), "records.csv: found cells that cannot be recomputed")
    told, apart = (_tell(claims, proven, opened, superseded=which) for which in (False, True))
    living = [one for _, one in told]
    marks, old_marks = mark_repeats(living), mark_superseded([one for _, one in apart], living)
    records = _csv_of(claims, proven, told, marks, "repeat")
    old = _csv_of(claims, proven, apart, old_marks, "repeat", "batch")
    count, repeated, old_count = len(told), sum(map(bool, marks)), len(apart)
    stored = given.files.read("records.csv", MAX_FILE_BYTES)
    verify_that(stored == records, "records.csv: found other bytes than the evidence gives")
    path = "superseded.csv"
    stored_old = given.files.read(path, MAX_FILE_BYTES) if given.files.has(path) else b""
    verify_that(stored_old == (old if old_count else b""), "superseded.csv: found other bytes than the evidence gives")
    _verify_batches(claims, proven.state, apart, old_marks)
    secrets = parse_json(given.read("secrets.json", MAX_SMALL_JSON), "secrets.json", ("result_salt",))
    text = secrets["result_salt"]
    salt = bytes.fromhex(parse_hex(text if isinstance(text, str) else "", 32, "result_salt"))
    result = hash_of("result", salt, hashlib.sha256(stored).digest(), hashlib.sha256(stored_old).digest())
    close = opening.close[1] if opening.close else opening.intent
    verify_that(result.hex() == close.text["result"], "close: found another result than the files give")
    verify_that(
        (count, repeated, old_count) == (claims.records, claims.repeated_records, claims.superseded_records),
        f"answer.json: found other totals, expected {count} records, {repeated} repeated and {old_count} superseded",
    )
    days = sorted({cell.day for cell in claims.cells})
    outside = sum(cell.outside_period for cell in claims.cells)
    drawn = opening.draw[1].number["records"] if opening.draw else 0
    is_all = not any(cell.status == "unconfirmed" for cell in claims.cells)
    verify_that(
        count + old_count + outside <= drawn and (not is_all or count + old_count + outside == drawn),
        f"draw: found {drawn} records, expected those within and outside the periods",
    )
    verify_that(
        (outside, days) == (claims.outside_period, claims.days_opened),
        f"answer.json: found other totals, expected {outside} outside the periods, and {len(days)} UTC days opened",
    )
    verify_that(close.number["records"] == count + old_count, "close records: found another number")
    verify_that(close.number["answers"] == claims.answers, "close answers: found another number")
    unconfirmed = sum(cell.status == "unconfirmed" for cell in claims.cells)
    verify_that(close.number["unconfirmed-cells"] == unconfirmed, f"close unconfirmed-cells: expected {unconfirmed}")
    is_each = len({cell.subject for cell in claims.cells if cell.records}) == len(proven.paper.subjects)
    outcome = ("full" if is_each and not unconfirmed else "part") if count + old_count else "none"
    verify_that(close.text["outcome"] in (HIDDEN, outcome), f"close outcome: found another, expected {outcome}")
