"""A hold on its way to a custodian elsewhere. Pure.

It is the note, with header files of segments that it covers.

Implements ``docs/formats/custodian.md``, "HTTP".
"""

from collections.abc import Iterable, Iterator
from typing import Final

from coffer import wire
from coffer.errors import MalformedInput
from coffer.notes.note import MAX_NOTE_BYTES

MAX_HEADERS: Final = 4_096
"""Header files in one parcel. The vault sends one MiB at once, which holds fewer."""
PARCEL_BYTES: Final = 2**20
"""Bytes of header files that the vault puts into one parcel."""


def hold_info(roster_hash: bytes, index: int) -> bytes:
    """HPKE info of a parcel that is sent to custodian ``index``."""
    return wire.tag("hold") + roster_hash + bytes([index])


def format_parcel(note: bytes, headers: Iterable[bytes]) -> bytes:
    """The note, then each header file, all length-prefixed."""
    return wire.lp(note) + b"".join(wire.lp(raw) for raw in headers)


def parse_parcel(raw: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Note and header files; raises ``MalformedInput``."""
    cursor, headers = wire.Cursor(raw, "hold"), list[bytes]()
    note = cursor.lp()
    while not cursor.at_end():
        headers.append(cursor.lp())
    if len(note) > MAX_NOTE_BYTES or len(headers) > MAX_HEADERS:
        raise MalformedInput(f"hold: found {len(note)} bytes and {len(headers)} headers, expected fewer")
    return note, tuple(headers)


def parcels(note: bytes, headers: Iterable[bytes]) -> Iterator[bytes]:
    """The note with all header files, in as few parcels as hold them; one at least."""
    batch, size = list[bytes](), 0
    for raw in headers:
        if batch and size + len(raw) > PARCEL_BYTES:
            yield format_parcel(note, batch)
            batch, size = [], 0
        batch.append(raw)
        size += len(raw)
    yield format_parcel(note, batch)
