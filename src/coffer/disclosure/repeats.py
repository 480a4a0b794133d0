"""Rows of an answer that tell again what another batch told: marked, never left out. Pure. Source: ``docs/formats/answer.md``, "Repeats"."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from coffer.segments.opened import OpenedRow

REPEATED: Final = "repeated"
"""An equal row stands in an earlier batch."""
OVERTAKEN: Final = "overtaken"
"""A later batch of the same feed tells the same event with another duration or outcome."""
REPEATS: Final = ("", REPEATED, OVERTAKEN)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BatchRow:
    """A row, the feed of its segment, and its batch: the log index of the first entry that names a segment of it."""

    batch: int
    feed: str
    row: OpenedRow


def mark_repeats(rows: Iterable[BatchRow]) -> list[OpenedRow]:
    """The rows, marked. What one batch has twice stays two: of equal rows those of the batch that has most of them stand, the earliest of such batches."""
    told = list(rows)
    counts = Counter((_values(one), one.batch) for one in told)
    standing: dict[Hashable, tuple[int, int]] = {}
    for (values, batch), count in counts.items():
        standing[values] = max(standing.get(values, (0, 0)), (count, -batch))
    stands = [standing[_values(one)][1] == -one.batch for one in told]
    last = [one for one, does in zip(told, stands, strict=True) if does]
    marked = [(one, REPEATED) for one, does in zip(told, stands, strict=True) if not does]
    # Of one event the last word counts: later batches come first, and whoever says less gives way.
    last.sort(key=lambda one: (-one.batch, one.row.is_answered, one.row.duration_s or 0))
    return [replace(one.row, repeat=repeat) for one, repeat in [*marked, *_overtaken(last)]]


def _overtaken(told: Sequence[BatchRow]) -> list[tuple[BatchRow, str]]:
    """Rows with their mark, later batches first: as many of an event's rows in a batch are overtaken as one later batch has of them at most."""
    most: Counter[Hashable] = Counter()
    now: dict[Hashable, tuple[int, int]] = {}
    marked = []
    for one in told:
        event = _event(one)
        batch, count = now.get(event, (one.batch, 0))
        if batch != one.batch:
            most[event], count = max(most[event], count), 0
        now[event] = (one.batch, count + 1)
        marked.append((one, OVERTAKEN if count < most[event] else ""))
    return marked


def _values(one: BatchRow) -> Hashable:
    row = one.row
    return (*_told(row), row.duration_s, row.is_answered)


def _event(one: BatchRow) -> Hashable:
    return (one.feed, *_told(one.row))


def _told(row: OpenedRow) -> tuple[Hashable, ...]:
    return (row.line, row.kind, row.direction, row.peer, row.start, row.cell, row.imei, row.imsi)
