"""The first page: what is kept, by day and country, and what was opened of it. Pure."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from coffer.procedures.reports.totals import Tables, chart_up
from coffer.tally.chart import Chart, DayCount, Partner
from coffer.tally.release import DELTA, noise_scale, noise_sd
from coffer.web.window.asked import Asked, Choices, choices_of, days_asked
from coffer.web.window.drawing import (
    NARROW,
    WIDE,
    DaysDrawing,
    FewDrawing,
    MapDrawing,
    draw_days,
    draw_few,
    draw_map,
    few_days,
)

TOP: Final = 6
"""Countries in the short table beside the map."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How large the noise is, in records; None where none was added.

    ``cell_sd``: of one released count. ``threshold``: the fewest records of a released count of two countries.
    """

    epsilon: str
    scale: float
    delta: float
    cell_sd: float
    threshold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The numbers of a period, and their drawings.

    ``total_spread``, ``day_spread``: in about 95 cases of 100 the exact number lies within this; 0 if exact, None if
    counts too small to be published are missing. ``noise``: None if exact. ``is_spread_thin``: the uncertainty of a day
    is thinner than a line of the chart.
    """

    chart: Chart
    total_spread: float | None
    day_spread: float | None
    noise: Noise | None
    is_spread_thin: bool
    has_missing: bool
    free_days: tuple[dt.date, ...]
    wide: DaysDrawing
    narrow: DaysDrawing
    few: tuple[DayCount, ...]
    few_drawing: FewDrawing | None
    map_drawing: MapDrawing | None
    top: tuple[Partner, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What was asked for, what else can be, and the numbers; None while nothing was ingested."""

    asked: Asked
    choices: Choices
    numbers: Numbers | None


def overview(tables: Tables, asked: Asked) -> Overview:
    """The numbers that were asked for.

    Raises:
        MalformedInput: more days than a picture can show.
    """
    choices = choices_of(tables)
    days = days_asked(asked, choices)
    if days is None:
        return Overview(asked=asked, choices=choices, numbers=None)
    chart = chart_up(tables, first=days[0], last=days[1], narrowing=asked.narrowing)
    wide, few = draw_days(chart, WIDE), draw_few(chart)
    numbers = Numbers(
        chart=chart,
        total_spread=_twice(chart.total_noise_sd),
        day_spread=_twice(chart.day_noise_sd),
        noise=_noise(chart),
        is_spread_thin=bool(chart.day_noise_sd) and not wide.errors,
        has_missing=any(day.records is None for day in chart.days),
        free_days=tuple(day.day for day in chart.days if day.is_free and day.day.weekday() < 5),
        wide=wide,
        narrow=draw_days(chart, NARROW),
        few=few_days(chart),
        few_drawing=few,
        map_drawing=draw_map(chart),
        top=chart.partners[:TOP],
    )
    return Overview(asked=asked, choices=choices, numbers=numbers)


def _twice(sd: float | None) -> float | None:
    return None if sd is None else 2 * sd


def _noise(chart: Chart) -> Noise | None:
    if chart.epsilon is None or chart.threshold is None:
        return None
    return Noise(
        epsilon=str(chart.epsilon),
        scale=noise_scale(chart.epsilon),
        delta=DELTA,
        cell_sd=noise_sd(1, chart.epsilon),
        threshold=chart.threshold,
    )
