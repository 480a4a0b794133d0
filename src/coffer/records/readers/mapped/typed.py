"""Columns of any Arrow type as text and as times. Pure.

Parquet files hold such columns where a feed expects numbers, times and durations. Each single value becomes the text
that a person would have written, or is marked as one that cannot be read; no type of column ends a file's reading.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from coffer.records.draft import Bools
from coffer.records.feed import Feed
from coffer.records.readers.mapped.keys import ODD
from coffer.records.readers.text.head import is_utf8
from coffer.records.readers.text.times import Times, parse_times

I64 = npt.NDArray[np.int64]
MAX_VALUE_BYTES: Final = 4_096
"""Many times the longest number, address or time; a longer value is rejected with its row, and is never copied for each row that names it."""
_MICROSECONDS: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}
_SECONDS: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_YEAR_1: Final = -62_135_596_800 * 1_000_000
_YEAR_10000: Final = 253_402_300_800 * 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Texts:
    """``values``: binary, empty where there is none.

    ``is_long``: over ``MAX_VALUE_BYTES``; ``is_unreadable``: no UTF-8. Shape (n,).
    """

    values: pa.BinaryArray
    is_long: Bools
    is_unreadable: Bools


def is_single(kind: pa.DataType) -> bool:
    """Whether a column of this type holds single values that ``text_of`` can write."""
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        kind = kind.value_type
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_fixed_size_binary(kind) and kind.byte_width > MAX_VALUE_BYTES:
        return False  # so many bytes a row, whatever the file's size
    return not pa.types.is_nested(kind) and not pa.types.is_interval(kind) and not pa.types.is_union(kind)


def text_of(column: pa.Array) -> Texts:
    """Values of any single type as text."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if isinstance(column, pa.RunEndEncodedArray):
        column = pc.run_end_decode(column)
    if not pa.types.is_dictionary(column.type):
        return _plain_text(column)
    words = _plain_text(column.dictionary)
    indices = column.indices.cast(pa.int64())
    known = pc.fill_null(indices, 0) if len(words.values) else None
    if known is None:
        return _nothing(len(column))
    at, is_null = known.to_numpy(), indices.is_null().to_numpy(zero_copy_only=False)
    values = words.values.take(indices).fill_null(b"")
    return Texts(values=values, is_long=words.is_long[at] & ~is_null, is_unreadable=words.is_unreadable[at] & ~is_null)


def _nothing(rows: int) -> Texts:
    none = np.zeros(rows, np.bool_)
    return Texts(values=pa.array([b""] * rows, pa.binary()), is_long=none, is_unreadable=none)


def _plain_text(column: pa.Array) -> Texts:
    kind, rows = column.type, len(column)
    if pa.types.is_null(kind) or rows == 0:
        return _nothing(rows)
    if _is_bytes(kind):
        return _bounded(column)
    if pa.types.is_floating(kind):
        text = _floats(column)
    elif pa.types.is_duration(kind):
        text = _durations(column)
    elif pa.types.is_timestamp(kind):
        micros, is_bad = _microseconds(column)
        text = _datetimes(micros, is_bad).dt.strftime("%Y-%m-%d %H:%M:%S%.f").to_arrow().cast(pa.string())
    elif pa.types.is_date64(kind):
        text = _plain_text(column.cast(pa.timestamp("ms"), safe=False)).values.cast(pa.string())
        text = pc.replace_substring(text, " 00:00:00", "")
    elif pa.types.is_time(kind):
        text = column.cast(pa.string())
    elif pa.types.is_decimal(kind):
        text = _whole(column.cast(pa.string()))
    else:
        text = column.cast(pa.string())
    none = np.zeros(rows, np.bool_)
    return Texts(values=text.cast(pa.binary()).fill_null(b""), is_long=none, is_unreadable=none)


def _is_bytes(kind: pa.DataType) -> bool:
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    is_raw = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    return bool(is_text or is_raw or pa.types.is_fixed_size_binary(kind))


