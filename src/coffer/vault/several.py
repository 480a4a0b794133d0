"""The vault's side of a log that several machines write: ``checkpoints.toml``.

Implements ``docs/formats/vault.md``, "Several machines".
"""

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from coffer.disk import Disk
from coffer.errors import MalformedInput, Unavailable
from coffer.ledger.facts import Batch
from coffer.ledger.state import State
from coffer.notes.keys import VerifyKey
from coffer.objects.address import OBJECTS
from coffer.objects.port import Objects
from coffer.sequencer.address import CHECKPOINTS, SQLITE, CheckpointAddress
from coffer.translog.store.files import FileLog
from coffer.vault.memory import MemoryKey, Remembered
from coffer.vault.outside import Outside
from coffer.vault.stored import memory_key

if TYPE_CHECKING:
    from coffer.sequencer.port import CheckpointStore
    from coffer.sequencer.sequencer import Sequencer

REFRESH_AGAIN_S: Final = 10.0
"""After the store of checkpoints did not answer, reading does not wait for it again so soon."""


class Machines:
    """This machine among those that write one log.

    ``path``: this machine's folder of the vault, with ``log``, its copy of the log.
    """

    def __init__(
        self,
        sequencer: "Sequencer",
        *,
        path: Path,
        disk: Disk,
        log: FileLog,
        objects: Objects,
        say: Callable[[str], None],
    ) -> None:
        self.sequencer = sequencer
        self._lock = path / "lock"
        self._disk = disk
        self._log = log
        self._objects = objects
        self._say = say
        self._said = ""
        self._not_before = 0.0

    def refresh(self) -> None:
        """Bring the log here up to what other machines logged, as far as they can be asked now.

        Reading goes on without: what is decided from State is decided again when the log is written.

        Raises:
            Unavailable: nothing of the log is here yet.
            NotProven: the store has another or an older log than this copy.
        """
        if time.monotonic() < self._not_before:
            return
        with ExitStack() as held:
            try:
                held.enter_context(self._disk.locked(self._lock))
            except Unavailable:
                return  # whoever holds it has brought the log up, or the folder is only read
            try:
                self.sequencer.refresh()
                self._said = ""
            except Unavailable as error:
                if self._log.size() == 0:
                    raise
                self._not_before = time.monotonic() + REFRESH_AGAIN_S
                if self._said != error.message:  # a process that stays looks often, and says it once
                    self._say(f"the log is shown as it was known here: {error.message}")
                self._said = error.message

    def remembered(
        self, state: State, key: MemoryKey, known: Iterable[Remembered], first_day: dt.date
    ) -> list[Remembered]:
        """The memory's lines of batches that other machines logged, beside those that are known.

        ``first_day``: batches whose records are all older are left out, since nothing of them could be ingested again.

        Raises:
            Unavailable: the store does not answer, or lacks what such an ingest remembered.
        """
        has = {line.batch for line in known}
        wanted = [batch.batch for batch in _counting(state, first_day) if batch.batch not in has]
        raws = self._objects.map(lambda batch: self._objects.read(memory_key(batch)), wanted)
        return [
            line
            for batch, raw in zip(wanted, raws, strict=True)
            for line in key.unseal(raw, memory_key(batch))
            if line.batch == batch
        ]


def machines_of(
    path: Path, disk: Disk, *, log: FileLog, objects: Objects, key: VerifyKey, outside: Outside
) -> Machines | None:
    """This machine among those of its vault; None for a vault of one machine.

    Raises:
        MalformedInput: ``checkpoints.toml`` is not in its form, or the vault's objects are on this machine alone.
        Unavailable: the library of the store is missing.
    """
    if not disk.is_file(path / CHECKPOINTS):
        return None
    address = CheckpointAddress.parse(disk.read(path / CHECKPOINTS), CHECKPOINTS)
    if objects.is_folder:
        raise MalformedInput(
            f"{CHECKPOINTS}: needs {OBJECTS} too",
            hint="machines that write one log read each other's segments in a store",
        )
    from coffer.sequencer.sequencer import Sequencer  # noqa: PLC0415 - only vaults of several machines need threads
    from coffer.sequencer.shared import SharedLog  # noqa: PLC0415

    sequencer = Sequencer(
        log=log,
        shared=SharedLog(objects),
        store=checkpoint_store(address, key.name),
        key=key,
        entropy=outside.entropy,
        say=outside.say,
    )
    return Machines(sequencer, path=path, disk=disk, log=log, objects=objects, say=outside.say)


def checkpoint_store(address: CheckpointAddress, origin: str) -> "CheckpointStore":
    """The store at an address. Its library is loaded now, and nothing is asked of it yet."""
    if address.kind == SQLITE:
        from coffer.sequencer.sqlite import SqliteCheckpoints  # noqa: PLC0415 - one library of two

        return SqliteCheckpoints(Path(address.path), origin)
    from coffer.sequencer.postgresql import PostgresqlCheckpoints  # noqa: PLC0415

    return PostgresqlCheckpoints(address.text, origin)


def _counting(state: State, first_day: dt.date) -> Iterator[Batch]:
    """The batches that count and have a record of this day or later; by its time one that has none."""
    for name in state.batches.keys() - state.withdrawn.keys():
        batch = state.batches[name]
        days = [state.segments[seg_id].line.day for seg_id in batch.segments]
        if max(days, default=batch.time.date()) >= first_day:
            yield batch
