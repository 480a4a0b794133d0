"""A custodian's page of a hold: approved by passkeys, kept, refused, taken back, and what it says is kept."""

import datetime as dt
import json
import re

import pytest

from clerking import Bench, copied
from coffer.authority.hold import parse_hold
from coffer.procedures.holding import keep_hold, release_hold
from custodian_page import Page
from elsewhere import Elsewhere
from holds import begun, distant_keepers, extended


def text_of(response):
    """What a reader reads, without tags, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("page")).with_records()


@pytest.fixture
def world(made, tmp_path):
    return copied(made, tmp_path / "own")


class Sent:
    """The custodian's machine, as the desk reaches it when it sends a hold."""

    def __init__(self, bench):
        self.bench, self.name = bench, bench.name

    def held_entries(self, raw, headers, entropy, place):
        bench = self.bench
        bench.machine.take_hold(bench.service, parse_hold(raw, place), list(headers), bench.now, entropy)
        names = [name for name in bench.machine.waiting_names() if name.startswith("held-")]
        return [bench.file("outbox").joinpath(name).read_bytes() for name in names]


def sent(page, hold):
    """The desk sends it; what the machine keeps is logged."""
    said = keep_hold(page.bench.world.vault, hold.note.raw, [Sent(page.bench)])
    page.attendant.look()
    return said


def begun_today(world):
    return begun(world, days=[(world.today, world.today)])


def waiting(world, page):
    hold = begun_today(world)
    sent(page, hold)
    return hold


def test_two_persons_approve_a_hold_by_passkey_and_the_machine_keeps_when_it_is_sent_again(world):
    page = Page.make(world)
    hold = waiting(world, page)
    first, second = page.signed_in(1), page.signed_in(2)
    assert "Calls of 1 number, 1 day" in text_of(first.get("/"))
    shown = text_of(first.get(page.path(hold)))
    assert "asks to keep records of 1 number, for 1 day, until" in shown
    assert "Nobody reads them for it." in shown
    assert "until: " in shown
    assert "An order to keep records." in shown
    assert "No custodian's signature is here." in shown
    assert '<a href="/#holds" aria-current="page">' in first.get(page.path(hold)).text
    assert page.approve(first, hold, 1).headers["location"] == page.path(hold)
    assert "You approved; a second person must agree" in text_of(first.get(page.path(hold)))
    assert hold.commitment not in page.bench.in_force()
    assert page.approve(second, hold, 2).status_code == 303
    assert hold.commitment in page.bench.in_force()
    shown = text_of(second.get(page.path(hold)))
    assert "Nothing is kept yet." in shown
    assert "Signatures that are here: judge." in shown
    sent(page, hold)
    shown = text_of(second.get(page.path(hold)))
    assert "Your machine keeps for this hold" in shown
    assert re.search(r"kept 1 segment, 1 cell, [\d,]+ bytes. Destroyed ", shown)
    assert "judge keeps" in shown
    assert "at most 1 cell" in text_of(second.get("/"))


def test_protected_person_is_kept_once_every_office_approved_it_on_its_page(world):
    hold = begun_today(world)
    pages = {name: Page.make(world, name, people=1, required=1) for name in world.names}
    folder, keys = pages["judge"].bench.machine.folder, pages["judge"].bench.service.keys
    folder.write_protected(folder.protected(keys).with_members([(hold.terms.subjects[0].sid, "journalist")]))
    keepers = distant_keepers(world, *world.names)
    keep_hold(world.vault, hold.note.raw, keepers)
    for name in ("judge", "dpo"):
        client = pages[name].signed_in(1)
        assert pages[name].approve(client, hold, 1).status_code == 303
        shown = text_of(client.get(pages[name].path(hold)))
        assert "Your machine gives the signature to the desk when it asks." in shown
    said = keep_hold(world.vault, hold.note.raw, keepers)
    assert (bool(said["judge"]), said["dpo"]) == (True, ""), "one signature is missing"
    last = pages["regulator"]
    last.attendant.look()
    assert last.approve(last.signed_in(1), hold, 1).status_code == 303
    assert keep_hold(world.vault, hold.note.raw, distant_keepers(world, *world.names)) == dict.fromkeys(world.names, "")


