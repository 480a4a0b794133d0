"""Machines that write one log in a test: each with a copy of its own, a shared folder, and a store of checkpoints.

machines = Machines(tmp_path, address)
machines.begin()
one = machines.machine("one")
with one.turn(1.0):
    one.append([b"entry"], machines.signer)
"""

import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path

from coffer.disk import Disk
from coffer.errors import Unavailable
from coffer.notes.keys import Secret, SigningKey
from coffer.objects.folder import FolderObjects
from coffer.sequencer.address import parse_checkpoint_address
from coffer.sequencer.port import Row
from coffer.sequencer.sequencer import Sequencer
from coffer.sequencer.shared import SharedLog
from coffer.sequencer.turns import Pace
from coffer.translog.checkpoint import verify_checkpoint
from coffer.translog.merkle import Frontier, leaf_hash
from coffer.translog.store.files import FileLog
from coffer.vault.several import checkpoint_store

_NAMES = itertools.count()
ORIGIN = "test.example/log"
SIGNER = SigningKey(ORIGIN, Secret(bytes(range(32)), "log key"))
QUICK = Pace(lease_s=0.4, beat_s=0.08, look_s=0.005, patience_s=8.0)


@dataclass
class Memory:
    """A store in memory. ``silent``: so many calls from now on get no answer; ``is_done``: what they ask for is done."""

    row: Row = field(default_factory=lambda: Row(number=0, holder="", checkpoint=b""))
    silent: int = 0
    is_done: bool = False

    def begin(self):
        pass

    def close(self):
        pass

    def read(self):
        self._answer()
        return self.row

    def swap(self, before, after):
        if self.silent == 0 or self.is_done:
            is_its = self.row == before
            if is_its:
                self.row = after
        self._answer()
        return is_its

    def _answer(self):
        if self.silent:
            self.silent -= 1
            raise Unavailable("checkpoints: OperationalError (57P01)")


class Unsynced(Disk):
    """A disk that does not wait: these tests lose no power."""

    def _create(self, path, *parts, private=True, is_synced=True):
        super()._create(path, *parts, private=private, is_synced=is_synced and False)

    def sync_file(self, path):
        pass

    def sync_folder(self, folder):
        pass


@dataclass
class Machines:
    """``address``: that of a store, or a store in memory."""

    folder: Path
    address: object
    pace: Pace = QUICK

    @property
    def shared(self):
        return self.folder / "shared"

    def store(self):
        return self.address if isinstance(self.address, Memory) else checkpoint_store(self.address, ORIGIN)

    def begin(self):
        store = self.store()
        store.begin()
        store.close()

    def machine(self, name, *, disk=None, shared_disk=None, store=None, pace=None, say=lambda _said: None):
        """The sequencer of one machine; it may be made anew at any time, as by another process."""
        log = FileLog(self.folder / name / "log", disk or Unsynced(), key=SIGNER.verify_key)
        shared = SharedLog(FolderObjects(self.shared, shared_disk or disk or Unsynced()))
        return Sequencer(
            log=log,
            shared=shared,
            store=store or self.store(),
            key=SIGNER.verify_key,
            entropy=os.urandom,
            say=say,
            pace=pace or self.pace,
        )

    def log(self):
        """The shared log, as anybody reads it."""
        return FileLog(self.shared / "log", Disk(), key=SIGNER.verify_key)

    def entries(self):
        log = self.log()
        return list(log.entries(0, log.size()))


def heads_of(entries, sizes):
    """The roots at these sizes; none of a size that the log never had."""
    tree, roots = Frontier(), {}
    for entry in entries:
        tree.append(leaf_hash(entry))
        if tree.size in sizes:
            roots[tree.size] = tree.root()
    return roots


def head_of(raw):
    return verify_checkpoint(raw, SIGNER.verify_key, "test").head


def of_cluster(cluster):
    """The address of a new database of a running cluster."""
    name = f"checkpoints{next(_NAMES)}"
    cluster.execute(f"CREATE DATABASE {name}")
    return parse_checkpoint_address(f"postgresql://desk@/{name}?host={cluster.folder}", "test")
