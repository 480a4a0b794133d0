"""From a European order to its replies, by the commands: requests, answers, deliveries, Form 3."""

import base64
import datetime as dt
import json
import uuid

import pytest
from etsi_client import import_rows
from lxml import etree

from coffer.cli.main import run
from coffer.disclosure.epoc import hi1
from coffer.disclosure.epoc.reading import parse_form
from epoc_forms import CONTENT, EMERGENCY, FORM_ID, ISSUER, SUBSCRIBER, TRAFFIC, evidence, form1, form2, later_form
from ordering import NAMES, put, request, terms, texts, values
from world import feed

BOTH = form1(evidence(data=TRAFFIC + CONTENT), evidence(2, "EMAIL", "a@corp.example"), evidence(3, data=SUBSCRIBER))


def test_an_order_becomes_exactly_its_requests_and_lists_the_rest(story, capfd):
    assert request(story, BOTH, "notes", "--json") == 0
    out, err = capfd.readouterr()
    document = json.loads(out)
    assert [one["identifiers"] for one in document["requests"]] == [["1"], ["2"]]
    assert [(one["identifier"], one["what"], one["reason"]) for one in document["not_answered"]] == [
        ("1", "Content", "DATA_NOT_HELD"),
        ("3", "Subscriber", ""),
    ]
    assert {
        "path": "SectionI/IssuingAndContactAuthority/IssuingAuthority/TelNo",
        "text": "+49 30 23125 000",
    } in document["shown"]
    assert "33612345678" not in err
    one, other = (terms(story, f"notes/request-0{number}.note") for number in (1, 2))
    assert (one.authority, one.kinds, other.kinds) == ("Staatsanwaltschaft Musterstadt", ("call", "text"), ("email",))
    assert one.basis == f"12 Js 345/16; EPOC EPOC-DE-FR-2016-09-05-0001-1/{FORM_ID} identifier 1"
    assert (one.ordered.urgency, one.ordered.issuer, one.ordered.issued_in) == ("ordinary", "prosecutor", "union")
    assert (one.ordered.due - one.ordered.received).days == 10
    assert one.ordered.files[0].is_of(BOTH)


def test_an_imminent_threat_leaves_eight_hours(story):
    assert request(story, form1(deadline=EMERGENCY), "r.note", "--issued-in", "home", "--kinds", "call") == 0
    one = terms(story, "r.note")
    assert (one.ordered.urgency, one.ordered.issued_in, one.kinds) == ("emergency", "home", ("call",))
    assert (one.ordered.due - one.ordered.received).total_seconds() == 8 * 3600


@pytest.mark.parametrize(
    ("raw", "options", "code", "message"),
    [
        (form2(), [], 4, "Form 2, a European Preservation Order: it asks for no records, and nothing is opened"),
        (later_form(6), [], 4, "Form 6, which extends a preservation: it asks for no records"),
        (form1(evidence(kind="IPV_4", value="192.0.2.1")), [], 4, "nothing of it can be asked of this vault"),
        (form1(), ["--subject", "tel:+33698765432"], 2, "--subject: not beside --from-order"),
        (form1(), ["--days", "2016-09-01", "2016-09-03"], 2, "--days: not beside --from-order"),
        (form1(), ["--urgency", "urgent"], 2, "--urgency: not beside --from-order"),
        (form1(), ["--authority", "Somebody"], 2, "--authority: order.xml names the issuing authority itself"),
        (form1(), ["--kinds", "email"], 4, "--kinds: none of call,text, which identifier 1 asks for"),
        (form1(), ["--person", "B. Example"], 2, "--person: 2 persons for 1 identifiers"),
    ],
)
def test_what_no_request_may_be_made_of_writes_nothing(story, capfd, raw, options, code, message):
    assert request(story, raw, "r.note", *options) == code
    assert message in capfd.readouterr().err
    assert not (story.path / "r.note").exists()


def test_file_reference_that_reads_like_an_etsi_request_is_refused(story, capfd):
    raw = form1(issuer=ISSUER.replace("12 Js 345/16", "x; ETSI request FR/LEA-9"))
    assert request(story, raw, "r.note") == 2
    assert "basis: reads like the reference of an ETSI request" in capfd.readouterr().err
    assert request(story, form1(issuer=ISSUER.replace("12 Js 345/16", "x; ETSI requests, FR")), "r.note") == 0


def test_each_identifier_may_have_its_own_person(story):
    raw = form1(evidence(), evidence(2, "EMAIL", "a@corp.example"), evidence(3, value="+33698765432"))
    assert request(story, raw, "notes", "--person", "B. Example", "--person", "C. Example") == 0
    assert terms(story, "notes/request-01.note").persons == ("A. Example", "C. Example")
    assert terms(story, "notes/request-02.note").persons == ("B. Example",)


