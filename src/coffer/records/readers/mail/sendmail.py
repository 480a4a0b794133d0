"""Sendmail's maillog: one record per recipient with its last status, joined by host and queue id.

A line may name several recipients. Decided in ``docs/formats/readers-mail.md``. Source: the lines of ``logsender``,
``logdelivery``, ``alias`` and ``savemail`` of Sendmail 8.8 to 8.17, seen in genuine logs of 8.17.
"""

import datetime as dt
from typing import Final

import polars as pl

from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.account import with_columns_of
from coffer.records.readers.mail.addresses import ANGLED
from coffer.records.readers.mail.clones import Clones
from coffer.records.readers.mail.queue import DEFERRED, FAILED, NOTICE, ROWS, SENT, STEP, QueueRules, Role
from coffer.records.readers.mail.syslogged import SyslogMailReader
from coffer.records.readers.text import prefixes
from coffer.records.readers.text.lines import Lines
from coffer.records.rejects import Reason, some_rejects
from coffer.records.settings import SendmailSettings

_PROGRAM: Final = r"^(?:sendmail|sm-)[A-Za-z0-9_.-]*$"
"""``-L`` names it anew: ``sm-mta``, ``sm-msp-queue``."""
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_REST: Final = rf'(?:{_QUOTED}|<(?:{_QUOTED}|[^">])*>|\([^()]*\)|[^"<>(),])*'
_ONE: Final = rf'(?:{_QUOTED}|<(?:{_QUOTED}|[^">])*>|[^"<>(), ]){_REST}'
"""A recipient: ``<a@b>``, ``bob``, ``"Smith, Bob" <a@b>``, ``bob (home)``, ``"|/bin/prog"``.

None begins with a blank, so that no address can pose as the field behind it.
"""
_DELIVERY: Final = (
    rf"^to=({_ONE}(?:,{_ONE})*)(?:,? \[more\])?, (?:ctladdr=({_ONE}), )?delay=([0-9+:]+), (?:xdelay=[0-9+:]+, )?"
    r"(?:mailer=([^ ,]+), )?(?:[a-z_]+=[^,]*, )*?(?:relay=([^,]*), )?(?:dsn=([245])\.[0-9.]+, )?(?:reply=.*?, )?stat=(.*)$"
)
"""Recipients, in whose name, delay, mailer, relay, class of the status, status. Versions write more behind the mailer."""
_ARRIVAL: Final = rf"^from=({_ONE})?, size=[0-9]+, "
_MESSAGE_ID: Final = r", msgid=(<[^>]*>|[^,]*)"
_FROM_HERE: Final = (
    r", relay=[^,]*(?:\[127\.[0-9.]+\]|\[IPv6:(?:::|0:0:0:0:0:0:0:)1\]|@localhost)(?: \(may be forged\))?$"
)
_TO_HERE: Final = r"\[127\.[0-9.]+\]$|\[IPv6:(?:::|0:0:0:0:0:0:0:)1\]$|^(?:local|localhost)$"
_MAILERS_HERE: Final = ("local", "prog", "*file*", "*include*")
_CHILD: Final = (
    r"^Sent \((?:(?:.*[: ])?([0-9A-Za-z]{8,20}) Message accepted for delivery|.*queued as ([0-9A-Za-z]{5,20}))"
)
_DISCARDED: Final = (
    r"^Sent \((?:.*: )?(?:[0-9]{3} )?[0-9.]+ (?i:ok, (?:id=[^,)]*, ?)?(?:discard|bounce|reject|quarantine))"
)
"""A filter that answers so (amavis) took the mail and threw it away."""
_NOTICE: Final = r"^([0-9A-Za-z]{8,20}): (?:DSN|return to sender|sender notify|postmaster notify): "
_CLONE: Final = r"^([0-9A-Za-z]{8,20}): clone: "
_ALIAS: Final = rf"^(?:alias|forward) ({_ONE}) => (.*)$"
_SPECIAL: Final = r"^[|/:]"
_REFUSED: Final = r"^ruleset=check_|, reject=[45][0-9]{2} |\.\.\. User unknown"
_LOST: Final = r"^(?:[^ ]{1,30}: )?to=.*, stat="
_LOST_WHOLE: Final = r" (?:sendmail|sm-)[^ ]*: [0-9A-Za-z]{5,20}: to=.*, stat="
_UNREADABLE: Final = '"'
"""What stands for a sender that cannot be read: no address, so that the record is rejected and not kept as nobody's."""


def recognise(head: bytes, name: str) -> str | None:  # noqa: ARG001 - one signature for every format
    """Why a file looks like a maillog of Sendmail, in words without content; None if it does not."""
    lines = pl.Series([head.decode("utf-8", "replace")]).str.split("\n").explode()
    tag = rf"^{prefixes.STAMP} [^ ]+ (?:sendmail|sm-)[A-Za-z0-9_.-]*(?:\[[0-9]+\])?: "
    form = tag + r"[0-9A-Za-z]{5,20}: (?:from=.*, size=|to=.*, stat=)"
    found = lines.str.contains(form).sum() or prefixes.unwrapped(lines).str.contains(form).sum()
    return f"{found} of the first {len(lines)} lines tell of a message of Sendmail" if found else None


