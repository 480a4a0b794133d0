"""Attacks on approvals by passkey at a custodian on its own machine. Each has a twin that differs in one thing and succeeds."""

import contextlib
import datetime as dt
import shutil
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
from forging import Desk

from authenticator import PRESENT, Authenticator
from clerking import SITE, Bench, copied
from coffer.cli.main import run
from coffer.custodian.approvals import Agreed, Approved, Withdrawn, approval_challenge, format_decision
from coffer.custodian.machine.folder import Machine
from coffer.custodian.people import Enrolled, Invited
from coffer.custodian.people_file import format_event
from coffer.custody.decide import Reject
from coffer.custody.exchange import CONSTANT_REFUSAL
from coffer.disk import Disk
from coffer.errors import CofferError, MalformedInput, NotProven, Refused
from coffer.passkeys.ceremonies import Assertion
from coffer.passkeys.invitations import make_invitation
from coffer.passkeys.passkey import Passkey
from elsewhere import Elsewhere
from world import PASSPHRASE

sys.path.insert(0, str(Path(__file__).parents[1] / "crash"))
from faulty_disk import FaultyDisk, Killed, Mode


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("passkeys")).with_records()


@pytest.fixture
def world(made, tmp_path):
    return copied(made, tmp_path / "own")


def decides(bench):
    """What this custodian's disk says of requests, as a fresh process reads it."""
    return bench.another_process().in_force()


# Whoever writes to the disk, without a passphrase.


@pytest.mark.parametrize("how", ["of a thief's own key", "copied", "of another custodian", "the last but one removed"])
def test_passkey_line_that_somebody_added_makes_the_custodian_answer_nothing(world, how):
    bench = Bench.make(world)
    note = bench.request()
    bench.agree(note, 1)
    bench.agree(note, 2)
    path, thief = bench.file("people"), Authenticator(SITE)
    whole = path.read_bytes()
    header, *lines = whole.splitlines(keepends=True)
    passkey = Passkey(id=thief.id, key=b"k", count=0, label="", added=world.now)
    enrolled = Enrolled(ordinal=1, passkey=passkey, is_recovery=True)
    history = bench.machine.folder.people(bench.service.keys)
    other = world.keys("dpo").people
    forged, _ = format_event(history, enrolled, world.now, other, context=b"x", entropy=bytes)
    changed = {
        "of a thief's own key": [*lines, forged],
        "copied": [*lines, lines[-2]],
        "of another custodian": [
            *lines,
            format_event(history, enrolled, world.now, other, context=b"own\ncustodian judge", entropy=bytes)[0],
        ],
        "the last but one removed": [*lines[:-2], lines[-1]],
    }[how]
    path.write_bytes(b"".join([header, *changed]))
    with pytest.raises(NotProven, match=r"people line \d is not its own"):
        decides(bench)
    with pytest.raises(NotProven, match="is not its own"):
        bench.another_process().sign_in(bench.keys[1])
    path.write_bytes(whole)
    assert decides(bench) == {bench.commitment(note)}


def test_people_file_cut_back_to_a_revoked_passkey_or_no_people_is_noticed(world):
    """Without its last lines a passkey that was lost would count again, or nobody would be asked."""
    desk = Desk(world, world.note_of_today())  # approved at the terminal, before anybody had a passkey
    request = desk.labels(desk.intent(), desk.cell_of_first())
    bench = Bench.make(world, people=3)
    old = bench.file("people").read_bytes()
    bench.clerks.revoke(3, bench.keys[3].id, world.now)
    note = bench.request()
    bench.agree(note, 1)
    new = bench.file("people").read_bytes()
    for cut in (old, b""):
        bench.file("people").write_bytes(cut)
        for act in (decides, lambda other: other.another_process().clerks.require(0, world.now)):
            with pytest.raises(NotProven, match="lines of their file are missing"):
                act(bench)
        assert desk.ask(request, "judge") == CONSTANT_REFUSAL
    bench.file("people").write_bytes(new)
    assert desk.ask(request, "judge") != CONSTANT_REFUSAL
    assert bench.agree(note, 2).is_approved
    assert decides(bench) >= {bench.commitment(note)}


@pytest.fixture
def lowered(world):
    return Bench.make(world)


def test_number_lowered_in_custodian_toml_lowers_nothing(lowered):
    """The file is not authenticated, so the number does not stand there: it is refused whole."""
    path = lowered.file("custodian.toml")
    text = path.read_bytes()
    path.write_bytes(text + b"approvals-by = 0\n")
    with pytest.raises(MalformedInput, match="approvals-by"):
        Machine.open(lowered.machine.path, Disk())
    path.write_bytes(text)
    note = lowered.request()
    with pytest.raises(Refused, match="2 persons of this custodian must agree"):
        lowered.another_process().service.countersign(note, "note")
    lowered.clerks.require(0, lowered.now)  # the twin: with the passphrase
    assert lowered.another_process().service.countersign(note, "note").raw != note


