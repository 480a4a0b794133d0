"""What all pages stand on, with a site that has one page and one form."""

import datetime as dt
import os
import re

import pytest
from fastapi import FastAPI, Request, Response

from asking import Client
from coffer.errors import MalformedInput, Refused
from coffer.passkeys.sessions import IDLE, LONGEST
from coffer.web.ground.app import make_site_app
from coffer.web.ground.forms import read_form
from coffer.web.ground.gate import MAX_FORM_BYTES, Gate, Pace
from coffer.web.ground.languages import LANGUAGES, choose_language
from coffer.web.ground.render import NavItem, Pages
from coffer.web.ground.sessions import MAX_SESSIONS, MemorySessions, clear_token, set_token, token_of
from coffer.web.ground.site import Site, parse_site_origin
from coffer.web.ground.times import choose_zone, show_day, show_number, show_time

ORIGIN = "http://localhost:8081"
NOW = dt.datetime(2013, 1, 9, 14, 54, tzinfo=dt.UTC)
HERE = {"origin": ORIGIN, "sec-fetch-site": "same-origin"}


def make_site(**changes):
    fields = {"party": "custodian", "operator": "Telco Example", "origin": ORIGIN, "tag": "judge", "log": "v.example"}
    return Site(**fields | {"name": "judge"} | changes)


@pytest.fixture
def seen():
    return []


@pytest.fixture
def client(seen):
    pages = Pages(make_site(), ["ground"], nav=[NavItem(path="/", label="Pages")])
    app = make_site_app(pages, "test")
    add_routes(app, pages, seen)
    return Client(Gate(app, pages.site, larger={"/large": 200_000}), ORIGIN)


def add_routes(app: FastAPI, pages: Pages, seen: list) -> None:
    @app.get("/")
    async def first(request: Request) -> Response:
        return pages.respond(
            request, "ground/refused.html", what="What <b>", hint="hint", details="", advice="", code=""
        )

    @app.post("/form")
    @app.post("/large")
    async def form(request: Request) -> Response:
        read = await read_form(request)
        seen.append(read)
        return Response(read.text("name"))

    @app.get("/refused")
    async def refused(request: Request) -> Response:
        raise Refused("note: expired 2016-09-01T00:00:00Z", code="time", hint="ask for a <new> one")

    @app.get("/bug")
    async def bug(request: Request) -> Response:
        raise RuntimeError("a number: +33612345678")


def test_every_answer_carries_the_headers_and_is_kept_by_nobody(client):
    for path in ("/", "/none", "/refused", "/bug"):
        response = client.get(path)
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "same-origin"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" not in response.headers  # plain http on this machine
    assert client.post("/form", headers={"origin": "https://evil.example"}).headers["content-security-policy"]


def test_a_page_of_https_asks_for_https_from_then_on():
    pages = Pages(make_site(origin="https://judge.example"), ["ground"], nav=[])
    client = Client(Gate(make_site_app(pages, "t"), pages.site), "https://judge.example")
    assert client.get("/none").headers["strict-transport-security"] == "max-age=31536000"


def test_strangers_text_is_written_as_text(client):
    assert "What &lt;b&gt;" in client.get("/").text
    assert "ask for a &lt;new&gt; one" in client.get("/refused").text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (HERE, 200),
        ({"origin": ORIGIN}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:8082"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"origin": ORIGIN, "sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example", "sec-fetch-site": "same-origin"}, 403),
    ],
)
def test_another_site_cannot_post_here(client, seen, headers, status):
    assert client.post("/form", data={"name": "a"}, headers=headers).status_code == status
    assert len(seen) == (status == 200)


@pytest.mark.parametrize("host", ["evil.example", "localhost", "localhost:8082", "127.0.0.1:8081", ""])
def test_a_foreign_host_name_reaches_no_page(client, host):
    refused = client.get("/", headers={"host": host})
    assert (refused.status_code, refused.text) == (421, "this page has another address: http://localhost:8081")
    assert client.get("/", headers={"host": "localhost:8081"}).status_code == 200


def test_a_body_has_a_length_and_a_bound(client, seen):
    big = {"name": "a" * MAX_FORM_BYTES}
    assert client.post("/form", data=big, headers=HERE).status_code == 413

    async def stream():
        yield b"name=aaaa"

    assert client.post("/form", content=stream(), headers=HERE).status_code == 411
    assert client.post("/large", data={"name": "a" * 8_000}, headers=HERE).status_code == 200
    assert client.post("/large", data={"name": "a" * 8_193}, headers=HERE).status_code == 400
    assert len(seen) == 1


