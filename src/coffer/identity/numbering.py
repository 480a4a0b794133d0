"""The numbering plans of the world as dated tables, for one number or for arrays.

The tables of every version that was ever shipped stay shipped: a roster names one, and what was sealed under it is found by it.

Source: metadata of libphonenumber by way of ``scripts/make_numbering.py``; ITU-T E.164 for the form of a number.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

import numpy as np
import numpy.typing as npt

from coffer.errors import MalformedInput, Unavailable

VERSION: Final = "9.0.43"
"""The newest tables here, by the library phonenumbers that they were made from: numbers are read by them."""
_FOLDER: Traversable = resources.files("coffer.identity").joinpath("data")
MAX_DIGITS: Final = 15
"""ITU-T E.164 section 6.2.1."""

U64 = npt.NDArray[np.uint64]
U8 = npt.NDArray[np.uint8]

POWERS_OF_TEN: Final[U64] = 10 ** np.arange(20, dtype=np.uint64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """Disjoint ranges of numbers, left-aligned to 15 digits, in ascending order.

    ``starts`` and ``ends`` are u64 of shape (n,), inclusive; ``countries`` indexes ``country_names`` (0 is none);
    ``lengths`` has bit d set if a whole number
    of d digits is possible.
    """

    starts: U64
    ends: U64
    countries: npt.NDArray[np.uint16]
    country_names: tuple[str | None, ...]
    lengths: npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePlan:
    """How a country's national numbers are completed.

    ``trunk`` and ``idd`` are the digits dialled before a national and an international number (empty: none, or
    several). ``lengths`` has bit d set if a
    national number of d digits is possible. ``short_digits``: up to that many digits without a prefix are a short code.
    Where ``is_plain`` is False, dropping the
    trunk prefix is not enough (carrier codes, rewriting) and the library phonenumbers is asked.
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
    """For each number.

    Its country's index (0 none), whether its calling code is known, whether its length is possible. Shapes (n,).
    """

    country: npt.NDArray[np.uint16]
    is_known: npt.NDArray[np.bool_]
    is_possible: npt.NDArray[np.bool_]


def versions() -> tuple[str, ...]:
    """The versions whose tables are here, oldest first."""
    names = [entry.name for entry in _FOLDER.iterdir()]
    found = [name.removeprefix("numbering-").removesuffix(".csv") for name in names if name.startswith("numbering-")]
    return tuple(sorted(found, key=_ordered))


def verify_version(version: str) -> None:
    """Prove that the tables of a roster's version are here.

    Raises:
        Unavailable: they came with another release.
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
        lengths.append(sum(1 << int(length) for length in row["lengths"].split()))
    for country in _homes():  # home countries, which a short code or dialled digits may have though no prefix has them
        names.setdefault(country, len(names))
    return Plans(
        starts=np.array(starts, np.uint64),
        ends=np.array(ends, np.uint64),
        countries=np.array(countries, np.uint16),
        country_names=tuple(None if name == "-" else name for name in names),
        lengths=np.array(lengths, np.uint32),
    )


@cache
def _homes() -> dict[str, HomePlan]:
    return {
        row["region"]: HomePlan(
            country=row["region"],
            calling_code=int(row["calling_code"]),
            trunk=row["trunk"],
            idd=row["idd"],
            lengths=sum(1 << int(length) for length in row["lengths"].split()),
            short_digits=int(row["short_digits"]),
            is_plain=row["is_plain"] == "1",
        )
        for row in read_table("regions", VERSION)
    }


def trunks() -> dict[int, str]:
    """Of each calling code that has one the digits dialled before its national numbers."""
    found: dict[int, str] = {}
    for home in sorted(_homes().values(), key=lambda home: home.country):
        if home.trunk:
            found.setdefault(home.calling_code, home.trunk)
    return found


def home_plan(country: str, place: str) -> HomePlan:
    """The plan of an ISO 3166 alpha-2 country."""
    found = _homes().get(country)
    if found is None:
        raise MalformedInput(
            f"{place}: no numbering plan for {country!r}", hint="use an ISO 3166 code of two capital letters, like FR"
        )
    return found


def is_country(code: str) -> bool:
    """Whether a numbering plan of that country is known."""
    return code in _homes()


def locate(numbers: U64, digits: npt.NDArray[np.int64], version: str = VERSION) -> Located:
    """Find the plan of each number (shape (n,), E.164 without the plus) of so many digits (1 to 15)."""
    table = plans(version)
    aligned = numbers * POWERS_OF_TEN[MAX_DIGITS - digits]
    at = np.searchsorted(table.starts, aligned, side="right").astype(np.int64) - 1
    is_known = (at >= 0) & (aligned <= table.ends[at]) & (numbers > 0)
    is_possible = is_known & ((table.lengths[at] >> digits.astype(np.uint32)) & np.uint32(1)).astype(np.bool_)
    country = np.where(is_known, table.countries[at], np.uint16(0))
    return Located(country=country, is_known=is_known, is_possible=is_possible)


def digit_counts(numbers: U64) -> npt.NDArray[np.int64]:
    """Decimal digits of each number; 0 has one."""
    return np.maximum(np.searchsorted(POWERS_OF_TEN[:-1], numbers, side="right"), 1).astype(np.int64)


def countries_of(numbers: U64, version: str = VERSION) -> npt.NDArray[np.uint16]:
    """Index into ``plans(version).country_names`` for E.164 numbers that were accepted before; shape (n,)."""
    return locate(numbers, digit_counts(numbers), version).country


def read_table(name: str, version: str) -> list[dict[str, str]]:
    """The rows of one of the files in ``data``."""
    text = _FOLDER.joinpath(f"{name}-{version}.csv").read_text("ascii")
    return list(csv.DictReader(text.splitlines()))
