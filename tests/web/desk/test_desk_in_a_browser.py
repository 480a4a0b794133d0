"""The desk in Chromium: the story by passkey and keyboard, and nothing that keeps anybody out, in both themes."""

import re

import pytest

from browsing import add_authenticator, axe_findings, browser, needs_chromium, open_page, served, sideways
from coffer.desk.people import Role
from desking import FIELDS, DeskWorld, amend, order_of_three, short_case, signed_case

pytestmark = [needs_chromium, pytest.mark.slow]
LONG = "Amtsgericht Musterstadt, Abteilung fuer Strafsachen, " + "Ermittlungsrichterin " * 12


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A desk with a case in each state, served, and the cookie of somebody of each role."""
    desk = DeskWorld.make(tmp_path_factory.mktemp("desk"))
    clerk = desk.person()
    people = {role: desk.person(f"Somebody, {role.value}", role) for role in Role if role is not Role.CLERK}
    people[Role.CLERK] = clerk
    draft = clerk.new_case(number="12/0402", authority=LONG.strip())
    waiting = clerk.new_case(number="12/0417", files={"order": ("Ordonnance " * 9 + ".pdf", b"%PDF-1.7")})
    assert clerk.send(waiting).status_code == 303
    clerk.take_in(waiting, desk.countersign(waiting, "dpo"))
    desk.office.hearing.ask()
    signed = signed_case(desk, clerk, number="12/0398")
    answered = signed_case(desk, clerk, number="12/0390")
    clerk.open(answered)
    desk.settle()
    held = clerk.new_case(number="12/0405")
    form = clerk.form(f"/cases/{held}/hold") | FIELDS
    assert clerk.agree_from(f"/cases/{held}/hold/challenge", f"/cases/{held}/hold/send", form).status_code == 303
    short = short_case(desk, clerk, number="12/0399")
    assert amend(clerk, short).status_code == 303
    parts = clerk.new_case(number="12/0401", files={"order": ("form.xml", order_of_three())})
    answer = next(one.id for one in desk.store.case(answered).documents if one.kind == "answer")
    pages = {
        Role.CLERK: [
            "/",
            "/new",
            "/letters",
            "/closed",
            "/people",
            "/me",
            *(f"/cases/{case}" for case in (draft, waiting, signed, answered)),
            f"/cases/{draft}/request",
            f"/cases/{answered}/documents/{answer}/preview",
            f"/cases/{held}",
            f"/cases/{draft}/hold",
            f"/cases/{short}",
            f"/cases/{short}/amend",
            f"/cases/{parts}",
            f"/cases/{parts}/request?part=2",
        ],
        Role.HEAD: [f"/cases/{answered}"],
        Role.OPERATOR: ["/", "/people"],
        Role.AUDITOR: ["/", f"/cases/{answered}/history", "/new"],
    }
    with served(desk.served_app) as origin:
        yield desk, people, pages, origin
    desk.close()


def signed_in(chromium, origin, person, **options):
    page = open_page(chromium, **options)
    cookie = {"name": "__Host-desk", "value": person.cookies["__Host-desk"], "secure": True, "sameSite": "Strict"}
    page.context.add_cookies([cookie | {"url": origin.replace("http:", "https:")}])
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_keeps_anybody_out(chromium, busy, scheme, width):
    _desk, people, pages, origin = busy
    looked_at = 0
    for role, paths in pages.items():
        page = signed_in(chromium, origin, people[role], scheme=scheme, width=width)
        for path in paths:
            page.goto(f"{origin}{path}")
            assert page.locator("h1").count() == 1, path
            assert axe_findings(page) == [], path
            assert sideways(page) <= 0, path
            looked_at += 1
        assert [line for line in page.complaints if "403" not in line] == []
        page.context.close()
    assert looked_at == 24


def test_the_printed_case_holds_what_was_asked_and_the_exact_text(chromium, busy):
    _desk, people, pages, origin = busy
    page = signed_in(chromium, origin, people[Role.CLERK])
    page.goto(f"{origin}{pages[Role.CLERK][7]}")
    page.emulate_media(media="print")
    assert page.locator("h1").is_visible()
    assert page.get_by_text("subject: tel:+33612345678").first.is_visible()
    assert not page.get_by_role("button", name="Sign out").is_visible()
    page.context.close()


def write_the_request(page, origin):
    """A new case and its request, with the keyboard; the button that sends it."""
    page.goto(f"{origin}/new")
    page.fill("#number", "12/0417")
    page.fill("#authority", "Court of Appeal")
    page.get_by_role("button", name="Go on to the request").press("Enter")
    page.wait_for_url("**/request")
    send = page.get_by_role("button", name="Sign with passkey and send")
    assert send.get_attribute("aria-disabled") == "true"
    send.press("Enter")  # it says why not, and sends nothing
    assert "Cannot be sent yet" in page.locator("#why").inner_text()
    for name in ("basis", "purpose", "person", "subjects", "last_1"):
        page.fill(f"#{name}", FIELDS[name])
    page.fill("#max_records", "3")
    page.fill("#first_1", "2016-09-09")
    page.locator("input[value=call]").press("Space")
    page.locator("input[name=issued_by][value=court]").press("Space")
    page.get_by_text("The last is before the first.").wait_for()
    assert page.locator("#subjects-says").inner_text() == (
        "Will be signed as tel:+33612345678, that is +33 6 12 34 56 78."
    )
    page.fill("#first_1", FIELDS["first_1"])
    page.get_by_text("Everything needed is here.").wait_for()
    assert send.get_attribute("aria-disabled") is None
    assert "max-records: 3" in page.locator("#exact").text_content()
    return send


def raise_the_limit(page, desk, case):
    """The first opening finds more than the request allows: an amendment is written, sent and signed."""
    office, _app, store = desk.processes[-1]
    page.get_by_role("button", name="Agree with passkey and open").press("Enter")
    page.wait_for_url(f"**/cases/{case}")
    page.get_by_text("It needs a limit of 20 records in all.").first.wait_for(timeout=15_000)
    page.reload()
    page.get_by_role("link", name="Raise how many records may be opened").press("Enter")
    page.wait_for_url("**/amend?request=1")
    assert page.locator("#max_records").input_value() == "20"
    page.fill("#basis", "A second order")
    page.get_by_text("Everything needed is here.").wait_for()
    page.get_by_role("button", name="Sign with passkey and send").press("Enter")
    page.wait_for_url("**request=1#raised")
    assert "must sign" in page.locator("#now").inner_text()
    note = desk.world.countersign(store.case(case).requests[0].amendments[0].note, "judge", "dpo")
    person = next(iter(store.people()))
    office.flow.take_in(store.case(case), [("more.note", note)], by=person, now=desk.world.now)
    page.get_by_text("everybody needed has signed").wait_for(timeout=15_000)


def test_an_order_is_answered_by_passkey_with_the_keyboard_alone(chromium, tmp_path):
    desk = DeskWorld.make(tmp_path)
    try:
        with served(desk.served_app) as origin:
            page = open_page(chromium)
            add_authenticator(page)
            page.goto(f"{origin}/")
            page.fill("#code", desk.invite("C. Clerk", Role.CLERK))
            page.fill("#label", "telephone")
            page.get_by_role("button", name="Make a passkey").press("Enter")
            page.wait_for_url(f"{origin}/passkeys")
            send = write_the_request(page, origin)
            send.press("Enter")
            page.wait_for_url(re.compile("/cases/[0-9a-f]{32}$"))
            case = page.url.rsplit("/", 1)[1]
            assert "waits for signatures" in page.locator("h1").inner_text()
            office, _app, store = desk.processes[-1]
            note = desk.world.countersign(store.case(case).requests[0].note, "judge", "dpo")
            person = next(iter(store.people()))
            office.flow.take_in(store.case(case), [("copy.note", note)], by=person, now=desk.world.now)
            # Signatures arrive while somebody looks: the page follows, nobody loads it again.
            page.get_by_text("everybody needed has signed").wait_for(timeout=15_000)
            page.reload()
            raise_the_limit(page, desk, case)
            page.reload()
            page.get_by_role("button", name="Agree with passkey and open").press("Enter")
            page.wait_for_url(f"**/cases/{case}")
            page.get_by_text("The end stands in the log").wait_for()
            desk.settle(office)
            page.reload()
            assert "is answered" in page.locator("h1").inner_text()
            page.get_by_role("link", name="Look at the first rows").press("Enter")
            page.wait_for_url("**/preview")
            assert "records were opened" in page.locator("h1").inner_text()
            assert page.complaints == []
            page.context.close()
    finally:
        desk.close()


def test_without_scripts_a_draft_is_checked_and_kept(chromium, busy):
    desk, people, pages, origin = busy
    page = signed_in(chromium, origin, people[Role.CLERK], javascript=False)
    path = pages[Role.CLERK][10]
    page.goto(f"{origin}{path}")
    page.fill("#subjects", "not a number")
    page.get_by_role("button", name="Check").last.click()
    assert "This is no number" in page.locator("#subjects-says").inner_text()
    assert page.locator("#subjects").input_value() == "not a number"
    page.fill("#subjects", "+33 6 12 34 56 78")
    page.get_by_role("button", name="Keep as draft").click()
    assert "kept=yes" in page.url
    assert "The draft was saved" in page.locator("main").inner_text()
    case = path.split("/")[2]
    assert desk.store.case(case).draft.subjects[0].text == "+33 6 12 34 56 78"
    page.context.close()


@pytest.mark.parametrize("language", ["fr", "de"])
def test_no_english_sentence_is_left_in_another_language(chromium, busy, language):
    desk, people, pages, origin = busy
    page = signed_in(chromium, origin, people[Role.CLERK], language={"fr": "fr-FR", "de": "de-DE"}[language])
    for path in pages[Role.CLERK]:
        page.goto(f"{origin}{path}")
        assert page.locator("html").get_attribute("lang") == language
        text = page.locator("main").inner_text()
        assert not re.search(r"\b(the|and|must|were|this|with)\b", text), path
        assert sideways(page) <= 0
    page.context.close()
    assert desk
