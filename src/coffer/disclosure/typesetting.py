"""Documents as PDF/A-2a, set from templates that are package data.

Only this module imports typst.
"""

import datetime as dt
import json
from collections.abc import Mapping
from importlib import resources

from coffer.extras import extra


def require_typesetter() -> None:
    """Stop now if no PDF can be set; callers ask this before they open or write anything.

    Raises:
        Unavailable: the extra ``pdf`` is not installed.
    """
    with extra("pdf"):
        import typst  # noqa: F401, PLC0415 - an extra: only a PDF needs it


def typeset(template: str, document: Mapping[str, object], *, now: dt.datetime) -> bytes:
    """The bytes of a PDF, from a template of this package and its document.

    Equal inputs give equal bytes. Nothing of the document becomes markup.

    Raises:
        Unavailable: the extra ``pdf`` is not installed.
    """
    require_typesetter()
    import typst  # noqa: PLC0415 - an extra

    made = typst.compile(
        resources.files("coffer.disclosure").joinpath(template).read_bytes(),
        sys_inputs={"data": json.dumps(document)},
        ignore_system_fonts=True,
        pdf_standards="a-2a",
        timestamp=now.astimezone(dt.UTC).replace(microsecond=0),
    )
    assert isinstance(made, bytes), "one PDF is one file"
    return made
