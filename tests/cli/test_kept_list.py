"""``coffer status VAULT``: what is known of each request in the vault's folder, and of whom nothing can be known there."""

import datetime as dt
import json

import pytest

from coffer.cli.main import run
from coffer.notes.keys import Secret
from world import PASSPHRASE, World, cheap_passphrases

SIGNED_BY_JUDGE = "signed by judge; waits for 1 of dpo, regulator (rule base)"
SECRET = "the operator's own words"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    cheap_passphrases()
    return World.make(tmp_path_factory.mktemp("listed"), now=dt.datetime.now(dt.UTC).replace(microsecond=0))


@pytest.fixture
def world(made, monkeypatch):
    monkeypatch.setenv("COFFER_PASSPHRASE", PASSPHRASE.unsafe_bytes().decode())
    return made


def requested(world):
    """A new request as a file, and the digits by which it is listed."""
    note = world.path / f"{len(world.vault.desk.request_commitments())}.note"
    day = str(world.now.date())
    before = set(world.vault.desk.request_commitments())
    note.write_bytes(world.request(days=[(day, day)]))
    (commitment,) = set(world.vault.desk.request_commitments()) - before
    return note, commitment.hex()[:32]


def said_of(world, digits, capsys):
    """The line of a request in the list, and what is said besides."""
    capsys.readouterr()
    assert run(["status", str(world.vault.path)]) == 0
    out, err = capsys.readouterr()
    (line,) = [line for line in out.splitlines() if line.startswith(digits)]
    return line, err


def countersign(world, note, name):
    assert run(["countersign", str(world.vault.path), str(note), "--as", name, "--yes"]) == 0


def test_who_signed_in_the_folder_is_known_without_asking(world, capsys):
    note, digits = requested(world)
    line, err = said_of(world, digits, capsys)
    assert line.endswith("waits for 2 of judge, dpo, regulator (rule base)")
    assert err == ""
    countersign(world, note, "judge")
    line, err = said_of(world, digits, capsys)
    assert line.endswith(SIGNED_BY_JUDGE)
    assert err == ""
    countersign(world, note, "dpo")
    assert said_of(world, digits, capsys)[0].endswith("signed by judge, dpo")


def test_time_left_is_said_in_one_way_and_a_request_that_is_revoked_has_none(world, capsys):
    note, digits = requested(world)
    line, _ = said_of(world, digits, capsys)
    assert " days left, no deadline  waits for" in line
    assert run(["revoke", str(world.vault.path), str(note), "--as", "judge"]) == 0
    line, _ = said_of(world, digits, capsys)
    assert "ordinary  over " in line
    assert line.endswith("revoked")


def test_a_custodian_without_the_request_is_not_said_to_keep_no_records(world, capsys):
    _, digits = requested(world)
    for words, expected in (((), "does not have the request"), (("--json",), '"what": "not held"')):
        capsys.readouterr()
        assert run(["status", str(world.vault.path), digits, *words]) == 0
        assert expected in capsys.readouterr().out


def test_a_decision_that_the_desk_was_not_told_is_said_to_be_unknown(world, capsys, monkeypatch):
    note, digits = requested(world)
    world.reopen().vault.operator.change_passphrase(Secret(SECRET.encode(), "passphrase"))
    countersign(world, note, "judge")  # whoever signs has no key of the operator's, so that the desk's copy stays
    monkeypatch.setenv("COFFER_PASSPHRASE_OPERATOR", SECRET)
    line, err = said_of(world, digits, capsys)
    assert "decided by judge, and the desk was not told how; waits for 2 of judge, dpo, regulator (rule base)" in line
    assert f"as last heard of judge: coffer status {world.vault.path} REQUEST asks how it stands now" in err
    assert run(["status", str(world.vault.path), "--json"]) == 0
    (entry,) = [one for one in json.loads(capsys.readouterr().out)["requests"] if one["request"].startswith(digits)]
    assert (entry["signed"], entry["untold"]) == ([], ["judge"])
    assert run(["status", str(world.vault.path), digits]) == 0  # which asks
    assert said_of(world, digits, capsys)[0].endswith(SIGNED_BY_JUDGE)