def test_a_reply_says_of_each_identifier_what_becomes_of_it(story, capfd):
    raw = form1(
        evidence(data=TRAFFIC + CONTENT),
        evidence(2, "IPV_4", "192.0.2.1"),
        evidence(3, value="0612345678"),
        evidence(4, data=SUBSCRIBER),
        evidence(5, "EMAIL", "a@corp.example"),
    )
    reason = ["--reason", "5", "IMMUNITIES_OR_PRIVILEGES", "It is a lawyer's address."]
    assert run(["reply", put(story, raw), *reason, "-o", "received"]) == 0
    status, form3 = story.path / "received/status.xml", story.path / "received/form3.xml"
    assert values(status, "LDTaskStatus") == [
        "AwaitingDisclosure",
        "DisclosureNotAvailable",
        "Invalid",
        "AwaitingDisclosure",
        "Rejected",
    ]
    assert values(status, "AuthorisationStatus") == ["SubmittedToCSP"]
    assert base64.b64decode(texts(status, "//doc:Contents")[0]) == form3.read_bytes()
    assert texts(form3, "//*[local-name()='NonExecutionReason']/*[local-name()='IdentifierId']") == ["1", "2", "3", "5"]
    assert texts(form3, "//*[local-name()='Reasons']/*") == [
        "DATA_NOT_HELD",
        "DATA_NOT_HELD",
        "INSUFFICIENT_INFORMATION",
        "IMMUNITIES_OR_PRIVILEGES",
    ]
    assert texts(form3, "//parentFormId") == [FORM_ID]
    assert set(texts(form3, "//*[local-name()='Preserved']")) == {"false"}
    assert "0612345678" not in form3.read_text() + status.read_text() + "".join(capfd.readouterr())


def test_a_preservation_order_is_received_and_its_keeping_is_awaited(story):
    assert run(["reply", put(story, form2()), "-o", "received"]) == 0
    status = story.path / "received/status.xml"
    assert values(status, "LPTaskStatus") == ["AwaitingPreservation"]
    assert values(status, "AuthorisationStatus") == ["SubmittedToCSP"]


@pytest.mark.parametrize(
    ("raw", "options", "code", "message"),
    [
        (later_form(5), [], 4, "it names nobody itself"),
        (form1(provider=""), [], 2, "add --provider COUNTRY/ID, like FR/example-telecom-1"),
        (form1(), ["--provider", "FR/x"], 2, "leave --provider out"),
        (form1(), ["--provider", "x"], 2, "--provider: expected COUNTRY/ID"),
        (form1(), ["--reason", "9", "INCOMPLETE", "x"], 2, "--reason: an identifier that the form does not have"),
        (form1(), ["--reason", "1", "WHIM", "x"], 2, "--reason 1: an unknown code, expected INCOMPLETE"),
        (form1(), ["--reason", "1", "INCOMPLETE", ""], 2, "--reason 1: found 0 characters"),
        (form1(), ["--reason", "1", "INCOMPLETE", "x"] * 2, 2, "--reason: twice for one identifier"),
        (form1(), ["--answer", "nothing"], 2, "nothing: no such folder"),
    ],
)
def test_a_reply_that_cannot_be_made_writes_nothing(story, capfd, raw, options, code, message):
    assert run(["reply", put(story, raw), *options, "-o", "received"]) == code
    assert message in capfd.readouterr().err
    assert not (story.path / "received").exists()


def open_all(world):
    for number in (1, 2):
        note = (world.path / f"notes/request-0{number}.note").read_bytes()
        (world.path / f"{number}.note").write_bytes(world.countersign(note, "judge", "dpo"))
        assert run(["open", "vault", f"{number}.note", "-o", f"answer-{number}"]) == 0


