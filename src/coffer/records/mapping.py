"""What a feed says about a table: where each field stands and how it is written.

One frozen value says everything. CSV, JSON lines and Parquet are read by it alike. Whatever decides how rows are read
follows from this value, so that code that can read only some feeds decides by it alone (``FeedMapping.is_plain``).

Source: ``docs/formats/feed.md``.
"""

import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from coffer.errors import MalformedInput
from coffer.kinds import KINDS
from coffer.records.parties import PARTIES
from coffer.records.settings import MAPPED
from coffer.toml import Table

FIELDS: Final = (
    "a", "b", "start", "end", "answer", "duration_s", "forwarded",
    *(f"{party}_{what}" for party in PARTIES for what in ("cell", "imei", "imsi")),
)  # fmt: skip
"""Fields whose values are taken as they stand; ``answered``, ``direction`` and ``time_zone`` have words of their own."""
_TIMES: Final = ("start", "end", "answer")
_NUMBERS: Final = ("a", "b", "forwarded")
ENCODINGS: Final = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252")
DURATIONS: Final = ("s", "ms", "h:m:s", "m:s", "h:m")
DEFAULT_DURATIONS: Final = ("s", "h:m:s")
CALLED: Final = ("answered", "first", "forwarded")
TALK: Final = ("answered", "sum", "longest")
QUOTES: Final = ('"', "'", "`", "")
EPOCHS: Final = ("epoch", "epoch-ms", "epoch-us")
ZONES: Final = frozenset(zoneinfo.available_timezones())
_MAX_COLUMN: Final = 1000
_MAX_SKIPPED: Final = 10_000

Column = int | str
"""A position from 0, or a name of the header; of JSON lines and Parquet also a path that begins with ``$.``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRule:
    """A constant kind (``column`` None), or a column whose values map to kinds."""

    column: Column | None
    constant: int
    values: Mapping[str, int]

    @property
    def kinds(self) -> frozenset[int]:
        """Every kind this feed can give."""
        return frozenset({self.constant}) if self.column is None else frozenset(self.values.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredRule:
    """A column whose values say whether the call was answered.

    None stands for not known, as an empty value does. ``others``: what every other word means; ``"reject"`` if it means
    nothing that is known.
    """

    column: Column
    values: Mapping[str, bool | None]
    others: bool | str | None = "reject"

    @property
    def says_all(self) -> bool:
        """Whether each of its words means yes or no, and no other word means anything."""
        return self.others == "reject" and None not in self.values.values()


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionRule:
    """A column that says who called: of rows that came in, a and b change places.

    ``values``: True for in.
    """

    column: Column
    values: Mapping[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRule:
    """A column with the time zone of each row.

    ``values``: what its words mean; a word that is not there means itself.
    """

    column: Column
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRule:
    """Rows to read: those with one of ``values`` in ``column``, or, with ``is_drop``, all but those."""

    column: Column
    values: frozenset[str]
    is_drop: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRule:
    """Rows with the same value in the columns ``key`` are one event.

    ``by_recipient``: only if b is the same too. ``called`` and ``duration``: which leg says them, a word of ``CALLED``
    and of ``TALK``.
    """

    key: tuple[Column, ...]
    by_recipient: bool = False
    called: str = "answered"
    duration: str = "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The part of a value that counts: behind the first ``after``, then before the first ``before``.

    Either may be empty, and a value that does not hold it stays as it is.
    """

    after: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLayout:
    """How the lines of a text file are cut into rows and columns.

    ``skip_lines``: lines before the header, or before the first row. ``comments``: a line that begins with one of them
    is no row. ``quote``: empty for none. ``is_ragged``: rows may end early, or go on behind the last column.
    """

    encoding: str = "utf-8"
    has_header: bool = False
    delimiter: str = ","
    skip_lines: int = 0
    comments: tuple[str, ...] = ()
    quote: str = '"'
    is_ragged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedMapping:
    """Everything that a feed of csv, jsonl or parquet says beyond others.

    ``columns``: by field one column or more. Several are joined by a space, but of the fields in ``firsts`` the first
    column that holds a value counts. ``splits``: by field the text between several values in a cell; ``cuts``: by field
    the part of each value that counts.
    ``are_times_aware``: each time says its own offset from UTC, or is a number since 1970.
    """

    kind: KindRule
    columns: Mapping[str, tuple[Column, ...]]
    date_formats: tuple[str, ...] = ()
    duration_formats: tuple[str, ...] = DEFAULT_DURATIONS
    answered: AnsweredRule | None = None
    direction: DirectionRule | None = None
    zone: ZoneRule | None = None
    rows: tuple[RowRule, ...] = ()
    splits: Mapping[str, str] = field(default_factory=dict)
    cuts: Mapping[str, Cut] = field(default_factory=dict)
    firsts: frozenset[str] = frozenset()
    join: JoinRule | None = None
    text: TextLayout = field(default_factory=TextLayout)

    @property
    def wanted(self) -> dict[str, tuple[Column, ...]]:
        """By field the columns to read: those of ``columns``, and by a name of their own those of each rule."""
        found = dict(self.columns)
        for name, rule in (
            ("kind", self.kind), ("answered", self.answered), ("direction", self.direction), ("time_zone", self.zone),
        ):  # fmt: skip
            if rule is not None and rule.column is not None:
                found[name] = (rule.column,)
        for number, row in enumerate(self.rows):
            found[row_field(number)] = (row.column,)
        if self.join is not None:
            found["join"] = self.join.key
        return found

    @property
    def is_plain(self) -> bool:
        """Whether the feed asks for no more than columns, times and seconds.

        Then each line is one record in UTF-8, and each field stands in a column of its own.
        """
        return (
            not (self.rows or self.splits or self.cuts or self.firsts or self.columns.keys() & {"end", "answer"})
            and "a" in self.columns
            and (self.direction, self.zone, self.join) == (None, None, None)
            and self.duration_formats == DEFAULT_DURATIONS
            and not (set(self.date_formats) & {"epoch-us"})
            and (self.answered is None or self.answered.says_all)
            and self.text
            == TextLayout(
                has_header=self.text.has_header, delimiter=self.text.delimiter, skip_lines=self.text.skip_lines
            )
        )


