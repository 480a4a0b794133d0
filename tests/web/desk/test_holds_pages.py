"""Holds through the desk's pages: made, kept, extended, released, and opened a month after the keys died."""

import datetime as dt

import pytest

from coffer.authority.hold import parse_hold
from coffer.desk.case import Did
from coffer.desk.draft import Draft
from coffer.desk.people import Role
from desking import FIELDS, DeskWorld, told
from epoc_forms import evidence, form2
from holds import died


@pytest.fixture
def desk(tmp_path):
    made = DeskWorld.make(tmp_path, retention_days=10)
    yield made
    made.close()


def hold(clerk, case, **changes):
    """Write a hold, sign it and have it logged."""
    path = f"/cases/{case}/hold"
    form = clerk.form(path) | {name: value for name, value in FIELDS.items() if name != "max_records"} | changes
    answer = clerk.agree_from(f"{path}/challenge", f"{path}/send", form)
    assert answer.status_code == 303, told(answer)
    return newest(clerk.desk, case)


def newest(desk, case):
    return parse_hold(desk.store.document(case, desk.store.case(case).holds[-1].id), "hold")


def approve(desk, note, *names):
    for name in names or ("judge", "dpo"):
        desk.world.custodian(name).countersign(note.note.raw, "hold")


def act(clerk, case, word, place=0, **fields):
    """A form of one hold on the case's page."""
    path = f"/cases/{case}/holds/{clerk.desk.store.case(case).holds[place].id}/{word}"
    form = clerk.form(f"/cases/{case}") | fields
    return clerk.agree(path, form) if word in {"extend", "release"} else clerk.post(path, data=form)


def made(desk, clerk, **changes):
    case = clerk.new_case()
    return case, hold(clerk, case, **changes)


def test_hold_is_made_kept_and_opened_by_the_full_rule_after_the_keys_died(desk):
    clerk = desk.person()
    case, note = made(desk, clerk)
    page = told(clerk.get(f"/cases/{case}"))
    assert "a hold is begun, and not in force yet" in page
    assert "71 hours are left for enough custodians to keep" in page or "72 hours are left" in page
    assert "2 of judge, dpo, regulator 0 of 2" in page
    approve(desk, note)
    assert act(clerk, case, "send").status_code == 303
    page = told(clerk.get(f"/cases/{case}"))
    assert "in force" in page
    assert "Kept until" in page
    assert "judge keeps" in page
    died(desk.world)
    desk.custodians = desk.world.custodians()
    clerk.sign_in()
    response = act(clerk, case, "open")
    assert response.headers["location"] == f"/cases/{case}/request"
    page = clerk.get(f"/cases/{case}/request")
    assert "kept for a hold of this case" in told(page)
    assert "cannot be opened any more" not in told(page)
    assert 'value="2016-09-01"' in page.text
    assert clerk.send(case).status_code == 303
    clerk.take_in(case, desk.countersign(case, "judge", "dpo"))
    assert clerk.open(case).status_code == 303
    desk.settle()
    assert "request 1 is answered" in told(clerk.get(f"/cases/{case}"))
    did = [event.did for event in desk.store.history(case)]
    assert [one for one in did if one in {Did.MADE_HOLD, Did.SENT_HOLD, Did.OPENED}] == [
        Did.MADE_HOLD,
        Did.SENT_HOLD,
        Did.OPENED,
    ]


def test_end_is_bounded_by_ninety_days_and_what_is_left_is_said(desk):
    clerk = desk.person()
    case = clerk.new_case()
    path = f"/cases/{case}/hold"
    form = clerk.form(path) | FIELDS
    assert "That is 59 days from now." in told(clerk.post(f"{path}/validate", data=form | {"until": "2016-11-03"}))
    page = clerk.post(f"{path}/validate", data=form | {"until": "2017-01-01"})
    assert "A hold lasts at most 90 days from now." in told(page)
    assert "Cannot be sent yet: Kept until." in told(page)
    assert "This is over already." in told(clerk.post(f"{path}/validate", data=form | {"until": "2016-09-01"}))
    refused = clerk.agree_from(f"{path}/challenge", f"{path}/send", form | {"until": "2017-01-01"})
    assert refused.status_code == 403
    assert desk.world.state().holds == {}
    assert "max_records" in clerk.get(path).text


