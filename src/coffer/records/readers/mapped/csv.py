"""CSV rows to records, column-wise. Pure: bytes of whole rows in, canonical batch and rejects out.

A chunk is any run of whole rows of a file, so that chunks can be read in any process and order. ``text.quoting`` says
where rows end. A row of several lines is made one line first, so that all that follows works on lines.

Source: RFC 4180, with ``docs/formats/feed.md``.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv

from coffer.errors import MalformedInput
from coffer.records.draft import Bools, Parsed, Window
from coffer.records.feed import Feed
from coffer.records.mapping import Column, TextLayout
from coffer.records.readers.account import Page
from coffer.records.readers.mapped.columns import mapped_parts
from coffer.records.readers.mapped.keeping import Give, keep_mapped
from coffer.records.readers.mapped.tidying import COMMENT, Spans, comment_lines, decoded, evened
from coffer.records.readers.text.head import ENCODING_HINT, is_utf8
from coffer.records.readers.text.lines import BOM, EMPTY, MAX_LINE_BYTES, without_empty, without_nul
from coffer.records.readers.text.quoting import (
    CONTINUED,
    JOINT,
    QUOTED_TEXT,
    HeadRow,
    Joined,
    Quoting,
    joined,
    rows_of_head,
    runs_of_rows,
)
from coffer.records.rejects import Reason, Rejects, some_rejects

I64 = npt.NDArray[np.int64]
MAX_COLUMNS: Final = 1000
_DIGITS_OF_A_MOMENT: Final = 4
"""A month, a day and a clock have more; the name of a column has not."""
_MAX_TITLES: Final = 200
"""Lines among which the header is looked for: reports have a few lines of titles."""
MAX_WRONG_ROWS: Final = 1_000
"""Rows of another width that Arrow is let tell one by one; of a chunk with more of them all are taken out beforehand."""
_LINES_AT_ONCE: Final = 1 << 20
"""How many bytes of a chunk of very short lines are read together: arrays about its lines take 60 times its size."""

_VALUES_AT_ONCE: Final = 1 << 23
"""How many values of ragged lines are read together: to fill a line up takes some 50 bytes for each that it lacks."""
_FEWEST_BYTES: Final = 1 << 12


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundCsv:
    """A feed bound to a file: how many columns, and where each canonical field stands (positions from 0).

    ``skip_lines``: how many lines stand before the first row.
    """

    feed: Feed
    columns: int
    positions: dict[str, tuple[int, ...]]
    skip_lines: int = 0

    def read(self, data: bytes, *, first_line: int, window: Window) -> Parsed:
        """Read whole rows; ``first_line`` is the number in the file of the first line of them."""
        return read_lines(data, self, first_line=first_line, window=window)

    def keep(self, data: bytes, first_line: int, page: Page, give: Give) -> None:
        """Tell ``page`` about whole rows; those whose columns are read go to ``give``."""
        _read_whole(data, self, first_line, page, give)


def bind_feed(feed: Feed, first_line: bytes, place: str, *, line: int = 1) -> BoundCsv:
    """Find the feed's columns in a file whose first line is given (the header, if the feed has one).

    ``line``: its number in the file, and that of the first of several lines.

    Raises:
        MalformedInput: a column is not there. Names found are not repeated: where a feed wrongly expects a header, they
        are people's numbers.
    """
    text = feed.mapping.text
    where = f"{place}: line {line}"
    try:
        rows = list(rows_of([decoded(first_line, text.encoding).decode("utf-8")], text))
    except csv.Error:
        hint = "does a CR stand within it? Lines end with LF or CR LF, and a quote ends"
        raise MalformedInput(f"{where}: not one row of CSV", hint=hint) from None
    names = [name.strip() for name in rows[0]] if rows else []
    if not 2 <= len(names) <= MAX_COLUMNS:
        raise MalformedInput(
            f"{where}: {len(names)} column, expected at least 2",
            hint=f"is the delimiter of the feed ({text.delimiter!r}) the file's?",
        )
    try:
        positions = {
            key: tuple(_position(column, names, key, feed, where) for column in columns)
            for key, columns in feed.mapping.wanted.items()
        }
    except MalformedInput as error:
        if text.encoding != "utf-8" or is_utf8(first_line):
            raise
        raise MalformedInput(error.message, hint=f"the line is not UTF-8: {ENCODING_HINT}") from None
    width = text.width or max(len(names), 1 + max(at for found in positions.values() for at in found))
    return BoundCsv(feed=feed, columns=width, positions=positions, skip_lines=line if text.has_header else line - 1)


def bind_head(feed: Feed, head: bytes, place: str) -> BoundCsv:
    """Bind a feed to a file that begins with ``head``: find its header by the names, or its first row.

    The header is the first row that has each of the feed's names once; rows before it are titles.

    Raises:
        MalformedInput: as ``bind_feed`` does.
    """
    text = feed.mapping.text
    numbered = rows_of_head(head, Quoting.of(text), text.skip_lines)[:_MAX_TITLES]
    names = {column for columns in feed.mapping.wanted.values() for column in columns if isinstance(column, str)}
    if text.has_header and names:
        found = next((one for one in numbered if _is_header(one.text, names, text)), None)
    elif text.has_header:
        found = next(iter(numbered), None)
        if found is not None and _is_record(found.text, feed):
            raise MalformedInput(
                f"{place}: line {found.first}: looks like a record, expected the names of columns",
                hint="header = false, if the file has none: its first record would be lost",
            )
    else:
        comments = tuple(comment.encode() for comment in text.comments)
        filled = (
            one for one in numbered if one.text and not one.text.removeprefix(text.quote.encode()).startswith(comments)
        )
        found = next(filled, None)  # empty lines and comments are skipped wherever they stand
        if found is not None:
            return replace(bind_feed(feed, found.text, place, line=found.first), skip_lines=text.skip_lines)
    if found is None:  # then the line that has most of the names says what it lacks, else that of most columns
        mark = text.delimiter.encode()
        likeness = lambda one: (len(names & _names_in(one.text, text).keys()), one.text.count(mark))  # noqa: E731 - a key
        found = max(
            numbered, key=likeness, default=HeadRow(first=text.skip_lines + 1, last=text.skip_lines + 1, text=b"")
        )
    return replace(bind_feed(feed, found.text, place, line=found.first), skip_lines=found.last)


def _is_record(line: bytes, feed: Feed) -> bool:
    """Whether a moment stands where the feed has its positions for ``start``."""
    cells = dict(
        enumerate(next(rows_of([decoded(line, feed.mapping.text.encoding).decode("utf-8")], feed.mapping.text), []))
    )
    start = "".join(cells.get(at, "") for at in feed.columns["start"] if isinstance(at, int))
    return sum(map(str.isdigit, start)) >= _DIGITS_OF_A_MOMENT


def header_line(head: bytes, names: frozenset[str], text: TextLayout) -> int:
    """The number of the first line of the row that has each of these names once.

    0 if no row has, or there are no names.
    """
    rows = rows_of_head(head, Quoting.of(text))[:_MAX_TITLES]
    numbers = (row.first for row in rows if _is_header(row.text, names, text))
    return next(numbers, 0) if names else 0


def _is_header(line: bytes, names: AbstractSet[str], text: TextLayout) -> bool:
    found = _names_in(line, text)
    return all(found[name] == 1 for name in names)


def _names_in(line: bytes, text: TextLayout) -> Counter[str]:
    """How often each value stands in a line; none where it is no row."""
    try:
        rows = list(rows_of([decoded(line, text.encoding).decode("utf-8")], text))
    except csv.Error:
        return Counter()
    return Counter(name.strip() for name in rows[0]) if rows else Counter()


def rows_of(lines: list[str], text: TextLayout, *, is_strict: bool = True) -> Iterator[list[str]]:
    """Rows by Python's own reader, for single lines and those that Arrow does not take."""
    if not text.quote:
        return csv.reader(lines, delimiter=text.delimiter, quoting=csv.QUOTE_NONE, strict=is_strict)
    return csv.reader(lines, delimiter=text.delimiter, quotechar=text.quote, strict=is_strict)


