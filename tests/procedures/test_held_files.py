"""The files of dead segments that a hold needs: they are expected, copied, and kept where it is not known what it covers."""

from dataclasses import replace

import pytest

from coffer.procedures.backup import back_up
from coffer.procedures.fsck import Fault, examine, expected_of
from coffer.procedures.holding import release_hold
from holds import begun, died, founded, held, retire


@pytest.fixture
def world(tmp_path):
    return founded(tmp_path)


def files_below(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def examined(world):
    return examine(world.vault.objects, expected_of(world.vault), is_deep=True)


def test_backup_made_while_a_hold_lasts_has_what_it_needs(world, tmp_path):
    hold = held(world)
    died(world)
    copy = tmp_path / "backup"
    done = back_up(world.vault, copy)
    assert (done.unknown, done.replicated.examined.faults) == ((), ())
    for name in ("segments", "holds"):
        assert files_below(copy / name) == files_below(world.vault.path / name) != []
    release_hold(world.vault, hold.note.raw)
    retire(world)
    back_up(world.vault, copy)
    assert files_below(copy / "segments") == files_below(copy / "holds") == []


def test_fsck_misses_rows_that_a_hold_needs(world):
    held(world)
    died(world)
    assert (examined(world).segments, examined(world).faults) == (2, ())
    next((world.vault.path / "segments").rglob("*.rows")).unlink()
    assert [one.fault for one in examined(world).faults] == [Fault.MISSING]


def test_fsck_misses_nothing_that_was_over_before_the_hold(world):
    died(world)
    begun(world)
    assert (examined(world).segments, examined(world).faults) == (0, ())


@pytest.mark.parametrize("raw", [b"2016-09-01 call base\n2016-09", b"2016-09-01 call\n", b"", b"\xff\n"])
def test_damaged_list_of_what_a_hold_covers_is_said_and_everything_stays(world, raw):
    hold, said = held(world), []
    world.vault.held = replace(world.vault.held, say=said.append)
    path = world.vault.path / "holds" / hold.commitment.hex()
    path.write_bytes(raw)
    died(world)
    assert len(files_below(world.vault.path / "segments")) == 6
    assert f"holds/{path.name}: damaged" in said[0]
    assert examined(world).faults == ()  # what may be there is not called dead, and no copy loses it
    release_hold(world.vault, hold.note.raw)
    retire(world)
    assert files_below(world.vault.path / "segments") == []
