"""Another passphrase for a key file: the old one opens nothing any more, and an easy one is not taken."""

import os

import pytest

from coffer.cli.main import run
from coffer.custodian.folder import CustodianFolder
from coffer.custodian.machine.folder import Machine
from coffer.disk import Disk
from coffer.errors import MalformedInput, Refused
from coffer.notes.keyfile import verify_passphrase
from coffer.notes.keys import Secret
from world import PASSPHRASE, cheap_passphrases

NEW = "four words of somebody"


@pytest.fixture
def at(world, monkeypatch):
    cheap_passphrases()
    monkeypatch.chdir(world.path)
    monkeypatch.setenv("COFFER_PASSPHRASE", PASSPHRASE.unsafe_bytes().decode())
    (world.path / "new.txt").write_text(f"{NEW}\n")
    return world


def opens(folder: CustodianFolder, text: str) -> bool:
    try:
        folder.unlock(Secret(text.encode(), "passphrase"))
    except Refused:
        return False
    return True


def test_custodian_opens_by_the_new_one_alone_and_keeps_its_keys(at, capfd):
    folder = at.vault.custodian("judge")
    before = folder.unlock(PASSPHRASE)
    assert run(["passwd", "vault", "--as", "judge", "--new-file", "new.txt"]) == 0
    assert "judge has the new passphrase: restart its service" in capfd.readouterr().err
    assert (opens(folder, NEW), opens(folder, PASSPHRASE.unsafe_bytes().decode())) == (True, False)
    after = folder.unlock(Secret(NEW.encode(), "passphrase"))
    assert after.auth.verify_key == before.auth.verify_key
    assert after.wrapping.unsafe_bytes() == before.wrapping.unsafe_bytes()
    assert opens(at.vault.custodian("dpo"), PASSPHRASE.unsafe_bytes().decode())


def test_wrong_old_one_changes_nothing(at, monkeypatch, capfd):
    path = at.vault.path / "custodians" / "judge" / "keys"
    raw = path.read_bytes()
    monkeypatch.setenv("COFFER_PASSPHRASE_JUDGE", "of somebody else")
    assert run(["passwd", "vault", "--as", "judge", "--new-file", "new.txt"]) == 4
    assert "wrong passphrase" in capfd.readouterr().err
    assert path.read_bytes() == raw


def test_operator_gets_one_and_another(at, monkeypatch, capfd):
    assert run(["passwd", "vault", "--operator", "--new-file", "new.txt"]) == 0
    assert b'"plain"' not in (at.vault.path / "operator" / "keys").read_bytes()
    (at.path / "newer.txt").write_text("of another day, longer")
    assert run(["passwd", "vault", "--operator", "--new-file", "newer.txt"]) == 4
    assert "COFFER_PASSPHRASE_OPERATOR" in capfd.readouterr().err
    monkeypatch.setenv("COFFER_PASSPHRASE_OPERATOR", NEW)
    assert run(["passwd", "vault", "--operator", "--new-file", "newer.txt"]) == 0
    assert run(["passwd", "vault", "--operator", "--new-file", "newer.txt"]) == 4


@pytest.mark.parametrize("text", ["", "short", "elevenchars", "aaaaaaaaaaaaaaaaaaaa", "abababababababab"])
def test_easy_one_is_not_taken(at, capfd, text):
    (at.path / "easy.txt").write_text(text)
    assert run(["passwd", "vault", "--as", "judge", "--new-file", "easy.txt"]) == 2
    said = capfd.readouterr().err
    assert "passphrase of judge: too easy, expected 12 characters or more, 5 of them different" in said
    assert not text or text not in said
    assert opens(at.vault.custodian("judge"), PASSPHRASE.unsafe_bytes().decode())


@pytest.mark.parametrize("text", ["twelve chars", "Zwölf Zeichen, fünf Umlaute", "αβγδεζηθικλμ"])
def test_twin_of_twelve_characters_is(text):
    verify_passphrase(Secret(text.encode(), "passphrase"), "judge")


def test_founding_and_joining_take_no_easy_one(at, monkeypatch, capfd):
    rule = ["--rule", "base=2 of a,b,c", *(word for name in "abc" for word in ("--custodian", name))]
    words = ["init", "v2", "--origin", "b.example/v", *rule, "--retention-days", "30", "--late-days", "5"]
    monkeypatch.setenv("COFFER_PASSPHRASE", "easy")
    assert run(words) == 2
    assert "passphrase of a: too easy" in capfd.readouterr().err
    monkeypatch.setenv("COFFER_PASSPHRASE", NEW)
    monkeypatch.setenv("COFFER_PASSPHRASE_OPERATOR", "easy")
    assert run(words) == 2
    assert "passphrase of the operator: too easy" in capfd.readouterr().err
    assert not (at.path / "v2").exists()
    monkeypatch.setenv("COFFER_PASSPHRASE", "easy")
    assert run(["custodian", "init", "own", "--name", "own"]) == 2
    assert not (at.path / "own").exists()


@pytest.mark.parametrize("words", [[], ["--as", "judge", "--operator"], ["--as", "nobody"]])
def test_one_key_file_is_named(at, words):
    assert run(["passwd", "vault", *words, "--new-file", "new.txt"]) == 2


def test_secret_says_nothing_of_itself():
    with pytest.raises(MalformedInput, match="too easy") as caught:
        verify_passphrase(Secret(b"topsecret", "passphrase"), "judge")
    assert "topsecret" not in f"{caught.value} {caught.value.hint}"


def test_custodian_on_its_own_machine_gets_another_one(at, capfd):
    assert run(["custodian", "init", "own", "--name", "own"]) == 0
    assert run(["passwd", "own/", "--new-file", "new.txt"]) == 0
    folder = Machine.open(at.path / "own", Disk()).folder
    assert (opens(folder, NEW), opens(folder, PASSPHRASE.unsafe_bytes().decode())) == (True, False)
    assert run(["passwd", "own", "--operator", "--new-file", "new.txt"]) == 2
    assert "where --as and --operator say nothing" in capfd.readouterr().err


def test_witness_has_none_and_says_so(at, capfd):
    assert run(["witness", "init", "w", "--name", "w.example/one"]) == 0
    before = (at.path / "w" / "key").read_bytes()
    assert run(["passwd", "w", "--new-file", "new.txt"]) == 2
    assert "a witness's folder, whose keys lie under no passphrase" in capfd.readouterr().err
    assert (at.path / "w" / "key").read_bytes() == before


def test_token_keeps_its_pin(at):
    folder = at.vault.custodian("judge")
    folder._token = object  # as if one wrapped the keys
    with pytest.raises(Refused, match="a token wraps the keys"):
        folder.change_passphrase(PASSPHRASE, Secret(NEW.encode(), "passphrase"), os.urandom)
