"""Addresses as mail logs write them, and the parties of a mail that changed its address. Pure."""

from typing import Final

import polars as pl

ANGLED: Final = r'<((?:"(?:[^"\\]|\\.)*"|[^">])*)>'
"""An address between brackets, as logs write it: a quoted local part may hold anything, and blanks may stand unquoted (Postfix before 3.5)."""
FORWARDABLE: Final = r"^[^\s@]+@[^\s@]+\.[^\s@]+$"
"""What the sender wrote is the B-side only if it is a whole address; ``root`` or ``sales`` alone is not."""


def addressed(*, written: pl.Expr, final: pl.Expr) -> dict[str, pl.Expr]:
    """Parties ``b`` and ``f`` of a mail.

    It was ``written`` to one address (empty: the same) and went to the ``final`` one. Where they differ, the record
    is that of a forwarded call: the one written to is the B-side, the mailbox it went to is ``f``, and each of them
    finds it. A final address that is none (a local user's name, a file, a program) leaves the one written to.
    """
    is_whole = final.str.contains("@", literal=True) & ~final.str.contains("^[|/:>]")
    differs = written.str.contains(FORWARDABLE) & (written.str.to_lowercase() != final.str.to_lowercase())
    forwarded = pl.when(differs & is_whole).then(final).otherwise(pl.lit(""))
    return {"b": pl.when(differs).then(written).otherwise(final), "f": forwarded}
