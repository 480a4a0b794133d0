"""Ranges of telephone numbers that a country uses, and how an operator's systems write a number.

A *block* is a run of numbers with the same first digits, or a name that stands for itself (a short code, a sender). A
number consists of a block and a tail of three or six digits. Source: metadata and example numbers of the library
phonenumbers (libphonenumber).
"""

from dataclasses import dataclass
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberType, timezone

from coffer.errors import MalformedInput

TAIL_DIGITS: Final = (6, 3)
"""Digits of a tail. A block holds a million numbers, or a thousand in a country whose numbers are shorter."""
VARIED_DIGITS: Final = 2
"""Digits before the tail that differ between a country's blocks.

Two digits allow 100 blocks of mobile and 100 of fixed numbers.
"""
PROBES: Final = 12
"""Numbers of a block that the library must call valid.

A block with a gap may pass. This is harmless, because its numbers are still possible.
"""
_PROBE_STEP: Final = 618_033
"""Spreads the probes over a block (golden ratio of a million, prime to 10)."""

SHORTEST_CODE: Final = 3
"""Digits. The feed reader takes no shorter value for a short code."""

STYLES: Final = 3
"""Ways to write a number: 0 ``+33...``, 1 national ``0...``, 2 ``0033...``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Numbers with the same beginning.

    ``heads``: the beginning in each style. ``subject``: the beginning as ``docs/formats/identity.md`` writes it
    (``tel:+3361``); empty for a withheld number. ``tail_digits``: 6, 3, or 0 for a name without a tail.
    """

    heads: tuple[str, str, str]
    subject: str
    tail_digits: int

    @property
    def size(self) -> int:
        """How many numbers the block holds."""
        return int(10**self.tail_digits)

    def subject_with(self, tail: int) -> str:
        """The identity of one number of the block."""
        return f"{self.subject}{tail:0{self.tail_digits}d}" if self.tail_digits else self.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRanges:
    """The blocks of a country, which are disjoint.

    All blocks of ``mobile`` have the same ``tail_digits``, and so have all of ``fixed``.
    """

    mobile: tuple[Block, ...]
    fixed: tuple[Block, ...]


WITHHELD: Final = Block(heads=("", "", ""), subject="", tail_digits=0)
"""The caller's number was not passed on, so the column is empty."""


def short_code(country: str, digits: str) -> Block:
    """A short code of ``country`` as it is dialled.

    If four digits may be somebody's number there, only its last three are used.
    """
    digits = digits[-SHORTEST_CODE:] if _has_tiny_numbers(country) else digits
    return Block(heads=(digits, digits, digits), subject=f"short:{country}/{digits}", tail_digits=0)


def sender(name: str) -> Block:
    """An alphanumeric sender of texts."""
    return Block(heads=(name, name, name), subject=f"sender:{name}", tail_digits=0)


def number_ranges(country: str, *, home: str, most: int = 10**VARIED_DIGITS) -> NumberRanges:
    """At most ``most`` mobile and as many fixed blocks of ``country``, as systems in ``home`` write them.

    Raises:
        MalformedInput: the library knows no mobile numbers of that country.
    """
    mobile = _heads(country, PhoneNumberType.MOBILE, most)
    if mobile is None:
        raise MalformedInput(f"simulation: no numbering plan for {country!r}", hint="use an ISO 3166 code, like FR")
    fixed = _heads(country, PhoneNumberType.FIXED_LINE, most) or mobile
    taken = tuple(mobile.heads)
    free = tuple(
        head for head in fixed.heads if not head.startswith(taken) and not any(m.startswith(head) for m in taken)
    )
    if not free and len(taken) > 1:
        # North America does not tell mobile and fixed numbers apart, so every third block is called fixed.
        fixed, free = mobile, taken[2::3] or taken[1:]
        taken = tuple(head for head in taken if head not in free)
    return NumberRanges(
        mobile=tuple(_block(country, home, head, mobile.tail_digits) for head in taken),
        fixed=tuple(_block(country, home, head, fixed.tail_digits) for head in free),
    )


