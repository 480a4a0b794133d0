"""Delimited text to columns. Pure.

Values may be quoted and hold line ends, and rows of one file may differ in width.

Source: RFC 4180. Arrow splits the rows; what is done here is to find where they end and how wide each is, so that a
bad one takes no other with it.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.csv as pc_csv

from coffer.records.readers.port import Piece
from coffer.records.readers.text.lines import BOM, MAX_LINE_BYTES, readable, without_empty
from coffer.records.rejects import Reason, Rejects, one_reject, some_rejects

I64 = npt.NDArray[np.int64]
_QUOTE: Final = 34
_LINE_END: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Rows:
    """Rows of one width.

    ``numbers``: i64, the line on which each begins; ``columns``: polars String by position from 0; shape (n,) each.
    """

    width: int
    numbers: I64
    columns: dict[int, pl.Series]

    def column(self, position: int | None) -> pl.Series:
        """A column's values without spaces around them, empty where the file has no such column."""
        if position is None or position not in self.columns:
            return pl.Series([""], dtype=pl.String).new_from_index(0, len(self.numbers))
        return self.columns[position].str.strip_chars(" ")

    def where(self, is_wanted: pl.Series) -> "Rows":
        """Some of the rows; ``is_wanted`` has shape (n,)."""
        columns = {position: column.filter(is_wanted) for position, column in self.columns.items()}
        return Rows(width=self.width, numbers=self.numbers[is_wanted.to_numpy()], columns=columns)


class RowCutter:
    """Keeps what stands behind the last whole row of a piece for the next one.

    ``is_multiline``: a quoted value may hold line ends.

    A row of more than ``MAX_LINE_BYTES`` is none: its first line is rejected and the next line read afresh, so that a quote that was left
    open costs one line and not the rest of the file.
    """

    def __init__(self, *, is_multiline: bool) -> None:
        self._is_multiline = is_multiline
        self._rest = b""
        self._line = 1
        self._is_overlong = False

    def take(self, piece: Piece) -> tuple[list[tuple[bytes, int]], Rejects]:
        """Runs of whole rows, each with the line of its first, and what was too long to be a row."""
        data = piece.data
        if not self._rest and not self._is_overlong:
            self._line = piece.first
            data = data.removeprefix(BOM) if piece.first == 1 else data
        data, self._rest = self._rest + data, b""
        runs: list[tuple[bytes, int]] = []
        rejects: list[Rejects] = []
        while data:
            if self._is_overlong:
                end = data.find(b"\n") + 1
                data, self._line = (data[end:], self._line + 1) if end else (b"", self._line)
                self._is_overlong = not end
                continue
            cut = self._last_end(data)
            if cut:
                runs.append((data[:cut], self._line))
                self._line += data.count(b"\n", 0, cut)
                data = data[cut:]
            if len(data) <= MAX_LINE_BYTES:
                self._rest = data
                break
            rejects.append(one_reject(self._line, Reason.ROW_TOO_LONG))
            self._is_overlong = True
        return runs, Rejects.concat(rejects)

    def end_file(self) -> tuple[bytes, int, bool]:
        """What is left behind the last line end; the next file begins afresh.

        Gives with it the line on which it stands, and whether it is a row that was cut off.
        """
        rest, line = self._rest, self._line
        self._rest, self._line, self._is_overlong = b"", 1, False
        return rest, line, bool(rest)

    def _last_end(self, data: bytes) -> int:
        """Where the last whole row before the first that is too long ends; 0 for nowhere."""
        ends = _row_ends(np.frombuffer(data, np.uint8), is_multiline=self._is_multiline)
        lengths = np.diff(ends, prepend=-1)
        too_long = np.flatnonzero(lengths > MAX_LINE_BYTES + 1)
        if len(too_long):
            ends = ends[: too_long[0]]
        return int(ends[-1]) + 1 if len(ends) else 0


def _row_ends(view: npt.NDArray[np.uint8], *, is_multiline: bool) -> I64:
    """Where rows end: at each LF.

    Where lines may be quoted, only at each LF behind an even number of quotes.
    """
    ends = np.flatnonzero(view == _LINE_END)
    if is_multiline and (quotes := np.flatnonzero(view == _QUOTE)).size:
        ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
    return ends


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _RowSpans:
    """Where rows lie; shape (n,) each.

    ``starts``, ``ends``: i64, bytes of their first and of their line end. ``width``: number of columns. ``is_torn``:
    a quote stayed open.
    """

    starts: I64
    ends: I64
    numbers: I64
    width: I64
    is_torn: npt.NDArray[np.bool_]


