"""Messages that a mail system split: one mail under several queue ids. Pure.

Sendmail gives each list with an owner an id of its own. It logs neither a sender nor a message id under it, only from
which id it was made. So the rows of a clone are given to the message that was accepted.
"""

from typing import Final

import polars as pl

from coffer.records.readers.account import Columns, with_columns_of

MAX_CLONES: Final = 100_000
"""The newest that are remembered, about 20 MB. Mail of an older one is of no known sender; its delay tells the start."""
_COLUMNS: Final[Columns] = {"host": pl.String, "qid": pl.String, "parent": pl.String, "from_line": pl.Int64}


class Clones:
    """Which queue id was made of which, over the pieces of files."""

    def __init__(self) -> None:
        self._known = pl.DataFrame(schema=_COLUMNS)

    def joined(self, fields: pl.DataFrame, pattern: str) -> pl.DataFrame:
        """Lines of the log, those of clones under the id of their parent.

        ``pattern`` finds the clone's id in ``free``, the message of lines that tell nothing else. They stand before the
        lines of the clone itself.
        """
        told = fields.select("host", parent="qid", qid=pl.col("free").str.extract(pattern), from_line="line")
        told = with_columns_of(told.filter(pl.col("qid").is_not_null()), _COLUMNS)
        if told.is_empty() and self._known.is_empty():
            return fields
        known = pl.concat([self._known, told])
        known = known.unique(["host", "qid"], keep="last", maintain_order=True)
        # A clone of a clone: sendmail names the first one as the parent of all, so one step is enough.
        found = fields.join(known, on=["host", "qid"], how="left", maintain_order="left")
        is_clone = pl.col("parent").is_not_null() & (pl.col("line") > pl.col("from_line"))
        self._known = known.tail(MAX_CLONES).with_columns(from_line=pl.lit(0, pl.Int64))
        return found.with_columns(qid=pl.when(is_clone).then("parent").otherwise("qid")).drop("parent", "from_line")
