"""The times of an order, in the words of the PDF and of letters, a table for each language. Pure.

A period does not include its end; both languages say so in the heading of such a line.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

from coffer.authority.authorization import Terms
from coffer.authority.period import Period
from coffer.disclosure.pdf_texts import DATE_FORMAT, TEXTS

_DAY: Final = dt.timedelta(days=1)


def periods_text(periods: Iterable[Period], language: str) -> str:
    """A line for each period, on the clock of the order, with its offset from UTC."""
    words = TEXTS[language]
    return "\n".join(
        f"{moment_text(period.first, language)} {words['until']} {moment_text(period.end, language)}"
        for period in periods
    )


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


def _spans(periods: Sequence[Period]) -> list[str]:
    return [period.format() for period in periods]


def moment_text(value: dt.datetime, language: str) -> str:
    """A moment on the clock that it was written by, with its offset from UTC."""
    offset = value.isoformat()[-6:]
    zone = "UTC" if offset == "+00:00" else f"UTC{offset}"
    clock = "%H:%M:%S" if value.second else "%H:%M"
    return f"{value.strftime(f'{DATE_FORMAT[language]} {clock}')} ({zone})"
