"""A custodian's people with passkeys: registering, signing in, agreeing, taking back, away. What is refused has a twin."""

import datetime as dt

import pytest

from authenticator import Authenticator
from clerking import SITE, Bench, copied
from coffer.custodian.people import MAX_PASSKEYS, Away
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.notes.note import parse_note
from elsewhere import Elsewhere


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("clerks")).with_records()


@pytest.fixture
def world(made, tmp_path):
    return copied(made, tmp_path / "own")


def test_invited_person_registers_signs_in_and_nobody_else_does(world):
    bench = Bench.opened(world)
    with pytest.raises(Refused, match="nobody knows yet where"):
        bench.clerks.invite("A. Judge", world.now)
    bench.clerks.set_site(SITE, world.now)
    ordinal, code = bench.clerks.invite("Juge Hélène Müller", world.now)
    key, stranger = Authenticator(SITE), Authenticator(SITE)
    person = bench.enroll(code, key)
    assert (person.ordinal, person.name, len(person.passkeys), person.invitation) == (
        ordinal,
        "Juge Hélène Müller",
        1,
        None,
    )
    assert bench.sign_in(key) == person
    with pytest.raises(Refused, match="unknown here, or revoked"):
        bench.sign_in(stranger)
    with pytest.raises(Refused, match="unknown, used, replaced or older"):
        bench.enroll(code, stranger)
    assert b"ller" not in bench.file("people").read_bytes()
    assert "Müller" not in repr(person)


def test_challenge_of_a_sign_in_is_of_one_browser_and_serves_once(world):
    bench = Bench.make(world, people=1, required=1)
    answer = bench.keys[1].sign(bench.clerks.begin_sign_in(b"victim", world.now))
    with pytest.raises(Refused, match="none for this sign-in"):
        bench.clerks.finish_sign_in(b"attacker", answer, world.now)
    answer = bench.keys[1].sign(bench.clerks.begin_sign_in(b"v", world.now))
    assert bench.clerks.finish_sign_in(b"v", answer, world.now).ordinal == 1
    with pytest.raises(Refused, match="used before"):
        bench.clerks.finish_sign_in(b"v", answer, world.now)


def test_counter_is_kept_over_processes_and_a_copy_of_the_passkey_is_noticed(world):
    bench = Bench.make(world, people=1, required=1, count=0)
    assert bench.sign_in(bench.keys[1]).passkeys[0].count == 2
    other = bench.another_process()
    with pytest.raises(Refused, match="counter went back"):
        other.sign_in(bench.keys[1], count=2)
    assert other.sign_in(bench.keys[1], count=3).passkeys[0].count == 3


def test_second_passkey_signs_in_after_the_first_was_revoked(world):
    bench = Bench.make(world, people=1, required=1)
    spare = Authenticator(SITE)
    options = bench.clerks.begin_adding(1, world.now)
    assert len(bench.clerks.finish_adding(1, spare.register(options), "spare", world.now).passkeys) == 2
    bench.clerks.revoke(1, bench.keys[1].id, world.now)
    with pytest.raises(Refused, match="unknown here, or revoked"):
        bench.sign_in(bench.keys[1])
    assert bench.sign_in(spare).ordinal == 1
    with pytest.raises(Refused, match="has no such passkey"):
        bench.clerks.revoke(1, bench.keys[1].id, world.now)


def test_person_who_lost_every_passkey_is_invited_again_and_the_old_code_serves_no_more(world):
    bench = Bench.make(world, people=1, required=1)
    bench.clerks.revoke(1, bench.keys[1].id, world.now)
    first, second = bench.clerks.invite_again(1, world.now), bench.clerks.invite_again(1, world.now)
    with pytest.raises(Refused, match="replaced"):
        bench.enroll(first, Authenticator(SITE))
    with pytest.raises(Refused, match="registered before"):
        bench.enroll(second, bench.keys[1])
    late = world.now + dt.timedelta(hours=72)
    with pytest.raises(Refused, match="older than 72 hours"):
        bench.clerks.begin_enrolment(second, late)
    assert bench.enroll(second, Authenticator(SITE)).ordinal == 1


