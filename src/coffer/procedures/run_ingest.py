"""Ingest, the shell: reads files, has them sealed, logs. The steps are numbered in ``docs/procedures/ingest.md``."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Final, Protocol

from coffer.identity.numbering import plans
from coffer.ledger.entries import BatchId, SegmentLine
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.procedures.ingest import (
    FileCount,
    accepted_window,
    ingest_entries,
    living_epoch_keys,
    verify_still_sealed_right,
)
from coffer.procedures.reading import InOrder, OpenFile, Step, nothing, open_file
from coffer.procedures.receipts import Missing, verify_receipted
from coffer.procedures.run_receipts import policy_of
from coffer.procedures.sealer import ChunkCount, SealedShare, SealerConfig
from coffer.procedures.sealers import OneSealer, Sealers, many_sealers
from coffer.records.feed import Feed
from coffer.records.no_index import NoIndex
from coffer.records.rejects import Rejects
from coffer.segments.seal import Entropy
from coffer.tally.exact import ExactCounts
from coffer.tally.release import format_table, release, tally_hash
from coffer.vault.folder import INGESTER, Vault

PARALLEL_BYTES: Final = 64 * 2**20
"""Smaller inputs are read in this process: starting others takes about as long."""

COMMIT_WAIT_S: Final = 3_600.0
"""For the vault's turn, once everything is sealed: hours of work must not be lost to a queue of openings."""


