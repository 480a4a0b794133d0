"""Rows of one event by a key that the feed names. Pure.

The first leg says the caller, the leg that answered the called and the talk time.

Source: ``docs/formats/feed.md``, "Rows of one call".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from coffer.records.draft import Bools, Draft, Window
from coffer.records.feed import Feed
from coffer.records.mapping import JoinRule
from coffer.records.parties import PARTIES
from coffer.records.readers.account import OWN, Account
from coffer.records.readers.mapped.columns import MappedColumns
from coffer.records.readers.mapped.csv import BoundCsv
from coffer.records.readers.mapped.fixed import BoundFixed
from coffer.records.readers.mapped.jsonl import BoundJson
from coffer.records.readers.mapped.keys import People, join_keys, people_of
from coffer.records.readers.port import MAX_OPEN, Found, Piece
from coffer.records.readers.text.lines import BOM
from coffer.records.readers.text.quoting import Quoting, RowEnds
from coffer.records.readers.waiting import Waiting

I64 = npt.NDArray[np.int64]
_DAY_S: Final = 86_400
_HEAD_BYTES: Final = 65_536
"""A feed is bound to the beginning of a file, which therefore waits until so much of it is there."""


class Legs:
    """Rows that wait for others of their event."""

    def __init__(self, feed: Feed, account: Account, *, max_open: int = MAX_OPEN) -> None:
        mapping = feed.mapping
        assert mapping.join is not None, "made for a feed that joins rows"
        self._feed = feed
        self._account = account
        self._rule = mapping.join
        self._has_answered = mapping.answered is not None or "answer" in mapping.columns
        join = partial(events_of, rule=mapping.join, has_answered=self._has_answered)
        self._waiting = Waiting(account, join, max_open)

    def add(self, file: int, columns: MappedColumns, numbers: npt.NDArray[np.int64]) -> None:
        """Rows of one file; those that cannot be kept for their own sake are rejected, and join nothing.

        Whether a party is one matters only where it is taken: ``events_of`` decides that.
        """
        draft = columns.draft(numbers)
        self._account.skip_counts(file, columns.skipped)
        self._account.assume_counts(file, columns.assumed)
        self._account.reject(file, draft.marks.rejects(draft.offsets))
        self._account.empty(file, draft.marks.flaws(draft.offsets))
        people = {name: people_of(name, draft, self._feed) for name in ("a", "b")}
        keys = join_keys(columns.join_columns(), people, self._rule)
        rows = _frame(file, draft, columns.is_ambiguous, keys, people)
        self._waiting.add(rows.filter(pl.Series(draft.marks.reason == 0)) if draft.marks.reason.any() else rows)

    def finish(self) -> None:
        """What still waits is given as it stands."""
        self._waiting.finish()


def _frame(
    file: int, draft: Draft, is_ambiguous: npt.NDArray[np.bool_], keys: pl.Series, people: Mapping[str, People]
) -> pl.DataFrame:
    """Rows as ``events_of`` takes them; a called party that is nobody is empty, however it is written."""
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
            **{f"is_wrong_{name}": one.is_wrong for name, one in people.items()},
        }
    ).with_columns(
        file=pl.lit(file, pl.Int32), b=pl.when(pl.Series(people["b"].is_nobody)).then(pl.lit("")).otherwise("b")
    )
    # A text and a call that share a key are two events.
    key = pl.col("kind").cast(pl.String) + pl.col("key")
    if (keys == "").any():
        key = pl.when(pl.col("key") == "").then(_alone("x")).otherwise(key)
    return rows.with_columns(key=key)


def _alone(letter: str) -> pl.Expr:
    """A key that no other row has, of those that get one with this letter."""
    return pl.format(letter + "{}:{}:{}", "file", "offset", pl.int_range(pl.len()))


def events_of(legs: pl.DataFrame, *, rule: JoinRule, has_answered: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events (columns of ``account.EVENTS``) and merged rows."""
    within_s = rule.within_days * _DAY_S
    groups = _Groups.of(legs, within_s)
    if (legs["is_wrong_a"] | legs["is_wrong_b"]).any() and len(groups.begins) < len(legs):
        legs = _with_wrong_apart(legs[groups.order], groups, rule, has_answered=has_answered)
        groups = _Groups.of(legs, within_s)
    legs = legs.drop("is_wrong_a", "is_wrong_b")
    if len(groups.begins) == len(legs):  # most files have one row for most calls
        return legs.drop("key"), legs.select("file", what=pl.lit("leg")).clear()
    legs = legs[groups.order]
    duration = legs["duration_s"].fill_null(0).to_numpy()
    is_talk = _is_talk(legs, has_answered=has_answered)
    talker = groups.first_of(is_talk)
    named = groups.first_of((legs["b"] != "").to_numpy())
    led = groups.first_of((legs["f"] != "").to_numpy())
    calls = legs[groups.begins]
    is_several = groups.sizes > 1
    is_talked = is_several & (talker >= 0)
    called = legs["b"].gather(np.where(named >= 0, named, groups.begins))
    by = legs["b"].gather(np.where(talker >= 0, talker, groups.begins))
    is_by = pl.Series(is_talked) & (by != "")
    forwarded = legs["f"].gather(np.where(led >= 0, led, groups.begins))
    seconds = {
        "answered": duration[np.maximum(talker, 0)],
        "sum": np.add.reduceat(np.where(is_talk, duration, 0), groups.begins),
        "longest": np.maximum.reduceat(np.where(is_talk, duration, 0), groups.begins),
    }[rule.duration]
    is_counted = is_talked & (
        np.add.reduceat(legs["duration_s"].is_not_null().to_numpy() & is_talk, groups.begins, dtype=np.int64) > 0
    )
    own = [f"b_{what}" for what in OWN if f"b_{what}" in legs.columns] if rule.called == "answered" else []
    changed = {
        "duration_s": pl.Series(seconds).zip_with(pl.Series(is_counted), calls["duration_s"]),
        "answered": _any_answered(legs["answered"], groups),
        "b": by.zip_with(is_by, called) if rule.called == "answered" else called,
        "f": by.zip_with(is_by & (by != called), forwarded) if rule.called == "forwarded" else forwarded,
        **{name: legs[name].gather(np.where(is_by.to_numpy(), talker, groups.begins)) for name in own},
    }
    is_merged = np.ones(len(legs), np.bool_)
    is_merged[groups.begins] = False
    events = calls.drop("key").with_columns(**changed)
    return events, legs.filter(pl.Series(is_merged)).select("file", what=pl.lit("leg"))


