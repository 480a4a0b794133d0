"""A custodian's service over HTTP. Only ``machine`` knows an HTTP server.

Implements ``docs/formats/custodian.md``, "HTTP".

Promises: bounded bodies, connections, time and memory; the same status and the same sizes whatever is asked; nothing about a request in a log line,
metric or error. Trusts: nothing that comes in; ``CustodianService`` decides. A client can make it work for the time of one unsealing, and not longer.
"""

import asyncio
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy  # noqa: F401, ICN001 - answers load it where they compute: a service has it before, or its first answer would take longer than a refusal
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.concurrency import run_in_threadpool

from coffer.custodian.machine.bodies import BINARY, OCTETS, Bodies, Refuse
from coffer.custodian.machine.clients import client_of, crowd_of
from coffer.custodian.machine.errands import Errands
from coffer.custodian.machine.log_paths import add_log_paths
from coffer.custody.exchange import CONSTANT_REFUSAL, FRAME_BYTES, MAX_FRAME_BYTES, format_frame, parse_frame
from coffer.custody.port import Custodian
from coffer.errors import CofferError, MalformedInput
from coffer.notes.note import MAX_CHECKPOINT_BYTES
from coffer.serving import http
from coffer.serving.crowd import Crowd
from coffer.serving.figures import Figure, counter, format_figures, gauge, sample
from coffer.serving.lanes import Busy, Lane

MAX_NOTE_FRAME_BYTES: Final = 131_072
"""A note has at most 65,535 bytes. A longer body is refused unread."""
MAX_EXPLANATION_FRAME_BYTES: Final = 8_192
"""An explanation has at most 4,096 bytes, and its sealing some 1,200."""
MAX_HEADERS_FRAME_BYTES: Final = 2 * 2**20
"""The vault sends one MiB of header files at a time (``client.HEADERS_BYTES``)."""
ANSWERING: Final = 4
"""Requests in work at once. One at most is decided; the other threads unseal, so that neither strangers nor requesters wait behind each other."""
ERRANDS: Final = 2
"""Notes, headers and entries that are worked on at once."""
PACE_S: Final = 0.025
"""Replies leave at whole multiples of this after the request came in. So the time does not tell at which step it stopped, unless the work took long."""
GAUGES_FOR_S: Final = 1.0
"""The same numbers are shown for so long, so that asking again and again reads no disk."""
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": text, "content": {"text/plain": {"schema": {"type": "string"}}}}
    for status, text in {
        400: "the body is not a frame",
        408: "the body came too slowly",
        411: "no content-length",
        413: "the body is too large",
        503: "busy, or the log cannot be read: try again",
    }.items()
}
_SEALED: Final[dict[str, Any]] = {"requestBody": {"required": True, **BINARY}}
_OCTETS: Final[dict[int | str, dict[str, Any]]] = {200: {"description": "bytes", **BINARY}}


