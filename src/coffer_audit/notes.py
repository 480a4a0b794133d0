"""Signed notes and their keys (docs/formats/notes.md)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from coffer_audit.errors import MalformedInput, NotProven
from coffer_audit.wire import KEY_NAME, parse_match

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_NOTE_BYTES = 65_535
ED25519, COSIGNATURE = 1, 4
MAX_TIME = 253_402_300_799  # the end of the year 9999
SIGNATURE_LINE = re.compile(rf"— ({KEY_NAME}) ([A-Za-z0-9+/]+={{0,2}})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyKey:
    """A public Ed25519 key with its name; `text` is the vkey it was parsed from."""

    name: str
    key_id: bytes
    public: bytes
    text: str
    kind: int = ED25519

    def is_valid(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature verifies."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature line; `value` is 64 B, or 72 B (u64 time || 64 B) for a witness's cosignature."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A parsed note; what is signed is `text`, with its last LF."""

    raw: bytes
    text: bytes
    lines: tuple[str, ...]
    signatures: tuple[Signature, ...]


def _parse_exact(text: str, place: str) -> bytes:
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedInput(f"{place}: found no base64, expected canonical base64") from error
    if base64.b64encode(raw).decode() != text:
        raise MalformedInput(f"{place}: found a second spelling, expected canonical base64")
    return raw


def make_key_id(name: str, kind: int, public: bytes) -> bytes:
    """Give the first 4 B of the hash of name, algorithm and key."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def parse_vkey(text: str, place: str, *, kinds: tuple[int, ...] = (ED25519,)) -> VerifyKey:
    """Decode `<name>+<key id>+<base64>`; `kinds` are the algorithm bytes that are taken."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise MalformedInput(f"{place}: found {len(parts)} parts, expected a vkey <name>+<key id>+<base64>")
    name = parse_match(KEY_NAME, parts[0], place, "a key name")
    raw = _parse_exact(parts[2], place)
    if len(raw) != 33 or raw[0] not in kinds:
        raise MalformedInput(f"{place}: found {len(raw)} B or another algorithm, expected 33 B of Ed25519")
    key_id = make_key_id(name, raw[0], raw[1:])
    if key_id.hex() != parts[1]:
        raise MalformedInput(f"{place}: found key id {parts[1][:16]!a}, expected {key_id.hex()}")
    return VerifyKey(name=name, key_id=key_id, public=raw[1:], text=text, kind=raw[0])


def parse_note(raw: bytes, place: str, *, cosigned: bool = False, limit: int = MAX_NOTE_BYTES) -> Note:
    """Split a note into its text and signatures; verifies nothing. `cosigned` also takes witnesses' 72 B lines."""
    if len(raw) > limit:
        raise MalformedInput(f"{place}: found {len(raw)} B, expected at most {limit}")
    cut = raw.find(b"\n\n")
    text, tail = raw[: cut + 1], raw[cut + 2 :]
    if cut <= 0 or not re.fullmatch(rb"(?:[\x20-\x7e]+\n)+", text):
        raise MalformedInput(
            f"{place}: found other bytes, expected lines of printable ASCII, an empty line, signatures"
        )
    try:
        rows = tail.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedInput(f"{place}: found no UTF-8, expected signature lines") from error
    most = 32 if cosigned else 16
    if rows.pop() or not 1 <= len(rows) <= most:
        raise MalformedInput(f"{place}: found {len(rows)} signature lines or no last LF, expected 1 to {most}")
    signatures: list[Signature] = []
    for row in rows:
        match = SIGNATURE_LINE.fullmatch(row)
        value = _parse_exact(match[2], place) if match else b""
        if not match or len(value) not in ((68, 76) if cosigned else (68,)):
            raise MalformedInput(f"{place}: found a malformed signature line, expected name and 68 B in base64")
        signatures.append(Signature(name=match[1], key_id=value[:4], value=value[4:]))
    if len({(item.name, item.key_id) for item in signatures}) != len(signatures):
        raise MalformedInput(f"{place}: found a key twice among the signatures, expected each once")
    lines = tuple(text[:-1].decode("ascii").split("\n"))
    return Note(raw=raw, text=text, lines=lines, signatures=tuple(signatures))


def verify_signers(note: Note, keys: Iterable[VerifyKey], place: str) -> frozenset[bytes]:
    """Give the public keys, of those known, that signed the note.

    Raises: NotProven if the line of a known key does not verify: then the whole note is invalid.
    """
    known = {(key.name, key.key_id): key for key in keys}
    signers: set[bytes] = set()
    for item in note.signatures:
        if key := known.get((item.name, item.key_id)):
            message = note.text
            if (len(item.value) == 72) != (key.kind == COSIGNATURE):
                raise NotProven(f"{place}: found a signature of {key.name} of another kind than its key's")
            if key.kind == COSIGNATURE and not 0 < int.from_bytes(item.value[:8], "big") <= MAX_TIME:
                raise NotProven(f"{place}: found a cosignature of {key.name} of no time")
            if key.kind == COSIGNATURE:
                message = b"cosignature/v1\ntime %d\n" % int.from_bytes(item.value[:8], "big") + note.text
            if not key.is_valid(item.value[-64:], message):
                raise NotProven(f"{place}: found a signature of {key.name} that does not verify, expected a valid one")
            signers.add(key.public)
    return frozenset(signers)
