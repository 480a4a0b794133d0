"""Times as written to UTC, columns at a time, with the two traps of local time told apart.

The hour skipped in spring and the one repeated in autumn.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """``start``: polars datetime[us, UTC], null where there is none. ``is_bad``, ``is_impossible``, ``is_ambiguous``.

    Shape (n,).
    """

    start: pl.Series
    is_bad: Bools
    is_impossible: Bools
    is_ambiguous: Bools


def parse_times(text: pl.Series, formats: tuple[str, ...], zone: str, fold: str) -> Times:
    """Read times by the first format that fits.

    ``fold`` is what to do with a time that the clock showed twice: ``reject`` leaves it without a start, ``first`` and
    ``second`` pick the pass.
    """
    aware = pl.repeat(None, len(text), dtype=pl.Datetime("us", "UTC"), eager=True)
    naive = pl.repeat(None, len(text), dtype=pl.Datetime("us"), eager=True)
    # Python's %f is the digits of a fraction, as feeds say it; the engine's %.f has the dot with it. A Z is the offset 0.
    for form in (written.replace(".%f", "%.f") for written in formats):
        if "%z" in form and form.endswith("%z"):
            text = text.str.replace(r"Z$", "+00:00")
        if form in ("epoch", "epoch-ms"):
            number = text.cast(pl.Float64, strict=False)
            micros = (number * (1e6 if form == "epoch" else 1e3)).round().cast(pl.Int64, strict=False)
            aware = _coalesce(aware, micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
        elif "%z" in form:
            aware = _coalesce(
                aware, text.str.to_datetime(form, time_unit="us", strict=False).dt.convert_time_zone("UTC")
            )
        else:
            naive = _coalesce(naive, text.str.to_datetime(form, time_unit="us", strict=False))
    if zone == "UTC":
        start = _coalesce(aware, naive.dt.replace_time_zone("UTC"))
        nothing = np.zeros(len(text), np.bool_)
        return Times(start=start, is_bad=start.is_null().to_numpy(), is_impossible=nothing, is_ambiguous=nothing)
    first = _localize(naive, zone, "latest" if fold == "second" else "earliest")
    sure = _localize(naive, zone, "null")
    start = _coalesce(aware, sure if fold == "reject" else first)
    is_impossible = naive.is_not_null() & first.is_null()
    is_ambiguous = first.is_not_null() & sure.is_null()
    return Times(
        start=start,
        is_bad=(aware.is_null() & naive.is_null()).to_numpy(),
        is_impossible=(is_impossible & aware.is_null()).to_numpy(),
        is_ambiguous=(is_ambiguous & aware.is_null()).to_numpy(),
    )


def _localize(naive: pl.Series, zone: str, ambiguous: str) -> pl.Series:
    localized = naive.dt.replace_time_zone(zone, ambiguous=ambiguous, non_existent="null")  # type: ignore[arg-type]
    return localized.dt.convert_time_zone("UTC")


def _coalesce(first: pl.Series, second: pl.Series) -> pl.Series:
    return second if first.null_count() == len(first) else first.zip_with(first.is_not_null(), second)
