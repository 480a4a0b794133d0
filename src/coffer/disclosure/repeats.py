"""Rows of an answer that tell again what another batch told: marked, never left out. Pure. Source: ``docs/formats/answer.md``, "Repeats"."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from coffer.segments.opened import OpenedRow

REPEATED: Final = "repeated"
"""An equal row stands in another batch."""
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
    standing, others = _standing(list(rows))
    marked = _overtaken([(one, "") for one in standing])
    return [replace(one.row, repeat=repeat) for one, repeat in [*((one, REPEATED) for one in others), *marked]]


def mark_superseded(rows: Iterable[BatchRow], living: Iterable[BatchRow]) -> list[OpenedRow]:
    """Rows of superseded batches, marked where another batch tells them too; those without a mark are told by no other. ``living``: all other rows.

    Of equal rows those of the superseded batch that has most of them stand, but for as many as stand of them among the living. A living row is
    never marked because of a superseded one.
    """
    standing, others = _standing(list(rows))
    current, _ = _standing(list(living))
    left = Counter(_values(one) for one in current)
    marked = [(one, "") for one in current]
    for one in standing:
        values = _values(one)
        marked.append((one, REPEATED if left[values] else ""))
        left[values] -= min(left[values], 1)
    told = [*((one, REPEATED) for one in others), *_overtaken(marked)]
    return [replace(one.row, repeat=repeat) for one, repeat in told if one.row.superseded]


def _standing(told: list[BatchRow]) -> tuple[list[BatchRow], list[BatchRow]]:
    """Of equal rows those of the batch that has most of them, the earliest of such batches; and the others."""
    counts = Counter((_values(one), one.batch) for one in told)
    most: dict[Hashable, tuple[int, int]] = {}
    for (values, batch), count in counts.items():
        most[values] = max(most.get(values, (0, 0)), (count, -batch))
    stands = [most[_values(one)][1] == -one.batch for one in told]
    standing = [one for one, does in zip(told, stands, strict=True) if does]
    return standing, [one for one, does in zip(told, stands, strict=True) if not does]


def _overtaken(told: Sequence[tuple[BatchRow, str]]) -> list[tuple[BatchRow, str]]:
    """Rows with their mark: as many of an event's rows in a batch are overtaken as one later batch has of them at most.

    Rows that are marked already keep their mark, and are the first of these.
    """
    most: Counter[Hashable] = Counter()
    now: dict[Hashable, tuple[int, int]] = {}
    marked = []
    # Of one event the last word counts: later batches come first, and whoever says less gives way.
    for one, mark in sorted(
        told, key=lambda item: (-item[0].batch, not item[1], item[0].row.is_answered, item[0].row.duration_s or 0)
    ):
        event = _event(one)
        batch, count = now.get(event, (one.batch, 0))
        if batch != one.batch:
            most[event], count = max(most[event], count), 0
        now[event] = (one.batch, count + 1)
        marked.append((one, mark or (OVERTAKEN if count < most[event] else "")))
    return marked


def _values(one: BatchRow) -> Hashable:
    row = one.row
    return (*_told(row), row.duration_s, row.is_answered)


def _event(one: BatchRow) -> Hashable:
    return (one.feed, *_told(one.row))


def _told(row: OpenedRow) -> tuple[Hashable, ...]:
    return (row.line, row.kind, row.direction, row.peer, row.start, row.cell, row.imei, row.imsi)
