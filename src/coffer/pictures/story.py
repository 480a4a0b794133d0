"""The sentences about a chart in one language, the same for the PNG, the SVG and the page. Pure."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from coffer import __version__, wire
from coffer.errors import MalformedInput
from coffer.pictures import countries
from coffer.pictures.words import NO_NUMBER, WORDS, Words
from coffer.tally.chart import Chart, Partner, scale_bounds, scale_class
from coffer.tally.release import DELTA, ReleasedCount, noise_scale, noise_sd

LANGUAGES: Final = tuple(WORDS)
MOST_TITLE_LETTERS: Final = 120
"""Two lines of the picture; a longer title is refused."""
TOP: Final = 10
"""Countries in the short table."""
HOME_CLASS: Final = "home"
NO_CLASS: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the counts come from.

    ``log_size`` and ``log_root``: of the checkpoint that they were proven against.
    """

    origin: str
    log_size: int
    log_root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CountryLine:
    """One line of the table of countries, as texts. ``is_country``: False for a line without a map shape."""

    name: str
    records: str
    outgoing: str
    incoming: str
    is_country: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MapKey:
    """One colour of the map and its meaning. ``name``: ``0`` (fewest) upwards, ``home`` or ``none``."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The texts of one picture; all but a given ``headline`` follow from chart, provenance and language.

    ``lines``: below the headline. ``day_texts``: month, day and number for each day of the chart. ``keys``: the legend
    of the map. ``classes``: the key of each country that has one. ``map_notes``, ``noise``, ``sources``: paragraphs.
    """

    words: Words
    headline: str
    lines: tuple[str, ...]
    days_title: str
    days_note: str
    day_texts: tuple[tuple[str, str, str], ...]
    no_number: str | None
    map_title: str
    keys: tuple[MapKey, ...]
    classes: dict[str, str]
    map_notes: tuple[str, ...]
    country_lines: tuple[CountryLine, ...]
    noise: tuple[str, ...]
    sources: tuple[str, ...]
    alternative_days: str
    alternative_map: str


def parse_title(text: str) -> str:
    """A headline of one line.

    Raises:
        MalformedInput: it is empty, too long, or has control characters.
    """
    if not text.strip() or len(text) > MOST_TITLE_LETTERS:
        raise MalformedInput(f"--title: {len(text)} letters, expected 1 to {MOST_TITLE_LETTERS}")
    if not text.isprintable():
        raise MalformedInput("--title: holds a line break or another character that cannot be printed")
    return text.strip()


def tell(chart: Chart, provenance: Provenance, *, language: str, title: str | None = None) -> Story:
    """The story of a chart in one of ``LANGUAGES``."""
    words = WORDS[language]
    bounds = scale_bounds([partner.records for partner in chart.partners])
    classes = {
        partner.code: str(map_class)
        for partner in chart.partners
        if (map_class := scale_class(partner.records, bounds)) is not None
    }
    if chart.home is not None:
        classes[chart.home] = HOME_CLASS
    return Story(
        words=words,
        headline=title or _headline(chart, words),
        lines=_lines(chart, words),
        days_title=words.days_title,
        days_note=words.say(words.days_note),
        day_texts=tuple(
            (
                words.month(day.day),
                words.long_day(day.day),
                NO_NUMBER if day.records is None else words.count(day.records),
            )
            for day in chart.days
        ),
        no_number=words.say(words.no_number) if any(day.records is None for day in chart.days) else None,
        map_title=_map_title(chart, words),
        keys=_keys(chart, bounds, words),
        classes=classes,
        map_notes=_map_notes(chart, words),
        country_lines=_country_lines(chart, words),
        noise=_noise(chart, words),
        sources=_sources(provenance, words),
        alternative_days=_alternative_days(chart, words),
        alternative_map=_alternative_map(chart, words),
    )


def name_of(code: str | None, words: Words) -> str:
    """The name of a country; empty if there is none."""
    return "" if code is None else countries.country_name(code, words.language)


def _records(count: ReleasedCount, words: Words) -> str:
    return words.say(words.one_record if count == 1 else words.many_records, count=words.count(count))


def _headline(chart: Chart, words: Words) -> str:
    kinds = words.listed(tuple(plural for kind, plural in words.kinds if kind in chart.kinds)) or words.any_kind
    text = words.say(words.headline, kinds=kinds)
    return text[0].upper() + text[1:]


def _lines(chart: Chart, words: Words) -> tuple[str, ...]:
    first, last = words.long_day(chart.first), words.long_day(chart.last)
    template = words.on_day if first == last else words.from_day_to_day
    line = words.say(template, records=_records(chart.total, words), first=first, last=last)
    if chart.total_noise_sd:
        line = words.say(words.give_or_take, line=line, size=words.about(2 * chart.total_noise_sd))
    if chart.country is not None:
        line = words.say(words.for_country, country=name_of(chart.country, words), line=line)
    if chart.home is None:
        return (line,)
    split = words.say(
        words.home_line,
        domestic=words.count(chart.domestic),
        abroad=words.count(chart.abroad),
        unknown=words.count(chart.unknown),
        home=name_of(chart.home, words),
    )
    if not chart.unpublished:
        return (line, split)
    return (line, split, words.say(words.unpublished, unpublished=words.about(chart.unpublished)))


