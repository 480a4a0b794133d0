"""What lies in a watched folder. This is I/O and decides nothing."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from coffer.errors import MalformedInput, Unavailable
from coffer.procedures.ingest.packed import GZIP, ZSTD
from coffer.procedures.ingest.sources import CHUNK_BYTES
from coffer.procedures.watch.decide import Seen
from coffer.procedures.watch.settings import After, WatchedFolder
from coffer.records.feed import Feed, parse_feed
from coffer.records.readers.text.head import UTF_16_MARKS
from coffer.vault.watched import Folder, Taken, WatchKey

MAX_SEEN: Final = 100_000
"""Files of one folder that a look takes up, some 50 MB. A folder from which nothing is moved comes to hold more one day."""
_HEAD_BYTES: Final = 4_096
_BACK_BYTES: Final = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFile:
    """A feed, the hash of its file, and what the file was like when it was read."""

    path: Path
    feed: Feed
    hash: bytes
    was: Taken | None

    @property
    def is_as_read(self) -> bool:
        """Whether the file did not change since."""
        now = status_of(self.path, is_followed=True)
        return now is not None and self.was is not None and now.is_same(self.was)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """A watched folder with its feed and its paths.

    ``base``: the settings' folder.
    """

    settings: WatchedFolder
    base: Path
    feed_file: FeedFile
    path: Path
    to: Path | None

    @property
    def feed(self) -> Feed:
        """Its feed."""
        return self.feed_file.feed

    @property
    def feed_hash(self) -> bytes:
        """The hash of its feed's file."""
        return self.feed_file.hash

    def refused(self, kept: Folder) -> Mapping[bytes, Taken]:
        """The files of which nothing can be read by the feed as it is now."""
        return kept.refused if kept.feed == self.feed_hash else {}

    @property
    def name(self) -> str:
        """The name of its table."""
        return self.settings.name


def watching(settings: WatchedFolder, base: Path) -> Watching:
    """The folder that the settings name, with its feed. Paths are relative to ``base``.

    Raises:
        MalformedInput: the feed's file is missing or none.
    """
    to = base / settings.to if settings.after is After.MOVE else None
    feed_file = read_feed(settings.name, base / settings.feed)
    return Watching(settings=settings, base=base, feed_file=feed_file, path=base / settings.path, to=to)


def read_feed(name: str, path: Path) -> FeedFile:
    """The feed of a table.

    Raises:
        MalformedInput: its file is missing or none.
    """
    place = f"[{name}]: feed: {path.name}"
    was = status_of(path, is_followed=True)  # before it is read: a change meanwhile is seen by the next look
    try:
        raw = path.read_bytes()
        feed = parse_feed(raw.decode("utf-8"), path.name)
    except FileNotFoundError:
        raise MalformedInput(f"{place}: no such file", hint="paths are relative to the settings' folder") from None
    except UnicodeDecodeError:
        raise MalformedInput(f"{place}: not a feed file: not UTF-8") from None
    except OSError as error:
        raise Unavailable(f"{place}: {error.strerror}") from error
    return FeedFile(path=path, feed=feed, hash=hashlib.sha256(raw).digest(), was=was)


def refreshed(one: Watching) -> Watching:
    """The same with the feed as its file is now; raises as ``watching`` does."""
    return one if one.feed_file.is_as_read else watching(one.settings, one.base)


def verify_folders(one: Watching) -> None:
    """Prove that the folders are there, and that files can be moved from one to the other by a rename.

    Raises:
        MalformedInput: they are one folder, or on two file systems.
        Unavailable: one of them is missing.
    """
    status = [_status_of_folder(one, path) for path in (one.path, one.to) if path is not None]
    if one.to is None:
        return
    if os.path.samestat(*status):
        raise MalformedInput(f"[{one.name}]: to: is the watched folder itself")
    if status[0].st_dev != status[1].st_dev:
        raise MalformedInput(
            f"[{one.name}]: to: is on another file system",
            hint="choose a folder on the disk of the watched one, so that a file is moved at once or not at all",
        )


