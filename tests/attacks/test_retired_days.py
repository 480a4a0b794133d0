"""After retention: a day neither opens nor unseals, whatever was kept of it."""

import datetime as dt

import pytest
from forging import DAYS, RECORDS, ROWS, SUBJECT, Desk, log_entries, rows_of

from coffer.custody.decide import Decline, Grant
from coffer.custody.exchange import Code
from coffer.errors import NotProven, Unavailable
from coffer.ledger.entries import DestroyEntry
from coffer.notes.keys import SealKey
from coffer.segments.bundle import bundle_info
from world import World, destroy_entry

ALL = ("judge", "dpo", "regulator")


@pytest.fixture
def world(world):
    world.ingest(RECORDS)
    return world


def destroy(world, day, *names):
    with world.vault.writing() as state:
        world.vault.append([destroy_entry(world.custodian(name), day) for name in names], state)


def dead_days(world):
    state = world.state()
    return {segment.line.day for segment in state.segments.values() if state.is_dead(segment)}


@pytest.mark.parametrize(("names", "is_dead"), [([], False), (["judge"], False), (["judge", "dpo"], True), (ALL, True)])
def test_day_is_dead_once_the_keys_left_do_not_satisfy_its_rule(world, names, is_dead):
    note = world.authorize(by=ALL)
    destroy(world, DAYS[0], *names)
    assert dead_days(world) == ({DAYS[0]} if is_dead else set())
    assert rows_of(world.open(note)) == (ROWS[1:] if is_dead else ROWS)


def test_dead_day_is_not_asked_for_and_no_cell_stands_for_it(world):
    destroy(world, DAYS[0], *ALL)
    answer = world.open(world.authorize(by=ALL))
    assert {cell.day for cell in answer.cells} == {"2016-09-02"}


def test_destroyed_key_is_gone_from_disk_and_memory(world):
    service, other = world.custodian("judge"), world.custodian("dpo")
    desk = Desk(world, world.authorize(by=ALL))
    request = desk.labels(desk.intent())
    assert desk.ask(request, service=service).startswith(b"COFRSP01")
    destroy_entry(service, DAYS[0])  # not even logged yet
    assert desk.ask(request, service=service)[:-64] == b"COFERR01\x01" + request.hash + bytes([Code.TIME])
    assert not (world.vault.path / "custodians" / "judge" / "epoch" / "2016-09-01").exists()
    assert desk.ask(request, "dpo", service=other).startswith(b"COFRSP01")


def test_backup_of_a_destroyed_key_put_back_answers_nothing(world):
    desk = Desk(world, world.authorize(by=ALL))
    request = desk.labels(desk.intent())
    path = world.vault.path / "custodians" / "judge" / "epoch" / "2016-09-01"
    backup = path.read_bytes()
    destroy(world, DAYS[0], "judge")
    path.write_bytes(backup)
    assert desk.decide(request) == Decline(step=9, code=Code.TIME)
    assert isinstance(desk.decide(request, "dpo"), Grant)


def test_epoch_key_of_another_day_or_custodian_under_this_name_is_refused(world):
    folder = world.vault.path / "custodians"
    service = world.custodian("judge")
    assert service._folder.read_epoch_key(DAYS[0], service.keys) is not None
    for source in (folder / "judge" / "epoch" / "2016-09-02", folder / "dpo" / "epoch" / "2016-09-01"):
        (folder / "judge" / "epoch" / "2016-09-01").write_bytes(source.read_bytes())
        with pytest.raises(NotProven, match="the epoch key of 2016-09-01 was changed"):
            service._folder.read_epoch_key(DAYS[0], service.keys)


def test_destroyed_day_gets_no_second_key_and_nothing_more_is_sealed_to_it(world):
    destroy(world, DAYS[0], "judge")
    key = world.state().epoch_keys["judge", DAYS[0]]
    world.epoch("2016-09-01", "2016-09-01")
    assert world.state().epoch_keys["judge", DAYS[0]] == key
    assert not (world.vault.path / "custodians" / "judge" / "epoch" / "2016-09-01").exists()
    with pytest.raises(Unavailable, match="custodian judge has none for 2016-09-01"):
        world.ingest("+33612345678,+33698765432,2016-09-01 12:00:00,1\n", name="late.csv")


def test_bundle_does_not_unseal_with_the_key_of_another_day(world):
    desk = Desk(world, world.authorize(by=ALL))
    header, decider = desk.headers()[DAYS[0]], desk.decider()
    info = bundle_info(header.core.seg_id, 1)
    for key in (decider.epoch_key(DAYS[1]), SealKey.generate()):
        with pytest.raises(NotProven, match="does not unseal"):
            key.unseal(header.bundles[0], info=info, place="bundle")
    assert len(decider.epoch_key(DAYS[0]).unseal(header.bundles[0], info=info, place="bundle")) == 2 * 34


def test_destroy_by_somebody_else_kills_no_day(world):
    for signer in ("dpo", "regulator"):
        for name in ("judge", "dpo"):
            if signer != name:
                key = world.custodian(signer).keys.resp
                log_entries(world, DestroyEntry(custodian=name, day=DAYS[0]), key=key)
    assert world.state().destroyed == set()
    assert rows_of(world.open(world.authorize(by=ALL))) == ROWS


def test_retention_over_by_the_clock_opens_nothing_though_every_key_is_there(tmp_path):
    world = World.make(tmp_path, retention_days=5)
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(RECORDS)
    note = world.authorize(by=ALL)
    world.now = dt.datetime(2016, 9, 5, 23, 59, 59, tzinfo=dt.UTC)
    assert rows_of(world.open(note)) == ROWS
    world.now = dt.datetime(2016, 9, 6, tzinfo=dt.UTC)
    assert rows_of(world.open(note)) == ROWS[1:]
    world.now = dt.datetime(2016, 9, 7, tzinfo=dt.UTC)
    assert world.open(note).cells == []


def test_records_older_than_late_days_are_refused_and_counted(tmp_path):
    world = World.make(tmp_path, late_days=2)
    world.epoch("2016-09-01", "2016-09-05")
    summary = world.ingest(RECORDS + "+33612345678,+33698765432,2016-09-04 10:00:00,60\n")
    assert dict(summary.files[0].rejected) == {"too-late": 3}
    answer = world.open(world.authorize(by=ALL, days=[("2016-09-01", "2016-09-05")]))
    assert rows_of(answer) == [f"{SUBJECT},call,out,tel:+33698765432,2016-09-04T10:00:00Z,60,true,,"]


def test_seal_key_is_forgotten_when_the_authorization_ends(world):
    note = world.authorize(by=ALL)
    path = next((world.vault.path / "desk").glob("*.seal"))
    world.now += dt.timedelta(days=7)
    world.request()
    assert path.exists()  # the log does not show that time yet: the clock may be ahead
    day = (world.now + dt.timedelta(days=2)).date().isoformat()
    world.epoch(day, day)
    world.request()
    assert not path.exists()
    with pytest.raises(Unavailable, match="its seal key is not here"):
        Desk(world, note)
