"""The whole story in a browser: order, request, signatures on each party's own page, opening, package, verification.

Everything is served by ``coffer demo --serve``: the vault's machine with window and desk, and four custodians, each a
process of its own. Everybody has a browser of their own with passkeys of their own.
"""

import base64
import os
import re
import shutil
import signal
from urllib.parse import urlsplit

import pytest

from browsing import browser, needs_chromium, open_page
from coffer.cli.demonstration.plan import MARK, parse_plan
from coffer.cli.main import run
from coffer_audit.cli import main as audit
from touring import Demonstration, Visitor, approve, make_request, open_records, window_on

pytestmark = [needs_chromium, pytest.mark.slow]
WHO = {"judge": "J. Judge", "dpo": "D. Officer", "oversight": "O. Oversight"}
LOG_STEPS, ANSWER_STEPS = 8, 14
PATIENCE_MS = 60_000


def demand_two(demonstration, chromium, first, capsys):
    """The sovereign custodian's office gets a second person, and from now on two must agree; the second one."""
    demonstration.heard(r"people oversight require --number 1")
    folder = demonstration.folder / "oversight"
    people = ["custodian", "people", str(folder)]
    passphrase = ["--passphrase-file", str(demonstration.folder / "oversight.passphrase")]
    capsys.readouterr()
    assert run([*people, "invite", "--name", "S. Second", *passphrase]) == 0
    code = re.search(r"^code\s+(\S+)$", capsys.readouterr().out, re.MULTILINE)[1]
    second = Visitor(chromium, demonstration.folder, "S. Second", invitation=(first.origin, code)).enroll()
    assert run([*people, "require", "--number", "2", *passphrase]) == 0
    return second


def member(clerk, name):
    """A custodian in the rule that the desk's page shows."""
    return clerk.page.locator("#signed li li", has=clerk.page.locator(f"b:text-is('{name}')"))


def signed(clerk):
    """Who has signed, as the desk's page says it."""
    return {name for name in WHO if "signed" in member(clerk, name).locator(".chip").all_inner_texts()}


def restart(demonstration, plan):
    """End the process of window and desk at once, as a power cut does; whoever watches it starts it again."""
    before = demonstration.child("serve vault")
    os.kill(before, signal.SIGKILL)
    demonstration.heard("vault ended by itself")
    demonstration.answers(plan.window)
    assert demonstration.child("serve vault") != before


def wait_for_signature(clerk, name):
    """The clerk only looks at the page: it says by itself that a custodian signed."""
    member(clerk, name).locator(".chip.ok").first.wait_for(timeout=PATIENCE_MS)


def states(page, section):
    """The class of each step, in order, once the verification has ended."""
    page.wait_for_selector(f"{section}[aria-busy=false]", timeout=PATIENCE_MS)
    return page.eval_on_selector_all(f"{section} [data-step]", "all => all.map(one => one.className)")


def drop(page, raw):
    """Drop a file on the page, as with a mouse; gives how each step ended."""
    given = page.evaluate_handle(
        """raw => {
            const bytes = Uint8Array.from(atob(raw), (character) => character.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], "case.zip", { type: "application/zip" }));
            return transfer;
        }""",
        base64.b64encode(raw).decode("ascii"),
    )
    page.dispatch_event("[data-drop]", "drop", {"dataTransfer": given})
    return states(page, "[data-answer-audit]")


def prove_answer(chromium, window, raw):
    """Anybody proves the package in the window; one other byte is shown red. Nothing is sent."""
    page = open_page(chromium)
    page.goto(f"{window}/verify")
    page.click("a[href='/answer']")
    page.wait_for_url("**/answer")
    asked = []
    page.on("request", lambda request: asked.append((request.method, urlsplit(request.url).query)))
    assert drop(page, raw) == ["proven"] * ANSWER_STEPS
    title = page.locator("[data-answer-audit] [data-verdict] h2")
    assert title.inner_text() == "The answer is what it claims to be, and complete"
    for share in (0.25, 0.5, 0.75):
        changed = bytearray(raw)
        changed[int(len(raw) * share)] ^= 1
        assert drop(page, bytes(changed)) == ["failed", *["stopped"] * (ANSWER_STEPS - 1)]
        assert title.inner_text() == "The answer is not what it claims to be"
        assert page.locator("[data-answer-audit] [data-failed] .bad").is_visible()
    assert set(asked) == {("GET", "")}  # files of the public log are fetched, and nothing is said with it
    assert page.complaints == []
    page.context.close()


