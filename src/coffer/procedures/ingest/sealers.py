"""Sealers side by side: chunks go to the sealer that is free, counts come back.

This is I/O between processes and decides nothing. A single sealer works in this process. Several run in processes of
their own, or as ``threads`` where kernels read the lines. The processes are started afresh and not forked, because the
libraries here have threads. They end with the ingest, and every subkey and plaintext row ends with them. They are
guarded like the command itself, and get no passphrase.
"""

import ctypes
import os
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, Pipe, wait
from multiprocessing.process import BaseProcess
from typing import Final, Protocol

import pyarrow as pa

from coffer import errors
from coffer.children import environment, start
from coffer.disk import Disk
from coffer.entropy import Entropy
from coffer.errors import CofferError, Refused, Unavailable
from coffer.objects.port import Objects
from coffer.procedures.ingest.places import Chunk
from coffer.procedures.ingest.read import InOrder, Ordered, Step
from coffer.procedures.ingest.sealer import ChunkCount, SealedShare, Sealer, SealerConfig
from coffer.records.draft import Parsed, Window
from coffer.records.readers.port import BoundFeed
from coffer.tally.exact import ExactCounts

QUEUED: Final = 2
"""Chunks given to a sealer as places: one at work and one waiting, so that it never idles."""

_PARENT_DEATH_SIGNAL: Final = 1
"""PR_SET_PDEATHSIG of prctl(2)."""

_ONE_THREAD: Final = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "ARROW_IO_THREADS")
"""Variables that libraries read once, when they are loaded."""

OnCount = Callable[[int, ChunkCount], None]
"""Is told a file's number and what became of one of its chunks, in no particular order."""

OnTally = Callable[[ExactCounts], None]
"""Is told the exact counts of the whole ingest, at most once and perhaps by another thread."""


class Sealers(Protocol):
    """Takes the content of files. ``finish`` gives what every sealer made."""

    def take(self, file: int, chunk: Chunk, bound: BoundFeed) -> None:
        """Have lines read and sealed."""
        ...

    def read(self, files: Sequence[Ordered]) -> None:
        """Have files read in order, after those of earlier calls, and their records sealed."""
        ...

    @property
    def overtaken(self) -> int:
        """After ``finish``: how many events that were sealed before continued in what was read in order."""
        ...

    def finish(self, on_tally: OnTally) -> list[SealedShare]:
        """Wait for all sealers; returns what each made.

        ``on_tally`` is told the tally as soon as all is read, where that is known before all is sealed. It may take
        long: other sealers work beside it.
        """
        ...


MakeSealers = Callable[[SealerConfig, Objects, Entropy, OnCount], Sealers]
"""Makes the sealers of an ingest."""


class ReadsHere(ABC):
    """Reads files in order in this thread, while sealers work on what was read before."""

    def __init__(self, window: Window) -> None:
        self._in_order = InOrder(window)
        self.overtaken = 0

    @abstractmethod
    def take_parsed(self, file: int, parsed: Parsed, size_bytes: int) -> None:
        """Have records sealed that were read already, from ``size_bytes`` of the file."""

    def read(self, files: Sequence[Ordered]) -> None:
        """Read files in order, after those of earlier calls, and have their records sealed."""
        for one in files:
            for step in self._in_order.read(one.number, one.opened, one.runs):
                self._give(one.number, step)

    def _finish_reading(self) -> None:
        """Have the last records sealed, once there are no more files."""
        for step in self._in_order.finish():
            self._give(0, step)
            self.overtaken += step.overtaken

    def _give(self, number: int, step: Step) -> None:
        """Give a step's results to the sealers. The bytes are for progress, so they count once."""
        size_bytes = step.size_bytes
        for result in step.results:
            self.take_parsed(result.file, result.parsed, size_bytes)
            size_bytes = 0
        if size_bytes:
            self.take_parsed(number, Parsed.none(), size_bytes)


class OneSealer(ReadsHere):
    """One sealer, in this process."""

    def __init__(self, config: SealerConfig, objects: Objects, entropy: Entropy, on_count: OnCount) -> None:
        super().__init__(config.window)
        self.sealer = Sealer(config, objects, entropy)
        self._on_count = on_count

    def take(self, file: int, chunk: Chunk, bound: BoundFeed) -> None:
        """Read and seal the chunk at once."""
        self._on_count(file, self.sealer.take(chunk, bound))

    def take_parsed(self, file: int, parsed: Parsed, size_bytes: int) -> None:
        """Seal the records at once."""
        self._on_count(file, self.sealer.take_parsed(parsed, size_bytes=size_bytes))

    def finish(self, on_tally: OnTally) -> list[SealedShare]:  # noqa: ARG002  # its tally is in what it made
        """What the sealer made."""
        self._finish_reading()
        return [self.sealer.finish()]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """Work: read lines and seal them."""

    file: int
    chunk: Chunk
    bound: BoundFeed

    @property
    def queued(self) -> int:
        """How many of these may be given to one sealer at once.

        Two if only a place in a file is sent. Bytes go to an idle sealer, because a pipe holds few of them.
        """
        return QUEUED if self.chunk.data is None else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Records:
    """Work: seal records."""

    file: int
    parsed: Parsed
    size_bytes: int
    queued: int = 1


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    pipe: Connection
    waiting: int = 0


