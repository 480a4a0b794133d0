"""Sealers that are tasks of a cluster, behind the port of sealers.

The driver opens every file, knows what is sealed already, hands out places, proves what tasks tell, draws the tally's
noise once and logs one entry. Files that tasks staged exist only once the driver has given them their names. So what a
failed, repeated, speculative or forgotten task staged is removed, now or by the next command that writes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce
from typing import Final, Protocol

from coffer.entropy import Entropy
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.kinds import KIND_NAMES
from coffer.ledger.entries import SegmentLine
from coffer.notes.keys import SealKey
from coffer.objects.folder import FolderObjects
from coffer.objects.place import Place
from coffer.objects.port import Objects, Staged
from coffer.procedures.ingest.holders import segment_line
from coffer.procedures.ingest.read import Ordered
from coffer.procedures.ingest.sealer import SealedShare, SealerConfig
from coffer.procedures.ingest.sealers import OnCount, OneSealer, OnTally
from coffer.procedures.ingest.sources import Chunk
from coffer.procedures.ingest.spread.outcome import Outcome, chunk_count, parse_outcome
from coffer.procedures.ingest.spread.task import outcome_info
from coffer.procedures.ingest.spread.work import MAX_SPLITS, SPLIT_BYTES, Cutting, Work
from coffer.records.readers.port import BoundFeed
from coffer.segments.header import origin_hash, parse_header
from coffer.segments.store import SEGMENTS, SUFFIXES, id_of, key_of
from coffer.tally.exact import ExactCounts

_PLACE: Final = "engine"


class Cluster(Protocol):
    """Runs tasks on other machines. ``split_bytes``: how much one of them should read."""

    def run(self, work: Work) -> Iterable[tuple[int, bytes]]:
        """Have each split sealed by one task that counts; the number of each split with its sealed outcome.

        Raises:
            Unavailable: the cluster cannot be reached, or a task failed too often. No task stages files afterwards,
                except those that the cluster has lost sight of.
        """
        ...


class SpreadSealers:
    """Hands places in files to a cluster. What only this machine can read, it seals itself."""

    def __init__(
        self,
        config: SealerConfig,
        objects: Objects,
        entropy: Entropy,
        on_count: OnCount,
        cluster: Cluster,
        split_bytes: int = SPLIT_BYTES,
    ) -> None:
        if not isinstance(objects, FolderObjects):
            raise Unavailable(
                f"{_PLACE}: this vault keeps its segments in a store", hint="ingest here, or into a folder that all see"
            )
        config = replace(config, place=Place(config.place.vault.resolve()), share=0, shares=MAX_SPLITS + 1)
        self.overtaken = 0
        self._config, self._disk, self._on_count, self._cluster = config, objects.disk, on_count, cluster
        self._own = OneSealer(config, objects, entropy, on_count)
        self._cutting = Cutting(split_bytes)

    def take(self, file: int, chunk: Chunk, bound: BoundFeed) -> None:
        """Hand out a place. Bytes that were unpacked here are sealed here: plaintext is sent nowhere."""
        if chunk.path is None:
            self._own.take(file, chunk, bound)
        else:
            self._cutting.add(file, replace(chunk, path=chunk.path.resolve()), bound)

    def read(self, files: Sequence[Ordered]) -> None:
        """Have one task read all files of a format in order."""
        self._cutting.add_ordered(files)

    def finish(self, on_tally: OnTally) -> list[SealedShare]:
        """Run the tasks; returns what this machine and each task made, proven."""
        shares = self._own.finish(on_tally)
        splits = self._cutting.splits()
        key = SealKey.generate()
        work = Work(config=self._config, bounds=tuple(self._cutting.bounds), splits=splits, public=key.public)
        outcomes = self._outcomes(work, key)
        shares += [self._share(one) for one in outcomes]
        for one in outcomes:
            for file in one.files:
                self._on_count(file.file, chunk_count(file))
        self._sweep(shares)
        counts = [share.counts for share in shares if share.counts is not None]
        if counts:
            on_tally(reduce(ExactCounts.merge, counts))
        return shares

    def _outcomes(self, work: Work, key: SealKey) -> list[Outcome]:
        """One outcome for each split, in the order of splits."""
        by_number: dict[int, Outcome] = {}
        for number, sealed in self._cluster.run(work) if work.splits else ():
            outcome = parse_outcome(key.unseal(sealed, info=outcome_info(number), place=_PLACE))
            if outcome.fault:
                family = MalformedInput if outcome.is_input else Unavailable
                raise family(outcome.fault, hint=outcome.hint or None)
            if number in by_number:
                raise NotProven(f"{_PLACE}: two outcomes for split {number}, expected one")
            by_number[number] = outcome
            self.overtaken += outcome.overtaken
        if by_number.keys() != set(range(len(work.splits))):
            raise Unavailable(f"{_PLACE}: outcomes of {len(by_number)} splits, expected {len(work.splits)}")
        return [by_number[number] for number in range(len(work.splits))]

    def _share(self, outcome: Outcome) -> SealedShare:
        """What a task made, with the segments' lines taken from their headers on the disk.

        Raises:
            NotProven: a segment is not whole, or is not of this ingest.
        """
        staged = outcome.objects(self._config.place.vault)
        headers = [one for one in staged if one.key.endswith(".header")]
        whole = sorted(f"{one.key.removesuffix('.header')}{suffix}" for one in headers for suffix in SUFFIXES)
        if sorted(one.key for one in staged) != whole:
            raise NotProven(f"{_PLACE}: a task staged a segment that is not whole")
        lines = [self._line(one) for one in headers]
        return SealedShare(staged=staged, lines=lines, counts=outcome.counts(), rows=outcome.rows)

    def _line(self, staged: Staged) -> SegmentLine:
        assert staged.temporary is not None, "a task stages files"
        header = parse_header(self._disk.read(staged.temporary), f"header of {id_of(staged.key)[:16]}")
        core, config = header.core, self._config
        if f"{key_of(core.day, core.seg_id)}.header" != staged.key:
            raise NotProven(f"{_PLACE}: a segment under the name of another")
        ours = (config.feed.name, config.roster.hash, origin_hash(config.origin))
        if (core.feed, core.roster, core.origin) != ours:
            raise NotProven(f"{_PLACE}: a segment of another feed, roster or vault")
        return segment_line(header, KIND_NAMES[core.kind])

    def _sweep(self, shares: Sequence[SealedShare]) -> None:
        """Remove what tasks staged that do not count."""
        counting = {one.temporary for share in shares for one in share.staged}
        for path in self._disk.temporaries(self._config.place.vault / SEGMENTS):
            if path not in counting:
                self._disk.remove(path)
