"""Columns that a feed names, to drafts: what CSV, JSON lines and Parquet share. Pure.

The steps, each for all rows at once: rows that the feed leaves out go; a row with several recipients becomes one for
each; then each field is read; last, rows of calls that came in are turned round.

Source: ``docs/formats/feed.md``.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from coffer.identity import cells
from coffer.records.draft import Bools, Draft, Marks, PartyDraft
from coffer.records.feed import Feed
from coffer.records.mapping import row_field
from coffer.records.readers.mapped.cells import (
    are_unlike,
    as_list,
    as_text,
    by_word,
    chosen_party,
    cut_cells,
    first_filled,
    nth_value,
)
from coffer.records.readers.mapped.dating import Dating
from coffer.records.readers.text.durations import parse_durations
from coffer.records.readers.text.times import Times, parse_times, parse_zoned_times
from coffer.records.rejects import Reason

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
Columns = Mapping[str, tuple[pa.Array, ...]]
"""By field the columns that a feed names for it, as bytes, empty where a value is missing; where a cell holds several values, lists of them."""
LEFT_OUT: Final = "row-left-out"
"""The word for rows that ``[rows]`` of a feed leaves out."""
_NO_TIME: Final = r"^[0:./ TZ-]*$"
"""A time that says that there was none: empty, 0, 0000-00-00 00:00:00."""


MAX_SPREAD_BYTES: Final = 1 << 25
"""What rows may take once each of their recipients has a row.

