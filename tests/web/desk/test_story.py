"""One order through the desk's pages: from the upload to the letter, by people with passkeys."""

import datetime as dt
import io
import re
import zipfile

from coffer.desk.case import Did
from coffer.desk.people import Role
from desking import FIELDS, NUMBER, PERSON, signed_case, told


def paper_languages(response):
    """The languages that a page offers for an answer or a letter."""
    (select,) = re.findall(r'<select [^>]*name="in">.*?</select>', response.text, re.DOTALL)
    return re.findall(r'value="([a-z]+)"', select)


def told_by_letter(desk, clerk, case):
    """The secrecy of the case's request ends, and its person is told, once."""
    desk.world.now += dt.timedelta(days=400)
    clerk.sign_in()
    assert "1 person must be told" in told(clerk.get("/letters"))
    form = clerk.form("/letters") | {"request": "1", "in": "en"}
    assert paper_languages(clerk.get("/letters")) == paper_languages(clerk.get(f"/cases/{case}")) == ["en", "fr", "de"]
    assert clerk.post(f"/cases/{case}/letter", data=form | {"in": "it"}).status_code == 400, "there is no such letter"
    response = clerk.post(f"/cases/{case}/letter", data=form)
    assert response.status_code == 303, told(response)
    page = clerk.get("/letters")
    assert "1 person must be told" in told(page), "a letter that was written tells nobody"
    assert "It was sent" in told(page)
    assert clerk.get(f"/cases/{case}").text.count("Send the letter") >= 1
    form = clerk.form("/letters") | {"request": "1"}
    assert clerk.post(f"/cases/{case}/told", data=form).status_code == 303
    assert "No letter is due" in told(clerk.get("/letters"))
    assert desk.store.history(case)[-1].did is Did.SENT_LETTER
    assert clerk.post(f"/cases/{case}/told", data=form).status_code != 303, "nobody is told twice"


def test_an_order_becomes_a_request_an_answer_and_a_letter(desk):
    clerk = desk.person()
    assert "No case is open" in told(clerk.get("/"))
    case = clerk.new_case(files={"order": ("order.pdf", b"%PDF-1.7 an order")})
    page = clerk.get(f"/cases/{case}/request")
    assert page.status_code == 200
    assert "Court of Appeal" in page.text
    response = clerk.send(case)
    assert response.status_code == 303, told(response)
    page = told(clerk.get(f"/cases/{case}"))
    assert "request 1 waits for signatures" in page
    assert "2 of judge, dpo, regulator must sign." in page
    assert NUMBER in page
    clerk.take_in(case, desk.countersign(case, "judge"))
    assert "One of dpo, regulator must sign." in told(clerk.get(f"/cases/{case}"))
    clerk.take_in(case, desk.countersign(case, "dpo"))
    assert "everybody needed has signed request 1" in told(clerk.get(f"/cases/{case}"))
    response = clerk.open(case)
    assert response.status_code == 303, told(response)
    desk.settle()
    page = told(clerk.get(f"/cases/{case}"))
    assert "request 1 is answered" in page
    assert "The end stands in the log" in page
    assert "The package is ready" not in page
    answer = next(one for one in desk.store.case(case).documents if one.kind == "answer")
    page = clerk.get(f"/cases/{case}/documents/{answer.id}/preview")
    assert "+33 6 12 34 56 78" in page.text
    assert "records were opened" in told(page)
    assert {"call", "out", "yes"} <= set(re.findall(r">([a-z]+)</td>", page.text))
    assert "tel:" not in told(page)
    form = clerk.form(f"/cases/{case}") | {
        "formats": ["csv", "etsi", "json"],
        "in": "en",
        "clock": "UTC",
        "country": "FR",
    }
    response = clerk.post(f"/cases/{case}/documents/{answer.id}/package", data=form)
    assert response.status_code == 303, told(response)
    assert response.headers["location"] == f"/cases/{case}#answer"
    page = clerk.get(f"/cases/{case}")
    assert "The package is ready" in told(page)
    package = next(one for one in desk.store.case(case).documents if one.kind == "package")
    assert re.search(rf'href="/cases/{case}/documents/{package.id}">Download the package<', page.text)
    response = clerk.get(f"/cases/{case}/documents/{package.id}")
    assert response.headers["content-disposition"].startswith('attachment; filename="package-')
    names = zipfile.ZipFile(io.BytesIO(response.content)).namelist()
    assert {"records.csv", "records.json", "MANIFEST", "etsi/response-0001.xml"} <= set(names), names
    answer_csv = zipfile.ZipFile(io.BytesIO(desk.store.document(case, answer.id))).read("records.csv")
    assert zipfile.ZipFile(io.BytesIO(response.content)).read("records.csv") == answer_csv, "as the product wrote it"
    head = desk.person("D. Head", Role.HEAD)
    assert head.post(f"/cases/{case}/close", data=head.form(f"/cases/{case}")).status_code == 303
    told_by_letter(desk, clerk, case)
    did = [event.did for event in desk.store.history(case)]
    wanted = [Did.MADE_CASE, Did.MADE_REQUEST, Did.SENT_REQUEST, Did.TOOK_IN, Did.AGREED, Did.BEGAN_OPENING, Did.OPENED]
    assert [one for one in did if one in wanted and did.count(one) == 1] == [
        one for one in wanted if one is not Did.TOOK_IN
    ]
    assert did[-1] is not Did.MADE_CASE


def test_what_the_clerks_passkey_signed_is_in_the_history(desk):
    clerk = desk.person()
    case = signed_case(desk, clerk)
    clerk.open(case)
    desk.settle()
    events = {event.did: event for event in desk.store.history(case)}
    for did in (Did.MADE_REQUEST, Did.AGREED):
        assert events[did].by is not None
        assert {"passkey-signature", "passkey-nonce", "passkey-client-data"} <= set(events[did].texts)


def test_a_second_request_in_a_case_begins_with_what_the_first_asked(desk):
    clerk = desk.person()
    case = signed_case(desk, clerk)
    page = clerk.get(f"/cases/{case}/request")
    assert "Request 2 in case" in told(page)
    assert PERSON in page.text
    assert FIELDS["basis"] in page.text
