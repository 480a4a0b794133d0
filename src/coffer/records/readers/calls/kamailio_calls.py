"""Kamailio's accounting rows to calls and texts, each once. Pure.

INVITE, BYE, ACK, missed-call and CDR rows of one Call-ID are one call. Shared by the readers of its syslog lines and
of its SQLite tables.
"""

from typing import Final

import polars as pl

from coffer.kinds import KINDS

ROWS: Final = pl.Schema(
    {
        "key": pl.String(),
        "file": pl.Int32(),
        "offset": pl.Int64(),
        "what": pl.String(),
        "from_tag": pl.String(),
        "to_tag": pl.String(),
        "is_failed": pl.Boolean(),
        "is_missed": pl.Boolean(),
        "at": pl.Int64(),
        "fault": pl.UInt8(),
        "is_ambiguous": pl.Boolean(),
        "seconds": pl.Float64(),
        "a": pl.String(),
        "b": pl.String(),
        "f": pl.String(),
    }
)
"""One accounting row. ``what``: invite, bye, ack, cancel, message or cdr. ``at``: epoch microseconds, null where it cannot be read, with ``fault``.

``seconds``: of a cdr. ``is_missed``: it came as a missed call, which a site may log beside the failed transaction.
"""
CALL_METHODS: Final = {"INVITE": "invite", "BYE": "bye", "ACK": "ack", "CANCEL": "cancel", "MESSAGE": "message"}
"""Methods of which an event is told; others (REGISTER, OPTIONS, ...) report none."""


def key_of() -> pl.Expr:
    """The key that rows of one event share.

    Needs ``call_id``, ``what``, ``from_tag``, ``at``, ``file`` and ``offset``. A call is known by its Call-ID; a text
    by Call-ID, tag and second, since one Call-ID may carry a conversation of texts.
    """
    alone = pl.format("x{}:{}", "file", "offset")
    text = pl.format("m{}\n{}\n{}", "call_id", pl.col("from_tag").fill_null(""), pl.col("at").fill_null(0) // 1_000_000)
    named = pl.when(pl.col("what") == "message").then(text).otherwise(pl.format("c{}", "call_id"))
    return pl.when(pl.col("call_id").fill_null("") == "").then(alone).otherwise(named).alias("key")


def events_of(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events (columns of ``EVENTS``), and the rows merged into them (``file``, ``what``).

    Every row of ``ROWS`` is in one of the two.
    """
    is_text = rows["what"] == "message"
    events, merged = _texts(rows.filter(is_text))
    calls, more = _calls(rows.filter(~is_text))
    return pl.concat([events, calls]), pl.concat([merged, more])


def _texts(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A failed text that is logged as a transaction and as missed is one."""
    is_double = pl.col("is_missed") & (~pl.col("is_missed")).any().over("key")
    rows = rows.with_columns(is_double=is_double)
    texts = rows.filter(~pl.col("is_double")).with_columns(
        kind=pl.lit(KINDS["text"], pl.UInt8),
        duration_s=pl.lit(None, pl.Int64),
        answered=pl.lit(None, pl.Boolean),
        ended_at=pl.lit(None, pl.Int64),
    )
    return _as_events(texts), rows.filter("is_double").select("file", what=pl.lit("missed-text"))


def _calls(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = rows.with_row_index("row")
    invites = rows.filter(pl.col("what") == "invite")
    # An answered INVITE stands for those that failed before it. If all failed, the last says how the call ended.
    order = pl.when("is_failed").then(-pl.col("row").cast(pl.Int64)).otherwise(pl.col("row").cast(pl.Int64))
    # OpenSIPS writes an INVITE row that says how long the call was. It stands for one that only says it was answered.
    chosen = invites.sort("is_failed", pl.col("seconds").is_null(), order).unique(
        "key", keep="first", maintain_order=True
    )
    cdrs = rows.filter(pl.col("what") == "cdr").sort("seconds", descending=True, maintain_order=True)
    cdrs = cdrs.unique("key", keep="first", maintain_order=True)
    lone = cdrs.join(chosen, on="key", how="anti")
    calls = pl.concat([_joined(chosen, cdrs, rows.filter(pl.col("what") == "bye")), _lone(lone)])
    merged = rows.join(calls.select("row"), on="row", how="anti").select("file", "what")
    return _as_events(calls), merged


def _joined(chosen: pl.DataFrame, cdrs: pl.DataFrame, byes: pl.DataFrame) -> pl.DataFrame:
    """Calls with an INVITE row, completed by what their CDR and BYE rows say."""
    tags = pl.concat_str(pl.min_horizontal("from_tag", "to_tag"), pl.lit("\n"), pl.max_horizontal("from_tag", "to_tag"))
    ends = byes.select("key", "at", tags=tags).group_by("key", "tags").agg(ended_at=pl.col("at").min())
    calls = chosen.rename({"seconds": "own_seconds"}).with_columns(tags=tags).join(ends, on=["key", "tags"], how="left")
    calls = calls.join(cdrs.select("key", "seconds", cdr_a="a", cdr_b="b"), on="key", how="left")
    talked = pl.when(~pl.col("is_failed") & (pl.col("ended_at") >= pl.col("at"))).then(
        (pl.col("ended_at") - pl.col("at")) // 1_000_000
    )
    return calls.select(
        *(name for name in chosen.columns if name not in ("a", "b", "seconds")),
        a=pl.when(pl.col("a") == "").then(pl.col("cdr_a").fill_null("")).otherwise("a"),
        b=pl.when(pl.col("b") == "").then(pl.col("cdr_b").fill_null("")).otherwise("b"),
        duration_s=pl.coalesce(pl.coalesce("seconds", "own_seconds").floor().cast(pl.Int64, strict=False), talked),
        answered=~pl.col("is_failed"),
        kind=pl.lit(KINDS["call"], pl.UInt8),
        ended_at="ended_at",
    )


def _lone(cdrs: pl.DataFrame) -> pl.DataFrame:
    """Calls of which only the CDR row is there: 0 seconds may be a failed call or a very short one."""
    return cdrs.select(
        *(name for name in cdrs.columns if name not in ("a", "b", "seconds")),
        a="a",
        b="b",
        duration_s=pl.col("seconds").floor().cast(pl.Int64, strict=False),
        answered=pl.when(pl.col("seconds") > 0).then(statement=True),
        kind=pl.lit(KINDS["call"], pl.UInt8),
        ended_at=pl.lit(None, pl.Int64),
    )


def _as_events(rows: pl.DataFrame) -> pl.DataFrame:
    start = pl.col("at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("start")
    last = pl.col("ended_at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("last_stamp")
    # A text may be sent again within its second: only a call is known by its key alone.
    event_id = pl.when(pl.col("kind") == KINDS["call"]).then(pl.col("key").hash()).alias("event_id")
    return rows.select(
        "file",
        "offset",
        "kind",
        start,
        "duration_s",
        "answered",
        "a",
        "b",
        "f",
        "fault",
        "is_ambiguous",
        last,
        event_id,
    )
