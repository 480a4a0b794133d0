"""Strict bytes and text (docs/formats/README.md).

Each value has one spelling; every other spelling is MalformedInput.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import stat
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from coffer_audit.errors import MalformedInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

EPOCH = date(1970, 1, 1)
KINDS = {"call": 1, "text": 2, "email": 3}
CUSTODIAN = r"[a-z][a-z0-9-]{0,15}"
FEED = r"[a-z0-9][a-z0-9-]{0,15}"
KEY_NAME = r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}"
LETTERS = (
    # the characters of people's own text (docs/formats/letters.md), inside of a class
    r"\u0020-\u007e\u00a1-\u00ac\u00ae-\u024f\u0370-\u0373\u0376-\u0377\u037a-\u037d\u037f\u0386"
    r"\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u0559"
    r"\u0560-\u0588\u10a0-\u10c5\u10c7\u10cd\u10d0-\u10fa\u10fc-\u10ff\u1c90-\u1cba\u1cbd-\u1cbf"
    r"\u1e00-\u1eff\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2116\u2122"
)
FREE_TEXT = rf"[{LETTERS}]{{1,500}}"


def hash_of(label: str, *parts: bytes) -> bytes:
    """H(T(label) || parts)."""
    return hashlib.sha256(b"".join([f"coffer/v1/{label}\n".encode(), *parts])).digest()


def u32(number: int) -> bytes:
    """Four bytes, big-endian."""
    return number.to_bytes(4, "big")


def parse_match(pattern: str, text: str, place: str, expected: str) -> str:
    """Give the text back if all of it matches the pattern."""
    if not re.fullmatch(pattern, text, re.ASCII):
        raise MalformedInput(f"{place}: found another form of {len(text)} characters, expected {expected}")
    return text


def parse_hex(text: str, size: int, place: str) -> str:
    """Give the text back if it is `size` bytes of lower-case hex."""
    return parse_match(f"[0-9a-f]{{{2 * size}}}", text, place, f"{size} bytes in lower-case hex")


def parse_base64(text: str, size: int, place: str) -> bytes:
    """Decode standard, padded, canonical base64 of exactly `size` bytes."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedInput(f"{place}: found no base64, expected {size} bytes in base64") from error
    if base64.b64encode(raw).decode() != text or len(raw) != size:
        raise MalformedInput(
            f"{place}: found {len(raw)} bytes or a second spelling, expected {size} in canonical base64"
        )
    return raw


def parse_decimal(text: str, place: str, *, low: int = 0, high: int = 2**63 - 1) -> int:
    """Decode a decimal without sign or leading zero, from low to high."""
    number = int(parse_match(r"0|[1-9][0-9]{0,18}", text, place, "a decimal integer"))
    if not low <= number <= high:
        raise MalformedInput(f"{place}: found {number}, expected {low} to {high}")
    return number


def parse_day(text: str, place: str) -> date:
    """Decode YYYY-MM-DD."""
    try:
        return date.fromisoformat(parse_match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text, place, "a day YYYY-MM-DD"))
    except ValueError as error:
        raise MalformedInput(f"{place}: found an impossible day, expected YYYY-MM-DD") from error


def parse_time(text: str, place: str) -> datetime:
    """Decode YYYY-MM-DDThh:mm:ssZ into an aware UTC instant."""
    pattern = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
    parse_match(pattern, text, place, "a time YYYY-MM-DDThh:mm:ssZ")
    try:  # newer versions of the library would read 24:00:00 as the next day
        return datetime(*(int(text[at : at + 2 + 2 * (not at)]) for at in (0, 5, 8, 11, 14, 17)), tzinfo=UTC)  # type: ignore[misc, arg-type]
    except ValueError as error:
        raise MalformedInput(f"{place}: found an impossible time, expected YYYY-MM-DDThh:mm:ssZ") from error


def parse_instant(text: str) -> datetime:
    """Decode an instant with its offset.

    Offsets are whole quarters of an hour, at most 14 hours; +00:00 has no other spelling.
    """
    pattern = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}([+-])([0-9]{2}):(00|15|30|45)"
    parse_match(pattern, text, "period", "an instant with an offset like +02:00")
    hours, minutes = int(text[20:22]), int(text[23:25])
    if hours * 60 + minutes > 14 * 60 or text[19:] == "-00:00":
        raise MalformedInput("period: found an offset that is none, expected at most 14 hours, and +00:00 for none")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedInput("period: found an impossible instant, expected one of the calendar") from error


def parse_words(text: str, count: int, place: str) -> list[str]:
    """Split into exactly `count` words; the last one takes the rest, spaces included."""
    words = text.split(" ", count - 1)
    if len(words) != count or not all(words):
        raise MalformedInput(f"{place}: found {len(words)} words, expected {count}")
    return words


MAX_SMALL_JSON = 1 << 16
MAX_JSON = 1 << 25
"""32 MiB: an answer.json of some 90,000 cells. `verify_json_shape` bounds the memory that it takes."""


