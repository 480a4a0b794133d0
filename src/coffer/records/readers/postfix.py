"""Postfix maillogs: one record per recipient with its last status, joined by host and queue id over interleaved lines and rotated files.

Decided in ``docs/formats/readers-mail.md``. Source: the postlog lines of Postfix 2.3 to 3.9 (``smtpd_peer``, ``log_adhoc``, ``bounce``), seen in a genuine log.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from coffer.errors import MalformedInput
from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers import stamps
from coffer.records.readers.lines import LineCutter, Lines
from coffer.records.readers.mail import ANGLED, Ledger, finished, with_columns_of
from coffer.records.readers.port import Found, Piece
from coffer.records.readers.postfix_queue import OPEN, ROWS, STEP, Queue, Role
from coffer.records.rejects import Reason

_LINE: Final = (
    r"^([A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[^ ]+) ([^ ]+) "
    r"([^ \[\]:/]+)((?:/[^ \[\]:/]+)*)(?:\[[0-9]+\])?: (?:([0-9A-Za-z]{5,20}): )?(.*)$"
)
"""Stamp, host, program, path of daemons, queue id, message."""
_DELIVERY: Final = (
    rf"^to={ANGLED}, (?:orig_to={ANGLED}, )?relay=[^,]*, (?:conn_use=[0-9]+, )?delay=([0-9.]+), (?:delays=[^ ]*, )?(?:dsn=[0-9.]+, )?"
    r"status=([a-z-]+)(?: \((?:.* (?:queued|forwarded) as ([0-9A-Za-z]{5,20})\)*$)?|$)"
)
_SENDER: Final = rf"^from={ANGLED}, size="
_MESSAGE_ID: Final = r"^(?:resent-)?message-id=(.*)$"
_STATUSES: Final = {"sent": 1, "deferred": 2, "bounced": 3, "expired": 3, "undeliverable": 0, "deliverable": 0}
_PROBE: Final = 0
_UNREADABLE_SENDER: Final = '"'
"""What stands for a sender that cannot be read: no address, so the record is rejected and not kept as if nobody had sent it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostfixOptions:
    """How a classic stamp, which has no year, gets one.

    ``year``: that of the first line, counted on from there. Without it each stamp is of the newest year in which it is not
    after ``latest``, by default the end of the window.
    """

    year: int | None = None
    latest: dt.datetime | None = None


def recognise(head: bytes, name: str) -> str | None:  # noqa: ARG001 - one signature for every format
    """Why these first bytes of a file look like a maillog of Postfix, in words without content; None if they do not."""
    lines = pl.Series([head.decode("utf-8", "replace")]).str.split("\n").explode()
    found = lines.str.contains(
        r"^(?:[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}|[0-9-]{10}T[^ ]+) [^ ]+ postfix[^ \[]*/[a-z-]+\[[0-9]+\]: "
    ).sum()
    return f"{found} of the first {len(lines)} lines are of a Postfix daemon" if found else None


