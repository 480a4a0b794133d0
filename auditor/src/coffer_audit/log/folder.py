"""The log: RFC 6962 tree, checkpoints, tiles (docs/formats/log.md)."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coffer_audit.errors import Findings, MalformedInput, NotProven, Unavailable
from coffer_audit.notes import MAX_CHECKPOINT_BYTES, MAX_NOTE_BYTES, Note, VerifyKey, parse_note, verify_signers
from coffer_audit.wire import KEY_NAME, Cursor, parse_base64, parse_decimal, parse_match, read_file

if TYPE_CHECKING:
    from collections.abc import Sequence

TILE = 256
MAX_ENTRIES, MAX_LOG_BYTES = 1 << 24, 1 << 31
"""Of a log that is audited: 2 GiB are some three million entries of the usual size."""
TILE_FILE = re.compile(r"(entries|[0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?", re.ASCII)


def hash_leaf(entry: bytes) -> bytes:
    """RFC 6962 leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """RFC 6962 node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """All complete subtrees over some leaf hashes; `levels[k][i]` covers leaves i * 2^k to (i + 1) * 2^k - 1."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.levels = [list(leaves)]
        while len(below := self.levels[-1]) > 1:
            self.levels.append([hash_node(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])

    def root_at(self, size: int) -> bytes:
        """Give the root over the first `size` leaves: a prefix is consistent iff its root is the remembered one."""
        if not 0 <= size <= len(self.levels[0]):
            raise ValueError(size)
        peaks, start = [], 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                peaks.append(self.levels[level][start >> level])
                start += 1 << level
        if not peaks:
            return hashlib.sha256().digest()
        root = peaks.pop()
        while peaks:
            root = hash_node(peaks.pop(), root)
        return root


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof leads from the leaf to the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last = index, size - 1
    for step in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            leaf = hash_node(step, leaf)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            leaf = hash_node(leaf, step)
        node, last = node >> 1, last >> 1
    return last == 0 and leaf == root


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A parsed checkpoint; its signature is verified by `verify_checkpoint` only."""

    note: Note
    origin: str
    size: int
    root: bytes


def parse_checkpoint(raw: bytes, place: str) -> Checkpoint:
    """Decode the three lines and the signatures."""
    note = parse_note(raw, place, cosigned=True)
    if len(note.lines) != 3:
        raise MalformedInput(f"{place}: found {len(note.lines)} lines, expected origin, size, root")
    return Checkpoint(
        note=note,
        origin=parse_match(KEY_NAME, note.lines[0], f"{place} origin", "an origin"),
        size=parse_decimal(note.lines[1], f"{place} size"),
        root=parse_base64(note.lines[2], 32, f"{place} root"),
    )


def verify_checkpoint(checkpoint: Checkpoint, key: VerifyKey, place: str) -> None:
    """Raise NotProven unless the log's key, which bears the origin's name, signed it."""
    if checkpoint.origin != key.name:
        raise NotProven(f"{place}: found origin {checkpoint.origin}, expected {key.name}")
    if not verify_signers(checkpoint.note, [key], place):
        raise NotProven(f"{place}: found no signature of the log's key, expected one")


def format_tile(level: str, index: int, width: int) -> str:
    """Give the path of a tile under `tile/`; width 256 is a full one."""
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    path = "/".join([level, *("x" + group for group in groups[:-1]), groups[-1]])
    return path if width == TILE else f"{path}.p/{width}"


def parse_tile(path: str) -> tuple[str, int, int] | None:
    """Give level, index and width of a path under `tile/`, or None if it is not one."""
    match = TILE_FILE.fullmatch(path)
    if not match:
        return None
    if match[1] != "entries" and match[1] != str(int(match[1])):
        return None
    tile = (match[1], int(re.sub("[x/]", "", match[2])[:18]), int(match[3] or TILE))
    return tile if format_tile(*tile) == path and 1 <= tile[2] <= TILE - bool(match[3]) else None


def parse_bundle(raw: bytes, width: int, place: str) -> list[bytes]:
    """Split an entry bundle into exactly `width` entries."""
    cursor = Cursor(raw, place)
    entries = [cursor.take(cursor.number(2)) for _ in range(width)]
    cursor.end()
    return entries


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCopy:
    """A log folder as read: `entries` may fall short of the checkpoint if a bundle is missing (a violation says so)."""

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
        break  # without this bundle no later entry has a known index
    return entries


def _verify_tiles(folder: Path, tree: Tree, entries: Sequence[bytes], findings: Findings) -> None:
    """Compare every stored tile with the recomputed one, and miss none that the size calls for."""
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

    Raises: MalformedInput if the checkpoint does not parse, Unavailable if it cannot be read; the rest are violations.
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