class _Counts:
    """What the metrics show. The outcomes are those of HTTP; the decisions are not told apart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: Counter[str] = Counter()

    def add(self, outcome: str) -> None:
        with self._lock:
            self._answers[outcome] += 1

    def figures(self, gauges: Mapping[str, int]) -> Sequence[Figure]:
        with self._lock:
            return custodian_figures(dict(self._answers), gauges)


def custodian_figures(outcomes: Mapping[str, int], gauges: Mapping[str, int]) -> Sequence[Figure]:
    """Posted bodies by their outcome of HTTP, and how mirror and outbox stand."""
    answers = [sample(outcomes.get(name, 0), outcome=name) for name in _OUTCOMES]
    posted = "Posted bodies by what became of them; what was decided is not told apart."
    shown = [gauge(f"coffer_{name}", meaning, sample(gauges[name])) for name, meaning in GAUGES.items()]
    return [counter("coffer_requests_total", posted, *answers), *shown]


_OUTCOMES: Final = ("answered", "busy", "failed", "malformed")
GAUGES: Final = {
    "log_size": "Entries of the log that this custodian accepted.",
    "waiting_entries": "Signed entries that wait to be logged.",
    "is_frozen": "1: it saw two histories of the log and answers nothing.",
    "unacknowledged_changes": "Changes of the roster, and absences of this custodian, that its people have not acknowledged.",
    "is_behind": "1: its last look at the log failed.",
}


def figures_of(app: FastAPI) -> Sequence[Figure]:
    """What ``/metrics`` of an application of ``make_app`` shows; read from the disk now."""
    figures: Sequence[Figure] = app.state.figures()
    return figures


def make_app(custodian: Custodian, errands: Errands) -> FastAPI:
    """The service as an ASGI application: ``custodian`` answers and cosigns, ``errands`` does all else."""
    app = FastAPI(
        title="Coffer custodian", version="1", docs_url=None, redoc_url=None, separate_input_output_schemas=False
    )
    crowd = crowd_of(app)
    counts, bodies = _Counts(), Bodies(crowd)
    app.state.figures = lambda: counts.figures(errands.gauges())
    answer_lane, errand_lane = Lane("answering", ANSWERING, crowd), Lane("errands", ERRANDS, crowd)

    async def bounded(request: Request, most: int, act: Callable[[bytes], Coroutine[Any, Any, Response]]) -> Response:
        outcome, status = "failed", 500
        try:
            response = await bodies.handle(request, most, act)
        except Refuse as refusal:
            outcome, status = "busy" if refusal.status == 503 else "malformed", refusal.status
        except Busy:
            outcome, status = "busy", 503
        except MalformedInput:
            outcome, status = "malformed", 400
        except CofferError:
            outcome, status = "failed", 503
        else:
            outcome = "answered"
            return response
        finally:
            counts.add(outcome)
        headers = {"connection": "close"} | ({"retry-after": "1"} if status == 503 else {})
        return PlainTextResponse(_REFUSALS[status]["description"], status, headers)

    @app.post("/v1/answer", responses=_OCTETS | _REFUSALS, openapi_extra=_SEALED, response_class=Response)
    async def post_request(request: Request) -> Response:
        """A sealed request, framed; the sealed reply or the constant refusal, framed."""
        return await bounded(request, MAX_FRAME_BYTES, _at_pace(request, crowd, answer_lane, custodian.answer))

    @app.post("/v1/standing", responses=_OCTETS | _REFUSALS, openapi_extra=_SEALED, response_class=Response)
    async def post_query(request: Request) -> Response:
        """A sealed query of the desk, framed; the sealed report or the constant refusal, framed."""
        return await bounded(request, FRAME_BYTES, _at_pace(request, crowd, errand_lane, errands.standing))

    @app.get("/v1/entries", responses=_OCTETS | {503: _REFUSALS[503]}, response_class=Response)
    async def entries(request: Request) -> Response:
        """Signed entries that wait to be logged, as an entry bundle."""
        try:
            return Response(await errand_lane.run(client_of(request), errands.waiting), media_type=OCTETS)
        except (CofferError, Busy):
            return PlainTextResponse(_REFUSALS[503]["description"], 503, {"retry-after": "1"})

    _add_cosigning(app, custodian.cosign, errand_lane, bounded, _OCTETS | _REFUSALS)
    _add_taking(app, errands, errand_lane, bounded, {"responses": _REFUSALS, "openapi_extra": _SEALED})
    _add_state_paths(app, counts, errands, {503: _REFUSALS[503]})
    add_log_paths(app, errands.mirror_file, prefix="/log")
    return app


def _add_state_paths(app: FastAPI, counts: _Counts, errands: Errands, busy: dict[int | str, dict[str, Any]]) -> None:
    gauges = _Gauges(errands)

    @app.get("/health", responses=busy, response_class=PlainTextResponse)
    async def health() -> Response:
        """Whether it could answer: ok, behind (the log cannot be read) or frozen (two histories were seen)."""
        now = await gauges.read()
        word = "frozen" if now["is_frozen"] else "behind" if now["is_behind"] else "ok"
        return PlainTextResponse(word, 200 if word == "ok" else 503)

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Prometheus text: outcomes of HTTP and the state of the mirror; nothing about a request."""
        return PlainTextResponse(format_figures(counts.figures(await gauges.read())))


_Act = Callable[[bytes], Coroutine[Any, Any, Response]]


