"""The ports of a stored log: reading one, and keeping a full copy of one."""

from collections.abc import Sequence
from typing import Protocol


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


class LogMirror(LogReader, Protocol):
    """A party's own full copy of a log.

    One writer at a time. Entries are durable when ``follow`` returns.
    """

    def size(self) -> int:
        """Entries under its checkpoint; 0 before the first."""
        ...

    def follow(self, entries: Sequence[bytes], raw_checkpoint: bytes) -> None:
        """Add the entries from ``size`` on, under the log's own checkpoint.

        Raises:
            NotProven: the entries do not give the checkpoint's root. Readers then see the copy as it was.
        """
        ...
