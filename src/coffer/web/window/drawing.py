"""The places of bars, lines and labels in the window's charts.

Pure numbers; templates write the SVG and every word.

A drawing has its own coordinates, so a template needs attributes alone: no style, no script.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from coffer.pictures import earth
from coffer.pictures.countries import is_drawn
from coffer.tally.chart import Chart, DayCount, Partner, scale_bounds, scale_class
from coffer.tally.release import ReleasedCount

FEW_SHARE: Final = 0.01
"""A day with fewer records than this share of the highest has a bar of two points: it gets a chart of its own."""
MOST_FEW: Final = 8
"""Days in the chart of small days; if there are more, the table says them."""
SHADES: Final = 6
"""Colours of the map in the style sheet, ``q1`` (few) to ``q6``."""
_TWO_SD: Final = 2
_LEAST_LEFT: Final = 16
"""Points left of the first bar, so that labels of the axis do not stand on it."""
_MILLION: Final = 1_000_000
"""From here on the axis counts in millions: its labels have one or two digits, and the highest stands above its line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A line of the grid. ``is_top``: the highest, whose label stands above it and says the unit."""

    value: int
    y: float
    left: float
    is_top: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLabel:
    """The name of a day below its bar. ``is_month``: the month is written, not the day."""

    day: dt.date
    x: float
    anchor: str
    is_month: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The number over one of the highest bars."""

    records: ReleasedCount
    x: float
    y: float
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A bracket over days that have almost no records."""

    path: str
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DaysDrawing:
    """The bars of the days. All paths are data of an SVG path and may be empty.

    ``shaded``: weekends and holidays. ``bars``. ``errors``: the uncertainty of each day, where it is at least two
    points high. ``missing``: where the dash of a day without a number stands.
    """

    width: int
    height: int
    left: float
    base: float
    bottom: float
    shaded: str
    bars: str
    errors: str
    missing: tuple[float, ...]
    ticks: tuple[Tick, ...]
    labels: tuple[DayLabel, ...]
    peaks: tuple[Peak, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A canvas. ``most_labels``: days named below it. ``letter``: the width of a digit."""

    width: int
    height: int
    top: int
    most_labels: int
    letter: float


WIDE: Final = Frame(width=1040, height=300, top=34, most_labels=8, letter=7.4)
NARROW: Final = Frame(width=360, height=250, top=34, most_labels=4, letter=7.4)
_BELOW: Final = 26
"""Points below the bars, for the names of days."""
_LEAST_SLOT: Final = 3.0
"""Narrower days are not shaded: stripes would be all that one sees."""
_LEAST_DASH: Final = 8.0
_LEAST_ERROR: Final = 2.0


def draw_days(chart: Chart, frame: Frame) -> DaysDrawing:
    """The drawing of a chart's days."""
    days, base = chart.days, frame.height - _BELOW
    spread = _TWO_SD * (chart.day_noise_sd or 0.0)
    highest = max([day.records or 0 for day in days], default=0) or 1
    margin = _left(highest, frame)
    slot = (frame.width - margin) / len(days)
    bar = slot * (0.74 if slot > 6 else 0.86)
    # The lines of uncertainty end below the top, too: those of a small vault are longer than its bars.
    has_errors = slot >= _LEAST_DASH and spread * 2 * (base - frame.top) / (highest + spread) >= _LEAST_ERROR
    scale = (base - frame.top) / (highest + spread if has_errors else highest)

    def left(index: int) -> float:
        return margin + index * slot

    def middle(index: int) -> float:
        return left(index) + slot / 2

    known = [(i, day.records) for i, day in enumerate(days) if day.records is not None]
    shaded = [i for i, day in enumerate(days) if day.is_free] if slot >= _LEAST_SLOT else []
    return DaysDrawing(
        width=frame.width,
        height=frame.height,
        left=margin,
        base=base,
        bottom=frame.height - 6,
        shaded="".join(f"M{left(i):.1f} {frame.top}h{slot:.1f}V{base}h-{slot:.1f}z" for i in shaded),
        bars="".join(
            f"M{middle(i) - bar / 2:.1f} {base}v{-count * scale:.1f}h{bar:.1f}V{base}z" for i, count in known if count
        ),
        errors="".join(_error(middle(i), count, spread, base=base, scale=scale) for i, count in known)
        if has_errors
        else "",
        missing=tuple(round(middle(i), 1) for i, day in enumerate(days) if day.records is None)
        if slot >= _LEAST_DASH
        else (),
        ticks=_ticks(highest, base=base, scale=scale, left=margin),
        labels=_labels([day.day for day in days], margin=margin, slot=slot, frame=frame),
        peaks=_peaks(
            chart, margin=margin, slot=slot, base=base, scale=scale, frame=frame, spread=spread if has_errors else 0.0
        ),
        gaps=_gaps(days, highest, margin=margin, slot=slot, base=base),
    )


