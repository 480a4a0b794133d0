"""A report of tables as PDF/A-2a. Pure but for its template, which is package data; nothing it is given becomes markup."""

import datetime as dt
import json
from collections.abc import Mapping
from importlib import resources

import typst

from coffer.disclosure.pdf_texts import TEXTS


def format_tables_pdf(document: Mapping[str, object], *, language: str, now: dt.datetime) -> bytes:
    """The PDF of ``title``, ``period``, ``lead``, ``sections`` (caption, heads, rows, note), ``verify_title``, ``verify`` and ``command``.

    Equal inputs give equal bytes.
    """
    made = typst.compile(
        resources.files("coffer.disclosure").joinpath("tables.typ").read_bytes(),
        sys_inputs={"data": json.dumps({**document, "language": language, "page": TEXTS[language]["page"]})},
        ignore_system_fonts=True,
        pdf_standards="a-2a",
        timestamp=now.astimezone(dt.UTC).replace(microsecond=0),
    )
    assert isinstance(made, bytes), "one PDF is one file"
    return made
