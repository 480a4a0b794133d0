"""Holds by custodians on machines of their own: sent, reviewed at the terminal, kept, and answered from."""

import datetime as dt
import os

import pytest

import coffer.custodian.hold_files
from coffer.authority.hold import format_hold_terms
from coffer.cli.main import run
from coffer.custodian.machine.folder import Machine
from coffer.custody.parcel import MAX_HEADERS, format_parcel, hold_info, parcels, parse_parcel
from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.notes.keys import seal
from coffer.notes.note import sign_note
from coffer.procedures.holding import keep_hold, release_hold
from elsewhere import Elsewhere
from holds import Post, begun, distant_keepers, opened, with_terms
from world import CHEAP, PASSPHRASE

NAMES = ("judge", "dpo")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("distant")).with_records()


@pytest.fixture
def world(made):
    now = made.now
    yield made
    made.now = now


def keepers(world, *names):
    return distant_keepers(world, *(names or NAMES))


def begun_today(world):
    return begun(world, days=[(world.today, world.today)])


def holds_of(world, name, folder):
    path = world.machines[name] / folder
    return sorted(item.name for item in path.iterdir()) if path.is_dir() else []


def test_hold_that_was_sent_is_approved_by_its_digits_at_the_terminal(world, capsys):
    hold, folder = begun_today(world), world.machines["judge"]
    keep_hold(world.vault, hold.note.raw, keepers(world, "judge"))
    own = ["--passphrase-file", str(world.path / "passphrase")]
    assert run(["custodian", "review", str(folder), *own]) == 0
    assert "a hold waits, to keep and not to read until 20" in capsys.readouterr().err
    digits = hold.commitment.hex()[:32]
    assert run(["custodian", "review", str(folder), digits, *own]) == 0
    assert run(["custodian", "approve", str(folder), digits, "--yes", *own]) == 0
    assert "coffer hold keep VAULT NOTE" in capsys.readouterr().err
    assert keep_hold(world.vault, hold.note.raw, keepers(world, "judge")) == {"judge": ""}
    assert run(["custodian", "revoke", str(folder), digits, *own]) == 0
    assert [name for name in holds_of(world, "judge", "outbox") if name.startswith("release-")] != []


def test_hold_that_no_desk_of_this_vault_signed_is_not_kept_and_the_answer_is_the_same(world):
    hold, roster = begun_today(world), world.state().roster
    member, post = roster.custodian("dpo"), Post(world, "dpo")
    forged = hold.note.raw.replace(b"hub: no", b"hub: yes")
    for raw in (forged, b"junk", hold.note.raw):
        post.send_hold(seal(format_parcel(raw, []), member.req, info=hold_info(roster.hash, member.index)))
    waiting = world.machine("dpo").folder.holds.waiting(world.keys("dpo"))
    assert [one.note.raw for one in waiting if one.terms.is_hub or one.commitment == hold.commitment] == [hold.note.raw]


def test_parcels_hold_every_header_once_and_are_bounded():
    headers = [bytes([n]) * 400_000 for n in range(5)]
    read = [parse_parcel(raw) for raw in parcels(b"note", headers)]
    assert [note for note, _ in read] == [b"note"] * 3
    assert [header for _, some in read for header in some] == headers
    assert [parse_parcel(raw) for raw in parcels(b"note", [])] == [(b"note", ())]
    with pytest.raises(MalformedInput, match="expected fewer"):
        parse_parcel(format_parcel(b"note", [b""] * (MAX_HEADERS + 1)))


def test_note_waits_only_while_the_log_has_its_hold(world, monkeypatch):
    before = holds_of(world, "dpo", "holds-waiting")
    monkeypatch.setattr(coffer.custodian.hold_files, "MOST_KEPT", len(before) + 1)
    hold, key = begun_today(world), world.vault.operator_key("desk")
    roster = world.state().roster
    member, post = roster.custodian("dpo"), Post(world, "dpo")
    later = world.now + dt.timedelta(days=2_000)

    def send(raw):
        post.send_hold(seal(format_parcel(raw, []), member.req, info=hold_info(roster.hash, member.index)))
        return [name for name in holds_of(world, "dpo", "holds-waiting") if name not in before]

    terms = with_terms(hold, until=later, secret_until=later.date()).terms
    assert send(sign_note(format_hold_terms(terms), key).raw) == []
    assert send(hold.note.raw) == [hold.commitment.hex()]
    release_hold(world.vault, hold.note.raw)
    second = begun_today(world)
    assert send(second.note.raw) == [second.commitment.hex()]


def test_hold_is_sent_approved_kept_and_opened_after_the_key_died(world):
    day = world.today
    world.now += dt.timedelta(days=300)
    hold = begun(world, days=[(day, day)], until_days=90)
    said = {name: f"hold: {name} was sent it, and keeps nothing so far" for name in NAMES}
    assert keep_hold(world.vault, hold.note.raw, keepers(world)) == said
    assert hold.commitment.hex() in holds_of(world, "judge", "holds-waiting")
    for name in NAMES:
        world.custodian(name).countersign(hold.note.raw, "hold")
    assert keep_hold(world.vault, hold.note.raw, keepers(world)) == dict.fromkeys(NAMES, "")
    assert [one.entry.note for one in world.state().holds_in_force(world.now)] == [hold.commitment]
    world.now += dt.timedelta(days=70)
    for name in world.names:
        machine = Machine.open(world.machines[name], Disk(), cost=CHEAP.passphrase)
        service = machine.service(PASSPHRASE, log=world.vault.log, clock=world.clock, uptime=world.uptime)
        machine.destroy_due_keys(service, world.now, PASSPHRASE, os.urandom)
        with world.vault.writing() as state:
            world.vault.append_counting(service.destroy_entries(world.now), state)
    state = world.state()
    assert [state.is_dead(segment) for segment in state.segments.values()] == [True]
    asked = {"days": [(day, day)], "custodians": world.custodians(*NAMES), "by": NAMES}
    assert len(opened(world, hold, **asked).records_csv.splitlines()) == 3