def test_hold_is_extended_and_released_by_passkey(desk):
    clerk = desk.person()
    case, note = made(desk, clerk, until="2016-11-03")
    assert act(clerk, case, "extend", until="2016-12-01").status_code == 403, "not in force"
    approve(desk, note)
    act(clerk, case, "send")
    desk.world.now += dt.timedelta(hours=1)
    clerk.sign_in()
    assert act(clerk, case, "extend", until="2017-09-01").status_code == 403
    response = act(clerk, case, "extend", until="2016-12-01")
    assert response.status_code == 303, told(response)
    assert "Asked to last until 1 December 2016" in told(clerk.get(f"/cases/{case}"))
    more = newest(desk, case)
    assert more.terms.extends == note.commitment
    approve(desk, more)
    assert act(clerk, case, "send", place=1).status_code == 303
    assert "Asked to last until" not in told(clerk.get(f"/cases/{case}"))
    assert act(clerk, case, "release").status_code == 303
    page = told(clerk.get(f"/cases/{case}"))
    assert "It was ended. What was kept is destroyed." in page
    assert [one.released is None for one in desk.world.state().holds.values()] == [False]
    events = {event.did: event for event in desk.store.history(case)}
    assert "passkey-signature" in events[Did.RELEASED_HOLD].texts
    assert "passkey-signature" in events[Did.EXTENDED_HOLD].texts


def test_what_was_sealed_since_is_said_and_kept_when_it_is_sent_again(desk):
    clerk = desk.person()
    case, note = made(desk, clerk)
    approve(desk, note)
    act(clerk, case, "send")
    assert "segment was sealed since" not in told(clerk.get(f"/cases/{case}"))
    desk.world.ingest("+33612345678,+33698765432,2016-09-02 23:00:00,60\n", name="late.csv")
    assert "1 segment was sealed since it was logged" in told(clerk.get(f"/cases/{case}"))
    folder = desk.world.vault.custodian("judge").holds
    before = len(folder.segments(note.commitment))
    assert act(clerk, case, "send").status_code == 303
    assert len(folder.segments(note.commitment)) == before + 1


def test_attack_passkey_for_one_hold_makes_no_other_and_a_form_sent_twice_makes_one(desk):
    clerk = desk.person()
    case = clerk.new_case()
    path = f"/cases/{case}/hold"
    form = clerk.form(path) | FIELDS
    asked = clerk.post(f"{path}/challenge", data=form)
    again = clerk.post(f"{path}/challenge", data=form | {"purpose": "Something else"})
    assert (asked.status_code, again.status_code) == (200, 200)
    answered = clerk.answered(asked)
    assert clerk.post(f"{path}/send", data=form | answered).status_code == 403
    assert desk.world.state().holds == {}
    right = clerk.agree_from(f"{path}/challenge", f"{path}/send", form)
    assert right.status_code == 303
    assert clerk.post(f"{path}/send", data=form | answered).status_code != 303
    assert len(desk.world.state().holds) == 1


def test_auditor_and_operator_make_no_hold(desk):
    case = desk.person().new_case()
    for role in (Role.AUDITOR, Role.OPERATOR):
        other = desk.person(f"O. {role}", role)
        assert other.get(f"/cases/{case}/hold").status_code == 403
        assert other.post(f"/cases/{case}/hold/challenge", data=FIELDS).status_code == 403


