"""The file in which a vault remembers what it ingested, and what its other machines remember.

``coffer.vault.memory`` says what a line of it holds. Implements ``docs/formats/vault.md``, "Remembered files".
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from coffer.disk import Disk
from coffer.entropy import Entropy
from coffer.ledger.state import State
from coffer.vault.memory import MemoryKey, Remembered
from coffer.vault.several import Machines

INGESTED: Final = "ingested"


class Ingested:
    """The remembered files of a vault.

    ``key``: the key that seals the memory. ``machines``: the others that write this log; None where there are none.
    """

    def __init__(
        self, path: Path, disk: Disk, *, key: Callable[[], MemoryKey], entropy: Entropy, machines: Machines | None
    ) -> None:
        self.path = path / INGESTED
        self.key = key
        self._disk = disk
        self._entropy = entropy
        self._machines = machines

    def lines(self, state: State) -> list[Remembered]:
        """The lines that count.

        A line does not count if the log does not have its batch, or if that batch was superseded.
        """
        if not self._disk.is_file(self.path):
            return []
        lines = self.key().unseal(self._disk.read(self.path), INGESTED)
        counting = state.batches.keys() - state.withdrawn.keys()
        return [line for line in lines if line.batch in counting]

    def write(self, lines: Sequence[Remembered]) -> None:
        """Remember these lines and no others."""
        self._disk.write(self.path, self.key().seal(lines, self._entropy), private=True)

    def forget(self, state: State) -> None:
        """Remove the lines that do not count."""
        if self._disk.is_file(self.path):
            self.write(self.lines(state))

    def elsewhere(
        self, state: State, known: Iterable[Remembered], first_day: dt.date, *, may_lack: bool
    ) -> list[Remembered]:
        """The lines of batches that other machines logged. Arguments and errors: ``Machines.remembered``."""
        if self._machines is None:
            return []
        return self._machines.remembered(state, self.key(), known, first_day, may_lack=may_lack)

    def put_back(self, known: Sequence[Remembered], most: int | None = None) -> None:
        """Put back what other machines need of these lines. Arguments: ``Machines.put_back``."""
        if self._machines is not None:
            self._machines.put_back(self.key(), known, most)
