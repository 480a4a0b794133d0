"""The log, or only its checkpoint, is put back from an old copy: whatever is newer stays, and goes back to its place with the newest log."""

import contextlib
import datetime as dt
import io
import json
import shutil

import pytest

from coffer.cli.main import run
from coffer.errors import CofferError, Unavailable
from coffer.procedures.retire import run_retirement
from coffer.vault.writer import LogWriter
from coffer_audit.cli import main as audit
from crash.faulty_disk import FaultyDisk, Killed, Mode
from world import PASSPHRASE, World

RECORD = "+3361234567{},+33698765432,2016-09-01 10:00:00,60\n"


@pytest.fixture
def world(tmp_path):
    """A vault with a batch under the old log, and another one since."""
    made = World.make(tmp_path)
    made.epoch("2016-09-01", "2016-09-03")
    made.ingest(RECORD.format(1), name="first.csv")
    shutil.copytree(made.vault.path / "log", tmp_path / "log.old")
    made.ingest(RECORD.format(2), name="second.csv")
    shutil.copytree(made.vault.path / "log", tmp_path / "log.new")
    return made


def put_back(world, which):
    """The log of that time, and no memory of another."""
    shutil.rmtree(world.vault.path / "log")
    shutil.copytree(world.path / f"log.{which}", world.vault.path / "log")
    (world.vault.path / "snapshot").unlink(missing_ok=True)
    return world.reopen()


def files(world, *folders):
    found = {}
    for folder in folders or ("segments", "tally"):
        top = world.vault.path / folder
        found |= {str(p.relative_to(world.vault.path)): p.read_bytes() for p in top.rglob("*") if p.is_file()}
    return found


def aside(world):
    return {name.split("/", 2)[2]: raw for name, raw in files(world, "aside").items() if not name.endswith("WHY.txt")}


def write(world):
    with world.vault.writing():
        pass


def test_old_log_put_back_deletes_no_sealed_data_and_the_new_log_has_it_again(world, capsys):
    before = files(world)
    old = put_back(world, "old")
    write(old)
    assert len(aside(old)) == 5
    assert files(old) | aside(old) == before
    new = put_back(world, "new")
    write(new)
    assert (files(new), aside(new), files(new, "aside")) == (before, {}, {})
    assert audit(["vault", str(new.vault.path)]) == 0, capsys.readouterr().out


def test_nothing_is_put_aside_under_the_newest_log(world):
    before = files(world)
    write(world)
    assert (files(world), files(world, "aside")) == (before, {})


def test_old_checkpoint_alone_deletes_no_entry_of_the_log(world, capsys):
    before = files(world, "log")
    before_checkpoint = (world.vault.path / "log" / "checkpoint").read_bytes()
    shutil.copy(world.path / "log.old" / "checkpoint", world.vault.path / "log" / "checkpoint")
    old = (world.path / "log.old" / "checkpoint").read_bytes()
    write(world.reopen())  # the partial tiles of then are there: it can be read, and what lies beyond it is put aside
    kept = [*files(world, "log").values(), *aside(world).values()]
    assert {raw in kept for raw in before.values() if raw != before_checkpoint} == {True}
    assert old in kept


def test_files_beyond_the_checkpoint_are_put_aside_and_not_removed(world):
    tile = next((world.vault.path / "log" / "tile" / "entries").rglob("*.p/*"))
    beyond = tile.with_name("200")
    beyond.write_bytes(b"what a crash left, or an old checkpoint does not know")
    write(world)
    assert not beyond.exists()
    assert list(aside(world).values()) == [b"what a crash left, or an old checkpoint does not know"]


def test_ingest_that_fails_under_an_old_log_removes_only_what_is_its_own(world, monkeypatch):
    before = files(world)
    old = put_back(world, "old")

    def knows_more(*_):
        raise Unavailable("log: custodian judge holds a longer one than this vault has")

    old.vault.writer.is_confirmed_outside = knows_more
    with pytest.raises(Unavailable, match="holds a longer one"):
        old.ingest(RECORD.format(3), name="third.csv")
    write(old)
    assert before.items() <= (files(old) | aside(old)).items()
    assert not list(old.vault.path.rglob("*.tmp-*"))


