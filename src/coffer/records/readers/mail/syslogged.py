"""Mail logs of a syslog: lines cut into host, program, queue id and message, and dated.

Source: RFC 3164 section 4.1, RFC 3339; what else may stand in front of a line is in ``text.prefixes``.
"""

import datetime as dt
from abc import abstractmethod
from typing import Final

import polars as pl

from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.mail.log import MailLogReader
from coffer.records.readers.mail.queue import QueueRules
from coffer.records.readers.text import prefixes, stamps
from coffer.records.readers.text.lines import Lines
from coffer.records.rejects import Reason, some_rejects

STAMP: Final = r"[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[^ ]+"
_CLASSIC: Final = r"^[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} "
_CLASSIC_WIDTH: Final = 15
_TAG: Final = r"^([^ \[\]:/]+)((?:/[^ \[\]:/]+)*)(?:\[[0-9]+\])?:$"
"""Program, path of daemons."""
_QUEUE_ID: Final = r"^[0-9A-Za-z]{5,20}$"
_STAMPS: Final = (stamps.CLASSIC, *stamps.WITH_ZONE, "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S")


class SyslogMailReader(MailLogReader):
    """A reader of a mail log that a syslog wrote.

    ``year``: that of the first stamp without one, 0 for the newest possible. ``latest``: no stamp without a year is later;
    by default the end of the window.
    """

    def __init__(
        self, *, feed: Feed, window: Window, rules: QueueRules, year: int, latest: dt.datetime | None = None
    ) -> None:
        super().__init__(feed=feed, window=window, rules=rules)
        self._years = stamps.Years(year=year or None, latest=latest or window.latest, zone=feed.time_zone)

    @abstractmethod
    def _is_odd(self) -> pl.Expr:
        """Which lines of ``fields_of`` may have more in front of them than is usual."""

    def _fields(self, lines: Lines) -> pl.DataFrame:
        """The parts of the lines as ``fields_of`` names them, with their numbers as ``line``."""
        fields = fields_of(lines.text, stamp_widths(lines.text)).with_columns(line=lines.numbers)
        fields = _with_unwrapped(fields, lines, self._is_odd())
        is_logged = fields["stamp"].is_not_null()
        self._logged += int(is_logged.sum())
        if self._years.is_newest:
            return fields
        return fields.with_columns(stamp=self._years.add(fields["stamp"].fill_null("")).set(~is_logged, None))

    def _account_of(self, fields: pl.DataFrame, is_lost: pl.Series, word: pl.Expr, file: int) -> None:
        """Reject deliveries that cannot be read, and count lines under their ``word``, if they have one."""
        self._account.reject(file, some_rejects(fields["line"].filter(is_lost).to_numpy(), Reason.BAD_RECORD))
        self._account.skip(fields.filter(~is_lost).select(file=pl.lit(file), what=word))

    def _dated(self, rows: pl.DataFrame, file: int) -> pl.DataFrame:
        """Rows with ``time``, ``fault``, ``is_ambiguous`` and ``file``."""
        stamped = stamps.parse_stamps(rows["stamp"], _STAMPS, self._feed, self._newest(rows["stamp"], file))
        return rows.with_columns(
            time=stamped.start,
            fault=stamped.fault,
            is_ambiguous=stamped.is_ambiguous,
            file=pl.lit(file, pl.Int64),
        )

    def _newest(self, written: pl.Series, file: int) -> stamps.Years | None:
        """What gives stamps the newest year they can have; None if the feed says the year.

        The account is told how many lines are of an assumed year.
        """
        if not self._years.is_newest:
            return None
        each = pl.DataFrame({"stamp": written}).group_by("stamp").len()
        dated = self._years.add(each["stamp"])
        years = each.select(year=dated.str.head(4), count="len").filter(dated != each["stamp"])
        counts = years.group_by("year").agg(pl.col("count").sum())
        self._account.assume_counts(file, {f"year {year}": count for year, count in counts.iter_rows()})
        return self._years


def stamp_widths(text: pl.Series) -> pl.Series:
    """Characters of the stamp that each line begins with; null where no blank follows one."""
    widths = pl.Series([_CLASSIC_WIDTH], dtype=pl.UInt32).new_from_index(0, len(text))
    others = (~text.str.contains(_CLASSIC)).arg_true()
    return widths.scatter(others, widths_of(STAMP, text.gather(others))) if len(others) else widths


def widths_of(stamp: str, text: pl.Series) -> pl.Series:
    """Characters of what fits the pattern ``stamp`` and is followed by a blank."""
    return text.str.extract(f"^({stamp}) ").str.len_chars()


def fields_of(text: pl.Series, widths: pl.Series) -> pl.DataFrame:
    """The parts of ``STAMP HOST PROGRAM/DAEMON[PID]: QUEUEID: MESSAGE``.

    All are null where a line has another form. Lines are cut at their first blanks and colons, since a pattern with
    so many groups takes four times as long. A log has few distinct programs, which alone are looked at closely. The
    queue id is null where there is none.
    """
    cut = pl.col("text").str.slice(pl.col("width") + 1).str.splitn(" ", 3)
    parts = pl.DataFrame({"text": text, "width": widths}).select(
        stamp=pl.col("text").str.slice(0, pl.col("width")),
        parts=cut.struct.rename_fields(["host", "tag", "rest"]),
    )
    parts = parts.unnest("parts").with_columns(
        parts=pl.col("rest").str.splitn(": ", 2).struct.rename_fields(["qid", "message"])
    )
    tags = parts.select(pl.col("tag").unique())
    names = tags["tag"].str.extract_groups(_TAG).struct.rename_fields(["program", "path"]).struct.unnest()
    parts = parts.unnest("parts").join(tags.hstack(names), on="tag", how="left", maintain_order="left")
    has_id = pl.col("message").is_not_null() & pl.col("qid").str.contains(_QUEUE_ID)
    fields = parts.select(
        "stamp",
        "host",
        "program",
        "path",
        qid=pl.when(has_id).then("qid"),
        message=pl.when(has_id).then("message").otherwise("rest"),
    )
    has_all = (pl.col("host") != "") & pl.col("program").is_not_null() & pl.col("rest").is_not_null()
    is_line = parts.select(has_all.fill_null(value=False)).to_series()
    return fields if is_line.all() else fields.select(pl.when(is_line).then(pl.all()))


def _with_unwrapped(fields: pl.DataFrame, lines: Lines, is_odd: pl.Expr) -> pl.DataFrame:
    """Lines of another form, read again without what was put around them.

    Lines that begin anew behind their first words are among them.
    """
    odd = fields.select(pl.col("stamp").is_null() | is_odd.fill_null(value=True)).to_series()
    if not odd.any():
        return fields
    at = odd.arg_true()
    is_wrapped = prefixes.is_wrapped(fields["message"].gather(at).fill_null("{"))
    at = at.filter(is_wrapped)
    if not len(at):
        return fields
    text = prefixes.unwrapped(lines.text.gather(at))
    again = fields_of(text, widths_of(prefixes.STAMP, text)).with_columns(line=fields["line"].gather(at))
    again = again.filter(pl.col("stamp").is_not_null())
    return pl.concat([fields.join(again.select("line"), on="line", how="anti"), again]).sort("line")
