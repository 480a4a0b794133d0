"""Where a vault's objects are: beside its log, or in the store that ``objects.toml`` names."""

from dataclasses import dataclass
from pathlib import Path

from coffer.disk import Disk
from coffer.entropy import Entropy
from coffer.objects.address import OBJECTS, StoreAddress
from coffer.objects.folder import FolderObjects
from coffer.objects.port import Objects
from coffer.objects.puts import PUTS, Puts


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


def place_of(vault: Path, disk: Disk) -> Place:
    """Where a vault says that its objects are.

    Raises:
        MalformedInput: ``objects.toml`` is not in its form.
    """
    path = vault / OBJECTS
    return Place(vault, StoreAddress.parse(disk.read(path), OBJECTS) if disk.is_file(path) else None)
