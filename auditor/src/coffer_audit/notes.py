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
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from coffer_audit.errors import MalformedInput, NotProven
from coffer_audit.wire import KEY_NAME, LETTERS, parse_match

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_NOTE_BYTES, MAX_SIGNATURES = 65_535, 16
MAX_CHECKPOINT_BYTES, MAX_CHECKPOINT_SIGNATURES = 131_072, 64
ED25519, COSIGNATURE, ML_DSA_44 = 1, 4, 6
COSIGNATURES = (COSIGNATURE, ML_DSA_44)
PUBLIC_BYTES = {ED25519: 32, COSIGNATURE: 32, ML_DSA_44: 1_312}
SIGNATURE_BYTES = {ED25519: 64, COSIGNATURE: 8 + 64, ML_DSA_44: 8 + 2_420}
MAX_TIME = 253_402_300_799  # the end of the year 9999
SIGNATURE_LINE = re.compile(rf"— ({KEY_NAME}) ([A-Za-z0-9+/]+={{0,2}})", re.ASCII)
FOREIGN_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyKey:
    """A public key with its name; `kind` is C2SP's type, `text` the vkey it was parsed from."""

    name: str
    key_id: bytes
    public: bytes
    text: str
    kind: int = ED25519

    @property
    def identity(self) -> tuple[str, bytes]:
        """The name and key that identify a signer; one key under two names is two signers."""
        return self.name, self.public

    def is_valid(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature verifies."""
        key_type = MLDSA44PublicKey if self.kind == ML_DSA_44 else Ed25519PublicKey
        try:
            key_type.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature line.

    `value` is 64 B. In a cosignature it is u64 time, then 64 B (Ed25519) or 2,420 B (ML-DSA-44).
    """

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A parsed note. Signatures are over `text`, including its last LF."""

    raw: bytes
    text: bytes
    lines: tuple[str, ...]
    signatures: tuple[Signature, ...]


def parse_exact(text: str, place: str) -> bytes:
    """Decode canonical base64 of any length."""
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
    """Decode `<name>+<key id>+<base64>`; `kinds` are the algorithm bytes that are accepted."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise MalformedInput(f"{place}: found {len(parts)} parts, expected a vkey <name>+<key id>+<base64>")
    name = parse_match(KEY_NAME, parts[0], place, "a key name")
    raw = parse_exact(parts[2], place)
    if not raw or raw[0] not in kinds or len(raw) != 1 + PUBLIC_BYTES[raw[0]]:
        raise MalformedInput(f"{place}: found {len(raw)} B or another algorithm, expected a key of type {kinds}")
    key_id = make_key_id(name, raw[0], raw[1:])
    if key_id.hex() != parts[1]:
        raise MalformedInput(f"{place}: found key id {parts[1][:16]!a}, expected {key_id.hex()}")
    return VerifyKey(name=name, key_id=key_id, public=raw[1:], text=text, kind=raw[0])


def parse_note(
    raw: bytes, place: str, *, cosigned: bool = False, has_letters: bool = False, limit: int = MAX_NOTE_BYTES
) -> Note:
    """Split a note into its text and signatures; verifies nothing.

    `has_letters` is for notes that hold people's own text (docs/formats/letters.md). `cosigned` is for checkpoints:
    signatures of any length under any name that C2SP allows are kept, even unknown ones.
    """
    limit, most = (MAX_CHECKPOINT_BYTES, MAX_CHECKPOINT_SIGNATURES) if cosigned else (limit, MAX_SIGNATURES)
    if len(raw) > limit:
        raise MalformedInput(f"{place}: found {len(raw)} B, expected at most {limit}")
    cut = raw.find(b"\n\n")
    text, tail = raw[: cut + 1], raw[cut + 2 :]
    said = text.decode("utf-8" if has_letters else "ascii", "replace")
    if cut <= 0 or not re.fullmatch(rf"(?:[{LETTERS if has_letters else ' -~'}]+\n)+", said):
        raise MalformedInput(f"{place}: found other bytes, expected lines of text, an empty line, signatures")
    try:
        rows = tail.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedInput(f"{place}: found no UTF-8, expected signature lines") from error
    if rows.pop() or not 1 <= len(rows) <= most:
        raise MalformedInput(f"{place}: found {len(rows)} signature lines or no last LF, expected 1 to {most}")
    signatures: list[Signature] = []
    for row in rows:
        match = (FOREIGN_LINE if cosigned else SIGNATURE_LINE).fullmatch(row)
        value = parse_exact(match[2], place) if match else b""
        if not match or len(value) < 5 or (not cosigned and len(value) != 68):
            raise MalformedInput(f"{place}: found a malformed signature line, expected name and 68 B in base64")
        signatures.append(Signature(name=match[1], key_id=value[:4], value=value[4:]))
    if not cosigned and len({(item.name, item.key_id) for item in signatures}) != len(signatures):
        raise MalformedInput(f"{place}: found a key twice among the signatures, expected each once")
    lines = tuple(said[:-1].split("\n"))
    return Note(raw=raw, text=text, lines=lines, signatures=tuple(signatures))


def verify_signers(note: Note, keys: Iterable[VerifyKey], place: str) -> frozenset[tuple[str, bytes]]:
    """Give the identities of those known keys that signed the note.

    Raises: NotProven if the line of a known key does not verify; the whole note is then invalid. A key id has only 4
    bytes, so somebody can make two keys of one name with the same id. A line must then verify under both, which no line
    does.
    """
    known: dict[tuple[str, bytes], dict[bytes, VerifyKey]] = {}
    for key in keys:
        known.setdefault((key.name, key.key_id), {})[key.public] = key
    signers: set[tuple[str, bytes]] = set()
    for item in note.signatures:
        for key in known.get((item.name, item.key_id), {}).values():
            if len(item.value) != SIGNATURE_BYTES[key.kind]:
                raise NotProven(f"{place}: found a signature of {key.name} of another kind than its key's")
            value, message = item.value, note.text
            if key.kind in COSIGNATURES:
                time, value = int.from_bytes(item.value[:8], "big"), item.value[8:]
                if not 0 < time <= MAX_TIME:
                    raise NotProven(f"{place}: found a cosignature of {key.name} of no time")
                message = _cosigned_message(key, note, time)
            if not key.is_valid(value, message):
                raise NotProven(f"{place}: found a signature of {key.name} that does not verify, expected a valid one")
            signers.add(key.identity)
    return frozenset(signers)


def cosigned_times(note: Note, witnesses: Iterable[VerifyKey], place: str) -> dict[str, int]:
    """Give the time of each witness's newest cosignature, in seconds since 1970.

    A witness with a key of each type is listed once.

    Raises: NotProven if the line of a known key does not verify.
    """
    keys = {(key.name, key.key_id): key for key in witnesses}
    verify_signers(note, keys.values(), place)
    times: dict[str, int] = {}
    for item in note.signatures:
        if (item.name, item.key_id) in keys:
            times[item.name] = max(times.get(item.name, 0), int.from_bytes(item.value[:8], "big"))
    return times


def _cosigned_message(key: VerifyKey, note: Note, time: int) -> bytes:
    """Give the message that a witness signs (C2SP tlog-cosignature).

    For a text that is no checkpoint, give a message that nobody signed.
    """
    if key.kind == COSIGNATURE:
        return b"cosignature/v1\ntime %d\n" % time + note.text
    if len(note.lines) < 3 or not re.fullmatch(r"0|[1-9][0-9]{0,18}", note.lines[1], re.ASCII):
        return b""
    name, origin, size = key.name.encode(), note.lines[0].encode(), int(note.lines[1])
    head = b"subtree/v1\n\0" + bytes([len(name)]) + name + time.to_bytes(8, "big") + bytes([len(origin) & 255]) + origin
    return head + bytes(8) + size.to_bytes(8, "big") + parse_exact(note.lines[2], "checkpoint root")