class PostfixReader:
    """Reads maillogs, oldest file first. ``coffer.records.readers.port.Reader``."""

    def __init__(self, *, feed: Feed, window: Window, options: PostfixOptions | None = None) -> None:
        options = options or PostfixOptions()
        self._feed = feed
        self._window = window
        self._years = stamps.Years(year=options.year, latest=options.latest or window.latest, zone=feed.time_zone)
        self._cutter = LineCutter()
        self._ledger = Ledger()
        self._queue = Queue(self._ledger)
        self._rows: list[pl.DataFrame] = []
        self._lines = self._logged = 0

    def take(self, piece: Piece) -> Sequence[Found]:
        """The next lines; gives what is complete."""
        lines = self._cutter.take(piece)
        self._ledger.reject(piece.file, lines.too_long.tolist(), Reason.ROW_TOO_LONG)
        self._lines += len(lines.numbers)
        if len(lines.numbers):
            self._rows.append(self._read(lines, piece.file))
        found = []
        while sum(map(len, self._rows)) >= STEP:
            rows = pl.concat(self._rows)
            self._rows = [rows.slice(STEP)]
            found += finished(self._queue.settle(rows.head(STEP), is_last=False), feed=self._feed, window=self._window)
        return found

    def end_file(self, file: int) -> Sequence[Found]:
        """Tells what was skipped in the file; open mail waits for the next one.

        Raises:
            MalformedInput: not one line has a stamp and a program.
        """
        torn = self._cutter.end_file()
        if torn is not None:
            self._ledger.reject(file, [torn], Reason.CUT_OFF)
        if self._lines and not self._logged:
            raise MalformedInput(
                f"file {file}: none of {self._lines} lines is a line of syslog", hint="is this a maillog, in text?"
            )
        self._lines = self._logged = 0
        return self._ledger.told()

    def finish(self) -> Sequence[Found]:
        """What is still in the queue, with its last status."""
        rows = pl.concat([pl.DataFrame(schema=ROWS), *self._rows])
        self._rows = []
        found = finished(self._queue.settle(rows, is_last=True), feed=self._feed, window=self._window)
        return [*found, *self._ledger.told()]

    def _read(self, lines: Lines, file: int) -> pl.DataFrame:
        """Lines to the rows that the queue joins; everything else is counted and gone."""
        fields = (
            lines.text.str.extract_groups(_LINE)
            .struct.rename_fields(["stamp", "host", "program", "path", "qid", "message"])
            .struct.unnest()
            .with_columns(line=lines.numbers)
        )
        is_logged = fields["stamp"].is_not_null()
        self._logged += int(is_logged.sum())
        fields = fields.with_columns(
            role=_role(),
            dated=self._years.add(fields["stamp"].fill_null("")),
        )
        self._ledger.skip(file, fields.select(_word())["word"].drop_nulls())
        rows = fields.filter(pl.col("role") > 0)
        stamped = stamps.read_stamps(rows["dated"], (stamps.CLASSIC, *stamps.WITH_ZONE), self._feed)
        rows = rows.with_columns(
            time=stamped.time, fault=stamped.fault, is_ambiguous=stamped.is_ambiguous, file=pl.lit(file, pl.Int64)
        )
        return self._parsed(rows, file)

    def _parsed(self, rows: pl.DataFrame, file: int) -> pl.DataFrame:
        is_to = rows["role"] == Role.TO
        to = rows.filter(is_to)
        parts = (
            to["message"]
            .str.extract_groups(_DELIVERY)
            .struct.rename_fields(["text", "orig", "delay", "status", "child"])
            .struct.unnest()
        )
        code = parts["status"].replace_strict(_STATUSES, default=None, return_dtype=pl.UInt8)
        bad = code.is_null() | parts["text"].is_null()
        self._ledger.reject(file, to.filter(bad)["line"].to_list(), Reason.BAD_RECORD)
        probe = (~bad) & (code == _PROBE)
        self._ledger.skip(file, pl.repeat("probe", int(probe.sum()), eager=True))
        good = ~(bad | probe)
        to = to.hstack(
            parts.select("text", "orig", "child", delay_s=pl.col("delay").cast(pl.Float64, strict=False))
        ).with_columns(status=code)
        others = rows.filter(~is_to).with_columns(
            text=pl.when(pl.col("role") == Role.FROM)
            .then(pl.col("message").str.extract(_SENDER).fill_null(_UNREADABLE_SENDER))
            .when(pl.col("role") == Role.MESSAGE_ID)
            .then(pl.col("message").str.extract(_MESSAGE_ID)),
        )
        return pl.concat([with_columns_of(to.filter(good), ROWS), with_columns_of(others, ROWS)]).sort("line")


def _role() -> pl.Expr:
    """What a line tells the queue; 0 nothing. Only the beginning of a message decides, so that no free text can pose as a line."""
    message, is_mail = (
        pl.col("message"),
        pl.col("qid").is_not_null() & (pl.col("path") != "") & (pl.col("qid") != "NOQUEUE"),
    )
    return (
        pl.when(~is_mail)
        .then(0)
        .when(message.str.starts_with("to=<"))
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
        .when(pl.col("qid") == "NOQUEUE")
        .then(pl.when(message.str.starts_with("reject")).then(pl.lit("refused")).otherwise(pl.lit("other")))
        .when(message.str.contains("^sender (?:non-delivery|delivery status|delay) notification"))
        .then(pl.lit("bounce-note"))
        .otherwise(pl.lit("other"))
        .alias("word")
    )
