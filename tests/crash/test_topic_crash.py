"""A watch of a topic that is killed at every step, while partitions move, and while messages come.

Whatever happens, each message is sealed once, and the account says so exactly. The brokers are librdkafka's mock cluster.
"""

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from itertools import count

import pytest
from faulty_disk import FaultyDisk, Killed, Mode

import coffer.procedures.watch.topics.work as working
from brokering import Brokers, message, topics_of, write_settings
from coffer.errors import CofferError
from coffer.procedures.reports.totals import make_report
from coffer.procedures.watch.account import account
from coffer.procedures.watch.run import Watcher
from coffer.procedures.watch.topics.consumer import TopicConsumer
from coffer_audit.cli import main as audit
from world import World

GROUPS = count()


def watch_once(world):
    """By a group of its own, which the mock cluster lets begin at once."""
    topics = topics_of(world.path, f"g{next(GROUPS)}")
    Watcher(world.vault, [], topics=topics, tell=lambda _event: None).run(is_once=True, wait=lambda _s: None)


def sums_of(world):
    (one,) = account(world.vault, topics_of(world.path), world.outside.clock().date())
    return one.sums


def total_of(world, day=dt.date(2016, 9, 1)):
    """Records by the tally, which is exact here."""
    return make_report(world.vault, world.state(), first=day, last=day, by=["day"], country=None).total


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(working, "_WAIT_S", 0.03)


@pytest.fixture(scope="module")
def brokers():
    with Brokers.serve() as served:
        served.topic("killed", 2)
        served.send("killed", 0, message(1), message(2), None)
        served.send("killed", 1, message(3))
        yield served


@pytest.fixture(scope="module")
def template(tmp_path_factory, brokers):
    world = World.make(tmp_path_factory.mktemp("template"))
    world.epoch("2016-09-01", "2016-09-03")
    write_settings(world.path, brokers.address, "killed")
    return world


def copy_of(template, path, disk=None):
    shutil.copytree(template.path, path)
    return template.reopen_at(path, disk)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [Mode.ERROR, Mode.KILL], ids=lambda mode: mode.name.lower())
def test_killed_at_every_step_each_message_is_sealed_and_counted_once(template, tmp_path, mode, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)  # no machine stops here, only the process
    counting = FaultyDisk(None, mode)
    watch_once(copy_of(template, tmp_path / "count", counting))
    assert counting.operations > 20
    for n in range(0, counting.operations, 3 if mode is Mode.KILL else 9):
        world = copy_of(template, tmp_path / str(n), FaultyDisk(n, mode))
        with suppress(CofferError, Killed):
            watch_once(world)
        verify_whole(world.reopen(), n)
        shutil.rmtree(world.path)


def verify_whole(world, what):
    """Once the watch has run again, all is there once."""
    watch_once(world)
    assert len(world.state().batches) == 1, what
    sums = sums_of(world)
    assert (sums.read, sums.kept, sums.rejected, sums.missed) == (4, 3, 1, 0), what
    assert total_of(world) == 3, what


def test_killed_between_entry_and_commit_nothing_comes_twice(template, tmp_path, monkeypatch):
    def killed(_self, _ends):
        raise Killed("before the brokers are told")

    world = copy_of(template, tmp_path / "between")
    with monkeypatch.context() as patched:
        patched.setattr(TopicConsumer, "tell", killed)
        with pytest.raises(Killed, match="before the brokers are told"):
            watch_once(world)
    verify_whole(world.reopen(), "between")


def start(world, number):
    """A watch as a process, in a group of its own."""
    settings = world.path / f"watch{number}.toml"
    settings.write_text((world.path / "watch.toml").read_text() + f'group = "process{number}"\n')
    command = [sys.executable, "-m", "coffer", "watch", str(world.vault.path), "--every", "0.1", "--settings"]
    return subprocess.Popen([*command, str(settings)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_a_watch_that_is_killed_while_messages_come_takes_each_once(brokers, tmp_path):
    now = dt.datetime.now(dt.UTC)
    day = (now - dt.timedelta(days=1)).date()
    world = World.make(tmp_path, now=now)
    world.epoch(str(day), str(now.date() + dt.timedelta(days=1)))
    brokers.topic("flowing", 2)
    write_settings(world.path, brokers.address, "flowing", "batch_seconds = 1")
    sent, is_over = count(), threading.Event()

    def send():
        while not is_over.wait(0.02):
            n = next(sent)
            brokers.send("flowing", n % 2, message(n, str(day)))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for number in range(2):
            program = start(world, number)
            for line in program.stdout:  # once something is logged, at any moment
                if "rejected: entry" in line:
                    break
            time.sleep(0.3 * number)
            program.send_signal(signal.SIGKILL)
            program.communicate()
    finally:
        is_over.set()
        sender.join()
    world.outside.now = dt.datetime.now(dt.UTC)
    again = world.reopen()
    assert len(again.state().batches) >= 2
    watch_once(again)
    total = next(sent)
    assert total > 50
    assert total_of(again, day) == total
    sums = sums_of(again)
    assert (sums.read, sums.kept, sums.missed) == (total, total, 0)
    assert audit(["vault", str(world.vault.path)]) == 0
