"""Exact counts, in memory only, made from batches of records and merged.

``docs/formats/tally.md`` describes the tables.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import polars as pl

BUCKETS: Final = ("duration_0s", "duration_1s_59s", "duration_60s_299s", "duration_300s_1799s", "duration_1800s")
_BUCKET_STARTS: Final = np.array([1, 60, 300, 1800])
MEASURES: Final = ("records", *BUCKETS)
CLASSES: Final = ("domestic", "outgoing", "incoming", "other")
HOUR_KEYS: Final = ("hour", "kind", "feed", "direction_class")
COUNTRY_KEYS: Final = ("day", "kind", "feed", "origin", "destination")
NOWHERE: Final = "--"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Counted:
    """The columns of records that the tally needs; each has shape (n,).

    ``start_s``: i64 seconds since 1970. ``kind``: u8. ``duration_s``: i64, -1 if unknown. ``origin``,
    ``destination``: indexes into ``country_names`` (0 none).
    """

    start_s: npt.NDArray[np.int64]
    kind: npt.NDArray[np.uint8]
    duration_s: npt.NDArray[np.int64]
    origin: npt.NDArray[np.uint16]
    destination: npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactCounts:
    """Exact tables of one feed, never written, shown or logged unless the roster says ``tally: exact``.

    ``hours``: columns hour (i64, hours since 1970), kind (u8), class (u8), then the measures. ``countries``: day (i32),
    kind, origin, destination (u16), measures.
    """

    hours: pl.DataFrame
    countries: pl.DataFrame

    def __repr__(self) -> str:
        return "<exact counts>"

    def merge(self, other: Self) -> "ExactCounts":
        """The sum of both counts."""
        return ExactCounts(
            hours=_sum(pl.concat([self.hours, other.hours]), ["hour", "kind", "class"]),
            countries=_sum(pl.concat([self.countries, other.countries]), ["day", "kind", "origin", "destination"]),
        )


def count(records: Counted, *, home: int) -> ExactCounts:
    """The counts of some records. ``home``: the index of the feed's country."""
    bucket = np.where(records.duration_s >= 0, np.searchsorted(_BUCKET_STARTS, records.duration_s, side="right"), 255)
    frame = pl.DataFrame(
        {
            "hour": records.start_s // 3600,
            "kind": records.kind,
            "origin": records.origin,
            "destination": records.destination,
            "bucket": bucket.astype(np.uint8),
        }
    )
    return count_cells(frame.group_by("hour", "kind", "origin", "destination", "bucket").len("records"), home=home)


def count_cells(cells: pl.DataFrame, *, home: int) -> ExactCounts:
    """The counts of cells: ``records`` by hour, kind, origin, destination and bucket.

    ``home`` as in ``count``. Bucket 255: the duration is unknown.
    """
    origin, destination = cells["origin"].to_numpy(), cells["destination"].to_numpy()
    is_out, is_in = origin == home, destination == home
    known = (origin > 0) & (destination > 0)
    direction = np.select([is_out & is_in, is_out & known, is_in & known], [0, 1, 2], 3).astype(np.uint8)
    wide = cells.with_columns(
        pl.Series("class", direction),
        pl.col("records").cast(pl.Int64),
        *(
            pl.when(pl.col("bucket") == i).then(pl.col("records")).otherwise(0).cast(pl.Int64).alias(name)
            for i, name in enumerate(BUCKETS)
        ),
        (pl.col("hour") // 24).cast(pl.Int32).alias("day"),
    )
    return ExactCounts(
        hours=_sum(wide, ["hour", "kind", "class"]), countries=_sum(wide, ["day", "kind", "origin", "destination"])
    )


def _sum(frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    return frame.group_by(keys).agg(pl.col(*MEASURES).sum()).sort(keys).select(*keys, *MEASURES)