def _position(column: Column, names: list[str], key: str, feed: Feed, place: str) -> int:
    if isinstance(column, int):
        width = feed.mapping.text.width
        if column < (width or len(names)):
            return column
        if feed.mapping.text.is_ragged and not feed.mapping.text.has_header:
            return column
        count = f"width says {width}" if width else f"found {len(names)}"
        raise MalformedInput(f"{place}: no column {column} for {key}, {count} columns counted from 0")
    if names.count(column) == 1:
        return names.index(column)
    raise MalformedInput(
        f"{place}: no column {column!r} for {key} in the header of {len(names)} columns",
        hint=f"does the file have a header, and is feed {feed.name} meant for it?",
    )


def read_lines(data: bytes, bound: BoundCsv, *, first_line: int, window: Window) -> Parsed:
    """Read whole rows; ``first_line`` is the number of the first line of them in the file, from 1."""
    page = Page(bound.feed, window)
    _read_whole(data, bound, first_line, page, keep_mapped(page))
    return page.told()


def _read_whole(data: bytes, bound: BoundCsv, first_line: int, page: Page, give: Give) -> None:
    quoting = Quoting.of(bound.feed.mapping.text)
    data = without_nul(data)
    for part in runs_of_rows(data, quoting, _LINES_AT_ONCE):
        _read_run(part, joined(part, quoting), bound, first_line, page, give)
        first_line += part.count(b"\n") if len(part) < len(data) else 0