def test_one_authenticator_counts_for_one_person(world):
    bench = Bench.make(world, people=1, required=1)
    _, code = bench.clerks.invite("Another", world.now)
    with pytest.raises(Refused, match="registered before"):
        bench.enroll(code, bench.keys[1])
    assert bench.enroll(code, Authenticator(SITE)).ordinal == 2


def test_required_number_and_names_have_bounds(world):
    bench = Bench.make(world, people=1, required=1)
    with pytest.raises(Refused, match="2, and 1 of the people have a passkey"):
        bench.clerks.require(2, world.now)
    with pytest.raises(MalformedInput, match="expected 0 to 2"):
        bench.clerks.require(3, world.now)
    for name in ("", " x", "x\n", "x" * 101, "a\u202eb"):
        with pytest.raises(MalformedInput, match="name: expected"):
            bench.clerks.invite(name, world.now)
    with pytest.raises(Refused, match="has this name already"):
        bench.clerks.invite("PERSON 1", world.now)
    with pytest.raises(Refused, match="another host name"):
        bench.clerks.set_site("https://other.example", world.now)
    bench.clerks.set_site("https://judge.example", world.now)
    for _ in range(MAX_PASSKEYS - 1):
        key = Authenticator("https://judge.example")
        bench.clerks.finish_adding(1, key.register(bench.clerks.begin_adding(1, world.now)), "k", world.now)
    key = Authenticator("https://judge.example")
    with pytest.raises(Refused, match="has 5 passkeys"):
        bench.clerks.finish_adding(1, key.register(bench.clerks.begin_adding(1, world.now)), "k", world.now)


def test_away_says_until_when_and_who_stands_in(world):
    bench, hour = Bench.make(world), dt.timedelta(hours=1)
    away = Away(since=world.now, until=world.now + hour, stand_in=2)
    bench.clerks.set_away(1, away, world.now)
    assert bench.another_process().clerks.people().person(1).away == away
    with pytest.raises(Refused, match="for themselves"):
        bench.clerks.set_away(2, Away(since=world.now, until=world.now + hour, stand_in=2), world.now)
    with pytest.raises(Refused, match="person 9"):
        bench.clerks.set_away(2, Away(since=world.now, until=world.now + hour, stand_in=9), world.now)
    with pytest.raises(MalformedInput, match="ends before"):
        bench.clerks.set_away(2, Away(since=world.now, until=world.now, stand_in=0), world.now)
    bench.clerks.set_away(1, None, world.now)
    assert bench.clerks.people().person(1).away is None


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_two_agree_and_the_note_is_countersigned_and_opens(world, algorithm):
    bench = Bench.make(world, algorithm=algorithm)
    note = bench.request()
    commitment = bench.commitment(note)
    standing = bench.agree(note, 1)
    assert (standing.agreed_by, standing.required, standing.is_approved) == ((1,), 2, False)
    assert bench.in_force() == frozenset()
    with pytest.raises(Refused, match="2 persons of this custodian must agree"):
        bench.clerks.countersigned(commitment)
    standing = bench.another_process().agree(note, 2)
    assert (standing.agreed_by, standing.is_approved) == ((1, 2), True)
    assert bench.in_force() == {commitment}
    signed = bench.clerks.countersigned(commitment)
    assert signed.is_signed_by(bench.service.keys.auth.verify_key)
    assert bench.clerks.countersigned(commitment) == signed
    answer = world.open(world.countersign(signed.raw, "dpo"), world.custodians("judge", "dpo"))
    assert answer.records == 2


