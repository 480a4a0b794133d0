"""Base custodians try to take a country's lock away: by another rule, by looser limits, or by saying that its member is gone."""

import datetime as dt

import pytest
from forging import rows_of

from coffer.cli.main import run
from coffer.errors import Refused
from coffer.notes.note import sign_note
from coffer.procedures.roster.change import propose_absence
from coffer.procedures.sync import run_sync
from coffer_audit.cli import main as audit
from elsewhere import Elsewhere
from world import PASSPHRASE, World

NAMES = ("a", "b", "c", "fr")
RULES = (("base", "2 of a,b,c"), ("FR", "2 of a,b,c and fr"))
WITHOUT = {"rules": {"FR": "2 of a,b,c"}}
RECORD = "+33612345678,+33698765432,2016-09-01 10:00:00,60\n"


@pytest.fixture
def world(tmp_path):
    return World.make(tmp_path, custodians=NAMES, rules=RULES)


def logged(world, note, *names):
    """Log a roster whatever it lacks, as an operator can; what the log's State makes of it."""
    for name in names:
        note = world.custodian(name).sign_roster(note, "roster").raw
    world.vault.log.append([note], world.vault.operator_key(world.vault.pins.origin))
    return world.state().roster.rules["FR"].expression


def say_gone(world, *signers):
    state = world.state()
    note = sign_note(propose_absence(state, "fr", world.now), world.vault.operator_key("desk"))
    for name in signers:
        service = world.custodian(name)
        note = service.sign_absence(note.raw, "absence", state=service.peek())
    with world.vault.writing() as state:
        return world.vault.append([note.raw], state)[0]


def objects(world):
    entry = world.custodian("fr").objection_entry()
    with world.vault.writing() as state:
        world.vault.append([entry], state)


def pass_days(world, days):
    world.now += dt.timedelta(days=days)


def test_base_custodians_hollow_out_no_countrys_lock(world):
    with pytest.raises(Refused, match="fr must sign too: rule FR changes"):
        world.publish(world.propose(**WITHOUT), "a", "b")
    assert logged(world, world.propose(**WITHOUT), "a", "b", "c") == "2 of a,b,c and fr"
    world.epoch("2016-09-01", "2016-09-01")
    world.ingest(RECORD)
    with pytest.raises(Refused, match="signed by a,b, expected 2 of a,b,c and fr"):
        world.open(world.authorize(by=("a", "b")), world.custodians("a", "b", "c"))


def test_twin_lock_changes_with_the_signature_of_its_own_member(world):
    assert logged(world, world.propose(**WITHOUT), "a", "b", "fr") == "2 of a,b,c"
    world.epoch("2016-09-01", "2016-09-01")
    world.ingest(RECORD)
    assert len(rows_of(world.open(world.authorize(by=("a", "b")), world.custodians("a", "b")))) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"rules": {"FR": None}},
        {"removed": ("fr",), "rules": {"FR": None}},
        {"rules": {"FR": "3 of a,b,c,fr,d"}, "added": "d"},
        {"replaced": {"a": "d"}},
        {"numbering": "9.0.44"},
        {"waiting_days": 1},
        {"cell_cap": 201},
        {"retention_days": 366},
    ],
)
def test_no_roster_that_loosens_a_lock_counts_without_its_member(world, change):
    joining = {"d": world.joins("d")} if "added" in change or "replaced" in change else {}
    change = {**change, **({"added": (joining["d"],)} if "added" in change else {})}
    change |= {"replaced": {"a": joining["d"]}} if "replaced" in change else {}
    before, note = world.state().roster.hash, world.propose(**change)
    logged_by = ("b", "c", *joining)
    logged(world, note, *logged_by)
    assert world.state().roster.hash == before
    world.publish(note, *logged_by, "fr")  # the twin: with its signature
    assert world.state().roster.hash != before


def test_others_replace_a_member_that_is_gone_only_after_the_wait(world):
    say_gone(world, "a", "b", "c")
    pass_days(world, 90)
    world.now -= dt.timedelta(seconds=1)
    assert logged(world, world.propose(**WITHOUT), "a", "b", "c") == "2 of a,b,c and fr"
    world.now += dt.timedelta(seconds=1)
    assert logged(world, world.propose(**WITHOUT), "a", "b") == "2 of a,b,c and fr"
    assert logged(world, world.propose(**WITHOUT), "a", "b", "c") == "2 of a,b,c"


