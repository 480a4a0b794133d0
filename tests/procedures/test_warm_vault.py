"""A vault that keeps its replayed log says what one says that replays it, whoever else writes meanwhile."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from coffer.authority.authorization import parse_authorization
from coffer.errors import NotProven, Refused
from coffer.ledger.entries import RevokeEntry
from coffer.ledger.snapshot import format_snapshot
from coffer.procedures.opening.run import run_opening
from coffer.vault.folder import open_vault
from world import World

RECORDS = "+33612345678,+33698765432,2016-09-0{day} 10:00:00,60\n"


@pytest.fixture
def world(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(RECORDS.format(day=1))
    return world


def warm_of(world):
    return open_vault(world.vault.path, world.disk, world.outside, is_warm=True)


def test_it_says_what_a_cold_one_says_after_each_change_by_either(world):
    warm = warm_of(world)
    for act in (
        lambda: world.ingest(RECORDS.format(day=2), name="second.csv"),
        lambda: run_opening(warm, world.authorize(), world.custodians(), deliver=lambda _: None),
        lambda: world.open(world.authorize()),
        lambda: world.ingest(RECORDS.format(day=3), name="third.csv"),
        lambda: run_opening(warm, world.authorize(), world.custodians(), deliver=lambda _: None),
    ):
        before = warm.replay()
        held = format_snapshot(before)
        act()
        assert format_snapshot(warm.replay()) == format_snapshot(world.vault.replay()) != held
        assert format_snapshot(before) == held, "a State that was handed out changed"


def test_nothing_is_replayed_while_nothing_is_new(world):
    warm = warm_of(world)
    assert warm.replay() is warm.replay()


def test_an_act_that_fails_leaves_no_trace_in_what_is_kept(world):
    warm = warm_of(world)
    held = format_snapshot(warm.replay())

    def act():
        with warm.writing() as state:
            state.revoked.add(b"x" * 32)
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        act()
    assert format_snapshot(warm.replay()) == held


def test_a_log_that_was_put_back_is_no_continuation(world):
    copy = world.path / "copy"
    shutil.copytree(world.vault.path / "log", copy)
    warm = warm_of(world)
    world.ingest(RECORDS.format(day=2), name="second.csv")
    warm.replay()
    shutil.rmtree(world.vault.path / "log")
    shutil.copytree(copy, world.vault.path / "log")
    with pytest.raises(NotProven, match="expected at least"):
        warm.replay()


def test_others_are_asked_before_each_act_and_not_once_a_process(tmp_path):
    asked = []
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-03")
    warm = warm_of(world)

    class Others:
        def verify_newest(self, state):
            asked.append(state.size)
            return True

        def gather(self, _state):
            return {}

    warm.writer.others = Others
    for _ in range(2):
        note = world.authorize()
        run_opening(warm, note, world.custodians(), deliver=lambda _: None)
    assert len(asked) == 2


def test_a_revocation_elsewhere_is_seen_by_the_next_opening(world):
    warm, note = warm_of(world), world.authorize()
    warm.replay()
    judge, authorization = world.keys("judge"), parse_authorization(note, "note")
    with world.vault.writing() as state:
        entry = world.vault.entry(RevokeEntry(authorization=authorization.commitment), judge.auth, state)
        world.vault.append([entry], state)
    with pytest.raises(Refused, match="revoked"):
        run_opening(warm, note, world.custodians(), deliver=lambda _: None)


def test_many_threads_read_while_others_write(world):
    warm = warm_of(world)

    def read(_):
        return warm.replay().size

    with ThreadPoolExecutor(8) as pool:
        sizes = [pool.submit(read, n) for n in range(50)]
        for n in range(5):
            world.ingest(RECORDS.format(day=2).replace("10:00", f"1{n}:00"), name=f"{n}.csv")
            sizes += [pool.submit(read, n) for n in range(20)]
    assert max(future.result() for future in sizes) <= world.vault.replay().size
    assert format_snapshot(warm.replay()) == format_snapshot(world.vault.replay())
