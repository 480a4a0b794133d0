"""Rows before sealing and after opening: core and extra. Pure.

Source: ``docs/formats/segment.md``, "Row".
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from coffer.bounds import SECONDS_PER_DAY
from coffer.errors import MalformedInput, NotProven

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    U64 = npt.NDArray[np.uint64]
    U32 = npt.NDArray[np.uint32]
    U8 = npt.NDArray[np.uint8]

PEER_WITHHELD, PEER_E164, PEER_STRING, PEER_SHORT, PEER_DIALLED, PEER_DIALLED_00, PEER_DIALLED_CUT = range(7)
DIALLED_DIGITS: Final = 15
"""Digits of a dialled peer that 50 bits hold: there are fewer than 2^50 strings of up to 15 digits."""
OUT, IN, FORWARDED, OTHER = range(4)
MAX_DURATION_S: Final = 2**20 - 1
_EXTRA_FIELDS: Final = ((1, "Q"), (2, "Q"), (4, "Q"), (8, "16s"), (16, "64s"), (96, "Q"))
"""The fields of an extra, by the bit of the layout: cell, IMEI, IMSI, short and long string, own number.

The last is there with either of two bits.
"""
BY_IMEI: Final = 32
OWN: Final = 96
FLAG_LAST: Final = 1
LAST_WORD: Final = 1 << 24
"""LAST in the second little-endian word of a plain row: bit 0 of byte 11 of the core."""
SID_WORDS: Final = 2
"""Words of a packed row that are its sid."""
FLAG_SATURATED: Final = 2
FLAG_ANSWERED: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RowColumns:
    """Rows of one segment, before sealing; shape (n,) each.

    ``sid_high``, ``sid_low``: big-endian halves of the sid. ``peer_type`` u8, ``peer`` u64 (50 bits). ``second`` u32 of
    the day. ``duration_s`` u32, saturated.
    ``flags`` u8 without LAST. ``cell``, ``imei``, ``imsi`` u64 of the row's own party. ``peer_text``: Arrow string,
    null unless peer_type is 2; ``peer_is_long``: whether
    it goes into the long string. ``own``: the row's own party as ``pack_own`` gives it.
    """

    sid_high: U64
    sid_low: U64
    peer_type: U8
    peer: U64
    second: U32
    duration_s: U32
    flags: U8
    cell: U64
    imei: U64
    imsi: U64
    peer_text: pa.StringArray
    peer_is_long: npt.NDArray[np.bool_]
    own: U64

    def __len__(self) -> int:
        return len(self.sid_low)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedRows:
    """Rows as they will be sealed, without rank and LAST.

    ``words``: u64 of shape (n, 4 + X / 8). Of each row the big-endian halves of its sid, then the little-endian words
    of its plain core and extra.
    """

    words: U64

    def __len__(self) -> int:
        return len(self.words)

    def __repr__(self) -> str:
        return f"<{len(self)} rows>"

    @property
    def sid_high(self) -> U64:
        """Shape (n,)."""
        return self.words[:, 0]

    @property
    def sid_low(self) -> U64:
        """Shape (n,)."""
        return self.words[:, 1]

    @property
    def plain(self) -> U64:
        """Core and extra of each row; shape (n, 2 + X / 8)."""
        return self.words[:, SID_WORDS:]

    def take(self, at: npt.NDArray[np.int64]) -> PackedRows:
        """The rows at these positions."""
        return PackedRows(words=take_words(self.words, at))


def take_words(words: U64, at: npt.NDArray[np.int64]) -> U64:
    """Rows of a 2-D array. ``take`` moves each row as one item, three times faster than indexing."""
    return words.take(at, axis=0)


def concat_rows(parts: list[PackedRows]) -> PackedRows:
    """The rows of all parts."""
    import numpy as np

    return parts[0] if len(parts) == 1 else PackedRows(words=np.concatenate([part.words for part in parts]))


def pack_rows(rows: RowColumns, layout: int) -> PackedRows:
    """Cores and extras of all rows, LAST not set."""
    import numpy as np

    second, high_bits = rows.second.astype(np.uint64), rows.peer_type.astype(np.uint64) << np.uint64(60)
    durations, flags = rows.duration_s.astype(np.uint64), rows.flags.astype(np.uint64)
    extras = _extras(rows, layout)
    words = np.empty((len(rows), SID_WORDS + 2 + sum(extra.shape[1] for extra in extras)), np.uint64)
    words[:, 0], words[:, 1] = rows.sid_high, rows.sid_low
    words[:, 2] = (high_bits | rows.peer << np.uint64(10) | second >> np.uint64(7)).byteswap()
    low = (second & np.uint64(127)) << np.uint64(57) | durations << np.uint64(37) | flags << np.uint64(32)
    words[:, 3] = low.byteswap()
    if extras:
        words[:, 4:] = np.concatenate(extras, axis=1)
    return PackedRows(words=words)


def _extras(rows: RowColumns, layout: int) -> list[U64]:
    """The fields of the extra as words, in the layout's order."""
    numbers = ((1, rows.cell), (2, rows.imei), (4, rows.imsi))
    words: list[U64] = [column.byteswap()[:, None] for bit, column in numbers if layout & bit]
    is_string = rows.peer_type == PEER_STRING
    if layout & 8:
        words.append(_strings(rows.peer_text, is_string & ~rows.peer_is_long, 16))
    if layout & 16:
        words.append(_strings(rows.peer_text, is_string & rows.peer_is_long, 64))
    if layout & OWN:
        words.append(rows.own.byteswap()[:, None])
    return words


