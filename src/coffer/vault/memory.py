"""What ingest remembers of the files it read, so that nothing is sealed twice. Pure.

Promises: someone who holds the memory, even with the operator's keys, cannot usefully test a guess about a record. Of a
file's content the memory holds only ``PRINT_BITS`` bits of a slow hash of all that was read, under a salt of its own.
Trusts: the operator's file key. With it, names of files can be guessed.

Implements ``docs/formats/vault.md``, "Remembered files".
"""

import datetime as dt
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from coffer import wire
from coffer.errors import MalformedInput, NotProven
from coffer.ledger.entries import BatchId
from coffer.notes.keyfile import NONCE_BYTES
from coffer.notes.keys import Secret

PRINT_BITS: Final = 20
"""Bits of a fingerprint. One other file in a million is taken for the remembered one.

Of seven million guesses at a record seven fit, and nothing tells which of them is right.
"""
COSTS: Final = ((16, 65_536), (256, 8_192))
"""Up to how many files in one ingest, and KiB of memory for one fingerprint: about 0.1 s and 0.01 s.

An attacker pays that for each guess.
"""
LEAST_KIB: Final = 1_024
"""KiB for more files than that: about 1 ms, so that 100,000 files of one call each take minutes, not hours."""
_MOST_KIB: Final = 2**20
SALT_BYTES: Final = 16
_NAME_BYTES: Final = 8
MAX_LINES: Final = 200_000
"""Lines that are kept; beyond it the oldest are forgotten. A line takes 100 B, and each ingest writes all anew."""
_PADDING: Final = 4_096
"""Bytes to which the memory is padded, so that its size hides a small number of files."""
WHOLE_STEP: Final = 256
"""Lengths of files that are read as a whole are rounded up to a multiple of this.

In many formats such a file is one call, and its exact length tells how long the numbers are.
"""
_VERSION: Final = 2
_OF_BATCH: Final = 3
"""The version of one batch's memory in a store, which is bound to the batch. Before, one was taken for another's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A line of the memory: bytes ``start`` to ``end`` of a file are sealed in ``batch``.

    The bytes are those of the unpacked content. The line counts only if the log has that batch and it was not
    superseded.

    ``chain``: shared by the lines of one file that grew. ``print``: the fingerprint of all content before ``end``.
    ``before``: the fingerprint of all content before ``start``; 0 if ``start`` is 0. ``is_torn``: no line of the file
    ended at ``end``. ``is_whole``: the file is read as a whole, and ``end`` is its length rounded up to ``WHOLE_STEP``.
    ``inode``: number and device, only a hint. ``last_day``: the last day of the batch. Once records of that day are too
    late to be ingested again, the line is forgotten.
    """

    batch: BatchId
    feed: str
    chain: bytes
    name: bytes
    start: int
    end: int
    is_torn: bool
    is_whole: bool
    salt: bytes
    memory_kib: int
    print: int
    before: int
    inode: tuple[int, int]
    last_day: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    version: int
    lines: list[Remembered]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Numbered:
    """What is read of a form before anything else."""

    version: int


_DECODER: Final = msgspec.msgpack.Decoder(_Form)
_NUMBERED: Final = msgspec.msgpack.Decoder(_Numbered)


