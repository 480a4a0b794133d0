"""A watch that is killed at every step, and one that is killed while its file grows, is rotated and truncated.

Whatever happens, each record is sealed once, the account says so exactly, and a file leaves only once its records are in the log.
"""

import datetime as dt
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from faulty_disk import FaultyDisk, Killed, Mode

from coffer.errors import CofferError
from coffer.procedures.reports.totals import make_report
from coffer.procedures.watch.account import account
from coffer.procedures.watch.look import watching
from coffer.procedures.watch.run import Watcher
from coffer.procedures.watch.settings import parse_settings
from coffer_audit.cli import main as audit
from world import FEED, World

SETTINGS = 'format = "coffer.watch/v1"\n[calls]\nfeed = "feed.toml"\npath = "in"\nsettle_seconds = 0\n'
MOVED = 'after = "move"\nto = "done"\n'
GROWN = 'grows = true\nglob = "Master.csv*"\nbatch_seconds = 0\n'


def line(n, day="2016-09-01"):
    return f"+3361234{n:04d},+33698765432,{day} 10:{n // 60 % 60:02d}:{n % 60:02d},{n + 1}\n"


def prepare(world, text):
    for name in ("in", "done"):
        (world.path / name).mkdir()
    (world.path / "feed.toml").write_text(FEED)
    (world.path / "watch.toml").write_text(SETTINGS + text)


def folders(world):
    return [watching(one, world.path) for one in parse_settings((world.path / "watch.toml").read_bytes(), "watch.toml")]


def watch_once(world):
    Watcher(world.vault, folders(world), tell=lambda _event: None).run(is_once=True, wait=lambda _s: None)


def sums_of(world):
    (one,) = account(world.vault, folders(world), world.outside.clock().date())
    return one.sums


def total_of(world, day):
    """Records by the tally, which is exact here."""
    return make_report(world.vault, world.state(), first=day, last=day, by=["day"], country=None).total


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    world = World.make(tmp_path_factory.mktemp("template"))
    world.epoch("2016-09-01", "2016-09-03")
    prepare(world, MOVED)
    (world.path / "in" / "a.csv").write_text(line(1) + line(2))
    (world.path / "in" / "b.csv").write_text(line(3))
    return world


def copy_of(template, path, disk=None):
    shutil.copytree(template.path, path)
    return template.reopen_at(path, disk)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [Mode.ERROR, Mode.KILL], ids=lambda mode: mode.name.lower())
def test_killed_at_every_step_each_record_is_sealed_and_counted_once(template, tmp_path, mode, monkeypatch):
    monkeypatch.setattr("coffer.procedures.watch.decide.is_settled", lambda *_: True)  # the world is of 2016
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)  # no machine stops here, only the process
    counting = FaultyDisk(None, mode)
    watch_once(copy_of(template, tmp_path / "count", counting))
    assert counting.operations > 30
    for n in range(0, counting.operations, 1 if mode is Mode.KILL else 4):
        world = copy_of(template, tmp_path / str(n), FaultyDisk(n, mode))
        try:
            watch_once(world)
        except (CofferError, Killed):
            left = [path.name for path in (world.path / "in").iterdir()]
            logged = world.reopen().state().batches
            assert logged or len(left) == 2, f"operation {n}: a file left before its records were in the log"
        again = world.reopen()
        watch_once(again)
        assert len(again.state().batches) == 1, f"operation {n}"
        assert sorted(path.name for path in (world.path / "done").iterdir()) == ["a.csv", "b.csv"]
        sums = sums_of(again)
        assert (sums.files, sums.read, sums.kept, sums.known) == (2, 3, 3, 0), f"operation {n}"
        assert total_of(again, dt.date(2016, 9, 1)) == 3
        shutil.rmtree(world.path)


class Writer:
    """Writes lines in pieces, rotates its file and has it copied and truncated, as programs and logrotate do."""

    def __init__(self, folder, day):
        self.path, self.day, self.number, self.rotated, self.rest = folder / "Master.csv", day, 0, 0, ""

    def write(self, rng):
        text = self.rest
        for _ in range(rng.randrange(1, 9)):
            text += line(self.number, self.day)
            self.number += 1
        cut = rng.choice([len(text), len(text) - rng.randrange(1, 40)])
        with self.path.open("a") as file:
            file.write(text[:cut])
        self.rest = text[cut:]

    def end_line(self):
        with self.path.open("a") as file:
            file.write(self.rest)
        self.rest = ""

    def rotate(self, rng):
        self.end_line()
        self.rotated += 1
        old = self.path.with_name(f"Master.csv.{self.rotated}")
        if rng.random() < 0.5:
            self.path.rename(old)
            self.path.touch()
        else:
            shutil.copy2(self.path, old)
            os.truncate(self.path, 0)


def test_a_file_that_grows_and_is_rotated_under_sigkill_is_sealed_line_by_line_once(tmp_path):
    now = dt.datetime.now(dt.UTC)
    day = (now - dt.timedelta(days=1)).date()
    world = World.make(tmp_path, now=now)
    world.epoch(str(day), str(now.date() + dt.timedelta(days=1)))
    prepare(world, GROWN)
    rng, writer = random.Random(6), Writer(tmp_path / "in", day)
    command = [sys.executable, "-m", "coffer", "watch", str(world.vault.path), "--every", "0.1", "--settings"]
    for _ in range(2):
        watching_it = subprocess.Popen([*command, str(tmp_path / "watch.toml")], stdout=subprocess.PIPE)
        os.set_blocking(watching_it.stdout.fileno(), False)
        until = time.monotonic() + 60
        while not watching_it.stdout.readline() and time.monotonic() < until:
            writer.write(rng)
            time.sleep(0.02)
        writer.rotate(rng)
        for _ in range(rng.randrange(5, 25)):  # until it is in the midst of another batch, or between two
            writer.write(rng)
            time.sleep(0.02)
        watching_it.send_signal(signal.SIGKILL)
        watching_it.communicate()
    killed_at = sums_of(world.reopen()).read
    writer.rotate(rng)
    world.outside.now = dt.datetime.now(dt.UTC)
    watch_once(world.reopen())
    again = world.reopen()
    sums = sums_of(again)
    assert 0 < killed_at < writer.number
    assert (sums.read, sums.kept, sums.rejected, sums.duplicate) == (writer.number, writer.number, 0, 0)
    assert total_of(again, day) == writer.number
    assert audit(["vault", str(world.vault.path)]) == 0
