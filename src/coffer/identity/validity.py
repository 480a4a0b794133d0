"""Which E.164 numbers can exist, for whole columns.

The table holds the answers of ``phonenumbers.is_valid_number``. ``scripts/make_validity.py`` makes it, and
``scripts/compare_numbering.py`` compares it with the library.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from coffer.identity.arrays import POWERS_OF_TEN, U64
from coffer.identity.numbering import MAX_DIGITS, VERSION, read_columns, trunks

I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_LEADING: Final = 5
_REST: Final = np.uint64(10 ** (MAX_DIGITS - _LEADING))


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Ranges of numbers with their possible lengths, each up to the start of the next; shape (n,).

    ``starts``: u64, left-aligned to 15 digits, ascending. ``lengths``: bit d is set if d digits are possible. ``first``
    and ``last``: by the first five digits, the steps of the first and of the last number that begins with them; shape
    (100000,). Both are mostly the same step, and then no search is needed.
    """

    starts: U64
    lengths: npt.NDArray[np.uint16]
    first: npt.NDArray[np.int32]
    last: npt.NDArray[np.int32]


@cache
def steps() -> Steps:
    """The table, read once."""
    columns = read_columns("valid", VERSION)
    starts = np.array([int(start.ljust(MAX_DIGITS, "0")) for start in columns["start"]], np.uint64)
    bits = {text: sum(1 << int(n) for n in text.split()) for text in set(columns["lengths"])}
    edges = np.arange(10**_LEADING + 1, dtype=np.uint64) * _REST
    return Steps(
        starts=starts,
        lengths=np.array([bits[text] for text in columns["lengths"]], np.uint16),
        first=(np.searchsorted(starts, edges[:-1], side="right") - 1).astype(np.int32),
        last=(np.searchsorted(starts, edges[1:], side="left") - 1).astype(np.int32),
    )


def are_valid(values: U64, digits: I64) -> Bools:
    """Whether each number can exist; shape (n,) each.

    ``digits``: how many digits it is written with, leading zeros included.
    """
    table = steps()
    size = np.clip(digits, 1, MAX_DIGITS)
    is_plain: Bools = (digits <= MAX_DIGITS) & (values >= POWERS_OF_TEN[size - 1]) & (values < POWERS_OF_TEN[size])
    aligned = np.where(is_plain, values, np.uint64(0)) * POWERS_OF_TEN[MAX_DIGITS - size]
    leading = (aligned // _REST).astype(np.int64)
    at = table.first[leading]
    is_split = np.flatnonzero(table.last[leading] != at)
    if len(is_split):
        at[is_split] = np.searchsorted(table.starts, aligned[is_split], side="right") - 1
    has_length: Bools = ((table.lengths[at] >> size.astype(np.uint16)) & np.uint16(1)).astype(np.bool_)
    return has_length & is_plain


@cache
def has_national_zero(calling_code: int) -> bool:
    """Whether a calling code's national numbers may begin with 0 without a trunk prefix, as in Italy."""
    table = steps()
    free = 10 ** (MAX_DIGITS - len(str(calling_code)) - 1)
    first, last = calling_code * 10 * free, (calling_code * 10 + 1) * free - 1
    low, high = (int(np.searchsorted(table.starts, np.uint64(edge), side="right")) - 1 for edge in (first, last))
    return bool(table.lengths[low : high + 1].any())


@cache
def _codes() -> tuple[npt.NDArray[np.int64], U64, U64]:
    """The calling code and trunk prefix of a number, by its first three digits.

    Returns how many digits are the calling code, and the number of digits and the value of its trunk prefix.
    """
    size, trunk_digits, trunk = np.zeros(1000, np.int64), np.zeros(1000, np.uint64), np.zeros(1000, np.uint64)
    for code, text in trunks().items():
        digits = len(str(code))
        span = slice(code * 10 ** (3 - digits), (code + 1) * 10 ** (3 - digits))
        size[span], trunk_digits[span], trunk[span] = digits, len(text), int(text)
    return size, trunk_digits, trunk


def without_trunk(values: U64, digits: I64) -> tuple[U64, I64]:
    """International numbers without the trunk prefix behind their calling code, as in +49 (0)30.

    A number without such a prefix gives 0. Shape (n,) each. ``digits``: as in ``are_valid``.
    """
    sizes, trunk_sizes, trunk_values = _codes()
    fits = (digits >= 7) & (digits <= MAX_DIGITS + 4)
    size = np.clip(digits, 7, MAX_DIGITS + 4)
    leading = np.where(fits, values // POWERS_OF_TEN[size - 3], np.uint64(0)).astype(np.int64)
    fits &= leading >= 100
    leading = np.where(fits, leading, 0)
    code_size, trunk_size, trunk = sizes[leading], trunk_sizes[leading].astype(np.int64), trunk_values[leading]
    fits &= code_size > 0
    national_size = size - code_size
    code = values // POWERS_OF_TEN[national_size]
    national = values - code * POWERS_OF_TEN[national_size]
    rest_size = np.where(fits, national_size - trunk_size, 1)
    fits &= national // POWERS_OF_TEN[rest_size] == trunk
    rest = national - trunk * POWERS_OF_TEN[rest_size]
    numbers = np.where(fits, code * POWERS_OF_TEN[rest_size] + rest, np.uint64(0))
    return numbers, np.where(fits, digits - trunk_size, 0)
