"""A task of a cluster: reads one split where it lies, seals it, and tells what it made.

It calls the very functions of an ingest on one machine. Whatever it may say of a failure holds no content.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from coffer.disk import Disk
from coffer.errors import CofferError, MalformedInput, Unavailable
from coffer.guarded import guard
from coffer.notes.keys import seal
from coffer.procedures.ingest.read import InOrder, open_file
from coffer.procedures.ingest.sealer import ChunkCount, SealedShare, Sealer
from coffer.procedures.ingest.spread.outcome import Outcome, file_outcome, format_frame, format_outcome
from coffer.procedures.ingest.spread.work import MAX_SPLITS, Split, Work
from coffer.records.draft import Parsed
from coffer.wire import tag


def outcome_info(number: int) -> bytes:
    """The context in which the outcome of a split is sealed: T("split") || u32 number."""
    return tag("split") + number.to_bytes(4, "big")


class TaskFailed(Exception):  # noqa: N818 - named for what happened, as the families of errors
    """A task that may succeed when it is tried again. What it says holds no content."""


@dataclass(slots=True)
class _Task:
    sealer: Sealer
    work: Work
    counts: defaultdict[int, list[ChunkCount]]
    overtaken: int = 0

    def run(self, split: Split) -> Outcome:
        """Read and seal all of a split."""
        for one in split.lines:
            self.counts[one.file].append(self.sealer.take(one.chunk, self.work.bounds[one.bound]))
        if split.feed is not None:
            self._read_in_order(split)
        return self._outcome(self.sealer.finish())

    def _read_in_order(self, split: Split) -> None:
        assert split.feed is not None, "files in order have a feed"
        readers = InOrder(self.work.config.window)
        for whole in split.files:
            opened = open_file(whole.name, split.feed)
            for step in readers.read(whole.file, opened, whole.runs):
                self.counts[whole.file].append(self.sealer.take_parsed(Parsed.none(), size_bytes=step.size_bytes))
                for one in step.results:
                    self.counts[one.file].append(self.sealer.take_parsed(one.parsed, size_bytes=0))
        for step in readers.finish():
            self.overtaken += step.overtaken
            for one in step.results:
                self.counts[one.file].append(self.sealer.take_parsed(one.parsed, size_bytes=0))

    def _outcome(self, share: SealedShare) -> Outcome:
        folder, counts = self.work.config.place.vault, share.counts
        return Outcome(
            files=tuple(file_outcome(file, parts) for file, parts in sorted(self.counts.items())),
            staged=tuple(str(one.temporary.relative_to(folder)) if one.temporary else one.key for one in share.staged),
            rows=share.rows,
            overtaken=self.overtaken,
            hours=b"" if counts is None else format_frame(counts.hours),
            countries=b"" if counts is None else format_frame(counts.countries),
        )


def seal_split(work: Work, number: int) -> bytes:
    """Read and seal a split; returns the outcome, sealed to the driver.

    Raises:
        TaskFailed: it may succeed when it is tried again.
    """
    guard()
    config = replace(work.config, share=number + 1, shares=MAX_SPLITS + 1)  # the driver's own share is 0
    try:
        objects = config.place.open_for_task(work.tasks, number, Disk(), os.urandom)
        try:
            task = _Task(Sealer(config, objects, os.urandom), work, defaultdict(list))
            outcome = task.run(work.splits[number])
        except BaseException:
            with suppress(Unavailable):  # the driver finds their names too
                objects.abandon([])
            raise
    except CofferError as error:
        if _may_pass(error):
            raise TaskFailed(error.message) from None
        outcome = Outcome(fault=error.message, hint=error.hint or "", is_input=isinstance(error, MalformedInput))
    except Exception as error:  # noqa: BLE001 - the cluster logs what a task raises, and its words may hold a line
        raise TaskFailed(f"unexpected {type(error).__name__}") from None
    return seal(format_outcome(outcome), work.public, info=outcome_info(number))


def _may_pass(error: CofferError) -> bool:
    """Whether a disk, a network or a store failed, which may be well again."""
    cause = error.__cause__ or error.__context__
    is_stores = type(cause).__module__.partition(".")[0] in {"aiohttp", "botocore"}
    return isinstance(error, Unavailable) and (isinstance(cause, OSError) or is_stores)


def sealed_splits(work: Work, numbers: Iterator[int]) -> Iterator[tuple[int, bytes]]:
    """Seal some splits, one after the other; each with its number."""
    for number in numbers:
        yield number, seal_split(work, number)
