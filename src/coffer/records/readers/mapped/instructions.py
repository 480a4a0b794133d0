"""Date formats as instructions for the kernel that reads lines. Pure.

Only what can be written in one way is an instruction: numbers of a fixed number of digits, short English months. A
time that is written otherwise, and that ``parse_times`` still reads, is left to it.
"""

import datetime as dt
import re
from functools import lru_cache
from typing import Final

import numpy as np
import polars as pl

from coffer import kernels
from coffer.identity.arrays import POWERS_OF_TEN
from coffer.records.mapping import says_offset
from coffer.records.readers.text.times import parse_times

_CODES: Final = {
    "Y": 128, "m": 129, "d": 130, "H": 131, "M": 132, "S": 133, "y": 134, "b": 135, "I": 136, "p": 137, "f": 138,
    "z": 139,
}  # fmt: skip
_SHORTHANDS: Final = {"%T": "%H:%M:%S", "%F": "%Y-%m-%d", "%R": "%H:%M", "%D": "%m/%d/%y", "%h": "%b"}
_EPOCHS: Final = {"epoch": bytes([140]), "epoch-ms": bytes([141])}
MAX_TIME_BYTES: Final = 128
"""Far more than any time; a longer text is no time."""
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PROBES: Final = (
    dt.datetime(1999, 12, 31, 23, 59, 59, 999_999, dt.UTC),
    dt.datetime(2000, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2016, 2, 29, 12, 0, 1, 500_000, dt.timezone(dt.timedelta(hours=5, minutes=30))),
    dt.datetime(2023, 9, 8, 0, 7, 6, 10, dt.timezone(dt.timedelta(hours=-3))),
)
"""Times in which a format that the two sides read differently would show it: both halves of a day, a leap day, offsets."""


@lru_cache(maxsize=64)
def instructions(formats: tuple[str, ...]) -> tuple[bytes, ...]:
    """The instructions for each format by which the kernel may read; none if no format is among them.

    A format with an offset counts before those without, and an earlier one before a later one. So a format is left to
    ``parse_times`` if one that counts before it might read the same text.
    """
    made = []
    for number, form in enumerate(formats):
        before = [
            one for at, one in enumerate(formats) if at != number and _counts_before(one, form, is_earlier=at < number)
        ]
        steps = _EPOCHS.get(form) or _steps(form)
        if steps is not None and not any(_may_read(one, steps) for one in before) and _is_read_alike(form, steps):
            made.append(steps)
    return tuple(made)


def _counts_before(one: str, other: str, *, is_earlier: bool) -> bool:
    is_sure, is_other_sure = (form in _EPOCHS or says_offset(form) for form in (one, other))
    return is_earlier if is_sure == is_other_sure else is_sure


def _may_read(form: str, steps: bytes) -> bool:
    """Whether a format may read a text that these instructions read.

    It may not if the text cannot hold a letter that the format must find.
    """
    written = {chr(step) for step in steps if step < 128}
    if form in _EPOCHS:
        return not written & set(":/")
    for code, letters in (("b", "".join(MONTHS)), ("p", "APM"), ("z", "+-:Z")):
        written |= set(letters) if _CODES[code] in steps else set()
    literals = re.sub(r"%.", "", _expanded(form))
    return set(literals) - {" "} <= written


def _expanded(form: str) -> str:
    for shorthand, whole in _SHORTHANDS.items():
        form = form.replace(shorthand, whole)
    return form


def _steps(form: str) -> bytes | None:
    steps, rest = bytearray(), _expanded(form)
    while rest:
        if rest[0] == "%":
            code = _CODES.get(rest[1:2])
            if code is None or code in steps:
                return None
            steps.append(code)
            rest = rest[2:]
        elif rest[0].isascii() and not rest[0].isdigit():
            steps.append(ord(rest[0]))
            rest = rest[1:]
        else:
            return None
    is_whole = (128 in steps) != (134 in steps) and (129 in steps) != (135 in steps) and 130 in steps
    is_hour_sure = (136 in steps) == (137 in steps) and not (131 in steps and 136 in steps)
    is_end_right = 139 not in steps[:-1]  # a Z is read as an offset only at the end
    is_dotted = 138 not in steps or steps[: steps.index(138)].endswith(b".")
    return bytes(steps) if is_whole and is_hour_sure and is_end_right and is_dotted else None


def _is_read_alike(form: str, steps: bytes) -> bool:
    """Whether some times, written in this format, are read by the kernel as by ``parse_times``."""
    if form in _EPOCHS:
        return True
    texts = [time.strftime(form) for time in _PROBES]
    times = parse_times(pl.Series(texts), (form,), "UTC", "reject")
    return [read_time(text, steps) for text in texts] == times.start.dt.timestamp("us").to_list()


def read_time(text: str, steps: bytes) -> int | None:
    """Microseconds since 1970, as the kernel reads them; None if it does not."""
    scanner = kernels.lines.Scanner()
    set_instructions(scanner, (steps,))
    return scanner.read_time(np.frombuffer(text.encode(), np.uint8))


def set_instructions(scanner: "kernels.lines.Scanner", formats: tuple[bytes, ...]) -> None:
    """Have a scanner read times by these instructions, those of each format in turn."""
    ends = np.cumsum([len(steps) for steps in formats])
    scanner.instructions = np.frombuffer(b"".join(formats), np.uint8)
    scanner.formats = np.stack([ends - [len(steps) for steps in formats], ends], axis=1).astype(np.int32)
    scanner.months = np.frombuffer("".join(MONTHS).encode(), np.uint8).reshape(12, 3)
    scanner.powers = POWERS_OF_TEN
    scanner.text = np.zeros(MAX_TIME_BYTES, np.uint8)
