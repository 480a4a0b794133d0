"""Holds over keys that die: what custodians keep, what opens a month later, and how it ends."""

import datetime as dt
import shutil

import pytest

from coffer.cli.main import run
from coffer.ledger.holds import HoldStatus
from coffer.procedures.backup import back_up
from coffer.procedures.fsck import examine, expected_of
from coffer.procedures.holding import keep_hold, release_hold
from holds import ALL, begun, died, extended, founded, held, in_force, kept, opened, retire
from world import PASSPHRASE

ROWS = [
    "tel:+33612345678,call,out,tel:+33698765432,2016-09-01T10:00:00Z,60,true,,",
    "tel:+33612345678,call,in,tel:+33698765432,2016-09-02T11:00:00Z,5,true,,",
    "tel:+33612345678,call,in,,2016-09-02T12:00:00Z,0,false,,",
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return founded(tmp_path_factory.mktemp("held"))


@pytest.fixture
def world(made, tmp_path):
    shutil.copytree(made.path, tmp_path / "copy")
    return made.reopen_at(tmp_path / "copy")


def rows_of(answer):
    return answer.records_csv.decode().splitlines()[1:]


def status(world):
    state = world.state()
    (hold,) = state.holds.values()
    return state.hold_status(hold, world.now)


def test_what_was_held_opens_a_month_later_by_the_full_rule(world):
    hold = held(world, "judge", "dpo")
    died(world)
    assert status(world) is HoldStatus.IN_FORCE
    answer = opened(world, hold, by=("judge", "dpo"), custodians=world.custodians("judge", "dpo"))
    assert rows_of(answer) == ROWS
    assert {cell.status for cell in answer.cells} == {"complete"}


def test_without_a_hold_the_same_days_are_gone(world):
    died(world)
    assert rows_of(opened(world)) == []


def test_live_and_held_days_open_in_one_answer(world):
    hold = held(world)
    world.now += dt.timedelta(days=6)  # 11 September: the first day died
    retire(world)
    assert rows_of(opened(world, hold)) == ROWS


def test_files_of_held_segments_stay_and_go_with_the_hold(world):
    hold = held(world)
    segments = world.vault.path / "segments"
    died(world)
    assert len(list(segments.glob("*/*"))) == 6
    world.now += dt.timedelta(days=31)
    retire(world)
    assert status(world) is HoldStatus.OVER
    assert list(segments.glob("*/*")) == []
    assert list((world.vault.path / "holds").iterdir()) == []
    assert rows_of(opened(world, hold)) == []


def test_one_custodian_begins_and_without_the_rule_it_lapses(world):
    assert kept(world, begun(world), "judge") == {"judge": ""}
    assert status(world) is HoldStatus.BEGUN
    folder = world.vault.path / "custodians" / "judge" / "holds"
    assert len(list(folder.glob("*/*"))) == 4  # note, key, two segments
    world.now += dt.timedelta(hours=72)
    assert status(world) is HoldStatus.LAPSED
    retire(world)
    assert list(folder.iterdir()) == []


def test_the_number_that_is_told_depends_on_no_record(world):
    held(world, "judge", "dpo")
    held(world, "judge", "dpo", subjects=["tel:+33611111111"])
    first, second = world.state().holds.values()
    assert first.terms[0].held == second.terms[0].held == (("judge", 2), ("dpo", 2))


def test_keeping_again_is_harmless_and_keeps_what_came_since(world):
    hold = held(world, "judge", "dpo")
    size = world.state().size
    assert kept(world, hold, "judge", "dpo") == {"judge": "", "dpo": ""}
    assert world.state().size == size
    world.ingest("+33612345678,+33698765432,2016-09-02 20:00:00,7\n", name="late.csv")
    kept(world, hold, "judge", "dpo")
    (logged,) = world.state().holds.values()
    assert logged.terms[0].held == (("judge", 4), ("dpo", 4))
    died(world)
    assert len(rows_of(opened(world, hold, custodians=world.custodians("judge", "dpo")))) == 4


def test_an_extension_that_the_rule_approves_lasts_longer(world):
    hold = held(world)
    died(world)
    second = extended(world, hold)
    assert set(kept(world, second).values()) == {""}
    world.now += dt.timedelta(days=45)
    retire(world)
    assert status(world) is HoldStatus.IN_FORCE
    assert rows_of(opened(world, hold)) == ROWS


def test_rotation_of_the_wrapping_key_keeps_what_is_held(world):
    hold = held(world)
    path = next((world.vault.path / "custodians" / "judge" / "holds").glob("*/key"))
    before = path.read_bytes()
    died(world)
    assert path.read_bytes() != before
    assert rows_of(opened(world, hold)) == ROWS


def test_a_hub_and_a_protected_subject_need_every_signature(world):
    hub = begun(world, is_hub=True)
    assert kept(world, hub, "judge") == {"judge": "hold: too few signatures"}
    raw = hub.note.raw
    for name in ALL:
        raw = world.custodian(name).countersign(raw, "hold").raw
    assert keep_hold(world.vault, raw, world.custodians()) == dict.fromkeys(ALL, "")
    assert in_force(world) == 1


def test_what_is_held_is_examined_and_copied_and_gone_with_the_hold(world, tmp_path):
    hold = held(world)
    died(world)
    expected = expected_of(world.vault)
    assert len(expected.living) == len(world.state().segments) == 2
    assert examine(world.vault.objects, expected, is_deep=True).faults == ()
    copied = back_up(world.vault, tmp_path / "backup")
    assert (copied.unknown, copied.replicated.examined.segments) == ((), 2)
    assert (tmp_path / "backup" / "holds" / hold.commitment.hex()).is_file()
    release_hold(world.vault, hold.note.raw)
    retire(world)
    assert expected_of(world.vault).living == []
    assert examine(world.vault.objects, expected_of(world.vault), is_deep=True).faults == ()


def test_command_says_how_much_came_from_a_hold(world, tmp_path, monkeypatch, capsys):
    hold = held(world)
    died(world)
    note = world.authorize(not_before=world.now, expires=world.now + dt.timedelta(days=7))
    for name, raw in (("hold", hold.note.raw), ("request", note)):
        (tmp_path / name).write_bytes(raw)
    monkeypatch.setenv("COFFER_PASSPHRASE", PASSPHRASE.unsafe_bytes().decode())
    for module in ("opening", "custodians", "console"):
        monkeypatch.setattr(f"coffer.cli.{module}.clock", world.clock)
    words = [str(world.vault.path), str(tmp_path / "request"), "--hold", str(tmp_path / "hold")]
    assert run(["open", *words, "-o", str(tmp_path / "answer")]) == 0
    assert "2 cells of 2 from a hold: the keys of their days are destroyed" in capsys.readouterr().err


def test_a_country_rule_is_joined_only_with_its_indispensable_member(tmp_path):
    names = ("judge", "dpo", "regulator", "cnctr")
    rules = (("base", "2 of judge,dpo,regulator"), ("FR", "2 of judge,dpo,regulator and cnctr"))
    world = founded(tmp_path, custodians=names, rules=rules)
    hold = begun(world, subjects=["tel:+33612345678", "mailto:a@example.org"])
    assert hold.terms.rules == ("FR", "base")
    kept(world, hold, "judge", "dpo")
    assert status(world) is HoldStatus.BEGUN
    kept(world, hold, "cnctr")
    assert status(world) is HoldStatus.IN_FORCE
    died(world)
    asked = {"by": ("judge", "dpo", "cnctr"), "custodians": world.custodians("judge", "dpo", "cnctr")}
    assert rows_of(opened(world, hold, **asked)) == ROWS
