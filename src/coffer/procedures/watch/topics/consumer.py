"""A consumer of one topic. This is I/O: it decides nothing, and knows the client's library alone.

Where each partition is begun, its listener says; what the brokers remember of it is never asked. Errors are told by the
client's own names for them, because its texts may name people's machines and accounts.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from coffer.errors import MalformedInput, Unavailable
from coffer.extras import extra
from coffer.procedures.watch.topics.settings import WatchedTopic

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

ANSWER_S: Final = 10.0
"""For one question to the brokers. A turn of the watch waits no longer, because other tables wait for it."""
_QUEUE_KB: Final = 16_384
"""What the client fetches ahead. Beyond it it stops fetching, so that a busy topic fills no memory while a batch is sealed."""
_CHECKS: Final = True
"""Whether checksums are verified: a damaged message must be read again, and never pass for a record or for none."""
_LOST: Final = ("_ALL_BROKERS_DOWN", "_AUTHENTICATION", "_SSL", "_RESOLVE")
_MEANING: Final = {
    "_TRANSPORT": "no connection, or it was closed at once: is it the right port, and does it speak TLS?",
    "_ALL_BROKERS_DOWN": "no broker can be reached",
    "_TIMED_OUT": "no answer in time",
    "_AUTHENTICATION": "the account or its password is refused",
    "_SSL": "TLS failed: is ssl.ca.location the authority of the brokers?",
    "_RESOLVE": "a host name is not known",
    "TOPIC_AUTHORIZATION_FAILED": "this account may not read the topic",
    "GROUP_AUTHORIZATION_FAILED": "this account may not read the group",
    "UNKNOWN_TOPIC_OR_PART": "there is no such topic",
}
"""In words for people, of the client's own names for errors."""
_LOG: Final = logging.getLogger("coffer.kafka")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False
_HINT: Final = "is bootstrap.servers right, and may this account read the topic and the group?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A message: ``value`` is None of a tombstone."""

    partition: int
    offset: int
    value: bytes | None = field(repr=False)
    time_ms: int


@dataclass(slots=True)
class Read:
    """What one look gave.

    ``ended``: partitions of which there is no more now. ``out_of_range``: those whose place is none. ``failed``: those of
    which something could not be read, and why; the client goes on behind it, so that what it gave after is left out.
    """

    messages: list[Taken] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)
    out_of_range: set[int] = field(default_factory=set)
    failed: dict[int, str] = field(default_factory=dict)


