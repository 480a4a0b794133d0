"""A custodian's page: from the invitation to the countersigned request, and what each page says."""

import re

import pytest

from authenticator import Authenticator
from clerking import Bench, copied
from custodian_page import SITE, Page, enroll, sign_in
from elsewhere import Elsewhere


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("page")).with_records()


@pytest.fixture
def world(made, tmp_path):
    return copied(made, tmp_path / "own")


def text_of(response):
    """What a reader reads, without tags, in one line."""
    body = re.sub(r"<(script|style|svg).*?</\1>", " ", response.text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_whole_story_from_the_invitation_to_the_signature(world):
    bench = Bench.opened(world)
    bench.clerks.set_site(SITE, world.now)
    page = Page.of(world, bench)
    for number, name in ((1, "Juge Hélène Müller"), (2, "B. Second")):
        _, code = bench.clerks.invite(name, world.now)
        bench.keys[number] = Authenticator(SITE)
        assert enroll(page.visitor(), code, bench.keys[number]).headers["location"] == "/passkeys"
    bench.clerks.require(2, world.now)
    note = bench.request(subjects=["tel:+33612345678"])

    first = page.visitor()
    assert first.get("/").headers["location"] == "/sign-in"
    assert sign_in(first, bench.keys[1]).headers["location"] == "/"
    home = text_of(first.get("/"))
    assert "1 request waits for judge" in home
    assert "Juge Hélène Müller" in home
    assert "nobody has opened it" in home

    shown = text_of(first.get(page.path(note)))
    assert "asks to open the calls" in shown
    assert "+33 6 12 34 56 78" in shown
    assert "subject: tel:+33612345678" in shown
    assert "B. Second" in shown
    assert page.approve(first, note, 1).headers["location"] == page.path(note)
    assert "You approved; a second person must agree" in text_of(first.get(page.path(note)))
    assert bench.in_force() == frozenset()

    second = page.signed_in(2)
    home = text_of(second.get("/"))
    assert "Juge Hélène Müller approved" in home
    assert "Still needed: you" in home
    assert page.approve(second, note, 2).status_code == 303
    assert bench.in_force() == {bench.commitment(note)}
    kept = bench.machine.requests.decided_note(bench.commitment(note), bench.service.keys)
    assert kept.note.is_signed_by(bench.service.keys.auth.verify_key)
    assert bench.machine.requests.waiting() == 0
    assert "Your office approved this request" in text_of(second.get(page.path(note)))
    home = text_of(second.get("/"))
    assert "No request waits for judge" in home
    assert "not opened yet" in home


def test_refusal_names_its_reason_and_waits_for_the_log(world):
    page = Page.make(world)
    note = page.bench.request()
    client = page.signed_in(1)
    assert page.post(client, note, "refuse", reason="scope").headers["location"] == page.path(note)
    shown = text_of(client.get(page.path(note)))
    assert "Your office refused this request" in shown
    assert "Scope: it asks more than is needed" in shown
    assert page.bench.machine.waiting_names() == (f"refuse-{page.bench.commitment(note).hex()}",)
    assert "refused scope" in text_of(client.get("/"))
