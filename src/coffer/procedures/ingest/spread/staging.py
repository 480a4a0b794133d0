"""What tasks put, as the driver finds it: staged files in a shared folder, or objects in a store."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from coffer.errors import MalformedInput
from coffer.objects.folder import FolderObjects
from coffer.objects.port import Objects, Staged
from coffer.objects.puts import Puts, Tasks
from coffer.segments.store import SEGMENTS, is_key

if TYPE_CHECKING:
    from coffer.objects.store import StoreObjects

_TEMPORARY: Final = re.compile(r"(.+)\.tmp-[0-9a-f]{16}")


class Staging(Protocol):
    """Where tasks put segments."""

    def begin(self, splits: int, ingest: bytes) -> Tasks | None:
        """Let tasks of this ingest put objects: what they are told about it.

        Raises:
            Unavailable: the place does not answer, or is none for tasks.
        """
        ...

    def staged(self, names: Sequence[str]) -> list[Staged]:
        """The objects of these names, on their way.

        Raises:
            MalformedInput: a name is not that of an object of a segment.
        """
        ...

    def read(self, staged: Staged) -> bytes:
        """The bytes of a header."""
        ...

    def sizes(self, staged: Collection[Staged]) -> Iterator[int | None]:
        """The size of each of these; None if it is not there."""
        ...

    def sweep(self, counting: Collection[Staged]) -> None:
        """Remove what does not count, if that is known already."""
        ...


@dataclass(frozen=True, slots=True)
class FolderStaging:
    """Files that exist once the driver gives them their names. Other staged files are removed."""

    objects: FolderObjects

    def begin(self, splits: int, ingest: bytes) -> None:
        """As the port: the folder is all that they are told."""

    def staged(self, names: Sequence[str]) -> list[Staged]:
        """As the port."""
        matches = [_TEMPORARY.fullmatch(name) for name in names]
        keys = _verified([match[1] if match else "" for match in matches])
        folder = self.objects.folder
        return [Staged(key=key, temporary=folder / name) for key, name in zip(keys, names, strict=True)]

    def read(self, staged: Staged) -> bytes:
        """As the port."""
        return self.objects.disk.read(_temporary(staged))

    def sizes(self, staged: Collection[Staged]) -> Iterator[int | None]:
        """As the port."""
        disk = self.objects.disk
        return (disk.size(_temporary(one)) if disk.is_file(_temporary(one)) else None for one in staged)

    def sweep(self, counting: Collection[Staged]) -> None:
        """As the port."""
        kept = {one.temporary for one in counting}
        for path in self.objects.disk.temporaries(self.objects.folder / SEGMENTS):
            if path not in kept:
                self.objects.disk.remove(path)


@dataclass(frozen=True, slots=True)
class StoreStaging:
    """Objects that exist once the log names them. The vault sweeps the others after that."""

    objects: "StoreObjects"

    def begin(self, splits: int, ingest: bytes) -> Tasks:
        """As the port. The vault's folder has noted the tasks before they begin."""
        from coffer.objects.tasks import open_tasks  # noqa: PLC0415 - only a store's ingest needs it

        assert isinstance(self.objects.puts, Puts), "a vault's store has a note"
        tasks = Tasks(name=ingest.hex(), splits=splits)
        self.objects.puts.add_tasks(tasks)
        open_tasks(self.objects, tasks)
        return tasks

    def staged(self, names: Sequence[str]) -> list[Staged]:
        """As the port."""
        return [Staged(key=key) for key in _verified(names)]

    def read(self, staged: Staged) -> bytes:
        """As the port."""
        return self.objects.read(staged.key)

    def sizes(self, staged: Collection[Staged]) -> Iterator[int | None]:
        """As the port."""
        return self.objects.map(self.objects.size, [one.key for one in staged])

    def sweep(self, counting: Collection[Staged]) -> None:
        """As the port: the vault does, once the log says what counts."""


def staging_of(objects: Objects) -> Staging:
    """Where tasks put the segments of a vault."""
    if isinstance(objects, FolderObjects):
        return FolderStaging(objects)
    from coffer.objects.store import StoreObjects  # noqa: PLC0415 - only vaults with a store load it

    assert isinstance(objects, StoreObjects), "what is no folder is a store"
    return StoreStaging(objects)


def _verified(keys: Sequence[str]) -> Sequence[str]:
    if not all(map(is_key, keys)):
        raise MalformedInput("engine: a task named an object that is none of a segment")
    return keys


def _temporary(staged: Staged) -> Path:
    assert staged.temporary is not None, "in a folder, tasks stage files"
    return staged.temporary
