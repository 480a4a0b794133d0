"""The provider's own words: read strictly, shown on PDF and letter, and said to be missing where they are."""

import pytest

from coffer.cli.main import run
from coffer.disclosure.letterhead import FORMAT, LETTERHEAD, MAX_BYTES, MAX_LINES, MAX_TEXT, Party, parse_letterhead
from coffer.errors import MalformedInput

HEAD = f"""\
format = "{FORMAT}"
name = "Télécom Example"
address = ["1 Example Street", "1000 Exampletown"]
contact = ["desk@telco.example"]
window = "https://window.telco.example"
[supervisory-authority]
name = "Supervisors of Exampleland"
address = ["2 Example Square"]
"""


def parse(text):
    return parse_letterhead(text.encode(), LETTERHEAD)


def test_letterhead_is_what_the_file_says():
    head = parse(HEAD)
    assert head.provider == Party(
        name="Télécom Example", address=("1 Example Street", "1000 Exampletown"), contact=("desk@telco.example",)
    )
    assert head.supervisor == Party(name="Supervisors of Exampleland", address=("2 Example Square",))
    assert head.window == "https://window.telco.example"
    least = parse(f'format = "{FORMAT}"\nname = "T"\naddress = "A"\n')
    assert (least.provider.lines, least.supervisor, least.window) == (["T", "A"], None, "")


def test_an_accent_that_was_typed_apart_joins_its_letter():
    assert parse(HEAD.replace("Té", "Te\u0301")).provider.name == "Télécom Example"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name = ", "nam = ", "name: missing"),
        ("address = [", "adress = [", "address: missing"),
        ("/v1", "/v2", "format"),
        ('"desk@telco.example"', '""', "contact: expected a name or a list"),
        ('"desk@telco.example"', '"a\\nb"', "contact: expected 1 to 80 characters"),
        ('"desk@telco.example"', '"\u202ebad"', "contact: expected 1 to 80 characters"),
        ('"desk@telco.example"', f'"{"x" * (MAX_TEXT + 1)}"', "contact: expected 1 to 80 characters"),
        ('["desk@telco.example"]', str(["x"] * (MAX_LINES + 1)), "contact: 7 lines, expected at most 6"),
        ("https://", "http://", "window: expected an https address"),
        ('.example"\n[', '.example/"\n[', "window: expected an https address"),
        ("[supervisory-authority]", "[authority]", "authority.*: unknown key"),
        ("[supervisory-authority]", "[supervisory-authority]\nfax = 1", r"fax: unknown key"),
    ],
)
def test_file_that_is_not_in_its_form_is_refused(old, new, message):
    assert HEAD.count(old) >= 1
    with pytest.raises(MalformedInput, match=message):
        parse(HEAD.replace(old, new, 1))


def test_file_longer_than_any_letterhead_is_not_read():
    with pytest.raises(MalformedInput, match="expected at most 16,384"):
        parse(HEAD + "#" * MAX_BYTES)


def test_a_letterhead_that_is_missing_is_said_and_one_that_is_wrong_stops_before_anything_is_opened(
    world, monkeypatch, capfd
):
    monkeypatch.chdir(world.path)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    monkeypatch.setattr("coffer.cli.console.system_clock", world.clock)
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n")
    (world.path / "r.note").write_bytes(world.authorize())
    (world.path / "wrong.toml").write_text("name = 1")
    asked = ["open", "vault", "r.note", "-o", "answer", "--format", "pdf"]
    assert run([*asked, "--letterhead", "wrong.toml"]) == 2
    (world.path / "vault" / LETTERHEAD).write_text("name = 1")
    assert run(asked) == 2
    assert world.state().openings == {}
    (world.path / "vault" / LETTERHEAD).unlink()
    capfd.readouterr()
    assert run(asked) == 0
    assert "no letterhead: the pages name no provider" in capfd.readouterr().err
    (world.path / "vault" / LETTERHEAD).write_text(HEAD)
    assert run(["disclose", "answer", "--vault", "vault", "--format", "pdf", "-o", "forms"]) == 0
    assert "no letterhead" not in capfd.readouterr().err
    assert run(["disclose", "answer", "--format", "csv", "-o", "csv"]) == 0
    assert "no letterhead" not in capfd.readouterr().err
