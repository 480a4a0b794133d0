"""The times of an order, in the words of the PDF and of letters, a table for each language. Pure.

A period does not include its end; both languages say so in the heading of such a line.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from coffer.authority.authorization import Terms
from coffer.authority.period import Period
from coffer.disclosure.pdf_texts import DATE_FORMAT, TEXTS

_DAY: Final = dt.timedelta(days=1)


def periods_text(periods: Iterable[Period], language: str) -> str:
    """A line for each period, on the clock of the order, with its offset from UTC."""
    return "\n".join(_span(period.first, period.end, TEXTS[language]["until"], language) for period in periods)


def periods_twice(periods: Iterable[Period], language: str) -> str:
    """The same, and below each line that is not in UTC the same in UTC."""
    until = TEXTS[language]["until"]
    return "\n".join(span_twice(period.first, period.end, until, language) for period in periods)


def span_twice(first: dt.datetime, end: dt.datetime, word: str, language: str) -> str:
    """Two moments on the clocks that they bear, and below in UTC if that is another."""
    own, utc = _span(first, end, word, language), _span(_in_utc(first), _in_utc(end), word, language)
    return own if own == utc else f"{own}\n= {utc}"


def moment_twice(value: dt.datetime, language: str, *, joint: str = "\n") -> str:
    """A moment on the clock that it bears, and behind ``joint`` in UTC if that is another."""
    own, utc = moment_text(value, language), moment_text(_in_utc(value), language)
    return own if own == utc else f"{own}{joint}= {utc}"


def order_clocks(terms: Terms) -> tuple[dt.tzinfo, ...]:
    """The offsets from UTC in which the order names its times, each once, as they come."""
    instants = [instant for period in all_periods(terms) for instant in (period.first, period.end)]
    return tuple(dict.fromkeys(dt.timezone(instant.utcoffset() or dt.timedelta()) for instant in instants))


def clock_name(zone: dt.tzinfo | None, terms: Terms) -> str:
    """A zone by its name; where ``zone`` is None, the offsets of the order."""
    if isinstance(zone, ZoneInfo):
        return zone.key
    return ", ".join(str(clock) for clock in ((zone,) if zone is not None else order_clocks(terms)))


def local_of(value: dt.datetime, zone: dt.tzinfo | None, terms: Terms, line: int | None = None) -> dt.datetime:
    """A moment on a zone's clock, or on that of the order.

    ``line``: whose subject's period holds the moment; the clock is then the one on which this period begins. Any other
    moment is on the clock of the order's first period.
    """
    if zone is not None:
        return value.astimezone(zone)
    periods = all_periods(terms) if line is None else terms.periods[line - 1]
    holding = next((period for period in periods if period.holds(value)), periods[0])
    return value.astimezone((holding if line is not None else periods[0]).first.tzinfo)


def has_own_periods(terms: Terms) -> bool:
    """Whether any subject has other periods than the first; each subject is then shown with its own."""
    return any(_spans(periods) != _spans(terms.periods[0]) for periods in terms.periods)


def has_own_persons(terms: Terms) -> bool:
    """Whether the subjects are of several persons."""
    return len(set(terms.persons)) > 1


def all_periods(terms: Terms) -> list[Period]:
    """The periods of all subjects, each once, in the order of their beginnings."""
    distinct = {period.format(): period for periods in terms.periods for period in periods}
    return sorted(distinct.values(), key=lambda period: (period.first, period.end, period.format()))


def opens_part_of_a_day(terms: Terms) -> bool:
    """Whether the order covers only a part of some UTC day that is opened."""
    return not all(period.is_whole_days for periods in terms.periods for period in periods)


def days_text(days: Sequence[dt.date], language: str) -> str:
    """UTC days as spans: ``2016-08-31 to 2016-09-02, 2016-09-05``."""
    spans: list[list[dt.date]] = []
    for day in days:
        if spans and day - spans[-1][1] == _DAY:
            spans[-1][1] = day
        else:
            spans.append([day, day])
    form, to = DATE_FORMAT[language], TEXTS[language]["to"]
    return ", ".join(
        first.strftime(form) if first == last else f"{first.strftime(form)} {to} {last.strftime(form)}"
        for first, last in spans
    )


def _span(first: dt.datetime, end: dt.datetime, word: str, language: str) -> str:
    return f"{moment_text(first, language)} {word} {moment_text(end, language)}"


def _in_utc(value: dt.datetime) -> dt.datetime:
    return value.astimezone(dt.UTC)


def _spans(periods: Sequence[Period]) -> list[str]:
    return [period.format() for period in periods]


def moment_text(value: dt.datetime, language: str) -> str:
    """A moment on the clock that it was written by, with its offset from UTC."""
    offset = value.isoformat()[-6:]
    zone = "UTC" if offset == "+00:00" else f"UTC{offset}"
    clock = "%H:%M:%S" if value.second else "%H:%M"
    return f"{value.strftime(f'{DATE_FORMAT[language]} {clock}')} ({zone})"
