"""The log as all its machines see it: objects below ``log/``, in a place that all of them reach.

Promises: a tile is written only after the store of checkpoints has the tree that it is of. So whoever writes a tile
late, after others went on, writes what is there. Other bytes under the name of such a tile are of no tree that was ever
published, but junk of somebody who may write there: they are passed over when read, and replaced when written. Trusts:
nothing that it reads; its callers prove it against a checkpoint.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.objects.port import Objects
from coffer.translog import tiling
from coffer.translog.checkpoint import TreeHead

STAGED: Final = f"{tiling.LOG}staged/"
REPLACED: Final = "{key}: other bytes were there, which no log has: replaced; who else may write to the store?"
_LOOKS: Final = 3
"""Between two looks, another machine may have written what was staged."""


@dataclass(frozen=True, slots=True)
class SharedLog:
    """Reads and writes the shared log. Any number of machines may do either at once."""

    objects: Objects

    def checkpoint(self) -> bytes | None:
        """The published checkpoint; None before the first."""
        key = f"{tiling.LOG}{tiling.CHECKPOINT}"
        return self.objects.read(key) if self.objects.is_there(key) else None

    def entries(self, start: int, head: TreeHead, is_its: Callable[[Sequence[bytes]], bool]) -> Sequence[bytes]:
        """The entries from ``start`` to the end of a tree that the store of checkpoints has.

        They are in the tiles, or the last of them are staged only. ``is_its``: whether entries give the tree's root;
        what gives another one is passed over, if the true ones lie in the other place.

        Raises:
            Unavailable: they are not there.
            MalformedInput: they do not parse.
        """
        other: Sequence[bytes] | None = None
        for _ in range(_LOOKS):
            with suppress(Unavailable, MalformedInput):
                tiled = self._tiled(start, head.size)
                if is_its(tiled):
                    return tiled
                other = tiled
            if self.objects.is_there(staged_key(head)):
                with suppress(Unavailable, MalformedInput):  # it was written and removed between two looks
                    staged = self._staged(head)
                    first = head.size - len(staged)
                    last = staged[start - first :] if start >= first else [*self._tiled(start, first), *staged]
                    if is_its(last):
                        return last
                    other = last
        return self._tiled(start, head.size) if other is None else other  # which the caller refuses

    def _tiled(self, start: int, end: int) -> list[bytes]:
        entries: list[bytes] = []
        for index, width, part in tiling.bundles_of(start, end):
            key = f"{tiling.LOG}{tiling.tile_path(None, index, width)}"
            entries += tiling.parse_bundle(self.objects.read(key), width, key)[part]
        return entries

    def _staged(self, head: TreeHead) -> list[bytes]:
        key = staged_key(head)
        return tiling.parse_open_bundle(self.objects.read(key), head.size, key)

    def stage(self, head: TreeHead, entries: Sequence[bytes]) -> None:
        """Put the last entries of a tree under a name of their own, before anybody can decide for it."""
        self.objects.put(staged_key(head), tiling.format_bundle(entries))

    def unstage(self, head: TreeHead) -> None:
        """Remove what was staged: the tiles have it, or this tree will never be."""
        self.objects.delete([staged_key(head)])

    def sweep(self) -> None:
        """Remove all that is staged. The caller has the turn, and the newest tree is published."""
        self.objects.delete([key for key in self.objects.keys(STAGED) if key.startswith(STAGED)])

    def write(self, names: Iterable[str], read: Callable[[str], bytes]) -> list[str]:
        """Put tiles of a tree that continues the published one, several at once. Durable when this returns.

        Returns the keys under which junk was, which is replaced.
        """

        def put(name: str) -> str | None:
            key, tile = f"{tiling.LOG}{name}", read(name)
            try:
                self.objects.put(key, tile)
            except NotProven:
                self.objects.replace(key, tile)
                return key
            return None

        return [key for key in self.objects.map(put, list(names)) if key is not None]

    def mend(self, names: Sequence[str], read: Callable[[str], bytes]) -> list[str]:
        """``write`` those that are gone or other ones; each is read first, since most are there."""

        def is_its(name: str) -> bool:
            key = f"{tiling.LOG}{name}"
            return self.objects.is_there(key) and self.objects.read(key) == read(name)

        sound = self.objects.map(is_its, names)
        return self.write([name for name, is_sound in zip(names, sound, strict=True) if not is_sound], read)

    def publish(self, checkpoint: bytes) -> None:
        """Replace the checkpoint, last."""
        self.objects.replace(f"{tiling.LOG}{tiling.CHECKPOINT}", checkpoint)


def staged_key(head: TreeHead) -> str:
    """The key of what is staged for a tree. Two trees of one size have different keys."""
    return f"{STAGED}{head.size}-{head.root.hex()}"
