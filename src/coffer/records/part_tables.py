"""What of a cell is a value, and which values count, as a feed says it. Strict, pure.

Source: ``docs/formats/feed.md``.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from coffer.errors import MalformedInput
from coffer.records.mapping import Cut
from coffer.toml import Table

_LITERALS: Final = r"[A-Za-z0-9 *#+@?(),-]|\\[+*.()?-]"
_PATTERN: Final = re.compile(
    r"(?!.*\)[{*+?])"  # a group is not repeated: what a pattern unfolds to is bounded
    r"(?!.*--)"  # of which some engines make a difference of two classes,
    r"(?!.*(?<!\\)(?:\(\?|[*+?}]\+))"  # and of these flags, comments and repeats that give nothing back
    rf"(?:{_LITERALS}|\||\[(?:{_LITERALS})+\]|\{{[0-9]{{1,2}}(?:,[0-9]{{0,2}})?\}}){{1,64}}"
)
"""Characters, classes, repeats, groups, alternatives: what every engine reads alike."""
_MOST_CHARACTERS: Final = 64


@dataclass(frozen=True, slots=True)
class PartTables:
    """By field: ``splits``, ``cuts`` and ``patterns`` of a ``FeedMapping``."""

    splits: dict[str, str] = field(default_factory=dict)
    cuts: dict[str, Cut] = field(default_factory=dict)
    patterns: dict[str, str] = field(default_factory=dict)

    def parse(self, key: str, table: Table) -> None:
        """Add what a field's table says: ``split``, ``after`` or ``after_last``, ``before``, ``matches``.

        Raises:
            MalformedInput: a mark is no text in a cell, or a pattern is none.
        """
        if key in ("b", "answered") and "split" in table.values:
            self.splits[key] = _parse_mark(table, "split")
        marks = {name: _parse_mark(table, name) for name in ("after", "after_last", "before") if name in table.values}
        if {"after", "after_last"} <= marks.keys():
            raise MalformedInput(f"{table.place}: after_last: with after too, expected one of them")
        if marks:
            after = marks.get("after") or marks.get("after_last", "")
            self.cuts[key] = Cut(after=after, before=marks.get("before", ""), is_last="after_last" in marks)
        if key in ("a", "b") and "matches" in table.values:
            self.patterns[key] = _parse_pattern(table)


def _parse_mark(table: Table, key: str) -> str:
    text = table.text(key)
    if not text or len(text) > 32 or not text.isprintable():
        raise MalformedInput(f'{table.place}: {key}: expected a text in the cells, like ";"')
    return text


def _parse_pattern(table: Table) -> str:
    pattern = table.text("matches")
    is_known = len(pattern) <= _MOST_CHARACTERS and _PATTERN.fullmatch(pattern) is not None
    try:
        re.compile(pattern if is_known else "")  # one that is not known may be a warning too
    except re.error:
        is_known = False
    if not is_known:
        raise MalformedInput(f"{table.place}: matches: not a pattern", hint="write it like [0-9]+|ATT[0-9]")
    return pattern
