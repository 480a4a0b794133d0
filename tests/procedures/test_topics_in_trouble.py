"""A topic of which something goes wrong while it is watched: it is told, nothing else waits, and nothing is taken wrong.

The brokers are librdkafka's mock cluster (``brokering``).
"""

# ruff: noqa: F811 - fixtures of another file

import socket
import threading
import time
from contextlib import suppress

import pytest

from brokering import Brokers, message
from coffer.cli.main import run
from coffer.errors import MalformedInput, Unavailable
from coffer.procedures.watch.topics.adrift import Adrift
from coffer.procedures.watch.topics.consumer import Read, TopicConsumer
from coffer.serving.figures import format_figures
from coffer.vault.watched import WatchKey
from procedures.test_topics import Topic, cluster, messages, quick, topic, watched  # noqa: F401 - fixtures


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr("coffer.procedures.watch.decide.RETRY_S", (0.1,))


class Door:
    """An address before brokers, such as a load balancer's: it leads to whichever cluster is ``target``."""

    def __init__(self, target):
        self.target, self.held = target, []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self):
        with suppress(OSError):
            while True:
                inside, _ = self.listening.accept()
                host, port = self.target.split(":")
                outside = socket.create_connection((host, int(port)), timeout=2)
                self.held += [inside, outside]
                for one, other in ((inside, outside), (outside, inside)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one, other):
        with suppress(OSError):
            while data := one.recv(65_536):
                other.sendall(data)
        self._cut(other)

    @staticmethod
    def _cut(one):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)

    def lead_to(self, target):
        """From now on to another cluster; connections that are there end."""
        self.target = target
        for one in self.held:
            self._cut(one)

    def close(self):
        self.listening.close()
        self.lead_to(self.target)


class Going:
    """A watch in a thread of its own, for as long as a test needs it."""

    def __init__(self, watched, **options):
        self.watched = watched
        self.watcher = watched.watcher(**options)
        self.thread = threading.Thread(
            target=self.watcher.run, kwargs={"is_once": False, "wait": lambda _s: time.sleep(0.02), "every_s": 0.02}
        )

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.watcher.stop()
        self.thread.join(30)
        assert not self.thread.is_alive()

    def until(self, is_so, what):
        limit = time.monotonic() + 20
        while not is_so():
            assert time.monotonic() < limit, (what, self.watched.told)
            time.sleep(0.02)


def test_brokers_of_another_cluster_behind_the_same_address_are_read_as_another_topic(world):
    """Their offsets go on where those of the first do not: neither is taken for the other, and none is left out."""
    with Brokers.serve() as first, Brokers.serve() as second:
        for brokers in (first, second):
            brokers.topic("cdr", 1)
        first.send("cdr", 0, *messages(*range(4)))
        second.send("cdr", 0, *messages(*range(10, 17)))
        door = Door(first.address)
        watched = Topic(world, first, "cdr", "batch_seconds = 1\nbatch_messages = 4")
        watched.clusters.append(second.name)
        watched.kafka.write_text(
            watched.kafka.read_text().replace(first.address, door.address)
            + "reconnect.backoff.ms=10\nreconnect.backoff.max.ms=50\n"
        )
        with Going(watched, group="one") as going:
            going.until(watched.taken, "the first cluster's")
            door.lead_to(second.address)
            first.stop()
            going.until(lambda: watched.total() >= 11, "the second's")
        door.close()
    assert watched.total() == 11
    assert [one for batch in watched.taken() for one in batch] == [(0, 0, 0, 4), (0, 0, 0, 4), (0, 4, 4, 7)]
    assert [kind for kind, _ in watched.told].count("begins") == 2
    assert any("brokers of another cluster answer" in said for kind, said in watched.told if kind == "trouble")


def test_a_batch_is_logged_only_for_the_cluster_that_is_there_then(watched, monkeypatch):
    """The client goes on at the place that it had, as if nothing were: the question before the batch shows it."""
    watched.send(0, *messages(1, 2))
    own, asked = watched.brokers.name, []

    def named(_consumer):
        asked.append(None)
        return (
            own if len(asked) <= 2 else "another"
        )  # when it is made, when partitions are given, then before the batch

    with monkeypatch.context() as patch:
        patch.setattr(TopicConsumer, "cluster", named)
        with pytest.raises(Unavailable, match="brokers of another cluster answer: nothing of theirs was taken"):
            watched.once()
    assert watched.taken() == []
    watched.once()
    assert watched.taken() == [[(0, 0, 0, 2)]]


