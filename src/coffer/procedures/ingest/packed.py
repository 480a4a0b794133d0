"""Packed files of records, gzip and zstd, read only as far as they may unfold.

This is I/O and decides nothing. Promises: a damaged or cut-off file is an error and never a shorter file, and a small
file cannot unfold without end.
"""

import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO, Final, Self, cast

import zstandard

from coffer.errors import MalformedInput

_PACKED_BYTES: Final = 2_048
"""Bytes of a zstd file that are unpacked at once.

A block of 4 bytes may stand for 128 KiB of one letter, so that these unfold to at most 64 MiB.
"""
_READ_BYTES: Final = 65_536
_BUFFER_BYTES: Final = 16 * 2**20
MAX_STDIN_BYTES: Final = 2**30
"""Bytes of standard input, packed and unpacked. It is held in memory, because it is read twice."""
UNFOLDED_BYTES: Final = 64 * 2**20
UNFOLDED_TIMES: Final = 200
"""A packed file may unfold to ``UNFOLDED_BYTES`` or to so many times its size, whichever is larger.

A file that unfolds further is refused. Records pack to a tenth or a thirtieth of their size. One byte of gzip may stand
for a thousand line ends, and one of zstd for far more, so that a small malicious file would keep an ingest busy for
hours.
"""
GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
DAMAGED: Final = (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError)
"""What the readers of this file raise if the compression is damaged or cut off."""


class _ZstdFile(io.RawIOBase):
    """A zstd file, frame after frame.

    The library's own reader cannot be used: it accepts a frame that ends early as a whole one.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._is_open = False
        self._ahead = b""
        self._packed = b""
        self._plain = b""

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        while not self._plain:
            self._packed = self._packed or self._next()
            if not self._packed:
                if self._is_open:
                    raise EOFError
                return 0
            self._plain = self._frame.decompress(self._packed)
            self._packed, self._is_open = b"", True
            if self._frame.eof:
                self._packed = self._frame.unused_data
                self._frame = zstandard.ZstdDecompressor().decompressobj()
                self._is_open = False
        count = min(len(buffer), len(self._plain))
        buffer[:count] = self._plain[:count]
        self._plain = self._plain[count:]
        return count

    def _next(self) -> bytes:
        self._ahead = self._ahead or self._file.read(_READ_BYTES)
        packed, self._ahead = self._ahead[:_PACKED_BYTES], self._ahead[_PACKED_BYTES:]
        return packed


class _Unfolding:
    """A packed file that can be read only as far as it may unfold."""

    def __init__(self, packed: BinaryIO, name: str, most: int) -> None:
        self._packed = packed
        self._name = name
        self._most = most
        self._left = most

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """As that of a file."""
        self._packed.close()

    def read(self, size: int) -> bytes:
        """The next bytes of the unpacked content.

        Raises:
            MalformedInput: the file unfolds to more than it may.
        """
        data = self._packed.read(min(size, self._left + 1))
        if len(data) > self._left:
            raise _unfolds_too_far(self._name, self._most)
        self._left -= len(data)
        return data


def open_gzip(file: Path | BinaryIO, name: str, *, packed_bytes: int) -> BinaryIO:
    """The unpacked content of a gzip file of this size."""
    return _bounded(cast("BinaryIO", gzip.open(file)), name, _most_unfolded(packed_bytes))


def open_zstd(file: BinaryIO, name: str, *, packed_bytes: int) -> BinaryIO:
    """The unpacked content of a zstd file of this size. Closing it closes ``file``."""
    return _bounded(_buffered(file), name, _most_unfolded(packed_bytes))


def _buffered(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(_ZstdFile(file), _BUFFER_BYTES))


def _bounded(packed: BinaryIO, name: str, most: int) -> BinaryIO:
    return cast("BinaryIO", _Unfolding(packed, name, most))


def _most_unfolded(packed_bytes: int) -> int:
    return max(UNFOLDED_BYTES, UNFOLDED_TIMES * packed_bytes)


def _unfolds_too_far(name: str, most: int) -> MalformedInput:
    return MalformedInput(
        f"{name}: unfolds to more than {most:,} bytes, expected at most {UNFOLDED_TIMES} times its packed size",
        hint="if it is what you expect, unpack it yourself and give the plain file",
    )


def unpack(data: bytes) -> bytes:
    """Standard input, unpacked if it is gzip or zstd.

    Raises:
        MalformedInput: its compression is damaged, or it is longer than ``MAX_STDIN_BYTES`` or than it may unfold.
    """
    name, most = "standard input", _most_unfolded(len(data))
    try:
        if data.startswith(GZIP):
            packed = cast("BinaryIO", gzip.GzipFile(fileobj=io.BytesIO(data)))
            data = _bounded(packed, name, most).read(MAX_STDIN_BYTES + 1)
        elif data.startswith(ZSTD):
            data = _bounded(_buffered(io.BytesIO(data)), name, most).read(MAX_STDIN_BYTES + 1)
    except DAMAGED:
        raise MalformedInput("standard input: its compression is damaged or cut off") from None
    if len(data) > MAX_STDIN_BYTES:
        raise MalformedInput(
            f"standard input: more than {MAX_STDIN_BYTES:,} bytes once unpacked",
            hint="write it to a file and give that",
        )
    return data