def test_agreed_line_copied_or_moved_to_another_request_is_noticed(world):
    bench = Bench.make(world)
    first, second = bench.request(basis="case 1"), bench.request(basis="case 2")
    bench.agree(first, 1)
    path = bench.file("approvals")
    whole = path.read_bytes()
    line = whole.splitlines(keepends=True)[-1]
    names = [bench.commitment(note).hex().encode() for note in (first, second)]
    for forged in (line, line.replace(names[0], names[1]), line.replace(b" 1 ", b" 2 ", 1)):
        path.write_bytes(whole + forged)
        with pytest.raises(NotProven, match="approvals line 2 is not its own"):
            decides(bench)
    path.write_bytes(whole)
    assert bench.agree(first, 2).is_approved


# Whoever has one passkey, or saw what a page posted.


def test_assertion_is_taken_once_and_only_for_its_request_and_person(world):
    bench = Bench.make(world)
    first, second = bench.request(basis="case 1"), bench.request(basis="case 2")
    answer = bench.keys[1].sign(bench.begin(first, 1))
    for note, person in ((second, 1), (first, 2)):
        with pytest.raises(Refused, match="none for this approve"):
            bench.clerks.approve(bench.commitment(note), person, answer, world.now)
        answer = bench.keys[1].sign(bench.begin(first, 1))
    bench.clerks.approve(bench.commitment(first), 1, answer, world.now)
    bench.clerks.take_back(bench.commitment(first), 1, world.now)
    with pytest.raises(Refused, match="used before"):  # recorded, and posted again after it was taken back
        bench.clerks.approve(bench.commitment(first), 1, answer, world.now)
    assert bench.agree(first, 1).agreed_by == (1,)


def test_challenge_of_an_approval_is_good_for_five_minutes_and_no_sign_in(world):
    bench = Bench.make(world)
    note = bench.request()
    commitment = bench.commitment(note)
    late = bench.keys[1].sign(bench.begin(note, 1))
    with pytest.raises(Refused, match="older than 5 minutes"):
        bench.clerks.approve(commitment, 1, late, world.now + dt.timedelta(minutes=5))
    sign_in = bench.keys[1].sign(bench.clerks.begin_sign_in(b"v", world.now))
    with pytest.raises(Refused, match="none for this approve"):
        bench.clerks.approve(commitment, 1, sign_in, world.now)
    approving = bench.keys[1].sign(bench.begin(note, 1))
    with pytest.raises(Refused, match="none for this sign-in"):
        bench.clerks.finish_sign_in(b"v", approving, world.now)
    assert bench.agree(note, 1).agreed_by == (1,)


def test_one_person_with_two_passkeys_counts_once(world):
    bench = Bench.make(world)
    spare = Authenticator(SITE)
    bench.clerks.finish_adding(1, spare.register(bench.clerks.begin_adding(1, world.now)), "spare", world.now)
    note = bench.request()
    bench.agree(note, 1)
    standing = bench.agree(note, 1, key=spare)
    assert (standing.agreed_by, standing.is_approved) == ((1,), False)
    with pytest.raises(Refused, match="has no such passkey"):
        bench.agree(note, 2, key=spare)
    assert decides(bench) == frozenset()
    assert bench.agree(note, 2).is_approved


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"flags": PRESENT}, "did not verify who holds it"),
        ({"origin": "https://judge.example.evil"}, "another site"),
        ({"rp_id": "evil.example"}, "another site"),
        ({"kind": "create"}, "another act"),
        ({"extra": {"crossOrigin": True}}, "within another site"),
    ],
)
def test_agreement_that_a_browser_made_elsewhere_or_for_nobody_is_not_kept(world, faults, said):
    bench = Bench.make(world)
    note = bench.request()
    with pytest.raises(Refused, match=said):
        bench.agree(note, 1, **faults)
    assert bench.clerks.standing(bench.commitment(note)).agreed_by == ()
    assert bench.agree(note, 1).agreed_by == (1,)


def test_copy_of_a_passkey_whose_counter_stands_still_agrees_to_nothing(world):
    bench = Bench.make(world, count=0)
    first, second = bench.request(basis="case 1"), bench.request(basis="case 2")
    bench.agree(first, 1, count=7)
    with pytest.raises(Refused, match="counter went back"):
        bench.agree(second, 1, count=7)
    assert bench.agree(second, 1, count=8).agreed_by == (1,)


