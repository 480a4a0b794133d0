"""A witness's cosignature: its keys, the message that it signs, and the quorum rule.

Type 0x04 is Ed25519 over ``cosignature/v1`` LF ``time <t>`` LF and the checkpoint's text. Type 0x06 is ML-DSA-44 over
``subtree/v1`` and the binary form of names, time, size and root; it does not cover extension lines. Both signatures
begin with the time as u64. Source: C2SP tlog-cosignature.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from coffer import wire
from coffer.errors import MalformedInput, NotProven
from coffer.notes.keys import Secret, VerifyKey, parse_key_name
from coffer.notes.note import COSIGNATURE_BYTES, Note, SignatureLine
from coffer.visible import counted

ED25519_COSIGNATURE: Final = 0x04
ML_DSA_44_COSIGNATURE: Final = 0x06
_PUBLIC_BYTES: Final = {ED25519_COSIGNATURE: 32, ML_DSA_44_COSIGNATURE: 1_312}
_SIGNATURE_BYTES: Final = {ED25519_COSIGNATURE: COSIGNATURE_BYTES, ML_DSA_44_COSIGNATURE: 8 + 2_420}
SKEW: Final = dt.timedelta(minutes=15)
"""How far a cosignature may be from the clock, and how far behind the newest entry.

Clocks differ by seconds (``docs/formats/log.md``, "Quorum").
"""
MAX_TIME: Final = 253_402_300_799
"""The end of the year 9999, in seconds since 1970. Later seconds are no date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignKey:
    """One of a witness's public keys, with the witness's name.

    ``kind``: C2SP's type, 0x04 (a key of 32 B) or 0x06 (1,312 B).
    """

    name: str
    public: bytes
    kind: int = ED25519_COSIGNATURE

    @property
    def key_id(self) -> bytes:
        """H(name || LF || kind || public)[:4]."""
        return wire.digest(self.name.encode("ascii"), b"\n", bytes([self.kind]), self.public)[:4]

    def format(self) -> str:
        """The vkey."""
        return f"{self.name}+{self.key_id.hex()}+{wire.format_base64(bytes([self.kind]) + self.public)}"

    def message(self, text: bytes, time: int) -> bytes:
        """What this key signs of a checkpoint.

        Raises:
            MalformedInput: ML-DSA-44 signs what a text says, and this one is no checkpoint's.
        """
        if self.kind == ED25519_COSIGNATURE:
            return cosigned_message(text, time)
        return subtree_message(self.name, text, time)

    def newest_line(self, note: Note) -> tuple[int, SignatureLine] | None:
        """The newest line of this key and its time, in seconds since 1970; None if there is none.

        Raises:
            NotProven: a line claims to be this key's and does not verify.
        """
        lines = [line for line in note.signatures if (line.name, line.key_id) == (self.name, self.key_id)]
        timed = [(self._verified_time(line, note.text), line) for line in lines]
        return max(timed, key=lambda item: item[0], default=None)

    def time_of(self, note: Note) -> int | None:
        """When this key cosigned last, in seconds since 1970; None if it did not.

        Raises:
            NotProven: a line claims to be this key's and does not verify.
        """
        newest = self.newest_line(note)
        return None if newest is None else newest[0]

    def _verified_time(self, line: SignatureLine, text: bytes) -> int:
        time = int.from_bytes(line.signature[:8], "big")
        if (
            len(line.signature) != _SIGNATURE_BYTES[self.kind]
            or not 0 < time <= MAX_TIME
            or not self._is_signature(line.signature[8:], text, time)
        ):
            raise NotProven(f"checkpoint: the cosignature of {self.name} does not verify")
        return time

    def _is_signature(self, signature: bytes, text: bytes, time: int) -> bool:
        try:
            message = self.message(text, time)
            if self.kind == ED25519_COSIGNATURE:
                return VerifyKey(name=self.name, public=self.public).is_signature(signature, message)
            MLDSA44PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError, MalformedInput):
            return False
        return True


def cosigned_message(text: bytes, time: int) -> bytes:
    """The message that a witness signs with an Ed25519 key."""
    return b"cosignature/v1\ntime %d\n" % time + text


def subtree_message(name: str, text: bytes, time: int) -> bytes:
    """The message that a witness signs with an ML-DSA-44 key: the tree from 0 to the checkpoint's size.

    Raises:
        MalformedInput: the text does not begin with origin, size and root.
    """
    lines = text.split(b"\n", 3)
    if len(lines) != 4 or not 0 < len(lines[0]) <= 255:
        raise MalformedInput("checkpoint: expected origin, size and root")
    size = wire.parse_decimal(lines[1].decode("ascii", "replace"), "checkpoint: size", high=2**63 - 1)
    root = wire.parse_base64(lines[2].decode("ascii", "replace"), "checkpoint: root", size=32)
    signer = name.encode("ascii")
    head = b"subtree/v1\n\0" + bytes([len(signer)]) + signer + time.to_bytes(8, "big")
    return head + bytes([len(lines[0])]) + lines[0] + bytes(8) + size.to_bytes(8, "big") + root


