"""ETSI responses as a client that is in use imports them."""

import csv
import datetime as dt
import re
from dataclasses import replace
from pathlib import Path

import pytest
from etsi_client import decode_location, import_header, import_rows, local
from lxml import etree

from coffer.disclosure.answer import SupersededBatch
from coffer.disclosure.etsi import EtsiHeader, default_header, format_etsi, party_number, user_location
from coffer.errors import MalformedInput
from coffer.identity.identifier import parse_subject

GOLDEN = Path(__file__).parent / "golden"
NOW = dt.datetime(2016, 9, 5, 12, 0, 0, tzinfo=dt.UTC)
HEADER = EtsiHeader(country="FR", organisation="LEA-0001", request_number="REQ-1", csp="CSP")


def response(disclosure, **options):
    return format_etsi(disclosure, HEADER, now=NOW, **options)


def only(files):
    assert list(files) == ["etsi/response-0001.xml"]
    return files["etsi/response-0001.xml"]


def test_our_reader_imports_what_the_real_client_imported(samples):
    found = import_rows((samples / "etsi/response.xml").read_bytes())
    expected = list(csv.DictReader((samples / "etsi/imported_rows.csv").read_text("utf-8").splitlines()))
    assert len(found) == len(expected) == 6
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == {key: theirs[key] for key in ours}


def test_twelve_records_are_imported_as_worked_out_by_hand(golden):
    found = import_rows(only(response(golden)))
    expected = list(csv.DictReader((GOLDEN / "imported_rows.csv").read_text("utf-8").splitlines()))
    assert [{key: line.get(key, "") for key in expected[0]} for line in found] == expected


def test_twelve_records_as_they_are_written(golden):
    assert only(response(golden)) == (GOLDEN / "response.xml").read_bytes()


def test_the_header_gives_the_client_its_request_row(golden):
    assert import_header(only(response(golden))) == {
        "countryCode": "FR",
        "authorisedOrganisationID": "LEA-0001",
        "requestNumber": "REQ-1",
        "cSPID": "CSP",
        "timeStamp": "20160905120000Z",
    }


def test_every_record_has_a_session_of_its_own(golden):
    sessions = {(line["record_number"], line["session_id"]) for line in import_rows(only(response(golden)))}
    assert len(sessions) == len({session for _, session in sessions}) == len(golden.rows)


def test_cell_and_devices_stand_in_the_leg_of_the_subject_alone(golden):
    rows = import_rows(only(response(golden)))
    placed = [line for line in rows if line.get("user_location_info") or line.get("imsi") or line.get("na_device_id")]
    assert {line["msisdn"] for line in placed} == {"33612345678"}
    assert len(placed) == 4


def test_an_email_is_never_disguised_as_a_telephone_party(golden):
    root = etree.fromstring(only(response(golden)))
    emails = [
        r for r in root.iter() if local(r) == "ResponseRecord" and any(local(e) == "messageRecord" for e in r.iter())
    ]
    assert len(emails) == 2
    assert not [e for record in emails for e in record.iter() if local(e) == "TelephonyPartyInformation"]
    numbers = [e.text for e in root.iter() if local(e) == "partyNumber"]
    assert not [text for text in numbers if not re.fullmatch("[0-9]+", text)]


@pytest.mark.parametrize(("count", "sizes"), [(0, [0]), (1, [1]), (4, [4]), (5, [4, 1]), (8, [4, 4]), (12, [4, 4, 4])])
def test_large_answers_are_split_and_only_the_last_is_complete(golden, count, sizes):
    files = response(replace(golden, rows=golden.rows[:count]), max_records=4)
    assert list(files) == [f"etsi/response-{n + 1:04d}.xml" for n in range(len(sizes))]
    roots = [etree.fromstring(raw) for raw in files.values()]
    states = [local(next(e for e in root.iter() if local(e) == "responseStatus")[0]) for root in roots]
    assert states == ["responseIncomplete"] * (len(sizes) - 1) + ["responseComplete"]
    numbers = [[e.text for e in root.iter() if local(e) == "recordNumber"] for root in roots]
    assert [len(part) for part in numbers] == sizes
    assert [int(n) for part in numbers for n in part] == list(range(1, count + 1))


