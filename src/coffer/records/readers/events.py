"""Events of any number of files to what the port asks for: one ``Found`` a file. Pure; every reader that works in order ends here.

A reader gives its events as polars frames of ``EVENTS`` and says what it merged, skipped and rejected; nothing is lost between the two.
"""

from collections import Counter, defaultdict
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from coffer.records.canonical import complete
from coffer.records.draft import Draft, Marks, Parsed, PartyDraft, Window
from coffer.records.feed import Feed
from coffer.records.invariants import broken
from coffer.records.readers.port import Found
from coffer.records.readers.text.lines import concat
from coffer.records.readers.text.times import Times
from coffer.records.rejects import Reason, Rejects
from coffer.records.schema import SCHEMA

EVENTS: Final = pl.Schema(
    {
        "file": pl.Int32(),
        "offset": pl.Int64(),
        "kind": pl.UInt8(),
        "start": pl.Datetime("us", "UTC"),
        "duration_s": pl.Int64(),
        "answered": pl.Boolean(),
        "a": pl.String(),
        "b": pl.String(),
        "f": pl.String(),
        "time_fault": pl.UInt8(),
        "ambiguous": pl.Boolean(),
    }
)
"""One row an event. ``offset``: line or byte in ``file``. ``a``, ``b``, ``f``: as written, null or empty for nobody. ``time_fault``: ``Reason``, 0 none.

``ambiguous``: its local time occurs twice and was kept by the feed's fold rule. ``duration_s`` and ``answered``: null where not known.
"""
_NO_BATCH: Final = pa.RecordBatch.from_pylist([], schema=SCHEMA)


class Outcome:
    """What became of the source records that one call of the port was given: gathered, then handed over as ``found``."""

    def __init__(self, feed: Feed, window: Window) -> None:
        self._feed = feed
        self._window = window
        self._events: list[pl.DataFrame] = []
        self._rejects: defaultdict[int, list[Rejects]] = defaultdict(list)
        self._merged: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self._skipped: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self._broken: defaultdict[int, Counter[str]] = defaultdict(Counter)

    def add(self, events: pl.DataFrame) -> None:
        """Events; columns that are missing are filled with null or zero. Those of ``invariants.EVIDENCE`` are only looked at."""
        if events.height:
            self._count(self._broken, broken(events))
            missing = [
                pl.lit(_FILL.get(name), dtype=kind).alias(name)
                for name, kind in EVENTS.items()
                if name not in events.columns
            ]
            self._events.append(
                events.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in EVENTS.items())
            )

    def reject(self, file: int, rejects: Rejects) -> None:
        """Source records that cannot be kept."""
        if len(rejects.lines):
            self._rejects[file].append(rejects)

    def merge(self, rows: pl.DataFrame) -> None:
        """Source records for which another one stands: columns ``file`` and ``what``, a row each."""
        self._count(self._merged, rows)

    def skip(self, rows: pl.DataFrame) -> None:
        """Lines that report no event: columns ``file`` and ``what``, a row each."""
        self._count(self._skipped, rows)

    def skip_lines(self, file: int, what: str, count: int) -> None:
        """So many lines that report no event, by what they are."""
        if count:
            self._skipped[file][what] += count

    @staticmethod
    def _count(into: defaultdict[int, Counter[str]], rows: pl.DataFrame) -> None:
        if rows.height:
            for file, what, count in rows.group_by("file", "what").len().iter_rows():
                into[file][what] += count

    def found(self) -> list[Found]:
        """All of it, a ``Found`` for each file that has any, in the order of files."""
        kept = self._complete() if self._events else {}
        files = sorted({*kept, *self._rejects, *self._merged, *self._skipped, *self._broken})
        return [self._one(file, kept.get(file)) for file in files]

    def _one(self, file: int, kept: Parsed | None) -> Found:
        rejects = concat([*self._rejects[file], *([kept.rejects] if kept else [])])
        return Found(
            file=file,
            parsed=Parsed(
                batch=kept.batch if kept else _NO_BATCH,
                rejects=rejects,
                ambiguous=kept.ambiguous if kept else 0,
                flaws=kept.flaws if kept else Rejects.none(),
                broken=self._broken[file],
                merged=self._merged[file],
                skipped=self._skipped[file],
            ),
        )

    def _complete(self) -> dict[int, Parsed]:
        """Canonical records of all files at once: a file may hold one call, and there may be 100,000 of them."""
        events = pl.concat(self._events).sort("file", "offset", maintain_order=True)
        rows = events.height
        files, offsets = events["file"].to_numpy(), events["offset"].to_numpy()
        parsed = complete(_draft(events), feed=self._feed, window=self._window)
        kept = parsed.batch.column("line").to_numpy()
        batch = parsed.batch.set_column(
            parsed.batch.schema.get_field_index("line"), SCHEMA.field("line"), pa.array(offsets[kept])
        ).cast(SCHEMA)
        is_ambiguous = events["ambiguous"].to_numpy()[kept]
        found = {}
        for file in np.unique(files).tolist() if rows else []:
            low, high = np.searchsorted(files[kept], [file, file + 1]).tolist()
            start, stop = np.searchsorted(files[parsed.rejects.lines], [file, file + 1]).tolist()
            rejects = Rejects(
                lines=offsets[parsed.rejects.lines[start:stop]],
                reasons=parsed.rejects.reasons[start:stop],
                fields=parsed.rejects.fields[start:stop],
            )
            found[file] = Parsed(
                batch=batch.slice(low, high - low),
                rejects=rejects,
                ambiguous=int(is_ambiguous[low:high].sum()),
                flaws=_flaws_of(file, parsed.flaws, files, offsets),
            )
        return found


