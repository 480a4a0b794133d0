"""A custodian's keys by day: made and published, destroyed when they are due."""

import datetime as dt
from collections.abc import Callable, Iterable

from coffer.custodian.unlocked import Unlocked
from coffer.entropy import Entropy
from coffer.errors import CofferError
from coffer.ledger.entries import DestroyEntry, EpochKeyEntry
from coffer.ledger.retention import due_days
from coffer.ledger.state import State
from coffer.notes.keys import Secret


class DayKeys(Unlocked):
    """A custodian, as far as its keys live and die. What it keeps for holds dies with them."""

    def epoch_key_entries(
        self, days: Iterable[dt.date], entropy: Entropy, *, roster: bytes | None = None
    ) -> list[bytes]:
        """Make a key for each of the days that has none in the log yet; the entries that publish them.

        ``roster``: the hash of a roster that is about to be logged and by which this custodian joins; such entries count only after it. A key that an
        earlier try stored and never logged is published as it is.
        """
        with self._lock:
            state = self.sync()
            self._lifetime.look_at_time(self._clock())
            entries = []
            for day in days:
                if (self.name, day) in state.epoch_keys:
                    continue
                key = self._ring.make_epoch_key(day, entropy)
                body = EpochKeyEntry(roster=roster or state.roster.hash, custodian=self.name, day=day, key=key.public)
                entries.append(self._entry(body, self.keys.auth))
            return entries

    def destroy_due(
        self, now: dt.datetime, passphrase: Callable[[], Secret], entropy: Entropy, *, may_catch_up: bool = False
    ) -> None:
        """Forget the key of every day whose retention is over at ``now``, and of every hold that ended.

        Idempotent. The keys that stay are wrapped anew first, so that the files of the others are worthless before they are overwritten. Two more kinds of
        key file are destroyed: those of days that the log calls destroyed (put back from a backup), and those of past days that were never published.

        A day counts as over only once that time has evidently come (``evident``). An attacker who sets the clock or dates an entry must not be able to
        destroy keys, and one who hides the log must not be able to keep them. ``may_catch_up``: a person says that the clock is right.

        Raises:
            Refused: more than ``lifetime.MAX_DAYS_AT_ONCE`` keys, unless ``may_catch_up``; nothing is destroyed then.
        """
        with self._lock:
            self._lifetime.destroy_due(self._last_known(), now, passphrase, entropy, may_catch_up=may_catch_up)
            if self._folder.holds.commitments():
                is_current = True
                try:  # only now: a log that is served slowly must not delay the destruction of keys
                    self.sync()
                except CofferError:
                    is_current = False
                self._lifetime.destroy_holds(self.state, now, passphrase, entropy, is_current=is_current)

    def evident_time(self, now: dt.datetime) -> dt.datetime:
        """The latest instant that has evidently come, by what this custodian saw of machine and log."""
        with self._lock:
            return self._lifetime.look_at_time(now)

    @property
    def held_back(self) -> int:
        """How many days were due by this machine's clock alone at the last ``destroy_due``: they wait."""
        return self._lifetime.held_back

    def destroy_entries(self, now: dt.datetime) -> list[bytes]:
        """The signed entries of the days that are due by the log and whose keys are destroyed here."""
        with self._lock:
            days = due_days(self.sync(), self.name, now.date())
            gone = [day for day in days if not self._folder.has_epoch_key(day)]
            return [self._entry(DestroyEntry(custodian=self.name, day=day), self.keys.resp) for day in gone]

    def forget_destroyed(self) -> None:
        """Forget the keys that another process of this custodian destroyed, and those of idle openings."""
        with self._lock:
            self._ring.forget_destroyed(self._clock())

    def _last_known(self) -> State:
        """What the log said when it was last followed; it is asked only if nothing is known.

        A log that is served slowly must not delay the destruction of keys.
        """
        self._following.recall()
        return self.state if self.state.rosters else self.sync()