def time_zone_name(country: str) -> str:
    """The IANA time zone of the country's example fixed line; UTC if the library knows none.

    GAP: a country with several zones keeps the time of one of them. Only its real daily curve would be wider.
    """
    example = phonenumbers.example_number_for_type(country, PhoneNumberType.FIXED_LINE)
    name = timezone.UNKNOWN_TIMEZONE if example is None else str(timezone.time_zones_for_number(example)[0])
    return "UTC" if name == timezone.UNKNOWN_TIMEZONE else name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heads:
    heads: tuple[str, ...]
    tail_digits: int


def _heads(country: str, kind: int, most: int) -> _Heads | None:
    """The national digits before the tail of usable blocks, ascending.

    A block is usable if all its probes are valid numbers of that kind.
    """
    example = phonenumbers.example_number_for_type(country, kind)
    if example is None:
        return None
    digits = phonenumbers.national_significant_number(example)
    for tail_digits in TAIL_DIGITS:
        head = digits[:-tail_digits]
        varied = min(VARIED_DIGITS, len(head))
        heads: list[str] = []
        for value in range(10**varied if varied else 0):
            candidate = f"{head[: len(head) - varied]}{value:0{varied}d}"
            if len(heads) < most and _is_in_use(country, kind, candidate, tail_digits):
                heads.append(candidate)
        if heads:
            return _Heads(heads=tuple(heads), tail_digits=tail_digits)
    return None


def _probes(head: str, tail_digits: int) -> list[str]:
    return [f"{head}{probe * _PROBE_STEP % 10**tail_digits:0{tail_digits}d}" for probe in range(1, PROBES + 1)]


def _is_in_use(country: str, kind: int, head: str, tail_digits: int) -> bool:
    calling_code = phonenumbers.country_code_for_region(country)
    for digits in _probes(head, tail_digits):
        number = _read(f"+{calling_code}{digits}", None)
        if number is None or phonenumbers.national_significant_number(number) != digits:
            return False
        if not phonenumbers.is_valid_number_for_region(number, country):
            return False
        if phonenumbers.number_type(number) not in {kind, PhoneNumberType.FIXED_LINE_OR_MOBILE}:
            return False
    return True


def _block(country: str, home: str, head: str, tail_digits: int) -> Block:
    """The block with its spellings.

    A spelling that the library reads as another number is replaced by the form with a plus.
    """
    plus = f"+{phonenumbers.country_code_for_region(country)}{head}"
    probes = _probes("", tail_digits)

    def usable(written: str | None) -> str:
        if written is not None and all(_read(written + probe, home) == _read(plus + probe, None) for probe in probes):
            return written
        return plus

    trunk = phonenumbers.ndd_prefix_for_region(country, True) or ""  # noqa: FBT003 - the library's own: digits only
    # In a plan of many lengths without a trunk prefix, bare digits could also be a short code or a number abroad.
    national = f"{trunk}{head}" if country == home and not _has_tiny_numbers(country) else None
    prefix = _international_prefix(home)
    international = f"{prefix}{plus[1:]}" if prefix else None
    return Block(heads=(plus, usable(national), usable(international)), subject=f"tel:{plus}", tail_digits=tail_digits)


def _has_tiny_numbers(country: str) -> bool:
    """Whether numbers of four digits without a trunk prefix exist, as in Luxembourg."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country)
    if metadata is None or metadata.general_desc is None or metadata.national_prefix is not None:
        return False
    return min(metadata.general_desc.possible_length) <= SHORTEST_CODE + 1


def _international_prefix(home: str) -> str | None:
    """The digits dialled before a calling code; None if there are several, as with a choice of carriers."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(home)
    prefix = metadata.international_prefix if metadata is not None else None
    return str(prefix) if prefix and prefix.isdigit() else None


def _read(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None  # nothing is lost, because the caller takes another block or spelling
