"""The three pages in Chromium, on a site with the policy of the ground: what they show of whole and tampered input."""

import datetime as dt
import json
import re
import shutil

import pytest
from fastapi import Request
from starlette.responses import Response
from test_emergency_debts import HOUR, intent
from test_emergency_debts import log as log_entries

from browsing import axe_findings, browser, needs_chromium, open_page, served, sideways
from coffer.disclosure.answer import answer_files
from coffer.disclosure.package import format_package
from coffer.disclosure.verified import verify_disclosure
from coffer.ledger.roster import Emergency
from coffer.notes.note import sign_note
from coffer.procedures.opening.run import run_opening
from coffer.procedures.roster.change import propose_absence
from coffer.web.ground.app import make_site_app
from coffer.web.ground.gate import Gate
from coffer.web.ground.render import NavItem, Pages
from coffer.web.ground.site import Site
from web.verify.conftest import pins_of
from world import World

pytestmark = [needs_chromium, pytest.mark.slow]
PATHS = ("/verify", "/answer", "/concerned")


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


def make_app(log, pins, asked):
    """A site with the three pages and a log; `asked` collects what browsers ask for."""

    def make(origin):
        site = Site(party="window", operator="Telco Example", origin=origin, tag="window", log="test.example/vault")
        pages = Pages(site, ["window"], nav=[NavItem(path="/verify", label="Verify here")])
        app = make_site_app(pages, "test")
        values = {
            "pins": pins | {"origin": "test.example/vault"},
            "log_address": "/",
            "country": {"code": "33", "trunk": "0"},
        }

        for path in PATHS:

            async def show(request: Request, path=path):
                return pages.respond(request, f"window{path}.html", **values)

            app.get(path)(show)

        @app.get("/{path:path}")
        async def file(request: Request, path: str):
            asked.append(str(request.url))
            place = log / path
            return Response(place.read_bytes()) if place.is_file() else Response(status_code=404)

        return Gate(app, site)

    return make


def states(page, section="[data-log-audit]"):
    """The class of each step, in order."""
    return page.eval_on_selector_all(f"{section} [data-step]", "all => all.map(one => one.className)")


def ended(page, section="[data-log-audit]"):
    page.wait_for_selector(f"{section}[aria-busy=false]", timeout=60_000)


def test_whole_log_is_proven_and_the_next_visit_compares(chromium, case, tmp_path):
    with served(make_app(case.log, case.pins, [])) as origin:
        page = open_page(chromium)
        for said in ("Nothing was kept yet", "Entries that this browser proved before"):
            page.goto(f"{origin}/verify")
            ended(page)
            assert states(page) == ["proven"] * 8
            assert page.inner_text("h1") == "The log is what it claims to be"
            assert said in page.inner_text('[data-step="kept"]')
        assert page.complaints == []
        assert page.inner_text("[data-failed]") == ""
        page.context.close()


def test_changed_entry_is_shown_red_with_the_evidence(chromium, case, tmp_path):
    log = shutil.copytree(case.log, tmp_path / "log")
    size = (log / "checkpoint").read_text().split("\n")[1]
    bundle = log / f"tile/entries/000.p/{size}"
    raw = bytearray(bundle.read_bytes())
    at = raw.index(b"coffer.ingest/v2")
    raw[at + 30] ^= 1
    bundle.write_bytes(bytes(raw))
    with served(make_app(log, case.pins, [])) as origin:
        page = open_page(chromium)
        page.goto(f"{origin}/verify")
        ended(page)
        assert states(page) == ["proven", "failed", *["stopped"] * 6]
        assert re.fullmatch(r"Failed:\s+Entry \d+ does not fit the tree", page.inner_text('[data-step="tree"] p'))
        assert page.inner_text("h1") == "The log is not what it claims to be"
        with page.expect_download() as saved:
            page.click("[role=alert] [data-evidence]")
        evidence = json.loads(saved.value.path().read_text())
        assert saved.value.suggested_filename == "coffer-evidence.json"
        assert evidence["violations"][0]["values"].keys() == {"entry"}
        assert {path.split("/")[1] for path in evidence["files"] if path.startswith("tile/")} == {"entries", "0"}
        assert page.complaints == []
        page.context.close()


