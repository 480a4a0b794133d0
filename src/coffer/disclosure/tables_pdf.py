"""A report of tables as PDF/A-2a.

Pure, but for reading its own template, which is package data. No input becomes markup.
"""

import datetime as dt
from collections.abc import Mapping

from coffer.disclosure.pdf_texts import TEXTS
from coffer.disclosure.typesetting import typeset


def format_tables_pdf(document: Mapping[str, object], *, language: str, now: dt.datetime) -> bytes:
    """The bytes of the PDF; equal inputs give equal bytes.

    ``document``: ``title``, ``period``, ``lead``, ``sections`` (caption, heads, rows, note), ``verify_title``,
    ``verify`` and ``command``.
    """
    return typeset("tables.typ", {**document, "language": language, "page": TEXTS[language]["page"]}, now=now)
