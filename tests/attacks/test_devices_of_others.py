"""Handsets and SIMs as ways into somebody else's records (docs/formats/identity.md, "Handsets and SIMs")."""

import csv

import pytest

from coffer.errors import MalformedInput, Refused
from coffer.identity.identifier import parse_subject
from procedures.test_devices import FEED
from world import PASSPHRASE, World, feed

HANDSET, ZEROS = "490154203237518", "000000000000000"
ALL = ("judge", "dpo", "regulator")
ASKED = {"kinds": "call", "days": [("2016-09-01", "2016-09-01")]}


def call(number, imei=HANDSET, minute=0, imsi=""):
    return f"+336{number},+33698765432,2016-09-01 10:{minute:02d}:00,60,,{imei},{imsi},,\n"


def sealed(folder, text):
    world = World.make(folder)
    world.epoch("2016-09-01", "2016-09-01")
    world.ingest(text, by=feed(FEED))
    return world


def opened(world, subject, by=ALL, **changes):
    answer = world.open(world.authorize(subjects=[subject], by=by, **(ASKED | changes)))
    return list(csv.DictReader(answer.records_csv.decode().splitlines()))


def test_zeros_are_nobodys_handset_and_open_nobody(tmp_path):
    """Switches write zeros for thousands of people: asked for by them, all would be searched at once."""
    numbers = [f"{n:08d}" for n in range(10_000_001, 10_000_041)]
    world = sealed(tmp_path, "".join(call(number, ZEROS) for number in numbers) + call("11111111"))
    for subject in (f"imei:{ZEROS}", "imei:001234567890128", "imsi:001010123456789"):
        with pytest.raises(MalformedInput, match="subject"):
            world.authorize(subjects=[subject], **ASKED)
    assert [row["number"] for row in opened(world, f"imei:{HANDSET}")] == ["tel:+33611111111"]


def test_a_number_does_not_open_what_others_did_with_its_handset(tmp_path):
    world = sealed(tmp_path, call("11111111") + call("22222222", minute=1) + call("22222222", "356938035643809", 2))
    assert [row["number"] for row in opened(world, "tel:+33611111111")] == ["tel:+33611111111"]
    assert [row["start_utc"][14:16] for row in opened(world, "tel:+33622222222")] == ["01", "02"]
    assert [row["number"][-8:] for row in opened(world, f"imei:{HANDSET}")] == ["11111111", "22222222"]


def test_a_handset_that_very_many_use_needs_every_signature(tmp_path):
    """A copied IMEI stands in thousands of handsets; each of its numbers alone is under the cap."""
    numbers = [f"{n:08d}" for n in range(10_000_001, 10_000_202)]
    world = sealed(tmp_path, "".join(call(number) for number in numbers))
    wide = {"max_records": 1_000}
    assert len(opened(world, f"tel:+336{numbers[0]}", **wide)) == 1
    with pytest.raises(Refused, match="more than 200 found"):
        opened(world, f"imei:{HANDSET}", **wide)
    with pytest.raises(Refused, match="hub"):
        opened(world, f"imei:{HANDSET}", by=ALL[:2], is_hub=True, **wide)
    assert len(opened(world, f"imei:{HANDSET}", is_hub=True, **wide)) == 201


def test_a_protected_handset_is_not_opened_by_two_of_three(tmp_path):
    """The number alone on the lists does not protect the handset (GAP): its IMEI must be on them."""
    world = sealed(tmp_path, call("11111111"))

    def protect(subject):
        for name in ALL:
            folder = world.vault.custodian(name)
            lists = folder.protected(folder.unlock(PASSPHRASE))
            folder.write_protected(lists.with_members([(parse_subject(subject, "subject").sid, "lawyer")]))

    protect("tel:+33611111111")
    assert len(opened(world, f"imei:{HANDSET}", by=ALL[:2])) == 1
    protect(f"imei:{HANDSET}")
    with pytest.raises(Refused, match="refused: scope"):
        opened(world, f"imei:{HANDSET}", by=ALL[:2])
    assert len(opened(world, f"imei:{HANDSET}")) == 1
