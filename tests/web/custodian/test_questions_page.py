"""A custodian's page: a question to the desk, what it explained, earlier requests of the same subject, the time left."""

import datetime as dt
import re

import pytest

from clerking import copied
from coffer.authority.authorization import parse_authorization
from coffer.authority.ordered import Urgency
from coffer.custody.again import Again, AgainWord
from coffer.custody.questions import explain
from coffer.vault.operator import DESK
from custodian_page import Page
from elsewhere import Elsewhere
from world import ordered


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("page")).with_records()


@pytest.fixture
def page(made, tmp_path):
    return Page.make(copied(made, tmp_path / "own"), people=2, required=1)


def text_of(response):
    """What a reader reads, without tags, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split())


def test_question_is_asked_once_and_shown_with_what_the_desk_explains(page):
    bench, judge = page.bench, page.signed_in(1)
    note = bench.request()
    path, commitment = page.path(note), bench.commitment(note)
    assert "Your question" in text_of(judge.get(path))
    for _ in range(2):  # a form that is sent twice asks once
        assert judge.post(f"{path}/ask", data={"question": "Why three\nweeks?"}).status_code == 303
    shown = text_of(judge.get(path))
    assert "judge asked Why three weeks?" in shown
    assert "no explanation yet" in shown
    assert "Your question" not in shown
    assert judge.post(f"{path}/ask", data={"question": "And why at all?"}).status_code == 403
    authorization = parse_authorization(note, "request")
    questions, keys = bench.machine.requests.questions, bench.service.keys
    roster = bench.service.state.rosters[authorization.terms.roster]
    desk = bench.world.vault.operator_key(DESK)
    said = explain(questions.question(commitment, keys), "The trip took three.", key=desk, now=bench.now)
    bench.machine.requests.take_explanation(commitment, said.raw, roster, keys)
    shown = text_of(page.signed_in(2).get(path))
    assert "The desk explained: The trip took three." in shown
    assert "Neither changes what is enforced" in shown


def test_text_that_is_no_question_is_refused_and_nobody_asks_without_a_session(page):
    note, judge = page.bench.request(), page.signed_in(1)
    for text in ("", "x" * 501, "a\u202eb"):
        assert judge.post(f"{page.path(note)}/ask", data={"question": text}).status_code == 400
    assert page.visitor().post(f"{page.path(note)}/ask", data={"question": "Why?"}).status_code == 303
    assert "Your question" in text_of(judge.get(page.path(note)))


def test_refusal_says_how_the_desk_may_come_again_and_later_requests_show_it(page):
    bench, judge = page.bench, page.signed_in(1)
    note, later = bench.request(), bench.request(basis="Another law, another case")
    assert "Asked before about the same subject" in text_of(judge.get(page.path(later)))
    wrong = page.post(judge, note, "refuse", reason="scope", again="later", **{"again-day": "soon"})
    assert wrong.status_code == 400
    day = {"again-day": "2031-02-03"}
    assert page.post(judge, note, "refuse", reason="scope", again="later", **day).status_code == 303
    marks = bench.machine.requests.marks(bench.commitment(note), bench.service.keys)
    assert marks.again == Again(word=AgainWord.LATER, later=dt.date(2031, 2, 3))
    shown = text_of(judge.get(page.path(later)))
    assert "Refused by your office. The desk may ask again from 3 February 2031 on." in shown
    other = bench.request(subjects=["tel:+33698765432"])
    assert "Asked before about the same subject" not in text_of(judge.get(page.path(other)))


def test_list_is_by_the_time_left_and_an_emergency_without_a_deadline_has_eight_hours(page):
    bench, judge = page.bench, page.signed_in(1)
    quiet = bench.request(basis="Quiet")
    came = bench.now - dt.timedelta(hours=2)
    soon = bench.request(basis="Soon", ordered=ordered(came, urgency=Urgency.EMERGENCY))
    home = judge.get("/")
    assert home.text.index(page.path(soon)) < home.text.index(page.path(quiet))
    assert "An emergency" in text_of(home)
    assert re.search(r"The first is due in (5 h 59|6 h 0) min", text_of(home))
    assert "Answer due" in text_of(judge.get(page.path(soon)))
    assert "In force until" in text_of(judge.get(page.path(quiet)))