def test_what_cannot_stand_in_xml_is_replaced(golden):
    odd = replace(golden.rows[9], peer="mailto:a\udcff\x85\ufffe@corp.example")
    rows = import_rows(only(response(replace(golden, rows=(odd,)))))
    assert "a\ufffd\x85\ufffd@corp.example" in rows[0]["other_information"]


def test_the_default_header_is_of_the_authorization_or_of_the_request_it_came_from(golden):
    terms = golden.authorization.terms
    assert default_header(terms) == EtsiHeader(
        country="FR", organisation="Court", request_number=bytes(range(16)).hex(), csp="test.example/vault"
    )
    asked = replace(terms, basis="case 1; ETSI request DE/LEA-0001/REQ-7")
    assert default_header(asked) == EtsiHeader(
        country="DE", organisation="LEA-0001", request_number="REQ-7", csp="test.example/vault"
    )


@pytest.mark.parametrize(
    "change", [{"country": "France"}, {"organisation": ""}, {"request_number": "\u00e9"}, {"csp": "x" * 201}]
)
def test_a_header_that_no_client_takes_is_malformed(change):
    with pytest.raises(MalformedInput, match=f"ETSI header: {next(iter(change))}"):
        replace(HEADER, **change)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("208-01-6699-15437", "0102F8101A2B3C4D"),
        ("310-410-1-65535", "011300140001FFFF"),
        ("310-410-1-65536", "1013001400010000"),
        ("208-01-77-268435455", "1002F8100FFFFFFF"),
    ],
)
def test_cells_on_each_side_of_the_longest_cell_identity_of_gsm(cell, expected):
    assert user_location(cell).hex().upper() == expected
    assert decode_location(expected)["cell_mcc"] == str(int(cell.split("-")[0]))


@pytest.mark.parametrize(
    ("identity", "number"),
    [
        ("tel:+33612345678", "33612345678"),
        ("short:FR/0017", "0017"),
        ("sender:CORP", ""),
        ("opaque:pbx/201", ""),
        ("", ""),
    ],
)
def test_only_numbers_are_party_numbers(identity, number):
    assert party_number(identity) == number


def the(raw, name):
    return [e for e in etree.fromstring(raw).iter() if local(e) == name]


def test_a_message_begins_as_the_standard_has_it(golden):
    root = etree.fromstring(only(response(golden)))
    assert local(root) == "retainedDataMessage"
    assert (local(root[0]), root[0].text) == ("rdHeaderId", "0.4.0.2.3.0.28")


def test_party_type_is_last_in_every_leg_and_is_the_call_indicator(golden):
    legs = the(only(response(golden)), "TelephonyPartyInformation")
    kinds = [[local(e) for e in leg] for leg in legs]
    known = [leg for leg in legs if local(leg[-1]) == "partyType"]
    assert {"partyType" not in names[:-1] for names in kinds} == {True}
    assert {leg[-1][0].text for leg in known} == {"MOC", "MTC", "MOM", "MTM"}
    assert len(legs) - len(known) == 2  # the two legs of the record without a direction


def test_only_a_call_that_came_without_a_number_says_that_its_caller_was_withheld(golden):
    assert len(the(only(response(golden)), "cliWithheld")) == 1
    outgoing = replace(golden.rows[1], direction="out")
    assert not the(only(response(replace(golden, rows=(outgoing,)))), "cliWithheld")


def test_an_email_has_its_time_and_its_addresses(golden):
    mail = the(only(response(golden)), "msgTransmission")[0]
    assert [(local(e), "".join(e.itertext()).strip()) for e in mail] == [
        ("dateTime", "20160903090000Z"),
        ("senderAddress", "tel:+33612345678"),
        ("recipients", "bob@corp.example"),
    ]


