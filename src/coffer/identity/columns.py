"""Identities from whole columns of numbers and addresses, without a Python call per number.

``scanning`` reads the digits from the bytes of an Arrow column, and ``readings`` decides by tables what they mean. Only
values that need judgement (carrier codes, anything with letters) are read one by one, each distinct value once.
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from coffer.errors import MalformedInput
from coffer.identity.addresses import are_plain, canonical
from coffer.identity.arrays import POWERS_OF_TEN, U8, U64
from coffer.identity.habits import Habits
from coffer.identity.identifier import (
    MAX_DIALLED,
    IdentityType,
    hashed_sid,
    is_opaque,
    is_sender,
    pack_short_code,
    parse_email,
    unpack_short_code,
)
from coffer.identity.readings import read_digits
from coffer.identity.scanning import I64, MAX_RAW_DIGITS, Bools, Scanned, scan
from coffer.identity.uris import address_within, has_marks, number_within
from coffer.visible import is_visible

Scalar = TypeVar("Scalar", bound=np.generic)

_MAIL: Final = 3
"""The kind of records whose identities are addresses (``docs/formats/segment.md``)."""

WITHHELD: Final = frozenset(
    {"", "anonymous", "restricted", "unavailable", "unknown", "private", "withheld", "blocked", "-1"}
)

_ZEROS: Final = r"^ *(?:(\+?[0-9]+)[.,]00?|(\+?[0-9]{7,})[.,]0+) *$"
_FRACTION: Final = r"^ *(?:\+?[0-9]+[.,][0-9]{1,2}|\+?[0-9]{7,}[.,][0-9]{1,6}) *$"
"""A number of seven digits or more with up to six behind a dot is one of a program; shorter parts are those of a person."""
_NO_VALUE: Final = "\0"
"""What no rule takes for a number, an address, a sender or a local identity."""


class Fault(IntEnum):
    """Why a value is no identity; 0 means no fault.

    The names are the reject reasons of ``docs/formats/feed.md``; the numbers are our own.
    """

    NONE = 0
    NOT_A_NUMBER = 1
    IMPOSSIBLE_LENGTH = 3
    NOT_AN_ADDRESS = 4
    ADDRESS_CONTROLS = 20


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Identities:
    """A column of identities; each field has shape (n,).

    ``type``: u8 ``IdentityType``, 0 for withheld or rejected. ``number``: u64, the E.164 number or a packed short code
    (``pack_short_code``). ``text``: Arrow string, null except for types 2, 4, 5 and 6. ``fault``: u8 ``Fault``.
    """

    type: U8
    number: U64
    text: pa.StringArray
    fault: U8


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRules:
    """What a feed's identities may be. ``habits``: how its source writes numbers."""

    habits: Habits
    local_identities: bool


def parse_identities(column: pa.Array, kinds: U8, rules: IdentityRules) -> Identities:
    """Read a column of strings (no nulls) as identities, each by the kind of its record (u8, shape (n,))."""
    column = column.cast(pa.binary())
    written = np.flatnonzero(pc.binary_length(column).to_numpy())
    if len(written) > len(column) // 2:
        return _parse_filled(column, kinds, rules)
    # Columns such as that of forwarded-to numbers are mostly empty: parse only the rows that have a value.
    return _spread(_parse_filled(column.take(pa.array(written)), kinds[written], rules), written, len(column))


def _parse_filled(column: pa.BinaryArray, kinds: U8, rules: IdentityRules) -> Identities:
    """Plain addresses of mails all at once, and whatever else there is."""
    mails = np.flatnonzero(kinds == _MAIL)
    if not len(mails):
        return _parse_written(column, kinds, rules)
    text = (column if len(mails) == len(column) else column.take(pa.array(mails))).cast(pa.string())
    is_plain = are_plain(text)
    plain, is_other = mails[is_plain], np.ones(len(column), np.bool_)
    is_other[plain] = False
    others = np.flatnonzero(is_other)
    addresses = Identities(
        type=np.full(len(plain), IdentityType.EMAIL, np.uint8),
        number=np.zeros(len(plain), np.uint64),
        text=canonical(text if len(plain) == len(text) else text.filter(pa.array(is_plain))),
        fault=np.zeros(len(plain), np.uint8),
    )
    if not len(others):
        return addresses
    rest = _parse_written(column.take(pa.array(others)), kinds[others], rules)
    return _merged(addresses, plain, rest, others)


def _merged(one: Identities, one_at: I64, other: Identities, other_at: I64) -> Identities:
    """Two parts of a column, each with the places of its rows."""
    back = np.argsort(np.concatenate((one_at, other_at)))
    return Identities(
        type=np.concatenate((one.type, other.type))[back],
        number=np.concatenate((one.number, other.number))[back],
        text=pa.concat_arrays([one.text, other.text]).take(pa.array(back)),
        fault=np.concatenate((one.fault, other.fault))[back],
    )


