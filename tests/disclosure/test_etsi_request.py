"""ETSI requests: followed only where the note says exactly the same."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffer.disclosure.etsi_request import RequestReference, find_reference, parse_etsi_request
from coffer.errors import MalformedInput, Refused

PARTY = "telephonyRecord/telephonyServiceUsage/partyInformation/TelephonyPartyInformation"
START = "telephonyRecord/telephonyServiceUsage/communicationTime/startTime"
END = "telephonyRecord/telephonyServiceUsage/communicationTime/endTime"
MAIL = "messageRecord/msgServiceUsage"


def nested(path, text):
    names = path.split("/")
    return "".join(f"<{name}>" for name in names) + text + "".join(f"</{name}>" for name in reversed(names))


def constraint(name, *leaves):
    return f"<{name}>{''.join(nested(path, text) for path, text in leaves)}</{name}>"


NUMBER = constraint("equals", (f"{PARTY}/partyNumber", "33612345678"))
FROM = constraint("greaterThanOrEqualTo", (START, "20160901000000Z"))
TO = constraint("lessThanOrEqualTo", (START, "20160903235959Z"))


def message(*constraints, header="", extra="<maxHits>500</maxHits>", number="REQ-1", head=""):
    return (
        f'{head}<RetainedDataMessage xmlns="http://uri.etsi.org/02657/v1.28.1#/RetainedData"><retainedDataHeader><requestID>'
        f"<countryCode>FR</countryCode><authorisedOrganisationID>LEA-0001</authorisedOrganisationID>"
        f"<requestNumber>{number}</requestNumber></requestID><cSPID>x</cSPID>{header}</retainedDataHeader>"
        f"<retainedDataPayload><requestMessage><requestPriority>1</requestPriority><requestParameters>"
        f"{''.join(constraints)}</requestParameters>{extra}</requestMessage></retainedDataPayload></RetainedDataMessage>"
    ).encode()


def parse(raw):
    return parse_etsi_request(raw, "request.xml")


def test_a_request_for_a_number_is_read():
    found = parse(message(NUMBER, FROM, TO))
    assert found.reference == RequestReference(country="FR", organisation="LEA-0001", number="REQ-1")
    assert (found.subjects, found.kinds, found.max_hits) == (("tel:+33612345678",), ("call", "text"), 500)
    assert found.period.format() == "2016-09-01T00:00:00+00:00 2016-09-04T00:00:00+00:00"
    assert "33612345678" not in repr(found)


def test_items_may_be_wrapped_and_times_may_have_an_offset():
    times = [
        constraint("greaterThanOrEqualTo", (f"{PARTY}/communicationTime/startTime", "20160901020000+0200")),
        constraint("lessThanOrEqualTo", (END, "20160904015959+0200")),
    ]
    wrapped = [f"<RequestConstraint>{item}</RequestConstraint>" for item in (NUMBER, *times)]
    assert parse(message(*wrapped)).period.is_whole_days
    assert parse(message(*wrapped)) == parse(message(NUMBER, FROM, TO))
    assert parse(message(*wrapped)).period.format() == "2016-09-01T02:00:00+02:00 2016-09-04T02:00:00+02:00"


def test_a_request_for_addresses_is_one_for_emails():
    several = constraint(
        "isAMemberOf", (f"{MAIL}/emailAddress", "a@corp.example"), (f"{MAIL}/emailAddress", "b@corp.example")
    )
    times = [
        constraint("greaterThanOrEqualTo", (f"{MAIL}/communicationTime/startTime", "20160901000000Z")),
        constraint("lessThanOrEqualTo", (f"{MAIL}/communicationTime/endTime", "20160901235959Z")),
    ]
    found = parse(message(several, *times, extra=""))
    assert (found.subjects, found.kinds) == (("mailto:a@corp.example", "mailto:b@corp.example"), ("email",))
    assert found.max_hits is None


def test_a_request_in_local_days_is_taken_exactly():
    local = constraint("greaterThanOrEqualTo", (START, "20160901000000+0200"))
    period = parse(message(NUMBER, local, TO)).period
    assert period.format() == "2016-09-01T00:00:00+02:00 2016-09-04T00:00:00+00:00"
    assert (period.first_day, period.last_day) == (dt.date(2016, 8, 31), dt.date(2016, 9, 3))


def test_a_conformant_message_is_read():
    """As the standard's own module has it: rdHeaderId, a small letter, portions, another name for the request."""
    raw = message(NUMBER, FROM, TO, extra="<maxHits>500</maxHits><maxRecordsPerBatch>100</maxRecordsPerBatch>")
    raw = raw.replace(b"<retainedDataHeader>", b"<rdHeaderId>0.4.0.2.3.0.28</rdHeaderId><retainedDataHeader>")
    raw = raw.replace(b"RetainedDataMessage", b"retainedDataMessage")
    raw = raw.replace(b"</requestNumber>", b"</requestNumber><externalIdentifier><x>1</x></externalIdentifier>")
    assert parse(raw) == parse(message(NUMBER, FROM, TO))


