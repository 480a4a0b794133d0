"""Asterisk's ``Master.csv``: calls, each once. Pure.

One call leaves several rows: its legs, attempts and Local channels.

Source: ``cdr_csv`` of Asterisk as its documentation describes it. ``lastdata`` is never read, nor ``userfield`` where
the width says which column it is; of ``clid`` only the number in angle brackets. Rows are joined by ``linkedid``,
else ``uniqueid``; without either each row is a call.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from coffer.kinds import KINDS
from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.account import Account
from coffer.records.readers.calls.parties import bare_parties, first_filled
from coffer.records.readers.port import MAX_OPEN, Found, Piece
from coffer.records.readers.text.lines import EMPTY
from coffer.records.readers.text.rows import RowCutter, Rows, split_rows
from coffer.records.readers.text.times import parse_times
from coffer.records.readers.waiting import Waiting
from coffer.records.rejects import Reason, one_reject, some_rejects
from coffer.records.settings import AsteriskSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Where the fields stand in a row; ``unique`` and ``linked`` by its width."""

    src: int
    dst: int
    clid: int
    channel: int
    start: int
    end: int
    billsec: int
    disposition: int
    unique: Mapping[int, int]
    linked: Mapping[int, int]

    def wanted(self, width: int) -> set[int]:
        """Positions to read of rows of this width."""
        more = {table[width] for table in (self.unique, self.linked) if width in table}
        return {
            self.src,
            self.dst,
            self.clid,
            self.channel,
            self.start,
            self.end,
            self.billsec,
            self.disposition,
        } | more


_CSV: Final = _Places(
    src=1,
    dst=2,
    clid=4,
    channel=5,
    start=9,
    end=11,
    billsec=13,
    disposition=14,
    unique={17: 16, 18: 16, 20: 16, 21: 16},
    linked={19: 17, 20: 18, 21: 19},
)
"""``cdr_csv``. In 17 and 20 columns ``uniqueid`` may be ``userfield`` instead, which only its shape tells."""
_CUSTOM: Final = _Places(
    src=1,
    dst=2,
    clid=0,
    channel=4,
    start=8,
    end=10,
    billsec=12,
    disposition=13,
    unique={18: 16, 19: 16},
    linked={},
)
"""``cdr_custom`` with the mapping of the file that comes with Asterisk: ``clid`` first, ``accountcode`` behind ``amaflags``."""
_CUSTOM_WIDTHS: Final = frozenset(_CUSTOM.unique)
_UNIQUE_SHAPE: Final = r"^(?:[^\s,]{1,64}-)?[0-9]{9,11}\.[0-9]{1,9}$"
_TIME_FORMAT: Final = "%Y-%m-%d %H:%M:%S"
_NO_ID: Final = "^[0.]*$"
"""Rows of strangers must not be joined by an id that names nothing."""
_ANSWERED: Final = {
    "ANSWERED": True,
    "NO ANSWER": False,
    "NOANSWER": False,
    "BUSY": False,
    "FAILED": False,
    "CONGESTION": False,
    "UNKNOWN": None,
    "": None,
}
_NO_NUMBER: Final = ("", "s", "h", "i", "t", "T", "o", "a", "e", "~~s~~", "~~b~~", "failed")
"""Extensions of the dialplan that are no dialled number."""
_NUMBER: Final = r"^\+?[0-9*#]+$"
"""A Local channel leads to an extension of the dialplan, often one with a name like ``ch1``: only digits are a number that was called."""
_TIME: Final = rb"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}"
_HEAD: Final = re.compile(
    rb'(?m)^[^\n]*,"?%b"?,(?:"?%b"?|""|),"?%b"?,"?[0-9]+"?,"?[0-9]+"?,"(?:ANSWERED|NO ANSWER|BUSY|FAILED|CONGESTION|UNKNOWN)","?[A-Z]*"?'
    % (_TIME, _TIME, _TIME)
)


def recognise(head: bytes, _name: str) -> str | None:
    """Whether rows like those of ``cdr_csv`` stand there; the reason in words."""
    return (
        "rows with start, answer and end, two durations and a disposition like ANSWERED" if _HEAD.search(head) else None
    )