def _map_title(chart: Chart, words: Words) -> str:
    if chart.home is None:
        return words.map_without_home
    return words.say(words.map_title, home=name_of(chart.home, words))


def _keys(chart: Chart, bounds: tuple[int, ...], words: Words) -> tuple[MapKey, ...]:
    classes = [
        MapKey(name=str(i), text=words.say(words.legend_class, low=words.count(low), high=words.count(high)))
        for i, (low, high) in enumerate(pairwise(bounds))
    ]
    none = words.legend_none_exact if chart.threshold is None else words.legend_none_noisy
    home = [] if chart.home is None else [words.say(words.legend_home, home=name_of(chart.home, words))]
    return (*classes, *(MapKey(name=HOME_CLASS, text=text) for text in home), MapKey(name=NO_CLASS, text=none))


def _map_notes(chart: Chart, words: Words) -> tuple[str, ...]:
    notes = []
    if chart.threshold is not None:
        notes.append(words.say(words.map_missing, threshold=words.count(chart.threshold)))
    missing = [partner for partner in chart.partners if not countries.is_drawn(partner.code)]
    if missing:
        named = ", ".join(f"{name_of(partner.code, words)} {words.count(partner.records)}" for partner in missing)
        notes.append(words.say(words.map_not_drawn, countries=named))
    if chart.country is None and chart.home is not None:
        notes.append(words.say(words.home_inferred))
    return tuple(notes)


def _country_lines(chart: Chart, words: Words) -> tuple[CountryLine, ...]:
    def line_of(partner: Partner) -> CountryLine:
        return CountryLine(
            name=name_of(partner.code, words),
            records=words.count(partner.records),
            outgoing=words.count(partner.outgoing),
            incoming=words.count(partner.incoming),
            is_country=True,
        )

    others = (
        (words.domestic_row, chart.domestic),
        (words.unknown_row, chart.unknown),
        (words.elsewhere_row, chart.elsewhere),
    )
    home = name_of(chart.home, words)
    rest = (
        CountryLine(
            name=words.say(text, home=home), records=words.count(count), outgoing="", incoming="", is_country=False
        )
        for text, count in others
        if count > 0
    )
    return (*(line_of(partner) for partner in chart.partners), *rest)


def _noise(chart: Chart, words: Words) -> tuple[str, ...]:
    if chart.epsilon is None or chart.threshold is None:
        return (words.say(words.exact),)
    cell = words.about(noise_sd(1, chart.epsilon))
    told = [
        words.say(
            words.mechanism,
            scale=words.about(noise_scale(chart.epsilon)),
            epsilon=str(chart.epsilon).replace(".", words.decimal),
            delta=f"{DELTA:.9f}".replace(".", words.decimal),
        )
    ]
    if chart.day_noise_sd is None or chart.total_noise_sd is None:
        told.append(words.say(words.size_of_country, cell=cell))
    else:
        sizes = {
            "day": words.about(chart.day_noise_sd),
            "total": words.about(chart.total_noise_sd),
            "day_twice": words.about(2 * chart.day_noise_sd),
            "total_twice": words.about(2 * chart.total_noise_sd),
        }
        told.append(words.say(words.size, **sizes) + " " + words.say(words.small_days))
    told.append(words.say(words.small_cells, threshold=words.count(chart.threshold), cell=cell))
    return tuple(told)


def _sources(provenance: Provenance, words: Words) -> tuple[str, ...]:
    return (
        words.say(
            words.source_counts,
            origin=provenance.origin,
            size=words.count(provenance.log_size),
            root=wire.format_base64(provenance.log_root),
        ),
        words.say(
            words.source_map,
            earth=countries.EARTH_VERSION,
            atlas=countries.ATLAS_VERSION,
            cldr=countries.CLDR_VERSION,
        ),
        words.say(words.source_software, version=__version__),
    )


def _alternative_days(chart: Chart, words: Words) -> str:
    counts = {day.day: day.records for day in chart.days}
    peaks = tuple(f"{words.long_day(day)} {words.count(counts[day] or 0)}" for day in chart.peaks)
    template = words.alternative_days if peaks else words.alternative_days_empty
    return words.say(
        template, first=words.long_day(chart.first), last=words.long_day(chart.last), peaks=words.listed(peaks)
    )


def _alternative_map(chart: Chart, words: Words) -> str:
    if not chart.partners:
        return words.alternative_map_empty
    top = tuple(f"{name_of(partner.code, words)} {words.count(partner.records)}" for partner in chart.partners[:3])
    return words.say(words.alternative_map, home=name_of(chart.home, words), top=words.listed(top))
