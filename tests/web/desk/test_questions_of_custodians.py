"""A case's page: what custodians asked, the one explanation, and who refused the same subject before."""

import os

from coffer.authority.authorization import parse_authorization
from coffer.custody.again import Again, AgainWord
from coffer.custody.questions import ask_question
from coffer.desk.case import Did
from coffer.desk.people import Role
from coffer.notify.message import News
from coffer.procedures.opening.kept import read_kept
from desking import FIELDS, told
from world import PASSPHRASE


def at_judge(desk, case):
    """The newest request of a case, as it lies at judge, whose keys are in the vault's folder."""
    folder = desk.world.vault.custodian("judge")
    authorization = parse_authorization(desk.store.case(case).requests[-1].note, "request")
    keys = folder.unlock(PASSPHRASE)
    folder.requests.take(authorization.note, keys, desk.world.now, os.urandom)
    return folder, authorization, keys


def ask(desk, case, text="Why three days?"):
    folder, authorization, keys = at_judge(desk, case)
    question = ask_question(authorization.commitment, text, custodian="judge", key=keys.auth, now=desk.world.now)
    folder.requests.ask(question, keys)
    next(one for one in desk.custodians if one.name == "judge").sync()
    desk.office.hearing.ask()
    return authorization


def test_question_is_shown_and_explained_once(desk):
    clerk = desk.person()
    case = clerk.new_case()
    clerk.send(case)
    assert "Questions of custodians" not in told(clerk.get(f"/cases/{case}"))
    authorization = ask(desk, case)
    shown = told(clerk.get(f"/cases/{case}"))
    assert "judge asked Why three days?" in shown
    assert "Neither changes what is enforced" in shown
    assert "judge asks" in told(clerk.get("/"))
    assert "1 needs you now." in told(clerk.get("/"))
    path, form = f"/cases/{case}/explain", clerk.form(f"/cases/{case}")
    said = {"custodian": "judge", "explanation-judge": "The trip took three."}
    for _ in range(2):  # a form that is sent twice explains once
        assert clerk.post(path, data=form | said).status_code == 303
    assert "Explained: The trip took three." in told(clerk.get(f"/cases/{case}"))
    assert "judge asks" not in told(clerk.get("/"))
    other = clerk.post(path, data=form | said | {"explanation-judge": "Something else."})
    assert other.status_code == 403
    assert "something else was explained before" in told(other)
    kept = read_kept(desk.world.vault, authorization.commitment, desk.office.state())
    assert [one.text for one in kept.explanations] == ["The trip took three."]
    events = [event for event in desk.store.history(case) if event.did is Did.EXPLAINED]
    assert [event.values for event in events] == [{"request": 1, "custodian": "judge"}]
    assert [event.without_texts().texts for event in events] == [{}], "an auditor reads no text"


def test_nobody_explains_what_was_not_asked_or_without_the_right(desk):
    clerk, auditor = desk.person(), desk.person("A. Auditor", Role.AUDITOR)
    case = clerk.new_case()
    clerk.send(case)
    path, said = f"/cases/{case}/explain", {"custodian": "judge", "explanation-judge": "So it is."}
    assert "no such custodian asked anything" in told(clerk.post(path, data=clerk.form(f"/cases/{case}") | said))
    ask(desk, case)
    assert auditor.post(path, data=said).status_code == 403
    for text in ("", "x" * 501):
        wrong = clerk.post(path, data=clerk.form(f"/cases/{case}") | said | {"explanation-judge": text})
        assert wrong.status_code == 400


def test_who_refused_the_same_subject_before_is_shown_at_the_next_request(desk):
    clerk = desk.person()
    first = clerk.new_case()
    clerk.send(first)
    folder, authorization, keys = at_judge(desk, first)
    service = next(one for one in desk.custodians if one.name == "judge")
    service.refusal_entry(authorization.note.raw, "scope", "request")
    again = Again(word=AgainWord.NARROWER)
    folder.requests.keep_refused(authorization, "scope", keys, desk.world.now, os.urandom, again=again)
    desk.office.hearing.ask()
    assert "The desk may ask again for less." in told(clerk.get(f"/cases/{first}"))
    second = clerk.new_case(number="12/0418")
    typed = clerk.form(f"/cases/{second}/request") | FIELDS | {"do": "check"}
    said = "judge refused a request of 5 September 2016 about the same subject. The desk may ask again for less."
    assert said in told(clerk.post(f"/cases/{second}/request", data=typed)), "before it is sent"
    clerk.send(second)
    shown = told(clerk.get(f"/cases/{second}"))
    assert said in shown
    third = clerk.new_case(number="12/0419")
    clerk.send(third, subjects="06 98 76 54 32")
    assert "Refused before" not in told(clerk.get(f"/cases/{third}"))


def test_destroyed_case_leaves_no_copy_of_its_requests(desk):
    head = desk.person("H. Head", Role.HEAD)
    case = head.new_case()
    head.send(case)
    copies = list((desk.world.vault.path / "desk").glob("*.request"))
    assert len(copies) == 1
    head.post(f"/cases/{case}/close", data=head.form(f"/cases/{case}"))
    assert head.agree(f"/cases/{case}/shred", head.form(f"/cases/{case}") | {"sure": "yes"}).status_code == 303
    assert not copies[0].exists()


def test_who_has_the_case_is_told_once_that_a_question_waits(desk):
    clerk = desk.person()
    case = clerk.new_case()
    clerk.send(case)
    office, now = desk.office, desk.world.now
    told = []
    desk.store.tell = lambda told_now, due, at: told.extend(one.news for one in told_now) or 0
    office.flow.remind(office.state(), now)
    assert News.QUESTION not in told
    ask(desk, case)
    office.flow.remind(office.state(), now)
    assert told.count(News.QUESTION) == 1
    form = clerk.form(f"/cases/{case}")
    clerk.post(f"/cases/{case}/explain", data=form | {"custodian": "judge", "explanation-judge": "So it is."})
    office.flow.remind(office.state(), now)
    assert told.count(News.QUESTION) == 1, "it was explained"
