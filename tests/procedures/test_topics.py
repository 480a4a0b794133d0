"""A topic that is watched: each offset is taken once or told as missed, and the log alone says so.

The brokers are librdkafka's mock cluster (``brokering``); ``docs/formats/topics.md`` says what it does not show.
"""

import datetime as dt
import time
from collections import Counter
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import pytest
from confluent_kafka import Producer, TopicPartition

import coffer.procedures.watch.run as running
import coffer.procedures.watch.topics.consumer as consuming
import coffer.procedures.watch.topics.work as working
from brokering import FEED as JSON
from brokering import QUICK, Brokers, message, record, topics_of, write_settings
from coffer.cli.commands.watch import _lines
from coffer.cli.main import run
from coffer.errors import MalformedInput, Unavailable
from coffer.ledger.entries import (
    BatchId,
    CoarseCounts,
    IngestEntry,
    OffsetMark,
    Offsets,
    SegmentId,
    SegmentLine,
    TopicId,
    TopicOffsets,
)
from coffer.ledger.grammar import parse_entry
from coffer.procedures.ingest.decide import ingest_entries
from coffer.procedures.reports.totals import make_report
from coffer.procedures.supersede import supersede
from coffer.procedures.watch.account import account
from coffer.procedures.watch.run import Watcher
from coffer.procedures.watch.topics.consumer import TopicConsumer
from coffer.procedures.watch.topics.holding import Holding
from coffer.procedures.watch.topics.settings import parse_properties, parse_topic
from coffer.serving.figures import format_figures
from coffer.toml import Table
from coffer.vault.operator import INGESTER
from coffer_audit.cli import main as audit
from world import NOW

CSV = JSON.replace("jsonl", "csv").replace("date_format", "header = true\ndate_format")
HEADER = 'header = "a,b,start,seconds"\n'
NUMBERS = count()
DAY = dt.date(2016, 9, 1)


def messages(*numbers):
    return [message(n) for n in numbers]


def row(n):
    return ",".join(map(str, record(n).values())).encode()


@pytest.fixture(scope="module")
def cluster():
    with Brokers.serve() as brokers:
        yield brokers


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(working, "_WAIT_S", 0.03)


@pytest.fixture
def topic(cluster):
    """A topic of two partitions of this test alone."""
    name = f"cdr-{next(NUMBERS)}"
    cluster.topic(name, 2)
    return name


class Topic:
    """A vault that watches a topic. ``told``: kinds and messages of events."""

    def __init__(self, world, cluster, topic, text="", *, feed=JSON):
        self.world, self.brokers, self.topic, self.told, self.groups = world, cluster, topic, [], 0
        write_settings(world.path, cluster.address, topic, text, feed=feed)
        self.kafka = world.path / "kafka.properties"
        self.clusters = [cluster.name, "the same"]

    def add(self, text):
        """More lines of the topic's table."""
        with (self.world.path / "watch.toml").open("a") as settings:
            settings.write(text)

    def send(self, partition, *values):
        self.brokers.send(self.topic, partition, *values)

    def topics(self, group=""):
        return topics_of(self.world.path, group)

    def watcher(self, world=None, group="", **options):
        told = lambda event: self.told.append((event.kind, event.message))  # noqa: E731 - one word
        return Watcher((world or self.world).vault, [], topics=self.topics(group), tell=told, **options)

    def once(self, world=None):
        """By a group of its own, which the mock cluster lets begin at once."""
        self.groups += 1
        self.watcher(world, group=f"once-{self.groups}").run(is_once=True, wait=lambda _s: None)

    def sums(self):
        (one,) = account(self.world.reopen().vault, self.topics(), NOW.date())
        return one.sums

    def counts(self):
        sums = self.sums()
        return sums.read, sums.kept, sums.rejected

    def total(self):
        """Records by the tally, which is exact here."""
        return make_report(
            self.world.vault, self.world.reopen().state(), first=DAY, last=DAY, by=["day"], country=None
        ).total

    def taken(self):
        """What each batch took: by partition, where the log ended, where it began and where it ends."""
        raw = self.world.vault.log.entries(0, self.world.reopen().state().size)
        bodies = [body for one in raw if isinstance(body := parse_entry(one, "entry").body, IngestEntry)]
        return [[self.numbers(body.offsets.topic, one) for one in body.offsets.partitions] for body in bodies]

    def numbers(self, topic, one):
        """Offsets as numbers, by the key of whichever topic it is."""
        made = self.world.vault.watched.key.topic
        keys = [
            made(feed="calls", cluster=cluster, topic=self.topic, generation=generation)
            for cluster in self.clusters
            for generation in (1, 2)
        ]
        (own,) = [found for found in keys if found.id == topic]
        return one.partition, *(
            own.offset(one.partition, mark) if mark else 0 for mark in (one.after, one.start, one.end)
        )


