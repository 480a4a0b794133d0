"""Postfix maillogs: one record per recipient with its last status.

Lines are joined by host and queue id, however they interleave and over rotated files. Decided in
``docs/formats/readers-mail.md``. Source: the postlog lines of Postfix 2.3 to 3.9 (``smtpd_peer``, ``log_adhoc``,
``bounce``), seen in a genuine log.
"""

import datetime as dt
from typing import Final

import polars as pl

from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.account import with_columns_of
from coffer.records.readers.mail.addresses import ANGLED
from coffer.records.readers.mail.log import MailLogReader
from coffer.records.readers.mail.queue import DEFERRED, FAILED, OPEN, ROWS, SENT, QueueRules, Role
from coffer.records.readers.text import prefixes, stamps
from coffer.records.readers.text.lines import Lines
from coffer.records.rejects import Reason, some_rejects
from coffer.records.settings import PostfixSettings

_STAMP: Final = r"[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[^ ]+"
_LINE: Final = (
    rf"^({_STAMP}) ([^ ]+) "
    r"([^ \[\]:/]+)((?:/[^ \[\]:/]+)*)(?:\[[0-9]+\])?: (?:([0-9A-Za-z]{5,20}): )?(.*)$"
)
"""Stamp, host, program, path of daemons, queue id, message."""
_WIDE_LINE: Final = _LINE.replace(_STAMP, prefixes.STAMP, 1)
"""The same, with the stamps that ``prefixes`` leaves."""
_LOST: Final = r"^[^ ]{5,30}: to=<[^>]*>,.* status="
"""A delivery whose queue id cannot be read."""
_LOST_WHOLE: Final = r" postfix[^ ]*/[a-z]+[^ ]* .*[0-9A-Za-z]{5,20}: to=<[^>]*>,.* status="
"""A delivery in a line that has another form."""
_DELIVERY: Final = (
    rf"^to={ANGLED}, (?:orig_to={ANGLED}, )?relay=([^,]*), (?:conn_use=[0-9]+, )?delay=([0-9.]+), (?:delays=[^ ]*, )?(?:dsn=[0-9.]+, )?"
    r"status=([A-Za-z-]+)(?: \((?:.* (?:queued|forwarded) as ([0-9A-Za-z]{5,20})\)*$)?|$)"
)
_SENDER: Final = rf"^from={ANGLED}, size="
_MESSAGE_ID: Final = r"^(?:resent-)?message-id=(.*)$"
_REQUEUED: Final = r"^uid=[0-9]+ from=<(?:[^>]*)> orig_id=([0-9A-Za-z]{5,20})$"
_STAMPS: Final = (stamps.CLASSIC, *stamps.WITH_ZONE, "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S")
_PROBE: Final = 0
_STATUSES: Final = {
    "sent": SENT,
    "deferred": DEFERRED,
    "softbounce": DEFERRED,
    "bounced": FAILED,
    "expired": FAILED,
    "undeliverable": _PROBE,
    "deliverable": _PROBE,
}
_DISCARDED: Final = (
    r" status=sent \((?:.*: )?[0-9]{3} [0-9.]+ (?i:ok, (?:id=[^,)]*, ?)?(?:discard|bounce|reject|quarantine))"
)
"""A filter that answers so (amavis) took the mail and threw it away."""
_HERE: Final = r"^[^\[]*$|\[(?:127\.|::1\]|private/|/)"
"""A relay that is a program or filter of this host: no host in brackets, or this one."""
_FROM_HERE: Final = r"^(?:uid=|client=[^ \[]*\[(?:127\.|::1\]))"
_PROGRAM: Final = "postfix"
_UNREADABLE_SENDER: Final = '"'
"""What stands for a sender that cannot be read: no address, so the record is rejected and not kept as if nobody had sent it."""


def recognise(head: bytes, name: str) -> str | None:  # noqa: ARG001 - one signature for every format
    """Why a file looks like a maillog of Postfix, in words without content; None if it does not."""
    lines = pl.Series([head.decode("utf-8", "replace")]).str.split("\n").explode()
    form = rf"^{prefixes.STAMP} [^ ]+ postfix[^ \[]*/[a-z-]+(?:\[[0-9]+\])?: "
    found = lines.str.contains(form).sum() or prefixes.unwrapped(lines).str.contains(form).sum()
    return f"{found} of the first {len(lines)} lines are of a Postfix daemon" if found else None


