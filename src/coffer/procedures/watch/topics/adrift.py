"""Partitions that are not read while others are. Pure.

The place of some is none (``Adrift``), and some do not answer (``Silent``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from coffer.errors import Unavailable
from coffer.procedures.watch.decide import retry_after_s

_MOST_SILENT: Final = 3
"""Each costs a wait, and one is enough for trouble: no more are asked in one look."""


@dataclass(frozen=True, slots=True)
class _Wait:
    """Why a partition waits, how often that was so in a row, and when it is looked at again."""

    why: Unavailable
    failures: int
    not_before: float


@dataclass(slots=True)
class Adrift:
    """The partitions of a topic that wait."""

    _waits: dict[int, _Wait] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self._waits)

    def __contains__(self, partition: int) -> bool:
        return partition in self._waits

    @property
    def partitions(self) -> set[int]:
        """All that wait."""
        return set(self._waits)

    @property
    def first(self) -> Unavailable:
        """Why the first of them waits."""
        return self._waits[min(self._waits)].why

    def due(self, now: float) -> set[int]:
        """Those to look at again."""
        return {partition for partition, one in self._waits.items() if one.not_before <= now}

    def add(self, partition: int, why: Unavailable, now: float) -> int:
        """It waits, or still waits; the seconds until it is looked at again."""
        failures = self._waits[partition].failures + 1 if partition in self._waits else 1
        wait_s = retry_after_s(failures)
        self._waits[partition] = _Wait(why, failures, now + wait_s)
        return wait_s

    def keep(self, partitions: set[int]) -> None:
        """Only these are read by this watch, and may still wait."""
        self._waits = {partition: one for partition, one in self._waits.items() if partition in partitions}


@dataclass(slots=True)
class Silent:
    """The partitions that did not say their end when they were last asked, while other brokers answer."""

    _partitions: set[int] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self._partitions)

    def look(self, partitions: Sequence[int], ask: Callable[[int], object]) -> list[tuple[int, Unavailable]]:
        """Ask each of these; those that are silent now and were not before, each with why."""
        before, self._partitions, told = self._partitions, set(), []
        for partition in partitions:
            try:
                ask(partition)
            except Unavailable as error:
                self._partitions.add(partition)
                if partition not in before:
                    told.append((partition, error))
                if len(self._partitions) == _MOST_SILENT:
                    break
        return told

    def heard(self, partitions: set[int]) -> None:
        """Something came of these."""
        self._partitions -= partitions
