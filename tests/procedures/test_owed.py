"""Unconfirmed cells of a continuing order: they are owed, asked again, and drawn no second time."""

import datetime as dt
import json

import pytest
from forging import among, forge, liar

from coffer.authority.authorization import parse_authorization
from coffer.cli.main import run
from coffer.errors import MalformedInput
from coffer.procedures.opening.continuing import Due, Nothing, decide_next
from coffer.procedures.opening.owed import Owed
from coffer.procedures.opening.run import run_opening
from coffer.segments.prf import LABEL_LANE
from coffer_audit.cli import main as audit
from world import World

SUBJECT, OTHER = "+33612345678", "+33611111111"
ALL = ("judge", "dpo", "regulator")


def line(day, subject=SUBJECT):
    return f"{subject},+33698765432,{day} 10:00:00,60\n"


@pytest.fixture
def world(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-06", "2016-09-09")
    world.later = world.now + dt.timedelta(days=400)
    return world


def order(world, by=ALL):
    expires = world.now + dt.timedelta(days=30)
    fields = {"not_before": world.now, "secret_until": world.later.date(), "kinds": "call", "by": by}
    note = world.authorize(subjects=[f"tel:{SUBJECT}"], days=[("2016-09-06", "2016-09-09")], expires=expires, **fields)
    world.now = dt.datetime(2016, 9, 7, 1, tzinfo=dt.UTC)
    return note


def open_next(world, note, custodians=None, deliver=lambda _answer: None):
    return run_opening(world.vault, note, custodians or world.custodians(), deliver=deliver, is_continuing=True)


def next_of(world, note):
    authorization = parse_authorization(note, "note")
    owed = world.vault.desk.read_owed(authorization.commitment)
    return decide_next(authorization, world.state(), world.now, in_progress=None, needed=0, owed=owed, has_key=True)


def hidden(world, note):
    """A first part in which one of two custodians hides the record of its day."""
    world.ingest(line("2016-09-06") + line("2016-09-06", OTHER), name="1.csv")
    lying = among(world, liar(world, "dpo", forge(LABEL_LANE, clause=1)))
    answer = open_next(world, note, [custodian for custodian in lying if custodian.name != "regulator"])
    assert (answer.records, [cell.status for cell in answer.cells]) == (0, ["unconfirmed"])
    world.now += dt.timedelta(days=1)


def test_record_that_a_custodian_hides_from_one_part_comes_with_the_next(world):
    note = order(world)
    hidden(world, note)
    world.ingest(line("2016-09-07"), name="2.csv")
    answer = open_next(world, note)
    assert sorted((cell.day, cell.status) for cell in answer.cells) == [
        ("2016-09-06", "complete"),
        ("2016-09-07", "complete"),
    ]
    folder = world.write_answer(answer)
    assert audit(["answer", str(folder), "--vault", str(world.vault.path)]) == 0
    world.now += dt.timedelta(days=1)
    assert next_of(world, note) is Nothing.NOTHING_CAME  # the twin: nothing is owed any more


def test_what_was_drawn_beside_an_unconfirmed_cell_is_not_drawn_again(world):
    note = order(world, by=("judge", "dpo"))
    world.ingest(line("2016-09-06"), name="1.csv")
    world.ingest(line("2016-09-06", OTHER), name="2.csv")  # nothing of the subject is in it: nobody confirms that
    first = open_next(world, note)
    assert sorted(cell.status for cell in first.cells) == ["complete", "unconfirmed"]
    world.now += dt.timedelta(days=1)
    assert next_of(world, note) is Nothing.NOTHING_CAME  # both who signed have answered
    signed = world.countersign(note, "regulator")
    second = open_next(world, signed)
    assert [(cell.day, cell.status) for cell in second.cells] == [("2016-09-06", "no records")]
    state = world.state()
    assert state.drawn(parse_authorization(note, "note").commitment, up_to=state.size) == 1


def test_part_with_owed_cells_that_crashed_asks_for_them_again(world):
    note = order(world)
    hidden(world, note)

    def crash(_answer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        open_next(world, note, deliver=crash)
    answer = open_next(world.reopen(), note)
    assert (answer.part.number, answer.records) == (2, 1)


def test_command_says_which_days_are_owed_and_what_to_do_if_the_desk_lost_them(world, tmp_path, monkeypatch, capfd):
    note = order(world)
    hidden(world, note)
    assert isinstance(next_of(world, note), Due)
    (tmp_path / "r.note").write_bytes(note)
    monkeypatch.setattr("coffer.cli.console.system_clock", lambda: world.now)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    commitment = parse_authorization(note, "note").commitment
    kept, path = world.vault.desk.read_owed(commitment), world.vault.path / "desk" / f"{commitment.hex()}.owed"
    path.unlink()
    command = ["open", str(world.vault.path), str(tmp_path / "r.note"), "-o", str(tmp_path / "out"), "--since-last"]
    assert run(command) == 6
    assert "owed: 1 unconfirmed cell, and the desk has no file that says which" in capfd.readouterr().err
    path.write_bytes(kept)
    assert run(["status", str(world.vault.path), str(tmp_path / "r.note"), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["opened"]["days_owed"] == ["2016-09-06"]
    assert run(command) == 0
    assert "owed" not in capfd.readouterr().err


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"intent": 1}', b'{"intent": true, "answered": [], "cells": ""}'])
def test_damaged_file_of_owed_cells_is_refused(raw):
    with pytest.raises(MalformedInput, match="damaged"):
        Owed.parse(raw)