@pytest.fixture
def watched(world, cluster, topic):
    return Topic(world, cluster, topic)


def test_messages_are_sealed_once_and_the_entry_says_which(watched, capsys):
    watched.send(0, *messages(1, 2, 3))
    watched.send(1, *messages(4, 5))
    watched.once()
    assert watched.counts() == (5, 5, 0)
    assert watched.total() == 5
    assert watched.taken() == [[(0, 0, 0, 3), (1, 0, 0, 2)]]
    assert ("begins", "the log has nothing of this topic yet: it is read from its first message") in watched.told
    watched.told.clear()
    watched.once()
    assert watched.told == []
    watched.send(1, message(6))
    watched.once()
    assert watched.taken()[1:] == [[(1, 2, 2, 3)]]
    assert watched.total() == 6
    assert audit(["vault", str(watched.world.vault.path)]) == 0, capsys.readouterr()
    assert watched.topic not in b"".join(watched.world.vault.log.entries(0, watched.world.state().size)).decode()


def test_what_is_no_line_is_a_counted_reject_and_stops_nothing(watched):
    watched.send(0, message(1))
    watched.once()
    odd = [None, b"", b" \n", b"a\0b", b"\xff\xfe not text", b"[", b'{"a": 1', b'{"other": 2}', b"x" * 70_000]
    watched.send(0, *odd)
    watched.once()  # a batch of which nothing is kept
    assert watched.taken()[1:] == [[(0, 1, 1, 1 + len(odd))]]
    watched.send(0, *odd, message(2), *odd, message(3) + b"\n" + message(4) + b"\r\n")
    watched.once()
    assert watched.counts() == (4 + 3 * len(odd), 4, 3 * len(odd))
    assert watched.total() == 4
    assert watched.sums().reasons["tombstone"] == 3
    assert any("with more lines rejected than kept" in text for kind, text in watched.told if kind == "warning")


def test_the_first_batch_of_a_topic_proves_the_feed(watched):
    watched.send(0, b'{"other": 1}', b'{"other": 2}')
    with pytest.raises(MalformedInput, match="all lines rejected"):
        watched.once()
    assert watched.taken() == []
    watched.send(0, message(1))
    watched.once()
    assert watched.counts() == (3, 1, 2)


def test_a_feed_with_a_bound_on_rejects_stops_before_it(world, cluster, topic):
    watched = Topic(world, cluster, topic, feed=JSON.replace('kind = "call"', 'kind = "call"\nmax_rejects = "10 %"'))
    watched.send(0, message(1))
    watched.once()
    watched.send(0, b"{}", message(2))
    with pytest.raises(MalformedInput, match="50 % rejected"):
        watched.once()
    assert watched.taken() == [[(0, 0, 0, 1)]]


def test_rows_of_csv_do_not_run_into_the_next_message(world, cluster, topic):
    watched = Topic(world, cluster, topic, HEADER, feed=CSV)
    quoted = b'"+33612340009","+33698765432","2016-09-01 10:00:09","10"'
    watched.send(0, row(1), b'"+3361', row(2), b'never closed"', quoted, b"+33612340008,short", row(3) + b"\n" + row(4))
    watched.once()
    assert watched.counts() == (8, 5, 3)
    assert watched.sums().reasons == {"cut-off": 1, "wrong-column-count": 2}
    assert watched.total() == 5


