"""The port of readers that must see a file in order.

One event may stand in several of its lines or in several files. A reader is a fold without I/O, clock or randomness:
``take`` is given pieces of files in order and gives what is complete, ``end_file`` what a cut-off end leaves,
``finish`` what stayed open. Contract, which ``tests/contract/test_readers.py`` tries on every reader:

- Each source record is accounted for exactly once, in the batch, the rejects or ``merged`` of a ``Found`` of *its own* file.
- Content (message text, subjects, user data) is dropped inside the reader: it reaches no batch, reject, message or exception.
- The same files give the same records however they are cut into pieces.
- A file cut at any byte gives the records before the cut, and the rest is one reject ``cut-off``.
- Memory is bounded: at most ``MAX_OPEN`` events are open; the oldest is then given as it stands.
- Raises only ``MalformedInput``, and only for a file that is of another format as a whole; a bad record is a reject.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from coffer.records.draft import Parsed, Window

MAX_OPEN: Final = 1_000_000
"""Events that wait for more of their lines: about 0.5 GiB at most; a day of a large mail system has far fewer at once."""


class Framing(Enum):
    """How files are cut into pieces: after a line end, or anywhere."""

    LINES = "lines"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Piece:
    """A run of one file.

    ``file``: its number among those ingested together. ``first``: the line (from 1) or byte (from 0) it begins with.
    """

    file: int
    data: bytes
    first: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Found:
    """What became of some source records of file number ``file``."""

    file: int
    parsed: Parsed


class Reader(Protocol):
    """One format, for one ingest. Used by one thread."""

    def take(self, piece: Piece) -> Sequence[Found]:
        """Read the next piece: pieces of a file come in order, files one after the other."""
        ...

    def end_file(self, file: int) -> Sequence[Found]:
        """The file has no more pieces."""
        ...

    def finish(self) -> Sequence[Found]:
        """There are no more files: what is still open is given as it stands."""
        ...


class BoundFeed(Protocol):
    """A feed bound to a file of which any run of whole lines can be read alone, in any process and order.

    Pickles. ``skip_lines``: how many lines stand before the first record.
    """

    @property
    def skip_lines(self) -> int:
        """Lines to leave out at the beginning of the file."""
        ...

    def read(self, data: bytes, *, first_line: int, window: Window) -> Parsed:
        """Read whole lines; ``first_line`` is the number of the first of them in the file, from 1."""
        ...