def _spread(parsed: Identities, at: I64, rows: int) -> Identities:
    """A longer column, which has these identities at these places and nobody elsewhere."""
    places = np.full(rows, -1, np.int64)
    places[at] = np.arange(len(at))
    return Identities(
        type=_spread_values(parsed.type, at, rows),
        number=_spread_values(parsed.number, at, rows),
        text=parsed.text.take(pa.array(places, mask=places < 0)),
        fault=_spread_values(parsed.fault, at, rows),
    )


def _spread_values(values: npt.NDArray[Scalar], at: I64, rows: int) -> npt.NDArray[Scalar]:
    out = np.zeros(rows, values.dtype)
    out[at] = values
    return out


def _parse_written(column: pa.BinaryArray, kinds: U8, rules: IdentityRules) -> Identities:
    n = len(column)
    out = Identities(
        type=np.zeros(n, np.uint8),
        number=np.zeros(n, np.uint64),
        text=pa.nulls(n, pa.string()),
        fault=np.zeros(n, np.uint8),
    )
    column = _without_fraction(column, kinds)
    raw = scan(column)
    # Values of fewer than three digits are parsed one by one: -1 is a withheld caller, and 7 may be an extension.
    is_number = (kinds != 3) & ~raw.has_other & (raw.digits > 2)
    odd = np.flatnonzero(~is_number)
    if len(odd):
        column, raw, is_number = _unwrap(column, raw, odd, kinds, is_number)
        odd = np.flatnonzero(~is_number)
    indices, texts = np.full(n, -1, np.int64), pa.array([], pa.string())
    if len(odd):
        indices[odd], texts = _parse_odd(column.take(pa.array(odd)), odd, kinds, rules, out)
    numbers = np.flatnonzero(is_number)
    if len(numbers):
        all_of_them = len(numbers) == n
        dialled = _complete(
            column if all_of_them else column.take(pa.array(numbers)),
            raw if all_of_them else raw.take(numbers),
            numbers,
            rules,
            out,
        )
        if len(dialled):
            indices[dialled] = np.arange(len(texts), len(texts) + len(dialled))
            texts = pa.concat_arrays([texts, _digits_of(column.take(pa.array(dialled)))])
    if not len(texts):
        return out
    text = texts.take(pa.array(indices, mask=indices < 0))
    return Identities(type=out.type, number=out.number, text=text, fault=out.fault)


def _without_fraction(column: pa.BinaryArray, kinds: U8) -> pa.BinaryArray:
    """The column without decimal parts of zeros, which nobody dialled.

    A number with another decimal part becomes ``_NO_VALUE``. A number column with gaps becomes one of floats in some
    programs, and these write 33612345678.0. A single dot with few digits before it and some behind it stands between
    parts of a number: 0171.1234567.
    """
    data = np.frombuffer(column.buffers()[2] or b"", np.uint8)
    if not any((data == point).any() for point in b".,"):  # most columns have none, and this is a cheap look
        return column
    text = column.cast(pa.string())
    text = pc.replace_substring_regex(text, _ZEROS, r"\1\2")
    is_fraction = pc.and_(pc.match_substring_regex(text, _FRACTION), pa.array(kinds != _MAIL))
    return pc.if_else(is_fraction, pa.scalar(_NO_VALUE), text).cast(pa.binary())


def _unwrap(
    column: pa.BinaryArray, raw: Scanned, odd: I64, kinds: U8, is_number: Bools
) -> tuple[pa.BinaryArray, Scanned, Bools]:
    """The column with plain numbers in place of those inside a URI or before a host.

    Each distinct value is parsed once. Also returns the new scan, and which rows are plain numbers now.
    """
    some = column.take(pa.array(odd))
    marked = has_marks(some) & (kinds[odd] != 3)
    if not marked.any():
        return column, raw, is_number
    at = odd[marked]
    encoded = some.filter(pa.array(marked)).dictionary_encode()
    inner = [number_within(value) for value in encoded.dictionary.to_pylist()]
    is_within = np.array([text is not None for text in inner], np.bool_)[encoded.indices.to_numpy()]
    at = at[is_within]
    values = pa.array(inner, pa.binary()).take(encoded.indices).filter(pa.array(is_within))
    if not len(at):
        return column, raw, is_number
    indices = np.arange(len(column))
    indices[at] = len(column) + np.arange(len(at))
    column = pa.concat_arrays([column, values]).take(pa.array(indices))
    raw = scan(column)
    return column, raw, (kinds != 3) & ~raw.has_other & (raw.digits > 2)


def _digits_of(column: pa.BinaryArray) -> pa.StringArray:
    return pc.replace_substring_regex(column.cast(pa.string()), "[^0-9]+", "")


