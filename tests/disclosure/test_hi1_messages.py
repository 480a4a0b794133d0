"""Messages of ETSI TS 103 120: a task is read or refused, everything else is read or shown."""

import copy
import datetime as dt
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from coffer.disclosure.epoc.form import Endpoint
from coffer.disclosure.epoc.hi1 import TaskName
from coffer.disclosure.epoc.judged import judge
from coffer.disclosure.epoc.names import Deadline, FormKind, IssuerType, Reason, Recipient
from coffer.disclosure.hi1.message import is_message, parse_envelope
from coffer.disclosure.hi1.names import ErrorCode as E
from coffer.disclosure.hi1.names import Fault
from coffer.disclosure.hi1.order import parse_content
from coffer.disclosure.hi1.response import format_error
from coffer.errors import MalformedInput
from coffer.identity.identifier import IdentityType
from epoc_forms import evidence, form1, form2
from hi1_messages import (
    APPROVAL,
    CSP,
    DELIVERY,
    DOCUMENT,
    EIGHT_HOURS,
    NAMESPACES,
    ORDER,
    OWNER,
    PRESERVES,
    REFERENCE,
    START,
    SUBTYPE,
    TIMES,
    TO_ISSUER,
    TRANSACTION,
    authorisation,
    create,
    document,
    entry,
    flag,
    keep,
    message,
    object_id,
    order,
    task,
    update,
    value,
)
from hi1_schema import verify

DAY = dt.datetime(2016, 9, 5, tzinfo=dt.UTC)
ADDITIONAL = (
    '<HI1Object xmlns:more="urn:example:more" xsi:type="more:EPOCAdditionalInfoObject">'
    f"<ObjectIdentifier>{object_id(80)}</ObjectIdentifier><more:Words>as agreed</more:Words></HI1Object>"
)
INTERCEPT = f'<HI1Object xsi:type="task:LITaskObject"><ObjectIdentifier>{object_id(70)}</ObjectIdentifier></HI1Object>'
FULL = order(
    task(more="<task:ManualInformation>landline only</task:ManualInformation>"),
    documents=(DOCUMENT, ADDITIONAL),
    flags=flag("IsConsensual"),
)


def parse(raw):
    return parse_content(parse_envelope(raw, "m.xml"))


def judged(*tasks, **changes):
    return judge(parse(order(*tasks, **changes)).order.form)


def said(content):
    """Every text that the value holds, or that has one meaning alone wherever it stands."""
    yield from ("ETSI", content.order.form.case_id, ORDER, TRANSACTION)
    for end in (content.envelope.sender, content.envelope.receiver, content.order.form.authority):
        yield from (end.country, end.national_id)
    form = content.order.form
    yield from (form.provider.country, form.provider.national_id, form.issuing.name, form.issuing.file_reference)
    for one in form.identifiers:
        yield from (one.id, one.value.removeprefix("+"), one.other)
        yield from (
            span.isoformat().replace("+00:00", "Z") for spans in one.ranges for span in (spans.start, spans.end)
        )
        yield from (
            word for category in one.categories for code in category.options for word in re.split("[: ]+", code)
        )
    for action in content.actions:
        yield from (action.number, action.type_name)
    for name in content.order.tasks.values():
        yield from (name.object_id, name.reference)
    yield from (text for shown in content.shown for text in (shown.text, shown.path))


