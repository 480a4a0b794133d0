"""The form of a request while one types, and a case that waits: what is said, what is kept, and whom nobody bothers."""

import datetime as dt
from collections import Counter

import pytest

from coffer.custody.standing import Held, SaidNo, Standing
from coffer.desk.case import Did
from coffer.desk.people import Role
from coffer.procedures.notices import notices_of
from coffer.translog.mirror import Stale
from coffer.web.desk import telling
from coffer.web.desk.watching import Seen
from desking import FIELDS, NUMBER, Someone, hidden, signed_case, told
from epoc_forms import evidence, form1
from world import NOW


def typed(clerk, case, **changes):
    path = f"/cases/{case}/request"
    return clerk.form(path) | FIELDS | changes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"subjects": "06 12 34 56 78", "home": ""}, "A number without + belongs to a country"),
        ({"subjects": "+33 6 12 34 56 78\nnonsense"}, "Line 2 is no number and no e-mail address"),
        ({"subjects": "+33612345678\n+33 6 12 34 56 78"}, "Lines 2 and 1 are the same."),
        ({"first_1": "2016-09-04"}, "The last is before the first."),
        ({"first_1": "5 September"}, "This is no day and no time."),
        ({"first_1": "2016-05-01"}, "These are more days (UTC) than a request holds"),
        ({"last_1": "2016-09-30"}, "these days have not come yet"),
        ({"kinds": ["call", "email"]}, "No e-mails are kept here at the moment."),
        ({"kinds": []}, "Tick at least one kind."),
        ({"max_records": "many"}, "Write a whole number from 1 to 1,000,000."),
        ({"purpose": "Vol\u200baggravé"}, "holds a sign that does not show as itself"),
        ({"secret_until": "2999-01-01"}, "the person must be told one day"),
        ({"zone": "Paris"}, "There is no such time zone."),
        ({"person": ""}, "This is empty. The order says it."),
    ],
)
def test_each_fault_is_said_beside_its_field_and_nothing_is_written(desk, changes, said):
    clerk = desk.person()
    case = clerk.new_case()
    before = desk.store.case(case)
    page = clerk.post(f"/cases/{case}/request", data=typed(clerk, case, do="check", **changes))
    assert page.status_code == 200
    assert said in told(page)
    assert desk.store.case(case) == before


def test_what_stops_it_is_named_at_the_button_and_the_first_fault_has_the_focus(desk):
    clerk = desk.person()
    case = clerk.new_case()
    page = clerk.post(f"/cases/{case}/request", data=typed(clerk, case, do="check", basis="", max_records="x"))
    assert "Cannot be sent yet: Legal basis, At most how many records." in told(page)
    assert 'aria-disabled="true"' in page.text
    assert page.text.count(" autofocus") == 1
    assert 'id="basis" name="basis"' in page.text.split(" autofocus")[0].rsplit("<input", 1)[1]
    good = clerk.post(f"/cases/{case}/request", data=typed(clerk, case, do="check"))
    assert "Everything needed is here." in told(good)
    assert "aria-disabled" not in good.text


def test_a_draft_that_is_not_good_gets_no_challenge(desk):
    clerk = desk.person()
    case = clerk.new_case()
    refused = clerk.send(case, last_1="2016-08-01")
    assert refused.status_code == 403
    assert refused.json()["what"] == "draft: it cannot be sent yet"
    assert desk.store.case(case).requests == ()


def test_the_page_says_who_must_sign_and_why_and_what_is_not_reached(desk):
    clerk = desk.person()
    case = clerk.new_case()
    page = told(clerk.post(f"/cases/{case}/request/validate", data=typed(clerk, case, first_1="2016-08-30")))
    assert "2 of judge, dpo, regulator" in page
    assert "France has no rule of its own here: rule base applies." in page
    assert "30 to 31 August 2016: nothing of this kind is kept, or not yet." in page
    assert "Will be signed as tel:+33612345678, that is +33 6 12 34 56 78." in page
    assert "max-records: 100" in page


