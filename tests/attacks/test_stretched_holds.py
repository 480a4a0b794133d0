"""Holds that are made to last longer, reach further or stop the vault than people approved, each with its twin.

The argument is in docs/threats.md, "Sealed holds".
"""

import datetime as dt
import os
import shutil

import pytest
from forging import DAYS, Desk, log_entries

from coffer.authority.period import Period
from coffer.custody.decide import Decline, Grant
from coffer.custody.exchange import Cell, Code
from coffer.ledger.entries import ExtendEntry, HeldEntry, HoldEntry, RevokeEntry
from coffer.ledger.holds import HoldStatus
from coffer.procedures.holding import keep_hold
from holds import ALL, begun, died, extended, founded, held, in_force, kept, opened, retire
from world import PASSPHRASE, World

END = dt.datetime(9999, 12, 29, 12, tzinfo=dt.UTC)
"""72 hours before the end of the calendar are over by then."""
REFUSED = Decline(step=9, code=Code.TIME)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return founded(tmp_path_factory.mktemp("held"))


@pytest.fixture
def world(made, tmp_path):
    shutil.copytree(made.path, tmp_path / "copy")
    return made.reopen_at(tmp_path / "copy")


def desk_of(world, **changes):
    return Desk(world, world.authorize(not_before=world.now, expires=world.now + dt.timedelta(days=30), **changes))


def asked(world, *, header=None, **changes):
    """What judge decides on labels of the first day, under an authorization that everybody signed."""
    desk = desk_of(world, **changes)
    header = header or desk.headers()[DAYS[0]]
    cell = Cell(seg_id=header.core.seg_id, line=1, rank_from=0, rank_count=64)
    return desk.decide(desk.labels(desk.intent(nonce=os.urandom(16)), cell, headers=[header]))


def rows_of(answer):
    return answer.records_csv.decode().splitlines()[1:]


def judge_files(world):
    return list((world.vault.path / "custodians" / "judge" / "holds").iterdir())


def refuse(world, hold):
    with world.vault.writing() as state:
        world.vault.append([world.custodian("judge").refusal_entry(hold.note.raw, "merit", "hold")], state)


@pytest.mark.parametrize("is_extended", [False, True])
def test_hold_dated_at_the_end_of_the_calendar_stops_no_destruction(world, is_extended):
    key, roster = world.vault.operator_key("desk"), world.state().roster
    until = END + dt.timedelta(days=2)
    body = HoldEntry(note=bytes(32), roster=roster.hash, rules=("base",), requester="desk", until=until)
    (index,) = log_entries(world, body, key=key, time=END)
    assert world.state().hold_status(world.state().holds[index], world.now) is HoldStatus.BEGUN
    if is_extended:
        for name in ALL:
            entry = HeldEntry(hold=index, note=bytes(32), custodian=name, cells_at_most=1)
            log_entries(world, entry, key=world.keys(name).resp, time=END)
        later = until + dt.timedelta(hours=1)
        log_entries(world, ExtendEntry(hold=index, note=bytes([1]) * 32, until=later), key=key, time=END)
        assert len(world.state().holds[index].terms) == 2
    world.now += dt.timedelta(days=20)
    world.reopen().custodian("judge").destroy_due(world.now, lambda: PASSPHRASE, os.urandom)
    assert list((world.vault.path / "custodians" / "judge" / "epoch").iterdir()) == []


def test_folder_put_back_from_before_a_refusal_answers_nothing(world):
    hold = held(world)
    died(world)
    folder, header = world.vault.path / "custodians" / "judge", desk_of(world).headers()[DAYS[0]]
    shutil.copytree(folder, world.path / "backup")
    refuse(world, hold)
    shutil.rmtree(folder)
    shutil.copytree(world.path / "backup", folder)
    assert asked(world, header=header) == REFUSED
    retire(world)
    assert judge_files(world) == []


