"""From files to records: the format of each file, and the readers that need files in order.

Steps 2 and 3 of ``docs/procedures/ingest.md``. Ingest and ``coffer feed check`` both read with this code. It does I/O
through ``sources`` and decides nothing.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from coffer.errors import MalformedInput
from coffer.procedures.ingest.decoding import UTF_16
from coffer.procedures.ingest.going_on import GoingOn
from coffer.procedures.ingest.sources import WHOLE, Run, Source
from coffer.procedures.ingest.stored import source_of
from coffer.records.draft import Window
from coffer.records.feed import Feed
from coffer.records.readers.formats import HEAD_BYTES, Detected, detect
from coffer.records.readers.port import BoundFeed, Found, Framing, Piece
from coffer.records.readers.text.arrays import is_array
from coffer.records.readers.text.carriers import without_carriers
from coffer.records.readers.text.head import UTF_16_MARKS, verify_lines
from coffer.records.readers.text.order import in_time_order
from coffer.records.readers.text.quoting import Quoting
from coffer.records.settings import MAPPED


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFile:
    """A file whose format is known.

    ``feed``: the one by which it is read, with the mapping of the preset that it was found to be of. ``bound``: the
    format as the feed binds it to this file; None if its lines cannot be read independently. ``skip_lines``: lines of
    a table before its first record, which are titles and the header.
    """

    source: Source
    detected: Detected
    feed: Feed
    bound: BoundFeed | None
    skip_lines: int = 0

    @property
    def is_text(self) -> bool:
        """Whether the file is cut at line ends."""
        return self.detected.format.framing is Framing.LINES

    @property
    def reader_name(self) -> str:
        """The reader that sees it in order: one for all files of a format; of tables, for all of a preset."""
        return f"{self.detected.format.name} {self.feed.preset}"

    @property
    def keeps_torn(self) -> bool:
        """Whether a last line without a line end is read: of every table, joined or not."""
        return self.bound is not None or self.feed.mapping.join is not None


def open_file(name: str, feed: Feed, source: Source | None = None) -> OpenFile:
    """A file with its format, and the feed bound to it. ``source``: the file, if it was opened already.

    Raises:
        MalformedInput: the file is missing, empty, of no format or of several, or lacks columns that the feed names.
    """
    source = source or source_of(name)
    detected = detect(source.head(HEAD_BYTES), source.name, feed)
    if detected.preset is not None:
        feed = feed.by_preset(detected.preset)
    if detected.format.name in MAPPED:
        source.encoding = encoding_of(source.head(HEAD_BYTES), feed)
        source.is_table = True
        source.is_array = detected.format.name == "jsonl" and is_array(source.head(HEAD_BYTES))
    bind = detected.format.bind
    if bind is None:
        return OpenFile(source=source, detected=detected, feed=feed, bound=None)
    head = source.head(HEAD_BYTES)
    verify_lines(head, source.name)
    bound = bind(feed, head, source.name)
    if detected.format.name == "csv":
        source.quoting, source.unquoted_lines = Quoting.of(feed.mapping.text), bound.skip_lines
    # Rows that are joined are read in order. Binding has shown that the columns are there.
    return OpenFile(
        source=source,
        detected=detected,
        feed=feed,
        bound=None if feed.mapping.join else bound,
        skip_lines=bound.skip_lines,
    )


def encoding_of(head: bytes, feed: Feed) -> str:
    """The encoding in which a table's file is to be opened; empty for one that is read as bytes."""
    if head.startswith(UTF_16_MARKS):
        return "utf-16"
    encoding = feed.mapping.text.encoding
    return encoding if encoding in UTF_16 else ""


def in_reading_order(opened: Sequence[OpenFile], feed: Feed, latest: dt.datetime) -> list[OpenFile]:
    """The files in the order in which to read them.

    Files whose readers carry state from one to the next are sorted by age, oldest first, among the places that they
    have. All others keep their places. ``latest``: a stamp without a year is never later than this.
    """
    places = [place for place, one in enumerate(opened) if one.bound is None]
    heads = [_bare_head(opened[place]) for place in places] if len(places) > 1 else []
    ordered = list(opened)
    for place, number in zip(places, in_time_order(heads, feed, latest), strict=False):
        ordered[place] = opened[places[number]]
    return ordered


def _bare_head(one: OpenFile) -> bytes:
    return without_carriers(one.source.head(HEAD_BYTES), one.detected.carriers)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Step:
    """The results of reading ``size_bytes`` of a file.

    ``results``: each names the file that it belongs to, which may be an earlier one. ``overtaken``: how many events
    that were sealed before continue here.
    """

    results: Sequence[Found]
    size_bytes: int
    overtaken: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Ordered:
    """A file that is read in order: its number among those of the ingest, and runs that cover all of it."""

    number: int
    opened: OpenFile
    runs: Sequence[Run]


class InOrder:
    """The readers of one ingest, one for each format. Files are read one after the other.

    Known runs are read too, because events may continue after them. Their records are not given again (``going_on``).
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._readers: dict[str, GoingOn] = {}

    def read(self, file: int, opened: OpenFile, runs: Sequence[Run] = WHOLE) -> Iterator[Step]:
        """Read file number ``file``, whose source was scanned before. ``runs`` cover all of it.

        Raises:
            MalformedInput: the whole file has another format.
        """
        reader = self._reader(opened)
        with _naming(opened.source.name):
            for run, piece, torn in _pieces(file, opened, runs):
                yield Step(results=reader.turn(file, is_known=run.is_known, torn=torn), size_bytes=0)
                yield Step(results=reader.take(piece), size_bytes=len(piece.data))
            yield Step(results=reader.end_file(file), size_bytes=0)

    def finish(self) -> Iterator[Step]:
        """The last results, once there are no more files."""
        for reader in self._readers.values():
            yield Step(results=reader.finish(), size_bytes=0, overtaken=reader.overtaken)

    def _reader(self, opened: OpenFile) -> GoingOn:
        form, name = opened.detected.format, opened.reader_name
        if name not in self._readers:
            opens = form.open or form.join
            assert opens is not None, "a format is read in order or by a bound feed"
            self._readers[name] = GoingOn(opens(opened.feed, self._window))
        return self._readers[name]


def _pieces(file: int, opened: OpenFile, runs: Sequence[Run]) -> Iterator[tuple[Run, Piece, Piece | None]]:
    """A file in pieces, each with its run, and with the line that had no end when it was read before."""
    if opened.is_text:
        for run, chunk in opened.source.chunks_of(runs, skip_lines=0):
            data, carriers = chunk.read(), opened.detected.carriers
            torn = without_carriers(data[: run.torn_bytes], carriers)
            piece = Piece(file=file, data=without_carriers(data, carriers), first=chunk.first_line)
            yield run, piece, replace(piece, data=torn) if torn else None
    else:
        at = 0
        for data in opened.source.runs():
            yield runs[0], Piece(file=file, data=data, first=at), None
            at += len(data)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Put the file's name before an error's message: readers know files only by number."""
    try:
        yield
    except MalformedInput as error:
        raise MalformedInput(f"{name}: {error.message}", hint=error.hint) from None
