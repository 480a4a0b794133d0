"""A batch while it is made: what it staged, what is remembered of its files, and how it is logged.

The steps are numbered in ``docs/procedures/ingest.md``. This is I/O; what it asks is decided in ``decide``.
"""

import datetime as dt
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from typing import Final

from coffer.errors import Refused, Unavailable
from coffer.identity.numbering import plans
from coffer.ledger.batches import is_next
from coffer.ledger.entries import BatchId, SegmentLine, TopicOffsets
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.objects.port import Staged
from coffer.procedures.ingest.decide import (
    FileCount,
    accepted_window,
    coarse_counts,
    ingest_entries,
    verify_still_sealed_right,
)
from coffer.procedures.ingest.prints import Printer
from coffer.procedures.ingest.remember import Memory
from coffer.procedures.ingest.sealer import SealedShare
from coffer.procedures.receipts.decide import Missing, verify_receipted
from coffer.records.feed import Feed
from coffer.records.no_index import NoIndex
from coffer.sequencer.turns import Lost
from coffer.tally.exact import ExactCounts
from coffer.tally.release import format_table, release, require_noise, tally_hash
from coffer.vault.folder import Vault
from coffer.vault.memory import Cost, Remembered
from coffer.vault.operator import INGESTER
from coffer.vault.stored import memory_key, tally_keys

PUT_BACK: Final = 16
"""Batches whose memory an ingest looks for and puts back: some milliseconds together. ``coffer tidy`` looks at all."""


