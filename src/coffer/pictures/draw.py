"""Charts and maps as SVG and PNG. Only this module imports altair and vl-convert.

A chart is drawn on a canvas of fixed size in pixels. The library's own axes and legends are not used, because they
would move the rest when a number gets longer. Fonts are those that vl-convert carries; nothing is fetched.

Source of the colours: Okabe and Ito 2008 (home, bars); viridis of matplotlib (map), whose order stays visible to the
colour-blind and in grey.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from coffer.extras import extra
from coffer.pictures.countries import world
from coffer.pictures.letters import BOLD, break_lines, text_width
from coffer.pictures.page import format_page
from coffer.pictures.story import HOME_CLASS, NO_CLASS, TOP, CountryLine, Story
from coffer.pictures.words import Words
from coffer.tally.chart import Chart, DayCount, axis_ticks
from coffer.tally.release import ReleasedCount

with extra("pictures"):
    import altair as alt
    import vl_convert

FONT: Final = "Liberation Sans"
"""A font that vl-convert carries. Its letters are as wide as Arial's, so texts also fit for readers with Arial."""
FONTS: Final = "Liberation Sans, Arial, Helvetica, sans-serif"
INK: Final = "#1a1a1a"
SOFT_INK: Final = "#4a4a4a"
LINE: Final = "#d9d9d9"
FREE: Final = "#efefef"
BAR: Final = "#0072b2"
HOME: Final = "#d55e00"
NONE: Final = "#dedede"
VIRIDIS: Final = ("#a5db36", "#4ac16d", "#1fa187", "#277f8e", "#365c8d", "#46327e")
"""From few to many. The yellow end of the scale is left out, because it disappears on white."""

PICTURE_WIDTH: Final = 1600
MARGIN: Final = 40
INNER: Final = PICTURE_WIDTH - 2 * MARGIN
MAP_WIDTH: Final = 1060
GUTTER: Final = 50
SIDE: Final = INNER - MAP_WIDTH - GUTTER
MAP_SHARE: Final = 0.465
"""Height of the map over its width: the Equal Earth projection without Antarctica."""

PAGE_WIDE: Final = 1040
PAGE_NARROW: Final = 360
PAGE_MAP: Final = 1040

WIDEST_BAR: Final = 90
"""Pixels. Without this bound the bars of a few days would fill the picture."""

