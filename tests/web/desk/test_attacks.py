"""What a stranger's order, name or file, another site, or a copied cookie can do at the desk's pages: nothing."""

import json
import re

import pytest

from coffer.desk.people import Role
from desking import FIELDS, NUMBER, PERSON, Someone, signed_case, told

SCRIPT = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def is_clean(page):
    """Every angle bracket and quote of the text was escaped, in attributes too."""
    return "<script>alert" not in page.text and "<img src=x" not in page.text


def test_text_of_orders_and_people_is_never_markup(desk):
    clerk = desk.person(SCRIPT[:70])
    case = clerk.new_case(
        number=SCRIPT, authority=SCRIPT, files={"order": (SCRIPT + ".pdf", b"%PDF-1.7 " + SCRIPT.encode())}
    )
    path = f"/cases/{case}/request"
    form = clerk.form(path) | dict.fromkeys(FIELDS, SCRIPT) | {"do": "save"}
    assert clerk.post(path, data=form).status_code == 303
    note = clerk.form(f"/cases/{case}") | {"note": SCRIPT}
    assert clerk.post(f"/cases/{case}/note", data=note).status_code == 303
    for page in ("/", f"/cases/{case}", path, "/people", "/closed", "/letters", "/me"):
        answer = clerk.get(page)
        assert answer.status_code == 200, page
        assert is_clean(answer), page
    assert "alert(1)" in clerk.get(f"/cases/{case}").text, "the text is shown as text"


@pytest.mark.parametrize(
    "name",
    ['a"; filename="evil.exe', "a\r\nset-cookie: x=1", "../../etc/passwd", "\u202efdp.exe", "é" * 300, "", "\0"],
)
def test_a_file_name_is_no_header_and_no_path(desk, name):
    clerk = desk.person()
    case = clerk.new_case(files={"order": (name or "x", b"%PDF-1.7 x")})
    document = desk.store.case(case).documents[0]
    assert "/" not in document.name
    assert not re.search(r"[\x00-\x1f\u202e]", document.name)
    response = clerk.get(f"/cases/{case}/documents/{document.id}")
    assert response.headers["content-disposition"] == 'attachment; filename="order-1.pdf"'
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in response.headers
    assert response.headers["cache-control"] == "no-store"


BOMB = (
    b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa">"""
    + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10 if n else b"&a;" * 10) for n in range(9))
    + b"]><x>&a8;</x>"
)
EXTERNAL = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'


@pytest.mark.parametrize(
    "raw", [BOMB, EXTERNAL, b"<" * 100_000, b"<x>" * 50_000], ids=["bomb", "external", "open", "deep"]
)
def test_xml_that_attacks_its_reader_is_kept_and_not_read(desk, raw):
    clerk = desk.person()
    case = clerk.new_case(files={"order": ("order.xml", raw)})
    page = clerk.get(f"/cases/{case}/request?order=unread")
    assert page.status_code == 200
    assert "could not be read by machine" in told(page)
    assert "root:" not in page.text
    assert desk.store.case(case).draft.subjects == ()


def test_a_program_as_an_order_is_refused_and_the_form_keeps_what_was_typed(desk):
    clerk = desk.person()
    form = clerk.form("/new") | {"number": "12/0417", "authority": "Court of Appeal", "class": "ordinary"}
    page = clerk.post("/new", data=form, files={"order": ("order.exe", b"MZ\x90")})
    assert page.status_code == 400
    assert "neither a PDF nor XML" in told(page)
    assert 'value="12/0417"' in page.text
    assert desk.store.open_cases() == []


def test_another_site_makes_nobody_do_anything(desk):
    clerk = desk.person()
    case = signed_case(desk, clerk)
    form = clerk.form(f"/cases/{case}")
    for headers in (
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"origin": "https://desk.example.evil.example", "sec-fetch-site": "same-site"},
    ):
        assert clerk.post(f"/cases/{case}/withdraw", data=form, headers=headers).status_code == 403
    assert desk.store.case(case).requests[0].withdrawn is None
    assert clerk.post(f"/cases/{case}/withdraw", data=form).status_code == 303
    assert desk.store.case(case).requests[0].withdrawn is not None


def test_a_token_that_was_given_to_the_browser_before_is_not_the_session_after(desk):
    clerk = desk.person()
    planted = "ab" * 32
    clerk.cookies.clear()
    clerk.cookies.set("__Host-desk", planted, domain="desk.example", path="/")
    assert clerk.sign_in().status_code == 303
    assert clerk.cookies["__Host-desk"] != planted
    thief = Someone(desk, desk.app)
    thief.cookies.set("__Host-desk", planted, domain="desk.example", path="/")
    assert thief.get("/").status_code == 303


