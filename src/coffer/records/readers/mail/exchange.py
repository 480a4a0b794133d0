"""Microsoft Exchange message tracking: one record per recipient with its last status.

Events of one mail are joined over hops, servers and files. The subject is a column that is never turned into text:
Arrow splits the bytes of a line and only the columns needed are taken from it. Decided in
``docs/formats/readers-mail.md``. Source: "Message tracking" in the Exchange Server documentation; RFC 4180.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.csv as pc_csv

from coffer.errors import MalformedInput
from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.account import Account, with_columns_of
from coffer.records.readers.mail.exchange_export import DayOrder, export_columns, own_names
from coffer.records.readers.mail.handover import NO_MESSAGE_ID
from coffer.records.readers.mail.queue import DEFERRED, FAILED, NOTICE, ROWS, SENT, UNSURE, Queue, QueueRules, Role
from coffer.records.readers.port import Found, Piece
from coffer.records.readers.text import stamps
from coffer.records.readers.text.distinct import distinct
from coffer.records.readers.text.lines import BOM, EMPTY, MAX_LINE_BYTES, Filled, LineCutter, without_empty
from coffer.records.readers.text.rows import widths
from coffer.records.readers.waiting import Steps
from coffer.records.rejects import Reason, some_rejects
from coffer.records.settings import ExchangeSettings

STEP: Final = 500_000
"""Rows that are joined at a time, and rows that stay open: servers log apart, so a message is complete only with the last file."""
MAX_COLUMNS: Final = 200
_QUOTE: Final = ord('"')
_LF: Final = ord("\n")
_CR: Final = ord("\r")
_NO_ID: Final = ("", "00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-000000000000}")
"""A network message id that is empty or all zeros names nothing: strangers' mails must not be joined by it."""
_REQUIRED: Final = ("date-time", "event-id", "message-id", "recipient-address", "sender-address")
_OPTIONAL: Final = ("network-message-id", "related-recipient-address", "return-path", "internal-message-id")
_ATTEMPTS: Final = {"DELIVER": SENT, "SEND": SENT, "SENDEXTERNAL": SENT, "FAIL": FAILED, "DEFER": DEFERRED}
_STATUS: Final = {**_ATTEMPTS, "DSN": NOTICE, "REDIRECT": UNSURE}
_ROLES: Final = {
    **dict.fromkeys(_ATTEMPTS, Role.TO),
    "DUPLICATEDELIVER": Role.TO,
    **dict.fromkeys(("RECEIVE", "SUBMIT", "DSN"), Role.OPEN),
    **dict.fromkeys(("EXPAND", "REDIRECT", "RESOLVE"), Role.ALIAS),
}
_KNOWN: Final = frozenset(
    {*_ROLES, "TRANSFER", "HARECEIVE", "HADISCARD", "HAREDIRECT", "HAREDIRECTFAIL", "AGENTINFO", "NOTIFYMAPI", "PROCESS", "SUBMITDEFER",
     "SUBMITFAIL", "THROTTLE", "BADMAIL", "POISONMESSAGE", "DROP", "LOAD", "MODERATORAPPROVE", "MODERATORREJECT", "MODERATIONEXPIRE"}
)  # fmt: skip
"""Events that are counted by name when they tell of no delivery; any other is ``other``, whatever its field holds."""


_GIVEN: Final = ("line", "role", "status", "time", "fault", "is_ambiguous", "sender-address", "message-id", *_OPTIONAL)


def recognise(head: bytes, name: str) -> str | None:  # noqa: ARG001 - one signature for every format
    """Why a file looks like a message tracking log, in words without content; None if it does not."""
    lines = head.removeprefix(BOM).splitlines()
    if any(line.startswith(b"#Fields:") and b"event-id" in line and b"recipient-address" in line for line in lines):
        return "a #Fields line names event-id and recipient-address"
    first = next((line for line in lines if not line.startswith(b"#")), b"")
    if export_columns(first, _REQUIRED) is not None:
        return "a header names the properties of message tracking events"
    return None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Records:
    """Whole lines: their bytes, their numbers in the file and where each begins; shape (lines,)."""

    data: bytes
    numbers: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]


