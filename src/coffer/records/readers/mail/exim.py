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
from coffer.records.readers.account import with_columns_of
from coffer.records.readers.mail.addresses import ANGLED
from coffer.records.readers.mail.log import MailLogReader
from coffer.records.readers.mail.queue import DEFERRED, FAILED, NOTICE, ROWS, SENT, QueueRules, Role
from coffer.records.readers.text import prefixes, stamps
from coffer.records.readers.text.lines import Lines
from coffer.records.rejects import Reason, some_rejects
from coffer.records.settings import EximSettings

_ID: Final = r"[0-9A-Za-z]{6}-(?:[0-9A-Za-z]{6}-[0-9A-Za-z]{2}|[0-9A-Za-z]{11}-[0-9A-Za-z]{4})"
"""A message id: 16 characters, since Exim 4.97 23. The first six are the second of arrival, to base 62."""
_STAMP: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?: [+-][0-9]{4})?"
_FLAG: Final = r"(?:<=|=>|->|>>|\*>|\*\*|==)"
_COMPLETED: Final = "Completed"
_TOLD: Final = rf"(?:\[[0-9]+\] )?(?:({_ID}) (?:({_FLAG}) |({_COMPLETED})))?(.*)$"
_PLAIN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9A-Za-z]"
"""A line that begins with a stamp of ``_PLAIN_WIDTH`` characters, and with neither a zone nor a process behind it."""
_PLAIN_WIDTH: Final = 19
_START: Final = rf"^({_STAMP}) ((?:\[[0-9]+\] )?)"
"""Stamp, process."""
_OF_MESSAGE: Final = rf"^{_ID} (?:{_FLAG} |{_COMPLETED})"
_SYSLOG: Final = (
    rf"^({prefixes.STAMP}) ([^ ]+) exim[^ :\[]*(?:\[[0-9]+\])?: (?:\[[0-9]+[\\/][0-9]+\] )?(?:({_STAMP}) )?{_TOLD}"
)
"""A line that went through a syslog, with or without Exim's own stamp, perhaps the first part of a long one."""
_LOST: Final = r"(?:^| )[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4} (?:=>|->|>>|\*\*|==) "
_LOST_START: Final = r"^[^ ]+ (?:=>|->|>>|\*\*|==) "
"""A delivery in a line of another form, or with an id of another form."""
_WORD: Final = r'((?:"(?:[^"\\]|\\.)*"|[^" ])+)'
_DELIVERY: Final = rf"^{_WORD}(?: \([^)]*\))?(?: {ANGLED})?(?: F={ANGLED})?(?:[ :]|$)"
"""The address it went to, those between, the one it was written to, the sender if that is logged."""
_TO_PROGRAM: Final = rf"^(?:[|/:>]|[^ ]+ [|/])[^<]*{ANGLED} "
"""A file, pipe or special address, which may hold blanks, and the address that led to it; cPanel writes a local part in front."""
_SPECIAL: Final = r"^(?:[|/:>]|[^ ]+ [|/])"
_FROM_HERE: Final = r" H=[^\[]*\[(?:127\.|::1\])"
"""A host that is this one."""
_DISCARDED: Final = r'C="250 [0-9.]+ (?i:ok, (?:id=[^,)"]*, ?)?(?:discard|bounce|reject|quarantine))'
"""A filter that answers so (amavis) took the mail and threw it away."""
_ARRIVAL: Final = rf"^{_WORD}( R={_ID} )?"
_MESSAGE_ID: Final = r'^(?:"(?:[^"\\]|\\.)*"|[^" ])+(?: [^"]*?)? id=([^ "]+)'
_CHILD: Final = rf'C="250 [^"]*(?:id=|queued as )({_ID}|[0-9A-Za-z]{{5,20}})"'
_STATUSES: Final = {"=>": SENT, "->": SENT, ">>": SENT, "**": FAILED, "==": DEFERRED}
_BASE_62: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_WORTH: Final = np.array([max(0, _BASE_62.find(bytes([byte]))) for byte in range(256)], np.int64)
_POWERS: Final = 62 ** np.arange(5, -1, -1, dtype=np.int64)


