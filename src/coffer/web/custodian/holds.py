"""The pages of a custodian's holds: each is read and decided as a request is."""

from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from coffer.errors import CofferError, Unavailable
from coffer.ledger.entries import REFUSE_REASONS
from coffer.web.custodian.deciding import Deciding, Matter
from coffer.web.custodian.door import ordinal_of
from coffer.web.custodian.kept import find_hold, review_hold
from coffer.web.custodian.office import Office
from coffer.web.custodian.reading import reason_words
from coffer.web.ground.door import Entrance, Visitor
from coffer.web.ground.render import Pages

PATH = "/holds"


class HoldRoutes:
    """``/holds/<digits>`` and the acts on it."""

    def __init__(self, office: Office, pages: Pages, entrance: Entrance) -> None:
        self._office, self._pages, self._entrance = office, pages, entrance

    def add_to(self, app: FastAPI) -> None:
        """Add the routes."""
        app.add_api_route(f"{PATH}/{{digits}}", self._review, methods=["GET"], response_class=Response)
        matter = Matter(path=PATH, find=find_hold, show=self._show)
        Deciding(self._office, self._pages, self._entrance, matter).add_to(app)

    async def _review(self, request: Request, digits: str) -> Response:
        return await self._show(request, await self._entrance.visitor(request), digits)

    async def _show(
        self,
        request: Request,
        visitor: Visitor,
        digits: str,
        *,
        refused: CofferError | None = None,
        mistake: str = "",
        status: int = 200,
    ) -> Response:
        you, words = ordinal_of(visitor.id), self._pages.wording(self._pages.reader(request))

        def read() -> dict[str, Any] | None:
            office = self._office
            if not office.is_started:
                raise Unavailable("log: not read yet", hint="wait a minute, then load the page again")
            note = find_hold(office, digits)
            if note is None:
                return None
            return {"review": review_hold(office, note, you, words), "is_behind": office.attendant.is_behind}

        values = await run_in_threadpool(read)
        if values is None:
            raise HTTPException(404)
        return self._pages.respond(
            request,
            "custodian/hold.html",
            person=visitor.name,
            office=self._office.name,
            status=status,
            refused=refused,
            mistake=mistake,
            reasons=[(reason, reason_words(reason, words)) for reason in REFUSE_REASONS],
            here="/",
            path_of=f"{PATH}/{digits}",
            **values,
        )
