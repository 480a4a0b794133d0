"""A section of a printed report: a table of finished text. Pure."""

from dataclasses import dataclass
from typing import Final

_THOUSANDS: Final = {"en": ",", "fr": "\N{NARROW NO-BREAK SPACE}", "de": "."}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One table: its caption, heads, rows of finished text, and a note below it, which may be empty."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def digits(value: int, language: str) -> str:
    """A number with the separators of a language."""
    return f"{value:,}".replace(",", _THOUSANDS[language])
