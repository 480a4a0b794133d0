"""A copy of what a vault's log names, in another folder or store, proven object by object.

The copy holds the log, the segments and the tallies, and the vault's pins: what an auditor reads. It holds no keys, no
desk and no custodians, so that it opens nothing.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from coffer.ledger.facts import Batch, Segment
from coffer.notes.keys import VerifyKey
from coffer.objects.port import Objects
from coffer.procedures.fsck import (
    IN_ORDER,
    Examined,
    Expected,
    Found,
    SegmentProof,
    dead_keys,
    examine,
    faults_of_segment,
    faults_of_tally,
)
from coffer.segments.store import key_of
from coffer.sequencer.published import read_published, verify_continued
from coffer.sequencer.shared import SharedLog
from coffer.tally.release import tally_hash
from coffer.translog.checkpoint import verify_checkpoint
from coffer.translog.store.files import FileLog
from coffer.vault.stored import tally_keys

_AT_ONCE: Final = 4
"""Objects copied at once: each is held in memory, and the largest has hundreds of MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicated:
    """What was done: objects and bytes copied, objects that were there, dead objects deleted there.

    ``unproven``: what the source lacks, or has with other bytes than the log says, so that it was not copied.
    ``examined``: what the copy is now.
    """

    copied: int
    size_bytes: int
    kept: int
    deleted: int
    unproven: tuple[str, ...]
    examined: Examined


@dataclass(frozen=True, slots=True, kw_only=True)
class _Brought:
    """What became of a few objects that belong together.

    ``sizes``: of those copied. ``faults``: what is wrong with the copy.
    """

    objects: int
    sizes: tuple[int, ...] = ()
    unproven: tuple[str, ...] = ()
    faults: tuple[Found, ...] = ()


def verify_continues(target: Objects, log: FileLog, checkpoint: bytes, key: VerifyKey, name: str) -> None:
    """Prove that what is copied continues what is there: the copy's tree is a prefix of the source's.

    A longer log is never replaced by a shorter one, which is then itself an old copy; and no history by another one,
    however long.

    Raises:
        NotProven: it does not.
    """
    size = verify_checkpoint(checkpoint, key, "checkpoint").head.size
    verify_continued(target, read_published(target, key), log, size, name)


def replicate(source: Objects, target: Objects, expected: Expected, checkpoint: bytes) -> Replicated:
    """Prove what is there, copy what is not there or is another one, delete what died.

    What machines remember of their files (``memory/``) is not copied: nobody could prove it without their key.

    ``verify_continues`` was called before. What is read from the source is proven before it is kept. The checkpoint is
    copied last.

    Raises:
        Unavailable: a place does not answer.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        brought = [
            *pool.map(partial(_bring_segment, source, target), expected.living),
            *pool.map(partial(_bring_tally, source, target), expected.tallies),
        ]
    shared = SharedLog(target)
    shared.mend(expected.tiles, expected.tile)
    shared.publish(checkpoint)
    dead = dead_keys(target, expected)
    target.delete(dead)
    sizes = [size for one in brought for size in one.sizes]
    unproven = tuple(key for one in brought for key in one.unproven)
    return Replicated(
        copied=len(sizes),
        size_bytes=sum(sizes),
        deleted=len(dead),
        kept=sum(one.objects for one in brought) - len(sizes) - len(unproven),
        unproven=unproven,
        examined=examine(
            target,
            replace(expected, memories=()),
            is_deep=True,
            known=[fault for one in brought for fault in one.faults],
        ),
    )


def _bring_segment(source: Objects, target: Objects, segment: Segment) -> _Brought:
    """Copy what is wrong of a segment. What is whole is read once, and so is what was copied."""
    look = partial(faults_of_segment, target, segment, is_deep=True)
    if not (faults := look()):
        return _Brought(objects=len(IN_ORDER))
    key, proof, sizes, unproven = key_of(segment.line.day, segment.line.seg_id), SegmentProof(segment), [], []
    for suffix in IN_ORDER:
        name = f"{key}{suffix}"
        content = source.read(name) if source.is_there(name) else b""
        if (taken := proof.take(suffix, content)) is None:
            unproven.append(name)
        else:
            proof = taken
            sizes += _put(target, name, content)
    if sizes:
        faults = look()
    return _Brought(objects=len(IN_ORDER), sizes=tuple(sizes), unproven=tuple(unproven), faults=tuple(faults))


def _bring_tally(source: Objects, target: Objects, batch: Batch) -> _Brought:
    """Copy a tally's two tables, which one hash proves."""
    keys = tally_keys(batch.batch)
    if not (faults := faults_of_tally(target, batch)):
        return _Brought(objects=len(keys))
    contents = [source.read(key) if source.is_there(key) else b"" for key in keys]
    if tally_hash(*contents) != batch.tally:
        return _Brought(objects=len(keys), unproven=keys, faults=tuple(faults))
    sizes = [size for key, content in zip(keys, contents, strict=True) for size in _put(target, key, content)]
    return _Brought(objects=len(keys), sizes=tuple(sizes), faults=tuple(faults_of_tally(target, batch)))


def _put(target: Objects, key: str, content: bytes) -> list[int]:
    """Put what was proven, also in place of other bytes; its size, unless it was there."""
    if not target.is_there(key):
        target.put(key, content)
    elif target.read(key) != content:
        target.replace(key, content)
    else:
        return []
    return [len(content)]
