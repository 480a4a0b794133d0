"""The folder of a continuing order's answers and its list, each attack with its succeeding twin."""

import csv
import datetime as dt
import json
import shutil
from pathlib import Path

import pytest

from coffer.authority.authorization import parse_authorization
from coffer.cli.main import run
from coffer.procedures.opening.amend import amend_request
from world import World

ALL = ("judge", "dpo", "regulator")
SUBJECT = "+33612345678"
OTHER = "+33611111111"


def line(day, hour=10, subject=SUBJECT):
    return f"{subject},+33698765432,{day} {hour:02d}:00:00,60\n"


@pytest.fixture
def world(tmp_path, monkeypatch):
    world = World.make(tmp_path)
    world.epoch("2016-09-06", "2016-09-09")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    monkeypatch.setattr("coffer.cli.console.system_clock", lambda: world.now)
    return world


def order(world, name, subject=SUBJECT, **changes):
    expires, until = world.now + dt.timedelta(days=30), (world.now + dt.timedelta(days=400)).date()
    fields = {"not_before": world.now, "expires": expires, "secret_until": until, "kinds": "call", "by": ALL}
    days = [("2016-09-06", "2016-09-09")]
    note = world.authorize(subjects=[f"tel:{subject}"], days=days, **(fields | changes))
    (world.path / name).write_bytes(note)
    return note


def comes(world, day, *lines):
    """Lines of a day are ingested, one hour into the next."""
    world.now = dt.datetime.fromisoformat(f"{day}T01:00:00Z") + dt.timedelta(days=1)
    world.ingest("".join(lines), name=f"{day}.csv")


def open_next(world, *names, out="out"):
    return run(["open", str(world.vault.path), *names, "-o", out, "--since-last"])


def listed(world, *columns, out="out"):
    lines = csv.DictReader((world.path / out / "deliveries.csv").read_text().splitlines())
    return [tuple(line[column] for column in columns) for line in lines]


def test_parts_that_were_taken_out_of_the_folder_are_listed_as_missing(world, capfd):
    order(world, "a.note")
    for day in ("2016-09-06", "2016-09-07"):
        comes(world, day, line(day))
        assert open_next(world, "a.note") == 0
    whole = (world.path / "out" / "deliveries.csv").read_bytes()
    shutil.move(world.path / "out" / "0002", world.path / "0002")
    assert open_next(world, "a.note") == 6
    assert "1 part that the log has and out has not: 2" in capfd.readouterr().err
    columns = ("sequence_number", "folder", "records", "days_opened")
    assert listed(world, *columns) == [("1", "0001", "1", "2016-09-06"), ("2", "missing", "1", "2016-09-07")]
    shutil.move(world.path / "0002", world.path / "out" / "0002")  # the twin
    assert open_next(world, "a.note") == 6
    assert (world.path / "out" / "deliveries.csv").read_bytes() == whole


def test_folder_of_another_order_is_refused_before_anything_is_drawn(world, capfd):
    order(world, "a.note")
    order(world, "b.note", OTHER)
    comes(world, "2016-09-06", line("2016-09-06"), line("2016-09-06", subject=OTHER))
    assert open_next(world, "a.note") == 0
    size, kept = world.state().size, (world.path / "out" / "deliveries.csv").read_bytes()
    assert open_next(world, "b.note") == 2
    assert "0001: an answer of another authorization" in capfd.readouterr().err
    assert (world.state().size, (world.path / "out" / "deliveries.csv").read_bytes()) == (size, kept)
    (world.path / "out2" / "0001").mkdir(parents=True)
    assert open_next(world, "b.note", out="out2") == 2
    assert "something lies where the next part goes" in capfd.readouterr().err
    assert world.state().size == size
    assert open_next(world, "b.note", out="outB") == 0  # the twin


def test_part_over_the_cell_cap_is_not_told_to_raise_a_limit_that_helps_nothing(world, capfd):
    cap = world.state().roster.cell_cap
    order(world, "cap.note", max_records=1000)
    order(world, "short.note", OTHER, max_records=1)
    lines = [f"{SUBJECT},+33698765432,2016-09-06 {n // 60:02d}:{n % 60:02d}:00,60\n" for n in range(cap + 1)]
    comes(world, "2016-09-06", *lines, *(line("2016-09-06", hour, OTHER) for hour in (1, 2)))
    for name, said in (("cap.note", f"more than {cap} of one subject on one day"), ("short.note", "max-records 2")):
        assert open_next(world, name, out=name[:-5]) == 4
        capfd.readouterr()
        assert open_next(world, name, out=name[:-5]) == 4
        text = capfd.readouterr().err
        assert said in text
        assert ("--hub" in text, "coffer amend" in text) == (name == "cap.note", name == "short.note")


def test_part_is_called_the_last_one_only_if_none_can_follow(world):
    note = order(world, "a.note", max_records=1)
    terms = {"max_records": 2, "authority": "Court of Appeal", "basis": "extended", "files": ()}
    amendment = world.countersign(amend_request(world.vault, note, **terms).note.raw, *ALL)
    (world.path / "m.note").write_bytes(amendment)
    comes(world, "2016-09-06", line("2016-09-06"))
    assert open_next(world, "a.note") == 0
    assert listed(world, "last_sequence") == [("no",)]
    comes(world, "2016-09-09", line("2016-09-07"))  # the last of its days is over
    assert open_next(world, "a.note") == 6  # drawn, and its amendment allows more
    assert listed(world, "last_sequence") == [("no",)]
    before = world.now
    world.now += dt.timedelta(days=400)  # a clock that is ahead
    assert open_next(world, "a.note", "m.note") == 7
    assert listed(world, "last_sequence") == [("no",)]
    world.now = before
    assert open_next(world, "a.note", "m.note") == 0
    assert listed(world, "last_sequence") == [("no",), ("yes",)]


