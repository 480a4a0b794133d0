"""CSV lines to records, column-wise. Pure: bytes of whole lines in, canonical batch and rejects out.

A chunk is any run of whole lines of a file, so that chunks can be read in any process and order. Source: RFC 4180, with
``docs/formats/feed.md``.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pc_csv

from coffer.errors import MalformedInput
from coffer.records.draft import Bools, Parsed, Window
from coffer.records.feed import Column, Feed
from coffer.records.readers.account import Page
from coffer.records.readers.mapped.columns import MappedColumns
from coffer.records.readers.text.head import encoding_hint, is_utf8
from coffer.records.readers.text.lines import BOM, EMPTY, MAX_LINE_BYTES, without_empty
from coffer.records.rejects import Reason, Rejects, some_rejects

I64 = npt.NDArray[np.int64]
MAX_COLUMNS: Final = 1000
MAX_WRONG_ROWS: Final = 1_000
"""Rows of another width that Arrow is let tell one by one; of a chunk with more of them all are taken out beforehand."""
_LINES_AT_ONCE: Final = 1 << 20
"""How many bytes of a chunk of very short lines are read together: arrays about its lines take 60 times its size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundCsv:
    """A feed bound to a file: how many columns, and where each canonical field stands (positions from 0)."""

    feed: Feed
    columns: int
    positions: dict[str, tuple[int, ...]]

    def read(self, data: bytes, *, first_line: int, window: Window) -> Parsed:
        """Read whole lines; ``first_line`` is the number in the file of the first of them."""
        return read_lines(data, self, first_line=first_line, window=window)


def bind_feed(feed: Feed, first_line: bytes, place: str) -> BoundCsv:
    """Find the feed's columns in a file whose first line is given (the header, if the feed has one).

    Raises:
        MalformedInput: a column is not there. Names found are not repeated: where a feed wrongly expects a header, they
        are people's numbers.
    """
    try:
        rows = list(csv.reader(io.StringIO(first_line.decode("utf-8")), delimiter=feed.delimiter))
    except UnicodeDecodeError:
        hint = encoding_hint(first_line) or "is this a CSV file?"
        raise MalformedInput(f"{place}: line 1: not UTF-8", hint=hint) from None
    except csv.Error:
        hint = "does a CR stand within it? Lines end with LF or CR LF"
        raise MalformedInput(f"{place}: line 1: not one row of CSV", hint=hint) from None
    names = [name.strip() for name in rows[0]] if rows else []
    if not 2 <= len(names) <= MAX_COLUMNS:
        raise MalformedInput(
            f"{place}: line 1: {len(names)} column, expected at least 2",
            hint=f"is the delimiter of the feed ({feed.delimiter!r}) the file's?",
        )
    wanted: dict[str, tuple[Column, ...]] = dict(feed.columns)
    if feed.kind.column is not None:
        wanted["kind"] = (feed.kind.column,)
    if feed.answered is not None:
        wanted["answered"] = (feed.answered.column,)
    positions = {key: tuple(_position(c, names, key, feed, place) for c in columns) for key, columns in wanted.items()}
    return BoundCsv(feed=feed, columns=len(names), positions=positions)


def _position(column: Column, names: list[str], key: str, feed: Feed, place: str) -> int:
    if isinstance(column, int):
        if column < len(names):
            return column
        raise MalformedInput(
            f"{place}: line 1: no column {column} for {key}, found {len(names)} columns counted from 0"
        )
    if names.count(column) == 1:
        return names.index(column)
    raise MalformedInput(
        f"{place}: line 1: no column {column!r} for {key} in the header of {len(names)} columns",
        hint=f"does the file have a header, and is feed {feed.name} meant for it?",
    )


