"""The forms of an answer, and one call that makes all that were asked for. Pure."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from coffer.disclosure.etsi import EtsiHeader, default_header, format_etsi
from coffer.disclosure.notice import Notice, format_openings, openings_document
from coffer.disclosure.pdf import PdfStyle, format_pdf
from coffer.disclosure.records_json import format_json
from coffer.disclosure.verified import Disclosure
from coffer.errors import MalformedInput

FORMATS: Final = ("csv", "etsi", "pdf", "json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What to make.

    ``formats``: in the order of FORMATS. ``header``: None for the answer's default header.
    ``openings``: for a subject access, the openings that concerned the person; None for any other answer.
    """

    formats: tuple[str, ...]
    style: PdfStyle
    header: EtsiHeader | None = None
    openings: tuple[Notice, ...] | None = None


def parse_formats(text: str, place: str) -> tuple[str, ...]:
    """The forms in a text like ``pdf,csv``: some of csv, etsi, pdf and json, in any order."""
    words = text.split(",")
    if len(set(words)) != len(words) or not set(words) <= set(FORMATS):
        raise MalformedInput(f"{place}: expected some of {','.join(FORMATS)}, joined by commas")
    return tuple(name for name in FORMATS if name in words)


def render(disclosure: Disclosure, rendering: Rendering, *, now: dt.datetime) -> dict[str, bytes]:
    """The files that were asked for, by path; for a subject access ``openings.csv`` too.

    The paths are ``records.csv``, ``etsi/response-*.xml``, ``record.pdf`` and ``records.json``.

    Raises:
        Refused: a form cannot hold so many records.
    """
    openings = rendering.openings
    files: dict[str, bytes] = {} if openings is None else {"openings.csv": format_openings(openings)}
    for name in rendering.formats:
        match name:
            case "csv":
                files |= {path: raw for path, raw in disclosure.files.items() if path.endswith(".csv")}
            case "etsi":
                header = rendering.header or default_header(disclosure.authorization.terms)
                files |= format_etsi(disclosure, header, now=now)
            case "pdf":
                section = None if openings is None else openings_document(openings, rendering.style.language)
                files["record.pdf"] = format_pdf(disclosure, rendering.style, now=now, openings=section)
            case "json":
                files["records.json"] = format_json(disclosure)
            case _:
                raise AssertionError("a format without a writer")
    return files
