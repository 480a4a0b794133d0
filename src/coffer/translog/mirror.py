"""A party's own copy of the log: takes a newer checkpoint only with entries that lead from what it remembers to there.

Pure.

An implementation of "acceptable" (specification, section 3) by recomputation: stronger than a consistency proof, since
every entry is seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from coffer.errors import NotProven
from coffer.notes.keys import VerifyKey
from coffer.translog.checkpoint import Checkpoint, TreeHead, verify_checkpoint
from coffer.translog.merkle import EMPTY_ROOT, Frontier, leaf_hash

NOTHING: Final = TreeHead(size=0, root=EMPTY_ROOT)


class Forked(NotProven):
    """Two checkpoints that cannot both be true; both are kept, so that they can be published."""

    def __init__(self, message: str, *, remembered: bytes, offered: bytes) -> None:
        super().__init__(message, hint="the log shows different histories to different people: keep both checkpoints")
        self.remembered = remembered
        self.offered = offered


class Stale(NotProven):
    """A checkpoint older than the one remembered: it could hide a revocation."""


@dataclass(slots=True)
class Mirror:
    """The entries a party has seen and proven, and the newest checkpoint it accepted (None at first).

    ``advance`` changes nothing if it raises.
    """

    log_key: VerifyKey
    entries: list[bytes]
    frontier: Frontier
    newest: Checkpoint | None

    @classmethod
    def empty(cls, log_key: VerifyKey) -> "Mirror":
        """Nothing seen yet."""
        return cls(log_key, [], Frontier(), None)

    def advance(self, raw_checkpoint: bytes, fetch: Callable[[int, int], Sequence[bytes]]) -> list[bytes]:
        """Accept ``raw_checkpoint``, fetching entries ``[from, to)`` as needed; the new entries.

        Raises:
            MalformedInput: not a checkpoint of this log.
            NotProven: bad signature, or the entries do not give its root; ``Stale``, ``Forked`` as named.
        """
        offered = verify_checkpoint(raw_checkpoint, self.log_key, "checkpoint")
        old = self.newest.head if self.newest else NOTHING
        remembered = self.newest.note.raw if self.newest else b""
        if offered.head.size < old.size:
            raise Stale(f"checkpoint: size {offered.head.size}, expected at least {old.size}")
        if offered.head.size == old.size and offered.head.root != old.root:
            raise Forked(f"checkpoint: another root at size {old.size}", remembered=remembered, offered=raw_checkpoint)
        new = list(fetch(old.size, offered.head.size))
        frontier = self.frontier.copy()
        for entry in new:
            frontier.append(leaf_hash(entry))
        if frontier.size != offered.head.size or frontier.root() != offered.head.root:
            raise Forked(
                f"checkpoint: size {offered.head.size} does not continue what was seen at size {old.size}",
                remembered=remembered,
                offered=raw_checkpoint,
            )
        self.entries.extend(new)
        self.frontier = frontier
        self.newest = offered
        return new


def verify_prefix(entries: Sequence[bytes], remembered: Checkpoint) -> None:
    """Prove that these entries begin with the remembered tree.

    Raises:
        NotProven: they are too few or give another root.
    """
    head = remembered.head
    if len(entries) < head.size:
        raise Stale(f"log: {len(entries)} entries, expected at least the {head.size} remembered")
    frontier = Frontier()
    for entry in entries[: head.size]:
        frontier.append(leaf_hash(entry))
    if frontier.root() != head.root:
        raise NotProven(f"log: the first {head.size} entries are not those remembered")
