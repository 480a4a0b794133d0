"""Ingest, the shell: reads files, has them sealed, logs.

The steps are numbered in ``docs/procedures/ingest.md``.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import reduce
from types import MappingProxyType
from typing import Final

from coffer.errors import MalformedInput, Unavailable
from coffer.identity.numbering import plans
from coffer.ledger.entries import BatchId, SegmentLine
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.objects.port import Staged
from coffer.procedures.ingest.counting import Counting, Progress
from coffer.procedures.ingest.decide import (
    FUTURE,
    FileCount,
    Overlap,
    accepted_window,
    coarse_counts,
    ingest_entries,
    overlaps,
    verify_still_sealed_right,
)
from coffer.procedures.ingest.fused import is_fused
from coffer.procedures.ingest.holders import living_epoch_keys
from coffer.procedures.ingest.noting import Noting
from coffer.procedures.ingest.prints import Printer
from coffer.procedures.ingest.read import OpenFile, Ordered, in_reading_order, open_file
from coffer.procedures.ingest.remember import File, Known, Memory
from coffer.procedures.ingest.sealer import SealedShare, SealerConfig
from coffer.procedures.ingest.sealers import MakeSealers, OneSealer, Sealers, many_sealers
from coffer.procedures.ingest.sources import STDIN, Source
from coffer.procedures.ingest.threads import sealer_threads
from coffer.procedures.receipts.decide import Missing, verify_receipted
from coffer.records.feed import Feed
from coffer.records.no_index import NoIndex
from coffer.records.rejects import Rejects
from coffer.tally.exact import ExactCounts
from coffer.tally.release import format_table, release, require_noise, tally_hash
from coffer.vault.folder import INGESTER, Vault
from coffer.vault.memory import Cost, Remembered
from coffer.vault.runs import FAILED, KNOWN, LOGGED, LOGGING
from coffer.vault.stored import memory_key, tally_keys

PARALLEL_BYTES: Final = 64 * 2**20
"""Smaller inputs are read in this process, because starting others takes about as long."""

COMMIT_WAIT_S: Final = 3_600.0
"""For the vault's lock, once everything is sealed. Hours of work must not be lost to a queue of openings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSummary:
    """What an ingest did.

    ``batch``: its name in the log, and ``entries``: its indexes there; None and empty if all files were known.
    ``no_index``: the no-index list that was followed. ``late``: receipts missing for over a day. ``overtaken``: records
    sealed before whose events continue in the files read now; they are sealed anew as they are now. ``overlaps``: days
    that may have been sealed before.
    """

    batch: BatchId | None = None
    files: tuple[FileCount, ...]
    segments: int
    rows: int
    entries: tuple[int, ...]
    no_index: NoIndex | None
    late: tuple[Missing, ...] = ()
    overtaken: int = 0
    overlaps: tuple[Overlap, ...] = ()


