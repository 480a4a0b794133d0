"""What orders ask for that no record holds, and how to see that somebody typed such a thing. Pure.

Source: ``docs/procedures/disclosure.md``, "What is not held".
"""

import ipaddress
import re
from enum import StrEnum
from typing import Final


class NotHeld(StrEnum):
    """A kind of data that orders name beside records of communications."""

    SUBSCRIBER = "subscriber"
    """Name, address, contract and identification of a customer."""
    CONTENT = "content"
    """What was said or written."""
    IP_ADDRESS = "ip-address"
    """Who had an address of the internet or of a network device, and what was reached."""
    PLACE = "place"
    """Everybody who was near an antenna."""
    PAYMENT = "payment"
    """Bills, means of payment, top-ups."""


ELSEWHERE: Final = "not kept with the records: it is the customer systems' to answer"
REASONS: Final = {
    NotHeld.SUBSCRIBER: ELSEWHERE,
    NotHeld.CONTENT: "the content of communications is never recorded",
    NotHeld.IP_ADDRESS: "no record holds such an identifier",
    NotHeld.PLACE: "records cannot be searched by a place: they open only for a named number or address",
    NotHeld.PAYMENT: ELSEWHERE,
}
"""Why each is not answered, in the words of error messages and of replies to European orders."""
SAID: Final = {
    NotHeld.SUBSCRIBER: "a name",
    NotHeld.CONTENT: "content",
    NotHeld.IP_ADDRESS: "an IP or MAC address",
    NotHeld.PLACE: "a place",
    NotHeld.PAYMENT: "a means of payment",
}
"""What somebody typed, in a message that does not repeat it."""
_MAC: Final = re.compile(r"[0-9a-f]{2}([:-]?)[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}")
_POSITION: Final = re.compile(
    r"[NS]?\s?[+-]?[0-9]{1,2}[.,][0-9]+°?\s?[NS]?\s?[,; ]\s?[EW]?\s?[+-]?[0-9]{1,3}[.,][0-9]+°?\s?[EW]?"
)
_CELL: Final = re.compile(r"[0-9]{3}-[0-9]{2,3}-[0-9]{1,5}-[0-9]{1,9}")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_NAME: Final = re.compile(r"[^\W\d_][^\d_@:/+]{2,}")
_ANY_SCHEME: Final = {
    "ip": NotHeld.IP_ADDRESS,
    "ipv4": NotHeld.IP_ADDRESS,
    "ipv6": NotHeld.IP_ADDRESS,
    "mac": NotHeld.IP_ADDRESS,
    "cell": NotHeld.PLACE,
    "geo": NotHeld.PLACE,
    "iban": NotHeld.PAYMENT,
}


def recognised(typed: str) -> NotHeld | None:
    """Which of these a text is that was typed in the place of a number or address; None if none.

    Four groups of digits between dots are both an IP address and, in some countries, a number: they are taken for the
    first, so that a number must be written otherwise. A wrong person would be worse.
    """
    text = typed.strip()
    scheme, colon, _ = text.partition(":")
    if colon and scheme.lower() in _ANY_SCHEME:
        return _ANY_SCHEME[scheme.lower()]
    if _is_ip(text) or (_MAC.fullmatch(text.lower()) and not text.isdigit()):
        return NotHeld.IP_ADDRESS
    if _POSITION.fullmatch(text) or _CELL.fullmatch(text):
        return NotHeld.PLACE
    if _IBAN.fullmatch(text.replace(" ", "")):
        return NotHeld.PAYMENT
    return NotHeld.SUBSCRIBER if _NAME.fullmatch(text) else None


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return not text.isdigit()