_Layer = alt.Chart | alt.LayerChart


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A canvas for the days: sizes in pixels, and the greatest number of days named below it."""

    width: int
    height: int
    letters: int
    most_labels: int


WIDE: Final = Frame(width=PAGE_WIDE, height=310, letters=15, most_labels=12)
NARROW: Final = Frame(width=PAGE_NARROW, height=240, letters=12, most_labels=5)
PICTURE: Final = Frame(width=INNER, height=360, letters=18, most_labels=12)


def days_svg(chart: Chart, story: Story, frame: Frame) -> str:
    """The bars of the days without texts around them, for a page."""
    return _svg(_finish(alt.vconcat(_day_layers(chart, story.words, frame)), 2), frame.width + 4)


def map_svg(story: Story) -> str:
    """The map without any word on it, for a page."""
    return _svg(_finish(alt.vconcat(_map_chart(story, PAGE_MAP)), 2), PAGE_MAP + 4)


def picture_svg(chart: Chart, story: Story) -> bytes:
    """The whole picture as SVG, ``PICTURE_WIDTH`` pixels wide."""
    return _svg(_picture(chart, story), PICTURE_WIDTH).encode("utf-8")


def picture_png(chart: Chart, story: Story) -> bytes:
    """The whole picture as PNG, ``PICTURE_WIDTH`` pixels wide."""
    drawn: bytes = vl_convert.svg_to_png(picture_svg(chart, story).decode("utf-8"), scale=1)
    return drawn


def page(chart: Chart, story: Story) -> bytes:
    """The HTML page with its drawings."""
    names = [key.name for key in story.keys]
    return format_page(
        story,
        days_wide=days_svg(chart, story, WIDE),
        days_narrow=days_svg(chart, story, NARROW),
        world=map_svg(story),
        colours={name: colour_of(name, names) for name in names},
    )


def colour_of(key: str, keys: Sequence[str]) -> str:
    """The colour of a key of the map; the classes are spread over the whole scale."""
    if key in (HOME_CLASS, NO_CLASS):
        return HOME if key == HOME_CLASS else NONE
    classes = [name for name in keys if name not in (HOME_CLASS, NO_CLASS)]
    place, last = classes.index(key), max(len(classes) - 1, 1)
    return VIRIDIS[round(place * (len(VIRIDIS) - 1) / last)]


def _svg(chart: alt.TopLevelMixin, width: int) -> str:
    """The SVG of a chart, made without loading anything.

    Its width is corrected, because the library rounds it up by a pixel or two.
    """
    drawn: str = vl_convert.vegalite_to_svg(chart.to_dict(), allowed_base_urls=[])
    height = re.search(r'viewBox="0 0 [0-9.]+ ([0-9.]+)"', drawn)
    assert height is not None
    size = f'width="{width}" height="{height[1]}" viewBox="0 0 {width} {height[1]}"'
    drawn = re.sub(r'width="[0-9.]+" height="[0-9.]+" viewBox="[0-9. ]+"', size, drawn, count=1)
    return drawn.replace(f'font-family="{FONT}"', f'font-family="{FONTS}"')


def _finish(chart: alt.VConcatChart, margin: int) -> alt.VConcatChart:
    view = alt.ViewConfig(stroke=None)
    finished: alt.VConcatChart = chart.properties(padding=margin, background="#ffffff").configure(
        aria=False, font=FONT, view=view
    )
    return finished


def _data(rows: Sequence[dict[str, Any]] | Sequence[dict[str, float]]) -> alt.InlineData:
    return alt.InlineData(values=list(rows))


def _x(width: float) -> alt.X:
    """Pixels from the left."""
    return alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, width], range=[0, width], nice=False))


def _y(height: float) -> alt.Y:
    """Pixels from the top."""
    return alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, height], range=[0, height], nice=False))


def _text(
    rows: Sequence[dict[str, Any]],
    canvas: tuple[float, float],
    *,
    size: int,
    colour: str = INK,
    align: str = "left",
    baseline: str = "top",
    weight: str = "normal",
) -> alt.Chart:
    """Texts ``t`` at ``x`` and ``y`` from the top left corner of a canvas of width and height."""
    looks: dict[str, Any] = {"color": colour, "fontWeight": weight, "align": align, "baseline": baseline}
    mark = alt.Chart(_data(rows)).mark_text(fontSize=size, **looks)
    drawn: alt.Chart = mark.encode(x=_x(canvas[0]), y=_y(canvas[1]), text="t:N")
    return drawn


def _block(
    paragraphs: Sequence[str], *, width: int, size: int, colour: str = INK, weight: str = "normal", height: int = 0
) -> _Layer:
    """Paragraphs broken into lines, as high as they need or as ``height`` says."""
    scale = size * (BOLD if weight == "bold" else 1)
    step, gap = round(size * 1.35), round(size * 0.5)
    rows, y = [], 0
    for paragraph in paragraphs:
        for line in break_lines(paragraph, width / scale):
            rows.append({"x": 0, "y": y, "t": line})
            y += step
        y += gap
    height = max(height, y - gap)
    drawn = _text(rows, (width, height), size=size, colour=colour, weight=weight)
    return drawn.properties(width=width, height=height)


def _day_layers(chart: Chart, words: Words, frame: Frame) -> alt.LayerChart:
    """Shading, lines with their numbers, bars, numbers of the peaks, and days below the bars."""
    days = chart.days
    highest = max((day.records or 0 for day in days), default=0)
    canvas = _canvas(highest, words, frame, len(days))
    ticks = [tick for tick in axis_ticks(ReleasedCount(highest)) if canvas.height_of(tick) >= frame.letters * 1.2]
    bars = [_bar(day, canvas, i) for i, day in enumerate(days)]
    shaded = [
        {"x": canvas.left_of(i), "x2": canvas.left_of(i + 1), "y": 0, "y2": canvas.floor}
        for i, day in enumerate(days)
        if day.is_free
    ]
    lines = [_level(0 if tick else canvas.left, frame.width, canvas.height_of(tick)) for tick in ticks]
    numbers = [{"x": 0, "y": canvas.height_of(tick) - 3, "t": words.count(tick)} for tick in ticks[1:]]
    layers = [
        _rectangles(shaded, frame, FREE),
        _rules(lines[1:], frame, LINE, 1),
        _rectangles([bar for bar in bars if bar is not None], frame, BAR),
        _rules(lines[:1], frame, INK, 1.5),
        _text(numbers, (frame.width, frame.height), size=frame.letters - 1, colour=SOFT_INK, baseline="bottom"),
        *_peaks(chart, words, frame, canvas),
        *_labels(days, words, frame, canvas),
    ]
    return alt.LayerChart(layer=layers).properties(width=frame.width, height=frame.height)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Canvas:
    """Places on the canvas, in pixels.

    ``left``: of the first bar. ``step``: from bar to bar. ``floor``: below the bars. ``reach``: height of one record.
    """

    left: float
    step: float
    floor: float
    reach: float

    def left_of(self, i: float) -> float:
        return self.left + i * self.step

    def height_of(self, count: float) -> float:
        return self.floor - count * self.reach


def _canvas(highest: int, words: Words, frame: Frame, days: int) -> _Canvas:
    below, above = frame.letters * 2.0, frame.letters * 2.8
    left = (text_width(words.count(axis_ticks(ReleasedCount(highest))[-1])) + 0.5) * frame.letters
    floor = frame.height - below
    step = (frame.width - left) / days
    return _Canvas(left=left, step=step, floor=floor, reach=(floor - above) / max(highest, 1))


def _level(x: float, x2: float, y: float) -> dict[str, float]:
    return {"x": x, "x2": x2, "y": y, "y2": y}


def _bar(day: DayCount, canvas: _Canvas, i: int) -> dict[str, float] | None:
    if day.records is None:
        return None
    gap, left = max(min(canvas.step * 0.12, 4), (canvas.step - WIDEST_BAR) / 2), canvas.left_of(i)
    return {"x": left + gap, "x2": left + canvas.step - gap, "y": canvas.height_of(day.records), "y2": canvas.floor}


def _place(canvas: _Canvas, frame: Frame, i: int, room: float) -> tuple[str, float]:
    """The alignment and place of a text over bar ``i``, chosen so that it stays on the canvas."""
    middle = canvas.left_of(i + 0.5)
    if middle < room:
        return "left", canvas.left_of(i)
    if middle > frame.width - room:
        return "right", canvas.left_of(i + 1)
    return "center", middle


def _rectangles(rows: Sequence[dict[str, float]], frame: Frame, colour: str) -> alt.Chart:
    mark = alt.Chart(_data(rows)).mark_rect(color=colour)
    drawn: alt.Chart = mark.encode(x=_x(frame.width), x2="x2:Q", y=_y(frame.height), y2="y2:Q")
    return drawn


def _rules(rows: Sequence[dict[str, float]], frame: Frame, colour: str, width: float) -> alt.Chart:
    """Lines from ``x``, ``y`` to ``x2``, ``y2``."""
    mark = alt.Chart(_data(rows)).mark_rule(color=colour, strokeWidth=width)
    drawn: alt.Chart = mark.encode(x=_x(frame.width), x2="x2:Q", y=_y(frame.height), y2="y2:Q")
    return drawn


def _peaks(chart: Chart, words: Words, frame: Frame, canvas: _Canvas) -> list[alt.Chart]:
    """Day and number above the highest bars; if two would touch, the lower one is left out."""
    drawn: list[alt.Chart] = []
    taken: list[tuple[float, float]] = []
    peaks = [(i, day.day, day.records) for i, day in enumerate(chart.days) if day.day in chart.peaks and day.records]
    for i, date, records in sorted(peaks, key=lambda peak: -peak[2]):
        half = (text_width(words.count(records)) * BOLD + 0.5) * frame.letters / 2
        if any(abs(canvas.left_of(i) - x) < half + other for x, other in taken):
            continue
        taken.append((canvas.left_of(i), half))
        align, x = _place(canvas, frame, i, room=frame.letters * 3)
        top = canvas.height_of(records) - 5
        number = {"x": x, "y": top, "t": words.count(records)}
        above = {"x": x, "y": top - frame.letters * 1.15, "t": words.short_day(date)}
        size = frame.width, frame.height
        looks: dict[str, Any] = {"align": align, "baseline": "bottom"}
        drawn.append(_text([number], size, size=frame.letters, weight="bold", **looks))
        drawn.append(_text([above], size, size=frame.letters - 1, colour=SOFT_INK, **looks))
    return drawn


def _labels(days: Sequence[DayCount], words: Words, frame: Frame, canvas: _Canvas) -> list[alt.Chart]:
    """A short line and the day below some bars: Mondays, or firsts of months, or of fewer months."""
    shown = _labelled(days, frame.most_labels)
    texts: dict[str, list[dict[str, Any]]] = {}
    for i in shown:
        align, x = _place(canvas, frame, i, room=frame.letters * 2)
        day = days[i].day
        text = words.short_day(day) if len(days) <= 100 else f"{words.short_months[day.month - 1]} {day.year}"
        texts.setdefault(align, []).append({"x": x, "y": canvas.floor + 9, "t": text})
    middles = [canvas.left_of(i + 0.5) for i in shown]
    marks = [{"x": x, "x2": x, "y": canvas.floor, "y2": canvas.floor + 6} for x in middles]
    labels = [
        _text(rows, (frame.width, frame.height), size=frame.letters, align=align) for align, rows in texts.items()
    ]
    return [_rules(marks, frame, INK, 1), *labels]


def _labelled(days: Sequence[DayCount], most: int) -> list[int]:
    """The days that get a label: the finest choice with few enough days, else the first day."""
    every = [i for i, _ in enumerate(days)]
    mondays = [i for i in every if days[i].day.weekday() == 0]
    firsts = [i for i in every if days[i].day.day == 1]
    quarters = [i for i in firsts if days[i].day.month % 3 == 1]
    halves = [i for i in firsts if days[i].day.month % 6 == 1]
    kinds = (every, mondays, mondays[::2], firsts, quarters, halves)
    return next((kind for kind in kinds if 0 < len(kind) <= most), [0])


def _map_chart(story: Story, width: int) -> alt.Chart:
    names = [key.name for key in story.keys]
    scale = alt.Scale(domain=names, range=[colour_of(name, names) for name in names])
    shapes = alt.InlineData(
        values=world(story.classes, NO_CLASS), format=alt.TopoDataFormat(type="topojson", feature="countries")
    )
    drawn = alt.Chart(shapes).mark_geoshape(stroke="#ffffff", strokeWidth=0.6)
    coloured: alt.Chart = drawn.encode(color=alt.Color("properties.class:N", scale=scale, legend=None))
    return coloured.project(type="equalEarth").properties(width=width, height=round(width * MAP_SHARE))


def _picture(chart: Chart, story: Story) -> alt.VConcatChart:
    right = alt.vconcat(*_top(story), spacing=8)
    below = (_block(story.map_notes, width=MAP_WIDTH, size=16, colour=SOFT_INK),) if story.map_notes else ()
    left = alt.vconcat(_map_chart(story, MAP_WIDTH), _legend(story, MAP_WIDTH), *below, spacing=10)
    half = (INNER - GUTTER) // 2
    noise = alt.vconcat(_title(story.words.noise_title, half), _block(story.noise, width=half, size=16), spacing=8)
    sources = alt.vconcat(
        _title(story.words.sources_title, half), _block(story.sources, width=half, size=16), spacing=8
    )
    notes_of_days = [story.days_note] + ([story.no_number] if story.no_number else [])
    parts = (
        _block([story.headline], width=INNER, size=44, weight="bold"),
        _block(story.lines, width=INNER, size=22, colour=SOFT_INK),
        _title(story.days_title, INNER),
        _day_layers(chart, story.words, PICTURE),
        _block(notes_of_days, width=INNER, size=16, colour=SOFT_INK),
        _title(story.map_title, INNER),
        alt.hconcat(left, right, spacing=GUTTER),
        alt.hconcat(noise, sources, spacing=GUTTER),
    )
    return _finish(alt.vconcat(*parts, spacing=22), MARGIN)


def _title(text: str, width: int) -> _Layer:
    return _block([text], width=width, size=24, weight="bold")


def _legend(story: Story, width: int) -> alt.LayerChart:
    """A box for each key: the classes in a row, home and grey below them."""
    names = [key.name for key in story.keys]
    classes = [key for key in story.keys if key.name not in (HOME_CLASS, NO_CLASS)]
    others = [key for key in story.keys if key.name in (HOME_CLASS, NO_CLASS)]
    columns = max(len(classes), 1)
    boxes, texts = [], []
    below = 30 if classes else 0
    for y, keys, step in ((0, classes, width / columns), (below, others, width / 2)):
        for i, key in enumerate(keys):
            x = i * step
            boxes.append({"x": x, "x2": x + 22, "y": y, "y2": y + 18, "c": key.name})
            texts.append({"x": x + 29, "y": y + 9, "t": key.text})
    height = below + 24
    scale = alt.Scale(domain=names, range=[colour_of(name, names) for name in names])
    drawn = alt.Chart(_data(boxes)).mark_rect()
    colour = alt.Color("c:N", scale=scale, legend=None)
    box = drawn.encode(x=_x(width), x2="x2:Q", y=_y(height), y2="y2:Q", color=colour)
    text = _text(texts, (width, height), size=16, baseline="middle")
    return alt.LayerChart(layer=[box, text]).properties(width=width, height=height)


def _top(story: Story) -> list[_Layer]:
    """The countries with most records, a line each, and below them the records without a country."""
    none = CountryLine(name=story.keys[-1].text, records="", outgoing="", incoming="", is_country=True)
    named = [line for line in story.country_lines if line.is_country][:TOP] or [none]
    rest = [line for line in story.country_lines if not line.is_country]
    step, rows, numbers = 34, [], []
    for i, line in enumerate([*named, *rest]):
        y = i * step + (14 if not line.is_country else 0)
        rows.append({"x": 0, "y": y, "t": line.name})
        numbers.append({"x": SIDE, "y": y, "t": line.records})
    height = max(len(rows) * step + 14, step)
    names = _text(rows, (SIDE, height), size=18)
    counts = _text(numbers, (SIDE, height), size=18, align="right")
    table = alt.LayerChart(layer=[names, counts]).properties(width=SIDE, height=height)
    return [_block([story.words.top_title], width=SIDE, size=18, weight="bold"), table]
