"""A custodian's own record of requests and what became of them, a line each (``audit.log``)."""

import datetime as dt
import threading
from collections import Counter
from pathlib import Path
from typing import Final

from coffer import wire
from coffer.disk import Disk

SUMMED_OVER: Final = dt.timedelta(minutes=1)
"""Strangers cause at most one line of the record in this time: some 150 bytes, 220 KB a day."""


class Outcomes:
    """The file of outcomes. It never holds an identifier, and strangers cannot fill it."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._path = path
        self._disk = disk
        self._counting = threading.Lock()
        self._counted: Counter[str] = Counter()
        self._summed_up: dt.datetime | None = None

    def note(self, line: str) -> None:
        """Add a line to its own record of requests. It never holds an identifier."""
        self._disk.append(self._path, line.encode("ascii") + b"\n")

    def count(self, kind: str, now: dt.datetime) -> None:
        """Count an outcome that anybody can cause.

        The first is noted at once. Those of the minute after it are summed up in one line.

        So a stranger can neither fill the disk nor slow it down. ``kind``: one of a few words of our own.
        """
        with self._counting:
            self._counted[kind] += 1
            if self._summed_up is None or not dt.timedelta(0) <= now - self._summed_up < SUMMED_OVER:
                self._sum_up(now)

    def sum_up(self, now: dt.datetime) -> None:
        """Note what was counted and not noted yet."""
        with self._counting:
            self._sum_up(now)

    def _sum_up(self, now: dt.datetime) -> None:
        counted, self._counted = self._counted, Counter()
        if not counted:
            return
        self._summed_up = now
        said = ", ".join(kind if count == 1 else f"{kind} {count} times" for kind, count in sorted(counted.items()))
        self.note(f"{wire.format_time(now)} {said}")
