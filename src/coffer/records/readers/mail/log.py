"""What readers of mail logs have in common: cut lines, parse them, join what belongs together."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import polars as pl

from coffer.errors import MalformedInput
from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.account import Account
from coffer.records.readers.mail.queue import ROWS, STEP, Queue, QueueRules
from coffer.records.readers.port import Found, Piece
from coffer.records.readers.text.lines import EMPTY, LineCutter, Lines
from coffer.records.readers.waiting import Steps


class MailLogReader(ABC):
    """A reader of a log in which one message has several lines.

    A format adds how a line is read. ``coffer.records.readers.port.Reader``.
    """

    def __init__(self, *, feed: Feed, window: Window, rules: QueueRules) -> None:
        self._feed = feed
        self._account = Account(feed, window)
        self._cutter = LineCutter()
        self._queue = Queue(self._account, rules)
        self._rows = Steps(ROWS)
        self._lines = self._logged = 0

    def take(self, piece: Piece) -> Sequence[Found]:
        """The next lines; gives what is complete."""
        lines = self._cutter.take(piece)
        self._account.reject(piece.file, lines.rejects)
        self._account.skip_counts(piece.file, {EMPTY: lines.empty})
        self._lines += len(lines.numbers) + lines.empty
        if len(lines.numbers):
            self._rows.add(self._read(lines, piece.file))
        for rows in self._rows.whole(STEP):
            self._account.keep(self._queue.settle(rows, is_last=False))
        return self._account.told()

    def end_file(self, file: int) -> Sequence[Found]:
        """Tells what was skipped in the file; mail that is still open waits for the next one.

        Raises:
            MalformedInput: not one line of the file has the form of the log's.
        """
        self._account.reject(file, self._cutter.end_file())
        if self._lines and not self._logged:
            raise MalformedInput(
                f"file {file}: none of {self._lines} lines is a line of such a log",
                hint="is it the right file, as text?",
            )
        self._lines = self._logged = 0
        return self._account.told()

    def finish(self) -> Sequence[Found]:
        """What is still in the queue, with its last status."""
        self._account.keep(self._queue.settle(self._rows.rest(), is_last=True))
        return self._account.told()

    @abstractmethod
    def _read(self, lines: Lines, file: int) -> pl.DataFrame:
        """Lines to rows of ``queue.ROWS`` in their order; everything else goes to the account and is gone.

        Adds to ``_logged`` how many have the form of the log's lines.
        """
