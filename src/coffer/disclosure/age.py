"""A package encrypted to its recipients with age.

Pure, but for the file's key, which the library draws and wraps for each recipient. Nobody but the recipients reads the
content. Anyone who knows a recipient can make such a file: that it is whole, and the desk's, the package's own manifest
says. Source: C2SP age (age-encryption.org/v1, X25519 recipients); ``docs/formats/disclosure.md``, "Encrypted".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from coffer.errors import MalformedInput
from coffer.extras import extra

with extra("age"):
    import pyrage
    from pyrage import x25519

MAX_FILE_BYTES: Final = 65_536
"""Of a file of recipients: sixteen, with comments, take 2 kB."""
_RECIPIENT: Final = re.compile(r"age1[02-9ac-hj-np-z]{58}")
"""Bech32 of an X25519 key, in lower case. GAP: a quantum computer would read what was sent; tolerable because the
library has no post-quantum recipients that people can hold, and a certificate's RSA is no better."""
_DIGITS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
"""The digits of Bech32, 0 to 31."""
_ANY_KEY: Final = X25519PrivateKey.from_private_bytes(bytes(range(32)))
"""Any key: what it shares with a point of low order is zero, as for every other key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeRecipient:
    """Whose identity opens it. ``text``: the recipient as it is written, which is public."""

    text: str


def parse_age_recipient(text: str, place: str) -> AgeRecipient:
    """The recipient in its one spelling.

    Raises:
        MalformedInput: it is none. An identity, which is secret, is never repeated in a message.
    """
    if "AGE-SECRET-KEY-" in text.upper():
        raise MalformedInput(
            f"{place}: a secret key, expected a recipient (age1...)",
            hint="whoever saw this key can open what is encrypted to it: let the recipient make another",
        )
    try:
        if not _RECIPIENT.fullmatch(text):
            raise ValueError
        x25519.Recipient.from_str(text)
        _verify_point(text)
    except (ValueError, pyrage.RecipientError):
        raise MalformedInput(
            f"{place}: not a recipient of age, expected age1 and 58 letters and digits",
            hint="for a certificate, let the name of the package end with .p7m",
        ) from None
    return AgeRecipient(text=text)


def _verify_point(text: str) -> None:
    """Raise ``ValueError`` for a point of low order: anyone could open what is encrypted to it."""
    number = 0
    for digit in text[4:56]:
        number = number << 5 | _DIGITS.index(digit)
    # 52 digits are 260 bits: the key, and four that fill the last digit.
    _ANY_KEY.exchange(X25519PublicKey.from_public_bytes((number >> 4).to_bytes(32, "big")))


def parse_age_recipients(raw: bytes, place: str) -> tuple[AgeRecipient, ...]:
    """The recipients of a file: one a line, beside empty lines and comments (``#``).

    The program age reads it so.

    Raises:
        MalformedInput: the first line that is something else, or a file without a recipient.
    """
    if len(raw) > MAX_FILE_BYTES:
        raise MalformedInput(f"{place}: {len(raw)} bytes, expected at most {MAX_FILE_BYTES}")
    lines = enumerate(raw.decode("utf-8", "replace").replace("\r\n", "\n").split("\n"), 1)
    recipients = tuple(
        parse_age_recipient(line, f"{place}: line {number}")
        for number, line in lines
        if line and not line.startswith("#")
    )
    if not recipients:
        raise MalformedInput(f"{place}: no recipient of age, expected one a line")
    return recipients


def encrypt(package: bytes, recipients: Sequence[AgeRecipient]) -> bytes:
    """The package as an age file, which each of the recipients can open."""
    made: bytes = pyrage.encrypt(package, [x25519.Recipient.from_str(one.text) for one in recipients])
    return made
