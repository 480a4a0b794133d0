"""A custodian's page: from the invitation to the countersigned request, and what each page says."""

import datetime as dt
import re

import pytest

from authenticator import Authenticator
from clerking import Bench, copied
from coffer.authority.authorization import parse_authorization
from coffer.custody.check_words import check_words
from coffer.errors import Unavailable
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
    assert "refused Scope: it asks more than is needed" in text_of(client.get("/"))


def test_changes_against_the_last_request_of_the_case_are_told_in_words(world):
    page = Page.make(world)
    before = page.bench.request(basis="case 7", max_records=5_000)
    page.bench.clerks.refuse(page.bench.commitment(before), 2, "scope", world.now)
    after = page.bench.request(basis="case 7", max_records=50)
    shown = page.signed_in(1).get(page.path(after))
    said = text_of(shown)
    assert "Changed since request 1 of this case, which you refused" in said
    assert "At most 5,000 records; the opening stops there 50 records; the opening stops there" in said
    assert "The reason then: Scope: it asks more than is needed." in said
    assert shown.text.count('class="changed"') == 1
    assert "First request of its case" in text_of(page.signed_in(1).get(page.path(before)))


def test_check_words_are_those_that_the_desk_is_told(world):
    page = Page.make(world)
    note = page.bench.request()
    commitment = page.bench.commitment(note)
    marks = page.bench.machine.requests.marks(commitment, page.bench.service.keys)
    expected = check_words(parse_authorization(note, "note"), "judge", marks.nonce)
    shown = page.signed_in(1).get(page.path(note)).text
    assert (
        tuple(re.findall(r"<li>([a-z]+)</li>", shown.partition('class="words"')[2].partition("</ol>")[0])) == expected
    )


def test_who_read_a_request_is_noted_and_shown_to_the_others(world):
    page = Page.make(world)
    note = page.bench.request()
    commitment, keys = page.bench.commitment(note), page.bench.service.keys
    first, second = page.signed_in(1), page.signed_in(2)
    assert page.bench.machine.requests.marks(commitment, keys).seen is None
    first.get("/")
    assert page.bench.machine.requests.marks(commitment, keys).seen == world.now
    assert page.bench.machine.requests.marks(commitment, keys).readers == ()
    first.get(page.path(note))
    assert [number for number, _ in page.bench.machine.requests.marks(commitment, keys).readers] == [1]
    assert "opened by Person 1" in text_of(second.get("/"))
    assert "you opened it" in text_of(first.get("/"))


def test_protected_person_is_named_by_line_and_what_that_means(world):
    page = Page.make(world)
    note = page.bench.request(subjects=["tel:+33612345678", "tel:+33698765432"])
    client = page.signed_in(1)
    assert "no match 0 entries compared" in text_of(client.get(page.path(note)))
    folder, keys = page.bench.machine.folder, page.bench.service.keys
    sid = parse_authorization(note, "note").terms.subjects[1].sid
    folder.write_protected(folder.protected(keys).with_members([(sid, "journalist")]))
    said = text_of(client.get(page.path(note)))
    assert "match On your list, subject: 2." in said
    assert "only if every custodian of the rule has signed" in said
    assert "journalist" not in said
    assert "on your protected list" in text_of(client.get("/"))


def test_authority_that_was_not_called_back_is_marked_in_the_list_and_on_the_request(world):
    page = Page.make(world)
    note = page.bench.request()
    client = page.signed_in(1)
    assert "The authority has not been called back here." in text_of(client.get("/"))
    assert "There is no list of authorities here. Call it back" in text_of(client.get(page.path(note)))
    terms = parse_authorization(note, "note").terms
    folder, keys = page.bench.machine.folder, page.bench.service.keys
    text = f"""format = "coffer.authorities/v1"
[[authority]]
name = "{terms.authority}"
kind = "{terms.ordered.issuer}"
country = "FR"
channel = "letter"
call_back = "tel:+33123456789"
verified_by = "C. Lerk"
verified_on = 2016-08-01
"""
    folder.write_authorities(text.encode(), keys)
    assert "called back" not in text_of(client.get("/"))
    assert "On the list here: called back by C. Lerk on 1 August 2016." in text_of(client.get(page.path(note)))


