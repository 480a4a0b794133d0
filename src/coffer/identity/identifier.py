"""One identity: its subject line, parsed and written, its sid and its country.

Source: ``docs/formats/identity.md``.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import Final

import idna

from coffer import wire
from coffer.errors import MalformedInput
from coffer.identity.mobile import HANDSET_DIGITS, country_of_imsi, names_subscription, whole_imei
from coffer.identity.numbering import MAX_DIGITS, VERSION, is_country, place_of
from coffer.visible import is_visible

BODY_BYTES: Final = 15
CANARY_SID: Final = b"\xf0" + bytes(BODY_BYTES)
MAX_DIALLED: Final = 32
"""Digits of a dialled identity.

A longer value is no mistyped number: it is a card number with its PIN, or two values in one column.
"""
MAX_ADDRESS_BYTES: Final = 254
"""RFC 5321 section 4.5.3.1.3, less the angle brackets."""
_FEED_TEXT: Final = re.compile(r"([a-z0-9][a-z0-9-]{0,15})/(.+)")
_SENDER: Final = re.compile(r"(?=.*[A-Za-z])[\x21-\x7e](?:[\x20-\x7e]{0,13}[\x21-\x7e])?")
_OPAQUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,61}[\x21-\x7e])?")
_DIGITS: Final = re.compile(r"[0-9]+")
_SMALL: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
SUBJECT_SCHEME: Final = re.compile(r"(tel|mailto|short|sender|opaque|dialled|imsi|imei):")
"""How a subject line begins; what begins otherwise was typed as people write it (``typed``)."""
_SCHEMED: Final = re.compile(r"(?:smtp|mailto|sips?|rfc822|x400|x500)[:;]", re.IGNORECASE)
"""What proxy addresses and URIs begin with; no mailbox of anybody has such a name."""
_LOCAL: Final = re.compile(r"[^\s@]{1,64}")
_PLAIN_LOCAL: Final = re.compile(r"[^\x00-\x20\"(),:;<>@\[\\\]\x7f]+")
_QUOTED_LOCAL: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')


class IdentityType(IntEnum):
    """The first byte of a sid."""

    NONE = 0
    E164 = 1
    EMAIL = 2
    SHORT = 3
    SENDER = 4
    OPAQUE = 5
    DIALLED = 6
    IMSI = 7
    IMEI = 8


NUMERIC: Final = frozenset({IdentityType.E164, IdentityType.IMSI, IdentityType.IMEI})
"""Types whose sid holds a number: no hash, so that columns of them are sids at once."""
_HASH_TAGS: Final = {
    IdentityType.EMAIL: wire.tag("email"),
    IdentityType.SHORT: wire.tag("short"),
    IdentityType.SENDER: wire.tag("alnum"),
    IdentityType.OPAQUE: wire.tag("opaque"),
    IdentityType.DIALLED: wire.tag("dialled"),
}


@dataclass(frozen=True, kw_only=True)
class Identifier:
    """An identity in canonical form.

    ``scope``: the country of a short code or of dialled digits, the feed of an opaque identity, else empty.
    ``repr`` shows the type only, so that identifiers stay out of logs and messages.
    """

    type: IdentityType
    value: str
    scope: str = ""

    def __repr__(self) -> str:
        return f"<identifier {self.type.name}>"

    def format(self) -> str:
        """The identity as a subject line writes it."""
        match self.type:
            case IdentityType.E164:
                return f"tel:+{self.value}"
            case IdentityType.EMAIL:
                return f"mailto:{self.value}"
            case IdentityType.SHORT:
                return f"short:{self.scope}/{self.value}"
            case IdentityType.SENDER:
                return f"sender:{self.value}"
            case IdentityType.OPAQUE:
                return f"opaque:{self.scope}/{self.value}"
            case IdentityType.DIALLED:
                return f"dialled:{self.scope}/{self.value}"
            case IdentityType.IMSI:
                return f"imsi:{self.value}"
            case IdentityType.IMEI:
                return f"imei:{self.value}"
            case _:
                raise AssertionError("no identity to write")

    @cached_property
    def sid(self) -> bytes:
        """16 bytes: type || body."""
        if self.type in NUMERIC:
            digits = self.value[:HANDSET_DIGITS] if self.type is IdentityType.IMEI else self.value
            return bytes([self.type]) + bytes(7) + int(digits).to_bytes(8, "big")
        return hashed_sid(self.type, self.value, self.scope)

    def country(self, numbering: str = VERSION) -> str | None:
        """The ISO alpha-2 country of its numbering plan; None if it has none.

        ``numbering``: the version of the tables, as a roster names it.

        Raises:
            Unavailable: the tables of that version are not here.
        """
        if self.type is IdentityType.E164:
            return place_of(self.value, numbering).country
        if self.type is IdentityType.IMSI:
            return country_of_imsi(self.value, numbering)
        return self.scope if self.type in (IdentityType.SHORT, IdentityType.DIALLED) else None


def hashed_sid(kind: IdentityType, value: str, scope: str) -> bytes:
    """The sid of an identity whose body is a hash."""
    text = value.upper() if kind is IdentityType.SENDER else value
    prefix = scope.encode("ascii") + b"\x00" if scope else b""
    body = hashlib.sha256(_HASH_TAGS[kind] + prefix + text.encode("utf-8")).digest()[:BODY_BYTES]
    return bytes([kind]) + body


def pack_short_code(country: str, digits: str) -> int:
    """A short code in 50 bits: 10 for the country, 40 for the digits (``docs/formats/segment.md``).

    A 1 stands before the digits, so that leading zeros are kept.
    """
    return ((ord(country[0]) - 65) * 26 + ord(country[1]) - 65) << 40 | int("1" + digits)


def unpack_short_code(packed: int) -> tuple[str, str]:
    """The inverse of ``pack_short_code``: country and digits.

    Raises:
        MalformedInput: ``pack_short_code`` never gives this number.
    """
    country, marked = packed >> 40, str(packed & (1 << 40) - 1)
    if country >= 26 * 26 or marked[0] != "1" or not 4 <= len(marked) <= 12:
        raise MalformedInput("short code: not a packed short code")
    return chr(65 + country // 26) + chr(65 + country % 26), marked[1:]


def parse_subject(text: str, place: str) -> Identifier:
    """The identity of a subject line, which must be in canonical form.

    The schemes are ``tel:``, ``mailto:``, ``short:``, ``sender:``, ``opaque:``, ``dialled:``, ``imsi:`` and ``imei:``.

    Raises:
        MalformedInput: the scheme is unknown or the form is not canonical; the message does not repeat the value.
    """
    scheme, _, value = text.partition(":")
    reader = _READERS.get(scheme)
    if reader is None:
        raise MalformedInput(
            f"{place}: expected tel:, mailto:, short:, sender:, opaque:, dialled:, imsi: or imei:",
            hint="write a number as tel:+33612345678",
        )
    identifier = reader(value, place)
    if identifier.format() != text:
        raise MalformedInput(
            f"{place}: not in canonical form",
            hint="an e-mail address is written in small letters, without quotes that it does not need, its domain as an A-label and without a dot at the end",
        )
    return identifier


def _parse_tel(value: str, place: str) -> Identifier:
    digits = value[1:]
    if value[:1] != "+" or not _DIGITS.fullmatch(digits) or digits[0] == "0" or len(digits) > MAX_DIGITS:
        raise MalformedInput(
            f"{place}: not a number, expected + and up to 15 digits",
            hint="write it as tel:+33612345678, without spaces",
        )
    plan = place_of(digits)
    if not plan.is_known:
        raise MalformedInput(f"{place}: unknown calling code")
    if not plan.is_possible:
        raise MalformedInput(f"{place}: {len(digits)} digits, which no number of its country has")
    return Identifier(type=IdentityType.E164, value=digits)


def _parse_mailto(value: str, place: str) -> Identifier:
    if not wire.is_printable(value):
        raise MalformedInput(f"{place}: an address in a subject line is printable ASCII")
    return Identifier(type=IdentityType.EMAIL, value=parse_email(value, place))


def _parse_short(value: str, place: str) -> Identifier:
    country, _, digits = value.partition("/")
    if not is_country(country) or not _DIGITS.fullmatch(digits) or not 3 <= len(digits) <= 11:
        raise MalformedInput(
            f"{place}: expected a country, a slash and 3 to 11 digits", hint="write it as short:FR/36500"
        )
    return Identifier(type=IdentityType.SHORT, value=digits, scope=country)


def _parse_sender(value: str, place: str) -> Identifier:
    if not is_sender(value):
        raise MalformedInput(f"{place}: expected 1 to 15 printable characters with a letter among them")
    return Identifier(type=IdentityType.SENDER, value=value)


def _parse_opaque(value: str, place: str) -> Identifier:
    match = _FEED_TEXT.fullmatch(value)
    if match is None or not is_opaque(match[2]):
        raise MalformedInput(f"{place}: expected a feed, a slash and 1 to 63 printable characters")
    return Identifier(type=IdentityType.OPAQUE, value=match[2], scope=match[1])


def _parse_dialled(value: str, place: str) -> Identifier:
    country, _, digits = value.partition("/")
    if not is_country(country) or not _DIGITS.fullmatch(digits) or len(digits) > MAX_DIALLED:
        raise MalformedInput(
            f"{place}: expected a country, a slash and up to {MAX_DIALLED} digits",
            hint="write it as dialled:FR/0612: the home country of the feed, and the digits without a plus",
        )
    return Identifier(type=IdentityType.DIALLED, value=digits, scope=country)


def _parse_imsi(value: str, place: str) -> Identifier:
    if not names_subscription(value):
        raise MalformedInput(
            f"{place}: no subscription has this IMSI, expected 14 or 15 digits that begin with a country's code (MCC)",
            hint="write it as imsi:208011234567890, without spaces; those of test and private networks name nobody",
        )
    return Identifier(type=IdentityType.IMSI, value=value)


def _parse_imei(value: str, place: str) -> Identifier:
    if whole_imei(value) != value:
        raise MalformedInput(
            f"{place}: no handset has this IMEI, expected 15 digits of which the last checks the others",
            hint="was a digit mistyped? one from a network's records ends with 0 instead: write its first 14 digits as TAC 49015420 SNR 323751",
        )
    return Identifier(type=IdentityType.IMEI, value=value)


_READERS: Final = {
    "tel": _parse_tel,
    "mailto": _parse_mailto,
    "short": _parse_short,
    "sender": _parse_sender,
    "opaque": _parse_opaque,
    "dialled": _parse_dialled,
    "imsi": _parse_imsi,
    "imei": _parse_imei,
}


def is_sender(text: str) -> bool:
    """Whether the text can be an alphanumeric sender."""
    return _SENDER.fullmatch(text) is not None


def is_opaque(text: str) -> bool:
    """Whether the text can be an opaque local identity."""
    return _OPAQUE.fullmatch(text) is not None


@lru_cache(maxsize=1 << 16)  # a mail log repeats few domains a million times; 65,536 take about 10 MB
def _ascii_domain(domain: str) -> str:
    return idna.encode(domain, uts46=True).decode("ascii").lower().removesuffix(".")


def is_canonical_domain(domain: str) -> bool:
    """Whether ``parse_email`` keeps this domain of an address as it stands, but for capital letters."""
    try:
        return "." in domain and _ascii_domain(domain.lower()) == domain.lower()
    except (idna.IDNAError, UnicodeError):
        return False


def _local_part(text: str, place: str) -> str:
    """The one spelling of a local part: small ASCII letters, NFC, and quotes only where they are needed.

    ``"a.b"`` and ``a.b`` are one mailbox (RFC 5321, section 4.1.2). Comments and unquoted brackets are refused: they
    belong to the header of a mail and not to an address.
    """
    quoted = _QUOTED_LOCAL.fullmatch(text)
    content = re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL) if quoted else text
    if not content or (not quoted and not {*'"\\()<>'}.isdisjoint(text)):
        raise MalformedInput(f"{place}: not an address")
    content = content.lower() if content.isascii() else unicodedata.normalize("NFC", content).translate(_SMALL)
    if _PLAIN_LOCAL.fullmatch(content):
        return content
    return '"' + re.sub(r'(["\\])', r"\\\1", content) + '"'


def parse_email(text: str, place: str) -> str:
    """An address in canonical form: one mailbox has one text.

    The domain is an A-label in small letters without the dot of the root; ``_local_part`` gives the local part. Angle
    brackets around the whole are removed.

    Raises:
        MalformedInput: it has not exactly one ``@``, an impossible domain, spaces, invisible characters, or over 254
            bytes.
    """
    if text[:1] == "<" and text[-1:] == ">":
        text = text[1:-1]
    if text.count("@") != 1:
        raise MalformedInput(f"{place}: expected exactly one @")
    written, domain = text.split("@")
    if not is_visible(written):
        raise MalformedInput(f"{place}: holds characters that are not shown")
    if _SCHEMED.match(written):
        raise MalformedInput(f"{place}: expected an address without a scheme in front")
    local = _local_part(written, place)
    try:
        ascii_domain = _ascii_domain(domain.lower())
    except (idna.IDNAError, UnicodeError):
        raise MalformedInput(f"{place}: not a domain after the @") from None
    address = f"{local}@{ascii_domain}"
    if not _LOCAL.fullmatch(local) or "." not in ascii_domain or len(address.encode("utf-8")) > MAX_ADDRESS_BYTES:
        raise MalformedInput(f"{place}: not an address")
    return address
