"""Ingest, the shell: reads files, has them sealed, logs.

The steps are numbered in ``docs/procedures/ingest.md``.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from coffer.bounds import FUTURE
from coffer.errors import MalformedInput
from coffer.ledger.entries import BatchId
from coffer.procedures.ingest.batch import Batch, begin_batch
from coffer.procedures.ingest.counting import Counting, Progress
from coffer.procedures.ingest.decide import (
    FileCount,
    Overlap,
    accepted_window,
    overlaps,
)
from coffer.procedures.ingest.fused import is_fused
from coffer.procedures.ingest.holders import living_epoch_keys
from coffer.procedures.ingest.messages import Messages, count_messages, open_messages
from coffer.procedures.ingest.noting import Noting
from coffer.procedures.ingest.ranges import File
from coffer.procedures.ingest.read import OpenFile, Ordered, in_reading_order, open_file
from coffer.procedures.ingest.remember import Known
from coffer.procedures.ingest.sealer import HELD_ROWS, SealedShare, SealerConfig
from coffer.procedures.ingest.sealers import MakeSealers, OneSealer, Sealers, many_sealers
from coffer.procedures.ingest.sources import STDIN, Source
from coffer.procedures.ingest.threads import sealer_threads
from coffer.procedures.receipts.decide import Missing
from coffer.records.feed import Feed
from coffer.records.no_index import NoIndex
from coffer.records.rejects import Rejects
from coffer.segments.header import INGEST_BYTES
from coffer.vault.folder import Vault
from coffer.vault.runs import FAILED, KNOWN, LOGGED, LOGGING

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


def run_ingest(
    vault: Vault,
    feed: Feed,
    names: Sequence[str],
    *,
    on_progress: Progress,
    on_rejects: Callable[[str, Rejects], None],
    workers: int = 1,
    held_rows: int = HELD_ROWS,
    as_new: bool = False,
    until: Mapping[str, int] = MappingProxyType({}),
    on_logging: Callable[[BatchId, Sequence[FileCount]], None] = lambda _batch, _files: None,
    engine: MakeSealers | None = None,
    messages: Messages | None = None,
) -> IngestSummary:
    """Read files by a feed, seal their records and log the batch.

    Afterwards the whole batch exists, or nothing of it.

    ``workers``: with more than one, and enough to do, so many read and seal. ``held_rows``: as in ``SealerConfig``.
    ``as_new``: files are read whole, whatever is remembered. ``until``: by name, where reading ends in files to which
    their writers add lines; a line ends there. ``on_logging`` is called once, before the batch is logged, when its
    counts are final: what it keeps must count only if the log has the batch. It is not called if every file is known.
    ``engine``: makes the sealers that read and seal, instead of those of this machine. ``messages``: of a topic, instead
    of files; their offsets say what is new, so that no file's memory is asked or written.

    Raises:
        MalformedInput: a file is missing, empty, not text, or not written as the feed says, or more of it is rejected
            than the feed's ``max_rejects``.
        Unavailable: epoch keys are missing, receipts are missing for longer than the policy allows, the library that
            adds noise is missing, the disk fails or is full, another command is writing, or another watch logged the
            offsets of the messages.
    """
    each = (
        [_open(name, feed, until.get(name)) for name in names] if messages is None else [open_messages(messages, feed)]
    )
    opened = in_reading_order(each, feed, vault.outside.clock() + FUTURE)
    with vault.writing():
        pass  # taking the lock clears what a crash left
    with vault.sealing():
        batch = begin_batch(vault, feed, len(opened), as_new=as_new)
        batch.offsets = None if messages is None else messages.offsets
        work = _Work(batch, opened, messages, _noting(batch, opened, names))
        try:
            with work.sealers(workers, held_rows, engine, on_progress, on_rejects) as sealers:
                is_new = work.seal(sealers)
            if not is_new:
                return work.summary
            work.log(on_logging)
        except BaseException:  # also Ctrl-C: staged files must not stay (after a kill the next command removes them)
            work.fail()
            raise
        batch.sweep_tasks()
    return work.end()


class _Work:
    """One ingest under way: its files, their counts, and what became of them."""

    def __init__(self, batch: Batch, opened: Sequence[OpenFile], messages: Messages | None, noting: Noting) -> None:
        self._batch = batch
        self._opened = opened
        self._messages = messages
        self._noting = noting
        self._now = batch.vault.outside.clock()
        self._files: list[FileCount] = []
        self._shares: Sequence[SealedShare] = ()
        self._entries: Sequence[int] = ()
        self._overlaps: tuple[Overlap, ...] = ()

    @contextmanager
    def sealers(
        self,
        workers: int,
        held_rows: int,
        engine: MakeSealers | None,
        on_progress: Progress,
        on_rejects: Callable[[str, Rejects], None],
    ) -> Iterator[Sealers]:
        """Who seals. Nobody goes on when the block ends."""
        batch, on_count = self._batch, Counting(self._files, on_progress, on_rejects, self._noting)
        config, count = _config(batch, self._now, held_rows), workers if _size(self._opened) >= PARALLEL_BYTES else 1
        with (
            _sealers(batch.vault, config, self._opened, count, on_count, engine) as sealers,
            batch.memory.printer.stopping(),
        ):
            yield sealers

    def seal(self, sealers: Sealers) -> bool:
        """Steps 1 to 5: have what is new in the files sealed; returns whether anything is."""
        _read(self._opened, self._files, self._batch, sealers, self._messages)
        if all(file.is_known for file in self._files):
            self._noting.tell(KNOWN, self._files)
            return False
        self._shares = sealers.finish(self._batch.beside_sealing)
        self._batch.overtaken = sealers.overtaken
        return True

    def log(self, on_logging: Callable[[BatchId, Sequence[FileCount]], None]) -> None:
        """Steps 6 to 8: prove that the files are what they were, stage the rest, and log the batch."""
        batch, files, messages = self._batch, self._files, self._messages
        _verify(self._opened, files, batch.feed, is_plausible=messages is not None and not messages.is_first)
        batch.collect(self._shares)
        tally = batch.stage_tally()
        memory_lines = batch.memorize(self._now)
        if messages is None and any(not file.known for file in files):
            self._overlaps = overlaps(batch.lines, batch.feed.name, batch.state)
        self._noting.tell(LOGGING, files, batch=batch.id)
        on_logging(batch.id, files)
        with batch.vault.writing(COMMIT_WAIT_S) as batch.state:  # others may have logged something meanwhile
            batch.vault.objects.publish(batch.staged)
            batch.remember(memory_lines)
            self._entries = batch.log(files, tally)

    def fail(self) -> None:
        """Remove what was staged, and say that it failed.

        Of a batch that was being logged, the log knows better.
        """
        self._batch.discard()
        self._noting.tell(FAILED, self._files, batch=self._batch.id)

    def end(self) -> IngestSummary:
        """Say that the batch is logged; returns what was done."""
        self._noting.tell(LOGGED, self._files, batch=self._batch.id)
        return self.summary

    @property
    def summary(self) -> IngestSummary:
        """What was done so far."""
        batch = self._batch
        return IngestSummary(
            batch=batch.id if self._entries else None,
            files=tuple(self._files),
            segments=len(batch.lines),
            rows=batch.rows,
            entries=tuple(self._entries),
            no_index=batch.no_index,
            late=batch.late,
            overtaken=batch.overtaken,
            overlaps=self._overlaps,
        )


def _noting(batch: Batch, opened: Sequence[OpenFile], names: Sequence[str]) -> Noting:
    size_bytes = 0 if any(map(_is_packed, names)) else _size(opened)
    vault = batch.vault
    return Noting(vault.runs, vault.outside.clock, feed=batch.feed.name, files=len(opened), size_bytes=size_bytes)


def _size(opened: Sequence[OpenFile]) -> int:
    return sum(one.source.size_bytes() for one in opened)


def _verify(opened: Sequence[OpenFile], files: Sequence[FileCount], feed: Feed, *, is_plausible: bool) -> None:
    """Step 6: the files are what they were, and not more of them is rejected than the feed allows.

    ``is_plausible``: the feed was right for earlier messages of the topic, so that a few bad ones must not stop it.
    """
    for one, file in zip(opened, files, strict=True):
        one.source.verify_unchanged()
        if not is_plausible:
            file.verify_plausible()
        file.verify_bounded(feed.max_rejects_percent)


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


def _read(
    opened: Sequence[OpenFile], files: list[FileCount], batch: Batch, sealers: Sealers, messages: Messages | None
) -> None:
    """Steps 1 and 3, file by file, so that the sealers work while the next file is scanned."""
    waiting: list[Ordered] = []  # known files: read only if a later file may continue their events
    for number, one in enumerate(opened):
        file, known = _name(one, batch) if messages is None else count_messages(messages, one)
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


def _name(one: OpenFile, batch: Batch) -> tuple[FileCount, Known]:
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


def _config(batch: Batch, now: dt.datetime, held_rows: int) -> SealerConfig:
    state = batch.state
    return SealerConfig(
        place=batch.vault.place,
        origin=batch.vault.pins.origin,
        roster=state.roster,
        epoch_keys=living_epoch_keys(state),
        feed=batch.feed,
        window=accepted_window(state, now),
        share=0,
        shares=1,
        ingest=batch.vault.outside.entropy(INGEST_BYTES),
        no_index=batch.no_index,
        held_rows=held_rows,
    )


@contextmanager
def _sealers(
    vault: Vault,
    config: SealerConfig,
    opened: Sequence[OpenFile],
    workers: int,
    on_count: Counting,
    engine: MakeSealers | None,
) -> Iterator[Sealers]:
    objects, entropy = vault.objects, vault.outside.entropy
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
