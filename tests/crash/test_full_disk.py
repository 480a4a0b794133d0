"""A disk that is really full: a small file system in memory, mounted for the test."""

import os
import subprocess
import sys

import pytest

from coffer.errors import Unavailable
from coffer.procedures.ingest import run as run_ingest
from coffer_audit.cli import main as audit
from world import World, feed

LINES = "".join(f"+336{i:08d},+33698765432,2016-09-0{1 + i % 2} 10:00:{i % 60:02d},{i % 999}\n" for i in range(40_000))
BEFORE = "+33612345678,+33611111111,2016-09-01 09:00:00,1\n"


@pytest.fixture
def small_disk(tmp_path):
    """8 MiB; 40,000 records take 2.6 MB of rows."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here: that takes root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def full(small_disk, tmp_path):
    """A vault with one call, on a disk with 1.5 MB left; the file that fills it."""
    world = World.make(small_disk)
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(BEFORE, name="before.csv")
    world.path = tmp_path
    (tmp_path / "records.csv").write_text(LINES)
    free = os.statvfs(small_disk)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(free.f_bavail * free.f_frsize - 1_500_000))
    return world, ballast


def ingest(world, workers):
    return run_ingest.run_ingest(
        world.vault,
        feed(),
        [str(world.path / "records.csv")],
        on_progress=lambda **_: None,
        on_rejects=lambda *_: None,
        workers=workers,
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_said_and_the_vault_still_opens_audits_and_goes_on(full, workers, monkeypatch, capsys):
    monkeypatch.setattr(run_ingest, "PARALLEL_BYTES", 0)
    world, ballast = full
    with pytest.raises(Unavailable, match="No space left on device") as found:
        ingest(world, workers)
    assert found.value.hint == "the disk is full: nothing was lost; free some space and run the command again"
    assert len(world.reopen().state().batches) == 1
    assert audit(["vault", str(world.vault.path)]) == 0, capsys.readouterr().out
    rows = world.open(world.authorize(subjects=["tel:+33612345678"])).records_csv
    assert rows.count(b"\n") == 2, "the call of before, opened while the disk is full"
    ballast.unlink()
    assert ingest(world.reopen(), workers).files[0].kept == 40_000
    assert not list(world.vault.path.rglob("*.tmp-*"))
    assert audit(["vault", str(world.vault.path)]) == 0, capsys.readouterr().out


def test_the_command_says_it_in_two_lines(full):
    world, _ = full
    (world.path / "feed.toml").write_text(
        '[feed]\nname = "calls"\nformat = "csv"\nhome_country = "FR"\ntime_zone = "UTC"\nkind = "call"\n[csv]\nheader = false\n'
        'date_format = "%Y-%m-%d %H:%M:%S"\n[columns]\na = 0\nb = 1\nstart = 2\nduration_s = 3\n'
    )
    code = (
        "import datetime as dt, sys; from coffer.cli import console, main; "
        "console.system_clock = lambda: dt.datetime(2016, 9, 5, 12, tzinfo=dt.UTC); sys.exit(main.run(sys.argv[1:]))"
    )
    arguments = ["ingest", str(world.vault.path), "--feed", "feed.toml", "records.csv"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=world.path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 5
    first, second = done.stderr.splitlines()
    assert first.startswith("coffer: ")
    assert first.endswith(": No space left on device")
    assert second == "coffer: hint: the disk is full: nothing was lost; free some space and run the command again"
    assert done.stdout == ""
