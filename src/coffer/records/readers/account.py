"""The account: what became of every source line, for the readers of all formats. Pure.

The schema of the events that readers give stands here too. A reader tells its account about each source record
exactly once, and the account gives one ``Found`` a file:

- kept: an event of ``EVENTS``. It becomes a canonical record, or a reject if an identity or a time in it cannot be kept.
- merged: another source record stands for the same event. The log counts it as a duplicate.
- rejected: it cannot be kept, for a ``Reason``.

Three more are shown to people and change no total: skipped (a line that reports no event), emptied (an optional field
that a kept record lost) and assumed (what was taken for true because the line does not say it).
"""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from coffer.records.canonical import complete
from coffer.records.draft import Bools, Draft, Marks, Parsed, PartyDraft, Window
from coffer.records.feed import Feed
from coffer.records.invariants import broken
from coffer.records.parties import PARTIES
from coffer.records.readers.port import Found
from coffer.records.rejects import Reason, Rejects
from coffer.records.schema import SCHEMA

I64 = npt.NDArray[np.int64]
UTC_MICROS: Final = pl.Datetime("us", "UTC")
Columns = Mapping[str, pl.DataType | type[pl.DataType]]
"""Names and types of a frame's columns."""
EVENTS: Final = pl.Schema(
    {
        "file": pl.Int32(),
        "offset": pl.Int64(),
        "kind": pl.UInt8(),
        "start": UTC_MICROS,
        "fault": pl.UInt8(),
        "is_ambiguous": pl.Boolean(),
        "duration_s": pl.Int64(),
        "answered": pl.Boolean(),
        "a": pl.String(),
        "b": pl.String(),
        "f": pl.String(),
    }
)
"""One row an event. ``offset``: its line or byte in ``file``. ``a``, ``b``, ``f``: parties as written, null or empty for nobody.

``fault``: a ``Reason`` for which the event cannot be kept, 0 for none. ``is_ambiguous``: the local time occurs twice, and was read by the
feed's fold rule. ``duration_s`` and ``answered``: null where the source does not tell.
"""
OWN: Final = ("cell", "imei", "imsi")
"""What a source may know of a party itself: the canonical columns ``a_cell``, ``b_imei`` and so on, as u64, 0 for none."""
MORE: Final = pl.Schema({"field": pl.String()} | {f"{party}_{what}": pl.UInt64() for party in PARTIES for what in OWN})
"""Columns that only some readers add to ``EVENTS``. ``field``: the canonical field of ``fault``; without it a fault is one of ``start``."""
_FILL: Final = {"fault": 0, "is_ambiguous": False}
_COUNTS: Final = ("assumed", "broken", "merged", "skipped")
_NO_BATCH: Final = pa.RecordBatch.from_pylist([], schema=SCHEMA)


def with_columns_of(frame: pl.DataFrame, columns: Columns) -> pl.DataFrame:
    """These columns in their order and type, null where the frame has none."""
    return frame.select(
        pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, kind).alias(name)
        for name, kind in columns.items()
    )


class Page:
    """The account of one file; a reader whose lines stand alone needs no more than this."""

    __slots__ = (*_COUNTS, "_ambiguous", "_batches", "_emptied", "_feed", "_rejects", "_window")

    def __init__(self, feed: Feed, window: Window) -> None:
        self._feed = feed
        self._window = window
        self._batches: list[pa.RecordBatch] = []
        self._rejects: list[Rejects] = []
        self._emptied: list[Rejects] = []
        self._ambiguous = 0
        self.merged: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.assumed: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()

    @property
    def latest(self) -> dt.datetime:
        """No record is later than this."""
        return self._window.latest

    def keep(self, draft: Draft, is_ambiguous: Bools) -> None:
        """Events whose values are columns of bytes; ``is_ambiguous`` as in ``EVENTS``, shape (n,)."""
        self.add(complete(draft, feed=self._feed, window=self._window))
        self._ambiguous += int((is_ambiguous & (draft.marks.reason == 0)).sum())

    def add(self, parsed: Parsed) -> None:
        """Records that are complete, and those of the same events that had to be rejected."""
        self._batches.append(parsed.batch)
        self._rejects.append(parsed.rejects)
        self._emptied.append(parsed.flaws)
        self._ambiguous += parsed.ambiguous

    def reject(self, rejects: Rejects) -> None:
        """Source records that cannot be kept."""
        self._rejects.append(rejects)

    def empty(self, flaws: Rejects) -> None:
        """Optional fields that cannot be read, of records that are kept without them."""
        self._emptied.append(flaws)

    def skip(self, word: str, count: int) -> None:
        """Lines that report no event, counted already."""
        if count:
            self.skipped[word] += count

    def told(self) -> Parsed:
        """All of it, as the port gives it."""
        batches = [batch for batch in self._batches if batch.num_rows]
        if len(batches) > 1:
            batches = pa.Table.from_batches(batches).combine_chunks().to_batches()
        return Parsed(
            batch=batches[0] if batches else _NO_BATCH,
            rejects=Rejects.concat(self._rejects),
            flaws=Rejects.concat(self._emptied),
            assumed=self.assumed,
            broken=self.broken,
            ambiguous=self._ambiguous,
            merged=self.merged,
            skipped=self.skipped,
        )


