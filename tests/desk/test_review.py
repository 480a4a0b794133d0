"""What is found about a draft while it is typed: each fault by its code, and nothing about one that is right."""

import dataclasses
import datetime as dt

import pytest
from flowing import draft
from hypothesis import given, settings
from hypothesis import strategies as st

from coffer.authority.ordered import IssuedIn, Issuer, OrderClass, Ordered, OrderFile, Urgency
from coffer.desk.draft import Draft, TypedSpan, TypedSubject
from coffer.desk.found import Code, Review, Weight
from coffer.desk.orders import Came, draft_of_xml
from coffer.desk.review import review_draft
from coffer.errors import MalformedInput
from coffer.procedures.opening.request import make_request
from world import NOW, World

CAME = Came(
    received=NOW - dt.timedelta(hours=2),
    due=NOW + dt.timedelta(days=10),
    urgency=Urgency.URGENT,
    is_access=False,
    files=(OrderFile(sha256=bytes(32), size=10),),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World.make(
        tmp_path_factory.mktemp("review"),
        custodians=("judge", "dpo", "regulator", "oversight"),
        rules=(("base", "2 of judge,dpo,regulator"), ("FR", "2 of judge,dpo,regulator and oversight")),
        retention_days=30,
    )
    made.epoch("2016-09-01", "2016-09-05")
    made.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n+33612345678,+33698765432,2016-09-02 10:00:00,60\n")
    return made


@pytest.fixture(scope="module")
def state(world):
    return world.state()


def review(state, now=NOW, **changes):
    """Of a draft that is right but for the changes. It ends before its days die."""
    return review_draft(draft(**{"expires": "2016-09-12T00:00"} | changes), CAME, state, now)


def found(reviewed: Review, weight=Weight.STOPS):
    return [(finding.field, finding.code) for finding in reviewed.findings if finding.weight is weight]


def values(reviewed, code):
    return [dict(finding.values) for finding in reviewed.findings if finding.code is code]


def test_draft_that_is_right_may_be_sent_and_says_who_must_sign(state):
    reviewed = review(state)
    assert (reviewed.may_be_sent, found(reviewed)) == (True, [])
    assert [rule.expression for rule in reviewed.rules] == ["2 of judge,dpo,regulator and oversight"]
    assert values(reviewed, Code.SUBJECT_SPELLED) == [{"number": 1, "text": "tel:+33612345678"}]
    assert values(reviewed, Code.RULE) == [
        {"number": 1, "rule": "FR", "expression": "2 of judge,dpo,regulator and oversight", "is_hub": 0}
    ]
    assert (len(reviewed.asked), len(reviewed.reached)) == (2, 2)


def test_order_of_a_review_is_what_the_request_says(world, state):
    reviewed = review(state, person="B. Example", max_records="7", secret_until="2017-01-01")
    terms = make_request(world.vault, reviewed.order).terms
    assert (terms.persons, terms.max_records, terms.secret_until) == (("B. Example",), 7, dt.date(2017, 1, 1))
    assert terms.ordered == Ordered(
        order_class=OrderClass.PRODUCE,
        urgency=Urgency.URGENT,
        issuer=Issuer.COURT,
        issued_in=IssuedIn.HOME,
        received=CAME.received,
        due=CAME.due,
        files=CAME.files,
    )
    assert [subject.format() for subject in terms.subjects] == ["tel:+33612345678"]
    assert terms.all_days == reviewed.asked


def test_words_are_signed_in_their_one_spelling_and_mixed_alphabets_are_told(world, state):
    reviewed = review(state, authority="Cour d’appel de Besanc\u0327on", person="\u0410nna Example")  # noqa: RUF001
    assert [dict(one.values) for one in reviewed.findings if one.code is Code.TEXT_MIXED] == [
        {"word": "\u0410nna", "alphabets": "Latin, Cyrillic"}
    ]
    terms = make_request(world.vault, reviewed.order).terms
    assert (terms.authority, terms.persons) == ("Cour d’appel de Besançon", ("\u0410nna Example",))  # noqa: RUF001


def test_a_person_for_each_number_or_one_for_all(world, state):
    two = (TypedSubject(text="06 12 34 56 78"), TypedSubject(text="06 98 76 54 32"))
    reviewed = review(state, subjects=two, person="A. Example\nB. Example")
    assert make_request(world.vault, reviewed.order).terms.persons == ("A. Example", "B. Example")
    assert make_request(world.vault, review(state, subjects=two).order).terms.persons == ("A. Example",) * 2
    assert found(review(state, person="A. Example\nB. Example")) == [("person", Code.PERSONS_COUNT)]


def test_a_handset_is_typed_as_people_write_it(state):
    reviewed = review(
        state, subjects=(TypedSubject(text="IMEI 49-015420-323751-8"), TypedSubject(text="IMSI 208 01 1234567890"))
    )
    assert reviewed.subjects == ("imei:490154203237518", "imsi:208011234567890")
    wrong = review(state, subjects=(TypedSubject(text="IMEI 49-015420-323751-7"),))
    assert (wrong.order, len(found(wrong))) == (None, 1)


def test_an_order_that_contradicts_itself_is_told_at_the_order(state):
    late = dataclasses.replace(CAME, due=CAME.received)
    reviewed = review_draft(draft(expires="2016-09-12T00:00"), late, state, NOW)
    assert (found(reviewed), reviewed.order) == ([("order", Code.ORDER_FORM)], None)


def test_whoever_asks_for_their_own_data_needs_no_issuer(world, state):
    own = dataclasses.replace(CAME, is_access=True)
    reviewed = review_draft(draft(expires="2016-09-12T00:00", issued_by="", issued_in=""), own, state, NOW)
    assert make_request(world.vault, reviewed.order).terms.ordered.is_access


SUBJECT = TypedSubject(text="+33 6 12 34 56 78")


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"subjects": ()}, "subjects", Code.MISSING),
        ({"subjects": (TypedSubject(text=" "),)}, "subjects", Code.MISSING),
        ({"subjects": (TypedSubject(text="not a number"),)}, "subjects", Code.SUBJECT_FORM),
        ({"subjects": (TypedSubject(text="+33 6 12"),)}, "subjects", Code.SUBJECT_FORM),
        ({"subjects": (SUBJECT, TypedSubject(text="0033612345678"))}, "subjects", Code.SUBJECT_TWICE),
        (
            {"subjects": tuple(TypedSubject(text=f"+336123456{n}") for n in range(10, 31))},
            "subjects",
            Code.TOO_MANY_SUBJECTS,
        ),
        ({"home": "", "subjects": (TypedSubject(text="0612345678"),)}, "home", Code.COUNTRY_UNKNOWN),
        ({"spans": ()}, "spans", Code.MISSING),
        ({"spans": (TypedSpan(first="1 Sept", last="2016-09-02"),)}, "spans", Code.SPAN_FORM),
        ({"spans": (TypedSpan(first="2016-09-02", last="2016-09-01"),)}, "spans", Code.SPAN_ORDER),
        ({"spans": (TypedSpan(first="2016-09-01T10:00", last="2016-09-01T10:00"),)}, "spans", Code.SPAN_ORDER),
        (
            {
                "spans": (
                    TypedSpan(first="2016-09-01", last="2016-09-02"),
                    TypedSpan(first="2016-09-02", last="2016-09-02"),
                )
            },
            "spans",
            Code.SPANS_OVERLAP,
        ),
        (
            {"spans": tuple(TypedSpan(first=f"2016-09-{n:02}", last=f"2016-09-{n:02}") for n in range(1, 22))},
            "spans",
            Code.TOO_MANY_SPANS,
        ),
        ({"spans": (TypedSpan(first="2016-01-01", last="2016-09-01"),)}, "spans", Code.TOO_MANY_DAYS),
        ({"zone": "Mars/Olympus"}, "zone", Code.ZONE_UNKNOWN),
        ({"kinds": ()}, "kinds", Code.MISSING),
        ({"kinds": ("call", "fax")}, "kinds", Code.KIND_UNKNOWN),
        ({"max_records": ""}, "max_records", Code.MISSING),
        ({"max_records": "0"}, "max_records", Code.LIMIT_FORM),
        ({"max_records": "1_000"}, "max_records", Code.LIMIT_FORM),
        ({"max_records": "1000001"}, "max_records", Code.LIMIT_FORM),
        ({"authority": ""}, "authority", Code.MISSING),
        ({"person": "Er\u200bic"}, "person", Code.TEXT_FORM),
        ({"purpose": "x\nsubject: tel:+33600000000"}, "purpose", Code.TEXT_FORM),
        ({"basis": "x" * 501}, "basis", Code.TEXT_FORM),
        ({"not_before": "tomorrow"}, "not_before", Code.MOMENT_FORM),
        ({"expires": "2016-09-01T00:00"}, "expires", Code.EXPIRES_EARLY),
        ({"expires": "2016-12-01T00:00"}, "expires", Code.EXPIRES_LATE),
        ({"not_before": "2016-08-01T00:00", "expires": "2016-08-09T00:00"}, "expires", Code.EXPIRES_PAST),
        ({"secret_until": "never"}, "secret_until", Code.MOMENT_FORM),
        ({"secret_until": "2099-01-01"}, "secret_until", Code.SECRECY_LONG),
        ({"roster": "ab" * 32}, "roster", Code.ROSTER_UNKNOWN),
    ],
    ids=lambda value: value.value if isinstance(value, Code) else None,
)
def test_fault_stops_and_is_named_at_its_field(state, changes, field, code):
    reviewed = review(state, **changes)
    assert found(reviewed) == [(field, code)]
    assert not reviewed.may_be_sent


