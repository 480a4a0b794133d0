"""Where a vault's objects are: beside its log, or in the store that ``objects.toml`` names."""

from dataclasses import dataclass
from pathlib import Path

from coffer.disk import Disk
from coffer.entropy import Entropy
from coffer.objects.address import OBJECTS, StoreAddress
from coffer.objects.folder import FolderObjects
from coffer.objects.port import Objects
from coffer.objects.puts import PUTS, Puts, Tasks


@dataclass(frozen=True, slots=True)
class Place:
    """Where a vault's objects are. It holds no secret, so it can be sent to another process."""

    vault: Path
    store: StoreAddress | None = None

    def open(self, disk: Disk, entropy: Entropy) -> Objects:
        """The objects. A store's library is loaded now, and nothing is asked of it yet."""
        if self.store is None:
            return FolderObjects(self.vault, disk)
        from coffer.objects.store import StoreObjects  # noqa: PLC0415 - only vaults with a store need threads and more

        return StoreObjects(self.store, Puts(self.vault / PUTS, disk), entropy)

    def open_for_task(self, tasks: Tasks | None, split: int, disk: Disk, entropy: Entropy) -> Objects:
        """The objects for one attempt at a split.

        ``tasks``: None where they are files of a folder that all share.
        """
        if tasks is None:
            return self.open(disk, entropy)
        from coffer.objects.store import StoreObjects  # noqa: PLC0415 - as above
        from coffer.objects.tasks import AttemptNotes  # noqa: PLC0415 - as above

        assert self.store is not None, "only tasks of a store note what they put"
        store = StoreObjects(self.store, None, entropy)
        store.puts = AttemptNotes(store, tasks, split)
        return store


def place_of(vault: Path, disk: Disk) -> Place:
    """Where a vault says that its objects are.

    Raises:
        MalformedInput: ``objects.toml`` is not in its form.
    """
    path = vault / OBJECTS
    return Place(vault, StoreAddress.parse(disk.read(path), OBJECTS) if disk.is_file(path) else None)
