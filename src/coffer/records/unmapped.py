"""Columns of a table that its feed does not name, each with the shapes of its values. Pure.

Shown by ``coffer feed check``, so that a forgotten column is seen. No value is shown, only its shape.
"""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from coffer.records.feed import Feed
from coffer.records.guessing import mask
from coffer.records.mapping import Column
from coffer.records.readers.mapped.csv import bind_head, rows_of
from coffer.records.readers.mapped.tidying import decoded
from coffer.records.readers.text.lines import BOM

_ROWS: Final = 200
"""Enough to see every shape that is common."""
_SHAPES: Final = 3
_LONGEST: Final = 40
_SPACES: Final = 2
"""A date, a clock and a zone have two spaces between them; a value with more is free text."""
_TEXT: Final = "text"
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
    rows = _objects(data, feed) if feed.format == "jsonl" else _records(data)
    return _shapes(
        (path, value) for row in islice(rows, _ROWS) for path, value in leaves(row) if not _is_used(path, used)
    )


def is_name(text: str) -> bool:
    """Whether this is plainly a column's name and not a value: words without long numbers."""
    is_short = len(text) < 65 and text.isprintable()
    return is_short and bool(re.search("[A-Za-z]", text)) and not re.search(r"[0-9]{5}|@|\"", text)


def _of_csv(data: bytes, feed: Feed) -> Shapes:
    bound, text = bind_head(feed, data, "file"), feed.mapping.text
    whole = data[: data.rfind(b"\n") + 1] or data
    lines = decoded(whole.removeprefix(BOM), text.encoding).decode("utf-8").replace("\r\n", "\n").split("\n")
    header = next(iter(_rows(lines[bound.skip_lines - 1 : bound.skip_lines], feed)), []) if text.has_header else []
    read = {at for positions in bound.positions.values() for at in positions}
    names = {at: name.strip() for at, name in enumerate(header) if is_name(name.strip())}
    marks = tuple(mark for comment in text.comments for mark in (comment, text.quote + comment))
    rows = _rows([line for line in lines[bound.skip_lines :] if line and not line.startswith(marks)], feed)
    return _shapes(
        (names.get(at, f"column {at}"), value)
        for row in islice(rows, _ROWS)
        for at, value in enumerate(row)
        if at not in read
    )


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


def _records(data: bytes) -> Iterator[object]:
    try:
        batch = next(pq.ParquetFile(io.BytesIO(data)).iter_batches(batch_size=_ROWS), None)
        yield from batch.to_pylist() if batch is not None else ()
    except (pa.ArrowException, OSError, ValueError):
        return  # the reader says what is wrong with the file


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
