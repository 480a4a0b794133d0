"""The public window as an application: pages, downloads, the feed, and the log's own paths.

Promises: nothing is written, no key is needed, and nobody is asked who they are. A page is made once for all who ask
for the same, and holds until the log grows. If the log or the tally does not hold, every page that rests on it says so.
The log's own paths go on then, so that others can look for themselves.
"""

import datetime as dt
import json
from typing import Final

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from coffer import wire
from coffer.custodian.machine.log_paths import add_log_paths
from coffer.disk import Disk
from coffer.errors import CofferError, MalformedInput
from coffer.identity.numbering import home_plan
from coffer.procedures.reports.totals import sum_up
from coffer.procedures.reports.transparency import Transparency, figures
from coffer.procedures.reports.written import format_report_csv, report_document
from coffer.serving.crowd import Crowd
from coffer.serving.lanes import Lane
from coffer.translog.checkpoint import Checkpoint
from coffer.translog.store.files import read_served
from coffer.web.ground.app import N_, make_site_app
from coffer.web.ground.gate import Gate
from coffer.web.ground.render import NavItem, Pages, Reader
from coffer.web.window.asked import FIELDS, Asked, choices_of, days_asked, parse_asked
from coffer.web.window.dying import calendar
from coffer.web.window.explorer import entry_view, log_page
from coffer.web.window.feeds import format_atom, format_ics
from coffer.web.window.giving import Fields, Giver
from coffer.web.window.kept import Answer, answer
from coffer.web.window.openings import OpeningLine, openings
from coffer.web.window.overview import overview
from coffer.web.window.period import parse_period
from coffer.web.window.reading import Known
from coffer.web.window.revealed import revealed_document
from coffer.web.window.window import Window

LOG_PATHS: Final = ("/checkpoint", "/tile/", "/health")
"""Read by machines under any host name."""
LATEST: Final = 6
"""Openings on the first page."""
_DRAWING: Final = 2
"""Threads that make pages. What they make is kept."""
_JSON: Final = "application/json"
_MOST_DIGITS: Final = 19
NAV: Final = (
    NavItem(path="/", label=N_("Overview")),
    NavItem(path="/openings", label=N_("Openings")),
    NavItem(path="/calendar", label=N_("What dies when")),
    NavItem(path="/log", label=N_("Log")),
    NavItem(path="/transparency", label=N_("Transparency report")),
    NavItem(path="/verify", label=N_("Verify here")),
    NavItem(path="/answer", label=N_("Verify an answer")),
    NavItem(path="/concerned", label=N_("Was I concerned?")),
)


def window_app(window: Window, crowd: Crowd) -> ASGIApp:
    """The application of a window, behind the gate of its site. ``crowd``: that of its server."""
    pages = Pages(window.site, ["window"], nav=NAV)
    app = make_site_app(pages, "Coffer window")
    app.state.crowd = crowd
    giver = Giver(window, pages, Lane("drawing", _DRAWING, crowd))
    disk, folder = Disk(), window.reading.vault.path / "log"
    handlers = dict(app.exception_handlers)
    add_log_paths(app, lambda name: read_served(folder, disk, name), prefix="")
    app.exception_handlers.update(handlers)  # a page that is not there is said by a page, not in plain text
    _add_numbers(app, giver)
    _add_openings(app, giver)
    _add_log(app, giver)
    _add_own_work(app, giver)

    @app.get("/health", response_class=PlainTextResponse)
    async def health() -> Response:
        """Whether the pages have a log that holds."""
        word = window.health
        return PlainTextResponse(word, 200 if word == "ok" else 503, {"cache-control": "no-store"})

    return Gate(app, window.site, log_paths=LOG_PATHS)


def _asked(giver: Giver, query: Fields) -> Asked:
    return parse_asked(query, choices_of(giver.window.tables()))


