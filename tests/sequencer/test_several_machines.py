"""A vault of several machines: each with a folder of its own, an object store and a store of checkpoints for all."""

import datetime as dt
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest

from coffer.cli.main import run
from coffer.custodian.folder import CustodianFolder
from coffer.custodian.service import CustodianService
from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.objects.address import StoreAddress
from coffer.objects.folder import FolderObjects
from coffer.procedures.backup import back_up
from coffer.procedures.fsck import examine, expected_of
from coffer.procedures.ingest.run import run_ingest
from coffer.procedures.replicate import replicate
from coffer.procedures.reports.totals import make_report
from coffer.procedures.retire import run_retirement
from coffer.procedures.supersede import supersede
from coffer.segments.store import id_of
from coffer.sequencer.address import CHECKPOINTS, parse_checkpoint_address
from coffer.sequencer.turns import Lost, Pace
from coffer.vault.folder import open_vault
from coffer_audit.cli import main as audit
from crash.faulty_disk import FaultyDisk, Killed, Mode
from storing import Bucket
from world import PASSPHRASE, World, cheap_passphrases, feed

FIRST = "".join(f"+33612345678,+3369876543{n},2016-09-0{1 + n % 2} 10:00:0{n},6{n}\n" for n in range(8))
SECOND = "".join(f"+33612345678,+3369876544{n},2016-09-0{1 + n % 3} 11:00:0{n},60{n}\n" for n in range(6))
LOGGING = 16
"""The last operations of an ingest on its disk: its note and memory, then the log."""
ALIKE = ("vault.toml", "objects.toml", CHECKPOINTS, "operator/keys")
"""What a further machine is given."""

APPROVING = threading.Lock()


@pytest.fixture
def tmp_path(memory_folder):
    """Every test here is in memory."""
    return memory_folder


@pytest.fixture
def objects(monkeypatch):
    """A store in memory that machines of one process share. What an S3 server adds is in ``test_stored_vault``."""
    monkeypatch.setattr("coffer.objects.address.SCHEMES", ("s3", "memory"))
    return StoreAddress(scheme="memory", root=f"bucket-{os.urandom(6).hex()}/vault")


@pytest.fixture
def one(objects, tmp_path, monkeypatch):
    """The first machine, which has the custodians too."""
    monkeypatch.setattr("coffer.sequencer.sequencer.Pace", lambda: Pace(beat_s=0.5, look_s=0.005))
    address = parse_checkpoint_address(f"sqlite:{tmp_path}/checkpoints.sqlite3", "test")
    world = World.make(tmp_path / "one", objects=objects, checkpoints=address)
    world.epoch("2016-09-01", "2016-09-03")
    return world


def joined(one, name, *, minutes=0):
    """A further machine, whose clock may differ."""
    folder = one.path.parent / name
    for file in ALIKE:
        path = folder / "vault" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(one.vault.path / file, path)
    outside = replace(one.outside, now=one.now + dt.timedelta(minutes=minutes), told=[])
    vault = open_vault(folder / "vault", Disk(), outside)
    return World(path=folder, vault=vault, outside=outside)


def custodians_for(one, desk):
    """The custodians, on a machine of their own, who read the log of a desk's machine."""
    own = [
        CustodianFolder(path, Disk(), origin=one.vault.pins.origin, cost=one.outside.costs.passphrase)
        for path in sorted((one.path.parent / "custodians").iterdir())
    ]
    return [
        CustodianService(
            folder,
            folder.unlock(PASSPHRASE),
            log=desk.vault.log,
            log_key=one.vault.pins.log_key,
            genesis=one.vault.pins.genesis,
            clock=one.clock,
            uptime=one.uptime,
        )
        for folder in own
    ]


def opened_by(one, desk, **changes):
    note = desk.request(**changes)
    for custodian in custodians_for(one, desk):
        with APPROVING:  # a custodian that saw another desk's newer log waits for this one's
            desk.vault.refresh()
            note = custodian.countersign(note, "request").raw
    return desk.open(note, custodians_for(one, desk))


