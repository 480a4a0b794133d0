"""The languages of the pages: which one a reader gets, and the sentences in it.

Message ids are the English sentences. Each room of ``coffer.web`` keeps a catalogue for each other language in
``words/<language>.po``; Babel reads them.
"""

import io
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LANGUAGES: Final = {"en": "English", "fr": "Français", "de": "Deutsch"}
"""Each language with its own name for itself, English first."""
PARAMETER: Final = "language"
"""Of the links that choose a language."""
COOKIE: Final = "__Host-language"
"""Browsers take it from this very host only, and from no other of the same domain."""
_LOCALES: Final = {"en": "en_GB", "fr": "fr_FR", "de": "de_DE"}
_DOMAIN: Final = "messages"


def locale_of(language: str) -> str:
    """The locale that dates and numbers are written in."""
    return _LOCALES[language]


def choose_language(*, cookie: str | None, accepted: str) -> str:
    """The reader's own choice, else the first of their browser's languages that there is, else English.

    ``accepted``: the header ``accept-language`` (RFC 9110, 12.5.4).
    """
    if cookie in LANGUAGES:
        return str(cookie)
    ranked = []
    for place, part in enumerate(accepted[:1_000].split(",")):
        tag, _, weight = part.partition(";")
        ranked.append((-_weight(weight), place, tag.strip().lower().partition("-")[0]))
    return next((tag for weight, _, tag in sorted(ranked) if weight < 0 and tag in LANGUAGES), "en")


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0


@cache
def translations(language: str, rooms: tuple[str, ...]) -> Translations:
    """The sentences of these rooms of ``coffer.web`` in a language."""
    both = Translations(_compiled(language, rooms[0]), domain=_DOMAIN)
    for room in rooms[1:]:
        both.merge(Translations(_compiled(language, room), domain=_DOMAIN))
    return both


def _compiled(language: str, room: str) -> io.BytesIO | None:
    """A room's catalogue as the standard library reads it; None for English, which is its own."""
    if language == "en":
        return None
    source = files(f"coffer.web.{room}").joinpath("words", f"{language}.po")
    out = io.BytesIO()
    with source.open("rb") as file:
        write_mo(out, read_po(file, locale=language, domain=_DOMAIN))
    out.seek(0)
    return out


def preload(rooms: Sequence[str]) -> None:
    """Read every catalogue now, so that a damaged one is an error at the start."""
    for language in LANGUAGES:
        translations(language, tuple(rooms))
