"""How late it evidently is, by hand; times are days after one noon."""

import datetime as dt

import pytest

from coffer.custodian.evident import BUDGET, Evident, Uptime, advance, confirmed, is_worth_keeping
from coffer.errors import MalformedInput

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
DAY_S = 86_400


def at(days):
    return NOON + dt.timedelta(days=days)


def up(days, boot="one"):
    return Uptime(boot=boot, seconds=int(days * DAY_S))


def first(**changes):
    fields = {"now": at(0), "uptime": up(0), "outside": at(0)} | changes
    return advance(None, **fields)


def test_without_a_memory_only_what_clock_and_log_agree_on_has_come():
    assert first(now=at(400)).reached == at(0)
    assert first(outside=at(400)).reached == at(0)


def test_time_passes_as_the_machine_runs_though_the_log_is_hidden():
    assert advance(first(), now=at(20), uptime=up(20), outside=at(0)).reached >= at(20)


def test_clock_that_steps_while_the_machine_runs_moves_nothing():
    known = first()
    for step in range(1, 50):
        known = advance(known, now=at(31 * step), uptime=Uptime(boot="one", seconds=60 * step), outside=at(0))
    assert known.reached == at(0) + dt.timedelta(minutes=49)


def test_entry_dated_ahead_moves_nothing_without_the_clock():
    known = advance(first(), now=at(1), uptime=up(1), outside=at(400))
    assert known.reached == at(1)


def test_machine_that_was_off_is_up_to_date_once_the_log_confirms():
    known = advance(first(), now=at(20), uptime=up(0, "two"), outside=at(0))
    assert known.reached == at(0)
    known = advance(known, now=at(20), uptime=up(0.01, "two"), outside=at(20))
    assert known.reached == at(20)


def test_clock_and_log_together_gain_a_month_and_then_a_day_a_day():
    known = first()
    for step in range(1, 50):
        known = advance(known, now=at(31 * step), uptime=Uptime(boot="one", seconds=60 * step), outside=at(31 * step))
    assert known.reached < at(BUDGET.days + 1)


def test_machine_that_was_off_and_sees_no_log_catches_up_by_two_days_a_day():
    known = advance(first(), now=at(20), uptime=up(0, "two"), outside=at(0))
    reached = []
    for hour in range(24 * 25):
        hours = hour / 24
        known = advance(known, now=at(20 + hours), uptime=up(hours, "two"), outside=at(0))
        reached.append((at(20 + hours) - known.reached).total_seconds() / DAY_S)
    assert reached[23] == pytest.approx(20, abs=0.1), "a day of silence first"
    assert reached[24 * 11] == pytest.approx(10, abs=0.2)
    assert reached[-1] == 0


def test_clock_ahead_beside_a_log_that_lives_gains_nothing():
    known = first()
    for day in range(1, 40):
        known = advance(known, now=at(365 + day), uptime=up(day), outside=at(day))
    assert known.reached == at(39)


def test_reboots_alone_move_nothing():
    known = first()
    for n in range(100):
        known = advance(known, now=at(31 * n), uptime=Uptime(boot=f"{n}", seconds=30), outside=at(0))
    assert known.reached <= at(0) + dt.timedelta(seconds=30 * 100)


def test_unknown_uptime_leaves_the_log_to_tell():
    known = advance(first(uptime=Uptime()), now=at(5), uptime=Uptime(), outside=at(5))
    assert known.reached == at(5)
    assert advance(known, now=at(9), uptime=Uptime(), outside=at(5)).reached == at(5)


def test_person_confirms():
    assert confirmed(first(), at(300)).reached == at(300)


def test_text_is_read_back_and_nothing_else_is():
    for known in (first(), first(uptime=Uptime())):
        assert Evident.parse(known.format(), "evident") == known
    for raw in (b"", first().format() + b"x: 1\n", first().format().replace(b"quiet: 0", b"quiet: 00")):
        with pytest.raises(MalformedInput, match=r"^evident: "):
            Evident.parse(raw, "evident")


def test_it_is_written_once_an_hour_and_when_the_machine_started():
    known = first()
    later = advance(known, now=at(0.02), uptime=up(0.02), outside=at(0))
    assert is_worth_keeping(None, known)
    assert not is_worth_keeping(known, later)
    assert is_worth_keeping(known, advance(known, now=at(0.05), uptime=up(0.05), outside=at(0)))
    assert is_worth_keeping(known, advance(known, now=at(0), uptime=up(0, "two"), outside=at(0)))