def test_a_body_longer_than_it_said_is_cut():
    """A server in front may let it through; ours does not, and the gate does not rely on it."""
    pages = Pages(make_site(), ["ground"], nav=[])
    app, seen = make_site_app(pages, "t"), []
    add_routes(app, pages, seen)
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"a" * 40_000, "more_body": True}

    async def send(message):
        sent.append(message)

    headers = [
        (b"host", b"localhost:8081"),
        (b"origin", ORIGIN.encode()),
        (b"content-length", b"10"),
        (b"content-type", b"application/x-www-form-urlencoded"),
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/form",
        "raw_path": b"/form",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "server": ("localhost", 8081),
    }
    import asyncio

    asyncio.run(Gate(app, pages.site)(scope, receive, send))
    assert sent[0]["status"] == 413
    assert not seen


def test_nobody_posts_faster_than_people_do():
    now = [0.0]
    pace = Pace(lambda: now[0], burst=3, rate=1.0)
    assert [pace.may_post("a") for _ in range(5)] == [True, True, True, False, False]
    assert pace.may_post("b")
    now[0] = 2.0
    assert [pace.may_post("a") for _ in range(3)] == [True, True, False]


def test_files_stay_in_memory(client, seen, tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))  # a file on the disk would be an error now
    raw = os.urandom(150_000)
    response = client.post("/large", data={"name": "x"}, files={"order": ("o'rder\"<.pdf", raw)}, headers=HERE)
    assert response.status_code == 200
    upload = seen[0].file("order")
    assert upload.raw == raw
    assert "pdf" not in repr(upload)
    assert "pdf" not in repr(seen[0])


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--x"),
        ("multipart/form-data; boundary=x", b"--x\r\nnothing"),
        ("multipart/form-data; boundary=x", b"--x\r\ncontent-disposition: form-data\r\n\r\na\r\n--x--\r\n"),
        ("application/json", b"{}"),
        ("text/plain", b"name=a"),
        ("", b"name=a"),
        ("application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(401))),
    ],
)
def test_what_is_no_form_is_a_clear_refusal(client, seen, kind, body):
    response = client.post("/form", content=body, headers={**HERE, "content-type": kind})
    assert response.status_code == 400
    assert "form: " in response.text
    assert not seen


def test_a_field_that_came_twice_is_not_guessed(client):
    response = client.post(
        "/form", content=b"name=a&name=b", headers={**HERE, "content-type": "application/x-www-form-urlencoded"}
    )
    assert response.status_code == 400
    assert "sent 2 times" in response.text


def test_a_bug_shows_no_word_of_its_own(client):
    response = client.get("/bug")
    assert response.status_code == 500
    assert "33612345678" not in response.text
    assert "Something is wrong with this page" in response.text


def test_assets_are_kept_for_good_under_their_digest(client):
    text = client.get("/").text
    address = re.search(r'href="(/assets/[0-9a-f]{16}/ground/coffer\.css)"', text)[1]
    response = client.get(address)
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["content-type"] == "text/css; charset=utf-8"
    old = client.get(address.replace(address.split("/")[2], "0" * 16))
    assert (old.status_code, old.headers["cache-control"]) == (200, "no-cache")
    for path in ("../app.py", "ground/../app.py", "ground/%2e%2e/app.py", "ground/none.css"):
        assert client.get(f"/assets/{'0' * 16}/{path}").status_code == 404


def test_languages(client):
    assert '<html lang="en">' in client.get("/").text
    assert '<html lang="fr">' in client.get("/", headers={"accept-language": "fr-CH, en;q=0.9"}).text
    response = client.get("/?language=de&kind=call%26x")
    assert (response.status_code, response.headers["location"]) == (303, "/?kind=call%26x")
    cookie = response.headers["set-cookie"]
    assert {"samesite=strict", "secure"} <= set(cookie.lower().split("; "))
    name, _, value = cookie.partition(";")[0].partition("=")
    client.cookies.set(name, value)  # browsers take it from http://localhost, the client of these tests does not
    assert '<html lang="de">' in client.get("/", headers={"accept-language": "fr"}).text
    assert "Verwahrer: judge" in client.get("/").text


