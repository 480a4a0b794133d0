"""Brokers on loopback: the mock cluster that comes in librdkafka, driven through its own C functions.

with Brokers.serve() as brokers:
    brokers.send("cdr", 0, b"a line", b"another")
    brokers.delete("cdr", 0, before=1)

It speaks the protocol, in another thread of this process. ``docs/formats/topics.md`` says what it does not show.
"""

import ctypes
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import confluent_kafka
from confluent_kafka import Consumer, Producer, TopicPartition

from coffer.procedures.watch.settings import parse_settings
from coffer.procedures.watch.topics.watching import WatchingTopic, watching_topic

_PRODUCER, _INT64_AT = 0, 8
_GROUP_WAIT_MS = 50
FEED = """
[feed]
name = "calls"
format = "jsonl"
home_country = "FR"
time_zone = "UTC"
kind = "call"
[jsonl]
date_format = "%Y-%m-%d %H:%M:%S"
[columns]
a = "a"
b = "b"
start = "start"
duration_s = "seconds"
"""
QUICK = "heartbeat.interval.ms=100\nfetch.wait.max.ms=10\nfetch.error.backoff.ms=10\nsession.timeout.ms=3000\n"
"""The mock cluster lets a rebalance take a second less than a session, whoever is there."""


def record(n: int, day: str = "2016-09-01") -> dict[str, str | int]:
    """A call, another for each number."""
    at = f"{day} 10:{n // 60 % 60:02d}:{n % 60:02d}"
    return {"a": f"+3361234{n:04d}", "b": "+33698765432", "start": at, "seconds": n + 1}


def message(n: int, day: str = "2016-09-01") -> bytes:
    """It as a message."""
    return json.dumps(record(n, day)).encode()


def write_settings(folder: Path, address: str, topic: str, text: str = "", *, feed: str = FEED) -> None:
    """Feed, properties and settings of a watch of one topic; ``text``: more lines of its table."""
    (folder / "feed.toml").write_text(feed)
    properties = folder / "kafka.properties"
    properties.write_text(f"bootstrap.servers={address}\n{QUICK}")
    properties.chmod(0o600)
    table = f'[switch]\nfeed = "feed.toml"\ntopic = "{topic}"\nkafka = "kafka.properties"\n{text}\n'
    (folder / "watch.toml").write_text(f'format = "coffer.watch/v1"\n{table}')


def topics_of(folder: Path, group: str = "") -> list[WatchingTopic]:
    """What ``coffer watch`` watches by these settings."""
    text = (folder / "watch.toml").read_text() + (f'group = "{group}"\n' if group else "")
    return [watching_topic(one, folder) for one in parse_settings(text.encode(), "watch.toml")]


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
    producer: Producer

    @classmethod
    @contextmanager
    def serve(cls, brokers: int = 1) -> Iterator["Brokers"]:
        library, said = _library(), ctypes.create_string_buffer(512)
        handle = library.rd_kafka_new(_PRODUCER, ctypes.c_void_p(library.rd_kafka_conf_new()), said, 512)
        assert handle, said.value
        handle = ctypes.c_void_p(handle)
        cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(handle, brokers))
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, _GROUP_WAIT_MS)
        try:
            address = library.rd_kafka_mock_cluster_bootstraps(cluster).decode()
            yield cls(
                library, cluster, address, Producer({"bootstrap.servers": address, "linger.ms": 0, "log_level": 0})
            )
        finally:
            library.rd_kafka_mock_cluster_destroy(cluster)
            library.rd_kafka_destroy(handle)

    def topic(self, name: str, partitions: int) -> None:
        """A new topic."""
        assert not self.library.rd_kafka_mock_topic_create(self.cluster, name.encode(), partitions, 1)

    def send(self, topic: str, partition: int, *values: bytes | None) -> None:
        """Messages, in order."""
        for value in values:
            self.producer.produce(topic, value, partition=partition)
        assert self.producer.flush(10) == 0

    @property
    def name(self) -> str:
        """What the cluster calls itself."""
        return str(self.producer.list_topics(timeout=10).cluster_id)

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

    def lead(self, topic: str, partition: int, broker: int) -> None:
        """Have this broker lead a partition."""
        self.library.rd_kafka_mock_partition_set_leader(self.cluster, topic.encode(), partition, broker)

    def coordinate(self, group: str, broker: int) -> None:
        """Have this broker coordinate a group."""
        self.library.rd_kafka_mock_coordinator_set(self.cluster, b"group", group.encode(), broker)

    def stop(self, broker: int = 1) -> None:
        """No connection is taken any more, and those that are there end."""
        self.library.rd_kafka_mock_broker_set_down(self.cluster, broker)

    def go_on(self, broker: int = 1) -> None:
        """The inverse of ``stop``."""
        self.library.rd_kafka_mock_broker_set_up(self.cluster, broker)
