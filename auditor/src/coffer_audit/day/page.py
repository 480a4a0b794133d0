"""A certificate as a page of PDF/A. Only this module imports typst, which the extra `pdf` installs."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING

from coffer_audit.day.words import document_of
from coffer_audit.errors import Unavailable

if TYPE_CHECKING:
    from coffer_audit.day.audit import Certificate


def format_page(certificate: Certificate, language: str, file: str) -> bytes:
    """Give the page as PDF. Equal certificates give equal bytes; nothing of it becomes markup.

    Raises: Unavailable if typst is not installed.
    """
    try:
        import typst  # noqa: PLC0415 - only a page needs it
    except ImportError as error:
        raise Unavailable(
            "--pdf: found no typst, expected it installed", hint="pip install 'surecoffer-audit[pdf]'"
        ) from error
    made = typst.compile(
        resources.files("coffer_audit.day").joinpath("certificate.typ").read_bytes(),
        sys_inputs={"data": json.dumps(document_of(certificate, language, file))},
        ignore_system_fonts=True,
        pdf_standards="a-2a",
        timestamp=max(item.time for item in certificate.destructions),
    )
    return bytes(made)
