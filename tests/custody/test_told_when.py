"""Who of a custodian's people is told when: at once, again at the pace of the class, deputies when nobody looks."""

import datetime as dt
import itertools

import pytest

from coffer.custodian.duty import Staff, Told, Waits, decide_told
from coffer.ledger.entries import Commitment
from coffer.notify.message import News
from coffer.notify.settings import PACES, Pace

NIGHT = dt.datetime(2016, 9, 5, 22, 0, tzinfo=dt.UTC)
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
STAFF = Staff(on_duty=(1, 2), deputies=(3,), everybody=(1, 2, 3))
NUMBERS = itertools.count()


def waits(urgency="emergency", *, came=NIGHT, due=8 * HOUR, ends=20 * DAY, **more):
    number = Commitment(next(NUMBERS).to_bytes(32, "big"))
    return Waits(about=number, urgency=urgency, came=came, due=came + due, ends=came + ends, **more)


class Night:
    """A clock that is moved, and what was told: (minutes since 22:00, person, news)."""

    def __init__(self, staff=STAFF):
        self.staff, self.memory, self.told = staff, {}, []

    def look(self, minutes, *waiting):
        now = NIGHT + minutes * MINUTE
        tells, self.memory = decide_told(waiting, self.staff, self.memory, PACES, now)
        told = [(minutes, tell.person, tell.news) for tell in tells]
        self.told += told
        return [(person, news) for _, person, news in told]


def test_emergency_at_night_that_nobody_opens_reaches_the_deputy_after_ten_minutes():
    night, one = Night(), waits()
    for minutes in range(16):
        night.look(minutes, one)
    assert night.told == [
        (0, 1, News.REQUEST_WAITS),
        (0, 2, News.REQUEST_WAITS),
        (5, 1, News.REQUEST_WAITS),
        (5, 2, News.REQUEST_WAITS),
        (10, 1, News.REQUEST_WAITS),
        (10, 2, News.REQUEST_WAITS),
        (10, 3, News.NOBODY_LOOKED),
        (15, 1, News.REQUEST_WAITS),
        (15, 2, News.REQUEST_WAITS),
        (15, 3, News.REQUEST_WAITS),
    ]


def test_whoever_opened_it_has_it_and_the_others_sleep():
    night, one = Night(), waits()
    night.look(0, one)
    opened = Waits(**{name: getattr(one, name) for name in Waits.__slots__} | {"opened_by": (2,)})
    assert night.look(5, opened) == [(2, News.REQUEST_WAITS)]
    assert night.look(12, opened) == [(2, News.REQUEST_WAITS)], "the deputy is not called: somebody has it"
    agreed = Waits(**{name: getattr(opened, name) for name in Waits.__slots__} | {"agreed": (2,)})
    assert night.look(13, agreed) == [(1, News.REQUEST_WAITS)], "the second person must agree"
    assert night.look(18, agreed) == [(1, News.REQUEST_WAITS)]


def test_ordinary_order_of_ten_days_is_said_daily_and_soon_and_late_once():
    night, one = Night(), waits("ordinary", due=10 * DAY)
    for hours in range(0, 24 * 11, 1):
        night.look(hours * 60, one)
    first = [(minutes // 60, news) for minutes, person, news in night.told if person == 1]
    days = [(24 * day, News.REQUEST_WAITS) for day in range(10)]
    soon = [(24 * 10 - 6, News.DUE_SOON), (24 * 10, News.LATE)]
    assert first == [*days, *soon]
    deputy = [(minutes // 60, news) for minutes, person, news in night.told if person == 3]
    assert deputy[0] == (48, News.NOBODY_LOOKED)


def test_without_a_deputy_everybody_is_told_also_who_is_away():
    night, one = Night(Staff(on_duty=(1,), deputies=(), everybody=(1, 2))), waits()
    assert night.look(9, one) == [(1, News.REQUEST_WAITS)]
    assert night.look(10, one) == [(2, News.NOBODY_LOOKED)]


def test_where_nobody_is_on_duty_deputies_are_told_at_once():
    night = Night(Staff(on_duty=(), deputies=(3,), everybody=(1, 3)))
    assert night.look(0, waits()) == [(3, News.REQUEST_WAITS)]


def test_many_of_one_class_are_one_message_with_the_nearest_deadline():
    several = [waits("ordinary", due=days * DAY) for days in (9, 3, 7)]
    tells, _ = decide_told([*several, waits()], STAFF, {}, PACES, NIGHT)
    assert [(tell.person, tell.urgency) for tell in tells] == [
        (1, "ordinary"),
        (2, "ordinary"),
        (1, "emergency"),
        (2, "emergency"),
    ]
    assert {tell.due - NIGHT for tell in tells if tell.urgency == "ordinary"} == {3 * DAY}


def test_what_was_decided_is_forgotten_and_who_has_no_address_is_not_told():
    one = waits()
    tells, memory = decide_told([one], Staff(on_duty=(1, 9), deputies=(), everybody=(1,)), {}, PACES, NIGHT)
    assert [tell.person for tell in tells] == [1]
    assert memory == {(one.about, 1): Told(last=NIGHT, agreed=0)}
    assert decide_told([], STAFF, memory, PACES, NIGHT) == ((), {})


@pytest.mark.parametrize("urgency", PACES)
def test_the_file_sets_the_pace_of_each_class(urgency):
    paces = PACES | {urgency: Pace(remind=3 * MINUTE, escalate=7 * MINUTE)}
    one, memory, told = waits(urgency, due=9 * DAY), {}, []
    for minutes in range(8):
        tells, memory = decide_told([one], STAFF, memory, paces, NIGHT + minutes * MINUTE)
        told += [(minutes, tell.person) for tell in tells]
    assert told == [(0, 1), (0, 2), (3, 1), (3, 2), (6, 1), (6, 2), (7, 3)]
