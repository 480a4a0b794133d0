"""A sealer: reads and seals one share of an ingest, in this process or in one of its own.

A sealer takes chunks of lines of any file and keeps their rows in memory. Once they are too many it seals them under
keys of its own. Several sealers work side by side without exchanging a row. Nothing that a sealer stages exists before
the ingest entry is logged.

Steps 3 to 6 of ``docs/procedures/ingest.md``.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

from coffer.entropy import Entropy
from coffer.identity.numbering import plans
from coffer.kinds import KIND_NAMES
from coffer.ledger.entries import SegmentLine
from coffer.ledger.roster import Roster
from coffer.objects.place import Place
from coffer.objects.port import Objects, Staged
from coffer.procedures.ingest.fused import I64, FusedReader, is_fused
from coffer.procedures.ingest.holders import EpochKeys, holders_for, segment_line
from coffer.procedures.ingest.indexing import Indexing
from coffer.procedures.ingest.places import Chunk
from coffer.procedures.ingest.split import GroupKey, Split, split_records
from coffer.records.draft import Parsed, Window
from coffer.records.feed import Feed
from coffer.records.no_index import NoIndex
from coffer.records.readers.mapped.csv import BoundCsv
from coffer.records.readers.port import BoundFeed
from coffer.records.rejects import Rejects
from coffer.segments.header import SegmentCore, origin_hash
from coffer.segments.rows import PackedRows, concat_rows
from coffer.segments.seal import seal_segment
from coffer.segments.store import SegmentStore
from coffer.tally.exact import ExactCounts, count

HELD_ROWS: Final = 3_000_000
"""Rows that a sealer holds before it seals them as a part, unless it is told otherwise.

A row takes 40 B, and about 200 B while it is sealed, so that a sealer takes at most 0.7 GiB. Plaintext is never spilled
to a disk.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealerConfig:
    """What a sealer needs. It holds no secret, so it can be sent to another process.

    ``share``: the number of this sealer among ``shares``, from 0. It keeps their part numbers apart. ``held_rows``: it
    seals whenever it holds so many rows. More take memory, and give fewer, larger segments, which open faster. ``ingest``:
    16 random bytes, the name that all its segments bear.
    """

    place: Place
    origin: str
    roster: Roster
    epoch_keys: EpochKeys
    feed: Feed
    window: Window
    share: int
    shares: int
    ingest: bytes
    no_index: NoIndex | None = None
    held_rows: int = HELD_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkCount:
    """What became of some source records of one file: read = kept + rejects + merged.

    ``flaws``: optional fields that kept records lost. ``unindexed``: kept records with a party on the no-index list.
    ``dialled``: kept records with a party that is kept as the digits dialled. The other fields are as in
    ``coffer.records.draft.Parsed``.
    """

    size_bytes: int
    read: int
    kept: int
    ambiguous: int
    rejects: Rejects
    merged: Counter[str]
    skipped: Counter[str]
    unindexed: int
    flaws: Rejects
    assumed: Counter[str]
    dialled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedShare:
    """All that a sealer made.

    ``staged``: objects without their names. ``lines``: the segments. ``counts``: exact, so kept in memory only.
    ``rows``: how many.
    """

    staged: list[Staged]
    lines: list[SegmentLine]
    counts: ExactCounts | None
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedGroup:
    """One segment that was staged; the fields are as in ``SealedShare``."""

    staged: list[Staged]
    line: SegmentLine
    rows: int


