"""Segments as objects: ``segments/<day>/<seg_id>.rows``, ``.manifest`` and ``.header``."""

import datetime as dt
import re
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coffer.disk import TEMPORARY
from coffer.errors import MalformedInput
from coffer.objects.port import Content, Objects, Staged
from coffer.segments.header import Header, parse_core, parse_header
from coffer.segments.locate import Finder
from coffer.segments.manifest import ENTRY_BYTES, head_bytes, page_range

if TYPE_CHECKING:
    from coffer.segments.seal import SealedSegment

SEGMENTS: Final = "segments/"
SUFFIXES: Final = (".rows", ".manifest", ".header")
_KEY: Final = re.compile(r"segments/\d{4}-\d{2}-\d{2}/[0-9a-f]{64}\.(?:rows|manifest|header)")


@dataclass(frozen=True, slots=True, repr=False)
class SegmentFiles:
    """A segment's files, nothing proven. ``header`` is read, the others when asked for."""

    objects: Objects
    key: str
    header: bytes

    def manifest(self) -> bytes:
        """The manifest file."""
        return self.objects.read(f"{self.key}.manifest")

    def rows(self, first: int, count: int, row_bytes: int) -> bytes:
        """``count`` rows from row ``first`` on."""
        with closing(self.objects.parts(f"{self.key}.rows")) as parts:
            return parts.read(first * row_bytes, count * row_bytes)


@dataclass(frozen=True, slots=True)
class SegmentStore:
    """The segments of a vault. Nothing in it is trusted: readers prove it against the log."""

    objects: Objects

    def stage(self, sealed: "SealedSegment") -> list[Staged]:
        """Begin to put the three objects; ``objects.settle`` must follow before they are published."""
        key = key_of(sealed.header.core.day, sealed.header.core.seg_id)
        contents: tuple[Content, ...] = (sealed.rows, sealed.manifest, sealed.header.raw)
        named = {f"{key}{suffix}": part for suffix, part in zip(SUFFIXES, contents, strict=True)}
        return self.objects.stage(named, proof=sealed.header.core.raw)

    def read_header(self, day: dt.date, seg_id: bytes) -> Header:
        """The header, parsed and not yet proven."""
        return parse_header(self.read_raw_header(day, seg_id), f"header of {seg_id.hex()[:16]}")

    def read_raw_header(self, day: dt.date, seg_id: bytes) -> bytes:
        """The header file as it lies there."""
        return self.objects.read(f"{key_of(day, seg_id)}.header")

    def files(self, day: dt.date, seg_id: bytes) -> SegmentFiles:
        """All of a segment, read as it is asked for."""
        return SegmentFiles(self.objects, key_of(day, seg_id), self.read_raw_header(day, seg_id))

    def finder(self, header: Header) -> Finder:
        """Looks up labels, reading only the pages and batches needed.

        Raises:
            NotProven: the manifest is not the header's.
        """
        key, size = key_of(header.core.day, header.core.seg_id), header.core.batch_rows * header.core.row_bytes
        pages, batches = self.objects.parts(f"{key}.manifest"), self.objects.parts(f"{key}.rows")

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

    def remove_listed(self, dead: Collection[bytes]) -> int:
        """Remove the files of these segments that a folder lists; how many files.

        Not for a store, whose list is not believed.
        """
        names = {seg_id.hex() for seg_id in dead}
        keys = (
            [key for key in self.objects.keys(SEGMENTS) if TEMPORARY not in key and id_of(key) in names]
            if names
            else []
        )
        self.objects.delete(keys)
        return len(keys)

    def unknown(self, known: Collection[bytes]) -> list[str]:
        """Keys of segments that are not among these, without temporary files. Nothing is done to them.

        Only as complete as the list of the place: of a store it is a report and nothing to act on.
        """
        own = {seg_id.hex() for seg_id in known}
        return [key for key in self.objects.keys(SEGMENTS) if TEMPORARY not in key and id_of(key) not in own]


def key_of(day: dt.date, seg_id: bytes) -> str:
    """The key of a segment, without the suffix of one of its objects."""
    return f"{SEGMENTS}{day.isoformat()}/{seg_id.hex()}"


def id_of(key: str) -> str:
    """The segment's id in a key, in hex."""
    return key.rsplit("/", 1)[1].split(".", 1)[0]


def keys_proven(proof: bytes, ingest: bytes) -> list[str]:
    """The keys of the segment whose core this is, if it is one of this ingest; else none.

    A segment's id is the hash of its core, so that nobody finds a core for a segment of another ingest.
    """
    try:
        core = parse_core(proof, "note")
    except MalformedInput:
        return []
    return [f"{key_of(core.day, core.seg_id)}{suffix}" for suffix in SUFFIXES] if core.ingest == ingest else []


def is_key(text: str) -> bool:
    """Whether a text is the key of an object of a segment."""
    return _KEY.fullmatch(text) is not None


def sizes_of(header: Header) -> dict[str, int]:
    """The sizes that a header gives the segment's other two objects, by suffix."""
    batches = header.rows // header.core.batch_rows
    head = 0 if header.core.version == 1 else head_bytes(header.core, header.rows)
    return {".rows": header.rows * header.core.row_bytes, ".manifest": head + ENTRY_BYTES * batches}
