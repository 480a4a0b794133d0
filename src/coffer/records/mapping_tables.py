"""The tables of a feed that say where fields stand, as a ``FeedMapping``. Strict, pure.

Source: ``docs/formats/feed.md``.
"""

from dataclasses import dataclass
from typing import Final

from coffer.errors import MalformedInput
from coffer.kinds import KINDS
from coffer.records.fixed_tables import parse_fixed
from coffer.records.mapping import (
    CALLED,
    DEFAULT_DAYS,
    EPOCHS,
    TALK,
    AnsweredRule,
    Column,
    DirectionRule,
    FeedMapping,
    JoinRule,
    KindRule,
    RowRule,
    TextLayout,
    ZoneRule,
    is_zone,
    parse_path,
    says_offset,
)
from coffer.records.part_tables import PartTables
from coffer.records.parties import PARTIES
from coffer.records.settings import MAPPED
from coffer.records.time_tables import parse_date_formats, parse_duration_formats, parse_newest, parse_zone
from coffer.toml import Table

FIELDS: Final = (
    "a", "b", "start", "end", "answer", "duration_s", "forwarded",
    *(f"{party}_{what}" for party in PARTIES for what in ("cell", "imei", "imsi")),
)  # fmt: skip
"""Fields whose values are taken as they stand; ``answered``, ``direction`` and ``time_zone`` have words of their own."""
_TIMES: Final = ("start", "end", "answer")
_NUMBERS: Final = ("a", "b", "forwarded")
ENCODINGS: Final = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252")
QUOTES: Final = ('"', "'", "`", "")
_MAX_COLUMN: Final = 1000
_MAX_SKIPPED: Final = 10_000
_MAX_DAYS: Final = 366


