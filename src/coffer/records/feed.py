"""The feed file: how a source writes its records.

Strict: a key that is not known is a mistake, not a wish.

Source: ``docs/formats/feed.md``.
"""

import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import Final

from coffer.errors import MalformedInput
from coffer.identity.habits import MAX_OUTSIDE_DIGITS, STYLES, Habits
from coffer.identity.numbering import HomePlan, home_plan
from coffer.kinds import KINDS
from coffer.records.parties import PARTIES
from coffer.records.settings import KNOWN, MAPPED, SETTINGS, Settings
from coffer.toml import Table, parse_toml

FOLDS: Final = ("reject", "first", "second")
_COLUMNS: Final = (
    "a", "b", "start", "duration_s", "answered", "forwarded",
    *(f"{party}_{what}" for party in PARTIES for what in ("cell", "imei", "imsi")),
)  # fmt: skip

Column = int | str
"""A position from 0, or a name of the header."""


class Layout(IntFlag):
    """Fields of a row's extra (``docs/formats/segment.md``), in this order."""

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
    """A parsed feed file.

    ``columns`` maps canonical names to one or more columns, which are joined by a space. ``habits``: how numbers are
    written.

    ``format``: empty if it is to be found by content; ``columns``, ``kind``, ``date_formats`` and so on are empty but for csv, jsonl and
    parquet. ``settings``: the table of the format's name, None if there is none.
    """

    name: str
    format: str
    settings: Settings
    habits: Habits
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

    @property
    def home(self) -> HomePlan:
        """The plan of the home country."""
        return self.habits.home

    def layout(self, kind: int) -> Layout:
        """The fields that a row of this kind carries.

        The feed alone decides it, so that it says nothing about the data.
        """
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
    top = parse_toml(text.encode("utf-8", "surrogatepass"), place)
    feed = top.table("feed")
    name = feed.text("name")
    _verify_name(name, feed.place)
    form = _parse_format(feed, top)
    mapping = _parse_mapping(feed, top, form) if form in MAPPED else _NO_MAPPING
    parsed = Feed(
        name=name,
        format=form,
        settings=None if form in MAPPED else _parse_settings(top, form),
        habits=_parse_habits(feed),
        time_zone=_parse_zone(feed.text("time_zone"), feed.place),
        keep=_parse_keep(feed),
        local_identities=feed.boolean("local_identities", default=False),
        fold=feed.choice("fold", FOLDS, default="reject"),
        kind=mapping.kind,
        has_header=mapping.has_header,
        delimiter=mapping.delimiter,
        date_formats=mapping.date_formats,
        answered=mapping.answered,
        columns=mapping.columns,
    )
    feed.end()
    top.end()
    return parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mapping:
    """What a feed of csv, jsonl or parquet says beyond others."""

    kind: KindRule
    has_header: bool
    delimiter: str
    date_formats: tuple[str, ...]
    columns: Mapping[str, tuple[Column, ...]]
    answered: AnsweredRule | None


_NO_MAPPING: Final = _Mapping(
    kind=KindRule(column=None, constant=0, values={}),
    has_header=False,
    delimiter=",",
    date_formats=(),
    columns={},
    answered=None,
)


def _parse_format(feed: Table, top: Table) -> str:
    """The format's name; without one, the mapped format whose table is there, else empty."""
    form = feed.text("format", "")
    if not form:
        return next((name for name in MAPPED if name in top.values), "")
    if form not in MAPPED and form not in KNOWN:
        raise MalformedInput(
            f"{feed.place}: format: unknown",
            hint=f"one of {', '.join((*MAPPED, *KNOWN))}; or leave it out, to be found",
        )
    return form


def _parse_settings(top: Table, form: str) -> Settings:
    names = {KNOWN[form]} if form else set(SETTINGS)
    given = sorted(names & top.values.keys())
    if not given:
        return None
    if len(given) > 1:
        raise MalformedInput(f"{top.place}: [{given[0]}] and [{given[1]}]: expected settings of one format")
    table = top.table(given[0])
    settings = SETTINGS[given[0]](table)
    table.end()
    return settings