class ManySealers(ReadsHere):
    """Sealers in processes of their own. Use ``many_sealers``, which ends them whatever happens."""

    def __init__(self, workers: list[_Worker], window: Window, on_count: OnCount) -> None:
        super().__init__(window)
        self._workers = workers
        self._on_count = on_count

    def take(self, file: int, chunk: Chunk, bound: BoundFeed) -> None:
        """Give the chunk to the sealer that has least to do."""
        self._send(_Lines(file=file, chunk=chunk, bound=bound))

    def take_parsed(self, file: int, parsed: Parsed, size_bytes: int) -> None:
        """Give the records to the sealer that has least to do."""
        self._send(_Records(file=file, parsed=parsed, size_bytes=size_bytes))

    def _send(self, work: _Lines | _Records) -> None:
        while all(worker.waiting >= work.queued for worker in self._workers):
            self._receive()
        worker = min(self._workers, key=lambda w: w.waiting)
        worker.waiting += 1
        self._hand(worker, work)

    def _hand(self, worker: _Worker, message: _Lines | _Records | None) -> None:
        try:
            worker.pipe.send(message)
        except OSError:
            while worker.waiting:
                self._receive()  # re-raises the sealer's own error, if it sent one
            raise _gone() from None

    def finish(self, on_tally: OnTally) -> list[SealedShare]:  # noqa: ARG002  # the tallies come with the last parts
        """Wait for every chunk, then for the last parts; returns what each sealer made."""
        self._finish_reading()
        while any(worker.waiting for worker in self._workers):
            self._receive()
        for worker in self._workers:
            self._hand(worker, None)
        shares = [_result(worker.pipe) for worker in self._workers]
        assert all(isinstance(share, SealedShare) for share in shares)
        return [share for share in shares if isinstance(share, SealedShare)]

    def _receive(self) -> None:
        for ready in wait([worker.pipe for worker in self._workers]):
            worker = next(w for w in self._workers if w.pipe is ready)
            result = _result(worker.pipe)
            assert isinstance(result, tuple)
            worker.waiting -= 1
            self._on_count(*result)


def _gone() -> Unavailable:
    return Unavailable(
        "ingest: a sealing process ended unexpectedly",
        hint="run the command again; if it was killed for memory, use --workers 1",
    )


def _result(pipe: Connection) -> tuple[int, ChunkCount] | SealedShare:
    """The next message of a sealer.

    Raises:
        CofferError: the sealer's own error.
        Unavailable: the sealer is gone.
    """
    try:
        message = pipe.recv()
    except (EOFError, OSError):
        raise _gone() from None
    if isinstance(message, _Failure):
        raise message.error()
    return message  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class _Failure:
    family: str
    message: str
    hint: str | None

    def error(self) -> CofferError:
        family = getattr(errors, self.family)
        if family is Refused:
            return Refused(self.message, code="form", hint=self.hint)
        error = family(self.message, hint=self.hint)
        assert isinstance(error, CofferError)
        return error


@contextmanager
def many_sealers(config: SealerConfig, count: int, on_count: OnCount) -> Iterator[ManySealers]:
    """``count`` sealers in processes of their own, which end when the block is left."""
    workers: list[_Worker] = []
    # One thread each: the processes already use all cores, and more threads would only compete for them.
    try:
        with environment(**dict.fromkeys(_ONE_THREAD, "1")):
            for share in range(count):
                ours, theirs = Pipe()
                args = (replace(config, share=share, shares=count), theirs)
                workers.append(_Worker(start(_work, args, name=f"coffer-sealer-{share}"), ours))
                theirs.close()
        yield ManySealers(workers, config.window, on_count)
    finally:
        for worker in workers:
            worker.pipe.close()
            worker.process.terminate()
        for worker in workers:
            worker.process.join()


def _die_with_parent() -> None:
    """Make the system kill this process when its parent ends.

    A sealer that outlived its parent would stage files after the next command has cleaned up.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == 1:
            os._exit(1)


def _work(config: SealerConfig, pipe: Connection) -> None:
    """A sealing process: chunks in, counts out, until None comes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and ends us
    _die_with_parent()
    pa.set_cpu_count(1)
    try:
        sealer = Sealer(config, config.place.open(Disk(), os.urandom), os.urandom)
        while (work := pipe.recv()) is not None:
            match work:
                case _Lines():
                    count = sealer.take(work.chunk, work.bound)
                case _Records():
                    count = sealer.take_parsed(work.parsed, size_bytes=work.size_bytes)
            pipe.send((work.file, count))
        pipe.send(sealer.finish())
    except CofferError as error:
        pipe.send(_Failure(type(error).__name__, error.message, error.hint))
    except (EOFError, BrokenPipeError):
        return  # the parent is gone, and the ingest with it
