"""The keys of a feed that say how times and durations are written. Strict, pure.

Source: ``docs/formats/feed.md``.
"""

import datetime as dt
from typing import Final

from coffer.errors import MalformedInput
from coffer.records.mapping import DEFAULT_DURATIONS, EPOCHS, is_yearless
from coffer.toml import Table

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
    return formats


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
