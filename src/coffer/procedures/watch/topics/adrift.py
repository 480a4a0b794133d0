"""Partitions whose place is none: each waits alone, and is looked at again after a while. Pure."""

from dataclasses import dataclass, field

from coffer.errors import Unavailable
from coffer.procedures.watch.decide import retry_after_s


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
