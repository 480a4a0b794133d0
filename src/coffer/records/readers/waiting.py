"""Source records that wait for others of the same event, in order and bounded. Pure."""

import polars as pl

from coffer.records.readers.port import MAX_OPEN


class Waiting:
    """Rows with a column ``key`` (String); rows of one key belong to one event.

    All rows wait until ``max_open`` (at least 2) do; then the older half of them is given, without those whose key also has a row in the newer half. So
    records of one event are joined if at most half of ``max_open`` others lie between them, and what is given depends on the rows and their
    order, not on how they were added.
    """

    def __init__(self, max_open: int = MAX_OPEN) -> None:
        self._max = max_open
        self._parts: list[pl.DataFrame] = []
        self._held = 0

    def add(self, rows: pl.DataFrame) -> list[pl.DataFrame]:
        """Rows that wait no longer, one frame or none each time the bound is reached; in order of arrival."""
        given = []
        while rows.height:
            part = rows.head(self._max - self._held)
            rows = rows.slice(part.height)
            self._parts.append(part)
            self._held += part.height
            if self._held == self._max:
                given.append(self._release())
        return given

    def finish(self) -> list[pl.DataFrame]:
        """All that still wait, as one frame or none."""
        held = [pl.concat(self._parts)] if self._parts else []
        self._parts, self._held = [], 0
        return held

    def _release(self) -> pl.DataFrame:
        held = pl.concat(self._parts)
        half = held.height // 2
        newer = held.slice(half).select("key").unique()
        older = held.head(half)
        given = older.join(newer, on="key", how="anti", maintain_order="left")
        # Keys that go on and on must not fill the memory: then the older half goes whatever its keys.
        if given.height < max(1, half // 2):
            given, kept = older, held.slice(half)
        else:
            kept = pl.concat([older.join(newer, on="key", how="semi", maintain_order="left"), held.slice(half)])
        self._parts, self._held = [kept], kept.height
        return given
