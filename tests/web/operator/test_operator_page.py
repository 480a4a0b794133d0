"""The operator's page: what it says, to whom, in which language; and that it and the documents say the same."""

import re
import time
from pathlib import Path

import pytest
from boards import FACTS, NOW, well, without_log, wrong
from fastapi import Request

from asking import Client
from browsing import axe_findings, browser, needs_chromium, open_page, served, sideways
from coffer.errors import Unavailable
from coffer.procedures.duty.board import Code
from coffer.web.ground.app import make_site_app
from coffer.web.ground.door import Visitor
from coffer.web.ground.gate import Gate
from coffer.web.ground.render import Pages
from coffer.web.ground.site import Site
from coffer.web.operator.app import Duty, operator_pages, operator_router
from coffer.web.operator.saying import marked
from coffer.web.operator.troubles import BY_CODE, TROUBLES, format_table

ORIGIN = "http://localhost:8081"
ROOT = Path(__file__).parents[3]


def app_of(board, *, role="operator", origin=ORIGIN, duty=None):
    site = Site(party="desk", operator="Telco Example", origin=origin, tag="desk", log="telco.example/vault")
    desk = Pages(site, [], nav=[])
    app = make_site_app(desk, "test")
    if duty is None:
        duty = Duty(look=lambda: board, board=board)
        if board is not None:
            duty.look_once()

    async def visitor(_request: Request) -> Visitor:
        return Visitor(id="1", name="O. Operator", role=role)

    pages = operator_pages(site, assets=desk.assets)
    app.include_router(operator_router(duty, pages, visitor))
    return Gate(app, site)


def words(text):
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_the_table_of_the_documents_is_the_pages_own():
    assert format_table() in (ROOT / "docs/operating.md").read_text("utf-8")


def test_every_alert_has_one_row_that_says_what_to_do():
    assert set(BY_CODE) == set(Code)
    assert sum(len(trouble.titles) for trouble in TROUBLES) == len(Code)


def test_a_well_vault_needs_nobody():
    text = Client(app_of(well()), ORIGIN).get("/operator").text
    assert "<h1>Nothing needs you now</h1>" in text
    assert "Do now:" not in text
    assert "1,512,406" in text
    assert 'class="operator"' in text


def test_a_vault_that_needs_somebody_says_first_how_many_things(monkeypatch):
    text = words(Client(app_of(wrong()), ORIGIN).get("/operator").text)
    assert "3 things need you now" in text
    assert f"{len(Code) - 6} more must be done today. 3 things can wait." in text
    assert text.index("answers nothing") < text.index("does not answer") < text.index("Can wait")
    assert "ingest of 9 January 2013, 06:42, file 2, line 7" in text
    assert "done within a minute" in text
    assert "done in about 1 h 6 min" in text
    assert "full in about 2 days" in text
    assert "regulator: keys of 1 day" in text


@pytest.mark.parametrize("code", list(Code))
def test_each_alert_is_said_with_its_facts_and_what_to_do(code):
    text = words(Client(app_of(wrong()), ORIGIN).get("/operator").text)
    title = BY_CODE[code].titles[code]
    named = re.findall(r"%\((\w+)\)s", title)
    assert named
    assert set(named) <= set(FACTS)
    fixed = max(re.split(r"%\(\w+\)s|%%", title), key=len).strip()
    assert fixed in text


def test_a_log_that_does_not_hold_is_the_first_thing_said():
    text = words(Client(app_of(without_log()), ORIGIN).get("/operator").text)
    assert "1 thing needs you now" in text
    assert "The log does not hold: log: entry 7 is not what the checkpoint says" in text
    assert "Not known while the log does not hold." in text


@pytest.mark.parametrize("board", [well, wrong, without_log])
@pytest.mark.parametrize("language", ["fr", "de"])
def test_the_page_is_said_in_other_languages(board, language):
    client = Client(app_of(board()), ORIGIN, headers={"accept-language": language})
    for path in ("/operator", "/operator/troubles"):
        response = client.get(path)
        assert response.status_code == 200
        assert f'<html lang="{language}">' in response.text


