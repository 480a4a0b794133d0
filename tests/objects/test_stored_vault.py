"""A vault whose segments and tallies are in an object store: every command as in a folder, and what failures leave."""

import datetime as dt
import shutil

import pytest

from coffer.cli.main import run
from coffer.errors import Unavailable
from coffer.objects.puts import PUTS
from coffer.objects.store import StoreObjects
from coffer.procedures.reports.totals import make_report
from coffer.procedures.retire import run_retirement
from coffer.procedures.supersede import supersede
from coffer.segments.store import id_of
from coffer.translog.tiling import tiles_between
from coffer.vault.stored import COPIED, REMOVED, tally_keys
from coffer_audit.cli import main as audit
from storing import Bucket, Fault
from world import PASSPHRASE, World, cheap_passphrases

CSV = "".join(f"+33612345678,+3369876543{n},2016-09-0{1 + n % 2} 10:00:0{n},6{n}\n" for n in range(8))
MORE = "+33612345679,+33698765432,2016-09-02 11:00:00,5\n"


@pytest.fixture(scope="module")
def server():
    with Bucket.serve() as bucket, bucket.one_client():
        yield bucket


@pytest.fixture
def bucket(server, monkeypatch):
    store = server.objects(None)
    store.delete(list(store.keys("")))
    server.forget()
    monkeypatch.setattr("coffer.objects.retries.TRIES", 2)
    yield server
    server.forget()


@pytest.fixture
def world(bucket, tmp_path):
    world = World.make(tmp_path, objects=bucket.address)
    world.epoch("2016-09-01", "2016-09-03")
    return world


def listed(world, prefix):
    return list(world.vault.objects.keys(prefix))


def test_ingest_and_opening_need_no_segment_in_the_folder_and_read_each_object_once(world, bucket):
    world.ingest(CSV)
    below = [path for name in ("segments", "tally") for path in (world.vault.path / name).rglob("*")]
    assert [path for path in below if path.is_file()] == []
    assert len(listed(world, "segments/")) == 6
    assert world.vault.objects.puts.read().keys == ()
    note = world.authorize(subjects=["tel:+33612345678"])
    bucket.forget()
    assert world.open(note).records == 8
    reads = {key: count for (method, key), count in bucket.asked.items() if method == "GET" and "segments/" in key}
    assert sorted(reads) == listed(world, "segments/")
    assert set(reads.values()) == {1}
    assert (
        make_report(
            world.vault, world.state(), first=dt.date(2016, 9, 1), last=dt.date(2016, 9, 3), by=["day"], country=None
        ).total
        == 8
    )


def test_log_is_copied_after_each_command_the_checkpoint_last(world, bucket):
    bucket.forget()
    world.ingest(CSV)
    log, size = world.vault.path / "log", world.state().size
    for name in tiles_between(0, size):
        assert world.vault.objects.read(f"log/{name}") == (log / name).read_bytes()
    assert world.vault.objects.read("log/checkpoint") == (log / "checkpoint").read_bytes()
    puts = [key for (method, key) in bucket.asked if method == "PUT" and key.startswith("log/")]
    assert puts[-1] == "log/checkpoint"
    bucket.fail("PUT", "log/checkpoint", Fault.ERROR, times=9)
    world.ingest(MORE, name="b.csv")
    assert world.outside.told[-1].startswith("a copy of the log: left for the next command that writes: log/checkpoint")
    bucket.forget()
    with world.vault.writing():
        pass
    assert world.vault.objects.read("log/checkpoint") == (log / "checkpoint").read_bytes()
    assert (world.vault.path / COPIED).read_bytes() == (log / "checkpoint").read_bytes()


def test_an_ingest_that_fails_leaves_nothing_in_the_store(world, bucket):
    bucket.fail("PUT", ".manifest", Fault.ERROR, times=99)
    with pytest.raises(Unavailable, match=r"\.manifest: the store says: InternalError"):
        world.ingest(CSV)
    assert listed(world, "segments/") == listed(world, "tally/") == []
    assert not (world.vault.path / PUTS).exists()
    bucket.forget()
    world.ingest(CSV)
    assert len(listed(world, "segments/")) == 6


