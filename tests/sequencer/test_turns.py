"""Turns on a store in memory, with a running time that the test sets."""

import os
from dataclasses import dataclass, field, replace

import pytest

from coffer.errors import Unavailable
from coffer.sequencer.port import Row
from coffer.sequencer.turns import Lost, Pace, Turn, take, taking
from sequencer.machines import Memory


@dataclass
class Time:
    """Running time that passes only in pauses. ``then``: what happens at each pause."""

    now: float = 1_000.0
    then: list = field(default_factory=list)

    def pause(self, seconds):
        self.now += seconds
        if self.then:
            self.then.pop(0)()

    def pace(self, **changes):
        changes = {"look_s": 1.0, "beat_s": 99.0} | changes
        return Pace(running=lambda: self.now, pause=self.pause, **changes)


def steady(size):
    """Not random, so that pauses are all alike."""
    return b"\x80" * size


def test_free_turn_is_taken_at_once_and_given_back():
    store, time = Memory(), Time()
    with taking(store, os.urandom, wait_s=0, pace=time.pace()) as turn:
        assert store.row.holder
        turn.swap(b"one")
    assert store.row == Row(number=3, holder="", checkpoint=b"one")
    assert time.now == 1_000


def test_holder_that_beats_is_waited_for_and_never_replaced():
    store, time = Memory(), Time()
    held = take(store, os.urandom, wait_s=0, pace=time.pace())
    time.then = [held.beat] * 200
    with pytest.raises(Unavailable, match="another machine is writing to it"):
        take(store, os.urandom, wait_s=60, pace=time.pace())
    assert time.now >= 1_060
    held.swap(b"mine")


def test_holder_that_is_silent_for_the_lease_is_replaced_and_can_change_nothing_more():
    store, time = Memory(), Time()
    held = take(store, os.urandom, wait_s=0, pace=time.pace())
    turn = take(store, os.urandom, wait_s=60, pace=time.pace(lease_s=10))
    assert time.now >= 1_010
    assert turn.replaced
    before = store.row
    for act in (held.beat, lambda: held.swap(b"late"), held.beat):
        with pytest.raises(Lost, match="another machine took the turn") as lost:
            act()
        assert not lost.value.is_in_doubt
    held.end()
    assert store.row == before
    turn.swap(b"one")
    assert store.row.checkpoint == b"one"


def test_one_beat_within_the_lease_begins_the_waiting_anew():
    store, time = Memory(), Time()
    held = take(store, os.urandom, wait_s=0, pace=time.pace())
    time.then = [lambda: None] * 9 + [held.beat]
    take(store, steady, wait_s=60, pace=time.pace(lease_s=10))
    assert time.now >= 1_015


def test_time_in_which_the_store_did_not_answer_counts_for_nobodys_silence():
    store, time = Memory(), Time()
    take(store, os.urandom, wait_s=0, pace=time.pace())
    time.then = [lambda: None] * 9 + [lambda: setattr(store, "silent", 3)]
    take(store, steady, wait_s=60, pace=time.pace(lease_s=10))
    assert time.now >= 1_018


def test_store_that_does_not_answer_is_told_after_a_while_and_not_after_the_whole_wait():
    time = Time()
    with pytest.raises(Unavailable, match="57P01"):
        take(Memory(silent=9999), os.urandom, wait_s=3_600, pace=time.pace(patience_s=30))
    assert time.now < 1_040


@pytest.mark.parametrize("is_done", [False, True], ids=["not done", "done, and the answer was lost"])
def test_every_change_whose_answer_is_lost_is_made_once(is_done):
    store, time = Memory(), Time()
    store.silent, store.is_done = 1, is_done
    turn = take(Silent(store), os.urandom, wait_s=60, pace=time.pace())
    assert store.row.holder
    store.silent = 2
    turn.swap(b"one")
    assert store.row.checkpoint == b"one"
    store.silent = 1
    with pytest.raises(Unavailable, match="57P01"):
        turn.beat()
    turn.swap(b"two")
    assert store.row.checkpoint == b"two"
    turn.end()
    assert store.row.holder == ""


class Silent(Memory):
    """A store of which only the changes fail."""

    def __init__(self, store):
        self._store = store

    def read(self):
        return self._store.row

    def swap(self, before, after):
        return self._store.swap(before, after)


def test_change_that_came_late_is_never_overwritten():
    """A swap was given up, and held after all: the same turn must not put another checkpoint of that size over it."""
    store, time = Memory(), Time()
    turn = take(store, os.urandom, wait_s=0, pace=time.pace(patience_s=5))
    store.silent, store.is_done = 99, True
    with pytest.raises(Unavailable, match="57P01"):
        turn.swap(b"one of size 5")
    store.silent = 0
    assert store.row.checkpoint == b"one of size 5"
    with pytest.raises(Lost, match="another machine took the turn"):
        turn.swap(b"another of size 5")
    assert store.row.checkpoint == b"one of size 5"
    turn.end()
    assert store.row.holder == ""


def test_turn_that_was_lost_after_an_answer_was_lost_says_that_it_does_not_know():
    store, time = Memory(), Time()
    turn = take(store, os.urandom, wait_s=0, pace=time.pace())
    store.silent, store.is_done = 2, True

    def replaced():
        store.row = replace(store.row, number=store.row.number + 1, holder="another", checkpoint=b"two")

    time.then = [replaced]
    with pytest.raises(Lost, match="another machine took the turn") as lost:
        turn.swap(b"one")
    assert lost.value.is_in_doubt


def test_a_turn_shows_itself_while_it_works():
    store = Memory()
    pace = Pace(beat_s=0.005)
    with taking(store, os.urandom, wait_s=0, pace=pace):
        before = store.row.number
        for _ in range(400):
            if store.row.number > before + 2:
                break
            pace.pause(0.005)
        assert store.row.number > before + 2


def test_row_of_a_turn_is_known_by_its_name_alone():
    """Two machines that take the same row make different rows, so that a lost answer is never taken for the other's."""
    row = Row(number=7, holder="", checkpoint=b"")
    one, other = Memory(row=row), Memory(row=row)
    take(one, os.urandom, wait_s=0, pace=Pace())
    take(other, os.urandom, wait_s=0, pace=Pace())
    assert one.row.number == other.row.number == 8
    assert one.row != other.row
    assert Turn(one, row, Pace()).checkpoint == b""
