"""Taking, reading and deciding a request while the n-th disk operation fails, for every n: no nonce is lost, and the note is held all the time."""

import os
import shutil
from contextlib import suppress

import pytest
from faulty_disk import FaultyDisk, Killed, Mode

from coffer.authority.authorization import parse_authorization
from coffer.custodian.machine.folder import Machine
from coffer.custodian.requests import FOLDERS
from coffer.disk import Disk
from coffer.errors import CofferError
from elsewhere import Elsewhere
from world import PASSPHRASE

MODES = (Mode.ERROR, Mode.KILL, Mode.SHORT)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = Elsewhere.make_elsewhere(tmp_path_factory.mktemp("crash")).with_records()
    for name in FOLDERS:  # the disk that fails writes its half files only where a folder is
        (made.machines["judge"] / name).mkdir(exist_ok=True)
    return made


def story(world, machine, note, signed, seen):
    """A note comes, is read, is signed, and comes again. ``seen``: each nonce that could be told meanwhile."""
    keys, requests, at = machine.folder.unlock(PASSPHRASE), machine.requests, note.commitment
    for act in (
        lambda: requests.take(note.note, keys, world.now, os.urandom),
        lambda: requests.mark_read(at, 1, world.now, keys),
        lambda: requests.keep_signed(signed, keys, world.now, os.urandom),
        lambda: requests.take(note.note, keys, world.now, os.urandom),
    ):
        act()
        seen.add(requests.marks(at, keys).nonce)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name.lower())
def test_every_operation_may_fail_and_the_nonce_stays(world, tmp_path, mode):
    note = parse_authorization(world.request(days=[(world.today, world.today)]), "note")
    signed = note.note.with_signature(world.keys("judge").auth)
    counting = FaultyDisk(None, mode)
    shutil.copytree(world.machines["judge"], tmp_path / "count")
    story(world, Machine.open(tmp_path / "count", counting), note, signed, set())
    assert counting.operations > 8
    for number in counting.places():
        path, seen = tmp_path / str(number), set()
        shutil.copytree(world.machines["judge"], path)
        with suppress(Killed, CofferError):
            story(world, Machine.open(path, FaultyDisk(number, mode)), note, signed, seen)
        again = Machine.open(path, Disk())
        was_held = again.requests.is_held(note.commitment)
        assert was_held or not seen, "a nonce was told only of what is held"
        again.remove_leftovers()
        story(world, again, note, signed, seen)
        assert len(seen) == 1
        keys = again.folder.unlock(PASSPHRASE)
        assert again.requests.decided_note(note.commitment, keys).note.raw == signed.raw
        assert again.waiting_notes() == 0
        shutil.rmtree(path)
