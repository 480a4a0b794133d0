"""Holds: nobody gets more than before, and nothing lasts longer than its rule said.

The argument is in docs/threats.md, "Sealed holds".
"""

import datetime as dt
import os
import shutil

import pytest
from forging import DAYS, Desk, log_entries

from coffer.authority.hold import format_hold_terms, parse_hold
from coffer.custody.decide import Decline, Grant
from coffer.custody.exchange import Cell, Code
from coffer.errors import Refused, Unavailable
from coffer.identity.identifier import parse_subject
from coffer.ledger.entries import ExtendEntry, HeldEntry
from coffer.ledger.holds import MOST_A_DAY, HoldStatus
from coffer.notes.note import sign_note
from coffer.procedures.holding import keep_hold, make_hold, release_hold
from holds import ALL, NONE, begun, died, extended, founded, held, in_force, kept, opened, retire, sought, with_terms
from world import NOW, PASSPHRASE

SUBJECT, OTHER = "tel:+33612345678", "tel:+33698765432"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return founded(tmp_path_factory.mktemp("held"))


@pytest.fixture
def world(made, tmp_path):
    shutil.copytree(made.path, tmp_path / "copy")
    return made.reopen_at(tmp_path / "copy")


def rows_of(answer):
    return answer.records_csv.decode().splitlines()[1:]


def desk_of(world, **changes):
    note = world.authorize(not_before=world.now, expires=world.now + dt.timedelta(days=30), **changes)
    return Desk(world, note)


def asked(world, *, desk=None, cell=None, header=None, **changes):
    """What judge decides on labels of the first day under an authorization that everybody signed.

    ``header``: kept by somebody, where the vault has it no more.
    """
    desk = desk or desk_of(world, **changes)
    if header is None:
        return desk.decide(desk.labels(desk.intent(nonce=os.urandom(16)), cell or desk.cell()))
    cell = Cell(seg_id=header.core.seg_id, line=1, rank_from=0, rank_count=64)
    return desk.decide(desk.labels(desk.intent(nonce=os.urandom(16)), cell, headers=[header]))


def test_values_of_another_subject_are_not_there(world):
    held(world)
    died(world)
    assert isinstance(asked(world), Grant)
    assert asked(world, subjects=[OTHER]) == Decline(step=9, code=Code.TIME)


def test_day_or_kind_that_the_note_does_not_name_stays_dead(world):
    hold = make_hold(
        world.vault, sought(world, days=[("2016-09-02", "2016-09-02")]), until=world.now + dt.timedelta(days=60)
    )
    kept(world, hold)
    desk = desk_of(world)
    headers = desk.headers()
    died(world, days=12)
    assert asked(world, desk=desk, header=headers[DAYS[0]]) == Decline(step=9, code=Code.TIME)
    assert isinstance(asked(world, desk=desk, header=headers[DAYS[1]]), Grant)


def test_hold_after_the_keys_died_holds_nothing(world):
    early = held(world)
    died(world)
    late = begun(world)
    said = "hold: nothing is left to keep: no segment of these days whose key {} still has"
    assert kept(world, late) == {name: said.format(name) for name in ALL}
    assert rows_of(opened(world, early)) != []


def test_custodian_whose_people_did_not_approve_keeps_nothing(world):
    hold = begun(world)
    assert keep_hold(world.vault, hold.note.raw, [world.custodian("judge")]) == {
        "judge": "hold: not approved by the people of judge"
    }
    assert kept(world, hold, "judge") == {"judge": ""}


def test_extension_that_nobody_approves_ends_with_the_hold(world):
    hold = held(world, until_days=60)
    world.now += dt.timedelta(days=59)
    retire(world)
    extended(world, hold, days=60)
    assert in_force(world) == 1
    world.now += dt.timedelta(days=1)
    assert (in_force(world), asked(world)) == (0, Decline(step=9, code=Code.TIME))
    retire(world)
    assert list((world.vault.path / "custodians" / "judge" / "holds").iterdir()) == []


