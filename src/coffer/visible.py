r"""Shows text that strangers chose: a character that misleads is written out as ``\u{202e}``. Pure.

People who name files, send mail or write orders choose text. A character misleads if it steers a terminal, reorders a
line or stays unseen. The ranges are fixed here and not taken from a version of Unicode, so that every reader of an
answer writes the same; ``docs/formats/visible.md`` lists them. Counts are shown here too.
"""

import codecs
import re
from typing import Final

UNSEEN: Final = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # controls: C0, delete, C1
    "\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0"  # fillers and other unseen characters
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction of writing
    "\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff"  # zero width
    "\u2028\u2029"  # line and paragraph separators
    "\ufe00-\ufe0f\U000e0000-\U000e0fff"  # variation selectors and tags
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # annotations and formats
    "\ud800-\udfff"  # lone surrogates are no text: Python uses them for bytes that are not UTF-8
    "\ufdd0-\ufdef\ufffe\uffff"  # noncharacters
    "]"
)
_FORMULA: Final = ("=", "+", "-", "@")
"""A spreadsheet takes a cell that begins with one of these for a formula.

It takes tabs and line ends for one too, but those are written out.
"""
FALLBACK: Final = "coffer.visible"
"""The name of the error handler that writes out characters which an output's encoding does not have."""


def is_visible(text: str) -> bool:
    """Whether every character shows as itself."""
    return UNSEEN.search(text) is None


def visible(text: str) -> str:
    """The text, with each misleading character written out."""
    return UNSEEN.sub(lambda match: written_out(match[0]), text)


def visible_cell(text: str) -> str:
    """As ``visible``, for a field of a CSV file that people open in a spreadsheet.

    An apostrophe before the text keeps the spreadsheet from reading it as a formula.
    """
    shown = visible(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def written_out(text: str) -> str:
    r"""Each character as ``\u{...}``, its code point in small hexadecimal digits."""
    return "".join(f"\\u{{{ord(character):x}}}" for character in text)


def counted(number: int, noun: str) -> str:
    """A count as every command shows it: ``1 record``, ``2 records``, ``1,024 batches``.

    ``noun``: in the singular; its last word is the one that takes the plural.
    """
    return f"{number:,} {noun if number == 1 else _plural(noun)}"


def _plural(noun: str) -> str:
    if noun.endswith(("ch", "s", "x")):
        return f"{noun}es"
    return re.sub(r"(?<=[^aeiou])y\Z", "ie", noun) + "s"


def _fall_back(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError), "only outputs are given this handler"
    return written_out(error.object[error.start : error.end]), error.end


codecs.register_error(FALLBACK, _fall_back)
