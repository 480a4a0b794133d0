"""Keys of a custodian at rest, under its wrapping key, which each retirement replaces. Pure.

Source: ``docs/formats/vault.md``.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coffer.custodian.keys import CustodianKeys
from coffer.entropy import Entropy
from coffer.notes.keyfile import NONCE_BYTES
from coffer.notes.keys import Secret


def wrap(key: Secret, keys: CustodianKeys, aad: bytes, entropy: Entropy) -> bytes:
    """The bytes of its file. ``aad``: what the key is, and whose."""
    nonce = entropy(NONCE_BYTES)
    return nonce + AESGCM(keys.wrapping.unsafe_bytes()).encrypt(nonce, key.unsafe_bytes(), aad)


def unwrap(raw: bytes, keys: CustodianKeys, aad: bytes, what: str) -> Secret | None:
    """The key of a file, under the wrapping key or the one before it; None if it is neither's."""
    for wrapping in (keys.wrapping, keys.retiring):
        if wrapping is None:
            continue
        try:
            return Secret(AESGCM(wrapping.unsafe_bytes()).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], aad), what)
        except (InvalidTag, ValueError):
            continue  # not wrapped anew yet, or changed: trying the next key tells which
    return None