def read_lines(data: bytes, bound: BoundCsv, *, first_line: int, window: Window) -> Parsed:
    """Read whole lines; ``first_line`` is the number of the first of them in the file, from 1."""
    page = Page(bound.feed, window)
    filled = without_empty(data, first_line)
    page.skip(EMPTY, filled.empty)
    if len(filled.data) > _LINES_AT_ONCE and len(filled.numbers) * 8 > len(filled.data):
        # Lines of a few bytes are no records: 16 MiB of them must not take gigabytes.
        for part, numbers in _parts(filled.data, filled.numbers):
            _read_part(part, bound, numbers, page)
    else:
        _read_part(filled.data, bound, filled.numbers, page)
    return page.told()


def _parts(data: bytes, numbers: I64) -> Iterator[tuple[bytes, I64]]:
    """Runs of whole lines of about ``_LINES_AT_ONCE`` bytes, each with the numbers of its lines."""
    at = line = 0
    while at < len(data):
        end = data.rfind(b"\n", at, at + _LINES_AT_ONCE) + 1 or data.find(b"\n", at) + 1 or len(data)
        part = data[at:end]
        lines = part.count(b"\n") + (not part.endswith(b"\n"))
        yield part, numbers[line : line + lines]
        line += lines
        at = end


def _read_part(data: bytes, bound: BoundCsv, numbers: I64, page: Page) -> None:
    data, numbers = _drop_unreadable(data, numbers, page)
    table, numbers = _parse_table(data, bound, numbers, page)
    columns = MappedColumns(bound.feed, _by_field(bound, table), len(numbers))
    page.keep(columns.draft(numbers), columns.is_ambiguous)


def _drop_unreadable(data: bytes, numbers: I64, page: Page) -> tuple[bytes, I64]:
    """Take out lines that are too long, not UTF-8 or not one line.

    Gives what is left, and the line number of each line of it.
    """
    view, starts, ends = _bounds(data)
    lengths = ends - starts
    is_torn = _torn_lines(view, starts)
    bad = is_torn | (lengths > MAX_LINE_BYTES)
    if not data.isascii():
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            for i in np.flatnonzero(~bad).tolist():
                if not is_utf8(data[starts[i] : ends[i]]):
                    bad[i] = True
    if not bad.any():
        return data, numbers
    reasons = np.full(len(bad), Reason.NOT_UTF8, np.uint8)
    reasons[is_torn] = Reason.WRONG_COLUMN_COUNT
    reasons[lengths > MAX_LINE_BYTES] = Reason.ROW_TOO_LONG
    page.reject(Rejects(lines=numbers[bad], reasons=reasons[bad], fields=("",) * int(bad.sum())))
    return _lines_of(view, starts, ends, ~bad), numbers[~bad]


def _bounds(data: bytes) -> tuple[npt.NDArray[np.uint8], I64, I64]:
    """The bytes, and where each line begins and ends; the last may have no line end."""
    view = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(view == 10)
    if len(data) and (len(ends) == 0 or ends[-1] != len(data) - 1):
        ends = np.append(ends, len(data))
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else np.zeros(0, np.int64)
    return view, starts, ends


def _lines_of(view: npt.NDArray[np.uint8], starts: I64, ends: I64, is_wanted: Bools) -> bytes:
    """Some of the lines, as they stand."""
    return view[np.repeat(is_wanted, ends + 1 - starts)[: len(view)]].tobytes()


def _drop_wrong_width(data: bytes, bound: BoundCsv, numbers: I64, page: Page) -> tuple[bytes, I64]:
    """Take out lines without quotes that have another number of columns, all at once."""
    view, starts, ends = _bounds(data)
    quoted = np.searchsorted(starts, np.flatnonzero(view == ord('"')), side="right") - 1
    delimiters = np.add.reduceat((view == ord(bound.feed.delimiter)).view(np.uint8), starts, dtype=np.int64)
    bad = delimiters + 1 != bound.columns
    bad[quoted] = False
    page.reject(some_rejects(numbers[bad], Reason.WRONG_COLUMN_COUNT))
    return _lines_of(view, starts, ends, ~bad), numbers[~bad]


