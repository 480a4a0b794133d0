"""A custodian's page in Chromium: the story with a passkey, nothing that keeps people out, keys alone."""

import pytest

from browsing import axe_findings, browser, needs_chromium, served, sideways
from clerking import copied
from custodian_story import Story, enter
from elsewhere import Elsewhere
from emergencies import ON_CALL

pytestmark = [needs_chromium, pytest.mark.slow]
LOOKS = [("light", 1280, "en"), ("dark", 768, "de"), ("light", 360, "fr"), ("dark", 360, "de")]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("page"), emergency=ON_CALL).with_records()


@pytest.fixture
def story(made, tmp_path):
    return Story(copied(made, tmp_path / "own"))


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


def test_invited_person_reads_and_approves_with_a_passkey_and_a_change_is_said(chromium, story):
    with served(story.begin) as origin:
        story.fill()
        page = enter(chromium, story, origin)
        assert page.url == f"{origin}/passkeys", "the code is out of the address"
        page.goto(origin)
        page.get_by_role("link", name="Texts of 2 numbers").click()
        page.get_by_role("button", name="Approve with passkey").click()
        page.get_by_role("heading", name="Your office approved this request").wait_for()
        commitment = story.bench.commitment(story.shared)
        assert commitment in story.bench.in_force()
        assert story.bench.machine.requests.decided_note(commitment, story.bench.service.keys) is not None

        page.goto(f"{origin}{story.page.path(story.asked)}")
        assert page.locator("[data-changed]").is_hidden()
        story.bench.agree(story.asked, 2)
        page.locator("[data-changed]").wait_for(state="visible", timeout=20_000)
        page.get_by_role("button", name="Approve with passkey").click()
        page.get_by_text("Something changed after this page was shown, and nothing was done.").wait_for()
        assert story.bench.commitment(story.asked) not in story.bench.in_force()
        page.get_by_role("link", name="Read it again").click()
        page.get_by_role("radio", name="Scope").check()
        page.get_by_role("button", name="Refuse").click()
        page.get_by_role("heading", name="Your office refused this request").wait_for()

        page.goto(origin)
        page.get_by_role("region", name="Emergencies to ratify").get_by_role("link").first.click()
        page.get_by_role("button", name="Ratify with passkey").click()
        page.get_by_role("heading", name="You ratified; a second person must agree").wait_for()
        assert f"ratify-{story.emergency}" not in story.bench.machine.waiting_names()
        story.bench.ratify(story.emergency, 2)
        page.reload()
        page.get_by_role("heading", name="Your office ratified this emergency").wait_for()
        assert f"ratify-{story.emergency}" in story.bench.machine.waiting_names()
        assert [line for line in page.complaints if "409" not in line] == []
        page.context.close()


def test_nothing_keeps_anybody_out(chromium, story):
    with served(story.begin) as origin:
        story.fill()
        page = enter(chromium, story, origin)
        paths = ["/", "/people", "/passkeys"]  # the door is looked at with the ground
        notes = (story.asked, story.shared, story.long, story.hold, story.emergency)
        paths += [story.page.path(note) for note in notes]
        seen = 0
        for scheme, width, language in LOOKS:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(f"{origin}/?language={language}")
            for path in paths:
                page.goto(f"{origin}{path}")
                assert (path, axe_findings(page)) == (path, [])
                assert (path, sideways(page)) == (path, 0)
                seen += 1
        assert seen == len(LOOKS) * len(paths)
        assert page.complaints == []
        page.context.close()


def test_request_is_decided_by_keys_alone_and_enter_in_a_field_sends_nothing(chromium, story):
    with served(story.begin) as origin:
        story.fill()
        page = enter(chromium, story, origin)
        page.goto(f"{origin}{story.page.path(story.shared)}")
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.type") == "radio":
                break
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        page.wait_for_timeout(300)
        assert not story.bench.clerks.standing(story.bench.commitment(story.shared)).is_refused
        for _ in range(8):  # whether the desk may ask again, and from which day
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == "Refuse":
                break
        assert page.evaluate("document.activeElement.textContent") == "Refuse"
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Your office refused this request").wait_for()
        page.context.close()


def test_printed_request_holds_sentence_words_lines_and_exact_text(chromium, story):
    with served(story.begin) as origin:
        story.fill()
        page = enter(chromium, story, origin)
        page.goto(f"{origin}{story.page.path(story.asked)}")
        page.emulate_media(media="print")
        for text in ("asks to open the calls and texts", "Check words", "max-records: 500"):
            assert page.get_by_text(text).first.is_visible()
        assert page.locator("pre").is_visible()
        assert page.get_by_role("button", name="Approve with passkey").count() == 0
        page.context.close()
