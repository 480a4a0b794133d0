"""Requests that no browser of an honest person sends, against the gate of every site, and against a real server."""

import asyncio
import datetime as dt
import json
import logging
import os
import socket
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from asking import Client
from coffer.passkeys.challenges import Challenges, Purpose
from coffer.passkeys.sessions import MAX_OF_PERSON
from coffer.serving.crowd import Crowd
from coffer.serving.http import make_server
from coffer.web.ground import gate as gates
from coffer.web.ground.app import make_site_app
from coffer.web.ground.door import Ceremony, Entrance, SignInNeeded, Visitor
from coffer.web.ground.forms import read_form
from coffer.web.ground.gate import Gate, Pace
from coffer.web.ground.render import Pages
from coffer.web.ground.sessions import MemorySessions
from coffer.web.ground.site import Site

ORIGIN = "https://judge.example"
NOW = dt.datetime(2013, 1, 9, 14, 54, tzinfo=dt.UTC)
HERE = {"origin": ORIGIN, "sec-fetch-site": "same-origin"}
NUMBER = "+33612345678"


class _Door:
    """One person, whose passkey is the word ``mine``."""

    def begin_sign_in(self, _now):
        return Ceremony(handle="h", options="{}")

    def sign_in(self, _handle, answer, _now):
        assert answer == "mine"
        return "1"

    def begin_adding(self, _person, _now):
        return Ceremony(handle="adding", options="{}")

    def visitor(self, person, _now):
        return Visitor(id=person, name="Judge")


class Pad:
    """A site with a door, a page that needs a person, and one that fails."""

    def __init__(self, *, origin=ORIGIN, crowd=None, pace=None, log_paths=()):
        self.now, self.timer = NOW, 0.0
        site = Site(party="custodian", operator="T", origin=origin, tag="judge", log="v.example", name="judge")
        pages = Pages(site, ["ground"], nav=[])
        app = make_site_app(pages, "test")
        self.entrance = Entrance(pages, _Door(), MemorySessions(os.urandom), lambda: self.now)
        app.include_router(self.entrance.router())
        app.add_exception_handler(SignInNeeded, self.entrance.lead_to_door)
        self._add_pages(app)
        pace = pace or Pace(lambda: self.timer)
        self.app = Gate(app, site, pace=pace, crowd=crowd, log_paths=log_paths)

    def _add_pages(self, app: FastAPI) -> None:
        @app.get("/of/{name}")
        async def page(request: Request, name: str) -> Response:
            await self.entrance.visitor(request)
            return Response(name)

        @app.post("/decide")
        async def decide(request: Request) -> Response:
            await self.entrance.visitor(request)
            await read_form(request)
            return Response("decided")

        @app.get("/bug")
        async def bug(request: Request) -> Response:
            raise RuntimeError(f"a number: {NUMBER}")

        @app.get("/checkpoint")
        async def checkpoint() -> Response:
            return Response("log")

    def client(self):
        return Client(self.app, ORIGIN, headers=HERE)

    def signed_in(self):
        client = self.client()
        response = client.post("/sign-in", data={"handle": "h", "answer": "mine"})
        assert response.status_code == 303, response.text
        return client


def ask(app, method, path, headers, origin=ORIGIN):
    """One request with exactly these headers, also twice the same; its status."""

    async def once():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=origin) as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(once())


