"""Totals by several things at once, worked out by hand on nine records."""

import pytest

from coffer.errors import MalformedInput
from coffer.procedures.reports.totals import make_report
from world import feed

CALLS = (
    "0611111111,0622222222,2016-09-01 10:00:00,0\n"
    "0611111111,+33633333333,2016-09-01 11:00:00,59\n"
    "+4915100000001,0622222222,2016-09-01 12:00:00,60\n"
    "0611111111,+4915100000001,2016-09-02 12:00:00,1800\n"
    "anonymous,0622222222,2016-09-02 13:00:00,5\n"
)
TEXTS = (
    "0611111111,0622222222,2016-09-01 10:00:00,\n"
    "0611111111,0622222222,2016-09-01 10:00:01,\n"
    "0622222222,0611111111,2016-09-02 10:00:00,\n"
    "+4915100000001,0611111111,2016-09-02 10:00:00,\n"
)


def totals(world, *by, country=None, **narrow):
    day = {"first": world.now.date().replace(day=1), "last": world.now.date()}
    report = make_report(world.vault, world.state(), **day, by=by, country=country, **narrow)
    return {line.keys: line.records for line in report.lines}


@pytest.fixture
def counted(world):
    world.ingest(CALLS)
    world.ingest(TEXTS, by=feed(kind="text", name="texts"), name="texts.csv")
    return world


def test_by_day_and_kind(counted):
    assert totals(counted, "day", "kind") == {
        ("2016-09-01", "call"): 3,
        ("2016-09-01", "text"): 2,
        ("2016-09-02", "call"): 2,
        ("2016-09-02", "text"): 2,
    }


def test_by_kind_and_both_countries(counted):
    assert totals(counted, "kind", "origin", "destination") == {
        ("call", "--", "FR"): 1,
        ("call", "DE", "FR"): 1,
        ("call", "FR", "DE"): 1,
        ("call", "FR", "FR"): 2,
        ("text", "DE", "FR"): 1,
        ("text", "FR", "FR"): 3,
    }


def test_by_feed_and_day_of_one_country(counted):
    assert totals(counted, "feed", "day", country="DE") == {
        ("calls", "2016-09-01"): 1,
        ("calls", "2016-09-02"): 1,
        ("texts", "2016-09-02"): 1,
    }


@pytest.mark.parametrize("by", [(), ("colour",), ("day", "day"), ("day", "")])
def test_what_is_not_counted_is_an_error(counted, by):
    with pytest.raises(MalformedInput, match="--by: expected some of day, hour"):
        totals(counted, *by)


@pytest.mark.parametrize(("by", "country"), [(("hour", "origin"), None), (("hour",), "FR")])
def test_hours_are_not_counted_by_country(counted, by, country):
    with pytest.raises(MalformedInput, match="--by hour: not counted by country"):
        totals(counted, *by, country=country)


def test_of_one_kind_of_one_feed_and_of_both_with_a_country(counted):
    assert totals(counted, "day", kind="text") == {("2016-09-01",): 2, ("2016-09-02",): 2}
    assert totals(counted, "kind", feed="calls") == {("call",): 5}
    assert totals(counted, "day", kind="text", country="DE") == {("2016-09-02",): 1}
    assert totals(counted, "day", kind="text", feed="calls") == {}
