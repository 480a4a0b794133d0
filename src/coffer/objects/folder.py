"""Objects as files below a folder: staged beside their names, published by renaming."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coffer.disk import Disk, Ranges
from coffer.errors import NotProven
from coffer.objects.port import Content, S, Staged, T


@dataclass(frozen=True, slots=True)
class FolderObjects:
    """The contract is in ``coffer.objects.port``."""

    folder: Path
    disk: Disk
    is_folder = True

    def path(self, key: str) -> Path:
        """The file of a key."""
        return Path(f"{self.folder}/{key}")

    def stage(self, contents: Mapping[str, Content], *, proof: bytes = b"") -> list[Staged]:  # noqa: ARG002 - as the port
        """As the port: files under temporary names."""
        return [
            Staged(key=key, temporary=self.disk.stage(self.path(key), content, is_synced=False))
            for key, content in contents.items()
        ]

    def settle(self, staged: Sequence[Staged]) -> None:
        """As the port: synced, several at once."""
        paths = [one.temporary for one in staged if one.temporary is not None]
        if len(paths) == 1:
            self.disk.sync_file(paths[0])
        else:
            self.disk.sync_files(paths)

    def publish(self, staged: Sequence[Staged]) -> None:
        """As the port: renamed."""
        self.disk.publish([(one.temporary, self.path(one.key)) for one in staged if one.temporary is not None])

    def conclude(self) -> None:
        """As the port: nothing was noted."""

    def abandon(self, staged: Sequence[Staged]) -> None:
        """As the port."""
        for one in staged:
            self.disk.remove(self.path(one.key))
            if one.temporary is not None:
                self.disk.remove(one.temporary)

    def is_there(self, key: str) -> bool:
        """As the port."""
        return self.disk.is_file(self.path(key))

    def read(self, key: str) -> bytes:
        """As the port."""
        return self.disk.read(self.path(key))

    def parts(self, key: str) -> Ranges:
        """As the port: the file stays open until it is closed."""
        return self.disk.ranges(self.path(key))

    def size(self, key: str) -> int | None:
        """As the port."""
        return self.disk.size(self.path(key)) if self.is_there(key) else None

    def put(self, key: str, content: Content) -> None:
        """As the port."""
        if self.is_there(key):
            if self.read(key) != bytes(content):
                raise NotProven(f"{key}: other bytes are there")
            return
        self.disk.write(self.path(key), content)

    def replace(self, key: str, content: Content) -> None:
        """As the port."""
        self.disk.write(self.path(key), content)

    def delete(self, keys: Collection[str]) -> None:
        """As the port."""
        for key in keys:
            self.disk.remove(self.path(key))

    def map(self, function: Callable[[S], T], items: Collection[S], /) -> Iterator[T]:
        """As the port: one after the other, because a disk answers at once."""
        return map(function, items)

    def keys(self, prefix: str) -> Iterator[str]:
        """As the port, with temporary files."""
        return (f"{prefix}{name}" for name in self.disk.names_below(self.path(prefix)))