def test_person_goes_away_with_a_warning_when_too_few_are_left(world):
    page = Page.make(world)
    client = page.signed_in(1)
    first, last = world.now.date(), world.now.date() + dt.timedelta(days=3)
    fields = {"since": first.isoformat(), "until": last.isoformat(), "stand-in": "2"}
    warned = client.post("/people/away", data=fields)
    assert "1 person would be left, and judge needs 2" in text_of(warned)
    assert page.bench.clerks.people().person(1).away is None
    assert client.post("/people/away", data=fields | {"anyway": "yes"}).headers["location"] == "/people"
    away = page.bench.clerks.people().person(1).away
    assert (away.stand_in, away.until.date()) == (2, last + dt.timedelta(days=1))
    said = text_of(client.get("/"))
    assert "1 person is here, and judge needs 2" in said
    assert "Person 2 stands in" in said
    assert client.post("/people/here").headers["location"] == "/people"
    assert page.bench.clerks.people().person(1).away is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"since": "", "until": "2026-01-01"}, "Choose a day."),
        ({"since": "2999-01-02", "until": "2999-01-01"}, "The last day is before the first."),
        ({"since": "2001-01-01", "until": "2001-01-02"}, "These days are over."),
        ({"since": "2999-01-01", "until": "2999-01-02"}, "more than a year away"),
        ({"since": "9999-12-31", "until": "9999-12-31"}, "Choose a day."),
        ({"since": "TODAY", "until": "TODAY", "stand-in": "1"}, "This person cannot stand in."),
        ({"since": "TODAY", "until": "TODAY", "stand-in": "77"}, "This person cannot stand in."),
    ],
)
def test_form_of_an_absence_says_what_is_wrong_and_keeps_what_was_typed(world, fields, said):
    page = Page.make(world, people=3)
    client = page.signed_in(1)
    typed = {name: world.today if value == "TODAY" else value for name, value in fields.items()}
    answer = client.post("/people/away", data=typed)
    assert answer.status_code == 400
    assert said in text_of(answer)
    assert f'value="{typed["until"]}"' in answer.text
    assert page.bench.clerks.people().person(1).away is None


def test_home_says_which_keys_die_and_how_the_machine_is(world):
    page = Page.make(world)
    said = text_of(page.signed_in(1).get("/"))
    assert "1 key alive" in said
    assert "dies on" in said
    assert "in step" in said
    assert "1 owed" in said
    frozen = page.bench.machine.folder
    frozen.memory.freeze(b"one", b"another")
    assert "Your machine saw two histories of the log and answers nothing" in text_of(page.signed_in(1).get("/"))


def test_page_says_that_the_log_is_read_before_it_says_anything_else(world):
    bench = Bench.make(world)
    page = Page.of(world, bench, is_started=False)
    client = page.signed_in(1)
    said = text_of(client.get("/"))
    assert "The machine of judge reads the log" in said
    page.attendant.look()
    assert "No request waits for judge" in text_of(client.get("/"))


def test_expired_and_revoked_requests_offer_no_decision(world):
    page = Page.make(world)
    note = page.bench.request()
    client = page.signed_in(1)
    assert "Approve with passkey" in client.get(page.path(note)).text
    world.outside.now += dt.timedelta(days=8)
    said = page.signed_in(1).get(page.path(note)).text
    assert "This request expired: nothing is left to decide" in said
    assert "Approve with passkey" not in said
    assert 'name="reason"' not in said


def test_terminal_custodian_has_a_page_that_says_how_it_approves(world):
    page = Page.make(world, people=1, required=0)
    note = page.bench.request()
    said = page.signed_in(1).get(page.path(note)).text
    assert "coffer custodian approve DIR" in said
    assert "Approve with passkey" not in said


@pytest.mark.parametrize("language", ["en", "fr", "de"])
def test_every_page_speaks_one_language(world, language):
    page = Page.make(world, people=3)
    note = page.bench.request()
    client = page.signed_in(1, language=language)
    for path in ("/", page.path(note), "/people", "/passkeys", "/sign-in"):
        shown = client.get(path)
        assert f'<html lang="{language}">' in shown.text
        if language != "en":
            english = {
                "Requests",
                "Check words",
                "Refuse",
                "Sign out",
                "Who is here",
                "Save",
                "How long it is in force",
            }
            words = {part.strip() for part in re.sub(r"<[^>]+>", "\n", shown.text).splitlines()}
            assert english & words == set()


def test_refusal_that_could_not_reach_the_log_is_asked_for_again(world, monkeypatch):
    page = Page.make(world)
    note, client = page.bench.request(), page.signed_in(1)

    def unreachable():
        raise Unavailable("log: not reachable")

    with monkeypatch.context() as patched:
        patched.setattr(page.bench.service._following, "catch_up", unreachable)
        assert page.post(client, note, "refuse", reason="time").status_code == 503
    assert page.bench.clerks.standing(page.bench.commitment(note)).is_refused
    said = text_of(client.get(page.path(note)))
    assert "Your office refused this request, and the log does not know yet" in said
    assert page.post(client, note, "refuse", reason="time").status_code == 303
    assert page.bench.machine.waiting_names() == (f"refuse-{page.bench.commitment(note).hex()}",)


def test_approval_that_a_crash_left_unsigned_is_signed_at_the_next_look(world, monkeypatch):
    page = Page.make(world, people=1, required=1)
    note, client = page.bench.request(), page.signed_in(1)
    commitment = page.bench.commitment(note)
    with monkeypatch.context() as patched:
        patched.setattr(page.bench.clerks._machine, "keep_approved", lambda *_: 0)
        assert page.approve(client, note, 1).status_code == 303
    requests, keys = page.bench.machine.requests, page.bench.service.keys
    assert requests.decided_note(commitment, keys) is None
    page.attendant.look()
    assert requests.decided_note(commitment, keys).note.is_signed_by(keys.auth.verify_key)
