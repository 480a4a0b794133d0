"""Signing in, being invited and signing out: the same for every site with people.

The site's own room says who its people are (``Door``). This file knows browsers, cookies and forms.
"""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from coffer.errors import CofferError, MalformedInput, Refused
from coffer.passkeys.sessions import Session, Sessions
from coffer.web.ground.forms import read_form
from coffer.web.ground.gate import SIGNED_IN
from coffer.web.ground.render import Pages
from coffer.web.ground.sessions import clear_token, set_token, token_of
from coffer.web.ground.wording import N_

SIGN_IN: Final = "/sign-in"
MAX_ANSWER_CHARACTERS: Final = 8_192
FRESH: Final = dt.timedelta(minutes=5)
"""So long after signing in somebody may add a passkey. Whoever finds a browser that was left open makes none of their own."""
_NOT_FRESH: Final = N_("You signed in more than 5 minutes ago. Somebody else could sit here now")
_SIGN_IN_AGAIN: Final = N_("Sign out and in again, then make the passkey.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceremony:
    """What a browser needs to ask an authenticator.

    ``handle``: names the challenge that was given out. ``options``: ``publicKey`` of WebAuthn as JSON text.
    """

    handle: str = field(repr=False)
    options: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who is signed in.

    ``id``: the site's own name for them. ``name``: shown in the band. ``role``: what they may.
    """

    id: str
    name: str = field(repr=False)
    role: str = ""


class Door(Protocol):
    """The people of a site. Every answer is an authenticator's JSON text; ``now`` is the site's clock."""

    def begin_sign_in(self, now: dt.datetime, /) -> Ceremony:
        """A challenge for whoever comes."""
        ...

    def sign_in(self, handle: str, answer: str, now: dt.datetime, /) -> str:
        """The person whose passkey signed the challenge.

        Raises:
            Refused: nobody's, or not in time.
        """
        ...

    def begin_enrolling(self, code: str, now: dt.datetime, /) -> Ceremony:
        """A challenge for whoever holds an invitation. Raises ``Refused``: used, too old, or none."""
        ...

    def enroll(self, code: str, handle: str, answer: str, label: str, now: dt.datetime, /) -> str:
        """The person of the invitation, who has a passkey from now on. Raises ``Refused``."""
        ...

    def begin_adding(self, person: str, now: dt.datetime, /) -> Ceremony:
        """A challenge for one more passkey of somebody who is signed in."""
        ...

    def add(self, person: str, handle: str, answer: str, label: str, now: dt.datetime, /) -> None:
        """Keep one more passkey. Raises ``Refused``."""
        ...

    def visitor(self, person: str, now: dt.datetime, /) -> Visitor | None:
        """A person by their name here; None if they are not one any more."""
        ...


class SignInNeeded(Exception):  # noqa: N818 - what the reader has to do
    """Nobody is signed in: the reader is led to the door and comes back afterwards."""


class Entrance:
    """The door of a site with its sessions: the routes, and who a request comes from."""

    def __init__(self, pages: Pages, door: Door, sessions: Sessions, clock: Callable[[], dt.datetime]) -> None:
        self._pages, self._door, self._sessions, self._clock = pages, door, sessions, clock

    def _session_of(self, request: Request) -> Session | None:
        token = token_of(request, self._pages.site)
        # A page that looks again by itself is no person: it keeps no session of somebody who left.
        is_seen = request.method != "GET" or request.headers.get("sec-fetch-dest", "document") == "document"
        return None if token is None else self._sessions.find(token, self._clock(), is_seen=is_seen)

    def _is_fresh(self, request: Request) -> bool:
        """Whether the person of a request showed their passkey just now."""
        session = self._session_of(request)
        return session is not None and self._clock() < session.began + FRESH

    def _visitor_of(self, request: Request) -> Visitor | None:
        session = self._session_of(request)
        return None if session is None else self._door.visitor(session.person, self._clock())

    async def visitor(self, request: Request) -> Visitor:
        """Who is signed in; raises ``SignInNeeded``."""
        visitor = await run_in_threadpool(self._visitor_of, request)
        if visitor is None:
            raise SignInNeeded
        request.scope[SIGNED_IN] = True
        return visitor

    def lead_to_door(self, request: Request, _error: Exception) -> Response:
        """The answer to a reader who has to sign in first."""
        asked = request.url.path if request.method == "GET" else "/"
        back = asked if _is_own_path(asked) else "/"
        response = RedirectResponse(SIGN_IN, 303)
        response.set_cookie(
            f"__Host-{self._pages.site.tag}-back",
            back,
            max_age=600,
            path="/",
            secure=True,
            httponly=True,
            samesite="strict",
        )
        return response

    def router(self) -> APIRouter:
        """The routes of the door."""
        router = APIRouter()
        router.add_api_route(SIGN_IN, self._show, methods=["GET"], response_class=Response)
        router.add_api_route(SIGN_IN, self._sign_in, methods=["POST"], response_class=Response)
        router.add_api_route(f"{SIGN_IN}/challenge", self._challenge, methods=["POST"], response_class=Response)
        router.add_api_route("/invitation", self._enroll, methods=["POST"], response_class=Response)
        router.add_api_route("/invitation/challenge", self._invite, methods=["POST"], response_class=Response)
        router.add_api_route("/passkeys", self._show_passkeys, methods=["GET"], response_class=Response)
        router.add_api_route("/passkeys", self._add, methods=["POST"], response_class=Response)
        router.add_api_route("/passkeys/challenge", self._begin_adding, methods=["POST"], response_class=Response)
        router.add_api_route("/sign-out", self._sign_out, methods=["POST"], response_class=Response)
        return router

    async def _show(self, request: Request) -> Response:
        return self._pages.respond(request, "ground/signin.html", refused=None, invitation=None)

    async def _challenge(self, _request: Request) -> Response:
        return options_response(await run_in_threadpool(self._door.begin_sign_in, self._clock()))

    async def _sign_in(self, request: Request) -> Response:
        form, now = await read_form(request), self._clock()
        try:
            handle, answer = _answered(form.text("handle"), form.text("answer"))
            person = await run_in_threadpool(self._door.sign_in, handle, answer, now)
        except (Refused, MalformedInput) as error:
            return self._pages.respond(request, "ground/signin.html", status=403, refused=error, invitation=None)
        return await self._enter(request, person, now)

    async def _invite(self, request: Request) -> Response:
        form = await read_form(request)
        return await try_options(self._door.begin_enrolling, form.text("code"), self._clock())

    async def _enroll(self, request: Request) -> Response:
        form, now = await read_form(request), self._clock()
        code = form.text("code")
        try:
            handle, answer = _answered(form.text("handle"), form.text("answer"))
            person = await run_in_threadpool(self._door.enroll, code, handle, answer, form.text("label"), now)
        except (Refused, MalformedInput) as error:
            return self._pages.respond(request, "ground/signin.html", status=403, refused=None, invitation=error)
        return await self._enter(request, person, now, to="/passkeys")

    async def _show_passkeys(self, request: Request) -> Response:
        visitor = await self.visitor(request)
        is_fresh = await run_in_threadpool(self._is_fresh, request)
        return self._pages.respond(
            request,
            "ground/passkeys.html",
            person=visitor.name,
            refused=None,
            is_added=False,
            is_fresh=is_fresh,
        )

    async def _begin_adding(self, request: Request) -> Response:
        visitor = await self.visitor(request)
        if not await run_in_threadpool(self._is_fresh, request):
            _ = self._pages.gettext(self._pages.reader(request))
            return JSONResponse({"what": _(_NOT_FRESH), "hint": _(_SIGN_IN_AGAIN)}, 403)
        return await try_options(self._door.begin_adding, visitor.id, self._clock())

    async def _add(self, request: Request) -> Response:
        visitor = await self.visitor(request)
        form, refused = await read_form(request), None
        try:
            handle, answer = _answered(form.text("handle"), form.text("answer"))
            await run_in_threadpool(self._door.add, visitor.id, handle, answer, form.text("label"), self._clock())
        except (Refused, MalformedInput) as error:
            refused = error
        status = 200 if refused is None else 403
        return self._pages.respond(
            request,
            "ground/passkeys.html",
            person=visitor.name,
            status=status,
            refused=refused,
            is_added=status == 200,
            is_fresh=True,
        )

    async def _enter(self, request: Request, person: str, now: dt.datetime, to: str = "") -> Response:
        """A fresh session, whatever token the browser had before (session fixation).

        ``now``: when the passkey was proven. If it was taken from the person since, the session is over.
        """
        site = self._pages.site
        old = token_of(request, site)
        if old is not None:
            await run_in_threadpool(self._sessions.end, old, now)
        token = await run_in_threadpool(self._sessions.begin, person, now)
        back = f"__Host-{site.tag}-back"
        kept = request.cookies.get(back, "/")
        response = RedirectResponse(to or (kept if _is_own_path(kept) else "/"), 303)
        response.delete_cookie(back, path="/", secure=True, httponly=True, samesite="strict")
        set_token(response, site, token)
        return response

    async def _sign_out(self, request: Request) -> Response:
        token = token_of(request, self._pages.site)
        if token is not None:
            await run_in_threadpool(self._sessions.end, token, self._clock())
        response = RedirectResponse(SIGN_IN, 303)
        clear_token(response, self._pages.site)
        response.headers["clear-site-data"] = '"cache"'
        return response


def _is_own_path(path: str) -> bool:
    """Whether a path leads back into this site, and can stand in a cookie."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isascii() and path.isprintable()


def _answered(handle: str, answer: str) -> tuple[str, str]:
    if not handle or not answer:
        raise MalformedInput("passkey: the browser sent no answer", hint="these pages need JavaScript for passkeys")
    if len(answer) > MAX_ANSWER_CHARACTERS or len(handle) > MAX_ANSWER_CHARACTERS:
        raise MalformedInput("passkey: the answer is too long")
    return handle, answer


def options_response(ceremony: Ceremony) -> Response:
    """What ``passkey.js`` reads."""
    return JSONResponse({"handle": ceremony.handle, "publicKey": json.loads(ceremony.options)})


async def try_options(begin: Callable[..., Ceremony], *arguments: Any) -> Response:  # noqa: ANN401 - those of ``begin``
    """The ceremony as ``passkey.js`` reads it, or why there is none."""
    try:
        return options_response(await run_in_threadpool(begin, *arguments))
    except CofferError as error:
        return JSONResponse({"what": error.message, "hint": error.hint or ""}, error.http_status)
