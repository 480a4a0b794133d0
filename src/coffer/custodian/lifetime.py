"""When a custodian's epoch keys and holds die: which are due, and their destruction.

Steps 1 to 3 of ``docs/procedures/retention.md``.

Promises: a key that is not due stays readable, whatever fails. A key that is due by the clock alone waits (``evident``).
"""

import datetime as dt
from collections.abc import Callable
from typing import Final

from coffer import wire
from coffer.custodian.evident import Uptime, advance, confirmed, is_worth_keeping
from coffer.custodian.folder import CustodianFolder
from coffer.custodian.follow import Follower
from coffer.custodian.holding import Holding
from coffer.custodian.keyring import KeyRing
from coffer.entropy import Entropy
from coffer.errors import Refused
from coffer.ledger.retention import due_days, is_over
from coffer.ledger.state import State
from coffer.notes.keys import Secret

MAX_DAYS_AT_ONCE: Final = 31
"""More due days than a month has mean a long pause, or a clock set ahead, which would destroy what must be kept. So a person decides."""


class KeyLifetime:
    """One custodian's keys and what it knows of the time. One thread at a time.

    ``held_back``: how many days were due by the clock alone at the last ``destroy_due``.
    """

    def __init__(
        self,
        folder: CustodianFolder,
        ring: KeyRing,
        following: Follower,
        uptime: Callable[[], Uptime],
        holding: Holding,
    ) -> None:
        self.held_back = 0
        self._holding = holding
        self._folder = folder
        self._ring = ring
        self._following = following
        self._uptime = uptime

    def destroy_due(
        self,
        state: State,
        now: dt.datetime,
        passphrase: Callable[[], Secret],
        entropy: Entropy,
        *,
        may_catch_up: bool = False,
    ) -> None:
        """As ``CustodianService.destroy_due``, by what ``state`` says.

        Raises:
            Refused: more than ``MAX_DAYS_AT_ONCE`` keys, unless ``may_catch_up``; nothing is destroyed then.
        """
        by_clock, strays = self._due(state, now.date())
        if len(by_clock) > MAX_DAYS_AT_ONCE and not may_catch_up:
            raise Refused(
                f"custodian {self._folder.name}: {len(by_clock)} days are due at once, expected at most {MAX_DAYS_AT_ONCE}",
                code="time",
                hint="if this machine's clock is right, add --catch-up: what is destroyed cannot come back",
            )
        reached = self.look_at_time(now, is_confirmed=may_catch_up)
        due, strays = self._due(state, min(now, reached).date())
        self.held_back = len(by_clock) - len(due)
        if due:
            self._ring.rotate(passphrase(), entropy, without=due)
        for day in due:
            self._ring.destroy_epoch_key(day)
        for day in strays:
            self._folder.outcomes.note(f"{wire.format_time(now)} destroyed a stray key of {day}")

    def destroy_holds(
        self, state: State, now: dt.datetime, passphrase: Callable[[], Secret], entropy: Entropy, *, is_current: bool
    ) -> None:
        """Destroy what is kept for holds that ended, as keys are destroyed.

        ``is_current``: ``state`` was read from the log just now. Else the log may say by now that others keep too, so
        that a hold counts as lapsed only by the time that the log shows; its own end counts by the clock.
        """
        reached = min(now, self.look_at_time(now))
        ended = self._holding.ended(state, reached, known=reached if is_current else min(reached, state.newest))
        if ended:
            self._ring.rotate(passphrase(), entropy, holds_without=ended)
        for commitment in ended:
            self._holding.destroy(commitment)
            self._folder.outcomes.note(f"{wire.format_time(now)} destroyed a hold {commitment.hex()[:16]}")

    def look_at_time(self, now: dt.datetime, *, is_confirmed: bool = False) -> dt.datetime:
        """The latest instant that has evidently come; what is known of it is kept.

        ``is_confirmed``: a person says that the clock is right.
        """
        keys = self._ring.keys
        before = self._folder.memory.evident(keys)
        after = advance(before, now=now, uptime=self._uptime(), outside=self._following.newest_time())
        if is_confirmed:
            after = confirmed(after, now)
        if is_worth_keeping(before, after):
            self._folder.memory.keep_evident(after, keys)
        return after.reached

    def _due(self, state: State, today: dt.date) -> tuple[list[dt.date], list[dt.date]]:
        """The days whose key files are to be destroyed on ``today``, and the strays among them.

        A stray was put back from a backup, or was never published.
        """
        name, present = self._folder.name, self._folder.epoch_days()
        due = set(due_days(state, name, today))
        strays = [
            day
            for day in present
            if (name, day) in state.destroyed or ((name, day) not in state.epoch_keys and is_over(state, day, today))
        ]
        return sorted({*strays, *(day for day in present if day in due)}), strays
