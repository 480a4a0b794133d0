"""A backup and its drill: lose the vault, restore it, audit it, open a request. And what no backup may hold."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from coffer.cli.main import run
from coffer.errors import CofferError, MalformedInput, NotProven, Unavailable
from coffer.procedures import backup
from coffer.procedures.backup import BACKED_UP, DATABASE, FILES, LEFT_OUT, PROVEN, back_up, backup_figures
from coffer.procedures.supersede import supersede
from coffer_audit.cli import main as audit
from elsewhere import Elsewhere
from storing import Bucket
from world import NOW, World

LINES = "".join(f"+33612345678,+33698765432,2016-09-0{day} 10:00:00,60\n" for day in (1, 2, 3))


def files_below(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def restored(copy, keys, place):
    """What the page says: the backup copied to the vault's place, the operator's keys put beside it."""
    shutil.copytree(copy, place)
    (place / "operator").mkdir(mode=0o700)
    shutil.copy(keys, place / "operator" / "keys")


def test_drill_a_lost_vault_is_restored_audited_and_opens(tmp_path, capsys):
    world = Elsewhere.make_elsewhere(tmp_path).with_records()
    before = world.open(world.note_of_today())
    copy, keys = tmp_path / "backup", tmp_path / "safe-keys"
    shutil.copy(world.vault.path / "operator" / "keys", keys)
    done = back_up(world.vault, copy)
    assert (done.replicated.examined.faults, done.unknown) == ((), ())

    shutil.rmtree(world.vault.path)
    restored(copy, keys, world.vault.path)

    assert run(["fsck", str(world.vault.path), "--deep"]) == 0
    pins = ["--log-key", world.vault.pins.log_key.format(), "--genesis", world.vault.pins.genesis.hex()]
    assert audit(["vault", str(world.vault.path), *pins]) == 0
    again = world.reopen()
    world.vault, world.outside = again.vault, again.outside
    answer = world.open(world.note_of_today(basis="case 2"))
    assert len(answer.cells) == len(before.cells)
    assert answer.records == before.records
    world.ingest(f"+33612345678,+33698765432,{world.today} 00:00:02,7\n", name="later.csv")
    capsys.readouterr()


def test_twin_the_same_files_are_known_after_a_restore_and_not_sealed_twice(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(LINES)
    shutil.copy(world.vault.path / "operator" / "keys", tmp_path / "safe-keys")
    back_up(world.vault, tmp_path / "backup")
    shutil.move(world.vault.path, tmp_path / "lost")
    restored(tmp_path / "backup", tmp_path / "safe-keys", world.vault.path)
    again = world.reopen()
    assert again.ingest_files([tmp_path / "records.csv"]).batch is None


def test_no_key_of_anybody_is_in_a_backup(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(LINES)
    back_up(world.vault, tmp_path / "backup")
    held = files_below(tmp_path / "backup")
    secrets = {path for path in world.vault.path.rglob("*") if path.name == "keys" or path.parent.name == "epoch"}
    assert len(secrets) == 4 + 9
    contents = b"".join(held.values())
    assert [path for path in secrets if path.read_bytes() in contents] == []
    assert [name for name in held if name.startswith(("custodians/", "operator/"))] == []


def test_everything_of_a_vaults_folder_is_copied_or_left_out_by_name(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(LINES)
    world.authorize()
    (world.vault.path / "note-to-self.txt").write_text("x")
    done = back_up(world.vault, tmp_path / "backup")
    assert done.unknown == ("note-to-self.txt",)
    assert {path.name for path in (tmp_path / "backup").iterdir()} <= {*FILES, *PROVEN, "desk", DATABASE}
    assert list((tmp_path / "backup" / "desk").iterdir())
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text("utf-8").split("## Backup", 1)[1]
    table = page.split("| of the vault's folder |", 1)[1].split("\n\n", 1)[0]
    for name in (*FILES, *PROVEN, *LEFT_OUT, DATABASE):
        assert f"`{name}" in table or name.endswith(("lock", "-wal", "-shm")), name


def test_run_again_it_copies_what_is_new_and_removes_what_died_or_is_gone(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(LINES)
    world.authorize()
    (world.vault.path / "policy.toml").write_text('format = "coffer.policy/v1"\n')
    assert when(world) == 0
    first = back_up(world.vault, tmp_path / "backup")
    assert when(world) == int(world.now.timestamp())
    world.ingest(LINES.replace(",60", ",61"), name="second.csv")
    second = back_up(world.vault, tmp_path / "backup")
    assert (first.replicated.copied, second.replicated.copied, second.replicated.kept) == (11, 11, 11)
    supersede(world.vault, next(iter(world.state().batches)))
    (world.vault.path / "policy.toml").unlink()
    for path in (world.vault.path / "desk").iterdir():
        path.unlink()
    third = back_up(world.vault, tmp_path / "backup")
    assert third.replicated.copied == 0
    assert third.replicated.examined.faults == ()
    assert not (tmp_path / "backup" / "policy.toml").exists()
    assert list((tmp_path / "backup" / "desk").iterdir()) == []


def when(world):
    """When the last backup was made, as the figures say."""
    return backup_figures(world.vault)[0].samples[0].value


def test_a_time_of_the_last_backup_that_cannot_be_read_is_none(tmp_path):
    world = World.make(tmp_path)
    for raw in (b"", b"yesterday\n", b"\xff\n", b"2016-09-05T12:00:00Z"):
        (world.vault.path / "backed-up").write_bytes(raw)
        assert when(world) == 0


def test_a_longer_log_is_not_replaced_by_a_shorter_one(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-03")
    shutil.copytree(world.vault.path, tmp_path / "old")
    world.ingest(LINES)
    back_up(world.vault, tmp_path / "backup")
    held = files_below(tmp_path / "backup")
    shutil.rmtree(world.vault.path)
    shutil.copytree(tmp_path / "old", world.vault.path)
    with pytest.raises(NotProven, match=r"log: the backup holds 11 entries, the vault 10"):
        back_up(world.reopen().vault, tmp_path / "backup")
    assert files_below(tmp_path / "backup") == held


def test_a_backup_is_of_one_vault_and_no_vault(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = World.make(tmp_path / "one"), World.make(tmp_path / "two", now=NOW)
    back_up(one.vault, tmp_path / "backup")
    with pytest.raises(NotProven, match=r"vault.toml: other bytes are there"):
        back_up(two.vault, tmp_path / "backup")
    with pytest.raises(MalformedInput, match="a vault that is in use"):
        back_up(one.vault, two.vault.path)
    with pytest.raises(MalformedInput, match="in the vault itself"):
        back_up(one.vault, one.vault.path / "copy")


def test_a_damaged_copy_is_mended_and_a_damaged_vault_is_named(tmp_path, capsys):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(LINES)
    back_up(world.vault, tmp_path / "backup")
    rows = next(iter((tmp_path / "backup").glob("segments/*/*.rows")))
    rows.write_bytes(rows.read_bytes()[:-1] + b"\x00")
    assert run(["backup", str(world.vault.path), str(tmp_path / "backup"), "--json"]) == 0
    capsys.readouterr()
    (world.vault.path / rows.relative_to(tmp_path / "backup")).write_bytes(b"damaged")
    rows.unlink()
    (world.vault.path / BACKED_UP).write_text("2016-09-05T13:00:00Z\n")
    held = when(world)
    assert run(["backup", str(world.vault.path), str(tmp_path / "backup"), "--json"]) == 3
    printed = capsys.readouterr().out
    assert [one["fault"] for one in json.loads(printed)["faults"]] == ["missing"]
    assert when(world) == held, "of the backup that held"


def test_the_desks_database_is_copied_whole_while_a_desk_writes(tmp_path):
    world = World.make(tmp_path)
    path = world.vault.path / DATABASE
    with closing(sqlite3.connect(path, isolation_level=None)) as desk:
        desk.execute("PRAGMA journal_mode = WAL")
        desk.execute("CREATE TABLE cases (number INTEGER)")
        desk.execute("INSERT INTO cases VALUES (1), (2)")
        desk.execute("BEGIN IMMEDIATE")
        desk.execute("INSERT INTO cases VALUES (3)")
        back_up(world.vault, tmp_path / "backup")
        desk.execute("COMMIT")
    copy = tmp_path / "backup" / DATABASE
    with closing(sqlite3.connect(copy)) as reading:
        assert reading.execute("SELECT number FROM cases").fetchall() == [(1,), (2,)]
    assert copy.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"no database at all" * 1000)
    for name in (f"{DATABASE}-wal", f"{DATABASE}-shm"):
        (world.vault.path / name).unlink(missing_ok=True)
    with pytest.raises(Unavailable, match=r"desk.sqlite3: DatabaseError"):
        back_up(world.vault, tmp_path / "backup")
    with closing(sqlite3.connect(copy)) as reading:
        assert reading.execute("SELECT count(*) FROM cases").fetchone() == (2,)


def test_what_it_costs_without_the_custodians_folders_no_sealed_day_opens(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(LINES)
    note = world.authorize()
    shutil.copy(world.vault.path / "operator" / "keys", tmp_path / "safe-keys")
    back_up(world.vault, tmp_path / "backup")
    shutil.move(world.vault.path, tmp_path / "lost")
    restored(tmp_path / "backup", tmp_path / "safe-keys", world.vault.path)
    again = world.reopen()
    assert again.vault.custodian_names() == []
    with pytest.raises(CofferError, match="none can be asked, expected 2 of judge,dpo,regulator"):
        again.open(note)
    shutil.copytree(tmp_path / "lost" / "custodians", world.vault.path / "custodians")
    assert world.reopen().open(note).records == 3


def test_of_a_vault_whose_segments_are_in_a_store_the_folder_is_copied(tmp_path):
    with Bucket.serve() as bucket:
        world = World.make(tmp_path, objects=bucket.address)
        world.epoch("2016-09-01", "2016-09-03")
        world.ingest(LINES)
        shutil.copy(world.vault.path / "operator" / "keys", tmp_path / "safe-keys")
        done = back_up(world.vault, tmp_path / "backup")
        assert (done.unknown, done.replicated.copied) == ((), 0)
        assert not (tmp_path / "backup" / "segments").exists()
        shutil.move(world.vault.path, tmp_path / "lost")
        restored(tmp_path / "backup", tmp_path / "safe-keys", world.vault.path)
        assert run(["fsck", str(world.vault.path), "--deep"]) == 0


@pytest.mark.parametrize("when_it_grows", ["expected_of", "replicate"])
def test_a_log_that_grows_meanwhile_is_backed_up_as_it_was_at_one_moment(when_it_grows, tmp_path, monkeypatch):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(LINES)
    shutil.copy(world.vault.path / "operator" / "keys", tmp_path / "safe-keys")
    real, grown = getattr(backup, when_it_grows), []

    def growing(*arguments):
        done = real(*arguments) if when_it_grows == "expected_of" else None
        if not grown:
            grown.append(world.ingest(LINES.replace(",60", ",61"), name="meanwhile.csv"))
        return done or real(*arguments)

    monkeypatch.setattr(backup, when_it_grows, growing)
    done = back_up(world.vault, tmp_path / "backup")
    batches = 2 if when_it_grows == "expected_of" else 1
    assert (done.replicated.examined.faults, done.replicated.examined.tallies) == ((), batches)
    shutil.move(world.vault.path, tmp_path / "lost")
    restored(tmp_path / "backup", tmp_path / "safe-keys", world.vault.path)
    again = world.reopen()
    assert len(again.state().batches) == batches
    assert run(["fsck", str(world.vault.path), "--deep"]) == 0


def test_a_log_that_never_rests_is_told(tmp_path, monkeypatch):
    world = World.make(tmp_path)
    days = iter(range(1, 9))
    real = backup.expected_of

    def growing(vault):
        done, day = real(vault), f"2016-09-0{next(days)}"
        world.epoch(day, day)
        return done

    monkeypatch.setattr(backup, "expected_of", growing)
    with pytest.raises(Unavailable, match="log: it grew at every look"):
        back_up(world.vault, tmp_path / "backup")