class Listener(Protocol):
    """Is told, within ``read`` and ``close``, which partitions are this consumer's."""

    def begin(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """These are read from now on; where each begins."""
        ...

    def leave(self, partitions: Sequence[int]) -> None:
        """These are read no more, and another may read them already."""
        ...


class TopicConsumer:
    """One member of a group of consumers. Used by one thread."""

    def __init__(self, topic: WatchedTopic, properties: Mapping[str, str], listener: Listener) -> None:
        with extra("kafka"):
            import confluent_kafka as kafka  # noqa: PLC0415 - needs the extra kafka
        self._kafka = kafka
        self._topic = topic
        self._listener = listener
        self._trouble = ""
        self._is_joined = False
        self._is_broken = False
        self._was_cut_off = False
        self._last_lost = ""
        own = {
            "group.id": topic.group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",  # a place that is none is told, not replaced by another
            "isolation.level": "read_committed",
            "partition.assignment.strategy": "range,roundrobin",  # eager: nothing is read while partitions move
            "enable.partition.eof": True,
            "check.crcs": _CHECKS,
            "queued.max.messages.kbytes": _QUEUE_KB,
            "log_level": 2,
        }
        try:
            self._consumer = kafka.Consumer({**properties, **own, "error_cb": self._note_lost, "logger": _LOG})
            self._consumer.subscribe([topic.topic], on_assign=self._assigned, on_revoke=self._revoked)
        except (kafka.KafkaException, ValueError, TypeError) as error:
            raise MalformedInput(f"[{topic.name}]: kafka: {_refused(properties, str(error))}") from None

    @property
    def is_joined(self) -> bool:
        """Whether the group gave this consumer partitions, or none of them."""
        return self._is_joined

    @property
    def is_broken(self) -> bool:
        """Whether its listener failed to say where to begin: it reads nothing more, and is to be made anew."""
        return self._is_broken

    @property
    def was_cut_off(self) -> bool:
        """Whether a broker was lost since ``cluster`` was asked.

        Those that answer now may be another cluster's.
        """
        return self._was_cut_off

    def cluster(self) -> str:
        """What the cluster calls itself now, which has the topic.

        Raises:
            Unavailable: no broker answers, or there is no such topic.
        """
        self._was_cut_off = False  # first: a broker that is lost meanwhile counts
        try:
            with self._answering("the brokers"):
                metadata = self._consumer.list_topics(self._topic.topic, timeout=ANSWER_S)
        except Unavailable:
            self._was_cut_off = True  # asked again until one answers: silence alone is no good news
            raise
        self._last_lost = ""
        topic = metadata.topics.get(self._topic.topic)
        if topic is None or topic.error is not None:
            raise self._unavailable("the topic", None if topic is None else topic.error)
        if not metadata.cluster_id:
            raise Unavailable(
                f"[{self._topic.name}]: kafka: the cluster has no id, expected brokers of 0.10.1 or later"
            )
        return str(metadata.cluster_id)

    def read(self, count: int, wait_s: float) -> Read:
        """At most ``count`` messages, and what else there is to know.

        Raises:
            Unavailable: brokers say no, or none can be reached and none gave a message.
        """
        with self._answering("reading"):
            given = self._consumer.consume(count, wait_s)
        read = Read()
        for message in given:
            self._take(message, read)
        if read.messages:
            self._trouble = ""
        elif self._trouble:
            code, self._trouble = self._trouble, ""
            words = f" ({_MEANING[code]})" if code in _MEANING else ""
            raise Unavailable(f"[{self._topic.name}]: kafka: {code}{words}", hint=_HINT)
        return read

    def go_to(self, places: Mapping[int, int]) -> None:
        """Read all partitions from these places; what was fetched ahead is dropped.

        They are assigned anew, because a partition whose place was none takes no other one by seeking.
        """
        with self._answering("going to another place"):
            self._consumer.assign([self._place(partition, offset) for partition, offset in places.items()])

    def bounds(self, partition: int) -> tuple[int, int]:
        """The first offset that the brokers still have, and the next that they will give."""
        with self._answering("offsets"):
            low, high = self._consumer.get_watermark_offsets(self._place(partition), timeout=ANSWER_S)
        return low, high

    def ends(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """The next offset that the brokers will give of each, as far as the last fetch told it."""
        highs: dict[int, int] = {}
        for partition in partitions:
            with suppress(self._kafka.KafkaException):
                _, high = self._consumer.get_watermark_offsets(self._place(partition), cached=True)
                if high >= 0:
                    highs[partition] = high
        return highs

    def tell(self, ends: Mapping[int, int]) -> None:
        """Tell the brokers what is taken, for tools that show it. Nothing rests on it, so it may fail."""
        with suppress(self._kafka.KafkaException):
            places = [self._place(partition, end) for partition, end in ends.items()]
            self._consumer.commit(offsets=places, asynchronous=True)

    def close(self) -> None:
        """Leave the group, so that others get the partitions at once."""
        with suppress(self._kafka.KafkaException, RuntimeError):
            self._consumer.close()

    def _take(self, message: "Message", read: Read) -> None:
        error, partition = message.error(), message.partition()
        if error is None:
            assert partition is not None, "a message has its place"
            if partition in read.failed:
                return
            offset, value = message.offset(), message.value()
            assert offset is not None, "a message has its place"
            taken = Taken(partition=partition, offset=offset, value=_bytes(value), time_ms=message.timestamp()[1])
            read.messages.append(taken)
            read.ended.discard(partition)
            return
        code = error.code()
        if code == self._kafka.KafkaError._PARTITION_EOF and partition is not None:  # noqa: SLF001 - the client's own name
            read.ended.add(partition)
        elif code == self._kafka.KafkaError._AUTO_OFFSET_RESET and partition is not None:  # noqa: SLF001 - same
            read.out_of_range.add(partition)
        elif code == self._kafka.KafkaError._MAX_POLL_EXCEEDED:  # noqa: SLF001 - same
            pass  # of no partition: the group took them all, and the client joins again
        elif partition is not None and partition >= 0:
            read.failed.setdefault(partition, error.name())
        elif not error.retriable():
            self._trouble = error.name()

    def _note_lost(self, error: "KafkaError") -> None:
        """Remember that a broker was lost, and that none can be reached.

        That one is gone the client mends itself.
        """
        self._was_cut_off, self._last_lost = True, error.name()
        if error.fatal() or error.name() in _LOST:
            self._trouble = error.name()

    def _assigned(self, consumer: object, partitions: "Sequence[TopicPartition]") -> None:
        del consumer
        self._is_broken = True  # should the next line fail, the client asks no second time
        self.go_to(self._listener.begin([one.partition for one in partitions]))
        self._is_broken, self._is_joined = False, True

    def _revoked(self, consumer: object, partitions: "Sequence[TopicPartition]") -> None:
        del consumer
        self._is_joined = False
        self._listener.leave([one.partition for one in partitions])

    def _place(self, partition: int, offset: int | None = None) -> "TopicPartition":
        if offset is None:
            return self._kafka.TopicPartition(self._topic.topic, partition)
        return self._kafka.TopicPartition(self._topic.topic, partition, offset)

    @contextmanager
    def _answering(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._kafka.KafkaException as error:
            raise self._unavailable(what, _cause(error)) from None

    def _unavailable(self, what: str, error: "KafkaError | None") -> Unavailable:
        name = error.name() if error is not None else "missing"
        if name in {"_TRANSPORT", "_TIMED_OUT", "_ALL_BROKERS_DOWN"} and self._last_lost in _MEANING:
            name = self._last_lost  # what the client met on the way says more than that it got no answer
        words = f" ({_MEANING[name]})" if name in _MEANING else ""
        return Unavailable(f"[{self._topic.name}]: kafka: {what}: {name}{words}", hint=_HINT)


def _refused(properties: Mapping[str, str], said: str) -> str:
    """Which property the client does not take, as far as its words tell.

    They may hold the value, and are not shown.
    """
    named = next((name for name in properties if name in said), "")
    if not named and "sasl" in said.lower():
        named = next((name for name in ("sasl.mechanism", "sasl.mechanisms") if name in properties), "")
        if not named:
            return "sasl.mechanism: missing, expected for example SCRAM-SHA-512"
    if named.endswith(".location") and not Path(properties[named]).exists():
        return f"{named}: no such file"
    return f"{named or 'a property'}: refused by the client"


def _cause(error: "KafkaException") -> "KafkaError | None":
    return error.args[0] if error.args and hasattr(error.args[0], "name") else None


def _bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
