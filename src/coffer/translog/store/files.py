"""A log in a folder, as C2SP tlog-tiles lays it out: may be served as it is by any static web server."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.notes.keys import SigningKey, VerifyKey
from coffer.translog import layout
from coffer.translog.checkpoint import Checkpoint, TreeHead, sign_checkpoint, verify_checkpoint
from coffer.translog.merkle import EMPTY_ROOT, leaf_hash, node_hash, root_hash
from coffer.wire import Hash

_NO_TREE: Final = TreeHead(size=0, root=EMPTY_ROOT)


class FileLog:
    """Reads and, with the log's signing key, appends. See ``coffer.translog.port`` for the contract."""

    def __init__(self, folder: Path, disk: Disk, *, key: VerifyKey) -> None:
        self._folder = folder
        self._disk = disk
        self._key = key

    def checkpoint(self) -> bytes:
        """The newest checkpoint, raw."""
        return self._disk.read(self._folder / layout.CHECKPOINT)

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        """The raw entries ``start`` to ``end`` (exclusive)."""
        found: list[bytes] = []
        for index in range(start // layout.WIDTH, -(-end // layout.WIDTH)):
            first = index * layout.WIDTH
            bundle = self._bundle(index, min(layout.WIDTH, end - first))
            found += bundle[max(0, start - first) : end - first]
        return found

    def append(self, entries: Sequence[bytes], signer: SigningKey) -> Checkpoint:
        """Add entries under one new checkpoint.

        Bundles, then hash tiles, then the checkpoint, each durable before the next.
        """
        for entry in entries:
            if len(entry) > layout.MAX_ENTRY_BYTES:
                raise MalformedInput(f"log entry: {len(entry)} bytes, expected at most {layout.MAX_ENTRY_BYTES}")
        head = self._head()
        # The last, partial bundle is written again in full: entries never move, so the new one begins with the old one.
        first = head.size - head.size % layout.WIDTH
        tail = [*self.entries(first, head.size), *entries]
        size = head.size + len(entries)
        old_level0 = self._level0(head)
        levels = _levels([*old_level0, *(leaf_hash(entry) for entry in entries)])
        for index in range(first // layout.WIDTH, -(-size // layout.WIDTH)):
            offset = index * layout.WIDTH - first
            self._write_tile(None, index, tail[offset : offset + layout.WIDTH])
        for level, index, width in layout.tiles_of(size):
            start = index * layout.WIDTH
            if start + width > head.size >> (8 * level):
                raw = b"".join(levels[level][start : start + width])
                self._disk.write(self._folder / layout.tile_path(level, index, width), raw)
        root = root_hash(levels[0])
        checkpoint = sign_checkpoint(TreeHead(size=size, root=root), signer)
        self._disk.write(self._folder / layout.CHECKPOINT, checkpoint.note.raw)
        self._remove_partials(head.size, size)
        return checkpoint

    def _head(self) -> TreeHead:
        if not self._disk.is_file(self._folder / layout.CHECKPOINT):
            return _NO_TREE
        return verify_checkpoint(self.checkpoint(), self._key, "log/checkpoint").head

    def _level0(self, head: TreeHead) -> list[Hash]:
        hashes: list[Hash] = []
        for level, index, width in layout.tiles_of(head.size):
            if level == 0:
                path = layout.tile_path(0, index, width)
                hashes += layout.parse_hash_tile(self._disk.read(self._folder / path), width, path)
        if root_hash(hashes) != head.root:
            raise NotProven("log: the stored tiles do not give the checkpoint's root", hint="run coffer-audit vault")
        return hashes

    def _bundle(self, index: int, width: int) -> list[bytes]:
        """At least ``width`` entries of bundle ``index``.

        A partial one may have been replaced by a larger one meanwhile.
        """
        exact = layout.tile_path(None, index, width)
        if self._disk.is_file(self._folder / exact):
            return layout.parse_bundle(self._disk.read(self._folder / exact), width, f"log/{exact}")
        full = layout.tile_path(None, index, layout.WIDTH)
        if self._disk.is_file(self._folder / full):
            return layout.parse_bundle(self._disk.read(self._folder / full), layout.WIDTH, f"log/{full}")
        partials = self._folder / f"{full}.p"
        for found in sorted((int(p.name) for p in self._disk.children(partials) if p.name.isdigit()), reverse=True):
            if found > width:
                path = layout.tile_path(None, index, found)
                return layout.parse_bundle(self._disk.read(self._folder / path), found, f"log/{path}")
        raise Unavailable(f"log/{exact}: missing", hint="the log's folder is incomplete: restore it from a mirror")

    def _write_tile(self, level: int | None, index: int, entries: Sequence[bytes]) -> None:
        path = self._folder / layout.tile_path(level, index, len(entries))
        self._disk.write(path, layout.format_bundle(entries))

    def _remove_partials(self, old_size: int, size: int) -> None:
        kept = {(level, index, width) for level, index, width in layout.tiles_of(size)}
        for level, index, width in layout.tiles_of(old_size):
            if width < layout.WIDTH and (level, index, width) not in kept:
                self._remove(level, index, width)
        last = old_size % layout.WIDTH
        if last and old_size != size:
            self._remove(None, old_size // layout.WIDTH, last)

    def _remove(self, level: int | None, index: int, width: int) -> None:
        self._disk.remove(self._folder / layout.tile_path(level, index, width))


def _levels(leaves: list[Hash]) -> list[list[Hash]]:
    """Hashes of the complete subtrees of height 0, 8, 16 ..., which are what tiles hold."""
    levels = [leaves]
    while len(levels[-1]) >= layout.WIDTH:
        below = levels[-1]
        above = []
        for start in range(0, len(below) - layout.WIDTH + 1, layout.WIDTH):
            row = below[start : start + layout.WIDTH]
            while len(row) > 1:
                row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
            above.append(row[0])
        levels.append(above)
    return levels
