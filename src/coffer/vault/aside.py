"""Files of a vault that its log does not know, put aside and never removed unasked.

The log may be an old copy, and these files may be newer than it.

Promises: every file keeps its bytes and its path below ``aside/<time>-<reason>/``, beside a text that says why. A file
that the log knows goes back to its place. Trusts: nothing in the folder. A file that went back is proven against the
log when it is read, like every other file.

Implements ``docs/formats/vault.md``, "Aside".
"""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coffer.disk import Disk

ASIDE: Final = "aside"
WHY: Final = "WHY.txt"
UNLOGGED: Final = "unlogged"
"""Segments and tallies that the log does not know."""
BEYOND: Final = "beyond-the-checkpoint"
"""Files of the log itself that lie beyond its checkpoint."""
_NAME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d{6}Z)-([a-z-]+?)(?:-[0-9]+)?")
_TIME: Final = "%Y-%m-%dT%H%M%SZ"
_TEXTS: Final = {
    UNLOGGED: "The log of this vault does not know these files. Either an ingest was cut short before it was logged (then they hold nothing that is\n"
    "missed: the files of records are still to be ingested), or the log in this folder is older than they are.",
    BEYOND: "These files of the log lay beyond its checkpoint. Either a command was cut short before its entries existed, or the checkpoint in this\n"
    "folder is older than they are.",
}
_ADVICE: Final = (
    "If the folder log/ was restored from a copy: put the newest log back (every custodian and witness can say how long it is, and a custodian on\n"
    "a machine of its own serves a copy). Segments and tallies that it knows then go back to their places with the next command.\n"
    "What nobody misses is removed by: coffer tidy VAULT\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutAside:
    """One folder of ``aside/``: when and why it was made, and how many files and bytes it holds."""

    path: Path
    time: dt.datetime
    reason: str
    files: int
    size_bytes: int


class Aside:
    """The folder ``aside`` of a vault. The caller holds the vault alone."""

    def __init__(self, vault: Path, disk: Disk) -> None:
        self._vault = vault
        self._disk = disk

    def put(self, paths: Sequence[Path], reason: str, now: dt.datetime) -> None:
        """Move these files of the vault there, durably; nothing happens if there are none."""
        if not paths:
            return
        folder = self._new_folder(f"{now.strftime(_TIME)}-{reason}")
        self._disk.make_folder(folder)
        self._disk.write(folder / WHY, f"{_TEXTS[reason]}\n{_ADVICE}".encode("ascii"))
        renames = [(path, folder / path.relative_to(self._vault)) for path in paths]
        self._move(renames)

    def bring_back(self, is_known: Callable[[Path], bool]) -> int:
        """Move the files that the log knows back to their places, unless a file is there; returns how many.

        ``is_known`` takes a path within the vault.
        """
        count = 0
        for aside in self.folders():
            held = [(path, self._vault / path.relative_to(aside.path)) for path in self._files(aside.path)]
            back = [
                (path, place)
                for path, place in held
                if is_known(place.relative_to(self._vault)) and not self._disk.is_file(place)
            ]
            self._move(back)
            count += len(back)
            if len(back) == len(held):
                self._disk.remove_folder(aside.path)
        return count

    def remove_files(self, is_ended: Callable[[Path], bool]) -> None:
        """Remove files that count no more, as the log says. ``is_ended`` takes a path within the vault."""
        for aside in self.folders():
            for path in self._files(aside.path):
                if is_ended(path.relative_to(aside.path)):
                    self._disk.remove(path)

    def folders(self) -> list[PutAside]:
        """The folders of files that were put aside, the oldest first."""
        folders = []
        for path in self._disk.children(self._vault / ASIDE):
            match = _NAME.fullmatch(path.name)
            time = None if match is None else _parse_time(match[1])
            if match is not None and time is not None and match[2] in _TEXTS:
                files = self._files(path)
                folders.append(
                    PutAside(
                        path=path,
                        time=time,
                        reason=match[2],
                        files=len(files),
                        size_bytes=sum(self._disk.size(file) for file in files),
                    )
                )
        return folders

    def remove(self, aside: PutAside) -> None:
        """Remove one folder for good."""
        self._disk.remove_folder(aside.path)
        self._disk.sync_folder(aside.path.parent)

    def _new_folder(self, name: str) -> Path:
        taken = {path.name for path in self._disk.children(self._vault / ASIDE)}
        names = (name, *(f"{name}-{n}" for n in range(2, len(taken) + 3)))
        return self._vault / ASIDE / next(name for name in names if name not in taken)

    def _move(self, renames: Sequence[tuple[Path, Path]]) -> None:
        for folder in sorted({place.parent for _, place in renames}):
            self._disk.make_folder(folder)
        self._disk.publish(list(renames))
        for folder in sorted({path.parent for path, _ in renames}):
            self._disk.sync_folder(folder)

    def _files(self, folder: Path) -> list[Path]:
        return [path for path in self._disk.below(folder) if path.name != WHY]


def _parse_time(text: str) -> dt.datetime | None:
    with suppress(ValueError):
        return dt.datetime.strptime(text, _TIME).replace(tzinfo=dt.UTC)
    return None
