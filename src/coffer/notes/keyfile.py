"""Keys at rest: several secrets in one JSON document, sealed unless the owner chose otherwise.

They are sealed under a passphrase (Argon2id, AES-256-GCM), or wrapped by a key on a token. Source of the parameters:
RFC 9106 section 4, second recommended option.
"""

import json
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from coffer import wire
from coffer.errors import MalformedInput, Refused
from coffer.notes.keys import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class PassphraseCost:
    """What one guess at a passphrase costs: the parameters of Argon2id.

    The defaults are 64 MiB and three passes: about a tenth of a second.
    """

    iterations: int = 3
    lanes: int = 4
    memory_kib: int = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class StretchedKey:
    """What a passphrase gives for one key file: it opens this file, and neither a later one nor another.

    ``secret``: 32 B, the AES key. ``file``: the digest of the key file.
    """

    secret: Secret
    file: wire.Hash


Opener = Secret | StretchedKey
"""What opens a key file: the passphrase, or what it gives for this file."""
STANDARD: Final = PassphraseCost()
_MOST_MEMORY_KIB: Final = 2**21
_MOST_ITERATIONS: Final = 64
"""Passes of the derivation. A file that asks for more is not ours and would only exhaust the machine."""
NONCE_BYTES: Final = 12
_FORMAT: Final = "coffer.keys/v1"


MIN_PASSPHRASE: Final = 12
"""Characters. Below it a thief of the file may try every one: eight letters are 2 * 10^11 guesses, a year of ten machines."""
_MIN_DIFFERENT: Final = 5


def verify_passphrase(passphrase: Secret, name: str) -> None:
    """Refuse a new passphrase that a thief of the key file could find by trying.

    Nothing more is promised of others.

    Raises:
        MalformedInput: it is short, or of a few characters over and over.
    """
    text = passphrase.unsafe_bytes().decode("utf-8", "replace")
    if len(text) < MIN_PASSPHRASE or len(set(text)) < _MIN_DIFFERENT:
        raise MalformedInput(
            f"passphrase of {name}: too easy, expected {MIN_PASSPHRASE} characters or more, {_MIN_DIFFERENT} of them different",
            hint="four or more words that nobody said together before are good ones",
        )


def format_keys(
    secrets: Mapping[str, Secret],
    passphrase: Secret | None,
    *,
    context: bytes,
    entropy: Callable[[int], bytes],
    cost: PassphraseCost = STANDARD,
) -> bytes:
    """The document under a passphrase; without one the secrets stand in the clear.

    ``context``: binds the document to its owner.
    """
    blob = {name: wire.format_base64(secret.unsafe_bytes()) for name, secret in secrets.items()}
    document: dict[str, object] = {"format": _FORMAT}
    if passphrase is None:
        document["plain"] = blob
    else:
        salt, nonce = entropy(16), entropy(NONCE_BYTES)
        parameters = {"iterations": cost.iterations, "lanes": cost.lanes, "memory_kib": cost.memory_kib}
        key = _stretch(passphrase, salt, parameters)
        sealed = AESGCM(key).encrypt(nonce, json.dumps(blob).encode("ascii"), wire.tag("keys") + context)
        document |= {"argon2id": parameters, "salt": wire.format_base64(salt)}
        document |= {"nonce": wire.format_base64(nonce), "sealed": wire.format_base64(sealed)}
    return (json.dumps(document, indent=1) + "\n").encode("ascii")


def format_wrapped_keys(
    secrets: Mapping[str, Secret],
    wrap: Callable[[bytes, bytes, bytes], bytes],
    *,
    where: Mapping[str, str],
    context: bytes,
    entropy: Callable[[int], bytes],
) -> bytes:
    """The document whose secrets a key on a token wraps.

    ``wrap(plain, nonce, aad)``: by the token. ``where``: the fields that find its key again.
    """
    blob = {name: wire.format_base64(secret.unsafe_bytes()) for name, secret in secrets.items()}
    nonce = entropy(NONCE_BYTES)
    sealed = wrap(json.dumps(blob).encode("ascii"), nonce, wire.tag("keys") + context)
    document = {"format": _FORMAT, "wrapped-by": "pkcs11", **where}
    document |= {"nonce": wire.format_base64(nonce), "sealed": wire.format_base64(sealed)}
    return (json.dumps(document, indent=1) + "\n").encode("ascii")


