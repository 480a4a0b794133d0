"""The queue of a mail host as its log shows it: which lines belong to one message, and what became of each recipient.

Everything is decided by the order of lines and never by how a file was cut into pieces, so that the same files give the same records.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import polars as pl

from coffer.records.readers.mail import RECORDS, UTC_MICROS, Columns, Ledger, addressed
from coffer.records.readers.port import MAX_OPEN


class Role(IntEnum):
    """What a line says of a queue id."""

    OPEN = 1
    MESSAGE_ID = 2
    FROM = 3
    TO = 4
    REMOVED = 5
    ALIAS = 6


OPEN: Final = Role.OPEN
STEP: Final = 1 << 18
"""Rows that are joined at a time: about 60 MB."""
MAX_ALIASES: Final = 4
"""Lists within lists that are followed back to what the sender wrote; a list that holds itself ends there too."""
GRACE: Final = 20_000
"""Rows for which a removed message stays open: its bounce, or the message that a content filter made of it, may come later."""
SENT: Final = 1
DEFERRED: Final = 2
FAILED: Final = 3
NOTICE: Final = 9
"""Status of ``Role.OPEN`` where the system itself made the message, to tell of a failure."""
ROWS: Final[Columns] = {
    "file": pl.Int64,
    "line": pl.Int64,
    "role": pl.UInt8,
    "host": pl.String,
    "qid": pl.String,
    "time": UTC_MICROS,
    "fault": pl.UInt8,
    "is_ambiguous": pl.Boolean,
    "text": pl.String,
    "sender": pl.String,
    "orig": pl.String,
    "status": pl.UInt8,
    "delay_s": pl.Float64,
    "child": pl.String,
}
"""``text``: the recipient or message id of the line, which may also be ``orig`` of an arrival. ``sender``: empty for the null
sender. ``orig``: what the sender wrote, where it differs. ``child``: the queue id that the message went on under. Null where a line has none."""
_KEY: Final = ["host", "qid", "epoch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRules:
    """How a source uses its ids.

    ``are_reused``: an id may stand for another message once the first is removed. ``is_in_order``: the last line about a
    recipient is its last status; else, where servers of one message log apart, the latest time is. ``max_open``: rows of
    open messages before the oldest is given as it stands.
    """

    are_reused: bool
    is_in_order: bool = True
    max_open: int = MAX_OPEN


class Queue:
    """Rows of messages that are not complete yet."""

    __slots__ = ("_forwards", "_ledger", "_rows", "_rules", "_seen")

    def __init__(self, ledger: Ledger, rules: QueueRules) -> None:
        self._ledger = ledger
        self._rules = rules
        self._rows = pl.DataFrame(schema={**ROWS, "seq": pl.Int64})
        self._forwards = pl.DataFrame(schema={"host": pl.String, "qid": pl.String})
        self._seen = 0

    def settle(self, rows: pl.DataFrame, *, is_last: bool) -> pl.DataFrame:
        """Add the next rows of the log; gives the mail that is complete, as ``mail.RECORDS``. With ``is_last``, all of it."""
        rows = rows.with_columns(seq=pl.arange(self._seen, self._seen + len(rows), eager=True, dtype=pl.Int64))
        self._seen += len(rows)
        rows = _with_epochs(pl.concat([self._rows, rows]), are_reused=self._rules.are_reused)
        children = rows.filter(pl.col("child").is_not_null()).select("host", qid="child")
        self._forwards = pl.concat([self._forwards, children]).unique()
        messages = _messages(rows, self._forwards)
        attempts = rows.filter(pl.col("role") == Role.TO).join(messages, on=_KEY, how="left", maintain_order="left")
        attempts, handed = self._hand_over(attempts, messages, is_last=is_last)
        messages = messages.join(handed, on=_KEY, how="left").with_columns(waits=pl.col("waits").fill_null(value=False))
        done = messages.filter(_is_done(self._seen, is_last=is_last)).select(*_KEY)
        done = _with_oldest(done, messages, rows, self._rules.max_open)
        complete = attempts.join(done, on=_KEY, how="semi", maintain_order="left")
        kept = rows.join(done, on=_KEY, how="anti", maintain_order="left")
        told = attempts.join(done, on=_KEY, how="anti").select("seq")
        self._rows = kept.filter((pl.col("role") != Role.TO) | pl.col("seq").is_in(told["seq"].implode())).select(
            self._rows.columns
        )
        self._forwards = self._forwards.join(self._rows, on=["host", "qid"], how="semi")
        return self._last_statuses(_with_aliases(complete, rows))

    def _hand_over(
        self, attempts: pl.DataFrame, messages: pl.DataFrame, *, is_last: bool
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Take out deliveries to a queue whose log is here too: to a content filter and back, to an alias, to the next host.

        The message that was made of it has its own recipients and stands for it, if it has a delivery line; where it may
        still get one, the message waits. The message id must be the same and the other message younger: what a foreign
        server claims of its queue changes nothing.
        """
        links = attempts.filter(
            pl.col("child").is_not_null() & pl.col("message_id").is_not_null() & (pl.col("status") == SENT)
        )
        nothing = pl.DataFrame(schema={**{name: attempts.schema[name] for name in _KEY}, "waits": pl.Boolean})
        if links.is_empty():
            return attempts, nothing
        reached = attempts.select(*_KEY, has_attempt=True).unique()
        children = messages.join(reached, on=_KEY, how="left").select(
            "message_id",
            child="qid",
            child_host="host",
            child_first="first",
            child_start="start",
            has_attempt="has_attempt",
        )
        younger = (
            pl.when(pl.col("host") == pl.col("child_host"))
            .then(pl.col("child_first") > pl.col("first"))
            .otherwise(pl.col("child_start") >= pl.col("start"))
        )
        pairs = links.join(children, on=["message_id", "child"], how="inner").filter(younger.fill_null(value=False))
        told = pairs.filter(pl.col("has_attempt")).unique("seq")
        self._ledger_merge(told, "handed-over")
        recipient = [*_KEY, "text", "orig"]
        ended = told.group_by(recipient).agg(until=pl.col("seq").max())
        earlier = attempts.join(told, on="seq", how="anti").join(ended, on=recipient, how="inner", nulls_equal=True)
        earlier = earlier.filter(pl.col("seq") < pl.col("until"))
        self._ledger_merge(earlier, "deferred")
        gone = pl.concat([told.select("seq"), earlier.select("seq")])
        waiting = pairs if is_last else pairs.filter(pl.col("has_attempt").is_null())
        waits = nothing if is_last else waiting.select(*_KEY, waits=True).unique()
        return attempts.join(gone, on="seq", how="anti", maintain_order="left"), waits

    def _last_statuses(self, attempts: pl.DataFrame) -> pl.DataFrame:
        """One row a recipient; the attempts before the last are merged, and so is the mail that tells of a failure."""
        if attempts.is_empty():
            return pl.DataFrame(schema=RECORDS)
        notices = attempts.filter(pl.col("is_notice"))
        self._ledger_merge(notices, "bounce")
        order = ["seq"] if self._rules.is_in_order else ["time", "seq"]
        attempts = attempts.filter(~pl.col("is_notice")).sort(order).with_row_index("place")
        is_latest = pl.col("place") == pl.col("place").max().over([*_KEY, "text", "orig"])
        earlier = attempts.filter(~is_latest)
        self._ledger_merge(earlier.filter(pl.col("status") == DEFERRED), "deferred")
        self._ledger_merge(earlier.filter(pl.col("status") != DEFERRED), "repeated")
        return (
            attempts.filter(is_latest)
            .select(
                "file",
                "line",
                start=pl.col("start"),
                fault=pl.when(pl.col("start").is_null()).then(pl.col("start_fault")).otherwise(0).cast(pl.UInt8),
                is_ambiguous=pl.col("start_is_ambiguous"),
                a=pl.col("written_by").fill_null(""),
                **addressed(written=pl.col("orig").fill_null(""), final=pl.col("text")),
                answered=pl.col("status") == SENT,
            )
            .select(*RECORDS)
        )

    def _ledger_merge(self, attempts: pl.DataFrame, word: str) -> None:
        self._ledger.merge(attempts["file"], word)