def test_an_answer_of_which_parts_are_not_certain_says_so_with_every_record_and_once(golden):
    sure = only(response(golden))
    assert b"Unconfirmed" not in sure
    alone = (replace(golden.cells[0], status="unconfirmed", by=("judge", "dpo")), *golden.cells[1:])
    words = "1 of them: nothing found and nobody else could confirm it"
    custodians = {"judge": "answered", "dpo": "answered", "regulator": "no answer"}
    assert words in only(response(replace(golden, cells=alone, custodians=custodians))).decode()
    contradicted = custodians | {"regulator": "answered"}
    assert words not in only(response(replace(golden, cells=alone, custodians=contradicted))).decode()
    cells = (replace(golden.cells[0], status="unconfirmed", by=()), *golden.cells[1:])
    raw = only(response(replace(golden, cells=cells)))
    said = f'"Unconfirmed"="1 of {len(cells)} parts that were asked"'
    assert raw.decode().count(said) == len(golden.rows) + 1
    nothing = only(response(replace(golden, cells=cells, rows=())))
    assert nothing.decode().count(said) == 1


def test_superseded_records_that_no_other_batch_tells_are_sent_last_with_their_batch(golden):
    batch = SupersededBatch(batch="ab" * 16, feed="calls", entries=(7,), records=2, repeated_records=1)
    alone, told = (replace(row, superseded="ab" * 16) for row in golden.rows[:2])
    changed = replace(golden, superseded=(replace(told, repeat="repeated"), alone), batches=(batch,))
    raw = only(response(changed))
    records = the(raw, "ResponseRecord")
    assert [int(record[0].text) for record in records] == [*range(1, 13), 14], "13 is told elsewhere, and left out"
    said = f'"Superseded"="batch {"ab" * 16}"'
    assert [said in record[-1][0].text for record in records] == [False] * 12 + [True]
    (payload,) = the(raw, "nationalResponsePayload")
    assert f'"Superseded batches"="{"ab" * 16}"' in payload[1].text
    assert '"Superseded, sent last"="1";"Superseded, told elsewhere, not sent"="1"' in payload[1].text
    assert b"Superseded" not in only(response(golden))
    nothing = only(response(replace(changed, rows=())))
    assert len(the(nothing, "ResponseRecord")) == 1, "an answer of superseded records alone is not empty"


def test_a_record_that_another_batch_tells_too_is_marked(golden):
    rows = (replace(golden.rows[0], repeat="overtaken"), *golden.rows[1:])
    assert only(response(replace(golden, rows=rows))).decode().count('"Repeat"="overtaken"') == 1


def test_days_opened_and_records_outside_the_ordered_times_are_said(golden):
    cells = (replace(golden.cells[0], outside_period=4), *golden.cells[1:])
    (payload,) = the(only(response(replace(golden, cells=cells))), "nationalResponsePayload")
    assert payload[0].text == "FR"
    assert '"UTC days opened"="2016-09-01 to 2016-09-02";"UTC days without records"="1"' in payload[1].text
    assert '"Outside the periods, dropped"="4"' in payload[1].text


def test_an_answer_to_days_of_which_nothing_is_kept_is_a_request_that_failed(golden):
    raw = only(response(replace(golden, cells=(), rows=())))
    (failed,) = the(raw, "responseFailed")
    assert "retention is over" in failed.text
    assert not the(raw, "responsePayload")
    assert import_header(raw) is not None


@pytest.mark.parametrize("country", ["ZZ", "XX", "QM", "AA", "fr"])
def test_no_country_is_one_of_a_header(country):
    with pytest.raises(MalformedInput, match="ETSI header: country"):
        replace(HEADER, country=country)


def test_where_nothing_says_a_country_the_desk_is_asked_for_one(golden):
    mail = replace(golden.authorization.terms, subjects=(parse_subject("mailto:a@corp.example", "subject"),))
    with pytest.raises(MalformedInput, match="ETSI header: country: no subject has one"):
        default_header(mail)
    assert default_header(mail, {"country": "FR"}).country == "FR"
