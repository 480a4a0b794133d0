"""Kamailio's accounting tables in a SQLite file: ``acc``, ``missed_calls`` and CDR tables.

Pure: the file is read from memory, never opened.

Source: the ``acc`` and ``db_sqlite`` modules of Kamailio 5.6 and a genuine database. Nothing in the file is executed: only plain tables are read,
no view, no trigger, no schema function. Rows are numbered from 1 in the order acc, missed_calls, CDR tables, each by its row id.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Final

import polars as pl

from coffer.errors import MalformedInput
from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.account import Account
from coffer.records.readers.calls.kamailio_calls import events_of
from coffer.records.readers.calls.kamailio_rows import accounting_rows, wanted
from coffer.records.readers.port import MAX_OPEN, Found, Piece
from coffer.records.readers.waiting import Waiting
from coffer.records.rejects import Reason, one_reject
from coffer.records.settings import KamailioSettings

MAX_FILE_BYTES: Final = 1 << 30
"""The whole file is held in memory, for it is not opened; a larger one is refused: dump it by day, or read the syslog."""
MAGIC: Final = b"SQLite format 3\0"
_ROWS_AT_ONCE: Final = 100_000
_MAX_VALUE_BYTES: Final = 65_536


def recognise(head: bytes, _name: str) -> str | None:
    """Whether a file is a SQLite database with Kamailio's tables; the reason in words."""
    text = rb"(?i)CREATE TABLE [\"'`\[]?(?:acc|missed_calls|acc_cdrs)[\"'`\]]?\s*\("
    return "a SQLite database with a table acc" if head.startswith(MAGIC) and re.search(text, head) else None


class KamailioSqliteReader:
    """One ingest of databases, each at most ``MAX_FILE_BYTES``."""

    def __init__(self, feed: Feed, window: Window, *, max_open: int = MAX_OPEN) -> None:
        self._feed = feed
        self._account = Account(feed, window)
        self._settings = feed.settings if isinstance(feed.settings, KamailioSettings) else KamailioSettings()
        self._waiting = Waiting(self._account, events_of, max_open)
        self._pieces: list[bytes] = []
        self._size = 0
        self._next = 1
        self._is_cut = False

    def take(self, piece: Piece) -> Sequence[Found]:
        """Hold the piece; a database can only be read whole.

        Raises:
            MalformedInput: it is larger than ``MAX_FILE_BYTES``.
        """
        self._pieces.append(piece.data)
        self._size += len(piece.data)
        if self._size > MAX_FILE_BYTES:
            raise MalformedInput(
                f"database of more than {MAX_FILE_BYTES:,} bytes", hint="dump it in parts, or read the syslog instead"
            )
        return []

    def end_file(self, file: int) -> Sequence[Found]:
        """Read the tables. One that ends too early gives the rows before, and one reject.

        Raises:
            MalformedInput: no SQLite database, or none of Kamailio's tables in it.
        """
        data = b"".join(self._pieces)
        self._pieces, self._size = [], 0
        if not data.startswith(MAGIC):
            if MAGIC.startswith(data[:16]):
                self._account.reject(file, one_reject(1, Reason.CUT_OFF))
                return self._account.told()
            raise MalformedInput("not a SQLite database")
        whole = _padded(data)
        for rows in self._tables(file, whole):
            self._waiting.add(rows)
        if len(whole) > len(data) and not self._is_cut:
            self._account.reject(file, one_reject(self._next, Reason.CUT_OFF))
        return self._account.told()

    def finish(self) -> Sequence[Found]:
        """What is still open is given as it stands."""
        self._waiting.finish()
        return self._account.told()

    def _tables(self, file: int, data: bytes) -> Iterator[pl.DataFrame]:
        self._next, self._is_cut = 1, False
        with closing(sqlite3.connect(":memory:")) as connection:
            try:
                _open(connection, data)
                tables = _find_tables(connection)
                if not tables:
                    raise MalformedInput("SQLite database without a table acc, missed_calls or cdrs")
                for name, columns in tables:
                    for records in _records(connection, name, wanted(columns, self._settings)):
                        if self._next > len(data):
                            raise ValueError("more rows than bytes: a damaged tree that leads in circles")
                        rows = self._rows(pl.DataFrame(records, infer_schema_length=None), file, name)
                        self._next += len(next(iter(records.values())))
                        yield rows
            except (sqlite3.Error, ValueError):
                # The rows behind the damage are lost, however many they were. They count as one reject.
                self._is_cut = True
                self._account.reject(file, one_reject(self._next, Reason.CUT_OFF))

    def _rows(self, table: pl.DataFrame, file: int, name: str) -> pl.DataFrame:
        """Accounting rows of some rows of one table."""
        table = table.with_columns(
            file=pl.lit(file, pl.Int32),
            offset=pl.int_range(self._next, self._next + table.height, dtype=pl.Int64),
        )
        is_missed = name == "missed_calls"
        return accounting_rows(table, own=self._settings, feed=self._feed, account=self._account, is_missed=is_missed)