@pytest.mark.parametrize("value", ["", "0.4.0.2.2.0.28", "0.4.0.2.3.0", "0.4.0.2.3.0.028", "1.2.3"])
def test_a_message_of_another_standard_is_malformed(value):
    raw = message(NUMBER, FROM, TO)
    head = f"<rdHeaderId>{value}</rdHeaderId><retainedDataHeader>".encode()
    with pytest.raises(MalformedInput, match="rdHeaderId"):
        parse(raw.replace(b"<retainedDataHeader>", head))


def test_a_number_with_slashes_and_a_message_without_one_are_read():
    assert parse(message(NUMBER, FROM, TO, number="REQ/2016/7")).reference.number == "REQ/2016/7"
    without = message(NUMBER, FROM, TO).replace(b"<requestNumber>REQ-1</requestNumber>", b"")
    assert parse(without).reference == RequestReference(country="FR", organisation="LEA-0001", number="")


def test_number_that_reads_like_the_reference_of_another_request_is_malformed():
    with pytest.raises(MalformedInput, match="reads like the reference of another request"):
        parse(message(NUMBER, FROM, TO, number="1; ETSI request DE/LEA/2"))


def test_requests_that_others_wrote_are_read(shared):
    """A national number alone is refused: which country it belongs to would be a guess."""
    found = {path.name: path.read_bytes() for path in sorted((shared / "samples/etsi").glob("request-*.xml"))}
    assert len(found) >= 8
    with pytest.raises(MalformedInput, match="international number"):
        parse(found.pop("request-national-number.xml"))
    for raw in found.values():
        assert parse(raw).period.format() == "2016-09-01T00:00:00+00:00 2016-09-02T00:00:00+00:00"


@pytest.mark.parametrize("text", ["0612345678", "336123456", "+0612345678", "9991234567"])
def test_number_without_its_country_has_a_hint_that_says_how_to_ask_for_it(text):
    with pytest.raises(MalformedInput, match="partyNumber") as caught:
        parse(message(constraint("equals", (f"{PARTY}/partyNumber", text)), FROM, TO))
    assert text not in caught.value.message
    assert caught.value.hint.startswith("it begins with no calling code: ask the authority whose number it is")
    assert "--subject and --home" in caught.value.hint


@pytest.mark.parametrize("name", ["startsWith", "endsWith", "notEqualTo", "lessThan", "greaterThan"])
def test_request_for_many_numbers_at_once_is_refused(name):
    with pytest.raises(Refused, match=f"{name} is not followed"):
        parse(message(constraint(name, (f"{PARTY}/partyNumber", "336")), FROM, TO))
    parse(message(constraint("equals", (f"{PARTY}/partyNumber", "33612345678")), FROM, TO))


@pytest.mark.parametrize("name", ["greaterThanOrEqualTo", "lessThanOrEqualTo"])
def test_request_for_a_range_of_numbers_is_refused(name):
    with pytest.raises(Refused, match="something other than a time"):
        parse(message(constraint(name, (f"{PARTY}/partyNumber", "33612345678")), NUMBER, FROM, TO))


@pytest.mark.parametrize(
    "path",
    [
        f"{PARTY}/detailedLocation/cellInformation/userLocationInformation",
        f"{PARTY}/partyRole",
        "networkAccessRecord/naServiceUsage/iPAddress",
        START,
    ],
)
def test_request_by_place_role_or_moment_is_refused(path):
    with pytest.raises(Refused, match="other than a number, a device or an e-mail address"):
        parse(message(constraint("equals", (path, "33612345678")), FROM, TO))