def _bounded(column: pa.Array) -> Texts:
    """Strings and bytes; those that are too long or no UTF-8 are empty and marked."""
    kind = column.type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        column = column.cast(pa.large_binary())
    lengths = pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False)
    is_long: Bools = lengths > MAX_VALUE_BYTES
    if is_long.any():
        column = pc.if_else(pa.array(is_long), pa.scalar(None, column.type), column)
    column = column.cast(pa.binary()).fill_null(b"")
    is_unreadable = np.zeros(len(column), np.bool_)
    try:
        column.cast(pa.string())
    except pa.ArrowInvalid:
        is_unreadable = np.array([not is_utf8(value) for value in column.to_pylist()], np.bool_)
        column = pc.if_else(pa.array(is_unreadable), pa.scalar(b"", pa.binary()), column)
    return Texts(values=column, is_long=is_long, is_unreadable=is_unreadable)


def _floats(column: pa.Array) -> pa.StringArray:
    """Numbers as text, a whole number without its fraction.

    A column of numbers with gaps is stored as 33612345678.0 and the like, the gaps as NaN. An infinity is no value that
    anybody wrote.
    """
    values = column.cast(pa.float64())
    numbers = values.to_numpy(zero_copy_only=False)
    is_finite = np.isfinite(numbers)
    with np.errstate(invalid="ignore"):
        is_whole = is_finite & (np.floor(numbers) == numbers) & (np.abs(numbers) < 2.0**53)
    whole = pa.array(np.where(is_whole, numbers, 0).astype(np.int64)).cast(pa.string())
    text = pc.if_else(pa.array(is_whole), whole, values.cast(pa.string()))
    text = pc.if_else(pa.array(np.isinf(numbers)), pa.scalar(ODD), text)
    return pc.if_else(pa.array(~np.isnan(numbers)), text, pa.scalar(None, pa.string()))


def _whole(text: pa.StringArray) -> pa.StringArray:
    return pc.replace_substring_regex(text, r"\.0+$", "")


def _durations(column: pa.Array) -> pa.StringArray:
    """Seconds, a part of one as a fraction."""
    ticks, per_second = column.cast(pa.int64()), _SECONDS[column.type.unit]
    values = pc.fill_null(ticks, 0).to_numpy()
    seconds, rest = np.divmod(values, per_second)
    text = pa.array(seconds).cast(pa.string())
    if rest.any():
        parts = (
            pl.Series(seconds).cast(pl.String)
            + "."
            + pl.Series(rest).cast(pl.String).str.zfill(len(str(per_second)) - 1)
        )
        text = pc.if_else(pa.array(rest != 0), parts.to_arrow().cast(pa.string()), text)
    return pc.if_else(ticks.is_valid(), text, pa.scalar(None, pa.string()))


def _microseconds(column: pa.Array) -> tuple[I64, Bools]:
    """Since 1970, and which are none: missing, or outside the years 1 to 9999.

    A zone's name is not looked at: the count is in UTC or local as it is.
    """
    ticks = column.cast(pa.int64())
    values = pc.fill_null(ticks, 0).to_numpy()
    is_bad = ticks.is_null().to_numpy(zero_copy_only=False)
    if column.type.unit == "ns":
        micros = values // 1_000
    else:
        scale = _MICROSECONDS[column.type.unit]
        is_bad = is_bad | (values < _YEAR_1 // scale) | (values >= _YEAR_10000 // scale)
        micros = np.where(is_bad, 0, values) * scale
    return np.where(is_bad, 0, micros), is_bad


def _datetimes(micros: I64, is_bad: Bools) -> pl.Series:
    return (
        pl.Series(micros)
        .cast(pl.Datetime("us"))
        .zip_with(pl.Series(~is_bad), pl.repeat(None, len(micros), dtype=pl.Datetime("us"), eager=True))
    )


def times_of(column: pa.Array, feed: Feed) -> Times | None:
    """Of a column of timestamps; None for others, which are read as text."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if isinstance(column, pa.RunEndEncodedArray):
        column = pc.run_end_decode(column)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not pa.types.is_timestamp(column.type):
        return None
    micros, is_bad = _microseconds(column)
    series = _datetimes(micros, is_bad)
    if column.type.tz is None:
        text = series.dt.strftime("%Y-%m-%d %H:%M:%S%.6f").fill_null("")
        return parse_times(text, ("%Y-%m-%d %H:%M:%S%.f",), feed.time_zone, feed.fold)
    return Times.certain(series.dt.replace_time_zone("UTC"))