def _at_pace(request: Request, crowd: Crowd, lane: Lane, respond: Callable[[bytes], bytes]) -> _Act:
    """Answers a frame with a frame, at whole multiples of ``PACE_S`` from now on.

    It tells the crowd who proved something.
    """
    started, client = time.monotonic(), client_of(request)

    async def act(body: bytes) -> Response:
        reply = await lane.run(client, lambda: respond(parse_frame(body, "request")))
        if reply == CONSTANT_REFUSAL:
            crowd.prove_nothing(client)
        else:
            crowd.prove(client, len(body))
        took = time.monotonic() - started
        await asyncio.sleep(PACE_S - took % PACE_S)
        return Response(format_frame(reply), media_type=OCTETS)

    return act


def _add_cosigning(
    app: FastAPI,
    cosign: Callable[[bytes], bytes],
    errand_lane: Lane,
    bounded: Callable[[Request, int, _Act], Coroutine[Any, Any, Response]],
    responses: dict[int | str, dict[str, Any]],
) -> None:
    body = {"requestBody": {"required": True, "content": {"text/plain": {"schema": {"type": "string"}}}}}

    @app.post("/v1/cosign", responses=responses, openapi_extra=body, response_class=Response)
    async def cosign_checkpoint(request: Request) -> Response:
        """A checkpoint; this custodian's cosignature line if it follows it, else nothing."""

        async def act(body: bytes) -> Response:
            return Response(await errand_lane.run(client_of(request), cosign, body), media_type=OCTETS)

        return await bounded(request, MAX_CHECKPOINT_BYTES, act)


def _add_taking(
    app: FastAPI,
    errands: Errands,
    errand_lane: Lane,
    bounded: Callable[[Request, int, _Act], Coroutine[Any, Any, Response]],
    described: dict[str, Any],
) -> None:
    """The paths to which something is handed, framed. Each answers the same, whatever it was."""
    taking: dict[str, tuple[int, Callable[[bytes], None], str]] = {
        "notes": (MAX_NOTE_FRAME_BYTES, errands.take_note, "An authorization to review, sealed."),
        "orders": (MAX_FRAME_BYTES, errands.take_order, "A file of an order whose authorization is held, sealed."),
        "holds": (MAX_HEADERS_FRAME_BYTES, errands.take_hold, "A hold with header files that it covers, sealed."),
        "headers": (MAX_HEADERS_FRAME_BYTES, errands.take_headers, "Header files of segments, to give receipts for."),
        "explanations": (
            MAX_EXPLANATION_FRAME_BYTES,
            errands.take_explanation,
            "What the desk explains of a request that is held, sealed.",
        ),
    }

    def add(name: str, most: int, take: Callable[[bytes], None], said: str) -> None:
        async def post(request: Request) -> Response:
            return await bounded(request, most, partial(_take, request, errand_lane, take))

        app.add_api_route(
            f"/v1/{name}",
            post,
            methods=["POST"],
            status_code=202,
            name=name,
            description=f"{said} The answer is always the same.",
            response_class=PlainTextResponse,
            **described,
        )

    for name, how in taking.items():
        add(name, *how)


async def _take(request: Request, errand_lane: Lane, act: Callable[[bytes], None], body: bytes) -> Response:
    await errand_lane.run(client_of(request), _quietly, act, parse_frame(body, "body"))
    return PlainTextResponse("taken", 202)


def _quietly(act: Callable[[bytes], None], raw: bytes) -> None:
    """Tells nobody whether it was taken.

    The desk sees that by the custodian's signature, refusal or receipt.
    """
    try:
        act(raw)
    except CofferError:
        return  # the custodian's own record says so


class _Gauges:
    """What health and metrics show.

    It is read from the disk at most once a second, in threads that nothing else uses.
    """

    def __init__(self, errands: Errands) -> None:
        self._errands = errands
        self._lock = asyncio.Lock()
        self._read: tuple[float, dict[str, int]] | None = None

    async def read(self) -> dict[str, int]:
        async with self._lock:
            if self._read is None or time.monotonic() - self._read[0] >= GAUGES_FOR_S:
                self._read = (time.monotonic(), await run_in_threadpool(self._errands.gauges))
            return self._read[1]


def make_server(app: FastAPI, *, host: str, port: int, tls: Callable[[], ssl.SSLContext] | None) -> uvicorn.Server:
    """A server that is not running yet; ``run(sockets)`` serves until a signal to stop.

    It logs nothing about requests.
    """
    return http.make_server(app, host=host, port=port, tls=tls, crowd=crowd_of(app))