def verify_stretchable(raw: bytes, *, place: str) -> None:
    """That a passphrase can open this key file. Whoever asks a person for one looks first.

    Raises:
        MalformedInput: the document is damaged, or no passphrase opens it.
    """
    _stretchable(raw, place)


def stretch(raw: bytes, passphrase: Secret, *, place: str) -> StretchedKey:
    """What the passphrase gives for this key file.

    A wrong passphrase gives something too, which opens nothing.

    Raises:
        MalformedInput: the document is damaged, or no passphrase opens it.
    """
    document = _stretchable(raw, place)
    try:
        return StretchedKey(secret=_stretched(document, passphrase, place), file=wire.digest(raw))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise MalformedInput(f"{place}: key file is damaged") from None


def _stretchable(raw: bytes, place: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(raw)
        if document["format"] == _FORMAT and "argon2id" in document:
            return document
    except (ValueError, KeyError, TypeError, AttributeError):
        raise MalformedInput(f"{place}: key file is damaged") from None
    raise MalformedInput(f"{place}: key file without a passphrase", hint="nothing of it can be kept unlocked")


def parse_keys(
    raw: bytes,
    passphrase: Callable[[], Opener],
    *,
    names: Collection[str],
    context: bytes,
    place: str,
    hint: str,
    may_be_plain: bool = False,
    optional: Collection[str] = (),
    unwrap: Callable[[dict[str, object], bytes, bytes, bytes], bytes] | None = None,
) -> dict[str, Secret]:
    """The secrets of a document, by name; those of ``optional`` may be missing.

    ``passphrase``: it, or what it gives for this file; called only if the document is sealed under one.
    ``unwrap(document, sealed, nonce, aad)``: by a token.

    Raises:
        MalformedInput: the document is damaged.
        Refused: the passphrase is wrong (code ``form``, with ``hint``).
    """
    try:
        document = json.loads(raw)
        wire.verify_format(str(document["format"]), _FORMAT, f"{place}: key file")
        blob = document.get("plain") if may_be_plain else None
        if blob is None and "wrapped-by" in document:
            if document["wrapped-by"] != "pkcs11" or unwrap is None:
                raise MalformedInput(f"{place}: key file is wrapped by something unknown")
            nonce, sealed = (wire.parse_base64(document[name], place) for name in ("nonce", "sealed"))
            blob = json.loads(unwrap(document, sealed, nonce, wire.tag("keys") + context))
        elif blob is None:
            nonce, sealed = (wire.parse_base64(document[name], place) for name in ("nonce", "sealed"))
            opener = passphrase()
            if isinstance(opener, Secret):
                key = _stretched(document, opener, place)
            elif opener.file == wire.digest(raw):
                key = opener.secret
            else:
                raise Refused(f"{place}: key file was written anew", code="form", hint="run the command again")
            aad = wire.tag("keys") + context
            blob = json.loads(AESGCM(key.unsafe_bytes()).decrypt(nonce, sealed, aad))
        if set(blob) - set(optional) != set(names):
            raise MalformedInput(f"{place}: key file holds other keys than expected")
        return {name: Secret(wire.parse_base64(value, place), name) for name, value in blob.items()}
    except InvalidTag:
        raise Refused(f"{place}: wrong passphrase", code="form", hint=hint) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise MalformedInput(f"{place}: key file is damaged") from None


_STRETCHING: Final = threading.Lock()
"""Allows one derivation at a time.

OpenSSL takes the threads for Argon2's lanes from one small pool: two calls at the same time wait for each other for ever.
Nothing would be gained where there are no more cores than lanes, since one derivation uses them all.
"""


def _stretched(document: Mapping[str, Any], passphrase: Secret, place: str) -> Secret:
    parameters = {name: int(document["argon2id"][name]) for name in ("iterations", "lanes", "memory_kib")}
    if parameters["memory_kib"] > _MOST_MEMORY_KIB or parameters["iterations"] > _MOST_ITERATIONS:
        raise MalformedInput(f"{place}: key file asks for more memory or time than any of ours")
    return Secret(_stretch(passphrase, wire.parse_base64(document["salt"], place), parameters), "stretched key")


def _stretch(passphrase: Secret, salt: bytes, parameters: Mapping[str, int]) -> bytes:
    kdf = Argon2id(
        salt=salt,
        length=32,
        iterations=parameters["iterations"],
        lanes=parameters["lanes"],
        memory_cost=parameters["memory_kib"],
    )
    with _STRETCHING:
        return kdf.derive(passphrase.unsafe_bytes())
