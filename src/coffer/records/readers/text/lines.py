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
EMPTY: Final = "empty-line"
"""The word for lines that hold nothing. They report no event and are skipped; a file may hold a billion of them."""
_CR: Final = 13
_LF: Final = 10
_QUOTE: Final = 34

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Lines:
    """Whole lines as a column; shape (n,) each.

    ``text``: polars String, without line ends. ``numbers``: i64, the number of a line in the file (1 = first).
    ``rejects``: the lines that are too long to be one. ``empty``: how many lines hold nothing and were left out.
    """

    text: pl.Series
    numbers: I64
    rejects: Rejects
    empty: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Filled:
    """Lines of which each holds something.

    ``numbers``: the number of each in the file; shape (lines,). ``ends``: where in ``data`` each line end stands, of
    which a last line may have none. ``empty``: how many were left out.
    """

    data: bytes
    numbers: I64
    ends: I64
    empty: int


class LineCutter:
    """Keeps what stands behind the last line end of a piece for the next one.

    Used by one reader, file after file.
    """

    __slots__ = ("_line", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._line = 1

    def take(self, piece: Piece) -> Lines:
        """The lines that end in this piece, without the empty ones."""
        return whole_lines(*self.whole(piece))

    def whole(self, piece: Piece) -> tuple[bytes, int]:
        """The bytes of the lines that end in this piece, and the number of the first of them."""
        line = self._line if self._rest else piece.first
        data = self._rest + piece.data
        end = data.rfind(b"\n") + 1
        # A line without its end is kept only up to the length that shows that it is too long.
        self._rest = data[end : end + MAX_LINE_BYTES + 1]
        if self._rest:  # else the next piece says its number
            self._line = line + data.count(b"\n")
        return data[:end].removeprefix(BOM) if line == 1 else data[:end], line

    def end_file(self) -> Rejects:
        """A last line without an end was cut off: its tail, perhaps half a number, is missing.

        At most one reject.
        """
        torn = one_reject(self._line, Reason.CUT_OFF) if self._rest else Rejects.none()
        self._rest = b""
        return torn


def without_empty(data: bytes, first: int, *, is_multiline: bool = False) -> Filled:
    """Leave out lines that hold nothing, all at once.

    As many of them as there are bytes cost a few passes over the bytes, and no row of a column. ``is_multiline``: those
    within quotes belong to a value and stay. A last line may have no end.
    """
    view = np.frombuffer(data, np.uint8)
    is_end = view == _LF
    count = int(np.count_nonzero(is_end))
    if data and 2 * count >= len(data) and count + data.count(b"\r\n") == len(data):
        return Filled(data=b"", numbers=np.zeros(0, np.int64), ends=np.zeros(0, np.int64), empty=count)
    has_tail = bool(data) and not data.endswith(b"\n")
    is_edge_empty = data.startswith((b"\n", b"\r\n")) or data == b"\r" or data.endswith(b"\n\r")
    ends = np.flatnonzero(is_end)
    if not (is_edge_empty or _is_empty_within(view, ends)):
        return Filled(data=data, numbers=first + np.arange(count + has_tail, dtype=np.int64), ends=ends, empty=0)
    begins = np.concatenate((np.ones(1, np.bool_), is_end[:-1]))
    is_left_out = is_end & begins
    is_return = begins & (view == _CR)
    is_return[:-1] &= is_end[1:]  # a last line that holds nothing else is empty too
    is_left_out |= is_return
    is_left_out[1:] |= is_return[:-1]
    if is_multiline and data.count(b'"'):
        is_left_out &= np.bitwise_xor.accumulate((view == _QUOTE).view(np.uint8)) == 0
    is_kept = ~is_left_out
    ends = np.flatnonzero(is_end & is_kept)
    before = np.cumsum(is_end, dtype=np.int32)
    lines = int(before[-1]) + has_tail
    numbers = first - 1 + before[ends].astype(np.int64)
    if has_tail and is_kept[-1]:
        numbers = np.append(numbers, first - 1 + lines)
    left = view[is_kept]
    return Filled(data=left.tobytes(), numbers=numbers, ends=np.flatnonzero(left == _LF), empty=lines - len(numbers))


def _is_empty_within(view: npt.NDArray[np.uint8], ends: I64) -> bool:
    """Whether a line that is neither the first nor a last one without an end holds nothing."""
    sizes = np.diff(ends)
    return bool((sizes == 1).any()) or bool((view[ends[1:][sizes == 2] - 1] == _CR).any())


def whole_lines(data: bytes, first: int) -> Lines:
    """Cut at LF; a CR before it is dropped, and so are empty lines.

    Bytes that are no UTF-8 become ``UNREADABLE``, so that a line survives a badly coded name in it.
    """
    filled = without_empty(data, first)
    data, numbers = readable(filled.data), filled.numbers
    view = np.frombuffer(data, np.uint8)
    ends = filled.ends if data is filled.data else np.flatnonzero(view == _LF)
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else np.zeros(0, np.int64)
    stops = ends - (view[np.maximum(ends - 1, 0)] == _CR) * (ends > starts) if b"\r" in data else ends
    text = slices(data, starts, stops)
    is_long = ends - starts > MAX_LINE_BYTES
    if not is_long.any():
        return Lines(text=text, numbers=numbers, rejects=Rejects.none(), empty=filled.empty)
    rejects = some_rejects(numbers[is_long], Reason.ROW_TOO_LONG)
    text = text.filter(pl.Series(~is_long))
    return Lines(text=text, numbers=numbers[~is_long], rejects=rejects, empty=filled.empty)


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


def without_nul(data: bytes) -> bytes:
    """As many bytes, with the control character that stands for one that is none (SUB) for each NUL byte.

    No number, time or address holds it, and in a column that is not read it harms nobody.
    """
    return data.replace(b"\0", b"\x1a") if b"\0" in data else data


def readable(data: bytes) -> bytes:
    """UTF-8, in which ``UNREADABLE`` stands for what was none; as many lines as before."""
    return data if data.isascii() else data.decode("utf-8", "replace").encode()