def test_package_is_proven_and_a_changed_one_is_not(chromium, case, tmp_path):
    changed = bytearray(case.packed)
    changed[case.packed.index(b"subject,kind,direction") + 3] ^= 1
    (tmp_path / "case.zip").write_bytes(case.packed)
    (tmp_path / "changed.zip").write_bytes(bytes(changed))
    asked = []
    with served(make_app(case.log, case.pins, asked)) as origin:
        page = open_page(chromium)
        page.goto(f"{origin}/answer")
        section = "[data-answer-audit]"
        complete = "The answer is what it claims to be, and complete"
        for name, said in (
            ("case.zip", complete),
            ("changed.zip", "The answer is not what it claims to be"),
            ("case.zip", complete),
        ):
            page.set_input_files("#zip", str(tmp_path / name))
            ended(page, section)
            expected = ["proven"] * 14 if said == complete else ["failed", *["stopped"] * 13]
            assert states(page, section) == expected
            assert page.inner_text(f"{section} [data-verdict] h2") == said
            assert not page.is_visible("[data-list]")
        assert page.complaints == []
        paths = {url.removeprefix(origin) for url in asked}
        assert paths
        assert {path for path in paths if not re.fullmatch(r"/(?:checkpoint|tile/[0-9a-z/.]+)", path)} == set()
        page.context.close()


def test_answer_without_the_log_is_proven_if_no_segment_was_left_out(chromium, case, tmp_path):
    (tmp_path / "case.zip").write_bytes(case.packed)
    with served(make_app(tmp_path / "nothing", case.pins, [])) as origin:
        page = open_page(chromium)
        page.goto(f"{origin}/answer")
        section = "[data-answer-audit]"
        page.set_input_files("#zip", str(tmp_path / "case.zip"))
        ended(page, section)
        assert states(page, section) == ["proven"] * 13 + ["stopped"]
        said = page.inner_text(f"{section} [data-verdict] h2")
        assert said == "The answer is what it claims to be, if no segment was left out"
        assert "The log cannot be fetched now" in page.inner_text('[data-step="complete"]')
        page.context.close()


def test_warnings_of_the_auditor_are_on_the_page(chromium, tmp_path):
    """A custodian whom all others call gone."""
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-01")
    note = sign_note(propose_absence(world.state(), "regulator", world.now), world.vault.operator_key("desk"))
    for service in world.custodians("judge", "dpo"):
        note = service.sign_absence(note.raw, "absence", state=service.peek())
    with world.vault.writing() as state:
        world.vault.append([note.raw], state)
    with served(make_app(world.vault.path / "log", pins_of(world), [])) as origin:
        page = open_page(chromium)
        page.goto(f"{origin}/verify")
        ended(page)
        assert page.inner_text("h1") == "The log is what it claims to be"
        assert page.is_visible("[data-list=warnings]")
        assert not page.is_visible("[data-list=conditions]")
        (said,) = page.locator("[data-list=warnings] li").all_inner_texts()
        assert re.fullmatch(r"In entry \d+ all other custodians say that regulator is gone\. .+", said)
        assert axe_findings(page) == []
        page.context.close()


def test_debt_is_red_on_the_page_and_the_log_is_searched_all_the_same(chromium, tmp_path):
    world = World.make(tmp_path, emergency=Emergency(expression="2 of judge,dpo,regulator", ratify_hours=48))
    world.epoch("2016-09-01", "2016-09-01")
    assert log_entries(world, intent(1)) == []
    world.now += 49 * HOUR
    assert log_entries(world, intent(2, ())) == []
    with served(make_app(world.vault.path / "log", pins_of(world), [])) as origin:
        page = open_page(chromium)
        page.goto(f"{origin}/verify")
        ended(page)
        assert states(page) == [*["proven"] * 6, "failed", "proven"]
        assert page.inner_text("h1") == "The log is what it claims to be, and a debt stands in it"
        assert re.search(r"The emergency of entry \d+ is overdue", page.inner_text('[data-step="debts"] p'))
        assert page.inner_text("[data-failed]") == "", "the log itself is the evidence"
        assert axe_findings(page) == []
        page.goto(f"{origin}/concerned")
        page.fill("#identity", "06 12 34 56 78")
        page.click("form button")
        page.locator("[data-found]", has_text="No revealed order names you").wait_for(timeout=30_000)
        assert page.complaints == []
        page.context.close()


