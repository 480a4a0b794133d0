"""The reply to an authority that what it asks for is not held: a draft in plain text. Pure.

A person reads it, fills in what stands in brackets, and sends it. Source: ``docs/procedures/disclosure.md``, "What is
not held".
"""

import datetime as dt
import textwrap
from collections.abc import Collection

from coffer.disclosure.letterhead import Letterhead
from coffer.disclosure.not_held_texts import TEXTS
from coffer.identity.not_held import NotHeld

_WIDTH = 76


def format_not_held(
    asked: Collection[NotHeld],
    *,
    language: str,
    today: dt.date,
    letterhead: Letterhead | None = None,
    authority: str = "",
    basis: str = "",
    received: dt.date | None = None,
) -> str:
    """The draft. What is not given stands in brackets, for a person to fill in."""
    words = TEXTS[language]
    head = [] if letterhead is None else [*letterhead.provider.lines, ""]
    lines = [
        *head,
        f"{words['to']}: {authority or words['authority']}",
        f"{words['reference']}: {basis or words['case']}",
        f"{words['received']}: {received or words['day']}",
        f"{words['date']}: {today}",
        "",
        words["title"],
        "",
        *_wrapped(words["opening"]),
        "",
    ]
    for kind in (kind for kind in NotHeld if kind in asked):
        lines += [*_wrapped(words[kind], "- "), ""]
    lines += [*_wrapped(words["held"]), "", *_wrapped(words["more"]), "", words["closing"], "", words["signature"]]
    return "\n".join(lines) + "\n"


def _wrapped(text: str, mark: str = "") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=mark, subsequent_indent=" " * len(mark), break_long_words=False)
