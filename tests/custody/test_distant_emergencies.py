"""Custodians on machines of their own ratify an emergency there, and ``coffer sync`` logs it."""

import pytest
from forging import log_entries

from coffer.authority.authorization import parse_authorization
from coffer.authority.ordered import Urgency
from coffer.cli.main import run
from coffer.ledger.debts import DebtStatus
from coffer.ledger.entries import IntentEntry
from coffer.ledger.roster import Emergency
from elsewhere import Elsewhere
from world import ordered

ON_CALL = Emergency(expression="2 of judge,dpo,regulator", ratify_hours=48)


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
    terms, commitment = (one := parse_authorization(note.read_bytes(), "note")).terms, one.commitment
    codes = terms.codes.at(world.state().roster.statistics)
    intent = IntentEntry(
        authorization=commitment,
        requester="desk",
        nonce=bytes(16),
        cells_at_most=1,
        rules=terms.rules,
        codes=codes,
    )
    (index,) = log_entries(world, intent, key=world.vault.operator_key("desk"))
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