def test_empty_draft_names_every_field_that_is_missing(state):
    reviewed = review_draft(Draft(), CAME, state, NOW)
    assert found(reviewed) == [
        (name, Code.MISSING)
        for name in (
            "subjects",
            "spans",
            "kinds",
            "max_records",
            "authority",
            "basis",
            "purpose",
            "person",
            "issued_by",
            "issued_in",
        )
    ]


def test_what_cannot_be_reached_is_said_with_its_reason(state):
    now = dt.datetime(2016, 10, 1, 12, tzinfo=dt.UTC)  # 1 September is over: 30 days are kept
    span = TypedSpan(first="2016-09-01", last="2016-10-04")
    reviewed = review(state, now=now, spans=(span,), expires="2016-10-05T00:00")
    assert values(reviewed, Code.DAYS_DEAD) == [{"count": 1, "first": "2016-09-01", "last": "2016-09-01"}]
    assert values(reviewed, Code.DAYS_AHEAD) == [{"count": 3, "first": "2016-10-02", "last": "2016-10-04"}]
    assert values(reviewed, Code.DAYS_EMPTY) == [{"count": 29, "first": "2016-09-03", "last": "2016-10-01"}]
    assert values(reviewed, Code.DAYS_DIE) == [{"count": 1, "first": "2016-09-02", "last": "2016-09-02"}]
    assert reviewed.reached == (dt.date(2016, 9, 2),)
    assert reviewed.may_be_sent


