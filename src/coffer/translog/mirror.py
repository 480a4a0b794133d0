"""A party's own copy of the log, which accepts a newer checkpoint only with the entries between.

Pure. Implements "acceptable" (``docs/formats/log.md``) by recomputing the tree. That is stronger than a consistency
proof, because the party sees every entry.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coffer.errors import NotProven
from coffer.notes.keys import VerifyKey
from coffer.translog.checkpoint import EMPTY, Checkpoint, TreeHead, verify_checkpoint
from coffer.translog.merkle import Frontier, leaf_hash


class Forked(NotProven):
    """Two checkpoints that cannot both be true. The error carries both, so that they can be published."""

    def __init__(self, message: str, *, remembered: bytes, offered: bytes) -> None:
        super().__init__(message, hint="the log shows different histories to different people: keep both checkpoints")
        self.remembered = remembered
        self.offered = offered


class Stale(NotProven):
    """A checkpoint that is older than the newest one accepted. It could hide a revocation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """A proven step that is not committed yet: the new entries, and the tree and checkpoint after them."""

    entries: tuple[bytes, ...]
    frontier: Frontier
    checkpoint: Checkpoint


@dataclass(slots=True)
class Mirror:
    """The tree over all entries that a party has proven.

    ``newest``: the newest checkpoint that the party accepted; None at first.
    """

    log_key: VerifyKey
    frontier: Frontier
    newest: Checkpoint | None

    @classmethod
    def empty(cls, log_key: VerifyKey) -> "Mirror":
        """Nothing seen yet."""
        return cls(log_key, Frontier(), None)

    def prepare(self, raw_checkpoint: bytes, fetch: Callable[[int, int], Sequence[bytes]]) -> Advance:
        """Prove that ``raw_checkpoint`` continues this tree, fetching entries ``[from, to)`` as needed.

        The mirror does not change. A caller that must store the checkpoint durably stores it, then calls ``commit``.

        Raises:
            MalformedInput: not a checkpoint of this log.
            NotProven: a wrong signature, or the entries do not give the checkpoint's root.
            Stale: the checkpoint is older than the newest one accepted.
            Forked: the checkpoint and the newest one accepted cannot both be true.
        """
        offered = verify_checkpoint(raw_checkpoint, self.log_key, "checkpoint")
        old = self.newest.head if self.newest else EMPTY
        remembered = self.newest.note.raw if self.newest else b""
        if offered.head.size < old.size:
            raise Stale(f"checkpoint: size {offered.head.size}, expected at least {old.size}")
        if self.newest and offered.head.size == old.size and offered.head.root != old.root:
            raise Forked(f"checkpoint: another root at size {old.size}", remembered=remembered, offered=raw_checkpoint)
        new = tuple(fetch(old.size, offered.head.size))
        frontier = self.frontier.copy()
        for entry in new:
            frontier.append(leaf_hash(entry))
        if TreeHead(size=frontier.size, root=frontier.root()) == offered.head:
            return Advance(entries=new, frontier=frontier, checkpoint=offered)
        if self.newest and _head_of(fetch(0, offered.head.size)) == offered.head:
            raise Forked(
                f"checkpoint: size {offered.head.size} does not continue what was seen at size {old.size}",
                remembered=remembered,
                offered=raw_checkpoint,
            )
        raise NotProven(
            f"log: its entries do not give the root of its checkpoint at size {offered.head.size}",
            hint="the log's files were changed or are damaged: restore them from a mirror",
        )

    def commit(self, advance: Advance) -> None:
        """Move the mirror to the end of the step."""
        self.frontier = advance.frontier
        self.newest = advance.checkpoint

    def advance(self, raw_checkpoint: bytes, fetch: Callable[[int, int], Sequence[bytes]]) -> tuple[bytes, ...]:
        """The new entries, after ``prepare`` and ``commit``. For a party that stores nothing durably."""
        step = self.prepare(raw_checkpoint, fetch)
        self.commit(step)
        return step.entries


def _head_of(entries: Sequence[bytes]) -> TreeHead:
    frontier = Frontier()
    for entry in entries:
        frontier.append(leaf_hash(entry))
    return TreeHead(size=frontier.size, root=frontier.root())


def verify_prefix(before: Frontier, entries: Sequence[bytes], remembered: Checkpoint) -> None:
    """Prove that the tree ``before``, grown by these entries, passes through the remembered checkpoint.

    A tree that starts later than the remembered size cannot check that size. Accept it, because it is newer.

    Raises:
        NotProven: the entries are too few (``Stale``), or the tree has another root at the remembered size.
    """
    head, tree = remembered.head, before.copy()
    if tree.size + len(entries) < head.size:
        raise Stale(f"log: {tree.size + len(entries)} entries, expected at least the {head.size} remembered")
    if tree.size > head.size:
        return
    for entry in entries[: head.size - tree.size]:
        tree.append(leaf_hash(entry))
    if tree.root() != head.root:
        raise NotProven(f"log: the first {head.size} entries are not those remembered")
