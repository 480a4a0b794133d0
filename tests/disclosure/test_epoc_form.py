"""Forms of European orders: every element is read, shown, or refused by its path; nothing is dropped."""

import copy
import os
import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from coffer.disclosure.epoc.form import Endpoint
from coffer.disclosure.epoc.names import DataCategory, Deadline, FormKind, IssuerType
from coffer.disclosure.epoc.reading import parse_form
from coffer.errors import MalformedInput
from epoc_forms import CONTENT, EMERGENCY, TRAFFIC, evidence, form1, form2, later_form

SAMPLES = os.environ.get("COFFER_EPOC_SAMPLES", "")
"""A folder of other people's forms, where there is one: they are not the project's to keep."""


def parse(raw):
    return parse_form(raw, "form.xml")


def texts(raw):
    """Every text and attribute of a form, in its order."""
    return [text for element in etree.fromstring(raw).iter() if (text := (element.text or "").strip())]


def said(form):
    """Every text that the value holds."""
    yield from (form.case_id, form.form_id, form.parent_id, form.kind, form.deadline, form.recipient)
    for end in (form.authority, form.provider):
        yield from () if end is None else (end.country, end.national_id)
    if form.issuing is not None:
        yield from (form.issuing.type, form.issuing.name, form.issuing.file_reference)
    for one in form.identifiers:
        yield from (one.id, one.type, one.value, one.other)
        for span in one.ranges:
            yield from (span.start.isoformat(), span.end.isoformat())
        for category in one.categories:
            yield from (*category.options, category.other)
    yield from () if form.extended_days is None else (f"P{form.extended_days}D",)
    yield from (shown.text for shown in form.shown)


def test_a_production_order_is_read():
    form = parse(
        form1(more="<f:SectionH><f:DelayConditions/></f:SectionH><f:SectionK><f:EnforcingAuthority/></f:SectionK>")
    )
    assert (form.kind, form.deadline, form.issuing_country) == (FormKind.PRODUCTION, Deadline.SOON, "DE")
    assert form.authority == Endpoint(country="DE", national_id="authority-1")
    assert form.provider == Endpoint(country="FR", national_id="provider-1")
    assert (form.issuing.type, form.issuing.file_reference) == (IssuerType.PROSECUTOR, "12 Js 345/16")
    assert (form.has_delay, form.is_notified) == (True, True)
    (one,) = form.identifiers
    assert (one.id, one.value, one.categories[0].options) == ("1", "+33612345678", ("TELEPHONY_IDENTIFIERS",))
    assert one.ranges[0].start.isoformat() == "2016-09-01T00:00:00+02:00"
    assert "33612345678" not in repr(form) + repr(one) + repr(form.shown)


@pytest.mark.parametrize("raw", [form1(), form1(deadline=EMERGENCY), form2(), later_form(5), later_form(6)])
def test_no_text_of_a_form_is_dropped(raw):
    assert sorted(texts(raw)) == sorted(text for text in said(parse(raw)) if text and text not in tuple(FormKind))


def test_no_text_of_a_sample_is_dropped():
    paths = sorted(Path(SAMPLES).glob("*.xml")) if SAMPLES else []
    if not paths:
        pytest.skip("COFFER_EPOC_SAMPLES names no folder of forms")
    for path in paths:
        raw = path.read_bytes()
        if b"epocForm3>" in raw:
            with pytest.raises(MalformedInput, match="Form 3, a provider's own reply"):
                parse(raw)
        else:
            assert sorted(texts(raw)) == sorted(
                text for text in said(parse(raw)) if text and text not in tuple(FormKind)
            )


@pytest.mark.parametrize("number", [5, 6])
def test_forms_that_follow_a_preservation_are_recognised(number):
    form = parse(later_form(number))
    assert (form.identifiers, form.issuing, form.deadline) == ((), None, None)
    assert form.parent_id == "6f1a2c10-0007-4000-8000-000000000007"


FULL = form1(
    evidence(data=TRAFFIC + CONTENT + "<epoc:OtherInformation>as agreed</epoc:OtherInformation>"),
    more="<f:SectionH><f:DelayConditions/></f:SectionH>",
)
COUNT = len(list(etree.fromstring(FULL).iter()))
OPTIONAL = {
    "ServiceProviderConcerned", "TechnicalIdentifier", "DateTimeRange", "Traffic", "Content", "Option", "OtherInformation",
    "NameOfAuthority", "FileReference", "TelNo", "SignatureOfAuthority", "Date", "SectionH", "DelayConditions",
}  # fmt: skip
SHOWN_TWICE = {"TelNo", "SignatureOfAuthority", "Date", "DateTimeRange", "Option"}


@pytest.mark.parametrize("number", range(1, COUNT))
def test_an_element_that_is_missing_is_refused_unless_the_form_may_do_without(number):
    root = etree.fromstring(FULL)
    element = list(root.iter())[number]
    name = etree.QName(element).localname
    element.getparent().remove(element)
    if name in OPTIONAL:
        parse(etree.tostring(root))
        return
    with pytest.raises(MalformedInput, match=r"form\.xml"):
        parse(etree.tostring(root))


@pytest.mark.parametrize("number", range(1, COUNT))
def test_an_element_that_stands_twice_is_refused_or_shown_twice(number):
    root = etree.fromstring(FULL)
    element = list(root.iter())[number]
    name = etree.QName(element).localname
    element.addnext(copy.deepcopy(element))
    if name in SHOWN_TWICE:
        assert len(list(said(parse(etree.tostring(root))))) > len(list(said(parse(FULL))))
        return
    with pytest.raises(MalformedInput, match=r"form\.xml"):
        parse(etree.tostring(root))


