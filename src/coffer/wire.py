"""Strict bytes and text: each value has one spelling, and every other is refused.

Implements the conventions of ``docs/formats/README.md``. Trusts nothing; touches no disk, clock or network.
Every ``parse_`` raises only ``MalformedInput`` and names the place it was given, never the value.
"""

import base64
import binascii
import datetime as dt
import hashlib
import re
from functools import lru_cache
from typing import Final, NewType

from coffer import letters
from coffer.errors import MalformedInput

Hash = NewType("Hash", bytes)
"""A SHA-256 value, 32 bytes."""

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})*")
_FORMAT: Final = re.compile(r"(coffer\.[a-z-]{1,40})/v([1-9][0-9]{0,5})")
NEWER: Final = "a newer release wrote it: upgrade Coffer on this machine first"
"""The hint about everything that a later release made and this one cannot read."""
_OLDER: Final = "an older release wrote it, and this one no longer reads it"
_PRINTABLE: Final = re.compile(r"[\x20-\x7e]*")
EPOCH_DAY: Final = dt.date(1970, 1, 1)


@lru_cache(maxsize=256)
def tag(name: str) -> bytes:
    r"""The domain separator ``T(name)``: ASCII ``coffer/v1/`` + name + LF (``docs/formats/README.md``)."""
    return b"coffer/v1/" + name.encode("ascii") + b"\n"


def digest(*parts: bytes) -> Hash:
    """SHA-256 over the concatenated parts."""
    # Joining first is faster than one update a part: most hashes are over a tag and a few short fields.
    return Hash(hashlib.sha256(b"".join(parts)).digest())


def lp(value: bytes) -> bytes:
    """``LP(value)``: u32 length, then the bytes."""
    return len(value).to_bytes(4, "big") + value


class Cursor:
    """Reads a byte string from front to back; every read past the end is ``MalformedInput``."""

    __slots__ = ("_data", "_place", "offset")

    def __init__(self, data: bytes, place: str) -> None:
        self._data = data
        self._place = place
        self.offset = 0

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        end = self.offset + size
        if end > len(self._data):
            raise MalformedInput(
                f"{self._place}: ends at byte {len(self._data)}, expected {size} more from {self.offset}"
            )
        value = self._data[self.offset : end]
        self.offset = end
        return value

    def u8(self) -> int:
        """An unsigned byte."""
        return self.take(1)[0]

    def u16(self) -> int:
        """An unsigned 16-bit integer, big-endian."""
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        """An unsigned 32-bit integer, big-endian."""
        return int.from_bytes(self.take(4), "big")

    def u64(self) -> int:
        """An unsigned 64-bit integer, big-endian."""
        return int.from_bytes(self.take(8), "big")

    def lp(self) -> bytes:
        """Length-prefixed bytes."""
        return self.take(self.u32())

    def literal(self, expected: bytes) -> None:
        """Read exactly these bytes."""
        if self.take(len(expected)) != expected:
            raise MalformedInput(
                f"{self._place}: byte {self.offset - len(expected)}: found other bytes, expected {expected!r}"
            )

    def end(self) -> None:
        """Refuse further bytes."""
        if self.offset != len(self._data):
            raise MalformedInput(
                f"{self._place}: {len(self._data) - self.offset} bytes too many after byte {self.offset}"
            )

    def at_end(self) -> bool:
        """Whether all bytes were read."""
        return self.offset == len(self._data)


def parse_base64(text: str, place: str, *, size: int | None = None) -> bytes:
    """Standard, padded, canonical base64; ``size`` in bytes if it is known."""
    try:
        value = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise MalformedInput(f"{place}: not base64") from None
    if base64.b64encode(value).decode("ascii") != text:
        raise MalformedInput(f"{place}: base64 is not in its canonical form")
    if size is not None and len(value) != size:
        raise MalformedInput(f"{place}: {len(value)} bytes, expected {size}")
    return value


def format_base64(value: bytes) -> str:
    """The inverse of ``parse_base64``."""
    return base64.b64encode(value).decode("ascii")


def parse_hex(text: str, place: str, *, size: int) -> bytes:
    """Lower-case hex of exactly ``size`` bytes."""
    if len(text) != 2 * size or not _HEX.fullmatch(text):
        raise MalformedInput(f"{place}: found {len(text)} characters, expected {2 * size} lower-case hex digits")
    return bytes.fromhex(text)


def parse_decimal(text: str, place: str, *, low: int = 0, high: int) -> int:
    """A decimal integer without sign or leading zero, in ``low`` to ``high`` inclusive."""
    if not _DECIMAL.fullmatch(text):
        raise MalformedInput(f"{place}: expected a decimal integer without sign or leading zero")
    value = int(text)
    if not low <= value <= high:
        raise MalformedInput(f"{place}: found {value}, expected {low} to {high}")
    return value


@lru_cache(maxsize=4096)
def _day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)  # one object for all who name the day


def parse_day(text: str, place: str) -> dt.date:
    """A calendar day ``YYYY-MM-DD``."""
    if _DAY.fullmatch(text):
        try:
            return _day(text)
        except ValueError:
            pass
    raise MalformedInput(f"{place}: not a day of the calendar, expected YYYY-MM-DD")


