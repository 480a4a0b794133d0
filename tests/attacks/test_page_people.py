"""People of a desk who do what is not theirs: at once with others, after they were revoked, on pages that are old."""

import datetime as dt
import json
from dataclasses import replace

import pytest

from authenticator import Authenticator
from coffer.desk.people import Role
from coffer.errors import Refused
from coffer.notify.message import News
from desking import DeskWorld, Someone, hidden, signed_case, told


@pytest.fixture
def desk(tmp_path):
    desk = DeskWorld.make(tmp_path)
    yield desk
    desk.close()


EMPTY = {"nothing": ""}
"""A form without fields that count."""


def person_of(desk, name):
    return next(person for person in desk.store.people().values() if person.name == name)


# Revoked in the very moment.


@pytest.mark.parametrize("act", ["edit", "add"])
def test_who_is_revoked_while_a_form_of_theirs_is_written_stays_revoked(desk, monkeypatch, act):
    """The form's page read the person before, and would write them back as they were."""
    clerk = desk.person("C. Clerk")
    thief = Authenticator(desk.origin)
    asked = clerk.post("/passkeys/challenge").json()
    answer = thief.register(json.dumps(asked["publicKey"])).decode()
    real, is_first = desk.store.change, [True]

    def change(person, make, now):
        if is_first:
            is_first.clear()
            real(person, lambda current: replace(current, revoked=desk.world.now), now)
        return real(person, make, now)

    monkeypatch.setattr(desk.store, "change", change)
    if act == "edit":
        response = clerk.post("/me", data=clerk.form("/me") | {"zone": "UTC", "in": "en", "mailbox": ""})
    else:
        form = {"handle": asked["handle"], "answer": answer, "label": "another"}
        response = clerk.post("/passkeys", data=form)
    assert response.status_code == 403
    assert not person_of(desk, "C. Clerk").is_active
    assert len(person_of(desk, "C. Clerk").passkeys) == 1
    assert clerk.sign_in().status_code == 403


def test_a_stolen_passkey_that_signs_in_while_it_is_replaced_is_out_all_the_same(desk, monkeypatch):
    thief = desk.person("C. Clerk")
    clerk = person_of(desk, "C. Clerk")
    code = desk.store.invite("ignored", Role.CLERK, by=None, now=desk.world.now, person=clerk.id)
    begin, owner = desk.store.begin, Someone(desk, desk.app)

    def slowly(person, now):
        """Between the proof of the old passkey and its session, the person comes back with a new one."""
        monkeypatch.setattr(desk.store, "begin", begin)
        desk.world.now += dt.timedelta(seconds=1)
        owner.enroll(code)
        return begin(person, now)

    monkeypatch.setattr(desk.store, "begin", slowly)
    assert thief.sign_in().status_code == 303
    assert thief.get("/").headers["location"] == "/sign-in"
    assert owner.get("/").status_code == 200
    assert owner.sign_in().status_code == 303
    assert owner.get("/").status_code == 200


def test_what_was_written_of_a_person_meanwhile_is_not_written_over(desk):
    clerk = desk.person("C. Clerk")
    before = person_of(desk, "C. Clerk")
    second = Authenticator(desk.origin)
    asked = clerk.post("/passkeys/challenge").json()
    form = {"handle": asked["handle"], "answer": second.register(json.dumps(asked["publicKey"])).decode(), "label": "b"}
    assert clerk.post("/passkeys", data=form).status_code == 200
    made = desk.store.change(before.id, lambda current: replace(current, zone="Europe/Paris"), desk.world.now)
    assert (len(made.passkeys), made.zone) == (2, "Europe/Paris")


def test_a_revoked_person_is_written_by_nobody(desk):
    desk.person("C. Clerk")
    person = person_of(desk, "C. Clerk")
    desk.store.update(replace(person, revoked=desk.world.now), desk.world.now)
    with pytest.raises(Refused, match="revoked, and stays so"):
        desk.store.update(person, desk.world.now)
    assert not person_of(desk, "C. Clerk").is_active


@pytest.mark.parametrize(
    "like", ["H.  Head", "H.\u00a0Head", "H.\u2003Head", "\uff28. Head", "H. He\u0061d", "h. HEAD"]
)
def test_nobody_is_invited_under_a_name_that_a_page_shows_alike(desk, like):
    """HTML shows two spaces as one, and other spaces, full-width letters and composed letters look alike."""
    desk.invite("H. Head", Role.HEAD)
    desk.invite("R. Ren\u00e9", Role.CLERK)
    for name in (like, "R. Rene\u0301"):
        with pytest.raises(Refused, match="somebody has this name already"):
            desk.invite(name, Role.CLERK)
    assert desk.invite("H. Heap", Role.CLERK)
    assert desk.invite("R. Rene", Role.CLERK)


