"""Make ``docs/pictures``: every page, light, dark and on a phone.

The pages come from ``coffer demo --serve`` and the system's Chromium.

``scripts/make_pictures.py [folder]`` walks the tour of the demonstration and takes the pictures on its way. A picture
above 60 kB is taken again with less quality, then smaller. Look at them before you keep them.
"""

import argparse
import base64
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from playwright.sync_api import Browser, Page

from browsing import browser, open_page
from coffer.cli.demonstration.plan import MARK, parse_plan
from touring import Demonstration, Visitor, approve, open_records, send_request, write_request

LARGEST = 60_000
LOOKS = {"light": ("light", 1280, 1600), "dark": ("dark", 1280, 1600), "phone": ("light", 390, 1800)}
"""Scheme, width, and the height at which a longer page is cut, all in pixels."""
TRIES = ((80, 1.0), (50, 1.0), (50, 0.8), (50, 0.65), (30, 0.5))
"""Quality and scale, until a picture is small enough."""
PAGES = {
    "window": "What is kept, and what was opened of it?",
    "window-openings": "Which openings were there?",
    "window-calendar": "What dies when?",
    "window-log": "What stands in the log?",
    "window-entry": "What does one entry mean?",
    "window-transparency": "What happened in a period?",
    "window-verify": "Is the log what it claims to be?",
    "window-answer": "Is this answer what it claims to be?",
    "window-concerned": "Was I concerned?",
    "desk-sign-in": "Am I at the right machine?",
    "desk-cases": "What must I do first?",
    "desk-new": "Which order came?",
    "desk-request": "Will this be accepted, who must sign, what will be seen?",
    "desk-case": "Who is missing, by which part of the rule?",
    "desk-answered": "What was answered, and in which forms is it handed over?",
    "desk-preview": "What do the first rows look like?",
    "desk-history": "Who did what when?",
    "desk-hold": "Who keeps, and for how long?",
    "desk-letters": "Who must be told?",
    "desk-closed": "Which cases are over?",
    "desk-people": "Who works here?",
    "desk-me": "How am I told of news?",
    "operator": "What do I do now?",
    "custodian": "What waits for us, and is our machine well?",
    "custodian-review": "Do I agree to exactly this?",
    "custodian-hold": "Do I keep exactly this, and read nothing?",
    "custodian-people": "Who is here?",
}


def tell(text: str) -> None:
    """How far it is."""
    print(text, file=sys.stderr, flush=True)


