"""Rows that belong together: a number for each distinct key, and what was seen before in a run. Pure."""

import numpy as np
import numpy.typing as npt
import polars as pl


def seen_in_run(marks: npt.NDArray[np.bool_], begins: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """How many marks stand before each place in its run; runs begin where ``begins`` says."""
    before: npt.NDArray[np.int64] = np.cumsum(marks) - marks
    starts = np.flatnonzero(begins)
    found: npt.NDArray[np.int64] = before - np.repeat(before[starts], np.diff(starts, append=len(marks)))
    return found


def numbers_of(rows: pl.DataFrame, *key: str) -> pl.Series:
    """A number for each distinct key; three columns of a step have fewer than 2^63 combinations."""
    numbers = np.zeros(len(rows), np.int64)
    for name in key:
        encoded = rows[name].to_arrow().dictionary_encode()
        numbers = numbers * len(encoded.dictionary) + encoded.indices.to_numpy()
    return pl.Series(numbers, dtype=pl.Int64)
