"""What ``coffer watch`` keeps of its folders: files taken, sums of days, numbers and dates.

Promises: it names no file and holds nothing of a record. Sums of a day are exact while people compare them with those of
the source, which is on that day and the next; afterwards they are rounded down to multiples of ``COARSE``, as in the
log. Trusts: the operator's file key.

Implements ``docs/formats/vault.md``, "Watched".
"""

import datetime as dt
import hmac
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from coffer import wire
from coffer.disk import Disk
from coffer.entropy import Entropy
from coffer.errors import MalformedInput, NotProven
from coffer.ledger.entries import COARSE, OffsetMark, TopicId
from coffer.notes.keyfile import NONCE_BYTES
from coffer.notes.keys import Secret

WATCHED: Final = "watched"
WATCH_LOCK: Final = "watch.lock"
EXACT_FOR: Final = dt.timedelta(days=1)
"""How long after its day a sum stays exact: until the next day's end, when the source's own sums have come."""
KEPT_FOR: Final = dt.timedelta(days=35)
"""Long enough to ask about a month."""
_VERSION: Final = 1
_NAME_BYTES: Final = 8
_TOPIC_BYTES: Final = 16
_PADDING: Final = 4_096
_HINT: Final = f"remove {WATCHED} if you cannot restore it: no file is sealed twice then, but the sums begin anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A file of a folder as it was when it was taken.

    ``until``: bytes that were read; all of them unless the file grows. ``batch``: the batch that sealed what was new,
    empty if nothing was.
    """

    inode: tuple[int, int]
    size: int
    changed_ns: int
    until: int
    batch: bytes = b""

    def is_same(self, other: "Taken") -> bool:
        """Whether both are one file that did not change."""
        return (self.inode, self.size, self.changed_ns) == (other.inode, other.size, other.changed_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What one folder gave on one day (UTC).

    ``files``: files that began; ``grown``: times that a file had more; ``known``: files that were sealed before;
    ``empty``: files of no byte. ``read`` = ``kept`` + ``rejected`` + ``duplicate``: records that were not sealed before.
    ``skipped``: lines that report no event. ``rotated``, ``truncated``: files whose name another file took, or that
    became shorter. ``lost_sight``: those that were rotated away, out of the folder or its pattern, with their last lines.
    ``repeated``: numbers of files that came a second time. ``missed``: offsets of a topic that were deleted before they
    were taken. ``reasons``: of the rejected; ``skips``: of the skipped.
    """

    files: int = 0
    grown: int = 0
    known: int = 0
    empty: int = 0
    batches: int = 0
    read: int = 0
    kept: int = 0
    rejected: int = 0
    duplicate: int = 0
    skipped: int = 0
    rotated: int = 0
    truncated: int = 0
    lost_sight: int = 0
    repeated: int = 0
    missed: int = 0
    is_exact: bool = True
    reasons: Mapping[str, int] = field(default_factory=dict)
    skips: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: "Sums") -> "Sums":
        """Both together."""
        counts = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        reasons, skips = (dict(Counter(getattr(self, of)) + Counter(getattr(other, of))) for of in ("reasons", "skips"))
        return Sums(**counts, is_exact=self.is_exact and other.is_exact, reasons=reasons, skips=skips)

    def rounded(self) -> "Sums":
        """The same, with records rounded down as in the log. What was rejected or skipped is in no tally."""
        coarse = {name: getattr(self, name) // COARSE * COARSE for name in ("read", "kept", "duplicate")}
        return replace(self, **coarse, is_exact=False)


_COUNTS: Final = tuple(name for name in Sums.__dataclass_fields__ if name not in ("is_exact", "reasons", "skips"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Numbers of the files of one source, as ranges that came.

    They ascend, and neither touch nor overlap.

    ``node``: a keyed hash that stands for the source.
    """

    node: bytes
    ranges: list[tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """What is kept of one watched folder.

    ``taken``: by the keyed hash of a file's name. ``refused``: files of which nothing could be read, by a feed file with
    the hash ``feed``; ``why``: what was said of each, without names. ``days``: sums by day. ``dates``: days for which a file came.
    """

    taken: dict[bytes, Taken] = field(default_factory=dict)
    refused: dict[bytes, Taken] = field(default_factory=dict)
    feed: bytes = b""
    why: dict[bytes, str] = field(default_factory=dict)
    days: dict[dt.date, Sums] = field(default_factory=dict)
    chains: list[Chain] = field(default_factory=list)
    dates: list[dt.date] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What one batch adds to a folder.

    ``numbers``: node and number of each numbered file.
    """

    folder: str
    day: dt.date
    taken: dict[bytes, Taken]
    sums: Sums
    numbers: list[tuple[bytes, int]] = field(default_factory=list)
    dates: list[dt.date] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """All that is kept. ``pending`` counts only if the log has ``pending_batch``."""

    folders: dict[str, Folder] = field(default_factory=dict)
    pending: Delivery | None = None
    pending_batch: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    version: int
    journal: Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class _Numbered:
    """What is read of a form before anything else."""

    version: int


_DECODER: Final = msgspec.msgpack.Decoder(_Form)
_NUMBERED: Final = msgspec.msgpack.Decoder(_Numbered)


class TopicKey:
    """What the log says of a topic, and what it means.

    A mark is one block under AES: the partition and the offset, enciphered. So equal offsets have equal marks, which is
    what State compares, and nobody else learns from the log how many messages came.
    """

    def __init__(self, secret: bytes) -> None:
        self.id = TopicId(secret[:_TOPIC_BYTES])
        self._cipher = Cipher(AES(secret[32:]), ECB())

    def mark(self, partition: int, offset: int) -> OffsetMark:
        """What stands for an offset."""
        block = self._cipher.encryptor()
        return OffsetMark(block.update(partition.to_bytes(8, "big") + offset.to_bytes(8, "big")) + block.finalize())

    def offset(self, partition: int, mark: OffsetMark) -> int:
        """The inverse of ``mark``.

        Raises:
            NotProven: the mark was not made with this key for this partition.
        """
        block = self._cipher.decryptor()
        raw = block.update(mark) + block.finalize()
        if int.from_bytes(raw[:8], "big") != partition:
            raise NotProven("log: an ingest entry whose offsets this vault's operator did not write")
        return int.from_bytes(raw[8:], "big")


class WatchKey:
    """The operator's ``file`` key, and the keys derived from it."""

    def __init__(self, secret: Secret, origin: str) -> None:
        self._key = hmac.digest(secret.unsafe_bytes(), wire.tag("watched-key"), "sha256")
        self._names = hmac.digest(secret.unsafe_bytes(), wire.tag("watched-names"), "sha256")
        self._topics = hmac.digest(secret.unsafe_bytes(), wire.tag("topics"), "sha256")
        self._aad = wire.tag("watched") + origin.encode("ascii")

    def name(self, name: bytes) -> bytes:
        """A keyed hash that stands for the name of a file or of its source."""
        return hmac.digest(self._names, name, "sha256")[:_NAME_BYTES]

    def topic(self, *, feed: str, cluster: str, topic: str, generation: int) -> TopicKey:
        """The key of a topic as a feed reads it: the same on every machine of the vault."""
        parts = b"".join(wire.lp(part.encode()) for part in (feed, cluster, topic))
        return TopicKey(hmac.digest(self._topics, parts + generation.to_bytes(4, "big"), "sha512"))

    def seal(self, journal: Journal, entropy: Entropy) -> bytes:
        """The journal's file."""
        raw = msgspec.msgpack.encode(_Form(version=_VERSION, journal=journal))
        padded = len(raw).to_bytes(4, "big") + raw
        padded += bytes(-len(padded) % _PADDING)
        nonce = entropy(NONCE_BYTES)
        return nonce + AESGCM(self._key).encrypt(nonce, padded, self._aad)

    def unseal(self, raw: bytes) -> Journal:
        """The inverse of ``seal``.

        Raises:
            NotProven: the file was changed, or belongs to another vault.
            MalformedInput: it has another version.
        """
        try:
            padded = AESGCM(self._key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], self._aad)
        except (InvalidTag, ValueError):
            raise NotProven(f"{WATCHED}: was changed, or is another vault's", hint=_HINT) from None
        content = padded[4 : 4 + int.from_bytes(padded[:4], "big")]
        try:
            if (version := _NUMBERED.decode(content).version) > _VERSION:
                raise MalformedInput(f"{WATCHED}: version {version}, expected {_VERSION}", hint=wire.NEWER)
            form = _DECODER.decode(content)
        except msgspec.DecodeError:
            raise MalformedInput(f"{WATCHED}: not of this version", hint=_HINT) from None
        if form.version != _VERSION:
            raise MalformedInput(f"{WATCHED}: not of this version", hint=_HINT)
        return form.journal


class Watched:
    """The file ``watched`` of a vault.

    One watch at a time writes; anybody with the key reads, without a lock.
    """

    def __init__(self, vault: Path, disk: Disk, *, key: Callable[[], WatchKey], entropy: Entropy) -> None:
        self._path = vault / WATCHED
        self._disk = disk
        self._make_key = key
        self._entropy = entropy

    @property
    def key(self) -> WatchKey:
        """The key that seals the journal and stands for names."""
        return self._make_key()

    def read(self) -> Journal:
        """The journal; an empty one if nothing was ever watched."""
        if not self._disk.is_file(self._path):
            return Journal()
        return self.key.unseal(self._disk.read(self._path))

    def write(self, journal: Journal) -> None:
        """Replace the journal; durable when this returns."""
        self._disk.write(self._path, self.key.seal(journal, self._entropy), private=True)
