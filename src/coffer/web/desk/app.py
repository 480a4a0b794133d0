"""The desk's site: sign-in, the table of routes, and what every page of a signed-in person has in common."""

import datetime as dt
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from coffer.desk.case import CaseId
from coffer.desk.people import Person
from coffer.desk.rights import Action, Allowed, Denied, decide_may
from coffer.errors import CofferError, MalformedInput, Refused
from coffer.passkeys.passkey import RelyingParty
from coffer.web.desk.acting import ActingPages
from coffer.web.desk.door import DeskDoor
from coffer.web.desk.office import Office
from coffer.web.desk.routes import ROUTES, Route
from coffer.web.desk.saying import ROLES
from coffer.web.desk.visit import POST_KEY_BYTES, Visit
from coffer.web.ground.app import N_, make_site_app
from coffer.web.ground.door import Entrance, SignInNeeded
from coffer.web.ground.forms import Form, read_form
from coffer.web.ground.gate import Gate, Pace
from coffer.web.ground.render import NavItem, Pages
from coffer.web.ground.site import Site

ROOM: Final = "desk"
MAX_ORDER_BYTES: Final = 20 * 2**20
"""20 MiB. A scanned order of a hundred pages; a longer one is made smaller by whoever scans."""
_MARGIN: Final = 64 * 2**10
_NAV: Final = (
    (NavItem(path="/", label=N_("Cases")), Action.COUNT_CASES),
    (NavItem(path="/new", label=N_("New request")), Action.MAKE_CASE),
    (NavItem(path="/letters", label=N_("Letters due")), Action.LIST_CASES),
    (NavItem(path="/closed", label=N_("Closed cases")), Action.LIST_CASES),
    (NavItem(path="/people", label=N_("People")), Action.SEE_PEOPLE),
    (NavItem(path="/me", label=N_("You")), Action.EDIT_OWN),
)


def desk_app(office: Office, site: Site, *, party: RelyingParty, pace: Pace | None = None) -> ASGIApp:
    """The whole site behind its gate. ``party``: what the passkeys of the desk's people belong to."""
    pages = Pages(site, [ROOM], nav=(), foot=office.foot)
    app = make_site_app(pages, "Coffer desk")
    door = DeskDoor(office.store, party, office.entropy)
    entrance = Entrance(pages, door, office.store, office.clock)
    app.include_router(entrance.router())
    app.add_exception_handler(SignInNeeded, entrance.lead_to_door)
    _Desk(office, pages, entrance, door).add_to(app)
    larger = {"/new": MAX_ORDER_BYTES + _MARGIN, "/cases/*/documents": MAX_ORDER_BYTES + _MARGIN}
    return Gate(app, site, larger=larger, pace=pace)


class _Desk(ActingPages):
    """The pages, each of which is called with a visit that its right allows."""

    def add_to(self, app: FastAPI) -> None:
        """Add every route of the table."""
        for route in ROUTES:
            app.add_api_route(route.path, self._handler(route), methods=[route.method], response_class=Response)

    def _handler(self, route: Route) -> Callable[[Request], Any]:
        page = getattr(self, route.page)

        async def answer(request: Request) -> Response:
            visitor = await self._entrance.visitor(request)
            form = await read_form(request) if route.method == "POST" else Form({})
            return await run_in_threadpool(self._answer, request, visitor.id, form, route, page)

        return answer

    def _answer(
        self, request: Request, person_id: str, form: Form, route: Route, page: Callable[[Visit], Response]
    ) -> Response:
        person = self._door.person(person_id)
        if person is None:
            raise SignInNeeded
        now, reader = self._office.clock(), self._pages.reader(request, self.called(request, person))
        visit = Visit(
            request=request, person=person, reader=reader, words=self._pages.wording(reader), now=now, form=form
        )
        if not route.is_about_case:
            denied = decide_may(person, route.action)
        else:
            # Whoever may do such a thing in no case learns nothing of any, not even whether it exists.
            denied = decide_may(person, route.action)
            if isinstance(denied, Allowed):
                case = self._case(request.path_params["case"])
                visit = replace(visit, case=case)
                denied = decide_may(person, route.action, assigned=case.assigned)
        if isinstance(denied, Denied):
            return self._deny(visit, denied)
        return page(visit)
