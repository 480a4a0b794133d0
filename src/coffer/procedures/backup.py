"""A backup of a vault: its folder without keys, proven against the log, in the same layout.

What it leaves out, and why, is in ``LEFT_OUT``. Epoch keys are in none: they must die on time in every copy
(``docs/procedures/retention.md``).

Implements ``docs/operations.md``, "Backup".
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

from coffer import wire
from coffer.disk import TEMPORARY, Disk
from coffer.errors import MalformedInput, Unavailable
from coffer.objects.folder import FolderObjects
from coffer.procedures.fsck import Examined, Expected, expected_of
from coffer.procedures.replicate import Replicated, replicate, verify_continues
from coffer.sequencer.shared import SharedLog
from coffer.serving.figures import Figure, gauge, sample
from coffer.translog.checkpoint import verify_checkpoint
from coffer.vault.folder import CONFIG, Vault
from coffer.vault.held import HOLDS

FILES: Final = (
    "policy.toml",
    "authorities.toml",
    "custodians.toml",
    "notify.toml",
    "watch.toml",
    "objects.toml",
    "letterhead.toml",
    "checkpoints.toml",
    "no-index.txt",
    "roster.note",
    "ingested",
    "watched",
)
"""Files that are copied as they are, where the vault has them."""
DESK: Final = "desk"
FOLDERS: Final = (DESK, HOLDS)
"""Folders whose files are copied, and removed where the vault has them no more."""
DATABASE: Final = "desk.sqlite3"
PROVEN: Final = (CONFIG, "log", "segments", "tally")
"""Copied and compared with the log, object by object."""
BACKED_UP: Final = "backed-up"
"""When the last backup was made that holds: a time and LF."""
LEFT_OUT: Final = {
    "operator": "the keys with which the rest is read: kept apart",
    "custodians": "with a custodian's wrapping key, old epoch keys would open again",
    "aside": "files that the log does not know",
    "runs": "of a week, and of this machine",
    "snapshot": "made anew from the log",
    BACKED_UP: "says of this very vault when it was copied",
    "puts": "an ingest under way",
    "swept": "of this hour, and of this machine",
    "removed": "asked of the store again",
    "copied": "copied again",
    "lock": "held by a process",
    "ingest.lock": "held by a process",
    "watch.lock": "held by a process",
    f"{DATABASE}-wal": "part of the database, which is copied as a whole",
    f"{DATABASE}-shm": "part of the database, which is copied as a whole",
}
"""What of a vault's folder is in no backup, and why."""
_TRIES: Final = 5
"""Looks at a log that grows meanwhile; each takes as long as proving it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUp:
    """What was done.

    ``files``: how many were copied beside log, segments and tallies. ``unknown``: names that no list here has.
    """

    replicated: Replicated
    files: int
    unknown: tuple[str, ...]


def back_up(vault: Vault, folder: Path) -> BackedUp:
    """Bring a folder to what the vault is now, while others work in the vault.

    Run again, it copies what is new, and removes what died or is gone. The checkpoint is replaced last, so that a copy
    that was cut short is the older backup with files more.

    Raises:
        MalformedInput: the folder is a vault in use, or lies in this one.
        NotProven: it is another vault's backup, or holds a longer log than the vault or another history; or the vault's log does not hold.
        Unavailable: a file cannot be read or written, or went away meanwhile: run it again.
    """
    _verify_place(vault.path, folder)
    target = FolderObjects(folder, vault.disk)
    vault.disk.make_folder(folder, private=True)
    target.put(CONFIG, vault.disk.read(vault.path / CONFIG))
    expected, checkpoint = _settled(vault)
    verify_continues(target, vault.log, checkpoint, vault.pins.log_key, "the backup")
    files = _copy_files(vault.disk, vault.path, folder)
    is_whole = vault.stored is None  # else the store keeps segments and tallies, and coffer replicate copies those
    copy = partial(replicate, vault.objects) if is_whole else _copy_log
    done = copy(target, expected, checkpoint)
    if not done.examined.faults:
        with suppress(Unavailable):  # of a folder that only reads, such as a snapshot: the figure alone lacks it
            vault.disk.write(vault.path / BACKED_UP, f"{wire.format_time(vault.outside.clock())}\n".encode("ascii"))
    unknown = set(vault.disk.names(vault.path)) - {*PROVEN, *FILES, *LEFT_OUT, *FOLDERS, DATABASE}
    return BackedUp(
        replicated=done, files=files, unknown=tuple(sorted(name for name in unknown if TEMPORARY not in name))
    )


def backup_figures(vault: Vault) -> Sequence[Figure]:
    """When the last backup was made; 0 if none was, or that cannot be read."""
    time = 0
    with suppress(MalformedInput, Unavailable):
        line = wire.parse_lines(vault.disk.read(vault.path / BACKED_UP), BACKED_UP)[0]
        time = int(wire.parse_time(line, BACKED_UP).timestamp())
    return [
        gauge("coffer_backup_timestamp_seconds", "When the last backup was made and proven; 0: never.", sample(time))
    ]


def _verify_place(vault: Path, folder: Path) -> None:
    if folder.resolve().is_relative_to(vault.resolve()):
        raise MalformedInput(f"{folder.name}: in the vault itself, expected a folder elsewhere")
    if (folder / "operator").exists():
        raise MalformedInput(f"{folder.name}: a vault that is in use, expected a folder for a backup")


def _settled(vault: Vault) -> tuple[Expected, bytes]:
    """What the log says, and its checkpoint.

    Tiles that the next entry replaces are read already.
    """
    for _ in range(_TRIES):
        expected, checkpoint = expected_of(vault), vault.log.checkpoint()
        size = verify_checkpoint(checkpoint, vault.pins.log_key, "checkpoint").head.size
        if size != expected.state.size:
            continue
        partial = {name: expected.tile(name) for name in expected.tiles if ".p/" in name}

        def tile(name: str, held: dict[str, bytes] = partial, read: Expected = expected) -> bytes:
            return held[name] if name in held else read.tile(name)

        return replace(expected, tile=tile), checkpoint
    raise Unavailable("log: it grew at every look", hint="run it again when less is ingested")


def _copy_log(target: FolderObjects, expected: Expected, checkpoint: bytes) -> Replicated:
    shared = SharedLog(target)
    shared.mend(expected.tiles, expected.tile)
    shared.publish(checkpoint)
    looked = Examined(segments=0, tallies=0, tiles=len(expected.tiles), is_deep=True, faults=())
    return Replicated(copied=0, size_bytes=0, kept=0, deleted=0, unproven=(), examined=looked)


def _copy_files(disk: Disk, vault: Path, folder: Path) -> int:
    """The files beside log and segments, of desk and holds; what the vault no longer has is removed."""
    wanted = [name for name in FILES if disk.is_file(vault / name)]
    wanted += [f"{of}/{name}" for of in FOLDERS for name in disk.names(vault / of) if TEMPORARY not in name]
    for name in wanted:
        disk.write(folder / name, disk.read(vault / name), private=True)
    there = [*FILES, *(f"{of}/{name}" for of in FOLDERS for name in disk.names(folder / of))]
    for name in set(there) - set(wanted):
        disk.remove(folder / name)
    if not disk.is_file(vault / DATABASE):
        disk.remove(folder / DATABASE)
        return len(wanted)
    _copy_database(disk, vault / DATABASE, folder / DATABASE)
    return len(wanted) + 1


def _copy_database(disk: Disk, source: Path, target: Path) -> None:
    """One state of the desk's database, while desks write to it."""
    staged = disk.stage(target, private=True)
    try:
        with (
            closing(sqlite3.connect(f"file:{quote(str(source.absolute()))}?mode=ro", uri=True)) as reading,
            closing(sqlite3.connect(staged)) as writing,
        ):
            reading.backup(writing)
        disk.sync_file(staged)
        disk.publish([(staged, target)])
    except sqlite3.Error as error:
        disk.remove(staged)
        raise Unavailable(
            f"{DATABASE}: {type(error).__name__}", hint="is it a database, and is the disk full?"
        ) from error
