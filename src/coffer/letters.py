"""Which characters people's own text may hold, and which alphabets a word mixes. Pure.

Names of people and courts are written as they are. A character is allowed if it shows as itself, stands alone (no mark
is laid over its neighbour), runs from left to right and has one spelling. The ranges are fixed here and not taken from
a version of Unicode, so that every reader refuses the same; ``docs/formats/letters.md`` lists them.
"""

import re
import unicodedata
from typing import Final

ALPHABETS: Final = {
    "Latin": "aa ba c0-d6 d8-f6 f8-24f 1e00-1eff",
    "Greek": "370-373 376-377 37a-37d 37f 386 388-38a 38c 38e-3a1 3a3-3f5 3f7-3ff",
    "Cyrillic": "400-481 48a-52f",
    "Armenian": "531-556 559 560-588",
    "Georgian": "10a0-10c5 10c7 10cd 10d0-10fa 10fc-10ff 1c90-1cba 1cbd-1cbf",
}
"""The letters beyond ASCII, by alphabet: first and last code points in hexadecimal."""
_SIGNS: Final = "20-7e a1-a9 ab-ac ae-b9 bb-bf d7 f7 2010-2027 2030-205e 20a0-20bf 2116 2122"


def _pattern(ranges: str) -> str:
    ends = (part.partition("-") for part in ranges.split())
    return "".join(f"\\U{int(first, 16):08x}-\\U{int(last or first, 16):08x}" for first, _, last in ends)


_ALLOWED: Final = re.compile(f"[{_pattern(' '.join((_SIGNS, *ALPHABETS.values())))}]*")
_BY_ALPHABET: Final = {
    name: re.compile(f"[{'A-Za-z' if name == 'Latin' else ''}{_pattern(ranges)}]") for name, ranges in ALPHABETS.items()
}
_SPACES: Final = {0xA0: " ", 0x202F: " "}
"""No-break spaces, which French keyboards and word processors write."""
_WORD: Final = re.compile(r"[^\W\d_]+")


def is_allowed(text: str) -> bool:
    """Whether every character is one that people's own text may hold."""
    return _ALLOWED.fullmatch(text) is not None


def composed(text: str) -> str:
    """What was typed, in its one spelling.

    An accent typed apart joins its letter (NFC), and no-break spaces become plain.
    """
    return unicodedata.normalize("NFC", text).translate(_SPACES)


def alphabets_of(text: str) -> tuple[str, ...]:
    """The alphabets whose letters the text holds, in the order of ``ALPHABETS``."""
    return tuple(name for name, letters in _BY_ALPHABET.items() if letters.search(text))


def mixed_words(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Words that mix alphabets, each with the alphabets.

    A Cyrillic letter within a Latin word looks like its neighbours and makes another word of it.
    """
    words = ((word, alphabets_of(word)) for word in _WORD.findall(text))
    return tuple((word, mixed) for word, mixed in words if len(mixed) > 1)
