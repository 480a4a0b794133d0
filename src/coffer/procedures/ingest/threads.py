"""Sealers as threads of this process, for lines that kernels read.

Kernels, AES, SHA-256 and writing leave Python's lock, so that the threads work side by side. Each thread reads chunks
and holds their rows. When too many are held, or at the end, all wait; then each group of rows is sealed as one segment,
the largest group first. Compared with processes there is one segment of a group instead of one a process, and nothing
is started or sent.
"""

import queue
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import reduce

from coffer.disk import Disk
from coffer.entropy import Entropy
from coffer.procedures.ingest.sealer import FLUSH_ROWS, ChunkCount, SealedGroup, SealedShare, Sealer, SealerConfig
from coffer.procedures.ingest.sealers import QUEUED, OnCount, OnTally
from coffer.procedures.ingest.sources import Chunk
from coffer.procedures.ingest.split import GroupKey
from coffer.records.draft import Parsed
from coffer.records.readers.port import BoundFeed
from coffer.segments.rows import PackedRows
from coffer.tally.exact import ExactCounts


class SealerThreads:
    """Takes the content of files. Use ``sealer_threads``, which ends the threads whatever happens."""

    def __init__(
        self,
        config: SealerConfig,
        disk: Disk,
        entropy: Entropy,
        on_count: OnCount,
        pool: ThreadPoolExecutor,
        count: int,
    ) -> None:
        self._pool = pool
        self._on_count = on_count
        self._sealer = Sealer(config, disk, entropy)
        self._readers = [Sealer(config, disk, entropy, flush_rows=None) for _ in range(count)]
        self._idle: queue.SimpleQueue[Sealer] = queue.SimpleQueue()
        for reader in self._readers:
            self._idle.put(reader)
        self._reading: deque[tuple[int, Future[ChunkCount]]] = deque()
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
        if sum(reader.held for reader in self._readers) >= FLUSH_ROWS * len(self._readers):
            self._collect_all()
            self._seal(self._handed_over())
        self._reading.append((file, self._pool.submit(run)))

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

    def _seal(self, groups: dict[GroupKey, list[PackedRows]]) -> None:
        """Seal groups side by side, the largest first: no thread begins it when the others are done."""
        order = sorted(groups, key=lambda key: -sum(map(len, groups[key])))
        sealing = [
            self._pool.submit(self._sealer.seal_group, self._sealer.core(key), key, groups.pop(key)) for key in order
        ]
        self._made += [one.result() for one in sealing]

    def finish(self, on_tally: OnTally) -> list[SealedShare]:
        """Wait for every chunk, then seal what is held. The tally is released beside that."""
        self._collect_all()
        counts = [tally for reader in self._readers if (tally := reader.counts()) is not None]
        total = reduce(ExactCounts.merge, counts) if counts else None
        released = None if total is None else self._pool.submit(on_tally, total)
        self._seal(self._handed_over())
        if released is not None:
            released.result()
        made = sorted(self._made, key=lambda one: (one.line.day, one.line.kind, one.line.rule, one.line.part))
        return [
            SealedShare(
                staged=[rename for one in made for rename in one.staged],
                lines=[one.line for one in made],
                counts=total,
                rows=sum(one.rows for one in made),
            )
        ]


@contextmanager
def sealer_threads(
    config: SealerConfig, disk: Disk, entropy: Entropy, on_count: OnCount, count: int
) -> Iterator[SealerThreads]:
    """``count`` threads that read and seal. None works any more when the block is left."""
    pool = ThreadPoolExecutor(count, thread_name_prefix="coffer-sealer")
    try:
        yield SealerThreads(config, disk, entropy, on_count, pool, count)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)  # what is staged is removed only when nobody stages any more
