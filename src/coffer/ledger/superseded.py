"""Which segments were superseded before an entry of the log, and by which entries. Pure.

Source: ``docs/formats/answer.md``, "Superseded".
"""

from dataclasses import dataclass

from coffer.ledger.entries import BatchId, SegmentId
from coffer.ledger.known import Known


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """A segment that counts no more.

    ``batch``: the one that it is of. ``entry``: the index of the first entry that superseded it.
    """

    batch: BatchId
    entry: int


def superseded_before(state: Known, index: int) -> dict[SegmentId, Superseded]:
    """The segments that were superseded before entry ``index``.

    They are those of superseded batches, and those that another segment replaced.
    """
    batch_of = {seg_id: batch for batch in state.batches.values() for seg_id in batch.segments}
    entries = {seg_id: entry for name, entry in state.withdrawn.items() for seg_id in state.batches[name].segments}
    for seg_id, batch in batch_of.items():
        old = state.segments[seg_id].line.supersedes
        if old is not None and old in batch_of:
            last = max(state.segments[item].entry_index for item in batch.segments)
            entries[old] = min(entries.get(old, last), last)
    return {
        seg_id: Superseded(batch=batch_of[seg_id].batch, entry=entry)
        for seg_id, entry in entries.items()
        if entry < index
    }
