"""A custodian's machine whose n-th disk operation fails, for every n: whatever was said stays, and it goes on after a restart."""

import datetime as dt
import shutil

import pytest
from faulty_disk import FaultyDisk, Killed, Mode
from forging import Desk

from coffer.custodian.machine.folder import Machine
from coffer.custody.exchange import CONSTANT_REFUSAL
from coffer.disk import Disk
from coffer.errors import CofferError
from elsewhere import Elsewhere
from world import PASSPHRASE

MODES = (Mode.ERROR, Mode.KILL, Mode.SHORT)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    world = Elsewhere.make_elsewhere(tmp_path_factory.mktemp("crash")).with_records()
    return Desk(world, world.note_of_today())


def story(desk, machine, request, refused):
    """Catch up, answer, make a key, refuse another request: every kind of step that writes."""
    world = desk.world
    judge = machine.service(PASSPHRASE, log=world.vault.log, clock=world.clock, uptime=world.uptime)
    assert judge.answer(desk.sealed(request)) != CONSTANT_REFUSAL
    machine.make_epoch_keys(judge, [world.now.date() + dt.timedelta(days=1)], lambda size: b"\1" * size)
    machine.put([judge.refusal_entry(refused, "scope", "note")])


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name.lower())
def test_every_operation_of_a_custodian_may_fail_and_nothing_is_lost(desk, tmp_path, mode):
    world = desk.world
    request = desk.labels(desk.intent(nonce=mode.value.encode().ljust(16, b"-")[:16]), desk.cell_of_first())
    refused = world.request(days=[(world.today, world.today)])
    counting = FaultyDisk(None, mode)
    shutil.copytree(world.machines["judge"], tmp_path / "count")
    story(desk, Machine.open(tmp_path / "count", counting), request, refused)
    assert counting.operations > 15
    for number in counting.places():
        path = tmp_path / str(number)
        shutil.copytree(world.machines["judge"], path)
        try:
            story(desk, Machine.open(path, FaultyDisk(number, mode)), request, refused)
        except (Killed, CofferError):
            pass
        except AssertionError:
            assert mode is Mode.ERROR, "the disk failed while it decided: a refusal, not a wrong answer"
        again = Machine.open(path, Disk())
        story(desk, again, request, refused)
        assert len(again.waiting()) == 2, "the key and the refusal wait to be logged"
        assert again.mirror().size() == world.state().size
        day = world.now.date() + dt.timedelta(days=1)
        assert again.folder.epoch_days() == [world.now.date(), day]
        assert again.folder.read_epoch_key(day, again.folder.unlock(PASSPHRASE)) is not None
        again.remove_leftovers()
        assert [p for part in ("mirror", "epoch") for p in (path / part).rglob("*.tmp-*")] == []
        shutil.rmtree(path)