def _add_numbers(app: FastAPI, giver: Giver) -> None:
    window = giver.window

    @app.get("/")
    async def first(request: Request) -> Response:
        """What is kept, and what was opened of it."""

        def make(reader: Reader, query: Fields, checkpoint: Checkpoint) -> Answer:
            tables = window.tables()
            view = overview(tables, parse_asked(query, choices_of(tables)))
            opened, dying = window.reading.look(
                lambda known, _: (openings(known, window.clock()), calendar(known, window.today))
            )
            values = {"view": view, "opened": opened, "dying": dying, "latest": opened.openings[:LATEST]}
            return giver.page("overview.html", reader, "/", checkpoint, query=query, **values)

        return await giver.give(request, FIELDS, make, is_timed=True)

    @app.get("/numbers.csv")
    async def numbers_csv(request: Request) -> Response:
        """The days of a period, as ``coffer report --by day --csv`` writes them."""

        def make(_reader: Reader, query: Fields, _checkpoint: Checkpoint) -> Answer:
            asked, tables = _asked(giver, query), window.tables()
            days = days_asked(asked, choices_of(tables))
            if days is None:
                raise MalformedInput("tally: nothing was ingested yet")
            report = sum_up(tables, first=days[0], last=days[1], by=["day"], narrowing=asked.narrowing)
            return answer(format_report_csv(report).encode("utf-8"), "text/csv; charset=utf-8", name="numbers.csv")

        return await giver.give(request, FIELDS, make)

    @app.get("/numbers.json")
    async def numbers_json(request: Request) -> Response:
        """The same as ``coffer report --by day --json``, and what proves the tables."""

        def make(_reader: Reader, query: Fields, checkpoint: Checkpoint) -> Answer:
            asked, tables = _asked(giver, query), window.tables()
            days = days_asked(asked, choices_of(tables))
            if days is None:
                raise MalformedInput("tally: nothing was ingested yet")
            report = sum_up(tables, first=days[0], last=days[1], by=["day"], narrowing=asked.narrowing)
            batches = [
                {"batch": batch.batch.hex(), "entry": batch.entry_indexes[0], "tally": (batch.tally or b"").hex()}
                for batch in tables.batches
            ]
            log: dict[str, object] = {"origin": window.reading.vault.pins.origin, "size": checkpoint.head.size}
            log |= {"root": wire.format_base64(checkpoint.head.root), "batches": batches}
            return _json(report_document(report) | {"log": log}, "numbers.json")

        return await giver.give(request, FIELDS, make)

    @app.get("/transparency")
    async def transparency(request: Request) -> Response:
        """The transparency report of a period."""

        def make(reader: Reader, query: Fields, checkpoint: Checkpoint) -> Answer:
            first, last, document = _transparency(giver, query)
            values = {"report": document, "first": first, "last": last}
            return giver.page("transparency.html", reader, "/transparency", checkpoint, query=query, **values)

        return await giver.give(request, ("from", "to"), make)

    @app.get("/transparency.json")
    async def transparency_json(request: Request) -> Response:
        """The same as ``coffer transparency --json``, without what only the desk knows."""

        def make(_reader: Reader, query: Fields, _checkpoint: Checkpoint) -> Answer:
            return _json(_transparency(giver, query)[2], "transparency.json")

        return await giver.give(request, ("from", "to"), make)


def _transparency(giver: Giver, query: Fields) -> tuple[dt.date, dt.date, dict[str, object]]:
    window = giver.window

    def counted(known: Known, _checkpoint: Checkpoint) -> Transparency:
        first, last = parse_period(query, known)
        return figures(known.state, known.dated, first=first, last=last)

    log = window.reading.look(counted)
    tally = sum_up(window.tables(), first=log.first, last=log.last, by=["kind"])
    document: dict[str, object] = {
        "origin": window.reading.vault.pins.origin,
        "from": str(log.first),
        "to": str(log.last),
        "log": log.document(),
        "tally": {"records": tally.total, "noise_standard_deviation": tally.noise_sd},
    }
    return log.first, log.last, document


