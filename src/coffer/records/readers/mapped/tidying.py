"""Lines of a table made even before they are cut into columns. Pure.

Encoding, comments, and rows of unlike width.

Each step looks at all lines at once, and costs nothing where the feed does not ask for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from coffer.records.draft import Bools
from coffer.records.readers.text.lines import readable

I64 = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
COMMENT: Final = "comment"
"""The word for lines that the feed calls comments."""
_ONE_BYTE: Final = ("latin-1", "cp1252")


def decoded(data: bytes, encoding: str) -> bytes:
    """Lines in UTF-8, as many as before.

    ``UNREADABLE`` stands for bytes that mean nothing in the encoding. UTF-16 was decoded where the file was read, for its line ends are not those of bytes.
    """
    if encoding in _ONE_BYTE:
        return data if data.isascii() else data.decode(encoding, "replace").encode()
    return readable(data)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Spans:
    """Where lines begin and end; the last may have no line end. Shape (lines,)."""

    view: Bytes
    starts: I64
    ends: I64

    @classmethod
    def of(cls, data: bytes) -> "Spans":
        """The lines of some bytes."""
        view = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(view == 10)
        if len(data) and (len(ends) == 0 or ends[-1] != len(data) - 1):
            ends = np.append(ends, len(data))
        starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else np.zeros(0, np.int64)
        return cls(view=view, starts=starts, ends=ends)

    def some(self, is_wanted: Bools) -> bytes:
        """Some of the lines, as they stand."""
        return self.view[np.repeat(is_wanted, self.ends + 1 - self.starts)[: len(self.view)]].tobytes()


def comment_lines(data: bytes, prefixes: Sequence[str], quote: str) -> Bools | None:
    """Which lines begin with one of these texts, with a quote before it or not; None if none does."""
    written = [prefix.encode("utf-8") for prefix in prefixes]
    written += [quote.encode() + prefix for prefix in written] if quote else []
    written = [prefix for prefix in written if prefix in data]
    if not written:
        return None
    spans = Spans.of(data)
    found = np.zeros(len(spans.starts), np.bool_)
    for prefix in written:
        is_it = spans.ends - spans.starts >= len(prefix)
        for at, byte in enumerate(prefix):
            here = np.flatnonzero(is_it)
            is_it[here] = spans.view[spans.starts[here] + at] == byte
        found |= is_it
    return found if found.any() else None


def evened(data: bytes, width: int, delimiter: str, quote: str) -> bytes:
    """Lines of ``width`` columns.

    What a line lacks is added empty at its end, and what it has beyond is cut off.
    """
    spans = Spans.of(data)
    view, starts, ends = spans.view, spans.starts, spans.ends
    at = np.flatnonzero(view == ord(delimiter))
    if quote:
        quotes = np.flatnonzero(view == ord(quote))
        line_of = np.searchsorted(starts, at, side="right") - 1
        # Quotes between the line's begin and the delimiter: an odd number of them holds it.
        before = np.searchsorted(quotes, at) - np.searchsorted(quotes, starts)[line_of]
        at = at[before % 2 == 0]
    line_of = np.searchsorted(starts, at, side="right") - 1
    found = np.bincount(line_of, minlength=len(starts))
    first = np.cumsum(found) - found
    stops = ends - ((ends > starts) & (np.append(view, np.uint8(0))[np.maximum(ends - 1, 0)] == 13))
    surplus = np.flatnonzero(found >= width)
    is_kept = np.ones(len(view), np.bool_)
    if len(surplus):
        cuts = np.zeros(len(view) + 1, np.int64)
        np.add.at(cuts, at[first[surplus] + width - 1], 1)
        np.add.at(cuts, stops[surplus], -1)
        is_kept = np.cumsum(cuts)[:-1] == 0
    missing = np.maximum(width - 1 - found, 0)
    missing[starts == stops] = 0
    if not missing.any():
        return view[is_kept].tobytes()
    copies = is_kept.astype(np.int64)
    places = np.repeat(stops, missing)
    kept_before = np.concatenate(([0], np.cumsum(copies)))
    return np.insert(view[is_kept], kept_before[places], ord(delimiter)).tobytes()
