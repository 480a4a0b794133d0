"""What a vault does for its objects in a store: sweeping by name, and a copy of the log's tiles.

Promises: an object is removed only by a name that was written down: in the note of what an ingest put, in the notes of
its tasks, or in the log, of a segment that is dead or a tally that was superseded. Of what tasks noted, only segments
of their own ingest that the log does not know are removed. No list of the store is looked at. A store that does not answer stops no command
that does not need it: what is left undone, the next command that writes does.

Implements ``docs/formats/vault.md``, "Object stores".
"""

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.ledger.entries import SegmentId
from coffer.ledger.state import State
from coffer.objects.port import Objects
from coffer.objects.puts import PUTS, Noted, Puts, Tasks, parse_puts
from coffer.segments.store import SUFFIXES, id_of, key_of, keys_proven
from coffer.sequencer.published import CHECKPOINT_KEY, Published, read_published, verify_continued
from coffer.sequencer.shared import REPLACED, SharedLog
from coffer.translog import tiling
from coffer.translog.store.files import FileLog
from coffer.vault.aside import UNLOGGED, Aside, PutAside

if TYPE_CHECKING:
    from coffer.objects.store import StoreObjects
    from coffer.objects.tasks import TaskPuts

REMOVED: Final = "removed"
COPIED: Final = "copied"
SWEPT: Final = "swept"
AGAIN: Final = dt.timedelta(hours=1)
"""After this, what was swept is deleted once more: a put may reach the store after its deletion.

A request lives for half a minute, and a stopped process that goes on finds its ingest closed. So an hour is long.
"""
LOG: Final = tiling.LOG
COPY: Final = "its copy in the store"
_SWEPT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d{6}Z)-[0-9a-f]{16}")
_TIME: Final = "%Y-%m-%dT%H%M%SZ"


def tally_keys(batch: bytes) -> tuple[str, str]:
    """The keys of a batch's two tally tables: hours, countries."""
    return f"tally/{batch.hex()}.hours.parquet", f"tally/{batch.hex()}.countries.parquet"