def test_person_who_was_removed_while_signed_in_does_nothing_more(world):
    bench = Bench.make(world, people=3)
    note = bench.request()
    answer = bench.keys[3].sign(bench.begin(note, 3))
    bench.another_process().clerks.remove(3, world.now)
    commitment = bench.commitment(note)
    for act in (
        lambda: bench.clerks.approve(commitment, 3, answer, world.now),
        lambda: bench.clerks.refuse(commitment, 3, "scope", bench.now),
        lambda: bench.clerks.begin_approval(commitment, 3, world.now),
        lambda: bench.clerks.begin_adding(3, world.now),
    ):
        with pytest.raises(Refused, match="person 3: not one of this custodian's people"):
            act()
    assert bench.agree(note, 2).agreed_by == (2,)


# Whoever wants an approval that is none.


def test_approval_after_a_refusal_is_refused_in_every_way(world):
    bench = Bench.make(world)
    note = bench.request()
    commitment = bench.commitment(note)
    bench.agree(note, 1)
    answer = bench.keys[2].sign(bench.begin(note, 2))
    other = bench.another_process()
    with other.machine.folder.deciding():
        other.machine.folder.append_decision(Withdrawn(commitment=commitment, person=1), world.now, other.service.keys)
    with pytest.raises(Refused, match="judge has refused it"):
        bench.clerks.approve(commitment, 2, answer, world.now)
    with pytest.raises(Refused, match="judge has refused it"):
        bench.clerks.countersigned(commitment, bench.now)
    assert decides(bench) == frozenset()
    twin = bench.request(basis="case 2")
    bench.agree(twin, 1)
    assert bench.agree(twin, 2).is_approved


def test_command_does_not_approve_past_the_persons(world):
    bench = Bench.make(world)
    note = bench.request()
    words = ["custodian", "approve", str(bench.machine.path), bench.commitment(note).hex(), "--yes"]
    words += ["-o", str(world.path / "n.note"), "--passphrase-file", str(world.path / "passphrase")]
    assert run(words) == 4
    folder, keys = bench.machine.folder, bench.service.keys
    with pytest.raises(Refused, match="must agree by passkey"):
        folder.append_decision(Approved(commitment=bench.commitment(note)), world.now, keys)
    decided, people = folder.decided(keys), folder.people(keys)
    with pytest.raises(Refused, match="must agree by passkey"):
        format_decision(
            decided, Approved(commitment=bench.commitment(note)), world.now, keys.decisions, people, custodian="judge"
        )
    assert decides(bench) == frozenset()
    bench.agree(note, 1)
    bench.agree(note, 2)
    assert run(words) == 0


def test_line_with_the_right_mac_and_no_right_assertion_approves_nothing(world):
    """A program error, or a thief of the approvals key, still needs the persons' authenticators."""
    bench = Bench.make(world, required=1)
    note, thief = bench.request(), Authenticator(SITE)
    commitment, keys = bench.commitment(note), bench.service.keys
    history, decided = bench.machine.folder.people(keys), bench.machine.folder.decided(keys)
    thief.id, nonce, text = bench.keys[1].id, bytes(32), bytes(32)

    def line(key):
        parts = key.assertion(approval_challenge("judge", commitment, text, nonce))
        assertion = Assertion(credential=key.id, authenticator_data=parts[0], client_data=parts[1], signature=parts[2])
        agreed = Agreed(about=commitment, person=1, nonce=nonce, text_hash=text, assertion=assertion)
        return format_decision(decided, agreed, world.now, keys.decisions, history, custodian="judge")

    good, _ = line(bench.keys[1])
    with pytest.raises(Refused, match="does not hold"):
        line(thief)
    forged = good.splitlines(keepends=True)[0] + _with_mac(good, keys, lambda text: text.replace(b" 1 ", b" 2 ", 1))
    bench.file("approvals").write_bytes(forged)
    with pytest.raises(NotProven, match="approvals line 1: person 2: has no such passkey"):
        decides(bench)
    bench.file("approvals").write_bytes(good)
    assert decides(bench) == {commitment}


def _with_mac(raw, keys, change):
    import hmac

    header, line = raw.splitlines(keepends=True)
    text = change(line.rpartition(b" ")[0])
    first = hmac.digest(keys.decisions.unsafe_bytes(), header, "sha256")
    return text + b" " + hmac.digest(keys.decisions.unsafe_bytes(), first + text, "sha256").hex().encode() + b"\n"


