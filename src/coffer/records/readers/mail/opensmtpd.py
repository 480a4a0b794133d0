"""OpenSMTPD's maillog: one record per envelope with its last status, joined by host and message id.

An envelope is one recipient of one message; the first half of its id is that of the message. Decided in
``docs/formats/readers-mail.md``. Source: ``smtp_session.c``, ``mta.c``, ``mda.c`` and ``queue.c`` of OpenSMTPD, and a
genuine log of 6.8.
"""

import datetime as dt
from typing import Final

import polars as pl

from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.account import with_columns_of
from coffer.records.readers.mail.addresses import ANGLED
from coffer.records.readers.mail.queue import DEFERRED, FAILED, ROWS, SENT, STEP, QueueRules, Role
from coffer.records.readers.mail.sessions import LocalSessions
from coffer.records.readers.mail.syslogged import SyslogMailReader
from coffer.records.readers.text import prefixes
from coffer.records.readers.text.lines import Lines
from coffer.records.rejects import Reason, some_rejects
from coffer.records.settings import OpenSmtpdSettings

_PROGRAM: Final = "smtpd"
_SESSION: Final = "^([0-9a-f]{16}) "
_EVENT: Final = "^([0-9a-f]{16} [a-z]+) event="
"""Versions before 6.4 write ``smtp event=message``, the later ones ``smtp message``."""
_MESSAGE: Final = rf"{_SESSION}smtp message (?:address=[^ ]+ host=[^ ]+ )?msgid=([0-9a-f]{{8}}) "
_ENVELOPE: Final = rf"{_SESSION}smtp envelope evpid=([0-9a-f]{{8}})[0-9a-f]{{8}} from={ANGLED} to={ANGLED}$"
_CONNECTED: Final = " smtp connected address=local "
_DISCONNECTED: Final = " smtp disconnected "
_PARTIES: Final = rf"from={ANGLED},? to={ANGLED},? rcpt={ANGLED}"
_DELIVERY: Final = (
    rf"^[0-9a-f]{{16}} (?:mta|mda) delivery evpid=([0-9a-f]{{8}})[0-9a-f]{{8}} {_PARTIES} "
    r'(?:source="[^"]*" relay="([^"]*)" |user=([^ ]*) )delay=([0-9dhms]+) result="?([A-Za-z]+)"? stat=(.*)$'
)
"""Message, sender, recipient, the one written to, relay, local user, delay, result, reply."""
_GIVEN_UP: Final = rf"^(?:Expire|Remove|Loop) for ([0-9a-f]{{8}})[0-9a-f]{{8}}: {_PARTIES}, delay=([0-9dhms]+), stat="
"""What the queue itself decides of an envelope, behind ``relay: `` or ``delivery: ``."""
_IS_DELIVERY: Final = r"^[0-9a-f]{16} (?:mta|mda) delivery "
_IS_GIVEN_UP: Final = r"^(?:Expire|Remove|Loop) for "
_LOST: Final = (
    r"(?:[0-9a-f]* *(?:mta|mda) +(?:event=)?delivery .*(?:evpid|result)=|"
    r"(?:(?:relay|delivery): )?[A-Za-z]+ for [0-9a-f]{16}: )"
)
"""A delivery in another form, such as that of versions before 5.9."""
_RESULTS: Final = {"Ok": SENT, "TempFail": DEFERRED, "PermFail": FAILED, "Loop": FAILED}
_HERE: Final = r"^(?:127\.|\[?::1|localhost)"
_CHILD: Final = r'^"250 2\.0\.0:? ([0-9a-f]{8}) Message accepted for delivery"$'
_NO_MESSAGE_ID: Final = "<>"
"""OpenSMTPD logs none. All messages get this one, so that only what this host's own relay says of its queue links two."""
_WORDS: Final = {
    "message": "accepted",
    "envelope": "sender",
    "connected": "session",
    "disconnected": "session",
    "failed-command": "refused",
}


