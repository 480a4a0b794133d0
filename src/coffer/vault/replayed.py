"""The vault's own replay of its log: from the newest snapshot that it wrote, and the entries since.

A process that stays keeps the replay and proves each time only what is new in the log.

Implements ``docs/formats/vault.md``, "Snapshots".
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven
from coffer.notes.keys import Secret
from coffer.replica import Replica
from coffer.translog.store.files import FileLog
from coffer.vault.pins import Pins

SNAPSHOT: Final = "snapshot"


class Replayed:
    """The replay of the log in a vault's folder.

    ``key``: the key of its snapshots; None while the operator's keys are sealed, and then there are none. ``is_warm``:
    the process stays, and keeps what it replayed.
    """

    def __init__(
        self, path: Path, disk: Disk, log: FileLog, pins: Pins, *, key: Callable[[], Secret | None], is_warm: bool
    ) -> None:
        self._path = path / SNAPSHOT
        self._disk = disk
        self._log = log
        self._pins = pins
        self._key = key
        self._is_warm = is_warm
        self._warm: Replica | None = None
        self._catching_up = threading.Lock()

    def newest(self) -> Replica:
        """The replica at the log's newest checkpoint.

        Raises:
            NotProven: checkpoint, entries and genesis do not belong together.
        """
        if not self._is_warm:
            return self._caught_up(self._cold(), self._log.checkpoint())
        with self._catching_up:  # else one thread could hold an older checkpoint against what another has replayed
            checkpoint, warm = self._log.checkpoint(), self._warm
            if warm is None or warm.mirror.newest is None or warm.mirror.newest.note.raw != checkpoint:
                warm = self._caught_up(warm or self._cold(), checkpoint)
                self._warm = warm  # nobody changes it from now on, so that any thread may read it
            return warm

    def keep(self, replica: Replica) -> None:
        """Write a snapshot of it, if enough was replayed since the last one."""
        if replica.is_worth_keeping and (key := self._key()) is not None:
            replica.keep(key, lambda raw: self._disk.write(self._path, raw, private=True))

    def _caught_up(self, replica: Replica, checkpoint: bytes) -> Replica:
        replica = replica.after(replica.prepare(checkpoint, self._log.entries))
        _ = replica.state.roster
        return replica

    def _cold(self) -> Replica:
        return self._restored() or Replica.empty(log_key=self._pins.log_key, genesis=self._pins.genesis)

    def _restored(self) -> Replica | None:
        key = self._key()
        if key is None or not self._disk.is_file(self._path):
            return None
        try:
            raw = self._disk.read(self._path)
            return Replica.restore(raw, key, log_key=self._pins.log_key, genesis=self._pins.genesis)
        except (MalformedInput, NotProven):
            return None  # the whole log is replayed instead, which trusts no snapshot
