"""Rows of one event by a key that the feed names: the first leg's caller, the answered leg's called and talk time. Pure.

Source: ``docs/formats/feed.md``, "Rows of one call".
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from coffer.records.draft import Draft, Window
from coffer.records.feed import Feed
from coffer.records.mapping import FeedMapping, JoinRule
from coffer.records.readers.account import OWN, Account
from coffer.records.readers.mapped.columns import MappedColumns
from coffer.records.readers.mapped.csv import BoundCsv
from coffer.records.readers.mapped.jsonl import BoundJson
from coffer.records.readers.port import MAX_OPEN, Found, Piece
from coffer.records.readers.text.lines import BOM, MAX_LINE_BYTES
from coffer.records.readers.waiting import Waiting
from coffer.records.schema import PARTIES

_HEAD_BYTES: Final = 65_536
"""A feed is bound to the beginning of a file, which therefore waits until so much of it is there."""


class Legs:
    """Rows that wait for others of their event."""

    def __init__(self, mapping: FeedMapping, account: Account, *, max_open: int = MAX_OPEN) -> None:
        assert mapping.join is not None, "made for a feed that joins rows"
        self._account = account
        self._has_answered = mapping.answered is not None or "answer" in mapping.columns
        join = partial(events_of, rule=mapping.join, has_answered=self._has_answered)
        self._waiting = Waiting(account, join, max_open)

    def add(self, file: int, columns: MappedColumns, numbers: npt.NDArray[np.int64]) -> None:
        """Rows of one file; those that cannot be kept for their own sake are rejected, and join nothing."""
        draft = columns.draft(numbers)
        self._account.skip_counts(file, columns.skipped)
        self._account.reject(file, draft.marks.rejects(draft.offsets))
        self._account.empty(file, draft.marks.flaws(draft.offsets))
        rows = _frame(file, draft, columns.is_ambiguous, columns.join_keys())
        self._waiting.add(rows.filter(pl.Series(draft.marks.reason == 0)) if draft.marks.reason.any() else rows)

    def finish(self) -> None:
        """What still waits is given as it stands."""
        self._waiting.finish()


def _frame(file: int, draft: Draft, is_ambiguous: npt.NDArray[np.bool_], keys: pl.Series) -> pl.DataFrame:
    parties: dict[str, pl.Series] = {}
    for name in PARTIES:
        party = draft.parties.get(name)
        nobody = pl.Series([""], dtype=pl.String).new_from_index(0, len(draft.kinds))
        parties[name] = nobody if party is None else pl.Series(pl.from_arrow(party.written)).cast(pl.String)
        for what in OWN:
            values = None if party is None else getattr(party, what)
            if values is not None:
                parties[f"{name}_{what}"] = pl.Series(values, dtype=pl.UInt64)
    rows = pl.DataFrame(
        {
            "key": keys,
            "offset": draft.offsets,
            "kind": draft.kinds,
            "start": draft.start,
            "is_ambiguous": is_ambiguous,
            "duration_s": pl.Series(pl.from_arrow(draft.duration_s)),
            "answered": pl.Series(pl.from_arrow(draft.answered), dtype=pl.Boolean),
            **parties,
        }
    ).with_columns(file=pl.lit(file, pl.Int32))
    # A text and a call that share a key are two events.
    key = pl.col("kind").cast(pl.String) + pl.col("key")
    if (keys == "").any():
        alone = pl.format("x{}:{}:{}", "file", "offset", pl.int_range(pl.len()))
        key = pl.when(pl.col("key") == "").then(alone).otherwise(key)
    return rows.with_columns(key=key)


def events_of(legs: pl.DataFrame, *, rule: JoinRule, has_answered: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events (columns of ``account.EVENTS``) and merged rows."""
    is_first = pl.col("key").is_first_distinct()
    if legs.select(is_first.all()).item():  # most files have one row for most calls
        return legs.drop("key"), legs.select("file", what=pl.lit("leg")).clear()
    is_answered = pl.col("answered").fill_null(value=False) if has_answered else (pl.col("duration_s").fill_null(0) > 0)
    legs = legs.sort("start", "file", "offset").with_columns(is_leg_answered=is_answered)
    is_joined = pl.col("key").is_duplicated()
    single, several = legs.filter(~is_joined), legs.filter(is_joined)
    firsts = several.unique("key", keep="first", maintain_order=True)
    talked = several.filter("is_leg_answered")
    own = [f"b_{what}" for what in OWN if f"b_{what}" in legs.columns]
    answering = talked.unique("key", keep="first").select(
        "key",
        by=pl.col("b"),
        talk_s=pl.col("duration_s"),
        **{f"by_{name}": pl.col(name) for name in own},
    )
    sums = several.group_by("key").agg(
        named=pl.col("b").filter(pl.col("b") != "").first(),
        led_to=pl.col("f").filter(pl.col("f") != "").first(),
        any_answered=pl.col("answered").any(),
        known=pl.col("answered").count(),
        sum_s=pl.col("duration_s").filter("is_leg_answered").sum(),
        longest_s=pl.col("duration_s").filter("is_leg_answered").max(),
    )
    calls = firsts.join(answering, on="key", how="left").join(sums, on="key", how="left")
    talk = {"answered": "talk_s", "sum": "sum_s", "longest": "longest_s"}[rule.duration]
    is_talk = pl.col("by").is_not_null()
    first_called = pl.coalesce("named", "b")
    answerer = pl.when(pl.col("by") != "").then("by")
    is_other = is_talk & (pl.col("by") != "") & (pl.col("by") != first_called)
    takes = rule.called == "answered"
    calls = calls.with_columns(
        duration_s=pl.when(is_talk).then(talk).otherwise("duration_s"),
        answered=pl.when(pl.col("known") > 0).then("any_answered"),
        b=pl.coalesce(answerer, first_called) if takes else first_called,
        f=pl.when(is_other).then("by").otherwise("led_to") if rule.called == "forwarded" else pl.col("led_to"),
        **{name: pl.coalesce(f"by_{name}", name) for name in own if takes},
    )
    events = pl.concat([single, calls.select(single.columns)]).drop("key", "is_leg_answered")
    merged = several.join(firsts.select("file", "offset"), on=["file", "offset"], how="anti")
    return events, merged.select("file", what=pl.lit("leg"))


