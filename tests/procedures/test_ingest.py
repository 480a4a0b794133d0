"""Files in every wrapping, several sealers, and what happens when they die."""

import gzip
import io
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import zstandard

from coffer import kernels
from coffer.errors import MalformedInput, Unavailable
from coffer.procedures.ingest import run as run_ingest
from coffer.procedures.ingest.sealers import ManySealers, OneSealer
from coffer.procedures.ingest.threads import SealerThreads
from coffer_audit.cli import main as audit
from world import feed

LINES = "".join(f"+3361234{i:04d},+33698765432,2016-09-01 10:00:{i % 60:02d},{i}\n" for i in range(500))


def opened(world, subject="tel:+33698765432"):
    note = world.authorize(subjects=[subject], max_records=10_000, is_hub=True)
    return world.open(note).records_csv


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("plain.csv", lambda data: data),
        ("crlf.csv", lambda data: data.replace(b"\n", b"\r\n")),
        ("no-last-line-end.csv", lambda data: data[:-1]),
        ("bom.csv", lambda data: b"\xef\xbb\xbf" + data),
        ("packed.csv.gz", gzip.compress),
        ("two-members.csv.gz", lambda data: gzip.compress(data[:1000]) + gzip.compress(data[1000:])),
        ("packed.csv.zst", lambda data: zstandard.ZstdCompressor().compress(data)),
        (
            "two-frames.zst",
            lambda data: b"".join(zstandard.ZstdCompressor().compress(d) for d in (data[:900], data[900:])),
        ),
        ("no-ending", gzip.compress),
    ],
)
def test_a_file_is_unpacked_by_its_content(world, name, pack):
    summary = world.ingest(pack(LINES.encode()), name=name)
    assert (summary.files[0].read, summary.files[0].kept) == (500, 500)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress], ids=["gzip", "zstd"])