class SendmailReader(SyslogMailReader):
    """Reads maillogs, oldest file first. ``coffer.records.readers.port.Reader``."""

    def __init__(self, feed: Feed, window: Window, *, latest: dt.datetime | None = None) -> None:
        self._settings = feed.settings if isinstance(feed.settings, SendmailSettings) else SendmailSettings()
        rules = QueueRules(are_reused=True, max_open=STEP)
        super().__init__(feed=feed, window=window, rules=rules, year=self._settings.year, latest=latest)
        self._clones = Clones()

    def _is_odd(self) -> pl.Expr:
        return ~pl.col("program").str.contains(_PROGRAM) | pl.col("qid").is_null()

    def _read(self, lines: Lines, file: int) -> pl.DataFrame:
        """Lines to the rows that the queue joins; everything else is counted and gone."""
        fields = self._fields(lines)
        fields = fields.with_columns(is_ours=pl.col("program").str.contains(_PROGRAM).fill_null(value=False))
        fields = fields.with_columns(role=_role(fields))
        # Most lines have a role. Only the others are looked at again.
        is_free = pl.col("is_ours") & (pl.col("role") == 0) & pl.col("qid").is_not_null()
        fields = fields.with_columns(free=pl.when(is_free).then("message"))
        fields = fields.with_columns(other=pl.col("free").str.extract(_NOTICE))
        fields = fields.with_columns(is_notice=pl.col("other").is_not_null())
        self._account_of(fields, _is_lost(fields, lines), _word(), file)
        fields = self._clones.joined(fields, _CLONE)
        rows = self._dated(fields.filter((pl.col("role") > 0) | pl.col("is_notice")), file)
        rows = rows.with_columns(program=pl.lit(None, pl.String))
        notices = rows.filter("is_notice").with_columns(
            qid="other", role=pl.lit(Role.OPEN, pl.UInt8), status=pl.lit(NOTICE, pl.UInt8), sender=pl.lit("")
        )
        told = [
            notices,
            self._arrivals(rows.filter(pl.col("role") == Role.OPEN)),
            self._deliveries(rows.filter(pl.col("role") == Role.TO), file),
            self._aliases(rows.filter(pl.col("role") == Role.ALIAS)),
        ]
        return pl.concat([with_columns_of(part, ROWS) for part in told]).sort("line", maintain_order=True)

    def _arrivals(self, rows: pl.DataFrame) -> pl.DataFrame:
        written = rows["message"].str.extract(_ARRIVAL)
        is_nobody = rows["message"].str.starts_with("from=<>,") | rows["message"].str.starts_with("from=, ")
        sender = self._address(written).fill_null(_UNREADABLE).set(is_nobody, "")
        return rows.with_columns(
            sender=sender,
            text=pl.col("message").str.extract(_MESSAGE_ID),
            is_local=pl.col("message").str.contains(_FROM_HERE),
        )

    def _deliveries(self, rows: pl.DataFrame, file: int) -> pl.DataFrame:
        """A row for each recipient of a line."""
        names = ["to", "by", "delay", "mailer", "relay", "class", "stat"]
        parts = rows["message"].str.extract_groups(_DELIVERY).struct.rename_fields(names).struct.unnest()
        parts = parts.with_columns(status=_status())
        bad = parts.select(pl.col("to").is_null() | pl.col("status").is_null()).to_series()
        self._account.reject(file, some_rejects(rows.filter(bad)["line"].to_numpy(), Reason.BAD_RECORD))
        told = rows.hstack(
            parts.select(
                "to",
                "by",
                "status",
                delay_s=_seconds(parts["delay"]),
                child=pl.coalesce(pl.col("stat").str.extract(_CHILD, 1), pl.col("stat").str.extract(_CHILD, 2)),
                is_local=pl.col("mailer").is_in(_MAILERS_HERE).fill_null(value=False)
                | pl.col("relay").str.contains(_TO_HERE).fill_null(value=False),
            )
        ).filter(~bad)
        told = told.with_columns(to=pl.col("to").str.extract_all(rf"{_ONE}(?:,|$)")).explode("to")
        told = told.with_columns(text=self._address(told["to"].str.strip_suffix(",")))
        is_special = told["text"].str.contains(_SPECIAL)
        by = self._address(told["by"].set(~is_special, None))
        return told.with_columns(orig=by.set(~by.str.contains("@", literal=True), None))

    def _aliases(self, rows: pl.DataFrame) -> pl.DataFrame:
        """A row for each address that an alias or a ``.forward`` led to.

        Sendmail writes long lists with dots for their middle. An address that holds them is left out.
        """
        parts = rows["message"].str.extract_groups(_ALIAS).struct.rename_fields(["by", "to"]).struct.unnest()
        told = rows.with_columns(orig=self._address(parts["by"]), to=parts["to"].str.extract_all(rf"{_ONE}(?:, *|$)"))
        told = told.explode("to").filter(pl.col("to").is_not_null() & ~pl.col("to").str.contains("...", literal=True))
        return told.with_columns(text=self._address(told["to"].str.replace(", *$", "")))

    def _address(self, written: pl.Series) -> pl.Series:
        """The address itself; a local user's bare name with the feed's domain."""
        angled = written.str.extract(rf'^(?:{_QUOTED}|[^"<>])*{ANGLED}')
        bare = written.str.replace_all(r"\([^()]*\)", "").str.strip_chars(" ")
        bare = bare.str.replace(r'^"([|/:].*)"$', "${1}")
        found = angled.zip_with(angled.is_not_null(), bare)
        domain = self._settings.qualify_domain
        if not domain:
            return found
        is_user = (found.str.contains(r"^[^@|/:\s]+$")).fill_null(value=False)
        return (found + f"@{domain}").zip_with(is_user, found)


