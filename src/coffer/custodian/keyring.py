"""A custodian's unlocked keys while it works.

With them are the epoch keys that were read so far, and the segment keys of openings under way.

If another process wraps the keys anew, they are read anew.
"""

import datetime as dt
from collections.abc import Callable, Collection
from typing import TypeVar

from coffer.authority.hold import Hold
from coffer.custodian.folder import CustodianFolder
from coffer.custodian.kept import KeptKeys
from coffer.custodian.keys import CustodianKeys
from coffer.entropy import Entropy
from coffer.errors import NotProven
from coffer.ledger.entries import Commitment
from coffer.notes.keys import SealKey, Secret

_Key = TypeVar("_Key", bound="SealKey | Secret | None")


class KeyRing:
    """The keys of one custodian. One thread at a time.

    ``unlock`` reads the keys anew; None where no other process can change them.
    """

    def __init__(
        self, folder: CustodianFolder, keys: CustodianKeys, unlock: Callable[[], CustodianKeys] | None
    ) -> None:
        self.keys = keys
        self._folder = folder
        self._unlock = unlock
        self._epoch_keys: dict[dt.date, SealKey] = {}
        self.kept = KeptKeys()

    def epoch_key(self, day: dt.date) -> SealKey | None:
        """The key of a day; None if it was destroyed, perhaps by another process, or never made.

        Raises:
            NotProven: its file was changed.
        """
        if not self._folder.has_epoch_key(day):
            self._forget(day)
            return None
        if day not in self._epoch_keys:
            key = self._read(day)
            if key is None:
                return None
            self._epoch_keys[day] = key
        return self._epoch_keys[day]

    def make_epoch_key(self, day: dt.date, entropy: Entropy) -> SealKey:
        """The key of a day, made and stored if there is none.

        It is made under today's wrapping key and read back. Otherwise a rotation at the same time could leave a published key that nobody can read.
        """
        self._reread()
        if self._read(day) is None:
            self._folder.write_epoch_key(day, SealKey.generate(), self.keys, entropy)
        key = self._read(day)
        assert key is not None, "it was stored just now"
        return key

    def destroy_epoch_key(self, day: dt.date) -> None:
        """Forget a day's key, here and on disk: what was sealed to it stays sealed."""
        self._folder.remove_epoch_key(day)
        self._forget(day)

    def forget_destroyed(self, now: dt.datetime) -> None:
        """Forget the keys whose files another process destroyed, and what was kept of idle openings."""
        self.kept.forget_idle(now)
        for day in [day for day in self._epoch_keys if not self._folder.has_epoch_key(day)]:
            self._forget(day)

    def _forget(self, day: dt.date) -> None:
        self._epoch_keys.pop(day, None)
        self.kept.forget_days(lambda kept: kept == day)

    def rotate(
        self,
        passphrase: Secret,
        entropy: Entropy,
        *,
        without: Collection[dt.date] = (),
        holds_without: Collection[Commitment] = (),
    ) -> None:
        """Wrap the epoch keys and the keys of holds anew; see ``CustodianFolder.rotate_wrapping``."""
        self.keys = self._folder.rotate_wrapping(passphrase, entropy, without=without, holds_without=holds_without)

    def hold_key(self, commitment: Commitment) -> Secret | None:
        """The key of a hold; None if it was destroyed or never made.

        Raises:
            NotProven: its file was changed.
        """
        return self._reading(lambda keys: self._folder.holds.key(commitment, keys))

    def make_hold_key(self, hold: Hold, entropy: Entropy) -> Secret:
        """The key of a hold, made and stored with its note if there is none, under today's wrapping key."""
        self._reread()
        self._folder.holds.begin(hold, self.keys, entropy)
        key = self.hold_key(hold.commitment)
        assert key is not None, "it was stored just now"
        return key

    def _read(self, day: dt.date) -> SealKey | None:
        return self._reading(lambda keys: self._folder.read_epoch_key(day, keys))

    def _reading(self, read: Callable[[CustodianKeys], _Key]) -> _Key:
        try:
            return read(self.keys)
        except NotProven:
            if not self._reread():
                raise
            return read(self.keys)

    def _reread(self) -> bool:
        """Read the keys again if the key file was written anew; whether it was."""
        if self._unlock is None or self._folder.keys_version() == self.keys.version:
            return False
        self.keys = self._unlock()
        return True
