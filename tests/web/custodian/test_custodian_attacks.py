"""Attacks on a custodian's page. Each has a twin that differs in one thing and succeeds."""

import datetime as dt
import logging

import pytest

from authenticator import Authenticator
from clerking import SITE, copied
from coffer.custodian.people import Away
from coffer.custodian.requests import Requests
from coffer.errors import Refused
from coffer.web.custodian import lists
from custodian_page import Page, form_of, options_of, version_of
from elsewhere import Elsewhere


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("page")).with_records()


@pytest.fixture
def world(made, tmp_path):
    return copied(made, tmp_path / "own")


@pytest.fixture
def page(world):
    return Page.make(world, people=2, required=1)


def is_approved(page, note):
    return page.bench.commitment(note) in page.bench.in_force()


def test_a_desk_that_sends_thousands_neither_holds_the_page_nor_hides_a_request(page, monkeypatch):
    """As a thief of the desk's key does. The inbox takes 4,096; here a page of the list shows 3 of 8."""
    monkeypatch.setattr(lists, "PAGE", 3)
    notes = [page.bench.request(basis=f"case {n}") for n in range(8)]
    client, opened = page.signed_in(1), []
    read = Requests._read_inbox_note
    monkeypatch.setattr(
        Requests, "_read_inbox_note", lambda self, path, keys: (opened.append(path.name), read(self, path, keys))[1]
    )

    def shown(address):
        text = client.get(address).text
        assert "8 requests wait for judge" in text
        return [note for note in notes if page.path(note) in text]

    first = shown("/")
    assert sorted(opened) == sorted({*opened}), "each file is opened once for a page"
    seen = [
        page.bench.machine.requests.marks(page.bench.commitment(note), page.bench.service.keys).seen for note in notes
    ]
    assert [note for note, time in zip(notes, seen, strict=True) if time is not None] == first, (
        "not those of other pages"
    )
    pages = [first, shown("/?page=2"), shown("/?page=3")]
    assert [len(one) for one in pages] == [3, 3, 2]
    assert sorted(note for one in pages for note in one) == sorted(notes)
    for odd in ("99", "0", "-1", "x", "\u0663", "9" * 400):
        assert shown(f"/?page={odd}") == (pages[2] if odd == "99" else first), odd
    opened.clear()
    assert client.get(page.path(pages[2][1])).status_code == 200, "a request of the last page, by its digits"
    assert len(opened) <= 9
    assert page.approve(client, pages[2][1], 1).status_code == 303
    assert is_approved(page, pages[2][1])
    assert client.get("/requests/" + "0" * 32).status_code == 404
    assert client.get("/requests/" + page.path(notes[0])[-32:-1]).status_code == 404, "fewer digits name no request"


@pytest.mark.parametrize("like", ["person 1", "Person  1", "Person\u00a01", "Person\u20031", "\uff30erson 1"])
def test_nobody_joins_a_custodian_under_a_name_that_its_page_shows_alike(page, like):
    with pytest.raises(Refused, match="somebody has this name already"):
        page.bench.clerks.invite(like, page.bench.now)
    assert page.bench.clerks.invite("Person 10", page.bench.now)[0] == 3