NO_MAPPING: Final = FeedMapping(kind=KindRule(column=None, constant=0, values={}), columns={})
"""Of feeds whose format says itself where everything stands."""


def row_field(number: int) -> str:
    """The name by which the column of a row rule is read."""
    return f"rows-{number}"


def parse_mapping(feed: Table, top: Table, form: str) -> FeedMapping:
    """The tables of a feed of ``form``, which is one of ``MAPPED``.

    Raises:
        MalformedInput: a key is missing, unknown, or says what cannot be.
    """
    assert form in MAPPED, "only these have columns"
    own, columns = top.table(form), top.table("columns")
    text = _parse_text(own, form)
    names = _Names(is_headed=text.has_header or form != "csv", is_json=form == "jsonl", has_paths=form != "csv")
    splits: dict[str, str] = {}
    cuts: dict[str, Cut] = {}
    found, firsts = _parse_fields(columns, names, splits, cuts)
    answered = _parse_answered(columns, names, splits, cuts)
    mapping = FeedMapping(
        kind=_parse_kind(feed, names),
        columns=found,
        date_formats=_parse_date_formats(own, default="epoch" if form == "parquet" else None),
        duration_formats=_parse_duration_formats(own),
        answered=answered,
        direction=_parse_direction(columns, names),
        zone=_parse_zone(columns, names),
        rows=_parse_rows(top, names),
        splits=splits,
        cuts=cuts,
        firsts=firsts,
        join=_parse_join(top, names),
        text=text,
    )
    own.end()
    columns.end()
    _verify_sense(mapping, columns.place)
    return mapping


def _verify_sense(mapping: FeedMapping, place: str) -> None:
    """Refuse what contradicts itself."""
    given = mapping.columns.keys()
    for required in ("b", "start"):
        if required not in given:
            raise MalformedInput(f"{place}: {required}: missing")
    if "end" in given and "duration_s" in given:
        raise MalformedInput(
            f"{place}: end: with duration_s too, expected one of them",
            hint="the duration is end minus start, or minus answer",
        )
    if mapping.direction is not None and "a" not in given:
        raise MalformedInput(f"{place}: direction: without a, expected the own number as a and the other as b")
    if mapping.zone is not None and any(form in EPOCHS or "%z" in form for form in mapping.date_formats):
        raise MalformedInput(
            f"{place}: time_zone: with a date_format that says the offset itself, expected one of them"
        )