@dataclass(slots=True)
class _Batch:
    """One ingest under way: its staged files, and whether logging has begun.

    ``begun``: State at step 1. ``roster``: the one under which it seals. ``first_day``: the first of which records can
    still be ingested.
    """

    vault: Vault
    begun: State
    feed: Feed
    roster: Roster
    id: BatchId
    no_index: NoIndex | None
    memory: Memory
    first_day: dt.date
    state: State
    staged: list[Staged] = field(default_factory=list)
    lines: list[SegmentLine] = field(default_factory=list)
    counts: ExactCounts | None = None
    tables: list[bytes] = field(default_factory=list)
    rows: int = 0
    overtaken: int = 0
    is_logging: bool = False

    def collect(self, shares: Sequence[SealedShare]) -> None:
        """Add up what the sealers made."""
        self.staged = [staged for share in shares for staged in share.staged]
        self.lines = [line for share in shares for line in share.lines]
        self.rows = sum(share.rows for share in shares)
        counts = [share.counts for share in shares if share.counts is not None]
        self.counts = reduce(ExactCounts.merge, counts) if counts else None

    def beside_sealing(self, counts: ExactCounts) -> None:
        """Step 7, as far as it can be done beside the last sealing: the tally and the fingerprints of files."""
        self.release_tally(counts)
        self.memory.fingerprints()

    def release_tally(self, counts: ExactCounts) -> None:
        """Release the tally, once."""
        epsilon = self.state.roster.epsilon
        released = release(
            counts, feed=self.feed.name, country_names=plans(self.roster.numbering).country_names, epsilon=epsilon
        )
        self.tables = [format_table(frame, epsilon) for frame in (released.hours, released.countries)]

    def stage_tally(self) -> bytes | None:
        """Step 7: stage the released tally; returns its hash, or None without a record."""
        if self.counts is None:
            return None
        if not self.tables:
            self.release_tally(self.counts)
        tables = self.tables
        objects = self.vault.objects
        staged = objects.stage(dict(zip(tally_keys(self.id), tables, strict=True)))
        self.staged += staged
        objects.settle(staged)
        return tally_hash(*tables)

    def memorize(self, now: dt.datetime) -> list[Remembered]:
        """Step 7: what will be remembered after this ingest.

        The new lines are also staged for other machines that write this log. They name this batch, so that they count
        only once the log has the batch.
        """
        last_day = max((line.day for line in self.lines), default=now.date())
        lines = self.memory.learnt(self.id, last_day, self.first_day)
        if self.vault.machines is not None:
            new = [line for line in lines if line.batch == self.id]
            staged = self.vault.objects.stage({memory_key(self.id): self._sealed(new)})
            self.staged += staged
            self.vault.objects.settle(staged)
        return lines

    def remember(self, lines: Sequence[Remembered]) -> None:
        """Step 8: write the memory, with what other machines learnt since step 1.

        Raises:
            Unavailable: another machine may have sealed one of these files meanwhile. Nothing is logged.
        """
        others = self.vault.remembered_elsewhere(self.state, lines, self.first_day)
        since = [line for line in others if line.batch not in self.begun.batches]
        what = "sealed a file of the same name or length" if self.memory.may_be_of(since) else ""
        if self.state.withdrawn.keys() != self.begun.withdrawn.keys():
            what = "superseded a batch"  # whose files were known at step 1
        if what and not self.memory.ignored:
            raise Unavailable(
                f"ingest: another machine {what} meanwhile; nothing was logged",
                hint="run the command again: it will know what is sealed",
            )
        self.vault.disk.write(self.vault.ingested, self._sealed([*others, *lines]), private=True)

    def _sealed(self, lines: Sequence[Remembered]) -> bytes:
        return self.memory.printer.key.seal(lines, self.memory.entropy)

    def log(self, files: Sequence[FileCount], tally: bytes | None) -> list[int]:
        """Step 8: log the entries, which makes the batch exist; returns their indexes."""
        verify_still_sealed_right(self.lines, self.roster, self.state)
        self.is_logging = True
        key = self.vault.operator_key(INGESTER)
        for file in files:
            file.verify_complete()
        counts = coarse_counts(files)
        bodies = ingest_entries(batch=self.id, feed=self.feed.name, counts=counts, segments=self.lines, tally=tally)
        entries = [self.vault.entry(body, key, self.state) for body in bodies]
        indexes = self.vault.append(entries, self.state)
        self.vault.objects.conclude()
        if self.id not in self.state.batches:
            raise AssertionError("our own ingest entry does not count in State")
        return indexes

    def discard(self) -> None:
        """Remove what this ingest staged, unless logging has begun.

        Once logging has begun, only the log knows whether the batch exists. The next command asks it.
        """
        if not self.is_logging:
            with suppress(Unavailable):  # what cannot be removed now, the next command that writes removes
                self.vault.objects.abandon(self.staged)
                self.vault.leftovers.remove_staged()