def test_nobody_decides_without_a_session(page):
    note, stranger = page.bench.request(), page.visitor()
    for act in ("challenge", "approve", "take-back", "refuse"):
        answer = stranger.post(f"{page.path(note)}/{act}", data={"version": "x", "reason": "scope"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert stranger.get(page.path(note)).headers["location"] == "/sign-in"
    assert page.bench.machine.waiting_names() == ()
    assert page.approve(page.signed_in(1), note, 1).status_code == 303
    assert is_approved(page, note)


def test_session_of_another_custodian_is_none_here(world, page):
    note = page.bench.request()
    other = Page.make(world, "dpo", people=1, required=1)
    visitor = other.signed_in(1)
    (cookie,) = [item for item in visitor.cookies.jar if item.name.startswith("__Host-custodian-")]
    stranger = page.visitor()
    stranger.cookies.set("__Host-custodian-judge", cookie.value)
    assert stranger.get(page.path(note)).headers["location"] == "/sign-in"
    own = page.visitor()
    (cookie,) = [item for item in page.signed_in(1).cookies.jar if item.name.startswith("__Host-custodian-")]
    own.cookies.set("__Host-custodian-judge", cookie.value)
    assert own.get(page.path(note)).status_code == 200


def test_assertion_for_another_request_approves_nothing(page):
    wanted, harmless = page.bench.request(), page.bench.request(max_records=1)
    client = page.signed_in(1)
    begun = page.challenge(client, harmless)
    answer = form_of(begun, page.bench.keys[1].sign(options_of(begun)))
    path = page.path(wanted)
    refused = client.post(f"{path}/approve", data=answer | {"version": version_of(client.get(path).text)})
    assert refused.status_code == 403
    assert not is_approved(page, wanted)
    assert page.approve(client, harmless, 1).status_code == 303
    assert is_approved(page, harmless)


def test_assertion_of_a_sign_in_approves_nothing(page):
    note, client = page.bench.request(), page.signed_in(1)
    begun = client.post("/sign-in/challenge")
    answer = form_of(begun, page.bench.keys[1].sign(options_of(begun)))
    path = page.path(note)
    assert (
        client.post(f"{path}/approve", data=answer | {"version": version_of(client.get(path).text)}).status_code == 403
    )
    assert not is_approved(page, note)


def test_colleagues_passkey_does_not_approve_in_my_session(page):
    note, client = page.bench.request(), page.signed_in(1)
    assert page.approve(client, note, 1, key=page.bench.keys[2]).status_code == 403
    assert not is_approved(page, note)
    assert page.approve(client, note, 1).status_code == 303
    assert is_approved(page, note)


def test_passkey_on_a_copied_page_approves_nothing(page):
    note, client = page.bench.request(), page.signed_in(1)
    assert page.approve(client, note, 1, origin="https://judge.example.evil.example").status_code == 403
    assert not is_approved(page, note)


def test_passkey_without_its_owner_approves_nothing(page):
    note, client = page.bench.request(), page.signed_in(1)
    assert page.approve(client, note, 1, flags=0x01).status_code == 403
    assert not is_approved(page, note)


def test_approval_that_is_sent_twice_counts_once(world):
    page = Page.make(world, people=2, required=2)
    note, client = page.bench.request(), page.signed_in(1)
    path = page.path(note)
    version = version_of(client.get(path).text)
    begun = page.challenge(client, note, version=version)
    fields = form_of(begun, page.bench.keys[1].sign(options_of(begun))) | {"version": version}
    assert [client.post(f"{path}/approve", data=fields).status_code for _ in range(3)] == [303, 303, 303]
    commitment = page.bench.commitment(note)
    assert page.bench.clerks.standing(commitment).agreed_by == (1,)
    assert client.post(f"{path}/take-back", data={"version": version_of(client.get(path).text)}).status_code == 303
    assert client.post(f"{path}/approve", data=fields).status_code == 403, "the old assertion serves no second time"
    assert page.bench.clerks.standing(commitment).agreed_by == ()


def test_refusal_that_is_sent_twice_is_one_entry(page):
    note, client = page.bench.request(), page.signed_in(1)
    fields = {"version": version_of(client.get(page.path(note)).text), "reason": "merit"}
    assert [client.post(f"{page.path(note)}/refuse", data=fields).status_code for _ in range(2)] == [303, 303]
    assert page.bench.machine.waiting_names() == (f"refuse-{page.bench.commitment(note).hex()}",)


def test_form_that_is_older_than_a_colleagues_decision_decides_nothing(world):
    page = Page.make(world, people=3, required=2)
    note, client = page.bench.request(), page.signed_in(1)
    old = version_of(client.get(page.path(note)).text)
    page.bench.agree(note, 2)
    stale = client.post(f"{page.path(note)}/challenge", data={"version": old})
    assert (stale.status_code, stale.json()["what"]) == (
        409,
        "Something changed after this page was shown, and nothing was done.",
    )
    answer = client.post(f"{page.path(note)}/refuse", data={"version": old, "reason": "scope"})
    assert answer.status_code == 409
    assert "Below stands the request as it is now" in answer.text
    assert page.bench.machine.waiting_names() == ()
    assert page.post(client, note, "refuse", reason="scope").status_code == 303
    assert page.bench.machine.waiting_names() == (f"refuse-{page.bench.commitment(note).hex()}",)


def test_form_that_is_older_than_a_revocation_decides_nothing(world, page):
    note, client = page.bench.request(), page.signed_in(1)
    old = version_of(client.get(page.path(note)).text)
    dpo = world.custodian("dpo")
    world.vault.append([dpo.revocation_entry(note, "note")], world.vault.replay())
    page.attendant.look()
    assert client.post(f"{page.path(note)}/challenge", data={"version": old}).status_code in {404, 409}
    assert not is_approved(page, note)


@pytest.mark.parametrize("reason", ["", "none", "scope\nx", "SCOPE"])
def test_refusal_without_one_of_the_four_reasons_decides_nothing(page, reason):
    note, client = page.bench.request(), page.signed_in(1)
    answer = page.post(client, note, "refuse", reason=reason)
    assert answer.status_code == 400
    assert "no reason was chosen" in answer.text
    assert not page.bench.clerks.standing(page.bench.commitment(note)).is_refused


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "https://dpo.example:8444"},
        {"origin": SITE, "sec-fetch-site": "cross-site"},
        {"origin": SITE, "sec-fetch-site": "same-site"},
    ],
)
def test_another_site_makes_a_browser_decide_nothing(page, headers):
    note, client = page.bench.request(), page.signed_in(1)
    fields = {"version": version_of(client.get(page.path(note)).text), "reason": "scope"}
    assert client.post(f"{page.path(note)}/refuse", data=fields, headers=headers).status_code == 403
    assert page.bench.machine.waiting_names() == ()
    assert client.post(f"{page.path(note)}/refuse", data=fields).status_code == 303


