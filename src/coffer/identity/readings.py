"""What the digits of a column can mean, and which of it is taken: a number if exactly one reading can exist, else the digits as dialled.

The readings of a value: as international where it is marked so (a plus, 00, or the home country's international prefix); as a national number with
and without the trunk prefix; as international without a mark; without the trunk digit behind a calling code, as in +49 (0)30; and behind an outside
line's prefix, if the feed says so. A reading counts if its number can exist (``validity``). Source: ``docs/formats/identity.md``.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc

from coffer.identity.arrays import POWERS_OF_TEN, U64
from coffer.identity.numbering import MAX_DIGITS, HomePlan
from coffer.identity.scanning import I64, MAX_RAW_DIGITS, Bools, Scanned
from coffer.identity.validity import are_valid, has_national_zero, without_trunk

Scalar = TypeVar("Scalar", bound=np.generic)

STYLES: Final = ("any", "national", "international", "e164-no-plus")
"""How a source writes its numbers: ``any`` if it is not known; ``international`` if every number of the world has a plus or 00."""
MAX_OUTSIDE_DIGITS: Final = 3
_ASKED: Final = 65_536
"""Answers of the library that are kept, about 10 MB: a value that comes again later is not worked out again."""
_BRACKETED: Final = r"\([0-9]{1,2}\)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a source writes numbers. ``home``: completes national ones. ``style``: of ``STYLES``. ``outside``: prefixes for an outside line."""

    home: HomePlan
    style: str = "any"
    outside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Readings:
    """What values are; shape (n,) each.

    ``number``: u64, the E.164 number where exactly one reading can exist, else 0. ``is_several``: more than one can.
    ``is_short``: a short code; ``short`` and ``short_digits``: its value and how many digits it has.
    """

    number: U64
    is_several: Bools
    is_short: Bools
    short: U64
    short_digits: I64