def test_who_finds_an_operators_open_browser_invites_nobody(desk):
    operator, thief = desk.person("O. Operator", Role.OPERATOR), desk.person("T. Thief")
    desk.person("H. Head", Role.HEAD)
    head = person_of(desk, "H. Head")
    form = {"name": "T. Thief the second", "role": "head"}
    alone = operator.post("/people/invite", data=form)
    assert alone.status_code == 400
    assert "the browser sent no answer" in told(alone)
    again = f"/people/{head.id}/invite"
    assert operator.post(again, data={"answer": ""}).status_code == 400
    asked = operator.post("/people/invite/challenge", data=form).json()
    foreign = thief.key.sign(json.dumps(asked["publicKey"])).decode()
    sent = form | {"handle": asked["handle"], "answer": foreign}
    assert operator.post("/people/invite", data=sent).status_code == 403, "a passkey of their own"
    for asked_for, used_for in ((form, form | {"role": "clerk"}), (form, form | {"name": "T. Thief the third"})):
        asked = operator.post("/people/invite/challenge", data=asked_for).json()
        answer = operator.key.sign(json.dumps(asked["publicKey"])).decode()
        sent = used_for | {"handle": asked["handle"], "answer": answer}
        assert operator.post("/people/invite", data=sent).status_code == 403, "agreed to for something else"
    asked = operator.post("/people/invite/challenge", data=form).json()
    answer = operator.key.sign(json.dumps(asked["publicKey"])).decode()
    assert operator.post(again, data={"handle": asked["handle"], "answer": answer}).status_code == 403
    assert desk.store.invitations(desk.world.now) == []
    assert operator.agree("/people/invite", form).status_code == 200
    assert operator.agree(again, {}).status_code == 200
    assert [one.name for one in desk.store.invitations(desk.world.now)] == ["H. Head", "T. Thief the second"]


def test_who_finds_a_heads_open_browser_destroys_no_case(desk):
    clerk, head = desk.person(), desk.person("H. Head", Role.HEAD)
    first, second = clerk.new_case(number="1"), clerk.new_case(number="2")
    for case in (first, second):
        assert head.post(f"/cases/{case}/close", data=head.form(f"/cases/{case}")).status_code == 303
    sure = {"sure": "yes"}
    path, other = f"/cases/{first}/shred", f"/cases/{second}/shred"
    assert head.post(path, data=head.form(f"/cases/{first}") | sure).status_code == 400, "the session alone"
    asked = head.post(f"{other}/challenge", data=head.form(f"/cases/{second}") | sure).json()
    answer = head.key.sign(json.dumps(asked["publicKey"])).decode()
    sent = head.form(f"/cases/{first}") | sure | {"handle": asked["handle"], "answer": answer}
    assert head.post(path, data=sent).status_code == 403, "agreed to for another case"
    assert clerk.agree(path, clerk.form(f"/cases/{first}") | sure).status_code == 403, "no head"
    assert desk.store.case(first).number == "1"
    assert head.agree(path, head.form(f"/cases/{first}") | sure).status_code == 303
    with pytest.raises(Refused, match="its key was destroyed"):
        desk.store.case(first)
    assert desk.store.case(second).number == "2"


