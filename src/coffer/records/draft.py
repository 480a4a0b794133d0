"""Events as the source wrote them, before they are canonical records. Values only.

A draft also says what is wrong with its rows.
"""

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from coffer.records.parties import PARTIES
from coffer.records.rejects import Reason, Rejects
from coffer.records.schema import SCHEMA

Bools = npt.NDArray[np.bool_]
U64 = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which start times the vault accepts.

    Records before ``earliest`` are too late for the vault. Those after ``latest`` cannot have happened yet.
    """

    earliest: dt.datetime
    latest: dt.datetime


OPTIONAL: Final = frozenset(
    {"forwarded", *(f"{party}_{what}" for party in PARTIES for what in ("cell", "imei", "imsi"))}
)
"""Fields that only add to a record. A fault in one empties it; the record stays, and says who was in touch with whom."""


class Marks:
    """Which rows cannot be kept, and why: the first thing found wrong with a row stays.

    ``reason``: u8 ``Reason`` of shape (rows,), 0 where a row is kept. A fault in one of ``OPTIONAL`` is no reason to lose the row:
    it is a flaw, and whoever marks it leaves the field empty.
    """

    __slots__ = ("_field", "_flaws", "_names", "reason")

    def __init__(self, rows: int) -> None:
        self.reason = np.zeros(rows, np.uint8)
        self._field = np.zeros(rows, np.uint8)
        self._names = [""]
        self._flaws: dict[str, npt.NDArray[np.uint8]] = {}

    def mark(self, bad: Bools, reason: Reason, name: str) -> None:
        """Give ``bad`` rows this reason, at the canonical field ``name``, unless they have one."""
        if name in OPTIONAL:
            self._flaw(bad, reason, name)
            return
        at = bad & (self.reason == 0)
        if at.any():
            self.reason[at] = reason
            if name not in self._names:
                self._names.append(name)
            self._field[at] = self._names.index(name)

    def _flaw(self, bad: Bools, reason: Reason, name: str) -> None:
        if bad.any():
            reasons = self._flaws.setdefault(name, np.zeros(len(self.reason), np.uint8))
            reasons[bad & (reasons == 0)] = reason

    def flaws(self, offsets: npt.NDArray[np.int64]) -> Rejects:
        """Where kept rows lost an optional field, and why; a row may lose several.

        ``offsets`` as in ``rejects``.
        """
        parts = []
        for name, reasons in self._flaws.items():
            at = (reasons > 0) & (self.reason == 0)
            parts.append(Rejects(lines=offsets[at], reasons=reasons[at], fields=(name,) * int(at.sum())))
        return Rejects.concat(parts)

    def rejects(self, offsets: npt.NDArray[np.int64]) -> Rejects:
        """The marked rows, which stand at these places of the source; shape (rows,)."""
        at = self.reason > 0
        fields = tuple(self._names[i] for i in self._field[at].tolist())
        return Rejects(lines=offsets[at], reasons=self.reason[at], fields=fields)


UNREADABLE: Final = "\ufffd"
"""Stands for bytes that are no UTF-8. A party that holds it is ``not-utf8``; free text is dropped with or without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyDraft:
    """One side of some events; shape (n,) each.

    ``written``: its number or address as the source writes it, empty if it names nobody, with ``UNREADABLE`` for what cannot be read.
    ``cell``, ``imei``, ``imsi``: u64 as ``identity.cells`` gives them, 0 none; None where the source has no such field or the feed does
    not keep it.
    """

    written: pa.BinaryArray
    cell: U64 | None = None
    imei: U64 | None = None
    imsi: U64 | None = None

    def __repr__(self) -> str:
        return f"<{len(self.written)} parties>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Draft:
    """Some events of one file, each once, in any order; shape (n,) each.

    ``offsets``: i64, the line (from 1) or byte (from 0) of the source where each stands. ``kinds``: u8, 1 call, 2 text, 3 e-mail; 0 only where
    ``marks`` has a reason. ``start``: polars datetime[us, UTC], null only where ``marks`` has a reason. ``duration_s``: Arrow i64, null where not
    known. ``answered``: Arrow bool, null where not known. ``parties``: ``a``, ``b`` and, where calls can be forwarded, ``f``.
    """

    offsets: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.uint8]
    start: pl.Series
    duration_s: pa.Array
    answered: pa.Array
    parties: dict[str, PartyDraft]
    marks: Marks


_NO_RECORDS: Final = pa.RecordBatch.from_pylist([], schema=SCHEMA)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Parsed:
    """What became of some source records of one file.

    Read = rows of ``batch`` + ``rejects`` + ``merged``. ``batch`` has ``coffer.records.schema.SCHEMA``.
    ``ambiguous``: rows kept by the feed's fold rule. ``merged``: source records that tell of an event which another
    one stands for, by what they are (for example ``bye``, ``deferred``, ``partial``). ``skipped``: lines that report
    no event, by what they are; they are shown, not read. ``flaws``: optional fields that were emptied in rows of
    ``batch``, by place and reason. ``assumed``: what was taken for true because the lines do not say it, like ``year
    2026``, and in how many lines. ``broken``: rows of ``batch`` against an invariant of
    ``coffer.records.invariants``, by its name; empty unless the source or its reader is wrong.
    """

    batch: pa.RecordBatch
    rejects: Rejects
    flaws: Rejects = field(default_factory=Rejects.none)
    assumed: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    ambiguous: int = 0
    merged: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    @classmethod
    def none(cls) -> Self:
        """No source records."""
        return cls(batch=_NO_RECORDS, rejects=Rejects.none())

    @property
    def read(self) -> int:
        """Source records accounted for."""
        return int(self.batch.num_rows) + len(self.rejects.lines) + self.merged.total()
