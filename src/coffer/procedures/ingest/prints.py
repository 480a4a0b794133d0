"""The slow fingerprints of new parts of files.

They are made side by side, and no further when nobody wants them any more.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from coffer.procedures.ingest.sources import Content, Run
from coffer.vault.memory import SALT_BYTES, Cost, MemoryKey

_AT_ONCE: Final = 2
"""Fingerprints made side by side, of up to 64 MiB each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prints:
    """The fingerprints of one part of a file.

    ``whole``: of all that stands before the part's end. ``before``: before its beginning; 0 at the start of the file.
    """

    salt: bytes
    whole: int
    before: int


@dataclass(slots=True)
class Printer:
    """Makes fingerprints under one key. Each takes up to 0.1 s."""

    key: MemoryKey
    cost: Cost
    _is_stopped: bool = False

    def prints_of(self, parts: Sequence[tuple[Content, Run]], entropy: Callable[[int], bytes]) -> list[Prints]:
        """The fingerprints of some parts, each under a salt of its own.

        Raises:
            CancelledError: the block of ``stopping`` ended early.
        """
        salts = [entropy(SALT_BYTES) for _ in parts]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self._prints, parts, salts))

    def _prints(self, part: tuple[Content, Run], salt: bytes) -> Prints:
        content, run = part
        before = self._print(content, run.start, salt) if run.start else 0
        return Prints(salt=salt, whole=self._print(content, run.end, salt), before=before)

    def _print(self, content: Content, place: int, salt: bytes) -> int:
        if self._is_stopped:
            raise CancelledError
        return self.key.print(hash_before(content, place), salt, self.cost.memory_kib)

    @contextmanager
    def stopping(self) -> Iterator[None]:
        """Whatever ends this block early also ends the making of fingerprints, which may take minutes."""
        try:
            yield
        except BaseException:
            self._is_stopped = True
            raise


def hash_before(content: Content, place: int) -> bytes:
    """SHA-256 of all content before a place.

    The place has a mark, or is the beginning of the row that reaches a mark.
    """
    if place == content.size:
        return content.hash
    if place in content.marks:
        return content.marks[place].hash
    return next(mark.row_hash for mark in content.marks.values() if mark.row_start == place)
