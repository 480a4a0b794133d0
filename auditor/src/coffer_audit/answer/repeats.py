"""The marks of rows that another batch has too (docs/formats/answer.md, "Repeats"). Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

DURATION, ANSWERED = 4, 5
"""Places among the columns behind the subject's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A row, the feed of its segment, and the index that orders its batch."""

    batch: int
    feed: str
    subject: int
    row: tuple[str, ...]


def _by_batch(told: list[Told], places: list[int]) -> list[list[int]]:
    """Give the places of some rows, grouped by batch, in the order of batches."""
    batches: defaultdict[int, list[int]] = defaultdict(list)
    for place in places:
        batches[told[place].batch].append(place)
    return [batches[batch] for batch in sorted(batches)]


def _rank(one: Told) -> tuple[bool, int]:
    return one.row[ANSWERED] == "true", int(one.row[DURATION] or 0)


def _find_standing(told: list[Told], places: range) -> dict[tuple[object, ...], list[int]]:
    """Give the rows that stand, by their values.

    Of equal rows those of one batch stand: the batch that has most of them, and of several such batches the earliest.
    """
    equal: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for place in places:
        equal[told[place].subject, told[place].row].append(place)
    return {said: max(_by_batch(told, alike), key=len) for said, alike in equal.items()}


def _mark_overtaken(told: list[Told], places: list[int], marks: list[str]) -> None:
    """Mark the rows of earlier batches that a later batch overtakes.

    A later batch with n rows of an event overtakes n rows of it in an earlier batch; of several later batches the
    largest n counts. Rows that are marked already are counted first.
    """
    events: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for place in places:
        one = told[place]
        events[one.subject, one.feed, one.row[:DURATION] + one.row[ANSWERED + 1 :]].append(place)
    for alike in events.values():
        most = 0
        for group in reversed(_by_batch(told, alike)):
            for place in sorted(group, key=lambda at: (not marks[at], *_rank(told[at])))[:most]:
                marks[place] = marks[place] or "overtaken"
            most = max(most, len(group))


def mark_repeats(told: list[Told]) -> list[str]:
    """Give the mark of every row: "repeated", "overtaken" or nothing."""
    standing = [place for alike in _find_standing(told, range(len(told))).values() for place in alike]
    marks = ["repeated"] * len(told)
    for place in standing:
        marks[place] = ""
    _mark_overtaken(told, standing, marks)
    return marks


def mark_superseded(old: list[Told], living: list[Told]) -> list[str]:
    """Give the mark of every row of a superseded batch; no other batch has a row without a mark."""
    told = [*old, *living]
    current = _find_standing(told, range(len(old), len(told)))
    apart = _find_standing(told, range(len(old)))
    marks = ["repeated"] * len(old) + [""] * len(living)
    for said, places in apart.items():
        for place in places[len(current.get(said, [])) :]:
            marks[place] = ""
    standing = [place for alikes in (apart, current) for alike in alikes.values() for place in alike]
    _mark_overtaken(told, standing, marks)
    return marks[: len(old)]