def test_person_takes_back_until_the_last_agreed_and_may_agree_again(world):
    bench = Bench.make(world)
    note = bench.request()
    commitment = bench.commitment(note)
    bench.agree(note, 1)
    assert bench.clerks.take_back(commitment, 1, world.now).agreed_by == ()
    with pytest.raises(Refused, match="did not agree"):
        bench.clerks.take_back(commitment, 1, world.now)
    assert not bench.agree(note, 2).is_approved
    assert bench.agree(note, 1).is_approved
    with pytest.raises(Refused, match="approved already"):
        bench.clerks.take_back(commitment, 1, world.now)
    assert bench.clerks.refuse(commitment, 2, "scope").is_refused
    assert bench.in_force() == frozenset()


def test_refusal_is_final_needs_a_person_and_is_logged_next(world):
    bench = Bench.make(world)
    note = bench.request()
    commitment = bench.commitment(note)
    with pytest.raises(Refused, match="person 7"):
        bench.clerks.refuse(commitment, 7, "scope")
    bench.agree(note, 1)
    assert bench.clerks.refuse(commitment, 1, "merit").is_refused
    assert f"refuse-{commitment.hex()}" in bench.machine.waiting_names()
    with pytest.raises(Refused, match="has refused it"):
        bench.begin(note, 2)
    bench.take(note)
    with pytest.raises(Refused, match="judge has refused it"):
        bench.begin(note, 2)


def test_changing_the_number_touches_nothing_that_was_decided_and_completes_nothing(world):
    bench = Bench.make(world, people=3)
    done, half, more = (bench.request(basis=f"case {n}") for n in range(3))
    bench.agree(done, 1)
    bench.agree(done, 2)
    bench.agree(half, 1)
    bench.clerks.require(1, world.now)
    assert bench.in_force() == {bench.commitment(done)}
    assert bench.agree(half, 3).is_approved
    assert bench.agree(more, 3).is_approved
    bench.clerks.require(2, world.now)
    assert len(bench.in_force()) == 3
    bench.clerks.remove(1, world.now)
    assert len(bench.in_force()) == 3


def test_agreement_of_a_person_who_was_removed_or_lost_the_passkey_completes_nothing(world):
    bench = Bench.make(world, people=4)
    first, second = bench.request(basis="case 1"), bench.request(basis="case 2")
    bench.agree(first, 1)
    bench.clerks.remove(1, world.now)
    assert not bench.agree(first, 2).is_approved
    assert bench.agree(first, 3).is_approved
    bench.agree(second, 2)
    bench.clerks.revoke(2, bench.keys[2].id, world.now)
    bench.keys[2] = Authenticator(SITE)
    bench.enroll(bench.clerks.invite_again(2, world.now), bench.keys[2])
    standing = bench.agree(second, 2)
    assert (standing.agreed_by, standing.is_approved) == ((2,), False)
    assert bench.agree(second, 3).is_approved


def test_note_that_was_approved_by_the_terminal_before_stays_so(world):
    bench = Bench.opened(world)
    note = bench.request()
    bench.service.countersign(note, "note")
    bench = Bench.make(world)
    assert bench.in_force() == {bench.commitment(note)}
    assert parse_note(bench.service.countersign(note, "note").raw, "note")
    other = bench.request(basis="case 2")
    with pytest.raises(Refused, match="must agree by passkey") as refused:
        bench.service.countersign(other, "note")
    assert "own page" in refused.value.hint


@pytest.mark.parametrize("file", ["people", "approvals"])
def test_last_line_that_a_crash_cut_does_not_count_and_the_next_mends_the_file(world, file):
    bench = Bench.make(world, people=3)
    note = bench.request()
    bench.agree(note, 1)
    whole = bench.file(file).read_bytes()
    bench.file(file).write_bytes(whole + whole.splitlines()[-1][:90])
    bench = bench.another_process()
    assert bench.clerks.standing(bench.commitment(note)).agreed_by == (1,)
    bench.clerks.set_away(3, None, world.now)
    assert bench.agree(note, 2).is_approved
    assert bench.another_process().in_force() == {bench.commitment(note)}
    path = bench.file(file)
    path.write_bytes(path.read_bytes()[:-8] + b"AAAAAAA\n")
    with pytest.raises(NotProven, match="is not its own"):
        bench.another_process().in_force()
