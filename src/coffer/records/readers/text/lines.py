"""Pieces of a log to whole lines, as one column of text. Pure; every reader of log lines begins here."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from coffer.records.readers.port import Piece
from coffer.records.rejects import Reason, Rejects, one_reject, some_rejects

MAX_LINE_BYTES: Final = 65_536
"""A record is a few hundred bytes; a longer line is a file of another kind, and would let one line take all memory."""
BOM: Final = b"\xef\xbb\xbf"

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Lines:
    """Whole lines as a column; shape (n,) each.

    ``text``: polars String, without line ends. ``numbers``: i64, the number of a line in the file (1 = first).
    ``rejects``: the lines that are too long to be one.
    """

    text: pl.Series
    numbers: I64
    rejects: Rejects


class LineCutter:
    """Keeps what stands behind the last line end of a piece for the next one.

    Used by one reader, file after file.
    """

    __slots__ = ("_line", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._line = 1

    def take(self, piece: Piece) -> Lines:
        """The lines that end in this piece."""
        return whole_lines(*self.whole(piece))

    def whole(self, piece: Piece) -> tuple[bytes, int]:
        """The bytes of the lines that end in this piece, and the number of the first of them."""
        line = self._line if self._rest else piece.first
        data = self._rest + piece.data
        end = data.rfind(b"\n") + 1
        # A line without its end is kept only up to the length that shows that it is too long.
        self._rest = data[end : end + MAX_LINE_BYTES + 1]
        self._line = line + data.count(b"\n")
        return data[:end].removeprefix(BOM) if line == 1 else data[:end], line

    def end_file(self) -> Rejects:
        """A last line without an end was cut off: its tail, perhaps half a number, is missing.

        At most one reject.
        """
        torn = one_reject(self._line, Reason.CUT_OFF) if self._rest else Rejects.none()
        self._rest = b""
        return torn


def whole_lines(data: bytes, first: int) -> Lines:
    """Cut at LF; a CR before it is dropped.

    Bytes that are no UTF-8 become ``UNREADABLE``, so that a line survives a badly coded name in it.
    """
    data = readable(data)
    view = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(view == 10)
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else np.zeros(0, np.int64)
    numbers = first + np.arange(len(ends), dtype=np.int64)
    stops = ends - (np.append(view, np.uint8(0))[np.maximum(ends - 1, 0)] == 13) * (ends > starts)
    text = slices(data, starts, stops)
    is_long = ends - starts > MAX_LINE_BYTES
    if not is_long.any():
        return Lines(text=text, numbers=numbers, rejects=Rejects.none())
    rejects = some_rejects(numbers[is_long], Reason.ROW_TOO_LONG)
    return Lines(text=text.filter(pl.Series(~is_long)), numbers=numbers[~is_long], rejects=rejects)


def slices(data: bytes, starts: I64, stops: I64) -> pl.Series:
    """Runs of UTF-8 text as a column, without copying ``data``.

    ``starts`` and ``stops`` have shape (n,) and are in order, without overlap.
    """
    if len(starts) == 0:
        return pl.Series([], dtype=pl.String)
    bounds = np.empty(2 * len(starts) + 1, np.int64)
    bounds[:-1:2], bounds[1::2], bounds[-1] = starts, stops, stops[-1]
    # Every second run is what stands between two wanted ones.
    runs = pa.Array.from_buffers(pa.large_string(), 2 * len(starts), [None, pa.py_buffer(bounds), pa.py_buffer(data)])
    column = pl.Series(pl.from_arrow(runs))
    return column.gather_every(2)


def readable(data: bytes) -> bytes:
    """UTF-8, in which ``UNREADABLE`` stands for what was none; as many lines as before."""
    return data if data.isascii() else data.decode("utf-8", "replace").encode()