def test_equal_messages_are_two_messages(watched):
    watched.send(0, *messages(1, 1))
    watched.once()
    watched.send(0, *messages(1, 1))
    watched.once()
    assert watched.counts() == (4, 4, 0)


def test_what_was_deleted_before_it_was_taken_is_told(watched, capsys):
    watched.send(0, *messages(1, 2))
    watched.once()
    watched.send(0, *messages(3, 4, 5, 6))
    watched.brokers.delete(watched.topic, 0, before=5)
    watched.once()
    assert watched.taken() == [[(0, 0, 0, 2)], [(0, 2, 5, 6)]]
    assert ("warning", "partition 0: offsets 2 to 4 were deleted before they were taken") in watched.told
    (one,) = account(watched.world.vault, watched.topics(), NOW.date())
    assert (one.sums.missed, one.is_whole) == (3, False)
    assert list(_lines(one)) == ["missing: 3 offsets that Kafka deleted before they were taken"]
    assert run(["log", str(watched.world.vault.path)]) == 0
    shown = " ".join(capsys.readouterr().out.split())  # a terminal cuts lines
    assert (shown.count("offsets of 1 partition of topic"), shown.count("deleted before they were taken in 0")) == (
        2,
        1,
    )


def test_a_topic_that_began_long_ago_is_missed_nowhere(watched):
    watched.send(0, *messages(1, 2, 3))
    watched.brokers.delete(watched.topic, 0, before=2)
    watched.once()
    assert watched.taken() == [[(0, 0, 2, 3)]]
    (one,) = account(watched.world.vault, watched.topics(), NOW.date())
    assert (one.sums.missed, one.is_whole) == (0, True)


def test_a_topic_made_anew_is_not_taken_for_the_old_one(watched, monkeypatch):
    watched.send(0, *messages(1, 2, 3))
    watched.once()
    with Brokers.serve() as other:
        other.topic(watched.topic, 2)
        monkeypatch.setattr(TopicConsumer, "cluster", lambda self: "the same")
        kept, watched.brokers = watched.brokers, other
        watched.kafka.write_text(f"bootstrap.servers={other.address}\n{QUICK}")
        watched.send(0, *messages(4, 5, 6))
        watched.once()  # another cluster: another topic
        watched.brokers = kept
    assert watched.taken() == [[(0, 0, 0, 3)], [(0, 0, 0, 3)]]
    with Brokers.serve() as other:
        other.topic(watched.topic, 2)
        watched.kafka.write_text(f"bootstrap.servers={other.address}\n{QUICK}")
        watched.brokers = other
        watched.send(0, message(7))
        with pytest.raises(Unavailable, match="partition 0: ends at offset 1, expected at least 3"):
            watched.once()
        watched.add("generation = 2\n")
        watched.once()
    assert watched.taken()[2:] == [[(0, 0, 0, 1)]]
    assert watched.total() == 7


def test_what_the_brokers_remember_of_the_group_is_never_asked(watched, monkeypatch):
    told = []

    def tell(self, ends):  # to one partition what is behind the log, to the other what is ahead of it
        told.append(ends)
        places = [TopicPartition(watched.topic, 0, 0), TopicPartition(watched.topic, 1, 99)]
        self._consumer.commit(offsets=places, asynchronous=False)

    monkeypatch.setattr(TopicConsumer, "tell", tell)
    for n in (1, 10):
        watched.send(0, *messages(n, n + 1, n + 2))
        watched.send(1, *messages(n + 3, n + 4))
        watched.watcher().run(is_once=True, wait=lambda _s: None)
        assert watched.brokers.remembered("coffer-switch", watched.topic, 0) == 0
        assert watched.brokers.remembered("coffer-switch", watched.topic, 1) == 99
    assert told == [{0: 3, 1: 2}, {0: 6, 1: 4}]
    assert watched.total() == 10


