"""Ed25519 and HPKE keys, and the type that holds a secret.

Source: C2SP signed-note (key ids, vkeys); ``docs/formats/notes.md`` (HPKE suite and key encodings).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NoReturn, Self

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from coffer import wire
from coffer.errors import MalformedInput, NotProven

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
_ED25519: Final = b"\x01"
HPKE_PUBLIC_BYTES: Final = 1184 + 32
HPKE_PRIVATE_BYTES: Final = 64 + 32
_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class Secret:
    """Bytes that must not leak.

    They show only their kind and length, and allow no equality, pickling or formatting.
    """

    __slots__ = ("_kind", "_value")

    def __init__(self, value: bytes, kind: str) -> None:
        self._value = bytes(value)
        self._kind = kind

    def unsafe_bytes(self) -> bytes:
        """The bytes themselves. The caller must keep them off disk, logs and messages."""
        return self._value

    def __repr__(self) -> str:
        return f"<secret {self._kind}, {len(self._value)} bytes>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never pickled")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("secrets are not compared; use hmac.compare_digest on what you mean")

    __hash__ = None  # type: ignore[assignment]


def parse_key_name(text: str, place: str) -> str:
    """A key name as ``docs/formats/notes.md`` allows it."""
    if not _NAME.fullmatch(text):
        raise MalformedInput(f"{place}: not a name, expected letters, digits and ._/- (at most 128)")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyKey:
    """An Ed25519 public key with its name (C2SP vkey)."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        parse_key_name(self.name, "key name")
        if len(self.public) != 32:
            raise MalformedInput(f"public key: {len(self.public)} bytes, expected 32")

    @property
    def key_id(self) -> bytes:
        """H(name || LF || 0x01 || public)[:4]."""
        return _key_id(self.name, self.public)

    def format(self) -> str:
        """The vkey: ``name+keyid+base64``."""
        return f"{self.name}+{self.key_id.hex()}+{wire.format_base64(_ED25519 + self.public)}"

    def is_signature(self, signature: bytes, message: bytes) -> bool:
        """Whether ``signature`` (64 B) over ``message`` is this key's."""
        return _is_signature(self.public, signature, message)


@lru_cache(maxsize=1024)
def _key_id(name: str, public: bytes) -> bytes:
    """The key id, remembered: ``State`` asks for the ids of all keys of the roster at every entry."""
    return wire.digest(name.encode("ascii"), b"\n", _ED25519, public)[:4]


@lru_cache(maxsize=64)
def _is_signature(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature is the key's; the last few answers are remembered.

    ``State`` asks twice about each entry: whether any line is false, then whether the right key signed.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def parse_vkey(text: str, place: str) -> VerifyKey:
    """The inverse of ``VerifyKey.format``."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise MalformedInput(f"{place}: not a key, expected name+id+base64")
    raw = wire.parse_base64(parts[2], place, size=33)
    if raw[:1] != _ED25519:
        raise MalformedInput(f"{place}: key type {raw[0]}, expected 1 (Ed25519)")
    key = VerifyKey(name=parse_key_name(parts[0], place), public=raw[1:])
    if key.key_id.hex() != parts[1]:
        raise MalformedInput(f"{place}: the key id does not belong to this name and key")
    return key


class SigningKey:
    """An Ed25519 private key with its name."""

    __slots__ = ("_key", "verify_key")

    def __init__(self, name: str, seed: Secret) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed.unsafe_bytes())
        self.verify_key = VerifyKey(name=name, public=self._key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str) -> Self:
        """A fresh key."""
        return cls(name, Secret(Ed25519PrivateKey.generate().private_bytes_raw(), "Ed25519 seed"))

    @property
    def seed(self) -> Secret:
        """The 32-byte seed, to be stored sealed."""
        return Secret(self._key.private_bytes_raw(), "Ed25519 seed")

    def sign(self, message: bytes) -> bytes:
        """64 bytes; deterministic (RFC 8032)."""
        return self._key.sign(message)

    def __repr__(self) -> str:
        return f"<signing key {self.verify_key.name}>"


class SealKey:
    """An HPKE private key, MLKEM768-X25519; it opens what was sealed to its public half."""

    __slots__ = ("_key", "public", "secret")

    def __init__(self, secret: Secret) -> None:
        raw = secret.unsafe_bytes()
        if len(raw) != HPKE_PRIVATE_BYTES:
            raise MalformedInput(f"HPKE private key: {len(raw)} bytes, expected {HPKE_PRIVATE_BYTES}")
        mlkem = MLKEM768PrivateKey.from_seed_bytes(raw[:64])
        x25519 = X25519PrivateKey.from_private_bytes(raw[64:])
        self._key = MLKEM768X25519PrivateKey(mlkem, x25519)
        self.secret = secret
        self.public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> Self:
        """A fresh key; the library draws randomness from the operating system."""
        raw = MLKEM768PrivateKey.generate().private_bytes_raw() + X25519PrivateKey.generate().private_bytes_raw()
        return cls(Secret(raw, "HPKE private key"))

    def unseal(self, sealed: bytes, *, info: bytes, place: str) -> bytes:
        """The plaintext of ``sealed``.

        Raises:
            NotProven: it was not sealed to this key in this context, or was changed.
        """
        try:
            return _SUITE.decrypt(sealed, self._key, info)
        except (InvalidTag, ValueError):
            raise NotProven(f"{place}: does not unseal with this key in this context") from None

    def __repr__(self) -> str:
        return "<HPKE private key>"


def seal(plaintext: bytes, public: bytes, *, info: bytes) -> bytes:
    """The plaintext sealed to a public key by single-shot HPKE; 1,136 B longer than the plaintext.

    ``public``: 1,216 B. ``info``: the context.
    """
    if len(public) != HPKE_PUBLIC_BYTES:
        raise MalformedInput(f"HPKE public key: {len(public)} bytes, expected {HPKE_PUBLIC_BYTES}")
    try:
        mlkem = MLKEM768PublicKey.from_public_bytes(public[:1184])
    except ValueError:
        raise MalformedInput("HPKE public key: not a key") from None
    key = MLKEM768X25519PublicKey(mlkem, X25519PublicKey.from_public_bytes(public[1184:]))
    return _SUITE.encrypt(plaintext, key, info)
