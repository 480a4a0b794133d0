"""From a message of ETSI TS 103 120 to its answer, by the commands: requests, responses, deliveries."""

import datetime as dt
import json
import os
from pathlib import Path

import pytest
from lxml import etree

from coffer.authority.hold import parse_hold
from coffer.cli.from_epoc import message_rows
from coffer.cli.main import run
from epoc_forms import RANGE, evidence, form1, form2
from hi1_messages import (
    APPROVAL,
    DOCUMENT,
    EIGHT_HOURS,
    END,
    ORDER,
    PRESERVES,
    REFERENCE,
    START,
    TIMES,
    TRANSACTION,
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
from ordering import TERMS, put, request, terms, texts
from world import feed

TWO = (task(), task(2, values=value("InternationalizedEmailAddress", "a@corp.example")))
SAMPLES = os.environ.get("COFFER_HI1_SAMPLES", "")
"""A folder of other people's messages, where there is one: they are not the project's to keep."""
CANCELLED = update(
    f'<HI1Object xsi:type="task:LDTaskObject"><ObjectIdentifier>{object_id(1)}</ObjectIdentifier>'
    f"{entry('task:DesiredStatus', 'LDTaskDesiredStatus', 'Cancelled')}</HI1Object>"
)


def test_a_message_becomes_exactly_its_requests_and_lists_the_rest(story, capfd):
    raw = order(*TWO, task(3, values=value("IPv4Address", "192.0.2.1")), documents=(DOCUMENT,))
    assert request(story, raw, "notes", "--json") == 0
    out, err = capfd.readouterr()
    document = json.loads(out)
    assert [one["identifiers"] for one in document["requests"]] == [["1"], ["2"]]
    assert [(one["identifier"], one["reason"]) for one in document["not_answered"]] == [("3", "DATA_NOT_HELD")]
    shown = {one["path"]: one["text"] for one in document["shown"]}
    assert shown["action 4/DocumentObject/DocumentName"] == "The order"
    assert "33612345678" not in err
    assert "corp.example" not in err
    one = terms(story, "notes/request-01.note")
    assert (one.authority, one.kinds) == ("Staatsanwaltschaft Musterstadt", ("call", "text"))
    assert one.basis == f"12 Js 345/16; {REFERENCE}; HI1 {ORDER} identifier 1"
    assert (one.ordered.urgency, one.ordered.issuer, one.ordered.issued_in) == ("ordinary", "prosecutor", "union")
    assert (one.ordered.due - one.ordered.received).days == 10
    assert one.ordered.files[0].is_of(raw)


def test_paths_are_read_as_words_and_an_entry_of_a_dictionary_is_one_row():
    a, b = "action 1/CREATE/HI1Object/LDDeliveryProfile", "action 2/CREATE/HI1Object/Lawful/Owner"
    rows = [(f"{a}/Owner", "ETSI"), (f"{a}/Name", "Profile"), (f"{a}/Value", "Court"), (b, "A"), ("Header/Time", "x")]
    assert message_rows(rows) == [
        ("action 1, CREATE, LD Delivery Profile", "ETSI Profile: Court"),
        ("action 2, CREATE, Lawful, Owner", "A"),  # no entry: its name is kept
        ("Header, Time", "x"),
    ]


def test_whole_days_of_a_message_are_said_for_each_request(story, capfd):
    times = TIMES.replace(START, "2016-09-01T00:00:00Z").replace(END, "2016-09-02T23:59:59Z")
    mail = task(2, values=value("InternationalizedEmailAddress", "a@corp.example"), times=times)
    assert request(story, order(task(times=times), mail), "notes") == 0
    said = capfd.readouterr().err
    assert said.count("subject 1: 2016-09-01 to 2016-09-02 (whole UTC days: 2)") == 2
    assert "records outside these times are dropped" not in said


def test_eight_hours_and_an_earlier_deadline_are_taken(story):
    assert request(story, order(priority=EIGHT_HOURS), "r.note") == 0
    ordered = terms(story, "r.note").ordered
    assert (ordered.urgency, (ordered.due - ordered.received).total_seconds()) == ("emergency", 8 * 3600)
    soon = (ordered.received.replace(tzinfo=None).isoformat())[:10]
    deadline = f"<task:LDDeadline><task:DateTime>{soon}T23:59:58Z</task:DateTime></task:LDDeadline>"
    assert request(story, order(task(more=f"<task:Deadlines>{deadline}</task:Deadlines>")), "s.note") == 0
    assert terms(story, "s.note").ordered.due.strftime("%H:%M:%S") == "23:59:58"


def test_a_national_order_leaves_open_what_options_say(story):
    plain = {"legal": "", "priority": "", "reference": "W000001"}
    raw = order(approval=APPROVAL.replace("PublicProsecutor", "Inspector"), **plain)
    assert request(story, raw, "r.note", "--urgency", "urgent", "--issued-by", "police") == 0
    ordered = terms(story, "r.note").ordered
    assert (ordered.urgency, ordered.issuer, ordered.issued_in, ordered.due) == ("urgent", "police", "home", None)
    assert request(story, order(flags=flag("IsEmergency"), **plain), "s.note") == 0
    assert terms(story, "s.note").ordered.urgency == "emergency"


@pytest.mark.parametrize(
    ("raw", "options", "code", "message"),
    [
        (order(keep(), legal=PRESERVES), [], 4, "tasks that ask to preserve: it asks for no records, and nothing is opened"),
        (message(CANCELLED), [], 4, f"action 0: {object_id(1)} is cancelled"),
        (message(create(DOCUMENT)), [], 4, "it asks for no records"),
        (message("<GETCSPCONFIG/>"), [], 4, "action 0: GETCSPCONFIG: not supported"),
        (order(task(kind="StoredContentData")), [], 4, "nothing of it can be asked of this vault"),
        (order(task(more="<task:HandlingProfile/>")), [], 2, "HandlingProfile: an element that is not read here"),
        (order(), ["--subject", "tel:+33698765432"], 2, "--subject: not beside --from-order"),
        (order(), ["--urgency", "urgent"], 2, "--urgency: not beside --from-order"),
        (order(), ["--issued-by", "court"], 2, "--issued-by: not beside --from-order"),
        (order(), ["--due", "2016-09-30T00:00:00Z"], 2, "--due: not beside --from-order"),
        (order(), ["--authority", "Somebody"], 2, "--authority: order.xml names the issuing authority itself"),
        (order(approval=""), [], 2, "--authority: order.xml names no issuing authority"),
        (order(), ["--kinds", "email"], 4, "--kinds: none of call,text"),
        (order(reference=f"HI1 {ORDER} identifier 9"), [], 2, "basis: reads like the reference of another order"),
    ],
)  # fmt: skip
def test_what_no_request_may_be_made_of_writes_nothing(story, capfd, raw, options, code, message):
    assert request(story, raw, "r.note", *options) == code
    assert message in capfd.readouterr().err
    assert not (story.path / "r.note").exists()


def test_an_answer_repeats_the_transaction_and_says_the_status_of_each_object(story, capfd):
    raw = order(
        *TWO,
        task(3, values=value("IPv4Address", "192.0.2.1")),
        task(4, values=value(text="0612345678")),
        documents=(DOCUMENT,),
    ).replace(
        b"</ActionRequests>",
        b"<ActionRequest><ActionIdentifier>9</ActionIdentifier><LIST/></ActionRequest></ActionRequests>",
    )
    reason = ["--reason", "2", "IMMUNITIES_OR_PRIVILEGES", "It is a lawyer's address."]
    assert run(["reply", put(story, raw), *reason, "-o", "received", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["files"] == [
        f"received/{name}" for name in ("response.xml", "document-5.bin", "status.xml", "form3.xml")
    ]
    assert (story.path / "received/document-5.bin").read_bytes() == b"abc"
    answer = story.path / "received/response.xml"
    assert texts(answer, "//h:TransactionIdentifier") == [TRANSACTION]
    assert texts(answer, "//h:SenderIdentifier/h:UniqueIdentifier") == ["CSP-SYSTEM"]
    assert texts(answer, "//h:ReceiverIdentifier/h:UniqueIdentifier") == ["LEA-SYSTEM"]
    assert texts(answer, "//h:ActionIdentifier") == ["0", "1", "2", "3", "4", "5", "9"]
    assert texts(answer, "//h:CREATEResponse/h:Identifier") == [ORDER, *map(object_id, (1, 2, 3, 4, 90))]
    assert texts(answer, "//t:Status/c:Value") == [
        "AwaitingDisclosure",
        "Rejected",
        "DisclosureNotAvailable",
        "Invalid",
    ]
    assert texts(answer, "//a:AuthorisationStatus/c:Value") == ["SubmittedToCSP"]
    assert texts(answer, "//h:ErrorInformation/*") == ["3001", "LIST is not supported"]
    status = story.path / "received/status.xml"
    assert texts(status, "//n:AssociatedObject") == [ORDER, *map(object_id, (1, 2, 3, 4))]
    assert texts(status, "//h:ReceiverIdentifier/h:UniqueIdentifier") == ["LEA-SYSTEM"]


def test_a_message_that_cannot_be_read_is_answered_with_its_error(story, capfd):
    assert run(["reply", put(story, order(task(more="<task:HandlingProfile/>"))), "-o", "received"]) == 0
    assert "nothing of the message is taken" in capfd.readouterr().err
    assert [path.name for path in (story.path / "received").iterdir()] == ["response.xml"]
    code, place = texts(story.path / "received/response.xml", "//h:ResponsePayload/h:ErrorInformation/*")
    assert (code, place.partition(": ")[2][:38]) == ("3020", "action 1/CREATE/HI1Object/HandlingProf")


def test_a_message_without_an_order_is_shown_and_answered(story, capfd):
    assert run(["reply", put(story, message(create(DOCUMENT))), "-o", "received"]) == 0
    assert "The order" in capfd.readouterr().out
    assert texts(story.path / "received/response.xml", "//h:CREATEResponse/h:Identifier") == [object_id(90)]


@pytest.mark.parametrize(
    ("raw", "options", "code", "message"),
    [
        (message(CANCELLED), [], 4, "it changes what was asked before, and a person must do so"),
        (message(create(DOCUMENT)), ["--reason", "1", "INCOMPLETE", "x"], 2, "not for a message that makes no order"),
        (order(), ["--provider", "FR/x"], 2, "--provider: the form names it itself"),
        (order(), ["--reason", "9", "INCOMPLETE", "x"], 2, "an identifier that the form does not have"),
        (order()[:-1], [], 2, "not well-formed XML"),
    ],
)
def test_a_reply_that_cannot_be_made_writes_nothing(story, capfd, raw, options, code, message):
    assert run(["reply", put(story, raw), *options, "-o", "received"]) == code
    assert message in capfd.readouterr().err
    assert not (story.path / "received").exists()


def open_all(world, *numbers):
    for number in numbers:
        note = (world.path / f"notes/request-0{number}.note").read_bytes()
        (world.path / f"{number}.note").write_bytes(world.countersign(note, "judge", "dpo"))
        assert run(["open", "vault", f"{number}.note", "-o", f"answer-{number}"]) == 0


def test_answers_are_delivered_under_the_tasks_own_references(story):
    story.ingest("+33612345678,+33698765432,2016-09-01 00:30:00,60\n")
    story.ingest("a@corp.example,b@corp.example,2016-09-01 10:00:00,\n", by=feed(name="m", kind="email"), name="e.csv")
    assert request(story, order(*TWO, legal="", priority="", reference="W 1"), "notes") == 0
    open_all(story, 1, 2)
    answers = ["--answer", "answer-1", "--answer", "answer-2"]
    assert run(["reply", "order.xml", *answers, "--vault", "vault", "-o", "delivered"]) == 0
    first, last = (story.path / f"delivered/deliver-000{number}.xml" for number in (1, 2))
    assert texts(first, "//d:LDID") + texts(last, "//d:LDID") == ["DE-authority-1-1", "DE-authority-1-2"]
    assert texts(last, "//h:UPDATE//h:ObjectIdentifier") == [object_id(1), object_id(2)]
    # The workflow is one of the Union's profile, which a national order has not.
    assert texts(first, "//h:WorkflowIdentifier") == []
    assert texts(last, "//t:Status/c:Value") == ["Disclosed", "Disclosed"]
    # The e-mail's parties stand in the records themselves.
    assert b"b@corp.example" in last.read_bytes()
    number = "{http://uri.etsi.org/02657/v1.28.1#/RetainedData}requestNumber"
    assert [one.text for one in etree.parse(first).iter(number)] == ["W 1"]
    # A national order has no Form 3: reasons stand in the status.
    reason = ["--reason", "2", "DATA_NOT_HELD", "These days are no longer kept."]
    assert run(["reply", "order.xml", *answers[:2], *reason, "--vault", "vault", "-o", "half"]) == 0
    half = story.path / "half"
    assert {path.name for path in half.iterdir()} == {"deliver-0001.xml", "status.xml"}
    assert texts(half / "status.xml", "//n:Details") == ["These days are no longer kept."]


def test_tasks_to_preserve_become_a_hold_that_ends_when_they_say(story):
    raw = order(keep(), keep(2, values=value("IPv4Address", "192.0.2.1")), legal=PRESERVES)
    made = ["hold", "make", "vault", "--from-order", put(story, raw), *TERMS[:2], *TERMS[4:], "-o", "hold.note"]
    assert run(made) == 0
    hold = parse_hold((story.path / "hold.note").read_bytes(), "hold")
    # The task's own end is earlier than the 60 days that the Regulation gives.
    assert hold.terms.until.isoformat() == "2016-10-05T00:00:00+00:00"
    assert hold.terms.basis.endswith(f"HI1 {ORDER} identifier 1")
    assert run(["reply", "order.xml", "--hold", "hold.note", "--vault", "vault", "-o", "received"]) == 0
    answer = story.path / "received/response.xml"
    assert texts(answer, "//t:Status/c:Value") == ["AwaitingPreservation", "PreservationNotAvailable"]
    assert run(["hold", "make", "vault", "--from-order", put(story, order(), "o.xml"), *made[5:-1], "other.note"]) == 4


def test_task_whose_end_is_over_becomes_no_hold(story, capfd):
    raw = order(keep(), legal=PRESERVES)
    made = ["hold", "make", "vault", "--from-order", put(story, raw), *TERMS[:2], *TERMS[4:], "-o", "hold.note"]
    story.now = dt.datetime(2016, 10, 5, tzinfo=dt.UTC)
    assert run(made) == 4
    assert (
        "order.xml: DesiredPreservationExpiration: over already, since 2016-10-05T00:00:00Z" in capfd.readouterr().err
    )
    story.now -= dt.timedelta(seconds=1)
    assert run(made) == 0


SAME = form1(evidence(ranges=[("2016-09-01T00:00:00+02:00", "2016-09-02T23:59:59+02:00")]))
MORE = form1(evidence(ranges=[RANGE, ("2016-09-10T06:00:00Z", "2016-09-10T09:00:00Z")]))


def test_tasks_that_ask_for_something_else_than_the_signed_form_become_no_request(story, capfd):
    assert request(story, order(documents=(document(SAME), document(b"%PDF-1.7", 91))), "r.note") == 0
    # The form has two ranges of time, and the tasks have the first alone.
    lost = order(documents=(document(MORE),))
    assert request(story, lost, "s.note") == 4
    assert "action 2: the form asks for something else than the tasks" in capfd.readouterr().err
    assert run(["reply", "order.xml", "-o", "received"]) == 0
    assert (story.path / "received/document-2.xml").read_bytes() == MORE
    # An order to keep beside tasks to disclose opens nothing, nor does a form that is not read.
    assert request(story, order(documents=(document(form2()),)), "s.note") == 4
    assert request(story, order(documents=(document(b"<!DOCTYPE message>" + SAME),)), "s.note") == 2
    assert not (story.path / "s.note").exists()
    assert run(["reply", "order.xml", "-o", "unread"]) == 0
    assert [path.name for path in (story.path / "unread").iterdir()] == ["response.xml"]
    assert (
        "action 2: not compared with the tasks" in texts(story.path / "unread/response.xml", "//h:ErrorDescription")[0]
    )
    # A task for each range is the same order.
    later = TIMES.replace("2016-08-31T22:00:00Z", "2016-09-10T06:00:00Z").replace(
        "2016-09-02T21:59:59", "2016-09-10T09:00:00"
    )
    assert request(story, order(task(), task(2, times=later), documents=(document(MORE),)), "notes") == 0


def test_samples_are_read_or_refused_with_their_place(story, capfd):
    paths = sorted(Path(SAMPLES).glob("*.xml")) if SAMPLES else []
    if not paths:
        pytest.skip("COFFER_HI1_SAMPLES names no folder of messages")
    for number, path in enumerate(paths):
        code = run(["reply", str(path), "-o", f"sample-{number}"])
        assert code == 0 or "a person must do so" in capfd.readouterr().err