class PostfixReader(MailLogReader):
    """Reads maillogs, oldest file first. ``coffer.records.readers.port.Reader``.

    ``latest``: no stamp without a year is later; by default the end of the window.
    """

    def __init__(self, feed: Feed, window: Window, *, latest: dt.datetime | None = None) -> None:
        super().__init__(feed=feed, window=window, rules=QueueRules(are_reused=True))
        settings = feed.settings if isinstance(feed.settings, PostfixSettings) else PostfixSettings()
        self._years = stamps.Years(year=settings.year or None, latest=latest or window.latest, zone=feed.time_zone)

    def _read(self, lines: Lines, file: int) -> pl.DataFrame:
        """Lines to the rows that the queue joins; everything else is counted and gone."""
        fields = _fields(lines.text, _LINE).with_columns(line=lines.numbers)
        fields = _with_unwrapped(fields, lines)
        is_logged = fields["stamp"].is_not_null()
        self._logged += int(is_logged.sum())
        fields = fields.with_columns(
            role=_role(),
            dated=self._years.add(fields["stamp"].fill_null("")),
        )
        is_lost = _is_lost(fields, lines)
        self._account.reject(file, some_rejects(fields["line"].filter(is_lost).to_numpy(), Reason.BAD_RECORD))
        self._account.skip(fields.filter(~is_lost).select(file=pl.lit(file), what=_word()))
        rows = fields.filter(pl.col("role") > 0)
        stamped = stamps.parse_stamps(rows["dated"], _STAMPS, self._feed)
        if self._years.is_newest:
            years = rows["dated"].filter(rows["dated"] != rows["stamp"]).str.extract("^([0-9]{4}) ").drop_nulls()
            self._account.assume(pl.select(file=pl.lit(file), what="year " + years))
        rows = rows.with_columns(
            program=pl.when(pl.col("program") != _PROGRAM).then("program"),
            time=stamped.start,
            fault=stamped.fault,
            is_ambiguous=stamped.is_ambiguous,
            file=pl.lit(file, pl.Int64),
        )
        return self._parsed(rows, file)

    def _parsed(self, rows: pl.DataFrame, file: int) -> pl.DataFrame:
        is_to = rows["role"] == Role.TO
        to = rows.filter(is_to)
        parts = (
            to["message"]
            .str.extract_groups(_DELIVERY)
            .struct.rename_fields(["text", "orig", "relay", "delay", "status", "child"])
            .struct.unnest()
        )
        code = parts["status"].str.to_lowercase().replace_strict(_STATUSES, default=None, return_dtype=pl.UInt8)
        bad = code.is_null() | parts["text"].is_null()
        self._account.reject(file, some_rejects(to.filter(bad)["line"].to_numpy(), Reason.BAD_RECORD))
        probe = (~bad) & (code == _PROBE)
        self._account.skip_counts(file, {"probe": int(probe.sum())})
        good = ~(bad | probe)
        to = to.hstack(
            parts.select(
                "text",
                "orig",
                "child",
                delay_s=pl.col("delay").cast(pl.Float64, strict=False),
                is_local=pl.col("relay").str.contains(_HERE),
            )
        ).with_columns(status=code.set((code == SENT) & _is_discarded(to["message"], parts["relay"]), FAILED))
        others = rows.filter(~is_to).with_columns(
            sender=pl.when(pl.col("role") == Role.FROM).then(
                pl.col("message").str.extract(_SENDER).fill_null(_UNREADABLE_SENDER)
            ),
            text=pl.when(pl.col("role") == Role.MESSAGE_ID).then(pl.col("message").str.extract(_MESSAGE_ID)),
            is_local=pl.when(pl.col("role") == OPEN).then(pl.col("message").str.contains(_FROM_HERE)),
            parent=pl.when(pl.col("role") == OPEN).then(pl.col("message").str.extract(_REQUEUED)),
        )
        return pl.concat([with_columns_of(to.filter(good), ROWS), with_columns_of(others, ROWS)]).sort("line")


def _fields(text: pl.Series, pattern: str) -> pl.DataFrame:
    fields = text.str.extract_groups(pattern)
    return fields.struct.rename_fields(["stamp", "host", "program", "path", "qid", "message"]).struct.unnest()


