"""Custodians on machines of their own ratify an emergency there, and ``coffer sync`` logs it."""

import datetime as dt
import os

import pytest

from coffer.authority.authorization import parse_authorization
from coffer.authority.ordered import Urgency
from coffer.cli.main import run
from coffer.ledger.debts import KEPT_FOR, Debt, DebtStatus
from coffer.notes.note import parse_note
from elsewhere import Elsewhere
from emergencies import ON_CALL, begin
from world import ordered

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def world(tmp_path):
    return Elsewhere.make_elsewhere(tmp_path, emergency=ON_CALL).with_records()


def ratify(world, name, note, code=0):
    secret = ["--yes", "--passphrase-file", str(world.path / "passphrase")]
    assert run(["custodian", "ratify", str(world.machines[name]), str(note), *secret]) == code
    machine, service = world.machine(name), world.custodian(name)
    service.sync()
    with world.vault.writing() as state:
        world.vault.append_counting([service.renewed(raw) for raw in machine.waiting()], state)


def test_emergency_is_reviewed_and_ratified_on_two_machines(world, tmp_path, capsys):
    order = {"days": [(world.today, world.today)], "ordered": ordered(world.now, urgency=Urgency.EMERGENCY)}
    note = tmp_path / "request.note"
    note.write_bytes(world.request(**order))
    authorization = parse_authorization(note.read_bytes(), "note")
    commitment, index = authorization.commitment, begin(world, authorization)
    folder, secret = str(world.machines["judge"]), str(world.path / "passphrase")
    assert run(["custodian", "review", folder, "--passphrase-file", secret]) == 0
    said = capsys.readouterr()
    assert f"an emergency waits to be ratified, nothing opened so far: {commitment.hex()[:32]}" in said.out + said.err
    ratify(world, "judge", note)
    assert world.state().debts[index].status(world.now) is DebtStatus.OWED
    ratify(world, "judge", note, code=4)
    ratify(world, "dpo", note)
    assert world.state().debts[index].status(world.now) is DebtStatus.RATIFIED
    capsys.readouterr()
    assert run(["custodian", "review", str(world.machines["regulator"]), "--passphrase-file", secret]) == 0
    assert "an emergency waits" not in capsys.readouterr().err


@pytest.mark.parametrize("ends", ["expires", "revoked", "ratified"])
def test_note_of_an_emergency_is_kept_until_it_is_ratified_or_overdue_by_a_week(world, ends):
    life = {"expires": world.now + 2 * HOUR} if ends == "expires" else {}
    order = {"days": [(world.today, world.today)], "ordered": ordered(world.now, urgency=Urgency.EMERGENCY)}
    calm, urgent = (world.request(**order, **life, purpose=purpose) for purpose in ("one", "another"))
    requests, keys = world.machine("judge").requests, world.keys("judge")
    for raw in (calm, urgent):
        requests.take(parse_note(raw, "note", has_letters=True), keys, world.now, os.urandom)
        if ends == "revoked":
            entry = world.custodian("dpo").revocation_entry(raw, "note")
            world.vault.log.append([entry], world.vault.operator_key(world.vault.pins.origin))
    authorization = parse_authorization(urgent, "note")
    state = world.state()
    time = world.now
    debt = Debt(
        index=state.size,
        time=time,
        requester="desk",
        authorization=authorization.commitment,
        rules=("base",),
        roster=state.roster.hash,
        hours=48,
        paid=time if ends == "ratified" else None,
    )
    state.debts[debt.index] = debt
    later = max(time, authorization.terms.expires) if ends == "ratified" else time + 48 * HOUR + KEPT_FOR
    requests.remove_ended(state, later, keys)
    kept = [] if ends == "ratified" else [authorization.commitment]
    assert [one.commitment for one in requests.notes(keys) if one.terms.purpose == "another"] == kept
    assert (requests.marks(authorization.commitment, keys) is not None) == bool(kept)
    assert [one for one in requests.notes(keys) if one.terms.purpose == "one"] == []  # the twin without an emergency
    requests.remove_ended(state, later + dt.timedelta(seconds=1), keys)
    assert requests.notes(keys) == []
