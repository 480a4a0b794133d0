"""What the desk's pages share: how they are shown, people are called, and an edit is written."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from fastapi import Response
from fastapi.responses import JSONResponse, RedirectResponse

from coffer.desk.case import Case, CaseId, Edit
from coffer.desk.people import Person, PersonId
from coffer.desk.port import Conflict, Written
from coffer.desk.rights import Action, Allowed, Denied, decide_may
from coffer.errors import CofferError, MalformedInput
from coffer.web.desk.door import Act, DeskDoor, Proven
from coffer.web.desk.office import Office
from coffer.web.desk.saying import ROLES
from coffer.web.desk.visit import POST_KEY_BYTES, Visit, mark_of, write
from coffer.web.ground.app import N_
from coffer.web.ground.door import options_response
from coffer.web.ground.render import NavItem, Pages
from coffer.web.ground.wording import Wording

_NAV: Final = (
    (NavItem(path="/", label=N_("Cases")), Action.COUNT_CASES),
    (NavItem(path="/new", label=N_("New request")), Action.MAKE_CASE),
    (NavItem(path="/letters", label=N_("Letters due")), Action.LIST_CASES),
    (NavItem(path="/closed", label=N_("Closed cases")), Action.LIST_CASES),
    (NavItem(path="/operator", label=N_("What to do now")), Action.OPERATE),
    (NavItem(path="/people", label=N_("People")), Action.SEE_PEOPLE),
    (NavItem(path="/me", label=N_("You")), Action.EDIT_OWN),
)


class ShowCase(Protocol):
    """Shows the page of a case with what was refused on it, or who changed it meanwhile."""

    def __call__(
        self, visit: Visit, *, refused: CofferError | None = None, conflict: Conflict | None = None
    ) -> Response:
        """The page."""
        ...


def _no_case(visit: Visit, *, refused: CofferError | None = None, conflict: Conflict | None = None) -> Response:
    raise AssertionError("the page of a case is there before another asks for it", visit, refused, conflict)


class Frame:
    """The desk's pages have one of these in common."""

    def __init__(self, office: Office, pages: Pages, door: DeskDoor) -> None:
        self.office, self.pages, self.door = office, pages, door
        self.show_case: ShowCase = _no_case

    def called(self, person: Person, words: Wording) -> str:
        """A person with their role."""
        values = {"name": person.name, "role": words.gettext(ROLES[person.role])}
        return words.gettext("%(name)s, %(role)s") % values

    def name_of(self, person: PersonId | None, words: Wording) -> str:
        """A person by their id, for people of this desk."""
        if person is None:
            return words.gettext("nobody")
        member = self.office.store.people().get(person)
        return member.name if member is not None else words.gettext("somebody who is gone")

    def respond(self, visit: Visit, name: str, *, status: int = 200, here: str = "", **values: Any) -> Response:  # noqa: ANN401
        """A page of the desk for a visit. ``here``: the page of the navigation that it belongs to."""
        nav = [item for item, action in _NAV if isinstance(decide_may(visit.person, action), Allowed)]
        path = visit.request.url.path
        return self.pages.respond(
            visit.request,
            f"desk/{name}.html",
            person=self.called(visit.person, visit.words),
            status=status,
            nav=nav,
            here=here or path,
            post=self.office.entropy(POST_KEY_BYTES).hex(),
            **values,
        )

    def deny(self, visit: Visit, denied: Denied) -> Response:
        """What somebody sees who may not, and whom they can ask."""
        _ = visit.words.gettext
        what = N_("This case is assigned to another") if denied.reason == "assigned" else N_("This is not yours to do")
        asked = visit.words.names([_(ROLES[role]) for role in denied.ask])
        advice = _("Ask somebody who is %(roles)s.") % {"roles": asked} if asked else _("Ask the operator.")
        return self.pages.refuse(visit.request, 403, what, advice)

    def may(self, visit: Visit, action: Action) -> bool:
        """Whether the person may do it, to the case of this page where it is about one."""
        return self.may_with(visit, action, visit.case.assigned if visit.case is not None else None)

    @staticmethod
    def may_with(visit: Visit, action: Action, assigned: PersonId | None) -> bool:
        """Whether the person may do it to a case that is assigned so."""
        return isinstance(decide_may(visit.person, action, assigned=assigned), Allowed)

    def write(self, visit: Visit, make: Callable[[Case], Edit]) -> Written:
        """Write what somebody did to the case of their page. Raises ``Conflict``."""
        return write(self.office.store, visit, make)

    @staticmethod
    def verify_current(visit: Visit) -> None:
        """Refuse before anybody is asked for a passkey, if the case is not as their page showed it.

        Raises ``Conflict``.
        """
        if visit.form.text("version") != mark_of(visit.the_case):
            raise Conflict(Edit(case=visit.the_case, events=()), visit.the_case, ())

    def who_changed(self, conflict: Conflict, words: Wording) -> str:
        """Who changed a case last."""
        events = self.office.store.history(conflict.theirs.id)
        return self.name_of(events[-1].by, words) if events and events[-1].by else words.gettext("The desk")

    @staticmethod
    def mark(case: Case) -> str:
        """What a form of this case's page holds, to find that the case changed."""
        return mark_of(case)

    def ask_passkey(self, visit: Visit, act: Act, about: bytes) -> Response:
        """The challenge for one act, as ``passkey.js`` reads it.

        ``about``: the commitment of the request that it is about, or ``door.invited``, or ``door.destroyed``.
        """
        return options_response(self.door.begin_act(visit.person.id, act, about, visit.now))

    def proven(self, visit: Visit, act: Act, about: bytes) -> Proven:
        """What the passkey signed that came with a form. Raises ``Refused``."""
        handle, answer = visit.form.text("handle"), visit.form.text("answer")
        if not handle or not answer:
            raise MalformedInput("passkey: the browser sent no answer", hint="these pages need JavaScript for passkeys")
        return self.door.prove_act(visit.person.id, act, about, handle, answer, visit.now)


def to(path: str) -> Response:
    """What follows a form that did something: the page where it can be seen."""
    return RedirectResponse(path, 303)


def trouble(error: CofferError) -> Response:
    """Why there is no challenge, as ``passkey.js`` reads it."""
    return JSONResponse({"what": error.message, "hint": error.hint or ""}, error.http_status)


def case_path(case: CaseId) -> str:
    """The page of a case."""
    return f"/cases/{case}"
