"""JSON lines to records, column-wise: one object a line, the feed names its keys. Pure.

A chunk is any run of whole lines, as with CSV. Values are text, numbers, true and false; a missing key and null are empty. Nested values are
not looked into. Source: RFC 8259, ``docs/formats/feed.md``.
"""

import json
from dataclasses import dataclass
from typing import Final

import polars as pl
import pyarrow as pa

from coffer.errors import MalformedInput
from coffer.records.draft import Parsed, Window
from coffer.records.feed import Column, Feed
from coffer.records.readers.account import Page
from coffer.records.readers.mapped.columns import MappedColumns
from coffer.records.readers.text.lines import EMPTY, whole_lines
from coffer.records.rejects import Reason, some_rejects

_OBJECT: Final = r"^\s*\{"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundJson:
    """A feed bound to JSON lines: the keys of each canonical field."""

    feed: Feed
    keys: dict[str, tuple[str, ...]]

    def read(self, data: bytes, *, first_line: int, window: Window) -> Parsed:
        """Read whole lines; ``first_line`` is the number in the file of the first of them."""
        return read_lines(data, self, first_line=first_line, window=window)


def wanted_columns(feed: Feed) -> dict[str, tuple[Column, ...]]:
    """By canonical field, and kind and answered, the columns that a feed names."""
    wanted: dict[str, tuple[Column, ...]] = dict(feed.columns)
    if feed.kind.column is not None:
        wanted["kind"] = (feed.kind.column,)
    if feed.answered is not None:
        wanted["answered"] = (feed.answered.column,)
    return wanted


def bind_feed(feed: Feed, head: bytes, place: str) -> BoundJson:
    """Bind a feed to a file that begins with ``head``.

    Raises:
        MalformedInput: the first line is no JSON object, or has none of the keys for a, b and start.
    """
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").split(b"\n", 1)[0]  # empty lines are skipped
    try:
        found = json.loads(first)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise MalformedInput(f"{place}: line 1: not a JSON object", hint="is this a file of JSON lines?")
    keys = {key: tuple(str(column) for column in columns) for key, columns in wanted_columns(feed).items()}
    if not any(name in found for key in ("a", "b", "start") for name in keys[key]):
        raise MalformedInput(
            f"{place}: line 1: none of the keys that [columns] names for a, b and start among {len(found)} keys"
        )
    return BoundJson(feed=feed, keys=keys)


def read_lines(data: bytes, bound: BoundJson, *, first_line: int, window: Window) -> Parsed:
    """Read whole lines; a last one without a line end counts, since a whole object has its closing brace."""
    lines = whole_lines(data if data.endswith(b"\n") or not data else data + b"\n", first_line)
    is_blank = (lines.text.str.strip_chars() == "").to_numpy()
    # Each line must be an object by itself: parsed together, a broken line could take the next one with it.
    is_object = lines.text.str.json_path_match("$").is_not_null() & lines.text.str.contains(_OBJECT)
    good = is_object.to_numpy()
    page = Page(bound.feed, window)
    page.skip(EMPTY, lines.empty + int(is_blank.sum()))
    page.reject(lines.rejects)
    page.reject(some_rejects(lines.numbers[~good & ~is_blank], Reason.BAD_RECORD))
    names = sorted({name for keys in bound.keys.values() for name in keys})
    frame = _decode(lines.text.filter(is_object), names)
    columns = {key: tuple(_binary(frame[name]) for name in keys) for key, keys in bound.keys.items()}
    mapped = MappedColumns(bound.feed, columns, int(good.sum()))
    page.keep(mapped.draft(lines.numbers[good]), mapped.is_ambiguous)
    return page.told()


def _decode(lines: pl.Series, names: list[str]) -> pl.DataFrame:
    """The wanted keys of objects as text."""
    kind = pl.Struct(dict.fromkeys(names, pl.String))
    try:
        return lines.str.json_decode(kind).struct.unnest()
    except pl.exceptions.ComputeError:
        # A wanted key holds a nested value in some line. Read one by one, such a value is no text and counts as empty.
        rows = [_one(line, names) for line in lines.to_list()]
        return pl.DataFrame(
            {name: [row[name] for row in rows] for name in names}, schema=dict.fromkeys(names, pl.String)
        )


def _one(line: str, names: list[str]) -> dict[str, str | None]:
    try:
        found = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        found = {}
    return {name: _text(found.get(name)) for name in names}


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else None


def _binary(text: pl.Series) -> pa.BinaryArray:
    return text.fill_null("").to_arrow().cast(pa.binary())
