"""The vault's side of a log that several machines write: ``checkpoints.toml``.

Implements ``docs/formats/vault.md``, "Several machines".
"""

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from coffer.disk import Disk
from coffer.entropy import Entropy
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.ledger.entries import BatchId
from coffer.ledger.facts import Batch
from coffer.ledger.state import State
from coffer.notes.keys import VerifyKey
from coffer.objects.address import OBJECTS
from coffer.objects.port import Objects
from coffer.sequencer.address import CHECKPOINTS, SQLITE, CheckpointAddress
from coffer.translog.store.files import FileLog
from coffer.vault.memory import MAX_LINES, MemoryKey, Remembered
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
        entropy: Entropy,
    ) -> None:
        self.sequencer = sequencer
        self._lock = path / "lock"
        self._disk = disk
        self._log = log
        self._objects = objects
        self._say = say
        self._entropy = entropy
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
        self, state: State, key: MemoryKey, known: Iterable[Remembered], first_day: dt.date, *, may_lack: bool = False
    ) -> list[Remembered]:
        """The memory's lines of batches that other machines logged, beside those that are known.

        ``first_day``: batches whose records are all older are left out, since nothing of them could be ingested again.
        ``may_lack``: by somebody's word, what is gone or damaged is given up, for all machines that do not know it.

        Raises:
            Unavailable: the store does not answer, or lacks what such an ingest remembered.
        """
        has = {line.batch for line in known}
        wanted = [batch.batch for batch in _counting(state, first_day) if batch.batch not in has]
        told = dict(zip(wanted, self._objects.map(partial(self._told, key), wanted), strict=True))
        lost = [batch for batch, lines in told.items() if lines is None]
        if lost and not may_lack:
            raise Unavailable(
                f"{memory_key(lost[0])}: gone or damaged, so that nobody knows here which files batch {lost[0].hex()} "
                f"sealed ({len(lost)} such); nothing was logged",
                hint="coffer tidy on a machine that knows it puts it back, as its next ingests do. If there is none: "
                "coffer ingest --new, after which a file of that batch that comes again is sealed twice",
            )
        for batch in lost:
            self._put_memory(key, batch, [])
            self._say(f"{memory_key(batch)}: given up: a file of batch {batch.hex()} that comes again is sealed twice")
        return [line for lines in told.values() for line in lines or ()]

    def put_back(self, key: MemoryKey, known: Sequence[Remembered], most: int | None = None) -> None:
        """Put the memories back that are gone, damaged or given up, of batches that this machine knows.

        ``most``: how many batches are looked at, the newest.
        """
        lines_of: dict[BatchId, list[Remembered]] = {}
        for line in known:
            lines_of.setdefault(line.batch, []).append(line)
        if len(known) >= MAX_LINES:
            del lines_of[known[0].batch]  # some of its lines may be forgotten
        batches = list(lines_of)[-most if most else 0 :]
        for batch, told in zip(batches, self._objects.map(partial(self._told, key), batches), strict=True):
            if told is None or not set(lines_of[batch]) <= set(told):
                self._put_memory(key, batch, lines_of[batch])
                self._say(f"{memory_key(batch)}: was gone or damaged: put back; who else may write to the store?")

    def is_remembered(self, key: MemoryKey, batch: BatchId) -> bool:
        """Whether the store has what the ingest of a batch remembered."""
        return self._told(key, batch) is not None

    def _told(self, key: MemoryKey, batch: BatchId) -> list[Remembered] | None:
        """What the store says that a batch's ingest remembered; None if that is gone or damaged."""
        name = memory_key(batch)
        try:
            return key.unseal_batch(self._objects.read(name), batch, name)
        except NotProven:
            return None
        except Unavailable:
            if self._objects.is_there(name):
                raise
            return None

    def _put_memory(self, key: MemoryKey, batch: BatchId, lines: Sequence[Remembered]) -> None:
        self._objects.replace(memory_key(batch), key.seal_batch(lines, batch, self._entropy))


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
    return Machines(sequencer, path=path, disk=disk, log=log, objects=objects, say=outside.say, entropy=outside.entropy)


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
