"""One day's records as columns, in order of time, in chunks.

Randomness comes from a generator that is passed in. A record begins with a subscriber drawn by activity and somebody of
its circle, and a coin decides which of them calls. A few records then have another *fate*: abroad, a helpline, a
withheld number, a forwarded call, a text from a bank.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from math import exp, log
from statistics import NormalDist
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from coffer.simulation.planted import Appearance, Part
from coffer.simulation.population import CIRCLE, F64, I32, I64, TABLE_SIZE, Bools, Party, Population
from coffer.simulation.scenario import apportion

U8 = npt.NDArray[np.uint8]

CHUNK_ROWS: Final = 65_536
"""Rows drawn together.

They take about 40 MB with their CSV bytes, and are so many that the cost of a numpy call does not matter. If this
number changes, a seed gives other files.
"""
MINUTES_PER_DAY: Final = 1_440
SECONDS_PER_MINUTE: Final = 60

HOUR_WEIGHTS: Final = (
    *(18, 10, 6, 4, 4, 8),  # 00-05: people sleep; three to five o'clock has a fiftieth of the evening peak
    *(20, 48, 82, 110, 124, 130),  # 06-11: traffic rises with the way to work and peaks before noon
    *(118, 112, 116, 120, 128, 152),  # 12-17: it dips at lunch and rises when school ends
    *(184, 196, 168, 120, 72, 36),  # 18-23: private calls peak, then people go to bed
)
"""Relative traffic in each hour of local time, from 00:00 on.

The shape is that of published mobile traffic curves: two peaks, of which that of the evening is higher.
"""
WORK_HOURS: Final = range(9, 18)
"""The local hours of a working day in which people are in their work cell."""
AT_WORK_FRACTION: Final = 0.75
TEXT_FRACTION: Final = 0.25
STRANGER_FRACTION: Final = 0.20
"""The share of records with somebody outside the subscriber's circle."""
ANSWERED_FRACTION: Final = 0.78
MEDIAN_CALL_S: Final = 65
CALL_SIGMA: Final = 1.25
"""Standard deviation of the natural logarithm of the duration.

The mean call lasts 142 s, and one in a hundred lasts over 20 minutes. Some answered calls are rounded down to 0 s.
"""
LONGEST_CALL_S: Final = 14_400
"""Four hours, which bound the writer's table of texts. The longest of the quantiles below stays under it."""
DURATION_STEPS: Final = 16_384
"""Quantiles in the table that durations are drawn from, 64 KiB. One call in 16,384 has the longest duration."""
STYLE_SHARES: Final = (50, 30, 20)
"""The percentages of numbers written as ``+33...``, ``0...`` and ``0033...``."""


class Fate(IntEnum):
    """What is special about a record; a record has at most one fate."""

    PLAIN = 0
    TO_ABROAD = 1
    FROM_ABROAD = 2
    HUB = 3
    WITHHELD = 4
    FORWARDED = 5
    FROM_SENDER = 6
    FROM_SHORT_CODE = 7
    TO_SHORT_CODE = 8


