"""A party's own copy of the log: takes a newer checkpoint only with entries that lead from what it remembers to there.

Pure.

An implementation of "acceptable" (``docs/formats/log.md``) by recomputation: stronger than a consistency proof, since
every entry is seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coffer.errors import NotProven
from coffer.notes.keys import VerifyKey
from coffer.translog.checkpoint import EMPTY, Checkpoint, TreeHead, verify_checkpoint
from coffer.translog.merkle import Frontier, leaf_hash


class Forked(NotProven):
    """Two checkpoints that cannot both be true; both are kept, so that they can be published."""

    def __init__(self, message: str, *, remembered: bytes, offered: bytes) -> None:
        super().__init__(message, hint="the log shows different histories to different people: keep both checkpoints")
        self.remembered = remembered
        self.offered = offered


class Stale(NotProven):
    """A checkpoint older than the one remembered: it could hide a revocation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """A step forward that was proven and not yet taken: the new entries, the tree and the checkpoint after them."""

    entries: tuple[bytes, ...]
    frontier: Frontier
    checkpoint: Checkpoint


@dataclass(slots=True)
class Mirror:
    """The tree over all entries that a party has seen and proven, and the newest checkpoint it accepted (None at first)."""

    log_key: VerifyKey
    frontier: Frontier
    newest: Checkpoint | None

    @classmethod
    def empty(cls, log_key: VerifyKey) -> "Mirror":
        """Nothing seen yet."""
        return cls(log_key, Frontier(), None)

    def prepare(self, raw_checkpoint: bytes, fetch: Callable[[int, int], Sequence[bytes]]) -> Advance:
        """Prove that ``raw_checkpoint`` continues what was seen, fetching entries ``[from, to)`` as needed.

        Nothing changes: whoever must remember the checkpoint first does so, then calls ``commit``.

        Raises:
            MalformedInput: not a checkpoint of this log.
            NotProven: bad signature, or the entries do not give its root; ``Stale``, ``Forked`` as named.
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
        """Take the step."""
        self.frontier = advance.frontier
        self.newest = advance.checkpoint

    def advance(self, raw_checkpoint: bytes, fetch: Callable[[int, int], Sequence[bytes]]) -> tuple[bytes, ...]:
        """``prepare`` and ``commit``: for a party that remembers nothing durably. The new entries."""
        step = self.prepare(raw_checkpoint, fetch)
        self.commit(step)
        return step.entries


def _head_of(entries: Sequence[bytes]) -> TreeHead:
    frontier = Frontier()
    for entry in entries:
        frontier.append(leaf_hash(entry))
    return TreeHead(size=frontier.size, root=frontier.root())


def verify_prefix(before: Frontier, entries: Sequence[bytes], remembered: Checkpoint) -> None:
    """Prove that a tree, grown by these entries, passes through the remembered one.

    Raises:
        NotProven: the entries are too few, or the tree had another root at that size. One that began behind the remembered size proves nothing
            of it, and is taken: it is younger memory.
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