def test_request_for_everyone_near_a_place_beside_a_number_is_refused():
    place = constraint(
        "equals", (f"{PARTY}/detailedLocation/cellInformation/userLocationInformation", "0102F8101A2B3C4D")
    )
    with pytest.raises(Refused, match="a second condition on who"):
        parse(message(NUMBER, place, FROM, TO))


def test_request_for_who_was_in_touch_with_whom_is_refused():
    other = constraint("equals", (f"{PARTY}/partyNumber", "33698765432"))
    with pytest.raises(Refused, match="a second condition on who"):
        parse(message(NUMBER, other, FROM, TO))
    both = constraint("isAMemberOf", (f"{PARTY}/partyNumber", "33612345678"), (f"{PARTY}/partyNumber", "33698765432"))
    assert len(parse(message(both, FROM, TO)).subjects) == 2


@pytest.mark.parametrize(
    ("name", "digits", "line"),
    [("iMEI", "490154203237518", "imei:490154203237518"), ("iMSI", "208011234567890", "imsi:208011234567890")],
)
def test_a_handset_or_a_sim_can_be_asked_for(name, digits, line):
    request = parse(message(constraint("equals", (f"{PARTY}/{name}", digits)), FROM, TO))
    assert (request.subjects, request.kinds) == ((line,), ("call", "text"))


@pytest.mark.parametrize(
    ("name", "digits"),
    [
        ("iMEI", "490154203237517"),
        ("iMEI", "49015420323751"),
        ("iMEI", "9410450232371510"),  # octets of TBCD: pairs of digits the other way round
        ("iMEI", "000000000000000"),
        ("iMSI", "001011234567890"),
        ("iMSI", "02081132547698"),
    ],
)
def test_digits_that_may_be_those_of_another_device_are_refused(name, digits):
    with pytest.raises(MalformedInput, match=name.upper()):
        parse(message(constraint("equals", (f"{PARTY}/{name}", digits)), FROM, TO))


def test_request_that_hides_a_second_condition_beside_the_number_is_refused():
    two = f"<equals>{nested(PARTY, '<partyNumber>33612345678</partyNumber><iMSI>208011234567890</iMSI>')}</equals>"
    with pytest.raises(Refused, match="several things at once"):
        parse(message(two, FROM, TO))


@pytest.mark.parametrize("constraints", [(FROM, TO), (NUMBER, TO), (NUMBER, FROM), (NUMBER,), ()])
def test_request_without_who_or_when_is_refused(constraints):
    with pytest.raises(Refused, match=r"names no number, address or device|no first and last moment"):
        parse(message(*constraints))


def test_request_for_more_than_twenty_is_refused():
    def members(count):
        return constraint("isAMemberOf", *((f"{PARTY}/partyNumber", f"336123456{n:02d}") for n in range(count)))

    with pytest.raises(Refused, match="21 values, expected at most 20"):
        parse(message(members(21), FROM, TO))
    assert len(parse(message(members(20), FROM, TO)).subjects) == 20


@pytest.mark.parametrize("extra", ["<nationalRequestParameters/>", "<anything>1</anything>"])
def test_request_with_a_condition_that_is_not_read_is_refused(extra):
    with pytest.raises(Refused, match="an element that is not read here"):
        parse(message(NUMBER, FROM, TO, extra=extra))
    parse(message(NUMBER, FROM, TO, extra="<deliveryPointHIB/>"))


