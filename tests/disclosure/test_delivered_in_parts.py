"""Answers as messages that are no larger than a system takes: nothing of them is lost, and each knows its place."""

import datetime as dt
import itertools
import re
from dataclasses import replace

import pytest
from lxml import etree

from coffer.disclosure.epoc.deliveries import format_deliveries
from coffer.disclosure.epoc.form import Endpoint
from coffer.disclosure.epoc.hi1 import Correspondence, form_task
from coffer.disclosure.epoc.reading import parse_form
from coffer.disclosure.etsi import EtsiHeader
from coffer.errors import Refused
from epoc_forms import evidence, form1
from hi1_schema import verify
from ordering import NAMES

HEADER = EtsiHeader(country="DE", organisation="authority-1", request_number="1", csp="provider-1")
NOW = dt.datetime(2016, 9, 5, 12, tzinfo=dt.UTC)
ENDED = {"1": "Disclosed", "2": "Disclosed"}
RECORDS = "{http://uri.etsi.org/02657/v1.28.1#/RetainedData}recordNumber"


def correspondence():
    order = parse_form(form1(evidence(), evidence(2, "EMAIL", "a@corp.example")), "form.xml")
    provider = Endpoint(country="FR", national_id="provider-1")
    ids = (f"00000000-0000-4000-8000-{number:012d}" for number in itertools.count())
    return Correspondence(
        order=order,
        provider=provider,
        sender=provider,
        receiver=order.authority,
        task=lambda id_: form_task(order, id_),
        now=NOW,
        new_id=lambda: next(ids),
    )


def delivered(answers, **bound):
    messages = format_deliveries(correspondence(), HEADER, answers, ENDED, **bound)
    for message in messages:
        verify(message)
    return messages


def texts(messages, query):
    return [etree.fromstring(raw).xpath(f"{query}/text()", namespaces=NAMES) for raw in messages]


def places(messages):
    """Of each message its delivery, its number there, and whether it is the last."""
    return [
        tuple(one)
        for one in texts(messages, "//*[self::d:DeliveryID or self::d:SequenceNumber or self::d:LastSequence]")
    ]


def test_an_answer_that_is_too_large_for_one_message_becomes_several(golden):
    (whole,) = delivered([(("1",), golden)])
    bound = len(whole) // 3
    parts = delivered([(("1",), golden)], max_bytes=bound)
    assert len(parts) > 3
    assert max(map(len, parts)) <= bound
    (one,) = {delivery for delivery, _, _ in places(parts)}
    assert places(parts) == [
        (one, str(number), "true" if number == len(parts) else "false") for number in range(1, len(parts) + 1)
    ]
    numbers = [record.text for raw in parts for record in etree.fromstring(raw).iter(RECORDS)]
    assert numbers == [record.text for record in etree.fromstring(whole).iter(RECORDS)]
    # The tasks end with the last message alone, and no object of one is that of another.
    assert [len(etree.fromstring(raw).findall(".//{*}UPDATE")) for raw in parts] == [0] * (len(parts) - 1) + [2]
    made = [etree.fromstring(raw).find(".//{*}DELIVER/{*}Identifier").text for raw in parts]
    assert len(set(made)) == len(parts)


def test_what_is_handed_over_for_the_same_tasks_is_one_delivery(golden):
    first, mail, second = ((("1",), golden), (("2",), replace(golden, rows=golden.rows[:1])), (("1",), golden))
    messages = delivered([first, mail, second])
    one, _, another = (delivery for delivery, _, _ in places(messages))
    assert one != another
    assert places(messages) == [(one, "1", "false"), (one, "2", "true"), (another, "1", "true")]
    assert texts(messages, "//h:UPDATE//t:Status/c:Value") == [[], [], ["Disclosed", "Disclosed"]]


def test_one_record_that_is_too_large_is_refused_with_what_to_do_instead(golden):
    with pytest.raises(Refused, match=re.escape("identifier 1: a message with one record has")) as caught:
        delivered([(("1",), golden)], max_bytes=1_000)
    assert (caught.value.code, caught.value.hint) == (
        "scope",
        "hand the package over in another way: coffer disclose",
    )
