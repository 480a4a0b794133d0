"""An opening that stops at any point goes on where it was: the same rows, and the budget is spent once."""

import contextlib
import datetime as dt

import pytest
from forging import DAYS, RECORDS, ROWS, Desk, forge, liar, rows_of

from coffer.authority.authorization import parse_authorization
from coffer.custody.decide import Grant
from coffer.custody.exchange import CONSTANT_REFUSAL
from coffer.disk import Disk
from coffer.errors import CofferError, MalformedInput, Refused, Unavailable
from coffer.ledger.grammar import parse_entry
from coffer_audit.cli import main as audit
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
        if not kind or not kind.startswith(f"coffer.{stage}/v".encode()):
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


@pytest.mark.parametrize("keys_left", [True, False])
def test_draw_that_was_prepared_and_not_logged_is_forgotten_with_its_day(tmp_path, keys_left):
    """Between the journal and the log: a crash. Then the retention of all that was found ends."""
    world = World.make(tmp_path, retention_days=5)
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(RECORDS)
    note = world.authorize(by=ALL, max_records=3)
    crash_in_log(world, "draw", is_logged=False)
    with pytest.raises(Crash, match="draw"):
        world.open(note)
    later = world.reopen()
    later.now = dt.datetime(2016, 9, 5, 13, tzinfo=dt.UTC) if keys_left else dt.datetime(2016, 9, 7, 1, tzinfo=dt.UTC)
    answer = later.open(note)
    assert (rows_of(answer), answer.draw is None) == ((ROWS, False) if keys_left else ([], True))
    assert audit(["answer", str(later.write_answer(answer)), "--vault", str(later.vault.path)]) == 0


@pytest.mark.parametrize("max_records", [2, 3])
def test_opening_over_the_budget_that_was_closed_before_a_crash_says_so_again(world, max_records):
    note = world.authorize(by=ALL, max_records=max_records)
    crash_in_log(world, "close", is_logged=True)
    with pytest.raises(Crash, match="close"):
        world.open(note)
    if max_records == 3:
        assert open_again(world, note) == (ROWS, 3)
        return
    for _ in range(2):  # the first removes the journal, the second begins anew
        with pytest.raises(Refused, match=r"records: 3 found, expected at most 2 \(max-records\)"):
            world.reopen().open(note)
        assert not list((world.vault.path / "desk").glob("*.opening"))


def test_rows_that_show_only_after_the_draw_are_not_said_to_be_no_records(world):
    """Before the crash one custodian hides the second day; all answer when the opening is taken up. The first day alone was drawn."""
    note = world.authorize(by=ALL, max_records=3)

    hides = liar(world, "judge", forge(1, clause=1, day=DAYS[1]))
    crash_in_log(world, "draw", is_logged=True)
    with pytest.raises(Crash, match="draw"):
        world.open(note, [hides, world.custodian("dpo")])
    later = world.reopen()
    answer = later.open(note)
    assert rows_of(answer) == ROWS[:1]
    assert {cell.day: cell.status for cell in answer.cells} == {"2016-09-01": "complete", "2016-09-02": "unconfirmed"}
    assert audit(["answer", str(later.write_answer(answer)), "--vault", str(later.vault.path)]) == 0


@pytest.mark.parametrize("is_others", [False, True])
def test_journal_of_another_authorization_is_not_taken_up(world, is_others):
    first, second = (world.authorize(by=ALL, max_records=3) for _ in range(2))
    for note in (first, second):
        stopped = world.reopen()
        crash_in_log(stopped, "draw", is_logged=True)
        with pytest.raises(Crash, match="draw"):
            stopped.open(note)
    paths = [
        world.vault.path / "desk" / f"{parse_authorization(note, 'note').commitment.hex()}.opening"
        for note in (first, second)
    ]
    if not is_others:
        assert open_again(world, second) == (ROWS, 3)
        return
    paths[1].write_bytes(paths[0].read_bytes())
    with pytest.raises(Refused, match="all 3 that it allows were drawn before"):
        world.reopen().open(second)
    assert open_again(world, first) == (ROWS, 3)


DAMAGED = {
    "nothing": b"",
    "no object": b"[]",
    "deep": b"[" * 100_000,
    "endless": b'{"intent": Infinity, "salt": "", "cells": "", "result_salt": ""}',
    "no index": b'{"intent": true, "salt": "%s", "cells": "", "result_salt": "%s"}' % (b"00" * 32, b"00" * 32),
    "short salt": b'{"intent": 9, "salt": "%s", "cells": "", "result_salt": "00"}' % (b"00" * 32),
    "half a cell": b'{"intent": 9, "salt": "%s", "cells": "00", "result_salt": "%s"}' % (b"00" * 32, b"00" * 32),
}


@pytest.mark.parametrize("raw", DAMAGED.values(), ids=DAMAGED)
def test_damaged_journal_is_said_to_be_damaged_and_what_to_do(world, raw):
    note = world.authorize(by=ALL, max_records=3)
    crash_in_log(world, "intent", is_logged=True)
    with pytest.raises(Crash, match="intent"):
        world.open(note)
    again = world.reopen()
    path = again.vault.path / "desk" / f"{parse_authorization(note, 'note').commitment.hex()}.opening"
    path.write_bytes(raw)
    with pytest.raises(MalformedInput, match="the file of the opening in progress is damaged"):
        again.open(note)
    path.unlink()
    assert open_again(again, note) == (ROWS, 3)


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
    assert service._folder.memory.remembered() == world.vault.log.checkpoint()
