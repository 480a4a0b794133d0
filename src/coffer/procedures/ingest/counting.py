"""Adds the count of each chunk to the count of its file, and tells those who look on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from coffer.procedures.ingest.decide import FileCount
from coffer.procedures.ingest.noting import Noting
from coffer.procedures.ingest.sealer import ChunkCount
from coffer.records.rejects import Rejects


class Progress(Protocol):
    """Is told how far an ingest is."""

    def __call__(self, *, records: int, done_bytes: int) -> None:
        """Add the progress since the last call: ``records`` read, ``done_bytes`` of the files handed out."""
        ...


@dataclass(frozen=True, slots=True)
class Counting:
    """The counts of an ingest's files."""

    files: Sequence[FileCount]
    on_progress: Progress
    on_rejects: Callable[[str, Rejects], None]
    noting: Noting

    def __call__(self, number: int, chunk: ChunkCount) -> None:
        """Add what became of a chunk of the file at ``number``."""
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
        file.assumed.update(chunk.assumed)
        file.emptied.update(chunk.flaws.field_counts())
        self.on_rejects(file.name, chunk.rejects)
        self.on_progress(records=chunk.read, done_bytes=chunk.size_bytes)
        self.noting.count(number, chunk, self.files)
