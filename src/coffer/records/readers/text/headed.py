"""Delimited files whose first row names the columns: rows as frames of the wanted ones.

Pure; shared by the readers of such formats.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence

import polars as pl

from coffer.errors import MalformedInput
from coffer.records.readers.port import Piece
from coffer.records.readers.text.lines import BOM, MAX_LINE_BYTES
from coffer.records.readers.text.rows import RowCutter, Rows, split_rows
from coffer.records.rejects import Reason, Rejects, one_reject

Bind = Callable[[Sequence[str]], Mapping[str, int]]
"""From the names of the header to positions by the reader's own names; raises ``MalformedInput`` where one that it needs is not there."""


def header_names(head: bytes) -> list[str]:
    """The names in the first row, as far as it is one; empty where it is none."""
    line = head.removeprefix(BOM).split(b"\n", 1)[0][:MAX_LINE_BYTES]
    try:
        rows = list(csv.reader(io.StringIO(line.decode("utf-8").rstrip("\r")), strict=True))
    except (UnicodeDecodeError, csv.Error):
        return []
    return [name.strip() for name in rows[0]] if len(rows) == 1 else []


class HeadedRows:
    """Pieces of files to frames of the wanted columns.

    A frame has ``offset`` (i64, line), ``file`` and a String column for each name that ``bind`` gives.
    """

    def __init__(self, bind: Bind, names: Sequence[str], *, is_multiline: bool) -> None:
        self._bind = bind
        self._names = names
        self._is_multiline = is_multiline
        self._cutter = RowCutter(is_multiline=is_multiline)
        self._positions: Mapping[str, int] | None = None
        self._width = 0

    def take(self, piece: Piece) -> tuple[list[pl.DataFrame], Rejects, int]:
        """Frames of the rows that end in this piece, rows that cannot be read, and how many lines were empty.

        Raises:
            MalformedInput: the first row is not the header of this format.
        """
        runs, rejects = self._cutter.take(piece)
        frames, bad, empty = [], [rejects], 0
        for run, line in runs:
            data, first = run, line
            if self._positions is None:
                end = data.find(b"\n") + 1
                self._open(data[:end])
                data, first = data[end:], first + 1
            if data:
                found, rejected, left_out = self._split(data, first)
                frames += [self._frame(rows, piece.file) for rows in found]
                bad.append(rejected)
                empty += left_out
        return frames, Rejects.concat(bad), empty

    def end_file(self, file: int) -> tuple[list[pl.DataFrame], Rejects]:
        """The last row without a line end.

        It counts if it has all columns and the last of them is not read. Else it was cut off.
        """
        rest, line, is_left = self._cutter.end_file()
        positions, self._positions = self._positions, None
        if not is_left:
            return [], Rejects.none()
        if positions is not None and self._width - 1 not in positions.values():
            self._positions = positions
            found, rejected, _ = self._split(rest + b"\n", line)
            self._positions = None
            if sum(len(rows.numbers) for rows in found) == 1 and not len(rejected.lines):
                return [_frame(rows, positions, self._names, file) for rows in found], rejected
        return [], one_reject(line, Reason.CUT_OFF)

    def _open(self, header: bytes) -> None:
        names = header_names(header)
        if len(names) < 2:
            raise MalformedInput("line 1: no header of column names")
        self._positions, self._width = self._bind(names), len(names)

    def _split(self, data: bytes, first: int) -> tuple[list[Rows], Rejects, int]:
        assert self._positions is not None
        positions = sorted(set(self._positions.values()))
        return split_rows(
            data,
            first,
            delimiter=",",
            wanted=lambda width: positions if width == self._width else None,
            is_multiline=self._is_multiline,
        )

    def _frame(self, rows: Rows, file: int) -> pl.DataFrame:
        assert self._positions is not None
        return _frame(rows, self._positions, self._names, file)


def _frame(rows: Rows, positions: Mapping[str, int], names: Sequence[str], file: int) -> pl.DataFrame:
    columns = {name: rows.column(positions.get(name)) for name in names}
    return pl.DataFrame({"offset": rows.numbers, **columns}).with_columns(file=pl.lit(file, pl.Int32))