@pytest.mark.parametrize("role", ["clerk", "head", "auditor", ""])
@pytest.mark.parametrize("path", ["/operator", "/operator/troubles"])
def test_nobody_but_the_operator_sees_it(role, path):
    assert Client(app_of(well(), role=role), ORIGIN).get(path).status_code == 403
    assert Client(app_of(well()), ORIGIN).get(path).status_code == 200


def test_before_the_first_look_the_page_says_so():
    text = Client(app_of(None), ORIGIN).get("/operator").text
    assert "Looking around" in text


def test_a_look_that_fails_leaves_the_older_one_with_its_time():
    seen = []

    def look():
        if seen:
            raise Unavailable("disk: gone")
        seen.append(1)
        return well()

    duty = Duty(look=look, every_s=60)
    duty.look_once()
    duty.look_once()
    assert duty.board.now == NOW


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Unavailable("disk: gone"), "disk: gone"),
        (OverflowError("<b>a stranger's words</b>"), "a look around failed by a fault of this program"),
    ],
)
def test_a_custodian_or_database_that_blinds_the_looks_does_not_leave_the_page_calm(error, said):
    clock, errors = [1_000.0], []

    def look():
        if errors:
            raise errors[0]
        return well()

    duty = Duty(look=look, every_s=60, timer=lambda: clock[0])
    duty.look_once()
    reader = Client(app_of(None, duty=duty), ORIGIN)
    errors.append(error)
    clock[0] += 60
    duty.look_once()
    assert "Nothing needs you now" in reader.get("/operator").text  # one look that failed is no alarm
    clock[0] += 60
    duty.look_once()
    text = words(reader.get("/operator").text)
    assert "What stands here is old" in text
    assert said in text
    assert "Nothing needs you now" not in text
    assert "stranger" not in text
    errors.clear()
    duty.look_once()
    assert "Nothing needs you now" in reader.get("/operator").text


def test_a_look_that_does_not_end_does_not_leave_the_page_calm():
    clock = [0.0]
    duty = Duty(look=well, timer=lambda: clock[0])
    duty.look_once()
    clock[0] += 121
    assert "What stands here is old" in Client(app_of(None, duty=duty), ORIGIN).get("/operator").text


def test_a_first_look_that_fails_says_why():
    def look():
        raise Unavailable("custodians.toml: not TOML")

    duty = Duty(look=look)
    duty.look_once()
    assert "custodians.toml: not TOML" in Client(app_of(None, duty=duty), ORIGIN).get("/operator").text


def test_a_look_that_fails_by_a_fault_is_followed_by_another():
    looks = []

    def look():
        looks.append(1)
        if len(looks) == 1:
            raise OverflowError
        return well()

    duty = Duty(look=look, every_s=0.01)
    duty.start()
    until = time.monotonic() + 10
    while duty.board is None and time.monotonic() < until:
        time.sleep(0.01)
    duty.stop()
    assert duty.board is not None


def test_looking_stops_when_it_is_told():
    duty = Duty(look=well, every_s=60)
    duty.start()
    duty.stop()
    assert not duty._thread.is_alive()
    assert duty.board is not None


def test_the_troubles_mark_what_is_typed_and_escape_everything():
    text = Client(app_of(well()), ORIGIN).get("/operator/troubles").text
    assert "<code>coffer custodian destroy DIR --catch-up</code>" in text
    assert str(marked("a <b> `x <y>`")) == "a &lt;b&gt; <code>x &lt;y&gt;</code>"


@needs_chromium
@pytest.mark.slow
def test_axe_finds_nothing_and_nothing_is_wider_than_a_telephone():
    with browser() as chromium:
        for board in (well(), wrong(), without_log()):
            with served(lambda origin, board=board: app_of(board, origin=origin)) as origin:
                for scheme in ("light", "dark"):
                    for path in ("/operator", "/operator/troubles"):
                        page = open_page(chromium, scheme=scheme)
                        page.goto(origin + path)
                        assert axe_findings(page) == []
                        assert page.complaints == []
                        page.context.close()
                        page = open_page(chromium, scheme=scheme, width=360)
                        page.goto(origin + path)
                        assert sideways(page) <= 0
                        page.context.close()