def _parse_mapping(feed: Table, top: Table, form: str) -> _Mapping:
    own, columns = top.table(form), top.table("columns")
    has_header = own.boolean("header") if form == "csv" else True
    found = {
        key: _parse_columns(columns, key, has_header=has_header)
        for key in _COLUMNS
        if key in columns.values and key != "answered"
    }
    for required in ("a", "b", "start"):
        if required not in found:
            raise MalformedInput(f"{columns.place}: {required}: missing")
    mapping = _Mapping(
        kind=_parse_kind(feed, has_header=has_header),
        has_header=has_header and form == "csv",
        delimiter=_parse_delimiter(own) if form == "csv" else ",",
        date_formats=_parse_date_formats(own, default="epoch" if form == "parquet" else None),
        answered=_parse_answered(columns, has_header=has_header),
        columns=found,
    )
    own.end()
    columns.end()
    if form == "jsonl" and any(isinstance(column, int) for names in found.values() for column in names):
        raise MalformedInput(f"{columns.place}: expected names: a JSON object has no positions")
    return mapping


def _verify_name(name: str, place: str) -> None:
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789-")
    if not 1 <= len(name) <= 16 or set(name) - allowed or name[0] == "-":
        raise MalformedInput(f"{place}: name: expected 1 to 16 of a-z, 0-9 and -")


def _parse_zone(text: str, place: str) -> str:
    if text not in zoneinfo.available_timezones():
        raise MalformedInput(f"{place}: time_zone: unknown", hint="use an IANA name, like Europe/Paris or UTC")
    return text


def _parse_habits(feed: Table) -> Habits:
    outside = feed.texts("outside_line", ())
    if len(outside) > 4 or not all(re.fullmatch(rf"[0-9]{{1,{MAX_OUTSIDE_DIGITS}}}", prefix) for prefix in outside):
        raise MalformedInput(
            f"{feed.place}: outside_line: expected up to four prefixes of 1 to {MAX_OUTSIDE_DIGITS} digits"
        )
    return Habits(
        home=home_plan(feed.text("home_country"), f"{feed.place}: home_country"),
        style=feed.choice("number_style", STYLES, default="any"),
        outside=outside,
    )


def _parse_keep(feed: Table) -> frozenset[str]:
    keep = feed.get("keep", list, [])
    if not all(item in ("cell", "imei", "imsi") for item in keep):
        raise MalformedInput(f"{feed.place}: keep: expected a list of cell, imei, imsi")
    return frozenset(keep)


def _parse_kind(feed: Table, *, has_header: bool) -> KindRule:
    value = feed.get("kind", (str, dict))
    if isinstance(value, str):
        if value not in KINDS:
            raise MalformedInput(f"{feed.place}: kind: expected call, text, email or a column with values")
        return KindRule(column=None, constant=KINDS[value], values={})
    table = Table(value, f"{feed.place}: kind")
    column = _parse_column(table.get("column", (int, str)), f"{table.place}: column", has_header=has_header)
    values = table.get("values", dict)
    table.end()
    if not values or not all(isinstance(kind, str) and kind in KINDS for kind in values.values()):
        raise MalformedInput(
            f"{table.place}: values: expected words of the file on the left, call, text or email on the right"
        )
    return KindRule(column=column, constant=0, values={word: KINDS[kind] for word, kind in values.items()})


def _parse_answered(columns: Table, *, has_header: bool) -> AnsweredRule | None:
    if "answered" not in columns.values:
        return None
    value = columns.get("answered", (int, str, dict))
    if not isinstance(value, dict):
        column = _parse_column(value, f"{columns.place}: answered", has_header=has_header)
        words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        return AnsweredRule(column=column, values=words)
    table = Table(value, f"{columns.place}: answered")
    column = _parse_column(table.get("column", (int, str)), f"{table.place}: column", has_header=has_header)
    values = table.get("values", dict)
    table.end()
    if not values or not all(isinstance(item, bool) for item in values.values()):
        raise MalformedInput(
            f"{table.place}: values: expected words of the file on the left, true or false on the right"
        )
    return AnsweredRule(column=column, values=values)


def _parse_delimiter(csv: Table) -> str:
    delimiter = csv.text("delimiter", ",")
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise MalformedInput(f"{csv.place}: delimiter: expected one ASCII character")
    return delimiter


def _parse_date_formats(csv: Table, default: str | None) -> tuple[str, ...]:
    value = csv.get("date_format", (str, list), default)
    formats = (value,) if isinstance(value, str) else tuple(value)
    for text in formats:
        if not isinstance(text, str) or (text not in ("epoch", "epoch-ms") and "%" not in text):
            raise MalformedInput(f"{csv.place}: date_format: expected strftime codes, epoch or epoch-ms")
    if not formats:
        raise MalformedInput(f"{csv.place}: date_format: expected at least one")
    return formats


def _parse_columns(columns: Table, key: str, *, has_header: bool) -> tuple[Column, ...]:
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
