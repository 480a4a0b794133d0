"""The paths of tiles and their content. Pure arithmetic. Source: C2SP tlog-tiles (height 8)."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from coffer import wire
from coffer.errors import MalformedInput

WIDTH: Final = 256
MAX_ENTRY_BYTES: Final = 65_535
CHECKPOINT: Final = "checkpoint"
LOG: Final = "log/"
"""Where a log lies in a vault's folder or among objects."""
_TILE_PATH: Final = re.compile(r"tile/(entries|[0-9])/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


def tile_path(level: int | None, index: int, width: int) -> str:
    """Path of a hash tile, or of an entry bundle if ``level`` is None.

    ``width``: 1 to 256; 256 is a full tile.
    """
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03d}")
    name = "/".join(["tile", "entries" if level is None else str(level), *groups])
    return name if width == WIDTH else f"{name}.p/{width}"


def is_tile_path(path: str) -> bool:
    """Whether ``tile_path`` can give this path. A server serves no other file of the folder."""
    match = _TILE_PATH.fullmatch(path)
    if match is None:
        return False
    level, groups, width = match[1], match[2], match[3]
    digits = groups.replace("x", "").replace("/", "")
    is_shortest = len(digits) == 3 or digits[:3] != "000"
    return is_shortest and (level == "entries" or int(level) < 8) and (width is None or 1 <= int(width) < WIDTH)


def parse_tile_path(path: str) -> tuple[int | None, int, int]:
    """The inverse of ``tile_path``: level (None for a bundle), index and width.

    Call it only with a path that passed ``is_tile_path``.
    """
    match = _TILE_PATH.fullmatch(path)
    assert match is not None, "asked only of what is_tile_path took"
    level = None if match[1] == "entries" else int(match[1])
    return level, int(match[2].replace("x", "").replace("/", "")), int(match[3] or WIDTH)


def cut_tile(raw: bytes, level: int | None, width: int, place: str) -> bytes:
    """The first ``width`` hashes or entries of a larger tile or bundle.

    It is the partial tile that the log had when its tree ended there.
    """
    if level is not None:
        return raw[: 32 * width]
    cursor = wire.Cursor(raw, place)
    return format_bundle([cursor.take(cursor.u16()) for _ in range(width)])


def bundles_of(start: int, end: int) -> Iterator[tuple[int, int, slice]]:
    """The bundles that hold the entries ``start`` to ``end`` (exclusive).

    For each: its index, how many entries it must hold, and the part of them that is wanted.
    """
    for index in range(start // WIDTH, -(-end // WIDTH)):
        first = index * WIDTH
        yield index, min(WIDTH, end - first), slice(max(0, start - first), end - first)


def tiles_between(old_size: int, size: int) -> Iterator[str]:
    """The tiles and bundles that a log of ``size`` entries has and one of ``old_size`` did not have."""
    for level in (None, *range(max(1, -(-size.bit_length() // 8)))):
        old_count, count = old_size >> 8 * (level or 0), size >> 8 * (level or 0)
        if count > old_count:
            for index in range(old_count // WIDTH, -(-count // WIDTH)):
                yield tile_path(level, index, min(WIDTH, count - index * WIDTH))


def format_bundle(entries: Sequence[bytes]) -> bytes:
    """The entries as a bundle: u16 length || entry, for each."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def parse_bundle(raw: bytes, width: int, place: str) -> list[bytes]:
    """The inverse of ``format_bundle`` for exactly ``width`` entries."""
    cursor = wire.Cursor(raw, place)
    entries = [cursor.take(cursor.u16()) for _ in range(width)]
    cursor.end()
    return entries


def parse_open_bundle(raw: bytes, most: int, place: str) -> list[bytes]:
    """The inverse of ``format_bundle`` for any number of entries up to ``most``."""
    cursor = wire.Cursor(raw, place)
    entries: list[bytes] = []
    while not cursor.at_end():
        if len(entries) == most:
            raise MalformedInput(f"{place}: over {most} entries")
        entries.append(cursor.take(cursor.u16()))
    return entries


def parse_hash_tile(raw: bytes, width: int, place: str) -> list[wire.Hash]:
    """The ``width`` hashes of a hash tile."""
    if len(raw) != 32 * width:
        raise MalformedInput(f"{place}: {len(raw)} bytes, expected {32 * width}")
    return [wire.Hash(raw[32 * i : 32 * i + 32]) for i in range(width)]
