"""The numbering plans of the world as dated tables, for one number or for arrays.

The library of arrays is loaded only by the functions on arrays, because reading or signing a request needs one number.
Every version of the tables that was ever shipped stays: a roster names one, and records sealed under it are found by
it.

Source: metadata of libphonenumber by way of ``scripts/make_numbering.py``; ITU-T E.164 for the form of a number.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from coffer.errors import MalformedInput, Unavailable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from coffer.identity.arrays import U64

VERSION: Final = "9.0.43"
"""The newest tables here, by the version of the library phonenumbers they were made from.

Ingest reads numbers by them.
"""
_FOLDER: Final = Path(__file__).with_name("data")  # importlib.resources would load ten modules more
MAX_DIGITS: Final = 15
"""ITU-T E.164 section 6.2.1."""


class Place(NamedTuple):
    """Where one number belongs.

    ``country``: that of its plan; None if no single country has it. ``is_known``: its calling code is known.
    ``is_possible``: a number of its plan can have this length.
    """

    country: str | None
    is_known: bool
    is_possible: bool


class _Table(NamedTuple):
    """The content of ``Plans``, as lists."""

    starts: list[int]
    ends: list[int]
    countries: list[int]
    country_names: tuple[str | None, ...]
    lengths: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """Disjoint ranges of numbers, left-aligned to 15 digits, in ascending order.

    ``starts`` and ``ends``: u64 of shape (n,), both inclusive. ``countries``: indexes into ``country_names`` (0 is
    none). ``lengths``: bit d is set if a whole number of d digits is possible.
    """

    starts: U64
    ends: U64
    countries: npt.NDArray[np.uint16]
    country_names: tuple[str | None, ...]
    lengths: npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePlan:
    """How a country's national numbers are completed.

    ``trunk`` and ``idd``: the digits dialled before a national and before an international number; empty if there are
    none or several. ``lengths``: bit d is set if a national number of d digits is possible. ``short_digits``: up to
    that many digits without a prefix are a short code. ``is_plain``: False if dropping the trunk prefix is not enough
    (carrier codes, rewriting); the library phonenumbers then reads the number.
    """

    country: str
    calling_code: int
    trunk: str
    idd: str
    lengths: int
    short_digits: int
    is_plain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """What is known of each number of an array; each field has shape (n,).

    ``country``: index into ``Plans.country_names`` (0 is none). ``is_known``: the calling code is known.
    ``is_possible``: a number of this plan can have this length.
    """

    country: npt.NDArray[np.uint16]
    is_known: npt.NDArray[np.bool_]
    is_possible: npt.NDArray[np.bool_]


def versions() -> tuple[str, ...]:
    """The versions whose tables are here, oldest first."""
    names = [entry.name for entry in _FOLDER.iterdir()]
    known = [name.removeprefix("numbering-").removesuffix(".csv") for name in names if name.startswith("numbering-")]
    return tuple(sorted(known, key=_ordered))


def verify_version(version: str) -> None:
    """Prove that the tables of a roster's version are here.

    Raises:
        Unavailable: only another release has them.
    """
    known = versions()
    if version not in known:
        is_newer = _ordered(version) > _ordered(known[-1])
        raise Unavailable(
            f"numbering tables: version {version} is not here, found {', '.join(known)}",
            hint=f"the roster names it: use a release of coffer whose identity/data has numbering-{version}.csv"
            + (", which is newer than this one" if is_newer else ""),
        )


def _ordered(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@cache
def plans(version: str = VERSION) -> Plans:
    """The table of a version, read once.

    Raises:
        Unavailable: that version is not here.
    """
    import numpy as np

    table = _table(version)
    return Plans(
        starts=np.array(table.starts, np.uint64),
        ends=np.array(table.ends, np.uint64),
        countries=np.array(table.countries, np.uint16),
        country_names=table.country_names,
        lengths=np.array(table.lengths, np.uint32),
    )


@cache
def _bits(lengths: str) -> int:
    """The bits of some lengths. A table has a thousand rows and a few dozen sets of lengths."""
    return sum(1 << int(length) for length in lengths.split())


@cache
def _table(version: str) -> _Table:
    verify_version(version)
    rows = read_table("numbering", version)
    prefixes = sorted(rows, key=lambda row: row["prefix"].ljust(MAX_DIGITS, "0"))
    names: dict[str, int] = {"-": 0}
    starts, ends, countries, lengths = [], [], [], []
    for row in prefixes:
        free = 10 ** (MAX_DIGITS - len(row["prefix"]))
        starts.append(int(row["prefix"]) * free)
        ends.append(starts[-1] + free - 1)
        countries.append(names.setdefault(row["country"], len(names)))
        lengths.append(_bits(row["lengths"]))
    for country in _homes():  # a short code or dialled digits may have a country that no prefix has
        names.setdefault(country, len(names))
    return _Table(
        starts=starts,
        ends=ends,
        countries=countries,
        country_names=tuple(None if name == "-" else name for name in names),
        lengths=lengths,
    )


@cache
def _homes() -> dict[str, HomePlan]:
    return {
        row["region"]: HomePlan(
            country=row["region"],
            calling_code=int(row["calling_code"]),
            trunk=row["trunk"],
            idd=row["idd"],
            lengths=_bits(row["lengths"]),
            short_digits=int(row["short_digits"]),
            is_plain=row["is_plain"] == "1",
        )
        for row in read_table("regions", VERSION)
    }


def trunks() -> dict[int, str]:
    """The trunk prefix of each calling code that has one: the digits dialled before its national numbers."""
    prefixes: dict[int, str] = {}
    for home in sorted(_homes().values(), key=lambda home: home.country):
        if home.trunk:
            prefixes.setdefault(home.calling_code, home.trunk)
    return prefixes


def home_plan(country: str, place: str) -> HomePlan:
    """The plan of an ISO 3166 alpha-2 country."""
    plan = _homes().get(country)
    if plan is None:
        raise MalformedInput(
            f"{place}: no numbering plan for {country!r}", hint="use an ISO 3166 code of two capital letters, like FR"
        )
    return plan


def is_country(code: str) -> bool:
    """Whether the country's numbering plan is known."""
    return code in _homes()