def parse_time(text: str, place: str) -> dt.datetime:
    """An instant ``YYYY-MM-DDThh:mm:ssZ``, as aware UTC."""
    if (match := _TIME.fullmatch(text)) is not None:
        year, month, day, hour, minute, second = map(int, match.groups())
        # The library's own parsers accept different hours and seconds in different versions, so read the parts here.
        try:
            return dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
        except ValueError:
            pass
    raise MalformedInput(f"{place}: not an instant, expected YYYY-MM-DDThh:mm:ssZ")


def format_time(value: dt.datetime) -> str:
    """The inverse of ``parse_time``; parts of a second are cut off."""
    if value.tzinfo is None:
        raise AssertionError("an instant without a time zone")
    return (
        value.astimezone(dt.UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"
    )  # strftime would write the year 999 in three digits


def day_number(day: dt.date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH_DAY).days


def day_from_number(number: int, place: str) -> dt.date:
    """The inverse of ``day_number``, up to the year 9999."""
    try:
        return EPOCH_DAY + dt.timedelta(days=number)
    except OverflowError:
        raise MalformedInput(f"{place}: day {number} is outside the calendar") from None


def verify_format(value: str, expected: str, place: str) -> None:
    """Refuse another format than ``coffer.<name>/v<number>``.

    One of the same name is named, since another release wrote it.

    Raises:
        MalformedInput: it is another.
    """
    if value == expected:
        return
    hint = release_hint(value, expected)
    raise MalformedInput(f"{place}: {f'found {value}, ' if hint else ''}expected {expected}", hint=hint)


def release_hint(value: str, expected: str) -> str | None:
    """What to do about a format of another release; None if it is no format of that name."""
    theirs, ours = _FORMAT.fullmatch(value), _FORMAT.fullmatch(expected)
    if theirs is None or ours is None or theirs[1] != ours[1]:
        return None
    return NEWER if int(theirs[2]) > int(ours[2]) else _OLDER


def parse_lines(text: bytes, place: str, *, has_letters: bool = False) -> tuple[str, ...]:
    """The lines of a text: printable ASCII, each ended by one LF, none empty.

    ``has_letters``: lines may hold people's own text as well, UTF-8 with the characters of ``letters``.
    """
    allowed = "a character of people's own text" if has_letters else "printable ASCII"
    if not text.endswith(b"\n"):
        raise MalformedInput(f"{place}: the last line has no line end")
    try:
        lines = tuple(text[:-1].decode("utf-8" if has_letters else "ascii").split("\n"))
    except UnicodeDecodeError as error:
        raise MalformedInput(f"{place}: byte {error.start} is not {allowed}") from None
    for number, line in enumerate(lines, 1):
        if not line:
            raise MalformedInput(f"{place}: line {number} is empty")
        if not (letters.is_allowed(line) if has_letters else is_printable(line)):
            raise MalformedInput(f"{place}: line {number} holds a character that is not {allowed}")
    return lines


def is_printable(text: str) -> bool:
    """Whether every character is printable ASCII (0x20 to 0x7E)."""
    return _PRINTABLE.fullmatch(text) is not None


class Fields:
    """Reads ``key: value`` lines in a fixed order.

    A line that is left over, missing or out of order raises ``MalformedInput``.
    """

    __slots__ = ("_lines", "_next", "_place")

    def __init__(self, lines: tuple[str, ...], place: str) -> None:
        self._lines = lines
        self._place = place
        self._next = 0

    def literal(self, line: str) -> None:
        """Read exactly this line."""
        if self._next >= len(self._lines) or self._lines[self._next] != line:
            hint = release_hint(self._lines[self._next], line) if self._next < len(self._lines) else None
            seen = f"found {self._lines[self._next]!r}, " if hint else ""
            raise MalformedInput(f"{self._place}: line {self._next + 1}: {seen}expected {line!r}", hint=hint)
        self._next += 1

    def one(self, key: str) -> str:
        """The value of the next line, which must have this key."""
        value = self._peek(key)
        if value is None:
            raise MalformedInput(f"{self._place}: line {self._next + 1}: expected '{key}: ...'")
        self._next += 1
        return value

    def many(self, key: str) -> list[str]:
        """The values of all following lines with this key; there may be none."""
        values: list[str] = []
        while (value := self._peek(key)) is not None:
            values.append(value)
            self._next += 1
        return values

    def optional(self, key: str) -> str | None:
        """The value of the next line if it has this key; otherwise None, and no line is read."""
        return self.one(key) if self._peek(key) is not None else None

    def place(self, key: str) -> str:
        """The place of the line just read, for messages."""
        return f"{self._place}: line {self._next}: {key}"

    def end(self) -> None:
        """Refuse further lines."""
        if self._next != len(self._lines):
            raise MalformedInput(f"{self._place}: line {self._next + 1}: unexpected line")

    def _peek(self, key: str) -> str | None:
        if self._next >= len(self._lines):
            return None
        line = self._lines[self._next]
        prefix = key + ": "
        if not line.startswith(prefix):
            return None
        value = line[len(prefix) :]
        if not value or value != value.strip(" "):
            raise MalformedInput(f"{self._place}: line {self._next + 1}: {key} is empty or has outer spaces")
        return value
