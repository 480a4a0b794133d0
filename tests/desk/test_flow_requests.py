"""Requests of a case: made, sent, countersigned, withdrawn."""

import pytest
from flowing import Died, Office, draft
from making import document, new_case

from coffer.authority.authorization import parse_authorization
from coffer.custody.exchange import order_info, parse_order
from coffer.desk import edits
from coffer.desk.case import Did, DocumentKind
from coffer.desk.port import Conflict, Post
from coffer.desk.standing import CaseState
from coffer.desk.steps import Step
from coffer.errors import MalformedInput, NotProven, Refused, Unavailable
from coffer.notes.note import parse_note


def test_draft_with_a_fault_makes_no_request_and_leaves_no_key(office):
    made = new_case(office.store, office.clerk)
    saved = office.store.write(edits.save_draft(made, draft(max_records="0")), by=office.clerk.id, now=office.now).case
    with pytest.raises(Refused, match="cannot be sent yet"):
        office.flow.make_request(saved, by=office.clerk.id, now=office.now)
    assert list((office.world.vault.path / "desk").glob("*")) == []


def test_request_sent_by_form_twice_is_made_once_and_one_key_is_kept(office):
    made = new_case(office.store, office.clerk)
    saved = office.store.write(edits.save_draft(made, draft()), by=office.clerk.id, now=office.now).case
    post = Post(person=office.clerk.id, key="form")
    first = office.flow.make_request(saved, by=office.clerk.id, now=office.now, post=post)
    again = office.flow.make_request(saved, by=office.clerk.id, now=office.now, post=post)
    assert (again.is_repeated, again.case) == (True, first.case)
    assert len(list((office.world.vault.path / "desk").glob("*.seal"))) == 1


def test_request_made_by_two_clerks_at_once_is_one_and_the_other_is_told(office):
    made = new_case(office.store, office.clerk)
    saved = office.store.write(edits.save_draft(made, draft()), by=office.clerk.id, now=office.now).case
    office.flow.make_request(saved, by=office.clerk.id, now=office.now)
    with pytest.raises(Conflict, match="changed it meanwhile") as caught:
        office.flow.make_request(saved, by=office.clerk.id, now=office.now)
    assert [event.did for event in caught.value.events] == [Did.MADE_REQUEST]
    assert len(list((office.world.vault.path / "desk").glob("*.seal"))) == 1


class Postman:
    def __init__(self, name, fails=False):
        self.name, self.fails, self.taken, self.orders = name, fails, [], []

    def send_note(self, sealed):
        if self.fails:
            raise Unavailable(f"custodian {self.name}: nobody listens there")
        self.taken.append(sealed)

    def send_order(self, sealed):
        self.orders.append(sealed)


def test_request_is_sent_sealed_to_those_who_can_be_reached(office):
    office.requested()
    reached, deaf, stranger = Postman("judge"), Postman("dpo", fails=True), Postman("nobody")
    office.case, sent = office.flow.send(office.case, 1, [reached, deaf, stranger], by=office.clerk.id, now=office.now)
    assert (sent.reached, list(sent.failed)) == (("judge",), ["dpo"])
    assert b"33612345678" not in reached.taken[0]
    assert (len(reached.taken), stranger.taken) == (1, [])
    assert office.step().step is Step.WAIT_FOR_SIGNATURES
    assert office.case.requests[0].sent == ("judge",)


def test_request_takes_the_files_of_its_order_along_and_no_other_document(office):
    order, later = document(b"%PDF the order"), document(b"%PDF of later")
    made = new_case(office.store, office.clerk)
    papers = [order, document(b"%PDF", kind=DocumentKind.OTHER)]
    made = office.store.write(edits.add_documents(made, papers), by=office.clerk.id, now=office.now).case
    saved = office.store.write(edits.save_draft(made, draft()), by=office.clerk.id, now=office.now).case
    case = office.flow.make_request(saved, by=office.clerk.id, now=office.now).case
    case = office.store.write(edits.add_documents(case, [later]), by=office.clerk.id, now=office.now).case
    judge = Postman("judge")
    _, sent = office.flow.send(case, 1, [judge], by=office.clerk.id, now=office.now)
    assert (sent.reached, len(judge.taken), len(judge.orders)) == (("judge",), 1, 1)
    assert b"the order" not in judge.orders[0]
    roster, keys = office.world.state().roster, office.world.keys("judge")
    info = order_info(roster.hash, roster.custodian("judge").index)
    authorization = parse_authorization(case.requests[0].note, "request")
    assert parse_order(keys.req.unseal(judge.orders[0], info=info, place="order")) == (
        authorization.commitment,
        b"%PDF the order",
    )


