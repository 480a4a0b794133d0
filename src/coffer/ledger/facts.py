"""What State is made of: verdicts, segments, batches, openings and absences. Pure."""

import datetime as dt
from dataclasses import dataclass, field

from coffer.ledger.entries import (
    BatchId,
    CloseEntry,
    CoarseCounts,
    DrawEntry,
    Entry,
    IngestEntry,
    IntentEntry,
    SegmentId,
    SegmentLine,
)
from coffer.ledger.roster import Roster
from coffer.ledger.rules import Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Valid:
    """The entry counts."""

    index: int
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalid:
    """The entry has no effect; ``rule`` is the code of the rule it breaks."""

    index: int
    rule: str
    reason: str


Verdict = Valid | Invalid


class Broken(Exception):  # noqa: N818 - never leaves this package
    """An entry breaks ``rule``; ``State`` makes a verdict of it."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.rule = rule
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment that exists: its log line, the feed and roster of its entry, and that entry's index."""

    line: SegmentLine
    feed: str
    roster: Roster
    entry_index: int

    @property
    def lock(self) -> Lock:
        """What seals it."""
        return self.roster.locks[self.line.rule]

    def clauses_held(self, name: str) -> tuple[int, ...]:
        """The clauses of its lock that a custodian holds, ascending."""
        return self.roster.clauses_held(name, self.lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A complete ingest. ``entry_indexes`` are those of its entries, in order."""

    batch: BatchId
    feed: str
    time: dt.datetime
    counts: CoarseCounts
    segments: tuple[SegmentId, ...]
    tally: bytes | None
    entry_indexes: tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class Opening:
    """An intent with what followed. Indexes are log indexes."""

    index: int
    time: dt.datetime
    intent: IntentEntry
    draw: DrawEntry | None = None
    draw_index: int | None = None
    close: CloseEntry | None = None
    close_index: int | None = None

    def take_draw(self, index: int, draw: DrawEntry) -> None:
        """Its draw, which was logged at ``index``."""
        self.draw, self.draw_index = draw, index

    def take_close(self, index: int, close: CloseEntry) -> None:
        """Its close, which was logged at ``index``."""
        self.close, self.close_index = close, index


@dataclass(slots=True, kw_only=True)
class Pending:
    """An ingest of several entries of which the last has not come. None of its segments exists yet.

    ``parts``: log index, roster in force there, and entry of each. ``segments``: what they name.
    """

    first: IngestEntry
    parts: list[tuple[int, Roster, IngestEntry]] = field(default_factory=list)
    segments: set[SegmentId] = field(default_factory=set)

    def add(self, index: int, roster: Roster, entry: IngestEntry) -> None:
        """Take the next entry."""
        self.parts.append((index, roster, entry))
        self.segments |= {line.seg_id for line in entry.segments}

    def completed_segments(self) -> list[Segment]:
        """The segments, once the last entry has come."""
        return [
            Segment(line=line, feed=entry.feed, roster=roster, entry_index=index)
            for index, roster, entry in self.parts
            for line in entry.segments
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A custodian that all others say is gone, and that has not objected.

    ``since``: the log's newest time when the absence was logged.
    """

    index: int
    custodian: str
    since: dt.datetime
    waiting_days: int

    def is_over(self, time: dt.datetime) -> bool:
        """Whether its time to object has passed at ``time``."""
        return time - self.since >= dt.timedelta(days=self.waiting_days)
