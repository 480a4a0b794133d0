"""Addresses as mail logs write them, parties of a mail whose address changed, and its copies. Pure."""

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


def parties_of(latest: pl.DataFrame) -> dict[str, pl.Series]:
    """Parties ``b`` and ``f``, as ``addressed``. Few recipients differ from what the sender wrote."""
    b, f = latest["text"], pl.Series([""]).new_from_index(0, len(latest))
    at = latest["orig"].is_not_null().arg_true()
    if len(at):
        some = latest.select("text", "orig")[at].select(**addressed(written=pl.col("orig"), final=pl.col("text")))
        b, f = b.scatter(at, some["b"]), f.scatter(at, some["f"])
    return {"b": b, "f": f}


def copies(latest: pl.DataFrame, *, sent: int) -> pl.DataFrame:
    """Further deliveries of one recipient's mail to a file or program.

    All but one of them are copies; a successful one stays if there is one. Two local users to whom an alias led are
    two mailboxes, and stay two.
    """
    if latest["orig"].null_count() == len(latest):
        return latest.head(0)
    is_special = pl.col("text").str.contains("^[|/:>]")
    special = latest.filter(is_special & pl.col("orig").is_not_null())
    if special.is_empty():
        return special
    several = latest.join(
        special.select("epoch", "orig").unique(), on=["epoch", "orig"], how="semi", maintain_order="left"
    )
    several = several.filter(~pl.col("text").str.contains("@", literal=True) | is_special)
    by = ["epoch", "orig"]
    several = several.sort(pl.col("status") != sent, is_special, "seq").with_columns(
        is_first=pl.int_range(pl.len()).over(by) == 0, is_special=is_special
    )
    several = several.with_columns(is_in_file=pl.col("is_special").first().over(by))
    is_copy = ~pl.col("is_first") & (pl.col("is_special") | pl.col("is_in_file"))
    return several.filter(is_copy).select(latest.columns)