def test_answers_are_delivered_with_their_manifest_and_the_tasks_end(story, capfd):
    # 2016-08-31T22:00:00Z is the first ordered moment and 2016-09-02T21:59:59Z the last.
    story.ingest(
        "+33612345678,+33698765432,2016-09-01 00:30:00,60\n+33612345678,+33698765432,2016-09-02 21:59:59,61\n"
        "+33612345678,+33698765432,2016-09-02 22:00:00,62\n"
    )
    story.ingest("a@corp.example,b@corp.example,2016-09-01 10:00:00,\n", by=feed(name="m", kind="email"), name="e.csv")
    assert request(story, BOTH, "notes") == 0
    open_all(story)
    capfd.readouterr()
    answers = ["--answer", "answer-1", "--answer", "answer-2"]
    assert run(["reply", "order.xml", *answers, "--vault", "vault", "-o", "delivered", "--json"]) == 0
    files = json.loads(capfd.readouterr().out)["files"]
    assert files == ["delivered/deliver-0001.xml", "delivered/deliver-0002.xml"]
    first, last = (story.path / name for name in files)
    assert texts(first, "//h:WorkflowIdentifier") == ["/eevidence/outcome"]
    # What is handed over for each task is a delivery of its own.
    assert texts(first, "//d:SequenceNumber") + texts(last, "//d:SequenceNumber") == ["1", "1"]
    assert texts(first, "//d:LastSequence") + texts(last, "//d:LastSequence") == ["true", "true"]
    assert texts(first, "//d:DeliveryID") != texts(last, "//d:DeliveryID")
    assert values(first, "ManifestSpecification") == ["TS102657-XML"]
    assert (values(first, "LDTaskStatus"), values(last, "LDTaskStatus")) == ([], ["Disclosed", "Disclosed"])
    tasks = [hi1.task_id(parse_form(BOTH, "order.xml"), number) for number in "12"]
    assert texts(first, "//h:DELIVER//h:AssociatedObject") == tasks[:1]
    assert texts(last, "//h:UPDATE//h:ObjectIdentifier") == tasks
    message = etree.fromstring(first.read_bytes()).xpath("//d:XMLData/*", namespaces=NAMES)[0]
    rows = import_rows(etree.tostring(message))
    assert len(rows) == 2 * 2  # two records of two parties; the third starts one second after the order's last moment
    number = "{http://uri.etsi.org/02657/v1.28.1#/RetainedData}requestNumber"
    assert [one.text for one in message.iter(number)] == ["EPOC-DE-FR-2016-09-05-0001-1"]
    assert uuid.UUID(texts(first, "//h:TransactionIdentifier")[0]).version == 4
    # One answer alone leaves an identifier open, unless people say why.
    assert run(["reply", "order.xml", *answers[:2], "--vault", "vault", "-o", "half"]) == 4
    assert "identifier 2: not answered for all that was asked" in capfd.readouterr().err
    reason = ["--reason", "2", "DATA_NOT_HELD", "These days are no longer kept."]
    assert run(["reply", "order.xml", *answers[:2], *reason, "--vault", "vault", "-o", "half"]) == 0
    assert values(story.path / "half/deliver-0001.xml", "LDTaskStatus") == ["Disclosed", "DisclosureNotAvailable"]
    assert (story.path / "half/form3.xml").exists()
    # The same order in other bytes is not the order that was countersigned.
    assert run(["reply", put(story, BOTH + b"\n", "other.xml"), *answers, "--vault", "vault", "-o", "other"]) == 3
    assert "does not name this form as its order" in capfd.readouterr().err


def test_nothing_kept_is_delivered_as_such(story):
    assert request(story, form1(), "r.note") == 0
    (story.path / "1.note").write_bytes(story.countersign((story.path / "r.note").read_bytes(), "judge", "dpo"))
    assert run(["open", "vault", "1.note", "-o", "answer"]) == 0
    assert run(["reply", "order.xml", "--answer", "answer", "-o", "delivered"]) == 0
    assert values(story.path / "delivered/deliver-0001.xml", "LDTaskStatus") == ["DisclosureNotAvailable"]


@pytest.mark.parametrize("day", [4, 11])
def test_reply_says_that_nothing_is_handed_over_while_an_enforcing_authority_may_refuse(story, capfd, day):
    order = form1(deadline="<f:WithinTenDays>AT_THE_END_OF_TEN_DAYS</f:WithinTenDays>")
    assert request(story, order, "r.note") == 0
    told = [line for line in capfd.readouterr().err.splitlines() if "hand nothing over before" in line]
    (story.path / "1.note").write_bytes(story.countersign((story.path / "r.note").read_bytes(), "judge", "dpo"))
    assert run(["open", "vault", "1.note", "-o", "answer"]) == 0
    story.now += dt.timedelta(days=day)
    capfd.readouterr()
    assert run(["reply", "order.xml", "--answer", "answer", "-o", "delivered"]) == 0
    said = [line for line in capfd.readouterr().err.splitlines() if "hand nothing over" in line]
    assert said == (told if day < 10 else [])  # ten days from its receipt it may refuse no more
    assert len(told) == 1


def test_tasks_are_named_as_the_converter_names_them():
    """Values that another program made of the same form and identifier numbers."""
    form = parse_form(form1(), "order.xml")
    assert hi1.task_id(form, "1") == "318bea7e-c699-4809-a290-740b1b4908a6"