def _torn_lines(view: npt.NDArray[np.uint8], starts: I64) -> Bools:
    """Lines that would not stay one line.

    They have a quote that is not closed, or a carriage return in the middle.
    """
    torn = np.zeros(len(starts), np.bool_)
    for byte in b'"\r':
        if (at := np.flatnonzero(view == byte)).size == 0:
            continue
        if byte == 13:
            at = at[(at + 1 < len(view)) & (view[np.minimum(at + 1, len(view) - 1)] != 10)]
            torn[np.searchsorted(starts, at, side="right") - 1] = True
        else:
            lines = np.searchsorted(starts, at, side="right") - 1
            torn |= np.bincount(lines, minlength=len(starts)) % 2 == 1
    return torn


def _parse_table(
    data: bytes, bound: BoundCsv, numbers: I64, page: Page, most_wrong: int | None = MAX_WRONG_ROWS
) -> tuple[pa.Table, I64]:
    """Split lines into columns of bytes; lines with another number of columns become rejects."""
    names = [f"c{i}" for i in range(bound.columns)]
    wanted = [f"c{i}" for i in sorted({p for positions in bound.positions.values() for p in positions})]
    wrong: list[int] = []

    def skip(row: pc_csv.InvalidRow) -> str:
        wrong.append(row.number)
        return "error" if most_wrong is not None and len(wrong) > most_wrong else "skip"

    if data.startswith(BOM):
        data = BOM + data  # Arrow takes one away; here it is part of a line, as a file's own mark was taken away before
    if not data:
        return pa.table({name: pa.array([], pa.binary()) for name in wanted}), numbers
    try:
        table = pc_csv.read_csv(
            pa.BufferReader(data),
            read_options=pc_csv.ReadOptions(column_names=names, use_threads=False, block_size=max(len(data), 1)),
            parse_options=pc_csv.ParseOptions(
                delimiter=bound.feed.delimiter, invalid_row_handler=skip, ignore_empty_lines=False
            ),
            convert_options=pc_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.binary()), include_columns=wanted, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        if most_wrong is not None and len(wrong) > most_wrong:
            data, numbers = _drop_wrong_width(data, bound, numbers, page)
            return _parse_table(data, bound, numbers, page, None)
        # An open quote swallows lines. Then each line is read alone, and those that do not parse are rejected.
        return _parse_line_by_line(data, bound, numbers, page)
    if table.num_rows + len(wrong) != len(numbers):
        return _parse_line_by_line(data, bound, numbers, page)
    if wrong:
        at = np.array(wrong, np.int64) - 1
        page.reject(some_rejects(numbers[at], Reason.WRONG_COLUMN_COUNT))
        numbers = np.delete(numbers, at)
    return table.combine_chunks(), numbers


def _parse_line_by_line(data: bytes, bound: BoundCsv, numbers: I64, page: Page) -> tuple[pa.Table, I64]:
    """The slow path, for a chunk with unbalanced quotes."""
    positions = sorted({p for columns in bound.positions.values() for p in columns})
    kept: list[list[str]] = []
    good: list[int] = []
    wrong: list[int] = []
    lines = data.decode("utf-8").split("\n")
    for number, line in zip(numbers.tolist(), lines, strict=False):
        try:
            rows = list(csv.reader([line], delimiter=bound.feed.delimiter, strict=True))
        except csv.Error:
            rows = []
        if len(rows) == 1 and len(rows[0]) == bound.columns:
            kept.append(rows[0])
            good.append(number)
        else:
            wrong.append(number)
    page.reject(some_rejects(np.array(wrong, np.int64), Reason.WRONG_COLUMN_COUNT))
    columns = {f"c{p}": pa.array([row[p].encode("utf-8") for row in kept], pa.binary()) for p in positions}
    return pa.table(columns), np.array(good, np.int64)


def _by_field(bound: BoundCsv, table: pa.Table) -> dict[str, tuple[pa.BinaryArray, ...]]:
    return {key: tuple(_column(table, p) for p in positions) for key, positions in bound.positions.items()}


def _column(table: pa.Table, position: int) -> pa.BinaryArray:
    column = table.column(f"c{position}")
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