def recognise(head: bytes, name: str) -> str | None:  # noqa: ARG001 - one signature for every format
    """Why a file looks like a mainlog of Exim, in words without content; None if it does not."""
    lines = pl.Series([head.decode("utf-8", "replace")]).str.split("\n").explode()
    form = rf"{_STAMP} (?:\[[0-9]+\] )?(?:{_ID} (?:<=|=>|->|\*\*|==|Completed)|exim [0-9.]+ daemon started)"
    found = lines.str.contains(f"^{form}").sum()
    if not found:
        prefix = rf"^{prefixes.STAMP} [^ ]+ exim[^ :\[]*(?:\[[0-9]+\])?: (?:\[[0-9]+[\\/][0-9]+\] )?"
        shape = rf"{prefix}(?:{form}|(?:\[[0-9]+\] )?{_ID} (?:<=|=>|->|\*\*|==|Completed))"
        found = prefixes.unwrapped(lines).str.contains(shape).sum()
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
        super().__init__(feed=feed, window=window, rules=QueueRules(are_reused=False, is_time_of_line=False))
        self._settings = feed.settings if isinstance(feed.settings, EximSettings) else EximSettings()

    def _read(self, lines: Lines, file: int) -> pl.DataFrame:
        fields = _fields(lines.text).with_columns(line=lines.numbers, host=pl.lit(""))
        fields, is_lost = _with_syslog(fields, lines)
        self._logged += int(fields["stamp"].is_not_null().sum())
        self._account.reject(file, some_rejects(fields["line"].filter(is_lost).to_numpy(), Reason.BAD_RECORD))
        self._account.skip(fields.filter(~is_lost).select(file=pl.lit(file), what=_word()))
        rows = fields.filter(pl.col("qid").is_not_null() & (pl.col("flag").is_null() | (pl.col("flag") != "*>")))
        rows = rows.with_columns(
            file=pl.lit(file, pl.Int64),
            time=arrival_seconds(rows["qid"]),
            fault=pl.lit(0, pl.UInt8),
            is_ambiguous=False,
        )
        arrivals = self._arrivals(rows.filter(pl.col("flag") == "<="))
        attempts = self._attempts(rows.filter(pl.col("flag") != "<="))
        bad = attempts["text"].is_null()
        self._account.reject(file, some_rejects(attempts.filter(bad)["line"].to_numpy(), Reason.BAD_RECORD))
        completed = rows.filter(pl.col("completed").is_not_null()).with_columns(role=pl.lit(Role.REMOVED))
        parts = (arrivals, attempts.filter(~bad), completed)
        return pl.concat([with_columns_of(part, ROWS) for part in parts]).sort("line")

    def _arrivals(self, rows: pl.DataFrame) -> pl.DataFrame:
        """When and from whom. A time that the clock showed twice is the one that the id tells."""
        stamped = stamps.parse_stamps(rows["stamp"], (*stamps.WITH_ZONE, *stamps.WITHOUT_ZONE), self._feed)
        is_told_by_id = (stamped.fault == Reason.AMBIGUOUS_TIME) | stamped.is_ambiguous | (rows["stamp"] == "")
        parts = rows["message"].str.extract_groups(_ARRIVAL).struct.rename_fields(["sender", "parent"]).struct.unnest()
        return rows.with_columns(
            role=pl.lit(Role.OPEN),
            time=rows["time"].zip_with(is_told_by_id, stamped.start),
            fault=stamped.fault.set(is_told_by_id, 0),
            sender=parts["sender"].replace("<>", ""),
            status=pl.when(parts["parent"].is_not_null()).then(NOTICE),
            orig=_message_ids(rows["message"]),
            is_local=_is_here(),
        )

    def _attempts(self, rows: pl.DataFrame) -> pl.DataFrame:
        """To whom and how it went; of deliveries within this host also when they ended."""
        rows = _attempts(rows, self._settings).with_columns(is_local=_is_here())
        is_local = rows["is_local"] & (rows["status"] == SENT)
        if not is_local.any():
            return rows
        at = is_local.arg_true()
        stamped = stamps.parse_stamps(rows["stamp"].gather(at), (*stamps.WITH_ZONE, *stamps.WITHOUT_ZONE), self._feed)
        until = pl.Series([None], dtype=stamped.start.dtype).new_from_index(0, len(rows))
        return rows.with_columns(until=until.scatter(at, stamped.start))


def _fields(text: pl.Series) -> pl.DataFrame:
    """The parts of ``STAMP [PROCESS] ID FLAG MESSAGE``; all null where a line has another form.

    Id and flag are null in a line that tells nothing of a message; ``completed`` stands in the place of the flag. Lines
    are cut at blanks, since a pattern with so many groups takes four times as long.
    """
    widths = pl.Series([_PLAIN_WIDTH], dtype=pl.UInt32).new_from_index(0, len(text))
    starts = widths + 1
    others = (~text.str.contains(_PLAIN)).arg_true()
    if len(others):
        start = text.gather(others).str.extract_groups(_START).struct.rename_fields(["stamp", "process"])
        stamp, process = (part.str.len_chars() for part in start.struct.unnest().get_columns())
        widths, starts = widths.scatter(others, stamp), starts.scatter(others, stamp + 1 + process)
    told = pl.DataFrame({"text": text, "width": widths, "start": starts}).select(
        stamp=pl.when(pl.col("width").is_not_null()).then(pl.col("text").str.slice(0, pl.col("width"))),
        rest=pl.col("text").str.slice(pl.col("start")),
    )
    parts = pl.col("rest").str.splitn(" ", 3).struct.rename_fields(["qid", "flag", "message"])
    told = told.with_columns(is_told=pl.col("rest").str.contains(_OF_MESSAGE), parts=parts).unnest("parts")
    is_flag = pl.col("is_told") & ~pl.col("flag").str.starts_with(_COMPLETED)
    return told.select(
        "stamp",
        qid=pl.when("is_told").then("qid"),
        flag=pl.when(is_flag).then("flag"),
        completed=pl.when(pl.col("is_told") & ~is_flag).then(pl.lit(_COMPLETED)),
        message=pl.when(is_flag).then("message").when(~pl.col("is_told")).then("rest"),
    )


