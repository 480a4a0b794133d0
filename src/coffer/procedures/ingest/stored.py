"""Files of records in an object store, named ``s3://BUCKET/KEY``. This is I/O and decides nothing.

They are read in ranges and never written to a disk of this machine: they hold what the vault seals.
"""

import hashlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import BinaryIO, Final, cast

from coffer.errors import MalformedInput
from coffer.objects.address import StoreAddress, parse_address
from coffer.objects.store import StoreObjects
from coffer.procedures.ingest.packed import GZIP, ZSTD, open_gzip, open_zstd
from coffer.procedures.ingest.places import changed
from coffer.procedures.ingest.sources import Source

_BUFFER_BYTES: Final = 8 * 2**20
"""Asked for at once."""


class StoredSource(Source):
    """As ``Source``, of an object.

    It must not change before the ingest is over: size and entity tag are compared.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._address = name
        self._store, self._key = _place(name)
        self._size = 0
        self._heads: dict[tuple[str, int], bytes] = {}

    @classmethod
    def of(cls, name: str) -> "StoredSource":
        """The source for an object that can be read.

        Raises:
            MalformedInput: the object is missing or empty, or the name is no address.
            Unavailable: the store does not answer.
        """
        source = cls(name)
        if (size := source._store.size(source._key)) is None:
            raise MalformedInput(f"{source.name}: no such object")
        source._size = size
        if not size:
            raise MalformedInput(f"{source.name}: is empty")
        return source

    def size_bytes(self) -> int:
        """As ``Source``."""
        return self._size

    @property
    def readable(self) -> "StoredPlace":
        """As ``Source``: whoever has credentials reads the object."""
        return StoredPlace(self._address)

    def _is_plain(self, reader: BinaryIO) -> bool:
        return isinstance(getattr(reader, "raw", None), _StoredFile)

    def changed_year(self) -> int:
        """Not known: a store says when an object was put, which is not when its log was written."""
        return 0

    def head(self, size: int) -> bytes:
        """As ``Source``, asked for once: the format is found in several looks."""
        which = (self.encoding, size)
        if which not in self._heads:
            self._heads[which] = super().head(size)
        return self._heads[which]

    def _identity(self) -> tuple[int, int]:
        tag = self._store.tag(self._key)
        if tag is None:
            raise changed(self.name)
        self._size, text = tag  # what is scanned now is as long as it is now
        return self._size, int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")

    def _raw_reader(self) -> BinaryIO:
        size = self._size
        reader = io.BufferedReader(_StoredFile(self._store, self._key, size), _BUFFER_BYTES)
        file = cast("BinaryIO", reader)
        magic = reader.peek(4)[:4]
        if magic.startswith(GZIP):
            return open_gzip(file, self.name, packed_bytes=size)
        return open_zstd(file, self.name, packed_bytes=size) if magic == ZSTD else file


@dataclass(frozen=True, slots=True, repr=False)
class StoredPlace:
    """An object of records by its address. Each process opens the store with its own credentials."""

    name: str

    def resolved(self) -> "StoredPlace":
        """As ``Readable``."""
        return self

    def read(self, offset: int, size: int) -> bytes:
        """As ``Readable``."""
        store, key = _place(self.name)
        data = store.range(key, offset, size)
        if len(data) != size:
            raise changed(key)
        return data


class _StoredFile(io.RawIOBase):
    """The bytes of an object in order."""

    def __init__(self, store: StoreObjects, key: str, size: int) -> None:
        self._store = store
        self._key = key
        self._at, self._size = 0, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        wanted = min(len(buffer), self._size - self._at)
        data = self._store.range(self._key, self._at, wanted) if wanted > 0 else b""
        if len(data) != max(wanted, 0):
            raise changed(self._key)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def is_stored(name: str) -> bool:
    """Whether a name is an address in a store."""
    return "://" in name


def source_of(name: str) -> Source:
    """The source for a file of this machine, standard input or an object. Raises as ``Source.open``."""
    return StoredSource.of(name) if is_stored(name) else Source.open(name)


def is_empty(name: str) -> bool:
    """As ``Source.is_empty``; of an object, whether it has no bytes."""
    if not is_stored(name):
        return Source.is_empty(name)
    store, key = _place(name)
    return store.size(key) == 0


def expand(names: Sequence[str]) -> list[str]:
    """The names, with the objects that an address with ``*`` in its last part stands for, ascending.

    Raises:
        MalformedInput: there is no such object, or ``*`` stands elsewhere.
        Unavailable: the store does not answer.
    """
    expanded: list[str] = []
    for name in names:
        if not is_stored(name) or "*" not in name:
            expanded.append(name)
            continue
        folder, _, pattern = name.rpartition("/")
        store = _opened(parse_address(folder, "files"))
        keys = [key for key in store.keys("") if "/" not in key and fnmatchcase(key, pattern)]
        if not keys:
            raise MalformedInput(f"{pattern}: no such object", hint="* stands for any letters of an object's own name")
        expanded += [f"{folder}/{key}" for key in keys]
    return expanded


def _place(name: str) -> tuple[StoreObjects, str]:
    address = parse_address(name, "file")
    root, _, key = address.root.rpartition("/")
    if not root:
        raise MalformedInput("file: an address without an object's name, expected s3://BUCKET/KEY")
    return _opened(StoreAddress(scheme=address.scheme, root=root)), key


@cache
def _opened(address: StoreAddress) -> StoreObjects:
    return StoreObjects(address, None, os.urandom)
