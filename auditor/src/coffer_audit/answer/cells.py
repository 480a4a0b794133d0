"""Step 9 of the audit of an answer: labels, rows and status of every cell (docs/formats/answer.md)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coffer_audit.answer.evidence import segment_of
from coffer_audit.answer.rows import combine_partials, decrypt_row, find_rows, format_row
from coffer_audit.errors import MalformedInput, NotProven, verify_that
from coffer_audit.wire import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coffer_audit.answer.authorization import Authorization
    from coffer_audit.answer.claims import Cell, Claims
    from coffer_audit.answer.evidence import Stored
    from coffer_audit.answer.exchange import Digest
    from coffer_audit.answer.replies import Replies
    from coffer_audit.errors import Findings
    from coffer_audit.validity.state import State

Windows = dict[tuple[int, str, int], list[tuple[int, int, int, int]]]
"""By lane, segment and subject: (first rank, count, request number, place in the request), each once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """The values of steps 2 to 8 from which a cell is recomputed.

    `windows`: the requests, by what they ask for.
    """

    state: State
    paper: Authorization
    stored: Stored
    windows: Windows
    replies: Replies


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The recomputed outcome of a cell: its status, and its rows if it is complete.

    `rows`: the columns of the rows within the subject's periods. `outside`: how many rows are outside of them.
    """

    status: str
    rows: tuple[tuple[str, ...], ...] = ()
    outside: int = 0


def find_windows(digests: Sequence[Digest]) -> Windows:
    """Give the windows of ranks that were asked for each cell, ascending.

    If several requests ask for the same window, the last one counts.
    """
    windows: defaultdict[tuple[int, str, int], dict[tuple[int, int], tuple[int, int]]] = defaultdict(dict)
    for number, digest in enumerate(digests):
        for at, item in enumerate(digest.cells):
            windows[digest.lane, item.segment, item.subject][item.first, item.count] = number, at
    return {key: sorted((*ranks, *place) for ranks, place in own.items()) for key, own in windows.items()}


def _values(proven: Proven, number: int, at: int, cell: Cell) -> dict[int, dict[str, bytes]]:
    """Give clause -> custodian -> value for one cell of a request, from all who replied."""
    segment = segment_of(proven.state, cell.segment)
    values: dict[int, dict[str, bytes]] = {mask: {} for mask in segment.roster.locks[segment.line.rule].clauses}
    for name in proven.replies.conduct:
        if (number, name) in proven.replies.values:
            for mask, value in proven.replies.values[number, name][at].items():
                values[mask][name] = value
    return values


def _combine(proven: Proven, number: int, at: int, cell: Cell) -> tuple[bytes | None, bool]:
    """Combine the replies of the cell's `by`; None if a clause is missing.

    The flag tells whether every clause is confirmed by two holders or has only one holder.
    """
    parts, confirmed = [], True
    silent = [name for name in cell.by if (number, name) not in proven.replies.values]
    verify_that(
        not silent or cell.status == "unconfirmed", f"cell by: found no reply of {', '.join(silent)} to a request"
    )
    for mask, by_name in _values(proven, number, at, cell).items():
        agreed = {value for name, value in by_name.items() if name in cell.by}
        verify_that(len(agreed) <= 1, "cell: found replies of its by that disagree")
        liars = [
            name
            for name, value in by_name.items()
            if agreed and value not in agreed and proven.replies.conduct[name] != "fault"
        ]
        verify_that(not liars, f"cell: found a reply that disagrees and no fault named for {', '.join(liars)}")
        if not agreed:
            return None, False
        parts.append(agreed.pop())
        confirmed &= sum(name in cell.by for name in by_name) >= 2 or mask.bit_count() == 1
    return combine_partials(parts), confirmed


def _rows_of(stored: Stored, seg_id: str, label: bytes) -> list[bytes]:
    """Give the rows under a label."""
    rows = []
    for index in stored.manifests[seg_id].find_candidates(label):
        verify_that(
            (seg_id, index) in stored.batches, f"batch {index} of {seg_id}: found no file, expected it in evidence"
        )
        rows += find_rows(stored.batches[seg_id, index], stored.headers[seg_id].width, label)
    return rows


def _find_labels(proven: Proven, cell: Cell) -> tuple[list[list[bytes]], bool, bool]:
    """Give the rows under each label, up to the first label without rows (a miss).

    The flags tell whether there was a miss, and whether it was confirmed.
    """
    hits: list[list[bytes]] = []
    for first, count, number, at in proven.windows.get((1, cell.segment, cell.subject), []):
        labels, confirmed = _combine(proven, number, at, cell)
        if labels is None or first != len(hits):
            break
        for rank in range(count):
            rows = _rows_of(proven.stored, cell.segment, labels[8 * rank : 8 * rank + 8])
            if not rows:
                return hits, True, confirmed
            hits.append(rows)
    return hits, False, False


def _open_cell(proven: Proven, cell: Cell) -> Opened:
    """Give status and rows of a cell; an unconfirmed cell may list no rows."""
    hits, missed, confirmed = _find_labels(proven, cell)
    for _, count, number, at in proven.windows.get((2, cell.segment, cell.subject), []):
        data, _ = _combine(proven, number, at, cell)
        verify_that(
            count == len(hits) or data is None or not cell.by, f"draw: found {count} ranks, expected {len(hits)}"
        )
        if data is None or count != len(hits):
            continue
        rows = [
            _open_row(proven, cell, candidates, data[16 * rank : 16 * rank + 16])
            for rank, candidates in enumerate(hits)
        ]
        if [row and row[1] for row in rows] != [False] * (count - 1) + [True]:
            return Opened(status="unconfirmed")
        opened = [row[0] for row in rows if row]
        within = [row for row in opened if proven.paper.holds(cell.subject, parse_time(row[3], "row"))]
        return Opened(status="complete", rows=tuple(within), outside=len(opened) - len(within))
    is_certain = missed and confirmed and not hits
    return Opened(status="no records" if is_certain else "unconfirmed")


def _open_row(proven: Proven, cell: Cell, candidates: list[bytes], y: bytes) -> tuple[tuple[str, ...], bool] | None:
    """Give the columns and the LAST flag of the candidate that opens; None if none does."""
    segment, header = segment_of(proven.state, cell.segment), proven.stored.headers[cell.segment]
    for row in candidates:
        if plain := decrypt_row(row, y, header.seg_id):
            try:
                return format_row(
                    *plain,
                    layout=header.layout,
                    day=segment.line.day,
                    kind=cell.kind,
                    feed=cell.feed,
                    home=header.home,
                )
            except (MalformedInput, NotProven):
                return None
    return None


def verify_cells(claims: Claims, proven: Proven, findings: Findings) -> Mapping[tuple[str, int], Opened]:
    """Step 9: recompute every cell and compare it with its claim.

    Gives, by segment and subject line, the cells that can be recomputed. Each cell that differs is a violation of its
    own, so that it does not hide the others.
    """
    opened: dict[tuple[str, int], Opened] = {}
    for cell in claims.cells:
        with findings.guard("CELL", segment=cell.segment):
            verify_that(
                all(isinstance(name, str) for name in cell.by) and set(cell.by) <= set(proven.replies.conduct),
                "cell by: found an unknown custodian",
            )
            verify_that(len(set(cell.by)) == len(cell.by), "cell by: found a custodian twice, expected each once")
            one = opened[cell.segment, cell.subject] = _open_cell(proven, cell)
            place = f"cell of subject line {cell.subject}"
            verify_that(cell.status == one.status, f"{place}: found {cell.status!a}, expected {one.status}")
            verify_that(
                cell.records == len(one.rows), f"{place}: found {cell.records} records, expected {len(one.rows)}"
            )
            verify_that(
                cell.outside_period == one.outside,
                f"{place}: found {cell.outside_period} outside its periods, expected {one.outside}",
            )
    return opened
