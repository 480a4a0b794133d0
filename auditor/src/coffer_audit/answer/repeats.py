"""The marks of rows that another batch or line has too (docs/formats/answer.md, "Repeats"). Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

DURATION, ANSWERED, NUMBER = 4, 5, 7
"""Places among the columns behind the subject's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A row, the feed of its segment, the index that orders its batch, and its subject line.

    `is_device`: the line names an IMEI or an IMSI.
    """

    batch: int
    feed: str
    subject: int
    row: tuple[str, ...]
    is_device: bool = False

    @property
    def own(self) -> object:
        """Whose row it is: the number that it says, else the line, unless its devices say it."""
        return self.row[NUMBER] or ("" if self.is_device else self.subject)


def _grouped(told: list[Told], places: list[int], *, by_line: bool = False) -> list[list[int]]:
    """Give the places of some rows, grouped by batch, and by line if that is wanted, in their order."""
    groups: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for place in places:
        groups[told[place].batch, told[place].subject * by_line].append(place)
    return [groups[key] for key in sorted(groups)]


def _rank(one: Told) -> tuple[bool, int]:
    return one.row[ANSWERED] == "true", int(one.row[DURATION] or 0)


def _find_standing(told: list[Told], places: range) -> dict[tuple[object, ...], list[int]]:
    """Give the rows that stand, by their values.

    Of equal rows those that one line has of one batch stand: where there are most of them, of several such batches the
    earliest, of several lines the first.
    """
    equal: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for place in places:
        equal[told[place].own, told[place].row].append(place)
    return {said: max(_grouped(told, alike, by_line=True), key=len) for said, alike in equal.items()}


def _mark_overtaken(told: list[Told], places: list[int], marks: list[str]) -> None:
    """Mark the rows of earlier batches that a later batch overtakes.

    A later batch with n rows of an event overtakes n rows of it in an earlier batch; of several later batches the
    largest n counts. Rows that are marked already are counted first.
    """
    events: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for place in places:
        one = told[place]
        events[one.own, one.feed, one.row[:DURATION] + one.row[ANSWERED + 1 :]].append(place)
    for alike in events.values():
        most = 0
        for group in reversed(_grouped(told, alike)):
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
