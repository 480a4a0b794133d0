"""What the readers of mail logs share: one record per recipient with its last status, and who is told what became of every line.

A source record is a delivery line: one recipient, one attempt. Lines about a message as a whole are context, counted as ``skipped``.
"""

from collections import Counter, defaultdict
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from coffer.kinds import KINDS
from coffer.records.canonical import complete
from coffer.records.draft import Draft, Marks, Parsed, PartyDraft, Window
from coffer.records.feed import Feed
from coffer.records.invariants import broken
from coffer.records.readers.port import Found
from coffer.records.readers.text.lines import UNREADABLE
from coffer.records.rejects import Reason, Rejects
from coffer.records.schema import SCHEMA

UTC_MICROS: Final = pl.Datetime("us", "UTC")
Columns = dict[str, pl.DataType | type[pl.DataType]]
"""Names and types of a frame's columns."""
RECORDS: Final[Columns] = {
    "file": pl.Int64,
    "line": pl.Int64,
    "start": UTC_MICROS,
    "fault": pl.UInt8,
    "is_ambiguous": pl.Boolean,
    "a": pl.String,
    "b": pl.String,
    "f": pl.String,
    "answered": pl.Boolean,
    "last_stamp": UTC_MICROS,
    "event_id": pl.UInt64,
}
"""Columns of finished mail: one row a recipient. ``fault`` is a ``Reason`` of its time, 0 none; the parties are addresses without
brackets, empty for nobody; ``answered``: delivered. ``last_stamp``
and ``event_id``: see ``invariants.EVIDENCE``."""

ANGLED: Final = r'<((?:"(?:[^"\\]|\\.)*"|[^">])*)>'
"""An address between brackets, as logs write it: a quoted local part may hold anything, and blanks may stand unquoted (Postfix before 3.5)."""
FORWARDABLE: Final = r"^[^\s@]+@[^\s@]+\.[^\s@]+$"
"""What the sender wrote is the B-side only if it is a whole address; ``root`` or ``sales`` alone is not."""


def with_columns_of(frame: pl.DataFrame, columns: Columns) -> pl.DataFrame:
    """These columns in their order and type, null where the frame has none."""
    return frame.select(
        pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, kind).alias(name)
        for name, kind in columns.items()
    )


class Ledger:
    """Counts per file, until they are told."""

    __slots__ = ("assumed", "flawed", "merged", "rejected", "skipped")

    def __init__(self) -> None:
        self.merged: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self.skipped: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self.rejected: defaultdict[int, list[Rejects]] = defaultdict(list)
        self.assumed: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self.flawed: defaultdict[int, list[Rejects]] = defaultdict(list)

    def skip(self, file: int, words: pl.Series) -> None:
        """One line each, by what it is."""
        for word, count in words.value_counts().iter_rows():
            self.skipped[file][word] += count

    def skip_lines(self, file: int, word: str, count: int) -> None:
        """So many lines, by what they are."""
        if count:
            self.skipped[file][word] += count

    def merge(self, files: pl.Series, word: str) -> None:
        """One delivery line each, told of by another."""
        for file, count in files.value_counts().iter_rows():
            self.merged[file][word] += count

    def reject(self, file: int, rejects: Rejects) -> None:
        """Whole lines or records that cannot be read."""
        if len(rejects.lines):
            self.rejected[file].append(rejects)

    def flaw(self, file: int, flaws: Rejects) -> None:
        """Optional fields that cannot be read, of records that are kept without them."""
        if len(flaws.lines):
            self.flawed[file].append(flaws)

    def assume(self, file: int, words: pl.Series) -> None:
        """What was taken for true in one line each."""
        for word, count in words.value_counts().iter_rows():
            self.assumed[file][word] += count

    def told(self) -> list[Found]:
        """Everything counted since the last time."""
        found = []
        for file in sorted({*self.merged, *self.skipped, *self.rejected, *self.flawed, *self.assumed}):
            parsed = Parsed(
                batch=pa.RecordBatch.from_pylist([], schema=SCHEMA),
                rejects=Rejects.concat(self.rejected.get(file, [])),
                merged=self.merged.get(file, Counter()),
                skipped=self.skipped.get(file, Counter()),
                assumed=self.assumed.get(file, Counter()),
                flaws=Rejects.concat(self.flawed.get(file, [])),
            )
            found.append(Found(file=file, parsed=parsed))
        self.merged.clear()
        self.skipped.clear()
        self.rejected.clear()
        self.flawed.clear()
        self.assumed.clear()
        return found


def finished(records: pl.DataFrame, *, feed: Feed, window: Window) -> list[Found]:
    """Rows of ``RECORDS`` as canonical records, file by file, in the order of their lines."""
    return [
        Found(file=int(str(file)), parsed=_complete(part, feed, window))
        for (file,), part in records.sort("file", "line").partition_by("file", as_dict=True).items()
    ]


def _complete(part: pl.DataFrame, feed: Feed, window: Window) -> Parsed:
    marks = Marks(len(part))
    fault = part["fault"].to_numpy()
    for reason in np.unique(fault[fault > 0]).tolist():
        marks.mark(fault == reason, Reason(reason), "start")
    marks.mark(part["start"].is_null().to_numpy(), Reason.BAD_TIME, "start")
    names = ["a", "b"] + (["f"] if (part["f"] != "").any() else [])
    for name in names:
        unreadable = part[name].str.contains(UNREADABLE, literal=True)
        if not unreadable.any():
            continue
        marks.mark(unreadable.to_numpy(), Reason.NOT_UTF8, {"f": "forwarded"}.get(name, name))
        if name == "f":
            part = part.with_columns(f=pl.when(unreadable).then(pl.lit("")).otherwise("f"))
    draft = Draft(
        offsets=part["line"].to_numpy(),
        kinds=np.full(len(part), KINDS["email"], np.uint8),
        start=part["start"],
        duration_s=pa.nulls(len(part), pa.int64()),
        answered=part["answered"].to_arrow(),
        parties={
            name: PartyDraft(written=part[name].to_arrow().cast(pa.large_binary()).cast(pa.binary())) for name in names
        },
        marks=marks,
    )
    parsed = complete(draft, feed=feed, window=window)
    kept = part.filter(pl.Series(marks.reason == 0))
    return Parsed(
        batch=parsed.batch,
        rejects=parsed.rejects,
        flaws=parsed.flaws,
        broken=Counter(broken(part)["what"].to_list()),
        ambiguous=int(kept["is_ambiguous"].sum()),
    )


def addressed(*, written: pl.Expr, final: pl.Expr) -> dict[str, pl.Expr]:
    """Parties ``b`` and ``f`` of a mail that was ``written`` to one address (empty: the same) and went to the ``final`` one.

    Where they differ, the record is that of a forwarded call: the one written to is the B-side, the mailbox it went to is ``f``,
    and each of them finds it. A final address that is none (a local user's name, a file, a program) leaves the one written to.
    """
    is_whole = final.str.contains("@", literal=True) & ~final.str.contains("^[|/:>]")
    differs = written.str.contains(FORWARDABLE) & (written.str.to_lowercase() != final.str.to_lowercase())
    forwarded = pl.when(differs & is_whole).then(final).otherwise(pl.lit(""))
    return {"b": pl.when(differs).then(written).otherwise(final), "f": forwarded}