def place_of(digits: str, version: str = VERSION) -> Place:
    """The plan of one number, as ``locate`` would give it. ``digits``: 1 to 15, E.164 without the plus."""
    table = _table(version)
    aligned = int(digits) * 10 ** (MAX_DIGITS - len(digits))
    at = bisect_right(table.starts, aligned) - 1
    if at < 0 or aligned > table.ends[at] or not int(digits):
        return Place(None, is_known=False, is_possible=False)
    is_possible = bool(table.lengths[at] >> len(digits) & 1)
    return Place(table.country_names[table.countries[at]], is_known=True, is_possible=is_possible)


def locate(numbers: U64, digits: npt.NDArray[np.int64], version: str = VERSION) -> Located:
    """The plan of each number; shape (n,) each.

    ``numbers``: E.164 without the plus. ``digits``: how many each has, 1 to 15.
    """
    import numpy as np

    from coffer.identity.arrays import POWERS_OF_TEN

    table = plans(version)
    aligned = numbers * POWERS_OF_TEN[MAX_DIGITS - digits]
    at = np.searchsorted(table.starts, aligned, side="right").astype(np.int64) - 1
    is_known = (at >= 0) & (aligned <= table.ends[at]) & (numbers > 0)
    is_possible = is_known & ((table.lengths[at] >> digits.astype(np.uint32)) & np.uint32(1)).astype(np.bool_)
    country = np.where(is_known, table.countries[at], np.uint16(0))
    return Located(country=country, is_known=is_known, is_possible=is_possible)


def digit_counts(numbers: U64) -> npt.NDArray[np.int64]:
    """How many decimal digits each number has; 0 has one."""
    import numpy as np

    from coffer.identity.arrays import POWERS_OF_TEN

    return np.maximum(np.searchsorted(POWERS_OF_TEN[:-1], numbers, side="right"), 1).astype(np.int64)


def countries_of(numbers: U64, version: str = VERSION) -> npt.NDArray[np.uint16]:
    """The index into ``plans(version).country_names`` of each E.164 number that was accepted before.

    Shape (n,).
    """
    return locate(numbers, digit_counts(numbers), version).country


@cache
def _valid() -> tuple[list[str], tuple[str, ...]]:
    """The steps of the numbers that can exist: starts with 15 digits, and the lengths from there on."""
    columns = read_columns("valid", VERSION)
    return [start.ljust(MAX_DIGITS, "0") for start in columns["start"]], columns["lengths"]


def can_exist(number: str) -> bool:
    """Whether one number can exist: its E.164 digits without a plus. ``validity`` says it of columns."""
    starts, lengths = _valid()
    at = bisect_right(starts, number.ljust(MAX_DIGITS, "0")) - 1
    return str(len(number)) in lengths[at].split()


def read_table(name: str, version: str) -> list[dict[str, str]]:
    """The rows of one of the files in ``data``."""
    columns = read_columns(name, version)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def read_columns(name: str, version: str) -> dict[str, tuple[str, ...]]:
    """The columns of one of the files in ``data``, by name."""
    text = _FOLDER.joinpath(f"{name}-{version}.csv").read_text("ascii")
    header, *rows = csv.reader(text.splitlines())
    return dict(zip(header, zip(*rows, strict=True), strict=True))
