"""Ingest, the pure part.

What is read, kept and rejected, what must be there before sealing, and the entries that make it exist.

The steps are numbered in ``docs/procedures/ingest.md``.
"""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from coffer.errors import MalformedInput, Unavailable
from coffer.ledger.entries import COARSE, BatchId, CoarseCounts, IngestEntry, SegmentLine
from coffer.ledger.retention import is_past, oldest_kept
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.records.draft import Window

SEGMENTS_PER_ENTRY: Final = 300
"""A segment line is about 175 B: 300 of them stay under the 65,535 B of an entry."""
FUTURE: Final = dt.timedelta(days=1)
"""Clocks of switches may be ahead or in another zone than told; a day later is certainly wrong."""


@dataclass(slots=True, kw_only=True)
class FileCount:
    """What became of one file's source records: read = kept + rejected + duplicate. Exact: for the operator's eyes, kept nowhere.

    ``merged``: those of ``duplicate`` that tell of an event which another one stands for. ``skipped``: lines that report no event, not read.
    ``format``: what the file was read as, and ``reason``: why.
    ``unindexed``: those of ``kept`` of which a party is on the no-index list, so that it has no row.
    ``emptied``: optional fields that kept records lost because their value is none, like ``forwarded: not-a-number``.
    ``assumed``: what lines do not say and was taken for true, like ``year 2026``, and of how many lines.
    ``known``: the lines, among those of ``duplicate``, that were sealed before. ``is_known``: all of them. ``remark``: what is told of how the file relates to
    the one read before; ``is_warned``: it is no ordinary growth.
    ``dialled``: those of ``kept`` of which a party is no number that can exist, or could be several, and is kept as the digits dialled.
    """

    name: str
    read: int = 0
    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    duplicate: int = 0
    ambiguous: int = 0
    merged: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    unindexed: int = 0
    emptied: Counter[str] = field(default_factory=Counter)
    assumed: Counter[str] = field(default_factory=Counter)
    known: int = 0
    dialled: int = 0
    is_known: bool = False
    remark: str = ""
    is_warned: bool = False
    format: str = ""
    reason: str = ""

    def verify_complete(self) -> None:
        """Every line was accounted for."""
        if self.read != self.kept + self.rejected.total() + self.duplicate:
            raise AssertionError("a line was lost")

    def verify_plausible(self) -> None:
        """Refuse a file of which nothing could be kept: it was written in another way than the feed says.

        Raises:
            MalformedInput: with the most frequent reason.
        """
        if self.read and not self.kept and not self.duplicate:
            reason, count = self.rejected.most_common(1)[0]
            raise MalformedInput(
                f"{self.name}: all lines rejected ({self.read:,}), {count:,} of them as {reason}",
                hint=HINTS.get(reason, "is this feed file meant for this file?"),
            )

    def verify_understood(self) -> None:
        """Refuse to call an ingest a success if most of a file's new lines were rejected. What was kept is logged by then.

        Raises:
            MalformedInput: with what to set.
        """
        rejected = self.rejected.total()
        if rejected > self.kept:  # what is merged tells of an event that another record stands for
            reason, count = self.rejected.most_common(1)[0]
            raise MalformedInput(
                f"{self.name}: {rejected:,} of {self.read - self.known:,} new lines rejected, {count:,} of them as {reason}; the {self.kept:,} kept are sealed",
                hint=HINTS.get(
                    reason, "is this feed file meant for this file? coffer feed check shows how its lines are read"
                ),
            )


HINTS: Final = {
    "bad-time": "does date_format in the feed file fit the file's dates?",
    "too-late": "these records are older than the vault's late-days or retention-days allow",
    "wrong-column-count": "is the delimiter in the feed file the file's?",
    "not-a-number": "do columns a and b in the feed file point to the numbers?",
    "no-b-number": "does the source write who was called? coffer feed check shows how its lines are read",
    "not-utf8": "convert the file, for example iconv -f LATIN1 -t UTF-8 FILE > NEW",
    "bad-duration": "does duration_s in the feed file point to seconds, or to h:mm:ss?",
    "bad-answered": "do the words under answered.values in the feed file occur in the file?",
    "not-an-address": "do columns a and b in the feed file point to addresses?",
    "unknown-kind": "do the words under kind.values in the feed file occur in the file?",
}
"""What to set, by the most frequent reason of a file of which too little could be kept."""