@pytest.mark.parametrize(
    "twice",
    [
        [("origin", "https://evil.example"), ("origin", ORIGIN)],
        [("origin", ORIGIN), ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-origin")],
        [("origin", ORIGIN), ("host", "evil.example"), ("host", "judge.example")],
        [("origin", ORIGIN), ("content-length", "99999999"), ("content-length", "0")],
        [("origin", ORIGIN), ("content-type", "text/plain"), ("content-type", "application/x-www-form-urlencoded")],
    ],
)
def test_a_header_that_a_proxy_and_the_page_may_read_differently_is_refused(twice):
    app = Pad().app
    assert ask(app, "POST", "/sign-in/challenge", twice).status_code == 400
    once = [("origin", ORIGIN), ("content-length", "0")]
    assert ask(app, "POST", "/sign-in/challenge", once).status_code == 200


def test_a_body_with_a_length_and_in_chunks_is_refused():
    """Two readers of one connection would see two ends of it, and the rest as another person's request."""
    app, both = Pad().app, [("origin", ORIGIN), ("content-length", "0"), ("transfer-encoding", "chunked")]
    assert ask(app, "POST", "/sign-in/challenge", both).status_code == 411
    assert ask(app, "POST", "/sign-in/challenge", both[:2]).status_code == 200


@pytest.mark.parametrize("path", ["/of/%E2%82%AC", "/of/%ff", "/of/a%0d%0aset-cookie:%20x=y", "/of/%22;%20Domain=evil"])
def test_a_path_of_odd_characters_is_led_to_the_door_and_sets_no_other_cookie(path):
    response = Pad().client().get(path)
    assert (response.status_code, response.headers["location"]) == (303, "/sign-in")
    cookies = response.headers.get_list("set-cookie")
    assert len(cookies) == 1
    assert cookies[0].startswith("__Host-judge-back=")
    assert "\r" not in cookies[0]
    assert "Path=/; SameSite=strict; Secure" in cookies[0]


@pytest.mark.parametrize(
    "planted", ["//evil.example/", "/\\evil.example", "https://evil.example", "javascript:1", "/\t/evil"]
)
def test_a_planted_way_back_leads_nowhere_else(planted):
    client = Pad().client()
    client.cookies.set("__Host-judge-back", planted.replace("\\", "\\\\") if "\t" not in planted else '"/\\011/evil"')
    form = {"handle": "h", "answer": "mine"}
    assert client.post("/sign-in", data=form).headers["location"] == "/"
    client.cookies.set("__Host-judge-back", "/of/me")
    assert client.post("/sign-in", data=form).headers["location"] == "/of/me"


def test_a_page_that_fails_writes_no_value_to_the_log(caplog):
    with caplog.at_level(logging.DEBUG), served(Pad) as port:
        response = httpx.get(f"http://127.0.0.1:{port}/bug", headers={"host": "judge.example"})
    assert response.status_code == 500
    assert "Something is wrong with this page" in response.text
    assert NUMBER not in response.text + caplog.text
    assert "a page failed (RuntimeError in " in caplog.text


@pytest.mark.parametrize("path", ["/checkpointed", "/checkpoint/", "/checkpoint.html", "/tiles/x", "/tile"])
def test_a_path_that_begins_like_the_logs_is_a_page_with_its_headers_and_host(path):
    app = Pad(log_paths=("/checkpoint", "/tile/")).app
    stranger = {"host": "evil.example"}
    assert Client(app, ORIGIN).get(path, headers=stranger).status_code == 421
    assert "frame-ancestors 'none'" in Client(app, ORIGIN).get(path).headers["content-security-policy"]
    assert Client(app, ORIGIN).get("/checkpoint", headers=stranger).text == "log"


# Who waits for whom.


def test_a_stranger_at_the_same_address_keeps_nobody_from_deciding():
    """Behind one network's or proxy's address: the stranger's posts are counted, and those of who signed in apart."""
    pad = Pad()
    judge, stranger = pad.signed_in(), pad.client()
    statuses = [stranger.post("/sign-in/challenge").status_code for _ in range(40)]
    assert statuses.count(429) == 11
    assert judge.post("/decide", data={"a": "b"}).text == "decided"
    own = [judge.post("/decide", data={"a": "b"}).status_code for _ in range(40)]
    assert own.count(429) == 11, "a person's own posts are counted, too"


@pytest.mark.parametrize("looks_first", [True, False])
def test_a_stranger_keeps_nobody_from_deciding_after_a_restart_either(looks_first):
    """The desk's sessions outlive its process, and another process of it finds them too."""
    pad = Pad()
    judge = pad.signed_in()
    again = Gate(pad.app._app, pad.app._site, pace=Pace(lambda: pad.timer))
    person, stranger = (Client(again, ORIGIN, headers=HERE) for _ in range(2))
    person.cookies = judge.cookies
    stranger.cookies.set("__Host-judge", "0" * 64)
    if looks_first:
        assert person.get("/of/me").text == "me"
        assert stranger.get("/of/me").status_code == 303
    statuses = [stranger.post("/sign-in/challenge").status_code for _ in range(40)]
    assert statuses.count(429) == 10
    assert person.post("/decide", data={"a": "b"}).status_code == (200 if looks_first else 429)
    assert stranger.post("/decide", data={"a": "b"}).status_code == 429


def test_made_up_tokens_give_no_turns():
    pad = Pad()
    for number in range(40):
        client = pad.client()
        client.cookies.set("__Host-judge", f"{number:064x}")
        status = client.post("/sign-in/challenge").status_code
        assert status == (200 if number < 30 else 429)


def test_a_token_whose_session_is_over_gives_no_turns():
    pad = Pad()
    judge = pad.signed_in()
    pad.now += dt.timedelta(hours=13)
    assert judge.post("/decide", data={"a": "b"}).headers["location"] == "/sign-in"
    [pad.client().post("/sign-in/challenge") for _ in range(40)]
    assert judge.post("/decide", data={"a": "b"}).status_code == 429


def test_addresses_of_one_ipv6_network_count_as_one():
    pad = Pad()

    def post(address):
        async def once():
            transport = httpx.ASGITransport(pad.app, client=(address, 4_000))
            async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
                return (await client.post("/sign-in/challenge", headers=HERE)).status_code

        return asyncio.run(once())

    assert [post(f"2001:db8::{number:x}") for number in range(1, 41)].count(429) == 10
    assert post("2001:db8:0:1::1") == 200


def test_strangers_who_begin_to_sign_in_keep_nobody_from_approving(monkeypatch):
    monkeypatch.setattr("coffer.passkeys.challenges.MAX_WAITING", 3)
    waiting = Challenges(os.urandom)
    for _ in range(3):
        waiting.issue(Purpose.SIGN_IN, b"", NOW)
    with pytest.raises(Exception, match="3 wait"):
        waiting.issue(Purpose.SIGN_IN, b"", NOW)
    approving = waiting.issue(Purpose.APPROVE, b"request 1", NOW)
    assert waiting.take(approving.value, Purpose.APPROVE, b"request 1", NOW) == approving


def test_who_signed_in_waits_for_no_stranger_in_the_crowd():
    told = []

    class Told(Crowd):
        def prove(self, client, size):
            told.append(("known", size))

        def prove_nothing(self, client):
            told.append(("stranger", 0))

    pad = Pad(crowd=Told(time.monotonic))
    judge = pad.signed_in()
    told.clear()
    judge.get("/of/me")
    pad.client().get("/of/me")
    assert told == [("known", 0), ("stranger", 0)]


def test_signing_in_again_and_again_signs_out_only_oneself():
    sessions = MemorySessions(os.urandom)
    other = sessions.begin("2-other", NOW)
    tokens = [sessions.begin("1-flood", NOW + dt.timedelta(seconds=n)) for n in range(3 * MAX_OF_PERSON)]
    later = NOW + dt.timedelta(minutes=1)
    assert sessions.find(other, later) is not None
    assert sum(sessions.find(token, later) is not None for token in tokens) == MAX_OF_PERSON


# A browser that was left open.


def test_a_browser_that_was_left_open_makes_no_passkey_for_who_finds_it():
    pad = Pad()
    judge = pad.signed_in()
    assert judge.post("/passkeys/challenge").json()["handle"] == "adding"
    pad.now += dt.timedelta(minutes=6)
    refused = judge.post("/passkeys/challenge")
    assert refused.status_code == 403
    assert refused.json()["hint"] == "Sign out and in again, then make the passkey."
    assert "Sign in again before you make a passkey" in judge.get("/passkeys").text
    assert judge.get("/of/me").text == "me", "all else goes on"


def test_a_page_that_looks_again_by_itself_keeps_no_session_alive():
    """Otherwise a browser that was left with a case on its screen would stay signed in for twelve hours."""
    pad = Pad()
    left, at_work = pad.signed_in(), pad.signed_in()
    for _ in range(12):
        pad.now += dt.timedelta(minutes=5)
        left.get("/of/me", headers={"sec-fetch-dest": "empty"})
        assert at_work.get("/of/me", headers={"sec-fetch-dest": "document"}).text == "me"
    assert left.get("/of/me").headers["location"] == "/sign-in"


# A real server.


@contextmanager
def served(make=Pad):
    listener = socket.create_server(("127.0.0.1", 0))
    server = make_server(make().app, host="127.0.0.1", port=0, tls=None)
    server.install_signal_handlers = lambda: None
    thread = threading.Thread(target=lambda: asyncio.run(server._serve([listener])), daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(15)
        assert not thread.is_alive()


def raw(port, text, *, wait_s=5.0):
    with socket.create_connection(("127.0.0.1", port), timeout=wait_s) as connection:
        connection.sendall(text.encode("latin-1"))
        connection.settimeout(wait_s)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
        return answer.decode("latin-1")


ASK = "GET /sign-in HTTP/1.1\r\nhost: judge.example\r\nconnection: close\r\n"
POST = f"POST /sign-in/challenge HTTP/1.1\r\nhost: judge.example\r\norigin: {ORIGIN}\r\nconnection: close\r\n"


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (f"{POST}content-length: 0\r\n\r\n", "200"),
        (f"{POST}content-length: 0\r\nx-forwarded-for: 192.0.2.1\r\nx-forwarded-host: evil.example\r\n\r\n", "200"),
        (f"{POST}content-length: 0\r\ncontent-length: 5\r\n\r\nhello", "400"),
        (f"{POST}content-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "4"),
        (f"{POST}transfer-encoding: chunked\r\n\r\n0\r\n\r\n", "411"),
        (f"{POST}content-length: +0\r\n\r\n", "400"),
        (f"{POST}content-length : 0\r\n\r\n", "400"),
        (POST.replace("host: judge.example", "host: evil.example") + "content-length: 0\r\n\r\n", "421"),
        (POST.replace("host: judge.example\r\n", "") + "content-length: 0\r\n\r\n", "400"),
        (POST.replace("POST /", "POST http://evil.example/") + "content-length: 0\r\n\r\n", "404"),
        (POST.replace("1.1", "1.0").replace("host: judge.example\r\n", "") + "content-length: 0\r\n\r\n", "421"),
        (POST.replace("POST", "GET") + "x-http-method-override: POST\r\n\r\n", "405"),
        (POST.replace("POST", "HEAD") + "\r\n", "405"),
        (ASK + "\r\n", "200"),
        (ASK + "content-length: 0\r\n\r\n", "200"),
        (ASK + "content-length: 5\r\n\r\nhello", "400"),
        (ASK + "transfer-encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
        (ASK + "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
        (ASK + "upgrade: websocket\r\nsec-websocket-version: 13\r\n\r\n", "200"),
        (POST.replace("POST", "OPTIONS").replace(ORIGIN, "https://evil.example") + "\r\n", "403"),
        (POST.replace("POST", "TRACE") + "content-length: 0\r\n\r\n", "405"),
        (f"{POST.replace(ORIGIN, 'null')}content-length: 0\r\n\r\n", "403"),
    ],
)
def test_what_a_smuggler_sends_to_a_real_server(request_text, status):
    with served() as port:
        first = raw(port, request_text).split("\r\n")[0]
    assert first.split(" ")[1].startswith(status), first


def test_a_body_that_drips_in_is_given_up(monkeypatch):
    monkeypatch.setattr(gates, "BODY_S", 1.0)
    pad = Pad()
    token = pad.signed_in().cookies["__Host-judge"]
    head = POST.replace("/sign-in/challenge", "/decide") + f"cookie: __Host-judge={token}\r\n"
    head += "content-type: application/x-www-form-urlencoded\r\n"
    with served(lambda: pad) as port:
        began = time.monotonic()
        answer = raw(port, f"{head}content-length: 100\r\n\r\na=", wait_s=20.0)
        assert answer.split("\r\n")[0].startswith("HTTP/1.1 408")
        assert time.monotonic() - began < 15
        assert raw(port, f"{head}content-length: 3\r\n\r\na=b").endswith("decided")


def test_options_of_a_challenge_name_nobody():
    assert json.loads(Pad().client().post("/sign-in/challenge").text)["publicKey"] == {}
