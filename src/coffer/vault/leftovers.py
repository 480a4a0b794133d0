"""What a crash or an old copy of the log left in a vault's folder, and how it is cleared.

Promises: only staged files, which never had their names, and tallies of superseded batches are removed. Any other file
that the log does not know is put aside, because the log may be an old copy.

Implements ``docs/formats/vault.md``.
"""

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coffer.disk import TEMPORARY, Disk
from coffer.errors import Unavailable
from coffer.ledger.state import State
from coffer.segments.store import SegmentStore
from coffer.translog.store.files import FileLog
from coffer.vault.aside import ASIDE, BEYOND, UNLOGGED, Aside, PutAside
from coffer.vault.stored import Stored

INGEST_LOCK: Final = "ingest.lock"
_STAGED_IN: Final = ("log", "desk", "custodians", ASIDE)
"""Folders in which only the command that holds the vault stages files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """Clears a vault's folder.

    The caller holds the vault alone, or holds the ingest's lock if the method says so. ``has_turn``: and the turn among
    several machines, in which State is the newest.
    """

    path: Path
    disk: Disk
    log: FileLog
    segments: SegmentStore
    aside: Aside
    stored: Stored | None
    has_turn: bool

    def clear(self, state: State, clock: Callable[[], dt.datetime]) -> None:
        """Clear what a crash left.

        Staged files are removed. Files that the log does not know are put aside. Files that were put aside and that the
        log knows go back.
        """
        staged = [path for name in _STAGED_IN for path in self.disk.temporaries(self.path / name)]
        staged += [path for path in self.disk.children(self.path) if TEMPORARY in path.name]
        for path in sorted(staged):
            self.disk.remove(path)
        self.aside.put(self.log.orphans(), BEYOND, clock())
        with suppress(Unavailable), self.disk.locked(self.path / INGEST_LOCK):
            # Skipped while an ingest is under way. A disk that is too full to put anything aside must not stop a
            # command that destroys keys.
            self.remove_staged()
            if self.stored is not None:
                with self.stored.later("objects of an ingest that was cut short"):
                    self.stored.sweep(state, clock(), is_newest=self.has_turn)
                    self.stored.sweep_again(state, clock())
                return
            segments = {seg_id.hex() for seg_id, segment in state.segments.items() if not state.is_dead(segment)}
            batches = {batch.hex() for batch in state.batches.keys() - state.withdrawn.keys()}
            known = {"segments": segments, "tally": batches}
            self.aside.bring_back(lambda path: path.name.split(".")[0] in known.get(path.parts[0], ()))
            self.remove_superseded(state)
            tallies = self.disk.children(self.path / "tally")
            unknown = [path for path in tallies if path.name.split(".")[0] not in batches]
            segments_aside = [self.path / key for key in self.segments.unknown(state.segments.keys())]
            self.aside.put([*segments_aside, *unknown], UNLOGGED, clock())

    def remove(self, aside: PutAside, state: State) -> None:
        """Remove a folder aside for good, and the objects in a store that a note in it names."""
        if self.stored is not None:
            self.stored.remove_noted(aside, state)
        self.aside.remove(aside)

    def remove_superseded(self, state: State) -> None:
        """Remove the tallies of superseded batches, also those put aside: they count nowhere any more."""
        if self.stored is not None:
            with self.stored.later("tallies of superseded batches"):
                self.stored.remove_dead(state, self.stored.removable(state))
            return
        withdrawn = {batch.hex() for batch in state.withdrawn}
        if not withdrawn:
            return
        for path in self.disk.children(self.path / "tally"):
            if path.name.split(".")[0] in withdrawn:
                self.disk.remove(path)
        self.aside.remove_files(lambda path: path.parts[0] == "tally" and path.name.split(".")[0] in withdrawn)

    def remove_staged(self) -> None:
        """Remove the staged files of an ingest that was cut short. The caller holds the ingest's lock."""
        for folder in ("segments", "tally"):
            for path in self.disk.temporaries(self.path / folder):
                self.disk.remove(path)
