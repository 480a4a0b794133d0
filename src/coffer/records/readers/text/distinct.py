"""The distinct values of a column, so that each is read once. Pure."""

import numpy as np
import numpy.typing as npt
import polars as pl


def distinct(column: pl.Series) -> tuple[pl.Series, npt.NDArray[np.int64]]:
    """The distinct values of a column of text, null among them, and the place of each row's value.

    The places have shape (rows,).
    """
    encoded = column.to_arrow().dictionary_encode(null_encoding="encode")
    return pl.Series(pl.from_arrow(encoded.dictionary), dtype=pl.String), encoded.indices.to_numpy().astype(np.int64)
