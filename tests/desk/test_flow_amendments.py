"""A limit that was too low: the amendment is a note of the case, and the rest is opened once it is signed."""

import datetime as dt

import pytest

from coffer.authority.authorization import parse_authorization
from coffer.authority.ordered import OrderFile
from coffer.desk.case import Did, Place
from coffer.desk.edits import MAX_AMENDMENTS
from coffer.desk.standing import CaseState
from coffer.desk.steps import Actor, Step
from coffer.errors import Refused
from coffer.procedures.opening.amend import More
from coffer_audit.cli import main as audit

FILE = OrderFile(sha256=bytes(32), size=7)


def more(limit, files=()):
    return More(max_records=limit, authority="Court", basis="case 1, extended", files=files)


def amend(office, limit=3):
    prepared = office.flow.prepare_amendment(office.case, 1, more(limit), office.world.state())
    office.case, place = office.flow.make_amendment(
        office.case, 1, prepared, {"passkey": "signed"}, by=office.clerk.id, now=office.now
    )
    return place


def sign(office, place, *names):
    raw = office.world.countersign(office.case.at(place).note, *names)
    office.case = office.flow.take_in(office.case, [("a.note", raw)], by=office.clerk.id, now=office.now)


@pytest.fixture
def short(office):
    """A request for two records, of which three were found."""
    office.requested(max_records="2").signed("judge", "dpo")
    with pytest.raises(Refused, match="3 found, expected at most 2"):
        office.opened()
    office.case = office.store.case(office.case.id)
    return office


def test_limit_that_was_too_low_is_raised_and_the_records_are_opened(short, tmp_path):
    step = short.step()
    assert (step.state, step.step, step.actor) == (CaseState.SHORT, Step.RAISE_LIMIT, Actor.DESK)
    place = amend(short)
    assert place == Place(request=1, amendment=1)
    step = short.step()
    assert (step.state, step.step, step.actor) == (CaseState.SHORT, Step.WAIT_FOR_SIGNATURES, Actor.CUSTODIANS)
    assert step.lacks[0].needed == 2
    sign(short, place, "judge")
    assert short.step().lacks[0].lacks == ("dpo", "regulator")
    sign(short, place, "dpo")
    assert (short.step().state, short.step().step) == (CaseState.SIGNED, Step.OPEN)
    short.opened()
    (delivered,) = short.case.requests[0].delivered
    assert (delivered.records, short.step().state) == (3, CaseState.ANSWERED)
    events = {event.did: event for event in short.store.history(short.case.id)}
    assert events[Did.AMENDED].values == {"request": 1, "amendment": 1}
    assert events[Did.TOOK_IN].values["amendment"] == 1
    files = short.flow.answer(short.case, delivered.document)
    folder = tmp_path / "answer"
    for name, raw in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    assert audit(["answer", str(folder), "--vault", str(short.world.vault.path)]) == 0


def test_amendment_that_allows_too_little_still_leaves_the_step_to_the_desk(office):
    office.requested(max_records="1").signed("judge", "dpo")
    with pytest.raises(Refused, match="expected at most 1"):
        office.opened()
    office.case = office.store.case(office.case.id)
    sign(office, amend(office, 2), "judge", "dpo")
    step = office.step()
    assert (step.state, step.step) == (CaseState.SHORT, Step.RAISE_LIMIT)
    sign(office, amend(office, 3), "judge", "dpo")
    assert office.step().step is Step.OPEN
    assert office.flow.amended(office.case.requests[0], office.now).limit == 3


def test_revoked_amendment_raises_nothing(short):
    place = amend(short)
    sign(short, place, "judge", "dpo")
    service = short.world.custodian("judge")
    with short.world.vault.writing() as state:
        entry = service.revocation_entry(short.case.at(place).note, "amendment")
        short.world.vault.append([entry], state)
    assert (short.step().state, short.step().step) == (CaseState.SHORT, Step.RAISE_LIMIT)


def test_amendment_is_sent_with_the_order_that_allows_more_and_not_with_the_first(short):
    prepared = short.flow.prepare_amendment(short.case, 1, more(3, [FILE]), short.world.state())
    assert prepared.terms.ordered.files == (FILE,)
    assert prepared.terms.amends == parse_authorization(short.case.requests[0].note, "request").commitment


def test_amendments_are_bounded_and_one_that_no_case_takes_leaves_no_copy(short):
    for limit in range(3, 3 + MAX_AMENDMENTS):
        amend(short, limit)
    copies = set((short.world.vault.path / "desk").glob("*.request"))
    with pytest.raises(Refused, match="amendments, expected at most 8"):
        amend(short, 50)
    assert set((short.world.vault.path / "desk").glob("*.request")) == copies


def test_withdrawn_or_expired_request_is_not_amended(short):
    case = short.case
    short.world.now += dt.timedelta(days=31)
    with pytest.raises(Refused, match="expired or was revoked"):
        amend(short)
    short.world.now -= dt.timedelta(days=31)
    short.case = short.flow.withdraw(case, 1, by=short.clerk.id, now=short.now)
    with pytest.raises(Refused, match="withdrawn"):
        amend(short)
