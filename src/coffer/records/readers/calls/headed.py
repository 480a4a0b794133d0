"""What readers of delimited call records with a header have in common. Pure.

Rows become frames of the wanted columns, and all of them go to one account.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import polars as pl

from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.account import Account
from coffer.records.readers.port import Found, Piece
from coffer.records.readers.text.headed import HeadedRows
from coffer.records.readers.text.lines import EMPTY
from coffer.records.rejects import Rejects


class HeadedReader(ABC):
    """A reader of delimited files whose first row names the columns.

    A format adds what its rows tell. ``coffer.records.readers.port.Reader``.
    """

    def __init__(self, feed: Feed, window: Window, rows: HeadedRows) -> None:
        self._feed = feed
        self._account = Account(feed, window)
        self._rows = rows

    def take(self, piece: Piece) -> Sequence[Found]:
        """Read whole rows; raises ``MalformedInput`` where the header is another."""
        frames, rejects, empty = self._rows.take(piece)
        self._account.skip_counts(piece.file, {EMPTY: empty})
        return self._told(frames, rejects, piece.file)

    def end_file(self, file: int) -> Sequence[Found]:
        """The last row, if it has no line end."""
        return self._told(*self._rows.end_file(file), file)

    def finish(self) -> Sequence[Found]:
        """Nothing waits, unless a format says otherwise: each row stands alone."""
        return self._account.told()

    def _told(self, frames: list[pl.DataFrame], rejects: Rejects, file: int) -> Sequence[Found]:
        self._account.reject(file, rejects)
        for frame in frames:
            self._read(frame, file)
        return self._account.told()

    @abstractmethod
    def _read(self, frame: pl.DataFrame, file: int) -> None:
        """Rows of one file, as ``HeadedRows`` gives them.

        All of them go to the account, now or when they wait no longer.
        """
