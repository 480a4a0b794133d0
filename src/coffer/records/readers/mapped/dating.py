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
from coffer.records.mapping import is_yearless, offset_minutes, zone_names
from coffer.records.readers.text.distinct import distinct
from coffer.records.readers.text.stamps import Years
from coffer.records.readers.text.times import parse_times

_HALF_A_YEAR: Final = dt.timedelta(days=183)
_AHEAD: Final = dt.timedelta(minutes=15)
"""How far the clock of a switch may be ahead without its dates being doubtful."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dating:
    """How the dates of a feed get the year they lack.

    ``formats``: the feed's, with a year in front where they lack one; ``bare``: those that lack one, as they are.
    ``zone``: of times without an offset. ``latest``: no date
    gets a later year; None where none lacks one. ``doubtful``: a date that got its year and is later may be a year old, or of a
    clock that is ahead; None where the feed says a newest day that is over, so that nothing is assumed. ``clock``: nothing is later, whatever the feed says.
    """

    formats: tuple[str, ...]
    bare: tuple[str, ...] = ()
    zone: str = "UTC"
    latest: dt.datetime | None = None
    doubtful: dt.datetime | None = None
    clock: dt.datetime | None = None

    @classmethod
    def of(cls, feed: Feed, latest: dt.datetime | None) -> Self:
        """``latest``: no row is later. None: of times that are no text, which need no format."""
        formats, newest = feed.mapping.date_formats, feed.mapping.newest
        bare = tuple(form for form in formats if is_yearless(form))
        if not bare or latest is None:
            return cls(formats=formats, clock=latest)
        clock = latest
        doubtful: dt.datetime | None = latest - FUTURE + _AHEAD
        if newest is not None:
            end = dt.datetime.combine(newest, dt.time.max, ZoneInfo(feed.time_zone))
            if end < latest - FUTURE + _AHEAD:
                doubtful, latest = None, end
        return cls(
            formats=tuple(f"%Y {form}" if form in bare else form for form in formats),
            bare=bare,
            zone=feed.time_zone,
            latest=latest,
            doubtful=doubtful,
            clock=clock,
        )

    def dated(self, text: pl.Series, zones: pl.Series | None) -> tuple[pl.Series, pl.Series]:
        """Times with their years, and the year of each that was assumed; null where none was.

        ``zones``: of each row, as ``parse_zoned_times`` takes them; None where all are of the feed's.
        """
        nothing = pl.Series([None], dtype=pl.String)
        if self.latest is None:
            return text, nothing.new_from_index(0, len(text))
        if zones is None:
            dated = self._newest(text, self.latest, self.zone)
        else:
            dated = text
            for zone in zones.unique().drop_nulls().to_list():
                minutes = offset_minutes(zone)
                if minutes is None and zone not in zone_names():
                    continue  # such a row has no time
                latest = self.latest + dt.timedelta(minutes=minutes or 0)
                of_zone = self._newest(text, latest, zone if minutes is None else "UTC")
                dated = of_zone.zip_with((zones == zone).fill_null(value=False), dated)
        is_assumed = (dated != text) & (self.doubtful is not None)
        return dated, dated.str.head(4).zip_with(is_assumed, nothing)

    def _newest(self, text: pl.Series, latest: dt.datetime, zone: str) -> pl.Series:
        written, rows = distinct(text)
        years = Years(year=None, latest=latest, zone=zone)
        for form in self.bare:
            written = years.newest(written, form)
        return written.gather(rows)

    def clocks(self, dated: pl.Series) -> pl.Series:
        """What the clocks of rows showed, whatever their zones; null where that is no time."""
        return parse_times(dated, self.formats, "UTC", "first").start

    def dated_near(self, text: pl.Series, start: pl.Series) -> pl.Series:
        """Other times of rows, each with the year in which it is nearest to ``start``.

        ``start``: as the row's clock showed it. What is not within half a year of it in any stays as written.
        """
        best, distance = text, pl.repeat(_HALF_A_YEAR, len(text), dtype=pl.Duration("us"), eager=True)
        for step in (-1, 0, 1):
            candidate = (start.dt.year() + step).cast(pl.String) + " " + text
            apart = (self.clocks(candidate) - start).abs()
            is_nearer = (apart < distance).fill_null(value=False)
            best, distance = candidate.zip_with(is_nearer, best), apart.zip_with(is_nearer, distance)
        return best