def test_an_idle_topic_that_was_wiped_is_told_at_once(watched, capsys):
    watched.send(0, *messages(1, 2))
    watched.once()
    watched.send(0, *messages(3, 4, 5))
    watched.brokers.delete(watched.topic, 0, before=5)
    path = str(watched.world.vault.path)
    settings = ("--settings", str(watched.world.path / "watch.toml"))
    capsys.readouterr()
    for group in ("two", "three"):  # told by each run until a batch tells it in the log
        watched.add(f'group = "{group}"\n')
        assert run(["watch", path, *settings, "--once"]) == 2
        said = capsys.readouterr().err
        assert said.count("switch: partition 0: offsets 2 to 4 were deleted before they were taken") == 1
        assert "coffer: 3 offsets deleted by Kafka before they were taken" in said
        text = (watched.world.path / "watch.toml").read_text()
        (watched.world.path / "watch.toml").write_text(text.replace(f'group = "{group}"\n', ""))
    watcher = watched.watcher(group="four")
    watched.send(0, message(6))
    watcher.run(is_once=True, wait=lambda _s: None)
    assert [kind for kind, _ in watched.told].count("warning") == 1
    assert 'coffer_watch_missed_offsets_total{folder="switch"} 3' in format_figures(watcher.figures())
    assert watched.taken() == [[(0, 0, 0, 2)], [(0, 2, 5, 6)]]
    watched.once()
    assert watched.sums().missed == 3
    assert [kind for kind, _ in watched.told].count("warning") == 1, "the log tells it now"


def test_a_feed_that_gets_another_name_while_it_is_watched_is_refused(watched):
    watched.send(0, *messages(1))
    watcher = watched.watcher(group="named")
    work = watcher._topics["switch"]
    work.work(is_last=True, is_stopping=lambda: False)
    feed = watched.world.path / "feed.toml"
    text = feed.read_text()
    feed.write_text(text.replace('"calls"', '"calls2"'))
    with pytest.raises(MalformedInput, match="feed: its name is calls2, expected calls"):
        work.work(is_last=True, is_stopping=lambda: False)
    feed.write_text(f"{text}\n# the same name\n")
    watched.send(0, *messages(2))
    time.sleep(0.1)
    while work.work(is_last=False, is_stopping=lambda: False) or watched.total() < 1:
        pass
    work.work(is_last=True, is_stopping=lambda: False)
    work.close()
    assert [kind for kind, _ in watched.told].count("begins") == 1


def test_a_partition_that_ends_before_its_place_waits_alone(watched, cluster, monkeypatch):
    watched.send(0, *messages(1, 2, 3))
    watched.send(1, message(4))
    watched.once()
    anew = f"{watched.topic}-anew"
    cluster.topic(anew, 2)
    made = WatchKey.topic
    monkeypatch.setattr(WatchKey, "topic", lambda self, **named: made(self, **named | {"topic": watched.topic}))
    settings = watched.world.path / "watch.toml"
    settings.write_text(settings.read_text().replace(f'"{watched.topic}"', f'"{anew}"') + "batch_seconds = 1\n")
    cluster.send(anew, 0, message(1))
    cluster.send(anew, 1, *messages(4, 5, 6))
    with pytest.raises(Unavailable, match="partition 0: ends at offset 1, expected at least 3"):
        watched.once()
    assert watched.total() == 6, "partition 1 goes on"
    with Going(watched, group="anew") as going:
        going.until(lambda: any(kind == "trouble" for kind, _ in watched.told), "trouble")
        cluster.send(anew, 1, message(7))
        going.until(lambda: watched.total() == 7, "partition 1, while partition 0 waits")
        assert "well" not in {kind for kind, _ in watched.told}
        cluster.send(anew, 0, *messages(8, 9, 10))  # what was lost is there again
        going.until(lambda: watched.total() == 8, "partition 0 goes on by itself")
        going.until(lambda: any(kind == "well" for kind, _ in watched.told), "well")
    assert any("partition 0: ends at offset 1, expected at least 3: it alone waits" in said for _, said in watched.told)


def test_partitions_that_wait_are_looked_at_again_less_and_less_often(monkeypatch):
    monkeypatch.setattr("coffer.procedures.watch.decide.RETRY_S", (1, 5))
    adrift, why = Adrift(), Unavailable("why")
    assert [adrift.add(3, why, 0.0), adrift.add(3, why, 1.0)] == [1, 5]
    assert (adrift.due(5.9), adrift.due(6.0)) == (set(), {3})
    assert (adrift.first, adrift.partitions, bool(adrift)) == (why, {3}, True)
    adrift.keep({1, 2})
    assert not adrift
    assert adrift.add(3, why, 0.0) == 1