def test_what_a_killed_ingest_put_the_next_command_removes_by_name(world, bucket, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(StoreObjects, "abandon", lambda *_: None)  # killed: nothing is cleared
        patch.setattr(StoreObjects, "publish", lambda *_: exec("raise KeyboardInterrupt('killed')"))
        with pytest.raises(KeyboardInterrupt, match="killed"):
            world.ingest(CSV)
    assert len(listed(world, "segments/")) == 6
    monkeypatch.setattr(StoreObjects, "keys", lambda *_: pytest.fail("a list was asked for"))
    with world.reopen().vault.writing():
        pass
    monkeypatch.undo()
    assert listed(world, "segments/") == listed(world, "tally/") == []


def test_what_was_about_to_be_logged_stays_until_tidy(world, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr("coffer.procedures.ingest.batch.Batch.log", lambda *_: exec("raise KeyboardInterrupt('killed')"))
        patch.setattr(StoreObjects, "abandon", lambda *_: None)
        with pytest.raises(KeyboardInterrupt, match="killed"):
            world.ingest(CSV)
    with world.reopen().vault.writing():
        pass
    (aside,) = world.vault.aside.folders()
    assert (aside.reason, aside.files) == ("unlogged", 1)
    assert len(listed(world, "segments/")) == 6
    assert run(["tidy", str(world.vault.path), "--older-than", "0", "--yes"]) == 0
    assert listed(world, "segments/") == listed(world, "tally/") == []


def test_a_note_of_logged_objects_costs_none_of_them_when_the_next_ingest_fails(world, bucket, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(StoreObjects, "conclude", lambda *_: exec("raise KeyboardInterrupt('killed')"))
        with pytest.raises(KeyboardInterrupt, match="killed"):
            world.ingest(CSV)
    before = listed(world, "segments/")
    assert len(before) == 6
    with monkeypatch.context() as patch:
        patch.setattr("coffer.vault.stored.Stored.sweep", lambda *_, **_options: None)
        with pytest.raises(AssertionError, match="swept"):
            world.reopen().ingest(MORE, name="b.csv")
    bucket.fail("PUT", ".manifest", Fault.ERROR, times=99)
    with pytest.raises(Unavailable, match=r"\.manifest"):
        world.reopen().ingest(MORE, name="b.csv")
    assert listed(world, "segments/") == before


def test_an_older_log_does_not_take_the_place_of_its_newer_copy(world, tmp_path):
    log = world.vault.path / "log"
    shutil.copytree(log, tmp_path / "older")
    world.ingest(CSV)
    newer = world.vault.objects.read("log/checkpoint")
    shutil.rmtree(log)
    shutil.copytree(tmp_path / "older", log)
    again = world.reopen()
    with (
        pytest.raises(Unavailable, match="its copy in the store holds 11 entries, the vault 10: nothing was copied"),
        again.vault.writing(),
    ):
        pass
    assert again.vault.objects.read("log/checkpoint") == newer


def test_an_answer_lost_in_ingest_and_500s_change_nothing(world, bucket):
    bucket.fail("PUT", ".rows", Fault.LOST)
    bucket.fail("PUT", ".header", Fault.ERROR)
    bucket.fail("PUT", ".hours.parquet", Fault.LOST)
    world.ingest(CSV)
    bucket.fail("GET", ".rows", Fault.CUT)
    bucket.fail("GET", ".manifest", Fault.ERROR)
    assert world.open(world.authorize(subjects=["tel:+33612345678"])).records == 8


def test_retirement_and_superseding_remove_objects_by_name_once(world, bucket, monkeypatch):
    first = world.ingest(CSV).batch
    world.ingest(MORE, name="b.csv")
    supersede(world.vault, first)
    assert listed(world, "tally/") == sorted(tally_keys(list(world.state().batches)[1]))
    world.now = dt.datetime(2017, 9, 3, 12, tzinfo=dt.UTC)
    retired = run_retirement(world.vault, world.custodians(), passphrase=lambda _name: PASSPHRASE, may_catch_up=True)
    assert retired.files > 0
    assert len((world.vault.path / REMOVED).read_text().split()) == len({*_dead(world)}) + 1
    assert [key for key in listed(world, "segments/") if id_of(key) in _dead(world)] == []
    bucket.forget()
    with world.reopen().vault.writing():
        pass
    assert [key for method, key in bucket.asked if method == "DELETE"] == []


def _dead(world):
    state = world.state()
    return [seg_id.hex() for seg_id, segment in state.segments.items() if state.is_dead(segment)]


def test_a_store_that_is_down_stops_no_command_that_needs_none_of_it(world, bucket):
    world.ingest(CSV)
    for method in ("GET", "PUT", "HEAD", "DELETE"):
        bucket.fail(method, "", Fault.ERROR, times=999)
    world.authorize(subjects=["tel:+33612345678"])
    world.epoch("2016-09-04", "2016-09-04")
    assert any("a copy of the log: left for the next command" in line for line in world.outside.told)
    assert [line for line in world.outside.told if "SECRET" in line or "127.0.0.1" in line] == []


def test_an_auditor_reads_a_folder_that_replicate_made(world, tmp_path, capsys):
    world.ingest(CSV)
    for words in ("8 objects copied", "8 there already"):
        assert run(["replicate", str(world.vault.path), str(tmp_path / "copy")]) == 0
        assert words in capsys.readouterr().out
    assert audit(["vault", str(tmp_path / "copy")]) == 0
    assert run(["replicate", str(world.vault.path), str(world.vault.path)]) == 2


def test_a_store_alone_is_copied_and_audited_by_whoever_has_the_pins(world, bucket, tmp_path, capsys):
    """Nothing of the vault's folder is needed; whoever keeps the store can withhold or change, and shows it."""
    world.ingest(CSV)
    older = dict.fromkeys(("log/checkpoint",), world.vault.objects.read("log/checkpoint"))
    world.ingest(MORE, name="b.csv")
    pins, copy, again = tmp_path / "vault.toml", tmp_path / "copy", tmp_path / "again"
    shutil.copy(world.vault.path / "vault.toml", pins)
    words = ["replicate", str(bucket.address)]
    assert run([*words, str(copy)]) == 2
    assert "hint: --pins vault.toml" in capsys.readouterr().err
    assert run([*words, str(copy), "--pins", str(pins)]) == 0
    assert "3 segments" in capsys.readouterr().out
    assert audit(["vault", str(copy)]) == 0
    assert run(["replicate", str(copy), str(again), "--pins", str(pins)]) == 0
    assert audit(["vault", str(again)]) == 0
    other = pins.read_text().replace(pins.read_text()[-10:-2], "0" * 8)
    (tmp_path / "other.toml").write_text(other)
    assert run([*words, str(tmp_path / "none"), "--pins", str(tmp_path / "other.toml")]) == 3
    assert not (tmp_path / "none").exists()
    store = world.vault.objects
    store.replace("log/checkpoint", older["log/checkpoint"])
    assert run([*words, str(copy), "--pins", str(pins)]) == 3
    assert "the copy holds" in capsys.readouterr().err
    assert audit(["vault", str(copy)]) == 0
    rows = next(key for key in store.keys("segments/") if key.endswith(".rows"))
    store.replace(rows, store.read(rows)[::-1])
    assert run([*words, str(tmp_path / "damaged"), "--pins", str(pins)]) == 3
    store.delete([rows])
    assert run([*words, str(tmp_path / "withheld"), "--pins", str(pins)]) == 3
    assert f"{rows}: in the source missing" in capsys.readouterr().out


def test_init_takes_a_prefix_once_and_an_address_without_credentials(bucket, tmp_path, monkeypatch, capsys):
    cheap_passphrases()
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    rule = [
        *(word for name in ("judge", "dpo", "press") for word in ("--custodian", name)),
        "--rule",
        "base=2 of judge,dpo,press",
    ]
    words = ["--origin", "test.example/vault", *rule, "--retention-days", "30", "--late-days", "5", "--objects"]
    assert run(["init", str(tmp_path / "one"), *words, str(bucket.address)]) == 0
    assert run(["init", str(tmp_path / "two"), *words, str(bucket.address)]) == 2
    assert f"{bucket.address}: holds another vault" in capsys.readouterr().err
    assert not (tmp_path / "two").exists()
    assert run(["init", str(tmp_path / "two"), *words, "s3://KEY:SECRET@bucket/x"]) == 2
    assert "SECRET" not in capsys.readouterr().err
    assert run(["init", str(tmp_path / "two"), *words, "s3://no-such-bucket-here/x"]) == 5
    assert "the store says: " in capsys.readouterr().err
    assert not (tmp_path / "two").exists()


def test_backup_into_an_address_is_refused_with_the_command_for_it(world, capsys):
    assert run(["backup", str(world.vault.path), "s3://bucket/x"]) == 2
    assert "coffer replicate VAULT s3://" in capsys.readouterr().err


def test_master_alone_does_not_seal_here(world, capsys):
    assert run(["ingest", str(world.vault.path), "x.csv", "--feed", "f.toml", "--master", "local[2]"]) == 2
    assert "--master: without --engine spark" in capsys.readouterr().err
