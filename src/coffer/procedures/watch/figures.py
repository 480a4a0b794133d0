"""What a watch tells of itself while it goes on: events, and figures as Prometheus reads them. Pure.

Promises: no name of a file and no exact number of records. Records are rounded down to multiples of ``COARSE``, as in
the log, so that figures kept by others do not undo the noise of the tally. What was rejected is exact: it is in no tally.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from coffer.ledger.entries import COARSE
from coffer.serving.figures import Figure, Kind, Sample, gauge, sample
from coffer.vault.watched import Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a folder. ``message``: for people; ``values``: what programs count."""

    kind: str
    folder: str
    message: str
    values: Mapping[str, int] = field(default_factory=dict)
    is_trouble: bool = False


@dataclass(slots=True, kw_only=True)
class Figures:
    """The figures of one folder or topic since the watch began.

    ``lag``: offsets of a topic that are not logged yet, as ``coarse``; None of a folder. ``missed``: those that were
    deleted before they were taken.
    """

    sums: Sums = field(default_factory=Sums)
    size_bytes: int = 0
    finished: int = 0
    refused: int = 0
    failures: int = 0
    waiting: Mapping[str, int] = field(default_factory=dict)
    oldest_ns: int | None = None
    last_batch: dt.datetime | None = None
    lag: int | None = None
    missed: int = 0
    is_in_trouble: bool = False


def coarse(count: int) -> int:
    """A number of records as the log would say it."""
    return count - count % COARSE


def shown(count: int) -> str:
    """The same for people: at least so many."""
    return f"{coarse(count):,}+" if count >= COARSE else f"under {COARSE:,}" if count else "0"


_HELP: Final = {
    "files_total": (Kind.COUNTER, "Files that were taken, and times that one had more."),
    "bytes_total": (Kind.COUNTER, "Bytes of batches that were ingested."),
    "batches_total": (Kind.COUNTER, "Ingest entries that were logged."),
    "records_total": (Kind.COUNTER, "Records by what became of them, in whole 1,024s but for the rejected."),
    "finished_total": (Kind.COUNTER, "Files that were moved or deleted."),
    "refused_files_total": (Kind.COUNTER, "Files of which nothing could be read."),
    "failures_total": (Kind.COUNTER, "Tries that failed and are made again."),
    "waiting_files": (Kind.GAUGE, "Files that wait, by reason."),
    "oldest_waiting_seconds": (Kind.GAUGE, "How long ago the oldest of the waiting files changed."),
    "last_batch_timestamp_seconds": (Kind.GAUGE, "When the last batch was logged; 0 if none was since the start."),
    "lag_offsets": (Kind.GAUGE, "Offsets of a topic that are not logged yet, in whole 1,024s."),
    "missed_offsets_total": (Kind.COUNTER, "Offsets of a topic that were deleted before they were taken."),
    "is_in_trouble": (Kind.GAUGE, "1: the last try failed, and is made again."),
}


def figures_of(folders: Mapping[str, Figures], *, free_bytes: int, now: dt.datetime) -> Sequence[Figure]:
    """The figures of all folders, and of the disk."""
    samples: dict[str, list[Sample]] = {name: [] for name in _HELP}
    for name, one in folders.items():
        for figure, value in _plain(one, now):
            samples[figure].append(sample(value, folder=name))
        for what in ("read", "kept", "duplicate"):
            samples["records_total"].append(sample(coarse(getattr(one.sums, what)), folder=name, what=what))
        samples["records_total"].append(sample(one.sums.rejected, folder=name, what="rejected"))
        if one.lag is not None:
            samples["lag_offsets"].append(sample(one.lag, folder=name))
            samples["missed_offsets_total"].append(sample(one.missed, folder=name))
        waiting = sorted(one.waiting.items())
        samples["waiting_files"] += [sample(count, folder=name, why=why) for why, count in waiting]
    free = gauge("coffer_watch_free_bytes", "Free bytes of the vault's disk.", sample(free_bytes))
    named = [Figure(f"coffer_watch_{name}", kind, text, samples[name]) for name, (kind, text) in _HELP.items()]
    return [*named, free]


def _plain(one: Figures, now: dt.datetime) -> Iterator[tuple[str, int]]:
    """The figures of a folder that have one number each."""
    yield "files_total", one.sums.files + one.sums.grown + one.sums.known
    yield "bytes_total", one.size_bytes
    yield "batches_total", one.sums.batches
    yield "finished_total", one.finished
    yield "refused_files_total", one.refused
    yield "failures_total", one.failures
    oldest_s = 0 if one.oldest_ns is None else max(0, int(now.timestamp()) - one.oldest_ns // 10**9)
    yield "oldest_waiting_seconds", oldest_s
    yield "last_batch_timestamp_seconds", 0 if one.last_batch is None else int(one.last_batch.timestamp())
    yield "is_in_trouble", int(one.is_in_trouble)