def _is_talk(legs: pl.DataFrame, *, has_answered: bool) -> Bools:
    found: Bools = (legs["answered"] if has_answered else legs["duration_s"] > 0).fill_null(value=False).to_numpy()
    return found


def _with_wrong_apart(legs: pl.DataFrame, groups: "_Groups", rule: JoinRule, *, has_answered: bool) -> pl.DataFrame:
    """Legs without a party stand alone where their event would take it from them.

    ``legs``: in the order of ``groups``. A leg whose caller or called is none is rejected then for its own sake, and
    the others stay. In any other event it adds no more than that it answered.
    """
    is_wrong_a, is_wrong_b = legs["is_wrong_a"].to_numpy(), legs["is_wrong_b"].to_numpy()
    is_named = (legs["b"] != "").to_numpy()
    called = groups.first_of(is_named)
    takes_wrong = is_wrong_a[groups.begins] | ((called >= 0) & is_wrong_b[called])
    if rule.called == "answered":
        by = groups.first_of(_is_talk(legs, has_answered=has_answered))
        takes_wrong |= (by >= 0) & is_wrong_b[by]
    is_apart = np.repeat(takes_wrong, groups.sizes) & (is_wrong_a | is_wrong_b)
    return legs.with_columns(key=pl.when(pl.Series(is_apart)).then(_alone("w")).otherwise("key"))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Groups:
    """Rows by event. ``order``: rows so that those of one event lie together, by start, file and place.

    ``begins``, ``sizes``: where in this order each event begins, and of how many rows it is.
    """

    order: I64
    begins: I64
    sizes: I64

    @classmethod
    def of(cls, legs: pl.DataFrame, within_s: int) -> "_Groups":
        """The groups of rows with one ``key`` that begin within so many seconds of the first of them."""
        codes = legs["key"].hash().to_numpy()
        found = cls._by(codes, legs)
        keys = legs["key"].gather(found.order)
        firsts = keys.gather(np.repeat(found.begins, found.sizes))
        # Two keys with one hash are told apart the slow way.
        if not (keys == firsts).all():
            found = cls._by(legs["key"].rank("dense").to_numpy(), legs)
        return found.within(legs["start"].dt.epoch("s").to_numpy()[found.order], within_s)

    @classmethod
    def _by(cls, codes: npt.NDArray[Any], legs: pl.DataFrame) -> "_Groups":
        start = legs["start"].dt.epoch("us").to_numpy()
        order = np.lexsort((legs["offset"].to_numpy(), legs["file"].to_numpy(), start, codes)).astype(np.int64)
        codes = codes[order]
        begins = np.flatnonzero(np.concatenate((np.ones(1, np.bool_), codes[1:] != codes[:-1]))[: len(codes)])
        return cls(order=order, begins=begins, sizes=np.diff(begins, append=len(codes)))

    def within(self, start_s: I64, within_s: int) -> "_Groups":
        """The same, but a row that begins too long after the first of its event begins another.

        ``start_s``: in this order.
        """
        ends = self.begins + self.sizes
        if not (start_s[ends - 1] - start_s[self.begins] > within_s).any():
            return self
        # One rising number for each row, in which the next event lies out of reach of this one.
        span = int(np.ptp(start_s)) + within_s + 1
        reach = np.repeat(np.arange(len(ends)), self.sizes) * span + (start_s - start_s.min())
        begins, all_begins = self.begins, [self.begins]
        while len(begins):
            following = np.searchsorted(reach, reach[begins] + within_s, side="right")
            is_there = following < ends
            begins, ends = following[is_there], ends[is_there]
            all_begins.append(begins)
        begins = np.sort(np.concatenate(all_begins))
        return _Groups(order=self.order, begins=begins, sizes=np.diff(begins, append=len(start_s)))

    def first_of(self, is_wanted: Bools) -> I64:
        """Of each event the first wanted row, as a place in the order; -1 for none."""
        places = np.where(is_wanted, np.arange(len(is_wanted)), len(is_wanted))
        found: I64 = np.minimum.reduceat(places, self.begins)
        return np.where(found < len(is_wanted), found, -1)


