"""What no record may break, whatever the source: checks on what readers give. Pure.

The checks compare events with evidence that was taken from the same lines. A reader joins lines by rules of its own;
these rules know nothing of how, so that a wrong join shows. They reject nothing: a broken one is counted, and
``coffer feed check`` shows it as ``cannot be true``.

1. ``longer-than-its-lines``: a call lasts at most from its start to the last stamp of its own lines.
2. ``ended-before-it-began``: no line of an event is older than its start.
3. ``answered-without-talk``: an answered call has a talk time, or a stamp of its answer.
4. ``twice``: one event, one record: no two share the id by which the source knows them.
"""

from typing import Final

import polars as pl

SLACK: Final = pl.duration(seconds=1)
"""Sources round each stamp to seconds by itself."""
EVIDENCE: Final = {
    "last_stamp": pl.Datetime("us", "UTC"),
    "has_answer": pl.Boolean(),
    "event_id": pl.UInt64(),
}
"""Columns that a reader may add to its events: the last stamp of the event's own lines, whether one of them is an answer, and the source's id of
the event with the recipient, if there may be several, as a hash. Null, or no column, where the source does not tell."""


def broken(events: pl.DataFrame) -> pl.DataFrame:
    """Events that break an invariant: columns ``file`` and ``what``, a row each.

    ``events`` has ``file`` and ``start``; of the other columns a rule uses those that are there.
    """
    names = set(events.columns)
    found = []
    if "last_stamp" in names:
        found.append(_rows(events, pl.col("last_stamp") < pl.col("start") - SLACK, "ended-before-it-began"))
        if "duration_s" in names:
            end = pl.col("start") + pl.duration(seconds=pl.col("duration_s"))
            found.append(_rows(events, end > pl.col("last_stamp") + SLACK, "longer-than-its-lines"))
    if "has_answer" in names:
        is_silent = pl.col("answered") & (pl.col("duration_s").fill_null(0) == 0) & ~pl.col("has_answer")
        found.append(_rows(events, is_silent, "answered-without-talk"))
    if (
        "event_id" in names
        and events["event_id"].drop_nulls().n_unique() < len(events) - events["event_id"].null_count()
    ):
        again = pl.col("event_id").is_not_null() & ~pl.col("event_id").is_first_distinct()
        found.append(_rows(events, again, "twice"))
    return pl.concat(found) if found else pl.DataFrame(schema={"file": pl.Int64, "what": pl.String})


def _rows(events: pl.DataFrame, is_broken: pl.Expr, what: str) -> pl.DataFrame:
    rows = events.filter(is_broken.fill_null(value=False))
    return rows.select(pl.col("file").cast(pl.Int64), what=pl.lit(what))
