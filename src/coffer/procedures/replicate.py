"""A copy of what a vault's log names, in another folder or store, proven object by object.

The copy holds the log, the segments and the tallies, and the vault's pins: what an auditor reads. It holds no keys, no
desk and no custodians, so that it opens nothing.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from coffer.errors import NotProven
from coffer.notes.keys import VerifyKey
from coffer.objects.port import Objects
from coffer.procedures.fsck import Examined, Expected, dead_keys, examine
from coffer.segments.store import SUFFIXES, key_of
from coffer.translog import tiling
from coffer.translog.checkpoint import verify_checkpoint
from coffer.vault.stored import LOG, tally_keys

_AT_ONCE: Final = 4
"""Objects copied at once: each is held in memory, and the largest has hundreds of MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicated:
    """What was done: objects and bytes copied, objects that were there, dead objects deleted there.

    ``examined``: what the copy was found to be.
    """

    copied: int
    size_bytes: int
    kept: int
    deleted: int
    examined: Examined


def verify_not_older(target: Objects, checkpoint: bytes, key: VerifyKey, name: str) -> None:
    """Refuse to replace a longer log by a shorter one: what is copied is then itself an old copy.

    Raises:
        NotProven: it is, or the checkpoint that is there is of another log.
    """
    if not target.is_there(f"{LOG}{tiling.CHECKPOINT}"):
        return
    kept = verify_checkpoint(target.read(f"{LOG}{tiling.CHECKPOINT}"), key, f"checkpoint of {name}").head.size
    size = verify_checkpoint(checkpoint, key, "checkpoint").head.size
    if kept > size:
        raise NotProven(
            f"log: {name} holds {kept} entries, the vault {size}",
            hint="the vault is an older copy: put the longest log in place before anything is logged",
        )


def replicate(source: Objects, target: Objects, expected: Expected, checkpoint: bytes) -> Replicated:
    """Copy what is not there, delete what died, then read all of the copy and prove it.

    The checkpoint is copied last. An object that is there with the same size is not copied again: whether it is the same one, the proof shows.

    Raises:
        NotProven: the target has other bytes under a name of the log.
        Unavailable: an object is missing, or a place does not answer.
    """
    keys = [
        f"{key_of(segment.line.day, segment.line.seg_id)}{suffix}" for segment in expected.living for suffix in SUFFIXES
    ]
    keys += [key for batch in expected.tallies for key in tally_keys(batch.batch)]

    def copy(key: str) -> int | None:
        if (size := target.size(key)) is not None and size == source.size(key):
            return None
        content = source.read(key)
        target.put(key, content)
        return len(content)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        sizes = list(pool.map(copy, keys))
        for _ in pool.map(lambda name: target.put(f"{LOG}{name}", expected.tile(name)), expected.tiles):
            pass  # an error is raised here
    target.replace(f"{LOG}{tiling.CHECKPOINT}", checkpoint)
    dead = dead_keys(target, expected)
    target.delete(dead)
    copied = [size for size in sizes if size is not None]
    return Replicated(
        copied=len(copied),
        size_bytes=sum(copied),
        deleted=len(dead),
        kept=len(sizes) - len(copied),
        examined=examine(target, expected, is_deep=True),
    )