def memory_key(batch: bytes) -> str:
    """The key of what a batch's ingest remembers of its files, for other machines that write this log."""
    return f"memory/{batch.hex()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The vault's side of its store. The caller holds the vault alone.

    ``log``: of a vault that one machine writes, whose copy is in the store.
    """

    path: Path
    disk: Disk
    objects: "StoreObjects"
    aside: Aside
    say: Callable[[str], None]
    removable: Callable[[State], set[SegmentId]]
    log: FileLog | None = None

    def sweep(self, state: State, now: dt.datetime, *, is_newest: bool = False) -> None:
        """Remove what an ingest put and the log does not know. The caller holds the ingest's lock too.

        If the ingest was about to be logged, the log here may be an older copy: then only the note is put aside.
        ``is_newest``: it is none, because State was read in the turn of several machines.
        """
        puts = self._puts
        noted = puts.read()
        if not noted.keys and not noted.tasks:
            return
        unlogged = _unknown(noted.keys, state)
        if unlogged and noted.is_logging and not is_newest:
            self.aside.put([puts.path], UNLOGGED, now)
            return
        if unlogged or noted.tasks:
            self._delete(noted, state, keep_at=now)
        puts.remove()

    def sweep_again(self, state: State, now: dt.datetime) -> None:
        """Delete once more what was swept an hour ago or earlier."""
        for path in self.disk.children(self.path / SWEPT):
            if (swept := _swept_at(path.name)) is not None and swept <= now - AGAIN:
                self._delete(parse_puts(self.disk.read(path)), state)
                self.disk.remove(path)

    def _delete(self, noted: Noted, state: State, *, keep_at: dt.datetime | None = None) -> None:
        """Delete what a note names, and what the notes of its tasks name, but for what the log knows.

        ``keep_at``: keep a note of that time about it, before anything is deleted.
        """
        from coffer.objects.tasks import close_tasks, forget_tasks  # noqa: PLC0415 - with the store's library

        self.verify_newest()  # a newer log may know what this one does not
        by_tasks = [close_tasks(self.objects, one) for one in noted.tasks]
        theirs = [key for tasks, puts in zip(noted.tasks, by_tasks, strict=True) for key in _proven(tasks, puts)]
        unlogged = _unknown([*noted.keys, *theirs], state)
        if keep_at is not None:
            raw = Noted(keys=tuple(unlogged), is_logging=False, tasks=noted.tasks).format()
            name = f"{keep_at.strftime(_TIME)}-{hashlib.sha256(raw).hexdigest()[:16]}"
            self.disk.write(self.path / SWEPT / name, raw)
        self.objects.delete(unlogged)
        for one in by_tasks:
            forget_tasks(self.objects, one)

    def begin(self, state: State, clock: Callable[[], dt.datetime]) -> None:
        """Sweep before an ingest notes anything.

        Else what it does to its note when it fails would reach an earlier one's objects. The caller holds the ingest's lock and the vault.

        Raises:
            Unavailable: the store does not answer, or knows a log that this one does not continue.
        """
        self.verify_newest()
        self.sweep(state, clock())
        assert not self._puts.read().keys, "a note was swept or put aside"

    def has_tasks(self) -> bool:
        """Whether tasks are noted that are not swept."""
        return bool(self._puts.read().tasks)

    def noted(self) -> frozenset[str]:
        """The keys that an ingest and its tasks noted and that are not swept yet: it may be under way."""
        from coffer.objects.tasks import read_tasks  # noqa: PLC0415 - with the store's library

        noted = self._puts.read()
        keys = set(noted.keys)
        for tasks in noted.tasks:
            puts = read_tasks(self.objects, tasks)
            keys |= {*puts.own_keys(tasks), *_proven(tasks, puts)}
        return frozenset(keys)

    @property
    def _puts(self) -> Puts:
        assert isinstance(self.objects.puts, Puts), "a vault's store has a note"
        return self.objects.puts

    def remove_noted(self, aside: PutAside, state: State) -> None:
        """Remove the objects that a note names which was put aside, but for those that the log knows."""
        path = aside.path / PUTS
        if self.disk.is_file(path):
            self._delete(parse_puts(self.disk.read(path)), state)

    def remove_dead(self, state: State, removable: set[SegmentId]) -> int:
        """Remove dead segments and superseded tallies; how many objects of segments.

        What was removed is remembered by name, so that it is not asked for again.
        """
        removed = self._removed()
        dead = {seg_id.hex(): state.segments[seg_id].line.day for seg_id in removable}
        segments = [name for name in dead if name not in removed]
        tallies = [batch for batch in state.withdrawn if batch.hex() not in removed]
        keys = [f"{key_of(dead[name], bytes.fromhex(name))}{suffix}" for name in segments for suffix in SUFFIXES]
        names = [*segments, *(batch.hex() for batch in tallies)]
        if names:
            self.verify_newest()
            self.objects.delete([*keys, *(key for batch in tallies for key in tally_keys(batch))])
            self.disk.append(self.path / REMOVED, "".join(f"{name}\n" for name in names).encode("ascii"))
        return len(keys)

    def _removed(self) -> set[str]:
        path = self.path / REMOVED
        return set(self.disk.read(path).decode("ascii").split()) if self.disk.is_file(path) else set()

    def verify_newest(self) -> None:
        """Prove that the log here continues its copy in the store.

        Call it before anything is logged or deleted. Of several machines' log the store of checkpoints says it, at each turn.

        Raises:
            Unavailable: it does not, since this folder is an older copy of the vault or another history. Or the store
                does not answer.
        """
        if (published := self._published()) is not None:
            self._verify_continued(published)

    def verify_newest_if_told(self) -> None:
        """``verify_newest``, but a store that does not answer stops nobody: others are asked as well."""
        try:
            published = self._published()
        except Unavailable:
            return
        if published is not None:
            self._verify_continued(published)

    def _published(self) -> Published | None:
        return None if self.log is None else read_published(self.objects, self.log.key)

    def _verify_continued(self, published: Published) -> None:
        assert self.log is not None, "asked only of the log of one machine"
        if published.is_damaged:
            self.disk.remove(self.path / COPIED)  # so that it is copied again
        try:
            verify_continued(self.objects, published, self.log, self.log.size(), COPY)
        except NotProven as error:
            raise Unavailable(f"{error.message}, and nothing logged or deleted", hint=error.hint) from error

    def copy_log(self, log: FileLog) -> None:
        """Copy the tiles of new entries, then the checkpoint, if it changed since the last copy.

        What the store has is asked, since this folder may be an older copy and know nothing of a later one.

        Raises:
            NotProven: the store has a longer log, or another history. It may be the only one that is left.
        """
        checkpoint = log.checkpoint()
        path = self.path / COPIED
        before = self.disk.read(path) if self.disk.is_file(path) else b""
        if before == checkpoint:
            return
        new, published = log.size(), read_published(self.objects, log.key)
        verify_continued(self.objects, published, log, new, COPY)
        shared = SharedLog(self.objects)
        for key in shared.write(tiling.tiles_between(published.head.size, new), log.tile):
            self.say(REPLACED.format(key=key))
        if published.is_damaged:
            self.say(REPLACED.format(key=CHECKPOINT_KEY))
        shared.publish(checkpoint)
        self.disk.write(path, checkpoint)

    def mend_log(self, log: FileLog) -> None:
        """Put each tile of the store's log that is gone or another one. Call it while the vault is written.

        Then what is there was proven to be a prefix of this log.
        """
        with self.later("tiles of the log"):
            self.verify_newest()
            for key in SharedLog(self.objects).mend(list(tiling.tiles_between(0, log.size())), log.tile):
                self.say(REPLACED.format(key=key))

    @contextmanager
    def later(self, what: str) -> Iterator[None]:
        """Say what a store prevents, and go on: the next command that writes does it, or says it again."""
        try:
            yield
        except Unavailable as error:
            self.say(f"{what}: left for the next command that writes: {error.message}")
        except (NotProven, MalformedInput) as error:
            self.say(f"{what}: refused: {error.message}{f'; {error.hint}' if error.hint else ''}")


def stored_of(
    objects: Objects,
    *,
    path: Path,
    disk: Disk,
    aside: Aside,
    say: Callable[[str], None],
    removable: Callable[[State], set[SegmentId]],
    log: FileLog | None,
) -> "Stored | None":
    """The vault's side of its store; None if its objects are in its folder.

    ``removable``: the dead segments that no hold needs. ``log``: None if several machines write it.
    """
    if objects.is_folder:
        return None
    from coffer.objects.store import StoreObjects  # noqa: PLC0415 - only vaults with a store load it

    assert isinstance(objects, StoreObjects), "what is no folder is a store"
    return Stored(path=path, disk=disk, objects=objects, aside=aside, say=say, removable=removable, log=log)


def _proven(tasks: Tasks, puts: "TaskPuts") -> list[str]:
    """The keys of what tasks may have put: of segments that bear the name of their ingest."""
    return [key for proof in puts.proofs for key in keys_proven(proof, bytes.fromhex(tasks.name))]


def _swept_at(name: str) -> dt.datetime | None:
    match = _SWEPT.fullmatch(name)
    if match is not None:
        with suppress(ValueError):
            return dt.datetime.strptime(match[1], _TIME).replace(tzinfo=dt.UTC)
    return None


def _unknown(keys: Iterable[str], state: State) -> list[str]:
    batches = {name.hex() for name in state.batches}
    known = {"segments": {seg_id.hex() for seg_id in state.segments}, "tally": batches, "memory": batches}
    return [key for key in keys if id_of(key) not in known.get(key.split("/", 1)[0], ())]