def run_ingest(
    vault: Vault,
    feed: Feed,
    names: Sequence[str],
    *,
    on_progress: Progress,
    on_rejects: Callable[[str, Rejects], None],
    workers: int = 1,
    as_new: bool = False,
    until: Mapping[str, int] = MappingProxyType({}),
    on_logging: Callable[[BatchId, Sequence[FileCount]], None] = lambda _batch, _files: None,
    engine: MakeSealers | None = None,
) -> IngestSummary:
    """Read files by a feed, seal their records and log the batch.

    Afterwards the whole batch exists, or nothing of it.

    ``workers``: with more than one, and enough to do, sealing runs in that many processes. ``as_new``: files are read
    whole, whatever is remembered. ``until``: by name, where reading ends in files to which their writers add lines;
    a line ends there. ``on_logging`` is called once, before the batch is logged, when its counts are final: what it
    keeps must count only if the log has the batch. It is not called if every file is known.
    ``engine``: makes the sealers that read and seal, instead of those of this machine.

    Raises:
        MalformedInput: a file is missing, empty, not text, or not written as the feed says, or more of it is rejected
            than the feed's ``max_rejects``.
        Unavailable: epoch keys are missing, receipts are missing for longer than the policy allows, the library that
            adds noise is missing, the disk fails or is full, or another command is writing.
    """
    each = [_open(name, feed, until.get(name)) for name in names]
    opened = in_reading_order(each, feed, vault.outside.clock() + FUTURE)
    with vault.writing():
        pass  # taking the lock clears what a crash left
    with vault.sealing():
        state = vault.replay()
        if vault.stored is not None:
            with vault.alone():
                vault.stored.begin(state, vault.outside.clock)
        no_index = vault.no_index()
        late = tuple(verify_receipted(state, vault.outside.clock(), vault.policy()))
        require_noise(state.roster.epsilon)
        printer = Printer(vault.memory_key(), Cost.of(len(opened), vault.outside.costs.prints))
        first_day, own = accepted_window(state, vault.outside.clock()).earliest.date(), vault.remembered(state)
        memory = Memory(
            printer=printer,
            feed=feed.name,
            lines=[*vault.remembered_elsewhere(state, own, first_day), *own],
            entropy=vault.outside.entropy,
            ignored=as_new,
        )
        batch_id = BatchId(vault.outside.entropy(16))
        batch = _Batch(vault, state, feed, state.roster, batch_id, no_index, memory, first_day, state)
        files: list[FileCount] = []
        size_bytes = sum(one.source.size_bytes() for one in opened)
        told_bytes = 0 if any(map(_is_packed, names)) else size_bytes
        noting = Noting(vault.runs, vault.outside.clock, feed=feed.name, files=len(opened), size_bytes=told_bytes)
        try:
            on_count = Counting(files, on_progress, on_rejects, noting)
            is_large = size_bytes >= PARALLEL_BYTES
            now = vault.outside.clock()
            with (
                _sealers(batch, now, opened, workers if is_large else 1, on_count, engine) as sealers,
                printer.stopping(),
            ):
                _read(opened, files, batch, sealers)
                if all(file.is_known for file in files):
                    noting.tell(KNOWN, files)
                    return IngestSummary(
                        files=tuple(files), segments=0, rows=0, entries=(), no_index=no_index, late=late
                    )
                shares = sealers.finish(batch.beside_sealing)
                batch.overtaken = sealers.overtaken
            for one, file in zip(opened, files, strict=True):
                one.source.verify_unchanged()
                file.verify_plausible()
                file.verify_bounded(feed.max_rejects_percent)
            batch.collect(shares)
            tally = batch.stage_tally()
            memory_lines = batch.memorize(now)
            may_overlap = overlaps(batch.lines, feed.name, batch.state) if any(not file.known for file in files) else ()
            noting.tell(LOGGING, files, batch=batch.id)
            on_logging(batch.id, files)
            with vault.writing(COMMIT_WAIT_S) as batch.state:  # others may have logged something meanwhile
                vault.objects.publish(batch.staged)
                batch.remember(memory_lines)
                entries = batch.log(files, tally)
        except BaseException:  # also Ctrl-C: staged files must not stay (after a kill the next command removes them)
            batch.discard()
            noting.tell(FAILED, files, batch=batch.id)  # of a batch that was being logged, the log knows better
            raise
    noting.tell(LOGGED, files, batch=batch.id)
    return IngestSummary(
        batch=batch.id,
        files=tuple(files),
        segments=len(batch.lines),
        rows=batch.rows,
        entries=tuple(entries),
        no_index=no_index,
        late=late,
        overtaken=batch.overtaken,
        overlaps=may_overlap,
    )


