"""A share of rejects over the feed's ``max_rejects`` stops an ingest before anything is logged or left behind."""

import pytest

from coffer.cli.main import run
from coffer.errors import MalformedInput
from coffer.records.feed import parse_feed
from world import FEED, feed

GOOD = "+33612345678,+33698765432,2016-09-01 10:00:{:02d},60\n"
BAD_TIME = "+33612345678,+33698765432,2016-13-01 10:00:00,60\n"
BAD_NUMBER = "SECRET,+33698765432,2016-09-01 10:00:00,60\n"


def bounded(share):
    return feed(FEED.replace("[feed]", f'[feed]\nmax_rejects = "{share}"'))


def records(good, bad_time=0, bad_number=0):
    return "".join(GOOD.format(i % 60) for i in range(good)) + BAD_TIME * bad_time + BAD_NUMBER * bad_number


def everything(world):
    return {path for path in world.vault.path.rglob("*") if path.is_file() and path.parent.name != "runs"}


def test_too_many_rejects_leave_the_vault_as_it_was(world):
    world.ingest(records(20).replace("+336", "+337"), name="before.csv")
    before, size = everything(world), world.state().size
    with pytest.raises(MalformedInput, match="6 % rejected") as caught:
        world.ingest(records(94, bad_time=4, bad_number=2), by=bounded("5 %"), name="calls.csv")
    assert caught.value.message == (
        "calls.csv: 6 % rejected (6 of 100 new records: bad-time 4, not-a-number 2), expected at most 5 %, the max_rejects of the feed"
    )
    assert "date_format" in caught.value.hint
    assert "SECRET" not in f"{caught.value.message}{caught.value.hint}"
    assert (everything(world), world.state().size) == (before, size)


def test_as_many_rejects_as_the_bound_allows_are_sealed(world):
    summary = world.ingest(records(95, bad_time=5), by=bounded("5%"), name="calls.csv")
    assert (summary.files[0].kept, summary.files[0].rejected.total()) == (95, 5)


def test_what_was_sealed_before_does_not_thin_the_rejects_of_what_is_new(world):
    world.ingest(records(200), by=bounded("5 %"), name="calls.csv")
    with pytest.raises(MalformedInput, match="10 % rejected"):
        world.ingest(records(200) + records(9, bad_time=1), by=bounded("5 %"), name="calls.csv")
    assert len(world.state().batches) == 1


def test_one_file_of_several_stops_all(world):
    paths = [world.path / "a.csv", world.path / "b.csv"]
    for path, text in zip(paths, (records(50), records(9, bad_time=1)), strict=True):
        path.write_text(text)
    with pytest.raises(MalformedInput, match=r"b\.csv: 10 % rejected"):
        world.ingest_files(paths, by=bounded("2.5 %"))
    assert world.state().batches == {}


def test_without_a_bound_rejects_are_counted_as_ever(world):
    assert world.ingest(records(6, bad_time=4)).files[0].kept == 6


@pytest.mark.parametrize("share", ["5", "five %", "-1 %", "101 %", "5 %%", ""])
def test_a_bound_is_a_share(share):
    with pytest.raises(MalformedInput, match="max_rejects: expected a share of 0 to 100 %"):
        bounded(share)


def test_a_check_says_the_same(tmp_path, capfd):
    (tmp_path / "calls.csv").write_text(records(9, bad_time=1))
    (tmp_path / "f.toml").write_text(FEED.replace("[feed]", '[feed]\nmax_rejects = "5 %"'))
    assert parse_feed((tmp_path / "f.toml").read_text(), "f").max_rejects_percent == 5
    assert run(["feed", "check", str(tmp_path / "calls.csv"), "--feed", str(tmp_path / "f.toml")]) == 2
    assert "10 % rejected (1 of 10" in capfd.readouterr().err