USAGE = "<telephonyRecord><telephonyServiceUsage>{}</telephonyServiceUsage></telephonyRecord>"
PARTY = "<partyInformation><TelephonyPartyInformation><partyNumber>{}</partyNumber></TelephonyPartyInformation></partyInformation>"
ORDER = (
    '<RetainedDataMessage xmlns="http://uri.etsi.org/02657/v1.28.1#/RetainedData"><retainedDataHeader><requestID>'
    "<countryCode>FR</countryCode><authorisedOrganisationID>LEA-0001</authorisedOrganisationID>"
    "<requestNumber>REQ-1</requestNumber></requestID><cSPID>x</cSPID></retainedDataHeader>"
    "<retainedDataPayload><requestMessage><requestPriority>1</requestPriority><requestParameters>"
    f"<equals>{USAGE.format(PARTY.format('33612345678'))}</equals>"
    f"<greaterThanOrEqualTo>{USAGE.format('<communicationTime><startTime>20160901000000Z</startTime></communicationTime>')}"
    "</greaterThanOrEqualTo><lessThanOrEqualTo>"
    f"{USAGE.format('<communicationTime><startTime>20160903235959Z</startTime></communicationTime>')}"
    "</lessThanOrEqualTo></requestParameters><maxHits>500</maxHits></requestMessage></retainedDataPayload>"
    "</RetainedDataMessage>"
).encode()


def test_an_xml_order_fills_the_request(desk):
    clerk = desk.person()
    case = clerk.new_case(files={"order": ("request.xml", ORDER)})
    draft = desk.store.case(case).draft
    assert [one.text for one in draft.subjects] == [f"tel:{NUMBER}"]
    assert [(one.first, one.last) for one in draft.spans] == [("2016-09-01", "2016-09-03")]
    assert (draft.kinds, draft.max_records, draft.basis) == (("call", "text"), "500", "ETSI request FR/LEA-0001/REQ-1")
    page = clerk.get(f"/cases/{case}/request?order=read")
    assert "Read from the order" in told(page)
    assert f">tel:{NUMBER}<" in page.text


def test_a_european_order_fills_the_request_and_says_the_rest(desk):
    clerk = desk.person()
    order = form1(evidence(), evidence(2, "IPV_4", "192.0.2.1"))
    case = clerk.new_case(files={"order": ("form.xml", order)})
    assert desk.store.case(case).draft.authority == "Staatsanwaltschaft Musterstadt"
    page = clerk.get(f"/cases/{case}/request?order=read")
    assert "What the order says besides" in told(page)
    assert "Identifier 2: it cannot be answered here: no record holds it (DATA_NOT_HELD)" in told(page)


class Counting:
    """A custodian that counts how often it is asked."""

    def __init__(self, real, asked):
        self._real, self._asked = real, asked

    def __getattr__(self, name):
        return getattr(self._real, name)

    def standing(self, sealed):
        self._asked[self._real.name] += 1
        return self._real.standing(sealed)


def test_custodians_are_asked_in_the_background_and_never_once_a_visitor(desk):
    clerk = desk.person()
    case = clerk.new_case()
    assert clerk.send(case).status_code == 303
    asked = Counter()
    desk.custodians = [Counting(one, asked) for one in desk.custodians]
    for _ in range(5):
        assert clerk.get(f"/cases/{case}").status_code == 200
    assert asked == {}
    for _ in range(3):
        desk.office.hearing.ask()
    assert asked == {"judge": 1, "dpo": 1, "regulator": 1}
    desk.world.now += dt.timedelta(seconds=5)
    clerk.get(f"/cases/{case}")
    desk.office.hearing.ask()
    assert asked["judge"] == 2, "somebody looked"
    desk.world.now += dt.timedelta(seconds=30)
    desk.office.hearing.ask()
    assert asked["judge"] == 2, "nobody looked for a while"
    desk.world.now += dt.timedelta(seconds=31)
    desk.office.hearing.ask()
    assert asked["judge"] == 3


