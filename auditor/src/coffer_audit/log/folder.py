"""A log folder, read and recomputed from its entries (docs/formats/log.md)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coffer_audit.errors import Findings, MalformedInput, NotProven, Unavailable
from coffer_audit.log.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from coffer_audit.log.tiles import TILE, format_tile, parse_bundle, parse_tile
from coffer_audit.log.tree import Tree, hash_leaf
from coffer_audit.notes import MAX_CHECKPOINT_BYTES, MAX_NOTE_BYTES, VerifyKey
from coffer_audit.wire import read_file

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_ENTRIES, MAX_LOG_BYTES = 1 << 24, 1 << 31
"""Bounds of an audited log. 2 GiB hold some three million entries of the usual size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCopy:
    """A log folder as read.

    If a bundle is missing, `entries` are fewer than the checkpoint says, and a violation reports it.
    """

    checkpoint: Checkpoint
    entries: tuple[bytes, ...]
    tree: Tree


def _read_entries(folder: Path, size: int, findings: Findings) -> list[bytes]:
    entries: list[bytes] = []
    total = 0
    while len(entries) < size:
        index, width = len(entries) // TILE, min(TILE, size - len(entries))
        stored = next((w for w in (width, TILE) if (folder / format_tile("entries", index, w)).exists()), None)
        path = format_tile("entries", index, stored or width)
        with findings.guard("BUNDLE"):
            if stored is None:
                raise NotProven(f"{path}: found no file, expected an entry bundle")
            try:
                raw = read_file(folder / path, TILE * (2 + MAX_NOTE_BYTES))
            except Unavailable as error:
                raise NotProven(str(error)) from error
            total += len(raw)
            if total > MAX_LOG_BYTES:
                raise MalformedInput(f"{path}: found over {MAX_LOG_BYTES} B of entries, expected at most so many")
            entries += parse_bundle(raw, stored, path)[:width]
            continue
        break  # without this bundle the index of every later entry is unknown
    return entries


def _verify_tiles(folder: Path, tree: Tree, entries: Sequence[bytes], findings: Findings) -> None:
    """Compare every stored tile with the recomputed one, and report missing tiles."""
    stored = set()
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            path = (Path(parent) / name).relative_to(folder).as_posix()
            tile = parse_tile(path)
            if tile is None:
                findings.warn("TILE", f"log/tile: found {path!a}, expected tiles only")
                continue
            stored.add(path)
            level, start, stop = tile[0], tile[1] * TILE, tile[1] * TILE + tile[2]
            if level == "entries":
                want = [len(entry).to_bytes(2, "big") + entry for entry in entries[start:stop]]
            else:
                want = tree.levels[8 * int(level)][start:stop] if 8 * int(level) < len(tree.levels) else []
            with findings.guard("TILE"):
                raw, known = read_file(folder / path, TILE * (2 + MAX_NOTE_BYTES)), b"".join(want)
                if len(want) < tile[2]:
                    findings.warn(
                        "TILE", f"{path}: found {tile[2]} nodes, expected the {len(want)} under the checkpoint"
                    )
                    raw = raw[: len(known)]
                if raw != known:
                    raise NotProven(f"{path}: found other bytes, expected what the entries give")
    for level_index, nodes in enumerate(tree.levels[::8]):
        for index in range(-(-len(nodes) // TILE)):
            width = min(TILE, len(nodes) - index * TILE)
            if not stored & {format_tile(str(level_index), index, w) for w in (width, TILE)}:
                findings.violate(
                    "TILE", f"{format_tile(str(level_index), index, width)}: found no file, expected a tile"
                )


def read_log(folder: Path, key: VerifyKey, findings: Findings) -> LogCopy:
    """Read a log folder and recompute all of it from its entries.

    Raises: MalformedInput if the checkpoint does not parse; Unavailable if it cannot be read. Other faults are
    violations.
    """
    checkpoint = parse_checkpoint(read_file(folder / "checkpoint", MAX_CHECKPOINT_BYTES), "checkpoint")
    if checkpoint.size > MAX_ENTRIES:
        raise MalformedInput(f"checkpoint: found {checkpoint.size} entries, expected at most {MAX_ENTRIES}")
    with findings.guard("CHECKPOINT"):
        verify_checkpoint(checkpoint, key, "checkpoint")
    entries = _read_entries(folder / "tile", checkpoint.size, findings)
    tree = Tree([hash_leaf(entry) for entry in entries])
    if len(entries) < checkpoint.size:
        findings.violate("BUNDLE", f"log: found {len(entries)} entries, expected {checkpoint.size}")
    elif tree.root_at(checkpoint.size) != checkpoint.root:
        findings.violate("ROOT", "checkpoint: found another root, expected the one that the entries give")
    _verify_tiles(folder / "tile", tree, entries, findings)
    return LogCopy(checkpoint=checkpoint, entries=tuple(entries), tree=tree)
