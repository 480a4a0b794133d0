"""The tour of the demonstration, walked in a browser with a passkey for each person."""

import re
import time

from browsing import add_authenticator, open_page

PATIENCE_MS = 120_000


def invited(folder, name):
    """Where somebody is invited, and their code."""
    text = (folder / "invitations.txt").read_text("utf-8")
    match = re.search(rf"^(\S+)  {re.escape(name)} \(\w+\)  (\S+)$", text, re.MULTILINE)
    assert match, f"{name} is not invited"
    return match[1], match[2]


class Visitor:
    """Somebody with a browser of their own and a telephone full of passkeys."""

    def __init__(self, chromium, folder, name):
        self.origin, self.code = invited(folder, name)
        self.page = open_page(chromium)
        self.page.set_default_timeout(PATIENCE_MS)
        add_authenticator(self.page)

    def enroll(self):
        """The first time: the code of the invitation, and a passkey."""
        self.go("/")
        self.page.fill("#code", self.code)
        self.page.fill("#label", "telephone")
        self.page.click('form[action="/invitation"] button')
        self.page.wait_for_url("**/passkeys")
        self.go("/")
        return self

    def go(self, path):
        self.page.goto(self.origin + path)

    def title(self):
        return self.page.inner_text("h1")

    def notice(self):
        """What stands above everything."""
        return self.page.inner_text("p.demo")

    def wait_for(self, pattern, *, reload=True):
        """Look at the page again until it says so."""
        until = time.monotonic() + PATIENCE_MS / 1_000
        while not re.search(pattern, self.page.inner_text("main")):
            assert time.monotonic() < until, f"never said {pattern}: {self.page.inner_text('main')[:600]}"
            time.sleep(1)
            if reload:
                self.page.reload()


def make_request(clerk, order, *, limit="500"):
    """Step 2: the order of the folder becomes a request, which is signed and sent."""
    clerk.go("/new")
    page = clerk.page
    page.set_input_files("#order", str(order))
    page.fill("#number", "INVENTED-1")
    page.fill("#authority", "Invented Court of Appeal")
    page.check('input[name="class"] >> nth=0')
    page.click("form[action='/new'] button")
    page.wait_for_url(re.compile(r"/request(\?.*)?$"))
    for field, text in {
        "basis": "Invented law, art. 1",
        "purpose": "An invented theft",
        "person": "I. Nvented",
    }.items():
        if not page.input_value(f"#{field}"):
            page.fill(f"#{field}", text)
    if not page.input_value("#max_records"):
        page.fill("#max_records", limit)
    page.click("button[value=check]:not(.hide)")
    page.wait_for_load_state()
    page.click("#send")
    page.wait_for_url(re.compile(r"/cases/[0-9a-f]+(\?.*)?$"))


def approve(clerk):
    """Steps 3 to 5: the request that waits is read and approved."""
    page = clerk.page
    clerk.wait_for("INVENTED|Invented")
    page.click("main a[href^='/requests/']")
    page.wait_for_url("**/requests/*")
    words = page.locator("ol.words li").all_inner_texts()
    page.click("form[action$='/approve'] button")
    clerk.wait_for("Your office approved this request", reload=False)
    return words


def open_records(clerk, folder):
    """Step 6: what enough custodians signed is opened, and its package made; the package."""
    page = clerk.page
    clerk.wait_for("verybody needed has signed")
    page.click("form[action$='/open'] button:has-text('open')")
    clerk.wait_for("is answered")
    page.click("form[action$='/package'] button")
    page.wait_for_load_state()
    clerk.wait_for("Package of the answer")
    with page.expect_download() as downloading:
        page.click("a[href*='/documents/']:has-text('Package of the answer')")
    downloading.value.save_as(folder / "case.zip")
    return folder / "case.zip"
