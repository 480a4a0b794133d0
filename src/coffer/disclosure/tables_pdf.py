"""A report of tables as PDF/A-2a. Pure but for its template, which is package data; nothing it is given becomes markup."""

import datetime as dt
from collections.abc import Mapping

from coffer.disclosure.pdf_texts import TEXTS
from coffer.disclosure.typesetting import typeset


def format_tables_pdf(document: Mapping[str, object], *, language: str, now: dt.datetime) -> bytes:
    """The PDF of ``title``, ``period``, ``lead``, ``sections`` (caption, heads, rows, note), ``verify_title``, ``verify`` and ``command``.

    Equal inputs give equal bytes.
    """
    return typeset("tables.typ", {**document, "language": language, "page": TEXTS[language]["page"]}, now=now)
