"""A checkpoint store in PostgreSQL, for several machines. The only file here that knows its client.

libpq finds credentials as everywhere: ~/.pgpass, PGPASSFILE, certificates, peer authentication.
"""

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from coffer.errors import Unavailable
from coffer.extras import extra
from coffer.sequencer.port import Row

with extra("postgresql"):
    import psycopg

ANSWER_S: Final = 10
"""How long one call may take. A statement takes milliseconds, so that longer means something is wrong."""
_OPTIONS: Final = (
    f"-c statement_timeout={ANSWER_S}s -c lock_timeout={ANSWER_S}s -c default_transaction_isolation=read\\ committed"
)
_HINT: Final = "does it run, may this machine reach it? coffer init makes the table"


class PostgresqlCheckpoints:
    """The contract is in ``coffer.sequencer.port``.

    Each call is one statement and one transaction on the server, so that no stopped client holds a lock there.
    """

    def __init__(self, address: str, origin: str) -> None:
        self._address = address
        self._origin = origin
        self._connection: psycopg.Connection[tuple[int, str, bytes]] | None = None
        self._alone = threading.Lock()

    def begin(self) -> None:
        """As the port."""
        with self._asking() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS coffer_checkpoints "
                "(origin text PRIMARY KEY, number bigint NOT NULL, holder text NOT NULL, checkpoint bytea NOT NULL)"
            )
            connection.execute(
                "INSERT INTO coffer_checkpoints VALUES (%s, 0, '', '') ON CONFLICT DO NOTHING", (self._origin,)
            )

    def read(self) -> Row:
        """As the port."""
        with self._asking() as connection:
            values = connection.execute(
                "SELECT number, holder, checkpoint FROM coffer_checkpoints WHERE origin = %s", (self._origin,)
            ).fetchone()
        if values is None:
            raise Unavailable("checkpoints: nothing of this log is there")
        number, holder, checkpoint = values
        return Row(number=number, holder=holder, checkpoint=bytes(checkpoint))

    def swap(self, before: Row, after: Row) -> bool:
        """As the port. A statement that waited for another one looks at the row again before it changes it."""
        with self._asking() as connection:
            done = connection.execute(
                "UPDATE coffer_checkpoints SET number = %s, holder = %s, checkpoint = %s "
                "WHERE origin = %s AND number = %s AND holder = %s AND checkpoint = %s",
                (
                    *(after.number, after.holder, after.checkpoint),
                    *(self._origin, before.number, before.holder, before.checkpoint),
                ),
            )
            return done.rowcount == 1

    def close(self) -> None:
        """As the port."""
        with self._alone:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):  # it is broken already, and a new one is opened
                self._connection.close()
            self._connection = None

    @contextmanager
    def _asking(self) -> Iterator["psycopg.Connection[tuple[int, str, bytes]]"]:
        with self._alone:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = self._connected()
                yield self._connection
            except psycopg.Error as error:
                self._drop()
                raise Unavailable(
                    f"checkpoints: {type(error).__name__} ({error.sqlstate or 'no code'})", hint=_HINT
                ) from None  # the library's words may hold parts of an address

    def _connected(self) -> "psycopg.Connection[tuple[int, str, bytes]]":
        connection = psycopg.connect(
            self._address,
            autocommit=True,
            connect_timeout=ANSWER_S,
            tcp_user_timeout=ANSWER_S * 1000,
            target_session_attrs="read-write",  # of several hosts the one that writes: another one may be behind
            options=_OPTIONS,
            application_name="coffer-sequencer",
        )
        weakref.finalize(self, connection.close)  # a command that writes once need not close it
        # A checkpoint that a crash of the server forgets would be followed by another one of the same size.
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) "
            "WHERE current_setting('synchronous_commit') IN ('off', 'local')"
        )
        return connection
