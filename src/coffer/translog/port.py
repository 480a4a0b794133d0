"""The port behind which a log is stored."""

from collections.abc import Sequence
from typing import Protocol

from coffer.notes.keys import SigningKey
from coffer.translog.checkpoint import Checkpoint


class LogReader(Protocol):
    """Reads a log. Safe to use beside one writer.

    Errors: ``Unavailable`` if a tile is missing or unreadable, ``MalformedInput`` if it does not parse. Nothing read is
    trusted: callers prove it.
    """

    def checkpoint(self) -> bytes:
        """The newest checkpoint, raw."""
        ...

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        """The raw entries ``start`` to ``end`` (exclusive)."""
        ...


class LogWriter(LogReader, Protocol):
    """Appends to a log. One writer at a time, which holds the vault's lock.

    Durability: when ``append`` returns, the entries and their checkpoint are on disk (fsync); if it raises, either all
    are or none is, and the next
    ``append`` continues from the checkpoint that is there. Not idempotent: appending twice logs twice.
    Errors: ``Unavailable`` for disk errors, ``MalformedInput`` for an entry over 65,535 B.
    """

    def append(self, entries: Sequence[bytes], signer: SigningKey) -> Checkpoint:
        """Add entries in order under one new checkpoint."""
        ...
