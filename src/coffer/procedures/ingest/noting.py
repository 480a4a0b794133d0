"""An ingest tells how far it is, for the operator's page: now and then while it runs, and at its end."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from coffer.errors import CofferError
from coffer.ledger.entries import COARSE, BatchId
from coffer.procedures.ingest.decide import FileCount
from coffer.procedures.ingest.sealer import ChunkCount
from coffer.records.rejects import Reason
from coffer.vault.runs import MAX_REASONS, READING, RejectedLines, Run, Runs

EVERY: Final = dt.timedelta(seconds=2)
"""Between two tellings: often enough for people, and one small synced file costs a disk nothing."""


class Noting:
    """Keeps the account of one run. The caller is the only ingest.

    A run that cannot be told of goes on: the account is for people who look on, and nothing rests on it.
    """

    def __init__(self, runs: Runs, clock: Callable[[], dt.datetime], *, feed: str, files: int, size_bytes: int) -> None:
        self._runs, self._clock = runs, clock
        self._feed, self._files, self._size_bytes = feed, files, size_bytes
        self._done_bytes = 0
        self._lines: Counter[tuple[int, str]] = Counter()
        self._first: dict[tuple[int, str], int] = {}
        self._began = self._told = clock()
        self._name = runs.name(self._began)
        with suppress(CofferError):
            runs.tidy(self._began)
        self.tell(READING, ())

    def count(self, number: int, chunk: ChunkCount, files: Sequence[FileCount]) -> None:
        """Take the count of one more chunk of the file at ``number``."""
        self._done_bytes += chunk.size_bytes
        for reason in sorted(set(chunk.rejects.reasons.tolist())):
            lines = chunk.rejects.lines[chunk.rejects.reasons == reason]
            key = (number + 1, Reason(reason).label)
            self._lines[key] += len(lines)
            first = int(lines.min())
            self._first[key] = min(first, self._first.get(key, first))
        if self._clock() - self._told >= EVERY:
            self.tell(READING, files)

    def tell(self, stage: str, files: Sequence[FileCount], *, batch: BatchId | None = None) -> None:
        """Write how far it is."""
        self._told = self._clock()
        run = Run(
            feed=self._feed,
            stage=stage,
            began=self._began,
            told=self._told,
            files=self._files,
            size_bytes=self._size_bytes,
            done_bytes=self._done_bytes,
            read=_coarse(sum(file.read for file in files)),
            kept=_coarse(sum(file.kept for file in files)),
            duplicate=_coarse(sum(file.duplicate for file in files)),
            rejected=sum(file.rejected.total() for file in files),
            reasons=tuple(
                RejectedLines(file=file, reason=reason, lines=lines, first=max(1, self._first[file, reason]))
                for (file, reason), lines in self._lines.most_common(MAX_REASONS)
            ),
            batch="" if batch is None else batch.hex(),
        )
        with suppress(CofferError):
            self._runs.write(self._name, run)


def _coarse(count: int) -> int:
    """A number of records as the log would say it."""
    return count - count % COARSE