def test_a_consumer_that_was_slow_is_no_trouble_of_a_partition(watched):
    """The client tells it as an error whose partition is 0, though it is of the group."""
    import confluent_kafka as kafka

    class Slow:
        @staticmethod
        def partition():
            return 0

        @staticmethod
        def error():
            return kafka.KafkaError(kafka.KafkaError._MAX_POLL_EXCEEDED)

    consumer, read = TopicConsumer(watched.topics()[0].settings, {"bootstrap.servers": "127.0.0.1:9"}, None), Read()
    consumer._take(Slow(), read)
    assert (read.failed, consumer._trouble) == ({}, "")
    consumer.close()


def test_brokers_that_are_gone_stay_trouble_until_they_answer(world, monkeypatch):
    """The client says once that a broker is lost, or not at all: only an answer makes it well again."""
    monkeypatch.setattr("coffer.procedures.watch.topics.consumer.ANSWER_S", 0.3)
    with Brokers.serve() as brokers:
        brokers.topic("cdr", 1)
        brokers.send("cdr", 0, *messages(1, 2))
        watched = Topic(world, brokers, "cdr", "batch_seconds = 1\nbatch_messages = 2")
        with Going(watched, group="one") as going:
            going.until(watched.taken, "the first two")
            brokers.stop()
            going.until(lambda: kinds(watched).count("trouble") >= 3, "trouble, more than once")
            assert "well" not in kinds(watched)
            assert any(
                "no broker can be reached" in said or "no answer" in said or "no connection" in said
                for _, said in watched.told
            )
            brokers.go_on()
            going.until(lambda: "well" in kinds(watched), "well again")
            brokers.send("cdr", 0, *messages(3, 4))
            going.until(lambda: watched.total() == 4, "the next two")
    assert kinds(watched).count("well") == 1


def kinds(watched):
    return [kind for kind, _ in watched.told]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("security.protocol=SASL_SSL\nsasl.mechanism=SCRAM", "kafka: sasl.mechanism: refused by the client"),
        ("security.protocol=SASL_SSL", "kafka: sasl.mechanism: missing"),
        ("security.protocol=SSL\nssl.ca.location=/nowhere/at/all.pem", "kafka: ssl.ca.location: no such file"),
    ],
)
def test_property_that_the_client_refuses_is_named_without_its_value(watched, lines, said):
    watched.kafka.write_text(watched.kafka.read_text() + f"{lines}\n")
    with pytest.raises(MalformedInput, match=said) as caught:
        watched.once()
    assert "/nowhere" not in str(caught.value)


def test_partition_whose_broker_is_gone_is_told_while_the_others_are_read(world, monkeypatch):
    monkeypatch.setattr("coffer.procedures.watch.topics.consumer.ANSWER_S", 0.3)
    monkeypatch.setattr("coffer.procedures.watch.topics.work._ASKED_EVERY_S", 0.5)
    with Brokers.serve(2) as brokers:
        brokers.topic("cdr", 2)
        brokers.coordinate("one", 1)
        for partition in (0, 1):
            brokers.lead("cdr", partition, partition + 1)
        brokers.send("cdr", 0, message(1))
        brokers.send("cdr", 1, message(2))
        watched = Topic(world, brokers, "cdr", "batch_seconds = 1\nbatch_messages = 2")
        with Going(watched, group="one") as going:
            going.until(lambda: watched.total() == 2, "both")
            brokers.stop(2)
            going.until(
                lambda: any("partition 1: " in said for kind, said in watched.told if kind == "trouble"), "told"
            )
            brokers.send("cdr", 0, *messages(3, 4))
            going.until(lambda: watched.total() == 4, "the other partition")
            assert "well" not in kinds(watched)
            brokers.go_on(2)
            going.until(lambda: "well" in kinds(watched), "well again")
            brokers.send("cdr", 1, *messages(5, 6))
            going.until(lambda: watched.total() == 6, "and the first again")


def test_run_that_is_given_no_partition_says_so(watched, monkeypatch):
    """Another member of the group has them all: that nothing was read must not look as if nothing were there."""
    watched.send(0, *messages(1, 2))
    with monkeypatch.context() as patch:
        patch.setattr(TopicConsumer, "is_joined", property(lambda _consumer: True))
        patch.setattr(TopicConsumer, "read", lambda *_: Read())
        with pytest.raises(Unavailable, match="no partition was given to this watch, so that nothing was read"):
            watched.once()
    assert watched.taken() == []
    watched.once()
    assert watched.taken() == [[(0, 0, 0, 2)]]


def test_run_that_sees_neither_messages_nor_an_end_ends(watched, monkeypatch):
    watched.send(0, *messages(1, 2))
    monkeypatch.setattr("coffer.procedures.watch.topics.work.JOIN_S", 1.0)
    monkeypatch.setattr(TopicConsumer, "read", lambda *_: Read())
    with pytest.raises(Unavailable, match="no sign of"):
        watched.once()