def test_two_watches_that_read_one_partition_log_it_once(watched, monkeypatch):
    """One of them was cut off, and the brokers gave its partitions to another: what it gathered is refused."""
    watched.send(0, *messages(1, 2, 3))
    gathered = []
    ingest = working.run_ingest

    def late(*args, **kwargs):
        if not gathered:
            gathered.append(kwargs["messages"])
            monkeypatch.setattr(running, "WATCH_LOCK", "watch.lock.of.another.machine")
            watched.watcher(group="faster").run(is_once=True, wait=lambda _s: None)
        return ingest(*args, **kwargs)

    monkeypatch.setattr(working, "run_ingest", late)
    with pytest.raises(Unavailable, match="another watch logged these offsets"):
        watched.watcher(group="slower").run(is_once=True, wait=lambda _s: None)
    assert watched.taken() == [[(0, 0, 0, 3)]]
    watched.send(0, message(4))
    watched.once()
    assert watched.taken()[1:] == [[(0, 3, 3, 4)]]
    assert watched.total() == 4


def test_a_superseded_batch_is_taken_anew_only_as_another_generation(watched):
    watched.send(0, *messages(1, 2))
    watched.once()
    (batch,) = watched.world.reopen().state().batches
    supersede(watched.world.reopen().vault, batch)
    watched.once()
    assert watched.taken() == [[(0, 0, 0, 2)]]
    watched.add("generation = 2\n")
    watched.once()
    assert watched.taken()[1:] == [[(0, 0, 0, 2)]]
    assert watched.total() == 2


def test_figures_tell_how_far_the_log_is_behind(watched):
    watched.send(0, *messages(*range(1, 12)), *[b"{}"] * 3000)
    watcher = watched.watcher(group="figures", timer=iter(range(10_000)).__next__)
    looks = []

    def wait(_seconds):
        looks.append(format_figures(watcher.figures()))
        if len(looks) == 1:
            watcher.stop()

    watcher.run(is_once=False, wait=wait)
    text = looks[0].decode() if isinstance(looks[0], bytes) else looks[0]
    assert 'coffer_watch_missed_offsets_total{folder="switch"} 0' in text
    assert 'coffer_watch_lag_offsets{folder="switch"}' in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bootstrap.server=x", "line 1: a property that is not set here"),
        ("enable.auto.commit=true", "line 1: a property that is not set here"),
        ("plugin.library.paths=/tmp/x", "line 1: a property that is not set here"),
        ("# as it was\n\nssl.engine.location=/tmp/x", "line 3: a property that is not set here"),
        ("ssl.providers=default,/tmp/x", "line 1: a property that is not set here"),
        ("sasl.kerberos.kinit.cmd=true", "line 1: a property that is not set here"),
        ("sasl.kerberos.principal=$(true)", "line 1: a property that is not set here"),
        ("sasl.password", "line 1: expected NAME=VALUE"),
        ("session.timeout.ms=9\nsession.timeout.ms=9", "line 2: a property that stands twice"),
        ("ssl.ca.location=x", "bootstrap.servers: missing"),
    ],
)
def test_properties_are_read_strictly(text, said):
    with pytest.raises(MalformedInput, match=f"k.properties: {said}"):
        parse_properties(text, "k.properties")


def test_no_value_of_a_property_is_ever_repeated(watched):
    watched.kafka.write_text(watched.kafka.read_text() + "security.protocol=hunter2\n")
    with pytest.raises(MalformedInput, match="refused by the client") as found:
        watched.once()
    assert "hunter2" not in f"{found.value.message} {found.value.hint} {watched.told} {watched.topics()}"


def test_properties_that_every_user_may_read_are_refused(watched):
    watched.kafka.chmod(0o644)
    with pytest.raises(MalformedInput, match="open to every user"):
        watched.topics()
    watched.kafka.chmod(0o640)
    assert "bootstrap" not in repr(watched.topics())