def test_desk_sends_by_itself_while_custodians_may_join_and_when_something_came(desk):
    clerk = desk.person()
    _case, note = made(desk, clerk)
    office, start = desk.office, desk.world.now
    approve(desk, note, "judge")

    def rounds(minutes):
        desk.world.now = start + dt.timedelta(minutes=minutes)
        return office.holds.send_due(desk.world.now)

    assert [rounds(minutes) for minutes in (5, 5, 11, 12, 20)] == [0, 0, 1, 0, 0]
    assert desk.world.state().holds_in_force(desk.world.now) == []
    approve(desk, note, "dpo", "regulator")
    assert rounds(22) == 1
    assert len(desk.world.state().holds_in_force(desk.world.now)) == 1
    assert rounds(60) == 0, "all keep"
    desk.world.ingest("+33612345678,+33698765432,2016-09-02 23:00:00,60\n", name="late.csv")
    assert [rounds(minutes) for minutes in (120, 24 * 60 + 30, 24 * 60 + 40)] == [0, 1, 0]


def test_preservation_order_in_xml_leads_to_a_hold_of_sixty_days_from_its_receipt(desk):
    clerk = desk.person()
    order = form2(evidence(ranges=(("2016-09-01T00:00:00Z", "2016-09-02T23:59:59Z"),)))
    posted = clerk.form("/new") | {"number": "1", "authority": "A", "class": "ordinary", "received": "2016-09-01T12:00"}
    response = clerk.post("/new", data=posted, files={"order": ("form2.xml", order)})
    path, _, how = response.headers["location"].partition("?")
    assert (path.rsplit("/", 1)[1], how) == ("hold", "order=read")
    page = clerk.get(f"{path}?order=read")
    assert "Read from the order" in told(page)
    assert "+33612345678" in page.text
    assert "until: 2016-10-31T" in told(clerk.post(f"{path}/validate", data=clerk.form(path) | FIELDS))


def test_list_and_heading_say_that_a_hold_is_begun_who_is_missing_and_for_how_long(desk):
    clerk = desk.person()
    case, note = made(desk, clerk)
    for page in (told(clerk.get("/")), told(clerk.get(f"/cases/{case}"))):
        assert "2 more of judge, dpo, regulator must keep." in page
        assert "hours are left for enough custodians to keep" in page
        assert "kept, unread" not in page
    assert "hold begun" in told(clerk.get("/"))
    approve(desk, note)
    act(clerk, case, "send")
    page = told(clerk.get("/"))
    assert "kept, unread" in page
    assert "must keep" not in page
    assert "records are kept, and nobody reads them" in told(clerk.get(f"/cases/{case}"))
    act(clerk, case, "release")
    assert "kept no more" in told(clerk.get("/"))
    assert "nothing is kept any more" in told(clerk.get(f"/cases/{case}"))


def test_next_hold_of_an_order_with_several_identifiers_is_the_next_step(desk):
    clerk = desk.person()
    ranges = (("2016-09-01T00:00:00Z", "2016-09-02T23:59:59Z"),)
    order = form2(evidence(ranges=ranges), evidence(2, "EMAIL", "a@corp.example", ranges=ranges))
    posted = clerk.form("/new") | {"number": "1", "authority": "A", "class": "ordinary", "received": "2016-09-01T12:00"}
    response = clerk.post("/new", data=posted, files={"order": ("form2.xml", order)})
    case = response.headers["location"].split("/")[2]
    first = hold(clerk, case, subjects="+33612345678", basis=desk.store.case(case).draft.basis)
    page = clerk.get(f"/cases/{case}")
    assert "Next: Make the next hold: the order names more." in told(page)
    assert f"/cases/{case}/hold?order=read" in page.text
    page = clerk.get(f"/cases/{case}/hold?order=read")
    assert "a@corp.example" in page.text
    assert "identifier 2" in page.text
    assert "Identifier 1 is not in this draft" not in told(page)
    basis = desk.office.holds.next(desk.store.case(case), Draft(), desk.world.now).draft.basis
    second = hold(clerk, case, subjects="a@corp.example", kinds="email", basis=basis)
    assert second.terms.subjects != first.terms.subjects
    assert "Make the next hold" not in told(clerk.get(f"/cases/{case}"))
