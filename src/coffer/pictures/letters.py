"""How wide a text is, and where it breaks into lines. Pure.

Source: Adobe's metrics of Helvetica, rounded up; the letters of Arial and Liberation Sans have the same widths.
"""

import unicodedata
from functools import cache
from typing import Final

WIDTHS: Final = (
    ("ijl|\u2019' ", 0.23),
    ("!,./:;[]ftI\u00a0", 0.28),
    ("()-`r", 0.34),
    ("Jckvsxyz", 0.5),
    ("FTZ+=", 0.61),
    ("ABEKPSVXY&", 0.67),
    ("CDHNRUw", 0.72),
    ("GOQ", 0.78),
    ("mM", 0.84),
    ("W\u2026", 1.0),
    ("\u202f", 0.12),
)
"""Letters with their width, as a multiple of the size of the font."""
OTHER_WIDTH: Final = 0.56
BOLD: Final = 1.08
"""The width of bold letters, as a multiple of that of plain ones."""


def text_width(text: str) -> float:
    """The width of a line in plain letters, as a multiple of its font's size; accents add nothing."""
    plain = "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))
    return sum(_widths().get(letter, OTHER_WIDTH) for letter in plain)


def break_lines(paragraph: str, room: float) -> list[str]:
    """The lines of a paragraph, each at most ``room`` times the size of the font.

    Lines are broken at ordinary spaces only, so a longer word stays whole.
    """
    lines: list[str] = []
    for word in paragraph.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


@cache
def _widths() -> dict[str, float]:
    return {letter: width for letters, width in WIDTHS for letter in letters}