@dataclass(slots=True)
class Batch:
    """One ingest under way: its staged files, and whether logging has begun.

    ``begun``: State at step 1. ``roster``: the one under which it seals. ``first_day``: the first of which records can
    still be ingested. ``late``: receipts missing for over a day. ``offsets``: what it takes of a topic; None of files.
    """

    vault: Vault
    begun: State
    feed: Feed
    roster: Roster
    id: BatchId
    no_index: NoIndex | None
    memory: Memory
    first_day: dt.date
    late: tuple[Missing, ...]
    state: State
    offsets: TopicOffsets | None = None
    staged: list[Staged] = field(default_factory=list)
    lines: list[SegmentLine] = field(default_factory=list)
    counts: ExactCounts | None = None
    tables: list[bytes] = field(default_factory=list)
    rows: int = 0
    overtaken: int = 0
    is_logging: bool = False

    def collect(self, shares: Sequence[SealedShare]) -> None:
        """Add up what the sealers made: segments that bear the name of this ingest, and of no other."""
        self.staged = [staged for share in shares for staged in share.staged]
        self.lines = [line for share in shares for line in share.lines]
        self.rows = sum(share.rows for share in shares)
        counts = [share.counts for share in shares if share.counts is not None]
        self.counts = reduce(ExactCounts.merge, counts) if counts else None

    def beside_sealing(self, counts: ExactCounts) -> None:
        """Step 7, as far as it can be done beside the last sealing: the tally and the fingerprints of files."""
        self.release_tally(counts)
        self.memory.fingerprints()

    def release_tally(self, counts: ExactCounts) -> None:
        """Release the tally, once."""
        epsilon = self.state.roster.epsilon
        released = release(
            counts, feed=self.feed.name, country_names=plans(self.roster.numbering).country_names, epsilon=epsilon
        )
        self.tables = [format_table(frame, epsilon) for frame in (released.hours, released.countries)]

    def stage_tally(self) -> bytes | None:
        """Step 7: stage the released tally; returns its hash, or None without a record."""
        if self.counts is None:
            return None
        if not self.tables:
            self.release_tally(self.counts)
        tables = self.tables
        objects = self.vault.objects
        staged = objects.stage(dict(zip(tally_keys(self.id), tables, strict=True)))
        self.staged += staged
        objects.settle(staged)
        return tally_hash(*tables)

    def memorize(self, now: dt.datetime) -> list[Remembered]:
        """Step 7: what will be remembered after this ingest.

        The new lines are also staged for other machines that write this log. They name this batch, so that they count
        only once the log has the batch.
        """
        last_day = max((line.day for line in self.lines), default=now.date())
        lines = self.memory.learnt(self.id, last_day, self.first_day)
        if self.vault.machines is not None:
            new = [line for line in lines if line.batch == self.id]
            raw = self.memory.printer.key.seal_batch(new, self.id, self.memory.entropy)
            staged = self.vault.objects.stage({memory_key(self.id): raw})
            self.staged += staged
            self.vault.objects.settle(staged)
        return lines

    def remember(self, lines: Sequence[Remembered]) -> None:
        """Step 8: write the memory, with what other machines learnt since step 1.

        Raises:
            Unavailable: another machine may have sealed one of these files meanwhile. Nothing is logged.
        """
        others = self.vault.ingested.elsewhere(self.state, lines, self.first_day, may_lack=self.memory.ignored)
        since = [line for line in others if line.batch not in self.begun.batches]
        what = "sealed a file of the same name or length" if self.memory.may_be_of(since) else ""
        if self.state.withdrawn.keys() != self.begun.withdrawn.keys():
            what = "superseded a batch"  # whose files were known at step 1
        if what and not self.memory.ignored:
            raise Unavailable(
                f"ingest: another machine {what} meanwhile; nothing was logged",
                hint="run the command again: it will know what is sealed",
            )
        self.vault.ingested.write([*others, *lines])

    def log(self, files: Sequence[FileCount], tally: bytes | None) -> list[int]:
        """Step 8: log the entries, which makes the batch exist; returns their indexes.

        Raises:
            Unavailable: the roster changed, a key was destroyed, another watch logged these offsets meanwhile, or an
                object is gone.
        """
        verify_still_sealed_right(self.lines, self.roster, self.state)
        if self.offsets is not None and not is_next(self.state, self.offsets):
            raise Unavailable(
                "ingest: another watch logged these offsets meanwhile; nothing was logged",
                hint="each partition is read by one watch at a time: is one of another group, or was one cut off?",
            )
        self._verify_there()
        key = self.vault.operator_key(INGESTER)
        for file in files:
            file.verify_complete()
        counts = coarse_counts(files)
        bodies = ingest_entries(
            batch=self.id, feed=self.feed.name, counts=counts, segments=self.lines, tally=tally, offsets=self.offsets
        )
        entries = [self.vault.entry(body, key, self.state) for body in bodies]
        self.vault.writer.look_outside(self.state)
        self.is_logging = True
        try:
            indexes = self.vault.append(entries, self.state)
        except (Refused, Lost):
            self.is_logging = False  # nothing was logged, and never will be
            raise
        self.vault.objects.conclude()
        if self.id not in self.state.batches:
            raise AssertionError("our own ingest entry does not count in State")
        return indexes

    def _verify_there(self) -> None:
        """Prove that what the log will name is in the store: nobody else may remove it from now on.

        Raises:
            Unavailable: something is gone. Nothing was logged.
        """
        objects, keys = self.vault.objects, [one.key for one in self.staged]
        if objects.is_folder:
            return  # renamed just now
        gone = [key for key, is_there in zip(keys, objects.map(objects.is_there, keys), strict=True) if not is_there]
        if gone:
            raise Unavailable(
                f"{gone[0]}: put by this ingest and gone; nothing was logged",
                hint="run the command again; who else may delete objects of this store?",
            )

    def discard(self) -> None:
        """Remove what this ingest staged, unless logging has begun.

        Once logging has begun, only the log knows whether the batch exists. The next command asks it.
        """
        if not self.is_logging:
            with suppress(Unavailable):  # what cannot be removed now, the next command that writes removes
                self.vault.objects.abandon(self.staged)
                self.vault.leftovers.remove_staged()
                self.sweep_tasks()

    def sweep_tasks(self) -> None:
        """Remove what tasks put into a store and the log does not name: attempts that failed or came second."""
        stored = self.vault.stored
        if stored is not None and stored.has_tasks():
            with stored.later("objects of tasks that do not count"), self.vault.alone():
                stored.sweep(self.state, self.vault.outside.clock())


def begin_batch(vault: Vault, feed: Feed, count: int, *, as_new: bool) -> Batch:
    """What is known before ``count`` files are read.

    Raises:
        Unavailable: receipts are missing for longer than the policy allows, or the library that adds noise is missing.
    """
    state, now, entropy = vault.replay(), vault.outside.clock(), vault.outside.entropy
    if vault.stored is not None:
        with vault.alone():
            vault.stored.begin(state, vault.outside.clock)
    no_index = vault.no_index()
    late = tuple(verify_receipted(state, now, vault.policy()))
    require_noise(state.roster.epsilon)
    first_day, own = accepted_window(state, now).earliest.date(), vault.ingested.lines(state)
    vault.ingested.put_back(own, PUT_BACK)
    memory = Memory(
        printer=Printer(vault.ingested.key(), Cost.of(count, vault.outside.costs.prints)),
        feed=feed.name,
        lines=[*vault.ingested.elsewhere(state, own, first_day, may_lack=as_new), *own],
        entropy=entropy,
        ignored=as_new,
    )
    return Batch(vault, state, feed, state.roster, BatchId(entropy(16)), no_index, memory, first_day, late, state)
