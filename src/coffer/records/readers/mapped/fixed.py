"""Lines of fixed width to records, column-wise. Pure.

Each column stands at the same places of every line. Places are characters, not bytes. A line of another width, or with
something where the layout has spaces, is of another layout, and is rejected: its values would stand elsewhere. A chunk
is any run of whole lines, as with CSV.

Source: ``docs/formats/feed.md``.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from coffer.errors import MalformedInput
from coffer.records.draft import Parsed, Window
from coffer.records.feed import Feed
from coffer.records.mapping import FixedLayout, Span
from coffer.records.readers.account import Page
from coffer.records.readers.mapped.columns import mapped_parts
from coffer.records.readers.mapped.keeping import Give, keep_mapped
from coffer.records.readers.mapped.tidying import COMMENT, decoded
from coffer.records.readers.text.lines import BOM, EMPTY, whole_lines, without_nul
from coffer.records.rejects import Reason, some_rejects

_LINES_AT_ONCE: Final = 1 << 20
"""How many bytes of very short lines are read together: a column takes 16 bytes for each of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundFixed:
    """A feed bound to lines of fixed width: where each canonical field stands."""

    feed: Feed
    spans: dict[str, tuple[Span, ...]]
    skip_lines: int = 0

    def read(self, data: bytes, *, first_line: int, window: Window) -> Parsed:
        """Read whole lines; ``first_line`` is the number in the file of the first of them."""
        page = Page(self.feed, window)
        self.keep(data, first_line, page, keep_mapped(page))
        return page.told()

    def keep(self, data: bytes, first_line: int, page: Page, give: Give) -> None:
        """Tell ``page`` about whole lines; rows of the layout go to ``give``."""
        data = self._whole(data, first_line, page)
        at_once = _LINES_AT_ONCE if data.count(b"\n") * 8 > len(data) else max(len(data), 1)
        at = 0
        while at < len(data):
            end = data.rfind(b"\n", at, at + at_once) + 1 or data.find(b"\n", at) + 1
            self._keep_lines(data[at:end], first_line, page, give)
            first_line += data.count(b"\n", at, end)
            at = end

    def _whole(self, data: bytes, first_line: int, page: Page) -> bytes:
        """The lines, each with its line end.

        A last one without it is kept only where the only width, or the largest, tells that it is whole.
        """
        if not data or data.endswith(b"\n"):
            return data
        tail = decoded(data[data.rfind(b"\n") + 1 :], self.feed.mapping.text.encoding).decode("utf-8", "replace")
        if len(tail.rstrip("\r")) == max(_layout(self.feed).widths, default=0):
            return data + b"\n"
        page.reject(some_rejects(np.array([first_line + data.count(b"\n")]), Reason.CUT_OFF))
        return data[: data.rfind(b"\n") + 1]

    def _keep_lines(self, data: bytes, first_line: int, page: Page, give: Give) -> None:
        text = self.feed.mapping.text
        lines = whole_lines(decoded(without_nul(data), text.encoding), first_line)
        page.skip(EMPTY, lines.empty)
        page.reject(lines.rejects)
        rows, numbers = lines.text, lines.numbers
        for comment in text.comments:
            is_comment = rows.str.starts_with(comment)
            page.skip(COMMENT, int(is_comment.sum()))
            rows, numbers = rows.filter(~is_comment), numbers[~is_comment.to_numpy()]
        is_good = is_of_layout(rows, _layout(self.feed))
        page.reject(some_rejects(numbers[~is_good.to_numpy()], Reason.WRONG_COLUMN_COUNT))
        rows, numbers = rows.filter(is_good), numbers[is_good.to_numpy()]
        values = {span: _column(rows, span) for spans in self.spans.values() for span in spans}
        columns = {key: tuple(values[span] for span in spans) for key, spans in self.spans.items()}
        for part, of_part in mapped_parts(self.feed, columns, numbers, latest=page.latest):
            give(part, of_part)


def bind_feed(feed: Feed, head: bytes, place: str) -> BoundFixed:
    """Bind a feed to a file that begins with ``head``.

    Raises:
        MalformedInput: the file is empty, or begins with lines of which none is of the feed's layout.
    """
    layout, text = _layout(feed), feed.mapping.text
    head = head.removeprefix(BOM)
    whole = decoded(head[: head.rfind(b"\n") + 1] or head + b"\n", text.encoding)
    lines = whole_lines(whole, 1)
    rows = lines.text.filter(pl.Series(lines.numbers > text.skip_lines))
    for comment in text.comments:
        rows = rows.filter(~rows.str.starts_with(comment))
    if not head or (len(rows) and not is_of_layout(rows, layout).any()):
        widths = ", ".join(f"{width:,}" for width in sorted(rows.str.len_chars().unique())[:3]) or "0"
        if b"\0" in head or rows.str.contains("\r", literal=True).any():
            raise MalformedInput(f"{place}: a CR or NUL within each line at its beginning, expected neither")
        filled = _filled_blanks(rows, layout)
        if filled:
            raise MalformedInput(
                f"{place}: no line of the layout at its beginning: characters at {filled}, expected spaces",
                hint="do the places of blank under [fixed] fit the options of the source?",
            )
        wanted = " or ".join(f"{width:,}" for width in sorted(layout.widths)) or "spaces at its blank places"
        raise MalformedInput(
            f"{place}: no line of the layout at its beginning: {widths} characters, expected {wanted}",
            hint="do the places under [fixed] fit the options of the source?",
        )
    wanted_columns = feed.mapping.wanted
    spans = {key: tuple(layout.places[str(column)] for column in columns) for key, columns in wanted_columns.items()}
    return BoundFixed(feed=feed, spans=spans, skip_lines=text.skip_lines)


def is_of_layout(rows: pl.Series, layout: FixedLayout) -> pl.Series:
    """Which lines have the layout's width, spaces at its blank places, and no CR within."""
    is_good = ~rows.str.contains("\r", literal=True)
    if layout.widths:
        is_good &= rows.str.len_chars().is_in(sorted(layout.widths))
    for start, size in layout.blanks:
        is_good &= rows.str.slice(start, size).str.strip_chars(" ") == ""
    return is_good


def _filled_blanks(rows: pl.Series, layout: FixedLayout) -> str:
    """The blank places at which the first line of a right width has something, up to three."""
    right = rows.filter(rows.str.len_chars().is_in(sorted(layout.widths))) if layout.widths else rows
    line = next(iter(right), "")
    spans = [(start, size) for start, size in layout.blanks if line[start : start + size].strip(" ")]
    return ", ".join(str(start + 1) if size == 1 else f"{start + 1}-{start + size}" for start, size in spans[:3])


def _layout(feed: Feed) -> FixedLayout:
    assert feed.mapping.fixed is not None, "parsed with a feed of this format"
    return feed.mapping.fixed


def _column(rows: pl.Series, span: Span) -> pa.BinaryArray:
    """The values at some places, without the spaces that fill them up."""
    return rows.str.slice(*span).str.strip_chars(" ").to_arrow().cast(pa.binary())
