"""Another page of the same machine against a person who is signed in, in Chromium.

The attacker's page has the same host name and another port, so that the browser counts it as the same site and sends
cookies with ``SameSite=Strict`` along. Nothing else of another site comes as near.
"""

import pytest

from asking import Client
from browsing import browser, needs_chromium, open_page, served
from coffer.desk.people import Role
from desking import DeskWorld

pytestmark = [needs_chromium, pytest.mark.slow]


@pytest.fixture
def desk(tmp_path):
    desk = DeskWorld.make(tmp_path)
    yield desk
    desk.close()


def attacker(html):
    """An application that serves one page and has no policy of its own."""

    def make(_origin):
        async def app(_scope, _receive, send):
            head = [(b"content-type", b"text/html"), (b"content-length", str(len(html)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": html.encode()})

        return app

    return make


def signed_in(chromium, origin, person):
    page = open_page(chromium)
    token = person.cookies["__Host-desk"]
    cookie = {
        "name": "__Host-desk",
        "value": token,
        "url": origin.replace("http:", "https:"),
        "secure": True,
        "httpOnly": True,
        "sameSite": "Strict",
    }
    page.context.add_cookies([cookie])
    page.goto(f"{origin}/")
    assert page.locator("h1").inner_text() != ""
    return page


def test_no_page_of_the_desk_is_shown_in_a_frame(desk):
    clerk = desk.person()
    with served(desk.served_app) as origin, browser() as chromium:
        page = signed_in(chromium, origin, clerk)
        assert "waits" in page.content() or "case" in page.content().lower()
        with served(attacker(f"<iframe id=f src='{origin}/new' width=800 height=600></iframe>")) as evil:
            page.goto(f"{evil}/")
            page.wait_for_timeout(700)
            frame = page.frames[1]
            assert not frame.url.startswith(f"{origin}/new") or frame.locator("form").count() == 0
            assert any("frame-ancestors" in text for text in page.complaints), page.complaints


@pytest.mark.parametrize("encoding", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"])
def test_a_form_of_another_page_of_the_same_host_does_nothing(desk, encoding):
    head = desk.person("H. Head", Role.HEAD)
    case = head.new_case()
    fields = "".join(f"<input name={name} value='{value}'>" for name, value in head.form(f"/cases/{case}").items())
    with served(desk.served_app) as origin, browser() as chromium:
        page = signed_in(chromium, origin, head)
        form = f"<form id=f method=post enctype='{encoding}' action='{origin}/cases/{case}/close'>{fields}</form>"
        with served(attacker(f"{form}<script>document.getElementById('f').submit()</script>")) as evil:
            page.goto(f"{evil}/")
            page.wait_for_url(f"{origin}/cases/{case}/close")
            assert "another site made your browser send this" in page.content()
        assert desk.store.case(case).stage == "open"
        page.goto(f"{origin}/cases/{case}")
        page.get_by_role("button", name="Close the case").click()
        page.wait_for_url(f"{origin}/cases/{case}")
        assert desk.store.case(case).stage == "closed"


def test_another_page_reads_nothing_by_script(desk):
    clerk = desk.person()
    with served(desk.served_app) as origin, browser() as chromium:
        page = signed_in(chromium, origin, clerk)
        with served(attacker("<p>hello</p>")) as evil:
            page.goto(f"{evil}/")
            read = "url => fetch(url, {credentials: 'include'}).then(r => r.text()).catch(e => 'kept: ' + e.name)"
            assert page.evaluate(read, f"{origin}/people").startswith("kept")
            loaded = "url => new Promise(done => {const i = new Image(); i.onload = () => done(1); i.onerror = () => done(0); i.src = url})"
            assert page.evaluate(loaded, f"{origin}/assets/x/ground/mark.svg") == 0, "a picture tells who is signed in"
        page.goto(f"{origin}/people")
        assert "C. Clerk" in page.evaluate("() => fetch('/people').then(r => r.text())")


def test_the_back_button_shows_nothing_after_signing_out(desk):
    clerk = desk.person()
    case = clerk.new_case(number="SECRET-0417")
    with served(desk.served_app) as origin, browser() as chromium:
        page = signed_in(chromium, origin, clerk)
        page.goto(f"{origin}/cases/{case}")
        assert "SECRET-0417" in page.content()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{origin}/sign-in")
        page.go_back()
        page.wait_for_timeout(300)
        assert "SECRET-0417" not in page.content()
    assert Client(desk.app, desk.origin).get(f"/cases/{case}").status_code == 303


def test_a_case_leaves_the_screen_when_its_session_is_over(desk):
    clerk = desk.person()
    case = clerk.new_case(number="SECRET-0417")
    with served(desk.served_app) as origin, browser() as chromium:
        page = signed_in(chromium, origin, clerk)
        page.goto(f"{origin}/cases/{case}")
        page.wait_for_timeout(4_000)
        assert "SECRET-0417" in page.content()
        person = next(iter(desk.store.people().values()))
        desk.store.end_all(person.id, desk.world.now)
        page.wait_for_url(f"{origin}/sign-in", timeout=15_000)
        assert "SECRET-0417" not in page.content()
