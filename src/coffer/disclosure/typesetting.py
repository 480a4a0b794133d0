"""Documents as PDF/A-2a, set from templates that are package data; the only module that imports typst."""

import datetime as dt
import json
from collections.abc import Mapping
from importlib import resources

from coffer.extras import extra


def require_typesetter() -> None:
    """Before anything is opened or written: what sets a PDF must be there, if one is asked for.

    Raises:
        Unavailable: the extra ``pdf`` is not installed.
    """
    with extra("pdf"):
        import typst  # noqa: F401, PLC0415 - an extra: whoever makes no PDF needs none


def typeset(template: str, document: Mapping[str, object], *, now: dt.datetime) -> bytes:
    """The PDF of a template of this package. Equal inputs give equal bytes; nothing of the document becomes markup.

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
