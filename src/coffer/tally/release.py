"""The tables that may be written, made from exact counts.

They are noisy by default, and exact only if the roster says so in public.

Source: Dwork and Roth 2014, section 3.3 (Laplace mechanism); OpenDP's discrete Laplace and its thresholded form for
unknown keys. ``docs/formats/tally.md`` gives the split of epsilon. The privacy unit is one record.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NewType

import polars as pl
import pyarrow as pa

from coffer import wire
from coffer.extras import require
from coffer.kinds import KIND_NAMES
from coffer.tally.exact import CLASSES, COUNTRY_KEYS, HOUR_KEYS, MEASURES, NOWHERE, ExactCounts

SHARES: Final = 4
"""Epsilon is split evenly over: hours records, hours buckets, countries records, countries buckets."""
DELTA: Final = 1e-9

ReleasedCount = NewType("ReleasedCount", int)
"""A count that may be shown: noisy by the roster's epsilon, or exact by public decision.

Never below zero for display.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedTally:
    """Counts that may be stored and shown.

    ``epsilon``: None means exact, by public decision. The columns are those of ``docs/formats/tally.md``.
    """

    hours: pl.DataFrame
    countries: pl.DataFrame
    epsilon: Decimal | None


def release(
    counts: ExactCounts, *, feed: str, country_names: Sequence[str | None], epsilon: Decimal | None
) -> ReleasedTally:
    """The tables in their final form, with noise unless ``epsilon`` is None."""
    hours, countries = counts.hours, counts.countries
    if epsilon is not None:
        from coffer.tally import noise  # noqa: PLC0415 - an extra: an exact tally needs none

        scale = SHARES / float(epsilon)
        hours = noise.noisy_hours(hours, scale)
        countries = noise.noisy_countries(countries, scale, threshold=_threshold(scale))
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


def require_noise(epsilon: Decimal | None) -> None:
    """Stop now if the roster asks for noise and OpenDP is missing; callers ask this before they seal.

    Raises:
        Unavailable: the extra ``tally`` is not installed.
    """
    if epsilon is not None:
        require("tally", "opendp")  # which takes long to read, and is read beside sealing


def shown(count: int) -> ReleasedCount:
    """A sum of released cells for display. The file keeps negative noisy sums; only display clips them."""
    return ReleasedCount(max(count, 0))


def noise_scale(epsilon: Decimal | None) -> float:
    """The scale of the Laplace noise in each count, in records; 0 if the tally is exact."""
    return 0.0 if epsilon is None else SHARES / float(epsilon)


def noise_sd(cells: int, epsilon: Decimal | None) -> float:
    """The standard deviation, in records, of the noise in a sum of this many released cells.

    It is sqrt(2 cells) times the scale.
    """
    return math.sqrt(2 * cells) * noise_scale(epsilon)


def release_threshold(epsilon: Decimal) -> int:
    """The fewest records with which a cell of the tally of countries is released."""
    return _threshold(SHARES / float(epsilon))


def _threshold(scale: float) -> int:
    """The threshold at which a cell with a single record is released with probability at most delta.

    Pr[1 + Laplace(scale) >= threshold] <= delta.
    """
    return math.ceil(1 + scale * math.log(1 / DELTA))


def format_table(frame: pl.DataFrame, epsilon: Decimal | None) -> bytes:
    """A Parquet file whose metadata says how it was released."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - needed only where tables are written or read

    table = frame.to_arrow()
    table = table.replace_schema_metadata(
        {"coffer.tally": "v1", "coffer.release": "exact" if epsilon is None else f"epsilon {epsilon}"}
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", version="2.6", store_schema=False)
    return sink.getvalue()


def parse_table(raw: bytes) -> pl.DataFrame:
    """The inverse of ``format_table``; callers prove the bytes against the log first."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - likewise

    frame = pl.from_arrow(pq.read_table(pa.BufferReader(raw)))
    assert isinstance(frame, pl.DataFrame)
    return frame


def tally_hash(hours: bytes, countries: bytes) -> bytes:
    """H(T("tally") || LP(hours file) || LP(countries file))."""
    return wire.digest(wire.tag("tally"), wire.lp(hours), wire.lp(countries))
