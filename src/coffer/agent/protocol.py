"""What is said to an agent and what it answers, as bytes. Pure.

A request is a line of ASCII; that of ``hold`` is followed by a secret of 32 bytes. One request goes over a connection.
"""

from dataclasses import dataclass
from typing import Final

from coffer import wire
from coffer.errors import MalformedInput

VERSION: Final = "coffer.agent/v1"
SECRET_BYTES: Final = 32
MAX_LINE_BYTES: Final = 8_192
"""A label of the longest path, in base64, and some numbers."""
MAX_LABEL_BYTES: Final = 4_096
MAX_HELD: Final = 100
"""Key files of one agent: a roster has at most 32 custodians."""
MAX_IDLE_S: Final = 2 * 3_600
MAX_LIFE_S: Final = 24 * 3_600
"""Bounds for whoever asks for more: a session is a working day."""

NONE: Final = b"none\n"
HELD: Final = b"held\n"
DONE: Final = b"done\n"
FULL: Final = b"full\n"
REFUSED: Final = b"refused\n"
_PLACE: Final = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Get:
    """Give what is held for a key file. ``file``: its digest."""

    file: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Hold what follows for a key file.

    ``label``: the path that people know it by. ``idle_s``: after so many seconds without use it goes. ``life_s``: after so
    many it goes in any case.
    """

    file: bytes
    label: str
    idle_s: int
    life_s: int


@dataclass(frozen=True, slots=True)
class Status:
    """Say what is held, and for how long."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Forget everything and end."""


Request = Get | Hold | Status | Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A key file of a status.

    ``idle_s``: seconds until it goes if nobody uses it; ``life_s``: until it goes anyway.
    """

    label: str
    idle_s: int
    life_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A status. ``is_locked``: whether the system keeps the agent's memory from being swapped out."""

    lines: tuple[Line, ...]
    is_locked: bool


_MEMORY: Final = {True: "locked", False: "swappable"}


def format_request(request: Request) -> bytes:
    """The line of a request."""
    match request:
        case Get():
            words = ["get", request.file.hex()]
        case Hold():
            label = wire.format_base64(_raw(request.label))
            words = ["hold", request.file.hex(), str(request.idle_s), str(request.life_s), label]
        case Status():
            words = ["status"]
        case Lock():
            words = ["lock"]
    return f"{' '.join([VERSION, *words])}\n".encode("ascii")


def parse_request(line: bytes) -> Request:
    """The inverse; raises ``MalformedInput``."""
    match _words(line):
        case [str(version), "get", file] if version == VERSION:
            return Get(file=wire.parse_hex(file, _PLACE, size=32))
        case [str(version), "hold", file, idle, life, label] if version == VERSION:
            return Hold(
                file=wire.parse_hex(file, _PLACE, size=32),
                idle_s=wire.parse_decimal(idle, _PLACE, low=1, high=MAX_IDLE_S),
                life_s=wire.parse_decimal(life, _PLACE, low=1, high=MAX_LIFE_S),
                label=_parse_label(label),
            )
        case [str(version), "status"] if version == VERSION:
            return Status()
        case [str(version), "lock"] if version == VERSION:
            return Lock()
    raise MalformedInput(f"{_PLACE}: no such request")


def format_status(told: Told) -> bytes:
    """The answer to a status: how many and in which memory, then a line each."""
    shown = [f"{line.idle_s} {line.life_s} {wire.format_base64(_raw(line.label))}\n" for line in told.lines]
    return f"holds {len(told.lines)} {_MEMORY[told.is_locked]}\n{''.join(shown)}".encode("ascii")


def parse_status(raw: bytes) -> Told:
    """The inverse; raises ``MalformedInput``."""
    first, *rest = wire.parse_lines(raw, _PLACE)
    match first.split(" "):
        case ["holds", number, memory] if memory in _MEMORY.values():
            if wire.parse_decimal(number, _PLACE, high=MAX_HELD) == len(rest):
                return Told(lines=tuple(map(_parse_status_line, rest)), is_locked=memory == _MEMORY[True])
    raise MalformedInput(f"{_PLACE}: an answer of another form")


def _parse_status_line(text: str) -> Line:
    words = text.split(" ")
    if len(words) != 3:
        raise MalformedInput(f"{_PLACE}: an answer of another form")
    idle, life = (wire.parse_decimal(word, _PLACE, high=MAX_LIFE_S) for word in words[:2])
    return Line(idle_s=idle, life_s=life, label=_parse_label(words[2]))


def _words(line: bytes) -> list[str]:
    if len(line) > MAX_LINE_BYTES:
        raise MalformedInput(f"{_PLACE}: {len(line)} bytes, expected at most {MAX_LINE_BYTES}")
    lines = wire.parse_lines(line, _PLACE)
    if len(lines) != 1:
        raise MalformedInput(f"{_PLACE}: {len(lines)} lines, expected 1")
    return lines[0].split(" ")


def _raw(label: str) -> bytes:
    return label.encode("utf-8", "surrogateescape")


def _parse_label(text: str) -> str:
    raw = wire.parse_base64(text, _PLACE)
    if not 1 <= len(raw) <= MAX_LABEL_BYTES:
        raise MalformedInput(f"{_PLACE}: a name of {len(raw)} bytes, expected 1 to {MAX_LABEL_BYTES}")
    return raw.decode("utf-8", "surrogateescape")
