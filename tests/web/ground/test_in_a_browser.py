"""The ground's own pages in Chromium: nothing that keeps people out, in both themes, from a phone to a projector."""

import pytest
from fastapi import Request

from browsing import axe_findings, browser, needs_chromium, open_page, served, sideways
from coffer.web.ground.app import make_site_app
from coffer.web.ground.gate import Gate
from coffer.web.ground.render import NavItem, Pages
from coffer.web.ground.site import Site

pytestmark = [needs_chromium, pytest.mark.slow]
PARTIES = ("window", "desk", "operator", "custodian")


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


def make_app(party):
    def make(origin):
        site = Site(party=party, operator="Telco Example", origin=origin, tag=party, log="v.example", name="judge")
        pages = Pages(site, [], nav=[NavItem(path="/sign-in", label="Sign in")])
        app = make_site_app(pages, "test")

        @app.get("/sign-in")
        async def show(request: Request):
            return pages.respond(request, "ground/signin.html", refused=None, invitation=None)

        return Gate(app, site)

    return make


@pytest.mark.parametrize("party", PARTIES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_keeps_anybody_out(chromium, party, scheme, width):
    with served(make_app(party)) as origin:
        page = open_page(chromium, scheme=scheme, width=width)
        for path in ("/sign-in", "/none"):
            page.goto(f"{origin}{path}")
            assert axe_findings(page) == []
            assert sideways(page) <= 0
        assert [line for line in page.complaints if "404" not in line] == []
        page.context.close()


def test_the_page_works_by_keys_alone(chromium):
    with served(make_app("desk")) as origin:
        page = open_page(chromium)
        page.goto(f"{origin}/sign-in")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent.trim()") == "Sign in with a passkey"
        page.context.close()


def test_the_zone_of_the_reader_is_kept(chromium):
    with served(make_app("desk")) as origin:
        page = open_page(chromium)
        page.goto(f"{origin}/sign-in")
        assert {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}["__Host-zone"] == "Europe/Paris"
        page.context.close()