@dataclass(frozen=True, slots=True)
class _Names:
    """How columns may be named: only by position, also by name, only by name; also by path."""

    is_headed: bool
    is_json: bool
    has_paths: bool

    def parse(self, value: object, place: str) -> Column:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_COLUMN:
            if self.is_json:
                raise MalformedInput(f"{place}: expected names: a JSON object has no positions")
            return value
        if isinstance(value, str) and self.is_headed:
            if self.has_paths and value.startswith("$"):
                parse_path(value, place)
            return value
        raise MalformedInput(
            f"{place}: expected a position from 0{' or a name of the header' if self.is_headed else ''}"
        )


def parse_path(text: str, place: str) -> tuple[str | int, ...]:
    """The steps of a path like ``$.mail.to[*].email`` or ``$['mail'].to[0]``.

    They are names, positions, and -1 for ``*``.

    Raises:
        MalformedInput: it is no such path, or has several ``[*]``.
    """
    steps: list[str | int] = []
    for match in re.finditer(
        r"\.([^.\[\]']{1,128})|\['([^']{1,128})'\]|\[([0-9]{1,4})\]|\[(\*)\]|(.)", text[1:], re.DOTALL
    ):
        name, quoted, number, every, odd = match.groups()
        if odd is not None:
            raise MalformedInput(f"{place}: not a path", hint="write it like $.mail.source or $.delivery.recipients[*]")
        steps.append(-1 if every else int(number) if number else name or quoted)
    if not steps or not isinstance(steps[0], str) or steps.count(-1) > 1:
        raise MalformedInput(f"{place}: expected a path with a name first and at most one [*]")
    return tuple(steps)


def _parse_text(own: Table, form: str) -> TextLayout:
    if form == "parquet":
        return TextLayout()
    encoding = own.choice("encoding", ENCODINGS, default="utf-8")
    if form == "jsonl":
        return TextLayout(encoding=encoding)
    delimiter = own.text("delimiter", ",")
    quote = own.choice("quote", QUOTES, default='"')
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise MalformedInput(f"{own.place}: delimiter: expected one ASCII character")
    if delimiter == quote:
        raise MalformedInput(f"{own.place}: quote: expected another character than the delimiter")
    skip_lines = own.get("skip_lines", int, 0)
    if not 0 <= skip_lines <= _MAX_SKIPPED:
        raise MalformedInput(f"{own.place}: skip_lines: expected 0 to {_MAX_SKIPPED:,}")
    comments = own.texts("comment", ())
    if any("\n" in comment for comment in comments):
        raise MalformedInput(f"{own.place}: comment: expected the beginning of one line")
    return TextLayout(
        encoding=encoding,
        has_header=own.boolean("header"),
        delimiter=delimiter,
        skip_lines=skip_lines,
        comments=comments,
        quote=quote,
        is_ragged=own.boolean("ragged", default=False),
    )


def _parse_fields(
    columns: Table, names: _Names, splits: dict[str, str], cuts: dict[str, Cut]
) -> tuple[dict[str, tuple[Column, ...]], frozenset[str]]:
    """By field its columns, and which fields take the first column that holds a value.

    Adds to ``splits`` and ``cuts``.
    """
    found: dict[str, tuple[Column, ...]] = {}
    firsts: set[str] = set()
    for key in FIELDS:
        if key not in columns.values:
            continue
        value, place = columns.get(key, (int, str, list, dict)), f"{columns.place}: {key}"
        if isinstance(value, dict):
            table = Table(value, place)
            if key in _NUMBERS:
                _parse_parts(key, table, splits, cuts)
            if key in _NUMBERS and "first" in value:
                firsts.add(key)
                found[key] = _parse_list(table.get("first", list), f"{place}: first", names)
            else:
                found[key] = (names.parse(table.get("column", (int, str)), f"{place}: column"),)
            table.end()
        elif isinstance(value, list):
            if len(value) > 1 and key not in _TIMES:
                raise MalformedInput(f"{place}: expected one column (only start, end and answer may have two)")
            found[key] = _parse_list(value, place, names)
        else:
            found[key] = (names.parse(value, place),)
    return found, frozenset(firsts)


