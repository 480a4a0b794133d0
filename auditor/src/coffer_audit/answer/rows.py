"""Rows: how they are found, opened and written (docs/formats/segment.md). Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from coffer_audit.errors import MalformedInput, verify_that
from coffer_audit.segments import EXTRA_BYTES
from coffer_audit.visible import write_visibly
from coffer_audit.wire import hash_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date


DIRECTIONS = ("out", "in", "forwarded", "other")


def combine_partials(partials: Iterable[bytes]) -> bytes:
    """XOR the partials of all clauses into y (or the labels, in lane 1)."""
    return reduce(lambda a, b: bytes(x ^ y for x, y in zip(a, b, strict=True)), partials)


def find_rows(batch: bytes, width: int, label: bytes) -> list[bytes]:
    """Give the rows of a sorted batch that begin with the label."""
    low, high = 0, len(batch) // width
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if batch[middle * width : middle * width + 8] < label else (low, middle)
    rows = []
    while batch[low * width : low * width + 8] == label:
        rows.append(batch[low * width : (low + 1) * width])
        low += 1
    return rows


def decrypt_row(row: bytes, y: bytes, seg_id: bytes) -> tuple[int, bytes] | None:
    """Give core and extra of a row; None if its 32 zero bits are not zero, since it is then another's."""
    blocks = (len(row) - 8 + 15) // 16
    inputs = b"".join(y[:15] + bytes([y[15] ^ j]) for j in range(blocks))
    encryptor = Cipher(algorithms.AES(hash_of("pi", seg_id)), modes.ECB()).encryptor()
    plain = combine_partials([row[8:], combine_partials([encryptor.update(inputs), inputs])[: len(row) - 8]])
    core = int.from_bytes(plain[:16], "big")
    return None if core & 0xFFFFFFFF else (core, plain[16:])


def _text_of(raw: bytes, capacity: int) -> str:
    length = raw[0]
    verify_that(length <= capacity and not any(raw[1 + length :]), "row: found a malformed string in the extra")
    try:
        return raw[1 : 1 + length].decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedInput("row: found a string that is no UTF-8") from error


def _format_dialled(kind: int, peer: int, home: str) -> str:
    """Give the digits of peer types 4 to 6.

    The peer is the number of all shorter strings of digits, plus the value of this string.
    """
    size = len(str(9 * peer + 1)) - 1  # strings of n digits begin at (10^n - 1) / 9
    digits = str(peer - (10**size - 1) // 9).zfill(size) if size else ""
    fits = {4: 1 <= size <= 15, 5: 14 <= size <= 15, 6: size == 15}[kind]
    verify_that(home and fits, "row: found malformed dialled digits, or a header without a home country")
    return f"dialled:{home}/" + {4: digits, 5: f"00{digits}", 6: f"{digits}~"}[kind]


def _format_party(kind: int, peer: int, home: str) -> str:
    """Give a party that is no text; empty for nobody."""
    if kind == 1:
        verify_that(0 < peer < 10**15, "row: found an impossible number")
        return f"tel:+{peer}"
    if kind == 3:
        first, second = divmod(peer >> 40, 26)
        digits = str(peer & (1 << 40) - 1)
        verify_that(first < 26 and re.fullmatch("1[0-9]{1,11}", digits), "row: found a malformed short code")
        return f"short:{chr(65 + first)}{chr(65 + second)}/{digits[1:]}"
    if kind:
        return _format_dialled(kind, peer, home)
    verify_that(peer == 0, "row: found a peer beside its type")
    return ""


def _format_peer(kind: int, peer: int, fields: dict[int, bytes], segment_kind: str, *, feed: str, home: str) -> str:
    has_string = any(any(fields.get(bit, b"")) for bit in (8, 16))
    verify_that(has_string == (kind == 2), "row: found a string beside another type of peer, or none")
    if kind != 2:
        return _format_party(kind, peer, home)
    verify_that(peer == 0, "row: found a peer beside its type")
    if text := _text_of(fields.get(8, bytes(16)), 15):
        return f"sender:{write_visibly(text)}"
    long, scheme = fields.get(16, bytes(64)), "mailto:" if segment_kind == "email" else f"opaque:{feed}/"
    if long[0] == 255:  # the string was cut to 31 bytes, perhaps within a character
        return f"{scheme}{write_visibly(long[33:].decode('utf-8', 'surrogateescape'))}~{long[1:33].hex()}"
    text = _text_of(long, 63)
    verify_that(text, "row: found no string, expected the peer's")
    return scheme + write_visibly(text)


def _format_device(raw: bytes, digits: int, *, is_marked: bool) -> str:
    number = int.from_bytes(raw, "big")
    if number and is_marked:
        return str(number)[1:]
    return f"{number:0{digits}d}" if number else ""


def _format_own(raw: bytes, home: str) -> str:
    own = int.from_bytes(raw, "big")
    verify_that(own & 1023 == 0 and own >> 60 != 2 and own >> 60 <= 6, "row: found a malformed number of its own party")
    return _format_party(own >> 60, own >> 10 & (1 << 50) - 1, home)


def format_row(
    core: int, extra: bytes, *, layout: int, day: date, kind: str, feed: str, home: str
) -> tuple[tuple[str, ...], bool]:
    """Give the seven columns after `subject`, then the own number, IMEI and IMSI, and the LAST flag.

    Raises: NotProven or MalformedInput if an ingester would not write this row.
    """
    second, duration, flags = core >> 57 & 0x1FFFF, core >> 37 & 0xFFFFF, core >> 32 & 31
    verify_that(second < 86_400 and core >> 124 <= 6, "row: found an impossible second or peer type")
    fields, at = dict[int, bytes](), 0
    for bit, size in EXTRA_BYTES.items():
        if layout & bit:
            fields[bit], at = extra[at : at + size], at + size
    peer = _format_peer(core >> 124, core >> 74 & (1 << 50) - 1, fields, kind, feed=feed, home=home)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=second)
    cell = int.from_bytes(fields.get(1, b""), "big")
    place = f"{cell >> 54:03d}-{cell >> 44 & 1023:02d}-{cell >> 28 & 65535}-{cell & (1 << 28) - 1}" if cell else ""
    return (
        kind,
        DIRECTIONS[flags >> 3],
        peer,
        start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        str(duration) if kind == "call" else "",
        "true" if flags & 4 else "false",
        place,
        _format_own(fields.get(96, b""), home),
        _format_device(fields.get(2, b""), 14, is_marked=bool(layout & 32)),
        _format_device(fields.get(4, b""), 6, is_marked=False),
    ), bool(flags & 1)
