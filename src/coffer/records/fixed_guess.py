"""Where the columns of a strange table of fixed width stand, guessed from its first lines. Pure.

A column is a run of places at which some line has a character. Places at which each line has a space are proposed as
blank, so that a longer value than those that were looked at costs its row and is never cut.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from coffer.records.mapping import Column
from coffer.records.unmapped import is_name


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedGuess:
    """A layout, as a feed says it.

    ``columns``: values by name. ``settings``: lines of ``[fixed]``. ``places``: lines of the table below it.
    """

    columns: dict[Column, list[str]]
    settings: tuple[str, ...]
    places: tuple[str, ...]


def guess_fixed(numbered: Sequence[tuple[int, str]]) -> FixedGuess | None:
    """The layout of lines, each with its number; None if they have none.

    They have one width, three columns and blanks between them. A few lines of another width may stand among them, as titles and a sum do.
    """
    width, count = next(iter(Counter(len(line) for _, line in numbered).most_common(1)), (0, 0))
    if count < 3 or count * 10 < min(len(numbered) - 8, len(numbered) * 9 // 10) * 10:
        return None
    rows = [(number, line) for number, line in numbered if len(line) == width]
    first = next((number for number, line in rows if any(map(str.isdigit, line))), 0)
    body = [line for number, line in rows if number >= first > 0]
    if len(body) < 2 or any("\t" in line for line in body):
        return None
    above = [line for number, line in numbered if number < first]
    # A line of dashes, or of units, may stand between the titles and the rows.
    titles = next((line for line in reversed(above[-3:]) if len(re.findall("[A-Za-z]{2}", line)) > 2), "")
    spans = _under_titles(list(_runs([any(line[at] != " " for line in body) for at in range(width)])), titles, body)
    blanks = list(_runs([all(not start <= at < end for start, end in spans) for at in range(width)]))
    if len(spans) < 3 or not blanks:
        return None
    names = _names(titles, spans)
    return FixedGuess(
        columns={name: [line[a:b].strip() for line in body] for name, (a, b) in zip(names, spans, strict=True)},
        settings=(
            *([f"skip_lines = {first - 1}"] if first > 1 else []),
            f"width = {width}",
            f"blank = {json.dumps([_span(*span) for span in blanks])}",
        ),
        places=tuple(
            f"{json.dumps(name)} = {json.dumps(_span(*span))}" for name, span in zip(names, spans, strict=True)
        ),
    )


def _runs(marks: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """From where to where something holds."""
    for is_so, run in groupby(range(len(marks)), key=marks.__getitem__):
        if is_so:
            places = list(run)
            yield places[0], places[-1] + 1


def _under_titles(spans: Sequence[tuple[int, int]], titles: str, body: Sequence[str]) -> list[tuple[int, int]]:
    """Runs that a single space parts, as in 01:00 PM, are one column if they have one title."""
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        is_beside = bool(merged) and bool(titles) and start - merged[-1][1] == 1
        is_number = any(line[start] == "+" for line in body)  # a number of its own, beside a trunk or a name
        if is_beside and not is_number and (titles[start - 1 : start].strip() or not titles[start:end].strip()):
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def _span(start: int, end: int) -> str:
    """Characters counted from 1, as a feed names them."""
    return str(end) if end == start + 1 else f"{start + 1}-{end}"


def _names(titles: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """Names from the line above, where each column has one of its own there; else its places.

    A title may be wider than its column, as long as it reaches over no other.
    """
    words = [(match.start(), match.end(), match[0]) for match in re.finditer(r"\S+", titles)]
    owners = [[word for word in words if word[0] < end and word[1] > start] for start, end in spans]
    names = [" ".join(text for _, _, text in of_span) for of_span in owners]
    is_one_each = sum(map(len, owners)) == len(words)
    is_named = is_one_each and len(set(names)) == len(names) and all(map(is_name, names))
    return names if is_named else [f"at {_span(*span)}" for span in spans]
