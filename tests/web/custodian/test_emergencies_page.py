"""What an emergency opened is ratified on a custodian's page by passkeys; each attack has a twin that succeeds."""

import datetime as dt
import re

import pytest

from clerking import copied
from coffer.authority.authorization import parse_authorization
from coffer.authority.ordered import Urgency
from coffer.custodian.approvals import Ratification
from coffer.errors import Refused
from coffer.ledger.debts import KEPT_FOR, DebtStatus
from coffer.procedures.opening.amend import amend_request
from custodian_page import Page, form_of, options_of, version_of
from elsewhere import Elsewhere
from emergencies import ON_CALL, begin, close, draw
from world import ordered

HOUR = dt.timedelta(hours=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("emergencies"), emergency=ON_CALL)


@pytest.fixture
def world(made, tmp_path):
    return copied(made, tmp_path / "own")


@pytest.fixture
def page(world):
    return Page.make(world)


@pytest.fixture
def alone(world):
    """A custodian of which one person suffices."""
    return Page.make(world, required=1)


def text_of(response):
    """What a reader reads, without tags, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split())


def opened(page, *, records=12, **changes):
    """A request and the index of what was opened under it in an emergency."""
    world = page.bench.world
    note = page.bench.request(ordered=ordered(world.now, urgency=Urgency.EMERGENCY), **changes)
    index = begin(world, parse_authorization(note, "note"))
    if records:
        draw(world, index, records)
        close(world, index, records)
    page.attendant.look()
    return note, index


def is_signed(page, index):
    return f"ratify-{index}" in page.bench.machine.waiting_names()


def at_terminal(page, note):
    """Whether the terminal signs for the request."""
    try:
        return page.bench.service.ratify_entries(note, "note") != []
    except Refused:
        return False


def logged(page):
    """The operator fetches what waits."""
    world, service = page.bench.world, page.bench.service
    with world.vault.writing() as state:
        world.vault.append_counting([service.renewed(raw) for raw in page.bench.machine.waiting()], state)
    page.attendant.look()


def answered(page, client, index, **fields):
    """A challenge for an emergency, answered by the first person's passkey."""
    begun = page.challenge(client, index, **fields)
    assert begun.status_code == 200, begun.text
    return form_of(begun, page.bench.keys[1].sign(options_of(begun)))


def sent(page, client, index, answer):
    path = page.path(index)
    return client.post(f"{path}/approve", data=answer | {"version": version_of(client.get(path).text)})


def test_two_persons_ratify_on_the_page_and_the_log_shows_it(world, page):
    note, index = opened(page)
    first, second = page.signed_in(1), page.signed_in(2)
    home = text_of(first.get("/"))
    assert "Emergencies to ratify" in home
    assert "12 records" in home
    shown = text_of(first.get(page.path(index)))
    assert "By desk, before the ordinary rule had signed." in shown
    assert "12 records" in shown
    assert "To be ratified by" in shown
    assert re.search(r"UTC|Z", shown)
    assert "subject: tel:+33612345678" in shown
    assert page.approve(first, index, 1).headers["location"] == page.path(index)
    assert "You ratified; a second person must agree" in text_of(first.get(page.path(index)))
    assert "Person 1 ratified" in text_of(second.get("/"))
    assert page.approve(second, index, 2).status_code == 303
    assert "Your office ratified this emergency" in text_of(second.get(page.path(index)))
    logged(page)
    assert world.state().debts[index].ratified == ("judge",)
    assert "The log shows it once" in text_of(second.get(page.path(index)))
    other = Page.make(world, "dpo", required=1)
    other.bench.take(note)
    assert other.approve(other.signed_in(1), index, 1).status_code == 303
    logged(other)
    page.attendant.look()
    assert world.state().debts[index].status(world.now) is DebtStatus.RATIFIED
    assert "This emergency is ratified" in text_of(second.get(page.path(index)))
    assert "Emergencies to ratify" not in text_of(second.get("/"))


def test_overdue_is_red_and_ratified_late(world, alone):
    _, index = opened(alone, expires=world.now + 2 * HOUR)
    world.now += 49 * HOUR
    client = alone.signed_in(1)
    home = client.get("/").text
    assert '<span class="chip bad">overdue</span>' in home
    shown = client.get(alone.path(index))
    assert 'class="clock late"' in shown.text
    assert "it counts, and stays late for ever" in text_of(shown)
    assert alone.approve(client, index, 1).status_code == 303
    logged(alone)
    assert world.state().debts[index].ratified == ("judge",)


def test_attack_one_person_ratifies_where_two_must(page):
    note, index = opened(page)
    client = page.signed_in(1)
    assert page.approve(client, index, 1).status_code == 303
    assert sent(page, client, index, {"answer": "{}", "handle": "x"}).status_code == 303, "sent twice, counted once"
    page.attendant.look()
    assert not is_signed(page, index)
    assert not at_terminal(page, note)
    assert page.approve(page.signed_in(2), index, 2).status_code == 303  # the twin
    assert is_signed(page, index)
    assert at_terminal(page, note)


