"""Ingest, the pure part: counts, what must hold before sealing and logging, and the entries.

The steps are numbered in ``docs/procedures/ingest.md``.
"""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from coffer.bounds import FUTURE
from coffer.errors import MalformedInput, Unavailable
from coffer.ledger.entries import COARSE, BatchId, CoarseCounts, IngestEntry, SegmentLine, TopicOffsets
from coffer.ledger.retention import is_past, oldest_kept
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.records.draft import Window
from coffer.records.readers.text.quoting import QUOTED_TEXT
from coffer.records.settings import KNOWN, MAPPED

SEGMENTS_PER_ENTRY: Final = 300
"""A segment line is about 175 B: 300 of them stay under the 65,535 B of an entry."""
_SEGMENT_LINE_BYTES: Final = 190
_OFFSETS_LINE_BYTES: Final = 120
_LINES_BYTES: Final = 64_000
"""What both kinds of lines may fill of an entry; the rest is for its other lines and its signature."""


@dataclass(slots=True, kw_only=True)
class FileCount:
    """What became of one file's source records: read = kept + rejected + duplicate.

    The counts are exact. They are for the operator's eyes only and are stored nowhere.

    ``merged``: the part of ``duplicate`` whose event another record stands for. ``skipped``: lines that report no
    event; they are not in ``read``. ``format``: how the file was read, and ``reason``: why. ``unindexed``: kept records
    with a party on the no-index list, which has no row. ``emptied``: optional fields that kept records lost because of
    an invalid value, such as ``forwarded: not-a-number``. ``assumed``: what was taken for true because lines do not say
    it, such as ``year 2026``, and for how many lines. ``known``: the part of ``duplicate`` that was sealed before.
    ``is_known``: all lines were. ``remark``: how the file relates to the one read before. ``is_warned``: the remark is
    a warning, because the file did not simply grow. ``dialled``: kept records with a party that is kept as the digits
    dialled, because no such number can exist or several can. ``changed_year``: when the file was last changed; 0: not
    known.
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
    changed_year: int = 0
    remark: str = ""
    is_warned: bool = False
    format: str = ""
    reason: str = ""

    def verify_complete(self) -> None:
        """Prove that every line is accounted for."""
        if self.read != self.kept + self.rejected.total() + self.duplicate:
            raise AssertionError("a line was lost")

    def verify_plausible(self) -> None:
        """Refuse a file if nothing of it could be kept: then it is not written as the feed says.

        Raises:
            MalformedInput: the message names the most frequent reason.
        """
        if self.read and not self.kept and not self.duplicate:
            reason, count = self.rejected.most_common(1)[0]
            raise MalformedInput(
                f"{self.name}: all lines rejected ({self.read:,}), {count:,} of them as {reason}",
                hint=HINTS.get(reason, "is this feed file meant for this file?"),
            )

    def verify_bounded(self, most_percent: Decimal) -> None:
        """Refuse a file of whose new records more are rejected than the feed allows.

        Raises:
            MalformedInput: the message names the rate, the bound and the most frequent reasons.
        """
        rejected, new = self.rejected.total(), self.read - self.known
        if rejected * 100 > most_percent * new:
            raise over_bound(self.name, self.rejected, new, most_percent)

    def verify_understood(self) -> None:
        """Report a failure if most of a file's new lines were rejected.

        The records that were kept are logged by then.

        Raises:
            MalformedInput: the hint says what to set.
        """
        rejected = self.rejected.total()
        if rejected > self.kept:  # merged records count for neither: another record stands for their event
            reason, count = self.rejected.most_common(1)[0]
            raise MalformedInput(
                f"{self.name}: {rejected:,} of {self.read - self.known:,} new lines rejected, {count:,} of them as {reason}; the {self.kept:,} kept are sealed",
                hint=HINTS.get(
                    reason, "is this feed file meant for this file? coffer feed check shows how its lines are read"
                ),
            )


_SHOWN_REASONS: Final = 3
"""The commonest reasons of rejects are shown, with how many each has."""


def year_remarks(name: str, assumed: Counter[str], changed_year: int, form: str) -> list[str]:
    """What the years rest on that stamps without one were given.

    A file that was last changed before such a year denies it. ``form``: the file's format, whose table sets the year.
    """
    years = sorted(int(word.removeprefix("year ")) for word in assumed if word.startswith("year "))
    if not years:
        return []
    limit = years[-1] if form in MAPPED else years[0]  # as the setting: the newest day, or the first line's year
    is_denied = 0 < changed_year < limit
    is_leap = form in MAPPED and years[0] < limit - 1  # only 29 February goes back further than a year
    other = years[0] if is_leap else changed_year if is_denied else limit - 1
    if form in MAPPED:
        setting = f"a table of another year needs newest = {other}-12-31 under [{form}] in the feed"
    else:
        setting = f"a log of another year needs year = {other} under [{KNOWN[form]}] in the feed"
    if is_denied:
        return [
            f"{name}: was last changed in {changed_year}, before the year {limit} that its lines were given: {setting}"
        ]
    if is_leap:
        return [f"{name}: its lines have no year; {years[0]} had a 29 February, so all are probably of it: {setting}"]
    shown = " and ".join(map(str, years))
    return [f"{name}: its lines have no year, each got the newest that is not after the clock: {shown}; {setting}"]


def quoting_remarks(name: str, assumed: Counter[str]) -> list[str]:
    """What to look at where lines within quotes look like rows: in a file that quotes nothing they are."""
    count = assumed[QUOTED_TEXT]
    if not count:
        return []
    lines = "line within quotes looks like a row" if count == 1 else "lines within quotes look like rows"
    return [f'{name}: {count:,} {lines}: if its program quotes nothing, set quote = "" under [csv]']


def over_bound(name: str, rejected: Counter[str], records: int, most_percent: Decimal) -> MalformedInput:
    """The error of a file of which more is rejected than its feed's ``max_rejects``."""
    rate = Decimal(100 * rejected.total()) / max(records, 1)
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in rejected.most_common(_SHOWN_REASONS))
    commonest = rejected.most_common(1)[0][0]
    return MalformedInput(
        f"{name}: {rate:.3g} % rejected ({rejected.total():,} of {records:,} new records: {reasons}), expected at most "
        f"{most_percent.normalize():f} %, the max_rejects of the feed",
        hint=f"{HINTS.get(commonest, 'is this feed meant for this file?')}; coffer feed check FILE --feed FEED.toml shows how it is read",
    )