def parse_mapping(feed: Table, top: Table, form: str) -> FeedMapping:
    """The tables of a feed of ``form``, which is one of ``MAPPED``.

    Raises:
        MalformedInput: a key is missing, unknown, or says what cannot be.
    """
    assert form in MAPPED, "only these have columns"
    own, columns = top.table(form), top.table("columns")
    text = _parse_text(own, form)
    fixed = parse_fixed(own) if form == "fixed" else None
    names = _Names(
        is_headed=text.has_header or form != "csv",
        has_positions=form in ("csv", "parquet"),
        has_paths=form in ("jsonl", "parquet"),
        known=frozenset(fixed.places) if fixed is not None else None,
    )
    parts = PartTables()
    found, firsts, sided = _parse_fields(columns, names, parts)
    answered = _parse_answered(columns, names, parts)
    date_formats = parse_date_formats(own, default="epoch" if form == "parquet" else None)
    mapping = FeedMapping(
        kind=_parse_kind(feed, names),
        columns=found,
        date_formats=date_formats,
        duration_formats=parse_duration_formats(own),
        answered=answered,
        direction=_parse_direction(columns, names),
        zone=_parse_zone(columns, names),
        rows=_parse_rows(top, names),
        splits=parts.splits,
        cuts=parts.cuts,
        patterns=parts.patterns,
        firsts=firsts,
        sided=sided,
        newest=parse_newest(own, date_formats),
        time_zone=parse_zone(own, ""),
        join=_parse_join(top, names),
        text=text,
        fixed=fixed,
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
    if mapping.sided and (mapping.direction is None or mapping.sided != {"a", "b"}):
        raise MalformedInput(f"{place}: in and out: expected both for a and for b, with a direction")
    if mapping.join is not None and mapping.join.by_sender and "a" not in given:
        raise MalformedInput(f"{place}: a: missing, expected the sender by whom [join] tells rows apart")
    if mapping.zone is not None and any(form in EPOCHS or says_offset(form) for form in mapping.date_formats):
        raise MalformedInput(
            f"{place}: time_zone: with a date_format that says the offset itself, expected one of them"
        )


@dataclass(frozen=True, slots=True)
class _Names:
    """How columns may be named: by position, by name, by path; ``known``: the only names there are."""

    is_headed: bool
    has_positions: bool
    has_paths: bool
    known: frozenset[str] | None = None

    def parse(self, value: object, place: str) -> Column:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_COLUMN:
            if not self.has_positions:
                what = "a JSON object has no positions" if self.known is None else "those of places under [fixed]"
                raise MalformedInput(f"{place}: expected names: {what}")
            return value
        if isinstance(value, str) and self.is_headed:
            if self.known is not None and value not in self.known:
                hint = f"known: {', '.join(sorted(self.known))}"
                raise MalformedInput(f"{place}: no such name among the places under [fixed]", hint=hint)
            if self.has_paths and value.startswith("$"):
                parse_path(value, place)
            return value
        raise MalformedInput(
            f"{place}: expected a position from 0{' or a name of the header' if self.is_headed else ''}"
        )


def _parse_text(own: Table, form: str) -> TextLayout:
    if form == "parquet":
        return TextLayout()
    encoding = own.choice("encoding", ENCODINGS, default="utf-8")
    if form == "jsonl":
        return TextLayout(encoding=encoding)
    if form == "fixed":
        return TextLayout(encoding=encoding, quote="", skip_lines=_parse_skipped(own), comments=_parse_comments(own))
    delimiter = own.text("delimiter", ",")
    quote = own.choice("quote", QUOTES, default='"')
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise MalformedInput(f"{own.place}: delimiter: expected one ASCII character")
    if delimiter == quote:
        raise MalformedInput(f"{own.place}: quote: expected another character than the delimiter")
    return TextLayout(
        encoding=encoding,
        has_header=own.boolean("header"),
        delimiter=delimiter,
        skip_lines=_parse_skipped(own),
        comments=_parse_comments(own),
        quote=quote,
        is_ragged=own.boolean("ragged", default=False),
        width=_parse_width(own),
    )


def _parse_width(own: Table) -> int:
    width: int = own.get("width", int, 0)
    if "width" in own.values and not 2 <= width <= _MAX_COLUMN:
        raise MalformedInput(f"{own.place}: width: expected 2 to {_MAX_COLUMN:,} columns")
    if width and (own.boolean("header") or own.boolean("ragged", default=False)):
        raise MalformedInput(f"{own.place}: width: with header or ragged, expected one of them")
    return width


def _parse_skipped(own: Table) -> int:
    skip_lines: int = own.get("skip_lines", int, 0)
    if not 0 <= skip_lines <= _MAX_SKIPPED:
        raise MalformedInput(f"{own.place}: skip_lines: expected 0 to {_MAX_SKIPPED:,}")
    return skip_lines


def _parse_comments(own: Table) -> tuple[str, ...]:
    comments = own.texts("comment", ())
    if any("\n" in comment for comment in comments):
        raise MalformedInput(f"{own.place}: comment: expected the beginning of one line")
    return comments


def _parse_fields(
    columns: Table, names: _Names, parts: PartTables
) -> tuple[dict[str, tuple[Column, ...]], frozenset[str], frozenset[str]]:
    """By field its columns.

    Also which fields take the first column that holds a value, and which take one by the direction. Adds to ``parts``.
    """
    found: dict[str, tuple[Column, ...]] = {}
    firsts, sided = set[str](), set[str]()
    for key in FIELDS:
        if key not in columns.values:
            continue
        value, place = columns.get(key, (int, str, list, dict)), f"{columns.place}: {key}"
        if isinstance(value, dict):
            table = Table(value, place)
            if key in _NUMBERS:
                parts.parse(key, table)
            if key in _NUMBERS and "first" in value:
                firsts.add(key)
                found[key] = _parse_list(table.get("first", list), f"{place}: first", names)
            elif key in ("a", "b") and value.keys() & {"in", "out"}:
                sided.add(key)
                found[key] = tuple(_parse_side(table, side, names) for side in ("out", "in"))
            else:
                found[key] = (names.parse(table.get("column", (int, str)), f"{place}: column"),)
            table.end()
        elif isinstance(value, list):
            if len(value) > 1 and key not in _TIMES:
                raise MalformedInput(f"{place}: expected one column (only start, end and answer may have two)")
            found[key] = _parse_list(value, place, names)
        else:
            found[key] = (names.parse(value, place),)
    return found, frozenset(firsts), frozenset(sided)


def _parse_side(table: Table, side: str, names: _Names) -> Column:
    column = names.parse(table.get(side, (int, str)), f"{table.place}: {side}")
    if names.has_paths and "[*]" in str(column):
        raise MalformedInput(f"{table.place}: {side}: with [*], expected a column of one value")
    return column


def _parse_list(value: list[object], place: str, names: _Names) -> tuple[Column, ...]:
    if not value:
        raise MalformedInput(f"{place}: expected at least one column")
    return tuple(names.parse(item, place) for item in value)


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
    return names.parse(table.get("column", (int, str)), f"{table.place}: column"), _parse_values(table)


def _parse_values(table: Table) -> dict[str, object]:
    """What each word of a column means."""
    if "values" not in table.values:
        hint = "give values = { WORD = ... }: each word of the file, and what it means"
        raise MalformedInput(f"{table.place}: values: missing", hint=hint)
    values: dict[str, object] = table.get("values", dict)
    table.end()
    return values


def _parse_answered(columns: Table, names: _Names, parts: PartTables) -> AnsweredRule | None:
    if "answered" not in columns.values:
        return None
    value, place = columns.get("answered", (int, str, dict)), f"{columns.place}: answered"
    if not isinstance(value, dict):
        words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        return AnsweredRule(columns=(names.parse(value, place),), values=words)
    table = Table(value, place)
    parts.parse("answered", table)
    is_switch = isinstance(value.get("others"), bool)
    others: bool | str = table.boolean("others") if is_switch else table.text("others", "reject")
    if "first" in value:
        found = _parse_list(table.get("first", list), f"{place}: first", names)
    else:
        found = (names.parse(table.get("column", (int, str)), f"{place}: column"),)
    values = _parse_values(table)
    if not values or any(
        not isinstance(item, bool) and item != "unknown" for item in (*values.values(), others != "reject" and others)
    ):
        raise MalformedInput(
            f'{place}: values: expected words of the file on the left, true, false or "unknown" on the right'
        )
    meanings = {word: None if item == "unknown" else bool(item) for word, item in values.items()}
    return AnsweredRule(columns=found, values=meanings, others=None if others == "unknown" else others)


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


def _parse_days(table: Table) -> int:
    days: int = table.get("within_days", int, DEFAULT_DAYS)
    if not 1 <= days <= _MAX_DAYS:
        raise MalformedInput(f"{table.place}: within_days: expected 1 to {_MAX_DAYS}")
    return days


def _parse_join(top: Table, names: _Names) -> JoinRule | None:
    if "join" not in top.values:
        return None
    table = top.table("join")
    key = table.get("key", (int, str, list))
    rule = JoinRule(
        key=_parse_list(key if isinstance(key, list) else [key], f"{table.place}: key", names),
        by_recipient=table.boolean("by_recipient", default=False),
        by_sender=table.boolean("by_sender", default=False),
        within_days=_parse_days(table),
        called=table.choice("called", CALLED, default="answered"),
        duration=table.choice("duration", TALK, default="answered"),
    )
    table.end()
    return rule
