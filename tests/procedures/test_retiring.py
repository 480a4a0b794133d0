"""Retirement: what is due, what is refused, and that a retired day is gone (docs/procedures/retention.md)."""

import datetime as dt
import os
import shutil
from dataclasses import replace

import pytest

from coffer.custodian import lifetime
from coffer.custody.decide import Decline, Grant
from coffer.custody.exchange import Code
from coffer.errors import CofferError, MalformedInput, NotProven, Refused, Unavailable
from coffer.ledger.retention import due_days, is_over, retention_timeline
from coffer.notes.keys import SealKey
from coffer.procedures.reports.calendar import format_calendar
from coffer.procedures.retire import run_retirement
from coffer.segments.bundle import bundle_info
from coffer_audit.cli import main as audit
from crash.faulty_disk import FaultyDisk, Killed, Mode
from world import PASSPHRASE, World, destroy_entry

ALL = ("judge", "dpo", "regulator")
FIRST, SECOND = dt.date(2016, 9, 1), dt.date(2016, 9, 2)
RECORDS = "+33612345678,+33698765432,2016-09-01 10:00:00,60\n+33698765432,+33612345678,2016-09-02 11:00:00,5\n"
DUE = dt.datetime(2016, 9, 6, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Retention of five days; keys of three, records of two of them; a countersigned request."""
    world = World.make(tmp_path_factory.mktemp("retention"), retention_days=5)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(RECORDS)
    (world.path / "request.note").write_bytes(world.authorize(by=ALL))
    return world


@pytest.fixture
def world(made, tmp_path):
    return copy_of(made, tmp_path / "live")


def copy_of(made, path, disk=None):
    shutil.copytree(made.path, path)
    return made.reopen_at(path, disk)


def retire(world, *names, **options):
    return run_retirement(
        world.vault,
        world.custodians(*names),
        passphrase=lambda _name: PASSPHRASE,
        **options,
    )


def note_of(world):
    return (world.path / "request.note").read_bytes()


def epoch_files(world, name):
    return sorted(path.name for path in (world.vault.path / "custodians" / name / "epoch").iterdir())


def days_opened(world):
    return {row.split(",")[4][:10] for row in world.open(note_of(world)).records_csv.decode().splitlines()[1:]}


def days_on_disk(world):
    return {path.parent.name for path in (world.vault.path / "segments").rglob("*.rows")}


def test_day_is_kept_to_the_last_second_of_its_retention_and_not_longer(world):
    world.now = DUE - dt.timedelta(seconds=1)
    assert retire(world).entries == ()
    assert days_opened(world) == {"2016-09-01", "2016-09-02"}
    world.now = DUE
    found = retire(world)
    assert found.days == dict.fromkeys(sorted(ALL), (FIRST,))
    assert (len(found.entries), found.segments, found.files) == (3, 1, 3)
    assert epoch_files(world, "judge") == ["2016-09-02", "2016-09-03"]
    assert days_on_disk(world) == {"2016-09-02"}
    assert days_opened(world) == {"2016-09-02"}
    assert audit(["vault", str(world.vault.path)]) == 0


def test_a_second_run_on_the_same_day_does_nothing(world):
    world.now = DUE
    retire(world)
    before = {path: path.read_bytes() for path in world.vault.path.rglob("keys")}
    assert retire(world).entries == ()
    assert {path: path.read_bytes() for path in world.vault.path.rglob("keys")} == before


def test_segment_dies_with_the_key_that_makes_its_rule_unsatisfiable(world):
    world.now = DUE
    assert (retire(world, "judge").segments, days_on_disk(world)) == (0, {"2016-09-01", "2016-09-02"})
    assert (retire(world, "dpo").segments, days_on_disk(world)) == (1, {"2016-09-02"})
    assert retention_timeline(world.state(), DUE.date()).overdue == {"regulator": 1}
    retire(world, "regulator")
    assert retention_timeline(world.state(), DUE.date()).overdue == {}


def test_keys_that_are_left_still_open_their_days_after_the_wrapping_key_changed(world):
    service = world.custodian("judge")
    old = service.keys.wrapping.unsafe_bytes()
    kept = service._folder.read_epoch_key(SECOND, service.keys).secret.unsafe_bytes()
    world.now = DUE
    retire(world)
    again = world.custodian("judge")
    assert again.keys.wrapping.unsafe_bytes() != old
    assert again.keys.retiring is None
    assert again._folder.read_epoch_key(SECOND, again.keys).secret.unsafe_bytes() == kept
    assert again.keys.approvals.unsafe_bytes() == service.keys.approvals.unsafe_bytes()
    assert again._folder.approvals(again.keys) == service._folder.approvals(service.keys)
    assert again.keys.snapshots.unsafe_bytes() == service.keys.snapshots.unsafe_bytes()


def test_clock_set_ahead_by_years_destroys_nothing_unless_a_person_says_so(world, monkeypatch):
    monkeypatch.setattr(lifetime, "MAX_DAYS_AT_ONCE", 2)
    world.now = DUE + dt.timedelta(days=3650)
    with pytest.raises(Refused, match="3 days are due at once, expected at most 2") as found:
        retire(world)
    assert found.value.code == "time"
    assert {len(epoch_files(world, name)) == 3 for name in ALL} == {True}
    world.now = DUE + dt.timedelta(days=1)
    assert retire(world).days["judge"] == (FIRST, SECOND)
    world.now = DUE + dt.timedelta(days=3650)
    assert retire(world, may_catch_up=True).days["judge"] == (dt.date(2016, 9, 3),)


def test_clock_behind_the_log_destroys_nothing(world):
    world.now -= dt.timedelta(hours=1)
    assert set(retire(world).days.values()) == {()}
    world.now = DUE
    assert retire(world).days["judge"] == (FIRST,)


def test_wrong_passphrase_changes_no_key_file(world):
    service = world.custodian("judge")
    before = (service._folder.path / "keys").read_bytes()
    with pytest.raises(Refused, match="wrong passphrase"):
        service._ring.rotate(PASSPHRASE.__class__(b"guess", "passphrase"), os.urandom)
    assert (service._folder.path / "keys").read_bytes() == before
    service._ring.rotate(PASSPHRASE, os.urandom)
    assert (service._folder.path / "keys").read_bytes() != before


def test_key_put_back_from_a_backup_after_its_destruction_is_destroyed_again(world):
    path = world.vault.path / "custodians" / "judge" / "epoch" / "2016-09-01"
    backup = path.read_bytes()
    world.now = DUE
    retire(world)
    path.write_bytes(backup)
    assert retire(world).entries == ()
    assert not path.exists()
    assert "destroyed a stray key of 2016-09-01" in (path.parent.parent / "audit.log").read_text()


def test_retention_of_a_day_is_that_of_the_roster_its_segments_were_sealed_under(world):
    state = world.state()
    assert not is_over(state, FIRST, dt.date(2016, 9, 5))
    assert is_over(state, FIRST, DUE.date())
    state.in_force = replace(state.roster, retention_days=1)
    assert due_days(state, "judge", dt.date(2016, 9, 5)) == (dt.date(2016, 9, 3),), "only the day without a segment"
    state.in_force = replace(state.roster, retention_days=1000)
    assert due_days(state, "judge", DUE.date()) == (FIRST,)


def test_timeline_by_hand(world):
    found = retention_timeline(world.state(), DUE.date(), ahead_days=1)
    shown = [(str(line.dies), str(line.day), line.segments, line.rows, line.keys, line.is_due) for line in found.days]
    names = ("dpo", "judge", "regulator")
    assert shown == [
        ("2016-09-06", "2016-09-01", 1, 1024, names, True),
        ("2016-09-07", "2016-09-02", 1, 1024, names, False),
    ]
    assert (found.later, found.dead_days) == (1, 0)
    assert found.overdue == {"dpo": 1, "judge": 1, "regulator": 1}
    world.now = DUE
    retire(world)
    after = retention_timeline(world.state(), DUE.date(), ahead_days=1)
    assert [str(line.day) for line in after.days] == ["2016-09-02"]
    assert (after.later, after.dead_days, after.overdue) == (1, 1, {})


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.name)
def test_a_retirement_that_fails_anywhere_loses_no_living_key_and_is_finished_by_the_next(made, tmp_path, mode):
    def act(world):
        world.now = DUE
        return retire(world, "dpo", "judge")

    disk = FaultyDisk(None, mode)
    act(copy_of(made, tmp_path / "count", disk))
    assert disk.operations > 30
    for n in disk.places():
        world = copy_of(made, tmp_path / f"{n}", FaultyDisk(n, mode))
        try:
            act(world)
        except (CofferError, Killed):
            again = world.reopen()
            act(again)
        again = world.reopen()
        again.now = DUE
        state = again.state()
        assert {name for name, day in state.destroyed if day == FIRST} == {"dpo", "judge"}, f"operation {n}"
        assert not list(again.vault.path.rglob("*.tmp-*")), f"operation {n}"
        assert [epoch_files(again, name) for name in ("dpo", "judge")] == [["2016-09-02", "2016-09-03"]] * 2
        assert {service.keys.retiring is None for service in again.custodians("dpo", "judge")} == {True}, (
            f"operation {n}"
        )
        assert days_on_disk(again) == {"2016-09-02"}
        assert days_opened(again) == {"2016-09-02"}
        assert audit(["vault", str(again.vault.path)]) == 0
        shutil.rmtree(tmp_path / f"{n}")


@pytest.mark.slow
class TestDrill:
    """A copy of everything was made on the evening before; the morning after, nobody opens the day with it."""

    @pytest.fixture
    def backup(self, world, tmp_path):
        """The copy; ``world`` is then retired."""
        copy = copy_of(world, tmp_path / "backup")
        world.now = DUE
        retire(world)
        copy.now = DUE
        return copy

    def decisions(self, world, clock):
        """What each custodian says to a request for both days of a desk that keeps to no rule."""
        from attacks.forging import Desk

        world.now = clock
        desk = Desk(world, note_of(world))
        intent = desk.intent()
        return [[desk.decide(desk.labels(intent, desk.cell(day)), name) for name in ALL] for day in (1, 2)]

    def test_live_vault_opens_the_other_day_only(self, world, backup):
        assert days_opened(world) == {"2016-09-02"}

    def test_vault_restored_under_the_present_log_does_not_open_the_day(self, world, backup):
        shutil.rmtree(backup.vault.path / "log")
        shutil.copytree(world.vault.path / "log", backup.vault.path / "log")
        restored = backup.reopen()
        restored.now = DUE
        first, second = self.decisions(restored, DUE)
        assert first == [Decline(step=9, code=Code.TIME)] * 3
        assert {isinstance(found, Grant) for found in second} == {True}
        assert days_opened(restored) == {"2016-09-02"}

    def test_vault_restored_with_its_old_log_does_not_open_the_day_by_the_clock(self, backup):
        first, second = self.decisions(backup, DUE)
        assert first == [Decline(step=9, code=Code.TIME)] * 3
        assert {isinstance(found, Grant) for found in second} == {True}
        assert days_opened(backup) == {"2016-09-02"}

    def test_old_bundles_do_not_unseal_with_any_key_there_is_today(self, world, backup):
        header = next(
            backup.vault.segments.read_header(FIRST, seg_id)
            for seg_id, segment in backup.state().segments.items()
            if segment.line.day == FIRST
        )
        for index, name in enumerate(ALL, 1):
            today, info = world.custodian(name), bundle_info(header.core.seg_id, index)
            keys = [today._folder.read_epoch_key(day, today.keys) for day in today._folder.epoch_days()]
            assert len(keys) == 2
            for key in (*keys, today.keys.req, SealKey.generate()):
                with pytest.raises((NotProven, MalformedInput), match=r"^bundle: "):
                    key.unseal(header.bundles[index - 1], info=info, place="bundle")

    def test_old_epoch_folders_give_nothing_to_todays_key_files(self, world, backup):
        for name in ALL:
            today, epoch = world.custodian(name), world.vault.path / "custodians" / name / "epoch"
            old = backup.vault.path / "custodians" / name / "epoch"
            assert today._folder.read_epoch_key(SECOND, today.keys) is not None
            shutil.rmtree(epoch)
            shutil.copytree(old, epoch)
            for day in (FIRST, SECOND):
                with pytest.raises(NotProven, match="was changed"):
                    today._folder.read_epoch_key(day, today.keys)

    def test_whole_custodians_backed_up_with_their_passphrases_still_hold_the_day_which_is_why_nobody_backs_them_up(
        self, backup
    ):
        old = backup.custodian("judge")
        assert old._folder.read_epoch_key(FIRST, old.keys) is not None
        backup.now = DUE - dt.timedelta(seconds=1)
        assert days_opened(backup) == {"2016-09-01", "2016-09-02"}, "with the clock set back as well"


def test_late_records_of_a_day_that_was_destroyed_are_rejected_though_retention_is_longer_now(tmp_path):
    world = World.make(tmp_path, retention_days=10, late_days=9)
    world.epoch("2016-09-01", "2016-09-20")
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n")
    world.now = dt.datetime(2016, 9, 12, 12, tzinfo=dt.UTC)
    retire(world)
    assert ("judge", dt.date(2016, 9, 1)) in world.state().destroyed
    world.publish(world.propose(retention_days=400, late_days=30), "judge", "dpo", "regulator")
    late = (
        "+33612345678,+33698765432,2016-09-01 11:00:00,60\n"  # its key is gone
        "+33612345678,+33698765432,2016-09-04 11:00:00,60\n"
    )
    summary = world.ingest(late, name="late.csv")
    assert (summary.files[0].kept, dict(summary.files[0].rejected)) == (1, {"too-late": 1})


def test_key_destroyed_before_its_time_is_an_error_and_no_record_is_called_late(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-05")
    with world.vault.writing() as state:
        world.vault.append([destroy_entry(world.custodian("judge"), dt.date(2016, 9, 4))], state)
    with pytest.raises(Unavailable, match="custodian judge has none for 2016-09-04"):
        world.ingest("+33612345678,+33698765432,2016-09-04 10:00:00,60\n")
    assert world.ingest("+33612345678,+33698765432,2016-09-03 10:00:00,60\n", name="b.csv").files[0].kept == 1


def test_the_calendar_has_a_day_for_each_destruction_and_the_same_again(made):
    timeline = retention_timeline(made.state(), dt.date(2016, 9, 5))
    raw = format_calendar(timeline, made.vault.pins.origin, DUE)
    assert format_calendar(timeline, made.vault.pins.origin, DUE) == raw
    assert 60 < max(map(len, raw.split(b"\r\n"))) <= 75
    lines = raw.replace(b"\r\n ", b"").decode("ascii").split("\r\n")
    assert [lines[0], lines[-2], lines[-1]] == ["BEGIN:VCALENDAR", "END:VCALENDAR", ""]
    assert [line[-8:] for line in lines if line.startswith("DTSTART")] == ["20160906", "20160907", "20160908"]
    assert len({line for line in lines if line.startswith("UID:")}) == lines.count("BEGIN:VEVENT") == 3
    assert "SUMMARY:test.example/vault: the keys of 2016-09-01 are destroyed" in lines
    assert any("keys of dpo\\, judge\\, regulator" in line for line in lines)