def test_revoked_passkey_ends_its_session_at_once(page):
    client, other = page.signed_in(1), page.signed_in(2)
    page.bench.another_process().clerks.revoke(1, page.bench.keys[1].id, page.bench.now)
    assert client.get("/").headers["location"] == "/sign-in"
    assert other.get("/").status_code == 200


def test_removed_person_is_out_at_once(page):
    client = page.signed_in(2)
    page.bench.another_process().clerks.remove(2, page.bench.now)
    assert client.get("/").headers["location"] == "/sign-in"


def test_person_who_stands_in_has_no_second_vote(world):
    page = Page.make(world, people=2, required=2)
    note, client = page.bench.request(), page.signed_in(2)
    until = world.now + dt.timedelta(days=3)
    page.bench.clerks.set_away(1, Away(since=world.now, until=until, stand_in=2), world.now)
    assert page.approve(client, note, 2).status_code == 303
    assert page.bench.clerks.standing(page.bench.commitment(note)).agreed_by == (2,)
    assert not is_approved(page, note)


def test_no_page_is_framed_cached_or_read_under_another_name(page):
    note, client = page.bench.request(), page.signed_in(1)
    for path in ("/", page.path(note), "/people", "/passkeys", "/sign-in", "/enroll", "/none"):
        answer = client.get(path)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert client.get(path, headers={"host": "evil.example"}).status_code == 421


def test_no_number_name_or_authority_stands_in_an_address_title_or_log_line(page, caplog):
    with caplog.at_level(logging.DEBUG):
        note = page.bench.request(
            subjects=["tel:+33612345678"], authority="Court of Nowhere", person="Zeno", purpose="Arson"
        )
        client = page.signed_in(1)
        texts = [client.get(path).text for path in ("/", page.path(note))]
        page.approve(client, note, 1)
        page.post(client, note, "refuse", reason="merit")
    titles = [text.partition("<title>")[2].partition("</title>")[0] for text in texts]
    assert titles == ["Requests — Coffer, judge", "Decide a request — Coffer, judge"]
    record = (page.bench.machine.path / "audit.log").read_text() if page.bench.file("audit.log").exists() else ""
    for secret in ("612345678", "6 12 34", "Nowhere", "Zeno", "Arson"):
        assert secret not in page.path(note) + "".join(titles) + caplog.text + record
        assert secret in "".join(texts) or secret == "612345678"


def test_text_of_a_request_is_no_markup(page):
    note = page.bench.request(purpose="<script>alert(1)</script>", person='"><img src=x>', authority="<b>Court</b>")
    client = page.signed_in(1)
    for path in ("/", page.path(note)):
        text = client.get(path).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "&lt;b&gt;Court&lt;/b&gt;" in text


def test_request_that_is_not_here_is_not_told_from_one_that_never_was(page):
    note, client = page.bench.request(), page.signed_in(1)
    digits = page.path(note).rpartition("/")[2]
    answers = [client.get(f"/requests/{name}") for name in ("0" * 32, digits[:31], digits.upper(), "..%2f..", "%00")]
    assert {answer.status_code for answer in answers} == {404}
    assert client.get(f"/requests/{digits}").status_code == 200


def test_session_of_before_the_sign_in_is_not_carried_over(page):
    client = page.visitor()
    client.cookies.set("__Host-custodian-judge", "a" * 64)
    begun = client.post("/sign-in/challenge")
    fields = form_of(begun, page.bench.keys[1].sign(options_of(begun)))
    client.post("/sign-in", data=fields)
    values = {item.value for item in client.cookies.jar if item.name == "__Host-custodian-judge"} - {"a" * 64}
    assert len(values) == 1
    fixed = page.visitor()
    fixed.cookies.set("__Host-custodian-judge", "a" * 64)
    assert fixed.get("/").headers["location"] == "/sign-in"


def test_challenge_of_one_handle_serves_no_other(page):
    client = page.visitor()
    begun, other = client.post("/sign-in/challenge"), client.post("/sign-in/challenge")
    fields = form_of(begun, page.bench.keys[1].sign(options_of(begun)))
    assert client.post("/sign-in", data=fields | {"handle": other.json()["handle"]}).status_code == 403
    fresh = client.post("/sign-in/challenge")
    assert client.post("/sign-in", data=form_of(fresh, page.bench.keys[1].sign(options_of(fresh)))).status_code == 303


def test_stranger_with_a_passkey_of_their_own_stays_outside(page):
    client = page.visitor()
    begun = client.post("/sign-in/challenge")
    assert client.post("/sign-in", data=form_of(begun, Authenticator(SITE).sign(options_of(begun)))).status_code == 403
    assert client.get("/").headers["location"] == "/sign-in"


def test_slow_log_does_not_freeze_the_page(page, monkeypatch):
    note, client = page.bench.request(), page.signed_in(1)
    path = page.path(note)

    def frozen(*_):
        raise AssertionError("a page asked the log")

    monkeypatch.setattr(page.bench.service._following, "catch_up", frozen)
    monkeypatch.setattr(page.bench.service._following, "accept", frozen)
    assert [client.get(address).status_code for address in ("/", path, "/people")] == [200, 200, 200]
    with pytest.raises(AssertionError, match="asked the log"):
        page.bench.service.sync()