def verify_sound(one, capsys):
    """Every object is there, and the auditor finds nothing in a copy of what all machines share."""
    with one.vault.writing():
        pass
    expected = expected_of(one.vault)
    assert examine(one.vault.objects, expected, is_deep=True).faults == ()
    target = one.path / "replica"
    replicate(one.vault.objects, FolderObjects(target, Disk()), expected, one.vault.objects.read("log/checkpoint"))
    shutil.copy(one.vault.path / "vault.toml", target)
    assert audit(["vault", str(target)]) == 0, capsys.readouterr().out
    shutil.rmtree(target)


def test_two_ingesters_and_three_desks_at_once_with_clocks_that_differ_and_one_budget(one, capsys):
    two = joined(one, "two", minutes=-10)
    shutil.copytree(one.vault.path / "custodians", one.path.parent / "custodians")
    desks = [joined(one, f"desk{n}", minutes=n) for n in (1, 2, 4)]
    with ThreadPoolExecutor(5) as pool:
        first, second = pool.submit(one.ingest, FIRST), pool.submit(two.ingest, SECOND, name="second.csv")
        answers = list(pool.map(lambda desk: opened_by(one, desk), desks))
        assert first.result().entries != second.result().entries
    assert {answer.records for answer in answers} <= {0, 6, 8, 14}
    assert opened_by(one, desks[0], max_records=14).records == 14
    assert {world.state().size for world in (one, two, *desks)} == {two.state().size}
    state = two.state()
    drawn = {state.drawn(opening.intent.authorization, up_to=state.size) for opening in state.openings.values()}
    assert len(state.openings) == 4
    assert drawn <= {0, 6, 8, 14}
    verify_sound(one, capsys)
    assert list(one.vault.objects.keys("log/staged/")) == []


def test_file_that_another_machine_sealed_is_known(one):
    two = joined(one, "two")
    one.ingest(FIRST)
    summary = two.ingest(FIRST, name="other-name.csv")
    assert summary.entries == ()
    assert summary.files[0].is_known
    grown = two.ingest(FIRST + SECOND, name="grown.csv")
    assert (grown.files[0].known, grown.files[0].kept) == (8, 6)
    assert one.ingest(FIRST + SECOND, name="again.csv").entries == ()


def test_file_that_two_machines_seal_at_once_is_sealed_by_one(one, tmp_path, capsys):
    two = joined(one, "two")
    path = tmp_path / "same.csv"
    path.write_text(FIRST)
    (tmp_path / "third.csv").write_text(SECOND)

    def ingest_by_two(path, then):
        return run_ingest(
            two.vault,
            feed(),
            [str(path)],
            on_progress=lambda **_: None,
            on_rejects=lambda _name, _rejects: None,
            on_logging=lambda _batch, _files: then(),
        )

    with pytest.raises(Unavailable, match="another machine sealed a file of the same name or length meanwhile"):
        ingest_by_two(path, lambda: one.ingest(FIRST, name="same.csv"))
    assert len(one.state().batches) == 1
    assert ingest_by_two(path, lambda: None).entries == ()
    one.ingest("+33612345678,+33698765432,2016-09-02 11:00:00,5\n", name="fourth.csv")
    ingest_by_two(
        tmp_path / "third.csv", lambda: one.ingest("+33612345678,+33698765431,2016-09-02 11:00:00,7\n", name="5.csv")
    )
    assert len(two.state().batches) == 4
    verify_sound(one, capsys)


def test_batch_that_another_machine_superseded_meanwhile_is_not_counted_on(one, tmp_path):
    """What was known at the beginning counts no more: the file is read again, whole."""
    two = joined(one, "two")
    batch = one.ingest(FIRST).batch
    path = tmp_path / "grown.csv"
    path.write_text(FIRST + SECOND)

    def ingest(then):
        return run_ingest(
            two.vault,
            feed(),
            [str(path)],
            on_progress=lambda **_: None,
            on_rejects=lambda _name, _rejects: None,
            on_logging=lambda _batch, _files: then(),
        )

    with pytest.raises(Unavailable, match="another machine superseded a batch meanwhile; nothing was logged"):
        ingest(lambda: supersede(one.vault, batch))
    (file,) = ingest(lambda: None).files
    assert (file.kept, file.known) == (14, 0)


