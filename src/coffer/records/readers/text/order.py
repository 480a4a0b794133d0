"""In which order files are read: by the first stamp in each. Pure.

The order counts for readers that remember one file over the next. A shell hands ``mail.log mail.log.1`` over newest
first. Read so, an attempt that failed yesterday would end what was delivered today.
"""

import datetime as dt
import re
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from coffer.records.feed import Feed
from coffer.records.readers.text.headed import header_names
from coffer.records.readers.text.stamps import CLASSIC, Years
from coffer.records.settings import OpenSmtpdSettings, PostfixSettings, SendmailSettings

_EPOCH: Final = re.compile(
    rb'__REALTIME_TIMESTAMP"\s*:\s*"?([0-9]{10})[0-9]{6}|: (?:timestamp|created)=([0-9]{9,10})\b|: start_time=([0-9]{9,10})\b'
    rb'|start_epoch(?:"\s*:\s*"|>)([0-9]{9,10})\b'
)
_WITH_DATE: Final = re.compile(
    rb"(?:^|(?<=[\s\"',>]))([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.,][0-9]+)?(Z| ?[+-][0-9]{2}:?[0-9]{2})?"
)
_YEARLESS: Final = re.compile(rb"(?m)^(?:<[0-9]{1,3}>)?([A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}) ")
_LEAP_YEAR: Final = 2024
_CUCM: Final = "dateTimeOrigination"


def in_time_order(heads: Sequence[bytes], feed: Feed, latest: dt.datetime) -> list[int]:
    """Numbers of the files that begin with ``heads``, oldest first.

    They stay as they are if one of them does not tell when it begins. Files that begin in the same second stay as
    they are. ``latest``: no stamp without a year is later. Where the feed gives the year of the first line, the files
    lie on the circle of a year, and begin behind the widest gap.
    """
    given = list(range(len(heads)))
    if len(heads) < 2:
        return given
    yearless = [_yearless(head) for head in heads]
    settings = feed.settings
    if all(yearless) and isinstance(settings, OpenSmtpdSettings | PostfixSettings | SendmailSettings) and settings.year:
        return _on_circle([stamp for stamp in yearless if stamp])
    begins = [_begin(head, stamp, feed, latest) for head, stamp in zip(heads, yearless, strict=True)]
    known = [begin for begin in begins if begin is not None]
    return sorted(given, key=known.__getitem__) if len(known) == len(heads) else given


def _yearless(head: bytes) -> str | None:
    """The classic stamp that the first line with one begins with, if the file begins with such lines."""
    match = _YEARLESS.search(head)
    other = _WITH_DATE.search(head[: match.start()]) if match else None
    return match[1].decode() if match and other is None else None


def _begin(head: bytes, yearless: str | None, feed: Feed, latest: dt.datetime) -> dt.datetime | None:
    if yearless is not None:
        dated = Years(year=None, latest=latest, zone=feed.time_zone).add(pl.Series([yearless]))[0]
        return _local(dated, feed)
    if (row := _cucm(head)) is not None:
        return row
    epoch, date = _EPOCH.search(head), _WITH_DATE.search(head)
    if epoch is not None and (date is None or epoch.start() < date.start()):
        return dt.datetime.fromtimestamp(int(next(part for part in epoch.groups() if part)), dt.UTC)
    return _dated(date, feed) if date is not None else None


def _dated(date: re.Match[bytes], feed: Feed) -> dt.datetime | None:
    numbers = [int(part) for part in date.groups()[:6]]
    zone = (date[7] or b"").strip().replace(b":", b"")
    try:
        naive = dt.datetime(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001 - the zone follows
    except ValueError:
        return None
    if not zone:
        return naive.replace(tzinfo=ZoneInfo(feed.time_zone)).astimezone(dt.UTC)
    if zone == b"Z":
        return naive.replace(tzinfo=dt.UTC)
    minutes = int(zone[1:3]) * 60 + int(zone[3:5])
    offset = dt.timedelta(minutes=minutes if zone[:1] == b"+" else -minutes)
    return (naive - offset).replace(tzinfo=dt.UTC)


def _local(dated: str, feed: Feed) -> dt.datetime | None:
    try:
        naive = dt.datetime.strptime(dated.replace("  ", " "), CLASSIC.replace("%e", "%d"))  # noqa: DTZ007 - the zone follows
    except ValueError:
        return None
    return naive.replace(tzinfo=ZoneInfo(feed.time_zone)).astimezone(dt.UTC)


def _cucm(head: bytes) -> dt.datetime | None:
    """The beginning of the first call of a CDR file, whose columns only the header names."""
    names = header_names(head)
    if _CUCM not in names:
        return None
    at = names.index(_CUCM)
    for line in head.split(b"\n")[1:10]:
        cells = line.split(b",")
        if len(cells) > at and re.fullmatch(rb'"?[0-9]{9,10}"?', cells[at]):
            return dt.datetime.fromtimestamp(int(cells[at].strip(b'"')), dt.UTC)
    return None


def _on_circle(stamps: list[str]) -> list[int]:
    """Places in the order of the circle of a year, beginning behind its widest gap."""
    year = dt.timedelta(days=366).total_seconds()
    seconds = []
    for stamp in stamps:
        text = f"{_LEAP_YEAR} {stamp}".replace("  ", " ")
        try:
            naive = dt.datetime.strptime(text, "%Y %b %d %H:%M:%S")  # noqa: DTZ007 - only differences count
        except ValueError:
            return list(range(len(stamps)))
        seconds.append((naive - dt.datetime(_LEAP_YEAR, 1, 1)).total_seconds())  # noqa: DTZ001 - likewise
    order = sorted(range(len(stamps)), key=seconds.__getitem__)
    gaps = [
        seconds[one] - seconds[before] + (year if place == 0 else 0)
        for place, (before, one) in enumerate(zip([order[-1], *order], order, strict=False))
    ]
    begin = max(range(len(order)), key=gaps.__getitem__)
    return order[begin:] + order[:begin]
