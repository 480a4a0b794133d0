"""The vault's side of a log that several machines write: ``checkpoints.toml``.

Implements ``docs/formats/vault.md``, "Several machines".
"""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.ledger.facts import Batch
from coffer.ledger.state import State
from coffer.notes.keys import VerifyKey
from coffer.objects.address import OBJECTS
from coffer.objects.port import Objects
from coffer.sequencer.address import CHECKPOINTS, SQLITE, CheckpointAddress
from coffer.translog.store.files import FileLog
from coffer.vault.outside import Outside

if TYPE_CHECKING:
    from coffer.sequencer.port import CheckpointStore
    from coffer.sequencer.sequencer import Sequencer


def sequencer_of(
    path: Path, disk: Disk, *, log: FileLog, objects: Objects, key: VerifyKey, outside: Outside
) -> "Sequencer | None":
    """The order of this vault's log among its machines; None for a vault of one machine.

    Raises:
        MalformedInput: ``checkpoints.toml`` is not in its form, or the vault's objects are on this machine alone.
        Unavailable: the library of the store is missing.
    """
    if not disk.is_file(path / CHECKPOINTS):
        return None
    address = CheckpointAddress.parse(disk.read(path / CHECKPOINTS), CHECKPOINTS)
    if objects.is_folder:
        raise MalformedInput(
            f"{CHECKPOINTS}: needs {OBJECTS} too", hint="machines that write one log read each other's segments in a store"
        )
    from coffer.sequencer.sequencer import Sequencer  # noqa: PLC0415 - only vaults of several machines need threads
    from coffer.sequencer.shared import SharedLog  # noqa: PLC0415

    store = checkpoint_store(address, key.name)
    shared = SharedLog(objects)
    return Sequencer(log=log, shared=shared, store=store, key=key, entropy=outside.entropy, say=outside.say)


def checkpoint_store(address: CheckpointAddress, origin: str) -> "CheckpointStore":
    """The store at an address. Its library is loaded now, and nothing is asked of it yet."""
    if address.kind == SQLITE:
        from coffer.sequencer.sqlite import SqliteCheckpoints  # noqa: PLC0415 - one library of two

        return SqliteCheckpoints(Path(address.path), origin)
    from coffer.sequencer.postgresql import PostgresqlCheckpoints  # noqa: PLC0415

    return PostgresqlCheckpoints(address.text, origin)


def counting_batches(state: State, first_day: dt.date) -> Iterator[Batch]:
    """The batches that count and have a record of this day or later; by its time one that has none."""
    for name in state.batches.keys() - state.withdrawn.keys():
        batch = state.batches[name]
        days = [state.segments[seg_id].line.day for seg_id in batch.segments]
        if max(days, default=batch.time.date()) >= first_day:
            yield batch
