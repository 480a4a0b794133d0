"""What ``watch.toml`` says of a topic, and the file that says how the brokers are reached. Pure.

Implements ``docs/formats/topics.md``, "Settings".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from coffer.errors import MalformedInput
from coffer.toml import Table

MAX_MESSAGES: Final = 1_000_000
"""Messages of one batch. Each is an object of some 100 bytes beside its value while it is gathered."""
MAX_BYTES: Final = 2**28
MAX_SECONDS: Final = 86_400
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_PROPERTY: Final = re.compile(
    r"bootstrap\.servers|security\.protocol|enable\.ssl\.certificate\.verification"
    r"|client\.(?:id|rack|dns\.lookup)|group\.instance\.id|session\.timeout\.ms|heartbeat\.interval\.ms"
    r"|max\.poll\.interval\.ms|https\.ca\.location"
    r"|ssl\.(?:ca|certificate|key|keystore|crl|cipher|curves|sigalgs|endpoint)\.[a-z.]+"
    r"|sasl\.(?:mechanisms?|username|password|oauthbearer\.[a-z.]+)|(?:socket|broker|reconnect|retry|fetch|metadata|topic\.metadata|connections)\.[a-z.]+"
)
"""Properties of librdkafka that an operator may set. All others Coffer sets itself, or leaves at their defaults.

None loads a library or starts a command, as ssl.engine, ssl.providers and sasl.kerberos would.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedTopic:
    """What the settings say of one topic.

    ``name``: of its table. ``feed``, ``kafka``: paths as they were written, relative to the settings' folder. ``group``:
    of consumers, among which the brokers share the partitions. ``header``: the line that names the columns of CSV; empty
    of JSON lines. ``generation``: counts the topics that had this name. ``batch_s``: how long a message waits for others.
    """

    name: str
    feed: str
    topic: str
    kafka: str
    group: str
    header: str
    generation: int
    batch_messages: int
    batch_bytes: int
    batch_s: int


def is_topic(table: Table) -> bool:
    """Whether a table of the settings is of a topic, and not of a folder."""
    return "topic" in table.values


def parse_topic(name: str, table: Table) -> WatchedTopic:
    """A table of the settings.

    Raises:
        MalformedInput: it is not written as ``docs/formats/topics.md`` says.
    """
    topic = WatchedTopic(
        name=name,
        feed=table.text("feed"),
        topic=table.text("topic"),
        kafka=table.text("kafka"),
        group=table.text("group", f"coffer-{name}"),
        header=table.text("header", ""),
        generation=table.number("generation", 1, 2**31 - 1, 1),
        batch_messages=table.number("batch_messages", 1, MAX_MESSAGES, 100_000),
        batch_bytes=table.number("batch_bytes", 1, MAX_BYTES, 2**24),
        batch_s=table.number("batch_seconds", 1, MAX_SECONDS, 60),
    )
    table.end()
    if not _TOPIC.fullmatch(topic.topic):
        raise MalformedInput(f"{table.place}: topic: expected 1 to 249 of A-Z, a-z, 0-9 and . _ -")
    for key in ("feed", "kafka", "group"):
        if not getattr(topic, key):
            raise MalformedInput(f"{table.place}: {key}: is empty")
    if "\n" in topic.header or not topic.header.isprintable():
        raise MalformedInput(f"{table.place}: header: expected one line of CSV")
    return topic


def verify_distinct(topics: Sequence[WatchedTopic], place: str) -> None:
    """Prove that no two tables read one topic by one feed, since both would take the same offsets."""
    seen: dict[tuple[str, str, str, int], str] = {}
    for one in topics:
        other = seen.setdefault((one.feed, one.kafka, one.topic, one.generation), one.name)
        if other != one.name:
            raise MalformedInput(
                f"{place}: [{one.name}]: the topic and feed of [{other}]",
                hint="run the same table on several machines: the brokers share the partitions among them",
            )


def parse_properties(text: str, place: str) -> Mapping[str, str]:
    """Properties of librdkafka, ``NAME=VALUE`` a line.

    A message never repeats a value, since it may be a secret.

    Raises:
        MalformedInput: a line is none, or sets what may not be set; ``bootstrap.servers`` is missing.
    """
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        where = f"{place}: line {number}"
        if not equals or not value:
            raise MalformedInput(f"{where}: expected NAME=VALUE")
        if not _PROPERTY.fullmatch(name):
            raise MalformedInput(
                f"{where}: a property that is not set here",
                hint="properties say how brokers are reached, such as bootstrap.servers, sasl. and ssl.; where to begin the log says",
            )
        if name in values:
            raise MalformedInput(f"{where}: a property that stands twice")
        values[name] = value
    if "bootstrap.servers" not in values:
        raise MalformedInput(f"{place}: bootstrap.servers: missing")
    return values