def recognise(head: bytes, name: str) -> str | None:  # noqa: ARG001 - one signature for every format
    """Why a file looks like a maillog of OpenSMTPD, in words without content; None if it does not."""
    lines = pl.Series([head.decode("utf-8", "replace")]).str.split("\n").explode()
    form = rf"^{prefixes.STAMP} [^ ]+ smtpd(?:\[[0-9]+\])?: [0-9a-f]{{16}} (?:mta|mda|smtp) "
    found = lines.str.contains(form).sum() or prefixes.unwrapped(lines).str.contains(form).sum()
    return f"{found} of the first {len(lines)} lines tell of a session of OpenSMTPD" if found else None


class OpenSmtpdReader(SyslogMailReader):
    """Reads maillogs, oldest file first. ``coffer.records.readers.port.Reader``."""

    def __init__(self, feed: Feed, window: Window, *, latest: dt.datetime | None = None) -> None:
        settings = feed.settings if isinstance(feed.settings, OpenSmtpdSettings) else OpenSmtpdSettings()
        rules = QueueRules(are_reused=True, max_open=STEP)
        super().__init__(feed=feed, window=window, rules=rules, year=settings.year, latest=latest)
        self._sessions = LocalSessions()

    def _is_odd(self) -> pl.Expr:
        return (pl.col("program") != _PROGRAM) | pl.col("message").str.starts_with("[ID ")

    def _read(self, lines: Lines, file: int) -> pl.DataFrame:
        """Lines to the rows that the queue joins; everything else is counted and gone."""
        fields = self._fields(lines)
        is_ours = (pl.col("program") == _PROGRAM).fill_null(value=False)
        message = pl.col("message").str.replace(_EVENT, "${1} ")
        fields = fields.with_columns(message, is_ours=is_ours).with_columns(role=_role())
        # Deliveries have no word.
        others = pl.when(pl.col("role") != Role.TO).then("message")
        fields = fields.with_columns(word=others.str.extract(rf"{_SESSION}smtp ([a-z-]+)", 2))
        is_lost = (fields["stamp"].is_null() & lines.text.str.contains(rf" smtpd[^ ]*: {_LOST}")) | (
            fields["is_ours"]
            & (fields["role"] == 0)
            & fields["message"].str.contains(f"^{_LOST}").fill_null(value=False)
        )
        self._account_of(fields, is_lost, _word(), file)
        is_local = self._sessions.joined(fields, _SESSION, begin=_CONNECTED, end=_DISCONNECTED)
        fields = fields.with_columns(is_local=is_local)
        rows = self._dated(fields.filter(pl.col("role") > 0), file)
        rows = rows.with_columns(program=pl.lit(None, pl.String))
        told = [
            _messages(rows.filter(pl.col("role") == Role.OPEN)),
            _envelopes(rows.filter(pl.col("role") == Role.FROM)),
            self._deliveries(rows.filter(pl.col("role") == Role.TO), file),
        ]
        return pl.concat([with_columns_of(part, ROWS) for part in told]).sort("line", maintain_order=True)

    def _deliveries(self, rows: pl.DataFrame, file: int) -> pl.DataFrame:
        names = ["qid", "sender", "to", "rcpt", "relay", "user", "delay", "result", "stat"]
        tried = rows["message"].str.extract_groups(_DELIVERY).struct.rename_fields(names).struct.unnest()
        status = tried["result"].replace_strict(_RESULTS, default=None, return_dtype=pl.UInt8)
        names = ["qid", "sender", "to", "rcpt", "delay"]
        given_up = rows["message"].str.extract_groups(_GIVEN_UP).struct.rename_fields(names).struct.unnest()
        parts = tried.with_columns(pl.coalesce(name, given_up[name]).alias(name) for name in names)
        parts = parts.with_columns(status=status.set(given_up["qid"].is_not_null(), FAILED))
        bad = parts.select(pl.col("qid").is_null() | pl.col("status").is_null()).to_series()
        self._account.reject(file, some_rejects(rows.filter(bad)["line"].to_numpy(), Reason.BAD_RECORD))
        is_here = pl.col("relay").str.contains(_HERE).fill_null(value=False)
        told = parts.select(
            "qid",
            "status",
            sender=pl.col("sender").replace("@", ""),
            text=_mailbox(),
            orig=pl.when(pl.col("rcpt") == "-").then("to").otherwise("rcpt"),
            delay_s=_seconds(parts["delay"]),
            child=pl.when(is_here).then(pl.col("stat").str.extract(_CHILD)),
        )
        return rows.select("file", "line", "role", "host", "time", "fault", "is_ambiguous").hstack(told).filter(~bad)