def _complete(column: pa.BinaryArray, raw: Scanned, at: I64, rules: IdentityRules, out: Identities) -> I64:
    """Write numbers and short codes into ``out`` at these places; return the others, kept as dialled."""
    readings = read_digits(column, raw, rules.habits)
    is_e164 = readings.number > 0
    is_long = raw.digits > MAX_DIALLED
    is_dialled = ~is_e164 & ~readings.is_short & ~is_long
    out.number[at] = readings.number
    out.type[at] = np.where(is_e164, np.uint8(IdentityType.E164), np.uint8(0))
    out.type[at[is_dialled]] = IdentityType.DIALLED
    out.fault[at[is_long & ~is_e164]] = Fault.IMPOSSIBLE_LENGTH
    if readings.is_short.any():
        short = np.flatnonzero(readings.is_short)
        country = np.uint64(pack_short_code(rules.habits.home.country, "") >> 40) << np.uint64(40)
        marked = readings.short[short] + POWERS_OF_TEN[np.clip(readings.short_digits[short], 0, MAX_RAW_DIGITS)]
        out.type[at[short]] = IdentityType.SHORT
        out.number[at[short]] = country | marked
    return at[is_dialled]


def _parse_odd(
    column: pa.BinaryArray, at: I64, kinds: U8, rules: IdentityRules, out: Identities
) -> tuple[I64, pa.StringArray]:
    """Parse the values that are not plain numbers, each distinct (value, kind) once.

    Writes types and faults into ``out``; returns for each place its index into the texts, and the texts.
    """
    encoded = column.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    codes = encoded.indices.to_numpy().astype(np.int64)
    keys = codes * 4 + kinds[at]
    distinct, inverse = np.unique(keys, return_inverse=True)
    parsed = [_parse_one(values[key // 4], int(key % 4), rules) for key in distinct.tolist()]
    types = np.array([kind for kind, _, _ in parsed], np.uint8)
    faults = np.array([fault for _, _, fault in parsed], np.uint8)
    out.type[at] = types[inverse]
    out.fault[at] = faults[inverse]
    return inverse.astype(np.int64), pa.array([text for _, text, _ in parsed], pa.string())


def _parse_one(raw: bytes, kind: int, rules: IdentityRules) -> tuple[IdentityType, str | None, Fault]:
    nothing = IdentityType.NONE
    wrong = Fault.NOT_AN_ADDRESS if kind == 3 else Fault.NOT_A_NUMBER
    try:
        text = raw.decode("utf-8").strip(" ")
    except UnicodeDecodeError:
        return nothing, None, wrong
    if text.lower() in WITHHELD or (kind == 3 and text == "<>"):
        return nothing, None, Fault.NONE
    if kind == 3:
        try:
            return IdentityType.EMAIL, parse_email(address_within(text), "address"), Fault.NONE
        except MalformedInput:
            return nothing, None, wrong if text == _NO_VALUE or is_visible(text) else Fault.ADDRESS_CONTROLS
    if kind == 2 and is_sender(text):
        return IdentityType.SENDER, text, Fault.NONE
    if rules.local_identities and is_opaque(text):
        return IdentityType.OPAQUE, text, Fault.NONE
    digits = re.sub(r"[-+ .()/]", "", text)
    if digits.isascii() and digits.isdigit() and len(digits) < 3:
        return IdentityType.DIALLED, digits, Fault.NONE
    return nothing, None, wrong


def sids(identities_type: U8, number: U64, text: pa.StringArray, *, feed: str, home: str) -> tuple[U64, U64]:
    """The high and the low u64 (big-endian order) of each sid; shape (n,).

    A row without an identity gives (0, 0). ``home``: the feed's country.
    """
    high = np.where(identities_type == IdentityType.E164, np.uint64(1 << 56), np.uint64(0))
    low = np.where(identities_type == IdentityType.E164, number, np.uint64(0))
    odd = np.flatnonzero(identities_type > IdentityType.E164)
    if len(odd):
        types = identities_type[odd]
        encoded = text.take(pa.array(odd)).dictionary_encode()
        codes = np.where(
            types == IdentityType.SHORT, number[odd], pc.fill_null(encoded.indices, 0).to_numpy().astype(np.uint64)
        )
        keys = np.stack([types.astype(np.uint64), codes], axis=1)
        distinct, inverse = np.unique(keys, axis=0, return_inverse=True)
        words = encoded.dictionary.to_pylist()
        raw = b"".join(_odd_sid(IdentityType(int(t)), int(c), words, feed, home) for t, c in distinct)
        halves = np.frombuffer(raw, ">u8").astype(np.uint64).reshape(-1, 2)
        high[odd], low[odd] = halves[inverse, 0], halves[inverse, 1]
    return high, low


def _odd_sid(kind: IdentityType, code: int, words: list[str], feed: str, home: str) -> bytes:
    if kind is IdentityType.SHORT:
        country, digits = unpack_short_code(code)
        return hashed_sid(kind, digits, country)
    scope = {IdentityType.OPAQUE: feed, IdentityType.DIALLED: home}.get(kind, "")
    return hashed_sid(kind, words[code], scope)
