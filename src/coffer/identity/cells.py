"""Columns of cells, IMEIs and IMSIs as u64; each distinct value is parsed once."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from coffer.identity.arrays import U64

    Bools = npt.NDArray[np.bool_]

_CELL: Final = re.compile(rb"([0-9]{3})-([0-9]{1,3})-([0-9]{1,5})-([0-9]{1,9})")
KNOWN_CELLS: Final = 2**18
"""Parsed cells kept in memory, a few tens of MiB.

A large country has some hundred thousand cells, and each comes again in every chunk.
"""
_IMEI: Final = re.compile(rb"[0-9]{14,16}")
_IMSI: Final = re.compile(rb"[0-9]{6,15}")
_IMEI_GROUPS: Final = re.compile(
    rb"[0-9]{2}([ -])[0-9]{6}\1[0-9]{6}(?:\1[0-9]{1,2})?|[0-9]{8}([ -])[0-9]{6}(?:\2[0-9]{1,2})?"
)
_IMSI_GROUPS: Final = re.compile(rb"[0-9]{3}([ -])[0-9]{2,3}\1[0-9]{9,10}")
"""As people and labels write them: TAC whole or as 2 and 6 digits, serial number, the rest; MCC, MNC, subscriber."""


def pack_cell(text: bytes) -> int | None:
    """``MCC-MNC-LAC-CI`` as 64 bits: MCC 10, MNC 10, LAC or TAC 16, CI 28; None if it is no cell."""
    match = _CELL.fullmatch(text)
    if match is None:
        return None
    mcc, mnc, area, cell = (int(part) for part in match.groups())
    if area >= 1 << 16 or cell >= 1 << 28 or mcc == 0:
        return None
    return mcc << 54 | mnc << 44 | area << 28 | cell


def format_cell(packed: int) -> str:
    """The inverse of ``pack_cell``; 0 gives the empty text.

    GAP: an MNC of 01 and one of 001 are packed alike; two digits are written.
    """
    if packed == 0:
        return ""
    return f"{packed >> 54:03d}-{packed >> 44 & 1023:02d}-{packed >> 28 & 65535}-{packed & (1 << 28) - 1}"


def format_imei(imei: int, *, is_marked: bool) -> str:
    """14 digits or more; empty for 0.

    GAP: a row that is found by its number alone keeps no mark, so no leading zero of an IMEI of 15 digits
    (segment.md).
    """
    if not imei:
        return ""
    return str(imei)[1:] if is_marked else f"{imei:014d}"


def format_imsi(imsi: int) -> str:
    """6 digits or more; empty for 0.

    GAP: leading zeros are not kept; only IMSIs of test networks begin with one.
    """
    return f"{imsi:06d}" if imsi else ""


def parse_cells(column: pa.BinaryArray) -> tuple[U64, Bools]:
    """u64 cells (0 none) and whether each value was bad; shapes (n,)."""
    return _by_distinct(column, _cell)


def parse_imeis(column: pa.BinaryArray) -> tuple[U64, Bools]:
    """IMEIs of 14 to 16 digits, marked (``mobile_columns``), 0 none; and whether each was bad."""
    return _by_distinct(column, partial(_digits, _IMEI, _IMEI_GROUPS, b"1"))


def parse_imsis(column: pa.BinaryArray) -> tuple[U64, Bools]:
    """u64 IMSIs (0 none) of 6 to 15 digits, and whether each value was bad."""
    return _by_distinct(column, partial(_digits, _IMSI, _IMSI_GROUPS, b""))


@lru_cache(maxsize=KNOWN_CELLS)
def _cell(word: bytes) -> int | None:
    text = word.strip(b" ")
    return pack_cell(text) if text else 0


def _digits(pattern: re.Pattern[bytes], groups: re.Pattern[bytes], mark: bytes, word: bytes) -> int | None:
    text = word.strip(b" ")
    if groups.fullmatch(text):
        text = text.translate(None, b" -")
    if not text:
        return 0
    return int(mark + text) if pattern.fullmatch(text) else None


def _by_distinct(column: pa.BinaryArray, parse: Callable[[bytes], int | None]) -> tuple[U64, Bools]:
    import numpy as np

    encoded = column.dictionary_encode()
    values = list(map(parse, encoded.dictionary.to_pylist()))
    codes = encoded.indices.to_numpy()
    numbers = np.array([value or 0 for value in values], np.uint64)
    if None not in values:
        return numbers.take(codes), np.zeros(len(codes), np.bool_)
    return numbers.take(codes), np.array([value is None for value in values], np.bool_).take(codes)
