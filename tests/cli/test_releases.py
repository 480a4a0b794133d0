"""A vault of the release before opens in this one; what a newer release wrote is refused by name, and left as it is."""

import json
import re
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from coffer.cli.main import run
from coffer.cli.settings import parse_file
from coffer.custodian.machine.folder import parse_machine_config
from coffer.custody.standing import parse_standing
from coffer.desk.store.connected import connected
from coffer.desk.store.engine import database_url
from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.ledger.roster import parse_roster
from coffer.notify.settings import parse_settings as parse_notify
from coffer.objects.address import StoreAddress
from coffer.procedures.watch.settings import parse_settings as parse_watch
from coffer.vault.folder import open_vault
from coffer.vault.policy import Policy
from coffer.wire import NEWER, verify_format
from coffer_audit.cli import main as audit
from world import FEED, PASSPHRASE, Someone, World

VAULTS = sorted((Path(__file__).parents[1] / "vaults").glob("*.zip"))


def files_below(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def unpacked(path, folder):
    with zipfile.ZipFile(path) as packed:
        packed.extractall(folder)
    outside = Someone()
    return World(path=folder, vault=open_vault(folder / "vault", Disk(), outside), outside=outside)


def test_a_vault_of_each_release_is_kept():
    page = (VAULTS[0].parent / "README.md").read_text("utf-8")
    assert re.findall(r"^\| `([^`]+\.zip)` \|", page, re.MULTILINE) == [path.name for path in VAULTS]
    assert len(VAULTS) == 1


@pytest.mark.parametrize("path", VAULTS, ids=lambda path: path.stem)
def test_a_vault_of_an_older_release_opens_goes_on_and_is_audited(path, tmp_path):
    world = unpacked(path, tmp_path)
    size = world.state().size
    assert world.open((tmp_path / "request.note").read_bytes()).records == 3
    assert world.open(world.authorize(basis="case 2")).records == 3
    assert world.ingest_files([tmp_path / "first.csv"]).batch is None
    world.epoch("2016-09-04", "2016-09-04")
    world.ingest("+33612345678,+33698765432,2016-09-04 10:00:00,60\n", name="new.csv")
    assert world.reopen().state().size > size
    pins = ["--log-key", world.vault.pins.log_key.format(), "--genesis", world.vault.pins.genesis.hex()]
    assert audit(["vault", str(world.vault.path), *pins]) == 0
    assert run(["fsck", str(world.vault.path), "--deep"]) == 0


@pytest.mark.parametrize(
    ("parse", "text", "name"),
    [
        (lambda raw: Policy.parse(raw, "policy.toml"), 'format = "{}"\n', "coffer.policy/v1"),
        (lambda raw: StoreAddress.parse(raw, "objects.toml"), 'format = "{}"\n', "coffer.objects/v1"),
        (lambda raw: parse_machine_config(raw, "custodian.toml"), 'format = "{}"\n', "coffer.custodian/v1"),
        (lambda raw: parse_notify(raw, "notify.toml", read=None), 'format = "{}"\n', "coffer.notify/v1"),
        (lambda raw: parse_watch(raw, "watch.toml"), 'format = "{}"\n', "coffer.watch/v1"),
        (lambda raw: parse_file(raw, "coffer.toml", absolute=str), 'format = "{}"\n', "coffer.settings/v1"),
        (lambda raw: parse_roster(raw, "roster"), "{}\nx: y\n", "coffer.roster/v3"),
        (lambda raw: parse_standing(raw, "report"), "{}\nx: y\n", "coffer.standing/v2"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("coffer.") else "",
)
def test_a_newer_format_is_refused_by_name(parse, text, name):
    newer = f"{name[:-1]}{int(name[-1]) + 1}"
    with pytest.raises(MalformedInput, match=rf"found '?{re.escape(newer)}'?, expected '?{re.escape(name)}") as caught:
        parse(text.format(newer).encode())
    assert caught.value.hint == NEWER


def test_twins_an_older_format_has_another_hint_and_what_is_no_format_is_not_repeated():
    verify_format("coffer.x/v2", "coffer.x/v2", "x")
    with pytest.raises(MalformedInput, match=r"^x: found coffer.x/v1, expected coffer.x/v2$") as caught:
        verify_format("coffer.x/v1", "coffer.x/v2", "x")
    assert caught.value.hint.startswith("an older release wrote it")
    for value in ("coffer.y/v2", "a secret", "coffer.x/v02", "coffer.x/v2 ", ""):
        with pytest.raises(MalformedInput, match=r"^x: expected coffer.x/v2$") as caught:
            verify_format(value, "coffer.x/v2", "x")
        assert caught.value.hint is None


@pytest.mark.parametrize(
    "words",
    [["log"], ["ingest", "--feed", "feed.toml", "a.csv"], ["watch", "--once"], ["backup", "b"], ["sync"], ["serve"]],
    ids=lambda words: words[0],
)
def test_a_vault_of_a_newer_release_is_refused_by_every_command_and_left_as_it_is(words, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    vault = World.make(tmp_path).vault.path
    (tmp_path / "feed.toml").write_text(FEED)
    (tmp_path / "a.csv").write_text("")
    pins = (vault / "vault.toml").read_text()
    (vault / "vault.toml").write_text(pins.replace("coffer.vault/v1", "coffer.vault/v2"))
    before = files_below(tmp_path)
    command, *rest = words
    assert run([command, str(vault), *rest]) == 2
    said = capfd.readouterr().err
    assert "vault.toml: format: found coffer.vault/v2, expected coffer.vault/v1\n" in said
    assert f"hint: {NEWER}\n" in said
    assert files_below(tmp_path) == before


def test_a_custodians_key_file_of_a_newer_release_is_refused_by_name(tmp_path):
    world = World.make(tmp_path)
    path = world.vault.custodian("judge").key_file
    document = json.loads(path.read_bytes())
    path.write_text(json.dumps(document | {"format": "coffer.keys/v2"}))
    with pytest.raises(MalformedInput, match=r"found coffer.keys/v2, expected coffer.keys/v1") as caught:
        world.vault.custodian("judge").unlock(PASSPHRASE)
    assert caught.value.hint == NEWER


def test_memory_and_journal_of_a_newer_release_are_refused_by_number(tmp_path, monkeypatch):
    world = World.make(tmp_path)
    for module, key in (("memory", world.vault.ingested.key()), ("watched", world.vault.watched.key)):
        monkeypatch.setattr(f"coffer.vault.{module}.AESGCM", opening(msgspec.msgpack.encode({"version": 9, "new": []})))
        with pytest.raises(MalformedInput, match=r"version 9, expected [12]$") as caught:
            key.unseal(b"x" * 40, "ingested") if module == "memory" else key.unseal(b"x" * 40)
        assert caught.value.hint == NEWER


def opening(content):
    """A cipher that opens to a form of ``content``, as a newer release would have sealed it."""

    class Cipher:
        def __init__(self, _key):
            pass

        def decrypt(self, _nonce, _sealed, _aad):
            return len(content).to_bytes(4, "big") + content + bytes(32)

    return Cipher


def test_a_desks_database_of_a_newer_release_is_refused_and_not_migrated(tmp_path):
    world = World.make(tmp_path)
    url = database_url(world.vault.path, None)
    connected(url, world.vault.database_key(), world.outside.entropy).close()
    path = world.vault.path / "desk.sqlite3"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(MalformedInput, match="database: its tables are of another release, expected 0001") as caught:
        connected(url, world.vault.database_key(), world.outside.entropy)
    assert caught.value.hint == NEWER
    with closing(sqlite3.connect(path)) as database, database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
        database.execute("UPDATE alembic_version SET version_num = '0001'")
    connected(url, world.vault.database_key(), world.outside.entropy).close()
