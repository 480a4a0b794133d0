"""Cells, IMEI and IMSI as u64, columns at a time; each distinct value is parsed once."""

import re
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_CELL: Final = re.compile(rb"([0-9]{3})-([0-9]{1,3})-([0-9]{1,5})-([0-9]{1,9})")
_IMEI: Final = re.compile(rb"[0-9]{14,16}")
_IMSI: Final = re.compile(rb"[0-9]{6,15}")

U64 = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]


def pack_cell(text: bytes) -> int | None:
    """``MCC-MNC-LAC-CI`` to MCC 10 | MNC 10 | LAC or TAC 16 | CI 28; None if it is no cell."""
    match = _CELL.fullmatch(text)
    if match is None:
        return None
    mcc, mnc, area, cell = (int(part) for part in match.groups())
    if area >= 1 << 16 or cell >= 1 << 28 or mcc == 0:
        return None
    return mcc << 54 | mnc << 44 | area << 28 | cell


def format_cell(packed: int) -> str:
    """The inverse of ``pack_cell``; 0 gives the empty text. GAP: an MNC of 01 and one of 001 are the same number.

    Two digits are written.
    """
    if packed == 0:
        return ""
    return f"{packed >> 54:03d}-{packed >> 44 & 1023:02d}-{packed >> 28 & 65535}-{packed & (1 << 28) - 1}"


def parse_cells(column: pa.BinaryArray) -> tuple[U64, Bools]:
    """u64 cells (0 none) and whether each value was bad; shapes (n,)."""
    return _by_distinct(column, pack_cell)


def parse_imeis(column: pa.BinaryArray) -> tuple[U64, Bools]:
    """u64 IMEIs (0 none) of 14 to 16 digits, and whether each value was bad."""
    return _by_distinct(column, lambda text: int(text) if _IMEI.fullmatch(text) else None)


def parse_imsis(column: pa.BinaryArray) -> tuple[U64, Bools]:
    """u64 IMSIs (0 none) of 6 to 15 digits, and whether each value was bad."""
    return _by_distinct(column, lambda text: int(text) if _IMSI.fullmatch(text) else None)


def _by_distinct(column: pa.BinaryArray, parse: object) -> tuple[U64, Bools]:
    assert callable(parse)
    encoded = column.dictionary_encode()
    values = [0 if word.strip(b" ") == b"" else parse(word.strip(b" ")) for word in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy()
    numbers = np.array([value or 0 for value in values], np.uint64)
    bad = np.array([value is None for value in values], np.bool_)
    return numbers[codes], bad[codes]
