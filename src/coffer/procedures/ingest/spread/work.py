"""What the tasks of a cluster are given: places in files, and nothing that is secret. Pure.

A split is what one task reads and seals. Its number is the row that the cluster hands to the task. Lines of a file are
split wherever a line begins. Files that one reader must see in order are one split for each format.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from coffer.errors import MalformedInput
from coffer.objects.puts import Tasks
from coffer.procedures.ingest.places import Chunk
from coffer.procedures.ingest.read import Ordered
from coffer.procedures.ingest.sealer import SealerConfig
from coffer.procedures.ingest.sources import Run
from coffer.records.feed import Feed
from coffer.records.readers.port import BoundFeed

SPLIT_BYTES: Final = 256 * 2**20
"""Bytes of lines for one task: a few million records, which make large segments and take a core some seconds."""
MAX_SPLITS: Final = 4_095
"""Tasks of one ingest. Their segments' part numbers are interleaved, so the number of tasks is fixed."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Lines:
    """Whole lines of one file, by their place. ``bound``: the feed's place among those of the work."""

    file: int
    chunk: Chunk
    bound: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Whole:
    """A file that is read in order, by its path or address."""

    file: int
    name: str
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Split:
    """What one task reads: lines, or files in order by ``feed``."""

    lines: tuple[Lines, ...] = ()
    files: tuple[Whole, ...] = ()
    feed: Feed | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Work:
    """All that the tasks of an ingest are given.

    ``public``: the key to which each seals what it gives back. ``tasks``: where they note what they put into a store;
    None if they stage files in the vault's folder.
    """

    config: SealerConfig
    bounds: tuple[BoundFeed, ...]
    splits: tuple[Split, ...]
    public: bytes
    tasks: Tasks | None = None


@dataclass(slots=True)
class Cutting:
    """Collects what is to be read, and cuts it into splits."""

    split_bytes: int = SPLIT_BYTES
    bounds: list[BoundFeed] = field(default_factory=list)
    _lines: list[Lines] = field(default_factory=list)
    _ordered: dict[str, list[Ordered]] = field(default_factory=dict)

    def add(self, file: int, chunk: Chunk, bound: BoundFeed) -> None:
        """Lines that a task can read at their place."""
        if not self.bounds or self.bounds[-1] != bound:
            self.bounds.append(bound)
        self._lines.append(Lines(file=file, chunk=chunk, bound=len(self.bounds) - 1))

    def add_ordered(self, files: Iterable[Ordered]) -> None:
        """Files that one reader sees in order."""
        for one in files:
            self._ordered.setdefault(one.opened.reader_name, []).append(one)

    def splits(self) -> tuple[Split, ...]:
        """The splits: files in order first, because they take longest."""
        ordered = [_in_order(files) for files in self._ordered.values()]
        total = sum(one.chunk.size_bytes for one in self._lines)
        wanted = max(self.split_bytes, -(-total // max(1, MAX_SPLITS - len(ordered))))
        return (*ordered, *(Split(lines=tuple(part)) for part in _parts(self._lines, wanted)))


def _in_order(files: Sequence[Ordered]) -> Split:
    return Split(files=tuple(map(_whole, files)), feed=files[0].opened.feed)


def _whole(one: Ordered) -> Whole:
    file = one.opened.source.readable
    if file is None:
        raise MalformedInput("standard input: only this machine can read it", hint="ingest it without --engine")
    return Whole(file=one.number, name=file.resolved().name, runs=tuple(one.runs))


def _parts(lines: Sequence[Lines], size_bytes: int) -> list[list[Lines]]:
    """Lines in parts of about this size. No part is larger by more than one chunk."""
    parts: list[list[Lines]] = []
    left = 0
    for one in lines:
        if left <= 0:
            parts.append([])
            left = size_bytes
        parts[-1].append(one)
        left -= one.chunk.size_bytes
    return parts