def _find_rows(view: npt.NDArray[np.uint8], delimiter: int, lines: I64, *, is_multiline: bool) -> _RowSpans:
    """All from the quotes, delimiters and line ends alone, in one pass over them.

    ``lines`` are the numbers of the lines in the file.
    """
    at = np.flatnonzero((view == delimiter) | (view == _LINE_END) | (view == _QUOTE))
    kind = view[at]
    is_open: npt.NDArray[np.uint8] = np.bitwise_xor.accumulate((kind == _QUOTE).view(np.uint8))
    line_ends = kind == _LINE_END
    is_end = line_ends & (is_open == 0) if is_multiline else line_ends
    last = np.flatnonzero(is_end)
    ends = at[last]
    is_torn = np.diff(is_open[last], prepend=np.uint8(0)) != 0
    if is_torn.any():
        # Behind a quote that stayed open, each row counts its own quotes.
        before = np.concatenate((np.zeros(1, np.uint8), is_open[last]))
        is_open ^= before[np.cumsum(is_end) - is_end]
    starts = np.concatenate(([0], ends[:-1] + 1)).astype(np.int64)[: len(ends)]
    width = _sums((kind == delimiter) & (is_open == 0), last) + 1
    count = _sums(line_ends, last) if is_multiline else np.ones(len(ends), np.int64)
    numbers = lines[np.cumsum(count) - count]
    return _RowSpans(starts=starts, ends=ends, numbers=numbers, width=width, is_torn=is_torn)


def widths(view: npt.NDArray[np.uint8], delimiter: str) -> I64:
    """How many columns each of some whole lines has; shape (lines,)."""
    lines = np.zeros(int(np.count_nonzero(view == _LINE_END)), np.int64)
    return _find_rows(view, ord(delimiter), lines, is_multiline=False).width


def _sums(marks: npt.NDArray[np.bool_], last: I64) -> I64:
    """How many marks each run has; runs end at the places ``last``, one behind the other."""
    if not len(last):
        return np.zeros(0, np.int64)
    sums: I64 = np.add.reduceat(marks.view(np.uint8), np.concatenate(([0], last[:-1] + 1)), dtype=np.int64)
    if last[-1] + 1 < len(marks):
        sums[-1] = np.count_nonzero(marks[last[-2] + 1 if len(last) > 1 else 0 : last[-1] + 1])
    return sums


def split_rows(
    data: bytes, first: int, *, delimiter: str, wanted: Callable[[int], Sequence[int] | None], is_multiline: bool
) -> tuple[list[Rows], Rejects, int]:
    """Whole rows to columns, those of each width together; rejects; how many lines are empty.

    ``wanted`` gives the positions to read of a width, or None if no row of the format has it. Empty lines are left out.
    Rows of another width and those with an unbalanced quote are rejected. Values of columns that are not wanted are
    never held.
    """
    filled = without_empty(data, first, is_multiline=is_multiline)
    data = readable(filled.data)
    view = np.frombuffer(data, np.uint8)
    spans = _find_rows(view, ord(delimiter), filled.numbers, is_multiline=is_multiline)
    if not len(spans.ends):
        return [], Rejects.none(), filled.empty
    starts, ends, numbers, width = spans.starts, spans.ends, spans.numbers, spans.width
    width[spans.is_torn] = 0
    rejects, found = [], []
    for one in np.unique(width).tolist():
        at = np.flatnonzero(width == one)
        positions = wanted(one) if one else None
        if positions is None:
            rejects.append(some_rejects(numbers[at], Reason.WRONG_COLUMN_COUNT))
            continue
        whole = data if len(at) == len(ends) else b"".join(data[starts[i] : ends[i] + 1] for i in at.tolist())
        each = (data[starts[i] : ends[i]] for i in at.tolist())
        rows, bad = _columns(whole, one, numbers[at], positions, delimiter, each)
        found.append(rows)
        rejects.append(bad)
    return found, Rejects.concat(rejects), filled.empty


def _columns(
    data: bytes, width: int, numbers: I64, positions: Sequence[int], delimiter: str, each: Iterator[bytes]
) -> tuple[Rows, Rejects]:
    """Rows of one width, by Arrow, or one by one where Arrow sees other rows.

    ``each`` gives them without their line ends.
    """
    names = [f"c{i}" for i in range(width)]
    try:
        table = pc_csv.read_csv(
            pa.BufferReader(BOM + data if data.startswith(BOM) else data),
            read_options=pc_csv.ReadOptions(column_names=names, use_threads=False, block_size=max(len(data) + 3, 1)),
            parse_options=pc_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False),
            convert_options=pc_csv.ConvertOptions(
                column_types={names[i]: pa.string() for i in positions},
                include_columns=[names[i] for i in positions],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return _one_by_one(each, width, numbers, positions, delimiter)
    if table.num_rows != len(numbers):
        return _one_by_one(each, width, numbers, positions, delimiter)
    columns = {i: pl.Series(pl.from_arrow(table.column(names[i]))) for i in positions}
    return Rows(width=width, numbers=numbers, columns=columns), Rejects.none()


def _one_by_one(
    rows: Iterator[bytes], width: int, numbers: I64, positions: Sequence[int], delimiter: str
) -> tuple[Rows, Rejects]:
    """The slow path: what the csv module does not take for one row of this width is rejected."""
    kept: list[list[str]] = []
    is_good = np.zeros(len(numbers), np.bool_)
    for at, raw in enumerate(rows):
        try:
            values = list(csv.reader([raw.decode("utf-8").rstrip("\r")], delimiter=delimiter, strict=True))
        except csv.Error:
            continue
        if len(values) == 1 and len(values[0]) == width:
            kept.append(values[0])
            is_good[at] = True
    columns = {i: pl.Series([row[i] for row in kept], dtype=pl.String) for i in positions}
    rejects = some_rejects(numbers[~is_good], Reason.WRONG_COLUMN_COUNT)
    return Rows(width=width, numbers=numbers[is_good], columns=columns), rejects
