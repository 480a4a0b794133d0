"""Which authorities somebody knows, and which of them were verified by a call back. Pure.

The desk keeps such a list, and each custodian one of its own: a custodian decides by its own list alone. Implements
``docs/formats/authorities.md``.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from coffer.authority.authorization import Named, Terms
from coffer.authority.hold import HoldTerms
from coffer.authority.ordered import Issuer, Urgency
from coffer.errors import MalformedInput
from coffer.identity.identifier import Identifier, IdentityType, parse_subject
from coffer.identity.numbering import is_country
from coffer.letters import composed, is_allowed
from coffer.toml import Table, parse_toml

FORMAT: Final = "coffer.authorities/v1"
FILE: Final = "authorities.toml"
"""The desk's list, in the folder of its vault."""
MAX_AUTHORITIES: Final = 10_000
"""Every court, prosecutor and police station of a large country."""
MAX_LIST_BYTES: Final = 8 * 2**20
"""800 bytes for each of them."""
_MAX_TEXT: Final = 500
"""Characters, as in an authorization."""
_ISSUERS: Final = tuple(issuer.value for issuer in Issuer if issuer is not Issuer.PERSON)
_CALLABLE: Final = (IdentityType.E164, IdentityType.SHORT)
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")


class Standing(StrEnum):
    """What a list says of an authority."""

    VERIFIED = "verified"
    UNVERIFIED = "not verified"
    UNKNOWN = "unknown"
    NO_LIST = "no list"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Authority:
    """One authority. ``name``: as the ``authority:`` line of a request has it.

    ``channel``: how its orders come. ``call_back``: the number to call, taken from elsewhere than an order.
    ``verified_by``, ``verified_on``: who called it back and when; both are empty if nobody has. ``fingerprint``:
    SHA-256 of its key or certificate in hexadecimal; empty if it has none.
    """

    name: str
    kind: Issuer
    country: str
    channel: str
    call_back: Identifier
    verified_by: str
    verified_on: dt.date | None
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Authorities:
    """A list, by name."""

    by_name: Mapping[str, Authority]

    def named(self, name: str) -> Authority | None:
        """The authority of exactly this name."""
        return self.by_name.get(name)

    def __len__(self) -> int:
        return len(self.by_name)

    def __iter__(self) -> Iterator[Authority]:
        return iter(self.by_name.values())


def standing_of(name: str, known: Authorities | None) -> Standing:
    """What a list says of the authority of this name. ``known``: None where there is no list."""
    if known is None:
        return Standing.NO_LIST
    authority = known.named(name)
    if authority is None:
        return Standing.UNKNOWN
    return Standing.UNVERIFIED if authority.verified_on is None else Standing.VERIFIED


def other_kind(terms: Terms | HoldTerms, known: Authorities | None) -> Issuer | None:
    """What the list says the authority is, where the request says otherwise; None where they agree."""
    authority = known.named(terms.authority) if known is not None else None
    is_other = authority is not None and not terms.ordered.is_access and authority.kind is not terms.ordered.issuer
    return authority.kind if authority is not None and is_other else None


def is_urgent(terms: Named) -> bool:
    """Whether the order says that it is an emergency."""
    return terms.ordered.urgency is Urgency.EMERGENCY


def needs_every_signature(terms: Terms, known: Authorities | None) -> bool:
    """Whether a custodian with this list answers only if every custodian of the rule has signed.

    An emergency leaves no time to look closely, so it is what a forger writes. Without a list nobody is verified.
    """
    return is_urgent(terms) and standing_of(terms.authority, known) is not Standing.VERIFIED


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Said:
    """What a list says of the authority of a request.

    ``authority``: None where it is not on the list. ``other``: its kind, where the request says another.
    ``needs_everybody``: as ``needs_every_signature``; an order to keep never does.
    """

    standing: Standing
    authority: Authority | None
    other: Issuer | None
    needs_everybody: bool