def _flaws_of(file: int, flaws: Rejects, files: npt.NDArray[np.int64], offsets: npt.NDArray[np.int64]) -> Rejects:
    """Those of one file, at their places in it; ``flaws`` names rows."""
    if not len(flaws.lines):
        return flaws
    at = np.flatnonzero(files[flaws.lines] == file)
    fields = tuple(flaws.fields[i] for i in at.tolist())
    return Rejects(lines=offsets[flaws.lines[at]], reasons=flaws.reasons[at], fields=fields)


_FILL: Final = {"time_fault": 0, "ambiguous": False}


def _draft(events: pl.DataFrame) -> Draft:
    """Rows are named by their place in ``events``, which says the file as well."""
    marks = Marks(events.height)
    faults = events["time_fault"].to_numpy()
    for fault in np.unique(faults[faults > 0]).tolist():
        marks.mark(faults == fault, Reason(fault), "start")
    marks.mark(events["start"].is_null().to_numpy(), Reason.BAD_TIME, "start")
    duration = events["duration_s"]
    marks.mark((duration < 0).fill_null(value=False).to_numpy(), Reason.BAD_DURATION, "duration_s")
    return Draft(
        offsets=np.arange(events.height, dtype=np.int64),
        kinds=events["kind"].to_numpy(),
        start=events["start"],
        duration_s=duration.to_arrow(),
        answered=events["answered"].to_arrow(),
        parties={name: PartyDraft(written=_written(events[name])) for name in ("a", "b", "f")},
        marks=marks,
    )


def _written(text: pl.Series) -> pa.BinaryArray:
    return text.fill_null("").to_arrow().cast(pa.binary())


def time_columns(times: Times, fold: str) -> list[pl.Series]:
    """``start``, ``time_fault`` and ``ambiguous`` of ``EVENTS``, as the feed's fold rule has it."""
    fault = np.zeros(len(times.is_bad), np.uint8)
    fault[times.is_ambiguous & (fold == "reject")] = Reason.AMBIGUOUS_TIME
    fault[times.is_impossible] = Reason.IMPOSSIBLE_TIME
    fault[times.is_bad] = Reason.BAD_TIME
    is_kept: npt.NDArray[np.bool_] = times.is_ambiguous & (fold != "reject")
    return [times.start.alias("start"), pl.Series("time_fault", fault), pl.Series("ambiguous", is_kept)]