def accepted_window(state: State, now: dt.datetime) -> Window:
    """Step 3: which start times are taken: not older than late-days, nor than what retention would destroy at once, or has destroyed already."""
    roster, today = state.roster, now.date()
    first = max(today - dt.timedelta(days=roster.late_days), oldest_kept(roster.retention_days, today))
    shortest = min(old.retention_days for old in state.rosters.values())
    destroyed = [day for name, day in state.destroyed if roster.custodian(name) is not None]
    gone = [day for day in destroyed if first <= day and is_past(day, shortest, today)]
    if gone:  # a shorter retention was in force, which no later roster takes back
        first = max(gone) + dt.timedelta(days=1)
    return Window(earliest=dt.datetime.combine(first, dt.time(), dt.UTC), latest=now + FUTURE)


def verify_still_sealed_right(lines: Sequence[SegmentLine], roster: Roster, state: State) -> None:
    """Step 8, before logging: what others logged since the segments were sealed leaves them as they should be.

    Raises:
        Unavailable: the roster changed, or a key was destroyed: they would be sealed to the wrong custodians, or to nobody.
    """
    hint = "nothing was logged and nothing stays: run the same command again"
    if state.roster.hash != roster.hash:
        raise Unavailable("ingest: the roster changed while records were sealed", hint=hint)
    for day, rule in sorted({(line.day, line.rule) for line in lines}):
        for custodian in roster.custodians:
            if roster.rules[rule].holders & custodian.bit and (custodian.name, day) in state.destroyed:
                raise Unavailable(
                    f"ingest: custodian {custodian.name} destroyed its key of {day} while records were sealed",
                    hint=hint,
                )


COMPARABLE_ROWS: Final = 8 * 1_024
"""Padded rows a segment from which the padding is at most an eighth of it, so that two amounts can be told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """A day and kind of a feed that grows by what it already had, as nearly as padding lets see. ``had``, ``added``: padded rows."""

    day: dt.date
    kind: str
    had: int
    added: int


def overlaps(lines: Sequence[SegmentLine], feed: str, state: State) -> tuple[Overlap, ...]:
    """Days that may have been sealed before: what is new of them has as many rows as what counts of them in the log, within an eighth.

    A warning and no proof. Of a day whose new segments have fewer than ``COMPARABLE_ROWS`` on average nothing is said: rows are padded to
    1,024, so that small files of a day all look alike.
    """
    added, had, segments = (Counter[tuple[dt.date, str]]() for _ in range(3))
    for line in lines:
        added[line.day, line.kind] += line.rows
        segments[line.day, line.kind] += 1
    for seg_id, segment in state.segments.items():
        key = (segment.line.day, segment.line.kind)
        if key in added and segment.feed == feed and seg_id not in state.superseded:
            had[key] += segment.line.rows
    return tuple(
        Overlap(day=day, kind=kind, had=had[day, kind], added=rows)
        for (day, kind), rows in sorted(added.items())
        if rows >= COMPARABLE_ROWS * segments[day, kind] and 8 * abs(rows - had[day, kind]) <= max(rows, had[day, kind])
    )


def coarse_counts(files: Sequence[FileCount]) -> CoarseCounts:
    """What the log says of a batch's files and lines: whole multiples of ``COARSE``, rounded down."""
    exact = {
        "files": len(files),
        "read": sum(file.read for file in files),
        "kept": sum(file.kept for file in files),
        "rejected": sum(file.rejected.total() for file in files),
        "duplicate": sum(file.duplicate for file in files),
    }
    return CoarseCounts(**{name: count - count % COARSE for name, count in exact.items()})


def ingest_entries(
    *, batch: BatchId, feed: str, counts: CoarseCounts, segments: Sequence[SegmentLine], tally: bytes | None
) -> list[IngestEntry]:
    """Step 8: one batch as one or more entries; nothing of it exists before the last is logged."""
    total = max(1, -(-len(segments) // SEGMENTS_PER_ENTRY))
    return [
        IngestEntry(
            batch=batch,
            number=number + 1,
            total=total,
            feed=feed,
            counts=counts,
            segments=tuple(segments[number * SEGMENTS_PER_ENTRY : (number + 1) * SEGMENTS_PER_ENTRY]),
            tally=tally,
        )
        for number in range(total)
    ]
