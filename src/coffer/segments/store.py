"""Segments as files: ``segments/<day>/<seg_id>.rows``, ``.manifest`` and ``.header``."""

import datetime as dt
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from coffer.disk import TEMPORARY, Disk
from coffer.segments.header import Header, parse_header
from coffer.segments.locate import Finder
from coffer.segments.manifest import head_bytes, page_range

if TYPE_CHECKING:
    from coffer.segments.seal import SealedSegment

SUFFIXES: Final = (".rows", ".manifest", ".header")


@dataclass(frozen=True, slots=True, repr=False)
class SegmentFiles:
    """A segment's files, nothing proven. ``header`` is read, the others when asked for."""

    disk: Disk
    path: Path
    header: bytes

    def manifest(self) -> bytes:
        """The manifest file."""
        return self.disk.read(self.path.with_suffix(".manifest"))

    def rows(self, first: int, count: int, row_bytes: int) -> bytes:
        """``count`` rows from row ``first`` on."""
        return self.disk.read_range(self.path.with_suffix(".rows"), first * row_bytes, count * row_bytes)


@dataclass(frozen=True, slots=True)
class SegmentStore:
    """A folder of segments. Nothing in it is trusted: readers prove it against the log."""

    folder: Path
    disk: Disk

    def stage(self, sealed: "SealedSegment") -> list[tuple[Path, Path]]:
        """Write the three files under temporary names; the renames that would publish them.

        ``disk.sync_files`` must follow before they are published.
        """
        path = self._path(sealed.header.core.day, sealed.header.core.seg_id)
        contents: tuple[bytes | memoryview, ...] = (sealed.rows, sealed.manifest, sealed.header.raw)
        parts = zip(SUFFIXES, contents, strict=True)
        paths = [(path.with_suffix(suffix), part) for suffix, part in parts]
        return [(self.disk.stage(final, part, is_synced=False), final) for final, part in paths]

    def read_header(self, day: dt.date, seg_id: bytes) -> Header:
        """The header, parsed and not yet proven."""
        return parse_header(self.read_raw_header(day, seg_id), f"header of {seg_id.hex()[:16]}")

    def read_raw_header(self, day: dt.date, seg_id: bytes) -> bytes:
        """The header file as it lies there."""
        return self.disk.read(self._path(day, seg_id, ".header"))

    def files(self, day: dt.date, seg_id: bytes) -> SegmentFiles:
        """All of a segment, read as it is asked for."""
        path = self._path(day, seg_id)
        return SegmentFiles(self.disk, path, self.read_raw_header(day, seg_id))

    def finder(self, header: Header) -> Finder:
        """Looks up labels, reading only the pages and batches needed.

        Raises:
            NotProven: the manifest is not the header's.
        """
        day, seg_id = header.core.day, header.core.seg_id
        size = header.core.batch_rows * header.core.row_bytes
        pages, batches = (self.disk.ranges(self._path(day, seg_id, suffix)) for suffix in (".manifest", ".rows"))

        def close() -> None:
            pages.close()
            batches.close()

        with closing(pages):
            head = pages.read(0, head_bytes(header.core, header.rows))
        return Finder(
            header,
            head,
            lambda index: pages.read(*page_range(header, index)),
            lambda index: batches.read(index * size, size),
            close,
        )

    def remove_dead(self, dead: Collection[bytes]) -> int:
        """Remove the files of these segments; how many files."""
        names = {seg_id.hex() for seg_id in dead}
        files = self._files(lambda name: _stem(name) in names) if names else []
        for path in files:
            self.disk.remove(path)
        return len(files)

    def unknown(self, known: Collection[bytes]) -> list[Path]:
        """Files of segments that are not among these, without temporary ones. Nothing is done to them."""
        own = {seg_id.hex() for seg_id in known}
        return self._files(lambda name: TEMPORARY not in name and _stem(name) not in own)

    def _files(self, is_wanted: Callable[[str], bool]) -> list[Path]:
        """The files whose names are wanted."""
        folders = self.disk.children(self.folder)
        return [folder / name for folder in folders for name in self.disk.names(folder) if is_wanted(name)]

    def _path(self, day: dt.date, seg_id: bytes, suffix: str = "") -> Path:
        return Path(f"{self.folder}/{day.isoformat()}/{seg_id.hex()}{suffix}")


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0]