def test_copies_of_a_request_with_letters_are_taken_in(office):
    office.requested(authority="Cour d'appel, Évry").signed("judge", "dpo")
    names = [line.name for line in parse_note(office.case.requests[0].note, "x", has_letters=True).signatures]
    assert names == ["desk", "judge/auth", "dpo/auth"]


def test_copies_signed_apart_are_one(office):
    office.requested().signed("judge", "dpo")
    names = [line.name for line in parse_note(office.case.requests[0].note, "x").signatures]
    assert names == ["desk", "judge/auth", "dpo/auth"]
    assert [item.kind for item in office.case.documents] == [DocumentKind.COPY] * 2
    copy = office.store.document(office.case.id, office.case.documents[0].id)
    office.case = office.flow.take_in(office.case, [("again.note", copy)], by=office.clerk.id, now=office.now)
    assert len(office.case.documents) == 2


def test_copy_with_a_false_signature_is_refused_whole(office):
    office.requested()
    good = office.world.countersign(office.case.requests[0].note, "judge")
    lines = good.decode().splitlines()
    other = office.world.countersign(Office.requested(office).case.requests[0].note, "judge").decode().splitlines()
    office.case = office.store.open_cases()[0]
    office.case = next(
        case for case in office.store.open_cases() if case.requests[0].note.decode().splitlines()[3] == lines[3]
    )
    forged = "\n".join([*lines[:-1], other[-1]]) + "\n"
    with pytest.raises(NotProven, match="judge/auth"):
        office.flow.take_in(office.case, [("x", forged.encode())], by=office.clerk.id, now=office.now)
    assert office.store.case(office.case.id).version == office.case.version
    office.flow.take_in(office.case, [("x", good)], by=office.clerk.id, now=office.now)


def test_signature_of_a_stranger_is_not_kept(office):
    office.requested()
    note = parse_note(office.world.countersign(office.case.requests[0].note, "judge"), "x")
    stranger = office.world.keys("dpo").resp  # a key that signs no authorization
    raw = note.with_signature(stranger).raw
    office.case = office.flow.take_in(office.case, [("x", raw)], by=office.clerk.id, now=office.now)
    names = [line.name for line in parse_note(office.case.requests[0].note, "x").signatures]
    assert names == ["desk", "judge/auth"]


def test_copy_of_another_case_is_refused(office):
    first = office.requested().case
    second = office.requested().case
    copy = office.world.countersign(first.requests[0].note, "judge")
    with pytest.raises(MalformedInput, match="not of a request of this case"):
        office.flow.take_in(second, [("x", copy)], by=office.clerk.id, now=office.now)
    taken = office.flow.take_in(first, [("x", copy)], by=office.clerk.id, now=office.now)
    assert office.store.case_of(parse_authorization(copy, "x").commitment) == (taken.id, 1)


def test_withdrawn_request_can_never_be_opened(office):
    office.requested().signed("judge", "dpo")
    note = office.case.requests[0].note
    office.case = office.flow.withdraw(office.case, 1, by=office.clerk.id, now=office.now)
    assert (office.step().state, office.step().step) == (CaseState.WITHDRAWN, Step.MAKE_ANOTHER_REQUEST)
    with pytest.raises(Refused, match="it was withdrawn"):
        office.opened()
    with pytest.raises(Unavailable, match="its seal key is not here"):
        office.world.open(note)  # nor by the command
    assert office.intents() == 0


def test_request_is_not_withdrawn_under_an_opening(office):
    office.requested().signed("judge", "dpo")

    def die(_stage, _number):
        raise Died("cut")

    with pytest.raises(Died, match="cut"):
        office.opened(on_progress=die)
    with pytest.raises(Refused, match="an opening is in progress"):
        office.flow.withdraw(office.case, 1, by=office.clerk.id, now=office.now)
    assert len(office.opened().case.requests[0].delivered) == 1
