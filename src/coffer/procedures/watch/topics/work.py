"""A topic at work, the shell: gathers messages, has them ingested, and goes on behind them.

Where a partition is read from, the log alone says: it is asked when partitions are given to this consumer and before each
look. So it does not matter what the brokers remember, or where this process was killed. A batch that another watch was
faster to log is dropped, and read anew from where the log then ends.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from coffer.errors import Unavailable
from coffer.ledger.entries import MAX_PARTITIONS, BatchId, Offsets, TopicOffsets
from coffer.procedures.ingest.decide import FileCount
from coffer.procedures.ingest.messages import Messages
from coffer.procedures.ingest.run import run_ingest
from coffer.procedures.ingest.sealer import HELD_ROWS
from coffer.procedures.watch.books import Books
from coffer.procedures.watch.decide import RESERVE_BYTES
from coffer.procedures.watch.figures import Event, Figures, coarse
from coffer.procedures.watch.reconcile import sums_of
from coffer.procedures.watch.saying import event_of_gap, events_of_messages
from coffer.procedures.watch.topics.adrift import Adrift, Silent
from coffer.procedures.watch.topics.consumer import Read, TopicConsumer
from coffer.procedures.watch.topics.holding import Holding, Range
from coffer.procedures.watch.topics.watching import WatchingTopic, reread
from coffer.records.readers.text.quoting import Quoting
from coffer.vault.folder import Vault
from coffer.vault.watched import Delivery, Sums, TopicKey

TURN_S: Final = 1.0
"""A turn gathers no longer, so that other tables have theirs."""
JOIN_S: Final = 60.0
"""How long a run that ends waits for its partitions: others must finish their batches before they give any away."""
_ASKED_EVERY_S: Final = 60.0
"""A client that lost its only broker may say nothing of it: without a question now and then silence looks well."""
_WAIT_S: Final = 0.2
_AT_ONCE: Final = 1_000
"""Messages of one look: enough that the client's own cost is small, and few enough to notice soon that it is to stop."""


