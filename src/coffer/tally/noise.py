"""Laplace noise for the tables of a tally. Only this module imports opendp."""

from itertools import product

import polars as pl

from coffer.extras import extra
from coffer.tally.exact import BUCKETS, CLASSES, MEASURES

with extra("tally"):
    # opendp.prelude would read twice as much, and take as long as numpy.
    from opendp.domains import atom_domain, map_domain, vector_domain
    from opendp.measurements import then_laplace, then_laplace_threshold
    from opendp.metrics import absolute_distance, l01inf_distance, l1_distance
    from opendp.mod import enable_features

enable_features("contrib")


def noisy_hours(exact: pl.DataFrame, scale: float) -> pl.DataFrame:
    """Noisy counts of every hour of every day, kind of the batch, and class, zeros included.

    The set of cells therefore says nothing about the records.
    """
    days = sorted({hour // 24 for hour in exact["hour"].to_list()})
    kinds = sorted(set(exact["kind"].to_list()))
    domain = product((day * 24 + hour for day in days for hour in range(24)), kinds, range(len(CLASSES)))
    grid = pl.DataFrame(list(domain), schema={"hour": pl.Int64, "kind": pl.UInt8, "class": pl.UInt8}, orient="row")
    full = grid.join(exact, on=["hour", "kind", "class"], how="left").with_columns(pl.col(*MEASURES).fill_null(0))
    return full.with_columns(pl.Series(name, _laplace(full[name], scale), dtype=pl.Int64) for name in MEASURES)


def noisy_countries(exact: pl.DataFrame, scale: float, *, threshold: int) -> pl.DataFrame:
    """Noisy counts of the pairs of countries whose noisy count of records reaches the threshold."""
    counts = {f"{i}": n for i, n in enumerate(exact["records"].to_list())}
    space = (
        map_domain(atom_domain(T=str), atom_domain(T="i64")),
        l01inf_distance(absolute_distance(T="i64")),
    )
    mechanism = space >> then_laplace_threshold(scale=scale, threshold=threshold)
    released = {int(key): value for key, value in mechanism(counts).items()}
    rows = sorted(released)
    kept = exact[rows].with_columns(pl.Series("records", [released[row] for row in rows], dtype=pl.Int64))
    return kept.with_columns(pl.Series(name, _laplace(kept[name], scale), dtype=pl.Int64) for name in BUCKETS)


def _laplace(values: pl.Series, scale: float) -> list[int]:
    if values.is_empty():
        return []
    space = vector_domain(atom_domain(T="i64")), l1_distance(T="i64")
    mechanism = space >> then_laplace(scale=scale)
    exact = values.cast(pl.Int64).to_numpy(writable=True)  # of a list, each value would be looked at in Python
    return list(mechanism(exact))
