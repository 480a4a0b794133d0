"""Marks on the rows of an answer that repeat what another batch or subject line told.

No row is left out.

Of several equal rows those that one line has of one batch stay unmarked: they *stand*. It is the batch and line that
has most of these rows, of several such batches the earliest, of several lines the first. If one line has the same row
twice of one batch, both stand, because the source told it twice.
Pure. Source: ``docs/formats/answer.md``, "Repeats".
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from coffer.segments.opened import OpenedRow

REPEATED: Final = "repeated"
"""An equal row stands in another batch, or under another line of the order."""
OVERTAKEN: Final = "overtaken"
"""A later batch of the same feed tells the same event with another duration or outcome."""
REPEATS: Final = ("", REPEATED, OVERTAKEN)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BatchRow:
    """A row with the feed of its segment and its batch.

    ``batch``: the log index of the first entry that names a segment of the batch.
    """

    batch: int
    feed: str
    row: OpenedRow


def mark_repeats(rows: Iterable[BatchRow]) -> list[OpenedRow]:
    """The rows, each with its mark; the rows that stand have none unless they are overtaken."""
    alone, contested = _contested(list(rows))
    standing, others = _standing(contested)
    marked = _overtaken([(one, "") for one in standing])
    told = [*((one, "") for one in alone), *((one, REPEATED) for one in others), *marked]
    return [_with_mark(one.row, repeat) for one, repeat in told]


def mark_superseded(rows: Iterable[BatchRow], living: Iterable[BatchRow]) -> list[OpenedRow]:
    """The rows of superseded batches, marked where another batch has them too.

    ``living``: all other rows.

    A row without a mark is in no other batch. Among equal rows, each living row that stands marks one superseded row
    that would stand. A superseded row never marks a living one.
    """
    replaced = list(rows)
    if not replaced:
        return []
    standing, others = _standing(replaced)
    current, _ = _standing(list(living))
    left = Counter(_values(one) for one in current)
    marked = [(one, "") for one in current]
    for one in standing:
        values = _values(one)
        marked.append((one, REPEATED if left[values] else ""))
        left[values] -= min(left[values], 1)
    told = [*((one, REPEATED) for one in others), *_overtaken(marked)]
    return [_with_mark(one.row, repeat) for one, repeat in told if one.row.superseded]


def _with_mark(row: OpenedRow, repeat: str) -> OpenedRow:
    return row if row.repeat == repeat else replace(row, repeat=repeat)  # most rows stand and need no copy


def _contested(told: list[BatchRow]) -> tuple[list[BatchRow], list[BatchRow]]:
    """The rows whose event one batch tells alone under one line, and the others.

    Nearly all are of the first kind. They stand, and nothing repeats or overtakes them.
    """
    sources: defaultdict[Hashable, set[tuple[int, int]]] = defaultdict(set)
    events = [_told(one.row) for one in told]
    for one, event in zip(told, events, strict=True):
        sources[event].add(_source(one))
    alone: list[BatchRow] = []
    contested: list[BatchRow] = []
    for one, event in zip(told, events, strict=True):
        (alone if len(sources[event]) == 1 else contested).append(one)
    return alone, contested


def _standing(told: list[BatchRow]) -> tuple[list[BatchRow], list[BatchRow]]:
    """The rows that stand, and the others."""
    counts = Counter((_values(one), _source(one)) for one in told)
    most: dict[Hashable, tuple[int, tuple[int, int]]] = {}
    for (values, source), count in counts.items():
        best, first = most.get(values, (0, source))
        most[values] = (count, source) if count > best else (best, min(first, source) if count == best else first)
    stands = [most[_values(one)][1] == _source(one) for one in told]
    standing = [one for one, does in zip(told, stands, strict=True) if does]
    return standing, [one for one, does in zip(told, stands, strict=True) if not does]


def _overtaken(told: Sequence[tuple[BatchRow, str]]) -> list[tuple[BatchRow, str]]:
    """The rows with their marks, after marking those that a later batch overtakes.

    A later batch with n rows of an event overtakes n rows of that event in an earlier batch. If several later batches
    have the event, the largest n counts. Rows that are marked already keep their mark and are counted first.
    """
    most: Counter[Hashable] = Counter()
    now: dict[Hashable, tuple[int, int]] = {}
    marked = []
    # The latest telling of an event counts, so later batches come first. Within a batch the rows that say less are
    # overtaken first: those marked already, those not answered, the shorter ones.
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


def _source(one: BatchRow) -> tuple[int, int]:
    return one.batch, one.row.line


def _values(one: BatchRow) -> Hashable:
    row = one.row
    return (*_told(row), row.duration_s, row.is_answered)


def _event(one: BatchRow) -> Hashable:
    return (one.feed, *_told(one.row))


def _told(row: OpenedRow) -> tuple[Hashable, ...]:
    return (_own(row), row.kind, row.direction, row.peer, row.start, row.cell, row.number, row.imei, row.imsi)


def _own(row: OpenedRow) -> Hashable:
    """Whose row it is: the number that it says, which several lines may find; else the line.

    A row without a number under an IMEI or IMSI is of a party that withheld it, and its devices say whose it is.
    """
    return row.number or ("" if row.subject.startswith(("imei:", "imsi:")) else row.line)
