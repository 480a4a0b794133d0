"""An opening that stops at any point goes on where it was: the same rows, and the budget is spent once."""

import contextlib
import datetime as dt

import pytest
from forging import RECORDS, ROWS, Desk, rows_of

from coffer.authority.authorization import parse_authorization
from coffer.custody.decide import Grant
from coffer.custody.exchange import CONSTANT_REFUSAL
from coffer.disk import Disk
from coffer.errors import CofferError, Unavailable
from coffer.ledger.grammar import parse_entry
from world import World

ALL = ("judge", "dpo", "regulator")


class Crash(Exception):  # noqa: N818 - not an error of ours
    pass


@pytest.fixture
def world(world):
    world.ingest(RECORDS)
    return world


def crash_in_log(world, stage, *, is_logged):
    """Make the log stop at the entry of a stage, before or after it is durable."""
    append = world.vault.log.append

    def stopping(entries, signer):
        kind = entries and parse_entry(entries[0], "entry").note.text.split(b"\n")[0]
        if kind != f"coffer.{stage}/v1".encode():
            return append(entries, signer)
        if is_logged:
            append(entries, signer)
        raise Crash(stage)

    world.vault.log.append = stopping


def crash_in_custodian(world, asked, *, is_answered):
    """The first custodian, which stops when asked for the n-th time."""
    honest = world.custodian("judge")

    class Stopping:
        name = "judge"
        count = 0

        def answer(self, sealed):
            self.count += 1
            if self.count < asked:
                return honest.answer(sealed)
            if is_answered:
                honest.answer(sealed)
            raise Crash(f"request {asked}")

        def cosign(self, checkpoint):
            return honest.cosign(checkpoint)

    return [Stopping(), *world.custodians("dpo", "regulator")]


def open_again(world, note):
    later = world.reopen()
    answer = later.open(note)
    state = later.state()
    drawn = state.drawn(parse_authorization(note, "note").commitment, up_to=state.size)
    return rows_of(answer), drawn


@pytest.mark.parametrize(
    ("stage", "is_logged"),
    [("intent", False), ("intent", True), ("draw", False), ("draw", True), ("close", False)],
)
def test_crash_at_a_log_entry_costs_no_budget(world, stage, is_logged):
    note = world.authorize(by=ALL, max_records=3)
    crash_in_log(world, stage, is_logged=is_logged)
    with pytest.raises(Crash, match=stage):
        world.open(note)
    assert open_again(world, note) == (ROWS, 3)


def test_crash_right_after_the_close_is_logged_costs_no_budget(world):
    note = world.authorize(by=ALL, max_records=3)
    crash_in_log(world, "close", is_logged=True)
    with pytest.raises(Crash, match="close"):
        world.open(note)
    assert open_again(world, note) == (ROWS, 3)


@pytest.mark.parametrize("is_answered", [False, True])
@pytest.mark.parametrize("asked", [1, 2])
def test_crash_while_custodians_are_asked_costs_no_budget(world, asked, is_answered):
    note = world.authorize(by=ALL, max_records=3)
    with pytest.raises(Crash, match=f"request {asked}"):
        world.open(note, crash_in_custodian(world, asked, is_answered=is_answered))
    assert open_again(world, note) == (ROWS, 3)


@pytest.mark.parametrize("written", [1, 2])
def test_crash_before_or_after_the_journal_is_written_costs_no_budget(world, written):
    note = world.authorize(by=ALL, max_records=3)
    write, count = world.vault.desk.write_opening, []

    def stopping(commitment, raw):
        count.append(raw)
        write(commitment, raw)
        if len(count) == written:
            raise Crash("journal")

    world.vault.desk.write_opening = stopping
    with pytest.raises(Crash, match="journal"):
        world.open(note)
    assert open_again(world, note) == (ROWS, 3)


def test_twin_without_a_crash(world):
    note = world.authorize(by=ALL, max_records=3)
    assert open_again(world, note) == (ROWS, 3)


def test_crash_twice_in_one_opening_costs_no_budget(world):
    note = world.authorize(by=ALL, max_records=3)
    crash_in_log(world, "draw", is_logged=True)
    with pytest.raises(Crash, match="draw"):
        world.open(note)
    again = world.reopen()
    with pytest.raises(Crash, match="request 2"):
        again.open(note, crash_in_custodian(again, 2, is_answered=True))
    assert open_again(again, note) == (ROWS, 3)


def test_records_that_came_in_after_the_crash_do_not_change_the_opening(world):
    note = world.authorize(by=ALL, max_records=3)
    crash_in_log(world, "draw", is_logged=True)
    with pytest.raises(Crash, match="draw"):
        world.open(note)
    later = world.reopen()
    later.ingest("+33612345678,+33698765432,2016-09-03 10:00:00,60\n", name="more.csv")
    assert open_again(later, note) == (ROWS, 3)


def test_opening_that_was_cut_off_ends_with_a_refusal_when_a_day_is_over_its_retention_meanwhile(tmp_path):
    world = World.make(tmp_path, retention_days=5)
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(RECORDS)
    note = world.authorize(by=ALL, max_records=3)
    crash_in_log(world, "draw", is_logged=True)
    with pytest.raises(Crash, match="draw"):
        world.open(note)
    later = world.reopen()
    later.now = dt.datetime(2016, 9, 6, 1, tzinfo=dt.UTC)
    with pytest.raises(CofferError, match="its retention is over"):
        later.open(note)


def test_journal_that_names_another_draw_than_the_log_is_not_taken_up(world):
    note = world.authorize(by=ALL, max_records=3)
    crash_in_log(world, "draw", is_logged=True)
    with pytest.raises(Crash, match="draw"):
        world.open(note)
    path = next((world.vault.path / "desk").glob("*.opening"))
    raw = path.read_bytes()
    at = raw.index(b'"salt": "') + 9
    path.write_bytes(raw[:at] + b"00" * 32 + raw[at + 64 :])
    with pytest.raises(CofferError, match="the draw in the log is not the one that was prepared here"):
        world.reopen().open(note)


class FailingDisk(Disk):
    """Fails when a custodian wants to remember a checkpoint."""

    fails = True

    def write(self, path, *parts, private=False):
        if self.fails and path.name == "remembered":
            raise Unavailable("remembered: no space left on device")
        super().write(path, *parts, private=private)


def test_checkpoint_that_could_not_be_remembered_is_not_acted_on(world):
    desk = Desk(world, world.authorize(by=ALL))
    request = desk.labels(desk.intent())
    disk = FailingDisk()
    service = world.reopen(disk).custodian("judge")
    for _ in range(2):
        with contextlib.suppress(Unavailable):
            assert desk.ask(request, service=service) == CONSTANT_REFUSAL
    disk.fails = False
    assert isinstance(desk.decide(request), Grant)
    assert desk.ask(request, service=service).startswith(b"COFRSP01")
    assert service._folder.remembered() == world.vault.log.checkpoint()
