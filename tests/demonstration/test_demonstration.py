"""The demonstration: what it plans, what it starts and ends, what it removes; and the whole tour in a browser."""

import datetime as dt
import os
import signal
import socket
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from browsing import browser, needs_chromium
from coffer.cli.demonstration.household import Household
from coffer.cli.demonstration.plan import (
    CUSTODIANS,
    MARK,
    PORTS,
    Plan,
    busiest,
    month_before,
    order_xml,
    parse_plan,
    ports_from,
)
from coffer.cli.main import run
from coffer.disclosure.etsi_request import parse_etsi_request
from coffer.errors import MalformedInput, Unavailable
from coffer_audit.cli import main as audit
from touring import Demonstration, Visitor, approve, make_request, open_records

TODAY = dt.date(2026, 11, 29)
PLAN = Plan(ports=ports_from(8_080), first=month_before(TODAY), records=200_000)


def test_the_month_ends_yesterday_and_the_plan_is_read_back():
    assert (PLAN.first, PLAN.last) == (dt.date(2026, 10, 30), dt.date(2026, 11, 28))
    assert parse_plan(PLAN.format(), MARK) == PLAN
    assert PLAN.window == "http://localhost:8080"
    assert len({PLAN.window, PLAN.desk, *map(PLAN.page, CUSTODIANS)}) == 2 + len(CUSTODIANS)
    assert "127.0.0.1:8086" in PLAN.addresses()


@pytest.mark.parametrize(
    ("raw", "match"),
    [
        (b"", "format: missing"),
        (PLAN.format().replace(b"/v1", b"/v2"), "format: found coffer.demonstration/v2, expected"),
        (PLAN.format().replace(b"8080", b"8081"), f"expected {PORTS} different ones"),
        (PLAN.format().replace(b"8080", b'"x"'), "expected numbers"),
        (PLAN.format() + b"more = 1\n", "more"),
    ],
)
def test_a_plan_that_is_none_is_refused(raw, match):
    with pytest.raises(MalformedInput, match=match):
        parse_plan(raw, MARK)


def test_the_order_of_the_tour_is_one_that_a_program_reads():
    found = parse_etsi_request(order_xml("tel:+33612345678", dt.date(2026, 11, 22), PLAN.last), "order.xml")
    assert (found.subjects, found.kinds, found.max_hits) == (("tel:+33612345678",), ("call", "text"), 500)
    assert found.period.format() == "2026-11-22T00:00:00+00:00 2026-11-29T00:00:00+00:00"


def test_the_order_asks_for_the_busiest_french_subscriber_of_whom_an_answer_is_short():
    many = [{"subject": "tel:+33600000001", "records": [0] * 401}, {"subject": "tel:+33600000002", "records": [0] * 9}]
    other = [{"subject": "tel:+32600000003", "records": [0] * 90}, {"subject": "tel:+33600000004", "records": [0]}]
    assert busiest(str({"subjects": [*many, *other]}).replace("'", '"').encode()) == "tel:+33600000002"
    with pytest.raises(MalformedInput, match="nobody to ask about"):
        busiest(b'{"subjects": []}')


