"""Which files of a watched folder are due, which wait and why. Pure.

What is seen, what was taken and the time make the decision; nothing is remembered here.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from coffer.procedures.watch.settings import After, Order, WatchedFolder
from coffer.vault.watched import Taken

RESERVE_BYTES: Final = 512 * 2**20
"""Free bytes that a batch leaves: a full disk would stop openings and the destruction of keys as well."""
RETRY_S: Final = (1, 5, 15, 60, 300)
"""Seconds to wait after the first failure in a row, the second, and so on; after more the last."""


class Wait(StrEnum):
    """Why a file waits."""

    UNREADABLE = "this user may not read it"
    SETTLING = "it changed a moment ago"
    MARKER = "its marker is not there"
    TORN = "its last line has no end"
    REFUSED = "it was refused and neither it nor the feed file changed since"
    KNOWN = "it was ingested before: it is not deleted"
    BATCH = "it is of the next batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A file as a look saw it.

    ``key``: stands for its name. ``now``: what it is like; ``until`` is where its last whole line ends if the file is
    read while it grows, else its size. ``touched_ns``: when its content or its name last changed; writers cannot set it
    back, as they can the time of change. ``is_readable``: this user may read it. ``has_marker``: the marker lies beside it. ``can_grow``: it is plain text.
    """

    name: str
    key: bytes
    now: Taken
    touched_ns: int
    is_readable: bool = True
    has_marker: bool = False
    can_grow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A file of a batch. ``until``: where reading ends; None: the file is read whole."""

    seen: Seen
    until: int | None
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done with a folder now.

    ``finish``: taken files that are to be moved or deleted. ``empty``: files of no byte that have settled. ``waiting``: the
    others, with the reason.
    """

    batch: tuple[Piece, ...] = ()
    finish: tuple[Seen, ...] = ()
    empty: tuple[Seen, ...] = ()
    waiting: tuple[tuple[Seen, Wait], ...] = ()

    def reasons(self) -> dict[str, int]:
        """How many files wait for what."""
        return dict(Counter(str(wait.name).lower() for _, wait in self.waiting))


def decide_plan(
    folder: WatchedFolder,
    seen: Sequence[Seen],
    taken: Mapping[bytes, Taken],
    refused: Mapping[bytes, Taken],
    *,
    now: dt.datetime,
    since_batch_s: float | None,
    is_last: bool = False,
) -> Plan:
    """What to do with a folder now.

    ``refused``: files of which nothing could be read, as they were then. ``since_batch_s``: seconds since the folder's
    last batch; None if there was none. ``is_last``: nobody will look again soon, so that no file waits for others.
    """
    due: list[Piece] = []
    finish: list[Seen] = []
    empty: list[Seen] = []
    waiting: list[tuple[Seen, Wait]] = []
    for one in _in_order(folder, seen):
        match _decide_file(folder, one, taken.get(one.key), refused.get(one.key), now):
            case Wait() as wait:
                waiting.append((one, wait))
            case Piece() as piece if one.now.size:
                due.append(piece)
            case Piece():
                empty.append(one)
            case After.KEEP:
                pass
            case After():
                finish.append(one)
    batch, is_full = _first_batch(folder, due)
    if not is_full and not is_last and since_batch_s is not None and since_batch_s < folder.batch_s:
        batch = []
    waiting += [(piece.seen, Wait.BATCH) for piece in due[len(batch) :]]
    return Plan(batch=tuple(batch), finish=tuple(finish), empty=tuple(empty), waiting=tuple(waiting))


def _in_order(folder: WatchedFolder, seen: Sequence[Seen]) -> list[Seen]:
    if folder.order is Order.NAME:
        return sorted(seen, key=lambda one: one.name)
    return sorted(seen, key=lambda one: (one.now.changed_ns, one.name))


