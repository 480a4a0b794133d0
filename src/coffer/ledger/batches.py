"""Which ingests and withdrawals count. Pure.

Rules I1, I3, I5 and W1 of ``docs/formats/entries.md``. Each function raises ``Broken`` if the entry has no effect; ``State`` takes what it returns.
"""

import datetime as dt

from coffer.ledger.entries import IngestEntry, SegmentId, SegmentLine, TopicOffsets, WithdrawEntry
from coffer.ledger.facts import Batch, Broken, Pending, Segment
from coffer.ledger.known import Known
from coffer.ledger.roster import Roster
from coffer.notes.note import Note


def verify_part(state: Known, note: Note, roster: Roster, body: IngestEntry) -> Pending:
    """The ingest of which this entry is the next part, as it stood before this entry."""
    if not any(note.is_signed_by(key) for key in roster.ingesters):
        raise Broken("I1", "not signed by an ingester")
    pending = state.pending.get(body.batch) or Pending(first=body)
    first = pending.first
    is_same = all(
        getattr(body, name) == getattr(first, name) for name in ("total", "feed", "counts", "offsets", "tally")
    )
    if body.batch in state.batches or body.number != len(pending.parts) + 1 or not is_same:
        raise Broken("I1", "not the next entry of its batch")
    # If two pending batches name one segment, it belongs to the batch that is complete first; the other never completes.
    if not state.segments.keys().isdisjoint(pending.segments):
        raise Broken("I3", "a segment that another batch completed")
    _verify_segments(state, pending, roster, body)
    if body.offsets is not None and not is_next(state, body.offsets):
        raise Broken("I5", "offsets that do not begin where those of the log end")
    return pending


def is_next(state: Known, offsets: TopicOffsets) -> bool:
    """Whether of each partition the log ends where these offsets say that it does (I5).

    Of two who both believe to read a partition, the one whose batch is complete second does not count.
    """
    if state.is_sparse:
        return True
    return all(one.after == state.offsets.get((offsets.topic, one.partition)) for one in offsets.partitions)


def completed(pending: Pending, time: dt.datetime) -> tuple[Batch, list[Segment]]:
    """The batch and its segments, once the last entry has come. ``time``: of that entry."""
    segments = pending.completed_segments()
    batch = Batch(
        batch=pending.first.batch,
        feed=pending.first.feed,
        time=time,
        counts=pending.first.counts,
        segments=tuple(segment.line.seg_id for segment in segments),
        tally=pending.first.tally,
        entry_indexes=tuple(index for index, _, _ in pending.parts),
    )
    return batch, segments


def verify_withdrawal(state: Known, note: Note, roster: Roster, body: WithdrawEntry) -> None:
    """A batch is superseded once, by an ingester (W1)."""
    if not any(note.is_signed_by(key) for key in roster.ingesters):
        raise Broken("W1", "not signed by an ingester")
    if body.batch not in state.batches or body.batch in state.withdrawn:
        raise Broken("W1", "no complete batch of that name, or superseded before")


def _verify_segments(state: Known, pending: Pending, roster: Roster, body: IngestEntry) -> None:
    seen: set[SegmentId] = set()
    for line in body.segments:
        if line.seg_id in seen or line.seg_id in pending.segments or line.seg_id in state.segments:
            raise Broken("I3", "a segment that exists already")
        if line.rule not in roster.rules or line.rows % 1024:
            raise Broken("I3", "an unknown rule, or rows that are no multiple of 1,024")
        if line.supersedes is not None:
            _verify_superseded(state, line, line.supersedes, body.feed)
        seen.add(line.seg_id)


def _verify_superseded(state: Known, line: SegmentLine, supersedes: SegmentId, feed: str) -> None:
    old, new = state.segments.get(supersedes), (line.day, line.kind, feed, line.rule)
    if old is None or (old.line.day, old.line.kind, old.feed, old.line.rule) != new:
        raise Broken("I3", "supersedes a segment that is unknown or of another day, kind, feed or rule")
