"""The end of step R5: from the opened cells to the logged result and the answer. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from coffer.disclosure.answer import Answer, AnsweredCell, Evidence, count_superseded, result_commitment
from coffer.disclosure.part import Part
from coffer.disclosure.records_csv import device_columns, format_records, format_superseded
from coffer.disclosure.repeats import BatchRow, mark_repeats, mark_superseded
from coffer.ledger.codes import HIDDEN, outcome_code, shown, span_code
from coffer.ledger.entries import CloseEntry, Commitment, SegmentId
from coffer.ledger.facts import Opening
from coffer.ledger.state import State
from coffer.ledger.superseded import Superseded, superseded_before
from coffer.procedures.opening.ask import ANSWERED, FAULT
from coffer.procedures.opening.decide import CellResult
from coffer.procedures.opening.journal import Journal
from coffer.segments.opened import OpenedRow


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Result:
    """The result of an opening.

    ``rows``: those that count. ``apart``: those of superseded batches. ``outside``: how many rows start outside the
    periods and were dropped. ``statuses``: the status of each custodian. ``body``: the entry that closes the opening
    and commits to both files; ``with_codes`` gives it the codes that the roster shows.
    """

    rows: Sequence[OpenedRow]
    apart: Sequence[OpenedRow]
    records_csv: bytes
    superseded_csv: bytes | None
    superseded: Mapping[SegmentId, Superseded]
    cells: Sequence[AnsweredCell]
    outside: int
    statuses: Mapping[str, str]
    body: CloseEntry

    @classmethod
    def of(
        cls,
        results: Sequence[CellResult],
        statuses: Mapping[str, str],
        journal: Journal,
        state: State,
        subjects: int,
    ) -> Self:
        """The rows of all cells together. A row that another batch repeats is marked.

        ``subjects``: how many subject lines the authorization has.
        """
        superseded = superseded_before(state, journal.intent)
        rows, apart = _marked(results, superseded, state)
        devices = device_columns(result.target.header.core.layout for result in results)
        records_csv = format_records(rows, devices)
        superseded_csv = format_superseded(apart, devices) if apart else None
        records, unconfirmed = len(rows) + len(apart), sum(result.status == "unconfirmed" for result in results)
        is_each = len({result.target.line for result in results if result.rows}) == subjects
        body = CloseEntry(
            intent=journal.intent,
            result=result_commitment(journal.result_salt, records_csv, superseded_csv),
            records=records,
            answers=sum(status == ANSWERED for status in statuses.values()),
            unconfirmed_cells=unconfirmed,
            outcome=outcome_code(records=records, unconfirmed_cells=unconfirmed, is_each_answered=is_each),
            took=HIDDEN,
        )
        return cls(
            rows=rows,
            apart=apart,
            records_csv=records_csv,
            superseded_csv=superseded_csv,
            superseded=superseded,
            cells=[_answered_cell(result, superseded) for result in results],
            outside=sum(result.outside for result in results),
            statuses=statuses,
            body=body,
        )

    @property
    def faulty(self) -> list[str]:
        """The custodians that the answer calls a fault, ascending."""
        return sorted(name for name, status in self.statuses.items() if status == FAULT)

    def answer(self, authorization: Commitment, opening: Opening, evidence: Evidence, part: Part | None) -> Answer:
        """The answer, once the result is logged."""
        assert opening.close_index is not None, "an answer is put together after its close is logged"
        return Answer(
            authorization=authorization.hex(),
            intent=opening.index,
            draw=opening.draw_index,
            close=opening.close_index,
            part=part,
            answers=self.body.answers,
            custodians=self.statuses,
            cells=self.cells,
            records=len(self.rows),
            repeated_records=sum(bool(row.repeat) for row in self.rows),
            superseded_records=len(self.apart),
            superseded_batches=count_superseded(self.cells, self.superseded, self.apart),
            outside_period=self.outside,
            records_csv=self.records_csv,
            superseded_csv=self.superseded_csv,
            evidence=evidence,
        )


def nothing_opened(journal: Journal) -> CloseEntry:
    """The entry that closes an opening in which nothing was opened."""
    result = result_commitment(journal.result_salt, format_records([]), None)
    return CloseEntry(
        intent=journal.intent, result=result, records=0, answers=0, unconfirmed_cells=0, outcome="none", took=HIDDEN
    )


def with_codes(body: CloseEntry, *, took: dt.timedelta, level: str) -> CloseEntry:
    """The entry with the codes that a roster of that level shows.

    ``took``: from the receipt to the entry's time.
    """
    outcome, span = shown(level, "outcome", body.outcome), shown(level, "took", span_code(took))
    return replace(body, outcome=outcome, took=span)


def is_same_result(one: CloseEntry, other: CloseEntry) -> bool:
    """Whether two closes say the same of an opening, whatever their codes."""
    return replace(one, outcome=HIDDEN, took=HIDDEN) == replace(other, outcome=HIDDEN, took=HIDDEN)


def evident_entries(
    opening: Opening, segments: frozenset[SegmentId], state: State, part: Part | None = None
) -> list[int]:
    """The indexes of the entries that an auditor needs.

    They are the entries of trust, the entries of the opening with its faults, those of the segments' batches, those
    that superseded these batches before the opening, and the entries of the part before.
    """
    wanted = set(state.trust_indexes)
    past = [] if part is None or part.since is None else [state.openings[part.since]]
    for each in (opening, *past):
        wanted |= {index for index in (each.index, each.draw_index, each.close_index) if index is not None}
    wanted |= {index for index, body in state.faults if body.object == opening.index}
    for batch in state.batches.values():
        if not segments.isdisjoint(batch.segments):
            wanted |= set(batch.entry_indexes)
            withdrawn = state.withdrawn.get(batch.batch)
            if withdrawn is not None and withdrawn < opening.index:
                wanted.add(withdrawn)
    return sorted(wanted)


def _marked(
    results: Sequence[CellResult], superseded: Mapping[SegmentId, Superseded], state: State
) -> tuple[list[OpenedRow], list[OpenedRow]]:
    """The rows that count, and those of superseded batches. A row that another batch repeats is marked."""
    firsts: dict[SegmentId, int] = {}
    for each in state.batches.values():
        entries = [state.segments[seg_id].entry_index for seg_id in each.segments]
        firsts |= dict.fromkeys(each.segments, min(entries, default=0))
    living: list[BatchRow] = []
    apart: list[BatchRow] = []
    for result in results:
        segment, old = result.target.segment, superseded.get(result.target.segment.line.seg_id)
        batch, name = firsts[segment.line.seg_id], old.batch.hex() if old is not None else ""
        (apart if name else living).extend(
            BatchRow(batch=batch, feed=segment.feed, row=replace(row, superseded=name) if name else row)
            for row in result.rows
        )
    return mark_repeats(living), mark_superseded(apart, living)


def _answered_cell(result: CellResult, superseded: Mapping[SegmentId, Superseded]) -> AnsweredCell:
    line = result.target.segment.line
    return AnsweredCell(
        segment=line.seg_id.hex(),
        day=line.day.isoformat(),
        kind=line.kind,
        feed=result.target.segment.feed,
        rule=line.rule,
        part=line.part,
        subject=result.target.line,
        status=result.status,
        records=len(result.rows),
        outside_period=result.outside,
        superseded=line.seg_id in superseded,
        by=result.by,
    )
