"""The feed file: how a source writes its records. Strict: a key that is not known is a mistake, not a wish. Source.

``docs/formats/feed.md``.
"""

import tomllib
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import Any, Final, cast

from coffer.errors import MalformedInput
from coffer.identity.numbering import HomePlan, home_plan
from coffer.records.schema import PARTIES

KINDS: Final = {"call": 1, "text": 2, "email": 3}
FOLDS: Final = ("reject", "first", "second")
FORMATS: Final = ("csv",)
_COLUMNS: Final = (
    "a", "b", "start", "duration_s", "answered", "forwarded",
    *(f"{party}_{what}" for party in PARTIES for what in ("cell", "imei", "imsi")),
)  # fmt: skip

Column = int | str
"""A position from 0, or a name of the header."""


class Layout(IntFlag):
    """Fields of a row's extra (specification, section 5), in this order."""

    CELL = 1
    IMEI = 2
    IMSI = 4
    SHORT_STRING = 8
    LONG_STRING = 16


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
    """A column whose values say whether the call was answered. Empty values mean: not known."""

    column: Column
    values: Mapping[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A parsed feed file. ``columns`` maps canonical names to one or more columns, which are joined by a space."""

    name: str
    home: HomePlan
    time_zone: str
    keep: frozenset[str]
    kind: KindRule
    local_identities: bool
    fold: str
    has_header: bool
    delimiter: str
    date_formats: tuple[str, ...]
    columns: Mapping[str, tuple[Column, ...]]
    answered: AnsweredRule | None

    def layout(self, kind: int) -> Layout:
        """The fields a row of this kind carries, decided by the feed alone so that it says nothing about the data."""
        bits = Layout(0)
        for name, bit in (("cell", Layout.CELL), ("imei", Layout.IMEI), ("imsi", Layout.IMSI)):
            bits |= bit if name in self.keep else Layout(0)
        if kind == KINDS["text"]:
            bits |= Layout.SHORT_STRING
        if kind == KINDS["email"] or self.local_identities:
            bits |= Layout.LONG_STRING
        return bits


def parse_feed(text: str, place: str) -> Feed:
    """Read a feed file; raises ``MalformedInput`` naming the table and key."""
    try:
        document = tomllib.loads(text)
    except (
        ValueError,
        RecursionError,
    ) as error:  # a number of 5,000 digits or a thousand brackets is no TOMLDecodeError
        raise MalformedInput(f"{place}: not TOML: {str(error)[:80]}") from None
    top = _Table(document, place)
    feed, csv, columns = top.table("feed"), top.table("csv"), top.table("columns")
    top.end()
    name = feed.text("name")
    _verify_name(name, feed.place)
    if feed.text("format") not in FORMATS:
        raise MalformedInput(f"{feed.place}: format: expected {' or '.join(FORMATS)}")
    has_header = csv.boolean("header")
    parsed = Feed(
        name=name,
        home=home_plan(feed.text("home_country"), f"{feed.place}: home_country"),
        time_zone=_parse_zone(feed.text("time_zone"), feed.place),
        keep=_parse_keep(feed),
        kind=_parse_kind(feed, has_header=has_header),
        local_identities=feed.boolean("local_identities", default=False),
        fold=feed.choice("fold", FOLDS, default="reject"),
        has_header=has_header,
        delimiter=_parse_delimiter(csv),
        date_formats=_parse_date_formats(csv),
        answered=_parse_answered(columns, has_header=has_header),
        columns={
            key: _parse_columns(columns, key, has_header=has_header)
            for key in _COLUMNS
            if key in columns.values and key != "answered"
        },
    )
    for required in ("a", "b", "start"):
        if required not in parsed.columns:
            raise MalformedInput(f"{columns.place}: {required}: missing")
    for table in (feed, csv, columns):
        table.end()
    return parsed


class _Table:
    """One TOML table; every key must be asked for before ``end``."""

    def __init__(self, values: Mapping[str, Any], place: str) -> None:
        self.values = values
        self.place = place
        self._seen: set[str] = set()

    def get(self, key: str, kind: type | tuple[type, ...], default: object = None) -> Any:  # noqa: ANN401 - narrowed by kind
        self._seen.add(key)
        if key not in self.values:
            if default is None:
                raise MalformedInput(f"{self.place}: {key}: missing")
            return default
        value = self.values[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise MalformedInput(f"{self.place}: {key}: a value of another type than expected")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        return cast("str", self.get(key, str, default))

    def boolean(self, key: str, *, default: bool | None = None) -> bool:
        return cast("bool", self.get(key, bool, default))

    def table(self, key: str) -> "_Table":
        return _Table(self.get(key, dict), f"{self.place}: [{key}]")

    def choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        value = self.text(key, default)
        if value not in choices:
            raise MalformedInput(f"{self.place}: {key}: expected one of {', '.join(choices)}")
        return value

    def end(self) -> None:
        unknown = sorted(set(self.values) - self._seen)
        if unknown:
            raise MalformedInput(
                f"{self.place}: {unknown[0]}: unknown key", hint="see docs/formats/feed.md for all keys"
            )


def _verify_name(name: str, place: str) -> None:
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789-")
    if not 1 <= len(name) <= 16 or set(name) - allowed or name[0] == "-":
        raise MalformedInput(f"{place}: name: expected 1 to 16 of a-z, 0-9 and -")


def _parse_zone(text: str, place: str) -> str:
    if text not in zoneinfo.available_timezones():
        raise MalformedInput(f"{place}: time_zone: unknown", hint="use an IANA name, like Europe/Paris or UTC")
    return text


def _parse_keep(feed: _Table) -> frozenset[str]:
    keep = feed.get("keep", list, [])
    if not all(item in ("cell", "imei", "imsi") for item in keep):
        raise MalformedInput(f"{feed.place}: keep: expected a list of cell, imei, imsi")
    return frozenset(keep)


def _parse_kind(feed: _Table, *, has_header: bool) -> KindRule:
    value = feed.get("kind", (str, dict))
    if isinstance(value, str):
        if value not in KINDS:
            raise MalformedInput(f"{feed.place}: kind: expected call, text, email or a column with values")
        return KindRule(column=None, constant=KINDS[value], values={})
    table = _Table(value, f"{feed.place}: kind")
    column = _parse_column(table.get("column", (int, str)), f"{table.place}: column", has_header=has_header)
    values = table.get("values", dict)
    table.end()
    if not values or not all(isinstance(kind, str) and kind in KINDS for kind in values.values()):
        raise MalformedInput(
            f"{table.place}: values: expected words of the file on the left, call, text or email on the right"
        )
    return KindRule(column=column, constant=0, values={word: KINDS[kind] for word, kind in values.items()})


def _parse_answered(columns: _Table, *, has_header: bool) -> AnsweredRule | None:
    if "answered" not in columns.values:
        return None
    value = columns.get("answered", (int, str, dict))
    if not isinstance(value, dict):
        column = _parse_column(value, f"{columns.place}: answered", has_header=has_header)
        words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        return AnsweredRule(column=column, values=words)
    table = _Table(value, f"{columns.place}: answered")
    column = _parse_column(table.get("column", (int, str)), f"{table.place}: column", has_header=has_header)
    values = table.get("values", dict)
    table.end()
    if not values or not all(isinstance(item, bool) for item in values.values()):
        raise MalformedInput(
            f"{table.place}: values: expected words of the file on the left, true or false on the right"
        )
    return AnsweredRule(column=column, values=values)


def _parse_delimiter(csv: _Table) -> str:
    delimiter = csv.text("delimiter", ",")
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise MalformedInput(f"{csv.place}: delimiter: expected one ASCII character")
    return delimiter


def _parse_date_formats(csv: _Table) -> tuple[str, ...]:
    value = csv.get("date_format", (str, list))
    formats = (value,) if isinstance(value, str) else tuple(value)
    for text in formats:
        if not isinstance(text, str) or (text not in ("epoch", "epoch-ms") and "%" not in text):
            raise MalformedInput(f"{csv.place}: date_format: expected strftime codes, epoch or epoch-ms")
    if not formats:
        raise MalformedInput(f"{csv.place}: date_format: expected at least one")
    return formats


def _parse_columns(columns: _Table, key: str, *, has_header: bool) -> tuple[Column, ...]:
    value = columns.get(key, (int, str, list))
    items = value if isinstance(value, list) else [value]
    if not items or (len(items) > 1 and key != "start"):
        raise MalformedInput(f"{columns.place}: {key}: expected one column (only start may have two)")
    return tuple(_parse_column(item, f"{columns.place}: {key}", has_header=has_header) for item in items)


def _parse_column(value: object, place: str, *, has_header: bool) -> Column:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1000:
        return value
    if isinstance(value, str) and has_header:
        return value
    raise MalformedInput(f"{place}: expected a position from 0{' or a name of the header' if has_header else ''}")