def test_every_head_is_told_of_an_invitation_and_everybody_sees_who_made_it(desk):
    operator, clerk = desk.person("O. Operator", Role.OPERATOR), desk.person("C. Clerk")
    for name, role in (("H. Head", Role.HEAD), ("I. Head", Role.HEAD), ("A. Auditor", Role.AUDITOR)):
        desk.person(name, role)
    for person in desk.store.people().values():
        mailbox = f"{person.name.split()[0].strip('.').lower()}@telco.example"
        desk.store.change(person.id, lambda old, mailbox=mailbox: replace(old, mailbox=mailbox), desk.world.now)

    def whom():
        waiting = desk.store.claim(desk.world.now, limit=100)
        assert {one.news for one in waiting} == {News.INVITED}
        return sorted(desk.store.people()[one.person].name for one in waiting)

    operator.agree("/people/invite", {"name": "O. Operator, as a clerk", "role": "clerk"})
    assert whom() == ["H. Head", "I. Head"]
    operator.agree(f"/people/{person_of(desk, 'C. Clerk').id}/invite", {})
    assert whom() == ["C. Clerk", "H. Head", "I. Head"], "and whose passkeys would be replaced"
    operator.agree(f"/people/{person_of(desk, 'C. Clerk').id}/invite", {})
    assert whom() == ["C. Clerk", "H. Head", "I. Head"], "of each anew"
    desk.invite("B. Clerk", Role.CLERK)
    assert whom() == ["H. Head", "I. Head"], "and of those that the machine makes"
    page = told(clerk.get("/people"))
    assert "O. Operator, as a clerk clerk O. Operator" in page
    assert "B. Clerk clerk the machine" in page
    assert "C. Clerk anew: the old passkeys stop once it is used clerk O. Operator" in page
    assert "Take back" not in page


def test_an_invitation_that_was_taken_back_lets_nobody_in(desk):
    operator = desk.person("O. Operator", Role.OPERATOR)
    code = desk.invite("B. Clerk", Role.CLERK)
    (waits,) = desk.store.invitations(desk.world.now)
    guest = Someone(desk, desk.app)
    assert guest.post("/invitation/challenge", data={"code": code}).status_code == 200
    assert desk.person("C. Clerk").post(f"/people/{waits.person}/uninvite", data=EMPTY).status_code == 403
    assert guest.post("/invitation/challenge", data={"code": code}).status_code == 200
    assert operator.post(f"/people/{waits.person}/uninvite", data=EMPTY).status_code == 303
    assert guest.post("/invitation/challenge", data={"code": code}).status_code == 403
    assert desk.store.invitations(desk.world.now) == []


def test_nobody_is_invited_under_the_name_of_somebody_else(desk):
    operator = desk.person("O. Operator", Role.OPERATOR)
    desk.person("H. Head", Role.HEAD)
    form = operator.form("/people") | {"role": "clerk"}
    refused = operator.agree("/people/invite", form | {"name": "h. head"})
    assert refused.status_code == 403
    assert "somebody has this name already" in told(refused)
    assert operator.agree("/people/invite", form | {"name": "H. Header"}).status_code == 200
    waits = operator.agree("/people/invite", form | {"name": "H. HEADER"})
    assert waits.status_code == 403


# A page that is old.


def test_a_passkey_asked_on_an_old_page_opens_no_request_that_it_did_not_show(desk):
    clerk, head = desk.person("C. Clerk"), desk.person("H. Head", Role.HEAD)
    case = signed_case(desk, clerk)
    old = clerk.form(f"/cases/{case}")
    assert head.post(f"/cases/{case}/withdraw", data=head.form(f"/cases/{case}")).status_code == 303
    assert head.send(case, subjects="06 12 34 56 79", purpose="Something else").status_code == 303
    assert head.take_in(case, desk.countersign(case, "judge", "dpo")).status_code == 303
    refused = clerk.post(f"/cases/{case}/open/challenge", data=old)
    assert refused.status_code == 409
    assert "somebody changed it meanwhile" in refused.json()["what"]
    assert clerk.open(case).status_code == 303, "the page as it is now asks for what it shows"
    desk.settle()
    assert [len(request.delivered) for request in desk.store.case(case).requests] == [0, 1]


# Forms of others, and of another case.


def test_the_key_of_anothers_form_is_of_no_use(desk):
    clerk, other = desk.person("C. Clerk"), desk.person("D. Clerk")
    case = clerk.new_case()
    form = clerk.form(f"/cases/{case}") | {"note": "first"}
    assert clerk.post(f"/cases/{case}/note", data=form).status_code == 303
    head = desk.person("H. Head", Role.HEAD)
    mine = head.form(f"/cases/{case}") | {"post": form["post"], "note": "second"}
    assert head.post(f"/cases/{case}/note", data=mine).status_code == 303
    notes = [event.texts["note"] for event in desk.store.history(case) if "note" in event.texts]
    assert notes == ["first", "second"]
    assert other.post(f"/cases/{case}/note", data=form | {"note": "x"}).status_code == 403


def test_a_document_is_reached_by_no_other_case(desk):
    clerk = desk.person("C. Clerk")
    mine = clerk.new_case()
    other = clerk.new_case(number="9", files={"order": ("order.pdf", b"%PDF-1.4 secret")})
    document = desk.store.case(other).documents[0].id
    assert clerk.get(f"/cases/{mine}/documents/{document}").status_code != 200
    assert clerk.get(f"/cases/{other}/documents/{document}").content == b"%PDF-1.4 secret"


