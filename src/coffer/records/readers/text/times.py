"""Times as written to UTC, columns at a time.

Local time has two traps: the hour skipped in spring, and the one repeated in autumn. What becomes of the repeated
hour (the feed's ``fold``) is decided here alone.
"""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from coffer.records.mapping import offset_minutes, says_offset, zone_names
from coffer.records.rejects import Reason

_PER_MICROSECOND: Final = {"epoch": 1e6, "epoch-ms": 1e3, "epoch-us": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Instants of some rows; polars series of shape (n,) each.

    ``start``: datetime[us, UTC], null where ``fault`` (u8, a ``Reason``) is not 0. ``is_ambiguous``: the clock showed this time twice, and
    the feed's fold rule says which of the two is meant.
    """

    start: pl.Series
    fault: pl.Series
    is_ambiguous: pl.Series

    @classmethod
    def certain(cls, start: pl.Series) -> Self:
        """Instants that need no zone; null where nothing can be read as a time."""
        fault = start.is_null().cast(pl.UInt8) * int(Reason.BAD_TIME)
        return cls(start=start, fault=fault, is_ambiguous=_all_false(len(start)))

    def take(self, at: npt.NDArray[np.int64]) -> Self:
        """Those of some rows."""
        return type(self)(
            start=self.start.gather(at), fault=self.fault.gather(at), is_ambiguous=self.is_ambiguous.gather(at)
        )

    def over(self, other: Self, is_own: pl.Series) -> Self:
        """These in the rows of ``is_own`` (Boolean), those of ``other`` in all others."""
        return type(self)(
            start=self.start.zip_with(is_own, other.start),
            fault=self.fault.cast(pl.UInt8).zip_with(is_own, other.fault.cast(pl.UInt8)),
            is_ambiguous=self.is_ambiguous.zip_with(is_own, other.is_ambiguous),
        )

    def without(self, bad: pl.Series, reason: Reason) -> Self:
        """The same, with a fault in some rows; null in ``bad`` (Boolean) is none."""
        bad = bad.fill_null(value=False)
        nothing = pl.Series([None], dtype=self.start.dtype)
        fault = self.fault.zip_with(~bad, pl.Series([int(reason)], dtype=self.fault.dtype))
        return type(self)(start=nothing.zip_with(bad, self.start), fault=fault, is_ambiguous=self.is_ambiguous & ~bad)

    def columns(self) -> list[pl.Series]:
        """The three as columns of a frame of events."""
        return [
            self.start.alias("start"),
            self.fault.alias("fault").cast(pl.UInt8),
            self.is_ambiguous.alias("is_ambiguous"),
        ]


def parse_times(text: pl.Series, formats: tuple[str, ...], zone: str, fold: str) -> Times:
    """Read times by the first format that fits.

    ``fold``: what to do with a local time that the clock showed twice. ``reject`` makes it a fault; ``first`` and ``second`` pick the pass.
    """
    aware = pl.repeat(None, len(text), dtype=pl.Datetime("us", "UTC"), eager=True)
    naive = pl.repeat(None, len(text), dtype=pl.Datetime("us"), eager=True)
    # A Z is the offset 0.
    if any(",%f" in written for written in formats):
        text = text.str.replace(r",([0-9]+)", ".${1}")
    for form in map(as_of_engine, formats):
        if len(text) and not aware.null_count():
            break  # an instant goes before whatever another format finds
        if "%z" in form and form.endswith("%z"):
            text = text.str.replace(r"Z$", "+00:00")
        if form in _PER_MICROSECOND:
            number = text.cast(pl.Float64, strict=False)
            micros = (number * _PER_MICROSECOND[form]).round().cast(pl.Int64, strict=False)
            aware = _coalesce(aware, micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
        else:
            read = text.str.to_datetime(form, time_unit="us", strict=False)
            if says_offset(form):
                aware = _coalesce(aware, read.dt.convert_time_zone("UTC"))
            else:
                naive = _coalesce(naive, read)
    if zone == "UTC":
        return Times.certain(_coalesce(aware, naive.dt.replace_time_zone("UTC")))
    return _with_zone(aware, naive, zone, fold)


def as_of_engine(form: str) -> str:
    """A feed's format as the engine takes it.

    Python's %f is the digits of a fraction; its %.f has the dot with it.
    """
    return form.replace(".%f", "%.f").replace(",%f", "%.f")


def parse_zoned_times(text: pl.Series, formats: tuple[str, ...], zones: pl.Series, fold: str) -> Times:
    """Read local times of which each has a zone of its own, an IANA name or an offset like ``+05:30``.

    Where the zone is neither, the time is a fault: nobody knows which instant it was.
    """
    parts: list[Times] = []
    rows: list[npt.NDArray[np.int64]] = []
    for zone in zones.unique().to_list():
        at = (zones == zone).arg_true().to_numpy().astype(np.int64)
        minutes = offset_minutes(zone)
        if minutes is None and zone not in zone_names():
            parts.append(Times.certain(pl.repeat(None, len(at), dtype=pl.Datetime("us", "UTC"), eager=True)))
        else:
            times = parse_times(text.gather(at), formats, "UTC" if minutes is not None else zone, fold)
            shift = pl.duration(minutes=minutes or 0)
            parts.append(replace(times, start=pl.select(times.start - shift).to_series()) if minutes else times)
        rows.append(at)
    if not parts:
        return Times.certain(pl.Series([], dtype=pl.Datetime("us", "UTC")))
    back = np.argsort(np.concatenate(rows), kind="stable").astype(np.int64)
    return Times(
        start=pl.concat([part.start for part in parts]),
        fault=pl.concat([part.fault.cast(pl.UInt8) for part in parts]),
        is_ambiguous=pl.concat([part.is_ambiguous for part in parts]),
    ).take(back)


def _with_zone(aware: pl.Series, naive: pl.Series, zone: str, fold: str) -> Times:
    """Instants, and local times of this zone where there is no instant."""
    first = _localize(naive, zone, "latest" if fold == "second" else "earliest")
    sure = _localize(naive, zone, "null")
    is_local = aware.is_null()
    is_repeated = is_local & first.is_not_null() & sure.is_null()
    is_rejected = is_repeated if fold == "reject" else _all_false(len(naive))
    fault = np.zeros(len(naive), np.uint8)
    fault[is_rejected.to_numpy()] = Reason.AMBIGUOUS_TIME
    fault[(is_local & naive.is_not_null() & first.is_null()).to_numpy()] = Reason.IMPOSSIBLE_TIME
    fault[(is_local & naive.is_null()).to_numpy()] = Reason.BAD_TIME
    return Times(
        start=_coalesce(aware, sure if fold == "reject" else first),
        fault=pl.Series(fault),
        is_ambiguous=is_repeated & ~is_rejected,
    )


def _localize(naive: pl.Series, zone: str, ambiguous: str) -> pl.Series:
    localized = naive.dt.replace_time_zone(zone, ambiguous=ambiguous, non_existent="null")  # type: ignore[arg-type]
    return localized.dt.convert_time_zone("UTC")


def day_offset(day: dt.date, zone: str) -> int | None:
    """Seconds from local time to UTC on a local day; None unless it is one offset of whole minutes."""
    minutes = pl.datetime_range(day, dt.datetime.combine(day, dt.time(23, 59)), "1m", time_unit="us", eager=True)
    sure = _localize(minutes, zone, "null").dt.replace_time_zone(None)
    offsets = (minutes - sure).dt.total_seconds().unique()
    offset = offsets[0] if len(offsets) == 1 else None
    return None if offset is None or offset % 60 else int(offset)


def _coalesce(first: pl.Series, second: pl.Series) -> pl.Series:
    return second if first.null_count() == len(first) else first.zip_with(first.is_not_null(), second)


def _all_false(rows: int) -> pl.Series:
    return pl.Series([False], dtype=pl.Boolean).new_from_index(0, rows)