class Account:
    """Gathers what became of source records until it is told, file by file; then it begins afresh."""

    __slots__ = ("_events", "_feed", "_pages", "_window")

    def __init__(self, feed: Feed, window: Window) -> None:
        self._feed = feed
        self._window = window
        self._events: list[pl.DataFrame] = []
        self._pages: dict[int, Page] = {}

    def keep(self, events: pl.DataFrame, merged: pl.DataFrame | None = None) -> None:
        """Events of ``EVENTS``, and the source records ``merged`` into them, as for ``merge``.

        Missing columns are filled with null or zero. Those of ``invariants.EVIDENCE`` are compared with the events, and go no further.
        """
        if merged is not None:
            self.merge(merged)
        if events.is_empty():
            return
        self._count("broken", broken(events))
        names = set(events.columns)
        missing = [
            pl.lit(_FILL.get(name), dtype=kind).alias(name) for name, kind in EVENTS.items() if name not in names
        ]
        wanted = {**EVENTS, **{name: kind for name, kind in MORE.items() if name in names}}
        self._events.append(
            events.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in wanted.items())
        )

    def keep_draft(self, file: int, draft: Draft, is_ambiguous: Bools) -> None:
        """Events whose values are columns of bytes, as files of mapped columns have them.

        ``is_ambiguous`` as in ``EVENTS``, shape (n,).
        """
        self.page(file).keep(draft, is_ambiguous)

    def merge(self, rows: pl.DataFrame) -> None:
        """Source records for which another one stands: columns ``file`` and ``what``, a row each."""
        self._count("merged", rows)

    def merge_counts(self, file: int, counts: Mapping[str, int]) -> None:
        """Source records for which another one stands, counted already."""
        for word, count in counts.items():
            if count:  # a file with nothing to tell gets no page
                self.page(file).merged[word] += count

    def skip(self, rows: pl.DataFrame) -> None:
        """Lines that report no event: columns ``file`` and ``what``, a row each.

        A null in ``what`` is not counted.
        """
        self._count("skipped", rows)

    def skip_counts(self, file: int, counts: Mapping[str, int]) -> None:
        """Lines that report no event, counted already.

        Differences to the totals that a file gives of itself are shown in the same way.
        """
        for word, count in counts.items():
            if count:  # a file with nothing to tell gets no page
                self.page(file).skip(word, count)

    def assume(self, rows: pl.DataFrame) -> None:
        """What was taken for true in a line: columns ``file`` and ``what``, a row each."""
        self._count("assumed", rows)

    def assume_counts(self, file: int, counts: Mapping[str, int]) -> None:
        """What was taken for true, counted already."""
        for word, count in counts.items():
            self.page(file).assumed[word] += count

    def reject(self, file: int, rejects: Rejects) -> None:
        """Source records that cannot be kept."""
        if len(rejects.lines):
            self.page(file).reject(rejects)

    def empty(self, file: int, flaws: Rejects) -> None:
        """Optional fields that cannot be read, of records that are kept without them."""
        if len(flaws.lines):
            self.page(file).empty(flaws)

    def told(self) -> list[Found]:
        """Everything since the last time, a ``Found`` for each file that has any, in the order of files."""
        self._complete_events()
        pages, self._pages = self._pages, {}
        return [Found(file=file, parsed=pages[file].told()) for file in sorted(pages)]

    def page(self, file: int) -> Page:
        """What is known of one file so far."""
        if file not in self._pages:
            self._pages[file] = Page(self._feed, self._window)
        return self._pages[file]

    def _count(self, what: str, rows: pl.DataFrame) -> None:
        if rows.is_empty():
            return
        for file, word, count in rows.group_by("file", "what").len().iter_rows():
            if word is not None:
                counter: Counter[str] = getattr(self.page(file), what)
                counter[word] += count

    def _complete_events(self) -> None:
        """Canonical records of all files at once: a file may hold one call, and there may be 100,000 of them."""
        if not self._events:
            return
        events = pl.concat(self._events).sort("file", "offset", maintain_order=True)
        self._events = []
        files, offsets = events["file"].to_numpy(), events["offset"].to_numpy()
        parsed = complete(_draft(events), feed=self._feed, window=self._window)
        kept = parsed.batch.column("line").to_numpy()
        line = parsed.batch.schema.get_field_index("line")
        batch = parsed.batch.set_column(line, SCHEMA.field("line"), pa.array(offsets[kept])).cast(SCHEMA)
        is_ambiguous = events["is_ambiguous"].to_numpy()[kept]
        for file in np.unique(files).tolist():
            low, high = np.searchsorted(files[kept], [file, file + 1]).tolist()
            self.page(file).add(
                Parsed(
                    batch=batch.slice(low, high - low),
                    rejects=_of_file(file, parsed.rejects, files, offsets),
                    flaws=_of_file(file, parsed.flaws, files, offsets),
                    ambiguous=int(is_ambiguous[low:high].sum()),
                )
            )