def _mailbox() -> pl.Expr:
    """Where a mail went: the recipient, or the bare name of the local user to whom an alias led."""
    is_user = (pl.col("user") == pl.col("to").str.extract("^([^@]*)@")) | pl.col("user").is_null()
    return pl.when(is_user | (pl.col("to") != pl.col("rcpt"))).then("to").otherwise("user")


def _messages(rows: pl.DataFrame) -> pl.DataFrame:
    """The beginning of each message.

    One of a session that is of this very host may be a report of a failure. The queue takes it for one if nobody sent
    it, which the envelope says.
    """
    return rows.with_columns(
        qid=pl.col("message").str.extract(_MESSAGE, 2),
        role=pl.when("is_local").then(Role.MESSAGE_ID).otherwise(Role.OPEN).cast(pl.UInt8),
        text=pl.lit(_NO_MESSAGE_ID),
    )


def _envelopes(rows: pl.DataFrame) -> pl.DataFrame:
    """The sender of each message; null where a line has another form."""
    names = ["session", "qid", "sender", "to"]
    parts = rows["message"].str.extract_groups(_ENVELOPE).struct.rename_fields(names).struct.unnest()
    return rows.with_columns(parts["qid"], parts["sender"]).filter(pl.col("qid").is_not_null())


def _role() -> pl.Expr:
    """What a line tells the queue; 0 nothing.

    Only the beginning of a message decides, so that no free text can pose as a line.
    """
    message = pl.col("message")
    return (
        pl.when(~pl.col("is_ours"))
        .then(0)
        .when(message.str.contains(_IS_DELIVERY))
        .then(Role.TO)
        .when(pl.col("qid").is_in(["relay", "delivery"]) & message.str.contains(_IS_GIVEN_UP))
        .then(Role.TO)
        .when(message.str.contains(_MESSAGE))
        .then(Role.OPEN)
        .when(message.str.contains(rf"{_SESSION}smtp envelope "))
        .then(Role.FROM)
        .otherwise(0)
        .fill_null(0)
        .cast(pl.UInt8)
    )


def _seconds(delay: pl.Series) -> pl.Series:
    """``1d2h3m4s``, each part only where it is not zero."""
    parts = delay.str.extract_groups(r"^(?:([0-9]{1,5})d)?(?:([0-9]{1,2})h)?(?:([0-9]{1,2})m)?(?:([0-9]{1,2})s)?$")
    days, hours, minutes, seconds = (
        part.cast(pl.Float64).fill_null(0.0) for part in parts.struct.unnest().get_columns()
    )
    return days * 86_400 + hours * 3_600 + minutes * 60 + seconds


def _word() -> pl.Expr:
    """Under which word a line that is no delivery is counted; null for a delivery."""
    return (
        pl.when(pl.col("stamp").is_null())
        .then(pl.lit("no-log-line"))
        .when(~pl.col("is_ours"))
        .then(pl.lit("other-program"))
        .when(pl.col("role") == Role.TO)
        .then(None)
        .otherwise(pl.col("word").replace_strict(_WORDS, default="other", return_dtype=pl.String).fill_null("other"))
    )
