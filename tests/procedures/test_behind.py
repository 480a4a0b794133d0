"""What `coffer sync` says of custodians that do not follow the log, and what they wait for."""

import datetime as dt

import pytest

from coffer.notes.cosign import Cosigner
from coffer.procedures.sync import LOOK_WITHIN, Behind, custodians_behind, what_they_wait_for
from world import World


@pytest.fixture
def world(tmp_path):
    return World.make(tmp_path)


def test_custodians_that_hold_less_or_nothing_are_behind_and_the_others_are_not(world):
    old = world.vault.log.checkpoint()
    world.epoch("2016-09-01", "2016-09-01")
    size = world.state().size
    held = {"judge": old, "dpo": b"", "regulator": world.vault.log.checkpoint(), "liar": b"not a checkpoint\n"}
    assert custodians_behind(held, world.vault.pins.log_key, size) == (
        Behind(name="judge", size=1),
        Behind(name="dpo", size=0),
    )


def test_right_after_an_entry_nobody_is_said_to_wait(world):
    world.epoch("2016-09-01", "2016-09-01")
    assert what_they_wait_for(world.vault, world.state(), place="vault") == ""


def test_later_the_log_server_is_named(world):
    world.epoch("2016-09-01", "2016-09-01")
    world.now += LOOK_WITHIN + dt.timedelta(seconds=1)
    assert "coffer serve" in what_they_wait_for(world.vault, world.state(), place="vault")


def test_witnesses_that_are_missing_are_named_at_once_with_the_command(tmp_path):
    keys = [Cosigner.generate(f"w.example/{name}").public.format() for name in "ab"]
    world = World.make(tmp_path, witnesses=keys, quorum=2)
    why = what_they_wait_for(world.vault, world.state(), place="my/vault")
    assert why.startswith("they wait for witnesses (")
    assert why.endswith("coffer witness gather my/vault")