class Album:
    """Takes pictures into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.taken = folder, []

    def look(self, visitor: Visitor, name: str) -> None:
        """The page where a visitor is, in a second window.

        What the first one holds and its passkeys stay as they are.
        """
        page = visitor.page.context.new_page()
        page.goto(visitor.page.url)
        self.take(page, name)
        page.close()
        visitor.page.bring_to_front()

    def take(self, page: Page, name: str) -> None:
        """The page as it stands, in each look. It keeps its state: nothing is loaded again."""
        for look, (scheme, width, cut) in LOOKS.items():
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.evaluate("scrollTo(0, 0)")
            height = min(cut, page.evaluate("document.documentElement.scrollHeight"))
            page.set_viewport_size({"width": width, "height": height})  # what sticks to its edge is at the picture's
            self._write(page, f"{name}-{look}.webp", width, height)
        self.taken.append(name)
        tell(f"{len(self.taken)} of {len(PAGES)}: {name}")

    def settle(self, page: Page) -> None:
        """The page as its visitor had it, before it was taken in each look."""
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light", reduced_motion="no-preference")

    def _write(self, page: Page, name: str, width: int, height: int) -> None:
        session = page.context.new_cdp_session(page)
        for quality, scale in TRIES:
            clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": scale}
            options = {"format": "webp", "quality": quality, "clip": clip, "captureBeyondViewport": True}
            raw = base64.b64decode(session.send("Page.captureScreenshot", options)["data"])
            if len(raw) <= LARGEST:
                (self.folder / name).write_bytes(raw)
                return
        sys.exit(f"{name}: {len(raw)} bytes at the least quality and scale, expected at most {LARGEST}")


def take_all(chromium: Browser, demonstration: Demonstration, album: Album) -> None:
    """The tour, with a picture of every page on its way."""
    folder = demonstration.folder
    plan = parse_plan((folder / MARK).read_bytes(), MARK)

    def shoot(visitor: Visitor, path: str, name: str) -> None:
        visitor.go(path)
        album.look(visitor, name)

    clerk = Visitor(chromium, folder, "C. Clerk")
    shoot(clerk, "/sign-in", "desk-sign-in")
    clerk.enroll()
    signers = [Visitor(chromium, folder, name).enroll() for name in ("J. Judge", "D. Officer", "O. Oversight")]
    shoot(clerk, "/new", "desk-new")
    write_request(clerk, folder / "order.xml")
    album.take(clerk.page, "desk-request")  # what was typed is on this page alone
    album.settle(clerk.page)
    send_request(clerk)
    case = clerk.page.url.removeprefix(clerk.origin)
    judge, officer, oversight = signers
    judge.wait_for("INVENTED|Invented")
    album.look(judge, "custodian")
    judge.page.click("main a[href^='/requests/']")
    judge.page.wait_for_url("**/requests/*")
    album.look(judge, "custodian-review")
    judge.go("/")
    for signer in (judge, officer):
        approve(signer)
    shoot(judge, "/people", "custodian-people")
    clerk.page.locator("#signed .chip.ok").nth(1).wait_for()
    album.look(clerk, "desk-case")
    shoot(clerk, "/", "desk-cases")
    clerk.go(case)
    approve(oversight)
    package = open_records(clerk, folder)
    for path, name in ((case, "desk-answered"), ("/letters", "desk-letters"), ("/closed", "desk-closed")):
        shoot(clerk, path, name)
    for path, name in (("/me", "desk-me"), (f"{case}/history", "desk-history")):
        shoot(clerk, path, name)
    clerk.go(case)
    clerk.page.click("a[href$='/preview']")
    clerk.page.wait_for_url("**/preview")
    album.look(clerk, "desk-preview")
    take_hold(clerk, judge, case, album)
    head = Visitor(chromium, folder, "H. Head").enroll()
    shoot(head, "/people", "desk-people")
    operator = Visitor(chromium, folder, "O. Operator").enroll()
    operator.go("/operator")
    operator.wait_for("Custodians and witnesses")
    album.look(operator, "operator")
    take_window(chromium, plan.window, package, album)


def take_hold(clerk: Visitor, judge: Visitor, case: str, album: Album) -> None:
    """A hold, where the desk made it and where a custodian decides it."""
    make_hold(clerk, case)
    album.look(clerk, "desk-hold")
    judge.go("/")
    judge.wait_for("to decide")
    judge.page.click("main a[href^='/holds/']")
    judge.page.wait_for_url("**/holds/*")
    album.look(judge, "custodian-hold")


def make_hold(clerk: Visitor, case: str) -> None:
    """A second case, in which what the first one asked for is to be kept."""
    page = clerk.page
    clerk.go(f"{case}/request")
    asked = {field: page.input_value(f"#{field}") for field in ("subjects", "home", "first_1", "last_1")}
    clerk.go("/new")
    page.fill("#number", "INVENTED-2")
    page.fill("#authority", "Invented Court of Appeal")
    page.check("input[name=class] >> nth=0")
    page.click("form[action='/new'] button")
    page.wait_for_url(re.compile(r"/request(\?.*)?$"))
    page.goto(re.sub(r"/request(\?.*)?$", "/hold", page.url))
    texts = {"basis": "Invented law, art. 2", "purpose": "An invented fraud", "person": "I. Nvented"}
    for field, text in (asked | texts).items():
        page.fill(f"#{field}", text)
    page.check("input[name=issued_by][value=court]")
    page.check("input[name=issued_in][value=home]")
    page.check("input[name=kinds][value=call]")
    page.click("button[value=check]:not(.hide)")
    page.wait_for_load_state()
    page.click("#send")
    page.wait_for_url("**#holds")


def take_window(chromium: Browser, origin: str, package: Path, album: Album) -> None:
    """The public pages, once the opening stands in the log."""
    page = open_page(chromium)
    paths = ("", "openings", "calendar", "log", "transparency", "concerned")
    for path in paths:
        page.goto(f"{origin}/{path}")
        album.take(page, f"window-{path}" if path else "window")
    page.goto(f"{origin}/log")
    page.click("main a[href^='/log/']")
    page.wait_for_url("**/log/*")
    album.take(page, "window-entry")
    page.goto(f"{origin}/verify")
    page.wait_for_selector("[data-log-audit][aria-busy=false]", timeout=120_000)
    album.take(page, "window-verify")
    page.goto(f"{origin}/answer")
    page.set_input_files("#zip", str(package))
    page.wait_for_selector("[data-answer-audit][aria-busy=false]", timeout=120_000)
    album.take(page, "window-answer")


def table() -> str:
    """The page of all pictures."""
    lines = [
        "# Pictures",
        "",
        "Every page as `scripts/make_pictures.py` found it in `coffer demo --serve`; everything on them is invented.",
        "A longer page is cut. Each page answers one question.",
        "",
        "| Page | Question | Light | Dark | Phone |",
        "|---|---|---|---|---|",
    ]
    for name, question in PAGES.items():
        looks = " | ".join(f"[{look}]({name}-{look}.webp)" for look in LOOKS)
        lines.append(f"| {name} | {question} | {looks} |")
    return "\n".join(lines) + "\n"


def made(folder: Path, take: Callable[[Browser, Demonstration, Album], None], records: int) -> list[str]:
    """Found a demonstration, take the pictures, and end it; which pages were taken."""
    with tempfile.TemporaryDirectory() as place:
        demonstration = Demonstration(Path(place) / "demo", "--port", "0", records=records)
        try:
            tell("founds a demonstration, which takes about a minute")
            demonstration.wait()
            with browser() as chromium:
                album = Album(folder)
                take(chromium, demonstration, album)
            demonstration.end()
        finally:
            demonstration.kill()
    return album.taken


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description="make the pictures of the pages")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--records", type=int, default=200_000, help="of the demonstration's month")
    options = parser.parse_args(words)
    options.folder.mkdir(parents=True, exist_ok=True)
    taken = made(options.folder, take_all, options.records)
    if set(taken) != set(PAGES):
        sys.exit(f"pages without a picture, or without a question: {sorted(set(taken) ^ set(PAGES))}")
    (options.folder / "README.md").write_text(table(), encoding="utf-8")
    size = sum(path.stat().st_size for path in options.folder.glob("*.webp"))
    print(f"{len(taken) * len(LOOKS)} pictures, {size / 1e6:.1f} MB, in {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
