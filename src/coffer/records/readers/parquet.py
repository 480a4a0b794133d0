"""Parquet files to records: the feed names the columns, as for CSV. Pure: the file is read from memory.

A time column may be text, a number (epoch) or a timestamp; one without a zone is local time of the feed. Source: Apache Parquet,
``docs/formats/feed.md``.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from coffer.errors import MalformedInput
from coffer.records.canonical import complete
from coffer.records.draft import Parsed, Window
from coffer.records.feed import Column, Feed
from coffer.records.readers.jsonl import wanted_columns
from coffer.records.readers.lines import one_reject
from coffer.records.readers.mapped import MappedColumns
from coffer.records.readers.port import Found, Piece
from coffer.records.readers.times import Times, parse_times
from coffer.records.rejects import Reason
from coffer.records.schema import SCHEMA

MAX_FILE_BYTES: Final = 1 << 30
"""The whole file is held in memory, for its index stands at its end; a larger one is refused: write it in parts."""
MAGIC: Final = b"PAR1"
_ROWS_AT_ONCE: Final = 65_536


def recognise(head: bytes, _name: str) -> str | None:
    """Whether a file begins as Parquet does; the reason in words."""
    return "the magic bytes PAR1" if head.startswith(MAGIC) else None


class ParquetReader:
    """One ingest of Parquet files, each at most ``MAX_FILE_BYTES``. Rows are numbered from 1."""

    def __init__(self, feed: Feed, window: Window) -> None:
        self._feed = feed
        self._window = window
        self._wanted = wanted_columns(feed)
        self._pieces: list[bytes] = []
        self._size = 0

    def take(self, piece: Piece) -> Sequence[Found]:
        """Hold the piece.

        Raises:
            MalformedInput: the file is larger than ``MAX_FILE_BYTES``.
        """
        self._pieces.append(piece.data)
        self._size += len(piece.data)
        if self._size > MAX_FILE_BYTES:
            raise MalformedInput(f"parquet file of more than {MAX_FILE_BYTES:,} bytes", hint="write it in parts")
        return []

    def end_file(self, file: int) -> Sequence[Found]:
        """Read it. A file that was cut off has lost its index, and with it all rows: one reject.

        Raises:
            MalformedInput: it is no Parquet file, or has not the columns that the feed names.
        """
        data = b"".join(self._pieces)
        self._pieces, self._size = [], 0
        if not data.startswith(MAGIC) and not MAGIC.startswith(data):
            raise MalformedInput("not a Parquet file")
        return list(self._batches(file, data))

    def finish(self) -> Sequence[Found]:
        """Nothing waits: each row stands alone."""
        return []

    def _batches(self, file: int, data: bytes) -> Iterator[Found]:
        row = 1
        try:
            source = pq.ParquetFile(pa.BufferReader(data))
            names = {key: tuple(_name(c, source.schema_arrow, key) for c in cs) for key, cs in self._wanted.items()}
            wanted = sorted({name for columns in names.values() for name in columns})
            for batch in source.iter_batches(batch_size=_ROWS_AT_ONCE, columns=wanted):
                yield Found(file=file, parsed=self._read(batch, names, row))
                row += batch.num_rows
        except (pa.ArrowException, OSError, ValueError):
            # OSError is what Arrow raises for damaged pages: nothing here touches a disk.
            yield Found(file=file, parsed=Parsed(batch=_NO_BATCH, rejects=one_reject(row, Reason.CUT_OFF)))

    def _read(self, batch: pa.RecordBatch, names: dict[str, tuple[str, ...]], row: int) -> Parsed:
        columns = {key: tuple(_text(batch.column(name)) for name in found) for key, found in names.items()}
        times = _times(batch.column(names["start"][0]), self._feed) if len(names["start"]) == 1 else None
        mapped = MappedColumns(self._feed, columns, batch.num_rows, times)
        draft = mapped.draft(np.arange(row, row + batch.num_rows, dtype=np.int64))
        parsed = complete(draft, feed=self._feed, window=self._window)
        return Parsed(batch=parsed.batch, rejects=parsed.rejects, flaws=parsed.flaws, ambiguous=mapped.ambiguous)


_NO_BATCH: Final = pa.RecordBatch.from_pylist([], schema=SCHEMA)


def _name(column: Column, schema: pa.Schema, key: str) -> str:
    """The column that a feed names; it must hold single values."""
    if isinstance(column, int):
        if column >= len(schema):
            raise MalformedInput(f"no column {column} for {key}, found {len(schema)} columns counted from 0")
        index = column
    else:
        indices = schema.get_all_field_indices(column)
        if len(indices) != 1:
            raise MalformedInput(f"no column {column!r} for {key} among {len(schema)} columns")
        index = indices[0]
    if pa.types.is_nested(schema.field(index).type):
        raise MalformedInput(f"column for {key}: holds nested values, expected single ones")
    return str(schema.field(index).name)


def _text(column: pa.Array) -> pa.BinaryArray:
    """Values as text, empty where null."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind):
        return (
            pa.array([b""] * len(column), pa.binary())
            if pa.types.is_timestamp(kind)
            else _text(column.cast(pa.string()))
        )
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        series = pl.Series(pl.from_arrow(column)).cast(pl.String, strict=False)
    else:
        series = pl.Series(pl.from_arrow(column)).cast(pl.String, strict=False)
    return series.fill_null("").to_arrow().cast(pa.binary())


def _times(column: pa.Array, feed: Feed) -> Times | None:
    """Of a column of timestamps; None for others, which are read as text."""
    if not pa.types.is_timestamp(column.type):
        return None
    series = pl.Series(pl.from_arrow(column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)))
    if column.type.tz is None:
        return parse_times(
            series.dt.strftime("%Y-%m-%d %H:%M:%S%.6f").fill_null(""),
            ("%Y-%m-%d %H:%M:%S%.f",),
            feed.time_zone,
            feed.fold,
        )
    nothing = np.zeros(len(series), np.bool_)
    return Times(
        start=series.dt.convert_time_zone("UTC"),
        is_bad=series.is_null().to_numpy(),
        is_impossible=nothing,
        is_ambiguous=nothing,
    )
