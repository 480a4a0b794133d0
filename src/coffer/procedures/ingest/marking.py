"""Marks in a stream of bytes: what stands before a place, as a hash, and the row around it. Pure."""

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from coffer.records.readers.text.quoting import RowEnds

CACHED_BYTES: Final = 2**18
"""Bytes read, hashed and counted at once: they, and an array of comparisons, stay in the cache of one core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place in a file.

    ``hash``: SHA-256 of the unpacked content before it. ``lines``: line ends before it. ``row_start``: where the row
    that contains the place begins; the place itself if a row ends just before it. ``row_line``: the number of the line
    on which it begins. ``row_hash``: SHA-256 of the content before ``row_start``. ``is_quoted``: the place is within
    quotes. ``follows``: the next two bytes, or fewer at the end.
    """

    hash: bytes
    lines: int
    row_start: int
    row_line: int
    row_hash: bytes
    is_quoted: bool
    follows: bytes


class Marking:
    """SHA-256 of a stream of bytes, and a mark at each wanted place.

    ``row_start``: the place behind the last row that ended so far.
    """

    def __init__(self, wanted: Sequence[int], rows: RowEnds) -> None:
        self.marks: dict[int, Mark] = {}
        self.row_start = 0
        self._rows = rows
        self._wanted = deque(wanted)
        self._hash, self._row_hash = hashlib.sha256(), hashlib.sha256()
        self._at = self._lines = 0
        self._row_line = 1
        self._last: int | None = None

    def update(self, data: bytes) -> None:
        """Add the next bytes."""
        if self._last is not None and len(self.marks[self._last].follows) < 2:  # a mark at the end of the bytes before
            mark = self.marks[self._last]
            self.marks[self._last] = replace(mark, follows=(mark.follows + data)[:2])
        done = 0
        while self._wanted and self._wanted[0] <= self._at + len(data) - done:
            place = self._wanted.popleft()
            more = place - self._at
            self._take(data[done : done + more], are_rows_wanted=True)
            done += more
            self._last = place
            self.marks[place] = Mark(
                hash=self._hash.digest(),
                lines=self._lines,
                row_start=self.row_start,
                row_line=self._row_line,
                row_hash=self._row_hash.digest(),
                is_quoted=self._rows.is_open,
                follows=data[done : done + 2],
            )
        self._take(data[done:], are_rows_wanted=bool(self._wanted))

    def _take(self, data: bytes, *, are_rows_wanted: bool) -> None:
        end = self._rows.take(data)
        view = memoryview(data)
        self._hash.update(view[:end])
        if end:
            self.row_start = self._at + end
        if are_rows_wanted:
            if end:
                self._row_hash = self._hash.copy()
                self._row_line = self._lines + count_line_ends(view[:end]) + 1
            self._lines += count_line_ends(data)
        self._hash.update(view[end:])
        self._at += len(data)

    def digest(self) -> bytes:
        """SHA-256 of all bytes so far."""
        return self._hash.digest()


def count_line_ends(data: bytes | memoryview) -> int:
    """How many line ends there are. Arrays are compared four times as fast as ``bytes.count`` looks."""
    view = np.frombuffer(data, np.uint8)
    parts = (view[at : at + CACHED_BYTES] for at in range(0, len(view), CACHED_BYTES))
    return sum(int(np.count_nonzero(part == ord("\n"))) for part in parts)
