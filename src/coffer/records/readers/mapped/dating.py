"""Dates that a table writes without a year. Pure.

Each is of the newest year in which it is not after a day, as in logs whose stamps have none (``text.stamps.Years``).
Rows of a table are read in any order, so that no year can be counted on from a first row.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final, Self
from zoneinfo import ZoneInfo

import polars as pl

from coffer.bounds import FUTURE
from coffer.records.feed import Feed
from coffer.records.mapping import is_yearless
from coffer.records.readers.text.distinct import distinct
from coffer.records.readers.text.stamps import Years

_AHEAD: Final = dt.timedelta(minutes=15)
"""How far the clock of a switch may be ahead without its dates being doubtful."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dating:
    """How the dates of a feed get the year they lack.

    ``formats``: the feed's, with a year in front where they lack one; ``bare``: those that lack one, as they are.
    ``years``: None where none lacks one. ``doubtful``: a date that got its year and is later may be a year old, or of a
    clock that is ahead; None where the feed says a newest day that is over, so that nothing is assumed.
    """

    formats: tuple[str, ...]
    bare: tuple[str, ...] = ()
    years: Years | None = None
    doubtful: dt.datetime | None = None

    @classmethod
    def of(cls, feed: Feed, latest: dt.datetime | None) -> Self:
        """``latest``: no row is later. None: of times that are no text, which need no format."""
        formats, newest = feed.mapping.date_formats, feed.mapping.newest
        bare = tuple(form for form in formats if is_yearless(form))
        if not bare or latest is None:
            return cls(formats=formats)
        doubtful: dt.datetime | None = latest - FUTURE + _AHEAD
        if newest is not None:
            end = dt.datetime.combine(newest, dt.time.max, ZoneInfo(feed.time_zone))
            if end < latest - FUTURE + _AHEAD:
                doubtful, latest = None, end
        return cls(
            formats=tuple(f"%Y {form}" if form in bare else form for form in formats),
            bare=bare,
            years=Years(year=None, latest=latest, zone=feed.time_zone),
            doubtful=doubtful,
        )

    def dated(self, text: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Times with their years, and the year of each that was assumed; null where none was."""
        nothing = pl.Series([None], dtype=pl.String)
        if self.years is None:
            return text, nothing.new_from_index(0, len(text))
        written, rows = distinct(text)
        dated = written
        for form in self.bare:
            dated = self.years.newest(dated, form)
        is_assumed = (dated != written) & (self.doubtful is not None)
        return dated.gather(rows), dated.str.head(4).zip_with(is_assumed, nothing).gather(rows)