def _with_epochs(rows: pl.DataFrame, *, are_reused: bool) -> pl.DataFrame:
    """Number the messages that used one queue id one after the other: ``removed`` ends one, an accepted message begins one."""
    if not are_reused:
        return rows.with_columns(epoch=pl.lit(0, pl.Int64))
    rows = rows.sort("host", "qid", "seq")
    is_same = (rows["host"] == rows["host"].shift()) & (rows["qid"] == rows["qid"].shift())
    begins = ((rows["role"] == Role.OPEN) | (rows["role"].shift() == Role.REMOVED) | ~is_same).fill_null(value=True)
    return rows.with_columns(epoch=begins.cum_sum().cast(pl.Int64)).sort("seq")


def _with_aliases(attempts: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """``orig`` by the lines that tell how a list or redirected address became its recipients, back to what the sender wrote."""
    aliases = rows.filter(pl.col("role") == Role.ALIAS).unique([*_KEY, "text"], keep="first", maintain_order=True)
    if aliases.is_empty():
        return attempts
    aliases = aliases.select(*_KEY, "text", written="orig")
    for _ in range(MAX_ALIASES):
        attempts = attempts.with_columns(at=pl.coalesce("orig", "text"))
        attempts = attempts.join(
            aliases, left_on=[*_KEY, "at"], right_on=[*_KEY, "text"], how="left", maintain_order="left"
        )
        attempts = attempts.with_columns(orig=pl.coalesce("written", "orig")).drop("at", "written")
    return attempts


def _messages(rows: pl.DataFrame, forwards: pl.DataFrame) -> pl.DataFrame:
    """One row a message: when it came, from whom, and whether it is gone. ``forwards``: ids under which mail went on."""
    role, time = pl.col("role"), pl.col("time")
    began = (role == Role.OPEN) | (role == Role.MESSAGE_ID)
    attempt = role == Role.TO
    messages = rows.group_by(_KEY, maintain_order=True).agg(
        first=pl.col("seq").min(),
        removed=pl.col("seq").filter(role == Role.REMOVED).max(),
        written_by=pl.col("sender").drop_nulls().first(),
        message_id=pl.coalesce("text", "orig").filter(role.is_in([Role.OPEN, Role.MESSAGE_ID])).drop_nulls().last(),
        is_told=(pl.col("status").filter(role == Role.OPEN) == NOTICE).any(),
        was_accepted=(role == Role.OPEN).any(),
        was_made=(role == Role.MESSAGE_ID).any(),
        began=began.any(),
        start=time.filter(began).min(),
        start_fault=pl.col("fault").filter(began).max(),
        start_is_ambiguous=pl.col("is_ambiguous").filter(began).first(),
        attempted=time.filter(attempt).first(),
        attempt_fault=pl.col("fault").filter(attempt).first(),
        attempt_is_ambiguous=pl.col("is_ambiguous").filter(attempt).first(),
        delay_us=(pl.col("delay_s").filter(attempt).first() * 1e6).clip(0, 1e15).cast(pl.Int64),
    )
    reckoned = (pl.col("attempted") - pl.duration(microseconds=pl.col("delay_us"))).dt.truncate("1s")
    from_system = (pl.col("written_by") == "") | pl.col("written_by").str.starts_with("double-bounce@")
    return messages.join(forwards.with_columns(is_forward=True), on=["host", "qid"], how="left").select(
        *_KEY,
        "first",
        "removed",
        "written_by",
        "message_id",
        start=pl.when("began").then("start").otherwise(reckoned),
        start_fault=pl.when("began").then("start_fault").otherwise("attempt_fault"),
        start_is_ambiguous=pl.when("began").then("start_is_ambiguous").otherwise("attempt_is_ambiguous"),
        is_notice=pl.col("is_told")
        | (~pl.col("was_accepted") & pl.col("was_made") & from_system & pl.col("is_forward").is_null()).fill_null(
            value=False
        ),
    )


def _is_done(seen: int, *, is_last: bool) -> pl.Expr:
    if is_last:
        return pl.lit(value=True)
    return (pl.col("removed") < seen - GRACE).fill_null(value=False) & ~pl.col("waits")


def _with_oldest(done: pl.DataFrame, messages: pl.DataFrame, rows: pl.DataFrame, max_open: int) -> pl.DataFrame:
    """With the oldest messages too, if more than ``max_open`` stay open: they are given as they stand."""
    waiting = messages.join(done, on=_KEY, how="anti").sort("first")
    waiting = waiting.join(rows.group_by(_KEY).len("rows"), on=_KEY, how="left", maintain_order="left")
    total = waiting["rows"].cast(pl.Int64).cum_sum()
    excess = int(np.searchsorted(total.to_numpy(), max(0, int(total[-1]) - max_open))) if len(total) else 0
    return pl.concat([done, waiting.head(excess).select(*_KEY)]) if excess else done