def _with_unwrapped(fields: pl.DataFrame, lines: Lines) -> pl.DataFrame:
    """Lines of another form, read again without what was put around them.

    Lines that begin anew behind their first words are among them.
    """
    odd = fields.select(
        pl.col("stamp").is_null() | ((pl.col("path") == "") | pl.col("qid").is_null()).fill_null(value=True)
    ).to_series()
    if not odd.any():
        return fields
    at = odd.arg_true()
    is_wrapped = prefixes.is_wrapped(fields["message"].gather(at).fill_null("{"))
    at = at.filter(is_wrapped)
    if not len(at):
        return fields
    again = _fields(prefixes.unwrapped(lines.text.gather(at)), _WIDE_LINE).with_columns(line=fields["line"].gather(at))
    again = again.filter(pl.col("stamp").is_not_null())
    return pl.concat([fields.join(again.select("line"), on="line", how="anti"), again]).sort("line")


def _is_lost(fields: pl.DataFrame, lines: Lines) -> pl.Series:
    """Lines that tell of a delivery but cannot be read.

    They are rejected, not skipped like other lines.
    """
    lost = pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(fields))
    at = fields.select(pl.col("stamp").is_null() | (pl.col("qid").is_null() & (pl.col("path") != ""))).to_series()
    at = at.fill_null(value=True).arg_true()
    if not len(at):
        return lost
    no_stamp = fields["stamp"].gather(at).is_null()
    is_lost = fields["message"].gather(at).str.contains(_LOST).fill_null(value=False)
    is_lost |= no_stamp & lines.text.gather(at).str.contains(_LOST_WHOLE)
    return lost.scatter(at.filter(is_lost), True)  # noqa: FBT003 - a value, no switch


def _is_discarded(message: pl.Series, relay: pl.Series) -> pl.Series:
    """Deliveries of mail that was thrown away.

    A filter did it, or the discard transport, which has no relay.
    """
    is_told = message.str.contains(_DISCARDED)
    return (is_told | (relay == "none")).fill_null(value=False)


def _role() -> pl.Expr:
    """What a line tells the queue; 0 nothing.

    Only the beginning of a message decides, so that no free text can pose as a line.
    """
    message, is_mail = (
        pl.col("message"),
        pl.col("qid").is_not_null() & (pl.col("path") != "") & (pl.col("qid") != "NOQUEUE"),
    )
    return (
        pl.when(~is_mail)
        .then(0)
        .when(message.str.starts_with("to="))
        .then(Role.TO)
        .when(message.str.starts_with("from=<") & ~message.str.contains(r">, status=[a-z-]+, "))
        .then(Role.FROM)
        .when(message.str.starts_with("removed"))
        .then(Role.REMOVED)
        .when(message.str.starts_with("client=") | message.str.starts_with("uid="))
        .then(Role.OPEN)
        .when(message.str.starts_with("message-id=") | message.str.starts_with("resent-message-id="))
        .then(Role.MESSAGE_ID)
        .otherwise(0)
        .fill_null(0)
        .cast(pl.UInt8)
    )


def _word() -> pl.Expr:
    """Under which word a line that is no delivery is counted; null for a delivery."""
    message = pl.col("message")
    return (
        pl.when(pl.col("stamp").is_null())
        .then(pl.lit("no-log-line"))
        .when(pl.col("role") == Role.TO)
        .then(None)
        .when(pl.col("role") == Role.FROM)
        .then(pl.lit("sender"))
        .when(pl.col("role") == Role.REMOVED)
        .then(pl.lit("removed"))
        .when(pl.col("role") == OPEN)
        .then(pl.lit("accepted"))
        .when(pl.col("role") == Role.MESSAGE_ID)
        .then(pl.lit("message-id"))
        .when(pl.col("path") == "")
        .then(pl.lit("other-program"))
        .when(pl.col("qid").is_not_null() & (message == "requeued"))
        .then(pl.lit("requeued"))
        .when(pl.col("qid").is_not_null() & message.str.starts_with("reject: "))
        .then(pl.lit("refused"))
        .when(message.str.contains("^sender (?:non-delivery|delivery status|delay) notification"))
        .then(pl.lit("bounce-note"))
        .otherwise(pl.lit("other"))
    )
