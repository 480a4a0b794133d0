"""Source records that wait for others of the same event, in order and bounded. Pure."""

from collections.abc import Callable, Iterator

import polars as pl

from coffer.records.readers.account import Account, Columns
from coffer.records.readers.port import MAX_OPEN

Join = Callable[[pl.DataFrame], tuple[pl.DataFrame, pl.DataFrame]]
"""From rows that wait no longer to events of ``account.EVENTS``, and the rows merged into them (``file``, ``what``)."""


class Waiting:
    """Rows with a column ``key`` (String); rows of one key belong to one event.

    All rows wait until ``max_open`` (at least 2) do. Then the older half of them is joined, without those whose key also has a row in the
    newer half. So records of one event are joined if at most half of ``max_open`` others lie between them, and the events depend on the
    rows and their order, not on how they were added.
    """

    def __init__(self, account: Account, join: Join, max_open: int = MAX_OPEN) -> None:
        self._account = account
        self._join = join
        self._max = max_open
        self._parts: list[pl.DataFrame] = []
        self._held = 0

    def add(self, rows: pl.DataFrame) -> None:
        """More rows; each time the bound is reached, events of the oldest go to the account."""
        while rows.height:
            part = rows.head(self._max - self._held)
            rows = rows.slice(part.height)
            self._parts.append(part)
            self._held += part.height
            if self._held == self._max:
                self._account.keep(*self._join(self._release()))

    def finish(self) -> None:
        """Events of all rows that still wait."""
        if self._parts:
            self._account.keep(*self._join(pl.concat(self._parts)))
        self._parts, self._held = [], 0

    def _release(self) -> pl.DataFrame:
        held = pl.concat(self._parts)
        half = held.height // 2
        newer = held.slice(half).select("key").unique()
        older = held.head(half)
        given = older.join(newer, on="key", how="anti", maintain_order="left")
        # Keys that go on and on must not fill the memory. Then the older half goes, whatever its keys.
        if given.height < max(1, half // 2):
            given, kept = older, held.slice(half)
        else:
            kept = pl.concat([older.join(newer, on="key", how="semi", maintain_order="left"), held.slice(half)])
        self._parts, self._held = [kept], kept.height
        return given


class Steps:
    """Rows that are given on in steps of one size.

    What is joined does not depend on how they came.
    """

    def __init__(self, columns: Columns) -> None:
        self._nothing = pl.DataFrame(schema=columns)
        self._parts: list[pl.DataFrame] = []

    def add(self, rows: pl.DataFrame) -> None:
        """More rows, behind those that are there."""
        self._parts.append(rows)

    def whole(self, size: int) -> Iterator[pl.DataFrame]:
        """Steps of ``size`` rows, as far as there are so many."""
        while sum(map(len, self._parts)) >= size:
            rows = pl.concat(self._parts)
            self._parts = [rows.slice(size)]
            yield rows.head(size)

    def rest(self) -> pl.DataFrame:
        """All rows that are left."""
        rows = pl.concat([self._nothing, *self._parts])
        self._parts = []
        return rows
