"""Files of TAP3 and NRTRDE to the places of their events, piece by piece. Pure.

A file is one element: headers, the list of events, totals. What is left of a piece waits for the next, at most one
event long. Source: X.690 section 8.1, TD.57, TD.35.
"""

from collections import Counter
from typing import Final

import numpy as np

from coffer.errors import MalformedInput
from coffer.records.readers.roaming.layouts import Layout
from coffer.records.readers.threegpp import tlv
from coffer.records.readers.threegpp.framing import LIST_END, Cut
from coffer.records.rejects import Reason, Rejects, one_reject

MAX_EVENT_BYTES: Final = 1 << 20
"""A voice event has a few hundred bytes; a session with a thousand charges some ten thousand. What is longer ends the file."""
WHOLE: Final = 0x61
"""``TransferBatch`` and ``Nrtrde``: application 1, constructed."""
NOTICE: Final = 0x62
"""``Notification``: TAP's file for a period without events."""
_APPLICATION: Final = 0x60
_NOT_ONE = "neither TAP3 nor NRTRDE"


class EventCutter:
    """The events of one file. ``skipped`` and ``rejected`` hold what else the file had.

    ``headers`` holds the contents of the elements in front of the list and behind it, by tag.
    """

    def __init__(self, layout: Layout) -> None:
        self.skipped: Counter[str] = Counter()
        self.rejected: list[Rejects] = []
        self.headers: dict[int, bytes] = {}
        self._layout = layout
        self._data = b""
        self._base = 0
        self._ends: list[int] = []  # of the file's element and of the list, -1 where a length is indefinite
        self._is_list = False
        self._is_over = False
        self._found: list[tuple[int, int]] = []
        self._events = 0

    def take(self, data: bytes) -> Cut:
        """The events that end in these next bytes of the file.

        Raises:
            MalformedInput: the file begins with something else.
        """
        self._data += data
        self._found = []
        at = 0
        while not self._is_over and (end := self._step(at)) is not None:
            at = end
        spans = np.array(self._found, np.int64).reshape(-1, 2)
        cut = Cut(data=self._data, starts=spans[:, 0], ends=spans[:, 1], offsets=spans[:, 0] + self._base)
        at = len(self._data) if self._is_over else at
        self._data, self._base = self._data[at:], self._base + at
        self._events += len(spans)
        return cut

    def end_file(self, said: int | None) -> None:
        """What is left was cut off. ``said``: how many events the file says that it has."""
        if not self._is_over and (self._base or self._data):
            if not self._ends and self._data[:1] not in (bytes([WHOLE]), bytes([NOTICE])):
                raise MalformedInput(_NOT_ONE)
            self.rejected.append(one_reject(self._base, Reason.CUT_OFF))
        if said is not None:
            self.skipped["missing-by-count"] += max(0, said - self._events)
            self.skipped["more-than-count"] += max(0, self._events - said)
        self.skipped = +self.skipped

    def _step(self, at: int) -> int | None:
        """Where the next element begins behind the one at ``at``; None where the data ends within that."""
        if self._ends and self._is_closed(at):
            return self._close(at)
        try:
            found = tlv.header(self._data, at)
            if found is None:
                return None
            value, size = found
            if not self._ends:
                return self._open_file(at, value, size)
            if not self._is_list and self._tag(at) == self._layout.events:
                self._is_list = True
                self._ends.append(-1 if size < 0 else self._base + value + size)
                return value
            return self._element(at, value, size)
        except MalformedInput:
            if not self._ends:
                raise
            self.rejected.append(one_reject(self._base + at, Reason.BAD_RECORD))
            self._is_over = True
            return None

    def _open_file(self, at: int, value: int, size: int) -> int | None:
        if self._data[at] == NOTICE:
            self.skipped["notification"] += 1
            self._ends, self._is_over = [0], True
            return None
        if self._data[at] != WHOLE:
            raise MalformedInput(_NOT_ONE)
        self._ends.append(-1 if size < 0 else self._base + value + size)
        return value

    def _element(self, at: int, value: int, size: int) -> int | None:
        end = value + size if size >= 0 else tlv.indefinite_end(self._data, at, MAX_EVENT_BYTES)
        if end is not None and end - at > MAX_EVENT_BYTES:
            raise MalformedInput(f"byte {self._base + at}: {end - at} bytes, expected at most {MAX_EVENT_BYTES}")
        if end is None or end > len(self._data):
            return None
        if self._ends[-1] >= 0 and self._base + end > self._ends[-1]:
            raise MalformedInput(f"byte {self._base + at}: leads out of what is around it")
        if self._is_list:
            self._found.append((at, end))
        else:
            inner = self._data[at:end] if size >= 0 else tlv.definite(self._data[at:end])
            begin = tlv.header(inner, 0)
            assert begin is not None, "a whole element has a whole header"
            self.headers[self._tag(at)] = inner[begin[0] :]
        return end

    def _is_closed(self, at: int) -> bool:
        if self._ends[-1] >= 0:
            return self._base + at >= self._ends[-1]
        return self._data[at : at + 2] == LIST_END

    def _close(self, at: int) -> int:
        at += 0 if self._ends.pop() >= 0 else 2
        if self._is_list:
            self._is_list = False
        else:
            self._ends, self._is_over = [0], True
        return at

    def _tag(self, at: int) -> int:
        first = self._data[at]
        if first & 0xC0 != _APPLICATION & 0xC0:
            return -1
        tag, place = first & 31, at + 1
        if tag == 31:
            tag = 0
            while True:
                tag = tag << 7 | self._data[place] & 127
                if self._data[place] < 128:
                    break
                place += 1
        return tag
