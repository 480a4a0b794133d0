"""Fail the n-th file operation for every n, start again, and let the independent auditor look.

Whether the command succeeded does not matter; the vault must be sound."""

import datetime as dt
import re
import shutil
from contextlib import suppress

import pytest

from coffer import kernels
from coffer.disk import Disk
from coffer.errors import CofferError
from coffer.procedures.reports.totals import make_report
from coffer.procedures.supersede import supersede
from coffer_audit.cli import main as audit
from crash.faulty_disk import FaultyDisk, Killed, Mode
from world import World

CSV = (
    "".join(f"+3361234567{i % 4},+3369876543{i},2016-09-0{1 + i % 2} 10:00:{i:02d},6{i}\n" for i in range(10))
    + "no number,+33612345678,2016-09-01 10:00:00,1\n"
)
MODES = list(Mode)


@pytest.fixture(autouse=True)
def with_snapshots(monkeypatch):
    """Every command keeps a snapshot, so that writing one is among the operations that fail."""
    monkeypatch.setattr("coffer.replica.SNAPSHOT_EVERY", 1)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A vault with keys, one ingest and one countersigned request."""
    world = World.make(tmp_path_factory.mktemp("template"))
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest("+33612345678,+33611111111,2016-09-01 09:00:00,1\n", name="first.csv")
    (world.path / "request.note").write_bytes(world.authorize(subjects=["tel:+33612345671"], max_records=6))
    return world


def copy_of(template, tmp_path, disk=None):
    shutil.copytree(template.path, tmp_path / "copy")
    return template.reopen_at(tmp_path / "copy", disk)


def is_clean(world):
    return audit(["vault", str(world.vault.path)]) == 0


def ingest(world):
    path = world.path / "records.csv"
    path.write_text(CSV)
    return world.ingest_files([path])


def total_of(world):
    """Records by the tally, which is exact here."""
    days = {"first": dt.date(2016, 9, 1), "last": dt.date(2016, 9, 3)}
    return make_report(world.vault, world.state(), **days, by=["day"], country=None).total


def grow(world):
    """The template's file, longer, under a new name."""
    path = world.path / "first.csv.1"
    path.write_text(
        "+33612345678,+33611111111,2016-09-01 09:00:00,1\n+33612345678,+33611111111,2016-09-01 09:01:00,2\n"
    )
    return world.ingest_files([path])


def supersede_first(world):
    return supersede(world.vault, next(iter(world.state().batches)))


def fail(act, world, disk):
    """An ingest fails with its disk, unless that fails at the account the ingest gives of itself, on which nothing rests."""
    said = None
    try:
        act(world)
    except (CofferError, Killed) as error:
        said = str(error)
    if said is None:
        assert disk.failed is not None, "the operation was never reached"
        assert "runs" in {disk.failed.name, disk.failed.parent.name}
        assert disk.mode in {Mode.ERROR, Mode.FULL}, "whoever is killed goes on with nothing"
    else:
        assert re.search(r"^$|No space left on device", said)


def verify_nothing_is_left(world, capsys):
    """The files of segments are those of the log, nothing is staged, and the auditor finds nothing."""
    on_disk = {path.stem for path in (world.vault.path / "segments").rglob("*") if path.is_file()}
    assert on_disk == {seg_id.hex() for seg_id in world.state().segments}
    assert not list(world.vault.path.rglob("*.tmp-*"))
    assert is_clean(world), capsys.readouterr().out


def places_of(template, tmp_path, act, mode, *, least=10):
    """The operations of an act at which it is to fail; ``least``: how many operations it has at least."""
    disk = FaultyDisk(None, mode)
    act(copy_of(template, tmp_path / "count", disk))
    assert disk.operations > least
    return disk.places()


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_an_ingest_that_fails_anywhere_leaves_every_row_in_exactly_one_segment(template, tmp_path, mode, capsys):
    places = places_of(template, tmp_path, ingest, mode, least=20)
    for n in places:
        disk = FaultyDisk(n, mode)
        world = copy_of(template, tmp_path / f"{n}", disk)
        fail(ingest, world, disk)
        again = world.reopen()
        summary = ingest(again)
        batches = again.state().batches
        assert [(file.read, file.kept + file.duplicate) in {(11, 10), (11, 11)} for file in summary.files] == [True]
        assert len(batches) == 2, f"operation {n}: the rows are in {len(batches) - 1} batches"
        assert total_of(again) == 11
        assert ingest(again).entries == (), f"operation {n}: the memory does not say what the log says"
        verify_nothing_is_left(again, capsys)
        shutil.rmtree(tmp_path / f"{n}")


def ingest_by_threads(world):
    """Three files, sealed while the next are read."""
    days = (("a", 1), ("b", 1), ("c", 2))
    for name, day in days:
        lines = (f"+33612345678,+3369876540{i},2016-09-0{day} 11:0{i}:0{day},{ord(name)}\n" for i in range(3))
        (world.path / f"{name}.csv").write_text("".join(lines))
    return world.ingest_files([world.path / f"{name}.csv" for name, _ in days], workers=2)