def _message_ids(message: pl.Series) -> pl.Series:
    """The message id of each arrival, null where there is none.

    In nearly all lines it is the first ``id=`` behind two words or more, without a quote before it. Only others need
    the pattern, which is slow.
    """
    parts = message.str.splitn(" id=", 2).struct.rename_fields(["before", "behind"]).struct.unnest()
    is_plain = pl.col("before").str.contains('^[^ "]+ [^"]*$') & pl.col("behind").str.contains('^[^ "]')
    odd = parts.select(pl.col("behind").is_not_null() & ~is_plain).to_series().arg_true()
    found = parts["behind"].str.extract('^([^ "]+)')
    return found.scatter(odd, message.gather(odd).str.extract(_MESSAGE_ID)) if len(odd) else found


def _is_here() -> pl.Expr:
    """Whether mail came from, or went to, a program or filter of this host.

    Then the line names no host, or this one.
    """
    message = pl.col("message")
    return ~message.str.contains(" H=", literal=True) | message.str.contains(_FROM_HERE)


def _with_syslog(fields: pl.DataFrame, lines: Lines) -> tuple[pl.DataFrame, pl.Series]:
    """Lines that begin with something else, read again behind a syslog's prefix.

    Says too which of them tell of a delivery that cannot be read.
    """
    odd = fields["stamp"].is_null()
    is_lost = pl.Series([False]).new_from_index(0, len(odd))
    if odd.any():
        at = odd.arg_true()
        text = prefixes.unwrapped(lines.text.gather(at))
        names = ["outer", "host", "stamp", "qid", "flag", "completed", "message"]
        again = text.str.extract_groups(_SYSLOG).struct.rename_fields(names).struct.unnest()
        again = again.with_columns(line=fields["line"].gather(at)).filter(pl.col("outer").is_not_null())
        again = again.with_columns(stamp=pl.col("stamp").fill_null("")).select(fields.columns)
        fields = pl.concat([fields.join(again.select("line"), on="line", how="anti"), again]).sort("line")
    unread = fields.select(pl.col("stamp").is_null() | pl.col("qid").is_null()).to_series().arg_true()
    if len(unread):
        text = lines.text.gather(unread)
        start = fields["message"].gather(unread)
        lost = (start.is_null() & text.str.contains(_LOST)) | start.str.contains(_LOST_START).fill_null(value=False)
        is_lost = is_lost.scatter(unread.filter(lost), True)  # noqa: FBT003 - a value, no switch
    return fields, is_lost


def _attempts(rows: pl.DataFrame, settings: EximSettings) -> pl.DataFrame:
    """To whom and how it went; ``text`` is null where no recipient can be read."""
    groups = rows["message"].str.extract_groups(_DELIVERY)
    parts = groups.struct.rename_fields(["final", "top", "sender"]).struct.unnest()
    is_special = pl.col("message").str.contains(_SPECIAL)
    top = pl.when(is_special).then(pl.col("message").str.extract(_TO_PROGRAM)).otherwise(pl.col("top"))
    final = pl.col("final").str.strip_chars_end(":")
    is_user = ~final.str.contains("@", literal=True) & ~is_special
    is_alias = (final.str.to_lowercase() + "@") != top.str.extract("^([^@]*@)").str.to_lowercase()
    qualified = final + f"@{settings.qualify_domain}" if settings.qualify_domain else final
    return rows.hstack(parts).with_columns(
        role=pl.lit(Role.TO),
        text=pl.when(is_special & ~pl.col("final").str.contains("^[|/:>]"))
        .then(pl.lit("|") + pl.col("final"))
        .when(is_user & is_alias.fill_null(value=True))
        .then(qualified)
        .otherwise(final),
        orig=top,
        status=pl.when(pl.col("message").str.contains(_DISCARDED))
        .then(pl.lit(FAILED, pl.UInt8))
        .otherwise(pl.col("flag").replace_strict(_STATUSES, return_dtype=pl.UInt8)),
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
    )
