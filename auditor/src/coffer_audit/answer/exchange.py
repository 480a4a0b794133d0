"""Requests in digest form, and replies (docs/formats/exchange.md). Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from coffer_audit.errors import MalformedInput, verify_that
from coffer_audit.wire import Cursor

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_DRAW = 2**64 - 1
CODES = {1: "scope", 2: "time", 3: "budget", 4: "log", 5: "internal"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRange:
    """The ranks first to first + count - 1 of a subject line (from 1) in a segment (seg_id in hex)."""

    segment: str
    subject: int
    first: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A request as an answer keeps it; `hash` is the request hash, `body` the signed bytes."""

    note: bytes
    seal: bytes
    intent: int
    draw: int
    lane: int
    salt: bytes
    cells: tuple[CellRange, ...]
    raw_cells: bytes
    checkpoint: bytes
    header_hashes: tuple[str, ...]
    body: bytes
    signature: bytes
    hash: bytes


def parse_digest(raw: bytes, place: str) -> Digest:
    """Decode a digest form; verifies nothing but its form."""
    cursor = Cursor(raw, place)
    note, seal, intent, draw, lane = (
        cursor.prefixed(),
        cursor.prefixed(),
        cursor.number(8),
        cursor.number(8),
        cursor.number(1),
    )
    salt, cells, checkpoint, hashes = cursor.take(32), cursor.prefixed(), cursor.prefixed(), cursor.prefixed()
    body, signature = raw[: cursor.at], cursor.take(64)
    cursor.end()
    rows = [cells[i : i + 41] for i in range(0, len(cells), 41)]
    if not rows or len(cells) % 41 or len(hashes) % 32 or any(a >= b for a, b in pairwise(rows)):
        raise MalformedInput(f"{place}: found cells out of order or form, expected 41 B each, strictly ascending")
    ranges = tuple(
        CellRange(
            segment=row[:32].hex(),
            subject=row[32],
            first=int.from_bytes(row[33:37], "big"),
            count=int.from_bytes(row[37:], "big"),
        )
        for row in rows
    )
    if lane not in (1, 2) or (lane == 1 and (draw != NO_DRAW or salt != bytes(32))) or len(seal) != 1_216:
        raise MalformedInput(f"{place}: found another lane, draw, salt or seal key than the format has")
    return Digest(
        note=note,
        seal=seal,
        intent=intent,
        draw=draw,
        lane=lane,
        salt=salt,
        cells=ranges,
        raw_cells=cells,
        checkpoint=checkpoint,
        header_hashes=tuple(hashes[i : i + 32].hex() for i in range(0, len(hashes), 32)),
        body=body,
        signature=signature,
        hash=hashlib.sha256(raw).digest(),
    )


def parse_payload(payload: bytes, digest: Digest, number: int, held: Sequence[Sequence[int]]) -> list[dict[int, bytes]]:
    """Give for each cell the partials by clause.

    `held`: for each cell the clauses that the custodian holds, ascending.
    """
    cursor, size = Cursor(payload, "reply"), 8 if digest.lane == 1 else 16
    verify_that(
        cursor.take(42) == b"COFRSP01" + bytes([number, digest.lane]) + digest.hash, "reply: found another request's"
    )
    partials = [
        {mask: cursor.take(size * cell.count) for mask in masks} for cell, masks in zip(digest.cells, held, strict=True)
    ]
    cursor.end()
    return partials


def parse_refusal(payload: bytes, digest: Digest, number: int) -> str:
    """Give the word for a refusal's code."""
    verify_that(payload[:-1] == b"COFERR01" + bytes([number]) + digest.hash, "refusal: found another request's")
    verify_that(payload[-1] in CODES, "refusal: found an unknown code")
    return CODES[payload[-1]]