@pytest.mark.slow
@pytest.mark.skipif(kernels.lines is None, reason="no kernels here: no threads")
@pytest.mark.parametrize("mode", [Mode.ERROR, Mode.KILL, Mode.SHORT], ids=lambda mode: mode.name)
def test_threads_whose_disk_fails_anywhere_leave_every_row_in_exactly_one_segment(
    template, tmp_path, mode, monkeypatch, capsys
):
    monkeypatch.setattr("coffer.procedures.ingest.run.PARALLEL_BYTES", 0)
    monkeypatch.setattr("coffer.procedures.ingest.threads.MAX_ROWS", 8)  # of which half may be held
    # One chunk at a time, or it would be chance after which one so many are held.
    monkeypatch.setattr("coffer.procedures.ingest.threads.QUEUED", 0.5)
    places = places_of(template, tmp_path, ingest_by_threads, mode, least=30)
    for n in places:
        disk = FaultyDisk(n, mode)
        world = copy_of(template, tmp_path / f"{n}", disk)
        fail(ingest_by_threads, world, disk)
        again = world.reopen()
        files = ingest_by_threads(again).files
        assert {(file.read, file.kept + file.duplicate) for file in files} == {(3, 3)}
        assert total_of(again) == 10
        verify_nothing_is_left(again, capsys)
        shutil.rmtree(tmp_path / f"{n}")


@pytest.mark.slow
@pytest.mark.parametrize("mode", [Mode.ERROR, Mode.KILL], ids=lambda mode: mode.name)
def test_a_grown_file_whose_ingest_fails_anywhere_is_sealed_once(template, tmp_path, mode, capsys):
    """What is remembered of a file and the log that has its batch: both or neither, wherever it stops."""
    places = places_of(template, tmp_path, grow, mode)
    for n in places:
        disk = FaultyDisk(n, mode)
        world = copy_of(template, tmp_path / f"{n}", disk)
        fail(grow, world, disk)
        again = world.reopen()
        (file,) = grow(again).files
        assert (file.kept, file.duplicate) in {(1, 1), (0, 2)}
        assert total_of(again) == 2, f"operation {n}: sealed twice, or lost"
        assert grow(again).entries == ()
        assert is_clean(again), capsys.readouterr().out
        shutil.rmtree(tmp_path / f"{n}")


@pytest.mark.slow
@pytest.mark.parametrize("mode", [Mode.ERROR, Mode.KILL], ids=lambda mode: mode.name)
def test_a_superseding_that_fails_anywhere_is_done_or_not(template, tmp_path, mode, capsys):
    places = places_of(template, tmp_path, supersede_first, mode)
    for n in places:
        world = copy_of(template, tmp_path / f"{n}", FaultyDisk(n, mode))
        with suppress(CofferError, Killed):  # what fails after the entry is durable may fail the command or not
            supersede_first(world)
        again = world.reopen()
        is_superseded = bool(again.state().withdrawn)
        assert total_of(again) == int(not is_superseded)
        summary = again.ingest_files([template.path / "first.csv"])
        assert bool(summary.entries) == is_superseded, (
            f"operation {n}: the file is known though its batch is gone, or not"
        )
        assert total_of(again) == 1
        assert is_clean(again), capsys.readouterr().out
        shutil.rmtree(tmp_path / f"{n}")


def open_rows(world):
    return world.open((world.path / "request.note").read_bytes()).records_csv


@pytest.mark.slow
@pytest.mark.parametrize("mode", [Mode.ERROR, Mode.KILL, Mode.SHORT], ids=lambda mode: mode.name)
def test_an_opening_that_fails_anywhere_goes_on_without_a_second_draw(template, tmp_path, mode, capsys):
    prepared = copy_of(template, tmp_path / "prepared")
    ingest(prepared)
    expected = open_rows(copy_of(prepared, tmp_path / "expected"))
    assert expected.count(b"\n") == 4, "a header and the three records of the subject"
    places = places_of(prepared, tmp_path, open_rows, mode)
    for n in places:
        world = copy_of(prepared, tmp_path / f"{n}", FaultyDisk(n, mode))
        try:
            rows = open_rows(world)  # what fails after the close is durable does not fail the command
        except (CofferError, Killed):
            again = world.reopen()
            rows = open_rows(again)
            draws = sum(o.draw.records for o in again.state().openings.values() if o.draw is not None)
            assert draws == 3, f"operation {n}: the budget was charged {draws} records"
        assert rows == expected
        assert is_clean(world.reopen()), capsys.readouterr().out
        shutil.rmtree(tmp_path / f"{n}")


def test_without_a_failure_the_same_steps_succeed(template, tmp_path):
    world = copy_of(template, tmp_path)
    assert ingest(world).files[0].kept == 10
    assert is_clean(world)


def test_what_a_crash_left_beyond_the_checkpoint_is_read_by_nobody_and_goes(tmp_path):
    """Killed between the entries' bundle and the checkpoint: the log ends where its checkpoint says."""
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n")
    note = world.authorize()

    class Killing(Disk):
        def write(self, path, *parts, private=False):
            if path.name == "checkpoint":
                raise Killed
            super().write(path, *parts, private=private)

    with pytest.raises(Killed, match=r"^$"):
        world.reopen(Killing()).epoch("2016-09-10", "2016-09-16")
    size = world.reopen().state().size
    orphans = [path for path in (world.vault.path / "log").rglob("*.p/*") if int(path.name) > size]
    assert orphans, "the crash left nothing: the test shows nothing"
    answer = world.reopen().open(note)
    assert answer.records == 1
    assert {path.exists() and int(path.name) > world.state().size for path in orphans} == {False}
    assert audit(["vault", str(world.vault.path)]) == 0
