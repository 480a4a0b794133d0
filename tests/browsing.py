"""The system's Chromium, for the tests of pages: a server in a thread, a browser, a passkey, and axe-core."""

import shutil
import socket
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Without these Chromium looks for servers of its maker at every start; as root it needs the first."""

needs_chromium = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="Chromium is not installed")


@contextmanager
def served(make_app):
    """Serve ``make_app(origin)`` on a free port of this machine; gives the origin."""
    listener = socket.create_server(("127.0.0.1", 0))
    origin = f"http://localhost:{listener.getsockname()[1]}"
    config = uvicorn.Config(make_app(origin), log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield origin
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
        assert not thread.is_alive(), "the server did not stop"


@contextmanager
def browser():
    """Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        try:
            yield chromium
        finally:
            chromium.close()


def open_page(chromium, *, scheme="light", width=1280, height=900, language="en-GB", javascript=True):
    """A page in a context of its own, with its complaints in ``page.complaints``: a console's error is one."""
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        locale=language,
        timezone_id="Europe/Paris",
        java_script_enabled=javascript,
    )
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    return page


def add_authenticator(page):
    """A telephone with passkeys, unlocked by its owner (WebDriver's virtual authenticator)."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    return session, session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]


def axe_findings(page):
    """What axe-core finds wrong on a page as it stands, a line each: rule, how bad, how many places, the first one."""
    from axe_playwright_python.sync_playwright import Axe

    # The page's own policy lets no script in; axe comes by the debugger, which is not bound by it.
    results = Axe().run(page)
    return [
        f"{item['id']} ({item['impact']}): {len(item['nodes'])} places, first {item['nodes'][0]['target']}"
        for item in results.response["violations"]
    ]


def sideways(page):
    """By how many pixels a page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