def test_retirement_asks_others_before_it_destroys_or_removes_anything(world):
    before = files(world, "segments", "custodians")
    world.now += dt.timedelta(days=366)
    asked = []

    def knows_more(*_):
        asked.append(True)
        raise Unavailable("log: custodian judge holds a longer one than this vault has")

    def retire():
        return run_retirement(
            world.vault,
            world.custodians(),
            passphrase=lambda _: PASSPHRASE,
        )

    world = world.reopen()
    world.vault.writer.is_confirmed_outside = knows_more
    with pytest.raises(Unavailable, match="holds a longer one"):
        retire()
    assert (asked, files(world, "segments", "custodians")) == ([True], before)
    world = world.reopen()
    assert retire().files == 6


def test_file_aside_never_takes_the_place_of_one_that_is_there(world):
    name = next(iter(files(world, "segments")))
    put = world.vault.path / "aside" / "2016-09-05T120000Z-unlogged" / name
    put.parent.mkdir(parents=True)
    put.write_bytes(b"forged")
    before = files(world)
    write(world)
    assert files(world) == before
    assert aside(world) == {name: b"forged"}


@pytest.mark.parametrize("name", ["2016-09-05T120000Z-other", "2016-13-05T120000Z-unlogged", "mine", "../x"])
def test_folder_of_another_name_is_nobodys_and_stays(world, name):
    put = world.vault.path / "aside" / name / "segments" / "x.rows"
    put.parent.mkdir(parents=True, exist_ok=True)
    put.write_bytes(b"somebody's")
    write(world)
    assert world.vault.aside.folders() == []
    assert put.read_bytes() == b"somebody's"


@pytest.fixture
def old(world, monkeypatch):
    monkeypatch.setattr("coffer.cli.console.system_clock", world.clock)
    made = put_back(world, "old")
    write(made)
    return made


def tidy(world, *options, capsys):
    code = run(["tidy", str(world.vault.path), "--yes", "--json", *options])
    out = capsys.readouterr()
    return (code, json.loads(out.out) if code == 0 else out.err)


def test_tidy_removes_what_is_old_enough_and_says_what(world, old, capsys):
    code, said = tidy(old, capsys=capsys)
    assert (code, said["removed"], len(said["left"]), len(aside(old))) == (0, [], 1, 5)
    world.now += dt.timedelta(days=31)
    code, said = tidy(old, capsys=capsys)
    assert (code, [found["files"] for found in said["removed"]], said["left"]) == (0, [5], [])
    assert files(old, "aside") == {}


def test_tidy_removes_nothing_that_the_log_knows_again(world, old, capsys):
    before = files(world) | aside(world)
    new = put_back(world, "new")
    code, said = tidy(new, "--older-than", "0", capsys=capsys)
    assert (code, said, files(new)) == (0, {"removed": [], "left": []}, before)


@pytest.mark.parametrize(
    "outside", [False, Unavailable("log: custodian judge holds a longer one")], ids=["silent", "longer"]
)
def test_tidy_removes_nothing_before_somebody_else_confirms_the_log(old, outside, monkeypatch, capsys):
    def asked(*_):  # a vault's own answer, where there is nobody to ask, is the twin below
        if isinstance(outside, Unavailable):
            raise outside
        return outside

    with monkeypatch.context() as patched:
        patched.setattr(LogWriter, "is_confirmed_outside", asked)
        code, _ = tidy(old, "--older-than", "0", capsys=capsys)
    assert (code, len(aside(old))) == (5, 5)
    assert tidy(old, "--older-than", "0", capsys=capsys)[0] == 0
    assert files(old, "aside") == {}


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.name)
def test_a_command_that_fails_anywhere_while_it_puts_files_aside_or_back_loses_none(world, mode):
    before = files(world)
    for which in ("old", "new"):
        shutil.copytree(put_back(world, which).path, world.path.with_name(f"{mode.name}-{which}-count"))
        counted = World.reopen_at(world, world.path.with_name(f"{mode.name}-{which}-count"), FaultyDisk(None, mode))
        write(counted)
        for n in counted.disk.places():
            again = world.path.with_name(f"{mode.name}-{which}-{n}")
            shutil.copytree(world.path, again)
            with contextlib.suppress(CofferError, Killed):
                write(World.reopen_at(world, again, FaultyDisk(n, mode)))
            copy = World.reopen_at(world, again)
            write(copy)
            assert files(copy) | aside(copy) == before, f"operation {n} under the {which} log"
            assert (aside(copy) == {}) == (which == "new")
            shutil.rmtree(again)
        write(world)


def test_tidy_asks(old, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    code = run(["tidy", str(old.vault.path), "--older-than", "0"])
    assert code == 130
    assert len(aside(old)) == 5
    assert "5 files" in capsys.readouterr().err
