"""How wide a text is, and where it breaks into lines. Pure.

Source: Adobe's metrics of Helvetica, to which Arial and Liberation Sans keep letter by letter; rounded up.
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
"""Letters and their width over the size of the font."""
OTHER_WIDTH: Final = 0.56
BOLD: Final = 1.08
"""Width of bold letters over that of plain ones."""


def text_width(text: str) -> float:
    """Width of a line in plain letters over the size of its font; an accent adds nothing."""
    plain = "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))
    return sum(_widths().get(letter, OTHER_WIDTH) for letter in plain)


def break_lines(paragraph: str, room: float) -> list[str]:
    """Lines of at most ``room`` times the size of the font, broken at ordinary spaces only; a longer word stays whole."""
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
