"""The routes of a custodian's page."""

import datetime as dt
from functools import partial
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from coffer.authority.authorization import Authorization
from coffer.authority.due import deadline_of
from coffer.authority.file_kind import file_name
from coffer.custodian.people import People
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.passkeys.sessions import Sessions
from coffer.serving.crowd import Crowd
from coffer.web.custodian.asking import ask_desk, beside
from coffer.web.custodian.away import AwayForm, Wrong, read_away, too_few
from coffer.web.custodian.deciding import Deciding, Matter
from coffer.web.custodian.door import ClerkDoor, ordinal_of
from coffer.web.custodian.emergencies import EMERGENCIES, emergency_rows
from coffer.web.custodian.health import Counting, certificate_of, health_of, keys_by_day
from coffer.web.custodian.holds import HOLDS, hold_rows
from coffer.web.custodian.lists import decided, mark_seen, page_of, pages_of, queue
from coffer.web.custodian.office import Office, here_within, presences
from coffer.web.custodian.review import find, read_here, request_of, review
from coffer.web.custodian.signed import SignaturesSeen
from coffer.web.custodian.standing import Decidable
from coffer.web.ground.app import N_, make_site_app
from coffer.web.ground.door import Entrance, SignInNeeded, Visitor
from coffer.web.ground.forms import read_form
from coffer.web.ground.gate import Gate
from coffer.web.ground.render import NavItem, Pages
from coffer.web.ground.site import Site
from coffer.web.ground.wording import Wording

ROOM: Final = "custodian"
_NAV: Final = (
    NavItem(path="/", label=N_("Requests")),
    NavItem(path="/#holds", label=N_("Holds")),
    NavItem(path="/people", label=N_("Away")),
    NavItem(path="/#keys", label=N_("Keys")),
    NavItem(path="/#health", label=N_("Health")),
    NavItem(path="/passkeys", label=N_("Passkeys")),
)


def make_custodian_site(office: Office, site: Site, sessions: Sessions, *, crowd: Crowd | None = None) -> ASGIApp:
    """The whole site, behind its gate. ``crowd``: that of its server."""
    pages = Pages(site, [ROOM], nav=_NAV, foot=partial(_foot, office))
    app = make_site_app(pages, "Coffer custodian's page")
    entrance = Entrance(pages, ClerkDoor(office.clerks, office.entropy), sessions, office.clock)
    app.include_router(entrance.router())
    app.add_exception_handler(SignInNeeded, entrance.lead_to_door)
    _Routes(office, pages, entrance).add_to(app)
    return Gate(app, site, crowd=crowd)


def _page_asked(text: str) -> int:
    """The page of the list that an address names; the first for what is no number."""
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _foot(office: Office, _words: Wording) -> list[str]:
    fingerprint, _ = certificate_of(office.machine)
    return [f"SHA-256 {fingerprint[:4]} {fingerprint[4:8]} … {fingerprint[-4:]}"] if fingerprint else []