class ExchangeReader:
    """Reads message tracking logs of any number of servers. ``coffer.records.readers.port.Reader``."""

    def __init__(self, feed: Feed, window: Window) -> None:
        self._feed = feed
        self._account = Account(feed, window)
        self._cutter = LineCutter()
        self._queue = Queue(self._account, QueueRules(are_reused=False, is_in_order=False, max_open=STEP))
        self._columns: list[str] | None = None
        self._rows = Steps(ROWS)
        settings = feed.settings if isinstance(feed.settings, ExchangeSettings) else ExchangeSettings()
        self._days: DayOrder | None = None
        self._date_order = settings.date_order
        self._open: list[pl.DataFrame] = []

    def take(self, piece: Piece) -> Sequence[Found]:
        """The next lines; gives what must be given as it stands, because too much is open."""
        filled = without_empty(*self._cutter.whole(piece))
        self._account.skip_counts(piece.file, {EMPTY: filled.empty})
        self._split(filled, piece.file)
        for rows in self._rows.whole(STEP):
            self._account.keep(self._queue.settle(rows, is_last=False))
        return self._account.told()

    def end_file(self, file: int) -> Sequence[Found]:
        """Tells what was skipped in the file; mail waits for the files of other servers."""
        self._account.reject(file, self._cutter.end_file())
        self._read_open(file, is_last=True)
        self._columns, self._days = None, None
        return self._account.told()

    def finish(self) -> Sequence[Found]:
        """All mail, with its last status."""
        self._account.keep(self._queue.settle(self._rows.rest(), is_last=True))
        return self._account.told()

    def _split(self, filled: Filled, file: int) -> None:
        """Runs of records between header lines, each read with the columns that the header before it names."""
        data = filled.data
        view = np.frombuffer(data, np.uint8)
        ends = filled.ends + 1
        starts = np.concatenate((np.zeros(1, np.int64), ends[:-1])) if len(ends) else ends
        headers = np.flatnonzero(view[starts] == ord("#")) if len(starts) else starts
        at = 0
        for line in [*headers.tolist(), len(ends)]:
            if line > at:
                span = slice(int(starts[at]), int(ends[line - 1]))
                self._records(data[span], filled.numbers[at:line], starts[at:line] - starts[at], file)
            if line < len(ends):
                self._header(data[int(starts[line]) : int(ends[line])], file)
            at = line + 1

    def _header(self, line: bytes, file: int) -> None:
        self._account.skip_counts(file, {"header": 1})
        if not line.startswith(b"#Fields:"):
            return
        names = own_names(line[8:].decode("latin-1").split(","))
        missing = [name for name in _REQUIRED if names.count(name) != 1]
        if missing or len(names) > MAX_COLUMNS:
            raise MalformedInput(
                f"file {file}: no column {missing[0] if missing else ''} in #Fields",
                hint="is this a message tracking log?",
            )
        self._columns = names

    def _records(self, data: bytes, numbers: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], file: int) -> None:
        if self._columns is None and (
            names := export_columns(data[: int(starts[1]) if len(starts) > 1 else len(data)], _REQUIRED)
        ):
            self._columns, self._days = names[:MAX_COLUMNS], DayOrder(self._date_order)
            self._account.skip_counts(file, {"header": 1})
            head = int(starts[1]) if len(starts) > 1 else len(data)
            data, numbers, starts = data[head:], numbers[1:], starts[1:] - head
            if not len(starts):
                return
        if self._columns is None:
            raise MalformedInput(
                f"file {file}: line {numbers[0]}: a record before any #Fields line",
                hint="is this a message tracking log?",
            )
        lines = self._without(_Records(data=data, numbers=numbers, starts=starts), _line_faults(data, starts), file)
        if not len(lines.numbers):
            return
        unique = [name if self._columns.index(name) == i else f"{i}" for i, name in enumerate(self._columns)]
        table = _split_run(lines.data, unique)
        if table is None or table.num_rows != len(lines.numbers):
            lines = self._without(lines, _width_faults(lines.data, lines.starts, len(unique)), file)
            tables = split_columns(lines.data, lines.starts, unique)
        else:
            tables = iter([(table, slice(0, len(lines.numbers)))])
        for found, at in tables:
            if found is None:
                self._account.reject(file, some_rejects(lines.numbers[at], Reason.WRONG_COLUMN_COUNT))
            elif found.num_rows:
                self._take(_fields(found).with_columns(line=lines.numbers[at]), file)

    def _without(self, lines: "_Records", faults: npt.NDArray[np.uint8], file: int) -> "_Records":
        """Rejects faulty lines; gives the others."""
        if not faults.any():
            return lines
        for reason in np.unique(faults[faults > 0]).tolist():
            self._account.reject(file, some_rejects(lines.numbers[faults == reason], Reason(reason)))
        ends = np.append(lines.starts[1:], len(lines.data))
        good = np.flatnonzero(faults == 0)
        lengths = (ends - lines.starts)[good]
        return _Records(
            data=b"".join(lines.data[lines.starts[i] : ends[i]] for i in good.tolist()),
            numbers=lines.numbers[good],
            starts=np.cumsum(lengths) - lengths,
        )

    def _take(self, fields: pl.DataFrame, file: int) -> None:
        if self._days is None:
            self._rows.add(self._read(fields, file))
            return
        recipients = pl.col("recipient-address").str.strip_chars("{} ").str.replace_all(", ", ";", literal=True)
        self._open.append(fields.with_columns(recipients))
        self._days.learn(fields["date-time"])
        self._read_open(file, is_last=sum(map(len, self._open)) >= STEP)

    def _read_open(self, file: int, *, is_last: bool) -> None:
        """Rows of an export wait until one of them shows whether day or month comes first."""
        if self._days is None or not self._open:
            return
        if is_last or not self._days.needs_more(self._open[-1]["date-time"]):
            opened, self._open = self._open, []
            for fields in opened:
                self._rows.add(self._read(fields, file))

    def _read(self, fields: pl.DataFrame, file: int) -> pl.DataFrame:
        """Rows of the queue, one a recipient."""
        values, event = distinct(fields["event-id"])
        events = values.str.to_uppercase().to_list()
        role = np.array([_ROLES.get(word, 0) for word in events], np.uint8)
        self._skip(events, role, np.bincount(event, minlength=len(events)), file)
        status = pl.Series([_STATUS.get(word) for word in events], dtype=pl.UInt8)
        is_told = pl.Series(role[event] > 0)
        rows = fields.with_columns(role=pl.Series(role[event]), status=status.gather(event))
        if self._days is not None:
            stamped = self._days.read(fields["date-time"], self._feed)
        else:
            stamped = stamps.parse_stamps(fields["date-time"], stamps.WITH_ZONE, self._feed)
        rows = rows.with_columns(time=stamped.start, fault=stamped.fault, is_ambiguous=stamped.is_ambiguous)
        return self._by_recipient(rows if is_told.all() else rows.filter(is_told), file)

    def _skip(
        self, events: list[str | None], role: npt.NDArray[np.uint8], counts: npt.NDArray[np.int64], file: int
    ) -> None:
        """Counts events that tell of no delivery under their names."""
        words: Counter[str] = Counter()
        for event, what, count in zip(events, role.tolist(), counts.tolist(), strict=True):
            if what in (0, Role.OPEN, Role.ALIAS) and event is not None:
                words[event.lower() if event in _KNOWN else "other"] += count
        self._account.skip_counts(file, words)

    def _by_recipient(self, rows: pl.DataFrame, file: int) -> pl.DataFrame:
        role = pl.col("role")
        to = pl.when(role != Role.OPEN).then(pl.col("recipient-address").str.to_lowercase())
        rows = _exploded(rows.select(*_GIVEN, to.alias("text"))).with_columns(pl.col("text").str.strip_chars(" "))
        is_nobody = (role == Role.TO) & (pl.col("text") == "")
        is_twice = (role == Role.TO) & pl.col("status").is_null() & ~is_nobody
        nobody, twice = rows.select(is_nobody.sum().alias("nobody"), is_twice.sum().alias("twice")).row(0)
        self._account.skip_counts(file, {"no-recipient": nobody})
        self._account.merge_counts(file, {"duplicate": twice})
        if nobody or twice:
            rows = rows.filter(~(is_nobody | is_twice))
        return with_columns_of(
            rows.with_columns(file=pl.lit(file, pl.Int64), **_message(file), orig=_written(rows)), ROWS
        )


