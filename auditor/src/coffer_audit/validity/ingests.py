"""Batches, and which ingests and withdrawals count (docs/formats/entries.md, I1, I3 to I5, W1). Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from coffer_audit.validity.facts import Batch, Segment, demand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coffer_audit.entries.parse import Act, Ingest, SegmentLine
    from coffer_audit.entries.roster import Roster

Signers = frozenset[tuple[str, bytes]]


class Ingests:
    """The batches of a log by name, complete and pending, and the segments of the complete ones.

    `withdrawn`: by batch, the entry that superseded it. `offsets`: by topic and partition, where the next batch begins.
    `sparse`: as in `State`.
    """

    def __init__(self, *, sparse: bool) -> None:
        self.sparse = sparse
        self.batches: dict[str, Batch] = {}
        self.pending: dict[str, Batch] = {}
        self.withdrawn: dict[str, int] = {}
        self.segments: dict[str, Segment] = {}
        self.offsets: dict[tuple[str, int], str] = {}

    def take(self, index: int, body: Ingest, signers: Signers, rosters: Sequence[Roster]) -> None:
        """Take an entry of a batch; the last one makes its segments exist (I4).

        `rosters`: the last is in force.
        """
        batch = self._verify_part(body, signers, rosters)
        named = tuple(Segment(line=line, feed=body.feed, entry=index, roster=rosters[-1]) for line in body.segments)
        batch = replace(batch, next_part=body.part + 1, segments=batch.segments + named)
        if body.part < body.parts:
            self.pending[body.batch] = batch
            return
        self.pending.pop(body.batch, None)
        self.batches[body.batch] = batch
        self.segments |= {segment.line.seg_id: segment for segment in batch.segments}
        self.offsets |= {(body.topic, item.partition): item.end for item in body.offsets}

    def withdraw(self, index: int, body: Act, signers: Signers, roster: Roster) -> None:
        """Rule W1: an ingester in force signed, and the batch is complete and was not superseded before."""
        demand({key.identity for key in roster.ingesters} & signers, "W1", "signature: found no ingester's")
        batch = body.text["batch"]
        demand(batch in self.batches, "W1", "batch: found none that is complete")
        demand(batch not in self.withdrawn, "W1", "batch: found it superseded before")
        self.withdrawn[batch] = index

    def _verify_part(self, body: Ingest, signers: Signers, rosters: Sequence[Roster]) -> Batch:
        """Rules I1, I3 and I5; give the batch before this entry."""
        demand(any(key.identity in signers for key in rosters[-1].ingesters), "I1", "signature: found no ingester's")
        batch = self.pending.get(body.batch)
        if batch is None:
            demand(
                body.batch not in self.batches and body.part == 1,
                "I1",
                "batch: found an old one or not its first entry",
                may_happen=True,
            )
            batch = Batch(first=body, next_part=1, segments=())
        now, then = (
            (item.parts, item.feed, item.counts, item.topic, item.offsets, item.tally) for item in (body, batch.first)
        )
        demand(now == then, "I1", "batch: found another N, feed, count, offset or tally than its first entry has")
        demand(body.part == batch.next_part, "I1", "batch: found another order", may_happen=True)
        self._verify_still_new(batch)
        known = {item.line.seg_id for item in batch.segments}
        for line in body.segments:
            self._verify_segment(line, body.feed, known, rosters)
            known.add(line.seg_id)
        for item in body.offsets:
            is_next = self.sparse or item.after == self.offsets.get((body.topic, item.partition), "")
            demand(is_next, "I5", "offsets: found others than those after the log's", may_happen=True)
        return batch

    def _verify_still_new(self, batch: Batch) -> None:
        """Refuse to go on with a batch if another batch has completed with one of its segments.

        Of two pending batches with the same segment, the one that is complete first keeps it.
        """
        for segment in batch.segments:
            demand(
                segment.line.seg_id not in self.segments,
                "I3",
                "segment: found one that another batch completed",
                may_happen=True,
            )

    def _verify_segment(self, line: SegmentLine, feed: str, known: set[str], rosters: Sequence[Roster]) -> None:
        is_new = line.seg_id not in known and line.seg_id not in self.segments
        demand(is_new, "I3", "segment: found a known seg_id, expected a new one", may_happen=True)
        was = any(line.rule in roster.rules for roster in rosters)
        demand(line.rule in rosters[-1].rules, "I3", "segment: found a rule that is not in force", may_happen=was)
        demand(line.rows % 1_024 == 0, "I3", f"segment: found {line.rows} rows, expected a multiple of 1,024")
        if line.supersedes:
            old = self.segments.get(line.supersedes)
            demand(old or self.sparse, "I3", "segment: found it superseding one that is not in State")
            same = old is None or (old.line.day, old.line.kind, old.feed, old.line.rule) == (
                line.day,
                line.kind,
                feed,
                line.rule,
            )
            demand(same, "I3", "segment: found it superseding one of another day, kind, feed or rule")

    def batches_of(self) -> dict[str, tuple[str, int]]:
        """Give for each segment the name of its batch and the index that orders batches.

        That is the index of the first entry that names a segment of the batch.
        """
        return {
            segment.line.seg_id: (name, first)
            for name, batch in self.batches.items()
            if batch.segments
            for first in [min(item.entry for item in batch.segments)]
            for segment in batch.segments
        }

    def superseded(self) -> set[str]:
        """Give the segments that other segments replaced, and those of superseded batches."""
        replaced = {segment.line.supersedes for segment in self.segments.values() if segment.line.supersedes}
        return replaced | {item.line.seg_id for batch in self.withdrawn for item in self.batches[batch].segments}

    def superseded_before(self, index: int) -> dict[str, int]:
        """Give the segments that were superseded before an entry.

        Each has the first entry that superseded it.
        """
        entries: dict[str, int] = {}
        for name, entry in self.withdrawn.items():
            entries |= {segment.line.seg_id: entry for segment in self.batches[name].segments}
        for batch in self.batches.values():
            last = max((segment.entry for segment in batch.segments), default=0)
            for segment in batch.segments:
                old = segment.line.supersedes
                if old in self.segments:
                    entries[old] = min(entries.get(old, last), last)
        return {seg_id: entry for seg_id, entry in entries.items() if entry < index}