class JoinedReader:
    """One ingest of text files whose rows are joined; ``bind`` gives a bound feed for a file's beginning."""

    def __init__(
        self,
        feed: Feed,
        window: Window,
        bind: Callable[[Feed, bytes, str], BoundCsv | BoundJson],
        *,
        max_open: int = MAX_OPEN,
    ) -> None:
        self._feed = feed
        self._account = Account(feed, window)
        self._bind = bind
        self._legs = Legs(feed.mapping, self._account, max_open=max_open)
        self._bound: BoundCsv | BoundJson | None = None
        self._rest = b""
        self._line = 1

    def take(self, piece: Piece) -> Sequence[Found]:
        """Read whole lines.

        Raises:
            MalformedInput: the file has not the columns that the feed names.
        """
        data = piece.data.removeprefix(BOM) if piece.first == 1 else piece.data
        self._rest += data
        if self._bound is None and len(self._rest) < _HEAD_BYTES:
            return []
        self._read(piece.file, self._rest.rfind(b"\n") + 1)
        self._rest = self._rest[: MAX_LINE_BYTES + 1]  # enough of a line to show that it is too long
        return self._account.told()

    def end_file(self, file: int) -> Sequence[Found]:
        """Read the last lines; a last one without a line end counts, as in each table."""
        if self._rest:
            self._read(file, len(self._rest))
        self._bound, self._rest, self._line = None, b"", 1
        return self._account.told()

    def finish(self) -> Sequence[Found]:
        """What is still open is given as it stands."""
        self._legs.finish()
        return self._account.told()

    def _read(self, file: int, end: int) -> None:
        data, self._rest = self._rest[:end], self._rest[end:]
        if self._bound is None:
            self._bound = self._bind(self._feed, (data + self._rest)[:_HEAD_BYTES], "")
            for _ in range(self._bound.skip_lines):
                data = data[data.find(b"\n") + 1 or len(data) :]
                self._line += 1
        if data:
            page = self._account.page(file)
            self._bound.keep(data, self._line, page, partial(self._legs.add, file))
            self._line += data.count(b"\n")
