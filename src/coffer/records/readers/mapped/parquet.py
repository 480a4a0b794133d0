"""Parquet files to records, read from memory: the feed names the columns, as for CSV. Pure.

A time column may be text, a number (epoch) or a timestamp; one without a zone is local time of the feed. Memory is
bounded by what a file unfolds to: its row groups, its rows, and the longest value, for which a dictionary may stand a
million times in a few bytes. Source: Apache Parquet, ``docs/formats/feed.md``.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from coffer.errors import MalformedInput
from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.mapping import Column, parse_path
from coffer.records.readers.account import Account
from coffer.records.readers.mapped.columns import mapped_parts
from coffer.records.readers.mapped.joining import Legs
from coffer.records.readers.mapped.nested import Steps, kind_at, values_at
from coffer.records.readers.mapped.typed import MAX_VALUE_BYTES, Texts, is_single, text_of, times_of
from coffer.records.readers.port import Found, Piece
from coffer.records.rejects import Reason, one_reject

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData

MAX_FILE_BYTES: Final = 1 << 30
"""The whole file is held in memory, for its index stands at its end; a larger one is refused: write it in parts."""
MAGIC: Final = b"PAR1"
MAX_GROUP_BYTES: Final = 1 << 30
"""Of the wanted columns of one row group, unpacked: writers make groups of 128 MiB to 1 GiB, and one page of each is held at a time."""
MAX_ROWS_A_BYTE: Final = 1
"""A record has a time and two parties: more rows than bytes are one row many times, which would take days to count."""
_FEW_ROWS: Final = 1_000_000
_ROWS_AT_ONCE: Final = 16_384
"""Times the longest value, 64 MiB a column at most."""


def recognise(head: bytes, _name: str) -> str | None:
    """Whether a file begins as Parquet does; the reason in words."""
    return "the magic bytes PAR1" if head.startswith(MAGIC) else None


class ParquetReader:
    """One ingest of Parquet files, each at most ``MAX_FILE_BYTES``. Rows are numbered from 1."""

    def __init__(self, feed: Feed, window: Window) -> None:
        self._feed = feed
        self._account = Account(feed, window)
        self._latest = window.latest
        self._legs = Legs(feed, self._account) if feed.mapping.join is not None else None
        self._wanted = feed.mapping.wanted
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
        self._batches(file, data)
        return self._account.told()

    def finish(self) -> Sequence[Found]:
        """Rows that the feed joins may still wait; all others stand alone."""
        if self._legs is not None:
            self._legs.finish()
        return self._account.told()

    def _batches(self, file: int, data: bytes) -> None:
        import pyarrow.parquet as pq  # noqa: PLC0415 - every ingest reads this file

        row = 1
        try:
            source = pq.ParquetFile(pa.BufferReader(data))
            paths = {key: tuple(_path(c, source.schema_arrow, key) for c in cs) for key, cs in self._wanted.items()}
            wanted = sorted({str(path[0]) for found in paths.values() for path in found})
            _verify_size(source.metadata, set(wanted), len(data))
            texts = [name for name in wanted if _is_text(source.schema_arrow.field(name).type)]
            source = pq.ParquetFile(pa.BufferReader(data), read_dictionary=texts)
            for batch in source.iter_batches(batch_size=_ROWS_AT_ONCE, columns=wanted):
                self._read(file, batch, paths, row)
                row += batch.num_rows
        except pa.ArrowNotImplementedError:
            raise MalformedInput(
                "a Parquet file with types or an encoding that cannot be read", hint=_AS_TEXT
            ) from None
        except (pa.ArrowException, OSError, ValueError):
            # OSError is what Arrow raises for damaged pages: nothing here touches a disk.
            self._account.reject(file, one_reject(row, Reason.CUT_OFF))

    def _read(self, file: int, batch: pa.RecordBatch, paths: dict[str, tuple[Steps, ...]], row: int) -> None:
        texts = {path: _texts(batch, path) for path in {path for found in paths.values() for path in found}}
        columns = {key: tuple(texts[path].values for path in found) for key, found in paths.items()}
        start = paths["start"]
        times = None
        if len(start) == 1 and self._feed.mapping.zone is None:
            times = times_of(values_at(batch.column(str(start[0][0])), start[0][1:]), self._feed)
        faults = [
            fault
            for key, found in paths.items()
            for path in found
            for fault in (
                (texts[path].is_long, Reason.ROW_TOO_LONG, key),
                (texts[path].is_unreadable, Reason.NOT_UTF8, key),
            )
        ]
        numbers = np.arange(row, row + batch.num_rows, dtype=np.int64)
        for mapped, lines in mapped_parts(self._feed, columns, numbers, times, faults, self._latest):
            if self._legs is not None:
                self._legs.add(file, mapped, lines)
                continue
            draft = mapped.draft(lines)
            self._account.skip_counts(file, mapped.skipped)
            self._account.assume_counts(file, mapped.assumed)
            self._account.keep_draft(file, draft, mapped.is_ambiguous)


_AS_TEXT: Final = "write the columns that the feed names as text, whole numbers or timestamps"


def _verify_size(metadata: "FileMetaData", wanted: set[str], size: int) -> None:
    """Refuse a file that unfolds to more than its size can honestly mean.

    Raises:
        MalformedInput: too many rows, or a row group that is too large.
    """
    if metadata.num_rows > max(_FEW_ROWS, MAX_ROWS_A_BYTE * size):
        raise MalformedInput(
            f"a Parquet file of {size:,} bytes that unfolds to {metadata.num_rows:,} rows", hint="one row many times?"
        )
    values = sum(
        metadata.row_group(group).column(i).num_values
        for group in range(metadata.num_row_groups)
        for i in range(metadata.num_columns)
        if _is_of(metadata.row_group(group).column(i).path_in_schema, wanted)
    )
    if values > max(_FEW_ROWS, MAX_ROWS_A_BYTE * size) * max(len(wanted), 1):
        raise MalformedInput(
            f"a Parquet file of {size:,} bytes that unfolds to {values:,} values",
            hint="one value many times in a list?",
        )
    for group in range(metadata.num_row_groups):
        columns = (metadata.row_group(group).column(i) for i in range(metadata.num_columns))
        unpacked = sum(column.total_uncompressed_size for column in columns if _is_of(column.path_in_schema, wanted))
        if unpacked > MAX_GROUP_BYTES:
            raise MalformedInput(
                f"a Parquet file with a row group that unfolds to {unpacked:,} bytes, expected at most {MAX_GROUP_BYTES:,}",
                hint="write it with smaller row groups, and without values of more than "
                f"{MAX_VALUE_BYTES:,} bytes in the columns that the feed names",
            )


def _is_of(path: str, wanted: set[str]) -> bool:
    """Whether a leaf of the schema belongs to a wanted column; a column's own name may hold dots."""
    return path in wanted or any(path.startswith(f"{name}.") for name in wanted)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _path(column: Column, schema: pa.Schema, key: str) -> Steps:
    """The column that a feed names, and the way within it; there must be single values."""
    steps: Steps = ()
    if isinstance(column, int):
        if column >= len(schema):
            raise MalformedInput(f"no column {column} for {key}, found {len(schema)} columns counted from 0")
        index = column
    else:
        first, *rest = parse_path(column, key) if column.startswith("$") else (column,)
        steps = tuple(rest)
        indices = schema.get_all_field_indices(str(first))
        if len(indices) != 1:
            raise MalformedInput(f"no column {str(first)!r} for {key} among {len(schema)} columns")
        index = indices[0]
    kind = kind_at(schema.field(index).type, steps, f"column for {key}")
    if not is_single(kind):
        hint = _AS_TEXT if steps else f"{_AS_TEXT}, or name a path into it, like $.to[*].email"
        raise MalformedInput(f"column for {key}: holds values of type {kind}, expected single ones", hint=hint)
    return (str(schema.field(index).name), *steps)


def _texts(batch: pa.RecordBatch, path: Steps) -> Texts:
    """The values at a path as text; of several in a row, what is wrong with one is wrong with the row."""
    found = values_at(batch.column(str(path[0])), path[1:])
    if not pa.types.is_list(found.type):
        return text_of(found)
    texts = text_of(found.values)
    values = pa.ListArray.from_arrays(found.offsets, texts.values)
    row_of = np.repeat(np.arange(len(found)), pc.list_value_length(values).to_numpy())
    is_long, is_unreadable = (
        np.bincount(row_of[bad], minlength=len(found)) > 0 for bad in (texts.is_long, texts.is_unreadable)
    )
    return Texts(values=values, is_long=is_long, is_unreadable=is_unreadable)
