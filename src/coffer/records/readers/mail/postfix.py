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
from coffer.records.readers.mail.queue import DEFERRED, FAILED, OPEN, ROWS, SENT, QueueRules, Role
from coffer.records.readers.mail.syslogged import SyslogMailReader
from coffer.records.readers.text import prefixes
from coffer.records.readers.text.lines import Lines
from coffer.records.rejects import Reason, some_rejects
from coffer.records.settings import PostfixSettings

_LOST: Final = r"^[^ ]{5,30}: to=<[^>]*>,.* status="
"""A delivery whose queue id cannot be read."""
_LOST_WHOLE: Final = r" postfix[^ ]*/[a-z]+[^ ]* .*[0-9A-Za-z]{5,20}: to=<[^>]*>,.* status="
"""A delivery in a line that has another form."""
_DELIVERY: Final = (
    rf"^to={ANGLED}, (?:orig_to={ANGLED}, )?relay=([^,]*), (?:conn_use=[0-9]+, )?delay=([0-9.]+), "
    r"(?:d(?:elays=(?:[^ ,]*,)+ (?:dsn=[0-9.]+, )?|sn=[0-9.]+, ))?status=([A-Za-z-]+)( \(.*)?$"
)
"""Recipient, what the sender wrote, relay, delay, status, reply.

At each character one way leads on (hence ``d(?:elays|sn)``): such a pattern is matched in a single pass, four times as
fast.
"""
_CHILD: Final = r"^ \(.* (?:queued|forwarded) as ([0-9A-Za-z]{5,20})\)*$"
_SENDER: Final = rf"^from={ANGLED}, size="
_MESSAGE_ID: Final = "message-id="
_RESENT: Final = "resent-"
_OTHER_DELIVERY: Final = r">, status=[a-z-]+, "
"""A ``from=`` line that tells of an attempt, and not of the sender of a message in the queue."""
_REQUEUED: Final = r"^uid=[0-9]+ from=<(?:[^>]*)> orig_id=([0-9A-Za-z]{5,20})$"
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


class PostfixReader(SyslogMailReader):
    """Reads maillogs, oldest file first. ``coffer.records.readers.port.Reader``."""

    def __init__(self, feed: Feed, window: Window, *, latest: dt.datetime | None = None) -> None:
        settings = feed.settings if isinstance(feed.settings, PostfixSettings) else PostfixSettings()
        rules = QueueRules(are_reused=True)
        super().__init__(feed=feed, window=window, rules=rules, year=settings.year, latest=latest)

    def _is_odd(self) -> pl.Expr:
        return (pl.col("path") == "") | pl.col("qid").is_null()

    def _read(self, lines: Lines, file: int) -> pl.DataFrame:
        """Lines to the rows that the queue joins; everything else is counted and gone."""
        fields = self._fields(lines)
        fields = fields.with_columns(role=_role(fields))
        self._account_of(fields, _is_lost(fields, lines), _word(), file)
        rows = self._dated(fields.filter(pl.col("role") > 0), file)
        return self._parsed(rows.with_columns(program=pl.when(pl.col("program") != _PROGRAM).then("program")), file)

    def _parsed(self, rows: pl.DataFrame, file: int) -> pl.DataFrame:
        """Rows of the queue, each role with what its lines say."""
        parts = rows.partition_by("role", as_dict=True)
        message = pl.col("message")
        columns = {
            Role.FROM: {"sender": message.str.extract(_SENDER).fill_null(_UNREADABLE_SENDER)},
            Role.MESSAGE_ID: {"text": message.str.strip_prefix(_RESENT).str.strip_prefix(_MESSAGE_ID)},
            Role.OPEN: {"is_local": message.str.contains(_FROM_HERE), "parent": message.str.extract(_REQUEUED)},
        }
        found = [rows.head(0)]
        for (role,), part in parts.items():
            found.append(
                self._deliveries(part, file) if role == Role.TO else part.with_columns(**columns.get(Role(role), {}))
            )
        return pl.concat([with_columns_of(part, ROWS) for part in found]).sort("line")

    def _deliveries(self, rows: pl.DataFrame, file: int) -> pl.DataFrame:
        names = ["text", "orig", "relay", "delay", "status", "reply"]
        parts = rows["message"].str.extract_groups(_DELIVERY).struct.rename_fields(names).struct.unnest()
        code = parts["status"].str.to_lowercase().replace_strict(_STATUSES, default=None, return_dtype=pl.UInt8)
        bad = code.is_null() | parts["text"].is_null()
        self._account.reject(file, some_rejects(rows.filter(bad)["line"].to_numpy(), Reason.BAD_RECORD))
        probe = (~bad) & (code == _PROBE)
        self._account.skip_counts(file, {"probe": int(probe.sum())})
        told = parts.select(
            "text",
            "orig",
            child=pl.col("reply").str.extract(_CHILD),
            delay_s=pl.col("delay").cast(pl.Float64, strict=False),
            is_local=pl.col("relay").str.contains(_HERE),
            status=code.set((code == SENT) & _is_discarded(rows["message"], parts["relay"]), FAILED),
        )
        return rows.hstack(told).filter(~(bad | probe))


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


def _role(fields: pl.DataFrame) -> pl.Series:
    """What a line tells the queue; 0 nothing.

    Only the beginning of a message decides, so that no free text can pose as a line.
    """
    message, is_mail = (
        pl.col("message"),
        pl.col("qid").is_not_null() & (pl.col("path") != "") & (pl.col("qid") != "NOQUEUE"),
    )
    role = fields.select(
        pl.when(~is_mail)
        .then(0)
        .when(message.str.starts_with("to="))
        .then(Role.TO)
        .when(message.str.starts_with("from=<"))
        .then(Role.FROM)
        .when(message.str.starts_with("removed"))
        .then(Role.REMOVED)
        .when(message.str.starts_with("client=") | message.str.starts_with("uid="))
        .then(Role.OPEN)
        .when(message.str.starts_with(_MESSAGE_ID) | message.str.starts_with(_RESENT + _MESSAGE_ID))
        .then(Role.MESSAGE_ID)
        .otherwise(0)
        .fill_null(0)
        .cast(pl.UInt8)
    ).to_series()
    senders = (role == Role.FROM).arg_true()
    others = senders.filter(fields["message"].gather(senders).str.contains(_OTHER_DELIVERY))
    return role.scatter(others, 0)


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