A line of 64 KiB can name thousands of recipients, each of which repeats all else that stands in it.
"""


def mapped_parts(
    feed: Feed,
    columns: Columns,
    numbers: I64,
    times: Times | None = None,
    faults: Iterable[tuple[Bools, Reason, str]] = (),
    latest: dt.datetime | None = None,
) -> Iterator[tuple["MappedColumns", I64]]:
    """``MappedColumns`` of some rows and their lines; in parts, if rows become many."""
    dating = Dating.of(feed, latest)
    sizes = _spread_bytes(columns, feed.mapping.splits, len(numbers))
    if sizes is None or int(sizes.sum()) <= MAX_SPREAD_BYTES:
        yield MappedColumns(feed, columns, len(numbers), dating, times, faults), numbers
        return
    is_too_much = sizes > MAX_SPREAD_BYTES
    faults = [*faults, (is_too_much, Reason.ROW_TOO_LONG, "b")]
    columns = {key: tuple(_without(column, is_too_much) for column in found) for key, found in columns.items()}
    part = np.cumsum(np.where(is_too_much, 0, sizes)) // MAX_SPREAD_BYTES
    cuts = np.concatenate(([0], np.flatnonzero(np.diff(part)) + 1, [len(numbers)])).tolist()
    for begin, end in pairwise(cuts):
        at = np.arange(begin, end, dtype=np.int64)
        some = {key: tuple(column.slice(begin, end - begin) for column in found) for key, found in columns.items()}
        bad = [(where[at], reason, field) for where, reason, field in faults]
        of_part = times.take(at) if times is not None else None
        yield MappedColumns(feed, some, end - begin, dating, of_part, bad), numbers[at]


def _spread_bytes(columns: Columns, splits: Mapping[str, str], rows: int) -> I64 | None:
    """How many bytes each row takes once it is a row for each of its values; None if it stays one."""
    several = [
        (column, splits.get(key))
        for key in ("b", "answered")
        for column in columns.get(key, ())
        if key in splits or pa.types.is_list(column.type)
    ]
    if not several:
        return None
    counts = np.ones(rows, np.int64)
    for column, split in several:
        if pa.types.is_list(column.type):
            found = pc.list_value_length(column).to_numpy()
        else:
            found = pc.count_substring(column.cast(pa.string()), pattern=split).to_numpy() + 1
        counts = np.maximum(counts, found)
    widths = np.full(rows, 64, np.int64)
    for column in (column for found in columns.values() for column in found if not pa.types.is_list(column.type)):
        widths += pc.binary_length(column).to_numpy()
    return counts * widths


def _without(column: pa.Array, is_left_out: Bools) -> pa.Array:
    """The column with nothing in some rows."""
    nothing = pa.scalar([] if pa.types.is_list(column.type) else b"", column.type)
    return pc.if_else(pa.array(is_left_out), nothing, column) if is_left_out.any() else column


class MappedColumns:
    """Columns of some rows, read as values; what is wrong with a row goes into ``marks``.

    ``columns``: by field, shape (rows,) each. ``times`` may be given instead of ``start``, where the file has them as
    such. ``faults``: rows with values that could not even be read, with the reason and the field.

    ``dating``: how dates get the year they lack. ``skipped``: how many rows the feed leaves out. ``assumed``: what was
    taken for true because the rows do not say it.
    """

    def __init__(
        self,
        feed: Feed,
        columns: Columns,
        rows: int,
        dating: Dating,
        times: Times | None = None,
        faults: Iterable[tuple[Bools, Reason, str]] = (),
    ) -> None:
        self._feed = feed
        self._mapping = feed.mapping
        self._columns = columns
        self._rows = rows
        self._given = times
        self._dating = dating
        self._began: pl.Series | None = None
        self._at: I64 | None = None
        self.skipped: Counter[str] = Counter()
        self.assumed: Counter[str] = Counter()
        if self._mapping.rows:
            self._leave_out()
        if self._mapping.sided:
            self._take_sides()
        is_uneven = self._spread()
        for key, cut in self._mapping.cuts.items():
            self._columns = {**self._columns, key: tuple(cut_cells(column, cut) for column in self._columns[key])}
        self.marks = Marks(self._rows)
        for bad, reason, field in faults:
            self.marks.mark(bad if self._at is None else bad[self._at], reason, field)
        if is_uneven is not None:
            self.marks.mark(is_uneven, Reason.BAD_RECORD, "b")
        self.is_ambiguous: Bools = np.zeros(self._rows, np.bool_)

    def draft(self, numbers: I64) -> Draft:
        """All of it; ``numbers`` are the lines of the rows that were given."""
        kinds = self._kinds()
        start = self._times()
        duration, answered = self._duration(start), self._answered()
        parties = {
            name: self._party(name, key)
            for name, key in (("a", "a"), ("b", "b"), ("f", "forwarded"))
            if key in self._columns
        }
        is_in = self._incoming() if self._mapping.direction is not None else None
        if is_in is not None:
            self.marks.mark(is_in < 0, Reason.UNKNOWN_DIRECTION, "direction")
        for key, pattern in self._mapping.patterns.items():
            self.marks.mark(are_unlike(parties[key].written, pattern), Reason.NOT_A_NUMBER, key)
        if is_in is not None and not self._mapping.sided:
            a, b = parties["a"], parties["b"]
            parties |= {"a": chosen_party(is_in > 0, b, a), "b": chosen_party(is_in > 0, a, b)}
        return Draft(
            offsets=numbers if self._at is None else numbers[self._at],
            kinds=kinds,
            start=start,
            duration_s=duration,
            answered=answered,
            parties=parties,
            marks=self.marks,
        )

    def join_columns(self) -> list[pl.Series]:
        """The columns by which rows are joined, as text without spaces around it."""
        return [as_text(column).str.strip_chars(" ") for column in self._columns["join"]]

    # -- which rows ------------------------------------------------------------------------------------------------------

    def _leave_out(self) -> None:
        """Only the rows that the feed wants."""
        is_wanted = np.ones(self._rows, np.bool_)
        for number, rule in enumerate(self._mapping.rows):
            words = {word.encode("utf-8") for word in rule.values}
            found = by_word(self._columns[row_field(number)][0], lambda word, words=words: word in words)  # type: ignore[misc]
            is_wanted &= found != rule.is_drop
        if not is_wanted.all():
            self.skipped[LEFT_OUT] += int(self._rows - np.count_nonzero(is_wanted))
            self._take(np.flatnonzero(is_wanted))

    def _take_sides(self) -> None:
        """Of a and b the column that the direction says; where it is not known the row is rejected later."""
        is_in = pa.array(self._incoming() > 0)
        for key in self._mapping.sided:
            out_column, in_column = self._columns[key]
            self._columns = {**self._columns, key: (pc.if_else(is_in, in_column, out_column),)}

    def _spread(self) -> Bools | None:
        """A row for each value of the cells that hold several.

        Gives which rows have cells that hold unlike many values, so that nobody knows which belong together.
        """
        lists = {
            key: as_list(columns, self._mapping.splits.get(key))
            for key, columns in self._columns.items()
            if key in ("b", "answered")
        }
        several = {key: column for key, column in lists.items() if column is not None}
        if not several or not self._rows:
            self._columns = {**self._columns, **{key: (column.flatten(),) for key, column in several.items()}}
            return None
        counts = {key: pc.list_value_length(column).to_numpy() for key, column in several.items()}
        most = np.max(list(counts.values()), axis=0)
        is_uneven = np.any([count != most for count in counts.values()], axis=0)
        # A row without any value stays one, which then has no recipient.
        repeats = np.where(is_uneven, 1, np.maximum(most, 1))
        at = np.repeat(np.arange(self._rows), repeats)
        nth = np.arange(len(at)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        spread = {key: (nth_value(column, at, nth),) for key, column in several.items()}
        self._columns = {key: columns for key, columns in self._columns.items() if key not in spread}
        self._take(at)
        self._columns = {**self._columns, **spread}
        return is_uneven[at] if is_uneven.any() else None

    def _take(self, at: I64) -> None:
        """These rows, in this order."""
        if len(at) == self._rows and bool((at == np.arange(self._rows)).all()):
            return
        indices = pa.array(at)
        self._columns = {
            key: tuple(column.take(indices) for column in columns) for key, columns in self._columns.items()
        }
        self._given = self._given.take(at) if self._given is not None else None
        self._at = at if self._at is None else self._at[at]
        self._rows = len(at)

    # -- fields ----------------------------------------------------------------------------------------------------------

    def _party(self, name: str, key: str) -> PartyDraft:
        columns = self._columns[key]
        return PartyDraft(
            written=columns[0] if len(columns) == 1 else first_filled(columns),
            cell=self._own(f"{name}_cell", cells.parse_cells, Reason.BAD_CELL),
            imei=self._own(f"{name}_imei", cells.parse_imeis, Reason.BAD_IMEI),
            imsi=self._own(f"{name}_imsi", cells.parse_imsis, Reason.BAD_IMSI),
        )

    def _incoming(self) -> I64:
        """Of each row 1 if the call came in, 0 if it went out, -1 if nobody knows."""
        rule = self._mapping.direction
        assert rule is not None, "called for a feed with directions"
        words = {word.encode("utf-8"): int(is_in) for word, is_in in rule.values.items()}
        return by_word(self._columns["direction"][0], lambda word: words.get(word, -1))

    def _joined_text(self, key: str, *, is_stripped: bool) -> pl.Series | None:
        """One column, or several joined by a space; with ``is_stripped`` without spaces around each."""
        columns = self._columns.get(key)
        if columns is None:
            return None
        parts = [as_text(column) for column in columns]
        if is_stripped:
            parts = [part.str.strip_chars(" ") for part in parts]
        text = parts[0]
        for part in parts[1:]:
            text = text + " " + part
        return text

    def _kinds(self) -> npt.NDArray[np.uint8]:
        rule = self._mapping.kind
        if rule.column is None:
            return np.full(self._rows, rule.constant, np.uint8)
        known = {word.encode("utf-8"): kind for word, kind in rule.values.items()}
        kinds = by_word(self._columns["kind"][0], lambda word: known.get(word, 0)).astype(np.uint8)
        self.marks.mark(kinds == 0, Reason.UNKNOWN_KIND, "kind")
        return kinds

    def _times(self) -> pl.Series:
        times = self._given if self._given is not None else self._parsed_times("start")
        self._mark_times(times, "start")
        self.is_ambiguous = times.is_ambiguous.to_numpy()
        return times.start

    def _mark_times(self, times: Times, key: str, among: Bools | None = None) -> None:
        fault = times.fault.to_numpy()
        for reason in np.unique(fault[fault > 0]).tolist():
            bad = fault == reason
            self.marks.mark(bad if among is None else bad & among, Reason(reason), key)

    def _parsed_times(self, key: str) -> Times:
        """Times of a field. Dates without a year take that of the start, which is read first."""
        zones = self._zones()
        # Spaces around a time are rare, and looking for them is as slow as reading it: done only if some are no times.
        for is_stripped in (False, True):
            text = self._joined_text(key, is_stripped=is_stripped)
            assert text is not None, "a feed without start is refused"
            if key != "start" and self._began is not None:
                dated = self._dating.dated_near(text, self._began)
            else:
                dated, years = self._dating.dated(text, zones)
            times = self._read_times(dated, zones)
            if not (times.fault == Reason.BAD_TIME).any():
                break
        if key == "start" and self._dating.bare:
            self._began = self._dating.clocks(dated)
        if key == "start" and self._dating.doubtful is not None:
            self.assumed.update(f"year {year}" for year in years.drop_nulls())
            times = times.without(years.is_not_null() & (times.start > self._dating.doubtful), Reason.IN_FUTURE)
        return times

    def _read_times(self, text: pl.Series, zones: pl.Series | None) -> Times:
        feed, formats = self._feed, self._dating.formats
        if zones is None:
            return parse_times(text, formats, feed.time_zone, feed.fold)
        return parse_zoned_times(text, formats, zones, feed.fold)

    def _zones(self) -> pl.Series | None:
        rule = self._mapping.zone
        if rule is None:
            return None
        zones = as_text(self._columns["time_zone"][0]).str.strip_chars(" ")
        return zones.replace(dict(rule.values)) if rule.values else zones

    def _duration(self, start: pl.Series) -> pa.Array:
        text = self._joined_text("duration_s", is_stripped=False)
        if text is None:
            return self._duration_of_span(start) if "end" in self._columns else pa.nulls(self._rows, pa.int64())
        seconds = parse_durations(text, self._mapping.duration_formats)
        if seconds.null_count() or (seconds < 0).any():
            text = text.str.strip_chars(" ")
            is_bad = ((seconds.is_null() & (text != "")) | (seconds < 0).fill_null(value=False)).to_numpy()
            self.marks.mark(is_bad, Reason.BAD_DURATION, "duration_s")
        return seconds.to_arrow()

    def _duration_of_span(self, start: pl.Series) -> pa.Array:
        """End minus answer where the file says when it was answered, else end minus start."""
        is_ended = ~self._is_empty("end")
        ends = self._parsed_times("end")
        self._mark_times(ends, "end", is_ended)
        begins = start
        is_silent = np.zeros(self._rows, np.bool_)
        if "answer" in self._columns:
            is_silent = self._is_empty("answer")
            answers = self._parsed_times("answer")
            self._mark_times(answers, "answer", ~is_silent)
            begins = answers.start
            # A stamp of 1970 says that there was none; a clock alone, behind the date of the start, that midnight passed.
            is_before = (begins < start).fill_null(value=False).to_numpy() & ~is_silent
            self.marks.mark(is_before, Reason.BAD_DURATION, "answer")
        seconds = (ends.start - begins).dt.total_microseconds() // 1_000_000
        seconds = seconds.zip_with(pl.Series(is_ended), pl.repeat(None, self._rows, dtype=pl.Int64, eager=True))
        seconds = seconds.zip_with(pl.Series(~is_silent), pl.repeat(0, self._rows, dtype=pl.Int64, eager=True))
        is_odd = seconds < 0
        if self._dating.clock is not None:  # also an end in other units than the start
            is_odd |= ends.start > self._dating.clock
        self.marks.mark(is_odd.fill_null(value=False).to_numpy(), Reason.BAD_DURATION, "end")
        return seconds.to_arrow()

    def _is_empty(self, key: str) -> Bools:
        """Where a time says that there was none."""
        text = self._joined_text(key, is_stripped=True)
        assert text is not None, "asked for a field that the feed names"
        found: Bools = text.str.contains(_NO_TIME).to_numpy()
        return found

    def _answered(self) -> pa.Array:
        rule = self._mapping.answered
        if rule is None:
            if "answer" not in self._columns:
                return pa.nulls(self._rows, pa.bool_())
            return pa.array(~self._is_empty("answer"))
        known: dict[bytes, bool | None] = {word.encode("utf-8"): value for word, value in rule.values.items()}
        known.setdefault(b"", None)
        others = None if isinstance(rule.others, str) else rule.others
        columns = self._columns["answered"]
        encoded = (columns[0] if len(columns) == 1 else first_filled(columns)).dictionary_encode()
        words = [word.strip(b" ") for word in encoded.dictionary.to_pylist()]
        if rule.others == "reject":
            codes = encoded.indices.to_numpy()
            bad = np.array([word not in known for word in words] or [False], np.bool_)[codes]
            self.marks.mark(bad, Reason.BAD_ANSWERED, "answered")
        return pa.array([known.get(word, others) for word in words], pa.bool_()).take(encoded.indices)

    def _own(self, key: str, parse: Callable[[pa.BinaryArray], tuple[U64, Bools]], reason: Reason) -> U64 | None:
        """A party's own cell, IMEI or IMSI; not even parsed unless the feed keeps it."""
        columns = self._columns.get(key)
        if columns is None or key.partition("_")[2] not in self._feed.keep:
            return None
        values, bad = parse(columns[0])
        self.marks.mark(bad, reason, key)
        return values
