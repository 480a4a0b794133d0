"""Cells of a table as text, as words, and as the several values that one may hold. Pure.

Each step looks at all rows at once.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from coffer.records.draft import Bools, PartyDraft
from coffer.records.mapping import Cut

_PARENTHESES: Final = Cut(after="(", before=")", is_last=True)
_AT_END: Final = r"\(([^()]*(?:\([^()]*\)[^()]*)*)\) *$"
"""What a value ends with in parentheses: a number may hold some itself, as in ``Max ((212) 555-1234)``, and ``+49 (30) 123`` has none."""
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


def as_text(column: pa.BinaryArray) -> pl.Series:
    """A column of bytes as text."""
    return pl.Series(pl.from_arrow(column.cast(pa.string())))


def by_word(column: pa.BinaryArray, meaning: Callable[[bytes], int]) -> npt.NDArray[np.int64]:
    """What each value means; each distinct one is looked up once, without spaces around it."""
    encoded = column.dictionary_encode()
    table = np.array([meaning(word.strip(b" ")) for word in encoded.dictionary.to_pylist()] or [0], np.int64)
    found: npt.NDArray[np.int64] = table[encoded.indices.to_numpy()]
    return found


def first_filled(columns: tuple[pa.BinaryArray, ...]) -> pa.BinaryArray:
    """Of several columns the first that holds more than spaces."""
    found = columns[-1]
    for column in columns[-2::-1]:
        is_filled = pc.not_equal(pc.ascii_trim(column.cast(pa.string()), " "), "")
        found = pc.if_else(is_filled, column, found)
    return found


def cut_cells(column: pa.BinaryArray, cut: Cut) -> pa.BinaryArray:
    """The part of each value that counts."""
    text = as_text(column)
    if cut == _PARENTHESES:
        return text.str.extract(_AT_END).fill_null(text).to_arrow().cast(pa.binary())
    if cut.after and cut.is_last:
        text = text.str.split(cut.after).list.last()
    elif cut.after:
        pieces = text.str.splitn(cut.after, 2).struct
        text = pieces.field("field_1").fill_null(pieces.field("field_0"))
    if cut.before:
        text = text.str.splitn(cut.before, 2).struct.field("field_0")
    return text.to_arrow().cast(pa.binary())


def are_unlike(column: pa.BinaryArray, pattern: str) -> npt.NDArray[np.bool_]:
    """Which values, without spaces around them, hold something and do not match the pattern as a whole."""
    found: npt.NDArray[np.bool_] = (~as_text(column).str.contains(f"^ *(?:{pattern})? *$")).to_numpy()
    return found


def as_list(columns: tuple[pa.Array, ...], split: str | None) -> pa.ListArray | None:
    """The values of each cell; None if each cell holds one.

    Of several columns those of the first that holds any.
    """
    if split is None and not any(pa.types.is_list(column.type) for column in columns):
        return None
    lists = [column if pa.types.is_list(column.type) else _split(column, split) for column in columns]
    found = lists[-1]
    for column in lists[-2::-1]:
        found = pc.if_else(pc.greater(pc.list_value_length(column), 0), column, found)
    return found


def _split(column: pa.BinaryArray, split: str | None) -> pa.ListArray:
    """The values in a cell, none if it is empty. A separator behind the last value adds none."""
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    if split is not None:
        text = pc.utf8_rtrim(text, characters=f" {split}")
    found = pc.split_pattern(text, pattern="\n" if split is None else split)
    return pc.if_else(pc.equal(text, ""), pa.scalar([], found.type), found)


def nth_value(column: pa.ListArray, at: I64, nth: I64) -> pa.BinaryArray:
    """Of the list in row ``at`` the value ``nth``, without spaces around it.

    Empty where the list is shorter.
    """
    offsets = column.offsets.to_numpy()
    place = offsets[:-1][at] + nth
    is_there = place < offsets[1:][at]
    values = column.values.take(pa.array(np.where(is_there, place, 0), mask=~is_there))
    text = pc.utf8_trim_whitespace(values.cast(pa.string())).cast(pa.binary())
    return text.fill_null(b"")


def chosen_party(is_first: Bools, first: PartyDraft, second: PartyDraft) -> PartyDraft:
    """Of each row one of two parties, with its cell, IMEI and IMSI."""

    def numbers(one: U64 | None, other: U64 | None) -> U64 | None:
        if one is None and other is None:
            return None
        zeros = np.zeros(len(is_first), np.uint64)
        return np.where(is_first, zeros if one is None else one, zeros if other is None else other)

    return PartyDraft(
        written=pc.if_else(pa.array(is_first), first.written, second.written),
        cell=numbers(first.cell, second.cell),
        imei=numbers(first.imei, second.imei),
        imsi=numbers(first.imsi, second.imsi),
    )
