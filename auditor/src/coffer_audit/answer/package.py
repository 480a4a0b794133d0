"""The files of an answer, from a folder or a signed package (docs/formats/disclosure.md).

A package is accepted only if it is, byte for byte, the zip that its files give: uncompressed entries in a fixed order
with fixed fields. So nothing can hide before, between or behind them, nothing is unpacked, and every zip reader sees
the same files.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from coffer_audit.errors import MalformedInput, NotProven, Unavailable, verify_that
from coffer_audit.notes import parse_note, verify_signers
from coffer_audit.wire import Lines, list_folder, parse_decimal, parse_hex, parse_words, read_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from coffer_audit.notes import Note, VerifyKey

MAX_FILES = 65_000
MAX_PACKAGE_BYTES = (1 << 30) + (1 << 26)
"""The files take at most 1 GiB; each name stands in the zip twice."""
MAX_MANIFEST_BYTES = 1 << 25
MAX_MANIFEST_LINES = MAX_FILES + 16
PATH = r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*"
LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
DATE = 0x21
"""1980-01-01 as MS-DOS writes it."""
MODE = 0o100600 << 16


class Files(Protocol):
    """Files by path within an answer."""

    def read(self, path: str, limit: int) -> bytes:
        """Give the content of a file.

        Raises: Unavailable if there is none, MalformedInput if it is longer than `limit`.
        """

    def names(self, folder: str) -> list[str]:
        """Give the sorted names directly in a folder; none if it does not exist."""

    def has(self, path: str) -> bool:
        """Whether there is such a file."""


class FolderFiles:
    """The files of a folder on disk."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise Unavailable(f"{str(folder)!a}: found no folder or package, expected an answer")
        self._folder = folder
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        if len(sizes) > MAX_FILES or sum(sizes) > MAX_PACKAGE_BYTES:
            raise MalformedInput(
                f"{str(folder)!a}: found {len(sizes)} files of {sum(sizes)} B, expected at most {MAX_FILES} of {MAX_PACKAGE_BYTES} B"
            )

    def read(self, path: str, limit: int) -> bytes:
        """Give a whole file."""
        return read_file(self._folder / path, limit)

    def names(self, folder: str) -> list[str]:
        """Give the sorted names in a folder."""
        return list_folder(self._folder / folder)

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return (self._folder / path).is_file()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The signed list of a package: its log, its authorization, and the hash of each file."""

    origin: str
    authorization: str
    note: Note


class PackageFiles:
    """The files of a package, each with the hash that its manifest gives.

    The manifest's signature is not verified yet.
    """

    def __init__(self, raw: bytes) -> None:
        entries = parse_zip(raw)
        if not entries or entries[0][0] != "MANIFEST":
            raise MalformedInput("package: found another first file, expected MANIFEST")
        files: dict[str, memoryview] = dict(entries[1:])
        if [path for path, _ in entries[1:]] != sorted(files) or "MANIFEST" in files:
            raise MalformedInput("package: found its files in another order or one twice, expected them sorted")
        self._files: Mapping[str, memoryview] = files
        self.manifest = parse_manifest(bytes(entries[0][1][: MAX_MANIFEST_BYTES + 1]), files)

    def read(self, path: str, limit: int) -> bytes:
        """Give a whole file."""
        if path not in self._files:
            raise Unavailable(f"{path!a}: found no such file in the package, expected one")
        if len(self._files[path]) > limit:
            raise MalformedInput(f"{path!a}: found {len(self._files[path])} B, expected at most {limit} B")
        return bytes(self._files[path])

    def names(self, folder: str) -> list[str]:
        """Give the sorted names in a folder."""
        inner = [path[len(folder) + 1 :] for path in self._files if path.startswith(f"{folder}/")]
        return sorted({name.partition("/")[0] for name in inner})

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return path in self._files

    def verify_manifest(self, origin: str, authorization: str, key: VerifyKey) -> None:
        """Raise NotProven unless the requester alone signed the manifest, for this authorization."""
        manifest = self.manifest
        verify_that(manifest.origin == origin, "MANIFEST origin: found another than the log's")
        verify_that(manifest.authorization == authorization, "MANIFEST authorization: found another than the note's")
        signers = verify_signers(manifest.note, [key], "MANIFEST")
        verify_that(
            signers == {key.identity} and len(manifest.note.signatures) == 1,
            "MANIFEST: found no signature of the requester, or another beside it",
        )


def open_answer(path: Path) -> Files:
    """Give the files of an answer: of a folder, or of a package if the path is a file."""
    return PackageFiles(read_file(path, MAX_PACKAGE_BYTES)) if path.is_file() else FolderFiles(path)


def parse_manifest(raw: bytes, files: Mapping[str, bytes | memoryview]) -> Manifest:
    """Read the manifest and compare every file with it; none may be missing or left over."""
    count = raw.count(b"\n")
    if count > MAX_MANIFEST_LINES:
        raise MalformedInput(f"MANIFEST: found {count} lines, expected at most {MAX_MANIFEST_LINES}")
    note = parse_note(raw, "MANIFEST", limit=MAX_MANIFEST_BYTES)
    if note.lines[0] != "coffer.disclosure/v1":
        raise MalformedInput("MANIFEST line 1: found another, expected coffer.disclosure/v1")
    lines = Lines(note.lines[1:], "MANIFEST")
    origin, authorization = lines.take("origin"), parse_hex(lines.take("authorization"), 32, "MANIFEST authorization")
    listed: dict[str, tuple[str, int]] = {}
    for _, value in lines.take_all("file", at_most=MAX_FILES):
        digest, size, path = parse_words(value, 3, "MANIFEST file")
        if path in listed:
            raise MalformedInput("MANIFEST file: found a path twice, expected each once")
        listed[path] = (parse_hex(digest, 32, "MANIFEST file"), parse_decimal(size, "MANIFEST file"))
    lines.end()
    if list(listed) != sorted(listed):
        raise MalformedInput("MANIFEST file: found another order, expected paths ascending")
    for path in sorted(listed.keys() | files.keys()):
        if path not in listed:
            raise NotProven(f"{path!a}: found a file that the manifest does not list")
        if path not in files:
            raise NotProven(f"{path!a}: found no such file, expected one as the manifest lists it")
        if listed[path] != (hashlib.sha256(files[path]).hexdigest(), len(files[path])):
            raise NotProven(f"{path!a}: found other bytes than the manifest lists")
    return Manifest(origin=origin, authorization=authorization, note=note)


def parse_zip(raw: bytes) -> list[tuple[str, memoryview]]:
    """Give names and contents in order; refuse a zip that is not in the form of a package.

    The contents are views, and the form is compared piece by piece, so nothing is copied.
    """
    view, entries, central, at = memoryview(raw), list[tuple[str, memoryview]](), list[bytes](), 0
    is_same = True
    while raw[at : at + 4] == LOCAL and len(entries) <= MAX_FILES:
        head = raw[at : at + 30]
        if len(head) < 30:
            raise MalformedInput(f"package byte {at}: found its end, expected an entry")
        size, name_size = struct.unpack("<I", head[22:26])[0], struct.unpack("<H", head[26:28])[0]
        name, start = raw[at + 30 : at + 30 + name_size], at + 30 + name_size
        if not re.fullmatch(PATH, name.decode("latin-1"), re.ASCII) or start + size > len(raw):
            raise MalformedInput(f"package byte {at}: found a name or size that no package has, expected a plain path")
        content = view[start : start + size]
        entries.append((name.decode("ascii"), content))
        fields = _format_fields(name, content)
        is_same &= raw[at:start] == LOCAL + fields + name
        central.append(_format_central(name, fields, at))
        at = start + size
    if len(entries) > MAX_FILES or not is_same or raw[at:] != _format_directory(central, at):
        raise MalformedInput(
            f"package: found other bytes than its {len(entries)} files give, expected stored entries in the one form",
            hint="was it unpacked and packed again? Take the file as the desk handed it over",
        )
    return entries


def format_zip(entries: Iterable[tuple[str, bytes]]) -> bytes:
    """Give the zip of these files, in the one form that `parse_zip` takes."""
    parts, central, at = list[bytes](), list[bytes](), 0
    for path, raw in entries:
        name, fields = path.encode("ascii"), _format_fields(path.encode("ascii"), raw)
        central.append(_format_central(name, fields, at))
        parts.append(LOCAL + fields + name + raw)
        at += len(parts[-1])
    return b"".join(parts) + _format_directory(central, at)


def _format_fields(name: bytes, raw: bytes | memoryview) -> bytes:
    return struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, DATE, zlib.crc32(raw), len(raw), len(raw), len(name), 0)


def _format_central(name: bytes, fields: bytes, offset: int) -> bytes:
    return CENTRAL + struct.pack("<H", 20 | 3 << 8) + fields + struct.pack("<HHHII", 0, 0, 0, MODE, offset) + name


def _format_directory(central: list[bytes], offset: int) -> bytes:
    directory = b"".join(central)
    return directory + END + struct.pack("<HHHHIIH", 0, 0, len(central), len(central), len(directory), offset, 0)
