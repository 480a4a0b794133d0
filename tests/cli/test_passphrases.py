"""Passphrases stretched ahead, and where a wrong one is looked for."""

import threading

import pytest

from coffer.cli.main import run
from coffer.cli.passphrases import Passphrases
from coffer.errors import MalformedInput, Refused
from coffer.notes import keyfile
from world import PASSPHRASE, World, cheap_passphrases

NAMES = ("judge", "dpo", "regulator")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    cheap_passphrases()
    return World.make(tmp_path_factory.mktemp("passphrases"))


@pytest.fixture
def secret(world, monkeypatch):
    """The custodians' passphrase in the environment, and how often one was stretched."""
    monkeypatch.setenv("COFFER_PASSPHRASE", PASSPHRASE.unsafe_bytes().decode())
    stretched, stretch = [], keyfile._stretch
    monkeypatch.setattr(keyfile, "_stretch", lambda *given: stretched.append(threading.get_ident()) or stretch(*given))
    return stretched


def unlocked(world, passphrases, name):
    folder = world.vault.custodian(name)
    return passphrases.unlocked(folder, passphrases.opener(folder))


def test_each_passphrase_is_stretched_once_and_in_another_thread(world, secret):
    before = threading.active_count()
    passphrases = Passphrases(None)
    with passphrases.stretched_ahead(str(world.vault.path)):
        for name in NAMES:
            assert unlocked(world, passphrases, name).auth.verify_key.name == f"{name}/auth"
    assert len(secret) == 3
    assert threading.get_ident() not in secret
    assert threading.active_count() == before


def test_only_the_custodian_that_is_named_is_stretched_ahead(world, secret):
    with Passphrases(None).stretched_ahead(str(world.vault.path), ["dpo"]):
        pass
    with Passphrases(None).stretched_ahead(str(world.vault.path), ["../judge", "nobody"]):
        pass
    with Passphrases(None).stretched_ahead(str(world.path / "no vault")):
        pass
    assert len(secret) <= 1


def test_a_key_file_that_was_written_anew_meanwhile_is_unlocked_by_the_passphrase(world, secret):
    passphrases, folder = Passphrases(None), world.vault.custodian("judge")
    with passphrases.stretched_ahead(str(world.vault.path), ["judge"]):
        assert passphrases._ahead["judge"].result() is not None
        folder.rotate_wrapping(PASSPHRASE, world.outside.entropy)
        before = len(secret)
        assert unlocked(world, passphrases, "judge").version == folder.keys_version()
    assert len(secret) == before + 1


def test_a_wrong_passphrase_is_refused_where_it_unlocks(world, monkeypatch, secret):
    monkeypatch.setenv("COFFER_PASSPHRASE_DPO", "wrong")
    passphrases = Passphrases(None)
    with passphrases.stretched_ahead(str(world.vault.path)):
        assert unlocked(world, passphrases, "judge")
        with pytest.raises(Refused, match="custodian dpo: wrong passphrase"):
            unlocked(world, passphrases, "dpo")


def test_a_damaged_key_file_is_told_where_it_unlocks(world, secret):
    passphrases, path = Passphrases(None), world.vault.custodian("regulator").key_file
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    try:
        with (
            passphrases.stretched_ahead(str(world.vault.path), ["regulator"]),
            pytest.raises(MalformedInput, match="damaged"),
        ):
            unlocked(world, passphrases, "regulator")
    finally:
        path.write_bytes(whole)


def test_a_passphrase_file_that_is_missing_is_told_at_once(world, tmp_path, capfd):
    words = ["open", str(world.vault.path), "x.note", "-o", str(tmp_path / "answer")]
    assert run([*words, "--passphrase-file", str(tmp_path / "nowhere")]) == 2
    assert capfd.readouterr().err == "coffer: --passphrase-file: nowhere: no such file\n"


def test_a_command_that_fails_leaves_no_thread_behind(world, tmp_path, secret, capfd):
    before = threading.active_count()
    assert run(["open", str(world.vault.path), str(tmp_path / "x.note"), "-o", str(tmp_path / "answer")]) == 2
    assert capfd.readouterr().err == "coffer: x.note: no such file\n"
    assert threading.active_count() == before
