"""Sessions of a mail server that come from this very host and not over a network. Pure."""

from typing import Final

import polars as pl

from coffer.records.readers.account import Columns, with_columns_of

MAX_SESSIONS: Final = 100_000
"""The newest that are remembered while they last, about 10 MB. Mail of an older one is then of an unknown client."""
_COLUMNS: Final[Columns] = {"host": pl.String, "session": pl.String, "from_line": pl.Int64}


class LocalSessions:
    """Which sessions are local, over the pieces of files."""

    def __init__(self) -> None:
        self._known = pl.DataFrame(schema=_COLUMNS)

    def joined(self, fields: pl.DataFrame, session: str, *, begin: str, end: str) -> pl.Series:
        """Whether each line is of a session that a line before it began as a local one.

        ``session``, ``begin``, ``end``: patterns of messages, whose first group is the session's id.
        """
        lines = fields.filter("is_ours").select("host", "line", "message")
        begun = lines.with_columns(session=pl.col("message").str.extract(begin)).filter(pl.col("session").is_not_null())
        if begun.is_empty() and self._known.is_empty():
            return pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(fields))
        begun = with_columns_of(begun.rename({"line": "from_line"}), _COLUMNS)
        known = pl.concat([self._known, begun]).unique(["host", "session"], keep="first", maintain_order=True)
        own = fields.select("host", "line", session=pl.col("message").str.extract(session))
        found = own.join(known, on=["host", "session"], how="left", maintain_order="left")
        ended = lines.select("host", session=pl.col("message").str.extract(end))
        known = known.join(ended, on=["host", "session"], how="anti", maintain_order="left")
        self._known = known.tail(MAX_SESSIONS).with_columns(from_line=pl.lit(0, pl.Int64))
        return found.select((pl.col("line") > pl.col("from_line")).fill_null(value=False)).to_series()
