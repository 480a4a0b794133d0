"""The port behind which a log is stored."""

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
