"""Kannel's bearerbox access log: texts sent and received.

The message text is never looked at: each line is read from the left up to it.

``Sent SMS``, ``Receive SMS`` and sends that failed are texts; a delivery report tells of one and is merged. Source: Kannel 1.4.5, ``gw/bb_alog.c``
as its user guide describes it, and genuine logs.
"""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from coffer.errors import MalformedInput
from coffer.kinds import KINDS
from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.account import Account
from coffer.records.readers.calls.parties import bare_parties
from coffer.records.readers.port import Found, Piece
from coffer.records.readers.text.lines import EMPTY, LineCutter, Lines
from coffer.records.readers.text.times import parse_times
from coffer.records.rejects import Reason, some_rejects
from coffer.records.settings import CONTENT_CODES, KannelSettings

_STAMP: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}"
_TYPE: Final = r"[A-Za-z]+(?: [A-Za-z]+)* (?:SMS|DLR)|(?:SMS|DLR)(?: [A-Za-z]+)*"
_DEFAULT: Final = (
    rf"^(?:(?P<stamp>{_STAMP}) )?(?P<type>{_TYPE}) \[SMSC:.*?\] \[SVC:.*?\] \[ACT:.*?\](?: \[BINF:.*?\])?(?: \[FID:.*?\])?(?: \[META:.*?\])?"
    r" \[from:(?P<a>.*?)\] \[to:(?P<b>.*?)\] \[flags:[-0-9:]*\] \[msg:-?[0-9]+:"
)
"""Versions before 1.4.1 write no FID, others no META."""
_CODES: Final = {
    "l": f"(?P<type>{_TYPE})",
    "p": "(?P<a>.*?)",
    "P": "(?P<b>.*?)",
    "t": f"(?P<utc>{_STAMP})",
    "T": "(?P<epoch>[0-9]{9,11})",
}
_MARKS: Final = rf"^(?:{_STAMP} )?Log (?:begins|ends|reopened)"


def recognise(head: bytes, _name: str) -> str | None:
    """Whether a file begins like this log; the reason in words."""
    text = rb"(?:%b )?[A-Za-z ]*(?:SMS|DLR) \[SMSC:[^\n]*?\] \[SVC:" % _STAMP.encode()
    return "lines like: Sent SMS [SMSC:...] [SVC:...]" if re.search(rb"(?m)^" + text, head) else None


def line_pattern(log_format: str) -> str:
    """The regular expression of a site's ``access-log-format``.

    It ends before the first code that writes content. ``%t`` is always UTC (the log's own stamp in front may be local
    time), ``%T`` the epoch.
    """
    if not log_format:
        return _DEFAULT
    pattern = rf"^(?:(?P<stamp>{_STAMP}) )?"
    used: set[str] = set()
    parts: list[tuple[str, str]] = re.findall(r"([^%]*)(?:%(.)|$)", log_format)
    for literal, code in parts:
        pattern += re.escape(literal)
        if code and code in CONTENT_CODES:
            return pattern
        if code == "%":
            pattern += "%"
        elif code in _CODES and code not in used:
            pattern += _CODES[code]
            used.add(code)
        elif code:
            pattern += ".*?"
    return pattern + "$"


class KannelReader:
    """One ingest of access logs."""

    def __init__(self, feed: Feed, window: Window) -> None:
        self._feed = feed
        self._account = Account(feed, window)
        settings = feed.settings if isinstance(feed.settings, KannelSettings) else KannelSettings()
        self._pattern = line_pattern(settings.log_format)
        self._cutter = LineCutter()
        self._is_timed = False

    def take(self, piece: Piece) -> Sequence[Found]:
        """Read whole lines."""
        lines = self._cutter.take(piece)
        self._account.reject(piece.file, lines.rejects)
        self._account.skip_counts(piece.file, {EMPTY: lines.empty})
        self._read(piece.file, lines)
        return self._account.told()

    def end_file(self, file: int) -> Sequence[Found]:
        """A last line without an end was cut off."""
        self._is_timed = False
        self._account.reject(file, self._cutter.end_file())
        return self._account.told()

    def finish(self) -> Sequence[Found]:
        """Nothing waits: each line stands alone."""
        return []

    def _read(self, file: int, lines: Lines) -> None:
        frame = lines.text.rename("line").str.extract_groups(self._pattern).struct.unnest()
        frame = frame.with_columns(offset=pl.Series(lines.numbers), file=pl.lit(file, pl.Int32))
        is_read = frame["type"].is_not_null()
        if not is_read.all():
            self._other(file, lines, ~is_read)
            frame = frame.filter(is_read)
        is_report = frame["type"].str.contains("DLR", literal=True)
        self._account.merge(frame.filter(is_report).select("file", what=pl.lit("delivery-report")))
        texts = frame.filter(~is_report)
        if texts.height == 0:
            return
        start = self._start(texts)
        parties = [bare_parties(texts[name]).alias(name) for name in ("a", "b")]
        self._account.keep(
            texts.select("file", "offset", kind=pl.lit(KINDS["text"], pl.UInt8)).with_columns(*start, *parties)
        )

    def _start(self, texts: pl.DataFrame) -> list[pl.Series]:
        fold = self._feed.fold
        if "epoch" in texts.columns:
            times = parse_times(texts["epoch"], ("epoch",), "UTC", fold)
        elif "utc" in texts.columns:
            times = parse_times(texts["utc"], ("%Y-%m-%d %H:%M:%S",), "UTC", fold)
        else:
            stamps = texts["stamp"]
            if not self._is_timed and stamps[0] is None:
                raise MalformedInput(
                    "access log: lines without a time",
                    hint="access-log-clean = true leaves it out: such a log cannot say when; write %t into access-log-format",
                )
            times = parse_times(stamps.fill_null(""), ("%Y-%m-%d %H:%M:%S",), self._feed.time_zone, fold)
        self._is_timed = True
        return times.columns()

    def _other(self, file: int, lines: Lines, is_other: pl.Series) -> None:
        """Lines that are no message: marks of the log itself are skipped, the rest is rejected."""
        other = is_other.to_numpy()
        text, numbers = lines.text.filter(is_other), lines.numbers[other]
        is_mark = text.str.contains(_MARKS)
        is_blank = (text.str.strip_chars() == "").to_numpy()
        self._account.skip_counts(file, {"log-mark": int(is_mark.sum()), EMPTY: int(is_blank.sum())})
        self._account.reject(file, some_rejects(numbers[~is_blank & ~np.asarray(is_mark)], Reason.BAD_RECORD))