def _left(highest: int, frame: Frame) -> float:
    """How far right the first bar begins: beside the widest label of the axis."""
    if highest >= _MILLION:
        return _LEAST_LEFT
    return max(_LEAST_LEFT, len(f"{highest:,}") * frame.letter + frame.letter)


def _step(highest: int, *, most: int) -> int:
    """The step of an axis: 1, 2 or 5 times a power of ten."""
    power = 1
    while True:
        for step in (power, 2 * power, 5 * power):
            if highest / step <= most:
                return step
        power *= 10


def _error(x: float, count: float, spread: float, *, base: float, scale: float, cap: float = 0.0) -> str:
    """A line from the lower to the upper end of what is likely, and caps; nothing lies below zero."""
    high, low = base - (count + spread) * scale, base - max(0.0, count - spread) * scale
    caps = f"M{x - cap:.1f} {high:.1f}h{2 * cap:.1f}M{x - cap:.1f} {low:.1f}h{2 * cap:.1f}" if cap else ""
    return f"M{x:.1f} {high:.1f}V{low:.1f}{caps}"


def _ticks(highest: int, *, base: float, scale: float, left: float = 0, most: int = 4) -> tuple[Tick, ...]:
    """Round numbers above 0 and below the highest."""
    step = _step(highest, most=most)
    values = list(range(step, highest + 1, step)) or [step]
    return tuple(
        Tick(
            value=value,
            y=round(base - value * scale, 1),
            left=0 if value == values[-1] and value >= _MILLION else left,
            is_top=value == values[-1],
        )
        for value in values
    )


