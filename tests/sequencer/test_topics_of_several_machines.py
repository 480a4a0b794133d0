"""Two machines of one vault that watch one topic: its partitions move between them, and each message is sealed once."""

import datetime as dt
import threading
import time

import pytest

import coffer.procedures.watch.topics.work as working
from brokering import Brokers, message, topics_of, write_settings
from coffer.procedures.reports.totals import make_report
from coffer.procedures.watch.run import Watcher
from sequencer.test_several_machines import joined, objects, one, tmp_path  # noqa: F401 - fixtures

DAY = dt.date(2016, 9, 1)


class Machine:
    """A watch in a thread of its own. ``told``: the kinds and messages of its events."""

    def __init__(self, world):
        self.told = []
        tell = lambda event: self.told.append((event.kind, event.message))  # noqa: E731 - one word
        self.watcher = Watcher(world.vault, [], topics=topics_of(world.path), tell=tell)
        self.thread = threading.Thread(
            target=self.watcher.run, kwargs={"is_once": False, "wait": lambda _s: time.sleep(0.05), "every_s": 0.05}
        )

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.watcher.stop()
        self.thread.join(30)
        assert not self.thread.is_alive()

    @property
    def batches(self):
        return sum(kind == "batch" for kind, _ in self.told)


def until(is_so, what):
    end = time.monotonic() + 40
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(working, "_WAIT_S", 0.03)


def test_partitions_move_between_two_machines_and_each_message_is_sealed_once(one, quick):  # noqa: F811 - a fixture
    del quick
    other, sent, is_over = joined(one, "other"), [], threading.Event()
    with Brokers.serve() as brokers:
        brokers.topic("moving", 2)
        for world in (one, other):
            write_settings(world.path, brokers.address, "moving", "batch_seconds = 1")

        def send():
            while not is_over.wait(0.01):
                brokers.send("moving", len(sent) % 2, message(len(sent)))
                sent.append(1)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            with Machine(other) as second:
                with Machine(one) as first:
                    until(lambda: first.batches and second.batches, "both have a partition")
                at = second.batches
                until(lambda: second.batches > at + 1, "the second goes on with all")
                is_over.set()
                sender.join()
                until(lambda: total_of(one) == len(sent), "all is taken")
        finally:
            is_over.set()
            sender.join()
        key = one.vault.watched.key.topic(feed="calls", cluster=brokers.name, topic="moving", generation=1)
    state = one.reopen().state()
    ends = [key.offset(partition, end) for (_, partition), end in state.offsets.items()]
    assert (len(ends), sum(ends)) == (2, len(sent))
    assert len(state.batches) == first.batches + second.batches


def total_of(world):
    vault = world.reopen().vault
    return make_report(vault, vault.replay(), first=DAY, last=DAY, by=["day"], country=None).total
