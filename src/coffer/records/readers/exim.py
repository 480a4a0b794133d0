"""Exim mainlogs: one record per recipient with its last status, joined by message id.

Decided in ``docs/formats/readers-mail.md``. Source: the Exim specification, chapter "Log files", and its ``deliver.c`` for the order of
addresses; seen in a genuine log.
"""

from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers import stamps
from coffer.records.readers.lines import Lines, some_rejects
from coffer.records.readers.mail import ANGLED, with_columns_of
from coffer.records.readers.mail_log import MailLogReader
from coffer.records.readers.mail_queue import DEFERRED, FAILED, NOTICE, ROWS, SENT, QueueRules, Role
from coffer.records.rejects import Reason
from coffer.records.settings import EximSettings

_ID: Final = r"[0-9A-Za-z]{6}-(?:[0-9A-Za-z]{6}-[0-9A-Za-z]{2}|[0-9A-Za-z]{11}-[0-9A-Za-z]{4})"
"""Of 16 characters, since Exim 4.97 of 23; the first six are the second of arrival, to base 62."""
_STAMP: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?: [+-][0-9]{4})?"
_LINE: Final = rf"^({_STAMP}) (?:\[[0-9]+\] )?(?:({_ID}) (?:(<=|=>|->|>>|\*>|\*\*|==) |(Completed)))?(.*)$"
_WORD: Final = r'((?:"(?:[^"\\]|\\.)*"|[^" ])+)'
_DELIVERY: Final = rf"^{_WORD}(?: \([^)]*\))?(?: {ANGLED})?(?: F={ANGLED})?(?:[ :]|$)"
"""The address it went to, those between, the one it was written to, the sender if that is logged."""
_TO_PROGRAM: Final = rf"^[|/:>][^<]*{ANGLED} "
"""A file, pipe or special address, which may hold blanks, and the address that led to it."""
_ARRIVAL: Final = rf"^{_WORD}( R={_ID} )?"
_MESSAGE_ID: Final = rf'^{_WORD}(?: [^"]*?)? id=([^ "]+)'
_CHILD: Final = rf'C="250 [^"]*(?:id=|queued as )({_ID}|[0-9A-Za-z]{{5,20}})"'
_STATUSES: Final = {"=>": SENT, "->": SENT, ">>": SENT, "**": FAILED, "==": DEFERRED}
_BASE_62: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_WORTH: Final = np.array([max(0, _BASE_62.find(bytes([byte]))) for byte in range(256)], np.int64)
_POWERS: Final = 62 ** np.arange(5, -1, -1, dtype=np.int64)


def recognise(head: bytes, name: str) -> str | None:  # noqa: ARG001 - one signature for every format
    """Why these first bytes of a file look like a mainlog of Exim, in words without content; None if they do not."""
    lines = pl.Series([head.decode("utf-8", "replace")]).str.split("\n").explode()
    found = lines.str.contains(
        rf"^{_STAMP} (?:\[[0-9]+\] )?(?:{_ID} (?:<=|=>|->|\*\*|==|Completed)|exim [0-9.]+ daemon started)"
    ).sum()
    return f"{found} of the first {len(lines)} lines have an Exim message id and a flag" if found else None


def arrival_seconds(ids: pl.Series) -> pl.Series:
    """The second of arrival that an id begins with, as polars datetime[us, UTC]."""
    heads = ids.str.head(6).to_arrow().cast(pa.large_binary())
    if not len(heads):
        return pl.Series([], dtype=pl.Datetime("us", "UTC"))
    digits = np.frombuffer(heads.buffers()[2], np.uint8, 6 * len(heads)).reshape(-1, 6)
    return pl.Series(_WORTH[digits] @ _POWERS * 1_000_000).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


