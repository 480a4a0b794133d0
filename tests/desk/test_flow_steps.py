"""Where a case stands, what to do next, letters and reminders."""

import datetime as dt
from dataclasses import replace

import pytest
from flowing import Office
from making import document

from coffer.authority.authorization import parse_authorization
from coffer.authority.lacking import Share
from coffer.desk import edits
from coffer.desk.case import Did, DocumentKind
from coffer.desk.standing import CaseState
from coffer.desk.steps import Step
from coffer.errors import Refused
from coffer.ledger.entries import RefuseEntry
from coffer.notify.message import News
from public_codes import REFUSED


def test_refused_by_one_asks_others_and_by_two_needs_another_request(office):
    office.requested().signed("judge")

    def refuse(name):
        vault, keys = office.world.vault, office.world.keys(name)
        commitment = parse_authorization(office.case.requests[0].note, "x").commitment
        with vault.writing() as state:
            body = RefuseEntry(authorization=commitment, custodian=name, reason="scope", **REFUSED)
            vault.append([vault.entry(body, keys.auth, state)], state)

    refuse("dpo")
    step = office.step()
    assert (step.state, step.step) == (CaseState.SENT, Step.ASK_OTHERS)
    refuse("regulator")
    step = office.step()
    assert (step.state, step.step) == (CaseState.REFUSED, Step.MAKE_ANOTHER_REQUEST)


def test_request_that_expired_needs_another(office):
    office.requested().signed("judge", "dpo")
    office.world.now += dt.timedelta(days=31)
    assert (office.step().state, office.step().step) == (CaseState.EXPIRED, Step.MAKE_ANOTHER_REQUEST)


def test_request_not_in_force_yet_waits(office):
    office.requested(not_before="2016-09-06T08:00").signed("judge", "dpo")
    step = office.step()
    assert (step.step, step.until) == (Step.WAIT_UNTIL, dt.datetime(2016, 9, 6, 8, tzinfo=dt.UTC))


def test_hub_needs_everybody_whom_its_rule_names(office):
    office.requested(is_hub=True).signed("judge", "dpo")
    (lack,) = office.step().lacks
    assert (lack.share, lack.needed, lack.lacks) == (Share.HUB, 3, ("regulator",))


def test_sovereign_part_of_a_rule_is_named(tmp_path):
    office = Office(
        tmp_path,
        custodians=("judge", "dpo", "regulator", "oversight"),
        rules=(("base", "2 of judge,dpo,regulator"), ("FR", "2 of judge,dpo,regulator and oversight")),
    )
    office.requested().signed("judge")
    assert [(part.rule, part.share, part.lacks) for part in office.step().lacks] == [
        ("FR", Share.SET, ("dpo", "regulator")),
        ("FR", Share.ALWAYS, ("oversight",)),
    ]
    office.signed("dpo")
    assert [(part.share, part.lacks) for part in office.step().lacks] == [(Share.ALWAYS, ("oversight",))]
    office.signed("oversight")
    assert office.step().step is Step.OPEN
    for store in office.stores:
        store.close()


def test_deadline_that_passed_is_said_until_there_is_an_answer(office):
    office.requested()
    office.world.now = office.case.due
    assert office.step().is_late
    office.signed("judge", "dpo").opened()
    assert not office.step().is_late


def test_letter_is_due_when_secrecy_is_over_and_only_once(office):
    office.requested(secret_until="2016-09-10").signed("judge", "dpo").opened()
    with pytest.raises(Refused, match="none is due"):
        office.flow.write_letter(office.case, 1, language="fr", complaints=None, by=office.clerk.id, now=office.now)
    office.world.now += dt.timedelta(days=6)
    assert (office.step().state, office.step().step) == (CaseState.LETTER_DUE, Step.WRITE_LETTER)
    with pytest.raises(Refused, match="none was written"):
        office.flow.mark_told(office.case, 1, by=office.clerk.id, now=office.now)
    commitment = parse_authorization(office.case.requests[0].note, "x").commitment
    assert office.flow.letters_due(office.world.state(), office.now) == ((office.case.id, 1, commitment),)
    office.case = office.flow.write_letter(
        office.case, 1, language="fr", complaints=None, by=office.clerk.id, now=office.now
    )
    assert office.store.document(office.case.id, office.case.documents[-2].id)[:5] == b"%PDF-"
    assert [item.kind for item in office.case.documents[-2:]] == [DocumentKind.LETTER, DocumentKind.PROOF]
    assert len(office.flow.letters_due(office.world.state(), office.now)) == 1, "a letter in a drawer tells nobody"
    assert (office.step().state, office.step().step) == (CaseState.LETTER_DUE, Step.SEND_LETTER)
    office.case = office.flow.mark_told(office.case, 1, by=office.clerk.id, now=office.now)
    assert office.store.history(office.case.id)[-1].did is Did.SENT_LETTER
    assert office.flow.letters_due(office.world.state(), office.now) == ()
    with pytest.raises(Refused, match="none is due"):
        office.flow.mark_told(office.case, 1, by=office.clerk.id, now=office.now)
    with pytest.raises(Refused, match="none is due"):
        office.flow.write_letter(office.case, 1, language="fr", complaints=None, by=office.clerk.id, now=office.now)


def test_opening_without_a_case_is_listed_without_one(office):
    office.world.open(
        office.world.authorize(secret_until=dt.date(2016, 9, 1), expires=office.now + dt.timedelta(days=1))
    )
    ((case, number, _),) = office.flow.letters_due(office.world.state(), office.now)
    assert (case, number) == (None, None)


def test_person_who_has_a_case_is_reminded_once_of_each_turn(office):
    clerk = replace(office.clerk, mailbox="clerk@desk.example")
    office.store.update(clerk, office.now)
    office.requested()
    office.case = office.store.write(edits.assign(office.case, clerk.id), by=clerk.id, now=office.now).case
    for item in office.store.claim(office.now, limit=9):
        office.store.sent(item)

    def told():
        for _ in range(3):
            office.flow.remind(office.world.state(), office.now)
        items = office.store.claim(office.now, limit=9)
        for item in items:
            office.store.sent(item)
        return [item.news for item in items]

    assert told() == []
    office.world.now = office.case.due - dt.timedelta(hours=2)
    assert told() == [News.DUE_SOON]
    assert told() == []
    office.signed("judge", "dpo")
    assert told() == [News.SIGNED]
    office.world.now = office.case.due
    assert told() == [News.LATE]


def test_reading_a_document_is_in_the_history(office):
    office.requested()
    added = office.store.write(
        edits.add_documents(office.case, [document(b"order")]), by=office.clerk.id, now=office.now
    ).case
    assert office.flow.read_document(added, added.documents[0].id, by=office.clerk.id, now=office.now) == b"order"
    assert office.store.history(added.id)[-1].did is Did.READ_DOCUMENT


def test_auditors_view_of_a_history_has_no_text(office):
    office.requested().signed("judge", "dpo").opened()
    office.store.write(edits.add_note(office.case, "A. Example called"), by=office.clerk.id, now=office.now)
    events = [event.without_texts() for event in office.store.history(office.case.id)]
    assert len(events) == 9
    shown = repr([(event.did, event.values, event.texts) for event in events])
    for secret in ("Example", "612345678", "answer-", "judge.note"):
        assert secret not in shown
    assert "A. Example called" in repr([event.texts["note"] for event in office.store.history(office.case.id)[-1:]])