@pytest.mark.slow
def test_an_ingester_that_is_killed_while_it_logs_is_followed_by_another_and_seals_its_file_once(one, monkeypatch):
    """From the swap on and before it: another machine goes on with another file, then the killed one tries again."""
    monkeypatch.setattr("coffer.sequencer.sequencer.Pace", lambda: Pace(lease_s=0.02, beat_s=9.0, look_s=0.002))
    two, total, killed = joined(one, "two"), 0, []

    def ingest(disk, name):
        world = World(path=two.path, vault=open_vault(two.vault.path, disk, two.outside), outside=two.outside)
        world.ingest(f"+33612345678,+33698765432,2016-09-02 11:00:00,{name}\n", name=f"{name}.csv")

    counting = FaultyDisk(None, Mode.KILL)
    ingest(Disk(), 100)  # which makes the folders
    ingest(counting, 101)
    for n in range(counting.operations - LOGGING, counting.operations - LOGGING // 4, 2):
        disk = FaultyDisk(n, Mode.KILL)
        with suppress(Killed):
            ingest(disk, 200 + n)
        killed.append(disk.failed.parent.name)
        one.ingest(f"+33612345678,+33698765431,2016-09-02 11:00:00,{300 + n}\n", name=f"{300 + n}.csv")
        ingest(Disk(), 200 + n)
        total = len(killed) * 2 + 2
        assert len(one.state().batches) == total, f"operation {n}: sealed twice, or lost"
    days = {"first": dt.date(2016, 9, 1), "last": dt.date(2016, 9, 3)}
    assert make_report(one.vault, one.state(), **days, by=["day"], country=None).total == total
    assert examine(one.vault.objects, expected_of(one.vault), is_deep=False).faults == ()
    assert {"vault", "000.p", "log"} <= set(killed), "none of these shows that it was killed before and after the swap"


def test_machine_that_lost_its_turn_logs_nothing_and_says_so(one, monkeypatch):
    """Its command was stopped while it decided, and another machine went on."""
    monkeypatch.setattr("coffer.sequencer.sequencer.Pace", lambda: Pace(lease_s=0.2, look_s=0.005))
    two = joined(one, "two")
    with one.vault.writing() as state:
        one.vault.machines.sequencer._turn.beat = lambda: None  # stopped, as its thread that beats would be
        two.ingest(FIRST)
        with pytest.raises(Lost, match="another machine took the turn"):
            one.vault.append(custodians_entries(one), state)
    assert one.state().size == two.state().size
    one.epoch("2016-09-10", "2016-09-11")
    assert two.state().size == one.state().size


def custodians_entries(one):
    return [entry for own in one.custodians() for entry in own.epoch_key_entries([dt.date(2016, 9, 20)], os.urandom)]


def test_reading_goes_on_without_the_store_and_says_so_once(one, tmp_path, monkeypatch):
    monkeypatch.setattr("coffer.vault.several.REFRESH_AGAIN_S", 0.0)
    two = joined(one, "two")
    size = two.state().size
    one.ingest(FIRST)
    hidden = tmp_path / "checkpoints.sqlite3"
    hidden.rename(tmp_path / "away")
    two.vault.machines.sequencer._store.close()
    assert two.state().size == two.state().size == size
    assert [said for said in two.outside.told if "as it was known here" in said] == two.outside.told != []
    assert len(two.outside.told) == 1
    with pytest.raises(Unavailable, match=r"^checkpoints: "):
        joined(one, "three").state()
    (tmp_path / "away").rename(hidden)
    assert two.state().size > size


def test_machine_whose_clock_is_far_behind_logs_nothing_and_its_twin_that_is_a_little_behind_does(one):
    behind, little = joined(one, "behind", minutes=-20), joined(one, "little", minutes=-14)
    one.epoch("2016-09-10", "2016-09-10")
    size = one.state().size
    with pytest.raises(Unavailable, match="clock"):
        behind.ingest(FIRST)
    assert one.state().size == size
    assert little.ingest(FIRST).entries == (size,)


def test_what_died_is_removed_by_one_machine_and_missed_by_none(one):
    two = joined(one, "two")
    first = one.ingest(FIRST).batch
    two.ingest(SECOND, name="second.csv")
    supersede(two.vault, first)
    one.now = two.now = dt.datetime(2017, 9, 3, 12, tzinfo=dt.UTC)
    retired = run_retirement(one.vault, one.custodians(), passphrase=lambda _name: PASSPHRASE, may_catch_up=True)
    assert retired.files > 0
    for world in (two, one):
        with world.vault.writing():
            pass
    dead = {seg_id.hex() for seg_id, segment in one.state().segments.items() if one.state().is_dead(segment)}
    assert dead
    assert [key for key in one.vault.objects.keys("segments/") if id_of(key) in dead] == []
    assert [key for key in one.vault.objects.keys("tally/") if id_of(key) == first.hex()] == []


def test_machine_that_was_restored_from_a_backup_goes_on_behind_what_others_logged(one, tmp_path):
    two, folder = joined(one, "two"), tmp_path / "backup"
    one.ingest(FIRST)
    two.state()
    assert back_up(two.vault, folder).unknown == ()
    one.ingest(SECOND, name="second.csv")
    shutil.copytree(two.vault.path / "operator", folder / "operator")
    restored = World(path=two.path, vault=open_vault(folder, Disk(), two.outside), outside=two.outside)
    summary = restored.ingest("+33612345678,+33698765432,2016-09-02 11:00:00,5\n", name="third.csv")
    assert summary.entries == (one.state().size - 1,)
    assert restored.ingest(SECOND, name="second.csv").entries == ()


def test_many_threads_of_several_machines_append_in_one_order(one):
    worlds = [one, joined(one, "two"), joined(one, "three")]
    days = [dt.date(2016, 9, 4) + dt.timedelta(days=n) for n in range(6)]
    together = threading.Barrier(len(worlds))
    own = {name: one.custodian(name) for name in one.vault.custodian_names()}

    def append(number):
        together.wait()
        for day in days[number :: len(worlds)]:
            with worlds[number].vault.writing() as state:
                entries = [entry for each in own.values() for entry in each.epoch_key_entries([day], os.urandom)]
                worlds[number].vault.append(entries, state)

    before = one.state().size
    with ThreadPoolExecutor(len(worlds)) as pool:
        list(pool.map(append, range(len(worlds))))
    assert {world.state().size for world in worlds} == {before + len(days) * len(own)}


def test_an_origin_is_founded_once_and_needs_an_object_store(one, objects, tmp_path):
    address = parse_checkpoint_address(f"sqlite:{tmp_path}/checkpoints.sqlite3", "test")
    elsewhere = replace(objects, root=f"{objects.root}/elsewhere")
    with pytest.raises(MalformedInput, match="have a log of this origin"):
        World.make(tmp_path / "again", objects=elsewhere, checkpoints=address)
    with pytest.raises(MalformedInput, match=r"checkpoints\.toml: needs objects\.toml too"):
        World.make(tmp_path / "again", checkpoints=address)
    assert not (tmp_path / "again" / "vault").exists()


def test_local_log_that_is_of_another_history_is_not_written_to(one):
    two = joined(one, "two")
    two.state()
    shutil.rmtree(two.vault.path / "log")
    apart = World.make(one.path.parent / "apart")
    shutil.copytree(apart.vault.path / "log", two.vault.path / "log")
    with pytest.raises(NotProven, match="not signed by"), two.vault.writing():
        pass


def test_the_command_founds_a_vault_of_several_machines_and_repeats_no_password(tmp_path, capsys):
    cheap_passphrases()
    with Bucket.serve() as bucket:
        passphrases, vault = tmp_path / "passphrase", str(tmp_path / "vault")
        passphrases.write_text("correct horse")
        words = "--origin test.example/vault --custodian a --custodian b --custodian c --retention-days 365 --late-days 30 --tally exact"
        base = ["init", vault, *words.split(), "--rule", "base=2 of a,b,c", "--passphrase-file", str(passphrases)]
        own, objects = ["--checkpoints", f"sqlite:{tmp_path}/checkpoints"], ["--objects", str(bucket.address)]
        assert run([*base, *objects, "--checkpoints", "postgresql://desk:SECRET@/coffer"]) == 2
        assert run([*base, *own]) == 2
        said = capsys.readouterr()
        assert "SECRET" not in said.out + said.err
        assert "--checkpoints: without --objects" in said.err
        assert run([*base, *objects, *own]) == 0
        assert run(["log", vault]) == 0
        assert (tmp_path / "checkpoints").is_file()
