"""What a custodian knows of the log: its replay, its memory on disk, and its mirror.

Promises: a checkpoint counts only once it continues everything accepted before, was cosigned by the roster's quorum, and is durable here; two
histories freeze the custodian and both checkpoints are kept. Trusts: its own disk, as far as its keys authenticate it.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from coffer import wire
from coffer.custodian.folder import CustodianFolder
from coffer.errors import CofferError, MalformedInput, NotProven
from coffer.ledger.roster import Roster, parse_roster
from coffer.ledger.state import State
from coffer.notes.cosign import verified_time, verify_quorum, with_newest_cosignatures
from coffer.notes.keys import Secret, VerifyKey
from coffer.notes.note import Note, parse_note
from coffer.replica import Replica
from coffer.translog.checkpoint import verify_checkpoint
from coffer.translog.mirror import Advance, Forked, Stale, verify_prefix
from coffer.translog.port import LogMirror, LogReader

_LAST_SECOND: Final = 253_402_300_799
"""The last second of the calendar. A witness can write any number as its time."""
_ROSTER: Final = b"coffer.roster/"
"""How a roster entry begins. After it, other witnesses may be required."""


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
        self._remembered = folder.memory.remembered()
        self._has_remembered = False
        self._kept = b""

    @property
    def state(self) -> State:
        """Its replay up to the newest checkpoint that it accepted."""
        return self._replica.state

    def entries(self, first: int, last: int) -> Sequence[bytes]:
        """Entries ``[first, last)`` that count in ``state``, from the own mirror where there is one."""
        return (self._mirror or self._log).entries(first, last)

    def catch_up(self) -> None:
        """Accept the log's newest checkpoint, with the cosignatures that came since."""
        checkpoint = self._log.checkpoint()
        self.accept(checkpoint)
        if self._mirror is not None and self._is_known(checkpoint):
            with self._folder.exclusively():
                self._keep_cosignatures(self._mirror, checkpoint)

    def has_news(self) -> bool:
        """Whether the log's newest checkpoint is another one than the newest that counts; nothing is changed."""
        return not self._is_known(self._log.checkpoint())

    def newest_time(self) -> dt.datetime:
        """The newest time that the log, or a witness of its roster, showed in what was accepted."""
        newest, roster, remembered = self.state.newest, self.state.in_force, self._folder.memory.remembered()
        if roster is None or remembered is None or not roster.witnesses:
            return newest
        note = parse_note(remembered, "remembered", may_be_cosigned=True)
        for key in roster.witnesses:
            seconds = verified_time(key, note)
            if seconds is not None and seconds <= _LAST_SECOND:
                newest = max(newest, dt.datetime.fromtimestamp(seconds, dt.UTC))
        return newest

    def accept(self, checkpoint: bytes) -> None:
        """Step 2: acceptable, remembered durably before it is acted on, entries replayed.

        If the head is already known, nothing is written, whatever signatures come with it: anybody can trigger this. The first time after a start, the
        head is also proven against what is remembered. The snapshot may be older than that memory, and then the head is stale.
        """
        self._verify_not_frozen()
        if self._is_known(checkpoint) and self._has_remembered and self._folder.memory.remembered() == self._remembered:
            return
        with self._folder.exclusively():
            self._take_up()
            if not (self._is_known(checkpoint) and self._has_remembered):
                self._advance(checkpoint, self._log)

    def verify_fresh(self, checkpoint: bytes) -> None:
        """Prove that the checkpoint is recent enough to answer under.

        An old one could hide a revocation.
        """
        self._verify_cosigned(checkpoint, newest=self.state.newest, now=self._clock())

    def keep_cosigned(self, checkpoint: bytes) -> None:
        """Keep a checkpoint under which an answer is given, with the other custodians' lines that verify.

        If two histories were shown to different custodians, their files together name who cosigned both.
        """
        if checkpoint == self._kept:  # several requests of one opening carry the same checkpoint
            return
        note = parse_note(checkpoint, "checkpoint", may_be_cosigned=True)
        keys = {c.name: c.cosigning for roster in self.state.rosters.values() for c in roster.custodians}
        known = {(key.name, key.key_id) for key in keys.values() if verified_time(key, note) is not None}
        known.add((self._log_key.name, self._log_key.key_id))
        lines = tuple(line for line in note.signatures if (line.name, line.key_id) in known)
        self._folder.memory.keep_cosigned(Note(text=note.text, signatures=lines).raw)
        self._kept = checkpoint

    def recall(self) -> None:
        """Take up what this custodian accepted before, from its own disk, without asking the log."""
        with self._folder.exclusively():
            self._take_up()

    def peek(self) -> State:
        """What the log's newest checkpoint says, proven to continue what was accepted.

        It need not be cosigned, and nothing of it is remembered.

        For acts that give nothing out, such as signing a roster that replaces witnesses who are gone.
        """
        self._verify_not_frozen()
        with self._folder.exclusively():
            self._take_up()
            replica = self._restored(self._genesis)
            advance = self._prepared(replica, self._log.checkpoint(), self._log)
            replica.commit(advance)
            return replica.state

    def _verify_not_frozen(self) -> None:
        if self._folder.memory.is_frozen():
            raise NotProven("custodian: frozen since it saw two histories of the log")

    def _is_known(self, checkpoint: bytes) -> bool:
        newest, offered = self._replica.mirror.newest, verify_checkpoint(checkpoint, self._log_key, "checkpoint")
        return newest is not None and offered.note.text == newest.note.text

    def _take_up(self) -> None:
        """Take up what this custodian accepted in an earlier run, or in another process of its own."""
        remembered = self._folder.memory.remembered()
        if remembered is not None and remembered != self._remembered:
            self._remembered, self._has_remembered = remembered, False
        newest, mirror = self._replica.mirror.newest, self._mirror
        if mirror is not None and mirror.size() > 0 and (newest is None or mirror.size() > newest.head.size):
            try:
                self._advance(mirror.checkpoint(), mirror)
            except Forked:
                raise
            except NotProven:
                pass  # the mirror is older than the memory, or a crash left it ahead without cosignatures: the log leads on

    def _prepared(self, replica: Replica, checkpoint: bytes, log: LogReader) -> Advance:
        """The step to a checkpoint, proven; a fork freezes the custodian."""
        try:
            advance = replica.prepare(checkpoint, log.entries)
            if self._remembered is not None and not (replica is self._replica and self._has_remembered):
                self._verify_remembered(self._remembered, replica, advance)
        except Forked as fork:
            self._folder.memory.freeze(fork.remembered, fork.offered)
            raise
        return advance

    def _advance(self, checkpoint: bytes, log: LogReader) -> None:
        """Prove a checkpoint, keep it and its entries durably, then let them count."""
        advance = self._prepared(self._replica, checkpoint, log)
        start = self._replica.state.size
        if not any(entry.startswith(_ROSTER) for entry in advance.entries):
            # Without a new roster a lack of cosignatures shows here, before anything has changed.
            self._verify_cosigned(checkpoint, newest=self._replica.state.newest)
        at = verify_checkpoint(self._remembered, self._log_key, "remembered").head.size if self._remembered else 0
        before = self._replica.commit(advance, at=at)
        try:
            self._verify_cosigned(checkpoint, newest=self._replica.state.newest)
            self._verify_seen_by(before, checkpoint, advance)
            kept = self._without_strangers(advance.checkpoint.note, before)
            if self._mirror is not None and log is not self._mirror:
                self._keep_entries(self._mirror, start, advance, kept)
            self._folder.memory.remember(kept)
        except BaseException:
            # The step was not remembered, so it must leave no trace: return to an older memory, and prove again from there.
            self._replica, self._has_remembered = Replica.empty(log_key=self._log_key, genesis=self._genesis), False
            self._replica = self._restored(self._genesis)
            if log is not self._mirror and checkpoint != self._remembered:
                with suppress(CofferError):
                    self._recover()
            raise
        self._remembered, self._has_remembered = kept, True
        self._replica.keep(self._snapshot_key, self._folder.memory.keep_snapshot)
        self._after(self._replica.state)

    def _recover(self) -> None:
        """Return to what was accepted last.

        A step that failed must not leave this custodian without what it knew.
        """
        if self._mirror is not None:
            self._take_up()
        elif self._remembered is not None:
            self._advance(self._remembered, self._log)

    def _keep_entries(self, mirror: LogMirror, start: int, advance: Advance, checkpoint: bytes) -> None:
        """Make the mirror reach the new checkpoint.

        A mirror that was lost, or is older than the snapshot, is fetched again from where it ends.
        """
        have = mirror.size()
        missing = self._log.entries(have, start) if have < start else ()
        mirror.follow([*missing, *advance.entries[max(0, have - start) :]], checkpoint)

    def _keep_cosignatures(self, mirror: LogMirror, checkpoint: bytes) -> None:
        """Add the newest line of each of the roster's witnesses, for those who read the mirror."""
        stored, roster = mirror.checkpoint(), self.state.in_force
        old, new = (parse_note(raw, "checkpoint", may_be_cosigned=True) for raw in (stored, checkpoint))
        if roster is None or old.text != new.text:
            return
        merged = with_newest_cosignatures(old, new, roster.witnesses)
        if merged.raw != stored:
            mirror.follow([], merged.raw)

    def _without_strangers(self, note: Note, before: Roster | None) -> bytes:
        """The checkpoint with the log's line and the lines of the rosters' witnesses that verify.

        No other line is kept.
        """
        rosters = [roster for roster in (before, self.state.in_force) if roster is not None]
        witnesses = [key for roster in rosters for key in roster.witnesses]
        keys = {(key.name, key.key_id) for key in witnesses if verified_time(key, note) is not None}
        keys.add((self._log_key.name, self._log_key.key_id))
        lines = tuple(line for line in note.signatures if (line.name, line.key_id) in keys)
        return Note(text=note.text, signatures=lines).raw

    def _verify_seen_by(self, before: Roster | None, checkpoint: bytes, advance: Advance) -> None:
        """Prove the quorum of the roster before as well, if a new roster came into force.

        Else an operator could shake off its witnesses.

        It is not asked for if all custodians of the roster before signed the new one: so witnesses who are gone can be replaced (ADR 7).
        """
        now = self.state.in_force
        if before is None or now is None or before.hash == now.hash:
            return
        notes = [parse_note(entry, "roster") for entry in advance.entries if entry.startswith(_ROSTER)]
        new = [note for note in notes if parse_roster(note.text, "roster").hash == now.hash]
        if not any(all(note.is_signed_by(custodian.auth) for custodian in before.custodians) for note in new):
            note = parse_note(checkpoint, "checkpoint", may_be_cosigned=True)
            verify_quorum(note, before.witnesses, before.quorum, newest=self.state.newest, now=None)

    def _verify_cosigned(self, checkpoint: bytes, *, newest: dt.datetime, now: dt.datetime | None = None) -> None:
        """Prove that the quorum of the roster in force has cosigned."""
        roster, note = self.state.in_force, parse_note(checkpoint, "checkpoint", may_be_cosigned=True)
        if roster is not None:
            verify_quorum(note, roster.witnesses, roster.quorum, newest=newest, now=now)

    def _restored(self, genesis: bytes) -> Replica:
        """The replica of the last snapshot; an empty one if there is no snapshot of its own."""
        raw = self._folder.memory.snapshot()
        if raw is not None:
            try:
                return Replica.restore(raw, self._snapshot_key, log_key=self._log_key, genesis=genesis)
            except (MalformedInput, NotProven):
                self._folder.outcomes.note(
                    f"{wire.format_time(self._clock())} snapshot is not its own: the log is replayed"
                )
        return Replica.empty(log_key=self._log_key, genesis=genesis)

    def _verify_remembered(self, remembered: bytes, replica: Replica, advance: Advance) -> None:
        """The first time after a start, what was accepted before must be a prefix of what is seen now."""
        old = verify_checkpoint(remembered, self._log_key, "remembered checkpoint")
        try:
            verify_prefix(replica.mirror.frontier, advance.entries, old)
        except Stale:
            raise
        except NotProven as error:
            raise Forked(error.message, remembered=remembered, offered=advance.checkpoint.note.raw) from None