class Sealer:
    """Takes chunks and seals their rows. ``finish`` seals the rows that are left.

    ``hands_over``: others seal the rows, who call ``hand_over``.
    """

    def __init__(self, config: SealerConfig, objects: Objects, entropy: Entropy, *, hands_over: bool = False) -> None:
        self.held = 0
        self._config = config
        self._hands_over = hands_over
        self._store = SegmentStore(objects)
        self._entropy = entropy
        self._home = plans(config.roster.numbering).country_names.index(config.feed.home.country)
        self._groups: dict[GroupKey, list[PackedRows]] = {}
        self._parts: Counter[GroupKey] = Counter()
        self._made: list[SealedGroup] = []
        self._counts: ExactCounts | None = None
        self._readers: list[tuple[BoundCsv, FusedReader]] = []
        self._indexing = Indexing(config.feed, config.roster)

    def take(self, chunk: Chunk, bound: BoundFeed) -> ChunkCount:
        """Read whole lines and keep their rows; seal if there are too many.

        Raises:
            Unavailable: an epoch key is missing, or the disk fails.
        """
        reader = self._reader(bound)
        if reader is None:
            parsed = bound.read(chunk.read(), first_line=chunk.first_line, window=self._config.window)
            return self.take_parsed(parsed, size_bytes=chunk.size_bytes)
        counts, odd = reader.read(chunk.read(), first_line=chunk.first_line, keep=self._keep_rows)
        parsed = Parsed.none()
        if odd.data:
            parsed = _renumbered(bound.read(odd.data, first_line=0, window=self._config.window), odd.numbers)
        rest = self.take_parsed(parsed, size_bytes=chunk.size_bytes)
        return replace(
            rest,
            read=rest.read + counts.kept,
            kept=rest.kept + counts.kept,
            unindexed=rest.unindexed + counts.unindexed,
            dialled=rest.dialled + counts.dialled,
        )

    def _reader(self, bound: BoundFeed) -> FusedReader | None:
        """The kernel's reader for a bound feed; None if the kernel cannot read it."""
        if not is_fused(bound):
            return None
        for known, reader in self._readers:
            if known is bound or known == bound:
                return reader
        config = self._config
        made = FusedReader(
            bound,
            roster=config.roster,
            window=config.window,
            no_index=config.no_index,
            entropy=self._entropy,
            on_group=self._verify_keys,
        )
        self._readers.append((bound, made))
        return made

    def take_parsed(self, parsed: Parsed, *, size_bytes: int) -> ChunkCount:
        """Keep the rows of records that were read already; seal if there are too many.

        Raises:
            Unavailable: an epoch key is missing, or the disk fails.
        """
        unindexed = dialled = 0
        if parsed.batch.num_rows:
            config = self._config
            split = split_records(parsed.batch, feed=config.feed, roster=config.roster, no_index=config.no_index)
            unindexed, dialled = split.unindexed, split.dialled
            self._keep(split)
        if not self._hands_over and self.held >= self._config.held_rows:
            self._flush()
        return ChunkCount(
            size_bytes=size_bytes,
            read=parsed.read,
            kept=parsed.batch.num_rows,
            ambiguous=parsed.ambiguous,
            rejects=parsed.rejects,
            merged=parsed.merged,
            skipped=parsed.skipped,
            unindexed=unindexed,
            flaws=parsed.flaws,
            assumed=parsed.assumed,
            dialled=dialled,
        )

    def _keep(self, split: Split) -> None:
        for key, rows in split.groups.items():
            self._keep_rows(key, rows)
        self._add(count(split.counted, home=self._home))

    def _verify_keys(self, key: GroupKey) -> None:
        """Fail early, before an hour of reading, if epoch keys are missing. The real check is at sealing."""
        holders_for(key, self._config.roster, self._config.epoch_keys)

    def _keep_rows(self, key: GroupKey, rows: PackedRows) -> None:
        for group, some in self._indexing.rows(key, rows):
            if not len(some):
                continue
            if group not in self._groups:
                self._verify_keys(group)
            self._groups.setdefault(group, []).append(some)
            self.held += len(some)

    def _add(self, counts: ExactCounts | None) -> None:
        if counts is not None:
            self._counts = counts if self._counts is None else self._counts.merge(counts)

    def counts(self) -> ExactCounts | None:
        """The tally of all that was taken. Nothing may be taken after this."""
        for _, reader in self._readers:
            self._add(reader.finish())
        self._readers = []
        return self._counts

    def hand_over(self) -> dict[GroupKey, list[PackedRows]]:
        """The rows that are held, which are not held any more."""
        groups, self._groups, self.held = self._groups, {}, 0
        return groups

    def finish(self) -> SealedShare:
        """Seal the rows that are left; returns everything that was made."""
        self._flush()
        return SealedShare(
            staged=[staged for one in self._made for staged in one.staged],
            lines=[one.line for one in self._made],
            counts=self.counts(),
            rows=sum(one.rows for one in self._made),
        )

    def _flush(self) -> None:
        groups = self.hand_over()
        made = [self.seal_group(self.core(key), key, groups.pop(key)) for key in sorted(groups)]
        self._store.objects.settle([staged for one in made for staged in one.staged])
        self._made += made

    def seal_group(self, core: SegmentCore, key: GroupKey, parts: list[PackedRows]) -> SealedGroup:
        """Steps 5 and 6: seal a group under fresh keys, check it, stage its objects.

        They are still to be settled. Several threads may do so at once.
        """
        config = self._config
        rows = concat_rows(parts)
        parts.clear()  # each part is held here alone, and is not needed any more
        sealed = seal_segment(
            core,
            rows,
            clauses=tuple(int(clause) for clause in config.roster.locks[key.rule].clauses),
            holders=holders_for(key, config.roster, config.epoch_keys),
            supersedes=bytes(32),
            entropy=self._entropy,
        )
        line = segment_line(sealed.header, KIND_NAMES[key.kind])
        return SealedGroup(staged=self._store.stage(sealed), line=line, rows=len(rows))

    def core(self, key: GroupKey) -> SegmentCore:
        """The core of the next segment of a group."""
        config = self._config
        part = self._parts[key] * config.shares + config.share
        self._parts[key] += 1
        return SegmentCore(
            day=key.day,
            kind=key.kind,
            layout=int(config.feed.layout(key.kind)),
            custodians=len(config.roster.custodians),
            clauses=len(config.roster.locks[key.rule].clauses),
            part=part,
            rule=key.rule,
            feed=config.feed.name,
            roster=config.roster.hash,
            origin=origin_hash(config.origin),
            nonce=config.ingest + self._entropy(32 - len(config.ingest)),
            home=config.feed.home.country,
        )


def _renumbered(parsed: Parsed, numbers: I64) -> Parsed:
    """What became of lines that were counted from 0, by their numbers in the file."""
    rejects, flaws = parsed.rejects, parsed.flaws
    return replace(
        parsed,
        rejects=replace(rejects, lines=numbers[rejects.lines]),
        flaws=replace(flaws, lines=numbers[flaws.lines]),
    )
