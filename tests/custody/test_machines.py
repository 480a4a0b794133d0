"""Custodians on machines of their own, over time: receipts through HTTP, keys that die by themselves, custodians that come and go."""

import datetime as dt
import json
import os
from contextlib import ExitStack, contextmanager

import pytest
from forging import rows_of

from coffer import wire
from coffer.authority.authorization import parse_authorization
from coffer.cli.main import run
from coffer.custodian.approvals import Withdrawn
from coffer.custodian.folder import CustodianFolder
from coffer.custodian.machine import attendant as attending
from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven, Refused, Unavailable
from coffer.ledger.entries import FaultEntry, ReceiptEntry
from coffer.ledger.facts import Valid
from coffer.ledger.grammar import parse_entry
from coffer.notes.keys import SealKey
from coffer.notes.note import parse_note
from coffer.procedures.receipts.run import run_receipts
from elsewhere import Elsewhere, write_addresses
from world import PASSPHRASE


@pytest.fixture
def world(tmp_path):
    return Elsewhere.make_elsewhere(tmp_path).with_records()


def sync(world, name):
    """What ``coffer sync`` does with one custodian that is not served."""
    machine, service = world.machine(name), world.custodian(name)
    service.sync()
    with world.vault.writing() as state:
        verdicts = world.vault.append_counting([service.renewed(raw) for raw in machine.waiting()], state)
    service.sync()
    return verdicts


def headers(world):
    return [
        world.vault.segments.read_raw_header(segment.line.day, segment.line.seg_id)
        for segment in world.state().segments.values()
    ]


# Receipts.