@pytest.mark.parametrize("number", range(COUNT))
def test_an_unknown_element_attribute_or_text_is_refused_or_shown(number):
    for change in ("element", "attribute", "text"):
        root = etree.fromstring(FULL)
        element = list(root.iter())[number]
        if change == "element":
            etree.SubElement(element, "Strange").text = "strange words"
        elif change == "attribute":
            element.set("strange", "strange words")
        else:
            element.text = "strange words"
        try:
            form = parse(etree.tostring(root))
        except MalformedInput:
            continue
        assert any("strange words" in text for text in said(form) if text), (change, element.tag)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("<epoc:Id>1", "<epoc:Quota>9</epoc:Quota><epoc:Id>1", "SectionEToF/Evidence/Identifier/Quota: an element that is not"),
        ("<epoc:Start>2016-09-01T00:00:00+02:00", "<epoc:Start>2016-09-01T00:00:00", "DateTimeRange/Start: not a time"),
        ("<epoc:Start>2016-09-01T00:00:00+02:00", "<epoc:Start>2016-09-01T00:00:00+25:00", "Start: not a time"),
        ("<epoc:Start>2016-09-01T00:00:00+02:00", "<epoc:Start>2016-09-01T00:00:00.5+02:00", "Start: not a time"),
        ("<epoc:Start>2016-09-01T00:00:00+02:00", "<epoc:Start>2016-02-30T00:00:00Z", "Start: not a time"),
        ("<epoc:End>2016-09-02T23:59:59+02:00", "<epoc:End>9999-12-31T23:59:59Z", "End: not a time"),
        ("PHONE_NUMBER", "IMSI", "Type: an unknown code"),
        ("AS_SOON_AS_POSSIBLE", "TOMORROW", "WithinTenDays: an unknown code, expected AS_SOON"),
        ("PUBLIC_PROSECUTOR", "POLICE", "SectionI/Type: an unknown code"),
        ("ISSUING_AUTHORITY", "ANYONE", "AuthorityCompetences: an unknown code"),
        ("EPOC-DE-FR", "EPOCPR-DE-FR", "globalCaseId: of another instrument, expected EPOC"),
        ("EPOC-DE-FR", "EPOC-de-FR", "globalCaseId: expected INSTRUMENT"),
        ("6f1a2c10-0001", "6F1A2C10-0001", "formId: expected a UUID"),
        ("message", "letter", "letter: not the root of a form, expected message of the forms' namespaces"),
        ("<message ", '<message xmlns="urn:other" ', "message: not the root of a form, expected message"),
        ("<f:SectionI>", "<f:SectionEToG/><f:SectionI>", "SectionEToG: an element that is not read here, expected a section"),
        ("EPOC-FORM_1#", "EPOC-PR-FORM-2#", "epocForm1: of another namespace"),
        ("edm/1/ns/eio", "edm/2/ns/eio", "an element that is not read here, expected an element of the forms' namespaces"),
        ("f:SectionI>", "f:Annex>", "epocForm1/Annex: an element that is not read here, expected a section"),
        ("epocForm1>", "epocForm9>", "message/form/epocForm9: an element that is not read here"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_path(before, after, message):
    text = form1().decode()
    assert before in text
    with pytest.raises(MalformedInput, match=re.escape(message)) as caught:
        parse(text.replace(before, after).encode())
    assert "33612345678" not in caught.value.message


def test_times_with_z_and_empty_fractions_are_the_same_moments():
    for start in ("2016-08-31T22:00:00Z", "2016-08-31T22:00:00.000Z", "2016-08-31T22:00:00-00:00"):
        (one,) = parse(form1(evidence(ranges=[(start, "2016-09-01T00:00:00+02:00")]))).identifiers
        assert one.ranges[0].start == one.ranges[0].end


def test_two_identifiers_of_one_number_in_the_form_are_refused():
    with pytest.raises(MalformedInput, match="an Id stands there twice"):
        parse(form1(evidence(), evidence(value="+33698765432")))


LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {after} '{f'&{before};' * 10}'>" for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (form1(head="<!DOCTYPE message>"), "has a document type"),
        (form1(evidence(value="&i;"), head=LAUGHS + "]>"), "not well-formed XML|has a document type"),
        (form1(head="<!DOCTYPE x [<!ENTITY f SYSTEM 'file:///etc/passwd'>]>"), "has a document type"),
        (form1(evidence(value="&f;")), "not well-formed"),
        (form1(more="<f:SectionM>" + "<f:x>" * 300 + "</f:x>" * 300 + "</f:SectionM>"), "not well-formed"),
        (form1(more=f"<f:SectionM>{'x' * 2**20}</f:SectionM>"), "expected at most 1048576"),
        (form1()[:-1], "not well-formed"),
        (b"", "not well-formed"),
    ],
)
def test_hostile_xml_is_refused(raw, message):
    with pytest.raises(MalformedInput, match=message):
        parse(raw)


@given(st.binary(max_size=300) | st.integers(0, len(FULL)).map(lambda cut: FULL[:cut]))
def test_arbitrary_bytes_are_read_or_refused(raw):
    with suppress(MalformedInput):
        parse(raw)


@given(st.integers(0, len(FULL) - 1), st.binary(min_size=1, max_size=2))
def test_a_changed_form_is_read_or_refused(place, change):
    try:
        form = parse(FULL[:place] + change + FULL[place + len(change) :])
    except MalformedInput:
        return
    asked = {category.category for one in form.identifiers for category in one.categories}
    assert asked <= set(DataCategory)