def _of_file(file: int, rejects: Rejects, files: npt.NDArray[np.int32], offsets: I64) -> Rejects:
    """Those of one file, at their places in it; ``rejects`` names rows."""
    if not len(rejects.lines):
        return rejects
    of_rows = files[rejects.lines]
    at = np.flatnonzero(of_rows == file)
    fields = rejects.fields if len(at) == len(of_rows) else tuple(rejects.fields[i] for i in at.tolist())
    return Rejects(lines=offsets[rejects.lines[at]], reasons=rejects.reasons[at], fields=fields)


def _draft(events: pl.DataFrame) -> Draft:
    """Rows are named by their place in ``events``, which says the file as well."""
    marks = Marks(events.height)
    faulty = events.filter(pl.col("fault") > 0)
    if not faulty.is_empty():
        name = pl.col("field") if "field" in events.columns else pl.lit("start")
        for fault, at in faulty.select("fault", name.alias("name")).unique(maintain_order=True).iter_rows():
            is_one = (pl.col("fault") == fault) & (name == at)
            marks.mark(events.select(is_one).to_series().to_numpy(), Reason(fault), at)
    marks.mark(events["start"].is_null().to_numpy(), Reason.BAD_TIME, "start")
    duration = events["duration_s"]
    marks.mark((duration < 0).fill_null(value=False).to_numpy(), Reason.BAD_DURATION, "duration_s")
    return Draft(
        offsets=np.arange(events.height, dtype=np.int64),
        kinds=events["kind"].to_numpy(),
        start=events["start"],
        duration_s=duration.to_arrow(),
        answered=events["answered"].to_arrow(),
        parties={party: _party(events, party) for party in PARTIES if party != "f" or _is_anybody(events[party])},
        marks=marks,
    )


def _is_anybody(written: pl.Series) -> bool:
    """Few calls are forwarded: a column without anybody is not looked at further."""
    return written.null_count() < len(written) and bool((written != "").any())


def _party(events: pl.DataFrame, party: str) -> PartyDraft:
    own = {what: events[f"{party}_{what}"].to_numpy() for what in OWN if f"{party}_{what}" in events.columns}
    return PartyDraft(written=events[party].fill_null("").to_arrow().cast(pa.binary()), **own)
