"""A party's own replay of the log: the proven tree, its State, and a snapshot of both.

Pure. A snapshot is the party's own memory, not evidence. It is authenticated under a key that only this party has, and
it holds the checkpoint at which it was taken. It is used only if its tree gives the root of that checkpoint. If
anything is wrong with it, the log is replayed from its beginning instead. The auditor uses no snapshots.

Implements ``docs/formats/vault.md``, "Snapshots".
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from coffer import wire
from coffer.errors import MalformedInput, NotProven
from coffer.ledger.roster import Roster
from coffer.ledger.snapshot import format_snapshot, parse_snapshot
from coffer.ledger.state import State
from coffer.notes.keys import Secret, VerifyKey
from coffer.translog.checkpoint import TreeHead, verify_checkpoint
from coffer.translog.merkle import Frontier
from coffer.translog.mirror import Advance, Mirror

MAGIC: Final = b"COFSNP01"
MAC_BYTES: Final = 32
SNAPSHOT_EVERY: Final = 512
"""Entries after which a new snapshot is worth writing. Replaying so many takes about a tenth of a second."""


@dataclass(slots=True)
class Replica:
    """The proven tree and the State that follows from its entries.

    ``mirror`` and ``state`` always have the same size. ``kept``: the size of the newest snapshot; 0 without one.
    """

    mirror: Mirror
    state: State
    kept: int = 0

    @classmethod
    def empty(cls, *, log_key: VerifyKey, genesis: bytes) -> Self:
        """Nothing seen yet."""
        return cls(Mirror.empty(log_key), State.empty(origin=log_key.name, genesis=genesis))

    def prepare(self, checkpoint: bytes, fetch: Callable[[int, int], Sequence[bytes]]) -> Advance:
        """Prove that a checkpoint continues this tree; nothing changes yet. Raises as ``Mirror.prepare``."""
        return self.mirror.prepare(checkpoint, fetch)

    def commit(self, advance: Advance, *, at: int = 0) -> Roster | None:
        """Move to the end of the step and apply its entries to State.

        Returns the roster that was in force at ``at`` entries, or where the step begins if that is later.
        """
        first = max(0, at - self.state.size)
        self.mirror.commit(advance)
        self.state.apply_all(advance.entries[:first])
        before = self.state.in_force
        self.state.apply_all(advance.entries[first:])
        return before

    def after(self, advance: Advance) -> "Replica":
        """A replica at the end of the step.

        This one does not change; with no new entry they share their State.
        """
        state = self.state.copy() if advance.entries else self.state
        later = Replica(Mirror(self.mirror.log_key, self.mirror.frontier, self.mirror.newest), state, kept=self.kept)
        later.commit(advance)
        return later

    @property
    def is_worth_keeping(self) -> bool:
        """Whether enough was replayed since the last snapshot."""
        return self.state.size - self.kept >= SNAPSHOT_EVERY

    def keep(self, key: Secret, store: Callable[[bytes], None]) -> None:
        """Give ``store`` a new snapshot, if enough was replayed since the last one.

        It counts as kept once ``store`` returns.
        """
        if self.is_worth_keeping:
            store(self.snapshot(key))
            self.kept = self.state.size

    def snapshot(self, key: Secret) -> bytes:
        """A snapshot: magic || LP(checkpoint) || LP(frontier) || LP(state) || HMAC-SHA256 over all before."""
        newest = self.mirror.newest
        assert newest is not None, "there is nothing to keep of a log that was not seen"
        frontier, state = self.mirror.frontier.format(), format_snapshot(self.state)
        body = MAGIC + wire.lp(newest.note.raw) + wire.lp(frontier) + wire.lp(state)
        return body + _mac(key, body)

    @classmethod
    def restore(cls, raw: bytes, key: Secret, *, log_key: VerifyKey, genesis: bytes) -> Self:
        """The replica at the time of a snapshot.

        Raises:
            NotProven: it was not made with this key, or its tree does not give the root of its checkpoint.
            MalformedInput: it has another version, or belongs to another log.
        """
        body, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        if len(raw) < MAC_BYTES or not hmac.compare_digest(mac, _mac(key, body)):
            raise NotProven("snapshot: not made by this party, or changed since")
        cursor = wire.Cursor(body, "snapshot")
        cursor.literal(MAGIC)
        checkpoint = verify_checkpoint(cursor.lp(), log_key, "snapshot: checkpoint")
        frontier = Frontier.parse(cursor.lp(), "snapshot: tree")
        state = parse_snapshot(cursor.lp(), "snapshot: state")
        cursor.end()
        if TreeHead(size=frontier.size, root=frontier.root()) != checkpoint.head or state.size != frontier.size:
            raise NotProven("snapshot: its tree does not give the root of its checkpoint")
        if (state.origin, state.genesis) != (log_key.name, genesis):
            raise MalformedInput("snapshot: of another log")
        return cls(Mirror(log_key, frontier, checkpoint), state, kept=state.size)


def _mac(key: Secret, body: bytes) -> bytes:
    state = hmac.new(key.unsafe_bytes(), wire.tag("snapshot"), "sha256")
    state.update(body)
    return state.digest()
