"""What is gathered of a topic before it is a batch: messages and their offsets. Pure.

Of each partition it holds offsets from one place to another without a hole: what Kafka gives between two messages is no
message (a mark of a transaction, what was compacted or aborted), and what was deleted before it was taken is told.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

import numpy as np

from coffer.ledger.entries import MAX_PARTITIONS
from coffer.procedures.watch.topics.settings import WatchedTopic
from coffer.records.readers.text.quoting import Quoting
from coffer.records.rejects import Reason

TOMBSTONE: Final = "tombstone"
"""The reason of a message without a value, with which a compacted topic says that its key is gone."""
MAX_MESSAGE_BYTES: Final = 8 * 2**20
"""Eight times what brokers take by default. A longer one is no run of lines of which each has at most 64 KiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What a batch takes of a partition: offsets ``start`` up to ``end``.

    ``after``: where the log ended; 0 before the first batch.
    """

    partition: int
    after: int
    start: int
    end: int

    @property
    def missed(self) -> int:
        """How many offsets were deleted before they were taken; before the first batch none."""
        return self.start - self.after if self.after else 0


@dataclass(slots=True)
class _Held:
    """Of one partition: offsets ``start`` up to ``end``; the log ended at ``after``."""

    after: int
    start: int
    end: int
    values: list[bytes] = field(default_factory=list, repr=False)
    rejected: Counter[str] = field(default_factory=Counter)
    size_bytes: int = 0

    @property
    def count(self) -> int:
        """How many messages are held."""
        return len(self.values) + self.rejected.total()


class Holding:
    """The batch of a topic while it is gathered.

    ``since``: when its first message came, by a running clock; None if it has none.
    """

    def __init__(self, topic: WatchedTopic) -> None:
        self._topic = topic
        self._held: dict[int, _Held] = {}
        self._largest = 2**16
        self.since: float | None = None

    @property
    def partitions(self) -> Sequence[int]:
        """The partitions that are read."""
        return sorted(self._held)

    @property
    def count(self) -> int:
        """Messages that are held."""
        return sum(one.count for one in self._held.values())

    @property
    def size_bytes(self) -> int:
        """Bytes of their values."""
        return sum(one.size_bytes for one in self._held.values())

    @property
    def room(self) -> int:
        """How many more messages fit surely, if none is larger than the largest so far; 0: the batch is full."""
        topic = self._topic
        bytes_left = topic.batch_bytes - self.size_bytes
        if bytes_left <= 0:
            return 0
        return max(0, min(topic.batch_messages - self.count, 1 + bytes_left // self._largest))

    def is_due(self, now: float) -> bool:
        """Whether the batch is full, or its first message has waited for long enough."""
        return self.since is not None and (self.room == 0 or now - self.since >= self._topic.batch_s)

    def begin(self, partition: int, after: int) -> None:
        """Read a partition from where the log ends; nothing of it is held."""
        self._held[partition] = _Held(after, after, after)
        self._settle_since()

    def begin_behind(self, partition: int, start: int) -> Range:
        """Read a partition of which nothing is held from ``start``; the gap.

        What was before it is deleted.
        """
        after = self._held[partition].after
        self._held[partition] = _Held(after, start, start)
        return Range(partition=partition, after=after, start=start, end=start)

    @property
    def missed(self) -> int:
        """Offsets that were deleted before they were taken, and of which the log does not tell yet."""
        return sum(one.start - one.after for one in self._held.values() if one.after)

    def leave(self, partitions: Sequence[int]) -> None:
        """Read these no more, and forget what is held of them."""
        for partition in partitions:
            self._held.pop(partition, None)
        self._settle_since()

    def is_empty(self, partition: int) -> bool:
        """Whether nothing of a partition is held."""
        return partition not in self._held or not self._held[partition].count

    def place(self, partition: int) -> int:
        """The next offset of a partition."""
        return self._held[partition].end

    def stale(self, ends: Mapping[int, int]) -> list[int]:
        """Partitions of which the log now ends elsewhere than when they were begun."""
        return [partition for partition, one in self._held.items() if one.after != ends.get(partition, 0)]

    def take(self, partition: int, offset: int, value: bytes | None, now: float) -> None:
        """Hold a message. One of a partition that is not read, or from before its place, is no new one."""
        held = self._held.get(partition)
        if held is None or offset < held.end:
            return
        held.end = offset + 1
        if self.since is None:
            self.since = now
        if value is None:
            held.rejected[TOMBSTONE] += 1
        elif len(value) > MAX_MESSAGE_BYTES:
            held.rejected[Reason.ROW_TOO_LONG.label] += 1
        elif b"\0" in value or not value.strip():
            held.rejected[Reason.BAD_RECORD.label] += 1
        else:
            held.values.append(value.removesuffix(b"\n"))
            held.size_bytes += len(value)
            self._largest = max(self._largest, len(value))

    def ranges(self) -> tuple[Range, ...]:
        """What is held, in the order of partitions."""
        held = [(partition, one) for partition, one in sorted(self._held.items()) if one.count]
        assert 1 <= len(held) <= MAX_PARTITIONS, "a batch has messages, and a watch few partitions"
        return tuple(
            Range(partition=partition, after=one.after, start=one.start, end=one.end) for partition, one in held
        )

    def lines(self, quoting: Quoting | None) -> tuple[bytes, Counter[str]]:
        """The messages as lines, and what is rejected of them, by reason.

        A message of CSV that ends within quotes is rejected, because the next one would be read as its rest.
        """
        rejected = Counter[str]()
        for one in self._held.values():
            rejected.update(one.rejected)
        values = [value for _, one in sorted(self._held.items()) for value in one.values]
        whole = _whole(values, quoting)
        if len(whole) < len(values):
            rejected[Reason.CUT_OFF.label] += len(values) - len(whole)
        return b"".join(value + b"\n" for value in whole), rejected

    def clear(self) -> None:
        """What was held is in the log: go on behind it."""
        for partition, one in self._held.items():
            if one.count:
                self._held[partition] = _Held(one.end, one.end, one.end)
        self._settle_since()

    def _settle_since(self) -> None:
        if not self.count:
            self.since = None


def _whole(values: Sequence[bytes], quoting: Quoting | None) -> Sequence[bytes]:
    """The messages that do not end within quotes."""
    data = b"".join(value + b"\n" for value in values)
    if quoting is None or quoting.quote not in data:
        return values
    ends = np.fromiter(accumulate(len(value) + 1 for value in values), np.int64, len(values)) - 1
    if not (np.searchsorted(quoting.turns(data), ends) % 2).any():
        return values
    return [value for value in values if len(quoting.turns(value + b"\n")) % 2 == 0]
