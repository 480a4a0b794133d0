"""``records.csv``: one line an opened row. Pure. Source: ``docs/formats/answer.md``; RFC 4180 for quoting."""

import csv
import io
from collections.abc import Iterable

from coffer.segments.opened import OpenedRow
from coffer.wire import format_time

HEADER = ("subject", "kind", "direction", "peer", "start_utc", "duration_s", "answered", "cell")


def format_records(rows: Iterable[OpenedRow]) -> bytes:
    """Rows in order of subject line, start, kind, direction, peer, then the other columns as text."""
    lines = sorted(
        (row.line, format_time(row.start), row.kind, row.direction, row.peer, cells)
        for row in rows
        for cells in [_cells(row)]
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(line[-1] for line in lines)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _cells(row: OpenedRow) -> tuple[str, ...]:
    duration = "" if row.duration_s is None else str(row.duration_s)
    answered = "true" if row.is_answered else "false"
    return (row.subject, row.kind, row.direction, row.peer, format_time(row.start), duration, answered, row.cell)
