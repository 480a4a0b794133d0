"""A task of one machine's cluster lies, so that what another machine is about to log, or has logged, would be removed."""

# ruff: noqa: F811 - fixtures of another room

import os
from functools import partial

import pytest

from coffer.cli.main import run
from coffer.disk import Disk
from coffer.errors import NotProven, Unavailable
from coffer.notes.keys import seal
from coffer.procedures.ingest.run import run_ingest
from coffer.procedures.ingest.spread.outcome import Outcome, format_outcome
from coffer.procedures.ingest.spread.sealers import SpreadSealers
from coffer.procedures.ingest.spread.task import outcome_info, seal_split
from coffer.segments.header import CORE_BYTES
from coffer.segments.store import id_of
from coffer.sequencer.turns import Lost, Pace
from sequencer.conftest import memory_folder  # noqa: F401 - a fixture
from sequencer.test_several_machines import (  # noqa: F401 - fixtures
    FIRST,
    SECOND,
    joined,
    objects,
    one,
    tmp_path,
)
from world import feed


class Cluster:
    """Runs each split once, after ``before``; ``lie`` changes what it gives back."""

    def __init__(self, before=lambda _work: None, lie=None):
        self.before, self.lie = before, lie

    def run(self, work):
        self.before(work)
        given = [(number, seal_split(work, number)) for number in range(len(work.splits))]
        if self.lie is None:
            return given
        outcome = Outcome(staged=tuple(self.lie(work)))
        return [(number, seal(format_outcome(outcome), work.public, info=outcome_info(number))) for number, _ in given]


def ingest(world, text, name, *, cluster=None, on_logging=lambda _batch, _files: None):
    (world.path / name).write_text(text)
    return run_ingest(
        world.vault,
        feed(),
        [str(world.path / name)],
        on_progress=lambda **_: None,
        on_rejects=lambda *_: None,
        on_logging=on_logging,
        engine=None if cluster is None else partial(SpreadSealers, cluster=cluster),
    )


def segments(world):
    return set(world.vault.objects.keys("segments/"))


def forge(world, work, keys):
    """A note of a task that names another machine's segments, in every way that a note was ever read."""
    held = world.vault.objects
    notes = work.config.place.open_for_task(work.tasks, 0, Disk(), os.urandom).puts
    notes.add([], "".join(f"{key}\n" for key in keys).encode())
    for key in keys:
        if key.endswith(".header"):
            notes.add([], held.read(key)[:CORE_BYTES])


def test_an_outcome_that_names_what_another_machine_logged_meanwhile_removes_nothing(one):
    two, theirs = joined(one, "two"), set()

    def lie(_work):
        assert ingest(two, SECOND, "other.csv").entries
        known = {seg_id.hex() for seg_id in two.state().segments}
        theirs.update(key for key in segments(two) if id_of(key) in known)
        return sorted(theirs)

    with pytest.raises(NotProven, match="a segment of another ingest"):
        ingest(one, FIRST, "a.csv", cluster=Cluster(lie=lie))
    assert theirs <= segments(one)
    assert run(["fsck", str(two.vault.path), "--deep"]) == 0
    assert ingest(one, FIRST, "a.csv", cluster=Cluster()).files[0].kept == 8


def test_a_note_that_names_what_another_machine_is_about_to_log_removes_nothing(one):
    two = joined(one, "two")

    def on_logging(_batch, _files):
        theirs = segments(two)
        assert len(theirs) >= 6
        ingest(one, FIRST, "a.csv", cluster=Cluster(lambda work: forge(one, work, theirs)))
        assert theirs <= segments(two)

    assert ingest(two, SECOND, "b.csv", on_logging=on_logging).files[0].kept == 6
    assert run(["fsck", str(two.vault.path), "--deep"]) == 0
    assert list(one.vault.objects.keys("tasks/")) == []


def test_nothing_is_logged_of_which_an_object_is_gone(one):
    two = joined(one, "two")

    def on_logging(_batch, _files):
        gone = next(key for key in segments(two) if key.endswith(".rows"))
        two.vault.objects.delete([gone])

    size = one.state().size
    with pytest.raises(Unavailable, match=r"^segments/.*\.rows: put by this ingest and gone; nothing was logged$"):
        ingest(two, SECOND, "b.csv", on_logging=on_logging)
    assert one.state().size == size
    assert segments(two) == set()
    assert ingest(two, SECOND, "b.csv").files[0].kept == 6


def test_two_outcomes_of_the_same_segments_leave_nothing_behind(one):
    class Doubling(Cluster):
        def run(self, work):
            return [(0, seal_split(work, 0)), (1, self.again(work))]

        def again(self, work):
            staged = tuple(sorted(segments(one)))
            return seal(format_outcome(Outcome(staged=staged)), work.public, info=outcome_info(1))

    (one.path / "b.csv").write_text(SECOND)
    (one.path / "a.csv").write_text(FIRST)
    names = [str(one.path / name) for name in ("a.csv", "b.csv")]
    go = partial(run_ingest, one.vault, feed(), names, on_progress=lambda **_: None, on_rejects=lambda *_: None)
    with pytest.raises(NotProven, match="a segment of two tasks"):
        go(engine=partial(SpreadSealers, cluster=Doubling(), split_bytes=10))
    assert [*segments(one), *one.vault.objects.keys("tasks/")] == []
    assert not (one.vault.path / "puts").exists()
    assert go(engine=partial(SpreadSealers, cluster=Cluster(), split_bytes=10)).rows > 0


def test_a_writer_that_lost_its_turn_removes_what_it_put(one, monkeypatch):
    monkeypatch.setattr("coffer.sequencer.sequencer.Pace", lambda: Pace(lease_s=0.1, look_s=0.005))
    two = joined(one, "two")
    look = one.vault.writer.look_outside

    def stopped(state):
        look(state)
        if not two.state().batches:
            one.vault.machines.sequencer._turn.beat = lambda: None  # as its thread that beats would be
            ingest(two, SECOND, "b.csv")

    monkeypatch.setattr(one.vault.writer, "look_outside", stopped)
    with pytest.raises(Lost, match="another machine took the turn"):
        ingest(one, FIRST, "a.csv")
    known = {seg_id.hex() for seg_id in two.state().segments}
    assert {id_of(key) for key in segments(one)} == known
    assert run(["fsck", str(two.vault.path)]) == 0
    assert ingest(one, FIRST, "a.csv").files[0].kept == 8


def test_what_a_killed_writer_put_is_removed_by_its_next_command(one, monkeypatch):
    """It was killed once the log might name it; in the turn the log is the newest, and does not."""
    with monkeypatch.context() as patch:
        patch.setattr(type(one.vault), "append", lambda *_: exec("raise KeyboardInterrupt('killed')"))
        with pytest.raises(KeyboardInterrupt, match="killed"):
            ingest(one, FIRST, "a.csv")
    assert len(segments(one)) == 6
    with one.vault.writing():
        pass
    assert segments(one) == set()
    assert ingest(one, FIRST, "a.csv").files[0].kept == 8
