"""The desk's site: sign-in, and one table of routes whose right is proven before the page is asked."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from coffer.desk.rights import Allowed, Denied, decide_may
from coffer.passkeys.passkey import RelyingParty
from coffer.serving.crowd import Crowd
from coffer.web.desk.acts import CaseActs
from coffer.web.desk.case import CasePages
from coffer.web.desk.door import DeskDoor
from coffer.web.desk.frame import Frame
from coffer.web.desk.holds import HoldPages
from coffer.web.desk.listing import ListingPages, parse_case_id
from coffer.web.desk.office import Office
from coffer.web.desk.papers import MAX_ORDER_MIB, PaperPages
from coffer.web.desk.people import PeoplePages
from coffer.web.desk.questions import QuestionPages
from coffer.web.desk.raising import AmendmentPages
from coffer.web.desk.requests import RequestPages
from coffer.web.desk.routes import ROUTES, Route
from coffer.web.desk.visit import Visit
from coffer.web.ground.app import make_site_app
from coffer.web.ground.door import Entrance, SignInNeeded
from coffer.web.ground.forms import Form, read_form
from coffer.web.ground.gate import MAX_FORM_BYTES, Gate, Pace
from coffer.web.ground.render import Pages
from coffer.web.ground.site import Site
from coffer.web.operator.app import Duty, operator_pages, operator_router

ROOM: Final = "desk"
_UPLOAD_BYTES: Final = MAX_ORDER_MIB * 2**20 + MAX_FORM_BYTES


def desk_app(
    office: Office,
    site: Site,
    *,
    party: RelyingParty,
    pace: Pace | None = None,
    crowd: Crowd | None = None,
    duty: Duty | None = None,
    duty_notice: str = "",
) -> ASGIApp:
    """The whole site behind its gate.

    ``party``: what the passkeys of the desk's people belong to. ``crowd``: that of its server. ``duty``: what the
    operator's pages show; None: there are none. ``duty_notice``: what they say above everything in a demonstration.
    The caller runs ``office.attend`` in a thread beside it.
    """
    pages = Pages(site, [ROOM], nav=(), foot=office.foot)
    app = make_site_app(pages, "Coffer desk")
    door = DeskDoor(office.store, party, office.entropy)
    entrance = Entrance(pages, door, office.store, office.clock)
    app.include_router(entrance.router())
    app.add_exception_handler(SignInNeeded, entrance.lead_to_door)
    if duty is not None:
        own = operator_pages(replace(site, demonstration=duty_notice), assets=pages.assets)
        app.include_router(operator_router(duty, own, entrance.visitor))
    _Reception(Frame(office, pages, door), entrance).add_to(app)
    larger = {"/new": _UPLOAD_BYTES, "/cases/*/documents": _UPLOAD_BYTES}
    return Gate(app, site, larger=larger, pace=pace, crowd=crowd)


class _Reception:
    """Leads every request to its page, once it is known who asks and that they may."""

    def __init__(self, frame: Frame, entrance: Entrance) -> None:
        self._frame, self._entrance = frame, entrance
        self._groups = {
            "acts": CaseActs(frame),
            "amendments": AmendmentPages(frame),
            "case": CasePages(frame),
            "holds": HoldPages(frame),
            "listing": ListingPages(frame),
            "papers": PaperPages(frame),
            "people": PeoplePages(frame),
            "questions": QuestionPages(frame),
            "requests": RequestPages(frame),
        }

    def add_to(self, app: FastAPI) -> None:
        """Add every route of the table."""
        for route in ROUTES:
            app.add_api_route(route.path, self._handler(route), methods=[route.method], response_class=Response)

    def _handler(self, route: Route) -> Callable[[Request], Awaitable[Response]]:
        group, _, name = route.page.partition(".")
        page: Callable[[Visit], Response] = getattr(self._groups[group], name)

        async def answer(request: Request) -> Response:
            visitor = await self._entrance.visitor(request)
            form = await read_form(request) if route.method == "POST" else Form({})
            return await run_in_threadpool(self._answer, request, visitor.id, form, route, page)

        return answer

    def _answer(
        self, request: Request, person_id: str, form: Form, route: Route, page: Callable[[Visit], Response]
    ) -> Response:
        frame = self._frame
        person = frame.door.person(person_id)
        if person is None:
            raise SignInNeeded
        reader = frame.pages.reader(request)
        words, now = frame.pages.wording(reader), frame.office.clock()
        visit = Visit(request=request, person=person, reader=reader, words=words, now=now, form=form)
        # Whoever may do such a thing in no case learns nothing of any, not even whether it exists.
        decision = decide_may(person, route.action)
        if isinstance(decision, Allowed) and route.is_about_case:
            case = frame.office.store.case(parse_case_id(request.path_params["case"]))
            visit = replace(visit, case=case)
            decision = decide_may(person, route.action, assigned=case.assigned)
        return frame.deny(visit, decision) if isinstance(decision, Denied) else page(visit)
