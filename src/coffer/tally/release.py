"""From exact counts to what may be written.

Noisy tables by default, exact ones only where the roster says so in public.

Source: Dwork and Roth 2014, section 3.3 (Laplace mechanism); OpenDP's discrete Laplace and its thresholded form for unknown keys.
``docs/formats/tally.md`` gives the split of epsilon. The privacy unit is one record.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Final, NewType

import opendp.prelude as dp
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from coffer import wire
from coffer.kinds import KIND_NAMES
from coffer.tally.exact import BUCKETS, CLASSES, COUNTRY_KEYS, HOUR_KEYS, MEASURES, NOWHERE, ExactCounts

SHARES: Final = 4
"""Epsilon is split evenly over: hours records, hours buckets, countries records, countries buckets."""
DELTA: Final = 1e-9

ReleasedCount = NewType("ReleasedCount", int)
"""A count that may be shown: noisy by the roster's epsilon, or exact by public decision.

Never below zero for display.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedTally:
    """Counts that may be stored and shown. ``epsilon`` None: exact, by public decision.

    Columns as ``docs/formats/tally.md``.
    """

    hours: pl.DataFrame
    countries: pl.DataFrame
    epsilon: Decimal | None


def release(
    counts: ExactCounts, *, feed: str, country_names: Sequence[str | None], epsilon: Decimal | None
) -> ReleasedTally:
    """Add noise (or none, if ``epsilon`` is None) and give the tables their final form."""
    hours, countries = counts.hours, counts.countries
    if epsilon is not None:
        dp.enable_features("contrib")
        scale = SHARES / float(epsilon)
        hours = _noisy_hours(hours, scale)
        countries = _noisy_countries(countries, scale)
    names = [name or NOWHERE for name in country_names]
    kinds = pl.col("kind").replace_strict(KIND_NAMES, return_dtype=pl.String)
    return ReleasedTally(
        hours=hours.select(
            (pl.col("hour") * 3_600_000).cast(pl.Datetime("ms", "UTC")).alias("hour"),
            kinds,
            pl.lit(feed).alias("feed"),
            pl.col("class").replace_strict(dict(enumerate(CLASSES)), return_dtype=pl.String).alias("direction_class"),
            *MEASURES,
        ).sort(HOUR_KEYS),
        countries=countries.select(
            pl.col("day").cast(pl.Date),
            kinds,
            pl.lit(feed).alias("feed"),
            pl.col("origin").replace_strict(dict(enumerate(names)), return_dtype=pl.String),
            pl.col("destination").replace_strict(dict(enumerate(names)), return_dtype=pl.String),
            *MEASURES,
        ).sort(COUNTRY_KEYS),
        epsilon=epsilon,
    )


def _noisy_hours(exact: pl.DataFrame, scale: float) -> pl.DataFrame:
    """Every hour of every day, every kind that the batch has and every class, zeros included.

    Which cells exist says nothing.
    """
    days = sorted({hour // 24 for hour in exact["hour"].to_list()})
    kinds = sorted(set(exact["kind"].to_list()))
    domain = product((day * 24 + hour for day in days for hour in range(24)), kinds, range(len(CLASSES)))
    grid = pl.DataFrame(list(domain), schema={"hour": pl.Int64, "kind": pl.UInt8, "class": pl.UInt8}, orient="row")
    full = grid.join(exact, on=["hour", "kind", "class"], how="left").with_columns(pl.col(*MEASURES).fill_null(0))
    return full.with_columns(
        pl.Series(name, _laplace(full[name].to_list(), scale), dtype=pl.Int64) for name in MEASURES
    )


def _noisy_countries(exact: pl.DataFrame, scale: float) -> pl.DataFrame:
    counts = {f"{i}": n for i, n in enumerate(exact["records"].to_list())}
    space = (
        dp.map_domain(dp.atom_domain(T=str), dp.atom_domain(T="i64")),
        dp.l01inf_distance(dp.absolute_distance(T="i64")),
    )
    mechanism = space >> dp.m.then_laplace_threshold(scale=scale, threshold=_threshold(scale))
    released = {int(key): value for key, value in mechanism(counts).items()}
    rows = sorted(released)
    kept = exact[rows].with_columns(pl.Series("records", [released[row] for row in rows], dtype=pl.Int64))
    return kept.with_columns(pl.Series(name, _laplace(kept[name].to_list(), scale), dtype=pl.Int64) for name in BUCKETS)


def shown(count: int) -> ReleasedCount:
    """A sum of released cells for display. Negative noisy sums are kept in the file and clipped only here."""
    return ReleasedCount(max(count, 0))


def noise_scale(epsilon: Decimal | None) -> float:
    """Scale of the Laplace noise in each count of records, in records; 0 where the tally is exact."""
    return 0.0 if epsilon is None else SHARES / float(epsilon)


def noise_sd(cells: int, epsilon: Decimal | None) -> float:
    """Standard deviation of the noise in a sum of so many released cells, in records: sqrt(2 cells) times the scale."""
    return math.sqrt(2 * cells) * noise_scale(epsilon)


def release_threshold(epsilon: Decimal) -> int:
    """Records below which a country cell is not released."""
    return _threshold(SHARES / float(epsilon))


def _threshold(scale: float) -> int:
    """A key that one record alone made is released with probability at most delta.

    Pr[1 + Laplace(scale) >= threshold] <= delta.
    """
    return math.ceil(1 + scale * math.log(1 / DELTA))


def _laplace(values: list[int], scale: float) -> list[int]:
    if not values:
        return []
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    mechanism = space >> dp.m.then_laplace(scale=scale)
    return list(mechanism(values))


def format_table(frame: pl.DataFrame, epsilon: Decimal | None) -> bytes:
    """A Parquet file with its release in the metadata."""
    table = frame.to_arrow()
    table = table.replace_schema_metadata(
        {"coffer.tally": "v1", "coffer.release": "exact" if epsilon is None else f"epsilon {epsilon}"}
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", version="2.6", store_schema=False)
    return sink.getvalue()


def parse_table(raw: bytes) -> pl.DataFrame:
    """The inverse of ``format_table``; callers prove the bytes against the log first."""
    frame = pl.from_arrow(pq.read_table(pa.BufferReader(raw)))
    assert isinstance(frame, pl.DataFrame)
    return frame


def tally_hash(hours: bytes, countries: bytes) -> bytes:
    """H(T("tally") || LP(hours file) || LP(countries file))."""
    return wire.digest(wire.tag("tally"), wire.lp(hours), wire.lp(countries))
