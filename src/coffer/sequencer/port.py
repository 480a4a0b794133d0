"""The port: a store of one row for each log, which is changed by comparing and swapping."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a store keeps of a log.

    ``number``: the fencing number, which every change raises by one. ``holder``: the name of the turn under way, 16 hex
    digits; empty between two turns. ``checkpoint``: the newest one, signed by the log; empty before the first.
    """

    number: int
    holder: str
    checkpoint: bytes


class CheckpointStore(Protocol):
    """The row of one log.

    Several processes on several machines use it at once, and several threads of one process. Each call takes some
    seconds at most. None is repeated by the store itself.

    Errors: ``Unavailable``, with the database's code and nothing of its message.
    """

    def begin(self) -> None:
        """Make the table and this log's row, with number 0 and no checkpoint, unless they are there."""
        ...

    def read(self) -> Row:
        """The row as it is. Every change that ended before this call is in it."""
        ...

    def swap(self, before: Row, after: Row) -> bool:
        """Make the row ``after``, if it is exactly ``before``; whether it was.

        Durable when this returns. Of several calls with the same ``before``, one returns True.

        Raises:
            Unavailable: the answer was lost, too. Then only ``read`` tells whether the row was changed.
        """
        ...

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        ...
