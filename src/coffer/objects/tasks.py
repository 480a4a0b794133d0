"""What the tasks of an ingest put into a store, noted in the store itself.

No task sees the vault's folder. ``tasks/<name>/open`` is there while tasks may put anything. Attempts at split s note
the keys of their objects in ``tasks/<name>/<s>/0``, ``1`` and so on, each by the first number that is free. Then they
look whether the ingest is still open, and only then they put the objects. Whoever ends the ingest deletes ``open``
first and reads the notes afterwards. So every attempt either was noted in time or puts nothing, however late it wakes,
and its names are found without a list. This rests on two things that the store must keep: what is put is put once
(``If-None-Match``), and whoever asks after a write or a deletion sees it.

Implements ``docs/formats/vault.md``, "Tasks".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from coffer.errors import NotProven, Unavailable
from coffer.objects.puts import TASKS, Noted, Tasks
from coffer.objects.store import StoreObjects

_MOST_NOTES: Final = 10_000
"""Of one split. An attempt writes one for each segment, some dozens; a store that shows more never ends."""
_NOTE_BYTES: Final = 4_096
"""A note has a proof of 160 bytes. Of a longer one nothing counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPuts:
    """What attempts noted.

    ``proofs``: what each wrote of the objects that it was about to put. Nothing of it is trusted: whoever removes
    objects by it finds their keys in it, and sees that they are of this ingest. ``notes``: the notes' own keys, by their
    number.
    """

    proofs: tuple[bytes, ...]
    notes: tuple[tuple[str, ...], ...]

    def own_keys(self, tasks: Tasks) -> list[str]:
        """The keys of the notes, and of what lets tasks put."""
        return [_open(tasks), *(key for notes in self.notes for key in notes)]


class AttemptNotes:
    """The notes of one attempt at a split. It is used by one thread."""

    def __init__(self, store: StoreObjects, tasks: Tasks, split: int) -> None:
        self._store, self._tasks, self._split = store, tasks, split
        self._next = 0
        self._keys: list[str] = []

    def add(self, keys: Sequence[str], proof: bytes = b"") -> None:
        """As ``Notes``.

        Raises:
            Unavailable: the ingest is over.
        """
        for number in range(self._next, _MOST_NOTES):
            try:
                self._store.put(_note(self._tasks, self._split, number), proof)
            except NotProven:
                continue  # another attempt has this number
            self._next = number + 1
            self._keys += keys
            return self.verify_open()
        raise Unavailable(f"{TASKS}: over {_MOST_NOTES} notes of one split")

    def verify_open(self) -> None:
        """As ``Notes``: the ingest is not over."""
        if not self._store.is_there(_open(self._tasks)):
            raise Unavailable("engine: this ingest is over")

    def begin_logging(self, keys: Sequence[str]) -> None:  # noqa: ARG002 - as the port
        """As ``Notes``."""
        raise AssertionError("a task logs nothing")

    def read(self) -> Noted:
        """As ``Notes``: the keys of this attempt."""
        return Noted(keys=tuple(self._keys), is_logging=False)

    def clear(self) -> None:
        """As ``Notes``. The notes in the store stay, for whoever ends the ingest."""
        self._keys = []


def open_tasks(store: StoreObjects, tasks: Tasks) -> None:
    """Let tasks put objects, after the vault's folder has noted them.

    Raises:
        Unavailable: the store does not answer, or puts an object over another one.
    """
    store.put(_open(tasks), b"open\n")
    try:
        store.put(_open(tasks), b"put over it\n")
    except NotProven:
        return
    raise Unavailable(
        f"{TASKS}: the store puts an object over another one",
        hint="tasks need a store that knows conditional puts (If-None-Match); ingest without --engine",
    )


def close_tasks(store: StoreObjects, tasks: Tasks) -> TaskPuts:
    """End the ingest: from now on no task begins to put anything. Returns what was noted until now."""
    store.delete([_open(tasks)])
    return read_tasks(store, tasks)


def read_tasks(store: StoreObjects, tasks: Tasks) -> TaskPuts:
    """What attempts noted until now."""
    by_split = list(store.map(partial(_of_split, store, tasks), range(tasks.splits)))
    longest = max(map(len, by_split), default=0)
    return TaskPuts(
        proofs=tuple(raw for notes in by_split for raw in notes),
        notes=tuple(
            tuple(_note(tasks, split, number) for split, notes in enumerate(by_split) if number < len(notes))
            for number in range(longest)
        ),
    )


def forget_tasks(store: StoreObjects, puts: TaskPuts) -> None:
    """Delete the notes, the last numbers first: whatever is left of them is found again."""
    for notes in reversed(puts.notes):
        store.delete(notes)


def _of_split(store: StoreObjects, tasks: Tasks, split: int) -> list[bytes]:
    notes: list[bytes] = []
    while len(notes) < _MOST_NOTES:  # no attempt writes more: what else is there was put by somebody else
        raw = store.look(_note(tasks, split, len(notes)), _NOTE_BYTES)
        if raw is None:
            break
        notes.append(raw)
    return notes


def _open(tasks: Tasks) -> str:
    return f"{TASKS}{tasks.name}/open"


def _note(tasks: Tasks, split: int, number: int) -> str:
    return f"{TASKS}{tasks.name}/{split}/{number}"