def prove_log(chromium, window, vault, tmp_path):
    """Anybody proves the log in the window; in the window on a copy with one changed entry it is shown red."""
    page = open_page(chromium)
    page.goto(f"{window}/verify")
    assert states(page, "[data-log-audit]") == ["proven"] * LOG_STEPS
    assert page.inner_text("h1") == "The log is what it claims to be"
    copy = tmp_path / "copy"
    for name in ("log", "tally"):
        shutil.copytree(vault / name, copy / name)
    shutil.copy(vault / "vault.toml", copy)
    # A whole copy is proven as well: it is the change that is shown red, and not the copy.
    for expected, said in (
        (["proven"] * LOG_STEPS, "The log is what it claims to be"),
        (["proven", "failed", *["stopped"] * (LOG_STEPS - 2)], "The log is not what it claims to be"),
    ):
        with window_on(copy, tmp_path / "copy.said") as served:
            page.goto(f"{served}/verify")
            assert states(page, "[data-log-audit]") == expected
            assert page.inner_text("[data-verdict] h1") == said
        change_entry(copy / "log")
    assert re.search(r"Entry \d+ does not fit the tree", page.inner_text('[data-step="tree"]'))
    assert page.complaints == []
    page.context.close()


def change_entry(log):
    """One bit of the opening's close becomes another."""
    bundles = [path for path in (log / "tile/entries").rglob("*") if path.is_file()]
    changed = [path for path in bundles if b"coffer.close/" in path.read_bytes()]
    assert changed
    for path in changed:
        raw = bytearray(path.read_bytes())
        raw[raw.index(b"coffer.close/") + 30] ^= 1
        path.write_bytes(bytes(raw))


@pytest.fixture
def demonstration(tmp_path):
    """A demonstration that runs, with few records; whatever the test does, it is ended, and its servers with it."""
    made = Demonstration(tmp_path / "demo", "--port", "0", records=2_000)
    try:
        yield made.wait()
        assert made.end() == 0
    finally:
        made.kill()


def test_an_order_is_answered_proven_and_tampering_is_shown(demonstration, tmp_path, capsys):
    folder = demonstration.folder
    plan = parse_plan((folder / MARK).read_bytes(), MARK)
    with browser() as chromium:
        clerk = Visitor(chromium, folder, "C. Clerk").enroll()
        signers = {name: Visitor(chromium, folder, who).enroll() for name, who in WHO.items()}
        second = demand_two(demonstration, chromium, signers["oversight"], capsys)
        make_request(clerk, folder / "order.xml")
        assert "waits for signatures" in clerk.title()
        assert signed(clerk) == set()

        # Each signs on its own page, and the desk's page follows by itself: nobody loads it again.
        words = {"judge": approve(signers["judge"])}
        wait_for_signature(clerk, "judge")
        assert signed(clerk) == {"judge"}

        # The machine of window and desk dies in the middle, and comes back with everything that it knew.
        restart(demonstration, plan)
        words["dpo"] = approve(signers["dpo"])
        wait_for_signature(clerk, "dpo")
        assert signed(clerk) == {"judge", "dpo"}
        assert "waits" in clerk.title()

        words["oversight"] = approve(signers["oversight"], of_two=True)
        clerk.page.locator("#signed", has_text="1 of 2 of its people agreed").wait_for()
        assert signed(clerk) == {"judge", "dpo"}
        assert approve(second) == words["oversight"], "a machine shows the same words to all its people"
        wait_for_signature(clerk, "oversight")
        clerk.page.reload()
        for name, shown in words.items():
            assert len(shown) == 4
            assert clerk.page.locator(f"ol[aria-label='Check words of {name}'] li").all_inner_texts() == shown
        assert len({tuple(shown) for shown in words.values()}) == len(WHO), "each machine draws its own"

        package = open_records(clerk, folder)
        unreachable = "Failed to load resource: net::ERR_"  # while the desk was away, its page asked in vain
        assert [line for line in clerk.page.complaints if not line.startswith(unreachable)] == []
        assert {name: one.page.complaints for name, one in signers.items()} == {name: [] for name in WHO}

        prove_answer(chromium, plan.window, package.read_bytes())
        prove_log(chromium, plan.window, folder / "vault", tmp_path)
    assert audit(["answer", str(package), "--vault", str(folder / "vault")]) == 0
