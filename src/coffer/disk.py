"""The file operations that durability depends on.

They are in one place, so that a test can make the n-th of them fail, for every n.

Promises: ``write`` makes a file appear whole or not at all, and the file is durable when ``write`` returns. It writes,
syncs the file, renames it and syncs the folder: a crash may lose a rename alone, and also the name of a synced file in
an unsynced folder. Every failure is ``Unavailable``, with the path and the system's words. Trusts: the file system
keeps what it synced.
"""

import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from itertools import chain
from pathlib import Path
from stat import S_ISREG
from typing import Final

from coffer.errors import Unavailable

TEMPORARY: Final = ".tmp-"
"""Marks the name of a file that is staged but not published. The next command that writes removes such files."""

_LOOK_AGAIN_S: Final = 0.02
"""Between two tries for a lock that another holds: too short to notice, and long enough to cost nothing."""
_SYNCING: Final = 8
"""Files synced at once, so that they wait for the disk together and not one after the other."""

_DIRECT: Final = getattr(os, "O_DIRECT", 0)
_DIRECT_BYTES: Final = 2**20
"""Parts of a file that are worth a way around the page cache."""

_BUSY: Final = ("another command is writing to it", "wait for it to end, then try again")


class Ranges:
    """Reads parts of one file, which is opened by the first read and stays open until ``close``."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def read(self, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset``; fewer is an error."""
        with _failing(self._path):
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            data = os.pread(self._descriptor, size, offset)
        if len(data) != size:
            raise Unavailable(f"{self._path.name}: {len(data)} bytes at {offset}, expected {size}")
        return data

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Disk:
    """The real file system. Tests replace it by one that fails."""

    def read(self, path: Path) -> bytes:
        """The whole file."""
        with _failing(path), path.open("rb", buffering=0) as file:
            return file.readall()

    def read_range(self, path: Path, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset``; fewer is an error."""
        with closing(self.ranges(path)) as file:
            return file.read(offset, size)

    def ranges(self, path: Path) -> Ranges:
        """Many parts of one file, without a file object and its buffer: an opening reads two thousand."""
        return Ranges(path)

    def size(self, path: Path) -> int:
        """Size in bytes."""
        with _failing(path):
            return path.stat().st_size

    def size_below(self, folder: Path) -> int:
        """Bytes of every file below a folder; 0 if the folder does not exist.

        Files may come and go meanwhile.
        """
        total = 0
        with _failing(folder):
            for path in folder.rglob("*"):
                with suppress(FileNotFoundError):
                    status = path.stat()
                    total += status.st_size if S_ISREG(status.st_mode) else 0
        return total

    def room(self, folder: Path) -> tuple[int, int]:
        """Bytes of the file system that a folder is on: all of it, and what this process may still write."""
        with _failing(folder):
            usage = shutil.disk_usage(folder)
        return usage.total, usage.free

    def is_file(self, path: Path) -> bool:
        """Whether a file is there."""
        with _failing(path):
            return path.is_file()

    def children(self, folder: Path) -> list[Path]:
        """The files and folders in a folder, in order of name; none if the folder does not exist."""
        return [folder / name for name in self.names(folder)]

    def names(self, folder: Path) -> list[str]:
        """The names in a folder, ascending; none if the folder does not exist.

        Cheaper than ``children`` by a path object each: every command that writes looks at all segments' files.
        """
        with _failing(folder), suppress(FileNotFoundError, NotADirectoryError):
            return sorted(os.listdir(folder))  # noqa: PTH208 - names are what is asked for
        return []

    def names_below(self, folder: Path) -> Iterator[str]:
        """The paths within a folder of the files below it; none if it does not exist.

        Those of one folder are ascending.
        """
        pending = [""]
        while pending:
            within = pending.pop()
            names: list[str] = []
            with (
                _failing(folder),
                suppress(FileNotFoundError, NotADirectoryError),
                os.scandir(f"{folder}/{within}") as all_,
            ):
                for entry in all_:
                    (pending if entry.is_dir() else names).append(f"{within}{entry.name}")
            pending = [name if name.endswith("/") else f"{name}/" for name in pending]
            yield from sorted(names)

    def below(self, folder: Path) -> list[Path]:
        """Every file below a folder, in order of path; none if the folder does not exist."""
        with _failing(folder):
            return sorted(path for path in folder.rglob("*") if path.is_file())

    def temporaries(self, folder: Path) -> list[Path]:
        """The files below a folder that are staged and not published."""
        with _failing(folder):
            below = os.walk(folder, onerror=_raise_unless_closed)
            staged = [Path(parent, name) for parent, *names in below for name in chain(*names) if TEMPORARY in name]
        return sorted(staged)

    def make_folder(self, path: Path, *, private: bool = False) -> None:
        """Make the folder and the folders above it, each durable in the one above it."""
        missing = []
        with _failing(path):
            while not path.is_dir():
                missing.append(path)
                path = path.parent
        for folder in reversed(missing):
            with _failing(folder):
                folder.mkdir(exist_ok=True, mode=0o700 if private and folder == missing[0] else 0o755)
            self.sync_folder(folder.parent)

    def write(self, path: Path, *parts: bytes | memoryview, private: bool = False) -> None:
        """Make ``path`` hold the parts: whole or not at all, durable when this returns."""
        temporary = self.stage(path, *parts, private=private)
        self.publish([(temporary, path)])

    def write_folder(self, path: Path, files: Mapping[str, bytes]) -> None:
        """Make a private folder that holds these files: whole or not at all, durable when this returns."""
        temporary = path.with_name(f".{path.name}{TEMPORARY}{secrets.token_hex(8)}")
        folders = sorted({temporary, *((temporary / name).parent for name in files)})
        try:
            for folder in folders:
                self.make_folder(folder, private=True)
            paths = [temporary / name for name in files]
            for file, raw in zip(paths, files.values(), strict=True):
                self._create(file, raw, is_synced=False)
            self.sync_files(paths)  # all are written before the first is synced: the disk writes them in half the time
            for folder in reversed(folders):
                self.sync_folder(folder)
            self.publish([(temporary, path)])
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def stage(self, path: Path, *parts: bytes | memoryview, private: bool = False, is_synced: bool = True) -> Path:
        """Write the parts beside ``path`` under a temporary name; nothing is visible yet.

        They are durable when this returns. If not ``is_synced``, ``sync_files`` must follow before ``publish``.
        """
        self.make_folder(path.parent)
        temporary = path.with_name(f"{path.name}{TEMPORARY}{secrets.token_hex(8)}")
        self._create(temporary, *parts, private=private, is_synced=is_synced)
        return temporary

    def sync_files(self, paths: Collection[Path]) -> None:
        """Make files durable, several at once."""
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - most commands write few files

        with ThreadPoolExecutor(_SYNCING) as pool:
            for _ in pool.map(self.sync_file, paths):
                pass  # an error is raised here

    def _create(self, path: Path, *parts: bytes | memoryview, private: bool = True, is_synced: bool = True) -> None:
        """A new file of these bytes; durable when this returns, if it is synced."""
        with _failing(path):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
            with os.fdopen(descriptor, "wb") as file:
                for part in parts:
                    data = memoryview(part).cast("B")
                    done = _write_directly(descriptor, data) if len(data) >= _DIRECT_BYTES else 0
                    file.write(data[done:])
                    file.flush()  # what follows may go another way
                if is_synced:
                    os.fsync(descriptor)

    def sync_file(self, path: Path) -> None:
        """Make one file durable."""
        with _failing(path):
            descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def publish(self, renames: list[tuple[Path, Path]]) -> None:
        """Rename staged files to their names, then sync the folders."""
        for temporary, path in renames:
            with _failing(path):
                temporary.rename(path)
        for folder in sorted({path.parent for _, path in renames}):
            self.sync_folder(folder)

    def append(self, path: Path, line: bytes) -> None:
        """Add a line to a file that only grows; durable when this returns."""
        with _failing(path):
            is_new = not path.exists()
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        if is_new:
            self.sync_folder(path.parent)

    def remove(self, path: Path) -> None:
        """Remove a file; it may be gone already."""
        with _failing(path):
            path.unlink(missing_ok=True)

    def remove_folder(self, path: Path) -> None:
        """Remove a folder and all in it; it may be gone already."""
        with _failing(path):
            if path.is_dir():
                shutil.rmtree(path)

    def overwrite(self, path: Path) -> None:
        """Fill a file with random bytes in place, durably; nothing happens if it is not there.

        Flash memory, and file systems that copy on write, may keep the old bytes elsewhere. So whatever must become
        unreadable is also encrypted.
        """
        with _failing(path):
            if path.is_file():
                self._overwrite(os.open(path, os.O_WRONLY))

    def destroy(self, path: Path) -> None:
        """Overwrite a file, then remove it, durably; it may be gone already."""
        self.overwrite(path)
        self.remove(path)
        if path.parent.is_dir():
            self.sync_folder(path.parent)

    def replace(self, path: Path, raw: bytes) -> None:
        """Write a private file anew, then overwrite its old bytes. The file must exist.

        As ``write``, the file is always whole. A crash before the overwriting leaves the old bytes in blocks that no
        name leads to.
        """
        with _failing(path):
            old = os.open(path, os.O_WRONLY)
        try:
            self.write(path, raw, private=True)
        except BaseException:
            os.close(old)
            raise
        with _failing(path):
            self._overwrite(old)

    @staticmethod
    def _overwrite(descriptor: int) -> None:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(os.fstat(descriptor).st_size))
            file.flush()
            os.fsync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        with _failing(folder):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    @contextmanager
    def locked(
        self, path: Path, *, what: str = "vault", wait_s: float = 0.0, busy: tuple[str, str] = _BUSY
    ) -> Iterator[None]:
        """Hold the lock file alone.

        ``wait_s``: how long to wait for another holder; 0 does not wait. ``busy``: the message about another holder,
        and the hint.

        Raises:
            Unavailable: another still holds it.
        """
        with _failing(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            until = time.monotonic() + wait_s
            while not _is_taken(descriptor, path):
                if time.monotonic() >= until:
                    raise Unavailable(f"{what}: {busy[0]}", hint=busy[1])
                time.sleep(_LOOK_AGAIN_S)
            yield
        finally:
            os.close(descriptor)


def _write_directly(descriptor: int, data: memoryview) -> int:
    """Append the beginning of some bytes without a copy in the page cache; how many bytes.

    What will not be read soon would push out there what others read, and it must be on the disk soon anyway. A file
    system that cannot takes nothing, and so does memory that is not aligned.
    """
    flags, done = fcntl.fcntl(descriptor, fcntl.F_GETFL), 0
    with suppress(OSError):  # an error of the disk shows again when the rest is written
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | _DIRECT)
        try:
            while done < len(data):
                done += os.write(descriptor, data[done:])
        finally:
            fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)
    return done


def _is_taken(descriptor: int, path: Path) -> bool:
    """Whether this call took the lock."""
    with _failing(path):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _raise_unless_closed(error: OSError) -> None:
    """What a walk does about a folder that it cannot list.

    One that has gone holds nothing, and one that another user closed to this one holds nothing of ours.
    """
    if not isinstance(error, FileNotFoundError | NotADirectoryError | PermissionError):
        raise error


class _failing:  # noqa: N801 - read as a verb at every ``with``
    """Makes ``Unavailable`` of what the system refuses. A class: an opening enters it a thousand times."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if not isinstance(error, OSError):
            return
        hint = None
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "the disk is full: nothing was lost; free some space and run the command again"
        raise Unavailable(f"{self._path.name}: {error.strerror or error}", hint=hint) from error