FATES_PER_MILLE: Final = {
    False: {Fate.TO_ABROAD: 20, Fate.FROM_ABROAD: 20, Fate.HUB: 10, Fate.WITHHELD: 20, Fate.FORWARDED: 10},
    True: {
        Fate.TO_ABROAD: 15,
        Fate.FROM_ABROAD: 15,
        Fate.FROM_SENDER: 40,
        Fate.FROM_SHORT_CODE: 10,
        Fate.TO_SHORT_CODE: 5,
    },
}
"""The shares of fates, by whether the record is a text. The other records are plain."""
_FATE_STEPS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPlan:
    """The content of one UTC day: ``total`` records, and planted ``appearances`` at their positions."""

    day: dt.date
    total: int
    is_free_day: bool
    appearances: tuple[Appearance, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """n records in order of time, shape (n,) unless said otherwise.

    ``second``: of the UTC day. ``duration_s``: 0 to 14,400, and 0 for a text or where nobody answered. ``answered``:
    true for texts. ``a_style``, ``b_style``: index into ``Block.heads``. ``a_cell``, ``b_cell``: index into
    ``Population.cells``, -1 for none. ``forwarded_row`` (shape (m,)): rows of forwarded calls, with ``forwarded`` and
    ``forwarded_style`` of the same shape.
    """

    second: I32
    is_text: Bools
    duration_s: I32
    answered: Bools
    a: Party
    b: Party
    a_style: U8
    b_style: U8
    a_cell: I32
    b_cell: I32
    forwarded_row: I64
    forwarded: Party
    forwarded_style: U8


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """The minutes of a UTC day, shape (1440,): the share of traffic, and whether people are at work.

    The shares sum to 1.
    """

    weight: F64
    is_work: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """The callers or the called of a chunk while it is made; each field has shape (n,).

    It says whose line it is (-1: no subscriber's), and which number.
    """

    index: I64
    party: Party

    def put(self, rows: I64, party: Party) -> None:
        """Give these rows to a party that is no subscriber."""
        self.index[rows] = -1
        self.party.block[rows] = party.block
        self.party.tail[rows] = party.tail


def day_traffic(population: Population, plan: DayPlan, generator: np.random.Generator) -> Iterator[Columns]:
    """The records of a day, in chunks of about ``CHUNK_ROWS``."""
    rhythm = day_rhythm(plan.day, population.time_zone, is_free_day=plan.is_free_day)
    per_minute = generator.multinomial(plan.total, rhythm.weight)
    before = np.cumsum(per_minute) - per_minute
    starts = np.unique(before // CHUNK_ROWS, return_index=True)[1].tolist()
    for first, end in zip(starts, [*starts[1:], MINUTES_PER_DAY], strict=True):
        minutes = np.repeat(np.arange(first, end), per_minute[first:end])
        if len(minutes) == 0:
            continue
        seconds = minutes * SECONDS_PER_MINUTE + generator.integers(0, SECONDS_PER_MINUTE, len(minutes))
        seconds.sort()
        offset = int(before[first])
        here = {a.position - offset: a for a in plan.appearances if 0 <= a.position - offset < len(seconds)}
        yield _chunk(population, rhythm, seconds, here, generator)


def day_rhythm(day: dt.date, time_zone: str, *, is_free_day: bool) -> Rhythm:
    """The curve of local time, moved to the minutes of a UTC day; changes of the clock are followed."""
    zone = ZoneInfo(time_zone)
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
    # Offsets never change within a quarter of an hour.
    local = [(midnight + dt.timedelta(minutes=minute)).astimezone(zone) for minute in range(0, MINUTES_PER_DAY, 15)]
    quarter_minute = np.array([moment.hour * 60 + moment.minute for moment in local])
    minute = np.repeat(quarter_minute, 15) + np.tile(np.arange(15), len(local))
    middles = np.arange(-1, 25) * 60 + 30
    weight = np.interp(minute, middles, [HOUR_WEIGHTS[-1], *HOUR_WEIGHTS, HOUR_WEIGHTS[0]])
    is_work = np.isin(minute // 60, WORK_HOURS) & (not is_free_day)
    return Rhythm(weight=weight / weight.sum(), is_work=is_work)


def _chunk(
    population: Population, rhythm: Rhythm, second: I64, here: dict[int, Appearance], generator: np.random.Generator
) -> Columns:
    """The rows that start at these seconds. Keep the order of the draws, or a seed gives other files."""
    n = len(second)
    is_text = _happens(generator, n, TEXT_FRACTION)
    first = population.draw(generator.random(n))
    second_party = population.acquaintance(first, _place(generator, n))
    strangers = np.flatnonzero(_happens(generator, n, STRANGER_FRACTION))
    second_party[strangers] = population.draw(generator.random(len(strangers)))
    is_first_calling = _happens(generator, n, 0.5)
    a = np.where(is_first_calling, first, second_party)
    b = np.where(is_first_calling, second_party, first)
    fate = _fate_table()[generator.integers(0, _FATE_STEPS, n) + np.where(is_text, _FATE_STEPS, 0)]
    _plant_subscribers(here, is_text, fate, a, b)
    # A fixed line sends no texts, so its neighbour sends them, which is a mobile line of the same activity.
    a -= is_text & (a % 3 == 2)
    b -= is_text & (b % 3 == 2)
    population.apart_from(b, a)
    answered = _happens(generator, n, ANSWERED_FRACTION) | is_text
    drawn_s = _durations()[generator.integers(0, DURATION_STEPS, n)]
    duration_s = np.where(answered & ~is_text, drawn_s, np.int32(0))
    forwarded_row = np.flatnonzero(fate == Fate.FORWARDED)
    forwarded = _forwarded_to(population, a, b, forwarded_row, here, generator)
    side_a, side_b = (_Side(index=index, party=population.number(index)) for index in (a, b))
    _apply_fates(population, fate, generator, side_a, side_b)
    _plant_strangers(here, side_a, side_b)
    is_at_work = rhythm.is_work[second // SECONDS_PER_MINUTE]
    return Columns(
        second=second.astype(np.int32),
        is_text=is_text,
        duration_s=duration_s,
        answered=answered,
        a=side_a.party,
        b=side_b.party,
        a_style=_styles(generator, n),
        b_style=_styles(generator, n),
        a_cell=population.cell(side_a.index, is_at_work & _happens(generator, n, AT_WORK_FRACTION)),
        b_cell=population.cell(side_b.index, is_at_work & _happens(generator, n, AT_WORK_FRACTION)),
        forwarded_row=forwarded_row,
        forwarded=population.number(forwarded),
        forwarded_style=_styles(generator, len(forwarded_row)),
    )


def _forwarded_to(
    population: Population, a: I64, b: I64, rows: I64, here: dict[int, Appearance], generator: np.random.Generator
) -> I64:
    """The subscriber that a call is forwarded to.

    It is an acquaintance of B, but neither A nor B; or the planted subject of that row.
    """
    index = population.acquaintance(b[rows], _place(generator, len(rows)))
    # A step away from B may lead to A. A step away from A cannot lead back to B after that.
    for other in (a, b, a):
        population.apart_from(index, other[rows])
    for row, appearance in here.items():
        if appearance.part.is_forwarded_to:
            index[rows == row] = appearance.index
    return index


def _apply_fates(population: Population, fate: U8, generator: np.random.Generator, a: _Side, b: _Side) -> None:
    """Replace subscribers by helplines, senders, foreigners and withheld numbers."""

    def rows_of(which: Fate) -> I64:
        return np.flatnonzero(fate == which)

    rows = rows_of(Fate.TO_ABROAD)
    b.put(rows, population.foreigner(a.index[rows], _place(generator, len(rows))))
    rows = rows_of(Fate.FROM_ABROAD)
    a.put(rows, population.foreigner(b.index[rows], _place(generator, len(rows))))
    rows = rows_of(Fate.HUB)
    b.put(rows, population.hub(generator.integers(0, TABLE_SIZE, len(rows))))
    rows = rows_of(Fate.WITHHELD)
    a.put(rows, _names(np.zeros(len(rows), np.int32)))
    rows = rows_of(Fate.FROM_SENDER)
    a.put(rows, _names(population.bank(b.index[rows], generator.integers(0, 4, len(rows), np.uint64))))
    codes = population.text_short_blocks
    rows = rows_of(Fate.FROM_SHORT_CODE)
    a.put(rows, _names(codes[generator.integers(0, len(codes), len(rows))]))
    rows = rows_of(Fate.TO_SHORT_CODE)
    b.put(rows, _names(codes[generator.integers(0, len(codes), len(rows))]))


def _plant_subscribers(here: dict[int, Appearance], is_text: Bools, fate: U8, a: I64, b: I64) -> None:
    """Enter planted subjects that are subscribers' lines, and remove any other fate from their rows."""
    for row, appearance in here.items():
        is_text[row] = appearance.is_text
        fate[row] = Fate.FORWARDED if appearance.part.is_forwarded_to else Fate.PLAIN
        if appearance.index >= 0 and appearance.part in {Part.CALLER, Part.CALLED}:
            (a if appearance.part is Part.CALLER else b)[row] = appearance.index


def _plant_strangers(here: dict[int, Appearance], a: _Side, b: _Side) -> None:
    """Enter planted subjects that are no subscribers, and withheld callers of planted forwarded calls."""
    for row, appearance in here.items():
        rows = np.array([row])
        if appearance.part is Part.FORWARDED_TO_FROM_WITHHELD:
            a.put(rows, _names(np.zeros(1, np.int32)))
        elif appearance.index < 0:
            party = Party(block=np.array([appearance.block], np.int32), tail=np.array([appearance.tail], np.int32))
            (a if appearance.part is Part.CALLER else b).put(rows, party)


def _names(block: I32) -> Party:
    return Party(block=block, tail=np.zeros(len(block), np.int32))


def _happens(generator: np.random.Generator, n: int, fraction: float) -> Bools:
    """True in this fraction of n rows on average, to 1/65536."""
    return generator.integers(0, 1 << 16, n, np.uint16) < round(fraction * (1 << 16))


def _place(generator: np.random.Generator, n: int) -> npt.NDArray[np.uint64]:
    """Places in the circle, 0 to CIRCLE-1; the first ones are the most frequent."""
    uniform = generator.random(n)
    return (uniform * uniform * CIRCLE).astype(np.uint64)


def _styles(generator: np.random.Generator, n: int) -> U8:
    styles: U8 = _style_table()[generator.integers(0, TABLE_SIZE, n, np.uint8)]
    return styles


@cache
def _style_table() -> U8:
    return np.repeat(np.arange(len(STYLE_SHARES), dtype=np.uint8), apportion(TABLE_SIZE, STYLE_SHARES))


@cache
def _fate_table() -> U8:
    """The ``Fate`` for a number below 1000, calls first, then texts; shape (2000,)."""
    halves = []
    for is_text in (False, True):
        fates = FATES_PER_MILLE[is_text]
        special = np.repeat(np.array(list(fates), np.uint8), list(fates.values()))
        halves.append(np.concatenate((special, np.full(_FATE_STEPS - len(special), Fate.PLAIN, np.uint8))))
    return np.concatenate(halves)


@cache
def _durations() -> I32:
    """Whole seconds at evenly spaced quantiles of the log-normal distribution; shape (16384,)."""
    normal = NormalDist(log(MEDIAN_CALL_S), CALL_SIGMA)
    quantiles = [(step + 0.5) / DURATION_STEPS for step in range(DURATION_STEPS)]
    return np.array([min(int(exp(normal.inv_cdf(quantile))), LONGEST_CALL_S) for quantile in quantiles], np.int32)
