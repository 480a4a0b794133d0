"""What a column's digits mean: a number if exactly one reading can exist, else digits as dialled.

A value is read as an international number if it is marked as one (a plus, 00, or the home country's international
prefix). Otherwise it is read as a national number with and without the trunk prefix, and as an international number
without a mark. A trunk digit behind the calling code, as in +49 (0)30, is left out. Digits behind the prefix of an
outside line are read too, if the feed names that prefix. A reading counts if its number can exist (``validity``).
Source: ``docs/formats/identity.md``.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from coffer.identity.arrays import POWERS_OF_TEN, U64
from coffer.identity.habits import Habits
from coffer.identity.numbering import MAX_DIGITS, HomePlan
from coffer.identity.scanning import I64, MAX_RAW_DIGITS, Bools, Scanned
from coffer.identity.validity import are_valid, has_national_zero, without_trunk

Scalar = TypeVar("Scalar", bound=np.generic)

_ASKED: Final = 65_536
"""Answers of the library that are kept, about 10 MB, because values come again in later chunks."""
_BRACKETED: Final = r"\([0-9]{1,2}\)"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Readings:
    """What each value of a column is; each field has shape (n,).

    ``number``: u64, the E.164 number if exactly one reading can exist, else 0. ``is_several``: several readings can
    exist. ``is_short``: it is a short code. ``short`` and ``short_digits``: the short code's value and number of
    digits.
    """

    number: U64
    is_several: Bools
    is_short: Bools
    short: U64
    short_digits: I64


@dataclass(frozen=True, slots=True)
class _Prefix:
    """Digits that a number may begin with.

    ``low`` and ``high`` (exclusive), u64 of shape (MAX_RAW_DIGITS + 1,), are indexed by a number's count of digits. The
    numbers with this prefix and at least one digit more have their values between the two. Dividing each number instead
    would take ten times as long.
    """

    low: U64
    high: U64
    size: int

    @classmethod
    def of(cls, text: str) -> "_Prefix":
        rest = np.arange(MAX_RAW_DIGITS + 1) - len(text)
        powers = np.where((rest > 0) & (len(text) > 0), POWERS_OF_TEN[np.clip(rest, 0, None)], np.uint64(0))
        value = np.uint64(int(text or "0"))
        return cls(low=value * powers, high=(value + np.uint64(1)) * powers, size=len(text))

    def leads(self, value: U64, digits: I64) -> Bools:
        """Whether the digits, at most MAX_RAW_DIGITS, begin with this prefix and go on."""
        is_led: Bools = (value >= self.low.take(digits)) & (value < self.high.take(digits))
        return is_led

    def without(self, value: U64, digits: I64) -> tuple[U64, I64]:
        """Value and number of digits behind this prefix; only meaningful where ``leads`` holds."""
        return value - self.low.take(digits), digits - self.size


class _ValidReadings:
    """Collects valid readings: the first number of each value, and whether a different one followed."""

    def __init__(self, n: int) -> None:
        self.number = np.zeros(n, np.uint64)
        self.is_several = np.zeros(n, np.bool_)

    def add(self, at: I64, values: U64, is_valid: Bools) -> None:
        """Add one reading of the value at each of these places; shape (m,) each."""
        if not is_valid.all():
            at, values = at[is_valid], values[is_valid]
        known = self.number[at]
        self.is_several[at] |= (known != 0) & (known != values)
        self.number[at] = np.where(known == 0, values, known)


def read_digits(column: pa.BinaryArray, raw: Scanned, habits: Habits) -> Readings:
    """The reading of each value.

    A value must have at least one digit, and besides only separators and a plus in front.
    """
    n = len(raw.digits)
    home, valid = habits.home, _ValidReadings(n)
    size = np.minimum(raw.digits, MAX_RAW_DIGITS)
    fits = raw.digits <= MAX_RAW_DIGITS
    is_bare = ~raw.has_plus
    is_short = is_bare & _are_short(raw.value, size, home) & fits
    plus = np.flatnonzero(raw.has_plus & fits)
    if len(plus):
        _international(valid, plus, _pick(raw.value, plus), _pick(size, plus), column)
    bare = np.flatnonzero(is_bare & fits & ~is_short)
    short, short_digits = raw.value, size
    if len(bare):
        value, digits = _pick(raw.value, bare), _pick(size, bare)
        _read_bare(valid, bare, value, digits, column, habits)
        for prefix in habits.outside:
            behind = _Prefix.of(prefix)
            led = np.flatnonzero(behind.leads(value, digits))
            rest, rest_digits = behind.without(value[led], digits[led])
            # Digits behind the prefix may be of any form. They have no brackets to look at, so no column is passed.
            _read_bare(valid, bare[led], rest, rest_digits, None, habits)
            is_code = _are_short(rest, rest_digits, home) & (valid.number[bare[led]] == 0)
            codes = bare[led[is_code]]
            if len(codes):
                short, short_digits = short.copy(), short_digits.copy()
                short[codes], short_digits[codes], is_short[codes] = rest[is_code], rest_digits[is_code], True
    number = np.where(valid.is_several | is_short, np.uint64(0), valid.number)
    return Readings(
        number=number, is_several=valid.is_several, is_short=is_short, short=short, short_digits=short_digits
    )


def _pick(values: npt.NDArray[Scalar], at: I64) -> npt.NDArray[Scalar]:
    return values if len(at) == len(values) else values[at]


def _are_short(value: U64, digits: I64, home: HomePlan) -> Bools:
    is_short: Bools = (digits >= 3) & (digits <= home.short_digits)
    # Short codes never begin with a trunk prefix of 0, but they may begin with any other trunk prefix.
    return is_short & ~_Prefix.of(home.trunk).leads(value, digits) if home.trunk == "0" else is_short


def _international(
    valid: _ValidReadings, at: I64, value: U64, digits: I64, column: pa.BinaryArray | None, *, own: int = 0
) -> None:
    """Add the number as written, and the number without its trunk digit where one may be there.

    A trunk digit may be there if the number as written cannot exist, or has something in brackets. ``own``: a calling
    code; if it is given, only its numbers are also read without the trunk digit.
    """
    is_valid = are_valid(value, digits)
    valid.add(at, value, is_valid)
    is_bracketed = np.zeros(len(at), np.bool_)
    if column is not None and not is_valid.all():
        text = column.take(pa.array(at)).cast(pa.string())
        is_bracketed = pc.match_substring_regex(text, _BRACKETED).to_numpy(zero_copy_only=False)
    is_odd = ~is_valid | is_bracketed
    if own:
        is_odd &= _Prefix.of(str(own)).leads(value, digits)
    odd = np.flatnonzero(is_odd)
    if len(odd):
        rest, rest_digits = without_trunk(value[odd], digits[odd])
        valid.add(at[odd], rest, are_valid(rest, rest_digits))


def _read_bare(
    valid: _ValidReadings, at: I64, value: U64, digits: I64, column: pa.BinaryArray | None, habits: Habits
) -> None:
    """Add all readings of digits without a plus.

    ``column``: None for digits behind the prefix of an outside line.
    """
    home = habits.home
    is_open = np.ones(len(at), np.bool_)
    # People write 00 everywhere. A country's own prefix may begin with 00, so it is tried first.
    for text in dict.fromkeys((home.idd, "00")):
        idd = _Prefix.of(text)
        is_led = idd.leads(value, digits) & is_open
        is_open &= ~is_led
        led = np.flatnonzero(is_led)
        if len(led):
            rest, rest_digits = idd.without(value[led], digits[led])
            _international(valid, at[led], rest, rest_digits, column)
    trunk = _Prefix.of(home.trunk)
    has_trunk = trunk.leads(value, digits)
    is_national = np.ones(len(at), np.bool_)
    if habits.style == "international":
        is_national[:] = False
    elif habits.style == "e164-no-plus":
        # No calling code begins with 0, so only a trunk prefix of 0 marks a national number beyond doubt.
        is_national = has_trunk if home.trunk == "0" else np.zeros(len(at), np.bool_)
    if is_national.any():
        if home.is_plain:
            _read_national(valid, at, value, digits, has_trunk=has_trunk, is_national=is_national, home=home)
        else:
            _ask(valid, at[is_national], value[is_national], digits[is_national], home)
    if habits.style in ("any", "e164-no-plus"):
        coded = np.flatnonzero(value >= POWERS_OF_TEN[np.maximum(digits - 1, 0)])
        if len(coded):
            # Nobody writes a foreign number without a mark and yet with its trunk digit, so only home numbers lose it.
            _international(valid, at[coded], value[coded], digits[coded], column, own=home.calling_code)
    pattern = other_idd(home.country)
    if pattern and home.is_plain:
        led = np.flatnonzero(_matches(value, digits, pattern))
        _ask(valid, at[led], value[led], digits[led], home)


def _matches(value: U64, digits: I64, pattern: str) -> Bools:
    """Which values begin with a pattern."""
    text = pc.utf8_slice_codeunits(
        pa.array(value + POWERS_OF_TEN[np.minimum(digits, MAX_RAW_DIGITS)]).cast(pa.string()), 1
    )
    matches: Bools = pc.match_substring_regex(text, f"^(?:{pattern})").to_numpy(zero_copy_only=False)
    return matches


def _read_national(
    valid: _ValidReadings, at: I64, value: U64, digits: I64, *, has_trunk: Bools, is_national: Bools, home: HomePlan
) -> None:
    """Add the national readings: the digits without the trunk prefix, and the digits as they are.

    Both can exist, because some countries have national numbers that begin with the digits of the prefix.
    """
    trunk, may_be_zero = _Prefix.of(home.trunk), has_national_zero(home.calling_code)
    for is_led in (True, False):
        some = np.flatnonzero(is_national & has_trunk if is_led else is_national)
        rest, rest_digits = _pick(value, some), _pick(digits, some)
        if is_led:
            rest, rest_digits = trunk.without(rest, rest_digits)
        if not may_be_zero:  # most home numbers end here, since their trunk prefix is 0
            led = np.flatnonzero(rest >= POWERS_OF_TEN[np.maximum(rest_digits - 1, 0)])
            some, rest, rest_digits = some[led], rest[led], rest_digits[led]
        if not len(some):
            continue
        fits = rest_digits <= MAX_DIGITS
        powers = POWERS_OF_TEN[np.where(fits, rest_digits, 0)]
        whole = rest + np.uint64(home.calling_code) * powers
        size = rest_digits + len(str(home.calling_code))
        valid.add(at[some], whole, fits & are_valid(whole, size))


def _ask(valid: _ValidReadings, at: I64, value: U64, digits: I64, home: HomePlan) -> None:
    """Add the library's reading of each distinct value, which is slow.

    Only the library knows carrier codes, countries with several international prefixes, and rewritten numbers.
    """
    if not len(at):
        return
    keys, inverse = np.unique(np.stack((value, digits.astype(np.uint64)), axis=1), axis=0, return_inverse=True)
    answers = np.array([_ask_one(str(v).zfill(int(d)), home.country) for v, d in keys.tolist()], np.uint64)
    numbers = answers[inverse.reshape(-1)]
    valid.add(at, numbers, numbers > 0)


@lru_cache(maxsize=_ASKED)
def _ask_one(digits: str, country: str) -> int:
    """The E.164 number, or 0 if the library finds none that can exist."""
    import phonenumbers  # noqa: PLC0415 - tables answer most questions

    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return 0
    if not phonenumbers.is_valid_number(number):
        return 0
    whole = f"{number.country_code}{phonenumbers.national_significant_number(number)}"
    return int(whole) if len(whole) <= MAX_DIGITS else 0


@cache
def other_idd(country: str) -> str:
    """The pattern of a country's international prefixes if it has several; else empty.

    A single prefix is in the table already.
    """
    import phonenumbers  # noqa: PLC0415 - likewise

    meta = phonenumbers.PhoneMetadata.metadata_for_region(country, None)
    pattern = (meta.international_prefix or "") if meta is not None else ""
    return "" if pattern.isdigit() else pattern