def kept_as(name):
    return parse_authorization(Path(name).read_bytes(), name).commitment.hex()


def amendment(world, note, limit):
    terms = {"max_records": limit, "authority": "Court of Appeal", "basis": "extended", "files": ()}
    raw = world.countersign(amend_request(world.vault, note, **terms).note.raw, *ALL)
    (world.path / f"{limit}.note").write_bytes(raw)


def test_limit_reached_exactly_ends_nothing_while_days_lie_ahead(world, capfd):
    """An amendment to the number that the tool named left an order of coming days without a key."""
    note = order(world, "a.note", max_records=1)
    comes(world, "2016-09-06", line("2016-09-06"), line("2016-09-06", 11))
    assert open_next(world, "a.note") == 4
    assert open_next(world, "a.note") == 4
    assert "--max-records 2 or more: 3 UTC days of it still to come" in capfd.readouterr().err
    for limit, is_told in ((2, True), (3, False)):  # none of them is kept, so that it is the days that keep the key
        why = ["--authority", "Court", "--basis", "case 1", "-o", f"more{limit}.note"]
        assert run(["amend", str(world.vault.path), "a.note", "--max-records", str(limit), *why]) == 0
        (world.vault.path / "desk" / f"{kept_as(f'more{limit}.note')}.request").unlink()
        assert ("needs 2: nothing is left for the 3 UTC days" in capfd.readouterr().err) == is_told
    amendment(world, note, 2)
    assert open_next(world, "a.note", "2.note") == 0
    assert "no record is left for the 3 UTC days still to come" in capfd.readouterr().err
    assert listed(world, "last_sequence") == [("no",)]
    comes(world, "2016-09-07", line("2016-09-07"))
    assert open_next(world, "a.note", "2.note") == 6
    assert "or make one (coffer amend)" in capfd.readouterr().out
    amendment(world, note, 3)
    comes(world, "2016-09-09", line("2016-09-09", subject=OTHER))
    assert open_next(world, "a.note", "3.note") == 0
    assert "still to come" not in capfd.readouterr().err
    assert listed(world, "last_sequence") == [("no",), ("yes",)]  # the twin: no day lies ahead


def test_opening_of_all_days_says_nothing_of_what_the_next_part_needs(world, capfd):
    order(world, "a.note", max_records=3)
    comes(world, "2016-09-06", line("2016-09-06"), line("2016-09-06", 11))
    assert open_next(world, "a.note") == 0
    comes(world, "2016-09-07", line("2016-09-07"), line("2016-09-07", 11))
    capfd.readouterr()
    assert run(["open", str(world.vault.path), "a.note", "-o", "whole"]) == 4
    assert "4 found, after 2 drawn before" in (text := capfd.readouterr().err)
    assert "coffer open --since-last asks only for what came since" in text
    assert open_next(world, "a.note") == 4
    assert "2 found, after 2 drawn before" in capfd.readouterr().err  # asked, and not refused by another's number
    assert open_next(world, "a.note") == 4
    assert "the next part needs max-records 4" in (text := capfd.readouterr().err)
    assert f"coffer amend {world.vault.path} a.note --max-records 4 or more" in text


def test_request_over_its_limit_is_not_called_answered_and_counts_no_opening(world, capfd):
    note = order(world, "a.note", max_records=1)
    comes(world, "2016-09-06", line("2016-09-06"), line("2016-09-06", 11))
    assert run(["open", str(world.vault.path), "a.note", "-o", "out"]) == 4
    capfd.readouterr()
    assert run(["status", str(world.vault.path)]) == 0
    text = " ".join(capfd.readouterr().out.split())
    assert "needs max-records 2: amend it" in text
    assert "answered" not in text
    assert "opened 1 time" not in text
    assert run(["status", str(world.vault.path), "a.note"]) == 0
    said = capfd.readouterr()
    assert "closed with nothing opened" in " ".join(said.out.split())
    assert "needs max-records 2: amend it" in said.err
    amendment(world, note, 2)
    assert run(["open", str(world.vault.path), "a.note", "2.note", "-o", "out"]) == 0  # the twin
    capfd.readouterr()
    assert run(["status", str(world.vault.path)]) == 0
    text = " ".join(capfd.readouterr().out.split())
    assert "opened 1 time, 2 of 2 records" in text
    assert "answered" in text
    assert run(["status", str(world.vault.path), "a.note"]) == 0
    assert "2 of 2 records drawn" in capfd.readouterr().err
    assert run(["status", str(world.vault.path), "a.note", "--json"]) == 0
    opened = json.loads(capfd.readouterr().out)["opened"]
    assert (opened["drawn"], opened["max_records"]) == (2, 2)


def test_custodian_that_signed_the_request_alone_is_not_said_to_refuse(world, capfd):
    note = order(world, "a.note", max_records=1)
    terms = {"max_records": 2, "authority": "Court of Appeal", "basis": "extended", "files": ()}
    raw = world.countersign(amend_request(world.vault, note, **terms).note.raw, "judge", "dpo")
    (world.path / "m.note").write_bytes(raw)
    comes(world, "2016-09-06", line("2016-09-06"))
    assert run(["open", str(world.vault.path), "a.note", "m.note", "-o", "out"]) == 0
    assert "regulator: has not approved the amendment" in capfd.readouterr().out