HINTS: Final = {
    "bad-time": "does date_format in the feed file fit the file's dates?",
    "too-late": "these records are older than the vault's late-days or retention-days allow; or is an epoch-ms in seconds?",
    "wrong-column-count": "is the delimiter in the feed file the file's? Of fixed width: do width, blank and places fit?",
    "in-future": "is this machine's clock right, and time_zone in the feed file that of the source? Is an epoch in milliseconds (epoch-ms)?",
    "row-too-long": 'does a cell begin with a quote that nothing closes? If the file quotes nothing, set quote = "" in the feed file',
    "not-a-number": "do columns a and b in the feed file point to the numbers?",
    "no-b-number": "does the source write who was called? coffer feed check shows how its lines are read",
    "not-utf8": 'say how the file is written: encoding = "cp1252" or "latin-1" in the feed file',
    "bad-duration": 'does duration_s in the feed file point to seconds, or to h:mm:ss? Or set duration_format = "m:s" or "h:m"',
    "bad-answered": "say what the file's words mean: give answered in the feed file values = { WORD = true, OTHER = false }",
    "not-an-address": "do columns a and b in the feed file point to addresses?",
    "unknown-direction": "do the words under direction.values in the feed file occur in the file?",
    "unknown-kind": "do the words under kind.values in the feed file occur in the file?",
}
"""What to set if too little of a file could be kept, by the most frequent reason."""