def verify_json_shape(raw: bytes, limit: int, place: str) -> None:
    """Refuse JSON that would take many times its size in memory, before it is parsed.

    In audited documents a list or object takes at least 64 bytes of text, a key 16 and a value 10, so each byte of text
    becomes at most 15 bytes of memory. Small documents may have 64 more of each.
    """
    if len(raw) > limit:
        raise MalformedInput(f"{place}: found {len(raw)} B, expected at most {limit} B")
    for marks, size, noun in ((b"[{", 64, "lists and objects"), (b":", 16, "keys"), (b",", 10, "values")):
        count, most = sum(raw.count(bytes([mark])) for mark in marks), 64 + len(raw) // size
        if count > most:
            raise MalformedInput(f"{place}: found {count} {noun} in {len(raw)} B, expected at most {most}")


def parse_json(
    raw: bytes, place: str, keys: Sequence[str] | None = None, *, limit: int = MAX_JSON
) -> dict[str, object]:
    """Decode a JSON object without repeated keys; if `keys` is given, it must have exactly those."""
    verify_json_shape(raw, limit, place)

    def refuse_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise MalformedInput(f"{place}: found a key twice, expected each once")
        return dict(pairs)

    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=refuse_twice)
    except (ValueError, RecursionError) as error:
        raise MalformedInput(f"{place}: found no valid JSON, expected an object") from error
    if not isinstance(value, dict) or (keys is not None and set(value) != set(keys)):
        raise MalformedInput(f"{place}: found other keys or no object, expected {', '.join(keys or ['an object'])}")
    return value


def read_file(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises: Unavailable if it is missing or unreadable; MalformedInput if it is no regular file or is too long.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            raise MalformedInput(f"{path.name!a}: found {status.st_size} B or no file, expected at most {limit} B")
        with path.open("rb") as file:
            return file.read(status.st_size)  # not the limit: read() allocates as much memory as it is asked for
    except (OSError, ValueError) as error:
        raise Unavailable(f"{str(path)!a}: found {type(error).__name__}, expected a readable file") from error


class Lines:
    """Reads `key: value` lines in a fixed order, each exactly once."""

    def __init__(self, lines: Sequence[str], place: str) -> None:
        self._lines, self._next, self.place = lines, 0, place

    def _peek(self, key: str) -> str | None:
        if self._next == len(self._lines) or not self._lines[self._next].startswith(f"{key}: "):
            return None
        value = self._lines[self._next][len(key) + 2 :]
        if not value or value.strip(" ") != value:
            raise MalformedInput(f"{self.place} {key}: found an empty value or outer spaces, expected neither")
        return value

    def take(self, key: str) -> str:
        """Give the value of the next line, which must have this key."""
        value = self._peek(key)
        if value is None:
            raise MalformedInput(f"{self.place} line {self._next + 1}: found another line, expected {key}:")
        self._next += 1
        return value

    def is_next(self, key: str) -> bool:
        """Tell whether the next line has this key."""
        return self._peek(key) is not None

    def take_all(self, *keys: str, at_least: int = 0, at_most: int = 65_535) -> list[tuple[str, str]]:
        """Give (key, value) of all following lines with one of these keys."""
        pairs: list[tuple[str, str]] = []
        while key := next((key for key in keys if self._peek(key) is not None), None):
            pairs.append((key, self.take(key)))
        if not at_least <= len(pairs) <= at_most:
            raise MalformedInput(f"{self.place} {keys[0]}: found {len(pairs)} lines, expected {at_least} to {at_most}")
        return pairs

    def end(self) -> None:
        """Refuse any further line."""
        if self._next != len(self._lines):
            raise MalformedInput(f"{self.place} line {self._next + 1}: found another line, expected the end")


class Cursor:
    """Reads bytes in order; missing and remaining bytes are refused."""

    def __init__(self, raw: bytes, place: str) -> None:
        self._raw, self.at, self._place = raw, 0, place

    def take(self, size: int) -> bytes:
        """Give the next `size` bytes."""
        if self.at + size > len(self._raw):
            raise MalformedInput(f"{self._place} byte {self.at}: found {len(self._raw) - self.at} B, expected {size}")
        self.at += size
        return self._raw[self.at - size : self.at]

    def number(self, size: int) -> int:
        """Give the next `size` bytes as a big-endian integer."""
        return int.from_bytes(self.take(size), "big")

    def prefixed(self) -> bytes:
        """Give bytes that their length precedes, as LP() writes them."""
        return self.take(self.number(4))

    def is_at_end(self) -> bool:
        """Tell whether all bytes were read."""
        return self.at == len(self._raw)

    def end(self) -> None:
        """Refuse trailing bytes."""
        if not self.is_at_end():
            raise MalformedInput(f"{self._place} byte {self.at}: found {len(self._raw) - self.at} B, expected the end")


def split_parts(raw: bytes, key_bytes: int, place: str) -> Iterator[tuple[bytes, bytes]]:
    """Give each key and its part of a joined file (docs/formats/answer.md): ascending key || LP(part)."""
    cursor, last = Cursor(raw, place), b""
    while not cursor.is_at_end():
        at, key = cursor.at, cursor.take(key_bytes)
        if key <= last:
            raise MalformedInput(f"{place} byte {at}: found a key that is not above the one before")
        yield key, cursor.prefixed()
        last = key


def list_folder(folder: Path) -> list[str]:
    """Give the sorted names in a folder; none if it does not exist."""
    try:
        return sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise Unavailable(f"{str(folder)!a}: found {type(error).__name__}, expected a readable folder") from error
