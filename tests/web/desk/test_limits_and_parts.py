"""A limit that is raised on its page, an order that needs several requests, and the debt of an emergency."""

import datetime as dt
import os

import pytest

from coffer.authority.authorization import parse_authorization
from coffer.custody.questions import ask_question
from coffer.desk.case import Did
from coffer.desk.people import Role
from coffer.ledger.roster import Emergency
from coffer.notes.note import parse_note
from desking import FIELDS, MORE, DeskWorld, amend, order_of_three, short_case, signed_case, told
from world import PASSPHRASE


def sign_amendment(desk, clerk, case, *names):
    note = desk.store.case(case).requests[-1].amendments[-1].note
    return clerk.take_in(case, desk.world.countersign(note, *names))


def test_limit_is_raised_from_the_page_signed_and_the_rest_is_opened(desk):
    clerk = desk.person()
    case = short_case(desk, clerk)
    page = told(clerk.get(f"/cases/{case}"))
    assert "more records were found than request 1 allows" in page
    assert "It needs a limit of 20 records in all." in page
    assert "Raise how many records may be opened" in page
    assert "Agree with passkey and open" not in page, "it would be announced in vain"
    form = clerk.get(f"/cases/{case}/amend?request=1")
    assert 'name="max_records"' in form.text
    assert 'value="20"' in form.text
    assert "2 of judge, dpo, regulator" in told(form)
    assert "max-records: 20" in form.text
    response = amend(clerk, case)
    assert (response.status_code, response.headers["location"]) == (303, f"/cases/{case}?request=1#raised")
    page = told(clerk.get(f"/cases/{case}"))
    assert "At most 50 records in all" in page
    assert "2 of judge, dpo, regulator must sign." in page
    assert sign_amendment(desk, clerk, case, "judge").status_code == 303
    assert "One of dpo, regulator must sign." in told(clerk.get(f"/cases/{case}"))
    assert sign_amendment(desk, clerk, case, "dpo").status_code == 303
    page = told(clerk.get(f"/cases/{case}"))
    assert "everybody needed has signed request 1" in page
    assert clerk.open(case).status_code == 303
    desk.settle()
    page = told(clerk.get(f"/cases/{case}"))
    assert "request 1 is answered" in page
    assert "20 records were opened" in page
    events = {event.did: event for event in desk.store.history(case)}
    assert "passkey-signature" in events[Did.AMENDED].texts


def test_amendment_is_checked_as_it_is_typed_and_nothing_is_signed_before(desk):
    clerk = desk.person()
    case = short_case(desk, clerk)
    path = f"/cases/{case}/amend"
    form = clerk.form(path) | MORE
    for changes, said in (
        ({"max_records": "3"}, "It allows 3 already: write more."),
        ({"max_records": "many"}, "Write a whole number from 1 to 1,000,000."),
        ({"basis": ""}, "This is empty. The order says it."),
    ):
        page = clerk.post(path, data=form | changes)
        assert said in told(page)
        refused = clerk.post(f"{path}/challenge", data=form | changes)
        assert (refused.status_code, refused.json()["what"]) == (403, "draft: it cannot be sent yet")
    assert "max-records: 50" in clerk.post(f"{path}/validate", data=form).text
    assert desk.store.case(case).requests[0].amendments == ()


def test_attack_passkey_for_one_limit_signs_no_other_and_a_form_sent_twice_makes_one(desk):
    clerk = desk.person()
    case = short_case(desk, clerk)
    path = f"/cases/{case}/amend"
    form = clerk.form(path) | MORE
    asked = clerk.post(f"{path}/challenge", data=form)
    assert clerk.post(f"{path}/challenge", data=form | {"max_records": "900"}).status_code == 200
    assert clerk.post(f"{path}/send", data=form | clerk.answered(asked)).status_code == 403
    assert desk.store.case(case).requests[0].amendments == ()
    assert amend(clerk, case).status_code == 303
    assert clerk.post(f"{path}/send", data=form | clerk.answered(asked)).status_code != 303
    assert len(desk.store.case(case).requests[0].amendments) == 1
    auditor = desk.person("A. Auditor", Role.AUDITOR)
    assert auditor.post(f"{path}/challenge", data=form).status_code == 403


