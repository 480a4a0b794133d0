"""Whether a log continues what a place of objects holds of it, and so may be written there.

Promises: nothing is written over a longer or another log. The place's own checkpoint says what is there. One that is
empty, or not of this log, is damaged and says nothing, and a place without one has none yet or lost it. Then the
bundles that lie there say it: each must be a part of this log. What does not parse as a bundle holds no entry of any
log. Trusts: that the place's list shows its bundles. Who can hide them can also show an old checkpoint.
"""

from dataclasses import dataclass
from typing import Final

from coffer.errors import MalformedInput, NotProven
from coffer.notes.keys import VerifyKey
from coffer.objects.port import Objects
from coffer.translog import tiling
from coffer.translog.checkpoint import EMPTY, TreeHead, verify_checkpoint
from coffer.translog.store.files import FileLog

CHECKPOINT_KEY: Final = f"{tiling.LOG}{tiling.CHECKPOINT}"
_NO_CHECKPOINT: Final = (
    f"{CHECKPOINT_KEY} there is gone or damaged: put the newest one that anyone has in its place. If this log is "
    f"proven to be the longest (by custodians, witnesses or auditors), remove {tiling.LOG} there instead"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The tree of a place's checkpoint; empty without one.

    ``is_damaged``: an object is there that is no checkpoint of this log.
    """

    head: TreeHead
    is_damaged: bool


def parse_published(raw: bytes | None, key: VerifyKey) -> Published:
    """What a place's checkpoint says; None if there is no such object."""
    if raw is None:
        return Published(head=EMPTY, is_damaged=False)
    try:
        return Published(head=verify_checkpoint(raw, key, CHECKPOINT_KEY).head, is_damaged=False)
    except (MalformedInput, NotProven):
        return Published(head=EMPTY, is_damaged=True)


def read_published(objects: Objects, key: VerifyKey) -> Published:
    """What a place's checkpoint says."""
    return parse_published(objects.read(CHECKPOINT_KEY) if objects.is_there(CHECKPOINT_KEY) else None, key)


def verify_continued(objects: Objects, published: Published, log: FileLog, size: int, name: str) -> None:
    """Prove that the first ``size`` entries of a log continue what a place holds.

    Then tiles there that are not the log's may be replaced. ``name``: the place, for people.

    Raises:
        NotProven: the place holds a longer log, or another history.
    """
    if published.head != EMPTY:
        log.verify_continues(published.head, size, name)
        return
    for key in objects.keys(f"{tiling.LOG}tile/entries/"):
        path = key.removeprefix(tiling.LOG)
        if not tiling.is_tile_path(path):
            continue
        _, index, width = tiling.parse_tile_path(path)
        try:
            entries = tiling.parse_bundle(objects.read(key), width, key)
        except MalformedInput:
            continue
        first = index * tiling.WIDTH
        if first + width > size:
            raise NotProven(
                f"log: {name} holds {first + width} entries, the vault {size}: nothing was copied over it",
                hint=_NO_CHECKPOINT,
            )
        if list(log.entries(first, first + width)) != entries:
            raise NotProven(
                f"log: {name} holds other entries than the vault ({key}): nothing was copied over it",
                hint=_NO_CHECKPOINT,
            )
