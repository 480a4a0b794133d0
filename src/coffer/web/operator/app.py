"""The operator's pages as routes of the desk's listener, for the role operator alone.

Promises: a page asks nobody and waits for nobody. A thread looks around now and then; a page shows what it saw last,
and when, and says first of all if that is old. Nothing here reads a case, and nothing here changes anything.
"""

import logging
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response

from coffer import __version__
from coffer.errors import CofferError
from coffer.procedures.duty.board import Board, Urgency
from coffer.web.ground.app import N_
from coffer.web.ground.assets import Assets
from coffer.web.ground.door import Visitor
from coffer.web.ground.render import NavItem, Pages
from coffer.web.ground.site import Site
from coffer.web.operator.saying import Saying, marked
from coffer.web.operator.troubles import TROUBLES

_log = logging.getLogger(__name__)
LOOK_S: Final = 15.0
"""Between two looks. Each asks every custodian for two small files."""
OLD_S: Final = 120.0
"""What was seen so long ago is no reason to be calm: a look takes some seconds, also with custodians that are down."""
_FAULT: Final = "operator: a look around failed by a fault of this program"
PATH: Final = "/operator"
ROLE: Final = "operator"
NAV: Final = (
    NavItem(path=PATH, label=N_("What to do now")),
    NavItem(path=f"{PATH}#feeds", label=N_("Feeds")),
    NavItem(path=f"{PATH}#runs", label=N_("Ingests")),
    NavItem(path=f"{PATH}#parties", label=N_("Custodians and witnesses")),
    NavItem(path=f"{PATH}#retention", label=N_("Retention")),
    NavItem(path=f"{PATH}/troubles", label=N_("What can go wrong")),
    NavItem(path="/people", label=N_("People of the desk")),
)


@dataclass(slots=True)
class Duty:
    """Looks around now and then, in a thread of its own.

    ``look``: the procedure's (``Lookout.board``). ``board``: what was seen last; None before the first look.
    ``trouble``: why the last look failed; empty if it did not. ``timer``: seconds.
    """

    look: Callable[[], Board]
    every_s: float = LOOK_S
    board: Board | None = None
    trouble: str = ""
    timer: Callable[[], float] = time.monotonic
    _seen_s: float | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def look_once(self) -> None:
        """Look, and keep what was seen.

        A look that fails leaves the older one, and the page says in time that it is old.
        """
        try:
            self.board = self.look()
        except CofferError as error:
            self.trouble = error.message
        except Exception as error:  # noqa: BLE001 - the next look must come; its words may hold a stranger's
            _log.error("operator: a look around failed (%s)", type(error).__name__)
            self.trouble = _FAULT
        else:
            self.trouble, self._seen_s = "", self.timer()

    @property
    def is_old(self) -> bool:
        """Whether nothing was seen for ``OLD_S``: looks fail, or one does not end."""
        return self._seen_s is None or self.timer() - self._seen_s >= OLD_S

    def start(self) -> None:
        """Look until ``stop``."""

        def looking() -> None:
            self.look_once()
            while not self._stop.wait(self.every_s):
                self.look_once()

        self._thread = threading.Thread(target=looking, name="duty", daemon=True)
        self._thread.start()

    def stop(self, wait_s: float = 10.0) -> None:
        """Stop looking, and wait for a look that goes on."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(wait_s)


def operator_pages(site: Site, *, assets: Assets | None = None, foot: str = "") -> Pages:
    """The operator's pages of a desk's site: the same host and sign-in, the operator's band.

    ``assets``: those that the listener serves.
    """
    own = replace(site, party="operator")
    lines = (f"Coffer {__version__}", *([foot] if foot else []))
    return Pages(own, ["operator"], nav=NAV, foot=lambda _words: lines, assets=assets)


def operator_router(duty: Duty, pages: Pages, visitor: Callable[[Request], Awaitable[Visitor]]) -> APIRouter:
    """The routes. ``visitor``: who is signed in; raises where nobody is."""
    router = APIRouter()

    async def on_call(request: Request) -> Visitor:
        who = await visitor(request)
        if who.role != ROLE:
            raise HTTPException(403)
        return who

    @router.get(PATH, response_class=Response)
    async def now(request: Request) -> Response:
        """What to do now, and what it rests on."""
        who = await on_call(request)
        board = duty.board
        if board is None:
            return pages.respond(request, "operator/wait.html", person=who.name, trouble=duty.trouble)
        reader = pages.reader(request, who.name)
        saying = Saying(reader, pages.gettext(reader))
        return pages.respond(
            request,
            "operator/now.html",
            person=who.name,
            board=board,
            is_old=duty.is_old,
            trouble=duty.trouble,
            urgent=saying.alerts(board, Urgency.NOW),
            today=saying.alerts(board, Urgency.TODAY),
            later=saying.alerts(board, Urgency.LATER),
            size=saying.size,
            version=__version__,
        )

    @router.get(f"{PATH}/troubles", response_class=Response)
    async def troubles(request: Request) -> Response:
        """Everything that can go wrong, and what to do."""
        who = await on_call(request)
        reader = pages.reader(request, who.name)
        say = pages.gettext(reader)
        rows = [(marked(say(one.seen)), marked(say(one.do))) for one in TROUBLES]
        return pages.respond(request, "operator/troubles.html", person=who.name, rows=rows)

    return router