def _parse_parts(key: str, table: Table, splits: dict[str, str], cuts: dict[str, Cut]) -> None:
    """What of a cell is a value: ``split``, ``after`` and ``before``."""
    if key in ("b", "answered") and "split" in table.values:
        splits[key] = _parse_mark(table, "split")
    if table.values.keys() & {"after", "before"}:
        after, before = (_parse_mark(table, name) if name in table.values else "" for name in ("after", "before"))
        cuts[key] = Cut(after=after, before=before)


def _parse_list(value: list[object], place: str, names: _Names) -> tuple[Column, ...]:
    if not value:
        raise MalformedInput(f"{place}: expected at least one column")
    return tuple(names.parse(item, place) for item in value)


def _parse_mark(table: Table, key: str) -> str:
    text = table.text(key)
    if not text or len(text) > 32 or not text.isprintable():
        raise MalformedInput(f'{table.place}: {key}: expected a text in the cells, like ";"')
    return text


def _parse_kind(feed: Table, names: _Names) -> KindRule:
    value = feed.get("kind", (str, dict))
    if isinstance(value, str):
        if value not in KINDS:
            raise MalformedInput(f"{feed.place}: kind: expected call, text, email or a column with values")
        return KindRule(column=None, constant=KINDS[value], values={})
    column, values = _parse_words(Table(value, f"{feed.place}: kind"), names)
    if not values or not all(isinstance(kind, str) and kind in KINDS for kind in values.values()):
        raise MalformedInput(
            f"{feed.place}: kind: values: expected words of the file on the left, call, text or email on the right"
        )
    return KindRule(column=column, constant=0, values={word: KINDS[str(kind)] for word, kind in values.items()})


def _parse_words(table: Table, names: _Names) -> tuple[Column, dict[str, object]]:
    """A column, and what each of its words means."""
    column = names.parse(table.get("column", (int, str)), f"{table.place}: column")
    if "values" not in table.values:
        hint = "give values = { WORD = ... }: each word of the file, and what it means"
        raise MalformedInput(f"{table.place}: values: missing", hint=hint)
    values: dict[str, object] = table.get("values", dict)
    table.end()
    return column, values


def _parse_answered(columns: Table, names: _Names, splits: dict[str, str], cuts: dict[str, Cut]) -> AnsweredRule | None:
    if "answered" not in columns.values:
        return None
    value, place = columns.get("answered", (int, str, dict)), f"{columns.place}: answered"
    if not isinstance(value, dict):
        words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        return AnsweredRule(column=names.parse(value, place), values=words)
    table = Table(value, place)
    _parse_parts("answered", table, splits, cuts)
    is_switch = isinstance(value.get("others"), bool)
    others: bool | str = table.boolean("others") if is_switch else table.text("others", "reject")
    column, values = _parse_words(table, names)
    if not values or any(
        not isinstance(item, bool) and item != "unknown" for item in (*values.values(), others != "reject" and others)
    ):
        raise MalformedInput(
            f'{place}: values: expected words of the file on the left, true, false or "unknown" on the right'
        )
    meanings = {word: None if item == "unknown" else bool(item) for word, item in values.items()}
    return AnsweredRule(column=column, values=meanings, others=None if others == "unknown" else others)


def _parse_direction(columns: Table, names: _Names) -> DirectionRule | None:
    if "direction" not in columns.values:
        return None
    column, values = _parse_words(Table(columns.get("direction", dict), f"{columns.place}: direction"), names)
    if not values or not all(item in ("in", "out") for item in values.values()):
        raise MalformedInput(
            f'{columns.place}: direction: values: expected words of the file on the left, "in" or "out" on the right'
        )
    return DirectionRule(column=column, values={word: item == "in" for word, item in values.items()})


