"""Whole lines of text files, wherever the files are cut into pieces. Pure; nothing of a line is kept once its piece is read."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from coffer.records.readers.port import Piece

MAX_LINE_BYTES: Final = 65_536
"""A log line is some hundred bytes; a longer one is rejected as ``row-too-long``, and only so much of it is ever held."""
UNREADABLE: Final = "\ufffd"
"""Stands for bytes that are no UTF-8. An address with it is rejected, free text with it is dropped like any other."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Lines:
    """``text``: polars strings without line ends. ``numbers``: i64, 1 = first line of the file. ``too_long``: lines left out. Shapes (n,), (n,), (m,)."""

    text: pl.Series
    numbers: npt.NDArray[np.int64]
    too_long: npt.NDArray[np.int64]


class LineCutter:
    """The lines of one file after the other."""

    __slots__ = ("_first", "_tail")

    def __init__(self) -> None:
        self._tail = b""
        self._first = 1

    def take(self, piece: Piece) -> Lines:
        """The lines that end in this piece."""
        data, first = self.whole(piece)
        return _cut(data, first)

    def whole(self, piece: Piece) -> tuple[bytes, int]:
        """The bytes of the lines that end in this piece, and the number of the first of them."""
        data, first = piece.data, piece.first
        if self._tail:
            data, first = self._tail + data, self._first
        end = data.rfind(b"\n") + 1
        self._tail = data[end : end + MAX_LINE_BYTES + 1]
        self._first = first + data.count(b"\n")
        return data[:end], first

    def end_file(self) -> int | None:
        """The number of the line that the file breaks off in, if it does: a line without its end is still being written."""
        torn = self._first if self._tail else None
        self._tail = b""
        return torn


def _cut(data: bytes, first: int) -> Lines:
    if not data.isascii():
        data = data.decode("utf-8", "replace").encode()
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10) + 1
    offsets = np.concatenate((np.zeros(1, np.int64), ends))
    numbers = np.arange(first, first + len(ends))
    strings = pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(data))
    text = pl.Series(pl.from_arrow(strings)).str.strip_chars_end("\r\n")
    is_long = np.diff(offsets) > MAX_LINE_BYTES + 1
    if not is_long.any():
        return Lines(text=text, numbers=numbers, too_long=np.zeros(0, np.int64))
    return Lines(text=text.filter(pl.Series(~is_long)), numbers=numbers[~is_long], too_long=numbers[is_long])