def test_desk_gets_the_constant_refusal_until_the_second_person_agreed(world):
    bench = Bench.make(world)
    note = world.countersign(bench.request(), "dpo")
    bench.agree(note, 1)
    desk = Desk(world, note)
    request = desk.labels(desk.intent(), desk.cell_of_first())
    assert desk.decide(request, "judge") == Reject(step=4)
    assert desk.ask(request, "judge") == CONSTANT_REFUSAL
    bench.agree(note, 2)
    whole = bench.clerks.countersigned(bench.commitment(note), bench.now).raw
    answer = world.open(world.countersign(whole, "dpo"), world.custodians("judge", "dpo"))
    assert answer.records == 2


def test_invitation_used_in_two_processes_at_once_registers_one_passkey(world):
    bench = Bench.opened(world)
    bench.clerks.set_site(SITE, world.now)
    _, code = bench.clerks.invite("A. Judge", world.now)
    outcomes = []

    def enroll():
        try:
            outcomes.append(bench.another_process().enroll(code, Authenticator(SITE)).ordinal)
        except Refused as error:
            outcomes.append(error.message[:10])

    _at_once(enroll, enroll)
    assert sorted(map(str, outcomes)) == ["1", "invitation"]
    assert len(bench.clerks.people().person(1).passkeys) == 1


def test_old_code_put_in_by_whoever_writes_the_log_of_people_needs_the_key(world):
    """An invitation of a thief's own: the line is sealed under a key that only the custodian has."""
    bench = Bench.make(world, people=1, required=1)
    _, invitation = make_invitation(world.now, bytes)
    history = bench.machine.folder.people(bench.service.keys)
    event = Invited(ordinal=2, name="Thief", invitation=invitation)
    wrong = world.keys("dpo").people
    line, _ = format_event(history, event, world.now, wrong, context=b"own\ncustodian judge", entropy=bytes)
    whole = bench.file("people").read_bytes()
    bench.file("people").write_bytes(whole + line)
    with pytest.raises(NotProven, match="is not its own"):
        bench.another_process().clerks.people()
    bench.file("people").write_bytes(whole)
    assert bench.clerks.invite("Honest", world.now)[0] == 2


# Two processes at once, and a crash at any step.


def _at_once(*acts):
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _agree_to_all(bench, notes, person):
    for note in notes:
        bench.agree(note, person)


def test_two_persons_agree_in_two_processes_at_once_and_both_count(world):
    bench = Bench.make(world)
    notes = [bench.request(basis=f"case {n}") for n in range(4)]
    _at_once(*(partial(_agree_to_all, bench.another_process(), notes, person) for person in (1, 2)))
    assert decides(bench) == {bench.commitment(note) for note in notes}


def test_one_person_agreeing_in_two_processes_at_once_counts_once(world):
    bench = Bench.make(world)
    note = bench.request()
    _at_once(*(partial(_agree_to_all, bench.another_process(), [note], 1) for _ in range(3)))
    assert bench.another_process().clerks.standing(bench.commitment(note)).agreed_by == (1,)
    assert decides(bench) == frozenset()
    assert bench.agree(note, 2).is_approved


@pytest.mark.parametrize("mode", [Mode.ERROR, Mode.KILL], ids=lambda mode: mode.name.lower())
def test_crash_between_assertion_approval_and_signature_loses_and_invents_nothing(world, mode):
    bench = Bench.make(world, count=0)
    note = bench.request()
    commitment = bench.commitment(note)
    bench.agree(note, 1)

    def story(path, disk):
        machine = Machine.open(path, disk)
        service = machine.service(PASSPHRASE, log=world.vault.log, clock=world.clock, uptime=world.uptime)
        other = Bench(world, "judge", machine, service, _clerks(machine, service), bench.keys)
        standing = other.clerks.standing(commitment)
        if not standing.is_approved:
            assert other.agree(note, 2).is_approved
        return other.clerks.countersigned(commitment, other.now)

    shutil.copytree(bench.machine.path, world.path / "count")
    counting = FaultyDisk(None, mode)
    story(world.path / "count", counting)
    assert counting.operations >= 2
    for number in range(counting.operations):
        path = world.path / f"crash-{number}"
        shutil.copytree(bench.machine.path, path)
        with contextlib.suppress(Killed, CofferError):
            story(path, FaultyDisk(number, mode))
        signed = story(path, Disk())
        assert signed.is_signed_by(bench.service.keys.auth.verify_key)
        machine = Machine.open(path, Disk())
        decided = machine.folder.decided(machine.folder.unlock(PASSPHRASE))
        assert decided.agreed_by(commitment) == (1, 2)


def _clerks(machine, service):
    import os

    from coffer.custodian.machine.clerks import Clerks
    from coffer.passkeys.challenges import Challenges

    return Clerks(machine, service, Challenges(os.urandom), os.urandom)
