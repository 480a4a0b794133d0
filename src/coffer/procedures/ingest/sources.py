"""Files of records as streams of whole rows. This is I/O and decides nothing.

A file is plain, gzip or zstd, which its content shows, or it is standard input.
"""

import datetime as dt
import hashlib
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final, Self, cast

from coffer.errors import MalformedInput, Unavailable
from coffer.procedures.ingest.decoding import ArrayReader, Utf16Reader
from coffer.procedures.ingest.marking import CACHED_BYTES, Mark, Marking, count_line_ends
from coffer.procedures.ingest.packed import DAMAGED, GZIP, MAX_STDIN_BYTES, ZSTD, open_gzip, open_zstd, unpack
from coffer.procedures.ingest.places import Chunk, FilePath, Readable, changed
from coffer.records.readers.text.quoting import Quoting, RowEnds

CHUNK_BYTES: Final = 16 * 2**20
"""Large enough that column-wise work dominates, small enough that a few fit into the memory of any machine."""
STDIN: Final = "-"
_BOM: Final = b"\xef\xbb\xbf"
_MOST_NULS: Final = 500
"""Of so many bytes of a table one may be NUL. Text has none but by mistake; of other files one in 256 and more are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A file's unpacked content, as a scan saw it.

    ``hash``: its SHA-256. ``size``: its bytes. ``lines``: how many, with the header. ``is_torn``: it is text, and its
    last row does not end. ``marks``: the wanted marks, by place.
    """

    hash: bytes
    size: int
    lines: int
    is_torn: bool
    marks: dict[int, Mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Bytes ``start`` to ``end`` of a file's unpacked content. A row begins at ``start``.

    ``first_line``: the number of its line, from 1. ``is_known``: the bytes were sealed before. ``torn_bytes``: so many at
    the beginning were read before, as a row without its end.
    """

    start: int
    end: int
    first_line: int
    is_known: bool
    torn_bytes: int = 0


WHOLE: Final = (Run(start=0, end=sys.maxsize, first_line=1, is_known=False),)
"""A whole file, of which nothing is known."""


class Source:
    """One file. ``scan`` reads all of it once, then ``chunks`` gives its rows.

    Standard input is held in memory between the two. ``until``: the file ends there for us, because its writer adds to
    it meanwhile; a line ends there. Where that line is within a row, the file ends before the row.
    """

    def __init__(self, name: str, until: int | None = None) -> None:
        self.name = "standard input" if name == STDIN else Path(name).name
        self._path = None if name == STDIN else Path(name)
        self._stdin: bytes | None = None
        self._until = until
        self._seen = (0, 0)
        self._hash = b""
        self.inode = (0, 0)
        self.encoding = ""
        """``utf-16`` and its likes: the content is what is written so, in UTF-8. Empty: the bytes as they are."""
        self.is_array = False
        """Whether the content is an array of JSON objects, which is given as a line for each."""
        self.quoting: Quoting | None = None
        """How a table quotes: a line end within quotes ends no row. None: each line is a row."""
        self.unquoted_lines = 0
        """Titles and header of such a table, of which each line is one."""
        self.is_table = False
        """Whether it is read as a table: a text in one of its cells may hold a NUL byte and costs no other row."""
        self._places: list[Chunk] = []

    @classmethod
    def open(cls, name: str, until: int | None = None) -> Self:
        """The source for a file that can be read.

        Raises:
            MalformedInput: the file is missing, a folder, not a plain file, or empty.
        """
        source = cls(name, until)
        if source._path is not None:
            if source._path.is_dir():
                raise MalformedInput(
                    f"{source.name}: is a folder, expected a file",
                    hint="name the files in it, for example with a pattern",
                )
            if not source._path.exists():
                raise MalformedInput(f"{source.name}: no such file")
            if not source._path.is_file():
                raise MalformedInput(
                    f"{source.name}: not a plain file", hint="to read from a pipe, use - for standard input"
                )
        with source._reader() as reader:
            if not source._read(reader, 1):
                raise MalformedInput(f"{source.name}: is empty")
        return source

    @property
    def readable(self) -> Readable | None:
        """Where the file lies, for whoever else reads it; None for standard input."""
        return None if self._path is None else FilePath(self._path)

    def _is_plain(self, reader: BinaryIO) -> bool:
        """Whether a reader gives the bytes as they lie there: then rows can be told by their places."""
        return isinstance(getattr(reader, "raw", None), io.FileIO)

    @classmethod
    def is_empty(cls, name: str) -> bool:
        """Whether a file holds nothing, packed or not.

        False for standard input, because nobody knows before it is read.
        """
        source = cls(name)
        if source._path is None or not source._path.is_file():
            return False
        with source._reader() as reader:
            return not source._read(reader, 1)

    def size_bytes(self) -> int:
        """Bytes as stored (packed), for progress."""
        if self._path is None:
            return len(self._stdin or b"")
        return self._path.stat().st_size if self._until is None else self._until

    def scan(self, *, is_text: bool = True, marks: Sequence[int] = ()) -> Content:
        """Read the whole file once; returns the hash, size, lines and marks of its unpacked content.

        ``is_text``: for binary files the number of lines means nothing. ``marks``: the places to describe, ascending
        and above 0. Places beyond the content are left out.

        Raises:
            MalformedInput: the file should be text and is not (a NUL byte, or no line end for 16 MiB), or its
                compression is damaged.
        """
        self._seen = self._identity()
        rows = self._row_ends()
        state, line, last = Marking(marks, rows), 1, b"\n"
        start, first_line, end, row_line = 0, 1, 0, 1
        size = min(CACHED_BYTES, CHUNK_BYTES)
        self._places = []
        with self._reader() as reader:
            is_plain = self._is_plain(reader)
            while data := self._read(reader, size):
                state.update(data)
                row_end = state.row_start if is_text else end
                if is_text:
                    self._verify_text(data, rows, line=row_line, waiting=end + len(data) - row_end)
                line += count_line_ends(data)
                if row_end > end:
                    row_line = line - data.count(b"\n", row_end - end)
                    if is_plain and row_end - start > CHUNK_BYTES - size:
                        self._places.append(self._place(start, row_end - start, first_line))
                        start, first_line = row_end, row_line
                end += len(data)
                last = data[-1:]
        if is_plain and start < end:
            self._places.append(self._place(start, end - start, first_line))
        if self._until is not None and is_plain:
            if end != self._until or last != b"\n":
                raise changed(self.name)  # it was truncated and written anew since somebody saw a line end there
            if 0 < state.row_start < end:
                self._until = state.row_start  # its writer is within a row, which is read once it is whole
                return self.scan(is_text=is_text, marks=marks)
        self._hash = state.digest()
        return Content(
            hash=self._hash,
            size=end,
            lines=line - 1 + (last != b"\n"),
            is_torn=is_text and state.row_start != end,
            marks=state.marks,
        )

    def _row_ends(self) -> RowEnds:
        return RowEnds(self.quoting, self.unquoted_lines, may_be_marked=True)

    def _verify_text(self, data: bytes, rows: RowEnds, *, line: int, waiting: int) -> None:
        """Refuse what is no text. ``waiting``: bytes of a row that has not ended; ``line``: its first."""
        if b"\0" in data and (not self.is_table or data.count(b"\0") * _MOST_NULS > len(data)):
            raise MalformedInput(f"{self.name}: not text: it holds a NUL byte", hint="is this a CSV file?")
        if waiting <= CHUNK_BYTES:
            return
        what, hint = "no line end", "is this a CSV file?"
        if rows.is_open:
            what, hint = "no end of a quote", 'if the file quotes nothing, set quote = "" in the feed'
        raise MalformedInput(f"{self.name}: line {line}: {what} in {CHUNK_BYTES:,} bytes", hint=hint)

    def _place(self, offset: int, size: int, line: int) -> Chunk:
        return Chunk(first_line=line, size_bytes=size, data=None, file=self.readable, offset=offset)

    def changed_year(self) -> int:
        """The year in which the file was last changed; 0 for standard input."""
        return dt.datetime.fromtimestamp(self._path.stat().st_mtime, dt.UTC).year if self._path is not None else 0

    def verify_unchanged(self) -> None:
        """Prove that the file's size and time of change are the same as when it was scanned.

        Of a file that is read up to a place, what is before the place must be the same.

        Raises:
            Unavailable: they are not.
        """
        inode = self.inode
        if self._seen == self._identity():
            return
        if self._until is None or inode != self.inode or self._hash != self._digest():
            raise changed(self.name)

    def _digest(self) -> bytes:
        """SHA-256 of the content as it is now."""
        state = hashlib.sha256()
        with self._reader() as reader:
            while data := self._read(reader, CACHED_BYTES):
                state.update(data)
        return state.digest()

    def _identity(self) -> tuple[int, int]:
        if self._path is None:
            return (0, 0)
        try:
            status = self._path.stat()
        except OSError:  # log rotation may have moved it away
            raise changed(self.name) from None
        self.inode = (status.st_ino, status.st_dev)
        return (status.st_size, status.st_mtime_ns)

    def head(self, size: int) -> bytes:
        """The first bytes of the unpacked content."""
        with self._reader() as reader:
            return self._read(reader, size)

    def runs(self) -> Iterator[bytes]:
        """All bytes of the unpacked content in order, text or not.

        Raises:
            MalformedInput: the file's compression is damaged.
        """
        with self._reader() as reader:
            while data := self._read(reader, CHUNK_BYTES):
                yield data

    def chunks(self, *, skip_lines: int) -> Iterator[Chunk]:
        """The rows after the first ``skip_lines`` lines, in order. Call ``scan`` before.

        Raises:
            MalformedInput: the file is not text, or its compression is damaged.
        """
        return (chunk for _, chunk in self.chunks_of(WHOLE, skip_lines=skip_lines))

    def chunks_of(self, runs: Sequence[Run], *, skip_lines: int) -> Iterator[tuple[Run, Chunk]]:
        """As ``chunks``, but only the rows of ``runs``, each chunk with its run. The runs are in order."""
        if self._places:
            yield from self._placed(skip_lines, runs)
            return
        at = 0
        for data, line in self._whole_rows():
            for run in runs:
                low, high = max(run.start - at, 0), min(run.end - at, len(data))
                if low < high:
                    first = line + data.count(b"\n", 0, low)
                    body = data[low:high].removeprefix(_BOM) if at == low == 0 else data[low:high]
                    yield from ((run, chunk) for chunk in _chunk(body, first, skip_lines))
            at += len(data)

    def _whole_rows(self) -> Iterator[tuple[bytes, int]]:
        """Whole rows, many at a time, each time with the number of the first line."""
        line, rest, rows = 1, b"", self._row_ends()
        with self._reader() as reader:
            while data := self._read(reader, CHUNK_BYTES):
                cut = rows.take(data)
                self._verify_text(data, rows, line=line, waiting=0 if cut else len(rest) + len(data))
                if not cut:
                    rest = rest + data
                    continue
                whole, rest = rest + data[:cut], data[cut:]
                yield whole, line
                line += count_line_ends(whole)
            if rest:
                yield rest, line

    def _placed(self, skip_lines: int, runs: Sequence[Run]) -> Iterator[tuple[Run, Chunk]]:
        """The places that ``scan`` stored, as far as they are in ``runs``.

        The byte-order mark and the lines to skip are left out.
        """
        with self._reader() as reader:
            head = self._read(reader, self._places[0].size_bytes)
        unwanted = len(head) - len(head.removeprefix(_BOM))
        for _ in range(skip_lines):
            unwanted = head.find(b"\n", unwanted) + 1 or len(head)
        for run in runs:
            begin, line = (run.start, run.first_line) if run.start else (unwanted, 1 + skip_lines)
            for place in self._places:
                low, high = max(begin, place.offset), min(run.end, place.offset + place.size_bytes)
                if low < high:
                    first = place.first_line if low == place.offset and low != begin else line
                    yield run, replace(place, offset=low, size_bytes=high - low, first_line=first)

    def _reader(self) -> BinaryIO:
        raw = self._raw_reader()
        text = cast("BinaryIO", Utf16Reader(raw, self.encoding)) if self.encoding else raw
        return cast("BinaryIO", ArrayReader(text)) if self.is_array else text

    def _raw_reader(self) -> BinaryIO:
        if self._path is None:
            if self._stdin is None:
                self._stdin = unpack(sys.stdin.buffer.read(MAX_STDIN_BYTES + 1))
            return io.BytesIO(self._stdin)
        try:
            file = self._path.open("rb")
            magic = file.read(4)
            file.seek(0)
        except OSError as error:
            raise Unavailable(f"{self.name}: {error.strerror}") from error
        packed_bytes = self._path.stat().st_size
        if magic.startswith(GZIP):
            file.close()
            return open_gzip(self._path, self.name, packed_bytes=packed_bytes)
        if magic == ZSTD:
            return open_zstd(file, self.name, packed_bytes=packed_bytes)
        if self._until is not None:
            file.close()
            return io.BufferedReader(_UpTo(self._path, self._until))
        return file

    def _read(self, reader: BinaryIO, size: int) -> bytes:
        try:
            return reader.read(size)
        except DAMAGED:
            raise MalformedInput(f"{self.name}: its compression is damaged or cut off") from None
        except OSError as error:
            raise Unavailable(f"{self.name}: {error.strerror}") from error


class _UpTo(io.FileIO):
    """A plain file that ends at a place, whatever its writer adds meanwhile."""

    def __init__(self, path: Path, until: int) -> None:
        super().__init__(path, "rb")
        self._until = until

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """As ``io.FileIO``, up to the place."""
        return super().readinto(memoryview(buffer)[: max(0, self._until - self.tell())]) or 0


def _chunk(data: bytes, line: int, skip_lines: int) -> Iterator[Chunk]:
    """``data`` without the lines to skip, if any of it is left."""
    while line <= skip_lines and data:
        data = data[data.find(b"\n") + 1 :] if b"\n" in data else b""
        line += 1
    if data:
        yield Chunk(first_line=line, size_bytes=len(data), data=data)
