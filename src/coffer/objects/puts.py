"""The note of what an ingest is putting into a store, so that what it leaves can be removed by name.

A store's list is not trusted, and asking for it costs. So every key is written down, durably, before it is put. Once
the ingest is about to be logged, the note says so: from then on only the log knows whether the objects exist.

Implements ``docs/formats/vault.md``, "Object stores".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coffer.disk import Disk

PUTS: Final = "puts"
_LOGGING: Final = "logging"
"""Not a key: keys have a slash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """``keys``: what may have been put. ``is_logging``: the log may name them."""

    keys: tuple[str, ...]
    is_logging: bool


@dataclass(frozen=True, slots=True)
class Puts:
    """The note, a file in the vault's folder. Several processes may add to it."""

    path: Path
    disk: Disk

    def add(self, keys: Sequence[str]) -> None:
        """Note keys before they are put."""
        self.disk.append(self.path, "".join(f"{key}\n" for key in keys).encode("ascii"))

    def begin_logging(self) -> None:
        """Note that the log may name them from now on."""
        self.disk.append(self.path, f"{_LOGGING}\n".encode("ascii"))

    def read(self) -> Noted:
        """What is noted. A last line that was cut off is left out: its object was not put yet."""
        return parse_puts(self.disk.read(self.path) if self.disk.is_file(self.path) else b"")

    def clear(self) -> None:
        """Forget the note: the log knows its objects, or they are removed."""
        self.disk.remove(self.path)


def parse_puts(raw: bytes) -> Noted:
    """The content of a note."""
    lines = raw[: raw.rfind(b"\n") + 1].decode("ascii", errors="replace").splitlines()
    return Noted(keys=tuple(line for line in lines if "/" in line), is_logging=_LOGGING in lines)