def test_attack_approval_of_the_request_ratifies_nothing(page):
    note, index = opened(page)
    for ordinal in (1, 2):
        page.bench.agree(note, ordinal)
    page.attendant.look()
    assert page.bench.commitment(note) in page.bench.in_force()
    assert not is_signed(page, index)
    assert not at_terminal(page, note)
    for ordinal in (1, 2):  # the twin
        page.approve(page.signed_in(ordinal), index, ordinal)
    assert is_signed(page, index)


def test_attack_ratification_approves_no_request(alone):
    note, index = opened(alone)
    client = alone.signed_in(1)
    answer = answered(alone, client, index)
    path = alone.path(note)
    fields = answer | {"version": version_of(client.get(path).text)}
    assert client.post(f"{path}/approve", data=fields).status_code == 403
    assert sent(alone, client, index, answered(alone, client, index)).status_code == 303  # the twin
    assert alone.bench.in_force() == frozenset()


def test_attack_assertion_for_another_note_or_opening_ratifies_nothing(alone):
    world = alone.bench.world
    note, wanted = opened(alone)
    _, other = opened(alone, purpose="another")
    second = begin(world, parse_authorization(note, "note"), times=2)
    alone.attendant.look()
    client = alone.signed_in(1)
    for index in (other, second):
        assert sent(alone, client, wanted, answered(alone, client, index)).status_code == 403
    assert not is_signed(alone, wanted)
    assert sent(alone, client, wanted, answered(alone, client, wanted)).status_code == 303  # the twin
    assert [is_signed(alone, index) for index in (wanted, other, second)] == [True, False, False]


def test_attack_colleagues_passkey_ratifies_nothing_in_my_session(alone):
    _, index = opened(alone)
    client = alone.signed_in(1)
    assert alone.approve(client, index, 1, key=alone.bench.keys[2]).status_code == 403
    assert not is_signed(alone, index)
    assert alone.approve(client, index, 1).status_code == 303  # the twin
    assert is_signed(alone, index)


def test_attack_more_is_drawn_after_the_page_was_shown(alone):
    world = alone.bench.world
    _, index = opened(alone, records=0)
    client = alone.signed_in(1)
    assert "Nothing was drawn so far." in text_of(client.get(alone.path(index)))
    old = version_of(client.get(alone.path(index)).text)
    answer = answered(alone, client, index)
    draw(world, index, 900)
    alone.attendant.look()
    assert alone.challenge(client, index, version=old).status_code == 409
    stale = client.post(f"{alone.path(index)}/approve", data=answer | {"version": old})
    assert stale.status_code == 409
    assert "Below stands the emergency as it is now" in text_of(stale)
    assert not is_signed(alone, index)
    assert "900 records" in text_of(client.get(alone.path(index)))
    assert alone.approve(client, index, 1).status_code == 303  # the twin
    assert is_signed(alone, index)


def test_attack_assertion_is_sent_twice(page):
    world, client = page.bench.world, page.signed_in(1)
    _, index = opened(page)
    answer = answered(page, client, index)
    assert sent(page, client, index, answer).status_code == 303
    assert page.post(client, index, "take-back").status_code == 303
    assert sent(page, client, index, answer).status_code == 403
    standing = page.bench.clerks.standing(_about(world, index))
    assert standing.agreed_by == ()
    assert sent(page, client, index, answered(page, client, index)).status_code == 303  # the twin


def _about(world, index):
    return Ratification(commitment=world.state().debts[index].authorization, intent=index)


def test_attack_ratified_twice_or_taken_back_afterwards(alone):
    _, index = opened(alone)
    client = alone.signed_in(1)
    assert alone.approve(client, index, 1).status_code == 303
    assert alone.post(client, index, "take-back").status_code == 403
    logged(alone)
    assert alone.challenge(client, index).status_code == 403
    assert alone.bench.world.state().debts[index].ratified == ("judge",)


def test_request_that_lapsed_is_ratified_until_a_week_after_it_is_overdue(world, alone):
    note, index = opened(alone, expires=world.now + 2 * HOUR)
    world.now += 3 * HOUR
    alone.attendant.look()
    client = alone.signed_in(1)
    assert alone.challenge(client, note).status_code == 403, "nobody approves it any more"
    assert alone.challenge(client, index).status_code == 200  # the twin
    world.now += 45 * HOUR + KEPT_FOR + HOUR
    alone.attendant.look()
    client = alone.signed_in(1)
    assert client.get(alone.path(index)).status_code == 404
    assert client.post(f"{alone.path(index)}/challenge", data={"version": "0" * 32}).status_code == 404
    assert "ask the desk to send it again" in text_of(client.get("/"))