def test_folder_put_back_without_a_refusal_is_its_twin(world):
    held(world)
    died(world)
    folder, header = world.vault.path / "custodians" / "judge", desk_of(world).headers()[DAYS[0]]
    shutil.copytree(folder, world.path / "backup")
    shutil.rmtree(folder)
    shutil.copytree(world.path / "backup", folder)
    assert isinstance(asked(world, header=header), Grant)


def test_folder_put_back_from_before_a_refusal_keeps_nothing(world):
    hold, folder = begun(world), world.vault.path / "custodians" / "judge"
    raw = world.custodian("judge").countersign(hold.note.raw, "hold").raw
    shutil.copytree(folder, world.path / "backup")
    refuse(world, hold)
    shutil.rmtree(folder)
    shutil.copytree(world.path / "backup", folder)
    said = keep_hold(world.vault, raw, [world.custodian("judge")])
    assert said == {"judge": "hold: revoked, or refused by judge"}
    assert kept(world, begun(world), "judge") == {"judge": ""}


def test_revoked_hold_is_answered_by_nobody(world):
    hold = held(world)
    died(world)
    header = desk_of(world).headers()[DAYS[0]]
    assert isinstance(asked(world, header=header), Grant)
    log_entries(world, RevokeEntry(authorization=hold.commitment), key=world.keys("dpo").auth)
    assert asked(world, header=header) == REFUSED


@pytest.mark.parametrize("is_withdrawn", [True, False])
def test_extension_that_was_withdrawn_answers_no_longer_than_the_hold(world, is_withdrawn):
    hold = held(world)
    died(world)
    header = desk_of(world).headers()[DAYS[0]]
    world.now += dt.timedelta(days=29)
    extension = extended(world, hold)
    kept(world, extension)
    if is_withdrawn:
        refuse(world, extension)
    assert isinstance(asked(world, header=header), Grant)
    world.now += dt.timedelta(days=1)
    assert isinstance(asked(world, header=header), Grant) != is_withdrawn
    retire(world)
    assert (judge_files(world) == []) == is_withdrawn


def test_hold_of_an_hour_opens_that_hour_and_no_day(world):
    hour = Period(
        first=dt.datetime(2016, 9, 2, 10, 30, tzinfo=dt.UTC), end=dt.datetime(2016, 9, 2, 11, 30, tzinfo=dt.UTC)
    )
    hold, header = held(world, periods=[[hour]]), desk_of(world).headers()[DAYS[1]]
    died(world)
    assert rows_of(opened(world, hold, days=[("2016-09-02", "2016-09-02")])) == []
    assert asked(world, header=header, days=[("2016-09-02", "2016-09-02")]) == REFUSED
    assert isinstance(asked(world, header=header, periods=[[hour]]), Grant)
    assert len(rows_of(opened(world, hold, periods=[[hour]]))) == 1


def test_custodian_without_a_clause_of_a_dead_segment_answers_the_rest(tmp_path):
    names = ("judge", "dpo", "regulator", "fr", "fr2")
    rules = (("base", "2 of judge,dpo,regulator"), ("FR", "2 of regulator,fr,fr2"))
    world = World.make(tmp_path, retention_days=10, custodians=names, rules=rules)
    world.epoch("2016-09-01", "2016-09-12")
    world.ingest("+33612345678,+4915112345678,2016-09-01 10:00:00,60\n")
    german, french = "tel:+4915112345678", "tel:+33612345678"
    hold = held(world, *ALL, subjects=[german], days=[("2016-09-01", "2016-09-01")])
    world.now += dt.timedelta(days=7)
    retire(world)
    world.ingest("+4915112345678,+33612345678,2016-09-11 11:00:00,5\n", name="b.csv")
    days = [("2016-09-01", "2016-09-11")]
    both = opened(world, hold, by=names, subjects=[german, french], persons=["a", "b"], days=days)
    assert sorted(row.split(",")[0] for row in rows_of(both)) == [french, german, german]
    alone = opened(world, hold, by=names, subjects=[french], persons=["b"], days=days)
    assert len(rows_of(alone)) == 1  # nobody held the other day for this subject