def test_hold_that_one_of_two_persons_approved_is_not_signed_and_a_crash_costs_a_minute(world, monkeypatch):
    page = Page.make(world)
    hold = waiting(world, page)
    requests, keys = page.bench.machine.requests, page.bench.service.keys
    page.approve(page.signed_in(1), hold, 1)
    page.attendant.look()
    assert requests.decided_note(hold.commitment, keys) is None
    with monkeypatch.context() as crash:  # between the agreement and the signature
        crash.setattr(type(page.bench.machine), "keep_approved", lambda *_: 0)
        assert page.approve(page.signed_in(2), hold, 2).status_code == 303
    assert requests.decided_note(hold.commitment, keys) is None
    page.attendant.look()
    signed = requests.decided_note(hold.commitment, keys)
    assert signed.note.is_signed_by(keys.auth.verify_key)
    assert requests.decided(keys) == []
    digits = hold.commitment.hex()[:32]
    assert page.signed_in(1).get(f"/requests/{digits}").status_code == 404, "it is no request"
    release_hold(world.vault, hold.note.raw)
    world.now += dt.timedelta(days=1)
    page.attendant.look()
    assert requests.decided_note(hold.commitment, keys) is None


@pytest.mark.parametrize("is_released", [True, False])
def test_hold_that_was_released_before_a_crash_was_mended_is_not_signed(world, monkeypatch, is_released):
    page = Page.make(world, required=1)
    hold = waiting(world, page)
    with monkeypatch.context() as crash:  # between the agreement and the signature
        crash.setattr(type(page.bench.machine), "keep_approved", lambda *_: 0)
        page.approve(page.signed_in(1), hold, 1)
    if is_released:
        release_hold(world.vault, hold.note.raw)
    page.attendant.look()
    signed = page.bench.machine.requests.decided_note(hold.commitment, page.bench.service.keys)
    assert (signed is None) == is_released


def test_hold_is_taken_back_and_refused_with_a_reason_that_the_log_gets(world):
    page = Page.make(world)
    hold = waiting(world, page)
    client = page.signed_in(1)
    page.approve(client, hold, 1)
    assert page.post(client, hold, "take-back").headers["location"] == page.path(hold)
    assert "Your decision" in text_of(client.get(page.path(hold)))
    assert page.post(client, hold, "refuse").status_code == 400
    assert page.post(client, hold, "refuse", reason="merit").status_code == 303
    shown = text_of(client.get(page.path(hold)))
    assert "Your office refused this hold" in shown
    assert "Your machine keeps nothing for it" in shown
    assert f"refuse-{hold.commitment.hex()}" in page.bench.machine.waiting_names()
    assert page.challenge(client, hold).status_code != 200


def test_attack_agreement_to_a_request_counts_for_no_hold(world):
    page = Page.make(world, required=1)
    hold, request = waiting(world, page), page.bench.request()
    client = page.signed_in(1)
    version = re.search(r'data-version="([0-9a-f]{32})"', client.get(page.path(hold)).text)[1]
    begun_there = page.challenge(client, request)
    answer = page.bench.keys[1].sign(json.dumps(begun_there.json()["publicKey"]))
    fields = {"handle": begun_there.json()["handle"], "answer": answer.decode(), "version": version}
    assert client.post(f"{page.path(hold)}/approve", data=fields).status_code >= 400
    assert page.bench.in_force() == frozenset()
    assert page.approve(client, hold, 1).status_code == 303
    assert page.bench.in_force() == {hold.commitment}


def test_hold_that_was_released_is_approved_by_nobody(world):
    page = Page.make(world, required=1)
    hold = waiting(world, page)
    client = page.signed_in(1)
    version = re.search(r'data-version="([0-9a-f]{32})"', client.get(page.path(hold)).text)[1]
    release_hold(world.vault, hold.note.raw)
    page.attendant.look()
    assert "This hold ended" in text_of(client.get(page.path(hold)))
    assert client.post(f"{page.path(hold)}/challenge", data={"version": version}).status_code == 409
    assert page.challenge(client, hold).status_code != 200
    assert page.path(hold) not in client.get("/").text


def test_extension_is_decided_on_its_own_and_says_when_the_hold_ends_without_it(world):
    page = Page.make(world, required=1)
    hold = waiting(world, page)
    client = page.signed_in(1)
    page.approve(client, hold, 1)
    sent(page, hold)
    other = Bench.opened(world, "dpo")
    other.service.countersign(hold.note.raw, "hold")
    keep_hold(world.vault, hold.note.raw, [Sent(other)])
    world.now += dt.timedelta(days=1)
    more = extended(world, hold, days=80)
    sent(page, more)
    client = page.signed_in(1)
    shown = text_of(client.get(page.path(more)))
    assert "for 1 day, longer: until" in shown
    assert "Else the hold ends" in shown
    assert page.approve(client, more, 1).status_code == 303
    sent(page, more)
    assert "Your machine keeps for this hold" in text_of(client.get(page.path(more)))


@pytest.mark.parametrize("path", ["/holds/" + "0" * 32, "/holds/x", "/holds/" + "A" * 32])
def test_address_of_no_hold_is_not_there(world, path):
    page = Page.make(world)
    assert page.signed_in(1).get(path).status_code == 404
    assert page.visitor().get(path).headers["location"] == "/sign-in"
