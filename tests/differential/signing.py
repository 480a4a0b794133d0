"""Signatures for generated entries: real ones, or ones that cost a hash, with the primitive replaced on both sides alike."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import coffer.notes.keys
import coffer_audit.notes


class Signer:
    """An Ed25519 key with its name."""

    def __init__(self, name: str, seed: bytes) -> None:
        self.name = name
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()
        self._vkeys: dict[int, str] = {}
        self.key_id = hashlib.sha256(name.encode() + b"\n\x01" + self.public).digest()[:4]

    def vkey(self, kind: int) -> str:
        """As a roster writes it; ``kind`` 4 or 6 for a witness. With 6 (ML-DSA-44) nothing is signed here: any 1,312 B serve."""
        if kind not in self._vkeys:
            public = hashlib.shake_128(self.public).digest(1_312) if kind == 6 else self.public
            key_id = hashlib.sha256(self.name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]
            raw = base64.b64encode(bytes([kind]) + public).decode()
            self._vkeys[kind] = f"{self.name}+{key_id.hex()}+{raw}"
        return self._vkeys[kind]

    def sign(self, text: bytes) -> bytes:
        """64 B."""
        return self._key.sign(text)

    def line(self, text: bytes) -> str:
        """The signature line, with its LF."""
        return f"\u2014 {self.name} {base64.b64encode(self.key_id + self.sign(text)).decode()}\n"


class CheapSigner(Signer):
    """Anybody could sign in its name: only for comparing two readings, under ``cheap_signatures``."""

    def sign(self, text: bytes) -> bytes:
        return hashlib.sha512(self.public + text).digest()


class _CheapPublicKey:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    @classmethod
    def from_public_bytes(cls, raw: bytes) -> "_CheapPublicKey":
        return cls(raw)

    def verify(self, signature: bytes, message: bytes) -> None:
        if hashlib.sha512(self._raw + message).digest() != signature:
            raise InvalidSignature


@contextmanager
def cheap_signatures() -> Iterator[None]:
    """Both sides verify what ``CheapSigner`` signs; everything around the primitive is as ever."""
    sides = (coffer.notes.keys, coffer_audit.notes)
    real = [side.Ed25519PublicKey for side in sides]
    coffer.notes.keys._is_signature.cache_clear()
    try:
        for side in sides:
            side.Ed25519PublicKey = _CheapPublicKey  # type: ignore[misc, assignment]
        yield
    finally:
        for side, kept in zip(sides, real, strict=True):
            side.Ed25519PublicKey = kept  # type: ignore[misc]
        coffer.notes.keys._is_signature.cache_clear()
