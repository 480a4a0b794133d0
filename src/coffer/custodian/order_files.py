"""The files of orders at a custodian: kept sealed while the note that names them is held.

Promises: a file is kept only if the desk's own note names its hash and size, and all files together stay within a number
and a size, whatever the desk sends. What is read was proven to be the note's. Trusts: its caller for which notes are held.

Implements ``docs/formats/custodian.md``, "The order's files".
"""

import datetime as dt
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coffer import wire
from coffer.authority.authorization import Authorization
from coffer.authority.ordered import OrderFile
from coffer.custodian.keys import CustodianKeys
from coffer.custodian.sealed_files import SealedFiles
from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.ledger.entries import Commitment

ORDERS: Final = "orders"
MAX_KEPT: Final = 4_096
"""Files of orders that are kept at once: one for each note that may wait. Beyond it a file is not taken."""
MAX_KEPT_BYTES: Final = 4 * 2**30
"""4 GiB in all. A desk that sends the largest files fills it with 512, and the disk of a small machine has room for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHere:
    """One file of a request's order, as far as this custodian has it.

    ``number``: its place in the note, from 1. ``opened``: when one of its people opened it here first.
    """

    number: int
    file: OrderFile
    is_here: bool
    opened: dt.datetime | None


def files_here(
    authorization: Authorization, has: Callable[[int], bool], opened: Mapping[int, dt.datetime]
) -> tuple[FileHere, ...]:
    """The files that the note names, in its order. ``has``: whether the file of a number is here."""
    return tuple(
        FileHere(number=number, file=file, is_here=has(number), opened=opened.get(number))
        for number, file in enumerate(authorization.terms.ordered.files, 1)
    )


class OrderFiles:
    """The files of orders in one custodian's folder.

    ``Requests`` alone calls it, under its lock where it writes.
    """

    def __init__(self, path: Path, disk: Disk, name: str) -> None:
        self._path = path / ORDERS
        self._disk = disk
        self._name = name
        self._sealed = SealedFiles(path, disk, name)

    def take(self, authorization: Authorization, raw: bytes, keys: CustodianKeys) -> None:
        """Keep a file of the note. One that is here already stays as it is.

        Raises:
            NotProven: the note names no such file.
            Unavailable: too many files are kept, or the disk is full.
        """
        number = number_of(authorization, raw)
        if number is None:
            raise NotProven("order: no file of this request")
        with suppress(NotProven, Unavailable):  # it is not here, or somebody changed it: then this one takes its place
            self.read(authorization, number, keys)
            return
        kept = self._sealed.files(ORDERS)
        if len(kept) >= MAX_KEPT or self._disk.size_below(self._path) + len(raw) > MAX_KEPT_BYTES:
            raise Unavailable(f"custodian {self._name}: {len(kept):,} files of orders are kept: no room for more")
        self._sealed.write(ORDERS, _name(authorization.commitment, number), raw, keys)

    def has(self, commitment: Commitment, number: int) -> bool:
        """Whether the file of this number is here; not proven yet."""
        return self._disk.is_file(self._path / _name(commitment, number))

    def read(self, authorization: Authorization, number: int, keys: CustodianKeys) -> bytes:
        """The content of file ``number`` of the note, its hash proven.

        Raises:
            NotProven: somebody changed it.
            Unavailable: it is not here.
        """
        if not self.has(authorization.commitment, number):
            raise Unavailable(f"custodian {self._name}: file {number} of the order was not sent")
        raw = self._sealed.read(ORDERS, _name(authorization.commitment, number), keys)
        if number_of(authorization, raw) != number:
            raise NotProven(f"custodian {self._name}: {ORDERS}: not the file that the note names")
        return raw

    def remove_unless(self, is_held: Callable[[Commitment], bool]) -> None:
        """Remove the files of notes that are held no more, and whatever else lies there."""
        for path in self._sealed.files(ORDERS):
            commitment = _commitment_of(path.name)
            if commitment is None or not is_held(commitment):
                self._disk.remove(path)


def number_of(authorization: Authorization, raw: bytes) -> int | None:
    """Which file of the note's order these bytes are, from 1; None if it is none."""
    file, files = OrderFile(sha256=wire.digest(raw), size=len(raw)), authorization.terms.ordered.files
    return files.index(file) + 1 if file in files else None


def _name(commitment: Commitment, number: int) -> str:
    return f"{commitment.hex()}-{number}"


def _commitment_of(name: str) -> Commitment | None:
    try:
        return Commitment(wire.parse_hex(name.partition("-")[0], ORDERS, size=32))
    except MalformedInput:
        return None
