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

        ``session``: the pattern of a message, whose first group is the session's id. ``begin``, ``end``: text that only
        the first line of a local session, and the last line of any, has behind its id.
        """
        nobody = pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(fields))
        begun = _sessions(fields, session, begin)
        if begun.is_empty() and self._known.is_empty():
            return nobody
        begun = with_columns_of(begun.rename({"line": "from_line"}), _COLUMNS)
        known = pl.concat([self._known, begun]).unique(["host", "session"], keep="first", maintain_order=True)
        own = fields.select("host", "line", session=pl.col("message").str.extract(session))
        found = own.join(known, on=["host", "session"], how="left", maintain_order="left")
        known = known.join(_sessions(fields, session, end), on=["host", "session"], how="anti", maintain_order="left")
        self._known = known.tail(MAX_SESSIONS).with_columns(from_line=pl.lit(0, pl.Int64))
        return found.select((pl.col("line") > pl.col("from_line")).fill_null(value=False)).to_series()


def _sessions(fields: pl.DataFrame, session: str, text: str) -> pl.DataFrame:
    """Host, line and session of the lines that have ``text`` right behind the session's id."""
    lines = fields.filter(pl.col("is_ours") & pl.col("message").str.contains(text, literal=True))
    found = lines.select("host", "line", session=pl.col("message").str.extract(f"{session.rstrip()}{text}"))
    return found.filter(pl.col("session").is_not_null())