def said_no(name, commitment, *, is_withdrawal=False):
    decision = SaidNo(is_withdrawal=is_withdrawal, reason="scope", time=NOW)
    held = Held(since=NOW, nonce=bytes(16), seen=None, reading=None, agreed=0, needed=1, decision=decision)
    return Standing(custodian=name, authorization=commitment, held=held, away=None)


def test_who_refused_is_waited_for_no_more_before_the_log_knows(desk, monkeypatch):
    clerk = desk.person()
    case = clerk.new_case()
    assert clerk.send(case).status_code == 303
    told_no = {}
    monkeypatch.setattr(desk.office.hearing, "seen", lambda _commitment: Seen(time=NOW, standings=told_no))
    commitment = desk.office.authorization(desk.store.case(case).requests[-1]).commitment
    assert "2 of judge, dpo, regulator must sign." in told(clerk.get(f"/cases/{case}"))
    told_no["dpo"] = said_no("dpo", commitment)
    assert "judge, regulator must sign, all of them." in told(clerk.get(f"/cases/{case}"))
    assert "judge, regulator must sign, all of them." in told(clerk.get("/"))
    clerk.take_in(case, desk.countersign(case, "judge"))
    page = told(clerk.get(f"/cases/{case}"))
    assert "regulator must sign." in page
    assert "took back" not in page
    told_no["judge"] = said_no("judge", commitment, is_withdrawal=True)
    page = told(clerk.get(f"/cases/{case}"))
    assert "Refused by judge, dpo: too few are left for the rule." in page
    assert "took back" in page, "whatever it signed before"


def test_a_reminder_goes_out_at_most_every_hour(desk):
    clerk = desk.person()
    case = clerk.new_case()
    assert clerk.send(case).status_code == 303
    refused = clerk.post(f"/cases/{case}/remind", data=clerk.form(f"/cases/{case}"))
    assert refused.status_code == 403
    assert "within the last hour" in told(refused)
    desk.world.now += dt.timedelta(minutes=61)
    clerk.sign_in()
    assert clerk.post(f"/cases/{case}/remind", data=clerk.form(f"/cases/{case}")).status_code == 303
    assert [event.did for event in desk.store.history(case)].count(Did.SENT_REQUEST) == 2


def test_a_withdrawn_request_is_opened_by_nobody(desk):
    clerk = desk.person()
    case = signed_case(desk, clerk)
    assert clerk.post(f"/cases/{case}/withdraw", data=clerk.form(f"/cases/{case}")).status_code == 303
    assert "was withdrawn" in told(clerk.get(f"/cases/{case}"))
    assert clerk.open(case).status_code == 403
    assert desk.office.state().openings == {}


def test_a_log_that_was_put_back_stops_the_page_in_words(desk):
    clerk = desk.person()

    def replay():
        raise Stale("checkpoint: size 3, expected at least 9")

    desk.office.vault.replay = replay
    page = clerk.get("/")
    assert page.status_code == 409
    assert "A proof does not hold" in told(page)
    assert "expected at least 9" in told(page)


def test_a_case_is_assigned_closed_and_destroyed_by_the_head(desk):
    clerk, head = desk.person(), desk.person("D. Head", Role.HEAD)
    case = clerk.new_case()
    mine = next(one.id for one in desk.store.people().values() if one.name == "D. Head")
    assert head.post(f"/cases/{case}/assign", data=head.form(f"/cases/{case}") | {"to": mine}).status_code == 303
    assert desk.store.case(case).assigned == mine
    assert head.post(f"/cases/{case}/close", data=head.form(f"/cases/{case}")).status_code == 303
    form = head.form(f"/cases/{case}")
    assert head.post(f"/cases/{case}/shred", data=form).status_code == 403, "nobody ticked the box"
    assert head.agree(f"/cases/{case}/shred", form).status_code == 403, "nor is a passkey asked"
    assert head.agree(f"/cases/{case}/shred", form | {"sure": "yes"}).status_code == 303
    assert head.get(f"/cases/{case}").status_code == 403


