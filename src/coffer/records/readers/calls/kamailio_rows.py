"""Rows of Kamailio's and OpenSIPS' accounting tables to ``kamailio_calls.ROWS``. Pure.

Source: the ``acc`` and ``db_sqlite`` modules of Kamailio 5.6 and a genuine database; ``acc.c`` of OpenSIPS.
"""

from collections.abc import Collection
from typing import Final

import polars as pl

from coffer.records.feed import Feed
from coffer.records.readers.account import Account
from coffer.records.readers.calls.kamailio import parties
from coffer.records.readers.calls.kamailio_calls import CALL_METHODS, ROWS, key_of
from coffer.records.readers.calls.parties import first_filled
from coffer.records.readers.text.times import Times, parse_times
from coffer.records.settings import KamailioSettings

_UNIX_EPOCH_DAY: Final = 2440587.5
_LAG_S: Final = 0.5
"""db_sqlite writes the Julian day half a second early (seen in genuine tables beside their epoch column)."""
_CREATED: Final = "created"
"""When OpenSIPS saw the INVITE; it is set in rows that tell of a whole call, in which ``time`` is the answer."""


def wanted(columns: Collection[str], own: KamailioSettings) -> list[str]:
    """The columns of a table that tell of a call, in a fixed order."""
    names = ["method", "from_tag", "to_tag", "callid", "sip_code", "time", "start_time", "duration", _CREATED]
    names += [*own.a, *own.b, own.diversion, *own.call_id, own.epoch, own.microseconds]
    return [name for name in dict.fromkeys(names) if name in columns]


def accounting_rows(
    table: pl.DataFrame, *, own: KamailioSettings, feed: Feed, account: Account, is_missed: bool
) -> pl.DataFrame:
    """Rows of a table, as columns of text with ``file`` and ``offset``, to ``ROWS``.

    Those that report no event go to the account. A table with ``start_time`` is one of CDRs. ``is_missed``: it is that of missed calls.
    """
    is_cdr = "start_time" in table.columns
    names = own.call_id if is_cdr else ("callid", *own.call_id)
    table = table.with_columns(call_id=first_filled([_column(table, column) for column in names]))
    table = table.with_columns(*_times(table, "start_time" if is_cdr else "time", own, feed))
    a, b = (first_filled([_column(table, column) for column in columns]) for columns in (own.a, own.b))
    table = table.with_columns(*parties(a, b, _column(table, own.diversion) if own.diversion else None))
    is_failed = _column(table, "sip_code") >= "300"
    is_whole = _is_created(table) & ~is_failed
    seconds = _column(table, "duration").cast(pl.Float64, strict=False)
    table = table.with_columns(
        what=pl.lit("cdr") if is_cdr else _column(table, "method").replace_strict(CALL_METHODS, default=None),
        is_failed=pl.lit(value=False) if is_cdr else is_failed,
        is_missed=pl.lit(is_missed),
        seconds=seconds if is_cdr else seconds.set(~is_whole, None),
        from_tag=_column(table, "from_tag"),
        to_tag=_column(table, "to_tag"),
    )
    is_other = table["what"].is_null()
    account.skip(table.filter(is_other).select("file", what=pl.lit("other-method")))
    table = table.filter(~is_other)
    if is_cdr and not own.cdr_alone:
        is_alone = table["call_id"] == ""
        account.skip(table.filter(is_alone).select("file", what=pl.lit("cdr-without-call-id")))
        table = table.filter(~is_alone)
    return table.with_columns(key_of()).select(pl.col(column).cast(kind) for column, kind in ROWS.items())


def _times(table: pl.DataFrame, column: str, own: KamailioSettings, feed: Feed) -> list[pl.Series]:
    """``at``, ``fault`` and ``is_ambiguous``: from the epoch columns, else a Julian day, else local text."""
    if own.epoch in table.columns and column == "time":
        micros = _column(table, own.microseconds).cast(pl.Int64, strict=False).fill_null(0)
        at = _column(table, own.epoch).cast(pl.Int64, strict=False) * 1_000_000 + micros
        times = Times.certain(at.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    else:
        text = _column(table, _CREATED).zip_with(_is_created(table), _column(table, column))
        day = text.cast(pl.Float64, strict=False)
        seconds = ((day - _UNIX_EPOCH_DAY) * 86_400 + _LAG_S).round()
        epoch = pl.select(pl.when(day.is_between(2_400_000, 2_500_000)).then(seconds).otherwise(day)).to_series()
        text = epoch.cast(pl.String).fill_null(text)
        times = parse_times(text, ("epoch", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S%.f"), feed.time_zone, feed.fold)
    start, fault, is_ambiguous = times.columns()
    return [start.dt.epoch("us").alias("at"), fault, is_ambiguous]


def _is_created(table: pl.DataFrame) -> pl.Series:
    return _column(table, _CREATED).str.contains("[1-9]")


def _column(table: pl.DataFrame, name: str) -> pl.Series:
    """A column as text, empty where it is null or not there."""
    if name not in table.columns:
        return pl.Series(name, [""], dtype=pl.String).new_from_index(0, table.height)
    return table[name].cast(pl.String).fill_null("")
