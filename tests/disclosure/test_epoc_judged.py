"""What of an order is asked of a vault: exactly what it says, or nothing with a reason."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffer.authority.period import MAX_DAYS, MAX_PERIODS, Period, days_of_periods, parse_periods
from coffer.disclosure.epoc.judged import MAX_NOTES, Asked, judge, merged, plan_notes
from coffer.disclosure.epoc.names import IdentifierType, Reason
from coffer.disclosure.epoc.reading import parse_form
from coffer.disclosure.epoc.replies import Answered, is_answered, non_executions, outcomes, statuses, tasks_of
from coffer.errors import Refused
from coffer.identity.identifier import IdentityType
from epoc_forms import CONTENT, RANGE, SUBSCRIBER, TRAFFIC, evidence, form1, form2

DAY = dt.timedelta(days=1)
OTHER_RANGE = ("2016-09-10T06:00:00+02:00", "2016-09-10T09:00:00+02:00")


def judged(*asked, order=form1, found_by=frozenset()):
    return judge(parse_form(order(*asked), "form.xml"), found_by=found_by)


def lacks(judgement):
    return [(one.id, str(one.what), one.reason) for one in judgement.lacking]


def test_a_phone_number_is_asked_for_calls_and_texts_to_the_second():
    judgement = judged()
    (one,) = judgement.asked
    assert (one.subject, one.kinds, judgement.lacking) == ("tel:+33612345678", ("call", "text"), ())
    # The last moment is asked for, so the period ends one second later.
    assert [period.format() for period in one.periods] == ["2016-09-01T00:00:00+02:00 2016-09-03T00:00:00+02:00"]


def test_an_address_is_asked_for_emails():
    (one,) = judged(evidence(kind="EMAIL", value="a@corp.example")).asked
    assert (one.subject, one.kinds) == ("mailto:a@corp.example", ("email",))


@pytest.mark.parametrize(
    ("changes", "what", "reason"),
    [
        ({"kind": "IPV_4", "value": "192.0.2.1"}, "all", Reason.DATA_NOT_HELD),
        ({"kind": "IPV_6", "value": "2001:db8::1"}, "all", Reason.DATA_NOT_HELD),
        ({"kind": "IP_ADDRESS_RANGE", "value": "192.0.2.1-9"}, "all", Reason.DATA_NOT_HELD),
        ({"kind": "IP_BLOCKS", "value": "192.0.2.0/24"}, "all", Reason.DATA_NOT_HELD),
        ({"kind": "MAC_ADDRESS", "value": "00-00-5E-00-53-01"}, "all", Reason.DATA_NOT_HELD),
        ({"kind": "USER_ID", "value": "example"}, "all", Reason.DATA_NOT_HELD),
        ({"kind": "IMEI_NUMBER", "value": "356938035643809"}, "all", Reason.DE_FACTO_IMPOSSIBILITY),
        ({"data": CONTENT}, "Content", Reason.DATA_NOT_HELD),
        ({"data": ""}, "all", Reason.INSUFFICIENT_INFORMATION),
        ({"data": "<epoc:Traffic/>"}, "Traffic", Reason.INSUFFICIENT_INFORMATION),
        ({"ranges": ()}, "Traffic", Reason.INSUFFICIENT_INFORMATION),
        ({"ranges": [RANGE[::-1]]}, "Traffic", Reason.MANIFEST_ERRORS),
        ({"value": "0612345678"}, "all", Reason.INSUFFICIENT_INFORMATION),
        ({"value": "33612345678"}, "all", Reason.INSUFFICIENT_INFORMATION),
        ({"value": "+33 6 12 34 56 78"}, "all", Reason.INSUFFICIENT_INFORMATION),
        ({"kind": "EMAIL", "value": "a@b@c"}, "all", Reason.INSUFFICIENT_INFORMATION),
    ],
)
def test_what_cannot_be_answered_has_the_forms_reason_and_becomes_no_request(changes, what, reason):
    judgement = judged(evidence(**changes))
    assert judgement.asked == ()
    assert lacks(judgement) == [("1", what, reason)]
    assert not any(value in judgement.lacking[0].sentence for value in ("192.0.2", "612345678", "a@b"))


@pytest.mark.parametrize("value", ["490154203237518", "49-015420-323751-8", "49015420 323751 8"])
def test_a_handset_is_asked_for_where_the_vault_finds_them(value):
    """As people and networks write it; the twin, of a vault that does not, is the first case of an IMEI above."""
    (one,) = judged(evidence(kind="IMEI_NUMBER", value=value), found_by={IdentityType.IMEI}).asked
    assert (one.subject, one.kinds) == ("imei:490154203237518", ("call", "text"))


@pytest.mark.parametrize(
    "value",
    [
        "490154203237517", "490154203237510", "000000000000000", "4901542032375", "x",
        "49015420323751", "90154203237518", "4901542032375177", "4901542032375188",
    ],
)  # fmt: skip
def test_an_imei_that_names_no_handset_for_certain_is_not_asked_for(value):
    judgement = judged(evidence(kind="IMEI_NUMBER", value=value), found_by={IdentityType.IMEI})
    assert (judgement.asked, lacks(judgement)) == ((), [("1", "all", Reason.INSUFFICIENT_INFORMATION)])


def test_every_type_of_identifier_is_judged():
    for kind in set(IdentifierType) - {IdentifierType.IMSI}:
        judgement = judged(evidence(kind=kind, value="x"))
        assert [one.id for one in judgement.lacking] == ["1"]


def test_content_beside_traffic_is_said_and_the_traffic_is_asked():
    judgement = judged(evidence(data=TRAFFIC + CONTENT + SUBSCRIBER))
    assert [one.id for one in judgement.asked] == ["1"]
    assert lacks(judgement) == [("1", "Subscriber", Reason.DATA_NOT_HELD), ("1", "Content", Reason.DATA_NOT_HELD)]
    # Another system may hold the subscriber's data: a form that said "not held" could be untrue.
    assert [one.is_elsewhere for one in judgement.lacking] == [True, False]
    (said,) = non_executions(judgement.lacking)
    assert said.sentence == "Content: the content of communications is never recorded"


def test_a_preservation_order_is_judged_like_one_to_produce():
    judgement = judged(
        evidence(), evidence(2, "EMAIL", "a@corp.example"), evidence(3, "IPV_4", "192.0.2.1"), order=form2
    )
    assert [one.id for one in judgement.asked] == ["1", "2"]
    assert lacks(judgement) == [("3", "all", Reason.DATA_NOT_HELD)]
    form = parse_form(form2(evidence()), "form.xml")
    assert statuses(form, judge(form), []) == {"1": "AwaitingPreservation"}


def test_identifiers_with_different_ranges_keep_their_own_in_one_note():
    judgement = judged(evidence(), evidence(2, value="+33698765432", ranges=[OTHER_RANGE]))
    (note,) = plan_notes(judgement.asked)
    assert note.subjects == ("tel:+33612345678", "tel:+33698765432")
    assert [[period.format() for period in own] for own in note.periods] == [
        ["2016-09-01T00:00:00+02:00 2016-09-03T00:00:00+02:00"],
        ["2016-09-10T06:00:00+02:00 2016-09-10T09:00:01+02:00"],
    ]


def test_several_ranges_become_several_periods_and_the_same_moment_is_asked_once():
    overlap = ("2016-09-02T12:00:00+02:00", "2016-09-03T12:00:00+02:00")
    (one,) = judged(evidence(ranges=[OTHER_RANGE, overlap, RANGE])).asked
    assert [period.format() for period in one.periods] == [
        "2016-09-01T00:00:00+02:00 2016-09-03T12:00:01+02:00",
        "2016-09-10T06:00:00+02:00 2016-09-10T09:00:01+02:00",
    ]


def test_phones_and_addresses_and_a_person_named_twice_go_into_notes_of_their_own():
    judgement = judged(
        evidence(),
        evidence(2, "EMAIL", "a@corp.example"),
        evidence(3, ranges=[OTHER_RANGE]),
        evidence(4, value="+33698765432"),
    )
    assert [note.ids for note in plan_notes(judgement.asked)] == [("1", "4"), ("2",), ("3",)]


def test_more_subjects_or_ranges_than_a_note_holds_make_more_notes():
    many = [evidence(n, value=f"+336123456{n:02d}") for n in range(1, 22)]
    assert [len(note.ids) for note in plan_notes(judged(*many).asked)] == [20, 1]
    ranges = [(f"2016-09-01T{n:02d}:00:00Z", f"2016-09-01T{n:02d}:10:00Z") for n in range(21)]
    assert [len(note.periods[0]) for note in plan_notes(judged(evidence(ranges=ranges)).asked)] == [MAX_PERIODS, 1]


def test_a_year_is_asked_in_quarters_that_leave_nothing_out():
    (one,) = judged(evidence(ranges=[("2015-09-01T00:00:00+02:00", "2016-08-31T23:59:59+02:00")])).asked
    notes = plan_notes([one])
    assert len(notes) == 4
    assert merged([period for note in notes for period in note.periods[0]]) == one.periods


def test_an_order_without_end_is_refused():
    judgement = judged(evidence(ranges=[("1970-01-01T00:00:00Z", "9998-12-31T23:59:59Z")]))
    with pytest.raises(Refused, match=f"more than {MAX_NOTES} requests"):
        plan_notes(judgement.asked)


SPANS = st.lists(
    st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)).map(lambda pair: (min(pair), max(pair))),
    min_size=1,
    max_size=8,
)
START = dt.datetime(2016, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))


def asked_of(spans, number):
    periods = [Period(first=START + dt.timedelta(seconds=a), end=START + dt.timedelta(seconds=b + 1)) for a, b in spans]
    return Asked(
        id=str(number), subject=f"tel:+3361234567{number % 3}", kinds=("call",), periods=merged(periods), options=("X",)
    )


@given(st.lists(SPANS, min_size=1, max_size=4))
def test_notes_ask_exactly_the_ordered_moments_and_each_can_be_signed(orders):
    asked = [asked_of(spans, number) for number, spans in enumerate(orders)]
    notes = plan_notes(asked)
    for note in notes:
        assert len(days_of_periods([period for own in note.periods for period in own], "note")) <= MAX_DAYS
        assert len(set(note.subjects)) == len(note.subjects)
        for own in note.periods:
            assert parse_periods([period.format() for period in own], "note") == own
    for one in asked:
        pieces = [own for note in notes for id_, own in zip(note.ids, note.periods, strict=True) if id_ == one.id]
        assert merged([period for own in pieces for period in own]) == one.periods
    answers = [Answered(subjects=n.subjects, periods=n.periods, kinds=n.kinds, is_kept=True) for n in notes]
    assert set(outcomes(asked, answers, []).values()) == {"Disclosed"}


def test_an_order_is_answered_only_by_all_of_its_notes():
    (one,) = judged(evidence(ranges=[RANGE, OTHER_RANGE])).asked
    half = Answered(subjects=(one.subject,), periods=(one.periods[:1],), kinds=one.kinds, is_kept=True)
    rest = Answered(subjects=(one.subject,), periods=(one.periods[1:],), kinds=one.kinds, is_kept=False)
    assert (is_answered(one, [half]), is_answered(one, [half, rest])) == (False, True)
    with pytest.raises(Refused, match="identifier 1: not answered for all"):
        outcomes([one], [half], [])
    assert outcomes([one], [half, rest], []) == {"1": "Disclosed"}
    narrowed = Answered(subjects=(one.subject,), periods=(one.periods,), kinds=("call",), is_kept=True)
    assert not is_answered(one, [narrowed])
    stranger = Answered(subjects=("tel:+33698765432",), periods=(one.periods,), kinds=one.kinds, is_kept=True)
    assert tasks_of(stranger, [one]) == ()
