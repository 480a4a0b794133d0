"""Rows that belong together: a number for each distinct key, and what was seen before in a run. Pure."""

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

Places = npt.NDArray[np.int64]


def seen_in_run(marks: npt.NDArray[np.bool_], begins: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """How many marks stand before each place in its run; runs begin where ``begins`` says."""
    before: npt.NDArray[np.int64] = np.cumsum(marks) - marks
    starts = np.flatnonzero(begins)
    found: npt.NDArray[np.int64] = before - np.repeat(before[starts], np.diff(starts, append=len(marks)))
    return found


def first_places(groups: Places, at: Places, count: int) -> Places:
    """The first of the places ``at`` in each of ``count`` groups, -1 where there is none.

    ``groups`` says the group of each row.
    """
    found = np.full(count, -1, np.int64)
    found[groups[at[::-1]]] = at[::-1]  # of several the last one stays
    return found


def last_places(groups: Places, at: Places, count: int) -> Places:
    """As ``first_places``, the last of them."""
    found = np.full(count, -1, np.int64)
    found[groups[at]] = at
    return found


def gathered(column: pl.Series, at: Places) -> pl.Series:
    """Values at these places, null where one is -1."""
    is_nowhere = at < 0
    places = pl.Series(at)
    return column.gather(places.set(pl.Series(is_nowhere), None) if is_nowhere.any() else places)


def dense(numbers: Places) -> pl.Series:
    """The same groups, numbered from 0 in the order in which they first stand there."""
    return pl.Series(pa.array(numbers).dictionary_encode().indices.to_numpy().astype(np.int64))


def numbers_of(rows: pl.DataFrame, *key: str) -> pl.Series:
    """A number for each distinct key, from 0 in the order in which they first stand there.

    Three columns of a step have fewer than 2^63 combinations.
    """
    numbers, is_dense = np.zeros(len(rows), np.int64), True
    for name in key:
        codes, count = _codes(rows[name])
        is_dense &= count <= 1 or not numbers.any()
        numbers = numbers * count + codes
    return pl.Series(numbers, dtype=pl.Int64) if is_dense else dense(numbers)


def _codes(column: pl.Series) -> tuple[Places, int]:
    """A number for each distinct value, and how many there are.

    In a log the same value often stands in several lines behind one another.
    """
    run = column.rle_id().to_numpy()
    starts = np.flatnonzero(np.diff(run, prepend=np.uint32(1)))
    encoded = column.gather(starts).to_arrow().dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64)[run], len(encoded.dictionary)