def test_part_of_a_continuing_order_says_which_it_is(chromium, tmp_path):
    world = World.make(tmp_path / "world")
    world.epoch("2016-09-06", "2016-09-07")
    note = world.authorize(days=[("2016-09-06", "2016-09-07")], subjects=["tel:+33612345678"], kinds="call")
    for number in (6, 7):
        world.now = dt.datetime(2016, 9, number + 1, 1, tzinfo=dt.UTC)
        world.ingest(f"+33612345678,+33698765432,2016-09-0{number} 10:00:00,60\n", name=f"{number}.csv")
        answer = run_opening(world.vault, note, world.custodians(), deliver=lambda _answer: None, is_continuing=True)
    disclosure = verify_disclosure(answer_files(answer))
    (tmp_path / "2.zip").write_bytes(format_package(disclosure, {}, world.vault.operator_key("desk")))
    proven = (
        f"It is part 2 of an order that is answered part by part. It holds what came since entry {answer.part.since} "
    )
    claimed = "It says that it is part 2 of an order that is answered part by part, which only the whole log shows."
    page = open_page(chromium)
    for log, said in ((world.vault.path / "log", proven), (tmp_path / "nothing", claimed)):
        with served(make_app(log, pins_of(world), [])) as origin:
            page.goto(f"{origin}/answer")
            page.set_input_files("#zip", str(tmp_path / "2.zip"))
            ended(page, "[data-answer-audit]")
            assert said in " ".join(page.locator("[data-answer-audit] [data-verdict]").all_inner_texts())
    page.context.close()


def test_number_of_a_revealed_order_is_found_and_never_sent(chromium, revealed):
    asked = []
    pins = revealed.vault.pins
    log = revealed.vault.path / "log"
    with served(make_app(log, {"log": pins.log_key.format(), "genesis": pins.genesis.hex()}, asked)) as origin:
        page = open_page(chromium)
        page.goto(f"{origin}/concerned")
        for typed, said in (
            ("06 12 34 56 78", "Revealed orders name you"),
            ("+33 6 98 76 54 32", "No revealed order names you"),
            ("hello", "This is no number or address. Write a number as +33 6 12 34 56 78."),
        ):
            page.fill("#identity", typed)
            page.click("form button")
            page.locator("[data-found]", has_text=said).wait_for(timeout=30_000)
        page.fill("#identity", "0612345678")
        page.keyboard.press("Enter")
        page.wait_for_selector("[data-matches] li")
        assert "Court" in page.inner_text("[data-matches] li")
        assert "do not say whom they concern: 1." in page.inner_text("[data-found]")
        assert asked
        assert [url for url in asked if "612345678" in url] == []
        assert page.complaints == []
        page.context.close()


def test_without_scripts_the_number_is_not_sent_either(chromium, case):
    asked = []
    with served(make_app(case.log, case.pins, asked)) as origin:
        page = open_page(chromium, javascript=False)
        page.goto(f"{origin}/concerned")
        page.fill("#identity", "0612345678")
        page.click("form button")
        page.wait_for_load_state()
        assert page.inner_text("noscript h2") == "This needs JavaScript"
        assert "0612345678" not in page.url
        assert [url for url in asked if "612345678" in url] == []
        page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_keeps_anybody_out(chromium, case, scheme, width):
    with served(make_app(case.log, case.pins, [])) as origin:
        page = open_page(chromium, scheme=scheme, width=width)
        for path in PATHS:
            page.goto(f"{origin}{path}")
            if path == "/verify":
                ended(page)
            assert axe_findings(page) == []
            assert sideways(page) <= 0
        page.context.close()
