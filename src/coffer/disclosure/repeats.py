"""Rows of an answer that tell again what another batch told: marked, never left out. Pure. Source: ``docs/formats/answer.md``, "Repeats"."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
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
    """The rows, marked. What one batch has twice stays two: of equal rows as many are unmarked as the batch with most of them has."""
    first, again = _beyond(sorted(rows, key=lambda one: one.batch), _values)
    # Of one event the last word counts: those told later come first, and whoever says less gives way.
    first.sort(key=lambda one: (-one.batch, one.row.is_answered, one.row.duration_s or 0))
    last, before = _overtaken(first)
    marked = [(one, "") for one in last] + [(one, OVERTAKEN) for one in before] + [(one, REPEATED) for one in again]
    return [replace(one.row, repeat=repeat) for one, repeat in marked]


def _beyond(rows: Sequence[BatchRow], key: Callable[[BatchRow], Hashable]) -> tuple[list[BatchRow], list[BatchRow]]:
    """Rows that no earlier batch has, and the others; batches ascending."""
    most: Counter[Hashable] = Counter()
    now: dict[Hashable, tuple[int, int]] = {}
    fresh: list[BatchRow] = []
    again: list[BatchRow] = []
    for one in rows:
        name = key(one)
        batch, count = now.get(name, (one.batch, 0))
        if batch != one.batch:
            most[name], count = max(most[name], count), 0
        now[name] = (one.batch, count + 1)
        (again if count < most[name] else fresh).append(one)
    return fresh, again


def _overtaken(rows: Sequence[BatchRow]) -> tuple[list[BatchRow], list[BatchRow]]:
    """Rows that are the last word on their event, and those that a later batch overtakes; batches descending."""
    return _beyond(rows, _event)


def _values(one: BatchRow) -> Hashable:
    row = one.row
    return (*_told(row), row.duration_s, row.is_answered)


def _event(one: BatchRow) -> Hashable:
    return (one.feed, *_told(one.row))


def _told(row: OpenedRow) -> tuple[Hashable, ...]:
    return (row.line, row.kind, row.direction, row.peer, row.start, row.cell, row.imei, row.imsi)