def test_a_packed_file_that_was_cut_off_anywhere_is_an_error_and_never_a_shorter_file(world, pack):
    packed = pack(LINES.encode())
    for size in range(5, len(packed), max(1, len(packed) // 60)):
        with pytest.raises(MalformedInput, match="its compression is damaged or cut off"):
            world.ingest(packed[:size], name="cut")
    assert world.state().batches == {}
    assert world.ingest(packed, name="whole").files[0].kept == 500


def test_a_pipe_is_no_file(world):
    os.mkfifo(world.path / "pipe")
    with pytest.raises(MalformedInput, match="not a plain file"):
        world.ingest_files([world.path / "pipe"])


def test_standard_input(world, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(gzip.compress(LINES.encode()))))
    summary = world.ingest_files(["-"])
    assert (summary.files[0].name, summary.files[0].kept) == ("standard input", 500)


def test_the_same_content_is_known_in_any_wrapping(world):
    world.ingest(LINES, name="a.csv")
    again = world.ingest(gzip.compress(LINES.encode()), name="b.csv.gz")
    assert (again.entries, again.files[0].duplicate) == ((), 500)
    assert len(world.state().batches) == 1


def test_the_same_file_twice_in_one_run_counts_once(world):
    (world.path / "a.csv").write_text(LINES)
    summary = world.ingest_files([world.path / "a.csv", world.path / "a.csv"])
    assert [(file.kept, file.duplicate) for file in summary.files] == [(500, 0), (0, 500)]


def test_of_a_file_with_a_line_more_only_the_line_is_new(world):
    world.ingest(LINES, name="a.csv")
    file = world.ingest(LINES + "+33612349999,+33698765432,2016-09-01 10:00:00,1\n", name="b.csv").files[0]
    assert (file.read, file.kept, file.duplicate) == (501, 1, 500)


SIDE_BY_SIDE = [
    pytest.param(False, id="processes"),
    pytest.param(
        True, id="threads", marks=pytest.mark.skipif(kernels.lines is None, reason="no kernels here: no threads")
    ),
]


def in_processes(monkeypatch):
    """Have sealers be processes, as where no kernel reads the lines."""
    monkeypatch.setattr(run_ingest, "is_fused", lambda _: False)


@pytest.mark.parametrize("are_threads", SIDE_BY_SIDE)
def test_several_sealers_keep_every_row_once(world, monkeypatch, are_threads):
    if not are_threads:
        in_processes(monkeypatch)
    monkeypatch.setattr(run_ingest, "PARALLEL_BYTES", 0)
    monkeypatch.setattr("coffer.procedures.ingest.sources.CHUNK_BYTES", 4096)
    path = world.path / "a.csv"
    path.write_text(LINES)
    summary = run(world, [path], workers=2)
    assert (summary.files[0].read, summary.files[0].kept, summary.rows) == (500, 500, 1000)
    assert summary.segments == (1 if are_threads else 2), "each process makes a part of its own"
    assert opened(world).count(b"\n") == 501
    assert audit(["vault", str(world.vault.path)]) == 0


def run(world, paths, *, workers, **changes):
    given = {
        "on_progress": lambda **_: None,
        "on_rejects": lambda *_: None,
    }
    return run_ingest.run_ingest(world.vault, feed(), [str(p) for p in paths], workers=workers, **(given | changes))


@pytest.mark.parametrize("are_threads", SIDE_BY_SIDE)
def test_an_error_in_a_sealer_is_the_commands_error(world, monkeypatch, are_threads):
    if not are_threads:
        in_processes(monkeypatch)
    monkeypatch.setattr(run_ingest, "PARALLEL_BYTES", 0)
    path = world.path / "a.csv"
    path.write_text(LINES.replace("2016-09-01", "2016-09-04"))
    with pytest.raises(
        Unavailable, match="epoch keys: custodians judge, dpo, regulator have none for 2016-09-04"
    ) as found:
        run(world, [path], workers=2)
    assert found.value.hint.startswith("one in this folder: coffer epoch")
    assert world.state().batches == {}


def test_threads_seal_whenever_too_many_rows_are_held(world, monkeypatch):
    if kernels.lines is None:
        pytest.skip("no kernels here: no threads")
    monkeypatch.setattr(run_ingest, "PARALLEL_BYTES", 0)
    monkeypatch.setattr("coffer.procedures.ingest.sources.CHUNK_BYTES", 2048)
    path = world.path / "a.csv"
    path.write_text(LINES)
    summary = run(world, [path], workers=2, held_rows=100)
    assert (summary.files[0].kept, summary.rows) == (500, 1000)
    assert 2 <= summary.segments <= 5
    assert opened(world).count(b"\n") == 501
    assert audit(["vault", str(world.vault.path)]) == 0


def test_a_killed_sealer_is_an_error_and_loses_nothing(world, monkeypatch):
    in_processes(monkeypatch)
    monkeypatch.setattr(run_ingest, "PARALLEL_BYTES", 0)
    monkeypatch.setattr("coffer.procedures.ingest.sources.CHUNK_BYTES", 4096)
    path = world.path / "a.csv"
    path.write_text(LINES)
    take = ManySealers.take

    def kill_then_take(self, *args):
        take(self, *args)
        os.kill(self._workers[0].process.pid, signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(ManySealers, "take", kill_then_take)
        with pytest.raises(Unavailable, match="a sealing process ended unexpectedly"):
            run(world, [path], workers=2)
    assert run(world, [path], workers=2).files[0].kept == 500
    assert audit(["vault", str(world.vault.path)]) == 0


def test_a_sealer_that_died_while_it_had_nothing_to_do_is_an_error_and_loses_nothing(world, monkeypatch):
    in_processes(monkeypatch)
    monkeypatch.setattr(run_ingest, "PARALLEL_BYTES", 0)
    path = world.path / "a.csv"
    path.write_text(LINES)
    finish = ManySealers.finish

    def kill_then_finish(self, on_tally):
        for worker in self._workers:
            while worker.waiting:
                self._receive()
            worker.process.kill()
            worker.process.join()
        return finish(self, on_tally)

    with monkeypatch.context() as patch:
        patch.setattr(ManySealers, "finish", kill_then_finish)
        with pytest.raises(Unavailable, match="a sealing process ended unexpectedly") as found:
            run(world, [path], workers=2)
    assert "--workers 1" in found.value.hint
    assert run(world, [path], workers=2).files[0].kept == 500


def sealed_by(kind, monkeypatch):
    """However small an ingest is, this kind of sealers does it."""
    if kind is SealerThreads and kernels.lines is None:
        pytest.skip("no kernels here: no threads")
    if kind is ManySealers:
        in_processes(monkeypatch)
    monkeypatch.setattr(run_ingest, "PARALLEL_BYTES", 0)


@pytest.mark.parametrize("kind", [OneSealer, ManySealers, SealerThreads])
def test_an_ingest_that_fails_at_its_end_leaves_nothing_on_the_disk(world, monkeypatch, kind):
    sealed_by(kind, monkeypatch)
    path, finish = world.path / "a.csv", kind.finish
    path.write_text(LINES)

    def rotated(self, on_tally):
        shares = finish(self, on_tally)
        path.unlink()
        return shares

    monkeypatch.setattr(kind, "finish", rotated)
    with pytest.raises(Unavailable, match=r"a\.csv: changed while it was read"):
        run(world, [path], workers=1 if kind is OneSealer else 2)
    assert [p for name in ("segments", "tally") for p in (world.vault.path / name).rglob("*") if p.is_file()] == []
    assert world.state().batches == {}


@pytest.mark.parametrize("kind", [OneSealer, ManySealers, SealerThreads])
def test_every_staged_file_is_on_the_disk_before_it_has_its_name(world, monkeypatch, kind):
    sealed_by(kind, monkeypatch)
    synced, finish = set(), kind.finish
    honest = os.fsync

    def note(descriptor):
        synced.add(os.fstat(descriptor).st_ino)
        honest(descriptor)

    staged = []

    def finished(self, on_tally):
        shares = finish(self, on_tally)
        staged.extend(one.temporary for share in shares for one in share.staged)
        if kind is not ManySealers:  # a process of its own has synced its files itself
            inodes = {path.stat().st_ino for path in staged}
            assert inodes
            assert inodes <= synced
        return shares

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(kind, "finish", finished)
    path = world.path / "a.csv"
    path.write_text(LINES)
    run(world, [path], workers=1 if kind is OneSealer else 2)
    assert len(staged) >= 3
    assert [path for path in staged if path.exists()] == []


@pytest.mark.slow
def test_kill_9_in_the_middle_of_a_parallel_ingest_loses_nothing(world):
    path = world.path / "a.csv"
    path.write_text(
        "".join(f"+336{i % 10**8:08d},+33698765432,2016-09-01 10:00:{i % 60:02d},{i % 999}\n" for i in range(300_000))
    )
    script = (
        "import os, sys, datetime as dt; sys.path[:0] = sys.argv[3:]\n"
        "from pathlib import Path; from coffer.disk import Disk; from coffer.vault.folder import open_vault\n"
        "from coffer.procedures.ingest import run as run_ingest; from world import Someone, feed\n"
        "if __name__ == '__main__':\n"
        "    run_ingest.PARALLEL_BYTES = 0\n"
        "    run_ingest.run_ingest(open_vault(Path(sys.argv[1]), Disk(), Someone()), feed(), [sys.argv[2]],\n"
        "        on_progress=lambda **_: print('.', flush=True), on_rejects=lambda *_: None, workers=2)\n"
    )
    (world.path / "child.py").write_text(script)
    arguments = [sys.executable, str(world.path / "child.py"), str(world.vault.path), str(path), *sys.path]
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    child.stdout.readline()  # at least one chunk is read
    time.sleep(0.05)
    child.kill()
    child.wait()
    child.stdout.close()
    again = world.reopen()
    summary = run(again, [path], workers=2)
    assert (summary.files[0].kept + summary.files[0].duplicate) == 300_000
    assert len(again.state().batches) == 1
    on_disk = {p.stem for p in (again.vault.path / "segments").rglob("*") if p.is_file()}
    assert on_disk == {seg_id.hex() for seg_id in again.state().segments}
    assert audit(["vault", str(again.vault.path)]) == 0


def test_a_file_that_grows_while_it_is_read_is_refused(world, monkeypatch):
    path = world.path / "a.csv"
    path.write_text(LINES)

    def grow(**_):
        with path.open("a") as file:
            file.write("x\n")

    with pytest.raises(Unavailable, match=r"a\.csv: changed while it was read"):
        run(world, [path], workers=1, on_progress=grow)
    assert world.state().batches == {}
    assert not [p for p in (world.vault.path / "segments").rglob("*") if p.is_file()]


def test_late_and_future_records_are_counted_apart(world):
    text = "".join(
        f"+33612345678,+33698765432,{day} 10:00:00,1\n"
        for day in ("2016-08-05", "2016-08-07", "2016-09-02", "2016-09-07")
    )
    world.epoch("2016-08-07", "2016-08-07")
    file = world.ingest(text).files[0]
    assert (file.kept, dict(file.rejected)) == (2, {"too-late": 1, "in-future": 1})


def test_a_folder_is_no_file(world):
    with pytest.raises(MalformedInput, match="is a folder"):
        world.ingest_files([world.path])


def test_forwarded_calls_give_four_rows_and_each_party_its_own_cell(world):
    text = (
        '[feed]\nname = "calls"\nformat = "csv"\nhome_country = "FR"\ntime_zone = "UTC"\nkeep = ["cell"]\nkind = "call"\n[csv]\nheader = true\n'
        'date_format = "%Y-%m-%d %H:%M:%S"\n[columns]\na = "a"\nb = "b"\nstart = ["day", "time"]\nduration_s = "s"\nforwarded = "c"\na_cell = "ac"\n'
        'b_cell = "bc"\n'
    )
    data = "a,b,c,day,time,s,ac,bc\n0611111111,0622222222,0633333333,2016-09-01,10:00:00,7,208-01-1-2,208-10-3-4\n"
    assert world.ingest(data, by=feed(text)).rows == 4
    subjects = ["tel:+33611111111", "tel:+33622222222", "tel:+33633333333"]
    answer = world.open(world.authorize(subjects=subjects))
    assert answer.records_csv.decode().splitlines()[1:] == [
        "tel:+33611111111,call,out,tel:+33622222222,2016-09-01T10:00:00Z,7,true,208-01-1-2,",
        "tel:+33622222222,call,forwarded,tel:+33633333333,2016-09-01T10:00:00Z,7,true,208-10-3-4,",
        "tel:+33622222222,call,in,tel:+33611111111,2016-09-01T10:00:00Z,7,true,208-10-3-4,",
        "tel:+33633333333,call,in,tel:+33611111111,2016-09-01T10:00:00Z,7,true,,",
    ]
