"""The subjects of ``truths.json``, and the rows that are changed so that the rare ones among them occur. Pure."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import numpy as np

from coffer.simulation.population import Party, Population

PLANTED_LINES: Final = 4
"""Mobile lines that no draw ever gives: once, only called, only forwarded to, absent."""
HEAVY_CALLS: Final = 60
"""Call rows expected of the heavy subject on the busiest day. Chance and its circle of contacts may double them. They stay under 150, below the cell cap of
200."""
BUSY_CALLS: Final = 12
LEAST_DAY_RECORDS: Final = 10
"""Planted rows go to days with at least this many records. ``Scenario`` ensures that there are such days."""


class Part(Enum):
    """The place of a planted subject in its row."""

    CALLER = auto()
    CALLED = auto()
    FORWARDED_TO = auto()
    FORWARDED_TO_FROM_WITHHELD = auto()

    @property
    def is_forwarded_to(self) -> bool:
        """Whether the row is a forwarded call that ends at the subject."""
        return self in {Part.FORWARDED_TO, Part.FORWARDED_TO_FROM_WITHHELD}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedSubject:
    """A subject whose records are all known.

    ``subject``: as ``docs/formats/identity.md`` writes it. ``index``: of its line in the population, -1 for a subject outside it. ``block`` and
    ``tail``: its number or name.
    """

    subject: str
    why: str
    index: int
    block: int
    tail: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """A row that a planted subject takes over.

    ``position``: of the row in its day, from 0. ``index``, ``block``, ``tail``: the subject's.
    """

    position: int
    part: Part
    is_text: bool
    index: int
    block: int
    tail: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Planting:
    """All subjects, and for each day of the scenario the rows that they take over. All other rows come from the draw."""

    subjects: tuple[PlantedSubject, ...]
    by_day: tuple[tuple[Appearance, ...], ...]


def plan_planting(population: Population, totals: tuple[int, ...]) -> Planting:
    """Choose the subjects and spread their rows over the days."""
    once, called, forwarded, absent = (_line(population, population.planted_index(at), why) for at, why in enumerate((
        "exactly one record, as caller",
        "appears only as the called party",
        "appears only as the number that calls were forwarded to, once from a withheld caller",
        "absent: a possible number without a record",
    )))  # fmt: skip
    foreign = _stranger(population, int(population.partner_table[0]), 123_456, "a number abroad, calling and called")
    bank = _stranger(population, population.rare_sender_block, 0, "an alphanumeric sender of few texts")
    short = _stranger(population, population.rare_short_block, 0, "a short code that few call")
    rows = [
        (once, Part.CALLER, False),
        *((called, Part.CALLED, is_text) for is_text in (False, True, False, False, True, False)),
        *((forwarded, part, False) for part in (Part.FORWARDED_TO, Part.FORWARDED_TO_FROM_WITHHELD, Part.FORWARDED_TO)),
        *((foreign, part, is_text) for part in (Part.CALLER, Part.CALLED) for is_text in (False, True, False, False)),
        *((bank, Part.CALLER, True) for _ in range(5)),
        *((short, Part.CALLED, False) for _ in range(4)),
    ]
    return Planting(
        subjects=(*_ordinary(population, max(totals)), once, called, forwarded, absent, foreign, bank, short),
        by_day=_spread(rows, totals),
    )


def _ordinary(population: Population, busiest_day: int) -> list[PlantedSubject]:
    """Subscribers of the draw itself: nothing about their records is arranged."""
    # Three of four records are calls, and a subscriber is in one as the one drawn or as the one met:
    # 1.5 call rows for each unit of its share.
    most = busiest_day * 1.5
    fixed = population.subscribers // 30 * 3 + 2
    wanted = (
        (population.rank_with_share(HEAVY_CALLS / most), "heavy, under 150 records a day and kind"),
        (population.rank_with_share(BUSY_CALLS / most), "busy"),
        (population.mobile_near(population.subscribers // 3), "average"),
        (population.mobile_near(population.subscribers * 9 // 10), "quiet: a handful of records"),
        (fixed, "a fixed line: no texts and no cells"),
        (population.mobile_near(population.subscribers - 1), "the least active mobile line"),
    )
    chosen: dict[int, str] = {}
    for rank, why in wanted:
        index = rank
        while index in chosen:  # among few people the busiest one is wanted twice
            index = population.mobile_near(index + 1 if index % 3 == 0 else index + 2)
        chosen[index] = why
    return [_line(population, index, why) for index, why in chosen.items()]


def _line(population: Population, index: int, why: str) -> PlantedSubject:
    party = population.number(np.array([index]))
    return _known(population, party, index, why)


def _stranger(population: Population, block: int, tail: int, why: str) -> PlantedSubject:
    tail %= population.blocks[block].size
    return _known(population, Party(block=np.array([block], np.int32), tail=np.array([tail], np.int32)), -1, why)


def _known(population: Population, party: Party, index: int, why: str) -> PlantedSubject:
    block, tail = int(party.block[0]), int(party.tail[0])
    return PlantedSubject(
        subject=population.blocks[block].subject_with(tail), why=why, index=index, block=block, tail=tail
    )


def _spread(
    rows: list[tuple[PlantedSubject, Part, bool]], totals: tuple[int, ...]
) -> tuple[tuple[Appearance, ...], ...]:
    """Deal the rows to the days in turn, and within a day evenly over its records."""
    days = [day for day, total in enumerate(totals) if total >= LEAST_DAY_RECORDS]
    per_day = -(-len(rows) // len(days))
    found: list[list[Appearance]] = [[] for _ in totals]
    for at, (subject, part, is_text) in enumerate(rows):
        day = days[at % len(days)]
        position = (2 * (at // len(days)) + 1) * totals[day] // (2 * per_day)
        found[day].append(
            Appearance(
                position=position,
                part=part,
                is_text=is_text,
                index=subject.index,
                block=subject.block,
                tail=subject.tail,
            )
        )
    return tuple(tuple(appearances) for appearances in found)
