"""A list of authorities: strictly read, and what it says of a request."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffer.authority.known import MAX_AUTHORITIES, Standing, parse_authorities, standing_of
from coffer.cli.main import run
from coffer.errors import MalformedInput

ONE = """[[authority]]
name = "Εφετείο Αθηνών"
kind = "court"
country = "GR"
channel = "registered letter"
call_back = "tel:+302106404000"
"""
HEAD = 'format = "coffer.authorities/v1"\n'
VERIFIED = 'verified_by = "C. Lerk"\nverified_on = 2016-08-01\n'


def parse(text):
    return parse_authorities(text.encode(), "authorities.toml")


def test_list_says_what_is_known_of_a_name():
    known = parse(HEAD + ONE + VERIFIED + ONE.replace("Εφετείο Αθηνών", "Police").replace("court", "police"))
    assert standing_of("Εφετείο Αθηνών", known) is Standing.VERIFIED
    assert standing_of("Police", known) is Standing.UNVERIFIED
    assert standing_of("police", known) is Standing.UNKNOWN
    assert standing_of("Police", None) is Standing.NO_LIST
    assert standing_of("Police", parse(HEAD)) is Standing.UNKNOWN


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (HEAD, "", "format: missing"),
        ("v1", "v2", "format"),
        ('"court"', '"king"', "kind"),
        ('"court"', '"person"', "kind"),
        ('"GR"', '"Greece"', "country"),
        ('"tel:+302106404000"', '"mailto:a@b.example"', "call_back: expected a number"),
        ('"tel:+302106404000"', '"210 640"', "call_back"),
        ('channel = "registered letter"\n', "", "channel: missing"),
        ("verified_on = 2016-08-01\n", "", "found one of verified_by and verified_on"),
        ("2016-08-01", '"2016-08-01"', "verified_on: expected a day without quotes"),
        ("2016-08-01", "2016-08-01T08:00:00Z", "verified_on: expected a day without quotes"),
        ('name = "', 'name = " ', "name: expected 1 to 500 characters without outer spaces"),
        ("Εφετείο", "Εφετείο\u202e", "name"),
        (VERIFIED, 'fingerprint = "AB"\n', "fingerprint: expected a SHA-256"),
        (VERIFIED, 'colour = "red"\n', "colour"),
        (VERIFIED, ONE, "authority 2: name: it stands in the list already"),
    ],
)
def test_list_that_could_be_read_otherwise_is_refused(old, new, message):
    text = HEAD + ONE + VERIFIED
    assert old in text
    with pytest.raises(MalformedInput, match=message):
        parse(text.replace(old, new, 1))


def test_list_of_too_many_is_refused():
    with pytest.raises(MalformedInput, match="10,001 authorities, expected at most 10,000"):
        parse(HEAD + "".join("[[authority]]\n" for _ in range(MAX_AUTHORITIES + 1)))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_or_an_error_of_ours(raw):
    with contextlib.suppress(MalformedInput):
        parse_authorities(raw, "list")


def test_commands_mark_a_request_by_each_ones_own_list(world, monkeypatch, capfd):
    monkeypatch.chdir(world.path)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    asked = [
        "request", "vault", "--subject", "tel:+33612345678", "--days", "2016-09-01", "2016-09-01", "--time-zone", "UTC",
        "--kinds", "call", "--max-records", "9", "--authority", "Court", "--basis", "b", "--purpose", "p", "--person", "x",
        "--urgency", "emergency", "-o", "r.note",
    ]  # fmt: skip
    assert run(asked) == 0
    said = capfd.readouterr().err
    assert "no list of authorities here: call the authority back, by a number that is not from the order" in said
    assert "an emergency: a custodian that has not called it back answers only if every custodian" in said
    own = HEAD + ONE.replace("Εφετείο Αθηνών", "Court")
    (world.path / "own.toml").write_text(own + VERIFIED)
    assert run(["authorities", "vault", "--as", "judge", "--take", "own.toml"]) == 0
    assert "Court" in capfd.readouterr().out
    (world.vault.path / "authorities.toml").write_text(own.replace("court", "police"))
    assert run(["show", "r.note", "--vault", "vault", "--json"]) == 0
    marks = json.loads(capfd.readouterr().out)["marks"]
    assert marks[0] == "on the list here, but nobody has called it back: tel:+302106404000"
    assert marks[1] == "the list has it as police, the request as other"
    assert run(["show", "r.note", "--authorities", "own.toml"]) == 0
    assert "called back by C. Lerk on 2016-08-01" in capfd.readouterr().out
    assert run(["authorities", "vault", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["authorities"][0]["verified_on"] is None
    assert run(["authorities", "vault", "--as", "judge", "--drop"]) == 0
    assert "no list of authorities here" in capfd.readouterr().err


def test_list_that_was_verified_tomorrow_is_not_taken(world, monkeypatch, capfd):
    monkeypatch.chdir(world.path)
    (world.path / "own.toml").write_text(HEAD + ONE + VERIFIED.replace("2016", "2916"))
    assert run(["authorities", "vault", "--as", "judge", "--take", "own.toml"]) == 2
    assert "verified_on: 2916-08-01 is still to come" in capfd.readouterr().err
