"""Durations as written to whole seconds, columns at a time. Pure."""

from typing import Final

import polars as pl

_PARTS: Final = {
    "h:m:s": (r"^([0-9]{1,4}):([0-5]?[0-9]):([0-5]?[0-9])(?:[.,][0-9]{1,9})?$", (3_600, 60, 1)),
    "m:s": (r"^([0-9]{1,6}):([0-5][0-9])(?:[.,][0-9]{1,9})?$", (60, 1)),
    "h:m": (r"^([0-9]{1,4}):([0-5][0-9])$", (3_600, 60)),
}


def parse_durations(text: pl.Series, formats: tuple[str, ...]) -> pl.Series:
    """Seconds (Int64), a part of one dropped; null where no format fits.

    ``formats``: of ``time_tables.DURATIONS``. Of two parts nobody knows whether they are hours and minutes or minutes
    and seconds, so only the feed can say it.
    """
    scale = 1_000 if "ms" in formats else 1
    is_number = "ms" in formats or "s" in formats
    seconds = pl.repeat(None, len(text), dtype=pl.Int64, eager=True)
    if is_number:
        seconds = text.cast(pl.Int64, strict=False)
        seconds = seconds // scale if scale > 1 else seconds
        if seconds.null_count() == int((text == "").sum()):
            return seconds
    text = text.str.strip_chars(" ")
    if is_number:
        parts = (text.cast(pl.Float64, strict=False) / scale).floor().cast(pl.Int64, strict=False)
        seconds = seconds.zip_with(seconds.is_not_null(), parts)
    for form in formats:
        if form in _PARTS and seconds.null_count():
            pattern, weights = _PARTS[form]
            groups = text.str.extract_groups(pattern).struct
            numbers = [groups.field(str(at)).cast(pl.Int64) * weight for at, weight in enumerate(weights, 1)]
            total = numbers[0]
            for number in numbers[1:]:
                total = total + number
            seconds = seconds.zip_with(seconds.is_not_null(), total)
    return seconds
