"""Text in UTF-16 as a stream of UTF-8, and an array of JSON as lines, because lines are cut at bytes.

This is I/O and decides nothing.
"""

import codecs
from types import TracebackType
from typing import BinaryIO, Final, Self

from coffer.records.readers.text.arrays import ArrayLines

UTF_16: Final = ("utf-16", "utf-16-le", "utf-16-be")
"""Encodings that are decoded where a file is read; those of one byte a letter are decoded line by line."""


class Utf16Reader:
    """Reads another reader. What is no UTF-16 becomes U+FFFD; ``encoding`` is one of ``UTF_16``."""

    def __init__(self, reader: BinaryIO, encoding: str) -> None:
        self._reader = reader
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._left = b""
        self._is_over = False

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes of UTF-8; fewer only at the end."""
        while len(self._left) < size and not self._is_over:
            raw = self._reader.read(size)
            self._is_over = not raw
            self._left += self._decoder.decode(raw, final=self._is_over).encode("utf-8")
        data, self._left = self._left[:size], self._left[size:]
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()


class ArrayReader:
    """Reads another reader, whose content is an array of JSON objects, as a line for each object."""

    def __init__(self, reader: BinaryIO) -> None:
        self._reader = reader
        self._lines = ArrayLines()

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; fewer only at the end."""
        return self._lines.take(self._reader.read(size))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.__exit__(kind, error, trace)
