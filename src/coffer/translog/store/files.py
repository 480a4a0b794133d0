"""A log in a folder, laid out as in C2SP tlog-tiles.

Any static web server can serve the folder as it is.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Final, TypeVar

from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.notes.keys import SigningKey, VerifyKey
from coffer.notes.note import Note, SignatureLine
from coffer.translog import tiling
from coffer.translog.checkpoint import EMPTY, Checkpoint, TreeHead, sign_checkpoint, verify_checkpoint
from coffer.translog.merkle import (
    Frontier,
    consistency_path,
    inclusion_path,
    leaf_hash,
    root_hash,
    verify_consistency,
)
from coffer.wire import Hash

T = TypeVar("T")
_TRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Growth:
    """The tree before and after some new entries, and the tiles and bundles to write, by name."""

    before: TreeHead
    after: TreeHead
    tiles: Mapping[str, bytes]


class FileLog:
    """A log in a folder: reads it and, with the log's signing key, appends to it.

    The contract is in ``coffer.translog.port``.
    """

    def __init__(self, folder: Path, disk: Disk, *, key: VerifyKey) -> None:
        self._folder = folder
        self._disk = disk
        self._key = key

    @property
    def key(self) -> VerifyKey:
        """The key that verifies its checkpoints."""
        return self._key

    def checkpoint(self) -> bytes:
        """The newest checkpoint, raw."""
        return self._disk.read(self._folder / tiling.CHECKPOINT)

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        """The raw entries ``start`` to ``end`` (exclusive)."""
        entries: list[bytes] = []
        for index, width, part in tiling.bundles_of(start, end):
            entries += self._bundle(index, width)[part]
        return entries

    def entries_at(self, indexes: Iterable[int]) -> dict[int, bytes]:
        """The raw entries with these indexes. Each bundle is read once."""
        raws: dict[int, bytes] = {}
        for _, group in groupby(sorted(indexes), key=lambda index: index // tiling.WIDTH):
            own = list(group)
            entries = self.entries(own[0], own[-1] + 1)
            raws |= {index: entries[index - own[0]] for index in own}
        return raws

    def size(self) -> int:
        """Entries under the newest checkpoint; 0 before the first."""
        return self._head().size

    def head(self) -> TreeHead:
        """Size and root of the newest checkpoint; of an empty tree before the first."""
        return self._head()

    def tile(self, name: str) -> bytes:
        """The bytes of a tile or bundle, by the name that ``tiling`` gives it."""
        return self._disk.read(self._folder / name)

    def grown(self, entries: Sequence[bytes]) -> TreeHead:
        """Size and root of the tree with these entries added. Nothing is written."""
        return self._growth(entries).after

    def append(self, entries: Sequence[bytes], signer: SigningKey) -> Checkpoint:
        """Add entries under one new checkpoint.

        Bundles and hash tiles are durable before the checkpoint. Only the right edge of the tree is read and written,
        however long the log is.
        """
        growth = self._growth(entries)
        self._publish(growth)
        checkpoint = sign_checkpoint(growth.after, signer)
        self._conclude(growth, checkpoint.note.raw)
        return checkpoint

    def follow(self, entries: Sequence[bytes], raw_checkpoint: bytes) -> None:
        """Add the next entries of a log that another party signs, under its checkpoint. See ``LogMirror``."""
        offered = verify_checkpoint(raw_checkpoint, self._key, "checkpoint")
        growth = self._growth(entries)
        if growth.after != offered.head:
            raise NotProven("mirror: its entries and the new ones do not give the root of the checkpoint")
        self._publish(growth)
        self._conclude(growth, raw_checkpoint)

    def verify(self) -> None:
        """Prove that every entry and every hash tile belongs to the checkpoint.

        Raises:
            NotProven, MalformedInput, Unavailable: an entry or a tile does not belong to it, or is missing.
        """
        head = self._head()
        row: list[Hash] = []
        for index, width, part in tiling.bundles_of(0, head.size):
            row += map(leaf_hash, self._bundle(index, width)[part])
        tree = Frontier()
        for leaf in row:
            tree.append(leaf)
        if tree.root() != head.root:
            raise NotProven("log: its entries do not give the root of its checkpoint")
        level = 0
        while row:
            for start, tile in _tiles(row):
                if self._hash_tile(level, start // tiling.WIDTH, len(tile))[: len(tile)] != list(tile):
                    raise NotProven(f"log: hash tile {start // tiling.WIDTH} of level {level} is not its entries'")
            row = [root_hash(tile) for _, tile in _tiles(row) if len(tile) == tiling.WIDTH]
            level += 1
        for at in (None, *range(level)):
            self._verify_partials(at, head.size)

    def _verify_partials(self, level: int | None, size: int) -> None:
        """Prove that each partial tile of an older size is the beginning of the newest one.

        A reader with an older checkpoint is served these files.
        """
        index, width = divmod(size >> 8 * (level or 0), tiling.WIDTH)
        newest = self._folder / tiling.tile_path(level, index, width)
        for path in self._disk.children(newest.parent) if width else ():
            older = int(path.name) if path.name.isdigit() else width
            if older < width and self._disk.read(path) != tiling.cut_tile(
                self._disk.read(newest), level, older, f"log/{path.name}"
            ):
                raise NotProven(f"log: the partial tile of {older} in {path.parent.name} is not its entries'")

    def _growth(self, entries: Sequence[bytes]) -> "_Growth":
        """The log with these entries added; nothing is written yet."""
        for entry in entries:
            if len(entry) > tiling.MAX_ENTRY_BYTES:
                raise MalformedInput(f"log entry: {len(entry)} bytes, expected at most {tiling.MAX_ENTRY_BYTES}")
        head = self._head()
        # The last, partial bundle is written again, with the new entries after the old ones.
        first = head.size - head.size % tiling.WIDTH
        last = self.entries(first, head.size)
        tail = [*last, *entries]
        edge = self._edge(head)
        if [leaf_hash(entry) for entry in last] != edge[0]:
            # A damaged entry must not be copied into the next bundle: the tree holds the hash of the true one.
            raise NotProven("log: its last entries are not those of its tree", hint="run coffer-audit vault")
        tree = _frontier_of(edge)
        leaves = [leaf_hash(entry) for entry in entries]
        for leaf in leaves:
            tree.append(leaf)
        tiles = {
            tiling.tile_path(None, (first + start) // tiling.WIDTH, len(part)): tiling.format_bundle(part)
            for start, part in _tiles(tail)
        }
        for level, row in enumerate(_grow(edge, leaves)):
            begin = (head.size >> 8 * level) // tiling.WIDTH * tiling.WIDTH
            for start, part in _tiles(row):
                if begin + start + len(part) > head.size >> 8 * level:
                    tiles[tiling.tile_path(level, (begin + start) // tiling.WIDTH, len(part))] = b"".join(part)
        after = TreeHead(size=head.size + len(entries), root=tree.root())
        return _Growth(before=head, after=after, tiles=tiles)

    def _publish(self, growth: "_Growth") -> None:
        paths = {self._folder / name: raw for name, raw in growth.tiles.items()}
        self._disk.publish([(self._disk.stage(path, raw), path) for path, raw in paths.items()])

    def _conclude(self, growth: "_Growth", raw_checkpoint: bytes) -> None:
        self._disk.write(self._folder / tiling.CHECKPOINT, raw_checkpoint)
        self._remove_completed(growth.before.size, growth.after.size)

    def inclusion_proof(self, index: int, size: int) -> list[Hash]:
        """Audit path of entry ``index`` in the tree of ``size`` entries, from the stored tiles.

        It is unproven: the caller verifies it.
        """
        return self.inclusion_proofs([index], size)[0]

    def inclusion_proofs(self, indexes: Sequence[int], size: int) -> list[list[Hash]]:
        """The audit path of each entry. Tiles and nodes that several paths share are read once."""
        tile = cache(self._hash_tile)
        node = cache(lambda level, at: self._node(level, at, size, tile))
        return [inclusion_path(index, size, node) for index in indexes]

    def consistency_proof(self, old_size: int, size: int) -> list[Hash]:
        """Proof that the first ``old_size`` entries are a prefix of the first ``size``.

        It comes from the stored tiles and is unproven.
        """
        return consistency_path(old_size, size, lambda level, at: self._node(level, at, size, self._hash_tile))

    def verify_continues(self, kept: TreeHead, size: int, name: str) -> None:
        """Prove that the tree of a copy of this log is a prefix of this one's first ``size`` entries.

        ``name``: the copy, for people. Before anything of a copy is replaced.

        Raises:
            NotProven: the copy is longer, or of another history.
        """
        if kept.size > size:
            raise NotProven(
                f"log: {name} holds {kept.size} entries, the vault {size}: nothing was copied over it",
                hint="the vault is an older copy: put the longest log in place before anything is logged",
            )
        if not kept.size:
            return
        root, proof = self._root_at(size), self.consistency_proof(kept.size, size)
        try:
            verify_consistency(old_size=kept.size, old_root=kept.root, size=size, root=root, proof=proof)
        except NotProven:
            raise NotProven(
                f"log: {name} holds another history of {kept.size} entries than the vault: nothing was copied over it",
                hint="two histories of one log: keep both as evidence, and find out which one others saw",
            ) from None

    def _root_at(self, size: int) -> Hash:
        """The root over the first ``size`` entries, from the stored tiles."""
        tree = Frontier()
        for level in range(size.bit_length() - 1, -1, -1):
            if size >> level & 1:
                tree.append(self._node(level, (size >> level) - 1, size, self._hash_tile), level)
        return tree.root()

    def cosign(self, lines: Sequence[SignatureLine]) -> None:
        """Add witnesses' lines, which the caller verified, to the newest checkpoint.

        A new line replaces an older line of the same key.
        """
        note = verify_checkpoint(self.checkpoint(), self._key, "log/checkpoint").note
        named = {(line.name, line.key_id) for line in lines}
        kept = [line for line in note.signatures if (line.name, line.key_id) not in named]
        self._disk.write(self._folder / tiling.CHECKPOINT, Note(text=note.text, signatures=(*kept, *lines)).raw)

    @staticmethod
    def _node(level: int, at: int, size: int, hash_tile: Callable[[int, int, int], list[Hash]]) -> Hash:
        """The root of a complete subtree of 2^level leaves, from the tile that holds it or its parts."""
        tile, height = divmod(level, 8)
        first = at << height
        width = min(tiling.WIDTH, (size >> 8 * tile) - first // tiling.WIDTH * tiling.WIDTH)
        start = first % tiling.WIDTH
        return root_hash(hash_tile(tile, first // tiling.WIDTH, width)[start : start + (1 << height)])

    def _hash_tile(self, level: int, index: int, width: int) -> list[Hash]:
        """At least ``width`` hashes of a tile. A larger tile may have replaced a partial one meanwhile."""
        stored_width, raw, path = self._stored(level, index, width)
        return tiling.parse_hash_tile(raw, stored_width, path)

    def _head(self) -> TreeHead:
        if not self._disk.is_file(self._folder / tiling.CHECKPOINT):
            return EMPTY
        return verify_checkpoint(self.checkpoint(), self._key, "log/checkpoint").head

    def _edge(self, head: TreeHead) -> list[list[Hash]]:
        """The right edge of the tree: for each level, the hashes of its partial tile.

        Together they cover all leaves. They are proven to give the root.

        Raises:
            NotProven: they do not give the root.
        """
        edge = []
        for level in range(max(1, -(-head.size.bit_length() // 8))):
            count = head.size >> 8 * level
            width = count % tiling.WIDTH
            edge.append(self._hash_tile(level, count // tiling.WIDTH, width)[:width] if width else [])
        if _frontier_of(edge).root() != head.root:
            raise NotProven("log: the stored tiles do not give the checkpoint's root", hint="run coffer-audit vault")
        return edge

    def _bundle(self, index: int, width: int) -> list[bytes]:
        """At least ``width`` entries of a bundle. A larger bundle may have replaced a partial one meanwhile."""
        stored_width, raw, path = self._stored(None, index, width)
        return tiling.parse_bundle(raw, stored_width, path)

    def _stored(self, level: int | None, index: int, width: int) -> tuple[int, bytes, str]:
        """A tile or bundle that holds at least ``width``: how many it holds, its bytes, and its name.

        Raises:
            Unavailable: there is none.
        """
        for _ in range(_TRIES - 1):
            with suppress(Unavailable):  # a writer may have replaced it by a larger one between two looks
                return self._stored_now(level, index, width)
        return self._stored_now(level, index, width)

    def _stored_now(self, level: int | None, index: int, width: int) -> tuple[int, bytes, str]:
        for stored_width in (width, tiling.WIDTH):
            path = tiling.tile_path(level, index, stored_width)
            if self._disk.is_file(self._folder / path):
                return stored_width, self._disk.read(self._folder / path), f"log/{path}"
        # Only the width of the newest checkpoint: any other larger file may have been left by a crash.
        newest = self._newest_width(level, index)
        path = tiling.tile_path(level, index, newest)
        if newest > width and self._disk.is_file(self._folder / path):
            return newest, self._disk.read(self._folder / path), f"log/{path}"
        exact = tiling.tile_path(level, index, width)
        raise Unavailable(f"log/{exact}: missing", hint="the log's folder is incomplete: restore it from a mirror")

    def _newest_width(self, level: int | None, index: int) -> int:
        """How many hashes or entries a tile or bundle holds under the newest checkpoint."""
        count = self._head().size >> 8 * (level or 0)
        return max(0, min(tiling.WIDTH, count - index * tiling.WIDTH))

    def remove_orphans(self) -> None:
        """Remove the files beyond the newest checkpoint. For a mirror, which can be fetched again."""
        for path in self.orphans():
            self._disk.remove(path)

    def orphans(self) -> list[Path]:
        """Files beyond the newest checkpoint.

        A crash left them before their entries existed, or the checkpoint is an old copy. They have to go before
        anything is appended: otherwise a tile of another tree could be read in place of a smaller one.
        """
        size, files = self._head().size, []
        for level in (None, *range(8)):
            index = (size >> 8 * (level or 0)) // tiling.WIDTH
            keep = self._newest_width(level, index)
            full, beyond = (self._folder / tiling.tile_path(level, at, tiling.WIDTH) for at in (index, index + 1))
            partials = self._disk.children(full.with_name(f"{full.name}.p"))
            files += [path for path in partials if path.name.isdigit() and int(path.name) > keep]
            orphans = [*([full] if keep < tiling.WIDTH else []), beyond]
            orphans += self._disk.children(beyond.with_name(f"{beyond.name}.p"))
            files += [path for path in orphans if self._disk.is_file(path)]
        return files

    def _remove_completed(self, old_size: int, size: int) -> None:
        """Remove the partial tiles and bundles whose full one is now written.

        Until then, readers with an older checkpoint ask for the partial ones.
        """
        for level in (None, *range(max(1, -(-old_size.bit_length() // 8)))):
            index = (old_size >> 8 * (level or 0)) // tiling.WIDTH
            if size >> 8 * (level or 0) >= (index + 1) * tiling.WIDTH:
                full = self._folder / tiling.tile_path(level, index, tiling.WIDTH)
                for path in self._disk.children(full.with_name(f"{full.name}.p")):
                    self._disk.remove(path)


def read_served(folder: Path, disk: Disk, name: str) -> bytes | None:
    """The bytes to serve for a name that ``tiling`` gives; None if there is no such tile.

    C2SP requires the partial tiles of every size for which the log had a checkpoint, until the full tile is written. A
    mirror may have skipped a size; then the tile is cut from the next larger one.
    """
    path = folder / name
    if disk.is_file(path) or not tiling.is_tile_path(name):
        return disk.read(path) if disk.is_file(path) else None
    level, index, width = tiling.parse_tile_path(name)
    full = folder / tiling.tile_path(level, index, tiling.WIDTH)
    partials = disk.children(full.with_name(f"{full.name}.p"))
    widths = sorted(int(part.name) for part in partials if part.name.isdigit() and int(part.name) > width)
    for wider in (*widths[:1], tiling.WIDTH):
        larger = folder / tiling.tile_path(level, index, wider)
        if width < wider and disk.is_file(larger):
            return tiling.cut_tile(disk.read(larger), level, width, f"log/{name}")
    return None


def _tiles(row: Sequence[T]) -> Iterator[tuple[int, Sequence[T]]]:
    """The tiles of a row: where each begins, and its part of the row."""
    for start in range(0, len(row), tiling.WIDTH):
        yield start, row[start : start + tiling.WIDTH]


def _frontier_of(edge: Sequence[Sequence[Hash]]) -> Frontier:
    """The tree that has this right edge."""
    tree = Frontier()
    for level in reversed(range(len(edge))):
        for value in edge[level]:
            tree.append(value, 8 * level)
    return tree


def _grow(edge: Sequence[Sequence[Hash]], leaves: Sequence[Hash]) -> list[list[Hash]]:
    """For each level, the hashes of its partial tile, followed by the hashes that these leaves add."""
    rows: list[list[Hash]] = []
    added = list(leaves)
    while added or len(rows) < len(edge):
        row = [*(edge[len(rows)] if len(rows) < len(edge) else ()), *added]
        rows.append(row)
        added = [root_hash(part) for _, part in _tiles(row) if len(part) == tiling.WIDTH]
    return rows
