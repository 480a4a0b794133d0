"""The application of a site: what all its pages share, before a room adds its own."""

from typing import Final

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from coffer.errors import CofferError, MalformedInput, NotProven, Refused, Unavailable
from coffer.web.ground.gate import TooLarge, TooSlow
from coffer.web.ground.render import Pages, chosen_language
from coffer.web.ground.wording import N_

__all__ = ["N_", "make_site_app"]

_BY_STATUS: Final = {
    400: (N_("This page could not read what was sent"), N_("Go back, look at what was typed, and send it again.")),
    403: (N_("This is not yours to do"), N_("Ask the head of your office who may do it.")),
    404: (N_("There is no such page"), N_("Begin at the first page of this site.")),
    405: (N_("This page does nothing of the kind"), N_("Begin at the first page of this site.")),
    413: (N_("This is too large"), N_("Nothing was done. Send a smaller file.")),
    500: (
        N_("Something is wrong with this page"),
        N_("Nothing was decided by it. The operator finds the cause on the machine."),
    ),
    503: (N_("This cannot be read at the moment"), N_("Nothing was lost. Try again in a minute.")),
}
_BY_FAMILY: Final[dict[type[CofferError], tuple[str, str]]] = {
    MalformedInput: _BY_STATUS[400],
    NotProven: (
        N_("A proof does not hold"),
        N_("Nothing was done. Keep everything as it is, and tell the operator what stands below."),
    ),
    Refused: (N_("The rules forbid this"), N_("Nothing was done. What you can do instead stands below.")),
    Unavailable: _BY_STATUS[503],
}


def make_site_app(pages: Pages, title: str) -> FastAPI:
    """An application with the assets, the languages and the refusals of a site.

    A room adds its routes, and wraps the whole in ``gate.Gate``. An error of the four families becomes a page: its
    message names place, found and expected and no person, so that it can be shown.
    """
    app = FastAPI(title=title, version="1", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.add_middleware(_LanguageLinks)

    @app.get("/assets/{digest}/{name:path}", response_class=Response)
    async def asset(digest: str, name: str) -> Response:
        """A style sheet or a script."""
        return pages.assets.respond(digest, name)

    async def refuse_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException), "it is registered for those alone"
        return _refuse(pages, request, error.status_code)

    async def refuse_family(request: Request, error: Exception) -> Response:
        assert isinstance(error, CofferError), "it is registered for those alone"
        what, hint = next(words for family, words in _BY_FAMILY.items() if isinstance(error, family))
        return pages.refuse(request, error.http_status, what, hint, details=error.message, advice=error.hint or "")

    async def refuse_size(request: Request, _error: Exception) -> Response:
        return _refuse(pages, request, 413)

    async def refuse_slowness(request: Request, _error: Exception) -> Response:
        return _refuse(pages, request, 408)

    async def admit_fault(request: Request, _error: Exception) -> Response:
        return _refuse(pages, request, 500)

    app.add_exception_handler(HTTPException, refuse_http)
    for family in _BY_FAMILY:
        app.add_exception_handler(family, refuse_family)
    app.add_exception_handler(TooLarge, refuse_size)
    app.add_exception_handler(TooSlow, refuse_slowness)
    app.add_exception_handler(Exception, admit_fault)
    return app


def _refuse(pages: Pages, request: Request, status: int) -> Response:
    shown = status if status in _BY_STATUS else 400 if status < 500 else 500
    return pages.refuse(request, status, *_BY_STATUS[shown])


class _LanguageLinks:
    """Answers the links that choose a language, on every page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = chosen_language(Request(scope)) if scope["type"] == "http" else None
        await (response or self._app)(scope, receive, send)
