"""The table ``[fixed]`` of a feed, as a ``FixedLayout``. Strict, pure.

Source: ``docs/formats/feed.md``.
"""

import re
from typing import Final

from coffer.errors import MalformedInput
from coffer.records.mapping import FixedLayout, Span
from coffer.toml import Table

_SPAN: Final = re.compile(r"([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?")
_MAX_PLACE: Final = 16_384
"""Characters of a line; layouts of fixed width have some hundred."""


def parse_fixed(own: Table) -> FixedLayout:
    """The places of columns, and by what lines of the layout are told from others.

    Raises:
        MalformedInput: a place is none, or nothing can stand there in lines of this width.
    """
    named = own.table("places")
    places = {name: _parse_span(named.get(name, str), f"{named.place}: {name}") for name in named.values}
    if not places:
        raise MalformedInput(f'{named.place}: expected columns with their characters, like Start = "8-12"')
    widths = _parse_widths(own)
    blanks = tuple(_parse_span(text, f"{own.place}: blank") for text in own.texts("blank", ()))
    if widths and max(start + size for start, size in (*places.values(), *blanks)) > max(widths):
        raise MalformedInput(f"{own.place}: width: a column ends behind the {max(widths):,} characters of a line")
    if not widths and not blanks:
        raise MalformedInput(
            f"{own.place}: neither width nor blank: a line of another layout would be read at wrong places",
            hint="width is the number of characters of a line, blank names places where each line has spaces",
        )
    return FixedLayout(places=places, widths=widths, blanks=blanks)


def _parse_widths(own: Table) -> frozenset[int]:
    if "width" not in own.values:
        return frozenset()
    value = own.get("width", (int, list))
    widths = value if isinstance(value, list) else [value]
    if not widths or not all(type(width) is int and 1 <= width <= _MAX_PLACE for width in widths):
        raise MalformedInput(f"{own.place}: width: expected characters of a line, 1 to {_MAX_PLACE:,}, or a list")
    return frozenset(widths)


def _parse_span(text: str, place: str) -> Span:
    """Characters counted from 1, like ``24-27`` or ``60``."""
    match = _SPAN.fullmatch(text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match is not None else (0, 0)
    if not 1 <= first <= last <= _MAX_PLACE:
        raise MalformedInput(f'{place}: expected the first and the last character, counted from 1, like "24-27"')
    return first - 1, last - first + 1
