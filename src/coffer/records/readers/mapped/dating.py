"""Dates that a table writes without a year. Pure.

Each is of the newest year in which it is not after a day, as in logs whose stamps have none (``text.stamps.Years``).
Rows of a table are read in any order, so that no year can be counted on from a first row.
"""

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import Self
from zoneinfo import ZoneInfo

import polars as pl

from coffer.records.feed import Feed
from coffer.records.mapping import is_yearless
from coffer.records.readers.text.distinct import distinct
from coffer.records.readers.text.stamps import Years


@dataclass(frozen=True, slots=True, kw_only=True)
class Dating:
    """How the dates of a feed get the year they lack.

    ``formats``: the feed's, with a year in front where they lack one; ``bare``: those that lack one, as they are.
    ``years``: None where none lacks one. ``is_told``: nobody said which year is the newest.
    """

    formats: tuple[str, ...]
    bare: tuple[str, ...] = ()
    years: Years | None = None
    is_told: bool = False

    @classmethod
    def of(cls, feed: Feed, latest: dt.datetime | None) -> Self:
        """``latest``: no row is later. None: of times that are no text, which need no format."""
        formats, newest = feed.mapping.date_formats, feed.mapping.newest
        bare = tuple(form for form in formats if is_yearless(form))
        if not bare or latest is None:
            return cls(formats=formats)
        if newest is not None:
            latest = min(latest, dt.datetime.combine(newest, dt.time.max, ZoneInfo(feed.time_zone)))
        return cls(
            formats=tuple(f"%Y {form}" if form in bare else form for form in formats),
            bare=bare,
            years=Years(year=None, latest=latest, zone=feed.time_zone),
            is_told=newest is None,
        )

    def dated(self, text: pl.Series) -> tuple[pl.Series, Counter[str]]:
        """Times with their years, and for how many of them a year was assumed."""
        if self.years is None:
            return text, Counter()
        written, rows = distinct(text)
        dated = written
        for form in self.bare:
            dated = self.years.newest(dated, form)
        assumed = Counter[str]()
        if self.is_told:
            of_rows = dated.str.head(4).zip_with(dated != written, pl.Series([None], dtype=pl.String)).gather(rows)
            assumed.update(f"year {year}" for year in of_rows.drop_nulls())
        return dated.gather(rows), assumed