def _parse_zone(columns: Table, names: _Names) -> ZoneRule | None:
    if "time_zone" not in columns.values:
        return None
    value, place = columns.get("time_zone", (int, str, dict)), f"{columns.place}: time_zone"
    if not isinstance(value, dict):
        return ZoneRule(column=names.parse(value, place), values={})
    column, values = _parse_words(Table(value, place), names)
    if not values or not all(isinstance(item, str) and is_zone(item) for item in values.values()):
        raise MalformedInput(
            f"{place}: values: expected words of the file on the left, a name like Europe/Paris or an offset like +05:30 on the right"
        )
    return ZoneRule(column=column, values={word: str(item) for word, item in values.items()})


def _parse_rows(top: Table, names: _Names) -> tuple[RowRule, ...]:
    if "rows" not in top.values:
        return ()
    rows = top.table("rows")
    found = [
        _parse_row(item, f"{rows.place}: {key}", names, is_drop=key == "drop")
        for key in ("keep", "drop")
        for item in rows.get(key, list, [])
    ]
    rows.end()
    if not found:
        raise MalformedInput(f"{rows.place}: expected keep or drop, each a list of columns with values")
    return tuple(found)


def _parse_row(item: object, place: str, names: _Names, *, is_drop: bool) -> RowRule:
    if not isinstance(item, dict):
        raise MalformedInput(f'{place}: expected a list like [{{ column = "Event", values = ["Delivered"] }}]')
    table = Table(item, place)
    column = names.parse(table.get("column", (int, str)), f"{place}: column")
    values = table.get("values", list)
    table.end()
    if not values or not all(isinstance(value, str) for value in values):
        raise MalformedInput(f"{place}: values: expected a list of words of the file")
    return RowRule(column=column, values=frozenset(values), is_drop=is_drop)


def _parse_join(top: Table, names: _Names) -> JoinRule | None:
    if "join" not in top.values:
        return None
    table = top.table("join")
    key = table.get("key", (int, str, list))
    rule = JoinRule(
        key=_parse_list(key if isinstance(key, list) else [key], f"{table.place}: key", names),
        by_recipient=table.boolean("by_recipient", default=False),
        called=table.choice("called", CALLED, default="answered"),
        duration=table.choice("duration", TALK, default="answered"),
    )
    table.end()
    return rule


def _parse_date_formats(own: Table, default: str | None) -> tuple[str, ...]:
    value = own.get("date_format", (str, list), default)
    formats = (value,) if isinstance(value, str) else tuple(value)
    for text in formats:
        if not isinstance(text, str) or (text not in EPOCHS and "%" not in text):
            raise MalformedInput(
                f"{own.place}: date_format: expected strftime codes, {', '.join(EPOCHS[:-1])} or {EPOCHS[-1]}"
            )
        if "%Z" in text:
            raise MalformedInput(
                f"{own.place}: date_format: %Z: a zone's short name can mean several zones",
                hint="write it as text if it is always the same, or name its column as time_zone under [columns]",
            )
    if not formats:
        raise MalformedInput(f"{own.place}: date_format: expected at least one")
    return formats


def _parse_duration_formats(own: Table) -> tuple[str, ...]:
    found = own.texts("duration_format", DEFAULT_DURATIONS)
    if not set(found) <= set(DURATIONS):
        raise MalformedInput(f"{own.place}: duration_format: expected one or a list of {', '.join(DURATIONS)}")
    if {"m:s", "h:m"} <= set(found) or {"s", "ms"} <= set(found):
        raise MalformedInput(f"{own.place}: duration_format: two of them can mean the same value, expected one of them")
    return found


def is_zone(text: str) -> bool:
    """Whether this is a time zone's IANA name, or an offset like +05:30, UTC or Z."""
    return offset_minutes(text) is not None or text in ZONES


def offset_minutes(text: str) -> int | None:
    """Minutes east of UTC that this says; None if it is no offset."""
    if text in ("UTC", "GMT", "Z"):
        return 0
    match = re.fullmatch(r"(?:UTC|GMT)?([+-])([01]?[0-9]):?([0-5][0-9])?", text)
    if match is None:
        return None
    minutes = int(match[2]) * 60 + int(match[3] or 0)
    return -minutes if match[1] == "-" else minutes