class Progress(Protocol):
    """Told how far an ingest is."""

    def __call__(self, *, records: int, done_bytes: int) -> None:
        """``records`` lines read, ``done_bytes`` of the files handed out, since the last call."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSummary:
    """What an ingest did.

    ``entries``: indexes in the log, empty if all files were known. ``no_index``: the list it followed. ``late``: receipts missing for over a day.
    """

    files: tuple[FileCount, ...]
    segments: int
    rows: int
    entries: tuple[int, ...]
    no_index: NoIndex | None
    late: tuple[Missing, ...] = ()


@dataclass(slots=True)
class _Batch:
    """One ingest under way: what is staged on disk, and whether logging has begun. ``roster``: the one it seals under."""

    vault: Vault
    state: State
    feed: Feed
    roster: Roster
    id: BatchId
    no_index: NoIndex | None
    staged: list[tuple[Path, Path]] = field(default_factory=list)
    lines: list[SegmentLine] = field(default_factory=list)
    counts: ExactCounts | None = None
    rows: int = 0
    is_logging: bool = False

    def collect(self, shares: Sequence[SealedShare]) -> None:
        """Take over what the sealers made."""
        self.staged = [rename for share in shares for rename in share.staged]
        self.lines = [line for share in shares for line in share.lines]
        self.rows = sum(share.rows for share in shares)
        counts = [share.counts for share in shares if share.counts is not None]
        self.counts = reduce(ExactCounts.merge, counts) if counts else None

    def stage_tally(self) -> bytes | None:
        """Step 7: the released tally, staged; its hash."""
        if self.counts is None:
            return None
        epsilon = self.state.roster.epsilon
        released = release(
            self.counts, feed=self.feed.name, country_names=plans(self.roster.numbering).country_names, epsilon=epsilon
        )
        tables = [format_table(frame, epsilon) for frame in (released.hours, released.countries)]
        for path, raw in zip(self.vault.tally_paths(self.id), tables, strict=True):
            self.staged.append((self.vault.disk.stage(path, raw), path))
        return tally_hash(*tables)

    def log(self, files: Sequence[FileCount], tally: bytes | None, clock: Callable[[], dt.datetime]) -> list[int]:
        """Step 8: the moment at which the batch exists."""
        verify_still_sealed_right(self.lines, self.roster, self.state)
        self.is_logging = True
        key = self.vault.operator_key(INGESTER)
        lines = [file.line for file in files]
        bodies = ingest_entries(batch=self.id, feed=self.feed.name, files=lines, segments=self.lines, tally=tally)
        entries = [self.vault.entry(body, key, self.state, clock) for body in bodies]
        indexes = self.vault.append(entries, self.state)
        if self.id not in self.state.batches:
            raise AssertionError("our own ingest entry does not count in State")
        return indexes

    def discard(self) -> None:
        """Remove what is staged, unless logging has begun.

        From then on only the log knows whether the batch exists, and the next command asks it.
        """
        if not self.is_logging:
            self.vault.remove_unlogged(self.state)


def run_ingest(
    vault: Vault,
    feed: Feed,
    names: Sequence[str],
    *,
    clock: Callable[[], dt.datetime],
    entropy: Entropy,
    on_progress: Progress,
    on_rejects: Callable[[str, Rejects], None],
    workers: int = 1,
) -> IngestSummary:
    """Read files by a feed, seal what they hold, log it. Either all of it exists afterwards, or nothing.

    With more than one worker, and enough to do for them, sealing is done in that many processes.

    Raises:
        MalformedInput: a file is missing, empty, no text, or written in another way than the feed says.
        Unavailable: epoch keys are missing, receipts are missing for longer than the policy allows, the disk fails or is full, another command
            is writing.
    """
    opened = [open_file(name, feed) for name in names]
    with vault.writing():
        pass  # what a crash left behind is gone now
    with vault.sealing():
        state = vault.replay()
        no_index = vault.no_index()
        late = tuple(verify_receipted(state, clock(), policy_of(vault)))
        batch = _Batch(vault, state, feed, state.roster, BatchId(entropy(16)), no_index)
        files: list[FileCount] = []
        try:
            on_count = _Counter(files, on_progress, on_rejects)
            is_large = sum(one.source.size_bytes() for one in opened) >= PARALLEL_BYTES
            now = clock()
            readers = InOrder(feed, accepted_window(state, now))
            with _sealers(batch, now, entropy, workers if is_large else 1, on_count) as sealers:
                _read(opened, files, batch, readers, sealers)
                if all(file.is_known for file in files):
                    return IngestSummary(
                        files=tuple(files), segments=0, rows=0, entries=(), no_index=no_index, late=late
                    )
                shares = sealers.finish()
            for one, file in zip(opened, files, strict=True):
                one.source.verify_unchanged()
                file.verify_plausible()
            batch.collect(shares)
            tally = batch.stage_tally()
            with vault.writing(COMMIT_WAIT_S) as batch.state:  # others may have logged something meanwhile
                vault.disk.publish(batch.staged)
                entries = batch.log(files, tally, clock)
        except BaseException:  # also Ctrl-C: what was staged must not stay; what a kill leaves the next command removes
            batch.discard()
            raise
    return IngestSummary(
        files=tuple(files),
        segments=len(batch.lines),
        rows=batch.rows,
        entries=tuple(entries),
        no_index=no_index,
        late=late,
    )


def _read(
    opened: Sequence[OpenFile], files: list[FileCount], batch: _Batch, readers: InOrder, sealers: Sealers
) -> None:
    """Steps 1 and 3, file by file, so that the sealers work while the next one is named."""
    for number, one in enumerate(opened):
        file = _name(one, files, batch)
        files.append(file)
        if file.is_known:
            continue
        if one.layout is not None:
            for chunk in one.source.chunks(skip_lines=one.skip_lines):
                sealers.take(number, chunk, one.layout)
        else:
            for step in readers.read(number, one):
                _seal(number, step, sealers)
    for step in readers.finish():
        _seal(0, step, sealers)


def _seal(number: int, step: Step, sealers: Sealers) -> None:
    """Hand over what a step gave; the bytes count once, for progress."""
    size_bytes = step.size_bytes
    for found in step.found:
        sealers.take_parsed(found.file, found.parsed, size_bytes)
        size_bytes = 0
    if size_bytes:
        sealers.take_parsed(number, nothing(), size_bytes)


def _name(one: OpenFile, before: Sequence[FileCount], batch: _Batch) -> FileCount:
    """Step 1: a file by its content; one that is known already is counted as duplicate and not read again.

    Its lines are counted, but of a file that has none: that counts as one.
    """
    content = one.source.scan(is_text=one.is_text)
    detected = one.detected
    file = FileCount(
        name=one.source.name,
        file_id=batch.vault.file_id(content.hash),
        format=detected.format.name,
        reason=detected.reason,
    )
    if file.file_id in batch.state.files or any(file.file_id == other.file_id for other in before):
        file.is_known = True
        file.read = file.duplicate = content.lines - one.skip_lines if one.is_text else 1
    return file


@dataclass(frozen=True, slots=True)
class _Counter:
    """Adds up what becomes of each chunk."""

    files: Sequence[FileCount]
    on_progress: Progress
    on_rejects: Callable[[str, Rejects], None]

    def __call__(self, number: int, chunk: ChunkCount) -> None:
        file = self.files[number]
        file.read += chunk.read
        file.kept += chunk.kept
        file.duplicate += chunk.merged.total()
        file.merged.update(chunk.merged)
        file.skipped.update(chunk.skipped)
        file.ambiguous += chunk.ambiguous
        file.unindexed += chunk.unindexed
        file.dialled += chunk.dialled
        file.rejected.update(chunk.rejects.counts())
        self.on_rejects(file.name, chunk.rejects)
        self.on_progress(records=chunk.read, done_bytes=chunk.size_bytes)


@contextmanager
def _sealers(batch: _Batch, now: dt.datetime, entropy: Entropy, workers: int, on_count: _Counter) -> Iterator[Sealers]:
    state = batch.state
    config = SealerConfig(
        folder=batch.vault.segments.folder,
        origin=batch.vault.pins.origin,
        roster=state.roster,
        epoch_keys=living_epoch_keys(state),
        feed=batch.feed,
        window=accepted_window(state, now),
        share=0,
        shares=1,
        no_index=batch.no_index,
    )
    if workers > 1:
        with many_sealers(config, workers, on_count) as sealers:
            yield sealers
    else:
        yield OneSealer(config, batch.vault.disk, entropy, on_count)
