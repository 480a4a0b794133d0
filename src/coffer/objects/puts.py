"""The note of what an ingest is putting into a store, so that what it leaves can be removed by name.

A store's list is not trusted, and asking for it costs. So every key is written down, durably, before it is put. Once
the ingest is about to be logged, the note says so: from then on only the log knows whether the objects exist. What
tasks on other machines put is noted in the store itself (``tasks``); the note here says where.

Implements ``docs/formats/vault.md``, "Object stores".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from coffer.disk import Disk

PUTS: Final = "puts"
TASKS: Final = "tasks/"
"""Below this the tasks of an ingest note what they put (``tasks``)."""
_LOGGING: Final = "logging"
"""Not a key: keys have a slash."""
_TASKS: Final = re.compile(r"tasks ([0-9a-f]{32}) ([1-9][0-9]{0,3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """The tasks of one ingest: its random name, 32 hex digits, and the number of its splits."""

    name: str
    splits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What is noted.

    ``keys``: what may have been put. ``is_logging``: the log may name them. ``tasks``: who may have put more.
    """

    keys: tuple[str, ...]
    is_logging: bool
    tasks: tuple[Tasks, ...] = ()

    def format(self) -> bytes:
        """The inverse of ``parse_puts``."""
        lines = [*map(_tasks_line, self.tasks), *self.keys, *([_LOGGING] if self.is_logging else ())]
        return "".join(f"{line}\n" for line in lines).encode("ascii")


class Notes(Protocol):
    """Where a store notes keys before it puts them."""

    def add(self, keys: Sequence[str], proof: bytes = b"") -> None:
        """Note keys, durably. ``proof``: as in ``Objects.stage``.

        Raises:
            Unavailable: they cannot be noted, so they must not be put.
        """
        ...

    def verify_open(self) -> None:
        """Prove that whoever removes what is left over still looks at this note.

        Raises:
            Unavailable: nobody does. What was put must be removed by whoever put it.
        """
        ...

    def begin_logging(self, keys: Sequence[str]) -> None:
        """Note that the log may name these from now on, whoever put them."""
        ...

    def read(self) -> Noted:
        """What is noted."""
        ...

    def clear(self) -> None:
        """Forget the keys."""
        ...


@dataclass(frozen=True, slots=True)
class Puts:
    """The note of this machine, a file in the vault's folder. Several processes may add to it."""

    path: Path
    disk: Disk

    def add(self, keys: Sequence[str], proof: bytes = b"") -> None:  # noqa: ARG002 - only this machine writes here
        """As the port."""
        self._append(keys)

    def add_tasks(self, tasks: Tasks) -> None:
        """Note tasks before they begin."""
        self._append([_tasks_line(tasks)])

    def verify_open(self) -> None:
        """As the port: the next command that writes looks at it."""

    def begin_logging(self, keys: Sequence[str]) -> None:
        """As the port."""
        noted = set(self.read().keys)
        self._append([*(key for key in keys if key not in noted), _LOGGING])

    def read(self) -> Noted:
        """As the port. A last line that was cut off is left out: its object was not put yet."""
        return parse_puts(self.disk.read(self.path) if self.disk.is_file(self.path) else b"")

    def clear(self) -> None:
        """As the port: the log knows its objects, or they are removed. Tasks stay noted until ``remove``."""
        if tasks := self.read().tasks:
            self.disk.write(self.path, Noted(keys=(), is_logging=False, tasks=tasks).format())
        else:
            self.remove()

    def remove(self) -> None:
        """Forget the tasks too: nothing of theirs is left that the log does not know."""
        self.disk.remove(self.path)

    def _append(self, lines: Sequence[str]) -> None:
        self.disk.append(self.path, "".join(f"{line}\n" for line in lines).encode("ascii"))


def _tasks_line(tasks: Tasks) -> str:
    return f"tasks {tasks.name} {tasks.splits}"


def parse_puts(raw: bytes) -> Noted:
    """The content of a note."""
    lines = raw[: raw.rfind(b"\n") + 1].decode("ascii", errors="replace").splitlines()
    tasks = (match for line in lines if (match := _TASKS.fullmatch(line)))
    return Noted(
        keys=tuple(line for line in lines if "/" in line),
        is_logging=_LOGGING in lines,
        tasks=tuple(Tasks(name=match[1], splits=int(match[2])) for match in tasks),
    )
