"""What a task gives back: names of staged objects, counts, and no record. Pure.

It is sealed to the driver's key of the ingest, because the exact counts are nobody else's. It is data that is parsed
strictly, and never code: whoever controls a task controls no driver.
"""

import io
from collections import Counter
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import polars as pl

from coffer.errors import MalformedInput
from coffer.procedures.ingest.sealer import ChunkCount
from coffer.records.rejects import Reason, Rejects
from coffer.tally.exact import ExactCounts

_LABELS: Final = frozenset(int(reason) for reason in Reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Rejects: ``lines`` i64 and ``reasons`` u8 as bytes, and the fields at fault."""

    lines: bytes
    reasons: bytes
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOutcome:
    """What became of the source records of one file. The fields are as in ``ChunkCount``."""

    file: int
    size_bytes: int
    read: int
    kept: int
    ambiguous: int
    unindexed: int
    dialled: int
    merged: dict[str, int]
    skipped: dict[str, int]
    assumed: dict[str, int]
    rejects: Lost
    flaws: Lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one task made.

    ``staged``: names of staged files below the vault's folder, or the keys of objects in its store. ``hours`` and ``countries``: the exact counts as
    Arrow streams; empty if nothing was counted. ``fault``: why the split cannot be sealed, however often it is tried; empty
    if it was. ``hint``: what to do about it. ``is_input``: the fault is the input's.
    """

    files: tuple[FileOutcome, ...] = ()
    staged: tuple[str, ...] = ()
    rows: int = 0
    overtaken: int = 0
    hours: bytes = b""
    countries: bytes = b""
    fault: str = ""
    hint: str = ""
    is_input: bool = False

    def counts(self) -> ExactCounts | None:
        """The exact counts."""
        if not self.hours:
            return None
        return ExactCounts(hours=_frame(self.hours), countries=_frame(self.countries))


def format_outcome(outcome: Outcome) -> bytes:
    """An outcome as MessagePack."""
    return msgspec.msgpack.encode(outcome)


def parse_outcome(raw: bytes) -> Outcome:
    """The inverse of ``format_outcome``.

    Raises:
        MalformedInput: it is none.
    """
    try:
        return msgspec.msgpack.decode(raw, type=Outcome)
    except msgspec.MsgspecError:
        raise MalformedInput("engine: what a task gave back is not what a task of this version gives") from None


def file_outcome(file: int, counts: list[ChunkCount]) -> FileOutcome:
    """The sum of what became of a file's chunks."""
    merged, skipped, assumed = Counter[str](), Counter[str](), Counter[str]()
    for one in counts:
        merged.update(one.merged)
        skipped.update(one.skipped)
        assumed.update(one.assumed)
    return FileOutcome(
        file=file,
        size_bytes=sum(one.size_bytes for one in counts),
        read=sum(one.read for one in counts),
        kept=sum(one.kept for one in counts),
        ambiguous=sum(one.ambiguous for one in counts),
        unindexed=sum(one.unindexed for one in counts),
        dialled=sum(one.dialled for one in counts),
        merged=dict(merged),
        skipped=dict(skipped),
        assumed=dict(assumed),
        rejects=_lost(Rejects.concat([one.rejects for one in counts])),
        flaws=_lost(Rejects.concat([one.flaws for one in counts])),
    )


def chunk_count(one: FileOutcome) -> ChunkCount:
    """The inverse of ``file_outcome`` for one chunk.

    Raises:
        MalformedInput: the rejects are no rejects.
    """
    return ChunkCount(
        size_bytes=one.size_bytes,
        read=one.read,
        kept=one.kept,
        ambiguous=one.ambiguous,
        unindexed=one.unindexed,
        dialled=one.dialled,
        merged=Counter(one.merged),
        skipped=Counter(one.skipped),
        assumed=Counter(one.assumed),
        rejects=_rejects(one.rejects),
        flaws=_rejects(one.flaws),
    )


def _lost(rejects: Rejects) -> Lost:
    return Lost(
        lines=rejects.lines.astype("<i8").tobytes(), reasons=rejects.reasons.tobytes(), fields=tuple(rejects.fields)
    )


def _rejects(lost: Lost) -> Rejects:
    n = len(lost.fields)
    if len(lost.lines) != 8 * n or len(lost.reasons) != n or not _LABELS.issuperset(lost.reasons):
        raise MalformedInput("engine: a task gave rejects that are none")
    return Rejects(
        lines=np.frombuffer(lost.lines, "<i8").astype(np.int64),
        reasons=np.frombuffer(lost.reasons, np.uint8),
        fields=lost.fields,
    )


def format_frame(frame: pl.DataFrame) -> bytes:
    """A table of exact counts as an Arrow stream."""
    target = io.BytesIO()
    frame.write_ipc_stream(target)
    return target.getvalue()


def _frame(raw: bytes) -> pl.DataFrame:
    return pl.read_ipc_stream(io.BytesIO(raw))
