"""Handsets and SIMs as ways into somebody else's records (docs/formats/identity.md, "Handsets and SIMs")."""

import csv

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from coffer.errors import MalformedInput, Refused
from coffer.identity.identifier import parse_subject
from procedures.test_devices import FEED
from world import PASSPHRASE, World, feed

HANDSET, ZEROS = "490154203237518", "000000000000000"
ALL = ("judge", "dpo", "regulator")
FEED_OF_15 = FEED.replace("imei_without_check = true\n", "")
PARQUET = """
[feed]
name = "parquet"
format = "parquet"
home_country = "FR"
time_zone = "UTC"
keep = ["imei"]
index = ["number", "imei"]
kind = "call"
[parquet]
date_format = "%Y-%m-%d %H:%M:%S"
[columns]
a = "a"
b = "b"
start = "start"
a_imei = "imei"
"""
ASKED = {"kinds": "call", "days": [("2016-09-01", "2016-09-01")]}


def call(number, imei=HANDSET, minute=0, imsi=""):
    return f"+336{number},+33698765432,2016-09-01 10:{minute:02d}:00,60,,{imei},{imsi},,\n"


def sealed(folder, text, by=FEED):
    world = World.make(folder)
    world.epoch("2016-09-01", "2016-09-01")
    world.ingest(text, by=feed(by))
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


def test_a_lost_zero_is_no_strangers_handset(tmp_path):
    """A program that took the column for numbers left 14 of 15 digits: they would read as another's TAC and serial."""
    right, lost = "013327003212349", "13327003212349"
    version = "0133270032123477"  # an IMEISV that loses its zero has 15 digits
    numbers = pa.array([int(right), int(version), 490154203237518, 35693803564380], pa.int64())
    table = pa.table(
        {
            "a": [f"+336{n}2222222" for n in range(1, 5)], "b": ["+33698765432"] * 4,
            "start": ["2016-09-01 12:00:00"] * 4, "imei": numbers,
        }
    )  # fmt: skip
    pq.write_table(table, tmp_path / "x.parquet")
    world = sealed(tmp_path, call("11111111", lost) + call("33333333", right, 1), FEED_OF_15)
    (file,) = world.ingest_files([tmp_path / "x.parquet"], by=feed(PARQUET, name="parquet")).files
    assert (file.kept, dict(file.emptied)) == (4, {"a_imei: bad-imei": 3})
    assert [row["number"] for row in opened(world, f"imei:{right}")] == ["tel:+33633333333"]
    assert [row["number"] for row in opened(world, f"imei:{HANDSET}")] == ["tel:+33632222222"]
    with pytest.raises(MalformedInput, match="subject"):
        world.authorize(subjects=["imei:133270032123498"], **ASKED)


def test_14_digits_are_a_handset_only_where_the_feed_says_so(tmp_path):
    """The attack is the feed without the line: a digit was left out of 15 that check themselves."""
    lines = call("11111111", HANDSET[:14]) + call("22222222", HANDSET[1:], 1)
    for name, text, numbers in (("said", FEED, ["tel:+33611111111"]), ("not", FEED_OF_15, [])):
        (tmp_path / name).mkdir()
        world = sealed(tmp_path / name, lines + call("33333333", HANDSET, 2), text)
        assert [row["number"] for row in opened(world, f"imei:{HANDSET}")] == [*numbers, "tel:+33633333333"]


def test_a_masked_serial_number_is_nobodys_handset(tmp_path):
    """An export that masks serial numbers makes one handset of everybody who has the model."""
    masks = [
        "356938030000000", "356938030000005", "3569380300000077", "350000000000006", "999999999999945",
        "100000000000009", "0123456789012345", "012345678901237",
    ]  # fmt: skip
    lines = [call(f"{n}2222222", mask, n) for n, mask in enumerate(masks, 1)]
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-01")
    (file,) = world.ingest("".join(lines) + call("11111111"), by=feed(FEED)).files
    assert (file.kept, dict(file.emptied)) == (9, {"a_imei: bad-imei": 8})
    for whole in ("356938030000005", "350000000000006", "999999999999945", "100000000000009", "012345678901237"):
        with pytest.raises(MalformedInput, match="subject"):
            world.authorize(subjects=[f"imei:{whole}"], **ASKED)
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