class AsteriskReader:
    """One ingest of Master.csv files."""

    def __init__(self, feed: Feed, window: Window, *, max_open: int = MAX_OPEN) -> None:
        self._feed = feed
        self._account = Account(feed, window)
        self._settings = feed.settings if isinstance(feed.settings, AsteriskSettings) else AsteriskSettings()
        self._cutter = RowCutter(is_multiline=False)
        self._waiting = Waiting(self._account, self._joined, max_open)

    def take(self, piece: Piece) -> Sequence[Found]:
        """Read whole rows."""
        runs, rejects = self._cutter.take(piece)
        self._account.reject(piece.file, rejects)
        for data, first in runs:
            by_width, rejects, empty = split_rows(data, first, delimiter=",", wanted=_wanted, is_multiline=False)
            self._account.reject(piece.file, rejects)
            self._account.skip_counts(piece.file, {EMPTY: empty})
            parts = [self._legs(piece.file, part, places) for rows in by_width for part, places in _with_places(rows)]
            if parts:
                self._waiting.add(pl.concat(parts).sort("offset"))
        return self._account.told()

    def end_file(self, file: int) -> Sequence[Found]:
        """A last row without a line end was cut off: it may look like a narrower one."""
        _, line, is_left = self._cutter.end_file()
        if is_left:
            self._account.reject(file, one_reject(line, Reason.CUT_OFF))
        return self._account.told()

    def finish(self) -> Sequence[Found]:
        """What is still open is given as it stands."""
        self._waiting.finish()
        return self._account.told()

    def _legs(self, file: int, rows: Rows, places: _Places) -> pl.DataFrame:
        """The rows' own fields as columns; those without a sane disposition or duration are rejected."""
        disposition = rows.column(places.disposition)
        seconds = rows.column(places.billsec).str.extract(r"^([0-9]{1,9})$").cast(pl.Int64)
        is_unknown = ~disposition.is_in(list(_ANSWERED))
        is_endless = ~is_unknown & seconds.is_null()
        self._account.reject(file, some_rejects(rows.numbers[is_unknown.to_numpy()], Reason.BAD_ANSWERED, "answered"))
        self._account.reject(file, some_rejects(rows.numbers[is_endless.to_numpy()], Reason.BAD_DURATION, "duration_s"))
        linked, unique = (rows.column(table.get(rows.width)) for table in (places.linked, places.unique))
        unique = unique.str.extract(f"({_UNIQUE_SHAPE})").fill_null("")
        begin = rows.column(places.start)
        times = parse_times(begin, (_TIME_FORMAT,), self._feed.time_zone, self._feed.fold)
        dst = bare_parties(rows.column(places.dst))
        legs = pl.DataFrame(
            {
                "offset": rows.numbers,
                "id": first_filled([linked, unique]),
                "channel": rows.column(places.channel),
                "seconds": seconds,
                "begin": begin,
                "end": rows.column(places.end),
                "answered": disposition.replace_strict(_ANSWERED, default=None, return_dtype=pl.Boolean),
                "a": first_filled(
                    [bare_parties(rows.column(places.src)), rows.column(places.clid).str.extract(r"<([^<>]*)>$")]
                ),
                "b": dst,
            }
        ).with_columns(
            *times.columns(),
            file=pl.lit(file, pl.Int32),
            has_number=~dst.is_in(list(_NO_NUMBER)),
            is_local=pl.col("channel").str.starts_with("Local/"),
        )
        alone = pl.format("x{}:{}", "file", "offset")
        legs = legs.with_columns(
            key=pl.when(pl.col("id").str.contains(_NO_ID)).then(alone).otherwise(pl.format("i{}", "id"))
        ).drop("id")
        return legs.filter(~(is_unknown | is_endless))

    def _joined(self, legs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        events, merged = calls_of(legs, own_number=self._settings.own_number)
        return self._with_evidence(events), merged

    def _with_evidence(self, calls: pl.DataFrame) -> pl.DataFrame:
        """``last_stamp`` of calls that are too long by the clock on the wall.

        Reading times of a zone is slow, so only these few calls get one.
        """
        naive = [pl.col(name).str.to_datetime(_TIME_FORMAT, strict=False).dt.epoch("s") for name in ("begin", "end")]
        own_end = pl.when(pl.col("rows") == 1).then(naive[1])
        spans = calls.select(span=pl.coalesce("until", own_end) - naive[0], seconds="duration_s").with_row_index("row")
        long = spans.filter(pl.col("seconds") > pl.col("span"))["row"]
        if not len(long):
            return calls
        ends = calls.select(
            pl.when(pl.col("until").is_not_null())
            .then(pl.from_epoch("until").dt.strftime(_TIME_FORMAT))
            .otherwise(pl.col("end"))
        ).to_series()
        times = parse_times(ends.gather(long), (_TIME_FORMAT,), self._feed.time_zone, "second").start
        last = pl.Series([None], dtype=times.dtype).new_from_index(0, len(calls))
        return calls.with_columns(last_stamp=last.scatter(long, times))


def calls_of(legs: pl.DataFrame, *, own_number: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Calls (columns of ``EVENTS``) and merged rows.

    One call is one calling channel of a linked id; its Local channels are where it was forwarded.

    A call whose rows are all of Local channels (an originated one) is one call. The call is what its first row says, with the time in which
    any of its rows talked: what ran side by side counts once. It was forwarded to the last number that answered, if that is not the one first
    called.
    """
    legs = legs.with_row_index("row").with_columns(is_lone=pl.col("is_local").all().over("key"))
    caller = pl.when("is_lone").then(pl.lit("")).otherwise("channel")
    own = legs.filter(~pl.col("is_local") | pl.col("is_lone")).with_columns(caller=caller)
    own = own.sort("start", "row", maintain_order=True)
    by_call = ["key", "caller"]
    firsts = own.unique(by_call, keep="first", maintain_order=True)
    numbered = own.filter("has_number")
    called = numbered.unique(by_call, keep="first", maintain_order=True).select(*by_call, called="b")
    last = numbered.filter(pl.col("answered").fill_null(value=False)).unique(by_call, keep="last", maintain_order=True)
    # A row that was copied, as from Master.csv into an account's own file, must not count its seconds twice.
    once = own.unique([*by_call, "start", "b", "seconds", "answered"])
    sums = once.group_by(by_call).agg(
        duration_s=pl.col("seconds").sum(),
        any_answered=pl.col("answered").any(),
        known=pl.col("answered").count(),
        talks=(pl.col("seconds") > 0).sum(),
        rows=pl.len(),
    )
    sums = _with_wall_time(sums, once, by_call)
    calls = (
        firsts.join(called, on=by_call, how="left")
        .join(last.select(*by_call, last="b"), on=by_call, how="left")
        .join(sums, on=by_call, how="left")
        .join(_local_targets(legs), on="key", how="left")
        .with_columns(is_first=pl.col("row") == pl.col("row").first().over("key"))
    )
    target = pl.coalesce(
        pl.when(pl.col("last") != pl.col("called")).then("last"), pl.when("is_first").then("target"), pl.lit("")
    )
    b = pl.coalesce("called", pl.lit(own_number))
    events = calls.with_columns(
        kind=pl.lit(KINDS["call"], pl.UInt8),
        b=b,
        f=pl.when(target == b).then(pl.lit("")).otherwise(target),
        answered=pl.when(pl.col("known") > 0).then("any_answered"),
    )
    what = (
        pl.when("is_local")
        .then(pl.lit("local-channel"))
        .when("answered")
        .then(pl.lit("leg"))
        .otherwise(pl.lit("attempt"))
    )
    merged = legs.join(calls.select("row"), on="row", how="anti").select("file", what=what)
    return events, merged


def _with_wall_time(sums: pl.DataFrame, rows: pl.DataFrame, by_call: list[str]) -> pl.DataFrame:
    """``duration_s`` of calls in which several rows talked.

    It is the time that their spans cover, [end - billsec, end] each.
    """
    several = sums.filter(pl.col("talks") > 1)
    if several.is_empty():
        return sums.with_columns(until=pl.lit(None, pl.Int64))
    talks = rows.filter(pl.col("seconds") > 0).join(several.select(by_call), on=by_call, how="semi")
    end = pl.col("end").str.to_datetime(_TIME_FORMAT, strict=False).dt.epoch("s")
    talks = talks.with_columns(until=end).with_columns(begin=pl.col("until") - pl.col("seconds"))
    talks = talks.sort(*by_call, "begin")
    covered = pl.col("until").cum_max().shift().over(by_call)
    fresh = (pl.col("until") - pl.max_horizontal("begin", covered)).clip(lower_bound=0)
    walls = (
        talks.with_columns(fresh=fresh)
        .group_by(by_call)
        .agg(
            # If an end cannot be read, nobody knows what ran side by side. Then only the longest row is certain.
            until=pl.col("until").max(),
            wall_s=pl.when(pl.col("until").is_null().any())
            .then(pl.col("seconds").max())
            .otherwise(pl.col("fresh").sum()),
        )
    )
    return sums.join(walls, on=by_call, how="left").with_columns(duration_s=pl.coalesce("wall_s", "duration_s"))


def _local_targets(legs: pl.DataFrame) -> pl.DataFrame:
    """Where a call's Local channels led; columns ``key`` and ``target``.

    It is the number that answered, or the only one there was.
    """
    locals_ = legs.filter(pl.col("is_local") & ~pl.col("is_lone") & pl.col("b").str.contains(_NUMBER)).sort(
        "start", "row"
    )
    answered = pl.col("b").filter(pl.col("answered").fill_null(value=False)).last()
    only = pl.when(pl.col("b").n_unique() == 1).then(pl.col("b").first())
    return locals_.group_by("key").agg(target=pl.coalesce(answered, only))


def _wanted(width: int) -> Sequence[int] | None:
    if not 16 <= width <= 21:
        return None
    return sorted(_CSV.wanted(width) | (_CUSTOM.wanted(width) if width in _CUSTOM_WIDTHS else set()))


def _with_places(rows: Rows) -> list[tuple[Rows, _Places]]:
    """Rows of one width, each with the places of the module that wrote them.

    Where ``cdr_csv`` has a number of seconds, ``cdr_custom`` has the disposition.
    """
    if not len(rows.numbers):
        return []
    if rows.width not in _CUSTOM_WIDTHS:
        return [(rows, _CSV)]
    is_custom = rows.column(_CUSTOM.disposition).is_in([word for word in _ANSWERED if word])
    parts = ((rows.where(~is_custom), _CSV), (rows.where(is_custom), _CUSTOM))
    return [(part, places) for part, places in parts if len(part.numbers)]
