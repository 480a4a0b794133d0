"""The digits in columns of numbers as written, without a Python call per number.

A table classifies the bytes, and running sums of powers of ten give the values.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from coffer.identity.arrays import POWERS_OF_TEN, U8, U64

I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MAX_RAW_DIGITS: Final = 19
"""An international prefix and 15 digits fit. Numbers of 20 digits would no longer fit a u64."""
_DIGIT, _SEPARATOR, _PLUS, _OTHER = range(4)


def _byte_classes() -> U8:
    table = np.full(256, _OTHER, np.uint8)
    table[48:58] = _DIGIT
    table[ord("+")] = _PLUS
    for separator in b" -.()/":
        table[separator] = _SEPARATOR
    return table


_CLASSES: Final = _byte_classes()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Scanned:
    """Numbers as written; each field has shape (n,).

    ``value``: the digits as one integer; 0 if there are more than ``MAX_RAW_DIGITS``. ``digits``: how many there are.
    ``has_plus``: a plus stands in front. ``has_other``: there is a byte that is neither digit nor separator, or a plus
    elsewhere.
    """

    value: U64
    digits: I64
    has_plus: Bools
    has_other: Bools

    def take(self, at: I64) -> "Scanned":
        """The numbers at these positions."""
        return Scanned(
            value=self.value[at], digits=self.digits[at], has_plus=self.has_plus[at], has_other=self.has_other[at]
        )


def scan(column: pa.BinaryArray) -> Scanned:
    """The digits of each string, with their number and value.

    Arrow's own kernels read the strings that are only digits behind at most one plus; the others are read byte by byte.
    """
    text = column.cast(pa.string())
    bare = pc.ascii_ltrim(text, characters="+")
    digits = pc.binary_length(bare).to_numpy().astype(np.int64)
    pluses = pc.binary_length(text).to_numpy() - digits
    is_plain = (pluses <= 1) & (digits <= MAX_RAW_DIGITS) & pc.ascii_is_decimal(bare).to_numpy(zero_copy_only=False)
    numerals = bare if is_plain.all() else pc.if_else(pa.array(is_plain), bare, "0")
    value = numerals.cast(pa.uint64()).to_numpy()
    scanned = Scanned(value=value, digits=digits, has_plus=pluses == 1, has_other=np.zeros(len(digits), np.bool_))
    at = np.flatnonzero(~is_plain)
    if len(at) == 0:
        return scanned
    odd = _scan_bytes(column.take(pa.array(at)))
    value = value.copy()
    for whole, part in (
        (value, odd.value),
        (scanned.digits, odd.digits),
        (scanned.has_plus, odd.has_plus),
        (scanned.has_other, odd.has_other),
    ):
        whole[at] = part
    return Scanned(value=value, digits=scanned.digits, has_plus=scanned.has_plus, has_other=scanned.has_other)


def _scan_bytes(column: pa.BinaryArray) -> Scanned:
    """As ``scan``, from the bytes: for numbers with separators and for values that are no numbers."""
    n = len(column)
    offsets = np.frombuffer(column.buffers()[1], np.int32, n + 1, column.offset * 4)
    data = column.buffers()[2]
    raw = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    raw = raw[offsets[0] : offsets[-1]]
    offsets = offsets - offsets[0]
    classes = _CLASSES[raw]
    is_digit = classes == _DIGIT
    ends = _running(is_digit)[offsets]
    digits = np.diff(ends)
    has_plus = np.zeros(n, np.bool_)
    has_other = np.zeros(n, np.bool_)
    if (classes >= _PLUS).any():
        filled = np.flatnonzero(np.diff(offsets))
        has_plus[filled] = raw[offsets[filled]] == ord("+")
        # A plus that is not in front is treated like a letter.
        signs = _running(classes == _PLUS)[offsets] if (classes == _PLUS).sum() != has_plus.sum() else None
        has_other = np.diff(signs) != has_plus if signs is not None else has_other
        foreign = classes >= _OTHER
        has_other |= np.diff(_running(foreign)[offsets]) > 0 if foreign.any() else has_other
    digits, ends = digits.astype(np.int64), ends.astype(np.int64)
    places = np.repeat(ends[1:], digits) - np.arange(ends[-1]) - 1
    terms = (raw[is_digit] - np.uint8(48)).astype(np.uint64) * POWERS_OF_TEN[np.minimum(places, MAX_RAW_DIGITS)]
    # The sums stay u64, because floats would lose digits.
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)))
    value = sums[ends[1:]] - sums[ends[:-1]]  # modulo 2^64 the difference is exact
    return Scanned(value=value, digits=digits, has_plus=has_plus, has_other=has_other)


def _running(flags: Bools) -> npt.NDArray[np.int32]:
    """How many flags are set before each position, and at the end their total; shape (n + 1,).

    A chunk is far smaller than 2^31 bytes, so the counts fit.
    """
    out = np.zeros(len(flags) + 1, np.int32)
    np.cumsum(flags, out=out[1:])
    return out