def parse_cosign_vkey(text: str, place: str) -> CosignKey:
    """Strict inverse of ``CosignKey.format``."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise MalformedInput(f"{place}: not a key, expected name+id+base64")
    raw = wire.parse_base64(parts[2], place)
    size = _PUBLIC_BYTES.get(raw[0]) if raw else None
    if size is None:
        raise MalformedInput(f"{place}: another type of key, expected 4 (Ed25519 cosignature) or 6 (ML-DSA-44)")
    if len(raw) != 1 + size:
        raise MalformedInput(f"{place}: {len(raw)} bytes, expected {1 + size}")
    key = CosignKey(name=parse_key_name(parts[0], place), public=raw[1:], kind=raw[0])
    if key.key_id.hex() != parts[1]:
        raise MalformedInput(f"{place}: the key id does not belong to this name and key")
    return key


class Cosigner:
    """One of a witness's private keys, with the witness's name.

    ``seed``: 32 B, to be stored. ``kind``: as that of ``CosignKey``.
    """

    __slots__ = ("_key", "public", "seed")

    def __init__(self, name: str, seed: Secret, kind: int = ED25519_COSIGNATURE) -> None:
        parse_key_name(name, "key name")
        self._key: Ed25519PrivateKey | MLDSA44PrivateKey
        if kind == ED25519_COSIGNATURE:
            self._key = Ed25519PrivateKey.from_private_bytes(seed.unsafe_bytes())
        else:
            self._key = MLDSA44PrivateKey.from_seed_bytes(seed.unsafe_bytes())
        self.public = CosignKey(name=name, public=self._key.public_key().public_bytes_raw(), kind=kind)
        self.seed = seed

    @classmethod
    def generate(cls, name: str, kind: int = ED25519_COSIGNATURE) -> Self:
        """A fresh key."""
        key = Ed25519PrivateKey.generate() if kind == ED25519_COSIGNATURE else MLDSA44PrivateKey.generate()
        return cls(name, Secret(key.private_bytes_raw(), "witness seed"), kind)

    def cosign(self, text: bytes, now: dt.datetime) -> SignatureLine:
        """The signature line over a checkpoint's text. That of ML-DSA-44 differs each time."""
        time = int(now.timestamp())
        signature = time.to_bytes(8, "big") + self._key.sign(self.public.message(text, time))
        return SignatureLine(name=self.public.name, key_id=self.public.key_id, signature=signature)

    def __repr__(self) -> str:
        return f"<witness key {self.public.name}>"


def verified_time(key: CosignKey, note: Note) -> int | None:
    """When a witness cosigned last; None if it did not, or if a line does not verify."""
    newest = _newest_if_true(key, note)
    return None if newest is None else newest[0]


def with_newest_cosignatures(old: Note, new: Note, witnesses: Iterable[CosignKey]) -> Note:
    """One note from two of the same text, with the newest cosignature of each witness.

    Lines that do not verify are dropped. Lines of other keys come from ``old``.
    """
    keys = {(key.name, key.key_id): key for key in witnesses}
    lines = [line for line in old.signatures if (line.name, line.key_id) not in keys]
    for key in keys.values():
        timed = [newest for note in (old, new) if (newest := _newest_if_true(key, note)) is not None]
        if timed:
            lines.append(max(timed, key=lambda item: item[0])[1])
    return Note(text=old.text, signatures=tuple(lines))


def _newest_if_true(key: CosignKey, note: Note) -> tuple[int, SignatureLine] | None:
    try:
        return key.newest_line(note)
    except NotProven:
        return None


def verify_quorum(
    note: Note, witnesses: Iterable[CosignKey], quorum: int, *, newest: dt.datetime, now: dt.datetime | None
) -> None:
    """Prove that enough witnesses cosigned, and recently.

    Of the ``quorum`` newest cosignatures none may be more than 15 minutes older than the newest entry, or further than
    that from the clock. ``now``: None accepts an old checkpoint, for callers that do not need the newest view.

    Raises:
        NotProven: there are too few cosignatures, one is false, the view is old, or clocks differ.
    """
    if quorum == 0:
        return
    newest_of: dict[str, int] = {}
    for key in witnesses:  # a witness with two keys counts once, by the newer of its cosignatures
        if (time := key.time_of(note)) is not None:
            newest_of[key.name] = max(time, newest_of.get(key.name, 0))
    times = sorted(newest_of.values(), reverse=True)
    if len(times) < quorum:
        raise NotProven(
            f"checkpoint: {counted(len(times), 'witness')} of the roster cosigned, expected {quorum}",
            hint="ask the witnesses: coffer witness gather VAULT",
        )
    oldest = dt.datetime.fromtimestamp(times[quorum - 1], dt.UTC)
    if newest - oldest > SKEW:
        raise NotProven(
            f"clock: the log's newest entry is dated {wire.format_time(newest)}, cosigned {wire.format_time(oldest)}",
            hint="the clock of whoever wrote the entry, or of a witness, is wrong",
        )
    if now is not None and not -SKEW <= now - oldest <= SKEW:
        raise NotProven(
            f"checkpoint: cosigned {wire.format_time(oldest)}, this clock says {wire.format_time(now.replace(microsecond=0))}",
            hint="an old view of the log, which may hide what came since, or a wrong clock: coffer witness gather VAULT",
        )
