"""One site's people, cookies, passkeys and paths at another site; what one reader is shown of another."""

import json
import re

import httpx
import pytest

from asking import Client
from authenticator import Authenticator
from clerking import Bench, copied
from coffer.web.ground.sessions import cookie_name
from custodian_page import SITE, Page, form_of, options_of, version_of
from desking import DeskWorld
from elsewhere import Elsewhere
from windows import ORIGIN as WINDOW
from windows import client_of, enrich, window_on
from world import World

DPO = "https://judge.example:8445"
"""Another custodian's page on the same host: cookies and passkeys do not know ports."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("sites")).with_records()


@pytest.fixture
def world(made, tmp_path):
    return copied(made, tmp_path / "own")


@pytest.fixture
def rich(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-03")
    return enrich(world)


@pytest.fixture
def judge(world):
    return Page.make(world)


@pytest.fixture
def dpo(world):
    bench = Bench.opened(world, "dpo")
    bench.clerks.set_site(DPO, world.now)
    for number in (1, 2):
        _, code = bench.clerks.invite(f"Officer {number}", world.now)
        bench.keys[number] = Authenticator(DPO)
        bench.enroll(code, bench.keys[number])
    bench.clerks.require(1, world.now)
    return Page.of(world, bench, origin=DPO)


def token_in(client):
    return next(cookie.value for cookie in client.cookies.jar if not cookie.name.endswith("-back"))


def test_a_session_of_one_custodian_is_none_at_another_of_the_same_host(judge, dpo):
    assert cookie_name(replace_site(judge)) != cookie_name(replace_site(dpo))
    stolen = token_in(judge.signed_in(1))
    for name in ("__Host-custodian-dpo", "__Host-custodian-judge", "__Host-desk"):
        client = dpo.visitor()
        client.cookies.set(name, stolen)
        assert client.get("/").headers["location"] == "/sign-in"
    assert dpo.signed_in(1).get("/").status_code == 200


def replace_site(page):
    return page.app._site


def test_a_passkey_answer_made_at_one_site_signs_in_at_no_other(judge, dpo):
    """Whoever serves the one page could pass the other's challenge on to a person who trusts theirs."""
    key = judge.bench.keys[1]
    begun = dpo.visitor().post("/sign-in/challenge")
    relayed = dpo.visitor().post("/sign-in", data=form_of(begun, key.sign(options_of(begun))))
    assert relayed.status_code == 403
    own = dpo.bench.keys[1]
    begun = dpo.visitor().post("/sign-in/challenge")
    assert (
        dpo.visitor().post("/sign-in", data=form_of(begun, own.sign(options_of(begun), origin=SITE))).status_code == 403
    )
    begun = dpo.visitor().post("/sign-in/challenge")
    assert dpo.visitor().post("/sign-in", data=form_of(begun, own.sign(options_of(begun)))).status_code == 303


def test_a_challenge_to_approve_signs_nobody_in_and_one_to_sign_in_approves_nothing(judge):
    note, client = judge.bench.request(), judge.signed_in(1)
    asked = judge.challenge(client, note)
    assert asked.status_code == 200
    form = form_of(asked, judge.bench.keys[1].sign(options_of(asked)))
    assert judge.visitor().post("/sign-in", data=form | {"handle": "0" * 64}).status_code == 403
    begun = client.post("/sign-in/challenge")
    answer = judge.bench.keys[1].sign(options_of(begun))
    version = version_of(client.get(judge.path(note)).text)
    refused = client.post(f"{judge.path(note)}/approve", data=form_of(begun, answer) | {"version": version})
    assert refused.status_code == 403
    assert judge.bench.clerks.standing(judge.bench.commitment(note)).agreed_by == ()
    assert judge.approve(client, note, 1).status_code == 303


def test_one_persons_answer_in_anothers_session_approves_nothing(judge):
    note, first, second = judge.bench.request(), judge.signed_in(1), judge.signed_in(2)
    version = version_of(first.get(judge.path(note)).text)
    asked = first.post(f"{judge.path(note)}/challenge", data={"version": version})
    form = form_of(asked, judge.bench.keys[1].sign(options_of(asked))) | {"version": version}
    assert second.post(f"{judge.path(note)}/approve", data=form).status_code == 403
    assert judge.bench.clerks.standing(judge.bench.commitment(note)).agreed_by == ()
    assert judge.approve(first, note, 1).status_code == 303


def test_a_passkey_that_agreed_to_one_request_agrees_by_no_script_to_the_next(judge):
    """There is no bulk approval: each request wants an answer of its own."""
    one, two, client = judge.bench.request(), judge.bench.request(purpose="Another"), judge.signed_in(1)
    version = version_of(client.get(judge.path(one)).text)
    asked = client.post(f"{judge.path(one)}/challenge", data={"version": version})
    form = form_of(asked, judge.bench.keys[1].sign(options_of(asked)))
    other = version_of(client.get(judge.path(two)).text)
    assert client.post(f"{judge.path(two)}/approve", data=form | {"version": other}).status_code == 403
    assert judge.bench.clerks.standing(judge.bench.commitment(two)).agreed_by == ()
    assert judge.approve(client, two, 1).status_code == 303


def test_a_page_shown_before_somebody_refused_approves_nothing(judge):
    note, client, other = judge.bench.request(), judge.signed_in(1), judge.signed_in(2)
    version = version_of(client.get(judge.path(note)).text)
    assert judge.post(other, note, "refuse", reason="scope").status_code == 303
    assert client.post(f"{judge.path(note)}/challenge", data={"version": version}).status_code == 409
    assert judge.bench.in_force() == frozenset()


# Listeners.


