"""Every route with every role: the table of rights decides, and a page that nobody listed does not exist."""

import pytest

from coffer.desk.people import Role
from coffer.desk.rights import RIGHTS, Scope
from coffer.web.desk.routes import ROUTES
from desking import DeskWorld, signed_case, told

STRANGER = "0" * 32


@pytest.fixture(scope="module")
def staffed(tmp_path_factory):
    """A desk with one person of each role, and a case of the clerk."""
    desk = DeskWorld.make(tmp_path_factory.mktemp("desk"))
    clerk = desk.person()
    people = {role: desk.person(f"Somebody who is {role.value}", role) for role in Role}
    people[Role.CLERK] = clerk
    case = signed_case(desk, clerk)
    document = desk.store.case(case).documents[0].id
    yield desk, people, case, document
    desk.close()


def path_of(route, case, document):
    return route.path.format(case=case, document=document, person=STRANGER)


def expected(role, route):
    """Whether the pages let this role in; the case is the clerk's own."""
    scope = RIGHTS[role].get(route.action)
    return scope is Scope.ALL or (scope is Scope.OWN and role is Role.CLERK)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_role_reaches_exactly_the_pages_of_its_rights(staffed, role, route):
    _desk, people, case, document = staffed
    path = path_of(route, case, document)
    # An empty form: who may come in is told what is missing, and nothing is done.
    response = people[role].ask(route.method, path, **({"data": {"x": "y"}} if route.method == "POST" else {}))
    is_denied = response.status_code == 403 and "This is not yours to do" in told(response)
    assert is_denied is not expected(role, route), (response.status_code, told(response)[:300])


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_nobody_comes_in_without_a_session(staffed, route):
    desk, _people, case, document = staffed
    from desking import Someone

    stranger = Someone(desk, desk.app)
    form = {"data": {"x": "y"}} if route.method == "POST" else {}
    response = stranger.ask(route.method, path_of(route, case, document), **form)
    assert response.status_code == 303
    assert response.headers["location"] == "/sign-in"


def routes_within(app):
    """Every method and path, those of routers that the application includes too."""
    for route in app.routes:
        yield from ((method, route.path) for method in getattr(route, "methods", None) or ())
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from routes_within(inner)


def test_the_table_holds_every_route_of_the_site(staffed):
    """FastAPI knows no other route with a case than those of the table."""
    desk, *_ = staffed
    known = {(route.method, route.path) for route in ROUTES}
    others = set(routes_within(desk.app._app)) - known
    assert {path for _, path in others} == {
        "/assets/{digest}/{name:path}",
        "/sign-in",
        "/sign-in/challenge",
        "/invitation",
        "/invitation/challenge",
        "/passkeys",
        "/passkeys/challenge",
        "/sign-out",
    }


def test_another_clerk_reads_a_case_and_changes_nothing_of_it(staffed):
    desk, _people, case, document = staffed
    other = desk.person("G. Other")
    assert other.get(f"/cases/{case}").status_code == 200
    for path in (f"/cases/{case}/request", f"/cases/{case}/documents/{document}"):
        response = other.get(path)
        assert response.status_code == 403
        assert "assigned to another" in told(response)
    before = desk.store.case(case)
    for act in ("withdraw", "note", "due", "open", "request/send"):
        assert other.post(f"/cases/{case}/{act}", data={"x": "y"}).status_code == 403
    assert desk.store.case(case) == before


def test_a_case_that_is_none_looks_like_one_to_who_may_read_no_case(staffed):
    _desk, people, case, _document = staffed
    pages = [told(people[Role.OPERATOR].get(f"/cases/{one}")) for one in (case, STRANGER)]
    assert pages[0] == pages[1]


def test_a_person_who_is_revoked_is_out_at_once(staffed):
    desk, people, _case, _document = staffed
    leaver = desk.person("H. Leaver")
    assert leaver.get("/").status_code == 200
    person = next(one for one in desk.store.people().values() if one.name == "H. Leaver")
    operator = people[Role.OPERATOR]
    form = operator.form("/people")
    assert operator.post(f"/people/{person.id}/revoke", data=form).status_code == 303
    assert leaver.get("/").status_code == 303
    assert leaver.sign_in().status_code == 403


def test_an_auditor_reads_who_did_what_and_no_text_that_names_anybody(staffed):
    desk, people, case, _document = staffed
    page = people[Role.AUDITOR].get(f"/cases/{case}/history")
    assert page.status_code == 200
    assert "sent request 1" in told(page)
    for text in ("12/0417", "Court of Appeal", "33612345678", "copy.note", "A. Example"):
        assert text not in page.text
    assert desk.store.history(case)