def test_nobody_who_was_revoked_gets_a_case(desk):
    clerk, head = desk.person("C. Clerk"), desk.person("H. Head", Role.HEAD)
    gone = desk.person("G. Gone")
    case = clerk.new_case()
    person = person_of(desk, "G. Gone")
    assign = {"to": person.id}
    assert head.post(f"/cases/{case}/assign", data=head.form(f"/cases/{case}") | assign).status_code == 303
    desk.store.update(replace(person, revoked=desk.world.now), desk.world.now)
    refused = head.post(f"/cases/{case}/assign", data=head.form(f"/cases/{case}") | assign)
    assert refused.status_code == 400
    assert gone.get("/").status_code == 303


# Whatever is sent, nothing worse than a refusal.

ODD = [
    "",
    "\x00",
    "\u202eabc",
    "9" * 5_000,
    "2016-09-31",
    "9999-12-31T23:59",
    "0001-01-01T00:00",
    "-1",
    "1e9",
    "٣",
    "<svg/onload=1>",
    "../../etc/passwd",
    "%00",
    "UTC\x00",
    "Etc/../UTC",
    "=1+1",
    "a" * 8_192,
    "\ud83d".encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
]


def test_odd_values_in_every_field_of_every_form_are_refused_in_words(desk):
    clerk, head = desk.person("C. Clerk"), desk.person("H. Head", Role.HEAD)
    case = signed_case(desk, clerk)
    fresh = clerk.new_case(number="2")
    draft = ("authority", "basis", "person", "subjects", "first_1", "last_1", "zone", "home", "kinds", "max_records")
    paths = {
        "/new": ("number", "authority", "class", "received", "due"),
        f"/cases/{fresh}/request": (*draft, "expires", "secret_until", "not_before", "roster", "do"),
        f"/cases/{fresh}/request/validate": ("subjects", "zone", "first_1", "expires", "roster"),
        f"/cases/{fresh}/request/challenge": ("subjects", "zone", "expires", "roster", "version"),
        f"/cases/{fresh}/request/send": ("handle", "answer"),
        f"/cases/{case}/open": ("handle", "answer"),
        f"/cases/{case}/due": ("due",),
        f"/cases/{case}/note": ("note",),
        f"/cases/{case}/letter": ("request", "in"),
        f"/cases/{case}/assign": ("to",),
        "/people/invite": ("name", "role"),
        "/me": ("zone", "in", "mailbox"),
        "/sign-in": ("handle", "answer"),
        "/invitation": ("code", "handle", "answer", "label"),
        "/invitation/challenge": ("code",),
        "/passkeys": ("handle", "answer", "label"),
    }
    tried = 0
    for path, names in paths.items():
        shown = "/new" if path.count("/") == 1 else path.rpartition("/")[0]
        base = head.form(
            shown
            if shown.startswith(("/new", "/cases")) and shown != f"/cases/{fresh}"
            else path
            if path.startswith("/cases")
            else "/new"
        )
        for place, name in enumerate(names):
            for value in [ODD[(place * 3 + turn) % len(ODD)] for turn in range(3)]:
                response = head.post(path, data=base | {"version": base.get("version", "")} | {name: value})
                assert response.status_code < 500, (path, name, value[:40], told(response)[:300])
                assert "<svg/onload" not in response.text
                tried += 1
    assert tried > 100


def test_what_stands_in_an_address_is_refused_in_words(desk):
    clerk = desk.person("C. Clerk")
    case = clerk.new_case()
    odd = ["x", "0" * 32, "%00" * 4, "€" * 32, "٣" * 32, "a" * 5_000, "..%2f..", "%ff"]
    for value in odd:
        for path in (
            f"/cases/{value}",
            f"/cases/{case}/documents/{value}",
            f"/cases/{case}/documents/{value}/preview",
            f"/closed?after={value}",
            f"/people/{value}/revoke",
            f"/cases/{value}/history",
            f"/assets/{value}/{value}",
        ):
            response = clerk.get(path)
            assert response.status_code < 500, (path, response.status_code)
            assert (response.status_code == 200) == path.startswith("/closed?after=000"), path
    assert hidden(clerk.get(f"/cases/{case}").text)
