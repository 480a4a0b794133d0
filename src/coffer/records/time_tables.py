"""The keys of a feed that say how times and durations are written. Strict, pure.

Source: ``docs/formats/feed.md``.
"""

import datetime as dt
import re
from typing import Final

from coffer.errors import MalformedInput
from coffer.records.mapping import DEFAULT_DURATIONS, EPOCHS, is_yearless, says_offset, zone_names
from coffer.toml import Table

_CODE: Final = re.compile(r"%[-_0^#:.]*[0-9]?[A-Za-z%+]")
_UTC_MARK: Final = re.compile(r"(?i)(?<![a-z])(?:utc|gmt|z)(?![a-z])|[+-]00:?00")
_MOMENTS: Final = (dt.datetime(2004, 2, 29, 4, 5, 6), dt.datetime(2023, 11, 12, 17, 54, 45))  # noqa: DTZ001 - in UTC
DURATIONS: Final = ("s", "ms", "h:m:s", "m:s", "h:m")


def parse_date_formats(own: Table, default: str | None) -> tuple[str, ...]:
    """The formats of times, in the order in which they are tried."""
    value = own.get("date_format", (str, list), default)
    formats = (value,) if isinstance(value, str) else tuple(value)
    for text in formats:
        if not isinstance(text, str) or (text not in EPOCHS and "%" not in text):
            raise MalformedInput(
                f"{own.place}: date_format: expected strftime codes, {', '.join(EPOCHS[:-1])} or {EPOCHS[-1]}"
            )
        if "%Z" in text:
            raise MalformedInput(
                f"{own.place}: date_format: %Z: a zone's short name can mean several zones",
                hint="write it as text if it is always the same, or name its column as time_zone under [columns]",
            )
    if not formats:
        raise MalformedInput(f"{own.place}: date_format: expected at least one")
    if not all(text in EPOCHS or _says_moments(text) for text in formats):
        raise MalformedInput(
            f"{own.place}: date_format: expected codes that say day, month, hour and minute",
            hint='a clock of 12 hours needs %p; a date and a clock in two columns are named together: start = ["Day", "Clock"]',
        )
    return formats


def _says_moments(form: str) -> bool:
    """Whether a time that is written in this format can be read again, to the minute.

    So a part that is missing, or that the engine does not read, is found before a file is.
    """
    import polars as pl  # noqa: PLC0415 - most commands read no feed

    from coffer.records.readers.text.times import as_of_engine, parse_times  # noqa: PLC0415 - as above

    whole = f"%Y {form}" if is_yearless(form) else form
    if whole != form and says_offset(form):
        return False  # a year is found on one clock
    # What says its offset is read alike in every zone.
    zone = "Asia/Kolkata" if says_offset(form) else "UTC"
    moments = pl.Series(_MOMENTS).dt.replace_time_zone("UTC")
    try:
        written = moments.dt.strftime(as_of_engine(whole))
        read = parse_times(written, (whole,), zone, "first").start
    except (pl.exceptions.PolarsError, ValueError):
        return False
    return bool((read.dt.truncate("1m") == moments.dt.truncate("1m")).fill_null(value=False).all())


def parse_zone(table: Table, default: str | None = None) -> str:
    """The zone of times without an offset: an IANA name, or the default.

    Raises:
        MalformedInput: it is missing and has no default, or no such zone is known.
    """
    if default is not None and "time_zone" not in table.values:
        return default
    zone = table.text("time_zone")
    if zone not in zone_names():
        raise MalformedInput(f"{table.place}: time_zone: unknown", hint="use an IANA name, like Europe/Paris or UTC")
    return zone


def verify_zone_marks(formats: tuple[str, ...], zone: str, place: str) -> None:
    """Refuse formats that write UTC as text, where times without an offset are of another zone.

    Raises:
        MalformedInput: such a time would be read on another clock than it says.
    """
    if zone != "UTC" and any(_UTC_MARK.search(_CODE.sub(" ", text)) for text in formats):
        raise MalformedInput(
            f"{place}: date_format: says UTC as text, and time_zone is {zone}",
            hint='write time_zone = "UTC" beside it, or %z where Z stands',
        )


def parse_newest(own: Table, formats: tuple[str, ...]) -> dt.date | None:
    """The day after which no date without a year is; None if the feed says none."""
    if "newest" not in own.values:
        return None
    newest = own.take("newest")
    if type(newest) is not dt.date:  # a time of day would be one of some zone
        raise MalformedInput(f"{own.place}: newest: expected a day without quotes, like 2026-01-31")
    if not any(map(is_yearless, formats)):
        raise MalformedInput(f"{own.place}: newest: with a year in each date_format, expected only without")
    return newest


def parse_duration_formats(own: Table) -> tuple[str, ...]:
    """The formats of durations; of two parts at most one."""
    found = own.texts("duration_format", DEFAULT_DURATIONS)
    if not set(found) <= set(DURATIONS):
        raise MalformedInput(f"{own.place}: duration_format: expected one or a list of {', '.join(DURATIONS)}")
    if {"m:s", "h:m"} <= set(found) or {"s", "ms"} <= set(found):
        raise MalformedInput(f"{own.place}: duration_format: two of them can mean the same value, expected one of them")
    return found