@pytest.mark.parametrize(
    ("feed", "text", "said"),
    [
        (CSV, "", "header: expected exactly where"),
        (JSON, HEADER, "header: expected exactly where"),
        (CSV, HEADER.replace("seconds", "secs"), "header: line 1"),
        (
            JSON.replace('format = "jsonl"', 'format = "asterisk"').partition('kind = "call"')[0],
            "",
            "expected csv or jsonl",
        ),
        (JSON, "generation = 0", "generation: expected a whole number from 1"),
        (JSON, "batch_seconds = 0", "batch_seconds: expected a whole number from 1"),
        (JSON, 'path = "in"', "path: unknown key"),
        (JSON, '[again]\nfeed = "feed.toml"\nkafka = "kafka.properties"\ntopic = "TOPIC"', "the topic and feed of"),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path, cluster, feed, text, said):
    world = SimpleNamespace(path=tmp_path)
    with pytest.raises(MalformedInput, match=said):
        Topic(world, cluster, "settings", text.replace("TOPIC", "settings"), feed=feed).topics()


def test_brokers_that_are_gone_are_trouble_and_no_end(world, monkeypatch):
    monkeypatch.setattr("coffer.procedures.watch.topics.consumer.ANSWER_S", 0.3)
    with Brokers.serve() as brokers:
        brokers.topic("gone", 1)
        watched = Topic(world, brokers, "gone")
        watched.send(0, message(1))
        brokers.stop()
        waits = []

        def wait(_seconds):
            waits.append(watched.told[-1])
            brokers.go_on()
            if watched.taken() or len(waits) > 50:
                watcher.stop()
            time.sleep(0.2)

        watched.add("batch_seconds = 1\n")
        watcher = watched.watcher(group="gone")
        watcher.run(is_once=False, wait=wait)
    assert waits[0][0] == "trouble"
    assert ("well", "all is well again") in watched.told
    assert watched.total() == 1


def test_batches_are_closed_by_messages_and_bytes(watched):
    watched.add("batch_messages = 2\n")
    watched.send(0, *messages(1, 2, 3, 4, 5))
    watched.once()
    assert watched.taken() == [[(0, 0, 0, 2)], [(0, 2, 2, 4)], [(0, 4, 4, 5)]]
    (one,) = watched.topics()
    holding = Holding(replace(one.settings, batch_messages=1_000_000, batch_bytes=300_000))
    holding.begin(0, 0)
    assert holding.room == 1 + 300_000 // 65_536
    for offset in range(3):
        holding.take(0, offset, bytes(100_000).replace(b"\0", b"x"), 0.0)
    assert (holding.room, holding.is_due(0.0), holding.size_bytes) == (0, True, 300_000)


def test_what_comes_twice_from_the_client_is_held_once():
    holding = Holding(parse_topic("x", Table({"feed": "f", "topic": "t", "kafka": "k"}, "test")))
    holding.begin(0, 5)
    for offset in (4, 5, 5, 9, 5, 9, 4):
        holding.take(0, offset, b"%d" % offset, 0.0)
    holding.take(1, 0, b"of a partition that is another's", 0.0)
    assert holding.lines(None) == (b"5\n9\n", Counter())
    assert [(one.after, one.start, one.end) for one in holding.ranges()] == [(5, 5, 10)]
    assert holding.stale({0: 5}) == []
    assert holding.stale({}) == [0]
    holding.clear()
    assert (holding.count, holding.since, holding.place(0)) == (0, None, 10)


def test_entries_of_256_partitions_stay_within_their_bound(world):
    offsets = TopicOffsets(
        topic=TopicId(bytes(16)),
        partitions=tuple(
            Offsets(
                partition=2**31 - 256 + at,
                after=OffsetMark(bytes(16)),
                start=OffsetMark(bytes(16)),
                end=OffsetMark(b"e" * 16),
            )
            for at in range(256)
        ),
    )
    line = SegmentLine(
        seg_id=SegmentId(bytes(32)),
        header_hash=bytes(32),
        day=DAY,
        kind="email",
        rule="base",
        part=2**32 - 1,
        rows=2**28,
        supersedes=None,
    )
    counts = CoarseCounts(**dict.fromkeys(CoarseCounts.__slots__, 2**62))
    for some in (None, offsets):
        bodies = ingest_entries(
            batch=BatchId(bytes(16)), feed="f" * 16, counts=counts, segments=[line] * 700, tally=bytes(32), offsets=some
        )
        assert sum(len(body.segments) for body in bodies) == 700
        key = world.vault.operator_key(INGESTER)
        assert max(len(world.vault.entry(body, key, world.state())) for body in bodies) < 65_535


def test_a_watch_that_could_not_say_where_to_begin_asks_again(watched, monkeypatch):
    watched.send(0, message(1))
    watched.add("batch_seconds = 1\n")
    begin, tried = working.TopicWork.begin, []

    def failing(self, partitions):
        tried.append(partitions)
        if len(tried) == 1:
            raise Unavailable("log: the store does not answer")
        return begin(self, partitions)

    monkeypatch.setattr(working.TopicWork, "begin", failing)
    watcher = watched.watcher(group="again")
    waits = count()

    def wait(_seconds):
        if watched.taken() or next(waits) > 200:
            watcher.stop()
        time.sleep(0.05)

    watcher.run(is_once=False, wait=wait)
    assert [kind for kind, _ in watched.told] == ["begins", "trouble", "well", "batch"]
    assert watched.total() == 1


def test_a_watch_without_the_extra_says_what_to_install(watched, monkeypatch, capsys):
    monkeypatch.setattr("coffer.extras.find_spec", lambda _name: None)
    settings = str(watched.world.path / "watch.toml")
    assert run(["watch", str(watched.world.vault.path), "--once", "--settings", settings]) == Unavailable.exit_code
    assert 'pip install "surecoffer[kafka]"' in capsys.readouterr().err
    monkeypatch.undo()
    assert run(["watch", str(watched.world.vault.path), "--report", "--settings", settings]) == 0
    assert "switch" in capsys.readouterr().out


def commit(watched, producer, n):
    producer.begin_transaction()
    producer.produce(watched.topic, message(n), partition=0)
    producer.commit_transaction(10)


def transactional(watched):
    settings = {"bootstrap.servers": watched.brokers.address, "transactional.id": watched.topic, "log_level": 0}
    producer = Producer(settings)
    producer.init_transactions(10)
    return producer


def test_marks_of_transactions_are_within_what_is_taken_and_no_gap(watched, monkeypatch):
    monkeypatch.setattr(consuming, "_CHECKS", False)  # the mock cluster writes no checksum for its marks
    producer = transactional(watched)
    for n in (1, 2):
        commit(watched, producer, n)
    watched.once()
    commit(watched, producer, 3)
    watched.once()
    assert watched.taken() == [[(0, 0, 0, 3)], [(0, 3, 3, 5)]]  # the marks lie at 1, 3 and 5
    assert (watched.total(), watched.sums().missed) == (3, 0)


def test_what_is_damaged_on_the_way_is_trouble_and_nothing_is_left_out(watched, monkeypatch):
    """A mark of the mock cluster has no checksum, and so looks damaged. The client itself would go on behind it."""
    producer = transactional(watched)
    for n in (1, 2):
        commit(watched, producer, n)
    watched.send(1, message(3))
    for _ in range(2):
        with pytest.raises(Unavailable, match="partition 0: _BAD_MSG: nothing is left out of it"):
            watched.once()
    assert {taken[:1] + taken[3:] for batch in watched.taken() for taken in batch} <= {(0, 1), (1, 1)}
    monkeypatch.setattr(consuming, "_CHECKS", False)
    watched.once()
    assert watched.total() == 3
