"""A checkpoint store in a file of SQLite, for several processes of one machine.

Not for a file system of the network: SQLite's locks do not hold there.
"""

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from coffer.errors import Unavailable
from coffer.sequencer.port import Row

BUSY_S: Final = 10.0
"""How long a statement waits for another process. Each takes milliseconds."""


class SqliteCheckpoints:
    """The contract is in ``coffer.sequencer.port``.

    GAP: a process that is stopped within a statement keeps the file locked until it goes on or ends; tolerable because
    nothing is lost meanwhile, and a statement takes a millisecond. PostgreSQL has no such lock.
    """

    def __init__(self, path: Path, origin: str) -> None:
        self._path = path
        self._origin = origin
        self._connection: sqlite3.Connection | None = None
        self._alone = threading.Lock()

    def begin(self) -> None:
        """As the port; the file is made with mode 0600."""
        try:
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise Unavailable(f"checkpoints: {self._path.name}: {error.strerror}") from error
        with self._asking() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS coffer_checkpoints "
                "(origin TEXT PRIMARY KEY, number INTEGER NOT NULL, holder TEXT NOT NULL, checkpoint BLOB NOT NULL)"
            )
            connection.execute(
                "INSERT INTO coffer_checkpoints VALUES (?, 0, '', x'') ON CONFLICT DO NOTHING", (self._origin,)
            )

    def read(self) -> Row:
        """As the port."""
        with self._asking() as connection:
            values = connection.execute(
                "SELECT number, holder, checkpoint FROM coffer_checkpoints WHERE origin = ?", (self._origin,)
            ).fetchone()
        if values is None:
            raise Unavailable("checkpoints: nothing of this log is there")
        return Row(number=values[0], holder=values[1], checkpoint=bytes(values[2]))

    def swap(self, before: Row, after: Row) -> bool:
        """As the port: one statement, which is one transaction."""
        with self._asking() as connection:
            done = connection.execute(
                "UPDATE coffer_checkpoints SET number = ?, holder = ?, checkpoint = ? "
                "WHERE origin = ? AND number = ? AND holder = ? AND checkpoint = ?",
                (
                    *(after.number, after.holder, after.checkpoint),
                    *(self._origin, before.number, before.holder, before.checkpoint),
                ),
            )
            return done.rowcount == 1

    def close(self) -> None:
        """As the port."""
        with self._alone:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _asking(self) -> Iterator[sqlite3.Connection]:
        with self._alone:
            try:
                if self._connection is None:
                    self._connection = self._connected()
                yield self._connection
            except sqlite3.Error as error:
                code = getattr(error, "sqlite_errorname", None) or "no code"
                raise Unavailable(f"checkpoints: {type(error).__name__} ({code})", hint="is the file there?") from None

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )
        weakref.finalize(self, connection.close)  # a command that writes once need not close it
        connection.execute("PRAGMA synchronous = FULL")
        return connection
