"""What an entry of the log says, type by type. Values only; ``ledger.grammar`` parses them.

Source: ``docs/formats/entries.md``.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final, NewType

from coffer.ledger.codes import OrderCodes
from coffer.notes.note import Note

BatchId = NewType("BatchId", bytes)
"""16 random bytes that join the entries of one ingest."""
SegmentId = NewType("SegmentId", bytes)
"""H(T("segment") || header_core), 32 bytes."""
TopicId = NewType("TopicId", bytes)
"""16 bytes that stand for a topic as one feed reads it. The operator's key makes them from its name."""
OffsetMark = NewType("OffsetMark", bytes)
"""16 bytes that stand for an offset of one partition. Equal offsets have equal marks; the operator's key tells which it is."""
Commitment = NewType("Commitment", bytes)
"""What the public log shows of an authorization, 32 bytes."""
NAME_DIGITS: Final = 32
"""Hexadecimal digits by which people name an authorization: 128 bits of its commitment.

The writer of requests chooses their salts. To make two commitments that begin with the same n bits takes about 2^(n/2) tries; to match a given one takes
2^n. With eight digits (32 bits) either is easy, and 80 bits give a pair within an hour on a rented card. With 128 bits a pair takes 2^64 tries. More
digits would only be harder to compare.
"""

REFUSE_REASONS: Final = ("scope", "time", "form", "merit", "held", "law", "unclear")
SALT_LINE: Final = 4
"""The salt's place among the lines of an authorization, from 0: never revealed."""
COARSE: Final = 1_024
"""The numbers of a batch are rounded down to multiples of this. An exact number would let anybody test guesses about a single record."""
MAX_PARTS: Final = 99_999
"""Entries of one ingest: some thirty million segments."""
MAX_PARTITIONS: Final = 256
"""Partitions of a topic from which one batch takes. With their lines 175 segments still stand in one entry."""
MAX_COUNT: Final = 2**62
"""Limit of rows, records and indexes, where nothing smaller limits them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoarseCounts:
    """How many files and source records a whole batch had, each rounded down.

    Each is a multiple of ``COARSE``; 0 means fewer than that.
    """

    files: int
    read: int
    kept: int
    rejected: int
    duplicate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentLine:
    """One segment of an ingest.

    ``rows`` includes canary and dummies. ``supersedes`` is None for a first version.
    """

    seg_id: SegmentId
    header_hash: bytes
    day: dt.date
    kind: str
    rule: str
    part: int
    rows: int
    supersedes: SegmentId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offsets:
    """What a batch took of one partition: from ``start`` up to ``end``, the next to be taken.

    ``after``: where the log ended before it; None before the first batch. If ``start`` is another one, what stands between
    them had been deleted before it was taken. Numbers would tell how many messages a batch had, so marks stand here.
    """

    partition: int
    after: OffsetMark | None
    start: OffsetMark
    end: OffsetMark

    @property
    def has_gap(self) -> bool:
        """Whether offsets were deleted before they were taken."""
        return self.after is not None and self.start != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicOffsets:
    """What a batch took of a topic; the partitions ascend."""

    topic: TopicId
    partitions: tuple[Offsets, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochKeyEntry:
    """A custodian publishes the public half of a day's key (1,216 B)."""

    roster: bytes
    custodian: str
    day: dt.date
    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestEntry:
    """Part ``number`` of ``total`` of one ingest.

    ``counts`` are the whole batch's, the same in each part. ``tally`` is None if no record was kept. ``offsets`` are
    also the whole batch's; None if it was taken from files.
    """

    batch: BatchId
    number: int
    total: int
    feed: str
    counts: CoarseCounts
    segments: tuple[SegmentLine, ...]
    tally: bytes | None
    offsets: TopicOffsets | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawEntry:
    """An ingester supersedes a batch: its segments are superseded, its tally counts no more."""

    batch: BatchId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptEntry:
    """A custodian could unseal its bundle of a segment: the canary's partial per clause mask it holds."""

    custodian: str
    segment: SegmentId
    canaries: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentEntry:
    """A requester is about to ask under an authorization.

    ``codes``: what the roster shows of its order. ``rules``: in an emergency under the emergency rule, the rules that
    must ratify it; else none.
    """

    authorization: Commitment
    requester: str
    nonce: bytes
    cells_at_most: int
    codes: OrderCodes
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawEntry:
    """A requester commits to the cells it wants opened, and their number of records."""

    intent: int
    table: bytes
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseEntry:
    """How an opening ended. ``took``: since the order was received."""

    intent: int
    result: bytes
    records: int
    answers: int
    unconfirmed_cells: int
    outcome: str
    took: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseEntry:
    """A custodian said no. ``order_class``, ``urgency``: what the roster shows of the order."""

    authorization: Commitment
    custodian: str
    reason: str
    order_class: str
    urgency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeEntry:
    """A custodian ends an authorization; nobody answers to it from here on."""

    authorization: Commitment


@dataclass(frozen=True, slots=True, kw_only=True)
class DestroyEntry:
    """A custodian destroyed its key of a day."""

    custodian: str
    day: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultEntry:
    """One party accuses another, about a segment or about the replies to an intent.

    ``object``: the segment, or the intent's log index. ``evidence``: a hash of what shows the fault.
    """

    accuser: str
    accused: str
    object: SegmentId | int
    evidence: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceEntry:
    """All other custodians say that one is gone for good; it may object."""

    custodian: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectionEntry:
    """The custodian that an absence names is there. ``absence``: the log index of that entry."""

    absence: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RevealedLine:
    """A line of an authorization, made public or kept hidden.

    Public: ``line`` is set and ``proof`` is its HMAC. Hidden: ``line`` is None and ``proof`` is its hash.
    """

    index: int
    proof: bytes
    line: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealEntry:
    """Lines of an authorization, after its secrecy ended."""

    authorization: Commitment
    lines: tuple[RevealedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldEntry:
    """A requester asks that records be kept unread, beyond their retention.

    ``note``: the commitment of the signed hold. ``rules``: those of its subjects, of which custodians must keep.
    """

    note: Commitment
    roster: bytes
    rules: tuple[str, ...]
    requester: str
    until: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldEntry:
    """A custodian keeps its values for a hold, or for a note that extends it.

    ``cells_at_most``: a power of 2, not below the number of its cells, which depends on no record.
    """

    hold: int
    note: Commitment
    custodian: str
    cells_at_most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendEntry:
    """A requester asks that a hold last longer; custodians must say once more that they keep."""

    hold: int
    note: Commitment
    until: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseEntry:
    """A requester or custodian ends a hold: its values are destroyed."""

    hold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RatifyEntry:
    """A custodian agrees, afterwards, to what was opened in an emergency.

    ``intent``: its log index. ``authorization``: that of the intent, since an index is another intent in another history.
    """

    intent: int
    authorization: Commitment
    custodian: str


Body = (
    EpochKeyEntry
    | IngestEntry
    | WithdrawEntry
    | ReceiptEntry
    | IntentEntry
    | DrawEntry
    | CloseEntry
    | RefuseEntry
    | RevokeEntry
    | DestroyEntry
    | FaultEntry
    | RevealEntry
    | AbsenceEntry
    | ObjectionEntry
    | HoldEntry
    | HeldEntry
    | ExtendEntry
    | ReleaseEntry
    | RatifyEntry
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A parsed entry with its note, nothing verified.

    ``body`` is None for a roster, whose text ``parse_roster`` reads.
    """

    note: Note
    origin: str
    time: dt.datetime
    body: Body | None
