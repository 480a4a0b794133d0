"""Asterisk's ``Master.csv``: calls, each once, from the rows that its legs, attempts and Local channels leave. Pure.

Source: ``cdr_csv`` of Asterisk as its documentation describes it. ``lastdata`` is never read, nor ``userfield`` where the width says which column
it is; of ``clid`` only the number in angle brackets. Rows are joined by ``linkedid``, else ``uniqueid``; without either each row is a call.
"""

import re
from collections.abc import Sequence
from typing import Final

import polars as pl

from coffer.records.draft import Window
from coffer.records.feed import KINDS, Feed
from coffer.records.readers.events import Outcome, time_columns
from coffer.records.readers.lines import one_reject, some_rejects
from coffer.records.readers.parties import bare_parties, first_filled
from coffer.records.readers.port import MAX_OPEN, Found, Piece
from coffer.records.readers.rows import RowCutter, Rows, split_rows
from coffer.records.readers.times import parse_times
from coffer.records.readers.waiting import Waiting
from coffer.records.rejects import Reason
from coffer.records.settings import AsteriskSettings

_SRC, _DST, _CLID, _CHANNEL, _START, _BILLSEC, _DISPOSITION = 1, 2, 4, 5, 9, 13, 14
_ALWAYS: Final = (_SRC, _DST, _CLID, _CHANNEL, _START, _BILLSEC, _DISPOSITION)
_UNIQUE_ID: Final = {17: 16, 18: 16, 20: 16, 21: 16}
"""Where ``uniqueid`` may stand by width; in 17 and 20 columns it may be ``userfield`` instead, which only its shape tells."""
_LINKED_ID: Final = {19: 17, 20: 18, 21: 19}
_UNIQUE_SHAPE: Final = r"^(?:[^\s,]{1,64}-)?[0-9]{9,11}\.[0-9]{1,9}$"
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
_TIME: Final = rb"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}"
_HEAD: Final = re.compile(
    rb'(?m)^"?[^"\n]*"?,.*,"?%b"?,(?:"?%b"?|""|),"?%b"?,[0-9]+,[0-9]+,"(?:ANSWERED|NO ANSWER|BUSY|FAILED|CONGESTION|UNKNOWN)","?[A-Z]*"?'
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
        self._window = window
        self._settings = feed.settings if isinstance(feed.settings, AsteriskSettings) else AsteriskSettings()
        self._cutter = RowCutter(is_multiline=False)
        self._waiting = Waiting(max_open)

    def take(self, piece: Piece) -> Sequence[Found]:
        """Read whole rows."""
        outcome = Outcome(self._feed, self._window)
        runs, rejects = self._cutter.take(piece)
        outcome.reject(piece.file, rejects)
        for data, first in runs:
            found, rejects = split_rows(data, first, delimiter=",", wanted=_wanted, is_multiline=False)
            outcome.reject(piece.file, rejects)
            parts = [self._legs(piece.file, rows, outcome) for rows in found if len(rows.numbers)]
            if parts:
                for legs in self._waiting.add(pl.concat(parts).sort("offset")):
                    self._give(legs, outcome)
        return outcome.found()

    def end_file(self, file: int) -> Sequence[Found]:
        """A last row without a line end was cut off: it may look like a narrower one."""
        outcome = Outcome(self._feed, self._window)
        _, line, is_left = self._cutter.end_file()
        if is_left:
            outcome.reject(file, one_reject(line, Reason.CUT_OFF))
        return outcome.found()

    def finish(self) -> Sequence[Found]:
        """What is still open is given as it stands."""
        outcome = Outcome(self._feed, self._window)
        for legs in self._waiting.finish():
            self._give(legs, outcome)
        return outcome.found()

    def _legs(self, file: int, rows: Rows, outcome: Outcome) -> pl.DataFrame:
        """The rows' own fields as columns; those without a sane disposition or duration are rejected."""
        disposition = rows.column(_DISPOSITION)
        seconds = rows.column(_BILLSEC).str.extract(r"^([0-9]{1,9})$").cast(pl.Int64)
        is_unknown = ~disposition.is_in(list(_ANSWERED))
        is_endless = ~is_unknown & seconds.is_null()
        outcome.reject(file, some_rejects(rows.numbers[is_unknown.to_numpy()], Reason.BAD_ANSWERED, "answered"))
        outcome.reject(file, some_rejects(rows.numbers[is_endless.to_numpy()], Reason.BAD_DURATION, "duration_s"))
        linked, unique = (rows.column(table.get(rows.width)) for table in (_LINKED_ID, _UNIQUE_ID))
        unique = unique.str.extract(f"({_UNIQUE_SHAPE})").fill_null("")
        times = parse_times(rows.column(_START), ("%Y-%m-%d %H:%M:%S",), self._feed.time_zone, self._feed.fold)
        dst = bare_parties(rows.column(_DST))
        legs = pl.DataFrame(
            {
                "offset": rows.numbers,
                "id": first_filled([linked, unique]),
                "channel": rows.column(_CHANNEL),
                "seconds": seconds,
                "answered": disposition.replace_strict(_ANSWERED, default=None, return_dtype=pl.Boolean),
                "a": first_filled([bare_parties(rows.column(_SRC)), rows.column(_CLID).str.extract(r"<([^<>]*)>$")]),
                "b": dst,
            }
        ).with_columns(
            *time_columns(times, self._feed.fold),
            file=pl.lit(file, pl.Int32),
            has_number=~dst.is_in(list(_NO_NUMBER)),
            is_local=pl.col("channel").str.starts_with("Local/"),
        )
        alone = pl.format("x{}:{}", "file", "offset")
        legs = legs.with_columns(key=pl.when(pl.col("id") == "").then(alone).otherwise(pl.format("i{}", "id"))).drop(
            "id"
        )
        return legs.filter(~(is_unknown | is_endless))

    def _give(self, legs: pl.DataFrame, outcome: Outcome) -> None:
        events, merged = calls_of(legs, own_number=self._settings.own_number)
        outcome.add(events)
        outcome.merge(merged)


def calls_of(legs: pl.DataFrame, *, own_number: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Calls (columns of ``EVENTS``) and merged rows. One call is one calling channel of a linked id; its Local channels are where it was forwarded.

    A call whose rows are all of Local channels (an originated one) is one call. The call is what its first row says, with the time talked
    in all its rows; it was forwarded to the last number that answered, if that is not the one first called.
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
        duration_s=pl.col("seconds").sum(), any_answered=pl.col("answered").any(), known=pl.col("answered").count()
    )
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


def _local_targets(legs: pl.DataFrame) -> pl.DataFrame:
    """Where a call's Local channels led: the number that answered, or the only one there was; columns ``key`` and ``target``."""
    locals_ = legs.filter(pl.col("is_local") & ~pl.col("is_lone") & pl.col("has_number")).sort("start", "row")
    answered = pl.col("b").filter(pl.col("answered").fill_null(value=False)).last()
    only = pl.when(pl.col("b").n_unique() == 1).then(pl.col("b").first())
    return locals_.group_by("key").agg(target=pl.coalesce(answered, only))


def _wanted(width: int) -> Sequence[int] | None:
    if not 16 <= width <= 21:
        return None
    more = (table[width] for table in (_UNIQUE_ID, _LINKED_ID) if width in table)
    return (*_ALWAYS, *more)
