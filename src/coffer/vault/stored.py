"""What a vault does for its objects in a store: sweeping by name, and a copy of the log's tiles.

Promises: an object is removed only by a name that this vault wrote down: in the note of what an ingest put, or in the
log, of a segment that is dead or a tally that was superseded. No list of the store is looked at. A store that does not
answer stops no command that does not need it: what is left undone, the next command that writes does.

Implements ``docs/formats/vault.md``, "Object stores".
"""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from coffer.disk import Disk
from coffer.errors import NotProven, Unavailable
from coffer.ledger.state import State
from coffer.notes.keys import VerifyKey
from coffer.objects.port import Objects
from coffer.objects.puts import PUTS, parse_puts
from coffer.segments.store import SUFFIXES, id_of, key_of
from coffer.translog import tiling
from coffer.translog.checkpoint import verify_checkpoint
from coffer.vault.aside import UNLOGGED, Aside, PutAside

if TYPE_CHECKING:
    from coffer.objects.store import StoreObjects

REMOVED: Final = "removed"
COPIED: Final = "copied"
LOG: Final = tiling.LOG


def tally_keys(batch: bytes) -> tuple[str, str]:
    """The keys of a batch's two tally tables: hours, countries."""
    return f"tally/{batch.hex()}.hours.parquet", f"tally/{batch.hex()}.countries.parquet"


def memory_key(batch: bytes) -> str:
    """The key of what a batch's ingest remembers of its files, for other machines that write this log."""
    return f"memory/{batch.hex()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The vault's side of its store. The caller holds the vault alone."""

    path: Path
    disk: Disk
    objects: "StoreObjects"
    aside: Aside
    say: Callable[[str], None]

    def sweep(self, state: State, now: dt.datetime) -> None:
        """Remove what an ingest put and the log does not know. The caller holds the ingest's lock too.

        If the ingest was about to be logged, the log here may be an older copy: then only the note is put aside.
        """
        puts = self.objects.puts
        assert puts is not None, "a vault's store has a note"
        noted = puts.read()
        unknown = _unknown(noted.keys, state)
        if unknown and noted.is_logging:
            self.aside.put([puts.path], UNLOGGED, now)
        elif noted.keys:
            self.objects.delete(unknown)
            puts.clear()

    def begin(self, state: State, clock: Callable[[], dt.datetime]) -> None:
        """Sweep before an ingest notes anything.

        Else what it does to its note when it fails would reach an earlier one's objects. The caller holds the ingest's lock and the vault.

        Raises:
            Unavailable: the store does not answer.
        """
        self.sweep(state, clock())
        assert not self.noted(), "a note was swept or put aside"

    def noted(self) -> frozenset[str]:
        """The keys that an ingest noted and that are not swept yet: it may be under way."""
        assert self.objects.puts is not None, "a vault's store has a note"
        return frozenset(self.objects.puts.read().keys)

    def remove_noted(self, aside: PutAside, state: State) -> None:
        """Remove the objects that a note names which was put aside, but for those that the log knows."""
        path = aside.path / PUTS
        if self.disk.is_file(path):
            self.objects.delete(_unknown(parse_puts(self.disk.read(path)).keys, state))

    def remove_dead(self, state: State) -> int:
        """Remove dead segments and superseded tallies; how many objects of segments.

        What was removed is remembered by name, so that it is not asked for again.
        """
        removed = self._removed()
        dead = {seg_id.hex(): one.line.day for seg_id, one in state.segments.items() if state.is_dead(one)}
        segments = [name for name in dead if name not in removed]
        tallies = [batch for batch in state.withdrawn if batch.hex() not in removed]
        keys = [f"{key_of(dead[name], bytes.fromhex(name))}{suffix}" for name in segments for suffix in SUFFIXES]
        self.objects.delete([*keys, *(key for batch in tallies for key in tally_keys(batch))])
        names = [*segments, *(batch.hex() for batch in tallies)]
        if names:
            self.disk.append(self.path / REMOVED, "".join(f"{name}\n" for name in names).encode("ascii"))
        return len(keys)

    def _removed(self) -> set[str]:
        path = self.path / REMOVED
        return set(self.disk.read(path).decode("ascii").split()) if self.disk.is_file(path) else set()

    def copy_log(self, checkpoint: bytes, log_key: VerifyKey) -> None:
        """Copy the tiles of new entries, then the checkpoint, if it changed since the last copy."""
        path = self.path / COPIED
        before = self.disk.read(path) if self.disk.is_file(path) else b""
        if before == checkpoint:
            return
        old, new = (
            verify_checkpoint(raw, log_key, "log/checkpoint").head.size if raw else 0 for raw in (before, checkpoint)
        )
        if new < old:  # the copy may be the only one that is left of the newer log
            raise NotProven(f"log: {new} entries, its copy in the store has {old}")
        names = list(tiling.tiles_between(old, new))
        for _ in self.objects.map(
            lambda name: self.objects.put(LOG + name, self.disk.read(self.path / LOG / name)), names
        ):
            pass  # an error is raised here
        self.objects.replace(LOG + tiling.CHECKPOINT, checkpoint)
        self.disk.write(path, checkpoint)

    @contextmanager
    def later(self, what: str) -> Iterator[None]:
        """Say what a store prevents, and go on: the next command that writes does it."""
        try:
            yield
        except (Unavailable, NotProven) as error:
            self.say(f"{what}: left for the next command that writes: {error.message}")


def stored_of(objects: Objects, *, path: Path, disk: Disk, aside: Aside, say: Callable[[str], None]) -> "Stored | None":
    """The vault's side of its store; None if its objects are in its folder."""
    if objects.is_folder:
        return None
    from coffer.objects.store import StoreObjects  # noqa: PLC0415 - only vaults with a store load it

    assert isinstance(objects, StoreObjects), "what is no folder is a store"
    return Stored(path=path, disk=disk, objects=objects, aside=aside, say=say)


def _unknown(keys: tuple[str, ...], state: State) -> list[str]:
    batches = {name.hex() for name in state.batches}
    known = {"segments": {seg_id.hex() for seg_id in state.segments}, "tally": batches, "memory": batches}
    return [key for key in keys if id_of(key) not in known.get(key.split("/", 1)[0], ())]
