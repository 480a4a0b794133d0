"""The page on which a request, a hold or an emergency is decided, and its acts.

They are: agree by passkey, take it back, refuse, ask.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from coffer.authority.hold import Requested
from coffer.errors import CofferError, MalformedInput, Refused, Unavailable
from coffer.ledger.entries import REFUSE_REASONS
from coffer.web.custodian.asking import read_again
from coffer.web.custodian.door import ordinal_of
from coffer.web.custodian.office import Office
from coffer.web.custodian.standing import Decidable, is_as_shown, is_refusal_told, reason_words, version_of
from coffer.web.ground.app import N_
from coffer.web.ground.door import Ceremony, Entrance, Visitor, options_response
from coffer.web.ground.forms import Form, read_form
from coffer.web.ground.render import Pages
from coffer.web.ground.wording import Wording

ACTING: Final = 4
"""Decisions in work at once. They may wait for the log, so they have threads of their own: a page never waits for them."""
_CHANGED: Final = N_("Something changed after this page was shown, and nothing was done.")
_READ_AGAIN: Final = N_("Load the page, read it again, then decide.")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What is decided: the path of its pages, its template, and how it is found and read.

    ``here``: what the navigation marks, where its list stands.

    ``find``: by what an address says.

    ``read``: the values of its page, for a person; they hold ``review``, with its version. ``ask``: asks the desk a
    question about a note, for a person; None where nothing is asked.
    """

    path: str
    template: str
    find: Callable[[Office, str], Decidable | None]
    read: Callable[[Office, Decidable, int, Wording], dict[str, Any]]
    ask: Callable[[Office, Requested, int, str], None] | None = None
    here: str = "/"


class _Stale(Exception):  # noqa: N818 - never leaves this module
    """Something changed after the form was shown."""


class _NoReason(Exception):  # noqa: N818 - never leaves this module
    """A refusal without a reason."""


