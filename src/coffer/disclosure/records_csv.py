"""``records.csv`` and ``superseded.csv``: a line for each opened row. Pure.

Source: ``docs/formats/answer.md``; RFC 4180 for quoting.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Final

from coffer import wire
from coffer.disclosure.repeats import REPEATS
from coffer.errors import MalformedInput
from coffer.kinds import KINDS
from coffer.records.layout import Layout
from coffer.segments.opened import OpenedRow
from coffer.segments.rows import MAX_DURATION_S

HEADER: Final = ("subject", "kind", "direction", "peer", "start_utc", "duration_s", "answered", "cell")
DEVICES: Final = {"number": Layout.OWN, "imei": Layout.IMEI, "imsi": Layout.IMSI}
"""Columns that a file has only if a segment that was asked keeps them, by bits of its layout."""
REPEAT: Final = "repeat"
"""The last column of records.csv."""
BATCH: Final = "batch"
"""The last column of superseded.csv: the name of the superseded batch of the row."""
DIRECTIONS: Final = ("out", "in", "forwarded", "other")
_PEER: Final = re.compile(r"(?:tel:\+|mailto:|short:|sender:|opaque:|dialled:).+|", re.DOTALL)
_CELL: Final = re.compile(r"[0-9]{3}-[0-9]{2,4}-[0-9]{1,5}-[0-9]{1,9}|")
_NUMBER: Final = re.compile(r"tel:\+[0-9]{1,15}|(?:short|dialled):[A-Z]{2}/[0-9~]{1,18}|")
_IMEI: Final = re.compile(r"[0-9]{14,20}|")
_IMSI: Final = re.compile(r"[0-9]{6,20}|")
_BATCH: Final = re.compile(r"[0-9a-f]{32}")


def device_columns(layouts: Iterable[int]) -> tuple[str, ...]:
    """Which of ``DEVICES`` an answer's files have. ``layouts``: those of all segments asked."""
    kept = 0
    for layout in layouts:
        kept |= layout
    return tuple(name for name, bit in DEVICES.items() if kept & bit)


def format_records(rows: Iterable[OpenedRow], devices: tuple[str, ...] = ()) -> bytes:
    """The bytes of ``records.csv``.

    Rows are sorted by subject line, start, kind, direction and peer, then by the other columns as text.
    """
    return _format(rows, devices, (REPEAT,))


def format_superseded(rows: Iterable[OpenedRow], devices: tuple[str, ...] = ()) -> bytes:
    """The bytes of ``superseded.csv``: as ``format_records``, with the batch of each row as last column."""
    return _format(rows, devices, (REPEAT, BATCH))


def _format(rows: Iterable[OpenedRow], devices: tuple[str, ...], marks: tuple[str, ...]) -> bytes:
    lines = sorted(
        (row.line, start, row.kind, row.direction, row.peer, _cells(row, start, devices, marks))
        for row in rows
        for start in [wire.format_time(row.start)]
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*HEADER, *devices, *marks))
    writer.writerows(line[-1] for line in lines)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _cells(row: OpenedRow, start: str, devices: tuple[str, ...], marks: tuple[str, ...]) -> tuple[str, ...]:
    duration = "" if row.duration_s is None else str(row.duration_s)
    answered = "true" if row.is_answered else "false"
    own = {"number": row.number, "imei": row.imei, "imsi": row.imsi, REPEAT: row.repeat, BATCH: row.superseded}
    return (
        *(row.subject, row.kind, row.direction, row.peer, start, duration, answered, row.cell),
        *(own[name] for name in (*devices, *marks)),
    )


def parse_records(
    raw: bytes, subjects: Mapping[str, int], place: str, *, is_superseded: bool = False
) -> tuple[tuple[OpenedRow, ...], tuple[str, ...]]:
    """The rows in their order, and the device columns of the file.

    Strict inverse of ``format_records`` or ``format_superseded``. ``subjects``: by the text of each subject line, its
    number from 1.

    Raises:
        MalformedInput: a line is not in the form; the message names the line and repeats no value.
    """
    try:
        lines = list(csv.reader(io.StringIO(raw.decode("utf-8", "surrogateescape"), newline=""), strict=True))
    except csv.Error:
        raise MalformedInput(f"{place}: not CSV") from None
    header = tuple(lines[0]) if lines else ()
    devices = tuple(name for name in DEVICES if name in header)
    marks = (REPEAT, BATCH) if is_superseded else (REPEAT,)
    if header != (*HEADER, *devices, *marks):
        raise MalformedInput(
            f"{place}: line 1: other columns, expected {','.join(HEADER)}, perhaps number,imei,imsi, and {','.join(marks)}"
        )
    rows = tuple(
        _parse_row(line, (*devices, *marks), subjects, f"{place}: row {n}") for n, line in enumerate(lines[1:], 1)
    )
    if _format(rows, devices, marks) != raw:
        raise MalformedInput(f"{place}: not in canonical form: written again it would differ")
    return rows, devices


def _parse_row(line: list[str], further: tuple[str, ...], subjects: Mapping[str, int], place: str) -> OpenedRow:
    """The row of one line. ``further``: the columns behind those that every file has."""
    if len(line) != len(HEADER) + len(further):
        raise MalformedInput(f"{place}: {len(line)} columns, expected {len(HEADER) + len(further)}")
    subject, kind, direction, peer, start, duration, answered, cell, *own = line
    known = subject in subjects and kind in KINDS and direction in DIRECTIONS and answered in ("true", "false")
    values = dict(zip(further, own, strict=True))
    number, imei, imsi = (values.get(name, "") for name in DEVICES)
    repeat, batch = values[REPEAT], values.get(BATCH, "")
    if not (known and _PEER.fullmatch(peer) and _CELL.fullmatch(cell) and repeat in REPEATS):
        raise MalformedInput(f"{place}: not a row of this answer, expected its own subjects, kinds and values")
    is_named = BATCH not in further or _BATCH.fullmatch(batch)
    if not (_NUMBER.fullmatch(number) and _IMEI.fullmatch(imei) and _IMSI.fullmatch(imsi)):
        raise MalformedInput(f"{place}: not a row of this answer, expected its own subjects, kinds and values")
    if (bool(duration) != (kind == "call")) or not is_named:
        raise MalformedInput(f"{place}: not a row of this answer, expected its own subjects, kinds and values")
    seconds = wire.parse_decimal(duration, f"{place}: duration_s", high=MAX_DURATION_S) if duration else None
    return OpenedRow(
        line=subjects[subject],
        subject=subject,
        kind=kind,
        direction=direction,
        peer=peer,
        start=wire.parse_time(start, f"{place}: start_utc"),
        duration_s=seconds,
        is_saturated=seconds == MAX_DURATION_S,
        is_answered=answered == "true",
        cell=cell,
        imei=imei,
        imsi=imsi,
        number=number,
        repeat=repeat,
        superseded=batch,
    )