def _message(file: int) -> dict[str, pl.Expr]:
    """Under which id a message goes, and from whom."""
    network, message = (pl.col(name).fill_null("") for name in ("network-message-id", "message-id"))
    is_weak = network.is_in(_NO_ID)
    envelope = pl.when(pl.col("return-path").fill_null("") == "").then("sender-address").otherwise("return-path")
    return {
        "host": pl.lit(""),
        "qid": pl.when(~is_weak)
        .then(network)
        .when(message.is_in(NO_MESSAGE_ID))
        .then(_own_id(file))
        .otherwise(message),
        "is_weak": is_weak,
        "delay_s": pl.lit(0.0),
        "sender": pl.when(envelope == "<>").then(pl.lit("")).otherwise(envelope),
    }


def _written(rows: pl.DataFrame) -> pl.Series:
    """The one address that a list or redirection was written to; null in other rows."""
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, len(rows))
    at = (rows["role"] == Role.ALIAS).arg_true()
    if not len(at):
        return nothing
    related = rows["related-recipient-address"].gather(at).str.strip_chars(" ;").str.to_lowercase()
    is_one = (related != "") & ~related.str.contains(";", literal=True)
    return nothing.scatter(at, related.zip_with(is_one.fill_null(value=False), nothing.head(len(at))))


def _own_id(file: int) -> pl.Expr:
    """An id for a mail that has none: what its server calls it, of one sender in one file; else its line.

    The number is of one server, and the next one has it for another mail. A file is of one server, or an export of
    several, where the sender keeps strangers apart.
    """
    internal = pl.col("internal-message-id").fill_null("")
    named = pl.format("server {} {} {}", pl.lit(file), internal, pl.col("sender-address").fill_null(""))
    return pl.when(internal.is_in(["", "0"])).then(pl.format("line {} {}", pl.lit(file), "line")).otherwise(named)


