"""A request is named by so many digits that nobody grinds another that begins like it, and a file that has such a name never stands in for it."""

import os

import pytest

from coffer.authority.authorization import parse_authorization
from coffer.cli.main import run
from coffer.ledger.entries import NAME_DIGITS
from coffer.notes.note import parse_note
from elsewhere import Elsewhere


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Two requests wait at judge: a narrow one, and a wide one."""
    made = Elsewhere.make_elsewhere(tmp_path)
    made.epoch(made.today, made.today)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return made


def waits(world, **changes):
    """Its commitment, once it lies in judge's inbox; and the note."""
    raw = world.request(days=[(world.today, world.today)], **changes)
    world.machine("judge").requests.take(parse_note(raw, "request"), world.keys("judge"), world.now, os.urandom)
    return parse_authorization(raw, "request").commitment.hex(), raw


def judge(world, command, *words):
    return run(["custodian", command, str(world.machines["judge"]), *words])


def reviewed(world, capsys, *words):
    code = judge(world, "review", *words)
    said = capsys.readouterr()
    return code, said.out + said.err


def test_list_names_a_request_by_digits_that_are_enough_to_choose_it(world, capsys):
    name, _ = waits(world)
    _, listed = reviewed(world, capsys)
    assert name[:NAME_DIGITS] in listed
    code, shown = reviewed(world, capsys, name[:NAME_DIGITS])
    assert (code, name in shown) == (0, True)
    assert reviewed(world, capsys, name)[0] == 0
    assert reviewed(world, capsys, name.upper())[0] == 0


@pytest.mark.parametrize("digits", [1, 8, 16, 20, NAME_DIGITS - 1])
def test_fewer_digits_name_no_request_though_only_one_begins_so(world, digits, capsys):
    name, _ = waits(world)
    code, said = reviewed(world, capsys, name[:digits])
    assert code == 2
    assert f"expected {NAME_DIGITS} digits or more" in said


@pytest.mark.parametrize("command", ["approve", "refuse", "revoke", "review"])
@pytest.mark.parametrize("digits", [8, NAME_DIGITS, 64])
def test_file_in_the_current_folder_never_stands_in_for_a_request(world, command, digits, capsys, tmp_path):
    asked, _ = waits(world, person="B. Narrow")
    _, wide = waits(world, person="C. Wide", max_records=200)
    (tmp_path / "here" / asked[:digits]).write_bytes(wide)
    options = {"approve": ("-o", "signed.note", "--yes"), "refuse": ("--reason", "scope")}.get(command, ())
    code = judge(world, command, asked[:digits], *options)
    said = capsys.readouterr()
    assert code == (0 if digits >= NAME_DIGITS else 2), said.err
    if command == "approve" and code == 0:
        signed = parse_authorization((tmp_path / "here" / "signed.note").read_bytes(), "signed")
        assert signed.commitment.hex() == asked
    if command == "review" and code == 0:
        assert "B. Narrow" in said.out
    assert judge(world, command, f"./{asked[:digits]}", *(o.replace("signed", "second") for o in options)) == 0
    if command == "review":
        assert "C. Wide" in capsys.readouterr().out, "the twin: a path that says that it is one is one"