class MemoryKey:
    """The operator's ``file`` key, and the keys that are derived from it."""

    def __init__(self, secret: Secret, origin: str) -> None:
        self._secret = secret
        self._aad = wire.tag("ingested") + origin.encode("ascii")

    def name(self, name: str) -> bytes:
        """A keyed hash that stands for a file's name."""
        return self._hmac(wire.tag("ingested-name") + name.encode("utf-8", "surrogateescape"))[:_NAME_BYTES]

    def print(self, content_hash: bytes, salt: bytes, memory_kib: int) -> int:
        """The fingerprint of content that has this SHA-256."""
        keyed = self._hmac(wire.tag("ingested-content") + content_hash)
        slow = Argon2id(salt=salt, length=4, iterations=1, lanes=1, memory_cost=memory_kib).derive(keyed)
        return int.from_bytes(slow, "big") >> (32 - PRINT_BITS)

    def seal(self, lines: Sequence[Remembered], entropy: Callable[[int], bytes]) -> bytes:
        """The memory's file: these lines, encrypted. The oldest beyond ``MAX_LINES`` are left out."""
        return self._sealed(_Form(version=_VERSION, lines=list(lines[-MAX_LINES:])), self._aad, entropy)

    def unseal(self, raw: bytes, place: str) -> list[Remembered]:
        """The inverse of ``seal``.

        Raises:
            NotProven: the file was changed, or belongs to another vault.
            MalformedInput: it has another version.
        """
        hint = f"remove {place} if you cannot restore it: every file is then taken as new"
        return self._unsealed(raw, self._aad, _VERSION, place, hint)

    def seal_batch(self, lines: Sequence[Remembered], batch: BatchId, entropy: Callable[[int], bytes]) -> bytes:
        """One batch's lines for other machines, bound to the batch."""
        assert all(line.batch == batch for line in lines), "a batch remembers its own files"
        return self._sealed(_Form(version=_OF_BATCH, lines=list(lines[-MAX_LINES:])), self._bound(batch), entropy)

    def unseal_batch(self, raw: bytes, batch: BatchId, place: str) -> list[Remembered]:
        """The inverse of ``seal_batch``. It may be empty: what a topic gave is no file.

        Raises:
            NotProven: it was changed, or is another batch's or another vault's.
            MalformedInput: it has another version.
        """
        lines = self._unsealed(raw, self._bound(batch), _OF_BATCH, place, None)
        if any(line.batch != batch for line in lines):
            raise NotProven(f"{place}: has lines of another batch")
        return lines

    def _bound(self, batch: BatchId) -> bytes:
        return self._aad + wire.tag("ingested-batch") + batch

    def _sealed(self, form: _Form, aad: bytes, entropy: Callable[[int], bytes]) -> bytes:
        raw = msgspec.msgpack.encode(form)
        padded = len(raw).to_bytes(4, "big") + raw
        padded += bytes(-len(padded) % _PADDING)
        nonce = entropy(NONCE_BYTES)
        return nonce + AESGCM(self._sealing()).encrypt(nonce, padded, aad)

    def _unsealed(self, raw: bytes, aad: bytes, expected: int, place: str, hint: str | None) -> list[Remembered]:
        try:
            padded = AESGCM(self._sealing()).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], aad)
        except (InvalidTag, ValueError):
            raise NotProven(f"{place}: was changed, or is another vault's", hint=hint) from None
        content = padded[4 : 4 + int.from_bytes(padded[:4], "big")]
        try:
            if (version := _NUMBERED.decode(content).version) > expected:
                raise MalformedInput(f"{place}: version {version}, expected {expected}", hint=wire.NEWER)
            form = _DECODER.decode(content)
        except msgspec.DecodeError:
            raise MalformedInput(f"{place}: not of this version", hint=hint) from None
        if form.version != expected or not all(_is_sound(line) for line in form.lines):
            raise MalformedInput(f"{place}: not of this version", hint=hint)
        return form.lines

    def _sealing(self) -> bytes:
        return self._hmac(wire.tag("ingested-key"))

    def _hmac(self, message: bytes) -> bytes:
        return hmac.digest(self._secret.unsafe_bytes(), message, "sha256")


def rounded(size: int) -> int:
    """The length to remember for a file that is read as a whole."""
    return -(-size // WHOLE_STEP) * WHOLE_STEP


def _is_sound(line: Remembered) -> bool:
    """Whether an ingest can have written this line. Someone who has the key may have written others."""
    is_range = 0 <= line.start < line.end and not (line.is_whole and (line.start or line.end != rounded(line.end)))
    return is_range and len(line.salt) == SALT_BYTES and LEAST_KIB <= line.memory_kib <= _MOST_KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of each new fingerprint of one ingest, in KiB of memory."""

    memory_kib: int

    @classmethod
    def of(cls, files: int, steps: Sequence[tuple[int, int]] = COSTS) -> Self:
        """The cost for an ingest of so many files. ``steps``: up to how many files, and KiB, ascending."""
        return cls(memory_kib=next((kib for most, kib in steps if files <= most), LEAST_KIB))