def _open(name: str, feed: Feed, until: int | None) -> OpenFile:
    """A file with its format. What is read up to a place must be lines of plain text."""
    one = open_file(name, feed, None if until is None else Source.open(name, until))
    if until is not None and (not one.is_text or one.source.encoding):
        raise MalformedInput(
            f"{one.source.name}: read as {one.detected.format.name}, expected plain lines",
            hint="such a file can be read only once its writer is done with it",
        )
    return one


def _is_packed(name: str) -> bool:
    """Whether the bytes of a file, as they lie there, tell nothing of how much there is to read."""
    return name == STDIN or name.endswith((".gz", ".zst"))


def _read(opened: Sequence[OpenFile], files: list[FileCount], batch: _Batch, sealers: Sealers) -> None:
    """Steps 1 and 3, file by file, so that the sealers work while the next file is scanned."""
    waiting: list[Ordered] = []  # known files: read only if a later file may continue their events
    for number, one in enumerate(opened):
        file, known = _name(one, batch)
        files.append(file)
        if one.bound is not None:
            new = [run for run in known.runs if not run.is_known]
            for _, chunk in one.source.chunks_of(new, skip_lines=one.skip_lines):
                sealers.take(number, chunk, one.bound)
            continue
        waiting.append(Ordered(number, one, known.runs))
        if not known.is_whole:
            sealers.read(waiting)
            waiting = []


def _name(one: OpenFile, batch: _Batch) -> tuple[FileCount, Known]:
    """Step 1: the part of a file that is sealed already, counted as duplicate.

    It is counted in lines. A file without lines that is known counts as one.
    """
    content = one.source.scan(is_text=one.is_text, marks=batch.memory.marks() if one.is_text else ())
    detected, source = one.detected, one.source
    scanned = File(
        name=source.name,
        inode=source.inode,
        content=content,
        can_go_on=one.is_text,
        keeps_torn=one.keeps_torn,
        skip_lines=one.skip_lines,
    )
    known = batch.memory.recognise(scanned)
    lines = known.lines if one.is_text else int(known.is_whole)
    count = FileCount(
        name=source.name,
        format=detected.format.name,
        reason=detected.reason,
        read=lines,
        duplicate=lines,
        known=lines,
        is_known=known.is_whole,
        changed_year=source.changed_year(),
        remark=known.remark,
        is_warned=known.is_warned,
    )
    return count, known


@contextmanager
def _sealers(
    batch: _Batch,
    now: dt.datetime,
    opened: Sequence[OpenFile],
    workers: int,
    on_count: Counting,
    engine: MakeSealers | None,
) -> Iterator[Sealers]:
    state = batch.state
    config = SealerConfig(
        place=batch.vault.place,
        origin=batch.vault.pins.origin,
        roster=state.roster,
        epoch_keys=living_epoch_keys(state),
        feed=batch.feed,
        window=accepted_window(state, now),
        share=0,
        shares=1,
        no_index=batch.no_index,
    )
    objects, entropy = batch.vault.objects, batch.vault.outside.entropy
    if engine is not None:
        yield engine(config, objects, entropy, on_count)
    elif workers > 1 and all(is_fused(one.bound) for one in opened):
        with sealer_threads(config, objects, entropy, on_count, workers) as threads:
            yield threads
    elif workers > 1:
        with many_sealers(config, workers, on_count) as sealers:
            yield sealers
    else:
        yield OneSealer(config, objects, entropy, on_count)
