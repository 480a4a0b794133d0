"""What a watch tells of itself while it goes on: events, and figures as Prometheus reads them. Pure.

Promises: no name of a file and no exact number of records. Records are rounded down to multiples of ``COARSE``, as in
the log, so that figures kept by others do not undo the noise of the tally. What was rejected is exact: it is in no tally.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from coffer.ledger.entries import COARSE
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
    """The figures of one folder since the watch began."""

    sums: Sums = field(default_factory=Sums)
    size_bytes: int = 0
    finished: int = 0
    refused: int = 0
    failures: int = 0
    waiting: Mapping[str, int] = field(default_factory=dict)
    oldest_ns: int | None = None
    last_batch: dt.datetime | None = None
    is_in_trouble: bool = False


def coarse(count: int) -> int:
    """A number of records as the log would say it."""
    return count - count % COARSE


def shown(count: int) -> str:
    """The same for people: at least so many."""
    return f"{coarse(count):,}+" if count >= COARSE else f"under {COARSE:,}" if count else "0"


_HELP: Final = {
    "files_total": ("counter", "Files that were taken, and times that one had more."),
    "bytes_total": ("counter", "Bytes of batches that were ingested."),
    "batches_total": ("counter", "Ingest entries that were logged."),
    "records_total": ("counter", "Records by what became of them, in whole 1,024s but for the rejected."),
    "finished_total": ("counter", "Files that were moved or deleted."),
    "refused_files_total": ("counter", "Files of which nothing could be read."),
    "failures_total": ("counter", "Tries that failed and are made again."),
    "waiting_files": ("gauge", "Files that wait, by reason."),
    "oldest_waiting_seconds": ("gauge", "How long ago the oldest of the waiting files changed."),
    "last_batch_timestamp_seconds": ("gauge", "When the last batch was logged; 0 if none was since the start."),
    "is_in_trouble": ("gauge", "1: the last try failed, and is made again."),
}


def format_figures(folders: Mapping[str, Figures], *, free_bytes: int, now: dt.datetime) -> str:
    """The figures as Prometheus text (version 0.0.4)."""
    samples: dict[str, list[str]] = {name: [] for name in _HELP}
    for name, one in folders.items():
        label = f'folder="{name}"'
        samples["files_total"].append(f"{{{label}}} {one.sums.files + one.sums.grown + one.sums.known}")
        samples["bytes_total"].append(f"{{{label}}} {one.size_bytes}")
        samples["batches_total"].append(f"{{{label}}} {one.sums.batches}")
        for what in ("read", "kept", "duplicate"):
            samples["records_total"].append(f'{{{label},what="{what}"}} {coarse(getattr(one.sums, what))}')
        samples["records_total"].append(f'{{{label},what="rejected"}} {one.sums.rejected}')
        samples["finished_total"].append(f"{{{label}}} {one.finished}")
        samples["refused_files_total"].append(f"{{{label}}} {one.refused}")
        samples["failures_total"].append(f"{{{label}}} {one.failures}")
        samples["waiting_files"] += [f'{{{label},why="{why}"}} {count}' for why, count in sorted(one.waiting.items())]
        oldest_s = 0 if one.oldest_ns is None else max(0, int(now.timestamp()) - one.oldest_ns // 10**9)
        samples["oldest_waiting_seconds"].append(f"{{{label}}} {oldest_s}")
        last_s = 0 if one.last_batch is None else int(one.last_batch.timestamp())
        samples["last_batch_timestamp_seconds"].append(f"{{{label}}} {last_s}")
        samples["is_in_trouble"].append(f"{{{label}}} {int(one.is_in_trouble)}")
    lines: list[str] = []
    for name, (kind, text) in _HELP.items():
        lines += [f"# HELP coffer_watch_{name} {text}", f"# TYPE coffer_watch_{name} {kind}"]
        lines += [f"coffer_watch_{name}{sample}" for sample in samples[name]]
    lines += ["# HELP coffer_watch_free_bytes Free bytes of the vault's disk.", "# TYPE coffer_watch_free_bytes gauge"]
    return "\n".join([*lines, f"coffer_watch_free_bytes {free_bytes}", ""])