@pytest.mark.parametrize(
    "path", ["//evil.example/?language=fr", "/\\evil.example?language=fr", "///evil.example?language=fr"]
)
def test_a_language_link_leads_nowhere_else(client, path):
    response = client.get(f"{ORIGIN}{path}")
    assert response.headers["location"].rstrip("/") == "/evil.example"
    assert 'href="//evil' not in client.get(f"{ORIGIN}{path.split('?')[0]}").text


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "fr", "fr"),
        (None, "de-AT;q=0.4, fr;q=0.5", "fr"),
        (None, "de-AT;q=0.5, fr;q=0.5", "de"),
        (None, "it, es", "en"),
        (None, "fr;q=0, de;q=0.1", "de"),
        (None, "fr;q=x", "en"),
        (None, "fr;q=nan", "en"),
        (None, "*", "en"),
        (None, "a" * 100_000, "en"),
        ("de", "fr", "de"),
        ("xx", "fr", "fr"),
    ],
)
def test_the_language_of_a_reader(cookie, accepted, language):
    assert choose_language(cookie=cookie, accepted=accepted) == language


def test_numbers_and_days_are_the_readers():
    day = dt.date(2013, 1, 9)
    assert [show_number(70_268_644, name) for name in LANGUAGES] == ["70,268,644", "70\u202f268\u202f644", "70.268.644"]
    assert [show_day(day, name) for name in LANGUAGES] == ["9 January 2013", "9 janvier 2013", "9. Januar 2013"]
    assert show_time(NOW, "en", choose_zone("Europe/Paris", "UTC")) == "9 January 2013, 15:54"
    assert choose_zone("../../etc/passwd", "UTC").key == "UTC"
    assert choose_zone(None, "Europe/Paris").key == "Europe/Paris"


def test_sessions_end():
    sessions = MemorySessions(os.urandom)
    token = sessions.begin("p1", NOW)
    assert sessions.find(token, NOW + IDLE - dt.timedelta(seconds=1)).person == "p1"
    assert sessions.find(token, NOW + 2 * IDLE) is None
    assert sessions.find(token, NOW) is None  # it is over for good
    token, now = sessions.begin("p1", NOW), NOW
    while now < NOW + LONGEST:
        assert sessions.find(token, now).person == "p1"
        now += IDLE / 2
    assert sessions.find(token, now) is None
    one, two, other = (sessions.begin(name, NOW) for name in ("p1", "p1", "p2"))
    sessions.end_all("p1", NOW)
    assert [sessions.find(t, NOW) for t in (one, two)] == [None, None]
    sessions.end(other, NOW)
    assert sessions.find(other, NOW) is None
    assert sessions.find("0" * 64, NOW) is None


def test_sessions_are_bounded():
    sessions = MemorySessions(os.urandom)
    first = sessions.begin("p", NOW)
    for second in range(MAX_SESSIONS):
        sessions.begin("p", NOW + dt.timedelta(seconds=second / 10_000))
    assert sessions.find(first, NOW + dt.timedelta(seconds=1)) is None


def test_the_cookie_of_a_session():
    site, response = make_site(), Response()
    set_token(response, site, "ab" * 32)
    cookie = response.headers["set-cookie"].lower()
    assert cookie.startswith("__host-judge=abab")
    for word in ("httponly", "secure", "samesite=strict", "path=/"):
        assert word in cookie
    assert "domain" not in cookie
    request = Request({"type": "http", "headers": [(b"cookie", b"__Host-judge=" + b"ab" * 32)]})
    assert token_of(request, site) == "ab" * 32
    assert token_of(request, make_site(tag="dpo")) is None
    for value in (b"", b"ab", b"ab" * 33, b"\xff" * 64, b"../" * 21 + b"a"):
        assert token_of(Request({"type": "http", "headers": [(b"cookie", b"__Host-judge=" + value)]}), site) is None
    clear_token(response, site)
    assert "max-age=0" in response.headers.getlist("set-cookie")[1].lower()


@pytest.mark.parametrize(
    "text", ["https://desk.example", "https://desk.example:8443", "http://localhost:8081", "http://127.0.0.1"]
)
def test_an_origin_is_read(text):
    assert parse_site_origin(text, "--origin") == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "desk.example",
        "http://desk.example",
        "https://desk.example/",
        "https://a@desk.example",
        "ftp://localhost",
        "https://Desk.example",
        "https://",
        "https://désk.example",
    ],
)
def test_what_is_no_origin_is_refused(text):
    with pytest.raises(MalformedInput, match="--origin: "):
        parse_site_origin(text, "--origin")
