"""JSON lines to records, column-wise: one object a line, the feed names its keys. Pure.

A chunk is any run of whole lines, as with CSV. Values are text, numbers, true and false; a missing key and null are
empty. A name that begins with ``$`` is a path into nested values; only its end is read. Lines are read all at
once, and one by one where that fails: both ways give the same. Source: RFC 8259, RFC 9535 for paths,
``docs/formats/feed.md``.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from itertools import islice
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from coffer.errors import MalformedInput
from coffer.records.draft import Parsed, Window
from coffer.records.feed import Feed
from coffer.records.mapping import parse_path
from coffer.records.readers.account import Page
from coffer.records.readers.mapped.columns import mapped_parts
from coffer.records.readers.mapped.keeping import Give, keep_mapped
from coffer.records.readers.mapped.keys import ODD
from coffer.records.readers.mapped.tidying import decoded
from coffer.records.readers.text.lines import BOM, EMPTY, whole_lines
from coffer.records.rejects import Reason, some_rejects

_OBJECT: Final = r"^\s*\{"
_EVERY: Final = -1
_LOOKED_AT: Final = 500
_ENOUGH_OBJECTS: Final = 10
"""Programs leave out keys that have no value; that ten records lack one that each should have is no chance."""
_EXACT: Final = Context(prec=1_200)
"""More digits than any double has."""
Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundJson:
    """A feed bound to JSON lines: where each canonical field stands in an object."""

    feed: Feed
    paths: dict[str, tuple[Steps, ...]]
    skip_lines: int = 0

    def read(self, data: bytes, *, first_line: int, window: Window) -> Parsed:
        """Read whole lines; ``first_line`` is the number in the file of the first of them."""
        return read_lines(data, self, first_line=first_line, window=window)

    def keep(self, data: bytes, first_line: int, page: Page, give: Give) -> None:
        """Tell ``page`` about whole lines; rows whose keys are read go to ``give``."""
        _read_whole(data, self, first_line, page, give)


def steps_of(column: object, place: str) -> Steps:
    """The way to a value: one name, or the steps of a path."""
    return parse_path(str(column), place) if str(column).startswith("$") else (str(column),)


def bind_feed(feed: Feed, head: bytes, place: str) -> BoundJson:
    """Bind a feed to a file that begins with ``head``.

    Raises:
        MalformedInput: the first line is no JSON object, or has none of the keys for a, b and start.
    """
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0]  # empty lines are skipped
    try:
        found = json.loads(decoded(first, feed.mapping.text.encoding))
    except (ValueError, RecursionError):
        found = None
    bound = bind_names(feed, place)
    if head and not first:  # an array without objects, which many programs write where there was nothing
        return bound
    if not isinstance(found, dict):
        raise MalformedInput(f"{place}: line 1: not a JSON object", hint="is this a file of JSON lines?")
    if not any(steps[0] in found for key in ("a", "b", "start") for steps in bound.paths.get(key, ())):
        raise MalformedInput(
            f"{place}: line 1: none of the keys that [columns] names for a, b and start among {len(found)} keys",
            hint=_inner(found),
        )
    verify_keys(bound, decoded(head, feed.mapping.text.encoding), place)
    return bound


def verify_keys(bound: BoundJson, lines: bytes, place: str) -> None:
    """Refuse lines of which many are looked at and none has the key of a party or the time.

    Raises:
        MalformedInput: the field, and the word that the feed has for it.
    """
    seen, absent = absent_fields(bound, lines)
    lacking = [key for key in ("a", "b", "start") if absent.get(key, 0) >= _ENOUGH_OBJECTS]
    is_each_whole = bound.feed.mapping.join is None and not bound.feed.mapping.rows  # else some rows hold less
    if lacking and is_each_whole:
        key = lacking[0]
        words = " or ".join(map(str, bound.feed.columns[key]))
        raise MalformedInput(
            f"{place}: {key}: none of the first {seen:,} objects has {words}",
            hint="is it spelt as in the file? Without it no record could be found by that party",
        )


def absent_fields(bound: BoundJson, lines: bytes) -> tuple[int, dict[str, int]]:
    """How many objects stand among the first lines, and the fields that none of them has.

    Of each field how many objects plainly lack it: what is empty may stand for an object or a list that has it.
    """
    lacking = dict.fromkeys(bound.paths, 0)
    count = 0
    for line in islice(lines.removeprefix(BOM).splitlines(), _LOOKED_AT):
        try:
            one = json.loads(line)
        except (ValueError, RecursionError):
            continue  # also a last line that ends with what was looked at
        if isinstance(one, dict):
            count += 1
            for key in tuple(lacking):
                is_there = _any_there(_is_there(one, steps) for steps in bound.paths[key])
                if is_there:
                    del lacking[key]
                elif is_there is False:
                    lacking[key] += 1
    return count, {key: objects for key, objects in lacking.items() if objects}


def _is_there(value: object, steps: Steps) -> bool | None:
    """Whether a value has the keys of a path; None where something empty ends the way."""
    if not steps:
        return True
    if value is None or value in ([], {}):
        return None
    step, rest = steps[0], steps[1:]
    if isinstance(step, str):
        return isinstance(value, dict) and step in value and _is_there(value[step], rest)
    items = _items(value) if step == _EVERY else _items(value)[step : step + 1]
    return _any_there(_is_there(item, rest) for item in items) if items else None


def _any_there(each: Iterable[bool | None]) -> bool | None:
    answers = set(each)
    return True if True in answers else None if None in answers else False


def _inner(document: dict[str, Any]) -> str:
    """What to do with an object that holds the records in a list."""
    lists = [key for key, value in document.items() if isinstance(value, list) and value and isinstance(value[0], dict)]
    if len(lists) != 1 or not re.fullmatch("[A-Za-z_]{1,32}", lists[0]):  # a key may be somebody's number
        return "is the feed meant for this file? coffer feed check FILE proposes another"
    return f"the records stand within {lists[0]}: write them as lines, for example with jq -c '.{lists[0]}[]'"


def bind_names(feed: Feed, place: str) -> BoundJson:
    """Bind a feed to lines of which none is looked at, because any of them may be odd."""
    paths = {key: tuple(steps_of(column, place) for column in columns) for key, columns in feed.mapping.wanted.items()}
    return BoundJson(feed=feed, paths=paths)


def read_lines(data: bytes, bound: BoundJson, *, first_line: int, window: Window) -> Parsed:
    """Read whole lines; a last one without a line end counts, since a whole object has its closing brace."""
    page = Page(bound.feed, window)
    _read_whole(data, bound, first_line, page, keep_mapped(page))
    return page.told()


def _read_whole(data: bytes, bound: BoundJson, first_line: int, page: Page, give: Give) -> None:
    data = decoded(data, bound.feed.mapping.text.encoding)
    lines = whole_lines(data if data.endswith(b"\n") or not data else data + b"\n", first_line)
    is_blank = (lines.text.str.strip_chars() == "").to_numpy()
    # Each line must be an object by itself: parsed together, a broken line could take the next one with it.
    rewritten = lines.text.str.json_path_match("$")
    is_object = rewritten.is_not_null() & lines.text.str.contains(_OBJECT)
    is_object &= ~_repeats_a_key(lines.text, rewritten)
    good = is_object.to_numpy()
    page.skip(EMPTY, lines.empty + int(is_blank.sum()))
    page.reject(lines.rejects)
    page.reject(some_rejects(lines.numbers[~good & ~is_blank], Reason.BAD_RECORD))
    wanted = sorted({steps for paths in bound.paths.values() for steps in paths}, key=str)
    found = _decode(lines.text.filter(is_object), wanted)
    columns = {key: tuple(_binary(found[steps]) for steps in paths) for key, paths in bound.paths.items()}
    for part, numbers in mapped_parts(bound.feed, columns, lines.numbers[good], latest=page.latest):
        give(part, numbers)


def _repeats_a_key(lines: pl.Series, rewritten: pl.Series) -> pl.Series:
    """Which objects have a key twice.

    Nobody knows which of its values is meant (RFC 8259, section 4). ``rewritten``: the same objects without what is
    repeated, and so with fewer quotes. Only where quotes differ, or are written in another way, an object is looked at
    alone.
    """
    is_suspect = lines.str.count_matches('"', literal=True) != rewritten.str.count_matches('"', literal=True)
    is_suspect |= lines.str.contains("\\u0022", literal=True)
    is_suspect = is_suspect.fill_null(value=False)
    if not is_suspect.any():
        return is_suspect
    found = pl.Series([_has_one_twice(line) for line in lines.filter(is_suspect)], dtype=pl.Boolean)
    return is_suspect.scatter(is_suspect.arg_true(), found)


def _has_one_twice(line: str) -> bool:
    found: list[bool] = []

    def note(pairs: list[tuple[str, object]]) -> None:
        found.append(len({key for key, _ in pairs}) < len(pairs))

    try:
        json.loads(line, object_pairs_hook=note, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return True  # what cannot be looked at is no object that can be trusted
    return any(found)


def _decode(lines: pl.Series, wanted: Sequence[Steps]) -> dict[Steps, pl.Series]:
    """The wanted values of objects as text, lists of text for paths with ``[*]``."""
    kinds = _kind_of(wanted)
    if kinds is not None:
        try:
            frame = lines.str.json_decode(kinds).struct.unnest()
            return {steps: frame.select(_expression(steps).alias("found")).to_series() for steps in wanted}
        except pl.exceptions.ComputeError:
            # A wanted key holds a value of another shape in some line.
            pass
    # Read one by one, a value of another shape is a text that no field takes.
    objects = [_object(line) for line in lines.to_list()]
    return {
        steps: pl.Series(
            [_value(one, steps) for one in objects],
            dtype=pl.List(pl.String) if _EVERY in steps else pl.String,
            strict=False,
        )
        for steps in wanted
    }


def _kind_of(wanted: Sequence[Steps]) -> pl.Struct | None:
    """The shape in which all wanted values are found; None if they contradict each other."""
    by_name: dict[str, list[Steps]] = {}
    for steps in wanted:
        if not isinstance(steps[0], str):
            return None
        by_name.setdefault(steps[0], []).append(steps[1:])
    fields = {name: _kind_below(rests) for name, rests in by_name.items()}
    known = {name: kind for name, kind in fields.items() if kind is not None}
    return pl.Struct(known) if len(known) == len(fields) else None


def _kind_below(rests: Sequence[Steps]) -> pl.DataType | None:
    if () in rests:
        return pl.String() if set(rests) == {()} else None
    if all(isinstance(rest[0], int) for rest in rests):
        below = _kind_below([rest[1:] for rest in rests])
        return None if below is None else pl.List(below)
    return _kind_of(rests)


def _expression(steps: Steps) -> pl.Expr:
    found = pl.col(str(steps[0]))
    for at, step in enumerate(steps[1:], 1):
        if step == _EVERY:
            below = pl.element()
            for name in steps[at + 1 :]:
                below = below.struct.field(name) if isinstance(name, str) else below.list.get(name, null_on_oob=True)
            return found.list.eval(below) if len(steps) > at + 1 else found
        found = found.struct.field(step) if isinstance(step, str) else found.list.get(step, null_on_oob=True)
    return found


def _object(line: str) -> object:
    try:
        return json.loads(line, parse_int=_integer, parse_float=_fraction, parse_constant=str)
    except (ValueError, RecursionError):
        return {}


def _integer(text: str) -> str:
    """A number without fraction and exponent, as Polars writes it, however many digits it has."""
    return "0" if text == "-0" else text


def _fraction(text: str) -> str:
    """A number with a fraction or an exponent, as Polars writes it: by its value, in the fewest digits.

    Where two texts of so few digits are equally near to the value, it is the one away from zero.
    """
    value = float(text)
    shortest = Decimal(repr(value))
    step = Decimal(1).scaleb(int(shortest.as_tuple().exponent))
    if _EXACT.multiply(2, _EXACT.subtract(Decimal(value).copy_abs(), shortest.copy_abs())) == step:
        shortest = _EXACT.add(shortest, step.copy_sign(shortest))
    return format(shortest, "f").removesuffix(".0")


def _value(found: Any, steps: Steps) -> str | list[str | None] | None:  # noqa: ANN401 - any JSON value
    for at, step in enumerate(steps):
        if isinstance(step, str):
            found = found.get(step) if isinstance(found, dict) else None
            continue
        items = _items(found)
        if step == _EVERY:
            return [one if isinstance(one := _value(item, steps[at + 1 :]), str) else None for item in items]
        found = items[step] if step < len(items) else None
    return _written(found)


def _items(found: object) -> list[Any]:
    """The values of a list; one value where a list is expected is a list of one, as Polars reads it."""
    if isinstance(found, list):
        return found
    return [] if found is None else [found]


def _written(value: object) -> str | None:
    """A single value as text. An empty list or object is empty; another one is ``ODD``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return ODD if value else None
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else None


def _binary(text: pl.Series) -> pa.Array:
    if isinstance(text.dtype, pl.List):
        found = text.to_arrow()
        lengths = pc.fill_null(pc.list_value_length(found), 0).to_numpy()
        values = pc.fill_null(found.flatten().cast(pa.binary()), b"")
        return pa.ListArray.from_arrays(pa.array(np.concatenate(([0], np.cumsum(lengths))), pa.int32()), values)
    return text.fill_null("").to_arrow().cast(pa.binary())