def _role(fields: pl.DataFrame) -> pl.Series:
    """What a line tells the queue; 0 nothing.

    Only the beginning of a message decides, so that no free text can pose as a line.
    """
    message = pl.col("message")
    is_mail = pl.col("is_ours") & pl.col("qid").is_not_null() & (pl.col("qid") != "NOQUEUE")
    is_alias = message.str.starts_with("alias ") | message.str.starts_with("forward ")
    return fields.select(
        pl.when(~is_mail)
        .then(0)
        .when(message.str.starts_with("to="))
        .then(Role.TO)
        .when(message.str.starts_with("from=") & message.str.contains(", size=", literal=True))
        .then(Role.OPEN)
        .when(is_alias & message.str.contains(" => ", literal=True))
        .then(Role.ALIAS)
        .otherwise(0)
        .fill_null(0)
        .cast(pl.UInt8)
    ).to_series()


def _status() -> pl.Expr:
    """Of a line's ``class`` and ``stat``; null where they contradict each other.

    What a server replied stands before the status and may imitate one, so the class counts where there is one.
    """
    is_sent = pl.col("stat").str.contains(r"^Sent(?:$| \()")
    waits = pl.col("stat").str.contains(r"^(?:Deferred|queued)")
    return (
        pl.when(pl.col("class") == "4")
        .then(DEFERRED)
        .when(pl.col("class") == "5")
        .then(FAILED)
        .when(pl.col("stat").str.contains(_DISCARDED))
        .then(FAILED)
        .when(is_sent)
        .then(SENT)
        .when(pl.col("class") == "2")
        .then(None)
        .when(waits)
        .then(DEFERRED)
        .when(pl.col("stat").is_not_null())
        .then(FAILED)
        .cast(pl.UInt8)
    )


def _seconds(delay: pl.Series) -> pl.Series:
    """``hh:mm:ss``, or ``d+hh:mm:ss``."""
    parts = delay.str.extract_groups(r"^(?:([0-9]{1,5})\+)?([0-9]{2}):([0-9]{2}):([0-9]{2})$").struct.unnest()
    days, hours, minutes, seconds = (parts[name].cast(pl.Float64) for name in parts.columns)
    return days.fill_null(0.0) * 86_400 + hours * 3_600 + minutes * 60 + seconds


def _is_lost(fields: pl.DataFrame, lines: Lines) -> pl.Series:
    """Lines that tell of a delivery but cannot be read.

    They are rejected, not skipped like other lines.
    """
    lost = pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(fields))
    no_stamp = fields["stamp"].is_null()
    at = (no_stamp | (fields["qid"].is_null() & fields["is_ours"])).arg_true()
    if not len(at):
        return lost
    is_lost = fields["message"].gather(at).str.contains(_LOST).fill_null(value=False)
    is_lost |= no_stamp.gather(at) & lines.text.gather(at).str.contains(_LOST_WHOLE)
    return lost.scatter(at.filter(is_lost), True)  # noqa: FBT003 - a value, no switch


def _word() -> pl.Expr:
    """Under which word a line that is no delivery is counted; null for a delivery."""
    free, role = pl.col("free"), pl.col("role")
    return (
        pl.when(pl.col("stamp").is_null())
        .then(pl.lit("no-log-line"))
        .when(~pl.col("is_ours"))
        .then(pl.lit("other-program"))
        .when(role == Role.TO)
        .then(None)
        .when(role == Role.OPEN)
        .then(pl.lit("accepted"))
        .when(role == Role.ALIAS)
        .then(pl.lit("alias"))
        .when(pl.col("is_notice"))
        .then(pl.lit("bounce-note"))
        .when(free.str.contains(_CLONE))
        .then(pl.lit("clone"))
        .when(free.str.starts_with("done; "))
        .then(pl.lit("removed"))
        .when(free.str.contains(_REFUSED))
        .then(pl.lit("refused"))
        .otherwise(pl.lit("other"))
    )