def said_of(terms: Terms | HoldTerms, known: Authorities | None) -> Said:
    """All that whoever reads a request is told about its authority."""
    return Said(
        standing=standing_of(terms.authority, known),
        authority=None if known is None else known.named(terms.authority),
        other=other_kind(terms, known),
        needs_everybody=isinstance(terms, Terms) and needs_every_signature(terms, known),
    )


def latest_verified(known: Authorities) -> dt.date | None:
    """The newest day on which one was verified; a list that is taken has none after today."""
    return max((authority.verified_on for authority in known if authority.verified_on), default=None)


def parse_authorities(raw: bytes, place: str) -> Authorities:
    """The list.

    Raises:
        MalformedInput: where it is none, and what was expected.
    """
    if len(raw) > MAX_LIST_BYTES:
        raise MalformedInput(f"{place}: {len(raw):,} bytes, expected at most {MAX_LIST_BYTES:,}")
    table = parse_toml(raw, place)
    table.literal("format", FORMAT)
    items = table.get("authority", list, [])
    table.end()
    if len(items) > MAX_AUTHORITIES:
        raise MalformedInput(f"{place}: {len(items):,} authorities, expected at most {MAX_AUTHORITIES:,}")
    by_name: dict[str, Authority] = {}
    for number, item in enumerate(items, 1):
        where = f"{place}: authority {number}"
        if not isinstance(item, dict):
            raise MalformedInput(f"{where}: found no table, expected [[authority]]")
        authority = _authority(Table(item, where))
        if authority.name in by_name:
            raise MalformedInput(f"{where}: name: it stands in the list already")
        by_name[authority.name] = authority
    return Authorities(by_name=by_name)


def _authority(table: Table) -> Authority:
    authority = Authority(
        name=_text(table, "name"),
        kind=Issuer(table.choice("kind", _ISSUERS, "")),
        country=_country(table),
        channel=_text(table, "channel"),
        call_back=_call_back(table),
        verified_by=_text(table, "verified_by") if "verified_by" in table.values else "",
        verified_on=_day(table, "verified_on"),
        fingerprint=_fingerprint(table),
    )
    table.end()
    if bool(authority.verified_by) != (authority.verified_on is not None):
        raise MalformedInput(
            f"{table.place}: found one of verified_by and verified_on, expected both or neither",
            hint="leave both out until somebody has called it back",
        )
    return authority


def _text(table: Table, key: str) -> str:
    """People's own text, in the one spelling that requests have it in."""
    text = composed(table.text(key))
    if not 1 <= len(text) <= _MAX_TEXT or text.strip() != text or not is_allowed(text):
        raise MalformedInput(
            f"{table.place}: {key}: expected 1 to {_MAX_TEXT} characters without outer spaces, as names have them"
        )
    return text


def _country(table: Table) -> str:
    country = table.text("country")
    if not is_country(country):
        raise MalformedInput(f"{table.place}: country: expected two capital letters (ISO 3166)")
    return country


def _call_back(table: Table) -> Identifier:
    number = parse_subject(table.text("call_back"), f"{table.place}: call_back")
    if number.type not in _CALLABLE:
        raise MalformedInput(f"{table.place}: call_back: expected a number, like tel:+33123456789 or short:FR/3919")
    return number


def _day(table: Table, key: str) -> dt.date | None:
    if key not in table.values:
        return None
    day = table.take(key)
    if not isinstance(day, dt.date) or isinstance(day, dt.datetime):
        raise MalformedInput(f"{table.place}: {key}: expected a day without quotes, like 2016-09-01")
    return day


def _fingerprint(table: Table) -> str:
    if "fingerprint" not in table.values:
        return ""
    fingerprint = table.text("fingerprint")
    if not _FINGERPRINT.fullmatch(fingerprint):
        raise MalformedInput(f"{table.place}: fingerprint: expected a SHA-256 in 64 lower-case hexadecimal digits")
    return fingerprint
