"""A topic at work, the shell: gathers messages, has them ingested, and goes on behind them.

Where a partition is read from, the log alone says: it is asked when partitions are given to this consumer and before each
look. So it does not matter what the brokers remember, or where this process was killed. A batch that another watch was
faster to log is dropped, and read anew from where the log then ends.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from coffer.errors import MalformedInput, Unavailable
from coffer.ledger.entries import MAX_PARTITIONS, BatchId, Offsets, TopicOffsets
from coffer.procedures.ingest.decide import FileCount
from coffer.procedures.ingest.messages import Messages, verify_readable
from coffer.procedures.ingest.run import run_ingest
from coffer.procedures.ingest.sealer import HELD_ROWS
from coffer.procedures.watch.books import Books
from coffer.procedures.watch.decide import RESERVE_BYTES
from coffer.procedures.watch.figures import Event, Figures, coarse
from coffer.procedures.watch.look import FeedFile, read_feed
from coffer.procedures.watch.reconcile import sums_of
from coffer.procedures.watch.saying import events_of_messages
from coffer.procedures.watch.topics.consumer import Read, TopicConsumer
from coffer.procedures.watch.topics.holding import Holding, Range
from coffer.procedures.watch.topics.settings import WatchedTopic, parse_properties
from coffer.records.readers.text.quoting import Quoting
from coffer.vault.folder import Vault
from coffer.vault.watched import Delivery, Sums, TopicKey

TURN_S: Final = 1.0
"""A turn gathers no longer, so that other tables have theirs."""
JOIN_S: Final = 60.0
"""How long a run that ends waits for its partitions: others must finish their batches before they give any away."""
_WAIT_S: Final = 0.2
_AT_ONCE: Final = 1_000
"""Messages of one look: enough that the client's own cost is small, and few enough to notice soon that it is to stop."""
_OTHERS_READ: Final = 0o007


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchingTopic:
    """A watched topic with its feed, and how the brokers are reached. ``base``: the settings' folder."""

    settings: WatchedTopic
    base: Path
    feed_file: FeedFile
    properties: Mapping[str, str] = field(repr=False)

    @property
    def name(self) -> str:
        """The name of its table."""
        return self.settings.name


def watching_topic(settings: WatchedTopic, base: Path) -> WatchingTopic:
    """The topic that the settings name. Paths are relative to ``base``.

    Raises:
        MalformedInput: the feed cannot read messages, or the file of properties is missing, open to all, or none.
    """
    feed_file = read_feed(settings.name, base / settings.feed)
    verify_readable(feed_file.feed, settings.header, f"[{settings.name}]")
    return WatchingTopic(
        settings=settings, base=base, feed_file=feed_file, properties=_properties(settings, base / settings.kafka)
    )