def test_custodians_are_asked_about_an_amendment_and_what_they_say_is_taken_in(desk):
    clerk = desk.person()
    case = short_case(desk, clerk)
    amend(clerk, case)
    amendment = parse_authorization(desk.store.case(case).requests[0].amendments[0].note, "amendment")
    for name in ("judge", "dpo"):
        folder = desk.world.vault.custodian(name)
        keys = folder.unlock(PASSPHRASE)
        folder.requests.take(amendment.note, keys, desk.world.now, os.urandom)
        signed = parse_note(desk.world.countersign(amendment.note.raw, name), "signed")
        folder.requests.keep_signed(signed, keys, desk.world.now, os.urandom)
        if name == "dpo":
            question = ask_question(amendment.commitment, "Why 50?", custodian=name, key=keys.auth, now=desk.world.now)
            folder.requests.ask(question, keys)
    for one in desk.custodians:
        one.sync()
    desk.office.hearing.ask()
    page = told(clerk.get(f"/cases/{case}"))
    assert "dpo asked Why 50?" in page
    assert "everybody needed has signed request 1" in page
    assert "in force" in page
    form = clerk.form(f"/cases/{case}") | {"amendment": "1", "custodian": "dpo", "explanation-dpo": "There were 20."}
    assert clerk.post(f"/cases/{case}/explain", data=form).status_code == 303
    assert "There were 20." in told(clerk.get(f"/cases/{case}"))
    assert desk.store.history(case)[-1].values["amendment"] == 1


@pytest.fixture
def three(desk):
    """An order that needs three requests, and says something to people."""
    clerk = desk.person()
    case = clerk.new_case(files={"order": ("form.xml", order_of_three())})
    return desk, clerk, case


def test_every_draft_of_an_order_is_listed_with_what_it_says_to_people(three):
    desk, clerk, case = three
    assert [(one.part, one.kinds) for one in desk.store.case(case).drafts] == [
        (1, ("call", "text")),
        (2, ("call", "text")),
        (3, ("email",)),
    ]
    for path in (f"/cases/{case}/request?order=read", f"/cases/{case}/request?part=2"):
        page = told(clerk.get(path))
        assert "Requests that the order needs" in page
        assert page.count("to be checked and sent") == 2
        assert "Only outgoing calls." in page
        assert "Identifier 1: Content cannot be answered here: no record holds it (DATA_NOT_HELD)" in page
        assert "Identifier 4: it cannot be answered here: no record holds it (DATA_NOT_HELD)" in page
    assert "+33612345679" in clerk.get(f"/cases/{case}/request?part=2").text.split('id="subjects"')[1][:300]
    page = told(clerk.get(f"/cases/{case}"))
    assert "Requests of this case" in page
    assert page.count("a@corp.example") == 1


def send(clerk, case, part, **changes):
    path = f"/cases/{case}/request"
    draft = clerk.desk.store.case(case).draft_of(part)
    typed = {
        "subjects": draft.subjects[0].text,
        "first_1": draft.spans[0].first,
        "last_1": draft.spans[0].last,
        "kinds": list(draft.kinds),
        "basis": draft.basis,
        "zone": draft.zone,
    }
    form = clerk.form(f"{path}?part={part}") | FIELDS | typed | changes
    return clerk.agree_from(f"{path}/challenge", f"{path}/send", form)