def _read_run(data: bytes, rows: Joined | None, bound: BoundCsv, first_line: int, page: Page, give: Give) -> None:
    if rows is not None:
        _tell(rows, bound, first_line, page)
    filled = without_empty(data if rows is None else rows.data, 0)
    page.skip(EMPTY, filled.empty)
    numbers = first_line + (filled.numbers if rows is None else rows.firsts[filled.numbers])
    size, lines = len(filled.data), len(numbers)
    at_once = _LINES_AT_ONCE if lines * 8 > size else size
    if bound.feed.mapping.text.is_ragged:
        # A line of two bytes is filled up, so what counts is how many values there can be.
        at_once = min(at_once, max(_FEWEST_BYTES, 2 * _VALUES_AT_ONCE // bound.columns))
    if size > at_once:
        # Lines of a few bytes are no records: 16 MiB of them must not take gigabytes.
        for part, of_part in _parts(filled.data, numbers, at_once):
            _read_part(part, bound, of_part, page, give)
    else:
        _read_part(filled.data, bound, numbers, page, give)


def _tell(rows: Joined, bound: BoundCsv, first_line: int, page: Page) -> None:
    """Count what is no row, the lines that rows hold besides their first, and those that look like rows."""
    # What an open quote swallowed counts as what it looks like, so that a bound on rejects sees it.
    is_row = rows.cut_delimiters == bound.columns - 1
    is_row[:1] = True
    page.skip(CONTINUED, rows.continued + int((~is_row).sum()))
    if count := int((rows.inner == bound.columns - 1).sum()):
        page.assumed[QUOTED_TEXT] += count
    page.reject(some_rejects(first_line + rows.torn, Reason.WRONG_COLUMN_COUNT))
    page.reject(some_rejects(first_line + rows.overlong, Reason.ROW_TOO_LONG))
    page.reject(some_rejects(first_line + rows.cut[is_row], Reason.CUT_OFF))


def _parts(data: bytes, numbers: I64, at_once: int) -> Iterator[tuple[bytes, I64]]:
    """Runs of whole lines of about ``at_once`` bytes, each with the numbers of its lines."""
    at = line = 0
    while at < len(data):
        end = data.rfind(b"\n", at, at + at_once) + 1 or data.find(b"\n", at) + 1 or len(data)
        part = data[at:end]
        lines = part.count(b"\n") + (not part.endswith(b"\n"))
        yield part, numbers[line : line + lines]
        line += lines
        at = end


def _read_part(data: bytes, bound: BoundCsv, numbers: I64, page: Page, give: Give) -> None:
    text = bound.feed.mapping.text
    data = decoded(data, text.encoding)
    is_comment = comment_lines(data, text.comments, text.quote) if text.comments else None
    if is_comment is not None:
        page.skip(COMMENT, int(np.count_nonzero(is_comment)))
        data, numbers = Spans.of(data).some(~is_comment), numbers[~is_comment]
    data, numbers = _drop_torn(data, numbers, page, text.quote)
    if text.is_ragged:
        data = evened(data, bound.columns, text.delimiter, text.quote)
    table, numbers = _parse_table(data, bound, numbers, page)
    columns = _by_field(bound, table, has_joints=JOINT in data)
    for part, lines in mapped_parts(bound.feed, columns, numbers, latest=page.latest):
        give(part, lines)


def _drop_torn(data: bytes, numbers: I64, page: Page, quote: str) -> tuple[bytes, I64]:
    """Take out lines that are too long or not one line.

    Gives what is left, and the line number of each line of it.
    """
    spans = Spans.of(data)
    is_torn = _torn_lines(spans.view, spans.starts, quote)
    is_long = spans.ends - spans.starts > MAX_LINE_BYTES
    bad = is_torn | is_long
    if not bad.any():
        return data, numbers
    reasons = np.full(len(bad), Reason.WRONG_COLUMN_COUNT, np.uint8)
    reasons[is_long] = Reason.ROW_TOO_LONG
    page.reject(Rejects(lines=numbers[bad], reasons=reasons[bad], fields=("",) * int(bad.sum())))
    return spans.some(~bad), numbers[~bad]


def _drop_wrong_width(data: bytes, bound: BoundCsv, numbers: I64, page: Page) -> tuple[bytes, I64]:
    """Take out lines without quotes that have another number of columns, all at once."""
    spans, text = Spans.of(data), bound.feed.mapping.text
    delimiters = np.add.reduceat((spans.view == ord(text.delimiter)).view(np.uint8), spans.starts, dtype=np.int64)
    bad = delimiters + 1 != bound.columns
    if text.quote:
        bad[np.searchsorted(spans.starts, np.flatnonzero(spans.view == ord(text.quote)), side="right") - 1] = False
    page.reject(some_rejects(numbers[bad], Reason.WRONG_COLUMN_COUNT))
    return spans.some(~bad), numbers[~bad]


def _torn_lines(view: npt.NDArray[np.uint8], starts: I64, quote: str) -> Bools:
    """Lines that would not stay one line.

    They have a quote that is not closed, or a carriage return in the middle that is not quoted.
    """
    torn = np.zeros(len(starts), np.bool_)
    quotes = np.flatnonzero(view == ord(quote)) if quote else np.zeros(0, np.int64)
    if quotes.size:
        torn |= np.diff(np.searchsorted(quotes, starts), append=len(quotes)) % 2 == 1
    if (at := np.flatnonzero(view == 13)).size:
        at = at[(at + 1 < len(view)) & (view[np.minimum(at + 1, len(view) - 1)] != 10)]
        lines = np.searchsorted(starts, at, side="right") - 1
        is_quoted = (np.searchsorted(quotes, at) - np.searchsorted(quotes, starts[lines])) % 2 == 1
        torn[lines[~is_quoted]] = True
    return torn


def _parse_table(
    data: bytes, bound: BoundCsv, numbers: I64, page: Page, most_wrong: int | None = MAX_WRONG_ROWS
) -> tuple[pa.Table, I64]:
    """Split lines into columns of bytes; lines with another number of columns become rejects."""
    text = bound.feed.mapping.text
    names = [f"c{i}" for i in range(bound.columns)]
    wanted = [f"c{i}" for i in sorted({p for positions in bound.positions.values() for p in positions})]
    wrong: list[int] = []

    def skip(row: pc_csv.InvalidRow) -> str:
        wrong.append(row.number)
        return "error" if most_wrong is not None and len(wrong) > most_wrong else "skip"

    if data.startswith(BOM):
        data = BOM + data  # Arrow takes one away; here it is part of a line, as a file's own mark was taken away before
    if not data:
        return pa.table({name: pa.array([], pa.binary()) for name in wanted}), numbers
    try:
        table = pc_csv.read_csv(
            pa.BufferReader(data),
            read_options=pc_csv.ReadOptions(column_names=names, use_threads=False, block_size=max(len(data), 1)),
            parse_options=pc_csv.ParseOptions(
                delimiter=text.delimiter,
                quote_char=text.quote or False,
                invalid_row_handler=skip,
                ignore_empty_lines=False,
            ),
            convert_options=pc_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.binary()), include_columns=wanted, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        if most_wrong is not None and len(wrong) > most_wrong:
            data, numbers = _drop_wrong_width(data, bound, numbers, page)
            return _parse_table(data, bound, numbers, page, None)
        # An open quote swallows lines. Then each line is read alone, and those that do not parse are rejected.
        return _parse_line_by_line(data, bound, numbers, page)
    if table.num_rows + len(wrong) != len(numbers):
        return _parse_line_by_line(data, bound, numbers, page)
    if wrong:
        at = np.array(wrong, np.int64) - 1
        page.reject(some_rejects(numbers[at], Reason.WRONG_COLUMN_COUNT))
        numbers = np.delete(numbers, at)
    return table.combine_chunks(), numbers


def _parse_line_by_line(data: bytes, bound: BoundCsv, numbers: I64, page: Page) -> tuple[pa.Table, I64]:
    """The slow path, for a chunk with unbalanced quotes."""
    positions = sorted({p for columns in bound.positions.values() for p in columns})
    kept: list[list[str]] = []
    good: list[int] = []
    wrong: list[int] = []
    lines = data.decode("utf-8").split("\n")
    for number, line in zip(numbers.tolist(), lines, strict=False):
        try:
            rows = list(rows_of([line], bound.feed.mapping.text))
        except csv.Error:
            rows = []
        if len(rows) == 1 and len(rows[0]) == bound.columns:
            kept.append(rows[0])
            good.append(number)
        else:
            wrong.append(number)
    page.reject(some_rejects(np.array(wrong, np.int64), Reason.WRONG_COLUMN_COUNT))
    columns = {f"c{p}": pa.array([row[p].encode("utf-8") for row in kept], pa.binary()) for p in positions}
    return pa.table(columns), np.array(good, np.int64)


def _by_field(bound: BoundCsv, table: pa.Table, *, has_joints: bool) -> dict[str, tuple[pa.BinaryArray, ...]]:
    columns = {p: _column(table, p, has_joints=has_joints) for places in bound.positions.values() for p in places}
    return {key: tuple(columns[p] for p in positions) for key, positions in bound.positions.items()}


def _column(table: pa.Table, position: int, *, has_joints: bool) -> pa.BinaryArray:
    column = table.column(f"c{position}")
    values = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    return pc.replace_substring(values, JOINT, b"\n") if has_joints else values