def test_extension_by_the_rule_is_its_twin(world):
    hold = held(world, until_days=60)
    world.now += dt.timedelta(days=59)
    retire(world)
    kept(world, extended(world, hold, days=60))
    world.now += dt.timedelta(days=1)
    assert (in_force(world), type(asked(world))) == (1, Grant)


def test_extension_signed_by_another_than_the_desk_does_not_count(world):
    held(world)
    index = next(iter(world.state().holds))
    later = world.now + dt.timedelta(days=80)
    for key, terms in ((world.keys("judge").auth, 1), (world.vault.operator_key("desk"), 2)):
        log_entries(world, ExtendEntry(hold=index, note=bytes([terms]) * 32, until=later), key=key)
        assert len(world.state().holds[index].terms) == terms


@pytest.mark.parametrize("change", ["subjects", "periods", "kinds"])
def test_extension_to_somebody_else_another_day_or_kind_is_not_kept(world, change):
    hold = held(world)
    order = world.order(subjects=[OTHER], days=[("2016-09-01", "2016-09-01")])
    changes = {
        "subjects": {"subjects": parse_subjects(order)},
        "periods": {"periods": tuple(map(tuple, order.periods))},
        "kinds": {"kinds": ("call", "text")},
    }
    changed = signed_extension(world, hold, **changes[change])
    assert kept(world, changed, "judge") == {
        "judge": "hold: names other subjects, periods or kinds than what it extends"
    }
    assert kept(world, signed_extension(world, hold), "judge") == {"judge": ""}


def parse_subjects(order):
    return tuple(parse_subject(text, "subject") for text in order.subjects)


def signed_extension(world, hold, **changes):
    """A note that extends the hold, of which the desk says whatever it likes, logged."""
    terms = with_terms(hold, extends=hold.commitment, until=world.now + dt.timedelta(days=80), **changes).terms
    text = format_hold_terms(terms)
    note = parse_hold(sign_note(text, world.vault.operator_key("desk")).raw, "hold")
    index = next(iter(world.state().holds))
    log_entries(
        world,
        ExtendEntry(hold=index, note=note.commitment, until=terms.until),
        key=world.vault.operator_key("desk"),
    )
    return note


def test_nobody_holds_everybody(world):
    for _ in range(MOST_A_DAY):
        begun(world)
    with pytest.raises(Refused, match="too many holds of this requester in 24 hours"):
        begun(world)
    world.now += dt.timedelta(days=1)
    begun(world)


def test_released_hold_that_is_put_back_answers_nothing_and_is_destroyed_again(world):
    hold = held(world)
    died(world)
    folder, header = world.vault.path / "custodians" / "judge", desk_of(world).headers()[DAYS[0]]
    shutil.copytree(folder / "holds", world.path / "backup")
    assert isinstance(asked(world, header=header), Grant)
    release_hold(world.vault, hold.note.raw)
    retire(world)
    shutil.copytree(world.path / "backup", folder / "holds", dirs_exist_ok=True)
    assert asked(world, header=header) == Decline(step=9, code=Code.TIME)
    service = world.custodian("judge")
    with pytest.raises(Exception, match="the key of a hold was changed"):  # its wrapping key is gone
        service._ring.hold_key(hold.commitment)
    retire(world)
    assert list((folder / "holds").iterdir()) == []


def test_refused_hold_is_answered_no_more_by_that_custodian(world):
    hold = held(world)
    died(world)
    assert isinstance(asked(world), Grant)
    with world.vault.writing() as state:
        world.vault.append([world.custodian("judge").refusal_entry(hold.note.raw, "merit", "hold")], state)
    assert asked(world) == Decline(step=9, code=Code.TIME)


def test_hold_is_answered_until_its_last_second_by_the_later_of_clock_and_log(world):
    held(world, until_days=33)
    died(world)
    note = world.authorize(not_before=world.now, expires=world.now + dt.timedelta(days=30))
    desk = Desk(world, note)
    request = desk.labels(desk.intent())
    end = next(iter(world.state().holds.values())).terms[0].until
    assert isinstance(desk.decide(request, now=end - dt.timedelta(seconds=1)), Grant)
    assert desk.decide(request, now=end) == Decline(step=9, code=Code.TIME)


