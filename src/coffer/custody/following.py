"""What a custodian knows of the log: its own replay, what it remembers on its own disk, and its mirror.

Promises: a checkpoint counts only once it continues everything accepted before, was cosigned by the roster's quorum, and is durable here; two
histories freeze the custodian and both checkpoints are kept. Trusts: its own disk, as far as its keys authenticate it.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from contextlib import suppress

from coffer import wire
from coffer.custody.folder import CustodianFolder
from coffer.custody.replica import Replica
from coffer.errors import MalformedInput, NotProven
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.notes.cosign import verify_quorum
from coffer.notes.keys import Secret, VerifyKey
from coffer.notes.note import parse_note
from coffer.translog.checkpoint import verify_checkpoint
from coffer.translog.mirror import Advance, Forked, Stale, verify_prefix
from coffer.translog.port import LogMirror, LogReader


class Follower:
    """Follows one log. Its methods are called by one thread at a time; ``state`` may be read by any."""

    def __init__(
        self,
        folder: CustodianFolder,
        snapshot_key: Secret,
        *,
        log: LogReader,
        log_key: VerifyKey,
        genesis: bytes,
        clock: Callable[[], dt.datetime],
        mirror: LogMirror | None,
        after: Callable[[State], None],
    ) -> None:
        """``after``: called with State whenever a newer checkpoint counts."""
        self._folder = folder
        self._snapshot_key = snapshot_key
        self._log = log
        self._log_key = log_key
        self._genesis = genesis
        self._clock = clock
        self._mirror = mirror
        self._after = after
        self._replica = self._restored(genesis)
        self._remembered = folder.remembered()
        self._has_remembered = False

    @property
    def state(self) -> State:
        """Its replay up to the newest checkpoint that it accepted."""
        return self._replica.state

    def entries(self, first: int, last: int) -> Sequence[bytes]:
        """Entries ``[first, last)`` that count in ``state``, from the own mirror where there is one."""
        return (self._mirror or self._log).entries(first, last)

    def catch_up(self) -> None:
        """Accept the log's newest checkpoint."""
        self.accept(self._log.checkpoint())

    def accept(self, checkpoint: bytes) -> None:
        """Step 2: acceptable, remembered durably before it is acted on, entries replayed."""
        if self._folder.is_frozen():
            raise NotProven("custodian: frozen since it saw two histories of the log")
        newest = self._replica.mirror.newest
        is_newest = newest is not None and checkpoint == newest.note.raw
        if self._mirror is None:
            if not is_newest:
                self._advance(checkpoint, self._log)
            return
        if is_newest and self._folder.remembered() == self._remembered:
            return
        with self._folder.exclusively():
            self._take_up(self._mirror)
            newest = self._replica.mirror.newest
            if newest is None or checkpoint != newest.note.raw:
                self._advance(checkpoint, self._log)

    def _take_up(self, mirror: LogMirror) -> None:
        """What this custodian accepted in an earlier run, or in another process of its own: it lies in its own mirror."""
        newest = self._replica.mirror.newest
        if mirror.size() > 0 and (newest is None or mirror.size() > newest.head.size):
            with suppress(
                Stale
            ):  # a mirror older than what is remembered was put back: only the log itself can lead on
                self._advance(mirror.checkpoint(), mirror)
        remembered = self._folder.remembered()
        if remembered is not None and remembered != self._remembered:
            self._remembered, self._has_remembered = remembered, False

    def _advance(self, checkpoint: bytes, log: LogReader) -> None:
        """Prove it from what was replayed, keep the entries and the checkpoint, then let them count."""
        try:
            advance = self._replica.prepare(checkpoint, log.entries)
            if not self._has_remembered and self._remembered is not None:
                self._verify_remembered(self._remembered, advance)
        except Forked as fork:
            self._folder.freeze(fork.remembered, fork.offered)
            raise
        was, start = self._replica.state.in_force, self._replica.state.size
        self._replica.commit(advance)
        try:
            self._verify_cosigned(was, checkpoint, now=None)
            if self._mirror is not None and log is not self._mirror:
                self._keep_entries(self._mirror, start, advance)
            self._folder.remember(checkpoint)
        except (
            BaseException
        ):  # it was not remembered, so nothing may be known of it: back to an older memory, and prove again from there
            self._replica, self._has_remembered = Replica.empty(log_key=self._log_key, genesis=self._genesis), False
            self._replica = self._restored(self._genesis)
            raise
        self._remembered, self._has_remembered = checkpoint, True
        if self._replica.is_worth_keeping:
            self._folder.keep_snapshot(self._replica.snapshot(self._snapshot_key))
        self._after(self._replica.state)

    def _keep_entries(self, mirror: LogMirror, start: int, advance: Advance) -> None:
        """Make the mirror reach the new checkpoint. One that was lost, or is older than the snapshot, is fetched again from where it ends."""
        have = mirror.size()
        missing = self._log.entries(have, start) if have < start else ()
        mirror.follow([*missing, *advance.entries[max(0, have - start) :]], advance.checkpoint.note.raw)

    def _verify_cosigned(self, before: Roster | None, checkpoint: bytes, *, now: dt.datetime | None) -> None:
        """The quorum of the roster now in force, and of the one before: an operator cannot shake off its witnesses by a roster of its own making."""
        state, note = self._replica.state, parse_note(checkpoint, "checkpoint", may_be_cosigned=True)
        for roster in [state.in_force] if before is state.in_force else [before, state.in_force]:
            if roster is not None:
                verify_quorum(note, roster.witnesses, roster.quorum, newest=state.newest, now=now)

    def verify_fresh(self, checkpoint: bytes) -> None:
        """Whoever is asked for records also wants to know that this is the newest: an old one could hide a revocation."""
        self._verify_cosigned(None, checkpoint, now=self._clock())

    def _restored(self, genesis: bytes) -> Replica:
        """What this custodian had replayed when it last kept a snapshot; nothing, if there is none that is its own."""
        raw = self._folder.snapshot()
        if raw is not None:
            try:
                return Replica.restore(raw, self._snapshot_key, log_key=self._log_key, genesis=genesis)
            except (MalformedInput, NotProven):
                self._folder.note_outcome(
                    f"{wire.format_time(self._clock())} snapshot is not its own: the log is replayed"
                )
        return Replica.empty(log_key=self._log_key, genesis=genesis)

    def _verify_remembered(self, remembered: bytes, advance: Advance) -> None:
        """The first time after a start: what was accepted before must be a prefix of what is seen now."""
        old = verify_checkpoint(remembered, self._log_key, "remembered checkpoint")
        try:
            verify_prefix(self._replica.mirror.frontier, advance.entries, old)
        except Stale:
            raise
        except NotProven as error:
            raise Forked(error.message, remembered=remembered, offered=advance.checkpoint.note.raw) from None