def test_custodian_whose_word_would_not_count_keeps_nothing_and_says_so(tmp_path):
    rules = (("base", "2 of judge,dpo,regulator"), ("FR", "2 of regulator,fr,fr2"))
    world = World.make(tmp_path, retention_days=10, custodians=(*ALL, "fr", "fr2"), rules=rules)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest("+33612345678,+4915112345678,2016-09-01 10:00:00,60\n")
    hold = begun(world)
    said = kept(world, hold, "judge", "regulator")
    assert said == {"judge": "hold: no rule of the hold names judge, so that its word would not count", "regulator": ""}
    assert not (world.vault.path / "custodians" / "judge" / "holds").exists()


def test_hold_that_is_over_does_not_begin_again(world):
    hold = held(world, "judge", "dpo", until_days=5)
    world.now += dt.timedelta(days=4, hours=23)
    extension = extended(world, hold)
    kept(world, extension, "judge")
    (index,) = world.state().holds
    entry = HeldEntry(hold=index, note=extension.commitment, custodian="dpo", cells_at_most=2)
    over = world.now + dt.timedelta(hours=1)
    log_entries(world, entry, key=world.keys("dpo").resp, time=over)
    assert world.state().hold_status(world.state().holds[index], over) is HoldStatus.OVER
    log_entries(world, entry, key=world.keys("dpo").resp, time=over - dt.timedelta(seconds=1))
    assert in_force(world) == 1
    assert world.state().hold_status(world.state().holds[index], over) is HoldStatus.IN_FORCE


def segment_files(world):
    return [path for path in (world.vault.path / "segments").rglob("*") if path.is_file()]


def test_clock_that_is_ahead_removes_no_files_of_a_hold(world, monkeypatch):
    hold = held(world, until_days=80)
    died(world)
    files, uptime = segment_files(world), world.uptime()
    monkeypatch.setattr(World, "uptime", lambda _self: uptime)
    world.now += dt.timedelta(days=60)
    assert retire(world).files == 0
    world.now -= dt.timedelta(days=60)
    assert segment_files(world) == files != []
    assert len(rows_of(opened(world, hold))) == 3


def test_files_of_a_hold_go_when_the_log_shows_its_end(world):
    held(world, until_days=60)
    died(world)
    world.now += dt.timedelta(days=31)
    desk_of(world).intent()  # dated like any entry of that day
    with world.vault.writing() as state:
        world.vault.remove_dead_segments(state)
    assert segment_files(world) == []


@pytest.mark.parametrize("damaged", ["note", "values"])
def test_damaged_files_of_one_hold_leave_the_others_answered(world, damaged):
    holds = [held(world), held(world)]
    died(world)
    folder = world.vault.path / "custodians" / "judge" / "holds" / min(hold.commitment for hold in holds).hex()
    for path in folder.iterdir():
        if (path.name == "note") == (damaged == "note") and path.name != "key":
            path.write_bytes(bytes(80))
    assert isinstance(asked(world), Grant)
    for path in world.vault.path.glob("custodians/judge/holds/*/*"):
        if len(path.name) == 64:
            path.write_bytes(bytes(80))
    assert asked(world) == Decline(step=14, code=Code.INTERNAL)


def test_ranks_that_one_hold_lacks_are_answered_from_another(world):
    held(world)
    wide = begun(world, is_hub=True)
    raw = wide.note.raw
    for name in ALL:
        raw = world.custodian(name).countersign(raw, "hold").raw
    assert keep_hold(world.vault, raw, [world.custodian("judge"), world.custodian("dpo")]) == {"judge": "", "dpo": ""}
    died(world)
    desk = desk_of(world, is_hub=True)
    beyond = 64 * (world.state().roster.cell_cap // 64 + 1)
    request = desk.labels(desk.intent(), desk.cell(first=beyond))
    assert isinstance(desk.decide(request), Grant)
    refuse(world, wide)
    assert desk.decide(request) == Decline(step=11, code=Code.BUDGET)