def test_nothing_reached_is_said(state):
    reviewed = review(state, kinds=("email",))
    assert found(reviewed, Weight.WARNS) == [
        ("kinds", Code.KIND_NOT_KEPT),
        ("spans", Code.DAYS_EMPTY),
        ("spans", Code.NOTHING_REACHED),
    ]
    assert found(review(state), Weight.WARNS) == []


def test_part_of_a_day_opens_the_whole_day(state):
    reviewed = review(state, spans=(TypedSpan(first="2016-09-01T08:00", last="2016-09-01T20:00"),))
    assert values(reviewed, Code.WHOLE_DAYS_OPENED) == [{"count": 1, "first": "2016-09-01", "last": "2016-09-01"}]
    assert values(review(state), Code.WHOLE_DAYS_OPENED) == []


def test_secrecy_that_is_over_warns(state):
    assert found(review(state, secret_until="2016-09-04"), Weight.WARNS) == [("secret_until", Code.SECRECY_OVER)]


def test_own_times_of_a_subject_are_its_own(state):
    own = TypedSubject(text="+33698765432", spans=(TypedSpan(first="2016-09-02", last="2016-09-02"),))
    reviewed = review(state, subjects=(SUBJECT, own))
    assert [len(periods) for periods in reviewed.order.periods] == [1, 1]
    assert [period.first_day for periods in reviewed.order.periods for period in periods] == [
        dt.date(2016, 9, 1),
        dt.date(2016, 9, 2),
    ]


