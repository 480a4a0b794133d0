"""What a feed says about a table: where each field stands and how it is written.

One frozen value says everything. CSV, JSON lines and Parquet are read by it alike. Whatever decides how rows are read
follows from this value, so that code that can read only some feeds decides by it alone (``FeedMapping.is_plain``).

Source: ``docs/formats/feed.md``.
"""

import datetime as dt
import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from coffer.errors import MalformedInput

DEFAULT_DURATIONS: Final = ("s", "h:m:s")
CALLED: Final = ("answered", "first", "forwarded")
TALK: Final = ("answered", "sum", "longest")
DEFAULT_DAYS: Final = 5
"""How long rows of one event lie apart at most: mail is tried again for four to five days (RFC 5321, 4.5.4.1)."""

Column = int | str
"""A position from 0, or a name; of JSON lines and Parquet also a path that begins with ``$.``."""

_OFFSET: Final = re.compile(r"%[:#]*z|%\+")
_FURTHEST: Final = 14 * 60
"""No clock of the world is further from UTC."""
_YEARS: Final = re.compile("%[-_0^#]*[YyCGgDFcxsv+]")
"""Codes of a date format that hold a year."""
EPOCHS: Final = ("epoch", "epoch-ms", "epoch-us")


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
    """Columns whose values say whether the call was answered; the first that holds a value counts.

    None stands for not known, as an empty value does. ``others``: what every other word means; ``"reject"`` if it means
    nothing that is known.
    """

    columns: tuple[Column, ...]
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

    ``by_recipient`` and ``by_sender``: only if b, and a, is the same person too. ``within_days``: a row that begins so
    long after the first of its event begins another. ``called`` and ``duration``: which leg says them, a word of
    ``CALLED`` and of ``TALK``.
    """

    key: tuple[Column, ...]
    by_recipient: bool = False
    by_sender: bool = False
    within_days: int = DEFAULT_DAYS
    called: str = "answered"
    duration: str = "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The part of a value that counts: behind the first ``after``, then before the first ``before``.

    Either may be empty, and a value that does not hold it stays as it is. ``is_last``: behind the last ``after``; of
    parentheses what the pair holds that ends the value.
    """

    after: str = ""
    before: str = ""
    is_last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLayout:
    """How the lines of a text file are cut into rows and columns.

    ``skip_lines``: lines before the header, or before the first row. ``comments``: a line that begins with one of them
    is no row. ``quote``: empty for none. ``is_ragged``: rows may end early, or go on behind the last column. ``width``:
    how many columns a row has; 0 for as many as the header or the first row.
    """

    encoding: str = "utf-8"
    has_header: bool = False
    delimiter: str = ","
    skip_lines: int = 0
    comments: tuple[str, ...] = ()
    quote: str = '"'
    is_ragged: bool = False
    width: int = 0


Span = tuple[int, int]
"""The first place of some characters in a line, from 0, and how many they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedLayout:
    """Where the columns of lines without a delimiter stand.

    ``widths``: how many characters a line may have; empty for any number. ``blanks``: places where every line has
    spaces. They tell lines of this layout from those of another.
    """

    places: Mapping[str, Span]
    widths: frozenset[int] = frozenset()
    blanks: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedMapping:
    """Everything that a feed of csv, jsonl, fixed or parquet says beyond others.

    ``columns``: by field one column or more. Several are joined by a space, but of the fields in ``firsts`` the first
    column that holds a value counts. ``splits``: by field the text between several values in a cell; ``cuts``: by field
    the part of each value that counts; ``patterns``: by field what a whole value matches, or is no number. ``sided``:
    fields of two columns, of which the direction says the one that counts: of calls that went out the first.
    ``newest``: no date without a year is later; None: the clock says. ``time_zone``: that of times without an offset;
    empty for the feed's.
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
    patterns: Mapping[str, str] = field(default_factory=dict)
    firsts: frozenset[str] = frozenset()
    sided: frozenset[str] = frozenset()
    newest: dt.date | None = None
    time_zone: str = ""
    join: JoinRule | None = None
    text: TextLayout = field(default_factory=TextLayout)
    fixed: FixedLayout | None = None

    @property
    def wanted(self) -> dict[str, tuple[Column, ...]]:
        """By field the columns to read: those of ``columns``, and by a name of their own those of each rule."""
        found = dict(self.columns)
        for name, rule in (
            ("kind", self.kind), ("direction", self.direction), ("time_zone", self.zone),
        ):  # fmt: skip
            if rule is not None and rule.column is not None:
                found[name] = (rule.column,)
        if self.answered is not None:
            found["answered"] = self.answered.columns
        for number, row in enumerate(self.rows):
            found[row_field(number)] = (row.column,)
        if self.join is not None:
            found["join"] = self.join.key
        return found

    @property
    def is_plain(self) -> bool:
        """Whether the feed asks for no more than columns, times and seconds."""
        return not self.beyond_plain

    @property
    def beyond_plain(self) -> tuple[str, ...]:
        """The keys by which the feed asks for more than columns, times and seconds.

        Without any, each row is one record in UTF-8, and each field stands in a column of its own.
        """
        usual = TextLayout()
        asked = {
            "[rows]": bool(self.rows),
            "[join]": self.join is not None,
            "split": bool(self.splits),
            "after or before": bool(self.cuts),
            "matches": bool(self.patterns),
            "a list of columns": bool(self.firsts or self.sided)
            or (self.answered is not None and len(self.answered.columns) > 1),
            "end": "end" in self.columns,
            "answer": "answer" in self.columns,
            "no a": "a" not in self.columns,
            "direction": self.direction is not None,
            "time_zone as a column": self.zone is not None,
            "duration_format": self.duration_formats != DEFAULT_DURATIONS,
            "epoch-us": "epoch-us" in self.date_formats,
            "answered with words for one answer alone": self.answered is not None and not self.answered.says_all,
            "encoding": self.text.encoding != usual.encoding,
            "comment": bool(self.text.comments),
            "quote": self.text.quote != usual.quote,
            "ragged": self.text.is_ragged,
        }
        return tuple(name for name, is_asked in asked.items() if is_asked)


NO_MAPPING: Final = FeedMapping(kind=KindRule(column=None, constant=0, values={}), columns={})
"""Of feeds whose format says itself where everything stands."""


def is_yearless(form: str) -> bool:
    """Whether dates in this format have no year."""
    return form not in EPOCHS and _YEARS.search(form) is None


def says_offset(form: str) -> bool:
    """Whether times in this format say their distance from UTC themselves."""
    return _OFFSET.search(form) is not None


def row_field(number: int) -> str:
    """The name by which the column of a row rule is read."""
    return f"rows-{number}"


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


@cache
def zone_names() -> frozenset[str]:
    """The time zones' IANA names; finding them takes 20 ms, which most feeds need not."""
    return frozenset(zoneinfo.available_timezones())


def is_zone(text: str) -> bool:
    """Whether this is a time zone's IANA name, or an offset like +05:30, UTC or Z."""
    return offset_minutes(text) is not None or text in zone_names()


def offset_minutes(text: str) -> int | None:
    """Minutes east of UTC that this says; None if it is no offset."""
    if text in ("UTC", "GMT", "Z"):
        return 0
    match = re.fullmatch(r"(?:UTC|GMT)?([+-])([01]?[0-9]):?([0-5][0-9])?", text)
    if match is None:
        return None
    minutes = int(match[2]) * 60 + int(match[3] or 0)
    if minutes > _FURTHEST:
        return None
    return -minutes if match[1] == "-" else minutes