def _padded(data: bytes) -> bytes:
    """A database that was cut off: its whole pages, filled with zeros to the size its header gives.

    SQLite then reads the pages that are there.
    """
    size = int.from_bytes(data[16:18], "big")
    page_size = 65_536 if size == 1 else size
    declared = int.from_bytes(data[28:32], "big") * page_size
    if not len(data) < declared <= MAX_FILE_BYTES:
        return data
    whole = data[: len(data) // page_size * page_size] if page_size else data
    return whole + bytes(declared - len(whole))


def _open(connection: sqlite3.Connection, data: bytes) -> None:
    """Load a database so that nothing in it can act."""
    if data[18:20] == b"\2\2":
        # In write-ahead mode SQLite looks for files beside the database, and there are none in memory. Rows that were
        # not written back yet are not in this file.
        data = data[:18] + b"\1\1" + data[20:]
    connection.deserialize(data)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1_000_000)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")


def _find_tables(connection: sqlite3.Connection) -> list[tuple[str, set[str]]]:
    """Kamailio's tables by their columns, in the order acc, missed_calls, CDR tables."""
    found = []
    plain = "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 ORDER BY rowid LIMIT 1000"
    for (name,) in connection.execute(plain).fetchall():
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_]{1,64}", name):
            continue
        columns = {str(row[1]) for row in connection.execute(f'PRAGMA table_info("{name}")').fetchall()}
        if {"method", "sip_code", "time"} <= columns:
            found.append((name == "missed_calls", 0, name, columns))
        elif {"start_time", "duration"} <= columns:
            found.append((True, 1, name, columns))
    return [(name, columns) for _, _, name, columns in sorted(found, key=lambda item: item[:2])]


def _records(connection: sqlite3.Connection, name: str, columns: list[str]) -> Iterator[dict[str, list[str | None]]]:
    """Columns of text, some rows at a time.

    The names are safe in SQL: letters, digits and underscores, or names that the feed asked for.
    """
    wanted = ", ".join(f'substr(CAST("{column}" AS TEXT), 1, {_MAX_VALUE_BYTES})' for column in columns)
    cursor = connection.execute(f'SELECT {wanted} FROM "{name}" NOT INDEXED ORDER BY rowid')  # noqa: S608 - see above
    rows: list[tuple[str | None, ...]] = []
    try:
        for row in cursor:
            rows.append(row)
            if len(rows) == _ROWS_AT_ONCE:
                yield _by_column(rows, columns)
                rows = []
    except sqlite3.Error:
        # The rows before a damaged page are good.
        if rows:
            yield _by_column(rows, columns)
        raise
    if rows:
        yield _by_column(rows, columns)


def _by_column(rows: list[tuple[str | None, ...]], columns: list[str]) -> dict[str, list[str | None]]:
    return {column: [row[i] for row in rows] for i, column in enumerate(columns)}
