"""What a reader of the window asks to see: kind, country, feed and period. Pure.

Every way to ask for the same thing gives the same value, so that a page is drawn once for all who ask for it.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from coffer.errors import MalformedInput
from coffer.identity.numbering import is_country
from coffer.kinds import KINDS
from coffer.procedures.reports.totals import Narrowing, Tables
from coffer.tally.exact import NOWHERE

FIELDS: Final = ("kind", "country", "feed", "period")
"""The fields of the form."""
LAST_DAYS: Final = 30
"""Days that the window shows unless it is asked for others: they end with the last day of which there is a number."""
_PERIOD: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?")
_MOST_MONTHS: Final = 36
"""Months that can be chosen; older ones are seen with their year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for. ``period``: a year, a year and month, or empty for the last days."""

    kind: str | None = None
    country: str | None = None
    feed: str | None = None
    period: str = ""

    @property
    def narrowing(self) -> Narrowing:
        """Which records count."""
        return Narrowing(kind=self.kind, country=self.country, feed=self.feed)

    @property
    def query(self) -> tuple[tuple[str, str], ...]:
        """The fields of the form that ask for this; none of them is empty."""
        fields = (("kind", self.kind), ("country", self.country), ("feed", self.feed), ("period", self.period))
        return tuple((name, value) for name, value in fields if value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the form offers.

    ``years`` and ``months``: newest first; ``first``, ``last``: days with numbers, or None.
    """

    kinds: tuple[str, ...]
    countries: tuple[str, ...]
    feeds: tuple[str, ...]
    years: tuple[str, ...]
    months: tuple[str, ...]
    first: dt.date | None
    last: dt.date | None


def choices_of(tables: Tables) -> Choices:
    """What the tables have numbers of."""
    present, days = set(tables.hours["kind"].unique()), tables.hours["day"].unique().sort()
    ends = pl.concat([tables.countries["origin"].unique(), tables.countries["destination"].unique()])
    months = sorted({f"{day:%Y-%m}" for day in days}, reverse=True)
    return Choices(
        kinds=tuple(kind for kind in KINDS if kind in present),
        countries=tuple(sorted(set(ends) - {NOWHERE})),
        feeds=tuple(sorted(tables.hours["feed"].unique())),
        years=tuple(sorted({month[:4] for month in months}, reverse=True)),
        months=tuple(months[:_MOST_MONTHS]),
        first=days[0] if len(days) else None,
        last=days[-1] if len(days) else None,
    )


def parse_asked(query: Mapping[str, str], choices: Choices) -> Asked:
    """What the fields of a form ask for. Fields that the form does not have are left out.

    Raises:
        MalformedInput: a kind, feed, country or period that does not exist.
    """
    kind, feed = query.get("kind", ""), query.get("feed", "")
    country, period = query.get("country", "").upper(), query.get("period", "")
    if kind and kind not in KINDS:
        raise MalformedInput("kind: expected one of the list")
    if feed and feed not in choices.feeds:
        raise MalformedInput("feed: expected one of the list")
    if country and not is_country(country):
        raise MalformedInput("country: expected one of the list")
    if period and period not in choices.years and period not in choices.months:
        raise MalformedInput("period: expected one of the list")
    return Asked(kind=kind or None, country=country or None, feed=feed or None, period=period)


def days_asked(asked: Asked, choices: Choices) -> tuple[dt.date, dt.date] | None:
    """The first and the last day that were asked for; None while there is no number at all."""
    if choices.first is None or choices.last is None:
        return None
    match = _PERIOD.fullmatch(asked.period)
    if match is None:
        first, last = choices.last - dt.timedelta(days=LAST_DAYS - 1), choices.last
    elif match[2] is None:
        first, last = dt.date(int(match[1]), 1, 1), dt.date(int(match[1]), 12, 31)
    else:
        first = dt.date(int(match[1]), int(match[2]), 1)
        last = (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
    return max(first, choices.first), min(last, choices.last)