@dataclass(frozen=True, slots=True)
class _Prefix:
    """Digits that a number may begin with.

    ``low`` and ``high`` (exclusive), u64 of shape (MAX_RAW_DIGITS + 1,): between them lies the value of each number of so many digits that
    begins with them and goes on. A division for each number would take ten times as long.
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
        """Whether the digits begin with this and more follow; at most MAX_RAW_DIGITS."""
        is_led: Bools = (value >= self.low.take(digits)) & (value < self.high.take(digits))
        return is_led

    def without(self, value: U64, digits: I64) -> tuple[U64, I64]:
        """Value and digits of the rest, where ``leads`` holds."""
        return value - self.low.take(digits), digits - self.size


class _Found:
    """Valid readings as they come: the first number of each value, and whether another came."""

    def __init__(self, n: int) -> None:
        self.number = np.zeros(n, np.uint64)
        self.is_several = np.zeros(n, np.bool_)

    def add(self, at: I64, values: U64, is_valid: Bools) -> None:
        """Readings of the values at these places; shape (m,) each."""
        if not is_valid.all():
            at, values = at[is_valid], values[is_valid]
        known = self.number[at]
        self.is_several[at] |= (known != 0) & (known != values)
        self.number[at] = np.where(known == 0, values, known)


def read_digits(column: pa.BinaryArray, raw: Scanned, habits: Habits) -> Readings:
    """Decide for each value, of which there is at least one digit and nothing that is no digit or separator."""
    n = len(raw.digits)
    home, found = habits.home, _Found(n)
    size = np.minimum(raw.digits, MAX_RAW_DIGITS)
    fits = raw.digits <= MAX_RAW_DIGITS
    is_bare = ~raw.has_plus
    is_short = is_bare & _are_short(raw.value, size, home) & fits
    plus = np.flatnonzero(raw.has_plus & fits)
    if len(plus):
        _international(found, plus, _pick(raw.value, plus), _pick(size, plus), column)
    bare = np.flatnonzero(is_bare & fits & ~is_short)
    short, short_digits = raw.value, size
    if len(bare):
        value, digits = _pick(raw.value, bare), _pick(size, bare)
        _read_bare(found, bare, value, digits, column, habits)
        for prefix in habits.outside:
            behind = _Prefix.of(prefix)
            led = np.flatnonzero(behind.leads(value, digits))
            rest, rest_digits = behind.without(value[led], digits[led])
            # What is behind the prefix was dialled as anybody dials: only its own marks say what it is.
            _read_bare(found, bare[led], rest, rest_digits, None, habits)
            is_code = _are_short(rest, rest_digits, home) & (found.number[bare[led]] == 0)
            codes = bare[led[is_code]]
            if len(codes):
                short, short_digits = short.copy(), short_digits.copy()
                short[codes], short_digits[codes], is_short[codes] = rest[is_code], rest_digits[is_code], True
    number = np.where(found.is_several | is_short, np.uint64(0), found.number)
    return Readings(
        number=number, is_several=found.is_several, is_short=is_short, short=short, short_digits=short_digits
    )


def _pick(values: npt.NDArray[Scalar], at: I64) -> npt.NDArray[Scalar]:
    return values if len(at) == len(values) else values[at]


def _are_short(value: U64, digits: I64, home: HomePlan) -> Bools:
    is_short: Bools = (digits >= 3) & (digits <= home.short_digits)
    # A trunk prefix other than 0 begins short codes too.
    return is_short & ~_Prefix.of(home.trunk).leads(value, digits) if home.trunk == "0" else is_short


def _international(
    found: _Found, at: I64, value: U64, digits: I64, column: pa.BinaryArray | None, *, own: int = 0
) -> None:
    """As written; and without the trunk digit, where the number as written cannot exist or has something in brackets.

    ``own``: a calling code, if only its numbers are looked at without the trunk digit.
    """
    is_valid = are_valid(value, digits)
    found.add(at, value, is_valid)
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
        found.add(at[odd], rest, are_valid(rest, rest_digits))


def _read_bare(found: _Found, at: I64, value: U64, digits: I64, column: pa.BinaryArray | None, habits: Habits) -> None:
    """All readings of digits without a plus; ``column`` is None for digits that stood behind a prefix."""
    home = habits.home
    is_open = np.ones(len(at), np.bool_)
    for text in dict.fromkeys(
        (home.idd, "00")
    ):  # 00 as people write it, but not where it begins the country's own prefix
        idd = _Prefix.of(text)
        is_led = idd.leads(value, digits) & is_open
        is_open &= ~is_led
        led = np.flatnonzero(is_led)
        if len(led):
            rest, rest_digits = idd.without(value[led], digits[led])
            _international(found, at[led], rest, rest_digits, column)
    trunk = _Prefix.of(home.trunk)
    has_trunk = trunk.leads(value, digits)
    is_national = np.ones(len(at), np.bool_)
    if habits.style == "international":
        is_national[:] = False
    elif habits.style == "e164-no-plus":
        # No calling code begins with 0: only there a trunk prefix cannot be taken for one.
        is_national = has_trunk if home.trunk == "0" else np.zeros(len(at), np.bool_)
    if is_national.any():
        if home.is_plain:
            _read_national(found, at, value, digits, has_trunk=has_trunk, is_national=is_national, home=home)
        else:
            _ask(found, at[is_national], value[is_national], digits[is_national], home)
    if habits.style in ("any", "e164-no-plus"):
        coded = np.flatnonzero(value >= POWERS_OF_TEN[np.maximum(digits - 1, 0)])
        if len(coded):
            # Unmarked, and with a trunk digit on top, is too far from anything that was written: but for the home country's own.
            _international(found, at[coded], value[coded], digits[coded], column, own=home.calling_code)
    pattern = _other_idd(home.country)
    if pattern and home.is_plain:
        led = np.flatnonzero(_matches(value, digits, pattern))
        _ask(found, at[led], value[led], digits[led], home)


def _matches(value: U64, digits: I64, pattern: str) -> Bools:
    """Which digits begin with a pattern."""
    text = pc.utf8_slice_codeunits(
        pa.array(value + POWERS_OF_TEN[np.minimum(digits, MAX_RAW_DIGITS)]).cast(pa.string()), 1
    )
    found: Bools = pc.match_substring_regex(text, f"^(?:{pattern})").to_numpy(zero_copy_only=False)
    return found


def _read_national(
    found: _Found, at: I64, value: U64, digits: I64, *, has_trunk: Bools, is_national: Bools, home: HomePlan
) -> None:
    """With the trunk prefix taken off, and as it stands: some countries' own numbers begin with the digit of the prefix."""
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
        found.add(at[some], whole, fits & are_valid(whole, size))


def _ask(found: _Found, at: I64, value: U64, digits: I64, home: HomePlan) -> None:
    """The slow path, once per distinct value: carrier codes, several international prefixes and rewritten numbers are the library's matter."""
    if not len(at):
        return
    keys, inverse = np.unique(np.stack((value, digits.astype(np.uint64)), axis=1), axis=0, return_inverse=True)
    answers = np.array([_ask_one(str(v).zfill(int(d)), home.country) for v, d in keys.tolist()], np.uint64)
    numbers = answers[inverse.reshape(-1)]
    found.add(at, numbers, numbers > 0)


@lru_cache(maxsize=_ASKED)
def _ask_one(digits: str, country: str) -> int:
    """The E.164 number, or 0 if the library finds none that can exist."""
    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return 0
    if not phonenumbers.is_valid_number(number):
        return 0
    whole = f"{number.country_code}{phonenumbers.national_significant_number(number)}"
    return int(whole) if len(whole) <= MAX_DIGITS else 0


@cache
def _other_idd(country: str) -> str:
    """The pattern of a country's international prefixes, where it has several; else empty, since the table knows the one."""
    meta = phonenumbers.PhoneMetadata.metadata_for_region(country, None)
    pattern = (meta.international_prefix or "") if meta is not None else ""
    return "" if pattern.isdigit() else pattern