def _labels(days: Sequence[dt.date], *, margin: float, slot: float, frame: Frame) -> tuple[DayLabel, ...]:
    """Names of some days: each day, every week, or the beginnings of months."""
    by_month = len(days) > 15 * frame.most_labels
    if by_month:
        places = [i for i, day in enumerate(days) if day.day == 1]
        places = places[:: -(-len(places) // frame.most_labels)] if places else []
    else:
        step = next(n for n in (1, 2, 3, 7, 10, 14, 21, 28) if n * frame.most_labels >= len(days) or n == 28)
        places = list(range(0, len(days), step))
    half = 3.5 * frame.letter
    labels = []
    for i in places:
        x = margin + (i + 0.5) * slot
        anchor = "start" if x < half else "end" if x > frame.width - half else "middle"
        x = 0.0 if anchor == "start" else float(frame.width) if anchor == "end" else x
        labels.append(DayLabel(day=days[i], x=round(x, 1), anchor=anchor, is_month=by_month))
    return tuple(labels)


def _peaks(
    chart: Chart, *, margin: float, slot: float, base: float, scale: float, frame: Frame, spread: float
) -> tuple[Peak, ...]:
    """The numbers of the highest days, each above its bar and the line of its uncertainty."""
    peaks = []
    for i, day in enumerate(chart.days):
        if day.day in chart.peaks and day.records:
            half = len(f"{day.records:,}") * frame.letter / 2
            x = margin + (i + 0.5) * slot
            anchor = "end" if x + half > frame.width else "start" if x < half else "middle"
            x = float(frame.width) if anchor == "end" else 0.0 if anchor == "start" else x
            y = base - (day.records + spread) * scale - 6
            peaks.append(Peak(records=day.records, x=round(x, 1), y=round(y, 1), anchor=anchor))
    return tuple(peaks)


def _is_few(day: DayCount, highest: int) -> bool:
    return day.records is not None and day.records < FEW_SHARE * highest


def _gaps(days: Sequence[DayCount], highest: int, *, margin: float, slot: float, base: float) -> tuple[Gap, ...]:
    gaps, at = [], 0
    for is_few, group in groupby(days, key=lambda day: _is_few(day, highest)):
        length = len(list(group))
        if is_few and length * slot >= 36 and length > 1:
            left, right = margin + at * slot + 3, margin + (at + length) * slot - 3
            path = f"M{left:.1f} {base - 12}v-6H{right:.1f}v6"
            gaps.append(Gap(path=path, x=round((left + right) / 2, 1), y=base - 26))
        at += length
    return tuple(gaps)


@dataclass(frozen=True, slots=True, kw_only=True)
class FewBar:
    """One day of the chart of small days. ``x``: of its middle; ``label_y``: where its number stands."""

    day: dt.date
    records: ReleasedCount
    x: float
    bar: str
    error: str
    label_x: float
    label_y: float
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FewDrawing:
    """The days too small for the chart of all days."""

    width: int
    height: int
    base: float
    bottom: float
    ticks: tuple[Tick, ...]
    bars: tuple[FewBar, ...]


def few_days(chart: Chart) -> tuple[DayCount, ...]:
    """The days that are too small for the chart of all days; none if they are too many for a second one."""
    highest = max([day.records or 0 for day in chart.days], default=0)
    few = tuple(day for day in chart.days if _is_few(day, highest))
    return few if len(few) <= MOST_FEW else ()


def draw_few(chart: Chart) -> FewDrawing | None:
    """The drawing of the small days with their uncertainty; None without such days."""
    few = few_days(chart)
    if not few:
        return None
    spread = _TWO_SD * (chart.day_noise_sd or 0.0)
    width, height, base, top = 420, 190, 162.0, 24.0
    highest = max(day.records or 0 for day in few) + spread or 1.0
    scale, slot = (base - top) / highest, (width - 15) / len(few)
    size = min(44.0, slot * 0.5)
    bars = []
    for i, day in enumerate(few):
        count, x = day.records or ReleasedCount(0), 15 + (i + 0.5) * slot
        high = base - (count + spread) * scale
        is_beside = len(few) <= 4
        bars.append(
            FewBar(
                day=day.day,
                records=count,
                x=round(x, 1),
                bar=f"M{x - size / 2:.1f} {base}v{-count * scale:.1f}h{size:.1f}V{base}z" if count else "",
                error=_error(x, count, spread, base=base, scale=scale, cap=7) if spread else "",
                label_x=round(x + 10, 1) if is_beside and spread else round(x, 1),
                label_y=round(high + 12 if is_beside and spread else high - 5, 1),
                anchor="start" if is_beside and spread else "middle",
            )
        )
    return FewDrawing(
        width=width,
        height=height,
        base=base,
        bottom=height - 6,
        ticks=_ticks(int(highest), base=base, scale=scale, most=3),
        bars=tuple(bars),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MapClass:
    """One colour of the map. ``name``: ``q1`` to ``q6``. ``low`` to below ``high`` records."""

    name: str
    path: str
    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MapDrawing:
    """The map. ``land``: the countries without a number. ``home``: the path of the home country.

    ``missing``: partners that the map has no shape of.
    """

    left: int
    top: int
    width: int
    height: int
    land: str
    home: str
    classes: tuple[MapClass, ...]
    missing: tuple[Partner, ...]


def draw_map(chart: Chart) -> MapDrawing | None:
    """The map of a chart; None if it knows no country."""
    if chart.home is None:
        return None
    bounds = scale_bounds([partner.records for partner in chart.partners])
    codes: dict[int, list[str]] = {}
    for partner in chart.partners:
        place = scale_class(partner.records, bounds)
        if place is not None:
            codes.setdefault(place, []).append(partner.code)
    coloured = {code for group in codes.values() for code in group} | {chart.home}
    last = max(len(bounds) - 2, 1)
    left, top, width, height = earth.frame()
    return MapDrawing(
        left=left,
        top=top,
        width=width,
        height=height,
        land=earth.joined(earth.outlines().keys() - coloured),
        home=earth.joined([chart.home]),
        classes=tuple(
            MapClass(
                name=f"q{1 + round(place * (SHADES - 1) / last)}",
                path=earth.joined(codes.get(place, ())),
                low=bounds[place],
                high=bounds[place + 1],
            )
            for place in range(max(0, len(bounds) - 1))
        ),
        missing=tuple(partner for partner in chart.partners if not is_drawn(partner.code)),
    )
