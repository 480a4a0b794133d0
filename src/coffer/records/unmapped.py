"""Columns of a table that its feed does not name, each with the shapes of its values. Pure.

Shown by ``coffer feed check``, so that a forgotten column is seen. No value is shown, only its shape.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from coffer.records.feed import Feed
from coffer.records.guessing import mask
from coffer.records.mapping import Column, FeedMapping, FixedLayout, row_field
from coffer.records.readers.mapped.csv import bind_head, rows_of
from coffer.records.readers.mapped.fixed import is_of_layout
from coffer.records.readers.mapped.jsonl import absent_fields, bind_names
from coffer.records.readers.mapped.tidying import decoded
from coffer.records.readers.mapped.typed import is_single, text_of
from coffer.records.readers.text.lines import BOM, whole_lines
from coffer.records.readers.text.quoting import Quoting, rows_of_head

_ROWS: Final = 200
"""Enough to see every shape that is common."""
_SHAPES: Final = 3
_LONGEST: Final = 40
_SPACES: Final = 2
"""A date, a clock and a zone have two spaces between them; a value with more is free text."""
_DIGITS_OF_A_NAME: Final = 6
"""A name may hold a date without its day; more digits, however they are parted, may be somebody's number."""
_TEXT: Final = "text"
_LOOKED_AT_BYTES: Final = 1 << 26
"""What the columns of a Parquet file may unfold to that are looked into; the others are named alone."""
_DEPTH: Final = 4
"""How far nested values are looked into; deeper ones are no metadata of a record."""

Shapes = dict[str, tuple[str, ...]]


def unmapped_columns(data: bytes, feed: Feed) -> Shapes:
    """By name the shapes of columns that ``feed`` does not read.

    The file begins with ``data``, in UTF-8. Of Parquet ``data`` is the whole file. Raises ``MalformedInput`` where the feed cannot be bound to the file.
    """
    if feed.format == "csv":
        return _of_csv(data, feed)
    used = {column for columns in feed.mapping.wanted.values() for column in columns}
    if feed.format == "parquet":
        return _of_parquet(data, used)
    if feed.mapping.fixed is not None:
        return _of_fixed(data, feed, feed.mapping.fixed, used)
    rows = _objects(data, feed)
    return _shapes(
        (path, value) for row in islice(rows, _ROWS) for path, value in leaves(row) if not _is_used(path, used)
    )


def layout_remarks(data: bytes, feed: Feed) -> tuple[str, ...]:
    """What the feed may have wrong of a file that begins with ``data``.

    Of JSON lines keys that no line has, of fixed width places that may cut values.
    """
    if feed.format == "jsonl":
        absent = absent_fields(bind_names(feed, "file"), decoded(data, feed.mapping.text.encoding))[1]
        return tuple(_absent(field, feed.mapping) for field in absent)
    if feed.mapping.fixed is None or feed.preset:
        return ()
    return tuple(_cut_places(_fixed_rows(data, feed, feed.mapping.fixed), feed.mapping.fixed, feed.mapping.wanted))


def _absent(field: str, mapping: FeedMapping) -> str:
    """A field, in the words of the feed, whose keys no line has."""
    rules = {
        row_field(number): "[rows] drop" if row.is_drop else "[rows] keep" for number, row in enumerate(mapping.rows)
    }
    place = {**rules, "join": "[join] key"}.get(field, field)
    return f"{place}: no line has {' or '.join(map(str, mapping.wanted[field]))}: is it spelt as in the file?"


def _cut_places(rows: list[str], layout: FixedLayout, wanted: Mapping[str, tuple[Column, ...]]) -> Iterator[str]:
    covered = {at for start, size in layout.places.values() for at in range(start, start + size)}
    for name in dict.fromkeys(str(column) for columns in wanted.values() for column in columns):
        start, size = layout.places[name]
        for side, at in (("before", start - 1), ("behind", start + size)):
            if at >= 0 and at not in covered and any(row[at : at + 1].strip() for row in rows):
                yield f"{name}: a character stands right {side} its places, in no other column: is a part cut off?"


def is_name(text: str) -> bool:
    """Whether this is plainly a column's name and not a value: words without long numbers."""
    is_short = len(text) < 65 and text.isprintable()
    is_number = sum(map(str.isdigit, text)) > _DIGITS_OF_A_NAME or re.search(
        r"[0-9]{5}|@|\"|^(?:tel|sips?|mailto):", text
    )
    return is_short and bool(re.search("[A-Za-z]", text)) and not is_number


def _of_csv(data: bytes, feed: Feed) -> Shapes:
    bound, text = bind_head(feed, data, "file"), feed.mapping.text
    whole = data[: data.rfind(b"\n") + 1] or data
    head = decoded(whole.removeprefix(BOM), text.encoding)
    each = rows_of_head(head, Quoting.of(text), text.skip_lines, has_end=False)
    header = next(iter(_rows([row.text.decode() for row in each if row.last == bound.skip_lines], feed)), [])
    read = {at for positions in bound.positions.values() for at in positions}
    names = {at: name.strip() for at, name in enumerate(header) if is_name(name.strip())}
    marks = tuple(mark for comment in text.comments for mark in (comment, text.quote + comment))
    lines = [row.text.decode() for row in each if row.first > bound.skip_lines and row.text]
    rows = _rows([line for line in lines if not line.startswith(marks)], feed)
    return _shapes(
        (names.get(at, f"column {at}"), value)
        for row in islice(rows, _ROWS)
        for at, value in enumerate(row)
        if at not in read
    )


