"""Seal keys end with their authorization, whatever command comes next: whoever recorded the replies and steals the desk reads nothing."""

import datetime as dt

import pytest

from coffer.authority.authorization import parse_authorization
from coffer.cli import vaults
from coffer.cli.main import run
from coffer.disk import Disk
from coffer.errors import Unavailable

ALL = ("judge", "dpo", "regulator")
READING = [
    "log vault",
    "notices vault",
    "show request.note --vault vault",
    "retire vault --calendar",
    "report vault --from 2016-09-01 --to 2016-09-03",
]
WRITING = ["retire vault", "receipts vault", "sync vault"]


@pytest.fixture
def asked(world, monkeypatch):
    """A vault with a request that nobody opened yet, the commands looking at the test's clock."""
    monkeypatch.chdir(world.path)
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    monkeypatch.setattr("coffer.cli.console.system_clock", world.clock)
    note = world.authorize(by=ALL)
    (world.path / "request.note").write_bytes(note)
    return world, parse_authorization(note, "note")


def seal_file(world, authorization):
    return world.vault.path / "desk" / f"{authorization.commitment.hex()}.seal"


def come(world, time):
    """The time comes, and the log shows it: keys of a coming day are published."""
    world.now = time
    day = (time + dt.timedelta(days=2)).date().isoformat()
    world.epoch(day, day)


@pytest.mark.parametrize("command", [*READING, *WRITING])
def test_seal_key_of_an_expired_authorization_is_gone_after_any_command(asked, command, capfd):
    world, authorization = asked
    come(world, authorization.terms.expires)
    assert run(command.split()) == 0
    assert not seal_file(world, authorization).exists()
    assert "coffer: 1 seal key forgotten" in capfd.readouterr().err


@pytest.mark.parametrize("command", [*READING, *WRITING])
def test_twin_seal_key_of_one_in_force_stays(asked, command, capfd):
    world, authorization = asked
    come(world, authorization.terms.expires - dt.timedelta(seconds=1))
    assert run(command.split()) == 0
    assert seal_file(world, authorization).exists()
    assert "forgotten" not in capfd.readouterr().err


@pytest.mark.parametrize("command", [*READING, "receipts vault", "sync vault"])
def test_clock_that_is_ahead_once_forgets_no_seal_key_of_an_order_in_force(asked, command, capfd):
    world, authorization = asked
    before = world.now
    world.now = authorization.terms.expires + dt.timedelta(days=400)
    assert run(command.split()) == 0
    world.now = before
    assert seal_file(world, authorization).exists()
    assert world.vault.desk.read_request(authorization.commitment) is not None
    assert "forgotten" not in capfd.readouterr().err


@pytest.mark.parametrize("command", ["log vault", "sync vault"])
def test_seal_key_of_a_revoked_authorization_is_gone_after_any_command(asked, command):
    world, authorization = asked
    with world.vault.writing() as state:
        entry = world.custodian("dpo").revocation_entry(authorization.note.raw, "request")
        world.vault.append([entry], state)
    assert seal_file(world, authorization).exists()
    assert run(command.split()) == 0
    assert not seal_file(world, authorization).exists()


def test_journal_of_an_opening_goes_with_the_seal_key(asked):
    world, authorization = asked
    world.vault.desk.write_opening(authorization.commitment, b"{}")
    come(world, authorization.terms.expires)
    world.vault.replay()
    assert [path.suffix for path in (world.vault.path / "desk").iterdir()] == [".request"]


def test_seal_key_that_another_command_removes_meanwhile_stops_nobody(asked, monkeypatch):
    world, authorization = asked
    come(world, authorization.terms.expires)
    read = Disk.read

    def slow(self, path):
        if path.suffix == ".seal":
            path.unlink()
        return read(self, path)

    monkeypatch.setattr(Disk, "read", slow)
    with world.vault.writing() as state:
        assert state.size > 0


def test_folder_that_may_only_be_read_is_read(asked, monkeypatch):
    world, authorization = asked
    come(world, authorization.terms.expires)

    def fail(self, path):
        raise Unavailable(f"{path.name}: read-only file system")

    monkeypatch.setattr(Disk, "remove", fail)
    assert world.vault.replay().size > 0
    with pytest.raises(Unavailable, match="read-only"), world.vault.writing():
        pass


def test_vaults_of_commands_tell_the_time_by_the_clock_of_commands(asked, monkeypatch):
    world, authorization = asked
    monkeypatch.setattr("coffer.cli.console.system_clock", lambda: authorization.terms.expires)
    assert vaults.vault_at(str(world.vault.path)).outside.clock() == authorization.terms.expires
