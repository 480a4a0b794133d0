"""A file that is one array of JSON objects, as a line for each object. Pure.

Only the bytes between the objects change, so that the text has as many as before and nothing is parsed twice. The n-th
line is the n-th object. Source: RFC 8259.
"""

import re
from typing import Final

import numpy as np
import numpy.typing as npt

_ARRAY: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[\s*(?:\{|\]\s*$)")
_QUOTE, _BACKSLASH, _COMMA, _SPACE, _LF, _CR = b'"\\, \n\r'
_OPENS: Final = tuple(b"[{")
_CLOSES: Final = tuple(b"]}")
U8 = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]


def is_array(head: bytes) -> bool:
    """Whether a file that begins like this is an array of objects."""
    return _ARRAY.match(head) is not None


def lines_of_head(head: bytes) -> bytes:
    """A file's beginning as lines, if it is an array of objects; else as it is."""
    return ArrayLines().take(head) if is_array(head) else head


class ArrayLines:
    """Makes lines of an array's bytes, piece by piece; pieces may end anywhere.

    A comma between objects and the end of the array become line ends, line ends within an object blanks. In an array
    that is not well-formed, what stands behind the fault may be one long line.
    """

    __slots__ = ("_depth", "_is_escaping", "_is_inside")

    def __init__(self) -> None:
        self._is_inside = False
        self._is_escaping = False
        self._depth = 0

    def take(self, data: bytes) -> bytes:
        """The next bytes, as many as were given."""
        if not data:
            return b""
        view = np.frombuffer(data, np.uint8)
        quotes = (view == _QUOTE) & ~self._escaped(view)
        inside = np.bitwise_xor.accumulate(quotes.view(np.uint8)).view(np.bool_) ^ self._is_inside
        self._is_inside = bool(inside[-1])
        is_open, is_close = np.isin(view, _OPENS) & ~inside, np.isin(view, _CLOSES) & ~inside
        depth = np.cumsum(is_open.astype(np.int32) - is_close, dtype=np.int32) + self._depth
        self._depth = max(int(depth[-1]), 0)
        made = view.copy()
        made[((view == _LF) | (view == _CR)) & ~inside | is_open & (depth == 1)] = _SPACE
        made[(view == _COMMA) & ~inside & (depth == 1) | is_close & (depth == 0)] = _LF
        return made.tobytes()

    def _escaped(self, view: U8) -> Bools:
        """Bytes behind an odd number of backslashes."""
        is_backslash = view == _BACKSLASH
        if not (self._is_escaping or is_backslash.any()):
            return np.zeros(len(view), np.bool_)
        places = np.arange(len(view))
        before = np.maximum.accumulate(np.where(is_backslash, -1, places))
        # A run of backslashes that the last piece left open goes on at the beginning of this one.
        runs = places - before + np.where(before < 0, int(self._is_escaping), 0)
        is_odd = is_backslash & (runs % 2 == 1)
        escaped = np.concatenate(([self._is_escaping and not is_backslash[0]], is_odd[:-1]))
        self._is_escaping = bool(is_odd[-1])
        return escaped