class _Routes:
    def __init__(self, office: Office, pages: Pages, entrance: Entrance) -> None:
        self._office, self._pages, self._entrance = office, pages, entrance
        self._counting = Counting()
        self._signed = SignaturesSeen(office)
        requests = Matter(
            path="/requests", template=f"{ROOM}/review.html", find=find, read=self._read_request, ask=ask_desk
        )
        self._requests = Deciding(office, pages, entrance, requests)

    def add_to(self, app: FastAPI) -> None:
        """Add the routes."""
        for path, page in (
            ("/", self._home),
            ("/people", self._people),
            ("/enroll", self._enroll),
        ):
            app.add_api_route(path, page, methods=["GET"], response_class=Response)
        file = "/requests/{digits}/order/{number}"
        app.add_api_route(file, self._order, methods=["GET"], response_class=Response)
        app.add_api_route(f"{file}/signatures", self._look, methods=["POST"], response_class=Response)
        self._requests.add_to(app)
        for matter in (HOLDS, EMERGENCIES):
            Deciding(self._office, self._pages, self._entrance, matter).add_to(app)
        app.add_api_route("/people/away", self._go_away, methods=["POST"], response_class=Response)
        app.add_api_route("/people/here", self._come_back, methods=["POST"], response_class=Response)

    def _respond(self, request: Request, visitor: Visitor, name: str, *, status: int = 200, **values: Any) -> Response:  # noqa: ANN401
        return self._pages.respond(
            request, f"{ROOM}/{name}.html", person=visitor.name, status=status, office=self._office.name, **values
        )

    # Pages.

    async def _home(self, request: Request) -> Response:
        visitor = await self._entrance.visitor(request)
        you, words = ordinal_of(visitor.id), self._pages.wording(self._pages.reader(request))
        asked = _page_asked(request.query_params.get("page", ""))

        def read() -> dict[str, Any]:
            office, now = self._office, self._office.clock()
            people, inbox = office.clerks.people(), office.machine.requests.inbox(office.service.keys)
            waiting = inbox.notes
            page = min(asked, pages_of(waiting))
            values = {
                "rows": queue(office, waiting, page, you, words),
                "waiting": len(waiting),
                "first_left": int((deadline_of(waiting[0].terms) - now).total_seconds()) if waiting else 0,
                "page": page,
                "pages": pages_of(waiting),
                "decided": decided(office, words),
                "holds": hold_rows(office, you, words),
                "emergencies": emergency_rows(office, you, words),
                "persons": presences(people, you, now),
                "required": people.required,
                "present": len(here_within(people, now, now + dt.timedelta(seconds=1))),
                "is_started": office.is_started,
                "trouble": office.attendant.trouble,
                "unreadable": len(inbox.unreadable),
                "keys": keys_by_day(office, self._counting, waiting),
                "health": health_of(office, self._counting, unreadable=len(inbox.unreadable)),
            }
            mark_seen(office, page_of(waiting, page))
            return values

        return self._respond(request, visitor, "home", **await run_in_threadpool(read))

    async def _people(self, request: Request) -> Response:
        visitor = await self._entrance.visitor(request)
        return await self._show_people(request, visitor, AwayForm(), None, warning=())

    async def _show_people(
        self,
        request: Request,
        visitor: Visitor,
        form: AwayForm,
        wrong: Wrong | None,
        *,
        warning: tuple[str, ...],
        left: int = 0,
        status: int = 200,
    ) -> Response:
        def read() -> tuple[People, dt.datetime]:
            return self._office.clerks.people(), self._office.clock()

        people, now = await run_in_threadpool(read)
        you = ordinal_of(visitor.id)
        return self._respond(
            request,
            visitor,
            "people",
            status=status,
            here="/people",
            persons=presences(people, you, now),
            required=people.required,
            present=len(here_within(people, now, now + dt.timedelta(seconds=1))),
            form=form,
            wrong=wrong,
            warning=warning,
            left=left,
        )

    async def _enroll(self, request: Request) -> Response:
        """Where an invitation's link leads: its code stands behind the # and reaches no server."""
        return self._pages.respond(request, "ground/signin.html", refused=None, invitation=None)

    def _read_request(self, office: Office, item: Decidable, you: int, words: Wording) -> dict[str, Any]:
        """What the page of a request shows; that a person opened it is noted."""
        note = request_of(item)
        office.machine.requests.mark_read(note.commitment, you, office.clock(), office.service.keys)
        here = read_here(office)
        shown = review(office, note, here, you, words)
        signed = {"may_be_asked": self._signed.may_be_asked, "lines": self._signed.lines(note, words)}
        return {"review": shown, "signed": signed, **beside(office, note, here.kept, shown.stage, words)}

    async def _order(self, request: Request, digits: str, number: str) -> Response:
        """A file of the order, to be saved.

        It is a stranger's: no browser may show it as a page of this site.
        """
        await self._entrance.visitor(request)

        def read() -> Response:
            note, place = self._file(digits, number)
            requests, keys = self._office.machine.requests, self._office.service.keys
            raw = requests.read_order(note, place, keys)
            requests.mark_opened(note.commitment, place, self._office.clock(), keys)
            headers = {"content-disposition": f'attachment; filename="{file_name(place, raw)}"'}
            return Response(raw, headers=headers, media_type="application/octet-stream")

        return await run_in_threadpool(read)

    def _file(self, digits: str, number: str) -> tuple[Authorization, int]:
        """A request, and the number of a file of its order that is here."""
        item, office = find(self._office, digits), self._office
        if item is None:
            raise HTTPException(404)
        note = request_of(item)
        files = office.machine.requests.order_files(note, office.service.keys)
        here = {str(one.number): one.number for one in files if one.is_here}
        if number not in here:
            raise HTTPException(404)
        return note, here[number]

    async def _look(self, request: Request, digits: str, number: str) -> Response:
        """Look who signed a file of the order; the page of the request says what was found."""
        visitor = await self._entrance.visitor(request)
        try:
            await run_in_threadpool(lambda: self._signed.look(*self._file(digits, number)))
        except (MalformedInput, NotProven, Unavailable) as error:
            return await self._requests.show(request, visitor, digits, refused=error, status=error.http_status)
        return RedirectResponse(f"/requests/{digits}#h-found", 303)

    # Being away.

    async def _go_away(self, request: Request) -> Response:
        visitor = await self._entrance.visitor(request)
        typed = await read_form(request)
        form = AwayForm.of(typed)
        you, office = ordinal_of(visitor.id), self._office
        zone = self._pages.reader(request).zone

        def go() -> tuple[tuple[str, ...], int]:
            people, now = office.clerks.people(), office.clock()
            away = read_away(form, you, people, zone, now)
            names, left = too_few(people, you, away)
            if names and not form.is_anyway:
                return names, left
            office.clerks.set_away(you, away, now)
            return (), 0

        try:
            names, left = await run_in_threadpool(go)
        except Wrong as error:
            return await self._show_people(request, visitor, form, error, warning=(), status=400)
        if names:
            return await self._show_people(request, visitor, form, None, warning=names, left=left)
        return RedirectResponse("/people", 303)

    async def _come_back(self, request: Request) -> Response:
        visitor = await self._entrance.visitor(request)
        you = ordinal_of(visitor.id)

        def come() -> None:
            self._office.clerks.set_away(you, None, self._office.clock())

        await run_in_threadpool(come)
        return RedirectResponse("/people", 303)
