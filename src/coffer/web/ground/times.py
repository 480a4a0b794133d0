"""Times, days and numbers as the reader writes them. Pure."""

import datetime as dt
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from babel.dates import format_date
from babel.numbers import format_decimal

from coffer.web.ground.languages import locale_of

COOKIE: Final = "__Host-zone"
"""The reader's time zone, as their browser names it. What people type is read in it, so that no other host of the domain
may set it."""


def choose_zone(cookie: str | None, site_zone: str) -> ZoneInfo:
    """The zone that the reader's browser named, else the site's. A name that is none counts as not given."""
    return ZoneInfo(cookie if cookie in _zones() else site_zone)


@cache
def _zones() -> frozenset[str]:
    """The names of all zones, read from the disk once: that takes 30 ms."""
    return frozenset(available_timezones())


def show_number(value: float, language: str) -> str:
    """A number with the reader's own separators."""
    return format_decimal(value, locale=locale_of(language))


def show_day(day: dt.date, language: str) -> str:
    """A day in words: 9 January 2013."""
    return format_date(day, "long", locale=locale_of(language))


def show_time(time: dt.datetime, language: str, zone: dt.tzinfo) -> str:
    """An instant to the minute in a zone: 9 January 2013, 15:54."""
    local = time.astimezone(zone)
    return f"{show_day(local.date(), language)}, {local:%H:%M}"


def show_clock(time: dt.datetime, zone: dt.tzinfo) -> str:
    """The hour and minute of an instant in a zone: 15:54."""
    return time.astimezone(zone).strftime("%H:%M")


def show_utc(time: dt.datetime) -> str:
    """An instant to the second, as the log writes it: 2013-01-09 14:54:00 UTC."""
    return time.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def machine_time(time: dt.datetime | dt.date) -> str:
    """What stands in the attribute ``datetime``."""
    return time.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(time, dt.datetime) else str(time)
