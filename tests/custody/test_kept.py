"""Keys that a custodian keeps from the labels to the data of one opening: for whom, how many, and until when."""

import datetime as dt
from dataclasses import replace

import pytest

from coffer.custodian import kept
from coffer.custodian.kept import IDLE, KeptKeys
from coffer.errors import NotProven
from coffer.notes.keys import SealKey, Secret
from coffer.segments.bundle import open_effective, seal_bundle
from coffer.segments.header import PADDED_ROWS, Header, SegmentCore
from coffer.segments.prf import subkey_commitment

NOW = dt.datetime(2016, 9, 5, 12, 0, tzinfo=dt.UTC)
DAY = dt.date(2016, 9, 1)
KEY = SealKey.generate()
HELD = (3, 5)
INTENT = 17


def header(number=0, *, day=DAY):
    core = SegmentCore(
        day=day,
        kind=1,
        layout=0,
        custodians=3,
        clauses=3,
        part=number,
        rule="base",
        feed="calls",
        roster=bytes(32),
        origin=bytes(32),
        nonce=bytes(32),
    )
    subkeys = {clause: Secret(bytes([clause, number]) * 16, "subkey") for clause in (3, 5, 6)}
    bundle = seal_bundle({clause: subkeys[clause] for clause in HELD}, KEY.public, seg_id=core.seg_id, index=1)
    return Header(
        core=core,
        commitments=tuple((clause, subkey_commitment(core.seg_id, clause, key)) for clause, key in subkeys.items()),
        bundles=(bundle, b"", b""),
        rows=PADDED_ROWS,
        manifest_hash=bytes(32),
        supersedes=bytes(32),
        epoch_hashes=(bytes(32),) * 3,
    )


@pytest.fixture
def unsealed(monkeypatch):
    """The parts of the segments whose bundles are unsealed, in order."""
    parts = []

    def count(header, key, *, index, clauses):
        parts.append(header.core.part)
        return open_effective(header, key, index=index, clauses=clauses)

    monkeypatch.setattr(kept, "open_effective", count)
    return parts


def opened(keys, header, *, intent=INTENT, now=NOW, key=KEY, clauses=HELD):
    found = keys.opener(intent, now)(header, key, index=1, clauses=clauses)
    return {clause: secret.unsafe_bytes() for clause, secret in found.items()}


def test_bundle_is_unsealed_once_in_an_opening_and_gives_the_same_keys(unsealed):
    keys, one = KeptKeys(), header()
    first = opened(keys, one)
    assert opened(keys, one, now=NOW + IDLE / 2) == first
    assert first == {c: s.unsafe_bytes() for c, s in open_effective(one, KEY, index=1, clauses=HELD).items()}
    assert (unsealed, len(keys)) == ([0], 2)


def test_another_opening_gets_no_kept_key(unsealed):
    keys, one = KeptKeys(), header()
    opened(keys, one)
    opened(keys, one, intent=INTENT + 1)
    assert unsealed == [0, 0]


def test_header_with_another_bundle_gets_no_kept_key():
    keys, one = KeptKeys(), header()
    opened(keys, one)
    with pytest.raises(NotProven, match="bundle: does not unseal"):
        opened(keys, replace(one, bundles=(one.bundles[0][:-1] + b"\0", b"", b"")))


def test_keys_are_forgotten_with_their_opening(unsealed):
    keys, one = KeptKeys(), header()
    opened(keys, one)
    keys.forget(INTENT)
    assert len(keys) == 0
    opened(keys, one)
    assert unsealed == [0, 0]


def test_keys_of_a_destroyed_day_are_forgotten_and_no_others():
    keys = KeptKeys()
    opened(keys, header())
    opened(keys, header(1, day=DAY + dt.timedelta(days=1)))
    keys.forget_days(lambda day: day == DAY)
    assert len(keys) == 2
    keys.forget_days(lambda day: day > DAY)
    assert len(keys) == 0


@pytest.mark.parametrize("later", [IDLE, -dt.timedelta(seconds=1)])
def test_keys_of_an_idle_opening_are_forgotten(later):
    keys = KeptKeys()
    opened(keys, header())
    keys.forget_idle(NOW + IDLE - dt.timedelta(seconds=1))
    assert len(keys) == 2
    keys.forget_idle(NOW + later)
    assert len(keys) == 0


def test_no_more_keys_are_kept_than_the_bound(unsealed, monkeypatch):
    monkeypatch.setattr(kept, "MOST_KEYS", 5)
    keys, headers = KeptKeys(), [header(number) for number in range(3)]
    for one in (*headers, *headers):
        assert len(opened(keys, one)) == 2
        assert len(keys) <= 4
    assert unsealed == [0, 1, 2, 2]


def test_custodian_unseals_each_bundle_once_and_keeps_nothing_after_the_data(world, unsealed):
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n")
    custodians = world.custodians()
    answer = world.open(world.authorize(by=[c.name for c in custodians]), custodians=custodians)
    assert (answer.records, len(unsealed)) == (1, len(custodians))
    assert [len(custodian._ring.kept) for custodian in custodians] == [0] * len(custodians)


def test_key_destroyed_between_the_lanes_gives_no_data_though_its_subkeys_were_kept(world):
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n")
    judge = world.custodian("judge")
    ring, (segment,) = judge._ring, world.state().segments.values()
    raw = world.vault.segments.read_header(segment.line.day, segment.line.seg_id)
    key = ring.epoch_key(segment.line.day)
    ring.kept.opener(INTENT, world.now)(raw, key, index=1, clauses=segment.clauses_held("judge"))
    assert len(ring.kept) == 2
    ring.destroy_epoch_key(segment.line.day)
    assert (len(ring.kept), ring.epoch_key(segment.line.day)) == (0, None)
