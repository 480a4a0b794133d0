"""Lines that could not be kept: counted by reason, placed by line, never quoted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from typing import Self

import numpy as np
import numpy.typing as npt


class Reason(IntEnum):
    """Why a line is rejected. ``label`` is what people and JSON see."""

    KEPT = 0
    WRONG_COLUMN_COUNT = 2
    ROW_TOO_LONG = 3
    NOT_UTF8 = 4
    UNKNOWN_KIND = 5
    BAD_TIME = 6
    IMPOSSIBLE_TIME = 7
    AMBIGUOUS_TIME = 8
    TOO_LATE = 9
    IN_FUTURE = 10
    NOT_A_NUMBER = 11
    IMPOSSIBLE_LENGTH = 13
    NOT_AN_ADDRESS = 14
    NO_B_NUMBER = 15
    BAD_DURATION = 17
    BAD_CELL = 18
    BAD_IMEI = 19
    BAD_IMSI = 20
    BAD_ANSWERED = 21
    CUT_OFF = 22
    BAD_RECORD = 23
    ADDRESS_CONTROLS = 40
    UNKNOWN_DIRECTION = 41

    @property
    def label(self) -> str:
        """In small letters with hyphens."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejects:
    """The rejected lines of a file or of a part of it; shapes (n,).

    ``lines``: i64, 1 = first line of the file. ``reasons``: u8 ``Reason``. ``fields``: the canonical field at fault, or
    empty for the whole line.
    """

    lines: npt.NDArray[np.int64]
    reasons: npt.NDArray[np.uint8]
    fields: tuple[str, ...]

    @classmethod
    def none(cls) -> Self:
        """No line rejected."""
        return cls(lines=np.zeros(0, np.int64), reasons=np.zeros(0, np.uint8), fields=())

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """All of them, in the order of their lines."""
        parts = [part for part in parts if len(part.lines)]
        if len(parts) < 2:
            return parts[0] if parts else cls.none()
        lines = np.concatenate([part.lines for part in parts])
        reasons = np.concatenate([part.reasons for part in parts])
        fields = tuple(chain.from_iterable(part.fields for part in parts))
        if (lines[1:] >= lines[:-1]).all():  # as they mostly are; a file may have millions
            return cls(lines=lines, reasons=reasons, fields=fields)
        order = np.argsort(lines, kind="stable")
        named = np.fromiter(fields, object, len(fields))[order]
        return cls(lines=lines[order], reasons=reasons[order], fields=tuple(named.tolist()))

    def field_counts(self) -> Counter[str]:
        """How many by field and reason label, like ``forwarded: not-a-number``."""
        labels = [Reason(int(reason)).label for reason in self.reasons]
        return Counter(f"{name}: {label}" for name, label in zip(self.fields, labels, strict=True))

    def counts(self) -> Counter[str]:
        """Lines by reason label."""
        values, numbers = np.unique(self.reasons, return_counts=True)
        return Counter({Reason(int(v)).label: int(n) for v, n in zip(values, numbers, strict=True)})


def one_reject(place: int, reason: Reason, field: str = "") -> Rejects:
    """One rejected line, record or byte."""
    return Rejects(lines=np.array([place], np.int64), reasons=np.array([reason], np.uint8), fields=(field,))


def some_rejects(places: npt.NDArray[np.int64], reason: Reason, field: str = "") -> Rejects:
    """Rejected lines of one reason; ``places`` has shape (n,)."""
    n = len(places)
    return Rejects(lines=places.astype(np.int64), reasons=np.full(n, reason, np.uint8), fields=(field,) * n)