def test_an_order_is_read():
    content = parse(order(task(), task(2, values=value("EmailAddress", "a@corp.example")), documents=(DOCUMENT,)))
    made = content.order
    form = made.form
    assert (form.kind, form.case_id, form.form_id, form.deadline) == (
        FormKind.PRODUCTION,
        REFERENCE,
        ORDER,
        Deadline.SOON,
    )
    assert (made.is_european, made.is_emergency, made.has_role, made.due) == (True, False, True, None)
    assert form.authority == Endpoint(country="DE", national_id="authority-1")
    assert form.provider == Endpoint(country="FR", national_id="provider-1")
    assert (form.issuing.type, form.issuing.name) == (IssuerType.PROSECUTOR, "Staatsanwaltschaft Musterstadt")
    assert (form.recipient, form.has_delay, form.is_notified) == (Recipient.ISSUING, False, False)
    assert made.tasks["2"] == TaskName(object_id=object_id(2), reference="DE-authority-1-2")
    assert (form.reference, form.issuing_country) == (f"HI1 {ORDER}", "DE")
    shown = {one.path: one.text for one in content.shown}
    assert shown["action 3/DocumentObject/DocumentBody/Contents"].startswith("3 bytes, SHA-256 ba7816bf")
    assert "33612345678" not in repr(content) + repr(form.identifiers) + repr(made)


def test_a_phone_number_has_its_plus_and_the_last_moment_is_asked_for():
    for name, text in (
        ("InternationalE164", "33612345678"),
        ("InternationalE164", "+33612345678"),
        ("GPSIMSISDN", "33612345678"),
    ):
        (one,) = judged(task(values=value(name, text))).asked
        assert (one.subject, one.kinds) == ("tel:+33612345678", ("call", "text"))
        assert [period.format() for period in one.periods] == ["2016-08-31T22:00:00+00:00 2016-09-02T22:00:00+00:00"]


def test_what_is_read_here_is_as_the_schema_has_it():
    deadline = f"<task:LDDeadline><task:DateTime>{START}</task:DateTime></task:LDDeadline>"
    for raw in (
        order(documents=(DOCUMENT,), flags=flag("IsConsensual")),
        order(keep(), legal=PRESERVES),
        order(task(more=f"<task:Deadlines>{deadline}</task:Deadlines>"), legal="", priority=""),
    ):
        assert parse(raw).order is not None
        verify(raw)


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (order(task().replace("task:Reference>", "task:Referenz>")), "HI1Object"),
        (order(task(more=TO_ISSUER)), "HI1Object"),
        (order(task(times=TIMES + START.join(("<task:StartTime>", "</task:StartTime>")))), "RequestDetails"),
        (order(task().replace("DE-authority-1-1", "1")), "Reference: 1"),
        (order().replace(ORDER.encode(), ORDER.upper().encode()), "ObjectIdentifier"),
        (order(task(times=TIMES.replace("22:00:00Z", "22:00:00"))), "StartTime"),
        (order().replace(b"00.000000Z", b"00Z"), "Timestamp"),
        (order(status=entry("auth:AuthorisationStatus", "AuthorisationStatus", "Open")), "AuthorisationStatus: AuthorisationStatus Open"),
        (order(task(subtype=SUBTYPE.replace(">CallDetails</c:Value>", ' xsi:nil="true"/>'))), "Value"),
        (order(task().replace('xsi:type="task:', 'xsi:type="auth:')), "HI1Object"),
        (order().replace(b"auth:AuthorisationFlags>", b"task:AuthorisationFlags>"), "AuthorisationFlags"),
    ],
)  # fmt: skip
def test_a_message_of_another_schema_is_told(raw, place):
    with pytest.raises(AssertionError, match=re.escape(place)):
        verify(raw)


def test_a_long_path_leaves_an_answer_that_is_of_the_schema():
    path = "/".join(letter * 30_000 for letter in "xyz")
    verify(format_error(parse_envelope(order(), "m.xml"), MalformedInput(f"m.xml: {path}"), DAY))


def test_each_task_keeps_its_own_times():
    other = TIMES.replace("2016-09-02T21:59:59", "2016-09-01T09:00:00")
    one, another = judged(task(), task(2, values=value(text="33698765432"), times=other)).asked
    assert (one.id, another.id) == ("1", "2")
    assert one.periods[0].end > another.periods[0].end


