"""A disk whose n-th operation fails: with an error, after half a write, or because the process dies there."""

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from threading import Lock

from coffer.disk import Disk
from coffer.errors import Unavailable


class Killed(BaseException):
    """The process is gone: no handler of ours may do anything on the disk any more."""


class Mode(Enum):
    ERROR = "error"
    FULL = "disk full after half a write"
    KILL = "kill"
    SHORT = "killed after half a write"


class FaultyDisk(Disk):
    """Fails operation ``fail_at`` (from 0); None never fails, and ``operations`` counts. ``failed``: the path it was on."""

    def __init__(self, fail_at: int | None, mode: Mode) -> None:
        self.fail_at = fail_at
        self.mode = mode
        self.operations = 0
        self.is_dead = False
        self.failed: Path | None = None
        self._writes: list[int] = []
        self._alone = Lock()

    def places(self) -> Sequence[int]:
        """The operations that it counted at which its mode is worth trying.

        Half a write is one only where bytes are written: elsewhere ``FULL`` is ``ERROR``, and ``SHORT`` is ``KILL``.
        """
        return self._writes if self.mode in (Mode.FULL, Mode.SHORT) else range(self.operations)

    def _tick(self, path: Path, half: bytes | None = None) -> None:
        with self._alone:  # threads stage side by side
            self._count(path, half)

    def _count(self, path: Path, half: bytes | None) -> None:
        if self.is_dead:
            raise Killed
        if self.operations == self.fail_at:
            self.failed = path
            if self.mode in (Mode.FULL, Mode.SHORT) and half is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(half)
            if self.mode in (Mode.KILL, Mode.SHORT):
                self.is_dead = True
                raise Killed
            self.operations += 1
            raise Unavailable(f"{path.name}: No space left on device", hint="the disk is full")
        if half is not None:
            self._writes.append(self.operations)
        self.operations += 1

    def stage(self, path, *parts, private=False, is_synced=True):
        whole = b"".join(bytes(part) for part in parts)
        self._tick(path.with_name(f"{path.name}.tmp-half"), whole[: len(whole) // 2])
        return super().stage(path, *parts, private=private, is_synced=is_synced)

    def sync_file(self, path):
        self._tick(path)
        super().sync_file(path)

    def publish(self, renames):
        for temporary, path in renames:
            self._tick(path)
            temporary.rename(path)
        for folder in sorted({path.parent for _, path in renames}):
            self.sync_folder(folder)

    def append(self, path, line):
        self._tick(path)
        super().append(path, line)

    def remove(self, path):
        self._tick(path)
        super().remove(path)

    def overwrite(self, path):
        if path.is_file():
            self._tick(path)
        super().overwrite(path)

    def sync_folder(self, folder):
        self._tick(folder)
        super().sync_folder(folder)
