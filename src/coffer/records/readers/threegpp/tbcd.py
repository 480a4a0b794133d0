"""Values of charging records, columns at a time: digits, numbers, integers, times, cells.

``Column`` says where the values stand in the bytes of a piece. Source: TS 32.298 section 5.1, TS 29.002
(AddressString), TS 24.008 section 10.5.4.7 (octet 3a), TS 23.040 section 9.1.2.5 (addresses of texts), TS 24.008
section 10.5.1.3 (MCC and MNC).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from coffer.identity.numbering import HomePlan

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

MAX_VALUE_BYTES: Final = 32
"""The longest number has 20 octets. A longer value is cut here, and is no number then either."""
INTERNATIONAL, NATIONAL, ALPHANUMERIC = 1, 2, 5
_CHARACTERS: Final = np.frombuffer(b"0123456789*#abc\xff", np.uint8)
_FILLER: Final = 15
_GSM: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""TS 23.038 section 6.2.1; the escape to another table stays, so that such a sender is no name."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Column:
    """One field of n records: ``starts`` and ``sizes`` in ``view``; size 0 where a record has none.

    Shapes (n,).
    """

    view: U8
    starts: I64
    sizes: I64

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def is_there(self) -> Bools:
        """Shape (n,)."""
        return self.sizes > 0

    def without(self, octets: I64) -> "Column":
        """The values behind their first octets; shape (n,)."""
        octets = np.minimum(octets, self.sizes)
        return Column(view=self.view, starts=self.starts + octets, sizes=self.sizes - octets)

    def octet(self, place: int) -> U8:
        """The octet at this place, 0 where the value is shorter; shape (n,)."""
        at = np.minimum(self.starts + place, len(self.view) - 1)
        return np.where(place < self.sizes, self.view[at], np.uint8(0))

    def flat(self) -> tuple[U8, I64]:
        """All values end to end, cut to ``MAX_VALUE_BYTES``, and where each ends; shapes (total,), (n,)."""
        sizes = np.minimum(self.sizes, MAX_VALUE_BYTES)
        ends = np.cumsum(sizes)
        at = np.repeat(self.starts - (ends - sizes), sizes) + np.arange(ends[-1] if len(ends) else 0)
        return self.view[at], ends


def raw(column: Column) -> pl.Series:
    """The octets as they stand, as polars Binary; empty where there are none."""
    data, ends = column.flat()
    offsets = np.concatenate((np.zeros(1, np.int64), ends))
    found = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    return pl.Series(pl.from_arrow(found))


def digits(column: Column, at_most: I64 | None = None) -> pl.Series:
    """TBCD: low nibble first, fillers left out; ``at_most`` so many digits of each.

    Empty where there is no value.
    """
    data, ends = column.flat()
    nibbles = np.empty(2 * len(data), np.uint8)
    nibbles[0::2], nibbles[1::2] = data & 15, data >> 4
    ends = 2 * ends
    kept = nibbles != _FILLER
    if at_most is not None:
        sizes = np.diff(ends, prepend=0)
        place = np.arange(len(nibbles)) - np.repeat(ends - sizes, sizes)
        kept &= place < np.repeat(at_most, sizes)
    running = np.concatenate((np.zeros(1, np.int64), np.cumsum(kept)))
    offsets = np.concatenate((np.zeros(1, np.int64), running[ends]))
    text = np.ascontiguousarray(_CHARACTERS[nibbles[kept]])
    found = pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(text))
    return pl.Series(pl.from_arrow(found))


def serials(column: Column, shortest: int, longest: int, mark: str) -> tuple[U64, Bools]:
    """IMSI or IMEI as u64, 0 where there is none, and which are bad; shapes (n,).

    ``mark``: what stands before the digits, so that an IMEI keeps leading zeros (``identity.mobile_columns``).

    A bad one has another number of digits, or something else than digits.
    """
    text = digits(column)
    is_good = text.str.contains(f"^[0-9]{{{shortest},{longest}}}$")
    numbers = (mark + text).set(~is_good, "0").cast(pl.UInt64).to_numpy()
    return numbers, column.is_there & ~is_good.to_numpy()


def integers(column: Column) -> tuple[I64, Bools]:
    """Signed integers of up to 8 octets, 0 where there is none, and which are longer; shapes (n,)."""
    value = np.where(column.octet(0) > 127, np.int64(-1), np.int64(0))
    for place in range(min(8, int(column.sizes.max(initial=0)))):
        value = np.where(place < column.sizes, value << 8 | column.octet(place), value)
    return np.where(column.is_there, value, 0), column.sizes > 8


def numbers(column: Column, home: HomePlan) -> pl.Series:
    """AddressString or BCDDirectoryNumber as written text.

    ``+`` and E.164 where the type says so, else the digits as dialled. The octet 3a is there where bit 8 of the first
    octet is 0.
    """
    kind = column.octet(0)
    text = digits(column.without(1 + (kind < 128).astype(np.int64)))
    return _typed(text, (kind >> 4 & 7).astype(np.uint8), home)


def message_addresses(column: Column, home: HomePlan) -> pl.Series:
    """The destination of a text.

    The octet that counts its digits may be there or not, and letters are packed into 7 bits.
    """
    first = column.octet(0)
    is_counted = first < 128
    kind = np.where(is_counted, column.octet(1), first)
    ton = (kind >> 4 & 7).astype(np.uint8)
    rest = column.without(1 + is_counted.astype(np.int64))
    count = np.where(is_counted, first.astype(np.int64), 2 * rest.sizes)
    text = _typed(digits(rest, count), ton, home)
    letters = np.flatnonzero((ton == ALPHANUMERIC) & column.is_there)
    if len(letters):
        packed = raw(Column(view=rest.view, starts=rest.starts[letters], sizes=rest.sizes[letters])).to_list()
        names = [
            unpack_letters(value, count * 4 // 7) for value, count in zip(packed, count[letters].tolist(), strict=True)
        ]
        text = text.scatter(letters, names)
    return text


def unpack_letters(packed: bytes, count: int) -> str:
    """``count`` characters of 7 bits, the first in the lowest bits; at most as many as there are."""
    bits = int.from_bytes(packed, "little")
    count = min(count, len(packed) * 8 // 7)
    return "".join(_GSM[bits >> 7 * i & 127] for i in range(count)).rstrip("@\r")


def _typed(text: pl.Series, ton: U8, home: HomePlan) -> pl.Series:
    ton_of = pl.Series(ton)
    is_national = ton_of == NATIONAL
    if is_national.any():
        text = text.zip_with(~is_national, _national(text, home))
    return text.zip_with((ton_of != INTERNATIONAL) | (text == ""), "+" + text)


def _national(text: pl.Series, home: HomePlan) -> pl.Series:
    """National significant numbers in international form.

    Some switches leave the trunk prefix on; it is taken off.
    """
    length = text.str.len_bytes()
    fits = [size for size in range(1, 16) if home.lengths >> size & 1]
    is_part = length.is_in(fits) & (home.trunk != "0")  # after a trunk prefix of 0 no number begins with another
    is_prefixed = text.str.starts_with(home.trunk) & ~is_part if home.trunk else length < 0
    bare = text.zip_with(~is_prefixed, text.str.slice(len(home.trunk)))
    return text.zip_with(text == "", f"+{home.calling_code}" + bare)


def times(column: Column) -> tuple[I64, I64, Bools]:
    """TimeStamps: the clock, its offset from UTC, and which are no time. Shapes (n,).

    Clock and offset are in microseconds, the clock since 1970. Octets YY MM DD hh mm ss, high nibble first, the sign
    in ASCII, hh mm. UTC is clock less offset. With six octets, or another sign, there is no offset: it is then the
    least i64.
    """
    octets = [column.octet(place) for place in range(9)]
    high, low = [octet >> 4 for octet in octets], [octet & 15 for octet in octets]
    year, month, day, hour, minute, second, _, off_hour, off_minute = (
        h.astype(np.int64) * 10 + part for h, part in zip(high, low, strict=True)
    )
    is_decimal = np.logical_and.reduce([(h < 10) & (part < 10) for h, part in zip(high[:6], low[:6], strict=True)])
    is_good = is_decimal & (month >= 1) & (month <= 12) & (day >= 1) & (hour < 24) & (minute < 60) & (second < 60)
    is_good &= (column.sizes == 9) | (column.sizes == 6)
    months = (year + 30) * 12 + np.where(is_good, month, 1) - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]")
    days_in_month = ((months + 1).astype("datetime64[M]").astype("datetime64[D]") - first).astype(np.int64)
    is_good &= day <= days_in_month
    clock = first.astype(np.int64) * 86_400 + (day - 1) * 86_400 + hour * 3_600 + minute * 60 + second
    sign = np.where(octets[6] == ord("+"), 1, np.where(octets[6] == ord("-"), -1, 0))
    has_offset = (column.sizes == 9) & (sign != 0) & (off_hour < 24) & (off_minute < 60)
    for h, part in zip(high[7:], low[7:], strict=True):
        has_offset &= (h < 10) & (part < 10)
    offset = np.where(has_offset, sign * (off_hour * 3_600 + off_minute * 60) * 1_000_000, np.iinfo(np.int64).min)
    return np.where(is_good, clock * 1_000_000, 0), offset, column.is_there & ~is_good


def networks(column: Column, assumed: tuple[int, int]) -> tuple[U64, U64, Bools]:
    """MCC and MNC, those ``assumed`` where there is none, and which are no network; shapes (n,)."""
    nibbles = [
        part.astype(np.int64) for place in range(3) for part in (column.octet(place) & 15, column.octet(place) >> 4)
    ]
    mcc = nibbles[0] * 100 + nibbles[1] * 10 + nibbles[2]
    is_two = nibbles[3] == _FILLER
    mnc = np.where(is_two, nibbles[4] * 10 + nibbles[5], nibbles[4] * 100 + nibbles[5] * 10 + nibbles[3])
    is_bad = (column.sizes != 3) | np.logical_or.reduce([nibbles[i] > 9 for i in (0, 1, 2, 4, 5)])
    is_bad |= ~is_two & (nibbles[3] > 9)
    is_used = column.is_there & ~is_bad
    return (
        np.where(is_used, mcc, assumed[0]).astype(np.uint64),
        np.where(is_used, mnc, assumed[1]).astype(np.uint64),
        column.is_there & is_bad,
    )