@pytest.mark.parametrize(
    ("changes", "what", "reason"),
    [
        ({"values": value("IPv4Address", "192.0.2.1")}, "all", Reason.DATA_NOT_HELD),
        ({"values": value("MACAddress", "00-00-5E-00-53-01")}, "all", Reason.DATA_NOT_HELD),
        ({"values": value("IMEI", "356938035643809")}, "all", Reason.DE_FACTO_IMPOSSIBILITY),
        ({"values": value("IMSI", "208011234567890")}, "all", Reason.DE_FACTO_IMPOSSIBILITY),
        ({"values": value("SIPURI", "sip:a@corp.example")}, "all", Reason.INSUFFICIENT_INFORMATION),
        ({"values": value(owner="XX")}, "all", Reason.INSUFFICIENT_INFORMATION),
        ({"values": value(text="0612345678")}, "all", Reason.INSUFFICIENT_INFORMATION),
        ({"values": value() + value(text="33698765432")}, "all", Reason.INSUFFICIENT_INFORMATION),
        ({"values": value("EmailAddress", "a@b@c")}, "all", Reason.INSUFFICIENT_INFORMATION),
        ({"kind": ""}, "all", Reason.INSUFFICIENT_INFORMATION),
        ({"kind": "Other"}, "all", Reason.INSUFFICIENT_INFORMATION),
        ({"kind": "StoredContentData"}, "Content", Reason.DATA_NOT_HELD),
        ({"times": ""}, "Traffic", Reason.INSUFFICIENT_INFORMATION),
        ({"times": TIMES.partition("<task:EndTime>")[0]}, "all", Reason.INSUFFICIENT_INFORMATION),
        ({"times": "<task:ObservedTime>2016-09-01T00:00:00Z</task:ObservedTime>"}, "all", Reason.INSUFFICIENT_INFORMATION),
        ({"times": TIMES.replace("2016-09-02T", "2016-08-01T")}, "Traffic", Reason.MANIFEST_ERRORS),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_has_a_reason_and_becomes_no_request(changes, what, reason):
    judgement = judged(task(**changes))
    assert judgement.asked == ()
    assert [(one.id, str(one.what), one.reason) for one in judgement.lacking] == [("1", what, reason)]
    assert not any(text in judgement.lacking[0].sentence for text in ("192.0.2", "612345678", "a@b", "2080112"))


def test_handsets_and_sims_are_asked_for_where_the_vault_finds_them():
    raw = order(task(values=value("IMEI", "49015420323751")), task(2, values=value("IMSI", "208011234567890")))
    form = parse(raw).order.form
    both = judge(form, found_by={IdentityType.IMEI, IdentityType.IMSI})
    assert [one.subject for one in both.asked] == ["imei:490154203237518", "imsi:208011234567890"]
    assert [one.id for one in judge(form, found_by={IdentityType.IMSI}).lacking] == ["1"]
    wrong = parse(order(task(values=value("IMSI", "2080112")))).order.form
    (one,) = judge(wrong, found_by={IdentityType.IMSI}).lacking
    assert one.reason is Reason.INSUFFICIENT_INFORMATION


@pytest.mark.parametrize(
    ("name", "text", "is_certain"),
    [
        ("IMEI", "49015420323751", True),
        ("IMEI", "490154203237518", True),
        ("IMEI", "490154203237517", False),
        ("IMEI", "4901542032375177", False),
        ("IMEICheckDigit", "490154203237518", True),
        ("IMEICheckDigit", "49015420323751", False),
        ("IMEICheckDigit", "4901542032375177", False),
        ("IMEISV", "4901542032375177", True),
        ("IMEISV", "490154203237518", False),
        ("PEIIMEI", "49015420323751", True),
        ("PEIIMEICheckDigit", "90154203237518", False),
        ("PEIIMEISV", "4901542032375177", True),
        ("PEIIMEISV", "49015420323751", False),
    ],
)
def test_an_imei_with_a_digit_too_few_or_too_many_is_no_other_handset(name, text, is_certain):
    judgement = judge(parse(order(task(values=value(name, text)))).order.form, found_by={IdentityType.IMEI})
    assert [one.subject for one in judgement.asked] == ["imei:490154203237518"] * is_certain
    assert [one.reason for one in judgement.lacking] == [Reason.INSUFFICIENT_INFORMATION] * (not is_certain)


def test_kinds_of_data_that_one_type_names_together_are_judged_apart():
    judgement = judged(task(kind="TrafficDataAndStoredContentData"))
    assert ([one.id for one in judgement.asked], [one.what for one in judgement.lacking]) == (["1"], ["Content"])
    judgement = judged(task(kind="SubscriberDataAndUserIdentifyingData"))
    assert [one.is_elsewhere for one in judgement.lacking] == [True, True]


def test_moments_at_which_somebody_was_seen_are_shown():
    seen = "<task:ObservedTimes>2016-09-01T10:00:00Z</task:ObservedTimes>" * 2
    (one,) = parse(order(task(times=TIMES + seen))).order.form.identifiers
    assert one.other == "; ".join(["seen at 2016-09-01T10:00:00+00:00"] * 2)


def test_subtypes_without_a_value_are_shown_as_such():
    nil = SUBTYPE.replace(">CallDetails</c:Value>", ' xsi:nil="true"/>')
    assert nil != SUBTYPE
    (one,) = parse(order(task(subtype=nil))).order.form.identifiers
    assert one.categories[0].options == ("TrafficData", "ETSI EPOCRequestSubtype: no value")


def test_an_order_to_preserve_is_read_as_a_form_2_is():
    content = parse(order(keep(), keep(2, values=value("EmailAddress", "a@corp.example")), legal=PRESERVES))
    assert content.order.form.kind is FormKind.PRESERVATION
    assert [one.subject for one in judge(content.order.form).asked] == ["tel:+33612345678", "mailto:a@corp.example"]


def test_urgency_is_that_of_the_orders_own_rules():
    eight = parse(order(priority=EIGHT_HOURS)).order
    assert (eight.is_emergency, eight.form.deadline) == (True, None)
    # The flag says how an order was issued. Only the priority of an order of the Union says how soon it is due.
    assert not parse(order(flags=flag("IsEmergency"))).order.is_emergency
    national = {"legal": "", "flags": flag("IsEmergency"), "priority": ""}
    assert parse(order(**national)).order.is_emergency
    high = entry("auth:AuthorisationPriority", "AuthorisationPriority", "High")
    assert parse(order(legal="", priority=high)).order.is_high
    deadline = "<task:Deadlines>{}</task:Deadlines>".format(
        "".join(
            f"<task:LDDeadline><task:DateTime>2016-09-0{n}T00:00:00Z</task:DateTime></task:LDDeadline>" for n in (9, 7)
        )
    )
    assert parse(order(task(more=deadline))).order.due.day == 7


def test_flags_of_the_union_are_read():
    flags = "".join(
        flag(name, "EPOCAuthorisationFlag") for name in ("DelayInformingUser", "EnforcingAuthorityNotified")
    )
    form = parse(order(flags=flags)).order.form
    assert (form.has_delay, form.is_notified) == (True, True)


def test_an_authority_is_named_by_its_approval_or_not_at_all():
    validating = APPROVAL.replace("IssuingAuthority", "ValidatingAuthority").replace("Staats", "Rechts")
    assert parse(order(approval=validating + APPROVAL)).order.form.issuing.name == "Staatsanwaltschaft Musterstadt"
    assert parse(order(approval=validating)).order.form.issuing.name == "Rechtsanwaltschaft Musterstadt"
    assert parse(order(approval=validating * 2)).order.form.issuing.name == ""
    made = parse(order(approval=APPROVAL.replace("PublicProsecutor", "Chief"))).order
    assert (made.has_role, made.form.issuing.type) == (False, IssuerType.OTHER)


def test_objects_and_actions_that_are_not_supported_are_told_and_the_order_stands():
    raw = message(
        create(authorisation()),
        create(task()),
        create(INTERCEPT),
        f"<GET><Identifier>{ORDER}</Identifier></GET>",
        "<LIST/>",
        "<GETCSPCONFIG/>",
        f"<DELIVER><Identifier>{object_id(5)}</Identifier>{DOCUMENT.replace(object_id(90), object_id(91))}</DELIVER>",
    )
    content = parse(raw)
    assert [action.number for action in content.unsupported] == ["2", "3", "4", "5", "6"]
    assert content.order.form.identifiers[0].id == "1"
    assert "action 2/LITaskObject/ObjectIdentifier" in {one.path for one in content.shown}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (entry("task:DesiredStatus", "LDTaskDesiredStatus", "Cancelled"), "is cancelled"),
        (entry("task:DesiredStatus", "LDTaskDesiredStatus", "SubsequentProductionRequest"), "will be asked for, and is to be kept until then"),
        ("<task:DesiredPreservationExpiration>2016-12-01T00:00:00Z</task:DesiredPreservationExpiration>", "is to be kept for longer"),
        ("<task:ManualInformation>Cancelled</task:ManualInformation>", "is changed"),
    ],
)  # fmt: skip
def test_changes_of_what_was_asked_before_are_recognised(body, says):
    item = (
        f'<HI1Object xsi:type="task:LPTaskObject"><ObjectIdentifier>{object_id(1)}</ObjectIdentifier>{body}</HI1Object>'
    )
    content = parse(message(update(item)))
    assert ([(one.object_id, one.says) for one in content.changes], content.order) == ([(object_id(1), says)], None)


