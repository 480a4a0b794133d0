"""The cells of an answer and what they add up to: step D5 of ``verified``. Pure.

Source: ``docs/formats/answer.md``.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from coffer import wire
from coffer.disclosure.answer import AnsweredCell, SupersededBatch, batch_document, count_superseded, days_opened
from coffer.disclosure.claims import CELL_KEYS, typed
from coffer.errors import MalformedInput, NotProven
from coffer.kinds import KINDS
from coffer.ledger.entries import CloseEntry, SegmentId, SegmentLine
from coffer.ledger.roster import Roster
from coffer.ledger.superseded import Superseded
from coffer.segments.opened import OpenedRow

STATUSES: Final = ("complete", "no records", "unconfirmed")


def parse_cells(
    answer: Mapping[str, object],
    segments: Mapping[SegmentId, tuple[str, SegmentLine]],
    superseded: Mapping[SegmentId, Superseded],
    subjects: int,
) -> tuple[AnsweredCell, ...]:
    """The cells of ``answer.json``, each of a segment of the log and one of ``subjects`` subject lines."""
    listed = answer["cells"]
    assert isinstance(listed, list), "the types were checked"
    cells = []
    for n, item in enumerate(listed, 1):
        place = f"answer.json: cell {n}"
        fields = typed(item, CELL_KEYS, place)
        cell = AnsweredCell(**(fields | {"by": tuple(fields["by"])}))  # type: ignore[arg-type]
        known = cell.status in STATUSES and cell.kind in KINDS and all(isinstance(name, str) for name in cell.by)
        if not (known and 1 <= cell.subject <= subjects and cell.records >= 0 and cell.outside_period >= 0):
            raise MalformedInput(f"{place}: expected a status, kind and subject line that coffer open writes")
        raw = wire.parse_hex(cell.segment, f"{place}: segment", size=32)
        feed, line = segments.get(SegmentId(raw), ("", None))
        said = (cell.day, cell.kind, cell.feed, cell.rule, cell.part)
        if line is None or said != (str(line.day), line.kind, feed, line.rule, line.part):
            raise NotProven(f"answer: D5: {place}: not a segment of the log")
        if cell.superseded != (line.seg_id in superseded):
            raise NotProven(f"answer: D5: {place}: superseded otherwise than the log has it before the intent")
        cells.append(cell)
    return tuple(cells)


def verify_superseded(
    answer: Mapping[str, object],
    cells: tuple[AnsweredCell, ...],
    superseded: Mapping[SegmentId, Superseded],
    rows: tuple[OpenedRow, ...],
) -> tuple[SupersededBatch, ...]:
    """The superseded batches that were asked, proven to be the only source of ``superseded.csv``.

    The log had superseded each before the intent, and each has as many rows as its cells have records.
    """
    batches = count_superseded(cells, superseded, rows)
    listed = [item | {"entries": list(batch.entries)} for batch in batches for item in [batch_document(batch)]]
    if answer["superseded_batches"] != listed or sum(batch.records for batch in batches) != len(rows):
        raise NotProven("answer: D5: answer.json or superseded.csv: other superseded batches than the log has")
    counts = Counter[str]()
    for cell in cells:
        if cell.superseded:
            counts[superseded[SegmentId(bytes.fromhex(cell.segment))].batch.hex()] += cell.records
    if any(counts[batch.batch] != batch.records for batch in batches):
        raise NotProven("answer: D5: superseded.csv: other records of a batch than its cells have")
    return batches


def verify_outcome(
    answer: Mapping[str, object], cells: tuple[AnsweredCell, ...], close: CloseEntry, roster: Roster, drawn: int
) -> dict[str, str]:
    """How each custodian answered, by name; the cells add up to the close entry and the draw."""
    named = answer["custodians"]
    assert isinstance(named, dict), "the types were checked"
    custodians = {str(name): str(status) for name, status in named.items()}
    if any(len(set(cell.by)) < len(cell.by) or not custodians.keys() >= set(cell.by) for cell in cells):
        raise NotProven("answer: D5: answer.json: by of a cell names somebody twice, or nobody of the custodians")
    totals = tuple(sum(cell.records for cell in cells if cell.superseded == apart) for apart in (False, True))
    unconfirmed = sum(cell.status == "unconfirmed" for cell in cells)
    outside = sum(cell.outside_period for cell in cells)
    if (outside, days_opened(cells)) != (answer["outside_period"], answer["days_opened"]):
        raise NotProven("answer: D5: answer.json: its cells do not add up to what it says was outside, or to its days")
    if totals != (answer["records"], answer["superseded_records"]) or unconfirmed != close.unconfirmed_cells:
        raise NotProven("answer: D5: answer.json: its cells do not add up to the totals")
    if close.records + outside > drawn or (not unconfirmed and close.records + outside < drawn):
        raise NotProven("answer: D5: the draw entry has another total than what is within and outside the periods")
    answered = sum(status == "answered" for status in custodians.values())
    if set(custodians) != set(roster.names) or not answered == answer["answers"] == close.answers:
        raise NotProven(
            "answer: D5: answer.json: other custodians than the roster's, or other answers than were logged"
        )
    return custodians
