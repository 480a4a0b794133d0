"""Sealers that are tasks of a cluster, behind the port of sealers.

The driver opens every file, knows what is sealed already, hands out places, proves what tasks tell, draws the tally's
noise once and logs one entry. What tasks staged exists only once the log names it. So what a failed, repeated,
speculative or forgotten task staged is removed, now or by the next command that writes (``staging``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce
from typing import Final, Protocol

from coffer.entropy import Entropy
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.kinds import KIND_NAMES
from coffer.notes.keys import SealKey
from coffer.objects.port import Objects, Staged
from coffer.procedures.ingest.holders import segment_line
from coffer.procedures.ingest.places import Chunk
from coffer.procedures.ingest.read import Ordered
from coffer.procedures.ingest.sealer import SealedShare, SealerConfig
from coffer.procedures.ingest.sealers import OnCount, OneSealer, OnTally
from coffer.procedures.ingest.spread.outcome import Outcome, chunk_count, parse_outcome
from coffer.procedures.ingest.spread.staging import staging_of
from coffer.procedures.ingest.spread.task import outcome_info
from coffer.procedures.ingest.spread.work import MAX_SPLITS, SPLIT_BYTES, Cutting, Split, Work
from coffer.records.readers.port import BoundFeed
from coffer.segments.header import Header, origin_hash, parse_header
from coffer.segments.store import SUFFIXES, id_of, key_of, sizes_of
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
        place = replace(config.place, vault=config.place.vault.resolve())
        config = replace(config, place=place, share=0, shares=MAX_SPLITS + 1)
        self.overtaken = 0
        self._config, self._on_count, self._cluster = config, on_count, cluster
        self._staging = staging_of(objects)
        self._own = OneSealer(config, objects, entropy, on_count)
        self._cutting = Cutting(split_bytes)

    def take(self, file: int, chunk: Chunk, bound: BoundFeed) -> None:
        """Hand out a place. Bytes that were unpacked here are sealed here: plaintext is sent nowhere."""
        if chunk.file is None:
            self._own.take(file, chunk, bound)
        else:
            self._cutting.add(file, replace(chunk, file=chunk.file.resolved()), bound)

    def read(self, files: Sequence[Ordered]) -> None:
        """Have one task read all files of a format in order."""
        self._cutting.add_ordered(files)

    def finish(self, on_tally: OnTally) -> list[SealedShare]:
        """Run the tasks; returns what this machine and each task made, proven."""
        shares = self._own.finish(on_tally)
        splits = self._cutting.splits()
        outcomes = self._outcomes(splits) if splits else []
        shares += self._shares(outcomes)
        keys = [one.key for share in shares for one in share.staged]
        if len(set(keys)) < len(keys):
            raise NotProven(f"{_PLACE}: a segment of two tasks")
        for one in outcomes:
            for file in one.files:
                self._on_count(file.file, chunk_count(file))
        self._staging.sweep([one for share in shares for one in share.staged])
        counts = [share.counts for share in shares if share.counts is not None]
        if counts:
            on_tally(reduce(ExactCounts.merge, counts))
        return shares

    def _outcomes(self, splits: tuple[Split, ...]) -> list[Outcome]:
        """One outcome for each split, in the order of splits."""
        key = SealKey.generate()
        tasks = self._staging.begin(len(splits), self._config.ingest)
        bounds = tuple(self._cutting.bounds)
        work = Work(config=self._config, bounds=bounds, splits=splits, public=key.public, tasks=tasks)
        by_number: dict[int, Outcome] = {}
        for number, sealed in self._cluster.run(work):
            outcome = parse_outcome(key.unseal(sealed, info=outcome_info(number), place=_PLACE))
            if outcome.fault:
                family = MalformedInput if outcome.is_input else Unavailable
                raise family(outcome.fault, hint=outcome.hint or None)
            if number in by_number:
                raise NotProven(f"{_PLACE}: two outcomes for split {number}, expected one")
            by_number[number] = outcome
            self.overtaken += outcome.overtaken
        if by_number.keys() != set(range(len(splits))):
            raise Unavailable(f"{_PLACE}: outcomes of {len(by_number)} splits, expected {len(splits)}")
        return [by_number[number] for number in range(len(splits))]

    def _shares(self, outcomes: Sequence[Outcome]) -> list[SealedShare]:
        """What tasks made, with the segments' lines taken from their headers where they lie.

        Raises:
            NotProven: a segment is not whole, or is not of this ingest.
        """
        return [self._share(outcome) for outcome in outcomes]

    def _share(self, outcome: Outcome) -> SealedShare:
        staged = self._staging.staged(outcome.staged)
        headers = [one for one in staged if one.key.endswith(".header")]
        whole = sorted(f"{one.key.removesuffix('.header')}{suffix}" for one in headers for suffix in SUFFIXES)
        if sorted(one.key for one in staged) != whole:
            raise _not_whole()
        read = {one.key: self._header(one) for one in headers}
        expected = {
            f"{key.removesuffix('.header')}{suffix}": size
            for key, header in read.items()
            for suffix, size in sizes_of(header).items()
        }
        others = [one for one in staged if one.key in expected]
        if [expected[one.key] for one in others] != list(self._staging.sizes(others)):
            raise _not_whole()
        lines = [segment_line(header, KIND_NAMES[header.core.kind]) for header in read.values()]
        return SealedShare(staged=staged, lines=lines, counts=outcome.counts(), rows=outcome.rows)

    def _header(self, staged: Staged) -> Header:
        header = parse_header(self._staging.read(staged), f"header of {id_of(staged.key)[:16]}")
        core, config = header.core, self._config
        if f"{key_of(core.day, core.seg_id)}.header" != staged.key:
            raise NotProven(f"{_PLACE}: a segment under the name of another")
        if core.ingest != config.ingest:  # else what fails here would remove what another ingest logs
            raise NotProven(f"{_PLACE}: a segment of another ingest")
        ours = (config.feed.name, config.roster.hash, origin_hash(config.origin))
        if (core.feed, core.roster, core.origin) != ours:
            raise NotProven(f"{_PLACE}: a segment of another feed, roster or vault")
        return header


def _not_whole() -> NotProven:
    return NotProven(f"{_PLACE}: a task staged a segment that is not whole")