def test_somebody_who_lost_every_passkey_comes_back_by_a_new_invitation(desk):
    clerk, operator = desk.person(), desk.person("F. Operator", Role.OPERATOR)
    person = next(one for one in desk.store.people().values() if one.name == "C. Clerk")
    page = operator.agree(f"/people/{person.id}/invite", operator.form("/people"))
    code = page.text.split('<p class="big"><code>')[1].split("<")[0]
    again = Someone(desk, desk.app)
    again.enroll(code)
    assert again.get("/").status_code == 200
    assert clerk.sign_in().status_code == 403, "the old passkey stops"
    assert hidden(again.get("/new").text)["post"]


def test_nothing_is_opened_on_a_signature_that_was_taken_back(desk, monkeypatch):
    clerk = desk.person()
    case = signed_case(desk, clerk)
    told_no = {}
    monkeypatch.setattr(desk.office.hearing, "seen", lambda _commitment: Seen(time=NOW, standings=told_no))
    commitment = desk.office.authorization(desk.store.case(case).requests[-1]).commitment
    page = told(clerk.get(f"/cases/{case}"))
    assert "everybody needed has signed" in page
    assert "Agree with passkey and open" in page
    told_no["dpo"] = said_no("dpo", commitment, is_withdrawal=True)
    page = told(clerk.get(f"/cases/{case}"))
    assert "waits for signatures" in page
    assert "regulator must sign. The rule can still be met." in page
    assert "Agree with passkey and open" not in page
    told_no["regulator"] = said_no("regulator", commitment)
    assert "request 1 was refused" in told(clerk.get(f"/cases/{case}"))
    del told_no["regulator"]
    clerk.take_in(case, desk.countersign(case, "regulator"))
    assert "Agree with passkey and open" in told(clerk.get(f"/cases/{case}"))


def test_letters_are_counted_without_unsealing_every_note_at_each_view(desk, monkeypatch):
    seen = []
    monkeypatch.setattr(telling, "notices_of", lambda *given: seen.append(given) or notices_of(*given))
    clerk = desk.person()
    for _ in range(3):
        assert clerk.get("/").status_code == 200
    assert len(seen) == 1
    case = signed_case(desk, clerk)
    assert clerk.open(case).status_code == 303
    desk.settle()
    assert clerk.get("/letters").status_code == 200
    assert len(seen) > 1, "a request was opened"


def test_the_first_page_says_what_is_not_held_and_drafts_the_reply(desk):
    clerk = desk.person()
    assert "Everybody near an antenna" in clerk.get("/new").text
    reply = clerk.get("/not-held?what=place&what=content&in=fr")
    assert reply.headers["content-disposition"] == 'attachment; filename="not-held.txt"'
    assert "Recherche par lieu" in reply.text
    assert "abonné" not in reply.text
    for nothing in ("/not-held", "/not-held?what=place&in=xx", "/not-held?what=all&in=fr"):
        assert clerk.get(nothing).headers["location"] == "/new#not-held"


def test_what_came_since_is_opened_as_a_part_of_its_own_and_once(desk):
    clerk = desk.person()
    case = signed_case(desk, clerk)
    assert "Open what came since" not in told(clerk.get(f"/cases/{case}"))
    clerk.open(case)
    desk.settle()
    assert "Open what came since" not in told(clerk.get(f"/cases/{case}"))
    desk.world.now += dt.timedelta(days=1)
    clerk.sign_in()
    desk.world.ingest(f"{NUMBER},+33698765432,2016-09-02 19:00:00,60\n", name="late.csv")
    page = told(clerk.get(f"/cases/{case}"))
    assert "Open what came since" in page
    first = desk.store.case(case).requests[0].delivered[0]
    clerk.open(case)
    desk.settle()
    delivered = desk.store.case(case).requests[0].delivered
    assert [one.records for one in delivered] == [first.records, 1]
    page = told(clerk.get(f"/cases/{case}"))
    assert "Open what came since" not in page
    assert "Part 2: UTC days 2 September 2016; 1 record opened" in page
    clerk.post(f"/cases/{case}/open", data=clerk.form(f"/cases/{case}"))  # the same form again
    desk.settle()
    assert len(desk.store.case(case).requests[0].delivered) == 2