def accepted_window(state: State, now: dt.datetime) -> Window:
    """Step 3: the start times that are accepted.

    A record may not be older than late-days, and not so old that its keys are destroyed or would be at once.
    """
    roster, today = state.roster, now.date()
    first = max(today - dt.timedelta(days=roster.late_days), oldest_kept(roster.retention_days, today))
    shortest = min(old.retention_days for old in state.rosters.values())
    destroyed = [day for name, day in state.destroyed if roster.custodian(name) is not None]
    gone = [day for day in destroyed if first <= day and is_past(day, shortest, today)]
    if gone:  # a shorter retention was in force, and no later roster brings the destroyed keys back
        first = max(gone) + dt.timedelta(days=1)
    return Window(earliest=dt.datetime.combine(first, dt.time(), dt.UTC), latest=now + FUTURE)


def verify_still_sealed_right(lines: Sequence[SegmentLine], roster: Roster, state: State) -> None:
    """Step 8, before logging: prove that nothing logged since the sealing affects these segments.

    Raises:
        Unavailable: the roster changed or a key was destroyed, so that the segments would be sealed to the wrong
            custodians or to nobody.
    """
    hint = "nothing was logged and nothing stays: run the same command again"
    if state.roster.hash != roster.hash:
        raise Unavailable("ingest: the roster changed while records were sealed", hint=hint)
    for day, rule in sorted({(line.day, line.rule) for line in lines}):
        for custodian in roster.custodians:
            if roster.locks[rule].holders & custodian.bit and (custodian.name, day) in state.destroyed:
                raise Unavailable(
                    f"ingest: custodian {custodian.name} destroyed its key of {day} while records were sealed",
                    hint=hint,
                )


COMPARABLE_ROWS: Final = 8 * 1_024
"""Padded rows of a segment from which on padding is at most an eighth, so that two amounts can be told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """A day and kind of a feed that grows by about as much as it already had.

    ``had``, ``added``: padded rows, so the comparison is only as exact as padding allows.
    """

    day: dt.date
    kind: str
    had: int
    added: int


def overlaps(lines: Sequence[SegmentLine], feed: str, state: State) -> tuple[Overlap, ...]:
    """Days that may have been sealed before: a warning, not a proof.

    For such a day the new segments have as many rows as those in the log that count, within an eighth. A day whose new
    segments have fewer than ``COMPARABLE_ROWS`` on average is never named: rows are padded to 1,024, so that small
    files of a day all look alike.
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
    """The counts of a batch for the log: multiples of ``COARSE``, rounded down."""
    exact = {
        "files": len(files),
        "read": sum(file.read for file in files),
        "kept": sum(file.kept for file in files),
        "rejected": sum(file.rejected.total() for file in files),
        "duplicate": sum(file.duplicate for file in files),
    }
    return CoarseCounts(**{name: count - count % COARSE for name, count in exact.items()})


def ingest_entries(
    *,
    batch: BatchId,
    feed: str,
    counts: CoarseCounts,
    segments: Sequence[SegmentLine],
    tally: bytes | None,
    offsets: TopicOffsets | None = None,
) -> list[IngestEntry]:
    """Step 8: one batch as one or more entries. The batch exists only once the last one is logged."""
    taken = 0 if offsets is None else len(offsets.partitions)
    most = min(SEGMENTS_PER_ENTRY, (_LINES_BYTES - taken * _OFFSETS_LINE_BYTES) // _SEGMENT_LINE_BYTES)
    total = max(1, -(-len(segments) // most))
    return [
        IngestEntry(
            batch=batch,
            number=number + 1,
            total=total,
            feed=feed,
            counts=counts,
            segments=tuple(segments[number * most : (number + 1) * most]),
            tally=tally,
            offsets=offsets,
        )
        for number in range(total)
    ]