def test_receipts_of_served_custodians_are_logged_by_one_command(world, capsys):
    with ExitStack() as stack:
        served = {name: stack.enter_context(world.serving(name)) for name in ("judge", "dpo")}
        write_addresses(world, served)
        assert run(["receipts", str(world.vault.path), "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        segments = len(world.state().segments)
        assert (document["given"], document["findings"]) == (2 * segments, [])
        assert {item["custodian"] for item in document["missing"]} == {"regulator"}
        assert run(["receipts", str(world.vault.path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["given"] == 0
    assert run(["receipts", str(world.vault.path), "--deadline", "2"]) == 0
    assert "custodian" not in capsys.readouterr().err, "nothing is owed by those two: they are not asked"


def test_served_custodian_that_is_down_is_named_and_the_others_receipts_are_logged(world, capsys):
    with world.serving("judge") as judge, world.serving("dpo") as dpo:
        write_addresses(world, {"judge": judge, "dpo": dpo})
        dpo.kill()
        assert run(["receipts", str(world.vault.path), "--deadline", "3"]) == 0
    assert "dpo: nobody listens there" in capsys.readouterr().err
    assert {name for name, _ in world.state().receipts} == {"judge"}


def test_header_sent_twice_makes_the_custodian_work_once(world):
    machine, service = world.machine("judge"), world.custodian("judge")
    found = headers(world)
    service.sync()
    assert machine.give_receipts(service, found) == len(found)
    asked = []
    service.receipt_entries = lambda given, **_: asked.append(len(given)) or []
    assert machine.give_receipts(service, found) == 0
    assert asked == [0]


def test_junk_headers_and_those_of_no_segment_give_nothing(world):
    errands, found = world.errands("judge"), headers(world)[0]
    changed = found[:-1] + bytes([found[-1] ^ 1])
    for junk in (b"", b"x", bytes(200), found[:170], changed, bytes(160) + found[160:]):
        errands.take_headers(wire.lp(junk))
    assert world.machine("judge").waiting() == []
    with pytest.raises(MalformedInput, match=r"^headers: "):
        errands.take_headers(b"\xff" * 40)
    errands.take_headers(wire.lp(found))
    assert [type(parse_entry(raw, "e").body) for raw in world.machine("judge").waiting()] == [ReceiptEntry]


def test_accusation_of_a_served_custodian_reaches_the_log(world, monkeypatch):
    from test_receipts import seal_otherwise, with_bundle

    from coffer.procedures.ingest import sealer as sealing
    from coffer.segments import seal as segment_seal

    def change(sealed, core, rows, fields):
        return with_bundle(sealed, 1, b"junk" * 300)

    assert sealing.seal_segment is segment_seal.seal_segment
    seal_otherwise(monkeypatch, change)
    world.ingest(f"+33612345678,+33698765432,{world.today} 00:00:02,61\n")
    with world.serving_here("judge") as judge:
        report = run_receipts(world.vault, [judge, *world.custodians("dpo", "regulator")])
    assert {finding.accused for finding in report.findings} == {"ingester"}
    assert ("judge", "ingester") in {(body.accuser, body.accused) for _, body in world.state().faults}
    world.custodian("judge").sync()
    world.attendant("judge").look()
    waiting = [parse_entry(raw, "e").body for raw in world.machine("judge").waiting()]
    assert not [body for body in waiting if isinstance(body, FaultEntry | ReceiptEntry)]


# Keys that die.


@pytest.fixture
def old(tmp_path):
    """A world whose records' retention ends in ten days from now: its clock is then moved."""
    return Elsewhere.make_elsewhere(tmp_path).with_records()


def at(world, days):
    world.now += dt.timedelta(days=days)


def test_service_destroys_due_keys_by_itself_and_wraps_the_others_anew(old):
    world, day = old, old.now.date()
    at(world, 20)
    world.epoch(world.today, world.today)
    living = world.now.date()
    before = {name: world.keys(name).wrapping.unsafe_bytes() for name in world.names}
    attendant = world.attendant("judge")
    attendant.look()
    assert world.machine("judge").folder.has_epoch_key(day), "retention is not over"
    at(world, 346)
    attendant.look()
    folder = world.machine("judge").folder
    assert not folder.has_epoch_key(day)
    assert folder.has_epoch_key(living)
    assert world.keys("judge").wrapping.unsafe_bytes() != before["judge"]
    assert world.keys("dpo").wrapping.unsafe_bytes() == before["dpo"]
    assert f"destroy-{day}" in world.machine("judge").waiting_names()
    verdicts = sync(world, "judge")
    assert {isinstance(verdict, Valid) for verdict in verdicts} == {True}
    assert ("judge", day) in world.state().destroyed
    assert world.machine("judge").waiting() == []


def test_second_process_reads_the_keys_that_the_first_wrapped_anew(old):
    world, day = old, old.now.date()
    at(world, 20)
    world.epoch(world.today, world.today)
    early, late = world.custodian("judge"), world.machine("judge")
    early.sync()
    at(world, 346)
    assert late.destroy_due_keys(world.custodian("judge"), world.now, PASSPHRASE, os.urandom) == [day]
    living = dt.date.fromisoformat(world.today) - dt.timedelta(days=346)
    key = early._ring.epoch_key(living)
    assert isinstance(key, SealKey)
    assert key.public == world.state().epoch_keys[("judge", living)]
    assert early._ring.epoch_key(day) is None
    tomorrow = world.now.date() + dt.timedelta(days=1)
    assert late.make_epoch_keys(early, [tomorrow], os.urandom) == 1
    again = world.machine("judge").folder.read_epoch_key(tomorrow, world.keys("judge"))
    assert again is not None, "a key made by the older process is under today's wrapping key"


def test_clock_set_ahead_by_years_destroys_nothing_of_a_served_custodian_by_itself(old):
    world = old
    for n in range(1, 40):
        world.epoch(
            (world.now.date() + dt.timedelta(days=n)).isoformat(), (world.now.date() + dt.timedelta(days=n)).isoformat()
        )
    at(world, 4 * 365)
    attendant = world.attendant("judge")
    attendant.look()
    assert len(world.machine("judge").folder.epoch_days()) >= 40
    assert "look Refused" in (world.machines["judge"] / "audit.log").read_text()
    with pytest.raises(Refused, match="days are due at once"):
        world.machine("judge").destroy_due_keys(world.custodian("judge"), world.now, PASSPHRASE, os.urandom)
    gone = world.machine("judge").destroy_due_keys(
        world.custodian("judge"), world.now, PASSPHRASE, os.urandom, may_catch_up=True
    )
    assert len(gone) == 40


def test_note_in_the_inbox_survives_that_the_keys_are_wrapped_anew(old):
    world = old
    note = world.request(days=[(world.today, world.today)])
    from coffer.notes.note import parse_note

    machine = world.machine("judge")
    machine.requests.take(parse_note(note, "note"), world.keys("judge"), world.now, os.urandom)
    machine.folder.rotate_wrapping(PASSPHRASE, os.urandom)
    assert [found.note.raw for found in machine.notes(world.keys("judge"))] == [note]


# Custodians that come and go.


def test_newcomer_on_its_own_machine_joins_and_what_is_sealed_then_needs_it(world, tmp_path, capsys):
    secret, vault = str(tmp_path / "passphrase"), str(world.vault.path)
    newcomer, note = tmp_path / "machines" / "cnctr", str(tmp_path / "roster.note")
    assert run(["custodian", "init", str(newcomer), "--name", "cnctr", "--passphrase-file", secret]) == 0
    words = ["--add", "cnctr", "--custodian-keys", str(newcomer / "cnctr.pub")]
    words += ["--rule", "base=2 of judge,dpo,regulator and cnctr", "-o", note]
    assert run(["roster", "propose", vault, *words]) == 0
    sign = ["--yes", "--passphrase-file", secret]
    assert run(["roster", "publish", vault, note]) != 0, "nobody signed it"
    for name in ("judge", "dpo"):
        assert run(["custodian", "sign-roster", str(world.machines[name]), note, *sign]) == 0
    shown = capsys.readouterr().out
    assert "cnctr" in shown
    assert run(["roster", "publish", vault, note]) != 0, "the newcomer did not sign it"
    assert run(["custodian", "sign-roster", str(newcomer), note, *sign]) == 0
    words = ["--vault", str(world.vault.path / "vault.toml"), "--log", str(world.vault.path / "log")]
    assert run(["custodian", "join", str(newcomer), *words]) == 0
    assert run(["roster", "publish", vault, note]) == 5, "without its keys nothing could be sealed"
    assert f"--days {world.today} {world.today}" in capsys.readouterr().err
    keys, days = str(tmp_path / "cnctr.keys"), ["--days", world.today, world.today]
    epoch = ["custodian", "epoch", str(newcomer), *days, "--roster", note, "-o", keys, "--passphrase-file", secret]
    assert run(epoch) == 0
    assert run(["roster", "publish", vault, note, "--keys", keys]) == 0
    world.ingest(f"+33612345678,+33698765432,{world.today} 00:00:01,62\n", name="at-once.csv")
    world.machines["cnctr"], world.names = newcomer, (*world.names, "cnctr")
    before = world.state().segments.keys()
    tomorrow = world.now + dt.timedelta(days=1)
    world.now = tomorrow
    world.epoch(world.today, world.today)
    world.ingest(f"+33612345678,+33698765432,{world.today} 00:00:02,61\n", name="new.csv")
    assert len(world.state().segments) > len(before)
    new = world.authorize(by=world.names, days=[(world.today, world.today)])
    with pytest.raises(Unavailable, match="expected 2 of judge,dpo,regulator and cnctr"):
        world.open(new, world.custodians("judge", "dpo", "regulator"))
    assert len(rows_of(world.open(new, world.custodians("judge", "dpo", "cnctr")))) == 1


def test_roster_of_another_vault_or_with_other_keys_is_not_signed_by_a_joined_custodian(world, tmp_path):
    note = world.propose(retention_days=400)
    judge = world.custodian("judge")
    assert judge.sign_roster(note, "roster").raw != note
    (tmp_path / "o").mkdir()
    other = Elsewhere.make_elsewhere(tmp_path / "o")
    with pytest.raises((NotProven, Refused), match="custodian judge is not in it, or with other keys"):
        judge.sign_roster(other.propose(retention_days=400), "roster")


def test_left_custodian_still_destroys_its_keys_and_the_log_believes_it(tmp_path):
    names = ("judge", "dpo", "cnil", "regulator")
    rules = [("base", "2 of judge,dpo,cnil,regulator")]
    world = Elsewhere.make_elsewhere(tmp_path, names=names, rules=rules).with_records()
    day = world.now.date()
    note = world.propose(removed=("regulator",), rules={"base": "2 of judge,dpo,cnil"})
    world.publish(note, "judge", "dpo")
    regulator = world.machine("regulator")
    at(world, 366)
    assert regulator.destroy_due_keys(world.custodian("regulator"), world.now, PASSPHRASE, os.urandom) == [day]
    assert {isinstance(verdict, Valid) for verdict in sync(world, "regulator")} == {True}
    assert ("regulator", day) in world.state().destroyed
    assert Disk().children(world.machines["regulator"] / "epoch") == []


# What goes wrong on its machine.


def test_full_disk_does_not_end_the_looks_and_keys_die_once_there_is_room(old, monkeypatch):
    world, day = old, old.now.date()
    attendant, folder = world.attendant("judge"), world.machine("judge").folder
    at(world, 366)

    def full(*_, **__):
        raise Unavailable("audit.log: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Disk, "append", full)
        patch.setattr(Disk, "stage", full)
        attendant.look()
        assert attendant.is_behind
    assert folder.has_epoch_key(day)
    attendant.look()
    assert not folder.has_epoch_key(day)
    assert not attendant.is_behind


def test_closed_terminal_does_not_end_the_looks(world, monkeypatch):
    monkeypatch.setattr(attending, "EVERY_S", 0.01)
    attendant, looks = world.attendant("judge"), []

    def look():
        looks.append(1)
        attendant._trouble = "x" * (len(looks) % 2)
        if len(looks) == 6:
            attendant.stop()

    def tell(_):
        raise BrokenPipeError

    monkeypatch.setattr(attendant, "look", look)
    attendant.attend(tell).join(20)
    assert len(looks) == 6


def test_what_a_crash_left_half_written_is_removed_at_the_next_start_and_counts_as_no_note(world):
    machine = world.machine("judge")
    for name in ("inbox", "outbox"):
        Disk().stage(machine.path / name / "x", b"half")
    assert (machine.waiting_notes(), machine.waiting_names()) == (0, ())
    machine.remove_leftovers()
    assert [path for name in ("inbox", "outbox") for path in (machine.path / name).iterdir()] == []


def test_refusal_in_another_process_is_not_overtaken_by_an_approval(world, monkeypatch):
    note, folder = world.authorize(by=(), days=[(world.today, world.today)]), world.machine("judge").folder
    service, deciding = world.custodian("judge"), folder.deciding

    @contextmanager
    def overtaken(_self):
        monkeypatch.undo()
        with deciding():
            withdrawn = Withdrawn(commitment=parse_authorization(note, "note").commitment)
            folder.append_decision(withdrawn, world.now, world.keys("judge"))
        with deciding():
            yield

    monkeypatch.setattr(CustodianFolder, "deciding", overtaken)
    with pytest.raises(Refused, match="judge has refused it"):
        service.countersign(note, "note")
    assert service.keys.auth.verify_key.name not in {line.name for line in parse_note(note, "note").signatures}
    assert world.custodian("dpo").countersign(note, "note").is_signed_by(world.keys("dpo").auth.verify_key)