def test_request_that_mixes_calls_and_emails_is_refused():
    end = constraint("lessThanOrEqualTo", (f"{MAIL}/communicationTime/startTime", "20160903235959Z"))
    with pytest.raises(Refused, match="two types of record"):
        parse(message(NUMBER, FROM, end))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not xml",
        b"<a/>",
        message(NUMBER, FROM, TO)[:-1],
        message(NUMBER, FROM, TO, header="<thirdPartyCSPID>x</thirdPartyCSPID>"),
        message(NUMBER, FROM, TO, number="a" * 65),
        message(NUMBER, FROM, constraint("lessThanOrEqualTo", (START, "99991231235959Z"))),
        message(NUMBER, FROM, constraint("lessThanOrEqualTo", (START, "20160903235959+0007"))),
        message(NUMBER, FROM, TO, number=""),
        message(NUMBER, FROM, TO, extra="<maxHits>-1</maxHits>"),
        message(NUMBER, FROM, TO, extra="<maxHits>1</maxHits><maxHits>2</maxHits>"),
        message(NUMBER, FROM, constraint("lessThanOrEqualTo", (START, "2016-09-03T23:59:59Z"))),
        message(NUMBER, FROM, constraint("lessThanOrEqualTo", (START, "20160931000000Z"))),
        message(NUMBER, FROM, constraint("lessThanOrEqualTo", (START, "00010101000000+2359"))),
        message(NUMBER, FROM, constraint("lessThanOrEqualTo", (START, "20160831000000Z"))),
        message(constraint("equals", (f"{PARTY}/partyNumber", "0612345678")), FROM, TO),
        message(constraint("equals", (f"{PARTY}/partyNumber", "336*")), FROM, TO),
        message(NUMBER, FROM, TO, head='<!DOCTYPE x [<!ENTITY a "b">]>'),
        b" " * (1 << 20) + message(NUMBER, FROM, TO),
    ],
)
def test_what_is_no_request_is_malformed_and_names_nobody(raw):
    with pytest.raises(MalformedInput, match=r"^request\.xml: ") as caught:
        parse(raw)
    assert "612345678" not in str(caught.value)


def test_entities_are_neither_followed_nor_expanded(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("33612345678")
    for entity in (f'SYSTEM "{secret.as_uri()}"', '"33612345678"'):
        head = f"<!DOCTYPE RetainedDataMessage [<!ENTITY n {entity}>]>"
        with pytest.raises(MalformedInput, match="document type"):
            parse(message(constraint("equals", (f"{PARTY}/partyNumber", "&n;")), FROM, TO, head=head))


def test_a_reference_is_found_only_where_one_was_written():
    reference = RequestReference(country="FR", organisation="LEA 1", number="R;1")
    assert find_reference(f"Art. 60-1 CPP; {reference.format()}") == reference
    assert find_reference(reference.format()) == reference
    for number in ("", "REQ/7", "a/b/c", "%2F"):
        for organisation in ("LEA/1", "a%2Fb", "%", "LEA"):
            odd = RequestReference(country="FR", organisation=organisation, number=number)
            assert find_reference(f"case; {odd.format()}") == odd
    for text in (
        "case 1",
        f"{reference.format()} ",
        "ETSI request FR/a%20b/c",
        "ETSI request FR/a/",
        "an ETSI request FR/a/b",
        "ETSI request FR/ a/b",
    ):
        assert find_reference(text) is None


WORDS = st.sampled_from(
    [
        "equals",
        "isAMemberOf",
        "greaterThanOrEqualTo",
        "lessThanOrEqualTo",
        "startsWith",
        "RequestConstraint",
        "telephonyRecord",
        "messageRecord",
        "telephonyServiceUsage",
        "partyInformation",
        "TelephonyPartyInformation",
        "partyNumber",
        "iMSI",
        "communicationTime",
        "startTime",
        "endTime",
    ]
)
TREES = st.recursive(
    st.sampled_from(["", "33612345678", "20160901000000Z", "x"]),
    lambda inner: st.lists(st.tuples(WORDS, inner).map(lambda p: f"<{p[0]}>{p[1]}</{p[0]}>"), max_size=3).map("".join),
    max_leaves=12,
)


@given(raw=st.binary(max_size=400))
def test_any_bytes_are_malformed_or_refused(raw):
    with pytest.raises((MalformedInput, Refused), match=r"^request\.xml: "):
        parse(raw)


@given(at=st.integers(0, len(message(NUMBER, FROM, TO)) - 1), value=st.integers(0, 255))
def test_any_byte_changed_is_read_malformed_or_refused(at, value):
    raw = message(NUMBER, FROM, TO)
    try:
        found = parse(raw[:at] + bytes([value]) + raw[at + 1 :])
    except (MalformedInput, Refused):
        return
    assert len(found.subjects) == 1


@given(tree=TREES)
def test_any_tree_of_known_names_is_read_malformed_or_refused(tree):
    for constraints in ((tree,), (NUMBER, FROM, TO, tree)):
        try:
            found = parse(message(*constraints))
        except (MalformedInput, Refused):
            continue
        assert found.subjects == ("tel:+33612345678",)