def _properties(settings: WatchedTopic, path: Path) -> Mapping[str, str]:
    place = f"[{settings.name}]: kafka: {path.name}"
    try:
        if path.stat().st_mode & _OTHERS_READ:
            raise MalformedInput(f"{place}: open to every user, expected none but its own", hint=f"chmod 600 {path}")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MalformedInput(f"{place}: no such file", hint="paths are relative to the settings' folder") from None
    except UnicodeDecodeError:
        raise MalformedInput(f"{place}: not UTF-8") from None
    except OSError as error:
        raise Unavailable(f"{place}: {error.strerror}") from error
    return parse_properties(text, place)


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
        self._ended: set[int] = set()
        self._out_of_range: set[int] = set()
        self._has_begun = False
        self._failed: Unavailable | None = None

    def work(self, *, is_last: bool, is_stopping: Callable[[], bool]) -> bool:
        """Gather for a moment, and have the batch ingested if it is due; whether there may be more at once.

        ``is_last``: gather until every partition's end was seen, and leave nothing.

        Raises:
            MalformedInput: the feed cannot read the messages.
            Unavailable: brokers do not answer or say no, another watch was faster, or as ``run_ingest``.
        """
        if not self._topic.feed_file.is_as_read:
            self._topic = watching_topic(self._topic.settings, self._topic.base)
        consumer = self._opened()
        self._tell_beginning()
        self._align(consumer)
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
        return bool(self._out_of_range) or (not is_dry and not is_last)

    def begin(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """As ``Listener``: each partition begins where the log ends."""
        if len(partitions) > MAX_PARTITIONS:
            raise Unavailable(
                f"[{self._topic.name}]: {len(partitions)} partitions, expected at most {MAX_PARTITIONS} for one watch",
                hint="run the same table on more machines: the brokers share the partitions among them",
            )
        ends = self._ends()
        self._holding.leave(self._holding.partitions)
        self._ended, self._out_of_range = set(), set()
        for partition in partitions:
            self._holding.begin(partition, ends.get(partition, 0))
        return {partition: ends.get(partition, 0) for partition in partitions}

    def leave(self, partitions: Sequence[int]) -> None:
        """As ``Listener``: what is held of them another will read."""
        self._holding.leave(partitions)

    def close(self) -> None:
        """Leave the group; what is held is read again by whoever comes next."""
        if self._consumer is not None:
            self._consumer.close()

    def _opened(self) -> TopicConsumer:
        if self._consumer is not None and self._consumer.is_broken:
            self._consumer.close()
            self._consumer = None
        if self._consumer is None:
            self._consumer = TopicConsumer(self._topic.settings, self._topic.properties, self)
        if not self._cluster:
            self._cluster = self._consumer.cluster()
        return self._consumer

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
        if not self._has_begun and not self._ends():
            message = "the log has nothing of this topic yet: it is read from its first message"
            self._tell(Event(kind="begins", folder=self._topic.name, message=message))
        self._has_begun = True

    def _align(self, consumer: TopicConsumer) -> None:
        """Go back, or on, to where the log ends if that is elsewhere than was thought."""
        ends, holding = self._ends(), self._holding
        back = {partition: ends.get(partition, 0) for partition in holding.stale(ends)}
        stuck = [partition for partition in sorted(self._out_of_range - back.keys()) if holding.is_empty(partition)]
        on = {partition: self._first_in_range(consumer, partition) for partition in stuck}
        if not back and not on:
            return
        # First: were it to fail, what comes must not pass for what is next.
        consumer.go_to({one: holding.place(one) for one in holding.partitions} | back | on)
        for partition, after in back.items():
            holding.begin(partition, after)
        for partition, start in on.items():
            holding.begin_behind(partition, start)
        self._ended -= back.keys() | on.keys()
        self._out_of_range -= back.keys() | on.keys()

    def _first_in_range(self, consumer: TopicConsumer, partition: int) -> int:
        """Where to read a partition whose place is none: its first offset, because those before were deleted.

        Raises:
            Unavailable: the log ends behind the partition's end, so that this is another topic, or one that was cut.
        """
        place, (low, high) = self._holding.place(partition), consumer.bounds(partition)
        if place > high:
            raise Unavailable(
                f"[{self._topic.name}]: partition {partition}: ends at offset {high}, expected at least {place}",
                hint="was the topic made anew? Then set generation one higher; else the brokers lost what they had given",
            )
        return max(place, low)

    def _gather(self, consumer: TopicConsumer, *, is_last: bool, is_stopping: Callable[[], bool]) -> bool:
        """Hold what comes; whether nothing more was there."""
        began, is_dry = self._timer(), False
        while (room := self._holding.room) and not is_stopping():
            if is_last and consumer.is_joined and self._ended.issuperset(self._holding.partitions):
                return True
            read = consumer.read(min(room, _AT_ONCE), _WAIT_S)
            self._hold(read)
            if read.failed:
                consumer.go_to({one: self._holding.place(one) for one in self._holding.partitions})
                partition, code = next(iter(read.failed.items()))
                said = f"[{self._topic.name}]: kafka: partition {partition}: {code}: nothing is left out of it"
                self._failed = Unavailable(said)
                return True
            is_dry, now = not read.messages, self._timer()
            if self._out_of_range:
                break
            if is_last:
                if not consumer.is_joined and now - began >= JOIN_S:
                    raise Unavailable(f"[{self._topic.name}]: kafka: no partitions in {JOIN_S:.0f} s")
            elif is_dry or now - began >= TURN_S or self._holding.is_due(now):
                break
        return is_dry and not self._out_of_range

    def _hold(self, read: Read) -> None:
        if read.messages and self._figures.oldest_ns is None:
            self._figures.oldest_ns = max(0, read.messages[0].time_ms) * 1_000_000
        now = self._timer()
        for message in read.messages:
            self._holding.take(message.partition, message.offset, message.value, now)
        self._ended |= read.ended
        self._out_of_range |= read.out_of_range & set(self._holding.partitions)

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
        figures.size_bytes += size_bytes
        figures.last_batch, figures.oldest_ns = self._vault.outside.clock(), None
        self._note_waiting(consumer)
        for event in events_of_messages(topic.name, sums, ranges, summary):
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