def _exploded(rows: pl.DataFrame) -> pl.DataFrame:
    """A row for each of the recipients in ``text``; most lines have one."""
    if not rows["text"].str.contains(";", literal=True).any():
        return rows
    return rows.with_columns(pl.col("text").str.split(";")).explode("text")


def _fields(table: pa.Table) -> pl.DataFrame:
    names = (*_REQUIRED, *_OPTIONAL)
    given = {name: _text(table[name]) for name in names if name in table.column_names}
    # A column that the log does not have is text, and null in every row.
    return pl.DataFrame({name: given.get(name) for name in names}, schema=dict.fromkeys(names, pl.String))


def _line_faults(data: bytes, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """What keeps a line from being one row, as a ``Reason``, 0 nothing; shape (lines,).

    A line with a quote left open or a carriage return within would not stay one line.
    """
    view = np.frombuffer(data, np.uint8)
    ends = np.append(starts[1:], len(data))
    faults = np.zeros(len(starts), np.uint8)
    faults[_quotes(view, starts) % 2 == 1] = Reason.WRONG_COLUMN_COUNT
    is_return = view == _CR
    at_ends = is_return[np.maximum(ends - 2, 0)] & (view[ends - 1] == _LF) & (ends - starts > 1)
    if np.count_nonzero(is_return) != np.count_nonzero(at_ends):
        returns = np.flatnonzero(is_return)
        lone = returns[np.append(view, np.uint8(0))[returns + 1] != _LF]
        faults[np.searchsorted(starts, lone, side="right") - 1] = Reason.WRONG_COLUMN_COUNT
    faults[ends - starts > MAX_LINE_BYTES + 1] = Reason.ROW_TOO_LONG
    return faults


def _width_faults(data: bytes, starts: npt.NDArray[np.int64], width: int) -> npt.NDArray[np.uint8]:
    """Lines without quotes that have not ``width`` columns: a ``Reason``, 0 for others; shape (lines,).

    Not the real check, which is Arrow's: it spares the attempts that each bad line costs there.
    """
    view = np.frombuffer(data, np.uint8)
    faults = np.zeros(len(starts), np.uint8)
    faults[(_quotes(view, starts) == 0) & (widths(view, ",") != width)] = Reason.WRONG_COLUMN_COUNT
    return faults


def _quotes(view: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many quotes each line has; shape (lines,)."""
    quotes = np.flatnonzero(view == _QUOTE)
    if not len(quotes):
        return np.zeros(len(starts), np.int64)
    before = np.searchsorted(quotes, np.append(starts, len(view)))
    return np.diff(before)


def split_columns(
    data: bytes, starts: npt.NDArray[np.int64], names: Sequence[str]
) -> Iterator[tuple[pa.Table | None, slice]]:
    """The needed columns of runs of lines, as bytes, each with the places of its lines.

    A line that has not these columns comes alone, with None. A run that does not split into a row a line is halved:
    one bad line costs some twenty attempts, and is never handed to Python.
    """
    ends = np.append(starts[1:], len(data))
    runs = [slice(0, len(starts))] if len(starts) else []
    while runs:
        run = runs.pop()
        table = _split_run(data[int(starts[run.start]) : int(ends[run.stop - 1])], names)
        if table is not None and table.num_rows == run.stop - run.start:
            yield table, run
        elif run.stop - run.start == 1:
            yield None, run
        else:
            middle = (run.start + run.stop) // 2
            runs += [slice(middle, run.stop), slice(run.start, middle)]


def _split_run(data: bytes, names: Sequence[str]) -> pa.Table | None:
    """The needed ones of these columns, whose names differ; None if the lines do not split so."""
    wanted = [name for name in (*_REQUIRED, *_OPTIONAL) if name in names]
    try:
        return pc_csv.read_csv(
            pa.BufferReader(data),
            read_options=pc_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(data)),
            parse_options=pc_csv.ParseOptions(ignore_empty_lines=False),
            convert_options=pc_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.string() if data.isascii() else pa.binary()),
                include_columns=wanted,
                strings_can_be_null=False,
                check_utf8=False,  # ASCII is; ``_text`` looks at other bytes
            ),
        )
    except pa.ArrowInvalid:  # its text quotes the line; nothing of it is kept
        return None


def _text(column: pa.ChunkedArray) -> pl.Series:
    """Addresses and ids as text; bytes that are no UTF-8 as ``draft.UNREADABLE``."""
    try:
        return pl.Series(pl.from_arrow(column.cast(pa.string())))
    except pa.ArrowInvalid:
        return pl.Series([value.decode("utf-8", "replace") for value in column.to_pylist()], dtype=pl.String)