def test_custodian_that_keeps_after_72_hours_does_not_count(world):
    hold = begun(world)
    kept(world, hold, "judge")
    index, late = hold_index(world), dt.timedelta(hours=72)
    entry = HeldEntry(hold=index, note=hold.commitment, custodian="dpo", cells_at_most=2)
    log_entries(world, entry, key=world.keys("dpo").resp, time=world.now + late)
    assert world.state().hold_status(world.state().holds[index], world.now + late) is HoldStatus.LAPSED
    log_entries(world, entry, key=world.keys("dpo").resp, time=world.now + late - dt.timedelta(seconds=1))
    assert world.state().hold_status(world.state().holds[index], world.now + late) is HoldStatus.IN_FORCE


def hold_index(world):
    (index,) = world.state().holds
    return index


def test_hold_tells_nobody_whether_somebody_exists(world):
    sizes = {}
    for subject in (SUBJECT, NONE):
        hold = held(world, subjects=[subject])
        folder = world.vault.path / "custodians" / "judge" / "holds" / hold.commitment.hex()
        sizes[subject] = sorted(path.stat().st_size for path in folder.iterdir() if len(path.name) == 64)
    assert sizes[SUBJECT] == sizes[NONE] != []
    first, second = world.state().holds.values()
    assert first.terms[0].held == second.terms[0].held


def test_held_values_that_were_changed_or_exchanged_are_not_given(world):
    hold = held(world)
    died(world)
    assert isinstance(asked(world), Grant)
    folder = world.vault.path / "custodians" / "judge" / "holds" / hold.commitment.hex()
    one, two = sorted(path for path in folder.iterdir() if len(path.name) == 64)
    raw = one.read_bytes(), two.read_bytes()
    one.write_bytes(raw[1])
    two.write_bytes(raw[0])
    assert asked(world) == Decline(step=14, code=Code.INTERNAL)


def test_opening_of_what_was_held_needs_the_full_rule_and_the_budget(world):
    hold = held(world, "judge", "dpo")
    died(world)
    with pytest.raises(Refused, match="signed by judge, expected 2 of"):
        opened(world, hold, by=("judge",))
    with pytest.raises(Refused, match="expected at most 2"):
        opened(world, hold, max_records=2)
    assert len(rows_of(opened(world, hold, max_records=3))) == 3


def test_ranks_beyond_those_that_were_kept_are_refused(world):
    held(world)
    died(world)
    note = world.authorize(is_hub=True, not_before=world.now, expires=world.now + dt.timedelta(days=7))
    desk = Desk(world, note)
    intent = desk.intent()
    kept_ranks = 64 * (world.state().roster.cell_cap // 64 + 1)
    assert isinstance(desk.decide(desk.labels(intent, desk.cell(first=kept_ranks - 64))), Grant)
    beyond = desk.labels(intent, desk.cell(first=kept_ranks))
    assert desk.decide(beyond) == Decline(step=11, code=Code.BUDGET)


def test_who_hides_the_log_makes_a_hold_neither_lapse_nor_last(world, monkeypatch):
    hold, service = begun(world), world.custodian("judge")
    keep_hold(world.vault, service.countersign(hold.note.raw, "hold").raw, [service])
    kept(world, hold, "dpo")  # which judge never hears of

    def hidden():
        raise Unavailable("log: hidden")

    monkeypatch.setattr(service, "sync", hidden)
    folder = world.vault.path / "custodians" / "judge" / "holds"
    for days, left in ((4, 1), (59, 1), (60, 0)):
        now = NOW + dt.timedelta(days=days)
        world.now = now
        service.destroy_due(now, lambda: PASSPHRASE, os.urandom)
        assert len(list(folder.iterdir())) == left
