"""Where rows of a file lie, so that whoever seals them reads them there.

This is I/O and decides nothing.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from coffer.errors import Unavailable


class Readable(Protocol):
    """A file that another process can read too, and perhaps another machine. It can be sent there."""

    @property
    def name(self) -> str:
        """By which any process opens the file: a path or an address."""
        ...

    def resolved(self) -> "Readable":
        """The same file, whatever the folder in which a process runs."""
        ...

    def read(self, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset``.

        Raises:
            Unavailable: the file is shorter than when it was scanned, or cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True, repr=False)
class FilePath:
    """A file of this machine, or of a folder that several machines share."""

    path: Path

    @property
    def name(self) -> str:
        """As ``Readable``."""
        return str(self.path)

    def resolved(self) -> "FilePath":
        """As ``Readable``."""
        return FilePath(self.path.resolve())

    def read(self, offset: int, size: int) -> bytes:
        """As ``Readable``."""
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                data = file.read(size)
        except OSError as error:
            raise Unavailable(f"{self.path.name}: {error.strerror}") from error
        if len(data) != size:
            raise changed(self.path.name)
        return data


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Chunk:
    """Whole rows of a file, as bytes or as a place in a plain file.

    ``first_line``: the number of the first line in the file, from 1. ``data``: the bytes. None for a plain file: then
    ``file``, ``offset`` and ``size_bytes`` give the place, and the sealer reads the bytes itself.
    """

    first_line: int
    size_bytes: int
    data: bytes | None
    file: Readable | None = None
    offset: int = 0

    def read(self) -> bytes:
        """The bytes of the lines. Raises as ``Readable.read``."""
        if self.data is not None:
            return self.data
        assert self.file is not None, "a chunk is bytes or a place"
        return self.file.read(self.offset, self.size_bytes)


def changed(name: str) -> Unavailable:
    """The error for a file that is not what it was when it was scanned."""
    return Unavailable(f"{name}: changed while it was read", hint="ingest a file only when its writer is done with it")
