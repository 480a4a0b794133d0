"""Accounting tables of Kamailio and OpenSIPS as text: flatstore files and exports of MySQL.

INVITE and BYE rows are joined as those of a database are. Source: ``flatstore.c`` and ``acc.c`` of OpenSIPS, genuine
flatstore files of Kamailio 5.6 and genuine exports of its tables from MariaDB.
"""

import re
from collections.abc import Sequence
from typing import Final

import polars as pl

from coffer.errors import MalformedInput
from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.account import Account
from coffer.records.readers.calls.kamailio_calls import events_of
from coffer.records.readers.calls.kamailio_rows import accounting_rows, wanted
from coffer.records.readers.port import MAX_OPEN, Found, Piece
from coffer.records.readers.text.lines import BOM, EMPTY, MAX_LINE_BYTES
from coffer.records.readers.text.rows import RowCutter, Rows, split_rows
from coffer.records.readers.waiting import Waiting
from coffer.records.rejects import Reason, one_reject
from coffer.records.settings import KamailioSettings

DELIMITERS: Final = ("|", "\t", ",", ";")
_ACC: Final = frozenset({"method", "callid", "sip_code", "time"})
_CDRS: Final = frozenset({"start_time", "end_time", "duration"})
"""Names that only these tables have together."""
_OF_A_CALL: Final = frozenset({"setuptime", "created", "duration", "ms_duration"})
"""The last columns of OpenSIPS, which only the rows of whole calls have."""
_TIME: Final = rb"(?:[0-9]{9,11}|[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8})"
_FLAT: Final = re.compile(
    rb"(?m)^(?:[0-9]+(?:\t|,|;))?[A-Z]{3,10}([|\t,;])(?:[^|\t,;\n]*\1){2}[^|\t,;\n]+\1[0-9]{3}\1[^|\t,;\n]*\1%b(?:\1|\r?$)"
    % _TIME
)
"""A row without a header: perhaps its number, then method, tags, Call-ID, code, reason and time."""
_FLAT_CDR: Final = re.compile(rb"(?m)^(?:[0-9]+(?:\t|,|;))?%b([|\t,;])%b\1[0-9]+\.[0-9]{3,6}\1" % (_TIME, _TIME))
"""A CDR without a header: perhaps its number, then both times and the duration."""
_NULLS: Final = ("NULL", "\\N")
"""How MySQL writes that there is no value."""
_HINT: Final = (
    "name the columns in the feed, in their order: [kamailio] "
    'columns = ["method", "from_tag", "to_tag", "callid", "sip_code", "sip_reason", "time", ...]; cdr_columns of CDRs'
)


def recognise(head: bytes, _name: str) -> str | None:
    """Whether a file is such a table; the reason in words."""
    _, names = _header(head)
    if set(names) >= _ACC:
        return "a header with method, callid, sip_code and time"
    if set(names) >= _CDRS and "callid" in names:
        return "a header with start_time, end_time, duration and callid"
    if _FLAT.search(head):
        return "rows of method, tags, Call-ID, code, reason and time"
    return "rows of two times, a duration and more" if _FLAT_CDR.search(head) else None


def _header(head: bytes) -> tuple[str, list[str]]:
    """The delimiter of the first row, and the names in it; none where it is no row of names."""
    line = head.removeprefix(BOM).split(b"\n", 1)[0][:MAX_LINE_BYTES].decode("utf-8", "replace").rstrip("\r")
    delimiter = max(DELIMITERS, key=line.count)
    names = [name.strip(' "`') for name in line.split(delimiter)]
    is_named = len(names) > 1 and all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", name) for name in names)
    return delimiter, names if is_named and (set(names) >= _ACC or set(names) >= _CDRS) else []


class KamailioTableReader:
    """One ingest of tables. ``coffer.records.readers.port.Reader``."""

    def __init__(self, feed: Feed, window: Window, *, max_open: int = MAX_OPEN) -> None:
        self._feed = feed
        self._account = Account(feed, window)
        self._settings = feed.settings if isinstance(feed.settings, KamailioSettings) else KamailioSettings()
        self._waiting = Waiting(self._account, events_of, max_open)
        self._cutter = RowCutter(is_multiline=False)
        self._names: list[str] = []
        self._delimiter = ""

    def take(self, piece: Piece) -> Sequence[Found]:
        """Read whole rows.

        Raises:
            MalformedInput: the first row is neither a header nor a row of the columns that the feed names.
        """
        runs, rejects = self._cutter.take(piece)
        self._account.reject(piece.file, rejects)
        for run, line in runs:
            data, first = run, line
            if not self._names:
                end = data.find(b"\n") + 1
                if self._open(data[:end]):
                    self._account.skip_counts(piece.file, {"header": 1})
                    data, first = data[end:], line + 1
            if data:
                self._read(piece.file, data, first)
        return self._account.told()

    def end_file(self, file: int) -> Sequence[Found]:
        """A last row without an end was cut off."""
        _, line, is_left = self._cutter.end_file()
        if is_left:
            self._account.reject(file, one_reject(line, Reason.CUT_OFF))
        self._names = []
        return self._account.told()

    def finish(self) -> Sequence[Found]:
        """What is still open is given as it stands."""
        self._waiting.finish()
        return self._account.told()

    def _open(self, line: bytes) -> bool:
        """Finds the columns; whether this row is their header."""
        self._delimiter, self._names = _header(line)
        if self._names:
            return True
        flat, cdr = _FLAT.search(line), _FLAT_CDR.search(line)
        found = flat or cdr
        self._delimiter = found[1].decode() if found else ","
        self._names = list(self._settings.cdr_columns if cdr and not flat else self._settings.columns)
        if not self._names:
            raise MalformedInput("line 1: no header of an accounting table", hint=_HINT)
        if not (set(self._names) >= _ACC or set(self._names) >= _CDRS):
            raise MalformedInput("columns of the feed: expected method, callid, sip_code and time", hint=_HINT)
        return False

    def _positions(self, width: int) -> list[int] | None:
        """Where the columns that tell of a call stand in rows of this width; None if no row has it."""
        if width > len(self._names) or not set(self._names[width:]) <= _OF_A_CALL:
            return None
        names = self._names[:width]
        return [names.index(name) for name in wanted(names, self._settings)]

    def _read(self, file: int, data: bytes, first: int) -> None:
        if self._delimiter in "|\t":
            # Neither flatstore nor mysql quotes a value, so a quote is a character like any other.
            data = data.replace(b'"', b"'")
        found, rejects, empty = split_rows(
            data, first, delimiter=self._delimiter, wanted=self._positions, is_multiline=False
        )
        self._account.reject(file, rejects)
        self._account.skip_counts(file, {EMPTY: empty})
        parts = [self._frame(rows) for rows in found]
        if parts:
            table = pl.concat(parts, how="diagonal").sort("offset").with_columns(file=pl.lit(file, pl.Int32))
            self._waiting.add(
                accounting_rows(table, own=self._settings, feed=self._feed, account=self._account, is_missed=False)
            )

    def _frame(self, rows: Rows) -> pl.DataFrame:
        columns = {self._names[at]: column.replace(_NULLS, [None, None]) for at, column in rows.columns.items()}
        return pl.DataFrame({"offset": rows.numbers, **columns})