def _any_answered(answered: pl.Series, groups: _Groups) -> pl.Series:
    """True if any row is answered, False if none is and one says so, else null."""
    known = np.logical_or.reduceat(answered.is_not_null().to_numpy(), groups.begins)
    any_ = np.logical_or.reduceat(answered.fill_null(value=False).to_numpy(), groups.begins)
    unknown = pl.Series([None], dtype=pl.Boolean).new_from_index(0, len(any_))
    return pl.Series(any_).zip_with(pl.Series(known), unknown)


class JoinedReader:
    """One ingest of text files whose rows are joined; ``bind`` gives a bound feed for a file's beginning."""

    def __init__(
        self,
        feed: Feed,
        window: Window,
        bind: Callable[[Feed, bytes, str], BoundCsv | BoundJson | BoundFixed],
        *,
        max_open: int = MAX_OPEN,
    ) -> None:
        self._feed = feed
        self._account = Account(feed, window)
        self._bind = bind
        self._legs = Legs(feed, self._account, max_open=max_open)
        self._quoting = Quoting.of(feed.mapping.text) if feed.format == "csv" else None
        self._begin()

    def _begin(self) -> None:
        """Begin a file."""
        self._bound: BoundCsv | BoundJson | BoundFixed | None = None
        self._rows = RowEnds()
        self._rest = b""
        self._line = 1

    def take(self, piece: Piece) -> Sequence[Found]:
        """Read whole rows.

        Raises:
            MalformedInput: the file has not the columns that the feed names.
        """
        data = piece.data.removeprefix(BOM) if piece.first == 1 else piece.data
        if self._bound is None:
            self._rest += data
            if len(self._rest) < _HEAD_BYTES:
                return []
            data, self._rest = self._rest, b""
            data = self._open(data)
        end = self._rows.take(data)
        if end:
            self._read(piece.file, self._rest + data[:end])
        self._rest = data[end:] if end else self._rest + data
        return self._account.told()

    def end_file(self, file: int) -> Sequence[Found]:
        """Read the last rows; a last one without a line end counts, as in each table."""
        data = self._open(self._rest) if self._rest and self._bound is None else self._rest
        if data:
            self._read(file, data)
        self._begin()
        return self._account.told()

    def finish(self) -> Sequence[Found]:
        """What is still open is given as it stands."""
        self._legs.finish()
        return self._account.told()

    def _open(self, data: bytes) -> bytes:
        """Bind the feed to the beginning of a file; what stands behind its header."""
        self._bound = self._bind(self._feed, data[:_HEAD_BYTES], "")
        self._rows = RowEnds(self._quoting)
        begin = 0
        for _ in range(self._bound.skip_lines):
            begin = data.find(b"\n", begin) + 1 or len(data)
            self._line += 1
        return data[begin:]

    def _read(self, file: int, data: bytes) -> None:
        assert self._bound is not None, "the feed is bound first"
        self._bound.keep(data, self._line, self._account.page(file), partial(self._legs.add, file))
        self._line += data.count(b"\n")