OF_ANOTHER = task().replace("<c:Owner>ETSI</c:Owner><c:Name>RequestType", "<c:Owner>XX</c:Owner><c:Name>RequestType")
NOT_OURS = f"<task:Flags>{entry('task:LDTaskFlag', 'LDTaskFlag', 'IsNonLocal')}</task:Flags>"
CREATING = entry("auth:AuthorisationDesiredStatus", "AuthorisationDesiredStatus", "CreatingForCSP")
TO_VALIDATOR = DELIVERY.format(entry("task:LDDeliveryProfile", "EPOCDeliveryProfile", "ValidatingAuthority"))


@pytest.mark.parametrize(
    ("raw", "code", "message"),
    [
        (message(create(DOCUMENT), version="V2.1.1"), E.VERSION, "Header/Version/ETSIVersion: expected V1"),
        (order(task(more="<task:HandlingProfile/>")), E.INVALID, "action 1/CREATE/HI1Object/HandlingProfile: an element that is not read here"),
        (order(task(subtype=SUBTYPE + "<task:TargetIdentifierSubtype/>")), E.INVALID, "RequestDetails/TargetIdentifierSubtype: an element that is not read"),
        (order(task(times=TIMES + TIMES)), E.INVALID, "RequestDetails: 2 StartTime, expected one"),
        (order(task(times=TIMES.replace("22:00:00Z", "22:00:00"))), E.INVALID, "StartTime: not a time"),
        (order(task(kind="Everything")), E.IMPROPER_VALUE, "RequestDetails/Type: an unknown value, expected SubscriberData"),
        (order(OF_ANOTHER), E.IMPROPER_VALUE, "Type: of another dictionary, expected ETSI's RequestType"),
        (order(task().replace("AwaitingDisclosure", "AwaitingApproval")), E.IMPROPER_VALUE, "DesiredStatus: an unknown value"),
        (order(task(of=object_id(9))), E.LINK_MISSING, "action 1: of no Authorisation of this message"),
        (order(task(), task()), E.EXISTS, "an ObjectIdentifier stands there twice"),
        (order(task(), keep(2)), E.IMPROPER_VALUE, "tasks of the wrong kind"),
        (order(keep()), E.IMPROPER_VALUE, "tasks of the wrong kind"),
        (order(legal=PRESERVES), E.IMPROPER_VALUE, "tasks of the wrong kind"),
        (message(create(task())), E.LINK_MISSING, "tasks with 0 Authorisations"),
        (message(create(authorisation()), create(authorisation()), create(task())), E.NOT_SUPPORTED, "tasks with 2 Authorisations"),
        (order(task().replace("DE-authority-1-1", "1")), E.IMPROPER_VALUE, "Reference: expected an LDID, like DE-authority-1"),
        (message(create(DOCUMENT), version="one"), E.VERSION, "Header/Version/ETSIVersion: expected V1"),
        (order().replace(b"v1.3.1", b"v" * 256), E.INVALID, "NationalProfileVersion: expected at most 255 characters"),
        (message(create(authorisation())), E.REQUIRED_MISSING, "an Authorisation without a task"),
        (order(task().replace(OWNER, OWNER.replace("DE", "FR"))), E.IMPROPER_VALUE, "action 1: of another owner"),
        (order(task(more=CSP.replace("CSPID", "task:CSPID").replace("provider-1", "other"))), E.IMPROPER_VALUE, "action 1: for another provider"),
        (order(flags=flag("IsTest")), E.NOT_SUPPORTED, "IsTest: it is for test purposes"),
        (order(flags=flag("IsDataAvailable")), E.NOT_SUPPORTED, "it asks only whether there are records"),
        (order(flags=flag("IsUrgent")), E.IMPROPER_VALUE, "AuthorisationFlag: an unknown value"),
        (order(flags=flag("IsEmergency").replace("ETSI", "XX")), E.IMPROPER_VALUE, "AuthorisationFlag: of another dictionary"),
        (order(task(more=NOT_OURS)), E.NOT_SUPPORTED, "IsNonLocal: it names somebody who is not a user"),
        (order(status=CREATING), E.IMPROPER_VALUE, "an unknown value, expected SubmittedToCSP"),
        (order(legal=entry("auth:AuthorisationLegalType", "EPOCLegalType", "EIO")), E.IMPROPER_VALUE, "expected EPOC or EPOCPR"),
        (order(priority=entry("auth:AuthorisationPriority", "EPOCPriority", "Soon")), E.IMPROPER_VALUE, "AuthorisationPriority: an unknown value"),
        (order(approval=APPROVAL * 2), E.IMPROPER_VALUE, "2 IssuingAuthority, expected one"),
        (order(reference=""), E.REQUIRED_MISSING, "no AuthorisationReference"),
        (order(task(), task(2, delivery=TO_VALIDATOR)), E.IMPROPER_VALUE, "tasks for 2 recipients"),
        (order(task().replace("LDTaskObject", "Object")), E.REQUIRED_MISSING, "an Authorisation without a task"),
        (order(task().replace("task:LDTaskObject", "auth:LDTaskObject")), E.INVALID, "@type: of another namespace"),
        (order(task().replace(' xsi:type="task:LDTaskObject"', "")), E.INVALID, "no xsi:type"),
        (message(create(DOCUMENT) * 2), E.INVALID, "2 things to do, expected one"),
        (message(*[create(DOCUMENT)] * 2).replace(b"Identifier>1", b"Identifier>0"), E.DUPLICATE_ACTION, "an ActionIdentifier stands there twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_its_place_and_its_code_in_the_answer(raw, code, message):
    with pytest.raises(MalformedInput, match=re.escape(message)) as caught:
        parse(raw)
    assert "33612345678" not in caught.value.message
    assert (caught.value.code if isinstance(caught.value, Fault) else E.INVALID) is code
    written = format_error(parse_envelope(raw, "m.xml"), caught.value, DAY)
    verify(written)
    answer = etree.fromstring(written)
    texts = {etree.QName(one).localname: one.text for one in answer.iter()}
    assert (texts["ErrorCode"], texts["TransactionIdentifier"]) == (str(int(code)), TRANSACTION)
    assert message in texts["ErrorDescription"]
    assert "m.xml" not in texts["ErrorDescription"]


SIGNED = form1()


@pytest.mark.parametrize(
    "raw",
    [
        b"<!DOCTYPE message>" + SIGNED,
        b"\xef\xbb\xbf \n<!DOCTYPE message>" + SIGNED,
        ("\ufeff<!DOCTYPE message>" + SIGNED.decode()).encode("utf-16-le"),
        ('<?xml version="1.0" encoding="IBM037"?><!DOCTYPE message>' + SIGNED.decode()).encode("cp037"),
        b"The order: " + SIGNED,
        SIGNED.replace(b"</epoc:DateTimeRange>", b"</epoc:DateTimeRange><epoc:Only>x</epoc:Only>"),
        SIGNED.replace(b":59+02:00", b":59.9+02:00"),
        SIGNED + b"<!--" + b"x" * (1 << 20) + b"-->",
    ],
    ids=["type", "mark", "UTF-16", "EBCDIC", "text", "element", "fraction", "size"],
)
def test_form_that_cannot_be_compared_with_the_tasks_is_refused_with_its_action(raw):
    with pytest.raises(Fault, match=r"^m\.xml: action 2: not compared with the tasks: ") as caught:
        parse(order(documents=(document(raw),)))
    assert caught.value.code is E.INVALID
    assert b"33612345678" not in caught.value.message.encode()


def test_document_is_compared_if_it_is_a_form_and_read_by_people_if_it_is_none():
    two_bytes = ("\ufeff" + SIGNED.decode()).encode("utf-16-le")
    for raw in (SIGNED, b"\xef\xbb\xbf" + SIGNED, two_bytes, b"%PDF-1.7 globalCaseId", b"\x89PNG\r\n", b"abc"):
        content = parse(order(documents=(document(raw),)))
        assert (content.differing, [one.raw for one in content.documents]) == ((), [raw])
    said = document(b"\x1f\x8b\x08").replace("text/plain", "application/xml")
    with pytest.raises(Fault, match="action 2: not compared with the tasks: not well-formed XML"):
        parse(order(documents=(said,)))
    assert parse(message(create(said))).order is None, "nothing stands there that it could be compared with"


def test_form_to_preserve_beside_tasks_to_disclose_asks_for_something_else():
    for asked in (evidence(), evidence(value="+33612345679")):
        assert parse(order(documents=(document(form2(asked)),))).differing == ("2",)
    assert parse(order(keep(), documents=(document(SIGNED),), legal=PRESERVES)).differing == ("2",)
    assert parse(order(keep(), documents=(document(form2()),), legal=PRESERVES)).differing == ()


def test_contents_that_are_no_base64_are_refused():
    good = document(SIGNED)
    for bad in (
        good.replace("<doc:Contents>", "<doc:Contents>-"),
        good.replace("<doc:Contents>", "<doc:Contents><doc:x/>"),
        good.replace("<doc:Contents>", "<task:Contents>-").replace("</doc:Contents>", "</task:Contents>"),
    ):
        with pytest.raises(Fault, match="action 2: Contents, expected base64"):
            parse(order(documents=(bad,)))
    assert parse(order(documents=(good.replace("<doc:Contents>", "<doc:Contents>\n "),))).differing == ()


COUNT = len(list(etree.fromstring(FULL).iter()))


def asked_of(content):
    """Whom and when a message asks for; its codes are shown, and change nothing."""
    return [(one.subject, one.kinds, one.periods) for one in judge(content.order.form).asked]


@pytest.mark.parametrize("number", range(1, COUNT))
def test_an_element_that_is_missing_never_changes_who_or_when_is_asked(number):
    root = etree.fromstring(FULL)
    element = list(root.iter())[number]
    element.getparent().remove(element)
    with suppress(MalformedInput):
        content = parse(etree.tostring(root))
        assert content.order is None or asked_of(content) in ([], asked_of(parse(FULL)))


WITHOUT_EFFECT_TWICE = {"AssociatedObject", "AuthorisationFlag"}


@pytest.mark.parametrize("number", range(1, COUNT))
def test_an_element_that_stands_twice_is_refused_or_shown_twice(number):
    root = etree.fromstring(FULL)
    element = list(root.iter())[number]
    element.addnext(copy.deepcopy(element))
    if etree.QName(element).localname in WITHOUT_EFFECT_TWICE:
        return
    with suppress(MalformedInput):
        content = parse(etree.tostring(root))
        assert asked_of(content) == [] or len(list(said(content))) > len(list(said(parse(FULL))))


@pytest.mark.parametrize("number", range(COUNT))
def test_an_unknown_element_attribute_or_text_is_refused_or_shown(number):
    for change in ("element", "attribute", "text"):
        root = etree.fromstring(FULL)
        element = list(root.iter())[number]
        if change == "element":
            etree.SubElement(element, element.tag.partition("}")[0] + "}Strange").text = "strange words!"
        elif change == "attribute":
            element.set("strange", "strange words!")
        else:
            element.text = "strange words!"
        try:
            content = parse(etree.tostring(root))
        except MalformedInput:
            continue
        assert content.order is not None
        assert any("strange" in text for text in said(content) if text), (change, element.tag)


def test_no_text_of_a_message_is_dropped():
    texts = {text for one in etree.fromstring(FULL).iter() if (text := (one.text or "").strip())}
    heard = " ".join(text.replace("+00:00", "Z") for text in said(parse(FULL)) if text)
    known = {"YWJj", "AuthorisationDesiredStatus", "SubmittedToCSP", "LDTaskDesiredStatus", "AwaitingDisclosure",
             "InternationalE164", "RequestType", "AuthorisationFlag"}  # fmt: skip
    assert {text for text in texts if text.replace("+00:00", "Z") not in heard} <= known


LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {after} '{f'&{before};' * 10}'>" for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)
ANSWER = f"<HI1Message {NAMESPACES}><Header/><Payload><ResponsePayload/></Payload></HI1Message>".encode()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (message(create(DOCUMENT), head="<!DOCTYPE HI1Message>"), "has a document type"),
        (
            message(create(DOCUMENT.replace("YWJj", "&i;")), head=LAUGHS + "]>"),
            "not well-formed XML|has a document type",
        ),
        (
            message(create(DOCUMENT), head="<!DOCTYPE x [<!ENTITY f SYSTEM 'file:///etc/passwd'>]>"),
            "has a document type",
        ),
        (message(create(DOCUMENT.replace("YWJj", "<x>" * 300 + "</x>" * 300))), "not well-formed"),
        (order() + b"x" * 2**23, "expected at most 8388608"),
        (order()[:-1], "not well-formed"),
        (order().replace(b"2019/10/Core", b"2099/10/Core"), "of another namespace"),
        (ANSWER, "0 Version|an answer to a message"),
        (b"<message/>", "expected HI1Message"),
        (order().replace(b"TransactionIdentifier", b"Transaction"), "0 TransactionIdentifier"),
        (order().replace(TRANSACTION.encode(), b"1"), "TransactionIdentifier: expected a UUID"),
    ],
)
def test_a_message_that_nobody_can_be_answered_for_is_refused(raw, message):
    with pytest.raises(MalformedInput, match=message):
        parse_envelope(raw, "m.xml")


def test_elements_of_another_namespace_are_not_taken_for_those_of_the_standard():
    strange = '<x:AuthorisationReference xmlns:x="urn:x">another</x:AuthorisationReference>'
    content = parse(order(more=strange))
    assert content.order.form.case_id == REFERENCE
    assert "another" in {one.text for one in content.shown}
    with pytest.raises(MalformedInput, match="expected an element of the namespaces of ETSI TS 103 120"):
        parse(order(task(more='<x:Quota xmlns:x="urn:x">9</x:Quota>')))


def test_a_message_is_known_by_its_root():
    assert is_message(order())
    assert not is_message(b"<message/>")
    assert not is_message(b"%PDF-1.7")


@given(st.binary(max_size=300) | st.integers(0, len(FULL)).map(lambda cut: FULL[:cut]))
def test_arbitrary_bytes_are_read_or_refused(raw):
    with suppress(MalformedInput):
        parse(raw)


@given(st.integers(0, len(FULL) - 1), st.binary(min_size=1, max_size=2))
def test_a_changed_message_is_read_or_refused(place, change):
    with suppress(MalformedInput):
        parse(FULL[:place] + change + FULL[place + len(change) :])