class Deciding:
    """The page of each note, and the routes of these acts."""

    def __init__(self, office: Office, pages: Pages, entrance: Entrance, matter: Matter) -> None:
        self._office, self._pages, self._entrance, self._matter = office, pages, entrance, matter
        self._acting: anyio.CapacityLimiter | None = None

    def add_to(self, app: FastAPI) -> None:
        """Add the routes."""
        app.add_api_route(f"{self._matter.path}/{{digits}}", self._page, methods=["GET"], response_class=Response)
        for word, act in (
            ("challenge", self._challenge),
            ("approve", self._approve),
            ("take-back", self._take_back),
            ("refuse", self._refuse),
            *([("ask", self._ask)] if self._matter.ask is not None else []),
        ):
            path = f"{self._matter.path}/{{digits}}/{word}"
            app.add_api_route(path, act, methods=["POST"], response_class=Response)

    async def _page(self, request: Request, digits: str) -> Response:
        return await self.show(request, await self._entrance.visitor(request), digits)

    async def show(
        self,
        request: Request,
        visitor: Visitor,
        digits: str,
        *,
        refused: CofferError | None = None,
        mistake: str = "",
        status: int = 200,
    ) -> Response:
        """The page of one note.

        ``refused``: why the last act on it did nothing. ``mistake``: ``changed`` or ``reason``, if that is why.
        """
        you, words = ordinal_of(visitor.id), self._pages.wording(self._pages.reader(request))
        office, matter = self._office, self._matter

        def read() -> dict[str, Any]:
            if not office.is_started:
                raise Unavailable("log: not read yet", hint="wait a minute, then load the page again")
            return matter.read(office, self._find(digits), you, words)

        values = await run_in_threadpool(read)
        return self._pages.respond(
            request,
            matter.template,
            person=visitor.name,
            office=office.name,
            status=status,
            refused=refused,
            mistake=mistake,
            reasons=[(reason, reason_words(reason, words)) for reason in REFUSE_REASONS],
            here=matter.here,
            path_of=f"{matter.path}/{digits}",
            is_behind=office.attendant.is_behind,
            **values,
        )

    async def _act(self, act: Callable[[], Value]) -> Value:
        """Work that may wait for the log."""
        if self._acting is None:
            self._acting = anyio.CapacityLimiter(ACTING)
        return await anyio.to_thread.run_sync(act, limiter=self._acting)

    def _find(self, digits: str) -> Decidable:
        item = self._matter.find(self._office, digits)
        if item is None:
            raise HTTPException(404)
        return item

    def _verify_shown(self, item: Decidable, form: Form) -> None:
        if not is_as_shown(self._office, item, form.text("version")):
            raise _Stale

    async def _challenge(self, request: Request, digits: str) -> Response:
        visitor = await self._entrance.visitor(request)
        form = await read_form(request)
        _ = self._pages.gettext(self._pages.reader(request))

        def begin() -> Ceremony:
            item, office = self._find(digits), self._office
            self._verify_shown(item, form)
            options = office.clerks.begin_approval(item.about, ordinal_of(visitor.id), office.clock())
            return Ceremony(handle=version_of(office, item), options=options)

        try:
            return options_response(await self._act(begin))
        except _Stale:
            return JSONResponse({"what": _(_CHANGED), "hint": _(_READ_AGAIN)}, 409)
        except CofferError as error:
            return JSONResponse({"what": error.message, "hint": error.hint or ""}, error.http_status)

    async def _approve(self, request: Request, digits: str) -> Response:
        visitor = await self._entrance.visitor(request)
        form = await read_form(request)
        you, office = ordinal_of(visitor.id), self._office

        def approve() -> None:
            item = self._find(digits)
            if you in office.clerks.standing(item.about).agreed_by:
                return  # sent twice: the first one counts
            self._verify_shown(item, form)
            answer = form.text("answer")
            if not answer:
                raise MalformedInput(
                    "passkey: the browser sent no answer", hint="approving needs a passkey and JavaScript"
                )
            office.clerks.approve(item.about, you, answer.encode("utf-8"), office.clock())

        return await self._decide(request, visitor, digits, approve)

    async def _take_back(self, request: Request, digits: str) -> Response:
        visitor = await self._entrance.visitor(request)
        form = await read_form(request)
        you, office = ordinal_of(visitor.id), self._office

        def take_back() -> None:
            item = self._find(digits)
            if you not in office.clerks.standing(item.about).agreed_by:
                return  # sent twice
            self._verify_shown(item, form)
            office.clerks.take_back(item.about, you, office.clock())

        return await self._decide(request, visitor, digits, take_back)

    async def _refuse(self, request: Request, digits: str) -> Response:
        visitor = await self._entrance.visitor(request)
        form = await read_form(request)
        you, office = ordinal_of(visitor.id), self._office

        def refuse() -> None:
            item = self._find(digits)
            if is_refusal_told(office, item.note):
                return  # sent twice
            reason, again = form.text("reason"), read_again(form)
            if reason not in REFUSE_REASONS:
                raise _NoReason
            self._verify_shown(item, form)
            office.clerks.refuse(item.commitment, you, reason, office.clock(), again=again)

        return await self._decide(request, visitor, digits, refuse)

    async def _ask(self, request: Request, digits: str) -> Response:
        visitor = await self._entrance.visitor(request)
        form = await read_form(request)
        you, office, ask_desk = ordinal_of(visitor.id), self._office, self._matter.ask
        assert ask_desk is not None, "without it there is no such route"
        return await self._decide(
            request, visitor, digits, lambda: ask_desk(office, self._find(digits).note, you, form.text("question"))
        )

    async def _decide(self, request: Request, visitor: Visitor, digits: str, act: Callable[[], None]) -> Response:
        """Do it, and lead back to the note, whose page says what stands now."""
        try:
            await self._act(act)
        except _Stale:
            return await self.show(request, visitor, digits, mistake="changed", status=409)
        except _NoReason:
            return await self.show(request, visitor, digits, mistake="reason", status=400)
        except (Refused, MalformedInput, Unavailable) as error:
            return await self.show(request, visitor, digits, refused=error, status=error.http_status)
        return RedirectResponse(f"{self._matter.path}/{digits}", 303)
