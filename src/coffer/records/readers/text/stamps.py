"""The stamps that log lines begin with, to UTC.

These are classic syslog (no year, no zone), RFC 3339, and those with a date. A log shows the same second many times,
so each distinct stamp is read once. Source: RFC 3164 section 4.1.2, RFC 3339.
"""

import datetime as dt
from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl

from coffer.records.feed import Feed
from coffer.records.readers.text.distinct import distinct
from coffer.records.readers.text.times import Times, as_of_engine, parse_times

_WITHOUT_YEAR: Final = "%b %e %H:%M:%S"
CLASSIC: Final = f"%Y {_WITHOUT_YEAR}"
WITH_ZONE: Final = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S%.f %z", "%Y-%m-%d %H:%M:%S %z")
WITHOUT_ZONE: Final = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M:%S")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LEAP_CYCLE: Final = 9
"""29 February was at most eight years ago (1896 to 1904, 2096 to 2104)."""


def parse_stamps(stamps: pl.Series, formats: tuple[str, ...], feed: Feed, years: "Years | None" = None) -> Times:
    """Stamps with a year, each distinct one once.

    ``years``: gives those without one the newest that they can have.
    """
    written, rows = distinct(stamps)
    dated = written if years is None else years.add(written)
    times = parse_times(dated.str.replace("Z$", "+00:00"), formats, feed.time_zone, feed.fold)
    return replace(times, fault=times.fault.cast(pl.UInt8)).take(rows)


class Years:
    """Gives classic stamps the year they lack.

    Where the year of the first line is known it is counted on from there: a step from December to January begins the next
    year, one back from January to December belongs to the year before. Else each stamp is of the newest year in which it
    is not after ``latest``; a log over a year old then needs the year.
    """

    __slots__ = ("_latest", "_month", "_year")

    def __init__(self, *, year: int | None, latest: dt.datetime, zone: str) -> None:
        self._year = year
        self._month = 0
        self._latest = latest.astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    @property
    def is_newest(self) -> bool:
        """Whether nobody said the year, so that the newest one is assumed."""
        return self._year is None

    def add(self, stamps: pl.Series) -> pl.Series:
        """``Nov 23 17:54:45`` becomes ``2026 Nov 23 17:54:45``; lines come in order.

        What is no such stamp stays as written.
        """
        months = stamps.str.head(3).replace_strict(_MONTHS, range(1, 13), default=0, return_dtype=pl.Int64)
        is_classic = months > 0
        if not is_classic.any():
            return stamps
        if self._year is None:
            dated = self.newest(stamps, _WITHOUT_YEAR)
        else:
            years = np.zeros(len(stamps), np.int64)
            years[is_classic.to_numpy()] = self._counted(months.filter(is_classic).to_numpy())
            dated = pl.Series(years).cast(pl.String) + " " + stamps
        return dated.zip_with(is_classic, stamps)

    def _counted(self, months: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        assert self._year is not None
        steps = np.diff(months, prepend=self._month or months[0])
        years = self._year + np.cumsum((steps < -6).astype(np.int64) - (steps > 6))
        self._year, self._month = int(years[-1]), int(months[-1])
        return years

    def newest(self, stamps: pl.Series, form: str) -> pl.Series:
        """Stamps of a format without a year, each with the newest that it can have before it.

        What is no such stamp stays as written.
        """
        form = f"%Y {as_of_engine(form)}"
        dated = pl.repeat(None, len(stamps), dtype=pl.String, eager=True)
        for back in range(_LEAP_CYCLE):
            candidate = f"{self._latest.year - back} " + stamps
            naive = candidate.str.to_datetime(form, time_unit="us", strict=False)
            fits = (naive <= self._latest).fill_null(value=False)
            dated = dated.zip_with(dated.is_not_null(), candidate.zip_with(fits, dated))
            if not dated.null_count():
                break
        return dated.fill_null(stamps)
