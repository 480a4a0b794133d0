"""Two people, two processes, one case: nothing is lost and nothing is done twice."""

import threading

from coffer.desk.case import Did
from coffer.errors import Unavailable
from coffer.procedures.opening.run import Stage
from desking import FIELDS, signed_case, told


def did(desk, case):
    return [event.did for event in desk.store.history(case)]


def test_a_form_that_is_sent_twice_is_done_once(desk):
    clerk = desk.person()
    case = clerk.new_case()
    form = clerk.form(f"/cases/{case}") | {"note": "called the court back"}
    for _ in range(2):
        assert clerk.post(f"/cases/{case}/note", data=form).status_code == 303
    assert did(desk, case).count(Did.NOTED) == 1


def test_a_new_case_that_is_sent_twice_is_one_case(desk):
    clerk = desk.person()
    form = clerk.form("/new") | {"number": "12/1", "authority": "Court", "class": "ordinary"}
    places = {clerk.post("/new", data=form, files={"order": ("", b"")}).headers["location"] for _ in range(2)}
    assert len(places) == 1
    assert len(desk.store.open_cases()) == 1


def test_a_form_without_the_key_of_its_page_does_nothing(desk):
    clerk = desk.person()
    form = {"number": "12/1", "authority": "Court", "class": "ordinary"}
    assert clerk.post("/new", data=form, files={"order": ("", b"")}).status_code == 400
    assert desk.store.open_cases() == []


def test_sending_twice_makes_one_request(desk):
    clerk = desk.person()
    case = clerk.new_case()
    path = f"/cases/{case}/request"
    form = clerk.form(path) | FIELDS
    asked = clerk.post(f"{path}/challenge", data=form).json()
    import json

    signed = form | {"handle": asked["handle"], "answer": clerk.key.sign(json.dumps(asked["publicKey"])).decode()}
    assert [clerk.post(f"{path}/send", data=signed).status_code for _ in range(2)] == [303, 303]
    assert len(desk.store.case(case).requests) == 1


def test_two_clerks_write_one_draft_and_the_second_sees_both_texts(desk):
    first = desk.person()
    case = first.new_case()
    path = f"/cases/{case}/request"
    _office, app = desk.start()
    from coffer.desk.people import Role

    second = desk.person("D. Head", Role.HEAD, app=app)
    forms = [first.form(path), second.form(path)]
    saved = first.post(path, data=forms[0] | FIELDS | {"purpose": "Theft", "do": "save"})
    assert saved.status_code == 303
    page = second.post(path, data=forms[1] | FIELDS | {"purpose": "Fraud", "do": "save"})
    assert page.status_code == 409
    assert "C. Clerk changed this case while you were writing" in told(page)
    assert "Theft" in page.text
    assert 'value="Fraud"' in page.text
    assert desk.store.case(case).draft.purpose == "Theft"
    again = second.form(path) if False else {**forms[1], **_hidden(page)}
    assert second.post(path, data=again | FIELDS | {"purpose": "Fraud", "do": "save"}).status_code == 303
    assert desk.store.case(case).draft.purpose == "Fraud"


def _hidden(page):
    from desking import hidden

    return hidden(page.text)


def test_what_others_add_meanwhile_is_no_conflict(desk):
    clerk = desk.person()
    case = clerk.new_case()
    path = f"/cases/{case}/request"
    form = clerk.form(path)
    other = clerk.form(f"/cases/{case}") | {"note": "seen"}
    assert clerk.post(f"/cases/{case}/note", data=other).status_code == 303
    assert clerk.post(path, data=form | FIELDS | {"do": "save"}).status_code == 303
    assert desk.store.case(case).draft is not None
    assert Did.NOTED in did(desk, case)


def test_notes_of_many_at_once_are_all_kept(desk):
    clerk = desk.person()
    case = clerk.new_case()
    forms = [clerk.form(f"/cases/{case}") | {"note": f"note {n}"} for n in range(6)]
    _office, app = desk.start()
    outcomes = []

    def write(n):
        from asking import Client

        client = Client(app if n % 2 else desk.app, desk.origin, headers=clerk._headers)
        client.cookies = clerk.cookies
        outcomes.append(client.post(f"/cases/{case}/note", data=forms[n]).status_code)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [303] * 6
    notes = [event.texts["note"] for event in desk.store.history(case) if event.did is Did.NOTED]
    assert sorted(notes) == [f"note {n}" for n in range(6)]


def test_an_opening_that_a_restart_cut_short_is_taken_up_by_the_next_process_and_runs_once(desk):
    clerk = desk.person()
    case = signed_case(desk, clerk)
    openings = desk.office.openings
    real = openings._change

    def stop_after_draw(which, change):
        real(which, change)
        if openings._progress[which].reached and openings._progress[which].reached[-1][0] is Stage.DRAW:
            raise Unavailable("stopped by the test")

    openings._change = stop_after_draw
    assert clerk.open(case).status_code == 303
    openings._pool.shutdown(wait=True)
    openings._change = real
    assert desk.store.case(case).requests[0].delivered == ()
    office, app = desk.start()
    assert office.openings.resume() == 1
    desk.settle(office)
    delivered = desk.store.case(case).requests[0].delivered
    assert len(delivered) == 1
    openings = [one for one in office.state().openings.values() if one.close is not None]
    assert [one.index for one in openings] == [delivered[0].intent]
    assert office.openings.resume() == 0
    clerk._app = app
    assert "request 1 is answered" in told(clerk.get(f"/cases/{case}"))


def test_two_processes_that_open_at_once_open_once(desk):
    clerk = desk.person()
    case = signed_case(desk, clerk)
    office, _app = desk.start()
    person = desk.store.history(case)[0].by
    for one in (desk.office, office):
        one.openings.run(desk.store.case(case), 1, person)
    desk.settle(desk.office)
    desk.settle(office)
    assert len(desk.store.case(case).requests[0].delivered) == 1
    assert len(office.state().openings) == 1