def _decide_file(
    folder: WatchedFolder, one: Seen, taken: Taken | None, refused: Taken | None, now: dt.datetime
) -> Wait | Piece | After:
    """What to do with a file: wait, read it, or what the folder's policy says of a file that was taken."""
    if taken is not None and taken.is_same(one.now):
        if folder.after is After.DELETE and not taken.batch and taken.size:
            return Wait.KNOWN  # that it is known rests on a fingerprint of few bits, which is too little to delete by
        if taken.until < taken.size and (one.can_grow or not folder.grows):
            return Wait.TORN
        return folder.after
    if not one.is_readable:
        return Wait.UNREADABLE
    if folder.grows and not one.now.size:
        return After.KEEP  # its writer has just begun it
    if refused is not None and refused.is_same(one.now):
        return Wait.REFUSED
    if folder.grows and one.can_grow:
        return _decide_growing(one, taken)
    if folder.marker and not one.has_marker:
        return Wait.MARKER
    if not is_settled(one, folder.settle_s, now):
        return Wait.SETTLING
    return Piece(seen=one, until=None, size_bytes=one.now.size)


def _decide_growing(one: Seen, taken: Taken | None) -> Wait | Piece:
    until, before = one.now.until, 0
    if taken is not None and taken.inode == one.now.inode and taken.size <= one.now.size:
        before = taken.until
        if until == before and taken.size < one.now.size:
            return Wait.TORN
    if not until:
        return Wait.TORN
    return Piece(seen=one, until=until, size_bytes=max(0, until - before))


def is_settled(one: Seen, settle_s: int, now: dt.datetime) -> bool:
    """Whether a file has not changed for so long."""
    since = max(one.touched_ns, one.now.changed_ns)
    return int(now.timestamp() * 1e9) - since >= settle_s * 1_000_000_000


def _first_batch(folder: WatchedFolder, due: Sequence[Piece]) -> tuple[list[Piece], bool]:
    """The first files that make a batch, and whether it is full. One file at least, however large."""
    batch: list[Piece] = []
    size_bytes = 0
    for piece in due:
        if batch and size_bytes + piece.size_bytes > folder.batch_bytes:
            return batch, True
        batch.append(piece)
        size_bytes += piece.size_bytes
        if len(batch) == folder.batch_files or size_bytes >= folder.batch_bytes:
            return batch, True
    return batch, False


def free_bytes_needed(batch: Sequence[Piece]) -> int:
    """Free bytes without which a batch is not begun. Sealed rows take about as much as lines of text."""
    return RESERVE_BYTES + 2 * sum(piece.size_bytes for piece in batch)


def retry_after_s(failures: int) -> int:
    """Seconds to wait after so many failures in a row, from 1."""
    return RETRY_S[min(failures, len(RETRY_S)) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What became of files that were read while they grew.

    ``rotated``: another file took the name. ``truncated``: the file is shorter than what was read of it.
    ``lost_sight``: of the rotated, those that no other file of the folder can be.
    """

    rotated: int = 0
    truncated: int = 0
    lost_sight: int = 0


def decide_changes(batch: Sequence[Piece], seen: Sequence[Seen], taken: Mapping[bytes, Taken]) -> Changes:
    """What became of the growing files of a batch since they were taken."""
    changes = Changes()
    for piece in batch:
        before = taken.get(piece.seen.key)
        if before is None or piece.until is None:
            continue
        if before.inode == piece.seen.now.inode:
            changes = replace(changes, truncated=changes.truncated + (piece.seen.now.size < before.until))
            continue
        is_there = any(
            one.key != piece.seen.key and (one.now.inode == before.inode or one.now.changed_ns >= before.changed_ns)
            for one in seen
        )
        changes = replace(changes, rotated=changes.rotated + 1, lost_sight=changes.lost_sight + (not is_there))
    return changes


def decide_predecessor(piece: Piece, seen: Sequence[Seen], taken: Mapping[bytes, Taken]) -> Piece | None:
    """The known file that was rotated away before a growing one.

    Events may go on from it to the other.
    """
    older = [
        one
        for one in seen
        if one.key in taken
        and taken[one.key].is_same(one.now)
        and one.now.size
        and one.key != piece.seen.key
        and one.now.changed_ns <= piece.seen.now.changed_ns
    ]
    last = max(older, key=lambda one: (one.now.changed_ns, one.name), default=None)
    if last is None:
        return None
    return Piece(seen=last, until=taken[last.key].until if last.can_grow else None, size_bytes=0)


def free_names(taken: Iterable[str], names: Sequence[str]) -> list[str]:
    """Names that nothing in a folder has: these, else with .2 behind them, and so on."""
    there, free = set(taken), []
    for wanted in names:
        name, number = wanted, 1
        while name in there:
            number += 1
            name = f"{wanted}.{number}"
        there.add(name)
        free.append(name)
    return free
