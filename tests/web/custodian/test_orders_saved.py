"""The order's file on a custodian's page: offered to be saved, noted as opened, and never shown as a page."""

import shutil

import pytest

from clerking import Bench
from coffer.authority.ordered import order_file
from coffer.signatures.look import look
from custodian_page import Page
from elsewhere import Elsewhere
from signing import ORDER_XML, Identity, sign_xml
from world import ordered

PDF = b"%PDF-1.7 an order"
PAGE = b"<!DOCTYPE html><script>alert(document.cookie)</script>"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    world = Elsewhere.make_elsewhere(tmp_path_factory.mktemp("world")).with_records()
    return world, Bench.make(world, "judge", people=2, required=1)


@pytest.fixture
def page(served):
    """The page as started anew: it counts the forms of a minute from none."""
    return Page.of(*served)


def request(page, *files, sent=None):
    """A request that names these files, and those of them that came with it."""
    named = tuple(order_file(raw, "order") for raw in files)
    note = page.bench.request(ordered=ordered(page.bench.now, files=named), authority="Cour d'appel, Évry")
    for raw in files if sent is None else sent:
        page.bench.machine.requests.take_order(page.bench.commitment(note), raw, page.bench.service.keys)
    return note


def test_file_is_saved_and_then_counts_as_opened(page):
    note, judge = request(page, PDF), page.signed_in(1)
    before = judge.get(page.path(note)).text
    assert "The order's file was not opened here: 1." in before
    assert "Évry" in before
    answer = judge.get(f"{page.path(note)}/order/1")
    assert answer.content == PDF
    assert answer.headers["content-disposition"] == 'attachment; filename="order-1.pdf"'
    after = judge.get(page.path(note)).text
    assert "not opened here" not in after
    assert "Save file 1 of the order" in after


def test_request_is_approved_without_opening_its_file(page):
    note, judge = request(page, PDF), page.signed_in(1)
    assert page.approve(judge, note, 1).status_code == 303


def test_page_says_which_files_did_not_come(page):
    note, judge = request(page, PDF, PAGE, sent=[PDF]), page.signed_in(1)
    text = judge.get(page.path(note)).text
    assert "The order's files were not opened here: 1, 2." in text
    assert f"{page.path(note)}/order/2" not in text
    assert judge.get(f"{page.path(note)}/order/2").status_code == 404


def test_page_says_that_no_file_came(page):
    note, judge = request(page), page.signed_in(1)
    assert "No file of the order came with it." in judge.get(page.path(note)).text


@pytest.mark.parametrize("raw", [PAGE, PDF])
def test_file_that_pretends_to_be_a_page_is_only_saved_as_every_file_is(page, raw):
    note, judge = request(page, raw), page.signed_in(1)
    answer = judge.get(f"{page.path(note)}/order/1")
    assert (answer.status_code, answer.content) == (200, raw)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith('attachment; filename="order-1.')
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not answer.headers["content-disposition"].endswith('html"')


@pytest.mark.parametrize("number", ["0", "2", "01", "-1", "x", "%2e%2e", "1/2"])
def test_file_of_another_number_is_none(page, number):
    note, judge = request(page, PDF), page.signed_in(1)
    assert judge.get(f"{page.path(note)}/order/{number}").status_code == 404
    assert judge.get(f"{page.path(note)}/order/1").status_code == 200


def test_nobody_reads_a_file_without_a_session(page):
    note = request(page, PDF)
    answer = page.visitor().get(f"{page.path(note)}/order/1")
    assert answer.status_code != 200
    assert PDF not in answer.content
    keys = page.bench.service.keys
    waiting = page.bench.machine.note(page.bench.commitment(note), keys)
    assert page.bench.machine.requests.order_files(waiting, keys)[0].opened is None
    assert page.signed_in(1).get(f"{page.path(note)}/order/1").content == PDF


def test_who_signed_a_file_is_said_when_somebody_asks_and_the_custodian_has_anchors(page, monkeypatch):
    monkeypatch.setattr("coffer.web.custodian.signed.findings_in", look)  # in this process, which is quicker
    court = Identity("Court CA")
    xml = sign_xml(ORDER_XML, Identity("Court of Appeal", court))
    note, judge = request(page, xml, PDF), page.signed_in(1)
    assert "Who signed file" not in judge.get(page.path(note)).text
    folder = page.bench.machine.path / "anchors"
    folder.mkdir()
    try:
        assert "Who signed file 1?" in judge.get(page.path(note)).text
        asked = f"{page.path(note)}/order/{{}}/signatures"
        assert "expected 1 to" in judge.post(asked.format(1)).text, "there is no certificate"
        (folder / "court.pem").write_bytes(court.pem)
        assert judge.post(asked.format(1)).status_code == 303
        text = judge.get(page.path(note)).text
        assert "Signed by" in text
        assert "It covers the whole file. A certificate that you trust leads to it." in text
        assert "Who signed file 1?" not in text
        assert "Who signed file 2?" in text
        assert judge.post(asked.format(3)).status_code == 404
        assert page.visitor().post(asked.format(1)).headers["location"] == "/sign-in"
    finally:
        shutil.rmtree(folder)
