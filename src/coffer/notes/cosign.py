"""A witness's cosignature: its key, the message it signs, and how many of whom have signed when. Source: C2SP tlog-cosignature (cosignature/v1).

The message is ``cosignature/v1`` LF ``time <t>`` LF and the checkpoint's text; the signature is u64 t || Ed25519 64 B; the key's type is 0x04.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from coffer import wire
from coffer.errors import MalformedInput, NotProven
from coffer.notes.keys import Secret, SigningKey, VerifyKey, parse_key_name
from coffer.notes.note import COSIGNATURE_BYTES, Note, SignatureLine

_COSIGNATURE: Final = b"\x04"
SKEW: Final = dt.timedelta(minutes=15)
"""How far a cosignature may be from the clock, and behind the newest entry: clocks differ by seconds (specification, section 3; THREATS H4)."""
MAX_TIME: Final = 253_402_300_799
"""The end of the year 9999: later seconds are no date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignKey:
    """A witness's public key with its name."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """H(name || LF || 0x04 || public)[:4]."""
        return wire.digest(self.name.encode("ascii"), b"\n", _COSIGNATURE, self.public)[:4]

    def format(self) -> str:
        """The vkey."""
        return f"{self.name}+{self.key_id.hex()}+{wire.format_base64(_COSIGNATURE + self.public)}"

    def time_of(self, note: Note) -> int | None:
        """When this witness cosigned, in seconds since 1970; None if it did not.

        Raises:
            NotProven: a line claims to be this witness's and does not verify.
        """
        for line in note.signatures:
            if (line.name, line.key_id) == (self.name, self.key_id):
                time = int.from_bytes(line.signature[:8], "big")
                key = VerifyKey(name=self.name, public=self.public)
                if (
                    len(line.signature) != COSIGNATURE_BYTES
                    or not 0 < time <= MAX_TIME
                    or not key.is_signature(line.signature[8:], cosigned_message(note.text, time))
                ):
                    raise NotProven(f"checkpoint: the cosignature of {self.name} does not verify")
                return time
        return None


def cosigned_message(text: bytes, time: int) -> bytes:
    """What a witness signs."""
    return b"cosignature/v1\ntime %d\n" % time + text


def parse_cosign_vkey(text: str, place: str) -> CosignKey:
    """Strict inverse of ``CosignKey.format``."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise MalformedInput(f"{place}: not a key, expected name+id+base64")
    raw = wire.parse_base64(parts[2], place, size=33)
    if raw[:1] != _COSIGNATURE:
        raise MalformedInput(f"{place}: key type {raw[0]}, expected 4 (cosignature/v1)")
    key = CosignKey(name=parse_key_name(parts[0], place), public=raw[1:])
    if key.key_id.hex() != parts[1]:
        raise MalformedInput(f"{place}: the key id does not belong to this name and key")
    return key


class Cosigner:
    """A witness's private key with its name."""

    __slots__ = ("_key", "public")

    def __init__(self, name: str, seed: Secret) -> None:
        self._key = SigningKey(name, seed)
        self.public = CosignKey(name=name, public=self._key.verify_key.public)

    @classmethod
    def generate(cls, name: str) -> Self:
        """A fresh key."""
        return cls(name, SigningKey.generate(name).seed)

    @property
    def seed(self) -> Secret:
        """The 32-byte seed, to be stored."""
        return self._key.seed

    def cosign(self, text: bytes, now: dt.datetime) -> SignatureLine:
        """The signature line over a checkpoint's text."""
        time = int(now.timestamp())
        signature = time.to_bytes(8, "big") + self._key.sign(cosigned_message(text, time))
        return SignatureLine(name=self.public.name, key_id=self.public.key_id, signature=signature)

    def __repr__(self) -> str:
        return f"<witness key {self.public.name}>"


def verified_time(key: CosignKey, note: Note) -> int | None:
    """When a witness cosigned; None if it did not, or the line is false."""
    try:
        return key.time_of(note)
    except NotProven:
        return None


def with_newest_cosignatures(old: Note, new: Note, witnesses: Iterable[CosignKey]) -> Note:
    """Two notes of one text as one: the first's other lines, and of each witness the line that verifies with the later time."""
    keys = {(key.name, key.key_id): key for key in witnesses}
    lines = [line for line in old.signatures if (line.name, line.key_id) not in keys]
    for named, key in keys.items():
        times = [(time, note) for note in (old, new) if (time := verified_time(key, note)) is not None]
        if times:
            _, note = max(times, key=lambda item: item[0])
            lines += [line for line in note.signatures if (line.name, line.key_id) == named]
    return Note(text=old.text, signatures=tuple(lines))


def verify_quorum(
    note: Note, witnesses: Iterable[CosignKey], quorum: int, *, newest: dt.datetime, now: dt.datetime | None
) -> None:
    """Prove that ``quorum`` of the witnesses cosigned, none of the newest of them over 15 minutes before the newest entry or from the clock.

    ``now`` None: whoever reads does not act on it being the newest, and an old one will do.

    Raises:
        NotProven: too few, a false one, an old view, or clocks that differ.
    """
    if quorum == 0:
        return
    times = sorted((time for key in witnesses if (time := key.time_of(note)) is not None), reverse=True)
    if len(times) < quorum:
        raise NotProven(
            f"checkpoint: {len(times)} witnesses of the roster cosigned, expected {quorum}",
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
