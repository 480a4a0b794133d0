"""The days of a request over coming days: opened, owed, missing, still to come, ended."""

import datetime as dt
from dataclasses import replace

import pytest

from coffer.authority.authorization import parse_authorization
from coffer.custody.exchange import Cell
from coffer.desk.course import DayState, course_of
from coffer.procedures.opening.continuing import Due, End, Nothing
from coffer.procedures.opening.owed import Owed
from coffer.procedures.opening.run import run_opening
from world import World

FIRST = dt.date(2016, 9, 6)


def day(number):
    return FIRST + dt.timedelta(days=number - 1)


def ingest(world, number, hour=10):
    row = f"+33612345678,+33698765432,{day(number)} {hour:02d}:00:00,60\n"
    world.ingest(row, name=f"{number}-{hour}.csv")


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Five days: the first was opened on its evening, nothing came of the second, the third came since."""
    world = World.make(tmp_path_factory.mktemp("course"))
    world.epoch("2016-09-06", "2016-09-10")
    note = world.authorize(
        subjects=["tel:+33612345678"],
        days=[(str(day(1)), str(day(5)))],
        kinds="call",
        not_before=world.now,
        expires=world.now + dt.timedelta(days=20),
        secret_until=(world.now + dt.timedelta(days=400)).date(),
    )
    world.now = dt.datetime.combine(day(1), dt.time(20), dt.UTC)
    ingest(world, 1)
    before = course(world, note)
    run_opening(world.vault, note, world.custodians(), deliver=lambda _answer: None)
    same_day = course(world, note)
    world.now = dt.datetime.combine(day(3), dt.time(20), dt.UTC)
    ingest(world, 3)
    return world, note, before, same_day


def course(world, note, now=None, **known):
    authorization = parse_authorization(note, "note")
    fields = {
        "owed": world.vault.desk.read_owed(authorization.commitment),
        "needed": 0,
        "has_key": True,
        "is_opening": False,
    } | known
    return course_of(authorization, world.state(), now or world.now, **fields)


def states(shown):
    return [(one.first.day, one.last.day, one.state) for one in shown.days]


def test_days_before_the_first_opening_are_owed_or_to_come(opened):
    _world, _note, before, same_day = opened
    assert states(before) == [(6, 6, DayState.OWED), (7, 10, DayState.AHEAD)]
    assert (before.is_due, before.parts) == (True, ())
    assert states(same_day) == [(6, 6, DayState.OPENED), (7, 10, DayState.AHEAD)]
    assert same_day.next is Nothing.TODAY


def test_day_without_a_file_is_missing_and_what_came_is_owed(opened):
    world, note, *_ = opened
    shown = course(world, note)
    assert states(shown) == [
        (6, 6, DayState.OPENED),
        (7, 7, DayState.MISSING),
        (8, 8, DayState.OWED),
        (9, 10, DayState.AHEAD),
    ]
    assert (isinstance(shown.next, Due), len(shown.parts)) == (True, 1)
    assert course(world, note, is_opening=True).next is None


def test_request_that_is_over_owes_nothing(opened):
    world, note, *_ = opened
    shown = course(world, note, now=world.now + dt.timedelta(days=30))
    assert states(shown) == [(6, 6, DayState.OPENED), (7, 10, DayState.ENDED)]
    assert (shown.next, shown.is_due) == (End.EXPIRED, False)
    withdrawn = course(world, note, has_key=False)
    assert (states(withdrawn), withdrawn.next, withdrawn.is_due) == (states(shown), None, False)


def test_part_over_the_limit_names_the_limit_that_it_needs(opened):
    world, note, *_ = opened
    shown = course(world, note, needed=10**5)
    assert (shown.next, shown.needed, shown.is_due) == (Nothing.SHORT, 10**5, False)
    assert course(world, note, needed=1).needed == 0, "an amendment allows it by now"


def test_cells_that_were_left_unconfirmed_make_their_day_owed_again(opened):
    world, note, *_ = opened
    (part,) = course(world, note).parts
    segment = next(one for one in world.state().segments.values() if one.line.day == FIRST)
    cell = Cell(seg_id=segment.line.seg_id, line=1, rank_from=0, rank_count=64)
    owed = Owed(intent=part.opening.index, cells=(cell,), answered=frozenset())
    shown = course(world, note, owed=owed.format())
    assert states(shown)[0] == (6, 6, DayState.OWED)
    other = replace(owed, intent=part.opening.index + 1)
    assert states(course(world, note, owed=other.format()))[0] == (6, 6, DayState.OPENED)
