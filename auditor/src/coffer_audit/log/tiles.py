"""Tiles and entry bundles: their paths and their bytes (docs/formats/log.md). Pure."""

from __future__ import annotations

import re

from coffer_audit.wire import Cursor

TILE = 256
TILE_FILE = re.compile(r"(entries|[0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?", re.ASCII)


def format_tile(level: str, index: int, width: int) -> str:
    """Give the path of a tile under `tile/`; a full tile has width 256."""
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    path = "/".join([level, *("x" + group for group in groups[:-1]), groups[-1]])
    return path if width == TILE else f"{path}.p/{width}"


def parse_tile(path: str) -> tuple[str, int, int] | None:
    """Give level, index and width of a path under `tile/`; None if it is no tile's."""
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