class EximReader(MailLogReader):
    """Reads mainlogs of one host, oldest file first. ``coffer.records.readers.port.Reader``."""

    def __init__(self, feed: Feed, window: Window) -> None:
        super().__init__(feed=feed, window=window, rules=QueueRules(are_reused=False))
        self._settings = feed.settings if isinstance(feed.settings, EximSettings) else EximSettings()

    def _read(self, lines: Lines, file: int) -> pl.DataFrame:
        fields = (
            lines.text.str.extract_groups(_LINE)
            .struct.rename_fields(["stamp", "qid", "flag", "completed", "message"])
            .struct.unnest()
            .with_columns(line=lines.numbers)
        )
        self._logged += int(fields["stamp"].is_not_null().sum())
        self._ledger.skip(file, fields.select(_word())["word"].drop_nulls())
        rows = fields.filter(pl.col("qid").is_not_null() & (pl.col("flag").is_null() | (pl.col("flag") != "*>")))
        rows = rows.with_columns(
            host=pl.lit(""),
            file=pl.lit(file, pl.Int64),
            time=arrival_seconds(rows["qid"]),
            fault=pl.lit(0, pl.UInt8),
            is_ambiguous=False,
        )
        arrivals = self._arrivals(rows.filter(pl.col("flag") == "<="))
        attempts = _attempts(rows.filter(pl.col("flag") != "<="), self._settings)
        bad = attempts["text"].is_null()
        self._ledger.reject(file, some_rejects(attempts.filter(bad)["line"].to_numpy(), Reason.BAD_RECORD))
        completed = rows.filter(pl.col("completed").is_not_null()).with_columns(role=pl.lit(Role.REMOVED))
        parts = (arrivals, attempts.filter(~bad), completed)
        return pl.concat([with_columns_of(part, ROWS) for part in parts]).sort("line")

    def _arrivals(self, rows: pl.DataFrame) -> pl.DataFrame:
        """When and from whom. A time that the clock showed twice is the one that the id tells."""
        stamped = stamps.read_stamps(rows["stamp"], (*stamps.WITH_ZONE, *stamps.WITHOUT_ZONE), self._feed)
        is_told_by_id = (stamped.fault == Reason.AMBIGUOUS_TIME) | stamped.is_ambiguous
        parts = rows["message"].str.extract_groups(_ARRIVAL).struct.rename_fields(["sender", "parent"]).struct.unnest()
        return rows.with_columns(
            role=pl.lit(Role.OPEN),
            time=rows["time"].zip_with(is_told_by_id, stamped.time),
            fault=stamped.fault.set(is_told_by_id, 0),
            sender=parts["sender"].replace("<>", ""),
            status=pl.when(parts["parent"].is_not_null()).then(NOTICE),
            orig=pl.col("message").str.extract(_MESSAGE_ID, 2),
        )


def _attempts(rows: pl.DataFrame, settings: EximSettings) -> pl.DataFrame:
    """To whom and how it went; ``text`` is null where no recipient can be read."""
    groups = rows["message"].str.extract_groups(_DELIVERY)
    parts = groups.struct.rename_fields(["final", "top", "sender"]).struct.unnest()
    is_special = pl.col("final").str.contains("^[|/:>]")
    top = pl.when(is_special).then(pl.col("message").str.extract(_TO_PROGRAM)).otherwise(pl.col("top"))
    final = pl.col("final").str.strip_chars_end(":")
    is_user = ~final.str.contains("@", literal=True) & ~is_special
    is_alias = (final.str.to_lowercase() + "@") != top.str.extract("^([^@]*@)").str.to_lowercase()
    qualified = final + f"@{settings.qualify_domain}" if settings.qualify_domain else final
    return rows.hstack(parts).with_columns(
        role=pl.lit(Role.TO),
        text=pl.when(is_user & is_alias.fill_null(value=True)).then(qualified).otherwise(final),
        orig=top,
        status=pl.col("flag").replace_strict(_STATUSES, return_dtype=pl.UInt8),
        delay_s=pl.lit(0.0),
        child=pl.col("message").str.extract(_CHILD),
    )


def _word() -> pl.Expr:
    """Under which word a line that is no delivery is counted; null for a delivery."""
    flag, message = pl.col("flag"), pl.col("message")
    return (
        pl.when(pl.col("stamp").is_null())
        .then(pl.lit("no-log-line"))
        .when(pl.col("completed").is_not_null())
        .then(pl.lit("removed"))
        .when(flag == "<=")
        .then(pl.lit("accepted"))
        .when(flag == "*>")
        .then(pl.lit("suppressed"))
        .when(flag.is_not_null())
        .then(None)
        .when(message.str.contains(r"^[^\"]* rejected (?:RCPT|MAIL|EHLO|HELO|after DATA|connection)"))
        .then(pl.lit("refused"))
        .otherwise(pl.lit("other"))
        .alias("word")
    )
