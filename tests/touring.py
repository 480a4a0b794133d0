"""The demonstration as a process, and its tour, walked in a browser with a passkey for each person."""

import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from browsing import add_authenticator, open_page

PATIENCE_MS = 120_000


class Demonstration:
    """``coffer demo --serve`` as a process, as somebody starts it at a terminal."""

    def __init__(self, folder, *words, records=20_000):
        self.folder = folder
        self.said = folder.with_suffix(".said")
        command = [sys.executable, "-P", "-m", "coffer.cli.main", "demo", str(folder), "--serve"]
        command += ["--records", str(records)]
        with self.said.open("wb") as sink:
            self.process = subprocess.Popen(
                [*command, *words], stdout=sink, stderr=sink, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def wait(self, seconds=600):
        until = time.monotonic() + seconds
        while "Ctrl-C ends it" not in self.said.read_text("utf-8"):
            assert self.process.poll() is None, self.said.read_text("utf-8")
            assert time.monotonic() < until, self.said.read_text("utf-8")
            time.sleep(0.5)
        return self

    def children(self):
        """The processes whose parent it is."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text("ascii", "replace").rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == self.process.pid:
                found.append(int(path.parent.name))
        return found

    def servers(self):
        """Its children that serve; a command that keeps the vault may run beside them for a moment."""
        commands = [Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in self.children()]
        return [words for words in commands if b"serve" in words]

    def heard(self, pattern, seconds=120):
        """Wait until it said so."""
        until = time.monotonic() + seconds
        while not re.search(pattern, self.said.read_text("utf-8")):
            assert self.process.poll() is None, self.said.read_text("utf-8")
            assert time.monotonic() < until, f"never said {pattern}: {self.said.read_text('utf-8')}"
            time.sleep(0.2)

    def answers(self, origin, seconds=120):
        """Wait until a listener answers."""
        until = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(origin, timeout=60):
                    return
            except OSError:
                assert time.monotonic() < until, f"{origin} does not answer: {self.said.read_text('utf-8')}"
            time.sleep(0.2)

    def child(self, words):
        """The one child that was started with these words."""
        found = [
            pid
            for pid in self.children()
            if words in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        ]
        assert len(found) == 1, f"{len(found)} processes for {words}"
        return found[0]

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.process.wait(60)

    def kill(self):
        """End it, however it is; its servers end with it."""
        self.process.kill()
        self.process.wait(20)


@contextmanager
def window_on(vault, said):
    """``coffer serve`` on a vault's folder, at any free port; where it is."""
    command = [sys.executable, "-P", "-m", "coffer.cli.main", "serve", str(vault), "--window", "127.0.0.1:0"]
    with said.open("wb") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, text=True, start_new_session=True
        )
    with process.stdout as printed:
        try:
            yield printed.readline().strip()
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)


def invited(folder, name):
    """Where somebody is invited, and their code."""
    text = (folder / "invitations.txt").read_text("utf-8")
    match = re.search(rf"^(\S+)  {re.escape(name)} \(\w+\)  (\S+)$", text, re.MULTILINE)
    assert match, f"{name} is not invited"
    return match[1], match[2]


class Visitor:
    """Somebody with a browser of their own and a telephone full of passkeys."""

    def __init__(self, chromium, folder, name, *, invitation=None):
        self.origin, self.code = invitation or invited(folder, name)
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
    write_request(clerk, order, limit=limit)
    send_request(clerk)


def write_request(clerk, order, *, limit="500"):
    """The order becomes a draft of which nothing is missing."""
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
    if not page.locator("input[name=issued_by]:checked").count():
        page.check("input[name=issued_by][value=court]")
    if not page.input_value("#max_records"):
        page.fill("#max_records", limit)
    page.click("button[value=check]:not(.hide)")
    page.wait_for_load_state()


def send_request(clerk):
    """The draft that is shown is signed by passkey, and sent."""
    page = clerk.page
    page.click("#send")
    page.wait_for_url(re.compile(r"/cases/[0-9a-f]+(\?.*)?$"))


def approve(clerk, *, of_two=False):
    """Steps 3 to 5: the request that waits is read, its order saved, and approved. ``of_two``: the first of two who must agree."""
    page = clerk.page
    clerk.wait_for("INVENTED|Invented")
    page.click("main a[href^='/requests/']")
    page.wait_for_url("**/requests/*")
    words = page.locator("ol.words li").all_inner_texts()
    with page.expect_download() as saving:  # saved, and never shown: the page stays
        page.click("a[href$='/order/1']")
    assert saving.value.suggested_filename == "order-1.xml"
    page.click("form[action$='/approve'] button")
    said = "You approved; a second person must agree" if of_two else "Your office approved this request"
    clerk.wait_for(said, reload=False)
    return words


def open_records(clerk, folder):
    """Step 6: what enough custodians signed is opened, and its package made; the package."""
    page = clerk.page
    clerk.wait_for("verybody needed has signed")
    with page.expect_navigation():  # a page that is looked at again before would end what was sent
        page.click("form[action$='/open'] button:has-text('open')")
    clerk.wait_for("is answered")
    with page.expect_navigation():
        page.click("form[action$='/package'] button")
    clerk.wait_for("Package of the answer")
    with page.expect_download() as downloading:
        page.click("a[href*='/documents/']:has-text('Package of the answer')")
    downloading.value.save_as(folder / "case.zip")
    return folder / "case.zip"
