"""Sealers as threads of this process, for lines that kernels read.

Kernels, AES, SHA-256 and writing leave Python's lock, so that the threads work side by side. Readers take chunks and
hold their rows. When too many are held, or at the end, sealers make one segment of each group of rows, the largest
group first, while readers go on. Compared with processes there is one segment of a group instead of one a process, and
nothing is started or sent.
"""

import queue
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import Final

from coffer.bounds import MAX_ROWS
from coffer.entropy import Entropy
from coffer.objects.port import Objects
from coffer.procedures.ingest.places import Chunk
from coffer.procedures.ingest.sealer import ChunkCount, SealedGroup, SealedShare, Sealer, SealerConfig
from coffer.procedures.ingest.sealers import QUEUED, OnCount, OnTally, ReadsHere
from coffer.procedures.ingest.split import GroupKey
from coffer.records.draft import Parsed
from coffer.records.readers.port import BoundFeed
from coffer.segments.header import SegmentCore
from coffer.segments.rows import PackedRows
from coffer.tally.exact import ExactCounts

_SYNCING: Final = 8
"""Files that are made durable at once, beside the sealing: a disk takes what waits together in one turn."""


class SealerThreads(ReadsHere):
    """Takes the content of files. Use ``sealer_threads``, which ends the threads whatever happens."""

    def __init__(
        self,
        config: SealerConfig,
        objects: Objects,
        entropy: Entropy,
        on_count: OnCount,
        pools: "_Pools",
        count: int,
    ) -> None:
        super().__init__(config.window)
        self._pools = pools
        self._objects = objects
        self._held_rows = min(config.held_rows * count, MAX_ROWS // 2)  # what is read meanwhile must fit as well
        self._on_count = on_count
        self._sealer = Sealer(config, objects, entropy)
        self._readers = [Sealer(config, objects, entropy, hands_over=True) for _ in range(count)]
        self._idle: queue.SimpleQueue[Sealer] = queue.SimpleQueue()
        for reader in self._readers:
            self._idle.put(reader)
        self._reading: deque[tuple[int, Future[ChunkCount]]] = deque()
        self._sealing: list[Future[SealedGroup]] = []
        self._syncing: list[Future[None]] = []
        self._made: list[SealedGroup] = []

    def take(self, file: int, chunk: Chunk, bound: BoundFeed) -> None:
        """Have a thread read the lines."""
        self._submit(file, lambda reader: reader.take(chunk, bound))

    def take_parsed(self, file: int, parsed: Parsed, size_bytes: int) -> None:
        """Have a thread keep the rows of records that were read already."""
        self._submit(file, lambda reader: reader.take_parsed(parsed, size_bytes=size_bytes))

    def _submit(self, file: int, work: Callable[[Sealer], ChunkCount]) -> None:
        def run() -> ChunkCount:
            reader = self._idle.get()
            try:
                return work(reader)
            finally:
                self._idle.put(reader)

        while len(self._reading) >= QUEUED * len(self._readers):
            self._collect()
        if sum(reader.held for reader in self._readers) >= self._held_rows:
            self._seal()
        self._reading.append((file, self._pools.reading.submit(run)))

    def _collect(self) -> None:
        file, reading = self._reading.popleft()
        self._on_count(file, reading.result())

    def _collect_all(self) -> None:
        while self._reading:
            self._collect()

    def _handed_over(self) -> dict[GroupKey, list[PackedRows]]:
        """The rows of all threads by group, which the threads no longer hold."""
        groups: dict[GroupKey, list[PackedRows]] = {}
        for reader in self._readers:
            for key, parts in reader.hand_over().items():
                groups.setdefault(key, []).extend(parts)
        return groups

    def _seal(self) -> None:
        """Begin to seal all rows that are held.

        The largest group comes first, so that no thread begins it when the others are done. What was begun
        before is finished first, so that rows are held twice at most.
        """
        self._collect_all()
        self._collect_sealed()
        groups = self._handed_over()
        for key in sorted(groups, key=lambda key: -sum(map(len, groups[key]))):
            core, rows = self._sealer.core(key), groups.pop(key)
            self._sealing.append(self._pools.sealing.submit(self._seal_group, core, key, rows))

    def _seal_group(self, core: SegmentCore, key: GroupKey, rows: list[PackedRows]) -> SealedGroup:
        """Seal one group. Another thread waits until they are durable."""
        made = self._sealer.seal_group(core, key, rows)
        self._syncing.extend(self._pools.syncing.submit(self._objects.settle, [one]) for one in made.staged)
        return made

    def _collect_sealed(self) -> None:
        self._made += [one.result() for one in self._sealing]
        self._sealing = []

    def finish(self, on_tally: OnTally) -> list[SealedShare]:
        """Wait for every chunk, then seal what is held. The tally is released beside that."""
        self._finish_reading()
        self._collect_all()
        counts = [tally for reader in self._readers if (tally := reader.counts()) is not None]
        total = reduce(ExactCounts.merge, counts) if counts else None
        released = None if total is None else self._pools.reading.submit(on_tally, total)
        self._seal()
        self._collect_sealed()
        for waiting in [*self._syncing, *([] if released is None else [released])]:
            waiting.result()
        made = sorted(self._made, key=lambda one: (one.line.day, one.line.kind, one.line.rule, one.line.part))
        return [
            SealedShare(
                staged=[staged for one in made for staged in one.staged],
                lines=[one.line for one in made],
                counts=total,
                rows=sum(one.rows for one in made),
            )
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pools:
    """Threads by what they do.

    Reading has a pool of its own, or it would wait behind all sealing, and the tally with it.
    """

    reading: ThreadPoolExecutor
    sealing: ThreadPoolExecutor
    syncing: ThreadPoolExecutor


@contextmanager
def sealer_threads(
    config: SealerConfig, objects: Objects, entropy: Entropy, on_count: OnCount, count: int
) -> Iterator[SealerThreads]:
    """``count`` threads that read and as many that seal. None works any more when the block is left."""
    pools = _Pools(
        reading=ThreadPoolExecutor(count, thread_name_prefix="coffer-reader"),
        sealing=ThreadPoolExecutor(count, thread_name_prefix="coffer-sealer"),
        syncing=ThreadPoolExecutor(_SYNCING, thread_name_prefix="coffer-syncer"),
    )
    try:
        yield SealerThreads(config, objects, entropy, on_count, pools, count)
    finally:  # what is staged is removed only when nobody stages any more
        for pool in (pools.reading, pools.sealing, pools.syncing):
            pool.shutdown(wait=True, cancel_futures=True)