def test_a_folder_with_something_else_in_it_is_never_touched(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    for words in ([], ["--reset"], ["--serve", "--reset"]):
        assert run(["demo", str(tmp_path), *words]) == 2
        assert "holds something else than a demonstration" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_port_that_is_taken_is_said_before_anything_is_founded(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = min(taken.getsockname()[1], 65_000)
        if port != taken.getsockname()[1]:
            pytest.skip("the system gave too high a port")
        assert run(["demo", str(tmp_path / "demo"), "--port", str(port)]) == 5
    assert "choose others with --port" in capsys.readouterr().err
    assert not (tmp_path / "demo" / "vault").exists()


def test_a_command_that_fails_says_which_and_what_it_said(tmp_path):
    with pytest.raises(Unavailable, match=r"coffer log nowhere: nowhere: not a vault"):
        Household(tmp_path, {}).run(["log", "nowhere"])


def test_a_server_that_ends_by_itself_is_noticed_and_nothing_stays(tmp_path):
    household = Household(tmp_path, {})
    witness = ["witness", "serve", "w", "--listen", "127.0.0.1:0"]
    household.run(["witness", "init", "w", "--name", "w.example/one"])
    household.serve({"w": witness})
    ((name, pid),) = household.pids().items()
    assert name == "w"
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Unavailable, match="w ended by itself"):
        household.watch(threading.Event())
    household.serve({"w": witness})
    ((_, pid),) = household.pids().items()
    household.end()
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(Unavailable, match="w did not start"):
        household.serve({"w": ["witness", "serve", "nothing"]})
    household.end()


def test_a_server_that_ends_after_a_while_is_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr("coffer.cli.demonstration.household._LIVED_S", 0.0)
    household, stop, heard = Household(tmp_path, {}), threading.Event(), []
    household.run(["witness", "init", "w", "--name", "w.example/one"])
    try:
        household.serve({"w": ["witness", "serve", "w", "--listen", "127.0.0.1:0"]})
        before = household.pids()["w"]
        os.kill(before, signal.SIGKILL)
        household.watch(stop, stop.set, heard.append)
        assert heard == ["w ended by itself (look into w.log), and is started again"]
        assert household.pids()["w"] != before
    finally:
        household.end()


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory):
    """A demonstration that runs; whatever a test does, it is ended."""
    made = Demonstration(tmp_path_factory.mktemp("demonstration") / "demo", "--port", "0")
    try:
        yield made.wait()
    finally:
        made.kill()


@pytest.mark.slow
@needs_chromium
def test_the_whole_tour(demonstration):
    folder = demonstration.folder
    plan = parse_plan((folder / MARK).read_bytes(), MARK)
    assert len(demonstration.servers()) == 1 + len(CUSTODIANS)
    for origin in (plan.window, plan.desk + "/sign-in", *(plan.page(name) + "/sign-in" for name in CUSTODIANS)):
        with urllib.request.urlopen(origin, timeout=60) as page:
            assert b"Demonstration: everything is invented." in page.read()
    with browser() as chromium:
        operator = Visitor(chromium, folder, "O. Operator").enroll()
        operator.go("/operator")
        operator.wait_for("Custodians and witnesses")
        assert operator.title() == "Nothing needs you now"
        clerk = Visitor(chromium, folder, "C. Clerk").enroll()
        assert "everything is invented" in clerk.notice()
        clerk.go("/operator")
        assert clerk.title() == "This is not yours to do"
        signers = [Visitor(chromium, folder, name).enroll() for name in ("J. Judge", "D. Officer", "O. Oversight")]
        make_request(clerk, folder / "order.xml")
        assert "waits for signatures" in clerk.title()
        shown = [approve(signer) for signer in signers]
        package = open_records(clerk, folder)
        said = clerk.page.inner_text("main")
        assert [word for words in shown for word in words if word not in said] == []
        assert [visitor.page.complaints for visitor in (operator, *signers)] == [[]] * 4
    assert audit(["answer", str(package), "--vault", str(folder / "vault")]) == 0


@pytest.mark.slow
def test_it_ends_every_process_that_it_started_and_comes_back_as_it_was(demonstration):
    children = demonstration.children()
    assert len(children) >= len(demonstration.servers()) == 1 + len(CUSTODIANS)
    assert demonstration.end() == 0
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []
    invitations = (demonstration.folder / "invitations.txt").read_text("utf-8")
    again = Demonstration(demonstration.folder).wait()
    try:
        assert (demonstration.folder / "invitations.txt").read_text("utf-8") == invitations
        assert run(["demo", str(demonstration.folder), "--serve"]) == 5  # it runs already
        children = again.children()
        again.process.kill()  # as the system does when memory ends
        again.process.wait(20)
        until = time.monotonic() + 30
        while [pid for pid in children if Path(f"/proc/{pid}").exists()]:
            assert time.monotonic() < until, "servers outlived the demonstration"
            time.sleep(0.2)
    finally:
        again.process.kill()


@pytest.mark.slow
def test_reset_makes_it_anew(demonstration):
    before = (demonstration.folder / "vault/vault.toml").read_bytes()
    (demonstration.folder / MARK).unlink(missing_ok=True)  # as if the founding had been cut short
    again = Demonstration(demonstration.folder, "--reset", "--port", "0").wait()
    try:
        assert (demonstration.folder / "vault/vault.toml").read_bytes() != before
        assert again.end(signal.SIGTERM) == 0
    finally:
        again.process.kill()
