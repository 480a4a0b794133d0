"""The coming destructions as an iCalendar file, for the calendar of whoever answers for them. Pure.

Source: RFC 5545; an all-day event for each day of records, on the day (UTC) on which its keys are destroyed.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Final

from coffer import wire
from coffer.ledger.retention import Timeline, TimelineDay
from coffer.visible import counted

_FOLD: Final = 75
"""Octets of a line; a longer one goes on behind a line end and a space."""


def format_calendar(timeline: Timeline, origin: str, now: dt.datetime) -> bytes:
    """The file. Written again later it has the same events, which a calendar then brings up to date."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Coffer//retire//EN"]
    for line in timeline.days:
        lines += _event(line, origin, now)
    lines.append("END:VCALENDAR")
    return b"".join(_folded(line) for line in lines)


def _event(line: TimelineDay, origin: str, now: dt.datetime) -> Iterator[str]:
    stamp = wire.format_time(now).replace("-", "").replace(":", "")
    held = f"{counted(line.segments, 'segment')}, {counted(line.rows, 'padded row')}"
    yield "BEGIN:VEVENT"
    yield f"UID:{line.day}@{origin.replace('/', '.')}"
    yield f"DTSTAMP:{stamp}"
    yield f"DTSTART;VALUE=DATE:{line.dies:%Y%m%d}"
    yield _text("SUMMARY", f"{origin}: the keys of {line.day} are destroyed")
    yield _text("DESCRIPTION", f"{held}; keys of {', '.join(line.keys)}. Nobody can open this day afterwards.")
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _text(name: str, value: str) -> str:
    for character in ("\\", ";", ","):
        value = value.replace(character, f"\\{character}")
    return f"{name}:{value}"


def _folded(line: str) -> bytes:
    """The line with its line end, in pieces of at most 75 octets; all text here is ASCII."""
    raw = line.encode("ascii")
    pieces = [raw[:_FOLD], *(raw[at : at + _FOLD - 1] for at in range(_FOLD, len(raw), _FOLD - 1))]
    return b"\r\n ".join(pieces) + b"\r\n"
