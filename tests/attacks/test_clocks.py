"""A clock that is set wrong, again and again, and keys that must not die of it; and keys that must die though nobody tells the time."""

import datetime as dt
import os

import pytest
from forging import log_entries

from coffer.cli.console import uptime
from coffer.custodian.evident import Uptime
from coffer.custodian.machine.attendant import Attendant
from coffer.errors import Refused
from coffer.ledger.entries import Commitment, RevokeEntry
from elsewhere import Elsewhere
from world import PASSPHRASE, World

MINUTE = dt.timedelta(minutes=1)


class Machine:
    """A custodian's machine whose clock, and how long it has been running, are set apart from each other."""

    def __init__(self, world, days):
        self.world, self.boot, self.ran = world, "one", dt.timedelta(0)
        self.clock_is_ahead, self.off = dt.timedelta(0), dt.timedelta(0)
        self.start = world.now
        self.machine = world.machine("judge")
        self.service = self._service()
        self.attendant = self._attendant()
        self.machine.make_epoch_keys(
            self.service, [self.start.date() - dt.timedelta(days=n) for n in range(days)], os.urandom
        )
        with world.vault.writing() as state:
            world.vault.append(self.machine.waiting(), state)

    def _service(self):
        return self.machine.service(PASSPHRASE, log=self.world.vault.log, clock=self.clock, uptime=self.uptime)

    def _attendant(self):
        return Attendant(
            self.machine,
            self.service,
            passphrase=PASSPHRASE,
            clock=self.clock,
            entropy=os.urandom,
            epoch_ahead=0,
        )

    def clock(self):
        return self.start + self.off + self.ran + self.clock_is_ahead

    def uptime(self):
        return Uptime(boot=self.boot, seconds=int(self.ran.total_seconds()))

    def runs(self, time):
        self.ran += time
        self.attendant.look()
        return self

    def is_off(self, time):
        """Switched off for so long; another start."""
        self.off += time + self.ran
        self.ran, self.boot = dt.timedelta(0), self.boot + "x"
        self.service = self._service()
        self.attendant = self._attendant()

    def keys(self):
        return len(self.machine.folder.epoch_days())


def log_goes_on(world, time):
    """An entry by another custodian, dated so."""
    world.now = time
    log_entries(world, RevokeEntry(authorization=Commitment(bytes(32))), key=world.custodian("dpo").keys.auth)


@pytest.fixture
def judge(tmp_path):
    return Machine(Elsewhere.make_elsewhere(tmp_path), 200)


def test_clock_set_ahead_by_a_month_again_and_again_destroys_nothing(judge):
    judge.runs(MINUTE)
    assert judge.keys() == 200
    for step in range(1, 12):
        judge.clock_is_ahead = dt.timedelta(days=165 + 31 * step)
        judge.runs(MINUTE)
    assert judge.keys() >= 200, "one may have been made for what the clock calls today"
    judge.clock_is_ahead = dt.timedelta(days=165 + 20)
    judge.runs(MINUTE)
    assert judge.attendant.is_behind
    assert "nothing else shows that it is so late" in judge.attendant.trouble


def test_twin_time_that_passes_destroys_a_key_a_day_though_the_log_is_hidden(judge):
    judge.runs(MINUTE)
    (judge.world.vault.path / "log").rename(judge.world.vault.path / "hidden")
    for _ in range(166):
        judge.runs(dt.timedelta(days=1))
    assert judge.keys() == 199
    for _ in range(5):
        judge.runs(dt.timedelta(days=1))
    assert judge.keys() == 194


def test_clock_ahead_and_a_restart_destroy_nothing_either(judge):
    judge.runs(MINUTE)
    judge.clock_is_ahead = dt.timedelta(days=165 + 20)
    for _ in range(5):
        judge.is_off(dt.timedelta(0))
        judge.runs(MINUTE)
    assert judge.keys() >= 200


def test_entries_dated_ahead_destroy_nothing_without_the_clock(judge):
    judge.runs(MINUTE)
    log_goes_on(judge.world, judge.start + dt.timedelta(days=190))
    judge.runs(MINUTE)
    assert judge.keys() >= 200


def test_machine_that_was_off_for_twenty_days_is_up_to_date_once_the_log_goes_on(judge):
    for _ in range(166):
        judge.runs(dt.timedelta(days=1))
    assert judge.keys() >= 199
    before = judge.keys()
    judge.is_off(dt.timedelta(days=20))
    judge.runs(MINUTE)
    assert judge.keys() >= before, "nobody tells that time has passed"
    log_goes_on(judge.world, judge.start + judge.off)
    judge.runs(MINUTE)
    judge.runs(MINUTE)
    assert judge.keys() <= before - 20 + 3, "with the keys that are made for new days"
    assert not judge.attendant.is_behind


def test_person_who_says_that_the_clock_is_right_is_believed(judge):
    judge.runs(MINUTE)
    judge.clock_is_ahead = dt.timedelta(days=165 + 20)
    destroyed = judge.machine.destroy_due_keys(judge.service, judge.clock(), PASSPHRASE, os.urandom)
    assert destroyed == []
    held_back = judge.service.held_back
    assert held_back in (20, 21), "by the hour at which the test runs"
    destroyed = judge.machine.destroy_due_keys(judge.service, judge.clock(), PASSPHRASE, os.urandom, may_catch_up=True)
    assert len(destroyed) == held_back
    judge.runs(MINUTE)
    assert judge.service.held_back == 0


def test_memory_of_the_time_that_somebody_wrote_counts_for_nothing(judge):
    judge.runs(MINUTE)
    path = judge.machine.path / "evident"
    good = path.read_bytes()
    reached = good.split(b"reached: ")[1][:4]
    path.write_bytes(good.replace(b"reached: " + reached, b"reached: 9999"))
    judge.clock_is_ahead = dt.timedelta(days=165 + 20)
    judge.runs(MINUTE)
    assert judge.keys() >= 200


def test_local_custodians_hold_back_what_only_the_clock_says(tmp_path):
    world = World.make(tmp_path)
    first = world.now.date()
    world.epoch(first.isoformat(), (first + dt.timedelta(days=5)).isoformat())
    running, world.now = world.uptime(), world.now + dt.timedelta(days=368)
    service = world.custodian("judge")
    service._lifetime._uptime = lambda: running
    service.destroy_due(world.now, lambda: PASSPHRASE, os.urandom)
    assert service.held_back == 4
    assert len(service._folder.epoch_days()) == 6
    again = world.custodian("judge")
    again.destroy_due(world.now, lambda: PASSPHRASE, os.urandom)
    assert again.held_back == 0, "twin: the machine ran all the time"
    assert len(again._folder.epoch_days()) == 2


def test_years_ahead_are_refused_as_before(judge):
    judge.clock_is_ahead = dt.timedelta(days=3_650)
    with pytest.raises(Refused, match="days are due at once"):
        judge.machine.destroy_due_keys(judge.service, judge.clock(), PASSPHRASE, os.urandom)
    assert judge.keys() == 200


def test_this_machine_says_how_long_it_has_been_running():
    found = uptime()
    assert found.boot
    assert found.seconds > 0
    assert uptime().boot == found.boot