def pack_own(types: U8, numbers: U64) -> U64:
    """The row's own party, as a core has a peer: type 4 bits, number 50, zeros 10.

    It is 0 for nobody, and for a party that is a text.
    """
    import numpy as np

    packed = types.astype(np.uint64) << np.uint64(60) | numbers << np.uint64(10)
    return np.where(types == PEER_STRING, np.uint64(0), packed)


def _strings(column: pa.StringArray, chosen: npt.NDArray[np.bool_], size: int) -> npt.NDArray[np.uint64]:
    import numpy as np
    import pyarrow as pa

    out = np.zeros((len(chosen), size // 8), np.uint64)
    at = np.flatnonzero(chosen)
    if len(at):
        encoded = column.take(pa.array(at)).dictionary_encode()
        table = b"".join(format_string(text, size) for text in encoded.dictionary.to_pylist())
        out[at] = np.frombuffer(table, "<u8").reshape(-1, size // 8)[encoded.indices.to_numpy()]
    return out


def format_string(text: str, size: int) -> bytes:
    """u8 length || text, zero-padded.

    A text that does not fit in 64 bytes: FF || H(text) || its first 31 bytes.
    """
    raw = text.encode("utf-8")
    if len(raw) < size:
        return bytes([len(raw)]) + raw.ljust(size - 1, b"\0")
    assert size == 64, "a short string that is too long must be rejected by the reader"
    return b"\xff" + hashlib.sha256(raw).digest() + raw[:31]


def parse_string(raw: bytes, place: str) -> str:
    """The inverse of ``format_string``; a cut text is shown as ``<31 bytes>~<hash>``.

    Raises:
        NotProven: no string is written like this.
    """
    length = raw[0]
    if length == 0xFF and len(raw) == 64:
        head = raw[33:].decode("utf-8", "surrogateescape")  # cut within a character: its bytes are kept
        return f"{head}~{raw[1:33].hex()}"
    if length >= len(raw) or any(raw[1 + length :]):
        raise NotProven(f"{place}: a string that is not in canonical form")
    try:
        return raw[1 : 1 + length].decode("utf-8")
    except UnicodeDecodeError:
        raise NotProven(f"{place}: a string that is not UTF-8") from None


def pack_dialled(digits: str) -> tuple[int, int]:
    """Peer type and peer of dialled digits.

    The peer is the number of all shorter digit strings, plus the value of these digits.

    Digits that are too long are kept whole if they begin with 00, else cut. The party's own row is still looked up by all of its digits.
    """
    if len(digits) <= DIALLED_DIGITS:
        return PEER_DIALLED, _shorter(len(digits)) + int(digits or "0")
    if digits.startswith("00") and len(digits) <= DIALLED_DIGITS + 2:
        return PEER_DIALLED_00, _shorter(len(digits) - 2) + int(digits[2:])
    return PEER_DIALLED_CUT, _shorter(DIALLED_DIGITS) + int(digits[:DIALLED_DIGITS])


def unpack_dialled(peer_type: int, peer: int, place: str) -> str:
    """The digits; ``~`` behind them if more followed.

    Raises:
        NotProven: nothing is packed like this.
    """
    size = next((n for n in range(DIALLED_DIGITS, -1, -1) if peer >= _shorter(n)), 0)
    is_whole = size == DIALLED_DIGITS or (peer_type == PEER_DIALLED and size > 0)
    is_long = peer_type != PEER_DIALLED_00 or size >= DIALLED_DIGITS - 1
    if peer >= _shorter(DIALLED_DIGITS + 1) or not (is_whole or (peer_type == PEER_DIALLED_00 and is_long)):
        raise NotProven(f"{place}: dialled digits that are not in canonical form")
    digits = str(peer - _shorter(size)).zfill(size)
    return {PEER_DIALLED: digits, PEER_DIALLED_00: f"00{digits}"}.get(peer_type, f"{digits}~")


def _shorter(size: int) -> int:
    """How many strings of fewer digits there are, the empty one among them."""
    return int((10**size - 1) // 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainRow:
    """One row's fields, proven to be well-formed.

    ``peer_text``: the string of the extra, if the peer is a string.

    ``is_long`` where it stood. ``imei``: with a 1 before its digits if the layout has ``BY_IMEI``. ``own_type``,
    ``own``: the row's own party, 0 for nobody.
    """

    peer_type: int
    peer: int
    second: int
    duration_s: int
    direction: int
    is_answered: bool
    is_saturated: bool
    is_last: bool
    cell: int
    imei: int
    imsi: int
    peer_text: str
    is_long: bool
    own_type: int
    own: int

    def __repr__(self) -> str:
        return "<opened row>"


@lru_cache(maxsize=32)
def _extra(layout: int) -> struct.Struct:
    """The fields of an extra. An opening reads thousands of one layout."""
    return struct.Struct(">" + "".join(form for bit, form in _EXTRA_FIELDS if layout & bit))


def parse_row(core: bytes, extra: bytes, layout: int, place: str) -> PlainRow:
    """Read a decrypted row.

    Raises:
        NotProven: its 32 check bits are not zero, or a field is out of range: it is not the row that was sealed.
    """
    bits = int.from_bytes(core, "big")
    peer_type, peer = bits >> 124, bits >> 74 & (1 << 50) - 1
    second, flags = bits >> 57 & (1 << 17) - 1, bits >> 32 & 31
    if bits & 0xFFFFFFFF or second >= SECONDS_PER_DAY or not _is_party(peer_type, peer):
        raise NotProven(f"{place}: the row does not decrypt: its check bits or a field are wrong")
    fields = _extra(layout)
    if len(extra) != fields.size:
        raise MalformedInput(f"{place}: an extra of {len(extra)} bytes, expected {fields.size}")
    values = iter(fields.unpack(extra))
    cell, imei, imsi = (next(values) if layout & bit else 0 for bit in (1, 2, 4))
    short, long = (parse_string(next(values), place) if layout & bit else "" for bit in (8, 16))
    if (peer_type == PEER_STRING) != bool(short or long):
        raise NotProven(f"{place}: the row does not decrypt: its peer's string is missing or too much")
    own = next(values) if layout & OWN else 0
    own_type, number = own >> 60, own >> 10 & (1 << 50) - 1
    if own & 1023 or own_type == PEER_STRING or not _is_party(own_type, number):
        raise NotProven(f"{place}: the row does not decrypt: its own number is not in canonical form")
    return PlainRow(
        peer_type=peer_type,
        peer=peer,
        second=second,
        duration_s=bits >> 37 & MAX_DURATION_S,
        direction=flags >> 3,
        is_answered=bool(flags & FLAG_ANSWERED),
        is_saturated=bool(flags & FLAG_SATURATED),
        is_last=bool(flags & FLAG_LAST),
        cell=cell,
        imei=imei,
        imsi=imsi,
        peer_text=short or long,
        is_long=bool(long),
        own_type=own_type,
        own=number,
    )


def _is_party(kind: int, number: int) -> bool:
    """Whether a core can have this type of peer with this number."""
    if kind in (PEER_WITHHELD, PEER_STRING):
        return number == 0
    return kind <= PEER_DIALLED_CUT and (kind != PEER_E164 or 1 <= number < 10**15)
