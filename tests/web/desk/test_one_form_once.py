"""A form is about what its page showed, and is done once: sent twice, sent at the same moment, or beside another."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from coffer.desk.case import Did
from coffer.desk.people import Role
from coffer.desk.port import Post
from coffer.web.desk.prepared import MOST_EACH, PreparedNotes
from desking import FIELDS, MORE, DeskWorld, amend, order_of_three, short_case, signed_case, told


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    made = DeskWorld.make(tmp_path_factory.mktemp("desk"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def clerk(desk):
    return desk.person()


def sent_at_once(clerk, path, form):
    """The answers to one form that is sent twice at the same moment, and a third time later."""
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: clerk.post(path, data=form), range(2)))
    return [answer.status_code for answer in (*answers, clerk.post(path, data=form))]


def typed(desk, case, part):
    """The draft of a part of an order, as its form sends it."""
    draft = desk.store.case(case).draft_of(part)
    days = {"first_1": draft.spans[0].first, "last_1": draft.spans[0].last}
    return FIELDS | days | {"subjects": draft.subjects[0].text, "kinds": list(draft.kinds)}


def add(head, case, **kind):
    form = head.form(f"/cases/{case}") | kind
    files = {"file": ("other.pdf", f"%PDF-1.4 {case} {kind}".encode())}
    assert head.post(f"/cases/{case}/documents", data=form, files=files).status_code == 303


def test_attack_file_of_an_order_that_the_page_did_not_show_is_not_signed(desk, clerk):
    """A note names each file of its order, and the passkey agrees to the note."""
    head = desk.person("D. Head", Role.HEAD)
    for is_asked, kind, expected in ((False, "order", 409), (True, "order", 409), (True, "", 303)):
        case = clerk.new_case()
        path = f"/cases/{case}/request"
        form = clerk.form(path) | FIELDS
        asked = clerk.post(f"{path}/challenge", data=form) if is_asked else None
        add(head, case, **({"kind": kind} if kind else {}))
        asked = asked or clerk.post(f"{path}/challenge", data=form)
        if asked.status_code == 200:
            asked = clerk.post(f"{path}/send", data=form | clerk.answered(asked))
        assert asked.status_code == expected
        assert len(desk.store.case(case).requests) == (expected == 303)
        if expected == 409:
            assert clerk.send(case).status_code == 303, "who looks again may sign"


def test_request_that_is_sent_twice_at_once_is_one(desk, clerk):
    case = clerk.new_case()
    path = f"/cases/{case}/request"
    form = clerk.form(path) | FIELDS
    signed = form | clerk.answered(clerk.post(f"{path}/challenge", data=form))
    assert sent_at_once(clerk, f"{path}/send", signed) == [303] * 3
    assert len(desk.store.case(case).requests) == 1
    assert clerk.send(case).status_code == 303, "another page is another request"
    assert len(desk.store.case(case).requests) == 2


def test_amendment_that_is_sent_twice_is_one(desk, clerk):
    case = short_case(desk, clerk, number="12/2")
    path = f"/cases/{case}/amend"
    form = clerk.form(path) | MORE
    signed = form | clerk.answered(clerk.post(f"{path}/challenge", data=form))
    assert sent_at_once(clerk, f"{path}/send", signed) == [303] * 3
    assert len(desk.store.case(case).requests[0].amendments) == 1
    assert amend(clerk, case, max_records="60").status_code == 303, "another page is another amendment"
    assert len(desk.store.case(case).requests[0].amendments) == 2


def test_opening_that_is_begun_twice_at_once_is_one(desk, clerk):
    case = signed_case(desk, clerk, number="12/3")
    form = clerk.form(f"/cases/{case}")
    signed = form | clerk.answered(clerk.post(f"/cases/{case}/open/challenge", data=form))
    assert sent_at_once(clerk, f"/cases/{case}/open", signed) == [303] * 3
    desk.settle()
    events = [event.did for event in desk.store.history(case)]
    assert (events.count(Did.AGREED), len(desk.store.case(case).requests[0].delivered)) == (1, 1)


def test_attack_person_who_prepares_without_end_loses_their_oldest_and_nobody_elses():
    notes, now = PreparedNotes(), dt.datetime(2016, 9, 5, tzinfo=dt.UTC)
    one, other = ([Post(person=person, key=str(n)) for n in range(MOST_EACH + 1)] for person in ("c", "d"))
    notes.keep(other[0], "case", "theirs", now)
    for post in one[:-1]:
        notes.keep(post, "case", post.key, now)
    assert notes.keep(one[-2], "case", "again", now) == "again", "the same page anew takes no other place"
    notes.keep(one[-1], "case", "newest", now)
    assert [notes.take(post, "case") for post in one] == [None, *(post.key for post in one[1:-2]), "again", "newest"]
    assert notes.take(other[0], "case") == "theirs"
    assert notes.take(one[-1], "case") is None, "each is taken once"


def test_passkey_of_one_page_leaves_what_another_page_prepared(desk, clerk):
    """The second page is then told that the case changed, and keeps its text; it may be signed once looked at."""
    case = clerk.new_case(files={"order": ("form.xml", order_of_three())})
    path = f"/cases/{case}/request"
    forms = [clerk.form(f"{path}?part={part}") | typed(desk, case, part) for part in (1, 2)]
    asked = [clerk.post(f"{path}/challenge", data=form) for form in forms]
    assert [answer.status_code for answer in asked] == [200, 200]
    answers = [
        clerk.post(f"{path}/send", data=form | clerk.answered(one)) for form, one in zip(forms, asked, strict=True)
    ]
    assert [answer.status_code for answer in answers] == [303, 409]
    assert "changed this case while you were writing" in told(answers[1])
    form = clerk.form(f"{path}?part=2") | typed(desk, case, 2)
    assert clerk.agree_from(f"{path}/challenge", f"{path}/send", form).status_code == 303
    assert [request.part for request in desk.store.case(case).requests] == [1, 2]