@pytest.mark.parametrize("is_dated_ahead", [True, False])
def test_auditor_tells_of_a_member_that_was_replaced_and_how_old_the_log_was(world, capsys, is_dated_ahead):
    """The wait cannot be proven from the log alone: the others and the operator may date it away, so everyone is told what to ask."""
    index = say_gone(world, "a", "b", "c")
    began = world.now
    if not is_dated_ahead:  # the vault goes on meanwhile
        pass_days(world, 89)
        world.epoch("2016-12-03", "2016-12-03")
        pass_days(world, 1)
    else:
        pass_days(world, 90)
    assert logged(world, world.propose(**WITHOUT), "a", "b", "c") == "2 of a,b,c"
    assert audit(["vault", str(world.vault.path)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"ABSENCE entry {index}: all other custodians say that fr is gone" in told
    assert f"without fr, said to be gone by entry {index} of {began:%Y-%m-%d}, to be waited for 90 days" in told
    newest = began if is_dated_ahead else began + dt.timedelta(days=89)
    assert f"what was logged before it is of {newest:%Y-%m-%d} or older" in told


def test_twin_roster_that_all_signed_is_told_of_nobody(world, capsys):
    world.publish(world.propose(**WITHOUT), *NAMES)
    assert audit(["vault", str(world.vault.path)]) == 0
    assert "ABSENCE" not in capsys.readouterr().out


def test_member_that_objects_is_not_replaced(world):
    say_gone(world, "a", "b", "c")
    pass_days(world, 30)
    objects(world)
    pass_days(world, 365)
    assert logged(world, world.propose(**WITHOUT), "a", "b", "c") == "2 of a,b,c and fr"
    with pytest.raises(Refused, match="nobody says that it is gone"):
        world.custodian("fr").objection_entry()


def test_one_that_does_not_join_in_stops_the_others_from_saying_that_a_member_is_gone(world):
    with pytest.raises(Refused, match="A1"):
        say_gone(world, "a", "b")
    with pytest.raises(Refused, match="not fr's to sign"):
        say_gone(world, "fr")


def test_member_that_base_itself_needs_and_that_is_gone_is_replaced_too(tmp_path):
    world = World.make(tmp_path, custodians=NAMES, rules=(("base", "2 of a,b,c and fr"),))
    note = world.propose(removed=("fr",), rules={"base": "2 of a,b,c"})
    with pytest.raises(Refused, match="expected 2 of a,b,c and fr"):
        world.publish(note, "a", "b", "c")
    say_gone(world, "a", "b", "c")
    pass_days(world, 90)
    world.publish(world.propose(removed=("fr",), rules={"base": "2 of a,b,c"}), "a", "b", "c")
    assert world.state().roster.names == ("a", "b", "c")


def test_answer_under_a_roster_that_replaced_a_gone_member_audits_clean(world):
    say_gone(world, "a", "b", "c")
    pass_days(world, 90)
    world.publish(world.propose(removed=("fr",), rules={"FR": None}), "a", "b", "c")
    day = world.now.date().isoformat()
    world.epoch(day, day)
    world.ingest(RECORD.replace("2016-09-01", day))
    answer = world.open(world.authorize(by=("a", "b"), days=[(day, day)]), world.custodians("a", "b"))
    assert len(rows_of(answer)) == 1
    folder = world.write_answer(answer)
    assert audit(["answer", str(folder), "--vault", str(world.vault.path)]) == 0


def test_every_custodians_people_are_told_of_every_roster_that_changes(tmp_path, capsys):
    world = Elsewhere.make_elsewhere(tmp_path, names=NAMES, rules=RULES)
    secret = ["--passphrase-file", str(tmp_path / "passphrase")]
    fr = str(world.machines["fr"])
    attendant = world.attendant("fr")
    attendant.look()
    assert len(attendant.news) == 0
    world.publish(world.propose(cell_cap=100), "a", "b")
    attendant.look()
    assert len(attendant.news) == 1
    capsys.readouterr()
    assert run(["custodian", "status", fr]) == 0
    said = capsys.readouterr()
    assert "cell-cap: 200 -> 100" in said.out
    assert "coffer custodian acknowledge" in said.err
    assert run(["custodian", "acknowledge", fr, *secret]) == 0
    assert "cell-cap: 200 -> 100" in capsys.readouterr().out
    attendant.look()
    assert len(attendant.news) == 0
    assert run(["custodian", "status", fr]) == 0
    assert "cell-cap" not in capsys.readouterr().out
    (world.machines["fr"] / "acknowledged").write_bytes(b"9 " + b"0" * 64 + b"\n")  # by somebody else: told again
    attendant.look()
    assert len(attendant.news) == 1


def test_custodian_on_its_own_machine_is_told_that_it_is_said_to_be_gone_and_objects(tmp_path, capsys):
    world = Elsewhere.make_elsewhere(tmp_path, names=NAMES, rules=RULES)
    secret = ["--passphrase-file", str(tmp_path / "passphrase")]
    say_gone(world, "a", "b", "c")
    told = []
    attendant = world.attendant("fr")
    attendant.look()
    attendant.stop()
    attendant.attend(print, inform=told.append).join(20)
    assert "all the other custodians say that fr is gone" in told[0]
    fr = str(world.machines["fr"])
    assert run(["custodian", "acknowledge", fr, *secret]) == 0
    assert "told until it objects" in capsys.readouterr().err
    assert run(["custodian", "object", fr, *secret]) == 0

    class Outbox:
        name = "fr"

        def entries(self):
            return world.machine("fr").waiting_bundle(attendant._service)

    report = run_sync(world.vault, [Outbox()])
    assert report.refused == ()
    assert world.state().absences == {}
    attendant.look()
    assert world.errands("fr", attendant._service, attendant).gauges() | {"log_size": 0} == {
        "log_size": 0,
        "waiting_entries": 0,
        "is_frozen": 0,
        "is_behind": 0,
        "unacknowledged_changes": 0,
    }


def test_custodian_in_the_vaults_folder_is_told_when_it_countersigns(world, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("coffer.cli.console.system_clock", world.clock)
    (tmp_path / "passphrase").write_bytes(PASSPHRASE.unsafe_bytes())
    path, secret = str(world.vault.path), ["--passphrase-file", str(tmp_path / "passphrase")]
    (tmp_path / "request.note").write_bytes(world.request())
    words = ["countersign", path, str(tmp_path / "request.note"), "--as", "fr", "--yes", *secret]
    assert run(words) == 0
    assert "not acknowledged" not in capsys.readouterr().err
    world.publish(world.propose(cell_cap=100), "a", "b")
    assert run(words) == 0
    said = capsys.readouterr().err
    assert "not acknowledged by fr: entry 1: a new roster" in said
    assert "cell-cap: 200 -> 100" in said
    assert run(["roster", "acknowledge", path, "--as", "fr", *secret]) == 0
    capsys.readouterr()
    assert run(words) == 0
    assert "not acknowledged" not in capsys.readouterr().err
