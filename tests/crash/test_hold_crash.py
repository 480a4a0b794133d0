"""A custodian that keeps for a hold, and destroys it, and whose n-th disk operation fails, for every n."""

import contextlib
import os
import shutil

import pytest
from faulty_disk import FaultyDisk, Killed, Mode

from coffer.custodian.folder import CustodianFolder
from coffer.custodian.service import CustodianService
from coffer.disk import Disk
from coffer.errors import CofferError
from coffer.procedures.holding import release_hold
from holds import begun, founded
from world import CHEAP, PASSPHRASE

MODES = (Mode.ERROR, Mode.KILL, Mode.SHORT)


@pytest.fixture(scope="module")
def approved(tmp_path_factory):
    """A world with a hold that judge approved and keeps nothing for yet."""
    world = founded(tmp_path_factory.mktemp("held"))
    hold = begun(world)
    world.custodian("judge").countersign(hold.note.raw, "hold")
    return world, hold


def judge_at(world, path, disk):
    folder = CustodianFolder(path, disk, origin=world.vault.pins.origin, name="judge", cost=CHEAP.passphrase)
    pins = world.vault.pins
    service = CustodianService(
        folder,
        folder.unlock(PASSPHRASE),
        log=world.vault.log,
        log_key=pins.log_key,
        genesis=pins.genesis,
        clock=world.clock,
        uptime=world.uptime,
    )
    return folder, service


def headers_of(world):
    segments = world.state().segments.values()
    return [world.vault.segments.read_raw_header(one.line.day, one.line.seg_id) for one in segments]


def values_of(folder, hold):
    key = folder.holds.key(hold.commitment, folder.unlock(PASSPHRASE))
    return {
        seg_id: folder.holds.read_values(hold.commitment, seg_id, key)
        for seg_id in folder.holds.segments(hold.commitment)
    }


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name.lower())
def test_keeping_fails_anywhere_and_the_next_try_keeps_the_same_values(approved, tmp_path, mode):
    world, hold = approved
    base, headers = world.vault.path / "custodians" / "judge", headers_of(world)

    def keep(path, disk):
        folder, service = judge_at(world, path, disk)
        (entry,) = service.held_entries(hold.note.raw, headers, os.urandom, "hold")
        assert b"cells-at-most: 2\n" in entry
        return folder

    counting = FaultyDisk(None, mode)
    shutil.copytree(base, tmp_path / "count")
    whole = values_of(keep(tmp_path / "count", counting), hold)
    assert (len(whole), counting.operations > 12) == (2, True)
    for number in counting.places():
        path = tmp_path / str(number)
        shutil.copytree(base, path)
        with contextlib.suppress(Killed, CofferError):
            keep(path, FaultyDisk(number, mode))
        assert values_of(keep(path, Disk()), hold) == whole
        shutil.rmtree(path)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name.lower())
def test_destroying_fails_anywhere_and_the_next_try_leaves_nothing_and_no_other_key_is_lost(tmp_path, mode):
    world = founded(tmp_path)
    hold = begun(world)
    base = world.vault.path / "custodians" / "judge"
    folder, service = judge_at(world, base, Disk())
    service.countersign(hold.note.raw, "hold")
    service.held_entries(hold.note.raw, headers_of(world), os.urandom, "hold")
    release_hold(world.vault, hold.note.raw)
    days = folder.epoch_days()

    def destroy(path, disk):
        again, own = judge_at(world, path, disk)
        own.destroy_due(world.now, lambda: PASSPHRASE, os.urandom)
        return again

    counting = FaultyDisk(None, mode)
    shutil.copytree(base, tmp_path / "count")
    destroy(tmp_path / "count", counting)
    for number in counting.places():
        path = tmp_path / str(number)
        shutil.copytree(base, path)
        with contextlib.suppress(Killed, CofferError):
            destroy(path, FaultyDisk(number, mode))
        again = destroy(path, Disk())
        assert again.holds.commitments() == []
        keys = again.unlock(PASSPHRASE)
        assert [day for day in again.epoch_days() if again.read_epoch_key(day, keys) is not None] == days
        shutil.rmtree(path)