def test_the_page_is_not_on_the_answering_port_and_answers_are_not_on_the_pages(world, judge):
    service = Client(world.app("judge", judge.bench.service), SITE)
    for path in ("/", "/sign-in", "/people", "/passkeys", judge.path(judge.bench.request()), "/enroll"):
        assert service.get(path).status_code == 404, path
    paths = [
        route.path
        for route in world.app("judge", judge.bench.service).routes
        if "POST" in getattr(route, "methods", ())
    ]
    assert len(paths) > 3
    for path in paths:
        asked = judge.signed_in(1).post(path.replace("{", "").replace("}", ""), content=b"x")
        assert asked.status_code in {404, 405}, path


def test_the_windows_and_the_desks_paths_do_not_meet(tmp_path):
    desk = DeskWorld.make(tmp_path)
    try:
        clerk = desk.person()
        case = clerk.new_case()
        window = client_of(window_on(desk.world))
        for path in ("/new", "/people", "/sign-in", "/passkeys", f"/cases/{case}", f"/cases/{case}/history", "/me"):
            window.cookies = httpx.Cookies(clerk.cookies)
            assert window.get(path).status_code == 404, path
            assert clerk.get(path).status_code == 200, path
        for path in ("/checkpoint", "/tile/0/000", "/health", "/numbers.json", "/log/0", "/revealed.json"):
            assert clerk.get(path).status_code == 404, path
            assert window.get(path).status_code in {200, 404}, path
        assert window.get("/checkpoint").status_code == 200
    finally:
        desk.close()


# What another host of the same domain plants: its cookies reach this one, but those with ``__Host-``.


def test_a_zone_or_language_that_another_host_of_the_domain_plants_is_not_read(rich):
    client = client_of(window_on(rich))
    plain = client.get("/log/3").text
    client.cookies.set("zone", "Pacific/Kiritimati")
    client.cookies.set("language", "de")
    assert client.get("/log/3").text == plain
    client.cookies.set("__Host-zone", "Pacific/Kiritimati")
    client.cookies.set("__Host-language", "de")
    assert "Pacific/Kiritimati" in client.get("/log/3").text
    assert '<html lang="de">' in client.get("/log/3").text
    cookie = client.get("/log/3?language=fr").headers["set-cookie"].lower()
    assert cookie.startswith("__host-language=fr;")
    assert {"secure", "path=/", "httponly"} <= set(cookie.split("; "))
    assert "domain" not in cookie


# What is kept of one reader for another.


def test_the_window_keeps_a_page_for_nobody_with_another_language_or_zone(rich):
    client = client_of(window_on(rich))
    client.cookies.set("__Host-zone", "Asia/Tokyo")
    tokyo = client.get("/log/3")
    assert tokyo.headers["cache-control"] == "no-cache"
    assert {"cookie", "accept-language"} <= set(tokyo.headers["vary"].split(", "))
    plain = client_of(window_on(rich))
    utc, french = plain.get("/log/3"), plain.get("/log/3", headers={"accept-language": "fr"})
    assert len({tokyo.headers["etag"], utc.headers["etag"], french.headers["etag"]}) == 3
    for other in (tokyo, french):
        again = plain.get("/log/3", headers={"if-none-match": other.headers["etag"]})
        assert (again.status_code, again.text) == (200, utc.text)
    assert plain.get("/log/3", headers={"if-none-match": utc.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    "headers", [{"host": "evil.example"}, {"x-forwarded-host": "evil.example"}, {"forwarded": "host=evil.example"}]
)
def test_no_host_that_a_reader_names_is_kept_in_a_page_or_feed(rich, headers):
    client = client_of(window_on(rich))
    for path in ("/", "/openings.atom", "/openings"):
        assert "evil.example" not in client.get(path, headers=headers).text
        assert client.get(path).status_code == 200
    assert WINDOW in client.get("/openings.atom").text


def test_nothing_of_a_signed_in_page_is_kept_by_a_browser_or_proxy(judge):
    client = judge.signed_in(1)
    for path in ("/", "/people", "/passkeys", judge.path(judge.bench.request())):
        response = client.get(path)
        assert response.headers["cache-control"] == "no-store", path
        assert "etag" not in response.headers
        assert (
            client.get(
                path, headers={"if-none-match": "*", "if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"}
            ).status_code
            == 200
        )


# Words of a stranger.


def test_words_of_an_order_are_no_markup_on_the_custodians_page(judge):
    evil = "<img src=x onerror=alert(1)>\"'{{7*7}}"
    note = judge.bench.request(authority=evil, basis=evil, purpose=evil, person=evil)
    client = judge.signed_in(1)
    for path in ("/", judge.path(note)):
        text = client.get(path).text
        assert "<img src=x" not in text
        assert "onerror=alert(1)&gt;" in text
        assert "{{7*7}}" in text, "shown as it is, not computed"
        assert "onerror" not in re.search("<title>(.*?)</title>", text)[1]


def test_a_passkeys_label_and_a_persons_name_are_written_as_text(judge):
    name = "<script>alert(1)</script>"
    ordinal, code = judge.bench.clerks.invite(name, judge.bench.now)
    judge.bench.keys[ordinal] = Authenticator(SITE)
    judge.bench.enroll(code, judge.bench.keys[ordinal])
    text = judge.signed_in(ordinal).get("/people").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_json_that_nests_without_end_is_a_refusal(judge):
    client = judge.visitor()
    begun = client.post("/sign-in/challenge").json()
    deep = '{"id":' * 1_300
    for answer in ("[" * 8_000, deep, '{"type":"public-key","id":"a","rawId":"a","response":' + "[" * 4_000):
        assert client.post("/sign-in", data={"handle": begun["handle"], "answer": answer}).status_code == 403
    assert json.loads(json.dumps(begun)) == begun
