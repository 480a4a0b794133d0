"""Passkeys: their keys, and what they sign (WebAuthn Level 3, section 7.2; RFC 9052 and 9053). Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from coffer_audit.errors import MalformedInput, verify_that
from coffer_audit.wire import Cursor, parse_json

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DATA_BYTES, MAX_CLIENT_DATA_BYTES = 1_024, 2_048
PRESENT, VERIFIED = 1, 4
ES256, EDDSA, RS256 = -7, -8, -257
COSE = {ES256: {1: 2, -1: 1}, EDDSA: {1: 1, -1: 6}, RS256: {1: 3}}
"""By algorithm: key type, and curve."""
PARTS = {ES256: {-2: 32, -3: 32}, EDDSA: {-2: 32}, RS256: {-1: 512, -2: 8}}
"""By algorithm: the byte strings of the key, with the most bytes that each may have."""
SITE = re.compile(r"https?://([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)(?::[1-9][0-9]{0,4})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What an authenticator signed, and the origin at which it should have."""

    site: str
    data: bytes
    client_data: bytes
    signature: bytes

    @property
    def count(self) -> int:
        """The authenticator's counter; 0 if it keeps none."""
        return int.from_bytes(self.data[33:37], "big")


def _parse_item(cursor: Cursor, place: str) -> int | bytes:
    """Read a CBOR integer or byte string; of each value only its shortest form is one."""
    head = cursor.number(1)
    major, short = head >> 5, head & 31
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(short, 0)
    value = cursor.number(size) if size else short
    least = {0: 0, 1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}[size]
    if major > 2 or short > 27 or value < least:
        raise MalformedInput(f"{place}: found another CBOR item, expected an integer or bytes in the shortest form")
    return (value, -1 - value, cursor.take(value) if major == 2 else b"")[major]


def parse_key(raw: bytes, place: str) -> Callable[[bytes, bytes], None]:
    """Decode a COSE key; give what verifies a signature over a message, or raises InvalidSignature."""
    cursor = Cursor(raw, place)
    count = cursor.number(1) - 0xA0
    items = [(_parse_item(cursor, place), _parse_item(cursor, place)) for _ in range(count if 0 < count < 8 else 0)]
    cursor.end()
    values = dict(items)
    algorithm = values.get(3)
    fixed, parts = COSE.get(algorithm, {0: 0}), PARTS.get(algorithm, {})  # type: ignore[arg-type]
    own = {name: values.get(name) for name in parts}
    if (
        len(values) != len(items)
        or set(values) != {3, *fixed, *parts}
        or any(values[name] != value for name, value in fixed.items())
        or not all(isinstance(part, bytes) and 0 < len(part) <= parts[name] for name, part in own.items())
    ):
        raise MalformedInput(f"{place}: found another key, expected COSE of ES256, EdDSA or RS256")
    numbers = {name: part for name, part in own.items() if isinstance(part, bytes)}
    try:
        return _verifier(algorithm, numbers)
    except ValueError as error:
        raise MalformedInput(f"{place}: found numbers that make no key") from error


def _verifier(algorithm: object, parts: dict[int, bytes]) -> Callable[[bytes, bytes], None]:
    if algorithm == ES256:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\4" + parts[-2] + parts[-3])
        return lambda signature, message: point.verify(signature, message, ec.ECDSA(SHA256()))
    if algorithm == EDDSA:
        return ed25519.Ed25519PublicKey.from_public_bytes(parts[-2]).verify
    modulus, exponent = (int.from_bytes(parts[name], "big") for name in (-1, -2))
    if modulus.bit_length() < 2_048:
        raise ValueError
    key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    return lambda signature, message: key.verify(signature, message, padding.PKCS1v15(), SHA256())


def verify_assertion(
    assertion: Assertion, key: Callable[[bytes, bytes], None], challenge: bytes, count: int, place: str
) -> None:
    """Prove that this key signed this challenge at this site, for a person who was verified.

    The authenticator verified the person.

    `count`: the counter at the assertion before, 0 if there is none.

    Raises: MalformedInput, NotProven.
    """
    data, site = assertion.data, SITE.fullmatch(assertion.site)
    if site is None or not 37 <= len(data) <= MAX_DATA_BYTES or len(assertion.client_data) > MAX_CLIENT_DATA_BYTES:
        raise MalformedInput(f"{place}: found another form of site or sizes, expected those of an assertion")
    stated = parse_json(assertion.client_data, f"{place} client data", limit=MAX_CLIENT_DATA_BYTES)
    expected = base64.urlsafe_b64encode(challenge).rstrip(b"=").decode("ascii")
    verify_that(stated.get("type") == "webauthn.get", f"{place}: found another type than webauthn.get")
    verify_that(stated.get("challenge") == expected, f"{place}: found another challenge than the note gives")
    verify_that(stated.get("origin") == assertion.site, f"{place}: found another origin than the custodian's site")
    is_framed = stated.get("crossOrigin") not in (None, False) or "topOrigin" in stated
    verify_that(not is_framed, f"{place}: found it asked for within another site")
    verify_that(data[:32] == hashlib.sha256(site[1].encode()).digest(), f"{place}: found another site's hash")
    verify_that(data[32] & PRESENT and data[32] & VERIFIED, f"{place}: found no person verified by the authenticator")
    moved = assertion.count > count or not (assertion.count or count)
    verify_that(moved, f"{place}: found counter {assertion.count} after {count}, expected a higher one")
    try:
        key(assertion.signature, data + hashlib.sha256(assertion.client_data).digest())
    except InvalidSignature:
        verify_that(False, f"{place}: found a signature that does not verify")  # noqa: FBT003 - says what was found