def _of_fixed(data: bytes, feed: Feed, layout: FixedLayout, used: set[Column]) -> Shapes:
    rows = _fixed_rows(data, feed, layout)
    unread = [(name, span) for name, span in layout.places.items() if name not in used]
    return _shapes((name, row[start : start + size]) for name, (start, size) in unread for row in rows)


def _fixed_rows(data: bytes, feed: Feed, layout: FixedLayout) -> list[str]:
    text = feed.mapping.text
    whole = decoded(data.removeprefix(BOM)[: data.rfind(b"\n") + 1] or data, text.encoding)
    lines = whole_lines(whole, 1)
    rows = lines.text.filter(pl.Series(lines.numbers > text.skip_lines))
    return rows.filter(is_of_layout(rows, layout)).head(_ROWS).to_list()


def _rows(lines: list[str], feed: Feed) -> Iterator[list[str]]:
    for line in lines:
        try:
            yield from rows_of([line], feed.mapping.text, is_strict=False)
        except csv.Error:
            continue


def _objects(data: bytes, feed: Feed) -> Iterator[object]:
    for line in decoded(data.removeprefix(BOM), feed.mapping.text.encoding).split(b"\n"):
        try:
            yield json.loads(line, parse_int=str, parse_float=str)
        except (ValueError, RecursionError):
            continue


def _of_parquet(data: bytes, used: set[Column]) -> Shapes:
    """Columns of single values with their shapes, as far as they are small.

    Those within others are named by their paths alone.
    """
    try:
        source = pq.ParquetFile(pa.BufferReader(data))
        schema, sizes = source.schema_arrow, _sizes(source.metadata)
        read = {schema.names[one] if isinstance(one, int) and one < len(schema) else one for one in used}
        wanted, budget = [], _LOOKED_AT_BYTES
        for field in schema:
            if (
                field.name not in read
                and is_single(field.type)
                and is_name(field.name)
                and sizes.get(field.name, 0) <= budget
            ):
                wanted.append(field.name)
                budget -= sizes.get(field.name, 0)
        texts = [
            name
            for name in wanted
            if pa.types.is_string(schema.field(name).type) or pa.types.is_binary(schema.field(name).type)
        ]
        # As dictionaries a value that stands in every row is held once, however long it is.
        source = pq.ParquetFile(pa.BufferReader(data), read_dictionary=texts)
        batch = next(source.iter_batches(batch_size=_ROWS, columns=wanted), None) if wanted else None
        paths = {path: () for field in schema for path in _paths(field.type, field.name) if not _is_used(path, read)}
        return paths | (_shapes(_values(batch)) if batch is not None else {})
    except (pa.ArrowException, OSError, ValueError):
        return {}  # the reader says what is wrong with the file


def _values(batch: pa.RecordBatch) -> Iterator[tuple[str, str]]:
    for name in batch.schema.names:
        texts = text_of(batch.column(name))
        for value, is_long in zip(texts.values.to_pylist(), texts.is_long.tolist(), strict=True):
            yield name, "?" * (_LONGEST + 1) if is_long else value.decode("utf-8", "replace")


def _sizes(metadata: pq.FileMetaData) -> dict[str, int]:
    """By column what its first row group unfolds to."""
    if not metadata.num_row_groups:
        return {}
    columns = (metadata.row_group(0).column(i) for i in range(metadata.num_columns))
    return {column.path_in_schema: column.total_uncompressed_size for column in columns}


def _paths(kind: pa.DataType, path: str, depth: int = 0) -> Iterator[str]:
    """The paths of single values within a column, as a feed would name them."""
    if pa.types.is_struct(kind) and depth < _DEPTH:
        for field in kind:
            if is_name(field.name):
                yield from _paths(field.type, f"{path}.{field.name}", depth + 1)
    elif (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and depth < _DEPTH:
        yield from _paths(kind.value_type, f"{path}[*]", depth + 1)
    elif depth or not is_name(path):
        yield f"$.{path}" if depth else "a column with an odd name"
    else:
        yield path


def leaves(value: object, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Values within an object as text, each with its path as a feed would name it.

    Of a list the first few.
    """
    if isinstance(value, Mapping) and depth < _DEPTH:
        for name, inner in value.items():
            if isinstance(name, str) and is_name(name):
                yield from leaves(inner, f"{path}.{name}", depth + 1)
    elif isinstance(value, list) and depth < _DEPTH:
        for inner in value[:_SHAPES]:
            yield from leaves(inner, f"{path}[*]", depth + 1)
    elif value is not None:
        is_top = path.count(".") == 1 and "[" not in path
        yield (
            path.removeprefix(".") if is_top else f"${path}",
            json.dumps(value) if isinstance(value, bool) else str(value),
        )


def _is_used(path: str, used: set[Column]) -> bool:
    return path in used or any(
        str(one).startswith("$") and re.sub(r"\[[0-9]+\]", "[*]", str(one)) == path for one in used
    )


def _shapes(values: Iterable[tuple[str, str]]) -> Shapes:
    found: dict[str, Counter[str]] = {}
    for name, value in values:
        found.setdefault(name, Counter()).update([_shape(value.strip())] if value.strip() else [])
    return {name: tuple(shape for shape, _ in shapes.most_common(_SHAPES)) for name, shapes in found.items()}


def _shape(value: str) -> str:
    """Free text may be content, of which not even the lengths of words are shown."""
    return _TEXT if len(value) > _LONGEST or value.count(" ") > _SPACES else mask(value)
