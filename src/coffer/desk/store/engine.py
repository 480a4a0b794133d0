"""Connections to the desk's database, and its migrations.

Promises: a transaction is seen whole or not at all and is durable when it ends. No error repeats a value. SQLite keeps
its file at mode 0600, checks foreign keys, overwrites what is deleted, and lets one process write while others read.
"""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from coffer.errors import MalformedInput, Unavailable
from coffer.extras import extra
from coffer.wire import NEWER

with extra("pages"):
    import sqlalchemy as sa
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import event
    from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
    from sqlalchemy.exc import TimeoutError as PoolTimeout

DATABASE: Final = "desk.sqlite3"
"""The file in the vault's folder, unless another database is named."""
MIGRATIONS: Final = "coffer.desk:migrations"
BUSY_S: Final = 10
"""How long a transaction waits for another one. Each takes milliseconds, so that longer means something is wrong."""
POOL: Final = 8
_ADVISORY_LOCK: Final = 0x636F666665726465
"""A number for PostgreSQL's advisory lock, under which one process at a time migrates ("cofferde")."""
_POSTGRESQL: Final = re.compile(r"postgresql\+psycopg://[^\s]{1,500}")
_READING: Final = "coffer_reading"


def database_url(folder: Path, given: str | None) -> str:
    """Where the database is: the vault's own file, or the PostgreSQL that ``--database`` names.

    Raises:
        MalformedInput: another kind of database is named, or a password with it, which other users of the machine would
            see in the list of processes. The message does not repeat it.
    """
    if given is None:
        return f"sqlite:///{folder.absolute() / DATABASE}"
    if not _POSTGRESQL.fullmatch(given):
        raise MalformedInput(
            "--database: expected postgresql+psycopg://...",
            hint="leave it out for the file in the vault's folder; put a password into ~/.pgpass",
        )
    try:
        url = sa.make_url(given)
    except (ArgumentError, ValueError):  # a port that is no number is a plain ValueError, which repeats it
        raise MalformedInput("--database: not an address of a database") from None
    if url.password is not None or "password" in url.query:
        raise MalformedInput(
            "--database: holds a password, which others of this machine can see", hint="put it into ~/.pgpass"
        )
    return given


class Database:
    """An engine with the two kinds of transactions that the store uses."""

    def __init__(self, url: str) -> None:
        self.is_sqlite = url.startswith("sqlite:")
        with failing(), extra("pages" if self.is_sqlite else "postgresql"):
            if self.is_sqlite:
                _make_private(url.removeprefix("sqlite:///"))
            options: dict[str, object] = {} if self.is_sqlite else {"connect_args": _postgresql_options()}
            self.engine = sa.create_engine(
                url,
                hide_parameters=True,
                pool_size=POOL,
                max_overflow=POOL,
                pool_timeout=BUSY_S,
                pool_pre_ping=True,
                **options,
            )
        if self.is_sqlite:
            event.listen(self.engine, "connect", _set_up_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    def migrate(self) -> None:
        """Bring the tables to this release's version. Several processes may do it at once."""
        with self.writing() as connection:
            if not self.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
            config = Config()
            config.set_main_option("script_location", MIGRATIONS)
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = connection
            _verify_known(connection, config)
            command.upgrade(config, "head")

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that writes. On SQLite it is the only one from its beginning."""
        with failing(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that reads one state of everything, however many statements it has."""
        with failing(), self.engine.connect() as plain:
            options = {_READING: True} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
            connection = plain.execution_options(**options)
            with connection.begin():
                yield connection

    def forget_deleted(self) -> None:
        """Leave as little as possible of what was deleted: SQLite's log is emptied.

        PostgreSQL does so by itself.
        """
        if self.is_sqlite:
            with failing(), self.engine.connect() as connection:
                raw = connection.connection.dbapi_connection
                assert raw is not None, "a checked-out connection"
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _verify_known(connection: sa.Connection, config: Config) -> None:
    """Refuse tables that a newer release made: this one would write rows that they do not take."""
    known = {one.revision for one in ScriptDirectory.from_config(config).walk_revisions()}
    if set(MigrationContext.configure(connection).get_current_heads()) - known:
        raise MalformedInput(f"database: its tables are of another release, expected {max(known)}", hint=NEWER)


@contextmanager
def failing() -> Iterator[None]:
    """Turns the database's errors into ``Unavailable``.

    Their text may repeat values, so that none of it is kept.
    """
    try:
        yield
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None) or "no code"
        raise Unavailable(
            f"database: {type(error.orig).__name__} ({state})",
            hint="does it run, may this machine reach it, is there room?",
        ) from None
    except PoolTimeout:
        raise Unavailable("database: all connections are taken") from None
    except (ArgumentError, NoSuchModuleError):
        raise MalformedInput("--database: not an address of a database") from None
    except SQLAlchemyError as error:
        raise Unavailable(f"database: {type(error).__name__}") from None


def _postgresql_options() -> dict[str, object]:
    timeouts = f"-c lock_timeout={BUSY_S}s -c statement_timeout={3 * BUSY_S}s -c idle_in_transaction_session_timeout={6 * BUSY_S}s"
    return {"connect_timeout": BUSY_S, "options": timeouts, "application_name": "coffer-desk"}


def _make_private(path: str) -> None:
    """Make the file before SQLite does, so that it and its companions are readable for its owner alone."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Unavailable(f"{Path(path).name}: {error.strerror}") from error


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where _begin_sqlite says, not where the driver guesses
    for pragma in (
        f"busy_timeout = {BUSY_S * 1000}",
        "journal_mode = WAL",
        "foreign_keys = ON",
        "synchronous = FULL",
        "secure_delete = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    is_reading = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")
