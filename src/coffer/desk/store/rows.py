"""What all tables of the store share: the database, the keys, and how values become sealed rows."""

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from coffer.desk.sealing import Cell, DeskKeys, Sealer
from coffer.desk.store.engine import Database
from coffer.entropy import Entropy
from coffer.errors import NotProven
from coffer.notes.keys import Secret

T = TypeVar("T")
ID_BYTES: Final = 16


class Rows:
    """The base of each part of the store."""

    def __init__(self, database: Database, keys: DeskKeys, sealer: Sealer, entropy: Entropy) -> None:
        self._database = database
        self._keys = keys
        self._sealer = sealer
        self._entropy = entropy
        self._seen_lock = threading.Lock()
        self._seen: dict[str, int] = {}

    def new_id(self) -> str:
        """32 random hex digits."""
        return self._entropy(ID_BYTES).hex()

    def _sealed(self, key: Secret, cell: Cell, value: object) -> bytes:
        return self._sealer.seal(key, cell, msgspec.json.encode(value))

    def _unsealed(self, key: Secret, cell: Cell, sealed: bytes, kind: type[T]) -> T:
        """The value of a cell; raises ``NotProven`` if it does not open at its place or is of another form."""
        return self._decoded(self._sealer.unseal(key, cell, sealed), cell.table, kind)

    @staticmethod
    def _decoded(raw: bytes, table: str, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(raw, type=kind)
        except (msgspec.DecodeError, ValueError):
            raise NotProven(
                f"database: {table}: a row is of a form that this release does not know",
                hint="was the database written by a newer release?",
            ) from None

    @contextmanager
    def _newest(self, name: str) -> Iterator["Watch"]:
        """Watch the version of a row while it is read.

        This process never takes a row that is older than one it saw before.
        """
        with self._seen_lock:
            watch = Watch(name, self._seen.get(name, 0))
        yield watch
        self._remember([watch])

    @contextmanager
    def _newest_of_many(self) -> Iterator[Callable[[str, int], None]]:
        """As ``_newest``, for rows whose names come with them: what it yields takes the version of each."""
        with self._seen_lock:
            least = dict(self._seen)
        watches: list[Watch] = []

        def verify(name: str, version: int) -> None:
            watches.append(Watch(name, least.get(name, 0)))
            watches[-1].verify(version)

        yield verify
        self._remember(watches)

    def _remember(self, watches: Sequence["Watch"]) -> None:
        with self._seen_lock:
            for watch in watches:
                self._seen[watch.name] = max(self._seen.get(watch.name, 0), watch.version)


class Watch:
    """Takes versions of one row that are not older than ``least``."""

    def __init__(self, name: str, least: int) -> None:
        self.name = name
        self._least = least
        self.version = 0

    def verify(self, version: int) -> None:
        """Take the version that was read."""
        if version < self._least:
            raise NotProven(
                f"database: {self.name.partition(' ')[0]}: a row is older than this process saw it before",
                hint="was an old copy of the database put back?",
            )
        self.version = version


def seconds(time: dt.datetime) -> int:
    """Whole seconds since 1970."""
    return int(time.timestamp())


def moment(value: int) -> dt.datetime:
    """The inverse of ``seconds``."""
    return dt.datetime.fromtimestamp(value, dt.UTC)


def inserted(connection: sa.Connection, table: sa.Table, **values: object) -> bool:
    """Insert a row unless one of its unique values is there; whether it was inserted."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**values).on_conflict_do_nothing()
    return connection.execute(statement.returning(*table.primary_key.columns)).first() is not None