class TopicWork:
    """One topic of a watch. Used by one thread."""

    def __init__(
        self,
        vault: Vault,
        topic: WatchingTopic,
        *,
        books: Books,
        figures: Figures,
        tell: Callable[[Event], None],
        workers: int = 1,
        held_rows: int = HELD_ROWS,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vault = vault
        self._topic = topic
        self._books = books
        self._figures = figures
        self._tell = tell
        self._workers = workers
        self._held_rows = held_rows
        self._timer = timer
        self._holding = Holding(topic.settings)
        self._consumer: TopicConsumer | None = None
        self._cluster = ""
        self._asked_at = 0.0
        self._ended: set[int] = set()
        self._out_of_range: set[int] = set()
        self._adrift = Adrift()
        self._silent = Silent()
        self._is_elsewhere = False
        self._told_of = ""
        self._failed: Unavailable | None = None

    def work(self, *, is_last: bool, is_stopping: Callable[[], bool]) -> bool:
        """Gather for a moment, and have the batch ingested if it is due; whether there may be more at once.

        ``is_last``: gather until every partition's end was seen, and leave nothing.

        Raises:
            MalformedInput: the feed cannot read the messages, or has another name than when the watch began.
            Unavailable: brokers do not answer, say no or are another cluster's, another watch was faster, or as
                ``run_ingest``. With ``is_last`` also that a partition waits, once all others are taken.
        """
        if not self._topic.feed_file.is_as_read:
            self._topic = reread(self._topic)
        consumer = self._opened()
        self._tell_beginning()
        self._align(consumer, is_last=is_last)
        is_dry = self._gather(consumer, is_last=is_last, is_stopping=is_stopping)
        self._note_waiting(consumer)
        failed, self._failed = self._failed, None
        has_batch = self._holding.count and (is_last or self._holding.is_due(self._timer()) or self._out_of_range)
        if has_batch:
            self._ingest(consumer)
        if failed is not None:  # only now: one partition must not hold up the others
            raise failed
        if has_batch:
            return True
        if is_last and self._adrift and not self._out_of_range:
            raise self._adrift.first
        return bool(self._out_of_range) or (not is_dry and not is_last)

    def begin(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """As ``Listener``: each partition begins where the log ends."""
        if len(partitions) > MAX_PARTITIONS:
            raise Unavailable(
                f"[{self._topic.name}]: {len(partitions)} partitions, expected at most {MAX_PARTITIONS} for one watch",
                hint="run the same table on more machines: the brokers share the partitions among them",
            )
        assert self._consumer is not None, "a consumer calls"
        self._verify_cluster(self._consumer)
        ends = self._ends()
        self._holding.leave(self._holding.partitions)
        self._adrift.keep(set(partitions))
        self._ended, self._out_of_range = set(), set()
        for partition in partitions:
            self._holding.begin(partition, ends.get(partition, 0))
        return {partition: ends.get(partition, 0) for partition in partitions}

    def leave(self, partitions: Sequence[int]) -> None:
        """As ``Listener``: what is held of them another will read."""
        self._holding.leave(partitions)
        self._adrift.keep(set(self._holding.partitions))

    @property
    def is_waiting(self) -> bool:
        """Whether a partition waits while the others are read."""
        return bool(self._adrift) or bool(self._silent)

    def close(self) -> None:
        """Leave the group; what is held is read again by whoever comes next."""
        if self._consumer is not None:
            self._consumer.close()

    def _opened(self) -> TopicConsumer:
        if self._consumer is not None and (self._consumer.is_broken or self._is_elsewhere):
            self._consumer.close()
            self._consumer = None
        if self._consumer is None:
            self._consumer = TopicConsumer(self._topic.settings, self._topic.properties, self)
            self._cluster, self._is_elsewhere = "", False
        if not self._cluster:
            self._cluster, self._asked_at = self._consumer.cluster(), self._timer()
        elif self._consumer.was_cut_off or self._timer() - self._asked_at >= _ASKED_EVERY_S:
            self._verify_cluster(self._consumer)
            self._look_for_silent(self._consumer)
        return self._consumer

    def _verify_cluster(self, consumer: TopicConsumer) -> None:
        """Prove that the brokers are those whose offsets are counted; else all that is held is dropped.

        Asked when partitions are given, after a broker was lost, where a place is none, and before a batch is logged:
        brokers of another cluster behind the same address give the offsets of another topic.

        Raises:
            Unavailable: they are another cluster's. The next look reads from these, as another topic.
        """
        is_same = consumer.cluster() == self._cluster
        self._asked_at = self._timer()
        if is_same:
            return
        self._holding.leave(self._holding.partitions)
        self._adrift, self._is_elsewhere = Adrift(), True
        raise Unavailable(
            f"[{self._topic.name}]: kafka: brokers of another cluster answer: nothing of theirs was taken",
            hint="the next look reads their topic as another one; if that is wrong, mend bootstrap.servers",
        )

    def _look_for_silent(self, consumer: TopicConsumer) -> None:
        """Ask for the end of each partition of which nothing is held.

        Its broker may be gone while others answer. Those that do not answer are told once, and keep the topic from looking well; the others are read on.
        """
        empty = [partition for partition in self._holding.partitions if self._holding.is_empty(partition)]
        for partition, why in self._silent.look(empty, consumer.bounds):
            self._figures.failures += 1
            self._figures.is_in_trouble = True
            said = f"partition {partition}: {why.message.rpartition('kafka: ')[2]}: the others are read on"
            self._tell(Event(kind="trouble", folder=self._topic.name, message=said, is_trouble=True))

    @property
    def _key(self) -> TopicKey:
        settings, feed = self._topic.settings, self._topic.feed_file.feed.name
        return self._vault.watched.key.topic(
            feed=feed, cluster=self._cluster, topic=settings.topic, generation=settings.generation
        )

    def _ends(self) -> Mapping[int, int]:
        """By partition, where the log ends.

        Raises:
            NotProven: the log does not hold, or has marks that this operator did not make.
        """
        marks, key = self._vault.replay().offsets, self._key
        return {partition: key.offset(partition, end) for (topic, partition), end in marks.items() if topic == key.id}

    def _tell_beginning(self) -> None:
        if self._told_of != self._cluster and not self._ends():
            message = "the log has nothing of this topic yet: it is read from its first message"
            self._tell(Event(kind="begins", folder=self._topic.name, message=message))
        self._told_of = self._cluster

    def _align(self, consumer: TopicConsumer, *, is_last: bool) -> None:
        """Go back, or on, to where the log ends if that is elsewhere than was thought."""
        ends, holding = self._ends(), self._holding
        back = {partition: ends.get(partition, 0) for partition in holding.stale(ends)}
        before = self._adrift.partitions
        self._adrift.keep(set(holding.partitions) - back.keys())
        due = self._out_of_range | self._adrift.due(self._timer())
        stuck = [partition for partition in sorted(due - back.keys()) if holding.is_empty(partition)]
        if stuck:
            self._verify_cluster(consumer)
        firsts = {partition: self._first_in_range(consumer, partition, is_last=is_last) for partition in stuck}
        on = {partition: start for partition, start in firsts.items() if start is not None}
        self._adrift.keep(set(holding.partitions) - on.keys())
        self._out_of_range -= self._adrift.partitions
        if not back and not on and self._adrift.partitions == before:
            return
        # First: were it to fail, what comes must not pass for what is next.
        consumer.go_to(self._places() | back | on)
        for partition, after in back.items():
            holding.begin(partition, after)
        for partition, start in on.items():
            gap = holding.begin_behind(partition, start)
            if gap.missed:  # told at once: no message may come for long
                self._tell(event_of_gap(self._topic.name, gap))
        self._note_missed()
        self._ended -= back.keys() | on.keys()
        self._out_of_range -= back.keys() | on.keys()

    def _places(self) -> dict[int, int]:
        """Where each partition is read that does not wait."""
        holding = self._holding
        return {
            partition: holding.place(partition) for partition in holding.partitions if partition not in self._adrift
        }

    def _first_in_range(self, consumer: TopicConsumer, partition: int, *, is_last: bool) -> int | None:
        """Where to read a partition whose place is none: its first offset, because those before were deleted.

        None if the log ends behind the partition's end, so that this is another topic, or one that was cut: it alone
        waits, and is told.
        """
        place, (low, high) = self._holding.place(partition), consumer.bounds(partition)
        if place <= high:
            return max(place, low)
        said = f"partition {partition}: ends at offset {high}, expected at least {place}"
        why = Unavailable(
            f"[{self._topic.name}]: {said}",
            hint="was the topic made anew? Then set generation one higher; else the brokers lost what they had given",
        )
        wait_s = self._adrift.add(partition, why, self._timer())
        if not is_last:  # else it is what the run ends with
            self._figures.failures += 1
            self._figures.is_in_trouble = True
            message = f"{said}: it alone waits: tried again in {wait_s} s"
            self._tell(Event(kind="trouble", folder=self._topic.name, message=message, is_trouble=True))
        return None

    def _note_missed(self) -> None:
        """What was deleted before it was taken, logged or not; a figure that never falls."""
        figures = self._figures
        figures.missed = max(figures.missed, figures.sums.missed + self._holding.missed)

    def _gather(self, consumer: TopicConsumer, *, is_last: bool, is_stopping: Callable[[], bool]) -> bool:
        """Hold what comes; whether nothing more was there."""
        began, is_dry = self._timer(), False
        moved = began
        while (room := self._holding.room) and not is_stopping():
            if is_last and consumer.is_joined and not self._holding.partitions:
                raise Unavailable(
                    f"[{self._topic.name}]: kafka: no partition was given to this watch, so that nothing was read",
                    hint=f"another member of the group {self._topic.settings.group} reads them all",
                )
            if is_last and consumer.is_joined and self._ended.issuperset(self._places()):
                return True
            read = consumer.read(min(room, _AT_ONCE), _WAIT_S)
            self._hold(read)
            if read.failed:
                consumer.go_to(self._places())
                partition, code = next(iter(read.failed.items()))
                said = f"[{self._topic.name}]: kafka: partition {partition}: {code}: nothing is left out of it"
                self._failed = Unavailable(said)
                return True
            is_dry, now = not read.messages, self._timer()
            if self._out_of_range:
                break
            if is_last:
                moved = now if read.messages or read.ended else moved
                if now - max(began, moved) >= JOIN_S:
                    what = "an end of each partition, or a message," if consumer.is_joined else "partitions"
                    raise Unavailable(f"[{self._topic.name}]: kafka: no sign of {what} in {JOIN_S:.0f} s")
            elif is_dry or now - began >= TURN_S or self._holding.is_due(now):
                break
        return is_dry and not self._out_of_range

    def _hold(self, read: Read) -> None:
        if read.messages and self._figures.oldest_ns is None:
            self._figures.oldest_ns = max(0, read.messages[0].time_ms) * 1_000_000
        now = self._timer()
        self._silent.heard({message.partition for message in read.messages} | read.ended)
        for message in read.messages:
            self._holding.take(message.partition, message.offset, message.value, now)
        self._ended |= read.ended
        self._out_of_range |= read.out_of_range & self._places().keys()

    def _note_waiting(self, consumer: TopicConsumer) -> None:
        """How far the log is behind the brokers."""
        partitions = self._holding.partitions
        ends, logged = consumer.ends(partitions), self._ends()
        lag = sum(max(0, ends[partition] - logged.get(partition, 0)) for partition in partitions if partition in ends)
        self._figures.lag = coarse(lag)
        if not self._holding.count:
            self._figures.oldest_ns = None

    def _ingest(self, consumer: TopicConsumer) -> None:
        topic, holding, size_bytes = self._topic, self._holding, self._holding.size_bytes
        self._verify_room(size_bytes)
        self._verify_cluster(consumer)
        ranges = holding.ranges()
        missed = sum(one.missed for one in ranges)

        def on_logging(batch: BatchId, files: Sequence[FileCount]) -> None:
            day = self._vault.outside.clock().date()
            sums = _sums(files, missed)
            self._books.expect(Delivery(folder=topic.name, day=day, taken={}, sums=sums), batch)

        summary = run_ingest(
            self._vault,
            topic.feed_file.feed,
            (),
            on_progress=lambda **_: None,
            on_rejects=lambda _name, _rejects: None,
            workers=self._workers,
            held_rows=self._held_rows,
            on_logging=on_logging,
            messages=self._messages(ranges),
        )
        self._books.settle()
        holding.clear()
        consumer.tell({one.partition: one.end for one in ranges})
        figures, sums = self._figures, _sums(summary.files, missed)
        figures.sums += sums
        self._note_missed()
        figures.size_bytes += size_bytes
        figures.last_batch, figures.oldest_ns = self._vault.outside.clock(), None
        self._note_waiting(consumer)
        for event in events_of_messages(topic.name, sums, summary):
            self._tell(event)

    def _messages(self, ranges: Sequence[Range]) -> Messages:
        feed = self._topic.feed_file.feed
        lines, rejected = self._holding.lines(Quoting.of(feed.mapping.text) if feed.format == "csv" else None)
        return Messages(
            name=f"[{self._topic.name}]",
            lines=lines,
            header=self._topic.settings.header,
            offsets=_marked(ranges, self._key),
            rejected=rejected,
            is_first=not self._ends(),
        )

    def _verify_room(self, size_bytes: int) -> None:
        free, needed = self._vault.disk.room(self._vault.path)[1], RESERVE_BYTES + 2 * size_bytes
        if free < needed:
            raise Unavailable(
                f"[{self._topic.name}]: the vault's disk has {free:,} free bytes, {needed:,} needed for the next batch"
            )


def _marked(ranges: Sequence[Range], key: TopicKey) -> TopicOffsets:
    """What is taken, as the log says it."""
    return TopicOffsets(
        topic=key.id,
        partitions=tuple(
            Offsets(
                partition=one.partition,
                after=key.mark(one.partition, one.after) if one.after else None,
                start=key.mark(one.partition, one.start),
                end=key.mark(one.partition, one.end),
            )
            for one in ranges
        ),
    )


def _sums(files: Sequence[FileCount], missed: int) -> Sums:
    """What a batch adds to a day; it has no files."""
    return replace(sums_of(files, has_batch=True), files=0, missed=missed)