def test_a_cookie_that_was_copied_is_worth_nothing_after_signing_out(desk):
    clerk = desk.person()
    token = clerk.cookies["__Host-desk"]
    assert clerk.post("/sign-out").status_code == 303
    thief = Someone(desk, desk.app)
    thief.cookies.set("__Host-desk", token, domain="desk.example", path="/")
    assert thief.get("/").headers.get("location") == "/sign-in"


def test_an_idle_session_ends(desk):
    import datetime as dt

    clerk = desk.person()
    desk.world.now += dt.timedelta(minutes=31)
    assert clerk.get("/").headers.get("location") == "/sign-in"


def test_no_address_title_or_log_line_names_anybody(desk, caplog):
    caplog.set_level("DEBUG")
    clerk = desk.person()
    case = signed_case(desk, clerk)
    clerk.open(case)
    desk.settle()
    seen = []
    for path in ("/", f"/cases/{case}", f"/cases/{case}/request", "/letters", "/closed"):
        page = clerk.get(path)
        seen += re.findall(r'(?:href|action|src|data-[a-z]+)="([^"]*)"', page.text)
        seen += re.findall(r"<title>(.*?)</title>", page.text)
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "same-origin"
    assert len(seen) > 20
    lines = seen + [record.getMessage() for record in caplog.records]
    for text in (NUMBER[1:], "12345678", "12/0417", PERSON, "Court of Appeal"):
        assert [line for line in lines if text in line] == []


def test_a_passkey_agrees_to_one_act_on_one_request_once(desk):
    clerk = desk.person()
    first, second = (signed_case(desk, clerk, number=number) for number in ("12/1", "12/2"))
    form = clerk.form(f"/cases/{first}")
    asked = clerk.post(f"/cases/{first}/open/challenge", data=form).json()
    answer = {"handle": asked["handle"], "answer": clerk.key.sign(json.dumps(asked["publicKey"])).decode()}
    other = clerk.post(f"/cases/{second}/open", data=clerk.form(f"/cases/{second}") | answer)
    assert other.status_code == 403
    assert desk.store.case(second).requests[0].delivered == ()
    again = clerk.post(f"/cases/{first}/open", data=form | answer)
    assert again.status_code == 403, "the challenge was used up"
    assert clerk.open(first).status_code == 303
    desk.settle()
    assert len(desk.store.case(first).requests[0].delivered) == 1


def test_the_passkey_of_another_person_agrees_to_nothing(desk):
    clerk, head = desk.person(), desk.person("D. Head", Role.HEAD)
    case = signed_case(desk, clerk)
    form = clerk.form(f"/cases/{case}")
    asked = clerk.post(f"/cases/{case}/open/challenge", data=form).json()
    answer = {"handle": asked["handle"], "answer": head.key.sign(json.dumps(asked["publicKey"])).decode()}
    page = clerk.post(f"/cases/{case}/open", data=form | answer)
    assert page.status_code == 403
    assert "of another person" in told(page)
    assert head.open(case).status_code == 303, "the head agrees with their own"
    desk.settle()


def test_the_draft_that_the_passkey_agreed_to_is_the_one_that_is_signed(desk):
    clerk = desk.person()
    case = clerk.new_case()
    path = f"/cases/{case}/request"
    form = clerk.form(path) | FIELDS
    asked = clerk.post(f"{path}/challenge", data=form).json()
    answer = {"handle": asked["handle"], "answer": clerk.key.sign(json.dumps(asked["publicKey"])).decode()}
    changed = form | answer | {"max_records": "1000000", "subjects": "+33698760001"}
    assert clerk.post(f"{path}/send", data=changed).status_code == 303
    note = desk.store.case(case).requests[0].note.decode()
    assert "max-records: 100\n" in note
    assert f"subject: tel:{NUMBER}\n" in note


def test_a_copy_of_another_request_or_with_a_forged_signature_is_not_taken_in(desk):
    clerk = desk.person()
    case, other = clerk.new_case(number="12/1"), clerk.new_case(number="12/2")
    for one in (case, other):
        assert clerk.send(one).status_code == 303
    copy = desk.countersign(other, "judge")
    assert clerk.take_in(case, copy).status_code == 400
    head, sep, line = desk.countersign(case, "judge").rpartition("— judge/auth ".encode())
    forged = head + sep + line[:8] + (b"A" if line[8:9] != b"A" else b"B") + line[9:]
    assert clerk.take_in(case, forged).status_code in {400, 409}
    assert clerk.take_in(case, desk.countersign(case, "judge")).status_code == 303


def test_uploads_over_the_bound_are_refused_before_they_are_read(desk):
    clerk = desk.person()
    case = clerk.new_case()
    form = clerk.form(f"/cases/{case}")
    huge = b"%PDF" + bytes(21 * 2**20)
    response = clerk.post(f"/cases/{case}/documents", data=form, files={"file": ("a.pdf", huge)})
    assert response.status_code == 413
    assert desk.store.case(case).documents == ()