def test_office_that_refused_looks_again_and_ratifies(page):
    note, index = opened(page)
    client = page.signed_in(1)
    assert page.post(client, index, "refuse").status_code == 400
    assert page.post(client, index, "refuse", reason="merit").status_code == 303
    assert f"refuse-{page.bench.commitment(note).hex()}" in page.bench.machine.waiting_names()
    shown = text_of(client.get(page.path(index)))
    assert "It refused the request. The log shows that for ever, also if you ratify now." in shown
    assert "Or refuse, because" not in shown
    assert page.challenge(client, note).status_code == 403, "a refused request is approved by nobody"
    for ordinal in (1, 2):  # the twin
        assert page.approve(page.signed_in(ordinal), index, ordinal).status_code == 303
    assert is_signed(page, index)


def test_attack_agreement_that_is_older_than_a_refusal_counts_with_no_later_one(world):
    page = Page.make(world, people=3)
    note, index = opened(page)
    first, second, third = (page.signed_in(ordinal) for ordinal in (1, 2, 3))
    page.approve(first, index, 1)
    assert "What was agreed here so far ends with it." in text_of(first.get(page.path(index)))
    assert page.post(third, index, "refuse", reason="merit").status_code == 303
    assert page.approve(second, index, 2).status_code == 303
    page.attendant.look()
    assert not is_signed(page, index)
    assert not at_terminal(page, note)
    assert page.approve(first, index, 1).status_code == 303  # the twin: both looked again
    assert is_signed(page, index)


def test_what_two_ratified_before_a_refusal_stays_ratified(page):
    _, index = opened(page)
    for ordinal in (1, 2):
        page.approve(page.signed_in(ordinal), index, ordinal)
    page.bench.clerks.refuse(_about(page.bench.world, index).commitment, 1, "merit", page.bench.now)
    assert page.bench.clerks.standing(_about(page.bench.world, index)).is_approved


@pytest.mark.parametrize("is_looking", [True, False])
def test_attack_agreement_that_is_older_than_the_draw_counts_with_no_later_one(world, page, is_looking):
    note, index = opened(page, records=0)
    first, second = page.signed_in(1), page.signed_in(2)
    page.approve(first, index, 1)
    world.now += dt.timedelta(seconds=1)
    draw(world, index, 900)
    if is_looking:  # else the second's own challenge reads the log
        page.attendant.look()
        assert "Your decision" in text_of(first.get(page.path(index))), "the first is asked again"
        assert page.approve(second, index, 2).status_code == 303
    else:
        page.bench.ratify(index, 2)
    assert page.bench.clerks.standing(_about(world, index)).agreed_by == (2,)
    assert not is_signed(page, index)
    assert not at_terminal(page, note)
    close(world, index, 900)  # no draw: what the second read stands
    page.attendant.look()
    assert page.approve(first, index, 1).status_code == 303  # the twin
    assert is_signed(page, index)


def test_attack_amendment_that_the_log_names_for_an_emergency_is_ratified_by_nobody(world, alone):
    note, index = opened(alone)
    asked = {"max_records": 100_000, "authority": "Court", "basis": "more", "files": ()}
    amendment = amend_request(world.vault, note, **asked)
    alone.bench.take(amendment.note.raw)
    named = begin(world, amendment)
    alone.attendant.look()
    client = alone.signed_in(1)
    assert client.get(alone.path(named)).status_code == 404
    home = client.get("/")
    assert f'href="{alone.path(named)}"' not in home.text
    assert "The log names an amendment, and nobody ratifies one" in text_of(home)
    for act in (
        lambda: alone.bench.ratify(named, 1),
        lambda: alone.bench.service.ratify_entries(amendment.note.raw, "note"),
    ):
        with pytest.raises(Refused, match="an amendment, and no emergency rule raises a limit"):
            act()
    alone.attendant.look()
    assert not is_signed(alone, named)
    assert alone.approve(client, index, 1).status_code == 303  # the twin
    assert is_signed(alone, index)


def test_crash_between_the_agreement_and_the_entry_costs_a_minute(alone, monkeypatch):
    _, index = opened(alone)
    client = alone.signed_in(1)
    with monkeypatch.context() as crash:
        crash.setattr(type(alone.bench.machine), "keep_ratified", lambda *_: 0)
        assert alone.approve(client, index, 1).status_code == 303
    assert not is_signed(alone, index)
    alone.attendant.look()
    assert is_signed(alone, index)


def test_without_people_the_page_names_the_command(world):
    page = Page.make(world, people=1, required=0)
    note, index = opened(page)
    shown = text_of(page.signed_in(1).get(page.path(index)))
    digits = page.bench.commitment(note).hex()[:32]
    assert f"coffer custodian ratify DIR {digits}" in shown
    assert at_terminal(page, note)


def test_address_of_no_emergency_is_not_there(page):
    client = page.signed_in(1)
    for digits in ("0", "x", "00", "-1", "9" * 30, "\u0663"):
        assert client.get(f"/emergencies/{digits}").status_code == 404
    assert page.visitor().get("/emergencies/1").headers["location"] == "/sign-in"
