"""Whose turn it is to write: taken, held by a beat, lost to another, given back.

A turn has a name of its own, and every change of the row raises the fencing number. So the row that a holder knows is
the row of the store as long as the turn is its own; after another machine has changed anything, no change of it holds.

No clock is compared with another machine's. A waiting machine measures by its own running time how long the row stays
as it is: a holder at work changes it every ``beat_s``, and one that did not for ``lease_s`` is replaced.

Implements ``docs/procedures/sequencing.md``, steps 1, 5 and 7.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

from coffer.entropy import Entropy
from coffer.errors import Unavailable
from coffer.sequencer.port import CheckpointStore, Row

LEASE_S: Final = 10.0
"""How long a holder may be silent. A shorter time would take the turn from machines that are merely busy."""
BEAT_S: Final = 2.0
LOOK_S: Final = 0.05
"""Between two looks of a waiting machine: each is one small query."""
PATIENCE_S: Final = 30.0
"""How long a change is tried while the store does not answer, as during a restart of the database."""
_HOLDER_BYTES: Final = 8
_BUSY: Final = "log: another machine is writing to it"
_WAIT: Final = "wait for it to end, then try again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast turns are looked at, kept and given up. Tests hurry."""

    lease_s: float = LEASE_S
    beat_s: float = BEAT_S
    look_s: float = LOOK_S
    patience_s: float = PATIENCE_S
    running: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep


class Lost(Unavailable):
    """Another machine took the turn. ``is_in_doubt``: an earlier try may have held, before that."""

    def __init__(self, *, is_in_doubt: bool) -> None:
        super().__init__(
            "log: another machine took the turn, since this one was silent for too long",
            hint="run the command again",
        )
        self.is_in_doubt = is_in_doubt


class Turn:
    """A turn that was taken. ``replaced``: it took the place of one whose holder was silent."""

    def __init__(self, store: CheckpointStore, row: Row, pace: Pace, *, replaced: bool = False) -> None:
        self._store = store
        self._row = row
        self._pace = pace
        self._alone = threading.Lock()
        self.replaced = replaced

    @property
    def checkpoint(self) -> bytes:
        """The newest checkpoint, as this turn's holder knows it."""
        return self._row.checkpoint

    def swap(self, checkpoint: bytes) -> None:
        """Make this the newest checkpoint, in place of the one that this turn knows.

        Raises:
            Lost: the turn is another's.
            Unavailable: the store did not answer for ``patience_s``. The checkpoint may be the newest.
        """
        with self._alone:
            self._change(checkpoint, self._pace.patience_s)

    def confirm(self) -> None:
        """Prove that the turn is still this one's. Raises as ``swap``, and nothing is in doubt then."""
        with self._alone:
            self._change(self._row.checkpoint, self._pace.patience_s)

    def beat(self) -> None:
        """Show that the holder is at work. Raises as ``swap``, without patience."""
        with self._alone:
            self._change(self._row.checkpoint, 0.0)

    def _change(self, checkpoint: bytes, patience_s: float) -> None:
        until, is_in_doubt = self._pace.running() + patience_s, False
        while True:
            after = replace(self._row, number=self._row.number + 1, checkpoint=checkpoint)
            try:
                if self._store.swap(self._row, after):
                    self._row = after
                    return
                row = self._store.read()
            except Unavailable:
                is_in_doubt = True
                if self._pace.running() >= until:
                    raise
                self._pace.pause(self._pace.look_s)
                continue
            if row.holder != self._row.holder or row.checkpoint not in {checkpoint, self._row.checkpoint}:
                raise Lost(is_in_doubt=is_in_doubt)
            # Nobody else uses this name: it is an earlier change of this turn, whose answer was lost.
            is_done = row.checkpoint == checkpoint
            self._row = row
            if is_done:
                return

    def end(self) -> None:
        """Give the turn back, if it is still this one's.

        If the store does not answer, others wait for ``lease_s``.
        """
        with self._alone, suppress(Unavailable):
            row = self._store.read()
            if row.holder == self._row.holder:
                self._store.swap(row, replace(row, number=row.number + 1, holder=""))


def take(store: CheckpointStore, entropy: Entropy, *, wait_s: float, pace: Pace) -> Turn:
    """The next turn.

    Raises:
        Unavailable: another machine was at work for ``wait_s``, or the store did not answer for ``patience_s``.
    """
    holder = entropy(_HOLDER_BYTES).hex()
    until = pace.running() + wait_s
    answered = pace.running()
    seen: tuple[Row, float] | None = None
    while True:
        now = pace.running()
        try:
            row = store.read()
            if row.holder == holder:  # the answer to an earlier try was lost
                return Turn(store, row, pace)
            is_silent = seen is not None and seen[0] == row and now - seen[1] >= pace.lease_s
            if not row.holder or is_silent:
                after = replace(row, number=row.number + 1, holder=holder)
                if store.swap(row, after):
                    return Turn(store, after, pace, replaced=is_silent)
            elif seen is None or seen[0] != row:
                seen = (row, pace.running())  # after the answer: the time is rather too short than too long
            answered = now
        except Unavailable:
            seen = None  # the holder could not show anything either
            if now >= min(until, answered + pace.patience_s):
                raise
        if now >= until:
            raise Unavailable(_BUSY, hint=_WAIT)
        pace.pause(pace.look_s * (0.5 + entropy(1)[0] / 255))  # not all at once


@contextmanager
def taking(store: CheckpointStore, entropy: Entropy, *, wait_s: float, pace: Pace) -> Iterator[Turn]:
    """Hold the next turn, with a thread that beats."""
    turn = take(store, entropy, wait_s=wait_s, pace=pace)
    is_over = threading.Event()
    thread = threading.Thread(target=_beating, args=(turn, is_over, pace.beat_s), name="coffer-turn", daemon=True)
    thread.start()
    try:
        yield turn
    finally:
        is_over.set()
        thread.join()
        turn.end()


def _beating(turn: Turn, is_over: threading.Event, beat_s: float) -> None:
    while not is_over.wait(beat_s):
        try:
            turn.beat()
        except Lost:
            return  # the holder learns of it when it changes something
        except Unavailable:
            continue  # the store may be back at the next beat
