"""Columns that a feed names, to drafts: what CSV, JSON lines and Parquet share. Pure.

Source: ``docs/formats/feed.md``.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from coffer.identity import cells
from coffer.records.draft import Bools, Draft, Marks, PartyDraft
from coffer.records.feed import Feed
from coffer.records.readers.text.times import Times, parse_times
from coffer.records.rejects import Reason

U64 = npt.NDArray[np.uint64]


def _clock_seconds(text: pl.Series) -> pl.Series:
    """Durations written h:mm:ss as seconds; others as they are.

    Two parts alone could be hours and minutes, and stay.
    """
    parts = text.str.extract_groups(r"^([0-9]{1,3}):([0-5][0-9]):([0-5][0-9])$").struct
    hours, minutes, seconds = (parts.field(str(n)).cast(pl.Int64) for n in (1, 2, 3))
    total = hours * 3_600 + minutes * 60 + seconds
    return text.zip_with(total.is_null(), total.cast(pl.String))


class MappedColumns:
    """Columns of some rows, read as values; what is wrong with a row goes into ``marks``.

    ``columns``: by canonical field (and ``kind``, ``answered``) the columns that the feed names for it, as bytes, empty where a value is missing;
    shape (rows,) each. ``times`` may be given instead of ``start``, where the file has them as such.
    """

    def __init__(
        self, feed: Feed, columns: Mapping[str, tuple[pa.BinaryArray, ...]], rows: int, times: Times | None = None
    ) -> None:
        self._feed = feed
        self._columns = columns
        self._rows = rows
        self._given = times
        self.marks = Marks(rows)
        self.is_ambiguous: Bools = np.zeros(rows, np.bool_)

    def draft(self, numbers: npt.NDArray[np.int64]) -> Draft:
        """All of it; ``numbers`` are the lines."""
        kinds = self._kinds()
        return Draft(
            offsets=numbers,
            kinds=kinds,
            start=self._times(),
            duration_s=self._duration(),
            answered=self._answered(),
            parties={
                name: self._party(name, key)
                for name, key in (("a", "a"), ("b", "b"), ("f", "forwarded"))
                if key in self._columns
            },
            marks=self.marks,
        )

    def _party(self, name: str, key: str) -> PartyDraft:
        return PartyDraft(
            written=self._columns[key][0],
            cell=self._own(f"{name}_cell", cells.parse_cells, Reason.BAD_CELL),
            imei=self._own(f"{name}_imei", cells.parse_imeis, Reason.BAD_IMEI),
            imsi=self._own(f"{name}_imsi", cells.parse_imsis, Reason.BAD_IMSI),
        )

    def _text(self, key: str, *, is_stripped: bool) -> pl.Series | None:
        """One column, or several joined by a space; with ``is_stripped`` without spaces around each."""
        columns = self._columns.get(key)
        if columns is None:
            return None
        parts = [pl.Series(pl.from_arrow(column.cast(pa.string()))) for column in columns]
        if is_stripped:
            parts = [part.str.strip_chars(" ") for part in parts]
        text = parts[0]
        for part in parts[1:]:
            text = text + " " + part
        return text

    def _kinds(self) -> npt.NDArray[np.uint8]:
        rule = self._feed.kind
        if rule.column is None:
            return np.full(self._rows, rule.constant, np.uint8)
        encoded = self._columns["kind"][0].dictionary_encode()
        known = {word.encode("utf-8"): kind for word, kind in rule.values.items()}
        table = np.array([known.get(word.strip(b" "), 0) for word in encoded.dictionary.to_pylist()] or [0], np.uint8)
        kinds: npt.NDArray[np.uint8] = table[encoded.indices.to_numpy()]
        self.marks.mark(kinds == 0, Reason.UNKNOWN_KIND, "kind")
        return kinds

    def _times(self) -> pl.Series:
        times = self._given if self._given is not None else self._parsed_times()
        fault = times.fault.to_numpy()
        for reason in np.unique(fault[fault > 0]).tolist():
            self.marks.mark(fault == reason, Reason(reason), "start")
        self.is_ambiguous = times.is_ambiguous.to_numpy()
        return times.start

    def _parsed_times(self) -> Times:
        feed = self._feed
        # Spaces around a time are rare, and looking for them is as slow as reading it: done only if some are no times.
        for is_stripped in (False, True):
            text = self._text("start", is_stripped=is_stripped)
            assert text is not None, "a feed without start is refused"
            times = parse_times(text, feed.date_formats, feed.time_zone, feed.fold)
            if not (times.fault == Reason.BAD_TIME).any():
                break
        return times

    def _duration(self) -> pa.Array:
        text = self._text("duration_s", is_stripped=False)
        if text is None:
            return pa.nulls(self._rows, pa.int64())
        seconds = text.cast(pl.Int64, strict=False)
        if seconds.null_count() == int((text == "").sum()) and not (seconds < 0).any():
            return seconds.to_arrow()
        text = _clock_seconds(text.str.strip_chars(" "))
        seconds = text.cast(pl.Int64, strict=False)
        if seconds.null_count():
            seconds = seconds.zip_with(
                seconds.is_not_null(), text.cast(pl.Float64, strict=False).floor().cast(pl.Int64, strict=False)
            )
        is_bad = ((seconds.is_null() & (text != "")) | (seconds < 0).fill_null(value=False)).to_numpy()
        self.marks.mark(is_bad, Reason.BAD_DURATION, "duration_s")
        return seconds.to_arrow()

    def _answered(self) -> pa.Array:
        rule = self._feed.answered
        if rule is None:
            return pa.nulls(self._rows, pa.bool_())
        encoded = self._columns["answered"][0].dictionary_encode()
        known: dict[bytes, bool | None] = {word.encode("utf-8"): value for word, value in rule.values.items()}
        known[b""] = None
        words = [word.strip(b" ") for word in encoded.dictionary.to_pylist()]
        codes = encoded.indices.to_numpy()
        bad = np.array([word not in known for word in words] or [False], np.bool_)[codes]
        self.marks.mark(bad, Reason.BAD_ANSWERED, "answered")
        return pa.array([known.get(word) for word in words], pa.bool_()).take(encoded.indices)

    def _own(self, key: str, parse: Callable[[pa.BinaryArray], tuple[U64, Bools]], reason: Reason) -> U64 | None:
        """A party's own cell, IMEI or IMSI; not even parsed unless the feed keeps it."""
        columns = self._columns.get(key)
        if columns is None or key.partition("_")[2] not in self._feed.keep:
            return None
        values, bad = parse(columns[0])
        self.marks.mark(bad, reason, key)
        return values
