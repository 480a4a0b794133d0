"""The Atom feed of new openings (RFC 4287) and the calendar of coming destructions (RFC 5545). Pure.

Neither names a person, an authority or a case: readers keep and pass on what a feed says.
"""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Final
from xml.etree import ElementTree as ET

from coffer import wire
from coffer.web.window.dying import Calendar
from coffer.web.window.openings import OpeningLine

MOST: Final = 100
"""Openings in the feed, the newest first."""
ATOM: Final = "http://www.w3.org/2005/Atom"


def name_urn(genesis: bytes, what: str) -> str:
    """A name for good, of something in the log with this genesis: the same wherever the log is served."""
    raw = wire.digest(wire.tag("urn"), genesis, what.encode("ascii"))
    return uuid.UUID(bytes=raw[:16], version=5).urn


def format_atom(
    openings: tuple[OpeningLine, ...],
    *,
    genesis: bytes,
    origin: str,
    site: str,
    title: str,
    language: str,
    told: Callable[[OpeningLine], tuple[str, str]],
    began: dt.datetime,
) -> bytes:
    """The feed.

    ``told``: title and sentence of an opening. ``site``: where the window is. ``began``: of the log.
    """
    ET.register_namespace("", ATOM)
    feed = ET.Element(f"{{{ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": language})
    shown = openings[:MOST]
    _add(feed, "id", name_urn(genesis, "openings"))
    _add(feed, "title", title)
    _add(feed, "updated", _time(max([_updated(line) for line in shown], default=began)))
    author = ET.SubElement(feed, f"{{{ATOM}}}author")
    _add(author, "name", origin)
    _add(feed, "link", rel="self", type="application/atom+xml", href=f"{site}/openings.atom")
    _add(feed, "link", rel="alternate", type="text/html", href=f"{site}/openings")
    for line in shown:
        entry = ET.SubElement(feed, f"{{{ATOM}}}entry")
        heading, sentence = told(line)
        _add(entry, "id", name_urn(genesis, f"opening {line.index}"))
        _add(entry, "title", heading)
        _add(entry, "published", _time(line.time))
        _add(entry, "updated", _time(_updated(line)))
        _add(entry, "link", rel="alternate", type="text/html", href=f"{site}/log/{line.index}")
        _add(entry, "summary", sentence)
    text: str = ET.tostring(feed, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def _add(parent: ET.Element, name: str, text: str | None = None, **attributes: str) -> None:
    child = ET.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
    child.text = text


def _updated(line: OpeningLine) -> dt.datetime:
    return line.closed or line.time


def _time(time: dt.datetime) -> str:
    return wire.format_time(time)


def format_ics(calendar: Calendar, *, genesis: bytes, name: str, told: Callable[[dt.date], str]) -> bytes:
    """The coming destructions, one event for each day of records that dies. ``told``: the event's title."""
    stamp = dt.datetime.combine(calendar.today, dt.time(), dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Coffer//window//EN", f"X-WR-CALNAME:{_text(name)}"]
    for day in (*calendar.soon, *calendar.late):
        lines += [
            "BEGIN:VEVENT",
            f"UID:{name_urn(genesis, f'dies {day.day}')}",
            f"DTSTAMP:{stamp}",
            f"DTSTART;VALUE=DATE:{day.dies:%Y%m%d}",
            f"SUMMARY:{_text(told(day.day))}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(f"{_folded(line)}\r\n" for line in lines).encode("utf-8")


def _text(text: str) -> str:
    for mark in ("\\", ";", ","):
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", "\\n")


def _folded(line: str) -> str:
    """A line of at most 75 octets, the rest on lines that begin with a space (RFC 5545, 3.1)."""
    out, size = [], 0
    for character in line:
        octets = len(character.encode("utf-8"))
        if size + octets > 75:
            out.append("\r\n ")
            size = 1
        out.append(character)
        size += octets
    return "".join(out)