def test_each_draft_is_saved_sent_and_opened_by_itself(three):
    desk, clerk, case = three
    path = f"/cases/{case}/request"
    kept = clerk.post(path, data=clerk.form(f"{path}?part=2") | FIELDS | {"do": "save", "purpose": "Fraud"})
    assert kept.headers["location"] == f"{path}?part=2&kept=yes"
    assert [one.purpose for one in desk.store.case(case).drafts] == ["", "Fraud", ""]
    assert send(clerk, case, 1).status_code == 303
    now = desk.store.case(case)
    assert ([one.part for one in now.drafts], now.requests[0].part) == ([2, 3], 1)
    assert 'value="100"' in clerk.get(f"{path}?part=3").text, "what the order does not say stays as it was typed"
    assert send(clerk, case, 2).status_code == 303
    page = told(clerk.get(f"/cases/{case}"))
    assert "request 3 is a draft" in page, "the desk's own step comes first"
    assert "request 1 waits for signatures" in told(clerk.get(f"/cases/{case}?request=1"))
    for number in (1, 2):
        note = desk.world.countersign(desk.store.case(case).requests[number - 1].note, "judge", "dpo")
        assert clerk.take_in(case, note).status_code == 303
    for number in (1, 2):
        page = clerk.get(f"/cases/{case}?request={number}")
        assert f"everybody needed has signed request {number}" in told(page)
        form = clerk.form(f"/cases/{case}") | {"request": str(number)}
        assert clerk.agree(f"/cases/{case}/open", form).status_code == 303
        desk.settle()
        assert f"request {number} is answered" in told(clerk.get(f"/cases/{case}?request={number}"))
    assert [len(one.delivered) for one in desk.store.case(case).requests] == [1, 1]
    assert "request 3 is a draft" in told(clerk.get(f"/cases/{case}"))


def test_page_of_a_request_that_there_is_none_shows_the_newest(desk):
    clerk = desk.person()
    case = signed_case(desk, clerk)
    for number in ("2", "0", "x", "99999"):
        assert "everybody needed has signed request 1" in told(clerk.get(f"/cases/{case}?request={number}"))


NAMES = ("judge", "dpo", "regulator", "deputy")
CALLED_BACK = b"""format = "coffer.authorities/v1"
[[authority]]
name = "Court of Appeal"
kind = "court"
country = "FR"
channel = "registered letter"
call_back = "tel:+33123456789"
verified_by = "C. Lerk"
verified_on = 2016-08-01
"""


@pytest.fixture
def at_night(tmp_path):
    """A case that was opened in an emergency by two on call."""
    emergency = Emergency(expression="2 of deputy,dpo,judge", ratify_hours=48)
    rules = (("base", "2 of judge,dpo,regulator"),)
    desk = DeskWorld.make(tmp_path, custodians=NAMES, rules=rules, emergency=emergency)
    for name in NAMES:
        folder = desk.world.vault.custodian(name)
        folder.write_authorities(CALLED_BACK, folder.unlock(PASSPHRASE))
    desk.custodians = desk.world.custodians()
    clerk = desk.person()
    case = clerk.new_case(**{"class": "emergency"})
    assert clerk.send(case).status_code == 303
    yield desk, clerk, case
    desk.close()


def test_debt_of_an_emergency_stands_on_its_page_until_enough_agreed(at_night):
    desk, clerk, case = at_night
    note = desk.countersign(case, "deputy", "dpo")
    clerk.take_in(case, note)
    clerk.open(case)
    desk.settle()
    page = clerk.get(f"/cases/{case}")
    assert "Opened in an emergency: to be agreed to until" in told(page), told(page)
    assert "7 September 2016" in told(page)
    assert "dpo has not agreed yet" in told(page)
    ratify(desk, note, "dpo")
    assert "dpo agreed" in told(clerk.get(f"/cases/{case}"))
    desk.world.now += dt.timedelta(hours=50)
    clerk.sign_in()
    page = clerk.get(f"/cases/{case}")
    assert "Overdue: opened in an emergency" in told(page)
    assert '<div class="bad notice"><h2>Overdue' in page.text
    ratify(desk, note, "judge")
    page = clerk.get(f"/cases/{case}")
    assert "agreed to too late" in told(page)
    assert "has not agreed yet" not in told(page)


def ratify(desk, note, name):
    entries = desk.world.custodian(name).ratify_entries(note, "note")
    with desk.world.vault.writing() as state:
        desk.world.vault.append(entries, state)
