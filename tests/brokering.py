"""Brokers on loopback: the mock cluster that comes in librdkafka, driven through its own C functions.

with Brokers.serve() as brokers:
    brokers.send("cdr", 0, b"a line", b"another")
    brokers.delete("cdr", 0, before=1)

It speaks the protocol, in another thread of this process. ``docs/formats/topics.md`` says what it does not show.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import confluent_kafka
from confluent_kafka import Consumer, Producer, TopicPartition

_PRODUCER, _INT64_AT = 0, 8
_GROUP_WAIT_MS = 50


def _library() -> Any:
    folder = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    (path,) = folder.glob("librdkafka-*.so*")
    library = ctypes.CDLL(str(path))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    return library


@dataclass
class Brokers:
    """A cluster of one broker. ``address``: where it is reached."""

    library: Any
    cluster: ctypes.c_void_p
    address: str

    @classmethod
    @contextmanager
    def serve(cls) -> Iterator["Brokers"]:
        library, said = _library(), ctypes.create_string_buffer(512)
        handle = library.rd_kafka_new(_PRODUCER, ctypes.c_void_p(library.rd_kafka_conf_new()), said, 512)
        assert handle, said.value
        handle = ctypes.c_void_p(handle)
        cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(handle, 1))
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, _GROUP_WAIT_MS)
        try:
            yield cls(library, cluster, library.rd_kafka_mock_cluster_bootstraps(cluster).decode())
        finally:
            library.rd_kafka_mock_cluster_destroy(cluster)
            library.rd_kafka_destroy(handle)

    def topic(self, name: str, partitions: int) -> None:
        """A new topic."""
        assert not self.library.rd_kafka_mock_topic_create(self.cluster, name.encode(), partitions, 1)

    def send(self, topic: str, partition: int, *values: bytes | None) -> None:
        """Messages, in order."""
        producer = Producer({"bootstrap.servers": self.address, "linger.ms": 0})
        for value in values:
            producer.produce(topic, value, partition=partition)
        assert producer.flush(10) == 0

    @property
    def name(self) -> str:
        """What the cluster calls itself."""
        return str(Producer({"bootstrap.servers": self.address}).list_topics(timeout=10).cluster_id)

    def delete(self, topic: str, partition: int, *, before: int) -> None:
        """Delete what is before an offset, as retention does."""
        place = ctypes.c_int64(before)
        self.library.rd_kafka_mock_partition_delete_records(self.cluster, topic.encode(), partition, place)

    def remembered(self, group: str, topic: str, partition: int) -> int:
        """What the brokers remember of a group."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": group})
        (place,) = consumer.committed([TopicPartition(topic, partition)], timeout=10)
        consumer.close()
        return int(place.offset)

    def stop(self) -> None:
        """No connection is taken any more, and those that are there end."""
        self.library.rd_kafka_mock_broker_set_down(self.cluster, 1)

    def go_on(self) -> None:
        """The inverse of ``stop``."""
        self.library.rd_kafka_mock_broker_set_up(self.cluster, 1)