def _json(document: object, name: str) -> Answer:
    return answer((json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode("utf-8"), _JSON, name=name)


def _add_openings(app: FastAPI, giver: Giver) -> None:
    window = giver.window

    @app.get("/openings")
    async def all_openings(request: Request) -> Response:
        """Openings, refusals, revocations, faults and reveals."""

        def make(reader: Reader, _query: Fields, checkpoint: Checkpoint) -> Answer:
            opened = window.reading.look(lambda known, _: openings(known, window.clock()))
            return giver.page("openings.html", reader, "/openings", checkpoint, opened=opened)

        return await giver.give(request, (), make, is_timed=True)

    @app.get("/openings.atom")
    async def atom(request: Request) -> Response:
        """The feed of new openings."""

        def make(reader: Reader, _query: Fields, _checkpoint: Checkpoint) -> Answer:
            opened, began = window.reading.look(lambda known, _: (openings(known, window.clock()), known.times[0]))
            assert began is not None, "entry 0 is the genesis roster"
            sentences = giver.sentences(reader)

            def told(line: OpeningLine) -> tuple[str, str]:
                return sentences.opening_title(line), sentences.opening(line)

            raw = format_atom(
                opened.openings,
                genesis=window.reading.vault.pins.genesis,
                origin=window.reading.vault.pins.origin,
                site=window.site.origin,
                title=sentences.feed_title(window.site.operator),
                language=reader.language,
                told=told,
                began=began,
            )
            return answer(raw, "application/atom+xml; charset=utf-8")

        return await giver.give(request, (), make)

    @app.get("/calendar")
    async def dying(request: Request) -> Response:
        """What dies when."""

        def make(reader: Reader, _query: Fields, checkpoint: Checkpoint) -> Answer:
            view = window.reading.look(lambda known, _: calendar(known, window.today))
            return giver.page("calendar.html", reader, "/calendar", checkpoint, view=view)

        return await giver.give(request, (), make)

    @app.get("/calendar.ics")
    async def ics(request: Request) -> Response:
        """The coming destructions."""

        def make(reader: Reader, _query: Fields, _checkpoint: Checkpoint) -> Answer:
            view, sentences = (
                window.reading.look(lambda known, _: calendar(known, window.today)),
                giver.sentences(reader),
            )
            raw = format_ics(
                view,
                genesis=window.reading.vault.pins.genesis,
                name=sentences.calendar_title(window.site.operator),
                told=sentences.dies,
            )
            return answer(raw, "text/calendar; charset=utf-8", name="calendar.ics")

        return await giver.give(request, (), make)


def _add_log(app: FastAPI, giver: Giver) -> None:
    window = giver.window

    @app.get("/log")
    async def log(request: Request) -> Response:
        """The entries, newest first."""

        def make(reader: Reader, query: Fields, checkpoint: Checkpoint) -> Answer:
            view = window.reading.look(lambda known, _: log_page(known, query))
            return giver.page("log.html", reader, "/log", checkpoint, query=query, view=view)

        return await giver.give(request, ("page", "type"), make, is_timed=True)

    @app.get("/log/{index}")
    async def entry(request: Request, index: str) -> Response:
        """One entry with its proof."""
        is_number = index.isascii() and index.isdigit() and len(index) < _MOST_DIGITS and str(int(index)) == index
        if not is_number or int(index) >= window.head().head.size:
            raise HTTPException(404)

        def make(reader: Reader, _query: Fields, checkpoint: Checkpoint) -> Answer:
            proven = window.reading.entry(int(index), checkpoint)
            view = window.reading.look(lambda known, _: entry_view(known, proven))
            return giver.page("entry.html", reader, f"/log/{index}", checkpoint, view=view, here="/log")

        return await giver.give(request, (), make, is_timed=True)


def _home_plan(window: Window) -> dict[str, str]:
    """How numbers are written at home, else in the country that most records touch.

    Empty texts if none is known.

    Nobody is kept from verifying a log by a tally that does not hold.
    """
    try:
        numbers = None if window.home else overview(window.tables(), Asked()).numbers
        home = window.home or (numbers.chart.home if numbers else None)
        plan = home_plan(home, "home") if home else None
    except CofferError:
        plan = None
    return {"code": str(plan.calling_code) if plan else "", "trunk": plan.trunk if plan else ""}


def _add_own_work(app: FastAPI, giver: Giver) -> None:
    """What readers do in their own browser. The server gives files, and learns nothing."""
    window = giver.window

    def add(path: str, template: str) -> None:
        async def page(request: Request) -> Response:
            def make(reader: Reader, checkpoint: Checkpoint | None, trouble: str) -> Answer:
                plan = _home_plan(window)
                return giver.page(template, reader, path, checkpoint, log_address="/", country=plan, trouble=trouble)

            return await giver.give_always(request, make)

        app.add_api_route(path, page, methods=["GET"])

    for name in ("verify", "answer", "concerned", "not-proven"):
        add(f"/{name}", f"{name}.html")

    @app.get("/revealed.json")
    async def revealed(request: Request) -> Response:
        """Every authorization of which the log shows something."""

        def make(_reader: Reader, _query: Fields, _checkpoint: Checkpoint) -> Answer:
            document = window.reading.look(lambda known, at: revealed_document(known, at.head))
            return _json(document, "")

        return await giver.give(request, (), make)