def _status_of_folder(one: Watching, path: Path) -> os.stat_result:
    try:
        if not path.is_dir():
            raise Unavailable(f"[{one.name}]: {path}: no such folder", hint="is the disk mounted that it is on?")
        return path.stat()
    except OSError as error:
        raise Unavailable(f"[{one.name}]: {path}: {error.strerror}") from error


def look(one: Watching, key: WatchKey) -> list[Seen]:
    """The files of the folder that the settings want, without links and pipes.

    Raises:
        Unavailable: the folder cannot be read, or holds more than ``MAX_SEEN`` of them.
    """
    seen: list[Seen] = []
    try:
        with os.scandir(one.path) as entries:
            for entry in entries:
                if one.settings.is_wanted(entry.name):
                    seen += _seen(one, entry, key)
                if len(seen) > MAX_SEEN:
                    raise Unavailable(
                        f"[{one.name}]: more than {MAX_SEEN:,} files",
                        hint='have them moved (after = "move"), or move old ones away',
                    )
    except OSError as error:
        raise Unavailable(f"[{one.name}]: {one.path}: {error.strerror}") from error
    return seen


def count_unfit(one: Watching) -> int:
    """How many files lie in the folder that ``glob`` does not fit.

    Hidden ones and markers are none of them.

    Raises:
        Unavailable: the folder cannot be read.
    """
    every = replace(one.settings, glob=("*",))
    try:
        with os.scandir(one.path) as entries:
            names = (entry.name for entry in entries if entry.is_file(follow_symlinks=False))
            return sum(every.is_wanted(name) and not one.settings.is_wanted(name) for name in names)
    except OSError as error:
        raise Unavailable(f"[{one.name}]: {one.path}: {error.strerror}") from error


def status_of(path: Path, *, is_followed: bool = False) -> Taken | None:
    """What a file is like now; None if it cannot be looked at.

    ``is_followed``: of a link, what it leads to.
    """
    with suppress(OSError):
        status = path.stat(follow_symlinks=is_followed)
        return _taken(status, status.st_size)
    return None


def _seen(one: Watching, entry: "os.DirEntry[str]", key: WatchKey) -> Iterator[Seen]:
    with suppress(FileNotFoundError):  # it may be moved away at any time
        if not entry.is_file(follow_symlinks=False):
            return
        status = entry.stat(follow_symlinks=False)
        is_readable = os.access(entry.path, os.R_OK)
        until = _last_line_end(Path(entry.path), status.st_size) if one.settings.grows and is_readable else None
        marker = one.settings.marker
        yield Seen(
            name=entry.name,
            key=key.name(entry.name.encode("utf-8", "surrogateescape")),
            now=_taken(status, status.st_size if until is None else until),
            touched_ns=status.st_ctime_ns,
            is_readable=is_readable,
            has_marker=bool(marker) and Path(entry.path + marker).is_file(),
            can_grow=until is not None,
        )


def _taken(status: os.stat_result, until: int) -> Taken:
    return Taken(inode=(status.st_ino, status.st_dev), size=status.st_size, changed_ns=status.st_mtime_ns, until=until)


def _last_line_end(path: Path, size: int) -> int | None:
    """Where the last whole line of the first ``size`` bytes ends; None if the file is not plain text.

    0 if no line ends in the last 16 MiB, which is more than a line may have.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if not head or head.startswith((GZIP, ZSTD, *UTF_16_MARKS)) or b"\0" in head:
            return None
        at = size
        while at > max(0, size - CHUNK_BYTES):
            start = max(0, at - _BACK_BYTES)
            file.seek(start)
            end = file.read(at - start).rfind(b"\n")
            if end >= 0:
                return start + end + 1
            at = start
    return 0