def test_records_of_an_older_roster_ask_for_its_custodians(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-05")
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n")
    old = world.state().roster
    world.publish(
        world.propose(
            rules={"base": "3 of judge,dpo,regulator,extra,more"}, added=(world.joins("extra"), world.joins("more"))
        ),
        "judge",
        "dpo",
        "regulator",
        "extra",
        "more",
    )
    reviewed = review(world.state())
    assert values(reviewed, Code.OLDER_ROSTER) == [
        {"roster": old.hash.hex()[:16], "rule": "base", "expression": "2 of judge,dpo,regulator"}
    ]


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(max_size=30), min_size=12, max_size=12))
def test_whatever_is_typed_is_reviewed_without_an_error(state, texts):
    typed = Draft(
        subjects=(TypedSubject(text=texts[0], spans=(TypedSpan(first=texts[1], last=texts[2]),)),),
        spans=(TypedSpan(first=texts[3], last="9999-12-31"), TypedSpan(first="0001-01-01", last=texts[3])),
        zone=texts[4],
        home=texts[5],
        kinds=(texts[6],),
        max_records=texts[7],
        person=texts[8],
        not_before=texts[9],
        expires=texts[10],
        secret_until=texts[11],
    )
    assert not review_draft(typed, CAME, state, NOW).may_be_sent


def test_calendars_end_is_reviewed_without_an_error(state):
    for first, last in (("0001-01-01", "0001-01-02"), ("9999-12-30", "9999-12-31")):
        for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"):
            review(state, spans=(TypedSpan(first=first, last=last),), zone=zone)


PARTY = "telephonyRecord/telephonyServiceUsage/partyInformation/TelephonyPartyInformation/partyNumber"
START = "telephonyRecord/telephonyServiceUsage/communicationTime/startTime"


def order_xml():
    def constraint(name, path, text):
        parts = path.split("/")
        return f"<{name}>{''.join(f'<{part}>' for part in parts)}{text}{''.join(f'</{part}>' for part in reversed(parts))}</{name}>"

    constraints = (
        constraint("equals", PARTY, "33612345678"),
        constraint("greaterThanOrEqualTo", START, "20160901000000Z"),
        constraint("lessThanOrEqualTo", START, "20160902235959Z"),
    )
    return (
        '<RetainedDataMessage xmlns="http://uri.etsi.org/02657/v1.28.1#/RetainedData"><retainedDataHeader><requestID>'
        "<countryCode>FR</countryCode><authorisedOrganisationID>LEA-0001</authorisedOrganisationID>"
        "<requestNumber>REQ-1</requestNumber></requestID><cSPID>x</cSPID></retainedDataHeader>"
        "<retainedDataPayload><requestMessage><requestPriority>1</requestPriority><requestParameters>"
        f"{''.join(constraints)}</requestParameters><maxHits>500</maxHits></requestMessage></retainedDataPayload>"
        "</RetainedDataMessage>"
    ).encode()


def test_order_as_xml_fills_the_draft(state):
    filled = draft_of_xml(
        order_xml(),
        Draft(
            person="A. Example",
            purpose="p",
            authority="Court",
            basis="Art. 60-1",
            issued_by="court",
            issued_in="home",
        ),
        "order.xml",
    )
    assert [subject.text for subject in filled.subjects] == ["tel:+33612345678"]
    assert filled.basis == "Art. 60-1; ETSI request FR/LEA-0001/REQ-1"
    assert draft_of_xml(order_xml(), filled, "order.xml") == filled
    reviewed = review_draft(filled, CAME, state, NOW)
    assert (found(reviewed), reviewed.order.max_records, reviewed.order.kinds) == ([], 500, "call,text")
    assert reviewed.asked == (dt.date(2016, 9, 1), dt.date(2016, 9, 2))


def test_order_as_xml_with_a_document_type_is_refused():
    with pytest.raises(MalformedInput, match=r"order\.xml"):
        draft_of_xml(b'<!DOCTYPE x [<!ENTITY a "b">]>' + order_xml(), Draft(), "order.xml")
