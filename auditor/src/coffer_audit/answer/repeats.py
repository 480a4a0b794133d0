"""Rows of an answer that another batch tells too (docs/formats/answer.md, "Repeats"). Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

DURATION, ANSWERED = 4, 5
"""Places among a row's columns behind the subject's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A row, the feed of its segment, and the index that orders its batch."""

    batch: int
    feed: str
    subject: int
    row: tuple[str, ...]


def _by_batch(told: list[Told], places: list[int]) -> list[list[int]]:
    """Give the places of some rows, those of each batch together, in the order of batches."""
    batches: defaultdict[int, list[int]] = defaultdict(list)
    for place in places:
        batches[told[place].batch].append(place)
    return [batches[batch] for batch in sorted(batches)]


def _rank(one: Told) -> tuple[bool, int]:
    return one.row[ANSWERED] == "true", int(one.row[DURATION] or 0)


def mark_repeats(told: list[Told]) -> list[str]:
    """Give the mark of every row: "repeated", "overtaken" or nothing."""
    marks = [""] * len(told)
    equal: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, one in enumerate(told):
        equal[one.subject, one.row].append(place)
    for places in equal.values():
        standing = max(_by_batch(told, places), key=len)  # the earliest of those that have most
        for place in places:
            if told[place].batch != told[standing[0]].batch:
                marks[place] = "repeated"
    events: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, one in enumerate(told):
        if not marks[place]:
            rest = one.row[:DURATION] + one.row[ANSWERED + 1 :]
            events[one.subject, one.feed, rest].append(place)
    for places in events.values():
        most = 0
        for group in reversed(_by_batch(told, places)):
            for place in sorted(group, key=lambda at: _rank(told[at]))[:most]:
                marks[place] = "overtaken"
            most = max(most, len(group))
    return marks
